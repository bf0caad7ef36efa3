"""Own models: from one file, find what belongs to it; remember what the user chose.

A Caffe net is spread over files that lie beside each other: the deploy prototxt, the caffemodel,
often the class names and the mean. Given any one of them the others are looked for.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filterlab import paths
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.files import atomic_write, open_file, set_aside
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.zoo.catalogue import DEFAULT_MEAN_BGR, Model, entries
from filterlab.zoo.labels import imagenet, read_labels
from filterlab.zoo.means import read_mean

__all__ = ["Found", "all_models", "forget", "look", "own_models", "recall", "remember"]

_PROTOTXT = (".prototxt", ".pbtxt", ".pt")
_WEIGHTS = (".caffemodel", ".h5", ".hdf5")
_NOT_DEPLOY = re.compile(r"solver|train", re.IGNORECASE)
_LABELS = re.compile(r"label|synset|class|word|categor|names", re.IGNORECASE)
_LABEL_SUFFIXES = (".txt", ".tsv", ".json", ".names", ".labels")
_LONGEST_STORE = 16 << 20
_MOST = 40  # files looked into in a folder that holds everything


@dataclass(frozen=True)
class Found:
    """What belongs to an own model, as far as it was found.

    Attributes
    ----------
    prototxt, weights, labels_path, mean_path : Path or None
        Its files. Without ``labels_path`` a net of 1,000 outputs has the ImageNet classes.
    other_prototxts, other_weights : tuple of Path
        Further candidates beside it, best first.
    classes, channels : int or None
        How many outputs and input channels the net has.
    input_size : tuple of int or None
        Height and width of its input.
    mean_bgr, scale, order
        The preprocessing: from the mean file, else the usual one.
    missing : tuple of str
        Of ``"prototxt"``, ``"weights"``, ``"labels"``, ``"mean"``: what was not found. The first
        two must be given; for the others there are defaults.
    notes : tuple of str
        Sentences on what was assumed or looks odd.
    """

    prototxt: Path | None = None
    weights: Path | None = None
    labels_path: Path | None = None
    mean_path: Path | None = None
    other_prototxts: tuple[Path, ...] = ()
    other_weights: tuple[Path, ...] = ()
    classes: int | None = None
    channels: int | None = None
    input_size: tuple[int, int] | None = None
    mean_bgr: tuple[float, float, float] = DEFAULT_MEAN_BGR
    scale: float = 255.0
    order: str = "BGR"
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def model(self, title: str = "") -> Model:
        """The model that these files make.

        Raises
        ------
        FilterLabError
            If the prototxt or the weights are missing.
        """
        if self.prototxt is None or self.weights is None:
            lacking = "prototxt" if self.prototxt is None else "caffemodel"
            given = self.weights or self.prototxt
            raise FilterLabError(
                "{given}: its {lacking} is missing: choose it too", given=given, lacking=lacking
            )
        title = title or _title(self.prototxt, self.weights)
        return Model(
            name=re.sub(r"[^\w.-]+", "-", title.casefold()).strip("-.") or "own",
            title=title,
            kind="own",
            prototxt=self.prototxt,
            weights_path=self.weights,
            size=self.weights.stat().st_size if os.path.isfile(self.weights) else None,
            mean_bgr=self.mean_bgr,
            scale=self.scale,
            order=self.order,
            input_size=self.input_size or (227, 227),
            labels_path=self.labels_path,
            numbered=self.labels_path is None and self.classes != len(imagenet()),
        )


def _title(prototxt: Path, weights: Path) -> str:
    stem = prototxt.stem
    for path in (prototxt, weights):
        stem = re.sub(r"(?i)^(deploy|net|model)$|[-_.]?deploy[-_.]?", "", path.stem)
        if stem:
            return stem
    return prototxt.parent.name or weights.stem


def look(path: str | os.PathLike[str]) -> Found:
    """Find what belongs to a prototxt, a caffemodel, or a folder with both.

    What the user chose before for the same file is taken over. Warnings about the files are left
    to whoever opens them.

    Raises
    ------
    FilterLabError
        If the path is none of these.
    CaffeError
        If the prototxt cannot be read.
    """
    path = Path(os.path.abspath(Path(path).expanduser()))
    known = recall(path)
    if known is not None:
        return _described(_of(known))
    if os.path.isdir(path):
        beside = _beside(path)
        nets, weights = _nets(beside), _files(beside, _WEIGHTS)
        if not nets and not weights:
            raise FilterLabError("{path}: no prototxt and no caffemodel in this folder", path=path)
        found = Found(nets[0] if nets else None, weights[0] if len(weights) == 1 else None)
        if found.prototxt is None:
            return _described(replace(found, weights=weights[0], other_weights=tuple(weights[1:])))
        weights = _ranked_weights(found.prototxt, weights)
        return _described(
            replace(
                found,
                weights=weights[0] if weights else None,
                other_prototxts=tuple(nets[1:]),
                other_weights=tuple(weights[1:]),
            )
        )
    if not os.path.isfile(path):
        raise FilterLabError("{path}: there is no such file", path=path)
    beside = _beside(path.parent)
    if path.suffix.lower() in _PROTOTXT:
        weights = _ranked_weights(path, _files(beside, _WEIGHTS))
        best = weights[0] if weights else None
        return _described(Found(path, best, other_weights=tuple(weights[1:])))
    if path.suffix.lower() in _WEIGHTS:
        nets = _ranked_nets(path, _nets(beside))
        best = nets[0] if nets else None
        return _described(Found(best, path, other_prototxts=tuple(nets[1:])))
    raise FilterLabError(
        "{path}: neither a prototxt nor a caffemodel (their names end in .prototxt and "
        ".caffemodel or .h5)",
        path=path,
    )


def _beside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if os.path.isfile(path))
    except OSError as error:
        raise FilterLabError(
            "{folder}: cannot look into it ({reason})", folder=folder, reason=reason_of(error)
        ) from error


def _files(beside: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    return [path for path in beside if path.suffix.lower() in suffixes][:_MOST]


def _nets(beside: Iterable[Path]) -> list[Path]:
    """Deploy nets, the likeliest first."""
    nets = [p for p in _files(beside, _PROTOTXT) if "solver" not in p.stem.lower()]
    return sorted(
        nets, key=lambda p: (bool(_NOT_DEPLOY.search(p.stem)), "deploy" not in p.stem.lower(), p)
    )


def _layers_of_net(path: Path) -> set[str]:
    from filterlab.caffe.prototxt import read_net

    try:
        return {str(layer.name) for layer in read_net(path, quiet=True).layer}
    except (CaffeError, OSError):
        return set()


def _layers_of_weights(path: Path) -> set[str]:
    from filterlab.caffe.caffemodel import layers_with_weights

    try:
        return set(layers_with_weights(path))
    except (CaffeError, OSError):
        return set()


def _alike(a: Path, b: Path) -> bool:
    def stem(path: Path) -> str:
        return re.sub(r"(?i)deploy|iter_?\d+|train_?val|[-_. ]", "", path.stem).casefold()

    return stem(a) == stem(b)


def _fit(net: Path, layers: set[str], weights: Path, filled: set[str]) -> tuple[Any, ...]:
    """Smallest for the pair that fits best: by layer names, then by the files' names."""
    share = len(layers & filled) / len(filled) if filled else 0.0
    return (-round(share, 2), not _alike(net, weights))


