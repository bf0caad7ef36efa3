"""What leaves the tab: pictures, kernels, the net, code; learned kernels; the session."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

import filterlab.caffe as caffe
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.sessions import Sessions
from filterlab.gui.widgets.colours import lut
from filterlab.pictures import read_picture, write_picture
from filterlab.surgery.kernels.text import read_kernel


def save_as(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_raw_outputs_are_the_nets_numbers(
    qtbot: QtBot, tab: FiltersTab, hands: Any, tmp_path: Path, suffix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    save_as(monkeypatch, tmp_path / f"out{suffix}")
    tab.actions_.save_outputs.trigger()
    qtbot.waitUntil(lambda: not tab.files.runner.running, timeout=15000)
    for slot in range(3):
        path = tmp_path / f"out_{slot}{suffix}"
        raw = np.load(path) if suffix == ".npy" else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(raw, hands.output(slot))
    assert any(level == "info" for level, _ in hands.messages)


def test_pictures_are_saved_as_shown(
    qtbot: QtBot, tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_as(monkeypatch, tmp_path / "out.png")
    tab.actions_.save_outputs.trigger()
    qtbot.waitUntil(lambda: not tab.files.runner.running, timeout=15000)
    saved = (read_picture(tmp_path / "out_1.png") * 255).round().astype(np.uint8)
    frame = tab.stage.frame
    assert frame is not None
    np.testing.assert_array_equal(saved, lut("diverging")[frame.shown[1].pixels])


def test_an_ending_that_is_no_picture_is_refused(
    qtbot: QtBot, tab: FiltersTab, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_as(monkeypatch, tmp_path / "out.doc")
    tab.actions_.save_outputs.trigger()
    qtbot.waitUntil(lambda: not tab.files.runner.running, timeout=15000)
    assert len(hands.errors) == 1
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv", ".json", ".npy"])
def test_a_kernel_file_reads_back(
    tab: FiltersTab, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32)
    tab.bench.set_kernel(1, kernel)
    tab.desk.active = 1
    save_as(monkeypatch, tmp_path / f"k{suffix}")
    tab.actions_.save_kernel.trigger()
    np.testing.assert_array_equal(read_kernel(tmp_path / f"k{suffix}"), kernel)


def test_the_edited_net_gives_the_same_outputs(
    tab: FiltersTab, hands: Any, picture: np.ndarray, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    tab.set_size(3, 7)
    tab.set_stride(2)
    tab.bench.set_bias(2, -0.5)
    save_as(monkeypatch, tmp_path / "edited.prototxt")
    tab.actions_.save_net.trigger()
    net = caffe.Net(
        str(tmp_path / "edited.prototxt"), str(tmp_path / "edited.caffemodel"), caffe.TEST
    )
    net.blobs["data"].data[...] = picture
    net.forward()
    np.testing.assert_array_equal(net.blobs["conv"].data[0, 2], hands.output(2))


@pytest.mark.parametrize("library", ["numpy", "opencv", "pytorch", "pycaffe"])
def test_the_copied_code_gives_the_same_numbers(
    tab: FiltersTab, hands: Any, tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = {"opencv": "cv2", "pytorch": "torch", "pycaffe": "filterlab"}.get(library, library)
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    write_picture(tmp_path / "picture.png", np.random.default_rng(0).random((30, 36)))
    tab.open_paths([tmp_path / "picture.png"])
    hands.settle()
    tab.set_pad("same")
    tab.set_stride(2)
    tab.bench.set_bias(1, 0.25)
    expected = [hands.output(slot).copy() for slot in range(3)]
    action = next(
        a for a in tab.actions_.code_menu.actions() if a.text().lower() == library.lower()
    )
    action.trigger()
    code = QApplication.clipboard().text()
    if library == "pycaffe":
        code = code.replace("import caffe\n", "import filterlab.caffe as caffe\n")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "copied.py", "exec"), names)
    output = np.asarray(names["output"])
    output = output[0] if output.ndim == 4 else output
    np.testing.assert_allclose(output, np.stack(expected), atol=1e-5)


def test_an_output_is_copied_as_a_picture(tab: FiltersTab, hands: Any) -> None:
    tab.desk.active = 2
    tab.actions_.copy_picture.trigger()
    image = QApplication.clipboard().image()
    frame = tab.stage.frame
    assert frame is not None
    assert (image.height(), image.width()) == frame.outputs.full_size
    colour = image.pixelColor(5, 9)
    expected = lut("diverging")[frame.shown[2].pixels[9, 5]]
    assert (colour.red(), colour.green(), colour.blue()) == tuple(expected)


def test_a_blur_is_learned_back(qtbot: QtBot, tab: FiltersTab, hands: Any) -> None:
    """Before: the input. After: what a Gaussian made of it. Found: the Gaussian."""
    wanted = tab.bench.kernel(0).copy()
    tab.actions_.learn.trigger()
    dialog: Any = tab.files.dialog
    dialog.output_box.setCurrentIndex(1)
    dialog.output_box.activated.emit(1)
    dialog.learn_button.click()
    qtbot.waitUntil(lambda: dialog.learned is not None and not dialog.runner.running, timeout=15000)
    np.testing.assert_allclose(dialog.grid.values(), wanted, atol=1e-4)
    assert "100" in dialog.result_label.text()
    tab.desk.active = 2
    dialog.use_button.click()
    np.testing.assert_allclose(tab.bench.kernel(2), wanted, atol=1e-4)
    assert tab.undo_text() == "Learn kernel"


def test_pictures_that_do_not_match_are_said(qtbot: QtBot, tab: FiltersTab, tmp_path: Path) -> None:
    write_picture(tmp_path / "other.png", np.random.default_rng(0).random((17, 19)))
    tab.actions_.learn.trigger()
    dialog: Any = tab.files.dialog
    dialog.open_picture(str(tmp_path / "other.png"), before=False)
    qtbot.waitUntil(lambda: dialog.after is not None and not dialog.runner.running, timeout=15000)
    dialog.learn_button.click()
    qtbot.waitUntil(lambda: not dialog.runner.running, timeout=15000)
    assert "19 x 17" in dialog.result_label.text()
    assert not dialog.use_button.isEnabled()
    dialog.reject()


def test_the_session_is_found_again(
    qtbot: QtBot, tab: FiltersTab, make_tab: Callable[[], FiltersTab], hands: Any, tmp_path: Path
) -> None:
    tab.set_size(3, 5)
    tab.editors[1].presets.choose("gabor")
    tab.editors[1].presets.knobs["angle"].field.setValue(30)
    hands.drag(tab.editors[0].grid, [(0, 0), (2, 4)])
    tab.bench.set_bias(2, 0.5)
    tab.set_stride(2)
    tab.panel_.brush.setValue(0.75)
    tab.actions_.look_action("colours", "viridis").trigger()
    tab.bottom.show_page("kernels")
    sessions = Sessions(tmp_path / "again")
    kept = sessions.claim()
    kept.save(
        {"tabs": {"filters": tab.save_state()}},
        {f"filters/{name}": picture for name, picture in tab.save_pictures().items()},
    )
    kept.close()
    found = sessions.claim()
    state = found.load()["tabs"]["filters"]
    other = make_tab()
    other.restore_state(state)
    assert (found.left_out, other.left_out) == ([], [])
    found.close()
    qtbot.waitUntil(lambda: other.bench.picture.title == tab.bench.picture.title, timeout=15000)
    np.testing.assert_array_equal(other.bench.picture.pixels, tab.bench.picture.pixels)
    np.testing.assert_array_equal(other.bench.state.kernels, tab.bench.state.kernels)
    np.testing.assert_array_equal(other.bench.state.bias, tab.bench.state.bias)
    assert other.bench.settings == tab.bench.settings
    assert other.bench.preset(1) == tab.bench.preset(1)
    assert other.look == tab.look
    assert other.panel_.brush.value() == 0.75
    assert other.bottom.page == "kernels"
    assert other.undo_text() == ""


@pytest.mark.parametrize(
    "state", [{}, {"bench": 3}, {"bench": {"kernels": [[1]]}, "look": 7, "source": "x"}]
)
def test_a_broken_session_is_passed_over(tab: FiltersTab, hands: Any, state: Any) -> None:
    tab.restore_state(state)
    assert tab.bench.size == (5, 5)
    assert hands.errors == []


def test_a_rebuilt_window_goes_on_with_the_history(
    tab: FiltersTab, make_tab: Callable[[], FiltersTab], hands: Any
) -> None:
    hands.drag(tab.editors[0].grid, [(0, 0)])
    state = tab.hand_over()
    tab.shutdown()
    other = make_tab()
    other.take_over(state)
    assert other.undo_text() == "Paint"
    other.undo()
    np.testing.assert_array_equal(other.editors[0].grid.values(), other.bench.kernel(0))
    assert other.bench.kernel(0)[0, 0] != 0.5


def test_every_name_of_an_edit_or_a_preset_has_a_chinese_one() -> None:
    from filterlab.languages import Catalogue
    from filterlab.surgery.kernels.presets import PRESETS
    from filterlab.workbench.filter_bench import EDIT_NAMES

    wanted = set(EDIT_NAMES)
    for preset in PRESETS.values():
        wanted |= {preset.title, preset.doc, *(p.label for p in preset.parameters)}
    same = re.compile(r"|σ.?|std|Gabor|(Sobel|Prewitt|Scharr|Roberts) [─│╲╱]")
    chinese = Catalogue("zh_CN")
    missing = [t for t in wanted if chinese.tell(t) == t and not same.fullmatch(t)]
    assert sorted(missing) == []
