"""What stands around the pictures of the Filters tab, beneath them and in the lower panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QMouseEvent
from PyQt5.QtWidgets import QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.filters.look import Frame, Look, make_frame
from filterlab.gui.filters.pages import HistogramPage, KernelPage, facts_lines, histogram_lines
from filterlab.gui.filters.panel import PAGES, BottomPanel
from filterlab.gui.filters.stage import Stage
from filterlab.gui.filters.walk import SPEEDS
from filterlab.gui.widgets.colours import lut
from filterlab.gui.widgets.line import Line
from filterlab.surgery.convolve import Picture, Stats
from filterlab.surgery.kernels.analysis import facts
from filterlab.workbench.filter_bench import FilterBench, Report

MINUS = "\N{MINUS SIGN}"
PICTURE = np.random.default_rng(4).random((20, 30)).astype(np.float32)
COLOURS = np.random.default_rng(5).random((20, 30, 3)).astype(np.float32)


def bench_of(*edits: Callable[[FilterBench], Any], picture: np.ndarray = PICTURE) -> FilterBench:
    bench = FilterBench(picture, "noise")
    bench.set_size((3, 5))
    for slot in range(3):
        bench.set_kernel(slot, np.random.default_rng(slot).normal(size=(3, 5)))
    for edit in edits:
        edit(bench)
    return bench


def frame_of(bench: FilterBench, look: Look | None = None, **shown: Any) -> Frame:
    frame = make_frame(bench.snapshot(), look or Look())
    return replace(frame, shown=tuple(replace(one, **shown) for one in frame.shown))


def forms(line: Line) -> list[str]:
    """What a line shows as it gets narrower; ends with nothing where it is never cut."""
    found: list[str] = []
    for width in range(900, 0, -1):
        line.resize(width, 20)
        text = line.shown()
        if text.endswith("…"):
            return found
        if not found or text != found[-1]:
            found.append(text)
    return found


@pytest.fixture
def stage(qtbot: QtBot) -> Iterator[Stage]:
    host = QWidget()
    qtbot.addWidget(host)
    host.resize(640, 480)
    made = Stage(host)
    for view in made.views:
        view.resize(300, 200)
    host.show()
    for title in made.titles:
        title.resize(500, 20)
    yield made
    made.shutdown()


# Beneath the outputs


STATS = Stats(0.12345, -1.23456, 12.3456, 2.0)


@pytest.mark.parametrize(
    ("stats", "before", "shown", "whole", "wanted"),
    [
        (STATS, None, {}, True,
         [f"{MINUS}1.23 … 12.3, mean 0.123", f"{MINUS}1.23 … 12.3", f"{MINUS}1.23…12.3", ""]),
        (STATS, None, {}, False,
         [f"{MINUS}1.23 … 12.3  26 × 18", f"{MINUS}1.23…12.3  26 × 18", f"{MINUS}1.23 … 12.3",
          f"{MINUS}1.23…12.3", ""]),
        (STATS, STATS._replace(mean=0.5), {}, True,
         [f"{MINUS}1.23 … 12.3, mean 0.5 → 0.123", "mean 0.5 → 0.123", "mean 0.123", ""]),
        (STATS, STATS._replace(mean=0.5), {}, False,
         [f"{MINUS}1.23 … 12.3, mean 0.5 → 0.123", "mean 0.5 → 0.123", "mean 0.123", ""]),
        (STATS, STATS._replace(mean=0.12345 + 4e-4), {}, True,
         [f"{MINUS}1.23 … 12.3, mean 0.123", f"{MINUS}1.23 … 12.3", f"{MINUS}1.23…12.3", ""]),
        (STATS, STATS._replace(mean=0.12345 - 6e-4), {}, True,
         [f"{MINUS}1.23 … 12.3, mean 0.123 → 0.123", "mean 0.123 → 0.123", "mean 0.123", ""]),
        (STATS, None, {"view": "natural", "clipped": 0.25}, True,
         [f"{MINUS}1.23 … 12.3, 25 % clipped", "25 % clipped"]),
        (STATS, STATS._replace(mean=0.5), {"view": "natural", "clipped": 0.25}, True,
         ["mean 0.5 → 0.123, 25 % clipped", "mean 0.5 → 0.123", "25 % clipped", "mean 0.123"]),
        (STATS, None, {"view": "natural", "clipped": 0.0004}, True,
         [f"{MINUS}1.23 … 12.3, mean 0.123", f"{MINUS}1.23 … 12.3", f"{MINUS}1.23…12.3", ""]),
        (STATS, None, {"view": "signed", "clipped": 0.25}, True,
         [f"{MINUS}1.23 … 12.3, mean 0.123", f"{MINUS}1.23 … 12.3", f"{MINUS}1.23…12.3", ""]),
        (STATS._replace(not_finite=3), STATS._replace(mean=0.5), {}, True,
         ["not finite: 3 of 468 pixels (NaN or ∞)", "not finite: 3 pixels", "not finite"]),
        (Stats(1.0, -0.004, 0.996, 0.1), None, {}, True,
         ["0 … 1, mean 1", "0 … 1", "0…1", ""]),
        (Stats(1.2345, -0.5, 1.5, 0.1), None, {}, True,
         [f"{MINUS}0.5 … 1.5, mean 1.23", f"{MINUS}0.5 … 1.5", f"{MINUS}0.5…1.5", ""]),
        (Stats(-1234.5, -0.126, 1234.5, 0.1), None, {}, True,
         [f"{MINUS}0.13 … 1.23e+03, mean {MINUS}1.23e+03", f"{MINUS}0.13 … 1.23e+03",
          f"{MINUS}0.13…1.23e+03", ""]),
    ],
)  # fmt: skip
def test_the_note_beneath_an_output(
    stage: Stage, stats: Stats, before: Stats | None, shown: Any, whole: bool, wanted: list[str]
) -> None:
    frame = frame_of(bench_of(), **shown)
    stage.titles[2].resize(500 if whole else 60, 20)
    other = Report(Stats(0.5, 0.0, 1.0, 0.1), None)
    stage.show_frame(frame, (other, Report(stats, before), other))
    note = stage.notes[2]
    assert note.text() == wanted[0]
    tip = note.toolTip().splitlines()
    # The size has a line of its own unless it stands in the first.
    own = not whole and "26 × 18" not in wanted[0]
    assert (tip[0], len(tip)) == (wanted[0], 3 if own else 2)
    if not whole:
        assert "26 × 18" in (tip[1] if own else tip[0])
    told = ", ".join(
        f"{name} {value:.4g}".replace("-", MINUS) if abs(value) < 1000 else f"{name} {value:.4g}"
        for name, value in (("mean", stats.mean), ("least", stats.minimum),
                            ("greatest", stats.maximum), ("standard deviation", stats.std))
    )  # fmt: skip
    assert tip[-1].replace(MINUS, "-") == told.replace(MINUS, "-")
    assert forms(note) == wanted
    assert stage.notes[1].text() in {"0 … 1, mean 0.5", "0 … 1, 25 % clipped"}


def test_the_note_of_what_is_not_finite_is_an_error(stage: Stage, listen: Any) -> None:
    frame, inks = frame_of(bench_of()), []
    for count in (0, 2, 0):
        report = Report(STATS._replace(not_finite=count), None)
        stage.show_frame(frame, (report,) * 3)
        stage.scales[0].resize(600, 30)
        inks.append(listen(stage.notes[1])[0][7])
    look = theme.current()
    assert inks == [QColor(c).name() for c in (look.muted, look.error, look.muted)]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0005, "0.1"), (0.0006, "0.1"), (0.0995, "10"), (0.995, "100"),
     (0.0994, "9.9"), (0.0996, "10"), (0.5, "50"), (0.994, "99"), (0.996, "99.6"),
     (1.0, "100.0"), (0.12, "12")],
)  # fmt: skip
def test_how_many_percent_are_clipped(stage: Stage, share: float, text: str) -> None:
    stage.show_frame(
        frame_of(bench_of(), view="natural", clipped=share), (Report(STATS, None),) * 3
    )
    assert stage.notes[3].text().endswith(f" {text} % clipped")


def test_headings_scales_and_switches_are_the_frames(stage: Stage) -> None:
    bench = bench_of()
    look = Look(scale="common", views=("natural", "signed", "signed"), colours="viridis")
    frame = frame_of(bench, look)
    stage.show_frame(frame, None)
    assert [t.text() for t in stage.titles[1:]] == [f"Filter {n}  26 × 18" for n in range(3)]
    assert [note.text() for note in stage.notes[1:]] == ["", "", ""]
    assert [s.key for s in stage.switches] == ["natural", "signed", "signed"]
    assert stage.scale_switch.key == "common"
    for bar, shown in zip(stage.bars, frame.shown):
        assert bar.levels() == (shown.low, shown.high)
    assert stage.bars[0].levels() == (0.0, 1.0)
    coarse = replace(frame, outputs=replace(
        frame.outputs, step=2, data=frame.outputs.data[:, ::2, ::2]
    ))  # fmt: skip
    stage.show_frame(coarse, None)
    assert [t.text() for t in stage.titles[1:]] == [
        f"Filter {n}  26 × 18  preview" for n in range(3)
    ]
    stage.set_markers([0.25, -1.0, 7.0])
    assert [bar.marker() for bar in stage.bars] == [0.25, -1.0, 7.0]
    stage.set_markers(None)
    assert [bar.marker() for bar in stage.bars] == [None] * 3


def test_outputs_lie_where_their_windows_are(stage: Stage) -> None:
    """Of a stride of two, each output pixel covers two of the picture's, also in a preview."""
    bench = bench_of(lambda b: b.set_stride(2))
    frame = frame_of(bench)
    rows, cols = frame.outputs.full_size
    assert (rows, cols) == (9, 13)
    stage.show_frame(frame, None)
    for view, shown in zip(stage.views[1:], frame.shown):
        assert view.extent == QRectF(1.5, 0.5, 26, 18)
        item = view.picture
        np.testing.assert_array_equal(item.image, shown.pixels)
        assert item.mapRectToParent(item.boundingRect()) == QRectF(1.5, 0.5, 26, 18)
    data = frame.outputs.data[:, ::3, ::3]
    coarse = replace(
        frame,
        outputs=replace(frame.outputs, step=3, data=data),
        shown=tuple(replace(s, pixels=s.pixels[::3, ::3]) for s in frame.shown),
    )
    stage.show_frame(coarse, None)
    item = stage.views[3].picture
    assert stage.views[3].extent == QRectF(1.5, 0.5, 26, 18)
    np.testing.assert_array_equal(item.image, coarse.shown[2].pixels)
    assert item.mapRectToParent(item.boundingRect()) == QRectF(-0.5, -1.5, 30, 18)


