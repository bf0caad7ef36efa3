"""Some thousand damaged files; ``benchmarks/fuzz_readers.py`` feeds as many as one likes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.filterwarnings("ignore::filterlab.caffe.CaffeWarning")
def test_damaged_files_end_in_a_result_or_a_caffeerror(repo: Path) -> None:
    path = repo / "benchmarks" / "fuzz_readers.py"
    spec = importlib.util.spec_from_file_location("fuzz_readers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outcomes, bugs, _ = module.run(4000, 1, None)
    assert bugs == []
    # Damage of all degrees: some files still read.
    for reader in ("parse_net", "parse_weights"):
        assert outcomes[f"{reader}: read"] > 20
        assert outcomes[f"{reader}: CaffeError"] > 500
