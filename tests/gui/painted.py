"""Every text that a window paints, with its place; and what is wrong with them.

A window is painted onto a device that keeps nothing but texts, so that whatever widget draws
them, ours or Qt's, in a label, a cell or a list, they are known as they stand on the screen.
Also run as a script, in a process with a scale of its own: ``python painted.py FOLDER TAB ...``
prints what :func:`walk` finds in these tabs, as JSON.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PyQt5.QtCore import QEvent, QEventLoop, QObject, QPoint, QRect, QRectF, QTimer
from PyQt5.QtGui import QFontMetricsF, QPaintDevice, QPaintEngine, QPainter, QRegion
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QStyle,
    QStyleOptionComboBox,
    QWidget,
)

from filterlab.gui import i18n, theme
from filterlab.gui.filters.preset_bar import PresetBar
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.filters.tool_bar import ToolBar
from filterlab.gui.heatmap.cell_cards import CellCard
from filterlab.gui.heatmap.controls import Controls
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.net.tab import NetTab
from filterlab.gui.widgets.code_panel import CodePanel
from filterlab.gui.widgets.kernel_grid import KernelGrid
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.segments import Segments
from filterlab.gui.widgets.wrapped import Wrapped

#: The sizes at which nothing may be cut, and one at which everything has room.
SIZES = ((1024, 768), (1280, 720), (1280, 800))
ROOMY = (1920, 1200)

#: What shows names that others gave, of any length.
_DATA = frozenset("picture models pictures names code".split())

#: From this scale of the text on, less has room.
LARGE = 1.2

#: States with more than such text leaves room for at once; the page may scroll, down.
_HIGH = frozenset(["11 x 11", "three channels"])

#: What was cut ends so; texts of ours have a space there, and numbers follow each other.
_SHORT = re.compile(r"(?<![ \d])…|…(?=$| ▾)")

#: The smallest digits in a cell, in pixels.
LEAST_DIGITS = 9

#: Texts may touch by so many pixels: a font's box is larger than its ink.
_TOUCH = 1.0


@dataclass(frozen=True, eq=False)
class Painted:
    """A text on the screen.

    Attributes
    ----------
    text : str
    widget : QWidget
        Which drew it.
    place, ink : QRectF
        Its line, and what of that is ink, in the window's pixels.
    clip : QRectF
        Beyond this nothing is seen.
    pixels : int
        The font's size.
    within : tuple of int
        Where it begins in the widget.
    """

    text: str
    widget: QWidget
    place: QRectF
    ink: QRectF
    clip: QRectF
    pixels: int
    within: tuple[int, int]


class _Engine(QPaintEngine):
    """Tells the device of texts; draws nothing."""

    def __init__(self, device: _Paper) -> None:
        super().__init__(QPaintEngine.PaintEngineFeatures(QPaintEngine.AllFeatures))
        self._device = device

    def begin(self, device: QPaintDevice) -> bool:
        return True

    def end(self) -> bool:
        return True

    def type(self) -> Any:
        return QPaintEngine.User

    def updateState(self, state: Any) -> None:
        pass

    def drawTextItem(self, at: Any, item: Any) -> None:
        self._device.hear(self.painter(), at, item)

    def _nothing(self, *_: Any) -> None:
        pass

    drawPixmap = drawImage = drawTiledPixmap = drawPath = drawPolygon = _nothing
    drawRects = drawLines = drawEllipse = drawPoints = _nothing


class _Paper(QPaintDevice):
    """As large as a window, with its screen's resolution."""

    def __init__(self, window: QWidget) -> None:
        super().__init__()
        self._window = window
        self._engine = _Engine(self)
        self.heard: list[Painted] = []
        self.watch = _Watch()

    def paintEngine(self) -> QPaintEngine:
        return self._engine

    def metric(self, what: Any) -> int:
        window, screen = self._window, self._window.devicePixelRatioF()
        found = {
            QPaintDevice.PdmWidth: window.width(),
            QPaintDevice.PdmHeight: window.height(),
            QPaintDevice.PdmWidthMM: window.widthMM(),
            QPaintDevice.PdmHeightMM: window.heightMM(),
            QPaintDevice.PdmDpiX: window.logicalDpiX(),
            QPaintDevice.PdmDpiY: window.logicalDpiY(),
            QPaintDevice.PdmPhysicalDpiX: window.physicalDpiX(),
            QPaintDevice.PdmPhysicalDpiY: window.physicalDpiY(),
            QPaintDevice.PdmNumColors: 1 << 24,
            QPaintDevice.PdmDepth: 32,
            QPaintDevice.PdmDevicePixelRatio: round(screen),
            QPaintDevice.PdmDevicePixelRatioScaled: round(screen * 65536),
        }
        return int(found.get(what, 1))

    def hear(self, painter: QPainter, at: Any, item: Any) -> None:
        widget = self.watch.painting
        text = str(item.text())
        if widget is None or not text.strip():
            return
        ratio = self._window.devicePixelRatioF()
        matrix = painter.deviceTransform()

        def placed(rect: QRectF) -> QRectF:
            found = matrix.mapRect(rect)
            return QRectF(found.x() / ratio, found.y() / ratio,
                          found.width() / ratio, found.height() / ratio)  # fmt: skip

        font = item.font()
        high = item.ascent() + item.descent()
        place = placed(QRectF(at.x(), at.y() - item.ascent(), item.width(), high))
        tight = QFontMetricsF(font).tightBoundingRect(text)
        ink = placed(QRectF(at.x(), at.y() + tight.y(), item.width(), tight.height()))
        clip = seen_of(widget, self._window)
        if painter.hasClipping():
            clip = clip.intersected(placed(QRectF(painter.clipBoundingRect())))
        pixels = font.pixelSize()
        if pixels <= 0:
            pixels = round(font.pointSizeF() * self._window.logicalDpiY() / 72)
        last = self.heard[-1] if self.heard else None
        if (
            last is not None
            and last.widget is widget
            and last.text.isascii() != text.isascii()
            and abs(last.place.bottom() - place.bottom()) < 4
            and abs(last.place.right() - place.left()) < 1
        ):
            # A line in two scripts comes in pieces.
            self.heard[-1] = replace(
                last,
                text=last.text + text,
                place=last.place.united(place),
                ink=last.ink.united(ink),
            )
            return
        corner = widget.mapTo(self._window, QPoint(0, 0))
        within = round(place.x() - corner.x()), round(place.y() - corner.y())
        self.heard.append(Painted(text, widget, place, ink, clip, pixels, within))


