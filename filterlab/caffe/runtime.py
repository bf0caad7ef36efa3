"""ONNX Runtime, loaded so that it tells nobody of it."""

from __future__ import annotations

import contextlib
import os
from typing import Any

__all__ = ["load_runtime", "no_telemetry"]

# 1.29 and later send what they run to their makers, from Linux and macOS too, unless one of these
# is set before they are loaded (onnxruntime's Privacy.md, pull requests 27379 and 29843). The
# function of the Python API comes too late for the first message and the identifier on the disk.
_SWITCHES = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")


def no_telemetry() -> None:
    """Switch the telemetry of an ONNX Runtime off that is loaded later in this process.

    Whoever sets one of the variables to something else (``ORT_DISABLE_TELEMETRY=0``) has their
    way.
    """
    for name in _SWITCHES:
        os.environ.setdefault(name, "1")


def load_runtime() -> Any:
    """The module ``onnxruntime``, with its telemetry off; every use of it here begins so."""
    no_telemetry()
    import onnxruntime

    # For one that a script had loaded before, and for the events of Windows.
    if os.environ[_SWITCHES[0]] == "1":
        with contextlib.suppress(AttributeError):
            onnxruntime.disable_telemetry_events()
    return onnxruntime
