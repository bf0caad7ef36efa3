"""Positions that nobody reads are not computed.

Where everybody who reads a blob is a convolution of 1x1 with a stride, as at the beginning of a
stage of ResNet (He et al., 2015, as published for Caffe), three of four positions are never looked
at. Then the convolution that makes the blob takes the stride itself; what lies between them, a sum
or a ReLU, is computed at the positions left, and of a sum's other side these are picked out. The
values are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filterlab.caffe.blob import Shape
from filterlab.caffe.graph import Graph

__all__ = ["thin"]

Step = tuple[int, int]

EVERY: Step = (1, 1)
#: Operations that compute each value from the one at the same position.
BY_VALUE = ("Relu", "LeakyRelu", "Clip")


def thin(graph: Graph, shapes: Mapping[str, Shape]) -> None:
    """Change a graph so that it computes no position which nobody reads.

    Parameters
    ----------
    graph : Graph
    shapes : mapping
        Of the values that are blobs.
    """
    readers: dict[str, list[Any]] = {}
    makers: dict[str, Any] = {}
    for node in graph.nodes:
        makers.update(dict.fromkeys(node.output, node))
        for name in node.input:
            readers.setdefault(name, []).append(node)
    steps: dict[str, Step] = {}

    def whole(node: Any) -> list[str]:
        """The inputs that are as large as the output; none if that is not known."""
        names = node.input[:1] if node.op_type in BY_VALUE else node.input
        if node.op_type not in (*BY_VALUE, "Add"):
            return []
        shape = shapes.get(node.output[0], ())
        same = len(shape) == 4 and all(shapes.get(name) == shape for name in names)
        return list(names) if same else []

    def asks(node: Any, value: str) -> Step:
        """Which rows and columns of a value an operation reads: one of so many."""
        step = steps.get(node.output[0], EVERY)
        if _is_point(node) and node.input[0] == value:
            own = _stride(node)
            return own[0] * step[0], own[1] * step[1]
        return step if value in whole(node) else EVERY

    def gains(value: str) -> bool:
        """Whether some convolution computes less if of this value less is read."""
        node = makers.get(value)
        if node is None:
            return False
        if node.op_type == "Conv":
            return len(shapes.get(value, ())) == 4
        return any(len(readers[name]) == 1 and gains(name) for name in whole(node))

    for node in reversed(graph.nodes):
        value = node.output[0]
        asked = {asks(reader, value) for reader in readers.get(value, ())}
        if len(asked) == 1 and asked != {EVERY} and gains(value):
            steps[value] = asked.pop()
    if not steps:
        return
    nodes, graph.nodes[:] = list(graph.nodes), []
    picked: dict[tuple[str, Step], str] = {}
    for node in nodes:
        step = steps.get(node.output[0], EVERY)
        if node.op_type == "Conv":
            before = steps.get(node.input[0], EVERY)
            own = _stride(node)
            _set_stride(node, (own[0] * step[0] // before[0], own[1] * step[1] // before[1]))
        elif step != EVERY:
            for i, name in enumerate(whole(node)):
                if name in steps:
                    continue
                if (name, step) not in picked:
                    graph.layer = node.name.rpartition("#")[0]
                    # Of one value each, which leaves also what is no number as it is.
                    picked[name, step] = graph.op(
                        "AveragePool", [name], kernel_shape=[1, 1], strides=list(step)
                    )
                node.input[i] = picked[name, step]
        graph.append(node)


def _attribute(node: Any, name: str) -> list[int]:
    return next((list(a.ints) for a in node.attribute if a.name == name), [])


def _is_point(node: Any) -> bool:
    """Whether an operation is a convolution of 1x1 without padding, over two axes."""
    return (
        node.op_type == "Conv"
        and _attribute(node, "kernel_shape") == [1, 1]
        and not any(_attribute(node, "pads"))
    )


def _stride(node: Any) -> Step:
    down, across = _attribute(node, "strides") or EVERY
    return down, across


def _set_stride(node: Any, stride: Step) -> None:
    for attribute in node.attribute:
        if attribute.name == "strides":
            attribute.ints[:] = stride
            return
    from onnx import helper

    node.attribute.append(helper.make_attribute("strides", list(stride)))
