"""The class list: rows, keys, search, sums, the second colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QObject, QPoint, Qt
from PyQt5.QtGui import QColor

from filterlab.gui.class_names import numbers, percent
from filterlab.gui.heatmap.class_list import ClassList
from filterlab.surgery.heatmap import heatmap
from filterlab.surgery.transplant import transplant
from filterlab.zoo.labels import Label, Labels, imagenet


def middle(classes: ClassList, row: int) -> QPoint:
    return classes.view.visualRect(classes.view.model().index(row)).center()


def test_rows_are_48_high_with_a_map_of_48_by_36(ready) -> None:
    view = ready.classes.view
    assert view.visualRect(view.model().index(0)).height() == 48
    image = ready.classes.thumbnail((1,))
    ratio = image.devicePixelRatio()
    assert (round(image.width() / ratio), round(image.height() / ratio)) == (48, 36)
    # The bright square's cell is the brightest place of its map.
    pixels = image.toImage()
    x, y = ready.bench.maps.centre_on_picture(3, 5)
    bright = QColor(pixels.pixelColor(int(x * 48 / 128 * ratio), int(y * 36 / 96 * ratio)))
    assert bright.lightness() > 150
    assert QColor(pixels.pixelColor(2, 2)).lightness() < 60


def test_arrow_keys_move_the_choice_and_the_map(qtbot, ready, settled) -> None:
    classes, bench = ready.classes, ready.bench
    rows = classes.rows()
    assert len(rows) == 3
    bench.choose(rows[0])
    classes.view.setFocus()
    for k in (1, 2):
        qtbot.keyClick(classes.view, Qt.Key_Down)
        assert bench.classes == rows[k], "the map follows the key at once"
    settled(ready)
    assert ready.drawing.scene.classes == rows[2]
    qtbot.keyClick(classes.view, Qt.Key_Up)
    assert bench.classes == rows[1]
    assert ready.undo_text() == "Choose class"
    ready.undo()
    assert bench.classes == rows[0], "a walk through the list is one step"
    qtbot.keyClick(classes.view, Qt.Key_Down)
    assert bench.classes == rows[1], "it goes on from what is shown"


def test_search_text_does_not_carry_over_to_another_model(qtbot, ready, settled) -> None:
    qtbot.keyClicks(ready.classes.search, "light")
    qtbot.keyClick(ready.classes.search, Qt.Key_Return)
    assert ready.classes.rows() == [(1,)]
    ready.models.choose("pocket")
    assert ready.classes.search.text() == ""
    ready.models.transplant()
    settled(ready)
    assert len(ready.classes.rows()) == 17


def test_a_click_chooses_ctrl_sums_alt_compares(qtbot, ready, settled) -> None:
    classes, bench = ready.classes, ready.bench
    view = classes.view.viewport()
    classes.order.setCurrentIndex(classes.order.findData("peak"))
    first, second, third = classes.rows()
    qtbot.mouseClick(view, Qt.LeftButton, pos=middle(classes, 1))
    assert bench.classes == second
    qtbot.mouseClick(view, Qt.LeftButton, Qt.ControlModifier, pos=middle(classes, 2))
    assert set(bench.classes) == {*second, *third}
    settled(ready)
    assert ready.stage.caption.title.name.endswith("sum")
    qtbot.mouseClick(view, Qt.LeftButton, Qt.ControlModifier, pos=middle(classes, 2))
    assert bench.classes == second
    qtbot.mouseClick(view, Qt.LeftButton, Qt.AltModifier, pos=middle(classes, 0))
    assert (bench.look.show, bench.second) == ("two", first)
    settled(ready)
    assert [c for _, c in ready.drawing.legend] == [second[0], first[0]]


def test_order_by_best_cell_and_by_mean(ready) -> None:
    classes, prob = ready.classes, ready.bench.maps.prob
    for key, values in (("peak", prob.max(axis=(1, 2))), ("mean", prob.mean(axis=(1, 2)))):
        classes.order.setCurrentIndex(classes.order.findData(key))
        assert classes.rows() == [(int(c),) for c in np.argsort(-values, kind="stable")]
        row = classes.rows()[0]
        assert classes.value_of(row) == pytest.approx(float(values.max()))


def test_all_thousand_classes_are_listed_and_found(qtbot, repo) -> None:
    """Only what is seen is drawn: a list of a thousand is filled in a moment."""
    made = ClassList()
    qtbot.addWidget(made)
    made.resize(288, 480)
    folder = repo / "models" / "pocket"
    done = transplant(folder / "deploy.prototxt", folder / "pocket.caffemodel")
    maps = heatmap(done, np.random.default_rng(1).random((240, 320, 3), np.float32))
    rng = np.random.default_rng(2)
    maps.prob = rng.dirichlet(np.ones(1000), (maps.rows, maps.cols)).transpose(2, 0, 1)
    maps.prob = np.ascontiguousarray(maps.prob, np.float32)
    maps.score = np.log(maps.prob)
    made.set_labels(imagenet(), 1000)
    drawn: list[tuple[int, ...]] = []
    thumbnail = made.thumbnail
    made.thumbnail = lambda classes: drawn.append(classes) or thumbnail(classes)
    made.set_maps(maps, np.zeros((24, 32, 3), np.float32))
    made.show()
    made.grab()
    assert len(made.rows()) == 1000
    assert 0 < len(set(drawn)) < 30
    made.search.setText("虎猫")
    qtbot.keyClick(made.search, Qt.Key_Return)
    assert made.rows()[0] == (282,)
    made.search.setText("281-285")
    qtbot.keyClick(made.search, Qt.Key_Return)
    assert made.rows()[0] == (281, 282, 283, 284, 285)
    assert made.title_of(made.rows()[0]).startswith("Σ 281 – 285")


def test_the_windows_language_comes_first_the_other_smaller_after_it(qtbot, chinese) -> None:
    made = ClassList()
    qtbot.addWidget(made)
    made.set_labels(
        Labels([Label(0, ("tiger cat",), (("zh_CN", "虎猫"),)), Label(1, ("ship",))]), 2
    )
    assert made.title_of((0,)) == "0 虎猫 tiger cat"
    assert made.title_of((1,)) == "1 ship"


def test_in_an_english_window_english_comes_first(qtbot) -> None:
    made = ClassList()
    qtbot.addWidget(made)
    made.set_labels(
        Labels([Label(0, ("tiger cat",), (("zh_CN", "虎猫"),)), Label(1, (), (("zh_CN", "船"),))]),
        2,
    )
    assert made.title_of((0,)) == "0 tiger cat 虎猫"
    assert made.title_of((1,)) == "1 船"


def test_a_search_without_a_match_says_so_and_escape_clears_it(qtbot, ready) -> None:
    search = ready.classes.search
    search.setFocus()
    qtbot.keyClicks(search, "zebra crossing")
    qtbot.keyClick(search, Qt.Key_Return)
    assert "zebra crossing" in ready.classes.empty.text()
    assert not ready.classes.view.isVisible()
    qtbot.keyClick(search, Qt.Key_Escape)
    assert search.text() == ""
    assert len(ready.classes.rows()) == 3


def test_down_leads_from_the_search_into_the_list(qtbot, ready) -> None:
    search = ready.classes.search
    search.setFocus()
    qtbot.keyClicks(search, "light")
    qtbot.keyClick(search, Qt.Key_Down)
    assert ready.bench.classes == (1,)
    assert ready.classes.view.hasFocus()


def test_keys_begin_at_the_top_where_what_is_shown_is_not_listed(qtbot, ready) -> None:
    classes = ready.classes
    ready.bench.choose((0, 2))
    assert not classes.view.currentIndex().isValid()
    classes.view.setFocus()
    qtbot.keyClick(classes.view, Qt.Key_Down)
    assert ready.bench.classes == classes.rows()[0]


class _Paints(QObject):
    """Counts how often a widget is painted."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Paint
        return False


