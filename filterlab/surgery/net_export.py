"""Any net as an ONNX model: sizes free where the net allows, checked before it gets its name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from filterlab.caffe import CaffeError, Net
from filterlab.caffe.files import atomic_write
from filterlab.caffe.runtime import load_runtime
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.surgery.heatmap import Preprocessing
from filterlab.surgery.onnx_export import check_holds, natural_model
from filterlab.surgery.own_input import picture_input
from filterlab.surgery.targets import spare_inputs
from filterlab.surgery.transplant import not_finite

__all__ = ["OPSETS", "Exported", "export_net_job", "free_axes"]

Shape = tuple[int, ...]

#: What can be asked for: from the first with all that the nets need to the newest that is known.
OPSETS = (14, 22)

_AXES = {0: "batch", 2: "height", 3: "width"}
# Steps of a size at which the graph must be the same: strides and their sums are among them.
_STEPS = (1, 2, 3, 4, 5, 7, 8, 16, 31, 32)
_AGREE = 1e-3  # of the largest value: sums in another order


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    path : Path
    inputs, outputs : dict
        Name -> its dimensions, numbers or names (``batch``, ``height``, ``width``) of free ones.
    free : tuple of str
        Which of batch, height and width are free.
    opset : int
    checked : tuple of Shape
        The input shapes at which ONNX Runtime gave the net's answers.
    difference : float
        The largest, as a share of the largest value.
    """

    path: Path
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]
    free: tuple[str, ...]
    opset: int
    checked: tuple[Shape, ...]
    difference: float


def _inputs(net: Net) -> dict[str, Shape]:
    return {name: tuple(net.blobs[name].shape) for name in net.inputs}


def _at(inputs: Mapping[str, Shape], picture: str, axis: int, size: int) -> dict[str, Shape]:
    """The inputs with another size along an axis; the batch is all inputs' own."""
    own = inputs[picture][axis]
    changed = {}
    for name, shape in inputs.items():
        if name == picture or (axis == 0 and shape and shape[0] == own):
            shape = (*shape[:axis], size, *shape[axis + 1 :])
        changed[name] = shape
    return changed


def _signature(model: Any) -> list[Any]:
    """What a graph does, without sizes of inputs and outputs."""
    from onnx import helper, numpy_helper

    constants = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    numbers: dict[str, int] = {}

    def one(name: str) -> Any:
        if name in constants:
            array = constants[name]
            return (array.dtype.str, array.shape, array.tobytes())
        return numbers.setdefault(name, len(numbers))

    return [
        (
            node.op_type,
            [one(name) for name in node.input],
            [one(name) for name in node.output],
            sorted((a.name, str(helper.get_attribute_value(a))) for a in node.attribute),
        )
        for node in model.graph.node
    ]


def free_axes(net: Net, wanted: Sequence[str] | None = None) -> dict[int, Shape]:
    """The axes along which one graph serves inputs of any size: axis -> another input's shape.

    The graph is built at several sizes; where all of them are the same to the last attribute, the
    axis is free. A fully connected layer over places fixes height and width; so does a pooling
    whose last window depends on the size.
    """
    picture = picture_input(net)
    inputs = _inputs(net)
    outputs = list(net.outputs if wanted is None else wanted)
    own = _signature(natural_model(net, inputs, outputs, weights=False))
    found: dict[int, Shape] = {}
    for axis in _AXES:
        if axis and 1 in inputs[picture][2:]:
            continue
        size = inputs[picture][axis]
        for step in _STEPS[:3] if axis == 0 else _STEPS:
            try:
                other = natural_model(
                    net, _at(inputs, picture, axis, size + step), outputs, weights=False
                )
            except (CaffeError, FilterLabError):
                break
            if _signature(other) != own:
                break
        else:
            found[axis] = _at(inputs, picture, axis, size + (1 if axis == 0 else _STEPS[-1]))[
                picture
            ]
    return found


def _free(model: Any, net: Net, free: Mapping[int, Shape]) -> None:
    """Give the free dimensions of inputs and outputs names."""
    picture = picture_input(net)
    inputs = _inputs(net)
    names = [value.name for value in model.graph.output]
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.output
    }
    for axis, shape in free.items():
        changed = _at(inputs, picture, axis, shape[axis])
        for value in model.graph.input:
            dims = value.type.tensor_type.shape.dim
            for i, (was, now) in enumerate(zip(inputs[value.name], changed[value.name])):
                if was != now:
                    dims[i].dim_param = _AXES[axis]
        other = natural_model(net, changed, names, weights=False)
        for mine, theirs in zip(model.graph.output, other.graph.output):
            dims = mine.type.tensor_type.shape.dim
            for i, dim in enumerate(theirs.type.tensor_type.shape.dim):
                if dim.dim_value != shapes[mine.name][i]:
                    dims[i].dim_param = (
                        _AXES[axis]
                        if axis == 0
                        else f"{mine.name}_{('', '', 'rows', 'cols')[axis]}"
                    )
    del model.graph.value_info[:]


