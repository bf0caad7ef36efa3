"""Weights files that change while a net uses them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe

# 2.25 million weights: 9 MB, large enough to be mapped.
WIDE = (
    'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1500 } } }\n'
    'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { '
    'num_output: 1500 weight_filler { type: "xavier" } } }\n'
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    prototxt, weights = tmp_path / "wide.prototxt", tmp_path / "wide.caffemodel"
    prototxt.write_text(WIDE)
    caffe.Net(str(prototxt), caffe.TEST).save(str(weights))
    return prototxt, weights


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody cut a mapped file")
def test_a_file_cut_short_is_an_error_and_not_the_end(files: tuple[Path, Path]) -> None:
    prototxt, weights = files
    net = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    other = caffe.Net(str(prototxt), caffe.TEST)
    other.share_with(net)
    apart = caffe.Net(str(prototxt), caffe.TEST)
    net.blobs["data"].data[...] = 1
    net.forward()
    whole = weights.read_bytes()
    os.truncate(weights, 1000)
    for run in (net.forward, other.forward, lambda: net.save(str(weights))):
        with pytest.raises(caffe.CaffeError, match=r"wide\.caffemodel.*cut short.*1000 of"):
            run()
    apart.forward()  # a net with weights of its own goes on
    weights.write_bytes(whole)
    net.forward()


def test_a_file_deleted_or_replaced_stays_whole_for_the_net(files: tuple[Path, Path]) -> None:
    prototxt, weights = files
    net = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    net.blobs["data"].data[...] = np.arange(1500) / 1500
    before = net.forward()["fc"].copy()
    other = caffe.Net(str(prototxt), caffe.TEST)
    other.params["fc"][0].data[...] = 7
    other.save(str(weights))
    np.testing.assert_array_equal(net.forward()["fc"], before)
    weights.unlink()
    np.testing.assert_array_equal(net.forward()["fc"], before)
    net.save(str(weights))
    again = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    again.blobs["data"].data[...] = net.blobs["data"].data
    np.testing.assert_array_equal(again.forward()["fc"], before)
