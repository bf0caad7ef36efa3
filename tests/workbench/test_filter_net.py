"""The three filters saved as one net, opened again, and what other programs make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

import filterlab.caffe as caffe
from filterlab.caffe.proto import caffe_pb2
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture
from filterlab.surgery import convolve
from filterlab.workbench.filter_bench import EDIT_NAMES, FilterBench
from filterlab.workbench.filter_net import filters_net_among, is_filters_net, untold

RNG = np.random.default_rng(12)
PICTURE = RNG.random((25, 33, 3), dtype=np.float32)
OTHER = RNG.random((30, 28), dtype=np.float32)


def plain(bench: FilterBench) -> None:
    bench.set_bias(1, -0.25)


def sizes(bench: FilterBench) -> None:
    """An 11 x 11 beside a 3 x 5 whose border is zero, so that no number tells its size."""
    bench.set_size(11, 0)
    bench.set_kernel(1, np.array([[0, 0, 0, 0, 0], [0, 1, 2, 3, 0], [0, 0, 0, 0, 0]]))
    bench.set_pad("same")


def divisors(bench: FilterBench) -> None:
    bench.set_kernel(0, np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]))
    bench.set_divisor(0, 16)
    bench.set_kernel(1, RNG.integers(-999999, 999999, (5, 5)) / 1000)
    bench.set_divisor(1, 7)
    bench.set_divisor(2, -0.3)  # a preset stays one
    bench.set_bias(2, 1 / 3)


def ways(bench: FilterBench) -> None:
    bench.set_mode("three")
    bench.set_size((3, 7), 2)
    bench.set_stride(2)
    bench.set_dilation(3)
    bench.set_pad("same")
    bench.set_divisor(0, 3)


def edges(bench: FilterBench) -> None:
    bench.set_mode("each")
    bench.set_pad("same")
    bench.set_edge("reflect")
    bench.set_scale(255)
    bench.set_dilation(2)


def linked(bench: FilterBench) -> None:
    bench.set_linked(True)
    bench.apply_preset(0, "gabor", angle=30)


def halves(bench: FilterBench) -> None:
    """Presets, all divided by 2, and a kernel of one cell."""
    for slot in range(3):
        bench.set_divisor(slot, 2)
    bench.set_kernel(1, np.array([[0.3]]))


def ones(bench: FilterBench) -> None:
    """Kernels of one cell need no padding, whatever is chosen."""
    bench.set_size(1)
    bench.set_pad("same")


CASES: list[Callable[[FilterBench], None]] = [
    plain, sizes, divisors, ways, edges, linked, halves, ones,
]  # fmt: skip


@pytest.fixture(params=CASES, ids=[case.__name__ for case in CASES])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[FilterBench, Path, Path]:
    bench = FilterBench(PICTURE)
    request.param(bench)
    return (bench, *bench.save_net(tmp_path / "过滤 v1.2"))


def key(bench: FilterBench) -> tuple[Any, ...]:
    state = bench.state
    cells = [state.own(slot).tobytes() for slot in range(3)]
    numbers = state.bias.tobytes(), state.divisors.tobytes(), state.weights.tobytes()
    return cells, *numbers, state.sizes, state.linked, state.presets, state.settings


def test_it_opens_again_as_the_three_filters(saved: tuple[FilterBench, Path, Path]) -> None:
    bench, prototxt, weights = saved
    assert is_filters_net(prototxt)
    assert not is_filters_net(weights)
    other = FilterBench(PICTURE)
    before = key(other)
    assert other.open_net(prototxt, weights) == "Open filters"
    assert "Open filters" in EDIT_NAMES
    assert key(other) == key(bench)
    assert other.picture.pixels.tobytes() == PICTURE.tobytes()
    one, two = (convolve.compute(b.snapshot()).data for b in (bench, other))
    np.testing.assert_array_equal(two, one)
    assert len(other.journal) == 1
    assert other.undo() == "Open filters"
    assert key(other) == before
    assert other.redo() == "Open filters"
    assert other.open_net(prototxt, weights) == ""  # nothing changes


def test_the_net_and_the_shown_lines_give_the_bench_s_outputs(
    saved: tuple[FilterBench, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two lines are run as they stand, on a picture of another size than that saved with."""
    bench, prototxt, weights = saved
    net = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    scale = bench.settings.scale
    net.blobs["data"].data[...] = bench.snapshot().fed() * np.float32(scale)
    found = net.forward()["conv"]
    expected = convolve.compute(bench.snapshot()).data
    np.testing.assert_array_equal(found if found.shape[0] == 3 else found[0], _planar(expected))

    other = FilterBench(np.broadcast_to(OTHER[..., None], (*OTHER.shape, 3)))
    other.open_net(prototxt, weights)
    lines = other.code.splitlines()
    assert lines[0] == f"net = caffe.Net({prototxt.name!r}, {weights.name!r}, caffe.TEST)"
    assert lines[1].startswith("x = caffe.io.load_image(name")
    monkeypatch.chdir(tmp_path)
    names = {"caffe": caffe, "np": np, "x": other.picture.planes(other.settings.mode)}
    exec("\n".join([lines[0], *lines[2:]]), names)
    found = names["net"].forward()["conv"]  # type: ignore[attr-defined]
    expected = _planar(convolve.compute(other.snapshot()).data)
    np.testing.assert_array_equal(found if found.shape[0] == 3 else found[0], expected)


