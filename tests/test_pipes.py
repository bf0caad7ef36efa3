"""A named pipe in place of a file is refused at once: opening it would wait for a writer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filterlab.caffe import CaffeError
from filterlab.caffe.files import open_file
from filterlab.caffe.io import load_image, read_mean
from filterlab.caffe.net import TEST, Net
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture
from filterlab.progress import run_job
from filterlab.surgery.kernels.library import KernelLibrary
from filterlab.surgery.kernels.text import read_kernel
from filterlab.zoo.download import download_job
from filterlab.zoo.labels import read_labels
from filterlab.zoo.means import read_mean as read_mean_colour


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_no_reader_waits_for_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    net = tmp_path / "net.prototxt"
    net.write_text(
        "layer { name: 'data' type: 'Input' top: 'data' input_param { shape { dim: 1 } } }"
    )
    readers: list[Callable[[], object]] = [
        lambda: open_file(pipe),
        lambda: Net(pipe, TEST),
        lambda: Net(net, pipe, TEST),
        lambda: load_image(pipe),
        lambda: read_mean(pipe),
        lambda: read_picture(pipe),
        lambda: KernelLibrary(tmp_path / "kernels.json").import_file(pipe),
        lambda: read_kernel(pipe),
        lambda: run_job(download_job([str(pipe)], tmp_path / "net.caffemodel", title="Net")),
        lambda: read_labels(pipe),
        lambda: read_mean_colour(pipe),
    ]
    for read in readers:
        with pytest.raises((OSError, CaffeError, FilterLabError), match="a pipe or a device"):
            read()
