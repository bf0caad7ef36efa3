"""Colour maps as those see them who lack a kind of cone."""

from __future__ import annotations

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.gui.widgets.colours import lut
from filterlab.surgery import overlay
from filterlab.surgery.choices import COLOUR_BLIND_SAFE
from filterlab.surgery.colour_vision import (
    DEFICIENCIES,
    difference,
    lab,
    lightness_steps,
    seen,
)
from filterlab.surgery.maps import FIRST, SECOND

#: A step that the eye cannot tell, and a distance that it can from the back row.
_ROUNDING, _APART = 0.35, 20.0


def test_lab_of_known_colours() -> None:
    """Against scikit-image, an implementation of its own."""
    from skimage.color import rgb2lab

    rng = np.random.default_rng(1)
    colours = rng.random((40, 3))
    np.testing.assert_allclose(lab(colours), rgb2lab(colours[None])[0], atol=0.05)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_greys_stay_and_confused_colours_meet(deficiency) -> None:
    greys = np.repeat(np.linspace(0, 1, 11)[:, None], 3, axis=1)
    np.testing.assert_allclose(seen(greys, deficiency), greys, atol=2e-3)
    pair = {
        "protanopia": ((0.55, 0.40, 0.10), (0.32, 0.44, 0.10)),
        "deuteranopia": ((0.60, 0.36, 0.20), (0.36, 0.47, 0.20)),
        "tritanopia": ((0.20, 0.50, 0.75), (0.20, 0.56, 0.50)),
    }[deficiency]
    plain, with_it = difference(*pair), difference(*(seen(c, deficiency) for c in pair))
    assert with_it < 0.5 * plain


def test_another_name_is_refused() -> None:
    with pytest.raises(FilterLabError, match="no deficiency 'x'"):
        seen([0, 0, 0], "x")


def _reads(table: np.ndarray) -> bool:
    """Whether lightness grows all the way, to every eye."""
    views = [table, *(seen(table, d) for d in DEFICIENCIES)]
    return all(
        lightness_steps(view).min() > -_ROUNDING
        and lab(view)[-1, 0] - lab(view)[0, 0] > 60
        and (lab(view)[32::32, 0] > lab(view)[:-32:32, 0] + 2).all()
        for view in views
    )


def test_exactly_the_safe_maps_are_marked() -> None:
    found = [name for name in overlay.COLORMAPS if _reads(overlay.colormap(name))]
    assert tuple(sorted(found)) == tuple(sorted(COLOUR_BLIND_SAFE))


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_signs_of_the_diverging_scale_are_told_apart(deficiency) -> None:
    """Both arms darken towards their ends, and the same distance from zero never looks alike."""
    table = seen(lut("diverging") / 255, deficiency)
    lightness = lab(table)[:, 0]
    assert (np.diff(lightness[:124]) > -_ROUNDING).all()
    assert (np.diff(lightness[132:]) < _ROUNDING).all()
    below, above = table[:96], table[::-1][:96]
    assert difference(below, above).min() > _APART


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_two_classes_are_told_apart(deficiency) -> None:
    assert difference(seen(FIRST, deficiency), seen(SECOND, deficiency)) > _APART


def test_the_view_panel_marks_them(qtbot) -> None:
    from filterlab.gui.heatmap.view_popover import ViewPopover

    panel = ViewPopover()
    qtbot.addWidget(panel)
    combo = panel.colours_combo
    marked = {combo.itemData(k) for k in range(combo.count()) if "✓" in combo.itemText(k)}
    assert marked == set(COLOUR_BLIND_SAFE)
