"""The story of the cast: its numbers against the nets', and against sums of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from filterlab import caffe
from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery.heatmap import Preprocessing, heatmap
from filterlab.surgery.transplant import transplant
from filterlab.workbench.cast_story import FC_STEPS, POOLED_STEPS, CastStory, cast_story_job
from filterlab.workbench.heatmap_state import preprocessing_of

# Global mean, then a fully connected layer, as in EfficientNet and ResNet.
MEAN_FC = """
name: "mean_fc"
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 4 stride: 4 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: KIND global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
  inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def picture(size=(150, 200)) -> np.ndarray:
    rng = np.random.default_rng(3)
    small = rng.random((12, 16, 3), dtype=np.float32)
    return np.kron(small, np.ones((size[0] // 12, size[1] // 12, 1), np.float32))[
        : size[0], : size[1]
    ]


def told(prototxt, weights, prep, shown, **size) -> tuple[CastStory, object, object]:
    done = transplant(prototxt, weights)
    maps = heatmap(done, shown, preprocessing=prep, **size)
    best = int(maps.prob.max(axis=(1, 2)).argmax())
    return run_job(cast_story_job(done, maps, shown, [best])), done, maps


@pytest.fixture(scope="module")
def drawn_nets(tmp_path_factory):
    """Prototxts with weights from a seed, by name."""
    folder = tmp_path_factory.mktemp("story")

    def make(name: str, text: str):
        path = folder / f"{name}.prototxt"
        path.write_text(text)
        net = caffe.Net(str(path), caffe.TEST)
        rng = np.random.default_rng(8)
        for blobs in net.params.values():
            for blob in blobs:
                fan_in = max(1, int(np.prod(blob.shape[1:])))
                blob.data[...] = rng.standard_normal(blob.shape) * 2 / np.sqrt(fan_in)
        net.save(str(folder / f"{name}.caffemodel"))
        return path, folder / f"{name}.caffemodel"

    return make


PLAIN = Preprocessing((0.0, 0.0, 0.0), 1.0, "RGB")


def test_the_pocket_nets_fc6(nets) -> None:
    """One row folds into a kernel that fits pool5 once: the number of both nets is the sum."""
    model = nets["pocket"]
    story, done, maps = told(
        model.prototxt, model.need_weights(), preprocessing_of(model), picture((300, 400))
    )
    assert story.kind == "fc"
    assert story.steps == FC_STEPS
    row = done.source.params["fc6"][0].data[story.unit]
    np.testing.assert_array_equal(story.row, row)
    assert story.row.size == np.prod(story.kernel.shape) == 48 * 36
    # The classifier, asked anew about the very window.
    x0, y0, x1, y1 = story.box
    net = done.source
    net.blobs["data"].reshape(1, 3, 227, 227)
    net.blobs["data"].data[...] = maps.data[:, :, y0:y1, x0:x1]
    net.forward(end="fc6")
    assert story.before == pytest.approx(float(net.blobs["fc6"].data[0, story.unit]), rel=1e-5)
    assert story.after == pytest.approx(story.before, rel=1e-4)
    by_hand = float(row.astype(np.float64) @ net.blobs["pool5"].data.reshape(-1)) + story.bias
    assert story.summed == pytest.approx(by_hand, rel=1e-5)
    assert story.summed == pytest.approx(story.before, rel=1e-4)
    # The map: the kernel laid on each place of the larger pool5.
    features = story.picture_features.astype(np.float64)
    rows, cols = story.grid
    assert (rows, cols) == (features.shape[1] - 5, features.shape[2] - 5)
    for i, j in ((0, 0), (rows // 2, cols // 2), (rows - 1, cols - 1)):
        patch = features[:, i : i + 6, j : j + 6]
        assert story.values[i, j] == pytest.approx(
            float((patch * story.kernel).sum()) + story.bias, rel=1e-4, abs=1e-4
        )


def test_the_layers_behind_and_the_softmax(nets) -> None:
    model = nets["pocket"]
    story, _, maps = told(
        model.prototxt, model.need_weights(), preprocessing_of(model), picture((300, 400))
    )
    assert [layer.old for layer in story.later] == ["fc7", "fc8"]
    assert [layer.new for layer in story.later] == ["fc7-conv", "fc8-conv"]
    for layer in story.later:
        for place in ((0, 0), story.place):
            assert layer.values[place] == pytest.approx(layer.sum_at(place), rel=1e-4, abs=1e-4)
    np.testing.assert_array_equal(story.later[-1].values, story.score[story.class_index])
    assert (story.later[0].inputs >= 0).all(), "what is behind a ReLU"
    np.testing.assert_allclose(story.prob, maps.prob, atol=1e-6)
    e = np.exp(story.score.astype(np.float64) - story.score.max(axis=0))
    np.testing.assert_allclose(story.prob, e / e.sum(axis=0), atol=1e-5)
    assert story.prob[story.class_index][story.place] == story.prob[story.class_index].max()


def test_a_single_fully_connected_layer(nets) -> None:
    model = nets["bright"]
    shown = picture()
    story, _done, _ = told(model.prototxt, model.need_weights(), preprocessing_of(model), shown)
    assert (story.kind, story.old, story.unit) == ("fc", "fc", story.class_index)
    assert story.later == ()
    assert story.kernel.shape == (1, 4, 4)
    assert story.before == pytest.approx(story.summed, rel=1e-4, abs=1e-4)
    np.testing.assert_array_equal(story.values, story.score[story.class_index])


def test_the_mean_moves_behind_the_classifier(drawn_nets) -> None:
    prototxt, weights = drawn_nets("mean", MEAN_FC.replace("KIND", "AVE"))
    story, done, _ = told(prototxt, weights, PLAIN, picture((64, 96)))
    assert (story.kind, story.steps) == ("pooled", POOLED_STEPS)
    assert story.kernel.shape == (8, 1, 1)
    assert story.pool == (8, 8)
    assert story.before == pytest.approx(story.after, rel=1e-4)
    # Mean of the answers, and answer to the mean.
    w = done.source.params["fc"][0].data[story.unit].astype(np.float64)
    answers = np.tensordot(w, story.window_features.astype(np.float64), 1) + story.bias
    np.testing.assert_allclose(story.window_evidence, answers, atol=1e-5)
    assert story.summed == pytest.approx(float(answers.mean()), rel=1e-6)
    to_mean = float(w @ story.window_features.mean(axis=(1, 2))) + story.bias
    assert story.before == pytest.approx(to_mean, rel=1e-4, abs=1e-5)
    # The sliding mean over the whole picture's answers is the net's map.
    rows, cols = story.grid
    assert rows * cols > 4
    for i, j in np.ndindex(rows, cols):
        part = story.picture_evidence[i : i + 8, j : j + 8].astype(np.float64)
        assert story.values[i, j] == pytest.approx(float(part.mean()), rel=1e-4, abs=1e-4)


def test_a_maximum_stays_before_the_classifier(drawn_nets) -> None:
    """Maximum and weights cannot change places, so the story is that of a kernel on the maxima."""
    prototxt, weights = drawn_nets("max", MEAN_FC.replace("KIND", "MAX"))
    story, _, _ = told(prototxt, weights, PLAIN, picture((64, 96)))
    assert (story.kind, story.features) == ("fc", "pool")
    assert story.kernel.shape == (8, 1, 1)
    assert story.before == pytest.approx(story.summed, rel=1e-4, abs=1e-5)


def test_a_classifier_that_is_a_convolution(nets) -> None:
    model = nets["pooled"]
    done = transplant(model.prototxt, model.need_weights())
    maps = heatmap(done, picture((64, 96)), preprocessing=PLAIN)
    with pytest.raises(FilterLabError, match="fully convolutional already"):
        # Its last convolution is 3x3: nothing of it was cast, only the mean slides.
        run_job(cast_story_job(done, maps, picture((64, 96)), [0]))


def test_squeezenet(shared) -> None:
    """A 1x1 convolution, ReLU, and the mean behind it, padding averaged in."""
    folder = shared / "squeezenet"
    prototxt = next(iter(sorted(folder.glob("*.prototxt"))))
    weights = next(iter(sorted(folder.glob("*.caffemodel"))))
    prep = Preprocessing((104.0, 117.0, 123.0), 255.0, "BGR")
    story, _done, _ = told(prototxt, weights, prep, picture((227, 291)))
    assert (story.kind, story.old) == ("pooled conv", "conv_final")
    assert story.before == pytest.approx(story.after, rel=1e-4)
    assert story.summed == pytest.approx(story.before, rel=1e-4)
    answers = np.tensordot(
        story.kernel[:, 0, 0].astype(np.float64), story.window_features.astype(np.float64), 1
    )
    np.testing.assert_allclose(
        story.window_evidence, np.maximum(answers + story.bias, 0), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("step", range(7))
def test_every_time_of_a_step_can_be_drawn(nets, step) -> None:
    model = nets["bright"]
    story, _, _ = told(
        model.prototxt, model.need_weights(), preprocessing_of(model), picture((60, 80))
    )
    rows, cols = story.grid
    fh, fw = story.picture_features.shape[1:]
    before = None
    for t in np.linspace(-0.2, 1.2, 29):
        still = story.still(step, t)
        assert still.name == story.steps[step]
        i, j = still.place
        assert 0 <= i < rows
        assert 0 <= j < cols
        assert still.at[0] + story.span[0] <= fh
        assert still.at[1] + story.span[1] <= fw
        if before is not None:
            assert still.done >= before.done
            assert still.fold >= before.fold
            assert still.summed >= before.summed
        before = still
    assert before is not None
    if step >= 3:
        assert before.done == rows * cols


def test_the_pictures_of_each_time(nets) -> None:
    """What is folded, added up, grown, filled in and reached, at times that are worked out."""
    model = nets["pocket"]
    story, _, _ = told(
        model.prototxt, model.need_weights(), preprocessing_of(model), picture((300, 400))
    )
    rows, cols = story.grid
    count, (i, j) = rows * cols, story.place
    assert (i, j) != (0, 0)

    def known(step: int, t: float) -> tuple[object, ...]:
        still = story.still(step, t)
        return still.fold, still.stack, still.summed, still.grown, still.done

    assert known(0, 0.7) == (0, 0, 0, 0, 0)
    assert known(1, 0.25) == (0.5, 0, 0, 0, 0)
    assert known(1, 0.75) == (1, 0.5, 0, 0, 0)
    assert known(1, 1.0) == (1, 1, 0, 0, 0)
    assert known(2, 0.3) == (1, 1, 0.3, 0, 0)
    assert known(3, 0.1) == (1, 1, 1, 0.5, 0)
    assert known(3, 0.2) == (1, 1, 1, 1, 0)
    for filled in (1, cols - 1, cols, cols + 1, count - 1):
        still = story.still(3, 0.2 + 0.8 * filled / count)
        assert still.done == filled
        assert still.place == divmod(filled, cols)
        assert still.at == tuple(float(p * s) for p, s in zip(still.place, story.pitch))
    end = story.still(3, 1.0)
    assert (end.done, end.place) == (count, (rows - 1, cols - 1))
    for step in (0, 1, 2):
        still = story.still(step, 1.0)
        assert (still.place, still.at) == ((i, j), (0.0, 0.0))
        assert (still.later, still.softmax, still.laid) == (0, 0, 0)
    for step, later, softmax, laid in ((4, 1.0, 0, 0), (5, 2.0, 0.5, 0), (6, 2.0, 1, 0.5)):
        still = story.still(step, 0.5)
        assert known(step, 0.5) == (1, 1, 1, 1, count)
        assert still.place == (i, j)
        assert still.at == (float(i * story.pitch[0]), float(j * story.pitch[1]))
        assert (still.later, still.softmax, still.laid) == (later, softmax, laid)
    assert story.still(99, 2.0).name == story.steps[-1]
    assert story.still(-1, -1.0).name == story.steps[0]


@pytest.mark.parametrize("net", ["pocket", "mean"])
def test_products_windows_and_tiles(nets, drawn_nets, net) -> None:
    """A row's products are with the window's features, or with their means behind a pooling."""
    if net == "pocket":
        model = nets["pocket"]
        files, ready = (model.prototxt, model.need_weights()), preprocessing_of(model)
    else:
        files, ready = drawn_nets("mean", MEAN_FC.replace("KIND", "AVE")), PLAIN
    story, _, maps = told(*files, ready, picture((300, 400) if net == "pocket" else (64, 96)))
    features = story.window_features.astype(np.float64)
    if net == "mean":
        features = features.mean(axis=(1, 2), keepdims=True)
    found = story.products()
    assert found.shape == story.kernel.shape
    np.testing.assert_allclose(found, story.kernel * features, rtol=1e-4, atol=1e-6)
    assert float(found.sum(dtype=np.float64)) + story.bias == pytest.approx(story.summed, rel=1e-4)
    rows, cols = story.grid
    for cell in ((0, 0), (1, 2), (rows - 1, cols - 1)):
        assert story.tile(cell) == pytest.approx(maps.tile_on_picture(*cell))
        assert story.window(cell) == pytest.approx(maps.window_on_picture(*cell))
    one, right, below = (story.tile(cell) for cell in ((0, 0), (0, 1), (1, 0)))
    assert right[0] == pytest.approx(one[2])
    assert below[1] == pytest.approx(one[3])
    assert (right[1], below[0]) == pytest.approx((one[1], one[0]))