@pytest.mark.parametrize(
    ("x", "y", "pixel"),
    [(1.5, 0.5, (0, 0)), (1.49, 0.6, None), (1.6, 0.49, None), (27.49, 18.49, (8, 12)),
     (27.51, 18.0, None), (27.0, 18.51, None), (3.49, 0.6, (0, 0)), (3.51, 0.6, (0, 1)),
     (1.6, 2.51, (1, 0)), (9.0, 5.0, (2, 3)), (-8.0, 5.0, None), (9.0, -5.0, None)],
)  # fmt: skip
def test_the_output_pixel_at_a_place(stage: Stage, x: float, y: float, pixel: Any) -> None:
    assert stage.output_pixel(x, y) is None
    stage.show_frame(frame_of(bench_of(lambda b: b.set_stride(2))), None)
    assert stage.output_pixel(x, y) == pixel


@pytest.mark.parametrize("scale", [0.5, 2.0, 2.4, 2.6, 10.0])
def test_the_pixels_frame_is_at_least_five_pixels_wide(stage: Stage, scale: float) -> None:
    """Row 2, column 3 of a stride of 2: from 7.5, 4.5 on, 2 wide, about 8.5, 5.5."""
    assert not any(box.isVisible() for box in stage.pixel_boxes)
    stage.show_frame(frame_of(bench_of(lambda b: b.set_stride(2))), None)
    stage.views[1].set_view_rect(
        QRectF(8.5 - 150 / scale, 5.5 - 100 / scale, 300 / scale, 200 / scale)
    )
    assert stage.views[1].scale_on_screen == pytest.approx(scale)
    stage.set_window((6, 4, 11, 7), (2, 3))
    wide = max(2.0, 5 / scale)
    for box in stage.pixel_boxes:
        assert box.box() == pytest.approx(
            (8.5 - wide / 2, 5.5 - wide / 2, 8.5 + wide / 2, 5.5 + wide / 2)
        )
        assert box.isVisible()
    assert stage.window_box.box() == (6, 4, 11, 7)
    for window, pixel in (((6, 4, 11, 7), None), (None, (2, 3)), (None, None)):
        stage.set_window((6, 4, 11, 7), (2, 3))
        stage.set_window(window, pixel)
        assert [box.isVisible() for box in stage.pixel_boxes] == [False] * 3
        assert stage.window_box.isVisible() is (window is not None)
    stage.set_window((6, 4, 11, 7), (2, 3))
    stage.show_problem("does not fit")
    stage.set_window((6, 4, 11, 7), (2, 3))
    assert not any(box.isVisible() for box in stage.pixel_boxes)


