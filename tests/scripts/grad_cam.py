"""Grad-CAM: which places of a layer speak for a class.

grad_cam.py DEPLOY WEIGHTS LAYER SCORE OUT.npy
"""

import sys

import caffe
import numpy as np

deploy, weights, layer, score, out = sys.argv[1:]
net = caffe.Net(deploy, weights, caffe.TEST)
net.blobs["data"].data[...] = np.random.RandomState(2).uniform(-1, 1, net.blobs["data"].data.shape)
net.forward()
label = int(net.blobs[score].data[0].argmax())
label_index = np.zeros((1, net.blobs[score].data.shape[1]))
label_index[0, label] = 1
caffe_diffs = net.backward(diffs=[layer, "data"], **{net.outputs[0]: label_index})
activations, gradient = net.blobs[layer].data[0], caffe_diffs[layer][0]
importance = gradient.mean(axis=(1, 2))
cam = np.maximum((importance[:, None, None] * activations).sum(axis=0), 0)
np.save(out, cam)
print(label, cam.shape, float(cam.max()))

# What it means: a step along the gradient raises the score.
before = float(net.blobs[score].data[0, label])
net.blobs["data"].data[...] += 1e-3 * np.sign(caffe_diffs["data"])
net.forward()
assert net.blobs[score].data[0, label] > before
