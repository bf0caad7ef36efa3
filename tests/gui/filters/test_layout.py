"""How the tab shares its height, what Tab goes through, and when an error is over."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import QMouseEvent
from PyQt5.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n
from filterlab.gui.filters.panel import size_sentence
from filterlab.gui.filters.sources import Source
from filterlab.gui.filters.tab import FiltersTab
from filterlab.gui.main_window import MainWindow
from filterlab.pictures import write_picture

#: What a first window leaves the tab on a screen of 1280 x 720, in pixels, and a little for
#: larger fonts.
FIRST = (1272, 600)


def lay_out(tab: FiltersTab, width: int, height: int) -> None:
    for _ in range(2):  # what it takes at least may fall with the first
        tab.resize(width, height)
        for _ in range(3):
            QApplication.processEvents()
    assert (tab.width(), tab.height()) == (width, height)


def heights(tab: FiltersTab) -> tuple[int, int]:
    """Of a picture and of a grid, in pixels."""
    return tab.stage.views[0].height(), tab.editors[0].grid.height()


def test_a_first_window_shows_large_pictures_and_the_products(tab: FiltersTab) -> None:
    lay_out(tab, *FIRST)
    picture, grid = heights(tab)
    assert tab.bottom.isVisible()
    assert picture >= 136
    assert grid >= 100
    assert tab.bottom.product.height() >= 104
    below = tab.panel_.mode.mapTo(tab, tab.panel_.mode.rect().bottomLeft())
    assert below.y() < tab.bottom.y(), "nothing is cut off"


def test_pictures_give_way_first_then_the_grids(tab: FiltersTab) -> None:
    tab.layout_.set_wanted(False)
    lay_out(tab, 1272, 800)
    full, roomy = heights(tab)
    form = tab.bench.picture.height / tab.bench.picture.width
    assert full == pytest.approx(form * tab.stage.views[0].width(), abs=2), "no letterbox"
    lay_out(tab, 1272, 500)
    picture, grid = heights(tab)
    assert 96 <= picture < full
    assert grid >= 160, "cells of 32 pixels"
    assert grid < roomy
    lay_out(tab, 1272, 424)
    assert heights(tab)[1] < grid
    assert heights(tab)[0] >= 96


def test_the_splitter_shares_the_height_out_by_hand(qtbot: QtBot, tab: FiltersTab) -> None:
    lay_out(tab, 1272, 734)
    before = heights(tab)[0]
    handle = tab.layout_.splitter.handle(1)
    middle = handle.rect().center()
    qtbot.mousePress(handle, Qt.LeftButton, pos=middle)
    move = QMouseEvent(
        QEvent.MouseMove, QPointF(middle) - QPointF(0, 40),
        QPointF(handle.mapToGlobal(middle)) - QPointF(0, 40),
        Qt.NoButton, Qt.LeftButton, Qt.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(handle, move)
    qtbot.mouseRelease(handle, Qt.LeftButton, pos=middle)
    assert heights(tab)[0] == pytest.approx(before - 40, abs=4)
    lay_out(tab, 1272, 760)
    assert heights(tab)[0] < before - 10, "it stays as it was dragged"


@pytest.mark.parametrize("width", [950, 1016, 1272, 1912])
def test_a_larger_window_has_larger_pictures(tab: FiltersTab, width: int) -> None:
    """Also where the lower panel has come up they lose no more than a quarter."""
    most = 0
    for height in range(380, 1100, 40):
        lay_out(tab, width, height)
        picture, _ = heights(tab)
        usable = min(picture, round(0.7 * tab.stage.views[0].width()))
        assert usable >= 0.74 * most, (height, usable, most)
        most = max(most, usable)
    assert tab.bottom.isVisible()
    assert most >= 0.7 * tab.stage.views[0].width() - 2


@pytest.mark.parametrize("mode", ["grey", "three"])
@pytest.mark.parametrize("width", [920, 1016, 1272])
def test_every_tool_and_field_is_whole_in_a_low_tab(tab: FiltersTab, width: int, mode: str) -> None:
    tab.set_mode(mode)
    for height in (0, 480, 600, 734):
        for _ in range(2):  # a narrow column takes more height
            lay_out(tab, width, max(height, tab.minimumSizeHint().height()))
        assert tab.tool_bar.tools["more"].isVisible()
        groups = [[b for b in tab.tool_bar.tools.values() if b.isVisible()]]
        for editor in tab.editors:
            groups.append([editor.size_box, editor.bias, editor.divisor, editor.sum_label])
        panel = tab.panel_
        fields = [panel.brush, panel.symmetry, panel.pad, panel.edge, panel.mode,
                  panel.linked, panel.open_button]  # fmt: skip
        seen = set()
        for opened in range(3 if panel.folded else 1):
            if panel.folded:
                panel.open_part(opened)
                lay_out(tab, width, tab.height())
            shown = [field for field in fields if field.isVisible()]
            seen |= set(shown)
            check(tab, [*groups, shown], height)
        assert seen == set(fields)


def check(tab: FiltersTab, groups: list[list[QWidget]], height: int) -> None:
    """Everything lies within the tab, and nothing of a group on another of it."""
    for group in groups:
        for part in group:
            place = part.rect().translated(part.mapTo(tab, QPoint(0, 0)))
            assert tab.rect().contains(place), (height, part.toolTip())
            for other in group:
                beside = other.rect().translated(other.mapTo(tab, QPoint(0, 0)))
                assert other is part or not place.intersects(beside), (height, part.toolTip())


def test_the_lower_panel_has_a_switch_that_is_remembered(
    make_tab: Callable[..., FiltersTab],
) -> None:
    tab = make_tab()
    action = tab.actions_.lower
    assert action in tab.menu_actions()["view"]
    assert action.shortcut().toString() == "Ctrl+B"
    assert tab.bottom.isVisible()
    assert action.isChecked()
    changes: list[str] = []
    tab.hint_changed.connect(lambda: changes.append(tab.hint()))
    action.trigger()
    lay_out(tab, 1912, 1000)
    assert not tab.bottom.isVisible(), "it stays away however much room there is"
    assert len(changes) == 1
    assert "Ctrl+B" in changes[0], "the way back is told"
    again = make_tab()
    again.restore_state(tab.save_state())
    assert not again.bottom.isVisible()
    assert not again.actions_.lower.isChecked()
    again.actions_.lower.trigger()
    lay_out(again, 950, 555)
    assert again.bottom.isVisible(), "it stays, however little room there is"


def test_where_there_is_no_room_the_hint_tells_of_the_lower_panel(
    qtbot: QtBot, tmp_path: Path
) -> None:
    window = MainWindow(tabs=(FiltersTab,))
    qtbot.addWidget(window)
    window.resize(952, 500)
    window.show()
    qtbot.waitExposed(window)
    tab: Any = window.tab("filters")
    qtbot.waitUntil(lambda: tab.settled, timeout=15000)
    assert not tab.bottom.isVisible()
    assert "Ctrl+B" in window.strip.hint
    qtbot.keyClick(window, Qt.Key_B, Qt.ControlModifier)
    assert "Ctrl+B" not in window.strip.hint
    # It is scrolled to.
    qtbot.waitUntil(lambda: not tab.bottom.product.visibleRegion().isEmpty())
    window.close()


def test_the_lower_panel_does_not_flicker(tab: FiltersTab) -> None:
    tab.layout_.set_wanted(None)
    lay_out(tab, 1272, 440)
    heights_of_its_coming = []
    while not tab.bottom.isVisible():
        lay_out(tab, 1272, tab.height() + 4)
        heights_of_its_coming.append(tab.height())
    at = heights_of_its_coming[-1]
    lay_out(tab, 1272, at - 24)  # a message of two lines
    assert tab.bottom.isVisible()


# Tab and the grids


def presses(qtbot: QtBot, start: QWidget, end: QWidget) -> int:
    """How many Tab presses lead from one widget to the other; a grid is one of them."""
    start.setFocus()
    count = 0
    while (focused := QApplication.focusWidget()) is not end:
        assert count < 80, "it is never come to"
        qtbot.keyClick(focused, Qt.Key_Tab)
        count += 1
    return count


def test_tab_follows_the_eye(qtbot: QtBot, tab: FiltersTab) -> None:
    """How outputs are seen, the left column, then each filter; a grid is one stop."""
    start = tab.panel_.open_button
    assert presses(qtbot, start, tab.panel_.sample_button) == 1
    assert presses(qtbot, tab.panel_.linked, tab.editors[0].presets.button) == 1
    for editor in tab.editors:
        last = editor.presets.in_tab_order()[-1]
        assert presses(qtbot, last, editor.grid) == 1
        assert presses(qtbot, editor.grid, editor.size_box) == 1
        assert presses(qtbot, editor.bias, editor.divisor) == 1
    # The parameters of another preset take the same place.
    tab.editors[1].presets.choose("gabor")
    knobs = tab.editors[1].presets.in_tab_order()
    assert len(knobs) > 2
    for first, second in pairwise([*knobs, tab.editors[1].grid]):
        assert presses(qtbot, first, second) == 1
    assert presses(qtbot, tab.editors[2].divisor, tab.tool_bar.tools["negate"]) == 1
    # All of the rest is come to, too.
    for widget in (tab.tool_bar.tools["more"], tab.bottom.pin_button):
        assert presses(qtbot, start, widget) < 70


def test_names_say_which_filter(tab: FiltersTab) -> None:
    for slot, editor in enumerate(tab.editors):
        parts = [editor.grid, editor.size_box, editor.bias, editor.divisor, editor.presets.button]
        parts += [tab.stage.switches[slot], tab.stage.views[1 + slot]]
        for part in parts:
            assert str(slot) in part.accessibleName(), part


def test_a_key_goes_to_the_grids(qtbot: QtBot, tab: FiltersTab) -> None:
    tab.addAction(tab.actions_.next_grid)
    tab.panel_.mode.setFocus()
    for slot in (0, 1, 2, 0):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key_G, Qt.ControlModifier)
        assert QApplication.focusWidget() is tab.editors[slot].grid
    qtbot.keyClick(tab.editors[0].grid, Qt.Key_Space)
    assert tab.bench.kernel(0)[tab.editors[0].grid.current()] == pytest.approx(0.5)


# Sentences and names


@pytest.mark.parametrize(
    ("size", "pad", "words"),
    [
        ((1, 1), "valid", "A 1 × 1 kernel fits everywhere"),
        ((1, 1), "same", "Padded with zeros"),
        ((5, 5), "same", "Padded with zeros"),
        ((1, 3), "valid", "shrinks 56 × 40 to 54 × 40"),
    ],
)
def test_padding_is_said_only_of_padding(
    tab: FiltersTab, size: tuple[int, int], pad: str, words: str
) -> None:
    tab.set_size(*size)
    tab.set_pad(pad)
    assert words in size_sentence(tab.bench)


def test_a_file_keeps_its_name(tab: FiltersTab, hands: Any, tmp_path: Path) -> None:
    for name in ("fish-bike.jpg", "éclair.png"):
        write_picture(tmp_path / name, np.full((20, 24), 0.5, np.float32))
        tab.open_source(Source("file", str(tmp_path / name)))
        hands.settle()
        assert tab.stage.notes[0].text() == name
    tab.open_source(Source("pattern", "zone plate"))
    hands.settle()
    assert tab.stage.notes[0].text() == "Zone plate"


def test_one_form_of_open(tab: FiltersTab) -> None:
    for language in ("en", "zh_CN"):
        i18n.set_language(language)
        texts = [a.text() for items in tab.menu_actions().values() for a in items if a is not None
                 and hasattr(a, "text")]  # fmt: skip
        assert any("…" in text for text in texts)
        assert not any(text.endswith("…") and text[-2] != " " for text in texts)


# Errors


def strip_of(tab: FiltersTab) -> list[str]:
    """What stands in the message row, as the last of the list."""
    shown = [""]
    tab.message.connect(lambda text, _level: shown.append(text))
    return shown


def let_it_be_seen(tab: FiltersTab, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not tab._error_is_new)


def test_a_picture_that_opens_ends_the_error_of_one_that_did_not(
    qtbot: QtBot, tab: FiltersTab, hands: Any, shared: Path, tmp_path: Path
) -> None:
    shown = strip_of(tab)
    tab.open_source(Source("file", str(shared / "bad_inputs" / "bomb.png")))
    hands.settle()
    assert "bomb.png" in shown[-1]
    let_it_be_seen(tab, qtbot)
    tab.editors[0].presets.choose("box")
    hands.settle()
    assert "bomb.png" in shown[-1], "a change of a kernel has nothing to do with it"
    write_picture(tmp_path / "fish-bike.png", np.full((20, 24), 0.5, np.float32))
    tab.open_source(Source("file", str(tmp_path / "fish-bike.png")))
    hands.settle()
    assert shown[-1] == ""


def test_what_succeeds_ends_its_own_error(
    qtbot: QtBot, tab: FiltersTab, hands: Any, tmp_path: Path
) -> None:
    shown = strip_of(tab)
    tab.set_picture(np.zeros((9, 60), np.float32), "flat")
    hands.settle()
    tab.set_size(11, 11)
    assert shown[-1]
    let_it_be_seen(tab, qtbot)
    tab.set_size(7, 7)
    assert shown[-1] == ""
    QApplication.clipboard().setText("1 2\n3 x")
    tab.editors[0].paste_text()
    assert shown[-1]
    let_it_be_seen(tab, qtbot)
    QApplication.clipboard().setText("1 2 3\n4 5 6\n7 8 9")
    tab.editors[0].paste_text()
    assert shown[-1] == ""


def test_of_two_files_the_good_one_leaves_the_others_error(
    qtbot: QtBot, tab: FiltersTab, tmp_path: Path
) -> None:
    shown = strip_of(tab)
    (tmp_path / "bad.txt").write_text("1 2\n3 x")
    (tmp_path / "good.txt").write_text("1 2 3\n4 5 6\n7 8 9")
    tab.open_paths([tmp_path / "bad.txt", tmp_path / "good.txt"])
    assert tab.bench.kernel(1)[2, 2] == 9
    assert "bad.txt" in shown[-1]
    let_it_be_seen(tab, qtbot)
    tab.open_paths([tmp_path / "good.txt"])
    assert shown[-1] == ""


def test_the_code_is_there_from_the_start(tab: FiltersTab) -> None:
    assert "net.params" in tab.bottom.code.code()
