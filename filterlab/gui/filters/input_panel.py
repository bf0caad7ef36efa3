"""What stands under the input: where it comes from, the brush, and the net's settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QIcon, QResizeEvent
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
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
from filterlab.gui.widgets.key_run import KeyRuns
from filterlab.workbench.filter_bench import FilterBench

__all__ = ["InputPanel", "choice_box"]

#: Pixels between two rows, as few and as many as there is room for.
_LEAST_GAP, _MOST_GAP = 2, 8

#: Pixels between a name and its field, and from a field to the name of the next.
_NEAR, _APART = 4, 8

#: Around a text, in pixels: in a combo box, in a narrow one, in a spin box, beside a check mark,
#: in a button.
_BOX, _NARROW_BOX, _SPIN, _CHECK, _BUTTON = 36, 20, 28, 24, 10

_ANY = 16_777_215

#: A field with its name, a check box without.
_Field = tuple["QLabel | None", QWidget]


class _Form(NamedTuple):
    """How the fields stand.

    Attributes
    ----------
    files : how many of the picture's buttons are in a row
    narrow : fields have little padding
    columns : how many fields are in a row, 2 or 1
    names, left, others : widths of the first names, the first fields and the second names, in
        pixels; 0 for as wide as each needs to be
    folded : only one part is open
    """

    files: int = 4
    narrow: bool = False
    columns: int = 2
    names: int = 0
    left: int = 0
    others: int = 0
    folded: bool = False


def _wide(name: QLabel | None) -> int:
    """The width of a name, in pixels."""
    return 0 if name is None else int(name.fontMetrics().horizontalAdvance(name.text())) + 1


def _word(button: Any) -> int:
    """The least width of a button, in pixels."""
    return int(button.fontMetrics().horizontalAdvance(button.text().replace("&", ""))) + _BUTTON


def choice_box(
    parent: QWidget, choices: Sequence[tuple[Any, str]], name: str, tip: str = ""
) -> QComboBox:
    """A combo box of (value, text) pairs."""
    box = QComboBox(parent)
    for value, text in choices:
        box.addItem(text, value)
    box.setAccessibleName(name)
    box.setToolTip(tip or name)
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

    open_requested = pyqtSignal()
    draw_toggled = pyqtSignal(bool)
    camera_toggled = pyqtSignal(bool)
    brush_changed = pyqtSignal()
    linked_chosen = pyqtSignal(bool)
    pad_chosen = pyqtSignal(str)
    edge_chosen = pyqtSignal(str)
    stride_chosen = pyqtSignal(int)
    dilation_chosen = pyqtSignal(int)
    mode_chosen = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form, self._open, self._lines = _Form(), 0, 0
        self.runs = KeyRuns()
        self._room = (300, _ANY)
        self.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        self.open_button = QPushButton(tr("&Open …"), self)
        self.open_button.setAccessibleName(tr("Open picture"))
        self.open_button.setToolTip(tr("Open a picture (Ctrl+O); or drop or paste one"))
        self.open_button.clicked.connect(self._on_open)
        # A tool button takes a mnemonic's & for a character to be cut.
        self.sample_button = QPushButton(tr("&Sample") + " ▾", self)
        self.sample_button.setAccessibleName(tr("Sample"))
        self.sample_button.setToolTip(tr("Sample photographs and drawn test pictures"))
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
        #: Where the mirror stands or, while the input is drawn on, the radius.
        self._either = QWidget(self)
        self.symmetry = choice_box(
            self._either,
            [("none", tr("none")), ("horizontal", tr("left–right")), ("vertical", tr("up–down")),
             ("both", tr("both")), ("rotational", tr("rotational"))],
            tr("Symmetry"), tr("Cells that are drawn along with the one you paint"),
        )  # fmt: skip
        self.radius = NumberField(0.5, 500, 1, 4, self._either, "px")
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
            box.activated.connect(self.runs.of(self._report(box, signal), box))
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
        high = max(28, theme.line_height(self.fontMetrics()) + 10)
        for button in self._buttons:
            button.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Fixed)
            button.setFixedHeight(high)
            button.setStyleSheet("padding: 2px 1px;")
        self._mirror_name = self._name(tr("mirror"))
        both = QHBoxLayout(self._either)
        both.setContentsMargins(0, 0, 0, 0)
        both.addWidget(self.symmetry)
        both.addWidget(self.radius)
        self._either.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        #: Of each part its fields in their order, each with its name, check boxes without.
        self._parts: list[list[_Field]] = [
            [],
            [
                (self._name(tr("value")), self.brush), (self._name(tr("step")), self.step),
                (self._mirror_name, self._either), (None, self.click_paints),
            ],
            [
                (self._name(tr("padding")), self.pad), (self._name(tr("edge")), self.edge),
                (self._name(tr("stride")), self.stride),
                (self._name(tr("dilation")), self.dilation),
                (self._name(tr("colour")), self.mode), (None, self.linked),
            ],
        ]  # fmt: skip
        self._headings = [
            self._heading(at, text)
            for at, text in enumerate((tr("Picture"), tr("Brush"), tr("Convolution")))
        ]
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._arrange(self._form_for(*self._room), anew=True)

    def _heading(self, part: int, text: str) -> QPushButton:
        """A part's name; where there is no room for all parts, it opens its own."""
        heading = QPushButton(text, self)
        heading.setProperty("heading", True)
        heading.setProperty("part", part)
        heading.setIconSize(QSize(12, 12))
        heading.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        heading.clicked.connect(self._on_heading)
        return heading

    def _on_heading(self) -> None:
        self.open_part(int(self.sender().property("part")))

    def open_part(self, part: int) -> None:
        """Of folded parts, open this one: 0 picture, 1 brush, 2 convolution."""
        self._open = part
        self._arrange(self._form, anew=True)

    @property
    def folded(self) -> bool:
        """Whether only one part is open."""
        return self._form.folded

    # Room

    def fit(self, width: int, height: int) -> None:
        """Be as wide as this and, if parts must fold for it, at most as high, in pixels."""
        if (width, height) != self._room:
            self._room = width, height
            self._arrange(self._form_for(width, height))

    def _need(self, field: QWidget, narrow: bool) -> int:
        """The width at which a field's longest text is whole, in pixels."""
        if field is self._either:
            return max(self._need(self.symmetry, narrow), self._need(self.radius, narrow))
        metrics = field.fontMetrics()
        if isinstance(field, QComboBox):
            texts = [field.itemText(row) for row in range(field.count())]
            return max(map(metrics.horizontalAdvance, texts)) + (_NARROW_BOX if narrow else _BOX)
        if isinstance(field, QCheckBox):
            text = tr("one size") if field is self.linked else field.text()
            return int(metrics.horizontalAdvance(text)) + _CHECK
        return int(metrics.horizontalAdvance("\N{MINUS SIGN}0.25")) + _SPIN

    def _form_for(self, width: int, height: int) -> _Form:
        """How the fields stand in a column of this size."""
        form = next(form for form in self._forms(width) if form is not None)
        if self._high(form) > height:
            return form._replace(folded=True)
        return form

    def _forms(self, width: int) -> Iterator[_Form | None]:
        files = self._files_in(width)
        rows = [row for part in self._parts for row in zip(part[::2], part[1::2])]
        names = max(_wide(left[0]) for left, _ in rows)
        others = max(_wide(right[0]) for _, right in rows)
        for narrow in (False, True):
            left = max(self._need(left[1], narrow) for left, _ in rows)
            right = max(
                self._need(right[1], narrow) + (others + _NEAR if right[0] is not None else 0)
                for _, right in rows
            )
            spare = width - (names + left + right + _NEAR + _APART)
            left += spare // 2
            yield _Form(files, narrow, 2, names, left, others) if spare >= 0 else None
        # Not on lines with each other; a line that is too long becomes two.
        loose = _Form(files, True, 2, names)
        yield loose if any(self._on_one_line(loose, row, width) for row in rows) else None
        yield _Form(files, False, 1, max(names, others))

    def _high(self, form: _Form) -> int:
        """What the parts take at least, in pixels: all of them or, folded, the highest."""
        field = max(field.sizeHint().height() for part in self._parts for _, field in part)
        button, heading = self._buttons[0].height(), self._headings[0].sizeHint().height()
        lines = [[button] * (4 // form.files)]
        lines += [[field] * len(self._lines_of(form, part)) for part in self._parts[1:]]
        highs = [sum(part) + len(part) * _LEAST_GAP for part in lines]
        headings = 3 * heading + 2 * _LEAST_GAP
        return int(headings + (max(highs) if form.folded else sum(highs)))

    def least_height(self) -> int:
        """What it takes at least, folded if need be, in pixels."""
        return self._high(self._form._replace(folded=True))

    def _on_one_line(self, form: _Form, row: Sequence[_Field], width: int) -> bool:
        (_, left), (name, right) = row
        need = form.names + _NEAR + self._need(left, form.narrow) + _APART
        need += self._need(right, form.narrow) + (_wide(name) + _NEAR if name is not None else 0)
        return need <= width

    def _lines_of(self, form: _Form, part: Sequence[_Field]) -> list[Sequence[_Field]]:
        """A part's fields, line by line."""
        if form.columns == 1:
            return [[field] for field in part]
        found: list[Sequence[_Field]] = []
        for row in zip(part[::2], part[1::2]):
            if form.left or self._on_one_line(form, row, self._room[0]):
                found.append(row)
            else:
                found += [[field] for field in row]
        return found

    def _files_in(self, width: int) -> int:
        """How many of the picture's buttons stand in a row; in a narrow one words are smaller."""
        for pixels in (13, 12):
            for button in self._buttons:
                button.setFont(theme.font(pixels))
            if sum(map(_word, self._buttons)) + 3 * _NEAR <= width:
                return 4
        for button in self._buttons:
            button.setFont(theme.font(13))
        return 2

    def _arrange(self, form: _Form, anew: bool = False) -> None:
        """Put the fields where this form has them."""
        if form == self._form and not anew:
            return
        self._form = form
        beside = form.names + _NEAR + (form.left or self._need(self.mode, form.narrow)) + _APART
        whole = tr("one size for all")
        need = self.linked.fontMetrics().horizontalAdvance(whole) + _CHECK
        beside = beside if form.columns > 1 else 0
        fits = beside + need <= self._room[0]
        self.linked.setText(whole if fits else tr("one size"))
        for box in (self.pad, self.edge, self.stride, self.dilation, self.mode, self.symmetry):
            if bool(box.property("narrow")) != form.narrow:
                box.setProperty("narrow", form.narrow)
                theme.restyle(box)
        rows = self._rows
        while rows.count():
            line = rows.takeAt(0).layout()
            while line is not None and line.count():
                line.takeAt(0)
        self._lines = 0
        for part, heading in enumerate(self._headings):
            shown = not form.folded or part == self._open
            sign = icon("chevron-down" if shown else "chevron-right", 12)
            heading.setIcon(sign if form.folded else QIcon())
            heading.setFocusPolicy(Qt.TabFocus if form.folded else Qt.NoFocus)
            heading.setAttribute(Qt.WA_TransparentForMouseEvents, not form.folded)
            rows.addWidget(heading)
            lines: list[QHBoxLayout] = []
            if part == 0:
                for at in range(0, 4, form.files):
                    lines.append(self._line_of_buttons(self._buttons[at : at + form.files]))
            lines += [self._line(fields) for fields in self._lines_of(form, self._parts[part])]
            for line in lines:
                if shown:
                    rows.addLayout(line)
                for k in range(line.count()):
                    widget = line.itemAt(k).widget()
                    if widget is not None:
                        widget.setVisible(shown)
            self._lines += 1 + (len(lines) if shown else 0)
        rows.addStretch(1)
        self._set_gaps()
        self.updateGeometry()

    def _line_of_buttons(self, buttons: Sequence[QWidget]) -> QHBoxLayout:
        """Equally wide where there is room, else each as wide as its word needs."""
        line, words = QHBoxLayout(), [_word(button) for button in buttons]
        room = self._room[0] - len(words) * max(words)
        roomy = room >= (len(words) - 1) * theme.STEP
        line.setSpacing(theme.STEP if roomy else _NEAR)
        alike = room >= (len(words) - 1) * _NEAR
        for button, word in zip(buttons, words):
            line.addWidget(button, 1 if alike else word)
        return line

    def _line(self, fields: Sequence[_Field]) -> QHBoxLayout:
        form, line = self._form, QHBoxLayout()
        line.setSpacing(_NEAR)
        for at, (name, field) in enumerate(fields):
            if at:
                line.addSpacing(_APART - _NEAR)
            if name is not None:
                name.setFixedWidth((form.others if at else form.names) or _wide(name))
                line.addWidget(name)
            elif not at and form.columns > 1:
                line.addSpacing(form.names + _NEAR)
            if not isinstance(field, QCheckBox):
                field.setMinimumWidth(self._need(field, form.narrow))
                field.setMaximumWidth(_ANY)
            if form.left and not at:
                field.setFixedWidth(form.left)
            line.addWidget(field, 1)
        return line

    def minimumSizeHint(self) -> QSize:
        spacing = max(0, self._rows.spacing())
        least = self._rows.minimumSize().height() - (spacing - _LEAST_GAP) * (self._lines - 1)
        return QSize(0, int(least))

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def _set_gaps(self) -> None:
        """In a low column the rows move together."""
        spare = self.height() - self.minimumSizeHint().height()
        gap = _LEAST_GAP + spare // max(1, self._lines - 1)
        self._rows.setSpacing(min(_MOST_GAP, max(_LEAST_GAP, gap)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_gaps()

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through here, as the eye does."""
        return [
            self._headings[0], *self._buttons, self._headings[1], self.brush, self.step,
            self.symmetry, self.radius, self.click_paints, self._headings[2], self.pad, self.edge,
            self.stride, self.dilation, self.mode, self.linked,
        ]  # fmt: skip

    def retell(self) -> None:
        """Share the room out for the words of the language in use."""
        self._arrange(self._form_for(*self._room), anew=True)

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
