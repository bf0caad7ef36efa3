"""A run of layers for one set of input shapes, compiled: ONNX model, session, bindings."""

from __future__ import annotations

import math
import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filterlab.caffe import device, winograd
from filterlab.caffe.blob import Blob, Shape, Storage, aligned, moved
from filterlab.caffe.deferred import MOST_SPARED, Deferred
from filterlab.caffe.derived import Derived, Prepared, affine_of, folded
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.convolution import Convolution
from filterlab.caffe.packing import (
    DEVOURS_OUTPUTS,
    KEEP_WEIGHTS,
    MOST_VALUES,
    Layout,
    pack,
    works,
    worth_packing,
)
from filterlab.caffe.runtime import load_runtime
from filterlab.caffe.strides import thin
from filterlab.caffe.text import Text
from filterlab.caffe.topology import Topology
from filterlab.caffe.winograd import (
    TILES,
    Transformed,
    UntransformableError,
    choose,
    matrices,
    regular,
    transformed,
)

__all__ = [
    "Bindings",
    "Compiled",
    "Memory",
    "Plan",
    "PlanCache",
    "make_session",
    "what_failed",
]

#: Multiplications per weight before weights are laid out: so many take about as long as that does.
USES_BEFORE_PACKING = 5000
#: From so many channels on a factor for each is a convolution, which ONNX Runtime joins with what
#: follows.
FEWEST_DEPTHWISE = 16


#: Norms beyond this may have been infinite on the way.
FINITE = 1e18


class Compiled(NamedTuple):
    """A session and what is fed to it.

    Attributes
    ----------
    session : InferenceSession
    layouts : tuple
        Its inputs that are weights laid out or transformed.
    constants : tuple of (name, array)
        Its inputs that are always the same.
    fast : bool
        Whether it transforms tiles, which takes values that are numbers and not too large.
    """

    session: Any
    layouts: tuple[Layout | Transformed, ...] = ()
    constants: tuple[tuple[str, npt.NDArray[np.float32]], ...] = ()
    fast: bool = False


