"""Nets of Caffe's older generations become today's."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterlab.caffe import CaffeError
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.prototxt import parse_net, read_net
from filterlab.caffe.upgrade import V1_TYPES, upgrade_net


def _plain(net: caffe_pb2.NetParameter) -> list[tuple[object, ...]]:
    """What a net computes, without names of inputs and defaults written out."""
    rows: list[tuple[object, ...]] = []
    for layer in net.layer:
        conv, pool, lrn = layer.convolution_param, layer.pooling_param, layer.lrn_param
        rows.append(
            (
                layer.type,
                list(layer.bottom),
                list(layer.top),
                [list(shape.dim) for shape in layer.input_param.shape],
                (conv.num_output, list(conv.kernel_size), list(conv.stride or [1])),
                (list(conv.pad or [0]), conv.group),
                (pool.pool, pool.kernel_size, pool.stride, pool.pad),
                (lrn.local_size, round(lrn.alpha, 9), round(lrn.beta, 6)),
                layer.inner_product_param.num_output,
                layer.dropout_param.dropout_ratio,
            )
        )
    return rows


def test_three_generations_of_one_net_are_one(shared: Path) -> None:
    nets = [read_net(shared / f"goldens/nets/small_{v}.prototxt") for v in ("v0", "v1", "v2")]
    assert _plain(nets[0]) == _plain(nets[1])
    for net in nets:
        assert not net.layers
        assert not net.input
        assert net.layer[0].type == "Input"
        assert list(net.layer[0].input_param.shape[0].dim) == [1, 3, 67, 67]
    # In the reference, the newest leaves the dropout's ratio out too.
    assert _plain(nets[1]) == _plain(nets[2])


def test_v1_rates_and_shared_names() -> None:
    net = parse_net(
        "layers { name: 'ip' type: INNER_PRODUCT bottom: 'a' top: 'b' blobs_lr: 1 blobs_lr: 2 "
        "weight_decay: 3 param: 'w' blob_share_mode: PERMISSIVE loss_weight: 4 "
        "include { phase: TEST } inner_product_param { num_output: 7 } }"
    )
    (layer,) = net.layer
    assert layer.type == "InnerProduct"
    assert layer.inner_product_param.num_output == 7
    assert [spec.lr_mult for spec in layer.param] == [1, 2]
    assert [spec.decay_mult for spec in layer.param] == [3, 1]
    assert layer.param[0].name == "w"
    assert layer.param[0].share_mode == caffe_pb2.ParamSpec.PERMISSIVE
    assert list(layer.loss_weight) == [4]
    assert layer.include[0].phase == caffe_pb2.TEST


def test_every_v1_type_is_known() -> None:
    names = set(caffe_pb2.V1LayerParameter.LayerType.keys())
    assert set(V1_TYPES) == names - {"NONE"}


def test_v0_padding_is_folded_into_all_that_read_it() -> None:
    net = parse_net(
        """input: "data" input_dim: 1 input_dim: 1 input_dim: 9 input_dim: 9
        layers { layer { name: "p" type: "padding" pad: 2 } bottom: "data" top: "pad" }
        layers { layer { name: "c" type: "conv" num_output: 3 kernelsize: 5 biasterm: false
          weight_filler { type: "gaussian" std: 0.5 } } bottom: "pad" top: "c" }
        layers { layer { name: "m" type: "pool" pool: AVE kernelsize: 2 } bottom: "pad" top: "m" }
        layers { layer { name: "r" type: "relu" } bottom: "c" top: "c" }"""
    )
    assert [layer.name for layer in net.layer] == ["input", "c", "m", "r"]
    conv, pool = net.layer[1], net.layer[2]
    assert list(conv.bottom) == ["data"]
    assert list(conv.convolution_param.pad) == [2]
    assert list(conv.convolution_param.kernel_size) == [5]
    assert not conv.convolution_param.bias_term
    assert conv.convolution_param.weight_filler.std == 0.5
    assert (pool.pooling_param.pool, pool.pooling_param.pad) == (caffe_pb2.PoolingParameter.AVE, 2)


def test_v0_data_layer_has_its_transformation_apart() -> None:
    net = parse_net(
        'layers { layer { name: "d" type: "data" source: "db" batchsize: 4 scale: 0.5 '
        'meanfile: "m" cropsize: 227 mirror: true rand_skip: 3 } top: "d" }'
    )
    (layer,) = net.layer
    assert (layer.type, layer.data_param.source, layer.data_param.batch_size) == ("Data", "db", 4)
    assert layer.data_param.rand_skip == 3
    transform = layer.transform_param
    assert (transform.scale, transform.mean_file, transform.crop_size) == (0.5, "m", 227)
    assert transform.mirror


def test_early_data_parameters_move_to_the_transformation() -> None:
    net = parse_net(
        'layer { name: "d" type: "Data" top: "d" data_param { source: "db" crop_size: 5 '
        "mirror: true } }"
    )
    assert net.layer[0].transform_param.crop_size == 5
    assert net.layer[0].transform_param.mirror
    assert not net.layer[0].data_param.HasField("crop_size")


def test_several_inputs_of_either_kind() -> None:
    tail = " layer { name: 's' type: 'Silence' bottom: 'a' bottom: 'b' }"
    old = parse_net("input: 'a' input: 'b'" + " input_dim: 2" * 4 + " input_dim: 3" * 4 + tail)
    new = parse_net(
        "input: 'a' input: 'b' input_shape { dim: [2, 2, 2, 2] } "
        "input_shape { dim: [3, 3, 3, 3] }" + tail
    )
    assert old == new
    assert list(old.layer[0].top) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: 'a' input_dim: 1 input_dim: 2 layer { }", "1 input(s) ('a') but 2 input_dim(s)"),
        ("input: 'a' layer { }", "1 input(s) ('a') but 0 input_dim(s)"),
        ("input: 'a' input: 'b' input_shape { } layer { }", "2 input(s) but 1 input_shape(s)"),
        ("layer { } layers { }", "mixes 'layers' (old) with 'layer' (new)"),
        ("layers { name: 'x' }", "layer 'x' has no type"),
        ("layers { layer { name: 'x' type: 'Conv' } }", "unknown V0 type 'Conv'"),
        (
            "layers { layer { name: 'p' type: 'padding' } bottom: 'a' top: 'p' } "
            "layers { layer { name: 'r' type: 'relu' } bottom: 'p' top: 'r' }",
            "layer 'r' of type 'relu' reads the padding layer 'p'",
        ),
        ("layers { layer { name: 'p' type: 'padding' } }", "has 0 bottoms and 0 tops"),
        (
            "layers { layer { name: 'p' type: 'padding' } bottom: 'a' top: 'p' } "
            "layers { layer { name: 'q' type: 'padding' } bottom: 'p' top: 'q' }",
            "pads what is padded already",
        ),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(CaffeError) as caught:
        parse_net(text, "n.prototxt")
    assert message in str(caught.value)
    assert str(caught.value).startswith("n.prototxt: ")


def test_the_net_given_stays_as_it_is() -> None:
    net = caffe_pb2.NetParameter(input=["a"], input_dim=[1, 2, 3, 4])
    net.layer.add(type="ReLU", name="r", bottom=["a"], top=["a"])
    before = net.SerializeToString()
    assert len(upgrade_net(net).layer) == 2
    assert net.SerializeToString() == before
