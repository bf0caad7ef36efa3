"""Why this class here: the cell that is asked about, maps, curves, areas, files."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QColor, QFontMetrics
from PyQt5.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from filterlab import caffe
from filterlab.gui import retranslate, theme
from filterlab.gui.net.tab import NetTab
from filterlab.gui.net.why_window import WhyWindow
from filterlab.pictures import read_picture, sample
from filterlab.surgery.transplant import softmax
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.catalogue import Model

Until = Callable[..., None]
NAMES = ("ash", "birch", "cedar", "dogwood")
KINDS = ("occlusion", "gradient", "grad-cam", "map")


@pytest.fixture
def window(tab: NetTab, until: Until) -> WhyWindow:
    action = next(a for a in tab.menu_actions()["model"] if a is not None and "Why" in a.text())
    action.trigger()
    made = tab.windows.why
    until(lambda: made.shown is not None and not made.runner.running)
    return made


def centre() -> Any:
    """What the net is shown of the picture, by hand: 8 times RGB less the means."""
    middle = cv2.resize(sample("chelsea")[:, 75:375], (128, 128), interpolation=cv2.INTER_AREA)
    small = caffe.io.resize_image(middle, (32, 32))
    return np.transpose(8 * small - np.array([4.0, 3.6, 3.2], np.float32), (2, 0, 1))


class Plain:
    """The net by itself."""

    def __init__(self, model: Model) -> None:
        self.net = caffe.Net(str(model.prototxt), str(model.weights_path), caffe.TEST)

    def ask(self, data: Any) -> tuple[Any, Any]:
        self.net.blobs["data"].data[0] = data
        self.net.forward()
        score = self.net.blobs["fc8"].data[0].copy()
        return score, softmax(score)

    def area(self, data: Any, heat: Any, wanted: int) -> tuple[float, list[float]]:
        """Of the deletion check, pixel by pixel sorted by hand."""
        order = sorted(range(1024), key=lambda k: -float(heat.reshape(-1)[k]))
        probs = []
        for step in range(33):
            grey = data.copy()
            for k in order[: 32 * step]:
                grey[:, k // 32, k % 32] = 0
            probs.append(float(self.ask(grey)[1][wanted]))
        return sum((a + b) / 64 for a, b in itertools.pairwise(probs)), probs


def test_maps_of_the_centre_their_curves_and_areas(
    tab: NetTab, window: WhyWindow, patient: Model
) -> None:
    wanted = tab.study.wanted
    plain, data = Plain(patient), centre()
    score, prob = plain.ask(data)
    percent = f"{100 * prob[wanted]:.1f} %"
    assert window.about.text() == f"{wanted} {NAMES[wanted]}, picture's centre: {percent}"
    why = window.shown.why
    heats = {reason.kind: reason.heat for reason, _ in why.reasons}
    assert tuple(heats) == KINDS
    # Occlusion by hand: patches of 4 pixels, 2 apart.
    total, count = np.zeros((32, 32)), np.zeros((32, 32))
    for top in range(0, 29, 2):
        for left in range(0, 29, 2):
            covered = data.copy()
            covered[:, top : top + 4, left : left + 4] = 0
            total[top : top + 4, left : left + 4] += score[wanted] - plain.ask(covered)[0][wanted]
            count[top : top + 4, left : left + 4] += 1
    np.testing.assert_allclose(heats["occlusion"], total / count, atol=2e-4)
    areas = {}
    for kind in KINDS:
        areas[kind], probs = plain.area(data, heats[kind], wanted)
        told = window.areas[kind].text()
        assert told == f"area {areas[kind]:.3f}, of a random order {why.drawn.area:.3f}"
        # The curve that is painted, point by point.
        plot = window.plots[kind]
        place, end = plot.plot_rect(), plot._end
        check = {reason.kind: check for reason, check in why.reasons}[kind]
        for k, point in enumerate(plot.points(check)):
            assert point.x() == pytest.approx(place.left() + k / 32 * place.width())
            want = place.bottom() - probs[k] / end * place.height()
            assert point.y() == pytest.approx(want, abs=0.01 * place.height())
        assert max(probs) <= end <= 1
    best = min(areas, key=lambda kind: areas[kind])
    marked = [kind for kind in KINDS if window.titles[kind].text().endswith(": the best")]
    assert marked == ([best] if areas[best] < why.drawn.area else [])
    assert "gradient comes out better than it looks" in window.note.text()


def test_each_map_is_drawn_in_the_order_of_the_check(window: WhyWindow) -> None:
    """The strongest pixel has the scale's last colour, the weaker half is the picture."""
    for reason, _ in window.shown.why.reasons:
        image = window.pictures[reason.kind].image
        assert (image.width(), image.height()) == (32, 32)
        pixels = np.array(
            [[image.pixelColor(x, y).getRgb()[:3] for x in range(32)] for y in range(32)], float
        )
        shown = (np.transpose(centre(), (1, 2, 0)) + np.array([4.0, 3.6, 3.2])) / 8
        picture = np.clip(255 * shown, 0, 255)
        order = np.argsort(-reason.heat.reshape(-1), kind="stable")
        rows, cols = np.divmod(order, 32)
        late = order[513:]
        assert np.abs((pixels - picture).reshape(1024, 3)[late]).max() < 1.6
        first = pixels[rows[0], cols[0]]
        wanted = 0.4 * picture[rows[0], cols[0]] + 0.6 * np.array([252, 255, 164])
        np.testing.assert_allclose(first, wanted, atol=3)


