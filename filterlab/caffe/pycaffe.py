"""What pycaffe keeps in ``caffe.pycaffe``: for scripts that import it from there."""

from __future__ import annotations

from filterlab.caffe.net import Net
from filterlab.caffe.training import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
)

__all__ = [
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "NesterovSolver",
    "Net",
    "RMSPropSolver",
    "SGDSolver",
]
