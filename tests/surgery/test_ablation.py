"""Edits of units: against what their own pycaffe lines do to a fresh net, and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery.ablation import Operation, code_of, computed, rank_job, told
from filterlab.surgery.answers import Answer, Judge, compared
from filterlab.surgery.units import read_unit, unit_count, unit_layers, write_units

MIXED = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 6 kernel_size: 3 group: 3 weight_filler { type: "gaussian" std: 1 }
    bias_filler { type: "constant" value: 0.5 } } }
layer { name: "norm" type: "BatchNorm" bottom: "conv" top: "norm" }
layer { name: "scale" type: "Scale" bottom: "norm" top: "norm" scale_param { bias_term: true } }
layer { name: "up" type: "Deconvolution" bottom: "norm" top: "up"
  convolution_param { num_output: 4 kernel_size: 2 stride: 2 group: 2
    weight_filler { type: "gaussian" std: 1 } bias_filler { type: "constant" value: 0.25 } } }
layer { name: "fc" type: "InnerProduct" bottom: "up" top: "fc"
  inner_product_param { num_output: 5 transpose: true bias_term: false weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""  # noqa: E501


@pytest.fixture
def net() -> Any:
    made = caffe.Net(parse_net(MIXED), caffe.TEST)
    made.packing = "never"
    rng = np.random.default_rng(3)
    for blobs in made.params.values():
        for blob in blobs:
            blob.data[...] = rng.standard_normal(blob.shape)
    made.params["fc"][0].data[...] *= 0.01
    made.params["norm"][1].data[...] = 1
    made.params["norm"][2].data[...] = 1
    made.blobs["data"].data[...] = rng.standard_normal((1, 3, 9, 9))
    return made


def _bytes(net: Any) -> dict[str, bytes]:
    return {
        f"{name}{i}": blob.data.tobytes()
        for name, row in net.params.items()
        for i, blob in enumerate(row)
    }


def test_layers_with_units(net: Any) -> None:
    assert unit_layers(net) == ["conv", "scale", "up", "fc"]
    assert [unit_count(net, name) for name in unit_layers(net)] == [6, 6, 4, 5]
    with pytest.raises(FilterLabError, match=r"'norm' \(BatchNorm\) has no units"):
        unit_count(net, "norm")
    with pytest.raises(FilterLabError, match="no layer 'nothing'"):
        unit_count(net, "nothing")


def test_units_of_slopes_and_of_words() -> None:
    param = parse_net("""
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
    layer { name: "slopes" type: "PReLU" bottom: "data" top: "slopes" }
    layer { name: "one" type: "PReLU" bottom: "slopes" top: "one" prelu_param { channel_shared: true } }
    layer { name: "ids" type: "Input" top: "ids" input_param { shape { dim: 2 } } }
    layer { name: "words" type: "Embed" bottom: "ids" top: "words" embed_param { input_dim: 9 num_output: 5 } }
    """)  # noqa: E501
    net = caffe.Net(param, caffe.TEST)
    assert {name: unit_count(net, name) for name in unit_layers(net)} == {"slopes": 3, "words": 5}
    assert read_unit(net, "words", 2)[0].shape == (9,)


@pytest.mark.parametrize(("layer", "blob"), [("conv", "conv"), ("up", "up"), ("fc", "fc")])
def test_a_unit_set_to_zero_gives_zero_and_no_other_does(net: Any, layer: str, blob: str) -> None:
    net.forward()
    before = net.blobs[blob].data.copy()
    write_units(net, computed(net, Operation("zero", layer, (3,))))
    net.forward(end=layer)
    after = net.blobs[blob].data
    assert not after[:, 3].any()
    others = [u for u in range(before.shape[1]) if u != 3]
    np.testing.assert_allclose(after[:, others], before[:, others], rtol=1e-4, atol=1e-4)
    assert before[:, 3].any()


@pytest.mark.parametrize("factor", [-2.0, 0.5])
def test_scaling_scales_what_the_unit_gives(net: Any, factor: float) -> None:
    net.forward()
    before = net.blobs["up"].data.copy()
    write_units(net, computed(net, Operation("scale", "up", (1, 2), factor)))
    net.forward(end="up")
    wanted = before.copy()
    wanted[:, 1:3] *= factor
    np.testing.assert_allclose(net.blobs["up"].data, wanted, rtol=1e-4, atol=1e-4)


OPERATIONS = [
    Operation("zero", "conv", (1, 4)),
    Operation("scale", "up", (0, 3), 0.3),
    Operation("negate", "fc", (2,)),
    Operation("swap", "up", (0, 3)),
    Operation("swap", "fc", (4, 1)),
    Operation("copy", "conv", (0, 5), count=2),
    Operation("replace", "conv", (3,), kernel=np.arange(9).reshape(3, 3) / 7),
    Operation("replace", "up", (1,), kernel=np.ones((2, 2))),
    Operation("prune", "conv", count=2),
    Operation("prune", "scale", count=0),
    Operation("noise", "up", (1, 2), 0.1, 7),
    Operation("noise", "fc", (0,), 0.1, 7),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.kind}-{o.layer}")
def test_its_pycaffe_lines_do_the_same_to_the_last_bit(net: Any, operation: Operation) -> None:
    twin = net.snapshot()
    untouched = _bytes(net)
    new = computed(net, operation)
    assert _bytes(net) == untouched  # nothing is written yet
    exec(code_of(net, operation), {"net": twin, "np": np})
    old = {key: read_unit(net, *key) for key in new}
    write_units(net, new)
    assert _bytes(net) == _bytes(twin) != untouched
    write_units(net, old)
    assert _bytes(net) == untouched


def test_noise_is_of_the_seed_and_of_the_layers_spread(net: Any) -> None:
    op = Operation("noise", "conv", tuple(range(6)), 0.5, 11)
    changed = computed(net, op)
    before = net.params["conv"][0].data
    rng = np.random.default_rng(11)
    wanted = before + 0.5 * before.std() * rng.standard_normal(before.shape)
    for (_, unit), (weights, bias) in changed.items():
        np.testing.assert_allclose(weights, wanted[unit], rtol=1e-5)
        assert bias == net.params["conv"][1].data[unit]


def test_pruning_keeps_the_strongest(net: Any) -> None:
    norms = np.sqrt((net.params["conv"][0].data.astype(float) ** 2).sum(axis=(1, 2, 3)))
    weakest = set(np.argsort(norms)[:4])
    changed = computed(net, Operation("prune", "conv", count=2))
    assert {unit for _, unit in changed} == weakest
    assert not any(array.any() for arrays in changed.values() for array in arrays)


def test_zero_takes_nan_away(net: Any) -> None:
    net.params["conv"][0].data[2] = np.nan
    (arrays,) = computed(net, Operation("zero", "conv", (2,))).values()
    assert not any(np.signbit(a).any() or a.any() for a in arrays)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Operation("zero", "conv", (6,)), "has no unit 6; its units are 0 to 5"),
        (Operation("zero", "conv", ()), "choose at least one unit"),
        (Operation("swap", "conv", (1,)), "a swap takes two units, not 1"),
        (Operation("copy", "conv", (1,), count=9), "has no unit 9"),
        (Operation("scale", "conv", (1,), float("nan")), "no finite number"),
        (Operation("prune", "conv", count=7), "keep 0 to 6 of them, not 7"),
        (Operation("noise", "conv", (1,), 0.1, -1), "a seed is a whole number"),
        (Operation("replace", "conv", (1,), kernel=np.ones((5, 5))), "weights of 1x3x3"),
        (Operation("replace", "conv", (1,), kernel=np.full((3, 3), np.inf)), "does not fit"),
        (Operation("melt", "conv", (1,)), "no edit 'melt'"),
    ],
)
def test_what_cannot_be_is_said(net: Any, operation: Operation, message: str) -> None:
    before = _bytes(net)
    with pytest.raises(FilterLabError, match=message):
        computed(net, operation)
    assert _bytes(net) == before


def test_in_words() -> None:
    assert told(Operation("zero", "stem", (8,))) == "stem, unit 8 set to zero"
    assert told(Operation("scale", "a", (1, 2), 0.5)) == "a, units 1, 2 times 0.5"
    assert told(Operation("prune", "a", count=3)) == "a: all but the 3 strongest set to zero"
    assert told(Operation("zero", "a", tuple(range(20)))) == "a, 20 units set to zero"


def test_answers(net: Any) -> None:
    judge = Judge.of(net)
    assert (judge.output, judge.score, judge.activation) == ("prob", "fc", "")
    net.forward()
    found = judge.answer(net)
    score = net.blobs["fc"].data[0]
    np.testing.assert_array_equal(found.score, score)
    np.testing.assert_allclose(found.prob, np.exp(score) / np.exp(score).sum(), rtol=1e-5)
    assert Judge.of(net, "fc").activation == "softmax"
    np.testing.assert_allclose(Judge.of(net, "fc").answer(net).prob, found.prob, rtol=1e-5)
    assert Judge.of(net, "fc", "none").answer(net).prob.tolist() == score.tolist()
    with pytest.raises(FilterLabError, match="no blob 'fd'"):
        Judge.of(net, "fd")
    with pytest.raises(FilterLabError, match="classes are 0 to 4"):
        judge.check_class(net, 5)


def test_the_largest_change_comes_first() -> None:
    before = Answer(np.zeros(4, np.float32), np.float32([0.5, 0.3, 0.2, 0.0]))
    after = Answer(np.zeros(4, np.float32), np.float32([0.4, 0.0, 0.2, 0.4]))
    assert [row[0] for row in compared(before, after, 2)] == [3, 1, 0]


@pytest.mark.parametrize("layer", ["conv", "scale", "up", "fc"])
def test_ranking_is_one_pass_for_each_unit(net: Any, layer: str) -> None:
    """Also of a scale in place, which may not be computed twice over its own result."""
    judge = Judge.of(net)
    net.forward()
    untouched = _bytes(net)
    ranking = run_job(rank_job(net, judge, layer, 2))
    assert _bytes(net) == untouched
    net.forward()
    first = net.blobs["fc"].data[0, 2]
    for unit in range(unit_count(net, layer)):
        twin = net.snapshot()
        write_units(twin, computed(twin, Operation("zero", layer, (unit,))))
        twin.forward()
        loss = first - twin.blobs["fc"].data[0, 2]
        np.testing.assert_allclose(ranking.score_loss[unit], loss, atol=1e-4 * abs(first) + 1e-5)
        points = 100 * (twin.blobs["prob"].data[0, 2] - net.blobs["prob"].data[0, 2])
        np.testing.assert_allclose(ranking.points[unit], points, atol=1e-2)
    assert list(ranking.order) == sorted(
        range(len(ranking.score_loss)), key=lambda u: -ranking.score_loss[u]
    )


def test_a_separate_double_follows_its_own_weights_alone(thin_files: tuple[Path, Path]) -> None:
    from filterlab.surgery.transplant import transplant

    t = transplant(*thin_files)
    twin = t.separate()
    data = np.random.default_rng(0).standard_normal(t.rewritten.input_shape).astype(np.float32)
    for each in (t, twin):
        each.net.blobs["data"].reshape(*data.shape)
        each.net.blobs["data"].data[...] = data
        each.net.forward()
    np.testing.assert_array_equal(t.net.blobs[t.score].data, twin.net.blobs[t.score].data)
    twin.source.params["conv1"][0].data[0] = 0
    twin.source.params["fc6"][0].data[0] = 0
    twin.follow()
    assert not twin.net.params["conv1"][0].data[0].any()
    assert not twin.net.params["fc6-conv"][0].data[0].any()
    assert t.source.params["conv1"][0].data[0].any()
    assert t.net.params["fc6-conv"][0].data[0].any()


@pytest.mark.parametrize(
    ("tail", "edited"),
    [
        # The frame of padding that the average takes in says what the biases say.
        (
            """
