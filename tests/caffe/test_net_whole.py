"""Whole nets against BVLC Caffe's stored results: CaffeNet, SqueezeNet, the tutorial's filters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.proto import caffe_pb2

Floats = npt.NDArray[np.float32]
CASTS = {"fc6": 6, "fc7": 1, "fc8": 1}

pytestmark = pytest.mark.usefixtures("both_layouts")


def relative(result: Floats, wanted: Floats) -> float:
    """Largest difference over the largest value."""
    wanted = wanted.reshape(result.shape)
    return float(np.abs(result - wanted).max() / np.abs(wanted).max())


def convolutional(param: caffe_pb2.NetParameter, side: int) -> caffe_pb2.NetParameter:
    """CaffeNet's fully connected layers as convolutions, for a larger input."""
    dims = param.layer[0].input_param.shape[0].dim
    dims[2] = dims[3] = side
    for layer in param.layer:
        for names in (layer.bottom, layer.top):
            names[:] = [f"{n}-conv" if n in CASTS else n for n in names]
        if layer.name in CASTS:
            layer.convolution_param.num_output = layer.inner_product_param.num_output
            layer.convolution_param.kernel_size.append(CASTS[layer.name])
            layer.ClearField("inner_product_param")
            layer.type, layer.name = "Convolution", f"{layer.name}-conv"
    return param


def test_caffenet_recipe(shared: Path, repo: Path) -> None:
    net = caffe.Net(str(repo / "models" / "caffenet" / "deploy.prototxt"), caffe.TEST)
    rng = np.random.RandomState(20160412)
    for weights, bias in net.params.values():
        fan_in = weights.count // weights.shape[0]
        weights.data[...] = rng.standard_normal(weights.shape) * np.sqrt(2 / fan_in)
        bias.data[...] = rng.standard_normal(bias.shape) * 0.1
    image = (rng.standard_normal((1, 3, 451, 451)) * 50).astype(np.float32)
    with np.load(shared / "goldens" / "nets" / "caffenet_recipe.npz") as golden:
        net.blobs["data"].reshape(1, 3, 227, 227)
        net.forward(data=image[:, :, :227, :227])
        for name in ("fc8", "prob", "pool5"):
            assert relative(net.blobs[name].data, golden[f"{name}_227"]) < 1e-5

        dense = caffe.Net(convolutional(net.param, 451), caffe.TEST)
        for name, row in net.params.items():
            target = dense.params[f"{name}-conv" if name in CASTS else name]
            for mine, theirs in zip(target, row):
                mine.share_data(theirs)
        prob = dense.forward(data=image)["prob"]
        pool5 = dense.blobs["pool5"].data.sum(axis=1)
        assert relative(pool5, golden["pool5_sum_451"]) < 1e-5
        assert relative(dense.blobs["fc8-conv"].data[:, ::10], golden["fc8_conv_451"]) < 1e-5
        np.testing.assert_allclose(prob[0, 282], np.squeeze(golden["prob_282_451"]), atol=1e-4)
        np.testing.assert_array_equal(prob[0].argmax(axis=0), np.squeeze(golden["argmax_451"]))


@pytest.mark.parametrize("size", [(227, 227), (451, 451), (360, 480)])
def test_squeezenet_on_the_cat(shared: Path, size: tuple[int, int]) -> None:
    """Stored pictures of the two larger sizes are float16, which shifts values a little."""
    folder = shared / "squeezenet"
    net = caffe.Net(
        str(folder / "deploy.prototxt"), str(folder / "squeezenet_v1.0.caffemodel"), caffe.TEST
    )
    key = f"{size[0]}x{size[1]}"
    with np.load(shared / "goldens" / "nets" / "squeezenet_cat.npz") as golden:
        net.blobs["data"].reshape(1, 3, *size)
        net.forward(data=golden[f"data_{key}"][None])
        conv = net.blobs["conv_final"].data[0]
        pool = net.blobs["pool_final"].data.ravel()
        assert relative(pool, golden[f"pool_final_{key}"]) < 1e-3
        assert relative(conv[281:286], golden[f"conv_final_281_285_{key}"]) < 1e-3
        differing = (conv.argmax(axis=0) != golden[f"argmax_{key}"]).sum()
        assert differing <= (3 if key == "451x451" else 0)


@pytest.mark.parametrize("size", [(227, 227), (451, 451), (360, 480)])
def test_squeezenet_from_the_picture(shared: Path, size: tuple[int, int]) -> None:
    from filterlab.caffe import io

    folder = shared / "squeezenet"
    net = caffe.Net(
        str(folder / "deploy.prototxt"), str(folder / "squeezenet_v1.0.caffemodel"), caffe.TEST
    )
    net.blobs["data"].reshape(1, 3, *size)
    transformer = io.Transformer({"data": net.blobs["data"].data.shape})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_mean("data", np.array([104, 117, 123]))
    transformer.set_raw_scale("data", 255)
    transformer.set_channel_swap("data", (2, 1, 0))
    picture = io.load_image(str(shared / "images" / "cat.jpg"))
    key = f"{size[0]}x{size[1]}"
    with np.load(shared / "goldens" / "nets" / "squeezenet_cat.npz") as golden:
        data = transformer.preprocess("data", picture)
        # 0.0625 is half a step of float16 at 128.
        np.testing.assert_allclose(data, golden[f"data_{key}"], atol=0.0625)
        net.forward(data=data[None])
        conv = net.blobs["conv_final"].data[0]
        assert relative(conv[281:286], golden[f"conv_final_281_285_{key}"]) < 1e-5
        np.testing.assert_array_equal(conv.argmax(axis=0), golden[f"argmax_{key}"])


def test_designer_filters(shared: Path) -> None:
    from filterlab.caffe import io

    folder = shared / "goldens" / "nets"
    net = caffe.Net(
        str(folder / "designer_filters.prototxt"),
        str(folder / "designer_filters.caffemodel"),
        caffe.TEST,
    )
    picture = io.load_image(str(shared / "images" / "cat_gray.jpg"), color=False)[:, :, 0] * 255
    net.blobs["data"].reshape(1, 1, *picture.shape)
    net.blobs["data"].data[...] = picture
    weights, bias = net.params["conv"]
    with np.load(folder / "designer_filters.npz") as golden:
        weights.data[...] = golden["start_weights"]
        bias.data[...] = 0
        net.forward()
        out = net.blobs["conv"].data
        np.testing.assert_allclose(out, golden["random_out"], atol=1e-4)
        bias.data[0] = 1
        net.forward()
        np.testing.assert_allclose(out[0, 0], golden["bias1_out0"], atol=1e-4)
        bias.data[0] = 0
        weights.data[...] = golden["designed_weights"]
        net.forward()
        np.testing.assert_allclose(out, golden["designed_out"], atol=1e-3)
