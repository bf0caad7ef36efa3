"""The numbers of kernels and strokes, against the literature, SciPy and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from filterlab.errors import FilterLabError
from filterlab.progress import run_job
from filterlab.surgery.convolve import Picture
from filterlab.surgery.drawing import drawn_job, stroke
from filterlab.surgery.kernels import transform
from filterlab.surgery.kernels.analysis import explain_pixel, facts, symmetries
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.surgery.kernels.text import parse_block, parse_number

STENCILS = {
    "sobel-h": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "sobel-v": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "prewitt-h": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "prewitt-v": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "scharr-h": [[-3, -10, -3], [0, 0, 0], [3, 10, 3]],
    "scharr-v": [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]],
    "roberts-1": [[0, 0, 0], [0, 1, 0], [0, 0, -1]],
    "roberts-2": [[0, 0, 0], [0, 0, 1], [0, -1, 0]],
    "laplacian-4": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "laplacian-8": [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
    "line-h": [[-1, -1, -1], [2, 2, 2], [-1, -1, -1]],
    "line-v": [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]],
    "line-45": [[-1, -1, 2], [-1, 2, -1], [2, -1, -1]],
    "line-135": [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]],
    "corner": [[-4, -4, -4], [-4, 5, 5], [-4, 5, 5]],
    "corner-x": [[1, 0, -1], [0, 0, 0], [-1, 0, 1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "box": [[1 / 9] * 3] * 3,
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}


@pytest.mark.parametrize("key", sorted(STENCILS))
def test_the_kernels_that_everybody_knows(key: str) -> None:
    wanted = np.array(STENCILS[key], np.float32)
    np.testing.assert_array_equal(PRESETS[key].make(3), wanted)
    wide = PRESETS[key].make((5, 7)) if key != "box" else np.pad(wanted, ((1, 1), (2, 2)))
    np.testing.assert_array_equal(wide[1:4, 2:5], wanted)
    assert np.count_nonzero(wide) == np.count_nonzero(wanted)


#: By preset: the size at which its defaults lose nothing, and each parameter's default, least,
#: greatest and step.
OFFERED = {
    "identity": (1, {}),
    "random": (5, {"std": (0.01, 0.0001, 10, 0.01), "seed": (0, 0, 2**31 - 1, 1)}),
    "box": (3, {}),
    "gaussian": (5, {"sigma": (1, 0.1, 10, 0.1)}),
    "motion": (5, {"length": (5, 1, 15, 1), "angle": (0, -360, 360, 5)}),
    "sharpen": (3, {"amount": (1, 0, 10, 0.1)}),
    "unsharp": (5, {"sigma": (1, 0.1, 10, 0.1), "amount": (1, 0, 10, 0.1)}),
    "emboss": (3, {"angle": (-45, -360, 360, 45), "amount": (1, 0, 10, 0.1)}),
    "sobel-h": (3, {}),
    "log": (9, {"sigma": (1, 0.1, 10, 0.1)}),
    "dog": (11, {"sigma1": (1, 0.1, 10, 0.1), "sigma2": (2, 0.1, 10, 0.1)}),
    "gabor": (
        11,
        {
            "wavelength": (4, 2, 30, 0.5),
            "angle": (0, -360, 360, 15),
            "sigma": (2, 0.1, 10, 0.1),
            "phase": (0, -360, 360, 15),
        },
    ),
    "corner": (3, {"turns": (0, 0, 3, 1)}),
}


@pytest.mark.parametrize("key", sorted(OFFERED))
def test_sliders_begin_and_end_where_the_documentation_says(key: str) -> None:
    preset, (size, parameters) = PRESETS[key], OFFERED[key]
    assert preset.natural_size == size
    found = {p.name: (p.default, p.minimum, p.maximum, p.step) for p in preset.parameters}
    assert found == parameters
    whole = {p.name for p in preset.parameters if p.whole}
    assert whole == {"seed", "turns"} & set(parameters)


@pytest.mark.parametrize("size", [(9, 9), (7, 11)])
def test_bells_and_waves_by_loops(size: tuple[int, int]) -> None:
    rows, cols = size
    made = {
        "gaussian": {"sigma": 1.3},
        "dog": {"sigma1": 0.8, "sigma2": 2.5},
        "log": {"sigma": 1.4},
        "gabor": {"wavelength": 5, "angle": 30, "sigma": 2.2, "phase": 45},
        "unsharp": {"sigma": 1.3, "amount": 0.7},
    }
    found = {key: PRESETS[key].make(size, **values) for key, values in made.items()}
    wanted = {key: np.zeros(size) for key in made}

    def bell(sigma: float) -> np.ndarray:
        cells = np.zeros(size)
        for r in range(rows):
            for c in range(cols):
                square = (r - rows // 2) ** 2 + (c - cols // 2) ** 2
                cells[r, c] = math.exp(-square / (2 * sigma**2))
        return cells / cells.sum()

    wanted["gaussian"] = bell(1.3)
    wanted["dog"] = bell(0.8) - bell(2.5)
    wanted["unsharp"] = -0.7 * bell(1.3)
    wanted["unsharp"][rows // 2, cols // 2] += 1.7
    for r in range(rows):
        for c in range(cols):
            up, right = rows // 2 - r, c - cols // 2
            square = up**2 + right**2
            wanted["log"][r, c] = (square - 2 * 1.4**2) / 1.4**4 * bell(1.4)[r, c]
            along = right * math.cos(math.pi / 6) + up * math.sin(math.pi / 6)
            wave = math.cos(2 * math.pi * along / 5 + math.pi / 4)
            wanted["gabor"][r, c] = math.exp(-square / (2 * 2.2**2)) * wave
    wanted["log"] -= wanted["log"].mean()
    for key in made:
        np.testing.assert_allclose(found[key], wanted[key], atol=1e-7, err_msg=key)


@pytest.mark.parametrize(("angle", "length"), [(0, 5), (90, 3), (45, 4), (-30, 5)])
def test_a_moving_camera_by_loops(angle: float, length: float) -> None:
    """The line's points, each shared out among the four cells around it."""
    found = PRESETS["motion"].make((7, 9), angle=angle, length=length)
    wanted, count = np.zeros((7, 9)), 32 * math.ceil(length)
    for k in range(count):
        along = ((k + 0.5) / count - 0.5) * (length - 1)
        y = 3 - along * math.sin(math.radians(angle))
        x = 4 + along * math.cos(math.radians(angle))
        for r in range(7):
            for c in range(9):
                wanted[r, c] += max(0, 1 - abs(y - r)) * max(0, 1 - abs(x - c))
    np.testing.assert_allclose(found, wanted / wanted.sum(), atol=1e-6)


