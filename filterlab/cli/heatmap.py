"""``filterlab heatmap``: lay a class heatmap on a picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filterlab.cli import _model
from filterlab.cli._json import print_json
from filterlab.errors import FilterLabError
from filterlab.surgery.choices import COLORMAPS, MODES

__all__ = ["add_parser", "run"]

_FILES = ("out", "npy", "csv", "tiff", "report")
_RANGES = {"prob": (0.0, 1.0), "found": (None, None), "log": (None, 0.0), "score": (None, None)}


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "heatmap",
        help="lay a class heatmap on a picture",
        description="Shows where on a picture a class is found, laid where the net really looks. "
        "A size of 451 squashes as the tutorial does with --squash 451, and keeps the picture's "
        "shape with --size 451.",
    )
    parser.add_argument("image", metavar="IMAGE", help="the picture, or a folder of pictures")
    parser.add_argument(
        "--class",
        dest="wanted",
        metavar="NAME_OR_INDEX",
        help="a class by name or number, several to sum (281-285), a group (dogs); "
        "the best found if left out, on each picture of a folder its own",
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
    parser.add_argument(
        "--compare",
        action="store_true",
        help="run the plain classifier window by window as well, and time both",
    )
    draw = parser.add_argument_group("drawing")
    draw.add_argument("--map", choices=MODES, default="tiles", help="how the map is laid (tiles)")
    draw.add_argument("--colormap", choices=COLORMAPS, default="inferno", help="(inferno)")
    draw.add_argument("--range", choices=list(_RANGES), default="prob", help="0-1 (prob) or …")
    draw.add_argument("--opacity", type=float, default=0.6, metavar="0..1", help="(0.6)")
    draw.add_argument("--threshold", type=float, default=0.0, metavar="0..1", help="(0)")
    draw.add_argument("--gamma", type=float, default=1.0, metavar="G", help="(1)")
    draw.add_argument("--legend", action="store_true", help="add a colour bar and a caption")
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
    if args.stride is not None and args.compare:
        raise FilterLabError("--stride does not go with --compare")
    outputs = tuple(getattr(args, name) for name in _FILES)
    for path in outputs:
        if path is not None and not Path(path).resolve().parent.is_dir():
            raise FilterLabError(f"{path}: there is no folder {Path(path).parent}; make it first")
        if path and Path(path).is_dir() and not Path(args.image).is_dir():
            raise FilterLabError(f"{path}: is a folder; give the name of a file in it")
    if not args.json and not args.compare and not any(outputs):
        raise FilterLabError("nothing to write: give --out OVERLAY.png, --npy, --csv or --json")


def _spare_inputs(args: argparse.Namespace, net: _model.Chosen) -> None:
    """Refuse outputs that are inputs, or one another."""
    from filterlab.surgery.targets import spare_inputs

    inputs = [args.image, net.prototxt, net.weights, *([args.labels] if args.labels else [])]
    taken: dict[Path, str] = {}
    for name in _FILES:
        path = getattr(args, name)
        if path is None or (Path(path).exists() and not Path(path).is_file()):
            continue  # /dev/null takes anything
        spare_inputs([path], inputs, f"--{name}")
        other = taken.setdefault(Path(path).resolve(), name)
        if other != name:
            raise FilterLabError(f"--{other} and --{name} name the same file, {path}; choose two")


@dataclass
class _Found:
    """One picture's result, with what is needed to show it."""

    args: argparse.Namespace
    name: str
    labels: Any
    picture: Any
    maps: Any
    chosen: list[int]
    account: str
    slid: Any = None

    @property
    def title(self) -> str:
        shown = " + ".join(str(self.labels[c]) for c in self.chosen[:3])
        more = len(self.chosen) - 3
        return shown + (f" + {more} more" if more > 0 else "")

    @property
    def peak(self) -> tuple[int, int, float]:
        values = self.maps.values(self.chosen)
        i, j = divmod(int(values.argmax()), self.maps.cols)
        return i, j, float(values[i, j])


def run(args: argparse.Namespace) -> int:
    _check(args)
    from filterlab.surgery.transplant import transplant

    net = _model.chosen(args)
    sizes = {"cells": args.cells, "size": args.size, "squash": args.squash}
    if Path(args.image).is_dir():
        return _folder(args, net, sizes)
    _spare_inputs(args, net)
    from filterlab.pictures import read_picture

    picture = read_picture(args.image)
    wanted = None
    if args.wanted is not None and net.labels is not None:
        wanted = net.labels.select(args.wanted)  # a wrong name is said before the work
    done = transplant(net.prototxt, net.weights)
    labels = net.labels_for(done.classes)
    if args.wanted is not None and wanted is None:
        wanted = labels.select(args.wanted)
    maps = _maps(args, net, done, picture, sizes)
    chosen = wanted if wanted is not None else [int(maps.ranked()[0])]
    found = _Found(args, net.name, labels, picture, maps, chosen, done.account())
    if args.compare:
        from filterlab.surgery.sliding import sliding

        found.slid = sliding(done, maps)
    _write(found)
    if args.json:
        print_json(_as_json(found))
    else:
        print(_told(found))
    return 0