class _Watch(QObject):
    """Knows which widget is painting."""

    painting: QWidget | None = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Paint and isinstance(watched, QWidget):
            self.painting = watched
        return False


def seen_of(widget: QWidget, window: QWidget) -> QRectF:
    """What of a widget lies within all that hold it, in the window's pixels."""
    rect = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())
    while widget is not window:
        widget = widget.parentWidget()
        rect = rect.intersected(QRect(widget.mapTo(window, QPoint(0, 0)), widget.size()))
    return QRectF(rect)


def painted(window: QWidget) -> list[Painted]:
    """All texts that a window shows."""
    paper = _Paper(window)
    app = QApplication.instance()
    app.installEventFilter(paper.watch)
    try:
        painter = QPainter(paper)
        window.render(painter, QPoint(0, 0), QRegion(window.rect()))
        painter.end()
    finally:
        app.removeEventFilter(paper.watch)
    return [text for text in paper.heard if not text.clip.isEmpty()]


# What is wrong


def _scrolled(widget: QWidget) -> tuple[bool, bool]:
    """Whether what a widget shows can be scrolled, across and down."""
    across = down = False
    while widget is not None:
        area = widget.parentWidget()
        if isinstance(area, QAbstractScrollArea) and widget is area.viewport():
            across |= area.horizontalScrollBar().maximum() > 0
            down |= area.verticalScrollBar().maximum() > 0
        widget = area
    return across, down


def _beyond(inner: QRectF, outer: QRectF) -> tuple[float, float]:
    """By how many pixels a rectangle reaches beyond another, across and down."""
    return (
        max(outer.left() - inner.left(), inner.right() - outer.right(), 0.0),
        max(outer.top() - inner.top(), inner.bottom() - outer.bottom(), 0.0),
    )


