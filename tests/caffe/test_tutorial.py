"""The steps of Caffe's net surgery tutorial, in its own words, on a small classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterlab import caffe

DENSE = {
    'name: "fc6" type: "InnerProduct" bottom: "pool2" top: "fc6" '
    "inner_product_param { num_output: 20 }": 'name: "fc6-conv" type: "Convolution" '
    'bottom: "pool2" top: "fc6-conv" convolution_param { num_output: 20 kernel_size: 3 }',
    'name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7" '
    "inner_product_param { num_output: 10 }": 'name: "fc7-conv" type: "Convolution" '
    'bottom: "fc6-conv" top: "fc7-conv" convolution_param { num_output: 10 kernel_size: 1 }',
    'bottom: "fc6" top: "fc6"': 'bottom: "fc6-conv" top: "fc6-conv"',
    'bottom: "fc7"': 'bottom: "fc7-conv"',
    "dim: 67 dim: 67": "dim: 99 dim: 83",
}


def test_designer_filters(repo: Path) -> None:
    net = caffe.Net(str(repo / "models/conv.prototxt"), caffe.TEST)
    im = np.random.default_rng(0).random((20, 30))
    im_input = im[np.newaxis, np.newaxis, :, :]
    net.blobs["data"].reshape(*im_input.shape)
    net.blobs["data"].data[...] = im_input
    net.forward()
    before = net.blobs["conv"].data[0].copy()
    net.params["conv"][1].data[:] = 1.0
    net.forward()
    np.testing.assert_allclose(net.blobs["conv"].data[0], before + 1, atol=1e-6)
    assert net.blobs["conv"].data.shape == (1, 3, 16, 26)


def test_casting_a_classifier(shared: Path, tmp_path: Path) -> None:
    nets = shared / "goldens" / "nets"
    text = (nets / "small_v2.prototxt").read_text(encoding="utf-8")
    for old, new in DENSE.items():
        assert old in text
        text = text.replace(old, new)
    dense = tmp_path / "dense.prototxt"
    dense.write_text(text, encoding="utf-8")
    weights = str(nets / "small_v2.caffemodel")

    net = caffe.Net(str(nets / "small_v2.prototxt"), weights, caffe.TEST)
    params = ["fc6", "fc7"]
    fc_params = {pr: (net.params[pr][0].data, net.params[pr][1].data) for pr in params}
    net_full_conv = caffe.Net(str(dense), weights, caffe.TEST)
    params_full_conv = ["fc6-conv", "fc7-conv"]
    conv_params = {
        pr: (net_full_conv.params[pr][0].data, net_full_conv.params[pr][1].data)
        for pr in params_full_conv
    }
    for pr, pr_conv in zip(params, params_full_conv):
        conv_params[pr_conv][0].flat = fc_params[pr][0].flat  # type: ignore[misc]
        conv_params[pr_conv][1][...] = fc_params[pr][1]
    net_full_conv.save(str(tmp_path / "dense.caffemodel"))

    again = caffe.Net(str(dense), str(tmp_path / "dense.caffemodel"), caffe.TEST)
    transformer = caffe.io.Transformer({"data": again.blobs["data"].data.shape})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 1, 0))
    transformer.set_raw_scale("data", 255.0)
    im = np.random.default_rng(0).random((99, 83, 3), np.float32)
    out = again.forward_all(data=np.asarray([transformer.preprocess("data", im)]))
    prob = out["prob"][0]
    assert prob.shape == (10, 3, 2)
    crop = again.blobs["data"].data[:, :, :67, :67].copy()
    # One window, no neighbours: the two nets agree.
    again.blobs["data"].reshape(1, 3, 67, 67)
    again.blobs["data"].data[...] = crop
    np.testing.assert_allclose(
        again.forward()["prob"][0, :, 0, 0], net.forward(data=crop)["prob"][0], atol=1e-6
    )
    assert sum(again.blobs["prob"].data.ravel()) == pytest.approx(1, abs=1e-5)
