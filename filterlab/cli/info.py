"""``filterlab info``: describe a net."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

from filterlab.cli._json import print_json
from filterlab.errors import FilterLabError

__all__ = ["add_parser", "describe", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "info",
        help="describe a net",
        description="Lists a net's layers with their shapes, weights and receptive fields, and "
        "says how a weights file fits it. Nothing is computed and no memory taken for the blobs.",
    )
    parser.add_argument("prototxt", metavar="PROTOTXT", help="the net, of any Caffe generation")
    parser.add_argument(
        "weights", metavar="WEIGHTS", nargs="?", help="a .caffemodel or .caffemodel.h5 for it"
    )
    parser.add_argument(
        "--phase", choices=("test", "train"), default="test", help="which layers count (test)"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(dim) for dim in shape) or "()"


def _pair(values: Sequence[Any] | None) -> str:
    if values is None:
        return ""
    y, x = (value or "-" for value in values)
    return f"{y}" if y == x else f"{y}x{x}"


def _fields(param: Any, blobs: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Receptive field, jump and start (rows, columns) of each blob that has them."""
    from filterlab.surgery.geometry import of_blob

    found = {}
    for blob in blobs:
        try:
            geometry = of_blob(param, blob)
        except FilterLabError:
            continue
        axes = (geometry.y, geometry.x)
        found[blob] = {
            "field": [_number(axis.field) for axis in axes],
            "jump": [_number(axis.jump) for axis in axes],
            "start": [_number(axis.start) for axis in axes],
        }
    return found


def _number(value: Any) -> float:
    """Whole numbers as int; behind a deconvolution geometry has fractions."""
    return int(value) if value == int(value) else float(value)


def describe(prototxt: str, phase: str = "test") -> dict[str, Any]:
    """A net as plain data: inputs, outputs, and each layer with shapes, weights and field.

    Raises
    ------
    CaffeError
        If the net is bad.
    """
    from filterlab.caffe import TEST, TRAIN, CaffeError
    from filterlab.caffe.prototxt import read_net
    from filterlab.caffe.topology import Topology

    param = read_net(prototxt)
    try:
        topology = Topology(param, TEST if phase == "test" else TRAIN)
        outside = topology.initial_shapes()
        shapes = topology.infer(outside)
    except CaffeError as error:
        raise CaffeError("{prototxt}: {error}", prototxt=prototxt, error=error) from error
    fields = _fields(topology.param, topology.blobs)
    layers = []
    current = dict(outside)
    for index, (layer, specs) in enumerate(zip(topology.layers, shapes.weights)):
        if not layer.is_source:
            current.update(zip(layer.tops, layer.reshape(shapes.bottoms[index])))
        counts = [
            math.prod(spec.shape)
            for i, spec in enumerate(specs)
            if (index, i) not in topology.shared
        ]
        layers.append(
            {
                "name": layer.name,
                "type": layer.type,
                "bottoms": list(layer.bottoms),
                "tops": list(layer.tops),
                "shapes": [list(current[top]) for top in layer.tops],
                "weights": [list(spec.shape) for spec in specs],
                "parameters": sum(counts),
                **(fields.get(layer.tops[0], {}) if layer.tops else {}),
            }
        )
    return {
        "prototxt": prototxt,
        "name": topology.param.name,
        "inputs": {name: list(outside[name]) for name in topology.inputs},
        "outputs": {name: list(current[name]) for name in topology.outputs},
        "layers": layers,
        "parameters": sum(layer["parameters"] for layer in layers),
        "blob_values": sum(math.prod(current[blob]) for blob in topology.blobs),
    }


