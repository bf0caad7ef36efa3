"""Progress of a long job as plain data, and jobs as generators.

A job yields :class:`Progress` between short steps and returns its result. Whoever runs it (a
worker thread of the window, the command line, a test) may stop it between two steps by closing
the generator; the job's ``finally`` blocks then put everything back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Job", "Progress", "run_job"]

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Attributes
    ----------
    step : str
        The name of the step that begins now, as shown beside the bar.
    done, total : float
        Work done so far and in all, in the job's own unit. ``total`` 0 means unknown.
    message : str
        A detail worth showing, such as a shape; may be empty.
    """

    step: str
    done: float
    total: float
    message: str = ""

    @property
    def fraction(self) -> float:
        """Share of the work done, 0 to 1; 0 while the total is unknown."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


Job = Generator[Progress, None, T]


def run_job(job: Job[T], on_progress: Callable[[Progress], object] | None = None) -> T:
    """Run a job to its end in this thread and return its result."""
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            result: T = end.value
            return result
        if on_progress is not None:
            on_progress(progress)
