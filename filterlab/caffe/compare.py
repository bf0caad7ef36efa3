"""The engine beside another ``caffe``, blob by blob.

    python -m filterlab.caffe.compare PROTOTXT [WEIGHTS] --python PYTHON

Runs the net here and, in a process of its own, on the ``caffe`` that PYTHON imports: BVLC's or a
fork's. Both get the same inputs, and without a weights file the same weights. Exit status 0 if all
blobs agree, 1 if one differs, 2 if one of the two cannot run the net.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from filterlab.caffe.errors import CaffeError, CaffeWarning

__all__ = ["Row", "compare", "main"]

#: The largest difference that passes, as a part of the largest value of its blob.
TOLERANCE = 1e-3

# For any Python that runs pycaffe, 2.7 too.
_THEIRS = """
import sys
import numpy as np
import caffe
prototxt, weights, given, found = sys.argv[1:5]
net = caffe.Net(prototxt, weights, caffe.TEST)
inputs = np.load(given)
for key in inputs.files:
    name = key[3:]
    net.blobs[name].reshape(*inputs[key].shape)
    net.blobs[name].data[...] = inputs[key]
net.forward()
names = list(net.blobs)
arrays = dict(("b%d" % i, np.array(net.blobs[name].data)) for i, name in enumerate(names))
with open(found, "wb") as stream:
    np.savez(stream, names=np.array(names), **arrays)
"""


class Row(NamedTuple):
    """One blob of both.

    Attributes
    ----------
    blob, shape : str
    largest : float
        The largest value.
    difference : float
        The largest difference; NaN if it is missing there or has another shape.
    note : str
        What is wrong with it, or ``""``.
    """

    blob: str
    shape: str
    largest: float
    difference: float
    note: str


def compare(
    prototxt: str, weights: str | None, python: str, seed: int = 0, tolerance: float = TOLERANCE
) -> list[Row]:
    """Run a net here and there; a row for each blob that both have, in the order of the layers.

    Parameters
    ----------
    prototxt, weights : paths
    python : path
        Imports the other ``caffe``.
    seed : int
        Of the random inputs (normal, of deviation 50) and of the random weights.
    tolerance : float
        As a part of each blob's largest value.

    Raises
    ------
    CaffeError
        If the net cannot be run here, or not there; then with the last line that was said there.
    """
    from filterlab.caffe import TEST, Net, set_random_seed

    set_random_seed(seed)
    net = Net(prototxt, TEST) if weights is None else Net(prototxt, weights, TEST)
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(prefix="filterlab-") as name:
        folder = Path(name)
        if weights is None:
            weights = str(folder / "weights.caffemodel")
            net.save(weights)
        given = {}
        for blob in net.inputs:
            data = net.blobs[blob].data
            data[...] = 50 * rng.standard_normal(data.shape)
            given[f"in:{blob}"] = data
        np.savez(folder / "given.npz", **given)  # type: ignore[arg-type]
        net.forward()
        _run_there(python, prototxt, weights, folder)
        with np.load(folder / "found.npz", allow_pickle=False) as found:
            names = [str(n) for n in found["names"]]
            theirs = {blob: found[f"b{i}"] for i, blob in enumerate(names)}
    return [_row(blob, net.blobs[blob].data, theirs.get(blob), tolerance) for blob in net.blobs]


def _run_there(python: str, prototxt: str, weights: str, folder: Path) -> None:
    command = [python, "-c", _THEIRS, prototxt, weights, "given.npz", "found.npz"]
    command[3:5] = [os.path.abspath(path) for path in command[3:5]]
    command[5:] = [str(folder / path) for path in command[5:]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as err:
        raise CaffeError(
            "{python}: cannot be started ({reason}); name the Python that has the other caffe with "
            "--python",
            python=python,
            reason=err.strerror,
        ) from None
    if done.returncode or not (folder / "found.npz").exists():
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        last = said[-1].strip() if said else f"exit status {done.returncode}"
        raise CaffeError(
            "{python}: its caffe could not run the net: {last}", python=python, last=last
        )


def _row(blob: str, mine: Any, theirs: Any, tolerance: float) -> Row:
    from filterlab.caffe.blob import shape_text

    shape = shape_text(mine.shape)
    largest = float(np.abs(mine).max()) if mine.size else 0.0
    if theirs is None:
        return Row(blob, shape, largest, float("nan"), "is not there")
    if theirs.shape != mine.shape:
        return Row(blob, shape, largest, float("nan"), f"is {shape_text(theirs.shape)} there")
    equal = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        apart = np.where(equal, 0, np.abs(mine.astype(np.float64) - theirs))
    difference = float(apart.max()) if apart.size else 0.0
    agrees = difference <= tolerance * max(largest, np.finfo(np.float32).tiny)
    return Row(blob, shape, largest, difference, "" if agrees else "differs")


def table(rows: list[Row]) -> str:
    """The rows as text, and below them what they come to."""
    width = max(len("blob"), *(len(row.blob) for row in rows))
    room = max(len("shape"), *(len(row.shape) for row in rows))
    lines = [f"{'blob':{width}}  {'shape':{room}}  {'largest':>10}  {'difference':>10}"]
    for row in rows:
        apart = "-" if np.isnan(row.difference) and row.note != "differs" else row.difference
        shown = apart if isinstance(apart, str) else f"{apart:.3g}"
        lines.append(
            f"{row.blob:{width}}  {row.shape:{room}}  {row.largest:10.4g}  {shown:>10}"
            f"  {row.note}".rstrip()
        )
    wrong = [row for row in rows if row.note]
    if wrong:
        lines.append(
            f"{len(wrong)} of {len(rows)} blobs differ; the first is '{wrong[0].blob}', which "
            f"{wrong[0].note}"
        )
    else:
        lines.append(f"all {len(rows)} blobs agree")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m filterlab.caffe.compare",
        description="Run a net on this engine and on another caffe, and compare blob by blob.",
    )
    parser.add_argument("prototxt")
    parser.add_argument("weights", nargs="?", help="random ones if not given")
    parser.add_argument("--python", required=True, help="a Python that imports the other caffe")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default: 0)")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="largest difference, as a part of a blob's largest value (default: %(default)s)",
    )
    args = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CaffeWarning)
            rows = compare(args.prototxt, args.weights, args.python, args.seed, args.tolerance)
    except CaffeError as err:
        sys.stderr.write(f"filterlab.caffe.compare: error: {err}\n")
        return 2
    print(table(rows))
    return int(any(row.note for row in rows))


if __name__ == "__main__":
    sys.exit(main())
