"""Damaged and hostile data files in every reader of their kind: one sentence each."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture
from filterlab.surgery.kernels.text import read_kernel
from filterlab.zoo.labels import read_labels
from filterlab.zoo.labels_files import read_groups
from filterlab.zoo.means import read_mean
from filterlab.zoo.own_models import own_models
from filterlab.zoo.toml import read_toml


def _npy(header: bytes, rest: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + rest


def _array(shape: str, descr: str = "<f4", rest: bytes = b"") -> bytes:
    return _npy(
        f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode(), rest
    )


class Trap:
    """What a pickle may hold."""

    ran = False

    def __setstate__(self, state: object) -> None:
        Trap.ran = True

    def __getstate__(self) -> int:
        return 1


def _pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([[Trap()]], dtype=object), allow_pickle=True)
    return stream.getvalue()


NPY = {
    "unclosed": _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3"),
    "deep": _npy(b"(" * 9000),
    "long": _npy(b" " * 60_000),
    "archive": b"PK\3\4" + bytes(100),
    "archive's end": b"PK\5\6" + bytes(18),
    "bare pickle": pickle.dumps(Trap()),
    "pickle": _pickled(),
    "text": b"1 2 3",
    "strings": _array("(1, 1)", "<U4", bytes(16)),
    "complex": _array("(1, 1)", "<c8", bytes(8)),
    "fields": _npy(b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}\n", bytes(4)),
    "cut": _array("(3, 3)", rest=bytes(35)),
    "huge": _array("(3000000000, 3000000000)"),
    "huge and empty": _array("(4611686018427387904, 4, 0)"),
    "negative": _array("(-1, 3)", rest=bytes(36)),
    "version": b"\x93NUMPY\7\7" + bytes(100),
    "signature": b"\x93NUMPY",
}
NPY_READERS: dict[str, Callable[[Path], Any]] = {
    "picture": read_picture,
    "kernel": read_kernel,
    "mean": read_mean,
    "the engine's mean": caffe.io.read_mean,
}


@pytest.mark.parametrize("read", NPY_READERS.values(), ids=NPY_READERS)
@pytest.mark.parametrize("data", NPY.values(), ids=NPY)
def test_npy_files(tmp_path: Path, read: Callable[[Path], Any], data: bytes) -> None:
    path = tmp_path / "odd.npy"
    path.write_bytes(data)
    with pytest.raises((FilterLabError, CaffeError), match=r"odd\.npy") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert not Trap.ran


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_whole_npy_files_of_all_versions(
    tmp_path: Path, version: tuple[int, int], order: Any
) -> None:
    values = np.asarray(np.random.default_rng(1).random((3, 5)), ">f8", order=order)
    path = tmp_path / "a.npy"
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, values, version)
    for read in (lambda path: read_picture(path, grey=True), read_kernel, caffe.io.read_mean):
        np.testing.assert_array_equal(read(path), values.astype(np.float32))


DEEP = {
    "lists": "[" * 100_000,
    "closed lists": "[" * 5000 + "]" * 5000,
    "objects": '{"0":' * 100_000,
    "long number": "[" + "9" * 10_000 + "]",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_json_nested_without_end(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    for read in (read_labels, read_kernel):
        with pytest.raises(FilterLabError, match=r"odd\.json"):
            read(path)


def test_a_list_of_own_models_nested_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from filterlab import paths

    (paths.data_dir() / "own_models.json").write_text("[" * 100_000)
    assert own_models() == []


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 20_000, "a = " + "{a=" * 20_000, "a = " + "9" * 10_000, "a = \x00"]
)
def test_toml_nested_without_end(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text)
    for read in (read_toml, read_groups):
        with pytest.raises(FilterLabError, match=r"odd\.toml: not valid TOML"):
            read(path)


def test_names_that_are_lists_of_lists(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    for text in ('[["a", ["b"]]]', '{"0": {"name": "a"}}'):
        path.write_text(text)
        with pytest.raises(FilterLabError, match="class 0 has lists in lists"):
            read_labels(path)


def test_a_mean_whose_size_passes_all_bounds(tmp_path: Path) -> None:
    from filterlab.caffe.proto import caffe_pb2

    blob = caffe_pb2.BlobProto()
    blob.shape.dim.extend([2**62, 4, 0])
    path = tmp_path / "odd.binaryproto"
    path.write_bytes(blob.SerializeToString())
    for read in (read_mean, caffe.io.read_mean, caffe.io.read_blobproto):
        with pytest.raises((FilterLabError, CaffeError), match=r"odd\.binaryproto"):
            read(path)
