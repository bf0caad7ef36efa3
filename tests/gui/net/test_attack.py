"""The Net tab under attack: odd nets, overtaken answers, jobs in each other's way, odd sessions."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QInputDialog

from filterlab import caffe
from filterlab.gui import i18n
from filterlab.gui.net import words
from filterlab.gui.net.kernel_dialog import KernelDialog
from filterlab.gui.net.tab import NetTab
from filterlab.gui.net.tile_grid import TileGrid
from filterlab.gui.settings import Settings
from filterlab.pictures import sample
from filterlab.progress import run_job
from filterlab.surgery.heatmap import heatmap
from filterlab.surgery.transplant import transplant
from filterlab.workbench import net_bench
from filterlab.workbench.heatmap_state import Source
from filterlab.workbench.net_bench import NetBench
from filterlab.workbench.net_study import Found, NetStudy, load_job, picture_job
from filterlab.zoo.catalogue import Model
from filterlab.zoo.own_models import remember

Until = Callable[..., None]


def _net_of(folder: Path, name: str, body: str, channels: int = 3, size: int = 16) -> Model:
    """A net of drawn weights over an input, among the user's own models."""
    prototxt, weights = folder / f"{name}.prototxt", folder / f"{name}.caffemodel"
    prototxt.write_text(
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 '
        f"dim: {channels} dim: {size} dim: {size} }} }} }}\n{body}",
        encoding="utf-8",
    )
    net = caffe.Net(str(prototxt), caffe.TEST)
    rng = np.random.default_rng(3)
    for row in net.params.values():
        for blob in row:
            spread = np.sqrt(2 / blob.data[0].size) if blob.data.ndim > 1 else 0.1
            blob.data[...] = rng.standard_normal(blob.shape) * spread
    net.save(str(weights))
    return remember(
        Model(
            name, name, "own", prototxt, weights, mean_bgr=(0.0,) * 3, scale=1.0, order="RGB",
            input_size=(size, size),
        )
    )  # fmt: skip


def _conv(name: str, bottom: str, units: int = 4, more: str = "kernel_size: 3") -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ num_output: {units} {more} }} }}\n"
    )


def _classes(bottom: str, count: int = 4) -> str:
    return (
        f'layer {{ name: "fc" type: "InnerProduct" bottom: "{bottom}" top: "fc" '
        f"inner_product_param {{ num_output: {count} }} }}\n"
        'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }\n'
    )


def _bytes(net: Any) -> list[bytes]:
    return [blob.data.tobytes() for row in net.params.values() for blob in row]


@pytest.fixture
def said() -> list[tuple[str, str]]:
    """What the tabs have said in the message strip, as (level, text)."""
    return []


@pytest.fixture
def make_tab(qtbot: Any, said: list[tuple[str, str]]) -> Iterator[Callable[[], NetTab]]:
    """A tab that has nothing yet; ended with the test."""
    made: list[NetTab] = []

    def make() -> NetTab:
        tab = NetTab(Settings())
        tab.started = True
        tab.message.connect(lambda text, level: said.append((level, text)))
        qtbot.addWidget(tab)
        tab.resize(1280, 720)
        tab.show()
        made.append(tab)
        return tab

    yield make
    for tab in made:
        tab.shutdown()


@pytest.fixture
def open_net(make_tab: Any, until: Until) -> Callable[[Model], NetTab]:
    """A tab with a net on the table and the tabby cat, all answered."""

    def make(model: Model) -> NetTab:
        tab: NetTab = make_tab()
        tab.open_model(model, Source(sample="chelsea"))
        until(lambda: tab.study.table is not None and tab.settled)
        return tab

    return make


# --- odd nets -----------------------------------------------------------------------------------


def test_a_net_that_no_picture_fits_is_asked_once(open_net, tmp_path, until, said) -> None:
    tab = open_net(_net_of(tmp_path, "six", _conv("c", "data") + _classes("c"), channels=6))
    errors = [text for level, text in said if level == "error" and text]
    assert errors == ["the net takes 6 channels; pictures have 3 (colour) or 1 (grey)"]
    # What can be done without an answer can be done, and asks once more, not for ever.
    tab.study.operate("zero")
    until(lambda: tab.settled)
    assert len([text for level, text in said if level == "error" and text]) == 2
    assert not tab.study.bench.net.params["c"][0].data[0].any()


