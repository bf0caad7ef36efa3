"""Any net as ONNX: names, free sizes, opsets, preprocessing; run by ONNX Runtime itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.cli import main
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery import net_export
from filterlab.surgery.heatmap import Preprocessing
from filterlab.surgery.net_export import export_net_job, free_axes
from filterlab.zoo import catalogue

HEAD = """
name: "made"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 24 dim: 30 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 5 kernel_size: 3 pad: 1 stride: 2 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "norm" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
"""  # noqa: E501
GLOBAL = (
    HEAD
    + """
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "score" type: "InnerProduct" bottom: "pool" top: "score"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }
"""  # noqa: E501
)
FLAT = (
    HEAD
    + """
layer { name: "score" type: "InnerProduct" bottom: "conv" top: "score"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" std: 0.1 } } }
"""
)
# The last window of this pooling hangs over the edge or not, as the size wants it.
POOLED = (
    HEAD
    + """
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
"""  # noqa: E501
)
FULL = (
    HEAD
    + """
layer { name: "map" type: "Convolution" bottom: "conv" top: "map"
  convolution_param { num_output: 2 kernel_size: 1 weight_filler { type: "gaussian" std: 1 } } }
"""
)


def _net(text: str) -> Any:
    net = caffe.Net(parse_net(text), caffe.TEST)
    net.params["norm"][0].data[...] = 0.3
    net.params["norm"][1].data[...] = 2
    net.params["norm"][2].data[...] = 1
    return net


def _run(path: Path, **given: Any) -> Any:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


@pytest.mark.parametrize(
    ("text", "free", "dims"),
    [
        (GLOBAL, ("batch", "height", "width"), ("batch", 4)),
        (FLAT, ("batch",), ("batch", 4)),
        (POOLED, ("batch",), ("batch", 5, 6, 7)),
        (FULL, ("batch", "height", "width"), ("batch", 2, "map_rows", "map_cols")),
    ],
    ids=["global", "flat", "pooled", "full"],
)
def test_sizes_are_free_where_the_net_allows(
    text: str, free: Any, dims: Any, tmp_path: Path, rng: Any
) -> None:
    net = _net(text)
    path = tmp_path / "net.onnx"
    done = run_job(export_net_job(net, path))
    assert done.free == free
    (found,) = done.outputs.values()
    assert found == dims
    assert len(done.checked) == 2
    # At a size that was not among those it was checked at.
    size = (3, 3, 41, 26) if "height" in free else (3, 3, 24, 30)
    data = rng.standard_normal(size).astype(np.float32)
    net.blobs["data"].reshape(*size)
    net.reshape()
    net.blobs["data"].data[...] = data
    (expected,) = net.forward().values()
    answer = _run(path, data=data)
    assert answer.shape == expected.shape
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


def test_names_are_kept(tmp_path: Path) -> None:
    net = _net(GLOBAL)
    run_job(export_net_job(net, tmp_path / "net.onnx", outputs=["prob", "score"]))
    model = onnx.load(tmp_path / "net.onnx")
    assert model.graph.name == "made"
    assert [v.name for v in model.graph.input] == ["data"]
    assert [v.name for v in model.graph.output] == ["prob", "score"]
    weights = {w.name: onnx.numpy_helper.to_array(w) for w in model.graph.initializer}
    np.testing.assert_array_equal(weights["score.weight"], net.params["score"][0].data)
    layers = {node.name.split("#")[0] for node in model.graph.node}
    assert {"conv", "relu", "pool", "score", "prob"} <= layers


@pytest.mark.parametrize("opset", [14, 15, 18, 21])
def test_opset(opset: int, tmp_path: Path, rng: Any) -> None:
    net = _net(GLOBAL)
    run_job(export_net_job(net, tmp_path / "net.onnx", opset=opset))
    model = onnx.load(tmp_path / "net.onnx")
    assert [o.version for o in model.opset_import if not o.domain] == [opset]
    data = rng.standard_normal((1, 3, 24, 30)).astype(np.float32)
    net.blobs["data"].data[...] = data
    expected = net.forward()["prob"]
    np.testing.assert_allclose(_run(tmp_path / "net.onnx", data=data), expected, rtol=1e-4)


@pytest.mark.parametrize("order", ["BGR", "RGB"])
def test_preprocessing_inside(order: str, tmp_path: Path, rng: Any) -> None:
    net = _net(GLOBAL)
    how = Preprocessing((104.0, 117.0, 123.0), 255.0, order)
    done = run_job(export_net_job(net, tmp_path / "net.onnx", preprocessing=how))
    assert done.inputs == {"image": ("batch", "height", "width", 3)}
    image = rng.integers(0, 256, (24, 30, 3), np.uint8)
    values = image[:, :, ::-1].astype(np.float32) - np.array([104, 117, 123], np.float32)
    values = values if order == "BGR" else values[:, :, ::-1]
    net.blobs["data"].data[...] = values.transpose(2, 0, 1)
    expected = net.forward()["prob"]
    np.testing.assert_allclose(
        _run(tmp_path / "net.onnx", image=image[None]), expected, rtol=1e-3, atol=1e-5
    )


def test_a_model_that_answers_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = net_export.natural_model

    def spoilt(*args: Any, **kwargs: Any) -> Any:
        model = plain(*args, **kwargs)
        for weight in model.graph.initializer:
            if weight.name == "score.weight":
                array = onnx.numpy_helper.to_array(weight).copy()
                array[0, 0] += 1
                weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
        return model

    monkeypatch.setattr(net_export, "natural_model", spoilt)
    path = tmp_path / "net.onnx"
    with pytest.raises(FilterLabError, match="does not answer as the net does; not written"):
        run_job(export_net_job(_net(GLOBAL), path))
    assert not path.exists()
    assert not list(tmp_path.iterdir())


def test_the_net_is_left_as_it_is() -> None:
    net = _net(FULL)
    net.blobs["data"].data[...] = 1
    net.forward()
    before = net.blobs["map"].data.copy()
    assert set(free_axes(net)) == {0, 2, 3}
    assert net.blobs["data"].shape == (1, 3, 24, 30)
    np.testing.assert_array_equal(net.blobs["map"].data, before)


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    net = _net(FLAT)
    for match, path, choices in (
        ("there is no folder", tmp_path / "no" / "net.onnx", {}),
        ("opset 3: must lie between 14 and 22", tmp_path / "net.onnx", {"opset": 3}),
        ("no blob 'nothing'", tmp_path / "net.onnx", {"outputs": ["nothing"]}),
        ("overwrite its own input", Path(__file__), {"spared": [Path(__file__)]}),
    ):
        with pytest.raises(FilterLabError, match=match):
            run_job(export_net_job(net, path, **choices))
    net.params["score"][0].data[0] = np.nan
    with pytest.raises(FilterLabError, match="the weights of layer 'score' hold NaN"):
        run_job(export_net_job(net, tmp_path / "net.onnx"))
    assert not list(tmp_path.iterdir())


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = catalogue.get("pocket")
    path = tmp_path / "pocket.onnx"
    files = [str(model.prototxt), str(model.need_weights())]
    assert main(["export", *files, "--onnx", str(path)]) == 0
    out = capsys.readouterr().out
    assert "input   data  batch x 3 x 227 x 227" in out
    assert "free: batch; fixed: height, width" in out
    net = caffe.Net(*files, caffe.TEST)
    data = np.random.default_rng(1).standard_normal(net.blobs["data"].shape).astype(np.float32)
    net.blobs["data"].data[...] = data * 40
    expected = net.forward()["prob"]
    np.testing.assert_allclose(_run(path, data=data * 40), expected, atol=1e-5)
    assert main(["export", files[0], "--onnx", str(path)]) == 2
    assert "give PROTOTXT WEIGHTS --onnx FILE" in capsys.readouterr().err
    assert main(["export", *files, "--onnx", files[1]]) == 2
    assert "overwrite its own input" in capsys.readouterr().err


_OTHER = """
name: "other"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "mine" type: "Convolution" bottom: "data" top: "mine"
  convolution_param { num_output: 2 kernel_size: 3 } }
