"""pycaffe's ``NetSpec``: nets written as Python.

::

    from filterlab.caffe import NetSpec, layers as L, params as P

    n = NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 1, 28, 28]))
    n.conv = L.Convolution(n.data, kernel_size=5, num_output=20)
    n.pool = L.Pooling(n.conv, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    print(n.to_proto())
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text

__all__ = [
    "Function",
    "NetSpec",
    "Top",
    "assign_proto",
    "layers",
    "param_name_dict",
    "params",
    "to_proto",
]


def param_name_dict() -> dict[str, str]:
    """The parameter field of each message, both without their ends: Convolution, convolution."""
    return {
        field.message_type.name.removesuffix("Parameter"): field.name.removesuffix("_param")
        for field in caffe_pb2.LayerParameter.DESCRIPTOR.fields
        if field.name.endswith("_param") and field.message_type is not None
    }


def _param_names() -> dict[str, str]:
    """The parameter field of each layer type: ``Convolution`` -> ``convolution_param``."""
    names = {kind: f"{stem}_param" for kind, stem in param_name_dict().items()}
    for kind in ("Deconvolution", "Im2col", "ConvolutionDepthwise", "DepthwiseConvolution"):
        names[kind] = names["Convolution"]
    names["LSTM"] = names["RNN"] = names["Recurrent"]
    return names


_PARAM_NAMES = _param_names()


def assign_proto(proto: Any, name: str, val: Any) -> None:
    """Set a message's field from plain values: dicts are messages, lists repeated fields.

    A single value given for a repeated field is a list of one.

    Raises
    ------
    AttributeError
        If there is no such field.
    CaffeError
        If the value does not fit the field.
    """
    held = getattr(proto, name)
    try:
        if hasattr(held, "extend"):
            values = (
                list(val) if isinstance(val, (list, tuple)) or hasattr(val, "tolist") else [val]
            )
            for value in values:
                if isinstance(value, Mapping):
                    item = held.add()
                    for key, inner in value.items():
                        assign_proto(item, key, inner)
                elif hasattr(held, "add"):
                    held.add().CopyFrom(value)
                else:
                    held.append(value.item() if hasattr(value, "item") else value)
        elif isinstance(val, Mapping):
            held.SetInParent()
            for key, inner in val.items():
                assign_proto(held, key, inner)
        elif hasattr(held, "CopyFrom"):
            held.CopyFrom(val)
        else:
            setattr(proto, name, val.item() if hasattr(val, "item") else val)
    except CaffeError:
        raise
    except (TypeError, ValueError) as error:
        kind = proto.DESCRIPTOR.name
        raise CaffeError(
            "{val!r} does not fit the field {name!r} of {kind}: {error}",
            val=val,
            name=name,
            kind=kind,
            error=error,
        ) from None


class Top:
    """One output of a layer: ``n`` is its place among them."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn = fn
        self.n = n

    def to_proto(self) -> caffe_pb2.NetParameter:
        """The net that computes this top."""
        return to_proto(self)

    def _update(self, params: Mapping[str, Any]) -> None:
        self.fn.params.update(params)

    def _to_proto(
        self,
        layers: OrderedDict[Function, caffe_pb2.LayerParameter],
        names: dict[Any, str],
        autonames: Counter[str],
    ) -> None:
        self.fn._to_proto(layers, names, autonames)


