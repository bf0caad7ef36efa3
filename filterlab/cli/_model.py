"""Which net a command works on: ``--model NAME`` or ``--prototxt P --weights W``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filterlab.errors import FilterLabError

__all__ = ["Chosen", "add_arguments", "chosen"]

_DEFAULT = "pocket"


@dataclass(frozen=True)
class Chosen:
    """A net to work on: files, class names (None if not given), preprocessing, a name."""

    name: str
    prototxt: Path
    weights: Path
    labels: Any
    preprocessing: Any

    def labels_for(self, classes: int) -> Any:
        """The class names of a net with so many classes: given, found beside it, or numbers."""
        from filterlab.zoo.labels import Labels, imagenet, read_labels
        from filterlab.zoo.own_models import look

        if self.labels is not None:
            return self.labels
        beside = look(self.prototxt).labels_path
        if beside is not None:
            return read_labels(beside)
        return imagenet() if classes == 1000 else Labels.numbered(classes)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that choose a net and say how pictures are prepared for it."""
    group = parser.add_argument_group("the net")
    group.add_argument(
        "--model", metavar="NAME", help=f"one of 'filterlab models list' ({_DEFAULT})"
    )
    group.add_argument("--prototxt", metavar="P", help="the classifier's deploy prototxt")
    group.add_argument("--weights", metavar="W", help="its caffemodel")
    group.add_argument("--labels", metavar="FILE", help="class names, one a line (ImageNet's)")
    group.add_argument("--mean", metavar="B,G,R", help="mean to subtract (104.007,116.669,122.679)")
    group.add_argument("--scale", type=float, metavar="S", help="pictures in 0..1 times this (255)")
    group.add_argument("--order", choices=("BGR", "RGB"), help="order of the channels (BGR)")


def _mean(text: str | None, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if text is None:
        return default
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not all(abs(v) < 1e6 for v in values):
        raise FilterLabError(f"--mean {text!r}: give three numbers, blue,green,red")
    return values[0], values[1], values[2]


def chosen(args: argparse.Namespace) -> Chosen:
    """The net that the arguments name.

    Raises
    ------
    FilterLabError
        If they contradict each other, or a file is missing.
    """
    from filterlab.progress import run_job
    from filterlab.surgery.heatmap import Preprocessing
    from filterlab.zoo import catalogue
    from filterlab.zoo.getting import prepare_job
    from filterlab.zoo.labels import read_labels

    own = args.prototxt is not None or args.weights is not None
    if own and args.model is not None:
        raise FilterLabError("give either --model or --prototxt with --weights, not both")
    if own and (args.prototxt is None or args.weights is None):
        missing = "--prototxt" if args.prototxt is None else "--weights"
        raise FilterLabError(f"{missing} is missing: an own net needs both its files")
    labels: Any
    if own:
        name, prototxt, weights = Path(args.prototxt).stem, Path(args.prototxt), Path(args.weights)
        labels, default = None, Preprocessing()
        for path in (prototxt, weights):
            if not path.is_file():
                raise FilterLabError(f"{path}: there is no such file")
    else:
        model = run_job(prepare_job(catalogue.get(args.model or _DEFAULT)))
        name, prototxt, weights = model.name, model.prototxt, model.need_weights()
        labels = model.labels
        default = Preprocessing(model.mean_bgr, model.scale, model.order)
    if args.labels is not None:
        labels = read_labels(args.labels)
    return Chosen(
        name,
        prototxt,
        weights,
        labels,
        Preprocessing(
            _mean(args.mean, default.mean_bgr),
            default.scale if args.scale is None else args.scale,
            args.order or default.order,
        ),
    )
