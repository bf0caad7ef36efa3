"""Pictures to blobs and back, with pycaffe's numbers."""

from __future__ import annotations

import io as stdio
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from filterlab.caffe.proto import caffe_pb2

MEAN = np.array([104.0, 117.0, 123.0])


def squeezenet_transformer(shape: tuple[int, ...]) -> Any:
    transformer = caffe.io.Transformer({"data": shape})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_mean("data", MEAN)
    transformer.set_raw_scale("data", 255)
    transformer.set_channel_swap("data", (2, 1, 0))
    return transformer


@pytest.mark.parametrize("size", [(227, 227), (451, 451), (360, 480)])
def test_transformer_makes_of_the_cat_what_pycaffe_made(
    shared: Path, size: tuple[int, int]
) -> None:
    stored = np.load(shared / "goldens/nets/squeezenet_cat.npz")[f"data_{size[0]}x{size[1]}"]
    picture = caffe.io.load_image(shared / "images/cat.jpg")
    transformer = squeezenet_transformer((1, 3, *size))
    made = transformer.preprocess("data", picture)
    assert made.dtype == np.float32
    # The larger two are stored as float16.
    np.testing.assert_array_equal(made.astype(stored.dtype), stored)
    back = transformer.deprocess("data", made)
    expected = caffe.io.resize_image(picture, size)
    np.testing.assert_allclose(back, expected, atol=1e-6)


@pytest.mark.parametrize("mean", [None, np.array([9.0]), np.full((6, 4), 9.0)])
@pytest.mark.parametrize("size", [(6, 4), (1, 4), (1, 1)])
def test_deprocess_keeps_axes_of_one(mean: Any, size: tuple[int, int]) -> None:
    """pycaffe's squeezes them away: grey pictures come back with a mean only, else it raises."""
    transformer = caffe.io.Transformer({"data": (1, 1, *size)})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_raw_scale("data", 255)
    transformer.set_channel_swap("data", (0,))
    if mean is not None:
        transformer.set_mean("data", mean if mean.ndim == 1 else mean[: size[0], : size[1]])
    picture = np.random.default_rng(1).random((*size, 1), np.float32)
    made = transformer.preprocess("data", picture)
    for given in (made, made[None]):
        back = transformer.deprocess("data", given)
        assert back.shape == picture.shape
        np.testing.assert_allclose(back, picture, atol=1e-6)


@pytest.mark.parametrize("size", [(227, 227), (451, 451), (360, 480)])
def test_squeezenet_sees_the_cat_as_pycaffe(shared: Path, size: tuple[int, int]) -> None:
    stored = np.load(shared / "goldens/nets/squeezenet_cat.npz")
    net = caffe.Net(
        str(shared / "squeezenet/deploy.prototxt"),
        str(shared / "squeezenet/squeezenet_v1.0.caffemodel"),
        caffe.TEST,
    )
    net.blobs["data"].reshape(1, 3, *size)
    transformer = squeezenet_transformer(tuple(net.blobs["data"].data.shape))
    picture = caffe.io.load_image(shared / "images/cat.jpg")
    net.blobs["data"].data[...] = transformer.preprocess("data", picture)
    net.forward()
    name = f"{size[0]}x{size[1]}"
    for found, expected in (
        (net.blobs["pool_final"].data.ravel(), stored[f"pool_final_{name}"]),
        (net.blobs["conv_final"].data[0, 281:286], stored[f"conv_final_281_285_{name}"]),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max(), rtol=0)
    np.testing.assert_array_equal(
        net.blobs["conv_final"].data[0].argmax(0), stored[f"argmax_{name}"]
    )


def test_preprocess_by_hand_leaves_the_picture_alone() -> None:
    transformer = caffe.io.Transformer({"data": (1, 3, 2, 4)})
    transformer.set_raw_scale("data", 10)
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_mean("data", np.array([1.0, 2.0, 3.0]))
    transformer.set_input_scale("data", 0.5)
    picture = np.random.default_rng(0).random((2, 4, 3), np.float32)
    before = picture.copy()
    made = transformer.preprocess("data", picture)
    expected = (picture.transpose(2, 0, 1) * 10 - np.array([1, 2, 3])[:, None, None]) * 0.5
    np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(picture, before)
    assert not np.shares_memory(made, picture)
    np.testing.assert_allclose(transformer.deprocess("data", made[None]), picture, atol=1e-6)