def _planar(data: np.ndarray) -> np.ndarray:
    """(N, h, w), or (batch, N, h, w) of three channels, as the net gives them."""
    return data if data.ndim == 3 else np.moveaxis(data, -1, 0)


def test_caffe_s_own_parser_reads_it(saved: tuple[FilterBench, Path, Path]) -> None:
    """protobuf's text format, as BVLC Caffe uses it: one layer of three outputs, a comment."""
    bench, prototxt, weights = saved
    net = text_format.Parse(prototxt.read_text("utf-8"), caffe_pb2.NetParameter())
    assert [layer.type for layer in net.layer] == ["Input", "Convolution"]
    assert net.layer[1].convolution_param.num_output == 3
    stored = caffe_pb2.NetParameter.FromString(weights.read_bytes())
    conv = next(layer for layer in stored.layer if layer.name == "conv")
    assert tuple(conv.blobs[0].shape.dim) == bench.state.weights.shape
    np.testing.assert_array_equal(
        np.array(conv.blobs[0].data, np.float32), bench.state.weights.reshape(-1)
    )


def changed(prototxt: Path, **note: Any) -> None:
    """Another note in a prototxt."""
    first, line, rest = prototxt.read_text("utf-8").split("\n", 2)
    mark, told = line.split(": ", 1)
    told = json.dumps(json.loads(told) | note)
    prototxt.write_text(f"{first}\n{mark}: {told}\n{rest}", "utf-8")


@pytest.mark.parametrize(
    "note",
    [
        {"sizes": [[1, 1]] * 3},  # would cut numbers off
        {"sizes": [[3, 3]]},
        {"sizes": "large"},
        {"sizes": [[1e400, 3]] * 3},
        {"sizes": [[13, 13]] * 3},
        {"divisors": [0, 1, 1]},
        {"divisors": [float("nan")] * 3},
        {"divisors": None},
        {"mode": "sepia"},
        {"mode": []},
        {"edge": {}},
        {"scale": 3},
        {"presets": [{"key": "gaussian", "parameters": {"colour": 1}}] * 3},
        {"presets": [{"key": "gaussian", "parameters": 1}] * 3},
        {"presets": 7},
    ],
)
def test_an_odd_note_is_passed_over(tmp_path: Path, note: dict[str, Any]) -> None:
    bench = FilterBench(PICTURE)
    divisors(bench)
    bench.set_size(5, 2)
    files = bench.save_net(tmp_path / "net")
    changed(files[0], **note)
    other = FilterBench(PICTURE)
    other.open_net(*files)
    np.testing.assert_array_equal(other.state.weights, bench.state.weights)
    assert other.state.sizes == ((5, 5),) * 3
    assert (other.state.divisors == 1).all()
    assert other.state.presets == (None,) * 3


