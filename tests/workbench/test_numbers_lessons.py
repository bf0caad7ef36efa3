"""The numbers of lessons: what a lesson sees of the benches, its limits, and challenges' codes."""

from __future__ import annotations

import base64
import datetime
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import correlate

from filterlab.errors import FilterLabError
from filterlab.pictures import sample, write_picture
from filterlab.progress import run_job
from filterlab.surgery.kernels import as_kernel
from filterlab.surgery.kernels.presets import PRESETS
from filterlab.workbench import challenges, facts, lessons
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.heatmap_bench import HeatmapBench

HEAD = 'key = "k"\ntab = "filters"\ntitle = "T"\n'
STEP = '[[step]]\ntext = "x"\n'


def lesson(text: str) -> lessons.Lesson:
    return lessons.parse_lesson(HEAD + text, "l")


def refused(text: str) -> str:
    with pytest.raises(FilterLabError) as error:
        lesson(text)
    return str(error.value)


# --- facts --------------------------------------------------------------------------------------


def test_each_fact_of_the_filters_is_of_its_own_filter() -> None:
    """Three filters that have nothing in common; expected by hand."""
    bench = FilterBench(np.zeros((41, 60), np.float32), "black")
    bench.set_linked(False)
    bench.set_kernel(0, [[1, 2, 3, 4, 5]])
    bench.set_kernel(1, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    bench.set_size(7, 2)
    bench.apply_preset(2, "gaussian", None, sigma=2)
    bench.set_divisor(0, 5)
    for slot, value in enumerate((0.5, -1.0, 2.0)):
        bench.set_bias(slot, value)
    bench.set_stride(2)
    bench.set_dilation(3)
    bench.set_edge("reflect")
    look = facts.Facts(bench)
    gauss = np.exp(-np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2) / 8.0)
    gauss /= gauss.sum()
    wanted: dict[str, list[Any]] = {
        "size": ["1x5", "3x3", "7x7"],
        "sum": [3, 0, 1],
        "largest": [1, 2, gauss.max()],
        "smallest": [0.2, -2, gauss.min()],
        "effect": ["brightens", "answers change only", "keeps brightness"],
        "rank": [1, 1, 1],
        "bias": [0.5, -1, 2],
        "preset": ["", "", "gaussian"],
    }
    for name, values in wanted.items():
        found = [look(f"filters.{name}.{slot}") for slot in range(3)]
        if isinstance(values[0], str):
            assert found == values, name
        else:
            assert found == pytest.approx(values, rel=1e-5, abs=1e-6), name
    assert np.allclose(look("filters.kernel.0"), [[0.2, 0.4, 0.6, 0.8, 1.0]])
    assert look("filters.kernel.1") == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    np.testing.assert_allclose(look("filters.kernel.2"), gauss, rtol=1e-5)
    assert "up-down" in look("filters.symmetries.1")
    assert "left-right" not in look("filters.symmetries.1")
    assert {"up-down", "left-right"} <= set(look("filters.symmetries.2"))
    assert look("filters.picture") == "black"
    assert (look("filters.pad"), look("filters.edge"), look("filters.mode")) == (
        "valid", "reflect", "grey",
    )  # fmt: skip
    assert (look("filters.stride"), look("filters.dilation")) == (2, 3)
    # A window of 7 cells, 3 pixels apart, is 19 pixels long.
    assert (look("filters.rows"), look("filters.columns")) == ((41 - 19) // 2 + 1, 60 // 2 - 9)
    assert look("filters.applied") == 0
    bench.set_stride(1)
    bench.set_dilation(1)
    bench.apply(1)
    assert look("filters.applied") == 1


def test_facts_of_the_heatmap(bench: HeatmapBench, nets: dict, bright: Any) -> None:
    """The brightness net on 96 x 128 pixels with one white square: mostly dark."""
    look = facts.Facts(heatmap=bench)
    maps = bench.maps
    assert maps is not None
    assert (look("heatmap.model"), look("heatmap.transplanted")) == ("bright", True)
    assert look("heatmap.mapped") is True
    # Windows of 32 pixels, 8 apart.
    assert (look("heatmap.rows"), look("heatmap.columns")) == (9, 13)
    assert (look("heatmap.classes"), look("heatmap.names")) == ([0], ["darkness"])
    assert look("heatmap.best") == 0
    bench.choose((2, 1))
    assert look("heatmap.classes") == [2, 1]
    assert look("heatmap.names") == ["nothing", "bright light"]
    assert (look("heatmap.method"), look("heatmap.density")) == ("dense", "own")
    bench.pin((1, 2))
    bench.pin((8, 12))
    assert look("heatmap.pins") == 2
    bench.set_look(projection="stretched", scale="unit")
    bench.choose_second((0,))
    assert (look("heatmap.projection"), look("heatmap.scale"), look("heatmap.show")) == (
        "stretched", "unit", "two",
    )  # fmt: skip
    assert look("heatmap.difference") is None
    bench.accept(run_job(bench.agreement_job()))
    assert bench.agreement is not None
    ours, theirs = bench.agreement.map, bench.agreement.classifier
    assert look("heatmap.difference") == pytest.approx(100 * np.abs(ours - theirs).mean())
    # Where the best by the mean and the best by its peak are not the same class.
    cells = maps.prob.reshape(3, -1)
    assert look("heatmap.best") == int(cells.mean(axis=1).argmax())
    assert cells[1].max() > 0.99
    fresh = facts.Facts(heatmap=HeatmapBench(nets["bright"]))
    assert fresh("heatmap.transplanted") is False
    assert fresh("heatmap.mapped") is False
    assert fresh("heatmap.classes") == fresh("heatmap.names") == []
    for name in ("best", "rows", "columns", "method", "difference"):
        assert fresh(f"heatmap.{name}") is None
    assert fresh("heatmap.pins") == 0
    assert fresh("filters.pad") is None


def test_names_of_facts() -> None:
    good = ["filters.kernel.0", "filters.rank.2", "heatmap.best", "net.zeros", "seen.walk"]
    bad = ["filters.kernel.3", "filters.kernel", "walk", "seen.wave", "filters.pad.0", "seen."]
    assert [facts.known(name) for name in good + bad] == [True] * 5 + [False] * 6


# --- conditions ---------------------------------------------------------------------------------

K, B = "filters.kernel.0", "filters.bias.0"


@pytest.mark.parametrize(
    ("table", "value", "holds"),
    [
        # Without ``within`` a number may be off by a ten-thousandth.
        ({"fact": B, "is": 1}, 1.00009, True),
        ({"fact": B, "is": 1}, 0.99991, True),
        ({"fact": B, "is": 1}, 1.00011, False),
        ({"fact": B, "is": 1}, 0.99989, False),
        ({"fact": B, "at_least": 1}, 0.99991, True),
        ({"fact": B, "at_least": 1}, 0.99989, False),
        ({"fact": B, "at_least": 1}, 7, True),
        ({"fact": B, "at_most": 1}, 1.00009, True),
        ({"fact": B, "at_most": 1}, 1.00011, False),
        ({"fact": B, "at_most": 1}, -7, True),
        ({"fact": B, "at_most": 1}, "0", False),
        ({"fact": B, "at_most": 1}, True, False),
        ({"fact": B, "at_least": 1, "within": 0.25}, 0.75, True),
        ({"fact": B, "at_least": 1, "within": 0.25}, 0.74, False),
        ({"fact": B, "at_most": 1, "within": 0.25}, 1.25, True),
        ({"fact": B, "at_most": 1, "within": 0.25}, 1.26, False),
        ({"fact": B, "is": 1, "within": 0}, 1, True),
        ({"fact": B, "is": 1, "within": 0}, 1.0000001, False),
        ({"fact": B, "one_of": [1, 5], "within": 0.5}, 5.5, True),
        ({"fact": B, "one_of": [1, 5], "within": 0.5}, 3, False),
        ({"fact": B, "one_of": []}, 3, False),
        ({"fact": "heatmap.mapped", "is": True}, True, True),
        ({"fact": "heatmap.mapped", "is": False}, False, True),
        ({"fact": "heatmap.mapped", "is": False}, True, False),
        ({"fact": "heatmap.mapped", "is": 1}, True, False),
        ({"fact": "heatmap.mapped", "one_of": [0, True]}, True, True),
        ({"fact": "filters.pad", "is": 1}, "1", False),
        ({"fact": "filters.pad", "has": "am"}, "same", True),
        ({"fact": "filters.pad", "has": 3}, "33", False),
        ({"fact": "filters.pad", "has": "3"}, 33, False),
        ({"fact": "net.units", "has": 3}, [33], False),
        ({"fact": "net.units", "is": [1, 2]}, [2, 1], False),
        # The same cells; a smaller one is centred in zeros.
        ({"fact": K, "kernel": [[1, 2, 3]]}, [[0] * 3, [1, 2, 3], [0] * 3], True),
        ({"fact": K, "kernel": [[1], [2], [3]]}, [[0, 1, 0], [0, 2, 0], [0, 3, 0]], True),
        ({"fact": K, "kernel": [[0, 1, 0], [0, 2, 0], [0, 3, 0]]}, [[1], [2], [3]], True),
        ({"fact": K, "kernel": [[1, 2, 3]]}, [[1], [2], [3]], False),
        ({"fact": K, "kernel": [[1, 2, 3]]}, [[1, 2, 3.00009]], True),
        ({"fact": K, "kernel": [[1, 2, 3]]}, [[1, 2, 2.99991]], True),
        ({"fact": K, "kernel": [[1, 2, 3]]}, [[1, 2, 3.0002]], False),
        ({"fact": K, "kernel": [[1, 2, 3]]}, [[1, 2, 2.9998]], False),
        ({"fact": K, "kernel": [[1, 2, 3]], "within": 0.5}, [[1.5, 1.5, 3.5]], True),
        ({"fact": K, "kernel": [[1, 2, 3]], "within": 0.5}, [[1, 2, 2.4]], False),
        ({"fact": K, "kernel": [[2, 4, 6]]}, [[1, 2, 3]], False),
        ({"fact": K, "scaled_kernel": [[2, 4, -8]]}, [[1, 2, -4]], True),
        ({"fact": K, "scaled_kernel": [[2, 4, -8]]}, [[-1, -2, 4]], False),
        ({"fact": K, "scaled_kernel": [[2, 4, -8]]}, [[1, 2, 4]], False),
        ({"fact": K, "scaled_kernel": [[0, 0, 0]]}, [[1, 2, 3]], False),
        ({"fact": K, "scaled_kernel": [[0, 0, 0]]}, [[0, 0, 0]], False),
        # ``within`` is of cells of which the largest is 1.
        ({"fact": K, "scaled_kernel": [[0, 10, 20]], "within": 0.125}, [[0, 2.5, 4]], True),
        ({"fact": K, "scaled_kernel": [[0, 10, 20]], "within": 0.125}, [[0, 2.6, 4]], False),
    ],
)
def test_what_a_condition_says_of_a_value(table: dict, value: Any, holds: bool) -> None:
    asked = []

    def look(name: str) -> Any:
        asked.append(name)
        return value

    assert facts.condition_from(table).holds(look) is holds
    assert facts.condition_from({"not": table}).holds(look) is not holds
    assert set(asked) == {table["fact"]}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"fact": B, "at_least": 10**400}, "takes a number"),
        ({"fact": B, "at_most": float("inf")}, "takes a number"),
        ({"fact": B, "at_most": True}, "takes a number"),
        ({"fact": B, "is": 10**400}, "takes a number"),
        ({"fact": B, "one_of": [1, -(10**400)]}, "takes a number"),
        ({"fact": B, "one_of": 5}, "takes a list"),
        ({"fact": B, "kernel": [[1]]}, "compares a kernel"),
        ({"fact": "filters.pad", "scaled_kernel": "box"}, "compares a kernel"),
        ({"fact": K, "kernel": "box:size=99"}, "box:size=99"),
        ({"fact": K, "kernel": "gaussian:sigma=x"}, "sigma"),
        ({"all": {"fact": B, "is": 1}}, "takes a list"),
        ({"not": [{"fact": B, "is": 1}]}, "a table"),
    ],
)
def test_what_no_value_could_be_compared_with(table: dict, told: str) -> None:
    """Told when the lesson is read: looking, four times a second, never fails."""
    with pytest.raises(FilterLabError, match=told) as error:
        facts.condition_from(table, "here")
    assert str(error.value).startswith("here: ")


