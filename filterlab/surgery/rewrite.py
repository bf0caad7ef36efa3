"""Rewrites a classifier's prototxt into a fully convolutional one.

Only the structure is touched here; :mod:`filterlab.surgery.transplant` carries the weights over.

What is rewritten:

* an InnerProduct that reads a blob with rows and columns becomes a Convolution whose kernel is
  as large as that blob; the InnerProducts behind it become 1x1 convolutions;
* Flatten and Reshape in front of them go, since a convolution keeps the place;
* a pooling that sees its whole bottom (GoogLeNet's, ResNet's, SqueezeNet's) slides over windows of
  that size with stride 1 instead;
* Softmax works over channels; ArgMax without an axis, losses and accuracies go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NoReturn

from filterlab.errors import FilterLabError
from filterlab.surgery.spatial import input_shapes, layers_for_test, pool_axis

__all__ = ["Change", "Rewrite", "rewrite"]

Form = tuple[int, int, int]
"""Channels, rows and columns that a blob has in the dense net at the classifier's own size."""

_POINTWISE = frozenset(
    "AbsVal BNLL Clip Dropout ELU Exp Log Power ReLU Sigmoid Split Swish TanH Threshold".split()
)
_DROPPED = frozenset(
    "Accuracy SoftmaxWithLoss EuclideanLoss HingeLoss InfogainLoss SigmoidCrossEntropyLoss "
    "MultinomialLogisticLoss ContrastiveLoss HDF5Output Silence".split()
)
_PLACELESS = {
    "LSTM": "it reads its input as a sequence",
    "RNN": "it reads its input as a sequence",
    "Recurrent": "it reads its input as a sequence",
    "SPP": "its pyramid of poolings depends on the picture's size",
    "Embed": "it looks up words, not pictures",
    "Python": "it runs a program that is not part of the net",
}


@dataclass(frozen=True)
class Change:
    """One layer that the rewriting changed.

    Attributes
    ----------
    old, new : str
        Layer name before and after; ``new`` is empty for a layer that is gone.
    kind : str
        ``"fc->conv"``, ``"pool->stride 1"``, ``"flatten removed"`` or ``"removed"``.
    kernel : (int, int)
        Rows and columns of the new kernel; (0, 0) for a layer that is gone.
    transposed : bool
        Whether the InnerProduct stores its weights transposed, so that they must be copied.
    """

    old: str
    new: str
    kind: str
    kernel: tuple[int, int] = (0, 0)
    transposed: bool = False


@dataclass(frozen=True)
class Rewrite:
    """A classifier rewritten.

    Attributes
    ----------
    param : NetParameter
        The dense net.
    changes : tuple of Change
    output : str
        The dense net's class map; ``score`` is the blob before its softmax (may be the same).
    plain_output, plain_score : str
        The same in the classifier.
    activation : str
        What makes ``output`` of ``score``: ``"softmax"``, ``"sigmoid"`` or ``"none"``.
    pooled : str
        ``"AVE"`` or ``"MAX"`` if the classifier pools all it sees of a window into one place, else
        empty.
    input : str
        The picture's blob, with ``input_shape`` (1, channels, height, width).
    """

    param: Any
    changes: tuple[Change, ...]
    output: str
    score: str
    plain_output: str
    plain_score: str
    activation: str
    pooled: str
    input: str
    input_shape: tuple[int, int, int, int]


@dataclass
class _State:
    layers: list[Any]
    shapes: Mapping[str, Sequence[int]]
    dense: Any
    renamed: dict[str, str] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    pooled: str = ""
    maker: dict[str, Any] = field(default_factory=dict)

    def shape(self, blob: str) -> tuple[int, ...]:
        return tuple(int(n) for n in self.shapes[blob])


def rewrite(net_param: Any, shapes: Mapping[str, Sequence[int]]) -> Rewrite:
    """Rewrite a classifier into a fully convolutional net.

    Parameters
    ----------
    net_param : NetParameter
        The classifier in today's form.
    shapes : mapping of str to sequence of int
        The shapes of the classifier's blobs at its own input size.

    Raises
    ------
    FilterLabError
        If it cannot be done; the message names the layer and says why.
    """
    layers = layers_for_test(net_param)
    inputs = {name: shape for name, shape in input_shapes(net_param).items() if len(shape) == 4}
    if not inputs:
        raise FilterLabError(
            "the net has no picture input with a shape (batch x channels x height x width); "
            "give its deploy prototxt"
        )
    for layer in layers:
        if layer.type == "MemoryData":
            _refuse(
                layer,
                "its pictures are handed to the net one batch after the other; open the net's "
                "deploy.prototxt, in which an Input layer stands in its place",
            )
    picture = next(iter(inputs))
    _, channels, height, width = (int(n) for n in inputs[picture])
    dense = type(net_param)()
    dense.name = f"{net_param.name or 'net'}-conv"
    state = _State(layers, shapes, dense)
    state.forms[picture] = (channels, height, width)
    for name in net_param.input:
        _declare_input(dense, name, inputs.get(name, state.shape(name)), name == picture)
    for layer in layers:
        _one_layer(state, layer, picture)
    return _ended(state, picture, (1, channels, height, width))