def test_a_blob_without_channels_has_answers_all_the_same(open_net, tmp_path, until, said) -> None:
    body = (
        _conv("c", "data")
        + _classes("c")
        + 'layer { name: "sum" type: "Reduction" bottom: "c" top: "sum" }\n'
    )
    tab = open_net(_net_of(tmp_path, "loss", body))
    tab.study.operate("negate")
    tab.study.look_at("sum")
    tab.study.set_view(order="mean")
    until(lambda: tab.settled)
    assert [text for level, text in said if level == "error" and text] == []
    assert tab.tiles._empty == "a blob of 0 axes cannot be laid out as tiles; it takes 1 to 4"
    plain = caffe.Net(str(tab.study.model.prototxt), str(tab.study.model.weights_path), caffe.TEST)
    for blob in plain.params["c"]:
        blob.data[0] *= -1
    plain.blobs["data"].data[...] = tab.study.bench._input()
    plain.forward()
    prob = plain.blobs["prob"].data[0]
    for row in tab.scores.texts():
        assert row[3] == f"{100 * prob[int(row[0])]:.1f} %"


def test_numbers_of_any_size_are_short() -> None:
    assert words.number(7.8e36) == "7.8e+36"
    assert words.number(-1234567.0) == "\N{MINUS SIGN}1.23e+06"
    assert words.number(999999.0) == "999999.00"


def test_minus_nothing_is_nothing(tab) -> None:
    """Typing -0 sets zeros as pycaffe would be told to, not negative ones."""
    tab.study.choose([1])
    tab.study.scale_units(-0.0)
    bench = tab.study.bench
    net, original = bench.original.snapshot(), bench.original
    exec(bench.code(), {"net": net, "original": original})
    assert _bytes(net) == _bytes(bench.net)


def test_thousands_of_units_are_told_apart_at_once(monkeypatch, tmp_path) -> None:
    """A chip looks at units that could be meant, not at all of a layer."""
    body = _classes("data", 4096).replace('name: "fc"', 'name: "wide"', 1)
    model = _net_of(tmp_path, "wide", body, size=4)
    bench = NetBench(transplant(model.prototxt, model.weights_path))
    bench.noise("wide", range(64), 0.5, 1)
    bench.swap("wide", 100, 101)
    read = net_bench.read_unit
    count = [0]

    def counted(*given: Any) -> Any:
        count[0] += 1
        return read(*given)

    monkeypatch.setattr(net_bench, "read_unit", counted)
    assert bench.chip("wide", 5) == "edited"
    assert bench.chip("wide", 100) == "\N{RIGHTWARDS ARROW OVER LEFTWARDS ARROW} 101"
    assert not bench.is_zero("wide", 5)
    assert count[0] < 10
    norms = np.linalg.norm(bench.net.params["wide"][0].data.astype(np.float64), axis=1)
    np.testing.assert_allclose(bench.strengths("wide"), norms, rtol=1e-12)
    bench.undo()
    bench.undo()
    first = np.linalg.norm(bench.original.params["wide"][0].data.astype(np.float64), axis=1)
    np.testing.assert_allclose(bench.strengths("wide"), first, rtol=1e-12)


def test_of_many_weights_those_in_sight_are_painted(qtbot, monkeypatch) -> None:
    from filterlab.gui.net import kernel_planes

    planes = kernel_planes.KernelPlanes()
    qtbot.addWidget(planes)
    planes.resize(300, 200)
    planes.show_weights(np.linspace(-1, 1, 9216, dtype=np.float32))
    planes.show()
    painted: list[float] = []
    colour = kernel_planes.cell_colour
    monkeypatch.setattr(
        kernel_planes, "cell_colour", lambda v, limit: painted.append(v) or colour(v, limit)
    )
    planes.grab()
    assert 100 < len(painted) < 1000
    assert painted[0] == -1
    painted.clear()
    planes.verticalScrollBar().setValue(planes.verticalScrollBar().maximum())
    planes.grab()
    assert 100 < len(painted) < 1000
    assert painted[-1] == 1


