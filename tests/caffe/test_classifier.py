"""Classifier and Detector, and scripts that say ``import caffe``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from filterlab.caffe.proto import caffe_pb2

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [10, 3, 4, 4] } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3
        weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    prototxt, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    prototxt.write_text(NET, encoding="utf-8")
    caffe.Net(str(prototxt), caffe.TEST).save(str(weights))
    return str(prototxt), str(weights)


def _softmax(scores: Any) -> Any:
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


OPTIONS: dict[str, Any] = {
    "mean": np.array([1.0, 2.0, 3.0]),
    "raw_scale": 255,
    "input_scale": 0.02,
    "channel_swap": (2, 1, 0),
}


def _by_hand(net: Any, crop: Any) -> Any:
    ready = crop.transpose(2, 0, 1)[::-1] * 255 - np.array([1, 2, 3])[:, None, None]
    weights, bias = (blob.data for blob in net.params["ip"])
    return _softmax(weights @ (ready * 0.02).ravel() + bias)


def test_classifier_by_hand(files: tuple[str, str]) -> None:
    classifier = caffe.Classifier(*files, image_dims=(6, 8), **OPTIONS)
    pictures = list(np.random.default_rng(0).random((2, 6, 8, 3), np.float32))
    centre = classifier.predict(pictures, oversample=False)
    assert centre.shape == (2, 3)
    for found, picture in zip(centre, pictures):
        expected = _by_hand(classifier, picture[1:5, 2:6])
        np.testing.assert_allclose(found, expected, atol=1e-5)
    ten = classifier.predict(pictures)
    for found, picture in zip(ten, pictures):
        crops = caffe.io.oversample([picture], (4, 4))
        expected = np.mean([_by_hand(classifier, crop) for crop in crops], 0)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_classifier_refuses(files: tuple[str, str]) -> None:
    with pytest.raises(CaffeError, match="at least one picture"):
        caffe.Classifier(*files).predict([])
    with pytest.raises(CaffeError, match="image_dims 3x3 are smaller"):
        caffe.Classifier(*files, image_dims=(3, 3)).predict([np.ones((4, 4, 3))], oversample=False)


def test_wrong_pictures_and_windows(files: tuple[str, str], tmp_path: Path) -> None:
    classifier = caffe.Classifier(*files)
    for inputs, words in (
        (None, "at least one picture"),
        ([np.zeros((5, 5, 3)), np.zeros((5, 5, 1))], "same number of channels"),
    ):
        with pytest.raises(CaffeError, match=words):
            classifier.predict(inputs)
    for dims in (5, ("a", "b"), (4, 4, 3)):
        with pytest.raises(CaffeError, match="image_dims must be"):
            caffe.Classifier(*files, image_dims=dims)  # type: ignore[arg-type]
    for pad in (-1, "a"):
        with pytest.raises(CaffeError, match="context_pad must be a number of pixels"):
            caffe.Detector(*files, context_pad=pad)  # type: ignore[arg-type]
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.zeros((10, 12, 3), np.uint8))
    detector = caffe.Detector(*files, context_pad=1)
    for window, words in (
        ((0, 0, 5), "is no window"),
        ((float("nan"), 0, 5, 5), "is no window"),
        ((90, 90, 95, 95), r"picture.png: the window .* shows nothing of the 10x12"),
        ((9, 9, 1, 1), "shows nothing"),
    ):
        with pytest.raises(CaffeError, match=words):
            detector.detect_windows([(path, [window])])
    with pytest.raises(CaffeError, match="takes pairs"):
        detector.detect_windows([str(path)])  # type: ignore[list-item]


def test_classifier_on_the_cat(shared: Path) -> None:
    classifier = caffe.Classifier(
        str(shared / "squeezenet/deploy.prototxt"),
        str(shared / "squeezenet/squeezenet_v1.0.caffemodel"),
        mean=np.array([104.0, 117.0, 123.0]),
        raw_scale=255,
        channel_swap=(2, 1, 0),
    )
    picture = caffe.io.load_image(shared / "images/cat.jpg")
    stored = np.load(shared / "goldens/nets/squeezenet_cat.npz")["pool_final_227x227"]
    scores = classifier.predict([picture], oversample=False).ravel()
    np.testing.assert_allclose(scores, stored, atol=1e-3 * np.abs(stored).max(), rtol=0)


def test_detector_windows(files: tuple[str, str], tmp_path: Path) -> None:
    import cv2

    pixels = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    path = tmp_path / "p.png"
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    detector = caffe.Detector(*files, **OPTIONS)
    picture = caffe.io.load_image(path)
    windows = [(0, 0, 4, 4), (5, 7, 9, 11)]
    found = detector.detect_windows([(str(path), windows)])
    assert [entry["window"] for entry in found] == windows
    assert found[0]["filename"] == str(path)
    for entry, (y0, x0, y1, x1) in zip(found, windows):
        expected = _by_hand(detector, picture[y0:y1, x0:x1])
        np.testing.assert_allclose(entry["prediction"].ravel(), expected, atol=1e-5)
    with pytest.raises(CaffeError, match="shows nothing"):
        detector.detect_windows([(path, [(20, 20, 30, 30)])])
    with pytest.raises(CaffeError, match="detect_windows"):
        detector.detect_selective_search([str(path)])
    assert detector.detect_windows([]) == []


def test_context_outside_the_picture_becomes_zero(files: tuple[str, str]) -> None:
    detector = caffe.Detector(*files, **OPTIONS, context_pad=1)
    # A window of 2x2 with a fourth of the input as context on each side is 4x4 and more.
    crop = detector.crop(np.full((9, 9, 3), 0.5, np.float32), (0, 0, 3, 3))
    ready = detector.transformer.preprocess("data", crop)
    np.testing.assert_allclose(ready[:, 0, :], 0, atol=1e-6)
    assert np.abs(ready[:, -1, -1]).min() > 1
    with pytest.raises(CaffeError, match="leaves nothing"):
        detector.configure_crop(2)


def test_a_net_without_a_picture_input(tmp_path: Path) -> None:
    prototxt, weights = tmp_path / "n.prototxt", tmp_path / "n.caffemodel"
    prototxt.write_text(
        "layer { name: 'd' type: 'Input' top: 'd' input_param { shape { dim: [1, 3] } } }"
    )
    weights.write_bytes(caffe_pb2.NetParameter(layer=[{"name": "d"}]).SerializeToString())
    with pytest.raises(CaffeError, match="pictures need NxCxHxW"):
        caffe.Classifier(str(prototxt), str(weights))


SCRIPT = """
import os, sys
sys.path.insert(0, '/usr/local/caffe/python')
import caffe
import caffe.io
from caffe import layers as L, params as P
from caffe.proto import caffe_pb2
from caffe.coord_map import crop
from caffe.pycaffe import Net
import helper

