"""A report in one HTML file: picture, maps, classes, net, settings, everything embedded.

It is written in English, or in the language of the function ``tr`` that it is given.
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import atomic_write
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.agreement import Agreement
from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.legend import middle, number
from filterlab.surgery.maps import entropy, grid_text, lay_colours, thumbnail, winner_map
from filterlab.surgery.overlay import (
    Style,
    as_rgb,
    blend,
    compose,
    project,
    stretch_error,
    table,
)

__all__ = ["WIDEST", "Drawn", "report_html", "write_report"]

WIDEST = 1200  # pixels of an embedded picture
_CLASSES = 12
_NAMED = 3  # classes of a sum that the title names

#: From an English text, its {places} still open, to the same in the report's language.
Tr = Callable[[str], str]

_CSS = """
:root { color-scheme: light dark; --ink: #1e1f22; --faint: #5c6068; --ground: #fff; --raised:
#f5f6f8; --accent: #2f6fde } @media (prefers-color-scheme: dark) { :root { --ink: #ececf0;
--faint: #a0a4ac; --ground: #1e1f22; --raised: #2b2d30; --accent: #6ea8fe } }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC",
"Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif;
color: var(--ink); background: var(--ground);
margin: 32px auto; max-width: 1120px; padding: 0 24px } pre { font-family: ui-monospace, Menlo,
Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", "PingFang SC", "Microsoft YaHei",
monospace } h1 { font-size: 28px; margin: 0 }
h2 { font-size: 20px; margin: 40px 0 8px } p.faint, figcaption, th { color: var(--faint) }
figure { margin: 0 } figure img { width: 100%; border-radius: 4px } .row { display: grid; gap: 24px;
grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)) } table { border-collapse: collapse;
font-variant-numeric: tabular-nums } th { text-align: left; font-weight: 500 } td, th { padding:
4px 16px 4px 0; vertical-align: middle } td.n { text-align: right } .bar { display: inline-block;
height: 8px; background: var(--accent); border-radius: 4px } .thumb { image-rendering: pixelated;
display: block; height: 40px } pre { background: var(--raised); padding: 16px; overflow: auto;
border-radius: 4px } .swatch { display: inline-block; width: 14px; height: 14px; border-radius: 3px;
margin-right: 8px; vertical-align: -2px } .scale { height: 12px; border-radius: 4px;
margin-top: 8px } .ends { display: flex; justify-content: space-between;
font-variant-numeric: tabular-nums }
"""


@dataclass(frozen=True)
class Drawn:
    """The picture with its map as somebody has seen it, to stand in the report as it was.

    Attributes
    ----------
    picture : ndarray (height, width, 3) float32. caption : what it shows.
    limits : the values at the ends of the colour bar, None for no bar.
    log : whether the bar is logarithmic. unit : what it measures.
    names : what the colours stand for where there is no bar, as ((red, green, blue), name).
    """

    picture: NDArray[np.float32]
    caption: str
    limits: tuple[float, float] | None = None
    log: bool = False
    unit: str = ""
    names: tuple[tuple[tuple[int, int, int], str], ...] = ()


#: The ways to lay a map (:data:`filterlab.surgery.choices.MODES`), for the catalogues.
_MODES = (
    Text("tiles"),
    Text("smooth"),
    Text("coverage"),
    Text("coverage-max"),
    Text("stretched"),
)


def _png(picture: NDArray[Any]) -> str:
    """A picture as a data address."""
    import cv2

    array = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    ok, encoded = cv2.imencode(".png", np.ascontiguousarray(array[:, :, ::-1]))
    if not ok:
        raise FilterLabError("a picture of the report could not be encoded")
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _figure(picture: NDArray[Any], caption: str) -> str:
    text = html.escape(caption)
    return (
        f'<figure><img src="{_png(picture)}" alt="{text}"><figcaption>{text}</figcaption></figure>'
    )


def _shown(picture: NDArray[Any]) -> NDArray[np.float32]:
    rgb = as_rgb(picture)
    longer = max(rgb.shape[:2])
    if longer <= WIDEST:
        return rgb
    import cv2

    h, w = (max(1, round(n * WIDEST / longer)) for n in rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA), np.float32)


def _scale(style: Style, limits: tuple[float, float], log: bool = False) -> str:
    rgba = table(style)
    stops = []
    for k in np.linspace(0, 255, 17).round().astype(int):
        red, green, blue = (round(255 * float(v)) for v in rgba[k, :3])
        stops.append(f"rgba({red},{green},{blue},{rgba[k, 3]:.3f}) {k / 2.55:.1f}%")
    half = middle(limits, log)
    return (
        f'<div class="scale" style="background:linear-gradient(90deg,{",".join(stops)})"></div>'
        f'<div class="ends"><span>{number(limits[0])}</span><span>{number(half)}</span>'
        f"<span>{number(limits[1])}</span></div>"
    )


def _class_rows(maps: ClassMaps, labels: Any, chosen: Sequence[int], tr: Tr) -> str:
    ranked = [int(c) for c in maps.ranked()[:_CLASSES]]
    lines = []
    for c in dict.fromkeys([*chosen[:_CLASSES], *ranked]):
        peak, mean = float(maps.prob[c].max()), float(maps.prob[c].mean())
        picture = _png(thumbnail(maps.prob[c], 80))
        lines.append(
            f"<tr><td>{html.escape(_name(labels, c, tr))}</td>"
            f'<td><img class="thumb" src="{picture}" alt=""></td>'
            f'<td><span class="bar" style="width:{max(1, round(peak * 160))}px"></span></td>'
            f'<td class="n">{peak:.4f}</td><td class="n">{mean:.4f}</td></tr>'
        )
    titles = (tr("class"), tr("map, 0 to 1"), "", tr("peak"), tr("mean"))
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _name(labels: Any, index: int, tr: Tr) -> str:
    return tr("class {index}").format(index=index) if labels is None else str(labels[index])


def _names(labels: Any, chosen: Sequence[int], tr: Tr) -> str:
    """The classes of a sum; of a large group, the first ones."""
    names = " + ".join(_name(labels, c, tr) for c in chosen[:_NAMED])
    more = len(chosen) - _NAMED
    return f"{names} {tr('and {n} more').format(n=more)}" if more > 0 else names


def _rgb(colour: Sequence[float]) -> str:
    return f"rgb({','.join(str(round(v * 255)) for v in colour)})"


def _swatch(colour: str, text: str) -> str:
    return f'<div><span class="swatch" style="background:{colour}"></span>{html.escape(text)}</div>'


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in facts)
    return f"<table>{rows}</table>"


def report_html(
    picture: NDArray[Any],
    maps: ClassMaps,
    chosen: Sequence[int],
    labels: Any = None,
    model: str = "",
    style: Style | None = None,
    mode: str = "tiles",
    account: str = "",
    title: str = "",
    drawn: Drawn | None = None,
    settings: Sequence[tuple[str, str]] = (),
    tr: Tr = str,
    lang: str = "en",
    agreement: Agreement | None = None,
) -> str:
    """The report as text.

    Parameters
    ----------
    picture : ndarray (height, width, 3) or (height, width) float32
    maps : ClassMaps
    chosen : sequence of int
        The classes whose summed map is shown large.
    labels : sequence, optional
        Names by index; ``str`` of each is shown.
    model, account, title : str
        The net's name, :meth:`Transplanted.account`, the report's title.
    style, mode
        How the map is drawn.
    drawn : Drawn, optional
        Stands in the place of the map drawn by ``style`` and ``mode``.
    settings : sequence of (str, str)
        Further settings to list, in the report's language as ``account`` and ``title`` are.
    tr : function of str to str
        Gives the report's own texts in its language; their ``{places}`` are filled in afterwards.
    lang : str
        That language as HTML writes it, such as ``"zh-CN"``.
    agreement : Agreement, optional
        The map beside the classifier on some windows.
    """
    style = style or Style()
    shown = _shown(picture)
    shape = (shown.shape[0], shown.shape[1])
    layer = project(maps, maps.values(chosen), mode, shape)
    names = _names(labels, chosen, tr)
    won = winner_map(maps)
    colours, cover = lay_colours(maps, won.colours, "tiles", shape)
    winners = blend(shown, colours, np.asarray(0.65 * cover, np.float32))
    bits = project(maps, entropy(maps), "tiles", shape)
    highest = float(np.log2(max(maps.classes, 2)))
    unsure = compose(shown, bits, Style("viridis", 0.65, low=0.0, high=highest))
    legend = "".join(
        _swatch(
            _rgb(e.colour),
            f"{tr('all others') if e.index < 0 else _name(labels, e.index, tr)}: {e.cells}",
        )
        for e in won.legend
    )
    if drawn is None:
        drawn = Drawn(compose(shown, layer, style), names, style.limits(layer))
    key = "".join(_swatch(f"rgb{colour}", name) for colour, name in drawn.names)
    if drawn.limits is not None:
        key = _scale(style, drawn.limits, drawn.log)
    where = (
        tr("Laid where each cell of the map really looks.")
        if mode != "stretched"
        else tr(
            "Stretched over the whole picture, as in most tutorials, which puts the cells up to "
            "{n} pixels from where they look."
        ).format(n=round(stretch_error(maps)[1]))
    )
    heading = html.escape(title or tr("Where is {names}?").format(names=names))
    parts = [
        f"<h1>{heading}</h1>",
        f'<p class="faint">{where}</p>',
        '<div class="row">',
        _figure(shown, tr("the picture")),
        f"<div>{_figure(drawn.picture, drawn.caption)}{key}</div>",
        "</div>",
        f"<h2>{tr('Classes')}</h2>",
        _class_rows(maps, labels, chosen, tr),
        f"<h2>{tr('Who wins where, and how sure')}</h2>",
        '<div class="row"><div>',
        _figure(winners, tr("each cell's best class")),
        legend,
        "</div><div>",
        _figure(unsure, tr("entropy in bits: where nothing is drawn it is sure")),
        _scale(Style("viridis", 0.65), (0.0, highest)),
        "</div></div>",
        f"<h2>{tr('Best class of each cell')}</h2>",
        f"<pre>{html.escape(grid_text(maps, labels))}</pre>",
        f"<h2>{tr('Settings')}</h2>",
        _facts(
            [
                *_known(maps, model, mode, style, tr),
                *settings,
                *_agreed(agreement, chosen, tr),
                _time(maps, tr),
            ]
        ),
    ]
    if account:
        parts.append(f"<h2>{tr('Transplant')}</h2><pre>{html.escape(account)}</pre>")
    return (
        f'<!DOCTYPE html><html lang="{html.escape(lang)}"><head><meta charset="utf-8">'
        f"<title>{heading}</title>"
        f"<style>{_CSS}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _known(maps: ClassMaps, model: str, mode: str, style: Style, tr: Tr) -> list[tuple[str, str]]:
    """What the maps themselves tell of how they were made."""
    g = maps.geometry
    pixels = tr("{w} x {h} pixels")
    h, w = maps.picture_size
    if g.jump[0] == g.jump[1]:
        cells = tr("{cols} x {rows} cells, {n} pixels apart").format(
            cols=maps.cols, rows=maps.rows, n=g.jump[1]
        )
    else:
        cells = tr("{cols} x {rows} cells, {x} pixels apart across and {y} down").format(
            cols=maps.cols, rows=maps.rows, x=g.jump[1], y=g.jump[0]
        )
    return [
        (tr("net"), model or tr("unnamed")),
        (tr("picture"), pixels.format(w=w, h=h)),
        (tr("net's input"), pixels.format(w=maps.input_size[1], h=maps.input_size[0])),
        (tr("map"), cells),
        (tr("method"), tr(maps.method)),
        (
            tr("a cell answers for"),
            tr("{w} x {h} pixels of the input").format(w=g.window_size[1], h=g.window_size[0]),
        ),
        (tr("a cell can see"), pixels.format(w=g.field_size[1], h=g.field_size[0])),
        (
            tr("drawn as"),
            tr("{mode}, {colours}, opacity {opacity}, gamma {gamma}").format(
                mode=tr(mode),
                colours=style.colormap,
                opacity=f"{style.opacity:g}",
                gamma=f"{style.gamma:g}",
            ),
        ),
    ]


def _agreed(found: Agreement | None, chosen: Sequence[int], tr: Tr) -> list[tuple[str, str]]:
    if found is None:
        return []
    points = f"{found.mean_points(chosen):.2g}"
    correlation = found.correlation(chosen)
    told = tr("mean difference {points} points").format(points=points)
    if correlation is not None:
        told += ", " + tr("correlation {r}").format(r=f"{correlation:.2f}")
    return [(tr("classifier on {n} windows").format(n=len(found.cells)), told)]


def _time(maps: ClassMaps, tr: Tr) -> tuple[str, str]:
    return tr("forward passes"), tr("{n} ms").format(n=f"{maps.seconds * 1000:.0f}")


def write_report(
    path: str | os.PathLike[str], picture: NDArray[Any], maps: ClassMaps, *args: Any, **kw: Any
) -> Path:
    """Write the report; see :func:`report_html`.

    Raises
    ------
    FilterLabError, OSError
        If it cannot be written.
    """
    target = Path(path)
    if not target.resolve().parent.is_dir():
        raise FilterLabError(
            "{target}: there is no folder {folder}; make it first",
            target=target,
            folder=target.parent,
        )
    text = report_html(picture, maps, *args, **kw)
    with atomic_write(target, "w") as stream:
        stream.write(text)
    return target
