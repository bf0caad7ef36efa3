"""Nets of Caffe's older generations, V0 and V1, to today's form.

V0 (2013) held a flat layer in each ``layers`` entry, with lower-case type names and padding as
layers of its own; V1 (2014) enum types and parameter messages; today's form string types and
``layer``. The names and numbers are those of the file format.
"""

from __future__ import annotations

from typing import Any

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.forks import translate
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.wire import shown

__all__ = ["V1_TYPES", "upgrade_net"]

V1_TYPES = {
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "ELTWISE": "Eltwise",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "SLICE": "Slice",
    "TANH": "TanH",
    "WINDOW_DATA": "WindowData",
    "THRESHOLD": "Threshold",
}
"""Today's layer type of each V1 type."""

# V0 type -> today's type and the message that takes its parameters.
_V0_TYPES: dict[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", ""),
    "bnll": ("BNLL", ""),
    "concat": ("Concat", "concat_param"),
    "conv": ("Convolution", "convolution_param"),
    "data": ("Data", "data_param"),
    "dropout": ("Dropout", "dropout_param"),
    "euclidean_loss": ("EuclideanLoss", ""),
    "flatten": ("Flatten", ""),
    "hdf5_data": ("HDF5Data", "hdf5_data_param"),
    "hdf5_output": ("HDF5Output", "hdf5_output_param"),
    "im2col": ("Im2col", "convolution_param"),
    "images": ("ImageData", "image_data_param"),
    "infogain_loss": ("InfogainLoss", "infogain_loss_param"),
    "innerproduct": ("InnerProduct", "inner_product_param"),
    "lrn": ("LRN", "lrn_param"),
    "multinomial_logistic_loss": ("MultinomialLogisticLoss", ""),
    "pool": ("Pooling", "pooling_param"),
    "relu": ("ReLU", ""),
    "sigmoid": ("Sigmoid", ""),
    "softmax": ("Softmax", ""),
    "softmax_loss": ("SoftmaxWithLoss", ""),
    "split": ("Split", ""),
    "tanh": ("TanH", ""),
    "window_data": ("WindowData", "window_data_param"),
}

# V0 field -> today's name of it, where the layer's own message has a field of that name.
_V0_FIELDS = {
    "num_output": "num_output",
    "biasterm": "bias_term",
    "weight_filler": "weight_filler",
    "bias_filler": "bias_filler",
    "pad": "pad",
    "kernelsize": "kernel_size",
    "group": "group",
    "stride": "stride",
    "pool": "pool",
    "dropout_ratio": "dropout_ratio",
    "local_size": "local_size",
    "alpha": "alpha",
    "beta": "beta",
    "k": "k",
    "source": "source",
    "batchsize": "batch_size",
    "rand_skip": "rand_skip",
    "det_fg_threshold": "fg_threshold",
    "det_bg_threshold": "bg_threshold",
    "det_fg_fraction": "fg_fraction",
    "det_context_pad": "context_pad",
    "det_crop_mode": "crop_mode",
    "new_height": "new_height",
    "new_width": "new_width",
    "shuffle_images": "shuffle",
    "concat_dim": "concat_dim",
}
_V0_TRANSFORM = {
    "scale": "scale",
    "meanfile": "mean_file",
    "cropsize": "crop_size",
    "mirror": "mirror",
}
_DATA_PARAMS = ("data_param", "image_data_param", "window_data_param")
_DATA_TRANSFORM = ("scale", "mean_file", "crop_size", "mirror")


def _put(target: Any, field: str, value: Any) -> None:
    held = getattr(target, field)
    if hasattr(held, "append"):
        held.append(value)
    elif hasattr(held, "CopyFrom"):
        held.CopyFrom(value)
    else:
        setattr(target, field, value)


def _param_specs(layer: caffe_pb2.LayerParameter, old: Any) -> None:
    """Learning rates and decays, which V0 and V1 kept in lists of their own."""
    count = max(len(old.blobs_lr), len(old.weight_decay), len(layer.param))
    while len(layer.param) < count:
        layer.param.add()
    for spec, rate in zip(layer.param, old.blobs_lr):
        spec.lr_mult = rate
    for spec, decay in zip(layer.param, old.weight_decay):
        spec.decay_mult = decay


def _from_v0(old: caffe_pb2.V1LayerParameter, where: str) -> caffe_pb2.LayerParameter:
    flat = old.layer
    if flat.type not in _V0_TYPES:
        raise CaffeError(
            "{where}: layer {layer} has the unknown V0 type {type}; known are {known}",
            where=where,
            layer=shown(flat.name),
            type=shown(flat.type),
            known=", ".join(sorted([*_V0_TYPES, "padding"])),
        )
    kind, holder = _V0_TYPES[flat.type]
    layer = caffe_pb2.LayerParameter(name=flat.name, type=kind, bottom=old.bottom, top=old.top)
    target = getattr(layer, holder) if holder else None
    for field, value in flat.ListFields():
        if target is not None and hasattr(target, _V0_FIELDS.get(field.name, "?")):
            _put(target, _V0_FIELDS[field.name], value)
        elif field.name in _V0_TRANSFORM:
            _put(layer.transform_param, _V0_TRANSFORM[field.name], value)
    if flat.HasField("hdf5_output_param"):
        layer.hdf5_output_param.CopyFrom(flat.hdf5_output_param)
    layer.blobs.extend(flat.blobs)
    _param_specs(layer, flat)
    return layer


