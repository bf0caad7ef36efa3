"""How the map is shown: the panel behind the View button; every change shows at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QIcon, QPixmap
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.heatmap.look_names import boxes, lay_tips, lays, shows
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.key_run import KeyRuns
from filterlab.gui.widgets.popover import Popover
from filterlab.gui.widgets.segments import Segments
from filterlab.surgery.choices import COLOUR_BLIND_SAFE
from filterlab.surgery.overlay import COLORMAPS
from filterlab.workbench.heatmap_state import Look

__all__ = ["ViewPopover"]

#: Of gamma, from 0.2 to 3 in steps of a tenth.
_GAMMA = (0.2, 3.0, 28)


class ViewPopover(Popover):
    """All of the look.

    Signals
    -------
    changed(str, object, bool) : which field of the look, its value, whether a slider still moves
    settled() : a slider was let go
    reset_requested(), keep_requested() : Reset; Keep as default
    """

    changed = pyqtSignal(str, object, bool)
    settled = pyqtSignal()
    reset_requested = pyqtSignal()
    keep_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sliders: dict[str, tuple[QSlider, QLabel, Callable[[float], str]]] = {}
        self._boxes: dict[str, QCheckBox] = {}
        self.runs = KeyRuns()
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.STEP)
        grid = QGridLayout()
        grid.setHorizontalSpacing(margin)
        grid.setVerticalSpacing(theme.STEP)
        grid.setColumnStretch(1, 1)
        self.show_combo = QComboBox(self)
        for text, key in shows():
            self.show_combo.addItem(text, key)
        self.show_combo.activated.connect(self.runs.of(self._on_show, self.show_combo))
        self.lay_row = Segments(lays(), self, tr("Laid as"))
        self._tell_segment(self.lay_row, "projection")
        for key, told in lay_tips().items():
            self.lay_row.button(key).setToolTip(told)
        self.scale_row = Segments(_scales("0 – 40 %"), self, tr("Scale"))
        self._tell_segment(self.scale_row, "scale")
        self.colours_combo = QComboBox(self)
        self.colours_combo.setIconSize(QSize(96, 12))
        for name in COLORMAPS:
            safe = name in COLOUR_BLIND_SAFE
            told = tr("grey") if name == "grey" else name  # the others are names
            text = f"{told}  ✓" if safe else told
            self.colours_combo.addItem(_swatch(name), text, name)
            if safe:
                told = tr("✓ Safe for the colour-blind: its lightness grows all the way")
                self.colours_combo.setItemData(self.colours_combo.count() - 1, told, Qt.ToolTipRole)
        self.colours_combo.setToolTip(
            tr("✓ Safe for the colour-blind: its lightness grows all the way")
        )
        self.colours_combo.activated.connect(self.runs.of(self._on_colours, self.colours_combo))
        for row, (text, widget) in enumerate(
            (
                (tr("Show"), self.show_combo),
                (tr("Laid as"), self.lay_row),
                (tr("Scale"), self.scale_row),
                (tr("Colours"), self.colours_combo),
            )
        ):
            self._row(grid, row, text, widget)
            widget.setFixedHeight(max(32, theme.line_height(self.fontMetrics()) + 12))
        self._slider(grid, 4, "opacity", tr("Opacity"), (0.0, 1.0, 100), _percent)
        self._slider(grid, 5, "threshold", tr("Threshold"), (0.0, 1.0, 100), _percent)
        self._slider(grid, 6, "gamma", tr("Gamma"), _GAMMA, lambda value: f"{value:.1f}")
        layout.addLayout(grid)
        layout.addWidget(_rule(self))
        for key, text, told in boxes():
            box = QCheckBox(text, self)
            box.setToolTip(told)
            box.setProperty("look", key)
            box.toggled.connect(self._on_box)
            self._boxes[key] = box
            layout.addWidget(box)
        layout.addWidget(_rule(self))
        self.reset_button = QPushButton(tr("Reset"), self)
        self.reset_button.clicked.connect(self.reset_requested)
        self.keep_button = QPushButton(tr("Keep as default"), self)
        self.keep_button.setToolTip(tr("New windows begin with this look"))
        self.keep_button.clicked.connect(self.keep_requested)
        row_ = QHBoxLayout()
        row_.setSpacing(theme.STEP)
        for button in (self.reset_button, self.keep_button):
            button.setFixedHeight(max(32, theme.line_height(self.fontMetrics()) + 12))
            button.setAutoDefault(False)
            row_.addWidget(button, 1)
        layout.addLayout(row_)

    def _row(self, grid: QGridLayout, row: int, text: str, widget: QWidget) -> None:
        label = QLabel(text, self)
        label.setProperty("role", "muted")
        label.setBuddy(widget)
        widget.setAccessibleName(text)
        grid.addWidget(label, row, 0)
        grid.addWidget(widget, row, 1)

    def _slider(
        self,
        grid: QGridLayout,
        row: int,
        key: str,
        text: str,
        span: tuple[float, float, int],
        written: Callable[[float], str],
    ) -> None:
        low, high, steps = span
        slider = QSlider(Qt.Horizontal, self)
        slider.setRange(0, steps)
        slider.setProperty("look", key)
        slider.setProperty("span", [low, high])
        slider.valueChanged.connect(self._on_slid)
        slider.sliderReleased.connect(self.settled)
        number = QLabel(self)
        number.setAlignment(Qt.AlignRight | Qt.AlignVCenter)
        number.setFixedWidth(self.fontMetrics().horizontalAdvance("100 %") + 4)
        holder = QWidget(self)
        line = QHBoxLayout(holder)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(slider, 1)
        line.addWidget(number)
        self._sliders[key] = (slider, number, written)
        self._row(grid, row, text, holder)
        slider.setAccessibleName(text)

    # Showing

    def set_look(self, look: Look, best: str = "") -> None:
        """Show a look without signalling; ``best`` names the scale that ends above the best cell.

        What has no meaning for what is shown cannot be changed.
        """
        one = look.show == "class"
        with QSignalBlocker(self.show_combo), QSignalBlocker(self.colours_combo):
            self.show_combo.setCurrentIndex(max(0, self.show_combo.findData(look.show)))
            self.colours_combo.setCurrentIndex(max(0, self.colours_combo.findData(look.colours)))
        self.lay_row.choose(look.projection)
        if best:
            self.scale_row.button("best").setText(best)
        self.scale_row.choose(look.scale)
        self.scale_row.setEnabled(look.show != "winner")
        for key in ("log", "score"):
            self.scale_row.button(key).setEnabled(one)
        self.lay_row.setEnabled(look.show != "winner")
        self.colours_combo.setEnabled(look.show in ("class", "entropy"))
        for key, (slider, number, written) in self._sliders.items():
            low, high = slider.property("span")
            value = float(getattr(look, key))
            with QSignalBlocker(slider):
                slider.setValue(round((value - low) / (high - low) * slider.maximum()))
            number.setText(written(value))
        for key, box in self._boxes.items():
            with QSignalBlocker(box):
                box.setChecked(bool(getattr(look, key)))

    def slider(self, key: str) -> QSlider:
        """The slider of a field of the look."""
        return self._sliders[key][0]

    def box(self, key: str) -> QCheckBox:
        """The check box of a field of the look."""
        return self._boxes[key]

    # Changing

    def _tell_segment(self, row: Segments, field: str) -> None:
        def told(key: str) -> None:
            self.changed.emit(field, key, False)

        row.chosen.connect(self.runs.of(told, *row.buttons()))

    def _on_show(self, index: int) -> None:
        self.changed.emit("show", str(self.show_combo.itemData(index)), False)

    def _on_colours(self, index: int) -> None:
        self.changed.emit("colours", str(self.colours_combo.itemData(index)), False)

    def _on_slid(self, at: int) -> None:
        slider = self.sender()
        if isinstance(slider, QSlider):
            low, high = slider.property("span")
            value: Any = low + (high - low) * at / slider.maximum()
            key = str(slider.property("look"))
            _, number, written = self._sliders[key]
            number.setText(written(value))
            self.changed.emit(key, round(value, 4), True)

    def _on_box(self, on: bool) -> None:
        self.changed.emit(str(self.sender().property("look")), on, False)


def _scales(best: str) -> tuple[tuple[str, str], ...]:
    return (
        (best, "best"),
        ("0 – 100 %", "unit"),
        (tr("log"), "log"),
        (tr("score"), "score"),
    )


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _rule(parent: QWidget) -> QFrame:
    line = QFrame(parent)
    line.setFixedHeight(1)
    line.setStyleSheet(f"background: {theme.current().line};")
    return line


def _swatch(name: str) -> QIcon:
    return QIcon(QPixmap.fromImage(image_of(lut(name)[None]).scaled(96, 12)))
