"""The transplant: structure, shared weights, the proof, what is refused and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.caffemodel import read_weights
from filterlab.caffe.prototxt import format_net, parse_net, read_net
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.surgery.onnx_export import export_onnx
from filterlab.surgery.transplant import (
    Transplanted,
    _asked,
    _check_equivalence,
    transplant,
    transplant_job,
)


def _layers(param: Any) -> dict[str, Any]:
    return {layer.name: layer for layer in param.layer}


def _answers(net: Any, blob: str, output: str, data: np.ndarray) -> np.ndarray:
    net.blobs[blob].reshape(*data.shape)
    net.reshape()
    net.blobs[blob].data[...] = data
    net.forward()
    return net.blobs[output].data.copy()


def test_structure(thin: Transplanted) -> None:
    layers = _layers(thin.param)
    assert [layer.type for layer in thin.param.layer].count("InnerProduct") == 0
    assert list(layers)[-5:] == ["fc6-conv", "relu6", "drop6", "fc8-conv", "prob"]
    assert list(layers["fc6-conv"].convolution_param.kernel_size) == [6]
    assert list(layers["fc8-conv"].convolution_param.kernel_size) == [1]
    assert layers["fc6-conv"].bottom[0] == "pool5"
    assert list(layers["relu6"].bottom) == list(layers["relu6"].top) == ["fc6-conv"]
    assert layers["fc8-conv"].bottom[0] == "fc6-conv"
    assert layers["prob"].bottom[0] == "fc8-conv"
    assert layers["prob"].top[0] == "prob"
    assert list(layers["data"].input_param.shape[0].dim) == [1, 3, 227, 227]
    assert (thin.output, thin.score, thin.classes) == ("prob", "fc8-conv", 7)


def test_the_proof_notices_a_net_that_says_something_else(
    thin_files: tuple[Path, Path],
) -> None:
    t = transplant(*thin_files)
    other = t.net.snapshot()
    other.params["fc6-conv"][0].data[...] = other.params["fc6-conv"][0].data[..., ::-1]
    check = _check_equivalence(t.rewritten, _asked(t.source, t.rewritten), other)
    assert not check.agrees
    assert check.relative > 1e-3
    assert "NOT THE SAME" in str(check)


def test_weights_are_the_same_memory(thin_files: tuple[Path, Path]) -> None:
    t = transplant(*thin_files)
    for old, new in (("fc6", "fc6-conv"), ("fc8", "fc8-conv"), ("conv2", "conv2")):
        for i in (0, 1):
            assert np.shares_memory(t.source.params[old][i].data, t.net.params[new][i].data)
    assert t.net.params["fc6-conv"][0].data.shape == (16, 5, 6, 6)
    assert [str(c) for c in t.conversions] == [
        "fc6 (16, 180) -> fc6-conv (16, 5, 6, 6), same memory",
        "fc8 (7, 16) -> fc8-conv (7, 16, 1, 1), same memory",
    ]
    data = np.random.default_rng(0).standard_normal((1, 3, 227, 227)).astype(np.float32)
    t.source.params["fc8"][1].data[3] += 50
    assert _answers(t.net, "data", "prob", data)[0, :, 0, 0].argmax() == 3


def test_the_proof_is_what_it_says(thin: Transplanted) -> None:
    data = (np.random.default_rng(3).standard_normal((1, 3, 227, 227)) * 40).astype(np.float32)
    plain = _answers(thin.source, "data", "prob", data).reshape(-1)
    dense = _answers(thin.net, "data", "prob", data).reshape(-1)
    np.testing.assert_allclose(dense, plain, atol=1e-6)
    assert thin.check.agrees
    assert thin.check.largest_difference < 1e-5
    assert thin.check.relative < 1e-5
    assert thin.check.top5_before == thin.check.top5_after
    assert thin.check.input_shape == (1, 3, 227, 227)
    assert len(set(thin.check.top5_after)) == 5


def test_each_cell_is_the_classifier_on_its_window_where_nothing_pads(
    tmp_path: Path, thin_text: str, draw_weights: Any
) -> None:
    """Without padding inside the net, a cell is exactly its cut-out window's classification."""
    text = thin_text.replace("pad: 2 kernel_size: 5", "kernel_size: 1")
    text = text.replace("pad: 1 kernel_size: 3", "kernel_size: 1")
    t = transplant(*draw_weights(text, 5, tmp_path))
    data = (np.random.default_rng(1).standard_normal((1, 3, 291, 259)) * 40).astype(np.float32)
    dense = _answers(t.net, "data", "prob", data)[0]
    assert dense.shape == (7, 3, 2)
    for i in range(3):
        for j in range(2):
            x0, y0, x1, y1 = t.geometry.window(i, j)
            cut = np.ascontiguousarray(data[:, :, y0:y1, x0:x1])
            np.testing.assert_allclose(
                dense[:, i, j], _answers(t.source, "data", "prob", cut).reshape(-1), atol=1e-5
            )


