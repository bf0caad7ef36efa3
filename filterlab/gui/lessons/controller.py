"""Keeps a lesson or a challenge in step with the benches, and its progress on the disk."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from PyQt5.QtCore import QEvent, QObject, QTimer, QUrl
from PyQt5.QtGui import QDesktopServices
from PyQt5.QtWidgets import QAction, QBoxLayout, QWidget

from filterlab.errors import FilterLabError
from filterlab.gui import i18n, theme
from filterlab.gui.errors import one_sentence
from filterlab.gui.i18n import tr
from filterlab.gui.lessons.challenge_panel import ChallengePanel
from filterlab.gui.lessons.class_list_dialog import ClassListDialog
from filterlab.gui.lessons.hand_out_dialog import HandOutDialog
from filterlab.gui.lessons.panel import WIDTH, LessonPanel, SidePanel
from filterlab.gui.settings import Settings
from filterlab.workbench.challenges import Challenge
from filterlab.workbench.facts import Facts
from filterlab.workbench.filter_state import sample_picture
from filterlab.workbench.lessons import (
    Lesson,
    Progress,
    Start,
    Step,
    Wording,
    find_lessons,
    own_folder,
    parse_lesson,
    read_lesson,
)
from filterlab.workbench.project import Task

__all__ = ["Lessons", "Taught"]

_LOOK_MS = 150
_PROGRESS, _OPEN = "lessons", "lesson"


class Taught(Protocol):
    """What lessons need of a tab; see :class:`filterlab.gui.tab.Tab`."""

    name: ClassVar[str]

    def taught_bench(self) -> Any:
        """The bench whose facts are looked at."""

    def lockable(self) -> Mapping[str, QWidget]:
        """Controls that a lesson may lock or hide, by name."""

    def start_lesson(self, start: Any, beside: Path | None) -> None:
        """Bring the bench into a lesson's first state."""


