"""Mirrors in their order, and weights imported from an ONNX file as the last of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from filterlab import paths
from filterlab.caffe.caffemodel import read_weights
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model
from filterlab.zoo.download import SourceFailed
from filterlab.zoo.getting import get_job, verify_job

# CaffeNet's form in small: groups, two fully connected layers of one shape, biases of one length.
NET = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 4 dim: 5 dim: 5 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 } }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1 group: 2 } }
layer { name: "fc6" type: "InnerProduct" bottom: "conv2" top: "fc6"
  inner_product_param { num_output: 7 } }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7"
  inner_product_param { num_output: 7 } }
layer { name: "fc8" type: "InnerProduct" bottom: "fc7" top: "fc8"
  inner_product_param { num_output: 7 } }
"""
SHAPES = {
    "conv1": [(6, 4, 3, 3), (6,)],
    "conv2": [(6, 3, 3, 3), (6,)],
    "fc6": [(7, 54), (7,)],
    "fc7": [(7, 7), (7,)],
    "fc8": [(7, 7), (7,)],
}


def drawn() -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(11)
    return {
        name: [rng.normal(size=shape).astype(np.float32) for shape in row]
        for name, row in SHAPES.items()
    }


WEIGHTS = drawn()


def onnx_file(
    weights: dict[str, list[np.ndarray]] = WEIGHTS,
    *,
    nodes: bool = True,
    turned: str = "",
    floats: bool = False,
    order: list[str] | None = None,
    more: dict[str, np.ndarray] | None = None,
) -> bytes:
    """A file as the ONNX zoo's: initializers, a constant shape, nodes that use them."""
    arrays, made, at = {}, [], "data"
    for name, (weight, bias) in weights.items():
        names = [f"{name}_w_0", f"{name}_b_0"]
        arrays[names[0]] = weight.T if name == turned else weight
        arrays[names[1]] = bias
        if weight.ndim == 4:
            made.append(helper.make_node("Conv", [at, *names], [name], group=2))
        else:
            how = {} if name == turned else {"transB": 1}
            made.append(helper.make_node("Gemm", [at, *names], [name], **how))
        at = name
    arrays |= more or {}
    initializers = [numpy_helper.from_array(arrays[name], name) for name in order or arrays]
    if floats:
        for tensor, name in zip(initializers, order or arrays):
            tensor.ClearField("raw_data")
            tensor.float_data.extend(arrays[name].ravel())
    initializers.append(numpy_helper.from_array(np.array([1, 54]), "shape"))
    graph = helper.make_graph(made if nodes else [], "net", [], [], initializers)
    return bytes(helper.make_model(graph).SerializeToString())


def assert_imported(model: Model) -> None:
    assert model.weights is not None
    found = read_weights(model.weights)
    assert list(found) == list(WEIGHTS)
    for name, row in WEIGHTS.items():
        for blob, wanted in zip(found[name], row, strict=True):
            np.testing.assert_array_equal(blob, wanted)


@pytest.fixture
def mine(site: Any) -> Model:
    """A model in the user's catalogue: two mirrors, and an ONNX file as the last resort."""
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "deploy.prototxt").write_text(NET)
    data = onnx_file()
    site.weights = b"weights of the right length and digest"
    (folder / "catalogue.toml").write_text(
        f"""
[[model]]
name = "mine"
title = "Mine"
prototxt = "deploy.prototxt"
weights = "mine.caffemodel"
urls = ["{site.url}/a/mine.caffemodel", "{site.url}/b/mine.caffemodel"]
size = {len(site.weights)}
digest = "sha256:{hashlib.sha256(site.weights).hexdigest()}"
[model.origin]
converter = "onnx"
file = "mine-9.onnx"
urls = ["{site.url}/c/mine-9.onnx"]
size = {len(data)}
digest = "sha256:{hashlib.sha256(data).hexdigest()}"
"""
    )
    return catalogue.get("mine")


def asked(site: Any) -> list[str]:
    return [path for path, _ in site.requests]


def test_the_first_mirror_that_has_it_is_enough(mine: Model, site: Any, clock: Any) -> None:
    site.files["/a/mine.caffemodel"] = site.files["/b/mine.caffemodel"] = site.weights
    run_job(get_job(mine, clock=clock))
    assert asked(site) == ["/a/mine.caffemodel"]
    assert mine.weights == mine.weights_path
    assert mine.state == "downloaded"


@pytest.mark.parametrize("wrong", ["dead", "length", "digest"])
def test_a_mirror_that_fails_is_passed_over_and_named(
    mine: Model, site: Any, clock: Any, wrong: str
) -> None:
    if wrong != "dead":
        site.files["/a/mine.caffemodel"] = bytes(len(site.weights) - (wrong == "length"))
    site.files["/b/mine.caffemodel"] = site.weights
    seen: list[Progress] = []
    run_job(get_job(mine, clock=clock), seen.append)
    assert asked(site) == ["/a/mine.caffemodel", "/b/mine.caffemodel"]
    assert mine.weights_path.read_bytes() == site.weights
    said = {"dead": "answered 404", "length": "another file", "digest": "its sha256 is"}[wrong]
    (failed,) = (p.message for p in seen if isinstance(p, SourceFailed))
    assert failed.startswith(f"{site.url}/a/mine.caffemodel: ")
    assert said in failed