def test_progress_names_every_step(thin_files: tuple[Path, Path]) -> None:
    seen: list[Progress] = []
    assert isinstance(run_job(transplant_job(*thin_files), seen.append), Transplanted)
    names = list(dict.fromkeys(p.step for p in seen))
    assert names[:3] == ["read the prototxt", "read the weights", "rewrite the layers"]
    assert "fc6 → fc6-conv" in names
    assert names[-1].startswith("proof")
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert all(0 <= p.fraction < 1 for p in seen)


def test_closing_the_job_at_every_step_leaves_nothing(thin_files: tuple[Path, Path]) -> None:
    steps = sum(1 for _ in transplant_job(*thin_files))
    for stop in range(1, steps + 1):
        job = transplant_job(*thin_files)
        for _ in range(stop):
            next(job)
        job.close()
        with pytest.raises(StopIteration):
            next(job)
    assert transplant(*thin_files).check.agrees


def test_saved_files_load_and_answer_the_same(thin: Transplanted, tmp_path: Path) -> None:
    prototxt, weights = thin.save(tmp_path / "thin.conv")
    assert prototxt.name == "thin.conv.prototxt"
    again = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    data = (np.random.default_rng(2).standard_normal((1, 3, 259, 300)) * 40).astype(np.float32)
    np.testing.assert_allclose(
        _answers(again, "data", "prob", data), _answers(thin.net, "data", "prob", data), atol=1e-6
    )
    assert read_weights(weights)["fc6-conv"][0].shape == (16, 5, 6, 6)
    with pytest.raises(FilterLabError, match="no folder"):
        thin.save(tmp_path / "nowhere" / "thin")


def test_what_it_was_read_from_is_never_written(
    thin_files: tuple[Path, Path], tmp_path: Path
) -> None:
    for path, name in zip(thin_files, ("net.prototxt", "net.caffemodel")):
        (tmp_path / name).write_bytes(path.read_bytes())
    done = transplant(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    before = (tmp_path / "net.prototxt").read_bytes()
    with pytest.raises(FilterLabError, match=r"own input, .*net\.prototxt, .*net\.caffemodel"):
        done.double().save(tmp_path / "net")
    with pytest.raises(FilterLabError, match="own input"):
        export_onnx(done, tmp_path / "net.caffemodel")
    assert (tmp_path / "net.prototxt").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.caffemodel", "net.prototxt"]
    assert done.save(tmp_path / "net.v2")[1] == tmp_path / "net.v2.caffemodel"


def test_the_diff_of_the_prototxts(thin: Transplanted) -> None:
    lines = list(thin.diff())
    before = [line for mark, line in lines if mark in " -"]
    after = [line for mark, line in lines if mark in " +"]
    assert parse_net("\n".join(before)) == thin.source_param
    assert parse_net("\n".join(after)) == thin.param
    assert ("-", '  type: "InnerProduct"') in lines
    assert ("+", "    kernel_size: 6") in lines


@pytest.mark.parametrize("generation", ["v0", "v1", "v2"])
def test_all_generations_transplant(shared: Path, generation: str) -> None:
    nets = shared / "goldens/nets"
    t = transplant(nets / f"small_{generation}.prototxt", nets / f"small_{generation}.caffemodel")
    golden = np.load(nets / "small.npz")
    dense = _answers(t.net, "data", "prob", golden["in_data"][:1])
    np.testing.assert_allclose(dense.reshape(-1), golden["out_prob"][0], atol=1e-4, rtol=1e-4)
    assert t.check.agrees


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("caffenet", ((227, 227), (300, 480))),
        ("alexnet", ((227, 227), (451, 230))),
        ("googlenet", ((224, 224), (260, 330))),
    ],
)
def test_published_architectures(repo: Path, name: str, shapes: Any) -> None:
    t = transplant(repo / "models" / name / "deploy.prototxt", None)
    assert t.check.agrees
    assert all(c.shares_memory for c in t.conversions if c.kind == "fc->conv")
    for height, width in shapes:
        t.net.blobs["data"].reshape(1, 3, height, width)
        t.net.reshape()
        assert t.net.blobs[t.output].shape[2:] == t.geometry.cells(height, width)