class Lessons(QObject):
    """The lessons of one window.

    Parameters
    ----------
    row : QBoxLayout
        Holds the tabs; the panel is put behind them.
    tabs : by their keys
    show_tab : brings a tab to the front
    settings : where progress is kept
    say, fail : show news, or an error
    save_task : saves a project with a task that is to be handed out
    """

    def __init__(
        self,
        row: QBoxLayout,
        tabs: Mapping[str, Taught],
        show_tab: Callable[[str], object],
        settings: Settings,
        say: Callable[[str], object],
        fail: Callable[[str], object],
        over: QWidget,
        save_task: Callable[[Task], object] = lambda _: None,
    ) -> None:
        super().__init__(over)
        self._save_task = save_task
        self._row, self._tabs, self._show_tab = row, tabs, show_tab
        self._settings, self._say, self._fail, self._over = settings, say, fail, over
        self.panel: SidePanel | None = None
        self._seen: set[str] = set()
        self._held: list[tuple[QWidget, bool, bool]] = []
        self.found: list[Lesson] = []
        self._task: Task | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)
        over.installEventFilter(self)

    # The menu

    def actions(self, over: QObject | None = None) -> list[QAction | None]:
        """The items of the menu *Lessons*, made anew; they go with ``over``."""
        self.found, problems = find_lessons()
        kept = self._kept()
        items: list[QAction | None] = []
        for lesson in self.found:
            progress = Progress.from_plain(lesson, kept.get(lesson.key))
            mark = "  ✓" if progress.step is None else ""
            title = lesson.title.say(i18n.language()).replace("&", "&&")
            action = QAction(
                tr("{title}   {n} min").format(title=title, n=lesson.minutes) + mark, over
            )
            action.setData(lesson)
            action.triggered.connect(lambda _=False, chosen=lesson: self.begin(chosen))
            items.append(action)
        for problem in problems:
            action = QAction(tr(problem)[:100], over)
            action.setEnabled(False)
            items.append(action)
        items.append(None)
        for text, slot in (
            (tr("Challenge: which kernel made this?"), self.begin_challenge),
            (tr("Class list …"), self.show_class_list),
            (tr("Hand out a task …"), self._hand_out),
            (tr("Folder of own lessons"), self._open_folder),
        ):
            action = QAction(text, over)
            action.triggered.connect(lambda _=False, do=slot: do())
            items.append(action)
        if self.panel is not None:
            leave = QAction(tr("Leave the lesson"), over)
            leave.triggered.connect(lambda _=False: self.leave())
            items += [None, leave]
        return items

    def _hand_out(self) -> None:
        task = self.hand_out()
        if task is not None:
            self._save_task(task)

    def _open_folder(self) -> None:
        folder = own_folder()
        folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    # Lessons

    @property
    def lesson(self) -> Lesson | None:
        """The lesson that is taken."""
        panel = self.panel
        return panel.progress.lesson if isinstance(panel, LessonPanel) and panel.progress else None

    def open_file(self, path: Path) -> None:
        """Take a lesson from a file.

        Raises
        ------
        FilterLabError
            If it is none.
        """
        self.begin(read_lesson(path))

    def begin(self, lesson: Lesson, resumed: bool = False) -> None:
        """Take a lesson: where it was left, or from its beginning with its first state."""
        progress = Progress.from_plain(lesson, self._kept().get(lesson.key))
        if progress.step is None and not resumed:
            progress.reset()
        tab = self._tabs.get(lesson.tab)
        if tab is None and lesson.tab:
            self._fail(tr("This lesson is for a tab that this program does not have."))
            return
        if tab is not None:
            self._show_tab(lesson.tab)
        if tab is not None and progress.at == 0 and not progress.done and not resumed:
            try:
                tab.start_lesson(lesson.start, lesson.path)
            except FilterLabError as error:
                self._fail(one_sentence(error))
        panel = LessonPanel(self._over)
        self._take(panel)
        self._hold(lesson)
        panel.moved.connect(self._on_moved)
        panel.next_lesson.connect(self._on_next_lesson)
        panel.has_next = self._after(lesson) is not None
        panel.show_progress(progress)
        self._keep(progress)
        self._settings.set_text(_OPEN, str(lesson.path or ""))
        self._sync()

    def resume(self) -> None:
        """Take the lesson again that was in front when the program ended."""
        path = self._settings.text(_OPEN)
        if path:
            try:
                self.begin(read_lesson(path), resumed=True)
            except FilterLabError:
                self._settings.set_text(_OPEN, "")

    def leave(self) -> None:
        """Leave the lesson or the challenge; what was done is kept."""
        self._timer.stop()
        self._release()
        if self.panel is not None:
            self._row.removeWidget(self.panel)
            self.panel.hide()
            self.panel.deleteLater()
            self.panel = None
        self._task = None
        self._settings.set_text(_OPEN, "")
        self._sync()

    def shutdown(self) -> None:
        """Look no more; the lesson stays taken for the next start."""
        self._timer.stop()

    def _take(self, panel: SidePanel) -> None:
        if self.panel is not None:
            self.leave()
        self.panel = panel
        self._seen.clear()
        panel.closed.connect(self.leave)
        self._row.addWidget(panel)
        self._arrange()
        panel.show()
        self._timer.start()

    def _after(self, lesson: Lesson) -> Lesson | None:
        keys = [one.key for one in self.found or find_lessons()[0]]
        lessons = self.found or find_lessons()[0]
        at = keys.index(lesson.key) if lesson.key in keys else len(keys)
        return lessons[at + 1] if at + 1 < len(lessons) else None

    def _on_next_lesson(self) -> None:
        lesson = self.lesson
        following = self._after(lesson) if lesson is not None else None
        if following is not None:
            self.begin(following)

    def _on_moved(self) -> None:
        self._seen.clear()
        panel = self.panel
        if isinstance(panel, LessonPanel) and panel.progress is not None:
            self._keep(panel.progress)
            self._sync()

    # Tasks that come with a project

    def take_task(self, task: Task | None) -> None:
        """Show what a project hands out: its lesson, or its title and text as one step."""
        if task is None:
            if self._task is not None:
                self.leave()
            return
        lesson = self._lesson_of(task)
        if lesson is not None:
            # The project's own state is the one to begin with.
            self.begin(replace(lesson, start=Start(), path=None), resumed=True)
            self._task = task

    def _lesson_of(self, task: Task) -> Lesson | None:
        if task.lesson_text:
            lesson = parse_lesson(task.lesson_text, "task.lesson")
        else:
            known = {one.key: one for one in find_lessons()[0]}
            if task.lesson in known:
                lesson = known[task.lesson]
            elif not task.text and not task.title:
                return None
            else:
                text = Wording((("en", task.text or task.title),))
                mark = f"{zlib.crc32(repr(task).encode()):08x}"
                lesson = Lesson(f"task-{mark}", Wording((("en", task.title),)), "", (Step(text),))
        return replace(lesson, locked=(*lesson.locked, *task.locked))

    def hand_out(self) -> Task | None:
        """Ask what the project is to hand out; None if it is left as it was."""
        lesson = self.lesson
        names = [name for tab in self._tabs.values() for name in tab.lockable()]
        dialog = HandOutDialog(
            self.found or find_lessons()[0], names, self._task, lesson, self._over
        )
        done = dialog.exec_()
        task = dialog.task() if done else None
        dialog.deleteLater()
        return task

    # Controls

    def _hold(self, lesson: Lesson) -> None:
        """Lock and hide what the lesson says; names that a tab does not know are passed over."""
        for tab in self._tabs.values():
            for name, widget in tab.lockable().items():
                if name in lesson.locked or name in lesson.hidden:
                    self._held.append((widget, widget.isEnabled(), not widget.isHidden()))
                    widget.setEnabled(False)
                    if name in lesson.hidden:
                        widget.setVisible(False)

    def _release(self) -> None:
        for widget, enabled, visible in self._held:
            widget.setEnabled(enabled)
            widget.setVisible(visible)
        self._held.clear()

    # Looking

    def happened(self, name: str) -> None:
        """Something that a lesson may wait for was seen in a tab."""
        if self.panel is not None:
            self._seen.add(name)

    def facts(self) -> Facts:
        """The facts as they are."""
        benches = {name: tab.taught_bench() for name, tab in self._tabs.items()}
        return Facts(
            benches.get("filters"), benches.get("heatmap"), tuple(self._seen), benches.get("net")
        )

    def look(self) -> None:
        """See whether the step in front is done, or how near a challenge's answer is."""
        panel = self.panel
        if isinstance(panel, ChallengePanel):
            bench = self._tabs["filters"].taught_bench()
            panel.look(bench.kernel(0) / bench.divisor(0), bench.bias(0))
        elif isinstance(panel, LessonPanel) and panel.progress is not None:
            before = panel.progress.is_done
            said = panel.progress.look(self.facts())
            step = panel.progress.step
            if step is not None and not step.choices:
                panel.say_wrong(said)
            if panel.progress.is_done != before:
                panel.refresh()
                self._keep(panel.progress)
                self._sync()

    # Challenges

    def begin_challenge(self, challenge: Challenge | None = None) -> None:
        """Show the challenges: the levels, or one of one's own."""
        if "filters" not in self._tabs:
            return
        self._show_tab("filters")
        panel = ChallengePanel(self._over)
        panel.started.connect(self._on_challenge)
        panel.said.connect(self._say)
        panel.failed.connect(self._fail)
        self._take(panel)
        if challenge is not None:
            panel.take(challenge)
        else:
            panel.take_level(0)

    def _on_challenge(self, challenge: Challenge) -> None:
        bench = self._tabs["filters"].taught_bench()
        with bench.group("Start the challenge"):
            bench.reset()
            bench.set_picture(sample_picture(challenge.sample))
            bench.set_pad("same")
            bench.set_kernel(0, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])

    def show_class_list(self) -> None:
        """Open the teacher's dialog."""
        panel = self.panel
        challenge = panel.challenge if isinstance(panel, ChallengePanel) else None
        if challenge is None:
            from filterlab.workbench.challenges import level

            challenge = level(0)
        ClassListDialog(challenge, self._over).exec_()

    # Keeping

    def _kept(self) -> dict[str, Any]:
        try:
            found = json.loads(self._settings.text(_PROGRESS) or "{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _keep(self, progress: Progress) -> None:
        kept = self._kept()
        kept[progress.lesson.key] = progress.to_plain()
        self._settings.set_text(_PROGRESS, json.dumps(kept))

    def _sync(self) -> None:
        try:
            self._settings.sync()
        except OSError:
            return  # it stays pending; the window says so when it keeps the session

    # Room

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._over and event.type() == QEvent.Resize and self.panel is not None:
            self._arrange()
        return False

    def _arrange(self) -> None:
        """Beside the tab where that has room enough, else below it."""
        panel = self.panel
        if panel is None:
            return
        beside = self._over.width() >= round((960 + WIDTH) * theme.scale())
        if panel.beside != beside or self._row.indexOf(panel) >= 0:
            way = QBoxLayout.LeftToRight if beside else QBoxLayout.TopToBottom
            if self._row.direction() != way:
                self._row.setDirection(way)
            if panel.beside != beside:
                panel.stand(beside)
