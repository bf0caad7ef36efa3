"""The frame of an animation, the page of a TIFF: ``--frame N``, counted from 1 as in the tabs."""

from __future__ import annotations

import argparse
from typing import Any

from filterlab.errors import FilterLabError

__all__ = ["add_frame", "frame_of"]


def add_frame(parser: Any) -> None:
    """``--frame``."""
    parser.add_argument(
        "--frame",
        type=int,
        default=1,
        metavar="N",
        help="frame of an animated GIF, WebP or PNG, or page of a TIFF, from 1 (default 1)",
    )


def frame_of(args: argparse.Namespace) -> int:
    """The frame's index, from 0."""
    frame: int = args.frame
    if frame < 1:
        raise FilterLabError("--frame {n}: frames are counted from 1", n=frame)
    return frame - 1
