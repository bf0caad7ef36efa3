"""What a plain net says of one input: scores and probabilities of its classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import Net
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.transplant import not_finite, softmax, top_classes

__all__ = ["Answer", "Judge", "compared"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """Scores before the softmax and probabilities, both (classes,) float32."""

    score: Array
    prob: Array

    @property
    def best(self) -> int:
        """The class of the largest probability."""
        return int(self.prob.argmax())

    def top(self, count: int = 5) -> tuple[int, ...]:
        """The best classes, the best first."""
        return top_classes(self.prob, count)


def compared(before: Answer, after: Answer, count: int = 5) -> list[tuple[int, float, float]]:
    """The best classes of both answers as (class, before, after), the largest change first."""
    classes = dict.fromkeys([*before.top(count), *after.top(count)])
    rows = [(c, float(before.prob[c]), float(after.prob[c])) for c in classes]
    return sorted(rows, key=lambda row: -abs(row[2] - row[1]))


@dataclass(frozen=True)
class Judge:
    """Where a net's answer stands.

    Attributes
    ----------
    output, score : str
        The blobs after and before the softmax (or sigmoid); the same if it has none.
    activation : str
        What is still to be applied to the output: ``"softmax"``, ``"sigmoid"`` or ``""``.
    """

    output: str
    score: str
    activation: str = ""

    @classmethod
    def of(cls, net: Net, output: str | None = None, activation: str | None = None) -> Judge:
        """Find it: the output, and what it was before a softmax or sigmoid at the end.

        ``activation`` says what a net was trained with that ends without; softmax if not given.

        Raises
        ------
        FilterLabError
            If there are several outputs and none is chosen, or there is no such blob.
        """
        several = [name for name in net.outputs if len(net.blobs[name].shape) > 1]
        if output is None:
            if len(several) != 1:
                raise FilterLabError(
                    "the net has {n} outputs of several values ({names}); choose the one with the "
                    "classes with --output",
                    n=len(several),
                    names=", ".join(several) or "none",
                )
            output = several[0]
        elif output not in net.blobs:
            raise FilterLabError(
                "the net has no blob {name!r}; its outputs are {known}",
                name=output,
                known=", ".join(net.outputs),
            )
        makers = [layer for layer in net.layers if output in net.top_names[layer.name]]
        last = makers[-1] if makers else None
        if last is not None and last.type in ("Softmax", "Sigmoid"):
            bottom = net.bottom_names[last.name][0]
            # In place there is no score left.
            return cls(output, bottom if bottom != output else output)
        applied = {"none": "", None: "softmax"}.get(activation, activation) or ""
        return cls(output, output, applied)

    @property
    def end(self) -> str:
        """The blob to go back from for gradients: the scores."""
        return self.score

    def answer(self, net: Net) -> Answer:
        """What the net says, after a forward; of a net that answers with a map, its best cells.

        Raises
        ------
        FilterLabError
            If the answer is not finite.
        """
        score, out = self._peaks(net, self.score), self._peaks(net, self.output)
        if not np.isfinite(score).all() or not np.isfinite(out).all():
            raise not_finite(net, Text("the net's answer"))
        if self.activation == "softmax":
            out = softmax(out)
        elif self.activation == "sigmoid":
            out = np.asarray(1 / (1 + np.exp(-out.astype(np.float64))), np.float32)
        return Answer(score, out)

    def check_class(self, net: Net, wanted: int) -> int:
        """A class that the net has.

        Raises
        ------
        FilterLabError
            If it has not.
        """
        count = int(net.blobs[self.output].shape[1])
        if not 0 <= wanted < count:
            raise FilterLabError(
                "the net has no class {index}; its classes are 0 to {last}",
                index=wanted,
                last=count - 1,
            )
        return wanted

    @staticmethod
    def _peaks(net: Net, blob: str) -> Array:
        data = net.blobs[blob].data[0]
        return np.array(data.reshape(len(data), -1).max(axis=1), np.float32)
