"""What a net of one's own is, said before its surgery, and its input as it gets it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QPixmap
from PyQt5.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from filterlab.errors import FilterLabError
from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.pictures import COMPOSED, sample
from filterlab.surgery.doctor import Findings, as_the_net_sees_it, examine
from filterlab.surgery.heatmap import Preprocessing
from filterlab.zoo.labels import read_labels

__all__ = ["Asked", "Examined", "NetFindings", "examined"]

_PREVIEW = 112


@dataclass(frozen=True)
class Asked:
    """What is to be looked at, and what was chosen for it (None: as the net itself says)."""

    prototxt: Path
    weights: Path | None
    labels: Path | None
    ready: Preprocessing
    output: str | None = None
    activation: str | None = None
    channels: int | None = None


@dataclass(frozen=True)
class Examined:
    """The findings, what is wrong with the list of names, and a picture as the net gets it.

    Attributes
    ----------
    labels : a sentence, or the empty string.
    preview : ndarray (h, w, 3) uint8, its values stretched to what can be seen; or None.
    low, high : the values that became black and white.
    """

    findings: Findings
    labels: str = ""
    preview: NDArray[np.uint8] | None = None
    low: float = 0.0
    high: float = 0.0


def examined(asked: Asked) -> Examined:
    """Look at a net; fit for any thread. Nothing is raised: what is wrong is among the findings."""
    found = examine(
        asked.prototxt,
        asked.weights,
        output=asked.output,
        activation=asked.activation,
        channels=asked.channels,
    )
    labels = ""
    if asked.labels is not None and not found.trouble:
        try:
            labels = found.labels_trouble(len(read_labels(asked.labels)))
        except FilterLabError as error:
            labels = str(error)
    if found.trouble or min(found.size) < 1:
        return Examined(found, labels)
    seen = as_the_net_sees_it(sample(COMPOSED), found.size, found.channels, asked.ready)
    image = np.ascontiguousarray(seen.image * 255 + 0.5, np.uint8)
    return Examined(found, labels, image, seen.low, seen.high)


class NetFindings(QWidget):
    """Remarks, choices and the preview.

    Signals
    -------
    chosen() : output, activation or channels were chosen; see :meth:`choices`
    """

    chosen = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.found: Findings | None = None
        self.remarks = QLabel(self)
        self.remarks.setWordWrap(True)
        self.remarks.setTextFormat(Qt.PlainText)
        self.output, self.activation, self.channels = (self._combo() for _ in range(3))
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(2 * theme.STEP)
        self._form.setVerticalSpacing(theme.STEP)
        self._form.addRow(tr("Output"), self.output)
        self._form.addRow(tr("Probabilities by"), self.activation)
        self._form.addRow(tr("Channels"), self.channels)
        self.preview = QLabel(self)
        self.preview.setFixedSize(QSize(_PREVIEW, _PREVIEW))
        self.preview.setAlignment(Qt.AlignCenter)
        self.range = QLabel(self)
        self.range.setProperty("role", "muted")
        self.range.setFont(theme.font(12))
        self.range.setAlignment(Qt.AlignHCenter)
        self.range.setToolTip(tr("A sample as the net gets it, and the values it gets"))
        picture = QVBoxLayout()
        picture.setSpacing(4)
        picture.addWidget(self.preview)
        picture.addWidget(self.range)
        picture.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(theme.STEP)
        words.addWidget(self.remarks)
        words.addLayout(self._form)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.STEP)
        row.addLayout(picture)
        row.addLayout(words, 1)
        self.setVisible(False)

    def _combo(self) -> QComboBox:
        combo = QComboBox(self)
        combo.activated.connect(self._on_chosen)
        return combo

    def _on_chosen(self, _: int) -> None:
        self.chosen.emit()

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen: ``output``, ``activation``, ``channels``; None as the net says."""
        if self.found is None:
            return {"output": None, "activation": None, "channels": None}
        return {
            "output": self.output.currentData(),
            "activation": self.activation.currentData(),
            "channels": self.channels.currentData(),
        }

    def clear(self) -> None:
        """Another net: nothing is known, nothing chosen."""
        self.found = None
        self.setVisible(False)

    def show_examined(self, result: Examined) -> None:
        """Say what was found, and offer what can be chosen."""
        found = self.found = result.findings
        self.setVisible(not found.trouble)
        if found.trouble:
            return
        told = [tr(remark) for remark in found.remarks]
        if result.labels:
            told.append(tr(result.labels))
        self.remarks.setText("\n".join(told))
        names = {"softmax": tr("softmax"), "sigmoid": tr("sigmoid"), "none": tr("none: values")}
        outputs = [(f"{o.blob} ({o.values})", o.blob) for o in found.outputs]
        self._offer(self.output, outputs, found.output)
        self._offer(
            self.activation, [(names.get(a, a), a) for a in found.activations], found.activation
        )
        counts = dict.fromkeys((found.channels, found.declared_channels))
        self._offer(self.channels, [(str(n), n) for n in counts], found.channels)
        if result.preview is not None:
            self.preview.setPixmap(_pixmap(result.preview))
            self.range.setText(f"{result.low:.3g} … {result.high:.3g}".replace("-", "\u2212"))

    def _offer(self, combo: QComboBox, offers: list[tuple[str, Any]], chosen: Any) -> None:
        with QSignalBlocker(combo):
            combo.clear()
            for text, key in offers:
                combo.addItem(text, key)
            combo.setCurrentIndex(max(0, combo.findData(chosen)))
        several = len(offers) > 1
        combo.setVisible(several)
        self._form.labelForField(combo).setVisible(several)


def _pixmap(pixels: NDArray[np.uint8]) -> QPixmap:
    image = image_of(pixels)
    return QPixmap.fromImage(
        image.scaled(_PREVIEW, _PREVIEW, Qt.KeepAspectRatio, Qt.SmoothTransformation)
    )
