"""Random hands on the real window; after each burst everything shown must still be true.

    python -m tools.attack.monkey [--events 5000] [--seed 0] [--seeds 1] [--burst 250]

Mouse, wheel, keys, buttons, menus, dropped files, the clipboard, undo, other themes, languages and
sizes, in a window that needs no display; dialogs answer with random files, good and bad. After each
burst, when all work is done:

- each grid shows the kernel, the kernels are ``net.params['conv']``, and the three outputs are what
  SciPy makes of them (``scipy.signal.correlate`` in double precision over ``numpy.pad``);
- as often as there are steps, Undo goes back, each time to a state that was seen at that depth, and
  Redo comes to the same state and outputs again;
- the heatmap on the screen is the drawing of the bench's own scene;
- the Net tab's net is the one that was read with its edits, and its code makes the same of it;
- nothing was logged as a warning, no Qt or NumPy warning, no exception that nobody caught.

At the end the window closes, no thread is left, and the memory's slope over the second half of the
bursts (histories cleared) is told. Events are a function of the seed and of what the window shows.
Exit status 1 if anything was found; each seed runs in a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from scipy import signal

from filterlab.surgery.units import write_unit

__all__ = ["Monkey", "expected_outputs", "main", "run"]

_TOP = Path(__file__).resolve().parents[2]
_SETTLE_S = 90.0
_MOST_FOUND = 20
#: What the offscreen platform says whenever a window is raised or sized.
_QT_SAYS = ("XDG_RUNTIME_DIR not set", "This plugin does not support")
_EDGES = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "wrap": "wrap"}
_KEYS = "0 1 5 . - / , Return Escape Delete Backspace Tab Up Down Left Right Home End PageUp PageDown Space Plus Minus A F M R S".split()  # noqa: E501
_TEXTS = ("0 1 0\n1 -4 1\n0 1 0", "1/9, 1/9\n1", "nan", "[[1, 2, 1]] / 4", "<b>x</b>", "猫\n", "")


def expected_outputs(
    picture: np.ndarray, filters: Sequence[np.ndarray], bias: Sequence[float],
    divisors: Sequence[float], settings: Any,
) -> list[tuple[np.ndarray, float]]:  # fmt: skip
    """What the three filters make of a picture, by SciPy, each with the size of its numbers.

    Parameters
    ----------
    picture : float32 (H, W) or (H, W, 3)
    filters : three arrays (C, rows, columns), the cells as they are shown
    settings : with mode, pad, edge, stride, dilation, scale
    """
    luma = np.array([0.2125, 0.7154, 0.0721])
    colour = picture.ndim == 3
    planes = np.moveaxis(picture, 2, 0) if colour else picture[None]
    planes = planes.astype(np.float64)
    if settings.mode == "grey" and colour:
        planes = np.tensordot(luma, planes, 1)[None]
    if settings.mode == "three" and not colour:
        planes = np.repeat(planes, 3, 0)
    sides = [max(f.shape[axis] for f in filters) for axis in (1, 2)]
    spread = [settings.dilation * (side - 1) + 1 for side in sides]
    results = []
    for cells, add, divisor in zip(filters, bias, divisors):
        blob = np.zeros((len(cells), *sides))
        top, left = ((side - have) // 2 for side, have in zip(sides, cells.shape[1:]))
        blob[:, top : top + cells.shape[1], left : left + cells.shape[2]] = cells
        wide = np.zeros((len(cells), *spread))
        wide[:, :: settings.dilation, :: settings.dilation] = blob / divisor
        around = [(0, 0)] + [(n // 2, n // 2) if settings.pad == "same" else (0, 0) for n in spread]
        seen = np.pad(planes * settings.scale, around, _EDGES[settings.edge])  # type: ignore[call-overload]
        step = settings.stride
        parts = []
        for plane in seen if settings.mode == "each" else [seen]:
            both = plane[None] if settings.mode == "each" else plane
            made = sum(signal.correlate(p, k, "valid", "direct") for p, k in zip(both, wide))
            parts.append((made + add)[::step, ::step])
        size = float(np.abs(wide).sum() * np.abs(seen).max() + abs(add))
        results.append((np.stack(parts, -1) if len(parts) > 1 else parts[0], size))
    return results


class _Ears(logging.Handler):
    """Everything that is said to nobody: logs, Qt, warnings, exceptions."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def listen(self) -> None:
        from PyQt5.QtCore import QtDebugMsg, QtInfoMsg, qInstallMessageHandler

        def on_qt(kind: Any, context: Any, text: str) -> None:
            if kind not in (QtDebugMsg, QtInfoMsg) and not text.startswith(_QT_SAYS):
                self._tell(f"Qt: {text}")

        def on_exception(kind: Any, error: Any, trace: Any) -> None:
            where = traceback.extract_tb(trace)[-1] if trace is not None else None
            at = f" ({Path(where.filename).name}:{where.lineno})" if where else ""
            self._tell(f"nobody caught {kind.__name__}: {error}{at}")

        qInstallMessageHandler(on_qt)
        logging.getLogger().addHandler(self)
        sys.excepthook = on_exception
        threading.excepthook = lambda what: on_exception(
            what.exc_type, what.exc_value, what.exc_traceback
        )
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda text, kind, file, line, *_: (
            self._tell(f"{kind.__name__}: {text} ({Path(file).name}:{line})")
            if issubclass(kind, RuntimeWarning)
            else None
        )

    def emit(self, record: logging.LogRecord) -> None:
        why = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self._tell(f"log: {record.name}: {record.getMessage()}{why}")


