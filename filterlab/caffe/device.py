"""Where nets compute: on the CPU, or through a GPU provider of ONNX Runtime."""

from __future__ import annotations

import sys
import threading

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.runtime import load_runtime

__all__ = ["providers", "set_device", "set_mode_cpu", "set_mode_gpu"]

_GPU = ("CUDAExecutionProvider", "DmlExecutionProvider", "CoreMLExecutionProvider")

_lock = threading.Lock()
_mode = "cpu"
_device = 0
_told = False


def set_mode_cpu() -> None:
    """Compute on the CPU from the next forward on."""
    global _mode
    with _lock:
        _mode = "cpu"


def set_mode_gpu() -> None:
    """Compute on a GPU from the next forward on, if ONNX Runtime has CUDA, DirectML or CoreML.

    Otherwise it says so once, on stderr, and the CPU computes on.
    """
    global _mode, _told
    available = load_runtime().get_available_providers()
    with _lock:
        if any(name in available for name in _GPU):
            _mode = "gpu"
        elif not _told:
            _told = True
            sys.stderr.write(
                "filterlab.caffe: this ONNX Runtime has no GPU provider (CUDA, DirectML or "
                "CoreML); computing on the CPU\n"
            )


def set_device(device: int) -> None:
    """Choose among several GPUs, counted from 0.

    Raises
    ------
    CaffeError
        If it is no whole number of 0 or more.
    """
    global _device
    try:
        number = int(device)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if number < 0:
        raise CaffeError(
            "set_device({device!r}): GPUs are counted 0, 1, 2 …; give such a number", device=device
        )
    with _lock:
        _device = number


def providers() -> tuple[tuple[str, int], ...]:
    """(provider, device) in order of preference for a session made now."""
    if _mode == "gpu":
        available = load_runtime().get_available_providers()
        with _lock:
            found = tuple((name, _device) for name in _GPU if name in available)
        return (*found, ("CPUExecutionProvider", 0))
    return (("CPUExecutionProvider", 0),)
