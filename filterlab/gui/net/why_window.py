"""Why this class here: four maps of what speaks for it, and which of them finds what matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PyQt5.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QShowEvent,
)
from PyQt5.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.file_dialogs import save_path
from filterlab.gui.i18n import Text, tr
from filterlab.gui.images import image_of
from filterlab.gui.jobs import JobRunner
from filterlab.gui.net import words
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.progress_strip import ProgressStrip
from filterlab.gui.widgets.segments import Segments
from filterlab.progress import Job, Progress
from filterlab.surgery.methods import Request
from filterlab.surgery.overlay import end_of_scale
from filterlab.surgery.why import Deletion
from filterlab.workbench.heatmap_jobs import part
from filterlab.workbench.net_bench import NetBench, Why
from filterlab.workbench.net_study import NetStudy
from filterlab.workbench.net_why import KINDS, best_kind, files_of, pictures_of, write_job

__all__ = ["CurvePlot", "WhyWindow"]

Box = tuple[float, float, float, float]

#: The maps' names, and what each is.
_NAMES = {
    "occlusion": Text("Occlusion"),
    "gradient": Text("Input gradient"),
    "grad-cam": Text("Grad-CAM"),
    "map": Text("Class map"),
}
_ABOUT = {
    "occlusion": Text(
        "A patch of the mean colour is slid over the picture: where it lies, the score falls."
    ),
    "gradient": Text("How fast the score changes with each pixel, the largest of the colours."),
    "grad-cam": Text(
        "The last blob that has places: its channels, weighted with how much the score gains by "
        "each."
    ),
    "map": Text("The scores of the fully convolutional net, between the middles of its cells."),
}
_PICTURE = 150  # pixels of a picture's longer side, at least
_PLOT = 92  # pixels of a plot's height


@dataclass(frozen=True)
class _Asked:
    """What an answer depends on."""

    bench: NetBench
    revision: int
    wanted: int
    cell: tuple[int, int] | None


@dataclass(frozen=True)
class _Shown:
    """An answer with its pictures, and the cell on them in shares of the picture."""

    why: Why
    images: dict[str, QImage]
    tile: Box | None
    picture: NDArray[Any]


class _Picture(QWidget):
    """A map on the input, as large as there is room, the cell framed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._tile: Box | None = None
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)

    def show_image(self, image: QImage | None, tile: Box | None) -> None:
        """The drawing, and the cell's box in shares of it."""
        self._image, self._tile = image, tile
        self._keep_close()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_close()

    def _keep_close(self) -> None:
        """No higher than the picture, so that what is below it stands close."""
        share = self._image.width() / self._image.height() if self._image is not None else 1.0
        self.setMaximumHeight(max(self.minimumSizeHint().height(), round(self.width() / share)))

    @property
    def image(self) -> QImage | None:
        """The drawing."""
        return self._image

    def sizeHint(self) -> QSize:
        return QSize(round(224 * theme.scale()), round(224 * theme.scale()))

    def minimumSizeHint(self) -> QSize:
        return QSize(round(_PICTURE * theme.scale()), round(_PICTURE * theme.scale() * 0.75))

    def picture_rect(self) -> QRectF:
        """Where the picture is painted."""
        if self._image is None:
            side = float(min(self.width(), self.height()))
            return QRectF(0, 0, side, side)
        share = self._image.width() / self._image.height()
        width = min(self.width(), self.height() * share)
        return QRectF(0, 0, width, width / share)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, place = theme.current(), self.picture_rect()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        if self._image is None:
            painter.fillRect(place, QColor(colours.well))
        else:
            painter.drawImage(place, self._image)
            if self._tile is not None:
                x0, y0, x1, y1 = self._tile
                wide, high = place.width(), place.height()
                frame = QRectF(x0 * wide, y0 * high, (x1 - x0) * wide, (y1 - y0) * high)
                for colour, width in ((colours.surface, 4.0), (colours.accent, 2.0)):
                    painter.setPen(QPen(QColor(colour), width))
                    painter.drawRect(frame)
        painter.end()


