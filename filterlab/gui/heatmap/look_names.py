"""What the choices of a look are called, as (name, value) in the order of the lists."""

from __future__ import annotations

from filterlab.gui.i18n import tr

__all__ = ["Names", "field_name", "lays", "name_of", "scales", "shows"]

Names = tuple[tuple[str, str], ...]


def field_name(key: str) -> str:
    """What a choice of the look is called beside its control."""
    return {
        "show": tr("Show"),
        "lay": tr("Laid as"),
        "scale": tr("Values"),
        "colours": tr("Colours"),
        "opacity": tr("Opacity"),
        "threshold": tr("Threshold"),
        "gamma": tr("Gamma"),
        "contours": tr("Contour lines"),
        "dim": tr("Dim the margins"),
        "words": tr("Write names into the cells"),
    }[key]


def shows() -> Names:
    """What can be shown of the maps."""
    return (
        (tr("chosen class"), "class"),
        (tr("two classes"), "two"),
        (tr("best class"), "winner"),
        (tr("uncertainty"), "entropy"),
    )


def lays() -> Names:
    """How a map is laid on the picture."""
    return (
        (tr("tiles"), "tiles"),
        (tr("smooth"), "smooth"),
        (tr("coverage, mean"), "coverage"),
        (tr("coverage, largest"), "coverage-max"),
        (tr("stretched (wrong)"), "stretched"),
    )


def scales() -> Names:
    """How values are put on the colour scale."""
    return (
        (tr("probability 0 to 1"), "unit"),
        (tr("range found"), "found"),
        (tr("logarithmic"), "log"),
        (tr("score, no softmax"), "score"),
    )


def name_of(names: Names, value: str) -> str:
    """The name of a value among these."""
    return next(name for name, known in names if known == value)
