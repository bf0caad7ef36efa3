"""A segmentation net whose upsampling weights are set by hand, as FCN's surgery does.

fcn_interp.py DEPLOY
"""

import sys

import caffe
import numpy as np


def upsample_filt(size):
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    og = np.ogrid[:size, :size]
    return (1 - abs(og[0] - center) / factor) * (1 - abs(og[1] - center) / factor)


def interp(net, layers):
    for l in layers:
        m, k, h, w = net.params[l][0].data.shape
        assert m == k or k == 1
        assert h == w
        filt = upsample_filt(h)
        net.params[l][0].data[range(m), range(k), :, :] = filt


net = caffe.Net(sys.argv[1], caffe.TEST)
interp_layers = [k for k in net.params.keys() if "up" in k]
interp(net, interp_layers)
net.blobs["data"].reshape(1, 3, 37, 29)
net.blobs["data"].data[...] = 1
score = net.forward()["score"]
assert score.shape == (1, 4, 37, 29)
# Bilinear weights keep what is the same everywhere, away from the edges.
inner = score[0, :, 10:-10, 10:-10]
assert np.abs(inner - inner[:, :1, :1]).max() < 1e-4
print("score", score.shape, "classes", np.unique(score[0].argmax(axis=0)))