def test_a_click_in_the_map_marks_a_cell_and_a_double_click_asks(
    tab: NetTab, qtbot: QtBot, until: Until, patient: Model
) -> None:
    maps, pane = tab.study.found.maps.after, tab.maps.after
    assert maps.rows > 2
    assert maps.cols > 2
    place = pane.picture_rect()

    def at(row: int, col: int) -> QPoint:
        """The middle of a cell's window, from the net's geometry: 32 pixels wide, 4 apart."""
        rows, cols = maps.input_size
        x, y = (4 * col + 16) / cols * place.width(), (4 * row + 16) / rows * place.height()
        return QPoint(int(x), int(y))

    for cell in ((0, 0), (1, 2), (maps.rows - 1, maps.cols - 1)):
        qtbot.mouseClick(pane, Qt.LeftButton, pos=at(*cell))
        assert tab.study.cell == cell
        assert pane.marked == cell
        frame = pane.cell_rect(cell)
        edge = pane.grab().toImage()
        ratio = edge.devicePixelRatio()
        colour = edge.pixelColor(round(frame.left() * ratio), round(frame.center().y() * ratio))
        assert colour == QColor(theme.current().accent)
    qtbot.mouseClick(pane, Qt.LeftButton, pos=at(maps.rows - 1, maps.cols - 1))
    assert tab.study.cell is None
    qtbot.mouseClick(pane, Qt.LeftButton, pos=QPoint(1, 1))
    assert tab.study.cell is None, "no cell looks there"
    qtbot.mouseClick(pane, Qt.LeftButton, pos=at(1, 2))
    qtbot.mouseDClick(pane, Qt.LeftButton, pos=at(1, 2))
    window = tab.windows.why
    until(lambda: window.shown is not None and not window.runner.running)
    why, wanted = window.shown.why, tab.study.wanted
    assert why.cell == (1, 2)
    # The cell is a window of 32 x 32 pixels of that input, to the classifier itself.
    seen = why.data[0][:, 4:36, 8:40]
    prob = float(Plain(patient).ask(seen)[1][wanted])
    assert prob == pytest.approx(float(maps.prob[wanted, 1, 2]), abs=1e-5)
    told = f"{wanted} {NAMES[wanted]}, cell in row 1, column 2: {100 * prob:.1f} %"
    assert window.about.text() == told
    # What the cell does not see speaks for nothing; a patch reaches over its edge by its size.
    patch = min(maps.input_size) // 8
    for (reason, _), over in zip(why.reasons, (patch, 0)):
        outside = np.ones(why.data.shape[2:], bool)
        outside[max(0, 4 - over) : 36 + over, max(0, 8 - over) : 40 + over] = False
        assert outside.any()
        assert np.abs(reason.heat[outside]).max() < 1e-4
    rows, cols = maps.input_size
    tile = ((8 + 14) / cols, (4 + 14) / rows, (8 + 18) / cols, (4 + 18) / rows)
    assert window.shown.tile == pytest.approx(tile)


