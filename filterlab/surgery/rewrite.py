"""Rewrites a classifier's prototxt into a fully convolutional one.

Only the structure is touched here; :mod:`filterlab.surgery.transplant` carries the weights over.

What is rewritten:

* an InnerProduct that reads a blob with rows and columns becomes a Convolution whose kernel is
  as large as that blob; the InnerProducts behind it become 1x1 convolutions;
* Flatten and Reshape in front of them go, since a convolution keeps the place;
* a pooling that sees its whole bottom (GoogLeNet's, ResNet's, SqueezeNet's) slides over windows of
  that size with stride 1 instead; where it averages in the cells of a 1x1 convolution's padding
  (SqueezeNet 1.0's), the convolution loses its padding and a scale makes up for it;
* Softmax works over channels; ArgMax without an axis, losses and accuracies go;
* a classifier that ends in scores gets the softmax it lacks, one trained on independent labels a
  sigmoid; one that ends in a single value, or was trained to measure, is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NoReturn

from filterlab.caffe.layers import layer_class
from filterlab.caffe.layers.convolution import Convolution
from filterlab.caffe.layers.pooling import Pooling
from filterlab.caffe.proto.caffe_pb2 import LayerParameter, NetParameter
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.spatial import input_shapes, layers_for_test

__all__ = ["ACTIVATIONS", "Change", "Padding", "Rewrite", "ends_of", "rewrite"]

Form = tuple[int, int, int]
"""Channels, rows and columns that a blob has in the dense net at the classifier's own size."""

#: What may make a net's output of its scores.
ACTIVATIONS = ("softmax", "sigmoid", "none")
_LAYERS = {"softmax": "Softmax", "sigmoid": "Sigmoid"}
# What a net was trained with tells what its scores mean.
_TRAINED = {
    "SoftmaxWithLoss": "softmax",
    "SigmoidCrossEntropyLoss": "sigmoid",
    "EuclideanLoss": "none",
}


@dataclass(frozen=True)
class Change:
    """One layer that the rewriting changed.

    Attributes
    ----------
    old, new : str
        Layer name before and after; ``new`` is empty for a layer that is gone.
    kind : str
        ``"fc->conv"``, ``"pool->stride 1"``, ``"padding->scale"``, ``"flatten removed"``,
        ``"removed"`` or ``"added"``.
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
class Padding:
    """Cells of padding that a classifier averages into its answer.

    Attributes
    ----------
    blob : str
        What the classifier pools; its cell (0, 0) lies in the padding.
    scale : str
        The dense net's layer that makes up for them.
    share : float
        Of the cells that are averaged, how many are not padding.
    """

    blob: str
    scale: str
    share: float


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
        What makes ``output`` of ``score``, one of :data:`ACTIVATIONS`.
    applied : str
        The same where only the dense net has a layer for it: it is yet to be applied to the
        classifier's ``plain_output``, which is then its score. Else empty.
    padding : Padding or None
        What a scale makes up for.
    pooled : str
        ``"AVE"`` or ``"MAX"`` if the classifier pools all it sees of a window into one place, else
        empty.
    input : str
        The picture's blob, with ``input_shape`` (1, channels, height, width).
    end : str
        The classifier's output that was chosen, one of :func:`ends_of`.
    """

    param: NetParameter
    changes: tuple[Change, ...]
    output: str
    score: str
    plain_output: str
    plain_score: str
    activation: str
    applied: str
    pooled: str
    input: str
    input_shape: tuple[int, int, int, int]
    padding: Padding | None = None
    end: str = ""


@dataclass
class _State:
    layers: list[LayerParameter]
    shapes: Mapping[str, Sequence[int]]
    dense: NetParameter
    renamed: dict[str, str] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    pooled: str = ""
    padding: Padding | None = None
    maker: dict[str, LayerParameter] = field(default_factory=dict)

    def shape(self, blob: str) -> tuple[int, ...]:
        return tuple(int(n) for n in self.shapes[blob])


