"""Renew the pictures of the README, in each language it is written in, from the tour."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from filterlab.cli import main

TOP = Path(__file__).resolve().parent.parent

#: The tour's scene, and what the README calls it.
PICTURES = {
    "filters_painted_and_pointed_at": "filters",
    "heatmap_a_cell_and_the_classifier": "heatmap",
    "net_without_unit_8": "net",
}


def readmes(top: Path = TOP) -> dict[str, Path]:
    """The README of each language, by the language's code."""
    others = {path.name.split(".")[1]: path for path in sorted(top.glob("README.*.md"))}
    return {"en": top / "README.md", **others}


def picture(language: str, name: str) -> str:
    """What a picture is called, seen from the README."""
    return f"docs/pictures/{name}{'' if language == 'en' else f'.{language}'}.png"


def renew() -> int:
    for language in readmes():
        with tempfile.TemporaryDirectory() as folder:
            status = main(["tour", "--out", folder, "--lang", language])
            if status:
                return status
            for scene, name in PICTURES.items():
                found = sorted(Path(folder).glob(f"*{scene}.png"))
                if not found:
                    print(f"filterlab: the tour has no scene {scene}", file=sys.stderr)
                    return 2
                shutil.copyfile(found[0], TOP / picture(language, name))
    return 0


if __name__ == "__main__":
    sys.exit(renew())
