"""Weights as HDF5."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from filterlab.caffe import CaffeError
from filterlab.caffe.hdf5 import read_weights, write_weights
from filterlab.caffe.proto import caffe_pb2


def _net(*names: str) -> caffe_pb2.NetParameter:
    return caffe_pb2.NetParameter(layer=[caffe_pb2.LayerParameter(name=name) for name in names])


def test_layout_is_bvlcs(tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel.h5"
    weights: dict[str, list[np.ndarray]] = {
        "conv1": [np.ones((2, 1, 3, 3)), np.arange(2.0)],
        "inception_3a/1x1": [np.eye(2)],
    }
    write_weights(path, _net("conv1", "inception_3a/1x1"), weights)
    assert os.listdir(tmp_path) == [path.name]
    with h5py.File(path) as file:
        assert file["data/conv1/0"].shape == (2, 1, 3, 3)
        assert file["data/conv1/1"].dtype == np.float32
        assert file["data/inception_3a/1x1/0"][1, 1] == 1
    found = read_weights(path)
    assert {name: [array.shape for array in row] for name, row in found.items()} == {
        "conv1": [(2, 1, 3, 3), (2,)],
        "inception_3a/1x1": [(2, 2)],
    }
    assert all(array.dtype == np.float32 for row in found.values() for array in row)
    np.testing.assert_array_equal(found["conv1"][1], [0, 1])


def test_other_number_types_and_scalars(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file["data/a/0"] = np.arange(3, dtype=np.float64) / 3
        file["data/a/1"] = np.float32(2)
        file["data/a/2"] = np.zeros((0, 3), np.int8)
        file["data/empty/x"] = np.zeros(1)
        file["diff/a/0"] = np.zeros(3)
        file["data/link"] = h5py.ExternalLink("other.h5", "/")
        file["data/loop"] = h5py.SoftLink("/data")
    found = read_weights(path)
    assert list(found) == ["a"]
    assert [array.shape for array in found["a"]] == [(3,), (), (0, 3)]
    np.testing.assert_allclose(found["a"][0], [0, 1 / 3, 2 / 3], rtol=1e-7)


def test_more_than_ten_blobs_stay_in_order(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    write_weights(path, _net("a"), {"a": [np.full(1, index) for index in range(12)]})
    assert [int(array[0]) for array in read_weights(path)["a"]] == list(range(12))


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    with pytest.raises(CaffeError, match="no such file"):
        read_weights(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\x00" * 100)
    with pytest.raises(CaffeError, match="no readable HDF5 file"):
        read_weights(path)
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(1)
    with pytest.raises(CaffeError, match="has no group 'data'"):
        read_weights(path)
    with h5py.File(path, "w") as file:
        file["data/a/1"] = np.zeros(1)
    with pytest.raises(CaffeError, match=r"layer 'a' has the blobs \[1\]"):
        read_weights(path)
    with h5py.File(path, "w") as file:
        file["data/a/0"] = np.array([b"text"])
    with pytest.raises(CaffeError, match="not numbers"):
        read_weights(path)


def test_a_claimed_size_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data/a/0", (1 << 40,), np.float32, chunks=(1 << 10,))
    with pytest.raises(CaffeError, match="says 1099511627776 values, but only 0 bytes are there"):
        read_weights(path)


def test_a_name_that_the_net_lacks(tmp_path: Path) -> None:
    with pytest.raises(CaffeError, match="no layer is named 'b'"):
        write_weights(tmp_path / "w.h5", _net("a"), {"b": []})
    assert not os.listdir(tmp_path)
