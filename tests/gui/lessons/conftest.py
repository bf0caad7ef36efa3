"""A whole window with its tabs, and hands for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt5.QtCore import QEvent, QPointF, Qt
from PyQt5.QtGui import QMouseEvent
from PyQt5.QtWidgets import QApplication, QLineEdit, QWidget

from filterlab.gui.lessons.panel import LessonPanel
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.workbench.lessons import find_lessons


class Pupil:
    """Does with the mouse and the keys what a lesson asks for."""

    def __init__(self, qtbot, window: MainWindow, until: Callable[..., None]) -> None:
        self.qtbot, self.window, self.until = qtbot, window, until

    @property
    def filters(self):
        return self.window.tab("filters")

    @property
    def heatmap(self):
        return self.window.tab("heatmap")

    @property
    def net(self):
        return self.window.tab("net")

    @property
    def panel(self) -> LessonPanel:
        panel = self.window.lessons.panel
        assert isinstance(panel, LessonPanel)
        return panel

    def begin(self, key: str) -> None:
        """Choose a lesson in the menu."""
        actions = [a for a in self.window.lessons.actions() if a is not None and a.data()]
        (action,) = [a for a in actions if a.data().key == key]
        action.trigger()
        assert self.panel.progress.at == 0
        self.settle()

    def settle(self) -> None:
        self.until(lambda: self.filters.settled)

    def shown(self) -> bool:
        return self.panel.next_button.isEnabled()

    def done(self) -> None:
        """Wait until the panel has seen it, read what is said, and go on."""
        self.until(self.shown)
        step = self.panel.progress.step
        if step.notice:
            assert self.panel.notice.isVisible()
        assert not self.panel.say.isVisible() or step.choices
        self.qtbot.mouseClick(self.panel.next_button, Qt.LeftButton)

    def wrong(self) -> None:
        """Wait until a wrong turn is answered; the step is not done."""
        self.until(lambda: bool(self.panel.say.text()))
        assert not self.shown()

    def choose(self, right: bool) -> None:
        step = self.panel.progress.step
        number = next(n for n, choice in enumerate(step.choices) if choice.right == right)
        self.qtbot.mouseClick(self.panel.choices[number], Qt.LeftButton)

    def answer(self) -> None:
        """Take every wrong answer, then the right one."""
        for number, choice in enumerate(self.panel.progress.step.choices):
            if not choice.right:
                self.qtbot.mouseClick(self.panel.choices[number], Qt.LeftButton)
                assert self.panel.say.text()
                assert not self.shown()
        self.choose(True)
        assert self.panel.say.property("role") == "good"
        self.done()

    def type_cell(self, slot: int, row: int, column: int, text: str) -> None:
        """Double-click a cell and type."""
        grid = self.filters.editors[slot].grid
        at = grid.cell_rect(row, column).center()
        self.qtbot.mouseDClick(grid, Qt.LeftButton, pos=at)
        editor = grid.findChildren(QLineEdit)[-1]
        editor.selectAll()
        self.qtbot.keyClicks(editor, text)
        self.qtbot.keyClick(editor, Qt.Key_Return)

    def type_kernel(self, slot: int, rows: list[list[float]]) -> None:
        now = self.filters.bench.kernel(slot)
        for row, values in enumerate(rows):
            for column, value in enumerate(values):
                if float(now[row, column]) != value:
                    self.type_cell(slot, row, column, f"{value:g}")

    def type_number(self, field: QWidget, text: str) -> None:
        line = field if isinstance(field, QLineEdit) else field.findChild(QLineEdit)
        line.setFocus()
        line.selectAll()
        self.qtbot.keyClicks(line, text)
        self.qtbot.keyClick(line, Qt.Key_Return)

    def preset(self, slot: int, key: str) -> None:
        self.filters.editors[slot].presets.choose(key)

    def combo(self, combo: QWidget, data: object) -> None:
        """Choose with the keys, as a hand would."""
        index = combo.findData(data)
        assert index >= 0
        combo.setFocus()
        self.qtbot.keyClick(combo, Qt.Key_Home)
        for _ in range(index):
            self.qtbot.keyClick(combo, Qt.Key_Down)
        assert combo.currentData() == data

    def point(self, view, x: float, y: float) -> None:
        at = view.to_widget(x, y)
        move = QMouseEvent(
            QEvent.MouseMove, QPointF(at), Qt.NoButton, Qt.MouseButtons(Qt.NoButton), Qt.NoModifier
        )
        QApplication.sendEvent(view.viewport(), move)


@pytest.fixture
def make_window(qtbot, tmp_path: Path, until) -> Iterator[Callable[[], MainWindow]]:
    windows = []

    def make() -> MainWindow:
        window = MainWindow(Settings(tmp_path / "settings"))
        qtbot.addWidget(window)
        windows.append(window)
        window.resize(1280, 800)
        window.show()
        until(lambda: window.tab("filters").settled)
        return window

    yield make
    for window in windows:
        window.close()


@pytest.fixture
def pupil(qtbot, make_window, until) -> Pupil:
    return Pupil(qtbot, make_window(), until)


@pytest.fixture(scope="session")
def all_lessons():
    found, problems = find_lessons()
    assert not problems
    return {lesson.key: lesson for lesson in found}
