"""The lower panel: the pixel at the cursor, the outputs' numbers, the kernels' nature; the code."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.filters.look import Frame
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.code_panel import CodePanel
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.product_view import ProductView
from filterlab.surgery.filterbench import Report
from filterlab.surgery.kernels.analysis import PixelExplanation

__all__ = ["BottomPanel"]


class BottomPanel(QWidget):
    """Three pages on the left, the pycaffe lines on the right.

    Signals
    -------
    pin_toggled(bool)
    """

    pin_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slot = 0
        self.channel = 0
        self.product = ProductView(self)
        self.product.setMinimumHeight(120)
        self.where = Line(self, "muted")
        self.pin_button = QToolButton(self)
        self.pin_button.setIcon(icon("pin"))
        self.pin_button.setCheckable(True)
        self.pin_button.setToolTip(tr("Keep looking at this pixel (or click on a picture)"))
        self.pin_button.toggled.connect(self.pin_toggled)
        self.code = CodePanel(self)
        self.pages = QStackedWidget(self)
        self.pages.addWidget(self.product)
        self._page_buttons = QButtonGroup(self)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(4)
        for index, text in enumerate((tr("At the cursor"),)):
            button = QToolButton(self)
            button.setText(text)
            button.setCheckable(True)
            button.setProperty("flat", True)
            self._page_buttons.addButton(button, index)
            top.addWidget(button)
        self._page_buttons.button(0).setChecked(True)
        self._page_buttons.idClicked.connect(self.pages.setCurrentIndex)
        top.addSpacing(theme.STEP)
        top.addWidget(self.where, 1)
        top.addWidget(self.pin_button)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(4)
        left.addLayout(top)
        left.addWidget(self.pages, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * theme.STEP, 4, 2 * theme.STEP, theme.STEP)
        layout.setSpacing(3 * theme.STEP)
        layout.addLayout(left, 3)
        layout.addWidget(self.code, 2)
        self.show_nothing()

    def set_slot(self, slot: int) -> None:
        """Explain the pixels of this filter."""
        self.slot = slot

    def set_pinned(self, pinned: bool) -> None:
        """Show whether a pixel is pinned."""
        self.pin_button.blockSignals(True)
        self.pin_button.setChecked(pinned)
        self.pin_button.blockSignals(False)

    def show_pixel(self, explained: PixelExplanation, channel: int = 0) -> None:
        """Show how a pixel is computed."""
        channel = min(channel, len(explained.patch) - 1)
        self.product.set_product(
            explained.patch[channel], explained.kernel[channel], explained.bias, explained.result
        )
        row, column = explained.output
        self.where.set_text(
            tr("filter {n}, output pixel x {x}, y {y}").format(n=self.slot, x=column, y=row)
        )

    def show_nothing(self) -> None:
        """Nothing is pointed at."""
        self.product.clear()
        self.where.set_text("")

    def show_frame(self, frame: Frame, reports: Sequence[Report]) -> None:
        """New outputs."""

    def set_code(self, code: str) -> None:
        """The pycaffe lines of the last action."""
        self.code.set_code(code)
