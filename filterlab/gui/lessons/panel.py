"""The panel of a lesson: one step at a time, with its check, a hint and what to notice.

It stands beside the tab, or in a low row below it where the window is narrow.
"""

from __future__ import annotations

import html
import re

from PyQt5.QtCore import QEvent, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import i18n, theme
from filterlab.gui.i18n import tr
from filterlab.gui.icons import icon
from filterlab.workbench.lessons import Progress, Wording

__all__ = ["LessonPanel", "SidePanel", "marked_up"]

WIDTH, HEIGHT = 320, 196


def marked_up(text: str) -> str:
    """A lesson's text as rich text: ``**strong**``, ``*names of controls*`` and ```code```.

    Nothing else of it is markup: it may come from a stranger.
    """
    safe = html.escape(text, quote=False)
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    safe = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", safe)
    name = f'<span style="color:{theme.current().accent_text}">\\1</span>'
    safe = re.sub(r"\*([^*]+)\*", name, safe)
    return safe.replace("\n\n", "<p>").replace("\n", " ")


def _label(parent: QWidget, role: str = "", pixels: float = 13, bold: bool = False) -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.RichText)
    label.setTextInteractionFlags(Qt.TextSelectableByMouse)
    label.setFont(theme.font(pixels, bold))
    if role:
        label.setProperty("role", role)
    label.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Minimum)
    return label


class SidePanel(QWidget):
    """What lessons and challenges share: a title, a close button, and two ways to stand.

    Signals
    -------
    closed() : the panel's cross was pressed.
    """

    closed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Lesson"))
        self.heading = QLabel(self)
        self.heading.setFont(theme.font(14, bold=True))
        self.heading.setTextFormat(Qt.PlainText)
        self.heading.setWordWrap(True)
        self.close_button = QToolButton(self)
        self.close_button.setProperty("flat", True)
        self.close_button.setIcon(icon("close", 14))
        self.close_button.setFixedSize(24, 24)
        self.close_button.clicked.connect(self.closed)
        self.top = QHBoxLayout()
        self.top.addWidget(self.heading, 1)
        self.top.addWidget(self.close_button, 0, Qt.AlignTop)
        self.body = QBoxLayout(QBoxLayout.TopToBottom)
        self.body.setSpacing(theme.STEP)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(16, 12, 12, 12)
        self._rows.setSpacing(theme.STEP)
        self._rows.addLayout(self.top)
        self._rows.addLayout(self.body, 1)
        self.stand(True)

    def stand(self, beside: bool) -> None:
        """Stand beside the tab, or lie below it."""
        self.beside = beside
        self.body.setDirection(QBoxLayout.TopToBottom if beside else QBoxLayout.LeftToRight)
        self.body.setSpacing(theme.STEP if beside else 16)
        k = theme.scale()
        if beside:
            self.setFixedWidth(round(WIDTH * k))
            self.setMinimumHeight(0)
            self.setMaximumHeight(16777215)
        else:
            self.setMinimumWidth(0)
            self.setMaximumWidth(16777215)
            self.setFixedHeight(round(HEIGHT * k))
        self.update()

    def sizeHint(self) -> QSize:
        k = theme.scale()
        return QSize(round(WIDTH * k), round(HEIGHT * k))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = theme.current()
        painter.fillRect(self.rect(), QColor(colours.surface))
        edge = QRectF(0, 0, 1, self.height()) if self.beside else QRectF(0, 0, self.width(), 1)
        painter.fillRect(edge, QColor(colours.line))
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.LanguageChange:
            self.retell()

    def retell(self) -> None:
        """Say everything in the language in use."""


