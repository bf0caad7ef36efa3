"""The layer types: one module per family, one registry."""

from filterlab.caffe.layers import (
    activation,
    convolution,
    detection,
    inner_product,
    loss,
    normalization,
    pooling,
    python_layer,
    rearranging,
    recurrent,
    reduction,
    refused,
    sources,
    structure,
)
from filterlab.caffe.layers.base import REGISTRY, Layer, Reverse, WeightSpec, create_layer

__all__ = [
    "REGISTRY",
    "Layer",
    "Reverse",
    "WeightSpec",
    "activation",
    "convolution",
    "create_layer",
    "detection",
    "inner_product",
    "loss",
    "normalization",
    "pooling",
    "python_layer",
    "rearranging",
    "recurrent",
    "reduction",
    "refused",
    "sources",
    "structure",
]
