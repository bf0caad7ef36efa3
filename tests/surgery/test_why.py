"""Occlusion, gradient, Grad-CAM and the deletion check, against finite differences and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab import caffe
from filterlab.caffe.prototxt import parse_net
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery.answers import Judge
from filterlab.surgery.geometry import of_blob
from filterlab.surgery.transplant import Transplanted, transplant
from filterlab.surgery.why import (
    Question,
    class_map,
    deletion_job,
    grad_cam_job,
    gradient_job,
    laid,
    occlusion_job,
    places_blob,
)


def test_grad_cam_of_caffenet_is_what_finite_differences_say(repo: Path) -> None:
    """CaffeNet with drawn weights, at pool5."""
    net = caffe.Net(str(repo / "models/caffenet/deploy.prototxt"), caffe.TEST)
    net.packing = "never"
    rng = np.random.default_rng(227)
    for weights, bias in net.params.values():
        spread = np.sqrt(2 / weights.data[0].size)
        weights.data[...] = rng.standard_normal(weights.shape, np.float32) * spread
        bias.data[...] = 0.1
    data = rng.standard_normal((1, 3, 227, 227)).astype(np.float32) * 50
    question = Question(net, Judge.of(net), data, 282)
    assert places_blob(question) == "pool5"
    found = run_job(grad_cam_job(question))
    gradient = question.back_to("pool5")
    net.blobs["data"].reshape(1, 3, 227, 227)
    net.reshape()
    net.blobs["data"].data[...] = data
    net.forward()
    pool5 = net.blobs["pool5"].data.copy()
    assert pool5.shape == (1, 256, 6, 6)
    step = np.float32(0.002 * np.abs(pool5).mean())
    importance = gradient.mean(axis=(1, 2))
    checked = rng.permutation(256)[:24]
    for k in checked:
        scores = []
        for sign in (1, -1):
            net.blobs["pool5"].data[...] = pool5
            net.blobs["pool5"].data[0, k] += sign * step
            net.forward(start="fc6")
            scores.append(float(net.blobs["fc8"].data[0, 282]))
        # All 36 places of a channel are moved at once: that is 36 times the mean.
        slope = (scores[0] - scores[1]) / (2 * float(step)) / 36
        assert importance[k] == pytest.approx(slope, abs=0.03 * float(np.abs(importance).max()))
    cam = np.zeros((6, 6))
    for k in range(256):
        cam += float(importance[k]) * pool5[0, k]
    np.testing.assert_allclose(found.raw, np.maximum(cam, 0), rtol=1e-3, atol=1e-3 * cam.max())
    assert found.raw.max() > 0


def _question(t: Transplanted, rng: Any, wanted: int = 3, cell: Any = None) -> Question:
    judge = Judge(t.output, t.score)
    own = t.geometry.own_size
    size = (own[0] + 48, own[1] + 64) if cell is not None else own
    data = rng.standard_normal((1, 3, *size)).astype(np.float32) * 40
    net = t.net if cell is not None else t.source
    if cell is None:
        judge = Judge(t.rewritten.plain_output, t.rewritten.plain_score)
    return Question(net, judge, data, wanted, cell)


@pytest.mark.parametrize("cell", [None, (0, 1), (0, 0)])
def test_the_input_gradient_is_the_slope(thin: Transplanted, rng: Any, cell: Any) -> None:
    question = _question(thin, rng, cell=cell)
    found = run_job(gradient_job(question))
    gradient = question.back_to("data")
    np.testing.assert_array_equal(found.heat, np.abs(gradient).max(axis=0))
    # Along the gradient itself the slope is its squared length.
    step = 1e-2 * gradient / np.abs(gradient).max()
    ahead = question.ask(question.data + step)[0]
    behind = question.ask(question.data - step)[0]
    slope = float((gradient.astype(float) * step).sum())
    assert (ahead - behind) / 2 == pytest.approx(slope, rel=0.03)
    if cell is not None:
        # What the cell cannot see has no gradient.
        field = thin.geometry.field(*cell, *question.size)
        outside = np.ones(question.size, bool)
        outside[field[1] : field[3], field[0] : field[2]] = False
        assert outside.any()
        assert not found.heat[outside].any()
        assert found.heat[~outside].any()


def test_occlusion_is_the_loss_under_each_patch(thin: Transplanted, rng: Any) -> None:
    question = _question(thin, rng)
    height, width = question.size
    found = run_job(occlusion_job(question, patch=30, stride=20))
    net = thin.source.snapshot()
    scores = {}
    for top in (0, 20, height - 30):
        for left in (0, 20, width - 30):
            covered = question.data.copy()
            covered[:, :, top : top + 30, left : left + 30] = 0
            net.blobs["data"].data[...] = covered
            net.forward()
            scores[top, left] = float(net.blobs["fc8"].data[0, 3])
    net.blobs["data"].data[...] = question.data
    net.forward()
    whole = float(net.blobs["fc8"].data[0, 3])
    assert found.raw[0, 0] == pytest.approx(whole - scores[0, 0], abs=1e-3)
    assert found.raw[1, 1] == pytest.approx(whole - scores[20, 20], abs=1e-3)
    assert found.raw[-1, -1] == pytest.approx(whole - scores[height - 30, width - 30], abs=1e-3)
    # A corner pixel lies under one patch only, (25, 5) under two.
    assert found.heat[0, 0] == pytest.approx(found.raw[0, 0], abs=1e-5)
    assert found.heat[25, 5] == pytest.approx((found.raw[0, 0] + found.raw[1, 0]) / 2, abs=1e-5)


def _steps(count: int, each: int) -> list[int]:
    return [min(each, count - at) for at in range(0, count, each)]


def _counted(question: Question, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many inputs each pass of the question's net takes from now on."""
    passes: list[int] = []
    forward = question.net.forward

    def counting(*given: Any, **named: Any) -> Any:
        passes.append(question.net.blobs[question.input].shape[0])
        return forward(*given, **named)

    monkeypatch.setattr(question.net, "forward", counting)
    return passes


