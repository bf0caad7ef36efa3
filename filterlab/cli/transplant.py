"""``filterlab transplant``: cast fully connected layers into convolutions."""

from __future__ import annotations

import argparse
from typing import Any

from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    subparsers.add_parser("transplant", help="cast fully connected layers into convolutions")


def run(args: argparse.Namespace) -> int:
    raise FilterLabError("this command is being built")