def test_the_last_mirror_is_converted(mine: Model, site: Any, clock: Any) -> None:
    site.files["/c/mine-9.onnx"] = onnx_file()
    run_job(get_job(mine, clock=clock))
    assert asked(site) == ["/a/mine.caffemodel", "/b/mine.caffemodel", "/c/mine-9.onnx"]
    assert_imported(mine)
    assert (mine.ready, mine.state) == (True, "made")
    folder = paths.models_dir() / "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "deploy.prototxt",
        "mine.onnx.caffemodel",
    ]
    verdict = run_job(verify_job(mine))
    assert (verdict.state, "its shapes fit the net" in verdict.sentence) == ("good", True)
    # The published file counts for more, once it is there.
    mine.weights_path.write_bytes(site.weights)
    assert mine.weights == mine.weights_path


def test_every_mirror_that_failed_is_named(mine: Model, site: Any, clock: Any) -> None:
    data = bytearray(onnx_file())
    data[-1] ^= 1
    site.files["/c/mine-9.onnx"] = bytes(data)
    with pytest.raises(FilterLabError, match="cannot get Mine: ") as caught:
        run_job(get_job(mine, clock=clock))
    said = str(caught.value)
    assert f"{site.url}/a/mine.caffemodel and {site.url}/b/mine.caffemodel: the server" in said
    assert f"{site.url}/c/mine-9.onnx: what it sent is not Mine: its sha256 is" in said
    assert len(said.splitlines()) == 1
    assert not mine.ready
    assert list((paths.models_dir() / "mine").iterdir()) == []


@pytest.mark.parametrize("form", ["path", "folder", "file:", "http:"])
def test_from_an_onnx_file_of_ones_own(mine: Model, site: Any, tmp_path: Path, form: str) -> None:
    """Its digest need not be the published one, since another version holds the same weights."""
    file = tmp_path / "mine-9.onnx"
    data = onnx_file(nodes=False)
    file.write_bytes(data)
    site.files["/other.onnx"] = data
    source = {"folder": str(tmp_path), "file:": file.as_uri(), "http:": f"{site.url}/other.onnx"}
    run_job(get_job(mine, source.get(form, str(file))))
    assert_imported(mine)
    assert asked(site) == (["/other.onnx"] if form == "http:" else [])
    assert file.read_bytes() == data


@pytest.mark.parametrize(
    "how",
    [
        {"floats": True},
        {"turned": "fc6"},
        {"turned": "fc7"},
        # The order of use tells biases of one length apart, whatever the order in the file.
        {"order": [f"{name}_{part}_0" for name in reversed(WEIGHTS) for part in "bw"]},
    ],
    ids=["floats", "turned", "turned square", "reversed"],
)
def test_forms_of_the_same_net(mine: Model, tmp_path: Path, how: dict[str, Any]) -> None:
    (tmp_path / "a.onnx").write_bytes(onnx_file(**how))
    run_job(get_job(mine, str(tmp_path / "a.onnx")))
    assert_imported(mine)


def changed(name: str, row: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    return {**WEIGHTS, name: row}


def elsewhere() -> bytes:
    model = onnx.ModelProto.FromString(onnx_file())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return bytes(model.SerializeToString())


def short() -> bytes:
    model = onnx.ModelProto.FromString(onnx_file())
    model.graph.initializer[0].raw_data = b"1234"
    return bytes(model.SerializeToString())


A = np.zeros
NAN = np.full((7, 7), np.nan, np.float32)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no onnx at all", "no ONNX file"),
        (onnx_file()[:-40], "no ONNX file"),
        (b"", r"no array of the shape \(6, 4, 3, 3\) for conv1"),
        (
            onnx_file(changed("fc6", [A((7, 55), np.float32), WEIGHTS["fc6"][1]])),
            r"no array of the shape \(7, 54\) for fc6",
        ),
        (
            onnx_file(changed("conv2", [A((6, 3, 3, 3), np.float64), WEIGHTS["conv2"][1]])),
            r"no array of the shape \(6, 3, 3, 3\) for conv2",
        ),
        (onnx_file(changed("fc7", [NAN, WEIGHTS["fc7"][1]])), "fc7 holds values that are not fin"),
        (onnx_file(more={"fc9": A((3,), np.float32)}), "1 more arrays than this net"),
        (onnx_file(more={"big": A((2 << 20,), np.int64)}), "too large for the weights"),
        (elsewhere(), "cut short, or elsewhere"),
        (short(), "cut short, or elsewhere"),
    ],
)
def test_other_onnx_files_are_refused(
    mine: Model, tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(FilterLabError, match=message) as caught:
        run_job(get_job(mine, str(tmp_path / "a.onnx")))
    assert len(str(caught.value).splitlines()) == 1
    assert not mine.ready
    assert not (paths.models_dir() / "mine").exists()


def test_a_missing_onnx_file(mine: Model, tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match=r"gone\.onnx: cannot read it"):
        run_job(get_job(mine, str(tmp_path / "gone.onnx")))
