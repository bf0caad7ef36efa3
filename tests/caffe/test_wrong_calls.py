"""Calls that cannot mean anything: one CaffeError that says what to write instead."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe


@pytest.fixture
def net(repo: Path) -> caffe.Net:
    return caffe.Net(str(repo / "models" / "conv.prototxt"), caffe.TEST)


def _assign_blob(net: caffe.Net) -> None:
    net.blobs["data"] = np.zeros((1, 1, 9, 9))


def _assign_row(net: caffe.Net) -> None:
    net.params["conv"] = [np.zeros((3, 1, 5, 5))]


def _assign_weights(net: caffe.Net) -> None:
    net.params["conv"][0] = np.zeros((3, 1, 5, 5))


def _delete(net: caffe.Net) -> None:
    del net.blobs["data"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (_assign_blob, "net.blobs['data'].data[...] ="),
        (_assign_row, "net.params['conv'][0].data[...] ="),
        (_assign_weights, "[0].data[...] ="),
        (_delete, "belongs to the net"),
        (lambda net: net.forward_all(data=3), "at least one row"),
        (lambda net: net.forward_all(data=np.zeros((0, 1, 9, 9))), "at least one row"),
        (lambda net: net.forward(data=[[1, 2], [3]]), "no array"),
        (lambda net: net.forward(data=np.zeros((1, 1, 100, 100), complex)), "complex"),
        (lambda net: net.forward(data="x"), "input 'data'"),
        (lambda net: net.share_with(3), "another net"),
        (lambda net: net.copy_from(3), "weights file"),
    ],
)
def test_calls_on_a_net(net: caffe.Net, call: Callable[[caffe.Net], object], words: str) -> None:
    before = net.forward()["conv"].copy()
    with pytest.raises(caffe.CaffeError) as caught:
        call(net)
    assert words in str(caught.value)
    np.testing.assert_array_equal(net.forward()["conv"], before)


@pytest.mark.parametrize("given", [None, 3, 2.5])
def test_no_path(given: object) -> None:
    with pytest.raises(caffe.CaffeError, match="is no path of a prototxt"):
        caffe.Net(given, caffe.TEST)


def test_level_and_stages(repo: Path) -> None:
    path = str(repo / "models" / "conv.prototxt")
    with pytest.raises(caffe.CaffeError, match="level 'x'"):
        caffe.Net(path, caffe.TEST, level="x")  # type: ignore[arg-type]
    assert caffe.Net(path, caffe.TEST, stages="deploy").outputs == ["conv"]


def test_copies_of_the_collections_are_free(net: caffe.Net) -> None:
    for mine in (dict(net.blobs), net.blobs.copy(), copy.copy(net.blobs)):
        mine["other"] = caffe.Blob((1,))
        assert list(net.blobs) == ["data", "conv"]
    assert [*net.params["conv"], 1][2] == 1