def _check_weights(net: dict[str, Any], path: str) -> dict[str, Any]:
    """How a weights file fits the net."""
    import numpy as np

    from filterlab.caffe.caffemodel import read_weights

    stored = read_weights(path, mapped=False)
    wanted = {layer["name"]: layer["weights"] for layer in net["layers"] if layer["weights"]}

    def plain(shape: Sequence[int]) -> list[int]:
        """Without leading ones, by which old files pad shapes to four axes."""
        kept = list(shape)
        while kept and kept[0] == 1:
            del kept[0]
        return kept

    differ = {
        name: {"net": shapes, "file": [list(array.shape) for array in stored[name]]}
        for name, shapes in wanted.items()
        if name in stored
        and [plain(array.shape) for array in stored[name]] != [plain(shape) for shape in shapes]
    }
    return {
        "file": path,
        "filled": [name for name in wanted if name in stored and name not in differ],
        "missing": [name for name in wanted if name not in stored],
        "differ": differ,
        "unused": [name for name in stored if name not in wanted],
        "not_finite": [
            name
            for name, arrays in stored.items()
            if not all(np.isfinite(array).all() for array in arrays)
        ],
    }


def _table(rows: list[list[str]], right: Sequence[int]) -> list[str]:
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


def _print_net(net: dict[str, Any]) -> None:
    for name, shape in net["inputs"].items():
        print(f"input   {name}  {_text(shape)}")
    for name, shape in net["outputs"].items():
        print(f"output  {name}  {_text(shape)}")
    print()
    rows = [["layer", "type", "from", "top", "shape", "weights", "parameters", "field", "jump"]]
    for layer in net["layers"]:
        rows.append(
            [
                layer["name"],
                layer["type"],
                _first(layer["bottoms"]),
                _first(layer["tops"]),
                _first([_text(shape) for shape in layer["shapes"]]),
                ", ".join(_text(shape) for shape in layer["weights"]),
                f"{layer['parameters']:,}" if layer["weights"] else "",
                _pair(layer.get("field")),
                _pair(layer.get("jump")),
            ]
        )
    print("\n".join(_table(rows, right=(6, 7, 8))))
    print()
    print(
        f"{len(net['layers'])} layers, {net['parameters']:,} parameters "
        f"({_bytes(net['parameters'])} as float32), "
        f"{net['blob_values']:,} blob values ({_bytes(net['blob_values'])})"
    )
    print("field, jump: receptive field and its stride in pixels of the input (rows x columns)")


def _first(names: Sequence[str]) -> str:
    """Names for one cell of the table; a concatenation of many would make it too wide."""
    return ", ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _print_weights(fit: dict[str, Any]) -> None:
    total = len(fit["filled"]) + len(fit["missing"]) + len(fit["differ"])
    print(f"\n{fit['file']}: fills {len(fit['filled'])} of {total} layers with weights")
    if fit["missing"]:
        print(f"  not in the file: {_some(fit['missing'])}")
    for name, shapes in fit["differ"].items():
        print(f"  another shape: {name} is {_both(shapes)}")
    if fit["unused"]:
        print(f"  not in the net: {_some(fit['unused'])}")
    if fit["not_finite"]:
        print(f"  holds NaN or infinity: {_some(fit['not_finite'])}")


def _both(shapes: dict[str, Any]) -> str:
    ours = ", ".join(map(_text, shapes["net"]))
    theirs = ", ".join(map(_text, shapes["file"]))
    return f"{ours} in the net, {theirs} in the file"


def _refuse_other_shapes(fit: dict[str, Any]) -> None:
    for name, shapes in fit["differ"].items():
        raise FilterLabError(
            "{fit}: layer '{name}' is {both}; give the weights that belong to this prototxt",
            fit=fit["file"],
            name=name,
            both=_both(shapes),
        )


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    net = describe(args.prototxt, args.phase)
    if args.weights:
        net["weights_file"] = _check_weights(net, args.weights)
    if args.json:
        print_json(net, indent=2)
    else:
        _print_net(net)
        if args.weights:
            _print_weights(net["weights_file"])
    if args.weights:
        _refuse_other_shapes(net["weights_file"])
    return 0
