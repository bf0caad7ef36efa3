"""Dense features: any blob of the net on the picture, in false colours, to be saved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.picture_view import PictureView
from filterlab.progress import Job, Progress
from filterlab.surgery.features import Features, features, principal_components
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.maps import lay_colours
from filterlab.surgery.overlay import blend
from filterlab.surgery.transplant import Transplanted

__all__ = ["FalseColours", "FeaturesWindow", "features_job"]


@dataclass(frozen=True)
class FalseColours:
    """A blob's features and the picture in their colours (uint8)."""

    features: Features
    image: NDArray[np.uint8]
    explained: tuple[float, ...]


def features_job(
    transplanted: Transplanted,
    maps: ClassMaps,
    blob: str,
    picture: NDArray[np.float32],
    opacity: float,
) -> Job[FalseColours]:
    """A blob's values and their three principal components as red, green and blue."""
    yield Progress(tr("run the net"), 0, 3, blob)
    found = features(transplanted, maps, blob)
    yield Progress(tr("principal components"), 1, 3, blob)
    parts = principal_components(found.values)
    yield Progress(tr("draw the overlay"), 2, 3, blob)
    shape = (picture.shape[0], picture.shape[1])
    colours, cover = lay_colours(found, parts.colours, "tiles", shape)
    weight = np.asarray(opacity * cover, np.float32)
    mixed = blend(picture, colours, weight)
    image = (mixed * 255 + 0.5).astype(np.uint8)
    return FalseColours(found, image, tuple(float(v) for v in parts.explained))


class FeaturesWindow(QDialog):
    """Choose a blob, see its principal components, save its values.

    Signals
    -------
    blob_chosen(str), save_requested()
    """

    blob_chosen = pyqtSignal(str)
    save_requested = pyqtSignal()

    def __init__(self, blobs: list[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Dense features"))
        self.setWindowFlag(Qt.WindowContextHelpButtonHint, False)
        self.found: FalseColours | None = None
        self.blobs = QComboBox(self)
        self.blobs.addItems(blobs)
        self.blobs.setCurrentIndex(len(blobs) - 1)
        self.blobs.currentTextChanged.connect(self.blob_chosen)
        self.save_button = QPushButton(tr("Save as .npy …"), self)
        self.save_button.clicked.connect(self.save_requested)
        self.note = QLabel(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self.view = PictureView(self)
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        row.addWidget(QLabel(tr("Blob"), self))
        row.addWidget(self.blobs, 1)
        row.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        margin = 2 * theme.STEP
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.STEP)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.note)
        self.resize(640, 560)

    def choose(self, blob: str) -> None:
        """Choose a blob without signalling."""
        self.blobs.blockSignals(True)
        self.blobs.setCurrentText(blob)
        self.blobs.blockSignals(False)

    def show_features(self, found: FalseColours) -> None:
        """Show a blob in false colours."""
        self.found = found
        rows, cols = found.features.picture_size
        shape = found.image.shape
        self.view.set_image(found.image, pixel=(cols / shape[1], rows / shape[0]))
        channels, height, width = found.features.values.shape
        share = sum(found.explained[:3])
        self.note.setText(
            tr(
                "{channels} channels on {w} × {h} places; the three largest principal components "
                "as red, green and blue explain {share} % of the variance. The same input as the "
                "map."
            ).format(channels=channels, w=width, h=height, share=round(100 * share))
        )