class Plan:
    """How to compute layers ``start`` to ``end`` for inputs of given shapes.

    Holds nothing that belongs to one net, so that nets of one topology can share it.

    Parameters
    ----------
    extra : frozenset of str, or None
        Blobs to compute in readable form beside :attr:`always`; None for all.
    fold : bool
        Whether layers that are a factor and an addend for each channel are joined into one
        operation, or into the convolution before them.
    only : frozenset of str, optional
        Compute these blobs and no others.
    portable : bool
        For other programs to read: see :class:`filterlab.caffe.graph.Graph`.

    Attributes
    ----------
    tops : dict
        Shape of every blob that the run produces.
    weights : list of (graph name, layer index, weight index, shape)
        Those read as they are.
    derived : list of Derived
        Those computed from several.
    always : set of str
        Blobs that are outputs in any case: that other runs read, and those behind weights too
        large to be copied.
    deferred : dict
        Shapes of the blobs that are no outputs.
    """

    def __init__(
        self,
        topology: Topology,
        outside: Mapping[str, Shape],
        start: int,
        end: int,
        weights: Callable[[int], list[Shape]] | None,
        extra: frozenset[str] | None = None,
        fold: bool = False,
        only: frozenset[str] | None = None,
        portable: bool = False,
    ) -> None:
        shapes = topology.infer(outside, start, end, weights)
        self.tops = shapes.tops
        self.outside = dict(outside)
        self.filling = [layer for layer in topology.layers[start : end + 1] if layer.fills]
        self._topology, self._range = topology, (start, end)
        self._lock = threading.Lock()
        self._compiled: dict[Any, Compiled] = {}
        self._failed: set[Any] = set()
        #: Weights that would gain by another layout, and the multiplications with them in a run.
        self._packable: dict[str, Shape] = {}
        self._work = 0
        self._done = 0
        #: Shapes of what the first of them, convolutions' kernels, give: of four axes.
        self._convolved: dict[str, Shape] = {}
        self._rest: Plan | None = None
        self._portable = portable
        _alive.add(self)
        self.always = self._always(topology, shapes, start, end)
        wanted = set(self.tops) if extra is None else self.always | extra
        if only is not None:
            wanted = set(only)
        self._build(topology, shapes, start, end, wanted, fold)
        if only is None and not wanted >= set(self.tops) and (self.host_inputs or self.states):
            # What is random or remembered is not computed twice.
            wanted = self.always = set(self.tops)
            self._build(topology, shapes, start, end, wanted, fold)
        #: Blobs that need not be outputs.
        self.optional = [name for name in self.tops if name not in self.always]
        self.deferred = {n: s for n, s in self.tops.items() if n not in wanted}
        #: Blobs and (layer, weight) that the deferred ones are computed from.
        self.sources = _sources(topology, shapes, start, end, self.deferred)

    @staticmethod
    def _always(topology: Topology, shapes: Any, start: int, end: int) -> set[str]:
        tops = shapes.tops
        if start == end:
            return set(tops)
        found = set(topology.outputs) | set(topology.layers[end].tops)
        for layer in topology.layers[end + 1 :]:
            found.update(layer.bottoms)
        behind: set[str] = set()  # weights that are too large to be copied
        made: set[str] = set()
        for layer, specs in zip(topology.layers[start : end + 1], shapes.weights):
            large = any(math.prod(spec.shape) > MOST_SPARED for spec in specs)
            if large or any(b in behind for b in layer.bottoms):
                behind.update(layer.tops)
            found.update(b for b in layer.bottoms if b not in made and b in tops)
            made.update(layer.tops)
        return (found | behind) & set(tops)

    def _build(
        self, topology: Topology, shapes: Any, start: int, end: int, wanted: set[str], fold: bool
    ) -> None:
        self._packable, self._convolved, self._work = {}, {}, 0
        g = Graph(portable=self._portable)
        values = {name: g.add_input(f"in:{name}", s) for name, s in self.outside.items()}
        sizes = {f"in:{name}": s for name, s in self.outside.items()}
        weights: list[tuple[str, int, int, Shape]] = []
        derived: list[Derived] = []
        #: Which layer computed each blob last.
        self.makers: dict[str, int] = {}
        known: dict[tuple[int, int], str] = {}
        chains = _chains(topology, shapes, start, end, wanted) if fold else {}
        for offset, layer in enumerate(topology.layers[start : end + 1]):
            index = start + offset
            if layer.is_source:
                continue
            if layer.host:
                layer.fail("is computed in Python and has no place in an ONNX model")
            self.makers.update(dict.fromkeys(layer.tops, index))
            chain = chains.get(offset)
            g.layer = layer.name
            if chain is not None and chain[0] != offset:
                continue  # done with the first of them
            if chain is not None:
                made = self._derive(topology, shapes, start, chain)
                derived += made
                names = [g.add_weight(d.name, d.shape) for d in made]
                tops = self._emit_chain(g, layer, values[layer.bottoms[0]], shapes, offset, names)
                values[topology.layers[start + chain[-1]].tops[0]] = tops
                sizes[tops] = shapes.made[chain[-1]][0]
                continue
            names = []
            for i, spec in enumerate(shapes.weights[offset]):
                key = topology.shared.get((index, i), (index, i))
                # Shared memory of another shape is fed twice, as two inputs.
                if key not in known or g_shape(weights, known[key]) != spec.shape:
                    name = g.add_weight(f"w:{layer.name}:{i}", spec.shape)
                    weights.append((name, index, i, spec.shape))
                    known.setdefault(key, name)
                    names.append(name)
                else:
                    names.append(known[key])
            bottoms = [values[b] for b in layer.bottoms]
            if isinstance(layer, Convolution) and not layer.transposed:
                own = {n: spec.shape for n, spec in zip(names, shapes.weights[offset])}
                self._consider(own, shapes.made[offset])
            if layer.tops and all(0 in shape for shape in shapes.made[offset]):
                tops_made = [g.constant(np.zeros(shape)) for shape in shapes.made[offset]]
            else:
                tops_made = layer.emit(g, bottoms, shapes.bottoms[offset], names)
            values.update(zip(layer.tops, tops_made))
            sizes.update(zip(tops_made, shapes.made[offset]))
        self.outputs: dict[str, str] = {}
        for name, shape in self.tops.items():
            if name in wanted and values[name] != f"in:{name}":
                g.add_output(f"out:{name}", values[name], shape)
                self.outputs[f"out:{name}"] = name
        read = g.prune()
        if fold and not self._portable:
            thin(g, sizes)
        self.inputs = {f"in:{name}": name for name in self.outside if f"in:{name}" in read}
        self.weights = [weight for weight in weights if weight[0] in read]
        self.derived = [one for one in derived if one.name in read]
        self._packable = {n: shape for n, shape in self._packable.items() if n in read}
        #: Blobs that the run reads and overwrites: it must read a copy.
        self.overwritten = [b for b in self.outputs.values() if f"in:{b}" in read]
        #: A run that must be repeated must find its inputs as they were.
        self._may_be_fast = not (self.overwritten or g.host_inputs or g.states)
        self.host_inputs = g.host_inputs
        self.states = g.states
        self._graph = g

    def _derive(
        self, topology: Topology, shapes: Any, start: int, chain: list[int]
    ) -> list[Derived]:
        """The weight and the bias of a chain of layers as one operation."""
        first = topology.layers[start + chain[0]]
        specs = shapes.weights[chain[0]]
        fold = first.fold(shapes.bottoms[chain[0]])
        own = len(specs) if fold is not None else 0
        parts = chain[1:] if fold is not None else chain
        sources = [
            (start + offset, i) for offset in chain for i in range(len(shapes.weights[offset]))
        ]
        steps = []
        for offset in parts:
            one = topology.layers[start + offset].affine(shapes.bottoms[offset])
            assert one is not None
            steps.append((one, len(shapes.weights[offset])))
        channels = shapes.made[chain[0]][0][1]
        weight: Shape
        addend: Shape = (channels,)
        rank = len(shapes.bottoms[chain[0]][0])
        if fold is not None:
            weight = specs[0].shape
        elif self._portable:
            weight = (channels,)
        elif rank == 4 and channels >= FEWEST_DEPTHWISE:
            weight = (channels, 1, 1, 1)
        else:
            weight = addend = (channels, *(1,) * (rank - 2))
        return [
            Derived(f"d:{first.name}:{i}", shape, *rest)
            for i, (shape, rest) in enumerate(
                zip((weight, addend), folded(fold, own, affine_of(steps), sources))
            )
        ]

    def _emit_chain(
        self, g: Graph, first: Any, x: str, shapes: Any, offset: int, names: list[str]
    ) -> str:
        """The one operation of a chain."""
        bottoms = shapes.bottoms[offset]
        if first.fold(bottoms) is not None:
            if isinstance(first, Convolution):
                channels = shapes.made[offset][0][1]
                own = {names[0]: shapes.weights[offset][0].shape, names[1]: (channels,)}
                self._consider(own, shapes.made[offset])
            return str(first.emit(g, [x], bottoms, names)[0])
        channels = bottoms[0][1]
        if g.portable:
            moments = [g.constant(np.zeros(channels)), g.constant(np.ones(channels))]
            return g.op("BatchNormalization", [x, *names, *moments], epsilon=0.0)
        if len(bottoms[0]) == 4 and channels >= FEWEST_DEPTHWISE:
            self._consider({names[0]: (channels, 1, 1, 1), names[1]: (channels,)}, bottoms)
            return g.op("Conv", [x, *names], group=channels, kernel_shape=[1, 1])
        return g.op("Add", [g.op("Mul", [x, names[0]]), names[1]])

    def rest(self) -> Plan:
        """How to compute the deferred blobs afterwards."""
        with self._lock:
            if self._rest is None:
                self._rest = Plan(
                    self._topology, self.outside, *self._range, None, only=frozenset(self.deferred)
                )
            return self._rest

    def model(self, frozen: dict[str, npt.NDArray[np.float32]] | None = None) -> bytes:
        """The ONNX model, serialized; weights in ``frozen`` (by graph name) become constants."""
        return self._graph.model(frozen)

    def _consider(self, weights: dict[str, Shape], tops: list[Shape]) -> None:
        """Note a convolution's weights, if they would gain by another layout."""
        shape = next(iter(weights.values()))
        values = sum(math.prod(s) for s in {**self._packable, **weights}.values())
        if worth_packing(shape, tops[0]) and values <= MOST_VALUES:
            self._packable.update(weights)
            # The axes before the channels are one in the graph.
            *outer, kernels, height, width = tops[0]
            self._convolved[next(iter(weights))] = math.prod(outer), kernels, height, width
            self._work += sum(math.prod(top) for top in tops) * math.prod(shape[1:])

    def compiled(self, packing: str = "later", fast: bool = True) -> Compiled | None:
        """What is to be run now; None if there is nothing to compute.

        At first all weights are fed as they are, which takes no preparation. Once that has cost
        as much as laying out those of the convolutions does, it is done: with ``packing``
        ``"later"``. With ``"first"`` it is done before the first run, with ``"never"`` never.
        Where ``fast``, convolutions may transform tiles.
        """
        if not self.outputs:
            return None
        key = device.providers()
        fast = fast and self._may_be_fast
        kind = "fast" if fast else "packed"
        with self._lock:
            if self._packable and len(key) == 1 and packing != "never":
                if (key, kind) not in self._compiled and (key, kind) not in self._failed:
                    self._done += self._work
                    values = sum(math.prod(shape) for shape in self._packable.values())
                    if packing == "first" or self._done >= USES_BEFORE_PACKING * values:
                        packed = self._packed(key, fast)
                        if packed:
                            self._compiled[key, kind] = packed
                        else:
                            self._failed.add((key, kind))
                if (key, kind) in self._compiled:
                    return self._compiled[key, kind]
            if key not in self._compiled:
                self._compiled[key] = Compiled(make_session(self._graph.model(), key))
            return self._compiled[key]

    def _packed(self, key: tuple[tuple[str, int], ...], fast: bool) -> Compiled | None:
        """The run with weights laid out; None where that cannot be."""
        graph, shapes = self._graph, dict(self._packable)
        inputs: list[Transformed] = []
        if fast and _fast_works():
            room = MOST_VALUES - sum(math.prod(shape) for shape in shapes.values())
            chosen = choose(graph, self._convolved, room)
            if chosen:
                graph, inputs = transformed(graph, chosen)
                for one in inputs:
                    shapes.pop(one.weight, None)
                shapes[TILES] = matrices().tile.shape
        try:
            if not _packing_works():
                return None
            packed = pack(
                graph.model,
                shapes,
                graph.constants(),
                lambda model, path: make_session(model, key, optimized=path),
            )
            if packed is None:
                return None
            session = make_session(packed.model, key, optimize=False)
        except (CaffeError, OSError):  # such as no room for temporary files
            return None
        layouts: list[Layout | Transformed] = list(inputs)
        constants = []
        for layout in packed.layouts:
            if layout.weight == TILES:
                laid = aligned(math.prod(layout.shape))
                layout.write(matrices().tile, laid)
                constants.append((layout.input, laid.reshape(layout.shape)))
            else:
                layouts.append(layout)
        return Compiled(session, tuple(layouts), tuple(constants), bool(inputs))


