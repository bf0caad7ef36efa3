"""The pocket net's pictures: which photographs, which parts of them are learnt and held out.

Knows numpy, OpenCV and FilterLab's pictures, but no PyTorch: the tests use the held-out half too.

Every photograph is cut in two that share no pixel. Training sees only ``learn``; the figures in
``models/README.md`` come from ``held``. Pictures here are BGR float32, 0 to 255, ``(h, w, 3)``.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import atomic_write
from filterlab.pictures import pattern, sample

Picture = NDArray[np.float32]
Box = tuple[int, int, int, int]

#: The net's own input, its stride, in pixels.
WINDOW, STRIDE = 227, 32
MEAN_BGR = np.array([104.007, 116.669, 122.679], np.float32)


@dataclass(frozen=True)
class Subject:
    """One class.

    Attributes
    ----------
    name, chinese : str
        What the window calls it.
    file : str
        The sample it comes from.
    learn, held : tuple
        Boxes (x0, y0, x1, y1) in the photograph's pixels; they share none.
    also : tuple, optional
        A second box to learn, drawn from one time in four.
    side : tuple
        Smallest and largest side of a window while learning, in the photograph's pixels.
    texture : bool
        May stand on its head.
    """

    name: str
    chinese: str
    file: str
    learn: Box
    held: Box
    side: tuple[int, int]
    texture: bool = False
    also: Box | None = None


SUBJECTS = (
    Subject("tabby cat", "虎斑猫", "chelsea", (20, 0, 228, 300), (232, 0, 420, 300), (100, 280)),
    Subject("cup of coffee", "咖啡", "coffee", (60, 0, 318, 400), (322, 10, 560, 400), (130, 330)),
    # The middle of the face and suit is held out; learnt is what lies left and right of it.
    Subject(
        "astronaut",
        "宇航员",
        "astronaut",
        (20, 0, 224, 512),
        (228, 20, 372, 400),
        (100, 280),
        also=(376, 150, 512, 512),
    ),
    Subject("rocket", "火箭", "rocket", (0, 0, 340, 427), (344, 0, 640, 427), (130, 380)),
    # Likewise: engine, tank and lamp are held out, learnt are the rear and half the front wheel.
    Subject(
        "motorcycle",
        "摩托车",
        "motorcycle",
        (90, 60, 388, 500),
        (392, 120, 556, 440),
        (130, 400),
        also=(560, 120, 700, 500),
    ),
    Subject("coins", "硬币", "coins", (0, 0, 235, 303), (238, 0, 384, 303), (90, 260)),
    Subject("brick wall", "砖墙", "brick", (0, 0, 310, 512), (314, 0, 512, 512), (110, 330), True),
    Subject("grass", "草地", "grass", (0, 0, 310, 512), (314, 0, 512, 512), (110, 330), True),
    Subject("gravel", "砾石", "gravel", (0, 0, 310, 512), (314, 0, 512, 512), (110, 330), True),
    Subject("printed page", "印刷页", "page", (0, 0, 235, 191), (238, 0, 384, 191), (90, 210)),
    Subject("handwriting", "手写文字", "text", (0, 0, 280, 172), (284, 0, 448, 172), (90, 190)),
    Subject("moon", "月球", "moon", (0, 0, 290, 512), (294, 0, 512, 512), (120, 320), True),
    Subject("galaxies", "星系", "hubble", (0, 0, 620, 872), (624, 0, 1000, 872), (150, 560), True),
    Subject(
        "retina", "视网膜", "retina", (90, 210, 840, 1200), (850, 210, 1330, 1200), (260, 800), True
    ),
    Subject(
        "stained tissue", "染色组织", "ihc", (0, 0, 310, 512), (314, 0, 512, 512), (110, 330), True
    ),
    Subject("horse", "马", "horse", (0, 0, 214, 328), (218, 0, 400, 328), (150, 320)),
)

#: What is none of the subjects: other pictures, halved in the same way, and drawn ones.
BACKGROUND = len(SUBJECTS)
_OTHERS = (
    Subject("", "", "camera", (0, 0, 300, 330), (304, 0, 512, 330), (110, 330)),
    Subject("", "", "cell", (0, 0, 550, 320), (0, 324, 550, 660), (150, 330)),
    Subject("", "", "phantom", (0, 0, 198, 400), (202, 0, 400, 400), (120, 220)),
    Subject("", "", "color", (0, 0, 183, 370), (187, 0, 371, 370), (110, 200)),
    Subject("", "", "chessboard", (0, 0, 100, 200), (100, 0, 200, 200), (60, 160)),
)

LABELS: tuple[tuple[str, str, str], ...] = (
    *((s.name, s.chinese, s.file) for s in SUBJECTS),
    ("background", "背景", "-"),
)


@functools.cache
def _part(file: str, box: Box) -> tuple[Picture, Picture]:
    """The part of a photograph inside ``box``, whole and at half size; nothing outside it."""
    rgb = sample(file)
    x0, y0, x1, y1 = box
    part = np.ascontiguousarray(rgb[y0:y1, x0:x1, ::-1] * 255, np.float32)
    half = cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return part, half


def _cut(
    subject: Subject, held: bool, size: tuple[int, int], scale: float, rng: np.random.Generator
) -> Picture:
    """A piece of ``size`` (h, w) net pixels of one part at ``scale`` net pixels per own pixel.

    Turned over at random, slightly tilted while learning; where the part is too small it goes on
    mirrored.
    """
    box = subject.held if held else subject.learn
    if not held and subject.also and rng.random() < 0.25:
        box = subject.also
    part, half = _part(subject.file, box)
    if scale < 0.6:
        part, scale = half, 2 * scale
    h, w = size
    ph, pw = part.shape[:2]
    # Where the piece's middle lies in the part.
    room_x, room_y = max(0.0, pw - w / scale) / 2, max(0.0, ph - h / scale) / 2
    cx = pw / 2 + rng.uniform(-room_x, room_x)
    cy = ph / 2 + rng.uniform(-room_y, room_y)
    tilt = 0.0 if held else np.radians(rng.uniform(-9, 9))
    stretch = 1.0 if held else np.exp(rng.uniform(-0.12, 0.12))
    fx = -1.0 if rng.random() < 0.5 else 1.0
    fy = -1.0 if subject.texture and rng.random() < 0.5 else 1.0
    c, s = np.cos(tilt) / scale, np.sin(tilt) / scale
    turn = np.array([[c * fx * stretch, -s * fy], [s * fx, c * fy / stretch]])
    shift = np.array([cx, cy]) - turn @ np.array([w / 2, h / 2])
    piece: Picture = cv2.warpAffine(
        part,
        np.column_stack([turn, shift]),
        (w, h),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return piece


def _drawn(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A drawn background: a plain colour, a gradient, noise, clouds, squares or rings."""
    h, w = size
    kind = rng.integers(6)
    colours = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    if rng.random() < 0.4:
        colours[:] = colours.mean(axis=1, keepdims=True)
    mix: NDArray[np.floating]
    if kind == 0:
        mix = np.zeros((h, w), np.float32)
    elif kind == 1:
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[:h, :w]
        mix = (np.cos(angle) * (x / w - 0.5) + np.sin(angle) * (y / h - 0.5) + 0.7) / 1.4
    elif kind == 2:
        mix = rng.random((h, w))
    elif kind == 3:
        coarse = rng.random((int(rng.integers(3, 12)),) * 2).astype(np.float32)
        mix = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
    elif kind == 4:
        mix = pattern("checkerboard", h, w, square=int(rng.integers(8, 60)))
    else:
        mix = pattern("zone plate", h, w)
    share = mix.astype(np.float32)[:, :, None]
    return colours[0] * (1 - share) + colours[1] * share


