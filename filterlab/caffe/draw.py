"""pycaffe's ``draw``: a net as a picture, through Graphviz where there is one, or as SVG.

``draw_net_to_file(net_param, "net.svg")`` needs nothing else; other formats need pydot and
Graphviz.
"""

from __future__ import annotations

import os
from html import escape
from typing import Any

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import atomic_write
from filterlab.caffe.topology import included
from filterlab.caffe.upgrade import upgrade_net

__all__ = [
    "choose_color_by_layertype",
    "draw_net",
    "draw_net_to_file",
    "get_edge_label",
    "get_layer_label",
    "get_layer_lr_mult",
    "get_pooling_types_dict",
    "get_pydot_graph",
]

_COLORS = {"Convolution": "#FF5050", "Deconvolution": "#FF5050", "Pooling": "#FF9900"}
_COLORS["InnerProduct"] = "#CC33FF"
_BLOB, _LAYER = "#E0E0E0", "#6495ED"
_WIDTH, _HEIGHT, _GAP = 220, 34, 26


def get_pooling_types_dict() -> dict[int, str]:
    """Number -> name of the ways to pool."""
    from filterlab.caffe.proto import caffe_pb2

    return {n: name for name, n in caffe_pb2.PoolingParameter.PoolMethod.items()}


def choose_color_by_layertype(layertype: str) -> str:
    """The colour of a layer's box."""
    return _COLORS.get(layertype, _LAYER)


def get_edge_label(layer: Any) -> str:
    """What stands on the arrow behind a layer: how much comes out of it."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return '""'


def get_layer_lr_mult(layer: Any) -> list[float]:
    """The learning rates of a layer's weights."""
    return [spec.lr_mult for spec in layer.param]


def get_layer_label(layer: Any, rankdir: str, display_lrm: bool = False) -> str:
    """What stands in a layer's box: name, type, and its window if it has one."""
    separator = " " if rankdir in ("TB", "BT") else "\n"
    parts = [layer.name, f"({layer.type})"]
    p = layer.pooling_param if layer.type == "Pooling" else layer.convolution_param
    if layer.type in ("Convolution", "Deconvolution", "Pooling"):

        def first(name: str, default: int) -> int:
            value = getattr(p, name)
            return (list(value) or [default])[0] if hasattr(value, "append") else value

        parts += [
            f"kernel size: {first('kernel_size', 1)}",
            f"stride: {first('stride', 1)}",
            f"pad: {first('pad', 0)}",
        ]
    if display_lrm and layer.param:
        parts.append(f"lr mult: {get_layer_lr_mult(layer)}")
    return separator.join(parts)


def _layers(net: Any, phase: int | None) -> list[Any]:
    net = upgrade_net(net)
    if phase is None:
        return list(net.layer)
    net.state.phase = phase
    return [layer for layer in net.layer if included(layer, net.state)]


def get_pydot_graph(
    caffe_net: Any,
    rankdir: str,
    label_edges: bool = True,
    phase: int | None = None,
    display_lrm: bool = False,
) -> Any:
    """The net as a graph of pydot.

    Raises
    ------
    CaffeError
        If pydot is not installed.
    """
    try:
        import pydot  # type: ignore[import-not-found]
    except ImportError:
        raise CaffeError(
            "drawing other than SVG needs pydot and Graphviz; install both, or write to a file "
            "that ends in .svg"
        ) from None
    graph = pydot.Dot(caffe_net.name or "Net", graph_type="digraph", rankdir=rankdir)
    blobs: dict[str, Any] = {}
    for layer in _layers(caffe_net, phase):
        node = pydot.Node(
            f'"{layer.name}_{layer.type}"',
            label=f'"{get_layer_label(layer, rankdir, display_lrm)}"',
            shape="record",
            style="filled",
            fillcolor=choose_color_by_layertype(layer.type),
        )
        graph.add_node(node)
        for name in (*layer.bottom, *layer.top):
            if name not in blobs:
                blobs[name] = pydot.Node(
                    f'"{name}_blob"', label=f'"{name}"', shape="octagon", fillcolor=_BLOB
                )
                graph.add_node(blobs[name])
        for name in layer.bottom:
            graph.add_edge(pydot.Edge(blobs[name], node))
        for name in layer.top:
            label = get_edge_label(layer) if label_edges else '""'
            graph.add_edge(pydot.Edge(node, blobs[name], label=label))
    return graph


