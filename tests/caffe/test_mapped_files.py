"""Weights files that change while a net uses them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe

# 2.25 million weights: 9 MB, large enough to be mapped.
WIDE = (
    'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1500 } } }\n'
    'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { '
    'num_output: 1500 weight_filler { type: "xavier" } } }\n'
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    prototxt, weights = tmp_path / "wide.prototxt", tmp_path / "wide.caffemodel"
    prototxt.write_text(WIDE)
    caffe.Net(str(prototxt), caffe.TEST).save(str(weights))
    return prototxt, weights


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody cut a mapped file")
def test_a_file_cut_short_is_an_error_and_not_the_end(files: tuple[Path, Path]) -> None:
    prototxt, weights = files
    net = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    other = caffe.Net(str(prototxt), caffe.TEST)
    other.share_with(net)
    apart = caffe.Net(str(prototxt), caffe.TEST)
    net.blobs["data"].data[...] = 1
    net.forward()
    whole = weights.read_bytes()
    os.truncate(weights, 1000)
    for run in (net.forward, other.forward, lambda: net.save(str(weights))):
        with pytest.raises(caffe.CaffeError, match=r"wide\.caffemodel.*cut short.*1000 of"):
            run()
    apart.forward()  # a net with weights of its own goes on
    with pytest.raises(caffe.CaffeError, match=r"cut short"):
        _ = net.params["fc"][0].data
    weights.write_bytes(whole)
    assert net.params["fc"][0].data.shape == (1500, 1500)  # to save what was edited
    for run in (net.forward, other.forward, lambda: net.save(str(weights))):
        with pytest.raises(caffe.CaffeError, match=r"wide\.caffemodel: another program wrote into"):
            run()
    caffe.Net(str(prototxt), str(weights), caffe.TEST).forward()


@pytest.mark.skipif(os.name == "nt", reason="read, not mapped, on Windows")
@pytest.mark.parametrize(("how", "words"), [("cp", "wrote into"), ("truncate", "cut short")])
def test_a_blob_left_out_is_not_computed_with_another_file(
    files: tuple[Path, Path], how: str, words: str
) -> None:
    """Weights of which somebody took a view in time were copied, and are the forward's."""
    prototxt, weights = files
    other = weights.with_suffix(".other")
    caffe.Net(str(prototxt), caffe.TEST).save(str(other))
    prototxt.write_text(WIDE + 'layer { name: "r" type: "ReLU" bottom: "fc" top: "r" }\n')
    net, spared = (caffe.Net(str(prototxt), str(weights), caffe.TEST) for _ in range(2))
    for each in (net, spared):
        each.eager = False
        each.blobs["data"].data[...] = 1
        each.forward()
        assert each.blobs["fc"]._storage.pending is not None
    expected = np.maximum(spared.params["fc"][0].data.sum(1), 0)
    SPOIL[how](weights)
    for _ in range(2):
        with pytest.raises(caffe.CaffeError, match=rf"wide\.caffemodel.*{words}"):
            _ = net.blobs["fc"].data
    _ = net.blobs["data"].data  # what it was computed from
    np.testing.assert_allclose(np.maximum(spared.blobs["fc"].data[0], 0), expected, atol=1e-3)


def test_a_file_deleted_or_replaced_stays_whole_for_the_net(files: tuple[Path, Path]) -> None:
    prototxt, weights = files
    net = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    net.blobs["data"].data[...] = np.arange(1500) / 1500
    before = net.forward()["fc"].copy()
    other = caffe.Net(str(prototxt), caffe.TEST)
    other.params["fc"][0].data[...] = 7
    other.save(str(weights))
    np.testing.assert_array_equal(net.forward()["fc"], before)
    weights.unlink()
    np.testing.assert_array_equal(net.forward()["fc"], before)
    net.save(str(weights))
    again = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    again.blobs["data"].data[...] = net.blobs["data"].data
    np.testing.assert_array_equal(again.forward()["fc"], before)


# What another program may do to a file in place; the child that has it open is told when.
SPOIL: dict[str, Callable[[Path], object]] = {
    "cp": lambda path: shutil.copyfile(path.with_suffix(".other"), path),
    "truncate": lambda path: os.truncate(path, 0),
}


