"""Casts a classifier into a fully convolutional net, sharing its weights, and proves it right.

>>> from filterlab.surgery import transplant
>>> t = transplant.transplant("deploy.prototxt", "net.caffemodel")     # doctest: +SKIP
>>> print(t.account())                                                 # doctest: +SKIP
fc6 (4096, 9216) -> fc6-conv (4096, 256, 6, 6), same memory
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import filterlab.caffe as caffe
from filterlab.caffe import Blob, Net
from filterlab.caffe.caffemodel import reading
from filterlab.caffe.files import atomic_write, written_together
from filterlab.caffe.layers import layer_class
from filterlab.caffe.proto.caffe_pb2 import NetParameter
from filterlab.caffe.prototxt import format_net, read_net
from filterlab.caffe.text import Text
from filterlab.caffe.weights import MisfitError
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress, run_job
from filterlab.surgery.geometry import MapGeometry
from filterlab.surgery.rewrite import Change, Padding, Rewrite, rewrite
from filterlab.surgery.spatial import layers_for_test, with_channels
from filterlab.surgery.targets import net_files, spare_inputs

__all__ = [
    "EquivalenceCheck",
    "LayerConversion",
    "Transplanted",
    "finished",
    "transplant",
    "transplant_job",
]

Array = NDArray[np.float32]
Weights = str | os.PathLike[str] | Mapping[str, Sequence[Any]] | None
_AGREE = 1e-4  # of the largest score: sums in another order differ by about 1e-6


@dataclass(frozen=True)
class LayerConversion:
    """What became of one layer.

    Attributes
    ----------
    old, new : str
        Its name before and after; ``new`` is empty if the layer is gone.
    old_shape, new_shape : tuple of int
        Shape of its weights; of a pooling, its kernel; empty if it has none.
    kind : str
        ``"fc->conv"``, ``"pool->stride 1"``, ``"padding->scale"``, ``"flatten removed"``,
        ``"removed"``, ``"added"`` (then ``old`` is empty).
    shares_memory : bool
        Whether old and new weights are one and the same memory.
    """

    old: str
    new: str
    old_shape: tuple[int, ...]
    new_shape: tuple[int, ...]
    kind: str
    shares_memory: bool = False

    def __str__(self) -> str:
        if not self.new:
            return f"{self.old}: {self.kind}"
        if self.kind == "pool->stride 1":
            return Text(
                "{layer}: kernel {new_shape}x{new_shape2}, stride 1",
                layer=self.old,
                new_shape=self.new_shape[0],
                new_shape2=self.new_shape[1],
            )
        if self.kind == "padding->scale":
            return Text(
                "{layer}: the padding it averages in becomes the scale {scale}",
                layer=self.old,
                scale=self.new,
            )
        if self.kind == "added":
            return Text("{layer}: added, the classifier ends without it", layer=self.new)
        if self.shares_memory:
            return Text(
                "{old} {old_shape} -> {new} {new_shape}, same memory",
                old=self.old,
                old_shape=self.old_shape,
                new=self.new,
                new_shape=self.new_shape,
            )
        return f"{self.old} {self.old_shape} -> {self.new} {self.new_shape}"


@dataclass(frozen=True)
class EquivalenceCheck:
    """Both nets' answers to one and the same input of the classifier's own size.

    Attributes
    ----------
    input_shape : tuple of int
    largest_difference : float
        Between the two nets' outputs (probabilities), over all classes.
    relative : float
        Largest difference of the scores before the softmax, divided by the largest score.
    top5_before, top5_after : tuple of int
        The five best classes of the classifier and of the dense net, each by its best cell.
    agrees : bool
        The scores are equal but for rounding, and so the five best are the same.
    seconds_before, seconds_after : float
        What the two passes took.
    """

    input_shape: tuple[int, ...]
    largest_difference: float
    relative: float
    top5_before: tuple[int, ...]
    top5_after: tuple[int, ...]
    agrees: bool
    seconds_before: float
    seconds_after: float

    def __str__(self) -> str:
        return Text(
            "one {shape} input in both nets: largest difference {difference:.1e}, five best "
            "{classes}: {verdict}",
            shape="x".join(map(str, self.input_shape)),
            difference=self.largest_difference,
            classes=list(self.top5_after),
            verdict=Text("the same") if self.agrees else Text("NOT THE SAME"),
        )


@dataclass
class Transplanted:
    """A classifier and its fully convolutional double, sharing their weights.

    Attributes
    ----------
    net : caffe.Net
        The dense net, phase TEST.
    source : caffe.Net
        The classifier.
    param, source_param : NetParameter
        Their structures.
    conversions : list of LayerConversion
    check : EquivalenceCheck
    output, score : str
        The blobs of the dense net with the class maps, after and before its softmax.
    geometry : MapGeometry
    rewritten : Rewrite
    left : tuple of str
        Layers with weights that the weights file did not fill.
    measured : ((int, int), float) or None
        The input size of the dense net's last pass and its seconds, for estimates; the proof's
        until there has been another.
    measured_window : float or None
        Seconds of a window in the last batches of the plain classifier, for estimates.
    probabilities : bool
        Whether the output holds probabilities; else the net's values as they are.
    files : tuple of Path
        What it was read from, never written to.
    """

    net: Net
    source: Net
    param: NetParameter
    source_param: NetParameter
    conversions: list[LayerConversion]
    check: EquivalenceCheck
    output: str
    score: str
    geometry: MapGeometry
    rewritten: Rewrite
    left: tuple[str, ...] = ()
    measured: tuple[tuple[int, int], float] | None = None
    files: tuple[Path, ...] = ()
    measured_window: float | None = None
    probabilities: bool = True

    def __repr__(self) -> str:
        return f"<Transplanted net '{self.net.name}' of {self.classes} classes: {self.check}>"

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.net.blobs[self.output].shape[1])

    @property
    def channels(self) -> int:
        """Channels of the picture that the net takes."""
        return self.rewritten.input_shape[1]

    @property
    def input(self) -> str:
        """The picture's blob."""
        return self.rewritten.input

    @property
    def quick_method(self) -> str:
        """What a pass of the dense net gives: ``"pooled"`` where a global pooling slides along."""
        return "pooled" if self.rewritten.pooled else "dense"

    def double(self, packing: str = "never") -> Transplanted:
        """The same with a dense net of its own on the same weights, to run on another thread.

        With ``packing="first"`` a first pass at a size takes longer and the others may be much
        quicker, for a video's frames; see :class:`filterlab.caffe.Net`.
        """
        net = _dense_net(self.rewritten)
        net.packing = packing
        for name, blobs in net.params.items():
            for theirs, mine in zip(self.net.params[name], blobs):
                _share(theirs, mine)
        return replace(self, net=net)

    def separate(self) -> Transplanted:
        """The same with weights of its own, to be edited beside this one.

        Write into ``source.params`` and then call :meth:`follow`.
        """
        source = self.source.snapshot()
        net = _dense_net(self.rewritten)
        for change in self.rewritten.changes:
            _carry(change, source, net)
        _share_the_rest(self.rewritten, source, net)
        if self.rewritten.padding is not None:
            for mine, theirs in zip(
                net.params[self.rewritten.padding.scale],
                self.net.params[self.rewritten.padding.scale],
            ):
                mine.data[...] = theirs.data
        return replace(self, net=net, source=source)

    def follow(self) -> None:
        """Let the dense net follow edits of the classifier's weights that it does not share.

        Most are one memory. A matrix that is stored transposed is copied again; what stands for
        padding in an average pooling follows from the classifier's answer.
        """
        for change in self.rewritten.changes:
            if change.kind == "fc->conv" and change.transposed:
                _carry(change, self.source, self.net)
        if self.rewritten.padding is not None:
            feed(self.source, self.input, np.zeros(self.rewritten.input_shape, np.float32))
            self.source.forward()
            _make_up(self.rewritten.padding, self.source, self.net)

    def account(self) -> str:
        """The casts and the proof, a line each."""
        lines = [str(cast) for cast in self.conversions]
        if not any(cast.new and cast.old for cast in self.conversions):
            lines.append(Text("the net is fully convolutional already"))
        if self.left:
            lines.append(
                Text(
                    "not in the weights file, so left as drawn: {layers}",
                    layers=", ".join(self.left),
                )
            )
        return "\n".join([*lines, str(self.check)])

    def prototxts(self) -> tuple[str, str]:
        """The prototxt before and after."""
        return format_net(self.source_param), format_net(self.param)

    def diff(self) -> Iterator[tuple[str, str]]:
        """The two prototxts line by line as (mark, line); mark is ``" "``, ``"-"`` or ``"+"``."""
        before, after = self.prototxts()
        for line in difflib.ndiff(before.splitlines(), after.splitlines()):
            if line[0] != "?":
                yield line[0], line[2:]

    def save(self, prefix: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Write ``PREFIX.prototxt`` and ``PREFIX.caffemodel``; returns both paths.

        Raises
        ------
        FilterLabError, OSError, CaffeError
            If they cannot be written, or would overwrite the classifier's own files; what was
            there before is then still whole.
        """
        prototxt, weights = net_files(check_prefix(prefix))
        spare_inputs((prototxt, weights), self.files)
        with written_together():
            with atomic_write(prototxt, "w") as stream:
                stream.write(format_net(self.param))
            self.net.save(str(weights))
        return prototxt, weights


def transplant_job(
    prototxt: str | os.PathLike[str],
    weights: Weights,
    output: str | None = None,
    activation: str | None = None,
    channels: int | None = None,
) -> Job[Transplanted]:
    """Transplant step by step: a generator of :class:`Progress` that returns the result.

    Parameters
    ----------
    prototxt : path
        The classifier's deploy net.
    weights : path, mapping or None
        Its caffemodel, or arrays by layer name; None leaves what the fillers draw.
    output, activation : str, optional
        Which output, and what makes probabilities of it, see
        :func:`filterlab.surgery.rewrite.rewrite`.
    channels : int, optional
        Channels of the picture, where the weights are for others than the prototxt says.

    Raises
    ------
    CaffeError
        For a bad file; the message names it.
    FilterLabError
        If the net cannot be transplanted (which layer, why), or its answer is not finite.
    """
    total = 6.0
    yield Progress("read the prototxt", 0, total, Path(prototxt).name)
    plain_param = read_net(prototxt)
    if channels is not None:
        plain_param = with_channels(plain_param, channels)
    # Says what is wrong with it before the weights.
    plain = caffe.Net(str(prototxt) if channels is None else plain_param, caffe.TEST)
    plain.packing = "never"
    left: tuple[str, ...] = ()
    if weights is not None:
        found = yield from _read(weights, total)
        left = _check_names(plain_param, weights, found)
        named = "the weights" if isinstance(weights, Mapping) else os.fspath(weights)
        try:
            plain.copy_from(found, source=named)
        except MisfitError as error:
            raise error.with_age(prototxt, named) from None
        del found
    yield Progress("rewrite the layers", 2, total)
    shapes = {name: tuple(blob.shape) for name, blob in plain.blobs.items()}
    plan = rewrite(plain_param, shapes, output, activation)
    _one_picture_a_time(plain, plan.input)
    yield Progress("proof: the classifier", 2.5, total)
    before = _asked(plain, plan)
    probabilities = plan.activation != "none" or _are_probabilities(before.score)
    if plan.applied == "softmax" and activation is None and _are_probabilities(before.score):
        # It has them without a layer of that name.
        plan = rewrite(plain_param, shapes, output, "none")
    dense = _dense_net(plan)
    steps = [c for c in plan.changes if c.kind == "fc->conv"]
    conversions = []
    for change in plan.changes:
        at = 3 + (steps.index(change) / len(steps) if change in steps else 0)
        cast = _carry(change, plain, dense)
        conversions.append(cast)
        if change.old and change.new:
            yield Progress(f"{change.old} → {change.new}", at, total, str(cast))
    _share_the_rest(plan, plain, dense)
    if plan.padding is not None:
        _make_up(plan.padding, plain, dense)
    geometry = MapGeometry.of(plain_param, plan.param, plan.output, plan.input)
    yield Progress(
        "proof: the fully convolutional net", 5, total, "x".join(map(str, plan.input_shape))
    )
    check = _check_equivalence(plan, before, dense)
    return Transplanted(
        dense,
        plain,
        plan.param,
        plain_param,
        conversions,
        check,
        plan.output,
        plan.score,
        geometry,
        plan,
        left,
        (plan.input_shape[2:], check.seconds_after),
        tuple(Path(os.path.abspath(path)) for path in (prototxt, *_paths(weights))),
        None,
        probabilities,
    )


def transplant(prototxt: str | os.PathLike[str], weights: Weights, **choices: Any) -> Transplanted:
    """Transplant in one go; see :func:`transplant_job`."""
    return run_job(transplant_job(prototxt, weights, **choices))


def check_prefix(prefix: str | os.PathLike[str]) -> Path:
    """What :meth:`Transplanted.save` takes, known to be a name in a folder that exists.

    Raises
    ------
    FilterLabError
        If the folder is missing, or no name follows it.
    """
    text = os.fspath(prefix)
    path = Path(text)
    if not path.name or path.name == ".." or text.endswith(("/", os.sep)):
        raise FilterLabError(
            "{text!r} is no prefix of file names; give one such as {example}",
            text=text,
            example=path / "net",
        )
    if not path.parent.is_dir():
        raise FilterLabError("there is no folder {folder}; make it first", folder=path.parent)
    return path


def _paths(weights: Weights) -> list[str | os.PathLike[str]]:
    return [] if weights is None or isinstance(weights, Mapping) else [weights]


def _weights_name(weights: Weights) -> str:
    if weights is None:
        return Text("drawn by the fillers")
    return "given" if isinstance(weights, Mapping) else Path(weights).name


def _read(weights: Any, total: float) -> Job[Mapping[str, Sequence[Any]]]:
    """The weights by layer, in memory of their own: what becomes of the file is no matter then."""
    name, step = _weights_name(weights), Text("read the weights")
    yield Progress(step, 1, total, name)
    if isinstance(weights, Mapping):
        return weights
    steps = reading(weights)
    while True:
        try:
            layer, share = next(steps)
        except StopIteration as end:
            found: Mapping[str, Sequence[Any]] = end.value
            return found
        yield Progress(step, 1 + share, total, f"{name}: {layer}")


def _check_names(
    param: NetParameter, weights: Weights, found: Mapping[str, Any]
) -> tuple[str, ...]:
    """The layers with weights that a weights file does not have; refuse one that has none."""
    stored = [name for name, arrays in found.items() if len(arrays)]
    wanted = [
        layer.name
        for layer in layers_for_test(param)
        if (cls := layer_class(layer.type)) is not None and cls.has_weights()
    ]
    if wanted and not set(stored).intersection(wanted):
        theirs = ", ".join(stored[:3]) or "none"
        raise FilterLabError(
            "{weights_name}: 0 of the net's {count} layers with weights are in this file "
            "(net: {mine} …; file: {theirs}); give the weights that belong to it",
            weights_name=_weights_name(weights),
            count=len(wanted),
            mine=", ".join(wanted[:3]),
            theirs=theirs,
        )
    return tuple(name for name in wanted if name not in stored)


def _one_picture_a_time(net: Net, picture: str) -> None:
    """Give inputs beside the picture (labels of a loss) its batch of one."""
    batch = net.blobs[picture].shape[0]
    for name in net.inputs:
        shape = tuple(net.blobs[name].shape)
        if name != picture and shape and shape[0] == batch:
            net.blobs[name].reshape(1, *shape[1:])


def _dense_net(plan: Rewrite) -> Any:
    try:
        net = caffe.Net(plan.param, caffe.TEST)
    except caffe.CaffeError as error:
        raise FilterLabError(
            "the net cannot be made fully convolutional: {why}", why=error
        ) from error
    net.packing = "never"  # one map, the same bits whatever ran before
    return net


def _carry(change: Change, plain: Net, dense: Net) -> LayerConversion:
    if change.kind == "pool->stride 1":
        return LayerConversion(change.old, change.new, (), change.kernel, change.kind)
    if change.kind == "padding->scale":
        return LayerConversion(
            change.old, change.new, (), tuple(dense.params[change.new][0].shape), change.kind
        )
    if change.kind != "fc->conv":
        return LayerConversion(change.old, change.new, (), (), change.kind)
    old, new = plain.params[change.old], dense.params[change.new]
    if change.transposed:
        new[0].data[...] = old[0].data.T.reshape(new[0].data.shape)
    else:
        _share(old[0], new[0])
    for before, after in zip(old[1:], new[1:]):
        _share(before, after)
    return LayerConversion(
        change.old,
        change.new,
        tuple(old[0].data.shape),
        tuple(new[0].data.shape),
        change.kind,
        np.shares_memory(old[0].data, new[0].data),
    )


def _share(source: Blob, target: Blob) -> None:
    if hasattr(target, "share_data"):
        target.share_data(source)
    else:  # BVLC's pycaffe shares only between layers of one name and shape.
        target.data[...] = source.data.reshape(target.data.shape)


def _share_the_rest(plan: Rewrite, plain: Net, dense: Net) -> None:
    new = {c.new for c in plan.changes if c.kind in ("fc->conv", "padding->scale")}
    for name, blobs in dense.params.items():
        if name in new:
            continue
        for source, target in zip(plain.params[name], blobs):
            _share(source, target)


def _make_up(padding: Padding, plain: Net, dense: Net) -> None:
    """Fill the scale that stands for cells of padding, from their value in the classifier."""
    scale, bias = dense.params[padding.scale]
    scale.data[...] = padding.share
    bias.data[...] = plain.blobs[padding.blob].data[0, :, 0, 0] * (1 - padding.share)


def feed(net: Net, name: str, data: Array) -> None:
    """Give a net an input of any size: reshape it and fill its blob."""
    blob = net.blobs[name]
    if tuple(blob.shape) != data.shape:
        blob.reshape(*data.shape)
        net.reshape()
    net.blobs[name].data[...] = data


def softmax(score: NDArray[Any], axis: int = 0) -> Array:
    """Probabilities of scores along an axis, float32."""
    shifted = score - score.max(axis=axis, keepdims=True)
    e = np.exp(shifted, dtype=np.float64)
    return np.asarray(e / e.sum(axis=axis, keepdims=True), np.float32)


def finished(plan: Rewrite, values: NDArray[Any], axis: int = 0) -> Array:
    """The classifier's ``plain_output`` with what only the dense net has as a layer applied."""
    if plan.applied == "softmax":
        return softmax(values, axis)
    if plan.applied == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-values.astype(np.float64))), np.float32)
    return np.asarray(values, np.float32)


