"""Every file dialog: where it begins, the ending where none was typed, what would be replaced.

For each kind of file the folder is remembered that was chosen last, across starts. A file dialog
asks about the name as it was typed. What is written may be called otherwise (with an ending, a
number), and may be more than one file; those are asked about here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QFileDialog, QMessageBox, QWidget

from filterlab.gui.i18n import tr
from filterlab.gui.settings import Settings
from filterlab.surgery.targets import net_files, spare_inputs

__all__ = [
    "KINDS",
    "NET_ENDINGS",
    "folder_for",
    "folder_path",
    "keep_folder",
    "may_replace",
    "net_prefix",
    "net_targets",
    "open_path",
    "remember_in",
    "save_path",
]

#: Kinds of files that have a folder of their own; ``save`` is what is computed and written.
KINDS = ("picture", "kernel", "net", "project", "save")

NET_ENDINGS = (".prototxt", ".caffemodel")
_MOST_NAMED = 6

_settings: Settings | None = None


def remember_in(settings: Settings | None) -> None:
    """Keep the folders among these settings from now on; with None nowhere."""
    global _settings
    _settings = settings


def folder_for(kind: str) -> str:
    """Where a dialog of one of :data:`KINDS` begins: where the last one ended.

    If that folder is gone (renamed, on a stick), it is the nearest above it that is there; empty,
    which leaves it to the system, if there is none or nothing is remembered.
    """
    kept = _settings.text(_key(kind)) if _settings is not None else ""
    if not kept or not os.path.isabs(kept):
        return ""
    path = Path(kept)
    # The root itself is no place of the user's.
    above = (folder for folder in (path, *path.parents) if folder.parent != folder)
    return next((str(folder) for folder in above if os.path.isdir(folder)), "")


def keep_folder(kind: str, folder: str | os.PathLike[str]) -> None:
    """Begin the next dialog of a kind in this folder."""
    if _settings is not None:
        _settings.set_text(_key(kind), os.path.abspath(folder))


def _key(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"no kind of file {kind!r}; one of {', '.join(KINDS)}")
    return f"{kind}_folder"


def open_path(
    parent: QWidget, kind: str, title: str, patterns: str, start: str = ""
) -> Path | None:
    """Ask for a file to open; None if none was chosen.

    ``start`` is a folder that counts more than the remembered one.
    """
    path, _ = QFileDialog.getOpenFileName(parent, title, start or folder_for(kind), patterns)
    if not path:
        return None
    keep_folder(kind, os.path.dirname(path))
    return Path(path)


def folder_path(parent: QWidget, kind: str, title: str) -> Path | None:
    """Ask for a folder; None if none was chosen."""
    folder = QFileDialog.getExistingDirectory(parent, title, folder_for(kind))
    if not folder:
        return None
    keep_folder(kind, folder)
    return Path(folder)


def save_path(
    parent: QWidget,
    kind: str,
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
    kind : str
        One of :data:`KINDS`.
    start, patterns : str
        The name proposed, in the folder remembered unless it names one, and the file dialog's
        filters, ``"Text (*.txt);;CSV (*.csv)"``.
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
    begin = os.path.join(folder_for(kind), start)
    typed, pattern = QFileDialog.getSaveFileName(parent, title, begin, patterns)
    if not typed:
        return None
    path = _with_ending(Path(typed), (pattern, Path(start).suffix, patterns), endings)
    files = [path] if targets is None else targets(path)
    spare_inputs(files, inputs)
    if not may_replace(parent, files, Path(typed)):
        return None
    keep_folder(kind, path.parent)
    return path


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
