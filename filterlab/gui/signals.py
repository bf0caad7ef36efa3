"""Connections whose type is said."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import Qt, pyqtBoundSignal

__all__ = ["connect_as"]


def connect_as(
    signal: pyqtBoundSignal, slot: Callable[..., object], kind: Qt.ConnectionType
) -> None:
    """Connect with a type other than Qt's choice: queued, say, so that a slot is never nested."""
    signal.connect(slot, kind)  # type: ignore[call-arg]  # the stubs leave the type out
