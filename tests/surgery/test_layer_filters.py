"""Filters taken out of a net's files: which layers, which numbers, in which order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.surgery.layer_filters import (
    LayerFilters,
    convolution_layers,
    files_of_net,
    read_layer_filters,
)

RGB = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 40 dim: 40 } } }
layer { name: "wide" type: "Convolution" bottom: "data" top: "wide" convolution_param {
  num_output: 2 kernel_size: 12 } }
layer { name: "tall" type: "Convolution" bottom: "data" top: "tall" convolution_param {
  num_output: 2 kernel_h: 12 kernel_w: 3 } }
layer { name: "broad" type: "Convolution" bottom: "data" top: "broad" convolution_param {
  num_output: 2 kernel_h: 3 kernel_w: 12 } }
layer { name: "colour" type: "Convolution" bottom: "data" top: "colour" convolution_param {
  num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "colour" top: "colour" }
layer { name: "even" type: "Convolution" bottom: "colour" top: "even" convolution_param {
  num_output: 5 kernel_h: 2 kernel_w: 4 bias_term: false } }
layer { name: "largest" type: "Convolution" bottom: "even" top: "largest" convolution_param {
  num_output: 3 kernel_size: 11 } }
layer { name: "each" type: "Convolution" bottom: "largest" top: "each" convolution_param {
  num_output: 3 group: 3 kernel_h: 1 kernel_w: 5 } }
layer { name: "fc" type: "InnerProduct" bottom: "each" top: "fc"
  inner_product_param { num_output: 2 } }
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A net whose weights are 0, 1, 2 … in each blob, and its biases these in tenths."""
    folder = tmp_path_factory.mktemp("filters")
    (folder / "net.prototxt").write_text(RGB)
    net = caffe.Net(str(folder / "net.prototxt"), caffe.TEST)
    for row in net.params.values():
        for blob, unit in zip(row, (1, 0.1)):
            blob.data[...] = unit * np.arange(blob.count).reshape(blob.shape)
    net.save(str(folder / "net.caffemodel"))
    return folder / "net.prototxt", folder / "net.caffemodel"


def test_the_layers_that_the_bench_takes(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert convolution_layers(files[0]) == ["colour", "even", "largest", "each"]
    none = tmp_path / "none.prototxt"
    none.write_text(RGB.partition('layer { name: "wide"')[0])
    with pytest.raises(FilterLabError, match=r"none\.prototxt: has no Convolution layer; open"):
        convolution_layers(none)
    large = tmp_path / "large.prototxt"
    large.write_text(RGB.partition('layer { name: "colour"')[0])
    assert convolution_layers(large) == ["wide"], "reading it tells its size"
    with pytest.raises(FilterLabError, match="layer 'wide' has kernels of 13 x 13; the bench ta"):
        read_layer_filters(large, files[1])
    with pytest.raises(FilterLabError, match=r"'tall' has kernels of 13 x 3; .* up to 11 x 11"):
        read_layer_filters(*files, layer="tall")
    with pytest.raises(FilterLabError, match="layer 'broad' has kernels of 3 x 13"):
        read_layer_filters(*files, layer="broad")
    with pytest.raises(FilterLabError, match=r"caffemodel: has no weights for layer 'relu'; open"):
        read_layer_filters(*files, layer="relu")
    with pytest.raises(FilterLabError, match="layer 'fc' has weights of 2x"):
        read_layer_filters(*files, layer="fc")


def test_the_numbers_of_a_layer(files: tuple[Path, Path]) -> None:
    stored = np.arange(108, dtype=np.float32).reshape(4, 3, 3, 3)
    bgr, rgb = read_layer_filters(*files), read_layer_filters(*files, "RGB", "colour")
    assert bgr.layer == rgb.layer == "colour"
    np.testing.assert_array_equal(bgr.kernels, stored[:, [2, 1, 0]])
    np.testing.assert_array_equal(rgb.kernels, stored)
    np.testing.assert_allclose(bgr.bias, [0, 0.1, 0.2, 0.3])
    assert bgr.whole
    kernel, bias = bgr.taken(2, 1)
    np.testing.assert_array_equal(kernel, stored[2, ::-1])
    assert bias == pytest.approx(0.2)

    even = read_layer_filters(*files, layer="even")
    assert even.kernels.shape == (5, 4, 3, 5)
    stored = np.arange(160, dtype=np.float32).reshape(5, 4, 2, 4)
    np.testing.assert_array_equal(even.kernels[:, :, :2, :4], stored)
    assert not even.kernels[:, :, 2].any()
    assert not even.kernels[:, :, :, 4].any()
    np.testing.assert_array_equal(even.bias, np.zeros(5))
    assert not even.whole
    kernel, bias = even.taken(3, 2)
    np.testing.assert_array_equal(kernel, even.kernels[3, 2:3])
    assert bias == 0
    np.testing.assert_array_equal(even.taken(3)[0], even.kernels[3, :1])

    assert read_layer_filters(*files, layer="largest").kernels.shape == (3, 5, 11, 11)
    each = read_layer_filters(*files, layer="each")
    np.testing.assert_array_equal(each.kernels, np.arange(15).reshape(3, 1, 1, 5))
    assert each.whole
    assert each.taken(1)[1] == pytest.approx(0.1)


def test_a_bias_over_many_channels_is_left_out() -> None:
    found = LayerFilters("x", np.ones((2, 5, 3, 3), np.float32), np.array([1, 2], np.float32))
    assert found.taken(1, 4)[1] == 0
    one = LayerFilters("x", np.ones((2, 1, 3, 3), np.float32), np.array([1, 2], np.float32))
    assert one.taken(1)[1] == 2


def test_the_other_file_is_found_beside_the_one_given(tmp_path: Path) -> None:
    def made(*names: str) -> Path:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"")
        return folder

    same = made("a.prototxt", "a.caffemodel", "b.caffemodel", "deploy.prototxt")
    wanted = same / "a.prototxt", same / "a.caffemodel"
    assert files_of_net(same / "a.prototxt") == wanted
    assert files_of_net(same / "a.caffemodel") == wanted
    assert files_of_net(same / "b.caffemodel") == (same / "deploy.prototxt", same / "b.caffemodel")
    with pytest.raises(FilterLabError, match=r"^deploy\.prototxt: its \.caffemodel was not found"):
        files_of_net(same / "deploy.prototxt")
    only = made("x.PBTXT", "weights.caffemodel")
    assert files_of_net(only / "x.PBTXT") == (only / "x.PBTXT", only / "weights.caffemodel")
    alone = made("w.caffemodel", "some.prototxt")
    assert files_of_net(alone / "w.caffemodel")[0] == alone / "some.prototxt"
    two = made("w.caffemodel", "some.prototxt", "other.prototxt")
    with pytest.raises(FilterLabError, match=r"^w\.caffemodel: its \.prototxt was not found"):
        files_of_net(two / "w.caffemodel")
