"""The nets of the benchmarks as Caffe writes them, with random weights.

Architectures after their papers: VGG-16 (Simonyan and Zisserman 2014), ResNet-50 (He et al. 2015),
MobileNet v1 (Howard et al. 2017) and v2 (Sandler et al. 2018), DenseNet-121 (Huang et al. 2017);
the others are the prototxts of ``models/``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from filterlab import caffe, paths
from filterlab.caffe.prototxt import parse_net, read_net

__all__ = ["NETS", "make", "transplanted"]

CASTS = {"fc6": 6, "fc7": 1, "fc8": 1}


class Writer:
    """Collects layers; every method returns the name of its top."""

    def __init__(self, name: str, side: int = 224) -> None:
        self.text = (
            f'name: "{name}"\nlayer {{ name: "data" type: "Input" top: "data" '
            f"input_param {{ shape {{ dim: 1 dim: 3 dim: {side} dim: {side} }} }} }}\n"
        )
        self.channels: dict[str, int] = {"data": 3}
        self.count = 0

    def layer(
        self, kind: str, bottoms: list[str], inside: str = "", in_place: bool = False, out: int = 0
    ) -> str:
        """Append one layer."""
        self.count += 1
        name = f"{kind.lower()}{self.count}"
        top = bottoms[0] if in_place else name
        reads = " ".join(f'bottom: "{b}"' for b in bottoms)
        self.text += f'layer {{ name: "{name}" type: "{kind}" {reads} top: "{top}" {inside} }}\n'
        self.channels[top] = out or self.channels[bottoms[0]]
        return top

    def conv(
        self,
        x: str,
        kernels: int,
        size: int,
        stride: int = 1,
        group: int = 1,
        pad: int | None = None,
        bias: bool = False,
    ) -> str:
        """A convolution, padded to keep the size."""
        p = size // 2 if pad is None else pad
        inside = (
            f"convolution_param {{ num_output: {kernels} kernel_size: {size} stride: {stride} "
            f"pad: {p} group: {group} bias_term: {str(bias).lower()} }}"
        )
        return self.layer("Convolution", [x], inside, out=kernels)

    def norm(self, x: str, in_place: bool = True) -> str:
        """BatchNorm and Scale."""
        x = self.layer("BatchNorm", [x], in_place=in_place)
        return self.layer("Scale", [x], "scale_param { bias_term: true }", in_place=True)

    def relu(self, x: str, kind: str = "ReLU") -> str:
        """In place."""
        return self.layer(kind, [x], in_place=True)

    def pool(self, x: str, inside: str) -> str:
        """Pooling."""
        return self.layer("Pooling", [x], f"pooling_param {{ {inside} }}")

    def add(self, *terms: str) -> str:
        """The sum of blobs."""
        return self.layer("Eltwise", list(terms))

    def classes(self, x: str) -> str:
        """The classifier's end: InnerProduct and Softmax."""
        x = self.layer("InnerProduct", [x], "inner_product_param { num_output: 1000 }", out=1000)
        return self.layer("Softmax", [x])


def vgg16() -> str:
    """VGG-16."""
    w = Writer("VGG-16")
    x = "data"
    for kernels, times in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(times):
            x = w.relu(w.conv(x, kernels, 3, bias=True))
        x = w.pool(x, "kernel_size: 2 stride: 2")
    for _ in range(2):
        x = w.layer("InnerProduct", [x], "inner_product_param { num_output: 4096 }", out=4096)
        x = w.layer("Dropout", [w.relu(x)], in_place=True)
    w.classes(x)
    return w.text


def resnet50() -> str:
    """ResNet-50."""
    w = Writer("ResNet-50")
    x = w.relu(w.norm(w.conv("data", 64, 7, 2)))
    x = w.pool(x, "kernel_size: 3 stride: 2")
    for stage, (width, times) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for i in range(times):
            stride = 2 if stage and not i else 1
            side = x if i else w.norm(w.conv(x, 4 * width, 1, stride))
            y = w.relu(w.norm(w.conv(x, width, 1, stride)))
            y = w.relu(w.norm(w.conv(y, width, 3)))
            x = w.relu(w.add(side, w.norm(w.conv(y, 4 * width, 1))))
    w.classes(w.pool(x, "pool: AVE global_pooling: true"))
    return w.text


