"""The tab's longer texts and small helpers, apart from its widgets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QImage

from filterlab.gui.errors import EXPECTED, one_sentence
from filterlab.gui.heatmap.cell_cards import CellFacts
from filterlab.gui.heatmap.class_list import percent
from filterlab.gui.heatmap.look import Look
from filterlab.gui.heatmap.saving import Frame
from filterlab.gui.heatmap.work import Source, hows, preprocessing_of
from filterlab.gui.i18n import language, tr, tr_sentence
from filterlab.gui.model_texts import model_title, model_titles
from filterlab.pictures import samples
from filterlab.surgery import overlay
from filterlab.surgery.cost import Cost, amount, available_memory, check_memory, duration
from filterlab.surgery.dense import passes_for
from filterlab.surgery.heatmap import ClassMaps, choose_size, cost_of
from filterlab.surgery.pyramid import pyramid_sizes
from filterlab.surgery.transplant import Transplanted
from filterlab.zoo.catalogue import Model
from filterlab.zoo.labels import Labels

if TYPE_CHECKING:
    from filterlab.gui.heatmap.tab import HeatmapTab

__all__ = [
    "array_of",
    "cell_facts",
    "cell_label",
    "cost_text",
    "facts",
    "frame",
    "heading",
    "help_html",
    "image_of",
    "indices",
    "is_costly",
    "key_of",
    "last_word",
    "owner",
    "passes",
    "percent",
    "picture_name",
    "pycaffe_code",
    "settings_of",
    "short_name",
    "size_text",
    "smaller_than_a_window",
    "with_gamma",
    "with_show",
]


Pair = tuple[int, int]

#: Seconds from which a run is worth a warning.
_LONG = 5.0


def with_show(look: Look, show: str) -> Look:
    """The look, showing something else."""
    return replace(look, show=show)


def with_gamma(table: np.ndarray, gamma: float) -> np.ndarray:
    """A colour table as it appears after gamma."""
    at = np.linspace(0, 1, len(table)) ** gamma
    return np.asarray(table[np.round(at * (len(table) - 1)).astype(int)])


def indices(value: Any) -> tuple[int, ...]:
    """Class indices from saved data."""
    if not isinstance(value, list):
        return ()
    return tuple(v for v in value if isinstance(v, int) and v >= 0)


def short_name(labels: Labels, index: int) -> str:
    """Number and name in the interface's language, for narrow places."""
    return cell_label(labels, index).replace("\n", " ")


def picture_name(source: Source) -> str:
    """A picture's name: its file, or the sample's title."""
    for known in samples():
        if not source.path and known.name == source.sample:
            return tr(known.title)
    return source.name


def cell_label(labels: Labels, index: int) -> str:
    """A class in two short lines: number, name."""
    label = labels[index]
    name = label.chinese if language() == "zh" and label.chinese else label.english
    return f"{index}\n{name}"


def array_of(image: QImage) -> NDArray[np.float32]:
    """A Qt image as float32 RGB in 0..1."""
    rgb = image.convertToFormat(QImage.Format_RGB888)
    height, width, stride = rgb.height(), rgb.width(), rgb.bytesPerLine()
    data = rgb.constBits()
    data.setsize(height * stride)
    rows = np.frombuffer(data, np.uint8).reshape(height, stride)[:, : 3 * width]
    return rows.reshape(height, width, 3).astype(np.float32) / np.float32(255)


def image_of(array: NDArray[np.uint8]) -> QImage:
    """A uint8 RGB array as a Qt image of its own."""
    rows, cols = array.shape[:2]
    data = np.ascontiguousarray(array)
    return QImage(data.data, cols, rows, 3 * cols, QImage.Format_RGB888).copy()


def cell_facts(
    maps: ClassMaps,
    labels: Labels,
    cell: tuple[int, int],
    alone: tuple[tuple[str, float], ...] = (),
) -> CellFacts:
    """What a card says about a cell."""
    i, j = cell
    x0, y0, x1, y1 = (round(v) for v in maps.window_on_picture(i, j))
    return CellFacts(
        tr("Cell ({i}, {j})").format(i=i, j=j),
        tr("x {x0} … {x1}, y {y0} … {y1} px").format(x0=x0, x1=x1, y0=y0, y1=y1),
        tuple((short_name(labels, c), p) for c, p in maps.best(i, j, 5)),
        alone,
    )