def test_a_preset_that_the_weights_are_not_is_none(tmp_path: Path) -> None:
    bench = FilterBench(PICTURE)
    bench.set_divisor(1, 3)
    files = bench.save_net(tmp_path / "net")
    presets = [{"key": "sobel-v", "parameters": {}}] * 3
    changed(files[0], presets=presets)
    other = FilterBench(PICTURE)
    other.open_net(*files)
    assert other.state.presets == (None, None, bench.state.presets[2])
    np.testing.assert_array_equal(other.state.kernels, bench.state.kernels)
    assert other.state.divisors.tolist() == [1, 3, 1]


def test_what_the_net_says_goes_before_the_note(tmp_path: Path) -> None:
    bench = FilterBench(PICTURE)
    bench.set_pad("same")
    prototxt, weights = bench.save_net(tmp_path / "net")
    changed(prototxt, pad="valid", edge="wrap", mode="three")
    text = prototxt.read_text("utf-8")
    prototxt.write_text(text.replace("pad: 2", "pad: 2 stride: 3"), "utf-8")
    other = FilterBench(PICTURE)
    other.open_net(prototxt, weights)
    assert other.settings == convolve.Settings("grey", "same", 3)
    prototxt.write_text(text.replace("pad: 2", ""), "utf-8")
    changed(prototxt, pad="same", edge="zero")
    other.open_net(prototxt, weights)
    assert other.settings == convolve.Settings("grey", "valid")


def test_a_net_made_elsewhere_opens(shared: Path) -> None:
    """Three filters that BVLC Caffe has computed; no note tells anything of them."""
    folder = shared / "goldens/nets"
    golden = np.load(folder / "designer_filters.npz")
    prototxt = folder / "designer_filters.prototxt"
    assert not is_filters_net(prototxt)
    bench = FilterBench(read_picture(shared / "images/cat_gray.jpg", grey=True))
    bench.set_scale(255)
    bench.open_net(prototxt, folder / "designer_filters.caffemodel")
    assert bench.settings.scale == 1
    bench.set_scale(255)
    np.testing.assert_allclose(
        convolve.compute(bench.snapshot()).data, golden["designed_out"][0], rtol=1e-5, atol=1e-3
    )


NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { %s } } }
layer { name: "%s" type: "Convolution" bottom: "data" top: "out"
  convolution_param { num_output: %d %s } }
