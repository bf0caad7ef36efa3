"""What people run on pycaffe, as scripts that say ``import caffe``, with small nets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.proto import caffe_pb2

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"

CLASSIFIER = """
name: "small"
force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 48, 64] } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param {
  num_output: 8 kernel_size: 5 stride: 2 weight_filler { type: "msra" } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2" convolution_param {
  num_output: 12 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
"""
HEAD = """
layer { name: "pool" type: "Pooling" bottom: "conv2" top: "pool"
  pooling_param { pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 10 weight_filler { type: "gaussian" } } }
"""
SOFTMAX = 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }\n'


def conv(name: str, bottom: str, top: str, rest: str) -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{top}" '
        f'convolution_param {{ weight_filler {{ type: "msra" }} {rest} }} }}\n'
    )


def net_files(folder: Path, name: str, text: str) -> tuple[str, str]:
    """A prototxt, and weights that its fillers and a random generator draw."""
    caffe.set_random_seed(7)
    path = folder / f"{name}.prototxt"
    path.write_text(text, encoding="utf-8")
    net = caffe.Net(str(path), caffe.TEST)
    rng = np.random.default_rng(7)
    for layer in net.layers:
        if layer.type == "BatchNorm":
            for blob, low in zip(layer.blobs, (-1, 0.5, 2)):
                blob.data[...] = rng.uniform(low, low + 1, blob.shape)
        if layer.type == "Scale":
            for blob in layer.blobs:
                blob.data[...] = rng.uniform(0.5, 1.5, blob.shape)
    net.save(folder / f"{name}.caffemodel")
    return str(path), str(folder / f"{name}.caffemodel")


def run(script: str, *arguments: str | Path) -> str:
    """What a script prints; it runs unchanged, with this engine as ``caffe``."""
    done = subprocess.run(
        [sys.executable, "-m", "filterlab.caffe", str(SCRIPTS / script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_deep_dream(tmp_path: Path) -> None:
    deploy, weights = net_files(tmp_path, "dream", CLASSIFIER)
    told = run("deep_dream.py", deploy, weights, "conv2", tmp_path / "out.npy")
    assert told.count("->") == 3
    assert np.load(tmp_path / "out.npy").shape == (48, 64, 3)


def test_style_gradient(tmp_path: Path) -> None:
    deploy, weights = net_files(tmp_path, "style", CLASSIFIER)
    assert "->" in run("style_gradient.py", deploy, weights, "conv2", "conv1,conv2")


def test_grad_cam(tmp_path: Path) -> None:
    deploy, weights = net_files(tmp_path, "cam", CLASSIFIER + HEAD)
    run("grad_cam.py", deploy, weights, "conv2", "fc", tmp_path / "cam.npy")
    assert np.load(tmp_path / "cam.npy").shape == (11, 15)


def test_mtcnn(tmp_path: Path) -> None:
    data = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [%s] } } }\n'
    pool = (
        'layer { name: "p1" type: "Pooling" bottom: "c1" top: "p1" '
        "pooling_param { kernel_size: 2 stride: 2 } }\n"
    )
    prelu = 'layer { name: "r%s" type: "PReLU" bottom: "%s" top: "%s" }\n'
    pnet = data % "1, 3, 12, 12" + conv("c1", "data", "c1", "num_output: 6 kernel_size: 3")
    pnet += prelu % (1, "c1", "c1") + pool + conv("c2", "p1", "c2", "num_output: 8 kernel_size: 3")
    pnet += conv("c3", "c2", "c3", "num_output: 8 kernel_size: 3") + prelu % (3, "c3", "c3")
    pnet += conv("conv4-1", "c3", "conv4-1", "num_output: 2 kernel_size: 1")
    pnet += conv("conv4-2", "c3", "conv4-2", "num_output: 4 kernel_size: 1")
    pnet += 'layer { name: "prob1" type: "Softmax" bottom: "conv4-1" top: "prob1" }\n'
    rnet = data % "1, 3, 24, 24" + conv("c1", "data", "c1", "num_output: 6 kernel_size: 3") + pool
    for name, count in (("conv5-1", 2), ("conv5-2", 4)):
        rnet += (
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "p1" top: "{name}" '
            f'inner_product_param {{ num_output: {count} weight_filler {{ type: "xavier" }} }} }}\n'
        )
    rnet += 'layer { name: "prob1" type: "Softmax" bottom: "conv5-1" top: "prob1" }\n'
    assert "boxes" in run(
        "mtcnn.py", *net_files(tmp_path, "pnet", pnet), *net_files(tmp_path, "rnet", rnet)
    )


def test_age_gender(tmp_path: Path) -> None:
    import cv2

    text = (CLASSIFIER + HEAD + SOFTMAX).replace("48, 64", "64, 64")
    files = net_files(tmp_path, "age", text)
    mean = caffe.io.array_to_blobproto(np.full((1, 3, 64, 64), 110.0))
    (tmp_path / "mean.binaryproto").write_bytes(mean.SerializeToString())
    picture = np.random.default_rng(1).integers(0, 255, (90, 70, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "face.png"), picture)
    told = run("age_gender.py", *files, tmp_path / "mean.binaryproto", tmp_path / "face.png")
    assert told.startswith("predicted age: (")


def test_merge_bn(tmp_path: Path) -> None:
    text = 'layer { name: "data" type: "Input" top: "data" '
    text += "input_param { shape { dim: [2, 3, 16, 16] } } }\n"
    bottom = "data"
    for i in range(3):
        text += conv(f"c{i}", bottom, f"c{i}", "num_output: 6 kernel_size: 3 bias_term: false")
        for kind, rest in (
            ("BatchNorm", "batch_norm_param { eps: 0.001 }"),
            ("Scale", "scale_param { bias_term: true }"),
            ("ReLU", ""),
        ):
            text += f'layer {{ name: "{kind}{i}" type: "{kind}" bottom: "c{i}" '
            text += f'top: "c{i}" {rest} }}\n'
        bottom = f"c{i}"
    files = net_files(tmp_path, "bn", text)
    told = run("merge_bn.py", *files, tmp_path / "out.prototxt", tmp_path / "out.caffemodel")
    assert "13 layers -> 7" in told


def test_ssd_detect(tmp_path: Path) -> None:
    text = CLASSIFIER.replace("48, 64", "64, 64")
    for name, count in (("loc", 6 * 4), ("conf", 6 * 3)):
        text += conv(name, "conv2", name, f"num_output: {count} kernel_size: 3 pad: 1")
        text += (
            f'layer {{ name: "{name}_perm" type: "Permute" bottom: "{name}" top: "{name}_perm" '
            "permute_param { order: 0 order: 2 order: 3 order: 1 } }\n"
            f'layer {{ name: "{name}_flat" type: "Flatten" bottom: "{name}_perm" '
            f'top: "{name}_flat" }}\n'
        )
    text += """
layer { name: "prior" type: "PriorBox" bottom: "conv2" bottom: "data" top: "prior"
  prior_box_param { min_size: 12 max_size: 24 aspect_ratio: 2 aspect_ratio: 3 clip: false
    variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "shape" type: "Reshape" bottom: "conf_flat" top: "conf_rows"
  reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "soft" type: "Softmax" bottom: "conf_rows" top: "conf_soft"
  softmax_param { axis: 2 } }
layer { name: "flat" type: "Flatten" bottom: "conf_soft" top: "conf_out" }
layer { name: "detection_out" type: "DetectionOutput" bottom: "loc_flat" bottom: "conf_out"
  bottom: "prior" top: "detection_out" include { phase: TEST } detection_output_param {
    num_classes: 3 share_location: true background_label_id: 0 code_type: CENTER_SIZE
    nms_param { nms_threshold: 0.45 top_k: 400 } keep_top_k: 20 confidence_threshold: 0.01 } }
"""
    labels = caffe_pb2.LabelMap()
    for i, name in enumerate(("background", "cat", "dog")):
        labels.item.add(name=name, label=i, display_name=name)
    (tmp_path / "labels.prototxt").write_text(str(labels), encoding="utf-8")
    files = net_files(tmp_path, "ssd", text.replace("force_backward: true", ""))
    assert "boxes" in run("ssd_detect.py", *files, tmp_path / "labels.prototxt")


def test_fcn_interp(tmp_path: Path) -> None:
    text = CLASSIFIER.replace("stride: 2 weight", "stride: 2 pad: 40 weight")
    text = text.replace("force_backward: true", "")
    text += conv("fr", "conv2", "fr", "num_output: 4 kernel_size: 1")
    text += """
layer { name: "upscore" type: "Deconvolution" bottom: "fr" top: "upscore" convolution_param {
  num_output: 4 group: 4 bias_term: false kernel_size: 8 stride: 4 } }
layer { name: "score" type: "Crop" bottom: "upscore" bottom: "data" top: "score"
  crop_param { axis: 2 offset: 38 } }
"""
    deploy, _ = net_files(tmp_path, "fcn", text)
    assert "score (1, 4, 37, 29)" in run("fcn_interp.py", deploy)


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_every_script_is_run(script: str) -> None:
    assert f'"{script}"' in Path(__file__).read_text(encoding="utf-8")