def _where(widget: QWidget) -> str:
    names = []
    at: QWidget | None = widget
    while at is not None and len(names) < 3:
        names.append(type(at).__name__)
        at = at.parentWidget()
    return " in ".join(names)


def clipped(texts: list[Painted]) -> Iterator[str]:
    """Texts that reach beyond what is seen."""
    for text in texts:
        wide, high = _beyond(text.ink, text.clip)
        across, down = _scrolled(text.widget)
        if (wide > _TOUCH and not across) or (high > _TOUCH and not down):
            yield f"cut by {max(wide, high):.0f} px: {text.text!r} of {_where(text.widget)}"


def shortened(texts: list[Painted], whole: set[str]) -> Iterator[str]:
    """Texts that end in … though they do not where there is room."""
    for text in texts:
        if text.widget.objectName() in _DATA:
            continue
        strip = getattr(text.widget.window(), "strip", None)
        if strip is not None and text.widget is strip._hint and theme.scale() > LARGE:
            continue  # its tool tip says it whole
        if _SHORT.search(text.text) and text.text not in whole:
            yield f"shortened: {text.text!r} of {_where(text.widget)}"


def overlapping(window: QWidget, texts: list[Painted]) -> Iterator[str]:
    """Texts on texts, and texts under other widgets."""
    seen = [
        (t, t.ink.intersected(t.clip).adjusted(_TOUCH, _TOUCH, -_TOUCH, -_TOUCH)) for t in texts
    ]
    seen = [(t, rect) for t, rect in seen if rect.width() > 0 and rect.height() > 0]
    seen.sort(key=lambda pair: pair[1].top())
    for k, (one, rect) in enumerate(seen):
        for other, place in seen[k + 1 :]:
            if place.top() > rect.bottom():
                break
            if rect.intersects(place):
                yield (
                    f"on each other: {one.text!r} of {_where(one.widget)}, "
                    f"{other.text!r} of {_where(other.widget)}"
                )
        over = window.childAt(rect.center().toPoint())
        if over is None or over is one.widget:
            continue
        if not (over.isAncestorOf(one.widget) or one.widget.isAncestorOf(over)):
            yield f"covered: {one.text!r} of {_where(one.widget)} by {_where(over)}"


def cut_choices(window: QWidget) -> Iterator[str]:
    """Choices of a combo box that it has no room for, whichever is chosen now."""
    for box in window.findChildren(QComboBox):
        if not box.isVisible() or box.objectName() in _DATA:
            continue
        option = QStyleOptionComboBox()
        box.initStyleOption(option)
        room = box.style().subControlRect(
            QStyle.CC_ComboBox, option, QStyle.SC_ComboBoxEditField, box
        ).width() - (4 if box.isEditable() else 2)
        for row in range(box.count()):
            text = box.itemText(row)
            need = box.fontMetrics().horizontalAdvance(text)
            if need > room:
                yield f"no room for {text!r} in {_where(box)}: {need} px in {room}"


def blank_cells(window: QWidget, texts: list[Painted]) -> Iterator[str]:
    """Kernel grids with a cell that has no number, or one too small to be read."""
    for grid in window.findChildren(KernelGrid):
        if not grid.isVisible():
            continue
        # Of one that was scrolled, some are there twice.
        mine = list({text.within: text for text in texts if text.widget is grid}.values())
        cells = grid.values().size
        if len(mine) != cells:
            yield f"{len(mine)} numbers in {cells} cells of {grid.accessibleName()!r}"
        small = min((text.pixels for text in mine), default=LEAST_DIGITS)
        if small < LEAST_DIGITS:
            yield f"digits of {small} px in {grid.accessibleName()!r}"


def vanished(roomy: list[Painted], texts: list[Painted]) -> Iterator[str]:
    """Widgets that say something where there is room, and here nothing."""
    said = {id(text.widget) for text in texts}
    told: set[int] = set()
    for text in roomy:
        widget = text.widget
        if id(widget) in said or id(widget) in told or may_go(widget):
            continue
        told.add(id(widget))
        yield f"gone: {text.text!r} of {_where(widget)}"


