"""What stands under the input: where it comes from, the brush, and the net's settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, QSize, Signal
from qtpy.QtGui import QResizeEvent
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
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.filters.numbers import NumberField
from filterlab.gui.i18n import tr
from filterlab.workbench.filter_bench import FilterBench

__all__ = ["InputPanel", "choice_box"]

#: Pixels between two rows, and between two parts: as many as there is room for.
_LEAST_GAP, _MOST_GAP = 2, 8

#: The least width of a field, and from it to its neighbours in a narrow column, in pixels.
_FIELD, _NEAR = 56, 4

#: From this width of the column fields have their usual padding.
_ROOMY = 270


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
    linked_chosen(bool) : one size for all filters, or not
    pad_chosen(str), edge_chosen(str), stride_chosen(int), dilation_chosen(int), mode_chosen(str)
    """

    open_requested = Signal()
    draw_toggled = Signal(bool)
    camera_toggled = Signal(bool)
    brush_changed = Signal()
    linked_chosen = Signal(bool)
    pad_chosen = Signal(str)
    edge_chosen = Signal(str)
    stride_chosen = Signal(int)
    dilation_chosen = Signal(int)
    mode_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._arranged = (0, 0)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        self.open_button = QPushButton(tr("&Open …"), self)
        self.open_button.setAccessibleName(tr("Open picture"))
        self.open_button.setToolTip(tr("Open a picture (Ctrl+O); or drop or paste one"))
        self.open_button.clicked.connect(self._on_open)
        self.sample_button = QToolButton(self)
        self.sample_button.setText(tr("&Sample") + " ▾")
        self.sample_button.setAccessibleName(tr("Sample"))
        self.sample_button.setToolTip(tr("Sample photographs and drawn test pictures"))
        self.sample_button.setPopupMode(QToolButton.InstantPopup)
        self.draw_button = self._toggle(tr("Draw"), tr("Draw on the input with the brush"))
        self.draw_button.toggled.connect(self.draw_toggled)
        self.camera_button = self._toggle(tr("Camera"), tr("Live picture of the camera"))
        self.camera_button.toggled.connect(self.camera_toggled)

        self.brush = NumberField(-1e4, 1e4, 0.1, 0.5, self)
        self.brush.setAccessibleName(tr("Brush"))
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

        self.linked = QCheckBox(tr("one size for all"), self)
        self.linked.setToolTip(tr("The three filters keep one size"))
        self.linked.toggled.connect(self.linked_chosen)
        self.edge = choice_box(
            self,
            [("zero", tr("zero")), ("reflect", tr("reflect")), ("replicate", tr("replicate")),
             ("wrap", tr("wrap"))],
            tr("edge"),
            tr("What the padding holds. Zeros are the net's own; with the others the picture is "
               "padded before the net, as the pycaffe lines say"),
        )  # fmt: skip
        self.pad = choice_box(
            self, [("valid", tr("none")), ("same", tr("same"))], tr("padding"),
            tr("none: only where the kernel fits, as in the tutorial (valid); same: cells around "
               "the picture, so that the output keeps its size"),
        )  # fmt: skip
        self.stride = choice_box(
            self, [(n, str(n)) for n in range(1, 5)], tr("stride"),
            tr("How far the window moves from one output pixel to the next, in input pixels"),
        )  # fmt: skip
        self.dilation = choice_box(
            self, [(n, str(n)) for n in range(1, 4)], tr("dilation"),
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
            (self.edge, self.edge_chosen),
            (self.stride, self.stride_chosen),
            (self.dilation, self.dilation_chosen),
            (self.mode, self.mode_chosen),
        ):
            box.activated.connect(self._report(box, signal))
        self._lay_out()

    def _toggle(self, text: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
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
        self._buttons: list[Any] = [
            self.open_button, self.sample_button, self.draw_button, self.camera_button,
        ]  # fmt: skip
        for button in self._buttons:
            button.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
            button.setFixedHeight(round(28 * theme.scale()))
            button.setStyleSheet("padding: 2px 3px;")
        self._mirror_name = self._name(tr("mirror"))
        place = QWidget(self)
        both = QHBoxLayout(place)
        both.setContentsMargins(0, 0, 0, 0)
        both.addWidget(self.symmetry)
        both.addWidget(self.radius)
        place.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        #: What stands in a row: a label with its field, or a check box.
        parts: list[tuple[str, list[tuple[QLabel | None, QWidget]]]] = [
            (tr("Brush"), [
                (self._name(tr("value")), self.brush), (self._name(tr("step")), self.step),
                (self._mirror_name, place), (None, self.click_paints),
            ]),
            (tr("Convolution"), [
                (self._name(tr("padding")), self.pad), (self._name(tr("edge")), self.edge),
                (self._name(tr("stride")), self.stride),
                (self._name(tr("dilation")), self.dilation),
                (self._name(tr("colour")), self.mode), (None, self.linked),
            ]),
        ]  # fmt: skip
        self._parts = parts
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._headings = [self._heading(text) for text in (tr("Picture"), *(p for p, _ in parts))]
        self._arrange(2)

    def _heading(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setProperty("role", "heading")
        return label

    def _arrange(self, pairs: int) -> None:
        """Two labelled fields in a row, or in a narrow column one."""
        files = 2 * pairs if self._buttons_fit(2 * pairs) else 2
        if (pairs, files) == self._arranged:
            return
        self._arranged = pairs, files
        grid = self._grid
        while grid.count():
            grid.takeAt(0)
        for row in range(grid.rowCount()):
            grid.setRowStretch(row, 0)
        buttons = QGridLayout()
        buttons.setSpacing(theme.STEP)
        for index, button in enumerate(self._buttons):
            buttons.addWidget(button, index // files, index % files)
            buttons.setColumnStretch(index % files, 1)
        row = 0
        grid.addWidget(self._headings[0], row, 0, 1, 4)
        grid.addLayout(buttons, row + 1, 0, 1, 4)
        row += 2
        for heading, (_, fields) in zip(self._headings[1:], self._parts):
            grid.addWidget(heading, row, 0, 1, 4)
            row += 1
            for index, (name, field) in enumerate(fields):
                column = 2 * (index % pairs)
                if name is None:
                    grid.addWidget(field, row, column, 1, 2)
                else:
                    grid.addWidget(name, row, column)
                    grid.addWidget(field, row, column + 1)
                row += index % pairs == pairs - 1
            row += len(fields) % pairs != 0
        grid.setRowStretch(row, 1)
        for column in (1, 3):
            grid.setColumnStretch(column, 1 if column < 2 * pairs else 0)
        self._count = row
        self.updateGeometry()

    def _buttons_fit(self, files: int) -> bool:
        widths = [b.fontMetrics().horizontalAdvance(b.text().replace("&", "")) + 10
                  for b in self._buttons]  # fmt: skip
        return self.width() >= files * max(widths) + (files - 1) * theme.STEP

    def _wide(self) -> int:
        """The width that two labelled fields in a row take, in pixels."""
        names = [name for _, fields in self._parts for name, _ in fields if name is not None]
        left = max(name.sizeHint().width() for name in names[::2])
        right = max(name.sizeHint().width() for name in names[1::2])
        check = max(box.sizeHint().width() for box in (self.click_paints, self.linked))
        box = round(_FIELD * theme.scale())
        return int(left + box + max(right + box + _NEAR, check) + 2 * _NEAR)

    def minimumSizeHint(self) -> QSize:
        rows = [self._grid.cellRect(row, 0).height() for row in range(self._count)]
        least = self._grid.minimumSize().height()
        spacing = max(0, self._grid.verticalSpacing())
        least -= (spacing - _LEAST_GAP) * max(0, len(rows) - 1)
        return QSize(0, int(least))

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow column fields stand below each other, in a low one the rows move together."""
        super().resizeEvent(event)
        self._arrange(2 if self.width() >= self._wide() else 1)
        spare = self.height() - self.minimumSizeHint().height()
        gap = _LEAST_GAP + spare // max(1, self._count - 1)
        self._grid.setVerticalSpacing(min(_MOST_GAP, max(_LEAST_GAP, gap)))
        narrow = self.width() < _ROOMY * theme.scale()
        self.linked.setText(tr("one size") if narrow else tr("one size for all"))
        style = "QComboBox { padding-left: 2px; } QComboBox::drop-down { width: 14px; }"
        for box in (self.pad, self.edge, self.stride, self.dilation, self.mode, self.symmetry):
            box.setStyleSheet(style if narrow else "")
        roomy = self.width() >= self._wide() + 3 * (_MOST_GAP - _NEAR) + 8
        self._grid.setHorizontalSpacing(_MOST_GAP if roomy else _NEAR)

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through here, as the eye does."""
        return [
            *self._buttons, self.brush, self.step, self.symmetry, self.radius, self.click_paints,
            self.pad, self.edge, self.stride, self.dilation, self.mode, self.linked,
        ]  # fmt: skip

    def retell(self) -> None:
        """Share the room out for the words of the language in use."""
        self._arranged = (0, 0)
        self._arrange(2 if self.width() >= self._wide() else 1)

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
        with QSignalBlocker(self.linked):
            self.linked.setChecked(bench.linked)
        for box, value in (
            (self.pad, settings.pad),
            (self.edge, settings.edge),
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