def test_a_strangers_words_are_cut_in_a_sentence() -> None:
    long = "x" * 5000
    for table in (
        {"fact": long, "is": 1},
        {"fact": K, "kernel": long},
        {"fact": K, "kernel": f"box:{long}"},
        {"fact": B, "is": 1, long: 2},
    ):
        with pytest.raises(FilterLabError) as error:
            facts.condition_from(table, "here")
        assert len(str(error.value)) < 300
    assert facts.kernel_from(f"box:size=3{' ' * 190}", "here") == [[pytest.approx(1 / 9)] * 3] * 3
    with pytest.raises(FilterLabError, match="a kernel is rows of numbers"):
        facts.kernel_from(f"box:size=3{' ' * 191}", "here")


def test_any_fact_beside_any_value_is_told_or_looked_at(bench: HeatmapBench) -> None:
    """Whatever a stranger's lesson compares: one sentence when it is read, or yes or no."""
    filters = FilterBench(np.zeros((20, 30), np.float32), "black")
    look = facts.Facts(filters, bench, ["cursor"])
    names = [name.format(slot=1) for name in facts.FACTS] + ["seen.cursor", "seen.walk"]
    values = [
        3, -1.5, 10**400, -(10**400), math.inf, math.nan, True, "", "valid", "box", "1x1",
        [1, "a", None], [10**400, "a"], [[1]], [[1, 2, 3], [4, 5, 6]], [], {}, {"is": 1},
        datetime.date(2026, 1, 1),
    ]  # fmt: skip
    looked = 0
    for name in names:
        for kind in ("is", "at_least", "at_most", "has", "one_of", "kernel", "scaled_kernel"):
            for value in values:
                table = {"fact": name, kind: value}
                told = "here: "
                try:
                    found = facts.condition_from(table, "here").holds(look)
                except FilterLabError as error:
                    told, found = str(error), None
                assert told.startswith("here: "), table
                assert found in (None, True, False), table
                looked += found is not None
    assert looked > 2000


