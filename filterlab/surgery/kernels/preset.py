"""What a preset is: a family of kernels, shaped by parameters that know their range."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels import Kernel, check_size

__all__ = ["Parameter", "Preset"]


class Parameter(NamedTuple):
    """A number that shapes a preset.

    Attributes
    ----------
    name, label : str
        Keyword in :meth:`Preset.make` and in a spec; how it is shown (``σ``).
    default, minimum, maximum, step : float
    unit : str
        ``px``, ``°`` or empty.
    whole : bool
        Whether only whole numbers make sense.
    """

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    step: float
    unit: str = ""
    whole: bool = False

    def check(self, value: float, where: str = "") -> float:
        """``value`` as a float in range.

        Raises
        ------
        FilterLabError
            If it is out of range, not finite, or not whole where it must be.
        """
        prefix = Text("{where}: ", where=where) if where else ""
        number = float(value)
        if not (math.isfinite(number) and self.minimum <= number <= self.maximum):
            raise FilterLabError(
                "{prefix}{name} {number:g} is out of range; give {least:g} to {most:g}",
                prefix=prefix,
                name=self.name,
                number=number,
                least=self.minimum,
                most=self.maximum,
            )
        if self.whole and number != round(number):
            raise FilterLabError(
                "{prefix}{name} {number:g} must be a whole number",
                prefix=prefix,
                name=self.name,
                number=number,
            )
        return number


class Preset(NamedTuple):
    """A family of kernels.

    Attributes
    ----------
    key : str
        Its name in a spec, e.g. ``sobel-h``.
    title : str
        Its name in a menu.
    category : str
        One of :data:`filterlab.surgery.kernels.presets.CATEGORIES`.
    doc : str
        What it does to a picture, in a sentence.
    source : str
        Who described it, if anybody in particular.
    parameters : tuple of Parameter
    natural_size : int
        The size at which nothing of it is cut with default parameters.
    """

    key: str
    title: str
    category: str
    doc: str
    build: Callable[..., np.ndarray]
    parameters: tuple[Parameter, ...] = ()
    natural_size: int = 3
    source: str = ""

    def defaults(self) -> dict[str, float]:
        return {parameter.name: parameter.default for parameter in self.parameters}

    def make(self, size: int | Sequence[int] = 5, **parameters: float) -> Kernel:
        """The kernel, float32 (kh, kw), at any valid size; a smaller one shows its centre.

        Raises
        ------
        FilterLabError
            If the size or a parameter is out of range, or a parameter is unknown.
        """
        rows, cols = check_size(size, self.key)
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in parameters:
            if name not in known:
                from difflib import get_close_matches

                takes = [*known, "size"]
                near = get_close_matches(name, takes, 1)
                meant = Text("did you mean {name}? ", name=near[0]) if near else ""
                raise FilterLabError(
                    "{key}: no parameter {name!r}; {meant}it takes {takes}",
                    key=self.key,
                    name=name,
                    meant=meant,
                    takes=", ".join(takes),
                )
        values = {
            name: parameter.check(parameters.get(name, parameter.default), self.key)
            for name, parameter in known.items()
        }
        return np.ascontiguousarray(self.build(rows, cols, **values), dtype=np.float32)

    def describe(self, parameters: dict[str, float]) -> str:
        """Title with the parameters, as shown in the preset menu: ``Gaussian σ 1 px``."""
        words = [self.title]
        for parameter in self.parameters:
            value = parameters.get(parameter.name, parameter.default)
            words.append(f"{parameter.label} {value:g}{' ' if parameter.unit == 'px' else ''}")
            words[-1] += parameter.unit
        return " ".join(words)
