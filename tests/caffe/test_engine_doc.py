"""docs/engine.md names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import filterlab.caffe as caffe
from filterlab.caffe.fillers import FILLERS
from filterlab.caffe.layers.refused import REFUSED


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_layers_fillers_and_files(repo: Path) -> None:
    text = (repo / "docs/engine.md").read_text(encoding="utf-8")
    there, missing = text.split("## What is not")
    table = there.split("| family | types |")[1].split("How they are checked")[0]
    cells = "".join(line.split("|")[2] for line in table.splitlines() if line.startswith("| "))
    named = _words(re.sub(r"\([^)]*\)", "", cells)) - {"their", "forward"}
    assert named == set(caffe.layer_type_list())
    assert set(REFUSED) <= _words(missing)
    assert set(FILLERS) <= _words(there)
    tree = text.split("## Where things are")[1]
    for path in (repo / "filterlab/caffe").glob("*.py"):
        if path.name != "__init__.py":
            assert path.name in tree
