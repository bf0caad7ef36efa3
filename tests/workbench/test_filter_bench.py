"""The bench: every edit, its name, its undo, its pycaffe line, and what listeners are told."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import filterlab.caffe as caffe
from filterlab.errors import FilterLabError
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Outputs, Picture
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.layer_filters import read_layer_filters
from filterlab.workbench import filter_code
from filterlab.workbench.filter_bench import EDIT_NAMES, TRANSFORMS, Change, FilterBench
from filterlab.workbench.filter_state import on_channels

RNG = np.random.default_rng(8)
PICTURE = RNG.random((24, 31, 3), dtype=np.float32)

# Every edit of the bench: what is called, the name it gives.
EDITS: list[tuple[str, Callable[[FilterBench], str]]] = [
    ("Set cell", lambda b: b.set_cell(0, 1, 2, 0.5)),
    ("Paint", lambda b: b.set_cells(1, {(0, 1): -0.25, (3, 4): 1}, name="Paint")),
    ("Nudge", lambda b: b.set_cell(2, 2, 2, 0.1, name="Nudge")),
    ("Erase", lambda b: b.set_cell(0, 2, 2, 0, name="Erase")),
    ("Paste", lambda b: b.paste(0, "1 2 3\n4 5 6\n7 8 9")),
    ("Paste", lambda b: b.paste(0, "1\t2\n3\t4", at=(3, 4))),
    ("Clear", lambda b: b.clear(0)),
    ("Open kernel", lambda b: b.set_kernel(1, np.ones((7, 7)))),
    ("Learn kernel", lambda b: b.set_kernel(1, np.ones((3, 3)), "Learn kernel")),
    ("Open kernel", lambda b: b.take(1, np.eye(3))),
    ("Take filter from net", lambda b: b.take(1, np.eye(3), -0.5, "Take filter from net")),
    ("Fill", lambda b: b.transform(0, "fill", 0.25)),
    ("Negate", lambda b: b.transform(0, "negate")),
    ("Transpose", lambda b: b.transform(1, "transpose")),
    ("Rotate 90°", lambda b: b.transform(1, "rotate90")),
    ("Rotate 45°", lambda b: b.transform(1, "rotate45", -1)),
    ("Flip", lambda b: b.transform(1, "flip", "vertical")),
    ("Shift", lambda b: b.transform(1, "shift", right=1)),
    ("Normalise to sum 1", lambda b: b.transform(0, "normalise")),
    ("Make zero-mean", lambda b: b.transform(0, "zero_mean")),
    ("Scale to energy 1", lambda b: b.transform(1, "energy_one")),
    ("Round", lambda b: b.transform(0, "rounded", 1)),
    ("Choose preset", lambda b: b.apply_preset(0, "gabor", angle=30)),
    ("Change preset", lambda b: b.apply_preset(0, "gaussian", sigma=2)),
    ("Change bias", lambda b: b.set_bias(1, 0.5)),
    ("Change size", lambda b: b.set_size((3, 7))),
    ("Change size", lambda b: b.set_size(3, 1)),
    ("Change divisor", lambda b: b.set_divisor(1, 3)),
    ("Change edge", lambda b: b.set_edge("wrap")),
    ("Compose filters", lambda b: b.compose(0, 1, 2)),
    ("Apply and go on", lambda b: b.apply(0)),
    ("Change padding", lambda b: b.set_pad("same")),
    ("Change stride", lambda b: b.set_stride(2)),
    ("Change dilation", lambda b: b.set_dilation(3)),
    ("Change colour mode", lambda b: b.set_mode("each")),
    ("Change colour mode", lambda b: b.set_mode("three")),
    ("Change input scale", lambda b: b.set_scale(255)),
    ("Swap filters", lambda b: b.swap(0, 2)),
    ("Copy filter", lambda b: b.copy(0, 1)),
    ("Open picture", lambda b: b.set_picture(PICTURE[:20], "half")),
    ("Draw on picture", lambda b: b.draw_on_picture(10, 12, 3, 1.0)),
]


@pytest.fixture
def bench() -> FilterBench:
    made = FilterBench(PICTURE)
    made.set_size(5)
    made.transform(0, "rounded", 2)  # so that no edit below happens to change nothing
    made.journal.clear()
    return made


def _key(bench: FilterBench) -> tuple[object, ...]:
    state = bench.state
    return (
        state.kernels.tobytes(),
        state.kernels.shape,
        state.bias.tobytes(),
        state.presets,
        state.settings,
        state.sizes,
        state.divisors.tobytes(),
        state.linked,
        len(state.stack),
        state.picture.pixels.tobytes(),
    )


@pytest.mark.parametrize(("name", "edit"), EDITS, ids=[f"{i}-{e[0]}" for i, e in enumerate(EDITS)])
def test_every_edit_has_a_name_an_undo_and_a_line(
    bench: FilterBench, name: str, edit: Callable[[FilterBench], str]
) -> None:
    before, revision = _key(bench), bench.revision
    if name == "Normalise to sum 1":
        bench.set_cell(0, 0, 0, 3)
        before, revision = _key(bench), bench.revision
    if name == "Change preset":
        bench.apply_preset(0, "gaussian", sigma=1)
        before, revision = _key(bench), bench.revision
    told: list[Change] = []
    stop = bench.subscribe(told.append)
    assert edit(bench) == name == bench.undo_name
    assert name in EDIT_NAMES
    after = _key(bench)
    assert after != before
    steps = [change for change in told if change.kinds]
    assert steps
    assert steps[-1].revision == bench.revision == revision + len(steps)
    assert len(steps) == 1 or name == "Compose filters"
    line = bench.code
    assert "net." in line or name == "Change edge"  # no padding, so no edge is seen
    _net_holds_the_state(bench)
    assert bench.undo() == name
    assert _key(bench) == before
    assert bench.redo_name == name
    assert bench.redo() == name
    assert _key(bench) == after
    assert bench.code == line
    count = len(told)
    stop()
    bench.undo()
    assert len(told) == count


def _net_holds_the_state(bench: FilterBench) -> None:
    net = bench.net
    np.testing.assert_array_equal(net.params["conv"][0].data, bench.state.weights)
    np.testing.assert_array_equal(net.params["conv"][1].data, bench.state.bias)


@pytest.mark.parametrize(
    "edit",
    [
        e
        for n, e in EDITS
        if n not in ("Change colour mode", "Open picture", "Draw on picture", "Apply and go on")
    ],
)
def test_the_pycaffe_lines_do_what_the_edit_did(
    bench: FilterBench, edit: Callable[[FilterBench], str]
) -> None:
    """Run the shown lines on a pycaffe net of the old state: it becomes the new one."""
    bench.set_cell(0, 0, 0, 3)
    net = bench.net
    edit(bench)
    if "caffe.Net(" in bench.code:
        net = bench.net
        net.params["conv"][0].data[...] = 7
        net.params["conv"][1].data[...] = bench.state.bias
    lines = [line for line in bench.code.splitlines() if "blobs['data']" not in line]
    lines = [line for line in lines if not line.startswith(("net = caffe.Net(", "x = "))]
    exec("\n".join(lines), {"net": net, "np": np})
    np.testing.assert_array_equal(net.params["conv"][0].data, bench.state.weights)
    np.testing.assert_array_equal(net.params["conv"][1].data, bench.state.bias)


def test_the_net_answers_as_the_snapshot(bench: FilterBench) -> None:
    bench.apply_preset(0, "gabor", wavelength=5)
    bench.set_bias(0, -0.5)
    net = bench.net
    net.blobs["data"].data[...] = bench.picture.grey
    net.forward()
    np.testing.assert_allclose(
        net.blobs["conv"].data[0], convolve.compute(bench.snapshot()).data, atol=1e-6
    )


def test_a_drag_is_one_step(bench: FilterBench) -> None:
    before = _key(bench)
    bench.begin("Paint")
    for column in range(5):
        bench.set_cell(1, 2, column, 1.0)
    bench.set_cell(1, 2, 4, 1.0)
    assert bench.end() == "Paint"
    assert len(bench.journal) == 1
    assert bench.journal.undo_edit is not None
    assert bench.journal.undo_edit.slot == 1
    assert bench.journal.undo_edit.code.count("\n") == 4
    bench.undo()
    assert _key(bench) == before
    bench.begin("Paint")
    assert bench.end() == ""
    with bench.group("Paste"):
        bench.set_size(7)
        bench.set_cell(0, 0, 0, 1)
    assert bench.undo() == "Paste"
    assert _key(bench) == before


def test_sliders_and_wheels_merge(bench: FilterBench) -> None:
    bench.apply_preset(0, "motion", angle=0)
    for angle in range(5, 50, 5):
        bench.apply_preset(0, "motion", angle=angle)
    assert bench.preset(0) is not None
    assert bench.preset(0).title == "Motion blur length 5 px angle 45°"  # type: ignore[union-attr]
    assert len(bench.journal) == 2

    def notch(column: int, value: float) -> None:
        bench.begin("Nudge", ("wheel", column))
        bench.set_cell(1, 0, column, value)
        assert bench.end() == "Nudge"

    for tenths in range(1, 11):
        notch(0, tenths / 10)
    assert bench.kernel(1)[0, 0] == np.float32(1)
    notch(1, 0.1)
    assert len(bench.journal) == 4
    for bias in range(5):
        bench.set_bias(2, bias)
    assert len(bench.journal) == 5
    assert bench.undo() == "Change bias"
    assert bench.bias(2) == 0


def test_what_changes_nothing_is_no_step(bench: FilterBench) -> None:
    assert bench.set_cell(1, 0, 0, 0) == ""
    assert bench.set_size(5) == ""
    assert bench.set_bias(0, 0) == ""
    assert bench.set_stride(1) == ""
    assert bench.swap(1, 1) == ""
    assert bench.clear(0)
    assert bench.clear(0) == ""
    assert len(bench.journal) == 1
    assert FilterBench(PICTURE).undo() == ""
    assert FilterBench(PICTURE).redo() == ""


def test_bad_input_changes_nothing(bench: FilterBench) -> None:
    told: list[Change] = []
    bench.subscribe(told.append)
    before = _key(bench)
    bad: list[tuple[str, Callable[[], object]]] = [
        ("finite", lambda: bench.set_cell(0, 0, 0, float("nan"))),
        ("finite", lambda: bench.set_cell(0, 0, 0, 1e300)),
        ("finite", lambda: bench.set_bias(0, float("inf"))),
        ("no cell", lambda: bench.set_cell(0, 5, 0, 1)),
        ("no filter", lambda: bench.set_cell(3, 0, 0, 1)),
        ("no channel", lambda: bench.set_cell(0, 0, 0, 1, channel=1)),
        ("odd", lambda: bench.set_size(4)),
        ("odd", lambda: bench.paste(0, "1 2\n3 4")),
        ("row 1, column 2", lambda: bench.paste(0, "1 x 3")),
        ("no preset", lambda: bench.apply_preset(0, "swirl")),
        ("out of range", lambda: bench.apply_preset(0, "gaussian", sigma=-1)),
        ("stride", lambda: bench.set_stride(9)),
        ("sum to zero", lambda: bench.transform(1, "normalise")),
        ("no change", lambda: bench.transform(1, "explode")),
        ("shape", lambda: bench.set_picture(np.ones((3, 3, 5)))),
        ("mode", lambda: bench.set_mode("lab")),
        ("finite", lambda: bench.transform(0, "fill", float("inf"))),
    ]
    for words, call in bad:
        with pytest.raises(FilterLabError, match=words):
            call()
    assert _key(bench) == before
    assert not told
    assert len(bench.journal) == 0


def test_quarter_turns_need_a_square_in_linked_sizes(bench: FilterBench) -> None:
    bench.set_size((3, 5))
    kernel = bench.kernel(1).copy()
    bench.transform(1, "rotate90")
    np.testing.assert_array_equal(bench.kernel(1), np.rot90(kernel, -1))
    assert bench.size == (5, 5), "the blob takes both"
    bench.undo()
    bench.set_linked(True)
    for what in ("transpose", "rotate90", "rotate45"):
        with pytest.raises(FilterLabError, match="square"):
            bench.transform(1, what)
    bench.transform(1, "rotate90", 2)


def test_size_keeps_kernels_centred_and_known_presets(bench: FilterBench) -> None:
    bench.apply_preset(0, "gaussian")
    bench.set_size((7, 9))
    np.testing.assert_array_equal(bench.kernel(1), PRESETS["sobel-h"].make((7, 9)))
    assert bench.preset(1) is not None
    np.testing.assert_array_equal(bench.kernel(0), PRESETS["gaussian"].make((7, 9)))
    assert bench.preset(0) is not None, "a preset follows the size"
    bench.set_size(3)
    assert bench.kernel(0).sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(bench.kernel(1), PRESETS["sobel-h"].make(3))
    bench.set_kernel(2, np.eye(5))
    assert bench.size == (5, 5)
    np.testing.assert_array_equal(bench.kernel(2), np.eye(5))


def test_colour_modes_keep_the_answer(bench: FilterBench) -> None:
    grey = convolve.compute(bench.snapshot()).data
    bench.set_mode("three")
    assert bench.filter(0).shape == (3, 5, 5)
    np.testing.assert_allclose(convolve.compute(bench.snapshot()).data, grey, atol=1e-5)
    bench.set_cell(0, 0, 0, 0.5, channel=2)
    bench.set_mode("grey")
    assert bench.kernel(0)[0, 0] == pytest.approx(0.5 + 0, abs=1e-6)
    bench.undo()
    assert bench.kernel(0, 2)[0, 0] == np.float32(0.5)
    bench.transform(0, "fill", 1, channel=1)
    assert (bench.kernel(0, 1) == 1).all()
    assert not (bench.kernel(0, 0) == 1).any()
    bench.apply_preset(1, "box", channel=0)
    assert bench.preset(1) is None
    bench.set_kernel(2, RNG.normal(size=(3, 3, 3)).astype(np.float32))
    bench.set_kernel(2, np.ones((3, 3)), channel=1)
    assert bench.kernel(2, 1).sum() == 9


def test_each_filter_has_its_own_size_in_the_one_blob() -> None:
    bench = FilterBench(PICTURE)
    assert bench.state.sizes == ((5, 5), (3, 3), (3, 3))
    alone = bench.kernel(1).copy()
    before = convolve.compute(bench.snapshot()).data[1]
    bench.set_size(11, 0)
    assert bench.size == (11, 11)
    np.testing.assert_array_equal(bench.kernel(1), alone)
    weights = bench.net.params["conv"][0].data
    np.testing.assert_array_equal(weights[1, 0, 4:7, 4:7], alone)
    assert np.count_nonzero(weights[1]) == np.count_nonzero(alone)
    # Three cells less on every side, the same numbers.
    np.testing.assert_allclose(
        convolve.compute(bench.snapshot()).data[1], before[3:-3, 3:-3], atol=1e-6
    )
    explained = bench.explain(1, 4, 6)
    assert explained.patch.shape == (1, 3, 3)
    assert explained.box == (10, 8, 13, 11)
    result = convolve.compute(bench.snapshot()).data[1, 4, 6]
    assert explained.result == pytest.approx(float(result), abs=1e-5)
    bench.set_linked(True)
    assert bench.state.sizes == ((11, 11),) * 3
    bench.set_size(3, 2)
    assert bench.state.sizes == ((3, 3),) * 3


@pytest.mark.parametrize("edge", ["reflect", "replicate", "wrap"])
@pytest.mark.parametrize("mode", ["grey", "each", "three"])
def test_edges_are_numpys(bench: FilterBench, edge: str, mode: str) -> None:
    """The picture padded before the net, against the padded picture without padding."""
    bench.set_mode(mode)
    bench.set_dilation(2)
    bench.set_pad("same")
    zero = convolve.compute(bench.snapshot()).data
    bench.set_edge(edge)
    seen = convolve.compute(bench.snapshot()).data
    assert seen.shape == zero.shape
    assert not np.allclose(seen, zero)
    name = {"reflect": "reflect", "replicate": "edge", "wrap": "wrap"}[edge]
    source = bench.picture.grey if mode == "grey" else PICTURE
    around = ((4, 4), (4, 4), (0, 0))[: source.ndim]
    wide = FilterBench(np.pad(source, around, name))  # type: ignore[call-overload]
    wide.restore(bench.session())
    wide.set_edge("zero")
    wide.set_pad("valid")
    np.testing.assert_array_equal(seen, convolve.compute(wide.snapshot()).data)
    assert f"'{name}'" in bench.code
    value = seen[1, 0, 0, 0] if mode == "each" else seen[1, 0, 0]
    assert bench.explain(1, 0, 0).result == pytest.approx(float(value), abs=1e-5)
    assert bench.explain(1, 0, 0).box[:2] == (-4, -4)


def test_a_divisor_divides_the_nets_weights_alone(bench: FilterBench) -> None:
    bench.set_kernel(0, np.ones((3, 3)))
    bench.set_divisor(0, 9)
    assert (bench.kernel(0) == 1).all()
    assert bench.net.params["conv"][0].data[0].sum() == pytest.approx(1, abs=1e-6)
    bench.set_cell(0, 0, 0, 2)
    assert bench.code.endswith("= 2 / 9")
    for bad in (0, float("nan")):
        with pytest.raises(FilterLabError):
            bench.set_divisor(0, bad)


def test_composed_filters_do_what_two_do() -> None:
    bench = FilterBench(PICTURE)
    bench.set_bias(0, 0.25)
    bench.set_bias(1, -0.5)
    bench.set_divisor(1, 4)
    values, bias = bench.composed(0, 1)
    assert values.shape == (1, 7, 7)
    bench.compose(0, 1, 2)
    np.testing.assert_array_equal(bench.weights(2), values)
    assert bench.bias(2) == bias
    assert bench.bias(2) != bench.composed(1, 0)[1]
    bench.undo()
    bench.apply(0)
    two = convolve.compute(bench.snapshot()).data[1]
    once = FilterBench(PICTURE)
    once.set_kernel(0, values)
    once.set_bias(0, bias)
    one = convolve.compute(once.snapshot()).data[0]
    # Two blobs of 5 x 5 take eight rows, one of 7 x 7 six.
    np.testing.assert_allclose(one[1:-1, 1:-1], two, atol=1e-5)
    bench.set_stride(2)
    with pytest.raises(FilterLabError, match="stride"):
        bench.composed(0, 1)
    bench.set_stride(1)
    bench.set_size(7)
    bench.transform(0, "fill", 1)
    bench.transform(1, "fill", 1)
    with pytest.raises(FilterLabError, match="13 x 13"):
        bench.composed(0, 1)


def test_applied_filters_make_a_stack(bench: FilterBench) -> None:
    first = bench.picture
    output = convolve.compute(bench.snapshot()).data[0]
    bench.apply(0)
    np.testing.assert_array_equal(bench.picture.pixels, output)
    bench.apply(1)
    assert [step.name for step in bench.state.stack] == ["own kernel", "Sobel ─"]
    assert bench.step_back() == "Take a step back"
    np.testing.assert_array_equal(bench.picture.pixels, output)
    assert bench.undo() == "Take a step back"
    bench.step_back()
    bench.step_back()
    assert bench.picture is first
    assert bench.step_back() == ""
    bench.set_scale(255)
    fed = convolve.compute(bench.snapshot()).data[0]
    bench.apply(0)
    np.testing.assert_allclose(bench.picture.pixels * 255, fed, rtol=1e-6)


def test_no_zero_is_negative(bench: FilterBench) -> None:
    bench.set_cell(1, 0, 1, -0.0)
    bench.transform(1, "negate")
    assert not np.signbit(bench.state.kernels[bench.state.kernels == 0]).any()


def test_reports_of_overtaken_results_are_dropped(bench: FilterBench) -> None:
    def outputs() -> Outputs:
        return convolve.compute(bench.snapshot())

    first = bench.accept(outputs())
    assert first is not None
    assert first[0].before is None
    assert first[0].mean_change is None
    late = outputs()
    bench.set_bias(0, 1)
    assert bench.accept(late) is None
    for _ in range(2):  # a preview and the full result of one edit
        report = bench.accept(outputs())
        assert report is not None
        assert report[0].before == first[0].now
        assert report[0].mean_change == pytest.approx(1, abs=1e-5)
        assert report[1].mean_change == 0


def test_output_at_is_the_inverse_of_the_window(bench: FilterBench) -> None:
    for stride, dilation, pad in ((1, 1, "valid"), (3, 2, "same"), (2, 3, "valid")):
        bench.set_stride(stride)
        bench.set_dilation(dilation)
        bench.set_pad(pad)
        rows, cols = bench.output_size
        for row, column in ((0, 0), (rows - 1, cols - 1), (rows // 2, 1)):
            found = bench.explain(0, row, column)
            centre = int(found.rows[2]), int(found.columns[2])
            assert bench.output_at(*centre) == (row, column)
    bench.set_pad("valid")
    assert bench.output_at(0, 0) is None
    assert bench.output_at(23, 30) is None


def test_clean_state(bench: FilterBench) -> None:
    assert bench.clean
    bench.set_cell(0, 0, 0, 1)
    assert not bench.clean
    told: list[Change] = []
    bench.subscribe(told.append)
    bench.mark_clean()
    assert bench.clean
    assert told
    assert not told[0].kinds
    bench.undo()
    assert not bench.clean


def test_saved_net_gives_the_same_outputs(bench: FilterBench, tmp_path: Path) -> None:
    bench.set_mode("three")
    bench.set_size((3, 5))
    bench.set_pad("same")
    bench.set_stride(2)
    bench.set_bias(1, -0.25)
    prototxt, weights = bench.save_net(tmp_path / "我的net.v1")
    assert [p.name for p in (prototxt, weights)] == ["我的net.v1.prototxt", "我的net.v1.caffemodel"]
    net = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    net.blobs["data"].data[...] = PICTURE.transpose(2, 0, 1)
    net.forward()
    expected = convolve.compute(bench.snapshot()).data
    np.testing.assert_allclose(net.blobs["conv"].data[0], expected, atol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted((prototxt.name, weights.name))
    with pytest.raises((FilterLabError, caffe.CaffeError), match="cannot"):
        bench.save_net(tmp_path / "nowhere" / "net")


def test_drawing_on_the_picture(bench: FilterBench) -> None:
    bench.begin("Draw on picture")
    for column in range(4, 20):
        bench.draw_on_picture(10, column, 1.5, (1, 0, 0))
    assert bench.draw_on_picture(-50, 3, 2, 1) == ""
    bench.end()
    assert (bench.picture.pixels[10, 4:20] == (1, 0, 0)).all()
    assert (bench.picture.pixels[14] == PICTURE[14]).all()
    assert len(bench.journal) == 1
    bench.undo()
    np.testing.assert_array_equal(bench.picture.pixels, PICTURE)
    revision = bench.revision
    bench.show_frame(PICTURE[::-1])
    assert bench.revision == revision + 1
    assert len(bench.journal) == 0


def test_reset_and_restart(bench: FilterBench) -> None:
    bench.set_mode("three")
    bench.apply_preset(0, "box")
    assert bench.reset() == "Start anew"
    fresh = FilterBench(PICTURE)
    assert _key(bench) == _key(fresh)
    assert FilterBench().picture.pixels.shape == (360, 480)


def test_sessions(bench: FilterBench) -> None:
    bench.set_mode("three")
    bench.set_size((3, 9))
    bench.set_pad("same")
    bench.apply_preset(2, "gabor", angle=30)
    bench.set_bias(1, 0.1)
    kept = json.loads(json.dumps(bench.session()))
    other = FilterBench(PICTURE)
    other.restore(kept)
    assert _key(other) == _key(bench)
    assert other.clean
    assert other.undo() == ""
    good = _key(other)
    for key, value in (
        ("kernels", [[1]]),
        ("kernels", "x"),
        ("bias", [1, 2]),
        ("bias", [1, 2, float("nan")]),
        ("settings", {"mode": "three", "colour": 1}),
        ("settings", None),
        ("presets", [None]),
        ("presets", [{"key": "swirl", "parameters": {}}] * 3),
    ):
        with pytest.raises(FilterLabError):
            other.restore(kept | {key: value})
    with pytest.raises(FilterLabError):
        other.restore({})
    assert _key(other) == good


def test_own_kernels(bench: FilterBench) -> None:
    saved = KernelLibrary().save("mine", np.full((7, 3), 2.0), "x", bias=0.5)
    before = _key(bench)
    assert bench.apply_saved(1, saved) == "Take own kernel"
    assert bench.size == (7, 5)
    assert (bench.kernel(1)[:, 1:4] == 2).all()
    assert bench.bias(1) == 0.5
    assert bench.apply_saved(1, saved) == ""
    assert bench.undo() == "Take own kernel"
    assert _key(bench) == before


def test_filters_of_a_net(bench: FilterBench, shared: Path) -> None:
    folder = shared / "squeezenet"
    found = read_layer_filters(folder / "deploy.prototxt", folder / "squeezenet_v1.0.caffemodel")
    assert (found.layer, found.kernels.shape, found.bias.shape) == ("conv1", (96, 3, 7, 7), (96,))
    bench.set_mode("three")
    bench.set_kernel(0, found.kernels[5], "Take filter from net")
    bench.set_bias(0, float(found.bias[5]))
    net = caffe.Net(
        str(folder / "deploy.prototxt"), str(folder / "squeezenet_v1.0.caffemodel"), caffe.TEST
    )
    data = np.zeros(net.blobs["data"].data.shape, np.float32)
    data[0, :, :24, :31] = PICTURE.transpose(2, 0, 1)[::-1]  # the net takes BGR
    net.blobs["data"].data[...] = data
    net.forward(end="conv1")
    expected = np.array(net.blobs["conv1"].data[0, 5, :9, :13])
    output = convolve.compute(bench.snapshot()).data[0, ::2, ::2]
    np.testing.assert_allclose(output, expected, atol=1e-5)
    small = shared / "goldens/nets"
    with pytest.raises(FilterLabError, match="no weights for layer"):
        read_layer_filters(folder / "deploy.prototxt", small / "designer_filters.caffemodel")


def test_kernels_that_do_not_fit_are_refused() -> None:
    bench = FilterBench(np.zeros((7, 9), np.float32))
    before = _key(bench)
    for call in (
        lambda: bench.set_size(9),
        lambda: bench.set_dilation(2),
        lambda: bench.set_picture(np.zeros((4, 4))),
        lambda: bench.show_frame(np.zeros((4, 4))),
    ):
        with pytest.raises(FilterLabError, match="does not fit"):
            call()
    assert _key(bench) == before
    bench.set_pad("same")
    bench.set_size(9)
    with pytest.raises(FilterLabError, match="does not fit"):
        FilterBench(np.zeros((3, 3)))


def test_undo_keeps_few_pictures() -> None:
    bench = FilterBench(np.zeros((8, 8), np.float32))
    bench.journal._budget = 10 * 8 * 8 * 4
    for number in range(40):
        bench.set_picture(np.full((8, 8), number, np.float32))
    assert len(bench.journal) == 10
    for _ in range(10):
        bench.undo()
    assert bench.picture.pixels[0, 0] == 29
    assert bench.undo() == ""


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([*range(len(EDITS)), "undo", "undo", "redo"]), max_size=25))
def test_any_history_can_be_undone(actions: list[int | str]) -> None:
    """The bench against a plain list of states with a place in it."""
    bench = FilterBench(PICTURE)
    states, place = [_key(bench)], 0
    for action in actions:
        if action == "undo":
            place -= bool(bench.undo())
        elif action == "redo":
            place += bool(bench.redo())
        else:
            steps, name = len(bench.journal), ""
            with contextlib.suppress(FilterLabError):
                name = EDITS[int(action)][1](bench)
            if name:
                # A slider moved on replaces the state it made before.
                place += len(bench.journal) - steps
                states[place:] = [_key(bench)]
        assert _key(bench) == states[place]
        assert len(bench.journal) == place
    while bench.undo():
        place -= 1
        assert _key(bench) == states[place]
    assert place == 0
    while bench.redo():
        place += 1
        assert _key(bench) == states[place]
    assert place == len(states) - 1


def test_transforms_are_listed() -> None:
    assert {name for name, _ in TRANSFORMS.values()} <= set(EDIT_NAMES)
    assert len(set(EDIT_NAMES)) == len(EDIT_NAMES)


def test_the_net_is_made_anew_only_where_it_must_be(bench: FilterBench) -> None:
    """And the picture is put in anew where its edges are made before the net."""
    bench.set_stride(2)
    assert "caffe.Net" in bench.code
    bench.set_divisor(0, 2)
    assert "caffe.Net" not in bench.code
    bench.set_pad("same")
    bench.set_edge("reflect")
    bench.set_edge("wrap")
    assert "caffe.Net" not in bench.code
    assert "np.pad" in bench.code
    assert "'wrap'" in bench.code
    bench.undo()
    assert "'reflect'" in bench.code
    bench.set_divisor(0, 4)
    assert "load_image" not in bench.code
    bench.set_picture(np.ones((9, 9), np.float32) / 2)
    bench.undo()
    assert "load_image" in bench.code
    assert "caffe.Net" not in bench.code
    # As far apart, one by steps and one by holes.
    old = bench.state
    holes = dataclasses.replace(
        old, settings=dataclasses.replace(old.settings, stride=1, dilation=2)
    )
    assert "dilation: 2" in filter_code.difference(old, holes)


def test_a_filter_over_three_channels_becomes_one_of_grey() -> None:
    three = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    grey = on_channels(three, 1)
    assert grey.shape == (1, 3, 3)
    np.testing.assert_array_equal(grey[0], three[0] + three[1] + three[2])
    luma = on_channels(grey, 3)
    np.testing.assert_allclose(luma.sum(axis=0), grey[0], rtol=1e-5)
    np.testing.assert_allclose(luma[0], 0.2125 * grey[0], rtol=1e-6)


def test_a_filter_from_elsewhere_is_divided_by_nothing(bench: FilterBench) -> None:
    bench.set_divisor(1, 4)
    bench.set_bias(1, 0.5)
    kernel = RNG.normal(size=(3, 5)).astype(np.float32)
    edits = len(bench.journal)
    assert bench.take(1, kernel) == "Open kernel"
    assert len(bench.journal) == edits + 1, "one step"
    np.testing.assert_array_equal(bench.weights(1)[0], kernel)
    assert (bench.divisor(1), bench.bias(1)) == (1, 0.5)
    assert bench.size_of(1) == (3, 5)
    bench.undo()
    assert bench.divisor(1) == 4
    assert bench.take(1, kernel, -0.25, "Learn kernel") == "Learn kernel"
    assert (bench.divisor(1), bench.bias(1)) == (1, -0.25)
    assert "net.params['conv'][1].data[1] = -0.25" in bench.code
    # What cannot be taken changes nothing, the divisor included.
    bench.set_divisor(1, 4)
    before = _key(bench)
    for bad in (np.zeros((25, 25)), np.full((3, 3), np.nan)):
        with pytest.raises(FilterLabError):
            bench.take(1, bad)
    with pytest.raises(FilterLabError, match="not a finite number"):
        bench.take(1, kernel, float("inf"))
    assert _key(bench) == before
    assert bench.divisor(1) == 4


def test_a_preset_chosen_anew_is_divided_by_nothing(bench: FilterBench) -> None:
    bench.apply_preset(0, "gaussian")
    bench.set_divisor(0, 9)
    bench.apply_preset(0, "gaussian", sigma=1.5)
    assert bench.divisor(0) == 9, "it was a Gaussian before: its slider moves"
    bench.apply_preset(0, "box")
    assert bench.divisor(0) == 1
    assert bench.weights(0).sum() == pytest.approx(1)
    bench.set_divisor(0, 2)
    bench.apply_preset(0, "box")
    assert bench.divisor(0) == 2


def test_from_frame_to_frame_is_one_step(bench: FilterBench) -> None:
    def frame(number: int, name: str = "a.gif") -> Picture:
        made = Picture(PICTURE[number:], "a.gif")
        made.origin, made.frame, made.frames = ("file", name), number, 5
        return made

    first = bench.picture
    names = [bench.set_picture(frame(n)) for n in (0, 1, 4)]
    assert names == ["Open picture", "Choose frame", "Choose frame"]
    assert "frame 4, counted from 0" in bench.code
    assert len(bench.journal) == 2
    assert bench.undo() == "Choose frame"
    assert (bench.picture.frame, bench.picture.height) == (0, 24)
    assert bench.set_picture(frame(0)) == "Open picture", "the same frame, read anew"
    assert bench.set_picture(frame(2, "b.gif")) == "Open picture", "of another file"
    for _ in range(3):
        bench.undo()
    assert bench.picture is first
