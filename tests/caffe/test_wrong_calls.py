"""Calls that cannot mean anything: one CaffeError that says what to write instead."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe


@pytest.fixture
def net(repo: Path) -> caffe.Net:
    return caffe.Net(str(repo / "models" / "conv.prototxt"), caffe.TEST)


def _assign_blob(net: caffe.Net) -> None:
    net.blobs["data"] = np.zeros((1, 1, 9, 9))


def _assign_row(net: caffe.Net) -> None:
    net.params["conv"] = [np.zeros((3, 1, 5, 5))]


def _assign_weights(net: caffe.Net) -> None:
    net.params["conv"][0] = np.zeros((3, 1, 5, 5))


def _delete(net: caffe.Net) -> None:
    del net.blobs["data"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (_assign_blob, "net.blobs['data'].data[...] ="),
        (_assign_row, "net.params['conv'][0].data[...] ="),
        (_assign_weights, "[0].data[...] ="),
        (_delete, "belongs to the net"),
        (lambda net: net.params.pop("conv"), "belongs to the net"),
        (lambda net: net.params.popitem(), "belongs to the net"),
        (lambda net: net.blobs.clear(), "belongs to the net"),
        (lambda net: net.blobs["convv"], "net.blobs['convv']: the net has no blob"),
        (lambda net: net.blobs["convv"], "did you mean 'conv'?"),
        (lambda net: net.params["fc"], "no layer with weights of this name; it has conv"),
        (lambda net: net.forward(start=5), "no layer '5'"),
        (lambda net: net.copy_from({"conv": 5}), "1 weight blobs, but 2"),
        (lambda net: net.forward_all(data=3), "at least one row"),
        (lambda net: net.forward_all(data=np.zeros((0, 1, 9, 9))), "at least one row"),
        (lambda net: net.forward(data=[[1, 2], [3]]), "no array"),
        (lambda net: net.forward(data=np.zeros((1, 1, 100, 100), complex)), "complex"),
        (lambda net: net.forward(data="x"), "input 'data'"),
        (lambda net: net.share_with(3), "another net"),
        (lambda net: net.copy_from(3), "weights file"),
        (lambda net: net.forward(data=None), "it holds None"),
        (lambda net: net.forward_all(data=[None]), "it holds None"),
        (lambda net: net.forward(blobs=5), "a list of names"),
        (lambda net: net.save(None), "no path of a weights file"),
        (lambda net: net.save(""), "no path of a weights file"),
        (lambda net: net.save_hdf5(""), "no path of a weights file"),
        (lambda net: net.load_hdf5(None), "no path of a weights file"),
        (lambda net: net.backward(conv=np.zeros((9, 9))), "the diff of blob"),
        (lambda net: net.backward(nothing=np.zeros(1)), "not those of the net's outputs"),
        (lambda net: net.backward_from_layer("conv", np.zeros(3)), "the diff of blob"),
        (lambda net: net.deconv_from_layer("conv", 0, deconv_type="x"), "is none of"),
        (lambda net: setattr(net.blobs["data"], "diff", 5), "diff[...] ="),
        (lambda net: setattr(net.blobs["data"], "data", np.zeros((1, 1, 100, 100))), "data[...] ="),
        (lambda net: setattr(net.blobs["data"], "data", 5), "data[...] ="),
        (lambda net: net.blobs["data"].reshape(None), "must be integers"),
        (lambda net: net.blobs["data"].reshape("1 1 9 9"), "must be integers"),
    ],
)
def test_calls_on_a_net(net: caffe.Net, call: Callable[[caffe.Net], object], words: str) -> None:
    before = net.forward()["conv"].copy()
    with pytest.raises(caffe.CaffeError) as caught:
        call(net)
    assert words in str(caught.value)
    np.testing.assert_array_equal(net.forward()["conv"], before)


@pytest.mark.parametrize("given", [None, 3, 2.5])
def test_no_path(given: object) -> None:
    with pytest.raises(caffe.CaffeError, match="is no path of a prototxt"):
        caffe.Net(given, caffe.TEST)


def test_level_and_stages(repo: Path) -> None:
    path = str(repo / "models" / "conv.prototxt")
    with pytest.raises(caffe.CaffeError, match="level 'x'"):
        caffe.Net(path, caffe.TEST, level="x")  # type: ignore[arg-type]
    assert caffe.Net(path, caffe.TEST, stages="deploy").outputs == ["conv"]
    for stages in (5, [5]):
        with pytest.raises(caffe.CaffeError, match="stages must be a list of names"):
            caffe.Net(path, caffe.TEST, stages=stages)  # type: ignore[arg-type]
    with pytest.raises(caffe.CaffeError, match="beyond 32 bits"):
        caffe.Net(path, caffe.TEST, level=2**40)


def test_an_unknown_name_is_pycaffes_key_error_too(net: caffe.Net) -> None:
    with pytest.raises(KeyError):
        net.blobs["nope"]
    assert net.blobs.get("nope") is None
    assert "nope" not in net.params


def test_the_list_of_layers_is_the_callers(net: caffe.Net) -> None:
    net.layers.clear()
    assert [layer.type for layer in net.layers] == ["Input", "Convolution"]


PICTURE = np.zeros((8, 8, 3))


def _rgb() -> caffe.io.Transformer:
    transformer = caffe.io.Transformer({"data": (1, 3, 8, 8)})
    transformer.set_transpose("data", (2, 0, 1))
    return transformer


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda io: io.load_image(None), "None is no path of a picture"),
        (lambda io: io.resize_image(PICTURE, 3), "new_dims must be (height, width), not 3"),
        (lambda io: io.resize_image(PICTURE, (3, 3, 3)), "new_dims must be"),
        (lambda io: io.resize_image(PICTURE, (3, 3), 9), "interp_order must be 0 to 5, not 9"),
        (lambda io: io.resize_image(PICTURE, (10**9, 10**9)), "1000000000x1000000000x3"),
        (lambda io: io.oversample(None, (3, 3)), "takes a list of pictures, not None"),
        (lambda io: io.oversample([np.zeros((5, 5))], (3, 3)), "not of 5x5"),
        (lambda io: io.oversample([PICTURE], 3), "crop_dims must be (height, width), not 3"),
        (lambda io: _rgb().preprocess("data", "abc"), "the picture for 'data' is no array"),
        (lambda io: _rgb().deprocess("data", np.zeros((2, 3, 8, 8))), "one picture of 'data'"),
        (lambda io: _rgb().deprocess("data", np.zeros((8, 8))), "as in 1x3x8x8, not 8x8"),
        (lambda io: _rgb().set_transpose("data", 5), "must order the axes 0 to 2, not 5"),
        (lambda io: _rgb().set_channel_swap("data", 5), "must name 3 channels from 0 on, not 5"),
        (lambda io: _rgb().set_channel_swap("data", "abc"), "must name 3 channels"),
        (lambda io: _rgb().set_raw_scale("data", "a"), "raw scale of 'data' (1x3x8x8) must be"),
        (lambda io: _rgb().set_input_scale("data", [1, 2, 3]), "must be a number"),
        (lambda io: io.array_to_datum(np.zeros((1, 2, 2)), 1.5), "label must be a whole number"),
        (lambda io: io.array_to_datum(np.zeros((1, 2, 2)), 2**40), "label must be"),
        (lambda io: io.array_to_datum([[["a"]]]), "the datum is no array of numbers"),
        (lambda io: io.array_to_blobproto("abc"), "the blob is no array of numbers"),
        (lambda io: io.datum_to_array(b"abc"), "Datum.FromString"),
        (lambda io: io.blobproto_to_array(b"abc"), "BlobProto.FromString"),
        (lambda io: caffe.set_device("a"), "GPUs are counted 0, 1, 2"),
        (lambda io: caffe.set_device(-1), "GPUs are counted 0, 1, 2"),
        (lambda io: caffe.set_random_seed("a"), "a whole number, 0 or more"),
    ],
)
def test_calls_beside_nets(call: Callable[[object], object], words: str) -> None:
    with pytest.raises(caffe.CaffeError) as caught:
        call(caffe.io)
    assert words in str(caught.value)


def test_copies_of_the_collections_are_free(net: caffe.Net) -> None:
    for mine in (dict(net.blobs), net.blobs.copy(), copy.copy(net.blobs)):
        mine["other"] = caffe.Blob((1,))
        assert list(net.blobs) == ["data", "conv"]
    assert [*net.params["conv"], 1][2] == 1