def test_means_of_every_form() -> None:
    transformer = caffe.io.Transformer({"data": (1, 3, 4, 6)})
    transformer.set_mean("data", np.arange(3.0))
    assert transformer.mean["data"].shape == (3, 1, 1)
    full = np.arange(72.0).reshape(3, 4, 6)
    transformer.set_mean("data", full)
    np.testing.assert_array_equal(transformer.mean["data"], full)
    transformer.set_mean("data", np.full((3, 256, 256), 7.0))
    np.testing.assert_array_equal(transformer.mean["data"], np.full((3, 4, 6), 7))
    grey = caffe.io.Transformer({"data": (1, 1, 4, 6)})
    grey.set_transpose("data", (2, 0, 1))
    grey.set_mean("data", np.ones((4, 6)))
    np.testing.assert_array_equal(grey.preprocess("data", np.ones((4, 6, 1))), np.zeros((1, 4, 6)))


@pytest.mark.parametrize(
    ("setter", "value", "message"),
    [
        ("set_transpose", (0, 1), "must order the axes 0 to 2"),
        ("set_transpose", (0, 0, 1), "must order the axes 0 to 2"),
        ("set_channel_swap", (1, 0), "must name 3 channels"),
        ("set_channel_swap", (3, 1, 0), "must name 3 channels"),
        ("set_mean", np.ones(2), "a mean of 2 values does not fit the 3 channels"),
        ("set_mean", np.ones((1, 3, 4, 6)), "does not fit"),
        ("set_mean", np.ones((2, 4, 6)), "does not fit"),
    ],
)
def test_setters_refuse_what_does_not_fit(setter: str, value: Any, message: str) -> None:
    transformer = caffe.io.Transformer({"data": (1, 3, 4, 6)})
    with pytest.raises(CaffeError, match=message):
        getattr(transformer, setter)("data", value)
    with pytest.raises(CaffeError, match=r"'prob' is not one of the net's inputs \(data\)"):
        getattr(transformer, setter)("prob", value)


def test_a_grey_picture_for_a_colour_net() -> None:
    transformer = squeezenet_transformer((1, 3, 4, 6))
    with pytest.raises(CaffeError, match="has 1 channels, its channel swap 3"):
        transformer.preprocess("data", np.ones((4, 6, 1)))
    with pytest.raises(CaffeError, match="height x width x channels"):
        transformer.preprocess("data", np.ones((4, 6)))


def _write(path: Path, image: Any) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def test_load_image_forms(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (5, 7, 3), np.uint8)
    rgb = (colour[:, :, ::-1] / 255.0).astype(np.float32)
    loaded = caffe.io.load_image(_write(tmp_path / "猫.png", colour))
    np.testing.assert_array_equal(loaded, rgb)
    assert loaded.dtype == np.float32
    alpha = np.dstack([colour, np.full((5, 7), 9, np.uint8)])
    np.testing.assert_array_equal(caffe.io.load_image(_write(tmp_path / "a.png", alpha)), rgb)
    grey = caffe.io.load_image(tmp_path / "猫.png", color=False)
    np.testing.assert_allclose(grey, (rgb @ [0.2125, 0.7154, 0.0721])[:, :, None], atol=1e-6)
    one = _write(tmp_path / "g.png", colour[:, :, 0])
    assert caffe.io.load_image(one).shape == (5, 7, 3)
    np.testing.assert_array_equal(
        caffe.io.load_image(one, color=False)[:, :, 0], (colour[:, :, 0] / 255).astype(np.float32)
    )
    deep = _write(tmp_path / "d.png", np.full((2, 2), 65535, np.uint16))
    np.testing.assert_array_equal(caffe.io.load_image(deep, color=False), np.ones((2, 2, 1)))


@pytest.mark.parametrize("name", ["bomb.png", "truncated.png", "text.jpg", "empty.jpg"])
def test_bad_pictures(shared: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CaffeError, match="no picture that can be read"):
        caffe.io.load_image(shared / "bad_inputs" / name)
    assert capfd.readouterr().err == ""
    with pytest.raises(CaffeError, match="check the path"):
        caffe.io.load_image(shared / "bad_inputs" / "none.png")


