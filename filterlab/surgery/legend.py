"""A finished picture: overlay, colour bar and caption, without Qt.

The picture keeps its size and its place at the top left; the bar is added at the right and the
caption below. Text is drawn with Pillow; Chinese needs a font of the system that has it, and
where there is none the caption's Latin form is taken.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.surgery.overlay import Style, as_rgb, table

__all__ = ["cjk_font", "drawable", "middle", "number", "one_line", "with_legend", "with_names"]

Array = NDArray[np.float32]
_SURFACE, _INK, _FAINT = (30, 31, 34), (240, 240, 242), (150, 152, 158)

_CJK_NAMES = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "NotoSerifCJK-Regular.ttc",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "msyh.ttc",
    "simhei.ttf",
    "simsun.ttc",
    "PingFang.ttc",
    "STHeiti Light.ttc",
    "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf",
)


def _font_folders() -> Iterable[Path]:
    home = Path.home()
    if sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"
        yield home / "AppData/Local/Microsoft/Windows/Fonts"
    elif sys.platform == "darwin":
        yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
    else:
        yield from (
            Path("/usr/share/fonts"),
            Path("/usr/local/share/fonts"),
            home / ".local/share/fonts",
            home / ".fonts",
        )


@functools.lru_cache(maxsize=1)
def cjk_font() -> Path | None:
    """A font of this system that has Chinese characters, or None."""
    found: dict[str, Path] = {}
    for folder in _font_folders():
        for root, _, files in os.walk(folder):
            for name in files:
                found.setdefault(name.lower(), Path(root) / name)
    return next((found[n.lower()] for n in _CJK_NAMES if n.lower() in found), None)


def drawable(text: str) -> bool:
    """Whether a text can be drawn here: Latin always, Chinese if there is a font for it."""
    return all(ord(c) < 0x2E80 for c in text) or cjk_font() is not None


def one_line(text: str) -> str:
    """A text in one line, without what has no shape: fonts measure and draw nothing else."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _lines(caption: Sequence[str]) -> list[str]:
    return [one_line(line) for line in caption if drawable(line)]


def _font(size: int, text: str) -> Any:
    from PIL import ImageFont

    if any(ord(c) >= 0x2E80 for c in text):
        path = cjk_font()
        if path is not None:
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def number(value: float) -> str:
    """A value for a colour bar, four digits at most."""
    return f"{value:.4g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.1e}"


def middle(limits: tuple[float, float], log: bool = False) -> float:
    """The value half way along a colour bar."""
    low, high = limits
    return math.sqrt(low * high) if log else (low + high) / 2


def with_legend(
    picture: NDArray[Any],
    style: Style,
    limits: tuple[float, float],
    caption: Sequence[str] = (),
    unit: str = "probability",
    log: bool = False,
) -> Array:
    """The overlay with a colour bar at its right and a caption below.

    Parameters
    ----------
    picture : ndarray (height, width, 3) float32
        What :func:`filterlab.surgery.overlay.compose` gave; not scaled.
    style : Style
    limits : (float, float)
        The values at the two ends of the bar.
    caption : sequence of str
        Lines; the first is the title. What the fonts here cannot draw is left out.
    unit : str
        What the bar measures; in letters that :func:`drawable` allows.
    log : bool
        Whether the bar is logarithmic.

    Returns
    -------
    ndarray (height + caption, width + bar, 3) float32
    """
    from PIL import Image

    rgb = as_rgb(picture)
    h, w = rgb.shape[:2]
    size = _text_size(h, w)
    margin, bar = size, max(8, size)
    labels = [number(limits[1]), number(middle(limits, log)), number(limits[0])]
    lines = _lines(caption)
    small = _font(size, unit)
    widest = max(small.getlength(t) for t in [*labels, unit])
    right = int(margin + bar + size // 2 + widest + margin)
    below = int(len(lines) * size * 1.4 + margin) if lines else 0
    canvas, draw = _canvas(rgb, right, below)
    top, bottom = int(size * 2.2), h - size
    steps = np.linspace(1, 0, max(bottom - top, 2))
    rgba = table(style)[(steps * 255 + 0.5).astype(np.uint8)]
    surface = np.array(_SURFACE, np.float32) / np.float32(255)
    colours = surface + (rgba[:, :3] - surface) * rgba[:, 3:]
    strip = np.repeat(colours[:, None, :], bar, axis=1)
    canvas.paste(Image.fromarray((strip * 255 + 0.5).astype(np.uint8)), (w + margin, top))
    draw.text((w + margin, size // 2), unit, fill=_FAINT, font=small)
    for share, label in zip((0.0, 0.5, 1.0), labels):
        y = top + share * (len(steps) - 1) - size / 2
        draw.text((w + margin + bar + size // 2, y), label, fill=_INK, font=small)
    _write_lines(draw, lines, size, h, w + right)
    return np.asarray(canvas, np.float32) / np.float32(255)


def with_names(
    picture: NDArray[Any],
    names: Sequence[tuple[tuple[int, int, int], str]],
    caption: Sequence[str] = (),
) -> Array:
    """The overlay with a caption and, below it, what each colour stands for.

    Parameters
    ----------
    picture : ndarray (height, width, 3) float32
    names : sequence of ((red, green, blue), str)
        Colours as 0 to 255 and the classes they stand for.
    caption : sequence of str
        Lines; the first is the title. What the fonts here cannot draw is left out.

    Returns
    -------
    ndarray (height + caption and names, width, 3) float32
    """
    rgb = as_rgb(picture)
    h, w = rgb.shape[:2]
    size = _text_size(h, w)
    lines = _lines(caption)
    shown = [(colour, one_line(name)) for colour, name in names if drawable(name)]
    count = len(lines) + len(shown)
    canvas, draw = _canvas(rgb, 0, int(count * size * 1.4 + size) if count else 0)
    _write_lines(draw, lines, size, h, w)
    for k, (colour, name) in enumerate(shown, len(lines)):
        y = h + size // 2 + k * size * 1.4
        draw.rectangle((size, y + size * 0.15, 2 * size, y + size * 1.15), fill=colour)
        font = _fitting(name, size, w - 3.5 * size)
        draw.text((2.5 * size, y), name, fill=_INK, font=font)
    return np.asarray(canvas, np.float32) / np.float32(255)


def _text_size(h: int, w: int) -> int:
    return int(np.clip(min(h, w) / 24, 12, 48))


def _canvas(rgb: Array, right: int, below: int) -> tuple[Any, Any]:
    """The picture at the top left of a larger surface, and what draws on it."""
    from PIL import Image, ImageDraw

    h, w = rgb.shape[:2]
    canvas = Image.new("RGB", (w + right, h + below), _SURFACE)
    canvas.paste(Image.fromarray((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)), (0, 0))
    return canvas, ImageDraw.Draw(canvas)


def _write_lines(draw: Any, lines: Sequence[str], size: int, top: int, width: int) -> None:
    for k, line in enumerate(lines):
        font = _fitting(line, size, width - 2 * size)
        place = (size, top + size // 2 + k * size * 1.4)
        draw.text(place, line, fill=_INK if k == 0 else _FAINT, font=font)


def _fitting(line: str, size: int, width: float) -> Any:
    """The font at a size at which the line fits into the width."""
    font = _font(size, line)
    while size > 7 and font.getlength(line) > width:
        size -= 1
        font = _font(size, line)
    return font