def _prepared(model: Any, net: Net, preprocessing: Preprocessing) -> None:
    """Let the model take pictures as they are decoded: uint8 RGB, channels last."""
    from onnx import TensorProto, helper, numpy_helper

    picture = picture_input(net)
    graph = model.graph
    value = next(v for v in graph.input if v.name == picture)
    n, channels, height, width = (
        dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim
    )
    if channels not in (1, 3):
        raise FilterLabError(
            "the net takes {channels} channels; pictures have 3 (colour) or 1 (grey)",
            channels=channels,
        )
    mean = np.array(preprocessing.mean_bgr, np.float32)
    if channels == 1:
        mean = np.array([mean.mean()], np.float32)
    elif preprocessing.order.upper() != "BGR":
        mean = mean[::-1]
    constants = {
        "prepare.scale": np.array(preprocessing.scale / 255.0, np.float32),
        "prepare.mean": np.ascontiguousarray(mean.reshape(1, -1, 1, 1)),
    }
    steps = [
        helper.make_node("Cast", ["image"], ["prepare~float"], "prepare#0", to=TensorProto.FLOAT),
        helper.make_node(
            "Transpose", ["prepare~float"], ["prepare~planes"], "prepare#1", perm=[0, 3, 1, 2]
        ),
    ]
    planes = "prepare~planes"
    if channels == 3 and preprocessing.order.upper() == "BGR":
        constants["prepare.order"] = np.array([2, 1, 0], np.int64)
        steps.append(
            helper.make_node(
                "Gather", [planes, "prepare.order"], ["prepare~bgr"], "prepare#2", axis=1
            )
        )
        planes = "prepare~bgr"
    steps += [
        helper.make_node("Mul", [planes, "prepare.scale"], ["prepare~scaled"], "prepare#3"),
        helper.make_node("Sub", ["prepare~scaled", "prepare.mean"], [picture], "prepare#4"),
    ]
    nodes = [*steps, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(a, k) for k, a in constants.items())
    value.CopyFrom(
        helper.make_tensor_value_info("image", TensorProto.UINT8, [n, height, width, channels])
    )


def _dims(values: Any) -> dict[str, tuple[int | str, ...]]:
    return {
        v.name: tuple(d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim)
        for v in values
    }


def export_net_job(
    net: Net,
    path: str | os.PathLike[str],
    *,
    opset: int = 17,
    preprocessing: Preprocessing | None = None,
    outputs: Sequence[str] | None = None,
    spared: Sequence[str | os.PathLike[str]] = (),
) -> Job[Exported]:
    """Write a net as ONNX, after onnx's checker and ONNX Runtime's answers at two sizes.

    Parameters
    ----------
    net : Net
    path : path
    opset : int
        Of :data:`OPSETS`, both included.
    preprocessing : Preprocessing, optional
        Put it into the model, whose input is then ``image``: uint8 RGB, batch x height x width x
        channels, of the size that the net takes (resizing is left to the caller).
    outputs : sequence of str, optional
        Blobs to give out; the net's outputs if not given.
    spared : paths
        Files that may not be overwritten.

    Raises
    ------
    FilterLabError
        If there is no such blob or opset, the folder is missing, the weights are too large, or the
        model does not answer as the net does. Nothing is written then.
    CaffeError
        If a layer has no place in an ONNX model.
    """
    import onnx

    target = Path(path)
    if not target.resolve().parent.is_dir():
        raise FilterLabError(
            "{target}: there is no folder {folder}; make it first",
            target=target,
            folder=target.parent,
        )
    spare_inputs([target], spared)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise FilterLabError(
            "opset {opset}: must lie between {low} and {high}",
            opset=opset,
            low=OPSETS[0],
            high=OPSETS[1],
        )
    wanted = list(net.outputs if outputs is None else outputs)
    for name in wanted:
        if name not in net.blobs:
            raise FilterLabError(
                "the net has no blob {name!r}; its outputs are {known}",
                name=name,
                known=", ".join(net.outputs),
            )
    check_holds(net)
    yield Progress(Text("find the sizes that the net allows"), 0, 4)
    free = free_axes(net, wanted)
    yield Progress(Text("write the graph"), 1, 4)
    inputs = _inputs(net)
    model = natural_model(net, inputs, wanted)
    _free(model, net, free)
    if preprocessing is not None:
        _prepared(model, net, preprocessing)
    model.graph.name = net.name or "net"
    if opset != model.opset_import[0].version:
        model = _converted(model, opset)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    given, made = _dims(model.graph.input), _dims(model.graph.output)
    picture = picture_input(net)
    sizes = [inputs]
    if free:
        changed = inputs
        for axis, shape in free.items():
            changed = _at(changed, picture, axis, shape[axis])
        sizes.append(changed)
    worst = 0.0
    _session(data, target)  # it is taken as it stands
    asked = _with_scores(model, net, wanted)
    session = _session(model.SerializeToString(), target)
    for k, shapes in enumerate(sizes):
        yield Progress(Text("ask both"), 2 + k, 4)
        worst = max(worst, _difference(net, session, shapes, asked, preprocessing, k))
    if not worst <= _AGREE:
        raise FilterLabError(
            "{target}: the ONNX model does not answer as the net does; not written", target=target
        )
    with atomic_write(target) as stream:
        stream.write(data)
    return Exported(
        target,
        given,
        made,
        tuple(_AXES[axis] for axis in free),
        opset,
        tuple(shapes[picture] for shapes in sizes),
        worst,
    )