# --- what is known of which moment --------------------------------------------------------------


def test_what_another_net_said_is_not_shown(patient) -> None:
    """An answer of the net before comes late; its revision is one of the new net, too."""
    study = NetStudy()
    study.accept_net(run_job(load_job(patient)))
    study.show(run_job(picture_job(Source(sample="chelsea"))))
    late = run_job(study.found_job())
    study.accept_net(run_job(load_job(patient)))
    assert study.bench.revision == late.revision
    study.accept(late)
    assert study.stale
    assert study.found.answers is None
    now = run_job(study.found_job())
    study.accept(now)
    assert not study.stale
    # Nor what it said of another blob, asked for before and told after.
    study.look_at("conv2")
    study.accept(run_job(study.found_job()))
    study.accept(now)
    assert not study.stale
    study.look_at("conv1")
    now = run_job(study.found_job())
    study.accept(now)
    # Nor what this one said in an earlier moment than what is known.
    study.choose([2])
    study.operate("zero")
    newer = run_job(study.found_job())
    study.accept(newer)
    study.accept(now)
    assert study.found.answers is newer.answers
    assert not study.stale


def test_an_edit_is_seen_whole_or_not_at_all(patient, monkeypatch) -> None:
    """While a slider's step is computed from where its drag began, a job sees the step before."""
    bench = NetBench(transplant(patient.prototxt, patient.weights_path))
    bench.show(sample("chelsea"))
    bench.set_factor("conv1", [1], 0.25, live=True)
    known = run_job(bench.answers_job())
    seen: list[Any] = []
    computed = net_bench.computed

    def asked_meanwhile(*given: Any) -> Any:
        thread = threading.Thread(target=lambda: seen.append(run_job(bench.answers_job())))
        thread.start()
        thread.join()
        return computed(*given)

    monkeypatch.setattr(net_bench, "computed", asked_meanwhile)
    assert bench.set_factor("conv1", [1], 0.25, live=True) == ""
    assert seen[0].revision == bench.revision == known.revision
    np.testing.assert_array_equal(seen[0].after.prob, known.after.prob)


def test_what_is_saved_is_the_net_of_one_moment(patient, tmp_path, monkeypatch) -> None:
    bench = NetBench(transplant(patient.prototxt, patient.weights_path))
    bench.zero("conv1", [1])
    first = _bytes(bench.net)
    write = net_bench.atomic_write

    def edited_meanwhile(*given: Any) -> Any:
        bench.negate("conv1", [2])
        return write(*given)

    monkeypatch.setattr(net_bench, "atomic_write", edited_meanwhile)
    prototxt, weights = bench.save(tmp_path / "mine")
    assert _bytes(caffe.Net(str(prototxt), str(weights), caffe.TEST)) == first
    assert not bench.journal.clean
    monkeypatch.undo()
    bench.save(tmp_path / "mine")
    assert bench.journal.clean


def test_a_study_lets_go_of_its_bench(patient) -> None:
    """A rebuilt window's study is not told any more what happens on the table."""
    one, other = NetStudy(), NetStudy()
    one.accept_net(run_job(load_job(patient)))
    other.take_over(one)
    told: list[Any] = []
    one.subscribe(told.append)
    other.operate("zero")
    assert told == []
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
    bench = weakref.ref(other.bench)
    other.accept_net(run_job(load_job(patient)))
    gc.collect()
    assert bench() is None


# --- jobs in each other's way -------------------------------------------------------------------


def test_edits_do_not_keep_another_net_from_coming(tab, patient, tmp_path, until) -> None:
    """Neither an edit on the old net, nor another picture, drops the net that is being read."""
    model = _net_of(tmp_path, "other", _conv("c", "data") + _classes("c"))
    tab.study.found = Found(-1)  # nothing is known yet: an edit asks where jobs are seen
    tab.open_model(model)
    tab.study.operate("zero")
    tab.open_picture(Source(sample="coffee"))
    until(lambda: tab.settled and tab.study.model.name == "other")
    assert tab.study.shown.source.sample == "coffee"
    assert tab.bar.model_combo.currentData() == "other"


