"""Layers written in Python, as pycaffe runs them; never by opening a file in the program."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import filterlab.caffe as caffe
from filterlab.caffe import CaffeError
from filterlab.caffe.own_code import forbid
from filterlab.caffe.prototxt import parse_net

LAYERS = '''
import numpy as np
import filterlab.caffe as caffe


class Times(caffe.Layer):
    """Ten times as much, or as often as param_str says."""

    def setup(self, bottom, top):
        self.factor = float(self.param_str or 10)
        assert len(bottom) == len(top) == 1

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.factor * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        assert propagate_down[0]
        bottom[0].diff[...] = self.factor * top[0].diff


class Weighted(caffe.Layer):
    def setup(self, bottom, top):
        self.blobs.add_blob(2)
        self.blobs[0].data[...] = [3, 4]

    def reshape(self, bottom, top):
        top[0].reshape(2)

    def forward(self, bottom, top):
        top[0].data[...] = self.blobs[0].data * bottom[0].data.sum()

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += top[0].diff * bottom[0].data.sum()
        bottom[0].diff[...] = (top[0].diff * self.blobs[0].data).sum()


class Large(caffe.Layer):
    """Only what is above 0: as many values as there are."""

    def forward(self, bottom, top):
        found = bottom[0].data[bottom[0].data > 0]
        top[0].reshape(len(found))
        top[0].data[...] = found

    def reshape(self, bottom, top):
        top[0].reshape(1)


class Phase(caffe.Layer):
    def reshape(self, bottom, top):
        top[0].reshape()

    def forward(self, bottom, top):
        top[0].data[()] = self.phase


class Broken(caffe.Layer):
    def forward(self, bottom, top):
        raise RuntimeError("my own words")


class NoLayer:
    pass
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of layers on sys.path."""
    (tmp_path / "layers_of_mine.py").write_text(textwrap.dedent(LAYERS), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    forbid("")  # a command of the program may have run in this process
    yield "layers_of_mine"
    sys.modules.pop("layers_of_mine", None)


def python(name: str, bottom: str, top: str, layer: str, param: str = "") -> str:
    source = f'bottom: "{bottom}"' if bottom else ""
    return (
        f'layer {{ name: "{name}" type: "Python" {source} top: "{top}" python_param {{ '
        f'module: "layers_of_mine" layer: "{layer}" param_str: "{param}" }} }}\n'
    )


INPUT = (
    "force_backward: true\n"
    'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
)
POWER = 'layer { name: "power" type: "Power" bottom: "a" top: "b" power_param { scale: 2 } }\n'


def test_a_net_is_cut_at_them(module: str) -> None:
    text = INPUT + python("one", "x", "a", "Times") + POWER + python("two", "b", "c", "Times", "5")
    net = caffe.Net(parse_net(text), caffe.TEST)
    assert net.layer_dict["one"].type == "Python"
    x = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(net.forward(x=x)["c"], 100 * x)
    net.blobs["c"].diff[...] = 1
    assert (net.backward()["x"] == 100).all()
    net.blobs["x"].reshape(4, 2)
    net.blobs["x"].data[...] = 1
    assert net.forward()["c"].shape == (4, 2)
    np.testing.assert_array_equal(net.forward(start="power", end="power")["b"], 20)
    twin = net.snapshot()
    assert (twin.forward()["c"] == 100).all()
    assert twin._topology.layers[1].user is not net._topology.layers[1].user


def test_their_diffs_add_up_with_those_of_others(module: str) -> None:
    text = INPUT + python("one", "x", "a", "Times") + POWER.replace('"a"', '"x"')
    net = caffe.Net(parse_net(text), caffe.TEST)
    net.forward()
    net.blobs["a"].diff[...] = 1
    net.blobs["b"].diff[...] = 1
    net.backward()
    assert (net.blobs["x"].diff == 12).all()


def test_backward_is_called_only_where_a_diff_is_needed(module: str) -> None:
    text = INPUT.replace("force_backward: true", "") + python("one", "x", "a", "Times")
    net = caffe.Net(parse_net(text), caffe.TEST)
    net.forward()
    net.blobs["a"].diff[...] = 1
    with pytest.warns(caffe.CaffeWarning, match="force_backward"):
        net.backward()
    assert not net.blobs["x"].diff.any()


def test_weights_of_their_own(module: str, tmp_path: Path) -> None:
    net = caffe.Net(parse_net(INPUT + python("w", "x", "a", "Weighted")), caffe.TEST)
    net.blobs["x"].data[...] = 1
    np.testing.assert_array_equal(net.forward()["a"], [18, 24])
    net.params["w"][0].data[0] = 1
    np.testing.assert_array_equal(net.forward()["a"], [6, 24])
    net.blobs["a"].diff[...] = [1, 2]
    net.backward()
    np.testing.assert_array_equal(net.params["w"][0].diff, [6, 12])
    net.save(tmp_path / "w.caffemodel")
    net.params["w"][0].data[...] = 0
    net.copy_from(tmp_path / "w.caffemodel")
    np.testing.assert_array_equal(net.forward()["a"], [6, 24])


def test_tops_whose_size_depends_on_values(module: str) -> None:
    net = caffe.Net(parse_net(INPUT + python("l", "x", "a", "Large") + POWER), caffe.TEST)
    net.blobs["x"].data[...] = [[1, -1, 2], [3, 0, -5]]
    np.testing.assert_array_equal(net.forward()["b"], [2, 4, 6])
    net.blobs["x"].data[0, 1] = 7
    np.testing.assert_array_equal(net.forward()["b"], [2, 14, 4, 6])


@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_the_phase_is_told(module: str, phase: int) -> None:
    net = caffe.Net(parse_net(python("p", "", "a", "Phase")), phase)
    assert net.forward()["a"] == phase


def test_what_goes_wrong_is_said(module: str) -> None:
    def open_net(text: str) -> caffe.Net:
        return caffe.Net(parse_net(INPUT + text), caffe.TEST)

    with pytest.raises(CaffeError, match="the module 'nowhere' cannot be imported"):
        open_net(python("l", "x", "a", "Times").replace(module, "nowhere"))
    with pytest.raises(CaffeError, match="has no class 'Nobody'"):
        open_net(python("l", "x", "a", "Nobody"))
    with pytest.raises(CaffeError, match=r"does not derive from caffe\.Layer"):
        open_net(python("l", "x", "a", "NoLayer"))
    with pytest.raises(RuntimeError, match="my own words"):
        open_net(python("l", "x", "a", "Broken")).forward()


def test_whoever_opens_files_for_others_forbids_them(module: str) -> None:
    forbid("it is not run here")
    try:
        with pytest.raises(CaffeError, match=r"the program layers_of_mine\.Times; it is not run"):
            caffe.Net(parse_net(INPUT + python("l", "x", "a", "Times")), caffe.TEST)
    finally:
        forbid("")
    assert module not in sys.modules


def test_the_program_does_not_run_them(module: str, tmp_path: Path) -> None:
    """Opening a file must not run the code that it names; a script that imports the engine does."""
    path = tmp_path / "net.prototxt"
    path.write_text(INPUT + python("l", "x", "a", "Times"), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    told = [
        subprocess.run(
            [sys.executable, *command],
            capture_output=True, text=True, env=environment, check=False,
        )
        for command in (
            ["-m", "filterlab", "info", str(path)],
            ["-c", f"import filterlab.caffe as c; print(c.Net({str(path)!r}, c.TEST).layers)"],
        )
    ]  # fmt: skip
    assert told[0].returncode == 2
    assert "runs the program layers_of_mine.Times" in told[0].stderr
    assert "a script that imports filterlab.caffe" in told[0].stderr
    assert "<Python 'l'>" in told[1].stdout
