"""The wheel, installed into an empty environment outside the checkout, does the main job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("packaging")


def _run(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "FILTERLAB"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, "QT_QPA_PLATFORM": "offscreen", **env},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def installed(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds the wheel and, by a path, its needs."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    kept = ("filterlab", "resources", "models")
    for name in kept:
        shutil.copytree(
            repo / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repo / name, source)
    built = _run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", folder / "wheel", source, cwd=folder,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = (folder / "wheel").glob("*.whl")
    environment = folder / "env"
    venv.create(environment, with_pip=False)
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    done = _run(
        sys.executable, "-m", "pip", "--python", environment, "install", "--no-deps", "--no-index",
        wheel, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # A plain path line: the packages there are seen, the checkout's own editable hook is not.
    needs = sysconfig.get_path("purelib")
    (Path(paths["purelib"]) / "needs.pth").write_text(f"{needs}\n", encoding="utf-8")
    shutil.rmtree(source)
    return Path(paths["scripts"])


def _script(scripts: Path) -> Path:
    return scripts / ("filterlab.exe" if os.name == "nt" else "filterlab")


def test_runs_from_the_wheel_alone(installed: Path, tmp_path: Path) -> None:
    python = installed / ("python.exe" if os.name == "nt" else "python")
    done = _run(python, "-c", "import filterlab; print(filterlab.__file__)", cwd=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(installed.parent), done.stdout + done.stderr


def test_heatmap_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    python = installed / ("python.exe" if os.name == "nt" else "python")
    made = _run(
        python, "-c",
        "from filterlab.pictures import composed, write_picture\n"
        "write_picture('picture.png', composed().picture[288:, 336:])",
        cwd=tmp_path, FILTERLAB_DATA=str(tmp_path / "data"),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    done = _run(
        _script(installed), "heatmap", "picture.png", "--class", "tabby cat", "--out", "map.png",
        "--npy", "map.npy", "--json", cwd=tmp_path, FILTERLAB_DATA=str(tmp_path / "data"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "map.png").stat().st_size > 1000
    assert (tmp_path / "map.npy").is_file()
    json.loads(done.stdout)


def test_tour_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    done = _run(
        _script(installed), "tour", "--out", "tour", "--only", "filters", cwd=tmp_path,
        FILTERLAB_DATA=str(tmp_path / "data"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "tour").glob("*.png"))) >= 6
