"""Blobs computed when somebody asks, and weights folded: the numbers of the eager engine."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import blob as blobs
from filterlab.caffe import packing, plan
from filterlab.caffe.prototxt import parse_net
from tools.attack import forward

NET = """
force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 12 dim: 12 } } }
layer { name: "one" type: "Convolution" bottom: "data" top: "one"
  convolution_param { num_output: 16 kernel_size: 3 pad: 1 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "norm" type: "BatchNorm" bottom: "one" top: "norm" }
layer { name: "scale" type: "Scale" bottom: "norm" top: "norm" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "norm" top: "norm" }
layer { name: "two" type: "Convolution" bottom: "norm" top: "two"
  convolution_param { num_output: 16 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "sum" type: "Eltwise" bottom: "norm" bottom: "two" top: "sum" }
layer { name: "after" type: "BatchNorm" bottom: "sum" top: "after" }
layer { name: "clip" type: "Clip" bottom: "after" top: "after" clip_param { min: 0 max: 6 } }
layer { name: "pool" type: "Pooling" bottom: "after" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
"""  # noqa: E501


@pytest.fixture
def pair() -> tuple[caffe.Net, caffe.Net]:
    """The net, and its double that computes every blob at each forward."""
    net = caffe.Net(parse_net(NET), caffe.TEST)
    rng = np.random.default_rng(2)
    for name in ("norm", "after"):
        mean, variance, factor = (b.data for b in net.params[name])
        mean[...], variance[...] = rng.standard_normal(16), 0.5 + rng.random(16)
        factor[...] = 2
    net.params["scale"][0].data[...] = rng.random(16) + 0.5
    net.blobs["data"].data[...] = rng.standard_normal((1, 3, 12, 12))
    net.eager = False
    double = net.snapshot()
    double.eager = True
    return net, double


def runs(net: caffe.Net) -> Any:
    """What the net ran last."""
    return list(net._bindings.values())[-1].plan


def same(net: caffe.Net, double: caffe.Net) -> None:
    """Every blob of both."""
    for name in net.blobs:
        mine, theirs = net.blobs[name].data, double.blobs[name].data
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5 * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize("packing_when", ["first", "never"])
def test_what_nobody_reads_is_no_output(pair: Any, packing_when: str) -> None:
    net, double = pair
    net.packing = packing_when
    net.forward()
    assert list(runs(net).outputs.values()) == ["fc"]
    assert len(runs(net).derived) == 4, "one convolution with all that follows, one norm alone"
    double.forward()
    same(net, double)
    for _ in range(3):
        assert list(net.forward()) == ["fc"]
        double.forward()
        same(net, double)
    assert set(runs(net).outputs.values()) == set(double.blobs) - {"data"}, "all are read each time"


def test_reading_later_counts_with_what_was_there_then(pair: Any) -> None:
    net, double = pair
    held = net.params["two"][0].data
    for each in pair:
        each.forward()
    net.blobs["data"].data[...] = 7
    net.params["one"][0].data[...] *= 3
    net.params["norm"][1].data[3] = 9
    net.params["scale"][0].data[...] = 0
    held[...] = -1
    net.copy_from({"fc": [np.ones((5, 16)), np.zeros(5)]})
    net.params["after"][0].share_data(np.full(16, 4, np.float32))
    for name in ("one", "norm", "two", "sum", "after", "pool"):
        np.testing.assert_allclose(net.blobs[name].data, double.blobs[name].data, atol=2e-5)
    assert np.all(net.blobs["data"].data == 7), "the input stays as edited"
    after = net.blobs["two"].data.copy()
    net.forward()
    assert np.abs(net.blobs["two"].data - after).max() > 0.1


def test_a_held_view_lives(pair: Any) -> None:
    net, double = pair
    view = net.blobs["two"].data
    part = net.blobs["norm"].data[0, 3:5].T
    for _ in range(3):
        net.params["one"][0].data[0] += 0.5
        double.params["one"][0].data[0] += 0.5
        for each in pair:
            each.forward()
        assert {"two", "norm"} <= set(runs(net).outputs.values())
        np.testing.assert_allclose(view, double.blobs["two"].data, atol=1e-5)
        np.testing.assert_allclose(part, double.blobs["norm"].data[0, 3:5].T, atol=1e-5)
    del view, part
    for _ in range(200):
        net.forward()
    assert list(runs(net).outputs.values()) == ["fc"], "let go of, they are forgotten in time"
    for each in pair:
        each.forward()
    same(net, double)


def test_parts_of_a_forward(pair: Any) -> None:
    net, double = pair
    for act in (
        lambda n: n.forward(end="two"),
        lambda n: n.forward(start="sum"),
        lambda n: n.forward(),
        lambda n: n.blobs["data"].data.fill(2),
        lambda n: n.forward(start="relu", end="two"),
        lambda n: n.params["two"][0].data.fill(0.1),
        lambda n: n.forward(start="sum"),
        lambda n: n.blobs["sum"].data.fill(1.5),
        lambda n: n.forward(start="after", end="pool"),
        lambda n: n.blobs["data"].reshape(1, 3, 9, 9),
        lambda n: n.forward(end="norm"),
    ):
        for each in pair:
            act(each)
    same(net, double)
    diffs = []
    for each in pair:
        each.forward()
        each.blobs["fc"].diff[...] = 1
        each.params["one"][0].data[...] += 0.0
        diffs.append(each.backward()["data"])
        diffs.append(each.params["norm"][0].diff)
        diffs.append(each.params["two"][0].diff)
    for mine, theirs in zip(diffs[:3], diffs[3:]):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_what_cannot_be_folded_is_not(pair: Any) -> None:
    net, double = pair
    for value in (-3.0, 0.0, 1e30):
        for each in pair:
            each.params["norm"][1].data[2] = value
            each.forward()
        for name in net.blobs:
            np.testing.assert_allclose(
                net.blobs[name].data, double.blobs[name].data, rtol=1e-4, atol=1e-4
            )
    for each in pair:
        each.params["norm"][1].data[2] = 1
        each.forward()
    assert list(runs(net).outputs.values()) != list(runs(double).outputs.values())
    same(net, double)


def test_weights_too_large_to_be_copied_have_readable_blobs_behind_them() -> None:
    text = NET.replace("num_output: 5", "num_output: 300000")
    net = caffe.Net(parse_net(text), caffe.TEST)
    net.eager = False
    net.blobs["data"].data[...] = 1
    net.forward()
    assert set(runs(net).deferred) == {"one", "norm", "two", "sum", "after", "pool"}
    first = net.blobs["fc"].data.copy()
    net.params["fc"][0].data[...] += 1
    np.testing.assert_array_equal(net.blobs["fc"].data, first)


def test_a_net_lives_no_longer_than_its_user() -> None:
    net = caffe.Net(parse_net(NET), caffe.TEST)
    other = net.snapshot(share_weights=True)
    for each in (net, other):
        each.eager = False
        each.forward()
    weights = net.params["one"][0]
    gone = [weakref.ref(b.left) for b in net._bindings.values()]
    del net, other, each
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)
    assert weights.data.shape == (16, 3, 3, 3)


def test_references_tell_whether_a_view_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = caffe.Net(parse_net(NET), caffe.TEST).blobs["two"]._storage
    assert not storage.held
    kept: Any = storage.view((16, 144))
    kept = memoryview(kept.T[::2])
    assert storage.held
    kept.release()
    kept = None
    assert not storage.held
    monkeypatch.setattr(blobs, "_ALONE", None)
    assert storage.held, "where references tell nothing, somebody may"


def test_a_wrong_layout_is_noticed_at_the_start(monkeypatch: pytest.MonkeyPatch, pair: Any) -> None:
    """Were a block laid out in another order than ONNX Runtime's, numbers would be wrong."""
    cpu = (("CPUExecutionProvider", 0),)

    def optimizing(model: bytes, path: str) -> Any:
        return plan.make_session(model, cpu, optimized=path)

    def plain(model: bytes) -> Any:
        return plan.make_session(model, cpu, optimize=False)

    if not packing.works(optimizing, plain):
        pytest.skip("ONNX Runtime has no other layout for this processor")
    right = packing.pack

    def wrong(*args: Any) -> Any:
        packed = right(*args)
        assert packed is not None
        turned = [x._replace(channels=1) if x.channels > 1 else x for x in packed.layouts]
        return packed._replace(layouts=tuple(turned))

    monkeypatch.setattr(packing, "pack", wrong)
    assert not packing.works(optimizing, plain)
    monkeypatch.undo()
    monkeypatch.setattr(plan, "_packing_works", lambda: False)
    net, double = pair
    net.packing = "first"
    for each in pair:
        each.forward()
    assert list(net._bindings.values())[-1].compiled.layouts == ()
    same(net, double)


@pytest.mark.parametrize("seed", range(6))
def test_random_walks_beside_the_eager_engine(seed: int) -> None:
    """``python -m tools.attack.forward`` walks as far as one likes."""
    walk = forward.Walk(seed)
    for _ in range(250):
        walk.step()
    assert walk.counts["read"] > 40
    assert walk.worst < forward.TOLERANCE


SHORTCUT = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 6 dim: 6 } } }
layer { name: "side" type: "Convolution" bottom: "data" top: "side"
  convolution_param { num_output: 16 kernel_size: 3 pad: 1 group: 2 weight_filler { type: "xavier" } } }