_alive: weakref.WeakSet[Plan] = weakref.WeakSet()


def after_fork() -> list[Any]:
    """Give all plans of a forked process no sessions and new locks; gives what must not end."""
    kept = []
    for plan in list(_alive):
        kept.append(plan._compiled)
        plan._compiled, plan._lock = {}, threading.Lock()
    return kept


def _versions(topology: Topology, start: int, end: int) -> tuple[dict[Any, list[int]], Any]:
    """(blob, offset of its maker) -> offsets of its readers; and who made each blob last."""
    readers: dict[tuple[str, int], list[int]] = {}
    now: dict[str, int] = {}
    for offset, layer in enumerate(topology.layers[start : end + 1]):
        for bottom in layer.bottoms:
            readers.setdefault((bottom, now.get(bottom, -1)), []).append(offset)
        now.update(dict.fromkeys(layer.tops, -1 if layer.is_source else offset))
    return readers, now


def _chains(
    topology: Topology, shapes: Any, start: int, end: int, wanted: set[str]
) -> dict[int, list[int]]:
    """Layers that can be one operation: each one's offset -> the offsets of all of them."""
    readers, last = _versions(topology, start, end)
    layers = topology.layers[start : end + 1]
    chains: dict[int, list[int]] = {}

    def usable(offset: int) -> bool:
        return all(s.shape and math.prod(s.shape) <= MOST_SPARED for s in shapes.weights[offset])

    for offset, layer in enumerate(layers):
        if offset in chains or layer.is_source or layer.host or len(layer.tops) != 1:
            continue
        shape = shapes.made[offset][0]
        if len(shape) < 2 or 0 in shape or not usable(offset):
            continue
        begins = layer.fold(shapes.bottoms[offset]) is not None
        if not begins and layer.affine(shapes.bottoms[offset]) is None:
            continue
        chain = [offset]
        while True:
            at = chain[-1]
            top = layers[at].tops[0]
            after = readers.get((top, at), [])
            if len(after) != 1 or (last[top] == at and top in wanted):
                break
            follower = layers[after[0]]
            if (
                len(follower.tops) != 1
                or follower.affine(shapes.bottoms[after[0]]) is None
                or not usable(after[0])
            ):
                break
            chain.append(after[0])
        if not begins or len(chain) > 1:
            chains.update(dict.fromkeys(chain, chain))
    return chains


