"""``filterlab ablate``: what becomes of a net's answer without some of its units."""

from __future__ import annotations

import argparse
import math
from typing import Any

from filterlab.cli import _shown
from filterlab.cli._frame import add_frame, frame_of
from filterlab.cli._json import print_json
from filterlab.cli._net_table import columns_of
from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]

_SHOWN = 20  # units of a ranking in the table; all are in the JSON


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "ablate",
        help="take units out of a net and see what becomes of its answer",
        description="Sets units of a layer to zero (weights and bias), or scales them, and prints "
        "the classes before and after, for the centre of the picture in the shape of the net's "
        "input. With --rank, takes out each unit of the layer in turn and orders them by what the "
        "class's score loses. The files are not changed.",
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="PROTOTXT WEIGHTS IMAGE, or with --model IMAGE; an image is a file or a sample such "
        "as chelsea",
    )
    parser.add_argument("--layer", required=True, metavar="L", help="a layer with weights")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--unit", type=int, nargs="+", metavar="N", help="units of the layer, from 0")
    what.add_argument(
        "--rank", metavar="CLASS", help="order the units by what this class (name, index) loses"
    )
    what.add_argument("--keep", type=int, metavar="N", help="zero all but the N strongest units")
    parser.add_argument(
        "--scale", type=float, metavar="S", help="multiply the units by this instead of 0"
    )
    parser.add_argument(
        "--groups",
        metavar="HOW",
        help="with --rank, take out groups: twins, kmeans:N (N groups of like weights), or "
        "strongest:N (N at a time, the longest weights first)",
    )
    parser.add_argument("--code", action="store_true", help="print the pycaffe lines as well")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    add_frame(parser)
    _shown.add_preparing(parser)


def _sorted_files(args: argparse.Namespace) -> tuple[str | None, str | None, str]:
    files = list(args.files)
    usage = "--model NAME IMAGE" if args.model is not None else "PROTOTXT WEIGHTS IMAGE"
    prototxt, weights = (None, None) if args.model is not None else (*files[:2], None, None)[:2]
    rest = files if args.model is not None else files[2:]
    if not rest:
        raise FilterLabError("too little is given; give {what}", what=usage)
    _shown.no_more(rest[1:], usage)
    return prototxt, weights, rest[0]


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if args.scale is not None and (args.unit is None or not math.isfinite(args.scale)):
        raise FilterLabError("--scale goes with --unit and takes a finite number")
    if args.groups is not None and args.rank is None:
        raise FilterLabError("--groups goes with --rank CLASS; give both")
    prototxt, weights, image = _sorted_files(args)
    from filterlab.surgery.answers import Judge
    from filterlab.surgery.own_input import own_input, picture_input, show
    from filterlab.surgery.units import unit_count

    model = _shown.model_of(args, prototxt, weights)
    net = _shown.net_of(model)
    unit_count(net, args.layer)
    judge = Judge.of(net, model.output or None, model.activation or None)
    name = picture_input(net)
    picture = _shown.picture_of(image, frame_of(args))
    shape = (1, *net.blobs[name].shape[1:])
    show(net, own_input(picture, shape, _shown.preprocessing(model)), name)
    if args.rank is not None:
        return _rank(args, model, net, judge, image)
    return _edit(args, model, net, judge, image)


def _title(labels: Any, index: int) -> str:
    return f"{index} {labels[index].english}"


