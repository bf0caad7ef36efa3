"""Getting a model of the catalogue, and checking one that is there. Both are jobs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from filterlab import paths
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.zoo.catalogue import Model
from filterlab.zoo.download import Clock, DownloadProgress, download_job, is_url

__all__ = ["Verdict", "get_job", "sources_of", "verify_job"]

_SLICE = 4 << 20  # random values drawn in one step: a few hundredths of a second
_BIAS_STD = 0.1
# How far the values of a picture less its mean spread, in the units that a net takes.
_PICTURE_SPREAD = 64.0


def sources_of(model: Model, source: str | None = None) -> list[str]:
    """Where to get a model's weights from, in the order of trying.

    ``source`` (an address or a path; a folder is searched for the file) is the only one if given;
    else the mirror named by ``FILTERLAB_MIRROR``, then the published addresses.
    """
    file = model.weights_path.name
    if source:
        return [_within(source, file)]
    mirror = os.environ.get("FILTERLAB_MIRROR", "").strip()
    return ([_within(mirror + "/", file)] if mirror else []) + list(model.urls)


def _within(source: str, file: str) -> str:
    """An address that ends with a slash is a folder's."""
    if is_url(source):
        return source.rstrip("/") + "/" + file if source.endswith("/") else source
    return source


def get_job(model: Model, source: str | None = None, clock: Clock | None = None) -> Job[Model]:
    """Job that brings a model's weights; returns the model, ready.

    Parameters
    ----------
    model : Model
        Of the catalogue. One that is ready already is not got again, unless ``source`` is given.
    source : str, optional
        An address, a file, or a folder with the file (a teacher's USB stick) to take it from.
    clock : Clock, optional
        Time, for tests.

    Raises
    ------
    FilterLabError
        If it cannot be got; one sentence. See :func:`filterlab.zoo.download.download_job`.
    """
    if model.ready and not source:
        yield Progress(f"{model.title} is here", 1, 1)
        return model
    if source and model.kind != "download":
        raise FilterLabError(
            f"{model.title} is no download, so it cannot be taken from {source}: get it without "
            "that, or open the file as a model of your own"
        )
    if model.kind == "random":
        yield from _random_job(model)
        return model
    if model.kind != "download":
        raise FilterLabError(
            f"{model.title} should have come with FilterLab, but {model.weights_path} is missing: "
            "install FilterLab again"
            if model.kind == "bundled"
            else f"{model.weights_path} is missing: put it back, or open the model anew"
        )
    yield from download_job(
        sources_of(model, source),
        paths.models_dir() / model.name / model.weights_path.name,
        title=model.title,
        size=model.size,
        digest=model.digest,
        clock=clock,
    )
    return model


def _random_job(model: Model) -> Job[None]:
    """Draw weights under the model's seed and keep them in the cache folder."""
    import numpy as np

    from filterlab import caffe
    from filterlab.caffe import fillers
    from filterlab.caffe.proto import caffe_pb2

    step = f"Making random weights for {model.title}"
    yield Progress(step, 0, 1, f"{(model.size or 0) / 1e6:.0f} MB in {model.weights_path.parent}")
    net = caffe.Net(str(model.prototxt), caffe.TEST)
    blobs = [blob for row in net.params.values() for blob in row]
    total = sum(blob.count for blob in blobs) * 1.25  # writing takes the last fifth
    # msra keeps the size of the values from layer to layer, so that nothing over- or underflows.
    weight = caffe_pb2.FillerParameter(type="msra")
    bias = caffe_pb2.FillerParameter(type="gaussian", std=_BIAS_STD)
    seeds = np.random.SeedSequence(model.random_seed)
    done = 0
    for name, row in net.params.items():
        for blob in row:
            data = blob.data
            rows = max(1, _SLICE // max(1, blob.count // data.shape[0]))
            for start in range(0, data.shape[0], rows):
                part = data[start : start + rows]
                fillers.fill(part, weight if data.ndim > 1 else bias, seeds.spawn(1)[0])
                done += part.size
                yield Progress(step, done, total, name)
    if blobs:
        # So that every class comes out about as likely as any other.
        blobs[0].data[...] /= _PICTURE_SPREAD
    path = model.weights_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        net.save(str(path))
    except OSError as error:
        raise FilterLabError(
            f"cannot write {path} ({error.strerror or error}): the random weights need "
            f"{total / 1.25 * 4 / 1e6:.0f} MB there"
        ) from error
    yield Progress(step, total, total, str(path))


@dataclass(frozen=True)
class Verdict:
    """What checking a model's weights found.

    Attributes
    ----------
    state : str
        ``"good"``, ``"wrong"`` or ``"missing"``.
    sentence : str
        What was compared, or what is wrong and what to do.
    """

    model: Model
    state: str
    sentence: str


def verify_job(model: Model) -> Job[Verdict]:
    """Job that checks a model's weights: length and digest, and that they fit the net.

    Weights without a digest in the catalogue (random, bundled, your own) are read and compared
    with the net's shapes.
    """
    path = model.weights_path
    if not path.is_file():
        return Verdict(model, "missing", f"not here ({path})")
    length = path.stat().st_size
    if model.kind == "download" and model.size is not None and length != model.size:
        return Verdict(
            model,
            "wrong",
            f"{path} has {length:,} bytes, not {model.size:,}: delete it and get it again",
        )
    if model.digest is not None:
        try:
            steps = model.digest.of_steps(path)
            while True:
                yield DownloadProgress(f"Checking {model.title}", next(steps), length)
        except StopIteration as end:
            found = end.value
        except OSError as error:
            raise FilterLabError(f"{path}: cannot read it ({error.strerror})") from error
        if found != model.digest.value:
            return Verdict(
                model,
                "wrong",
                f"{path}: its {model.digest.kind} is {found}, not {model.digest.value}: delete "
                "it and get it again",
            )
    yield Progress(f"Checking {model.title}", length, length)
    problem = _misfit(model)
    if problem:
        return Verdict(model, "wrong", problem)
    how = f"{model.digest.kind} is right" if model.digest else "its shapes fit the net"
    return Verdict(model, "good", f"{length:,} bytes, {how}")


def _misfit(model: Model) -> str:
    """What keeps the weights from fitting the net; nothing if they fit."""
    from filterlab import caffe

    try:
        net = caffe.Net(str(model.prototxt), str(model.weights_path), caffe.TEST, mapped=False)
    except caffe.CaffeError as error:
        return str(error)
    left: Sequence[str] = net.filled.left
    return f"{model.weights_path}: it lacks the layers {', '.join(left)}" if left else ""
