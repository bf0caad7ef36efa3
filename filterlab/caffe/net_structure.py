"""What a net consists of, under pycaffe's names."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from filterlab.caffe.blob import Blob
from filterlab.caffe.fixed import BlobRow, ByName
from filterlab.caffe.layers import Layer
from filterlab.caffe.legacy_api import LegacyNet
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.topology import Topology

__all__ = ["NetLayer", "Structure"]


class NetLayer:
    """A layer as pycaffe shows it: its type and its weights."""

    def __init__(self, layer: Layer, blobs: list[Blob]) -> None:
        self._layer = layer
        self.blobs = blobs

    @property
    def type(self) -> str:
        """Caffe's name of the layer type, e.g. ``Convolution``."""
        return str(self._layer.param.type)

    @property
    def name(self) -> str:
        """The layer's name (an extension)."""
        return self._layer.name

    @property
    def param(self) -> Any:
        """The LayerParameter (an extension); read, do not change."""
        return self._layer.param

    def __repr__(self) -> str:
        return f"<{self.type} '{self.name}'>"


class Structure(LegacyNet):
    """The part of :class:`filterlab.caffe.Net` that tells what is there and changes nothing."""

    _topology: Topology
    _blobs: ByName[Blob]
    _params: ByName[BlobRow[Blob]]
    _layers: list[NetLayer]

    @property
    def name(self) -> str:
        """The net's name in its prototxt."""
        return str(self._topology.param.name)

    @property
    def blobs(self) -> ByName[Blob]:
        """All blobs by name, in the order in which layers make them."""
        return self._blobs

    @property
    def params(self) -> ByName[BlobRow[Blob]]:
        """The weights of each layer that has any: usually [weights, bias]."""
        return self._params

    @property
    def layers(self) -> list[NetLayer]:
        """All layers, in order."""
        return list(self._layers)

    @property
    def layer_dict(self) -> OrderedDict[str, NetLayer]:
        """All layers by name."""
        return OrderedDict((layer.name, layer) for layer in self._layers)

    @property
    def _layer_names(self) -> list[str]:
        return [layer.name for layer in self._layers]

    @property
    def _blob_names(self) -> list[str]:
        return list(self._blobs)

    @property
    def inputs(self) -> list[str]:
        """Names of the blobs to fill."""
        return list(self._topology.inputs)

    @property
    def outputs(self) -> list[str]:
        """Names of the blobs that no layer reads."""
        return list(self._topology.outputs)

    @property
    def _inputs(self) -> list[int]:
        """Places in ``_blob_names`` of the inputs."""
        names = self._blob_names
        return [names.index(name) for name in self._topology.inputs]

    @property
    def _outputs(self) -> list[int]:
        """Places in ``_blob_names`` of the outputs."""
        names = self._blob_names
        return [names.index(name) for name in self._topology.outputs]

    @property
    def top_names(self) -> OrderedDict[str, list[str]]:
        """For each layer the blobs it makes."""
        return OrderedDict((layer.name, list(layer.tops)) for layer in self._topology.layers)

    @property
    def bottom_names(self) -> OrderedDict[str, list[str]]:
        """For each layer the blobs it reads."""
        return OrderedDict((layer.name, list(layer.bottoms)) for layer in self._topology.layers)

    @property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """For each blob its share in the loss that training minimizes: 0 for all but losses."""
        weights = OrderedDict.fromkeys(self._blobs, 0.0)
        for layer in self._topology.layers:
            given = list(layer.param.loss_weight)
            if not given and layer.param.type.endswith("Loss"):
                given = [1.0]
            weights.update(zip(layer.tops, given))
        return weights

    @property
    def param(self) -> Any:
        """A copy of the net's NetParameter, in today's form (an extension)."""
        copy = caffe_pb2.NetParameter()
        copy.CopyFrom(self._topology.param)
        return copy

    @property
    def phase(self) -> int:
        """``TEST`` or ``TRAIN`` (an extension)."""
        return self._topology.phase

    def layer_param(self, name: str) -> Any:
        """A copy of one layer's LayerParameter (an extension)."""
        copy = caffe_pb2.LayerParameter()
        copy.CopyFrom(self._topology.layers[self._topology.index(name)].param)
        return copy

    def _top_ids(self, index: int) -> list[int]:
        """Places in ``_blob_names`` of the blobs that a layer makes."""
        names = self._blob_names
        return [names.index(name) for name in self._topology.layers[index].tops]

    def _bottom_ids(self, index: int) -> list[int]:
        """Places in ``_blob_names`` of the blobs that a layer reads."""
        names = self._blob_names
        return [names.index(name) for name in self._topology.layers[index].bottoms]
