"""What a wrong net, wrong weights or a wrong shape is answered with: one clear sentence."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net

TESTS = Path(__file__).resolve().parent.parent
with (TESTS / "bad_inputs" / "MANIFEST.tsv").open(encoding="utf-8") as _stream:
    MANIFEST = list(csv.DictReader(_stream, delimiter="\t"))
NETS = [row for row in MANIFEST if row["kind"] in ("prototxt", "caffemodel")]
# What the message must say beside the file's name.
SAYS = {
    "syntax.prototxt": "never closed",
    "unknown_type.prototxt": "layer 'c': there is no layer type 'Convolutoin'",
    "missing_bottom.prototxt": "layer 'c'.*'dta'",
    "duplicate_top.prototxt": "layer 'c2'.*'out'",
    "zero_stride.prototxt": "layer 'c'.*stride is 0",
    "kernel_too_big.prototxt": "layer 'c'.*11x11.*9x9",
    "no_kernel.prototxt": "layer 'c'.*no kernel size",
    "bad_group.prototxt": "layer 'c'.*3 outputs.*2 groups",
    "huge_output.prototxt": "layer 'c'.*2147483647x1x9x9",
    "huge_input.prototxt": "layer 'data'.*1x1x2000000000x2000000000",
    "negative_dim.prototxt": "layer 'data'.*-9",
    "empty.prototxt": "no layers",
    "png_as.prototxt": "not text",
    "unknown_field.prototxt": "some_fork_option",
    "truncated.caffemodel": "cut off",
    "empty.caffemodel": "empty",
    "text_as.caffemodel": "text, not weights",
    "random.caffemodel": "no valid caffemodel",
    "wrong_shape.caffemodel": "'conv1' is 8x3x9x9, but 8x3x11x11",
    "short_data.caffemodel": "2904 values, but 25",
    "huge_shape.caffemodel": "1099511627776x1099511627776",
    "negative_shape.caffemodel": "negative",
    "no_common_layers.caffemodel": "0 of 4 layers",
}


def test_the_manifest_has_26_nets() -> None:
    assert len(NETS) == 26


@pytest.mark.parametrize("row", NETS, ids=lambda row: row["file"])
def test_bad_inputs_are_as_the_manifest_says(row: dict[str, str]) -> None:
    path = TESTS / "bad_inputs" / row["file"]
    small = str(TESTS / "goldens" / "nets" / "small_v2.prototxt")
    args = (str(path),) if row["kind"] == "prototxt" else (small, str(path))
    says = SAYS.get(row["file"], "")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if row["expect"] == "error":
            with pytest.raises(caffe.CaffeError, match=rf"{row['file']}.*{says}") as info:
                caffe.Net(*args, caffe.TEST)
            assert "\n" not in str(info.value)
        else:
            net = caffe.Net(*args, caffe.TEST)
            net.forward()
    told = [str(w.message) for w in caught]
    if row["expect"] == "ok" and says:
        assert len(told) == 1
        assert says in told[0]
        assert row["file"] in told[0]
    else:
        assert told == []


def test_bad_inputs_take_no_time_and_no_memory() -> None:
    """In a process of their own with 1 GiB of address space beyond what imports take."""
    pytest.importorskip("resource")
    program = """
