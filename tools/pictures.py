"""Renew the README's pictures from the tour of the real window."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from filterlab.cli import main

TOP = Path(__file__).resolve().parent.parent

# The tour's scene, and what the README calls it.
PICTURES = {
    "filters_painted_and_pointed_at": "filters.png",
    "heatmap_a_cell_and_the_classifier": "heatmap.png",
}


def renew() -> int:
    with tempfile.TemporaryDirectory() as folder:
        status = main(["tour", "--out", folder])
        if status:
            return status
        target = TOP / "docs" / "pictures"
        target.mkdir(exist_ok=True)
        for scene, name in PICTURES.items():
            found = sorted(Path(folder).glob(f"*{scene}.png"))
            if not found:
                print(f"filterlab: the tour has no scene {scene}", file=sys.stderr)
                return 2
            shutil.copyfile(found[0], target / name)
    return 0


if __name__ == "__main__":
    sys.exit(renew())
