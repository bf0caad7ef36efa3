"""What forks of Caffe added, honoured, refused or harmless; and oddities that BVLC runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError, CaffeWarning
from filterlab.caffe.forks import HARMLESS, HONOURED, KNOWN_TO, REFUSED
from filterlab.caffe.layers import REGISTRY
from filterlab.caffe.prototxt import parse_net
from tests.caffe.test_layers_reference import layer, normal, run

X = normal(2, 3, 8, 8)


def test_each_field_stands_in_one_table() -> None:
    tables = (HONOURED, set(REFUSED), HARMLESS)
    assert sum(map(len, tables)) == len(set().union(*tables))
    assert not set(KNOWN_TO) & set(REGISTRY)


@pytest.mark.parametrize(
    ("mode", "size"), [("", 4), ("ceil_mode: true", 4), ("ceil_mode: false", 3)]
)
def test_ceil_mode_counts(mode: str, size: int) -> None:
    net = run(layer("Pooling", f"pooling_param {{ kernel_size: 3 stride: 2 {mode} }}"), x=X)
    assert net.blobs["y"].shape == (2, 3, size, size)
    assert "ceil_mode" not in str(net.param)  # BVLC Caffe reads what is saved


def test_ceil_mode_counts_in_the_v1_generation_too() -> None:
    param = parse_net(
        'input: "x" input_dim: 1 input_dim: 1 input_dim: 8 input_dim: 8\n'
        "layers { name: 'p' type: POOLING bottom: 'x' top: 'y' "
        "pooling_param { kernel_size: 3 stride: 2 ceil_mode: false } }"
    )
    assert caffe.Net(param, caffe.TEST).blobs["y"].shape == (1, 1, 3, 3)


def test_hole_is_dilation() -> None:
    rest = "convolution_param { num_output: 2 kernel_size: 3 %s bias_term: false }"
    weights = {"op": [normal(2, 3, 3, 3)]}
    one, other = (
        run(layer("Convolution", rest % word), weights=weights, x=X).blobs["y"].data
        for word in ("hole: 2", "dilation: 2")
    )
    assert one.shape == (2, 2, 4, 4)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("told", ["scale_bias: true", "scale_filler { type: 'constant' }"])
def test_scale_bias_of_nvidias_batch_norm(told: str) -> None:
    mean, variance, scale, bias = normal(3), normal(3) ** 2, normal(3), normal(3)
    weights = [mean, variance, [0.0], scale, bias]
    net = run(layer("BatchNorm", f"batch_norm_param {{ {told} eps: 0.001 }}"), x=X,
              weights={"op": weights})  # fmt: skip
    assert [blob.shape for blob in net.params["op"]] == [(3,), (3,), (1,), (3,), (3,)]
    wide = (1, 3, 1, 1)
    wanted = (X - mean.reshape(wide)) / np.sqrt(variance.reshape(wide) + 0.001)
    wanted = wanted * scale.reshape(wide) + bias.reshape(wide)
    np.testing.assert_allclose(net.blobs["y"].data, wanted, atol=1e-4)


def test_dropout_of_forks() -> None:
    param = "dropout_param { dropout_ratio: 0.25 %s }"
    net = run(layer("Dropout", param % "scale_train: false"), x=X)
    np.testing.assert_allclose(net.blobs["y"].data, 0.75 * X, atol=1e-6)
    net = run(layer("Dropout", param % "scale_train: false"), caffe.TRAIN, x=np.ones((9, 999)))
    assert set(np.unique(net.blobs["y"].data)) == {0.0, 1.0}
    net = run(layer("Dropout", param % "sample_weights_test: true"), x=np.ones((9, 999)))
    assert 0.2 < (net.blobs["y"].data == 0).mean() < 0.3


def test_a_field_that_changes_results_is_refused() -> None:
    text = layer("Pooling", "pooling_param {\n kernel_size: 2 pad_type: 1 }")
    with pytest.raises(CaffeError, match=r"<prototxt>:2: the field 'pooling_param.pad_type'"):
        parse_net(text)
    with pytest.warns(CaffeWarning, match=r"pad_type \(line 2, harmless\)"):
        parse_net(text.replace("pad_type: 1", "pad_type: 0"))


def test_a_harmless_field_is_passed_over() -> None:
    with pytest.warns(
        CaffeWarning, match=r"layer.engine \(line 1, harmless\), .*mispelt \(line 1\)"
    ):
        parse_net(layer("ReLU", 'engine: "MKLDNN" relu_param { mispelt: 3 }'))


def test_an_unknown_layer_says_which_fork_has_it() -> None:
    with pytest.raises(CaffeError, match=r"'DenseCRF' is known to DeepLab"):
        run(layer("DenseCRF"), x=X)
    with pytest.raises(CaffeError, match=r"SegNet \(.*put an Input layer in its place"):
        run(layer("DenseImageData", "", "", "x"))
    with pytest.raises(CaffeError, match="did you mean Convolution"):
        run(layer("Convolutoin"), x=X)


@pytest.mark.parametrize("kind", ["relu", "RELU", "ReLu", "Abs_Val"])
def test_types_in_any_case(kind: str) -> None:
    net = run(layer(kind), x=X)
    assert net.layers[1].type in ("ReLU", "AbsVal")


def test_a_v1_type_that_only_forks_know() -> None:
    text = (
        'input: "x" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8\n'
        "layers { name: 'p' type: PRELU bottom: 'x' top: 'y' "
        "prelu_param { channel_shared: true } }"
    )
    net = caffe.Net(parse_net(text), caffe.TEST)
    assert net.layers[1].type == "PReLU"
    with pytest.raises(CaffeError, match="known to DeepLab"):
        caffe.Net(parse_net(text.replace("PRELU", "DENSE_CRF")), caffe.TEST)


def test_an_input_named_beside_its_layer() -> None:
    text = 'input: "x"\n' + layer("ReLU")
    source = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 } } }'
    net = caffe.Net(parse_net('input: "x"\n' + source + layer("ReLU")), caffe.TEST)
    assert net.inputs == ["x"]
    assert net.blobs["y"].shape == (2,)
    with pytest.raises(CaffeError, match=r"1 input\(s\) \('x'\) but 0 input_dim"):
        parse_net(text)


def test_weights_without_axes_as_bvlc_writes_them(tmp_path: Path) -> None:
    text = layer("Scale", "scale_param { num_axes: 0 bias_term: true }")
    net = run(text, weights={"op": [2.5, -1.0]}, x=X)
    np.testing.assert_allclose(net.blobs["y"].data, 2.5 * X - 1, atol=1e-6)
    net.save(tmp_path / "w.caffemodel")
    twin = run(text, x=X)
    twin.copy_from(tmp_path / "w.caffemodel")
    assert [blob.shape for blob in twin.params["op"]] == [(), ()]
    assert [float(blob.data) for blob in twin.params["op"]] == [2.5, -1.0]
    net = run('layer { name: "op" type: "Parameter" top: "y" parameter_param { shape {} } }')
    net.params["op"][0].data[...] = 7
    assert net.forward()["y"] == 7


def test_clip_with_min_above_max_gives_min() -> None:
    net = run(layer("Clip", "clip_param { min: 0.5 max: -0.5 }"), x=X)
    assert set(np.unique(net.blobs["y"].data)) == {0.5}


@pytest.mark.parametrize("kind", ["SoftmaxWithLoss", "HingeLoss", "Accuracy"])
@pytest.mark.parametrize("label", [-1, 3, 1e9])
def test_a_label_outside_its_classes(kind: str, label: float) -> None:
    scores = normal(2, 3)
    words = rf"layer 'op': a label or index is {label:.0f}, but there are 3"
    with pytest.raises(CaffeError, match=words):
        run(layer(kind, bottoms="x label"), x=scores, label=[0, label])
