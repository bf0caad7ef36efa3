"""Which net a command works on: ``--model NAME`` or ``--prototxt P --weights W``."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from filterlab.errors import FilterLabError

__all__ = ["add_arguments", "chosen"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that choose a net and say how pictures are prepared for it."""
    group = parser.add_argument_group("the net")
    group.add_argument(
        "--model",
        metavar="NAME",
        help="one of 'filterlab models list' (the window's last, else CaffeNet where its weights "
        "are here, else EfficientNet-Lite0, else the pocket net)",
    )
    group.add_argument("--prototxt", metavar="P", help="the classifier's deploy prototxt")
    group.add_argument("--weights", metavar="W", help="its caffemodel")
    group.add_argument("--labels", metavar="FILE", help="class names, one a line (ImageNet's)")
    group.add_argument("--mean", metavar="B,G,R", help="mean to subtract (the model's)")
    group.add_argument("--scale", type=float, metavar="S", help="pictures in 0..1 times this")
    group.add_argument("--order", choices=("BGR", "RGB"), help="order of the channels (BGR)")
    group.add_argument("--output", metavar="BLOB", help="of several outputs the one to map")
    group.add_argument(
        "--activation",
        choices=("softmax", "sigmoid", "none"),
        help="what the net was trained with, if it ends without",
    )


def _mean(text: str) -> tuple[float, float, float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not all(abs(v) < 1e6 for v in values):
        raise FilterLabError("--mean {text!r}: give three numbers, blue,green,red", text=text)
    return values[0], values[1], values[2]


def chosen(args: argparse.Namespace) -> Any:
    """The model (``filterlab.zoo.catalogue.Model``) that the arguments name.

    Raises
    ------
    FilterLabError
        If they contradict each other, or a file is missing.
    """
    from filterlab.zoo import catalogue

    own = args.prototxt is not None or args.weights is not None
    if own and args.model is not None:
        raise FilterLabError("give either --model or --prototxt with --weights, not both")
    if own and (args.prototxt is None or args.weights is None):
        missing = "--prototxt" if args.prototxt is None else "--weights"
        raise FilterLabError(
            "{missing} is missing: an own net needs both its files", missing=missing
        )
    if own:
        model = _own(Path(args.prototxt), Path(args.weights))
    elif args.model is not None:
        model = catalogue.get(args.model)
    else:
        model = catalogue.default_model(catalogue.last_used())
    changes: dict[str, Any] = {}
    if args.labels is not None:
        changes |= {"labels_path": Path(args.labels), "numbered": False}
    if args.mean is not None:
        changes["mean_bgr"] = _mean(args.mean)
    if args.scale is not None:
        changes["scale"] = args.scale
    for name in ("order", "output", "activation"):
        if getattr(args, name) is not None:
            changes[name] = getattr(args, name)
    return replace(model, **changes)


def _own(prototxt: Path, weights: Path) -> Any:
    from filterlab.zoo.own_models import Found, look

    for path in (prototxt, weights):
        if not os.path.isfile(path):
            raise FilterLabError("{path}: there is no such file", path=path)
    found = look(prototxt)
    # What lies beside a net names its classes; its mean is given, or the usual one.
    return Found(
        prototxt,
        weights,
        labels_path=found.labels_path,
        classes=found.classes,
        channels=found.channels,
        input_size=found.input_size,
    ).model(prototxt.stem)
