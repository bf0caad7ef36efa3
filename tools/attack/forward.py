"""Random nets, read and edited at random, beside the engine that computes every blob each time.

    python -m tools.attack.forward [--steps 1000000] [--seed 0]

Two nets of the same layers go through the same steps: inputs and weights edited by new views and
by old ones, forwards whole and in part, blobs read, held and written, inputs reshaped, snapshots,
weights shared with a twin, backwards; values that cannot be folded, blobs reshaped in the middle,
nets one behind the other on one memory, nets that end while their blobs live, and the first net's
own ways switched. The other is ``eager``. The nets of odd seeds have no backward and compute their
convolutions of 3x3 by Winograd's algorithm. Every value read must agree within 1e-5 of the largest
of its blob (at least 1); exit status 1 if one does not. What a ReLU, a Sigmoid or a Softmax has
made small was rounded when it was large: where a blob differs by more, the largest value that any
layer computes on the way to it counts in place of its own, and the walk says how often it did.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
import time
from collections import Counter
from typing import Any

import numpy as np

import filterlab.caffe as caffe
from filterlab.caffe import derived, packing, winograd
from filterlab.caffe.prototxt import parse_net

__all__ = ["Walk", "main", "random_net"]

TOLERANCE = 1e-5
SIDES = (9, 12, 16)
#: So many steps on one net, then another.
STEPS = 5000


def random_net(r: random.Random) -> str:
    """Up to fourteen layers in prototxt: convolutions with what follows them, branches, classes."""
    text = (
        'force_backward: true layer { name: "data" type: "Input" top: "data" '
        f"input_param {{ shape {{ dim: {r.choice([1, 2])} dim: 4 dim: 12 dim: 12 }} }} }}\n"
    )
    sizes = {"data": (4, 0)}  # channels, halvings

    def add(kind: str, bottoms: list[str], inside: str, top: str, channels: int, half: int) -> None:
        nonlocal text
        name = f"l{text.count('layer {')}"
        reads = " ".join(f'bottom: "{b}"' for b in bottoms)
        top = top or name
        text += f'layer {{ name: "{name}" type: "{kind}" {reads} top: "{top}" {inside} }}\n'
        sizes[top] = (channels, half)

    for _ in range(r.randint(3, 14)):
        blobs = list(sizes)
        bottom = r.choice(blobs[-2:])
        channels, half = sizes[bottom]
        place = r.choice([bottom, bottom, ""]) if bottom != "data" or r.random() < 0.2 else ""
        kind = r.choice([*["Convolution"] * 5, "Points", *["BatchNorm", "Scale"] * 3, "Bias",
                         "ReLU", "ReLU", "Clip", "Pooling", "Concat", "Eltwise", "Power",
                         "Sigmoid", "Dropout", "Split"])  # fmt: skip
        if kind == "Convolution":
            kernels = r.choice([4, 8, 16, 20])
            group = r.choice([1, 1, 2, channels]) if kernels % channels == 0 else 1
            bias = r.choice(["true", "false"])
            inside = (
                f"convolution_param {{ num_output: {kernels} kernel_size: 3 pad: 1 "
                f"group: {group if channels % group == 0 else 1} bias_term: {bias} "
                'weight_filler { type: "xavier" } bias_filler { type: "uniform" min: -1 max: 1 } }'
            )
            if r.random() < 0.08:
                inside += f' param {{ name: "shared{channels}_{kernels}_{group}" }}'
            add(kind, [bottom], inside, "", kernels, half)
        elif kind == "Points":
            halves = int(half < 2 and r.random() < 0.7)
            for _ in range(r.choice([1, 2])):
                inside = (
                    f"convolution_param {{ num_output: {channels} kernel_size: 1 "
                    f'stride: {1 + halves} weight_filler {{ type: "xavier" }} }}'
                )
                add("Convolution", [bottom], inside, "", channels, half + halves)
        elif kind == "Pooling":
            if half < 2:
                method = r.choice(["MAX", "AVE"])
                inside = f"pooling_param {{ pool: {method} kernel_size: 2 stride: 2 }}"
                add(kind, [bottom], inside, "", channels, half + 1)
        elif kind in ("Concat", "Eltwise"):
            others = [b for b in blobs if sizes[b][1] == half]
            if kind == "Eltwise":
                others = [b for b in others if sizes[b] == sizes[bottom]]
            other = r.choice(others)
            total = channels + sizes[other][0] if kind == "Concat" else channels
            if total <= 64:
                add(kind, [bottom, other], "", "", total, half)
        elif kind == "Split":
            add(kind, [bottom], "", "", channels, half)
        else:
            inside = {
                "Scale": 'scale_param { filler { type: "uniform" min: 0.5 max: 1.5 } bias_term: '
                + r.choice(["true }", "false }"]),
                "Power": "power_param { scale: 0.7 shift: 0.2 }",
                # So that a sum that was never begun does not blow rounding up.
                "BatchNorm": "batch_norm_param { eps: 0.1 }",
                "Clip": "clip_param { min: -20 max: 20 }",
            }.get(kind, "")
            add(kind, [bottom], inside, place, channels, half)
    last = list(sizes)[-1]
    if r.random() < 0.5:
        add("Pooling", [last], "pooling_param { pool: AVE global_pooling: true }", "pool", 4, 0)
        inside = 'inner_product_param { num_output: 6 weight_filler { type: "xavier" } }'
        add("InnerProduct", ["pool"], inside, "fc", 6, 0)
        if r.random() < 0.5:
            add("BatchNorm", ["fc"], "batch_norm_param { eps: 0.1 }", "fc", 6, 0)
        add("Softmax", ["fc"], "", "prob", 6, 0)
    return text


def _limits() -> tuple[float, int, int, int]:
    """What is too small for the engine's faster ways."""
    return winograd.MARGIN, packing.FEWEST_KERNELS, packing.FEWEST_POSITIONS, derived.LARGE


