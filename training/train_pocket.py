"""Train the pocket net: CaffeNet's topology and geometry, thin, on scikit-image's photographs.

    python training/train_pocket.py [--steps N] [--seed N] [--out DIR] [--keep FILE] [--evaluate]

Needs PyTorch besides FilterLab. Writes ``pocket.caffemodel`` and ``labels.tsv`` into ``--out``
(``models/pocket``), and the figures into ``models/README.md`` and onto the screen, as measured
by FilterLab's own engine on the file written. One seed gives one net on one machine.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pocket_data as data
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

TOP = Path(__file__).resolve().parent.parent
# Activations inside are Caffe's divided by this, so that Adam's steps suit every layer; the
# weights are scaled on export (ReLU, pooling and dropout do not mind).
UNIT = 64.0
DROP = 0.2
CROPS = 6


def _first_filters(like: Tensor) -> Tensor:
    """Where conv1 starts from: Gabor filters on grey, then soft blobs of random colour.

    Trained first layers come to look like this anyway; starting there saves a long search.
    """
    count, _, size, _ = like.shape
    y, x = torch.meshgrid(*[torch.arange(size) - (size - 1) / 2] * 2, indexing="ij")
    soft = torch.exp(-(x * x + y * y) / (2 * 2.5**2))
    filters = []
    for wave, angle, phase in itertools.product((3.5, 6.5), range(5), (0, math.pi / 2)):
        along = x * math.cos(angle * math.pi / 5) + y * math.sin(angle * math.pi / 5)
        grey = soft * torch.cos(2 * math.pi / wave * along + phase)
        filters.append((grey - soft * grey.sum() / soft.sum()).expand(3, -1, -1))
    while len(filters) < count:
        filters.append(soft * torch.randn(3, 1, 1))
    out = torch.stack(filters[:count])
    norms = torch.linalg.vector_norm(out, dim=(1, 2, 3), keepdim=True)
    return out / norms * 2


class Pocket(nn.Module):
    """The net as a fully convolutional one: fc6 is a 6x6 convolution, fc7 and fc8 are 1x1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 11, stride=4)
        self.conv2 = nn.Conv2d(32, 64, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(64, 80, 3, padding=1)
        self.conv4 = nn.Conv2d(80, 80, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(80, 48, 3, padding=1, groups=2)
        self.fc6 = nn.Conv2d(48, 128, 6)
        self.fc7 = nn.Conv2d(128, 96, 1)
        self.fc8 = nn.Conv2d(96, data.BACKGROUND + 1, 1)
        for layer in self.children():
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.conv1.weight.copy_(_first_filters(self.conv1.weight))

    def forward(self, x: Tensor) -> Tensor:
        """Scores ``(n, classes, rows, columns)`` of inputs in Caffe's unit."""
        # ReLU after pooling gives the same as before it, for a quarter of the work.
        x = (x / UNIT).contiguous(memory_format=torch.channels_last)
        x = self._norm(F.relu(_pool(self.conv1(x))))
        x = self._norm(F.relu(_pool(self.conv2(x))))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = F.relu(_pool(self.conv5(x)))
        x = F.dropout(F.relu(self.fc6(x)), DROP, self.training)
        x = F.dropout(F.relu(self.fc7(x)), DROP, self.training)
        scores: Tensor = self.fc8(x)
        return scores

    @staticmethod
    def _norm(x: Tensor) -> Tensor:
        """LRN across 5 channels, alpha 1e-4, beta 0.75, in our unit."""
        n = x.shape[1]
        # The sum over neighbouring channels as a 1x1 convolution with a banded matrix.
        band = torch.ones(n, n).triu(-2).tril(2)[:, :, None, None]
        return x * (1 + 1e-4 * UNIT**2 / 5 * F.conv2d(x * x, band)) ** -0.75

    def caffe_weights(self) -> dict[str, list[np.ndarray]]:
        """The weights by Caffe's layer names, for inputs 0 to 255 minus the mean."""
        out = {}
        for name, layer in self.named_children():
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            weight, bias = (t.detach().numpy().copy() for t in (layer.weight, layer.bias))
            weight = np.ascontiguousarray(weight)
            if name in ("conv1", "conv2"):
                bias *= UNIT
            elif name == "conv3":
                weight /= UNIT
            if name.startswith("fc"):
                weight = weight.reshape(len(weight), -1)
            out[name] = [weight, bias]
        return out


def _pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def _batch(seed: int, step: int, often: np.ndarray | None) -> list[tuple[Tensor, Tensor]]:
    """One step's pictures: single windows and larger compositions, with each cell's shares.

    ``often`` is how often each class comes up; None: each in turn, the background twice.
    """
    rng = np.random.default_rng([seed, step])
    window = (data.WINDOW, data.WINDOW)
    turns = None
    if often is None:
        labels = (np.arange(CROPS) + step * CROPS) % (data.BACKGROUND + 2)
        labels = np.minimum(labels, data.BACKGROUND)
    else:
        labels = rng.choice(len(often), CROPS, p=often)
        turns = (int(rng.choice(len(often), p=often)) for _ in itertools.count())
    crops = [data.net_input(data.develop(data.piece(int(k), window, rng), rng)) for k in labels]
    one_hot = np.zeros((len(labels), data.BACKGROUND + 1, 1, 1), np.float32)
    one_hot[np.arange(len(labels)), labels] = 1
    sides = (323, 355, 387, 451)
    size = (sides[rng.integers(4)], sides[rng.integers(4)])
    many = [data.composition(size, rng, turns=turns) for _ in range(4)]
    return [
        (torch.from_numpy(np.stack(crops)), torch.from_numpy(one_hot)),
        (
            torch.from_numpy(np.stack([data.net_input(p) for p, _ in many])),
            torch.from_numpy(np.stack([data.shares(c) for _, c in many])),
        ),
    ]


def _batches(
    seed: int, steps: int, often: np.ndarray | None
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """The batches in order, each made while the net learns from those before."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(_batch, seed, step, often) for step in range(min(4, steps))]
        for step in range(steps):
            yield waiting.pop(0).result()
            if step + 4 < steps:
                waiting.append(pool.submit(_batch, seed, step + 4, often))


def _loss(scores: Tensor, share: Tensor) -> Tensor:
    """Cross entropy: a window at least 80 % in one class names it, others name their shares.

    Mixed windows count a third: they teach the map to fade, but are not what it is judged by.
    """
    best, label = share.max(1)
    clear = best >= 0.8
    hard = F.one_hot(label, share.shape[1]).permute(0, 3, 1, 2).to(share.dtype)
    target = torch.where(clear[:, None], hard, share)
    weight = torch.where(clear, 1.0, 1 / 3)
    entropy = -(target * F.log_softmax(scores, 1)).sum(1)
    return (entropy * weight).sum() / weight.sum()


def train(net: Pocket, steps: int, seed: int, rate: float, often: np.ndarray | None) -> None:
    """Adam with weight decay; the rate rises at first, then falls as a cosine to nothing."""
    net.train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=5e-3)
    warm = min(50, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: (i + 1) / warm if i < warm else (1 + math.cos(math.pi * i / steps)) / 2,
    )
    start, running = time.time(), 0.0
    for step, parts in enumerate(_batches(seed, steps, often)):
        optimizer.zero_grad()
        loss = sum((_loss(net(x), share) for x, share in parts), torch.zeros(()))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        value = float(loss.detach())
        running += 0.02 * (value - running) if step else value
        if step % 100 == 99:
            print(f"step {step + 1}/{steps}  loss {running:.3f}  {time.time() - start:.0f} s",
                  flush=True)  # fmt: skip
    net.eval()


def still_mistaken(net: Pocket, seed: int) -> np.ndarray:
    """How often each class should come up, by how often learnt windows are still mistaken.

    A mistake counts for both classes: to tell them apart, the net must see the one as often as
    the other.
    """
    rng = np.random.default_rng([seed, 99])
    scores, window = torch_scores(net), (data.WINDOW, data.WINDOW)
    often = np.ones(data.BACKGROUND + 1)
    for k, (name, _, _) in enumerate(data.LABELS):
        inputs = np.stack(
            [data.net_input(data.develop(data.piece(k, window, rng), rng)) for _ in range(40)]
        )
        named = scores(inputs)[:, :, 0, 0].argmax(1)
        for other in named[named != k]:
            often[[k, other]] += 10 / 40
        print(f"{name}: {(named != k).mean():.0%} of learnt windows mistaken", flush=True)
    return often / often.sum()


def make(steps: int, seed: int, keep: Path | None) -> Pocket:
    """The whole training: all classes alike, then twice those still mistaken more often.

    With ``keep``, the first part's result is kept there, and taken from there if it is there.
    """
    torch.manual_seed(seed)
    net = Pocket().to(memory_format=torch.channels_last)  # twice as fast on a CPU
    if keep is not None and keep.is_file():
        net.load_state_dict(torch.load(keep))
        net.eval()
    else:
        train(net, steps, seed, 2e-3, None)
        if keep is not None:
            torch.save(net.state_dict(), keep)
    for turn in (1, 2):
        report(torch_scores(net), crops_each=12, pictures_each=2)
        torch.manual_seed(seed + turn)
        train(net, steps // 10, seed + turn, 1e-3, still_mistaken(net, seed + turn))
    return net


def torch_scores(net: Pocket):  # type: ignore[no-untyped-def]
    """The net in PyTorch as a function from inputs ``(n, 3, h, w)`` to scores."""

    def scores(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(net(torch.from_numpy(x)).numpy())

    return scores


def report(scores, crops_each: int, pictures_each: int):  # type: ignore[no-untyped-def]
    """Evaluate and print; the figures."""
    figures = data.evaluate(scores, crops_each, pictures_each)
    print(figures.table(), flush=True)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=TOP / "models" / "pocket")
    parser.add_argument("--evaluate", action="store_true", help="only evaluate what is there")
    parser.add_argument("--keep", type=Path, help="keep the first part's result in this file")
    args = parser.parse_args()
    if not (args.out / "deploy.prototxt").is_file():
        parser.error(f"--out {args.out}: copy models/pocket/deploy.prototxt there first")
    # One thread learns while another draws; more would add up in another order each time.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if not args.evaluate:
        net = make(args.steps, args.seed, args.keep)
        report(torch_scores(net), 40, 6)
        export(net, args.out)
    figures = report(data.engine_scores(args.out), 40, 6)
    data.write_figures(TOP / "models" / "README.md", figures, args.out / "pocket.caffemodel")
    return 0


def export(net: Pocket, folder: Path) -> None:
    """Write the weights and the labels."""
    from filterlab.caffe.caffemodel import write_weights
    from filterlab.caffe.files import atomic_write
    from filterlab.caffe.prototxt import read_net

    structure = read_net(folder / "deploy.prototxt")
    write_weights(folder / "pocket.caffemodel", structure, net.caffe_weights())
    with atomic_write(folder / "labels.tsv", "w") as out:
        out.write("index\tenglish\tchinese\tsample\n")
        for i, row in enumerate(data.LABELS):
            out.write("\t".join((str(i), *row)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