def test_conditions_in_each_other_are_counted() -> None:
    """Three around one, and 64 in all, those that only join others included."""
    one = {"fact": B, "is": 1}

    def deep(levels: int) -> dict[str, Any]:
        return {"all": [deep(levels - 1)]} if levels else one

    assert facts.condition_from(deep(3)).holds(lambda _: 1)
    assert facts.condition_from({"any": [one] * 63}).holds(lambda _: 1)
    for bad in (deep(4), {"any": [one] * 64}, {"not": {"any": [one] * 63}}):
        with pytest.raises(FilterLabError, match="too many conditions"):
            facts.condition_from(bad)


# --- reading ------------------------------------------------------------------------------------


def test_what_a_lesson_says_is_kept() -> None:
    found = lessons.parse_lesson(
        """
key = "a-1"
tab = "net"
minutes = 7
title = { de = "Drei", zh_CN = "三", en = " Three " }
about = "about"
hidden = ["filters.camera", "net.order"]
locked = ["filters.stride"]
[start]
sample = "coffee"
kernels = ["box:size=3", [[1, 2, 3]], ""]
bias = [0.5, -1, 2]
pad = "same"
stride = 3
dilation = 2
mode = "each"
model = "pocket"
[[step]]
text = "one"
task = "do"
check = { fact = "filters.stride", is = 2 }
hint = "hint"
notice = "notice"
  [[step.wrong]]
  when = { fact = "filters.stride", is = 3 }
  say = "three"
  [[step.wrong]]
  when = { fact = "filters.stride", is = 4 }
  say = "four"
[[step]]
text = "two"
task = "choose"
  [[step.choice]]
  text = "a"
  say = "no"
  [[step.choice]]
  text = "b"
  right = true
  say = "yes"
""",
        "l",
    )
    assert (found.key, found.tab, found.minutes) == ("a-1", "net", 7)
    assert found.title.say("en") == found.title.say("fr") == "Three"
    assert found.title.say("zh") == found.title.say("zh_TW") == "三"
    assert found.title.say("de_AT") == "Drei"
    assert found.about.say("zh_CN") == "about"
    assert (found.hidden, found.locked) == (("filters.camera", "net.order"), ("filters.stride",))
    assert found.start == lessons.Start(
        sample="coffee", kernels=("box:size=3", [[1, 2, 3]], None), bias=(0.5, -1.0, 2.0),
        pad="same", stride=3, dilation=2, mode="each", model="pocket",
    )  # fmt: skip
    one, two = found.steps
    assert [w.say("en") for w in (one.text, one.task, one.hint, one.notice)] == [
        "one", "do", "hint", "notice",
    ]  # fmt: skip
    assert one.check is not None
    assert one.check.holds({"filters.stride": 2}.get)
    assert [(w.when.value, w.say.say("en")) for w in one.wrong] == [(3, "three"), (4, "four")]
    assert not one.choices
    assert two.check is None
    assert [(c.text.say("en"), c.right, c.say.say("en")) for c in two.choices] == [
        ("a", False, "no"), ("b", True, "yes"),
    ]  # fmt: skip
    assert not two.hint
    assert lesson(STEP).minutes == 5
    assert lesson(STEP).start == lessons.Start()
    assert lessons.Wording((("de", "x"), ("fr", "y"))).say("en") == "x"
    assert lessons.Wording().say("en") == ""


