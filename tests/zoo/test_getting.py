"""Getting the catalogue's models: mirrors, sticks, random weights, verifying."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import paths
from filterlab.caffe.caffemodel import read_weights
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.zoo import catalogue
from filterlab.zoo.catalogue import Model
from filterlab.zoo.digest import Digest
from filterlab.zoo.getting import get_job, sources_of, verify_job

TINY = """
name: "tiny"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
  inner_product_param { num_output: 5 } }
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Model:
    """A model that is drawn at random, small enough for a test."""
    prototxt = tmp_path / "tiny.prototxt"
    prototxt.write_text(TINY)
    return Model(
        "tiny", "Tiny", "random", prototxt, paths.cache_dir() / "tiny.caffemodel", random_seed=5
    )


@pytest.fixture
def published(tiny: Model, site: Any) -> Model:
    """The same, as published on the test's server."""
    run_job(get_job(tiny))
    data = tiny.weights_path.read_bytes()
    site.files["/tiny.caffemodel"] = data
    return replace(
        tiny,
        kind="download",
        random_seed=None,
        weights_path=paths.models_dir() / "tiny" / "tiny.caffemodel",
        urls=(f"{site.url}/tiny.caffemodel",),
        size=len(data),
        digest=Digest("sha1", hashlib.sha1(data).hexdigest()),
    )


def test_random_weights_are_drawn_once_and_repeatably(tiny: Model) -> None:
    assert tiny.state == "made on first use"
    run_job(get_job(tiny))
    assert tiny.ready
    first = {
        name: [b.copy() for b in blobs] for name, blobs in read_weights(tiny.need_weights()).items()
    }
    assert {name: [b.shape for b in blobs] for name, blobs in first.items()} == {
        "conv": [(4, 3, 3, 3), (4,)],
        "fc": [(5, 196), (5,)],
    }
    # He's scale: a weight's standard deviation is sqrt(2 / inputs); 980 draws.
    assert first["fc"][0].std() == pytest.approx(np.sqrt(2 / 196), rel=0.1)
    # The first layer's takes in that pictures spread by 64; 108 draws.
    assert first["conv"][0].std() == pytest.approx(np.sqrt(2 / 27) / 64, rel=0.3)
    tiny.weights_path.unlink()
    run_job(get_job(tiny))
    for name, blobs in read_weights(tiny.need_weights()).items():
        for again, before in zip(blobs, first[name]):
            np.testing.assert_array_equal(again, before)


def test_random_weights_that_cannot_be_written(tiny: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    model = replace(tiny, weights_path=tmp_path / "file" / "tiny.caffemodel")
    with pytest.raises(FilterLabError, match=r"cannot write .*tiny\.caffemodel"):
        run_job(get_job(model))


def test_get_then_verify(published: Model, site: Any) -> None:
    assert run_job(verify_job(published)).state == "missing"
    model = run_job(get_job(published))
    assert model.ready
    verdict = run_job(verify_job(published))
    assert verdict.state == "good"
    assert "sha1 is right" in verdict.sentence
    site.requests.clear()
    run_job(get_job(published))
    assert site.requests == [], "what is here is not got again"


def test_verify_finds_a_flipped_bit(published: Model) -> None:
    path = run_job(get_job(published)).need_weights()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    verdict = run_job(verify_job(published))
    assert verdict.state == "wrong"
    assert "delete it and get it again" in verdict.sentence
    path.write_bytes(bytes(data[:-3]))
    assert run_job(verify_job(published)).state == "wrong"


def test_verify_by_shapes(tiny: Model, tmp_path: Path) -> None:
    run_job(get_job(tiny))
    assert run_job(verify_job(tiny)).state == "good"
    tiny.prototxt.write_text(TINY.replace("num_output: 5", "num_output: 6"))
    verdict = run_job(verify_job(tiny))
    assert verdict.state == "wrong"
    assert "fc" in verdict.sentence
    tiny.prototxt.write_text(TINY.replace('"fc"', '"other"'))
    assert "lacks the layers other" in run_job(verify_job(tiny)).sentence


def test_mirror_first_then_the_published_address(
    published: Model, site: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as mirror:
        monkeypatch.setenv("FILTERLAB_MIRROR", mirror.url + "/nets")
        mirror.files["/nets/tiny.caffemodel"] = site.files["/tiny.caffemodel"]
        run_job(get_job(published))
        assert len(mirror.requests) == 1
        assert site.requests == []
        published.weights_path.unlink()
        mirror.files.clear()
        run_job(get_job(published))
        assert len(site.requests) == 1
    assert published.ready


def test_mirror_may_be_a_folder(
    published: Model, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "tiny.caffemodel").write_bytes(site.files["/tiny.caffemodel"])
    monkeypatch.setenv("FILTERLAB_MIRROR", str(stick))
    run_job(get_job(published))
    assert published.ready
    assert site.requests == []


def test_from_is_the_only_source(published: Model, site: Any, tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match="cannot read it"):
        run_job(get_job(published, str(tmp_path / "none")))
    assert site.requests == []
    run_job(get_job(published, site.url + "/"))
    assert published.ready


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("http://a/b/", "http://a/b/tiny.caffemodel"),
        ("http://a/b", "http://a/b"),
        ("/media/stick", "/media/stick"),
    ],
)
def test_sources(published: Model, source: str, expected: str) -> None:
    assert sources_of(published, source) == [expected]


def test_what_cannot_be_got(tiny: Model) -> None:
    with pytest.raises(FilterLabError, match="install FilterLab again"):
        run_job(get_job(replace(tiny, kind="bundled")))
    with pytest.raises(FilterLabError, match="open the model anew"):
        run_job(get_job(replace(tiny, kind="own")))
    for kind in ("bundled", "random"):
        with pytest.raises(FilterLabError, match="no download, so it cannot be taken from /stick"):
            run_job(get_job(replace(tiny, kind=kind), "/stick"))
    assert not tiny.weights_path.exists()


def test_leaving_keeps_no_random_half(tiny: Model) -> None:
    job = get_job(tiny)
    next(job)
    next(job)
    job.close()
    assert not tiny.weights_path.exists()


def test_the_catalogue_entry_is_got_into_its_place(
    site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that only looks like SqueezeNet is refused under the shipped catalogue's digest."""
    monkeypatch.setenv("FILTERLAB_MIRROR", site.url)
    model = replace(catalogue.get("squeezenet"), urls=())
    assert model.size is not None
    site.files["/squeezenet_v1.1.caffemodel"] = bytes(model.size)
    with pytest.raises(FilterLabError, match="git-blob is"):
        run_job(get_job(model))
    assert not model.weights_path.parent.exists() or not list(model.weights_path.parent.iterdir())
