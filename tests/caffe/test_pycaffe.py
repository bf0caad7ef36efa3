"""What scripts expect of pycaffe: nets for training, rules, names, pictures of nets."""

from __future__ import annotations

import gc
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError, draw, net_spec
from filterlab.caffe.proto import caffe_pb2

NET = """
name: "testnet"
force_backward: true
layer { type: "DummyData" name: "data" top: "data" top: "label"
  dummy_data_param { num: 5 channels: 2 height: 3 width: 4
    num: 5 channels: 1 height: 1 width: 1
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" } } }
layer { type: "Convolution" name: "conv" bottom: "data" top: "conv"
  convolution_param { num_output: 11 kernel_size: 2 pad: 3
    weight_filler { type: "gaussian" std: 1 } bias_filler { type: "constant" value: 2 } }
  param { decay_mult: 1 } param { decay_mult: 0 } }
layer { type: "InnerProduct" name: "ip" bottom: "conv" top: "ip_blob"
  inner_product_param { num_output: 13 weight_filler { type: "gaussian" std: 2.5 }
    bias_filler { type: "constant" value: -3 } } }
layer { type: "SoftmaxWithLoss" name: "loss" bottom: "ip_blob" bottom: "label" top: "loss" }
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """The prototxt of a net that trains on random numbers."""
    (tmp_path / "net.prototxt").write_text(NET, encoding="utf-8")
    return str(tmp_path / "net.prototxt")


def test_blobs_and_weights_outlive_the_net(path: str) -> None:
    net = caffe.Net(path, caffe.TRAIN)
    weights = [blob for row in net.params.values() for blob in row]
    blobs = list(net.blobs.values())
    del net
    gc.collect()
    total = sum(float(b.data.sum()) + float(b.diff.sum()) for b in [*weights, *blobs])
    assert np.isfinite(total)


def test_layers_by_name_and_by_place(path: str) -> None:
    net = caffe.Net(path, caffe.TRAIN)
    assert list(net.layer_dict) == list(net._layer_names) == ["data", "conv", "ip", "loss"]
    for index, name in enumerate(net._layer_names):
        assert net.layer_dict[name].type == net.layers[index].type
    assert isinstance(net.layer_dict["conv"].blobs, caffe._caffe.BlobVec)
    assert net.inputs == []
    assert net.outputs == ["loss"]
    assert net.top_names == OrderedDict(
        data=["data", "label"], conv=["conv"], ip=["ip_blob"], loss=["loss"]
    )
    assert net.bottom_names == OrderedDict(
        data=[], conv=["data"], ip=["conv"], loss=["ip_blob", "label"]
    )


def test_forward_backward_and_clearing(path: str) -> None:
    net = caffe.Net(path, caffe.TRAIN)
    net.blobs["label"].data[...] = np.random.default_rng(0).integers(0, 13, (5, 1, 1, 1))
    net.forward()
    net.backward()
    diff = net.params["conv"][0].diff
    assert np.abs(diff).max() > 0
    assert np.abs(net.blobs["data"].diff).max() > 0
    net.clear_param_diffs()
    assert not diff.any()


def test_parts_of_the_net(path: str) -> None:
    net = caffe.Net(path, caffe.TRAIN)
    net.blobs["ip_blob"].data[...] = 1
    assert set(net.forward(start="loss", end="loss")) == {"loss"}
    assert (net.blobs["ip_blob"].data == 1).all()
    net.backward(start="loss", end="loss")
    assert net.blobs["ip_blob"].diff.any()
    assert not net.blobs["conv"].diff.any()


@pytest.mark.parametrize("kind", ["caffemodel", "h5"])
def test_saving_and_reading(path: str, tmp_path: Path, kind: str) -> None:
    net = caffe.Net(path, caffe.TRAIN)
    file = str(tmp_path / f"w.{kind}")
    (net.save if kind == "caffemodel" else net.save_hdf5)(file)
    for other in (
        caffe.Net(path, file, caffe.TRAIN),
        caffe.Net(path, caffe.TRAIN, weights=file),
        caffe.Net(network_file=path, weights=file, phase=caffe.TRAIN),
    ):
        assert list(other.params) == list(net.params)
        for name, row in net.params.items():
            for mine, theirs in zip(row, other.params[name]):
                np.testing.assert_array_equal(mine.data, theirs.data)


def test_diffs_are_saved_as_hdf5(path: str, tmp_path: Path) -> None:
    import h5py

    net = caffe.Net(path, caffe.TRAIN)
    net.forward()
    net.backward()
    net.save_hdf5(str(tmp_path / "w.h5"), save_diff=True)
    with h5py.File(tmp_path / "w.h5") as file:
        np.testing.assert_array_equal(file["diff/conv/0"][...], net.params["conv"][0].diff)
    assert caffe.Net(path, str(tmp_path / "w.h5"), caffe.TRAIN).filled.layers == ("conv", "ip")


LEVELS = """
layer { name: "data" type: "DummyData" top: "data"
  dummy_data_param { shape { dim: [1, 1, 10, 10] } } }
layer { name: "NoLevel" type: "InnerProduct" bottom: "data" top: "NoLevel"
  inner_product_param { num_output: 1 } }
layer { name: "Level0Only" type: "InnerProduct" bottom: "data" top: "Level0Only"
  include { min_level: 0 max_level: 0 } inner_product_param { num_output: 1 } }