class _Page(QWidget):
    """What scrolls, as high as its texts are in its width.

    Qt takes them for as high as they are in a narrower one, and scrolls though all is in sight.
    """

    def minimumSizeHint(self) -> QSize:
        hint, layout = super().minimumSizeHint(), self.layout()
        high = layout.totalHeightForWidth(self.width()) if layout is not None else -1
        return QSize(hint.width(), high if high >= 0 else hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class LessonPanel(SidePanel):
    """Shows a :class:`Progress`; the controller looks at the facts.

    Signals
    -------
    moved() : another step is in front, or one was done by an answer: to be kept.
    next_lesson() : the lesson after this one is wanted.
    """

    moved = pyqtSignal()
    next_lesson = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress: Progress | None = None
        self._said: Wording | None = None
        self._hint_shown = False
        self.has_next = False
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.count = QLabel(self)
        self.count.setProperty("role", "muted")
        self.count.setFont(theme.font(12))
        self.text = _label(self)
        self.task = _label(self, bold=True)
        self.say = _label(self, "warning")
        self.hint = _label(self, "muted")
        self.notice = _label(self, "good")
        self.choices: list[QPushButton] = []
        self._choice_box = QVBoxLayout()
        self._choice_box.setSpacing(4)

        reading, doing = QVBoxLayout(), QVBoxLayout()
        reading.addWidget(self.text)
        reading.addStretch(1)
        doing.setSpacing(theme.STEP)
        doing.addWidget(self.task)
        doing.addLayout(self._choice_box)
        for label in (self.say, self.hint, self.notice):
            doing.addWidget(label)
        doing.addStretch(1)
        page = _Page(self)
        page.setObjectName("lesson_page")
        self._page = QBoxLayout(QBoxLayout.TopToBottom, page)
        self._page.setContentsMargins(0, 0, 4, 0)
        self._page.addLayout(reading, 0)
        self._page.addLayout(doing, 1)
        self.scroll_area = QScrollArea(self)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setFrameShape(QFrame.NoFrame)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.scroll_area.setFocusPolicy(Qt.NoFocus)
        self.scroll_area.setWidget(page)
        # The panel's own surface shows through.
        self.scroll_area.setStyleSheet("QScrollArea, #lesson_page { background: transparent; }")
        self.body.addWidget(self.scroll_area, 1)

        self.back_button = QPushButton(self)
        self.hint_button = QPushButton(self)
        self.next_button = QPushButton(self)
        self.next_button.setProperty("accent", True)
        self.anew_button = QPushButton(self)
        self.anew_button.setProperty("flat", True)
        self.back_button.clicked.connect(lambda: self._go(-1))
        self.next_button.clicked.connect(self._on_next)
        self.hint_button.clicked.connect(self._on_hint)
        self.anew_button.clicked.connect(self._on_anew)
        self._buttons = QBoxLayout(QBoxLayout.LeftToRight)
        self._buttons.setSpacing(theme.STEP)
        for button in (self.back_button, self.hint_button, self.next_button):
            self._buttons.addWidget(button)
        self._foot = QWidget(self)
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 4, 0)
        foot.addStretch(1)
        foot.addLayout(self._buttons)
        foot.addWidget(self.anew_button, 0, Qt.AlignHCenter)
        self.body.addWidget(self._foot)
        self._rows.insertWidget(1, self.bar)
        self.top.insertWidget(1, self.count, 0, Qt.AlignTop)
        for button in (self.back_button, self.hint_button, self.next_button):
            button.setMinimumHeight(round(30 * theme.scale()))
        self._page.setSpacing(16)
        self.retell()

    def stand(self, beside: bool) -> None:
        super().stand(beside)
        if hasattr(self, "_buttons"):
            self._buttons.setDirection(QBoxLayout.LeftToRight if beside else QBoxLayout.BottomToTop)
            way = QBoxLayout.TopToBottom if beside else QBoxLayout.LeftToRight
            self._page.setDirection(way)
            self._page.setStretch(0, 0 if beside else 1)
            self.anew_button.setVisible(beside)

    def show_progress(self, progress: Progress) -> None:
        """Show a lesson where somebody is in it."""
        self.progress = progress
        self._said, self._hint_shown = None, False
        self._fill()

    def say_wrong(self, said: Wording | None) -> None:
        """Answer a wrong turn; None takes the last answer back."""
        step = self.progress.step if self.progress is not None else None
        if said != self._said and (step is None or not step.choices):
            self._said = said
            self._show_state()

    def refresh(self) -> None:
        """Show whether the step is done by now."""
        self._show_state()

    def retell(self) -> None:
        self.close_button.setToolTip(tr("Leave the lesson"))
        self.close_button.setAccessibleName(tr("Leave the lesson"))
        self.back_button.setText(tr("Back"))
        self.hint_button.setText(tr("Hint"))
        self.anew_button.setText(tr("Begin anew"))
        self._fill()

    # Filling

    def _told(self, text: Wording) -> str:
        return marked_up(text.say(i18n.language()))

    def _fill(self) -> None:
        progress = self.progress
        if progress is None:
            return
        lesson, step = progress.lesson, progress.step
        self.heading.setText(lesson.title.say(i18n.language()))
        count = len(lesson.steps)
        self.bar.setRange(0, count)
        self.bar.setValue(progress.at)
        self.count.setText(
            tr("Step {n} of {count}").format(n=progress.at + 1, count=count)
            if step is not None
            else tr("All {count} steps done").format(count=count)
        )
        while self.choices:
            self.choices.pop().deleteLater()
        if step is None:
            self.text.setText(marked_up(tr("That was the lesson. Go on, or try things by hand.")))
            self.task.setText("")
        else:
            self.text.setText(self._told(step.text))
            self.task.setText(self._told(step.task))
            for number, choice in enumerate(step.choices):
                button = QPushButton(choice.text.say(i18n.language()).replace("&", "&&"), self)
                button.setCheckable(True)
                button.setStyleSheet("text-align: left;")
                button.clicked.connect(lambda _=False, n=number: self._on_choice(n))
                self._choice_box.addWidget(button)
                self.choices.append(button)
        self.scroll_area.verticalScrollBar().setValue(0)
        self._show_state()

    def _show_state(self) -> None:
        progress = self.progress
        if progress is None:
            return
        step, done = progress.step, progress.is_done
        for number, button in enumerate(self.choices):
            button.setChecked(number == progress.answered)
        said = self._said
        self.say.setText("" if said is None or (done and step and not step.choices) else
                         self._told(said))  # fmt: skip
        right = bool(step and step.choices and done)
        self.say.setProperty("role", "good" if right else "warning")
        self.say.style().unpolish(self.say)
        self.say.style().polish(self.say)
        notice = step.notice if step is not None and done else None
        self.notice.setText("✓ " + self._told(notice) if notice else "")
        hint = step.hint if step is not None and self._hint_shown and not done else None
        self.hint.setText(self._told(hint) if hint else "")
        for label in (self.task, self.say, self.hint, self.notice):
            label.setVisible(bool(label.text()))
        self.back_button.setEnabled(progress.at > 0)
        self.hint_button.setEnabled(step is not None and bool(step.hint) and not done)
        self.next_button.setEnabled(done and (step is not None or self.has_next))
        last = progress.at == len(progress.lesson.steps) - 1
        self.next_button.setText(
            tr("Next lesson") if step is None else tr("Finish") if last else tr("Next")
        )
        self.next_button.setToolTip("" if done else tr("First do what is asked"))

    # Pressing

    def _on_choice(self, number: int) -> None:
        if self.progress is not None:
            self._said = self.progress.answer(number)
            self._show_state()
            self.moved.emit()

    def _on_hint(self) -> None:
        self._hint_shown = True
        self._show_state()

    def _on_next(self) -> None:
        if self.progress is not None and self.progress.step is None:
            self.next_lesson.emit()
        else:
            self._go(1)

    def _go(self, by: int) -> None:
        if self.progress is not None and self.progress.go(by):
            self._said, self._hint_shown = None, False
            self._fill()
            self.moved.emit()

    def _on_anew(self) -> None:
        if self.progress is not None:
            self.progress.reset()
            self._said, self._hint_shown = None, False
            self._fill()
            self.moved.emit()