def may_go(widget: QWidget) -> bool:
    """Whether what a widget says is found elsewhere."""
    holder = widget.parentWidget()
    if isinstance(holder, Segments) and holder.folded and holder.isVisible():
        return True  # in the menu of the one that is seen
    if isinstance(widget, Wrapped) or (isinstance(widget, Line) and not widget.shown()):
        return bool(widget.toolTip())
    for panel in widget.window().findChildren(CodePanel):
        # Folded to its heading, with the button that copies the code.
        if panel.isAncestorOf(widget) and panel.heading.isVisible():
            return True
    if isinstance(widget, QAbstractButton) and widget.isVisible():
        return not widget.icon().isNull() and bool(widget.toolTip())
    return _told_of(widget)


def _told_of(widget: QWidget) -> bool:
    """Whether it belongs to what the tab says how to bring back, or what opens at a click."""
    window, holder = widget.window(), widget.parentWidget()
    tab = getattr(window, "current_tab", None)
    if isinstance(tab, FiltersTab):
        bottom = tab.bottom
        if bottom.isAncestorOf(widget) and not bottom.isVisible():
            return "Ctrl+B" in window.strip.hint
        if isinstance(holder, ToolBar):
            menu = holder.tools["more"].menu()
            tips = {str(action.text()).replace("&", "") for action in menu.actions()}
            return any(tip.startswith(widget.text()) for tip in tips)
        bars = [bar for bar in tab.findChildren(PresetBar) if bar.isAncestorOf(widget)]
        if bars:  # a number of a preset, in the panel of all
            return isinstance(widget, QLineEdit) and bars[0].more.isVisible()
    if isinstance(tab, HeatmapTab):
        if isinstance(widget, CellCard):  # one of them is at the foot of the classes
            return bool(tab.panels.foot.isVisible())
        if widget is tab.stage.notice:
            return True
        if theme.scale() > LARGE:
            # Names go before their fields, which keep tool tips.
            if holder is window.strip._code:
                return bool(holder._line.isVisible() and holder._line.text())
            if isinstance(holder, Controls):
                field = widget.buddy() if isinstance(widget, QLabel) else None
                return field is not None and field.isVisible() and bool(field.toolTip())
            return tab.result.meter.isAncestorOf(widget)
    if isinstance(tab, NetTab):
        if widget is tab.unit.spot_title:  # in the patches' place, when the picture is pointed at
            return bool(tab.unit.low and tab.unit.patches.isVisible())
        if holder is window.strip._code and theme.scale() > LARGE:
            return bool(holder._line.isVisible() and holder._line.text())
    return False


# The walk


def settle(condition: Callable[[], object], what: str) -> None:
    """Run the event loop until a condition holds, and layouts have settled."""
    deadline = time.monotonic() + 60
    tick = QTimer()  # not all that is waited for comes with an event
    tick.start(5)
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        QApplication.processEvents(QEventLoop.WaitForMoreEvents)
    tick.stop()
    for _ in range(4):
        QApplication.processEvents()


def _filters(tab: Any) -> Iterator[str]:
    settle(lambda: tab.settled and tab.stage.frame is not None, "the first outputs")
    yield "start"
    tab.pointer.pin((131, 223))
    yield "a pixel"
    for page in ("numbers", "kernels"):
        tab.bottom.show_page(page)
        settle(lambda: tab.settled, page)
        yield page
    tab.bottom.show_page("cursor")
    for slot, key in enumerate(("gaussian", "gabor", "log")):
        tab.bench.set_size((11, 11), slot)
        tab.editors[slot].presets.choose(key)
    settle(lambda: tab.settled, "kernels of 11 x 11")
    yield "11 x 11"
    tab.bench.reset()
    tab.set_mode("three")
    settle(lambda: tab.settled, "three channels")
    yield "three channels"


def _heatmap(tab: Any) -> Iterator[str]:
    tab.models.choose("pocket")
    settle(lambda: tab.settled and tab.bench.shown is not None, "the pocket net")
    yield "classifier"
    tab.models.transplant()
    settle(lambda: tab.settled and tab.bench.agreement is not None, "the map")
    tab.bench.pin((1, 1))
    settle(lambda: tab.settled and tab.bench.alone((1, 1)), "the pinned window")
    yield "map"


