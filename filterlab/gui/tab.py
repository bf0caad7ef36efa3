"""What every tab gives the window, and what the window gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from PyQt5.QtCore import QEvent, Qt, QTimer, pyqtSignal
from PyQt5.QtWidgets import QAction, QMenu, QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.jobs import JobRunner
from filterlab.gui.sessions import Kept
from filterlab.gui.settings import Settings
from filterlab.pictures import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from filterlab.gui.stage.scene import Scene
    from filterlab.workbench.filter_state import Applied
    from filterlab.workbench.heatmap_state import Shown
    from filterlab.workbench.lessons import Start
    from filterlab.workbench.project import ProjectPicture
    from filterlab.zoo.catalogue import Model

__all__ = ["MODEL_SUFFIXES", "MenuItems", "OnTable", "ProjectPart", "Tab"]

MODEL_SUFFIXES = frozenset(".prototxt .pbtxt .caffemodel .h5 .hdf5".split())

#: Items of one menu; None is a separator.
MenuItems = Sequence["QAction | QMenu | None"]


class ProjectPart(NamedTuple):
    """What a project holds of a tab.

    Attributes
    ----------
    values : mapping or None
        Of its bench, plain.
    picture : ProjectPicture or None
    view : mapping
        Plain values of what is on show beside that.
    steps : tuple of Applied
        Outputs that became inputs on the way to the picture.
    """

    values: Mapping[str, Any] | None
    picture: ProjectPicture | None
    view: Mapping[str, Any]
    steps: tuple[Applied, ...] = ()


class OnTable(NamedTuple):
    """The net and the picture that a tab works on, for another tab to work on, too.

    ``wanted`` is the class that is looked at, if the user chose one.
    """

    model: Model
    shown: Shown | None
    wanted: int | None = None


class Tab(QWidget):
    """One tab of the window: it owns its model, its workers and its actions.

    Signals
    -------
    message(str, str) : one sentence for the message strip, and its level: "info", "warning",
        "error"; an empty one takes back the tab's own that stands there
    undo_changed() : what can be undone or redone has changed
    opened(str) : a file was opened; it joins the recent ones
    menus_changed() : the tab's actions have changed
    hint_changed() : what ``hint`` or ``as_code`` returns has changed
    scene_wanted(str) : show a scene in the place of the whole window, see :meth:`make_scene`
    happened(str) : something that a lesson may wait for, a key of ``workbench.facts.HAPPENINGS``
    table_wanted(str) : show here what the tab of this key works on, see :meth:`put_on_table`
    layer_wanted(str) : show a layer of the net that this tab works on in the tab that opens nets
    """

    message = pyqtSignal(str, str)
    undo_changed = pyqtSignal()
    opened = pyqtSignal(str)
    menus_changed = pyqtSignal()
    hint_changed = pyqtSignal()
    scene_wanted = pyqtSignal(str)
    happened = pyqtSignal(str)
    table_wanted = pyqtSignal(str)
    layer_wanted = pyqtSignal(str)

    #: The key under which the tab's state is kept.
    name: ClassVar[str] = ""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        #: What of the state that was restored could not be used.
        self.left_out: list[str] = []
        #: What the error that was shown last is about; None if it is over.
        self.error_about: str | None = None
        self._error_is_new = False

    # What is shown around it

    def title(self) -> str:
        """The tab's title."""
        return self.name

    def menu_actions(self) -> dict[str, MenuItems]:
        """Actions by menu: "file", "edit", "view", "model", "lessons", "help"."""
        return {}

    def hint(self) -> str:
        """What the message strip says while there is no message."""
        return tr("F1: help on this tab")

    def as_code(self) -> tuple[str, str]:
        """The pycaffe line that says most of what is shown, and all lines; empty for none."""
        return "", ""

    def help_html(self) -> str:
        """What F1 shows about this tab: a short text and its keys."""
        return ""

    @property
    def settled(self) -> bool:
        """Whether nothing runs, and all that was asked for is on the screen."""
        return True

    def activated(self) -> None:
        """The tab has come to the front (or the window has)."""

    def deactivated(self) -> None:
        """Another tab has come to the front: stop cameras and animations."""

    def scenes(self) -> dict[str, str]:
        """What can fill the whole window: a key, such as ``"stage"``, to its name in the menu."""
        return {}

    def make_scene(self, key: str, parent: QWidget) -> Scene | None:
        """A scene by its key; None if there is nothing to show yet, which is then said."""
        return None

    def retell(self) -> None:
        """Say in the language in use what the tab puts together itself."""

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self.retell()

    # Undo

    def undo_text(self) -> str:
        """The name of the edit that Undo takes back; empty for none."""
        return ""

    def redo_text(self) -> str:
        """The name of the edit that Redo makes again; empty for none."""
        return ""

    def undo(self) -> None:
        """Take the last edit back."""

    def redo(self) -> None:
        """Make the last undone edit again."""

    # Files

    def accepts(self, paths: Sequence[Path]) -> int:
        """How well the tab can open these files together.

        0 not at all, 1 yes, 2 best here, 3 they were saved here.
        """
        return 0

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open files that were dropped, chosen or named on the command line."""

    # State

    def save_state(self) -> dict[str, Any]:
        """What to find again at the next start; plain JSON data."""
        return {}

    def save_pictures(self) -> dict[str, Kept]:
        """The pictures shown that are in no file of the user's, by any name.

        Arrays, float32 (H, W) or (H, W, 3), that nobody changes; the same object for the same
        picture. :meth:`restore_state` finds the copies' paths under ``pictures``. Called once a
        second, as :meth:`save_state` is: neither may take a millisecond.
        """
        return {}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Show a saved state; whatever of it cannot be used joins :attr:`left_out`."""

    def hand_over(self) -> dict[str, Any]:
        """Everything a rebuilt window's tab goes on with, live objects included."""
        return self.save_state()

    def take_over(self, state: dict[str, Any]) -> None:
        """Go on with what the tab of the window before handed over."""
        self.restore_state(state)

    # Projects

    def project_part(self) -> ProjectPart:
        """What a project holds of this tab."""
        return ProjectPart(None, None, {})

    def show_project(self, part: ProjectPart) -> None:
        """Begin with what a project holds, or (``values`` None) anew; the history begins anew."""

    @property
    def clean(self) -> bool:
        """Whether what a project would hold is what was saved or opened last."""
        return True

    def mark_clean(self) -> None:
        """The project has been saved."""

    def project_mark(self) -> object:
        """What is another object whenever a project would hold something else."""
        return None

    # Lessons

    def taught_bench(self) -> Any:
        """The bench whose facts a lesson looks at; None if it has none."""
        return None

    def lockable(self) -> dict[str, QWidget]:
        """Controls that a lesson may lock or hide, by name (``docs/lessons.md`` lists them)."""
        return {}

    def start_lesson(self, start: Start, beside: Path | None) -> None:
        """Bring the bench into a lesson's first state; ``beside`` is the lesson's file.

        Raises
        ------
        FilterLabError
            If its picture cannot be read; nothing has changed then.
        """

    # Other tabs

    def on_table(self) -> OnTable | None:
        """The net and the picture that this tab works on; None for none."""
        return None

    def put_on_table(self, given: OnTable, layer: str = "") -> None:
        """Work on a net and a picture, and show one of its layers."""

    # Work

    def cancel(self) -> bool:
        """Cancel what runs (Esc); whether anything did."""
        return False

    def shutdown(self) -> None:
        """Stop all workers and wait for them; the tab is not used afterwards."""

    # Helpers for the tabs

    def make_action(
        self, text: str, slot: Any = None, shortcut: str = "", checkable: bool = False
    ) -> QAction:
        """An action of this tab; its shortcut works while the tab is in front."""
        action = QAction(text, self)
        action.setCheckable(checkable)
        if shortcut:
            action.setShortcut(shortcut)
            action.setShortcutContext(Qt.WindowShortcut)
        if slot is not None:
            (action.toggled if checkable else action.triggered).connect(slot)
        return action

    def make_runner(self) -> JobRunner:
        """A job runner whose failures go to the message strip."""
        runner = JobRunner(self)
        runner.failed.connect(self.show_error)
        return runner

    def show_error(self, sentence: str, about: str = "") -> None:
        """Show an error in the message strip; ``about`` is for :meth:`clear_error`."""
        self._show_until_over(sentence, "error", about)

    def show_warning(self, sentence: str, about: str = "") -> None:
        """Say something that the user should know; it goes as an error does."""
        self._show_until_over(sentence, "warning", about)

    def _show_until_over(self, sentence: str, level: str, about: str) -> None:
        self.error_about = about
        self._error_is_new = True
        QTimer.singleShot(0, self._on_error_shown)
        self.message.emit(sentence, level)

    def clear_error(self, *abouts: str) -> None:
        """Take the error back if it is about one of these, or whatever it is about.

        An error that the same action has caused stays: of two files, the one that was read says
        nothing about the other.
        """
        over = self.error_about is not None and not self._error_is_new
        if over and (not abouts or self.error_about in abouts):
            self.error_about = None
            self.message.emit("", "error")

    def _on_error_shown(self) -> None:
        self._error_is_new = False

    def show_info(self, sentence: str) -> None:
        """Show news in the message strip."""
        self.error_about = None
        self.message.emit(sentence, "info")

    def picture_filter(self) -> str:
        """The file dialog's filter for pictures."""
        pattern = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_SUFFIXES))
        return f"{tr('Pictures')} ({pattern});;{tr('All files')} (*)"
