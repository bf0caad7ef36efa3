"""The model doctor: what a net of one's own is, said when it is opened, not after its surgery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from filterlab import caffe
from filterlab.gui.net_findings import Asked, examined
from filterlab.gui.own_model_dialog import OwnModelDialog
from filterlab.surgery.heatmap import Preprocessing

INPUT = (
    'layer {{ name: "{0}" type: "Input" top: "{0}" '
    "input_param {{ shape {{ dim: 1 dim: {1} dim: 32 dim: 32 }} }} }}\n"
)
CONV = (
    'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
    "convolution_param { num_output: 4 kernel_size: 5 stride: 3 } }\n"
)


def fc(name: str, values: int, bottom: str = "conv") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
        f"inner_product_param {{ num_output: {values} }} }}\n"
    )


def softmax(bottom: str, name: str = "prob") -> str:
    return f'layer {{ name: "{name}" type: "Softmax" bottom: "{bottom}" top: "{name}" }}\n'


def write(folder: Path, text: str) -> tuple[Path, Path]:
    path = folder / "net.prototxt"
    path.write_text(text)
    net = caffe.Net(str(path), caffe.TEST)
    net.save(str(folder / "net.caffemodel"))
    return path, folder / "net.caffemodel"


@pytest.fixture
def dialog(qtbot: QtBot, until: Any) -> Any:
    made: list[OwnModelDialog] = []

    def open_(prototxt: Path, weights: Path) -> OwnModelDialog:
        shown = OwnModelDialog(None, [prototxt, weights])
        qtbot.addWidget(shown)
        made.append(shown)
        shown.show()
        until(lambda: not shown.looking and (shown.findings.found or shown.problem.text()))
        until(lambda: not shown.looking)
        return shown

    yield open_
    for shown in made:
        shown.reject()


def ok(shown: OwnModelDialog) -> Any:
    return shown.buttons.button(QDialogButtonBox.Ok)


def test_a_plain_classifier_is_said_and_its_input_shown(dialog: Any, tmp_path: Path) -> None:
    files = write(tmp_path, INPUT.format("data", 3) + CONV + fc("fc", 7) + softmax("fc"))
    shown = dialog(*files)
    assert "a classifier of 7 classes" in shown.findings.remarks.text()
    assert not shown.findings.output.isVisible(), "there is one output: nothing to choose"
    assert shown.findings.preview.pixmap().width() > 50
    assert "…" in shown.findings.range.text()
    assert ok(shown).isEnabled()


def test_the_preview_is_what_the_net_gets(tmp_path: Path) -> None:
    files = write(tmp_path, INPUT.format("data", 3) + CONV + fc("fc", 7) + softmax("fc"))
    plain = examined(Asked(*files, None, Preprocessing((0, 0, 0), 1.0, "RGB")))
    assert 0 <= plain.low < plain.high <= 1.01
    shifted = examined(Asked(*files, None, Preprocessing((127, 127, 127), 255.0, "RGB")))
    assert shifted.low == pytest.approx(255 * plain.low - 127, abs=0.01)
    np.testing.assert_allclose(
        plain.preview.astype(int), shifted.preview.astype(int), atol=1, err_msg="the same picture"
    )
    swapped = examined(Asked(*files, None, Preprocessing((0, 0, 0), 1.0, "BGR")))
    np.testing.assert_array_equal(swapped.preview, plain.preview)


def test_two_inputs_are_refused_before_any_surgery(dialog: Any, tmp_path: Path) -> None:
    text = (
        INPUT.format("data", 3)
        + INPUT.format("other", 3)
        + 'layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "other" top: "sum" }\n'
        + fc("fc", 3, "sum")
        + softmax("fc")
    )
    shown = dialog(*write(tmp_path, text))
    assert "other" in shown.problem.text() or "input" in shown.problem.text()
    assert not ok(shown).isEnabled()
    assert not shown.findings.isVisible()


def test_of_several_outputs_one_is_chosen(dialog: Any, tmp_path: Path, until: Any) -> None:
    text = INPUT.format("data", 3) + CONV + fc("big", 9) + fc("small", 4)
    shown = dialog(*write(tmp_path, text + softmax("big", "pb") + softmax("small", "ps")))
    combo = shown.findings.output
    assert combo.isVisible()
    assert {combo.itemData(k) for k in range(combo.count())} == {"pb", "ps"}
    for name, values in (("ps", 4), ("pb", 9)):
        combo.setCurrentIndex(combo.findData(name))
        combo.activated.emit(combo.currentIndex())
        until(lambda: not shown.looking)
        assert shown.findings.found.values == values
    shown.accept()
    until(lambda: shown.model is not None)
    assert shown.model.output == "pb"


def test_a_net_without_softmax_can_be_given_another_ending(
    dialog: Any, tmp_path: Path, until: Any
) -> None:
    shown = dialog(*write(tmp_path, INPUT.format("data", 3) + CONV + fc("fc", 5)))
    assert "without a softmax" in shown.findings.remarks.text()
    combo = shown.findings.activation
    combo.setCurrentIndex(combo.findData("none"))
    combo.activated.emit(combo.currentIndex())
    until(lambda: not shown.looking and shown.findings.found.activation == "none")
    assert "no probabilities" in shown.findings.remarks.text()
    shown.accept()
    until(lambda: shown.model is not None)
    assert shown.model.activation == "none"


def test_grey_pictures_and_a_single_value_are_said(dialog: Any, tmp_path: Path) -> None:
    conv = CONV
    shown = dialog(*write(tmp_path, INPUT.format("data", 1) + conv + fc("fc", 1) + softmax("fc")))
    told = shown.findings.remarks.text()
    assert "grey pictures" in told
    assert "100 %" in told, "a softmax over one value is no map"


def test_names_of_another_length_are_said(dialog: Any, tmp_path: Path, until: Any) -> None:
    files = write(tmp_path, INPUT.format("data", 3) + CONV + fc("fc", 3) + softmax("fc"))
    shown = dialog(*files)
    names = tmp_path / "names.txt"
    names.write_text("one\ntwo\n")
    shown.class_names.setText(str(names))
    shown.class_names.editingFinished.emit()
    until(lambda: "2 names" in shown.findings.remarks.text())


def test_weights_for_grey_pictures_are_followed(dialog: Any, tmp_path: Path, until: Any) -> None:
    """A prototxt that says colour beside weights for grey: what is opened can be transplanted."""
    from filterlab.progress import run_job
    from filterlab.workbench.heatmap_bench import HeatmapBench

    rest = CONV + fc("fc", 3) + softmax("fc")
    prototxt, weights = write(tmp_path, INPUT.format("data", 1) + rest)
    prototxt.write_text(INPUT.format("data", 3) + rest)
    shown = dialog(prototxt, weights)
    assert "1 channels, not 3" in shown.findings.remarks.text()
    assert shown.findings.channels.isVisible()
    shown.accept()
    until(lambda: shown.model is not None)
    assert shown.model.channels == 1
    bench = HeatmapBench(shown.model)
    bench.accept(run_job(bench.transplant_job()))
    assert bench.transplanted is not None
    assert bench.transplanted.channels == 1
