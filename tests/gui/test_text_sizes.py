"""Text size, high contrast and reduced motion, for the whole program."""

from __future__ import annotations

from typing import Any

import pytest
from PyQt5.QtCore import QPoint, QRect
from PyQt5.QtGui import QFont
from PyQt5.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QWidget

from filterlab.gui import i18n, theme
from filterlab.gui.app import Desk
from filterlab.gui.main_window import MainWindow


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (9.75, {"normal": 9.75, "large": 12.1875, "room": 15.6}),
        (12, {"normal": 12, "large": 15, "room": 18}),
        (18, {"normal": 18, "large": 18, "room": 18}),
        (22, {"normal": 22, "large": 22, "room": 22}),
    ],
)
def test_larger_than_the_desktops_up_to_18_points(qapp, points, expected) -> None:
    given = QFont(qapp.font())
    given.setPointSizeF(points)
    qapp.setFont(given)
    for name in ("room", "normal", "large", "room", "normal"):
        theme.set_text_size(qapp, name)
        assert qapp.font().pointSizeF() == pytest.approx(expected[name])
        assert theme.text_size() == name


def _items(menu: QMenu) -> dict[str, Any]:
    return {action.data(): action for action in menu.actions()}


def test_the_menu_changes_the_whole_window_and_is_remembered(qapp, until) -> None:
    desk = Desk(qapp)
    desk.open()
    old = desk.window
    high = old.header.height()
    _items(old._text_menu)["room"].trigger()
    until(lambda: desk.window is not old)
    window = desk.window
    assert theme.text_size() == "room"
    assert _items(window._text_menu)["room"].isChecked()
    # Three tabs have a row of their own on a screen of 800 pixels at any size.
    assert window.header.height() > 1.25 * high
    assert window.header.tabs.y() > 0
    assert desk.settings.text("text_size") == "room"
    # A text painted by a widget of ours, and one painted by Qt.
    assert window.header.tabs.tabSizeHint(0).height() > 40
    assert window.fontMetrics().height() > 1.4 * 16
    window.close()
    desk.close()


def test_high_contrast_by_the_menu(qapp, until) -> None:
    desk = Desk(qapp)
    desk.open()
    old = desk.window
    _items(old._theme_menu)["contrast-dark"].trigger()
    until(lambda: desk.window is not old)
    assert theme.current() is theme.CONTRAST_DARK
    assert theme.current().dark
    assert desk.window.palette().window().color().name() == "#000000"
    desk.window.close()
    desk.close()


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear))


def _contrast(one: str, two: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(two)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", list(theme.THEMES))
def test_contrasts(name) -> None:
    """4.5 for text; in the themes of high contrast 7, and 3 for lines."""
    t = theme.THEMES[name]
    least = 7.0 if t.contrast else 4.5
    for text in (t.text, t.muted, t.accent_text, t.error, t.warning, t.good):
        for ground in (t.surface, t.backdrop):
            assert _contrast(text, ground) >= least, (text, ground)
    assert _contrast(t.text, t.selection) >= least
    assert _contrast(t.on_accent, t.accent) >= 4.5
    if t.contrast:
        assert _contrast(t.line, t.surface) >= 3
        assert _contrast(t.line, t.backdrop) >= 3


def test_reduced_motion_by_the_menu(qapp) -> None:
    desk = Desk(qapp)
    desk.open()
    action = desk.window.motion_action
    assert not action.isChecked()
    action.trigger()
    assert theme.reduced_motion()
    assert desk.settings.text("motion") == "reduced"
    action.trigger()
    assert not theme.reduced_motion()
    desk.window.close()
    desk.close()


def _cut(window: MainWindow) -> list[str]:
    """Labels and buttons whose text has no room, and what lies on something else in a row."""
    found = []
    for label in window.findChildren(QLabel):
        if label.isVisible() and label.text() and not label.wordWrap():
            need = label.fontMetrics().height()
            if label.height() + 1 < need:
                found.append(f"{label.text()!r} is {label.height()} high, needs {need}")
    for button in window.findChildren(QAbstractButton):
        if button.isVisible() and button.text() and button.height() < button.fontMetrics().height():
            found.append(f"{button.text()!r} is too low")
    return found


def _place(widget: QWidget, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize(("points", "size"), [(9.75, "large"), (9.75, "room"), (18, "normal")])
def test_nothing_is_cut_or_lies_on_anything_else(
    qtbot, qapp, until, language, points, size
) -> None:
    given = QFont(qapp.font())
    given.setPointSizeF(points)
    qapp.setFont(given)
    theme.set_text_size(qapp, size)
    theme.apply(qapp, "light")
    i18n.set_language(language)
    window = MainWindow()
    qtbot.addWidget(window)
    window.resize(1024, 768)
    window.show()
    qtbot.waitExposed(window)
    filters: Any = window.tab("filters")
    until(lambda: filters.settled and filters.stage.frame is not None)
    assert not _cut(window)
    heatmap: Any = window.tab("heatmap")
    heatmap.started = True
    window.show_tab("heatmap")
    QApplication.processEvents()
    assert not _cut(window)
    controls = heatmap.controls
    controls.set_cells([5, 9, 13], 9)
    controls.show_grid("13 × 9")
    controls.set_densities([("every 32 px", "own", ""), ("three scales", "scales", "")], "own")
    controls.set_methods([("pooled", "pooled", ""), ("exact", "exact", "")], "exact")
    QApplication.processEvents()
    parts = [
        _place(widget, window)
        for widget in controls.findChildren(QWidget)
        if widget.parent() is controls and widget.isVisible()
    ]
    for k, part in enumerate(parts):
        assert part.left() >= 0
        assert part.right() < 1024
        assert not any(part.intersects(other) for other in parts[k + 1 :])
    assert window.header.tabs.y() > 0 or size != "room"
    window.close()
