"""A tab with a small net of drawn weights on the table, and its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe, paths
from filterlab.gui.net.tab import NetTab
from filterlab.gui.settings import Settings
from filterlab.pictures import sample, write_picture
from filterlab.pictures.shelf import FolderShelf
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.catalogue import Model
from filterlab.zoo.own_models import remember

#: Two convolutions and two fully connected layers; transplanted, a cell each 4 pixels.
PROTOTXT = """
name: "patient"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 5 stride: 2 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
  convolution_param { num_output: 6 kernel_size: 3 stride: 2 } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "fc6" type: "InnerProduct" bottom: "conv2" top: "fc6"
  inner_product_param { num_output: 12 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc8" type: "InnerProduct" bottom: "fc6" top: "fc8"
  inner_product_param { num_output: 4 } }
layer { name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }
"""


@pytest.fixture
def patient() -> Model:
    """The small net among the user's own models."""
    folder = paths.data_dir() / "net"
    folder.mkdir(parents=True)
    prototxt, weights = folder / "patient.prototxt", folder / "patient.caffemodel"
    prototxt.write_text(PROTOTXT, encoding="utf-8")
    net = caffe.Net(str(prototxt), caffe.TEST)
    rng = np.random.default_rng(17)
    for kernel, bias in net.params.values():
        spread = np.sqrt(2 / kernel.data[0].size)
        kernel.data[...] = rng.standard_normal(kernel.shape, np.float32) * spread
        bias.data[...] = rng.standard_normal(bias.shape, np.float32) * 0.1
    net.save(str(weights))
    (folder / "labels.txt").write_text("ash\nbirch\ncedar\ndogwood\n", encoding="utf-8")
    model = Model(
        name="patient",
        title="Patient",
        kind="own",
        prototxt=prototxt,
        weights_path=weights,
        mean_bgr=(3.2, 3.6, 4.0),
        scale=8.0,
        order="RGB",
        input_size=(32, 32),
        labels_path=folder / "labels.txt",
    )
    return remember(model)


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three pictures."""
    folder = tmp_path_factory.mktemp("album")
    for name in ("chelsea", "coffee", "coins"):
        write_picture(folder / f"{name}.png", sample(name)[::3, ::3])
    return folder


@pytest.fixture
def tab(qtbot: Any, patient: Model, album: Path, until: Callable[..., None]) -> Iterator[NetTab]:
    """The tab with that net and the tabby cat, looking at conv1; patches come from the album."""
    made = NetTab(Settings())
    made.started = True
    made.study.look_in(FolderShelf(album))
    qtbot.addWidget(made)
    made.resize(1200, 720)
    made.show()
    made.open_model(patient, Source(sample="chelsea"))
    until(lambda: made.study.bench is not None and made.settled)
    made.study.look_at_layer("conv1")
    until(lambda: made.settled)
    yield made
    made.shutdown()
