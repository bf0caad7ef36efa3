"""A model that is chosen but not transplanted yet; how a net is run."""

from __future__ import annotations

import json

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from filterlab.gui.app import Desk
from filterlab.gui.heatmap import texts
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.heatmap.veil import Veil
from filterlab.gui.heatmap.work import Source
from filterlab.gui.settings import Settings
from filterlab.zoo.own_models import look, remember


def _veils(tab: HeatmapTab) -> dict[str, str]:
    """What is said over the parts that are dimmed."""
    parts = {
        "map": tab.panel,
        "classes": tab.classes.view,
        "account": tab.account.text,
        "code": tab.side.code,
    }
    found = {}
    for name, widget in parts.items():
        veil = widget.findChild(Veil, options=Qt.FindDirectChildrenOnly)
        if not veil.isHidden():
            found[name] = veil.text
    return found


def _choose(tab: HeatmapTab, name: str) -> None:
    tab.controls.model_combo.setCurrentIndex(tab.controls.model_combo.findData(name))


def _seen(tab: HeatmapTab) -> np.ndarray:
    """The pixels of the map and what is around it."""
    image = tab.panel.grab().toImage().convertToFormat(4)
    data = image.constBits()
    data.setsize(image.sizeInBytes())
    shape = (image.height(), image.bytesPerLine() // 4, 4)
    return np.frombuffer(data, np.uint8).reshape(shape).astype(int)


def test_another_nets_map_is_dimmed_and_named(ready, model, settled) -> None:
    assert _veils(ready) == {}
    plain = _seen(ready)
    _choose(ready, "pocket")
    title = ready.ran_model.title
    assert _veils(ready) == dict.fromkeys(
        ("map", "classes", "account", "code"), f"of {title} · press Transplant"
    )
    QApplication.processEvents()
    # Contrast is gone from the map, and from the heading above it.
    dimmed, heading = _seen(ready), ready.panel.heading.geometry().bottom()
    for part in (slice(0, heading), slice(heading + 60, None)):
        assert np.ptp(dimmed[part, :300, :3]) < 0.6 * np.ptp(plain[part, :300, :3])
    # A picture opened now is still mapped by the net that is there.
    ready.open_sample("chelsea")
    settled(ready)
    assert "map" in _veils(ready)
    _choose(ready, model.name)
    assert _veils(ready) == {}
    _choose(ready, "pocket")
    ready.transplant()
    assert "press" not in _veils(ready)["map"]
    settled(ready)
    assert _veils(ready) == {}
    assert ready.ran_model.name == "pocket"


def test_a_refused_transplant_leaves_the_old_map_marked(ready, settled, bright, tmp_path) -> None:
    other = remember(bright.make(tmp_path / "cut"))
    data = other.weights_path.read_bytes()
    other.weights_path.write_bytes(data[:-40])
    ready.list_models(other.name)
    ready.transplant()
    settled(ready)
    assert ready.ran_model.name != other.name
    assert set(_veils(ready)) == {"map", "classes", "account", "code"}


def test_a_model_chosen_while_another_is_cast_stays_chosen(ready, settled, model) -> None:
    _choose(ready, "pocket")
    ready.transplant()
    _choose(ready, model.name)
    settled(ready)
    assert ready.ran_model.name == "pocket"
    assert ready.controls.model_key == ready.model.name == model.name
    assert "map" in _veils(ready)


def test_a_choice_outlives_a_change_of_language(qtbot, qapp, until, model, bright) -> None:
    desk = Desk(qapp, Settings())
    desk.window.show()
    tab = desk.window.show_tab("heatmap")
    until(lambda: tab.settled and tab.shown is not None)
    tab.list_models(model.name)
    tab.transplant()
    until(lambda: tab.settled and tab.maps is not None)
    _choose(tab, "pocket")
    desk.window.set_language("zh")
    until(lambda: desk.window.tab("heatmap") is not tab)
    after = desk.window.tab("heatmap")
    until(lambda: after.settled)
    assert after.controls.model_key == "pocket"
    assert after.ran_model.name == model.name
    assert _veils(after)["map"] == f"属于 {model.title} · 请按“权重移植”"
    desk.window.close()
    desk.window.deleteLater()


# How a net is run


def test_the_passes_of_the_last_session_are_found_again(qtbot, ready, settled) -> None:
    combo = ready.controls.passes_combo
    combo.setCurrentIndex(combo.findData("stride:4"))
    settled(ready)
    assert ready.maps.geometry.jump == (4, 4)
    state = json.loads(json.dumps(ready.save_state()))
    assert state["how"] == "stride:4"
    again = HeatmapTab(Settings())
    qtbot.addWidget(again)
    again.restore_state(state)
    assert again.save_state()["how"] == "stride:4", "kept until it is on offer"
    again.activated()
    settled(again)
    assert again.controls.how == "stride:4"
    assert again.maps.geometry.jump == (4, 4)
    again.shutdown()


def _run_the_lines_shown(tab: HeatmapTab) -> None:
    """What is shown as the same in pycaffe gives the map on show."""
    tab.choose_classes((281, 282))
    done = tab.transplanted
    around = {"np": np, "net": done.source, "net_full": done.net, "transformed": tab.maps.data}
    exec(texts.pycaffe_code(tab), around)
    np.testing.assert_allclose(around["heatmap"], tab.maps.values(tab.chosen), atol=1e-5)


def test_a_net_with_global_pooling_answers_for_whole_windows(qtbot, tab, shared, settled) -> None:
    """Single places before the pooling are sure of anything; over windows they see the cat."""
    model = remember(look(shared / "squeezenet" / "deploy.prototxt").model())
    tab.user_cells = False
    tab.transplant()
    settled(tab)
    combo = tab.controls.passes_combo
    combo.setCurrentIndex(combo.findData("pyramid"))
    combo.setCurrentIndex(combo.findData(""))
    settled(tab)
    tab.open_source(Source(path=str(shared / "images" / "cat.jpg")))
    settled(tab)
    tab.list_models(model.name)
    tab.transplant()
    settled(tab)
    assert tab.controls.how == ""
    assert int(tab.maps.ranked("mean")[0]) in range(281, 286)
    assert tab.chosen == (int(tab.maps.ranked()[0]),)
    _run_the_lines_shown(tab)
