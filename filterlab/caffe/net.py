"""Net: pycaffe's class, on ONNX Runtime."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe import fillers
from filterlab.caffe.batches import Batches
from filterlab.caffe.blob import Blob, Shape, shape_text
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.fixed import BlobRow, ByName
from filterlab.caffe.layers import Layer, WeightSpec
from filterlab.caffe.messages import blobproto_to_array
from filterlab.caffe.net_structure import NetLayer
from filterlab.caffe.net_weights import Weighted, no_training, path_of
from filterlab.caffe.plan import Bindings, Plan, PlanCache
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.topology import Topology
from filterlab.caffe.weights import Filled

__all__ = ["TEST", "TRAIN", "Filled", "Net", "NetLayer"]

TRAIN = 0
TEST = 1

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

    packing: str = "later"

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
                    f"Net(…): do not know what {arg!r} is for; "
                    "write Net(prototxt, phase) or Net(prototxt, weights, phase)"
                )
        if phase is None:
            phase = TEST
        if phase not in (TRAIN, TEST):
            raise CaffeError(f"Net(…): phase {phase} is neither caffe.TRAIN nor caffe.TEST")
        if not isinstance(level, (int, np.integer)):
            raise CaffeError(f"Net(…): level {level!r} is no whole number")
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
            raise CaffeError(f"{source}: {err}") from None
        if weights is not None:
            self.copy_from(weights, mapped=mapped)

    def _set_up(self, topology: Topology, plans: PlanCache) -> None:
        self._topology = topology
        self._plans = plans
        self._bindings: dict[Any, Bindings] = {}
        self._lock = threading.RLock()
        self._made: dict[tuple[int, int], list[str]] = {}
        self._batches: Batches | None = None
        self._before: list[Callable[[int], Any]] = []
        self._after: list[Callable[[int], Any]] = []
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
            for i, spec in enumerate(specs):
                blob = Blob(spec.shape, self._filler(topology.layers[index], spec))
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
                    raise CaffeError(f"layer '{layer.name}': {err}") from None
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
            layer.fail(str(err))
        return partial(fillers.fill, param=param, seed=fillers.next_seed())

    @staticmethod
    def _share(
        layer: Layer, i: int, blob: Blob, weights: Sequence[list[Blob]], owner: tuple[int, int]
    ) -> None:
        theirs = weights[owner[0]][owner[1]]
        loose = i < len(layer.param.param) and layer.param.param[i].share_mode == 1
        if blob.shape != theirs.shape and not (loose and blob.count == theirs.count):
            layer.fail(
                f"shares weight '{layer.param.param[i].name}' of {shape_text(theirs.shape)} but "
                f"needs {shape_text(blob.shape)}"
            )
        blob.share_data(theirs)

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
        if not kwargs:
            raise CaffeError("forward_all() needs the net's inputs, e.g. forward_all(data=images)")
        self._check_inputs(kwargs)
        arrays = {name: self._array(name, value) for name, value in kwargs.items()}
        lengths = {len(value) if value.ndim else 0 for value in arrays.values()}
        if len(lengths) != 1:
            raise CaffeError(f"forward_all(): inputs of different lengths {sorted(lengths)}")
        total = lengths.pop()
        if not total:
            raise CaffeError("forward_all(): nothing to compute; give at least one row of inputs")
        results: dict[str, list[Floats]] = {}
        with self._lock:
            size = self._blobs[next(iter(arrays))].shape[0] or 1
            for begin in range(0, total, size):
                batch: dict[str, Any] = {}
                for name, value in arrays.items():
                    part = value[begin : begin + size]
                    if len(part) < size:
                        rest = np.zeros((size - len(part), *part.shape[1:]), part.dtype)
                        part = np.concatenate([part, rest])
                    batch[name] = part
                keep = min(size, total - begin)
                for name, data in self.forward(wanted, **batch).items():
                    whole = data if not data.ndim or data.shape[0] != size else data[:keep]
                    results.setdefault(name, []).append(np.array(whole, ndmin=1))
        return {name: np.concatenate(parts) for name, parts in results.items()}

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
                f"set_input_arrays(…): the net's first layer is '{layer.name}' "
                f"({layer.param.type}), not a MemoryData; write into net.blobs[…].data instead"
            )
        with self._lock:
            self._batches = Batches(layer, data, labels)

    def _wanted(self, blobs: Any) -> list[str]:
        if blobs is not None and not isinstance(blobs, Iterable):
            raise CaffeError(f"forward_all(): blobs must be a list of names, not {blobs!r}")
        wanted = [blobs] if isinstance(blobs, str) else list(blobs or ())
        for name in wanted:
            self._blob(name)
        return wanted

    def _blob(self, name: str) -> Blob:
        blob = self._blobs.get(name)
        if blob is None:
            raise CaffeError(f"the net has no blob '{name}'; it has {', '.join(self._blobs)}")
        return blob

    def _check_inputs(self, given: Mapping[str, Any]) -> None:
        if set(given) != set(self._topology.inputs):
            raise CaffeError(
                f"the inputs given ({', '.join(given)}) are not the net's "
                f"({', '.join(self._topology.inputs)})"
            )

    @staticmethod
    def _array(name: str, value: Any) -> npt.NDArray[Any]:
        try:
            array = np.asarray(value)
        except ValueError as err:
            raise CaffeError(f"input '{name}' is no array: {err}") from None
        if array.dtype == object and any(item is None for item in array.flat):
            raise CaffeError(f"input '{name}' is no array: it holds None")
        if array.dtype.kind == "c":
            raise CaffeError(f"input '{name}' is complex; give its real part or its magnitude")
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
                    f"input '{name}' is {shape_text(blob.shape)}, but "
                    f"{shape_text(array.shape)} was given ({err}); "
                    f"call net.blobs['{name}'].reshape(…) first"
                ) from None

    def _weight_shapes(self, index: int) -> list[Shape]:
        return [blob.shape for blob in self._weights[index]]

    def _prepare(self, first: int, last: int) -> tuple[Any, Plan]:
        """The plan for the shapes that the blobs have now; shapes what it computes."""
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
            key, lambda: Plan(self._topology, outside, first, last, self._weight_shapes)
        )
        for name, shape in plan.tops.items():
            self._blobs[name]._set_shape(shape)
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
        if last < first:
            return
        for index, layer in enumerate(self._topology.layers[first : last + 1], first):
            if layer.param.type == "MemoryData":
                if index or self._batches is None:
                    layer.fail(
                        "has no arrays; as a net's first layer it takes them from "
                        "net.set_input_arrays(data, labels)"
                    )
                self._batches.fill(self._blobs)
        key, plan = self._prepare(first, last)
        for layer in plan.filling:
            for i, top in enumerate(layer.tops):
                layer.refill_top(i, self._blobs[top].data, False)
        compiled = plan.compiled(self.packing)
        if compiled is None:
            return
        self.check_files()
        bound = self._bindings.get(key)
        if bound is None or bound.compiled is not compiled:
            if len(self._bindings) >= 6:
                self._bindings.pop(next(iter(self._bindings)))
            bound = self._bindings[key] = Bindings(plan, compiled, self._blobs, self._weight)
        if bound.run():
            # Bindings of other input sizes would keep the blobs' memory of those sizes alive.
            self._bindings = {k: b for k, b in self._bindings.items() if b is bound or not b.stale}

    def _weight(self, index: int, i: int) -> Blob:
        return self._weights[index][i]

    def reshape(self) -> None:
        """Give all blobs the shapes that follow from the inputs' present ones.

        Raises
        ------
        CaffeError
            If some layer cannot take its new input; all blobs keep their shapes then.
        """
        with self._lock:
            self._prepare(0, len(self._layers) - 1)

    def prepare(self) -> None:
        """Do now what the next whole :meth:`forward` would do first: compile the net.

        An extension, for who cannot wait for both at a time.
        """
        with self._lock:
            self._prepare(0, len(self._layers) - 1)[1].compiled(self.packing)

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
            twin._set_up(self._topology, self._plans)
            twin.filled = self.filled
            twin.packing = self.packing
            twin._batches = copy.copy(self._batches)
            for mine, theirs in zip(twin._weights, self._weights):
                for a, b in zip(mine, theirs):
                    a._set_shape(b.shape)
                    if share_weights:
                        a.share_data(b)
                    else:
                        a._set_values(b.data.copy())
            for index, i in self._topology.shared:
                owner = self._topology.shared[index, i]
                twin._weights[index][i].share_data(twin._weights[owner[0]][owner[1]])
            for name in self._sources():
                twin._blobs[name]._set_shape(self._blobs[name].shape)
                np.copyto(twin._blobs[name].data, self._blobs[name].data)
            twin.reshape()
            return twin

    def _sources(self) -> list[str]:
        return [t for layer in self._topology.layers if layer.is_source for t in layer.tops]

    # -- training ----------------------------------------------------------------------------
    def backward(self, *args: Any, **kwargs: Any) -> Any:
        """Always raises: this engine runs and edits nets, it does not train them."""
        raise no_training("Net.backward()")

    forward_backward_all = backward
    clear_param_diffs = backward
    before_backward = backward
    after_backward = backward

    def __repr__(self) -> str:
        return f"<Net '{self.name}' of {len(self._layers)} layers>"
