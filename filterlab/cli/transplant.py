"""``filterlab transplant``: cast fully connected layers into convolutions."""

from __future__ import annotations

import argparse
import sys
from typing import Any

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "transplant",
        help="cast fully connected layers into convolutions",
        description="Makes a classifier fully convolutional, proves that it still answers the "
        "same, and writes PREFIX.prototxt and PREFIX.caffemodel.",
    )
    parser.add_argument("prototxt", metavar="PROTOTXT", help="the classifier's deploy prototxt")
    parser.add_argument("weights", metavar="WEIGHTS", help="its caffemodel")
    parser.add_argument("--out", required=True, metavar="PREFIX", help="where to write")
    parser.add_argument("--onnx", action="store_true", help="write PREFIX.onnx as well")
    parser.add_argument("--diff", action="store_true", help="show what changed in the prototxt")


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from filterlab.progress import Progress, run_job
    from filterlab.surgery.targets import net_files, spare_inputs
    from filterlab.surgery.transplant import check_prefix, transplant_job

    prefix = check_prefix(args.out)
    onnx = prefix.with_name(f"{prefix.name}.onnx")
    targets = [*net_files(prefix), *([onnx] if args.onnx else [])]
    spare_inputs(targets, (args.prototxt, args.weights), "--out")

    def show(progress: Progress) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{progress.step} {progress.message}", end="", file=sys.stderr)

    done = run_job(transplant_job(args.prototxt, args.weights), show)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    print(done.account())
    rows, cols = done.geometry.window_size
    down, across = done.geometry.jump
    below = "" if down == across else f", that below {down}"
    print(
        f"a cell of the map {done.output!r} answers for {cols}x{rows} pixels, "
        f"the next one {across} pixels on{below}"
    )
    if args.diff:
        for mark, line in done.diff():
            print(f"{mark} {line}")
    written = list(done.save(args.out))
    if args.onnx:
        from filterlab.surgery.onnx_export import export_onnx

        written.append(export_onnx(done, onnx))
    for path in written:
        print(f"wrote {path}")
    return 0
