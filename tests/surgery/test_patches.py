"""Best patches against a search through all places by plain loops."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.pictures.shelf import SampleShelf, Shelf
from filterlab.progress import Progress, run_job
from filterlab.surgery import patches
from filterlab.surgery.geometry import Axis, of_blob
from filterlab.surgery.heatmap import Preprocessing
from filterlab.surgery.own_input import own_input
from filterlab.surgery.patches import (
    BestPatches,
    inner_cells,
    patch_sheet,
    patches_job,
    value_layer,
)

PREPARED = Preprocessing((10.0, 20.0, 30.0), 255.0, "BGR", quick=True)


class Drawn(Shelf):
    """Pictures drawn from seeds: soft blots, so that the best places lie close together."""

    def __init__(self, count: int = 5, broken: tuple[int, ...] = ()) -> None:
        self.count, self.broken, self.read = count, broken, 0

    def __len__(self) -> int:
        return self.count

    def stamp(self) -> str:
        return f"drawn {self.count} {self.broken}"

    def pictures(self) -> Iterator[tuple[str, Any]]:
        import cv2

        for k in range(self.count):
            self.read += 1
            noise = np.random.default_rng(k).random((40, 52, 3), np.float32)
            blots = cv2.GaussianBlur(noise, (0, 0), 2)
            yield f"p{k}", None if k in self.broken else (blots - 0.3) * 2.5


NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 40 dim: 40 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 6 kernel_size: 5 stride: 2 pad: 2 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "deep" type: "Convolution" bottom: "conv" top: "deep"
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 weight_filler { type: "msra" } } }
layer { name: "norm" type: "BatchNorm" bottom: "deep" top: "deep" }
layer { name: "scale" type: "Scale" bottom: "deep" top: "deep" scale_param { bias_term: true } }
layer { name: "relu2" type: "ReLU" bottom: "deep" top: "deep" }
layer { name: "pool" type: "Pooling" bottom: "deep" top: "pool" pooling_param { pool: AVE kernel_size: 10 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "msra" } } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""  # noqa: E501


@pytest.fixture
def net(rng: Any) -> Any:
    made = caffe.Net(parse_net(NET), caffe.TEST)
    for name in ("conv", "deep", "fc"):
        made.params[name][0].data[...] = rng.standard_normal(made.params[name][0].shape) * 0.02
        made.params[name][1].data[...] = rng.standard_normal(made.params[name][1].shape)
    mean, variance, factor = made.params["norm"]
    mean.data[...], variance.data[...], factor.data[...] = 0.1, 2.0, 1.0
    made.params["scale"][0].data[...] = [1, -2, 0.5, 1]  # one turns the order around
    made.params["scale"][1].data[...] = [0, 1, 2, -9]  # and one is dead behind the ReLU
    return made


def _values(net: Any, layer: str, shelf: Shelf) -> dict[str, Any]:
    """For each picture the layer's values (units, rows, cols), its activation left out."""
    end = {"deep": "scale"}.get(layer, layer)
    found = {}
    net.blobs["data"].reshape(1, 3, 40, 40)
    for key, picture in shelf.pictures():
        if picture is not None:
            net.blobs["data"].data[...] = own_input(picture, (1, 3, 40, 40), PREPARED)
            net.forward(end=end)
            found[key] = net.blobs[net.top_names[layer][0]].data[0].copy()
    return found


def _greedy(values: Any, rows: range, cols: range, apart: tuple[int, int], most: int) -> list[Any]:
    cells = [(float(values[r, c]), r, c) for r in rows for c in cols]
    cells.sort(key=lambda cell: (-cell[0], cell[1], cell[2]))
    taken: list[Any] = []
    for value, r, c in cells:
        if len(taken) < most and all(
            abs(r - s) >= apart[0] or abs(c - d) >= apart[1] for _, s, d in taken
        ):
            taken.append((value, r, c))
    return taken


