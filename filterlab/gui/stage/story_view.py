"""A story told step by step: a picture that moves, a sentence, where one is, on and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from PyQt5.QtCore import QEvent, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.gui.stage.motion import STEP_MS, Motion
from filterlab.gui.stage.scene import Scene
from filterlab.gui.widgets.elided_label import ElidedLabel

__all__ = ["Story", "StoryView"]


class Story(Protocol):
    """What can be told: named steps, and a still of each at any time from 0 to 1."""

    @property
    def steps(self) -> Sequence[str]:
        """The steps' names."""

    def still(self, step: int, t: float) -> Any:
        """The picture of a step at a time."""


class _Canvas(QWidget):
    """Draws the still."""

    def __init__(self, draw: Callable[[QPainter, QRectF], None], parent: QWidget) -> None:
        super().__init__(parent)
        self._draw = draw
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setMinimumSize(200, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.current().backdrop))
        self._draw(painter, QRectF(self.rect()))
        painter.end()


class StepBar(QWidget):
    """The steps side by side, those done filled; names where there is room, else numbers.

    Signals
    -------
    chosen(int) : a step was clicked
    """

    chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.titles: list[str] = []
        self.step = 0
        self.share = 1.0
        self.larger = 1.0
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.setCursor(Qt.PointingHandCursor)

    def set_steps(self, titles: Sequence[str]) -> None:
        """The steps' names."""
        self.titles = list(titles)
        self.update()

    def show_step(self, step: int, share: float) -> None:
        """Which step it is, and how far it has come."""
        self.step, self.share = step, share
        self.setAccessibleName(self.titles[step] if step < len(self.titles) else "")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, 12 + theme.line_height(QFontMetrics(theme.font(13 * self.larger))))

    def enlarge(self, larger: float) -> None:
        """So many times the usual size of text."""
        self.larger = larger
        self.updateGeometry()
        self.update()

    def part(self, k: int) -> QRect:
        """Where a step lies."""
        n = max(1, len(self.titles))
        wide = (self.width() - 8 * (n - 1)) / n
        return QRect(round(k * (wide + 8)), 0, round(wide), self.height())

    def labels(self) -> list[str]:
        """What is written under each step: its name, or where names do not fit its number.

        The present step keeps its name, cut off if need be.
        """
        found = []
        fits = all(
            QFontMetrics(theme.font(13 * self.larger, bold=True)).horizontalAdvance(
                f"{k + 1}  {title}"
            )
            <= self.part(k).width()
            for k, title in enumerate(self.titles)
        )
        for k, title in enumerate(self.titles):
            found.append(f"{k + 1}  {title}" if fits else str(k + 1))
        return found

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        labels = self.labels()
        for k, label in enumerate(labels):
            part = self.part(k)
            painter.setPen(Qt.NoPen)
            line = QRectF(part.left(), 2, part.width(), 4)
            painter.setBrush(QColor(colours.line))
            painter.drawRoundedRect(line, 2, 2)
            share = 1.0 if k < self.step else self.share if k == self.step else 0.0
            if share > 0:
                painter.setBrush(QColor(colours.accent))
                painter.drawRoundedRect(
                    QRectF(line.left(), 2, max(4.0, line.width() * share), 4), 2, 2
                )
            chosen = k == self.step
            painter.setFont(theme.font(13 * self.larger, bold=chosen))
            painter.setPen(QColor(colours.text if chosen else colours.muted))
            painter.drawText(part.adjusted(0, 10, 0, 0), int(Qt.AlignLeft | Qt.AlignVCenter), label)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for k in range(len(self.titles)):
            if self.part(k).contains(event.pos()):
                self.chosen.emit(k)


