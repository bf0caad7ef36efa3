"""Own models: found from any one of their files, remembered with what the user chose."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe, paths
from filterlab.caffe.proto import caffe_pb2
from filterlab.errors import FilterLabError
from filterlab.zoo import catalogue
from filterlab.zoo.means import read_mean
from filterlab.zoo.own_models import Found, forget, look, own_models, recall, remember

NET = """
name: "{name}"
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 1 dim: {channels} dim: 12 dim: 10 }} }} }}
layer {{ name: "{prefix}conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 2 kernel_size: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "{prefix}fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param {{ num_output: {classes} weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "fc" top: "prob" }}
"""

Write = Callable[..., tuple[Path, Path]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a net's prototxt and caffemodel; returns both paths."""

    def write(
        prototxt: str, weights: str, prefix: str = "", classes: int = 4, channels: int = 3
    ) -> tuple[Path, Path]:
        path = tmp_path / prototxt
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            NET.format(name=prototxt, prefix=prefix, classes=classes, channels=channels)
        )
        target = tmp_path / weights
        target.parent.mkdir(parents=True, exist_ok=True)
        caffe.Net(str(path), caffe.TEST).save(str(target))
        return path, target

    return write


def pair(found: Found) -> tuple[Path | None, Path | None]:
    return found.prototxt, found.weights


@pytest.mark.parametrize("given", ["prototxt", "weights", "folder"])
def test_a_pair_is_found_from_either_or_its_folder(
    write: Write, tmp_path: Path, given: str
) -> None:
    files = write("deploy.prototxt", "猫.caffemodel")
    (tmp_path / "solver.prototxt").write_text('net: "train_val.prototxt"\n')
    path = {"prototxt": files[0], "weights": files[1], "folder": tmp_path}[given]
    found = look(path)
    assert pair(found) == files
    assert (found.classes, found.channels, found.input_size) == (4, 3, (12, 10))


def test_layers_decide_among_several(write: Write) -> None:
    """File names tell nothing here; the layers' names do."""
    a = write("a.prototxt", "1.caffemodel", prefix="a_")
    b = write("b.prototxt", "2.caffemodel", prefix="b_")
    assert pair(look(a[0])) == a
    assert pair(look(b[0])) == b
    assert pair(look(a[1])) == a
    assert pair(look(b[1])) == b
    assert look(a[1]).other_prototxts == ()


def test_names_decide_among_equals(write: Write) -> None:
    old = write("deploy.prototxt", "snapshot_iter_1000.caffemodel")[1]
    mine = write("pets_deploy.prototxt", "pets.caffemodel")
    assert look(mine[0]).weights == mine[1]
    assert look(mine[0]).other_weights == (old,)
    assert look(mine[1]).prototxt == mine[0]


def test_the_newest_snapshot_is_taken(write: Write) -> None:
    prototxt, first = write("deploy.prototxt", "x_iter_1000.caffemodel")
    _, second = write("deploy.prototxt", "x_iter_2000.caffemodel")
    os.utime(first, (1000, 1000))
    assert look(prototxt).weights == second
    os.utime(second, (10, 10))
    assert look(prototxt).weights == first


def test_deploy_is_preferred_to_train(write: Write) -> None:
    write("train_val.prototxt", "net.caffemodel")
    deploy, weights = write("z_deploy.prototxt", "net.caffemodel")
    assert look(weights).prototxt == deploy
    assert look(weights.parent).prototxt == deploy


def test_weights_of_another_net_are_not_taken(write: Write, tmp_path: Path) -> None:
    write("other/deploy.prototxt", "net.caffemodel", prefix="other_")
    prototxt, weights = write("deploy.prototxt", "gone.caffemodel")
    weights.unlink()
    found = look(prototxt)
    assert found.weights is None
    assert found.missing[0] == "weights"
    with pytest.raises(FilterLabError, match="its caffemodel is missing: choose it too"):
        found.model()
    (tmp_path / "net.caffemodel").rename(tmp_path / "other" / "w.caffemodel")
    prototxt.unlink()
    (tmp_path / "other" / "deploy.prototxt").unlink()
    found = look(tmp_path / "other" / "w.caffemodel")
    assert found.missing[0] == "prototxt"
    with pytest.raises(FilterLabError, match="its prototxt is missing"):
        found.model()


def test_labels_and_mean_beside_it(write: Write) -> None:
    prototxt, _ = write("deploy.prototxt", "net.caffemodel")
    (prototxt.parent / "labels_old.txt").write_text("a\nb\n")
    (prototxt.parent / "synset_words.txt").write_text("cat\ndog\nhorse\ncow\n")
    mean = np.empty((3, 4, 5), np.float32)
    mean[:] = np.array([10, 20, 30], np.float32)[:, None, None]
    np.save(prototxt.parent / "pets_mean.npy", mean)
    found = look(prototxt)
    assert found.labels_path == prototxt.parent / "synset_words.txt"
    assert found.mean_bgr == (10.0, 20.0, 30.0)
    assert found.missing == ()
    model = found.model()
    assert model.labels.display(2) == "2 horse"
    assert model.input_size == (12, 10)
    assert model.ready
    assert model.title == prototxt.parent.name, "net and deploy say nothing"


def test_what_is_missing_has_defaults_and_is_said(write: Write) -> None:
    prototxt, _ = write("deploy.prototxt", "net.caffemodel")
    (prototxt.parent / "labels.txt").write_text("a\nb\n")
    found = look(prototxt)
    assert found.missing == ("labels", "mean")
    assert (found.mean_bgr, found.scale, found.order) == (
        (104.007, 116.669, 122.679),
        255.0,
        "BGR",
    )
    assert any("labels.txt names 2 classes, but the net has 4" in note for note in found.notes)
    assert any("usual ImageNet mean" in note for note in found.notes)
    assert str(found.model().labels[3]) == "3 class 3"


def test_a_thousand_outputs_are_imagenet(write: Write) -> None:
    prototxt, _ = write("deploy.prototxt", "net.caffemodel", classes=1000)
    found = look(prototxt)
    assert found.missing == ("mean",)
    assert found.model().labels.find("tiger cat").index == 282


def test_remembered_with_its_choices(write: Write, tmp_path: Path) -> None:
    prototxt, weights = write("pets.prototxt", "pets.caffemodel")
    names = tmp_path / "my.csv"
    names.write_text("cat\ndog\nhorse\ncow\n")
    model = look(prototxt).model("My pets")
    remember(replace(model, mean_bgr=(1.0, 2.0, 3.0), order="RGB", scale=1.0, labels_path=names))
    assert [m.title for m in own_models()] == ["My pets"]
    for path in (prototxt, weights):
        known = recall(path)
        assert known is not None
        assert (known.mean_bgr, known.order, known.scale) == ((1.0, 2.0, 3.0), "RGB", 1.0)
        found = look(path)
        assert pair(found) == (prototxt, weights)
        assert (found.mean_bgr, found.order, found.scale) == ((1.0, 2.0, 3.0), "RGB", 1.0)
        assert found.labels_path == names
    assert catalogue.get("my-pets").labels.display(0) == "0 cat"
    remember(replace(model, title="Pets"))
    assert [m.title for m in own_models()] == ["Pets"], "opened again, it is still one model"
    forget(model)
    assert own_models() == []
    assert recall(prototxt) is None
    assert weights.is_file()


def test_names_stay_apart(write: Write) -> None:
    a = look(write("a/deploy.prototxt", "a/caffenet.caffemodel")[0]).model("caffenet")
    b = look(write("b/deploy.prototxt", "b/caffenet.caffemodel")[0]).model("caffenet")
    assert remember(a).name == "caffenet-2"
    assert remember(b).name == "caffenet-3"
    assert remember(a).name == "caffenet-2", "the same model keeps its name"
    assert [m.name for m in own_models()] == ["caffenet-2", "caffenet-3"]
    assert catalogue.get("caffenet").kind == "download"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', '[{"name": "x"}]', "null"])
def test_a_spoilt_memory_is_as_none(text: str) -> None:
    path = paths.data_dir() / "own_models.json"
    path.write_text(text)
    assert own_models() == []


def test_a_memory_that_cannot_be_written(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    model = look(write("deploy.prototxt", "net.caffemodel")[0]).model()
    (paths.data_dir() / "file").write_bytes(b"")
    monkeypatch.setenv("FILTERLAB_DATA", str(paths.data_dir() / "file" / "sub"))
    with pytest.raises(FilterLabError, match="cannot remember"):
        remember(model)


def test_memory_is_readable(write: Write) -> None:
    remember(look(write("deploy.prototxt", "猫.caffemodel")[0]).model("猫"))
    text = (paths.data_dir() / "own_models.json").read_text(encoding="utf-8")
    assert json.loads(text)[0]["title"] == "猫"
    assert "猫" in text


@pytest.mark.parametrize("name", ["none.prototxt", "picture.png"])
def test_not_a_model(tmp_path: Path, name: str) -> None:
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(FilterLabError, match=r"no such file|neither a prototxt nor"):
        look(tmp_path / name)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match="no prototxt and no caffemodel"):
        look(tmp_path)


def test_a_broken_prototxt_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "deploy.prototxt"
    path.write_text('layer { name: "a"')
    with pytest.raises(caffe.CaffeError, match=r"deploy\.prototxt"):
        look(path)


def binaryproto(path: Path, values: np.ndarray, old: bool) -> Path:
    proto = caffe_pb2.BlobProto()
    if old:
        proto.num, proto.channels, proto.height, proto.width = 1, *values.shape
    else:
        proto.shape.dim.extend(values.shape)
    proto.data.extend(values.ravel().tolist())
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("old", [True, False])
def test_mean_images_are_averaged(tmp_path: Path, old: bool) -> None:
    image = np.random.default_rng(1).uniform(90, 130, (3, 6, 7)).astype(np.float32)
    expected = image.astype(np.float64).reshape(3, -1).mean(axis=1)
    path = binaryproto(tmp_path / "mean.binaryproto", image, old)
    assert read_mean(path) == pytest.approx(tuple(expected))
    np.save(tmp_path / "hwc.npy", image.transpose(1, 2, 0))
    assert read_mean(tmp_path / "hwc.npy") == pytest.approx(tuple(expected))
    grey = binaryproto(tmp_path / "grey.binaryproto", image[:1], old)
    assert read_mean(grey) == pytest.approx((expected[0],) * 3)


@pytest.mark.parametrize(
    ("text", "mean"),
    [("104.007, 116.669, 122.679", (104.007, 116.669, 122.679)), ("33", (33, 33, 33))],
)
def test_mean_as_text(tmp_path: Path, text: str, mean: tuple[float, ...]) -> None:
    (tmp_path / "mean.txt").write_text(text)
    assert read_mean(tmp_path / "mean.txt") == mean


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("mean.txt", b"one two three"),
        ("mean.txt", b"1 2"),
        ("mean.txt", b"nan 1 2"),
        ("mean.txt", b"\xff\xfe"),
        ("mean.npy", b"no array"),
        ("mean.npy", b""),
        ("mean.binaryproto", b"\xff\xff\xff\xff"),
        ("mean.binaryproto", b""),
    ],
)
def test_bad_means(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FilterLabError) as caught:
        read_mean(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_pickle_is_never_run(shared: Path) -> None:
    with pytest.raises(FilterLabError, match=r"pickled\.npy"):
        read_mean(shared / "bad_inputs" / "pickled.npy")


@pytest.mark.parametrize("length", [None, 0])
def test_an_own_model_whose_weights_are_gone_says_what_to_do(
    write: Write, length: int | None
) -> None:
    prototxt, weights = write("deploy.prototxt", "net.caffemodel")
    model = look(prototxt).model("mine")
    weights.unlink()
    if length is not None:
        weights.write_bytes(b"")
    with pytest.raises(FilterLabError, match=r"net\.caffemodel.*put the file back") as error:
        model.need_weights()
    assert "models get" not in str(error.value)


@pytest.mark.parametrize("given", ["prototxt", "weights", "folder"])
def test_looking_is_quiet_and_opening_is_not(write: Write, tmp_path: Path, given: str) -> None:
    prototxt, weights = write("deploy.prototxt", "net.caffemodel")
    for path in (prototxt, tmp_path / "other.prototxt"):
        path.write_text(NET.format(name="x", prefix="", classes=4, channels=3) + "no_such: 1\n")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        found = look({"prototxt": prototxt, "weights": weights, "folder": tmp_path}[given])
    assert pair(found) == (prototxt, weights)
    assert [str(warning.message) for warning in heard] == []
    with pytest.warns(caffe.CaffeWarning, match="no_such"):
        caffe.Net(str(prototxt), str(weights), caffe.TEST)


@pytest.mark.parametrize(
    "odd",
    [
        {"mean_bgr": [10**400, 1, 1]},
        {"input_size": [float("inf"), 227]},
        {"scale": float("nan")},
        {"prototxt": "\ud800.prototxt"},
        {"weights": "a\0b"},
        {"labels": 7},
    ],
)
def test_an_odd_entry_costs_only_itself(write: Write, odd: dict[str, Any]) -> None:
    model = look(write("a.prototxt", "a.caffemodel")[0]).model()
    kept = remember(model)
    store = paths.data_dir() / "own_models.json"
    entries = json.loads(store.read_text("utf-8"))
    store.write_text(json.dumps([{**entries[0], **odd}, *entries]), "utf-8")
    before = store.read_bytes()
    assert [model.name for model in own_models()] == [kept.name]
    remember(model)
    assert store.with_name("own_models.json.damaged").read_bytes() == before
    assert len(json.loads(store.read_text("utf-8"))) == 1


def test_a_long_path_or_a_pipe_does_not_stop_the_list(write: Write) -> None:
    model = look(write("a.prototxt", "a.caffemodel")[0]).model()
    remember(replace(model, weights_path=Path("/" + "x" * 5000)))
    (model,) = own_models()
    assert not model.ready
    assert model.state == "files missing"
    store = paths.data_dir() / "own_models.json"
    store.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(store)
        assert own_models() == []
