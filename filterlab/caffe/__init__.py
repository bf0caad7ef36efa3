"""pycaffe's names on ONNX Runtime: run, edit and save Caffe nets.

::

    import filterlab.caffe as caffe

    net = caffe.Net("deploy.prototxt", "weights.caffemodel", caffe.TEST)
    net.blobs["data"].data[...] = picture
    net.forward()
"""

from filterlab.caffe import _caffe, io, pycaffe
from filterlab.caffe.blob import Blob
from filterlab.caffe.classifier import Classifier
from filterlab.caffe.detector import Detector
from filterlab.caffe.device import set_device, set_mode_cpu, set_mode_gpu
from filterlab.caffe.errors import CaffeError, CaffeWarning
from filterlab.caffe.fillers import set_random_seed
from filterlab.caffe.layers import REGISTRY as _REGISTRY
from filterlab.caffe.layers.python_layer import UserLayer as Layer
from filterlab.caffe.layers.refused import REFUSED as _REFUSED
from filterlab.caffe.legacy_api import set_phase_test, set_phase_train
from filterlab.caffe.net import TEST, TRAIN, Net

# After the package of layers, whose name the maker of layers takes here, as in pycaffe.
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


def layer_type_list() -> list[str]:
    """Names of all layer types that this engine runs, sorted."""
    return sorted(set(_REGISTRY) - set(_REFUSED))
