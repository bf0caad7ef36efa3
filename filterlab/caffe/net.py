"""Net: pycaffe's class, on ONNX Runtime."""

from __future__ import annotations

import copy
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe import blob as blob_module
from filterlab.caffe import deferred, device, fillers
from filterlab.caffe import plan as plan_module
from filterlab.caffe.batches import Batches
from filterlab.caffe.blob import Blob, Shape, shape_text
from filterlab.caffe.deferred import Outputs
from filterlab.caffe.derived import UnfoldableError
from filterlab.caffe.errors import CaffeError, CaffeWarning
from filterlab.caffe.fixed import BlobRow, ByName
from filterlab.caffe.gradient import Needs
from filterlab.caffe.layers import Layer, WeightSpec
from filterlab.caffe.layers.python_layer import weights_of
from filterlab.caffe.messages import blobproto_to_array
from filterlab.caffe.net_backward import RECTIFY, Backward, clear_diffs, start_losses
from filterlab.caffe.net_structure import NetLayer
from filterlab.caffe.net_weights import Weighted, path_of
from filterlab.caffe.plan import Bindings, Compiled, Memory, Plan, PlanCache
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text
from filterlab.caffe.topology import Topology
from filterlab.caffe.weights import Filled, MisfitError
from filterlab.caffe.winograd import UntransformableError

__all__ = ["TEST", "TRAIN", "Filled", "Net", "NetLayer"]

TRAIN = 0
TEST = 1

#: Layers of which a last bit of their input may change the whole output.
TELL_PLACES = ("ArgMax", "Threshold")
#: So many runs of several layers are known by what they were last.
MOST_READY = 6

Floats = npt.NDArray[np.float32]


