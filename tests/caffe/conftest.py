"""What several tests of the engine share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import packing, plan

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
    """Lay the weights of all convolutions out at the first run, however small they are."""
    monkeypatch.setattr(plan, "USES_BEFORE_PACKING", 0)
    monkeypatch.setattr(packing, "FEWEST_POSITIONS", 1)
    monkeypatch.setattr(packing, "FEWEST_KERNELS", 1)


@pytest.fixture(params=["weights as they are", "weights laid out"])
def both_layouts(request: pytest.FixtureRequest) -> None:
    """Run a test twice: with fed weights as they are, and laid out for ONNX Runtime."""
    if request.param == "weights laid out":
        request.getfixturevalue("packed")
