"""Engines that run in a process of their own, as their libraries do not go with those used here.

    FILTERLAB_OPENCV4=DIR   a folder with OpenCV 4 (pip install --target DIR 'opencv-python<5')
    FILTERLAB_TORCH=DIR     a folder with PyTorch; not needed where it is installed

Such an engine times itself, so that the way between the processes does not count.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Engine", "engines"]


class Engine:
    """One net on one engine in its own process.

    Parameters
    ----------
    kind : str
        ``"opencv"`` or ``"torch"``.
    folder : str
        Where its library lies, empty if it is installed.
    net : caffe.Net
    model : bytes
        The net as ONNX.
    image : ndarray

    Raises
    ------
    RuntimeError
        If the engine cannot run the net; the message is its own.
    """

    def __init__(self, kind: str, folder: str, net: Any, model: bytes, image: Any) -> None:
        self._room = tempfile.TemporaryDirectory(prefix="filterlab-bench-")
        room = Path(self._room.name)
        (room / "net.onnx").write_bytes(model)
        np.save(room / "image.npy", image)
        (room / "net.prototxt").write_bytes(net.param.SerializeToString())
        rows = {f"{n}/{i}": b.data for n, row in net.params.items() for i, b in enumerate(row)}
        np.savez(room / "weights.npz", **{n.replace("/", "|"): a for n, a in rows.items()})
        environment = dict(os.environ)
        root = str(Path(__file__).resolve().parent.parent)
        path = [folder, root, os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(p for p in path if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.other", kind, str(room)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=root,
        )
        weakref.finalize(self, _end, self._process)
        said = self._answer()
        self.version = said.get("version", "")
        if "error" in said:
            raise RuntimeError(said["error"])
        self.output = np.load(room / "output.npy")

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        said: dict[str, Any] = json.loads(line) if line else {"error": "the process has ended"}
        return said

    def timed(self) -> tuple[float, float]:
        """Seconds by the clock, and of the processor, of the second of two forwards."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        said = self._answer()
        return said["wall"], said["cpu"]

    def __call__(self) -> None:
        self.timed()


def _end(process: Any) -> None:
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def engines(net: Any, model: bytes, image: Any) -> dict[str, Engine]:
    """Those that are here and can run the net, by the name of their column."""
    found = {}
    for kind, title, variable in (
        ("opencv", "OpenCV 4", "FILTERLAB_OPENCV4"),
        ("torch", "PyTorch", "FILTERLAB_TORCH"),
    ):
        folder = os.environ.get(variable, "")
        if not folder and (kind == "opencv" or importlib.util.find_spec("torch") is None):
            continue
        try:
            found[title] = Engine(kind, folder, net, model, image)
        except RuntimeError as error:
            print(f"{title} cannot run {net.name}: {error}", file=sys.stderr)
    return found


def _opencv(room: Path, image: Any) -> tuple[Callable[[], Any], str]:
    import cv2

    net = cv2.dnn.readNetFromONNX(str(room / "net.onnx"))

    def run() -> Any:
        net.setInput(image)
        return net.forward()

    return run, cv2.__version__


def _torch(room: Path, image: Any) -> tuple[Callable[[], Any], str]:
    """The net as somebody writes it in PyTorch: its own functions, batch statistics fixed."""
    import torch
    from torch.nn import functional as f

    from filterlab.caffe.proto.caffe_pb2 import NetParameter

    param = NetParameter.FromString((room / "net.prototxt").read_bytes())
    arrays = np.load(room / "weights.npz")
    weights: dict[str, list[Any]] = {}
    for name in arrays.files:
        layer = name.rpartition("|")[0].replace("|", "/")
        weights.setdefault(layer, []).append(torch.from_numpy(arrays[name]))
    steps: list[tuple[Callable[..., Any], list[str], str]] = []

    def two(values: Any, default: int) -> tuple[int, int]:
        sizes = tuple(values) or (default,)
        return sizes * 2 if len(sizes) == 1 else sizes  # type: ignore[return-value]

    layers = list(param.layer)
    for place, layer in enumerate(layers[1:], 1):
        w = weights.get(layer.name, [])
        kind = layer.type
        if kind == "Convolution":
            p = layer.convolution_param
            how = {"stride": two(p.stride, 1), "padding": two(p.pad, 0), "groups": p.group}
            bias = w[1] if len(w) > 1 else None
            call = lambda x, w=w[0], bias=bias, how=how: f.conv2d(x, w, bias, **how)  # noqa: E731
        elif kind == "BatchNorm":
            scale, shift = weights[layers[place + 1].name]
            mean, var, eps = w[0] / w[2], w[1] / w[2], layer.batch_norm_param.eps
            call = lambda x, a=(mean, var, scale, shift), e=eps: f.batch_norm(x, *a, eps=e)  # noqa: E731
        elif kind in ("Scale", "Dropout"):
            call = lambda x: x  # noqa: E731
        elif kind == "Pooling":
            p = layer.pooling_param
            if p.global_pooling:
                call = lambda x: f.adaptive_avg_pool2d(x, 1)  # noqa: E731
            else:
                pool = f.avg_pool2d if p.pool == 1 else f.max_pool2d
                how = {"stride": p.stride, "padding": p.pad, "ceil_mode": True}
                call = lambda x, pool=pool, k=p.kernel_size, how=how: pool(x, k, **how)  # noqa: E731
        elif kind == "LRN":
            p = layer.lrn_param
            a = (p.local_size, p.alpha, p.beta, p.k)
            call = lambda x, a=a: f.local_response_norm(x, *a)  # noqa: E731
        elif kind == "InnerProduct":
            call = lambda x, w=w: f.linear(x.flatten(1), *w)  # noqa: E731
        elif kind in ("ReLU6", "Clip"):
            call = f.relu6
        else:
            call = {
                "ReLU": f.relu,
                "Eltwise": lambda *x: sum(x[1:], x[0]),
                "Concat": lambda *x: torch.cat(x, 1),
                "Softmax": lambda x: f.softmax(x, 1),
            }[kind]
        steps.append((call, list(layer.bottom), layer.top[0]))
    x = torch.from_numpy(image)

    def run() -> Any:
        with torch.inference_mode():
            blobs = {"data": x}
            for call, bottoms, top in steps:
                blobs[top] = call(*(blobs[b] for b in bottoms))
            return blobs[top].numpy()

    return run, str(torch.__version__)


def main() -> None:
    """The other process: says what it is, then times a forward for each line it reads."""
    kind, room = sys.argv[1], Path(sys.argv[2])
    image = np.load(room / "image.npy")
    try:
        run, version = {"opencv": _opencv, "torch": _torch}[kind](room, image)
        np.save(room / "output.npy", run())
    except Exception as error:  # whatever a library raises
        print(json.dumps({"error": (str(error).strip() or repr(error)).splitlines()[0]}))
        return
    print(json.dumps({"version": version}), flush=True)
    for _ in sys.stdin:
        run()
        start, busy = time.perf_counter(), time.process_time()
        run()
        told = {"wall": time.perf_counter() - start, "cpu": time.process_time() - busy}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