def test_a_cancelled_ask_is_not_asked_again(tab, until, said) -> None:
    study = tab.study
    study.found = Found(-1)
    tab._ask()
    assert tab.runner.running
    assert tab.cancel()
    until(lambda: not tab.runner.running and tab.settled)
    # The maps are not there; what is quick is.
    assert study.found.maps is None
    assert study.found.answers is not None
    assert tab.maps.before.image is None
    study.operate("zero")
    until(lambda: tab.settled and study.found.maps is not None and tab.maps.before.image)


def test_a_net_that_is_not_waited_for_leaves_the_one_before(tab, patient, tmp_path, until) -> None:
    model = _net_of(tmp_path, "other", _conv("c", "data") + _classes("c"))
    tab._list_models()
    tab.bar.model_combo.setCurrentIndex(tab.bar.model_combo.findData("other"))
    tab.bar.model_combo.activated.emit(tab.bar.model_combo.currentIndex())
    assert tab.cancel()
    until(lambda: tab.settled)
    assert tab.study.model.name == patient.name
    assert tab.bar.model_combo.currentData() == patient.name
    assert model.name == "other"


def test_a_new_window_goes_on_reading_the_net(tab, make_tab, tmp_path, until) -> None:
    model = _net_of(tmp_path, "other", _conv("c", "data") + _classes("c"))
    tab.open_model(model, Source(sample="coffee"))
    again = make_tab()
    state = tab.hand_over()
    again.take_over(state)
    until(lambda: again.settled and again.study.model.name == "other")
    assert again.study.shown.source.sample == "coffee"


def test_nobody_waits_for_a_tab_behind_another(tab, until) -> None:
    """Who waits until all work is done does not wait for what nobody has asked for."""
    until(lambda: tab.settled)
    tab.hide()
    tab.study.operate("zero")
    assert tab.study.stale
    assert tab.settled
    tab.show()
    tab.activated()
    assert not tab.settled
    until(lambda: tab.settled)
    assert not tab.study.stale


def test_a_new_window_tells_the_net_on_the_table(tab, make_tab, patient, until) -> None:
    until(lambda: tab.settled)
    again = make_tab()
    assert again.bar.model_combo.currentData() != patient.name
    again.take_over(tab.hand_over())
    assert again.bar.model_combo.currentData() == patient.name
    until(lambda: again.settled)


def test_the_chosen_tile_is_in_sight_when_the_grid_is(qtbot) -> None:
    grid = TileGrid()
    qtbot.addWidget(grid)
    grid.resize(150, 30)
    grid.set_tiles(128, (9, 9), lambda _: None)
    grid.set_chosen((8,))
    grid.resize(800, 300)
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    grid.show()
    assert grid.viewport().rect().contains(grid.tile_rect(8))


def test_what_was_left_for_later_goes_on_when_the_tab_is_seen(tab, until) -> None:
    until(lambda: tab.settled)
    tab.hide()
    tab.study.patches = {}
    tab._unfound.clear()
    tab.show()
    tab.activated()
    until(lambda: tab.settled and "conv1" in tab.study.patches)


def test_after_the_camera_a_slow_net_is_asked_in_full(tab, until, monkeypatch) -> None:
    monkeypatch.setattr(NetStudy, "slow", property(lambda _: True))
    until(lambda: tab.settled)
    tab.camera._wanted = True  # it runs
    tab._on_frame(np.zeros((40, 40, 3), np.float32))
    until(lambda: not tab.asker.busy)
    assert tab.study.stale
    tab.camera.stop()
    until(lambda: tab.settled, timeout=5000)
    assert tab.study.found.maps.revision == tab.study.bench.revision


def test_the_camera_is_opened_and_closed_quickly(tab, tmp_path, until, said) -> None:
    path = tmp_path / "camera.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for k in range(30):
        writer.write(np.full((48, 64, 3), 8 * k, np.uint8))
    writer.release()
    tab.camera.source = str(path)
    for _ in range(6):
        tab.bar.camera_button.click()
    assert not tab.bar.camera_button.isChecked()
    tab.bar.camera_button.click()
    until(lambda: tab.study.shown.source.array_name == "camera")
    tab.bar.camera_button.click()
    until(lambda: tab.settled)
    assert not tab.camera.running
    assert [text for level, text in said if level == "error" and text] == []