caffe.set_mode_cpu()
net = caffe.Net(sys.argv[1], caffe.TEST)
assert isinstance(net, Net) and Net is caffe.Net and caffe.io is sys.modules['caffe.io']
assert caffe_pb2.NetParameter is caffe.proto.caffe_pb2.NetParameter
assert __name__ == '__main__' and os.path.basename(__file__) == 'old.py'
assert os.path.basename(sys.argv[0]) == 'old.py'
out = net.forward()
print(sys.argv[2], helper.ANSWER, sorted(out), P.Pooling.AVE, L.ReLU().fn.type_name)
for name in ('nonsense', 'layers', 'net'):
    try:
        __import__('caffe.' + name)
    except ImportError as error:
        print(error)
assert caffe.layers is L
sys.exit(5)
"""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "filterlab.caffe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_old_script_runs_unchanged(files: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "helper.py").write_text("ANSWER = 42", encoding="utf-8")
    done = _run(str(tmp_path / "old.py"), files[0], "--flag")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "--flag 42 ['prob'] 1 ReLU",
        "No module named 'caffe.nonsense'",
        "No module named 'caffe.layers'",  # no module in pycaffe, but an object
        "No module named 'caffe.net'",
    ]
    assert done.returncode == 5


def test_scripts_that_cannot_run(tmp_path: Path) -> None:
    python2 = tmp_path / "two.py"
    python2.write_text("import caffe\nprint 'hello'\n", encoding="utf-8")
    notebook = tmp_path / "old.ipynb"
    notebook.write_text('{"cells": []}', encoding="utf-8")
    for name, message in (
        (str(python2), "two.py:2: "),
        (str(notebook), "old.ipynb: a notebook, not a script"),
        (str(tmp_path / "no.py"), "no such script"),
    ):
        done = _run(name)
        assert done.returncode == 2
        assert done.stderr.startswith("filterlab: error: ")
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert _run().returncode == 2
    assert "import caffe" in _run("--help").stdout
