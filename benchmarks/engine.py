"""The engine beside bare ONNX Runtime and OpenCV's dnn: CaffeNet, whole and fully convolutional.

    python -m benchmarks.engine

All contestants take turns in one run, so that a busy machine is busy for all; what counts is the
ratio to bare ONNX Runtime with its weights as constants, taken turn by turn. OpenCV 5 has no
Caffe reader: name a Python that has OpenCV 4 in FILTERLAB_OPENCV4 to see it here.
"""

from __future__ import annotations

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

from filterlab import caffe, paths

__all__ = ["main"]

TURNS = 30
CASTS = {"fc6": 6, "fc7": 1, "fc8": 1}


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


def transplanted(net: Any, side: int) -> Any:
    """The net with its fully connected layers as convolutions, on the same memory."""
    param = net.param
    dims = param.layer[0].input_param.shape[0].dim
    dims[0], dims[2], dims[3] = 1, side, side
    for layer in param.layer:
        for names in (layer.bottom, layer.top):
            names[:] = [f"{n}-conv" if n in CASTS else n for n in names]
        if layer.name in CASTS:
            layer.convolution_param.num_output = layer.inner_product_param.num_output
            layer.convolution_param.kernel_size.append(CASTS[layer.name])
            layer.ClearField("inner_product_param")
            layer.type, layer.name = "Convolution", f"{layer.name}-conv"
    dense = caffe.Net(param, caffe.TEST)
    for name, row in net.params.items():
        for mine, theirs in zip(dense.params[f"{name}-conv" if name in CASTS else name], row):
            mine.share_data(theirs)
    return dense


def bare(net: Any) -> Callable[[], Any]:
    """The same net as an exporter would write it, weights as constants, only the last blob out."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []
    names = {"data": "data"}
    for layer in net.param.layer[1:]:
        x = names[layer.bottom[0]]
        out = f"{layer.top[0]}@{layer.name}"
        inputs, attributes = [x], {}
        for i, blob in enumerate(net.params.get(layer.name, [])):
            constants.append(numpy_helper.from_array(blob.data, f"{layer.name}:{i}"))
            inputs.append(f"{layer.name}:{i}")
        if layer.type == "Convolution":
            p = layer.convolution_param
            kind = "Conv"
            attributes = {
                "group": p.group,
                "kernel_shape": list(p.kernel_size) * 2,
                "strides": (list(p.stride) or [1]) * 2,
                "pads": (list(p.pad) or [0]) * 4,
            }
        elif layer.type == "Pooling":
            p = layer.pooling_param
            kind = "MaxPool"
            attributes = {
                "kernel_shape": [p.kernel_size] * 2,
                "strides": [p.stride] * 2,
                "ceil_mode": 1,
            }
        elif layer.type == "LRN":
            p = layer.lrn_param
            kind = "LRN"
            attributes = {"size": p.local_size, "alpha": p.alpha, "beta": p.beta, "bias": p.k}
        elif layer.type == "InnerProduct":
            kind = "Gemm"
            attributes = {"transB": 1}
            if layer.name == "fc6":
                nodes.append(helper.make_node("Flatten", [x], ["flat"]))
                inputs[0] = "flat"
        elif layer.type == "Dropout":
            names[layer.top[0]] = x
            continue
        else:
            kind = {"ReLU": "Relu", "Softmax": "Softmax"}[layer.type]
            attributes = {"axis": 1} if kind == "Softmax" else {}
        nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        names[layer.top[0]] = out
    last = nodes[-1].output[0]
    graph = helper.make_graph(
        nodes,
        "bare",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, net.blobs["data"].shape)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, net.blobs["prob"].shape)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    image = net.blobs["data"].data
    result = session.run(None, {"data": image})[0]
    np.testing.assert_allclose(result, net.forward()["prob"], atol=1e-3)
    return lambda: session.run(None, {"data": image})


OPENCV = """
import sys, time, cv2, numpy as np
net = cv2.dnn.readNetFromCaffe(sys.argv[1], sys.argv[2])
image = np.load(sys.argv[3])
print(cv2.__version__, flush=True)
for line in sys.stdin:
    net.setInput(image)
    start = time.perf_counter()
    net.forward()
    print(time.perf_counter() - start, flush=True)
"""


class OpenCV:
    """OpenCV 4's dnn in a process of its own, with another Python."""

    def __init__(self, folder: Path, net: Any, name: str) -> None:
        prototxt, image = folder / f"{name}.prototxt", folder / f"{name}.npy"
        from filterlab.caffe.prototxt import format_net

        prototxt.write_text(format_net(net.param), encoding="utf-8")
        net.save(folder / f"{name}.caffemodel")
        np.save(image, net.blobs["data"].data)
        self.process = subprocess.Popen(
            [
                os.environ["FILTERLAB_OPENCV4"],
                "-c",
                OPENCV,
                str(prototxt),
                str(folder / f"{name}.caffemodel"),
                str(image),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.version = self.process.stdout.readline().strip()

    def __call__(self) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


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


def race(title: str, net: Any, folder: Path) -> None:
    """Let all contestants take turns, and print the table."""
    net.forward()
    first, *others = (row[0].data for name, row in net.params.items() if "conv" in name)

    def edited() -> Any:
        first[0, 0, 0, 0] += 1
        return net.forward()

    def all_edited() -> Any:
        for weight in (first, *others):
            weight[0, 0, 0, 0] += 1
        return net.forward()

    contestants: dict[str, Callable[[], Any]] = {
        "bare ONNX Runtime, constant weights": bare(net),
        "filterlab.caffe, all blobs readable": net.forward,
        "filterlab.caffe, after a weight edit": edited,
        "filterlab.caffe, edit in each convolution": all_edited,
    }
    opencv = None
    if os.environ.get("FILTERLAB_OPENCV4"):
        opencv = OpenCV(folder, net, "opencv")
        contestants[f"OpenCV {opencv.version} dnn, last blob only"] = opencv
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(TURNS):
        for name, run in contestants.items():
            times[name].append(timed(run))
    print(f"\n{title:42} {'median ms':>10} {'best ms':>9} {'ratio':>7} {'of bests':>9}")
    reference = times["bare ONNX Runtime, constant weights"]
    for name, taken in times.items():
        ratio = statistics.median(a / b for a, b in zip(taken, reference))
        print(
            f"  {name:40} {1000 * statistics.median(taken):10.1f} {1000 * min(taken):9.1f} "
            f"{ratio:7.2f} {min(taken) / min(reference):9.2f}"
        )
    if opencv is not None:
        opencv.close()
    else:
        print("  (OpenCV 4's dnn: name a Python that has it in FILTERLAB_OPENCV4)")


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
        net = caffe.Net(str(prototxt), str(weights), caffe.TEST)
        net.blobs["data"].reshape(1, 3, 227, 227)
        rng = np.random.default_rng(1)
        net.blobs["data"].data[...] = 50 * rng.standard_normal((1, 3, 227, 227))
        race("CaffeNet, 227x227", net, folder)
        dense = transplanted(net, 451)
        dense.blobs["data"].data[...] = 50 * rng.standard_normal((1, 3, 451, 451))
        race("CaffeNet fully convolutional, 451x451", dense, folder)
    filters()


if __name__ == "__main__":
    main()
