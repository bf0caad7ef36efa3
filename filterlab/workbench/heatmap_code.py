"""The pycaffe lines that give the map on show: a program that runs as it is copied."""

from __future__ import annotations

from collections.abc import Sequence

from filterlab.surgery.heatmap import ClassMaps
from filterlab.surgery.methods import MapRun
from filterlab.surgery.transplant import Transplanted
from filterlab.workbench.heatmap_state import Shown
from filterlab.zoo.catalogue import Model

__all__ = ["code", "sections"]


def code(
    model: Model,
    done: Transplanted | None,
    shown: Shown | None,
    run: MapRun | None,
    classes: Sequence[int] = (),
) -> str:
    """What is on show, from the imports to ``heatmap``, the array of its cells.

    As far as there is something: the net, its transplant, the picture, the map. A picture that is
    in no file (pasted, a camera's frame) is read from ``picture.npy``, to be saved first.
    """
    parts = sections(model, done, shown, run, classes)
    return "\n".join(line for lines in parts.values() for line in lines)


def sections(
    model: Model,
    done: Transplanted | None,
    shown: Shown | None,
    run: MapRun | None,
    classes: Sequence[int] = (),
    opened: Sequence[str] | None = None,
) -> dict[str, list[str]]:
    """The lines of :func:`code` by what they make, each of which needs those before it.

    ``net``, ``transplant``, ``picture``, ``map``, ``heatmap``; ``opened`` stands for the lines that
    open the picture as ``image``.
    """
    parts = {"net": _net(model)}
    if done is not None:
        parts["transplant"] = _transplant(model, done)
    if done is not None and shown is not None and run is not None:
        parts["picture"] = _picture(model, shown, done, run.maps, opened)
        parts["map"] = {"exact": _exact}.get(run.maps.method, _dense)(done, run.maps)
        parts["heatmap"] = _heatmap(classes)
    return parts


def _net(model: Model) -> list[str]:
    return [
        "import numpy as np",
        "import filterlab.caffe as caffe",
        "",
        f"net = caffe.Net({str(model.prototxt)!r},",
        f"                {str(model.weights or model.weights_path)!r}, caffe.TEST)",
    ]


def _transplant(model: Model, done: Transplanted) -> list[str]:
    plan = done.rewritten
    chosen = "".join(
        f", {key}={value!r}"
        for key, value in (("output", model.output), ("activation", model.activation))
        if value
    )
    if plan.activation == "none":
        chosen = chosen if model.activation else f"{chosen}, activation='none'"
    lines = [
        "",
        "from filterlab.caffe.prototxt import read_net",
        "from filterlab.surgery.rewrite import rewrite",
        "shapes = {name: blob.data.shape for name, blob in net.blobs.items()}",
        f"full_conv = rewrite(read_net({str(model.prototxt)!r}), shapes{chosen}).param",
        "net_full_conv = caffe.Net(full_conv, caffe.TEST)",
        "net_full_conv.share_with(net)",
    ]
    for cast in done.conversions:
        if cast.kind != "fc->conv":
            continue
        transposed = any(c.old == cast.old and c.transposed for c in plan.changes)
        source = f"net.params[{cast.old!r}][0].data"
        lines += [
            f"net_full_conv.params[{cast.new!r}][0].data.flat = \\",
            f"    {source}{'.T' if transposed else ''}.flat",
        ]
        if len(done.net.params[cast.new]) > 1:
            lines += [
                f"net_full_conv.params[{cast.new!r}][1].data[...] = \\",
                f"    net.params[{cast.old!r}][1].data",
            ]
    if plan.padding is not None:
        share = plan.padding.share
        lines += [
            "# The classifier averages cells of padding in; this scale stands for them.",
            "net.forward()",
            f"scale, bias = net_full_conv.params[{plan.padding.scale!r}]",
            f"scale.data[...] = {share!r}",
            f"bias.data[...] = net.blobs[{plan.padding.blob!r}].data[0, :, 0, 0] * (1 - {share!r})",
        ]
    return lines


