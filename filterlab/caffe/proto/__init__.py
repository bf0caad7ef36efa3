"""Caffe's message definitions."""
