"""The table of a net: numbers worked out by hand, and nets that cannot run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net, read_net
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.surgery.geometry import of_blob
from filterlab.surgery.net_table import fit_of, net_table, times_job
from filterlab.surgery.own_input import centre_cut
from filterlab.surgery.tiles import tile_sheet

NET = """
name: "mixed"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 20 dim: 30 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "grouped" type: "Convolution" bottom: "conv" top: "grouped"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 group: 2 bias_term: false } }
layer { name: "up" type: "Deconvolution" bottom: "grouped" top: "up"
  convolution_param { num_output: 5 kernel_size: 4 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "grouped" top: "fc" inner_product_param { num_output: 7 } }
"""  # noqa: E501


def test_numbers_worked_out_by_hand() -> None:
    table = net_table(parse_net(NET))
    rows = {row.name: row for row in table.rows}
    # (20 - 3) // 2 + 1 = 9 rows, (30 - 3) // 2 + 1 = 14 columns; a batch of 2.
    assert rows["conv"].shapes == ((2, 8, 9, 14),)
    assert rows["conv"].macs == 2 * 8 * 9 * 14 * 3 * 3 * 3
    assert rows["conv"].parameters == 8 * 27 + 8
    assert rows["relu"].macs == 0
    # Each of the 4 outputs reads half of the 8 channels.
    assert rows["grouped"].weights == ((4, 4, 3, 3),)
    assert rows["grouped"].macs == 2 * 4 * 9 * 14 * 4 * 3 * 3
    # Every value of the bottom is laid down 5 x 4 x 4 times.
    assert rows["up"].shapes == ((2, 5, 20, 30),)
    assert rows["up"].macs == 2 * (4 * 9 * 14) * 5 * 4 * 4
    assert rows["fc"].macs == 2 * 7 * (4 * 9 * 14)
    assert table.macs == sum(rows[name].macs or 0 for name in ("conv", "grouped", "up", "fc"))
    assert table.blob_values == 2 * (3 * 600 + 8 * 126 + 4 * 126 + 5 * 600 + 7)
    for name in ("conv", "grouped"):
        assert rows[name].geometry == of_blob(parse_net(NET), name)
    seen = rows["grouped"].geometry
    assert seen is not None
    assert (seen.y.field, seen.y.jump, seen.y.start) == (7, 2, -2)
    assert table.outputs == {"fc": (2, 7), "up": (2, 5, 20, 30)}
    assert not table.problems


def test_macs_are_counted_by_the_engine() -> None:
    """A convolution of ones over ones sums up as many products as the table says, bias 0."""
    param = parse_net(NET.replace("pad: 1", "pad: 0").replace("dim: 2 ", "dim: 1 "))
    table, net = net_table(param), caffe.Net(param)
    for layer, bottom in (("conv", "data"), ("grouped", "conv")):
        net.blobs[bottom].data[...] = 1
        net.params[layer][0].data[...] = 1
        net.forward(start=layer, end=layer)
        assert table.row(layer).macs == net.blobs[layer].data.sum() > 1000


UNKNOWN = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
layer { name: "one" type: "Convolution" bottom: "data" top: "one" convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "odd" type: "Teleport" bottom: "one" top: "odd" }
layer { name: "two" type: "ReLU" bottom: "odd" top: "two" }
layer { name: "side" type: "Convolution" bottom: "data" top: "side" convolution_param { num_output: 4 kernel_size: 5 } }
layer { name: "lost" type: "ReLU" bottom: "nowhere" top: "lost" }
"""  # noqa: E501


def test_a_net_that_cannot_run_is_listed_all_the_same() -> None:
    table = net_table(parse_net(UNKNOWN))
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["data", "one", "odd", "two", "side", "lost"]
    assert rows["one"].shapes == ((1, 2, 14, 14),)
    assert rows["odd"].shapes is None
    assert "'odd': there is no layer type 'Teleport'" in rows["odd"].problem
    # What follows it is unknown, but no fault of its own.
    assert (rows["two"].shapes, rows["two"].macs, rows["two"].problem) == (None, None, "")
    assert rows["side"].macs == 4 * 144 * 75
    assert rows["side"].geometry is not None
    assert rows["side"].geometry.y.field == 5
    assert "'nowhere' is no top of an earlier layer" in rows["lost"].problem
    assert len(table.problems) == 2


def test_what_lies_before_a_layer_that_cannot_be_followed_keeps_its_geometry() -> None:
    text = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
    layer { name: "one" type: "Convolution" bottom: "data" top: "one" convolution_param { num_output: 2 kernel_size: 3 } }
    layer { name: "odd" type: "Softmax" bottom: "one" top: "odd" softmax_param { axis: 2 } }
    layer { name: "two" type: "ReLU" bottom: "odd" top: "two" }
    """  # noqa: E501
    with pytest.raises(FilterLabError, match="axis 2"):
        of_blob(parse_net(text), "one")
    rows = {row.name: row for row in net_table(parse_net(text)).rows}
    assert rows["one"].geometry is not None
    assert rows["one"].geometry.x.field == 3
    assert rows["two"].geometry is None
    assert rows["two"].shapes == ((1, 2, 14, 14),)


def test_shared_weights_count_once() -> None:
    text = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
    layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" } inner_product_param { num_output: 4 } }
    layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" } inner_product_param { num_output: 4 } }
    """  # noqa: E501
    table = net_table(parse_net(text))
    assert [row.parameters for row in table.rows] == [0, 20, 4]
    assert table.parameters == 24


def test_fit_of_weights(shared: Path) -> None:
    table = net_table(read_net(shared / "goldens/nets/small_v2.prototxt"))
    fit = fit_of(table, shared / "bad_inputs/wrong_shape.caffemodel")
    assert fit.differ["conv1"] == (((8, 3, 11, 11), (8,)), ((8, 3, 9, 9), (8,)))


def test_times_are_measured_beside_the_net(thin_files: tuple[Path, Path]) -> None:
    net = caffe.Net(str(thin_files[0]), str(thin_files[1]), caffe.TEST)
    net.forward()
    before = {name: blob.data.copy() for name, blob in net.blobs.items()}
    net.blobs["data"].data[...] = 1
    seen: list[Progress] = []
    times = run_job(times_job(net, 3), seen.append)
    assert len(times.layers) == len(net.layers)
    assert all(t > 0 for t in times.layers)
    assert times.whole > 0
    assert seen[-1].fraction < 1 <= seen[-1].fraction + 1 / seen[-1].total
    # The net's own blobs are as they were.
    np.testing.assert_array_equal(net.blobs["prob"].data, before["prob"])


def test_the_centre_is_cut_in_the_inputs_shape() -> None:
    picture = np.arange(300 * 451, dtype=np.float32).reshape(300, 451)
    cut = centre_cut(picture, (224, 224))
    assert cut.shape == (300, 300)
    assert cut[0, 0] == 75
    assert centre_cut(picture, (10, 40)).shape == (113, 451)
    assert centre_cut(picture.T, (224, 224))[0, 0] == picture.T[75, 0]


def _tile(sheet: Any, k: int, across: int, size: int) -> Any:
    y, x = divmod(k, across)
    return sheet[y * (size + 1) : y * (size + 1) + size, x * (size + 1) : x * (size + 1) + size]


def test_tiles_hold_the_blobs_values(rng: Any) -> None:
    blob = rng.standard_normal((1, 6, 12, 12)).astype(np.float32)
    most = np.abs(blob).max()
    sheet = tile_sheet(blob, columns=4)
    assert sheet.shape == (2 * 13 - 1, 4 * 13 - 1)
    for k in range(6):
        expected = (blob[0, k] / most + 1) / 2
        np.testing.assert_allclose(_tile(sheet, k, 4, 12), expected, atol=1e-6)
    own = tile_sheet(np.abs(blob), "own", columns=3)
    for k in range(6):
        tile = np.abs(blob[0, k])
        np.testing.assert_allclose(_tile(own, k, 3, 12), tile / tile.max(), atol=1e-6)
    # Values without a place are squares that can be seen; between them is white.
    strip = tile_sheet(np.array([[0.0, 1.0, 2.0]]), columns=3)
    assert strip.shape == (8, 26)
    assert [strip[4, x] for x in (0, 7, 8, 9, 17, 18)] == [0, 0, 1, 0.5, 1, 1]
    with pytest.raises(FilterLabError, match="5 axes"):
        tile_sheet(np.zeros((1, 1, 1, 1, 1)))
