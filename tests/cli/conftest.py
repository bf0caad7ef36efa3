"""The commands speak English here, whatever the system's language is."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERLAB_LANG", "en")
