"""The command line. The window is one of its commands, and its default.

Each command is a module with ``add_parser(subparsers)`` and ``run(args) -> int``. Exit status 0,
or 2 with one line ``filterlab: error: …`` on stderr for bad input; never a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import filterlab
from filterlab.errors import FilterLabError

__all__ = ["main"]

_COMMANDS = ("window", "filter", "transplant", "heatmap", "models", "info", "tour")


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors in FilterLab's one-line form."""

    def error(self, message: str) -> NoReturn:
        print(f"filterlab: error: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def _build_parser() -> _Parser:
    parser = _Parser(
        prog="filterlab",
        description="Net surgery by hand: draw convolution kernels, cast a classifier into a "
        "fully convolutional net, see where the tiger cat is. Without a command, opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"filterlab {filterlab.__version__}")
    subparsers: Any = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in _COMMANDS:
        importlib.import_module(f"filterlab.cli.{name}").add_parser(subparsers)
    return parser


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Warnings in one line too, without the place in our code."""
    print(f"filterlab: warning: {' '.join(str(message).split())}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _build_parser()
    args = parser.parse_args(arguments or ["window"])
    if args.command is None:
        args = parser.parse_args([*arguments, "window"])
    from filterlab.caffe.errors import CaffeError

    shown = warnings.showwarning
    warnings.showwarning = _show_warning
    try:
        return int(importlib.import_module(f"filterlab.cli.{args.command}").run(args))
    except (FilterLabError, CaffeError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader (head, less) went away; point stdout at nothing so that exit is quiet.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"filterlab: error: {_one_line(error)}", file=sys.stderr)
    except MemoryError:
        print(
            "filterlab: error: not enough memory for this; take a smaller picture or size",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("filterlab: stopped", file=sys.stderr)
        return 130
    finally:
        warnings.showwarning = shown
    return 2