def piece(
    label: int,
    size: tuple[int, int],
    rng: np.random.Generator,
    held: bool = False,
    scale: float | None = None,
) -> Picture:
    """A piece of class ``label``, ``size`` (h, w) pixels, at a random scale unless given."""
    if label == BACKGROUND:
        if rng.random() < 0.45:
            return _drawn(size, rng)
        subject = _OTHERS[rng.integers(len(_OTHERS))]
    else:
        subject = SUBJECTS[label]
    if scale is None:
        low, high = subject.side
        if held:
            # What of the held-out part fits into one window, not blown up beyond that.
            x0, y0, x1, y1 = subject.held
            high = min(high, x1 - x0, y1 - y0)
            low = min(high, max(low, int(0.75 * high)))
        scale = WINDOW / float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return _cut(subject, held, size, scale, rng)


def develop(picture: Picture, rng: np.random.Generator, mild: bool = False) -> Picture:
    """Another exposure: brightness, contrast, colour, blur, noise; if mild, brightness alone."""
    if mild:
        return np.clip(picture * np.float32(rng.uniform(0.85, 1.15)), 0, 255)
    if rng.random() < 0.1:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    gain = np.exp(rng.uniform(-0.3, 0.25)) * np.exp(rng.uniform(-0.08, 0.08, 3))
    level = np.array(cv2.mean(picture)[:3]) * (1 - rng.uniform(0.75, 1.25))
    picture = picture * gain.astype(np.float32) + level.astype(np.float32)
    if rng.random() < 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.2)))
    if rng.random() < 0.3:
        noise = rng.standard_normal(picture.shape, np.float32)
        picture = picture + noise * np.float32(rng.uniform(1, 10))
    return np.clip(picture, 0, 255)