class CurvePlot(QWidget):
    """A deletion curve, its area filled, and that of the random order dashed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._curve: Deletion | None = None
        self._drawn: Deletion | None = None
        self._end, self._best = 1.0, False
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setMaximumHeight(2 * self.sizeHint().height())

    def show_curve(
        self, curve: Deletion | None, drawn: Deletion | None, end: float, best: bool
    ) -> None:
        """The curves, the probability at which the scale ends, whether this one is the best."""
        self._curve, self._drawn, self._end, self._best = curve, drawn, end, best
        self.update()

    @property
    def _line(self) -> int:
        return theme.line_height(QFontMetrics(theme.font(11)))

    def sizeHint(self) -> QSize:
        return QSize(round(200 * theme.scale()), round(_PLOT * theme.scale()) + self._line)

    def minimumSizeHint(self) -> QSize:
        return QSize(round(120 * theme.scale()), self.sizeHint().height())

    def plot_rect(self) -> QRectF:
        """Where the curves are painted: 0 to 100 % grey, 0 to the scale's end."""
        metrics = QFontMetrics(theme.font(11))
        left = max(metrics.horizontalAdvance("100 %"), metrics.horizontalAdvance("0")) + 4
        return QRectF(left, 6, self.width() - left - 2, self.height() - self._line - 10)

    def points(self, curve: Deletion) -> QPolygonF:
        """A curve as it is painted."""
        place = self.plot_rect()
        return QPolygonF(
            [
                QPointF(
                    place.left() + share * place.width(),
                    place.bottom() - prob / self._end * place.height(),
                )
                for share, prob in zip(curve.shares.tolist(), curve.probs.tolist())
            ]
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, place = theme.current(), self.plot_rect()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.fillRect(place, QColor(colours.surface))
        if self._curve is not None and self._drawn is not None:
            line = self.points(self._curve)
            under = QPolygonF(line)
            under.append(place.bottomRight())
            under.append(place.bottomLeft())
            strong = QColor(colours.accent if self._best else colours.muted)
            fill = QColor(strong)
            fill.setAlphaF(0.22)
            painter.setPen(Qt.NoPen)
            painter.setBrush(fill)
            painter.drawPolygon(under)
            painter.setBrush(Qt.NoBrush)
            dashed = QPen(QColor(colours.muted), 1.2)
            dashed.setDashPattern([3, 3])
            painter.setPen(dashed)
            painter.drawPolyline(self.points(self._drawn))
            painter.setPen(QPen(strong, 2))
            painter.drawPolyline(line)
        painter.setRenderHint(QPainter.Antialiasing, False)
        painter.setPen(QColor(colours.line))
        painter.drawRect(place)
        painter.setFont(theme.font(11))
        painter.setPen(QColor(colours.muted))
        left = QRect(0, 0, round(place.left()) - 4, self._line)
        painter.drawText(left, int(Qt.AlignRight | Qt.AlignTop), f"{100 * self._end:.0f} %")
        left.moveBottom(round(place.bottom()) + 2)
        painter.drawText(left, int(Qt.AlignRight | Qt.AlignBottom), "0")
        below = QRect(
            round(place.left()), self.height() - self._line, round(place.width()), self._line
        )
        painter.drawText(below, int(Qt.AlignLeft | Qt.AlignVCenter), "0")
        painter.drawText(below, int(Qt.AlignRight | Qt.AlignVCenter), tr("100 % grey"))
        painter.end()


class _Scale(QWidget):
    """The one scale of all maps: the order in which the check greys the pixels out."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFont(theme.font(12))
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(400, theme.line_height(self.fontMetrics()) + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, metrics = theme.current(), self.fontMetrics()
        ends = (tr("half of the pixels"), tr("strongest"))
        low, high = (metrics.horizontalAdvance(text) for text in ends)
        painter = QPainter(self)
        painter.setPen(QColor(colours.text))
        painter.drawText(self.rect(), int(Qt.AlignLeft | Qt.AlignVCenter), ends[0])
        bar = QRectF(low + 8, self.height() / 2 - 4, min(220, self.width() - low - high - 24), 8)
        rest = self.rect().adjusted(round(bar.right()) + 8, 0, 0, 0)
        painter.drawText(rest, int(Qt.AlignLeft | Qt.AlignVCenter), ends[1])
        painter.drawImage(bar, image_of(lut("inferno")[None]))
        painter.setPen(QColor(colours.line))
        painter.drawRect(bar)
        painter.end()


#: The place asked about, what is shown, of what that is, whether it is being asked.
_Rest = tuple[str, "_Shown | None", "_Asked | None", bool]


class WhyWindow(QDialog):
    """Asks about the study's class, of the picture's centre or of the marked cell.

    Parameters
    ----------
    name_of : callable
        Gives a class's name.
    """

    def __init__(self, study: NetStudy, name_of: Callable[[int], str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Why this class here?"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self._study, self._name_of = study, name_of
        self._asked: _Asked | None = None
        self._asking: _Asked | None = None
        self.shown: _Shown | None = None
        self._build()
        self.runner = JobRunner(self)
        self.runner.progressed.connect(self._on_progress)
        self.runner.failed.connect(self.progress.end)
        self.runner.cancelled.connect(self._on_cancelled)
        self.progress.cancel_requested.connect(self._cancel)
        self._unsubscribe = study.subscribe(self._on_change)
        if study.cell is not None:
            self._list_places()
            self.place.choose("cell")
        self._tell()

    def _build(self) -> None:
        self.about = QLabel(self)
        self.about.setFont(theme.font(14, bold=True))
        self.about.setWordWrap(True)
        self.place = Segments([(tr("picture's centre"), "centre")], self, tr("Where"))
        self.place.chosen.connect(lambda _: self.ask())
        self.ask_button = QPushButton(tr("Ask again"), self)
        self.ask_button.clicked.connect(self.ask)
        self.save_button = QPushButton(tr("Save the maps …"), self)
        self.save_button.clicked.connect(self._save)
        top = QHBoxLayout()
        top.setSpacing(theme.STEP)
        top.addWidget(self.about, 1)
        for widget in (self.place, self.ask_button, self.save_button):
            top.addWidget(widget)
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * theme.STEP)
        grid.setVerticalSpacing(theme.STEP // 2)
        grid.setRowStretch(1, 100)
        grid.setRowStretch(3, 20)
        grid.setRowStretch(5, 1)  # what a wide picture leaves
        self.titles: dict[str, QLabel] = {}
        self.pictures: dict[str, _Picture] = {}
        self.plots: dict[str, CurvePlot] = {}
        self.areas: dict[str, QLabel] = {}
        for column, kind in enumerate(KINDS):
            title, sentence, area = (QLabel(self) for _ in range(3))
            title.setFont(theme.font(13, bold=True))
            title.setText(tr(_NAMES[kind]))
            sentence.setText(tr(_ABOUT[kind]))
            sentence.setWordWrap(True)
            sentence.setAlignment(Qt.AlignLeft | Qt.AlignTop)
            sentence.setFont(theme.font(12))
            sentence.setProperty("role", "muted")
            picture, plot = _Picture(self), CurvePlot(self)
            self.titles[kind], self.pictures[kind] = title, picture
            self.plots[kind], self.areas[kind] = plot, area
            cells: tuple[QWidget, ...] = (title, picture, sentence, plot, area)
            for row, cell in enumerate(cells):
                grid.addWidget(cell, row, column)
            grid.setColumnStretch(column, 1)
            # All columns are of one width, whatever stands in them.
            grid.setColumnMinimumWidth(column, round(_PICTURE * theme.scale()))
        self.scale_bar = _Scale(self)
        self.note = QLabel(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self.progress = ProgressStrip(self)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.STEP)
        layout.addLayout(top)
        layout.addLayout(grid, 1)
        layout.addWidget(self.scale_bar)
        layout.addWidget(self.note)
        layout.addWidget(self.progress)
        room, scale = self.screen().availableGeometry(), theme.scale()
        self.resize(min(round(980 * scale), room.width()), min(round(640 * scale), room.height()))

    # Asking

    @property
    def cell(self) -> tuple[int, int] | None:
        """The cell that is asked about; None for the centre."""
        return self._study.cell if self.place.key == "cell" else None

    def _now(self) -> _Asked | None:
        study = self._study
        if study.bench is None or study.shown is None or study.wanted is None:
            return None
        return _Asked(study.bench, study.bench.revision, study.wanted, self.cell)

    def ask(self) -> None:
        """Ask about the class and the place that are chosen now."""
        study, now = self._study, self._now()
        if now is None or study.shown is None:
            self.progress.end(tr("The net has said nothing yet."))
            return
        tile, pair = None, study.found.maps
        if now.cell is not None and pair is not None:
            height, width = pair.after.picture_size
            x0, y0, x1, y1 = pair.after.tile_on_picture(*now.cell)
            tile = (x0 / width, y0 / height, x1 / width, y1 / height)
        picture, request = study.shown.picture, study.request()
        self._asking = now
        self.progress.begin(tr("Why this class here?"))
        self.runner.start(
            lambda: _why_job(now, request, picture, tile), "why", lambda got: self._on_why(got, now)
        )
        self._tell()

    def ask_if_new(self) -> None:
        """Ask unless that is known or being asked already."""
        now = self._now()
        if now is not None and now not in (self._asked, self._asking):
            self.ask()

    def _on_why(self, shown: _Shown, asked: _Asked) -> None:
        self.shown, self._asked, self._asking = shown, asked, None
        self.progress.end()
        self._tell()

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        self.progress.set_progress(tr(progress.step), progress.fraction, tr(progress.message), left)

    def _on_cancelled(self) -> None:
        if not self.runner.running:
            self._asking = None
            self.progress.end(tr("Cancelled."))
            self._tell()

    def _cancel(self) -> None:
        self.progress.cancelling()
        self.runner.cancel()

    def reject(self) -> None:
        """Esc cancels what runs, else closes."""
        if self.runner.running:
            self._cancel()
        else:
            super().reject()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.ask_if_new()

    def rest(self) -> _Rest:
        """What is asked about and what was answered, for :meth:`go_on`."""
        return self.place.key, self.shown, self._asked, self._asking is not None

    def go_on(self, rest: _Rest) -> None:
        """Show what another window showed, before this one is seen; ask what it was asking."""
        place, shown, asked, asking = rest
        self._list_places()
        self.place.choose(place)
        if shown is not None and asked is not None:
            self._on_why(shown, asked)
        if not asking and asked is None:
            self._asked = self._now()  # it was cancelled
        elif asking:
            self.ask()

    # Saving

    def _save(self) -> None:
        shown = self.shown
        if shown is None:
            return
        patterns = f"{tr('Maps on the picture')} (*.png);;{tr('Values')} (*.npy)"
        name = f"why-{shown.why.wanted}.png"
        title = tr("Save the maps")
        try:
            path = save_path(
                self, "save", title, name, patterns, files_of, endings=(".png", ".npy")
            )
        except EXPECTED as error:
            self.progress.end(one_sentence(error))
            return
        if path is not None:
            self.progress.begin(title)
            self.runner.start(
                lambda: write_job(shown.why, shown.picture, path), "save", self._on_saved
            )

    def _on_saved(self, paths: list[Path]) -> None:
        self.progress.end(
            tr("Written: {names}.").format(names=", ".join(path.name for path in paths))
        )

    # What it says

    def _class(self, index: int) -> str:
        return f"{index} {self._name_of(index)}"

    @staticmethod
    def _where(cell: tuple[int, int] | None) -> str:
        if cell is None:
            return tr("picture's centre")
        return tr("cell in row {row}, column {col}").format(row=cell[0], col=cell[1])

    def _list_places(self) -> None:
        items = [(tr("picture's centre"), "centre")]
        if self._study.cell is not None:
            row, col = self._study.cell
            items.append((tr("cell {row}, {col}").format(row=row, col=col), "cell"))
        self.place.set_items(items)

    def _tell(self) -> None:
        shown, now = self.shown, self._now()
        why = shown.why if shown is not None else None
        if why is not None:
            told = tr("{name}, {where}: {percent}").format(
                name=self._class(why.wanted),
                where=self._where(why.cell),
                percent=words.percent(float(why.drawn.probs[0])),
            )
        else:
            told = f"{self._class(now.wanted)}, {self._where(now.cell)}" if now is not None else ""
        self.about.setText(told)
        best = best_kind(why) if why is not None else ""
        end = 1.0
        if why is not None:
            curves = [why.drawn, *(check for _, check in why.reasons)]
            end = end_of_scale(max(float(check.probs.max()) for check in curves))
        checks = {reason.kind: (reason, check) for reason, check in why.reasons} if why else {}
        for kind in KINDS:
            name = tr(_NAMES[kind])
            if kind == best:
                name = tr("{name}: the best").format(name=name)
            self.titles[kind].setText(name)
            colour = theme.current().accent_text if kind == best else theme.current().text
            self.titles[kind].setStyleSheet(f"color: {colour}")
            found = checks.get(kind)
            self.pictures[kind].show_image(
                shown.images[kind] if shown is not None and found is not None else None,
                shown.tile if shown is not None else None,
            )
            self.plots[kind].show_curve(
                found[1] if found is not None else None,
                why.drawn if why is not None else None,
                end,
                kind == best,
            )
            if found is None or why is None:
                self.areas[kind].setText("")
                continue
            area = tr("area {area}, of a random order {drawn}").format(
                area=f"{found[1].area:.3f}", drawn=f"{why.drawn.area:.3f}"
            )
            self.areas[kind].setText(area)
            self.pictures[kind].setAccessibleName(f"{name}, {area}")
            self.pictures[kind].setToolTip(tr(found[0].detail))
        self.save_button.setEnabled(why is not None)
        self._tell_note(why, best)

    def _tell_note(self, why: Why | None, best: str) -> None:
        parts = []
        if self._asked is not None and self._asked != self._now() and self._asking is None:
            parts.append(tr("The net, the picture or the question has changed since; ask again."))
        if why is not None and not best:
            parts.append(tr("None of the maps does better than a random order here."))
        parts.append(
            tr(
                "The check greys the input out in a map's order, the strongest first: the smaller "
                "the area under the class's probability, the better the map found what matters. "
                "Scattered holes break an answer by themselves, as noise does: the gradient comes "
                "out better than it looks. Compare maps of like grain."
            )
        )
        if self._study.cell is None:
            parts.append(tr("To ask about a place, click a cell of the class map after."))
        self.note.setText(" ".join(parts))
        self.ask_button.setEnabled(self._asking is None and self._now() != self._asked)

    def _on_change(self, kinds: frozenset[str]) -> None:
        if "cell" in kinds:
            self._list_places()
            if self._study.cell is not None:
                self.place.choose("cell")
        if kinds & {"cell", "class"} and self.isVisible():
            self.ask_if_new()
        if kinds & {"cell", "class", "weights", "picture", "found"}:
            self._tell()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self._list_places()
            self._tell()

    def shutdown(self) -> None:
        """Stop what still runs."""
        self._unsubscribe()
        self.runner.shutdown()


def _why_job(
    asked: _Asked, request: Request, picture: NDArray[Any], tile: Box | None
) -> Job[_Shown]:
    """The answer and its pictures."""
    why = yield from part(asked.bench.why_job(asked.wanted, asked.cell, request), 0.0, 0.99)
    drawn = pictures_of(why, picture)
    images = {
        kind: image_of((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8))
        for kind, image in drawn.items()
    }
    return _Shown(why, images, tile, picture)
