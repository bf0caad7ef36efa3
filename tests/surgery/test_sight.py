"""Where cells look on the picture, rows and columns apart."""

from __future__ import annotations

import pytest

from filterlab.errors import FilterLabError
from filterlab.surgery.geometry import Axis, Geometry
from filterlab.surgery.heatmap import Placement
from filterlab.surgery.sight import Sight

#: Rows: field 6, jump 4, start -2. Columns: field 10, jump 8, start 3. 30 x 50 pixels of input,
#: each of 2 x 3 pixels of the picture from (100, 20) on.
SIGHT = Sight(
    Geometry(Axis(6, 4, -2), Axis(10, 8, 3)), (8, 5), (30, 50), Placement(3.0, 2.0, 100.0, 20.0)
)


def test_boxes_are_cut_off_where_nothing_is_shown() -> None:
    assert SIGHT.shown == (100, 20, 250, 80)
    assert SIGHT.box(1, 2) == (100 + 3 * 19, 20 + 2 * 2, 100 + 3 * 29, 20 + 2 * 8)
    assert SIGHT.box(0, 0) == (100 + 3 * 3, 20, 100 + 3 * 13, 20 + 2 * 4)
    assert SIGHT.box(7, 4) == (100 + 3 * 35, 20 + 2 * 26, 100 + 3 * 45, 80)


def test_middles_and_tiles() -> None:
    assert SIGHT.centre(1, 2) == (100 + 3 * 24, 20 + 2 * 5)
    # Tiles are as far apart as the cells, with the middles in the middle.
    assert SIGHT.tiles() == (100 + 3 * 4, 20 + 2 * -1, 100 + 3 * 44, 20 + 2 * 31)


@pytest.mark.parametrize(
    ("at", "cell"),
    [
        ((24, 5), (1, 2)),
        ((27.9, 6.9), (1, 2)),
        ((28.1, 7.1), (2, 3)),
        ((28, 7), (1, 2)),  # half way, the first
        ((20.1, 3.1), (1, 2)),
        ((0, 0), (0, 0)),
        ((49.9, 29.9), (7, 4)),
    ],
)
def test_the_nearest_cell(at: tuple[float, float], cell: tuple[int, int]) -> None:
    assert SIGHT.cell(100 + 3 * at[0], 20 + 2 * at[1]) == cell


@pytest.mark.parametrize("at", [(99, 30), (250, 30), (120, 19), (120, 80)])
def test_there_is_no_cell_where_nothing_is_shown(at: tuple[float, float]) -> None:
    assert SIGHT.cell(*at) is None


def test_a_cell_that_looks_into_the_padding_alone_sees_an_edge() -> None:
    """Fields of 2 x 2 pixels, 2 apart, of which the first two and the last two lie outside."""
    far = Sight(
        Geometry(Axis(2, 2, -4), Axis(2, 2, -4)), (9, 12), (10, 16), Placement(1.0, 1.0, 0.0, 0.0)
    )
    assert far.box(0, 0) == far.box(1, 1) == (0, 0, 0, 0)
    assert far.box(8, 11) == far.box(7, 10) == (16, 10, 16, 10)
    assert far.box(2, 2) == (0, 0, 2, 2)
    assert far.box(6, 9) == (14, 8, 16, 10)


def test_cells_are_counted_by_rows_and_columns() -> None:
    for cell in ((8, 0), (0, 5), (-1, 0), (0, -1), (5, 7)):
        for ask in (SIGHT.box, SIGHT.centre):
            with pytest.raises(FilterLabError, match=rf"no cell \({cell[0]}, {cell[1]}\); .* 8x5"):
                ask(*cell)
    everything = Sight(None, (1, 1), (30, 50), SIGHT.placement)
    assert everything.box(0, 0) == everything.tiles() == everything.shown == (100, 20, 250, 80)
    assert everything.centre(0, 0) == (175, 50)
    assert everything.cell(249, 79) == (0, 0)
    assert everything.cell(250, 79) is None
    with pytest.raises(FilterLabError, match="1x1"):
        everything.box(0, 1)