CHOICE = '[[step.choice]]\ntext = "c"\nsay = "s"\n'
RIGHT = CHOICE + "right = true\n"
WRONG = '[[step.wrong]]\nsay = "s"\nwhen = { fact = "filters.pad", is = "same" }\n'
TASK = STEP + 'task = "t"\n'


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        (f"minutes = 1\n{STEP}", f"minutes = 0\n{STEP}", "1 to 600"),
        (f"minutes = 600\n{STEP}", f"minutes = 601\n{STEP}", "1 to 600"),
        (f"minutes = 2.0\n{STEP}", f"minutes = 2.5\n{STEP}", "whole"),
        (f"minutes = 2\n{STEP}", f"minutes = true\n{STEP}", "a number"),
        (STEP * 40, STEP * 41, "at most 40"),
        (STEP.replace('"x"', f'"{"x" * 4000}"'), STEP.replace('"x"', f'"{"x" * 4001}"'), "4000"),
        (f"[start]\nstride = 1\n{STEP}", f"[start]\nstride = 0\n{STEP}", "1 to 4"),
        (f"[start]\nstride = 4\n{STEP}", f"[start]\nstride = 5\n{STEP}", "1 to 4"),
        (f"[start]\nstride = 2\n{STEP}", f"[start]\nstride = 2.5\n{STEP}", "whole"),
        (f"[start]\ndilation = 1\n{STEP}", f"[start]\ndilation = 0\n{STEP}", "1 to 3"),
        (f"[start]\ndilation = 3\n{STEP}", f"[start]\ndilation = 4\n{STEP}", "1 to 3"),
        (f"[start]\nbias = [1, 2, 3]\n{STEP}", f"[start]\nbias = [1, 2, 3, 4]\n{STEP}", "bias"),
        (f"[start]\nbias = [-999999]\n{STEP}", f"[start]\nbias = [-1000000]\n{STEP}", "bias"),
        (f"[start]\nbias = [999999]\n{STEP}", f"[start]\nbias = [1000000]\n{STEP}", "bias"),
        (f"[start]\nbias = [1]\n{STEP}", f"[start]\nbias = [true]\n{STEP}", "bias"),
        (f'[start]\nkernels = ["", "", ""]\n{STEP}', f"[start]\nkernels = [0]\n{STEP}", "kernels"),
        (f'[start]\nfile = "a.png"\n{STEP}', f'[start]\nfile = ".a.png"\n{STEP}', "plain name"),
        (f'[start]\nfile = "a"\n{STEP}', f'[start]\nfile = ""\n{STEP}', "plain name"),
        (
            f'[start]\nmodel = "{"m" * 4000}"\n{STEP}',
            f'[start]\nmodel = "{"m" * 4001}"\n{STEP}',
            "4000",
        ),
        (f"hidden = {['n'] * 64}\n{STEP}", f"hidden = {['n'] * 65}\n{STEP}", "hidden"),
        (f"locked = {['n' * 60]}\n{STEP}", f"locked = {['n' * 61]}\n{STEP}", "locked"),
        (STEP + WRONG * 12, STEP + WRONG * 13, "at most 12"),
        (TASK + RIGHT + CHOICE * 7, TASK + RIGHT + CHOICE * 8, "at most 8"),
        (TASK + CHOICE + RIGHT, TASK + RIGHT * 2, "one is right, not 2"),
        (TASK + RIGHT, TASK + CHOICE, "one is right, not 0"),
        (TASK + RIGHT, STEP + RIGHT, "'task' is missing"),
        (
            TASK + RIGHT,
            TASK + 'check = { fact = "filters.pad", is = "same" }\n' + RIGHT,
            "not both",
        ),
    ],
)
def test_the_limits_of_a_lesson(good: str, bad: str, told: str) -> None:
    lesson(good)
    assert told in refused(bad)


