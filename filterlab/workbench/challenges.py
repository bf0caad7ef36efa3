"""Challenges: which kernel made this picture? And what a class answered.

A challenge is a picture and a hidden kernel; it travels as a short code or in a project file. An
answer travels back as a code too. Nothing is sent anywhere: people pass codes on. The score in a
class list is computed anew from the answer's kernel, so that a code cannot claim one.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError, one_line
from filterlab.pictures import grey_of, sample, sample_names
from filterlab.surgery.kernels import Kernel, as_kernel
from filterlab.surgery.kernels.analysis import facts
from filterlab.workbench.facts import kernel_from

__all__ = [
    "LEVELS",
    "Answer",
    "Challenge",
    "class_list",
    "hints",
    "level",
    "output",
    "score",
    "to_csv",
    "told_match",
]

Floats = NDArray[np.float32]

#: The levels that come along, easy ones first: sample, kernel, bias.
LEVELS: tuple[tuple[str, str | list[list[float]], float], ...] = (
    ("chelsea", [[0, 0, 0], [0, 0, 1], [0, 0, 0]], 0.0),
    ("chelsea", "box:size=3", 0.0),
    ("camera", [[0, 0, 0], [0, 1, 0], [0, 0, 0]], 0.25),
    ("brick", "sobel-h", 0.0),
    ("brick", "sobel-v", 0.0),
    ("chelsea", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 0.0),
    ("camera", "laplacian-4", 0.0),
    ("coffee", "emboss", 0.0),
    ("camera", [[1, 0, 0], [0, 0, 0], [0, 0, -1]], 0.0),
    ("chelsea", "gaussian:sigma=1,size=5", 0.0),
)

_CHALLENGE, _ANSWER = "FLC1", "FLA1"
_LONGEST = 4000  # characters of a code
_UNPACKED = 16 << 10
_NAME = 40


@dataclass(frozen=True)
class Challenge:
    """A picture and a hidden kernel.

    Attributes
    ----------
    sample : str
        The picture, by the name of a sample.
    kernel : tuple of rows
        As tuples of numbers, float32 values.
    bias : float
    """

    sample: str
    kernel: tuple[tuple[float, ...], ...]
    bias: float = 0.0

    @property
    def rows(self) -> Kernel:
        """The kernel, float32 (rows, columns)."""
        return as_kernel(np.array(self.kernel, np.float32))

    @property
    def code(self) -> str:
        """What is passed on to the class."""
        return _pack(_CHALLENGE, [self.sample, [list(r) for r in self.kernel], self.bias])

    @property
    def mark(self) -> str:
        """Tells challenges apart in answers: eight hexadecimal digits."""
        return f"{zlib.crc32(self.code.encode()):08x}"

    @classmethod
    def make(cls, sample_name: str, kernel: Any, bias: float = 0.0) -> Challenge:
        """From a sample's name and rows of numbers or a preset.

        Raises
        ------
        FilterLabError
            If there is no such sample, or it is no kernel, or one that gives a flat picture.
        """
        if sample_name not in sample_names():
            raise FilterLabError(
                "there is no sample {sample_name!r}; the samples are {sample_names}",
                sample_name=str(sample_name)[:40],
                sample_names=", ".join(sample_names()),
            )
        if isinstance(bias, bool) or not isinstance(bias, (int, float)) or not abs(bias) < 1e6:
            raise FilterLabError("the challenge's bias is no number")
        rows = as_kernel(np.array(kernel_from(kernel, "challenge"), np.float32))
        if not np.any(rows):
            raise FilterLabError("a kernel of zeros is no challenge; give it some numbers")
        made = tuple(tuple(float(v) for v in row) for row in rows)
        return cls(sample_name, made, float(np.float32(bias)))

    @classmethod
    def from_code(cls, code: str) -> Challenge:
        """From a code.

        Raises
        ------
        FilterLabError
            If it is none, or was changed on the way.
        """
        data = _unpack(_CHALLENGE, code, Text("a challenge"))
        if not isinstance(data, list) or len(data) != 3 or not isinstance(data[1], list):
            raise FilterLabError("this code holds no challenge; copy it whole")
        return cls.make(*data)


@dataclass(frozen=True)
class Answer:
    """What somebody found.

    Attributes
    ----------
    mark : str
        Of the challenge; see :attr:`Challenge.mark`.
    name : str
        Whose it is, at most 40 characters.
    kernel : tuple of rows
    bias : float
    hints : int
        Hints that were taken.
    """

    mark: str
    name: str
    kernel: tuple[tuple[float, ...], ...]
    bias: float = 0.0
    hints: int = 0

    @property
    def code(self) -> str:
        """What is passed back to the teacher."""
        rows = [list(row) for row in self.kernel]
        return _pack(_ANSWER, [self.mark, self.name, rows, self.bias, self.hints])

    @classmethod
    def make(
        cls, challenge: Challenge, name: str, kernel: Kernel, bias: float, taken: int
    ) -> Answer:
        """An answer to a challenge; the name is cut to what fits.

        Raises
        ------
        FilterLabError
            If there is no name.
        """
        plain = one_line(name).strip()[:_NAME]
        if not plain:
            raise FilterLabError("whose answer is it? Type your name")
        rows = tuple(tuple(float(v) for v in row) for row in kernel)
        return cls(challenge.mark, plain, rows, float(bias), int(taken))

    @classmethod
    def from_code(cls, code: str) -> Answer:
        """From a code.

        Raises
        ------
        FilterLabError
            If it is none, or was changed on the way.
        """
        data = _unpack(_ANSWER, code, Text("an answer"))
        good = (
            isinstance(data, list)
            and len(data) == 5
            and isinstance(data[0], str)
            and re.fullmatch(r"[0-9a-f]{8}", data[0])
            and isinstance(data[1], str)
            and 0 < len(data[1]) <= _NAME
            and isinstance(data[3], (int, float))
            and abs(data[3]) < 1e6
            and type(data[4]) is int
            and 0 <= data[4] < 100
        )
        if not good:
            raise FilterLabError("this code holds no answer; copy it whole")
        rows = tuple(tuple(row) for row in kernel_from(data[2], "answer"))
        return cls(data[0], one_line(data[1]), rows, float(data[3]), data[4])


def _pack(kind: str, data: Any) -> str:
    raw = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    packed = zlib.compress(raw, 9)
    body = base64.b32encode(packed + zlib.crc32(packed).to_bytes(4, "big")).decode().rstrip("=")
    return f"{kind}-{body}"


def _unpack(kind: str, code: str, what: Text) -> Any:
    plain = re.sub(r"\s+", "", code).upper()
    if len(plain) > _LONGEST or not plain.startswith(f"{kind}-"):
        raise FilterLabError(
            "this is no code of {what}; such a code begins with {kind}-", what=what, kind=kind
        )
    body = plain[len(kind) + 1 :]
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
        packed, sum_ = raw[:-4], raw[-4:]
        if zlib.crc32(packed).to_bytes(4, "big") != sum_:
            raise ValueError
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, _UNPACKED)
        if unpacker.unconsumed_tail:
            raise ValueError
        return json.loads(text)
    except (ValueError, zlib.error, RecursionError):
        raise FilterLabError(
            "the code of {what} is not whole; copy all of it, from {kind}- to its end",
            what=what,
            kind=kind,
        ) from None


def level(number: int) -> Challenge:
    """One of the levels that come along, counted from 0."""
    name, kernel, bias = LEVELS[number]
    return Challenge.make(name, kernel, bias)


def output(picture: Floats, kernel: Kernel, bias: float = 0.0) -> Floats:
    """What a filter answers, float32 (H, W): correlation with zeros around, as Caffe pads.

    Parameters
    ----------
    picture : float32 (H, W) grey or (H, W, 3), 0 to 1
    """
    grey = picture if picture.ndim == 2 else grey_of(picture)
    found = cv2.filter2D(
        np.ascontiguousarray(grey, np.float32),
        cv2.CV_32F,
        np.ascontiguousarray(kernel, np.float32),
        borderType=cv2.BORDER_CONSTANT,
    )
    return np.asarray(found + np.float32(bias), np.float32)


def score(challenge: Challenge, kernel: Kernel, bias: float = 0.0) -> float:
    """How near a kernel's answer is to the target, 0 to 100.

    100 (1 - e / s) and never below 0: e is the root mean square of the difference between both
    outputs, s the standard deviation of the target (of the input, where the target is flat).
    """
    picture = sample(challenge.sample, grey=True)
    wanted = output(picture, challenge.rows, challenge.bias)
    found = output(picture, kernel, bias)
    error = float(np.sqrt(np.mean((found - wanted) ** 2, dtype=np.float64)))
    spread = float(wanted.std(dtype=np.float64)) or float(picture.std(dtype=np.float64)) or 1.0
    return max(0.0, 100 * (1 - error / spread))


def told_match(points: float) -> float:
    """A score to a tenth, as it is shown: never rounded up to what it is not."""
    return int(points * 10) / 10


def hints(challenge: Challenge) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Hints in the order in which they are given: a kind and its values.

    ``size`` (rows, columns), ``sum`` (value), ``symmetries`` (names), ``bias`` (value), ``cell``
    (row, column, value: the one of the largest absolute value).
    """
    kernel = challenge.rows
    about = facts(kernel)
    row, column = np.unravel_index(int(np.abs(kernel).argmax()), kernel.shape)
    found: list[tuple[str, dict[str, Any]]] = [
        ("size", {"rows": kernel.shape[0], "columns": kernel.shape[1]}),
        ("sum", {"value": about.total}),
    ]
    if about.symmetries:
        found.append(("symmetries", {"names": list(about.symmetries)}))
    if challenge.bias:
        found.append(("bias", {"value": challenge.bias}))
    found.append(
        ("cell", {"row": int(row), "column": int(column), "value": float(kernel[row, column])})
    )
    return tuple(found)


