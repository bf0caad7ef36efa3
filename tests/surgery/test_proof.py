"""What a transplant says of itself, what it proves, and copies of it that are edited beside it."""

from __future__ import annotations

import csv
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.caffemodel import read_weights
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.surgery import onnx_export
from filterlab.surgery.doctor import Output, as_the_net_sees_it, examine
from filterlab.surgery.export import plain_cell, write_cell, write_csv
from filterlab.surgery.forward import run_dense
from filterlab.surgery.heatmap import ClassMaps, Preprocessing, as_picture, heatmap
from filterlab.surgery.onnx_export import export_onnx, natural_model, onnx_model
from filterlab.surgery.transplant import (
    Transplanted,
    check_prefix,
    finished,
    top_classes,
    transplant,
    transplant_job,
)


def _layer(name: str, kind: str, bottoms: str = "", tops: str = "", more: str = "") -> str:
    ends = "".join(f' bottom: "{b}"' for b in bottoms.split())
    ends += "".join(f' top: "{t}"' for t in (tops or name).split())
    return f'layer {{ name: "{name}" type: "{kind}"{ends} {more} }}\n'


def _data(channels: int, height: int, width: int, batch: int = 1) -> str:
    shape = f"dim: {batch} dim: {channels} dim: {height} dim: {width}"
    return _layer("data", "Input", more=f"input_param {{ shape {{ {shape} }} }}")


def _conv(name: str, bottom: str, count: int, k: int, more: str = "") -> str:
    inside = f'num_output: {count} kernel_size: {k} weight_filler {{ type: "msra" }} {more}'
    return _layer(name, "Convolution", bottom, more=f"convolution_param {{ {inside} }}")


def _fc(name: str, bottom: str, count: int, more: str = "") -> str:
    inside = f'num_output: {count} weight_filler {{ type: "msra" }} {more}'
    return _layer(name, "InnerProduct", bottom, more=f"inner_product_param {{ {inside} }}")


def _made(text: str, folder: Path) -> Path:
    (folder / "net.prototxt").write_text(text)
    return folder / "net.prototxt"


@pytest.fixture
def own(oblong_files: tuple[Path, Path]) -> Transplanted:
    return transplant(*oblong_files)


@pytest.fixture(scope="module")
def maps(oblong: Transplanted) -> ClassMaps:
    picture = np.random.default_rng(8).random((93, 118, 3)).astype(np.float32)
    return heatmap(oblong, picture, size=(31, 59))


# --- the proof


