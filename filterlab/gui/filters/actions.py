"""The tab's menus: what is rarer stands here, and everything has a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PyQt5.QtCore import QObject, QSignalBlocker, Qt
from PyQt5.QtWidgets import QAction, QActionGroup, QMenu, QWidget

from filterlab.gui.filters.desk import Desk, Pictures
from filterlab.gui.filters.editor import FilterEditor
from filterlab.gui.filters.input_panel import InputPanel
from filterlab.gui.filters.layout import FiltersLayout
from filterlab.gui.filters.look import Look
from filterlab.gui.filters.panel import BottomPanel
from filterlab.gui.filters.sources import Source, title_of
from filterlab.gui.filters.stage import Stage
from filterlab.gui.filters.transfer import Transfer
from filterlab.gui.i18n import Text, tr
from filterlab.gui.jobs import put_off
from filterlab.gui.tab import MenuItems
from filterlab.pictures import PATTERNS, samples
from filterlab.surgery.kernels.codegen import LIBRARIES
from filterlab.surgery.kernels.text import FORMATS
from filterlab.workbench.filter_bench import SLOTS

__all__ = ["FilterActions"]

_FORMAT_NAMES = {
    "tsv": Text("Tab-separated (spreadsheet)"),
    "csv": Text("Comma-separated (CSV)"),
    "imagej": Text("ImageJ rows"),
    "gmic": Text("G'MIC a,b;c,d"),
    "python": Text("Python lists"),
    "numpy": Text("numpy array"),
    "json": Text("JSON"),
}
_LIBRARY_NAMES = {
    "pycaffe": "pycaffe",
    "opencv": "OpenCV",
    "pytorch": "PyTorch",
    "numpy": "numpy",
}

#: Text of a menu item, key of the transform, its arguments. None is a separator.
_TRANSFORMS: tuple[tuple[str, str, tuple[Any, ...], dict[str, Any]] | None, ...] = (
    (Text("Rotate 90° clockwise"), "rotate90", (1,), {}),
    (Text("Rotate 90° anticlockwise"), "rotate90", (-1,), {}),
    (Text("Rotate 45° clockwise"), "rotate45", (1,), {}),
    (Text("Rotate 45° anticlockwise"), "rotate45", (-1,), {}),
    ("Flip left and right", "flip", ("horizontal",), {}),
    (Text("Flip up and down"), "flip", ("vertical",), {}),
    (Text("Transpose"), "transpose", (), {}),
    None,
    (Text("Shift left"), "shift", (), {"right": -1}),
    (Text("Shift right"), "shift", (), {"right": 1}),
    (Text("Shift up"), "shift", (), {"down": -1}),
    (Text("Shift down"), "shift", (), {"down": 1}),
    None,
    ("Negate", "negate", (), {}),
    ("Normalise to sum 1", "normalise", (), {}),
    ("Make zero-mean", "zero_mean", (), {}),
    ("Scale to energy 1", "energy_one", (), {}),
    (Text("Round to whole numbers"), "rounded", (0,), {}),
    (Text("Round to 2 decimals"), "rounded", (2,), {}),
)


class FilterActions(QObject):
    """Makes the actions of the Filters tab and keeps their check marks right.

    Parameters
    ----------
    make : makes an action whose shortcut works in the tab.
    desk, stage, panel, bottom, editors, layout, files, pictures
        What the actions act on.
    set_look : shows the outputs another way.
    apply : makes the output of the filter in front the input.
    over : the widget that menus lie over.
    """

    def __init__(
        self,
        make: Callable[..., QAction],
        desk: Desk,
        stage: Stage,
        panel: InputPanel,
        bottom: BottomPanel,
        editors: Sequence[FilterEditor],
        layout: FiltersLayout,
        files: Transfer,
        pictures: Pictures,
        set_look: Callable[[Look], object],
        apply: Callable[[], object],
        over: QWidget,
    ) -> None:
        super().__init__(over)
        self._over, self._desk, self._editors = over, desk, editors
        self._panel, self._bottom, self._files = panel, bottom, files
        self._pictures, self._set_look = pictures, set_look
        self._looks: list[tuple[str, Any, QAction]] = []
        self.look_menu = QMenu(tr("Scale and colours"), over)
        self.sample_menu = QMenu(tr("Sample"), over)
        self.open_picture = make(tr("Open picture …"), pictures.choose, "Ctrl+O")
        self.next_picture = make(tr("Next picture"), self._on_next, "PgDown")
        self.previous_picture = make(tr("Previous picture"), self._on_previous, "PgUp")
        self.open_kernel = make(tr("Open kernel …"), files.choose_kernel)
        self.open_filters = make(tr("Open filters …"), files.choose_filters)
        self.save_outputs = make(tr("Save outputs …"), files.choose_outputs, "Ctrl+S")
        self.save_kernel = make(tr("Save kernel …"), files.choose_kernel_file)
        self.save_net = make(tr("Save the edited net …"), files.choose_net, "Ctrl+Shift+S")
        self.copy = make(tr("Copy kernel or block"), self._copy, "Ctrl+C")
        self.copy_picture = make(tr("Copy output as picture"), files.copy_picture)
        self.paste = make(tr("Paste"), files.paste, "Ctrl+V")
        self.reset = make(tr("Start anew"), self._reset)
        self.apply = make(tr("Apply and go on"), apply, "Ctrl+Return")
        self.apply.setToolTip(tr("The output of the filter in front becomes the input"))
        self.step_back = make(tr("Take a step back"), self._step_back, "Ctrl+Backspace")
        self.step_back.setEnabled(False)
        self.steps_menu = QMenu(tr("Steps"), over)
        stage.steps_button.setMenu(self.steps_menu)
        self.net_filters = make(tr("Filters of a trained net …"), files.choose_net_filters)
        self.own = make(tr("My presets …"), files.show_own)
        self.learn = make(tr("Learn a kernel …"), files.show_learn, "Ctrl+L")
        self.lower = make(tr("Lower panel"), layout.show_lower, "Ctrl+B", True)
        self.next_grid = make(tr("Next kernel grid"), self._next_grid, "Ctrl+G")
        self.fit = make(tr("Fit the pictures"), stage.fit, "Ctrl+0")
        self.draw = make(tr("Draw on the input"), panel.draw_button.setChecked, "Ctrl+D", True)
        self.pin = make(tr("Pin the pixel"), self._on_pin, "Ctrl+P")
        self.walk = make(tr("Walk the window"), bottom.play_button.click, "Ctrl+W")
        self.camera = make(tr("Camera"), panel.camera_button.setChecked, "", True)
        panel.draw_button.toggled.connect(self.draw.setChecked)
        panel.camera_button.toggled.connect(self.camera.setChecked)
        self.code_menu = QMenu(tr("Copy as code"), over)
        self.tool_menus = [QMenu(_slot_title(slot), over) for slot in range(3)]
        self.scale_menu = self._choices(
            tr("Feed the picture as"), ((1.0, tr("0 to 1")), (255.0, tr("0 to 255"))),
            self._set_scale,
        )  # fmt: skip
        put_off(self._fill_menus)

    def _fill_menus(self) -> None:
        self._fill_looks()
        self._fill_samples()
        for name in LIBRARIES:
            text = _LIBRARY_NAMES.get(name, name)
            self._add(self.code_menu, text, self._files.copy_code, name)
        for slot, menu in enumerate(self.tool_menus):
            self._fill_tools(menu, slot)

    def menus(self) -> dict[str, MenuItems]:
        """The actions by menu."""
        return {
            "file": (
                self.open_picture, self.sample_menu, self.next_picture, self.previous_picture,
                self.camera, None, self.open_kernel, self.open_filters, None,
                self.save_outputs, self.save_kernel, self.save_net, None,
            ),
            "edit": (
                self.copy, self.copy_picture, self.code_menu, self.paste, None,
                *self.tool_menus, None, self.apply, self.step_back, None, self.draw, self.reset,
            ),
            "view": (
                self.look_menu, None, self.fit, self.pin, self.walk, self.next_grid, None,
                self.lower,
            ),
            "model": (
                self.scale_menu, None, self.learn, self.net_filters, self.own,
            ),
        }  # fmt: skip

    # Helpers

    def _add(self, menu: QMenu, text: str, function: Callable[..., Any], *args: Any) -> QAction:
        """An item that calls ``function(*args)``."""
        action = menu.addAction(text)
        action.setData((function, args, {}))
        action.triggered.connect(self._on_triggered)
        return action

    def _on_triggered(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            function, args, options = action.data()
            function(*args, **options)

    def _choices(self, title: str, choices: Any, function: Callable[[Any], Any]) -> QMenu:
        menu = QMenu(title, self._over)
        group = QActionGroup(self)
        for value, text in choices:
            action = self._add(menu, text, function, value)
            action.setCheckable(True)
            group.addAction(action)
        return menu

    # Edits

    def _set_scale(self, scale: float) -> None:
        self._desk.attempt(self._desk.bench.set_scale, scale)

    def _fill(self, slot: int) -> None:
        self._editors[slot].transform("fill", self._panel.brush.value())

    def _swap(self, first: int, second: int) -> None:
        self._desk.attempt(self._desk.bench.swap, first, second)

    def _copy_filter(self, source: int, target: int) -> None:
        self._desk.attempt(self._desk.bench.copy, source, target)

    def _reset(self) -> None:
        self._desk.attempt(self._desk.bench.reset)

    def _step_back(self) -> None:
        self._desk.attempt(self._desk.bench.step_back)

    def _back_to(self, count: int) -> None:
        """Keep so many steps."""
        bench = self._desk.bench
        with bench.group("Take a step back"):
            while len(bench.state.stack) > count:
                self._desk.attempt(bench.step_back)

    def show_steps(self) -> None:
        """List what led to the input."""
        stack = self._desk.bench.state.stack
        self.step_back.setEnabled(bool(stack))
        self.steps_menu.clear()
        for count, step in enumerate(stack):
            before = title_of(step.picture) if not count else stack[count - 1].name
            text = before if not count else f"{count}  {tr(before)}"
            self._add(self.steps_menu, text, self._back_to, count)
        if stack:
            last = self._add(
                self.steps_menu, f"{len(stack)}  {tr(stack[-1].name)}", self._back_to, len(stack)
            )
            last.setCheckable(True)
            last.setChecked(True)

    def _compose(self, first: int, second: int, target: int) -> None:
        self._desk.attempt(self._desk.bench.compose, first, second, target)

    def use_tool(self, key: str) -> None:
        """One of the tool bar's tools, on the filter in front or its selected block."""
        editor = self._editors[self._desk.active]
        actions: dict[str, Callable[[], object]] = {
            "negate": partial(editor.transform, "negate"),
            "normalise": partial(editor.transform, "normalise"),
            "rotate90": partial(editor.transform, "rotate90", 1),
            "mirror": partial(editor.transform, "flip", "horizontal"),
            "flip": partial(editor.transform, "flip", "vertical"),
            "copy": editor.copy_text,
            "paste": editor.paste_text,
            "clear": editor.clear,
        }
        actions[key]()

    def _copy(self) -> None:
        """The kernel or block in front, as text."""
        self._editors[self._desk.active].copy_text()

    def _next_grid(self) -> None:
        """Put the focus into the first kernel grid, or from one into the next."""
        focused = [editor.grid.hasFocus() for editor in self._editors]
        slot = (focused.index(True) + 1) % 3 if any(focused) else 0
        self._editors[slot].grid.setFocus(Qt.ShortcutFocusReason)

    def _on_next(self) -> None:
        self._pictures.turn(1)

    def _on_previous(self) -> None:
        self._pictures.turn(-1)

    def _on_pin(self) -> None:
        self._bottom.pin_button.toggle()

    # Samples

    def _fill_samples(self) -> None:
        for item in samples():
            self._add_source(self.sample_menu, tr(item.title), Source("sample", item.name))
        self.sample_menu.addSeparator()
        for name in PATTERNS:
            source = Source("pattern", name)
            self._add_source(self.sample_menu, source.title, source)

    def retell(self) -> None:
        """The menus' texts that are put together, in the language in use."""
        for slot, menu in enumerate(self.tool_menus):
            menu.setTitle(_slot_title(slot))
        for action in self.sample_menu.actions():
            if isinstance(action.data(), Source):
                action.setText(action.data().title)
        self.refresh_net()
        self.refresh_look()

    def _add_source(self, menu: QMenu, text: str, source: Source) -> None:
        action = menu.addAction(text)
        action.setData(source)
        action.triggered.connect(self._on_source)

    def _on_source(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self._pictures.open(action.data())

    # Look

    def _fill_looks(self) -> None:
        for field, choices in (
            ("scale", (("own", tr("Each its own scale")),
                       ("common", tr("One scale for all signed")))),
            ("views", (("", tr("Natural or signed, by the kernel")),
                       ("natural", tr("All natural, as photo editors do")),
                       ("signed", tr("All signed")))),
            ("colours", (("diverging", tr("Diverging: blue, white, red")), ("grey", tr("Grey")),
                         ("viridis", tr("Viridis")))),
        ):  # fmt: skip
            group = QActionGroup(self)
            # Outputs may be seen each its own way; then none of these is checked.
            group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
            for value, text in choices:
                self._add_look(field, value, text, group)
            self.look_menu.addSeparator()
        self._add_look("relu", True, tr("ReLU: negative values shown as 0"), None)
        self._add_look("absolute", True, tr("Absolute value"), None)
        self.refresh_look()

    def _add_look(self, field: str, value: Any, text: str, group: QActionGroup | None) -> None:
        action = QAction(text, self)
        action.setCheckable(True)
        if group is not None:
            group.addAction(action)
        action.setData((field, value))
        action.triggered.connect(self._on_look)
        self.look_menu.addAction(action)
        self._looks.append((field, value, action))

    def look_action(self, field: str, value: Any) -> QAction:
        """The action that sets one field of the look."""
        return next(action for f, v, action in self._looks if (f, v) == (field, value))

    def _on_look(self, on: bool) -> None:
        action = self.sender()
        if not isinstance(action, QAction):
            return
        field, value = action.data()
        if field == "views":
            value = (value,) * SLOTS
        changes: dict[str, Any] = {field: on if isinstance(value, bool) else value}
        self._set_look(self._desk.look._replace(**changes))
        self.refresh_look()  # what was in use already stays checked

    def refresh_look(self) -> None:
        """Check what is in use."""
        for field, value, action in self._looks:
            now = getattr(self._desk.look, field)
            action.setChecked(now == ((value,) * SLOTS if field == "views" else value))

    def show_lower(self, shown: bool) -> None:
        """Check whether the lower panel is shown."""
        with QSignalBlocker(self.lower):
            self.lower.setChecked(shown)

    def refresh_net(self) -> None:
        """Check what the net is fed."""
        scale = self._desk.bench.settings.scale
        for action in self.scale_menu.actions():
            action.setChecked(action.data()[1][0] == scale)

    # The "more" menus

    def _fill_tools(self, menu: QMenu, slot: int) -> None:
        """What a filter's "more" button opens; also in the Edit menu."""
        files, editor = self._files, self._editors[slot]
        turn = menu
        for item in _TRANSFORMS:
            if item is None:
                turn.addSeparator()
                continue
            text, key, args, options = item
            if key == "shift" and "right" in options and options["right"] == -1:
                turn = menu.addMenu(tr("Shift"))
            elif key == "negate":
                turn = menu
                menu.addSeparator()
            elif key == "rounded" and turn is menu:
                turn = menu.addMenu(tr("Round"))
            action = turn.addAction(tr(text))
            action.setData((editor.transform, (key, *args), options))
            action.triggered.connect(self._on_triggered)
        self._add(menu, tr("Fill with the brush"), self._fill, slot)
        self._add(menu, tr("Clear"), editor.clear)
        self._add(menu, tr("Paste"), editor.paste_text)
        menu.addSeparator()
        for other in range(3):
            if other != slot:
                text = tr("Swap with filter {n}").format(n=other)
                self._add(menu, text, self._swap, slot, other)
        for other in range(3):
            if other != slot:
                text = tr("Copy to filter {n}").format(n=other)
                self._add(menu, text, self._copy_filter, slot, other)
        compose = menu.addMenu(tr("Compose"))
        for first in range(SLOTS):
            for second in range(SLOTS):
                text = tr("The one kernel that does filter {first}, then filter {second}").format(
                    first=first, second=second
                )
                self._add(compose, text, self._compose, first, second, slot)
        menu.addSeparator()
        copy = menu.addMenu(tr("Copy as text"))
        for style in FORMATS:
            name = tr(_FORMAT_NAMES.get(style, style))
            self._add(copy, name, editor.copy_text, False, style)
        self._add(menu, tr("Open kernel …"), files.choose_kernel, slot)
        self._add(menu, tr("Save kernel …"), files.choose_kernel_file, slot)
        self._add(menu, tr("Save as my preset …"), files.save_own, slot)


def _slot_title(slot: int) -> str:
    return str(tr("Filter {n}").format(n=f"&{slot}"))
