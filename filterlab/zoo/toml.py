"""Reading TOML, on every Python that FilterLab runs on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from filterlab.caffe.files import open_file
from filterlab.caffe.text import reason_of
from filterlab.errors import FilterLabError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["parse_toml", "read_toml"]


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    FilterLabError
        If it cannot be read; the message names the file and the line.
    """
    try:
        with open_file(path) as stream:
            text = stream.read().decode("utf-8")
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot read it: {reason}", path=path, reason=reason_of(error)
        ) from error
    except UnicodeDecodeError as error:
        raise FilterLabError("{path}: not valid TOML: {reason}", path=path, reason=error) from error
    return parse_toml(text, str(path))


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises
    ------
    FilterLabError
        If it is none; the message begins with ``where`` and names the line.
    """
    try:
        # As from a file: a lone carriage return is no end of a line, but Windows' two are.
        return dict(tomllib.loads(text.replace("\r\n", "\n")))
    except RecursionError:
        raise FilterLabError("{path}: not valid TOML: nested too deeply", path=where) from None
    except ValueError as error:  # also of a number of thousands of digits
        raise FilterLabError(
            "{path}: not valid TOML: {reason}", path=where, reason=error
        ) from error
