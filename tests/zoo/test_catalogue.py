"""The catalogue of models, as data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filterlab import paths
from filterlab.errors import FilterLabError
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model, read_catalogue
from filterlab.zoo.digest import Digest
from filterlab.zoo.own_models import remember

ENTRY = """
[[model]]
name = "mine"
title = "Mine"
prototxt = "mine.prototxt"
weights = "mine.caffemodel"
"""


@pytest.mark.parametrize(
    ("lines", "title", "about", "titles"),
    [
        ('title = "Mine"\ntitle_zh = "我的"\nabout = "A net."', "Mine", "A net.",
         {"zh_CN": "我的"}),
        ('title = { en = "Mine", zh_CN = "我的" }\nabout = { en = "A net." }', "Mine", "A net.",
         {"zh_CN": "我的"}),
        ('title = { zh = "我的", klingon = "x" }', "mine", "", {"zh_CN": "我的"}),
    ],
)  # fmt: skip
def test_texts_by_language(
    tmp_path: Path, lines: str, title: str, about: str, titles: dict[str, str]
) -> None:
    path = tmp_path / "catalogue.toml"
    entry = ENTRY.replace('title = "Mine"', lines)
    path.write_text(entry, encoding="utf-8")
    (model,) = catalogue.read_catalogue(path)
    assert (model.title, model.about, model.titles) == (title, about, titles)


def test_the_shipped_models() -> None:
    models = {model.name: model for model in catalogue.entries()}
    assert next(iter(models)) == "pocket"
    assert set(models) >= {"caffenet", "alexnet", "googlenet", "squeezenet", "caffenet-random"}
    assert models["efficientnet-lite0"].kind == "package"
    for model in models.values():
        assert model.title
        assert model.titles["zh_CN"]
        assert model.about.endswith(".")
        assert model.abouts["zh_CN"].endswith("。")
        assert model.licence
        assert model.order in ("BGR", "RGB")
        assert model.prototxt.is_file()
        assert model.size
        assert len(model.labels) > 1
        if model.kind == "bundled":
            assert model.weights_path.stat().st_size == model.size
        if model.kind == "download":
            assert model.digest
            assert all(url.startswith("http") for url in model.urls)
    published = {
        "caffenet": "sha256 472d4a06035497b180636d8a82667129960371375bd10fcb6df5c6c7631f25e0",
        "alexnet": "sha1 9116a64c0fbe4459d18f4bb6b56d647b63920377",
        "googlenet": "sha1 405fc5acd08a3bb12de8ee5e23a96bec22f08204",
        "squeezenet": "git-blob 9d2fc33abf653a6e8b2ee6cc63ede0e72ec67f44",
    }
    assert {name: str(models[name].digest) for name in published} == published
    mirror = "https://storage.openvinotoolkit.org/repositories/open_model_zoo/public/2022.1/"
    for name in published:
        model = models[name]
        assert model.urls[0].startswith(mirror)
        assert model.urls[0].endswith(f"/{model.weights_path.name}")
        assert len(model.urls) >= 2, "the authors' own address is the next one"
        assert (model.scale, model.order) == (255.0, "BGR")
        assert all(104 <= value < 124 for value in model.mean_bgr)
        assert model.input_size == ((224, 224) if name == "googlenet" else (227, 227))
        assert len(model.labels) == 1000
    origin = models["caffenet"].origin
    assert origin is not None
    assert (origin.size, len(origin.urls)) == (243_863_553, 1)
    assert origin.urls[0].endswith(origin.file)
    assert str(origin.digest) == (
        "sha256 802138332cf3e423c82a9a80c76e4f9227dd4effb3aba55413601fa4345cfd36"
    )
    assert models["caffenet-random"].knows_nothing
    assert "knows nothing" in models["caffenet-random"].title


def test_weights_count_only_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERLAB_MODELS", str(tmp_path))
    model = catalogue.get("squeezenet")
    assert model.weights is None
    assert model.state == "not downloaded"
    assert model.weights_path == tmp_path / "squeezenet" / "squeezenet_v1.1.caffemodel"
    with pytest.raises(FilterLabError, match="filterlab models get squeezenet"):
        model.need_weights()
    model.weights_path.parent.mkdir()
    model.weights_path.write_bytes(bytes(100))
    assert model.weights is None, "a file cut short"
    with open(model.weights_path, "wb") as stream:
        stream.truncate(model.size)
    assert model.weights == model.need_weights() == model.weights_path
    assert model.state == "downloaded"


def test_a_flat_folder_of_weights_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERLAB_MODELS", str(tmp_path))
    flat = tmp_path / "squeezenet_v1.1.caffemodel"
    with open(flat, "wb") as stream:
        stream.truncate(catalogue.get("squeezenet").size)
    assert catalogue.get("squeezenet").weights == flat


def test_unknown_name() -> None:
    with pytest.raises(FilterLabError, match="did you mean caffenet"):
        catalogue.get("cafenet")
    with pytest.raises(FilterLabError, match="known are pocket, caffenet"):
        catalogue.get("zzz")
    assert catalogue.get(" CaffeNet ").name == "caffenet"


def test_a_model_is_added_without_code() -> None:
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "catalogue.toml").write_text(ENTRY + 'labels = "names.txt"\norder = "RGB"\n')
    (folder / "names.txt").write_text("cat\ndog\n")
    model = catalogue.get("mine")
    assert model.prototxt == folder / "mine.prototxt"
    assert model.weights_path == folder / "mine.caffemodel"
    assert model.order == "RGB"
    assert [label.english for label in model.labels] == ["cat", "dog"]
    assert model.state == "files missing"


ORIGIN = """
[model.origin]
converter = "efficientnet-lite"
file = "x.onnx"
urls = ["http://x.invalid/x.onnx"]
"""
PACKAGE = """
[model.origin]
converter = "efficientnet-lite"
file = "a/b.pth"
package = "nets==1.0"
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[model]", "not valid TOML"),
        ('[model]\nname = "a"', "double brackets"),
        ("[[model]]\nname = 'a'", "entry 1 lacks 'weights'"),
        (ENTRY + 'digest = "md5:00"', "digest kind is 'md5'"),
        (ENTRY + 'digest = "sha1:00"', "'00' is no sha1 digest"),
        (ENTRY + "mean_bgr = [1, 2]", "entry 1: .*unpack"),
        (ENTRY + 'order = "GBR"', "must be BGR or RGB"),
        (ENTRY.replace('"mine.caffemodel"', '"../../x"'), "weights is .*plain file name"),
        (ENTRY.replace('"mine"', '"../../autostart"'), "name is .*plain file name"),
        (ENTRY.replace('"mine"', "'C:\\boot'"), "name is .*plain file name"),
        (ENTRY.replace('"mine"', '".."'), "name is .*plain file name"),
        (ENTRY.replace('"mine"', '""'), "name is .*plain file name"),
        (ENTRY.replace('"mine"', '"NUL.txt"'), "name is .*plain file name"),
        (ENTRY.replace('"mine"', '"a\\nb"'), "name is .*plain file name"),
        (ENTRY.replace('"mine"', f'"{"a" * 101}"'), "name is .*plain file name"),
        ("model = [1]", "entry 1 is no table"),
        (ENTRY + "urls = 'http://x'", "urls must be a list"),
        (ENTRY + "size = inf", "entry 1: cannot convert"),
        (ENTRY + "origin = 5", "origin must be a table"),
        (ENTRY + "[model.origin]\nconverter = 'x'", "entry 1: converter is 'x', must be one of"),
        (ENTRY + ORIGIN.replace("urls", "links"), "either a package or urls"),
        (ENTRY + ORIGIN + "package = 'a==1'", "either a package or urls"),
        (ENTRY + ORIGIN.replace("file", "name"), "entry 1 lacks 'file'"),
        (ENTRY + ORIGIN.replace("x.onnx", "../x.onnx"), "file is .*plain file name"),
        (ENTRY + PACKAGE.replace("a/b.pth", "a/../../b"), "file is .*plain file name"),
        *(
            (ENTRY + PACKAGE.replace("nets==1.0", bad), "package is .*must be NAME==VERSION")
            for bad in ("nets", "--pre==1", "nets==1.0 evil", "nets @ http://x", "../nets==1")
        ),
    ],
)
def test_a_bad_catalogue(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(text)
    with pytest.raises(FilterLabError, match=message) as caught:
        read_catalogue(path)
    assert str(path) in str(caught.value)


def test_a_spoilt_own_catalogue_stops_nobody() -> None:
    assert catalogue.problem() == ""
    paths.models_dir().mkdir(parents=True)
    (paths.models_dir() / "catalogue.toml").write_text("[[model]")
    assert catalogue.get("caffenet").title == "BVLC CaffeNet"
    assert "not valid TOML" in catalogue.problem()
    with pytest.raises(FilterLabError, match=r"no model is called 'mine'.*not valid TOML"):
        catalogue.get("mine")


def test_digest_of_git(tmp_path: Path) -> None:
    """Against what ``git hash-object`` prints for an empty file and a known one."""
    for data, value in (
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"what is up, doc?", "bd9dbf5aae1a3862dd1526723246b20206e5fc37"),
    ):
        (tmp_path / "f").write_bytes(data)
        found: list[str] = []

        def drain(path: Path, digest: Digest, found: list[str] = found) -> Iterator[int]:
            found.append((yield from digest.of_steps(path)))

        assert list(drain(tmp_path / "f", Digest("git-blob", value)))[-1:] == [len(data)] * bool(
            data
        )
        assert found == [value]