import resource, sys, time, warnings
import onnxruntime, onnx
import filterlab.caffe as caffe
warnings.simplefilter("ignore")
small, *files = sys.argv[1:]
with open("/proc/self/statm") as f:
    used = int(f.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
for path in files:
    start = time.perf_counter()
    try:
        caffe.Net(*((path,) if path.endswith("prototxt") else (small, path)), caffe.TEST)
    except caffe.CaffeError:
        pass
    print(path, time.perf_counter() - start)
"""
    if not Path("/proc/self/statm").is_file():
        pytest.skip("needs /proc to know the address space in use")
    files = [str(TESTS / "bad_inputs" / row["file"]) for row in NETS]
    small = str(TESTS / "goldens" / "nets" / "small_v2.prototxt")
    done = subprocess.run(
        [sys.executable, "-c", program, small, *files],
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    times = [float(line.split()[-1]) for line in done.stdout.splitlines()]
    assert len(times) == 26
    assert max(times) < 5, "far over the second that is the aim, even on a busy machine"


@pytest.mark.parametrize(
    ("layer", "part"),
    [
        ('type: "Eltwise" bottom: "a" bottom: "b" top: "y"', "'b' is 1x2x5x6 but 'a' is 1x2x5x5"),
        ('type: "Concat" bottom: "a" bottom: "b" top: "y"', "'b' is 1x2x5x6"),
        ('type: "Slice" bottom: "a" top: "p" top: "q" top: "r"', "2 values of axis 1.*3 tops"),
        ('type: "InnerProduct" bottom: "a" top: "y"', "num_output"),
        ('type: "Softmax" bottom: "a" top: "y" softmax_param { axis: 4 }', "axis 4.*1x2x5x5"),
        ('type: "Pooling" bottom: "a" top: "y" pooling_param { kernel_size: 9 }', "9x9.*5x5"),
        (
            'type: "Pooling" bottom: "a" top: "y" pooling_param { kernel_size: 2 pad: 2 }',
            "pad 2x2 must be smaller",
        ),
        (
            'type: "Pooling" bottom: "a" top: "y" pooling_param { kernel_size: 2 stride_h: 2 }',
            "only one of stride_h and stride_w",
        ),
        (
            'type: "Pooling" bottom: "a" top: "y" top: "z" pooling_param { pool: AVE '
            "kernel_size: 2 }",
            "only MAX pooling has a second top",
        ),
        (
            'type: "Convolution" bottom: "a" top: "y" '
            "convolution_param { num_output: 4 kernel_size: 3 group: 4 }",
            "2 channels.*4 groups",
        ),
        ('type: "LRN" bottom: "a" top: "y" lrn_param { local_size: 4 }', "local_size is 4"),
        (
            'type: "Reshape" bottom: "a" top: "y" reshape_param { shape { dim: 7 dim: -1 } }',
            "50 values.*7x-1",
        ),
        ('type: "Crop" bottom: "a" bottom: "b" top: "y"', "6 values from 0 on"),
        ('type: "ArgMax" bottom: "a" top: "y" argmax_param { axis: 1 top_k: 3 }', "top_k is 3"),
        ('type: "ReLU" bottom: "a" bottom: "b" top: "y"', "takes 1 bottom"),
        ('type: "Python" bottom: "a" top: "y"', "cannot be imported"),
        ('type: "Scale" bottom: "a" bottom: "b" top: "y"', "1x2x5x6, which does not match"),
        (
            'type: "Tile" bottom: "a" top: "y" tile_param { tiles: 2000000000 }',
            "1x4000000000x5x5.*at most 2147483647",
        ),
        ('type: "ContrastiveLoss" bottom: "a" bottom: "a" bottom: "b" top: "y"', "'b' is 1x2x5x6"),
        ('type: "SPP" bottom: "a" top: "y" spp_param { pyramid_height: 4 }', "level 2"),
    ],
)
def test_errors_name_layer_blob_and_numbers(layer: str, part: str) -> None:
    text = (
        'layer { name: "in" type: "Input" top: "a" top: "b" input_param { '
        "shape { dim: 1 dim: 2 dim: 5 dim: 5 } shape { dim: 1 dim: 2 dim: 5 dim: 6 } } }"
        f'layer {{ name: "odd" {layer} }}'
    )
    with pytest.raises(caffe.CaffeError, match=rf"layer 'odd' .*{part}"):
        caffe.Net(parse_net(text), caffe.TEST)


def test_a_net_beyond_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERLAB_MEMORY", "1")
    with pytest.raises(caffe.CaffeError, match=r"layer 'conv' .* 1\.31 MiB.* 1 MiB"):
        one_convolution(340)
    net = one_convolution(60)
    net.blobs["data"].reshape(1, 1, 600, 600)
    with pytest.raises(caffe.CaffeError, match="MiB"):
        net.reshape()


def one_convolution(size: int) -> caffe.Net:
    """A 3x3 convolution of one channel to two."""
    return caffe.Net(
        parse_net(
            f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 '
            f"dim: 1 dim: {size} dim: {size} }} }} }}"
            'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
            "convolution_param { num_output: 2 kernel_size: 3 } }"
        ),
        caffe.TEST,
    )


def test_not_finite_weights_load_and_show() -> None:
    folder = TESTS / "goldens" / "nets"
    net = caffe.Net(
        str(folder / "small_v2.prototxt"), str(TESTS / "bad_inputs" / "nan.caffemodel"), caffe.TEST
    )
    net.blobs["data"].data[...] = 1
    assert not np.isfinite(net.forward()["prob"]).all()


def test_the_layer_that_fails_while_computing_is_named() -> None:
    net = caffe.Net(
        parse_net(
            'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 2 } } }'
            'layer { name: "words" type: "Embed" bottom: "d" top: "y" '
            "embed_param { num_output: 3 input_dim: 4 } }"
        ),
        caffe.TEST,
    )
    net.forward(d=[0, 3])
    for index in (9, 4, -1, -9):
        words = rf"^layer 'words': a label or index is {index}, but there are 4; .* 0 and 3$"
        with pytest.raises(caffe.CaffeError, match=words):
            net.forward(d=[0, index])


def test_an_empty_batch_passes_through_and_an_empty_picture_is_refused() -> None:
    net = one_convolution(6)
    net.blobs["data"].reshape(0, 1, 6, 6)
    assert net.forward()["conv"].shape == (0, 2, 4, 4)
    net.blobs["data"].reshape(1, 0, 6, 6)
    with pytest.raises(caffe.CaffeError, match=r"layer 'conv'.*0 channels"):
        net.reshape()
    text = (
        'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 2 dim: 0 } } }'
        'layer { name: "sum" type: "Reduction" bottom: "d" top: "y" }'
    )
    with pytest.raises(caffe.CaffeError, match=r"layer 'sum'.*'d' is 2x0"):
        caffe.Net(parse_net(text), caffe.TEST)


NUMBERS = re.compile(r"(?<=[: ])-?\d+(\.\d+)?")
SOURCES = [
    path.read_text(encoding="utf-8")
    for path in sorted((TESTS / "goldens" / "layers").glob("*.prototxt"))
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(SOURCES),
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from(
                "0 1 2 3 4 7 255 100000 2147483647 4294967295 -1 -2 0.5 -3.5 1e30".split()
            ),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_any_number_anywhere_runs_or_is_one_clear_error(
    text: str, edits: list[tuple[int, str]]
) -> None:
    for index, value in edits:
        places = list(NUMBERS.finditer(text))
        place = places[index % len(places)]
        text = text[: place.start()] + value + text[place.end() :]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FILTERLAB_MEMORY", "64")
            said = ""
            try:
                caffe.Net(parse_net(text), caffe.TEST).forward()
            except caffe.CaffeError as err:
                said = str(err)
    assert "onnxruntime" not in said.lower()
    assert "\n" not in said
