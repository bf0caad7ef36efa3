"""The user's own kernels: kept under a name and a category, renamed, deleted, exchanged."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import QSize, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from filterlab.gui import theme
from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.file_dialogs import open_path, save_path
from filterlab.gui.i18n import tr
from filterlab.gui.widgets.thumbs import kernel_icon
from filterlab.surgery.kernels.library import KernelLibrary

__all__ = ["OwnKernelsDialog", "SaveKernelDialog"]


class SaveKernelDialog(QDialog):
    """Asks for a name and a category."""

    def __init__(self, library: KernelLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Save as my preset"))
        self.name_edit = QLineEdit(self)
        self.name_edit.setPlaceholderText(tr("Name"))
        self.category = QComboBox(self)
        self.category.setEditable(True)
        self.category.addItems(library.categories() or [tr("My kernels")])
        self.buttons = QDialogButtonBox(QDialogButtonBox.Save | QDialogButtonBox.Cancel, self)
        self.buttons.button(QDialogButtonBox.Save).setText(tr("Save"))
        self.buttons.button(QDialogButtonBox.Cancel).setText(tr("Cancel"))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(tr("Name"), self.name_edit)
        form.addRow(tr("Category"), self.category)
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * theme.STEP)
        layout.addLayout(form)
        layout.addWidget(self.buttons)
        self.resize(320, self.sizeHint().height())

    @property
    def name(self) -> str:
        """The name typed."""
        return str(self.name_edit.text()).strip()

    @property
    def category_name(self) -> str:
        """The category typed or chosen."""
        return str(self.category.currentText()).strip()


class OwnKernelsDialog(QDialog):
    """Lists the user's kernels; every change is on disk at once.

    Signals
    -------
    chosen(str) : a kernel is wanted in the filter in front
    """

    chosen = pyqtSignal(str)

    def __init__(self, library: KernelLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.library = library
        self.setWindowTitle(tr("My presets"))
        self.list = QListWidget(self)
        self.list.setIconSize(QSize(32, 32))
        self.list.itemChanged.connect(self._on_renamed)
        self.list.itemDoubleClicked.connect(self._on_double)
        self.list.currentRowChanged.connect(self._on_row)
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        self.category = QLineEdit(self)
        self.category.setPlaceholderText(tr("Category"))
        self.category.editingFinished.connect(self._on_category)
        self.use_button = self._button(tr("Use"), self._on_use)
        self.delete_button = self._button(tr("Delete"), self._on_delete)
        self.export_button = self._button(tr("Export …"), self._on_export)
        self.import_button = self._button(tr("Import …"), self._on_import)
        self.close_button = self._button(tr("Close"), self.accept)
        side = QVBoxLayout()
        side.addWidget(self.use_button)
        side.addWidget(self.category)
        side.addWidget(self.delete_button)
        side.addSpacing(theme.STEP)
        side.addWidget(self.export_button)
        side.addWidget(self.import_button)
        side.addStretch(1)
        side.addWidget(self.close_button)
        top = QHBoxLayout()
        top.setSpacing(2 * theme.STEP)
        top.addWidget(self.list, 1)
        top.addLayout(side)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.note)
        self.resize(round(460 * theme.scale()), round(380 * theme.scale()))
        self.refresh()

    def _button(self, text: str, slot: Callable[..., object]) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.clicked.connect(slot)
        return button

    def refresh(self, current: str = "") -> None:
        """Show what is on disk."""
        self.list.blockSignals(True)
        self.list.clear()
        try:
            kernels = self.library.all()
            self.note.setText(tr(self.library.notice))
        except EXPECTED as error:
            kernels = []
            self.note.setText(one_sentence(error))
        for kernel in kernels:
            item = QListWidgetItem(
                kernel_icon(kernel.values if len(kernel.values) == 3 else kernel.values[0], 32),
                kernel.name,
            )
            item.setData(0x0100, kernel.name)
            item.setData(0x0101, kernel.category)
            item.setToolTip(kernel.category)
            item.setFlags(item.flags() | 0x2)  # editable
            self.list.addItem(item)
            if kernel.name == current:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        if not kernels and not self.note.text():
            self.note.setText(
                tr("Nothing here yet: draw a kernel and choose “Save as my preset …” in its menu.")
            )
        self._on_row(self.list.currentRow())

    @property
    def selected(self) -> str:
        """The name of the kernel in front; empty for none."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(0x0100))

    def _on_row(self, row: int) -> None:
        there = row >= 0
        for part in (self.use_button, self.delete_button, self.category):
            part.setEnabled(there)
        self.export_button.setEnabled(self.list.count() > 0)
        item = self.list.currentItem()
        self.category.setText("" if item is None else str(item.data(0x0101)))

    def _try(self, action: Callable[..., object], *args: object) -> bool:
        try:
            action(*args)
        except EXPECTED as error:
            self.note.setText(one_sentence(error))
            return False
        return True

    def _on_renamed(self, item: QListWidgetItem) -> None:
        old, new = str(item.data(0x0100)), str(item.text())
        if new != old:
            done = self._try(self.library.rename, old, new)
            sentence = self.note.text()
            self.refresh(new if done else old)
            if not done:
                self.note.setText(sentence)

    def _on_category(self) -> None:
        name, item = self.selected, self.list.currentItem()
        new = str(self.category.text())
        if name and item is not None and new != str(item.data(0x0101)):
            self._try(self.library.rename, name, name, new)
            self.refresh(name)

    def _on_double(self, item: QListWidgetItem) -> None:
        self.list.editItem(item)

    def _on_use(self) -> None:
        if self.selected:
            self.chosen.emit(self.selected)

    def _on_delete(self) -> None:
        if self.selected:
            self._try(self.library.delete, self.selected)
            self.refresh()

    def _on_export(self) -> None:
        path = save_path(self, "kernel", tr("Export my presets"), "kernels.json", "JSON (*.json)")
        if path is not None and self._try(self.library.export, path):
            self.note.setText(tr("Written to {name}.").format(name=path.name))

    def _on_import(self) -> None:
        path = open_path(
            self, "kernel", tr("Import presets"),
            f"{tr('Kernels')} (*.json *.txt *.csv *.tsv *.npy)",
        )  # fmt: skip
        if path is not None and self._try(self.library.import_file, path):
            self.refresh()