layer { name: "main" type: "Convolution" bottom: "data" top: "main"
  convolution_param { num_output: 16 kernel_size: 3 pad: 1 group: 2 weight_filler { type: "xavier" } } }
layer { name: "sum" type: "Eltwise" bottom: "main" bottom: "side" top: "sum" }
layer { name: "sigmoid" type: "Sigmoid" bottom: "main" top: "main" }
layer { name: "pool" type: "Pooling" bottom: "sum" top: "pool" pooling_param { pool: AVE global_pooling: true } }
"""  # noqa: E501


@pytest.mark.parametrize("packing_when", ["first", "never"])
def test_a_shortcut_that_is_read_is_not_joined_with_the_sum(
    packing_when: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime 1.32 takes the convolution in, whose values are an output, and misses it."""
    for eager in (False, True):
        net = caffe.Net(parse_net(SHORTCUT), caffe.TEST)
        net.eager, net.packing = eager, packing_when
        net.blobs["data"].data[...] = np.random.default_rng(1).standard_normal((1, 4, 6, 6))
        net.forward()
        held = net.blobs["side"].data
        alone = net.snapshot()
        alone.forward(end="side")
        np.testing.assert_allclose(held, alone.blobs["side"].data, atol=1e-6)
        alone.forward(end="main")
        main = alone.blobs["main"].data.copy()
        np.testing.assert_allclose(net.blobs["sum"].data, main + held, atol=1e-5)
    assert capfd.readouterr() == ("", "")


