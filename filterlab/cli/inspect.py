"""``filterlab inspect``: every layer of a net, with its work and its time, and a blob's tiles."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from filterlab.cli import _shown
from filterlab.cli._frame import add_frame, frame_of
from filterlab.cli._json import print_json
from filterlab.cli._net_table import columns_of, fit_json, print_fit, print_net, table_json
from filterlab.errors import FilterLabError
from filterlab.surgery.choices import TILE_SCALES

__all__ = ["add_parser", "run"]

_SHOWN = 20  # units in the text; all are in the JSON


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "inspect",
        help="list every layer of a net with its work and time; write a layer's tiles",
        description="Lists a net's layers as 'filterlab info' does, with multiply-adds and, where "
        "the net can run, the measured time of each. A net that cannot run (a layer of unknown "
        "type, weights that are missing or of other shapes) is listed all the same, and what is "
        "wrong is said below. --tiles writes what a layer makes of the picture's centre, --facts "
        "and --patches tell of its units.",
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="PROTOTXT [WEIGHTS] [IMAGE], or with --model [IMAGE]; an image is a file or a sample "
        "such as chelsea",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--passes", type=int, default=5, metavar="N", help="passes to time, 0 for none (5)"
    )
    parser.add_argument(
        "--tiles", metavar="LAYER", help="write this layer's channels; takes IMAGE and --out"
    )
    parser.add_argument(
        "--facts",
        metavar="LAYER",
        help="tell of each unit of this layer the length and mean of its weights, zeros, dead ones "
        "and twins; with IMAGE what it answers, too",
    )
    parser.add_argument(
        "--patches",
        metavar="LAYER",
        help="write the nine patches that each unit of this layer answers to most; takes --out",
    )
    parser.add_argument(
        "--pictures",
        metavar="PATH",
        help="a folder or a movie to look for patches in (the samples)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="where LAYER.png and LAYER.npy, LAYER-patches.png and LAYER-patches.json are written",
    )
    parser.add_argument(
        "--tile-scale",
        choices=TILE_SCALES,
        default="shared",
        help="one range for all tiles (shared)",
    )
    add_frame(parser)
    _shown.add_preparing(parser)


def _sorted_files(args: argparse.Namespace) -> tuple[str | None, str | None, str | None]:
    """Prototxt, weights and image, as far as they are given."""
    files = list(args.files)
    if args.model is not None:
        image = files.pop(0) if files else None
        _shown.no_more(files, "--model NAME [IMAGE]")
        return None, None, image
    if not files:
        raise FilterLabError("no net is given; give PROTOTXT [WEIGHTS] [IMAGE], or --model NAME")
    prototxt = files.pop(0)
    weights = files.pop(0) if files and not _shown.is_picture(files[0]) else None
    image = files.pop(0) if files else None
    _shown.no_more(files, "PROTOTXT [WEIGHTS] [IMAGE]")
    return prototxt, weights, image


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from filterlab.caffe.prototxt import read_net
    from filterlab.surgery.net_table import fit_of, net_table

    if not 0 <= args.passes <= 1000:
        raise FilterLabError("--passes {n}: must lie between 0 and 1000", n=args.passes)
    prototxt, weights, image = _sorted_files(args)
    if args.tiles is not None and (image is None or args.out is None):
        raise FilterLabError("--tiles takes a picture and --out DIR; give both")
    if args.patches is not None and args.out is None:
        raise FilterLabError("--patches takes --out DIR; give it")
    if args.pictures is not None and args.patches is None:
        raise FilterLabError("--pictures goes with --patches LAYER; give both")
    if args.model is not None:
        model = _shown.model_of(args, None, None)
        prototxt, weights = str(model.prototxt), str(model.need_weights())
    assert prototxt is not None
    table = net_table(read_net(prototxt))
    for name in (args.tiles, args.facts, args.patches):
        if name is not None:
            table.row(name)  # a wrong name is said before the work
    fit = fit_of(table, weights) if weights else None
    net, reason = _net(prototxt, None if fit is not None and fit.differ else weights)
    if fit is not None and fit.differ:
        reason = _misfit(fit)
    missing = fit.missing if fit is not None else tuple(r.name for r in table.rows if r.weights)
    whole = None
    if net is not None:
        _show(args, net, prototxt, weights, image)
        if args.passes:
            table, whole, reason = _timed(table, net, args.passes, reason)
    told = table_json(table, prototxt) | {
        "runs": not reason,
        "why_not": str(reason),
        "weights_missing": list(missing),
        "seconds": whole,
    }
    if fit is not None:
        told["weights_file"] = fit_json(fit)
    if args.facts is not None:
        if net is None or reason:
            raise FilterLabError("no facts, because the net cannot run: {reason}", reason=reason)
        if args.facts in missing:
            raise FilterLabError(
                "layer {name!r} has no weights in a file; give the file that has them",
                name=args.facts,
            )
        facts = _Facts(net, args.facts, image is not None)
        told["facts"] = facts.told()
    if args.json:
        print_json(told, indent=2)
    else:
        print_net(table, work=True)
        if whole is not None:
            layers = sum(row.seconds or 0 for row in table.rows)
            print(
                f"a whole pass takes {whole * 1000:.1f} ms, its layers one by one "
                f"{layers * 1000:.1f} ms (medians of {args.passes} passes)"
            )
        if fit is not None:
            print_fit(fit)
        elif missing:
            print(f"\nno weights are given for {len(missing)} layers: they are as drawn")
        for why in table.problems or ([reason] if reason else []):
            print(f"\nit cannot run: {why}")
        if args.facts is not None:
            facts.print()
    if args.tiles is not None:
        if net is None or reason:
            raise FilterLabError("no tiles, because the net cannot run: {reason}", reason=reason)
        _write_tiles(args, net)
    if args.patches is not None:
        if net is None or reason:
            raise FilterLabError("no patches, because the net cannot run: {reason}", reason=reason)
        _write_patches(args, net, prototxt, weights)
    return 0


def _net(prototxt: str, weights: str | None) -> tuple[Any, Any]:
    """The net, or None and why there is none."""
    import warnings

    from filterlab import caffe

    try:
        net = caffe.Net(prototxt, caffe.TEST)
        if weights is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", caffe.CaffeWarning)  # the table tells it
                net.copy_from(weights)
    except caffe.CaffeError as error:
        return None, error.message
    net.packing = "never"
    return net, ""


def _misfit(fit: Any) -> Any:
    from filterlab.cli._net_table import refuse_other_shapes

    try:
        refuse_other_shapes(fit)
    except FilterLabError as error:
        return error.message
    return ""


def _show(
    args: argparse.Namespace, net: Any, prototxt: str, weights: str | None, image: str | None
) -> None:
    """Fill the net's input with the picture's centre, if there is one."""
    if image is None:
        return
    from filterlab.surgery.own_input import own_input, picture_input, show

    prepared = _preparing(args, prototxt, weights)
    name = picture_input(net)
    picture = _shown.picture_of(image, frame_of(args))
    show(net, own_input(picture, net.blobs[name].shape, prepared))


def _preparing(args: argparse.Namespace, prototxt: str, weights: str | None) -> Any:
    """How pictures are prepared for the net."""
    own = (prototxt, weights or prototxt) if args.model is None else (None, None)
    return _shown.preprocessing(_shown.model_of(args, *own))


def _timed(table: Any, net: Any, passes: int, reason: Any) -> tuple[Any, float | None, Any]:
    from filterlab.caffe import CaffeError
    from filterlab.progress import run_job
    from filterlab.surgery.net_table import times_job

    try:
        times = run_job(times_job(net, passes))
    except CaffeError as error:
        return table, None, error.message
    return table.timed(times.layers), times.whole, reason


class _Facts:
    """What a layer's weights say of its units and, where a picture is shown, what they answer."""

    def __init__(self, net: Any, layer: str, shown: bool) -> None:
        from filterlab.surgery.unit_facts import activity_facts, unit_facts

        self.facts = unit_facts(net, layer)
        self.activity = None
        if shown and net.top_names[layer]:
            net.forward()
            self.activity = activity_facts(net.blobs[net.top_names[layer][0]].data)
        self.twins: dict[int, list[int]] = {}
        for one, other in self.facts.twins.tolist():
            self.twins.setdefault(one, []).append(other)
            self.twins.setdefault(other, []).append(one)

    def told(self) -> dict[str, Any]:
        """As plain data."""
        f, a = self.facts, self.activity
        units = []
        for u in range(len(f.norm)):
            unit: dict[str, Any] = {
                "unit": u,
                "norm": _finite(f.norm[u]),
                "mean": _finite(f.mean[u]),
                "zeros": float(f.zeros[u]),
                "small": float(f.small[u]),
                "dead": bool(f.dead[u]),
                "twins": self.twins.get(u, []),
            }
            if f.bias is not None:
                unit["bias"] = _finite(f.bias[u])
            if a is not None:
                unit["answers"] = {
                    "mean": _finite(a.mean[u]),
                    "peak": _finite(a.peak[u]),
                    "cell": a.cell[u].tolist(),
                    "active": float(a.active[u]),
                    "dead": bool(a.dead[u]),
                }
            units.append(unit)
        return {
            "layer": f.layer,
            "weights_of_a_unit": f.weights,
            "zeros": f.sparsity,
            "finite": f.finite,
            "histogram": {"edges": f.edges.tolist(), "counts": f.counts.tolist()},
            "units": units,
        }

    def print(self) -> None:
        """As text: the strongest units, and what is odd."""
        f, a = self.facts, self.activity
        print(f"\n{f.layer}: {len(f.norm)} units of {f.weights} weights, {f.sparsity:.1%} zeros")
        head = ["unit", "norm", "mean", *["bias"] * (f.bias is not None), "zeros", "small", "twins"]
        rows = [head + ["answers: mean", "peak", "active"] * (a is not None)]
        order = (-f.norm).argsort(kind="stable")
        for u in order[:_SHOWN].tolist():
            row = [str(u), f"{f.norm[u]:.4g}", f"{f.mean[u]:.3g}"]
            if f.bias is not None:
                row.append(f"{f.bias[u]:.4g}")
            row += [f"{f.zeros[u]:.0%}", f"{f.small[u]:.0%}"]
            row.append(", ".join(map(str, self.twins.get(u, [])[:4])))
            if a is not None:
                row += [f"{a.mean[u]:.4g}", f"{a.peak[u]:.4g}", f"{a.active[u]:.0%}"]
            rows.append(row)
        print("\n".join(columns_of(rows, right=[i for i in range(len(head) + 3) if i != 6])))
        if len(order) > _SHOWN:
            print(f"… and {len(order) - _SHOWN} more (--json lists all)")
        dead = f.dead.nonzero()[0].tolist()
        print(f"dead (all weights 0): {_listed(dead)}")
        if a is not None and a.rectified:
            print(f"nowhere above 0 on this picture: {_listed(a.dead.nonzero()[0].tolist())}")
        pairs = [f"{one} and {other}" for one, other in f.twins.tolist()]
        print(f"twins (cosine beyond 0.999 either way): {_listed(pairs)}")
        if not f.finite:
            print("some weights are NaN or infinite")