@pytest.mark.parametrize(("angle", "column"), [(90, True), (0, False), (180, False)])
def test_a_straight_motion_leaves_the_lines_beside_it_alone(angle: float, column: bool) -> None:
    found = PRESETS["motion"].make(5, angle=angle)
    line = found[:, 2] if column else found[2]
    assert np.count_nonzero(found) == np.count_nonzero(line) == 5


def test_two_filters_in_a_row_are_scipys_convolution() -> None:
    rng = np.random.default_rng(3)
    for one, two in (((3, 5), (5, 3)), ((1, 3), (7, 1)), ((5, 5), (3, 7))):
        first, second = rng.normal(size=one), rng.normal(size=two)
        # Correlating twice is correlating with the full convolution of both.
        wanted = signal.convolve2d(first, second, mode="full")
        np.testing.assert_allclose(transform.compose(first, second), wanted, atol=1e-12)


def test_zeros_around_a_kernel_do_not_count_on_either_axis() -> None:
    inner = np.arange(1.0, 10).reshape(3, 3)
    np.testing.assert_array_equal(transform.compose(np.pad(inner, 2), np.eye(1)), inner)
    rows = np.zeros((5, 5))
    rows[2] = 1  # zero above and below, but not at its sides
    assert transform.compose(rows, np.eye(1)).shape == (5, 5)
    assert transform.compose(rows.T, np.eye(1)).shape == (5, 5)
    with pytest.raises(FilterLabError, match="13 x 9"):
        transform.compose(np.ones((7, 5)), np.ones((7, 5)))
    assert transform.compose(np.ones((7, 5)), np.ones((5, 7))).shape == (11, 11)


@pytest.mark.parametrize("radius", [0.2, 1.0, 2.5])
@pytest.mark.parametrize(
    ("start", "end"),
    [((5, 5), (5, 5)), ((2, 3), (9, 12)), ((9, 12), (2, 3)), ((-3, 4), (6, -2)), ((8, 1), (8, 30))],
)
def test_a_stroke_by_loops(
    start: tuple[float, float], end: tuple[float, float], radius: float
) -> None:
    pixels = np.zeros((12, 16), np.float32)
    assert stroke(pixels, start, end, radius, 0.75)
    wanted = np.zeros_like(pixels)
    for row in range(12):
        for column in range(16):
            # The nearest of many points of the line.
            along = np.linspace(0, 1, 2001)
            nearest = np.hypot(
                row - (start[0] + along * (end[0] - start[0])),
                column - (start[1] + along * (end[1] - start[1])),
            ).min()
            # The finest brush still draws a pixel wide.
            if nearest <= max(radius, 0.5) + 1e-4:
                wanted[row, column] = 0.75
    np.testing.assert_array_equal(pixels, wanted)


def test_a_stroke_beside_the_picture_draws_nothing() -> None:
    pixels = np.zeros((6, 6), np.float32)
    for place in ((-5, 2), (11, 2), (2, -5), (2, 11)):
        assert not stroke(pixels, place, place, 1.5, 1.0)
    assert not pixels.any()
    assert stroke(pixels, (-1.0, 2.0), (-1.0, 2.0), 1.0, 1.0)
    assert pixels[0, 2] == 1
    assert pixels.sum() == 1