def not_finite(net: Net, what: str) -> FilterLabError:
    """The error that says where the first value came up that is no finite number."""
    for name, blobs in net.params.items():
        for blob in blobs:
            if not np.isfinite(blob.data).all():
                return FilterLabError(
                    "{what} is not finite: the weights of layer {layer!r} hold NaN or "
                    "infinity; take another weights file",
                    what=what,
                    layer=name,
                )
    for name, blob in net.blobs.items():
        if not np.isfinite(blob.data).all():
            return FilterLabError(
                "{what} is not finite: NaN or infinity comes up first in blob {blob!r}",
                what=what,
                blob=name,
            )
    return FilterLabError("{what} is not finite", what=what)


class _Asked(NamedTuple):
    """What a net answered to the noise of the proof."""

    data: Array
    out: Array
    score: Array
    seconds: float


def _asked(plain: Net, plan: Rewrite) -> _Asked:
    # Noise, like a picture minus its mean: every weight takes part, and no class is favoured.
    rng = np.random.default_rng(2703)
    data = (rng.standard_normal(plan.input_shape) * 50).astype(np.float32)
    answer = _answer(plain, plan.input, data, plan.plain_output, plan.plain_score)
    if not np.isfinite(answer[1]).all():
        raise not_finite(plain, Text("the net's answer"))
    return _Asked(data, *answer)


