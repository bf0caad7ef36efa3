"""``filterlab tour``: take screenshots of the window at work."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "tour",
        help="take screenshots of the window at work",
        description="Drives the real window through the main job (kernels edited, the pocket net "
        "transplanted, heatmaps shown) and saves a screenshot of each step. Needs no display.",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the pictures")
    parser.add_argument("--scale", type=float, default=1.0, help="pixels per pixel (default 1)")
    parser.add_argument("--size", default="1280x800", metavar="WxH", help="of the window")
    parser.add_argument("--lang", metavar="CODE", default="en", help="language, such as zh_CN")
    parser.add_argument(
        "--theme",
        choices=("light", "dark", "contrast-light", "contrast-dark"),
        default="light",
        help="colours",
    )
    parser.add_argument("--only", default="", metavar="TAB", help="only this tab's scenes")


def _say(path: Path) -> None:
    print(path, flush=True)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if not 0.5 <= args.scale <= 4:
        raise FilterLabError("--scale is {scale:g}; take one from 0.5 to 4", scale=args.scale)
    size = re.fullmatch(r"(\d{3,4})x(\d{3,4})", args.size)
    if size is None:
        raise FilterLabError(
            "--size is {size!r}; take width x height in pixels, such as 1024x768", size=args.size
        )
    from filterlab import languages
    from filterlab.gui.tour import take_tour

    if not languages.known(args.lang):
        raise FilterLabError(
            "--lang {code}: there is no such language; take one of {known}",
            code=args.lang,
            known=", ".join(languages.LANGUAGES),
        )
    wanted = int(size[1]), int(size[2])
    take_tour(args.out, args.scale, args.lang, args.theme, args.only, _say, wanted)
    return 0
