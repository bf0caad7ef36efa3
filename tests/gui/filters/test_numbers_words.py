"""What the Filters tab says of a pixel's window and of the output's size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from filterlab.gui.filters.panel import size_sentence, window_sentences
from filterlab.workbench.filter_bench import FilterBench

PICTURE = np.random.default_rng(1).random((30, 40)).astype(np.float32)


def made(*edits: Callable[[FilterBench], Any]) -> FilterBench:
    bench = FilterBench(PICTURE)
    for edit in edits:
        edit(bench)
    return bench


def size(rows: int, columns: int) -> Callable[[FilterBench], Any]:
    return lambda bench: bench.set_size((rows, columns))


def same(bench: FilterBench) -> None:
    bench.set_pad("same")


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ([size(5, 5)], "A valid 5 × 5 convolution shrinks the picture by 4: 40 × 30 becomes "
                       "36 × 26."),
        ([size(3, 7)], "A valid 3 × 7 convolution shrinks 40 × 30 to 34 × 28."),
        ([size(7, 3)], "A valid 7 × 3 convolution shrinks 40 × 30 to 38 × 24."),
        ([size(1, 3)], "A valid 1 × 3 convolution shrinks 40 × 30 to 38 × 30."),
        ([size(1, 1)], "A 1 × 1 kernel fits everywhere; the output keeps the size, 40 × 30."),
        ([size(3, 5), same], "Padded with zeros, the output keeps the picture's size, 40 × 30."),
        ([size(3, 5), same, lambda b: b.set_edge("reflect")],
         "Padded, the output keeps the picture's size, 40 × 30."),
        ([size(3, 5), lambda b: b.set_stride(2)],
         "A stride of 2 keeps one place in 2: 40 × 30 becomes 18 × 14."),
        ([size(3, 3), same, lambda b: b.set_stride(4)],
         "A stride of 4 keeps one place in 4: 40 × 30 becomes 10 × 8."),
        ([size(5, 5), lambda b: b.set_dilation(2)],
         "A valid 5 × 5 convolution shrinks the picture by 8: 40 × 30 becomes 32 × 22."),
    ],
)  # fmt: skip
def test_what_becomes_of_the_size(edits: list[Any], sentence: str) -> None:
    assert size_sentence(made(*edits)) == sentence


def told(bench: FilterBench, row: int, column: int) -> list[str]:
    return window_sentences(bench.explain(1, row, column), PICTURE.shape, bench.settings.stride)


def test_what_a_window_sees() -> None:
    bench = made(size(3, 5))
    bench.set_kernel(1, np.arange(15.0).reshape(3, 5))
    bench.set_bias(1, 0.25)
    sentences = told(bench, 4, 7)
    patch = PICTURE[4:7, 7:12].astype(np.float64)
    turned = float((patch * np.arange(15.0).reshape(3, 5)[::-1, ::-1]).sum()) + 0.25
    assert sentences == [
        "Sees rows 4 to 6, columns 7 to 11.",
        "Caffe does not flip the kernel; flipped, as in textbooks, this were "
        f"{turned:.4g}.",
    ]  # fmt: skip


def test_of_a_window_over_the_corner_the_padding_is_counted() -> None:
    """3 x 5 cells at the first pixel: a row and two columns lie outside, 5 + 2 * 2 cells."""
    bench = made(size(3, 5), same)
    bench.set_kernel(1, np.ones((3, 5)))
    first = told(bench, 0, 0)
    assert first[:2] == [
        "Sees rows \N{MINUS SIGN}1 to 1, columns \N{MINUS SIGN}2 to 2.", "9 cells are padding.",
    ]  # fmt: skip
    assert told(bench, 29, 39)[:2] == [
        "Sees rows 28 to 30, columns 37 to 41.", "9 cells are padding.",
    ]  # fmt: skip
    assert told(bench, 0, 5)[1] == "5 cells are padding."
    assert told(bench, 5, 39)[1] == "6 cells are padding."
    assert told(bench, 1, 2)[1].startswith("Caffe")


@pytest.mark.parametrize(("shape", "dilation"), [((3, 5), 2), ((1, 3), 3), ((3, 1), 3)])
def test_dilation_and_stride_are_said(shape: tuple[int, int], dilation: int) -> None:
    bench = made(size(*shape), lambda b: b.set_dilation(dilation))
    bench.set_kernel(1, np.ones(shape))
    rows, columns = ((n - 1) * dilation for n in shape)
    sentences = told(bench, 2, 3)
    assert sentences[0] == f"Sees rows 2 to {2 + rows}, columns 3 to {3 + columns}."
    assert sentences[1] == f"Dilation {dilation}: its cells look at pixels {dilation} apart."
    bench.set_stride(3)
    sentences = told(bench, 2, 3)
    assert sentences[0] == f"Sees rows 6 to {6 + rows}, columns 9 to {9 + columns}."
    assert sentences[2] == "Stride 3: the next window stands 3 pixels on."
    bench.set_dilation(1)
    assert told(bench, 2, 3)[1] == "Stride 3: the next window stands 3 pixels on."


def test_a_single_cell_has_no_dilation_to_tell_of() -> None:
    bench = made(size(1, 1), lambda b: b.set_dilation(2))
    bench.set_kernel(1, np.ones((1, 1)))
    assert len(told(bench, 2, 3)) == 2
