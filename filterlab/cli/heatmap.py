"""``filterlab heatmap``: lay a class heatmap on a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filterlab.cli import _model
from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]

_MODES = ("tiles", "smooth", "coverage", "coverage-max", "stretched")
_MAPS = ("viridis", "inferno", "magma", "turbo", "grey")
_RANGES = {"prob": (0.0, 1.0), "found": (None, None), "log": (None, 0.0), "score": (None, None)}


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "heatmap",
        help="lay a class heatmap on a picture",
        description="Shows where on a picture a class is found, laid where the net really looks. "
        "A size of 451 squashes as the tutorial does with --squash 451, and keeps the picture's "
        "shape with --size 451.",
    )
    parser.add_argument("image", metavar="IMAGE", help="the picture")
    parser.add_argument(
        "--class",
        dest="wanted",
        metavar="NAME_OR_INDEX",
        help="a class by name or number, several to sum (281-285), a group (dogs); "
        "the best found if left out",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--size", type=int, metavar="N", help="longer side in pixels, shape kept")
    size.add_argument("--squash", type=int, metavar="N", help="squash to N x N pixels")
    size.add_argument("--cells", type=int, metavar="N", help="cells on the longer side, shape kept")
    parser.add_argument("--out", metavar="OVERLAY.png", help="the picture with the map on it")
    parser.add_argument("--npy", metavar="MAP.npy", help="the map, rows x cols float32")
    parser.add_argument("--csv", metavar="MAP.csv", help="the map as a table")
    parser.add_argument("--tiff", metavar="MAP.tif", help="the map as a float32 TIFF")
    parser.add_argument("--report", metavar="REPORT.html", help="picture, maps, classes, one file")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    draw = parser.add_argument_group("drawing")
    draw.add_argument("--map", choices=_MODES, default="tiles", help="how the map is laid (tiles)")
    draw.add_argument("--colormap", choices=_MAPS, default="inferno", help="(inferno)")
    draw.add_argument("--range", choices=list(_RANGES), default="prob", help="0-1 (prob) or …")
    draw.add_argument("--opacity", type=float, default=0.6, metavar="0..1", help="(0.6)")
    draw.add_argument("--threshold", type=float, default=0.0, metavar="0..1", help="(0)")
    draw.add_argument("--gamma", type=float, default=1.0, metavar="G", help="(1)")
    draw.add_argument("--legend", action="store_true", help="add a colour bar and a caption")
    parser.add_argument(
        "--windows",
        action="store_true",
        help="of a net that ends in a global pooling: pool over windows of its own size",
    )
    parser.add_argument("--stride", type=int, metavar="S", help="denser map: 16 or 8 pixels, say")
    _model.add_arguments(parser)


def _check(args: argparse.Namespace) -> None:
    for name, low, high in (("opacity", 0, 1), ("threshold", 0, 1), ("gamma", 0.01, 100)):
        value = getattr(args, name)
        if not low <= value <= high:
            raise FilterLabError(f"--{name} {value:g}: must lie between {low:g} and {high:g}")
    for name in ("size", "squash", "cells"):
        value = getattr(args, name)
        if value is not None and not 1 <= value <= 20_000:
            raise FilterLabError(f"--{name} {value}: must lie between 1 and 20000")
    outputs = (args.out, args.npy, args.csv, args.tiff, args.report)
    for path in outputs:
        if path is not None and not Path(path).resolve().parent.is_dir():
            raise FilterLabError(f"{path}: there is no folder {Path(path).parent}; make it first")
    if not args.json and not any(outputs):
        raise FilterLabError("nothing to write: give --out OVERLAY.png, --npy, --csv or --json")


def run(args: argparse.Namespace) -> int:
    _check(args)
    from filterlab.pictures import read_picture
    from filterlab.progress import run_job
    from filterlab.surgery.heatmap import heatmap_job
    from filterlab.surgery.transplant import transplant

    net = _model.chosen(args)
    picture = read_picture(args.image)
    wanted = None if args.wanted is None else net.labels.select(args.wanted)
    done = transplant(net.prototxt, net.weights)
    sizes = {"cells": args.cells, "size": args.size, "squash": args.squash}
    if args.stride is not None:
        if args.windows:
            raise FilterLabError("give either --stride or --windows")
        from filterlab.surgery.dense import dense_job

        job = dense_job(done, picture, stride=args.stride, preprocessing=net.preprocessing, **sizes)
        maps = run_job(job)
    else:
        job = heatmap_job(
            done, picture, preprocessing=net.preprocessing, windows=args.windows, **sizes
        )
        maps = run_job(job)
    chosen = wanted if wanted is not None else [int(maps.ranked()[0])]
    _write(args, net, picture, maps, chosen, done.account())
    if args.json:
        print(json.dumps(_found(args, net, maps, chosen), ensure_ascii=False, indent=1))
    else:
        print(_sentence(net, maps, chosen))
    return 0


def _name(net: _model.Chosen, index: int) -> str:
    return str(net.labels[index])


def _title(net: _model.Chosen, chosen: Sequence[int]) -> str:
    shown = " + ".join(_name(net, c) for c in chosen[:3])
    return shown + (f" + {len(chosen) - 3} more" if len(chosen) > 3 else "")


def _peak(maps: Any, chosen: Sequence[int]) -> tuple[int, int, float]:
    values = maps.values(chosen)
    i, j = divmod(int(values.argmax()), maps.cols)
    return i, j, float(values[i, j])


def _sentence(net: _model.Chosen, maps: Any, chosen: Sequence[int]) -> str:
    i, j, peak = _peak(maps, chosen)
    box = tuple(round(v) for v in maps.window_on_picture(i, j))
    return (
        f"{_title(net, chosen)}: at most {peak:.4g} in cell ({i}, {j}), which answers for x "
        f"{box[0]} to {box[2]}, y {box[1]} to {box[3]}; input {maps.input_size[1]}x"
        f"{maps.input_size[0]}, {maps.cols}x{maps.rows} cells, best of all: "
        f"{_name(net, int(maps.ranked()[0]))}"
    )


def _write(
    args: argparse.Namespace,
    net: _model.Chosen,
    picture: Any,
    maps: Any,
    chosen: Sequence[int],
    account: str,
) -> None:
    from filterlab.pictures import write_picture
    from filterlab.surgery import export, overlay

    scale = args.range if args.range in ("log", "score") else "prob"
    values = maps.values(chosen, scale)
    low, high = _RANGES[args.range]
    style = overlay.Style(args.colormap, args.opacity, args.threshold, args.gamma, low, high)
    layer = overlay.lay(maps, values, args.map)
    if args.out:
        shown = overlay.compose(picture, layer, style)
        if args.legend:
            from filterlab.surgery.legend import with_legend

            unit = {"log": "ln probability", "score": "score"}.get(args.range, "probability")
            caption = [_title(net, chosen), f"{net.name}, {args.map}, {Path(args.image).name}"]
            shown = with_legend(shown, style, style.limits(layer), caption, unit)
        write_picture(args.out, shown)
    if args.npy:
        export.write_npy(args.npy, values)
    if args.csv:
        export.write_csv(args.csv, maps, values)
    if args.tiff:
        write_picture(args.tiff, values)
    if args.report:
        from filterlab.surgery.report import write_report

        write_report(
            args.report,
            picture,
            maps,
            chosen,
            labels=net.labels,
            model=net.name,
            style=style,
            mode=args.map,
            account=account,
        )


def _found(
    args: argparse.Namespace, net: _model.Chosen, maps: Any, chosen: Sequence[int]
) -> dict[str, Any]:
    values = maps.values(chosen)
    i, j, peak = _peak(maps, chosen)
    g = maps.geometry
    written = {k: getattr(args, k) for k in ("out", "npy", "csv", "tiff", "report")}
    return {
        "image": args.image,
        "model": net.name,
        "classes": [{"index": c, "name": net.labels[c].english} for c in chosen],
        "picture_size": list(maps.picture_size),
        "input_size": list(maps.input_size),
        "cells": [maps.rows, maps.cols],
        "window": list(g.window_size),
        "jump": list(g.jump),
        "peak": {
            "cell": [i, j],
            "value": peak,
            "window_on_picture": [round(v, 2) for v in maps.window_on_picture(i, j)],
            "centre_on_picture": [round(v, 2) for v in maps.centre_on_picture(i, j)],
        },
        "tiles_on_picture": [round(v, 2) for v in maps.tiles_on_picture()],
        "mean": float(values.mean()),
        "map": [[float(f"{v:.6g}") for v in row] for row in values],
        "best_classes": [
            {
                "index": int(c),
                "name": net.labels[int(c)].english,
                "peak": float(maps.prob[c].max()),
                "mean": float(maps.prob[c].mean()),
            }
            for c in maps.ranked()[:10]
        ],
        "seconds": round(maps.seconds, 4),
        "written": {k: v for k, v in written.items() if v},
    }