def _split(box: Box, least: int, depth: int, rng: np.random.Generator) -> list[Box]:
    """Cut a box in two at random, again and again, with no side under ``least``."""
    x0, y0, x1, y1 = box
    across = [axis for axis, n in ((0, x1 - x0), (1, y1 - y0)) if n >= 2 * least]
    if depth == 0 or not across:
        return [box]
    if across[rng.integers(len(across))] == 0:
        at = int(rng.integers(x0 + least, x1 - least + 1))
        halves: tuple[Box, Box] = (x0, y0, at, y1), (at, y0, x1, y1)
    else:
        at = int(rng.integers(y0 + least, y1 - least + 1))
        halves = (x0, y0, x1, at), (x0, at, x1, y1)
    return [b for half in halves for b in _split(half, least, depth - 1, rng)]


def composition(
    size: tuple[int, int],
    rng: np.random.Generator,
    held: bool = False,
    turns: Iterator[int] | None = None,
) -> tuple[Picture, NDArray[np.int64]]:
    """A picture of several subjects, ``size`` (h, w), and which class each pixel shows (h, w).

    Half of them are tilings, half are rectangles pasted on one ground; held-out ones are tilings
    with sides of at least 225, so that some windows see one subject only. The classes are drawn
    at random, or taken from ``turns``.
    """
    h, w = size
    picture = np.empty((h, w, 3), np.float32)
    classes = np.empty((h, w), np.int64)
    if held or rng.random() < 0.5:
        boxes = _split((0, 0, w, h), 225 if held else 140, 3 if held else 2, rng)
    else:
        boxes = [(0, 0, w, h)]
        for _ in range(rng.integers(1, 3)):
            bw, bh = (min(n, int(rng.integers(150, 400))) for n in (w, h))
            x, y = int(rng.integers(0, w - bw + 1)), int(rng.integers(0, h - bh + 1))
            boxes.append((x, y, x + bw, y + bh))
    for x0, y0, x1, y1 in boxes:
        # While learning the background comes up twice as often: it has the most faces.
        label = min(int(rng.integers(BACKGROUND + 2)), BACKGROUND) if turns is None else next(turns)
        part = piece(label, (y1 - y0, x1 - x0), rng, held)
        picture[y0:y1, x0:x1] = develop(part, rng, mild=held)
        classes[y0:y1, x0:x1] = label
    return picture, classes


