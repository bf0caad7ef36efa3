"""Losses and Accuracy: what a net for training says about its labels, forward only.

The losses are BVLC's: sums over the batch, divided as ``loss_param`` says.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    Layer,
    Reverse,
    Shape,
    indices,
    product,
    register,
    shape_text,
)
from filterlab.caffe.text import Text

__all__ = ["Accuracy", "EuclideanLoss", "SoftmaxWithLoss"]

INT64 = 7
FLOAT = 1
SMALLEST = float(np.finfo(np.float32).tiny)
LOG_THRESHOLD = 1e-20


def total(g: Graph, value: str) -> str:
    """The sum of everything, as a scalar."""
    return g.op("ReduceSum", [value], keepdims=0)


def one_hot(g: Graph, index: str, layout: tuple[int, int, int], values: list[float]) -> str:
    """Labels (outer, 1, inner) as (outer, classes, inner): the second value where they point."""
    outer, classes, inner = layout
    hot = g.op("OneHot", [g.reshape(index, (outer, inner)), g.constant(classes, np.int64),
                          g.constant(values)], axis=1)  # fmt: skip
    return g.reshape(hot, layout)


def weighted(g: Graph, r: Reverse, value: str, divide: str) -> str:
    """A loss's diff: times its share in the whole, over what the loss is divided by."""
    value = g.op("Mul", [value, g.op("Div", [r.diffs[0], divide])])
    return g.reshape(value, r.shapes[0])


class _Loss(Layer):
    """What all have in common: labels get no diff."""

    bottoms_allowed = (2, 2)
    spatial = "sink"

    def allows_backward(self, bottom: int) -> bool:
        return bottom == 0