# --- surgery ------------------------------------------------------------------------------------


def test_a_swap_ends_with_its_layer(tab, qtbot, until) -> None:
    """Who goes to another layer meanwhile chooses a tile there, and swaps nothing."""
    tab.study.choose([2])
    qtbot.mouseClick(tab.surgery.swap_button, Qt.LeftButton)
    tab.study.look_at("conv2")
    until(lambda: tab.settled)
    assert not tab.surgery.swap_button.isChecked()
    place = tab.tiles.tile_rect(3).center()
    qtbot.mouseClick(tab.tiles.viewport(), Qt.LeftButton, pos=place)
    assert tab.study.units == (3,)
    assert len(tab.study.bench.journal) == 0


def test_a_dialog_ends_with_its_net_and_its_history(tab, patient, monkeypatch, until) -> None:
    """Neither another net nor a history that forgot its beginning keeps Cancel from ending."""
    bench = tab.study.bench
    tab.study.choose([1])
    tab.study.operate("negate")
    bench.journal._limit = 3
    ends: list[str] = []

    def many(dialog: KernelDialog) -> int:
        for k in range(5):
            dialog.drawn.emit(np.full((5, 5), k + 1, np.float32))
        return 0

    monkeypatch.setattr(KernelDialog, "exec_", many)
    tab.surgery.edit_button.click()
    assert len(bench.journal) == 0

    def replaced(dialog: KernelDialog) -> int:
        dialog.rejected.connect(lambda: ends.append("rejected"))
        tab.study.accept_net(run_job(load_job(patient)))
        dialog.drawn.emit(np.ones((5, 5), np.float32))
        return 0

    monkeypatch.setattr(KernelDialog, "exec_", replaced)
    tab.surgery.edit_button.click()
    assert ends == ["rejected"]
    assert tab.study.bench is not bench
    assert _bytes(tab.study.bench.net) == _bytes(tab.study.bench.original)
    until(lambda: tab.settled)


def test_a_factor_of_an_edited_unit_counts_each_time(tab, until) -> None:
    """A unit that is no multiple of what it was stands at 1 again; so the next one is of now."""
    study = tab.study
    study.choose([2])
    study.operate("noise", 0.5, 3)
    now = study.bench.net.params["conv1"][0].data[2].copy()
    tab.surgery.factor_box.setValue(0.5)
    assert tab.surgery.factor_box.value() == 1
    tab.surgery.factor_box.setValue(0.5)
    np.testing.assert_array_equal(study.bench.net.params["conv1"][0].data[2], now / 4)
    assert len(study.bench.journal) == 3
    until(lambda: tab.settled)


# --- sessions -----------------------------------------------------------------------------------


def _state(tab: NetTab) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(tab.save_state()))
    return state


def test_edits_of_a_net_that_is_gone_are_done_to_no_other(tab, make_tab, until) -> None:
    tab.study.choose([1])
    tab.study.operate("zero")
    until(lambda: tab.settled)
    state = {**_state(tab), "model": "gone"}
    state["edits"][0]["layer"] = "conv1"  # a layer that the net in its place has as well
    again = make_tab()
    again.restore_state(state)
    assert again.left_out == ["edits"]  # the session's file is put aside
    until(lambda: again.study.bench is not None and again.settled, timeout=60_000)
    assert again.study.model.name != "gone"
    assert again.bar.edits.text() == "no edits"
    assert again.study.shown.source.sample == "chelsea"


