"""The weights reader and writer, against protobuf's own."""

from __future__ import annotations

import mmap
import os
import struct
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from filterlab.caffe.caffemodel import (
    layers_with_weights,
    parse_weights,
    read_weights,
    reading,
    write_weights,
)
from filterlab.caffe.hdf5 import write_weights as write_hdf5
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.prototxt import read_net

FIELD_DATA, FIELD_SHAPE, FIELD_DOUBLE = 5, 7, 8


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def weights_file(*blobs: bytes, name: bytes = b"ip") -> bytes:
    return field(100, field(1, name) + b"".join(field(7, blob) for blob in blobs))


def shape(*dims: int) -> bytes:
    return field(FIELD_SHAPE, field(1, b"".join(map(varint, dims))))


def by_protobuf(data: bytes) -> dict[str, list[Any]]:
    """Layer name -> (shape, values), as protobuf parses them."""
    net = caffe_pb2.NetParameter.FromString(data)
    found: dict[str, list[Any]] = {}
    old = [layer.layer if layer.HasField("layer") else layer for layer in net.layers]
    for layer in [*net.layer, *old]:
        rows = []
        for blob in layer.blobs:
            values = blob.double_data or blob.data
            dims = tuple(blob.shape.dim)
            if not blob.HasField("shape"):
                # BVLC writes a 0-d weight as one value without any shape.
                old_dims = (blob.num, blob.channels, blob.height, blob.width)
                dims = old_dims if any(old_dims) else () if len(values) == 1 else (len(values),)
            rows.append(np.array(values, np.float32).reshape(dims))
        if rows:
            found[layer.name] = rows
    return found


def same(ours: dict[str, list[Any]], theirs: dict[str, list[Any]]) -> bool:
    return list(ours) == list(theirs) and all(
        len(ours[name]) == len(theirs[name])
        and all(
            a.dtype == np.float32 and a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
            for a, b in zip(ours[name], theirs[name])
        )
        for name in ours
    )


def test_reads_what_protobuf_reads(shared: Path) -> None:
    paths = sorted((shared / "goldens").rglob("*.caffemodel"))
    paths += [shared / "squeezenet/squeezenet_v1.0.caffemodel"]
    paths += [shared / f"bad_inputs/{name}.caffemodel" for name in ("unpacked", "nan")]
    assert len(paths) > 15
    for path in paths:
        assert same(read_weights(path), by_protobuf(path.read_bytes())), path.name


