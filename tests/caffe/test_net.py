"""Net: pycaffe's interface."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net

Floats = npt.NDArray[np.float32]
NETS = Path(__file__).resolve().parent.parent / "goldens" / "nets"
PROTOTXT = str(NETS / "small_v2.prototxt")
WEIGHTS = str(NETS / "small_v2.caffemodel")


def prob(net: caffe.Net) -> Floats:
    return net.forward()["prob"].copy()


def conv_net(size: int = 8, extra: str = "") -> caffe.Net:
    """One 3x3 convolution of one channel to two."""
    return caffe.Net(
        parse_net(
            f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 '
            f"dim: 1 dim: {size} dim: {size} }} }} }}"
            'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
            "convolution_param { num_output: 2 kernel_size: 3 "
            f"weight_filler {{ type: 'gaussian' std: 1 }} }} }} {extra}"
        ),
        caffe.TEST,
    )


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((caffe.TEST,), {"weights": WEIGHTS}),
        ((WEIGHTS, caffe.TEST), {}),
        ((), {"phase": caffe.TEST, "weights": WEIGHTS}),
        ((WEIGHTS,), {}),
        ((caffe.TEST, Path(WEIGHTS)), {}),
        ((caffe.TEST, 0, [], WEIGHTS), {}),
        ((caffe.TEST, 0, None, WEIGHTS), {}),
        ((WEIGHTS.encode(), caffe.TEST), {}),
    ],
)
def test_all_forms_of_the_constructor(
    small: caffe.Net, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    net = caffe.Net(PROTOTXT, *args, **kwargs)
    net.blobs["data"].data[...] = small.blobs["data"].data
    np.testing.assert_array_equal(prob(net), prob(small))


def test_calls_before_and_after_each_layer(small: caffe.Net) -> None:
    wanted = prob(small)
    seen: list[tuple[str, int]] = []
    small.before_forward(lambda index: seen.append(("before", index)))
    small.after_forward(lambda index: seen.append(("after", index)))
    np.testing.assert_allclose(prob(small), wanted, atol=1e-6)
    count = len(small.layers)
    assert seen == [(when, i) for i in range(count) for when in ("before", "after")]
    small.after_forward(lambda index: small.blobs["conv1"].data.fill(0) if index == 1 else None)
    assert not np.allclose(prob(small), wanted)  # what is changed between layers counts


def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(caffe.CaffeError, match=r"3\.5"):
        caffe.Net(PROTOTXT, 3.5)
    with pytest.raises(caffe.CaffeError, match="phase 7"):
        caffe.Net(PROTOTXT, 7)
    with pytest.raises(caffe.CaffeError, match=r"nowhere\.prototxt"):
        caffe.Net("nowhere.prototxt", caffe.TEST)


def test_structure(small: caffe.Net) -> None:
    assert small.inputs == ["data"]
    assert small.outputs == ["prob"]
    assert list(small.params) == ["conv1", "conv2", "fc6", "fc7"]
    assert [b.shape for b in small.params["conv2"]] == [(12, 4, 5, 5), (12,)]
    assert next(iter(small.blobs)) == "data"
    assert small._layer_names[0] in ("data", "input")
    assert small.layer_dict["conv2"].type == "Convolution"
    assert small.layer_dict["conv2"].blobs[0] is small.params["conv2"][0]
    assert [layer.type for layer in small.layers].count("InnerProduct") == 2
    assert small.top_names["conv1"] == ["conv1"]
    assert small.bottom_names["relu1"] == ["conv1"]
    assert small.layer_param("conv2").convolution_param.group == 2
    assert small.param.layer[-1].type == "Softmax"
    index = small._layer_names.index("conv2")
    assert [small._blob_names[i] for i in small._top_ids(index)] == ["conv2"]
    assert [small._blob_names[i] for i in small._bottom_ids(index)] == ["norm1"]


def test_blob_loss_weights() -> None:
    text = """
        layer { name: "in" type: "Input" top: "x" top: "y" input_param { shape { dim: 2 } } }
        layer { name: "a" type: "EuclideanLoss" bottom: "x" bottom: "y" top: "a" }
        layer { name: "b" type: "EuclideanLoss" bottom: "x" bottom: "y" top: "b" loss_weight: 0.5 }
        layer { name: "c" type: "Power" bottom: "x" top: "c" loss_weight: 2 }
    """
    weights = caffe.Net(parse_net(text), caffe.TEST).blob_loss_weights
    assert list(weights.items()) == [("x", 0), ("y", 0), ("a", 1), ("b", 0.5), ("c", 2)]


def test_every_blob_is_readable_after_forward(small: caffe.Net) -> None:
    small.forward()
    for name, blob in small.blobs.items():
        assert blob.data.any(), name


def test_views_see_new_outputs_and_edits_count_at_the_next_forward() -> None:
    net = conv_net()
    out = net.blobs["conv"].data
    corner = out[0, 1, 0]
    kernel = net.params["conv"][0].data[1, 0]
    net.blobs["data"].data[...] = 1
    net.forward()
    assert net.blobs["conv"].data.__array_interface__ == out.__array_interface__
    np.testing.assert_allclose(corner, kernel.sum(), rtol=1e-5)
    for value in (2, 3, 4):
        kernel[...] = value
        net.forward()
        np.testing.assert_allclose(corner, 9 * value)
    net.params["conv"][1].data[1] = 0.5
    net.forward()
    np.testing.assert_allclose(corner, 36.5)


def test_forward_with_inputs_and_more_blobs(small: caffe.Net) -> None:
    image = small.blobs["data"].data.copy()
    small.blobs["data"].data[...] = 0
    out = small.forward(["fc6", "pool2"], data=image)
    assert set(out) == {"prob", "fc6", "pool2"}
    assert out["fc6"].base is small.blobs["fc6"].data.base
    with pytest.raises(caffe.CaffeError, match="dat "):
        small.forward(**{"dat ": image})
    with pytest.raises(caffe.CaffeError, match="1x3x67x67"):
        small.forward(data=image[:, :, 1:])
    with pytest.raises(caffe.CaffeError, match="batches of 1"):
        small.forward(data=np.concatenate([image, image]))
    with pytest.raises(caffe.CaffeError, match="no blob 'fc9'"):
        small.forward(["fc9"])


def test_a_part_of_the_net(small: caffe.Net) -> None:
    whole = prob(small)
    out = small.forward(end="pool2")
    assert set(out) == {"pool2"}
    small.blobs["fc6"].data[...] = -1
    small.blobs["prob"].data[...] = 0
    small.forward(end="conv2")
    assert (small.blobs["fc6"].data == -1).all()
    # In place: from relu2 on, conv2 is read as it stands, and overwritten.
    values = small.blobs["conv2"].data.copy()
    assert (values < 0).any()
    small.forward(start="relu2", end="relu2")
    np.testing.assert_array_equal(small.blobs["conv2"].data, np.maximum(values, 0))
    assert set(small.forward(start="pool2")) == {"prob"}
    np.testing.assert_allclose(small.blobs["prob"].data, whole, atol=1e-6)
    small.blobs["fc7"].data[...] = 0
    np.testing.assert_allclose(small.forward(start="prob")["prob"], 0.1)
    with pytest.raises(caffe.CaffeError, match="did you mean 'relu2'"):
        small.forward(start="relu_2")


def test_an_in_place_layer_on_the_input() -> None:
    net = caffe.Net(
        parse_net(
            'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 4 } } }'
            'layer { name: "p" type: "Power" bottom: "d" top: "d" power_param { shift: 1 } }'
            'layer { name: "q" type: "Power" bottom: "d" top: "e" power_param { scale: 10 } }'
        ),
        caffe.TEST,
    )
    for wanted in (1, 2, 3):
        net.forward()
        assert (net.blobs["d"].data == wanted).all()
        assert (net.blobs["e"].data == 10 * wanted).all()


def test_forward_all_in_batches() -> None:
    net = conv_net()
    net.blobs["data"].reshape(3, 1, 8, 8)
    images = np.random.default_rng(0).standard_normal((7, 1, 8, 8)).astype(np.float32)
    out = net.forward_all(["data"], data=images)
    assert out["conv"].shape == (7, 2, 6, 6)
    np.testing.assert_array_equal(out["data"], images)
    net.blobs["data"].reshape(1, 1, 8, 8)
    for image, wanted in zip(images, out["conv"]):
        np.testing.assert_allclose(net.forward(data=image[None])["conv"][0], wanted, atol=1e-5)
    with pytest.raises(caffe.CaffeError, match="needs the net's inputs"):
        net.forward_all()


def test_reshape_up_and_down() -> None:
    net = conv_net()
    first = net.blobs["conv"].data
    for size in (20, 5, 8):
        net.blobs["data"].reshape(2, 1, size, size + 1)
        net.reshape()
        assert net.blobs["conv"].shape == (2, 2, size - 2, size - 1)
        net.blobs["data"].data[...] = size
        net.forward()
        sums = net.params["conv"][0].data.sum(axis=(1, 2, 3)) * size
        np.testing.assert_allclose(net.blobs["conv"].data[1, :, -1, -1], sums, rtol=1e-4)
    assert not first.any(), "the first output's memory was left alone"


def test_forward_follows_an_input_that_was_reshaped() -> None:
    net = conv_net()
    net.blobs["data"].reshape(1, 1, 12, 13)
    assert net.forward()["conv"].shape == (1, 2, 10, 11)


def test_a_reshape_that_cannot_be_leaves_the_net_as_it_was(small: caffe.Net) -> None:
    before = prob(small)
    small.blobs["data"].reshape(1, 3, 131, 131)
    with pytest.raises(caffe.CaffeError, match=r"layer 'fc6'.*20x108"):
        small.reshape()
    assert small.blobs["pool2"].shape == (1, 12, 3, 3)
    small.blobs["data"].reshape(1, 3, 5, 5)
    with pytest.raises(caffe.CaffeError, match=r"layer 'conv1'.*11x11.*'data' of 5x5"):
        small.reshape()
    small.blobs["data"].reshape(1, 3, 67, 67)
    with np.load(NETS / "small.npz") as golden:
        small.blobs["data"].data[...] = golden["in_data"]
    np.testing.assert_array_equal(prob(small), before)


def test_phase_level_and_stage_rules() -> None:
    def power(name: str, rules: str) -> str:
        return f'layer {{ name: "{name}" type: "Power" bottom: "d" top: "{name}" {rules} }}'

    net_param = parse_net(
        'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 } } }'
        + power("train", "include { phase: TRAIN }")
        + power("test", "include { phase: TEST }")
        + power("deep", "include { min_level: 2 }")
        + power("shallow", "exclude { min_level: 2 }")
        + power("staged", 'include { stage: "a" not_stage: "b" }')
        + power("either", 'include { stage: "b" } include { phase: TRAIN }')
    )

    def layers(*args: Any, **kwargs: Any) -> set[str]:
        return set(caffe.Net(net_param, *args, **kwargs)._layer_names) - {"d"}

    assert layers(caffe.TEST) == {"test", "shallow"}
    assert layers(caffe.TRAIN) == {"train", "shallow", "either"}
    assert layers(caffe.TEST, level=2) == {"test", "deep"}
    assert layers(caffe.TEST, stages=["a"]) == {"test", "shallow", "staged"}
    assert layers(caffe.TEST, stages=["a", "b"]) == {"test", "shallow", "either"}
    net_param.layer[1].exclude.add(phase=caffe.TEST)
    with pytest.raises(caffe.CaffeError, match="'train' has both include and exclude"):
        caffe.Net(net_param, caffe.TEST)


@pytest.mark.parametrize("kind", ["Data", "ImageData", "HDF5Data", "WindowData"])
def test_sources_that_need_a_database_name_the_cure(kind: str) -> None:
    text = f'layer {{ name: "mnist" type: "{kind}" top: "data" top: "label" }}'
    with pytest.raises(caffe.CaffeError, match=rf"layer 'mnist' \({kind}\).*deploy\.prototxt"):
        caffe.Net(parse_net(text), caffe.TEST)
    assert kind not in caffe.layer_type_list()


MEMORY_DATA = """
layer {
  name: "m" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 2 channels: 1 height: 1 width: 3 }
}
layer { name: "twice" type: "Power" bottom: "data" top: "twice" power_param { scale: 2 } }
"""


def test_arrays_for_a_memory_data_layer() -> None:
    net = caffe.Net(parse_net(MEMORY_DATA), caffe.TEST)
    assert net.inputs == []
    with pytest.raises(caffe.CaffeError, match=r"layer 'm' .*set_input_arrays\(data, labels\)"):
        net.forward()
    data = np.arange(12, dtype=np.float32).reshape(4, 1, 1, 3)
    net.set_input_arrays(data, np.array([5, 6, 7, 8], np.float32))
    data[3] = 100  # as in pycaffe, the array itself is used
    for rows in (slice(0, 2), slice(2, 4), slice(0, 2)):
        out = net.forward()
        np.testing.assert_array_equal(out["twice"], 2 * data[rows])
        np.testing.assert_array_equal(out["label"], np.arange(5, 9)[rows])
    twin = net.snapshot()
    np.testing.assert_array_equal(twin.forward()["label"], [7, 8])
    np.testing.assert_array_equal(net.forward()["label"], [7, 8])


def test_arrays_that_do_not_fit_are_refused(small: caffe.Net) -> None:
    net = caffe.Net(parse_net(MEMORY_DATA), caffe.TEST)
    pictures = np.zeros((4, 1, 1, 3), np.float32)
    for data, labels, words in (
        (pictures[:3], np.zeros(3), "3 pictures are no multiple of its batch_size 2"),
        (pictures[:0], np.zeros(0), "0 pictures"),
        (pictures, np.zeros(3), "4 pictures, but 3 labels"),
        (pictures[..., :2], np.zeros(4), "pictures of 1x1x3, but data is 4x1x1x2"),
        ("cat", "dog", "not arrays of numbers"),
    ):
        with pytest.raises(caffe.CaffeError, match=words):
            net.set_input_arrays(data, labels)
    with pytest.raises(caffe.CaffeError, match=r"first layer is 'data' \(Input\)"):
        small.set_input_arrays(pictures, np.zeros(4))
    bad = parse_net(MEMORY_DATA.replace("channels: 1", ""))
    with pytest.raises(caffe.CaffeError, match=r"layer 'm' .* are 2x0x1x3"):
        caffe.Net(bad, caffe.TEST)


def test_every_listed_type_has_a_class_with_words() -> None:
    from filterlab.caffe.layers import REGISTRY

    assert len(caffe.layer_type_list()) > 45
    for name in caffe.layer_type_list():
        assert REGISTRY[name].__doc__, name


def test_nets_in_threads(small: caffe.Net) -> None:
    """Each thread edits its own snapshot; nobody sees another's weights."""
    wanted, failures = [], []
    for i in range(4):
        twin = small.snapshot()
        twin.params["fc7"][1].data[i] += 1e6
        wanted.append(prob(twin))
    assert all(w[0].argmax() == i for i, w in enumerate(wanted))

    def work(i: int) -> None:
        net = small.snapshot()
        for round_ in range(30):
            net.params["fc7"][1].data[i] += 1e6
            if not np.array_equal(prob(net), wanted[i]):
                failures.append((i, round_))
            net.params["fc7"][1].data[i] -= 1e6
            net.forward()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_one_net_called_from_two_threads_computes_one_after_the_other(small: caffe.Net) -> None:
    wanted = prob(small)
    results: list[Floats] = []
    threads = [threading.Thread(target=lambda: results.append(prob(small))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(r, wanted) for r in results)
    assert len(results) == 6


def test_a_net_that_one_thread_reshapes_while_another_computes() -> None:
    """Calls come one after the other: each answer is that of one whole size."""
    net = net_of_sizes()
    failures: list[str] = []

    def work(size: int) -> None:
        for _ in range(40):
            try:
                found = net.forward(data=np.full((1, 1, size, size), 2, np.float32))["out"].copy()
            except caffe.CaffeError as error:
                if "\n" in str(error) or "1x1x" not in str(error):
                    failures.append(str(error))
                continue
            if not (found == 2 * 9).all():
                failures.append(f"{found.shape}: {found.ravel()[:3]}")

    def reshape() -> None:
        for turn in range(80):
            size = (5, 9)[turn % 2]
            net.blobs["data"].reshape(1, 1, size, size)
            net.reshape()

    threads = [threading.Thread(target=work, args=(size,)) for size in (5, 9)]
    threads.append(threading.Thread(target=reshape))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def net_of_sizes() -> caffe.Net:
    net = caffe.Net(
        parse_net(
            'layer { name: "d" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 '
            'dim: 5 dim: 5 } } } layer { name: "c" type: "Convolution" bottom: "data" top: "out" '
            "convolution_param { num_output: 1 kernel_size: 3 bias_term: false } }"
        ),
        caffe.TEST,
    )
    net.params["c"][0].data[...] = 1
    return net


_FORK = """
import os, signal, sys, threading, time
import numpy as np
import filterlab.caffe as caffe
net = caffe.Net(sys.argv[1], caffe.TEST)
x = np.random.default_rng(0).standard_normal(net.blobs["data"].shape).astype(np.float32)
twin = net.snapshot()
expected = net.forward(data=x)["prob"].copy()
stop = threading.Event()
def work():
    while not stop.is_set():
        net.forward(data=x)
thread = threading.Thread(target=work)
thread.start()
good = 0
for turn in range(6):
    time.sleep(0.003 * turn)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # what hangs ends here
        same = all(np.array_equal(n.forward(data=x)["prob"], expected) for n in (net, twin))
        net.reshape()
        os._exit(0 if same else 1)
    good += os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
print(good, np.array_equal(net.forward(data=x)["prob"], expected))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_another_thread_computes(repo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORK, PROTOTXT],
        capture_output=True, text=True, cwd=repo,
    )  # fmt: skip
    assert done.stdout.split() == ["6", "True"], done.stderr


def test_other_threads_run_while_a_net_computes() -> None:
    """The GIL is free during the computation: another thread counts on meanwhile.

    No thread is made to let go of the GIL for a minute, so that the count can only rise while
    the computation has let go of it by itself.
    """
    net = conv_net(1800)
    net.forward()
    bindings = next(iter(net._bindings.values()))
    count = [0]
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=work)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    thread.start()
    try:
        moved = 0
        for _ in range(50):
            before = count[0]
            bindings.compiled.session.run_with_iobinding(bindings._binding)
            moved += count[0] > before
            if moved == 3:
                break
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        thread.join()
    assert moved == 3


def test_set_mode_gpu_says_once_that_there_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from filterlab.caffe import device

    monkeypatch.setattr(device, "_told", False)
    monkeypatch.setattr(device, "_GPU", ("NoSuchExecutionProvider",))
    caffe.set_mode_gpu()
    caffe.set_mode_gpu()
    caffe.set_device(0)
    try:
        assert capsys.readouterr().err.count("computing on the CPU") == 1
        net = conv_net()
        net.blobs["data"].data[...] = 1
        gpu = net.forward()["conv"].copy()
        caffe.set_mode_cpu()
        assert gpu.any()
        np.testing.assert_array_equal(gpu, net.forward()["conv"])
    finally:
        caffe.set_mode_cpu()


def test_a_gpu_comes_before_the_cpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the processor in the part of the GPU: it is what every ONNX Runtime has."""
    from filterlab.caffe import device

    monkeypatch.setattr(device, "_told", False)
    monkeypatch.setattr(device, "_GPU", ("NoSuchExecutionProvider", "CPUExecutionProvider"))
    monkeypatch.setattr(device, "_device", 0)
    try:
        caffe.set_mode_gpu()
        caffe.set_device(1)
        assert device.providers() == (("CPUExecutionProvider", 1), ("CPUExecutionProvider", 0))
    finally:
        caffe.set_mode_cpu()
    assert device.providers() == (("CPUExecutionProvider", 0),)
    assert capsys.readouterr().err == ""


def test_the_conv_prototxt_of_the_filters_tab(repo: Path) -> None:
    net = caffe.Net(str(repo / "models" / "conv.prototxt"), caffe.TEST)
    weights, bias = net.params["conv"]
    assert weights.shape == (3, 1, 5, 5)
    assert 0.002 < weights.data.std() < 0.02
    assert not bias.data.any()
    net.blobs["data"].reshape(1, 1, 360, 480)
    assert net.forward()["conv"].shape == (1, 3, 356, 476)