def test_pinned_windows_are_filled_and_dilated_ones_show_their_cells(
    stage: Stage, listen: Any
) -> None:
    bench = bench_of(lambda b: b.set_dilation(2))
    stage.show_input(bench.picture, "grey")
    stage.show_frame(frame_of(bench), None)
    accent = QColor(theme.current().accent)

    def painted() -> tuple[int, int]:
        view = stage.views[0]
        view.set_view_rect(QRectF(0, 0, 15, 10))
        shapes = listen(view)
        fills = [shape for shape in shapes if shape[0] == "fill"]
        filled = [s for s in fills if s[5] == f"#2e{accent.name()[1:]}"]
        return len(filled), sum(shape[0] == "rect" for shape in shapes)

    stage.set_window((0, 0, 9, 5), (0, 0))
    # 3 x 5 cells, and the outline with its halo.
    assert painted() == (0, 17)
    stage.set_window((0, 0, 9, 5), (0, 0), pinned=True)
    assert painted() == (1, 17)
    stage.frame = None
    stage.set_window((0, 0, 8, 5), (0, 0), pinned=False)
    assert painted() == (0, 2), "without an output there are no cells to show"


def test_padding_is_shown_around_the_input(stage: Stage, listen: Any) -> None:
    bench = bench_of(lambda b: b.set_pad("same"), lambda b: b.set_edge("replicate"))
    stage.show_input(bench.picture, "grey")
    stage.show_frame(frame_of(bench), None)
    assert stage.padding.isVisible()
    assert stage.padding.boundingRect() == QRectF(-2, -1, 34, 22)
    assert stage.padding.value_at(-1, -2) == pytest.approx(float(PICTURE[0, 0]))
    hatched = [
        sum(shape[0] == "fill" and len(shape) == 7 for shape in listen(view))
        for view in stage.views
    ]
    assert hatched == [4, 0, 0, 0], "four sides of the input, none of outputs"
    stage.show_frame(frame_of(bench_of()), None)
    assert not stage.padding.isVisible()