"""


@pytest.mark.parametrize("command", ["export", "ablate"])
def test_weights_of_another_net_are_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No layer in common: the net would be what was drawn at random."""
    prototxt = tmp_path / "other.prototxt"
    prototxt.write_text(_OTHER)
    weights = str(catalogue.get("pocket").need_weights())
    out = tmp_path / "other.onnx"
    more = {
        "export": ["--onnx", str(out)],
        "ablate": ["chelsea", "--layer", "mine", "--unit", "0"],
    }[command]
    assert main([command, str(prototxt), weights, *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"filterlab: error: {weights}: none of the net's layers is in this")
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(("batch", "told"), [(1, "batch"), (3, 3), (24, 24), (30, 30)])
def test_another_inputs_size_is_its_own(batch: int, told: Any, tmp_path: Path) -> None:
    """It shares the batch where it has the picture's, and never height and width."""
    text = FULL + (
        'layer { name: "extra" type: "Input" top: "extra" '
        f"input_param {{ shape {{ dim: {batch} dim: 5 dim: 24 dim: 30 }} }} }}"
        'layer { name: "side" type: "ReLU" bottom: "extra" top: "side" }'
    )
    net = _net(text)
    run_job(export_net_job(net, tmp_path / "net.onnx", outputs=["map", "side"]))
    model = onnx.load(tmp_path / "net.onnx")
    dims = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    assert dims["data"] == ["batch", 3, "height", "width"]
    assert dims["extra"] == [told, 5, 24, 30]
    free = free_axes(net, ["map", "side"])
    assert sorted(free) == [0, 2, 3]
    for axis, shape in free.items():
        changed = [i for i, (a, b) in enumerate(zip(shape, (1, 3, 24, 30))) if a != b]
        assert changed == [axis]