def _picture(
    model: Model,
    shown: Shown,
    done: Transplanted,
    maps: ClassMaps,
    opened: Sequence[str] | None = None,
) -> list[str]:
    source, (h, w) = shown.source, maps.input_size
    if opened is not None:
        lines = ["", *opened]
    elif source.path and source.frame:
        lines = [
            "",
            "from filterlab.pictures import read_picture",
            f"image = read_picture({source.path!r}, frame={source.frame})  # counted from 0",
        ]
    elif source.path:
        lines = ["", f"image = caffe.io.load_image({source.path!r})"]
    elif source.sample:
        lines = [
            "",
            "from filterlab.pictures import sample",
            f"image = sample({source.sample!r})",
        ]
    else:
        lines = ["", "image = np.load('picture.npy')  # this picture is in no file: save it first"]
    rows, cols = shown.size
    if rows > 4 * h or cols > 4 * w:
        nearer = (min(cols, 4 * w), min(rows, 4 * h))
        lines += [
            "import cv2",
            f"image = cv2.resize(image, {nearer}, interpolation=cv2.INTER_AREA)",
        ]
    if done.channels == 3 and shown.picture.ndim == 2:
        lines.append("image = np.repeat(image.reshape(*image.shape[:2], -1)[..., :1], 3, axis=2)")
    name = done.input
    mean = model.mean_bgr if model.order == "BGR" else model.mean_bgr[::-1]
    lines += [
        f"transformer = caffe.io.Transformer({{{name!r}: (1, {done.channels}, {h}, {w})}})",
        f"transformer.set_transpose({name!r}, (2, 0, 1))",
    ]
    if done.channels == 3:
        if model.order == "BGR":
            lines.append(f"transformer.set_channel_swap({name!r}, (2, 1, 0))")
        lines.append(f"transformer.set_mean({name!r}, np.array({list(mean)!r}))")
    else:
        lines += [
            "image = image @ np.array([0.2125, 0.7154, 0.0721]) if image.ndim == 3 else image",
            "image = image[:, :, None]",
            f"transformer.set_mean({name!r}, np.array([{sum(mean) / len(mean)!r}]))",
        ]
    lines += [
        f"transformer.set_raw_scale({name!r}, {model.scale!r})",
        f"data = transformer.preprocess({name!r}, image)[None]",
    ]
    return lines


def _dense(done: Transplanted, maps: ClassMaps) -> list[str]:
    name, output = done.input, done.output
    fy, fx = (own // now for own, now in zip(done.geometry.jump, maps.geometry.jump))
    if (fy, fx) == (1, 1):
        return [
            "",
            f"net_full_conv.blobs[{name!r}].reshape(*data.shape)",
            f"prob = net_full_conv.forward({name}=data)[{output!r}][0]",
        ]
    sy, sx = maps.geometry.jump
    return [
        "",
        "# Copies of the picture, shifted, fill the map between its cells.",
        f"prob = np.zeros(({maps.classes}, {maps.rows}, {maps.cols}), np.float32)",
        f"for y in range({min(fy, maps.rows)}):",
        f"    for x in range({min(fx, maps.cols)}):",
        f"        shifted = data[:, :, {sy} * y:, {sx} * x:]",
        f"        net_full_conv.blobs[{name!r}].reshape(*shifted.shape)",
        f"        part = net_full_conv.forward({name}=shifted)[{output!r}][0]",
        f"        cells = prob[:, y::{fy}, x::{fx}]",
        "        cells[...] = part[:, :cells.shape[1], :cells.shape[2]]",
    ]


def _exact(done: Transplanted, maps: ClassMaps) -> list[str]:
    plan, g = done.rewritten, maps.geometry
    # Only a classifier of one window has exact maps, and its first lies in the corner.
    high, wide = g.window_size
    _, _, right, bottom = g.window(maps.rows - 1, maps.cols - 1)
    h, w = maps.input_size
    margins = ((0, 0), (0, 0), (0, max(bottom - h, 0)), (0, max(right - w, 0)))
    sy, sx = g.jump
    lines = [
        "",
        "# Each window cut out and classified by itself.",
        f"data = np.pad(data, {margins})",
        f"net.blobs[{done.input!r}].reshape(1, {done.channels}, {high}, {wide})",
        f"prob = np.zeros(({maps.classes}, {maps.rows}, {maps.cols}), np.float32)",
        f"for i in range({maps.rows}):",
        f"    for j in range({maps.cols}):",
        f"        y, x = {sy} * i, {sx} * j",
        f"        window = data[:, :, y:y + {high}, x:x + {wide}]",
        f"        net.forward({done.input}=window)",
        f"        answer = net.blobs[{plan.plain_output!r}].data[0].reshape(-1)",
    ]
    if plan.applied == "softmax":
        lines += [
            "        answer = np.exp(answer - answer.max())",
            "        answer /= answer.sum()",
        ]
    elif plan.applied == "sigmoid":
        lines.append("        answer = 1 / (1 + np.exp(-answer))")
    return [*lines, "        prob[:, i, j] = answer"]


def _heatmap(classes: Sequence[int]) -> list[str]:
    if len(classes) == 1:
        return [f"heatmap = prob[{classes[0]}]"]
    return [f"heatmap = prob[{list(classes)!r}].sum(axis=0)"] if classes else []