def _svg(net: Any, rankdir: str, phase: int | None, display_lrm: bool) -> str:
    """Layers as boxes in rows: each one row behind the last that it reads, arrows between."""
    layers = _layers(net, phase)
    row_of: list[int] = []
    makers: dict[str, int] = {}
    edges: list[tuple[int, int, str]] = []
    for index, layer in enumerate(layers):
        sources = [(makers[b], b) for b in layer.bottom if b in makers]
        row_of.append(1 + max((row_of[i] for i, _ in sources), default=-1))
        edges += [(i, index, name) for i, name in sources]
        makers.update(dict.fromkeys(layer.top, index))
    taken: dict[int, int] = {}
    places: list[tuple[int, int]] = []
    for row in row_of:
        places.append((taken.get(row, 0), row))
        taken[row] = places[-1][0] + 1
    across = rankdir in ("LR", "RL")
    step = (_WIDTH + _GAP, _HEIGHT + _GAP)

    def corner(place: tuple[int, int]) -> tuple[int, int]:
        column, row = place
        if across:
            column, row = row, column
        return _GAP + column * step[0], _GAP + row * step[1]

    corners = [corner(place) for place in places]
    width = max((x for x, _ in corners), default=0) + step[0]
    height = max((y for _, y in corners), default=0) + step[1]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><title>{escape(net.name)}</title>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    for source, target, name in edges:
        (x0, y0), (x1, y1) = corners[source], corners[target]
        if across:
            ends = x0 + _WIDTH, y0 + _HEIGHT // 2, x1, y1 + _HEIGHT // 2
        else:
            ends = x0 + _WIDTH // 2, y0 + _HEIGHT, x1 + _WIDTH // 2, y1
        parts.append(
            '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="black" marker-end="url(#tip)">'.format(
                *ends
            )
            + f"<title>{escape(name)}</title></line>"
        )
    for layer, (x, y) in zip(layers, corners):
        words = escape(get_layer_label(layer, "TB", display_lrm))
        short = escape(f"{layer.name} ({layer.type})"[:34])
        parts.append(
            f'<g><title>{words}</title><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" '
            f'rx="4" fill="{choose_color_by_layertype(layer.type)}"/><text x="{x + _WIDTH // 2}" '
            f'y="{y + _HEIGHT // 2 + 4}" text-anchor="middle">{short}</text></g>'
        )
    return "\n".join([*parts, "</svg>\n"])


def draw_net(
    caffe_net: Any,
    rankdir: str,
    ext: str = "png",
    phase: int | None = None,
    display_lrm: bool = False,
) -> Any:
    """The net as the bytes of a picture; ``ext="svg"`` needs no Graphviz.

    Parameters
    ----------
    caffe_net : NetParameter
    rankdir : str
        ``"LR"`` from left to right, ``"TB"`` from top to bottom.
    ext : str
        The picture's format.
    phase : int, optional
        Only the layers of this phase.

    Raises
    ------
    CaffeError
        If pydot or Graphviz is missing for another format.
    """
    if ext == "svg":
        return _svg(caffe_net, rankdir, phase, display_lrm).encode("utf-8")
    graph = get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm)
    try:
        return graph.create(format=ext)
    except Exception as error:  # pydot raises many types where Graphviz is missing
        raise CaffeError("Graphviz cannot draw the net: {error}", error=error) from error


def draw_net_to_file(
    caffe_net: Any,
    filename: str | os.PathLike[str],
    rankdir: str = "LR",
    phase: int | None = None,
    display_lrm: bool = False,
) -> None:
    """Draw the net into a file, in the format that its name ends in."""
    name = os.fspath(filename)
    picture = draw_net(caffe_net, rankdir, name.rpartition(".")[2], phase, display_lrm)
    with atomic_write(name) as stream:
        stream.write(picture)