class Function:
    """A layer with its inputs and parameters.

    ``ntop`` is the number of outputs, 1 by default; ``in_place`` writes into the input.
    """

    def __init__(self, type_name: str, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> None:
        self.type_name = type_name
        for index, bottom in enumerate(inputs):
            if not isinstance(bottom, Top):
                raise TypeError(f"{type_name} input {index} is not a Top (type is {type(bottom)})")
        self.inputs: tuple[Top, ...] = inputs
        self.params = dict(params)
        self.ntop = int(self.params.pop("ntop", 1))
        self.in_place = bool(self.params.pop("in_place", False))
        if self.in_place and len(inputs) != 1:
            raise CaffeError(
                "{type_name} in place needs one input, not {inputs}",
                type_name=type_name,
                inputs=len(inputs),
            )
        self.tops = tuple(Top(self, index) for index in range(self.ntop))

    def _get_name(self, names: dict[Any, str], autonames: Counter[str]) -> str:
        if self not in names and self.ntop > 0:
            names[self] = self._get_top_name(self.tops[0], names, autonames)
        elif self not in names:
            autonames[self.type_name] += 1
            names[self] = f"{self.type_name}{autonames[self.type_name]}"
        return names[self]

    def _get_top_name(self, top: Top, names: dict[Any, str], autonames: Counter[str]) -> str:
        if top not in names:
            autonames[top.fn.type_name] += 1
            names[top] = f"{top.fn.type_name}{autonames[top.fn.type_name]}"
        return names[top]

    def _to_proto(
        self,
        layers: OrderedDict[Function, caffe_pb2.LayerParameter],
        names: dict[Any, str],
        autonames: Counter[str],
    ) -> None:
        # Depth first without recursion: a net of a thousand layers is no deeper than one.
        waiting: list[Function] = [self]
        while waiting:
            fn = waiting[-1]
            missing = [top.fn for top in fn.inputs if top.fn not in layers]
            if fn in layers:
                waiting.pop()
            elif missing:
                waiting.extend(reversed(missing))
            else:
                waiting.pop()
                layers[fn] = fn._layer(names, autonames)

    def message(self) -> caffe_pb2.LayerParameter:
        """The layer with its parameters, without name, bottoms and tops."""
        layer = caffe_pb2.LayerParameter(type=self.type_name)
        self._set_parameters(layer)
        return layer

    def _layer(self, names: dict[Any, str], autonames: Counter[str]) -> caffe_pb2.LayerParameter:
        layer = caffe_pb2.LayerParameter()
        layer.type = self.type_name
        for top in self.inputs:
            layer.bottom.append(top.fn._bottom_name(top, names, autonames))
        if self.in_place:
            layer.top.extend(layer.bottom)
        else:
            layer.top.extend(self._get_top_name(top, names, autonames) for top in self.tops)
        layer.name = self._get_name(names, autonames)
        self._set_parameters(layer)
        return layer

    def _set_parameters(self, layer: caffe_pb2.LayerParameter) -> None:
        holder = _PARAM_NAMES.get(self.type_name)
        for key, value in self.params.items():
            target: Any = layer
            if not key.endswith("param") and holder is not None:
                held = getattr(layer, holder)
                target = held if key in held.DESCRIPTOR.fields_by_name else layer
            if key not in target.DESCRIPTOR.fields_by_name:
                raise CaffeError(
                    "layer {name!r} of type {type_name!r} has no parameter {key!r}; "
                    "check its spelling",
                    name=layer.name,
                    type_name=self.type_name,
                    key=key,
                )
            assign_proto(target, key, value)

    def _bottom_name(self, top: Top, names: dict[Any, str], autonames: Counter[str]) -> str:
        """The blob a top lies in: that of the input, if the layer works in place."""
        while top.fn.in_place:
            top = top.fn.inputs[0]
        return top.fn._get_top_name(top, names, autonames)


def _make(tops: Mapping[str, Top] | None, *ends: Top | Function) -> caffe_pb2.NetParameter:
    names: dict[Any, str] = {top: name for name, top in (tops or {}).items()}
    autonames: Counter[str] = Counter()
    layers: OrderedDict[Function, caffe_pb2.LayerParameter] = OrderedDict()
    for end in ends:
        end._to_proto(layers, names, autonames)
    net = caffe_pb2.NetParameter()
    net.layer.extend(layers.values())
    return net


def to_proto(*tops: Top | Function) -> caffe_pb2.NetParameter:
    """The net that computes the given tops, with names made up."""
    return _make(None, *tops)


class NetSpec:
    """A net whose blobs are its attributes; a layer takes the name of its first top."""

    tops: OrderedDict[str, Top]

    def __init__(self) -> None:
        super().__setattr__("tops", OrderedDict())

    def __setattr__(self, name: str, value: Top) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Top:
        try:
            return self.__dict__["tops"][name]
        except KeyError:
            raise AttributeError(Text("the net has no blob {blob!r}", blob=name)) from None

    def __setitem__(self, key: str, value: Top) -> None:
        self.tops[key] = value

    def __getitem__(self, item: str) -> Top:
        return self.tops[item]

    def __delattr__(self, name: str) -> None:
        del self.tops[name]

    def __delitem__(self, item: str) -> None:
        del self.tops[item]

    def keys(self) -> list[str]:
        return list(self.tops)

    def vals(self) -> list[Top]:
        return list(self.tops.values())

    def update(self, name: str, params: Mapping[str, Any]) -> None:
        """Change parameters of the layer of a blob."""
        self.tops[name]._update(params)

    def to_proto(self) -> caffe_pb2.NetParameter:
        """The net as a message.

        Raises
        ------
        CaffeError
            If a parameter does not exist or does not fit.
        """
        return _make(self.tops, *self.tops.values())


class Layers:
    """``layers.Convolution(bottom, kernel_size=5, …)`` makes a layer of any type."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def make(*args: Any, **kwargs: Any) -> Any:
            fn = Function(name, args, kwargs)
            if fn.ntop == 0:
                return fn
            return fn.tops[0] if fn.ntop == 1 else fn.tops

        return make


class Parameters:
    """``params.Pooling.MAX``: the values of enums in a layer's parameters."""

    def __getattr__(self, name: str) -> Any:
        message = getattr(caffe_pb2, f"{name}Parameter", None)
        if message is None:
            raise AttributeError(f"no layer type has the parameters {name!r}")
        return message


layers = Layers()
params = Parameters()
