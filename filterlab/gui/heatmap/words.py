"""What the tab says of its bench: titles, the scale, sizes, costs, help."""

from __future__ import annotations

import ast
import math
from dataclasses import replace

from filterlab.errors import FilterLabError
from filterlab.gui.class_names import (
    both_names,
    classes_name,
    numbers,
    percent,
    short_name,
)
from filterlab.gui.errors import one_sentence
from filterlab.gui.heatmap.caption import Bar, Title
from filterlab.gui.i18n import Text, tr
from filterlab.gui.widgets.colour_bar import short_number
from filterlab.surgery import overlay
from filterlab.surgery.cost import Cost, amount, available_memory, duration
from filterlab.surgery.methods import METHODS, Plan, densities, refusal
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_draw import Drawing
from filterlab.workbench.heatmap_state import Cell, Source
from filterlab.zoo.labels import Labels

__all__ = [
    "bar",
    "cell_line",
    "cell_name",
    "density_offers",
    "grid_text",
    "help_html",
    "legend",
    "mark",
    "meter_texts",
    "method_offers",
    "scale_name",
    "source_title",
    "status",
    "telling_line",
    "title",
]

Offer = tuple[str, str, str]

#: Seconds from which a run is worth a warning.
_LONG = 10.0


def source_title(source: Source) -> str:
    """A picture's name."""
    title = source.title
    return tr(title) if isinstance(title, Text) else title


# The caption


def title(bench: HeatmapBench, drawing: Drawing | None) -> Title:
    """What is shown: the classes, or the picture before there is a map."""
    scene = drawing.scene if drawing is not None else None
    maps = scene.maps if scene is not None else None
    if maps is None or scene is None:
        shown = bench.shown
        return Title(source_title(shown.source) if shown is not None else "")
    fact, value, warn = "", "", False
    known = [c for c in scene.classes if c < maps.classes]
    if scene.look.projection == "stretched" and scene.look.show != "winner":
        _, largest = overlay.stretch_error(maps)
        fact, warn = tr("stretched: off by up to {n} px").format(n=round(largest)), True
    elif scene.look.show == "class" and known:
        fact, value = tr("best cell"), percent(float(maps.values(known).max()))
    if scene.look.show == "winner":
        return Title(tr("The best class of each cell"), fact=fact, warn=warn)
    if scene.look.show == "entropy":
        return Title(tr("How undecided each cell is"), fact=fact, warn=warn)
    own, other = classes_name(bench.labels, scene.classes)
    if scene.look.show == "two" and scene.second:
        second, _ = classes_name(bench.labels, scene.second)
        return Title(f"{own}  ↔  {second}", fact=fact, warn=warn)
    number = ""
    if len(scene.classes) == 1:
        number = tr("class {n}").format(n=scene.classes[0])
    elif numbers(scene.classes) not in own:
        number = tr("classes {n}").format(n=numbers(scene.classes))
    return Title(own, other, number, fact, value, warn)


def bar(drawing: Drawing | None) -> Bar | None:
    """The scale with its ends, each with its unit; None where there is none."""
    if drawing is None or not drawing.unit or drawing.table is None:
        return None
    low, high = drawing.low, drawing.high
    if drawing.unit == "probability":
        return Bar(drawing.table, _share(low) if drawing.log else "0", _share(high))
    if drawing.unit == "bits":
        return Bar(drawing.table, "0", tr("{n} bits").format(n=short_number(high, high - low)))
    texts = [short_number(v, high - low) for v in (low, high)]
    return Bar(drawing.table, texts[0], tr("{n} score").format(n=texts[1]))


def _share(value: float) -> str:
    return f"{100 * value:g} %"


def scale_name(drawing: Drawing | None, peak: float | None) -> str:
    """What the scale that ends above the best cell is called: ``0 – 40 %``."""
    if drawing is not None and drawing.unit == "bits":
        return tr("0 – best")
    end = overlay.end_of_scale(peak if peak is not None else 1.0)
    # The scale that always ends at 100 % stands beside it.
    return f"0 – {_share(end)}" if end < 1 else tr("0 – best")