def test_steps_and_seconds_of_a_transplant(
    oblong_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that the first pass of a net moves by 3 seconds and the second by 5."""
    now, forward = [100.0], caffe.Net.forward
    takes = iter((3.0, 5.0))

    def slow(net: Any, *args: Any, **kw: Any) -> Any:
        now[0] += next(takes)
        return forward(net, *args, **kw)

    monkeypatch.setattr(caffe.Net, "forward", slow)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    seen: list[Progress] = []
    t = run_job(transplant_job(*oblong_files), seen.append)
    assert (t.check.seconds_before, t.check.seconds_after) == (3.0, 5.0)
    assert t.measured == ((19, 35), 5.0)
    assert {p.total for p in seen} == {6.0}
    told = [(str(p.step), p.done) for p in seen if str(p.step) != "read the weights"]
    assert told == [
        ("read the prototxt", 0),
        ("rewrite the layers", 2),
        ("proof: the classifier", 2.5),
        ("fc1 → fc1-conv", 3),
        ("fc2 → fc2-conv", 3.5),
        ("proof: the fully convolutional net", 5),
    ]
    reading = [p.done for p in seen if str(p.step) == "read the weights"]
    assert reading[0] == 1
    assert reading == sorted(reading)
    assert 1.5 < reading[-1] <= 2
    assert seen[-1].message == "1x3x19x35"
    assert seen[0].message == "net.prototxt"
    classes = list(t.check.top5_after)
    assert str(t.check) == (
        f"one 1x3x19x35 input in both nets: largest difference {t.check.largest_difference:.1e}, "
        f"five best {classes}: the same"
    )
    assert repr(t).startswith("<Transplanted net '")
    assert f" of 5 classes: one 1x3x19x35 input in both nets: largest difference {0:.0f}"[:50] in (
        repr(t)
    )


def test_of_a_map_each_class_counts_by_its_best_cell(tmp_path: Path) -> None:
    """Class k is k times the same value, of either sign over the cells: the last are the best."""
    prototxt = _made(_data(1, 5, 40) + _conv("c", "data", 8, 5), tmp_path)
    same = np.random.default_rng(3).standard_normal((1, 1, 5, 5)).astype(np.float32)
    weights = {"c": [np.concatenate([k * same for k in range(8)]), np.zeros(8, np.float32)]}
    t = transplant(prototxt, weights, activation="none")
    assert t.check.top5_before == t.check.top5_after == (7, 6, 5, 4, 3)
    assert t.check.agrees
    assert not t.probabilities
    assert t.geometry.cells(5, 40) == (1, 36)


def test_the_largest_values_first() -> None:
    values = np.array([[3.0, 9.0], [9.0, -1.0], [4.0, 8.0]])
    assert top_classes(values) == (1, 2, 5, 4, 0)
    assert top_classes(values, 2) == (1, 2)
    assert top_classes(values, 99) == (1, 2, 5, 4, 0, 3)


def test_what_only_the_dense_net_has_as_a_layer(oblong: Transplanted) -> None:
    plan = oblong.rewritten
    rng = np.random.default_rng(2)
    scores = (rng.standard_normal((3, 4, 5)) * 400).astype(np.float32)
    for axis in (0, 1, 2):
        whole = np.exp(scores.astype(np.longdouble) - 1000)
        wanted = (whole / whole.sum(axis=axis, keepdims=True)).astype(np.float64)
        found = finished(replace(plan, applied="softmax"), scores, axis)
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert found.dtype == np.float32
    far = finished(replace(plan, applied="softmax"), np.array([2000.0, 0.0, 2000.0], np.float32))
    assert far.tolist() == [0.5, 0.0, 0.5]
    small = scores / 100
    found = finished(replace(plan, applied="sigmoid"), small)
    np.testing.assert_allclose(found, 0.5 + 0.5 * np.tanh(small / 2), atol=1e-6)
    np.testing.assert_array_equal(finished(replace(plan, applied=""), scores), scores)


def test_layers_that_the_weights_do_not_have(oblong_files: tuple[Path, Path]) -> None:
    found = {name: list(blobs) for name, blobs in read_weights(str(oblong_files[1])).items()}
    some = {name: found[name] for name in ("c1", "fc2")}
    t = transplant(oblong_files[0], some)
    assert t.left == ("fc1",)
    assert t.files == (oblong_files[0],)
    assert "not in the weights file, so left as drawn: fc1" in t.account()
    assert transplant(*oblong_files).left == ()
    with pytest.raises(FilterLabError) as error:
        transplant(oblong_files[0], {"a": found["c1"], "b": [], "c": found["c1"]})
    assert str(error.value) == (
        "given: 0 of the net's 3 layers with weights are in this file (net: c1, fc1, fc2 …; "
        "file: a, c); give the weights that belong to it"
    )
    with pytest.raises(FilterLabError, match="file: none"):
        transplant(oblong_files[0], {})


def test_labels_of_a_loss_get_the_pictures_batch(tmp_path: Path) -> None:
    text = _data(2, 6, 7, 5) + _fc("fc", "data", 4)
    text += _layer("y", "Input", more="input_param { shape { dim: 5 } }")
    text += _layer("w", "Input", more="input_param { shape { dim: 3 dim: 5 } }")
    text += _layer("loss", "SoftmaxWithLoss", "fc y") + _layer("quiet", "Silence", "w", " ")
    t = transplant(_made(text, tmp_path), None)
    assert t.check.agrees
    shapes = {n: tuple(t.source.blobs[n].shape) for n in ("data", "y", "w")}
    assert shapes == {"data": (1, 2, 6, 7), "y": (1,), "w": (3, 5)}


def test_names_of_files_that_saving_takes(tmp_path: Path) -> None:
    assert check_prefix(tmp_path / "a.b") == tmp_path / "a.b"
    for wrong in (f"{tmp_path}/", "..", "", f"{tmp_path}/.."):
        with pytest.raises(FilterLabError, match="is no prefix of file names; give one such as"):
            check_prefix(wrong)
    with pytest.raises(FilterLabError, match="no folder"):
        check_prefix(tmp_path / "none" / "a")


# --- copies


@pytest.mark.parametrize("transposed", [False, True])
def test_a_copy_is_edited_beside_the_original(tmp_path: Path, transposed: bool) -> None:
    more = "transpose: true" if transposed else ""
    text = _data(1, 7, 8) + _conv("c", "data", 3, 3) + _fc("fc", "c", 4, more)
    text += _layer("prob", "Softmax", "fc")
    t = transplant(_made(text, tmp_path), None)
    data = np.random.default_rng(1).standard_normal((1, 1, 9, 11)).astype(np.float32)
    before = run_dense(t, data)[1]
    copy, double = t.separate(), t.double()
    np.testing.assert_array_equal(run_dense(copy, data)[1], before)
    copy.source.params["fc"][0].data[...] *= 2
    copy.source.params["fc"][1].data[...] = 1
    copy.follow()
    bias = t.source.params["fc"][1].data
    np.testing.assert_allclose(
        run_dense(copy, data)[1], 2 * (before - bias[:, None, None]) + 1, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_array_equal(run_dense(t, data)[1], before)
    t.source.params["c"][0].data[...] = 0
    t.follow()
    edited = run_dense(t, data)[1]
    assert np.abs(edited - before).max() > 0.01
    np.testing.assert_array_equal(run_dense(double, data)[1], edited)
    assert double.net is not t.net
    assert double.source is t.source


def test_what_stands_for_padding_follows_too(tmp_path: Path) -> None:
    text = _data(1, 7, 8) + _conv("c", "data", 3, 3) + _conv("last", "c", 4, 1, "pad: 1")
    text += _layer("r", "ReLU", "last", "last")
    text += _layer("end", "Pooling", "last", more="pooling_param { pool: AVE global_pooling: true "
                   "}")  # fmt: skip
    text += _layer("prob", "Softmax", "end")
    t = transplant(_made(text, tmp_path), None)
    t.source.params["last"][1].data[...] = (0.5, 1.5, -2, 3)
    t.follow()
    copy = t.separate()
    data = np.random.default_rng(1).standard_normal((1, 1, 9, 11)).astype(np.float32)
    for one in (t, copy):
        scores = run_dense(one, data)[1]
        for i, j in np.ndindex(3, 4):
            t.source.blobs["data"].reshape(1, 1, 7, 8)
            t.source.blobs["data"].data[...] = data[:, :, i : i + 7, j : j + 8]
            t.source.forward()
            plain = t.source.blobs["end"].data.reshape(-1)
            np.testing.assert_allclose(scores[:, i, j], plain, rtol=1e-4, atol=1e-5)
    copy.source.params["last"][1].data[...] = 9
    copy.follow()
    assert np.abs(run_dense(copy, data)[1] - run_dense(t, data)[1]).min() > 1


# --- said before


def _found(text: str, folder: Path, **choices: Any) -> Any:
    return examine(_made(text, folder), **choices)


HEADS = (
    _data(3, 8, 9)
    + _conv("c", "data", 4, 3)
    + _fc("one", "c", 5)
    + _layer("first", "Softmax", "one")
    + _fc("two", "c", 6)
    + _layer("second", "Sigmoid", "two")
    + _conv("map", "c", 2, 3)
)


def test_everything_that_is_found_of_several_outputs(tmp_path: Path) -> None:
    found = _found(HEADS, tmp_path)
    assert found.trouble == ""
    assert found.outputs == (
        Output("first", 5, (1, 1), "softmax"),
        Output("second", 6, (1, 1), "sigmoid"),
        Output("map", 2, (4, 5), "none"),
    )
    assert (found.output, found.values, found.kind) == ("first", 5, "classifier")
    assert (found.size, found.channels, found.declared_channels) == ((8, 9), 3, 3)
    assert found.inputs == (("data", (1, 3, 8, 9)),)
    assert found.activations == ("softmax", "sigmoid", "none")
    assert not found.fully_convolutional
    assert found.choices == {"output": "first", "activation": "softmax", "channels": None}
    assert str(found).splitlines() == [
        "a classifier of 5 classes",
        "it has 3 outputs (first, second, map); 'first' is taken",
    ]
    mapped = _found(HEADS, tmp_path, output="map")
    assert (mapped.kind, mapped.values) == ("mapper", 2)
    assert mapped.fully_convolutional
    assert str(mapped).splitlines() == [
        "a classifier of 2 classes",
        "it ends without a softmax; one is added",
        "it has 3 outputs (first, second, map); 'map' is taken",
        "at its own size it answers with a map of 5x4 cells already",
    ]
    raw = _found(HEADS, tmp_path, activation="none")
    assert (raw.kind, raw.activation, raw.output) == ("regression", "none", "first")
    t = transplant(tmp_path / "net.prototxt", None, **raw.choices)
    assert (t.classes, t.score) == (5, "one-conv"), "the output that is told is taken"
    both = HEADS.partition('layer { name: "map"')[0]
    assert _found(both, tmp_path, activation="sigmoid").output == "first"
    assert _found(both.replace('"Softmax"', '"Sigmoid"'), tmp_path).output == "second"
    last = both.replace('"Softmax"', '"Sigmoid"')
    assert _found(last, tmp_path, activation="none").output == "second"
    assert found.labels_trouble(5) == ""
    told = "the list has 0 names, but the net answers with 5 values; choose the list that belongs"
    assert found.labels_trouble(0) == f"{told} to it"


@pytest.mark.parametrize(
    ("end", "fully", "remark"),
    [
        (_conv("d", "c", 6, 6) + _layer("p", "Softmax", "d"), True, "it is fully convolutional al"),
        (_fc("d", "c", 6) + _layer("p", "Softmax", "d"), False, ""),
        (_layer("g", "Pooling", "c", more="pooling_param { pool: AVE global_pooling: true }")
         + _layer("p", "Softmax", "g"), False, ""),
        (_layer("g", "Pooling", "c", more="pooling_param { pool: AVE kernel_size: 6 }")
         + _layer("p", "Softmax", "g"), True, "it is fully convolutional already"),
    ],
)  # fmt: skip
def test_whether_anything_had_to_be_recast(
    tmp_path: Path, end: str, fully: bool, remark: str
) -> None:
    found = _found(_data(3, 8, 8) + _conv("c", "data", 4, 3) + end, tmp_path)
    assert found.fully_convolutional is fully
    assert found.kind == "classifier"
    assert ("fully convolutional" in str(found)) is fully
    assert remark in str(found)
    assert "outputs" not in str(found), "there is but one"


def test_factors_that_cannot_be_folded_stand_by_themselves(tmp_path: Path) -> None:
    """A scale of 1e-30 times a weight is no number of half precision: it stays beside it."""
    import onnxruntime

    text = _data(1, 5, 6) + _conv("c", "data", 2, 3)
    text += _layer("n", "BatchNorm", "c", "c")
    text += _layer("s", "Scale", "c", "c", "scale_param { bias_term: true }")
    text += _conv("d", "c", 2, 1)
    t = transplant(_made(text, tmp_path), None)
    nodes = []
    for scale in (2.0, 1e-30):
        for net in (t.source, t.net):
            mean, variance, count = net.params["n"]
            mean.data[...], variance.data[...], count.data[...] = (3, -1), (4, 0.25), 2
            net.params["s"][0].data[...] = scale
            net.params["s"][1].data[...] = (5, 7)
        model = onnx_model(t)
        nodes.append(len(model.graph.node))
        data = np.random.default_rng(1).standard_normal((1, 1, 5, 6)).astype(np.float32)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (found,) = session.run([t.score], {"data": data})
        np.testing.assert_allclose(found[0], run_dense(t, data)[1], rtol=1e-4, atol=1e-5)
    assert nodes[1] > nodes[0]


@pytest.mark.parametrize(("declared", "group"), [(1, 1), (3, 3), (1, 3)])
def test_the_channels_that_the_first_weights_are_for(
    tmp_path: Path, declared: int, group: int
) -> None:
    text = _data(3, 8, 8) + _conv("c", "data", 6, 3, f"group: {group}")
    text += _fc("fc", "c", 4) + _layer("prob", "Softmax", "fc")
    net = caffe.Net(str(_made(text, tmp_path)), caffe.TEST)
    net.save(str(tmp_path / "net.caffemodel"))
    other = text.replace("dim: 1 dim: 3 dim", f"dim: 1 dim: {declared} dim")
    found = examine(_made(other, tmp_path), tmp_path / "net.caffemodel")
    assert found.trouble == ""
    assert (found.channels, found.declared_channels) == (3, declared)
    assert found.choices["channels"] == (None if declared == 3 else 3)
    assert ("the weights are followed" in str(found)) == (declared != 3)


def test_a_picture_is_spread_over_the_whole_range() -> None:
    picture = np.random.default_rng(1).random((4, 5, 3)).astype(np.float32)
    for order in ("BGR", "RGB", "bgr"):
        seen = as_the_net_sees_it(picture, (4, 5), 3, Preprocessing((10.0, 20.0, 30.0), 100, order))
        wanted = picture * 100 - (30, 20, 10)
        assert (seen.low, seen.high) == pytest.approx((wanted.min(), wanted.max()), abs=1e-4)
        np.testing.assert_allclose(
            seen.image, (wanted - wanted.min()) / (wanted.max() - wanted.min()), atol=1e-5
        )
    flat = as_the_net_sees_it(np.ones((2, 2)), (2, 2), 1, Preprocessing((0, 0, 0), 7.0))
    assert (flat.low, flat.high, flat.image.max()) == (7.0, 7.0, 0.0)


def test_whole_numbers_and_transparency_of_a_picture() -> None:
    rng = np.random.default_rng(3)
    eight = rng.integers(0, 256, (3, 4, 4), np.uint8)
    np.testing.assert_allclose(as_picture(eight), eight[:, :, :3] / 255, atol=1e-7)
    sixteen = rng.integers(0, 65536, (3, 4, 1), np.uint16)
    np.testing.assert_allclose(as_picture(sixteen), sixteen[:, :, 0] / 65535, atol=1e-7)
    wide = rng.integers(0, 9, (3, 4), np.int64)
    np.testing.assert_array_equal(as_picture(wide), wide)
    for shape in ((3, 4, 2), (3, 4, 5), (4,), (1, 3, 4, 3), (0, 3, 3), (3, 0)):
        with pytest.raises(FilterLabError, match="cannot be shown to a net"):
            as_picture(np.zeros(shape))


# --- files


def test_a_cells_classes_as_a_table(maps: ClassMaps, tmp_path: Path) -> None:
    odd = replace(maps, prob=maps.prob.copy(), score=maps.score.copy())
    odd.prob[:, 2, 3] = (0.25, 0.5, 0.123456789, 0.25, 0)
    odd.score[:, 2, 3] = (1, -2, 3e-8, 4, 5)
    names = [SimpleNamespace(english=f"name {k}", foreign="x") for k in range(4)]
    with write_cell(tmp_path / "c.csv", odd, 2, 3, [*names, "=SUM(A1)"]).open() as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["index", "name", "probability", "score"],
        ["1", "name 1", "0.5", "-2"],
        ["0", "name 0", "0.25", "1"],
        ["3", "name 3", "0.25", "4"],
        ["2", "name 2", "0.123456791", f"{np.float32(3e-8):.9g}"],
        ["4", "'=SUM(A1)", "0", "5"],
    ]
    with write_cell(tmp_path / "c.csv", odd, 2, 3).open() as stream:
        assert [row[1] for row in csv.reader(stream)][1:] == [""] * 5
    with write_csv(tmp_path / "m.csv", odd, odd.prob[2]).open() as stream:
        found = list(csv.reader(stream))
    assert found[0] == "row col value centre_x centre_y x0 y0 x1 y1".split()
    assert found[1 + 2 * 5 + 3] == [
        "2", "3", "0.123456791", "71.00", "52.50", "36.00", "24.00", "106.00", "81.00",
    ]  # fmt: skip
    for text in ("=1", "+1", "-1", "@x", "\tx", "\rx", "\nx"):
        assert plain_cell(text) == "'" + text
    assert plain_cell("a=1") == "a=1"


def test_weights_that_no_onnx_file_holds(
    own: Transplanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two gigabytes, and a twentieth of that for all the rest."""
    size = 4 * sum(blob.count for row in own.net.params.values() for blob in row)
    assert onnx_export._LIMIT == 2**31 - 1
    monkeypatch.setattr(onnx_export, "_LIMIT", int(size / 0.95) + 9)
    assert onnx_model(own).graph.input[0].name == "data"
    monkeypatch.setattr(onnx_export, "_LIMIT", int(size / 0.95) - 9)
    with pytest.raises(FilterLabError, match="over 2 GB, more than one ONNX file can hold"):
        onnx_model(own)


def test_names_and_sizes_in_the_model(own: Transplanted, tmp_path: Path) -> None:
    model = onnx_model(own, (31, 59))
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"data": [1, 3, 31, 59], "prob": [1, 5, 4, 5], "fc2-conv": [1, 5, 4, 5]}
    assert model.producer_name == "filterlab"
    assert model.graph.name == own.param.name
    inside = {value.name: list(value.dims) for value in model.graph.initializer}
    assert inside["c1.weight"] == [4, 3, 5, 3]
    assert inside["fc1-conv.bias"] == [8]
    bare = natural_model(own.net, {"data": (1, 3, 19, 35)}, ["fc2-conv", "prob"], weights=False)
    assert [value.name for value in bare.graph.output] == ["fc2-conv", "prob"]
    assert "c1.weight" in {value.name for value in bare.graph.input}
    assert export_onnx(own, tmp_path / "a.onnx").read_bytes()[:2]
    own.net.params["fc2-conv"][1].data[1] = np.nan
    with pytest.raises(FilterLabError, match=r"b\.onnx: the ONNX model does not answer as the net"):
        export_onnx(own, tmp_path / "b.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["a.onnx"]
