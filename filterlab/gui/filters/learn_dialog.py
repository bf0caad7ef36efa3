"""Find the kernel that made one picture of another, and put it into a filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QPixmap
from PyQt5.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.file_dialogs import open_path
from filterlab.gui.filters.input_panel import choice_box
from filterlab.gui.filters.size_box import SIDES
from filterlab.gui.i18n import tr
from filterlab.gui.images import image_of
from filterlab.gui.jobs import JobRunner
from filterlab.gui.widgets.elided_label import ElidedLabel
from filterlab.gui.widgets.histogram import short_number
from filterlab.gui.widgets.kernel_grid import KernelGrid
from filterlab.gui.widgets.progress_strip import ProgressStrip
from filterlab.pictures import grey_of, read_picture
from filterlab.progress import Progress
from filterlab.surgery.kernels.learn import Learned, learn_kernel_job

__all__ = ["LearnDialog"]

_SHOWN = QSize(256, 192)


class LearnDialog(QDialog):
    """Before, after, size; learn; use.

    Parameters
    ----------
    before : float32 (H, W) or (H, W, 3)
        The present input.
    outputs : list of (title, array)
        What may be the target, besides a file.

    Signals
    -------
    chosen(object) : the Learned to be put into the filter in front
    """

    chosen = pyqtSignal(object)

    def __init__(
        self,
        before: np.ndarray,
        title: str,
        outputs: list[tuple[str, np.ndarray]],
        size: tuple[int, int],
        picture_filter: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Learn a kernel"))
        self._filter = picture_filter
        self.before: np.ndarray | None = before
        self.after: np.ndarray | None = None
        self.learned: Learned | None = None
        self._outputs = outputs
        self.runner = JobRunner(self)
        self.runner.done.connect(self._on_done)
        self.runner.failed.connect(self._on_failed)
        self.runner.progressed.connect(self._on_progress)
        self.runner.finished.connect(self._on_finished)

        self._pictures = [self._picture_label() for _ in range(2)]
        self.before_button = self._button(tr("Open …"), self._on_before)
        self.after_button = self._button(tr("Open …"), self._on_after)
        self.output_box = choice_box(
            self, [(-1, tr("or an output …"))] + [(i, name) for i, (name, _) in enumerate(outputs)],
            tr("Target"), tr("An output of the filters as the picture after"),
        )  # fmt: skip
        self.output_box.setMinimumContentsLength(13)
        self.output_box.activated.connect(self._on_output)
        sides = [(side, str(side)) for side in SIDES]
        self.rows = choice_box(self, sides, tr("Rows of the kernels"))
        self.columns = choice_box(self, sides, tr("Columns of the kernels"))
        self.rows.setCurrentIndex(self.rows.findData(size[0]))
        self.columns.setCurrentIndex(self.columns.findData(size[1]))
        self.bias_box = QCheckBox(tr("find a bias, too"), self)
        self.grey_box = QCheckBox(tr("on the brightness"), self)
        self.grey_box.setChecked(True)
        self.learn_button = self._button(tr("Learn"), self.learn)
        self.learn_button.setProperty("primary", True)
        self.grid = KernelGrid(self)
        self.grid.setFixedSize(200, 200)
        self.grid.setEnabled(False)
        self.grid.hide()
        self.result_label = QLabel(
            tr("Least squares finds the kernel that best turns the picture before into the one "
               "after: a blur is recovered to the last digit."), self,
        )  # fmt: skip
        self.result_label.setWordWrap(True)
        self.result_label.setAlignment(Qt.AlignTop | Qt.AlignLeft)
        self.progress = ProgressStrip(self)
        self.progress.cancel_requested.connect(self.runner.cancel)
        self.use_button = self._button(tr("Use this kernel"), self._on_use)
        self.close_button = self._button(tr("Close"), self.reject)
        self._before_name, self._after_name = title, ""
        self._names = [ElidedLabel("", self) for _ in range(2)]
        for label in self._names:
            label.setProperty("role", "muted")
        self._lay_out()
        self._show_pictures()

    def _button(self, text: str, slot: Any) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.clicked.connect(slot)
        return button

    def _picture_label(self) -> QLabel:
        label = QLabel(self)
        label.setFixedSize(_SHOWN)
        label.setAlignment(Qt.AlignCenter)
        label.setStyleSheet(f"background: {theme.current().well};")
        return label

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * theme.STEP)
        for column, (name, button) in enumerate(
            ((tr("Before"), self.before_button), (tr("After"), self.after_button))
        ):
            heading = QLabel(name, self)
            heading.setProperty("role", "heading")
            grid.addWidget(heading, 0, column)
            grid.addWidget(self._pictures[column], 1, column)
            row = QHBoxLayout()
            row.addWidget(button)
            if column:
                row.addWidget(self.output_box, 1)
            else:
                row.addWidget(self._names[0], 1)
            grid.addLayout(row, 2, column)
        grid.addWidget(self._names[1], 3, 1)
        right = QVBoxLayout()
        size = QHBoxLayout()
        size.addWidget(QLabel(tr("size"), self))
        size.addWidget(self.rows)
        size.addWidget(QLabel("×", self))
        size.addWidget(self.columns)
        right.addLayout(size)
        right.addWidget(self.bias_box)
        right.addWidget(self.grey_box)
        right.addWidget(self.learn_button)
        right.addSpacing(theme.STEP)
        right.addStretch(1)
        grid.addLayout(right, 1, 2)
        found = QHBoxLayout()
        found.setSpacing(2 * theme.STEP)
        found.addWidget(self.grid)
        found.addWidget(self.result_label, 1)
        bottom = QHBoxLayout()
        bottom.addWidget(self.progress, 1)
        bottom.addWidget(self.use_button)
        bottom.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(2 * theme.STEP)
        layout.addLayout(grid)
        layout.addLayout(found, 1)
        layout.addLayout(bottom)
        self.resize(760, 560)

    def _show_pictures(self) -> None:
        for heading, name in zip(self._names, (self._before_name, self._after_name)):
            heading.setText(name)
        for label, pixels in zip(self._pictures, (self.before, self.after)):
            if pixels is None:
                label.setText(tr("no picture yet"))
                continue
            step = max(1, min(pixels.shape[0] // 360, pixels.shape[1] // 480))
            small = pixels[::step, ::step]
            low, high = min(0.0, float(np.nanmin(small))), max(1.0, float(np.nanmax(small)))
            bytes_ = np.nan_to_num((small - low) / (high - low) * 255).astype(np.uint8)
            image = image_of(bytes_)
            ratio = self.devicePixelRatioF()
            pixmap = QPixmap.fromImage(
                image.scaled(_SHOWN * ratio, Qt.KeepAspectRatio, Qt.SmoothTransformation)
            )
            pixmap.setDevicePixelRatio(ratio)
            label.setPixmap(pixmap)
        ready = self.before is not None and self.after is not None
        self.learn_button.setEnabled(ready and not self.runner.running)
        self.use_button.setEnabled(self.learned is not None)

    # Pictures

    def _on_before(self) -> None:
        self._open(True)

    def _on_after(self) -> None:
        self._open(False)

    def _open(self, before: bool) -> None:
        path = open_path(self, "picture", tr("Open picture"), self._filter)
        if path is not None:
            self.open_picture(str(path), before)

    def open_picture(self, path: str, before: bool) -> None:
        """Read a picture file as the one before or after."""

        def job() -> Any:
            yield Progress("Reading the picture", 0, 1)
            return before, read_picture(path), Path(path).name

        self.progress.begin(tr("Reading the picture"))
        self.runner.start(job())

    def _on_output(self, index: int) -> None:
        chosen = int(self.output_box.itemData(index))
        if chosen >= 0:
            self.after = self._outputs[chosen][1]
            self._after_name = self._outputs[chosen][0]
            self._forget()
            self._show_pictures()

    # Learning

    def learn(self) -> None:
        """Find the kernel."""
        if self.before is None or self.after is None:
            return
        before, after = self.before, self.after
        if self.grey_box.isChecked():
            before, after = grey_of(before), grey_of(after)
        size = int(self.rows.currentData()), int(self.columns.currentData())
        self._forget()
        self.learn_button.setEnabled(False)
        self.progress.begin(tr("Learning the kernel"))
        self.runner.start(learn_kernel_job(before, after, size, self.bias_box.isChecked()))

    def _on_progress(self, progress: Progress, left: float | None) -> None:
        detail = tr(progress.message)
        self.progress.set_progress(tr(progress.step), progress.fraction, detail, left)

    def _on_done(self, result: Any) -> None:
        if isinstance(result, Learned):
            self.learned = result
            kernel = result.kernel
            self.grid.set_values(kernel if kernel.ndim == 2 else kernel[1])
            self.grid.show()
            self.result_label.setText(self.account(result))
        else:
            before, pixels, name = result
            self._forget()
            if before:
                self.before, self._before_name = pixels, name
            else:
                self.after, self._after_name = pixels, name
                # The list names an output only while one is what is used.
                self.output_box.setCurrentIndex(0)

    @staticmethod
    def account(found: Learned) -> str:
        """What was found, in words."""
        explained = max(0.0, 1 - found.relative**2)
        lines = [
            tr("Residual {rms} (root mean square), {share} of the target's deviation: the kernel "
               "explains {percent} % of it.").format(
                rms=short_number(float(f"{found.rms:.2g}")),
                share=short_number(float(f"{found.relative:.2g}")),
                percent=f"{100 * explained:.4g}",
            ),
            tr("{pixels} pixels, {unknowns} unknowns.").format(
                pixels=found.pixels, unknowns=found.unknowns
            ),
        ]  # fmt: skip
        if found.bias:
            lines.append(tr("Bias {bias}.").format(bias=short_number(found.bias)))
        if found.note:
            note = tr(found.note)
            lines.append(note[0].upper() + note[1:] + tr("."))
        return "\n\n".join(lines)

    def _on_failed(self, sentence: str) -> None:
        self._forget()
        self.result_label.setText(sentence)

    def _forget(self) -> None:
        """What was learned was learned of other pictures."""
        self.learned = None
        self.grid.hide()
        self.use_button.setEnabled(False)

    def _on_finished(self) -> None:
        self.progress.end()
        self._show_pictures()

    def _on_use(self) -> None:
        if self.learned is not None:
            self.chosen.emit(self.learned)
            self.accept()

    def done(self, result: int) -> None:
        """Stop working before the dialog goes."""
        self.runner.shutdown()
        super().done(result)