def test_a_net_of_vggs_shape(tmp_path: Path) -> None:
    """Sixteen layers and 224 -> 7x7 before fc6, at a fraction of the width."""
    text = _small("", 224).partition('layer { name: "conv"')[0]
    below = "data"
    for block, depth in enumerate((2, 2, 3, 3, 3), 1):
        for i in range(1, depth + 1):
            name = f"conv{block}_{i}"
            text += (
                f'layer {{ name: "{name}" type: "Convolution" bottom: "{below}" top: "{name}" '
                "convolution_param { num_output: 3 kernel_size: 3 pad: 1 weight_filler { type: "
                '"msra" } } }\n'
            )
            text += f'layer {{ name: "r{name}" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
            below = name
        text += (
            f'layer {{ name: "pool{block}" type: "Pooling" bottom: "{below}" top: "pool{block}" '
            "pooling_param { pool: MAX kernel_size: 2 stride: 2 } }\n"
        )
        below = f"pool{block}"
    text += _fc("fc6", "pool5") + _fc("fc7", "fc6") + _fc("fc8", "fc7", 9)
    path = tmp_path / "vgg.prototxt"
    path.write_text(text + 'layer { name: "p" type: "Softmax" bottom: "fc8" top: "p" }')
    t = transplant(path, None)
    assert t.check.agrees
    assert [c.new_shape[2:] for c in t.conversions] == [(7, 7), (1, 1), (1, 1)]
    assert (t.geometry.window_size, t.geometry.jump) == ((224, 224), (32, 32))
    t.net.blobs["data"].reshape(1, 3, 256, 352)
    t.net.reshape()
    assert t.net.blobs["p"].shape == (1, 9, 2, 5) == (1, 9, *t.geometry.cells(256, 352))


def test_a_global_pooling_at_the_end_slides_over_windows(repo: Path) -> None:
    t = transplant(repo / "models/squeezenet_v1.1/deploy.prototxt", None)
    assert [(c.old, c.kind) for c in t.conversions] == [("pool10", "pool->stride 1")]
    assert (t.score, t.output) == ("pool10", "prob")
    assert t.quick_method == "pooled"
    assert t.geometry.window_size == (227, 227)
    assert t.check.agrees
    t.net.blobs["data"].reshape(1, 3, 250, 333)
    t.net.reshape()
    assert t.net.blobs["prob"].shape[2:] == t.geometry.cells(250, 333)


def _small(middle: str, size: int = 24) -> str:
    return (
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 3 '
        f"dim: {size} dim: {size} }} }} }}\n"
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { '
        'num_output: 4 kernel_size: 5 stride: 2 weight_filler { type: "xavier" } } }\n' + middle
    )


def _fc(name: str, bottom: str, count: int = 6, more: str = "") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
        f'inner_product_param {{ num_output: {count} weight_filler {{ type: "xavier" }} {more} }} '
        "}\n"
    )


GLOBAL = 'layer { name: "gap" type: "Pooling" bottom: "conv" top: "gap" pooling_param { pool: AVE '
GLOBAL += "global_pooling: true } }\n"


@pytest.mark.parametrize(
    ("middle", "kinds"),
    [
        (GLOBAL + _fc("fc", "gap"), ["pool->stride 1", "fc->conv", "added"]),
        (
            'layer { name: "flat" type: "Flatten" bottom: "conv" top: "flat" }\n'
            + _fc("fc", "flat")
            + 'layer { name: "p" type: "Sigmoid" bottom: "fc" top: "p" }\n',
            ["flatten removed", "fc->conv"],
        ),
        (
            'layer { name: "r" type: "Reshape" bottom: "conv" top: "r" reshape_param { shape { '
            "dim: 0 dim: -1 } } }\n" + _fc("fc", "r", more="bias_term: false"),
            ["flatten removed", "fc->conv", "added"],
        ),
        (
            _fc("fc", "conv") + 'layer { name: "best" type: "ArgMax" bottom: "fc" top: "best" }\n',
            ["fc->conv", "removed", "added"],
        ),
        (
            _fc("a", "conv")
            + _fc("b", "conv")
            + 'layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }\n'
            + _fc("c", "sum"),
            ["fc->conv", "fc->conv", "fc->conv", "added"],
        ),
    ],
)
def test_other_shapes_of_classifiers(tmp_path: Path, middle: str, kinds: list[str]) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(_small(middle))
    t = transplant(path, None)
    assert [c.kind for c in t.conversions] == kinds
    assert t.check.agrees
    assert t.geometry.window_size == (24, 24)
    assert t.geometry.jump == (2, 2)
    assert t.geometry.cells(24, 28) == (1, 3)
    data = np.random.default_rng(9).standard_normal((1, 3, 24, 28)).astype(np.float32)
    dense = _answers(t.net, "data", t.score, data)[0]
    for j in range(3):
        cut = np.ascontiguousarray(data[..., 2 * j : 2 * j + 24])
        plain = _answers(t.source, "data", t.rewritten.plain_score, cut).reshape(-1)
        np.testing.assert_allclose(dense[:, 0, j], plain, atol=1e-5)