layer { name: "last" type: "Convolution" bottom: "conv" top: "last"
  convolution_param { num_output: 5 kernel_size: 1 pad: 1 } }
layer { name: "relu" type: "ReLU" bottom: "last" top: "last" }
layer { name: "gap" type: "Pooling" bottom: "last" top: "gap"
  pooling_param { pool: AVE global_pooling: true } }
""",
            ("last", 5),
        ),
        (
            """
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 5 transpose: true } }
""",
            ("fc", 5),
        ),
    ],
    ids=["padding", "transposed"],
)
def test_a_double_follows_what_it_does_not_share(
    tail: str, edited: tuple[str, int], tmp_path: Path
) -> None:
    from filterlab.surgery.transplant import transplant

    text = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
"""  # noqa: E501
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text(text + tail)
    net = caffe.Net(str(prototxt), caffe.TEST)
    rng = np.random.default_rng(8)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.standard_normal(blob.shape)
    net.save(str(tmp_path / "net.caffemodel"))
    twin = transplant(prototxt, tmp_path / "net.caffemodel").separate()
    change = computed(twin.source, Operation("scale", edited[0], tuple(range(edited[1])), -3.0))
    write_units(twin.source, change)
    twin.follow()
    data = rng.standard_normal((1, 3, 8, 8)).astype(np.float32)
    for each in (twin.source, twin.net):
        each.blobs["data"].reshape(1, 3, 8, 8)
        each.blobs["data"].data[...] = data
        each.forward()
    plain = twin.source.blobs[twin.rewritten.plain_score].data.reshape(-1)
    np.testing.assert_allclose(
        twin.net.blobs[twin.score].data.reshape(-1), plain, rtol=1e-4, atol=1e-5
    )
