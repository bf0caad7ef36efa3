"""The four linked pictures in a row, their headings, and the scale they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QObject, QRectF, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QGridLayout, QToolButton, QVBoxLayout, QWidget

from filterlab.gui.filters.look import Frame, place
from filterlab.gui.filters.raster import Raster
from filterlab.gui.i18n import again, tr
from filterlab.gui.jobs import Latest
from filterlab.gui.widgets.colour_bar import ColourBar
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.histogram import short_number
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.picture_view import BoxItem, PictureView
from filterlab.surgery.convolve import Picture
from filterlab.workbench.filter_bench import Report

__all__ = ["Stage", "shown_input"]


def shown_input(picture: Picture, mode: str) -> np.ndarray:
    """The input as the net sees it, uint8: grey (H, W) in mode ``grey``, else as it is."""
    pixels = picture.grey if mode == "grey" else picture.pixels
    scaled = np.multiply(pixels, np.float32(255))
    np.clip(scaled, 0, 255, out=scaled)
    scaled += np.float32(0.5)
    return scaled.astype(np.uint8)


#: Inputs up to so many pixels are coloured at once, larger ones by a worker.
_AT_ONCE = 1 << 20

#: How opaque what a paused walk has not built is shown, of 255.
_FAINT = 72


def _input_of(picture: Picture, mode: str) -> tuple[Picture, str, np.ndarray]:
    return picture, mode, shown_input(picture, mode)


class Stage(QObject):
    """Puts pictures, outlines and numbers on the screen; computes nothing.

    Signals
    -------
    hovered(int, float, float) : the view (0 input, 1 to 3 outputs) and the place, in the input's
        pixels
    left() : the cursor left the pictures
    clicked(int, float, float)
    """

    hovered = Signal(int, float, float)
    left = Signal()
    clicked = Signal(int, float, float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.views = [PictureView(parent) for _ in range(4)]
        PictureView.link(self.views)
        self.rasters = [Raster(view) for view in self.views]
        self.titles = [Line(parent, "heading") for _ in range(4)]
        self.notes = [Line(parent, "muted") for _ in range(4)]
        self.bar = ColourBar(parent)
        self.scale_button = QToolButton(parent)
        self.scale_button.setText(tr("&Display") + " ▾")
        self.scale_button.setProperty("flat", True)
        self.scale_button.setPopupMode(QToolButton.InstantPopup)
        self.scale_button.setToolTip(tr("How the outputs are shown: scale, colours, ReLU, |v|"))
        self.window_box = self.views[0].add_item(BoxItem("#FFB000"))
        self.window_box.set_box(0, 0, 0, 0)
        self.pixel_boxes = [view.add_item(BoxItem("#FFB000")) for view in self.views[1:]]
        for box in self.pixel_boxes:
            box.set_box(0, 0, 0, 0)
        self._input_key: object = None
        self.inputs = Latest(self)
        self.inputs.ready.connect(self._on_input)
        self.frame: Frame | None = None
        self.reports: tuple[Report, ...] | None = None
        self._tracker = 0
        self._reveal: int | None = None
        self._rest = 0
        self._rgba: list[np.ndarray] = []
        for index, view in enumerate(self.views):
            view.setProperty("slot", index)
            view.setFocusPolicy(Qt.ClickFocus)  # it has no keys of its own
            view.hovered.connect(self._on_hovered)
            view.left.connect(self.left)
            view.clicked.connect(self._on_clicked)
            name = tr("Input") if index == 0 else tr("Output of filter {n}").format(n=index - 1)
            view.setAccessibleName(name)

    def lay_out(self, grid: QGridLayout) -> None:
        """Fill rows 0 (headings), 1 (pictures) and 2 (numbers) of a grid, columns 0 to 4."""
        for column in range(4):
            grid.addWidget(self.titles[column], 0, column)
            grid.addWidget(self.views[column], 1, column)
            grid.addWidget(self.notes[column], 2, column)
            grid.setColumnStretch(column, 1)
            # All four equally wide, whatever stands beneath them.
            grid.setColumnMinimumWidth(column, 180)
        side = QVBoxLayout()
        side.setContentsMargins(0, 0, 0, 0)
        side.addWidget(self.bar, 1)
        grid.addWidget(self.scale_button, 0, 4, Qt.AlignRight)
        grid.addLayout(side, 1, 4)

    # Showing

    def show_input(self, picture: Picture, mode: str, array: np.ndarray | None = None) -> None:
        """Show the input; ``array`` is :func:`shown_input` if it was made already."""
        key = (picture, mode)
        if array is None:
            if key == self._input_key:
                return
            self._input_key = key
            if picture.width * picture.height > _AT_ONCE:
                self.inputs.request(_input_of, picture, mode)
                return
            self.inputs.drop()
        elif key != self._input_key:
            return
        shown = shown_input(picture, mode) if array is None else array
        values = picture.grey if mode == "grey" else picture.pixels
        self.rasters[0].show(
            shown, extent=QRectF(0, 0, picture.width, picture.height), values=values
        )
        self.name_input(picture)

    def name_input(self, picture: Picture) -> None:
        """What stands around the input, in the language in use."""
        size, title = f"{picture.width} × {picture.height}", again(picture.title)
        self.titles[0].set_text(f"{tr('Input')}  {size}")
        self.notes[0].set_text(title)
        self.notes[0].setToolTip(title)

    def _on_input(self, made: tuple[Picture, str, np.ndarray]) -> None:
        self.show_input(*made)

    def shutdown(self) -> None:
        """Stop colouring the input."""
        self.inputs.shutdown()

    def show_frame(self, frame: Frame, reports: Sequence[Report] | None) -> None:
        """Show outputs."""
        if self.frame is not None and frame.outputs.data.shape != self.frame.outputs.data.shape:
            self._reveal = None  # how far the window came over others says nothing
        self.frame = frame
        if reports is not None:
            self.reports = tuple(reports)
        self._rgba = []
        self._show_outputs(frame)
        rows, cols = frame.outputs.full_size
        self._show_bar(frame)
        for slot in range(len(frame.shown)):
            title = f"{tr('Filter')} {slot}  {cols} × {rows}"
            # Every number shown is the net's own; of a large output the rest follows.
            coarse = frame.outputs.step > 1
            self.titles[1 + slot].set_text(f"{title}  {tr('preview')}" if coarse else title)
            self._show_note(slot)

    def _show_outputs(self, frame: Frame) -> None:
        snapshot, outputs = frame.snapshot, frame.outputs
        origin, pixel = place(snapshot.settings, snapshot.size, outputs.step)
        (x, y), (px, py) = place(snapshot.settings, snapshot.size)
        rows, cols = outputs.full_size
        extent = QRectF(x, y, cols * px, rows * py)
        table = lut(frame.look.table)
        for index, (shown, data) in enumerate(zip(frame.shown, outputs.data)):
            pixels, values = shown.pixels, data
            if self._reveal is not None:
                pixels, values = self._revealed(index, shown.pixels, table), None
            self.rasters[1 + index].show(pixels, table, origin, pixel, extent, values)

    def _revealed(self, index: int, pixels: np.ndarray, table: np.ndarray) -> np.ndarray:
        """An output as RGBA, clear or faint where the walking window has not been."""
        if len(self._rgba) <= index:
            rgb = table[pixels] if pixels.ndim == 2 else pixels
            rgba = np.zeros((*rgb.shape[:2], 4), np.uint8)
            rgba[..., :3] = rgb
            self._rgba.append(rgba)
        rgba = self._rgba[index]
        alpha = rgba[..., 3]
        cols = alpha.shape[1]
        rows, rest = divmod(int(self._reveal or 0), cols)
        alpha[:rows] = 255
        alpha[rows:] = self._rest
        if rest:
            alpha[rows, :rest] = 255
        return rgba

    def set_reveal(self, done: int | None, faint: bool = False) -> None:
        """Show only the first pixels of the outputs, row by row; None shows all.

        The others are not shown at all, or ``faint``.
        """
        rest = _FAINT if faint else 0
        if (done, rest) != (self._reveal, self._rest):
            self._reveal, self._rest = done, rest
            if self.frame is not None:
                self._show_outputs(self.frame)

    def _show_bar(self, frame: Frame) -> None:
        look = frame.look
        slot = self._tracker if look.scale == "own" else 0
        shown = frame.shown[slot]
        colour = shown.pixels.ndim == 3
        self.bar.set_colours(lut("grey" if colour else look.table))
        self.bar.set_levels(shown.low, shown.high)
        own = look.scale == "own"
        self.bar.set_caption(f"{tr('Filter')} {slot}" if own else "")
        self.bar.setToolTip(
            tr("Each output has its own scale; this is the one of the output last pointed at")
            if own
            else tr("One scale for the three outputs")
        )

    def _show_note(self, slot: int) -> None:
        frame, reports = self.frame, self.reports
        label = self.notes[1 + slot]
        if frame is None or reports is None:
            label.set_text("")
            return
        report, shown = reports[slot], frame.shown[slot]
        stats = report.now
        bad = stats.not_finite
        if bad:
            text = tr("not finite: {count} of {all} pixels (NaN or ∞)").format(
                count=bad, all=frame.outputs.data[slot].size
            )
        elif frame.look.scale == "clip":
            text = tr("{share} % clipped").format(share=_percent(shown.clipped))
        else:
            before = report.before.mean if report.before is not None else stats.mean
            text = f"{tr('mean')} {_short(stats.mean)}"
            if abs(before - stats.mean) > 5e-4:
                text = f"{tr('mean')} {_short(before)} → {_short(stats.mean)}"
        span = _short(stats.minimum, 2), _short(stats.maximum, 2)
        shorter: tuple[str, ...] = (tr("not finite: {count} pixels").format(count=bad),)
        if not bad:
            shorter = (f"{text} · {span[0]}…{span[1]}", text)
            text += f"  ·  {span[0]} … {span[1]}"
        label.set_text(text, "error" if bad else "muted", shorter)
        whole = tr("mean {mean}, least {low}, greatest {high}, standard deviation {std}").format(
            mean=short_number(stats.mean), low=short_number(stats.minimum),
            high=short_number(stats.maximum), std=short_number(stats.std),
        )  # fmt: skip
        label.setToolTip(f"{text}\n{whole}")

    def show_problem(self, text: str) -> None:
        """Nothing to show: the outputs stay empty, and their notes say why."""
        self.frame = None
        for raster, title, note in zip(self.rasters[1:], self.titles[1:], self.notes[1:]):
            raster.show(None)
            note.set_text(text)
            title.set_text(tr("Filter"))

    def set_title(self, index: int, text: str) -> None:
        """A heading."""
        self.titles[index].set_text(text)

    # Pointing

    def set_window(
        self,
        window: tuple[int, int, int, int] | None,
        pixel: tuple[int, int] | None = None,
        pinned: bool = False,
    ) -> None:
        """Outline the window on the input, and the output pixel (row, column) it makes."""
        colour = QColor("#FFB000")
        colour.setAlphaF(0.18 if pinned else 0.0)
        self.window_box.set_fill(colour if pinned else None)
        self.window_box.set_box(*(window or (0, 0, 0, 0)))
        frame = self.frame
        if pixel is None or window is None or frame is None:
            for box in self.pixel_boxes:
                box.set_box(0, 0, 0, 0)
            return
        (x, y), (px, py) = place(frame.snapshot.settings, frame.snapshot.size)
        left, top = x + pixel[1] * px, y + pixel[0] * py
        for box in self.pixel_boxes:
            # At least so large that it is found again when the picture is shown small.
            grow = max(0.0, (5 / max(1e-6, self.views[1].scale_on_screen) - px) / 2)
            box.set_box(left - grow, top - grow, left + px + grow, top + py + grow)

    def output_pixel(self, x: float, y: float) -> tuple[int, int] | None:
        """The full output's pixel (row, column) at a place of the input, or None."""
        frame = self.frame
        if frame is None:
            return None
        (ox, oy), (px, py) = place(frame.snapshot.settings, frame.snapshot.size)
        row, column = int(np.floor((y - oy) / py)), int(np.floor((x - ox) / px))
        rows, cols = frame.outputs.full_size
        return (row, column) if 0 <= row < rows and 0 <= column < cols else None

    def set_tracker(self, slot: int) -> None:
        """The output whose own scale the bar shows."""
        if slot != self._tracker:
            self._tracker = slot
            if self.frame is not None and self.frame.look.scale == "own":
                self._show_bar(self.frame)

    def fit(self) -> None:
        """Show the pictures whole."""
        for view in self.views:
            view.fit()

    def _on_hovered(self, x: float, y: float) -> None:
        self.hovered.emit(int(self.sender().property("slot")), x, y)

    def _on_clicked(self, x: float, y: float, button: int) -> None:
        if button == Qt.LeftButton:
            self.clicked.emit(int(self.sender().property("slot")), x, y)


def _short(value: float, decimals: int = 3) -> str:
    """Few decimals near 1, three digits elsewhere: no figure wider than it helps."""
    text = f"{value:.3g}" if abs(value) >= 1 else f"{round(value, decimals) + 0.0:g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if share < 0.0995 or share > 0.995 else f"{100 * share:.0f}"