@contextmanager
def child(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Python code in a process of its own, which has reached ``ready()``."""
    head = (
        "import sys\nimport filterlab.caffe as caffe\n"
        "def ready():\n    print('ready', flush=True)\n    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        yield process


CLASSIFIER = (
    'layer { name: "data" type: "Input" top: "data" '
    "input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }\n"
    'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { '
    'num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }\n'
    'layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { '
    'num_output: 1500 weight_filler { type: "xavier" } } }\n'
)
NO_MATTER = """
import numpy as np
from filterlab.surgery.transplant import transplant
from filterlab.surgery.onnx_export import onnx_model
prototxt, weights, out = sys.argv[1:]
t = transplant(prototxt, weights)
plain = caffe.Net(prototxt, weights, caffe.TEST, mapped=False)
ready()
for net in (t.net, t.double().net, plain, plain.snapshot()):
    net.blobs["data"].data[...] = 1
    net.forward()
    np.testing.assert_allclose(net.blobs["fc-conv" if net is not plain and "fc-conv" in net.blobs
                               else "fc"].data.reshape(-1), EXPECTED, rtol=1e-4, atol=1e-5)
t.save(out)
onnx_model(t)
again = caffe.Net(out + ".prototxt", out + ".caffemodel", caffe.TEST)
np.testing.assert_array_equal(again.params["fc-conv"][0].data, t.net.params["fc-conv"][0].data)
plain.copy_from(out + ".caffemodel")
print("whole")
"""


@pytest.mark.skipif(os.name == "nt", reason="no signals")
@pytest.mark.parametrize("how", SPOIL)
def test_a_net_that_was_read_outlives_its_file(tmp_path: Path, how: str) -> None:
    """Overwriting the weights that the window has open once killed it (SIGBUS)."""
    prototxt, weights = tmp_path / "a.prototxt", tmp_path / "a.caffemodel"
    prototxt.write_text(CLASSIFIER)
    net = caffe.Net(str(prototxt), caffe.TEST)
    net.save(str(weights))
    net.blobs["data"].data[...] = 1
    np.save(tmp_path / "expected.npy", net.forward()["fc"].reshape(-1))
    net.params["fc"][0].data[...] = 3
    net.save(str(weights.with_suffix(".other")))
    code = NO_MATTER.replace("EXPECTED", f"np.load({str(tmp_path / 'expected.npy')!r})")
    with child(code, prototxt, weights, tmp_path / "out") as process:
        SPOIL[how](weights)
        out, err = process.communicate("\n", timeout=60)
    assert (process.returncode, out) == (0, "whole\n"), err


REFUSED = """
prototxt, weights, out = sys.argv[1:]
net = caffe.Net(prototxt, weights, caffe.TEST)
kept = net.params["fc"][0].data.sum(dtype="f8")
loaded = caffe.caffemodel.read_weights(weights)
fresh = caffe.Net(prototxt, caffe.TEST)
ready()
for call in (net.forward, net.snapshot, lambda: net.save(out), lambda: net.save_hdf5(out),
             lambda: net.copy_from({"fc": [1]}), lambda: fresh.copy_from(loaded),
             net.check_files):
    try:
        call()
    except caffe.CaffeError as error:
        print(str(error).split(": ", 1)[1][:20])
    else:
        print("went on")
fresh.forward()
"""


@pytest.mark.skipif(os.name == "nt", reason="read, not mapped, on Windows")
@pytest.mark.parametrize(
    ("how", "words"), [("cp", "another program wrot"), ("truncate", "the file was cut sho")]
)
def test_a_mapped_net_says_that_its_file_was_written_to(
    files: tuple[Path, Path], how: str, words: str
) -> None:
    prototxt, weights = files
    net = caffe.Net(str(prototxt), caffe.TEST)
    net.save(str(weights.with_suffix(".other")))
    assert weights.stat().st_size == weights.with_suffix(".other").stat().st_size
    out = weights.parent / "out"
    with child(REFUSED, prototxt, weights, out) as process:
        SPOIL[how](weights)
        said, err = process.communicate("\n", timeout=60)
    assert (process.returncode, said.splitlines()) == (0, [words] * 7), err
    assert not out.exists()


PEAK = """
from filterlab.surgery.transplant import transplant
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10
small, prototxt, weights = sys.argv[1:]
transplant(small, None)  # what is imported and compiled the first time
ready()
before = peak()
transplant(prototxt, weights)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
def test_weights_are_in_memory_once(tmp_path: Path, zeros_file: Callable[..., Path]) -> None:
    """239 MiB of weights, as many as CaffeNet's, never lie in memory twice."""
    small, prototxt = tmp_path / "small.prototxt", tmp_path / "large.prototxt"
    small.write_text(CLASSIFIER)
    large = CLASSIFIER.replace("dim: 16", "dim: 30").replace("1500", "10000 bias_term: false")
    prototxt.write_text(large)
    weights = zeros_file(tmp_path / "zeros.caffemodel", "fc", 10000, 8 * 28 * 28)
    with child(PEAK, small, prototxt, weights) as process:
        out, err = process.communicate("\n", timeout=60)
    assert process.returncode == 0, err
    assert 200 < int(out) < 239 + 100