def _edit(args: argparse.Namespace, model: Any, net: Any, judge: Any, image: str) -> int:
    from filterlab.surgery.ablation import Operation, code_of, computed, told
    from filterlab.surgery.answers import compared
    from filterlab.surgery.units import check_units, write_units

    if args.keep is not None:
        operation = Operation("prune", args.layer, count=args.keep)
    else:
        units = check_units(net, args.layer, args.unit)
        kind = "zero" if args.scale in (None, 0) else "scale"
        operation = Operation(kind, args.layer, units, args.scale or 0.0)
    net.forward()
    before = judge.answer(net)
    code = code_of(net, operation)
    changed = computed(net, operation)
    write_units(net, changed)
    net.forward()
    after = judge.answer(net)
    labels = model.labels
    rows = compared(before, after)
    if args.json:
        print_json(
            {
                "image": image,
                "model": model.name,
                "layer": args.layer,
                "units": [unit for _, unit in changed],
                "edit": str(told(operation)),
                "code": code,
                "best_before": before.best,
                "best_after": after.best,
                "classes": [
                    {
                        "index": c,
                        "name": labels[c].english,
                        "before": was,
                        "after": now,
                        "points": 100 * (now - was),
                        "score_before": float(before.score[c]),
                        "score_after": float(after.score[c]),
                    }
                    for c, was, now in rows
                ],
            }
        )
        return 0
    print(f"{told(operation)}\n")
    table = [["class", "before", "after", "points", "score before", "after"]]
    for c, was, now in rows:
        table.append(
            [
                _title(labels, c),
                f"{was:.1%}",
                f"{now:.1%}",
                f"{100 * (now - was):+.1f}",
                f"{before.score[c]:.4g}",
                f"{after.score[c]:.4g}",
            ]
        )
    print("\n".join(columns_of(table, right=range(1, 6))))
    was, now = before.best, after.best
    best = f"best class {_title(labels, was)}, {before.prob[was]:.1%}"
    if was == now:
        print(f"\n{best} before and {after.prob[now]:.1%} after")
    else:
        print(f"\n{best}, becomes {_title(labels, now)}, {after.prob[now]:.1%}")
    if args.code:
        print(f"\n{code}")
    return 0


def _groups(net: Any, layer: str, how: str) -> Any:
    """The groups that ``--groups`` asks for."""
    from filterlab.surgery.unit_groups import kmeans_groups, strength_groups, twin_groups

    kind, _, number = how.partition(":")
    if how == "twins":
        found = twin_groups(net, layer)
        if not found:
            raise FilterLabError("layer {name!r} has no twins; take other groups", name=layer)
        return found
    if kind in ("kmeans", "strongest") and number.isdecimal():
        make = kmeans_groups if kind == "kmeans" else strength_groups
        return make(net, layer, int(number))
    raise FilterLabError("--groups {how!r}: take twins, kmeans:N or strongest:N", how=how)


def _rank(args: argparse.Namespace, model: Any, net: Any, judge: Any, image: str) -> int:
    from filterlab.progress import run_job
    from filterlab.surgery.ablation import group_rank_job, rank_job

    labels = model.labels
    wanted = _shown.class_of(labels, args.rank)
    tell = _shown.teller()
    if args.groups is None:
        job = rank_job(net, judge, args.layer, wanted)
    else:
        job = group_rank_job(net, judge, args.layer, _groups(net, args.layer, args.groups), wanted)
    ranking = run_job(job, tell)
    tell(None)
    grouped = args.groups is not None
    if args.json:
        rows = [
            {
                **({"units": list(ranking.groups[k])} if grouped else {"unit": int(k)}),
                "score_loss": float(ranking.score_loss[k]),
                "points": float(ranking.points[k]),
                "best_without": int(ranking.best[k]),
            }
            for k in ranking.order
        ]
        print_json(
            {
                "image": image,
                "model": model.name,
                "layer": args.layer,
                "class": {"index": wanted, "name": labels[wanted].english},
                "before": float(ranking.before.prob[wanted]),
                "score_before": float(ranking.before.score[wanted]),
                "groups" if grouped else "units": rows,
            }
        )
        return 0
    what = "group of units" if grouped else "unit"
    print(
        f"{_title(labels, wanted)}: {ranking.before.prob[wanted]:.1%}, score "
        f"{ranking.before.score[wanted]:.4g}; without each {what} of {args.layer!r} by itself\n"
    )
    head = ["size", "score loses", "points", "best class without it", "units"]
    table = [head if grouped else ["unit", *head[1:4]]]
    for k in ranking.order[:_SHOWN]:
        units = ranking.groups[k]
        best = _title(labels, int(ranking.best[k]))
        row = [f"{ranking.score_loss[k]:+.4g}", f"{ranking.points[k]:+.1f}", best]
        named = ", ".join(map(str, units[:8])) + (" …" if len(units) > 8 else "")
        table.append([str(len(units)), *row, named] if grouped else [str(units[0]), *row])
    print("\n".join(columns_of(table, right=range(3))))
    same = int((ranking.best == ranking.before.score.argmax()).sum())
    more = len(ranking.order) - _SHOWN
    print(
        (f"… and {more} more (--json lists all)\n" if more > 0 else "")
        + f"\n{same} of {len(ranking.order)} {'groups' if grouped else 'units'} leave the best "
        "class as it is"
    )
    return 0