def test_arrow_keys_mark_a_cell_and_return_asks(tab: NetTab, qtbot: QtBot, until: Until) -> None:
    maps, pane = tab.study.found.maps.after, tab.maps.after
    assert pane.focusPolicy() == Qt.TabFocus
    seen = []
    for key in (Qt.Key_Up, Qt.Key_Up, Qt.Key_Right, *[Qt.Key_Left] * 30, Qt.Key_Down):
        qtbot.keyClick(pane, key)
        seen.append(tab.study.cell)
    row, col = maps.rows // 2, maps.cols // 2
    assert seen[:4] == [(row, col), (row - 1, col), (row - 1, col + 1), (row - 1, col)]
    assert seen[-2:] == [(row - 1, 0), (row, 0)]
    qtbot.keyClick(pane, Qt.Key_Return)
    window = tab.windows.why
    until(lambda: window.shown is not None and not window.runner.running)
    assert window.shown.why.cell == (row, 0)


def test_another_cell_or_class_is_asked_about_at_once_an_edit_on_demand(
    tab: NetTab, window: WhyWindow, until: Until
) -> None:
    study = tab.study
    other = (study.wanted + 1) % 4
    study.want(other)
    until(lambda: window.shown.why.wanted == other and not window.runner.running)
    assert window.about.text().startswith(f"{other} {NAMES[other]}, picture's centre")
    study.mark_cell((0, 1))
    until(lambda: window.shown.why.cell == (0, 1) and not window.runner.running)
    assert not window.ask_button.isEnabled()
    for button in window.place.buttons():
        text = QFontMetrics(button.font()).horizontalAdvance(button.text())
        assert text + 12 <= button.width(), "clipped"
    assert window.place.button("cell").text() == "cell 0, 1"
    centre_button = window.place.button("centre")
    centre_button.click()
    until(lambda: window.shown.why.cell is None and not window.runner.running)
    before = window.shown
    study.choose([0, 1, 2])
    study.operate("zero")
    until(lambda: tab.settled)
    assert window.shown is before
    assert "has changed since" in window.note.text()
    window.ask_button.click()
    until(lambda: window.shown is not before and not window.runner.running)
    after = study.found.answers.after.prob[other]
    assert window.shown.why.drawn.probs[0] == pytest.approx(after, abs=1e-5)
    assert "has changed since" not in window.note.text()


def test_maps_are_saved_as_pictures_and_values(
    window: WhyWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    for suffix in ("png", "npy"):
        given = (str(tmp_path / f"cat.{suffix}"), f"x (*.{suffix})")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, given=given: given)
        window.save_button.click()
        until(lambda: not window.runner.running)
        names = [f"cat-{kind}.{suffix}" for kind in KINDS]
        assert window.progress.text == f"Written: {', '.join(names)}."
        for reason, _ in window.shown.why.reasons:
            path = tmp_path / f"cat-{reason.kind}.{suffix}"
            if suffix == "npy":
                np.testing.assert_array_equal(np.load(path), reason.heat)
            else:
                image = window.pictures[reason.kind].image
                colour = image.pixelColor(20, 7).getRgb()[:3]
                np.testing.assert_allclose(255 * read_picture(path)[7, 20], colour, atol=1)


def test_esc_cancels_and_the_window_stays(tab: NetTab, window: WhyWindow, until: Until) -> None:
    before = window.shown
    tab.study.want((tab.study.wanted + 1) % 4)
    assert window.runner.running
    window.reject()
    until(lambda: not window.runner.running)
    assert window.isVisible()
    assert window.shown is before
    assert window.progress.text == "Cancelled."
    assert window.ask_button.isEnabled()
    window.reject()
    assert not window.isVisible()


def test_a_cell_goes_with_its_net_and_with_pictures_of_another_size(
    tab: NetTab, patient: Model, until: Until
) -> None:
    tab.study.mark_cell((1, 1))
    assert tab.maps.after.marked == (1, 1)
    tab.open_picture(Source(sample="coffee"))
    until(lambda: tab.settled)
    assert tab.study.cell is None
    assert tab.maps.after.marked is None
    tab.study.mark_cell((99, 0))
    assert tab.study.cell is None
    tab.study.mark_cell((0, 1))
    tab.open_model(patient)
    until(lambda: tab.study.cell is None and tab.settled)


def test_it_is_told_in_chinese(window: WhyWindow) -> None:
    try:
        retranslate.change_language("zh_CN")
        texts = [window.about.text(), window.note.text(), window.windowTitle()]
        texts += [window.ask_button.text(), window.save_button.text()]
        texts += [window.place.button("centre").text()]
        for kind in ("occlusion", "gradient", "map"):
            texts += [window.titles[kind].text(), window.areas[kind].text()]
        for text in texts:
            assert any("\u4e00" <= letter <= "\u9fff" for letter in text), text
    finally:
        retranslate.change_language("en")