@pytest.mark.parametrize(
    ("key", "good"),
    [("k", True), ("k" * 40, True), ("k" * 41, False), ("-k", False), ("K", False), ("7-b", True)],
)
def test_keys(key: str, good: bool) -> None:
    text = HEAD.replace('"k"', f'"{key}"') + STEP
    if good:
        assert lessons.parse_lesson(text, "l").key == key
        return
    with pytest.raises(FilterLabError, match="small letters"):
        lessons.parse_lesson(text, "l")


@pytest.mark.parametrize("field", ["key", "tab", "title", "text", "say", "when"])
def test_what_a_lesson_needs(field: str) -> None:
    lines = (HEAD + TASK + WRONG).splitlines()
    left = [line for line in lines if not line.startswith(field)]
    assert len(left) == len(lines) - 1
    with pytest.raises(FilterLabError, match=f"'{field}' is missing"):
        lessons.parse_lesson("\n".join(left), "l")


@pytest.mark.parametrize("field", ["text", "say"])
def test_what_a_choice_needs(field: str) -> None:
    choice = "".join(line for line in RIGHT.splitlines(True) if not line.startswith(field))
    assert f"'{field}' is missing" in refused(TASK + choice)


def test_a_message_says_where_in_the_lesson() -> None:
    """Steps and wrong turns are counted from 1."""
    told = refused(STEP + STEP + WRONG + WRONG.replace("same", "x").replace("is =", "at_least ="))
    assert told.startswith("l: step 2: wrong 2: ")
    assert refused(STEP + TASK + "check = {}\n").startswith("l: step 2: check: ")
    assert refused(STEP + TASK + RIGHT + CHOICE + "spam = 1\n").startswith("l: ")
    assert refused(f'[start]\nkernels = ["box:size=4"]\n{STEP}').startswith("l: start: kernels: ")


def test_a_file_of_256_kb_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "x.lesson"
    text = HEAD + STEP + "#"
    path.write_text(text + "-" * (256 * 1024 - len(text)), encoding="utf-8")
    found = lessons.read_lesson(path)
    assert (found.path, len(found.source)) == (path, 256 * 1024)
    path.write_text(text + "-" * (256 * 1024 - len(text) + 1), encoding="utf-8")
    with pytest.raises(FilterLabError, match="at most 256 KB"):
        lessons.read_lesson(path)


# --- taking a lesson ----------------------------------------------------------------------------


def test_where_somebody_is_in_a_lesson() -> None:
    check = 'check = { fact = "filters.stride", is = 2 }\n'
    at = lessons.Progress(lesson(STEP + TASK + check + WRONG + TASK + CHOICE + RIGHT + CHOICE))
    assert (at.at, at.is_done, at.go(-1)) == (0, True, False)
    assert at.go(1)
    assert (at.at, at.done, at.is_done) == (1, {0}, False)
    look: dict[str, Any] = {"filters.stride": 1, "filters.pad": "valid"}
    assert at.look(look.get) is None
    look["filters.pad"] = "same"
    said = at.look(look.get)
    assert said is not None
    assert said.say("en") == "s"
    assert not at.go(1)
    assert not at.is_done
    look["filters.stride"] = 2
    assert at.look(look.get) is None, "done, and a wrong turn besides: it is done"
    assert at.done == {0, 1}
    look["filters.stride"] = 1
    assert at.look(look.get) is None, "nothing is said of a step that was done"
    assert at.go(-1)
    assert at.go(1)
    assert not at.go(3), "nothing lies beyond the end"
    assert at.go(1)
    for bad in (-1, 3):
        with pytest.raises(IndexError):
            at.answer(bad)
    assert at.answered is None
    at.answer(2)
    assert (at.answered, at.is_done) == (2, False)
    at.answer(0)
    assert (at.answered, at.is_done) == (0, False)
    at.answer(1)
    assert (at.answered, at.done) == (1, {0, 1, 2})
    assert at.go(1)
    assert (at.at, at.step, at.is_done, at.answered) == (3, None, True, None)
    assert at.look(look.get) is None
    with pytest.raises(IndexError):
        at.answer(0)
    assert at.to_plain() == {"at": 3, "done": [0, 1, 2]}