def test_resize_image() -> None:
    picture = np.random.default_rng(0).random((8, 12, 3), np.float32)
    small = caffe.io.resize_image(picture, (4, 6))
    assert small.dtype == np.float32
    # Halving: smoothed with sigma (2 - 1) / 2 over a picture of zeros around it, once brought to
    # 0..1, then the means of pixels two by two.
    low, high = picture.min(), picture.max()
    smooth = gaussian_filter((picture - low) / (high - low), (0.5, 0.5, 0), mode="constant")
    halved = smooth.reshape(4, 2, 6, 2, 3).mean((1, 3)) * (high - low) + low
    np.testing.assert_allclose(small, halved, atol=1e-6)
    # Enlarging: every second pixel of three lies on one of the picture's.
    large = caffe.io.resize_image(picture, (24, 36))
    np.testing.assert_allclose(large[1::3, 1::3], picture, atol=1e-6)
    flat = caffe.io.resize_image(np.full((3, 3, 3), 0.25), (5, 6))
    np.testing.assert_array_equal(flat, np.full((5, 6, 3), 0.25))
    many = caffe.io.resize_image(np.random.default_rng(0).random((4, 4, 7)), (8, 6))
    assert many.shape == (8, 6, 7)
    for bad in (np.ones((3, 3)), np.ones((0, 3, 3))):
        with pytest.raises(CaffeError, match="cannot be resized"):
            caffe.io.resize_image(bad, (2, 2))


def test_the_usual_order_is_scikit_images_and_scipys_without_them() -> None:
    from scipy.ndimage import zoom
    from skimage.transform import resize

    rng = np.random.default_rng(1)
    for old, new in [((8, 12), (5, 31)), ((40, 7), (3, 7)), ((1, 9), (6, 2)), ((37, 1), (1, 1))]:
        picture = 300 * rng.random((*old, 3)) - 50
        low, high = picture.min(), picture.max()
        standard = (picture - low) / (high - low)
        wanted = resize(standard, new, order=1, mode="constant", anti_aliasing=True)
        got = caffe.io.resize_image(picture, new)
        np.testing.assert_allclose(got, wanted * (high - low) + low, atol=1e-4)
    for old, new in [((8, 12), (5, 31)), ((40, 7), (3, 7)), ((1, 9), (6, 2))]:
        many = rng.random((*old, 5), np.float32)
        wanted = zoom(many, (new[0] / old[0], new[1] / old[1], 1), order=1)
        np.testing.assert_allclose(caffe.io.resize_image(many, new), wanted, atol=1e-6)


