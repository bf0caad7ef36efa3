"""What trains is refused in words; what scripts say beside it does nothing."""

from __future__ import annotations

import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError


@pytest.mark.parametrize(
    "name",
    [
        "SGDSolver",
        "NesterovSolver",
        "AdaGradSolver",
        "RMSPropSolver",
        "AdaDeltaSolver",
        "AdamSolver",
        "get_solver",
    ],
)
def test_solvers_say_what_to_do(name: str) -> None:
    with pytest.raises(CaffeError, match="does not train them; train with"):
        getattr(caffe, name)("solver.prototxt")


def test_calls_of_scripts_that_change_nothing() -> None:
    caffe.init_log()
    caffe.log("text")
    caffe.set_multiprocess(True)
    caffe.set_solver_count(2)
    caffe.set_solver_rank(1)
    assert (caffe.solver_count(), caffe.solver_rank(), caffe.has_nccl()) == (1, 0, False)
    assert caffe.__version__ == "1.0.0"
