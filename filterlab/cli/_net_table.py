"""A net's table as text and as JSON, for ``filterlab info`` and ``filterlab inspect``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from filterlab.errors import FilterLabError

if TYPE_CHECKING:
    from filterlab.caffe.text import Text
    from filterlab.surgery.geometry import Geometry
    from filterlab.surgery.net_table import Fit, NetTable, Row

__all__ = [
    "columns_of", "fit_json", "print_fit", "print_net", "refuse_other_shapes", "table_json"
]  # fmt: skip

_FIELD = "field, jump: receptive field and its stride in pixels of the input (rows x columns)"


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(dim) for dim in shape) or "()"


def _first(names: Sequence[str]) -> str:
    """Names for one cell of the table; a concatenation of many would make it too wide."""
    return ", ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _pair(values: Sequence[Any]) -> str:
    y, x = (value or "-" for value in values)
    return f"{y}" if y == x else f"{y}x{x}"


def _number(value: Any) -> float:
    """Whole numbers as int; behind a deconvolution geometry has fractions."""
    return int(value) if value == int(value) else float(value)


def _place(geometry: Geometry | None) -> dict[str, list[float]]:
    """Receptive field, jump and start (rows, columns) of a layer that has them."""
    if geometry is None:
        return {}
    axes = (geometry.y, geometry.x)
    return {
        "field": [_number(axis.field) for axis in axes],
        "jump": [_number(axis.jump) for axis in axes],
        "start": [_number(axis.start) for axis in axes],
    }


def _lists(shapes: Sequence[Sequence[int]] | None) -> list[list[int]] | None:
    return None if shapes is None else [list(shape) for shape in shapes]


def table_json(table: NetTable, prototxt: str) -> dict[str, Any]:
    """The table as plain data; ``null`` where something is not known."""
    return {
        "prototxt": prototxt,
        "name": table.name,
        "inputs": {name: list(shape) for name, shape in table.inputs.items()},
        "outputs": {
            name: None if shape is None else list(shape) for name, shape in table.outputs.items()
        },
        "layers": [
            {
                "name": row.name,
                "type": row.type,
                "bottoms": list(row.bottoms),
                "tops": list(row.tops),
                "shapes": _lists(row.shapes),
                "weights": _lists(row.weights),
                "parameters": row.parameters,
                "macs": row.macs,
                **_place(row.geometry),
                **({} if row.seconds is None else {"seconds": row.seconds}),
                **({"problem": row.problem} if row.problem else {}),
            }
            for row in table.rows
        ],
        "parameters": table.parameters,
        "macs": table.macs,
        "blob_values": table.blob_values,
    }


def fit_json(fit: Fit) -> dict[str, Any]:
    """How a weights file fits, as plain data."""
    return {
        "file": fit.file,
        "filled": list(fit.filled),
        "missing": list(fit.missing),
        "differ": {
            name: {"net": _lists(net), "file": _lists(file)}
            for name, (net, file) in fit.differ.items()
        },
        "unused": list(fit.unused),
        "not_finite": list(fit.not_finite),
    }


def columns_of(rows: list[list[str]], right: Sequence[int]) -> list[str]:
    """Rows of cells as lines with their columns below one another."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def _bytes(count: int) -> str:
    size = float(4 * count)
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _cells(row: Row) -> list[str]:
    place = _place(row.geometry)
    unknown = "?" if row.tops else ""
    return [
        row.name,
        row.type,
        _first(row.bottoms),
        _first(row.tops),
        unknown if row.shapes is None else _first([_text(shape) for shape in row.shapes]),
        "?" if row.weights is None else ", ".join(_text(shape) for shape in row.weights),
        f"{row.parameters:,}" if row.weights else "",
        _pair(place["field"]) if place else "",
        _pair(place["jump"]) if place else "",
    ]


def print_net(table: NetTable, work: bool = False) -> None:
    """Print the table; with ``work`` the multiply-adds and, where measured, the times too."""
    for name, shape in table.inputs.items():
        print(f"input   {name}  {_text(shape)}")
    for name, top in table.outputs.items():
        print(f"output  {name}  {'?' if top is None else _text(top)}")
    print()
    head = ["layer", "type", "from", "top", "shape", "weights", "parameters", "field", "jump"]
    timed = work and any(row.seconds is not None for row in table.rows)
    whole = sum(row.seconds or 0 for row in table.rows)
    rows = [head + ["multiply-adds"] * work + ["ms", "share"] * timed]
    for row in table.rows:
        cells = _cells(row)
        if work:
            cells.append("?" if row.macs is None else f"{row.macs:,}" if row.macs else "")
        if timed:
            seconds = row.seconds or 0.0
            cells += [f"{seconds * 1000:.2f}", f"{seconds / whole:.0%}"]
        rows.append(cells)
    print("\n".join(columns_of(rows, right=range(6, len(rows[0])))))
    print()
    print(
        f"{len(table.rows)} layers, {table.parameters:,} parameters "
        f"({_bytes(table.parameters)} as float32), "
        f"{table.blob_values:,} blob values ({_bytes(table.blob_values)})"
        + (f", {table.macs:,} multiply-adds" if work else "")
    )
    print(_FIELD)


def print_fit(fit: Fit) -> None:
    """Print how a weights file fits."""
    total = len(fit.filled) + len(fit.missing) + len(fit.differ)
    print(f"\n{fit.file}: fills {len(fit.filled)} of {total} layers with weights")
    if fit.missing:
        print(f"  not in the file: {_some(fit.missing)}")
    for name in fit.differ:
        print(f"  another shape: {name} is {_both(fit, name)}")
    if fit.unused:
        print(f"  not in the net: {_some(fit.unused)}")
    if fit.not_finite:
        print(f"  holds NaN or infinity: {_some(fit.not_finite)}")


def _both(fit: Fit, name: str) -> Text:
    from filterlab.caffe.text import Text  # late: the command line's help needs no engine

    ours, theirs = (", ".join(map(_text, shapes)) for shapes in fit.differ[name])
    return Text("{ours} in the net, {theirs} in the file", ours=ours, theirs=theirs)


def refuse_other_shapes(fit: Fit) -> None:
    """Raise FilterLabError for a weights file with other shapes than the net's."""
    for name in fit.differ:
        raise FilterLabError(
            "{fit}: layer '{name}' is {both}; give the weights that belong to this prototxt",
            fit=fit.file,
            name=name,
            both=_both(fit, name),
        )
