"""Chinese everywhere: no English sentence is left in anything that the window shows or says.

The tour goes through every state of every tab; at each of its scenes all texts are read: those of
widgets, tool tips, accessible names, menus, entries and rich text, and all that is painted. What
is no language (code, file names, keys) and names are excepted by rule, not by place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtCore import QAbstractItemModel, QAbstractListModel, Qt
from PyQt5.QtGui import QDesktopServices, QPainter, QTextDocument
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QAction,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QGraphicsView,
    QGroupBox,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QPlainTextEdit,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from filterlab import caffe
from filterlab.gui import tour
from filterlab.gui.main_window import MainWindow
from filterlab.gui.mnemonics import plain
from filterlab.gui.settings import Settings
from filterlab.gui.tabs import TABS
from filterlab.zoo import catalogue
from filterlab.zoo.labels import imagenet, read_labels

#: Texts that are code, markup of a net, or a path as a whole.
_CODE = re.compile(
    r"net\.|caffe\.|import |np\.|cv2\.|layer \{|^/"
    r"|^\s*(name|type|input|top|bottom|dim|\w+_param)\b.*[:{]"
)
#: What stands in a Chinese sentence as it is: files and addresses, keys, options, names.
_STAYS = re.compile(
    r"""https?://\S+ | '[^']*' | `[^`]*` | \S*[/\\]\S+ | \S+\.[a-z]\w{0,11}\b | --[a-z-]+
    | \b(?:Ctrl|Shift|Alt)\b(?:\+\S+)? | \b\w*[_\d]\w*\b
    | \b(?:Esc|Enter|Space|Tab|PgUp|PgDn|Home|End|Del|Ins|Backspace|Insert|Delete)\b
    | \b(?:FilterLab|Caffe|pycaffe|BVLC|PyTorch|OpenCV|NumPy|ONNX|Runtime|Jupyter|Python|GIMP
      |ImageMagick|G'MIC|ImageNet|CaffeNet|AlexNet|GoogLeNet|SqueezeNet|EfficientNet|Lite|CSV|JSON
      |TOML|PNG|JPEG|GPL-3.0-or-later|RGB|BGR|USB|English|Grad-CAM|Sobel|Prewitt|Scharr|Roberts|Gabor|Laplace
      |Gauss|viridis|inferno|magma|turbo)\b""",
    re.VERBOSE | re.IGNORECASE,
)
#: Words of the field that Chinese engineers write as they are, alone and together.
_TERMS = {
    *"blob blobs top bottom prototxt caffemodel deploy softmax sigmoid relu conv fc data prob "
    "kernel pad stride dilation net params".split()
}
_WORD = re.compile(r"[A-Za-z][A-Za-z]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@cache
def _names() -> set[str]:
    """Names that stand beside their Chinese, or have none: of classes, models, layers, blobs."""
    pocket = catalogue.get("pocket")
    labels = [*imagenet(), *read_labels(pocket.labels_path)]
    found = {name for label in labels for name in (*label.names, label.english)}
    for path in pocket.prototxt.parents[1].glob("*/*.prototxt"):
        for name in re.findall(r'(?:name|top): "(.+?)"', path.read_text(encoding="utf-8")):
            found |= {name, *name.split("/")}  # also by its last part: block5/expand
    for model in catalogue.entries():
        found |= {model.name, model.titles["zh_CN"]}
    return found


@cache
def _any_type() -> re.Pattern[str]:
    """Types of layers, which stand in tables as the prototxt has them."""
    return re.compile(rf"\b({'|'.join(sorted(caffe.layer_type_list()))})\b")


@cache
def _any_name() -> re.Pattern[str]:
    whole = sorted(map(re.escape, _names()), key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(whole)})\b")


@cache
def left_over(text: str) -> str:
    """What of a text is English though it has no reason to be."""
    if not _WORD.search(text) or _CODE.search(text):
        return ""
    # A name that is cut off, also one in a file that is named before it.
    cut = re.sub(r"^[\w.-]+\.(?:caffemodel|prototxt): ", "", text)
    if cut.endswith("…") and any(name.startswith(cut[:-1]) for name in _names()):
        return ""
    rest = _STAYS.sub("·", _any_name().sub("·", text))
    runs = re.findall(r"[A-Za-z]+(?:[ -][A-Za-z]+)*", rest)
    for run in runs:
        words = [w for w in _WORD.findall(run) if w.lower() not in _TERMS]
        if len(words) > 1 or (words and not _CHINESE.search(text) and len(words[0]) > 2):
            return run
    return ""


def texts() -> Iterator[tuple[str, str]]:
    """All that is in the windows on the screen, hidden parts too, and the kind of widget."""
    actions: dict[int, QAction] = {}
    windows = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    for widget in {w for top in windows for w in (top, *top.findChildren(QWidget))}:
        kind = type(widget).__name__
        for text in _of(widget):
            yield kind, text
        for action in (*widget.actions(), *widget.findChildren(QAction)):
            # pyqtgraph makes menus that nobody can open here.
            if not type(action.parent()).__module__.startswith("pyqtgraph"):
                actions[id(action)] = action
    for action in actions.values():
        yield "QAction", plain(action.text())
        yield "QAction", plain(action.toolTip())
        yield "QAction", action.statusTip()


def _of(widget: QWidget) -> Iterator[str]:
    yield from (
        widget.windowTitle(),
        widget.toolTip(),
        widget.statusTip(),
        widget.whatsThis(),
        widget.accessibleName(),
        widget.accessibleDescription(),
    )
    if isinstance(widget, QLabel | QAbstractButton):
        yield plain(widget.text())
    if isinstance(widget, QLineEdit):
        yield widget.placeholderText()
    if isinstance(widget, QAbstractSpinBox):
        yield from (widget.specialValueText(), getattr(widget, "suffix", str)())
    if isinstance(widget, QGroupBox | QMenu):
        yield plain(widget.title())
    if isinstance(widget, QTabBar):
        for k in range(widget.count()):
            yield from (plain(widget.tabText(k)), widget.tabToolTip(k))
    if isinstance(widget, QComboBox | QAbstractItemView):
        model: QAbstractItemModel | None = widget.model()
        for row in range(min(60, model.rowCount()) if model is not None else 0):
            columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount()
            for column in range(columns):
                for role in (Qt.DisplayRole, Qt.ToolTipRole, Qt.AccessibleTextRole):
                    yield str(model.data(model.index(row, column), role) or "")
    if isinstance(widget, QGraphicsView) and widget.scene() is not None:
        for item in widget.scene().items():
            yield item.toolTip()
            for name in ("toPlainText", "text"):
                if callable(get := getattr(item, name, None)):
                    yield str(get())
    if isinstance(widget, QPlainTextEdit) and widget.isReadOnly():
        return  # code
    if hasattr(widget, "toPlainText"):
        yield widget.toPlainText()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, str]]:
    """Reads all texts there are, those painted since included; gives the English among them."""
    painted: set[str] = set()
    draw = QPainter.drawText

    def note(self: QPainter, *args: Any) -> Any:
        painted.update(a for a in args if isinstance(a, str))
        return draw(self, *args)

    monkeypatch.setattr(QPainter, "drawText", note)
    wrong: dict[str, str] = {}

    def read() -> dict[str, str]:
        for kind, text in [*texts(), *(("painted", text) for text in painted)]:
            if "<" in text and Qt.mightBeRichText(text):
                document = QTextDocument()
                document.setHtml(text)
                text = document.toPlainText()
            if kind in ("QTableView", "QHeaderView"):  # a head shows its table's model
                text = _any_type().sub("·", text)
            for line in text.splitlines():
                if line and (rest := left_over(line)):
                    wrong.setdefault(f"{kind}: {line[:200]}", rest)
        return wrong

    return read


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(part, marks=[] if part == "filters" else [pytest.mark.long])
        for part in (module.split(".")[2] for module in tour.scene_modules())
    ],
)
def test_every_scene_of_the_tour_is_chinese(
    qapp: QApplication,
    found: Callable[[], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    whole = tour._picture

    class Seen:
        def save(self, path: str) -> bool:
            return True

    def picture(window: MainWindow) -> Seen:
        whole(window)
        found()
        return Seen()

    monkeypatch.setattr(tour, "_picture", picture)
    scenes = tour.take_tour(tmp_path, language="zh_CN", only=part)
    assert len(scenes) > 2
    assert not found(), json.dumps(found(), ensure_ascii=False, indent=1)


def _pressed(window: MainWindow, action: QAction) -> bool:
    """Whether an item is tried: not what ends the window, shows it otherwise or asks a device."""
    elsewhere = (window.quit_action, window.full_screen_action, window.motion_action,
                 window.stage_action, window.show_me_action)  # fmt: skip
    other = (window._language_menu, window._theme_menu, window._text_menu)
    looks = [item for menu in other for item in menu.actions()]
    return action.isEnabled() and action not in [*elsewhere, *looks] and "摄像" not in action.text()


def _items(menu: QMenu) -> Iterator[QAction]:
    """What can be chosen in a menu; of a list of samples or presets, two."""
    menu.aboutToShow.emit()
    actions = [action for action in menu.actions() if action.text()]
    for action in actions[:2] if menu.parent() is None or len(actions) > 20 else actions:
        if action.menu() is not None:
            yield from _items(action.menu())
        else:
            yield action


@pytest.mark.parametrize("name", list(TABS))
def test_every_menu_item_and_its_dialog_is_chinese(
    chinese: None,
    qtbot: QtBot,
    until: Callable[..., None],
    found: Callable[[], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    asked: list[str] = []

    def shown(dialog: QDialog) -> int:
        dialog.show()
        dialog.grab()
        found()
        dialog.reject()
        return 0

    def file(*args: Any, **_: Any) -> tuple[str, str]:
        asked.extend(a for a in args if isinstance(a, str) and not a.startswith(str(tmp_path)))
        return "", ""

    for kind in (QDialog, QMessageBox):
        monkeypatch.setattr(kind, "exec_", shown)
        monkeypatch.setattr(kind, "open", shown)
    for way in ("getOpenFileName", "getSaveFileName", "getOpenFileNames"):
        monkeypatch.setattr(QFileDialog, way, file)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: file(*a)[0])
    monkeypatch.setattr(QInputDialog, "getText", file)
    monkeypatch.setattr(QMenu, "exec_", lambda *_: None)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: True)
    window = MainWindow(Settings(tmp_path / "data"))
    qtbot.addWidget(window)
    window.show()
    tab = window.show_tab(name)
    until(lambda: tab.settled, timeout=60_000)
    pressed = 0
    for key, menu in window.menus.items():
        if key in ("lessons", "help") and name != next(iter(TABS)):
            continue  # the same in all tabs
        for action in list(_items(menu)):
            if _pressed(window, action):
                action.trigger()
                pressed += 1
                until(lambda: tab.settled, timeout=60_000)
                assert not left_over(window.strip.text), window.strip.text
                for other in QApplication.topLevelWidgets():
                    if isinstance(other, QDialog) and other.isVisible():
                        shown(other)
    window.grab()
    assert pressed > 20
    for text in asked:
        assert not left_over(text.partition("(")[0]), text
    assert not found(), json.dumps(found(), ensure_ascii=False, indent=1)


@pytest.mark.parametrize(
    "text", ["Open picture …", "打开 the picture", "Padding", "it holds None", "2 of 3 left"]
)
def test_the_rule_finds_english(text: str) -> None:
    assert left_over(text)


@pytest.mark.parametrize(
    "text",
    [
        "步长（stride）为 0",
        "net.params['conv'][0].data[...] = 1",
        "打开 a.png",
        "Ctrl+O",
        "用 FilterLab 打开 deploy prototxt",
        "RGB",
        "3 × 3 px",
        "虎猫 tiger cat",
    ],
)
def test_the_rule_leaves_names_and_code(text: str) -> None:
    assert not left_over(text)
