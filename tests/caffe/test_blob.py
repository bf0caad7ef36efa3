"""Blob: one memory, float32, that stays while the shape stands."""

from __future__ import annotations

import numpy as np
import pytest

from filterlab.caffe import Blob, CaffeError


def test_data_is_one_writable_memory() -> None:
    blob = Blob((2, 3))
    view = blob.data[1]
    blob.data[1, 2] = 5
    assert view[2] == 5
    assert blob.data.dtype == np.float32
    assert blob.data.flags.c_contiguous
    assert blob.data.flags.writeable
    assert not blob.diff.any()
    blob.diff[0, 0] = 1
    assert blob.diff[0, 0] == 1
    assert blob.data[0, 0] == 0


def test_legacy_sizes() -> None:
    blob = Blob((4, 3, 2))
    assert (blob.num, blob.channels, blob.height, blob.width) == (4, 3, 2, 1)
    assert blob.count == 24
    assert blob.shape == (4, 3, 2)
    with pytest.raises(CaffeError, match="5 axes"):
        _ = Blob((1, 1, 1, 1, 1)).num


def test_reshape_keeps_the_values_if_their_number_stands() -> None:
    blob = Blob((2, 6))
    blob.data[...] = np.arange(12).reshape(2, 6)
    view = blob.data
    blob.reshape(3, 4)
    np.testing.assert_array_equal(blob.data, np.arange(12).reshape(3, 4))
    blob.data[0, 0] = 99
    assert view[0, 0] == 99
    blob.reshape((5, 5))
    assert blob.data.shape == (5, 5)
    blob.reshape(np.int64(7))
    assert blob.shape == (7,)
    assert view[0, 0] == 99, "an old view is never written again"


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ((2, -1), "negative"),
        ((2**20, 2**20), "at most"),
        ((1,) * 33, "33 axes"),
        ((2.5, 2), "integers"),
    ],
)
def test_bad_shapes_are_refused(shape: tuple[int, ...], part: str) -> None:
    blob = Blob((2,))
    with pytest.raises(CaffeError, match=part):
        blob.reshape(*shape)
    assert blob.shape == (2,)


def test_share_data() -> None:
    matrix, kernel = Blob((4, 18)), Blob((4, 2, 3, 3))
    kernel.share_data(matrix)
    matrix.data[1, 0] = 7
    assert kernel.data[1, 0, 0, 0] == 7
    row = np.arange(72, dtype=np.float32)
    matrix.share_data(row)
    matrix.data[0, 0] = -1
    assert row[0] == -1
    assert kernel.data[1, 0, 0, 0] == 7
    with pytest.raises(CaffeError, match="71"):
        matrix.share_data(row[1:])
    with pytest.raises(CaffeError, match="float32"):
        matrix.share_data(row.astype(np.float64))
    with pytest.raises(CaffeError, match="4x17"):
        matrix.share_data(Blob((4, 17)))


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (1, 3, 227, 227)])
def test_memory_begins_at_a_cache_line_and_at_zero(shape: tuple[int, ...]) -> None:
    blob = Blob(shape)
    assert blob.data.ctypes.data % 64 == 0
    assert blob.data.shape == shape
    assert not blob.data.any()


def test_an_operation_in_place_on_data_is_no_assignment() -> None:
    blob = Blob((2, 3))
    view = blob.data
    blob.data += 2
    blob.data[0] *= 3
    np.testing.assert_array_equal(view, [[6, 6, 6], [2, 2, 2]])


@pytest.mark.parametrize("sizes", [(1, 6), ([1, 6],), (np.array([1, 6]),), (np.int64(1), 6)])
def test_sizes_one_by_one_or_in_a_row(sizes: tuple[object, ...]) -> None:
    blob = Blob((2, 3))
    blob.reshape(*sizes)
    assert blob.shape == (1, 6)
