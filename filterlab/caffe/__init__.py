"""pycaffe's names on ONNX Runtime: run, edit and save Caffe nets."""

from filterlab.caffe.errors import CaffeError, CaffeWarning

__all__ = ["CaffeError", "CaffeWarning"]
