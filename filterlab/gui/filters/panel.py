"""The lower panel: the pixel at the cursor, the outputs' numbers, the kernels' nature; the code."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.filters.look import Frame
from filterlab.gui.filters.pages import HistogramPage, KernelPage
from filterlab.gui.filters.walk import SPEEDS
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.widgets.code_panel import CodePanel
from filterlab.gui.widgets.histogram import short_number
from filterlab.gui.widgets.product_view import ProductView
from filterlab.surgery.kernels.analysis import PixelExplanation
from filterlab.workbench.filter_bench import FilterBench, Report

__all__ = ["PAGES", "BottomPanel"]

PAGES = ("cursor", "numbers", "kernels")


class BottomPanel(QWidget):
    """Three pages on the left, the pycaffe lines on the right.

    Signals
    -------
    pin_toggled(bool)
    walk_toggled(bool), step_requested(int), speed_changed(int) : the walking window
    channel_chosen(int)
    page_changed(str) : one of PAGES
    """

    pin_toggled = Signal(bool)
    walk_toggled = Signal(bool)
    step_requested = Signal(int)
    speed_changed = Signal(int)
    channel_chosen = Signal(int)
    page_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slot = 0
        self.channel = 0
        self.product = ProductView(self)
        self.product.setMinimumHeight(104)
        self.where = QLabel(self)
        self.sentence = QLabel(self)
        self.sentence.setProperty("role", "muted")
        for label in (self.where, self.sentence):
            # A fixed room for the text: it may change without moving anything.
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignLeft | Qt.AlignTop)
            label.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Ignored)
            label.setMinimumWidth(200)
        self.code = CodePanel(self)
        self.numbers = HistogramPage(self)
        self.kernels = KernelPage(self)
        cursor = QWidget(self)
        words = QVBoxLayout()
        words.setContentsMargins(0, 4, 0, 0)
        words.setSpacing(2)
        words.addWidget(self.where, 2)
        words.addWidget(self.sentence, 3)
        side = QHBoxLayout(cursor)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(theme.STEP)
        side.addLayout(words, 1)
        side.addWidget(self.product, 2)
        self.pages = QStackedWidget(self)
        for page in (cursor, self.numbers, self.kernels):
            self.pages.addWidget(page)
        self._latest: tuple[Frame, Sequence[Report]] | None = None
        # Histograms and spectra follow when the hand rests, so that they cost a drag nothing.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(60)
        self._later.timeout.connect(self.refresh_page)
        self.bench: FilterBench | None = None
        self.channels = [0, 0, 0]
        self._lay_out()
        self.show_nothing()

    # Building

    def _button(
        self, name: str, tip: str, checkable: bool = False, parent: QWidget | None = None
    ) -> QToolButton:
        button = QToolButton(parent or self)
        button.setIcon(icon(name))
        button.setCheckable(checkable)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setProperty("flat", True)
        return button

    def _lay_out(self) -> None:
        self._page_buttons = QButtonGroup(self)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(4)
        for index, text in enumerate((tr("At the &cursor"), tr("Histo&grams"), tr("&Kernels"))):
            button = QToolButton(self)
            button.setText(text)
            button.setCheckable(True)
            button.setProperty("flat", True)
            self._page_buttons.addButton(button, index)
            top.addWidget(button)
        self._page_buttons.button(0).setChecked(True)
        self._page_buttons.idClicked.connect(self._on_page)
        top.addStretch(1)
        self._channel_box = QWidget(self)
        box = QHBoxLayout(self._channel_box)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self._channel_buttons = QButtonGroup(self)
        for index, text in enumerate("RGB"):
            button = QToolButton(self._channel_box)
            button.setText(text)
            button.setCheckable(True)
            button.setProperty("flat", True)
            button.setToolTip(tr("Colour channel to explain"))
            self._channel_buttons.addButton(button, index)
            box.addWidget(button)
        self._channel_buttons.button(0).setChecked(True)
        self._channel_buttons.idClicked.connect(self._on_channel)
        self._channel_box.hide()
        top.addWidget(self._channel_box)
        self.walk_box = QWidget(self)
        walk = QHBoxLayout(self.walk_box)
        walk.setContentsMargins(0, 0, 0, 0)
        walk.setSpacing(2)
        self.back_button = self._button("previous", tr("One pixel back"))
        self.play_button = self._button(
            "play", tr("Walk the window over the picture and build the output"), True
        )
        self.next_button = self._button("next", tr("One pixel on"))
        self.speed = QSlider(Qt.Horizontal, self)
        self.speed.setRange(0, len(SPEEDS) - 1)
        self.speed.setValue(SPEEDS.index(300))
        self.speed.setFixedWidth(72)
        self.speed.setAccessibleName(tr("Speed of the walk"))
        self._show_speed(300)
        for part in (self.back_button, self.play_button, self.next_button, self.speed):
            walk.addWidget(part)
        self.pin_button = self._button(
            "pin", tr("Keep looking at this pixel (or click on a picture)"), True
        )
        self.pin_button.setProperty("flat", False)
        self.play_button.setProperty("flat", False)
        walk.addSpacing(4)
        walk.addWidget(self.pin_button)
        top.addWidget(self.walk_box)
        self.pin_button.toggled.connect(self.pin_toggled)
        self.play_button.toggled.connect(self._on_play)
        self.back_button.clicked.connect(self._on_back)
        self.next_button.clicked.connect(self._on_next)
        self.speed.valueChanged.connect(self._on_speed)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(4)
        left.addLayout(top)
        left.addWidget(self.pages, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * theme.STEP, 4, 2 * theme.STEP, theme.STEP)
        layout.setSpacing(3 * theme.STEP)
        layout.addLayout(left, 2)
        layout.addWidget(self.code, 1)
        self.code.setMinimumWidth(240)

    def sizeHint(self) -> QSize:
        return QSize(800, 196)

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through here: the pages, the walk, the code."""
        return [
            *self._page_buttons.buttons(), *self._channel_buttons.buttons(), self.back_button,
            self.play_button, self.next_button, self.speed, self.pin_button,
            *self.code.in_tab_order(),
        ]  # fmt: skip

    # Pages

    @property
    def pending(self) -> bool:
        """Whether a page is still to be brought up to date."""
        return bool(self._later.isActive())

    @property
    def page(self) -> str:
        """Which of PAGES is shown."""
        return PAGES[self.pages.currentIndex()]

    def show_page(self, name: str) -> None:
        """Show one of PAGES."""
        index = PAGES.index(name)
        self._page_buttons.button(index).setChecked(True)
        self._on_page(index)

    def _on_page(self, index: int) -> None:
        self.pages.setCurrentIndex(index)
        self.walk_box.setVisible(index == 0)
        self.refresh_page()
        self.page_changed.emit(PAGES[index])

    def refresh_page(self) -> None:
        """Show the newest numbers on the page in front."""
        self._later.stop()
        if self.page == "numbers" and self._latest is not None:
            self.numbers.show_frame(*self._latest)
        elif self.page == "kernels" and self.bench is not None:
            self.kernels.show_bench(self.bench, self.channels)

    def show_frame(self, frame: Frame, reports: Sequence[Report]) -> None:
        """New outputs of the bench."""
        self._latest = frame, reports
        if self.page != "cursor":
            self._later.start()

    def show_bench(self, bench: FilterBench, channels: Sequence[int]) -> None:
        """The kernels of this bench are meant; its settings decide what is offered."""
        self.bench, self.channels = bench, list(channels)
        several = bench.channels > 1 or (bench.settings.mode == "each" and bench.picture.colour)
        if several != self._channel_box.isVisibleTo(self):
            self._channel_box.setVisible(several)
        if self.page != "cursor":
            self._later.start()

    # The pixel

    def set_slot(self, slot: int) -> None:
        """Explain the pixels of this filter."""
        self.slot = slot

    def set_channel(self, channel: int) -> None:
        """Explain this channel."""
        self.channel = channel
        self._channel_buttons.button(channel).setChecked(True)

    def _on_channel(self, channel: int) -> None:
        self.channel = channel
        self.channel_chosen.emit(channel)

    def set_pinned(self, pinned: bool) -> None:
        """Show whether a pixel is pinned."""
        with QSignalBlocker(self.pin_button):
            self.pin_button.setChecked(pinned)

    def show_pixel(self, explained: PixelExplanation, size: tuple[int, int]) -> None:
        """Show how a pixel is computed; ``size`` is the picture's (height, width)."""
        several = len(explained.patch) > 1
        at = min(self.channel, len(explained.patch) - 1)
        outside = ((explained.rows < 0) | (explained.rows >= size[0]))[:, None] | (
            (explained.columns < 0) | (explained.columns >= size[1])
        )
        part = float(explained.products[at].sum(dtype=float))
        self.product.set_product(
            explained.patch[at], explained.kernel[at], explained.bias, explained.result, outside,
            explained.total - part if several else None,
        )  # fmt: skip
        row, column = explained.output
        x0, y0, x1, y1 = explained.box
        self.where.setText(
            tr("Filter {n} at ({x}, {y}) sees the input from ({x0}, {y0}) to ({x1}, {y1}).").format(
                n=self.slot, x=column, y=row, x0=x0, y0=y0, x1=x1 - 1, y1=y1 - 1
            )
        )
        self.sentence.setText(
            tr("Caffe computes the correlation: the kernel is not flipped. Flipped, as in the "
               "textbooks' convolution, this pixel would be {value}.").format(
                value=short_number(float(f"{explained.flipped_result:.4g}"))
            )
        )  # fmt: skip
        for label in (self.where, self.sentence):  # a narrow panel may cut them
            label.setToolTip(label.text())

    def show_nothing(self, bench: FilterBench | None = None) -> None:
        """Nothing is pointed at."""
        self.product.clear()
        self.where.setText(size_sentence(bench) if bench is not None else "")
        self.sentence.setText("")
        for label in (self.where, self.sentence):
            label.setToolTip(label.text())

    def set_code(self, code: str) -> None:
        """The pycaffe lines of the last action."""
        self.code.set_code(code)

    # The walk

    def set_walk(self, playing: bool) -> None:
        """Show whether the window walks, or stands."""
        with QSignalBlocker(self.play_button):
            self.play_button.setChecked(playing)
        self.play_button.setIcon(icon("pause" if playing else "play"))

    def _on_play(self, on: bool) -> None:
        self.walk_toggled.emit(on)

    def _on_back(self) -> None:
        self.step_requested.emit(-1)

    def _on_next(self) -> None:
        self.step_requested.emit(1)

    def _on_speed(self, index: int) -> None:
        self._show_speed(SPEEDS[index])
        self.speed_changed.emit(SPEEDS[index])

    def _show_speed(self, pixels: int) -> None:
        self.speed.setToolTip(tr("{n} pixels a second").format(n=pixels))