def _declare_input(dense: Any, name: str, shape: Sequence[int], is_picture: bool) -> None:
    layer = dense.layer.add()
    layer.name, layer.type = name, "Input"
    layer.top.append(name)
    dims = list(shape)
    if is_picture:
        dims[0] = 1
    layer.input_param.shape.add().dim.extend(dims)


def _one_layer(state: _State, layer: Any, picture: str) -> None:
    kind = layer.type
    if picture in layer.top and not layer.bottom:
        _declare_input(state.dense, picture, state.shape(picture), True)
        state.dense.layer[-1].name = layer.name
        return
    if kind in _DROPPED:
        state.changes.append(Change(layer.name, "", "removed"))
        return
    for top in layer.top:
        if top not in layer.bottom:
            state.maker[top] = layer
    known = [state.forms[b] for b in layer.bottom if b in state.forms]
    if kind == "InnerProduct":
        _cast(state, layer)
    elif kind in ("Flatten", "Reshape") and known:
        _unflatten(state, layer)
    elif kind == "Pooling" and known:
        _pool(state, layer)
    elif kind == "ArgMax" and known:
        # Without an axis it looks for the best of all values of the blob, place and class alike.
        state.changes.append(Change(layer.name, "", "removed"))
    else:
        _keep(state, layer, known)


def _refuse(layer: Any, why: str) -> NoReturn:
    raise FilterLabError(
        f"the net cannot be made fully convolutional: layer {layer.name!r} ({layer.type}): {why}"
    )


def _copy(state: _State, layer: Any) -> Any:
    new = state.dense.layer.add()
    new.CopyFrom(layer)
    del new.bottom[:]
    new.bottom.extend(state.renamed.get(b, b) for b in layer.bottom)
    del new.top[:]
    # In place stays in place, under the new name.
    new.top.extend(state.renamed.get(t, t) if t in layer.bottom else t for t in layer.top)
    for old, now in zip(layer.top, new.top):
        state.renamed[old] = now
    del new.blobs[:]
    return new


def _keep(state: _State, layer: Any, known: list[Form]) -> None:
    flattened = [
        b
        for b in layer.bottom
        if len(state.shape(b)) < 3 and b in state.forms and prod(state.forms[b][1:]) > 1
    ]
    if flattened and layer.type not in _POINTWISE:
        _refuse(layer, f"it works on {flattened[0]!r}, rows and columns laid in one line")
    if known and layer.type in _PLACELESS:
        _refuse(layer, _PLACELESS[layer.type])
    new = _copy(state, layer)
    if layer.type == "Softmax" and known:
        axis = layer.softmax_param.axis
        if axis % len(state.shape(layer.bottom[0])) != 1:
            _refuse(layer, f"its softmax works along axis {axis}, not over classes")
        if axis != 1:
            new.softmax_param.axis = 1
    if not known:
        return
    for top in layer.top:
        shape = state.shape(top)
        if flattened:
            state.forms[top] = state.forms[flattened[0]]
        elif len(shape) == 4:
            state.forms[top] = (shape[1], shape[2], shape[3])
        elif len(shape) == 2:
            state.forms[top] = (shape[1], 1, 1)


def _unique(name: str, taken: set[str]) -> str:
    new = f"{name}-conv"
    while new in taken:
        new += "-conv"
    return new