def pycaffe_code(tab: HeatmapTab) -> str:
    """The lines that do in pycaffe what the tab shows."""
    done = tab.transplanted
    if done is None:
        model = tab.model
        if model is None:
            return ""
        return (
            "import filterlab.caffe as caffe\n"
            f"net = caffe.Net({model.prototxt.name!r},\n"
            f"                {model.weights_path.name!r}, caffe.TEST)"
        )
    lines = ["# net: the classifier, net_full: its transplant"]
    for cast in done.casts:
        if cast.kind == "fc->conv":
            lines.append(f"net_full.params[{cast.new!r}][0].data.flat = \\")
            lines.append(f"    net.params[{cast.old!r}][0].data.flat")
            lines.append(f"net_full.params[{cast.new!r}][1].data[...] = \\")
            lines.append(f"    net.params[{cast.old!r}][1].data")
    maps = tab.maps
    if maps is not None:
        h, w = maps.input_size
        lines.append(f"net_full.blobs[{done.input!r}].reshape(1, {done.channels}, {h}, {w})")
        lines.append(f"out = net_full.forward({done.input}=transformed)")
        prob = f"out[{done.output!r}][0]"
        if len(tab.chosen) == 1:
            lines.append(f"heatmap = {prob}[{tab.chosen[0]}]")
        elif tab.chosen:
            lines.append(f"heatmap = {prob}[{list(tab.chosen)!r}].sum(0)")
    return "\n".join(lines)


def passes(done: Transplanted) -> list[tuple[str, str]]:
    """What a net's map can be run as: (name, value of ``work.Size.how``), its default first."""
    return [(_pass_name(done, how), how) for how in hows(done)]


def _pass_name(done: Transplanted, how: str) -> str:
    if how == "pyramid":
        return tr("three scales joined")
    if not how:
        return tr("one pass, every {n} px").format(n=done.geometry.jump[1])
    stride = int(how.partition(":")[2])
    count = passes_for(done.geometry, stride)
    return tr("{passes} passes, every {n} px").format(passes=count, n=stride)


def settings_of(tab: HeatmapTab) -> tuple[tuple[str, str], ...]:
    """What a report says of how the map was made, beside what the map itself knows."""
    ready = preprocessing_of(tab.ran_model)
    mean = ", ".join(f"{v:g}" for v in ready.mean_bgr)
    return (
        (tr("passes"), tab.controls.passes_combo.currentText()),
        (
            tr("picture's shape"),
            tr("squashed to a square") if tab.controls.squash else tr("kept"),
        ),
        (
            tr("preprocessing"),
            tr("{order} x {scale}, minus the mean {mean} (B, G, R)").format(
                order=ready.order, scale=f"{ready.scale:g}", mean=mean
            ),
        ),
    )


def key_of(model: Model | None) -> tuple[Any, ...]:
    """What makes a model another one: its files, and how pictures are prepared for it."""
    if model is None:
        return ()
    return (model.prototxt, model.weights_path, model.mean_bgr, model.scale, model.order)


def owner(tab: HeatmapTab) -> str:
    """Whose the map on show is, and how to get the chosen model's."""
    model = tab.ran_model
    if model is None:
        return ""
    name = model_titles(tab.models()).get(model.name, model_title(model))
    if tab.runner.running:
        return tr("of {name}").format(name=name)
    return tr("of {name} · press Transplant").format(name=name)


def heading(tab: HeatmapTab) -> str:
    """What is shown: the classes, or the picture's name before there is a map."""
    if tab.maps is None:
        return picture_name(tab.shown.source) if tab.shown is not None else ""
    show = tab.controls.look.show
    if show == "winner":
        return tr("The best class of each cell")
    if show == "entropy":
        return tr("How undecided each cell is")
    title = tab.classes.title_of(tab.chosen)
    if show == "two" and tab.second:
        return f"{title}  ↔  {tab.classes.title_of(tab.second)}"
    return title


def facts(tab: HeatmapTab) -> str:
    """A fact about what is shown."""
    maps = tab.maps
    if maps is None:
        return ""
    if tab.controls.look.lay == "stretched":
        _, largest = overlay.stretch_error(maps)
        return tr("stretched: off by up to {n} px").format(n=round(largest))
    inside = [c for c in tab.chosen if c < maps.classes]
    if tab.controls.look.show == "class" and inside:
        peak = float(maps.values(inside).max())
        return tr("best cell {percent}").format(percent=percent(peak))
    return tr("{cols} × {rows} cells").format(cols=maps.cols, rows=maps.rows)