def test_another_map_of_as_many_classes_is_painted(qtbot, ready, qapp) -> None:
    """As for each frame of a video: whatever is marked, the rows are others."""
    classes = ready.classes
    classes.set_chosen((0, 2), ())  # no row that is marked anew
    qapp.processEvents()
    paints = _Paints()
    classes.view.viewport().installEventFilter(paints)
    before = list(classes.rows())
    maps = replace(ready.bench.maps)
    maps.prob = np.ascontiguousarray(maps.prob[[2, 0, 1]])
    classes.set_maps(maps, ready.bench.preview)
    assert classes.rows() != before
    qtbot.waitUntil(lambda: paints.count > 0, timeout=1000)


def test_before_a_transplant_the_list_says_what_it_is_for(tab) -> None:
    assert "transplanted" in tab.classes.empty.text()


def test_switching_the_class_runs_no_net(ready, settled) -> None:
    started = []
    ready.runs.runner.started.connect(started.append)
    for c in (0, 1, 2):
        ready.bench.choose([c])
        settled(ready)
        assert ready.drawing.scene.classes == (c,)
    assert started == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "100 %"), (0.384, "38 %"), (0.0648, "6.5 %"), (0.0004, "< 0.1 %"), (0.0, "0 %")],
)
def test_percent(value: float, text: str) -> None:
    assert percent(value) == text


def test_numbers() -> None:
    assert numbers((283, 281, 282, 284, 285)) == "281 – 285"
    assert numbers((7, 30)) == "7, 30"


def test_the_first_of_a_map_that_fills_in_ranks_the_list(tab, settled) -> None:
    """While the windows are classified the list has bars and stays still under the hand."""
    tab.bench.set_method("exact")
    seen: list[tuple[list[tuple[int, ...]], float | None, tuple[int, ...]]] = []

    def look(maps, pyramid) -> None:
        rows = list(tab.classes.rows())
        seen.append((rows, tab.classes.value_of(rows[0]), tab.classes.chosen))
        if len(seen) == 1:
            tab.bench.choose([2])

    tab.runs.partial.connect(look)
    tab.models.transplant()
    settled(tab)
    assert len(seen) > 1
    assert all(value is not None for _, value, _ in seen)
    assert {tuple(rows) for rows, _, _ in seen} == {tuple(seen[0][0])}
    assert seen[-1][2] == (2,), "a class chosen meanwhile stays chosen"
    assert tab.drawing.scene.classes == (2,)
    prob = tab.bench.maps.prob
    assert tab.classes.rows() == [
        (int(c),) for c in np.argsort(-prob.max(axis=(1, 2)), kind="stable")
    ]
