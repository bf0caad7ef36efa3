"""A unit on the picture: where its places lie, what its strongest one sees."""

from __future__ import annotations

import numpy as np
import pytest

from filterlab.pictures import grey_of
from filterlab.surgery.colormaps import colormap
from filterlab.surgery.geometry import Axis, Geometry
from filterlab.surgery.unit_view import enlarged, place_at, seen_box, unit_view

#: Places of 4 x 6 pixels, 4 and 8 apart, that begin at -1 and -2.
GEOMETRY = Geometry(Axis(4, 4, -1), Axis(6, 8, -2))


def _picture(height: int = 16, width: int = 24) -> np.ndarray:
    return np.random.default_rng(3).random((height, width, 3)).astype(np.float32)


def test_each_pixel_takes_the_place_whose_middle_is_nearest() -> None:
    picture = _picture()
    channel = np.arange(12, dtype=np.float32).reshape(4, 3)
    view = unit_view(picture, channel, GEOMETRY)
    assert (view.median, view.peak, view.at) == (5.5, 11.0, (3, 2))
    middles_y = [-1 + 4 * k + 2 for k in range(4)]
    middles_x = [-2 + 8 * k + 3 for k in range(3)]
    grey = grey_of(picture)
    inferno = colormap("inferno")
    for y in range(16):
        for x in range(24):
            row = min(range(4), key=lambda k: (abs(middles_y[k] - (y + 0.5)), -k))
            col = min(range(3), key=lambda k: (abs(middles_x[k] - (x + 0.5)), -k))
            share = min(1.0, max(0.0, (channel[row, col] - 5.5) / 5.5))
            dark = 0.42 * grey[y, x]
            weight = min(1.0, share / 0.4)
            wanted = dark + (inferno[int(np.rint(share * 255))] - dark) * weight
            np.testing.assert_allclose(view.image[y, x], 255 * wanted, atol=1.01)


@pytest.mark.parametrize("channel", [np.full((4, 3), 2.5, np.float32), np.zeros((1, 1))])
def test_a_flat_unit_leaves_the_picture_grey(channel: np.ndarray) -> None:
    view = unit_view(_picture(), channel, GEOMETRY if channel.size > 1 else None)
    assert (view.image[..., 0] == view.image[..., 1]).all()
    assert view.at == (0, 0)
    assert view.peak == view.median == channel.flat[0]


def test_fields_and_places() -> None:
    assert seen_box(GEOMETRY, 0, 0) == (-2, -1, 4, 3)
    assert seen_box(GEOMETRY, 3, 2) == (14, 11, 20, 15)
    for row in range(4):
        for col in range(3):
            x0, y0, x1, y1 = seen_box(GEOMETRY, row, col)
            assert place_at(GEOMETRY, (4, 3), (x0 + x1) / 2, (y0 + y1) / 2) == (row, col)
    assert place_at(GEOMETRY, (4, 3), -50, 50) == (3, 0)


def test_a_field_enlarged_with_its_neighbourhood() -> None:
    picture = _picture(64, 64)
    shown, box = enlarged(picture, (30, 20, 36, 26))
    assert shown.shape == (24, 24, 3)
    assert box == (9, 9, 15, 15)
    np.testing.assert_allclose(shown[9:15, 9:15], 255 * picture[20:26, 30:36], atol=0.51)
    shown, box = enlarged(picture, (-2, -2, 4, 4))
    assert not shown[:11].any()
    x0, y0, _, _ = box
    np.testing.assert_allclose(shown[y0 + 2, x0 + 2], 255 * picture[0, 0], atol=0.51)
    # A field as large as the picture, or larger, is shown in all of it.
    shown, box = enlarged(picture, (-100, -90, 140, 150))
    np.testing.assert_allclose(shown, 255 * picture, atol=0.51)
    assert box == (-100, -90, 140, 150)


@pytest.mark.parametrize(
    ("shape", "box", "side", "at"),
    [
        # Four times the field, of its longer side, as far as the picture is large.
        ((64, 90), (30, 20, 36, 26), 24, (21, 11)), ((64, 90), (30, 20, 40, 24), 40, (15, 2)),
        ((64, 90), (30, 20, 34, 30), 40, (12, 5)), ((64, 90), (5, 6, 6, 7), 16, (-3, -2)),
        # All of a picture is shown in a square, its shorter side in the middle.
        ((64, 90), (20, 10, 50, 40), 90, (0, -13)), ((90, 64), (20, 10, 50, 40), 90, (-13, 0)),
        ((12, 10), (3, 3, 5, 5), 12, (-1, 0)),
    ],
)  # fmt: skip
def test_how_much_around_a_field_is_shown(
    shape: tuple[int, int], box: tuple[int, int, int, int], side: int, at: tuple[int, int]
) -> None:
    picture = np.random.default_rng(8).random((*shape, 3)).astype(np.float32)
    picture[0, 0] = 1.5, -0.5, 1.0  # as a resized picture may have: white is white
    shown, found = enlarged(picture, box)
    left, top = at
    assert shown.shape == (side, side, 3)
    assert found == (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    wanted = np.zeros((side, side, 3))
    for y in range(side):
        for x in range(side):
            if 0 <= y + top < shape[0] and 0 <= x + left < shape[1]:
                wanted[y, x] = np.clip(picture[y + top, x + left], 0, 1)
    np.testing.assert_allclose(shown / 255, wanted, atol=0.51 / 255)