@pytest.mark.parametrize("cell", [None, (0, 1)])
def test_several_inputs_in_a_pass_are_answered_as_one_by_one(
    thin: Transplanted, rng: Any, cell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = _question(thin, rng, cell=cell)
    passes = _counted(question, monkeypatch)
    found = run_job(occlusion_job(question, patch=30, stride=15))
    curve = run_job(deletion_job(question, found.heat, 9))
    places = found.raw.size
    each = question.together()
    assert each == (4 if cell is None else 3)
    # Alone, to see that several work, then by fours or threes, and so the 10 steps.
    asked = [places % each] if places % each else []
    assert passes == [1, 1, each, *[each] * (places // each), *asked, *_steps(10, each)]
    monkeypatch.setattr("filterlab.surgery.why._TOGETHER", 1)
    question._together = 0
    passes.clear()
    single = run_job(occlusion_job(question, patch=30, stride=15))
    alone = run_job(deletion_job(question, found.heat, 9))
    assert set(passes) == {1}
    scale = max(1.0, abs(question.ask()[0]))
    np.testing.assert_allclose(found.raw, single.raw, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(found.heat, single.heat, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(curve.probs, alone.probs, rtol=0, atol=1e-5)
    assert found.raw.std() > 1e-3 * scale


def test_large_inputs_go_one_by_one(thin: Transplanted, rng: Any) -> None:
    judge = Judge(thin.output, thin.score)
    for size, each in (((256, 256), 4), ((300, 451), 1), ((256, 512), 2)):
        data = rng.standard_normal((1, 3, *size)).astype(np.float32)
        assert Question(thin.net, judge, data, 3, (0, 0)).together() == each


@pytest.mark.parametrize(("dims", "each"), [((1, 64), 1), ((1, -1), 1), ((0, -1), 4)])
def test_a_net_made_for_one_input_is_asked_one_by_one(rng: Any, dims: Any, each: int) -> None:
    shape = " ".join(f"dim: {dim}" for dim in dims)
    param = parse_net(f"""
    layer {{ name: "data" type: "Input" top: "data"
      input_param {{ shape {{ dim: 1 dim: 1 dim: 8 dim: 8 }} }} }}
    layer {{ name: "flat" type: "Reshape" bottom: "data" top: "flat"
      reshape_param {{ shape {{ {shape} }} }} }}
    layer {{ name: "fc" type: "InnerProduct" bottom: "flat" top: "fc"
      inner_product_param {{ num_output: 3 }} }}
    """)
    net = caffe.Net(param, caffe.TEST)
    net.params["fc"][0].data[...] = rng.standard_normal(net.params["fc"][0].shape)
    data = rng.standard_normal((1, 1, 8, 8)).astype(np.float32)
    question = Question(net, Judge.of(net), data, 1)
    found = run_job(occlusion_job(question, patch=2, stride=2))
    assert question.together() == each
    # Of a linear net, a patch costs what it adds.
    parts = (net.params["fc"][0].data[1] * data.reshape(-1)).reshape(4, 2, 4, 2)
    np.testing.assert_allclose(found.raw, parts.sum(axis=(1, 3)), atol=1e-5)


def test_what_lights_up_is_found_and_deleted_first(light: Transplanted) -> None:
    """A net whose class 1 answers to light, shown a bright square: all maps find it."""
    size = light.geometry.own_size
    data = np.zeros((1, 3, *size), np.float32)
    data[:, :, 20:50, 10:40] = 200
    judge = Judge(light.rewritten.plain_output, light.rewritten.plain_score)
    question = Question(light.source, judge, data, 1)
    inside = np.zeros(size, bool)
    inside[20:50, 10:40] = True
    occluded = run_job(occlusion_job(question))
    assert inside[np.unravel_index(occluded.heat.argmax(), size)]
    good = run_job(deletion_job(question, occluded.heat, 16))
    bad = run_job(deletion_job(question, -occluded.heat, 16))
    drawn = run_job(deletion_job(question, None, 16))
    assert good.area < drawn.area < bad.area
    # Begins with the answer, ends with that to an input all grey.
    assert good.probs[0] == pytest.approx(question.ask()[1], rel=1e-5)
    assert good.probs[-1] == pytest.approx(question.ask(np.zeros_like(data))[1], rel=1e-5)
    assert good.area == pytest.approx(
        (good.probs.sum() - (good.probs[0] + good.probs[-1]) / 2) / 16
    )


def test_maps_are_laid_where_units_look() -> None:
    param = parse_net("""
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 12 dim: 20 } } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 1 kernel_h: 4 kernel_w: 5 stride_h: 4 stride_w: 5 } }
    """)  # noqa: E501
    values = np.float32([[0, 1, 2, 3], [0, 1, 2, 3], [9, 9, 9, 9]])
    found = laid(values, of_blob(param, "conv"), (12, 20))
    # Unit 1 of a row looks at pixels 5 to 10, whose middle is 7.5: that of pixel 7.
    assert found[0, 7] == pytest.approx(1)
    assert found[0, 8] == pytest.approx(1 + 1 / 5)
    assert found[0, 0] == 0
    assert found[0, 19] == 3
    assert found[11, 3] == 9
    # Between rows 1 and 2 of the map, whose middles are 6 and 10, half a pixel off pixel 7.
    assert found[7, 0] == pytest.approx(9 * 1.5 / 4)


def test_grad_cam_of_a_layer_that_a_relu_rewrites_in_place(rng: Any) -> None:
    param = parse_net("""
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 6 dim: 6 } } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 1 } }
    layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
    layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 2 } }
    """)  # noqa: E501
    net = caffe.Net(param, caffe.TEST)
    net.params["conv"][0].data[...] = [[[[1.0]]], [[[-1.0]]]]
    net.params["fc"][0].data[...] = rng.standard_normal((2, 72)) + 0.5
    data = rng.standard_normal((1, 1, 6, 6)).astype(np.float32)
    question = Question(net, Judge.of(net), data, 1)
    found = run_job(grad_cam_job(question, "conv"))
    # The gradient behind the ReLU is the fully connected layer's row, dead places included.
    importance = net.params["fc"][0].data[1].reshape(2, 36).mean(axis=1)
    wanted = importance[0] * np.maximum(data[0, 0], 0) + importance[1] * np.maximum(-data[0, 0], 0)
    assert (wanted > 0).any()
    np.testing.assert_allclose(found.raw, np.maximum(wanted, 0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.heat, found.raw, atol=1e-6)


def test_the_class_map_can_be_checked_beside_them(thin_files: Any, rng: Any) -> None:
    from filterlab.surgery.heatmap import heatmap

    t = transplant(*thin_files)
    maps = heatmap(t, rng.random((120, 140, 3), np.float32), cells=3)
    reason = class_map(maps, 2)
    assert reason.heat.shape == maps.input_size
    i, j = np.unravel_index(reason.raw.argmax(), reason.raw.shape)
    x, y = maps.geometry.centre(int(i), int(j))
    assert reason.heat[int(y), int(x)] == pytest.approx(reason.raw.max(), rel=0.05)


def test_a_job_can_be_closed_and_the_net_is_as_it_was(thin: Transplanted, rng: Any) -> None:
    before = {n: [b.data.tobytes() for b in row] for n, row in thin.source.params.items()}
    shape = thin.source.blobs["data"].shape
    job = occlusion_job(_question(thin, rng))
    for _ in range(3):
        assert next(job).fraction < 1
    job.close()
    assert thin.source.blobs["data"].shape == shape
    assert {n: [b.data.tobytes() for b in row] for n, row in thin.source.params.items()} == before


def test_what_cannot_be_is_said(thin: Transplanted, rng: Any) -> None:
    with pytest.raises(FilterLabError, match="has no class 99"):
        _question(thin, rng, 99)
    with pytest.raises(FilterLabError, match=r"no cell \(50, 0\)"):
        _question(thin, rng, cell=(50, 0))
    question = _question(thin, rng)
    with pytest.raises(FilterLabError, match="a patch of 500 pixels"):
        run_job(occlusion_job(question, patch=500))
    with pytest.raises(FilterLabError, match="no blob 'nothing'"):
        run_job(grad_cam_job(question, "nothing"))
    with pytest.raises(FilterLabError, match="does not lie before the score"):
        run_job(grad_cam_job(question, "prob"))
    with pytest.raises(FilterLabError, match="has no rows and columns"):
        run_job(grad_cam_job(question, "fc6"))
    with pytest.raises(FilterLabError, match="a map of 3x3"):
        run_job(deletion_job(question, np.zeros((3, 3), np.float32)))


@pytest.mark.parametrize(
    ("kernel", "found"),
    [("kernel_h: 4 kernel_w: 3", "conv"), ("kernel_h: 3 kernel_w: 6", "conv"),
     ("kernel_h: 4 kernel_w: 4", "conv"), ("kernel_h: 4 kernel_w: 6", "pre"),
     ("kernel_h: 1 kernel_w: 1", "conv")],
)  # fmt: skip
def test_the_last_blob_with_places(kernel: str, found: str, rng: Any) -> None:
    """Two places are places, one below the other or side by side; one is none."""
    text = f"""
    layer {{ name: "data" type: "Input" top: "data"
      input_param {{ shape {{ dim: 1 dim: 3 dim: 4 dim: 6 }} }} }}
    layer {{ name: "pre" type: "Convolution" bottom: "data" top: "pre"
      convolution_param {{ num_output: 4 kernel_size: 1 }} }}
    layer {{ name: "conv" type: "Convolution" bottom: "pre" top: "conv"
      convolution_param {{ num_output: 4 {kernel} }} }}
    layer {{ name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
      inner_product_param {{ num_output: 3 }} }}
    """
    net = caffe.Net(parse_net(text), caffe.TEST)
    data = rng.standard_normal((1, 3, 4, 6)).astype(np.float32)
    assert places_blob(Question(net, Judge.of(net), data, 1)) == found
    # A net without any but its input has none.
    end = text.index('layer { name: "pre"')
    flat = text[:end] + text[text.index('layer { name: "fc"') :].replace('"conv"', '"data"')
    plain = caffe.Net(parse_net(flat), caffe.TEST)
    with pytest.raises(FilterLabError, match="no blob with places before its score"):
        places_blob(Question(plain, Judge.of(plain), data, 1))
