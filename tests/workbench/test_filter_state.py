"""The filters' state: what a session of it holds, what differs, and what it begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from filterlab.errors import FilterLabError
from filterlab.pictures import sample
from filterlab.surgery.convolve import Picture, Settings
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.filter_state import (
    MOST_STEPS,
    BenchState,
    PresetChoice,
    check_steps,
    from_session,
    kept_steps,
    sample_picture,
    start_state,
    step_from_session,
    to_session,
    with_mode,
)

PICTURE = np.random.default_rng(2).random((30, 40, 3), dtype=np.float32)


def test_it_begins_with_the_tutorials_filters_on_a_ramp() -> None:
    state = FilterBench().state
    assert [choice.title for choice in state.presets if choice] == [
        "Gaussian σ 1 px", "Sobel ─", "Sobel │",
    ]  # fmt: skip
    assert state.sizes == ((5, 5), (3, 3), (3, 3))
    assert (state.bias.tolist(), state.divisors.tolist()) == ([0, 0, 0], [1, 1, 1])
    y, x = np.mgrid[-2:3, -2:3]
    bell = np.exp(-(x**2 + y**2) / 2)
    np.testing.assert_allclose(state.own(0)[0], bell / bell.sum(), atol=1e-6)
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    assert {state.own(1)[0].tobytes(), state.own(2)[0].tobytes()} == {
        np.asarray(sobel, np.float32).tobytes() for sobel in (down, down.T)
    }
    pixels = state.picture.pixels
    assert pixels.shape == (360, 480)
    for row in (0, 200, 359):
        np.testing.assert_allclose(pixels[row], np.arange(480) / 479, atol=1e-6)
    assert not state.linked
    assert not state.stack
    titled = start_state(PICTURE, "cat")
    assert titled.picture.title == "cat"
    assert start_state(titled.picture, "dog").picture is titled.picture


@pytest.mark.parametrize("divisors", [(2, 2, 2), (1, 2, 1), (-3, 1, 1), (1, 1, 1)])
def test_the_weights_are_the_cells_divided(divisors: tuple[float, ...]) -> None:
    bench = FilterBench(PICTURE)
    for slot, divisor in enumerate(divisors):
        bench.set_divisor(slot, divisor)
    state = bench.state
    for slot, divisor in enumerate(divisors):
        wanted = state.kernels[slot].astype(np.float64) / divisor
        np.testing.assert_array_equal(state.weights[slot], wanted.astype(np.float32))
        np.testing.assert_array_equal(bench.weights(slot), state.own(slot) / np.float32(divisor))
    assert not state.weights.flags.writeable


# --- sessions -------------------------------------------------------------------------------------


@pytest.fixture
def session() -> dict[str, Any]:
    """A 5 x 3 and two smaller ones, all own kernels, in a blob of 5 x 5."""
    bench = FilterBench(PICTURE)
    rng = np.random.default_rng(7)
    for slot, size in enumerate(((5, 3), (1, 5), (3, 3))):
        bench.set_kernel(slot, rng.normal(size=size))
    return bench.session()


def read(values: dict[str, Any]) -> BenchState:
    return from_session(values, Picture(PICTURE))


def test_a_session_comes_back_in_every_part(session: dict[str, Any]) -> None:
    found = read(session)
    assert found.sizes == ((5, 3), (1, 5), (3, 3))
    np.testing.assert_array_equal(found.kernels, np.array(session["kernels"], np.float32))
    assert to_session(found) == session


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [[5, 5], [5, 5], [7, 5]]}, {"sizes": [[5, 5], [5, 5], [5, 7]]},
        {"sizes": [[7, 5], [1, 1], [1, 1]]}, {"sizes": [[5, 5]] * 2}, {"sizes": [[5, 5]] * 4},
        {"bias": [0, 0, float("nan")]}, {"bias": [0, 0]},
        {"bias": [0] * 4}, {"divisors": [1, 1, 0]}, {"divisors": [0, 1, 1]},
        {"divisors": [1, float("inf"), 1]}, {"divisors": [1, 1]}, {"divisors": [[1, 1, 1]]},
        {"presets": [None] * 2}, {"presets": [None] * 4}, {"presets": [{"key": "box"}] * 3},
        {"settings": {"stride": 2.0}}, {"settings": {"dilation": 1.0}},
        {"settings": {"stride": True}}, {"settings": {"mode": "three"}},
        {"settings": {"evil": 1}},
        {"kernels": [[[[0.0] * 5] * 5]] * 2},
        {"kernels": [[[[0.0] * 5] * 5] * 3] * 3}, {"kernels": [[[[1e39] * 5] * 5]] * 3},
    ],
)  # fmt: skip
def test_a_session_that_is_none_is_refused(session: dict[str, Any], change: dict[str, Any]) -> None:
    read(session)
    with pytest.raises(FilterLabError, match="filters of the last session"):
        read({**session, **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sizes": [[4, 4]] * 3}, "no centre"), ({"settings": {"dilation": 9}}, "dilation 9"),
        ({"kernels": [[[[0.0] * 4] * 5]] * 3}, "5 x 4 has no centre"),
    ],
)  # fmt: skip
def test_a_session_with_an_impossible_number_names_it(
    session: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(FilterLabError, match=said):
        read({**session, **change})


@pytest.mark.parametrize(
    ("sizes", "linked"),
    [([[5, 5], [5, 5], [5, 5]], True), ([[5, 5], [5, 5], [5, 3]], False)],
)
def test_a_session_of_before_linked_what_was_of_one_size(
    session: dict[str, Any], sizes: list[list[int]], linked: bool
) -> None:
    old = {key: value for key, value in session.items() if key not in ("linked", "divisors")}
    found = read({**old, "sizes": sizes})
    assert found.linked is linked
    assert found.divisors.tolist() == [1, 1, 1]
    assert found.sizes == tuple(map(tuple, sizes))
    del old["sizes"]  # the first knew one size for all
    found = read(old)
    assert found.sizes == ((5, 5),) * 3
    assert found.linked
    for odd in (1, "yes", None):
        assert read({**session, "linked": odd}).linked is False
    assert read({**session, "linked": True}).linked is True


def test_a_sessions_presets_are_known_by_their_parameters(session: dict[str, Any]) -> None:
    choice = {"key": "gaussian", "parameters": {"sigma": 2.0}}
    found = read({**session, "presets": [choice, None, None]})
    assert found.presets == (PresetChoice("gaussian", (("sigma", 2.0),)), None, None)
    with pytest.raises(FilterLabError):
        read({**session, "presets": [{"key": "gaussian", "parameters": {"sigma": -1}}, None, None]})


# --- what differs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "kinds", "slots"),
    [
        (lambda b: b.set_cell(1, 0, 0, 9), {"kernels", "presets"}, {1}),
        (lambda b: b.set_bias(2, 1), {"bias"}, {2}),
        (lambda b: b.set_divisor(0, 2), {"divisor"}, {0}),
        (lambda b: b.set_linked(True), {"size", "kernels"}, {1, 2}),
        (lambda b: b.set_size(7, 2), {"size", "kernels"}, {2}),
        (lambda b: b.set_stride(2), {"settings"}, set()),
        (lambda b: b.set_mode("three"), {"settings", "kernels"}, {0, 1, 2}),
        (lambda b: b.set_picture(PICTURE[:20]), {"picture"}, set()),
        (lambda b: b.swap(0, 2), {"size", "kernels", "presets"}, {0, 2}),
        (lambda b: b.apply_preset(1, "sobel-h"), set(), set()),
        (lambda b: b.apply_preset(2, "box"), {"kernels", "presets"}, {2}),
        (lambda b: b.take(1, b.kernel(1), 0.5), {"bias"}, {1}),
        (lambda b: b.set_size(5), {"size", "kernels"}, {1, 2}),
    ],
)
def test_what_changed_and_of_which_filter(
    edit: Callable[[FilterBench], str], kinds: set[str], slots: set[int]
) -> None:
    bench = FilterBench(PICTURE)
    old = bench.state
    told = []
    bench.subscribe(told.append)
    assert bool(edit(bench)) is bool(kinds)
    assert bench.state.difference(old) == (kinds, slots)
    assert old.difference(bench.state) == (kinds, slots)
    assert bench.state.same(old) is not bool(kinds)
    assert [(change.kinds, change.slots) for change in told] == ([(kinds, slots)] if kinds else [])


def test_an_equal_copy_does_not_differ() -> None:
    state = FilterBench(PICTURE).state
    assert state.same(replace(state, kernels=state.kernels.copy(), bias=state.bias.copy()))
    # As many cells, and none of them another: yet it is larger.
    small = from_session(to_session(state), state.picture)
    assert small.same(state)
    padded = replace(small, kernels=np.pad(small.kernels, ((0, 0), (0, 0), (1, 1), (1, 1))))
    assert padded.difference(small) == ({"kernels"}, frozenset())


# --- colour ---------------------------------------------------------------------------------------


def test_a_kernel_is_spread_by_the_shares_of_red_green_and_blue_and_summed_again() -> None:
    state = FilterBench(PICTURE).state
    three = with_mode(state, "three")
    shares = np.array([0.2125, 0.7154, 0.0721])
    assert three.kernels.shape == (3, 3, 5, 5)
    np.testing.assert_allclose(
        three.kernels, state.kernels * shares[None, :, None, None], rtol=1e-6
    )
    back = with_mode(three, "each")
    assert back.kernels.shape == (3, 1, 5, 5)
    np.testing.assert_allclose(back.kernels, state.kernels, atol=1e-6)
    assert (back.settings.mode, three.settings.mode) == ("each", "three")
    assert with_mode(state, "each").kernels is state.kernels
    assert with_mode(three, "three").kernels is three.kernels


def test_a_filter_elsewhere_is_made_anew_over_three_channels() -> None:
    bench = FilterBench(PICTURE)
    bench.set_mode("three")
    bench.set_size(7, 1)
    made = PRESETS["sobel-h"].make((7, 7))
    np.testing.assert_allclose(bench.filter(1).sum(axis=0), made, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bench.kernel(1, 1), made * 0.7154, rtol=1e-5)
    assert bench.preset(1) is not None
    bench.set_kernel(2, np.arange(12.0).reshape(3, 2, 2).repeat(3, 1)[:, :3, [0, 1, 1]])
    own = bench.filter(2).copy()
    bench.set_size(5, 2)
    np.testing.assert_array_equal(bench.filter(2)[:, 1:4, 1:4], own)
    assert bench.filter(2).sum() == own.sum()


def test_a_sample_as_an_input() -> None:
    picture = sample_picture("camera")
    assert picture.origin == ("sample", "camera")
    assert str(picture.title) == "Photographer" or picture.title
    np.testing.assert_array_equal(picture.pixels, sample("camera"))
    assert not picture.pixels.flags.writeable


# --- applied steps --------------------------------------------------------------------------------


def test_each_step_gives_what_the_next_looks_at() -> None:
    """Of 30 x 40 pixels: 28 x 34 by a 3 x 7, then padded, every second, with holes."""
    plain = {"bias": 0.5, "slot": 0, "name": "x"}
    first = {"weights": np.ones((1, 3, 7)).tolist(), "size": [3, 7], "settings": {}, **plain}
    settings = {"pad": "same", "stride": 2, "dilation": 2}
    second = {
        "weights": np.ones((1, 5, 3)).tolist(), "size": [5, 3], "settings": settings, **plain,
    }  # fmt: skip

    def picture(rows: int, cols: int) -> Picture:
        return Picture(np.zeros((rows, cols), np.float32))

    one = step_from_session(first, picture(30, 40))
    two = step_from_session(second, picture(28, 34))
    assert two.settings == Settings(pad="same", stride=2, dilation=2)
    check_steps([one, two], picture(14, 17))
    check_steps([one], picture(28, 34))
    wrong = step_from_session(second, picture(28, 33))
    for steps, last in (
        ([one, two], picture(14, 16)), ([one, two], picture(13, 17)),
        ([one, wrong], picture(14, 17)), ([two, one], picture(28, 34)), ([one], picture(34, 28)),
    ):  # fmt: skip
        with pytest.raises(FilterLabError, match="an applied step"):
            check_steps(steps, last)


def test_of_the_steps_64_million_pixels_are_kept_the_last_first() -> None:
    def step(rows: int, cols: int) -> Any:
        return SimpleNamespace(picture=SimpleNamespace(height=rows, width=cols))

    full, dot, half = step(8000, 8000), step(1, 1), step(4000, 8000)
    for steps, kept in (
        ([full], [full]), ([dot, full], [full]), ([full, dot], [dot]), ([half, half], [half] * 2),
        ([dot, half, half], [half] * 2), ([dot] * 20, [dot] * MOST_STEPS), ([], []),
        ([dot, full, half], [half]),
    ):  # fmt: skip
        assert kept_steps(steps) == kept
    assert MOST_STEPS == 16