def _ranked_weights(net: Path, candidates: list[Path]) -> list[Path]:
    """Weights that share layers with the net, best first; of equals the newest."""
    if not candidates:
        return []
    layers = _layers_of_net(net)
    filled = {path: _layers_of_weights(path) for path in candidates}
    fitting = [path for path in candidates if layers & filled[path]]
    return sorted(
        fitting, key=lambda p: (*_fit(net, layers, p, filled[p]), -p.stat().st_mtime, p.name)
    )


def _ranked_nets(weights: Path, candidates: list[Path]) -> list[Path]:
    """Nets that share layers with the weights, best first."""
    filled = _layers_of_weights(weights)
    layers = {path: _layers_of_net(path) for path in candidates}
    fitting = [path for path in candidates if layers[path] & filled]
    return sorted(  # stable: deploy nets come first already
        fitting,
        key=lambda p: (
            bool(_NOT_DEPLOY.search(p.stem)),
            *_fit(p, layers[p], weights, filled),
        ),
    )


def _described(found: Found) -> Found:
    """Add what the net itself says, and the labels and mean that lie beside it."""
    notes: list[str] = []
    if found.prototxt is not None:
        found = _with_shapes(found)
    anchor = found.prototxt or found.weights
    assert anchor is not None
    folders = dict.fromkeys(p.parent for p in (found.prototxt, found.weights) if p is not None)
    beside = [path for folder in folders for path in _beside(folder)]
    if found.labels_path is None:
        labels, said = _labels_beside(beside, found.classes)
        notes += said
        found = replace(found, labels_path=labels)
    if found.mean_path is None and found.mean_bgr == DEFAULT_MEAN_BGR:
        found = _with_mean(found, beside, notes)
    missing = []
    if found.prototxt is None:
        missing.append("prototxt")
    if found.weights is None:
        missing.append("weights")
    if found.labels_path is None:
        if found.classes == len(imagenet()):
            notes.append(
                Text("1,000 outputs and no file of class names: taken as the ImageNet classes")
            )
        else:
            missing.append("labels")
            notes.append(Text("no file of class names beside it: the classes are shown by number"))
    if found.mean_path is None and found.mean_bgr == DEFAULT_MEAN_BGR:
        missing.append("mean")
        notes.append(Text("no mean file beside it: the usual ImageNet mean is taken"))
    return replace(found, missing=tuple(missing), notes=tuple(notes))


