"""Names come from strangers' files: none of them is taken for HTML, or for a formula."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtWidgets import QApplication, QLabel, QMessageBox, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.main_window import MainWindow
from filterlab.pictures import write_picture
from filterlab.surgery.export import plain_cell

EVIL = "<img src=evil.png><b>x<b>.png"


def visible_labels(top: QWidget) -> list[QLabel]:
    return [label for label in top.findChildren(QLabel) if label.isVisible()]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_labels_questions_and_tips_show_text_as_it_is(
    qtbot: QtBot, qapp: QApplication, name: str
) -> None:
    theme.apply(qapp, name)
    label = QLabel(EVIL)
    rich = QLabel("<b>meant</b>")
    rich.setTextFormat(Qt.RichText)
    box = QMessageBox(QMessageBox.Warning, EVIL, EVIL)
    for widget in (label, rich, box):
        qtbot.addWidget(widget)
        widget.show()
    label.setToolTip(EVIL)
    QToolTip.showText(QPoint(5, 5), EVIL, label)
    tips = [w for w in qapp.topLevelWidgets() if w.inherits("QTipLabel") and w.isVisible()]
    assert [tip.text() for tip in tips] == [EVIL]
    for shown in (label, *tips, *visible_labels(box)):
        assert shown.textFormat() == Qt.PlainText, shown.text()
    assert rich.textFormat() == Qt.RichText
    QToolTip.hideText()


def test_a_pictures_name_is_shown_as_it_is(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filterlab.gui import main_window

    monkeypatch.setattr(main_window, "tab_classes", lambda: [FiltersTab])
    file = tmp_path / EVIL.replace("/", "")
    try:
        write_picture(file, np.full((20, 30, 3), 0.2, np.float32))
    except OSError:
        pytest.skip("this system takes no such names")
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    window.open_paths([file])
    tab = window.tab("filters")
    qtbot.waitUntil(lambda: tab.settled and tab.bench.picture.title == file.name, timeout=15000)
    window.show_error(f"{file.name}: is cut off")
    qtbot.waitUntil(lambda: window.strip.isVisible())
    named = [label for label in visible_labels(window) if "<img" in label.text()]
    assert named, "it is shown somewhere"
    assert {label.textFormat() for label in visible_labels(window)} == {Qt.PlainText}
    window.close()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("tabby cat", "tabby cat"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_no_text_of_a_table_is_a_formula(name: str, kept: str) -> None:
    assert plain_cell(name) == kept


def test_class_names_in_a_table_are_no_formulas(tmp_path: Path) -> None:
    from filterlab.surgery.export import write_cell

    class Maps:
        prob = np.array([0.25, 0.75], np.float32).reshape(2, 1, 1)
        score = np.array([-1.5, 2.0], np.float32).reshape(2, 1, 1)

    write_cell(tmp_path / "cell.csv", Maps(), 0, 0, ["=1+1", "-cat"])  # type: ignore[arg-type]
    with open(tmp_path / "cell.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[1:] == [["1", "'-cat", "0.75", "2"], ["0", "'=1+1", "0.25", "-1.5"]]