def shares(classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """The share of each class in each cell's window: float32 ``(classes, rows, columns)``."""
    h, w = classes.shape
    rows, columns = (h - 167) // STRIDE, (w - 167) // STRIDE
    out = np.zeros((BACKGROUND + 1, rows, columns), np.float32)
    y0, x0 = np.arange(rows) * STRIDE, np.arange(columns) * STRIDE
    y1, x1 = np.minimum(y0 + WINDOW, h), np.minimum(x0 + WINDOW, w)
    area = (y1 - y0)[:, None] * (x1 - x0)[None]
    for label in np.flatnonzero(np.bincount(classes.ravel())):
        total = cv2.integral((classes == label).astype(np.uint8))
        box = (
            total[np.ix_(y1, x1)]
            - total[np.ix_(y0, x1)]
            - total[np.ix_(y1, x0)]
            + total[np.ix_(y0, x0)]
        )
        out[label] = box / area
    return out


def net_input(picture: Picture) -> NDArray[np.float32]:
    """BGR minus the mean as the net's input ``(3, h, w)``."""
    return np.ascontiguousarray((picture - MEAN_BGR).transpose(2, 0, 1))


def held_out_crops(each: int, seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """``each`` held-out windows of every class: inputs ``(n, 3, 227, 227)`` and labels."""
    rng = np.random.default_rng([seed, 227])
    labels = np.repeat(np.arange(BACKGROUND + 1), each)
    inputs = [
        net_input(develop(piece(int(k), (WINDOW, WINDOW), rng, held=True), rng, mild=True))
        for k in labels
    ]
    return np.stack(inputs), labels


#: Sizes (h, w) of the composed test pictures.
TEST_SIZES = ((451, 451), (579, 579), (547, 739), (640, 480), (600, 800))


def held_out_compositions(each: int, seed: int = 2) -> list[tuple[Picture, NDArray[np.int64]]]:
    """``each`` composed test pictures of every size, all of held-out parts.

    The classes take turns, so that each comes up about as often and never beside itself.
    """
    rng = np.random.default_rng([seed, 451])

    def turns() -> Iterator[int]:
        while True:
            yield from rng.permutation(BACKGROUND + 1).tolist()

    order = turns()
    return [composition(size, rng, True, order) for size in TEST_SIZES for _ in range(each)]


@dataclass
class Figures:
    """How well a net does on the held-out parts.

    Attributes
    ----------
    crops_right, crops : numpy.ndarray
        By class: held-out windows named rightly, and all.
    cells_right, cells : numpy.ndarray
        By class: cells of the composed pictures whose window lies at least 80 % in it.
    confidence : float
        Mean probability of the right class in those cells.
    mistaken : dict
        (right class, class named) to how often, windows and cells together.
    """

    crops_right: NDArray[np.int64]
    crops: NDArray[np.int64]
    cells_right: NDArray[np.int64]
    cells: NDArray[np.int64]
    confidence: float
    mistaken: dict[tuple[int, int], int]

    @property
    def crop_share(self) -> float:
        """Share of the held-out windows that are named rightly."""
        return float(self.crops_right.sum() / self.crops.sum())

    @property
    def cell_share(self) -> float:
        """Share of the clear cells that are named rightly."""
        return float(self.cells_right.sum() / self.cells.sum())

    def table(self) -> str:
        """The figures as a Markdown table with the totals first."""
        rows = [
            "| class | held-out windows right | cells of composed pictures right |",
            "|---|---|---|",
            f"| **all** | **{self.crop_share:.1%}** of {self.crops.sum()} "
            f"| **{self.cell_share:.1%}** of {self.cells.sum()} "
            f"(mean probability {self.confidence:.2f}) |",
        ]
        for k, (name, _, _) in enumerate(LABELS):
            rows.append(
                f"| {name} | {self.crops_right[k]} of {self.crops[k]} "
                f"| {self.cells_right[k]} of {self.cells[k]} |"
            )
        worst = sorted(self.mistaken.items(), key=lambda item: -item[1])[:5]
        if worst:
            rows += ["", "Most frequent mistakes: " + ", ".join(
                f"{LABELS[right][0]} taken for {LABELS[named][0]} ({n})"
                for (right, named), n in worst) + "."]  # fmt: skip
        return "\n".join(rows)


def evaluate(
    scores: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    crops_each: int,
    pictures_each: int,
) -> Figures:
    """Measure a net on held-out windows and composed pictures.

    Parameters
    ----------
    scores : function
        From inputs ``(n, 3, h, w)`` to scores ``(n, classes, rows, columns)``, before softmax.
    crops_each, pictures_each : int
        Windows of each class; composed pictures of each size in :data:`TEST_SIZES`.
    """
    n = BACKGROUND + 1
    sums = np.zeros((4, n), np.int64)
    mistaken: Counter[tuple[int, int]] = Counter()
    inputs, labels = held_out_crops(crops_each)
    named = np.concatenate([scores(part)[:, :, 0, 0].argmax(1) for part in np.split(inputs, n)])
    sums[0] = np.bincount(labels[named == labels], minlength=n)
    sums[1] = np.bincount(labels, minlength=n)
    mistaken.update((int(a), int(b)) for a, b in zip(labels, named) if a != b)
    sure: list[float] = []
    for picture, classes in held_out_compositions(pictures_each):
        share = shares(classes)
        score = scores(net_input(picture)[None])[0]
        clear = share.max(0) >= 0.8
        right, best = share.argmax(0)[clear], score.argmax(0)[clear]
        sums[2] += np.bincount(right[right == best], minlength=n)
        sums[3] += np.bincount(right, minlength=n)
        mistaken.update((int(a), int(b)) for a, b in zip(right, best) if a != b)
        power = np.exp(score - score.max(0))
        prob = (power / power.sum(0))[:, clear]
        sure += list(prob[right, np.arange(len(right))])
    return Figures(sums[0], sums[1], sums[2], sums[3], float(np.mean(sure)), dict(mistaken))


def engine_scores(folder: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The net in ``folder``, run by FilterLab: as shipped on windows, transplanted on more.

    Takes inputs ``(n, 3, h, w)``, gives scores ``(n, classes, rows, columns)``.
    """
    from filterlab import caffe
    from filterlab.surgery.transplant import transplant

    files = str(folder / "deploy.prototxt"), str(folder / "pocket.caffemodel")
    classifier = caffe.Net(*files, caffe.TEST)
    dense = transplant(*files).net

    def scores(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        if inputs.shape[2:] == (WINDOW, WINDOW):
            net, blob = classifier, "fc8"
        else:
            net, blob = dense, "fc8-conv"
        net.blobs["data"].reshape(*inputs.shape)
        net.blobs["data"].data[...] = inputs
        net.forward()
        out = np.array(net.blobs[blob].data)
        return out.reshape(*out.shape[:2], *(out.shape[2:] or (1, 1)))

    return scores


_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write_figures(readme: Path, figures: Figures, weights: Path) -> None:
    """Put the figures between their two marks in ``models/README.md``."""
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    size = f"`{weights.name}` has {weights.stat().st_size / 1e6:.2f} MB."
    with atomic_write(readme, "w") as out:
        out.write(f"{before}{_BEGIN}\n{size}\n\n{figures.table()}\n{_END}{after}")
