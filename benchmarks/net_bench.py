"""What surgery on a trained net takes, beside one pass of that net in the same run.

    python -m benchmarks.net_bench

EfficientNet-Lite0, or the pocket net where its weights are not here, on the tabby sample: an edit
with its undo, the scores after it, the class map of 8 x 8 cells after it, a unit of a ranking, and
an occluding patch; and the facts of a layer of 4096 x 9216 weights beside a copy of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from filterlab.caffe import Net
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.pictures import sample
from filterlab.progress import run_job
from filterlab.surgery.methods import Request
from filterlab.surgery.transplant import transplant
from filterlab.surgery.unit_facts import unit_facts
from filterlab.surgery.why import Question, occlusion_job
from filterlab.workbench.heatmap_state import preprocessing_of
from filterlab.workbench.net_bench import NetBench
from filterlab.zoo.catalogue import get
from filterlab.zoo.getting import prepare_job

__all__ = ["main"]

_REPEATS = 9
_FC6 = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 9216 } } }
layer { name: "fc6" type: "InnerProduct" bottom: "data" top: "fc6"
  inner_product_param { num_output: 4096 } }
"""


def _seconds(call: Callable[[], Any], repeats: int = _REPEATS) -> float:
    call()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return median(taken)


def main() -> None:
    """Print the table."""
    try:
        model = run_job(prepare_job(get("efficientnet-lite0")))
    except FilterLabError as error:
        print(f"efficientnet-lite0: passed over: {error}")
        model = get("pocket")
    bench = NetBench(transplant(model.prototxt, model.need_weights()), preprocessing_of(model))
    bench.show(sample("chelsea"))
    layer = next(iter(bench.net.params))
    answers = run_job(bench.answers_job())
    wanted = answers.before.best
    factors = iter(range(1, 10_000))

    def edited() -> None:
        bench.scale(layer, [8], 1 / next(factors), live=True)

    def undone() -> None:
        bench.zero(layer, [9])
        bench.undo()

    def scores() -> None:
        edited()
        run_job(bench.answers_job())

    quick = bench._after.quick_method

    def mapped() -> None:
        edited()
        run_job(bench.maps_job(Request(squash=True, cells=8, method=quick)))

    base = _seconds(bench.original.forward)
    units = len(bench.net.params[layer][0].data)
    question = Question(bench.net, bench.judge, bench._input(), wanted)
    patches = run_job(occlusion_job(question, stride=56)).raw.size + 1
    rows = [
        ("a pass of the net", base),
        ("a slider's step", _seconds(edited)),
        ("an edit and its undo", _seconds(undone)),
        ("a step, and the scores after it", _seconds(scores)),
        ("a step, and the map of 8 x 8 cells after it", _seconds(mapped, 3)),
        (
            f"a unit of {layer} in a ranking",
            _seconds(lambda: run_job(bench.rank_job(layer, wanted)), 1) / units,
        ),
        (
            "an occluding patch",
            _seconds(lambda: run_job(occlusion_job(question, stride=56)), 1) / patches,
        ),
    ]
    print(f"{model.title}, {sample('chelsea').shape[1]}x{sample('chelsea').shape[0]}")
    for what, seconds in rows:
        print(f"{what:44} {seconds * 1000:8.2f} ms  {seconds / base:6.2f} passes")
    _facts()


def _facts() -> None:
    """The facts of fc6 of CaffeNet, all of its units compared with all."""
    net = Net(parse_net(_FC6))
    weights = net.params["fc6"][0].data
    weights[...] = np.random.default_rng(0).standard_normal(weights.shape, np.float32)
    copied = _seconds(lambda: weights.copy(), 3)
    told = _seconds(lambda: unit_facts(net, "fc6"), 3)
    what = "facts of 4096 x 9216 weights"
    print(f"{what:44} {told * 1000:8.2f} ms  {told / copied:6.2f} copies of them")


if __name__ == "__main__":
    main()
