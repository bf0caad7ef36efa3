"""``filterlab info``: describe a net."""

from __future__ import annotations

import argparse
from typing import Any

from filterlab.cli._json import print_json
from filterlab.cli._net_table import (
    fit_json,
    print_fit,
    print_net,
    refuse_other_shapes,
    table_json,
)

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "info",
        help="describe a net",
        description="Lists a net's layers with their shapes, weights and receptive fields, and "
        "says how a weights file fits it. Nothing is computed and no memory taken for the blobs; "
        "a net that is wrong ends with the reason. 'filterlab inspect' lists the same of any net, "
        "computes it as well, and tells multiply-adds and times.",
    )
    parser.add_argument("prototxt", metavar="PROTOTXT", help="the net, of any Caffe generation")
    parser.add_argument(
        "weights", metavar="WEIGHTS", nargs="?", help="a .caffemodel or .caffemodel.h5 for it"
    )
    parser.add_argument(
        "--phase", choices=("test", "train"), default="test", help="which layers count (test)"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from filterlab.caffe import TEST, TRAIN, CaffeError
    from filterlab.caffe.prototxt import read_net
    from filterlab.surgery.net_table import check_runs, fit_of, net_table

    param = read_net(args.prototxt)
    phase = TEST if args.phase == "test" else TRAIN
    try:
        check_runs(param, phase)
    except CaffeError as error:
        raise CaffeError("{prototxt}: {error}", prototxt=args.prototxt, error=error) from error
    table = net_table(param, phase)
    fit = fit_of(table, args.weights) if args.weights else None
    if args.json:
        told = table_json(table, args.prototxt)
        print_json(told if fit is None else {**told, "weights_file": fit_json(fit)}, indent=2)
    else:
        print_net(table)
        if fit is not None:
            print_fit(fit)
    if fit is not None:
        refuse_other_shapes(fit)
    return 0
