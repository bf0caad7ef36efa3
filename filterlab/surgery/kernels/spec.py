"""A kernel in a word: a preset with parameters, or a file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import Kernel, check_size
from filterlab.surgery.kernels.presets import Preset, find_preset
from filterlab.surgery.kernels.text import parse_number, read_kernel
from filterlab.surgery.kernels.transform import resize

__all__ = ["KernelSpec", "parse_spec", "parse_spec_kernel"]

DEFAULT_SIZE = (5, 5)
"""The tutorial's net has 5 x 5 kernels."""


@dataclass(frozen=True)
class KernelSpec:
    """What a spec says.

    Attributes
    ----------
    text : str
        As given.
    size : (rows, columns) or None
        The size it asks for; None if it leaves the size to others.
    preset : Preset or None
    parameters : dict
        Those given.
    values : float32 (kh, kw) or None
        The numbers, if it is a file.
    """

    text: str
    size: tuple[int, int] | None
    preset: Preset | None = None
    parameters: dict[str, float] = field(default_factory=dict)
    values: Kernel | None = None

    def make(self, size: tuple[int, int] | None = None) -> Kernel:
        """The kernel, float32, at ``size`` (default: its own, else 5 x 5), centred."""
        own = self.size or size or DEFAULT_SIZE
        if self.values is not None:
            kernel = self.values
        elif self.preset is not None:
            kernel = self.preset.make(own, **self.parameters)
        else:
            kernel = np.zeros(own, dtype=np.float32)
        return resize(kernel, size or own)


def parse_spec(text: str) -> KernelSpec:
    """Read ``sobel-h``, ``gaussian:sigma=1,size=5``, ``box:size=3x7`` or the path of a file.

    A size of two numbers is rows x columns. A name that is both a file and a preset is the
    preset; write ``./name`` for the file.

    Raises
    ------
    FilterLabError
        If it is neither, or a parameter is wrong, or the file holds no kernel.
    """
    plain = text.strip()
    if not plain:
        raise FilterLabError("an empty kernel spec; give a preset such as sobel-h, or a file")
    name, _, rest = plain.partition(":")
    try:
        preset = find_preset(name)
    except FilterLabError:
        if "." in Path(plain).name or os.path.exists(plain) or "/" in plain or "\\" in plain:
            values = read_kernel(plain)
            return KernelSpec(plain, (values.shape[0], values.shape[1]), values=values)
        raise
    size: tuple[int, int] | None = None
    parameters: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise FilterLabError(
                "{plain}: expected name=value after the colon, not {part!r}", plain=plain, part=part
            )
        if key == "size":
            size = _size(value, plain)
        else:
            parameters[key] = _value(key, value, plain)
    spec = KernelSpec(plain, size, preset, parameters)
    preset.make(size or DEFAULT_SIZE, **parameters)  # so that a wrong parameter is told now
    return spec


def parse_spec_kernel(text: str, size: tuple[int, int] | None = None) -> Kernel:
    """The kernel that a spec names, float32 (kh, kw)."""
    return parse_spec(text).make(size)


def _size(value: str, where: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,4})(?:\s*[x×*]\s*(\d{1,4}))?", value)
    if not match:
        raise FilterLabError(
            "{where}: size {value!r} is no kernel size; write size=5 or size=3x7",
            where=where,
            value=value,
        )
    return check_size((int(match[1]), int(match[2] or match[1])), where)


def _value(key: str, value: str, where: str) -> float:
    try:
        return parse_number(value)
    except FilterLabError:
        raise FilterLabError(
            "{where}: {key} {value!r} is not a number", where=where, key=key, value=value
        ) from None