def test_a_stroke_through_places_is_all_its_parts() -> None:
    places = [(3.0, 3.0), (3.0, 10.0), (9.0, 10.0)]
    steps = []
    job = drawn_job(Picture(np.zeros((14, 16, 3), np.float32)), places, 1.0, (0.2, 0.4, 0.6))
    try:
        while True:
            progress = next(job)
            steps.append((progress.done, progress.total))
    except StopIteration as end:
        drawn = end.value
    assert steps == [(0, 2), (1, 2)]
    wanted = np.zeros((14, 16, 3), np.float32)
    for row in range(14):
        for column in range(16):
            on = (abs(row - 3) <= 1 and 3 <= column <= 10) or (
                abs(column - 10) <= 1 and 3 <= row <= 9
            )
            for at in places:
                on = on or math.hypot(row - at[0], column - at[1]) <= 1
            if on:
                wanted[row, column] = (0.2, 0.4, 0.6)
    np.testing.assert_array_equal(drawn.pixels, wanted)
    grey = run_job(drawn_job(Picture(np.zeros((5, 5), np.float32)), [(2, 2)], 1, (0.2, 0.4, 0.6)))
    assert grey.pixels[2, 2] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0,5", 0.5), ("1/9", 1 / 9), ("−2", -2.0), ("0.5", 0.5), (" 3 / 4 ", 0.75), ("1e-3", 1e-3)],
)
def test_a_number_as_it_is_typed(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["1,234.5", "1,2,3", "0.5,", "1/0", "x"])
def test_what_is_no_one_number_is_refused(text: str) -> None:
    with pytest.raises(FilterLabError):
        parse_number(text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0,5 0,25 1\n1 2 3", [[0.5, 0.25, 1], [1, 2, 3]]),
        ("1,2,3\n4,5,6", [[1, 2, 3], [4, 5, 6]]),
        ("1\t2\n3\t4", [[1, 2], [3, 4]]),
        ("0,5\t1\n2\t3", [[0.5, 1], [2, 3]]),
        ("1;2,5\n3;4", [[1, 2.5], [3, 4]]),
        ("1,2;3,4", [[1, 2], [3, 4]]),
        ("1,5\n2 2,5", None),
    ],
)
def test_tables_of_any_country(text: str, rows: list[list[float]] | None) -> None:
    if rows is None:
        with pytest.raises(FilterLabError, match="row 2"):
            parse_block(text)
    else:
        np.testing.assert_array_equal(parse_block(text), np.array(rows, np.float32))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2\n3", "row 2 has 1 value, row 1 has 2"),
        ("1\t\t2\n3", "row 1, column 2 is empty"),
        ("0,5 0,25\n1,5", "row 2 has 1 value, row 1 has 2"),
    ],
)
def test_a_line_of_another_kind_is_named(text: str, said: str) -> None:
    with pytest.raises(FilterLabError, match=said):
        parse_block(text)


def test_an_extra_semicolon_is_named_by_its_row() -> None:
    for text, row in (("1 2;;3 4", 2), ("1 2;3 4;;5 6", 3)):
        with pytest.raises(FilterLabError, match=f"row {row} has no values"):
            parse_block(text)


def test_the_pixel_in_the_corner_is_explained_at_full_size() -> None:
    """Beyond the last row and column the patch holds zeros, not the neighbours."""
    rng = np.random.default_rng(1)
    picture, kernel = rng.random((1, 4, 6), np.float32), rng.random((1, 5, 3), np.float32)
    found = explain_pixel(picture, kernel, 0.25, 3, 5, pad=(2, 1))
    wanted = np.zeros((5, 3))
    for r in range(5):
        for c in range(3):
            y, x = 3 - 2 + r, 5 - 1 + c
            if y < 4 and x < 6:
                wanted[r, c] = picture[0, y, x]
    np.testing.assert_array_equal(found.patch[0], wanted.astype(np.float32))
    assert found.box == (4, 1, 7, 6)
    flipped = sum(wanted[r, c] * float(kernel[0, 4 - r, 2 - c]) for r in range(5) for c in range(3))
    assert found.flipped_result == pytest.approx(flipped + 0.25)
    assert found.result == pytest.approx((wanted * kernel[0].astype(float)).sum() + 0.25)


def test_symmetry_is_within_rounding_and_no_more() -> None:
    even = np.array([[1, 2, 1], [0, 5, 0], [3, 1, 3]], np.float32)
    assert symmetries(even) == ("left-right",)
    for off, names in ((4e-5, ("left-right",)), (8e-5, ())):
        uneven = even.copy()
        uneven[0, 0] += off
        assert symmetries(uneven) == names
    assert facts(even).total == 16
    assert facts(even).norm == pytest.approx(math.sqrt(1 + 4 + 1 + 25 + 9 + 1 + 9))
