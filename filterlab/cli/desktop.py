"""``filterlab desktop install``: put FilterLab into the desktop's menu, or take it out again."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from filterlab import paths
from filterlab.errors import FilterLabError

__all__ = ["ICON_SIZES", "add_parser", "run"]

ICON_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)

_ID = "org.filterlab.FilterLab"
# What tells the desktop of new entries, where it is there; the desktop finds them later without.
_TOLD = (
    ("update-desktop-database", "applications"),
    ("update-mime-database", "mime"),
    ("gtk-update-icon-cache", "icons/hicolor"),
)


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "desktop",
        help="put FilterLab into the desktop's menu",
        description="Writes the menu entry, icons in all sizes, the AppStream data and the kind of "
        "file that projects are into the user's own folders (or --prefix), as the freedesktop.org "
        "standards say. Needs no administrator.",
    )
    parser.add_argument("action", choices=("install", "remove"), help="put in, or take out")
    parser.add_argument(
        "--prefix",
        metavar="DIR",
        help="the share folder to write to (default: $XDG_DATA_HOME, else ~/.local/share)",
    )


def _share(prefix: str | None) -> Path:
    if prefix:
        return Path(prefix).expanduser().absolute()
    chosen = os.environ.get("XDG_DATA_HOME", "")
    return Path(chosen) if os.path.isabs(chosen) else Path.home() / ".local" / "share"


def _targets(share: Path) -> dict[Path, int | str]:
    """Where each file goes: an icon's size in pixels, or the name of a shipped file."""
    icons = share / "icons" / "hicolor"
    found: dict[Path, int | str] = {
        share / "applications" / f"{_ID}.desktop": f"{_ID}.desktop",
        share / "metainfo" / f"{_ID}.metainfo.xml": f"{_ID}.metainfo.xml",
        share / "mime" / "packages" / f"{_ID}.xml": f"{_ID}.xml",
        icons / "scalable" / "apps" / f"{_ID}.svg": "",
    }
    for size in ICON_SIZES:
        found[icons / f"{size}x{size}" / "apps" / f"{_ID}.png"] = size
    return found


def _program() -> str:
    """The command that opens the window, as a menu entry's Exec wants it."""
    if getattr(sys, "frozen", False):
        command = [sys.executable]
    else:
        beside = Path(sys.executable).with_name("filterlab")
        found = str(beside) if beside.is_file() else shutil.which("filterlab")
        command = [found] if found else [sys.executable, "-m", "filterlab"]
    return " ".join(_quoted(part) for part in command)


def _quoted(part: str) -> str:
    # The Desktop Entry Specification: a percent sign is doubled, and in quotes four characters
    # are escaped; backslashes once more, for the file's own strings.
    text = part.replace("%", "%%")
    if not any(c in text for c in " \t\n\"'\\><~|&;$*?#()`"):
        return text
    for c in '\\"`$':
        text = text.replace(c, f"\\{c}")
    return '"' + text.replace("\\", "\\\\") + '"'


def _content(what: str) -> bytes:
    if not what:
        return paths.resource("icons", "filterlab.svg").read_bytes()
    data = paths.resource("desktop", what).read_bytes()
    if what.endswith(".desktop"):
        data = data.replace(b"Exec=filterlab %f", f"Exec={_program()} %f".encode())
    return data


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if not sys.platform.startswith("linux") and not args.prefix:
        raise FilterLabError(
            "'filterlab desktop' is for desktops that follow freedesktop.org's standards; on "
            "Windows and macOS make a shortcut to filterlab-window, or use the portable folder"
        )
    share = _share(args.prefix)
    icons: dict[int, bytes] = {}
    if args.action == "install":
        from filterlab.gui.icons import app_icon_pngs

        icons = app_icon_pngs(ICON_SIZES)
    for path, what in _targets(share).items():
        if args.action == "install":
            path.parent.mkdir(parents=True, exist_ok=True)
            from filterlab.caffe.files import atomic_write  # late: it brings the engine

            with atomic_write(path) as file:
                file.write(icons[what] if isinstance(what, int) else _content(what))
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
    for command, folder in _TOLD:
        program = shutil.which(command)
        if program and (share / folder).is_dir():
            subprocess.run([program, str(share / folder)], capture_output=True, check=False)
    done = "is in" if args.action == "install" else "was taken out of"
    print(f"FilterLab {done} the desktop's menu ({share})")
    return 0
