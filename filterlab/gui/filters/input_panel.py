"""What stands under the input: where it comes from, the brush, and the net's settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, QSize, Signal
from qtpy.QtGui import QIcon, QKeySequence, QResizeEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.workbench.filter_bench import FilterBench

__all__ = ["InputPanel", "choice_box"]

SIDES = (1, 3, 5, 7, 9, 11)

_NARROW = 244
#: And under this, for text larger than usual, without any labels.
_TIGHT = 160

#: Pixels between two rows: as many as there is room for.
_LEAST_GAP, _MOST_GAP = 2, 6


def choice_box(
    parent: QWidget, choices: Sequence[tuple[Any, str]], name: str, tip: str = ""
) -> QComboBox:
    """A combo box of (value, text) pairs."""
    box = QComboBox(parent)
    for value, text in choices:
        box.addItem(text, value)
    box.setAccessibleName(name)
    box.setToolTip(tip or name)
    box.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(2)
    box.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
    return box


class InputPanel(QWidget):
    """Input, brush and net.

    Signals
    -------
    open_requested(), draw_toggled(bool), camera_toggled(bool)
    brush_changed() : value, step or symmetry
    size_chosen(int, int) : rows, columns
    pad_chosen(str), stride_chosen(int), dilation_chosen(int), mode_chosen(str)
    """

    open_requested = Signal()
    draw_toggled = Signal(bool)
    camera_toggled = Signal(bool)
    brush_changed = Signal()
    size_chosen = Signal(int, int)
    pad_chosen = Signal(str)
    stride_chosen = Signal(int)
    dilation_chosen = Signal(int)
    mode_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = (5, 5)
        self._narrow: bool | None = None
        self._tight: bool | None = None
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        self.open_button = QPushButton(self)
        self.open_button.setAccessibleName(tr("Open picture"))
        self.open_button.setToolTip(tr("Open a picture (Ctrl+O); or drop or paste one"))
        self.open_button.clicked.connect(self._on_open)
        self.sample_button = QToolButton(self)
        self.sample_button.setAccessibleName(tr("Sample"))
        self.sample_button.setToolTip(tr("Sample photographs and drawn test pictures"))
        self.sample_button.setPopupMode(QToolButton.InstantPopup)
        self.draw_button = self._toggle("draw", tr("Draw on the input with the brush"))
        self.draw_button.toggled.connect(self.draw_toggled)
        self.camera_button = self._toggle("camera", tr("Live picture of the camera"))
        self.camera_button.toggled.connect(self.camera_toggled)

        self.brush = NumberField(-1e4, 1e4, 0.1, 0.5, self)
        self.brush.setAccessibleName(tr("brush"))
        self.brush.setToolTip(tr("What a left drag paints into cells; Alt+click takes a cell's"))
        self.step = NumberField(1e-4, 100, 0.05, 0.1, self)
        self.step.setAccessibleName(tr("Wheel step"))
        self.step.setToolTip(tr("What a notch of the wheel adds; Ctrl a tenth, Shift ten times"))
        self.symmetry = choice_box(
            self,
            [("none", tr("none")), ("horizontal", tr("left–right")), ("vertical", tr("up–down")),
             ("both", tr("both")), ("rotational", tr("rotational"))],
            tr("Symmetry"), tr("Cells that are drawn along with the one you paint"),
        )  # fmt: skip
        self.radius = NumberField(0.5, 500, 1, 4, self, "px")
        self.radius.setAccessibleName(tr("Radius"))
        self.radius.setToolTip(tr("Radius of the brush on the input, in its pixels"))
        self.radius.hide()
        self.click_paints = QCheckBox(tr("click paints"), self)
        self.click_paints.setAccessibleName(tr("click paints"))
        self.click_paints.setToolTip(tr("A click paints a cell as a drag does; else it selects it"))
        self.click_paints.toggled.connect(self._on_brush)
        self.brush.edited.connect(self._on_brush)
        self.step.edited.connect(self._on_brush)
        self.symmetry.currentIndexChanged.connect(self._on_brush)

        sides = [(side, str(side)) for side in SIDES]
        self.rows = choice_box(self, sides, tr("Rows of the kernels"))
        self.columns = choice_box(self, sides, tr("Columns of the kernels"))
        self.rows.activated.connect(self._on_rows)
        self.columns.activated.connect(self._on_columns)
        self.pad = choice_box(
            self, [("valid", tr("valid")), ("same", tr("same"))], tr("pad"),
            tr("valid: only where the kernel fits, as in the tutorial; same: zeros around the "
               "picture, so that the output keeps its size"),
        )  # fmt: skip
        self.stride = choice_box(
            self, [(n, str(n)) for n in range(1, 5)], tr("stride"),
            tr("How far the window moves from one output pixel to the next, in input pixels"),
        )  # fmt: skip
        self.dilation = choice_box(
            self, [(n, str(n)) for n in range(1, 4)], tr("Dilation"),
            tr("How far apart the kernel's cells lie on the input, in pixels"),
        )  # fmt: skip
        self.mode = choice_box(
            self,
            [("grey", tr("grey")), ("each", tr("each")), ("three", tr("RGB"))],
            tr("colour"),
            tr("grey: on the brightness, as in the tutorial; each: the kernel on red, green and "
               "blue; RGB: a three-channel kernel with a grid for each"),
        )  # fmt: skip
        for box, signal in (
            (self.pad, self.pad_chosen),
            (self.stride, self.stride_chosen),
            (self.dilation, self.dilation_chosen),
            (self.mode, self.mode_chosen),
        ):
            box.activated.connect(self._report(box, signal))
        self._lay_out()

    def _toggle(self, name: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon(name))
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        return button

    @staticmethod
    def _report(box: QComboBox, signal: Any) -> Callable[[int], None]:
        def report(index: int) -> None:
            signal.emit(box.itemData(index))

        return report

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setContentsMargins(0, 0, 0, 0)
        first.setSpacing(6)
        first.addWidget(self.open_button)
        first.addWidget(self.sample_button)
        first.addStretch(1)
        first.addWidget(self.draw_button)
        first.addWidget(self.camera_button)
        form = QGridLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(theme.STEP)
        form.setVerticalSpacing(_MOST_GAP)
        form.setColumnStretch(1, 1)
        size = QHBoxLayout()
        size.setSpacing(4)
        size.addWidget(self.rows, 1)
        size.addWidget(QLabel("×", self))
        size.addWidget(self.columns, 1)
        both = QHBoxLayout()
        both.addWidget(self.symmetry)
        both.addWidget(self.radius)
        both.addWidget(self.click_paints)
        self._form = form
        self._narrow_parts: list[QWidget] = []
        self._second_names: list[QWidget] = []
        self._first_names: list[QWidget] = []
        rows: list[tuple[str, Any, str, Any]] = [
            (tr("brush"), self.brush, tr("step"), self.step),
            (tr("mirror"), both, "", None),
            (tr("size"), size, "", None),
            (tr("pad"), self.pad, tr("stride"), self.stride),
            (tr("colour"), self.mode, tr("dilate"), self.dilation),
        ]
        for row, (left, first_part, right, second_part) in enumerate(rows):
            name = self._name(left)
            self._first_names.append(name)
            if first_part is both:
                self._mirror_name = name
            form.addWidget(name, row, 0)
            span = 1 if second_part is not None else 3
            if isinstance(first_part, QWidget):
                form.addWidget(first_part, row, 1, 1, span)
            else:
                form.addLayout(first_part, row, 1, 1, span)
            if second_part is not None:
                second_name = self._name(right)
                self._second_names.append(second_name)
                form.addWidget(second_name, row, 2)
                form.addWidget(second_part, row, 3)
                self._narrow_parts.append(second_part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_MOST_GAP)
        self._first = first
        layout.addLayout(first)
        layout.addLayout(form)
        layout.addStretch(1)
        self._name_buttons()

    def _heights(self) -> list[int]:
        """Of each row, in pixels."""
        fields = (self.brush, self.symmetry, self.rows, self.pad, self.mode)
        first = int(self._first.minimumSize().height())
        return [first, *(int(field.sizeHint().height()) for field in fields)]

    def minimumSizeHint(self) -> QSize:
        heights = self._heights()
        least = sum(heights) + _LEAST_GAP * (len(heights) - 1)
        return QSize(super().minimumSizeHint().width(), least)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow column words give way to icons, in a low one the rows move together."""
        super().resizeEvent(event)
        heights = self._heights()
        gap = (self.height() - sum(heights)) // (len(heights) - 1)
        gap = min(_MOST_GAP, max(_LEAST_GAP, gap))
        if gap != self._form.verticalSpacing():
            self._form.setVerticalSpacing(gap)
            self.layout().setSpacing(gap)
        scale = theme.scale()
        narrow = self.width() < _NARROW * scale
        tight = self.width() < _TIGHT * scale
        if tight != self._tight:
            # With large text labels go before fields; the tool tips still say what these are.
            self._tight = tight
            for name in self._first_names:
                name.setVisible(not tight)
            self.click_paints.setText("" if tight else tr("click paints"))
        if narrow != self._narrow:
            self._narrow = narrow
            self._name_buttons()
            self._form.setHorizontalSpacing(4 if narrow else theme.STEP)
            for name in self._second_names:
                name.setVisible(not narrow)  # the tool tips still say it
            for part in self._narrow_parts:
                part.setFixedWidth(round((48 if narrow else 64) * scale))

    def _name_buttons(self) -> None:
        """Words or icons; either way Alt with the underlined letter works."""
        narrow = bool(self._narrow)
        for button, text, name in (
            (self.open_button, tr("&Open …"), "open"),
            (self.sample_button, tr("&Sample") + " ▾", "picture"),
        ):
            button.setText("" if narrow else text)
            button.setIcon(icon(name) if narrow else QIcon())
            button.setShortcut(QKeySequence.mnemonic(text))

    def retell(self) -> None:
        """The buttons' words, and their keys, in the language in use."""
        self._name_buttons()

    def _name(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setProperty("role", "muted")
        return label

    def set_sample_menu(self, menu: QMenu) -> None:
        """The menu under Sample."""
        self.sample_button.setMenu(menu)

    def refresh(self, bench: FilterBench) -> None:
        """Show the bench's settings."""
        settings = bench.settings
        self._size = bench.size
        for box, value in (
            (self.rows, bench.size[0]),
            (self.columns, bench.size[1]),
            (self.pad, settings.pad),
            (self.stride, settings.stride),
            (self.dilation, settings.dilation),
            (self.mode, settings.mode),
        ):
            with QSignalBlocker(box):
                box.setCurrentIndex(box.findData(value))

    def set_drawing(self, on: bool) -> None:
        """While the input is drawn on, the brush has a radius instead of a mirror."""
        self.symmetry.setVisible(not on)
        self.radius.setVisible(on)
        self._mirror_name.setText(tr("radius") if on else tr("mirror"))

    def set_brush(self, value: float) -> None:
        """Take a value as the brush."""
        self.brush.setValue(value)

    def _on_open(self) -> None:
        self.open_requested.emit()

    def _on_brush(self, *_: Any) -> None:
        self.brush_changed.emit()

    def _on_rows(self, index: int) -> None:
        # A square kernel stays square; choosing the columns makes another shape.
        side, (rows, columns) = int(self.rows.itemData(index)), self._size
        self.size_chosen.emit(side, side if rows == columns else columns)

    def _on_columns(self, index: int) -> None:
        self.size_chosen.emit(self._size[0], int(self.columns.itemData(index)))
