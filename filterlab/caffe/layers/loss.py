"""Losses and Accuracy: what a net for training says about its labels, forward only.

The losses are BVLC's: sums over the batch, divided as ``loss_param`` says.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import Layer, Shape, product, register, shape_text

__all__ = ["Accuracy", "EuclideanLoss", "SoftmaxWithLoss"]

INT64 = 7
FLOAT = 1
SMALLEST = float(np.finfo(np.float32).tiny)
LOG_THRESHOLD = 1e-20


def total(g: Graph, value: str) -> str:
    """The sum of everything, as a scalar."""
    return g.op("ReduceSum", [value], keepdims=0)


class _Labelled(Layer):
    """Scores along an axis, and one label for each place beside that axis."""

    bottoms_allowed = (2, 2)
    threshold = SMALLEST

    def score_axis(self, shape: Shape) -> int:
        """The axis of the classes."""
        return self.axis(self.param.softmax_param.axis, shape)

    def layout(self, shapes: list[Shape]) -> tuple[int, int, int]:
        """(outer, classes, inner): the scores' shape with all other axes folded."""
        shape = shapes[0]
        axis = self.score_axis(shape)
        outer, inner = product(shape[:axis]), product(shape[axis + 1 :])
        if product(shapes[1]) != outer * inner:
            self.fail(
                f"bottom '{self.bottoms[1]}' ({shape_text(shapes[1])}) has "
                f"{product(shapes[1])} labels, but '{self.bottoms[0]}' ({shape_text(shape)}) "
                f"needs {outer * inner}"
            )
        return outer, shape[axis], inner

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.layout(bottom_shapes)
        return [()]

    def labels(
        self, g: Graph, label: str, layout: tuple[int, int, int], ignored: Any
    ) -> tuple[str, str | None]:
        """Labels as (outer, 1, inner) indices, and 1 where one counts (None: all do)."""
        index = g.reshape(g.op("Cast", [label], to=INT64), (layout[0], 1, layout[2]))
        if ignored is None:
            return index, None
        skip = g.op("Equal", [index, g.constant(ignored, np.int64)])
        index = g.op("Where", [skip, g.constant(0, np.int64), index])
        return index, g.op("Cast", [g.op("Not", [skip])], to=FLOAT)


def _ignored(param: Any) -> int | None:
    return int(param.ignore_label) if param.HasField("ignore_label") else None


def normalizer(
    g: Graph, mode: int, layout: tuple[int, int, int], counts: str | None, p: Any
) -> str:
    """What a loss is divided by, at least 1."""
    outer, _, inner = layout
    if mode == p.VALID and counts is not None:
        return g.op("Max", [total(g, counts), g.constant(1.0)])
    sizes = {p.FULL: outer * inner, p.VALID: outer * inner, p.BATCH_SIZE: outer, p.NONE: 1}
    return g.constant(float(max(1, sizes[mode])))


def normalization(p: Any, default: int) -> int:
    """The normalization that a LossParameter asks for, the old ``normalize`` included."""
    if p.HasField("normalization"):
        return int(p.normalization)
    if p.HasField("normalize"):
        return int(p.VALID if p.normalize else p.BATCH_SIZE)
    return default


@register("SoftmaxWithLoss")
class SoftmaxWithLoss(_Labelled):
    """-log softmax of the label's score, averaged; a second top gives the softmax."""

    tops_allowed = (1, 2)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.layout(bottom_shapes)
        return [(), bottom_shapes[0]][: len(self.tops)]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, layout = self.param.loss_param, self.layout(shapes)
        prob = g.op("Softmax", [bottoms[0]], axis=self.score_axis(shapes[0]))
        index, counts = self.labels(g, bottoms[1], layout, _ignored(p))
        picked = g.op("GatherElements", [g.reshape(prob, layout), index], axis=1)
        loss = g.op("Neg", [g.op("Log", [g.op("Max", [picked, g.constant(self.threshold)])])])
        if counts is not None:
            loss = g.op("Mul", [loss, counts])
        divide = normalizer(g, normalization(p, p.VALID), layout, counts, p)
        return [g.op("Div", [total(g, loss), divide]), prob][: len(self.tops)]


