"""Models for the heatmap bench."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.pictures import write_picture
from filterlab.progress import run_job
from filterlab.surgery.methods import Request
from filterlab.workbench.heatmap_bench import HeatmapBench
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model

# A net that ends in a global pooling, with padding, so that pooled and exact differ.
POOLED = """
name: "pooled"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 5 pad: 2 stride: 4 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "score" type: "Convolution" bottom: "conv" top: "score"
  convolution_param { num_output: 5 kernel_size: 3 pad: 1 stride: 2 } }
layer { name: "pool" type: "Pooling" bottom: "score" top: "pool"
  pooling_param { pool: AVE global_pooling: true } }
layer { name: "prob" type: "Softmax" bottom: "pool" top: "prob" }
"""


def own_model(prototxt: Path, weights: Path, **changes: Any) -> Model:
    """Files as a model of the user's own."""
    fields = {"mean_bgr": (0.0, 0.0, 0.0), "scale": 1.0, "numbered": True} | changes
    return Model(prototxt.stem, prototxt.stem, "own", prototxt, weights, **fields)


def drawn(prototxt: Path, seed: int) -> Path:
    """Weights for a net, drawn from a seed."""
    from filterlab import caffe

    net = caffe.Net(str(prototxt), caffe.TEST)
    rng = np.random.default_rng(seed)
    for blobs in net.params.values():
        for blob in blobs:
            fan_in = max(int(np.prod(blob.shape[1:])), 1)
            blob.data[...] = rng.standard_normal(blob.shape) * 2 / np.sqrt(fan_in)
    weights = prototxt.with_suffix(".caffemodel")
    net.save(str(weights))
    return weights


@pytest.fixture(scope="session")
def bright() -> Any:
    """The hand-made net whose answer is known."""
    path = Path(__file__).parent.parent / "gui/heatmap/bright_net.py"
    spec = importlib.util.spec_from_file_location("bright_net", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def nets(tmp_path_factory: pytest.TempPathFactory, repo: Path, bright: Any) -> dict[str, Model]:
    """Five small nets: CaffeNet's shape, a trained one, pooled ones, one of three classes."""
    folder = tmp_path_factory.mktemp("nets")
    (folder / "pooled.prototxt").write_text(POOLED)
    (folder / "maximum.prototxt").write_text(POOLED.replace("AVE", "MAX"))
    golden = repo / "tests/goldens/nets"
    return {
        "pocket": catalogue.get("pocket"),
        "bright": bright.make(folder / "bright"),
        "pooled": own_model(folder / "pooled.prototxt", drawn(folder / "pooled.prototxt", 5)),
        "maximum": own_model(folder / "maximum.prototxt", drawn(folder / "maximum.prototxt", 6)),
        "small": own_model(
            golden / "small_v2.prototxt",
            golden / "small_v2.caffemodel",
            mean_bgr=(104.0, 117.0, 123.0),
            scale=255.0,
        ),
    }


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Four picture files: a photo, a grey one, a long one, a tiny one."""
    from skimage import data

    folder = tmp_path_factory.mktemp("pictures")
    photo = data.chelsea()[::2, ::2].astype(np.float32) / np.float32(255)
    made = {
        "photo": photo,
        "grey": data.camera()[100:380:2, 50:450:2].astype(np.float32) / np.float32(255),
        "long": np.tile(photo[40:90], (1, 3, 1)),
        "tiny": photo[50:70, 60:90],
    }
    for name, picture in made.items():
        write_picture(folder / f"{name}.png", picture)
    return {name: folder / f"{name}.png" for name in made}


@pytest.fixture
def settle() -> Callable[[HeatmapBench], None]:
    """Do what is due, as the window does."""

    def run(bench: HeatmapBench) -> None:
        while (job := bench.due_job()) is not None:
            bench.accept(run_job(job))

    return run


@pytest.fixture
def bench(nets: dict[str, Model], bright: Any, settle: Any) -> HeatmapBench:
    """The brightness net, transplanted, on 128x96 pixels with a white square at (40, 24)."""
    made = HeatmapBench(nets["bright"])
    array = bright.picture((40, 24))
    made.restore_request(Request(size=128))
    made.accept(run_job(made.open_job(Source(array_name="square"), array)))
    made.accept(run_job(made.transplant_job()))
    settle(made)
    return made