@pytest.mark.parametrize(
    ("layer", "inner", "apart"),
    [
        # Field 5, jump 2, start -2: cells 1 to 18 of 20 lie inside; half of 32 pixels is 8 cells.
        ("conv", range(1, 19), 8),
        # Field 9, jump 4, start -4: cells 1 to 8 of 10.
        ("deep", range(1, 9), 4),
    ],
)
@pytest.mark.parametrize("per_picture", [1, 2, 3])
def test_the_best_of_all_places(
    net: Any, layer: str, inner: range, apart: int, per_picture: int
) -> None:
    shelf = Drawn()
    best = run_job(patches_job(net, layer, shelf, PREPARED, 9, per_picture))
    values = _values(net, layer, shelf)
    assert best.looked == 5
    assert best.units == len(values["p0"])
    for unit in range(best.units):
        expected = [
            (value, key, (r, c))
            for key, found in values.items()
            for value, r, c in _greedy(found[unit], inner, inner, (apart, apart), per_picture)
        ]
        expected = sorted(expected, key=lambda one: -one[0])[:9]
        found = best.of(unit)
        assert [(p.picture, p.cell) for p in found] == [(key, cell) for _, key, cell in expected]
        np.testing.assert_allclose([p.value for p in found], [v for v, *_ in expected], rtol=1e-5)
    assert best.value_layer == {"deep": "scale"}.get(layer, "conv")


def test_a_patch_is_what_the_unit_saw(net: Any) -> None:
    """A unit's value is computed anew from the cut-out alone."""
    best = run_job(patches_job(net, "conv", Drawn(), PREPARED))
    weights, bias = (blob.data for blob in net.params["conv"])
    mean = np.float32(PREPARED.mean_bgr)
    for unit in range(6):
        for patch in best.of(unit):
            x0, y0, x1, y1 = patch.inner
            assert (x1 - x0, y1 - y0) == (5, 5)
            assert patch.image.shape == (32, 32, 3)
            assert patch.image.dtype == np.uint8
            assert patch.box == (
                2 * patch.cell[1] - 2, 2 * patch.cell[0] - 2,
                2 * patch.cell[1] + 3, 2 * patch.cell[0] + 3,
            )  # fmt: skip
            seen = patch.image[y0:y1, x0:x1, ::-1].astype(np.float32) - mean
            value = float((weights[unit] * seen.transpose(2, 0, 1)).sum() + bias[unit])
            # Cut-outs have 256 levels, and each of 75 weights is about 0.02.
            assert patch.value == pytest.approx(value, abs=0.5)


def test_a_context_is_of_one_size_and_within_the_picture(net: Any) -> None:
    best = run_job(patches_job(net, "deep", Drawn(), PREPARED))
    for unit in range(4):
        for patch in best.of(unit):
            left, top, right, bottom = patch.context
            assert (right - left, bottom - top) == (32, 32)
            assert 0 <= left < right <= 40
            assert 0 <= top < bottom <= 40
            assert left <= patch.box[0] < patch.box[2] <= right
            assert top <= patch.box[1] < patch.box[3] <= bottom
    large = replace(best, input_size=(100, 120))
    assert large.context((40, 45, 60, 55)) == (30, 34, 70, 66)
    assert large.context((90, 0, 120, 40)) == (60, 0, 120, 80)
    assert best.context((10, 4, 30, 12)) == (0, 0, 40, 32)
    assert best.context((0, 0, 9, 9)) == (0, 0, 32, 32)
    assert best.context((31, 31, 40, 40)) == (8, 8, 40, 40)


def test_units_that_see_all_have_one_place_in_each_picture(net: Any) -> None:
    shelf = Drawn()
    values = _values(net, "fc", shelf)
    for layer in ("fc", "pool"):
        best = run_job(patches_job(net, layer, shelf, PREPARED))
        assert best.units == {"fc": 3, "pool": 4}[layer]
        patches_ = best.of(0)
        assert len(patches_) == 5
        assert {p.box for p in patches_} == {(0, 0, 40, 40)}
        assert {p.cell for p in patches_} == {(0, 0)}
    best = run_job(patches_job(net, "fc", shelf, PREPARED))
    order = sorted(values, key=lambda key: -values[key][1])
    assert [p.picture for p in best.of(1)] == order


