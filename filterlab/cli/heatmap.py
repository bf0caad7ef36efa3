"""``filterlab heatmap``: lay a class heatmap on a picture."""

from __future__ import annotations

import argparse
from typing import Any

from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    subparsers.add_parser("heatmap", help="lay a class heatmap on a picture")


def run(args: argparse.Namespace) -> int:
    raise FilterLabError("this command is being built")