def _sources(
    topology: Topology, shapes: Any, start: int, end: int, names: Iterable[str]
) -> list[Any]:
    """What blobs are computed from: blobs from outside, and (layer, weight)."""
    _, last = _versions(topology, start, end)
    needed = {(name, last[name]) for name in names}
    now = dict(last)
    found: dict[Any, None] = {}
    makers: list[dict[str, int]] = []
    now = {}
    for offset, layer in enumerate(topology.layers[start : end + 1]):
        makers.append({b: now.get(b, -1) for b in layer.bottoms})
        now.update(dict.fromkeys(layer.tops, -1 if layer.is_source else offset))
    for offset in range(end - start, -1, -1):
        layer = topology.layers[start + offset]
        if layer.is_source or not any((top, offset) in needed for top in layer.tops):
            continue
        needed.update(makers[offset].items())
        for i in range(len(shapes.weights[offset])):
            key = start + offset, i
            found[topology.shared.get(key, key)] = None
            found[key] = None
    found.update((name, None) for name, maker in needed if maker == -1)
    return list(found)


def g_shape(weights: list[tuple[str, int, int, Shape]], name: str) -> Shape:
    """The shape under which a weight is already fed."""
    return next(shape for n, _, _, shape in weights if n == name)


def make_session(
    model: bytes,
    providers: tuple[tuple[str, int], ...],
    optimize: bool = True,
    optimized: str = "",
) -> Any:
    """An ONNX Runtime session, quiet, on the providers given.

    ``optimized`` names a file for the optimized model.
    """
    onnxruntime = load_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that wait busily take a core from the window and from other nets after each run; for
    # an instant they may, between the many short operations of small nets.
    if _can_wait_an_instant(onnxruntime.__version__):
        options.add_session_config_entry("session.intra_op.spin_duration_us", "200")
    else:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if optimized:
        options.optimized_model_filepath = optimized
    left_out = list(KEEP_WEIGHTS) if optimized else []
    wanted = [
        (name, {"device_id": str(number)})
        if name in ("CUDAExecutionProvider", "DmlExecutionProvider")
        else name
        for name, number in providers
    ]
    failed: Exception | None = None
    for more in ([], list(DEVOURS_OUTPUTS)):
        if failed is not None and not optimize:
            break
        try:
            return onnxruntime.InferenceSession(
                model,
                options,
                disabled_optimizers=[*left_out, *more] or None,
                providers=wanted,
                # From a processor there is nothing to fall back to, and it would be said on stdout.
                enable_fallback=int(len(wanted) > 1),
            )
        except Exception as err:  # ONNX Runtime raises many types
            failed = failed or err
    raise CaffeError("ONNX Runtime cannot run this net: {reason}", reason=_first_line(failed))


