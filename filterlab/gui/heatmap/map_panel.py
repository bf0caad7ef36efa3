"""The middle of the tab: the picture with its map, the colour bar, the legend, the cells' cards."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.heatmap import texts
from filterlab.gui.heatmap.cell_cards import CellCards
from filterlab.gui.heatmap.cells import Cells
from filterlab.gui.heatmap.look import Drawing, Scene, draw
from filterlab.gui.heatmap.map_view import MapView
from filterlab.gui.heatmap.veil import Veil
from filterlab.gui.i18n import tr
from filterlab.gui.jobs import Latest
from filterlab.gui.widgets.colour_bar import ColourBar
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.elided_label import ElidedLabel
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import ClassMaps
from filterlab.zoo.labels import Labels

__all__ = ["MapPanel"]

_LEGEND = 8


class MapPanel(QWidget):
    """Draws scenes on a worker, the newest only, and shows what comes of it.

    Signals
    -------
    drawn() : the newest scene is on the screen; see ``drawing``
    failed(str) : it could not be drawn
    menu_requested(object, QPoint) : right click on a cell (row, column), at a global position
    """

    drawn = Signal()
    failed = Signal(str)
    menu_requested = Signal(object, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.drawing: Drawing | None = None
        self.labels = Labels([])
        self.words = False
        self._full: tuple[int, int] = (1, 1)
        self.view = MapView(self)
        self.bar = ColourBar(self)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.setVisible(False)
        self.heading = ElidedLabel("", self)
        self.heading.setProperty("role", "heading")
        self.facts = QLabel(self)
        self.facts.setProperty("role", "muted")
        self.legend = QLabel(self)
        self.legend.setTextFormat(Qt.RichText)
        self.legend.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        self.legend.setWordWrap(True)
        self.legend.setVisible(False)
        self.cards = CellCards(self)
        top = QHBoxLayout()
        top.setSpacing(2 * theme.STEP)
        top.addWidget(self.heading, 1)
        top.addWidget(self.facts)
        picture = QHBoxLayout()
        picture.setSpacing(theme.STEP)
        picture.addWidget(self.view, 1)
        picture.addWidget(self.bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.STEP)
        layout.addLayout(top)
        layout.addLayout(picture, 1)
        layout.addWidget(self.legend)
        layout.addWidget(self.cards)

        self._veil = Veil(self, at=self.view)
        self.cells = Cells(self.view, self.cards, self)
        self.cells.changed.connect(self.show_marker)
        self.view.setContextMenuPolicy(Qt.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._on_context)
        self.drawer = Latest(self)
        self.drawer.ready.connect(self._on_drawn)
        self.drawer.failed.connect(self.failed)

    def draw(self, scene: Scene, full: tuple[int, int]) -> None:
        """Draw a scene, off this thread; ``full`` is the picture's (height, width)."""
        self._full = full
        self.drawer.request(draw, scene)

    def set_heading(self, title: str, facts: str, warn: bool = False) -> None:
        """What is shown, and a fact about it; a warning in another colour."""
        self.heading.setText(title)
        self.facts.setText(facts)
        role = "warning" if warn else "muted"
        if self.facts.property("role") != role:
            self.facts.setProperty("role", role)
            self.facts.style().unpolish(self.facts)
            self.facts.style().polish(self.facts)

    def show_owner(self, text: str) -> None:
        """Dim map and cells and say whose they are, if they are not of the chosen model."""
        self._veil.lay(bool(text), text)

    def set_words(self, on: bool) -> None:
        """Whether each cell's best class is written into it."""
        self.words = on
        self._show_words()

    def shutdown(self) -> None:
        """Stop drawing."""
        self.drawer.shutdown()

    def _on_drawn(self, drawing: Drawing) -> None:
        self.drawing = drawing
        rows, cols = self._full
        shape = drawing.image.shape
        self.view.set_image(drawing.image, pixel=(cols / shape[1], rows / shape[0]))
        self.view.contours.set_lines(drawing.contours)
        self.bar.setVisible(bool(drawing.unit))
        if drawing.unit and drawing.scene is not None:
            look = drawing.scene.look
            self.bar.set_colours(texts.with_gamma(lut(look.colours), look.gamma))
            self.bar.set_levels(drawing.low, drawing.high, drawing.log)
            self.bar.setToolTip(tr(drawing.unit))
        self._show_legend(drawing)
        self._show_words()
        self._show_arrows()
        self.show_marker()
        self.drawn.emit()

    @property
    def _maps(self) -> ClassMaps | None:
        scene = self.drawing.scene if self.drawing is not None else None
        return scene.maps if scene is not None else None

    def _show_legend(self, drawing: Drawing) -> None:
        chips = []
        for colour, index in drawing.legend[:_LEGEND]:
            name = texts.short_name(self.labels, index) if index >= 0 else tr("all others")
            name = name.replace(" ", "&nbsp;")
            chips.append(f"<span style='color:rgb{colour}'>■</span>&nbsp;{name}")
        more = len(drawing.legend) - _LEGEND
        if more > 0:
            chips.append(tr("and {n} more").format(n=more))
        self.legend.setText(" &nbsp; ".join(chips))
        self.legend.setVisible(bool(chips))

    def _show_words(self) -> None:
        maps = self._maps
        if maps is None or not self.words:
            self.view.show_texts([])
            return
        winners = maps.winners()
        self.view.show_texts(
            [
                (maps.tile_on_picture(i, j), texts.cell_label(self.labels, int(winners[i, j])))
                for i in range(maps.rows)
                for j in range(maps.cols)
            ]
        )

    def _show_arrows(self) -> None:
        """Of a stretched map, from where each cell looks to where it is put."""
        maps, scene = self._maps, self.drawing.scene if self.drawing is not None else None
        if maps is None or scene is None or scene.look.lay != "stretched":
            self.view.show_arrows([])
            return
        moved, _ = overlay.stretch_error(maps)
        self.view.show_arrows(
            [
                ((x, y), (x + float(moved[i, j, 0]), y + float(moved[i, j, 1])))
                for i in range(maps.rows)
                for j in range(maps.cols)
                for x, y in [maps.centre_on_picture(i, j)]
            ]
        )

    def show_marker(self) -> None:
        """Point at the current cell's value on the colour bar."""
        values = self.drawing.values if self.drawing is not None else None
        cell = self.cells.current
        if values is None or cell is None:
            self.bar.set_marker(None)
            return
        inside = cell[0] < values.shape[0] and cell[1] < values.shape[1]
        self.bar.set_marker(float(values[cell]) if inside else None)

    def _on_context(self, at: QPoint) -> None:
        maps = self.cells.maps
        cell = maps.cell_at(*self.view.to_scene(at)) if maps is not None else None
        if cell is not None:
            self.menu_requested.emit(cell, self.view.mapToGlobal(at))