def frame(tab: HeatmapTab) -> Frame | None:
    """What is on show, as a snapshot for saving; None without a map."""
    if tab.maps is None or tab.shown is None or tab.transplanted is None:
        return None
    return Frame(
        tab.shown.picture,
        tab.maps,
        tab.chosen,
        tab.second,
        tab.controls.look,
        tab.pyramid,
        (heading(tab), f"{picture_name(tab.shown.source)}  {facts(tab)}"),
        tab.labels,
        model_title(tab.ran_model) if tab.ran_model is not None else "",
        "\n".join(tr_sentence(line) for line in tab.transplanted.account().splitlines()),
        settings_of(tab),
    )


def last_word(maps: ClassMaps | None) -> str:
    """What the last run took."""
    if maps is None or maps.seconds <= 0:
        return ""
    return tr("{cols} × {rows} cells in {ms} ms").format(
        cols=maps.cols, rows=maps.rows, ms=round(1000 * maps.seconds)
    )


def _planned(tab: HeatmapTab, done: Transplanted) -> tuple[Pair, Pair, Cost]:
    """Cells (rows, columns), input size and cost of a run as asked for; refuses as the run will."""
    how, cells = tab.controls.how, tab.controls.cells
    geometry = done.geometry
    if tab.controls.squash:
        size = geometry.size_for_cells(cells, cells)
    else:
        size = choose_size(geometry, tab.shown_size, cells=cells)
    costs = [cost_of(done, size)]
    if how.startswith("stride:"):
        stride = int(how.partition(":")[2])
        geometry = geometry.denser(done.geometry.jump[0] // stride)
        costs = [cost_of(done, size, passes_for(done.geometry, stride))]
    elif how == "pyramid" and not tab.controls.squash:
        sizes = pyramid_sizes(done, size)
        costs = [cost_of(done, level) for level in sizes]
        check_memory(costs[-1], sizes[-1])
    check_memory(costs[0], size)
    known = [cost.seconds for cost in costs if cost.seconds is not None]
    together = Cost(
        max(cost.bytes for cost in costs), sum(cost.macs for cost in costs), sum(known) or None
    )
    return geometry.cells(*size), size, together


def size_text(tab: HeatmapTab) -> str:
    """What the size asked for means, and what it will cost."""
    done, shown = tab.transplanted, tab.shown
    if done is None or shown is None:
        return tr("The size counts after the transplant.")
    try:
        (rows, cols), size, cost = _planned(tab, done)
    except EXPECTED as error:
        return one_sentence(error)
    return tr("{cols} × {rows} cells, net input {w} × {h} px; {cost}").format(
        cols=cols, rows=rows, w=size[1], h=size[0], cost=cost_text(cost)
    )


def smaller_than_a_window(tab: HeatmapTab) -> str:
    """A sentence if the picture must be enlarged for a single cell of the net, else empty."""
    done, shown = tab.transplanted, tab.shown
    if done is None or shown is None:
        return ""
    h, w = done.geometry.window_size
    rows, cols = tab.shown_size
    if rows >= h and cols >= w:
        return ""
    return tr(
        "{name} is smaller than one window ({w} × {h} px of the net's input), so it is enlarged."
    ).format(name=picture_name(shown.source), w=w, h=h)


def is_costly(tab: HeatmapTab) -> bool:
    """Whether a run at the size asked for is worth a warning."""
    done = tab.transplanted
    if done is None or tab.shown is None:
        return False
    try:
        _, _, cost = _planned(tab, done)
    except EXPECTED:
        return True
    free = available_memory()
    return (cost.seconds or 0) > _LONG or (free is not None and cost.bytes > free / 2)


def cost_text(cost: Cost) -> str:
    """What a run costs: time and memory."""
    memory = amount(cost.bytes)
    if cost.seconds is None:
        return memory
    return tr("about {time}, {memory}").format(time=duration(cost.seconds), memory=memory)


def help_html() -> str:
    """What F1 shows."""
    keys = (
        (tr("Wheel, drag"), tr("zoom, move; double click shows the whole picture")),
        (tr("Point at a cell"), tr("its window (blue), its field (dashed), its five best classes")),
        (tr("Click, Enter"), tr("pin the cell; up to three are compared")),
        (tr("Arrow keys"), tr("move from cell to cell")),
        ("A", tr("classify the cell's window alone")),
        (tr("Click on a class"), tr("show it; Ctrl adds it to the sum, Alt is the second colour")),
        ("Ctrl+O, Ctrl+V", tr("open or paste a picture")),
        (tr("PgUp, PgDn"), tr("the folder's previous and next picture")),
        ("Ctrl+T", tr("transplant")),
        ("Ctrl+F", tr("search a class: 282, tiger, 虎猫, 281-285")),
        ("Ctrl+Z, Ctrl+Shift+Z", tr("undo and redo: classes, pins, the map's look")),
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