@cache
def _packing_works() -> bool:
    """Whether laying weights out gives the right numbers here, tried once in a process."""
    cpu = (("CPUExecutionProvider", 0),)
    try:
        return works(
            lambda model, path: make_session(model, cpu, optimized=path),
            lambda model: make_session(model, cpu, optimize=False),
        )
    except (CaffeError, OSError):  # no room for temporary files tells nothing of the layouts
        raise
    except Exception:  # ONNX Runtime raises many types
        return False


@cache
def _fast_works() -> bool:
    """Whether transforming tiles gives the right numbers here, tried once in a process."""
    cpu = (("CPUExecutionProvider", 0),)
    try:
        return winograd.works(lambda model: make_session(model, cpu))
    except Exception:  # ONNX Runtime raises many types
        return False


def _can_wait_an_instant(version: str) -> bool:
    """Whether this ONNX Runtime lets its threads wait busily for a time that can be set."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 32)


def what_failed(err: Exception) -> str:
    """ONNX Runtime's message with the layer in front, and without its own source's places."""
    text = _first_line(err)
    found = re.search(r"Name:'(?:fused )?(.*?)#.*?' Status Message: (.*)", text)
    if not found:
        return Text("the net could not be computed: {reason}", reason=text)
    outside = re.search(r"idx=(-?\d+) must be within the inclusive range \[(-\d+),", text)
    if outside:
        index, size = int(outside.group(1)), -int(outside.group(2))
        index += size if index < 0 else 0
        return Text(
            "layer '{name}': a label or index is {index}, but there are {count}; it "
            "must lie within 0 and {last}",
            name=found.group(1),
            index=index,
            count=size,
            last=size - 1,
        )
    reason = re.sub(r"^/\S+onnxruntime\S* .*?\) (\[.*?\] )?", "", found.group(2))
    return Text(
        "layer '{layer}' could not be computed: {reason}", layer=found.group(1), reason=reason
    )


def _first_line(err: Exception | None) -> str:
    return str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__


class Memory:
    """What one net's layers remember beside its blobs: random masks, and recurrent states."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, Shape], npt.NDArray[np.float32]] = {}

    def room(self, name: str, shape: Shape) -> npt.NDArray[np.float32]:
        """The array of a name and shape; zeros at first."""
        array = self.arrays.get((name, shape))
        if array is None:
            array = self.arrays[name, shape] = _room(shape)
        return array

    def copy(self) -> Memory:
        """The same values in other memory."""
        twin = Memory()
        for key, array in self.arrays.items():
            np.copyto(twin.room(*key), array)
        return twin


