"""The command line. The window is one of its commands, and its default.

Each command is a module with ``add_parser(subparsers)`` and ``run(args) -> int``. Exit status 0,
or 2 with one line ``filterlab: error: …`` on stderr for bad input; never a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import filterlab
from filterlab import paths
from filterlab.errors import FilterLabError

__all__ = ["main"]

_COMMANDS = (
    "window",
    "filter",
    "transplant",
    "heatmap",
    "models",
    "info",
    "inspect",
    "ablate",
    "why",
    "export",
    "tour",
    "desktop",
)

#: What stands for no arguments: the window waits for no parser.
_WINDOW = argparse.Namespace(command="window", file=None, portable=None)


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors in FilterLab's one-line form, and -1e-3 or -1/2 as a number."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # argparse's own pattern takes -1 and -0.5 only, and anything else for an option.
        self._negative_number_matcher = re.compile(r"-\.?\d")
        self._mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Let options stand before a positional that may be missing (info NET --json WEIGHTS)."""
        optional = any(a.nargs == "?" and not a.option_strings for a in self._actions)
        if self._mixing or not optional:
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        print(f"filterlab: error: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def _build_parser(commands: Sequence[str] = _COMMANDS) -> _Parser:
    parser = _Parser(
        prog="filterlab",
        description="Net surgery by hand: draw convolution kernels, cast a classifier into a "
        "fully convolutional net, see where the tiger cat is. Without a command, opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"filterlab {filterlab.__version__}")
    parser.add_argument(
        "--portable",
        metavar="DIR",
        help="keep settings, sessions and models in DIR, on a USB stick say, and nowhere else",
    )
    subparsers: Any = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in commands:
        importlib.import_module(f"filterlab.cli.{name}").add_parser(subparsers)
    return parser


def _told(what: BaseException) -> str:
    """An error or a warning as one line, in ``FILTERLAB_LANG`` or the system's language."""
    # Late: the command line's help needs no engine.
    from filterlab import languages
    from filterlab.caffe.text import Text, reason_of

    said = getattr(what, "message", what.args[0] if what.args else None)
    if isinstance(what, MemoryError):
        said = Text("not enough memory for this; take a smaller picture or size")
    elif isinstance(what, OSError) and what.filename is not None and what.strerror:
        said = Text(
            "{path}: cannot be used ({reason}); choose another place",
            path=what.filename,
            reason=reason_of(what),
        )
    if isinstance(said, Text):
        text = languages.Catalogue(languages.preferred()).tell(said)
    else:
        text = str(what)
    return " ".join(text.split()) or type(what).__name__


def _print_any_text() -> None:
    """Let names in any script be printed where the output's encoding lacks them (Windows)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    # What stdout cannot take (a full disk, a reader gone) is to be said here, not at exit.
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Point stdout at nothing if it cannot take what it still holds, so that exit is quiet."""
    try:
        _flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Warnings:
    """Warnings in one line each, without the place in our code, and after the work is done.

    If it fails, they are part of the one line that says so.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []

    def keep(self, message: Warning | str, *_: Any, **__: Any) -> None:
        """What ``warnings.showwarning`` becomes."""
        told = _told(message) if isinstance(message, Warning) else " ".join(message.split())
        self.texts.append(told)

    def show(self) -> None:
        for text in dict.fromkeys(self.texts):
            print(f"filterlab: warning: {text}", file=sys.stderr)

    def added_to(self, text: str) -> str:
        return "; note: ".join([text, *dict.fromkeys(self.texts)])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    _print_any_text()
    shown, kept = warnings.showwarning, _Warnings()
    warnings.showwarning = kept.keep
    try:
        try:
            status = _run(list(sys.argv[1:] if argv is None else argv))
        except SystemExit:  # --help, --version
            _flush()
            raise
        _flush()
        kept.show()
        return status
    except SystemExit:
        raise
    except BrokenPipeError:  # the reader (head, less) went away
        _drop_output()
        return 0
    except _expected() as error:
        _drop_output()
        print(f"filterlab: error: {kept.added_to(_told(error))}", file=sys.stderr)
    except MemoryError as error:
        print(f"filterlab: error: {_told(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("filterlab: stopped", file=sys.stderr)
        return 130
    finally:
        warnings.showwarning = shown
    return 2


def _expected() -> tuple[type[Exception], ...]:
    # Asked for when something was raised, so that --version and --help do not load the engine.
    from filterlab.caffe.errors import CaffeError

    return FilterLabError, CaffeError, OSError


def _parsed(arguments: list[str]) -> argparse.Namespace:
    command = arguments[0]
    parser = _build_parser([command] if command in _COMMANDS else _COMMANDS)
    args = parser.parse_args(arguments)
    return args if args.command is not None else parser.parse_args([*arguments, "window"])


def _run(arguments: list[str]) -> int:
    *before, last = arguments or [""]
    if last.lower().endswith(".filterlab") and not any(word in _COMMANDS for word in before):
        # What a desktop runs for a double click: a project and no command.
        arguments = [*before, "window", last]
    args = _parsed(arguments) if arguments else _WINDOW
    paths.use_portable(args.portable)
    from filterlab.caffe.own_code import forbid

    # To open a net must not run the code that its file names.
    forbid("only a script that imports filterlab.caffe runs such nets")
    return int(importlib.import_module(f"filterlab.cli.{args.command}").run(args))
