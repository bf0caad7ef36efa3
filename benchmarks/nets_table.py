"""Every net beside other engines, in turns, in one run.

    python -m benchmarks.nets_table [--nets NAME ...] [--rounds 9] [--json FILE]

Bare ONNX Runtime runs the graph that a converter would write (:mod:`benchmarks.natural`), weights
as constants. OpenVINO and OpenCV read the same graph, where they are installed, and PyTorch
computes the same layers; OpenCV 4 beside another OpenCV as :mod:`benchmarks.other` says. In each
round all take a turn, in another order each time; what counts is the median of the rounds' ratios
to bare ONNX Runtime. Wall clock; beside it, where the machine is shared, the processor's time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.natural import natural_model, session_of
from benchmarks.nets import NETS, make
from benchmarks.other import Engine, engines

__all__ = ["contestants", "main", "measure", "text_of"]

BARE = "bare ONNX Runtime"
BARE_ALL = "bare, all blobs"
OURS = "outputs read"
OURS_ALL = "all blobs read"
EDITED = "a weight edited"
EXPORTED = "exported ONNX"


def exported(net: Any) -> bytes:
    """The net's graph as the export to ONNX writes it."""
    from filterlab.caffe.plan import Plan

    topology = net._topology
    shape = {"data": net.blobs["data"].shape}
    plan = Plan(
        topology,
        shape,
        0,
        len(topology.layers) - 1,
        None,
        fold=True,
        only=frozenset(net.outputs),
        portable=True,
    )

    def blob(index: int, i: int) -> Any:
        return net.params[topology.layers[index].name][i]._values()

    values = {name: blob(index, i) for name, index, i, _ in plan.weights}
    for one in plan.derived:
        made = np.asarray(one.compute([blob(*source) for source in one.sources], None), np.float32)
        values[one.name] = made.reshape(one.shape)
    return plan.model(values)


def contestants(name: str) -> dict[str, Callable[[], Any]]:
    """What takes turns on a net; each has computed once, and all agree."""
    net = make(name)
    image = net.blobs["data"].data.copy()
    feeds = {"data": image}
    runs: dict[str, Callable[[], Any]] = {}
    model = natural_model(net)
    bare = session_of(model)
    every = session_of(natural_model(net, all_blobs=True))
    out = session_of(exported(net))
    runs[BARE] = lambda: bare.run(None, feeds)
    runs[BARE_ALL] = lambda: every.run(None, feeds)
    runs[EXPORTED] = lambda: out.run(None, {f"in:{k}": v for k, v in feeds.items()})

    def ours() -> Any:
        fresh = net.snapshot(share_weights=True)
        fresh.packing = "first"
        return fresh

    reads, reads_all, edits = ours(), ours(), net.snapshot()
    edits.packing = "first"
    runs[OURS] = reads.forward

    def all_read() -> None:
        reads_all.forward()
        for blob in reads_all.blobs.values():
            _ = blob.data

    convs = [row[0] for n, row in net.params.items() if net.layer_dict[n].type == "Convolution"]
    middle = len(convs) // 2
    edited = [
        row[0] for n, row in edits.params.items() if edits.layer_dict[n].type == "Convolution"
    ][middle]

    def edit() -> None:
        edited.data.flat[0] += np.float32(1e-3)
        edits.forward()

    runs[OURS_ALL], runs[EDITED] = all_read, edit
    if importlib.util.find_spec("openvino"):
        import openvino

        compiled = openvino.Core().compile_model(
            openvino.Core().read_model(model),
            "CPU",
            # Where the processor has bf16 it takes that of itself, which is another computation.
            {"INFERENCE_PRECISION_HINT": "f32"},
        )
        runs["OpenVINO"] = lambda: compiled([image])
    if importlib.util.find_spec("cv2"):
        import cv2

        try:
            dnn = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
            dnn.setInput(image)
            dnn.forward()

            def opencv() -> None:
                dnn.setInput(image)
                dnn.forward()

            runs[f"OpenCV {cv2.__version__.split('.')[0]}"] = opencv
        except cv2.error:
            pass
    others = engines(net, model, image)
    runs.update(others)
    for _ in range(4):  # until blobs that are read each time are outputs
        for run in runs.values():
            run()
    wanted = bare.run(None, feeds)[0].reshape(-1)
    answers = [each.blobs[each.outputs[0]].data for each in (reads, reads_all)]
    for answer in (*answers, *(engine.output for engine in others.values())):
        np.testing.assert_allclose(
            answer.reshape(-1), wanted, atol=1e-3 * np.abs(wanted).max(), err_msg=name
        )
    return runs


