"""What pycaffe keeps in its compiled module: for scripts that import it from there."""

from __future__ import annotations

from filterlab.caffe.blob import Blob
from filterlab.caffe.fixed import BlobRow
from filterlab.caffe.layers.python_layer import UserLayer as Layer
from filterlab.caffe.net import Net, NetLayer
from filterlab.caffe.training import Timer

__all__ = ["Blob", "BlobVec", "Layer", "Net", "NetLayer", "Timer"]

#: The weights of one layer.
BlobVec = BlobRow
