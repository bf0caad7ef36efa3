"""The tutorial's "64x the output in 3x the time", on this machine, and what a transplant takes.

    python -m benchmarks.surgery

CaffeNet with random weights (they cost what trained ones do). Medians in milliseconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from filterlab import caffe, paths
from filterlab.surgery import overlay
from filterlab.surgery.heatmap import cost_of, heatmap, run_dense
from filterlab.surgery.shift_and_stitch import dense
from filterlab.surgery.sliding import sliding
from filterlab.surgery.transplant import transplant

__all__ = ["main"]


def _median_ms(function: Callable[[], object], repeats: int = 5) -> float:
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _random_weights(prototxt: str) -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    net = caffe.Net(prototxt, caffe.TEST)
    return {
        name: [
            rng.standard_normal(b.shape, np.float32) * np.float32((2 / np.prod(b.shape[1:])) ** 0.5)
            for b in blobs
        ]
        for name, blobs in net.params.items()
    }


def main() -> None:
    prototxt = str(paths.model("caffenet", "deploy.prototxt"))
    weights = _random_weights(prototxt)
    start = time.perf_counter()
    t = transplant(prototxt, weights)
    print(f"transplant with its proof       {1000 * (time.perf_counter() - start):9.1f} ms")
    picture = np.random.default_rng(0).random((360, 480, 3)).astype(np.float32)
    maps = heatmap(t, picture, squash=451)
    print(f"dense pass, 451x451, 8x8 cells  {_median_ms(lambda: run_dense(t, maps.data)):9.1f} ms")
    expected = cost_of(t, (451, 451)).seconds or 0.0
    print(f"  as estimated beforehand       {1000 * expected:9.1f} ms")
    slid = sliding(t, maps)
    print(f"sliding windows, 64 passes      {1000 * slid.seconds:9.1f} ms")
    print(f"  {slid}")
    start = time.perf_counter()
    dense(t, picture, 8, squash=451)
    print(f"stride 8 by 16 shifted passes   {1000 * (time.perf_counter() - start):9.1f} ms")
    values = maps.values(282)
    for mode in overlay.MODES:
        drawn = _median_ms(
            lambda mode=mode: overlay.compose(picture, overlay.project(maps, values, mode))
        )
        print(f"overlay, {mode:22} {drawn:9.1f} ms")


if __name__ == "__main__":
    main()