def rewrite(
    net_param: NetParameter,
    shapes: Mapping[str, Sequence[int]],
    output: str | None = None,
    activation: str | None = None,
) -> Rewrite:
    """Rewrite a classifier into a fully convolutional net.

    Parameters
    ----------
    net_param : NetParameter
        The classifier in today's form.
    shapes : mapping of str to sequence of int
        The shapes of the classifier's blobs at its own input size.
    output : str, optional
        Which of the classifier's outputs is wanted (see :func:`ends_of`); the last that ends in
        class probabilities if not given.
    activation : str, optional
        One of :data:`ACTIVATIONS`; what the net ends in, or was trained with, if not given.

    Raises
    ------
    FilterLabError
        If it cannot be done; the message names the layer and says why.
    """
    if activation is not None and activation not in ACTIVATIONS:
        raise FilterLabError(
            "no activation {name!r}; take one of {known}",
            name=activation,
            known=", ".join(ACTIVATIONS),
        )
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
                Text(
                    "its pictures are handed to the net one batch after the other; open "
                    "the net's deploy.prototxt, in which an Input layer stands in its "
                    "place"
                ),
            )
    picture = next(iter(inputs))
    _one_input(net_param, layers, picture)
    _, channels, height, width = (int(n) for n in inputs[picture])
    dense = type(net_param)()
    dense.name = f"{net_param.name or 'net'}-conv"
    state = _State(layers, shapes, dense)
    state.forms[picture] = (channels, height, width)
    for layer in layers:
        _one_layer(state, layer, picture)
    return _ended(state, picture, (1, channels, height, width), output, activation)


def _one_input(net_param: NetParameter, layers: Sequence[LayerParameter], picture: str) -> None:
    """Refuse a net that answers to more than a picture. A label that only a loss reads is none."""
    others = set(input_shapes(net_param)) - {picture}
    for layer in layers:
        more = [name for name in layer.bottom if name in others]
        if more and not _dropped(layer):
            raise FilterLabError(
                "the net has two inputs, {one!r} and {other!r}, and a map is made of one "
                "picture alone; give a net of one input",
                one=picture,
                other=more[0],
            )


def _declare_input(dense: NetParameter, name: str, shape: Sequence[int], is_picture: bool) -> None:
    layer = dense.layer.add()
    layer.name, layer.type = name, "Input"
    layer.top.append(name)
    dims = list(shape)
    if is_picture:
        dims[0] = 1
    layer.input_param.shape.add().dim.extend(dims)


def _one_layer(state: _State, layer: LayerParameter, picture: str) -> None:
    kind = layer.type
    if picture in layer.top and not layer.bottom:
        _declare_input(state.dense, picture, state.shape(picture), True)
        state.dense.layer[-1].name = layer.name
        return
    if _dropped(layer):
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


def _dropped(layer: LayerParameter) -> bool:
    """Whether a layer says something of its input that nobody reads, as a loss does."""
    cls = layer_class(layer.type)
    return cls is not None and cls.spatial == "sink"


def _in_each_place(layer: LayerParameter) -> bool:
    """Whether a layer treats each value by itself, or scales each channel by its weights."""
    cls = layer_class(layer.type)
    if cls is None:
        return False
    kind = cls.spatial_of(layer)
    return kind == "value" or (kind == "pointwise" and cls.has_weights())


def _refuse(layer: LayerParameter, why: str) -> NoReturn:
    raise FilterLabError(
        "the net cannot be made fully convolutional: layer {layer!r} ({type}): {why}",
        layer=layer.name,
        type=layer.type,
        why=why,
    )


def _copy(state: _State, layer: LayerParameter) -> LayerParameter:
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


def _keep(state: _State, layer: LayerParameter, known: list[Form]) -> None:
    flattened = [
        b
        for b in layer.bottom
        if len(state.shape(b)) < 3 and b in state.forms and prod(state.forms[b][1:]) > 1
    ]
    cls = layer_class(layer.type)
    if flattened and (cls is None or cls.spatial != "value"):
        _refuse(
            layer,
            Text("it works on {blob!r}, rows and columns laid in one line", blob=flattened[0]),
        )
    if known and cls is not None and cls.placeless:
        _refuse(layer, cls.placeless)
    new = _copy(state, layer)
    if layer.type == "Softmax" and known:
        axis = layer.softmax_param.axis
        if axis % len(state.shape(layer.bottom[0])) != 1:
            _refuse(layer, Text("its softmax works along axis {axis}, not over classes", axis=axis))
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


def _unique(name: str, taken: set[str], mark: str = "conv") -> str:
    new = f"{name}-{mark}"
    while new in taken:
        new += f"-{mark}"
    return new


def _cast(state: _State, layer: LayerParameter) -> None:
    p = layer.inner_product_param
    bottom = layer.bottom[0]
    form = state.forms.get(bottom)
    if form is None:
        maker = state.maker.get(bottom)
        made = f", made by layer {maker.name!r} ({maker.type})" if maker is not None else ""
        _refuse(
            layer,
            Text(
                "its input {bottom!r}{made} has no place on the picture", bottom=bottom, made=made
            ),
        )
    if p.axis % len(state.shape(bottom)) != 1:
        _refuse(
            layer,
            Text("its axis is {axis}; only axis 1 joins channels, rows and columns", axis=p.axis),
        )
    if layer.top[0] in layer.bottom:
        _refuse(layer, Text("it works in place, which a convolution cannot"))
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