def _maps(
    args: argparse.Namespace, net: _model.Chosen, done: Any, picture: Any, sizes: dict[str, Any]
) -> Any:
    from filterlab.progress import run_job
    from filterlab.surgery.dense import dense_job
    from filterlab.surgery.heatmap import heatmap_job

    prepared = net.preprocessing
    if args.stride is not None:
        return run_job(dense_job(done, picture, args.stride, preprocessing=prepared, **sizes))
    return run_job(heatmap_job(done, picture, preprocessing=prepared, **sizes))


def _folder(args: argparse.Namespace, net: _model.Chosen, sizes: dict[str, Any]) -> int:
    """Map every picture of a folder into another."""
    from filterlab.pictures.files import PICTURE_SUFFIXES

    if args.out is None:
        raise FilterLabError("for a folder of pictures give --out FOLDER")
    if Path(args.out).suffix.lower() in PICTURE_SUFFIXES:
        raise FilterLabError(f"{args.out}: {args.image} is a folder, so give --out a folder, too")
    if args.stride or args.compare or args.report or args.npy or args.csv or args.tiff:
        raise FilterLabError("a folder of pictures takes --out only, of all that can be written")
    from filterlab.progress import run_job
    from filterlab.surgery.batch import batch_job, pictures_in
    from filterlab.surgery.transplant import transplant

    pictures = pictures_in(args.image)
    done = transplant(net.prototxt, net.weights)
    labels = net.labels_for(done.classes)
    chosen = None if args.wanted is None else labels.select(args.wanted)

    def title(classes: Sequence[int]) -> str:
        return " + ".join(str(labels[c]) for c in classes[:3])

    job = batch_job(
        done,
        pictures,
        args.out,
        chosen,
        style=_style(args),
        mode=args.map,
        scale=_scale(args),
        caption=title if args.legend else None,
        preprocessing=net.preprocessing,
        **sizes,
    )
    batch = run_job(job)
    if args.json:
        told = {
            "written": [str(path) for path in batch.written],
            "peaks": [
                {
                    "image": str(p),
                    "classes": [{"index": c, "name": labels[c].english} for c in classes],
                    "value": v,
                    "at": [round(x, 1), round(y, 1)],
                }
                for (p, v, (x, y)), classes in zip(batch.peaks, batch.classes)
            ],
            "failed": [{"image": str(p), "why": why} for p, why in batch.failed],
        }
        print_json(told)
    else:
        for (path, value, (x, y)), classes in zip(batch.peaks, batch.classes):
            found = "" if chosen is not None else f"{title(classes)}, "
            print(f"{path.name}: {found}at most {value:.4g} at ({x:.0f}, {y:.0f})")
        for path, why in batch.failed:
            print(f"{path.name}: passed over: {why}", file=sys.stderr)
    if not batch.written:
        raise FilterLabError(f"none of the {len(pictures)} pictures could be mapped")
    return 0


def _style(args: argparse.Namespace) -> Any:
    from filterlab.surgery.overlay import Style

    low, high = _RANGES[args.range]
    return Style(args.colormap, args.opacity, args.threshold, args.gamma, low, high)


def _scale(args: argparse.Namespace) -> str:
    return args.range if args.range in ("log", "score") else "prob"


def _told(found: _Found) -> str:
    maps = found.maps
    i, j, peak = found.peak
    box = tuple(round(v) for v in maps.window_on_picture(i, j))
    told = (
        f"{found.title}: at most {peak:.4g} in cell ({i}, {j}), which answers for x "
        f"{box[0]} to {box[2]}, y {box[1]} to {box[3]}; input {maps.input_size[1]}x"
        f"{maps.input_size[0]}, {maps.cols}x{maps.rows} cells, best of all: "
        f"{found.labels[int(maps.ranked()[0])]}"
    )
    return told if found.slid is None else f"{told}\n{found.slid}"


def _write(found: _Found) -> None:
    from filterlab.pictures import write_picture
    from filterlab.surgery import export, overlay

    args, maps = found.args, found.maps
    values = maps.values(found.chosen, _scale(args))
    style = _style(args)
    if args.out:
        layer = overlay.lay(maps, values, args.map)
        shown = overlay.compose(found.picture, layer, style)
        if args.legend:
            from filterlab.surgery.legend import with_legend

            unit = {"log": "ln probability", "score": "score"}.get(args.range, "probability")
            caption = [found.title, f"{found.name}, {args.map}, {Path(args.image).name}"]
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
            found.picture,
            maps,
            found.chosen,
            labels=found.labels,
            model=found.name,
            style=style,
            mode=args.map,
            account=found.account,
        )


def _as_json(found: _Found) -> dict[str, Any]:
    args, maps, labels = found.args, found.maps, found.labels
    values = maps.values(found.chosen)
    i, j, peak = found.peak
    g = maps.geometry
    written = {k: getattr(args, k) for k in ("out", "npy", "csv", "tiff", "report")}
    told = {
        "image": args.image,
        "model": found.name,
        "classes": [{"index": c, "name": labels[c].english} for c in found.chosen],
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
                "name": labels[int(c)].english,
                "peak": float(maps.prob[c].max()),
                "mean": float(maps.prob[c].mean()),
            }
            for c in maps.ranked()[:10]
        ],
        "seconds": round(maps.seconds, 4),
        "written": {k: v for k, v in written.items() if v},
    }
    if found.slid is not None:
        told["sliding"] = {
            "seconds": found.slid.seconds,
            "dense_seconds": found.slid.dense_seconds,
            "cells": found.slid.cells,
            "gain": found.slid.gain,
        }
    return told
