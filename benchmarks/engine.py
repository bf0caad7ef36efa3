"""CaffeNet: loaded, transplanted and saved in a process of its own; its backward.

    python -m benchmarks.engine

Its forward, and that of other nets, is in :mod:`benchmarks.nets_table`.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.nets import transplanted
from benchmarks.record import Row, keep
from filterlab import caffe, paths

__all__ = ["main"]

TURNS = 30


def caffenet(folder: Path) -> tuple[Path, Path]:
    """CaffeNet's prototxt, and a weights file of random values as large as the real one."""
    prototxt = Path(paths.model("caffenet", "deploy.prototxt"))
    net = caffe.Net(str(prototxt), caffe.TEST)
    rng = np.random.default_rng(0)
    for weights, bias in net.params.values():
        rng.standard_normal(dtype=np.float32, out=weights.data)
        weights.data[...] *= np.float32((2 / np.prod(weights.shape[1:])) ** 0.5)
        bias.data[...] = 0.1
    net.save(folder / "caffenet.caffemodel")
    return prototxt, folder / "caffenet.caffemodel"


def timed(function: Callable[[], Any]) -> float:
    """Seconds of the second of two calls; the first wakes its threads.

    The pause lets the waiting threads of whoever ran before go to sleep.
    """
    time.sleep(0.05)
    function()
    start = time.perf_counter()
    result = function()
    taken = time.perf_counter() - start
    return result if isinstance(result, float) else taken


def backward(prototxt: Path, weights: Path) -> list[Row]:
    """CaffeNet's gradient to its input, as a ratio to its forward."""
    from filterlab.caffe.prototxt import read_net

    param = read_net(prototxt)
    param.force_backward = True
    param.layer[0].input_param.shape[0].dim[0] = 1
    net = caffe.Net(param, caffe.TEST)
    net.copy_from(str(weights))
    net.blobs["data"].data[...] = 50 * np.random.default_rng(1).standard_normal((1, 3, 227, 227))
    net.forward()
    net.blobs["prob"].diff[0, 281] = 1
    net.backward()
    pairs = [(timed(net.forward), timed(net.backward)) for _ in range(TURNS)]
    ratios = sorted(b / a for a, b in pairs)
    start = time.perf_counter()
    _ = net.params["conv1"][0].diff
    summed = time.perf_counter() - start
    return [
        Row("a backward to the input, beside a forward", statistics.median(ratios), "x",
            ratios[TURNS // 4], ratios[-1 - TURNS // 4]),
        Row(f"the weights' diffs of {2 * TURNS + 1} backwards, when first looked at",
            1000 * summed, "ms"),
        Row("a backward with them", 1000 * timed(net.backward), "ms"),
    ]  # fmt: skip


def load_transplant_save(prototxt: str, weights: str, out: str) -> None:
    """Time and memory of the three, in this process, which should be fresh; printed as JSON."""
    _ = caffe.Net  # imported when it is first asked for
    start = time.perf_counter()
    net = caffe.Net(prototxt, weights, caffe.TEST)
    loaded = time.perf_counter()
    dense = transplanted(net, 451)
    cast = time.perf_counter()
    dense.save(out)
    saved = time.perf_counter()
    told = {"load": loaded - start, "transplant": cast - loaded, "save": saved - cast}
    with contextlib.suppress(ImportError):
        import resource

        unit = 2**20 if sys.platform == "darwin" else 2**10
        told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(json.dumps(told))


def _written(weights: Path, out: Path) -> float:
    """Seconds to put a file's bytes into another on the disk: no saving can be faster."""
    data = weights.read_bytes()
    start = time.perf_counter()
    with out.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return time.perf_counter() - start


def in_processes(prototxt: Path, weights: Path, folder: Path) -> list[Row]:
    """The three in processes of their own."""
    found: dict[str, list[float]] = {}
    for turn in range(6):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from benchmarks.engine import load_transplant_save as f; "
                "f(*sys.argv[1:])",
                str(prototxt),
                str(weights),
                str(folder / "dense.caffemodel"),
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parent.parent,
        )
        told = json.loads(done.stdout)
        told["written"] = _written(weights, folder / "copy.caffemodel")
        if turn:  # the first warms the disk's cache
            for key, value in told.items():
                found.setdefault(key, []).append(value)
    size = weights.stat().st_size / 2**20
    ratios = sorted(a / b for a, b in zip(found["save"], found["written"]))
    print(f"CaffeNet from its file ({size:.0f} MiB), transplanted, saved")
    rows = [_row(key, found[key]) for key in ("load", "transplant", "save")]
    rows.append(
        Row("save, beside writing as many bytes", statistics.median(ratios), "x", ratios[1],
            ratios[-2])
    )  # fmt: skip
    if "peak" in found:
        peak = statistics.median(found["peak"])
        rows.append(Row("peak memory of the three", peak, "MiB"))
        rows.append(Row("peak memory beside the weights", peak - size, "MiB"))
    return rows


def _row(what: str, seconds: list[float]) -> Row:
    ordered = sorted(1000 * s for s in seconds)
    n = len(ordered)
    return Row(what, statistics.median(ordered), "ms", ordered[n // 4], ordered[-1 - n // 4])


def main() -> None:
    """Print all tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prototxt, weights = caffenet(folder)
        keep("engine", [*in_processes(prototxt, weights, folder), *backward(prototxt, weights)])


if __name__ == "__main__":
    main()