def _take_away(state: _State, layer: LayerParameter, kind: str) -> None:
    bottom, top = layer.bottom[0], layer.top[0]
    state.renamed[top] = state.renamed.get(bottom, bottom)
    state.forms[top] = state.forms[bottom]
    state.changes.append(Change(layer.name, "", kind))


def _unflatten(state: _State, layer: LayerParameter) -> None:
    bottom, top = layer.bottom[0], layer.top[0]
    before, after = state.shape(bottom), state.shape(top)
    one_line = len(after) >= 2 and prod(after[2:]) == 1 and after[1] == prod(before[1:])
    if not one_line and after != before:
        _refuse(
            layer,
            Text(
                "it turns {before} into {after}, which mixes places and channels",
                before=_text(before),
                after=_text(after),
            ),
        )
    _take_away(state, layer, "flatten removed")


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(n) for n in shape)


def _pool(state: _State, layer: LayerParameter) -> None:
    p = layer.pooling_param
    bottom, top = layer.bottom[0], layer.top[0]
    _, rows, cols = state.forms[bottom]
    seen_whole = state.shape(top)[2:] == (1, 1) and (rows, cols) != (1, 1)
    if not seen_whole or (not p.global_pooling and _pads(layer)):
        _keep(state, layer, [state.forms[bottom]])
        return
    state.pooled = "MAX" if p.pool == 0 else "AVE"
    (kh, sh, *_), (kw, sw, *_) = Pooling.reach(layer)
    pad = _averaged_padding(state, layer) if p.pool == 1 else (0, 0)
    _keep(state, layer, [state.forms[bottom]])
    inner = rows - 2 * pad[0], cols - 2 * pad[1]
    if pad == (0, 0) and not p.global_pooling and (kh, kw, sh, sw) == (rows, cols, 1, 1):
        return
    q = state.dense.layer[-1].pooling_param
    q.Clear()
    q.pool = p.pool
    if inner[0] == inner[1]:
        q.kernel_size = inner[0]
    else:
        q.kernel_h, q.kernel_w = inner
    q.stride = 1
    state.changes.append(Change(layer.name, layer.name, "pool->stride 1", inner))
    if pad != (0, 0):
        _make_up(state, layer, inner[0] * inner[1] / (rows * cols))


def _averaged_padding(state: _State, pool: LayerParameter) -> tuple[int, int]:
    """The padding (rows, columns) of a 1x1 convolution that a pooling averages in; it goes.

    Such cells see nothing of the picture: at a window's edge the classifier has them, inside a
    larger picture there would be others in their place.
    """
    blob = pool.bottom[0]
    chain, blobs = [pool], {blob}
    place = next(i for i, layer in enumerate(state.layers) if layer is pool)
    for found in reversed(state.layers[:place]):
        if blob not in found.top:
            continue
        if found.type == "Convolution":
            break
        if not _in_each_place(found) or len(found.bottom) != 1:
            return 0, 0
        blob = found.bottom[0]
        chain.append(found)
        blobs.add(blob)
    else:
        return 0, 0
    (kh, sh, ph, *_), (kw, sw, pw, *_) = Convolution.reach(found)[:2]
    readers = [layer for layer in state.layers if blobs & set(layer.bottom)]
    alone = all(any(reader is layer for layer in chain) for reader in readers)
    if (kh, kw, sh, sw) != (1, 1, 1, 1) or not alone or blob in found.bottom:
        return 0, 0
    for layer in state.dense.layer:
        if layer.name == found.name:
            for field_name in ("pad", "pad_h", "pad_w"):
                layer.convolution_param.ClearField(field_name)
    return ph, pw


def _make_up(state: _State, pool: LayerParameter, share: float) -> None:
    """Add the scale that stands for the cells of padding which a pooling averaged in."""
    new = state.dense.layer.add()
    names = {other.name for other in state.layers}
    new.name, new.type = _unique(pool.name, names, "padding"), "Scale"
    top = state.dense.layer[-2].top[0]
    new.bottom.append(top)
    new.top.append(top)
    new.scale_param.bias_term = True
    state.padding = Padding(pool.bottom[0], new.name, share)
    state.changes.append(Change(pool.name, new.name, "padding->scale"))


def _pads(layer: LayerParameter) -> bool:
    return any(axis.pad for axis in Pooling.reach(layer))


def ends_of(net_param: NetParameter) -> list[tuple[str, str]]:
    """The outputs of a classifier, as (blob, type of the layer that makes it), in their order."""
    every = layers_for_test(net_param)
    layers = [layer for layer in every if not _dropped(layer)]
    read = {b for layer in layers for b in layer.bottom if b not in layer.top} | _silenced(every)
    made = {top: layer.type for layer in layers for top in layer.top}
    return [
        (top, kind)
        for top, kind in made.items()
        if top not in read and kind not in ("Input", "ArgMax")
    ]