def _with_shapes(found: Found) -> Found:
    from filterlab import caffe
    from filterlab.caffe.prototxt import read_net

    assert found.prototxt is not None
    param = read_net(found.prototxt, quiet=True)
    param.name = str(found.prototxt)  # what errors begin with
    net = caffe.Net(param, caffe.TEST)
    shape = tuple(net.blobs[net.inputs[0]].shape) if net.inputs else ()
    outputs = [tuple(net.blobs[name].shape) for name in net.outputs]
    return replace(
        found,
        input_size=(shape[2], shape[3]) if len(shape) == 4 else None,
        channels=shape[1] if len(shape) == 4 else None,
        classes=outputs[-1][1] if outputs and len(outputs[-1]) > 1 else None,
    )


def _labels_beside(beside: list[Path], classes: int | None) -> tuple[Path | None, list[str]]:
    """A file of class names with as many as the net has outputs."""
    notes: list[str] = []
    for path in beside:
        if path.suffix.lower() not in _LABEL_SUFFIXES or not _LABELS.search(path.name):
            continue
        try:
            count = len(read_labels(path))
        except FilterLabError:
            continue
        if classes is None or count == classes:
            return path, []
        notes.append(
            Text(
                "{file} names {count} classes, but the net has {classes}: not taken",
                file=path.name,
                count=count,
                classes=classes,
            )
        )
    return None, notes


def _with_mean(found: Found, beside: list[Path], notes: list[str]) -> Found:
    for path in beside:
        suffix = path.suffix.lower()
        if suffix != ".binaryproto" and not (
            suffix in (".npy", ".txt") and "mean" in path.stem.lower()
        ):
            continue
        try:
            return replace(found, mean_path=path, mean_bgr=read_mean(path))
        except FilterLabError as error:
            notes.append(Text("not taken: {reason}", reason=error))
    return found


# What the user chose, kept in the user's folder.


def _store() -> Path:
    return paths.data_dir() / "own_models.json"


def all_models() -> list[Model]:
    """The models there are: of the catalogues, and the user's own."""
    return [*entries(), *own_models()]