@pytest.mark.parametrize("colours", [False, True])
def test_what_the_walk_has_built_is_seen(stage: Stage, colours: bool) -> None:
    """26 columns: 60 pixels are two rows and 8 of the third."""
    bench = bench_of(picture=COLOURS if colours else PICTURE)
    if colours:
        bench.set_mode("each")
    frame = frame_of(bench)
    stage.show_frame(frame, None)
    for done, faint, rest in ((60, False, 0), (60, True, 72), (0, False, 0), (52, True, 72)):
        stage.set_reveal(done, faint=faint)
        for raster, shown in zip(stage.rasters[1:], frame.shown):
            rgba = np.asarray(raster.array)
            alpha = np.full(18 * 26, rest)
            alpha[:done] = 255
            np.testing.assert_array_equal(rgba[..., 3].reshape(-1), alpha)
            rgb = shown.pixels if colours else lut(shown.table)[shown.pixels]
            np.testing.assert_array_equal(rgba[..., :3], rgb)
    stage.set_reveal(72)
    stage.set_reveal(0, faint=True)
    assert set(np.asarray(stage.rasters[2].array)[..., 3].reshape(-1)) == {72}
    stage.set_reveal(None)
    assert stage.rasters[2].array is frame.shown[1].pixels
    stage.set_reveal(60)
    stage.show_frame(frame, None)
    assert np.asarray(stage.rasters[2].array).shape[-1] == 4, "new outputs of the same size"
    smaller = frame_of(bench_of(lambda b: b.set_size((5, 5))))
    stage.show_frame(smaller, None)
    assert stage.rasters[2].array is smaller.shown[1].pixels
    stage.show_problem("does not fit")
    stage.set_reveal(10)
    assert stage.rasters[2].array is None


def test_a_problem_is_said_in_place_of_outputs(stage: Stage) -> None:
    bench = bench_of()
    stage.show_input(bench.picture, "grey")
    stage.show_frame(frame_of(bench), (Report(STATS, None),) * 3)
    stage.show_problem("the kernel does not fit")
    assert [r.array is None for r in stage.rasters] == [False, True, True, True]
    assert [n.text() for n in stage.notes] == ["noise", *["the kernel does not fit"] * 3]
    assert [t.text() for t in stage.titles] == [
        "Input  30 × 20",
        "Filter 0",
        "Filter 1",
        "Filter 2",
    ]
    assert stage.frame is None


def test_what_stands_over_the_input(stage: Stage) -> None:
    assert stage.aspect == 0.7
    picture = Picture(PICTURE, "some noise")
    picture.frame, picture.frames = 2, 7
    stage.show_input(picture, "grey")
    assert stage.titles[0].text() == "Input  30 × 20"
    assert (stage.notes[0].text(), stage.notes[0].toolTip()) == ("some noise", "some noise")
    assert (stage.frame_box.value(), stage.frame_box.maximum()) == (3, 7)
    assert stage.aspect == pytest.approx(20 / 30)
    assert stage.views[0].extent == QRectF(0, 0, 30, 20)
    rgb = Picture(COLOURS)
    stage.show_input(rgb, "grey")
    np.testing.assert_array_equal(stage.rasters[0].array, np.rint(255 * rgb.grey).astype(np.uint8))
    stage.show_input(rgb, "three")
    assert np.asarray(stage.rasters[0].array).shape == (20, 30, 3)


def test_a_large_input_is_coloured_by_a_worker(stage: Stage, qtbot: QtBot) -> None:
    stage.show_input(Picture(np.zeros((1024, 1024), np.float32)), "grey")
    assert np.asarray(stage.rasters[0].array).shape == (1024, 1024), "a million at once"
    large = Picture(np.full((1024, 1025), 0.2, np.float32))
    stage.show_input(large, "grey")
    assert np.asarray(stage.rasters[0].array).shape == (1024, 1024), "more in a moment"
    qtbot.waitUntil(lambda: np.asarray(stage.rasters[0].array).shape == (1024, 1025))
    assert (np.asarray(stage.rasters[0].array) == 51).all()
    stage.show_input(large, "grey", np.zeros((1024, 1025), np.uint8))
    assert not np.asarray(stage.rasters[0].array).any()
    stage.show_input(Picture(PICTURE), "grey", np.zeros((20, 30), np.uint8))
    assert np.asarray(stage.rasters[0].array).shape == (1024, 1025), "of a picture gone by"


def test_the_view_comes_back_to_a_picture_it_does_not_show(stage: Stage) -> None:
    stage.show_input(Picture(PICTURE), "grey")
    stage.show_frame(frame_of(bench_of()), None)
    stage.views[0].set_view_rect(QRectF(10, 5, 6, 4))
    stage.show_input(Picture(PICTURE * 0.5), "grey")
    assert stage.views[0].view_rect().width() < 10, "what is looked at stays"
    stage.views[0].set_view_rect(QRectF(100, 5, 6, 4))
    stage.show_input(Picture(PICTURE * 0.25), "grey")
    assert stage.views[0].view_rect().contains(QRectF(0, 0, 30, 20))


