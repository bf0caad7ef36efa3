"""A picture that takes the place of everything in the window, and what a presenter does to it."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, QSizeF, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QCursor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PyQt5.QtWidgets import QApplication, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr

__all__ = ["BACK_KEYS", "NEXT_KEYS", "Scene", "unit"]

#: What goes on and back: arrow keys, and what clickers send.
NEXT_KEYS = (Qt.Key_Right, Qt.Key_PageDown)
BACK_KEYS = (Qt.Key_Left, Qt.Key_PageUp)

_LASER = QColor(255, 32, 32)
#: A message goes after so many milliseconds; a room has read it by then.
_TOLD_MS = 8000


def unit(width: float, height: float) -> float:
    """Pixels for one pixel of a window of 1080 lines; a screen of 4:3 counts by its height."""
    return min(height / 1080, width / 1440)


class _Over(QWidget):
    """Lies over a scene: the frozen picture, the dark, the laser pointer, a message."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.setAttribute(Qt.WA_TransparentForMouseEvents)
        self.frozen: QPixmap | None = None
        self.dark = False
        self.laser: QPoint | None = None
        self.message = ""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        s = unit(self.width(), self.height())
        if self.dark:
            painter.fillRect(self.rect(), QColor("#000000"))
        elif self.frozen is not None:
            painter.drawPixmap(self.rect(), self.frozen)
        painter.setRenderHint(QPainter.Antialiasing)
        if self.message and not self.dark:
            self._tell(painter, s)
        if self.laser is not None:
            radius = max(7.0, 13 * s)
            glow = QColor(_LASER)
            glow.setAlpha(90)
            painter.setPen(Qt.NoPen)
            painter.setBrush(glow)
            painter.drawEllipse(QPointF(self.laser), 2 * radius, 2 * radius)
            painter.setBrush(_LASER)
            painter.drawEllipse(QPointF(self.laser), radius, radius)
        painter.end()

    def _tell(self, painter: QPainter, s: float) -> None:
        font = theme.font(13)
        font.setPixelSize(max(14, round(28 * s)))
        painter.setFont(font)
        wide = self.width() * 0.8
        flags = int(Qt.AlignCenter | Qt.TextWordWrap)
        need = painter.boundingRect(QRectF(0, 0, wide, self.height()), flags, self.message)
        place = QRectF(0, 0, need.width() + 48 * s, need.height() + 28 * s)
        place.moveCenter(QPointF(self.width() / 2, self.height() - place.height() / 2 - 24 * s))
        painter.setPen(Qt.NoPen)
        painter.setBrush(QColor(theme.current().surface))
        painter.drawRoundedRect(place, 6, 6)
        painter.setPen(QColor(theme.current().text))
        painter.drawText(place, flags, self.message)


class Scene(QWidget):
    """Fills the window's content until it is left.

    ← → or a clicker's PgUp and PgDn step; Esc or F5 leaves; F holds the picture while things
    change behind it; B makes it dark; L, held, is a laser pointer that follows the mouse.

    Signals
    -------
    left() : the user leaves
    """

    left = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.StrongFocus)
        self.setMouseTracking(True)
        self.setAutoFillBackground(False)
        self._over = _Over(self)
        self._told = QTimer(self)
        self._told.setSingleShot(True)
        self._told.setInterval(_TOLD_MS)
        self._told.timeout.connect(self._untell)

    # For the scenes

    def step(self, by: int) -> None:
        """Go on (1) or back (-1)."""

    def key(self, key: int) -> bool:
        """Do what another key asks for; whether it is one of the scene's."""
        return False

    def keys(self) -> tuple[int, ...]:
        """The scene's own keys, beside those that all have."""
        return ()

    def pause(self) -> None:
        """Stop what moves by itself."""

    def shutdown(self) -> None:
        """Stop all work; the scene is not used afterwards."""
        self._point(False)
        self._told.stop()

    # What a presenter does

    @property
    def frozen(self) -> bool:
        """Whether the room sees a picture that is held."""
        return self._over.frozen is not None

    @property
    def dark(self) -> bool:
        """Whether the room sees nothing."""
        return self._over.dark

    @property
    def laser(self) -> QPoint | None:
        """Where the laser pointer is; None while its key is not held."""
        return self._over.laser

    @property
    def message(self) -> str:
        """The sentence that is shown over the scene."""
        return self._over.message

    def tell(self, sentence: str) -> None:
        """Show a sentence for a while."""
        self._over.message = sentence
        self._over.update()
        self._told.start()

    def _untell(self) -> None:
        self._over.message = ""
        self._over.update()

    def freeze(self, on: bool) -> None:
        """Hold the picture, or show again what there is by now."""
        if on == self.frozen:
            return
        self._over.frozen = None
        if on:
            self.pause()
            self._over.hide()
            held = self.grab()
            self._over.show()
            self._over.frozen = held
            self.tell(tr("The picture is held; F lets it go."))
        else:
            self._untell()
        self._over.update()

    def darken(self, on: bool) -> None:
        """Show nothing, or the scene again."""
        self._over.dark = on
        if on:
            self.pause()
        self._over.update()

    def _point(self, on: bool) -> None:
        app = QApplication.instance()
        if on == (self._over.laser is not None) or app is None:
            return
        if on:
            self._over.laser = self.mapFromGlobal(QCursor.pos())
            app.installEventFilter(self)
            self.setCursor(Qt.BlankCursor)
        else:
            self._over.laser = None
            app.removeEventFilter(self)
            self.unsetCursor()
        self._over.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the mouse wherever it is, while the pointer's key is held."""
        if (
            isinstance(event, QMouseEvent)
            and event.type() == QEvent.MouseMove
            and self._over.laser is not None
        ):
            self._over.laser = self.mapFromGlobal(event.globalPos())
            self._over.update()
        return False

    # Keys

    def _known(self) -> tuple[int, ...]:
        return (
            *NEXT_KEYS, *BACK_KEYS, Qt.Key_Escape, Qt.Key_F5, Qt.Key_F, Qt.Key_B, Qt.Key_Period,
            Qt.Key_L, *self.keys(),
        )  # fmt: skip

    def event(self, event: QEvent) -> bool:
        # Else a menu's shortcut would take a clicker's keys.
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.ShortcutOverride
            and _plain(event)
            and event.key() in self._known()
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if not _plain(event) or key not in self._known():
            super().keyPressEvent(event)
            return
        if key in (Qt.Key_Escape, Qt.Key_F5):
            if not event.isAutoRepeat():
                self.left.emit()
        elif key == Qt.Key_L:
            if not event.isAutoRepeat():
                self._point(True)
        elif key == Qt.Key_F:
            self.freeze(not self.frozen)
        elif key in (Qt.Key_B, Qt.Key_Period):
            self.darken(not self.dark)
        elif self.dark:
            self.darken(False)
        elif not self.key(key):
            if key in NEXT_KEYS:
                self.step(1)
            elif key in BACK_KEYS:
                self.step(-1)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key_L and not event.isAutoRepeat():
            self._point(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The key may be let go where we do not hear of it."""
        self._point(False)
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._over.setGeometry(self.rect())
        self._over.raise_()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._over.raise_()
        self.setFocus(Qt.OtherFocusReason)

    @property
    def room(self) -> QSizeF:
        """The scene's size."""
        return QSizeF(self.size())


def _plain(event: QKeyEvent) -> bool:
    return not event.modifiers() & ~(Qt.KeypadModifier | Qt.ShiftModifier)
