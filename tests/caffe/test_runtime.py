"""ONNX Runtime is loaded without the telemetry that its newer versions switch on."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import filterlab.caffe as caffe
net = caffe.Net({net!r}, caffe.TEST)
net.forward()
import onnxruntime
print(onnxruntime.__version__)
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A user's environment: none of what silences the telemetry on servers and in tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "GITHUB_ACTIONS", "TF_BUILD")
        and not name.startswith(("ORT_", "XDG_"))
    }
    return {**kept, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}


def _left(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_a_forward_leaves_no_identifier_behind(
    repo: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    """Where telemetry is on, ONNX Runtime writes an identifier and a store of events at once."""
    code = _RUN.format(net=str(repo / "models" / "conv.prototxt"))
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=repo, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not _left(tmp_path)


def test_the_user_may_want_it(repo: Path, tmp_path: Path, env: dict[str, str]) -> None:
    code = (
        "import os\nfrom filterlab.caffe.runtime import no_telemetry\nno_telemetry()\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, "ORT_DISABLE_TELEMETRY": "0"},
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "0"


def test_nothing_else_loads_onnx_runtime(repo: Path) -> None:
    found = []
    for path in (repo / "filterlab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            if any(name.split(".")[0] == "onnxruntime" for name in names):
                found.append(path.name)
    assert found == ["runtime.py"]
