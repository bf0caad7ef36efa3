"""LSTM and RNN, unrolled over time, and the indicators that tell them where a sequence begins.

Bottoms are the inputs (T, N, …) and ``cont`` (T, N), 0 where a sequence begins and 1 where it goes
on; then an input that is the same at all times (N, …), if any; and with ``expose_hidden`` the state
to start from, which is then given back as further tops. Without it the state at the end of a
forward is where the next one starts, as in BVLC Caffe.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    Layer,
    Reverse,
    Shape,
    WeightSpec,
    product,
    register,
    shape_text,
)
from filterlab.caffe.text import Text

__all__ = ["LSTM", "RNN", "ContinuationIndicator"]

FLOAT = 1


class _Recurrent(Layer):
    """What both share: the blobs, and a walk over the steps."""

    bottoms_allowed = (2, None)
    tops_allowed = (1, None)
    spatial = "everywhere"
    placeless = Text("it reads its input as a sequence")
    weights_in_gradient = True
    states: ClassVar[int]

    def setup(self) -> None:
        self.p = self.param.recurrent_param
        if self.p.num_output < 1:
            self.fail("num_output is missing or 0; write how many outputs there are")
        hidden = self.states if self.p.expose_hidden else 0
        self.static = len(self.bottoms) > 2 + hidden
        wanted = 2 + hidden + self.static
        if len(self.bottoms) != wanted or len(self.tops) != 1 + hidden:
            self.fail(
                "has {bottoms} bottoms and {tops} tops; it takes {few} or {many}, and {wanted}",
                bottoms=len(self.bottoms),
                tops=len(self.tops),
                few=2 + hidden,
                many=3 + hidden,
                wanted=1 + hidden,
            )

    @property
    def size(self) -> int:
        """Number of outputs."""
        return int(self.p.num_output)

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        x, cont = bottom_shapes[:2]
        if len(x) < 2 or cont != x[:2]:
            self.fail(
                "bottom '{blob}' is {shape}; it must be T x N as the first two axes of "
                "'{other}' ({wanted})",
                blob=self.bottoms[1],
                shape=shape_text(cont),
                other=self.bottoms[0],
                wanted=shape_text(x),
            )
        if self.static and (not bottom_shapes[2] or bottom_shapes[2][0] != x[1]):
            self.fail(
                "bottom '{blob}' is {shape}; it must have {rows} rows, one for each sequence",
                blob=self.bottoms[2],
                shape=shape_text(bottom_shapes[2]),
                rows=x[1],
            )
        state = (1, x[1], self.size)
        for name, shape in zip(self.bottoms[2 + self.static :], bottom_shapes[2 + self.static :]):
            if shape != state:
                self.fail(
                    "bottom '{blob}' is {shape}, but the state is {state}",
                    blob=name,
                    shape=shape_text(shape),
                    state=shape_text(state),
                )
        top = self.checked((*x[:2], self.size))
        return [top, *[state] * (len(self.tops) - 1)]

    def _inputs(self, shapes: list[Shape]) -> tuple[int, int]:
        """Values of the input at one time, and of the static one."""
        return product(shapes[0][2:]), product(shapes[2][1:]) if self.static else 0

    def _start(self, g: Graph, bottoms: list[str], shapes: list[Shape]) -> list[str]:
        """The states before the first step, (N, outputs) each."""
        n = shapes[0][1]
        if self.p.expose_hidden:
            return [g.reshape(v, (n, self.size)) for v in bottoms[2 + self.static :]]
        return [g.state(i, (n, self.size)) for i in range(self.states)]

    def _rows(self, g: Graph, value: str, shape: Shape) -> list[str]:
        """A (T, N, …) value as T values (N, …)."""
        t, n = shape[:2]
        value = g.reshape(value, (t * n, product(shape[2:])))
        return g.ops("Split", [value, g.ints([n] * t)], t, axis=0) if t > 1 else [value]

    def _joined(self, g: Graph, rows: list[str], shape: Shape) -> str:
        value = g.op("Concat", rows, axis=0) if len(rows) > 1 else rows[0]
        return g.reshape(value, shape)

    def _driven(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str], gates: int
    ) -> list[str]:
        """What the inputs add to the gates at each time."""
        t, n = shapes[0][:2]
        inputs, more = self._inputs(shapes)
        x = g.reshape(bottoms[0], (t * n, inputs))
        x = g.op("Gemm", [x, weights[0], weights[1]], transB=1)
        rows = self._rows(g, x, (t, n, gates))
        if self.static:
            static = g.reshape(bottoms[2], (n, more))
            static = g.op("Gemm", [static, weights[2]], transB=1)
            rows = [g.op("Add", [row, static]) for row in rows]
        return rows

    def _driven_gradient(
        self, g: Graph, r: Reverse, gates: list[str], width: int
    ) -> tuple[list[str | None], list[str]]:
        """Diffs of the bottoms that drive the gates, and of their weights."""
        t, n = r.shapes[0][:2]
        inputs, more = self._inputs(r.shapes)
        every = self._joined(g, gates, (t * n, width))
        x = g.reshape(r.bottom(0), (t * n, inputs))
        bottoms: list[str | None] = [
            g.reshape(g.op("MatMul", [every, r.weights[0]]), r.shapes[0]),
            None,
        ]
        weights = [
            g.op("Gemm", [every, x], transA=1),
            g.op("ReduceSum", [every, g.ints([0])], keepdims=0),
        ]
        if self.static:
            total = g.op("Sum", gates)
            static = g.reshape(r.bottom(2), (n, more))
            bottoms.append(g.reshape(g.op("MatMul", [total, r.weights[2]]), r.shapes[2]))
            weights.append(g.op("Gemm", [total, static], transA=1))
        return bottoms, weights

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return self._gradient(g, r)[0]

    def emit_weight_gradient(self, g: Graph, r: Reverse) -> list[str]:
        return self._gradient(g, r)[1]

    def _gradient(self, g: Graph, r: Reverse) -> tuple[list[str | None], list[str]]:
        raise NotImplementedError

    def allows_backward(self, bottom: int) -> bool:
        return bottom != 1

    def _last_diffs(self, g: Graph, r: Reverse) -> list[str]:
        """Diffs of the states after the last step."""
        n = r.shapes[0][1]
        if self.p.expose_hidden:
            return [g.reshape(r.diffs[1 + i], (n, self.size)) for i in range(self.states)]
        return [g.constant(np.zeros((n, self.size)))] * self.states


def _mul(g: Graph, *values: str) -> str:
    result = values[0]
    for value in values[1:]:
        result = g.op("Mul", [result, value])
    return result


def _rest(g: Graph, value: str) -> str:
    return g.op("Sub", [g.constant(1.0), value])


@register("LSTM")
class LSTM(_Recurrent):
    """Long short-term memory: gates input, forget, output and candidate, without peepholes.

    Weights are (4 outputs, inputs), (4 outputs,), with a static input (4 outputs, its inputs), and
    (4 outputs, outputs); the gates lie in that order.
    """

    states = 2

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        inputs, more = self._inputs(bottom_shapes)
        rows, p = 4 * self.size, self.p
        specs = [WeightSpec((rows, inputs), p.weight_filler), WeightSpec((rows,), p.bias_filler)]
        if self.static:
            specs.append(WeightSpec((rows, more), p.weight_filler))
        return [*specs, WeightSpec((rows, self.size), p.weight_filler)]

    def _steps(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[dict[str, str]]:
        """All values of all steps."""
        h, c = self._start(g, bottoms, shapes)
        driven = self._driven(g, bottoms, shapes, weights, 4 * self.size)
        steps = []
        for row, cont in zip(driven, self._rows(g, bottoms[1], shapes[1])):
            s = {"cont": cont, "h_before": g.op("Mul", [h, cont]), "c_before": c}
            gates = g.op("Gemm", [s["h_before"], weights[-1], row], transB=1)
            i, f, o, s["g"] = g.ops("Split", [gates, g.ints([self.size] * 4)], 4, axis=1)
            s["i"], f, s["o"] = (g.op("Sigmoid", [v]) for v in (i, f, o))
            s["f"] = g.op("Mul", [f, cont])
            s["g"] = g.op("Tanh", [s["g"]])
            c = g.op("Add", [_mul(g, s["f"], c), _mul(g, s["i"], s["g"])])
            s["c"], s["tanh"] = c, g.op("Tanh", [c])
            h = s["h"] = _mul(g, s["o"], s["tanh"])
            steps.append(s)
        return steps

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        steps = self._steps(g, bottoms, shapes, weights)
        top, *_ = self.reshape(shapes)
        joined = self._joined(g, [s["h"] for s in steps], top)
        last = [steps[-1]["h"], steps[-1]["c"]]
        if self.p.expose_hidden:
            return [joined, *(g.reshape(v, (1, shapes[0][1], self.size)) for v in last)]
        for i, value in enumerate(last):
            g.keep(i, value)
        return [joined]

    def _gradient(self, g: Graph, r: Reverse) -> tuple[list[str | None], list[str]]:
        t, n = r.shapes[0][:2]
        steps = self._steps(g, [r.bottom(i) for i in range(len(self.bottoms))], r.shapes, r.weights)
        h_diff, c_diff = self._last_diffs(g, r)
        gates: list[str] = []
        for s, top in zip(reversed(steps), reversed(self._rows(g, r.diffs[0], r.tops[0]))):
            h_diff = g.op("Add", [h_diff, top])
            through = _mul(g, h_diff, s["o"], _rest(g, _mul(g, s["tanh"], s["tanh"])))
            c_diff = g.op("Add", [c_diff, through])
            parts = [
                _mul(g, c_diff, s["g"], s["i"], _rest(g, s["i"])),
                _mul(g, c_diff, s["c_before"], s["f"], _rest(g, s["f"])),
                _mul(g, h_diff, s["tanh"], s["o"], _rest(g, s["o"])),
                _mul(g, c_diff, s["i"], _rest(g, _mul(g, s["g"], s["g"]))),
            ]
            gates.insert(0, g.op("Concat", parts, axis=1))
            h_diff = _mul(g, g.op("MatMul", [gates[0], r.weights[-1]]), s["cont"])
            c_diff = _mul(g, c_diff, s["f"])
        bottoms, weights = self._driven_gradient(g, r, gates, 4 * self.size)
        before = self._joined(g, [s["h_before"] for s in steps], (t * n, self.size))
        every = self._joined(g, gates, (t * n, 4 * self.size))
        weights.append(g.op("Gemm", [every, before], transA=1))
        if self.p.expose_hidden:
            bottoms += [g.reshape(v, (1, n, self.size)) for v in (h_diff, c_diff)]
        return bottoms, weights


@register("RNN")
class RNN(_Recurrent):
    """A plain recurrent net: h = tanh(W h before + W x + b), output tanh(W h + b).

    Weights are (outputs, inputs), (outputs,), with a static input (outputs, its inputs),
    (outputs, outputs) for the state, (outputs, outputs) and (outputs,) for the output.
    """

    states = 1

    def weight_specs(self, bottom_shapes: list[Shape]) -> list[WeightSpec]:
        inputs, more = self._inputs(bottom_shapes)
        n, p = self.size, self.p
        specs = [WeightSpec((n, inputs), p.weight_filler), WeightSpec((n,), p.bias_filler)]
        if self.static:
            specs.append(WeightSpec((n, more), p.weight_filler))
        square = WeightSpec((n, n), p.weight_filler)
        return [*specs, square, square, WeightSpec((n,), p.bias_filler)]

    def _steps(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[dict[str, str]]:
        (h,) = self._start(g, bottoms, shapes)
        driven = self._driven(g, bottoms, shapes, weights, self.size)
        steps = []
        for row, cont in zip(driven, self._rows(g, bottoms[1], shapes[1])):
            s = {"cont": cont, "h_before": g.op("Mul", [h, cont])}
            h = g.op("Tanh", [g.op("Gemm", [s["h_before"], weights[-3], row], transB=1)])
            s["h"] = h
            s["o"] = g.op("Tanh", [g.op("Gemm", [h, weights[-2], weights[-1]], transB=1)])
            steps.append(s)
        return steps

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        steps = self._steps(g, bottoms, shapes, weights)
        joined = self._joined(g, [s["o"] for s in steps], self.reshape(shapes)[0])
        if self.p.expose_hidden:
            return [joined, g.reshape(steps[-1]["h"], (1, shapes[0][1], self.size))]
        g.keep(0, steps[-1]["h"])
        return [joined]

    def _gradient(self, g: Graph, r: Reverse) -> tuple[list[str | None], list[str]]:
        t, n = r.shapes[0][:2]
        steps = self._steps(g, [r.bottom(i) for i in range(len(self.bottoms))], r.shapes, r.weights)
        (h_diff,) = self._last_diffs(g, r)
        outputs: list[str] = []
        gates: list[str] = []
        for s, top in zip(reversed(steps), reversed(self._rows(g, r.diffs[0], r.tops[0]))):
            outputs.insert(0, _mul(g, top, _rest(g, _mul(g, s["o"], s["o"]))))
            h_diff = g.op("Gemm", [outputs[0], r.weights[-2], h_diff])
            gates.insert(0, _mul(g, h_diff, _rest(g, _mul(g, s["h"], s["h"]))))
            h_diff = _mul(g, g.op("MatMul", [gates[0], r.weights[-3]]), s["cont"])
        bottoms, weights = self._driven_gradient(g, r, gates, self.size)
        rows = (t * n, self.size)
        every, out = self._joined(g, gates, rows), self._joined(g, outputs, rows)
        before, h = (self._joined(g, [s[k] for s in steps], rows) for k in ("h_before", "h"))
        weights += [
            g.op("Gemm", [every, before], transA=1),
            g.op("Gemm", [out, h], transA=1),
            g.op("ReduceSum", [out, g.ints([0])], keepdims=0),
        ]
        if self.p.expose_hidden:
            bottoms.append(g.reshape(h_diff, (1, n, self.size)))
        return bottoms, weights


@register("ContinuationIndicator")
class ContinuationIndicator(Layer):
    """``cont`` for sequences as long as the net's time: 0 at the first step, 1 at all others.

    A bottom of 1 for a sequence, or ``flag``, says that it goes on from the forward before. As in
    the forks that read video with an LSTM (zhzhong11/video-caffe).
    """

    bottoms_allowed = (0, 1)
    spatial = "source"

    def setup(self) -> None:
        p = self.param.continuation_indicator_param
        if p.time_step < 1 or p.batch_size < 1:
            self.fail("time_step and batch_size must both be at least 1")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        p = self.param.continuation_indicator_param
        if bottom_shapes and product(bottom_shapes[0]) != p.batch_size:
            self.fail(
                "bottom '{blob}' is {shape}; it must say for each of the {count} "
                "sequences whether it goes on",
                blob=self.bottoms[0],
                shape=shape_text(bottom_shapes[0]),
                count=p.batch_size,
            )
        return [self.checked((p.time_step, p.batch_size))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p = self.param.continuation_indicator_param
        value = np.ones((p.time_step, p.batch_size))
        value[0] = float(p.flag)
        if not bottoms or p.flag:
            return [g.constant(value)]
        flags = g.reshape(bottoms[0], (1, p.batch_size))
        away = g.op("Abs", [g.op("Sub", [flags, g.constant(1.0)])])
        first = g.op("Cast", [g.op("LessOrEqual", [away, g.constant(0.01)])], to=FLOAT)
        return [g.op("Max", [g.constant(value), first])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [None] * len(self.bottoms)
