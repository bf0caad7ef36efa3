"""Why this class here: which pixels speak for a class, by three ways, and which of them is right.

* occlusion: a grey patch is slid over the input, and the loss of score is noted (Zeiler and Fergus
  2014);
* input gradient: how fast the score changes with each pixel (Simonyan, Vedaldi and Zisserman
  2014);
* Grad-CAM: a layer's channels, weighted with the mean of the score's gradient over their places
  (Selvaraju et al. 2017).

The deletion check greys out the input in the order of a map and watches the probability (Petsiuk,
Das and Saenko 2018): the faster it falls, the smaller the area under the curve, the better the
map has found the pixels that matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe import CaffeError, Net
from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.progress import Job, Progress
from filterlab.surgery.answers import Judge
from filterlab.surgery.geometry import Geometry, of_blob
from filterlab.surgery.heatmap import ClassMaps, Placement
from filterlab.surgery.own_input import picture_input
from filterlab.surgery.transplant import feed, softmax

__all__ = [
    "Deletion",
    "Question",
    "Reason",
    "class_map",
    "deletion_job",
    "grad_cam_job",
    "gradient_job",
    "laid",
    "occlusion_job",
    "places_blob",
    "ranks",
]

Array = NDArray[np.float32]
Cell = tuple[int, int]

_STEPS = 32  # of the deletion check
#: So many inputs go through a net in one pass, and no more than so many pixels. Of a processor,
#: the occlusion takes a twentieth less of EfficientNet-Lite0's and a tenth less of the pocket
#: net's, a pass of CaffeNet a sixth less; more take no less, and a step would last.
_TOGETHER, _MOST_PIXELS = 4, 4 * 256 * 256
_ACROSS = 8  # occluding patches on the shorter side; they overlap by half


class Question:
    """What is asked: a class's score for one input of a net, of a cell of its map or as a whole.

    Parameters
    ----------
    net : Net
        A classifier, or its dense double. It is left as it is: what is asked is a net of its own
        on the same weights.
    judge : Judge
        Where its answer stands.
    data : ndarray (1, channels, height, width) float32
        What the net is shown.
    wanted : int
        The class.
    cell : (int, int), optional
        Row and column of its map; of a map as a whole, the mean over the cells counts.

    Raises
    ------
    FilterLabError
        If the net has no such class or cell.
    """

    def __init__(
        self, net: Net, judge: Judge, data: Array, wanted: int, cell: Cell | None = None
    ) -> None:
        param = net.param
        param.force_backward = True  # a deploy net would compute no gradient
        self.net = Net(param, net.phase)
        self.net.share_with(net)
        self.net.packing = "never"
        self.judge = judge
        self.data = np.array(data[:1], np.float32)
        self.input = picture_input(net)
        self.wanted = judge.check_class(net, wanted)
        self.cell = cell
        self._together = 0
        feed(self.net, self.input, self.data)
        places = self.net.blobs[judge.score].shape[2:]
        if cell is not None:
            rows, cols = (*places, 1, 1)[:2]
            if not (0 <= cell[0] < rows and 0 <= cell[1] < cols):
                raise FilterLabError(
                    "the map has no cell ({i}, {j}); it has {rows}x{cols}",
                    i=cell[0],
                    j=cell[1],
                    rows=rows,
                    cols=cols,
                )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return int(self.data.shape[2]), int(self.data.shape[3])

    def _at(self, values: NDArray[Any]) -> NDArray[Any]:
        """The class's values that count, of a blob's first item."""
        of_class = values[self.wanted]
        return of_class[self.cell] if self.cell is not None and of_class.ndim else of_class

    def ask(self, data: Array | None = None) -> tuple[float, float]:
        """Score and probability for this input, or another of its size."""
        return self.ask_all(self.data if data is None else data)[0]

    def ask_all(self, data: Array) -> list[tuple[float, float]]:
        """Score and probability for each of several inputs, in one pass."""
        feed(self.net, self.input, data)
        self.net.forward()
        scores = self.net.blobs[self.judge.score].data
        answers = []
        for score, prob in zip(scores, self.net.blobs[self.judge.output].data):
            if self.judge.activation == "softmax":
                prob = softmax(prob)
            elif self.judge.activation == "sigmoid":
                prob = 1 / (1 + np.exp(-prob.astype(np.float64)))
            answers.append((float(self._at(score).mean()), float(self._at(prob).mean())))
        return answers

    def together(self) -> int:
        """How many inputs are asked about in one pass: 1 of a net that mixes or refuses several.

        Its layers may be made for one, as a Reshape with its batch written down.
        """
        if self._together == 0:
            count = max(1, min(_TOGETHER, _MOST_PIXELS // max(1, self.data[0, 0].size)))
            self._together = count if count == 1 or self._takes(count) else 1
        return self._together

    def _takes(self, count: int) -> bool:
        alone = self.ask()
        several = np.zeros((count, *self.data.shape[1:]), np.float32)
        several[-1] = self.data[0]
        try:
            answers = self.ask_all(several)
        except CaffeError:
            return False
        return len(answers) == count and np.allclose(answers[-1], alone, rtol=1e-3, atol=1e-5)

    def back_to(self, blob: str) -> Array:
        """The gradient of the score by a blob, as the last layer leaves it; after :meth:`ask`."""
        score = self.net.blobs[self.judge.score]
        score.diff[...] = 0
        part = score.diff[0][self.wanted]
        if self.cell is not None and part.ndim:
            part[self.cell] = 1
        else:
            score.diff[0, self.wanted] = 1 / max(part.size, 1)
        names = [layer.name for layer in self.net.layers]
        start = self._last_maker(self.judge.score)
        end = self._last_maker(blob) + 1
        if end > start:
            raise FilterLabError(
                "blob {blob!r} does not lie before the score {score!r}; choose an earlier one",
                blob=blob,
                score=self.judge.score,
            )
        self.net.backward(start=names[start], end=names[end])
        return np.array(self.net.blobs[blob].diff[0], np.float32)

    def _last_maker(self, blob: str) -> int:
        made = [i for i, tops in enumerate(self.net.top_names.values()) if blob in tops]
        if not made:
            raise FilterLabError(
                "the net has no blob {blob!r}; its last blobs are {known}",
                blob=blob,
                known=", ".join(list(self.net.blobs)[-8:]),
            )
        return made[-1]


@dataclass(frozen=True)
class Reason:
    """A map of what speaks for the class, on the pixels of the input.

    Attributes
    ----------
    kind : str
        ``"occlusion"``, ``"gradient"``, ``"grad-cam"`` or ``"map"``.
    heat : ndarray (height, width) float32
        On the input's pixels; larger where more speaks for the class.
    raw : ndarray (rows, cols) float32
        The values as they were computed: of each patch, pixel or unit.
    detail : str
        How it was made, a text.
    """

    kind: str
    heat: Array
    raw: Array
    detail: str = ""


@dataclass(frozen=True)
class Deletion:
    """How the probability falls as the input is greyed out in a map's order.

    Attributes
    ----------
    shares : ndarray (steps + 1,) float64
        Of the pixels that are grey, 0 to 1.
    probs : ndarray (steps + 1,) float64
        The class's probability then.
    area : float
        Under the curve: small if the map found what matters.
    """

    shares: NDArray[np.float64]
    probs: NDArray[np.float64]
    area: float = field(default=0.0)


def occlusion_job(
    question: Question, patch: int | None = None, stride: int | None = None
) -> Job[Reason]:
    """Slide a patch of 0 (the mean colour) over the input; ``raw`` is the loss of score of each.

    Parameters
    ----------
    question : Question
    patch, stride : int, optional
        Pixels; an eighth of the shorter side, and half of a patch, if not given.

    Raises
    ------
    FilterLabError
        If the patch is larger than the input.
    """
    height, width = question.size
    patch = max(1, min(height, width) // _ACROSS) if patch is None else patch
    stride = max(1, patch // 2) if stride is None else stride
    if not (1 <= patch <= min(height, width) and stride >= 1):
        raise FilterLabError(
            "a patch of {patch} pixels every {stride} does not go with an input of {w}x{h}",
            patch=patch,
            stride=stride,
            w=width,
            h=height,
        )
    tops, lefts = _starts(height, patch, stride), _starts(width, patch, stride)
    total = len(tops) * len(lefts) + 1
    step = Text("cover the picture")
    yield Progress(step, 0, total)
    whole, _ = question.ask()
    raw = np.empty((len(tops), len(lefts)), np.float32)
    spread, count = np.zeros((height, width)), np.zeros((height, width))
    places = [(top, left) for top in tops for left in lefts]
    each = question.together()
    for at in range(0, len(places), each):
        yield Progress(step, 1 + at, total)
        boxes = [np.s_[y : y + patch, x : x + patch] for y, x in places[at : at + each]]
        data = np.repeat(question.data, len(boxes), axis=0)
        for k, box in enumerate(boxes):
            data[k, :, box[0], box[1]] = 0
        for k, (score, _) in enumerate(question.ask_all(data)):
            raw.flat[at + k] = loss = whole - score
            spread[boxes[k]] += loss
            count[boxes[k]] += 1
    heat = np.asarray(spread / np.maximum(count, 1), np.float32)
    detail = Text("a patch of {patch} pixels every {stride}", patch=patch, stride=stride)
    return Reason("occlusion", heat, raw, detail)


def _starts(size: int, patch: int, stride: int) -> list[int]:
    """Where patches begin; the last ends at the edge."""
    starts = list(range(0, size - patch + 1, stride))
    return starts if starts[-1] == size - patch else [*starts, size - patch]


def gradient_job(question: Question) -> Job[Reason]:
    """The largest absolute gradient of the score over the channels of each pixel."""
    yield Progress(Text("run the net"), 0, 2)
    question.ask()
    yield Progress(Text("follow the gradient back"), 1, 2)
    gradient = question.back_to(question.input)
    heat = np.abs(gradient).max(axis=0)
    return Reason("gradient", heat, heat, Text("largest over the channels"))


def places_blob(question: Question) -> str:
    """The last blob before the score that has places: CaffeNet's pool5.

    Of the dense double of a classifier, the last one before the places are those of the map.

    Raises
    ------
    FilterLabError
        If the net has none.
    """
    net, end = question.net, question._last_maker(question.judge.score)
    score = tuple(net.blobs[question.judge.score].shape[2:])
    tops = [list(made) for made in net.top_names.values()]
    found = ""
    for made in tops[:end]:
        for blob in made:
            shape = tuple(net.blobs[blob].shape)
            if len(shape) == 4 and shape[2] * shape[3] > 1 and shape[2:] != score:
                found = blob
    if not found or found == question.input:
        raise FilterLabError("the net has no blob with places before its score; choose a layer")
    return found


def grad_cam_job(question: Question, blob: str | None = None) -> Job[Reason]:
    """Grad-CAM at a blob, :func:`places_blob` if none is named; ``raw`` is on the blob's places.

    Raises
    ------
    FilterLabError
        If the blob has no places, or does not lie before the score.
    """
    blob = places_blob(question) if blob is None else blob
    yield Progress(Text("run the net"), 0, 2)
    question.ask()
    yield Progress(Text("follow the gradient back"), 1, 2)
    gradient = question.back_to(blob)
    values = question.net.blobs[blob].data[0]
    if values.ndim != 3:
        raise FilterLabError("blob {blob!r} has no rows and columns; choose another", blob=blob)
    importance = gradient.mean(axis=(1, 2), dtype=np.float64)
    raw = np.maximum(np.tensordot(importance, values.astype(np.float64), 1), 0).astype(np.float32)
    where = of_blob(question.net.param, blob, question.input)
    return Reason(
        "grad-cam", laid(raw, where, question.size), raw, Text("at blob {blob}", blob=blob)
    )


def laid(values: Array, where: Geometry, size: tuple[int, int]) -> Array:
    """A map (rows, cols) on the input's pixels: linear between the places where its units look.

    Beyond the outer units it stays as they are.
    """
    found = np.asarray(values, np.float64)
    for axis, place in enumerate((where.y, where.x)):
        found = _between(found, axis, [place.centre(i) for i in range(found.shape[axis])], size)
    return np.asarray(found, np.float32)


def _between(
    values: NDArray[np.float64], axis: int, centres: list[float], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Values at these centres along an axis, at the middle of each pixel."""
    pixels = np.arange(size[axis]) + 0.5
    lines = np.moveaxis(values, axis, -1)
    made = np.array([np.interp(pixels, centres, line) for line in lines])
    return np.moveaxis(made, -1, axis)


