"""Objects on a picture, by SSD.

ssd_detect.py DEPLOY WEIGHTS LABELMAP
"""

import sys

import caffe
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format

deploy, weights, labels = sys.argv[1:]
labelmap = caffe_pb2.LabelMap()
text_format.Merge(open(labels).read(), labelmap)
net = caffe.Net(deploy, weights, caffe.TEST)
size = net.blobs["data"].shape[2]
transformer = caffe.io.Transformer({"data": (1, 3, size, size)})
transformer.set_transpose("data", (2, 0, 1))
transformer.set_mean("data", np.array([104, 117, 123]))
transformer.set_raw_scale("data", 255)
transformer.set_channel_swap("data", (2, 1, 0))
image = np.random.RandomState(5).uniform(0, 1, (80, 100, 3)).astype(np.float32)
net.blobs["data"].reshape(1, 3, size, size)
net.blobs["data"].data[...] = transformer.preprocess("data", image)
detections = net.forward()["detection_out"]
assert detections.shape[1] == 1 and detections.shape[3] == 7
top = [i for i in range(detections.shape[2]) if detections[0, 0, i, 2] >= 0.2]
assert top and len(top) <= 20
for _, label, conf, xmin, ymin, xmax, ymax in detections[0, 0, top].tolist():
    names = [item.display_name for item in labelmap.item if item.label == int(label)]
    assert len(names) == 1 and 0 <= conf <= 1 and xmin <= xmax and ymin <= ymax
print(len(top), "boxes, the first a", names[0])