@register("MultinomialLogisticLoss")
class MultinomialLogisticLoss(_Labelled):
    """-log of the label's probability, averaged over the batch."""

    threshold = LOG_THRESHOLD

    def score_axis(self, shape: Shape) -> int:
        return self.axis(1, shape)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        layout = self.layout(shapes)
        index, _ = self.labels(g, bottoms[1], layout, None)
        picked = g.op("GatherElements", [g.reshape(bottoms[0], layout), index], axis=1)
        loss = g.op("Log", [g.op("Max", [picked, g.constant(self.threshold)])])
        return [g.op("Mul", [total(g, loss), g.constant(-1.0 / max(1, layout[0]))])]


@register("InfogainLoss")
class InfogainLoss(_Labelled):
    """-sum of H[label] log softmax, averaged; H is the third bottom."""

    bottoms_allowed = (2, 3)
    tops_allowed = (1, 2)

    def setup(self) -> None:
        if len(self.bottoms) < 3:
            self.fail("the matrix H must be the third bottom; a source file is not read")

    def score_axis(self, shape: Shape) -> int:
        return self.axis(self.param.infogain_loss_param.axis, shape)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        classes = self.layout(bottom_shapes)[1]
        if product(bottom_shapes[2]) != classes**2:
            self.fail(
                f"bottom '{self.bottoms[2]}' is {shape_text(bottom_shapes[2])}; for {classes} "
                f"classes it must hold {classes}x{classes} values"
            )
        return [(), bottom_shapes[0]][: len(self.tops)]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, layout = self.param.loss_param, self.layout(shapes)
        outer, classes, inner = layout
        prob = g.op("Softmax", [bottoms[0]], axis=self.score_axis(shapes[0]))
        index, counts = self.labels(g, bottoms[1], layout, _ignored(p))
        rows = g.op("Gather", [g.reshape(bottoms[2], (classes, classes)),
                               g.reshape(index, (outer, inner))])  # fmt: skip
        rows = g.op("Transpose", [rows], perm=[0, 2, 1])
        log = g.op("Log", [g.op("Max", [g.reshape(prob, layout), g.constant(LOG_THRESHOLD)])])
        loss = g.op("Neg", [g.op("Mul", [rows, log])])
        if counts is not None:
            loss = g.op("Mul", [loss, counts])
        divide = normalizer(g, normalization(p, p.VALID), layout, counts, p)
        return [g.op("Div", [total(g, loss), divide]), prob][: len(self.tops)]


@register("HingeLoss")
class HingeLoss(_Labelled):
    """Margins max(0, 1 - score) of the label and max(0, 1 + score) of all others, L1 or L2."""

    def score_axis(self, shape: Shape) -> int:
        return self.axis(1, shape)

    def layout(self, shapes: list[Shape]) -> tuple[int, int, int]:
        flat = (shapes[0][0], product(shapes[0][1:])) if shapes[0] else shapes[0]
        return super().layout([flat, shapes[1]])

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, (outer, classes, _) = self.param.hinge_loss_param, self.layout(shapes)
        index, _ = self.labels(g, bottoms[1], (outer, classes, 1), None)
        hot = g.op("OneHot", [g.reshape(index, (outer,)), g.ints([classes]),
                              g.constant([1.0, -1.0])])  # fmt: skip
        margin = g.op("Mul", [g.reshape(bottoms[0], (outer, classes)), hot])
        margin = g.op("Relu", [g.op("Add", [margin, g.constant(1.0)])])
        if p.norm == p.L2:
            margin = g.op("Mul", [margin, margin])
        return [g.op("Mul", [total(g, margin), g.constant(1.0 / max(1, outer))])]


class _Paired(Layer):
    """Two bottoms of as many values."""

    bottoms_allowed = (2, 2)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        a, b = bottom_shapes[:2]
        if product(a) != product(b) or a[:1] != b[:1]:
            self.fail(
                f"bottom '{self.bottoms[0]}' is {shape_text(a)} but '{self.bottoms[1]}' is "
                f"{shape_text(b)}; they must match"
            )
        return [()]


@register("EuclideanLoss")
class EuclideanLoss(_Paired):
    """Half the squared distance, averaged over the batch."""

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        count = product(shapes[0])
        a, b = (g.reshape(value, (count,)) for value in bottoms)
        difference = g.op("Sub", [a, b])
        square = total(g, g.op("Mul", [difference, difference]))
        return [g.op("Mul", [square, g.constant(0.5 / max([1, *shapes[0][:1]]))])]