def test_transposed_weights_are_copied_rightly(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(_small(_fc("fc", "conv", more="transpose: true")))
    t = transplant(path, None)
    assert t.check.agrees
    assert not t.conversions[0].shares_memory


def test_names_that_are_taken_are_not_taken_twice(tmp_path: Path) -> None:
    taken = 'layer { name: "fc-conv" type: "ReLU" bottom: "conv" top: "fc-conv" }\n'
    path = tmp_path / "net.prototxt"
    path.write_text(_small(taken + _fc("fc", "fc-conv")))
    t = transplant(path, None)
    assert t.conversions[0].new == "fc-conv-conv"
    assert t.check.agrees


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        (
            'layer { name: "s" type: "SPP" bottom: "conv" top: "s" spp_param { pyramid_height: 2 '
            "} }\n" + _fc("fc", "s"),
            "'s' .*pyramid",
        ),
        (
            'layer { name: "r" type: "Reshape" bottom: "conv" top: "r" reshape_param { shape { '
            "dim: 0 dim: 8 dim: -1 } } }\n" + _fc("fc", "r"),
            "'r' .*mixes places and channels",
        ),
        (
            _fc("fc", "conv", more="axis: 2"),
            "'fc' .*axis is 2",
        ),
        (
            'layer { name: "f" type: "Flatten" bottom: "conv" top: "f" }\n'
            'layer { name: "c" type: "Concat" bottom: "f" bottom: "f" top: "c" }\n'
            + _fc("fc", "c"),
            "'c' .*laid in one line",
        ),
    ],
)
def test_what_cannot_be_transplanted_says_why(tmp_path: Path, middle: str, reason: str) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(_small(middle))
    with pytest.raises((FilterLabError, caffe.CaffeError), match=reason):
        transplant(path, None)


def test_a_net_without_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 9 } } }\n'
        + _fc("fc", "x")
    )
    with pytest.raises(FilterLabError, match="deploy prototxt"):
        transplant(path, None)


def test_nan_weights_are_one_sentence(shared: Path) -> None:
    nets, bad = shared / "goldens/nets", shared / "bad_inputs"
    with pytest.raises(FilterLabError, match="not finite: the weights of layer 'conv1'"):
        transplant(nets / "small_v2.prototxt", bad / "nan.caffemodel")


def test_weights_of_another_net_are_one_sentence(shared: Path) -> None:
    nets, bad = shared / "goldens/nets", shared / "bad_inputs"
    with pytest.raises(FilterLabError, match="0 of the net's 4 layers"):
        transplant(nets / "small_v2.prototxt", bad / "no_common_layers.caffemodel")


@pytest.mark.parametrize(
    "name",
    [
        "truncated.caffemodel",
        "empty.caffemodel",
        "text_as.caffemodel",
        "random.caffemodel",
        "wrong_shape.caffemodel",
        "short_data.caffemodel",
        "huge_shape.caffemodel",
        "negative_shape.caffemodel",
    ],
)
def test_bad_weights(shared: Path, name: str) -> None:
    with pytest.raises(caffe.CaffeError, match=name.replace(".", r"\.")):
        transplant(shared / "goldens/nets/small_v2.prototxt", shared / "bad_inputs" / name)