def _finite(value: float) -> float | None:
    """A number that JSON can hold."""
    import math

    return float(value) if math.isfinite(value) else None


def _listed(things: list[Any]) -> str:
    some = ", ".join(map(str, things[:_SHOWN]))
    more = f" and {len(things) - _SHOWN} more" if len(things) > _SHOWN else ""
    return some + more if things else "none"


def _stem(layer: str) -> str:
    """A layer's name as a file's."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in layer)


def _write_patches(args: argparse.Namespace, net: Any, prototxt: str, weights: str | None) -> None:
    from filterlab import paths
    from filterlab.caffe.files import atomic_write
    from filterlab.pictures import write_picture
    from filterlab.pictures.shelf import SampleShelf, shelf_of
    from filterlab.progress import run_job
    from filterlab.surgery.patches import patch_sheet, patches_job

    shelf = SampleShelf() if args.pictures is None else shelf_of(args.pictures)
    tell = _shown.teller()
    best = run_job(
        patches_job(
            net,
            args.patches,
            shelf,
            _preparing(args, prototxt, weights),
            folder=paths.cache_dir() / "patches",
        ),
        tell,
    )
    tell(None)
    folder = Path(args.out)
    os.makedirs(folder, exist_ok=True)
    sheet, listed = (folder / f"{_stem(args.patches)}-patches.{end}" for end in ("png", "json"))
    write_picture(sheet, patch_sheet(best))
    told = {
        "layer": best.layer,
        "value_after": best.value_layer,
        "input_size": list(best.input_size),
        "pictures": best.looked,
        "not_read": list(best.skipped),
        "units": [
            [
                {"value": p.value, "picture": p.picture, "cell": list(p.cell), "box": list(p.box)}
                for p in best.of(unit)
            ]
            for unit in range(best.units)
        ],
    }
    with atomic_write(listed, "w") as stream:
        json.dump(told, stream, indent=1, ensure_ascii=False)
    if args.json:
        return
    print(
        f"\n{best.layer}: the best patches of {best.units} units over {best.looked} pictures"
        + (f"; {len(best.skipped)} could not be read" if best.skipped else "")
    )
    print(f"wrote {sheet}\nwrote {listed}")


def _write_tiles(args: argparse.Namespace, net: Any) -> None:
    from filterlab.pictures import write_picture
    from filterlab.surgery.export import write_npy
    from filterlab.surgery.tiles import tile_sheet, tiles_note

    folder = Path(args.out)
    os.makedirs(folder, exist_ok=True)
    net.forward()
    tops = net.top_names[args.tiles]
    if not tops:
        raise FilterLabError("layer {name!r} makes no blob; choose another", name=args.tiles)
    data = net.blobs[tops[0]].data
    stem = _stem(args.tiles)
    sheet = tile_sheet(data, args.tile_scale)
    write_picture(folder / f"{stem}.png", sheet)
    write_npy(folder / f"{stem}.npy", data)
    if args.json:
        return
    later = [layer for layer, made in net.top_names.items() if tops[0] in made]
    print(f"\n{args.tiles}: {tiles_note(data)}")
    if later[-1] != args.tiles:
        print(f"blob {tops[0]!r} as {later[-1]!r} leaves it, which works in place")
    print(f"wrote {folder / f'{stem}.png'}\nwrote {folder / f'{stem}.npy'}")