def _net(tab: Any) -> Iterator[str]:
    _settled(tab)
    yield "start"
    tab.surgery.zero_button.click()
    settle(lambda: tab.settled, "what the edit does")
    yield "edit"
    tab.study.set_view(side="weights")
    settle(lambda: tab.settled and tab.panels.facts.text.text(), "the weights")
    yield "weights"
    tab.study.set_view(side="activity")
    tab.bar.reset_button.click()
    _settled(tab)


_STATES: dict[str, Callable[[Any], Iterator[str]]] = {
    "filters": _filters,
    "heatmap": _heatmap,
    "net": _net,
}


def _plain(tab: Any) -> Iterator[str]:
    _settled(tab)
    yield "start"


def looked_over(window: Any) -> Iterator[list[Painted]]:
    """All texts, also those that must be scrolled to or opened, one look after the other."""
    bar = window.pages.currentWidget().verticalScrollBar()
    for _ in _opened(window.current_tab):
        for at in sorted({0, bar.maximum()}):
            bar.setValue(at)
            QApplication.processEvents()
            yield painted(window)
    bar.setValue(0)


def _opened(tab: Any) -> Iterator[None]:
    """What is folded is opened, one after the other."""
    parts = range(3) if isinstance(tab, FiltersTab) and tab.panel_.folded else (0,)
    for part in parts:
        if len(parts) > 1:
            tab.panel_.open_part(part)
            settle(lambda: True, "the layout")
        yield


def _settled(tab: Any) -> None:
    settle(lambda: getattr(tab, "settled", True), "the tab")


def walk(
    window: Any, tabs: Sequence[str], sizes: Sequence[tuple[int, int]] = SIZES
) -> Iterator[str]:
    """What is wrong with the texts of a window's tabs, at each of the sizes."""
    for name in tabs:
        tab = window.show_tab(name)
        for state in _STATES.get(name, _plain)(tab):
            window.resize(*ROOMY)
            _settled(tab)
            roomy = painted(window)
            for size in sizes:
                window.resize(*size)
                _settled(tab)
                assert (window.width(), window.height()) == size
                high = state in _HIGH and theme.scale() > LARGE
                for what in dict.fromkeys(wrong(window, roomy, may_scroll=high)):
                    yield f"{name}, {state}, {size[0]} x {size[1]}: {what}"


def wrong(window: Any, roomy: list[Painted], may_scroll: bool) -> Iterator[str]:
    """What is wrong with a window; ``roomy`` are the texts of one that has room for all."""
    texts: list[Painted] = []
    for look in looked_over(window):
        texts += look
        yield from overlapping(window, look)
    yield from clipped(texts)
    yield from shortened(texts, {text.text for text in roomy})
    yield from cut_choices(window)
    yield from blank_cells(window, texts)
    yield from vanished(roomy, texts)
    for area in window.findChildren(QAbstractScrollArea):
        across, down = area.horizontalScrollBar(), area.verticalScrollBar()
        across, down = (bar.isVisible() and bar.maximum() > 0 for bar in (across, down))
        if across and down:
            yield f"two scroll bars: {_where(area)}"
        if area is window.pages.currentWidget() and (across or (down and not may_scroll)):
            yield f"the page scrolls {'across' if across else 'down'}"


def make_window(app: QApplication, language: str, points: float) -> Any:
    """A window in a language, with a desktop's font of so many points."""
    from filterlab.gui.main_window import MainWindow
    from filterlab.gui.settings import Settings

    font = app.font()
    font.setPointSizeF(points)
    app.setFont(font)
    theme.set_text_size(app, "normal")
    theme.apply(app, "light")
    i18n.set_language(language)
    window = MainWindow(Settings())
    window.show()
    return window


def main() -> None:
    """Walk in this process, whose scale is set, and print what is wrong."""
    os.environ["FILTERLAB_DATA"] = sys.argv[1]
    from filterlab.gui.app import make_application

    app = make_application(["test"])
    found = []
    for language in ("en", "zh_CN"):
        window = make_window(app, language, 9.75)
        assert window.devicePixelRatioF() == float(os.environ["QT_SCALE_FACTOR"])
        found += [f"{language}: {what}" for what in walk(window, sys.argv[2:], SIZES[:2])]
        window.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