class Net(Weighted):
    """A net to run, to edit and to save.

    ``Net(prototxt, phase)``, ``Net(prototxt, weights, phase)`` or
    ``Net(prototxt, phase, weights=…, level=…, stages=…)``.

    Parameters
    ----------
    network_file : path or NetParameter
        A prototxt of any generation. (A NetParameter is an extension.)
    weights : path, optional
        A caffemodel of any generation, or HDF5 (``.h5``).
    phase : int
        ``TEST`` or ``TRAIN``.
    level, stages : int, list of str
        For the layers' include and exclude rules.
    mapped : bool
        Whether a large weights file may be mapped rather than read into memory (an extension).

    Raises
    ------
    CaffeError
        Naming file, layer, numbers and cure, if the net or its weights are wrong. Nothing large
        is allocated before the shapes are known to be sound.

    Notes
    -----
    Whatever is written into ``blobs[name].data`` or ``params[name][i].data`` counts at the next
    :meth:`forward`. One net is for one thread at a time (calls are serialized); for another
    thread take a :meth:`snapshot`.

    An extension: ``packing`` says when convolutions' weights are laid out as ONNX Runtime computes
    fastest with, which changes the last bits of the answers: ``"later"`` (after some runs, when it
    has paid), ``"first"`` (before the first run at a size) or ``"never"``. With the last two the
    same input gives the same bits whatever ran before.
    """

    _packing = "later"
    #: Compute every blob at each forward and fold nothing: what the faster way is compared with
    #: (an extension).
    eager = bool(os.environ.get("FILTERLAB_EAGER"))

    def __init__(
        self,
        network_file: str | os.PathLike[str] | Any,
        *args: Any,
        phase: int | None = None,
        weights: str | os.PathLike[str] | None = None,
        level: int = 0,
        stages: Sequence[str] | None = None,
        mapped: bool = True,
    ) -> None:
        # pycaffe's orders: (phase, level, stages, weights) and (weights, phase).
        rest = list(args)
        if rest and isinstance(rest[0], (str, bytes, os.PathLike)) and weights is None:
            weights = rest.pop(0)
        for place, arg in enumerate(rest):
            if isinstance(arg, (int, np.integer)) and place == 0 and phase is None:
                phase = int(arg)
            elif isinstance(arg, (int, np.integer)) and place == 1 and not level:
                level = int(arg)
            elif isinstance(arg, (list, tuple, type(None))) and place == 2 and stages is None:
                stages = arg
            elif arg is None and place == 3:
                continue
            elif isinstance(arg, (str, bytes, os.PathLike)) and weights is None:
                weights = os.fsdecode(arg)
            else:
                raise CaffeError(
                    "Net(…): do not know what {arg!r} is for; write Net(prototxt, phase) "
                    "or Net(prototxt, weights, phase)",
                    arg=arg,
                )
        if phase is None:
            phase = TEST
        if phase not in (TRAIN, TEST):
            raise CaffeError(
                "Net(…): phase {phase} is neither caffe.TRAIN nor caffe.TEST", phase=phase
            )
        if not isinstance(level, (int, np.integer)):
            raise CaffeError("Net(…): level {level!r} is no whole number", level=level)
        from filterlab.caffe import prototxt, upgrade

        if isinstance(network_file, caffe_pb2.NetParameter):
            source = network_file.name or "<net>"
            param = upgrade.upgrade_net(network_file, source)
        else:
            source = path_of(network_file, "prototxt")
            param = prototxt.read_net(source)
        try:
            named = [stages] if isinstance(stages, str) else stages or ()
            self._set_up(Topology(param, phase, level, named), PlanCache())
            self._take_own_weights()
        except CaffeError as err:
            raise CaffeError("{source}: {err}", source=source, err=err) from None
        if weights is not None:
            try:
                self.copy_from(weights, mapped=mapped)
            except MisfitError as err:
                raise err.with_age(source, weights) from None

    def _set_up(self, topology: Topology, plans: PlanCache) -> None:
        self._topology = topology
        self._plans = plans
        self._bindings: dict[Any, Bindings] = {}
        self._readable: dict[tuple[int, int], Outputs] = {}
        self._lock = threading.RLock()
        _nets.add(self)
        self._made: dict[tuple[int, int], list[str]] = {}
        #: For each run what :meth:`_prepare` gave last, and for which state.
        self._ready: dict[tuple[int, int], tuple[Any, Any, Plan]] = {}
        self._batches: Batches | None = None
        self._before: list[Callable[[int], Any]] = []
        self._after: list[Callable[[int], Any]] = []
        self._before_back: list[Callable[[int], Any]] = []
        self._after_back: list[Callable[[int], Any]] = []
        self._memory = Memory()
        self._held: dict[str, int] = {}  # which layer wrote each blob last
        self._backward_run: Backward | None = None
        self.filled = Filled((), (), ())
        outside = topology.initial_shapes()
        shapes = topology.infer(outside)
        self._blobs = ByName(
            ((n, Blob(shapes.tops.get(n, outside.get(n, ())))) for n in topology.blobs),
            "net.blobs",
        )
        weights: list[BlobRow[Blob]] = []
        for index, specs in enumerate(shapes.weights):
            row: BlobRow[Blob] = BlobRow()
            own = weights_of(topology.layers[index])
            for i, spec in enumerate(specs):
                filler = None if own else self._filler(topology.layers[index], spec)
                blob = own[i] if own else Blob(spec.shape, filler)
                owner = topology.shared.get((index, i))
                if owner is not None:
                    self._share(topology.layers[index], i, blob, weights, owner)
                row.append(blob)
            weights.append(row)
        self._weights = weights
        self._layers = [NetLayer(a, b) for a, b in zip(topology.layers, weights)]
        self._params = ByName(
            ((layer.name, row) for layer, row in zip(topology.layers, weights) if row),
            "net.params",
        )
        start_losses(topology, self._blobs)
        for layer in topology.layers:
            for i, top in enumerate(layer.tops if layer.fills else ()):
                layer.refill_top(i, self._blobs[top].data, True)

    def _take_own_weights(self) -> None:
        """Start from the weights that stand in the prototxt itself, as BVLC does."""
        own: dict[str, list[Floats]] = {}
        for layer in self._topology.param.layer:
            if layer.blobs:
                try:
                    own[layer.name] = [blobproto_to_array(blob) for blob in layer.blobs]
                except CaffeError as err:
                    raise CaffeError("layer '{name}': {err}", name=layer.name, err=err) from None
                layer.ClearField("blobs")
        if own:
            self.copy_from(own)

    @staticmethod
    def _filler(layer: Layer, spec: WeightSpec) -> Any:
        """How to fill a weight when somebody looks at it; None leaves zeros."""
        param = spec.filler
        if param is None or (param.type == "constant" and param.value == 0):
            return None
        try:
            fillers.check(param, spec.shape)
        except CaffeError as err:
            layer.fail(err.message)
        return partial(fillers.fill, param=param, seed=fillers.next_seed())

    @staticmethod
    def _share(
        layer: Layer, i: int, blob: Blob, weights: Sequence[list[Blob]], owner: tuple[int, int]
    ) -> None:
        theirs = weights[owner[0]][owner[1]]
        loose = i < len(layer.param.param) and layer.param.param[i].share_mode == 1
        if blob.shape != theirs.shape and not (loose and blob.count == theirs.count):
            layer.fail(
                "shares weight '{name}' of {shape} but needs {wanted}",
                name=layer.param.param[i].name,
                shape=shape_text(theirs.shape),
                wanted=shape_text(blob.shape),
            )
        blob.share_data(theirs)
        blob._share_diff(theirs)

    @property
    def packing(self) -> str:
        """When weights are laid out: ``"later"``, ``"first"`` or ``"never"``; see above."""
        return self._packing

    @packing.setter
    def packing(self, when: str) -> None:
        if when not in ("later", "first", "never"):
            raise CaffeError(
                "Net(…): packing {when!r} is none of 'later', 'first' and 'never'", when=when
            )
        self._packing = when

    # -- computing ---------------------------------------------------------------------------
    def forward(
        self,
        blobs: Iterable[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Floats]:
        """Compute the net, or the layers from ``start`` to ``end``, both included.

        Parameters
        ----------
        blobs : list of str, optional
            Blobs to return beside the outputs.
        start, end : str, optional
            Layer names.
        **kwargs : arrays
            Values for all the net's inputs, by name.

        Returns
        -------
        dict
            Blob name -> its data: the blob's own memory, which the next forward overwrites.

        Raises
        ------
        CaffeError
            For an unknown layer or blob, inputs that do not match, or shapes that do not fit.
        """
        wanted = self._wanted(blobs)
        with self._lock:
            first = 0 if start is None else self._topology.index(start)
            last = len(self._layers) - 1 if end is None else self._topology.index(end)
            if kwargs:
                self._feed(kwargs)
            self._run(first, last)
            names = list(self._topology.layers[last].tops) if end is not None else self.outputs
            return {name: self._blobs[name].data for name in dict.fromkeys([*names, *wanted])}

    def forward_all(self, blobs: Iterable[str] | None = None, **kwargs: Any) -> dict[str, Floats]:
        """Compute any number of inputs, in batches of the net's own size.

        Parameters
        ----------
        blobs : list of str, optional
            Blobs to return beside the outputs.
        **kwargs : arrays
            Values for all inputs: as many along axis 0 as you like.

        Returns
        -------
        dict
            Blob name -> array of its own, with one row per input.
        """
        wanted = self._wanted(blobs)
        results: dict[str, list[Floats]] = {}
        with self._lock:
            for batch, keep in self._in_batches(kwargs, "forward_all()"):
                for name, data in self.forward(wanted, **batch).items():
                    size = len(next(iter(batch.values())))
                    whole = data if not data.ndim or data.shape[0] != size else data[:keep]
                    results.setdefault(name, []).append(np.array(whole, ndmin=1))
        return {name: np.concatenate(parts) for name, parts in results.items()}

    def _in_batches(
        self, given: Mapping[str, Any], call: str
    ) -> Iterator[tuple[dict[str, Any], int]]:
        """Values in batches of the net's size, and how many rows of each are no filling."""
        if not given:
            raise CaffeError(
                "{call} needs the net's inputs, e.g. {call2}data=images)",
                call=call,
                call2=call[:-1],
            )
        if not set(given) <= set(self.outputs):
            self._check_inputs(given)
        arrays = {name: self._array(name, value) for name, value in given.items()}
        lengths = {len(value) if value.ndim else 0 for value in arrays.values()}
        if len(lengths) != 1:
            raise CaffeError(
                "{call}: inputs of different lengths {lengths}", call=call, lengths=sorted(lengths)
            )
        total = lengths.pop()
        if not total:
            raise CaffeError(
                "{call}: nothing to compute; give at least one row of inputs", call=call
            )
        size = (self._blobs[next(iter(arrays))].shape or (1,))[0] or 1
        for begin in range(0, total, size):
            batch: dict[str, Any] = {}
            for name, value in arrays.items():
                part = value[begin : begin + size]
                if len(part) < size:
                    rest = np.zeros((size - len(part), *part.shape[1:]), part.dtype)
                    part = np.concatenate([part, rest])
                batch[name] = part
            yield batch, min(size, total - begin)

    def _forward(self, start: int, end: int) -> float:
        """Compute layers by their places, as pycaffe's own helpers do; losses are not summed."""
        with self._lock:
            self._run(start, end)
        return 0.0

    def set_input_arrays(self, data: Any, labels: Any) -> None:
        """Give the net's MemoryData layer what it hands out, a batch at each forward.

        Parameters
        ----------
        data : array (N, channels, height, width)
            N is a multiple of the layer's batch size; after the last batch comes the first.
        labels : array of N values

        Raises
        ------
        CaffeError
            If the net's first layer is no MemoryData, or the arrays do not fit it.
        """
        layer = self._topology.layers[0]
        if layer.param.type != "MemoryData":
            raise CaffeError(
                "set_input_arrays(…): the net's first layer is '{name}' ({type}), not a "
                "MemoryData; write into net.blobs[…].data instead",
                name=layer.name,
                type=layer.param.type,
            )
        with self._lock:
            self._batches = Batches(layer, data, labels)

    def _wanted(self, blobs: Any) -> list[str]:
        if blobs is not None and not isinstance(blobs, Iterable):
            raise CaffeError(
                "forward_all(): blobs must be a list of names, not {blobs!r}", blobs=blobs
            )
        wanted = [blobs] if isinstance(blobs, str) else list(blobs or ())
        for name in wanted:
            self._blob(name)
        return wanted

    def _blob(self, name: str) -> Blob:
        blob = self._blobs.get(name)
        if blob is None:
            raise CaffeError(
                "the net has no blob '{blob}'; it has {known}",
                blob=name,
                known=", ".join(self._blobs),
            )
        return blob

    def _check_inputs(self, given: Mapping[str, Any]) -> None:
        if set(given) != set(self._topology.inputs):
            raise CaffeError(
                "the inputs given ({given}) are not the net's ({known})",
                given=", ".join(given),
                known=", ".join(self._topology.inputs),
            )

    @staticmethod
    def _array(name: str, value: Any) -> npt.NDArray[Any]:
        try:
            array = np.asarray(value)
        except ValueError as err:
            raise CaffeError(
                "input '{name}' is no array: {reason}", name=name, reason=err
            ) from None
        if array.dtype == object and any(item is None for item in array.flat):
            raise CaffeError("input '{name}' is no array: it holds None", name=name)
        if array.dtype.kind == "c":
            raise CaffeError(
                "input '{name}' is complex; give its real part or its magnitude", name=name
            )
        return array

    def _feed(self, given: Mapping[str, Any]) -> None:
        self._check_inputs(given)
        for name, value in given.items():
            blob, array = self._blobs[name], self._array(name, value)
            try:
                if array.ndim and blob.shape and array.shape[0] != blob.shape[0]:
                    raise ValueError(f"it is for batches of {blob.shape[0]}")
                np.copyto(blob.data, array, casting="unsafe")
            except (TypeError, ValueError) as err:
                raise CaffeError(
                    "input '{name}' is {shape}, but {found} was given ({reason}); call "
                    "net.blobs['{name}'].reshape(…) first",
                    name=name,
                    shape=shape_text(blob.shape),
                    found=shape_text(array.shape),
                    reason=err,
                ) from None

    def _weight_shapes(self, index: int) -> list[Shape]:
        return [blob.shape for blob in self._weights[index]]

    def _prepare(self, first: int, last: int, eager: bool = False) -> tuple[Any, Plan]:
        """The plan for the shapes that the blobs have now; shapes what it computes."""
        eager = eager or self.eager
        outputs = self._readable.get((first, last))
        extra = None
        if not eager:
            if outputs is None:
                outputs = self._readable[first, last] = Outputs()
            extra = outputs.extra
        state = (blob_module.moved(), eager, extra)
        known = self._ready.get((first, last))
        if known is not None and known[0] == state:
            return known[1:]
        names = self._made.get((first, last))
        if names is None:
            names = self._made[first, last] = self._topology.read_from_outside(first, last)
        outside = {name: self._blobs[name].shape for name in names}
        key = (
            first,
            last,
            tuple(outside.values()),
            tuple(b.shape for row in self._weights[first : last + 1] for b in row),
        )
        plan = self._plans.get(
            (*key, eager, extra),
            lambda: Plan(
                self._topology, outside, first, last, self._weight_shapes, extra, fold=not eager
            ),
        )
        for name, shape in plan.tops.items():
            self._blobs[name]._set_shape(shape)
        if first != last:  # each keeps a session alive; those of single layers are small
            runs = [run for run in self._ready if run[0] != run[1] and run != (first, last)]
            if len(runs) >= MOST_READY:
                del self._ready[runs[0]]
        self._ready[first, last] = (state, key, plan)
        return key, plan

    def before_forward(self, call: Callable[[int], Any]) -> None:
        """Have ``call(index)`` called before each layer; the net then runs layer by layer."""
        self._before.append(call)

    def after_forward(self, call: Callable[[int], Any]) -> None:
        """Have ``call(index)`` called after each layer; the net then runs layer by layer."""
        self._after.append(call)

    def _run(self, first: int, last: int) -> None:
        if not (self._before or self._after):
            self._compute(first, last)
            return
        for index in range(first, last + 1):
            for call in self._before:
                call(index)
            self._compute(index, index)
            for call in self._after:
                call(index)

    def _compute(self, first: int, last: int) -> None:
        for cut in self._topology.cuts:
            if first <= cut <= last:
                self._compute(first, cut - 1)
                self._compute_host(cut)
                first = cut + 1
        if last < first:
            return
        for index in self._topology.batched:
            if first <= index <= last:
                if index or self._batches is None:
                    self._topology.layers[index].fail(
                        "has no arrays; as a net's first layer it takes them from "
                        "net.set_input_arrays(data, labels)"
                    )
                self._batches.fill(self._blobs)
        key, plan = self._prepare(first, last)
        if not self.eager:
            plan = self._choose_outputs(first, last, key, plan)
        for layer in plan.filling:
            for i, top in enumerate(layer.tops):
                layer.refill_top(i, self._blobs[top].data, False)
        try:
            try:
                self._run_plan(key, plan)
            except UntransformableError:
                self._run_plan(key, plan, fast=False)
        except UnfoldableError:
            self._run_plan(key, self._prepare(first, last, eager=True)[1], fast=False)
        outputs = self._readable.get((first, last))
        if outputs is not None:
            outputs.ran(plan.optional, self._blobs)

    def _choose_outputs(self, first: int, last: int, key: Any, plan: Plan) -> Plan:
        """The plan with those blobs as outputs that people read."""
        outputs = self._readable[first, last]
        asked: set[str] = set()
        for bound in (self._bindings.get(key), self._bindings.get(_plainly(key))):
            if bound is not None and bound.left is not None:
                asked |= bound.left.asked()
        before = outputs.extra
        if outputs.update(plan.optional, self._blobs, asked) == before:
            return plan
        return self._prepare(first, last)[1]

    def _run_plan(self, key: Any, plan: Plan, fast: bool = True) -> None:
        compiled = self._compiled(plan, fast)
        if compiled is None:
            return
        self.check_files()
        if not fast:
            key = _plainly(key)
        bound = self._bindings.pop(key, None)
        if bound is None or bound.compiled is not compiled:
            if len(self._bindings) >= 6:
                self._bindings.pop(next(iter(self._bindings)))
            bound = Bindings(
                plan, compiled, self._blobs, partial(_weight, self._weights), self._memory
            )
        self._bindings[key] = bound  # behind all others: the first goes first
        self._held.update(plan.makers)
        if bound.run():
            # Bindings of other input sizes would keep the blobs' memory of those sizes alive.
            self._bindings = {k: b for k, b in self._bindings.items() if b is bound or not b.stale}

    def _compiled(self, plan: Plan, fast: bool = True) -> Compiled | None:
        return plan.compiled(self.packing, fast and not (self.eager or self._tells_places))

    @cached_property
    def _tells_places(self) -> bool:
        """Whether equal values must stay equal, which they do not where tiles are transformed.

        Of equal values max pooling tells the first one's place, and passes the gradient to it. What
        gives places or 0 and 1 also hides values that are no numbers, by which a run that must be
        repeated is known.
        """
        needs = Needs(self._topology, [len(row) for row in self._weights])
        return any(needs.layers) or any(
            layer.param.type in TELL_PLACES
            or (layer.param.type == "Pooling" and len(layer.tops) > 1)
            for layer in self._topology.layers
        )

    def _compute_host(self, index: int) -> None:
        """Compute a layer that is written in Python."""
        layer = self._topology.layers[index]
        tops = [self._blobs[top] for top in layer.tops]
        layer.compute([self._blobs[bottom] for bottom in layer.bottoms], tops)
        self._held.update(dict.fromkeys(layer.tops, index))

    def reshape(self) -> None:
        """Give all blobs the shapes that follow from the inputs' present ones.

        Raises
        ------
        CaffeError
            If some layer cannot take its new input; all blobs keep their shapes then.
        """
        with self._lock:
            if not self._topology.cuts:
                self._prepare(0, len(self._layers) - 1)
                return
            names = self._topology.read_from_outside(0, len(self._layers) - 1)
            outside = {name: self._blobs[name].shape for name in names}
            shapes = self._topology.infer(outside, weights=self._weight_shapes)
            for name, shape in shapes.tops.items():
                self._blobs[name]._set_shape(shape)

    def prepare(self) -> None:
        """Do now what the next whole :meth:`forward` would do first: compile the net.

        An extension, for who cannot wait for both at a time.
        """
        with self._lock:
            self._compiled(self._prepare(0, len(self._layers) - 1)[1])

    # -- copies ------------------------------------------------------------------------------
    def snapshot(self, share_weights: bool = False) -> Net:
        """An independent net with the present weights and inputs, for another thread.

        An extension. It shares nothing that changes: the compiled plans are used by both, all
        memory is the snapshot's own; only with ``share_weights`` are the weights one memory, and
        edits of one count in the other. Blobs other than the inputs are zero until its first
        forward.
        """
        with self._lock:
            self.check_files()
            twin: Net = type(self).__new__(type(self))
            topology, plans = self._topology, self._plans
            if any(layer.own for layer in topology.layers):
                state = topology.param.state
                topology = Topology(topology.param, topology.phase, state.level, state.stage)
                plans = PlanCache()
            twin._set_up(topology, plans)
            twin.filled = self.filled
            twin.packing = self.packing
            twin.eager = self.eager
            twin._batches = copy.copy(self._batches)
            twin._memory = self._memory.copy()
            for mine, theirs in zip(twin._weights, self._weights):
                for a, b in zip(mine, theirs):
                    a._set_shape(b.shape)
                    if share_weights:
                        a.share_data(b)
                    else:
                        a._set_values(b._values().copy(), foreign=False)
            for index, i in self._topology.shared:
                owner = self._topology.shared[index, i]
                twin._weights[index][i].share_data(twin._weights[owner[0]][owner[1]])
            for name in self._sources():
                twin._blobs[name]._set_shape(self._blobs[name].shape)
                np.copyto(twin._blobs[name].data, self._blobs[name]._values())
            twin.reshape()
            return twin

    def _sources(self) -> list[str]:
        return [t for layer in self._topology.layers if layer.is_source for t in layer.tops]

    # -- gradients ---------------------------------------------------------------------------
    def backward(
        self,
        diffs: Iterable[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Floats]:
        """Compute diffs from the layer ``start`` back to ``end``, both included.

        As in BVLC Caffe a deploy net has nothing to compute unless its prototxt says
        ``force_backward: true``, and it starts from the diffs of ``start``'s tops as they are.

        Parameters
        ----------
        diffs : list of str, optional
            Blobs whose diffs to return beside those of the inputs.
        start, end : str, optional
            Layer names.
        **kwargs : arrays
            Diffs for all the net's outputs, by name.

        Returns
        -------
        dict
            Blob name -> its diff: the blob's own memory, which the next backward overwrites. With
            ``end`` those of its bottoms.

        Raises
        ------
        CaffeError
            For an unknown layer or blob, diffs that do not match, or a layer without a gradient.
        """
        return self._go_back(diffs, start, end, kwargs, "")

    def backward_from_layer(
        self,
        start_name: str,
        start_diff: Any,
        diffs: Iterable[str] | None = None,
        zero_higher: bool = False,
    ) -> dict[str, Floats]:
        """:meth:`backward` from a layer whose first top has the diff given.

        As in the fork of the Deep Visualization Toolbox. ``zero_higher`` sets the diffs of all
        blobs that later layers make to zero.
        """
        return self._go_back_from(start_name, start_diff, diffs, zero_higher, "")

    def deconv_from_layer(
        self,
        start_name: str,
        start_diff: Any,
        diffs: Iterable[str] | None = None,
        zero_higher: bool = False,
        deconv_type: str = "Zeiler & Fergus",
    ) -> dict[str, Floats]:
        """:meth:`backward_from_layer` with another rule for ReLUs.

        ``"Zeiler & Fergus"`` passes on what is positive among the diffs, ``"Guided Backprop"`` of
        these only what the ReLU let through. As in the fork of the Deep Visualization Toolbox.
        """
        if deconv_type not in RECTIFY:
            raise CaffeError(
                "deconv_from_layer(): deconv_type {deconv_type!r} is none of {rectify}",
                deconv_type=deconv_type,
                rectify=", ".join(map(repr, RECTIFY)),
            )
        return self._go_back_from(start_name, start_diff, diffs, zero_higher, RECTIFY[deconv_type])

    def _go_back_from(
        self, name: str, diff: Any, diffs: Iterable[str] | None, zero: bool, rectify: str
    ) -> dict[str, Floats]:
        index = self._topology.index(name)
        tops = self._topology.layers[index].tops
        if not tops:
            raise CaffeError("backward(): layer '{name}' has no top to start from", name=name)
        with self._lock:
            if zero:
                later = self._topology.layers[index + 1 :]
                clear_diffs([self._blobs[t] for layer in later for t in layer.tops])
            self._set_diff(tops[0], diff)
            return self._go_back(diffs, name, None, {}, rectify)

    def _set_diff(self, name: str, value: Any) -> None:
        blob, array = self._blobs[name], self._array(name, value)
        try:
            np.copyto(blob.diff, array, casting="unsafe")
        except (TypeError, ValueError):
            raise CaffeError(
                "backward(): the diff of blob '{name}' is {shape}, but {shape2} was given",
                name=name,
                shape=shape_text(blob.shape),
                shape2=shape_text(array.shape),
            ) from None

    def _go_back(
        self,
        diffs: Iterable[str] | None,
        start: str | None,
        end: str | None,
        given: Mapping[str, Any],
        rectify: str,
    ) -> dict[str, Floats]:
        wanted = self._wanted(diffs)
        with self._lock:
            last = len(self._layers) - 1 if start is None else self._topology.index(start)
            first = 0 if end is None else self._topology.index(end)
            names = self.inputs if end is None else list(self._topology.layers[first].bottoms)
            if given:
                if set(given) != set(self.outputs):
                    raise CaffeError(
                        "backward(): the diffs given ({given}) are not those of the "
                        "net's outputs ({outputs})",
                        given=", ".join(given),
                        outputs=", ".join(self.outputs),
                    )
                for name, value in given.items():
                    self._set_diff(name, value)
            self._run_back(last, first, rectify)
            return {name: self._blobs[name].diff for name in dict.fromkeys([*names, *wanted])}

    def _run_back(self, last: int, first: int, rectify: str = "") -> None:
        if self._backward_run is None:
            self._backward_run = Backward(
                self._topology, self._blobs, self._weights, self._memory, self._held
            )
        run = self._backward_run
        if not any(run.needs.layers):
            warnings.warn(
                CaffeWarning(
                    Text(
                        "backward(): the net has no loss, so that no layer needs a gradient, as in "
                        "BVLC Caffe; write force_backward: true into its prototxt"
                    )
                ),
                stacklevel=4,
            )
        self.check_files()
        run.run(last, first, rectify, self._before_back, self._after_back)

    def _backward(self, start: int, end: int) -> None:
        """Compute layers' diffs by their places, as pycaffe's own helpers do."""
        with self._lock:
            self._run_back(start, end)

    def forward_backward_all(
        self, blobs: Iterable[str] | None = None, diffs: Iterable[str] | None = None, **kwargs: Any
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """:meth:`forward` and :meth:`backward` of any number of inputs, in batches.

        Parameters
        ----------
        blobs, diffs : list of str, optional
            Blobs whose values and diffs to return beside outputs and inputs.
        **kwargs : arrays
            Values for all inputs, and diffs for all outputs or none.

        Returns
        -------
        (dict, dict)
            Values and diffs by blob name: arrays of their own, with one row per input.
        """
        values = {name: kwargs.pop(name) for name in self.inputs if name in kwargs}
        found: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
        with self._lock:
            batches = list(self._in_batches(values, "forward_backward_all()"))
            given = list(self._in_batches(kwargs, "forward_backward_all()")) if kwargs else []
            parts: tuple[dict[str, list[Floats]], dict[str, list[Floats]]] = ({}, {})
            for place, (batch, keep) in enumerate(batches):
                ahead = self.forward(blobs, **batch)
                back = self.backward(diffs, **(given[place][0] if place < len(given) else {}))
                for results, part in zip((ahead, back), parts):
                    for name, data in results.items():
                        whole = data if not data.ndim else data[:keep]
                        part.setdefault(name, []).append(np.array(whole, ndmin=1))
        for result, part in zip(found, parts):
            result.update({name: np.concatenate(arrays) for name, arrays in part.items()})
        return found

    def clear_param_diffs(self) -> None:
        """Set the diffs of all weights to zero; backward adds to them."""
        with self._lock:
            if self._backward_run is not None:
                self._backward_run.clear()
            for row in self._weights:
                clear_diffs(row)

    def before_backward(self, call: Callable[[int], Any]) -> None:
        """Have ``call(index)`` called before each layer's backward, which then goes one by one."""
        self._before_back.append(call)

    def after_backward(self, call: Callable[[int], Any]) -> None:
        """Have ``call(index)`` called after each layer's backward, which then goes one by one."""
        self._after_back.append(call)

    def __repr__(self) -> str:
        return f"<Net '{self.name}' of {len(self._layers)} layers>"


_nets: weakref.WeakSet[Net] = weakref.WeakSet()
#: What a forked process has of its parent and cannot use: sessions whose threads are not there.
#: Kept, since their end would wait for those threads.
_of_the_parent: list[Any] = []


def _after_fork() -> None:
    """Give the nets of a forked process locks and sessions of their own.

    Of the parent's threads only the one that forked goes on here; what another held stays held,
    and the half-written outputs of a forward under way stay half-written until the next.
    """
    _of_the_parent.append(plan_module.after_fork())
    deferred.after_fork()
    fresh: dict[int, PlanCache] = {}
    for net in list(_nets):
        _of_the_parent.append((net._plans, net._bindings, net._backward_run))
        net._plans = fresh.setdefault(id(net._plans), PlanCache())
        net._bindings, net._backward_run, net._ready = {}, None, {}
        net._lock = threading.RLock()
    for module, name in ((blob_module, "_allocating"), (fillers, "_lock"), (device, "_lock")):
        setattr(module, name, threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _plainly(key: Any) -> Any:
    """The key of a run whose values cannot be transformed."""
    return (*key, "not fast")


def _weight(weights: Sequence[Sequence[Blob]], index: int, i: int) -> Blob:
    return weights[index][i]