class StoryView(Scene):
    """Tells a story.

    ← → or a clicker go back and on, Space plays to the end or stops anywhere, Home and End go to
    the first and the last step. A step that is gone to moves for 400 ms, one that plays as long as
    it takes to watch; with reduced motion nothing moves.

    Parameters
    ----------
    title, about : str
        What is told, and of what.
    """

    def __init__(self, title: str, about: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.story: Story | None = None
        self.step_index = 0
        self.playing = False
        self._titles: dict[str, str] = {}
        self._draw: Callable[[QPainter, QRectF, Any], None] | None = None
        self._say: Callable[[Any], str] | None = None
        self._how_long: Callable[[str], float] = lambda _: STEP_MS
        self._motion = Motion(self)
        self._motion.moved.connect(self._show)
        self._motion.ended.connect(self._on_arrived)
        self._build(title, about)
        self.setAccessibleName(title)

    def _build(self, title: str, about: str) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        head = QFrame(self)
        head.setProperty("panel", True)
        row = QHBoxLayout(head)
        row.setContentsMargins(4 * theme.STEP, theme.STEP, 4 * theme.STEP, theme.STEP)
        row.setSpacing(12)
        self.title = QLabel(title, head)
        self.about = ElidedLabel(about, head)
        self.about.setProperty("role", "muted")
        self.close_button = QPushButton(icon("close"), f"{tr('Close')}   Esc", head)
        self.close_button.clicked.connect(self.left)
        row.addWidget(self.title)
        row.addWidget(self.about, 1)
        row.addWidget(self.close_button)
        layout.addWidget(head)
        layout.addWidget(_rule(self))
        self.canvas = _Canvas(self._paint, self)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(_rule(self))
        foot = QFrame(self)
        foot.setProperty("panel", True)
        below = QVBoxLayout(foot)
        below.setContentsMargins(4 * theme.STEP, 12, 4 * theme.STEP, 14)
        below.setSpacing(10)
        self.sentence = QLabel(foot)
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignLeft | Qt.AlignVCenter)
        self.counted = QLabel(foot)
        self.counted.setProperty("role", "muted")
        self.counted.setAlignment(Qt.AlignRight | Qt.AlignVCenter)
        upper = QHBoxLayout()
        upper.addWidget(self.sentence, 1)
        upper.addWidget(self.counted)
        below.addLayout(upper)
        self.bar = StepBar(foot)
        self.bar.chosen.connect(self.go)
        self.play_button = QToolButton(foot)
        self.play_button.setIcon(icon("play"))
        self.play_button.setToolTip(tr("Play, or stop: Space"))
        self.play_button.setAccessibleName(tr("Play"))
        self.play_button.clicked.connect(self.play)
        self.back_button = QPushButton(icon("previous"), tr("Back"), foot)
        self.back_button.clicked.connect(lambda: self.step(-1))
        self.next_button = QPushButton(tr("Next"), foot)
        self.next_button.setProperty("primary", True)
        self.next_button.setStyleSheet("padding: 4px 14px;")
        self.next_button.clicked.connect(lambda: self.step(1))
        lower = QHBoxLayout()
        lower.setSpacing(theme.STEP)
        lower.addWidget(self.bar, 1)
        lower.addSpacing(2 * theme.STEP)
        for button in (self.play_button, self.back_button, self.next_button):
            lower.addWidget(button)
        below.addLayout(lower)
        layout.addWidget(foot)
        # The keys are the scene's.
        for button in (self.close_button, self.play_button, self.back_button, self.next_button):
            button.setFocusPolicy(Qt.NoFocus)

    def _enlarge(self) -> None:
        """Text grows with the window, so that a full screen is read from further away."""
        larger = min(self.width() / 1280, self.height() / 800) / theme.scale()
        larger = min(max(1.0, larger), 2.5)
        self.title.setFont(theme.font(16 * larger, bold=True))
        for widget in (self.about, self.counted):
            widget.setFont(theme.font(12 * larger))
        sentence = theme.font(18 * larger)
        self.sentence.setFont(sentence)
        self.sentence.setMinimumHeight(2 * theme.line_height(QFontMetrics(sentence)) + 4)
        plain = theme.font(13 * larger)
        high = max(32, theme.line_height(QFontMetrics(plain)) + 12)
        for button in (self.close_button, self.play_button, self.back_button, self.next_button):
            button.setFont(plain)
            button.setFixedHeight(high)
        self.bar.enlarge(larger)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._enlarge()
        super().resizeEvent(event)

    def tell_story(
        self,
        story: Story,
        titles: dict[str, str],
        say: Callable[[Any], str],
        draw: Callable[[QPainter, QRectF, Any], None],
        about: str = "",
        how_long: Callable[[str], float] | None = None,
    ) -> None:
        """Begin a story at its first step.

        ``draw(painter, area, still)`` draws a still, ``say(still)`` is its sentence;
        ``how_long(name)`` how many milliseconds a step moves while it plays.
        """
        self.story, self._titles, self._say, self._draw = story, titles, say, draw
        if how_long is not None:
            self._how_long = how_long
        if about:
            self.about.setText(about)
        self.bar.set_steps([titles[name] for name in story.steps])
        self.go(0)

    # Where one is

    @property
    def t(self) -> float:
        """The time within the step, 0 to 1."""
        return self._motion.t

    @property
    def still(self) -> Any:
        """What is on the screen; None before there is a story."""
        return None if self.story is None else self.story.still(self.step_index, self._motion.t)

    @property
    def settled(self) -> bool:
        """Whether nothing moves."""
        return not self._motion.running and self.story is not None

    def go(self, step: int, t: float | None = None) -> None:
        """Go to a step, which then moves; or to a time of it, where it stands."""
        if self.story is None:
            return
        self.step_index = min(max(step, 0), len(self.story.steps) - 1)
        if t is None:
            self._motion.start(self._time())
        else:
            self.playing = False
            self._motion.set(min(max(t, 0.0), 1.0))

    def step(self, by: int) -> None:
        """On: first to the end of what moves. Back: to the start of the step, then before it."""
        self.playing = False
        if self.story is None:
            return
        if by > 0:
            if self._motion.t < 1:
                self._motion.set(1.0)
            elif self.step_index < len(self.story.steps) - 1:
                self.go(self.step_index + 1)
        elif self._motion.t > 0 and (self._motion.running or self._motion.t < 1):
            self._motion.set(0.0)
        elif self.step_index > 0:
            # The step's own way back, and the one before stands as it ended.
            self._motion.start(STEP_MS, self._motion.t, 0.0)
        else:
            self._motion.set(0.0)

    def _time(self) -> float:
        """How long the step moves: shortly when it is stepped to, to be watched when it plays."""
        if self.story is None or not self.playing:
            return STEP_MS
        return self._how_long(self.story.steps[self.step_index])

    def play(self) -> None:
        """Play from here to the end, or stop where it is."""
        if self.story is None:
            return
        if self._motion.running or self.playing:
            self.playing = False
            self._motion.stop()
            self._show(self._motion.t)
            return
        self.playing = True
        last = self.step_index == len(self.story.steps) - 1
        if self._motion.t < 1:
            self._motion.start(self._time(), self._motion.t)
        else:
            self.go(0 if last else self.step_index + 1)

    def _on_arrived(self) -> None:
        if self.story is None:
            return
        if self._motion.t == 0.0 and self.step_index > 0:
            self.step_index -= 1
            self._motion.set(1.0)
        elif self.playing and not theme.reduced_motion():
            if self.step_index < len(self.story.steps) - 1:
                self.go(self.step_index + 1)
            else:
                self.playing = False
                self._show(1.0)

    def pause(self) -> None:
        self.playing = False
        self._motion.stop()

    def keys(self) -> tuple[int, ...]:
        return (Qt.Key_Space, Qt.Key_Home, Qt.Key_End)

    def key(self, key: int) -> bool:
        if self.story is None:
            return False
        if key == Qt.Key_Space:
            self.play()
        elif key == Qt.Key_Home:
            self.go(0, 0.0)
        elif key == Qt.Key_End:
            self.go(len(self.story.steps) - 1, 1.0)
        else:
            return False
        return True

    # Showing

    def _show(self, t: float) -> None:
        still = self.still
        if self.story is None or still is None or self._say is None:
            return
        said = self._say(still)
        if said != self.sentence.text():
            self.sentence.setText(said)
        n = len(self.story.steps)
        self.counted.setText(tr("Step {k} of {n}").format(k=self.step_index + 1, n=n))
        self.bar.show_step(self.step_index, t)
        self.play_button.setIcon(icon("pause" if self.playing else "play"))
        self.back_button.setEnabled(self.step_index > 0 or t > 0)
        self.next_button.setEnabled(self.step_index < n - 1 or t < 1)
        self.canvas.update()

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        still = self.still
        if still is not None and self._draw is not None:
            self._draw(painter, area, still)
        elif self.message == "":
            painter.setPen(QColor(theme.current().muted))
            painter.setFont(self.sentence.font())
            painter.drawText(area, Qt.AlignCenter, tr("The net is asked …"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self.retell()

    def retell(self) -> None:
        """Say in the language in use what is put together here."""
        self._show(self._motion.t)

    def shutdown(self) -> None:
        super().shutdown()
        self._motion.stop()


def _rule(parent: QWidget) -> QFrame:
    line = QFrame(parent)
    line.setProperty("rule", True)
    line.setFixedHeight(1)
    return line
