"""The layer types: one module per family, one registry."""

from filterlab.caffe.layers import (
    activation,
    convolution,
    inner_product,
    loss,
    normalization,
    pooling,
    reduction,
    refused,
    sources,
    structure,
)
from filterlab.caffe.layers.base import REGISTRY, Layer, WeightSpec, create_layer

__all__ = [
    "REGISTRY",
    "Layer",
    "WeightSpec",
    "activation",
    "convolution",
    "create_layer",
    "inner_product",
    "loss",
    "normalization",
    "pooling",
    "reduction",
    "refused",
    "sources",
    "structure",
]