@register("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(_Paired):
    """Cross entropy of sigmoid(score) with a target in 0..1, averaged over the batch."""

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, count = self.param.loss_param, product(shapes[0])
        x, target = (g.reshape(value, (count,)) for value in bottoms)
        loss = g.op("Sub", [g.op("Softplus", [x]), g.op("Mul", [x, target])])
        counts = None
        ignored = _ignored(p)
        if ignored is not None:
            label = g.op("Cast", [target], to=INT64)
            skip = g.op("Equal", [label, g.constant(ignored, np.int64)])
            counts = g.op("Cast", [g.op("Not", [skip])], to=FLOAT)
            loss = g.op("Mul", [loss, counts])
        outer = shapes[0][0] if shapes[0] else 1
        layout = (outer, 1, count // max(1, outer))
        divide = normalizer(g, normalization(p, p.BATCH_SIZE), layout, counts, p)
        return [g.op("Div", [total(g, loss), divide])]


@register("ContrastiveLoss")
class ContrastiveLoss(_Paired):
    """Pulls alike pairs together and pushes others ``margin`` apart; bottom 2 says which."""

    bottoms_allowed = (3, 3)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        rows, alike = bottom_shapes[0][:1], bottom_shapes[2]
        if not rows or product(alike) != rows[0]:
            self.fail(
                f"bottom '{self.bottoms[2]}' is {shape_text(alike)}; it must say for each of the "
                f"pairs of '{self.bottoms[0]}' ({shape_text(bottom_shapes[0])}) whether they match"
            )
        return super().reshape(bottom_shapes)

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p = self.param.contrastive_loss_param
        rows = shapes[0][0]
        size = product(shapes[0][1:])
        a, b = (g.reshape(value, (rows, size)) for value in bottoms[:2])
        alike = g.op("Cast", [g.reshape(bottoms[2], (rows,))], to=9)
        difference = g.op("Sub", [a, b])
        square = g.op("Mul", [difference, difference])
        near = g.op("ReduceSum", [square, g.ints([1])], keepdims=0)
        margin = g.constant(p.margin)
        if p.legacy_version:
            far = g.op("Relu", [g.op("Sub", [margin, near])])
        else:
            short = g.op("Relu", [g.op("Sub", [margin, g.op("Sqrt", [near])])])
            far = g.op("Mul", [short, short])
        loss = total(g, g.op("Where", [alike, near, far]))
        return [g.op("Mul", [loss, g.constant(0.5 / max(1, rows))])]


@register("Accuracy")
class Accuracy(_Labelled):
    """Share of labels among the ``top_k`` best; a second top gives it for each class."""

    tops_allowed = (1, 2)

    def setup(self) -> None:
        if self.param.accuracy_param.top_k < 1:
            self.fail("top_k is 0; it must be at least 1")

    def score_axis(self, shape: Shape) -> int:
        return self.axis(self.param.accuracy_param.axis, shape)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        classes = self.layout(bottom_shapes)[1]
        top_k = self.param.accuracy_param.top_k
        if top_k > classes:
            self.fail(f"top_k is {top_k}, but there are only {classes} classes")
        return [(), (classes,)][: len(self.tops)]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, layout = self.param.accuracy_param, self.layout(shapes)
        scores = g.reshape(bottoms[0], layout)
        index, counts = self.labels(g, bottoms[1], layout, _ignored(p))
        if counts is None:
            counts = g.constant(np.ones((layout[0], 1, layout[2])))
        picked = g.op("GatherElements", [scores, index], axis=1)
        # Ties count against the label, and the label itself is among those at least as good.
        rivals = g.op("Cast", [g.op("GreaterOrEqual", [scores, picked])], to=FLOAT)
        rank = g.op("ReduceSum", [rivals, g.ints([1])], keepdims=1)
        hit = g.op("Cast", [g.op("LessOrEqual", [rank, g.constant(float(p.top_k))])], to=FLOAT)
        hit = g.op("Mul", [hit, counts])
        one = g.constant(1.0)
        share = g.op("Div", [total(g, hit), g.op("Max", [total(g, counts), one])])
        if len(self.tops) == 1:
            return [share]
        n = layout[0] * layout[2]
        hot = g.op("OneHot", [g.reshape(index, (n,)), g.ints([layout[1]]), g.constant([0.0, 1.0])])
        hits, seen = (
            g.op("ReduceSum", [g.op("Mul", [hot, g.reshape(v, (n, 1))]), g.ints([0])], keepdims=0)
            for v in (hit, counts)
        )
        return [share, g.op("Div", [hits, g.op("Max", [seen, one])])]