class _Shadow:
    """What the monkey itself has seen at each depth of a bench's history."""

    def __init__(self, same: Callable[[Any, Any], bool]) -> None:
        self._same = same
        self._at: dict[int, Any] = {}
        self._length = -1

    def see(self, length: int, state: Any, undone: bool = False) -> str:
        """Look after an event; what is wrong, if anything."""
        wrong = ""
        if undone and length == self._length - 1 and length in self._at:
            if not self._same(self._at[length], state):
                what = sorted(map(str, state.difference(self._at[length])))
                wrong = f"Undo to depth {length} came to a state with another {what}"
        elif abs(length - self._length) > 1 or length < self._length:
            # Several edits in one event, or a history that was cut: what is between is unknown.
            self._at = {n: s for n, s in self._at.items() if n < min(length, self._length)}
        self._at[length], self._length = state, length
        return wrong


class Monkey:
    """One window and its random hands.

    Attributes
    ----------
    found : list of str
        What is wrong, each with the number of the event before it.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        from PyQt5.QtCore import QTimer

        from filterlab.gui.app import Desk, make_application
        from filterlab.gui.settings import Settings

        self.rng = random.Random(seed)
        self.found: list[str] = []
        self.events = 0
        self.counts: dict[str, int] = {}
        self._last: list[str] = []
        self._folder = folder
        self.app = make_application()
        self._ears = _Ears(self._tell)
        self._ears.listen()
        self._files = _make_files(folder / "files", seed)
        self._fake_dialogs()
        self.desk = Desk(self.app, Settings(folder / "data"))
        self.desk.open(self._files["good"][0])
        self._shadows = self._fresh_shadows()
        self._pressed: Any = None
        self._closer = QTimer()
        self._closer.setInterval(15)
        self._closer.timeout.connect(self._in_dialog)
        self._closer.start()
        self._in_dialog_for = 0

    def _fresh_shadows(self) -> dict[str, _Shadow]:
        return {
            "filters": _Shadow(lambda a, b: a is b or bool(a.same(b))),
            "heatmap": _Shadow(lambda a, b: a is b or not a.difference(b)),
        }

    def _tell(self, what: str) -> None:
        if len(self.found) < _MOST_FOUND:
            self.found.append(f"event {self.events}: {what} [after {' < '.join(self._last[-4:])}]")

    # Dialogs

    def _fake_dialogs(self) -> None:
        from PyQt5.QtGui import QDesktopServices
        from PyQt5.QtWidgets import QFileDialog, QInputDialog

        rng = self.rng

        def existing(*_: Any, **__: Any) -> tuple[str, str]:
            kind = rng.choice(("good", "good", "bad", "none"))
            return (rng.choice(self._files[kind]) if kind != "none" else ""), ""

        def new(*_: Any, **__: Any) -> tuple[str, str]:
            names = ("out.png", "out", "out.npy", "net.prototxt", "k.json", "no/such.png", "猫.txt")
            name = rng.choice((*names, ""))
            return (str(self._folder / "out" / name) if name else ""), ""

        def place(*_: Any, **__: Any) -> str:
            return rng.choice((str(self._folder / "few"), str(self._folder / "out"), ""))

        QDesktopServices.openUrl = staticmethod(lambda _: True)
        QFileDialog.getOpenFileName = staticmethod(existing)
        QFileDialog.getSaveFileName = staticmethod(new)
        QFileDialog.getExistingDirectory = staticmethod(place)
        QInputDialog.getText = staticmethod(lambda *_, **__: (rng.choice(_TEXTS), True))

    def _in_dialog(self) -> None:
        """Some events for what stands before the window, and then its end."""
        from PyQt5.QtCore import Qt
        from PyQt5.QtTest import QTest
        from PyQt5.QtWidgets import QDialog

        popup, modal = self.app.activePopupWidget(), self.app.activeModalWidget()
        if popup is None and modal is None:
            self._in_dialog_for = 0
            return
        self._in_dialog_for += 1
        if popup is not None:
            keys = (Qt.Key_Down, Qt.Key_Return, Qt.Key_Escape)
            key = self.rng.choice(keys) if self._in_dialog_for < 6 else keys[2]
            self._soon(lambda: QTest.keyClick(popup, key))
            if self._in_dialog_for > 8:
                popup.close()
        elif self._in_dialog_for > 6 and isinstance(modal, QDialog):
            modal.reject()
        elif modal is not None:
            self._soon(lambda: self._press_button(modal))

    def _soon(self, do: Callable[[], None]) -> None:
        """Not from the timer that closes dialogs: one that opens then would keep it from firing."""
        from PyQt5.QtCore import QTimer

        def act() -> None:
            with contextlib.suppress(RuntimeError):  # it went in the meantime
                do()

        QTimer.singleShot(0, act)

    # Events

    @property
    def window(self) -> Any:
        return self.desk.window

    def _settled(self) -> bool:
        return all(tab.settled for tab in self.window.tabs)

    def settle(self) -> None:
        """Let go of the mouse, close what stands before the window, and wait for all work."""
        self._release()
        deadline = time.monotonic() + _SETTLE_S
        while True:
            self.app.processEvents()
            waiting = self.app.activePopupWidget() or self.app.activeModalWidget()
            if not waiting and self._settled():
                # What a result asks for in turn is queued.
                self.app.processEvents()
                if self._settled():
                    return
            if time.monotonic() > deadline:
                self._tell("work that does not end")
                return
            time.sleep(0.002)

    def step(self) -> None:
        """One random event."""
        name, do = self.rng.choices(_EVENTS, _WEIGHTS)[0]
        before = {n: len(tab.bench.journal) for n, tab in self._tabs().items()}
        self.events += 1
        self._last = [*self._last[-5:], name]
        self.counts[name] = self.counts.get(name, 0) + 1
        try:
            do(self)
            self.app.processEvents()
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._tell(f"{type(error).__name__}: {error} ({Path(where.filename).name}:"
                       f"{where.lineno})")  # fmt: skip
        for n, tab in self._tabs().items():
            length = len(tab.bench.journal)
            undone = name == "undo" and length == before[n] - 1
            if tab.bench.journal.grouping:
                continue
            wrong = self._shadows[n].see(length, tab.bench.state, undone)
            if wrong:
                self._tell(f"{n}: {wrong}")

    def _tabs(self) -> dict[str, Any]:
        return {tab.name: tab for tab in self.window.tabs if hasattr(tab, "bench")
                and tab.name in self._shadows}  # fmt: skip

    def _widgets(self, kind: Any, top: Any = None) -> list[Any]:
        found = (top or self.window).findChildren(kind)
        return [w for w in found if w.isVisible() and w.isEnabled()]

    def _point(self, widget: Any) -> Any:
        from PyQt5.QtCore import QPoint

        size = widget.size()
        return QPoint(
            self.rng.randrange(max(1, size.width())), self.rng.randrange(max(1, size.height()))
        )

    def _modifiers(self) -> Any:
        from PyQt5.QtCore import Qt

        return self.rng.choice(
            (Qt.NoModifier, Qt.NoModifier, Qt.ShiftModifier, Qt.ControlModifier, Qt.AltModifier)
        )

    def _target(self) -> Any:
        from filterlab.gui.widgets.kernel_grid import KernelGrid
        from filterlab.gui.widgets.picture_view import PictureView

        grids = self._widgets(KernelGrid)
        views = [view.viewport() for view in self._widgets(PictureView)]
        return self.rng.choice(grids * 2 + views) if grids or views else self.window

    def _release(self) -> None:
        from PyQt5.QtTest import QTest

        if self._pressed is not None:
            widget, button = self._pressed
            self._pressed = None
            with contextlib.suppress(RuntimeError):  # it went with a window
                QTest.mouseRelease(widget, button, pos=self._point(widget))

    def press(self) -> None:
        from PyQt5.QtCore import Qt
        from PyQt5.QtTest import QTest

        self._release()
        widget = self._target()
        button = self.rng.choice((Qt.LeftButton, Qt.LeftButton, Qt.LeftButton, Qt.RightButton))
        self._pressed = widget, button
        QTest.mousePress(widget, button, self._modifiers(), self._point(widget))

    def move(self) -> None:
        from PyQt5.QtCore import QEvent, QPointF, Qt
        from PyQt5.QtGui import QMouseEvent

        widget, button = self._pressed or (self._target(), Qt.NoButton)
        with contextlib.suppress(RuntimeError):  # it went since it was pressed
            at = QPointF(self._point(widget))
            move = QMouseEvent(
                QEvent.MouseMove, at, Qt.NoButton, Qt.MouseButtons(button), Qt.NoModifier
            )
            self.app.sendEvent(widget, move)

    def release(self) -> None:
        self._release()

    def wheel(self) -> None:
        from PyQt5.QtCore import QPoint, QPointF, Qt
        from PyQt5.QtGui import QWheelEvent

        widget = self._target()
        at = self._point(widget)
        turn = self.rng.choice((-240, -120, 120, 120, 360, 15))
        event = QWheelEvent(
            QPointF(at), QPointF(widget.mapToGlobal(at)), QPoint(), QPoint(0, turn), Qt.NoButton,
            Qt.KeyboardModifiers(self._modifiers()), Qt.NoScrollPhase, False,
        )  # fmt: skip
        self.app.sendEvent(widget, event)

    def key(self) -> None:
        from PyQt5.QtCore import Qt
        from PyQt5.QtTest import QTest

        widget = self.app.focusWidget() or self._target()
        name = self.rng.choice(_KEYS)
        plain = {".": "Period", "-": "Minus", "/": "Slash", ",": "Comma"}.get(name, name)
        QTest.keyClick(widget, getattr(Qt, f"Key_{plain}"), self._modifiers())

    def button(self) -> None:
        self._press_button(self.window)

    def _press_button(self, top: Any) -> None:
        from PyQt5.QtWidgets import QAbstractButton

        buttons = self._widgets(QAbstractButton, top)
        if buttons:
            button = self.rng.choice(buttons)
            self._last.append(f"button {button.text() or button.toolTip()}"[:40])
            button.click()

    def field(self) -> None:
        from PyQt5.QtCore import Qt
        from PyQt5.QtTest import QTest
        from PyQt5.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit

        kinds = (QComboBox, QAbstractSpinBox, QAbstractSlider, QLineEdit)
        fields = [w for kind in kinds for w in self._widgets(kind)]
        if not fields:
            return
        field = self.rng.choice(fields)
        field.setFocus()
        if isinstance(field, QLineEdit | QAbstractSpinBox) and self.rng.random() < 0.6:
            QTest.keyClick(field, Qt.Key_A, Qt.ControlModifier)
            QTest.keyClicks(field, self.rng.choice(("0.5", "-3", "1/9", "x", "1e39", "cat", "7")))
            QTest.keyClick(field, Qt.Key_Return)
        else:
            for _ in range(self.rng.randint(1, 3)):
                QTest.keyClick(field, self.rng.choice((Qt.Key_Up, Qt.Key_Down, Qt.Key_Right)))

    def menu(self) -> None:
        from PyQt5.QtWidgets import QMenu

        actions: list[Any] = []
        # Each once: a menu that is filled when it opens drops what it held before.
        rest = dict.fromkeys([*self.window.menus.values(), *self.window.findChildren(QMenu)])
        for menu in rest:
            menu.aboutToShow.emit()
            actions += menu.actions()
        never = {self.window.quit_action}
        good = [a for a in actions if a.isEnabled() and a.menu() is None and a not in never
                and not a.isSeparator()]  # fmt: skip
        action = self.rng.choice(good)
        self._last.append(f"menu {action.text()}"[:40])
        action.trigger()

    def undo(self) -> None:
        self._release()
        self.window.undo_action.trigger()

    def redo(self) -> None:
        self._release()
        self.window.redo_action.trigger()

    def open(self) -> None:
        kind = self.rng.choice(("good", "good", "bad", "kernels", "nets"))
        path = self.rng.choice(self._files[kind])
        self._last.append(f"open {Path(path).name}")
        self.window.open_paths([path])

    def clipboard(self) -> None:
        from PyQt5.QtGui import QImage

        if self.rng.random() < 0.3:
            image = QImage(self.rng.randint(1, 60), self.rng.randint(1, 60), QImage.Format_RGB888)
            image.fill(self.rng.randrange(1 << 24))
            self.app.clipboard().setImage(image)
        else:
            self.app.clipboard().setText(self.rng.choice(_TEXTS))

    def rebuild(self) -> None:
        if self.rng.random() < 0.5:
            self.window.set_language(self.rng.choice(("en", "zh")))
        else:
            self.window.set_theme(self.rng.choice(("light", "dark")))
        self._pressed = None
        for _ in range(3):
            self.app.processEvents()

    def tab(self) -> None:
        self.window.show_tab(self.rng.choice([tab.name for tab in self.window.tabs]))

    def resize(self) -> None:
        self.window.resize(self.rng.randint(480, 1600), self.rng.randint(320, 1000))

    # What must be true

    def check(self) -> None:
        """Look at everything once the window is at rest."""
        self.settle()
        self._check_filters()
        self._check_heatmap()
        self._check_net()
        self._check_undo()
        self._shadows = self._fresh_shadows()
        for tab in self._tabs().values():
            tab.bench.journal.clear()
        self.window._update_undo()

    def _check_filters(self) -> None:
        tab = self.window.tab("filters")
        bench = tab.bench
        shown = []
        for editor in tab.editors:
            channel = editor.channel
            own = bench.filter(editor.slot)
            cells = np.asarray(editor.grid.values(), np.float32)
            if not np.array_equal(cells, own[channel], equal_nan=True):
                self._tell(f"the grid of filter {editor.slot + 1} is not the kernel")
            shown.append(np.concatenate([own[:channel], cells[None], own[channel + 1 :]]))
        state = bench.state
        with np.errstate(all="ignore"):
            expected = expected_outputs(
                state.picture.pixels, shown, state.bias, state.divisors, state.settings
            )
        net = bench.net.params["conv"]
        blob = np.asarray(net[0].data)
        for slot, cells in enumerate(shown):
            top, left = ((a - b) // 2 for a, b in zip(blob.shape[2:], cells.shape[1:]))
            inner = np.zeros(blob.shape[1:])
            inner[:, top : top + cells.shape[1], left : left + cells.shape[2]] = cells
            with np.errstate(all="ignore"):
                inner = inner / float(state.divisors[slot])
            if not np.allclose(blob[slot], inner, rtol=1e-6, atol=0, equal_nan=True):
                self._tell(f"net.params['conv'] is not filter {slot + 1} of the grids")
        if not np.array_equal(np.asarray(net[1].data), state.bias):
            self._tell("the net's bias is not the one shown")
        frame = tab.stage.frame
        if frame is None or frame.outputs.revision != bench.revision:
            self._tell("the outputs are not those of the present state")
            return
        for slot, (values, size) in enumerate(expected):
            found = np.asarray(frame.outputs.data[slot], np.float64)
            if not np.isfinite(size) or size > 1e37:
                continue
            if found.shape != values.shape or not np.allclose(
                found, values, rtol=1e-5, atol=1e-6 * size + 1e-30
            ):
                self._tell(f"output {slot + 1} is not what SciPy computes ({state.settings})")

    def _check_heatmap(self) -> None:
        from filterlab.workbench.heatmap_draw import draw

        tab = self.window.tab("heatmap")
        bench = tab.bench
        if bench.stale or tab.drawing is None or bench.transplanted is None:
            return
        scene = bench.scene()
        if scene is not None and not np.array_equal(draw(scene).image, tab.drawing.image):
            self._tell(f"the heatmap on the screen is not the state's ({bench.look})")

    def _check_net(self) -> None:
        bench = self.window.tab("net").study.bench
        if bench is None:
            return

        def values(net: Any) -> list[bytes]:
            return [blob.data.tobytes() for row in net.params.values() for blob in row]

        replayed, state = bench.original.snapshot(), bench.original.snapshot()
        with np.errstate(all="ignore"):
            exec(bench.code(), {"net": replayed, "original": bench.original})
        for (layer, unit), arrays in bench.state.units.items():
            write_unit(state, layer, unit, arrays)
        if values(state) != values(bench.net):
            self._tell("the edited net is not its state")
        if values(replayed) != values(bench.net):
            self._tell("the code of the net's edits does something else")

    def _check_undo(self) -> None:
        for name, tab in self._tabs().items():
            self.window.show_tab(name)
            self.settle()
            journal, action = tab.bench.journal, self.window.undo_action
            steps, state = len(journal), tab.bench.state
            presses = 0
            while action.isEnabled() and presses <= steps:
                action.trigger()
                presses += 1
            if presses != steps or len(journal):
                self._tell(f"{name}: {steps} steps, but Undo went {presses} times")
            self.settle()
            while self.window.redo_action.isEnabled() and presses > 0:
                self.window.redo_action.trigger()
                presses -= 1
            while self.window.redo_action.isEnabled():
                self.window.undo_action.trigger()
                break
            same = self._shadows[name]._same
            if len(journal) == steps and not same(tab.bench.state, state):
                what = sorted(map(str, tab.bench.state.difference(state)))
                self._tell(f"{name}: undoing and redoing {steps} steps changed {what}")
            self.settle()
        self._check_filters()

    def close(self) -> None:
        """Close the window as its user would, and look for threads."""
        self.settle()
        self._closer.stop()
        self.window.close()
        self.desk.close()
        self.app.processEvents()
        deadline = time.monotonic() + 5
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
        if left:
            self._tell(f"threads left: {', '.join(left)}")


_EVENTS: list[tuple[str, Callable[[Monkey], None]]] = [
    ("press", Monkey.press), ("move", Monkey.move), ("release", Monkey.release),
    ("wheel", Monkey.wheel), ("key", Monkey.key), ("button", Monkey.button),
    ("field", Monkey.field), ("menu", Monkey.menu), ("undo", Monkey.undo), ("redo", Monkey.redo),
    ("open", Monkey.open), ("clipboard", Monkey.clipboard), ("rebuild", Monkey.rebuild),
    ("tab", Monkey.tab), ("resize", Monkey.resize),
]  # fmt: skip
_WEIGHTS = [16, 24, 12, 14, 24, 7, 8, 6, 8, 4, 4, 3, 1.0, 3, 2]


def _make_files(folder: Path, seed: int) -> dict[str, list[str]]:
    """Small pictures, kernels and nets, good and bad."""
    from filterlab import caffe
    from filterlab.pictures import write_picture
    from filterlab.surgery.kernels.text import write_kernel

    rng = np.random.default_rng(seed)
    few = folder.parent / "few"
    for place in (folder, few, folder.parent / "out"):
        place.mkdir(parents=True)
    good, bad = [], []
    for name, shape in (
        ("colour.png", (40, 56, 3)), ("grey.png", (48, 36)), ("猫.jpg", (64, 64, 3)),
        ("<b>=1+1.png", (30, 90, 3)), ("small.png", (12, 12)),
    ):  # fmt: skip
        path = folder / (name if os.name != "nt" else name.strip("<>"))
        write_picture(path, rng.random(shape, np.float32))
        good.append(str(path))
    write_picture(few / "one.png", rng.random((40, 50, 3), np.float32))
    for name, data in (
        ("cut.png", Path(good[0]).read_bytes()[:300]), ("text.png", b"not a picture"),
        ("no.jpg", b""), ("huge.pgm", b"P5\n30000 30000\n255\n"), ("dot.pgm", b"P5\n1 1\n255\nx"),
    ):  # fmt: skip
        (folder / name).write_bytes(data)
        bad.append(str(folder / name))
    bad += [str(folder / "missing.png"), str(folder / ("x" * 300 + ".png"))]
    kernels = []
    for name in ("k.txt", "k.json", "k.npy"):
        write_kernel(folder / name, rng.standard_normal((3, 5)).astype(np.float32))
        kernels.append(str(folder / name))
    (folder / "bad.txt").write_text("1 2\n3")
    net = folder / "net.prototxt"
    net.write_text(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 '
        'dim: 16 dim: 16 } } }\nlayer { name: "conv1" type: "Convolution" bottom: "data" top: '
        '"conv1" convolution_param { num_output: 4 kernel_size: 3 stride: 2 weight_filler { type: '
        '"xavier" } } }\nlayer { name: "fc" type: "InnerProduct" bottom: "conv1" top: "fc" '
        'inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }\n'
        'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }\n'
    )
    caffe.set_random_seed(seed)
    caffe.Net(str(net), caffe.TEST).save(str(folder / "net.caffemodel"))
    (folder / "bad.prototxt").write_text('layer { name: "x" type: "Nonsense" }')
    kernels.append(str(folder / "bad.txt"))
    nets = [str(folder / name) for name in ("net.prototxt", "net.caffemodel", "bad.prototxt")]
    return {"good": good, "bad": bad, "kernels": kernels, "nets": nets}


def _resident() -> int:
    """Bytes of memory the process holds; 0 where that is not told."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