def measure(name: str, rounds: int) -> dict[str, Any]:
    """Times of all contestants on one net, in seconds, round by round."""
    runs = contestants(name)
    wall: dict[str, list[float]] = {run: [] for run in runs}
    work: dict[str, list[float]] = {run: [] for run in runs}
    order = random.Random(0)
    for _ in range(rounds):
        for title, run in order.sample(list(runs.items()), len(runs)):
            time.sleep(0.05)  # the threads of whoever ran before go to sleep
            if isinstance(run, Engine):
                taken, worked = run.timed()
                wall[title].append(taken)
                work[title].append(worked)
                continue
            run()
            began, busy = time.perf_counter(), time.process_time()
            run()
            wall[title].append(time.perf_counter() - began)
            work[title].append(time.process_time() - busy)
    return {"wall": wall, "cpu": work}


def _ratios(times: dict[str, list[float]], title: str, base: str) -> tuple[float, float, float]:
    """Median of the rounds' ratios, and their quartiles."""
    found = sorted(a / b for a, b in zip(times[title], times[base]))
    n = len(found)
    return statistics.median(found), found[n // 4], found[-1 - n // 4]


def rows_of(result: dict[str, Any], clock: str = "wall") -> list[list[str]]:
    """The table's rows: net, bare in ms, then ratios to it with their quartiles."""
    rows = []
    for name, found in result["nets"].items():
        times = found[clock]
        row = [name, f"{1000 * statistics.median(times[BARE]):.1f}"]
        for title in result["columns"]:
            if title not in times:
                row.append("")
                continue
            base = BARE_ALL if title == OURS_ALL else BARE
            middle, low, high = _ratios(times, title, base)
            row.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        rows.append(row)
    return rows


def text_of(result: dict[str, Any], clock: str = "wall") -> str:
    """The table in Markdown."""
    heads = [
        "net",
        "bare, ms",
        *(f"{c}, to bare all" if c == OURS_ALL else c for c in result["columns"]),
    ]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows_of(result, clock)]
    return "\n".join(lines)


def svg_of(result: dict[str, Any]) -> str:
    """The ratios of :data:`OURS` as bars."""
    rows = [(name, *_ratios(found["wall"], OURS, BARE)) for name, found in result["nets"].items()]
    top = 30
    most = max(2.0, *(row[3] for row in rows))
    scale = 420 / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{top + 26 * len(rows) + 10}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#FFFFFF"/>',
        '<text x="10" y="18" fill="#1E1F22">time of a forward, as a multiple of bare ONNX '
        "Runtime's (bar: median, line: quartiles)</text>",
    ]
    for i, (name, middle, low, high) in enumerate(rows):
        y = top + 26 * i
        parts += [
            f'<text x="150" y="{y + 15}" text-anchor="end" fill="#1E1F22">{name}</text>',
            f'<rect x="158" y="{y + 3}" width="{middle * scale:.1f}" height="16" fill="#2F6FDE"/>',
            f'<path d="M{158 + low * scale:.1f} {y + 11}H{158 + high * scale:.1f}" '
            'stroke="#1E1F22" stroke-width="2"/>',
            f'<text x="{166 + max(middle, high) * scale:.1f}" y="{y + 15}" fill="#1E1F22">'
            f"{middle:.2f}</text>",
        ]
    one = 158 + scale
    height = top + 26 * len(rows)
    parts.append(f'<path d="M{one:.1f} {top}V{height}" stroke="#B2182B" stroke-dasharray="4 3"/>')
    return "\n".join([*parts, "</svg>", ""])


def run(names: list[str], rounds: int, out: Path | None = None) -> dict[str, Any]:
    """All nets; a table row is printed, and the JSON written, as soon as it is known."""
    import onnxruntime

    result: dict[str, Any] = {
        "machine": (
            f"{platform.machine()}, {_cores()} cores, ONNX Runtime {onnxruntime.__version__}"
        ),
        "rounds": rounds,
        "columns": [],
        "nets": {},
    }
    for name in names:
        found = result["nets"][name] = measure(name, rounds)
        for title in found["wall"]:
            if title not in (BARE, BARE_ALL, *result["columns"]):
                result["columns"].append(title)
        print(text_of({**result, "nets": {name: found}}).splitlines()[-1], flush=True)
        if out is not None:
            out.write_text(json.dumps(result), encoding="utf-8")
    return result


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--nets", nargs="*", default=list(NETS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(arguments)
    result = run(args.nets, args.rounds, args.json)
    print(f"\n{result['machine']}; wall clock\n\n{text_of(result)}")
    print(f"\nthe processor's time\n\n{text_of(result, 'cpu')}")
    return result


if __name__ == "__main__":
    main()
    sys.exit(0)
