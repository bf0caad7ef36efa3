"""The dense pass timed beside sliding the plain classifier, as a bar chart."""

from __future__ import annotations

from PyQt5.QtCore import QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent
from PyQt5.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.surgery.cost import duration
from filterlab.surgery.sliding import Sliding

__all__ = ["SlidingWindow"]


class _Bars(QWidget):
    """Horizontal bars with their times."""

    def __init__(self, bars: list[tuple[str, float, bool]], parent: QWidget) -> None:
        super().__init__(parent)
        self._bars = bars

    def sizeHint(self) -> QSize:
        return QSize(480, 58 * len(self._bars))

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        longest = max(seconds for _, seconds, _ in self._bars)
        step = self.height() / len(self._bars)
        line = theme.line_height(painter.fontMetrics())
        number = painter.fontMetrics().horizontalAdvance("000.00 ms") + 8
        for k, (name, seconds, accent) in enumerate(self._bars):
            top = k * step
            painter.setPen(QColor(colours.text))
            painter.drawText(
                QRectF(0, top, self.width(), line), int(Qt.AlignLeft | Qt.AlignVCenter), name
            )
            room = self.width() - number
            bar = QRectF(0, top + line + 3, max(2.0, room * seconds / longest), 14)
            painter.setPen(Qt.NoPen)
            painter.setBrush(QColor(colours.accent if accent else colours.muted))
            painter.drawRoundedRect(bar, 3, 3)
            painter.setPen(QColor(colours.text))
            painter.drawText(
                QRectF(bar.right() + 8, top + line + 1, number, 18),
                int(Qt.AlignLeft | Qt.AlignVCenter),
                duration(seconds),
            )
        painter.end()


class SlidingWindow(QDialog):
    """How much the dense pass saves on this machine."""

    def __init__(self, result: Sliding, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.setWindowTitle(tr("One dense pass against sliding windows"))
        self.result_ = result
        headline = QLabel(
            tr("{cells} times the output in {times} times the time").format(
                cells=result.times_the_output, times=f"{result.times_the_time:.1f}"
            ),
            self,
        )
        font = headline.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        font.setBold(True)
        headline.setFont(font)
        bars = _Bars(
            [
                (tr("one pass of the classifier (1 cell)"), result.one, False),
                (
                    tr("one pass of the dense net ({n} cells)").format(n=result.cells),
                    result.dense_seconds,
                    True,
                ),
                (
                    tr("sliding the classifier ({n} passes)").format(n=result.cells),
                    result.seconds,
                    False,
                ),
            ],
            self,
        )
        note = QLabel(
            tr(
                "Neighbouring windows share most of their pixels; the dense net computes the "
                "shared part once. Measured just now, on this machine: {gain} times faster."
            ).format(gain=f"{result.gain:.0f}"),
            self,
        )
        note.setWordWrap(True)
        note.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        margin = 3 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(2 * theme.STEP)
        layout.addWidget(headline)
        layout.addWidget(bars)
        layout.addWidget(note)
        self.resize(560, 340)