def test_all_generations_hold_the_same_weights(shared: Path) -> None:
    files = [f"small_{kind}.caffemodel" for kind in ("v0", "v1", "v2", "v2_double")]
    first, *others = [read_weights(shared / "goldens/nets" / name) for name in files]
    assert [a.shape for a in first["fc6"]] == [(1, 1, 20, 108), (1, 1, 1, 20)]
    for other in others:
        assert list(other) == list(first)
        for name, arrays in first.items():
            for a, b in zip(arrays, other[name]):
                np.testing.assert_allclose(a.ravel(), b.ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("truncated", "cut off in the net, after layer 'norm1'"),
        ("empty", "the file is empty"),
        ("text_as", "text, not weights"),
        ("random", "no valid caffemodel"),
        ("short_data", "layer 'conv1': its shape 8x3x11x11 says 2904 values, but 25 are there"),
        ("huge_shape", "layer 'conv1': its shape 1099511627776x1099511627776 says"),
        ("negative_shape", "layer 'conv1' has the shape -8x3x11x11 with a negative dimension"),
    ],
)
def test_bad_files(shared: Path, name: str, message: str) -> None:
    path = shared / "bad_inputs" / f"{name}.caffemodel"
    tracemalloc.start()
    try:
        with pytest.raises(CaffeError) as caught:
            read_weights(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_bad_weights_in_the_net(shared: Path) -> None:
    net = caffe.Net(str(shared / "goldens/nets/small_v2.prototxt"), caffe.TEST)
    before = net.params["conv1"][0].data.copy()
    path = shared / "bad_inputs/wrong_shape.caffemodel"
    with pytest.raises(CaffeError, match="conv1") as caught:
        net.copy_from(str(path))
    assert "8x3x9x9" in str(caught.value)
    assert "8x3x11x11" in str(caught.value)
    np.testing.assert_array_equal(net.params["conv1"][0].data, before)
    with pytest.warns(caffe.CaffeWarning, match="0 of 4 layers with weights were filled"):
        net.copy_from(str(shared / "bad_inputs/no_common_layers.caffemodel"))
    np.testing.assert_array_equal(net.params["conv1"][0].data, before)
    net.copy_from(str(shared / "bad_inputs/nan.caffemodel"))
    assert np.isnan(net.params["conv1"][0].data).all()


VALUES = np.arange(6, dtype="<f4").tobytes()
UNPACKED = b"".join(b"\x2d" + struct.pack("<f", value) for value in range(6))
DOUBLES = b"".join(b"\x41" + struct.pack("<d", value) for value in range(6))


@pytest.mark.parametrize(
    "blob",
    [
        shape(2, 3) + field(FIELD_DATA, VALUES),
        field(FIELD_DATA, VALUES) + shape(2, 3),
        field(FIELD_DATA, VALUES[:8]) + shape(2, 3) + field(FIELD_DATA, VALUES[8:]),
        shape(2, 3) + UNPACKED,
        UNPACKED[:5] + shape(2, 3) + UNPACKED[5:],
        UNPACKED[:10] + shape(2, 3) + field(FIELD_DATA, VALUES[8:]),
        shape(2, 3) + DOUBLES,
        shape(2, 3) + field(FIELD_DOUBLE, np.arange(6, dtype="<f8").tobytes()),
        field(FIELD_SHAPE, b"\x08\x02\x08\x03") + field(FIELD_DATA, VALUES),
        shape(2, 3) + field(FIELD_DATA, VALUES) + field(6, VALUES) + field(77, b"fork"),
        # Numbers longer than need be.
        shape(2, 3) + b"\x2a\x98\x80\x00" + VALUES,
    ],
)
def test_all_ways_to_write_a_blob(blob: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel"
    path.write_bytes(weights_file(blob))
    for found in (parse_weights(weights_file(blob)), read_weights(path, mapped=False)):
        (array,) = found["ip"]
        np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])
        assert array.dtype == np.float32
        array[0, 0] = 7
        assert array[0, 0] == 7
    assert path.read_bytes() == weights_file(blob)


@pytest.mark.parametrize("count", [50_000, (1 << 20) + 1])  # less and more than is read at once
def test_a_long_run_of_unpacked_values(count: int, tmp_path: Path) -> None:
    records = np.zeros((count, 5), np.uint8)
    records[:, 0] = 0x2D
    records[:, 1:] = np.arange(count, dtype="<f4").view(np.uint8).reshape(-1, 4)
    data = weights_file(records.tobytes() + shape(count))
    path = tmp_path / "w.caffemodel"
    path.write_bytes(data)
    for found in (parse_weights(data), read_weights(path, mapped=False)):
        np.testing.assert_array_equal(found["ip"][0], np.arange(count))


