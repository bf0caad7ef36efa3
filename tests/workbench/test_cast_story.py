"""The story of the cast: its numbers against the nets', and against sums of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from filterlab import caffe
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
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

    def known(step: int, t: float) -> object:
        still = story.still(step, t)
        return pytest.approx((still.fold, still.stack, still.summed, still.grown, still.done))

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
        assert still.at == tuple(map(float, still.place))
    nearly = story.still(3, 1 - 1e-13)
    assert (nearly.done, nearly.place) == (count, (rows - 1, cols - 1))
    end = story.still(3, 1.0)
    assert (end.done, end.place) == (count, (rows - 1, cols - 1))
    for step in (0, 1, 2):
        still = story.still(step, 1.0)
        assert (still.place, still.at) == ((i, j), (0.0, 0.0))
        assert (still.later, still.softmax, still.laid) == (0, 0, 0)
    assert story.still(0, 1.0).later == 0
    for step, later, softmax, laid in ((4, 1.0, 0, 0), (5, 2.0, 0.5, 0), (6, 2.0, 1, 0.5)):
        still = story.still(step, 0.5)
        assert known(step, 0.5) == (1, 1, 1, 1, count)
        assert still.place == (i, j)
        assert still.at == (float(i), float(j))
        assert (still.later, still.softmax, still.laid) == (later, softmax, laid)
    for step in range(1, 7):  # what a step ends with the next begins with
        one, two = story.still(step, 0.0), story.still(step - 1, 1.0)
        assert (one.fold, one.stack, one.summed, one.grown, one.later, one.softmax) == (
            two.fold, two.stack, two.summed, two.grown, two.later, two.softmax,
        )  # fmt: skip
    for step, t, wanted in ((99, 2.0, (6, 1.0)), (-1, -1.0, (0, 0.0)), (6, 0.25, (6, 0.25))):
        still = story.still(step, t)
        assert (still.name, still.step, still.t) == (story.steps[wanted[0]], *wanted)


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


# --- of small nets, where no two sides are alike, every number by hand ----------------------------

WIDE = """
name: "wide"
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 1 dim: 3 dim: 24 dim: 32 }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 4 kernel_size: 4 stride: 4 }} }}
{}
layer {{ name: "prob" type: "Softmax" bottom: "score" top: "prob" }}
"""
TWO_FC = """
layer { name: "fc6" type: "InnerProduct" bottom: "conv" top: "fc6"
  inner_product_param { num_output: 7 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "drop6" type: "Dropout" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7"
  inner_product_param { num_output: 6 } }
layer { name: "relu7" type: "ReLU" bottom: "fc7" top: "fc7" }
layer { name: "fc8" type: "InnerProduct" bottom: "fc7" top: "score"
  inner_product_param { num_output: 5 bias_term: false } }
"""
POOL_FC = """
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: AVE global_pooling: true } }
BETWEEN
layer { name: "fc6" type: "InnerProduct" bottom: "pool" top: "fc6"
  inner_product_param { num_output: 7 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "score"
  inner_product_param { num_output: 5 } }
"""
DROP = 'layer { name: "drop" type: "Dropout" bottom: "pool" top: "pool" }'
BEND = 'layer { name: "bend" type: "Sigmoid" bottom: "pool" top: "pool" }'
CONV_POOL = """
layer { name: "last" type: "Convolution" bottom: "conv" top: "last"
  convolution_param { num_output: 5 kernel_size: 1 PAD } }
layer { name: "relu" type: "ReLU" bottom: "last" top: "TOP" }
layer { name: "score" type: "Pooling" bottom: "TOP" top: "score"
  pooling_param { pool: AVE global_pooling: true } }
"""


def folded(values: np.ndarray, net, layer: str, stride: int = 1) -> np.ndarray:
    """A layer's answer (outputs, rows, columns) in float64, window by window."""
    blobs = [blob.data.astype(np.float64) for blob in net.params[layer]]
    kernel = blobs[0]
    kh, kw = kernel.shape[2:]
    rows = (values.shape[1] - kh) // stride + 1
    cols = (values.shape[2] - kw) // stride + 1
    out = np.zeros((len(kernel), rows, cols))
    for i in range(rows):
        for j in range(cols):
            part = values[:, stride * i : stride * i + kh, stride * j : stride * j + kw]
            out[:, i, j] = np.tensordot(kernel, part, 3)
    return out + (blobs[1].reshape(-1, 1, 1) if len(blobs) > 1 else 0)


def by_hand(drawn_nets, name: str, middle: str, chosen: int | None = None):
    """A story on a picture of 44 x 56 pixels, and the net's features of it."""
    files = drawn_nets(name, WIDE.format(middle))
    done = transplant(*files)
    shown = np.random.default_rng(5).random((44, 56, 3), dtype=np.float32)
    maps = heatmap(done, shown, preprocessing=PLAIN, size=(44, 56))
    assert maps.data.shape == (1, 3, 44, 56)
    if chosen is None:
        chosen = next(c for c in range(4, -1, -1) if maps.prob[c].argmax() % maps.cols > 0)
    seen: list[Progress] = []
    story = run_job(cast_story_job(done, maps, shown, [chosen, 0]), seen.append)
    shares = [progress.fraction for progress in seen]
    assert shares == sorted(shares), "its bar never goes back"
    assert shares[0] == 0
    place = np.unravel_index(maps.prob[chosen].argmax(), maps.prob[chosen].shape)
    assert (story.class_index, story.place) == (chosen, place)
    y, x = 4 * place[0], 4 * place[1]
    assert story.box == (x, y, x + 32, y + 24)
    assert story.grid == maps.prob.shape[1:] == (6, 7)
    assert (story.input_size, story.picture_size) == ((44, 56), (44, 56))
    assert not story.exact
    np.testing.assert_array_equal(story.picture, shown)
    np.testing.assert_allclose(story.prob, maps.prob, atol=1e-6)
    e = np.exp(story.score.astype(np.float64))
    np.testing.assert_allclose(story.prob, e / e.sum(axis=0), atol=1e-6)
    features = folded(maps.data[0].astype(np.float64), done.source, "conv", 4)
    window = features[:, place[0] : place[0] + 6, place[1] : place[1] + 8]
    return story, done, features, window


def test_a_wide_row_and_two_layers_behind_it(drawn_nets) -> None:
    story, done, features, window = by_hand(drawn_nets, "two_fc", TWO_FC)
    i, j = story.place
    first = folded(features, done.net, "fc6-conv")
    assert first.shape == (7, 6, 7)
    assert (story.kind, story.features) == ("fc", "conv")
    assert (story.old, story.new, story.units) == ("fc6", "fc6-conv", 7)
    assert story.unit == first[:, i, j].argmax() != story.class_index
    assert (story.span, story.pool) == ((6, 8), (1, 1))
    np.testing.assert_allclose(story.values, first[story.unit], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(story.picture_features, features, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(story.window_features, window, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(story.row, done.source.params["fc6"][0].data[story.unit])
    assert story.bias == done.source.params["fc6"][1].data[story.unit]
    for number in (story.before, story.after, story.summed):
        assert number == pytest.approx(first[story.unit, i, j], rel=1e-4)
    assert story.window_evidence.shape == story.picture_evidence.shape == (0, 0)
    sheets = np.abs((story.kernel * window).sum(axis=(1, 2)))
    assert story.channel == sheets.argmax()
    second = folded(np.maximum(first, 0), done.net, "fc7-conv")
    third = folded(np.maximum(second, 0), done.net, "fc8-conv")
    one, two = story.later
    assert (one.old, one.new, one.units) == ("fc7", "fc7-conv", 6)
    assert (two.old, two.new, two.units) == ("fc8", "fc8-conv", 5)
    assert (one.unit, two.unit) == (second[:, i, j].argmax(), story.class_index)
    assert one.bias == done.source.params["fc7"][1].data[one.unit]
    assert two.bias == 0, "it has none"
    for layer, read, made in ((one, first, second), (two, second, third)):
        np.testing.assert_allclose(layer.inputs, np.maximum(read, 0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(layer.values, made[layer.unit], rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(
            layer.weights, done.source.params[layer.old][0].data[layer.unit]
        )
        for place in ((0, 3), (5, 1)):
            assert layer.sum_at(place) == pytest.approx(made[layer.unit][place], rel=1e-4)
    np.testing.assert_allclose(story.score, third, rtol=1e-4, atol=1e-4)
    # The softmax of what the last layer gives, which has no name of its own in the story.
    assert story.softmax
    # The window goes over the features cell by cell.
    still = story.still(3, 0.2 + 0.8 * 16.5 / 42)
    assert (still.place, still.at, still.done) == ((2, 2), (2.0, 2.0), 16)
    assert story.still(6, 0.5).later == 2


@pytest.mark.parametrize("between", ["", DROP])
def test_a_wide_mean_moves_behind_the_first_of_two_layers(drawn_nets, between: str) -> None:
    name = f"pool_fc{len(between)}"
    story, done, features, window = by_hand(drawn_nets, name, POOL_FC.replace("BETWEEN", between))
    i, j = story.place
    assert (story.kind, story.features, story.pool) == ("pooled", "conv", (6, 8))
    assert (story.old, story.new, story.units) == ("fc6", "fc6-conv", 7)
    weights, bias = (blob.data.astype(np.float64) for blob in done.source.params["fc6"])
    means = np.zeros((4, 6, 7))
    for a, b in np.ndindex(6, 7):
        means[:, a, b] = features[:, a : a + 6, b : b + 8].mean(axis=(1, 2))
    first = np.tensordot(weights, means, 1) + bias[:, None, None]
    assert story.unit == first[:, i, j].argmax() != story.class_index
    assert story.span == (6, 8)
    np.testing.assert_allclose(story.values, first[story.unit], rtol=1e-4, atol=1e-4)
    for number in (story.before, story.after, story.summed):
        assert number == pytest.approx(first[story.unit, i, j], rel=1e-4)
    answers = np.tensordot(weights[story.unit], features, 1) + bias[story.unit]
    assert answers.shape == (11, 14)
    np.testing.assert_allclose(story.picture_evidence, answers, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        story.window_evidence, answers[i : i + 6, j : j + 8], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(story.window_features, window, rtol=1e-4, atol=1e-4)
    assert story.channel == np.abs(weights[story.unit] * window.mean(axis=(1, 2))).argmax()
    (behind,) = story.later
    second = folded(np.maximum(first, 0), done.net, "fc7-conv")
    assert (behind.old, behind.unit) == ("fc7", story.class_index)
    np.testing.assert_allclose(behind.values, second[behind.unit], rtol=1e-4, atol=1e-4)


def test_a_mean_with_more_than_weights_behind_it_stays_where_it_is(drawn_nets) -> None:
    story, _, _, window = by_hand(drawn_nets, "bend", POOL_FC.replace("BETWEEN", DROP + BEND))
    assert (story.kind, story.features, story.pool) == ("fc", "pool", (1, 1))
    assert story.window_features.shape == (4, 1, 1)
    met = 1 / (1 + np.exp(-window.mean(axis=(1, 2))))
    np.testing.assert_allclose(story.window_features[:, 0, 0], met, rtol=1e-4)


@pytest.mark.parametrize(
    ("pad", "top", "around"),
    [("pad: 1", "last", (1, 1)), ("pad_h: 2 pad_w: 1", "bent", (2, 1)), ("", "bent", (0, 0))],
)
def test_a_wide_convolution_with_the_mean_behind_it(
    drawn_nets, pad: str, top: str, around: tuple[int, int]
) -> None:
    """The classifier averages the answers in its padding in: the bias alone."""
    name = f"conv_pool{around[0]}{around[1]}"
    middle = CONV_POOL.replace("PAD", pad).replace("TOP", top)
    story, done, features, _ = by_hand(drawn_nets, name, middle)
    i, j = story.place
    assert (story.kind, story.features, story.pool) == ("pooled conv", "conv", (6, 8))
    assert (story.old, story.new, story.units) == ("last", "last", 5)
    assert (story.unit, story.later) == (story.class_index, ())
    weights, bias = (blob.data.astype(np.float64) for blob in done.source.params["last"])
    answers = np.maximum(np.tensordot(weights[:, :, 0, 0], features, 1) + bias[:, None, None], 0)
    np.testing.assert_allclose(story.picture_evidence, answers[story.unit], rtol=1e-4, atol=1e-4)
    cells = (6 + 2 * around[0]) * (8 + 2 * around[1])
    means = np.zeros((5, 6, 7))
    for a, b in np.ndindex(6, 7):
        inside = answers[:, a : a + 6, b : b + 8].sum(axis=(1, 2))
        means[:, a, b] = (inside + (cells - 48) * np.maximum(bias, 0)) / cells
    np.testing.assert_allclose(story.values, means[story.unit], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(story.score, means, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        story.window_evidence, answers[story.unit, i : i + 6, j : j + 8], rtol=1e-4, atol=1e-4
    )
    for number in (story.before, story.after, story.summed):
        assert number == pytest.approx(means[story.unit, i, j], rel=1e-4)
    channels = []
    for unit in range(5):
        other = by_hand(drawn_nets, name, middle, unit)
        met = other[3].mean(axis=(1, 2))
        channels.append(np.abs(weights[unit, :, 0, 0] * met).argmax())
        assert other[0].channel == channels[-1]
    assert channels != [np.abs(weights[unit]).argmax() for unit in range(5)]
    np.testing.assert_array_equal(story.kernel, done.source.params["last"][0].data[story.unit])
    assert story.bias == bias[story.unit]


@pytest.mark.parametrize(
    ("activation", "soft"),
    [(None, True), ("softmax", True), ("sigmoid", False), ("none", False)],
)
def test_scores_without_a_softmax_have_none_in_the_story(
    drawn_nets, activation: str | None, soft: bool
) -> None:
    whole = WIDE.format(TWO_FC)
    files = drawn_nets("scores", whole[: whole.index('layer { name: "prob"')])
    done = transplant(*files, activation=activation)
    shown = np.random.default_rng(5).random((44, 56, 3), dtype=np.float32)
    maps = heatmap(done, shown, preprocessing=PLAIN, size=(44, 56))
    assert run_job(cast_story_job(done, maps, shown, [1])).softmax is soft


def test_a_map_of_windows_classified_one_by_one_says_so(nets) -> None:
    from filterlab.surgery.methods import Request, map_job, plan

    done = transplant(nets["bright"].prototxt, nets["bright"].need_weights())
    shown = picture((64, 80))
    planned = plan(done, (64, 80), Request(method="exact", size=80))
    maps = run_job(map_job(done, shown, planned, preprocessing_of(nets["bright"]))).maps
    assert run_job(cast_story_job(done, maps, shown, [1])).exact


def test_a_long_pass_is_cut_and_says_how_far_it_is(drawn_nets, monkeypatch) -> None:
    from filterlab.surgery import pieces

    monkeypatch.setattr(pieces, "_PIECE", 1e-9)
    seen: list[Progress] = []
    done = transplant(*drawn_nets("two_fc", WIDE.format(TWO_FC)))
    shown = np.random.default_rng(5).random((44, 56, 3), dtype=np.float32)
    maps = heatmap(done, shown, preprocessing=PLAIN, size=(44, 56))
    run_job(cast_story_job(done, maps, shown, [1]), seen.append)
    steps = [(p.step, p.fraction) for p in seen]
    assert {p.total for p in seen} == {1}
    runs = [share for step, share in steps if step == "run the net"]
    middle = steps.index(("one window", 0.6))
    assert steps[0] == ("prepare the story", 0)
    assert steps[middle + 1] == ("the same window", 0.8)
    early = [share for share in runs if share <= 0.6]
    late = [share for share in runs if share >= 0.8]
    assert len(early) > 2
    assert len(late) > 2
    assert runs == sorted(early + late) == sorted(runs)
    assert 0 < early[0] < 0.35 < early[-1] < 0.6
    assert 0.8 < late[0] < 0.96 < late[-1] < 1


def test_a_story_that_does_not_fit_into_memory_is_refused(drawn_nets, monkeypatch) -> None:
    from filterlab.surgery import cost

    done = transplant(*drawn_nets("two_fc", WIDE.format(TWO_FC)))
    shown = np.random.default_rng(5).random((44, 56, 3), dtype=np.float32)
    maps = heatmap(done, shown, preprocessing=PLAIN, size=(44, 56))
    monkeypatch.setattr(cost, "available_memory", lambda: 1000)
    with pytest.raises(FilterLabError, match="an input of 56x44 pixels would take"):
        run_job(cast_story_job(done, maps, shown, [1]))


def test_a_row_without_a_bias(drawn_nets) -> None:
    text = TWO_FC[TWO_FC.index('layer { name: "fc8"') :].replace('"fc7"', '"conv"')
    story, done, features, _ = by_hand(drawn_nets, "no_bias", text)
    assert (story.kind, story.units, story.bias, story.later) == ("fc", 5, 0, ())
    wanted = folded(features, done.net, "fc8-conv")[story.unit]
    np.testing.assert_allclose(story.values, wanted, rtol=1e-4, atol=1e-4)
    assert story.summed == pytest.approx(wanted[story.place], rel=1e-4)