def test_resizing_by_the_usual_order_loads_neither() -> None:
    code = (
        "import sys; import numpy as np; from filterlab.caffe import io\n"
        "for channels in (1, 3, 5):\n"
        "    io.resize_image(np.random.random((30, 20, channels)), (7, 50))\n"
        "print([name for name in sys.modules if name in ('scipy', 'skimage')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_oversample() -> None:
    picture = np.arange(5 * 6 * 2, dtype=np.float32).reshape(5, 6, 2)
    crops = caffe.io.oversample([picture, picture + 100], (3, 4))
    assert crops.shape == (20, 3, 4, 2)
    starts = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    for index, (y, x) in enumerate(starts):
        crop = picture[y : y + 3, x : x + 4]
        np.testing.assert_array_equal(crops[index], crop)
        np.testing.assert_array_equal(crops[index + 5], crop[:, ::-1])
        np.testing.assert_array_equal(crops[index + 10], crop + 100)
    for images, size in (([], (1, 1)), ([picture], (6, 4)), ([picture, picture[1:]], (3, 3))):
        with pytest.raises(CaffeError, match=r"oversample|do not fit"):
            caffe.io.oversample(images, size)


def test_blobprotos_and_datums() -> None:
    array = np.random.default_rng(0).random((2, 3, 4), np.float32)
    blob = caffe.io.array_to_blobproto(array, diff=-array)
    assert list(blob.shape.dim) == [2, 3, 4]
    np.testing.assert_array_equal(caffe.io.blobproto_to_array(blob), array)
    np.testing.assert_array_equal(caffe.io.blobproto_to_array(blob, return_diff=True), -array)
    legacy = caffe_pb2.BlobProto(num=1, channels=2, height=1, width=2, data=[1, 2, 3, 4])
    assert caffe.io.blobproto_to_array(legacy).tolist() == [[[[1, 2]], [[3, 4]]]]
    del legacy.data[3:]
    with pytest.raises(CaffeError, match="1x2x1x2 does not fit its 3 values"):
        caffe.io.blobproto_to_array(legacy)
    text = caffe.io.arraylist_to_blobprotovector_str([array, array[0]])
    back = caffe.io.blobprotovector_str_to_arraylist(text)
    np.testing.assert_array_equal(back[1], array[0])
    with pytest.raises(CaffeError, match="no BlobProtoVector"):
        caffe.io.blobprotovector_str_to_arraylist(b"\xff\xff")
    pixels = (array * 255).astype(np.uint8)
    datum = caffe.io.array_to_datum(pixels, label=3)
    assert (datum.label, datum.channels, datum.height, datum.width) == (3, 2, 3, 4)
    np.testing.assert_array_equal(caffe.io.datum_to_array(datum), pixels)
    np.testing.assert_array_equal(caffe.io.datum_to_array(caffe.io.array_to_datum(array)), array)
    with pytest.raises(CaffeError, match="channels x height x width"):
        caffe.io.array_to_datum(array[0])
    datum.encoded = True
    with pytest.raises(CaffeError, match="encoded picture"):
        caffe.io.datum_to_array(datum)


class _Bomb:
    ran = False

    def __setstate__(self, state: object) -> None:
        _Bomb.ran = True

    def __getstate__(self) -> int:
        return 1


def test_means_are_read_and_never_unpickled(tmp_path: Path, shared: Path) -> None:
    array = np.random.default_rng(0).random((3, 4, 5), np.float32)
    path = tmp_path / "mean.binaryproto"
    blob = caffe_pb2.BlobProto(num=1, channels=3, height=4, width=5, data=array.ravel().tolist())
    path.write_bytes(blob.SerializeToString())
    assert caffe.io.read_blobproto(path).shape == (1, 3, 4, 5)
    np.testing.assert_array_equal(caffe.io.read_mean(path), array)
    path = tmp_path / "mean.npy"
    np.save(path, array.astype(np.float64))
    np.testing.assert_array_equal(caffe.io.read_mean(path), array)
    np.save(path, np.array([_Bomb()], dtype=object), allow_pickle=True)
    for bad in (path, shared / "bad_inputs/pickled.npy"):
        with pytest.raises(
            CaffeError, match=r"holds Python objects \(a pickle\), which are never run"
        ):
            caffe.io.read_mean(bad)
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(CaffeError, match=r"no \.npy file"):
        caffe.io.read_mean(path)
    assert not _Bomb.ran


@pytest.mark.parametrize("kind", ["cut", "claims", "text", "zeros", "strings", "axes"])
def test_bad_means(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mean.npy"
    stream = stdio.BytesIO()
    np.save(stream, np.zeros((3, 4)))
    data = stream.getvalue()
    if kind == "cut":
        data = data[:-1]
    elif kind == "claims":
        data = data.replace(b"(3, 4)", b"(3, 1000000000000)")
    elif kind == "text":
        data = b"104,117,123\n"
    elif kind == "zeros":
        data = b""
    else:
        stream = stdio.BytesIO()
        np.save(stream, np.array(["a"]) if kind == "strings" else np.zeros((2, 3, 4, 5)))
        data = stream.getvalue()
    path.write_bytes(data)
    with pytest.raises(CaffeError, match=r"mean\.npy: "):
        caffe.io.read_mean(path)


def test_opencv_has_its_words_back_after_threads(tmp_path: Path) -> None:
    """One thread ends while another still reads: the level must be that from before both."""
    from filterlab.caffe.quiet import quiet_opencv

    place = getattr(cv2.utils, "logging", cv2)
    before = place.getLogLevel()
    assert before != 0
    first, second = quiet_opencv(), quiet_opencv()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert place.getLogLevel() == 0
    second.__exit__(None, None, None)
    assert place.getLogLevel() == before
