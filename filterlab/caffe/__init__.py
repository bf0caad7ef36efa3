"""pycaffe's names on ONNX Runtime: run, edit and save Caffe nets.

::

    import filterlab.caffe as caffe

    net = caffe.Net("deploy.prototxt", "weights.caffemodel", caffe.TEST)
    net.blobs["data"].data[...] = picture
    net.forward()
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filterlab.caffe import _caffe, io, pycaffe
    from filterlab.caffe.blob import Blob
    from filterlab.caffe.classifier import Classifier
    from filterlab.caffe.detector import Detector
    from filterlab.caffe.device import set_device, set_mode_cpu, set_mode_gpu
    from filterlab.caffe.errors import CaffeError, CaffeWarning
    from filterlab.caffe.fillers import set_random_seed
    from filterlab.caffe.layers.python_layer import UserLayer as Layer
    from filterlab.caffe.legacy_api import set_phase_test, set_phase_train
    from filterlab.caffe.net import TEST, TRAIN, Net
    from filterlab.caffe.net_spec import NetSpec, layers, params, to_proto
    from filterlab.caffe.training import (
        AdaDeltaSolver,
        AdaGradSolver,
        AdamSolver,
        NesterovSolver,
        RMSPropSolver,
        SGDSolver,
        Timer,
        get_solver,
        has_nccl,
        init_log,
        log,
        set_multiprocess,
        set_solver_count,
        set_solver_rank,
        solver_count,
        solver_rank,
    )

#: The pycaffe whose interface this is.
__version__ = "1.0.0"

__all__ = [
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "CaffeError",
    "CaffeWarning",
    "Classifier",
    "Detector",
    "Layer",
    "NesterovSolver",
    "Net",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "Timer",
    "__version__",
    "_caffe",
    "get_solver",
    "has_nccl",
    "init_log",
    "io",
    "layer_type_list",
    "layers",
    "log",
    "params",
    "pycaffe",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_phase_test",
    "set_phase_train",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
    "to_proto",
]


#: Where each name comes from. It is imported when somebody first asks for it, so that the small
#: modules of this package do not bring the whole engine.
_HOMES = {
    "Blob": "blob",
    "CaffeError": "errors",
    "CaffeWarning": "errors",
    "Classifier": "classifier",
    "Detector": "detector",
    "Net": "net",
    "NetSpec": "net_spec",
    "TEST": "net",
    "TRAIN": "net",
    "params": "net_spec",
    "set_device": "device",
    "set_mode_cpu": "device",
    "set_mode_gpu": "device",
    "set_phase_test": "legacy_api",
    "set_phase_train": "legacy_api",
    "set_random_seed": "fillers",
    "to_proto": "net_spec",
    **dict.fromkeys(
        (
            "AdaDeltaSolver",
            "AdaGradSolver",
            "AdamSolver",
            "NesterovSolver",
            "RMSPropSolver",
            "SGDSolver",
            "Timer",
            "get_solver",
            "has_nccl",
            "init_log",
            "log",
            "set_multiprocess",
            "set_solver_count",
            "set_solver_rank",
            "solver_count",
            "solver_rank",
        ),
        "training",
    ),
}


def layer_type_list() -> list[str]:
    """Names of all layer types that this engine runs, sorted."""
    from filterlab.caffe.layers import REGISTRY
    from filterlab.caffe.layers.refused import REFUSED

    return sorted(set(REGISTRY) - set(REFUSED))


def __getattr__(name: str) -> Any:
    if name == "Layer":
        found: Any = importlib.import_module("filterlab.caffe.layers.python_layer").UserLayer
    elif name in _HOMES:
        found = getattr(importlib.import_module(f"filterlab.caffe.{_HOMES[name]}"), name)
    elif name in ("_caffe", "io", "pycaffe"):
        return importlib.import_module(f"filterlab.caffe.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(types.ModuleType):
    """The package ``caffe``, whose ``layers`` is the maker of layers, as in pycaffe.

    The package of that name is in ``sys.modules`` all the same.
    """

    @property
    def layers(self) -> Any:
        return importlib.import_module("filterlab.caffe.net_spec").layers

    @layers.setter
    def layers(self, package: Any) -> None:
        """Importing the package of layers would set it."""


sys.modules[__name__].__class__ = _Package
