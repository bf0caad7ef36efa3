"""``filterlab inspect``: every layer of a net, with its work and its time, and a blob's tiles."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from filterlab.cli import _shown
from filterlab.cli._json import print_json
from filterlab.cli._net_table import fit_json, print_fit, print_net, table_json
from filterlab.errors import FilterLabError
from filterlab.surgery.choices import TILE_SCALES

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "inspect",
        help="list every layer of a net with its work and time; write a layer's tiles",
        description="Lists a net's layers as 'filterlab info' does, with multiply-adds and, where "
        "the net can run, the measured time of each. A net that cannot run (a layer of unknown "
        "type, weights that are missing or of other shapes) is listed all the same, and what is "
        "wrong is said below. --tiles writes what a layer makes of the picture's centre.",
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
    parser.add_argument("--out", metavar="DIR", help="where LAYER.png and LAYER.npy are written")
    parser.add_argument(
        "--tile-scale",
        choices=TILE_SCALES,
        default="shared",
        help="one range for all tiles (shared)",
    )
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
    if args.model is not None:
        model = _shown.model_of(args, None, None)
        prototxt, weights = str(model.prototxt), str(model.need_weights())
    assert prototxt is not None
    table = net_table(read_net(prototxt))
    if args.tiles is not None:
        table.row(args.tiles)  # a wrong name is said before the work
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
    if args.tiles is not None:
        if net is None or reason:
            raise FilterLabError("no tiles, because the net cannot run: {reason}", reason=reason)
        _write_tiles(args, net)
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

    own = (prototxt, weights or prototxt) if args.model is None else (None, None)
    model = _shown.model_of(args, *own)
    name = picture_input(net)
    show(
        net, own_input(_shown.picture_of(image), net.blobs[name].shape, _shown.preprocessing(model))
    )


def _timed(table: Any, net: Any, passes: int, reason: Any) -> tuple[Any, float | None, Any]:
    from filterlab.caffe import CaffeError
    from filterlab.progress import run_job
    from filterlab.surgery.net_table import times_job

    try:
        times = run_job(times_job(net, passes))
    except CaffeError as error:
        return table, None, error.message
    return table.timed(times.layers), times.whole, reason


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
    stem = "".join(c if c.isalnum() or c in "._-" else "-" for c in args.tiles)
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
