"""CaffeNet: loaded, transplanted and saved in a process of its own; its backward; the filters.

    python -m benchmarks.engine

Its forward, and that of other nets, is in :mod:`benchmarks.nets_table`.
"""

from __future__ import annotations

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


def backward(prototxt: Path, weights: Path) -> None:
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
    ahead, back = (statistics.median(times) for times in zip(*pairs))
    ratio = statistics.median(b / a for a, b in pairs)
    print(
        f"\nCaffeNet, 227x227: forward {1000 * ahead:.1f} ms, backward to its input "
        f"{1000 * back:.1f} ms, ratio {ratio:.2f}"
    )
    start = time.perf_counter()
    _ = net.params["conv1"][0].diff
    print(f"  the weights' diffs of {2 * TURNS + 1} backwards, when first looked at: "
          f"{1000 * (time.perf_counter() - start):.0f} ms; {1000 * timed(net.backward):.0f} ms a "
          "backward with them")  # fmt: skip


def load_transplant_save(prototxt: str, weights: str, out: str) -> None:
    """Time and memory of the three, in this process, which should be fresh."""
    start = time.perf_counter()
    net = caffe.Net(prototxt, weights, caffe.TEST)
    loaded = time.perf_counter()
    dense = transplanted(net, 451)
    cast = time.perf_counter()
    dense.save(out)
    saved = time.perf_counter()
    size = Path(weights).stat().st_size / 2**20
    print(f"\nCaffeNet from its file ({size:.0f} MiB), transplanted, saved")
    print(f"  load {1000 * (loaded - start):17.0f} ms")
    print(f"  transplant {1000 * (cast - loaded):11.0f} ms")
    print(f"  save {1000 * (saved - cast):17.0f} ms")
    print(f"  together {1000 * (saved - start):13.0f} ms")
    try:
        import resource
    except ImportError:
        return
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(f"  peak memory {peak:10.0f} MiB (weights + {peak - size:.0f})")


def filters() -> None:
    """The Filters tab's net on a picture of 480x360."""
    net = caffe.Net(str(paths.model("conv.prototxt")), caffe.TEST)
    net.blobs["data"].reshape(1, 1, 360, 480)
    net.blobs["data"].data[...] = np.random.default_rng(0).random((360, 480))
    times = [timed(net.forward) for _ in range(TURNS)]
    print(
        f"\nthree 5x5 kernels on 480x360 {1000 * statistics.median(times):16.2f} ms "
        f"(best {1000 * min(times):.2f})"
    )


def main() -> None:
    """Print all tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prototxt, weights = caffenet(folder)
        for _ in range(2):  # the first warms the disk's cache
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
        print(done.stdout.strip())
        backward(prototxt, weights)
    filters()


if __name__ == "__main__":
    main()