layer { name: "Level1Only" type: "InnerProduct" bottom: "data" top: "Level1Only"
  include { min_level: 1 max_level: 1 } inner_product_param { num_output: 1 } }
layer { name: "Level>=0" type: "InnerProduct" bottom: "data" top: "Level>=0"
  include { min_level: 0 } inner_product_param { num_output: 1 } }
layer { name: "Level>=1" type: "InnerProduct" bottom: "data" top: "Level>=1"
  include { min_level: 1 } inner_product_param { num_output: 1 } }
"""
STAGES = """
layer { name: "data" type: "DummyData" top: "data"
  dummy_data_param { shape { dim: [1, 1, 10, 10] } } }
layer { name: "A" type: "InnerProduct" bottom: "data" top: "A"
  include { stage: "A" } inner_product_param { num_output: 1 } }
layer { name: "B" type: "InnerProduct" bottom: "data" top: "B"
  include { stage: "B" } inner_product_param { num_output: 1 } }
layer { name: "AorB" type: "InnerProduct" bottom: "data" top: "AorB"
  include { stage: "A" } include { stage: "B" } inner_product_param { num_output: 1 } }
layer { name: "AandB" type: "InnerProduct" bottom: "data" top: "AandB"
  include { stage: "A" stage: "B" } inner_product_param { num_output: 1 } }
"""


@pytest.mark.parametrize(
    ("text", "level", "stages", "names"),
    [
        (LEVELS, 0, None, ["NoLevel", "Level0Only", "Level>=0"]),
        (LEVELS, 1, None, ["NoLevel", "Level1Only", "Level>=0", "Level>=1"]),
        (STAGES, 0, ["A"], ["A", "AorB"]),
        (STAGES, 0, ["B"], ["B", "AorB"]),
        (STAGES, 0, ["A", "B"], ["A", "B", "AorB", "AandB"]),
    ],
)
def test_rules(
    tmp_path: Path, text: str, level: int, stages: list[str] | None, names: list[str]
) -> None:
    (tmp_path / "n.prototxt").write_text(text, encoding="utf-8")
    net = caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST, level=level, stages=stages)
    assert [layer.name for layer in net.layers] == ["data", *names]


def test_names_that_scripts_import() -> None:
    assert caffe.io.caffe_pb2 is caffe_pb2
    assert caffe.io.skimage.__name__ == "skimage"
    assert callable(caffe.io.resize)
    assert caffe.pycaffe.Net is caffe._caffe.Net is caffe.Net
    assert net_spec.param_name_dict()["Convolution"] == "convolution"
    for name in ("setup", "reshape", "forward", "backward"):
        assert callable(getattr(caffe.Layer, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = caffe.io.nothing  # type: ignore[attr-defined]
    for kind in ("Convolution", "InnerProduct", "Python", "LSTM"):
        assert kind in caffe.layer_type_list()
    with pytest.raises(ValueError, match="has no blob"):
        raise_error()


def raise_error() -> None:
    net = caffe_pb2.NetParameter()
    layer = net.layer.add(name="x", type="Input", top=["x"])
    layer.input_param.shape.add(dim=[1])
    caffe.Net(net, caffe.TEST).forward(blobs=["none"])


def test_a_picture_from_an_open_file(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "p.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8))
    with path.open("rb") as stream:
        np.testing.assert_array_equal(caffe.io.load_image(stream), caffe.io.load_image(path))
    with pytest.raises(CaffeError, match="no path of a picture"):
        caffe.io.load_image(3)  # type: ignore[arg-type]


def test_solver_messages_are_readable() -> None:
    from google.protobuf import text_format

    solver = caffe_pb2.SolverParameter()
    text = 'net: "n.prototxt" base_lr: 0.01 stepsize: 5 solver_mode: CPU type: "Adam"'
    text_format.Merge(text, solver)
    assert (solver.net, solver.stepsize, solver.solver_mode) == ("n.prototxt", 5, 0)
    assert caffe_pb2.SolverParameter().momentum2 == pytest.approx(0.999)


def test_a_net_is_drawn_without_graphviz(repo: Path, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    from filterlab.caffe.prototxt import read_net

    net = read_net(repo / "models/googlenet/deploy.prototxt")
    for rankdir in ("LR", "TB"):
        draw.draw_net_to_file(net, str(tmp_path / "net.svg"), rankdir, display_lrm=True)
        root = ElementTree.parse(tmp_path / "net.svg").getroot()
        texts = [e.text for e in root.iter() if e.tag.endswith("}text")]
        assert len(texts) == len(net.layer)
        assert texts[1] is not None
        assert texts[1].startswith(net.layer[1].name)
        boxes = [e for e in root.iter() if e.tag.endswith("}rect")]
        assert len({(b.get("x"), b.get("y")) for b in boxes}) == len(boxes)
    assert draw.get_pooling_types_dict() == {0: "MAX", 1: "AVE", 2: "STOCHASTIC"}
    assert draw.get_edge_label(net.layer[1]) == "64"
    assert "kernel size: 7 stride: 2 pad: 3" in draw.get_layer_label(net.layer[1], "TB")


def test_a_net_is_drawn_with_pydot_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    net = caffe_pb2.NetParameter()
    net.layer.add(name="a", type="ReLU", bottom=["x"], top=["y"])
    monkeypatch.setitem(__import__("sys").modules, "pydot", None)
    with pytest.raises(CaffeError, match="needs pydot and Graphviz"):
        draw.draw_net(net, "LR", "png")