class Bindings:
    """One net's memory tied to a session, so that a run copies nothing."""

    def __init__(
        self,
        plan: Plan,
        compiled: Compiled,
        blobs: Mapping[str, Blob],
        weight: Callable[[int, int], Blob],
        memory: Memory,
    ) -> None:
        self.plan = plan
        self.compiled = compiled
        self._blobs = blobs
        self._weight = weight
        weights = {name: weight(index, i) for name, index, i, _ in plan.weights}
        layouts = {layout.weight: layout for layout in compiled.layouts}
        derived = {one.name for one in plan.derived}
        self._prepared = [
            *(
                Prepared(layout.input, [weights[layout.weight]], None, layout)
                for layout in compiled.layouts
                if not layout.plain and layout.weight not in derived
            ),
            *(
                Prepared(
                    layouts[d.name].input if d.name in layouts else d.name,
                    [weight(*source) for source in d.sources],
                    d,
                    layouts.get(d.name),
                )
                for d in plan.derived
            ),
        ]
        #: What is prepared from a blob, by its id.
        self._preparing: dict[int, list[Prepared]] = {}
        for one in self._prepared:
            for blob in one.blobs:
                self._preparing.setdefault(id(blob), []).append(one)
        #: (name, blob, shape) of what is read from the blobs' own memory.
        self._read = [(name, blobs[blob], plan.outside[blob]) for name, blob in plan.inputs.items()]
        self._direct = [
            *((n, weights[n], shape) for n, _, _, shape in plan.weights if n not in layouts),
            *((x.input, weights[x.weight], x.shape) for x in compiled.layouts
              if x.plain and x.weight in weights),
        ]  # fmt: skip
        self._results = [(name, blobs[blob]) for name, blob in plan.outputs.items()]
        self._copies: dict[str, npt.NDArray[np.float32]] = {
            f"in:{blob}": _room(plan.outside[blob]) for blob in plan.overwritten
        }
        self._memory = memory
        self._host = {n: memory.room(n, host.shape) for n, host in plan.host_inputs.items()}
        self._states = {n: memory.room(n, shape) for n, shape in plan.states.items()}
        self._news = {n: memory.room(f"new:{n}", shape) for n, shape in plan.states.items()}
        self._pointers: list[int] = []
        self._keep: list[Any] = []
        self._binding: Any = None
        #: All weights that the run depends on, their stamps where nobody held them at the last
        #: look, and those that somebody held.
        sources = [weight(*key) for key in plan.sources if not isinstance(key, str)]
        self._watched = list(
            {
                id(blob): blob
                for blob in (
                    *(b for _, b, _ in self._direct),
                    *(b for one in self._prepared for b in one.blobs),
                    *sources,
                )
            }.values()
        )
        self._stamps: list[int | None] = []
        self._held: list[Storage] = []
        self._seen: dict[Storage, npt.NDArray[np.float32]] = {}
        self._sources: dict[Any, Storage] = {}
        #: As of when (:func:`moved`) the following storages are the blobs'.
        self._moved = -1
        self._inputs: list[Storage] = []
        self._watched_storages: list[Storage] = []
        self._sourced: set[Storage] = set()
        self._written: list[Storage] = []
        self._topped: list[Storage] = []
        self._deferred: dict[str, Storage] = {}
        self._tie_left = False
        self._anew = True
        # By the plan alone: a ring of references would keep a net that nobody has any more.
        self.left = Deferred(partial(_catch_up, plan)) if plan.deferred else None
        self._all_tops = [blobs[name] for name in plan.tops]

    @property
    def stale(self) -> bool:
        """Whether some blob has other memory than the one known here, and still kept alive."""
        known = (
            (self._tied(), self._keep),
            (self._watched, self._watched_storages),
            (self._all_tops, self._topped),
        )
        return any(b._storage is not kept for pair in known for b, kept in zip(*pair))

    def _tied(self) -> list[Blob]:
        """The blobs whose own memory the session reads or writes."""
        return [
            *(b for _, b, _ in self._read),
            *(b for _, b, _ in self._direct),
            *(b for _, b in self._results),
        ]

    def run(self) -> bool:
        """Compute; the blobs' own memory holds the results. True if some lie elsewhere now.

        Raises
        ------
        UnfoldableError
            If the weights' present values cannot be folded; nothing has been written then.
        UntransformableError
            If some values are no numbers or too large for :attr:`Compiled.fast`; the run is to be
            repeated without.
        """
        for _, blob, _ in self._read:
            blob._storage.ready()
        if moved() != self._moved:
            self._find()
        if [storage.stamp for storage in self._watched_storages] != self._stamps:
            self._look()
        fast = self.compiled.fast
        if fast and not all(regular(blob._storage.flat) for _, blob, _ in self._read):
            raise UntransformableError
        if self._binding is None:
            self._bind()
        for name, blob, _ in self._read:
            if name in self._copies:
                np.copyto(self._copies[name], blob._storage.flat.reshape(blob.shape))
        for name, host in self.plan.host_inputs.items():
            host.refill(self._host[name])
        for name, state in self._states.items():
            np.copyto(state, self._news[name])
        self._leave()
        try:
            self.compiled.session.run_with_iobinding(self._binding)
        except Exception as err:
            if self.left is not None:
                self.left.drop()
            raise CaffeError(what_failed(err)) from None
        if fast and not all(regular(blob._storage.flat, FINITE) for _, blob in self._results):
            if self.left is not None:
                self.left.drop()  # an input may be a blob that this run was to overwrite
            raise UntransformableError
        anew, self._anew = self._anew, False
        return anew

    def _find(self) -> None:
        """See where the blobs lie now."""
        now = moved()
        watched = [blob._storage for blob in self._watched]
        if watched != self._watched_storages:
            self._watched_storages, self._stamps, self._seen = watched, [], {}
            self._anew = True
        for storage in watched:
            storage.ready()
        pointers = [b._storage.pointer for b in self._tied()]
        if pointers != self._pointers:
            self._pointers, self._binding, self._anew = pointers, None, True
        self._written = [b._storage for _, b in self._results]
        self._topped = [b._storage for b in self._all_tops]
        if self.left is not None:
            keys = self.plan.sources
            sources = [
                self._blobs[key]._storage if type(key) is str else self._weight(*key)._storage
                for key in keys
            ]
            if list(self._sources.values()) != sources:
                self._sources = dict(zip(keys, sources))
            self._inputs = [s for key, s in self._sources.items() if type(key) is str]
            self._sourced = set(sources)
            self._deferred = {name: self._blobs[name]._storage for name in self.plan.deferred}
            self._tie_left = True
        self._moved = now

    def _look(self) -> None:
        """Follow the weights' edits."""
        watched = self._watched_storages
        stamps = self._stamps or [None] * len(watched)
        self._stamps = []
        stale = set()
        for i, (storage, known) in enumerate(zip(watched, stamps)):
            if known is not None and storage.stamp == known:
                continue
            storage.ready()
            # In this order: a view from before is seen as held, one from after by the stamp.
            stamp = storage.stamp
            _ = storage.flat
            stamps[i] = None if storage.held else stamp
            stale.add(id(self._watched[i]))
        for one in dict.fromkeys(p for blob in stale for p in self._preparing.get(blob, ())):
            one.refresh()
            for storage, seen in zip(one.storages, one.seen):
                if seen:
                    self._seen[storage] = np.frombuffer(seen, np.float32)
                else:
                    self._seen.pop(storage, None)
        self._held = [s for s, stamp in zip(watched, stamps) if stamp is None]
        self._stamps = stamps

    def _leave(self) -> None:
        """Say of each blob whether this run computes it, or leaves it for who asks for it."""
        left = self.left
        if left is not None:
            for storage in self._inputs:
                storage.ready()
            wanted = self._sourced
            held = [s for s in self._inputs if s.held] + [s for s in self._held if s in wanted]
            if self._tie_left:  # not before: what the last forward left is read from its sources
                left.tie(self._deferred, self._sources, self._inputs)
                self._tie_left = False
            left.arm(self._deferred.values(), held, self._seen)
        for storage in self._written:
            storage.wrote()
            storage.pending = None
        for storage in self._topped:
            if storage.readers:
                storage.spare()

    def _bind(self) -> None:
        """Tie inputs and outputs anew, because some blob has other memory than before."""
        binding = self.compiled.session.io_binding()
        for name, blob, shape in (*self._read, *self._direct):
            pointer = blob._storage.pointer
            if name in self._copies:
                pointer = self._copies[name].ctypes.data
            binding.bind_input(name, "cpu", 0, np.float32, shape, pointer)
        for one in self._prepared:
            pointer = one.values.ctypes.data
            binding.bind_input(one.name, "cpu", 0, np.float32, one.shape, pointer)
        for name, array in (
            *self._host.items(),
            *self._states.items(),
            *self.compiled.constants,
        ):
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in self._news.items():
            binding.bind_output(f"new:{name}", "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, blob in self._results:
            binding.bind_output(name, "cpu", 0, np.float32, blob.shape, blob._storage.pointer)
        self._binding = binding
        # The binding holds bare addresses: what they point to must outlive it.
        self._keep = [blob._storage for blob in self._tied()]


def _catch_up(
    made: Plan,
    values_of: Callable[[Any], npt.NDArray[np.float32]],
    left: Mapping[str, Storage],
) -> None:
    """Compute blobs that a run left out."""
    plan = made.rest()
    compiled = plan.compiled("never")
    if compiled is None:
        return
    binding = compiled.session.io_binding()
    keep = []
    for name, blob in plan.inputs.items():
        values = values_of(blob)
        keep.append(values)
        shape = plan.outside[blob]
        binding.bind_input(name, "cpu", 0, np.float32, shape, _address(values))
    for name, index, i, shape in plan.weights:
        values = values_of((index, i))
        keep.append(values)
        binding.bind_input(name, "cpu", 0, np.float32, shape, _address(values))
    for name, blob in plan.outputs.items():
        if blob in left:
            pointer = left[blob].pointer
            binding.bind_output(name, "cpu", 0, np.float32, plan.tops[blob], pointer)
    try:
        compiled.session.run_with_iobinding(binding)
    except Exception as err:
        raise CaffeError(what_failed(err)) from None


def _address(values: npt.NDArray[np.float32]) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


def _room(shape: Shape) -> npt.NDArray[np.float32]:
    return aligned(math.prod(shape)).reshape(shape)


class PlanCache:
    """The plans used last, shared by a net and its snapshots."""

    def __init__(self, size: int = 6) -> None:
        self._size = size
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        #: Those too that a net goes on using without asking for them.
        self._alive: weakref.WeakValueDictionary[Any, Plan] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Plan]) -> Plan:
        """The plan of a key, made at its first use."""
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = self._alive.get(key) or make()
                self._plans[key] = self._alive[key] = plan
                while len(self._plans) > self._size:
                    self._plans.popitem(last=False)
            self._plans.move_to_end(key)
            return plan