def run(events: int, seed: int, burst: int, folder: Path) -> dict[str, Any]:
    """Let loose one monkey in this process; what it found, and figures."""
    monkey = Monkey(seed, folder)
    began = time.monotonic()
    monkey.settle()
    memory: list[tuple[int, int]] = []
    while monkey.events < events and len(monkey.found) < _MOST_FOUND:
        for _ in range(min(burst, events - monkey.events)):
            monkey.step()
        monkey.check()
        memory.append((monkey.events, _resident()))
    monkey.close()
    late = memory[len(memory) // 2 :]
    slope = float(np.polyfit(*zip(*late), 1)[0]) if len(late) > 2 else None
    return {
        "seed": seed, "events": monkey.events, "checks": len(memory), "found": monkey.found,
        "slope": slope, "megabytes": memory[-1][1] >> 20, "counts": monkey.counts,
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def _in_process(events: int, seed: int, burst: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="filterlab-monkey-") as folder:
        environment = {
            **os.environ, "PYTHONPATH": str(_TOP), "FILTERLAB_DATA": str(Path(folder, "data")),
            # Nothing is fetched: no mirror, no index, no way out.
            "FILTERLAB_MIRROR": str(Path(folder, "nowhere")), "PIP_NO_INDEX": "1",
            "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
            "FILTERLAB_LANG": "en",
        }  # fmt: skip
        command = [sys.executable, "-X", "faulthandler", "-m", "tools.attack.monkey", "--here"]
        command += [folder, "--events", str(events), "--seed", str(seed), "--burst", str(burst)]
        done = subprocess.run(
            command, cwd=_TOP, env=environment, capture_output=True, text=True, errors="replace"
        )
        lines = done.stdout.splitlines()
        if done.returncode or not lines:
            words = " | ".join(done.stderr.splitlines()[-14:])
            return {"seed": seed, "events": 0, "checks": 0, "slope": None, "megabytes": 0,
                    "seconds": 0, "counts": {},
                    "found": [f"the process ended with {done.returncode}: {words}"]}  # fmt: skip
        return dict(json.loads(lines[-1]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Random hands on the real window.")
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after another")
    parser.add_argument("--burst", type=int, default=250, help="events between two checks")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.here is not None:
        print(json.dumps(run(args.events, args.seed, args.burst, args.here)), flush=True)
        sys.stdout.flush()
        os._exit(0)  # the interpreter's own end is no part of this
    wrong = 0
    for seed in range(args.seed, args.seed + args.seeds):
        told = _in_process(args.events, seed, args.burst)
        slope = "" if told["slope"] is None else f", {told['slope'] / 1024:+.2f} KB an event"
        print(
            f"seed {seed}: {told['events']:,} events, {told['checks']} checks, "
            f"{len(told['found'])} found, {told['megabytes']} MB{slope}, {told['seconds']} s",
            flush=True,
        )
        for line in told["found"]:
            print(f"  {line}", file=sys.stderr, flush=True)
        wrong += bool(told["found"])
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
