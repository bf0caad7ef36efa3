"""``filterlab heatmap``: lay a class heatmap on a picture."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filterlab.cli import _model
from filterlab.cli._frame import add_frame, frame_of
from filterlab.cli._json import print_json
from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]

# Spelt out, so that --help loads no engine; tests hold them to the core's.
_METHODS = ("dense", "pooled", "exact")
_MODES = ("tiles", "smooth", "coverage", "coverage-max", "stretched")
_MAPS = ("viridis", "inferno", "magma", "turbo", "grey")
_SCALES = ("best", "unit", "log", "score")
_FILES = ("out", "npy", "csv", "tiff", "report")


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "heatmap",
        help="lay a class heatmap on a picture",
        description="Shows where on a picture a class is found, laid where the net really looks. "
        "A size of 451 squashes as the tutorial does with --squash 451, and keeps the picture's "
        "shape with --size 451. The same maps as the window's. Exit status 1 if of several "
        "pictures some could not be mapped.",
    )
    parser.add_argument(
        "image", metavar="IMAGE", nargs="+", help="pictures, patterns such as '*.jpg', or a folder"
    )
    parser.add_argument(
        "--class",
        dest="wanted",
        metavar="NAME_OR_INDEX",
        help="a class by name or number, several to sum (281-285), a group (dogs); the best for "
        "the picture as a whole if left out, of several pictures each its own",
    )
    add_frame(parser)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--size", type=int, metavar="N", help="longer side in pixels, shape kept")
    size.add_argument("--squash", type=int, metavar="N", help="squash to N x N pixels")
    size.add_argument("--cells", type=int, metavar="N", help="cells on the longer side, shape kept")
    parser.add_argument(
        "--method",
        choices=_METHODS,
        help="dense: one pass of the transplanted net; pooled: the same over whole windows, of a "
        "net that ends in a global pooling; exact: each window cut out and classified (as suits "
        "the net)",
    )
    density = parser.add_mutually_exclusive_group()
    density.add_argument("--stride", type=int, metavar="S", help="denser map: 16 or 8 pixels, say")
    density.add_argument("--scales", action="store_true", help="three sizes of the picture, joined")
    parser.add_argument(
        "--out",
        metavar="OVERLAY.png",
        help="the picture with the map on it; of several pictures a folder for all their files",
    )
    parser.add_argument("--npy", metavar="MAP.npy", help="the map, rows x cols float32")
    parser.add_argument("--csv", metavar="MAP.csv", help="the map as a table")
    parser.add_argument("--tiff", metavar="MAP.tif", help="the map as a float32 TIFF")
    parser.add_argument("--report", metavar="REPORT.html", help="picture, maps, classes, one file")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument(
        "--code", action="store_true", help="print the pycaffe program that gives the map"
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="run the plain classifier window by window as well, and time both",
    )
    draw = parser.add_argument_group("drawing")
    draw.add_argument("--map", choices=_MODES, default="tiles", help="how the map is laid (tiles)")
    draw.add_argument("--colormap", choices=_MAPS, default="inferno", help="(inferno)")
    draw.add_argument(
        "--range",
        choices=_SCALES,
        default="best",
        help="best: 0 to just above the best cell; unit: 0 to 100 %%; log; score: no softmax "
        "(best)",
    )
    draw.add_argument("--opacity", type=float, default=0.84, metavar="0..1", help="(0.84)")
    draw.add_argument("--threshold", type=float, default=0.0, metavar="0..1", help="(0)")
    draw.add_argument("--gamma", type=float, default=1.0, metavar="G", help="(1)")
    draw.add_argument("--legend", action="store_true", help="add a colour bar and a caption")
    _model.add_arguments(parser)


def _check(args: argparse.Namespace) -> None:
    for name, low, high in (("opacity", 0, 1), ("threshold", 0, 1), ("gamma", 0.1, 5)):
        value = getattr(args, name)
        if not low <= value <= high:
            raise FilterLabError(
                "--{name} {value:g}: must lie between {low:g} and {high:g}",
                name=name,
                value=value,
                low=low,
                high=high,
            )
    for name in ("size", "squash", "cells"):
        value = getattr(args, name)
        if value is not None and not 1 <= value <= 20_000:
            raise FilterLabError(
                "--{name} {value}: must lie between 1 and 20000", name=name, value=value
            )
    if args.compare and (args.stride is not None or args.scales):
        raise FilterLabError("--compare goes neither with --stride nor with --scales")


def _pictures(images: Sequence[str]) -> tuple[list[Path], bool]:
    """The pictures that are named, and whether they are several (or a folder, or a pattern)."""
    from filterlab.pictures.shelf import pictures_in

    found: list[Path] = []
    several = len(images) > 1
    for image in images:
        if os.path.isdir(image):
            several = True
            found += pictures_in(image)
        elif not os.path.exists(image) and glob.has_magic(image):
            several = True
            matching = sorted(path for path in map(Path, glob.glob(image)) if os.path.isfile(path))
            if not matching:
                raise FilterLabError("{image}: no file is called like this", image=image)
            found += matching
        else:
            found.append(Path(image))
    return list(dict.fromkeys(found)), several


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    _check(args)
    pictures, several = _pictures(args.image)
    if several:
        return _folder(args, pictures)
    return _one(args, pictures[0])


def _spare_inputs(args: argparse.Namespace, model: Any) -> None:
    """Refuse outputs that are inputs, or one another."""
    from filterlab.surgery.targets import spare_inputs

    inputs = [*args.image, model.prototxt, model.weights_path]
    inputs += [args.labels] if args.labels else []
    taken: dict[Path, str] = {}
    for name in _FILES:
        path = getattr(args, name)
        if path is None or (os.path.exists(path) and not os.path.isfile(path)):
            continue  # /dev/null takes anything
        spare_inputs([path], inputs, f"--{name}")
        other = taken.setdefault(Path(path).resolve(), name)
        if other != name:
            raise FilterLabError(
                "--{other} and --{name} name the same file, {path}; choose two",
                other=other,
                name=name,
                path=path,
            )


def _request(args: argparse.Namespace) -> Any:
    from filterlab.surgery.methods import Request

    density = "scales" if args.scales else f"stride:{args.stride}" if args.stride else "own"
    return Request(args.cells or 0, args.size or 0, args.squash or 0, density, args.method or "")


def _look(args: argparse.Namespace) -> Any:
    from filterlab.workbench.heatmap_state import Look

    return Look(
        projection=args.map,
        scale=args.range,
        colours=args.colormap,
        opacity=args.opacity,
        threshold=args.threshold,
        gamma=args.gamma,
    )


def _bench(args: argparse.Namespace, model: Any) -> Any:
    """A bench with the net transplanted."""
    from filterlab.progress import run_job
    from filterlab.workbench.heatmap_bench import HeatmapBench

    bench = HeatmapBench(model, _look(args))
    bench.accept(run_job(bench.transplant_job()))
    if bench.labels_problem:
        raise FilterLabError(bench.labels_problem)
    return bench


def _wanted(args: argparse.Namespace, labels: Any) -> tuple[int, ...]:
    return () if args.wanted is None else tuple(labels.select(args.wanted))


def _one(args: argparse.Namespace, path: Path) -> int:
    outputs = tuple(getattr(args, name) for name in _FILES)
    for output in outputs:
        if output is not None and not os.path.isdir(Path(output).resolve().parent):
            folder = Path(output).parent
            raise FilterLabError(
                "{output}: there is no folder {folder}; make it first", output=output, folder=folder
            )
        if output and os.path.isdir(output):
            raise FilterLabError(
                "{output}: is a folder; give the name of a file in it", output=output
            )
    if not (args.json or args.compare or args.code or any(outputs)):
        raise FilterLabError("nothing to write: give --out OVERLAY.png, --npy, --csv or --json")
    from filterlab.progress import run_job
    from filterlab.workbench import heatmap_files as files
    from filterlab.workbench.heatmap_state import Source

    number = frame_of(args)
    model = _model.chosen(args)
    _spare_inputs(args, model)
    if args.wanted is not None and not model.numbered:
        _wanted(args, model.labels)  # a wrong name is said before the work
    bench = _bench(args, model)
    bench.accept(run_job(bench.open_job(Source(path=str(path), frame=number))))
    wanted = _wanted(args, bench.labels)
    bench.restore_request(_request(args))
    bench.accept(run_job(bench.map_job()))
    bench.choose(wanted)
    if args.json or args.report:
        found = run_job(files.checked_job(bench.transplanted, bench.run))
        bench.keep_agreement(found)
    slid = None
    if args.compare:
        from filterlab.surgery.sliding import sliding

        slid = sliding(bench.transplanted, bench.maps)
    frame = bench.frame()
    if args.out:
        run_job(files.overlay_job(frame, Path(args.out), args.legend))
    for name in ("npy", "csv", "tiff"):
        if getattr(args, name):
            run_job(files.map_file_job(frame, Path(getattr(args, name)), name))
    if args.report:
        run_job(files.report_job(frame, Path(args.report)))
    if args.json:
        print_json(_as_json(args, frame, slid))
    elif args.code:
        print(bench.code())
    else:
        print(_told(frame, slid))
    return 0


def _folder(args: argparse.Namespace, pictures: list[Path]) -> int:
    """Map several pictures into a folder."""
    from filterlab.pictures.files import PICTURE_SUFFIXES
    from filterlab.progress import run_job
    from filterlab.workbench.heatmap_files import FolderTask, class_title

    if args.out is None:
        raise FilterLabError("for several pictures give --out FOLDER")
    if args.frame != 1:
        raise FilterLabError("--frame goes with one picture")
    if Path(args.out).suffix.lower() in PICTURE_SUFFIXES:
        raise FilterLabError("{out}: for several pictures --out is a folder, too", out=args.out)
    if args.compare or args.code or args.report or args.npy or args.csv or args.tiff:
        raise FilterLabError("several pictures take --out only, of all that can be written")
    bench = _bench(args, _model.chosen(args))
    task = FolderTask(
        pictures,
        Path(args.out),
        _request(args),
        _wanted(args, bench.labels),
        look=bench.look,
        legend=args.legend,
    )
    result = run_job(bench.folder_job(task))
    if args.json:
        print_json(_folder_json(result, bench.labels))
    else:
        for row in result.rows:
            x, y = row.at
            found = "" if task.classes else f"{class_title(bench.labels, row.classes)}, "
            check = "" if row.points is None else f"; classifier differs by {row.points:.2g} points"
            print(
                f"{row.picture.name}: {found}at most {row.peak:.4g} at ({x:.0f}, {y:.0f}), "
                f"{row.method}{check}"
            )
        for path, why in result.failed:
            print(f"{path.name}: passed over: {why}", file=sys.stderr)
    if not result.rows:
        raise FilterLabError(
            "none of the {pictures} pictures could be mapped", pictures=len(pictures)
        )
    return 1 if result.failed else 0


def _classes(labels: Any, classes: Sequence[int]) -> list[dict[str, Any]]:
    return [{"index": c, "name": labels[c].english} for c in classes]


def _folder_json(result: Any, labels: Any) -> dict[str, Any]:
    return {
        "written": [str(path) for row in result.rows for path in (row.overlay, row.map)],
        "peaks": [
            {
                "image": str(row.picture),
                "classes": _classes(labels, row.classes),
                "value": row.peak,
                "at": [round(v, 1) for v in row.at],
                "method": row.method,
                "points_from_classifier": row.points,
            }
            for row in result.rows
        ],
        "failed": [{"image": str(path), "why": why} for path, why in result.failed],
    }


def _peak(frame: Any) -> tuple[int, int, float]:
    maps = frame.run.maps
    values = maps.values(frame.classes)
    i, j = divmod(int(values.argmax()), maps.cols)
    return i, j, float(values[i, j])


def _told(frame: Any, slid: Any) -> str:
    from filterlab.workbench.heatmap_files import class_title

    maps, planned = frame.run.maps, frame.run.plan
    i, j, peak = _peak(frame)
    box = tuple(round(v) for v in maps.window_on_picture(i, j))
    lines = [
        f"{class_title(frame.labels, frame.classes)}: at most {peak:.4g} in cell ({i}, {j}), which "
        f"answers for x {box[0]} to {box[2]}, y {box[1]} to {box[3]}; {frame.model.name}, "
        f"{planned.method}, input {maps.input_size[1]}x{maps.input_size[0]}, "
        f"{maps.cols}x{maps.rows} cells"
    ]
    if planned.note:
        lines.append(planned.note)
    if slid is not None:
        lines.append(str(slid))
    return "\n".join(lines)


def _as_json(args: argparse.Namespace, frame: Any, slid: Any) -> dict[str, Any]:
    maps, labels, planned = frame.run.maps, frame.labels, frame.run.plan
    values = maps.values(frame.classes)
    i, j, peak = _peak(frame)
    g = maps.geometry
    told = {
        "image": args.image[0],
        "model": frame.model.name,
        "method": planned.method,
        "density": planned.density,
        "note": planned.note,
        "classes": _classes(labels, frame.classes),
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
            for c in maps.ranked("mean")[:10]
        ],
        "seconds": round(frame.run.seconds, 4),
        "written": {k: getattr(args, k) for k in _FILES if getattr(args, k)},
    }
    if frame.agreement is not None:
        found = frame.agreement
        correlation = found.correlation(frame.classes)
        told["classifier"] = {
            "windows": [list(cell) for cell in found.cells],
            "mean_difference_points": found.mean_points(frame.classes),
            "correlation": correlation,
        }
    if slid is not None:
        told["sliding"] = {
            "seconds": slid.seconds,
            "dense_seconds": slid.dense_seconds,
            "cells": slid.cells,
            "gain": slid.gain,
        }
    return told