def test_a_sheet_shows_each_units_patches_in_a_row(net: Any) -> None:
    best = run_job(patches_job(net, "conv", Drawn(), PREPARED, 3))
    sheet = patch_sheet(best, side=64)
    assert sheet.shape == (6 * 68 - 4, 3 * 68 - 4, 3)
    two = patch_sheet(best, [4, 1], side=64)
    np.testing.assert_array_equal(two[:64], sheet[4 * 68 : 4 * 68 + 64])
    np.testing.assert_array_equal(two[68:], sheet[68 : 68 + 64])
    for n, patch in enumerate(best.of(2)):
        drawn = sheet[2 * 68 : 2 * 68 + 64, n * 68 : n * 68 + 64]
        x0, y0, x1, y1 = (2 * v for v in patch.inner)
        for corner in ((y0, x0), (y0, x1 - 1), (y1 - 1, x0), (y1 - 1, x1 - 1)):
            assert drawn[corner].tolist() == [255, 255, 255]
        inside = np.s_[y0 + 2 : y1 - 2 : 2, x0 + 2 : x1 - 2 : 2]
        cut = patch.image[patch.inner[1] + 1 : patch.inner[3] - 1]
        np.testing.assert_array_equal(
            drawn[inside], cut[:, patch.inner[0] + 1 : patch.inner[2] - 1]
        )
    assert (sheet[64:68] == 255).all()
    # Reduced, a pixel is the mean of those that it stands for.
    small = patch_sheet(best, [0], side=16)
    first = best.of(0)[0]
    mean = first.image.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    framed = np.zeros((16, 16), bool)
    x0, y0, x1, y1 = first.inner
    framed[max(0, y0 // 2 - 1) : y1 // 2 + 2, max(0, x0 // 2 - 1) : x1 // 2 + 2] = True
    assert framed.sum() < 64
    assert np.abs(small[:16, :16] - mean)[~framed].max() <= 1
    with pytest.raises(FilterLabError, match="choose some"):
        patch_sheet(best, [])


def test_where_no_field_lies_inside_all_cells_count() -> None:
    assert inner_cells(Axis(5, 2, -2), 20, 40) == range(1, 19)
    assert inner_cells(Axis(4, 2, -1), 112, 224) == range(1, 111)
    assert inner_cells(Axis(3, 1, 0), 38, 40) == range(38)
    assert inner_cells(Axis(500, 32, -150), 7, 224) == range(7)


def test_only_what_is_in_use_is_kept(net: Any) -> None:
    best = run_job(patches_job(net, "conv", Drawn(40), PREPARED, 1, 1))
    used = {patch.picture for unit in range(6) for patch in best.of(unit)}
    assert set(best.keys) == used
    assert len(best.keys) <= 6
    assert best.pictures.shape == (len(best.keys), 40, 40, 3)
    assert best.looked == 40


def test_pictures_that_cannot_be_read_are_named(net: Any) -> None:
    best = run_job(patches_job(net, "conv", Drawn(3, broken=(1,)), PREPARED))
    assert (best.looked, best.skipped) == (2, ("p1",))
    assert {p.picture for p in best.of(0)} == {"p0", "p2"}
    with pytest.raises(FilterLabError, match="none of the 2 pictures"):
        run_job(patches_job(net, "conv", Drawn(2, broken=(0, 1)), PREPARED))


class Grey(Drawn):
    """The same without colours."""

    def pictures(self) -> Iterator[tuple[str, Any]]:
        for key, picture in super().pictures():
            yield key, picture[:, :, 1]


def test_grey_pictures_and_grey_nets(net: Any) -> None:
    best = run_job(patches_job(net, "conv", Grey(), PREPARED))
    values = _values(net, "conv", Grey())
    assert best.pictures.shape[1:] == (40, 40, 3)
    assert (best.pictures == best.pictures[:, :, :, :1]).all()
    top = best.of(0)[0]
    assert top.value == pytest.approx(float(values[top.picture][0][top.cell]), rel=1e-5)
    one = caffe.Net(parse_net(NET.replace("dim: 3 dim: 40", "dim: 1 dim: 40")), caffe.TEST)
    coloured = run_job(patches_job(one, "conv", Drawn(), PREPARED))
    assert (coloured.pictures != coloured.pictures[:, :, :, :1]).any()
    picture = next(iter(Drawn().pictures()))[1]
    one.blobs["data"].reshape(1, 1, 40, 40)
    one.blobs["data"].data[...] = own_input(picture, (1, 1, 40, 40), PREPARED)
    one.forward(end="conv")
    for patch in coloured.of(2):
        if patch.picture == "p0":
            value = float(one.blobs["conv"].data[0, 2][patch.cell])
            assert patch.value == pytest.approx(value, rel=1e-4)
            break
    else:
        pytest.fail("unit 2 answers to no place of the first picture")


def test_the_net_is_left_alone_and_progress_is_told(net: Any) -> None:
    net.forward()
    before = {name: blob.data.copy() for name, blob in net.blobs.items()}
    told: list[Progress] = []
    run_job(patches_job(net, "deep", Drawn(), PREPARED), told.append)
    assert [p.done for p in told] == [0, 1, 2, 3, 4]
    assert str(told[2].message) == "picture 3 of 5"
    for name, values in before.items():
        np.testing.assert_array_equal(net.blobs[name].data, values)


def test_wrong_layers_and_units(net: Any) -> None:
    with pytest.raises(FilterLabError, match="no layer 'nothing'"):
        run_job(patches_job(net, "nothing", Drawn(), PREPARED))
    with pytest.raises(FilterLabError, match="take 1 or more"):
        run_job(patches_job(net, "conv", Drawn(), PREPARED, count=0))
    best = run_job(patches_job(net, "conv", Drawn(), PREPARED))
    with pytest.raises(FilterLabError, match="no unit 6"):
        best.of(6)


def test_the_value_before_the_activation(net: Any) -> None:
    assert value_layer(net, "conv") == "conv"
    assert value_layer(net, "deep") == "scale"
    assert value_layer(net, "norm") == "scale"
    assert value_layer(net, "relu2") == "relu2"
    assert value_layer(net, "fc") == "fc"


# --- results kept on disk


def _same(one: BestPatches, other: BestPatches) -> bool:
    return (
        one.keys == other.keys
        and one.geometry == other.geometry
        and (one.looked, one.skipped) == (other.looked, other.skipped)
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("values", "at", "pictures")
        )
    )


def test_a_result_is_kept_until_something_changes(net: Any, tmp_path: Path) -> None:
    folder = tmp_path / "patches"

    def ask(shelf: Shelf, layer: str = "deep", **more: Any) -> BestPatches:
        given = {"preprocessing": PREPARED, "folder": folder} | more
        return run_job(patches_job(net, layer, shelf, **given))

    first = ask(Drawn())
    (file,) = folder.iterdir()
    again = Drawn()
    assert _same(ask(again), first)
    assert again.read == 0
    assert first.geometry == of_blob(net.param, "deep")
    changes: list[dict[str, Any]] = [
        {"shelf": Drawn(4)},
        {"layer": "conv"},
        {"count": 3},
        {"per_picture": 1},
        {"preprocessing": Preprocessing((0, 0, 0), 255.0, "BGR", quick=True)},
    ]
    for change in changes:
        shelf = change.pop("shelf", None) or Drawn()
        ask(shelf, **change)
        assert shelf.read == len(shelf), change
    assert len(list(folder.iterdir())) == 1 + len(changes)
    # Weights behind the layer do not matter, those before it do.
    net.params["fc"][0].data[0] += 1
    shelf = Drawn()
    assert _same(ask(shelf), first)
    assert shelf.read == 0
    net.params["conv"][1].data[0] += 1
    changed = ask(shelf)
    assert shelf.read == 5
    assert not _same(changed, first)
    # A damaged result is computed again.
    net.params["conv"][1].data[0] -= 1
    for damage in (b"", b"PK\x03\x04 no npz", file.read_bytes()[:-2000]):
        file.write_bytes(damage)
        shelf = Drawn()
        assert ask(shelf).keys == first.keys
        assert shelf.read == 5
    assert _same(ask(Drawn()), run_job(patches_job(net, "deep", Drawn(), PREPARED)))


def test_a_result_of_other_sizes_is_not_believed(net: Any, tmp_path: Path) -> None:
    job = {"preprocessing": PREPARED, "folder": tmp_path}
    first = run_job(patches_job(net, "deep", Drawn(), **job))
    (file,) = tmp_path.iterdir()
    with np.load(file) as stored:
        good = dict(stored)
    for name, wrong in (
        ("at", good["at"] + 100),
        ("at", good["at"][:, :3]),
        ("at", -good["at"] - 1),
        ("values", good["values"].astype(np.float64)),
        ("pictures", good["pictures"][:, 1:]),
        ("pictures", good["pictures"][1:]),
        ("about", good["about"][:-5]),
        ("about", np.frombuffer(b"[1]", np.uint8)),
    ):
        with open(file, "wb") as stream:
            np.savez(stream, **{**good, name: wrong})
        shelf = Drawn()
        assert _same(run_job(patches_job(net, "deep", shelf, **job)), first)
        assert shelf.read == 5, name


def test_the_folder_stays_small(net: Any, tmp_path: Path, monkeypatch: Any) -> None:
    job = {"preprocessing": PREPARED, "folder": tmp_path}
    run_job(patches_job(net, "deep", Drawn(), **job))
    (oldest,) = tmp_path.iterdir()
    run_job(patches_job(net, "conv", Drawn(), **job))
    (second,) = set(tmp_path.iterdir()) - {oldest}
    os.utime(oldest, ns=(1, 1))
    os.utime(second, ns=(2, 2))
    # Asked for again, the first is the newer.
    run_job(patches_job(net, "deep", Drawn(), **job))
    monkeypatch.setattr(patches, "KEPT_BYTES", oldest.stat().st_size * 2)
    run_job(patches_job(net, "deep", Drawn(), count=8, **job))
    left = set(tmp_path.iterdir())
    assert oldest in left
    assert second not in left
    assert len(left) == 2


def test_what_is_cancelled_is_not_kept(net: Any, tmp_path: Path) -> None:
    job = patches_job(net, "deep", Drawn(), PREPARED, folder=tmp_path)
    for _ in range(8):
        next(job)
    job.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_nothing(net: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    best = run_job(patches_job(net, "deep", Drawn(), PREPARED, folder=blocked / "patches"))
    assert best.looked == 5


def test_samples_of_the_pocket_net(repo: Path) -> None:
    from filterlab.workbench.heatmap_state import preprocessing_of
    from filterlab.zoo import catalogue

    model = catalogue.get("pocket")
    net = caffe.Net(str(model.prototxt), str(model.need_weights()), caffe.TEST)
    best = run_job(patches_job(net, "conv1", SampleShelf(), preprocessing_of(model)))
    assert best.looked == len(SampleShelf())
    values = best.values
    assert (np.diff(values, axis=1) <= 0).all()
    for unit in range(best.units):
        found = best.of(unit)
        pictures = [patch.picture for patch in found]
        assert len(pictures) == 9
        for one, other in itertools.combinations(found, 2):
            if one.picture == other.picture:
                apart = [abs(a - b) for a, b in zip(one.box[:2], other.box[:2])]
                assert max(apart) >= 16
        assert max(pictures.count(key) for key in pictures) <= 2