def own_models() -> list[Model]:
    """The user's own models, the one used last first; entries that cannot be read are left out."""
    return _stored()[0]


def _stored() -> tuple[list[Model], bool]:
    """The models that can be read, and whether there was nothing else in the file."""
    try:
        with open_file(_store()) as stream:
            stored = json.loads(stream.read(_LONGEST_STORE).decode("utf-8"))
    except FileNotFoundError:
        return [], True
    except (OSError, ValueError, RecursionError):
        return [], False
    models, whole = [], isinstance(stored, list)
    for item in stored if isinstance(stored, list) else ():
        try:
            models.append(_from_json(item))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            whole = False
    return models, whole


def remember(model: Model) -> Model:
    """Keep an own model and its settings; returns it, under a name that no other model has.

    Raises
    ------
    FilterLabError
        If the user's folder cannot be written.
    """
    from filterlab.zoo.catalogue import entries

    others = [other for other in own_models() if not _same(other, model)]
    taken = {other.name for other in [*entries(), *others]}
    name, number = model.name, 2
    while name in taken:
        name, number = f"{model.name}-{number}", number + 1
    model = replace(model, name=name)
    _save([model, *others])
    return model


def forget(model: Model) -> None:
    """Forget an own model; its files stay."""
    _save([other for other in own_models() if not _same(other, model)])


def recall(path: str | os.PathLike[str]) -> Model | None:
    """The remembered model that this prototxt or caffemodel belongs to, if its files are there."""
    wanted = Path(os.path.abspath(path))
    for model in own_models():
        if wanted in (model.prototxt, model.weights_path) and model.ready:
            return model
    return None


def _same(a: Model, b: Model) -> bool:
    return (a.prototxt, a.weights_path) == (b.prototxt, b.weights_path)


def _save(models: list[Model]) -> None:
    path = _store()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _stored()[1]:
            set_aside(path)
        with atomic_write(path, "w") as stream:
            json.dump([_to_json(model) for model in models], stream, ensure_ascii=False, indent=1)
    except OSError as error:
        raise FilterLabError(
            "cannot remember the model in {path} ({reason})", path=path, reason=reason_of(error)
        ) from error


def _to_json(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "title": model.title,
        "prototxt": str(model.prototxt),
        "weights": str(model.weights_path),
        "labels": None if model.labels_path is None else str(model.labels_path),
        "numbered": model.numbered,
        "mean_bgr": list(model.mean_bgr),
        "scale": model.scale,
        "order": model.order,
        "input_size": list(model.input_size),
        "output": model.output,
        "activation": model.activation,
        "channels": model.channels,
    }


def _from_json(item: dict[str, Any]) -> Model:
    blue, green, red = (float(v) for v in item["mean_bgr"])
    height, width = (int(v) for v in item["input_size"])
    if not all(map(math.isfinite, (blue, green, red, float(item["scale"])))):
        raise ValueError("not finite")
    weights = _path(item["weights"])
    return Model(
        name=str(item["name"]),
        title=str(item["title"]),
        kind="own",
        prototxt=_path(item["prototxt"]),
        weights_path=weights,
        size=weights.stat().st_size if os.path.isfile(weights) else None,
        mean_bgr=(blue, green, red),
        scale=float(item["scale"]),
        order=str(item["order"]),
        input_size=(height, width),
        labels_path=None if item["labels"] is None else _path(item["labels"]),
        numbered=bool(item["numbered"]),
        output=str(item.get("output", "")),
        activation=str(item.get("activation", "")),
        channels=int(item.get("channels", 0)),
    )


def _path(text: str) -> Path:
    """A path that the system can be asked about; ValueError if it cannot."""
    if b"\0" in os.fsencode(text):
        raise ValueError("NUL in a path")
    return Path(text)


def _of(model: Model) -> Found:
    return Found(
        model.prototxt,
        model.weights_path,
        labels_path=model.labels_path,
        mean_bgr=model.mean_bgr,
        scale=model.scale,
        order=model.order,
    )
