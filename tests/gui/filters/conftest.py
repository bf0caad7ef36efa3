"""A real Filters tab over a small picture, and a mouse for its grids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import QMouseEvent, QWheelEvent
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.settings import Settings
from filterlab.gui.widgets.kernel_grid import KernelGrid
from filterlab.gui.widgets.picture_view import PictureView


def correlate(picture: np.ndarray, kernel: np.ndarray, bias: float = 0.0) -> np.ndarray:
    """Valid correlation in float64, written out, to compare with."""
    windows = np.lib.stride_tricks.sliding_window_view(picture.astype(np.float64), kernel.shape)
    return (windows * kernel.astype(np.float64)).sum(axis=(2, 3)) + bias


class Hands:
    """Sends real events to a tab's widgets."""

    correlate = staticmethod(correlate)

    def __init__(self, qtbot: QtBot, tab: FiltersTab) -> None:
        self.qtbot, self.tab = qtbot, tab
        self.messages: list[tuple[str, str]] = []
        tab.message.connect(self._on_message)

    def _on_message(self, text: str, level: str) -> None:
        self.messages.append((level, text))

    @property
    def errors(self) -> list[str]:
        return [text for level, text in self.messages if level == "error"]

    def settle(self, timeout: int = 15000) -> None:
        """Wait until everything asked for is on the screen."""
        self.qtbot.waitUntil(lambda: self.tab.settled, timeout=timeout)

    def drag(
        self,
        grid: KernelGrid,
        cells: Sequence[tuple[int, int]],
        button: int = Qt.LeftButton,
        modifiers: int = Qt.NoModifier,
    ) -> None:
        at = [grid.cell_rect(*cell).center() for cell in cells]
        if len(at) == 1 and modifiers == Qt.NoModifier:
            # A single dab, as with "click paints".
            grid.set_click_paints(True)
            self.qtbot.mouseClick(grid, button, modifiers, at[0])
            grid.set_click_paints(self.tab.panel_.click_paints.isChecked())
            return
        self.qtbot.mousePress(grid, button, modifiers, at[0])
        for pos in at[1:]:
            move = QMouseEvent(
                QEvent.MouseMove, QPointF(pos), Qt.NoButton, Qt.MouseButtons(button), modifiers
            )
            QApplication.sendEvent(grid, move)
        self.qtbot.mouseRelease(grid, button, modifiers, at[-1])

    def tool(self, slot: int, key: str) -> None:
        """Click a tool of the bar, for a filter."""
        self.tab.desk.active = slot
        self.qtbot.mouseClick(self.tab.tool_bar.tools[key], Qt.LeftButton)

    def wheel(
        self, grid: KernelGrid, cell: tuple[int, int], notches: int, modifiers: int = 0
    ) -> None:
        pos = QPointF(grid.cell_rect(*cell).center())
        event = QWheelEvent(
            pos, QPointF(grid.mapToGlobal(pos.toPoint())), QPoint(), QPoint(0, 120 * notches),
            Qt.NoButton, Qt.KeyboardModifiers(modifiers), Qt.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(grid, event)

    def point(self, view: PictureView, x: float, y: float) -> None:
        """Move the mouse over a place of a picture, in the input's pixels."""
        at = view.to_widget(x, y)
        move = QMouseEvent(
            QEvent.MouseMove, QPointF(at), Qt.NoButton, Qt.MouseButtons(Qt.NoButton), Qt.NoModifier
        )
        QApplication.sendEvent(view.viewport(), move)

    def click(self, view: PictureView, x: float, y: float) -> None:
        self.qtbot.mouseClick(view.viewport(), Qt.LeftButton, pos=view.to_widget(x, y).toPoint())

    def stroke(self, view: PictureView, places: Sequence[tuple[float, float]]) -> None:
        """Press, move and release over places of a picture."""
        at = [view.to_widget(*place).toPoint() for place in places]
        self.qtbot.mousePress(view.viewport(), Qt.LeftButton, pos=at[0])
        for pos in at[1:]:
            move = QMouseEvent(
                QEvent.MouseMove, QPointF(pos), Qt.NoButton, Qt.LeftButton, Qt.NoModifier
            )
            QApplication.sendEvent(view.viewport(), move)
        self.qtbot.mouseRelease(view.viewport(), Qt.LeftButton, pos=at[-1])

    def output(self, slot: int) -> np.ndarray:
        """The output on the screen, once it has settled."""
        self.settle()
        frame = self.tab.stage.frame
        assert frame is not None
        assert frame.outputs.revision == self.tab.bench.revision
        return np.asarray(frame.outputs.data[slot])


@pytest.fixture
def picture() -> np.ndarray:
    """Grey, 40 x 56, with no symmetry."""
    return np.random.default_rng(7).random((40, 56), dtype=np.float32)


@pytest.fixture
def make_tab(
    qtbot: QtBot, tmp_path: Path, picture: np.ndarray
) -> Iterator[Callable[..., FiltersTab]]:
    tabs: list[FiltersTab] = []

    def make() -> FiltersTab:
        tab = FiltersTab(Settings(tmp_path / "settings"))
        qtbot.addWidget(tab)
        tabs.append(tab)
        tab.resize(1280, 734)
        tab.bench.show_frame(picture, "noise")
        # All three of one size, unlinked.
        tab.bench.set_size(5)
        tab.bench.journal.clear()
        tab.show()
        tab.activated()
        qtbot.waitUntil(lambda: tab.settled and tab.stage.frame is not None, timeout=15000)
        return tab

    yield make
    for tab in tabs:
        tab.shutdown()


@pytest.fixture
def tab(make_tab: Callable[..., FiltersTab]) -> FiltersTab:
    return make_tab()


@pytest.fixture
def hands(qtbot: QtBot, tab: FiltersTab) -> Hands:
    return Hands(qtbot, tab)