def mobilenet_v1() -> str:
    """MobileNet v1."""
    w = Writer("MobileNet v1")
    x = w.relu(w.norm(w.conv("data", 32, 3, 2)))
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    for kernels, stride in [*blocks, *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        x = w.relu(w.norm(w.conv(x, w.channels[x], 3, stride, group=w.channels[x])))
        x = w.relu(w.norm(w.conv(x, kernels, 1)))
    w.classes(w.pool(x, "pool: AVE global_pooling: true"))
    return w.text


def mobilenet_v2() -> str:
    """MobileNet v2."""
    w = Writer("MobileNet v2")
    x = w.relu(w.norm(w.conv("data", 32, 3, 2)), "ReLU6")
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1)]
    for expand, kernels, times, first in [*table, (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(times):
            inside = w.channels[x] * expand
            y = w.relu(w.norm(w.conv(x, inside, 1)), "ReLU6") if expand > 1 else x
            y = w.relu(w.norm(w.conv(y, inside, 3, 1 if i else first, group=inside)), "ReLU6")
            y = w.norm(w.conv(y, kernels, 1))
            x = w.add(x, y) if i else y
    x = w.relu(w.norm(w.conv(x, 1280, 1)), "ReLU6")
    w.classes(w.pool(x, "pool: AVE global_pooling: true"))
    return w.text


def densenet121() -> str:
    """DenseNet-121."""
    w = Writer("DenseNet-121")
    x = w.relu(w.norm(w.conv("data", 64, 7, 2)))
    x = w.pool(x, "kernel_size: 3 stride: 2 pad: 1")
    for stage, times in enumerate((6, 12, 24, 16)):
        for _ in range(times):
            y = w.conv(w.relu(w.norm(x, False)), 128, 1)
            y = w.conv(w.relu(w.norm(y)), 32, 3)
            x = w.layer("Concat", [x, y], out=w.channels[x] + 32)
        x = w.relu(w.norm(x, False))
        if stage < 3:
            x = w.pool(w.conv(x, w.channels[x] // 2, 1), "pool: AVE kernel_size: 2 stride: 2")
    w.classes(w.pool(x, "pool: AVE global_pooling: true"))
    return w.text


def of_models(name: str) -> Callable[[], Any]:
    """A prototxt of ``models/``, for one picture."""

    def read() -> Any:
        param = read_net(str(paths.model(name, "deploy.prototxt")))
        param.layer[0].input_param.shape[0].dim[0] = 1
        return param

    return read


def _dense() -> Any:
    return transplanted(make("CaffeNet 227"), 451)


#: Name -> its NetParameter or prototxt, or the net itself.
NETS: dict[str, Callable[[], Any]] = {
    "CaffeNet 227": of_models("caffenet"),
    "CaffeNet dense 451": _dense,
    "VGG-16": vgg16,
    "GoogLeNet": of_models("googlenet"),
    "SqueezeNet 1.1": of_models("squeezenet_v1.1"),
    "ResNet-50": resnet50,
    "MobileNet v1": mobilenet_v1,
    "MobileNet v2": mobilenet_v2,
    "EfficientNet-Lite0": of_models("efficientnet-lite0"),
    "DenseNet-121": densenet121,
}


def make(name: str) -> caffe.Net:
    """A net of :data:`NETS` with random weights that keep its values in bounds, on noise."""
    source = NETS[name]()
    rng = np.random.default_rng(7)
    if isinstance(source, caffe.Net):
        net = source
    else:
        net = caffe.Net(parse_net(source) if isinstance(source, str) else source, caffe.TEST)
        for layer, row in net.params.items():
            kind = net.layer_dict[layer].type
            arrays = [blob.data for blob in row]
            if kind == "BatchNorm":
                arrays[0][...] = 0.1 * rng.standard_normal(arrays[0].shape)
                arrays[1][...] = 0.5 + rng.random(arrays[1].shape)
                arrays[2][...] = 1
                continue
            if kind == "Scale":
                arrays[0][...] = 0.5 + 0.5 * rng.random(arrays[0].shape)
                arrays[1][...] = 0.1 * rng.standard_normal(arrays[1].shape)
                continue
            rng.standard_normal(dtype=np.float32, out=arrays[0])
            arrays[0] *= np.float32((2 / np.prod(arrays[0].shape[1:])) ** 0.5)
            for bias in arrays[1:]:
                bias[...] = 0.1 * rng.standard_normal(bias.shape)
    data = net.blobs["data"].data
    data[...] = 2 * rng.standard_normal(data.shape)
    return net


def transplanted(net: Any, side: int) -> Any:
    """CaffeNet with its fully connected layers as convolutions, on the same memory."""
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
