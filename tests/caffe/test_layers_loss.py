"""Accuracy and the losses, forward, against plain loops over Caffe's definitions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import filterlab.caffe as caffe
from filterlab.caffe.prototxt import parse_net

RNG = np.random.default_rng(6)
SCORES = RNG.standard_normal((4, 5, 2, 3)).astype(np.float32)
LABELS = RNG.integers(0, 5, (4, 2, 3))


def run(kind: str, rest: str = "", tops: str = "y", **data: Any) -> list[npt.NDArray[np.float32]]:
    """The tops of one layer over Input blobs, after a forward."""
    text = ""
    for name, values in data.items():
        dims = " ".join(f"dim: {n}" for n in np.shape(values))
        text += f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "{name}"' for name in data)
    names = " ".join(f'top: "{name}"' for name in tops.split())
    text += f'layer {{ name: "op" type: "{kind}" {bottoms} {names} {rest} }}'
    net = caffe.Net(parse_net(text), caffe.TEST)
    for name, values in data.items():
        net.blobs[name].data[...] = values
    net.forward()
    return [net.blobs[name].data for name in tops.split()]


def softmax(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def picked(table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.take_along_axis(table, LABELS[:, None], 1)[:, 0]


@pytest.mark.parametrize(
    ("param", "ignored", "divide"),
    [
        ("", None, 24),
        ("loss_param { normalization: FULL }", None, 24),
        ("loss_param { normalization: BATCH_SIZE }", None, 4),
        ("loss_param { normalization: NONE }", None, 1),
        ("loss_param { normalize: false }", None, 4),
        ("loss_param { ignore_label: 2 }", 2, None),
        ("loss_param { ignore_label: 2 normalization: FULL }", 2, 24),
        ("loss_param { ignore_label: 255 }", 255, 24),
    ],
)
def test_softmax_with_loss(param: str, ignored: int | None, divide: int | None) -> None:
    prob = softmax(SCORES)
    counts = ignored != LABELS
    wanted = -(np.log(picked(prob)) * counts).sum() / (divide or counts.sum())
    loss, top = run("SoftmaxWithLoss", param, "y p", x=SCORES, label=LABELS)
    assert loss.shape == ()
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    np.testing.assert_allclose(top, prob, atol=1e-6)


def test_a_label_to_ignore_may_lie_outside_the_classes() -> None:
    labels = LABELS.copy()
    labels[0] = 255
    loss = run("SoftmaxWithLoss", "loss_param { ignore_label: 255 }", x=SCORES, label=labels)[0]
    wanted = -np.log(picked(softmax(SCORES)))[1:].mean()
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(caffe.CaffeError):
        run("SoftmaxWithLoss", x=SCORES, label=LABELS + 5)


def test_multinomial_and_infogain_loss() -> None:
    flat, labels = SCORES[:, :, 0, 0], LABELS[:, 0, 0]
    prob = softmax(flat)
    wanted = -np.log(prob[range(4), labels]).mean()
    loss = run("MultinomialLogisticLoss", x=prob, label=labels)[0]
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    h = RNG.random((5, 5)).astype(np.float32)
    loss, top = run("InfogainLoss", "", "y p", x=SCORES, label=LABELS, h=h)
    prob = softmax(SCORES)
    total = 0.0
    for n, i, j in itertools.product(range(4), range(2), range(3)):
        total -= float((h[LABELS[n, i, j]] * np.log(prob[n, :, i, j])).sum())
    np.testing.assert_allclose(loss, total / 24, rtol=1e-5)
    np.testing.assert_allclose(top, prob, atol=1e-6)


@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_hinge_loss(norm: str) -> None:
    flat, labels = SCORES[:, :, 0, 0], LABELS[:, 0, 0]
    signs = np.ones_like(flat)
    signs[range(4), labels] = -1
    margin = np.maximum(0, 1 + signs * flat)
    wanted = (margin if norm == "L1" else margin**2).sum() / 4
    loss = run("HingeLoss", f"hinge_loss_param {{ norm: {norm} }}", x=flat, label=labels)[0]
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)


def test_euclidean_and_sigmoid_cross_entropy_loss() -> None:
    a, b = RNG.standard_normal((2, 4, 6)).astype(np.float32)
    loss = run("EuclideanLoss", x=a, t=b)[0]
    np.testing.assert_allclose(loss, ((a - b) ** 2).sum() / 8, rtol=1e-5)
    target = RNG.integers(0, 2, (4, 6))
    each = np.log1p(np.exp(a)) - a * target
    loss = run("SigmoidCrossEntropyLoss", x=a, t=target)[0]
    np.testing.assert_allclose(loss, each.sum() / 4, rtol=1e-5)
    param = "loss_param { ignore_label: 1 normalization: VALID }"
    loss = run("SigmoidCrossEntropyLoss", param, x=a, t=target)[0]
    np.testing.assert_allclose(loss, each[target == 0].mean(), rtol=1e-5)


@pytest.mark.parametrize("kind", ["EuclideanLoss", "SigmoidCrossEntropyLoss"])
def test_losses_of_single_values(kind: str) -> None:
    """Blobs without axes, as Reduction makes, count as one item."""
    loss = run(kind, a=np.float32(3), b=np.float32(1))[0]
    assert loss.item() == pytest.approx(2 if kind == "EuclideanLoss" else np.log1p(np.exp(3)) - 3)


@pytest.mark.parametrize("legacy", ["true", "false"])
def test_contrastive_loss(legacy: str) -> None:
    a, b = 0.4 * RNG.standard_normal((2, 5, 3)).astype(np.float32)
    alike = np.array([1, 0, 1, 0, 0])
    near = ((a - b) ** 2).sum(axis=1)
    far = np.maximum(1.5 - near, 0) if legacy == "true" else np.maximum(1.5 - near**0.5, 0) ** 2
    param = f"contrastive_loss_param {{ margin: 1.5 legacy_version: {legacy} }}"
    loss = run("ContrastiveLoss", param, x=a, z=b, s=alike)[0]
    np.testing.assert_allclose(loss, np.where(alike, near, far).sum() / 10, rtol=1e-5)


@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("ignored", [None, 1])
def test_accuracy(top_k: int, ignored: int | None) -> None:
    scores = SCORES.copy()
    scores[0, :, 0, 0] = 1  # a tie counts against the label
    hits, seen = np.zeros(5), np.zeros(5)
    for n, i, j in itertools.product(range(4), range(2), range(3)):
        label = LABELS[n, i, j]
        if label != ignored:
            row = scores[n, :, i, j]
            seen[label] += 1
            hits[label] += (row >= row[label]).sum() <= top_k
    param = f"accuracy_param {{ top_k: {top_k} {f'ignore_label: {ignored}' if ignored else ''} }}"
    share, each = run("Accuracy", param, "y c", x=scores, label=LABELS)
    np.testing.assert_allclose(share, hits.sum() / seen.sum(), rtol=1e-6)
    np.testing.assert_allclose(each, hits / np.maximum(seen, 1), rtol=1e-6)
