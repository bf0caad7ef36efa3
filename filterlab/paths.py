"""Where FilterLab finds what it ships and keeps what belongs to the user."""

from __future__ import annotations

import os
import sys
from importlib import resources as _resources
from pathlib import Path

import platformdirs

__all__ = [
    "cache_dir",
    "data_dir",
    "log_dir",
    "model",
    "models_dir",
    "resource",
    "shipped_models_dir",
    "use_portable",
]

_TOP = Path(__file__).resolve().parent.parent


def _shipped(package: str, *parts: str) -> Path:
    """Path of a shipped file: from the checkout, else from the installed package.

    In a checkout ``resources/`` and ``models/`` lie at the top level; installed, they are the
    packages ``filterlab.resources`` and ``filterlab.models`` (``package_dir`` in setup.cfg).
    """
    if (_TOP / "setup.cfg").is_file() and (_TOP / package / "__init__.py").is_file():
        return _TOP.joinpath(package, *parts)
    return Path(str(_resources.files(f"filterlab.{package}"))).joinpath(*parts)


def resource(*parts: str) -> Path:
    """Path of a file under ``resources/``, e.g. ``resource("classes", "imagenet.tsv")``."""
    return _shipped("resources", *parts)


def model(*parts: str) -> Path:
    """Path of a file under ``models/``, e.g. ``model("conv.prototxt")``."""
    return _shipped("models", *parts)


def shipped_models_dir() -> Path:
    """The folder of shipped models."""
    return _shipped("models")


def data_dir() -> Path:
    """The user's folder for what must outlive an update (presets, models); may not exist yet.

    ``FILTERLAB_DATA`` overrides it, e.g. for a class-room share or a test.
    """
    override = os.environ.get("FILTERLAB_DATA")
    return Path(override) if override else Path(platformdirs.user_data_dir("filterlab", False))


def use_portable(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Keep everything of the user's in ``folder`` from now on, as on a USB stick.

    Parameters
    ----------
    folder : path, optional
        Without it: ``filterlab-data`` beside the program, but only if the program is a portable
        folder (one with a file ``portable.txt`` beside the executable).

    Returns
    -------
    Path or None
        The folder; None if nothing was changed.
    """
    if folder is None:
        home = Path(sys.executable).resolve().parent
        if not getattr(sys, "frozen", False) or not (home / "portable.txt").is_file():
            return None
        if os.environ.get("FILTERLAB_DATA"):
            return None
        folder = home / "filterlab-data"
    chosen = Path(folder).expanduser().absolute()
    os.environ["FILTERLAB_DATA"] = str(chosen)
    return chosen


def cache_dir() -> Path:
    """The user's folder for what can be made again; may not exist yet."""
    override = os.environ.get("FILTERLAB_DATA")
    if override:
        return Path(override) / "cache"
    return Path(platformdirs.user_cache_dir("filterlab", False))


def log_dir() -> Path:
    """The user's folder for what went wrong; may not exist yet."""
    override = os.environ.get("FILTERLAB_DATA")
    if override:
        return Path(override) / "log"
    return Path(platformdirs.user_log_dir("filterlab", False))


def models_dir() -> Path:
    """Where downloaded models are kept: ``FILTERLAB_MODELS``, else below :func:`data_dir`."""
    override = os.environ.get("FILTERLAB_MODELS")
    return Path(override) if override else data_dir() / "models"
