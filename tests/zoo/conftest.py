"""A site to download from, and a clock that needs no waiting."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _beside(file: str, name: str) -> Any:
    """A module of helpers in this folder, which the tests can then import by its name."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_server = _beside("server.py", "zoo_server")
_beside("torch_maker.py", "torch_maker")


class TestClock:
    """Time that passes only by sleeping."""

    __test__ = False

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A :class:`Site` served on 127.0.0.1."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with _server.serving(_server.Site()) as served:
        yield served


@pytest.fixture
def serve() -> Any:
    """``with serve() as site`` for a second server."""
    return lambda: _server.serving(_server.Site())
