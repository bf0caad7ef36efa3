"""The tour's scenes of the Filters tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt5.QtCore import QEvent, QPointF, Qt
from PyQt5.QtGui import QMouseEvent
from PyQt5.QtWidgets import QApplication

from filterlab.gui.filters.sources import Source
from filterlab.gui.stage import tour as room

if TYPE_CHECKING:
    from filterlab.gui.main_window import MainWindow
    from filterlab.gui.tour import Scenes, Wait

__all__ = ["scenes"]


def _mouse(widget: Any, kind: Any, at: QPointF, button: Any, buttons: Any) -> None:
    QApplication.sendEvent(widget, QMouseEvent(kind, at, button, buttons, Qt.NoModifier))


def _paint(grid: Any, cells: list[tuple[int, int]]) -> None:
    """A left drag over cells, as a hand does it."""
    places = [QPointF(grid.cell_rect(*cell).center()) for cell in cells]
    _mouse(grid, QEvent.MouseButtonPress, places[0], Qt.LeftButton, Qt.LeftButton)
    for place in places[1:]:
        _mouse(grid, QEvent.MouseMove, place, Qt.NoButton, Qt.LeftButton)
    _mouse(grid, QEvent.MouseButtonRelease, places[-1], Qt.LeftButton, Qt.NoButton)


def _point(view: Any, x: float, y: float) -> None:
    _mouse(view.viewport(), QEvent.MouseMove, view.to_widget(x, y), Qt.NoButton, Qt.NoButton)


def scenes(window: MainWindow, wait: Wait) -> Scenes:
    """Drive the tab and yield a name for each picture to be taken."""
    tab: Any = window.tab("filters")
    wait(lambda: tab.settled and tab.stage.frame is not None, "the first outputs")
    yield "start"

    # For a room.
    tab.desk.active = 1
    yield from room.of_filters(window, wait)
    tab.desk.active = 0

    # Draw a kernel, point at a pixel.
    editor = tab.editors[0]
    editor.clear()
    tab.panel_.brush.setValue(1.0)
    _paint(editor.grid, [(0, 4), (4, 0)])
    tab.panel_.brush.setValue(-1.0)
    _paint(editor.grid, [(0, 2), (2, 0)])
    wait(lambda: tab.settled, "the drawn kernel's output")
    extent = tab.stage.views[1].extent
    spot = extent.left() + 0.28 * extent.width(), extent.top() + 0.44 * extent.height()
    _point(tab.stage.views[1], *spot)
    yield "painted_and_pointed_at"

    # A block of it, changed alone.
    editor.grid.select(slice(0, 3), slice(0, 3))
    editor.transform("negate")
    wait(lambda: tab.settled, "the negated block's output")
    yield "block_negated"
    tab.undo()
    editor.grid.select(slice(2, 3), slice(0, 1))

    # Presets, each with its picture; a live parameter.
    tab.editors[1].presets.choose("gabor")
    tab.editors[1].presets.knobs["angle"].field.setValue(45)
    tab.editors[2].presets.choose("log")
    wait(lambda: tab.settled, "the presets' outputs")
    tab.bottom.show_page("kernels")
    yield "presets_and_their_nature"
    popup_over(window, tab.editors[1].presets)
    yield "preset_popup"
    tab.editors[1].presets.popup.close()

    # Numbers, and a scale as photo editors have it.
    tab.bottom.show_page("numbers")
    tab.editors[0].presets.choose("gaussian")
    wait(lambda: tab.settled, "the blurred output")
    tab.editors[0].bias.setValue(1.0)
    wait(lambda: tab.settled, "the brightened output")
    yield "histograms_after_surgery"
    tab.actions_.look_action("views", "natural").trigger()
    wait(lambda: tab.settled, "the clipped outputs")
    yield "clipped_as_photo_editors_do"
    tab.actions_.look_action("views", "signed").trigger()
    tab.actions_.look_action("colours", "viridis").trigger()
    wait(lambda: tab.settled, "each its own scale")
    yield "own_scales_viridis"
    tab.actions_.look_action("views", "").trigger()
    tab.actions_.look_action("colours", "diverging").trigger()
    tab.bottom.show_page("cursor")

    # Colour: one grid a channel.
    tab.bench.reset()
    tab.set_mode("three")
    wait(lambda: tab.settled, "three-channel outputs")
    tab.set_channel(1)
    yield "three_channels"
    tab.set_mode("each")
    wait(lambda: tab.settled, "colour outputs")
    yield "on_each_channel"

    # The window walks; another size, padded, on a drawn picture.
    tab.set_mode("grey")
    tab.open_source(Source("pattern", "zone plate"))
    tab.set_size(9, 9)
    tab.set_pad("same")
    tab.editors[0].presets.choose("gabor")
    wait(lambda: tab.settled, "the zone plate's outputs")
    rows, cols = tab.stage.frame.outputs.data.shape[1:]
    tab.bottom.set_slot(0)
    tab.pointer.walk.begin(rows * cols, rows * cols * 3 // 5 + cols // 3)
    yield "window_walking"
    tab.pointer.walk.stop()

    # Zoomed in until the values show.
    tab.open_source(Source("sample", "chelsea"))
    wait(lambda: tab.settled, "the cat")
    view = tab.stage.views[0]
    middle = view.extent.center()
    view.zoom(view.extent.width() / 7)
    wait(lambda: tab.settled, "the enlarged view")
    tab.pointer.pin((int(middle.y()), int(middle.x())))
    yield "pixel_values"
    tab.pointer.cancel()
    tab.stage.fit()
    tab.set_size(5, 5)
    tab.set_pad("valid")

    # Numbers that are none; a stroke on the input itself.
    tab.bench.set_kernel(1, np.full((5, 5), 3e38, np.float32))
    wait(lambda: tab.settled, "the output that is not finite")
    yield "not_finite_in_words"
    tab.bench.reset()
    tab.panel_.draw_button.setChecked(True)
    view = tab.stage.views[0]
    ends = [view.to_widget(120, 40), view.to_widget(330, 250)]
    port = view.viewport()
    _mouse(port, QEvent.MouseButtonPress, ends[0], Qt.LeftButton, Qt.LeftButton)
    _mouse(port, QEvent.MouseMove, ends[1], Qt.NoButton, Qt.LeftButton)
    _mouse(port, QEvent.MouseButtonRelease, ends[1], Qt.LeftButton, Qt.NoButton)
    wait(lambda: tab.settled, "the drawn stroke's outputs")
    yield "drawn_on_the_input"
    tab.panel_.draw_button.setChecked(False)
    tab.undo()

    # A trained net's first filters, to take one.
    tab.files.show_wanted("pocket")
    dialog = tab.files.dialog
    dialog.move(window.geometry().center() - dialog.rect().center())
    yield "pocket_nets_filters"
    dialog.reject()

    # Learn the blur that made a picture.
    tab.bench.reset()
    wait(lambda: tab.settled, "the outputs to learn from")
    tab.files.show_learn()
    dialog = tab.files.dialog
    middle_of = window.geometry().center() - dialog.rect().center()
    dialog.move(middle_of)
    dialog.output_box.setCurrentIndex(1)
    dialog.output_box.activated.emit(1)
    dialog.learn()
    wait(lambda: dialog.learned is not None, "the learned kernel")
    yield "learn_a_kernel"
    dialog.reject()
    assert np.isfinite(dialog.learned.rms)


def popup_over(window: MainWindow, bar: Any) -> None:
    """Open a preset popup within the window, so that all of it is on the picture.

    The screen of a run without a display may be smaller than the window, the more so at a scale.
    """
    bar.open_popup()
    bar.popup.place(bar.button, window.geometry())