def _with_scores(model: Any, net: Net, wanted: Sequence[str]) -> dict[str, str]:
    """What to compare: value of the model -> blob; what softmaxes make their outputs of, too.

    A probability near 0 or 1 hides what went wrong before it. The model is given more outputs.
    """
    from onnx import TensorProto, helper

    asked = {name: name for name in wanted}
    makers = {name: node for node in model.graph.node for name in node.output}
    for name in wanted:
        layers = [layer for layer in net.layers if name in net.top_names[layer.name]]
        node = makers.get(name)
        if node is None or not layers or layers[-1].type not in ("Softmax", "Sigmoid"):
            continue
        bottom, value = net.bottom_names[layers[-1].name][0], node.input[0]
        if node.op_type in ("Softmax", "Sigmoid") and bottom != name and value not in asked:
            asked[value] = bottom
            model.graph.output.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
    return asked


def _converted(model: Any, opset: int) -> Any:
    from onnx import version_converter

    try:
        return version_converter.convert_version(model, opset)
    except Exception as error:  # the converter raises many types
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FilterLabError(
            "the net cannot be written with opset {opset} ({reason}); take 17",
            opset=opset,
            reason=reason,
        ) from None


def _session(data: bytes, target: Path) -> Any:
    runtime = load_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many types
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FilterLabError(
            "{target}: ONNX Runtime does not take the model ({reason}); not written",
            target=target,
            reason=reason,
        ) from None


def _difference(
    net: Net,
    session: Any,
    shapes: Mapping[str, Shape],
    asked: Mapping[str, str],
    preprocessing: Preprocessing | None,
    seed: int,
) -> float:
    """The largest difference between net and model on drawn inputs, by the largest value."""
    rng = np.random.default_rng(282 + seed)
    twin = net.snapshot(share_weights=True)
    twin.packing = "never"
    picture = picture_input(net)
    given: dict[str, Any] = {}
    for name, shape in shapes.items():
        data = (rng.standard_normal(shape) * 50).astype(np.float32)
        given[name] = data
        if name == picture and preprocessing is not None:
            image = rng.integers(0, 256, (shape[0], *shape[2:], shape[1]), np.uint8)
            whole = [
                preprocessing.apply(
                    one if shape[1] == 3 else one[:, :, 0], (shape[2], shape[3]), shape[1]
                )
                for one in image
            ]
            data = np.concatenate(whole)
            del given[name]
            given["image"] = image
        twin.blobs[name].reshape(*shape)
        twin.blobs[name].data[...] = data
    twin.reshape()
    twin.forward()
    worst = 0.0
    for blob, found in zip(asked.values(), session.run(list(asked), given)):
        expected = twin.blobs[blob].data
        if not np.isfinite(expected).all():
            raise not_finite(twin, Text("the net's answer"))
        if found.shape != expected.shape or not np.isfinite(found).all():
            return float("inf")
        scale = max(float(np.abs(expected).max()), 1e-30)
        worst = max(worst, float(np.abs(found - expected).max()) / scale)
    return worst
