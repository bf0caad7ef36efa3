"""A net's weights: from files and prototxts, into files, shared and copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net

Floats = npt.NDArray[np.float32]
NETS = Path(__file__).resolve().parent.parent / "goldens" / "nets"
PROTOTXT = str(NETS / "small_v2.prototxt")
WEIGHTS = str(NETS / "small_v2.caffemodel")


def prob(net: caffe.Net) -> Floats:
    return net.forward()["prob"].copy()


def test_weights_that_stand_in_the_prototxt(small: caffe.Net, tmp_path: Path) -> None:
    """As BVLC's layers start from them; a weights file given too comes after."""
    from filterlab.caffe.prototxt import format_net

    whole = caffe.proto.caffe_pb2.NetParameter()
    whole.ParseFromString(Path(WEIGHTS).read_bytes())
    path = tmp_path / "whole.prototxt"
    path.write_text(str(whole), encoding="utf-8")
    net = caffe.Net(str(path), caffe.TEST)
    for name, row in small.params.items():
        for mine, theirs in zip(net.params[name], row):
            np.testing.assert_array_equal(mine.data, theirs.data)
    net.params["conv1"][0].data[...] = 1
    assert "blobs" not in format_net(net.param)
    assert (caffe.Net(net.param, caffe.TEST).params["conv1"][0].data != 1).any()
    assert (net.snapshot().params["conv1"][0].data == 1).all()
    net.save(tmp_path / "saved.caffemodel")
    again = caffe.Net(str(path), str(tmp_path / "saved.caffemodel"), caffe.TEST)
    assert (again.params["conv1"][0].data == 1).all()
    whole.layer[1].blobs[0].shape.dim[0] += 1
    whole.name = "wrong"
    with pytest.raises(caffe.CaffeError, match="wrong: layer 'conv1': the blob's shape 9x3x11x11"):
        caffe.Net(whole, caffe.TEST)


def test_save_and_copy_from(small: caffe.Net, tmp_path: Path) -> None:
    path = tmp_path / "edited.caffemodel"
    small.params["fc7"][1].data[3] = 9
    small.save(path)
    other = caffe.Net(PROTOTXT, str(path), caffe.TEST)
    other.blobs["data"].data[...] = small.blobs["data"].data
    np.testing.assert_array_equal(prob(other), prob(small))
    assert other.filled.layers == ("conv1", "conv2", "fc6", "fc7")
    other.save_hdf5(tmp_path / "edited.caffemodel.h5")
    third = caffe.Net(PROTOTXT, caffe.TEST)
    third.load_hdf5(tmp_path / "edited.caffemodel.h5")
    third.blobs["data"].data[...] = small.blobs["data"].data
    np.testing.assert_array_equal(prob(third), prob(small))
    with pytest.raises(caffe.CaffeError, match="cannot be written"):
        small.save(tmp_path / "no" / "such" / "folder.caffemodel")


def test_saving_over_the_file_that_is_open(small: caffe.Net, tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    small.save(path)
    net = caffe.Net(PROTOTXT, str(path), caffe.TEST)
    before = path.read_bytes()
    net.params["conv1"][0].data[...] *= 2
    assert path.read_bytes() == before, "editing never touches the file"
    net.save(path)
    again = caffe.Net(PROTOTXT, str(path), caffe.TEST)
    for name, row in net.params.items():
        for a, b in zip(row, again.params[name]):
            np.testing.assert_array_equal(a.data, b.data)


def test_copy_from_writes_where_somebody_looks(small: caffe.Net) -> None:
    net = caffe.Net(PROTOTXT, caffe.TEST)
    view = net.params["fc7"][0].data
    net.copy_from(WEIGHTS)
    np.testing.assert_array_equal(view, small.params["fc7"][0].data)


def test_weights_that_do_not_fit_change_nothing(small: caffe.Net) -> None:
    arrays = {name: [b.data.copy() for b in row] for name, row in small.params.items()}
    wrong = {**arrays, "fc7": [np.zeros((9, 20), np.float32), np.zeros(9, np.float32)]}
    wrong["conv1"] = [a + 1 for a in arrays["conv1"]]
    with pytest.raises(caffe.CaffeError, match="'fc7' is 9x20, but 10x20"):
        small.copy_from(wrong)
    np.testing.assert_array_equal(small.params["conv1"][0].data, arrays["conv1"][0])
    with pytest.raises(caffe.CaffeError, match="1 weight blobs, but 2"):
        small.copy_from({"conv1": arrays["conv1"][:1]})


def test_weights_for_no_layer_are_said_to_be_so(small: caffe.Net) -> None:
    with pytest.warns(caffe.CaffeWarning, match="0 of 4 layers"):
        small.copy_from({"other": [np.zeros(3)]})
    assert small.filled.left == ("conv1", "conv2", "fc6", "fc7")
    assert small.filled.unused == ("other",)


def test_share_with(small: caffe.Net, repo: Path) -> None:
    other = caffe.Net(PROTOTXT, caffe.TEST)
    other.share_with(small)
    other.params["fc7"][1].data[0] = 42
    assert small.params["fc7"][1].data[0] == 42
    other.blobs["data"].data[...] = small.blobs["data"].data
    np.testing.assert_array_equal(prob(other), prob(small))
    prototxt = str(repo / "models" / "conv.prototxt")
    wrong = caffe.Net(prototxt, caffe.TEST)
    wrong.params["conv"][0].reshape(3, 25)
    with pytest.raises(caffe.CaffeError, match="3x1x5x5 there and 3x25 here"):
        wrong.share_with(caffe.Net(prototxt, caffe.TEST))


def test_snapshot_shares_nothing_that_changes(small: caffe.Net) -> None:
    before = prob(small)
    twin = small.snapshot()
    twin_out = twin.blobs["prob"].data
    small.params["conv1"][0].data[...] = 0
    small.blobs["data"].data[...] = 1
    np.testing.assert_array_equal(prob(twin), before)
    np.testing.assert_array_equal(twin_out, before)
    twin.params["fc7"][0].data[...] = 5
    assert not (small.params["fc7"][0].data == 5).any()
    twin.blobs["data"].reshape(2, 3, 67, 67)
    assert twin.forward()["prob"].shape == (2, 10)
    assert small.blobs["data"].shape == (1, 3, 67, 67)


def test_weights_shared_by_name() -> None:
    one = (
        "param { name: 'w' } param { name: 'b' } inner_product_param { num_output: 4 "
        "weight_filler { type: 'gaussian' } }"
    )
    text = (
        'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 2 dim: 4 } } }'
        f'layer {{ name: "a" type: "InnerProduct" bottom: "d" top: "a" {one} }}'
        f'layer {{ name: "b" type: "InnerProduct" bottom: "a" top: "b" {one} }}'
    )
    net = caffe.Net(parse_net(text), caffe.TEST)
    net.params["b"][0].data[...] = 2 * np.eye(4)
    net.blobs["d"].data[...] = 1
    np.testing.assert_array_equal(net.forward()["b"], np.full((2, 4), 4))
    twin = net.snapshot()
    twin.params["a"][0].data[...] = 3 * np.eye(4)
    np.testing.assert_array_equal(twin.forward()["b"], np.full((2, 4), 9))
    np.testing.assert_array_equal(net.forward()["b"], np.full((2, 4), 4))
    with pytest.raises(caffe.CaffeError, match="shares weight 'w' of 4x4 but needs 3x4"):
        caffe.Net(
            parse_net(
                text.replace("num_output: 4", "num_output: 3", 2).replace(
                    "num_output: 3", "num_output: 4", 1
                )
            ),
            caffe.TEST,
        )
