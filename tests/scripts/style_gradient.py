"""Style transfer: the gradient of Gram matrices and contents, one step of L-BFGS after the other.

style_gradient.py DEPLOY WEIGHTS CONTENT-LAYER STYLE-LAYER[,STYLE-LAYER...]
"""

import sys

import caffe
import numpy as np
from scipy.optimize import minimize

deploy, weights, content, styles = sys.argv[1:]
styles = styles.split(",")
caffe.set_mode_cpu()
net = caffe.Net(deploy, weights, caffe.TEST)
rng = np.random.RandomState(1)
shape = net.blobs["data"].data.shape
layers = [name for name in net.blobs if name in [content, *styles]]


def gram(features):
    return np.dot(features, features.T)


def features_of(picture):
    net.blobs["data"].data[0] = picture
    net.forward()
    return {
        name: net.blobs[name].data[0].copy().reshape(net.blobs[name].channels, -1)
        for name in layers
    }


content_goal = features_of(rng.uniform(-1, 1, shape[1:]))[content]
style_goal = {name: gram(f) for name, f in features_of(rng.uniform(-1, 1, shape[1:])).items()}


def loss_and_gradient(x):
    found = features_of(x.reshape(shape[1:]))
    loss = 0.0
    for blob in net.blobs.values():
        blob.diff[...] = 0
    for i, layer in enumerate(reversed(layers)):
        wrt = net.blobs[layer].diff[0]
        f = found[layer]
        if layer == content:
            c = f - content_goal
            loss += (c**2).sum() / 2
            wrt += (c * (f > 0)).reshape(wrt.shape)
        if layer in styles:
            g = gram(f) - style_goal[layer]
            scale = 1.0 / f.shape[1] ** 2 / f.shape[0] ** 2
            loss += scale / 4 * (g**2).sum()
            wrt += (scale * np.dot(g, f) * (f > 0)).reshape(wrt.shape)
        lower = list(reversed(layers))[i + 1 : i + 2]
        net.backward(start=layer, end=lower[0] if lower else None)
    return loss, net.blobs["data"].diff[0].flatten().astype(float)


start = rng.uniform(-0.5, 0.5, shape[1:]).flatten()
first = loss_and_gradient(start)[0]
result = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 5})
print("%.5g -> %.5g" % (first, result.fun))
assert result.fun < first
