"""Which net and which picture a command works on: ``PROTOTXT WEIGHTS IMAGE`` or ``--model``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filterlab.cli import _model
from filterlab.errors import FilterLabError
from filterlab.progress import Progress

__all__ = [
    "add_preparing",
    "class_of",
    "is_picture",
    "model_of",
    "net_of",
    "no_more",
    "picture_of",
    "preprocessing",
    "teller",
]


def add_preparing(parser: argparse.ArgumentParser) -> None:
    """``--model`` and the options that say how the picture is prepared."""
    group = parser.add_argument_group("the net")
    group.add_argument(
        "--model",
        metavar="NAME",
        help="one of 'filterlab models list', instead of PROTOTXT and WEIGHTS",
    )
    group.add_argument("--labels", metavar="FILE", help="class names, one a line (ImageNet's)")
    group.add_argument("--mean", metavar="B,G,R", help="mean to subtract (the model's)")
    group.add_argument(
        "--input-scale", type=float, metavar="S", help="pictures in 0..1 times this (the model's)"
    )
    group.add_argument("--order", choices=("BGR", "RGB"), help="order of the channels (BGR)")
    group.add_argument("--output", metavar="BLOB", help="of several outputs the one with classes")
    group.add_argument(
        "--activation",
        choices=("softmax", "sigmoid", "none"),
        help="what the net was trained with, if it ends without",
    )


def model_of(args: argparse.Namespace, prototxt: str | None, weights: str | None) -> Any:
    """The model that ``--model``, or a prototxt and its weights, name; its weights are there."""
    from filterlab.progress import run_job
    from filterlab.zoo.getting import prepare_job

    wanted = argparse.Namespace(**vars(args))
    wanted.prototxt, wanted.weights, wanted.scale = prototxt, weights, args.input_scale
    return run_job(prepare_job(_model.chosen(wanted)))


def preprocessing(model: Any) -> Any:
    """How pictures are prepared for a model."""
    from filterlab.workbench.heatmap_state import preprocessing_of

    return preprocessing_of(model)


def net_of(model: Any) -> Any:
    """A model's net with its weights, phase TEST; the same answers whatever ran before.

    Raises
    ------
    FilterLabError, CaffeError
        If the weights are none, or not this net's.
    """
    from filterlab import caffe
    from filterlab.caffe.prototxt import read_net
    from filterlab.surgery.doctor import fill_weights
    from filterlab.surgery.spatial import with_channels

    param = read_net(model.prototxt)
    if model.channels:
        param = with_channels(param, model.channels)
    net = caffe.Net(param if model.channels else str(model.prototxt), caffe.TEST)
    fill_weights(net, str(model.need_weights()))
    net.packing = "never"
    return net


def class_of(labels: Any, text: str) -> int:
    """The one class that a name or an index means; an index need not have a name."""
    if text.isdecimal():
        return int(text)
    found = labels.select(text)
    if len(found) != 1:
        raise FilterLabError("{text!r} names {n} classes; give one", text=text, n=len(found))
    return int(found[0])


def teller() -> Callable[[Progress | None], None]:
    """Tells of progress in one line of a terminal; given None, clears it."""

    def tell(progress: Progress | None) -> None:
        if sys.stderr.isatty():
            told = "" if progress is None else f"{progress.step} {progress.message}".rstrip()
            print(f"\r\x1b[K{told}", end="", file=sys.stderr)

    return tell


def picture_of(name: str, frame: int = 0) -> Any:
    """The picture of a file, or the sample of this name where there is no such file."""
    from filterlab.pictures import read_picture, sample, sample_names

    if not os.path.exists(name) and name in sample_names():
        return sample(name)
    return read_picture(name, frame=frame)


def is_picture(name: str) -> bool:
    """Whether an argument names a picture and not a weights file."""
    from filterlab.pictures import PICTURE_SUFFIXES, sample_names

    if Path(name).suffix.lower() in PICTURE_SUFFIXES:
        return True
    return not os.path.exists(name) and name in sample_names()


def no_more(files: list[str], what: str) -> None:
    """Refuse arguments that nothing asks for."""
    if files:
        raise FilterLabError(
            "do not know what {given!r} is for; give {what}", given=files[0], what=what
        )