def test_a_package_that_is_missing_is_told() -> None:
    folder = paths.models_dir()
    folder.mkdir(parents=True)
    (folder / "mine.prototxt").write_text("")
    (folder / "catalogue.toml").write_text(ENTRY + PACKAGE)
    model = catalogue.get("mine")
    assert (model.kind, model.state, model.ready, model.makeable) == (
        "package",
        "not installed",
        False,
        False,
    )
    with pytest.raises(FilterLabError, match=r"package nets==1\.0, .*filterlab models get mine"):
        model.need_weights()


def ready(name: str) -> None:
    """Put a file of the right length where the model's weights belong."""
    model = catalogue.get(name)
    model.weights_path.parent.mkdir(parents=True, exist_ok=True)
    with open(model.weights_path, "wb") as stream:
        stream.truncate(model.size)


def test_what_to_begin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one used, else CaffeNet, else EfficientNet-Lite0, else the pocket net."""
    for package in (True, False):
        where = Path(__file__) if package else None
        monkeypatch.setattr(catalogue, "installed_file", lambda *names, where=where: where)
        monkeypatch.setenv("FILTERLAB_MODELS", str(tmp_path / str(package)))
        best = "efficientnet-lite0" if package else "pocket"
        assert catalogue.default_model().name == best
        for last in ("squeezenet", "caffenet-random", "gone", "caffenet"):
            assert catalogue.default_model(last).name == best, last
        assert catalogue.default_model("pocket").name == "pocket"
        ready("squeezenet")
        assert catalogue.default_model().name == best
        assert catalogue.default_model("squeezenet").name == "squeezenet"
        ready("caffenet")
        assert catalogue.default_model().name == "caffenet"
        assert catalogue.default_model("efficientnet-lite0").name == (
            "efficientnet-lite0" if package else "caffenet"
        )


def test_an_own_model_is_begun_with_again(tmp_path: Path) -> None:
    for name in ("deploy.prototxt", "net.caffemodel"):
        (tmp_path / name).write_text("x")
    mine = Model("net", "Net", "own", tmp_path / "deploy.prototxt", tmp_path / "net.caffemodel")
    remember(mine)
    assert catalogue.default_model("net").title == "Net"
    mine.weights_path.unlink()
    assert catalogue.default_model("net").title != "Net"