def _are_probabilities(score: Array) -> bool:
    """Whether values of several classes are none below 0 and sum to 1."""
    return bool(
        score.shape[1] > 1 and score.min() >= 0 and np.abs(score.sum(axis=1) - 1).max() < 1e-3
    )


def _check_equivalence(plan: Rewrite, asked: _Asked, dense: Net) -> EquivalenceCheck:
    before_out, before = finished(plan, asked.out, 1), asked.score
    after_out, after, seconds_after = _answer(
        dense, plan.input, asked.data, plan.output, plan.score
    )
    top_before, top_after = _peaks(before), _peaks(after)
    before, after = before.reshape(-1), after.reshape(-1)
    if before.size != after.size:
        raise FilterLabError(
            "the proof failed: the classifier answers with {before} values, the fully "
            "convolutional net with {after} at the same input size",
            before=before.size,
            after=after.size,
        )
    difference = np.abs(before_out.reshape(-1) - after_out.reshape(-1))
    relative = float(np.abs(before - after).max() / max(float(np.abs(before).max()), 1e-30))
    return EquivalenceCheck(
        plan.input_shape,
        float(difference.max()),
        relative,
        top_classes(top_before),
        top_classes(top_after),
        relative < _AGREE,
        asked.seconds,
        seconds_after,
    )


def _peaks(score: Array) -> Array:
    """Each class's largest score over the cells, (classes,): a net may answer with a map."""
    return np.asarray(score.reshape(score.shape[1], -1).max(axis=1))


def top_classes(values: NDArray[Any], count: int = 5) -> tuple[int, ...]:
    """Indices of the largest values, the largest first; of equals, the first."""
    order = np.argsort(-values.reshape(-1), kind="stable")[:count]
    return tuple(int(i) for i in order)


def _answer(
    net: Net, name: str, data: Array, output: str, score: str
) -> tuple[Array, Array, float]:
    feed(net, name, data)
    start = time.perf_counter()
    net.forward()
    seconds = time.perf_counter() - start
    return net.blobs[output].data.copy(), net.blobs[score].data.copy(), seconds