def _cast(state: _State, layer: Any) -> None:
    p = layer.inner_product_param
    bottom = layer.bottom[0]
    form = state.forms.get(bottom)
    if form is None:
        maker = state.maker.get(bottom)
        made = f", made by layer {maker.name!r} ({maker.type})" if maker is not None else ""
        _refuse(layer, f"its input {bottom!r}{made} has no place on the picture")
    if p.axis % len(state.shape(bottom)) != 1:
        _refuse(layer, f"its axis is {p.axis}; only axis 1 joins channels, rows and columns")
    if layer.top[0] in layer.bottom:
        _refuse(layer, "it works in place, which a convolution cannot")
    kernel = form[1:]
    names = {other.name for other in state.layers}
    blobs = {top for other in state.layers for top in other.top}
    new = state.dense.layer.add()
    new.name = _unique(layer.name, names)
    new.type = "Convolution"
    new.bottom.append(state.renamed.get(bottom, bottom))
    new.top.append(_unique(layer.top[0], blobs))
    for spec in layer.param:
        new.param.add().CopyFrom(spec)
    c = new.convolution_param
    c.num_output = p.num_output
    if not p.bias_term:
        c.bias_term = False
    if kernel[0] == kernel[1]:
        c.kernel_size.append(kernel[0])
    else:
        c.kernel_h, c.kernel_w = kernel
    state.renamed[layer.top[0]] = new.top[0]
    state.forms[layer.top[0]] = (int(p.num_output), 1, 1)
    state.changes.append(
        Change(layer.name, new.name, "fc->conv", (kernel[0], kernel[1]), bool(p.transpose))
    )


def _take_away(state: _State, layer: Any, kind: str) -> None:
    bottom, top = layer.bottom[0], layer.top[0]
    state.renamed[top] = state.renamed.get(bottom, bottom)
    state.forms[top] = state.forms[bottom]
    state.changes.append(Change(layer.name, "", kind))


def _unflatten(state: _State, layer: Any) -> None:
    bottom, top = layer.bottom[0], layer.top[0]
    before, after = state.shape(bottom), state.shape(top)
    one_line = len(after) >= 2 and prod(after[2:]) == 1 and after[1] == prod(before[1:])
    if not one_line and after != before:
        _refuse(
            layer,
            f"it turns {_text(before)} into {_text(after)}, which mixes places and channels",
        )
    _take_away(state, layer, "flatten removed")


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(n) for n in shape)


def _pool(state: _State, layer: Any) -> None:
    p = layer.pooling_param
    bottom, top = layer.bottom[0], layer.top[0]
    _, rows, cols = state.forms[bottom]
    seen_whole = state.shape(top)[2:] == (1, 1) and (rows, cols) != (1, 1)
    if not seen_whole or (not p.global_pooling and _pads(p)):
        _keep(state, layer, [state.forms[bottom]])
        return
    state.pooled = "MAX" if p.pool == 0 else "AVE"
    (kh, sh, _), (kw, sw, _) = pool_axis(p)
    _keep(state, layer, [state.forms[bottom]])
    if not p.global_pooling and (kh, kw, sh, sw) == (rows, cols, 1, 1):
        return
    q = state.dense.layer[-1].pooling_param
    q.Clear()
    q.pool = p.pool
    if rows == cols:
        q.kernel_size = rows
    else:
        q.kernel_h, q.kernel_w = rows, cols
    q.stride = 1
    state.changes.append(Change(layer.name, layer.name, "pool->stride 1", (rows, cols)))


def _pads(p: Any) -> bool:
    return bool(pool_axis(p)[0][2] or pool_axis(p)[1][2])


def _ended(state: _State, picture: str, shape: tuple[int, int, int, int]) -> Rewrite:
    """Find the blob with the classes, and the one before its softmax."""
    wanted = {b for layer in state.dense.layer for b in layer.bottom} | {picture}
    for i in range(len(state.dense.layer) - 1, -1, -1):
        layer = state.dense.layer[i]
        if layer.type == "Input" and not wanted.intersection(layer.top):
            del state.dense.layer[i]  # fed only what is gone, such as a loss its labels
    read = {b for layer in state.dense.layer for b in layer.bottom if b not in layer.top}
    ends = [
        (layer, top)
        for layer in state.dense.layer
        for top in layer.top
        if top not in read and layer.type not in ("Input", "Silence")
    ]
    plain = {new: old for old, new in state.renamed.items()}
    candidates = [(layer, top) for layer, top in ends if plain.get(top) in state.forms]
    if not candidates:
        raise FilterLabError(
            "the net cannot be made fully convolutional: none of its outputs has rows and columns"
        )
    # Of several heads, the last that ends in class probabilities; else simply the last.
    layer, output = ([c for c in candidates if c[0].type == "Softmax"] or candidates)[-1]
    activation = {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(layer.type, "none")
    in_place = activation != "none" and layer.bottom[0] == output
    score = layer.bottom[0] if activation != "none" and not in_place else output
    olds = [old for old, new in state.renamed.items() if new == output]
    old_scores = [old for old, new in state.renamed.items() if new == score]
    return Rewrite(
        state.dense,
        tuple(state.changes),
        output,
        score,
        olds[-1] if olds else output,
        old_scores[-1] if old_scores else score,
        activation,
        state.pooled,
        picture,
        shape,
    )
