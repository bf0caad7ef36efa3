"""What the choices of a look are called, as (name, value) in the order in which they stand."""

from __future__ import annotations

from filterlab.gui.i18n import tr

__all__ = ["Names", "boxes", "lay_tips", "lays", "shows"]

Names = tuple[tuple[str, str], ...]


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
        (tr("coverage"), "coverage"),
        (tr("largest"), "coverage-max"),
        (tr("stretched"), "stretched"),
    )


def lay_tips() -> dict[str, str]:
    """What the ways to lay a map mean."""
    return {
        "tiles": tr("Each cell where its window has its centre"),
        "smooth": tr("Blended from centre to centre"),
        "coverage": tr("Each pixel the mean of all windows that hold it"),
        "coverage-max": tr("Each pixel the largest of all windows that hold it"),
        "stretched": tr("As in most tutorials: pulled over the whole picture, which is wrong"),
    }


def boxes() -> tuple[tuple[str, str, str], ...]:
    """What can be shown beside the map: field of the look, name, what it is."""
    return (
        (
            "follows",
            tr("Opacity follows the probability"),
            tr("Where nothing is found the photo is untouched"),
        ),
        ("corners", tr("Corners where the map ends"), tr("No cell has its centre beyond them")),
        ("contours", tr("Contour lines"), tr("At a quarter, a half and three quarters")),
        ("names", tr("Names in the cells"), tr("The best class of each cell")),
        (
            "field",
            tr("Receptive field of the cell"),
            tr("Every pixel that can change the cell under the cursor"),
        ),
        (
            "windows",
            tr("Windows of the check"),
            tr("The windows that the classifier was asked about, to check the map"),
        ),
    )