def test_edits_wait_for_their_own_net(tab, make_tab, patient, tmp_path, until) -> None:
    """A session's net cannot be read now: its edits stay in the session, and go to no other."""
    tab.study.choose([1])
    tab.study.operate("zero")
    until(lambda: tab.settled)
    state = _state(tab)
    kept = patient.prototxt.read_text(encoding="utf-8")
    patient.prototxt.write_text("layer {", encoding="utf-8")
    again = make_tab()
    again.restore_state(state)
    until(lambda: not again.runner.running)
    assert again.save_state()["edits"] == state["edits"]
    patient.prototxt.write_text(kept.replace('"Softmax"', '"Wishful"'), encoding="utf-8")
    again.open_model(patient)
    until(lambda: again.study.table is not None and not again.runner.running)
    assert again.study.bench is None
    assert again.save_state()["edits"] == state["edits"]
    other = _net_of(tmp_path, "other", _conv("conv1", "data") + _classes("conv1"))
    again.open_model(other, Source(sample="chelsea"))
    until(lambda: again.study.bench is not None and again.settled)
    assert again.bar.edits.text() == "no edits"


def test_a_layer_that_is_waited_for_loses_no_session(tab, patient, tmp_path, until) -> None:
    """The Heatmap tab asks for a layer of a net that cannot be read."""
    from filterlab.gui.tab import OnTable

    tab.study.choose([1])
    tab.study.operate("zero")
    broken = replace(patient, name="broken", prototxt=tmp_path / "nowhere.prototxt")
    tab.put_on_table(OnTable(broken, tab.study.shown), "conv2")
    until(lambda: tab.settled)
    state = tab.save_state()
    assert state["model"] == patient.name
    assert len(state["edits"]) == 1


def test_damaged_edits_are_told(make_tab, patient, until) -> None:
    tab = make_tab()
    good = {"kind": "zero", "layer": "conv1", "units": [1], "value": 0.0, "count": 0,
            "kernel": None}  # fmt: skip
    tab.restore_state({"model": patient.name, "edits": [good, {"kind": "zero", "layer": 7}]})
    assert tab.left_out == ["edits"]
    until(lambda: tab.study.bench is not None and tab.settled)
    assert tab.bar.edits.text() == "1 edit: conv1, unit 1 set to zero"


def test_a_picture_in_no_file_is_kept_with_the_session(tab, tmp_path, make_tab, until) -> None:
    from filterlab.pictures import write_picture
    from filterlab.workbench.heatmap_state import Shown

    picture = np.random.default_rng(0).random((40, 40, 3), np.float32)
    tab.study.show(Shown(Source(array_name="pasted"), picture))
    assert tab.save_pictures()["picture"] is picture
    until(lambda: tab.settled)
    copy = tmp_path / "copy.png"
    write_picture(copy, picture)
    again = make_tab()
    again.restore_state({**_state(tab), "pictures": {"picture": str(copy)}})
    assert again.save_pictures() == {"picture": copy}
    until(lambda: again.study.bench is not None and again.settled)
    np.testing.assert_allclose(again.study.shown.picture, picture, atol=1 / 255)


# --- a random walk ------------------------------------------------------------------------------


def _truth(tab: NetTab, prepared: Any) -> None:
    """All that is known and shown is what a plain net says with the weights of the state."""
    study = tab.study
    bench, model = study.bench, study.model
    plain = caffe.Net(str(model.prototxt), str(model.weights_path), caffe.TEST)
    original = caffe.Net(str(model.prototxt), str(model.weights_path), caffe.TEST)
    assert _bytes(bench.original) == _bytes(original)
    own = {"net": plain, "original": original}
    exec(bench.code(), own)
    assert _bytes(plain) == _bytes(bench.net)
    for (layer, unit), values in bench.state.units.items():
        for blob, value in zip(original.params[layer], values):
            blob.data[unit] = value
    assert _bytes(original) == _bytes(bench.net)
    given = prepared(study.shown.picture, bench)
    plain.blobs["data"].data[...] = given
    plain.forward()
    prob = plain.blobs["prob"].data[0]
    for row in tab.scores.texts():
        assert abs(float(row[3].rstrip(" %")) - 100 * prob[int(row[0])]) < 0.051
    blob = plain.blobs[study.blob].data
    channels = study.channels()
    np.testing.assert_allclose(channels.ravel(), blob[0].ravel(), rtol=1e-4, atol=1e-5)
    # The maps: the same net, transplanted anew.
    done = transplant(model.prototxt, model.weights_path)
    for layer in bench.net.params:
        for blob, value in zip(done.source.params[layer], bench.net.params[layer]):
            blob.data[...] = value.data
    request = study.request()
    after = heatmap(
        done, study.shown.picture, cells=request.cells, preprocessing=bench._preprocessing
    )
    found = study.found.maps.after
    np.testing.assert_allclose(found.prob, after.prob, rtol=1e-3, atol=1e-5)
    assert tab.maps.after.texts()[1] == (
        f"best cell {100 * float(found.prob[study.wanted].max()):.0f} %"
    )