def mark(drawing: Drawing | None, cell: Cell | None) -> float | None:
    """Where a cell lies on the scale, 0 to 1; the best one if none is given."""
    if drawing is None or drawing.values is None or not drawing.unit:
        return None
    values = drawing.values
    if cell is not None and not (cell[0] < values.shape[0] and cell[1] < values.shape[1]):
        return None
    value = float(values.max() if cell is None else values[cell])
    low, high = drawing.low, drawing.high
    if drawing.log:
        low, high, value = (math.log(max(v, 1e-30)) for v in (low, high, value))
    return (value - low) / (high - low) if high > low else None


def legend(drawing: Drawing | None, labels: Labels) -> list[tuple[tuple[int, int, int], str]]:
    """What colours stand for that are no scale."""
    if drawing is None:
        return []
    return [
        (colour, short_name(labels, index) if index >= 0 else tr("all others"))
        for colour, index in drawing.legend
    ]


def cell_name(labels: Labels, index: int) -> str:
    """A class in two short lines: number, name."""
    return f"{index}\n{both_names(labels, index)[0]}"


def cell_line(bench: HeatmapBench, cell: Cell) -> str:
    """A cell and its five best classes in one line."""
    maps = bench.maps
    if maps is None:
        return ""
    i, j = cell
    best = ", ".join(
        f"{both_names(bench.labels, c)[0]} {percent(p)}" for c, p in maps.best(i, j, 5)
    )
    return tr("Cell ({i}, {j})").format(i=i, j=j) + f":  {best}"


# Size and cost


def grid_text(bench: HeatmapBench, cells: int | None = None) -> tuple[str, str, bool]:
    """The grid at the present size, or at so many cells; what it costs; whether that is much."""
    try:
        if cells is None and bench.run is not None:
            planned = bench.run.plan
        else:
            asked = bench.request if cells is None else replace(bench.request, cells=cells)
            planned = bench.plan(asked)
    except FilterLabError as error:
        return "", one_sentence(error), False
    rows, cols = planned.cells
    return f"{cols} × {rows}", _told(planned), _is_costly(planned.cost)


def _told(planned: Plan) -> str:
    (h, w), (rows, cols) = planned.input_size, planned.cells
    text = tr("{cols} × {rows} cells, net input {w} × {h} px; {cost}").format(
        cols=cols, rows=rows, w=w, h=h, cost=tr(planned.cost.text)
    )
    return f"{text}\n{tr(planned.note)}" if planned.note else text


def _is_costly(cost: Cost) -> bool:
    free = available_memory()
    return (cost.seconds or 0) > _LONG or (free is not None and cost.bytes > free / 2)


def status(bench: HeatmapBench) -> str:
    """What the map took, or what there is to do."""
    run = bench.run
    if run is not None:
        rows, cols = run.maps.rows, run.maps.cols
        memory = amount(run.plan.cost.bytes)
        text = tr("{cols} × {rows} cells").format(cols=cols, rows=rows)
        if run.seconds > 0:
            text = tr("{cols} × {rows} cells in {time}, {memory}").format(
                cols=cols, rows=rows, time=duration(run.seconds), memory=memory
            )
        return f"{text}   {tr(run.plan.note)}" if run.plan.note else text
    if bench.state.operated:
        return ""
    return tr("Choose a model and a picture, then press Transplant.")


def density_offers(bench: HeatmapBench) -> list[Offer]:
    """The densities as (text, key, why not)."""
    done = bench.transplanted
    if done is None:
        return []
    quick = done.quick_method
    try:
        method = bench.run.plan.method if bench.run is not None else bench.plan().method
    except FilterLabError:
        method = quick
    offers = []
    for key in dict.fromkeys([*densities(done, quick), *densities(done, method)]):
        why = refusal(done, method, key)
        offers.append((_density_name(key, done.geometry.jump), key, tr(why)))
    return offers


