"""What several tests of the engine share."""

from __future__ import annotations

import pytest

from filterlab.caffe import packing, plan


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
