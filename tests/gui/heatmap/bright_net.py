"""A hand-made classifier whose answer is known: does the window hold nothing but light?

Input 3x32x32; the mean of each 8x8 block, then a fully connected layer over the 16 blocks. Class
1, "light", wins where the mean of the whole window is above 0.95. Transplanted, a cell looks at
32x32 pixels and the cells lie 8 pixels apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from filterlab import caffe
from filterlab.zoo.catalogue import Model

JUMP, WINDOW = 8, 32
PROTOTXT = """
name: "bright"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "mean" type: "Convolution" bottom: "data" top: "mean"
  convolution_param { num_output: 1 kernel_size: 8 stride: 8 } }
layer { name: "fc" type: "InnerProduct" bottom: "mean" top: "fc"
  inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def make(folder: Path) -> Model:
    """Write the net, its weights, its class names and a catalogue entry; returns the model."""
    folder.mkdir(parents=True, exist_ok=True)
    prototxt = folder / "bright.prototxt"
    prototxt.write_text(PROTOTXT, encoding="utf-8")
    net = caffe.Net(str(prototxt), caffe.TEST)
    net.params["mean"][0].data[...] = 1 / (8 * 8 * 3)
    net.params["mean"][1].data[...] = 0
    # Scores: dark -k (mean - 0.95), light +k (mean - 0.95), never -k.
    k = 200.0
    net.params["fc"][0].data[...] = np.array([[-k / 16] * 16, [k / 16] * 16, [0] * 16])
    net.params["fc"][1].data[...] = [0.95 * k, -0.95 * k, -k]
    net.save(str(folder / "bright.caffemodel"))
    (folder / "labels.txt").write_text("darkness\nbright light\nnothing\n", encoding="utf-8")
    return Model(
        name="bright",
        title="Brightness",
        kind="own",
        prototxt=prototxt,
        weights_path=folder / "bright.caffemodel",
        mean_bgr=(0.0, 0.0, 0.0),
        scale=1.0,
        order="RGB",
        input_size=(32, 32),
        labels_path=folder / "labels.txt",
    )


def picture(*squares: tuple[int, int], shape: tuple[int, int] = (96, 128)) -> np.ndarray:
    """A dark picture with white 32x32 squares at these (x, y)."""
    dark = np.zeros((*shape, 3), np.float32)
    for x, y in squares:
        dark[y : y + WINDOW, x : x + WINDOW] = 1
    return dark