def _silenced(layers: Sequence[LayerParameter]) -> set[str]:
    """The blobs that a net says are no outputs though nothing reads them."""
    return {blob for layer in layers if layer.type == "Silence" for blob in layer.bottom}


def _prune(dense: NetParameter, output: str, picture: str) -> None:
    """Leave out what an output does not need."""
    needed = {output}
    for i in range(len(dense.layer) - 1, -1, -1):
        layer = dense.layer[i]
        if needed & set(layer.top) or picture in layer.top:
            needed |= set(layer.bottom)
        else:
            del dense.layer[i]


def _trained_with(state: _State, score: str, classes: int) -> str:
    """What makes probabilities of scores that nothing is applied to."""
    for layer in state.layers:
        if layer.type in _TRAINED and score in layer.bottom:
            return _TRAINED[layer.type]
    return "softmax" if classes > 1 else "none"


def _ended(
    state: _State,
    picture: str,
    shape: tuple[int, int, int, int],
    wanted_output: str | None,
    wanted: str | None,
) -> Rewrite:
    """Find the blob with the classes, and the one before its softmax."""
    dense = state.dense
    wanted_inputs = {b for layer in dense.layer for b in layer.bottom} | {picture}
    for i in range(len(dense.layer) - 1, -1, -1):
        layer = dense.layer[i]
        if layer.type == "Input" and not wanted_inputs.intersection(layer.top):
            del dense.layer[i]  # fed only what is gone, such as a loss its labels
    read = {b for layer in dense.layer for b in layer.bottom if b not in layer.top}
    ends = [
        (layer, top)
        for layer in dense.layer
        for top in layer.top
        if top not in read and layer.type != "Input"
    ]
    plain = {new: old for old, new in state.renamed.items()}
    silenced = _silenced(state.layers)
    candidates = [
        (layer, top)
        for layer, top in ends
        if plain.get(top) in state.forms and plain[top] not in silenced
    ]
    if not candidates:
        raise FilterLabError(
            "the net cannot be made fully convolutional: none of its outputs has rows and columns"
        )
    # Of several heads, the last that ends in class probabilities; else simply the last.
    layer, output = ([c for c in candidates if c[0].type == "Softmax"] or candidates)[-1]
    if wanted_output is not None:
        chosen = [c for c in candidates if wanted_output in (plain[c[1]], c[1])]
        if not chosen:
            known = ", ".join(plain[top] for _, top in candidates)
            raise FilterLabError(
                "the net has no output {name!r}; it has {known}", name=wanted_output, known=known
            )
        layer, output = chosen[-1]
        _prune(dense, output, picture)
        left = {other.name for other in dense.layer}
        state.changes = [c for c in state.changes if not c.new or c.new in left]
    end = plain[output]
    own = {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(layer.type, "none")
    in_place = own != "none" and layer.bottom[0] == output
    score = layer.bottom[0] if own != "none" and not in_place else output
    olds = [old for old, new in state.renamed.items() if new == output]
    old_scores = [old for old, new in state.renamed.items() if new == score]
    plain_output = olds[-1] if olds else output
    plain_score = old_scores[-1] if old_scores else score
    classes = state.forms[plain_score][0]
    if in_place:
        wanted = None  # the classifier keeps no scores that another could be applied to
    activation = wanted or (own if own != "none" else _trained_with(state, plain_score, classes))
    if wanted is None and own == "softmax" and classes == 1 and not in_place:
        activation = "none"  # over one class every softmax is 1
    applied = ""
    if activation != own:
        if own != "none":
            dense.layer.remove(layer)
            plain_output = plain_score
            output = score
        if activation != "none":
            applied = activation
            output = _add_activation(state, score, activation)
    return Rewrite(
        dense,
        tuple(state.changes),
        output,
        score,
        plain_output,
        plain_score,
        activation,
        applied,
        state.pooled,
        picture,
        shape,
        state.padding,
        end,
    )


def _add_activation(state: _State, score: str, activation: str) -> str:
    """Let the dense net end in a softmax or a sigmoid; returns its blob."""
    taken = {top for layer in state.dense.layer for top in layer.top}
    taken |= {layer.name for layer in state.dense.layer}
    name = "prob"
    while name in taken:
        name += "-map"
    new = state.dense.layer.add()
    new.name, new.type = name, _LAYERS[activation]
    new.bottom.append(score)
    new.top.append(name)
    state.changes.append(Change("", name, "added"))
    return name