def test_what_a_sigmoid_has_made_small_was_rounded_when_it_was_large() -> None:
    walk = forward.Walk(5)
    walk.pair = walk.pairs[0]
    net = walk.pair[1]
    net.forward()
    usual = walk.on_the_way()
    assert usual >= max(float(np.abs(blob.data).max()) for blob in net.blobs.values())
    small = np.ones((2, 2), np.float32)
    walk.same(small, small + np.float32(5e-6), "a blob")
    assert walk.large == 0
    with pytest.raises(AssertionError, match="a blob differs"):
        walk.same(small, small + np.float32(2e-3), "a blob")
    walk.worst = 0
    net.blobs["data"].data[...] = 1e5  # the pair's other net is not asked
    walk.same(small, small + np.float32(2e-3), "a blob")
    assert walk.large == 2
    assert walk.worst < forward.TOLERANCE


def test_a_walk_notices_a_forward_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    from filterlab.caffe.deferred import Deferred

    monkeypatch.setattr(Deferred, "spare", lambda self, storage: None)
    with pytest.raises(AssertionError, match="differs"):
        forward.run(6000, 0)


def test_a_net_that_nobody_has_is_freed_at_once() -> None:
    twin = caffe.Net(parse_net(NET), caffe.TEST)
    twin.blobs["data"].data[...] = 1
    twin.eager = False
    gc.collect()
    gc.disable()
    try:
        twin.forward()
        ran = weakref.ref(list(twin._bindings.values())[-1].compiled.session)
        gone = weakref.ref(twin)
        top = twin.blobs["sum"]
        del twin
        assert gone() is None
        assert top.data.any()  # a blob can still be asked for
        del top
        assert ran() is None
    finally:
        gc.enable()


class Watched:
    """A lock that says when somebody asks for it from another thread than the one given."""

    def __init__(self, owner: int, asked: threading.Event) -> None:
        self._lock, self._owner, self._asked = threading.RLock(), owner, asked

    def __enter__(self) -> None:
        if threading.get_ident() != self._owner:
            self._asked.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_who_edits_a_shared_weight_waits_for_who_reads(pair: Any) -> None:
    """An edit in another thread, while a blob is computed that somebody asked for."""
    net, double = pair
    twin = net.snapshot(share_weights=True)
    net.forward()
    double.forward()
    reached = threading.Event()
    left = net.blobs["one"]._storage.pending
    compute, left._lock = left._run, Watched(threading.get_ident(), reached)

    def edit() -> None:
        twin.params["one"][0].data[...] = 100
        reached.set()

    thread = threading.Thread(target=edit)

    def meanwhile(*args: Any) -> None:
        thread.start()
        assert reached.wait(60)
        compute(*args)

    left._run = meanwhile
    try:
        same(net, double)
    finally:
        thread.join()
    assert net.params["one"][0].data.min() == 100


