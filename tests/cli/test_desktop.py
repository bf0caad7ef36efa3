"""filterlab desktop, and --portable: where FilterLab puts things on a person's machine."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest

from filterlab import paths
from filterlab.cli import desktop, main

ID = "org.filterlab.FilterLab"


def install(share: Path) -> str:
    """In a process of its own: it makes an application of its own kind."""
    done = subprocess.run(
        [sys.executable, "-m", "filterlab", "desktop", "install", "--prefix", str(share)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_install_then_remove(tmp_path: Path) -> None:
    share = tmp_path / "a share"
    assert str(share) in install(share)
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read(share / "applications" / f"{ID}.desktop", encoding="utf-8")
    command, _, rest = entry["Desktop Entry"]["Exec"].rpartition(" ")
    assert rest == "%f"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("filterlab "), done.stderr
    for size in desktop.ICON_SIZES:
        path = share / "icons" / "hicolor" / f"{size}x{size}" / "apps" / f"{ID}.png"
        shown = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert shown.shape == (size, size, 4)
        assert shown[size // 2, size // 2, 3] == 255
        assert shown[0, 0, 3] == 0, "the corners are round"
        # The left column of cells is blue, the right one red.
        row, left, right = (np.array([0.5, 0.29, 0.71]) * size).astype(int)
        assert shown[row, left, 0] > shown[row, left, 2] + 50
        assert shown[row, right, 2] > shown[row, right, 0] + 50
    kinds = ET.parse(share / "mime" / "packages" / f"{ID}.xml").getroot()
    assert kinds[0].attrib["type"] in entry["Desktop Entry"]["MimeType"]
    assert main(["desktop", "remove", "--prefix", str(share)]) == 0
    assert not [path for path in share.rglob("*") if path.is_file() and ID in path.name]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/usr/bin/filterlab", "/usr/bin/filterlab"),
        ("/home/a b/filterlab", '"/home/a b/filterlab"'),
        ("/50%/filterlab", "/50%%/filterlab"),
        ("/a$b/filterlab", '"/a\\\\$b/filterlab"'),
    ],
)
def test_commands_are_quoted_as_menu_entries_want_it(path: str, told: str) -> None:
    assert desktop._quoted(path) == told


@pytest.mark.skipif(
    not shutil.which("desktop-file-validate"), reason="desktop-file-utils is not installed"
)
def test_the_entry_is_valid(tmp_path: Path) -> None:
    install(tmp_path)
    path = tmp_path / "applications" / f"{ID}.desktop"
    done = subprocess.run(["desktop-file-validate", path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_appstream_data_speaks_of_this_version(repo: Path) -> None:
    import filterlab

    root = ET.parse(paths.resource("desktop", f"{ID}.metainfo.xml")).getroot()
    assert root.findtext("id") == ID
    assert root.findtext("launchable") == f"{ID}.desktop"
    newest = root.find("releases/release")
    assert newest is not None
    assert newest.attrib["version"] == filterlab.__version__
    heading = f"## {newest.attrib['version']} ({newest.attrib['date']})"
    assert heading in (repo / "CHANGELOG.md").read_text(encoding="utf-8")


def test_portable_keeps_everything_in_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FILTERLAB_DATA", raising=False)
    monkeypatch.delenv("FILTERLAB_MODELS", raising=False)
    stick = tmp_path / "stick"
    try:
        assert main(["--portable", str(stick), "models", "list"]) == 0
        for folder in (paths.data_dir(), paths.cache_dir(), paths.log_dir(), paths.models_dir()):
            assert folder.is_relative_to(stick)
    finally:
        os.environ.pop("FILTERLAB_DATA", None)


def test_a_frozen_program_is_portable_if_its_folder_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILTERLAB_DATA", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "filterlab"))
    assert paths.use_portable() is None, "not frozen"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert paths.use_portable() is None, "no portable.txt"
    (tmp_path / "portable.txt").touch()
    assert paths.use_portable() == tmp_path / "filterlab-data"
    assert paths.data_dir() == tmp_path / "filterlab-data"
    monkeypatch.setenv("FILTERLAB_DATA", "/elsewhere")
    assert paths.use_portable() is None, "what the user has set counts"
