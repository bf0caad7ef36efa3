"""A dense map's time and memory against the picture's area, from 0.1 to 24 megapixels.

    python -m benchmarks.dense_area [--most 24]

Each size is a process of its own: it transplants the net, reads a picture out of memory and makes
the map of all classes through the same door as the command line. Its peak is what the system
counted for it. The slopes are fitted over the logarithms: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import Row, keep

__all__ = ["main"]

NETS = ("caffenet", "efficientnet-lite0")
AREAS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 24)
MOST_MIB = 2e9 / 2**20


def _weights(name: str, folder: Path) -> tuple[str, str]:
    """A net of the catalogue, and a file of random weights, which cost what trained ones do."""
    from filterlab import caffe, paths

    prototxt = str(paths.model(name, "deploy.prototxt"))
    net = caffe.Net(prototxt, caffe.TEST)
    rng = np.random.default_rng(0)
    for layer, row in net.params.items():
        kind = net.layer_dict[layer].type
        arrays = [blob.data for blob in row]
        if kind == "BatchNorm":
            arrays[1][...] = arrays[2][...] = 1
        elif kind == "Scale":
            arrays[0][...] = 1
        else:
            rng.standard_normal(dtype=np.float32, out=arrays[0])
            arrays[0] *= np.float32((2 / np.prod(arrays[0].shape[1:])) ** 0.5)
    path = str(folder / f"{name}.caffemodel")
    net.save(path)
    return prototxt, path


def _child(prototxt: str, weights: str, area: float) -> None:
    """One map in this process, which should be fresh; prints what it took."""
    import resource

    from filterlab.progress import run_job
    from filterlab.surgery.forward import strips_of
    from filterlab.surgery.methods import Request, map_job, plan
    from filterlab.surgery.transplant import transplant

    unit = 1024 if sys.platform == "darwin" else 1  # to KiB

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit / 1024

    t = transplant(prototxt, weights)
    before = peak()
    width = round((area * 1e6 * 3 / 2) ** 0.5)
    method = t.quick_method
    # A size that the net's windows fit, so that nothing is resized.
    shape = (round(width * 2 / 3), width)
    size = plan(t, shape, Request(size=width, method=method)).input_size
    picture = np.random.default_rng(1).random((*size, 3), np.float32)
    made = plan(t, size, Request(size=max(size), method=method))
    start = time.perf_counter()
    run = run_job(map_job(t, picture, made))
    strips = strips_of(t, made.input_size)
    told = {
        "area": size[0] * size[1] / 1e6,
        "seconds": time.perf_counter() - start,
        "peak": peak(),
        "before": before,
        "cells": list(run.maps.prob.shape[1:]),
        "strips": strips.count if strips is not None else 0,
    }
    print(json.dumps(told))


def _slope(points: list[dict[str, Any]], key: str, least: float = 1.0) -> float:
    """The exponent with which a figure grows with the area, over those of at least so much area."""
    some = [p for p in points if p["area"] >= least] if points[-1]["area"] > 2 * least else points
    x = [math.log(p["area"]) for p in some]
    return float(np.polyfit(x, [math.log(max(p[key], 1e-9)) for p in some], 1)[0])


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--most", type=float, default=24)
    parser.add_argument("--nets", nargs="*", default=list(NETS))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.child:
        _child(*args.child[:2], float(args.child[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="filterlab-bench-") as folder:
        return _all(args.nets, args.most, Path(folder))


def _all(nets: list[str], most: float, folder: Path) -> int:
    rows: list[Row] = []
    points: dict[str, list[dict[str, Any]]] = {}
    for name in nets:
        files = _weights(name, folder)
        print(name)
        print(f"{'megapixels':>10} {'seconds':>8} {'a MP':>6} {'peak MiB':>9} cells, strips")
        for area in AREAS:
            if area > most:
                continue
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.dense_area", "--child", *files, str(area)],
                capture_output=True,
                text=True,
                check=True,
                cwd=Path(__file__).resolve().parent.parent,
            )
            p = json.loads(done.stdout.splitlines()[-1])
            points.setdefault(name, []).append(p)
            print(
                f"{p['area']:10.2f} {p['seconds']:8.2f} {p['seconds'] / p['area']:6.2f} "
                f"{p['peak']:9.0f} {p['cells'][1]}x{p['cells'][0]}, {p['strips'] or 'one pass'}",
                flush=True,
            )
        of = points[name]
        for p in of:
            p["map"] = max(p["peak"] - p["before"], 1.0)
        rows += [
            Row(f"{name}: exponent of the time from 1 MP on", _slope(of, "seconds"), "", aim=1.1),
            Row(f"{name}: exponent of the memory from 1 MP on", _slope(of, "map"), "", aim=1.1),
            Row(
                f"{name}: peak memory at {of[-1]['area']:.0f} MP", of[-1]["peak"], "MiB",
                aim=MOST_MIB,
            ),
        ]  # fmt: skip
    keep("dense_area", rows, points=points)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