def class_map(
    maps: ClassMaps,
    wanted: int,
    placement: Placement | None = None,
    size: tuple[int, int] | None = None,
) -> Reason:
    """The dense map of a class as a reason, to be checked beside the others.

    Parameters
    ----------
    maps : ClassMaps
    wanted : int
    placement : Placement, optional
        Where the pixels of the input lie on the picture that the reason is wanted for, such as the
        classifier's, which is shown the centre; that of the map's own input if not given.
    size : (height, width), optional
        Of that input.
    """
    values = maps.values(wanted, "score")
    found = np.asarray(values, np.float64)
    cells, lies = maps.geometry, placement or maps.placement

    def centre(i: int, j: int) -> tuple[float, float]:
        return lies.back(*maps.placement.point(*cells.centre(i, j)))

    down = [centre(i, 0)[1] for i in range(maps.rows)]
    across = [centre(0, j)[0] for j in range(maps.cols)]
    size = maps.input_size if size is None else size
    found = _between(_between(found, 0, down, size), 1, across, size)
    return Reason("map", np.asarray(found, np.float32), values, Text("the class map"))


def ranks(heat: Array) -> Array:
    """A map on the one scale that maps of any kind share: 1 is greyed out first, 0 last.

    Of equal values, the first in reading order goes first, as in :func:`deletion_job`.
    """
    order = np.argsort(-heat.reshape(-1), kind="stable")
    found = np.empty(order.size, np.float32)
    found[order] = np.linspace(1, 0, order.size, dtype=np.float32)
    return found.reshape(heat.shape)