class _Labelled(_Loss):
    """Scores along an axis, and one label for each place beside that axis."""

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
                "bottom '{labels}' ({shape}) has {count} labels, but '{blob}' ({shape2}) "
                "needs {wanted}",
                labels=self.bottoms[1],
                shape=shape_text(shapes[1]),
                count=product(shapes[1]),
                blob=self.bottoms[0],
                shape2=shape_text(shape),
                wanted=outer * inner,
            )
        return outer, shape[axis], inner

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        self.layout(bottom_shapes)
        return [()]

    def labels(
        self, g: Graph, label: str, layout: tuple[int, int, int], ignored: Any
    ) -> tuple[str, str | None]:
        """Labels as (outer, 1, inner) indices, and 1 where one counts (None: all do)."""
        label = g.reshape(label, (layout[0], 1, layout[2]))
        if ignored is None:
            return indices(g, label, layout[1]), None
        skip = g.op("Equal", [g.op("Cast", [label], to=INT64), g.constant(ignored, np.int64)])
        label = g.op("Where", [skip, g.constant(0.0), label])
        return indices(g, label, layout[1]), g.op("Cast", [g.op("Not", [skip])], to=FLOAT)


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

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, layout = self.param.loss_param, self.layout(r.shapes)
        prob = g.op("Softmax", [r.bottom(0)], axis=self.score_axis(r.shapes[0]))
        index, counts = self.labels(g, r.bottom(1), layout, _ignored(p))
        hot = one_hot(g, index, layout, [0.0, 1.0])
        value = g.op("Sub", [g.reshape(prob, layout), hot])
        if counts is not None:
            value = g.op("Mul", [value, counts])
        divide = normalizer(g, normalization(p, p.VALID), layout, counts, p)
        return [weighted(g, r, value, divide), None]


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

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        layout = self.layout(r.shapes)
        index, _ = self.labels(g, r.bottom(1), layout, None)
        prob = g.op("Max", [g.reshape(r.bottom(0), layout), g.constant(self.threshold)])
        value = g.op("Div", [one_hot(g, index, layout, [0.0, -1.0]), prob])
        return [weighted(g, r, value, g.constant(float(max(1, layout[0])))), None]


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
                "bottom '{blob}' is {shape}; for {classes} classes it must hold "
                "{classes}x{classes} values",
                blob=self.bottoms[2],
                shape=shape_text(bottom_shapes[2]),
                classes=classes,
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
        rows = g.op(Text("Transpose"), [rows], perm=[0, 2, 1])
        log = g.op("Log", [g.op("Max", [g.reshape(prob, layout), g.constant(LOG_THRESHOLD)])])
        loss = g.op("Neg", [g.op("Mul", [rows, log])])
        if counts is not None:
            loss = g.op("Mul", [loss, counts])
        divide = normalizer(g, normalization(p, p.VALID), layout, counts, p)
        return [g.op("Div", [total(g, loss), divide]), prob][: len(self.tops)]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, layout = self.param.loss_param, self.layout(r.shapes)
        outer, classes, inner = layout
        prob = g.op("Softmax", [r.bottom(0)], axis=self.score_axis(r.shapes[0]))
        index, counts = self.labels(g, r.bottom(1), layout, _ignored(p))
        rows = g.op(
            "Gather",
            [g.reshape(r.bottom(2), (classes, classes)), g.reshape(index, (outer, inner))],
        )
        rows = g.op(Text("Transpose"), [rows], perm=[0, 2, 1])
        sums = g.op("ReduceSum", [rows, g.ints([1])], keepdims=1)
        value = g.op("Sub", [g.op("Mul", [g.reshape(prob, layout), sums]), rows])
        if counts is not None:
            value = g.op("Mul", [value, counts])
        divide = normalizer(g, normalization(p, p.VALID), layout, counts, p)
        return [weighted(g, r, value, divide), None, None]


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
        hot = g.op("OneHot", [g.reshape(index, (outer,)), g.constant(classes, np.int64),
                              g.constant([1.0, -1.0])])  # fmt: skip
        margin = g.op("Mul", [g.reshape(bottoms[0], (outer, classes)), hot])
        margin = g.op("Relu", [g.op("Add", [margin, g.constant(1.0)])])
        if p.norm == p.L2:
            margin = g.op("Mul", [margin, margin])
        return [g.op("Mul", [total(g, margin), g.constant(1.0 / max(1, outer))])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, (outer, classes, _) = self.param.hinge_loss_param, self.layout(r.shapes)
        index, _ = self.labels(g, r.bottom(1), (outer, classes, 1), None)
        signs = g.reshape(one_hot(g, index, (outer, classes, 1), [1.0, -1.0]), (outer, classes))
        margin = g.op("Mul", [g.reshape(r.bottom(0), (outer, classes)), signs])
        margin = g.op("Relu", [g.op("Add", [margin, g.constant(1.0)])])
        if p.norm == p.L2:
            margin = g.op("Mul", [margin, g.constant(2.0)])
        else:
            margin = g.op("Sign", [margin])
        value = g.op("Mul", [margin, signs])
        return [weighted(g, r, value, g.constant(float(max(1, outer)))), None]


class _Paired(_Loss):
    """Two bottoms of as many values."""

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        a, b = bottom_shapes[:2]
        if product(a) != product(b) or a[:1] != b[:1]:
            self.fail(
                "bottom '{blob}' is {shape} but '{other}' is {shape2}; they must match",
                blob=self.bottoms[0],
                shape=shape_text(a),
                other=self.bottoms[1],
                shape2=shape_text(b),
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

    def allows_backward(self, bottom: int) -> bool:
        return True

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        count = product(r.shapes[0])
        a, b = (g.reshape(r.bottom(i), (count,)) for i in (0, 1))
        divide = g.constant(float(max([1, *r.shapes[0][:1]])))
        value = g.op("Div", [g.op("Mul", [g.op("Sub", [a, b]), r.diffs[0]]), divide])
        return [g.reshape(value, r.shapes[0]), g.reshape(g.op("Neg", [value]), r.shapes[1])]


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

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p, count = self.param.loss_param, product(r.shapes[0])
        x, target = (g.reshape(r.bottom(i), (count,)) for i in (0, 1))
        value = g.op("Sub", [g.op("Sigmoid", [x]), target])
        counts = None
        ignored = _ignored(p)
        if ignored is not None:
            label = g.op("Cast", [target], to=INT64)
            skip = g.op("Equal", [label, g.constant(ignored, np.int64)])
            counts = g.op("Cast", [g.op("Not", [skip])], to=FLOAT)
            value = g.op("Mul", [value, counts])
        outer = r.shapes[0][0] if r.shapes[0] else 1
        layout = (outer, 1, count // max(1, outer))
        divide = normalizer(g, normalization(p, p.BATCH_SIZE), layout, counts, p)
        return [weighted(g, r, value, divide), None]


@register("ContrastiveLoss")
class ContrastiveLoss(_Paired):
    """Pulls alike pairs together and pushes others ``margin`` apart; bottom 2 says which."""

    bottoms_allowed = (3, 3)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        rows, alike = bottom_shapes[0][:1], bottom_shapes[2]
        if not rows or product(alike) != rows[0]:
            self.fail(
                "bottom '{blob}' is {shape}; it must say for each of the pairs of "
                "'{other}' ({shape2}) whether they match",
                blob=self.bottoms[2],
                shape=shape_text(alike),
                other=self.bottoms[0],
                shape2=shape_text(bottom_shapes[0]),
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

    def allows_backward(self, bottom: int) -> bool:
        return bottom != 2

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        p = self.param.contrastive_loss_param
        rows = r.shapes[0][0]
        size = product(r.shapes[0][1:])
        a, b = (g.reshape(r.bottom(i), (rows, size)) for i in (0, 1))
        alike = g.op("Cast", [g.reshape(r.bottom(2), (rows, 1))], to=9)
        difference = g.op("Sub", [a, b])
        square = g.op("Mul", [difference, difference])
        near = g.op("ReduceSum", [square, g.ints([1])], keepdims=1)
        if p.legacy_version:
            left = g.op("Sub", [g.constant(p.margin), near])
            push = g.constant(-1.0)
        else:
            distance = g.op("Sqrt", [near])
            left = g.op("Sub", [g.constant(p.margin), distance])
            # BVLC's own guard against pairs that are the same.
            push = g.op("Div", [g.op("Neg", [left]),
                                g.op("Add", [distance, g.constant(1e-4)])])  # fmt: skip
        push = g.op("Where", [g.op("Greater", [left, g.constant(0.0)]), push, g.constant(0.0)])
        factor = g.op("Where", [alike, g.constant(1.0), push])
        value = g.op("Mul", [g.op("Mul", [difference, factor]), r.diffs[0]])
        value = g.op("Mul", [value, g.constant(1.0 / max(1, rows))])
        return [
            g.reshape(value, r.shapes[0]),
            g.reshape(g.op("Neg", [value]), r.shapes[1]),
            None,
        ]


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
            self.fail(
                "top_k is {top}, but there are only {classes} classes", top=top_k, classes=classes
            )
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
        hot = g.op(
            "OneHot",
            [g.reshape(index, (n,)), g.constant(layout[1], np.int64), g.constant([0.0, 1.0])],
        )
        hits, seen = (
            g.op("ReduceSum", [g.op("Mul", [hot, g.reshape(v, (n, 1))]), g.ints([0])], keepdims=0)
            for v in (hit, counts)
        )
        return [share, g.op("Div", [hits, g.op("Max", [seen, one])])]
