"""Files of the user, and the model's own, are not replaced unasked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from filterlab.gui.heatmap import saving
from filterlab.pictures import write_picture


@pytest.fixture
def asked(monkeypatch):
    """Answer all questions with a button; returns what is asked, with the default button."""

    def answer(label: str) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []

        def exec_(box: QMessageBox) -> int:
            seen.append((box.text(), box.defaultButton().text()))
            next(button for button in box.buttons() if button.text() == label).click()
            return 0

        monkeypatch.setattr(QMessageBox, "exec_", exec_)
        return seen

    return answer


@pytest.fixture
def save_as(monkeypatch):
    """Answer the next dialogs that ask for a name."""

    def answer(path: Path, pattern: str = "") -> None:
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), pattern))

    return answer


def test_an_overlay_is_not_replaced_unasked(ready, settled, asked, save_as, tmp_path) -> None:
    (tmp_path / "ov.png").write_text("precious")
    save_as(tmp_path / "ov")
    seen = asked("Cancel")
    ready.commands.save_overlay()
    settled(ready)
    assert seen == [(f"Replace ov.png in {tmp_path}?", "Cancel")]
    assert (tmp_path / "ov.png").read_text() == "precious"
    asked("Replace")
    ready.commands.save_overlay()
    settled(ready)
    assert (tmp_path / "ov.png").read_bytes().startswith(b"\x89PNG")
    # What the file dialog itself has asked about is not asked again.
    save_as(tmp_path / "ov.png")
    seen = asked("Cancel")
    ready.commands.save_overlay()
    settled(ready)
    assert seen == []


def test_a_map_gets_the_ending_of_the_form_chosen(ready, settled, save_as, tmp_path, said) -> None:
    save_as(tmp_path / "m", "CSV (*.csv)")
    ready.commands.save_map()
    settled(ready)
    assert (tmp_path / "m.csv").is_file(), said[-1:]


@pytest.mark.parametrize(
    ("typed", "pattern", "targets"),
    [
        ("mine", "", ["mine.prototxt", "mine.caffemodel"]),
        ("mine.prototxt", "", ["mine.caffemodel"]),
        ("mine", "ONNX (*.onnx)", ["mine.onnx"]),
        ("mine.v2", "", ["mine.v2.prototxt", "mine.v2.caffemodel"]),
    ],
)
def test_a_net_is_not_replaced_unasked(
    ready, settled, asked, save_as, tmp_path, typed, pattern, targets
) -> None:
    for name in targets:
        (tmp_path / name).write_text("precious")
    save_as(tmp_path / typed, pattern)
    seen = asked("Cancel")
    ready.commands.save_net()
    settled(ready)
    assert seen == [(f"Replace {', '.join(targets)} in {tmp_path}?", "Cancel")]
    assert sorted(path.name for path in tmp_path.glob("mine*")) == sorted(targets)
    asked("Replace")
    ready.commands.save_net()
    settled(ready)
    for name in targets:
        assert (tmp_path / name).read_bytes() != b"precious"


def test_the_models_own_files_are_never_replaced(ready, settled, asked, save_as, said) -> None:
    model = ready.ran_model
    before = model.prototxt.read_bytes(), model.weights_path.read_bytes()
    seen = asked("Replace")
    commands = ready.commands
    for save, path in (
        (commands.save_net, model.prototxt),
        (commands.save_net, model.weights_path),
        (commands.save_net, model.prototxt.with_suffix("")),
        (commands.save_report, model.prototxt),
    ):
        save_as(path)
        save()
        settled(ready)
        level, sentence = said[-1]
        assert level == "error"
        assert "overwrite its own input" in sentence
        assert sentence.endswith("choose another name")
    assert seen == []
    assert (model.prototxt.read_bytes(), model.weights_path.read_bytes()) == before


def test_an_export_of_a_folder_asks_once(
    ready, until, asked, tmp_path, bright, monkeypatch, said
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    for k in range(5):
        write_picture(source / f"{k}.png", bright.picture((8 * k, 0)))
        (out / f"{k}_overlay.png").write_text("precious")
        (out / f"{k}_map.npy").write_text("precious")

    def export() -> None:
        folders = iter((str(source), str(out)))
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: next(folders))
        ready.commands.export_folder()
        until(lambda: not ready.export.running)

    seen = asked("Cancel")
    export()
    ((text, default),) = seen
    assert text.startswith("Replace 0_overlay.png, 0_map.npy, 1_overlay.png, ")
    assert text.endswith(f" and 4 more in {out}?")
    assert default == "Cancel"
    assert {path.read_bytes() for path in out.iterdir()} == {b"precious"}
    asked("Replace")
    export()
    # All that was named was written, and nothing else.
    assert len(list(out.iterdir())) == 10
    for k in range(5):
        assert np.load(out / f"{k}_map.npy").ndim == 2
        assert (out / f"{k}_overlay.png").read_bytes() != b"precious"


def test_pictures_of_one_name_in_two_formats_are_exported_apart(tmp_path: Path) -> None:
    pictures = [tmp_path / "a.png", tmp_path / "a.jpg", tmp_path / "b.png"]
    targets = [path for pair in saving.folder_targets(pictures, tmp_path / "out") for path in pair]
    assert len({path.name.casefold() for path in targets}) == 6
    assert targets[-1].name == "b_map.npy"
