"""Two classifiers on one picture, with a mean from a file, over ten crops.

age_gender.py DEPLOY WEIGHTS MEAN.binaryproto PICTURE
"""

import sys

import caffe

deploy, weights, mean_file, picture = sys.argv[1:]
proto_data = open(mean_file, "rb").read()
mean = caffe.io.blobproto_to_array(caffe.io.caffe_pb2.BlobProto.FromString(proto_data))[0]
ages = ["(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)"]
net = caffe.Classifier(
    deploy,
    weights,
    mean=mean.mean(1).mean(1),
    channel_swap=(2, 1, 0),
    raw_scale=255,
    image_dims=(72, 72),
)
image = caffe.io.load_image(open(picture, "rb"))
prediction = net.predict([image])
plain = net.predict([image], oversample=False)
assert prediction.shape == plain.shape == (1, 10)
assert abs(prediction.sum() - 1) < 1e-4
print("predicted age:", ages[prediction[0].argmax() % 8])