def size_sentence(bench: FilterBench) -> str:
    """What the net does to the picture's size, in a sentence."""
    from filterlab.errors import FilterLabError

    try:
        rows, cols = bench.output_size
    except FilterLabError:
        return ""
    height, width = bench.picture.height, bench.picture.width
    kh, kw = bench.size
    lost = (height - rows, width - cols)
    numbers = {"kh": kh, "kw": kw, "w": width, "h": height, "cols": cols, "rows": rows}
    if bench.settings.stride > 1:
        text = tr("A stride of {s} keeps every {s}th place: {w} × {h} becomes {cols} × {rows}.")
        return text.format(s=bench.settings.stride, **numbers)
    if lost == (0, 0) and bench.settings.pad == "valid":
        text = tr("A {kh} × {kw} kernel fits everywhere; the output keeps the size, {w} × {h}.")
        return text.format(**numbers)
    if lost == (0, 0):
        return tr("Padded with zeros, the output keeps the picture's size, {w} × {h}.").format(
            **numbers
        )
    text = tr("A valid {kh} × {kw} convolution shrinks {w} × {h} to {cols} × {rows}.")
    if lost[0] == lost[1]:
        text = tr(
            "A valid {kh} × {kw} convolution shrinks the picture by {lost}: {w} × {h} becomes "
            "{cols} × {rows}."
        )
    return text.format(lost=lost[0], **numbers)