def class_list(
    challenge: Challenge, codes: Iterable[str]
) -> tuple[list[tuple[Answer, float]], list[Text]]:
    """The answers to a challenge with their scores, best first, and what is wrong with the others.

    Of several answers of one name the best counts, of those alike the first.
    """
    best: dict[str, tuple[Answer, float]] = {}
    problems: list[Text] = []
    for number, code in enumerate(codes, 1):
        try:
            answer = Answer.from_code(code)
            if answer.mark != challenge.mark:
                raise FilterLabError(
                    "the answer of {name} is to another challenge", name=answer.name
                )
            points = score(challenge, as_kernel(np.array(answer.kernel, np.float32)), answer.bias)
        except FilterLabError as error:
            problems.append(Text("line {n}: {reason}", n=number, reason=error))
            continue
        if answer.name not in best or points > best[answer.name][1]:
            best[answer.name] = (answer, points)
    ranked = sorted(best.values(), key=lambda pair: (-pair[1], pair[0].hints, pair[0].name))
    return ranked, problems


def to_csv(ranked: Iterable[tuple[Answer, float]]) -> str:
    """A class list as CSV: name, match in percent, hints, kernel, bias."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "match %", "hints", "kernel", "bias"])
    for answer, points in ranked:
        rows = "; ".join(" ".join(f"{v:g}" for v in row) for row in answer.kernel)
        # A spreadsheet takes a cell that begins so for a formula.
        name = f"'{answer.name}" if answer.name[:1] in "=+-@" else answer.name
        writer.writerow(
            [name, f"{told_match(points):.1f}", answer.hints, f" {rows}", f"{answer.bias:g}"]
        )
    return stream.getvalue()
