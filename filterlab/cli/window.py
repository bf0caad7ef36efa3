"""``filterlab`` and ``filterlab window``: open the window."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from typing import Any

from filterlab.errors import FilterLabError

__all__ = ["add_parser", "has_display", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("window", help="open the window (the default)")
    parser.add_argument("file", nargs="?", help="a picture or a project to open")


def has_display() -> bool:
    """Whether a window can be shown; a chosen Qt platform such as offscreen counts as one."""
    if not sys.platform.startswith("linux"):
        return True
    chosen = os.environ.get("QT_QPA_PLATFORM", "")
    if chosen and not chosen.startswith(("xcb", "wayland")):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    # Qt aborts the process when it finds no display, so ask before it is loaded.
    if not has_display():
        raise FilterLabError(
            "there is no display to open a window on; run 'filterlab tour --out DIR' for pictures "
            "of the window, or start it from a desktop session (DISPLAY is not set)"
        )
    project = (args.file or "").lower().endswith(".filterlab")
    if project and not os.path.isfile(args.file):
        raise FilterLabError("{file}: there is no such project; look at its name", file=args.file)
    gc.disable()  # a start makes no garbage; the window looks for it between its events
    try:
        from filterlab.gui.app import run_window

        return run_window(picture=args.file)
    finally:
        gc.enable()