@pytest.mark.parametrize(
    ("kept", "at", "done"),
    [
        ({"at": 3, "done": [2, 0]}, 3, {0, 2}),
        ({"at": 4, "done": [3]}, 0, set()),
        ({"at": 0, "done": [-1, 1, 1.0]}, 0, {1}),
        ({"at": 2}, 2, set()),
        ({"at": 1.0, "done": 7}, 0, set()),
    ],
)
def test_what_is_kept_of_a_lesson_of_three_steps(kept: object, at: int, done: set[int]) -> None:
    found = lessons.Progress.from_plain(lesson(STEP * 3), kept)
    assert (found.at, found.done) == (at, done)


def test_a_start_puts_each_filter_in_its_place() -> None:
    bench = FilterBench(np.zeros((40, 40), np.float32), "black")
    bench.set_linked(True)
    bench.set_bias(2, 9)
    bench.set_stride(4)
    lessons.start_filters(
        bench,
        lesson(
            '[start]\nkernels = ["", [[1, 2, 3]], "Gaussian: sigma = 3/2 , size = 5x3"]\n'
            f'bias = [0.25, -0.5, 2]\ndilation = 3\nmode = "each"\n{STEP}'
        ).start,
    )
    assert [bench.size_of(slot) for slot in range(3)] == [(5, 5), (1, 3), (5, 3)]
    assert [bench.bias(slot) for slot in range(3)] == [0.25, -0.5, 2]
    assert (bench.settings.stride, bench.settings.dilation) == (1, 3), "the rest begins anew"
    assert bench.settings.mode == "each"
    assert not bench.linked
    np.testing.assert_array_equal(bench.kernel(1), [[1, 2, 3]])
    chosen = bench.preset(2)
    assert chosen is not None
    assert (chosen.key, chosen.values) == ("gaussian", {"sigma": 1.5})
    y, x = np.mgrid[-2:3, -1:2]
    wanted = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    np.testing.assert_allclose(bench.kernel(2), wanted / wanted.sum(), rtol=1e-5)
    assert bench.picture.title == "black"


def test_every_preset_may_begin_a_lesson() -> None:
    """With each of its sliders at either end, as it is written in a spec."""
    bench = FilterBench(np.zeros((40, 40), np.float32), "black")
    for key, preset in PRESETS.items():
        for parameter in preset.parameters or (None,):
            for value in (parameter.minimum, parameter.maximum) if parameter else (None,):
                own = {} if parameter is None else {parameter.name: value}
                spec = ",".join([f"{key}:size=3x5", *(f"{n}={v:.10g}" for n, v in own.items())])
                start = lesson(f'[start]\nkernels = ["", "{spec}"]\n{STEP}').start
                lessons.start_filters(bench, start)
                chosen = bench.preset(1)
                assert chosen is not None
                assert (chosen.key, chosen.values) == (key, preset.defaults() | own)
                np.testing.assert_array_equal(bench.kernel(1), preset.make((3, 5), **own))


