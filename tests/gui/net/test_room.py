"""How the Net tab's parts give way where large text leaves little room."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QWidget

from filterlab.gui.net.kernel_planes import KernelPlanes
from filterlab.gui.net.scores import ScoreTable
from filterlab.gui.net.surgery_panel import SurgeryPanel
from filterlab.gui.net.unit_panel import UnitPanel
from filterlab.workbench.net_study import ScoreRow

NAMES = ["Egyptian cat", "tiger cat", "tabby", "lynx", "window screen"]


@pytest.fixture
def scores(qtbot) -> ScoreTable:
    table = ScoreTable()
    qtbot.addWidget(table)
    rows = [ScoreRow(10 + k, 0.4 - 0.05 * k, 0.3 - 0.05 * k) for k in range(5)]
    table.show_scores(rows, NAMES, wanted=14)
    table.resize(608, table.minimumSizeHint().height())
    table.show()
    return table


def test_of_few_scores_one_is_the_wanted_classes(qtbot, scores, painted) -> None:
    seen = [text.text for text in painted.painted(scores)]
    assert "Egyptian cat" in seen
    assert "window screen" in seen
    assert "tiger cat" not in seen
    told = scores.toolTip().splitlines()
    assert [any(name in line for line in told) for name in NAMES] == [True] * 5
    chosen: list[int] = []
    scores.class_chosen.connect(chosen.append)
    qtbot.mouseClick(scores, Qt.LeftButton, pos=scores.row_rect(1).center())
    assert chosen == [14]


def test_names_come_before_numbers_and_bars(scores, painted) -> None:
    wide = scores.sizeHint().height()
    scores.resize(608, wide)
    assert "12" in [text.text for text in painted.painted(scores)]
    scores.resize(290, wide)
    texts = painted.painted(scores)
    assert "12" not in [text.text for text in texts]
    assert list(painted.overlapping(scores, texts)) == []
    assert list(painted.clipped(texts)) == []
    for name in ("tabby", "lynx"):
        assert name in [text.text for text in texts]


def test_the_field_takes_the_place_of_the_patches_while_it_is_pointed_at(qtbot, qapp) -> None:
    panel = UnitPanel()
    qtbot.addWidget(panel)
    panel.set_field("field 3 × 3")
    panel.show()

    def seen() -> tuple[bool, bool]:
        return panel.patches.isVisible(), panel.spot.isVisible()

    assert seen() == (True, True)
    high = panel.minimumSizeHint().height()
    panel.set_low(True)
    panel.fit(360, 100)
    qapp.processEvents()
    assert seen() == (True, False)
    low = panel.sizeHint().height()
    assert low < high - panel.spot.height()
    panel.picture.hovered.emit(3.0, 4.0)
    assert seen() == (False, True)
    assert panel.spot_title.isVisible()
    qapp.processEvents()
    assert panel.sizeHint().height() == low  # nothing below it moves
    panel.picture.left.emit()
    assert seen() == (True, False)
    panel.picture.hovered.emit(3.0, 4.0)
    panel.set_field("")  # a unit that sees all of the picture
    assert seen() == (True, False)


def test_a_large_picture_holds_no_window_open(qtbot) -> None:
    panel = UnitPanel()
    qtbot.addWidget(panel)
    panel.fit(400, 0)
    least = panel.minimumSizeHint().height()
    panel.fit(900, 700)
    assert panel.picture.minimumHeight() == 700
    assert panel.minimumSizeHint().height() == least


@pytest.mark.parametrize("width", [360, 260, 210, 190])
def test_words_of_surgery_are_whole_or_icons(qtbot, qapp, width: int) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    holder.resize(600, 400)
    panel = SurgeryPanel(holder)
    panel.resize(width, 300)
    holder.show()
    qapp.processEvents()
    words = [b.toolButtonStyle() != Qt.ToolButtonIconOnly for b in panel.buttons()[:-1]]
    assert words == sorted(words, reverse=True)  # from the right
    for button in panel.buttons():
        assert button.width() >= button.sizeHint().width()
        assert button.toolTip()
    assert panel.more_button.geometry().right() < width


@pytest.mark.parametrize(
    ("value", "letters", "text"),
    [
        (0.0, 4, "0"),
        (3.0, 4, "3"),
        (0.5, 4, ".50"),
        (-9.98, 4, "\N{MINUS SIGN}10"),
        (0.3, 1, ""),
        (4e-9, 3, ""),
        (4e-9, 4, "4e\N{MINUS SIGN}9"),
        (0.004, 4, ".004"),
    ],
)
def test_only_0_is_written_as_0(value: float, letters: int, text: str) -> None:
    assert KernelPlanes.text(value, lambda t: len(t) <= letters) == text


def test_the_numbers_of_a_row_stand_clear_of_each_other(qtbot, painted) -> None:
    planes = KernelPlanes()
    qtbot.addWidget(planes)
    planes.resize(368, 140)
    values = np.random.default_rng(6).uniform(-12, 12, (3, 4, 4)).astype(np.float32)
    planes.show_weights(values, ["red", "green", "blue"])
    planes.show()
    rows: dict[int, list[Any]] = {}
    for text in painted.painted(planes):
        if text.text not in ("red", "green", "blue"):
            rows.setdefault(round(text.place.center().y()), []).append(text.place)
    assert sum(map(len, rows.values())) > 40
    for row in rows.values():
        row.sort(key=lambda place: place.left())
        assert min(b.left() - a.right() for a, b in pairwise(row)) >= 4


def test_digits_become_smaller_before_they_become_fewer(qtbot, painted) -> None:
    planes = KernelPlanes()
    qtbot.addWidget(planes)
    planes.resize(368, 140)
    values = np.random.default_rng(6).uniform(-0.99, 0.99, (3, 4, 4)).astype(np.float32)
    values[0, 0] = [-0.04, 0.04, -0.35, -0.65]
    planes.show_weights(values, ["red", "green", "blue"])
    planes.show()
    shown = [text.text for text in painted.painted(planes)]
    wanted = [f"{v:.2f}".replace("-", "−").replace("0.", ".", 1) for v in values.reshape(-1)]
    assert sorted(shown) == sorted([*wanted, "red", "green", "blue"])


def test_cells_without_room_for_two_places_are_colours_alone(qtbot, painted) -> None:
    planes = KernelPlanes()
    qtbot.addWidget(planes)
    planes.show_weights(np.linspace(-0.9, 0.9, 1728, dtype=np.float32))
    planes.show()
    seen = {}
    for width in (368, 560, 800):
        planes.resize(width, 140)
        seen[width] = {text.text for text in painted.painted(planes)}
    assert not seen[368]
    assert not seen[560], "room for .90, but not for −.90"
    assert "−.90" in seen[800]


def test_the_names_of_a_kernels_planes_come_before_lines_of_code(qtbot) -> None:
    panel = SurgeryPanel()
    qtbot.addWidget(panel)
    assert panel.sizeHint().height() == panel.minimumSizeHint().height()