def deletion_job(question: Question, heat: Array | None, steps: int = _STEPS) -> Job[Deletion]:
    """Grey the input out in a map's order, in equal shares, and ask each time.

    ``heat`` None takes squares as large as the occluding patch in a random order, for comparison.
    Of equal values, the first in reading order goes first.

    Raises
    ------
    FilterLabError
        If the map is not of the input's size.
    """
    height, width = question.size
    if heat is None:
        heat = _drawn_squares(height, width)
    if heat.shape != (height, width):
        raise FilterLabError(
            "a map of {found} does not lie on an input of {size}",
            found="x".join(map(str, heat.shape)),
            size=f"{height}x{width}",
        )
    order = np.argsort(-heat.reshape(-1), kind="stable")
    data = question.data.copy()
    pixels = data.reshape(data.shape[1], -1)
    shares, probs = np.linspace(0, 1, steps + 1), np.empty(steps + 1)
    done, each = 0, question.together()
    for at in range(0, steps + 1, each):
        yield Progress(Text("grey the picture out"), at, steps + 1)
        several = []
        for share in shares[at : at + each]:
            until = round(share * order.size)
            pixels[:, order[done:until]] = 0
            done = until
            several.append(data.copy())
        answers = question.ask_all(np.concatenate(several))
        probs[at : at + each] = [prob for _, prob in answers]
    area = float(((probs[1:] + probs[:-1]) / 2 * np.diff(shares)).sum())
    return Deletion(shares, probs, area)


def _drawn_squares(height: int, width: int) -> Array:
    """A map of squares with drawn values: single pixels would act like noise, not like a cover."""
    side = max(1, min(height, width) // _ACROSS)
    rng = np.random.default_rng(0)
    values = rng.permutation((-(-height // side)) * (-(-width // side)))
    squares = values.reshape(-1, -(-width // side)).astype(np.float32)
    return np.repeat(np.repeat(squares, side, 0), side, 1)[:height, :width]
