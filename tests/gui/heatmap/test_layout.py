"""How the tab uses its room: the stage's share, nothing scrolled, cut or covered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, QRect
from PyQt5.QtGui import QFontMetrics
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QToolButton,
    QWidget,
)

from filterlab.gui import i18n, theme
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.main_window import MainWindow
from filterlab.gui.settings import Settings
from filterlab.gui.widgets.elided_label import ElidedLabel

SIZES = [(1280, 800), (1280, 720), (1024, 768)]


@pytest.fixture
def window(qtbot, qapp, until) -> Iterator[Callable[..., MainWindow]]:
    made: list[MainWindow] = []

    def build(
        size: tuple[int, int], language: str = "en", look: str = "light", pins: int = 1
    ) -> MainWindow:
        i18n.set_language(language)
        theme.apply(qapp, look)
        shown = MainWindow(Settings(), tabs=(FiltersTab, HeatmapTab))
        qtbot.addWidget(shown)
        made.append(shown)
        shown.resize(*size)
        shown.show()
        tab = shown.show_tab("heatmap")
        tab.models.choose("pocket")
        until(lambda: tab.settled and tab.bench.shown is not None)
        tab.models.transplant()
        until(lambda: tab.settled and tab.bench.agreement is not None)
        for k in range(pins):
            tab.bench.pin((1, 1 + k))
        until(lambda: tab.settled and all(tab.bench.alone(p) for p in tab.bench.pins))
        QApplication.processEvents()
        return shown

    yield build
    for shown in made:
        shown.close()


def share(window: MainWindow) -> float:
    stage = window.tab("heatmap").stage
    return stage.width() * stage.height() / (window.width() * window.height())


@pytest.mark.parametrize("size", SIZES)
def test_the_stage_has_at_least_53_percent_of_the_window(window, size) -> None:
    shown = window(size)
    assert (shown.width(), shown.height()) == size
    assert share(shown) >= 0.53, share(shown)
    tab = shown.tab("heatmap")
    assert tab.controls.height() <= 48
    assert shown.strip.height() == 24
    assert tab.strip.height() <= 112


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize(("size", "look"), [((1280, 720), "light"), ((1024, 768), "dark")])
def test_nothing_scrolls_and_no_text_is_cut(window, size, language, look) -> None:
    shown = window(size, language, look)
    tab = shown.tab("heatmap")
    page = shown.pages.currentWidget()
    for area in (page, tab.strip):
        assert area.horizontalScrollBar().maximum() == 0
        assert area.verticalScrollBar().maximum() == 0
    assert not cut(tab), cut(tab)
    assert not cut(shown.header), cut(shown.header)
    assert not covered(tab), covered(tab)


def cut(root: QWidget) -> list[str]:
    """Texts that have less room than they take."""
    found = []
    for widget in root.findChildren(QWidget):
        if not widget.isVisible() or isinstance(widget, ElidedLabel):
            continue
        if isinstance(widget, QLabel) and not widget.wordWrap() and widget.text():
            if widget.sizeHint().width() > widget.width() + 1:
                found.append(widget.text())
        elif isinstance(widget, QAbstractButton) and widget.text():
            iconic = isinstance(widget, QToolButton) and not widget.toolButtonStyle()
            if not iconic and widget.sizeHint().width() > widget.width() + 1:
                found.append(widget.text())
    return found


def covered(root: QWidget) -> list[tuple[str, str]]:
    """Visible siblings that lie on each other, cards over the picture apart."""
    found = []
    for parent in [root, *root.findChildren(QWidget)]:
        if isinstance(parent, QAbstractScrollArea) or not parent.isVisible():
            continue
        kids = [
            k
            for k in parent.children()
            if isinstance(k, QWidget) and k.isVisible() and not k.isWindow()
        ]
        for i, one in enumerate(kids):
            for other in kids[i + 1 :]:
                if one.geometry().intersects(other.geometry()):
                    found.append((type(one).__name__, type(other).__name__))
    return found


def place(widget: QWidget, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def test_the_picture_is_as_large_as_it_goes_and_keeps_its_shape(window) -> None:
    shown = window((1280, 800), pins=0)
    stage = shown.tab("heatmap").stage
    rows, cols = shown.tab("heatmap").bench.shown.size
    picture = stage.picture_place()
    assert picture.width() / picture.height() == pytest.approx(cols / rows, rel=0.005)
    assert picture.height() == stage.height() - 16 - stage.caption.height()
    assert abs(picture.center().x() - stage.rect().center().x()) <= 1, "in the middle"
    # What is drawn fills it: no margin of the view's own.
    view = stage.view
    corner = view.to_widget(0, 0)
    assert abs(corner.x()) <= 1
    assert abs(corner.y()) <= 1


def test_cards_stand_beside_the_picture_where_they_fit(window) -> None:
    shown = window((1280, 800), pins=1)
    tab = shown.tab("heatmap")
    stage, card = tab.stage, tab.stage.cards[0]
    assert stage.picture_place().left() == 16
    assert card.isVisible()
    assert card.x() >= stage.picture_place().right() + 16
    assert card.width() >= 232
    assert not tab.panels.foot.isVisible()
    assert stage.rect().contains(card.geometry())
    shown.resize(1024, 768)
    QApplication.processEvents()
    assert not any(c.isVisible() for c in stage.cards)
    assert tab.panels.foot.isVisible(), "the newest card stands at the foot of the classes"
    assert tab.panels.foot.height() <= 260
    assert abs(stage.picture_place().center().x() - stage.rect().center().x()) <= 1
    tab.bench.clear_pins()
    assert not tab.panels.foot.isVisible()


@pytest.mark.parametrize("pins", [0, 1])
def test_the_card_of_a_job_does_not_cover_the_scale(window, pins) -> None:
    shown = window((1280, 800), pins=pins)
    stage = shown.tab("heatmap").stage
    stage.job.begin("Heatmap")
    stage.job._appear()
    assert stage.rect().contains(stage.job.geometry())
    assert not stage.job.geometry().intersects(stage.caption.geometry())
    cards = [c for c in stage.cards if c.isVisible()]
    assert len(cards) == pins
    assert not any(stage.job.geometry().intersects(card.geometry()) for card in cards)


def test_two_columns_of_cards_in_a_wide_stage(window) -> None:
    shown = window((1900, 800), pins=3)
    cards = [c for c in shown.tab("heatmap").stage.cards if c.isVisible()]
    assert len(cards) == 3
    assert len({card.x() for card in cards}) == 2
    places = [card.geometry() for card in cards]
    assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[i + 1 :])


def test_a_low_window_keeps_the_names_of_the_layers(window) -> None:
    shown = window((1280, 600), pins=0)
    tab = shown.tab("heatmap")
    assert tab.strip.height() == 64
    assert all(len(lines) == 1 for lines in tab.strip.shown_lines())
    assert tab.result.save_button.isVisible()
    assert tab.result.minimumSizeHint().height() <= 64, "nothing of the panel is cut off"
    assert not tab.result.meter.isVisible()
    assert share(shown) > 0.5


def test_a_narrow_window_has_icons_with_tool_tips(window) -> None:
    shown = window((1024, 768), pins=0)
    controls = shown.tab("heatmap").controls
    for button, told in ((controls.open_button, "Open …"), (controls.sample_button, "Sample")):
        assert button.width() < 50
        assert button.toolTip() == told
        assert button.accessibleName() == told
    shown.resize(1280, 768)
    QApplication.processEvents()
    assert controls.open_button.width() > 50


def test_with_large_text_rows_grow_and_nothing_is_cut(window, qapp) -> None:
    font = qapp.font()
    large = qapp.font()
    large.setPointSizeF(font.pointSizeF() * 1.25)
    qapp.setFont(large)
    try:
        shown = window((1600, 1000))
        tab = shown.tab("heatmap")
        assert not cut(tab), cut(tab)
        assert tab.controls.open_button.height() >= QFontMetrics(large).height() + 8
        assert not covered(tab), covered(tab)
    finally:
        qapp.setFont(font)


def test_nothing_is_dark_outside_the_map(window) -> None:
    """The photo is the photo wherever nothing is found, inside the map and outside."""
    shown = window((1280, 800), pins=0)
    bench = shown.tab("heatmap").bench
    bench.choose([16])
    drawing = bench.drawing()
    photo = np.clip(bench.preview * 255, 0, 255)
    x0, y0, x1, y1 = (round(v) for v in bench.maps.tiles_on_picture())
    scale = drawing.image.shape[1] / bench.shown.size[1]
    outside = np.ones(drawing.image.shape[:2], bool)
    outside[int(y0 * scale) : int(y1 * scale) + 1, int(x0 * scale) : int(x1 * scale) + 1] = False
    assert outside.any()
    difference = np.abs(drawing.image.astype(float) - photo)
    assert difference[outside].max() <= 1
    assert len(drawing.corners) == 4
