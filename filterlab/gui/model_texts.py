"""What the window says of a model and of a job, in the language in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from filterlab.gui import i18n
from filterlab.gui.i18n import Text, tr
from filterlab.progress import Progress
from filterlab.zoo.catalogue import Model
from filterlab.zoo.download import DownloadProgress

__all__ = ["model_about", "model_title", "model_titles", "progress_texts"]


#: What the catalogue's licences say beside their names.
_LICENCES = (Text("BVLC: unrestricted use"), Text("none: random numbers"))


def model_title(model: Model) -> str:
    """A model's name."""
    return model.titles.get(i18n.language()) or model.title


def model_titles(models: Sequence[Model]) -> dict[str, str]:
    """Titles by the models' names; equal ones are told apart by the files' folder.

    As many folders are named as it takes, and the weights file where two lie in one folder.
    """
    titles = {model.name: model_title(model) for model in models}
    often = Counter(titles.values())
    for title in [title for title, count in often.items() if count > 1]:
        alike = [model for model in models if titles[model.name] == title]
        titles |= {model.name: f"{title} ({where})" for model, where in _places(alike)}
    return titles


def _places(models: Sequence[Model]) -> list[tuple[Model, str]]:
    """Models with the shortest end of their folder that tells them apart."""
    folders = [model.weights_path.parent.parts for model in models]
    several = Counter(folders)
    found = []
    for model, parts in zip(models, folders):
        others = [other for other in several if other != parts]
        depth = 1
        while depth < len(parts) and any(o[-depth:] == parts[-depth:] for o in others):
            depth += 1
        where = "/".join(parts[-depth:])
        if several[parts] > 1:
            where += f"/{model.weights_path.name}"
        found.append((model, where))
    return found


def model_about(model: Model) -> str:
    """A model's sentence."""
    return model.abouts.get(i18n.language()) or model.about


def progress_texts(progress: Progress, title: str) -> tuple[str, str, float | None]:
    """Step, detail and, of a download, the seconds left; ``title`` is the model's name."""
    detail, left = tr(progress.message), None
    step = progress.step
    if isinstance(progress, DownloadProgress):
        left = progress.seconds_left
        if not progress.waiting:
            detail = _detail(progress)
    return tr(_titled(step, title)), detail, left


def _titled(step: str, title: str) -> str:
    """A step with the model's name as the window shows it."""
    if not isinstance(step, Text):
        return step
    args = {
        place: title if place == "title" else _titled(value, title)
        for place, value in step.args.items()
    }
    return Text(step.id, **args)


def _detail(progress: DownloadProgress) -> str:
    done, total = progress.done / 1e6, progress.total / 1e6
    if total:
        text = tr("{done} of {total} MB").format(done=f"{done:.1f}", total=f"{total:.1f}")
    else:
        text = f"{done:.1f} MB"
    if progress.speed > 0:
        text += f"   {progress.speed / 1e6:.1f} MB/s"
    return text
