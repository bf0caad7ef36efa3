"""Convolution kernels: presets, text forms, transforms, analysis; no Qt."""