def _set_limits(margin: float, kernels: int, positions: int, large: int) -> None:
    winograd.MARGIN, derived.LARGE = margin, large
    packing.FEWEST_KERNELS, packing.FEWEST_POSITIONS = kernels, positions


class Walk:
    """Random steps on one net and on its eager double.

    Attributes
    ----------
    counts : Counter
        How often each kind of step was done.
    worst : float
        The largest difference, as a part of the largest value of its blob (at least 1), or on the
        way to it.
    large : int
        How many comparisons needed the values on the way.
    """

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.text = random_net(self.r)
        if seed % 2:
            self.text = self.text.replace("force_backward: true ", "")
        self.counts: Counter[str] = Counter()
        self.worst = 0.0
        self.large = 0
        self.log: list[str] = []
        net = caffe.Net(parse_net(self.text), caffe.TEST)
        rng = np.random.default_rng(seed)
        for name, row in net.params.items():
            if net.layer_dict[name].type == "BatchNorm":
                row[0].data[...] = rng.standard_normal(row[0].shape)
                row[1].data[...] = 0.5 + rng.random(row[1].shape)
                row[2].data[...] = self.r.choice([1, 2, 0.5])
        net.eager = False
        net._plans._size = 500  # nothing is made twice
        net.packing = self.r.choice(["first", "never", "later"])
        self._limits = _limits()
        if seed % 2:
            net.packing, self._limits = "first", (math.inf, 1, 1, 1)
        self.pairs = [self._double(net)]
        #: Views of both nets that are held, and whose blob or weight they are.
        self.held: list[tuple[Any, Any]] = []
        #: Blobs of nets that nobody has any more.
        self.loose: list[tuple[Any, Any]] = []

    @staticmethod
    def _double(net: Any) -> tuple[Any, Any]:
        double = net.snapshot()
        double.eager = True
        double.packing = "never"
        return net, double

    def both(self, what: str, act: Any) -> tuple[Any, Any]:
        """Do one thing to both nets; what is an error to one is one to the other."""
        self.log.append(what)
        results = []
        for net in self.pair:
            try:
                results.append(act(net))
            except caffe.CaffeError as err:
                results.append(err)
        if isinstance(results[0], Exception) != isinstance(results[1], Exception):
            raise AssertionError(f"{results}: {self.story()}")
        return results[0], results[1]

    def story(self) -> str:
        """The net and what was done to it."""
        return self.text + "\n" + "\n".join(self.log[-40:])

    def same(self, mine: Any, theirs: Any, what: str) -> None:
        """Compare what both nets say."""
        if isinstance(mine, Exception):
            return
        if mine.shape != theirs.shape:
            raise AssertionError(f"{what}: {mine.shape} and {theirs.shape}: {self.story()}")
        if not mine.size:
            return
        most = float(np.abs(theirs).max())
        with np.errstate(invalid="ignore"):
            apart = float(np.abs(mine - theirs).max()) / max(1.0, most)
        if np.isfinite(most) and apart > TOLERANCE:
            self.large += 1
            apart *= max(1.0, most) / max(1.0, most, self.on_the_way())
        if np.isfinite(most) or np.isfinite(mine).all():
            self.worst = max(self.worst, apart)
            if not apart <= TOLERANCE:
                raise AssertionError(f"{what} differs by {apart}: {self.story()}")

    def on_the_way(self) -> float:
        """The largest finite value that a layer computes now, overwritten ones too."""
        net = self.pair[1].snapshot()
        found = [0.0]

        def look(index: int) -> None:
            for top in net.top_names[net.layers[index].name]:
                values = np.abs(net.blobs[top].data)
                found.append(float(values[np.isfinite(values)].max(initial=0)))

        net.after_forward(look)
        net.forward()
        return max(found)

    def step(self) -> None:
        """One random step, on the net or on a twin that shares its weights."""
        usual = _limits()
        try:
            _set_limits(*self._limits)
            self._step()
        finally:
            _set_limits(*usual)

    def _step(self) -> None:
        r = self.r
        self.pair = r.choice(self.pairs)
        kind = r.choice(
            [*["read"] * 10, *["forward"] * 5, *["weight"] * 4, *["input"] * 3, "part", "part",
             "hold", "let go", "held edit", "write", "reshape", "fed", "backward", "wanted"]
        ) if r.random() < 0.96 else r.choice(
            ["snapshot", "twin", "copy", "share", "switch", "switch", "extreme", "extreme",
             "same count", "middle", "share with", "chain", "files", "hook", "drop", "loose"]
        )  # fmt: skip
        self.counts[kind] += 1
        getattr(self, "_" + kind.replace(" ", "_"))(r, np.random.default_rng(r.getrandbits(32)))

    def _read(self, r: random.Random, rng: Any) -> None:
        name = r.choice(list(self.pair[0].blobs))
        mine, theirs = self.both(f"read {name}", lambda net: net.blobs[name].data)
        self.same(mine, theirs, name)

    def _forward(self, r: random.Random, rng: Any) -> None:
        mine, theirs = self.both("forward", lambda net: net.forward())
        if not isinstance(mine, Exception):
            for name in mine:
                self.same(mine[name], theirs[name], name)
        for a, b in self.held:
            self.same(a, b, "a held view")

    def _wanted(self, r: random.Random, rng: Any) -> None:
        name = r.choice(list(self.pair[0].blobs))
        mine, theirs = self.both(f"forward([{name}])", lambda net: net.forward([name]))
        if not isinstance(mine, Exception):
            self.same(mine[name], theirs[name], name)

    def _part(self, r: random.Random, rng: Any) -> None:
        names = list(self.pair[0].layer_dict)
        first, last = sorted((r.randrange(len(names)), r.randrange(len(names))))
        start = r.choice([None, names[first]])
        end = r.choice([None, names[last]])
        what = f"forward(start={start}, end={end})"
        mine, theirs = self.both(what, lambda net: net.forward(start=start, end=end))
        if not isinstance(mine, Exception):
            for name in mine:
                self.same(mine[name], theirs[name], name)
        for a, b in self.held:
            self.same(a, b, "a held view")

    def _any_weight(self, r: random.Random) -> tuple[str, int] | None:
        params = self.pair[0].params
        if not params:
            return None
        name = r.choice(list(params))
        return name, r.randrange(len(params[name]))

    def _weight(self, r: random.Random, rng: Any) -> None:
        place = self._any_weight(r)
        if place is None:
            return
        name, i = place
        kind = self.pair[0].layer_dict[name].type
        blob = self.pair[0].params[name][i]
        if kind == "BatchNorm":
            values = rng.standard_normal(blob.shape) if i == 0 else 0.5 + rng.random(blob.shape)
            if i == 2 and r.random() < 0.1:
                values[...] = 0
        else:
            values = (
                rng.standard_normal(blob.shape) * (2 / max(1, blob.count // blob.shape[0])) ** 0.5
            )
        at = r.randrange(blob.count) if r.random() < 0.5 else None
        if kind == "BatchNorm" and i == 1 and r.random() < 0.02:
            values = values * 0 - 1  # no root of it: what comes out is no number

        def edit(net: Any) -> None:
            data = net.params[name][i].data
            if at is None:
                data[...] = values
            else:
                data.flat[at] = values.flat[at]

        self.both(f"edit {name}[{i}] at {at}", edit)

    def _input(self, r: random.Random, rng: Any) -> None:
        values = rng.standard_normal(self.pair[0].blobs["data"].shape)

        def edit(net: Any) -> None:
            net.blobs["data"].data[...] = values

        self.both("edit data", edit)

    def _fed(self, r: random.Random, rng: Any) -> None:
        values = rng.standard_normal(self.pair[0].blobs["data"].shape)
        self.both("forward(data=)", lambda net: net.forward(data=values) and None)

    def _hold(self, r: random.Random, rng: Any) -> None:
        if len(self.held) > 6:
            return
        place = self._any_weight(r)
        if place is not None and r.random() < 0.5:
            name, i = place
            self.held.append(self.both(f"hold {place}", lambda net: net.params[name][i].data))
        else:
            name = r.choice(list(self.pair[0].blobs))
            self.held.append(self.both(f"hold {name}", lambda net: net.blobs[name].data))
        self.same(*self.held[-1], "what is held")

    def _let_go(self, r: random.Random, rng: Any) -> None:
        if self.held:
            self.held.pop(r.randrange(len(self.held)))
            self.log.append("let go")

    def _held_edit(self, r: random.Random, rng: Any) -> None:
        if self.held:
            views = r.choice(self.held)
            at, value = r.randrange(max(1, views[0].size)), 0.5 + rng.random()
            self.log.append(f"edit a held view of {views[0].shape} at {at}")
            for view in views:
                if view.size:
                    view.flat[at] = value

    def _write(self, r: random.Random, rng: Any) -> None:
        name = r.choice(list(self.pair[0].blobs))
        values = rng.standard_normal(self.pair[0].blobs[name].shape)

        def edit(net: Any) -> None:
            net.blobs[name].data[...] = values

        self.both(f"write {name}", edit)

    def _reshape(self, r: random.Random, rng: Any) -> None:
        side, only = r.choice(SIDES), r.random() < 0.3
        count = self.pair[0].blobs["data"].shape[0]

        def act(net: Any) -> None:
            net.blobs["data"].reshape(count, 4, side, side)
            if not only:
                net.reshape()

        self.both(f"reshape to {side}, {only}", act)

    def _backward(self, r: random.Random, rng: Any) -> None:
        if r.random() < 0.8 or "force_backward" not in self.text:
            return
        if isinstance(self.both("forward", lambda net: net.forward())[0], Exception):
            return
        top = self.pair[0].outputs[0]
        values = rng.standard_normal(self.pair[0].blobs[top].shape)

        def act(net: Any) -> Any:
            for name in net.outputs:
                net.blobs[name].diff[...] = values if name == top else 0
            return net.backward()["data"]

        mine, theirs = self.both("backward", act)
        if isinstance(mine, Exception) or not np.isfinite(theirs).all():
            return
        # A value at a corner of a ReLU or among equal maxima may fall on either side.
        most = max(1.0, float(np.abs(theirs).max()))
        if np.quantile(np.abs(mine - theirs), 0.9) > 1e-4 * most:
            raise AssertionError(f"backward differs: {self.story()}")

    def _snapshot(self, r: random.Random, rng: Any) -> None:
        at = self.pairs.index(self.pair)
        made = self.both("snapshot", lambda net: net.snapshot())
        if not isinstance(made[0], Exception):
            self.pair = self.pairs[at] = made

    def _twin(self, r: random.Random, rng: Any) -> None:
        if len(self.pairs) < 3:
            twins = self.both("twin", lambda net: net.snapshot(share_weights=True))
            if not isinstance(twins[0], Exception):
                self.pairs.append(twins)

    def _copy(self, r: random.Random, rng: Any) -> None:
        place = self._any_weight(r)
        if place is None:
            return
        name = place[0]
        factor = r.choice([0.9, 1 / 0.9])
        arrays = [blob.data.copy() * factor for blob in self.pair[0].params[name]]
        self.both(
            f"copy_from {name}", lambda net: net.copy_from({name: [a.copy() for a in arrays]})
        )

    def _share(self, r: random.Random, rng: Any) -> None:
        place = self._any_weight(r)
        if place is None:
            return
        name, i = place
        values = self.pair[0].params[name][i].data * np.float32(r.choice([0.9, 1 / 0.9]))

        def act(net: Any) -> Any:
            mine = np.ascontiguousarray(values.copy())
            net.params[name][i].share_data(mine)
            return mine

        self.held.append(self.both(f"share {place}", act))

    def _switch(self, r: random.Random, rng: Any) -> None:
        net = self.pair[0]
        net.eager = r.random() < 0.3
        net.packing = r.choice(["first", "never", "later"])
        self.log.append(f"eager {net.eager}, packing {net.packing}")

    def _extreme(self, r: random.Random, rng: Any) -> None:
        place = self._any_weight(r)
        if place is None:
            return
        name, i = place
        pure = set(self.pair[0].blobs) - set(self.pair[0]._topology.rewritten)
        at = r.randrange(self.pair[0].params[name][i].count)
        # A NaN may pass a Clip or end there: it is only seen to leave nothing behind.
        value = r.choice([1e20, 1e-20, *([np.inf, -np.inf, np.nan] if "data" in pure else [])])
        before = float(self.pair[0].params[name][i].data.flat[at])

        def edit(net: Any, what: float) -> None:
            net.params[name][i].data.flat[at] = what

        self.both(f"{place} becomes {value} at {at}", lambda net: edit(net, value))
        if np.isfinite(value):
            self._forward(r, rng)
            self._read(r, rng)
        else:
            name_read = r.choice(list(self.pair[0].blobs))
            self.both(f"forward, {name_read}", lambda net: net.forward([name_read]) and None)
        self.both(f"{place} becomes {before} at {at}", lambda net: edit(net, before))
        if np.isfinite(value) and r.random() < 0.5:
            self._read(r, rng)
        self._forward(r, rng)

    def _same_count(self, r: random.Random, rng: Any) -> None:
        sides = r.choice([(12, 12), (9, 16), (16, 9)])
        count = self.pair[0].blobs["data"].shape[0]
        self.both(f"reshape to {sides}", lambda net: net.blobs["data"].reshape(count, 4, *sides))

    def _middle(self, r: random.Random, rng: Any) -> None:
        name = r.choice(list(self.pair[0].blobs)[1:])
        shape = self.pair[0].blobs[name].shape
        shape = r.choice([shape[::-1], (*shape[:-1], shape[-1] + 1), (*shape[:-1], 1)])
        self.both(f"reshape {name} to {shape}", lambda net: net.blobs[name].reshape(*shape))
        self._read(r, rng)

    def _share_with(self, r: random.Random, rng: Any) -> None:
        others = r.choice(self.pairs)
        where = self.pairs.index(others)
        self.both(f"share_with {where}", lambda net: net.share_with(others[self.pair.index(net)]))

    def _chain(self, r: random.Random, rng: Any) -> None:
        others = r.choice(self.pairs)
        count = self.pair[0].blobs["data"].count
        names = [name for name, blob in others[0].blobs.items() if blob.count == count]
        if others is self.pair or not names:
            return
        name = r.choice(names)

        def act(net: Any) -> None:
            net.blobs["data"].share_data(others[self.pair.index(net)].blobs[name])

        self.both(f"data is {name} of {self.pairs.index(others)}", act)

    def _files(self, r: random.Random, rng: Any) -> None:
        kind = r.choice(["", ".h5"])

        def act(net: Any) -> None:
            with tempfile.TemporaryDirectory() as folder:
                path = f"{folder}/w.caffemodel{kind}"
                (net.save_hdf5 if kind else net.save)(path)
                net.copy_from(path)

        self.both(f"save and load {kind}", act)

    def _hook(self, r: random.Random, rng: Any) -> None:
        name = r.choice(list(self.pair[0].blobs))
        found: list[Any] = []

        def act(net: Any) -> Any:
            seen: list[Any] = []
            found.append(seen)
            net.after_forward(lambda index: seen.append(net.blobs[name].data.copy()))
            try:
                return net.forward()
            finally:
                net._after.clear()

        self.both(f"forward with a look at {name} after each layer", act)
        for mine, theirs in zip(*found):
            self.same(mine, theirs, f"{name} between layers")

    def _drop(self, r: random.Random, rng: Any) -> None:
        if len(self.pairs) > 1:
            self.loose = [(a, self.pair[1].blobs[n]) for n, a in self.pair[0].blobs.items()]
            self.pairs.remove(self.pair)
            self.log.append("a net ends")

    def _loose(self, r: random.Random, rng: Any) -> None:
        if self.loose:
            mine, theirs = r.choice(self.loose)
            self.same(mine.data, theirs.data, "a blob of a net that ended")


def run(steps: int, seed: int, say: Any = None) -> tuple[Counter[str], float, int, int]:
    """So many steps; the counts, the largest difference, the number of nets, and :attr:`large`.

    Raises
    ------
    AssertionError
        With the net and the last steps, if the two engines differ.
    """
    counts: Counter[str] = Counter()
    worst, done, nets, large = 0.0, 0, 0, 0
    while done < steps:
        walk = Walk(seed + nets)
        nets += 1
        for _ in range(min(STEPS, steps - done)):
            walk.step()
            done += 1
        counts += walk.counts
        worst = max(worst, walk.worst)
        large += walk.large
        if say is not None:
            say(done, nets, worst)
    return counts, worst, nets, large


def main() -> int:
    """Walk, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    began = time.monotonic()
    said = [began]

    def say(done: int, nets: int, worst: float) -> None:
        if time.monotonic() - said[0] > 30:
            said[0] = time.monotonic()
            print(f"{done} steps, {nets} nets, largest difference {worst:.1e}", flush=True)

    try:
        counts, worst, nets, large = run(args.steps, args.seed, say)
    except AssertionError as err:
        print(f"seed {args.seed}: {err}")
        return 1
    told = ", ".join(f"{n} {kind}" for kind, n in counts.most_common())
    print(
        f"{sum(counts.values())} steps on {nets} nets in {time.monotonic() - began:.0f} s, largest "
        f"difference {worst:.1e}, {large} of them by the values on the way: {told}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