def test_full_size_caffenet_against_bvlc(repo: Path, shared: Path) -> None:
    """Weights from the recipe of the reference: the dense part at 451x451."""
    golden = np.load(shared / "goldens/nets/caffenet_recipe.npz")
    prototxt = repo / "models/caffenet/deploy.prototxt"
    rng = np.random.RandomState(20160412)
    weights: dict[str, list[np.ndarray]] = {}
    net = caffe.Net(str(prototxt), caffe.TEST)
    for name, blobs in net.params.items():
        shape = blobs[0].shape
        scale = np.sqrt(2 / np.prod(shape[1:]))
        weights[name] = [
            (rng.standard_normal(shape) * scale).astype(np.float32),
            (rng.standard_normal(blobs[1].shape) * 0.1).astype(np.float32),
        ]
    data = (rng.standard_normal((1, 3, 451, 451)) * 50).astype(np.float32)
    t = transplant(prototxt, weights)
    assert t.check.agrees
    prob = _answers(t.net, "data", "prob", data)
    score = t.net.blobs["fc8-conv"].data[:, ::10]
    largest = np.abs(golden["fc8_conv_451"]).max()
    assert np.abs(score - golden["fc8_conv_451"]).max() < 1e-3 * largest
    assert np.abs(prob[:, 282] - golden["prob_282_451"]).max() < 1e-3
    assert (t.net.blobs["fc8-conv"].data[0].argmax(0) == golden["argmax_451"]).all()
    pool5 = t.net.blobs["pool5"].data.sum(axis=1)
    assert np.abs(pool5 - golden["pool5_sum_451"]).max() < 1e-3 * golden["pool5_sum_451"].max()
    assert _layers(read_net(prototxt))["fc6"].type == "InnerProduct"


def test_a_net_that_is_handed_its_pictures(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        'layer { name: "x" type: "MemoryData" top: "x" top: "label" memory_data_param { '
        "batch_size: 1 channels: 3 height: 8 width: 8 } }\n" + _fc("fc", "x")
    )
    with pytest.raises(FilterLabError, match=r"'x' \(MemoryData\).*deploy\.prototxt"):
        transplant(path, None)


def test_the_onnx_model_is_the_graph_that_one_would_write(tmp_path: Path) -> None:
    """Batch normalizations folded, operations of ONNX's own, no reshapes of weights."""
    import onnx
    import onnxruntime

    conv = "convolution_param { num_output: 8 kernel_size: 3 bias_term: %s weight_filler { type: 'xavier' } }"  # noqa: E501
    norm = "layer { name: 'n%d' type: 'BatchNorm' bottom: '%s' top: '%s' }"
    scale = (
        "layer { name: 's%d' type: 'Scale' bottom: '%s' top: '%s' scale_param { bias_term: true } }"
    )
    text = f"""
        layer {{ name: 'data' type: 'Input' top: 'data'
          input_param {{ shape {{ dim: 1 dim: 3 dim: 12 dim: 12 }} }} }}
        layer {{ name: 'a' type: 'Convolution' bottom: 'data' top: 'a' {conv % "false"} }}
        {norm % (1, "a", "a")} {scale % (1, "a", "a")}
        layer {{ name: 'relu' type: 'ReLU' bottom: 'a' top: 'a' }}
        layer {{ name: 'b' type: 'Convolution' bottom: 'a' top: 'b' {conv % "true"} }}
        layer {{ name: 'join' type: 'Concat' bottom: 'b' bottom: 'b' top: 'join' }}
        {norm % (2, "join", "m")} {scale % (2, "m", "m")}
        layer {{ name: 'six' type: 'ReLU6' bottom: 'm' top: 'm' }}
        layer {{ name: 'fc' type: 'InnerProduct' bottom: 'm' top: 'fc'
          inner_product_param {{ num_output: 5 weight_filler {{ type: 'xavier' }} }} }}
        layer {{ name: 'prob' type: 'Softmax' bottom: 'fc' top: 'prob' }}"""
    net = caffe.Net(parse_net(text), caffe.TEST)
    rng = np.random.default_rng(4)
    for name in ("n1", "n2"):
        mean, variance, factor = (blob.data for blob in net.params[name])
        mean[...], variance[...] = rng.standard_normal(mean.shape), rng.random(mean.shape) + 0.5
        factor[...] = 2
    (tmp_path / "net.prototxt").write_text(format_net(net.param), encoding="utf-8")
    net.save(tmp_path / "net.caffemodel")
    t = transplant(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    written = export_onnx(t, tmp_path / "net.onnx", (20, 16))
    model = onnx.load_model(written)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["Conv", "Relu", "Conv", "Concat", "BatchNormalization", "Clip", "Conv",
                     "Softmax"]  # fmt: skip
    assert all(not node.domain for node in model.graph.node)
    data = rng.standard_normal((1, 3, 20, 16)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(written), providers=["CPUExecutionProvider"])
    found = session.run(["prob"], {"data": data})[0]
    net.eager = True
    np.testing.assert_allclose(found, _answers(t.net, "data", "prob", data), atol=1e-5)
    where = session.run(["prob"], {"data": data})[0][0, :, 0, 0]
    net.forward(data=data[:, :, :12, :12])
    np.testing.assert_allclose(where, net.blobs["prob"].data[0], atol=1e-5)
