"""The models known by name, read from ``models/catalogue.toml``.

A model that is added to that file is known at once; so is one in the user's own catalogue,
``catalogue.toml`` in :func:`filterlab.paths.models_dir` (paths in it are relative to it).
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from filterlab import paths
from filterlab.caffe.files import atomic_write, open_file, sweep
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.languages import ENGLISH, known
from filterlab.zoo.convert import CONVERTERS
from filterlab.zoo.digest import Digest
from filterlab.zoo.labels import Labels, imagenet, read_labels
from filterlab.zoo.packages import check_requirement, installed_file
from filterlab.zoo.toml import read_toml

__all__ = [
    "DEFAULT_MEAN_BGR",
    "Model",
    "Origin",
    "default_model",
    "entries",
    "get",
    "last_used",
    "problem",
    "read_catalogue",
    "remember_used",
]

# The ILSVRC-2012 mean image averaged to one colour, as the tutorial subtracts it.
DEFAULT_MEAN_BGR = (104.007, 116.669, 122.679)

_SUMMARIES = {
    "bundled": Text("bundled"),
    "download": Text("not downloaded"),
    "package": Text("not installed"),
    "random": Text("made on first use"),
    "own": Text("your own"),
}

_LONGEST_NAME = 1000  # bytes

# What to begin with, best first; the last one comes with the program.
_TO_BEGIN_WITH = ("caffenet", "efficientnet-lite0", "pocket")


@dataclass(frozen=True)
class Origin:
    """Another file that a model's weights can be made from.

    Attributes
    ----------
    converter : str
        Which of :data:`filterlab.zoo.convert.CONVERTERS` makes them.
    file : str
        Its name; of a package's file, its path among the installed packages.
    size : int or None
        Its length in bytes.
    digest : Digest or None
        What it must hash to.
    urls : tuple of str
        Where it is published, tried in order.
    package : str
        The package that carries it, ``NAME==VERSION``; empty if none does.
    """

    converter: str
    file: str
    size: int | None = None
    digest: Digest | None = None
    urls: tuple[str, ...] = ()
    package: str = ""

    @property
    def installed(self) -> Path | None:
        """Where its package has put it, or None while that is not installed."""
        return installed_file(self.package, self.file) if self.package else None


@dataclass(frozen=True)
class Model:
    """A classifier by name: where its files lie and how pictures are prepared for it.

    Attributes
    ----------
    name, title, about : str
        Its name on the command line, the name shown, and one sentence.
    titles, abouts : dict
        Title and sentence in other languages, by their codes in
        :data:`filterlab.languages.LANGUAGES`.
    kind : str
        ``"bundled"``, ``"download"``, ``"package"`` (made from a file that a Python package
        carries), ``"random"`` (drawn on first use; knows nothing) or ``"own"`` (opened by the
        user).
    prototxt : Path
        The deploy net.
    weights_path : Path
        Where the weights lie, or will lie once they are fetched.
    urls : tuple of str
        Where the weights are published, tried in order.
    size : int or None
        Length of the weights file in bytes (of weights that are made here: about).
    digest : Digest or None
        What the weights file must hash to.
    origin : Origin or None
        Another file that the weights can be made from.
    mean_bgr : tuple of float
        Subtracted from the channels blue, green, red, after scaling.
    scale : float
        Pictures in 0..1 are multiplied by it.
    order : str
        The order of channels that the net takes, ``"BGR"`` or ``"RGB"``.
    input_size : tuple of int
        Height and width of the classifier's input.
    """

    name: str
    title: str
    kind: str
    prototxt: Path
    weights_path: Path
    about: str = ""
    titles: Mapping[str, str] = field(default_factory=dict, hash=False)
    abouts: Mapping[str, str] = field(default_factory=dict, hash=False)
    urls: tuple[str, ...] = ()
    size: int | None = None
    digest: Digest | None = None
    origin: Origin | None = None
    random_seed: int | None = None
    mean_bgr: tuple[float, float, float] = DEFAULT_MEAN_BGR
    scale: float = 255.0
    order: str = "BGR"
    input_size: tuple[int, int] = (227, 227)
    labels_path: Path | None = None  # None: the ImageNet classes
    licence: str = ""
    numbered: bool = False  # class names unknown: shown by their numbers
    output: str = ""  # the blob with the classes, if the net has several; empty: the usual one
    activation: str = ""  # softmax, sigmoid or none, if it was chosen
    channels: int = 0  # of the picture, where the weights are for others than the prototxt says

    @property
    def converted_path(self) -> Path:
        """Where weights lie, or will lie, that were made from the origin."""
        if self.kind != "download" or self.origin is None:
            return self.weights_path
        # Not under the published name, whose length and digest they have not.
        suffix = PurePosixPath(self.origin.file).suffix
        name = f"{self.weights_path.stem}{suffix}{self.weights_path.suffix}"
        return paths.models_dir() / self.name / name

    @property
    def weights(self) -> Path | None:
        """Path of the weights, or None while they are not there in full.

        A file of another length than the published one does not count.
        """
        size = self.size if self.kind == "download" else None
        if _is_whole(self.weights_path, size):
            return self.weights_path
        made = self.converted_path
        return made if made != self.weights_path and _is_whole(made, None) else None

    @property
    def makeable(self) -> bool:
        """True when the weights can be made here, asking no network."""
        return self.kind == "random" or (
            self.kind == "package" and self.origin is not None and self.origin.installed is not None
        )

    @property
    def ready(self) -> bool:
        """True when it can be used at once: its files are there, or its package is installed.

        The weights may still have to be made: :func:`filterlab.zoo.getting.prepare_job`.
        """
        return (
            self.weights is not None or (self.kind == "package" and self.makeable)
        ) and os.path.isfile(self.prototxt)

    @property
    def knows_nothing(self) -> bool:
        """True for random weights, whose answers mean nothing."""
        return self.kind == "random"

    @property
    def labels(self) -> Labels:
        """The class names, read (and kept) on first use.

        Raises
        ------
        FilterLabError
            If the labels file is missing or cannot be read.
        """
        if self.labels_path is not None:
            return read_labels(self.labels_path)
        return Labels([]) if self.numbered else imagenet()

    @property
    def state(self) -> str:
        """One or two words on where the weights are, for a list."""
        if self.kind in ("bundled", "own"):
            return _SUMMARIES[self.kind] if self.ready else Text("files missing")
        if self.weights is None:
            return _SUMMARIES["random" if self.makeable else self.kind]
        published = self.kind == "download" and self.weights == self.weights_path
        return Text("downloaded") if published else Text("made")

    def need_weights(self) -> Path:
        """Path of the weights.

        Raises
        ------
        FilterLabError
            If they are not there, saying how to get them.
        """
        path = self.weights
        if path is None and self.kind == "own":
            raise FilterLabError(
                "the weights of {name} are missing or empty ({path}): put the file back, "
                "or open the model anew with its weights",
                name=self.title,
                path=self.weights_path,
            )
        if path is None:
            package = self.origin.package if self.origin is not None else ""
            if self.kind == "package" and not self.makeable:
                raise FilterLabError(
                    "the weights of {name} come with the package {package}, which is not "
                    "installed: get it with 'filterlab models get {key}' or in the "
                    "window under Model › Models …",
                    name=self.title,
                    package=package,
                    key=self.name,
                )
            raise FilterLabError(
                "the weights of {name} are not here yet ({path}): get them with "
                "'filterlab models get {key}' or in the window under Model › Models …",
                name=self.title,
                path=self.weights_path,
                key=self.name,
            )
        return path


def _is_whole(path: Path, size: int | None) -> bool:
    """Whether a file is there, of this length if one is given, and not empty."""
    try:
        length = path.stat().st_size
    except (OSError, ValueError):
        return False
    return os.path.isfile(path) and length > 0 and size in (None, length)


def _stored_weights(name: str, file: str, kind: str, beside: Path) -> Path:
    if kind == "bundled":
        return beside / file
    if kind == "random":
        return paths.cache_dir() / "models" / file
    # A class-room share or a USB stick may hold the files without folders.
    flat = paths.models_dir() / file
    return flat if os.path.isfile(flat) else paths.models_dir() / name / file


# What no file may be called on one of the systems that FilterLab runs on: separators and wildcards;
# hidden; cut short by Windows; devices of Windows; too long.
_NO_FILE_NAME = re.compile(
    r'.*[/\\:*?"<>|\x00-\x1f\x7f].*|\..*|.*[. ]|\s.*|(con|prn|aux|nul|(com|lpt)\d)(\..*)?|.{101,}|',
    re.DOTALL | re.IGNORECASE,
)


def _check_file_name(key: str, name: str) -> None:
    """Raise ValueError unless the name is one of a file, on every system."""
    if _NO_FILE_NAME.fullmatch(name):
        raise ValueError(
            Text("{field} is {file!r}, must be a plain file name", field=key, file=name)
        )


def _urls(table: Mapping[str, Any]) -> tuple[str, ...]:
    urls = table.get("urls", [])
    if not isinstance(urls, list):
        raise TypeError("urls must be a list")
    return tuple(str(url) for url in urls)


def _origin(table: Any) -> Origin:
    if not isinstance(table, dict):
        raise TypeError("origin must be a table, [model.origin]")
    converter = str(table["converter"])
    if converter not in CONVERTERS:
        raise ValueError(
            Text(
                "converter is {name!r}, must be one of {known}",
                name=converter,
                known=", ".join(CONVERTERS),
            )
        )
    file, package = str(table["file"]), str(table.get("package", ""))
    urls = _urls(table)
    for part in file.split("/") if package else [file]:
        _check_file_name("file", part)
    if package:
        check_requirement(package)
    if bool(package) == bool(urls):
        raise ValueError("an origin has either a package or urls")
    return Origin(
        converter=converter,
        file=file,
        size=int(table["size"]) if "size" in table else None,
        digest=Digest.parse(str(table["digest"])) if "digest" in table else None,
        urls=urls,
        package=package,
    )


def _by_language(table: Mapping[str, Any], key: str) -> dict[str, str]:
    """A text of a model by language: a table of them, or one, with others under ``KEY_zh``."""
    given = table.get(key, {})
    found = dict(given) if isinstance(given, Mapping) else {ENGLISH: given}
    begin = f"{key}_"
    found |= {name[len(begin) :]: text for name, text in table.items() if name.startswith(begin)}
    return {code: str(text) for name, text in found.items() if (code := known(name))}


def _model(table: Mapping[str, Any], folder: Path) -> Model:
    name = str(table["name"])
    file = str(table["weights"])
    prototxt = folder / str(table["prototxt"])
    urls = _urls(table)
    origin = _origin(table["origin"]) if "origin" in table else None
    seed = table.get("random_seed")
    kind = "random" if seed is not None else "download" if urls else "bundled"
    if kind == "bundled" and origin is not None:
        kind = "package" if origin.package else "download"
    blue, green, red = (float(v) for v in table.get("mean_bgr", DEFAULT_MEAN_BGR))
    height, width = (int(v) for v in table.get("input_size", (227, 227)))
    order = str(table.get("order", "BGR"))
    if order not in ("BGR", "RGB"):
        raise ValueError(Text("order is {order!r}, must be BGR or RGB", order=order))
    _check_file_name("name", name)
    _check_file_name("weights", file)
    labels = str(table.get("labels", "imagenet"))
    titles, abouts = _by_language(table, "title"), _by_language(table, "about")
    return Model(
        name=name,
        title=titles.pop(ENGLISH, name),
        kind=kind,
        prototxt=prototxt,
        weights_path=_stored_weights(name, file, kind, prototxt.parent),
        about=abouts.pop(ENGLISH, ""),
        titles=titles,
        abouts=abouts,
        urls=urls,
        size=int(table["size"]) if "size" in table else None,
        digest=Digest.parse(str(table["digest"])) if "digest" in table else None,
        origin=origin,
        random_seed=None if seed is None else int(seed),
        mean_bgr=(blue, green, red),
        scale=float(table.get("scale", 255.0)),
        order=order,
        input_size=(height, width),
        labels_path=None if labels == "imagenet" else folder / labels,
        licence=str(table.get("licence", "")),
    )


def read_catalogue(path: Path) -> list[Model]:
    """The models of one catalogue file, in its order.

    Raises
    ------
    FilterLabError
        If the file cannot be read, is no TOML, or an entry lacks what it needs; the message
        names the file and the entry.
    """
    tables = read_toml(path).get("model", [])
    if not isinstance(tables, list):
        raise FilterLabError(
            "{path}: a model is one [[model]] table, with double brackets", path=path
        )
    models = []
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, dict):
            raise FilterLabError("{path}: entry {whole} is no table", path=path, whole=number)
        try:
            models.append(_model(table, path.parent))
        except KeyError as error:
            raise FilterLabError(
                "{path}: entry {whole} lacks {key}", path=path, whole=number, key=error
            ) from error
        except (TypeError, ValueError, OverflowError) as error:
            raise FilterLabError(
                "{path}: entry {whole}: {reason}", path=path, whole=number, reason=error
            ) from error
    return models


def _own_catalogue() -> tuple[list[Model], str]:
    """The models of the user's own catalogue, and what is wrong with it, if anything."""
    path = paths.models_dir() / "catalogue.toml"
    try:
        return (read_catalogue(path) if os.path.isfile(path) else []), ""
    except FilterLabError as error:
        return [], error.message


