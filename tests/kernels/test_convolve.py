"""Snapshots computed by the net, against loops and the reference."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from filterlab.caffe.prototxt import read_net
from filterlab.errors import FilterLabError
from filterlab.pictures import grey_of, read_picture
from filterlab.progress import Progress
from filterlab.surgery import convolve
from filterlab.surgery.convolve import Picture, Settings, Snapshot

RNG = np.random.default_rng(4)


def _snapshot(
    picture: np.ndarray, size: tuple[int, int] = (3, 5), count: int = 3, **settings: object
) -> Snapshot:
    chosen = Settings(**settings)  # type: ignore[arg-type]
    kernels = RNG.normal(size=(count, chosen.channels, *size)).astype(np.float32)
    return Snapshot(kernels, RNG.normal(size=count).astype(np.float32), chosen, Picture(picture), 7)


def _by_loops(planes: np.ndarray, snapshot: Snapshot) -> np.ndarray:
    """(C, H, W) correlated, one kernel cell at a time, in float64."""
    settings, (kh, kw) = snapshot.settings, snapshot.size
    pad_y, pad_x = settings.margins((kh, kw))
    padded = np.pad(planes.astype(np.float64), ((0, 0), (pad_y, pad_y), (pad_x, pad_x)))
    reach = [settings.dilation * (k - 1) for k in (kh, kw)]
    rows = (padded.shape[1] - reach[0] - 1) // settings.stride + 1
    cols = (padded.shape[2] - reach[1] - 1) // settings.stride + 1
    result = np.zeros((len(snapshot.kernels), rows, cols))
    for n, kernel in enumerate(snapshot.kernels):
        for c, y, x in np.ndindex(kernel.shape):
            part = padded[c, y * settings.dilation :, x * settings.dilation :]
            part = part[:: settings.stride, :: settings.stride][:rows, :cols]
            result[n] += float(kernel[c, y, x]) * part
        result[n] += float(snapshot.bias[n])
    return result


@pytest.mark.parametrize("pad", convolve.PADS)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 3), (4, 2)])
@pytest.mark.parametrize("mode", convolve.MODES)
def test_against_loops(mode: str, stride: int, dilation: int, pad: str) -> None:
    picture = RNG.random((33, 40, 3), dtype=np.float32)
    snapshot = _snapshot(picture, mode=mode, stride=stride, dilation=dilation, pad=pad)
    found = convolve.compute(snapshot)
    assert found.revision == 7
    assert found.step == 1
    assert not found.data.flags.writeable
    assert found.data.shape[1:3] == snapshot.output_size == found.full_size
    if mode == "each":
        for channel in range(3):
            expected = _by_loops(picture[None, :, :, channel], snapshot)
            np.testing.assert_allclose(found.data[..., channel], expected, atol=1e-5)
    else:
        planes = grey_of(picture)[None] if mode == "grey" else picture.transpose(2, 0, 1)
        np.testing.assert_allclose(found.data, _by_loops(planes, snapshot), atol=1e-5)


def test_the_tutorial(shared: Path) -> None:
    golden = np.load(shared / "goldens/nets/designer_filters.npz")
    pixels = read_picture(shared / "images/cat_gray.jpg", grey=True)
    settings = Settings(scale=255.0)
    for weights, name in (("start_weights", "random_out"), ("designed_weights", "designed_out")):
        snapshot = Snapshot(golden[weights], np.zeros(3, np.float32), settings, Picture(pixels))
        expected = golden[name][0]
        np.testing.assert_allclose(convolve.compute(snapshot).data, expected, atol=1e-4, rtol=1e-4)
    bias = np.array([1, 0, 0], np.float32)
    found = convolve.compute(Snapshot(golden["start_weights"], bias, settings, Picture(pixels)))
    np.testing.assert_allclose(found.data[0], golden["bias1_out0"], atol=1e-4, rtol=1e-4)
    assert found.stats[0].mean == pytest.approx(
        golden["bias1_out0"].mean(dtype=np.float64), abs=1e-4
    )


@pytest.mark.parametrize("mode", convolve.MODES)
@pytest.mark.parametrize(("stride", "dilation", "pad"), [(1, 1, "valid"), (2, 3, "same")])
def test_large_pictures_in_bands_and_previews(
    monkeypatch: pytest.MonkeyPatch, mode: str, stride: int, dilation: int, pad: str
) -> None:
    """Bands of rows give what one piece gives; a preview is every k-th pixel of it, exactly."""
    picture = RNG.random((130, 90, 3), dtype=np.float32)
    snapshot = _snapshot(picture, (5, 7), mode=mode, stride=stride, dilation=dilation, pad=pad)
    whole = convolve.compute(snapshot)
    monkeypatch.setattr(convolve, "_WHOLE_PIXELS", 100)
    monkeypatch.setattr(convolve, "_TILE_PIXELS", 1000)
    monkeypatch.setattr(convolve, "PREVIEW_PIXELS", 300)
    job = convolve.compute_job(snapshot)
    steps = []
    while True:
        try:
            steps.append(next(job))
        except StopIteration as end:
            banded = end.value
            break
    assert len(steps) > 3
    assert all(isinstance(step, Progress) for step in steps)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    np.testing.assert_allclose(banded.data, whole.data, atol=2e-6)
    assert (banded.step, banded.full_size, banded.revision) == (1, whole.full_size, 7)
    assert [stats.exact for stats in banded.stats] == [True] * 3
    for banded_stats, whole_stats in zip(banded.stats, whole.stats):
        assert banded_stats.mean == pytest.approx(whole_stats.mean, abs=1e-6)
        assert banded_stats.std == pytest.approx(whole_stats.std, rel=1e-5)
    seen = convolve.preview(snapshot)
    assert seen.step > 1
    assert seen.full_size == whole.data.shape[1:3]
    assert not seen.stats[0].exact
    np.testing.assert_allclose(seen.data, whole.data[:, :: seen.step, :: seen.step], atol=2e-6)


def test_a_job_may_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolve, "_WHOLE_PIXELS", 100)
    monkeypatch.setattr(convolve, "_TILE_PIXELS", 500)
    monkeypatch.setattr(convolve, "PREVIEW_PIXELS", 300)
    snapshot = _snapshot(RNG.random((80, 60), dtype=np.float32))
    job = convolve.compute_job(snapshot)
    next(job)
    next(job)
    job.close()
    np.testing.assert_allclose(
        convolve.compute(snapshot).data, _by_loops(snapshot.picture.grey[None], snapshot), atol=1e-5
    )


def test_threads_do_not_disturb_each_other() -> None:
    picture = RNG.random((60, 60), dtype=np.float32)
    snapshots = [_snapshot(picture, (3, 3)) for _ in range(8)]
    expected = [_by_loops(s.picture.grey[None], s) for s in snapshots]
    worst = [0.0] * len(snapshots)

    def work(index: int) -> None:
        for _ in range(20):
            found = convolve.compute(snapshots[index]).data
            worst[index] = max(worst[index], float(np.abs(found - expected[index]).max()))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(snapshots))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(worst) < 1e-5


def test_grey_pictures_in_colour_modes() -> None:
    grey = RNG.random((20, 30), dtype=np.float32)
    assert convolve.compute(_snapshot(grey, mode="each")).data.shape == (3, 18, 26)
    snapshot = _snapshot(grey, mode="three")
    expected = _by_loops(np.stack([grey] * 3), snapshot)
    np.testing.assert_allclose(convolve.compute(snapshot).data, expected, atol=1e-5)


def test_not_finite_is_counted() -> None:
    picture = np.ones((10, 10), np.float32)
    picture[4, 4] = np.nan
    snapshot = _snapshot(picture, (3, 3))
    found = convolve.compute(snapshot)
    assert not found.finite
    assert found.stats[0].not_finite == 9
    assert np.isfinite(found.stats[0].mean)
    picture[...] = np.inf
    nothing = convolve.stats_of(picture)
    assert nothing.not_finite == 100
    assert np.isnan(nothing.mean)


def test_explained_pixels_equal_the_nets() -> None:
    picture = RNG.random((21, 26, 3), dtype=np.float32)
    for mode in convolve.MODES:
        snapshot = _snapshot(picture, mode=mode, stride=2, dilation=2, pad="same", scale=255.0)
        found = convolve.compute(snapshot)
        rows, cols = found.full_size
        for row, column in ((0, 0), (rows - 1, cols - 1), (3, 5)):
            for channel in range(3 if mode == "each" else 1):
                pixel = found.data[(1, row, column, channel)[: found.data.ndim]]
                explained = convolve.explain(snapshot, 1, row, column, channel)
                assert explained.result == pytest.approx(float(pixel), abs=2e-3)
                assert explained.patch.shape == snapshot.kernels.shape[1:]


def test_pictures() -> None:
    pixels = RNG.random((4, 5, 3), dtype=np.float32)
    picture = Picture(pixels, "x")
    pixels[...] = 0
    assert picture.pixels.any(), "a picture is a copy"
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0] = 1
    assert Picture(picture.pixels).pixels is picture.pixels
    assert Picture(np.ones((4, 5, 1))).pixels.shape == (4, 5)
    for bad in (np.ones((4, 5, 2)), np.ones(4), np.ones((0, 5))):
        with pytest.raises(FilterLabError, match="shape"):
            Picture(bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"mode": "cmyk"},
        {"pad": "mirror"},
        {"stride": 5},
        {"stride": 0},
        {"dilation": 4},
        {"scale": 2},
    ],
)
def test_settings_refused(bad: dict[str, object]) -> None:
    with pytest.raises(FilterLabError):
        Settings(**bad)  # type: ignore[arg-type]


def test_a_picture_smaller_than_the_kernel() -> None:
    snapshot = _snapshot(np.ones((4, 4), np.float32), (5, 5))
    for function in (convolve.compute, convolve.preview):
        with pytest.raises(FilterLabError, match="does not fit"):
            function(snapshot)


def test_the_net_is_the_tutorials(repo: Path) -> None:
    """As shipped: one 5 x 5 convolution, three out, gaussian 0.01; edits change only theirs."""
    shipped = read_net(str(repo / "models" / "conv.prototxt"))
    same = convolve.net_parameter(Settings(), 3, (5, 5), (1, 1, 100, 100))
    assert same == shipped
    conv = shipped.layer[1].convolution_param
    assert (conv.num_output, list(conv.kernel_size)) == (3, [5])
    assert (conv.weight_filler.type, round(conv.weight_filler.std, 6)) == ("gaussian", 0.01)
    other = convolve.net_parameter(
        Settings(pad="same", stride=2, dilation=3), 3, (3, 7), (1, 1, 9, 9)
    )
    what = other.layer[1].convolution_param
    assert (what.kernel_h, what.kernel_w, what.pad_h, what.pad_w) == (3, 7, 3, 9)
    assert (list(what.stride), list(what.dilation)) == ([2], [3])
