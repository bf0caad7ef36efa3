"""A cascade that finds faces: a small net on a pyramid of the picture, then a larger on its boxes.

mtcnn.py PNET-DEPLOY PNET-WEIGHTS RNET-DEPLOY RNET-WEIGHTS
"""

import sys

import caffe
import cv2
import numpy as np

pnet = caffe.Net(sys.argv[1], sys.argv[2], caffe.TEST)
rnet = caffe.Net(sys.argv[3], sys.argv[4], caffe.TEST)
img = np.random.RandomState(3).uniform(0, 255, (90, 110, 3)).astype(np.float32)
h, w = img.shape[:2]
scale, scales = 12.0 / 20, []
while min(h, w) * scale >= 12:
    scales.append(scale)
    scale *= 0.709


def nms(boxes, threshold):
    x1, y1, x2, y2, s = boxes.T
    area = (x2 - x1 + 1) * (y2 - y1 + 1)
    order, pick = s.argsort(), []
    while order.size:
        i = order[-1]
        pick.append(i)
        rest = order[:-1]
        iw = np.maximum(0, np.minimum(x2[i], x2[rest]) - np.maximum(x1[i], x1[rest]) + 1)
        ih = np.maximum(0, np.minimum(y2[i], y2[rest]) - np.maximum(y1[i], y1[rest]) + 1)
        overlap = iw * ih / (area[i] + area[rest] - iw * ih)
        order = rest[overlap <= threshold]
    return boxes[pick]


found = []
for scale in scales:
    hs, ws = int(np.ceil(h * scale)), int(np.ceil(w * scale))
    im_data = (cv2.resize(img, (ws, hs)) - 127.5) * 0.0078125
    pnet.blobs["data"].reshape(1, 3, hs, ws)
    pnet.blobs["data"].data[0] = im_data.transpose(2, 0, 1)
    answer = pnet.forward()
    face, move = answer["prob1"][0, 1], answer["conv4-2"][0]
    assert face.shape == ((hs - 10 + 1) // 2, (ws - 10 + 1) // 2)
    y, x = np.where(face >= np.sort(face.ravel())[-5])
    box = np.array([x * 2, y * 2, x * 2 + 11, y * 2 + 11]).T / scale
    size = (box[:, 2:] - box[:, :2]).repeat(2, 1)[:, [0, 2, 1, 3]]
    moved = box + move[:, y, x].T * size
    found.append(np.hstack([moved, face[y, x][:, None]]))
boxes = nms(np.concatenate(found), 0.7)
crops = np.zeros((len(boxes), 3, 24, 24), np.float32)
for crop, (x1, y1, x2, y2, _) in zip(crops, boxes):
    x1, y1 = max(0, int(x1)), max(0, int(y1))
    part = img[y1 : max(y1 + 2, int(y2)), x1 : max(x1 + 2, int(x2))]
    if part.size:
        crop[...] = ((cv2.resize(part, (24, 24)) - 127.5) * 0.0078125).transpose(2, 0, 1)
rnet.blobs["data"].reshape(*crops.shape)
rnet.blobs["data"].data[...] = crops
answer = rnet.forward()
assert answer["prob1"].shape == (len(boxes), 2)
assert answer["conv5-2"].shape == (len(boxes), 4)
print(len(scales), "sizes,", len(boxes), "boxes")
