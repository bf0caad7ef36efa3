"""What is written and opened: overlays, maps, reports, nets, folders, the clipboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication, QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from filterlab import caffe
from filterlab.cli import main
from filterlab.gui.heatmap.account import DiffWindow
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.images import image_of
from filterlab.gui.settings import Settings
from filterlab.pictures import read_picture, write_picture


@pytest.fixture
def save_as(monkeypatch) -> Callable[..., None]:
    """Answer the next dialogs that ask for a name."""

    def answer(path: Path, pattern: str = "") -> None:
        for name in ("getSaveFileName", "getOpenFileName"):
            monkeypatch.setattr(QFileDialog, name, lambda *a, **k: (str(path), pattern))

    return answer


@pytest.fixture
def asked(monkeypatch) -> Callable[[str], list[tuple[str, str]]]:
    """Answer all questions with a button; returns what is asked, with the default button."""

    def answer(label: str) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []

        def exec_(box: QMessageBox) -> int:
            default = box.defaultButton()
            seen.append((box.text(), default.text() if default else ""))
            next(button for button in box.buttons() if button.text() == label).click()
            return 0

        monkeypatch.setattr(QMessageBox, "exec_", exec_)
        return seen

    return answer


def test_saving_map_overlay_report_cell_and_net(ready, settled, save_as, tmp_path, said) -> None:
    ready.bench.choose([1])
    settled(ready)
    folder = tmp_path / "结果"
    folder.mkdir()
    saves = ready.saves

    def save(command: Callable[[], None], name: str) -> Path:
        save_as(folder / name)
        command()
        settled(ready)
        assert (folder / name).is_file(), (said[-1:], ready.stage.job.text)
        return folder / name

    values = ready.bench.maps.values([1])
    np.testing.assert_array_equal(np.load(save(saves.save_map, "m.npy")), values)
    np.testing.assert_array_equal(read_picture(save(saves.save_map, "m.tiff"), grey=True), values)
    lines = save(saves.save_map, "m.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 9 * 13
    overlay_file = read_picture(save(saves.save_overlay, "o.png"))
    assert overlay_file.shape == (96, 128, 3)
    figure = read_picture(save(saves.save_figure, "f.png"))
    assert figure.shape[1] > 128, "with its colour bar"
    np.testing.assert_allclose(figure[:96, :128], overlay_file, atol=1 / 255 + 1e-6)
    html = save(saves.save_report, "r.html").read_text(encoding="utf-8")
    assert "bright light" in html
    csv = save(lambda: saves.save_cell((3, 5)), "c.csv").read_text(encoding="utf-8")
    assert "bright light" in csv
    save(saves.save_net, "full.prototxt")
    net = caffe.Net(str(folder / "full.prototxt"), str(folder / "full.caffemodel"), caffe.TEST)
    assert "fc-conv" in net.params
    save(saves.save_net, "full.onnx")
    assert [level for level, _ in said if level == "error"] == []


def test_what_the_window_saves_is_what_the_command_writes(
    ready, settled, save_as, tmp_path, bright, capsys
) -> None:
    photo = tmp_path / "photo.png"
    write_picture(photo, bright.picture((40, 24)))
    ready.open_paths([photo])
    settled(ready)
    ready.bench.choose([1])
    settled(ready)
    for command, name in (
        (ready.saves.save_overlay, "window.png"),
        (ready.saves.save_map, "window.npy"),
    ):
        save_as(tmp_path / name)
        command()
        settled(ready)
    model = ready.bench.model
    net = ["--prototxt", str(model.prototxt), "--weights", str(model.weights_path)]
    net += ["--mean", ",".join(map(str, model.mean_bgr)), "--scale", str(model.scale)]
    out = ["--out", str(tmp_path / "command.png"), "--npy", str(tmp_path / "command.npy")]
    how = ["--class", "1", "--cells", "13", "--json"]
    assert main(["heatmap", str(photo), *net, *how, *out]) == 0
    for suffix in (".png", ".npy"):
        saved, written = (tmp_path / f"{who}{suffix}" for who in ("window", "command"))
        assert saved.read_bytes() == written.read_bytes(), suffix
    told = json.loads(capsys.readouterr().out)
    agreement = ready.bench.agreement
    assert told["classifier"]["windows"] == [list(cell) for cell in agreement.cells]
    assert told["classifier"]["mean_difference_points"] == agreement.mean_points([1])


def test_saving_where_nothing_can_be_written_is_said(ready, settled, save_as, tmp_path) -> None:
    save_as(tmp_path / "no such folder" / "m.npy")
    ready.saves.save_map()
    settled(ready)
    assert ready.stage.job.failed
    assert "m.npy" in ready.stage.job.text or "no such folder" in ready.stage.job.text


def test_without_a_map_saving_says_what_to_do(tab, said) -> None:
    for command in (tab.saves.save_overlay, tab.saves.save_report, tab.saves.save_net):
        command()
        assert said[-1][0] == "error"
        assert "press Transplant first" in said[-1][1]


def test_an_overlay_is_not_replaced_unasked(ready, settled, asked, save_as, tmp_path) -> None:
    (tmp_path / "ov.png").write_text("precious")
    save_as(tmp_path / "ov")
    seen = asked("Cancel")
    ready.saves.save_overlay()
    settled(ready)
    assert seen == [(f"Replace ov.png in {tmp_path}?", "Cancel")]
    assert (tmp_path / "ov.png").read_text() == "precious"
    asked("Replace")
    ready.saves.save_overlay()
    settled(ready)
    assert (tmp_path / "ov.png").read_bytes().startswith(b"\x89PNG")


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
    ready.saves.save_net()
    settled(ready)
    assert seen == [(f"Replace {', '.join(targets)} in {tmp_path}?", "Cancel")]
    assert sorted(path.name for path in tmp_path.glob("mine*")) == sorted(targets)
    asked("Replace")
    ready.saves.save_net()
    settled(ready)
    for name in targets:
        assert (tmp_path / name).read_bytes() != b"precious"


def test_the_models_own_files_are_never_replaced(ready, settled, asked, save_as, said) -> None:
    model, saves = ready.bench.model, ready.saves
    before = model.prototxt.read_bytes(), model.weights_path.read_bytes()
    seen = asked("Replace")
    for save, path in (
        (saves.save_net, model.prototxt),
        (saves.save_net, model.weights_path),
        (saves.save_net, model.prototxt.with_suffix("")),
        (saves.save_report, model.prototxt),
    ):
        save_as(path)
        save()
        settled(ready)
        level, sentence = said[-1]
        assert level == "error"
        assert "overwrite its own input" in sentence
    assert seen == []
    assert (model.prototxt.read_bytes(), model.weights_path.read_bytes()) == before


# Folders


@pytest.fixture
def export(ready, tmp_path, bright, monkeypatch) -> Callable[[int], Path]:
    """Start the export of a folder of so many pictures; returns the folder they go to."""

    def start(count: int) -> Path:
        source, out = tmp_path / "in", tmp_path / "out"
        source.mkdir()
        out.mkdir()
        for k in range(count):
            write_picture(source / f"{k:02}.png", bright.picture((8 * k, 0)))
        folders = iter((str(source), str(out)))
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: next(folders))
        ready.bench.choose([1])
        ready.saves.export_folder()
        return out

    return start


def test_the_tab_goes_on_while_a_folder_is_exported(
    ready, settled, until, bright, said, export, open_array
) -> None:
    out = export(12)
    assert ready.export.running
    for x in (0, 96):
        open_array(ready, bright.picture((x, 64)), "meanwhile")
        settled(ready)
        assert ready.bench.maps.prob[1, 8].argmax() == x // 8
    until(lambda: not ready.export.running)
    for k in range(12):
        assert np.load(out / f"{k:02}_map.npy").argmax() == k
    assert said[-1] == ("info", "12 pictures exported.")
    assert not ready.export.isVisible()


def test_bad_files_of_a_folder_are_named(ready, until, tmp_path, said, export) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    (tmp_path / "in").rename(tmp_path / "kept")
    out = export(2)
    ready.export.cancel()
    until(lambda: not ready.export.running)
    (tmp_path / "kept" / "bad.png").rename(tmp_path / "in" / "bad.png")
    for path in out.iterdir():
        path.unlink()
    from filterlab.pictures.shelf import pictures_in
    from filterlab.workbench.heatmap_files import FolderTask

    task = FolderTask(pictures_in(tmp_path / "in"), out, ready.bench.request, (1,))
    ready.export.start(task, ready.bench.folder_job)
    until(lambda: not ready.export.running)
    level, text = said[-1]
    assert level == "error"
    assert text.startswith("2 pictures exported, 1 not: ")
    assert "bad.png" in text


def test_an_export_can_be_stopped_and_keeps_what_it_wrote(ready, until, said, export) -> None:
    begun = []
    ready.export.runner.progressed.connect(lambda p, _: begun.append(p) if p.done >= 2 else None)
    out = export(12)
    until(lambda: begun)
    assert ready.export.isVisible()
    # Nothing else runs that the user waits for, so that Esc means the export.
    until(lambda: not ready.runs.busy)
    assert ready.cancel()
    until(lambda: not ready.export.running)
    assert 2 <= len(list(out.glob("*_map.npy"))) < 12
    assert said[-1] == ("info", "The export was stopped; what it has written stays.")


def test_an_export_goes_on_in_the_window_that_replaces_this_one(
    qtbot: QtBot, ready, until, export
) -> None:
    begun = []
    ready.export.runner.progressed.connect(lambda p, _: begun.append(p) if p.done >= 3 else None)
    out = export(12)
    until(lambda: begun)
    state = ready.hand_over()
    ready.shutdown()
    again, news = HeatmapTab(Settings()), []
    qtbot.addWidget(again)
    again.message.connect(lambda text, level: news.append((level, text)))
    again.take_over(state)
    assert again.export.running
    until(lambda: not again.export.running and again.settled)
    for k in range(12):
        assert np.load(out / f"{k:02}_map.npy").argmax() == k
    assert news[-1] == ("info", "12 pictures exported.")
    again.shutdown()


# Pictures


def test_next_and_previous_picture_of_the_folder(ready, settled, tmp_path, bright) -> None:
    for name in ("a.png", "b.png", "c.png"):
        write_picture(tmp_path / name, bright.picture())
    ready.open_paths([tmp_path / "b.png"])
    settled(ready)
    for step, name in (
        (ready.pictures.next, "c.png"),
        (ready.pictures.next, "a.png"),
        (ready.pictures.previous, "c.png"),
    ):
        step()
        settled(ready)
        assert ready.bench.shown.source.name == name


def test_pages_turn_after_a_pasted_picture(ready, settled, tmp_path, bright, open_array) -> None:
    """A pasted picture is in no folder: on from where the last file was, else to a sample."""
    ready.pictures.next()
    settled(ready)
    assert ready.bench.shown.source.sample, "no file was open yet"
    write_picture(tmp_path / "a.png", bright.picture())
    write_picture(tmp_path / "b.png", bright.picture())
    ready.pictures.open_file(str(tmp_path / "a.png"))
    settled(ready)
    open_array(ready, bright.picture((8, 8)), "pasted picture")
    settled(ready)
    ready.pictures.next()
    settled(ready)
    assert ready.bench.shown.source.name == "b.png"


def test_paste_and_copy(ready, settled, said) -> None:
    ready._copy_overlay()
    image = QApplication.clipboard().image()
    shape = ready.drawing.image.shape
    assert (image.height(), image.width()) == shape[:2]
    ready.pictures.paste()
    settled(ready)
    assert ready.bench.shown.picture.shape == shape
    assert ready.controls.picture_combo.currentText() == "pasted picture"
    QApplication.clipboard().clear()
    ready.pictures.paste()
    assert said[-1][0] == "error"


def test_what_is_transparent_in_a_pasted_picture_lies_on_white(ready, settled) -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[:, :32] = (200, 100, 50, 255)
    rgba[:, 32:] = (0, 0, 0, 51)
    QApplication.clipboard().setImage(image_of(rgba))
    ready.pictures.paste()
    settled(ready)
    found = np.rint(255 * ready.bench.shown.picture).astype(int)
    assert found[0, 0].tolist() == [200, 100, 50]
    assert found[0, 63].tolist() == [204, 204, 204]  # a fifth of black on white


def test_the_recent_pictures_are_in_the_combo(ready, settled, tmp_path, bright) -> None:
    paths = [tmp_path / name for name in ("a.png", "b.png")]
    for path in paths:
        write_picture(path, bright.picture())
        ready.settings.add_recent(str(path))
        ready.pictures.open_file(str(path))
        settled(ready)
    combo = ready.controls.picture_combo
    assert [combo.itemText(k) for k in range(combo.count())] == ["b.png", "a.png"]
    assert combo.note == "128 × 96"
    combo.activated.emit(1)
    settled(ready)
    assert ready.bench.shown.source.name == "a.png"


def test_the_prototxts_are_compared_line_by_line(ready) -> None:
    ready.models.show_diff()
    (window,) = ready.findChildren(DiffWindow)
    text = window.text.toPlainText()
    assert '+   name: "fc-conv"' in text
    assert '-   name: "fc"' in text
    window.close()


def test_sliding_comparison_counts_cells(ready, settled) -> None:
    ready.experiments.compare_sliding()
    settled(ready)
    assert ready.experiments.sliding.result_.cells == 9 * 13
    ready.experiments.sliding.close()


def test_features_in_false_colours(ready, settled, tmp_path, save_as) -> None:
    ready.experiments.show_features()
    settled(ready)
    window = ready.experiments.features
    assert window.found.features.values.shape[1:] == (9, 13)
    save_as(tmp_path / "f.npy")
    window.save_requested.emit()
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), window.found.features.values)
    window.close()