@functools.lru_cache(maxsize=1)
def _sweep_once(folder: Path) -> None:
    """Remove what dead processes left in the models folder, when it is first used."""
    from filterlab.zoo.download import sweep_downloads

    with contextlib.suppress(OSError):
        for place in (folder, *(path for path in folder.glob("*") if os.path.isdir(path))):
            sweep(place)
        sweep_downloads(folder)


def entries() -> list[Model]:
    """All models known by name: the shipped ones, then those of the user's own catalogue.

    An own catalogue that cannot be read counts as empty, so that it stops nobody from using the
    shipped models; :func:`problem` says what is wrong with it.
    """
    _sweep_once(paths.models_dir())
    models = {model.name: model for model in read_catalogue(paths.model("catalogue.toml"))}
    models.update({model.name: model for model in _own_catalogue()[0]})
    return list(models.values())


def problem() -> str:
    """One sentence on what is wrong with the user's own catalogue, or nothing."""
    return _own_catalogue()[1]


def get(name: str) -> Model:
    """The model of that name: of a catalogue, or the user's own.

    Raises
    ------
    FilterLabError
        If there is none, with the names there are.
    """
    from filterlab.zoo.own_models import own_models

    models = {model.name: model for model in [*entries(), *own_models()]}
    found = models.get(name) or models.get(name.strip().lower())
    if found is None:
        close = difflib.get_close_matches(name.lower(), models, n=1)
        hint = Text("did you mean {name}? ", name=close[0]) if close else ""
        wrong = Text("; {said}", said=said) if (said := problem()) else ""
        raise FilterLabError(
            "no model is called {name!r}: {hint}known are {models}{wrong}",
            name=name,
            hint=hint,
            models=", ".join(models),
            wrong=wrong,
        )
    return found


def last_used() -> str:
    """The name of the model that the window used last, or nothing."""
    with contextlib.suppress(OSError, ValueError), open_file(_last_file()) as stream:
        return stream.read(_LONGEST_NAME).decode("utf-8").strip()
    return ""


def remember_used(model: Model) -> None:
    """Remember that a model was used; where the user's folder cannot be written, nothing."""
    path = _last_file()
    with contextlib.suppress(OSError, ValueError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "w") as stream:
            stream.write(model.name)


def _last_file() -> Path:
    return paths.data_dir() / "last_model.txt"


def default_model(last: str = "") -> Model:
    """The model to begin with, asking no network.

    That of the name ``last`` (the one used last) if it is ready; else CaffeNet where its weights
    are on this machine, else EfficientNet-Lite0 where its package is, else the pocket net.
    """
    from filterlab.zoo.own_models import own_models

    models = {model.name: model for model in [*entries(), *own_models()]}
    for name in (last, *_TO_BEGIN_WITH):
        if name in models and models[name].ready:
            return models[name]
    return models[_TO_BEGIN_WITH[-1]]
