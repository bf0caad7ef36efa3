"""The four linked pictures in a row, their headings and their scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QObject, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import QGridLayout, QHBoxLayout, QToolButton, QWidget

from filterlab.gui import theme
from filterlab.gui.filters.look import Frame, place
from filterlab.gui.filters.raster import Raster
from filterlab.gui.filters.sources import title_of
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.frame_box import FrameBox
from filterlab.gui.widgets.histogram import short_number
from filterlab.gui.widgets.line import Line, Title
from filterlab.gui.widgets.padding_item import PaddingItem
from filterlab.gui.widgets.picture_view import BoxItem, PictureView
from filterlab.gui.widgets.scale_bar import ScaleRow
from filterlab.gui.widgets.segments import Segments
from filterlab.gui.widgets.window_item import WindowItem
from filterlab.surgery.convolve import EDGES, Picture
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

#: Pixels of a column from which a frame's number has its words beside the picture's name.
_ROOMY = 280

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
    view_chosen(int, str) : output and ``natural`` or ``signed``
    scale_chosen(str) : ``own`` or ``common``
    frame_chosen(int) : another frame of the input's file, from 0
    """

    hovered = pyqtSignal(int, float, float)
    left = pyqtSignal()
    clicked = pyqtSignal(int, float, float)
    view_chosen = pyqtSignal(int, str)
    scale_chosen = pyqtSignal(str)
    frame_chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.views = [PictureView(parent) for _ in range(4)]
        PictureView.link(self.views)
        for view in self.views:
            view.margin = 0.0  # the pictures' places have their own form
        self.rasters = [Raster(view, 3 if n < 1 else 2) for n, view in enumerate(self.views)]
        self.titles = [Title(parent) for _ in range(4)]
        title = Line(parent, "muted", align=Qt.AlignRight)
        title.setFont(theme.font(12))
        title.setObjectName("picture")
        self.scales = [ScaleRow(parent) for _ in range(3)]
        #: The picture's name, and what is said of each output.
        self.notes = [title, *(row.note for row in self.scales)]
        self.bars = [row.bar for row in self.scales]
        choices = [(tr("Natural"), "natural"), (tr("Signed"), "signed")]
        self.switches = [
            Segments(choices, parent, tr("View of output {n}").format(n=slot)) for slot in range(3)
        ]
        for slot, switch in enumerate(self.switches):
            switch.setProperty("slot", slot)
            switch.chosen.connect(self._on_switch)
            switch.button("natural").setToolTip(
                tr("As photo editors show a picture: 0 to white, cut off")
            )
            switch.button("signed").setToolTip(tr("About zero: blue below, red above"))
        self.scale_switch = Segments(
            [(tr("own"), "own"), (tr("common"), "common")], parent, tr("Scales")
        )
        self.scale_switch.button("own").setToolTip(tr("Each signed output has its own scale"))
        self.scale_switch.button("common").setToolTip(tr("One scale for all signed outputs"))
        self.scale_switch.chosen.connect(self.scale_chosen)
        self.steps_button = QToolButton(parent)
        self.steps_button.setPopupMode(QToolButton.InstantPopup)
        self.steps_button.setToolTip(tr("Outputs that became the input; one is gone back to here"))
        self.steps_button.setFocusPolicy(Qt.TabFocus)
        self.steps_button.setFont(theme.font(12))
        self.steps_button.setStyleSheet("padding: 1px 4px;")
        self.steps_button.hide()
        self.frame_box = FrameBox(parent)
        self.frame_box.chosen.connect(self.frame_chosen)
        self._scales_name = Line(parent, "muted", tr("Scales"))
        self._scales_name.setFont(theme.font(12))
        accent = theme.current().accent
        self.padding = self.views[0].add_item(PaddingItem())
        self.window_box = self.views[0].add_item(WindowItem(accent))
        self.pixel_boxes = [view.add_item(BoxItem(accent)) for view in self.views[1:]]
        for box in self.pixel_boxes:
            box.hide()
        self._input_key: object = None
        self.inputs = Latest(self)
        self.inputs.ready.connect(self._on_input)
        self.frame: Frame | None = None
        self.reports: tuple[Report, ...] | None = None
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
        """Fill rows 0 (headings), 1 (pictures) and 2 (scales) of a grid, columns 0 to 3."""
        for column in range(4):
            head = QHBoxLayout()
            head.setSpacing(theme.STEP)
            head.addWidget(self.titles[column], 1)
            if column:
                head.addWidget(self.switches[column - 1])
            else:
                head.addWidget(self.notes[0], 1)
                head.addWidget(self.frame_box)
                head.addWidget(self.steps_button)
            grid.addLayout(head, 0, column)
            grid.addWidget(self.views[column], 1, column)
            grid.setColumnStretch(column, 1)
            # All four equally wide, whatever stands beneath them.
            grid.setColumnMinimumWidth(column, 180)
        scales = QHBoxLayout()
        scales.addWidget(self._scales_name, 1)
        scales.addWidget(self.scale_switch)
        grid.addLayout(scales, 2, 0)
        for slot, row in enumerate(self.scales):
            grid.addWidget(row, 2, 1 + slot)

    @property
    def aspect(self) -> float:
        """Height of the pictures as a share of their width."""
        extent = self.views[0].extent
        return float(extent.height() / extent.width()) if extent.width() else 0.7

    def in_tab_order(self) -> list[QWidget]:
        """What Tab goes through here: how the outputs are seen."""
        switches = [self.scale_switch, *self.switches]
        return [
            self.frame_box,
            self.steps_button,
            *(b for switch in switches for b in switch.buttons()),
        ]

    def show_steps(self, count: int) -> None:
        """Say how many outputs have become the input."""
        self.steps_button.setText((tr("1 step") if count == 1 else
                                   tr("{n} steps").format(n=count)) + " ▾")  # fmt: skip
        self.steps_button.setVisible(count > 0)

    def _on_switch(self, key: str) -> None:
        self.view_chosen.emit(int(self.sender().property("slot")), key)

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
        if not self.views[0].view_rect().intersects(self.views[0].extent):
            self.fit()  # what was looked at closely lies beyond this picture
        self.name_input(picture)

    def name_input(self, picture: Picture) -> None:
        """What stands around the input, in the language in use."""
        size, title = f"{picture.width} × {picture.height}", title_of(picture)
        self.titles[0].set_parts(tr("Input"), size)
        self.notes[0].set_text(title)
        self.notes[0].setToolTip(title)
        self.frame_box.show_frame(picture.frame, picture.frames)

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
        self.scale_switch.choose(frame.look.scale)
        for slot, shown in enumerate(frame.shown):
            # Every number shown is the net's own; of a large output the rest follows.
            coarse = f"  {tr('preview')}" if frame.outputs.step > 1 else ""
            name = tr("Filter {n}").format(n=slot)
            self.titles[1 + slot].set_parts(name, f"{cols} × {rows}{coarse}")
            self.switches[slot].choose(shown.view)
            self.bars[slot].set_scale(lut(shown.table), shown.low, shown.high)
            self._show_note(slot)
        snapshot = frame.snapshot
        self.padding.set_padding(
            snapshot.picture.planes(snapshot.settings.mode),
            snapshot.settings.margins(snapshot.size), EDGES[snapshot.settings.edge],
        )  # fmt: skip

    def _show_outputs(self, frame: Frame) -> None:
        snapshot, outputs = frame.snapshot, frame.outputs
        origin, pixel = place(snapshot.settings, snapshot.size, outputs.step)
        (x, y), (px, py) = place(snapshot.settings, snapshot.size)
        rows, cols = outputs.full_size
        extent = QRectF(x, y, cols * px, rows * py)
        for index, (shown, data) in enumerate(zip(frame.shown, outputs.data)):
            pixels, values, table = shown.pixels, data, lut(shown.table)
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

    def _show_note(self, slot: int) -> None:
        frame, reports = self.frame, self.reports
        label = self.notes[1 + slot]
        if frame is None or reports is None:
            label.set_text("")
            return
        report, shown = reports[slot], frame.shown[slot]
        stats = report.now
        bad = stats.not_finite
        rows, cols = frame.outputs.full_size
        # In a narrow column the size has no room beside the switch.
        size = "" if self.titles[1 + slot].whole else f"{cols} × {rows}"
        low, high = _short(stats.minimum, 2), _short(stats.maximum, 2)
        span, mean = f"{low} … {high}", f"{tr('mean')} {_short(stats.mean)}"
        before = report.before.mean if report.before is not None else stats.mean
        moved = abs(before - stats.mean) > 5e-4
        if moved:
            mean = f"{tr('mean')} {_short(before)} → {_short(stats.mean)}"
        least = f"{tr('mean')} {_short(stats.mean)}"
        if bad:
            text = tr("not finite: {count} of {all} pixels (NaN or ∞)").format(
                count=bad, all=frame.outputs.data[slot].size
            )
            shorter: tuple[str, ...] = (
                tr("not finite: {count} pixels").format(count=bad),
                tr("not finite"),
            )
        elif shown.view == "natural" and shown.clipped >= 0.0005:
            text = tr("{share} % clipped").format(share=_percent(shown.clipped))
            shorter = (mean, text, least) if moved else (text,)
            text = f"{mean}, {text}" if moved else f"{span}, {text}"
        elif moved:
            text, shorter = f"{span}, {mean}", (mean, least, "")
        elif size:
            text, shorter = f"{span}  {size}", (f"{low}…{high}  {size}", span, f"{low}…{high}", "")
        else:
            text, shorter = f"{span}, {mean}", (span, f"{low}…{high}", "")
        label.set_text(text, "error" if bad else "muted", shorter)
        whole = tr("mean {mean}, least {low}, greatest {high}, standard deviation {std}").format(
            mean=short_number(stats.mean), low=short_number(stats.minimum),
            high=short_number(stats.maximum), std=short_number(stats.std),
        )  # fmt: skip
        own = size if size not in text else ""
        label.setToolTip("\n".join(line for line in (text, own, whole) if line))

    def arranged(self, column: int) -> None:
        """The columns have this width, in pixels: what there is no room for moves or goes."""
        self.frame_box.set_short(column < _ROOMY * theme.scale())
        self.scale_switch.set_room(column - self._scales_name.natural_width() - theme.STEP)
        for slot, row in enumerate(self.scales):
            title, switch = self.titles[1 + slot], self.switches[slot]
            switch.set_room(column - title.minimumSizeHint().width() - theme.STEP)
            row.bar.set_short(column < 260 * theme.scale())
            if self.frame is not None:
                self._show_note(slot)

    def show_problem(self, text: str) -> None:
        """Nothing to show: the outputs stay empty, and their notes say why."""
        self.frame = None
        outputs = zip(self.rasters[1:], self.titles[1:], self.notes[1:])
        for slot, (raster, title, note) in enumerate(outputs):
            raster.show(None)
            note.set_text(text)
            title.set_parts(tr("Filter {n}").format(n=slot))

    # Pointing

    def set_window(
        self,
        window: tuple[int, int, int, int] | None,
        pixel: tuple[int, int] | None = None,
        pinned: bool = False,
        glide: bool = False,
    ) -> None:
        """Outline the window on the input, and the output pixel (row, column) it makes.

        ``glide``: the window moves there, and what it left stays to be seen.
        """
        colour = QColor(theme.current().accent)
        colour.setAlphaF(0.18)
        self.window_box.set_fill(colour if pinned else None)
        dilation = self.frame.snapshot.settings.dilation if self.frame is not None else 1
        self.window_box.set_window(window, dilation, glide)
        frame = self.frame
        if pixel is None or window is None or frame is None:
            for box in self.pixel_boxes:
                box.hide()
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

    def set_markers(self, values: Sequence[float] | None) -> None:
        """Point at a value on each output's scale; None for none."""
        for slot, bar in enumerate(self.bars):
            bar.set_marker(None if values is None else float(values[slot]))

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