def _centre(picture: np.ndarray, bench: Any) -> np.ndarray:
    """The picture's centre square as the net's preparation shows it."""
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side]
    ready, shape = bench._preprocessing, bench.input_shape
    if side > 4 * shape[2]:
        size = (4 * shape[3], 4 * shape[2])
        square = cv2.resize(square, size, interpolation=cv2.INTER_AREA)
    return ready.apply(square, (shape[2], shape[3]), shape[1])


class _Walk:
    """Random hands on the tab's own widgets."""

    def __init__(self, tab: NetTab, models: list[Model], seed: int, rebuild: Any) -> None:
        self.tab, self.models, self.rebuild = tab, models, rebuild
        self.rng = np.random.default_rng(seed)
        self.done: list[str] = []

    def one_of(self, some: Any) -> Any:
        return some[int(self.rng.integers(len(some)))]

    def step(self) -> None:
        kinds = [name for name in dir(self) if name.startswith("do_")]
        name = self.one_of(kinds)
        self.done.append(name)
        getattr(self, name)()

    def _more(self, what: str) -> None:
        if self.tab.surgery.more_button.isEnabled():
            self.tab.surgery.more_chosen.emit(what)

    def do_layer(self) -> None:
        view = self.tab.layers.list
        row = self.one_of(view.rows())
        QTest.mouseClick(view.viewport(), Qt.LeftButton, pos=view.row_rect(row).center())

    def do_units(self) -> None:
        tiles = self.tab.tiles
        if not tiles.in_sight():
            return
        for keys in (Qt.NoModifier, self.one_of((Qt.ControlModifier, Qt.ShiftModifier))):
            place = tiles.tile_rect(self.one_of(tiles.in_sight())).center()
            QTest.mouseClick(tiles.viewport(), Qt.LeftButton, keys, place)

    def do_arrow(self) -> None:
        QTest.keyClick(self.tab.tiles, self.one_of((Qt.Key_Left, Qt.Key_Down, Qt.Key_End)))

    def do_zero(self) -> None:
        QTest.mouseClick(self.tab.surgery.zero_button, Qt.LeftButton)

    def do_slider(self) -> None:
        slider = self.tab.surgery.slider
        if not slider.isEnabled():
            return
        slider.setSliderDown(True)
        for value in self.rng.integers(0, 201, 5):
            slider.setValue(int(value))
        slider.setSliderDown(False)

    def do_factor(self) -> None:
        if self.tab.surgery.factor_box.isEnabled():
            self.tab.surgery.factor_box.setValue(round(float(self.rng.uniform(-2, 2)), 2))

    def do_swap(self) -> None:
        QTest.mouseClick(self.tab.surgery.swap_button, Qt.LeftButton)
        self.one_of((self.do_units, self.do_layer, self.tab.cancel))()

    def do_preset(self) -> None:
        if self.tab.surgery.preset_button.isEnabled():
            self.tab.surgery.preset_chosen.emit(self.one_of(("sobel-h", "gaussian", "identity")))

    def do_draw(self) -> None:
        if self.tab.surgery.edit_button.isEnabled():
            self.tab.surgery.edit_button.click()

    def do_more(self) -> None:
        self._more(self.one_of(("negate", "copy", "noise", "prune", "reset", "reset layer")))

    def do_chip(self) -> None:
        tiles = self.tab.tiles
        for unit in tiles.in_sight():
            chip = tiles.chip_rect(unit)
            if chip is not None:
                QTest.mouseClick(tiles.viewport(), Qt.LeftButton, pos=chip.center())
                return

    def do_undo(self) -> None:
        self.tab.undo()

    def do_redo(self) -> None:
        self.tab.redo()

    def do_reset_all(self) -> None:
        if self.rng.random() < 0.3:
            self.tab.bar.reset_button.click()

    def do_picture(self) -> None:
        if self.rng.random() < 0.5:
            self.tab.bar.sample_chosen.emit(self.one_of(("coffee", "chelsea", "coins")))

    def do_model(self) -> None:
        if self.rng.random() < 0.3:
            self.tab.open_model(self.one_of(self.models))

    def do_view(self) -> None:
        combo = self.tab.panels.order
        at = int(self.rng.integers(combo.count()))
        combo.setCurrentIndex(at)
        combo.activated.emit(at)
        self.tab.panels.side.button(self.one_of(("weights", "activity"))).click()
        self.tab._toggle_scale()

    def do_before(self) -> None:
        QTest.keyPress(self.tab, Qt.Key_B)
        self.tab.grab()
        QTest.keyRelease(self.tab, Qt.Key_B)

    def do_point(self) -> None:
        picture = self.tab.unit.picture
        at = QPoint(*(int(v) for v in self.rng.integers(0, 200, 2)))
        QTest.mouseMove(picture, at)
        QTest.mouseClick(picture, Qt.LeftButton, pos=at)

    def do_size(self) -> None:
        self.tab.resize(int(self.rng.integers(900, 1500)), int(self.rng.integers(560, 900)))

    def do_language(self) -> None:
        i18n.set_language("zh_CN")
        self.tab.retell()
        self.tab.grab()
        i18n.set_language("en")
        self.tab.retell()

    def do_theme(self) -> None:
        if self.rng.random() < 0.4:
            self.tab = self.rebuild(self.tab)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_walk_through_the_tab(tab, make_tab, patient, tmp_path, until, monkeypatch, seed) -> None:
    """After each burst everything shown is true, and undo and redo bring back the very bytes."""
    body = _conv("conv1", "data", 5, "kernel_size: 3 stride: 2") + _conv("dw", "conv1", 5, (
        "kernel_size: 3 group: 5 bias_term: false"
    )) + _classes("dw", 6)  # fmt: skip
    other = _net_of(tmp_path, "other", body, size=20)

    def draw(dialog: KernelDialog) -> int:
        for _ in range(3):
            rows, cols = dialog.grid.values().shape
            dialog.grid.set_cell(
                int(walk.rng.integers(rows)), int(walk.rng.integers(cols)), float(walk.rng.normal())
            )
        return int(walk.rng.integers(2))

    def asked(kind: type) -> Any:
        def answer(parent: Any, title: str, label: str, value: Any, low: Any, high: Any, *_: Any
                   ) -> tuple[Any, bool]:  # fmt: skip
            return kind(min(high, low + walk.rng.integers(4))), bool(walk.rng.random() < 0.8)

        return answer

    monkeypatch.setattr(KernelDialog, "exec_", draw)
    monkeypatch.setattr(QInputDialog, "getInt", asked(int))
    monkeypatch.setattr(QInputDialog, "getDouble", asked(float))

    def rebuild(old: NetTab) -> NetTab:
        new: NetTab = make_tab()
        new.take_over(old.hand_over())
        old.hide()
        old.shutdown()
        monkeypatch.setattr(old, "shutdown", lambda: None)
        new.activated()
        return new

    walk = _Walk(tab, [patient, other], seed, rebuild)
    for burst in range(5):
        for _ in range(14):
            walk.step()
            if walk.rng.random() < 0.4:
                QApplication.processEvents()
        walk.tab._end_swap()
        until(lambda: walk.tab.settled, timeout=30_000)
        _truth(walk.tab, _centre)
        if burst % 2 == 0:
            continue
        bench = walk.tab.study.bench
        end, steps = _bytes(bench.net), len(bench.journal)
        if bench.journal.done and not bench.journal.done[0].old.edits:
            while bench.journal.undo_edit is not None:
                walk.tab.undo()
            assert _bytes(bench.net) == _bytes(bench.original)
            until(lambda: walk.tab.settled, timeout=30_000)
            _truth(walk.tab, _centre)
            for _ in range(steps):
                walk.tab.redo()
        assert _bytes(bench.net) == end