%s
"""


def made(folder: Path, geometry: str, count: int = 3, more: str = "", name: str = "c") -> Any:
    prototxt = folder / "made.prototxt"
    shape = "dim: 1 dim: 1 dim: 20 dim: 20"
    prototxt.write_text(NET % (shape, name, count, geometry, more))
    net = caffe.Net(str(prototxt), caffe.TEST)
    net.params[name][0].data[...] = RNG.normal(size=net.params[name][0].data.shape)
    net.save(str(folder / "made.caffemodel"))
    return net, prototxt, folder / "made.caffemodel"


def test_another_layer_s_name_and_no_bias(tmp_path: Path) -> None:
    geometry = "kernel_h: 3 kernel_w: 5 pad_h: 1 pad_w: 2 stride: 2 bias_term: false"
    net, *files = made(tmp_path, geometry)
    bench = FilterBench(OTHER)
    bench.set_bias(0, 3)
    bench.open_net(*files)
    assert (bench.size, bench.settings) == ((3, 5), convolve.Settings("grey", "same", 2))
    net.blobs["data"].reshape(1, 1, *OTHER.shape)
    net.blobs["data"].data[...] = OTHER
    found = convolve.compute(bench.snapshot()).data
    np.testing.assert_array_equal(net.forward()["out"][0], found)
    # The lines speak of a net whose layer is called conv, so they tell the numbers.
    assert "caffemodel" not in bench.code
    assert "net.params['conv'][0].data[2, 0] = [" in bench.code


@pytest.mark.parametrize(
    ("geometry", "count", "more", "why"),
    [
        ("kernel_size: 3", 4, "", "not one Convolution with three filters"),
        (
            "kernel_size: 3", 3, 'layer { name: "r" type: "ReLU" bottom: "out" top: "out" }',
            "not one Convolution with three filters",
        ),
        ("kernel_size: 4", 3, "", "must be odd"),
        ("kernel_size: 13", 3, "", "out of range"),
        ("kernel_size: 3 pad: 2", 3, "", "padding by 0 or by 1 rows and 1 columns"),
        ("kernel_size: 3 stride_h: 1 stride_w: 2", 3, "", "one stride"),
        ("kernel_size: 3 dilation: 1 dilation: 2", 3, "", "one dilation"),
        ("kernel_size: 3 stride: 5", 3, "", "stride 5 is out of range"),
    ],
)  # fmt: skip
def test_other_nets_are_refused(
    tmp_path: Path, geometry: str, count: int, more: str, why: str
) -> None:
    _, *files = made(tmp_path, geometry, count, more)
    bench = FilterBench(OTHER)
    before = key(bench)
    with pytest.raises(FilterLabError, match=why):
        bench.open_net(*files)
    assert key(bench) == before
    assert len(bench.journal) == 0


def test_weights_of_another_net_are_refused(tmp_path: Path) -> None:
    _, prototxt, weights = made(tmp_path, "kernel_size: 3")
    bench = FilterBench(OTHER)
    prototxt.write_text(prototxt.read_text().replace("kernel_size: 3", "kernel_size: 5"))
    with pytest.raises(FilterLabError, match="not three finite filters of the prototxt's size"):
        bench.open_net(prototxt, weights)
    prototxt.write_text(prototxt.read_text().replace('"c"', '"d"'))
    with pytest.raises(FilterLabError, match="no weights for layer 'd'"):
        bench.open_net(prototxt, weights)
    with pytest.raises(caffe.CaffeError, match="no such file"):
        bench.open_net(tmp_path / "none.prototxt", weights)
    net, prototxt, weights = made(tmp_path, "kernel_size: 3")
    net.params["c"][0].data[0, 0, 0, 0] = np.nan
    net.save(str(weights))
    with pytest.raises(FilterLabError, match="not three finite filters"):
        bench.open_net(prototxt, weights)


def test_too_small_a_picture_is_said(tmp_path: Path) -> None:
    bench = FilterBench(OTHER)
    bench.set_size(11)
    files = bench.save_net(tmp_path / "net")
    small = FilterBench(OTHER[:8, :8])
    with pytest.raises(FilterLabError, match="does not fit"):
        small.open_net(*files)


def test_what_a_net_cannot_say_is_told(tmp_path: Path) -> None:
    bench = FilterBench(PICTURE)
    bench.set_pad("same")
    bench.set_divisor(0, 3)
    bench.set_stride(2)
    assert untold(bench.state) == ""
    bench.set_edge("replicate")
    bench.set_mode("each")
    bench.set_scale(255)
    bench.set_stride(1)
    bench.apply(0)
    assert untold(bench.state) == (
        "pad the picture by 2 rows and 2 columns on each side first, in numpy's mode 'edge'; "
        "feed red, green and blue as a batch of three; feed the picture as 0 to 255; "
        "1 step that was applied before is not in it; a project keeps it"
    )
    bench.apply(1)
    assert "2 steps that were applied before are not in it; a project keeps them" in untold(
        bench.state
    )
    bench.set_pad("valid")
    assert "pad the picture" not in untold(bench.state)
    # The steps before are those of the picture, and stay when filters are opened.
    files = bench.save_net(tmp_path / "net")
    bench.reset()
    bench.open_net(*files)
    assert len(bench.state.stack) == 2
    assert bench.settings.mode == "each"


def test_which_files_are_the_net_of_the_three_filters(tmp_path: Path) -> None:
    """Either of the two, or both; not beside another file, and not two nets at once."""
    bench = FilterBench(PICTURE)
    prototxt, weights = bench.save_net(tmp_path / "a")
    other = bench.save_net(tmp_path / "b")
    picture = tmp_path / "a.png"
    picture.write_bytes(b"")
    for paths in ([prototxt], [weights], [prototxt, weights], [weights, prototxt]):
        assert filters_net_among(paths) == prototxt
    for paths in ([], [picture], [prototxt, picture], [picture, weights], [prototxt, *other]):
        assert filters_net_among(paths) is None
    prototxt.unlink()
    assert filters_net_among([weights]) is None


@pytest.mark.parametrize(
    ("size", "told", "pad"),
    [
        ((3, 1), "kernel_h: 3 kernel_w: 1 pad_h: 1", "same"),
        ((1, 5), "kernel_h: 1 kernel_w: 5 pad_w: 2", "same"),
        ((3, 5), "kernel_h: 3 kernel_w: 5 pad_h: 1 pad_w: 2", "same"),
        ((3, 5), "kernel_size: 3 kernel_size: 5 pad: 1 pad: 2", "same"),
        ((5, 5), "kernel_size: 5 pad: 2", "same"),
        ((5, 5), "kernel_size: 5", "valid"),
        ((5, 5), "kernel_size: 5 dilation: 2 pad: 4", "same"),
        ((3, 5), "kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 2", "valid"),
        ((3, 5), "kernel_h: 3 kernel_w: 5 pad_h: 2 pad_w: 1", ""),
        ((5, 5), "kernel_size: 5 pad: 1", ""),
        ((5, 5), "kernel_size: 5 stride_h: 1 stride_w: 2", ""),
        ((5, 5), "kernel_size: 5 dilation: 1 dilation: 2", ""),
        ((3, 5), "kernel_h: 5 kernel_w: 3", ""),
        ((1, 1), "", ""),
    ],
)
def test_another_programs_net_in_either_way_of_writing(
    tmp_path: Path, size: tuple[int, int], told: str, pad: str
) -> None:
    """One of two sides may be left out where it is 0; what the bench has not is refused."""
    bench = FilterBench(PICTURE)
    bench.set_size(size)
    bench.set_kernel(0, np.arange(float(size[0] * size[1])).reshape(size))
    bench.set_bias(2, 0.5)
    prototxt, weights = bench.save_net(tmp_path / "a")
    prototxt.write_text(
        'name: "x" layer { name: "data" type: "Input" top: "data" input_param { shape {'
        " dim: 1 dim: 1 dim: 40 dim: 50 } } } "
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"'
        f" convolution_param {{ num_output: 3 {told} }} }}"
    )
    other = FilterBench(PICTURE)
    if not pad:
        with pytest.raises(FilterLabError):
            other.open_net(prototxt, weights)
        return
    other.open_net(prototxt, weights)
    assert other.settings.pad == pad
    assert other.size == size
    assert other.settings.dilation == (2 if "dilation" in told else 1)
    assert other.settings.stride == (2 if "stride" in told else 1)
    np.testing.assert_array_equal(other.state.weights, bench.state.weights)
    assert (other.bias(1), other.bias(2)) == (0.0, 0.5)


def test_nets_of_more_or_fewer_layers_or_groups_are_refused(tmp_path: Path) -> None:
    head = 'layer { name: "data" type: "Input" top: "data" input_param { shape {'
    head += " dim: 1 dim: 3 dim: 20 dim: 20 } } }\n"
    conv = 'layer { name: "%s" type: "Convolution" bottom: "data" top: "%s" convolution_param {'
    conv += " num_output: 3 kernel_size: 3 %s } }\n"
    bench = FilterBench(PICTURE)
    for layers in (
        "", conv % ("a", "a", "") + conv % ("b", "b", ""), conv % ("a", "a", "group: 3"),
        'layer { name: "a" type: "ReLU" bottom: "data" top: "a" }',
    ):  # fmt: skip
        prototxt = tmp_path / "odd.prototxt"
        prototxt.write_text(head + layers)
        caffe.Net(str(prototxt), caffe.TEST).save(str(tmp_path / "odd.caffemodel"))
        with pytest.raises(FilterLabError, match="not one Convolution with three filters"):
            bench.open_net(prototxt, tmp_path / "odd.caffemodel")
    prototxt.write_text(head + conv % ("a", "a", ""))
    net = caffe.Net(str(prototxt), caffe.TEST)
    net.params["a"][1].data[...] = 0.5, -1, 2
    net.save(str(tmp_path / "odd.caffemodel"))
    bench.open_net(prototxt, tmp_path / "odd.caffemodel")
    assert bench.settings.mode == "three"
    assert [bench.bias(slot) for slot in range(3)] == [0.5, -1, 2]
    net.params["a"][1].data[1] = np.inf
    net.save(str(tmp_path / "odd.caffemodel"))
    with pytest.raises(FilterLabError, match="not three finite filters"):
        bench.open_net(prototxt, tmp_path / "odd.caffemodel")