def test_fitted_pictures_touch_the_edges_of_their_views(stage: Stage) -> None:
    """30 x 20 pixels in 300 x 200; outputs beyond the input are seen, too."""
    bench = bench_of(lambda b: b.set_pad("same"))
    stage.show_input(bench.picture, "grey")
    stage.show_frame(frame_of(bench), None)
    stage.fit()
    for view in stage.views:
        rect = view.view_rect()
        found = rect.left(), rect.top(), rect.width(), rect.height()
        assert found == pytest.approx((0, 0, 30, 20), abs=1e-6)


def test_steps_back_are_counted(stage: Stage) -> None:
    for count, text in ((1, "1 step ▾"), (2, "2 steps ▾"), (0, "0 steps ▾"), (5, "5 steps ▾")):
        stage.show_steps(count)
        assert stage.steps_button.text() == text
        assert stage.steps_button.isHidden() is (count == 0)


def test_what_gives_way_in_narrow_columns(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scale's bar below 260 pixels, the words of a frame's number below 280."""
    picture = Picture(PICTURE)
    picture.frames = 12
    stage.show_input(picture, "grey")
    stage.show_frame(frame_of(bench_of()), (Report(STATS, None),) * 3)
    rooms: list[tuple[str, int]] = []
    for name, switch in (("scales", stage.scale_switch), ("first", stage.switches[0])):
        monkeypatch.setattr(switch, "set_room", lambda room, name=name: rooms.append((name, room)))
    size = theme.scale()
    long = {}
    for column in (200, 259, 260, 279, 280, 400):
        stage.arranged(round(column * size))
        long[column] = (stage.bars[2].sizeHint().width(), stage.frame_box.prefix())
    assert long[259][0] == long[200][0] == long[260][0] - 34 == long[400][0] - 34
    assert [long[c][1] for c in (200, 279, 280, 400)] == ["", "", "frame ", "frame "]
    words = stage._scales_name.natural_width()
    title = stage.titles[1].fontMetrics().horizontalAdvance("Filter 0") + 1
    wide = round(400 * size)
    assert rooms[-2:] == [
        ("scales", wide - words - theme.STEP),
        ("first", wide - title - theme.STEP),
    ]
    # What a title has no room for stands beneath.
    stage.titles[3].resize(70, 20)
    stage.arranged(300)
    assert stage.notes[3].text() == f"{MINUS}1.23 … 12.3  26 × 18"
    assert stage.notes[2].text() == f"{MINUS}1.23 … 12.3, mean 0.123"


def test_numbers_in_pixels_have_three_places_of_the_input_and_two_of_outputs(
    stage: Stage, listen: Any
) -> None:
    bench = bench_of(picture=np.full((20, 30), 0.12345, np.float32))
    bench.set_size((1, 1))
    for slot in range(3):
        bench.set_kernel(slot, [[1.0]])
    stage.show_input(bench.picture, "grey")
    stage.show_frame(frame_of(bench), None)
    for view, text in zip(stage.views, (".123", ".12", ".12", ".12")):
        view.set_view_rect(QRectF(5, 5, 6, 4))
        assert {shape[5] for shape in listen(view) if shape[0] == "text"} == {text}


def test_names_of_the_pictures_and_their_clicks(stage: Stage, qtbot: QtBot) -> None:
    assert [view.accessibleName() for view in stage.views] == [
        "Input", *(f"Output of filter {n}" for n in range(3))
    ]  # fmt: skip
    assert [s.accessibleName() for s in stage.switches] == [f"View of output {n}" for n in range(3)]
    heard: list[Any] = []
    stage.clicked.connect(lambda *what: heard.append(("clicked", *what)))
    stage.hovered.connect(lambda *what: heard.append(("hovered", *what)))
    stage.left.connect(lambda: heard.append("left"))
    stage.view_chosen.connect(lambda *what: heard.append(("view", *what)))
    bench = bench_of()
    stage.show_input(bench.picture, "grey")
    stage.show_frame(frame_of(bench), None)
    for index, view in enumerate(stage.views):
        at = view.to_widget(12.5, 7.25).toPoint()
        x, y = view.to_scene(at)
        heard.clear()
        move = QMouseEvent(
            QEvent.MouseMove, QPointF(at), Qt.NoButton, Qt.MouseButtons(Qt.NoButton), Qt.NoModifier
        )
        QApplication.sendEvent(view.viewport(), move)
        qtbot.mouseClick(view.viewport(), Qt.LeftButton, pos=at)
        qtbot.mouseClick(view.viewport(), Qt.RightButton, pos=at)
        found = [what for what in heard if what != "left"]
        assert found[0] == ("hovered", index, pytest.approx(x), pytest.approx(y))
        assert [w for w in found if w[0] == "clicked"] == [
            ("clicked", index, pytest.approx(x), pytest.approx(y))
        ]
        QApplication.sendEvent(view, QEvent(QEvent.Leave))
        assert heard[-1] == "left"
    for slot, switch in enumerate(stage.switches):
        key = "natural" if switch.key == "signed" else "signed"
        qtbot.mouseClick(switch.button(key), Qt.LeftButton)
        assert heard[-1] == ("view", slot, key)


# The lower panel


@pytest.fixture
def panel(qtbot: QtBot) -> BottomPanel:
    made = BottomPanel()
    qtbot.addWidget(made)
    made.resize(1300, 170)
    return made


def test_a_pixels_numbers(panel: BottomPanel) -> None:
    """With a divisor of 8: the sum is of the cells as they stand in the grid."""
    bench = bench_of(lambda b: b.set_bias(1, 0.25), lambda b: b.set_divisor(1, 8.0))
    panel.show_bench(bench, [0, 0, 0])
    panel.set_slot(1)
    explained = bench.explain(1, 4, 9)
    panel.show_pixel(explained, PICTURE.shape)
    cells = bench.kernel(1).astype(float)
    assert bench.divisor(1) == 8
    total = float((PICTURE[4:7, 9:14].astype(float) * cells).sum())
    result = total / 8 + 0.25

    def four(value: float) -> str:
        text = f"{value:.4g}" if abs(value) >= 1 else f"{round(value, 4):.4g}"
        return text.replace("-", MINUS)

    assert panel.where.text() == "Filter 1 at row 4, column 9"
    assert forms(panel.where) == ["Filter 1 at row 4, column 9", "Row 4, column 9", "4, 9"]
    assert panel.sum_line.text() == f"sum ÷ divisor + bias: {four(total)} ÷ 8 + 0.25"
    assert forms(panel.sum_line)[1:] == [f"{four(total)} ÷ 8 + 0.25"]
    fewer = [f"{result:.{digits}g}".replace("-", MINUS) for digits in (2, 1)]
    assert forms(panel.result) == [f"= {four(result)}", four(result), *fewer]
    assert panel.product.captions()[2][0] == f"products, sum {round(total, 4):.4g}".replace(
        "-", MINUS
    )
    np.testing.assert_allclose(panel.product._kernel, cells, rtol=1e-6)
    panel.show_nothing(bench)
    assert [line.text() for line in (panel.where, panel.sum_line, panel.result)] == ["", "", ""]
    assert panel.sentence.text() == "A valid 3 × 5 convolution shrinks 30 × 20 to 26 × 18."
    panel.show_nothing()
    assert panel.sentence.text() == ""


def test_without_a_bench_a_pixel_has_no_divisor(panel: BottomPanel) -> None:
    bench = bench_of(lambda b: b.set_divisor(0, 4.0))
    panel.show_pixel(bench.explain(0, 1, 2), PICTURE.shape)
    total = float((PICTURE[1:4, 2:7].astype(float) * bench.kernel(0) / 4).sum())
    assert " ÷ 1 + 0" in panel.sum_line.text()
    told = panel.result.text().removeprefix("= ").replace(MINUS, "-")
    assert float(told) == pytest.approx(total, abs=1e-3)
    assert "Stride" not in panel.sentence.text()


def test_the_other_channels_sum_stands_beside(panel: BottomPanel) -> None:
    bench = bench_of(picture=COLOURS)
    bench.set_mode("three")
    kernel = np.random.default_rng(9).normal(size=(3, 3, 5)).astype(np.float32)
    bench.set_kernel(2, kernel)
    bench.set_divisor(2, 2.0)
    panel.show_bench(bench, [0, 0, 0])
    panel.set_slot(2)
    parts = [float((COLOURS[3:6, 7:12, c].astype(float) * kernel[c]).sum()) for c in range(3)]
    for channel in (0, 1, 2, 5):
        if channel < 3:
            panel.set_channel(channel)
        else:
            panel.channel = channel
        panel.show_pixel(bench.explain(2, 3, 7), COLOURS.shape[:2])
        mine = min(channel, 2)
        others = sum(parts) - parts[mine]
        said = panel.product.captions()[2][2].replace(MINUS, "-").split(", ")
        assert [float(n) for n in said] == pytest.approx([parts[mine], others], rel=2e-3, abs=2e-3)
        np.testing.assert_allclose(panel.product._patch, COLOURS[3:6, 7:12, mine])


def test_what_the_panel_offers(panel: BottomPanel, qtbot: QtBot) -> None:
    heard: list[Any] = []
    for name in ("channel_chosen", "step_requested", "speed_changed", "page_changed",
                 "walk_toggled", "pin_toggled"):  # fmt: skip
        getattr(panel, name).connect(lambda what, name=name: heard.append((name, what)))
    channels = [
        button for button in panel.findChildren(QToolButton) if button.text() in list("RGB")
    ]
    assert [button.isChecked() for button in channels] == [True, False, False]
    for picture, mode, offered in (
        (PICTURE, "grey", False), (PICTURE, "each", False), (COLOURS, "grey", False),
        (COLOURS, "each", True), (COLOURS, "three", True), (PICTURE, "three", True),
    ):  # fmt: skip
        bench = FilterBench(picture)
        bench.set_mode(mode)
        panel.show_bench(bench, [0, 0, 0])
        assert channels[0].isVisibleTo(panel) is offered, (picture.shape, mode)
    channels[2].click()
    assert (panel.channel, heard.pop()) == (2, ("channel_chosen", 2))
    panel.set_channel(1)
    assert [button.isChecked() for button in channels] == [False, True, False]
    panel.back_button.click()
    panel.next_button.click()
    assert heard == [("step_requested", -1), ("step_requested", 1)]
    assert (panel.speed.minimum(), panel.speed.maximum()) == (0, 10)
    assert (SPEEDS[panel.speed.value()], panel.speed.toolTip()) == (300, "300 pixels a second")
    panel.speed.setValue(2)
    assert (heard.pop(), panel.speed.toolTip()) == (("speed_changed", 5), "5 pixels a second")
    assert SPEEDS == (1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10000, 30000)
    heard.clear()
    panel.play_button.click()
    panel.pin_button.click()
    assert heard == [("walk_toggled", True), ("pin_toggled", True)]
    panel.set_walk(False)
    panel.set_pinned(False)
    assert len(heard) == 2, "what is shown is not said"
    assert not panel.play_button.isChecked()
    assert not panel.pin_button.isChecked()
    assert not panel.back_button.isCheckable()
    assert not panel.next_button.isCheckable()
    for n, name in enumerate(PAGES):
        panel.show_page(name)
        assert (panel.page, heard.pop()) == (name, ("page_changed", name))
        assert panel.pages.currentIndex() == n
        assert panel.words.isVisibleTo(panel) is (n == 0)


def test_pages_follow_when_the_hand_rests(panel: BottomPanel, qtbot: QtBot) -> None:
    bench = bench_of()
    frame = frame_of(bench)
    reports = (Report(STATS, None),) * 3
    panel.show_bench(bench, [0, 0, 0])
    panel.show_frame(frame, reports)
    assert not panel.pending
    panel.show_page("numbers")
    assert panel.numbers.lines[0][0].text() == "mean 0.123   std 2"
    panel.show_frame(frame, (Report(STATS._replace(std=3.0), None),) * 3)
    assert panel.pending
    assert panel.numbers.lines[0][0].text() == "mean 0.123   std 2"
    qtbot.waitUntil(lambda: not panel.pending)
    assert panel.numbers.lines[0][0].text() == "mean 0.123   std 3"
    panel.show_page("kernels")
    assert panel.kernels.lines[1][0].text() == facts_lines(bench.facts(1))[0][0]
    bench.set_kernel(1, np.ones((3, 5)))
    panel.show_bench(bench, [0, 0, 0])
    assert panel.pending
    qtbot.waitUntil(lambda: not panel.pending)
    assert panel.kernels.lines[1][0].text() == "sum 15   norm 3.87   rank 1"
    panel.show_page("cursor")
    panel.show_bench(bench, [0, 0, 0])
    assert not panel.pending


def test_a_narrow_panel_has_a_smaller_result(
    panel: BottomPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms: list[int] = []
    monkeypatch.setattr(panel.switch, "set_room", rooms.append)
    panel.show()
    for width, points, longest in ((1300, 22, 64), (1179, 15, 36), (1180, 22, 64)):
        width = round(width * theme.scale())
        panel.resize(width, 170)
        QApplication.processEvents()
        assert rooms[-1] == (width - 10 * theme.STEP) // 4
        assert panel.speed.maximumWidth() == longest
        font = panel.result.font()
        assert font.pointSizeF() == pytest.approx(theme.font(points).pointSizeF())
        assert font.bold()


# Histograms and kernels in words


@pytest.mark.parametrize(
    ("now", "before", "lines"),
    [
        (STATS, None,
         [(("mean 0.123   std 2", "mean 0.12  std 2"), "text"),
          ((f"min {MINUS}1.23   max 12.3", f"min {MINUS}1.2  max 12"), "muted"),
          (("",), "muted")]),
        (STATS, STATS._replace(mean=0.5),
         [(("mean 0.123   std 2", "mean 0.12  std 2"), "text"),
          ((f"min {MINUS}1.23   max 12.3", f"min {MINUS}1.2  max 12"), "muted"),
          (("mean before 0.5, now 0.123", "mean 0.5 → 0.123", "0.5 → 0.123"), "muted")]),
        (STATS._replace(not_finite=4), STATS._replace(mean=0.5),
         [(("mean 0.123   std 2", "mean 0.12  std 2"), "text"),
          ((f"min {MINUS}1.23   max 12.3", f"min {MINUS}1.2  max 12"), "muted"),
          (("4 pixels are not finite (NaN or ∞)", "not finite"), "error")]),
        (Stats(-4e-6, 0.0, 1234.5, 0.03456), STATS._replace(mean=4e-5),
         [(("mean 0   std 0.0346", "mean 0  std 0.035"), "text"),
          (("min 0   max 1230", "min 0  max 1200"), "muted"), (("",), "muted")]),
        (Stats(0.5, 0.0, 1.0, 0.25), Stats(0.50006, 0.0, 1.0, 0.25),
         [(("mean 0.5   std 0.25", "mean 0.5  std 0.25"), "text"),
          (("min 0   max 1", "min 0  max 1"), "muted"),
          (("mean before 0.5, now 0.5", "mean 0.5 → 0.5", "0.5 → 0.5"), "muted")]),
    ],
)  # fmt: skip
def test_an_outputs_numbers_in_lines(
    qtbot: QtBot, now: Stats, before: Stats | None, lines: list[Any]
) -> None:
    report = Report(now, before)
    assert list(histogram_lines(report)) == lines
    page = HistogramPage()
    qtbot.addWidget(page)
    other = Report(Stats(9.0, 8.0, 10.0, 0.5), None)
    page.show_frame(frame_of(bench_of()), (other, report, other))
    assert [line.text() for line in page.lines[1]] == [texts[0] for texts, _ in lines]
    assert [line.toolTip() for line in page.lines[1]] == [texts[0] for texts, _ in lines]
    assert page.lines[0][0].text() == "mean 9   std 0.5"
    assert len(page.charts) == len(page.lines) == 3
    for line, (texts, _) in zip(page.lines[1], lines):
        assert forms(line) == list(texts)


@pytest.mark.parametrize(
    ("kernel", "numbers", "words"),
    [
        ([[1, 2, 1], [2, 4, 2], [1, 2, 1]], ("sum 16   norm 6   rank 1", "sum 16  norm 6  rank 1",
         "Σ 16"), "symmetric: left–right, up–down"),
        ([[-1, 0, 1]] * 3, ("sum 0   norm 2.45   rank 1", "sum 0  norm 2.4  rank 1", "Σ 0"),
         "symmetric: anti-left–right, up–down, anti-half turn"),
        ([[1.2345, 0, 0], [0, 0.004, 0], [0, 0, 9.876]],
         ("sum 11.1   norm 9.95   rank 3", "sum 11  norm 10  rank 3", "Σ 11.1"),
         "symmetric: diagonal"),
        ([[1, 2, 3], [4, 0, 6], [7, 9, 9]],
         ("sum 41   norm 16.6   rank 3", "sum 41  norm 17  rank 3", "Σ 41"), "no symmetry"),
    ],
)  # fmt: skip
def test_a_kernels_numbers_in_lines(kernel: Any, numbers: tuple[str, ...], words: str) -> None:
    found = facts_lines(facts(np.array(kernel, np.float32)))
    assert found[0] == numbers
    assert words in found[1][0]
    assert found[1][0].startswith(f"{found[1][1]}; ")
    assert len(found[1]) == 2


def test_a_sum_of_next_to_nothing_is_nothing() -> None:
    found = facts(np.array([[-1.0, 0.5, 0.5]], np.float32))
    for total, text in ((4e-8, "0"), (-4e-8, "0"), (6e-7, "6e−07"), (-0.25, f"{MINUS}0.25")):
        lines = facts_lines(found._replace(total=total))[0]
        assert lines[0].startswith(f"sum {text}   norm")
        assert lines[2] == f"Σ {text}"


def test_the_page_of_kernels(qtbot: QtBot) -> None:
    page = KernelPage()
    qtbot.addWidget(page)
    bench = bench_of(picture=COLOURS)
    bench.set_mode("three")
    grids = np.zeros((3, 3, 5), np.float32)
    grids[1, 1, 2], grids[2] = 2.0, np.arange(15).reshape(3, 5)
    bench.set_kernel(1, grids)
    said = []
    for channel in range(3):
        page.show_bench(bench, [0, channel, 0])
        said.append((page.separable[1].toolTip(), page.lines[1][0].text()))
        assert page.lines[1][0].toolTip() == page.lines[1][0].text()
    assert said == [
        ("All cells are zero.", "sum 0   norm 0   rank 0"),
        ("Separable: a column times a row.", "sum 2   norm 2   rank 1"),
        ("Not separable: it takes 2 products of a column and a row.",
         "sum 105   norm 31.9   rank 2"),
    ]  # fmt: skip
    assert page.separable[1].vectors is None
    assert page.frequencies[1].greatest == pytest.approx(105, rel=1e-5)
    numbers, words = facts_lines(bench.facts(1, 2))
    assert forms(page.lines[1][0]) == list(numbers)
    assert forms(page.lines[1][1]) == list(words)
    assert len(page.lines) == len(page.frequencies) == len(page.separable) == 3


def test_small_print_is_small(qtbot: QtBot, stage: Stage, panel: BottomPanel) -> None:
    """Twelve thirteenths of the window's text, the result larger and bold."""
    small = theme.font(12)
    lines = [*panel.numbers.lines, *panel.kernels.lines]
    assert {line.font().pointSizeF() for part in lines for line in part} == {small.pointSizeF()}
    parts = [*stage.notes, *stage.bars, stage.steps_button, stage.frame_box]
    assert {part.font().pointSizeF() for part in parts} == {small.pointSizeF()}
    assert not any(part.font().bold() for part in parts)
    for heading in (panel.where, *stage.titles):
        assert heading.font().bold()
        assert heading.font().pointSizeF() == QApplication.font().pointSizeF()


def test_a_fresh_panel_says_nothing(panel: BottomPanel) -> None:
    assert (panel.slot, panel.channel, panel.page, panel.pending) == (0, 0, "cursor", False)
    assert panel.channels == [0, 0, 0]
    for page in PAGES:
        panel.show_page(page)
    assert panel.kernels.lines[0][0].text() == ""
    assert panel.numbers.lines[0][0].text() == ""
    assert panel.pin_button.isCheckable()
    assert panel.play_button.isCheckable()
