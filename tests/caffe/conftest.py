"""What several tests of the engine share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import derived, packing, plan

NETS = Path(__file__).resolve().parent.parent / "goldens" / "nets"


@pytest.fixture
def small() -> caffe.Net:
    """The small net with its weights and its picture."""
    net = caffe.Net(str(NETS / "small_v2.prototxt"), str(NETS / "small_v2.caffemodel"), caffe.TEST)
    with np.load(NETS / "small.npz") as golden:
        net.blobs["data"].data[...] = golden["in_data"]
    return net


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay the weights of all convolutions out at the first run, however small they are.

    And follow edits kernel by kernel.
    """
    monkeypatch.setattr(derived, "LARGE", 1)
    monkeypatch.setattr(plan, "USES_BEFORE_PACKING", 0)
    monkeypatch.setattr(packing, "FEWEST_POSITIONS", 1)
    monkeypatch.setattr(packing, "FEWEST_KERNELS", 1)


@pytest.fixture(params=["weights as they are", "weights laid out"])
def both_layouts(request: pytest.FixtureRequest) -> None:
    """Run a test twice: with fed weights as they are, and laid out for ONNX Runtime."""
    if request.param == "weights laid out":
        request.getfixturevalue("packed")


@pytest.fixture
def zeros_file() -> Callable[..., Path]:
    """Makes a caffemodel of one layer with zeros of a shape, which takes no room on the disk."""

    def varint(value: int) -> bytes:
        low, rest = value & 127, value >> 7
        return bytes([low | 128]) + varint(rest) if rest else bytes([low])

    def field(number: int, content: bytes, more: int = 0) -> bytes:
        """A field of these bytes and so many more that follow."""
        return varint(number << 3 | 2) + varint(len(content) + more) + content

    def make(path: Path, layer: str, *shape: int) -> Path:
        size = 4 * math.prod(shape)
        dims = field(7, field(1, b"".join(map(varint, shape))))
        blob = field(7, dims + field(5, b"", size), size)
        head = field(100, field(1, layer.encode()) + blob, size)
        with path.open("wb") as stream:
            stream.write(head)
            stream.truncate(len(head) + size)
        return path

    return make
