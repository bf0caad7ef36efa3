"""Batch normalization folded into the convolutions before it.

merge_bn.py DEPLOY WEIGHTS OUT.prototxt OUT.caffemodel
"""

import sys

import caffe
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format

deploy, weights, out_proto, out_model = sys.argv[1:]
net = caffe.Net(deploy, weights, caffe.TEST)
param = caffe_pb2.NetParameter()
text_format.Parse(open(deploy).read(), param)
kept, merged = [], {}
for layer in param.layer:
    if layer.type in ("BatchNorm", "Scale"):
        merged[layer.bottom[0]] = merged.get(layer.bottom[0], []) + [layer.name]
        continue
    kept.append(layer)
    if layer.type == "Convolution":
        layer.convolution_param.bias_term = True
new = caffe_pb2.NetParameter()
new.CopyFrom(param)
del new.layer[:]
new.layer.extend(kept)
open(out_proto, "w").write(text_format.MessageToString(new))
folded = caffe.Net(out_proto, caffe.TEST)
for name, blobs in folded.params.items():
    weight = net.params[name][0].data
    bias = net.params[name][1].data if len(net.params[name]) > 1 else np.zeros(len(weight))
    top = net.top_names[name][0]
    if top in merged:
        bn, scale = merged[top]
        eps = [layer for layer in param.layer if layer.name == bn][0].batch_norm_param.eps
        factor = net.params[bn][2].data[0]
        mean, variance = (net.params[bn][i].data / factor for i in (0, 1))
        alpha = net.params[scale][0].data / np.sqrt(variance + eps)
        weight = weight * alpha.reshape((-1,) + (1,) * (weight.ndim - 1))
        bias = (bias - mean) * alpha + net.params[scale][1].data
    blobs[0].data[...] = weight
    blobs[1].data[...] = bias
folded.save(out_model)
x = np.random.RandomState(4).standard_normal(net.blobs["data"].data.shape)
one, other = (list(n.forward(data=x).values())[0].copy() for n in (net, folded))
print(len(net.layers), "layers ->", len(folded.layers), "difference", np.abs(one - other).max())
assert np.abs(one - other).max() < 1e-4 * np.abs(one).max()