def _density_name(key: str, jump: tuple[int, int]) -> str:
    if key == "scales":
        return tr("three scales")
    down, across = jump if key == "own" else (int(key.partition(":")[2]),) * 2
    return tr("every {n} px").format(n=across if across == down else f"{across} × {down}")


def method_offers(bench: HeatmapBench) -> tuple[list[Offer], str]:
    """The methods as (text, key, what it is), and the one in use."""
    names = {"dense": tr("dense"), "pooled": tr("pooled"), "exact": tr("exact")}
    told = {
        "dense": tr("One pass of the transplanted net, as in the tutorial"),
        "pooled": tr("One pass, with the last pooling sliding over whole windows"),
        "exact": tr("Every window cut out and classified by the net itself; slower"),
    }
    offered = bench.methods
    chosen = ""
    if offered:
        try:
            chosen = bench.run.plan.method if bench.run is not None else bench.plan().method
        except FilterLabError:
            chosen = offered[0]
    return [(names[m], m, told[m]) for m in METHODS if m in offered], chosen


def telling_line(code: str) -> str:
    """The statement of a program that says most: the cast of the weights, else the last one."""
    try:
        nodes = ast.parse(code).body
    except SyntaxError:
        return ""
    if not nodes:
        return ""
    rows = code.split("\n")
    casts = (n for n in nodes if ".data.flat" in "\n".join(rows[n.lineno - 1 : n.end_lineno]))
    line = ast.get_source_segment(code, next(casts, nodes[-1])) or ""
    return " ".join(line.replace("\\\n", " ").split())


# Help


def help_html() -> str:
    """What F1 shows."""
    keys = (
        (tr("Wheel, drag"), tr("zoom, move; double click shows the whole picture")),
        (tr("Point at a cell"), tr("its window and its five best classes")),
        (tr("Click, Enter"), tr("pin the cell; Ctrl+click adds one, up to three")),
        (tr("Arrow keys"), tr("move the pinned cell; in the list, show the next class")),
        (tr("Delete"), tr("let the pinned cell go")),
        ("A", tr("classify the cell's window alone")),
        (tr("Click on a layer below"), tr("see it in the Net tab")),
        (tr("Click on a class"), tr("show it; Ctrl adds it to the sum, Alt is the second colour")),
        ("Ctrl+O, Ctrl+V", tr("open or paste a picture")),
        (tr("PgUp, PgDn"), tr("the folder's previous and next picture")),
        ("Ctrl+T", tr("transplant")),
        ("Ctrl+F", tr("search a class: 282, tiger, 虎猫, 281-285")),
        (Text("Ctrl+Z, Ctrl+Shift+Z"), tr("undo and redo")),
        ("Esc", tr("cancel what runs")),
        ("F11", tr("full screen")),
    )
    rows = "".join(f"<tr><td class='key'>{k}</td><td>{v}</td></tr>" for k, v in keys)
    text = tr(
        "A classifier says what is in a picture, not where. Cast its fully connected layers into "
        "convolutions with the same weights, and it answers for every window of a larger picture "
        "at once. Each cell of the map answers for one window; the map is laid where those windows "
        "have their centres, so the margins have no cell."
    )
    return f"<h2>{tr('Heatmap')}</h2><p>{text}</p><table>{rows}</table>"


def meter_texts(windows: int, points: float) -> tuple[str, ...]:
    """How far a map is from the classifier on so many windows, the longest text first."""
    number = f"{points:.0f}" if points >= 2 else f"{points:.1f}"
    return tuple(
        text.format(n=windows, points=number)
        for text in (
            tr("{n} windows: mean difference {points} points"),
            tr("{n} windows: difference {points} points"),
            tr("{n} windows: {points} points"),
        )
    )
