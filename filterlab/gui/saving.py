"""Asking where to save: the ending where none was typed, and once before files are replaced.

A file dialog asks about the name as it was typed. What is written may be called otherwise (with
an ending, a number), and may be more than one file; those are asked about here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from filterlab.gui.i18n import tr
from filterlab.surgery.targets import net_files, spare_inputs

__all__ = ["NET_ENDINGS", "may_replace", "net_prefix", "net_targets", "save_path"]

NET_ENDINGS = (".prototxt", ".caffemodel")
_MOST_NAMED = 6


def save_path(
    parent: QWidget,
    title: str,
    start: str,
    patterns: str,
    targets: Callable[[Path], Sequence[Path]] | None = None,
    *,
    endings: Collection[str] = (),
    inputs: Iterable[Path] = (),
) -> Path | None:
    """Ask for a name; None if nothing is to be saved.

    Parameters
    ----------
    start, patterns : str
        The name proposed, and the file dialog's filters, ``"Text (*.txt);;CSV (*.csv)"``.
    targets : callable, optional
        Every file that will be written under a name; the name itself if not given.
    endings : of str
        The only endings; another is taken for a part of the name. Any if empty.
    inputs : of Path
        Files that must stay as they are.

    Raises
    ------
    FilterLabError
        If one of ``inputs`` would be overwritten.
    """
    typed, pattern = QFileDialog.getSaveFileName(parent, title, start, patterns)
    if not typed:
        return None
    path = _with_ending(Path(typed), (pattern, Path(start).suffix, patterns), endings)
    files = [path] if targets is None else targets(path)
    spare_inputs(files, inputs)
    return path if may_replace(parent, files, Path(typed)) else None


def _with_ending(path: Path, sources: Iterable[str], endings: Collection[str]) -> Path:
    """The name with an ending: that of the filter chosen, else the one proposed."""
    if path.suffix.lower() in endings if endings else path.suffix:
        return path
    found = (re.search(r"\.\w+", source) for source in sources)
    ending = next((match[0] for match in found if match), "")
    return path.with_name(path.name + ending)


def may_replace(parent: QWidget, files: Iterable[Path], confirmed: Path | None = None) -> bool:
    """Ask before files are replaced; True if none is there, or they may be.

    ``confirmed`` is the one that a file dialog has asked about.
    """
    asked = None if confirmed is None else _plain(confirmed)
    # A folder that cannot be read, or a name too long, is said when the file is written.
    there = [path for path in files if os.path.lexists(path) and _plain(path) != asked]
    if not there:
        return True
    named = ", ".join(path.name for path in there[:_MOST_NAMED])
    folder, more = there[0].parent, len(there) - _MOST_NAMED
    text = tr("Replace {names} in {folder}?").format(names=named, folder=folder)
    if more > 0:
        text = tr("Replace {names} and {n} more in {folder}?").format(
            names=named, n=more, folder=folder
        )
    box = QMessageBox(QMessageBox.Warning, tr("Replace files"), text, QMessageBox.NoButton, parent)
    box.setTextFormat(Qt.PlainText)
    replace = box.addButton(tr("Replace"), QMessageBox.AcceptRole)
    keep = box.addButton(tr("Cancel"), QMessageBox.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec_()
    answer = box.clickedButton() is replace
    box.deleteLater()
    return answer


def _plain(path: Path) -> str:
    return os.path.normcase(os.path.abspath(path))


def net_prefix(path: Path) -> Path:
    """The name without ``.prototxt`` or ``.caffemodel``; other dots belong to it."""
    return path.with_suffix("") if path.suffix.lower() in NET_ENDINGS else path


def net_targets(path: Path) -> tuple[Path, Path]:
    """The two files of a net that is saved under this name."""
    return net_files(net_prefix(path))
