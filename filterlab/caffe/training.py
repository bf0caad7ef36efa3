"""pycaffe's names for training. This engine runs and edits nets, it does not train them."""

from __future__ import annotations

import time
from typing import Any, NoReturn

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.text import Text

__all__ = [
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
]

_CURE = Text(
    "this engine runs and edits nets, it does not train them; train with BVLC Caffe or PyTorch"
)


class _Solver:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise CaffeError("{name__}: {cure}", name__=type(self).__name__, cure=_CURE)


class SGDSolver(_Solver):
    """Refused."""


class NesterovSolver(_Solver):
    """Refused."""


class AdaGradSolver(_Solver):
    """Refused."""


class RMSPropSolver(_Solver):
    """Refused."""


class AdaDeltaSolver(_Solver):
    """Refused."""


class AdamSolver(_Solver):
    """Refused."""


def get_solver(filename: str) -> NoReturn:
    """Refused."""
    raise CaffeError("get_solver({filename!r}): {cure}", filename=filename, cure=_CURE)


class Timer:
    """Milliseconds between :meth:`start` and :meth:`stop`; scripts for training measure so."""

    def __init__(self) -> None:
        self._start = 0.0
        self._ms = 0.0

    def start(self) -> None:
        """Count from now."""
        self._start = time.perf_counter()

    def stop(self) -> None:
        """Count no further."""
        self._ms = (time.perf_counter() - self._start) * 1000

    @property
    def ms(self) -> float:
        """What was counted."""
        return self._ms


def init_log(*args: Any) -> None:
    """Nothing: this engine keeps no log of its own."""


def log(message: str) -> None:
    """Nothing: this engine keeps no log of its own."""


def set_multiprocess(multiprocess: bool) -> None:
    """Nothing: only training used it."""


def set_solver_count(count: int) -> None:
    """Nothing: only training used it."""


def set_solver_rank(rank: int) -> None:
    """Nothing: only training used it."""


def solver_count() -> int:
    """1."""
    return 1


def solver_rank() -> int:
    """0."""
    return 0


def has_nccl() -> bool:
    """False."""
    return False