def test_some_layers_only(tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel"
    blob = field(FIELD_DATA, VALUES)
    path.write_bytes(
        weights_file(blob, blob, name=b"a") + weights_file(name=b"b") + weights_file(blob)
    )
    assert layers_with_weights(path) == ["a", "ip"]
    for mapped in (False, True):
        found = read_weights(path, mapped, only=["ip", "b"])
        assert {name: len(blobs) for name, blobs in found.items()} == {"ip": 1}
    assert [layer for layer, _ in reading(path)] == ["a", "b", "ip"]
    assert [share for _, share in reading(path)][-1] == 1


def test_blobs_without_a_shape_and_of_no_axes() -> None:
    data = weights_file(field(FIELD_DATA, VALUES), field(FIELD_SHAPE, b"") + UNPACKED[:5])
    arrays = parse_weights(data)["ip"]
    assert [array.shape for array in arrays] == [(6,), ()]


def test_the_later_of_two_layers_of_one_name_counts() -> None:
    one = weights_file(field(FIELD_DATA, VALUES))
    two = weights_file(field(FIELD_DATA, VALUES[4:]))
    found = parse_weights(one + two + weights_file())
    assert found["ip"][0].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "there are no bytes"),
        (weights_file(shape(2, -3)), "negative dimension"),
        (weights_file(shape(*[1] * 33)), "a shape of more than 32 axes"),
        (weights_file(shape(6) + field(FIELD_DATA, VALUES[:-1])), "23 bytes of 4-byte values"),
        (weights_file(shape(2**62, 4, 0)), "which passes the 2147483647 values of a blob"),
        (weights_file(shape(6)), "says 6 values, but 0 are there"),
        (field(100, field(1, b"ip") + b"\x3a"), "cut off in layer 'ip'"),
        (field(100, field(1, b"ip") + b"\x3a\x09"), "needs 9 bytes, 0 are left"),
        (field(100, b"\x0a" + b"\xff" * 11), "more than 10 bytes"),
        (field(100, b"\x0b"), "wire type 3"),
        (field(100, b"\x00\x00"), "field number 0"),
        (field(100, b"\x38\x01"), "field 'blobs' of wire type 0"),
        (b"\x08\x01" + field(5, VALUES), "field 'name' of wire type 0"),
        (field(1, b"\x01name"), "holds no layers"),
        (b"<!DOCTYPE html><html>", "a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"PK\x03\x04\x00", "a zip archive"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    ],
)
def test_errors(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(CaffeError) as caught:
        parse_weights(data, "w.caffemodel")
    assert message in str(caught.value)
    assert str(caught.value).startswith("w.caffemodel: ")
    if data:
        path = tmp_path / "w.caffemodel"
        path.write_bytes(data)
        with pytest.raises(CaffeError) as read:
            read_weights(path, mapped=False)
        assert str(read.value) == str(caught.value).replace("w.caffemodel", str(path), 1)


def test_noise_of_very_many_fields_ends_soon() -> None:
    with pytest.raises(CaffeError, match="more than 500000 fields"):
        parse_weights(b"\x08\x01".replace(b"\x08", b"\x28") * 700_000)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CaffeError, match="no such file"):
        read_weights(tmp_path / "none.caffemodel")
    with pytest.raises(CaffeError, match="cannot be read"):
        read_weights(tmp_path)
    with pytest.raises(CaffeError, match="cannot be read"):
        # Without an end, where there is one; reading it would fill the memory.
        read_weights("/dev/zero" if Path("/dev/zero").exists() else tmp_path)


NET = caffe_pb2.NetParameter(name="n")
for _name, _type in (("data", "Input"), ("fc/1", "InnerProduct"), ("中", "Convolution")):
    NET.layer.add(name=_name, type=_type, bottom=["x"], top=["y"])


def test_written_files_are_as_protobuf_writes_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {
        "fc/1": [rng.standard_normal((4, 6)), rng.standard_normal(4).astype(np.float32)],
        "中": [rng.standard_normal((2, 3, 5, 5), np.float32)[:, :, ::-1, :2], np.float32(3)],
    }
    path = tmp_path / "名.caffemodel"
    path.write_bytes(b"old")
    write_weights(path, NET, weights)
    read = caffe_pb2.NetParameter.FromString(path.read_bytes())
    expected = caffe_pb2.NetParameter()
    expected.CopyFrom(NET)
    for layer in expected.layer:
        for array in weights.get(layer.name, ()):
            blob = layer.blobs.add()
            blob.shape.SetInParent()
            blob.shape.dim.extend(np.shape(array))
            blob.data.extend(np.asarray(array, np.float32).ravel().tolist())
    assert read == expected
    # Packed, and nothing beside it.
    assert len(path.read_bytes()) == len(expected.SerializeToString())
    assert os.listdir(tmp_path) == [path.name]


