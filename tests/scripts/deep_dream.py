"""Deep dream: a picture is changed so that a layer answers more strongly, octave by octave.

deep_dream.py DEPLOY WEIGHTS LAYER OUT.npy
"""

import sys

import caffe
import numpy as np
from scipy import ndimage

deploy, weights, end, out = sys.argv[1:]
net = caffe.Classifier(
    deploy, weights, mean=np.float32([104.0, 116.0, 122.0]), channel_swap=(2, 1, 0)
)
rng = np.random.RandomState(0)


def preprocess(net, img):
    return np.float32(np.rollaxis(img, 2)[::-1]) - net.transformer.mean["data"]


def deprocess(net, img):
    return np.dstack((img + net.transformer.mean["data"])[::-1])


def make_step(net, step_size=1.5, jitter=8, clip=True):
    src, dst = net.blobs["data"], net.blobs[end]
    ox, oy = rng.randint(-jitter, jitter + 1, 2)
    src.data[0] = np.roll(np.roll(src.data[0], ox, -1), oy, -2)
    net.forward(end=end)
    dst.diff[:] = dst.data
    strength = float((dst.data**2).sum())
    net.backward(start=end)
    g = src.diff[0]
    src.data[:] += step_size / np.abs(g).mean() * g
    src.data[0] = np.roll(np.roll(src.data[0], -ox, -1), -oy, -2)
    if clip:
        bias = net.transformer.mean["data"]
        src.data[:] = np.clip(src.data, -bias, 255 - bias)
    return strength


base = preprocess(net, rng.uniform(0, 255, (48, 64, 3)))
octaves = [base]
for _ in range(2):
    octaves.append(ndimage.zoom(octaves[-1], (1, 1.0 / 1.4, 1.0 / 1.4), order=1))
src = net.blobs["data"]
detail = np.zeros_like(octaves[-1])
history = []
for octave, octave_base in enumerate(octaves[::-1]):
    h, w = octave_base.shape[-2:]
    if octave > 0:
        h1, w1 = detail.shape[-2:]
        detail = ndimage.zoom(detail, (1, 1.0 * h / h1, 1.0 * w / w1), order=1)
    src.reshape(1, 3, h, w)
    src.data[0] = octave_base + detail
    history.append([make_step(net) for _ in range(6)])
    detail = src.data[0] - octave_base
np.save(out, deprocess(net, src.data[0]))
print(" ".join("%.4g->%.4g" % (steps[0], steps[-1]) for steps in history))
assert all(steps[-1] > steps[0] for steps in history)