def test_what_could_not_be_computed_is_asked_again(pair: Any) -> None:
    net, double = pair
    net.forward()
    double.forward()
    left = net.blobs["one"]._storage.pending
    compute = left._run

    def interrupted(*_: Any) -> None:
        left._run = compute
        raise KeyboardInterrupt

    left._run = interrupted
    with pytest.raises(KeyboardInterrupt):
        _ = net.blobs["one"].data
    net.params["one"][0].data[...] = 7
    same(net, double)


def test_an_input_that_another_net_has_yet_to_compute(pair: Any) -> None:
    """It is read by nothing but what is left out: what goes into a Silence layer."""
    text = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 16 dim: 12 dim: 12 } } }
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 } } }
layer { name: "twice" type: "Power" bottom: "data" top: "twice" power_param { scale: 2 } }
layer { name: "mute" type: "Silence" bottom: "twice" }
layer { name: "out" type: "Power" bottom: "x" top: "out" }
"""  # noqa: E501
    found = []
    for net in pair:
        behind = caffe.Net(parse_net(text), caffe.TEST)
        behind.eager = net.eager
        behind.blobs["data"].share_data(net.blobs["one"])
        net.forward()
        behind.forward()
        found.append(behind.blobs["twice"].data)
    assert found[1].any()
    np.testing.assert_allclose(*found, atol=1e-5)


def test_memory_that_is_shared_after_a_forward_counts_at_the_next(pair: Any) -> None:
    net, double = pair
    rng = np.random.default_rng(8)
    for blob, other in (
        (net.blobs["data"], double.blobs["data"]),
        (net.params["two"][0], double.params["two"][0]),
    ):
        other.data[...] = rng.standard_normal(other.shape)
        double.forward()
        net.forward()  # what it reads is tied to where it lies
        blob.share_data(other)
        net.forward()
        same(net, double)


def test_runs_of_long_ago_are_forgotten(pair: Any) -> None:
    net, _ = pair
    names = list(net.layer_dict)[1:]
    ran = []
    for first, start in enumerate(names):
        for end in names[first + 1 :]:
            net.forward(start=start, end=end)
            ran.append(weakref.ref(runs(net)))
    gc.collect()
    assert len({id(ref()) for ref in ran if ref() is not None}) <= 18 < len(ran)


def test_layer_by_layer_a_net_is_compiled_once(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net, _ = pair
    net.packing = "never"
    net.after_forward(lambda index: None)
    net.forward()
    monkeypatch.setattr(plan, "make_session", None)
    net.forward()


def test_a_plan_in_use_is_found_again(pair: Any) -> None:
    """A snapshot runs at many sizes; then some blob of the process moves."""
    net, _ = pair
    twin = net.snapshot()
    net.forward()
    used = runs(net)
    for side in range(4, 12):
        twin.blobs["data"].reshape(1, 3, side, side)
        twin.forward()
    net.forward()
    assert runs(net) is used


@pytest.mark.parametrize("packing_when", ["first", "never"])
def test_weights_that_were_replaced_are_freed(pair: Any, packing_when: str) -> None:
    """Also where only a run in part, over since, had them in another layout."""
    net, double = pair
    net.packing = packing_when
    net.forward(end="scale")
    net.forward()
    gone = [weakref.ref(b._storage) for b in net.params["one"]]
    net.share_with(double)
    net.forward()
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)


_FORK = """
import os, signal, sys
import numpy as np
import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net
net = caffe.Net(parse_net(sys.argv[1]), caffe.TEST)
net.eager = False
net.blobs["data"].data[...] = 1
net.forward()
expected = net.blobs["two"].data.copy()
net.forward()
blob = net.blobs["two"]
assert blob._storage.pending is not None
del net
child = os.fork()
if child == 0:
    signal.alarm(20)  # what hangs ends here
    os._exit(0 if np.array_equal(blob.data, expected) else 1)
print(os.waitpid(child, 0)[1], np.array_equal(blob.data, expected))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_computes_what_a_net_that_ended_has_left(repo: Path) -> None:
    text = NET.replace("num_output: 16", "num_output: 256").replace("dim: 12", "dim: 40")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORK, text],
        capture_output=True, text=True, cwd=repo,
    )  # fmt: skip
    assert done.stdout.split() == ["0", "True"], done.stderr
