"""Making weights on this machine: random ones, and those that another file holds."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from filterlab import paths
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.zoo.catalogue import Model, Origin
from filterlab.zoo.convert import CONVERTERS, Blobs
from filterlab.zoo.download import digest_job, speaking_of

__all__ = ["convert_job", "misfit", "origin_file", "random_job"]

_SLICE = 4 << 20  # random values drawn in one step: a few hundredths of a second
_BIAS_STD = 0.1
# How far the values of a picture less its mean spread, in the units that a net takes.
_PICTURE_SPREAD = 64.0


@contextlib.contextmanager
def origin_file(path: Path, origin: Origin) -> Iterator[Path]:
    """The origin's file at ``path``: itself, within a folder, or within its package's wheel.

    Raises
    ------
    FilterLabError
        If it is not there.
    """
    name = Path(origin.file).name
    if os.path.isdir(path):
        wheels = sorted(path.glob(f"{origin.file.partition('/')[0]}-*.whl"))
        path = path / name if os.path.isfile(path / name) or not wheels else wheels[-1]
    if path.suffix.lower() != ".whl":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="filterlab-wheel-") as folder:
        try:
            with zipfile.ZipFile(path) as wheel:
                info = wheel.getinfo(origin.file)
                if origin.size is not None and info.file_size != origin.size:
                    raise FilterLabError(
                        "{path}: its {file} has another length than published", path=path, file=name
                    )
                with wheel.open(info) as packed, open(Path(folder) / name, "wb") as out:
                    out.write(packed.read(info.file_size))
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            said = Text("it holds no {file}", file=origin.file)
            if getattr(error, "strerror", None):
                said = reason_of(error)
            raise FilterLabError(
                "{path}: cannot take the weights from it: {reason}", path=path, reason=said
            ) from error
        yield Path(folder) / name


def convert_job(model: Model, file: Path) -> Job[None]:
    """Job that makes a model's weights from its origin's file.

    They are written once, with the net beside them; the two appear together.

    Raises
    ------
    FilterLabError
        If it is another file, cannot be read, does not fit the net, or cannot be written.
    """
    origin = model.origin
    assert origin is not None
    converter = CONVERTERS[origin.converter]
    step = Text("Making the weights of {title}", title=model.title)
    yield Progress(step, 0, 1, str(file))
    if converter.exact:
        yield from _check_job(model.title, origin, file)
    shapes = _shapes(model.prototxt)
    blobs = yield from converter.convert(file, shapes, step)
    for layer, wanted in shapes.items():
        found = [blob.shape for blob in blobs[layer]]
        if found != wanted:
            raise FilterLabError(
                "{file}: {layer} has the shapes {found}, but the net needs {wanted}",
                file=file,
                layer=layer,
                found=found,
                wanted=wanted,
            )
        if not all(np.isfinite(blob).all() for blob in blobs[layer]):
            raise FilterLabError(
                "{file}: {layer} holds values that are not finite", file=file, layer=layer
            )
        yield Progress(step, 1, 1, layer)
    _write_pair(model, blobs)
    yield Progress(step, 1, 1, str(model.converted_path))


def _check_job(title: str, origin: Origin, file: Path) -> Job[None]:
    """The length and the digest of the file."""
    try:
        length = file.stat().st_size
        if origin.size is not None and length != origin.size:
            raise FilterLabError(
                "{file}: it has {length:,} bytes, not {size:,}: this is another file",
                file=file,
                length=length,
                size=origin.size,
            )
        if origin.digest is not None:
            found = yield from digest_job(file, origin.digest, title)
            if found != origin.digest.value:
                raise FilterLabError(
                    "{file}: its {kind} is {found}, not {wanted}: this is another file",
                    file=file,
                    kind=origin.digest.kind,
                    found=found,
                    wanted=origin.digest.value,
                )
    except OSError as error:
        raise FilterLabError(
            "{file}: cannot read it ({reason})", file=file, reason=reason_of(error)
        ) from error


def _shapes(prototxt: Path) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of a net's weights, by layer."""
    from filterlab import caffe

    net = caffe.Net(str(prototxt), caffe.TEST)
    return {name: [tuple(blob.shape) for blob in row] for name, row in net.params.items() if row}


def _write_pair(model: Model, blobs: Blobs) -> None:
    """Write net and weights into the models folder: both or none.

    A folder that is made whole and then renamed is the one way to let two files appear at once.
    """
    from filterlab.caffe.caffemodel import write_weights
    from filterlab.caffe.prototxt import read_net

    target = paths.models_dir() / model.name
    weights = model.converted_path.name
    with speaking_of(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{model.name}.{os.getpid()}-", suffix=".part", dir=target.parent
        ) as folder:
            made = Path(folder) / model.name
            made.mkdir()
            net = made / model.prototxt.name
            net.write_bytes(model.prototxt.read_bytes())
            write_weights(made / weights, read_net(model.prototxt, quiet=True), blobs)
            for path in (net, made / weights):
                with open(path, "r+b") as stream:
                    os.fsync(stream.fileno())
            try:
                made.rename(target)
            except OSError:
                # It is there, with other files in it. The weights come last: they make it ready.
                for path in (net, made / weights):
                    path.replace(target / path.name)


def random_job(model: Model) -> Job[None]:
    """Draw weights under the model's seed and keep them in the cache folder."""
    from filterlab import caffe
    from filterlab.caffe import fillers
    from filterlab.caffe.proto import caffe_pb2

    step = Text("Making random weights for {title}", title=model.title)
    yield Progress(
        step,
        0,
        1,
        Text(
            "{size:.0f} MB in {folder}",
            size=(model.size or 0) / 1e6,
            folder=model.weights_path.parent,
        ),
    )
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
            "cannot write {path} ({reason}): the random weights need {size:.0f} MB there",
            path=path,
            reason=reason_of(error),
            size=total / 1.25 * 4 / 1e6,
        ) from error
    yield Progress(step, total, total, str(path))


def misfit(prototxt: Path, weights: Path) -> str:
    """What keeps weights from fitting a net; nothing if they fit."""
    from filterlab import caffe

    try:
        net = caffe.Net(str(prototxt), str(weights), caffe.TEST, mapped=False)
    except caffe.CaffeError as error:
        return error.message
    left = ", ".join(net.filled.left)
    return (
        Text("{weights}: it lacks the layers {layers}", weights=weights, layers=left)
        if left
        else ""
    )
