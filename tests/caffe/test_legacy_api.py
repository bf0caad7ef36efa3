"""What scripts of 2014 say, and nets that BVLC Caffe runs though they are odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from filterlab.caffe.prototxt import parse_net

NETS = Path(__file__).resolve().parent.parent / "goldens" / "nets"
SMALL = (str(NETS / "small_v0.prototxt"), str(NETS / "small_v0.caffemodel"))
INPUT = 'layer { name: "d" type: "Input" top: "a" input_param { shape { dim: [2, 3, 4, 4] } } }\n'


def test_a_net_prepares_its_own_pictures(tmp_path: Path) -> None:
    """filter_visualization.ipynb of 2014, with the mean as an array and as a file."""
    net = caffe.Net(*SMALL)
    net.set_phase_test()
    net.set_mode_cpu()
    net.set_raw_scale("data", 255)
    net.set_channel_swap("data", (2, 1, 0))
    net.set_input_scale("data", 0.5)
    picture = np.random.default_rng(0).random((67, 67, 3), np.float32)
    planes = picture.transpose(2, 0, 1)[::-1] * 255
    mean = np.arange(3 * 67 * 67, dtype=np.float32).reshape(3, 67, 67) / 100
    np.save(tmp_path / "mean.npy", mean)
    for given, mode, subtracted in (
        (mean, "elementwise", mean),
        (str(tmp_path / "mean.npy"), "elementwise", mean),
        (mean, "channel", mean.mean(axis=(1, 2))[:, None, None]),
    ):
        net.set_mean("data", given, mode=mode)
        ready = net.preprocess("data", picture)
        np.testing.assert_allclose(ready, (planes - subtracted) * 0.5, atol=1e-3)
        np.testing.assert_allclose(net.deprocess("data", ready), picture, atol=1e-5)
    net.blobs["data"].reshape(1, 3, 50, 60)
    net.set_mean("data", np.zeros(3))
    assert net.preprocess("data", picture).shape == (3, 50, 60)


def test_the_phase_is_chosen_when_a_net_is_opened() -> None:
    caffe.set_phase_test()
    test, train = caffe.Net(*SMALL), caffe.Net(*SMALL, caffe.TRAIN)
    train.set_phase_train()
    for call in (caffe.set_phase_train, test.set_phase_train, train.set_phase_test):
        with pytest.raises(CaffeError, match="one phase, chosen when it is opened"):
            call()


def test_a_classifier_of_2014() -> None:
    net = caffe.Classifier(*SMALL, gpu=False, image_dims=(70, 70), raw_scale=255)
    net.set_phase_test()
    assert net.predict([np.zeros((67, 67, 3), np.float32)]).shape == (1, 10)
    assert caffe.Detector(*SMALL, gpu=False).context_pad == 0


def test_places_of_inputs_and_outputs() -> None:
    net = caffe.Net(*SMALL)
    assert [net._blob_names[i] for i in net._inputs] == net.inputs == ["data"]
    assert [net._blob_names[i] for i in net._outputs] == net.outputs == ["prob"]


def test_timer() -> None:
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    timer.stop()
    assert timer.ms > 0


def test_names_given_twice(tmp_path: Path) -> None:
    """BVLC runs them; where weights are among them it cannot say whose they are."""
    twice = (
        'layer { name: "x" type: "Power" bottom: "a" top: "b" power_param { shift: 1 } }\n'
        'layer { name: "x" type: "Power" bottom: "b" top: "c" power_param { scale: 3 } }\n'
    )
    weights = (
        'layer { name: "ip" type: "InnerProduct" bottom: "c" top: "y" '
        'inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }\n'
    )
    net = caffe.Net(parse_net(INPUT + twice + weights), caffe.TEST)
    net.forward()
    assert (net.blobs["c"].data == 3).all()
    assert net._layer_names == ["d", "x", "x", "ip"]
    assert list(net.forward(end="x")) == ["b"]
    net.save(str(tmp_path / "twice.caffemodel"))
    other = caffe.Net(parse_net(INPUT + twice + weights), caffe.TEST)
    other.copy_from(str(tmp_path / "twice.caffemodel"))
    np.testing.assert_array_equal(other.params["ip"][0].data, net.params["ip"][0].data)
    for text in (twice + weights.replace('"ip"', '"x"'), weights.replace('"c"', '"a"') * 2):
        with pytest.raises(CaffeError, match="two layers are named"):
            caffe.Net(parse_net(INPUT + text), caffe.TEST)


def test_dummy_data_sizes_given_once_are_for_all_tops() -> None:
    text = 'layer { name: "x" type: "DummyData" top: "a" top: "b" dummy_data_param { %s } }'
    net = caffe.Net(parse_net(text % "num: 2 channels: [3, 1] height: 4 width: [5, 6]"), caffe.TEST)
    assert [net.blobs[name].shape for name in "ab"] == [(2, 3, 4, 5), (2, 1, 4, 6)]
    for sizes in ("num: [2, 2] channels: [3, 1, 1] height: 4 width: 5", "num: 2 channels: 3"):
        with pytest.raises(CaffeError, match="equally often"):
            caffe.Net(parse_net(text % sizes), caffe.TEST)
