"""The lower panel: the pixel at the cursor, the outputs' numbers, the kernels' nature; the code."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.filters.look import Frame
from filterlab.gui.filters.walk import SPEEDS
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.jobs import put_off
from filterlab.gui.widgets.code_panel import CodePanel
from filterlab.gui.widgets.histogram import short_number
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.product_view import ProductView
from filterlab.gui.widgets.segments import Segments
from filterlab.gui.widgets.wrapped import Wrapped
from filterlab.surgery.kernels.analysis import PixelExplanation
from filterlab.workbench.filter_bench import FilterBench, Report

__all__ = ["PAGES", "BottomPanel", "size_sentence", "window_sentences"]

PAGES = ("cursor", "numbers", "kernels")


class BottomPanel(QWidget):
    """Pages over the first three columns, the pycaffe lines in the fourth.

    Signals
    -------
    pin_toggled(bool)
    walk_toggled(bool), step_requested(int), speed_changed(int) : the walking window
    channel_chosen(int)
    page_changed(str) : one of PAGES
    """

    pin_toggled = pyqtSignal(bool)
    walk_toggled = pyqtSignal(bool)
    step_requested = pyqtSignal(int)
    speed_changed = pyqtSignal(int)
    channel_chosen = pyqtSignal(int)
    page_changed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slot = 0
        self.channel = 0
        self.product = ProductView(self)
        self.product.setMinimumHeight(round(104 * theme.scale()))
        self.where = Line(self, "heading")
        self.sentence = Wrapped(self)
        self.code = CodePanel(self)
        self.sum_line = Line(self, "muted")
        self.result = Line(self, "text", align=Qt.AlignRight)
        self.pages = QStackedWidget(self)
        self.pages.addWidget(self.product)
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
        put_off(self._build_pages)

    # Building

    def _build_pages(self) -> None:
        """Those behind the first, which the first frame shows only if it is given one."""
        if self.pages.count() > 1:
            return
        from filterlab.gui.filters.pages import HistogramPage, KernelPage

        self.numbers, self.kernels = HistogramPage(self.pages), KernelPage(self.pages)
        for page in (self.numbers, self.kernels):  # the least height is the products'
            page.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Ignored)
            self.pages.addWidget(page)

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
        names = ((tr("At the &cursor"), "cursor"), (tr("Histo&grams"), "numbers"),
                 (tr("&Kernels"), "kernels"))  # fmt: skip
        self.switch = Segments(names, self, tr("Lower panel"))
        for button in self.switch.buttons():
            # In a narrow column the words come closer before they are cut.
            button.setStyleSheet("padding-left: 2px; padding-right: 2px;")
        self.switch.chosen.connect(self.show_page)
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
            button.setStyleSheet("padding: 1px 4px;")
            self._channel_buttons.addButton(button, index)
            box.addWidget(button)
        self._channel_buttons.button(0).setChecked(True)
        self._channel_buttons.idClicked.connect(self._on_channel)
        self._channel_box.hide()
        self.back_button = self._button("previous", tr("One pixel back"))
        self.play_button = self._button(
            "play", tr("Walk the window over the picture and build the output"), True
        )
        self.next_button = self._button("next", tr("One pixel on"))
        self.speed = QSlider(Qt.Horizontal, self)
        self.speed.setRange(0, len(SPEEDS) - 1)
        self.speed.setValue(SPEEDS.index(300))
        self.speed.setMinimumWidth(36)
        self.speed.setMaximumWidth(64)
        self.speed.setAccessibleName(tr("Speed of the walk"))
        self._show_speed(300)
        self.pin_button = self._button(
            "pin", tr("Keep looking at this pixel (or click on a picture)"), True
        )
        self.pin_button.setIcon(icon("pin", on_accent=False))
        self.play_button.setProperty("flat", False)
        walk = QHBoxLayout()
        walk.setSpacing(2)
        for part in (self.back_button, self.play_button, self.next_button, self.speed,
                     self.pin_button):  # fmt: skip
            walk.addWidget(part)
        walk.addWidget(self.result, 1)
        self.pin_button.toggled.connect(self.pin_toggled)
        self.play_button.toggled.connect(self._on_play)
        self.back_button.clicked.connect(self._on_back)
        self.next_button.clicked.connect(self._on_next)
        self.speed.valueChanged.connect(self._on_speed)
        self.words = QWidget(self)
        head = QHBoxLayout()
        head.addWidget(self.where, 1)
        head.addWidget(self._channel_box)
        words = QVBoxLayout(self.words)
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(2)
        words.addLayout(head)
        words.addWidget(self.sentence, 1)
        words.addWidget(self.sum_line)
        words.addLayout(walk)
        grid = QGridLayout(self)
        grid.setContentsMargins(2 * theme.STEP, 0, 2 * theme.STEP, 4)
        grid.setHorizontalSpacing(2 * theme.STEP)
        grid.setVerticalSpacing(4)
        grid.addWidget(self.switch, 0, 0)
        grid.addWidget(self.words, 1, 0)
        grid.addWidget(self.pages, 0, 1, 2, 2)
        grid.addWidget(self.code, 0, 3, 2, 1)
        grid.setRowStretch(1, 1)
        for column in range(4):
            grid.setColumnStretch(column, 1)
            grid.setColumnMinimumWidth(column, 180)
        self.code.setMinimumWidth(0)
        piece: QWidget
        for piece in (self.switch, self.pages, self.code):
            piece.setSizePolicy(QSizePolicy.Ignored, piece.sizePolicy().verticalPolicy())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < 1180 * theme.scale()
        self.result.setFont(theme.font(15 if narrow else 22, bold=True))
        self.speed.setMaximumWidth(36 if narrow else 64)
        self.switch.set_room((self.width() - 5 * 2 * theme.STEP) // 4)

    def sizeHint(self) -> QSize:
        return QSize(800, round(168 * theme.scale()))

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through here: the pages, the walk, the code."""
        return [
            *self.switch.buttons(), *self._channel_buttons.buttons(), self.back_button,
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
        self._build_pages()
        self.switch.choose(name)
        index = PAGES.index(name)
        self.pages.setCurrentIndex(index)
        self.words.setVisible(index == 0)
        self.refresh_page()
        self.page_changed.emit(name)

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
        # The cells as they stand in the grid; what they are divided by comes after the sum.
        divisor = 1.0 if self.bench is None else self.bench.divisor(self.slot)
        cells = explained.kernel[at] if divisor == 1 else explained.kernel[at] * divisor
        self.product.set_product(
            explained.patch[at], cells, explained.bias, explained.result, outside,
            (explained.total - part) * divisor if several else None,
        )  # fmt: skip
        row, column = explained.output
        self.where.set_text(
            tr("Filter {n} at row {row}, column {column}").format(
                n=self.slot, row=row, column=column
            ),
            shorter=(
                tr("Row {row}, column {column}").format(row=row, column=column),
                f"{row}, {column}",
            ),
        )
        stride = 1 if self.bench is None else self.bench.settings.stride
        self.sentence.set_sentences(window_sentences(explained, size, stride))
        self.sum_line.set_text(
            tr("sum ÷ divisor + bias: {sum} ÷ {divisor} + {bias}").format(
                sum=_four(explained.total * divisor), divisor=short_number(divisor),
                bias=short_number(explained.bias),
            ),
            shorter=(f"{_four(explained.total * divisor)} ÷ {short_number(divisor)} + "
                     f"{short_number(explained.bias)}",),
        )  # fmt: skip
        self.result.set_text(f"= {_four(explained.result)}", shorter=_fewer(explained.result))

    def show_nothing(self, bench: FilterBench | None = None) -> None:
        """Nothing is pointed at."""
        self.product.clear()
        self.where.set_text("")
        self.sentence.set_sentences([size_sentence(bench)] if bench is not None else [])
        self.sum_line.set_text("")
        self.result.set_text("")

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


def _four(value: float) -> str:
    """Four places, as the net's sums have them; a leading zero, a true minus sign."""
    return short_number(value if abs(value) >= 1 else round(value, 4) + 0.0)


def _fewer(value: float) -> tuple[str, ...]:
    """The same in four places, in two digits and in one: a number that is cut says another."""
    fewer = (short_number(float(f"{value:.{digits}g}")) for digits in (2, 1))
    return tuple(dict.fromkeys((_four(value), *fewer)))


def window_sentences(
    explained: PixelExplanation, size: tuple[int, int], stride: int = 1
) -> list[str]:
    """What the window behind a pixel does, a sentence each; ``size`` is the picture's (H, W)."""
    x0, y0, x1, y1 = explained.box
    numbers = {"r0": y0, "r1": y1 - 1, "c0": x0, "c1": x1 - 1}
    rows, columns = explained.rows, explained.columns
    outside = ((rows < 0) | (rows >= size[0]))[:, None] | ((columns < 0) | (columns >= size[1]))
    sentences = [
        tr("Sees rows {r0} to {r1}, columns {c0} to {c1}.").format(**numbers).replace(
            "-", "\N{MINUS SIGN}"
        )
    ]  # fmt: skip
    if outside.any():
        sentences.append(tr("{n} cells are padding.").format(n=int(outside.sum())))
    dilation = int(rows[1] - rows[0]) if len(rows) > 1 else (
        int(columns[1] - columns[0]) if len(columns) > 1 else 1
    )  # fmt: skip
    if dilation > 1:
        sentences.append(tr("Dilation {d}: its cells look at pixels {d} apart.").format(d=dilation))
    if stride > 1:
        sentences.append(tr("Stride {s}: the next window stands {s} pixels on.").format(s=stride))
    sentences.append(
        tr("Caffe does not flip the kernel; flipped, as in textbooks, this were {value}.").format(
            value=short_number(float(f"{explained.flipped_result:.4g}"))
        )
    )
    return sentences


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
        text = tr("A stride of {s} keeps one place in {s}: {w} × {h} becomes {cols} × {rows}.")
        return text.format(s=bench.settings.stride, **numbers)
    if lost == (0, 0) and bench.settings.pad == "valid":
        text = tr("A {kh} × {kw} kernel fits everywhere; the output keeps the size, {w} × {h}.")
        return text.format(**numbers)
    if lost == (0, 0):
        text = tr("Padded with zeros, the output keeps the picture's size, {w} × {h}.")
        if bench.settings.edge != "zero":
            text = tr("Padded, the output keeps the picture's size, {w} × {h}.")
        return text.format(**numbers)
    text = tr("A valid {kh} × {kw} convolution shrinks {w} × {h} to {cols} × {rows}.")
    if lost[0] == lost[1]:
        text = tr(
            "A valid {kh} × {kw} convolution shrinks the picture by {lost}: {w} × {h} becomes "
            "{cols} × {rows}."
        )
    return text.format(lost=lost[0], **numbers)
