"""How the tab shares its height, what Tab goes through, and when an error is over."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

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
    assert picture >= 140
    assert grid >= 100
    assert tab.bottom.product.height() >= 104
    below = tab.panel_.dilation.mapTo(tab, tab.panel_.dilation.rect().bottomLeft())
    assert below.y() < tab.bottom.y(), "nothing is cut off"


def test_the_grids_give_way_before_the_pictures(tab: FiltersTab) -> None:
    tab.layout_.set_wanted(False)
    lay_out(tab, 1272, 800)
    full, roomy = heights(tab)
    lay_out(tab, 1272, 470)
    picture, grid = heights(tab)
    assert roomy - grid >= 15
    assert picture >= 0.7 * tab.stage.views[0].width() * 0.95, "as high as its width can use"
    lay_out(tab, 1272, 400)
    assert heights(tab)[1] <= grid
    assert 96 <= heights(tab)[0] < full


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
    for height in (0, 400, 480, 600, 734):
        lay_out(tab, width, max(height, tab.minimumSizeHint().height()))
        for editor in tab.editors:
            seen = [b for b in editor.tools.values() if b.isVisible()]
            assert editor.tools["more"] in seen
            parts = [*seen, editor.bias, editor.grid]
            for part in parts:
                place = part.geometry()
                assert editor.rect().contains(place), (height, part.toolTip())
                others = [other.geometry() for other in parts if other is not part]
                assert not any(place.intersects(other) for other in others), height
        panel = tab.panel_
        for field in (panel.brush, panel.symmetry, panel.rows, panel.pad, panel.mode):
            assert panel.rect().contains(field.geometry()), height


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


def test_tab_comes_to_the_grids_early(qtbot: QtBot, tab: FiltersTab) -> None:
    start = tab.panel_.open_button
    assert presses(qtbot, start, tab.panel_.sample_button) == 1
    # Each with its preset before it; the first preset has a slider and a field.
    assert [presses(qtbot, start, editor.grid) for editor in tab.editors] == [5, 8, 11]
    assert presses(qtbot, start, tab.panel_.brush) == 15
    assert presses(qtbot, start, tab.panel_.mode) <= 25
    for editor in tab.editors:
        assert presses(qtbot, editor.grid, editor.bias) == 1
    # The parameters of another preset take the same place.
    tab.editors[1].presets.choose("gabor")
    knobs = tab.editors[1].presets.in_tab_order()
    assert len(knobs) > 2
    for first, second in pairwise([*knobs, tab.editors[1].grid]):
        assert presses(qtbot, first, second) == 1
    # All of the rest is come to, too.
    for widget in (tab.editors[2].tools["more"], tab.stage.scale_button, tab.bottom.pin_button):
        assert presses(qtbot, start, widget) < 70


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
