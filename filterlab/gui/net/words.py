"""What the Net tab says."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtGui import QColor

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.surgery.geometry import Geometry
from filterlab.surgery.net_rows import NetRow, Totals
from filterlab.surgery.units import units_told

__all__ = [
    "TIMES",
    "bar_colour",
    "blob_told",
    "counted",
    "field",
    "milliseconds",
    "number",
    "percent",
    "points",
    "row_told",
    "shape",
    "totals_told",
    "units_title",
]

TIMES = "\N{MULTIPLICATION SIGN}"


def bar_colour(chosen: bool) -> QColor:
    """The colour of a bar: the accent where it is chosen or leads, else faint."""
    colour = QColor(theme.current().accent if chosen else theme.current().muted)
    colour.setAlphaF(1.0 if chosen else 0.6)
    return colour


def number(value: float, digits: int = 2) -> str:
    """A number with a true minus."""
    # Beyond a million its digits would say more than a float32 knows.
    text = f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.3g}"
    if not float(text):
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """A probability for reading, a digit behind the point."""
    return f"{100 * share:.1f} %"


def points(value: float) -> str:
    """A change in points of 100, with its sign; ``0.0`` has none."""
    text = number(value, 1)
    return text if text.startswith("\N{MINUS SIGN}") or not float(text) else f"+{text}"


def shape(given: Sequence[int] | None) -> str:
    """A blob's shape without the batch, as 32×112×112."""
    if given is None:
        return "?"
    return TIMES.join(map(str, given[1:] if len(given) > 1 else given))


def milliseconds(seconds: float | None, unit: bool = False) -> str:
    """A time; empty if it is not known."""
    if seconds is None:
        return ""
    ms = 1000 * seconds
    text = f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" if ms >= 10 or unit else f"{ms:.2f}"
    return f"{text} ms" if unit else text


def counted(value: int) -> str:
    """A large count in three digits: 19.3 M."""
    for limit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {name}"
    return str(value)


def field(geometry: Geometry | None) -> str:
    """Receptive field and stride: ``field 4 × 4, stride 2``; empty if a unit has no place."""
    if geometry is None or not geometry.y.jump or not geometry.x.jump:
        return ""
    y, x = geometry.y, geometry.x
    stride = f"{y.jump}" if y.jump == x.jump else f"{y.jump} {TIMES} {x.jump}"
    return tr("field {rows} × {cols}, stride {stride}").format(
        rows=y.field, cols=x.field, stride=stride
    )


def blob_told(row: NetRow) -> tuple[str, ...]:
    """What stands behind a blob's name above its tiles, and shorter where there is less room."""
    told = f" {TIMES} ".join(map(str, row.shape[1:])) if row.shape is not None else "?"
    where = field(row.geometry)
    return (f"{told}, {where}", told, "") if where else (told, "")


def row_told(row: NetRow) -> str:
    """A layer in a line, for tool tip and status."""
    said = [", ".join(row.layers) if row.kind != "block" else row.title]
    if row.type:
        said.append(row.type)
    said.append(shape(row.shape))
    if row.parameters:
        said.append(tr("{n} parameters").format(n=f"{row.parameters:,}"))
    if row.macs:
        said.append(tr("{n} multiply-adds").format(n=counted(row.macs)))
    if field(row.geometry):
        said.append(field(row.geometry))
    if row.seconds is not None:
        said.append(milliseconds(row.seconds, unit=True))
    line = ", ".join(said)
    return f"{line}\n{tr(row.problem)}" if row.problem else line


def totals_told(whole: Totals) -> str:
    """The sums of a net."""
    return tr("{n} parameters, {macs} multiply-adds; times of the layers one by one").format(
        n=f"{whole.parameters:,}", macs=counted(whole.macs)
    )


def units_title(units: tuple[int, ...]) -> str:
    """The heading of the chosen units."""
    told = tr(units_told(units)) if units else tr("no unit")
    return told[:1].upper() + told[1:]