def _from_v1(old: caffe_pb2.V1LayerParameter, where: str) -> caffe_pb2.LayerParameter:
    type_name = caffe_pb2.V1LayerParameter.LayerType.Name(old.type)
    if old.fork_type:
        type_name = old.fork_type
    elif type_name == "NONE":
        raise CaffeError(
            "{where}: layer {layer} has no type; give it one", where=where, layer=shown(old.name)
        )
    layer = caffe_pb2.LayerParameter(
        name=old.name,
        type=V1_TYPES.get(type_name, type_name),
        bottom=old.bottom,
        top=old.top,
        include=old.include,
        exclude=old.exclude,
        loss_weight=old.loss_weight,
        blobs=old.blobs,
    )
    while len(layer.param) < max(len(old.param), len(old.blob_share_mode)):
        layer.param.add()
    for spec, name in zip(layer.param, old.param):
        spec.name = name
    for spec, mode in zip(layer.param, old.blob_share_mode):
        spec.share_mode = int(mode)  # type: ignore[assignment]
    _param_specs(layer, old)
    for field, value in old.ListFields():
        if field.name.endswith("_param"):
            getattr(layer, field.name).CopyFrom(value)
    return layer


def _fold_padding(
    layers: list[caffe_pb2.V1LayerParameter], where: str
) -> list[caffe_pb2.V1LayerParameter]:
    """V0 padding layers folded into the convolution or pooling that reads them."""
    kept: list[caffe_pb2.V1LayerParameter] = []
    padded: dict[str, caffe_pb2.V1LayerParameter] = {}
    for old in layers:
        if old.layer.type == "padding":
            if len(old.bottom) != 1 or len(old.top) != 1:
                raise CaffeError(
                    "{where}: padding layer {layer} has {bottoms} bottoms and {tops} "
                    "tops; it needs one of each",
                    where=where,
                    layer=shown(old.layer.name),
                    bottoms=len(old.bottom),
                    tops=len(old.top),
                )
            if old.bottom[0] in padded:
                raise CaffeError(
                    "{where}: padding layer {layer} pads what is padded already; add the "
                    "two pads up in one layer",
                    where=where,
                    layer=shown(old.layer.name),
                )
            padded[old.top[0]] = old
            continue
        copy = caffe_pb2.V1LayerParameter()
        copy.CopyFrom(old)
        for index, bottom in enumerate(old.bottom):
            padding = padded.get(bottom)
            if padding is None:
                continue
            if old.layer.type not in ("conv", "pool"):
                raise CaffeError(
                    "{where}: layer {layer} of type {type} reads the padding layer "
                    "{padding}; only 'conv' and 'pool' can",
                    where=where,
                    layer=shown(old.layer.name),
                    type=shown(old.layer.type),
                    padding=shown(padding.layer.name),
                )
            copy.bottom[index] = padding.bottom[0]
            copy.layer.pad = padding.layer.pad
        for top in old.top:
            padded.pop(top, None)
        kept.append(copy)
    return kept


def _input_layer(net: caffe_pb2.NetParameter, where: str) -> caffe_pb2.LayerParameter | None:
    """``input`` with its ``input_shape`` or ``input_dim`` as one Input layer, as in BVLC's."""
    names = list(net.input)
    made = {top for layer in net.layer for top in layer.top}
    if not (net.input_shape or net.input_dim) and made.issuperset(names):
        return None  # named beside the Input layer that makes it; BVLC passes over the name
    layer = caffe_pb2.LayerParameter(name="input", type="Input", top=names)
    if net.input_shape:
        if len(net.input_shape) != len(names):
            raise CaffeError(
                "{where}: {count} input(s) but {shapes} input_shape(s); give one for each",
                where=where,
                count=len(names),
                shapes=len(net.input_shape),
            )
        layer.input_param.shape.extend(net.input_shape)
    else:
        if len(net.input_dim) != 4 * len(names):
            raise CaffeError(
                "{where}: {count} input(s) ({names}) but {dims} input_dim(s); give four "
                "for each, or an input_shape",
                where=where,
                count=len(names),
                names=", ".join(map(shown, names[:8])),
                dims=len(net.input_dim),
            )
        for start in range(0, len(net.input_dim), 4):
            layer.input_param.shape.add(dim=net.input_dim[start : start + 4])
    return layer


def _move_transform(layer: caffe_pb2.LayerParameter) -> None:
    """Old data layers held the transformation themselves."""
    for holder in _DATA_PARAMS:
        if not layer.HasField(holder):
            continue
        data = getattr(layer, holder)
        for field in _DATA_TRANSFORM:
            if data.HasField(field):
                setattr(layer.transform_param, field, getattr(data, field))
                data.ClearField(field)


def upgrade_net(net: caffe_pb2.NetParameter, path: str = "<net>") -> caffe_pb2.NetParameter:
    """A net of any generation in today's form; ``net`` itself stays as it is.

    Raises
    ------
    CaffeError
        If the net mixes generations, or its inputs have no complete shape.
    """
    if net.layer and net.layers:
        raise CaffeError(
            "{path}: mixes 'layers' (old) with 'layer' (new); write all of them one way", path=path
        )
    result = caffe_pb2.NetParameter()
    result.CopyFrom(net)
    if net.layers:
        result.ClearField("layers")
        old_layers = list(net.layers)
        if any(old.HasField("layer") for old in old_layers):
            old_layers = _fold_padding(old_layers, path)
        for old in old_layers:
            upgrade = _from_v0 if old.HasField("layer") else _from_v1
            result.layer.append(upgrade(old, path))
    for layer in result.layer:
        _move_transform(layer)
        translate(layer)
    source = _input_layer(result, path)
    layers = [*([source] if source is not None else []), *result.layer]
    for field in ("input", "input_shape", "input_dim", "layer"):
        result.ClearField(field)
    result.layer.extend(layers)
    return result