def test_blobs_that_the_net_holds_are_not_written_twice(tmp_path: Path) -> None:
    net = caffe_pb2.NetParameter()
    net.layer.add(name="a", type="Bias").blobs.add(data=[1, 2])
    write_weights(tmp_path / "w", net, {"a": [np.zeros(3)]})
    assert [array.tolist() for array in read_weights(tmp_path / "w")["a"]] == [[0, 0, 0]]
    assert len(net.layer[0].blobs) == 1


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel"
    path.write_bytes(b"old")
    with pytest.raises(CaffeError, match="no layer is named 'odd'"):
        write_weights(path, NET, {"odd": [np.zeros(1)]})
    old = caffe_pb2.NetParameter()
    old.layers.add(name="x")
    with pytest.raises(CaffeError, match="old generation"):
        write_weights(path, old, {})
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="no sparse files")
def test_protobufs_limit(tmp_path: Path) -> None:
    hole = tmp_path / "hole"
    with hole.open("wb") as stream:
        stream.truncate(1 << 31)
    huge = np.memmap(hole, "<f4", "r")
    with pytest.raises(CaffeError, match="2 GiB"):
        write_weights(tmp_path / "w.caffemodel", NET, {"fc/1": [huge]})
    assert os.listdir(tmp_path) == ["hole"]


@pytest.mark.skipif(sys.platform == "win32", reason="read, not mapped, on Windows")
def test_a_large_file_is_mapped_and_never_changed(tmp_path: Path, zeros_file: Any) -> None:
    path = zeros_file(tmp_path / "large.caffemodel", "fc", 61_000_000)
    tracemalloc.start()
    try:
        (array,) = read_weights(path)["fc"]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    base = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert isinstance(base, memoryview)
    assert isinstance(base.obj, mmap.mmap)
    array[-1] = 5
    assert array[-1] == 5
    assert read_weights(path)["fc"][0][-1] == 0


def test_saving_over_the_file_that_is_open(tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel"
    net = caffe_pb2.NetParameter()
    net.layer.add(name="fc", type="InnerProduct")
    write_weights(path, net, {"fc": [np.arange(3_000_000, dtype=np.float32)]})
    weights = read_weights(path)
    weights["fc"][0][:2] = 9
    write_weights(path, net, weights)
    for found in (weights, read_weights(path)):
        assert found["fc"][0][:3].tolist() == [9, 9, 2]
        assert found["fc"][0][-1] == 2_999_999


_NAMES = st.lists(st.text(st.characters(codec="utf-8"), max_size=6), unique=True, max_size=4)
_ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))


@settings(max_examples=100, deadline=None)
@given(data=st.data(), names=_NAMES.filter(bool))
def test_random_weights_survive_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, names: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    net = caffe_pb2.NetParameter()
    weights = {}
    for name in names:
        net.layer.add(name=name, type="Scale")
        weights[name] = data.draw(st.lists(_ARRAYS, max_size=3))
    path = folder / "random.caffemodel"
    write_weights(path, net, weights)
    expected: dict[str, list[Any]] = {name: list(row) for name, row in weights.items() if row}
    assert same(read_weights(path), expected)
    assert same(read_weights(path, mapped=False), expected)
    assert same(by_protobuf(path.read_bytes()), expected)


def test_hdf5_by_content(tmp_path: Path, shared: Path) -> None:
    net = read_net(shared / "goldens/nets/small_v2.prototxt")
    weights = read_weights(shared / "goldens/nets/small_v2.caffemodel")
    path = tmp_path / "named.caffemodel"
    write_hdf5(path, net, weights)
    assert same(read_weights(path), weights)
    assert same(read_weights(path, mapped=False), weights)
    assert layers_with_weights(path) == list(weights)
    assert list(read_weights(path, only=["fc6"])) == ["fc6"]
