"""Nets and weights for the surgery's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.surgery.transplant import Transplanted, transplant

# CaffeNet's topology and geometry (227 -> 6x6 before fc6, jump 32) at a fraction of its width.
THIN = """
name: "thin"
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 10 dim: {channels} dim: 227 dim: 227 }} }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 4 kernel_size: 11 stride: 4
    weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param {{ pool: MAX kernel_size: 3 stride: 2 }} }}
layer {{ name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param {{ num_output: 6 pad: 2 kernel_size: 5 group: 2
    weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param {{ pool: MAX kernel_size: 3 stride: 2 }} }}
layer {{ name: "conv5" type: "Convolution" bottom: "pool2" top: "conv5"
  convolution_param {{ num_output: 5 pad: 1 kernel_size: 3
    weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "pool5" type: "Pooling" bottom: "conv5" top: "pool5"
  pooling_param {{ pool: MAX kernel_size: 3 stride: 2 }} }}
layer {{ name: "fc6" type: "InnerProduct" bottom: "pool5" top: "fc6"
  inner_product_param {{ num_output: 16 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }}
layer {{ name: "drop6" type: "Dropout" bottom: "fc6" top: "fc6" }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "fc6" top: "fc8"
  inner_product_param {{ num_output: 7 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }}
"""


# Windows of 19 x 35 pixels, 4 apart down and 6 across: nothing is the same both ways, nothing pads.
OBLONG_START = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 19 dim: 35 } } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1" convolution_param {
  num_output: 4 kernel_h: 5 kernel_w: 3 stride_h: 2 stride_w: 3 } }
layer { name: "p1" type: "Pooling" bottom: "c1" top: "p1" pooling_param {
  pool: AVE kernel_h: 2 kernel_w: 3 stride: 2 } }
"""
OBLONG = (
    OBLONG_START
    + """
layer { name: "fc1" type: "InnerProduct" bottom: "p1" top: "fc1"
  inner_product_param { num_output: 8 } }
layer { name: "fc2" type: "InnerProduct" bottom: "fc1" top: "fc2"
  inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }
"""
)


def weights_of(text: str, seed: int, folder: Path, gain: float = 1.0) -> tuple[Path, Path]:
    """A prototxt and a caffemodel with weights drawn from a seed, scaled to keep the signal."""
    import filterlab.caffe as caffe

    prototxt = folder / "net.prototxt"
    prototxt.write_text(text)
    net = caffe.Net(str(prototxt), caffe.TEST)
    rng = np.random.default_rng(seed)
    for blobs in net.params.values():
        shape = blobs[0].data.shape
        fan_in = max(int(np.prod(shape[1:])), 1)
        blobs[0].data[...] = rng.standard_normal(shape) * np.sqrt(2 / fan_in) * gain
        for blob in blobs[1:]:
            blob.data[...] = rng.standard_normal(blob.data.shape) * 0.1
    weights = folder / "net.caffemodel"
    net.save(str(weights))
    return prototxt, weights


@pytest.fixture(scope="session")
def thin_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Prototxt and caffemodel of the thin net, weights drawn from a seed."""
    folder = tmp_path_factory.mktemp("thin")
    return weights_of(THIN.format(channels=3), 7, folder, gain=0.45)


@pytest.fixture(scope="session")
def thin(thin_files: tuple[Path, Path]) -> Transplanted:
    """The thin net transplanted. Tests may run it but leave its weights alone."""
    return transplant(*thin_files)


# A detector that can be worked out by hand: conv1 passes the mean brightness of each 11x11 patch
# on, everything behind adds up, so a cell's score grows with the light in its field.
@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Transplanted:
    """A net of the thin shape whose class 1 answers to light, class 0 to darkness."""
    import filterlab.caffe as caffe

    folder = tmp_path_factory.mktemp("light")
    prototxt = folder / "light.prototxt"
    prototxt.write_text(THIN.format(channels=3).replace("num_output: 7", "num_output: 2"))
    net = caffe.Net(str(prototxt), caffe.TEST)
    for blobs in net.params.values():
        shape = blobs[0].data.shape
        blobs[0].data[...] = 1.0 / np.prod(shape[1:])
        blobs[1].data[...] = 0.0
    net.params["conv2"][0].data[...] = 0.0
    net.params["conv2"][0].data[:, :, 2, 2] = 0.5  # no spreading beyond the window
    net.params["conv5"][0].data[...] = 0.0
    net.params["conv5"][0].data[:, :, 1, 1] = 1 / 6
    net.params["fc8"][0].data[0] = 0.0
    net.params["fc8"][1].data[0] = 30.0
    weights = folder / "light.caffemodel"
    net.save(str(weights))
    return transplant(prototxt, weights)


@pytest.fixture(scope="session")
def oblong_start() -> str:
    """The first layers of the oblong net's prototxt."""
    return OBLONG_START


@pytest.fixture(scope="session")
def oblong_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Prototxt and caffemodel of the oblong net, weights drawn from a seed."""
    return weights_of(OBLONG, 3, tmp_path_factory.mktemp("oblong"))


@pytest.fixture(scope="session")
def oblong(oblong_files: tuple[Path, Path]) -> Transplanted:
    """The oblong net transplanted. Tests may run it but leave its weights alone."""
    return transplant(*oblong_files)


@pytest.fixture(scope="session")
def thin_text() -> str:
    """The thin net's prototxt."""
    return THIN.format(channels=3)


@pytest.fixture(scope="session")
def draw_weights() -> Any:
    """``draw_weights(text, seed, folder)`` writes a prototxt and a caffemodel drawn from a seed."""
    return weights_of


@pytest.fixture
def rng() -> Any:
    return np.random.default_rng(20160412)