def test_a_start_without_filters_leaves_them() -> None:
    bench = FilterBench(np.zeros((9, 9), np.float32), "black")
    bench.set_kernel(0, [[1, 2, 3]])
    bench.set_stride(3)
    lessons.start_filters(bench, lesson(f'[start]\npad = "same"\n{STEP}').start)
    np.testing.assert_array_equal(bench.kernel(0)[bench.size_of(0)[0] // 2], [1, 2, 3])
    assert (bench.settings.pad, bench.settings.stride) == ("same", 3)
    lessons.start_filters(bench, lesson(f"[start]\nkernels = [[[5]], [[6]]]\n{STEP}").start)
    assert [bench.size_of(slot) for slot in range(3)] == [(1, 1), (1, 1), (3, 3)]
    assert (bench.kernel(0)[0, 0], bench.kernel(1)[0, 0]) == (5, 6)


def test_a_start_whose_picture_is_gone_changes_nothing(tmp_path: Path) -> None:
    bench = FilterBench(np.zeros((9, 9), np.float32), "black")
    before = bench.state
    start = lesson(f'[start]\nfile = "gone.png"\nstride = 2\n{STEP}').start
    with pytest.raises(FilterLabError, match=r"gone\.png"):
        lessons.start_filters(bench, start, tmp_path / "x.lesson")
    assert bench.state is before
    write_picture(tmp_path / "gone.png", np.full((7, 12), 0.25, np.float32))
    lessons.start_filters(bench, start)  # of a lesson in a project nothing lies beside
    assert bench.picture.title == "black"
    lessons.start_filters(bench, start, tmp_path / "x.lesson")
    assert (bench.picture.title, bench.picture.height, bench.picture.width) == ("gone.png", 7, 12)


# --- challenges ---------------------------------------------------------------------------------


def packed(kind: str, data: Any, raw: bytes | None = None) -> str:
    """A code by hand: zlib, its CRC32 (big end first), base32 without its padding."""
    body = zlib.compress(json.dumps(data).encode() if raw is None else raw)
    body += zlib.crc32(body).to_bytes(4, "big")
    return f"{kind}-{base64.b32encode(body).decode().rstrip('=')}"


def test_codes_are_what_the_page_of_the_format_says() -> None:
    challenge = challenges.Challenge.from_code(packed("FLC1", ["camera", [[1, 2, 3]], 0.25]))
    assert challenge == challenges.Challenge("camera", ((1.0, 2.0, 3.0),), 0.25)
    assert challenge.mark == f"{zlib.crc32(challenge.code.encode()):08x}"
    body = challenge.code.removeprefix("FLC1-")
    raw = base64.b32decode(body + "=" * (-len(body) % 8))
    assert json.loads(zlib.decompress(raw[:-4])) == ["camera", [[1, 2, 3]], 0.25]
    answer = challenges.Answer.from_code(packed("FLA1", ["0123abcd", "Ada", [[4, 5]], -1, 3]))
    assert answer == challenges.Answer("0123abcd", "Ada", ((4.0, 5.0),), -1.0, 3)
    assert challenges.Answer.from_code(answer.code) == answer
    # A name in any script takes no more room than its letters.
    body = challenges.Answer("0123abcd", "小明", ((0.5,),), 0.0, 1).code.removeprefix("FLA1-")
    raw = base64.b32decode(body + "=" * (-len(body) % 8))
    assert zlib.decompress(raw[:-4]) == '["0123abcd","小明",[[0.5]],0.0,1]'.encode()


@pytest.mark.parametrize(
    "data",
    [
        ["camera", [[1]]],
        ["camera", [[1]], 0, 0],
        ["camera", "box", 0],
        ["camera", [[0]], 0],
        ["camera", [[1]], True],
        ["camera", [[1]], "0"],
        ["camera", [[1]], 1e6],
        ["camera", [[1]], -1e6],
        [7, [[1]], 0],
        {"a": 1, "b": 2, "c": 3},
        None,
    ],
)
def test_what_a_challenges_code_may_not_hold(data: object) -> None:
    with pytest.raises(FilterLabError):
        challenges.Challenge.from_code(packed("FLC1", data))


@pytest.mark.parametrize(
    "data",
    [
        ["0123abcd", "Ada", [[4, 5]], -1],
        ["0123abcd", "Ada", [[4, 5]], -1, 3, 0],
        ["0123abcde", "Ada", [[4, 5]], -1, 3],
        ["0123ABCD", "Ada", [[4, 5]], -1, 3],
        ["0123abcd", "Ada", [[4], [5, 6]], -1, 3],
        [5, "Ada", [[4, 5]], -1, 3],
        ["0123abcd", None, [[4, 5]], -1, 3],
        "0123a",
    ],
)
def test_what_an_answers_code_may_not_hold(data: object) -> None:
    with pytest.raises(FilterLabError):
        challenges.Answer.from_code(packed("FLA1", data))


def test_how_much_a_code_may_hold() -> None:
    """16 KB when unpacked, and 4,000 characters."""
    good = json.dumps(["camera", [[1]], 0.5]).encode()
    code = packed("FLC1", None, good + b" " * (16 * 1024 - len(good)))
    assert challenges.Challenge.from_code(code).bias == 0.5
    code = packed("FLC1", None, good + b" " * (16 * 1024 - len(good) + 1))
    with pytest.raises(FilterLabError, match="not whole"):
        challenges.Challenge.from_code(code)
    short = packed("FLC1", None, good)
    with pytest.raises(FilterLabError, match="not whole"):
        challenges.Challenge.from_code(short.ljust(4000, "A"))
    with pytest.raises(FilterLabError, match="begins with FLC1-"):
        challenges.Challenge.from_code(short.ljust(4001, "A"))
    numbers = [[round(v, 4) for v in row] for row in np.random.default_rng(3).random((11, 11))]
    largest = challenges.Challenge.make("camera", numbers)
    assert challenges.Challenge.from_code(largest.code) == largest


def test_a_challenges_numbers_are_those_of_the_net() -> None:
    """float32, so that whoever types them anew has the same."""
    made = challenges.Challenge.make("camera", [[0.1, 1 / 3, 0]], 0.1)
    assert made.kernel == ((float(np.float32(0.1)), float(np.float32(1 / 3)), 0.0),)
    assert made.bias == float(np.float32(0.1))
    assert made.rows.dtype == np.float32
    assert challenges.Challenge.make("camera", [[1]], -999_999).bias == -999_999
    assert challenges.Challenge.make("camera", [[1]]).bias == 0
    assert challenges.Challenge.make("camera", "box:size=3x5").rows.shape == (3, 5)


@pytest.mark.parametrize(
    ("number", "name", "rows", "bias"),
    [
        (0, "chelsea", [[0, 0, 0], [0, 0, 1], [0, 0, 0]], 0),
        (1, "chelsea", np.full((3, 3), 1 / 9), 0),
        (2, "camera", [[0, 0, 0], [0, 1, 0], [0, 0, 0]], 0.25),
        (3, "brick", np.outer([-1, 0, 1], [1, 2, 1]), 0),
        (4, "brick", np.outer([1, 2, 1], [-1, 0, 1]), 0),
        (5, "chelsea", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 0),
        (6, "camera", [[0, 1, 0], [1, -4, 1], [0, 1, 0]], 0),
        (8, "camera", [[1, 0, 0], [0, 0, 0], [0, 0, -1]], 0),
    ],
)
def test_what_each_level_shows(number: int, name: str, rows: Any, bias: float) -> None:
    found = challenges.level(number)
    size = found.rows.shape
    wanted = np.asarray(rows, np.float64)
    middle = tuple(
        slice((n - w) // 2, (n - w) // 2 + w) for n, w in zip(size, wanted.shape, strict=True)
    )
    kernel = found.rows[middle] if size != wanted.shape else found.rows
    np.testing.assert_allclose(kernel, wanted, atol=1e-6)
    assert np.abs(found.rows).sum() == pytest.approx(np.abs(wanted).sum(), rel=1e-5)
    assert (found.sample, found.bias) == (name, bias)
    picture = sample(name, grey=True)
    answer = challenges.output(picture, found.rows, found.bias)
    expected = correlate(picture.astype(np.float64), wanted, mode="constant") + bias
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_the_gaussian_level() -> None:
    x = np.arange(-2, 3)
    wanted = np.exp(-np.add.outer(x**2, x**2) / 2.0)
    np.testing.assert_allclose(challenges.level(9).rows, wanted / wanted.sum(), rtol=1e-5)


def test_outputs_of_colours_are_of_their_grey() -> None:
    """Luma of a picture in colour (scikit-image's weights), zeros around it."""
    rng = np.random.default_rng(4)
    picture = rng.random((6, 9, 3)).astype(np.float32)
    kernel = as_kernel(rng.standard_normal((3, 5)))
    grey = picture.astype(np.float64) @ [0.2125, 0.7154, 0.0721]
    wanted = correlate(grey, kernel.astype(np.float64), mode="constant") - 0.5
    found = challenges.output(picture, kernel, -0.5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_hints_are_given_in_order() -> None:
    """Symmetries where there are some, a bias where there is one, the largest cell last."""
    kinds = [
        [kind for kind, _ in challenges.hints(challenges.Challenge.make("camera", rows, bias))]
        for rows, bias in (([[0, 1, 2], [3, 4, 5], [6, 7, 9]], 0.0), ([[0, 1, 0]], -1.0))
    ]
    assert kinds == [["size", "sum", "cell"], ["size", "sum", "symmetries", "bias", "cell"]]
    told = dict(challenges.hints(challenges.Challenge.make("camera", [[0, 1, 0]])))
    assert "left-right" in told["symmetries"]["names"]


def test_a_class_list_is_in_order() -> None:
    """The best first; of two alike who took fewer hints, then by name; of one name the first."""
    level = challenges.level(0)
    near = as_kernel([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    nearer = as_kernel([[0, 0, 0], [0, 0, 0.99], [0, 0, 0]])
    given = [("Zoe", level.rows, 1), ("Bo", level.rows, 1), ("Cy", near, 0), ("Di", nearer, 9),
             ("Ed", level.rows, 0), ("Cy", nearer, 12), ("Zoe", level.rows, 0)]  # fmt: skip
    codes = ["", *(challenges.Answer.make(level, n, k, 0.0, t).code for n, k, t in given)]
    ranked, problems = challenges.class_list(level, codes)
    assert [(a.name, a.hints) for a, _ in ranked] == [
        ("Ed", 0), ("Bo", 1), ("Zoe", 1), ("Di", 9), ("Cy", 12),
    ]  # fmt: skip
    assert str(problems[0]).startswith("line 1: ")
    assert ranked[0][1] == pytest.approx(100)
    # A hundredth of the brightness is missing everywhere.
    target = challenges.output(sample(level.sample, grey=True), level.rows).astype(np.float64)
    wanted = 100 * (1 - 0.01 * np.sqrt((target**2).mean()) / target.std())
    assert ranked[3][1] == pytest.approx(wanted, abs=0.01)


def test_a_class_list_as_csv() -> None:
    answers = [
        (challenges.Answer("0" * 8, "Ada", ((0.5, -1.0), (0.25, 3.0)), -0.125, 2), 87.65),
        *((challenges.Answer("0" * 8, f"{sign}1", ((1.0,),)), 0.0) for sign in "=+-@'"),
        (challenges.Answer("0" * 8, "Bo, =1", ((1.0,),)), 99.96),
    ]
    lines = challenges.to_csv(answers).splitlines()
    assert lines == [
        "name,match %,hints,kernel,bias",
        "Ada,87.6,2, 0.5 -1; 0.25 3,-0.125",
        *(f"{name},0.0,0, 1,0" for name in ("'=1", "'+1", "'-1", "'@1", "'1")),
        '"Bo, =1",99.9,0, 1,0',
    ]


def test_a_name_is_one_line_of_forty() -> None:
    level = challenges.level(0)
    made = challenges.Answer.make(level, f"  Ada\n{'x' * 60}", level.rows, 0.5, 3)
    assert made.name == f"Ada {'x' * 60}"[:40]
    assert (made.mark, made.bias, made.hints) == (level.mark, 0.5, 3)
    assert challenges.Answer.from_code(made.code) == made
