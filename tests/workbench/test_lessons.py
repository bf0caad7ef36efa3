"""Lessons, facts and challenges, without a window."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import correlate

from filterlab.errors import FilterLabError
from filterlab.pictures import sample, write_picture
from filterlab.progress import run_job
from filterlab.surgery.kernels import as_kernel
from filterlab.workbench import challenges, facts, lessons
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.heatmap_state import Source
from filterlab.workbench.net_study import NetStudy, load_job, picture_job
from filterlab.zoo.catalogue import Model

HEAD = 'key = "k"\ntab = "filters"\ntitle = "T"\n'


def lesson(text: str) -> lessons.Lesson:
    return lessons.parse_lesson(HEAD + text, "l")


# --- facts and conditions -----------------------------------------------------------------------


def test_every_fact_has_a_value(tmp_path: Path) -> None:
    bench = FilterBench(np.zeros((9, 12), np.float32), "black")
    look = facts.Facts(bench, None, ["cursor"])
    for pattern in facts.FACTS:
        if pattern.startswith("filters."):
            for slot in range(3):
                assert look(pattern.format(slot=slot)) is not None, pattern
    assert look("seen.cursor") is True
    assert look("seen.walk") is False
    assert look("heatmap.model") is None
    assert look("nonsense") is None


def test_facts_say_what_the_bench_holds() -> None:
    bench = FilterBench(np.zeros((20, 30), np.float32), "black")
    bench.set_linked(False)
    bench.set_kernel(1, [[1, 2, 3], [4, 5, 6], [7, 8, -9]])
    bench.set_divisor(1, 2)
    bench.set_bias(2, -0.25)
    bench.set_stride(2)
    look = facts.Facts(bench)
    assert look("filters.kernel.1") == [[0.5, 1, 1.5], [2, 2.5, 3], [3.5, 4, -4.5]]
    assert look("filters.sum.1") == pytest.approx((1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 - 9) / 2)
    assert (look("filters.largest.1"), look("filters.smallest.1")) == (4, -4.5)
    assert look("filters.size.1") == "3x3"
    assert look("filters.bias.2") == -0.25
    rows, cols = bench.size
    assert look("filters.rows") == (20 - rows) // 2 + 1
    assert look("filters.columns") == (30 - cols) // 2 + 1


@pytest.mark.parametrize(
    ("table", "values", "holds"),
    [
        ({"is": 1}, {"f": 1.00005}, True),
        ({"is": 1}, {"f": 1.001}, False),
        ({"is": 1, "within": 0.01}, {"f": 1.009}, True),
        ({"is": 1, "within": 0.5}, {"f": 1.5}, True),
        ({"at_least": 2, "within": 0.5}, {"f": 1.5}, True),
        ({"at_most": 2, "within": 0.5}, {"f": 2.5}, True),
        ({"kernel": [[1]], "within": 0.5}, {"f": [[1.5]]}, True),
        ({"is": True}, {"f": 1}, False),
        ({"is": "same"}, {"f": "same"}, True),
        ({"is": [1, 2]}, {"f": [1, 2]}, True),
        ({"at_least": 2}, {"f": 1.9}, False),
        ({"at_least": 2}, {"f": 2}, True),
        ({"at_most": 2}, {"f": 2.1}, False),
        ({"at_least": 0}, {"f": True}, False),
        ({"has": 3}, {"f": [1, 3]}, True),
        ({"has": 3}, {"f": 3}, False),
        ({"one_of": ["1x1", "3x3"]}, {"f": "3x3"}, True),
        ({"kernel": [[0, 1, 0]]}, {"f": [[0, 0, 0], [0, 1, 0], [0, 0, 0]]}, True),
        ({"kernel": [[0, 2, 0]]}, {"f": [[0, 0, 0], [0, 1, 0], [0, 0, 0]]}, False),
        ({"scaled_kernel": "sobel-h"}, {"f": [[-2, -4, -2], [0, 0, 0], [2, 4, 2]]}, True),
        ({"scaled_kernel": "sobel-h"}, {"f": [[2, 4, 2], [0, 0, 0], [-2, -4, -2]]}, False),
        ({"scaled_kernel": "box"}, {"f": [[0, 0, 0]]}, False),
        ({"is": 1}, {"f": None}, False),
    ],
)
def test_conditions(table: dict, values: dict, holds: bool) -> None:
    read = facts.condition_from({"fact": "filters.kernel.0", **table})
    assert read.holds(lambda _: values["f"]) is holds
    assert facts.condition_from({"not": {"fact": "filters.kernel.1", **table}}).holds(
        lambda _: values["f"]
    ) is (not holds)


def test_all_and_any() -> None:
    one, two = ({"fact": f"filters.bias.{n}", "is": n} for n in (0, 1))
    look = {"filters.bias.0": 0, "filters.bias.1": 5}.get
    assert not facts.condition_from({"all": [one, two]}).holds(look)
    assert facts.condition_from({"any": [two, one]}).holds(look)


@pytest.mark.parametrize(
    "table",
    [
        {},
        7,
        {"is": 1},
        {"fact": "filters.bias.3", "is": 1},
        {"fact": "os.environ", "is": 1},
        {"fact": "filters.bias.0", "is": 1, "at_least": 2},
        {"fact": "filters.bias.0", "at_least": "x"},
        {"fact": "filters.bias.0", "at_least": float("nan")},
        {"fact": "filters.bias.0", "is": 1, "within": -1},
        {"fact": "filters.bias.0", "is": 1, "within": 1e6},
        {"fact": "filters.bias.0", "is": 1, "eval": "x"},
        {"fact": "filters.kernel.0", "kernel": "/etc/passwd"},
        {"fact": "filters.kernel.0", "kernel": [[1] * 13] * 13},
        {"fact": "filters.kernel.0", "kernel": [[1, 2], [3]]},
        {"fact": "filters.kernel.0", "kernel": [["a"]]},
        {"all": []},
        {"all": [{"all": [{"all": [{"all": [{"all": [{"fact": "filters.pad", "is": 1}]}]}]}]}]},
        {"any": [{"fact": "filters.pad", "is": "same"}] * 100},
    ],
)
def test_what_is_no_condition(table: object) -> None:
    with pytest.raises(FilterLabError, match=r"^here"):
        facts.condition_from(table, "here")


def test_a_kernel_of_a_lesson_is_never_read_from_a_file(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "sobel-h").write_text("9")
    (tmp_path / "k.txt").write_text("9")
    monkeypatch.chdir(tmp_path)
    assert facts.kernel_from("sobel-h:size=3", "x")[0] == [-1, -2, -1]
    for name in ("k.txt", "./sobel-h", str(tmp_path / "k.txt")):
        with pytest.raises(FilterLabError):
            facts.kernel_from(name, "x")


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "[[step]]"),
        ("[[step]]\n", "'text' is missing"),
        ("[[step]]\ntext = 5", "'text'"),
        ('[[step]]\ntext = "x"\ntask = "y"\ncheck = {}', "check"),
        ('[[step]]\ntext = "x"\ncheck = {fact = "filters.pad", is = "same"}', "'task' is missing"),
        ('[[step]]\ntext = "x"\nspam = 1', "'spam'"),
        ('[[step]]\ntext = { english = "x" }', "en = "),
        ('spam = 1\n[[step]]\ntext = "x"', "'spam'"),
        ('[start]\nsample = "nowhere"\n[[step]]\ntext = "x"', "chelsea"),
        ('[start]\nfile = "../secret.png"\n[[step]]\ntext = "x"', "plain name"),
        ('[start]\nfile = "/etc/passwd"\n[[step]]\ntext = "x"', "plain name"),
        ('[start]\nkernels = ["", "", "", ""]\n[[step]]\ntext = "x"', "3 filters"),
        ('[start]\nbias = ["x"]\n[[step]]\ntext = "x"', "bias"),
        ('[start]\nstride = 9\n[[step]]\ntext = "x"', "1 to 4"),
        (
            '[[step]]\ntext = "x"\ntask = "y"\n[[step.choice]]\ntext = "a"\nsay = "b"',
            "one is right",
        ),
        ('locked = [1]\n[[step]]\ntext = "x"', "'locked'"),
        (f'hidden = ["{"x" * 61}"]\n[[step]]\ntext = "x"', "'hidden'"),
        ("[[step]]\ntext = " + '"' + "x" * 5000 + '"', "4000"),
        ("[[step]]\ntext = 'x'\n" * 50, "at most 40"),
    ],
)
def test_bad_lessons_are_one_sentence(text: str, told: str) -> None:
    with pytest.raises(FilterLabError) as error:
        lesson(text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("l: ")


def test_a_lesson_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.lesson"
    for data, told in (
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[[[[", "TOML"),
        (b"a = " + b"[" * 5000, "TOML"),
        (b"x" * (300 << 10), "256 KB"),
    ):
        path.write_bytes(data)
        with pytest.raises(FilterLabError, match=told):
            lessons.read_lesson(path)
    with pytest.raises(FilterLabError, match="gone"):
        lessons.read_lesson(tmp_path / "gone.lesson")


def test_damaged_lessons_end_in_a_lesson_or_a_sentence(repo: Path) -> None:
    rng = random.Random(5)
    sources = [p.read_bytes() for p in sorted((repo / "resources" / "lessons").glob("*.lesson"))]
    whole, told = 0, []
    for _ in range(200):
        data = bytearray(rng.choice(sources))
        for _ in range(rng.choice((1, 1, 3, 20))):
            at = rng.randrange(len(data))
            data[at : at + rng.choice((0, 1, 5))] = rng.randbytes(rng.choice((0, 1, 2)))
        text = data.decode("utf-8", "replace")
        try:
            lessons.parse_lesson(text, "damaged")
            whole += 1
        except FilterLabError as error:
            told.append(str(error))
    assert whole
    assert told
    assert not [sentence for sentence in told if "\n" in sentence]


def test_the_users_own_lesson_counts(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FILTERLAB_DATA", str(tmp_path))
    folder = lessons.own_folder()
    folder.mkdir(parents=True)
    text = 'key = "kernel"\ntab = "filters"\ntitle = "Mine"\n[[step]]\ntext = "x"\n'
    (folder / "a.lesson").write_text(text, encoding="utf-8")
    (folder / "b.lesson").write_text("nonsense", encoding="utf-8")
    found, problems = lessons.find_lessons()
    assert found[0].title.say("en") == "Mine"
    assert len(problems) == 1
    assert "b.lesson" in problems[0]


def test_names_of_controls_may_have_60_characters() -> None:
    assert lesson(f'hidden = ["{"x" * 60}"]\n[[step]]\ntext = "x"').hidden == ("x" * 60,)


# --- progress -----------------------------------------------------------------------------------

THREE = """
[[step]]
text = "a"
task = "b"
check = { fact = "filters.stride", is = 2 }
[[step.wrong]]
when = { fact = "filters.stride", is = 3 }
say = "too far"
[[step]]
text = "c"
task = "d"
[[step.choice]]
text = "yes"
right = true
say = "right"
[[step.choice]]
text = "no"
say = "wrong"
[[step]]
text = "e"
"""


def test_progress_goes_step_by_step() -> None:
    at = lessons.Progress(lesson(THREE))
    look = {"filters.stride": 1}
    assert at.look(look.get) is None
    assert not at.go(1), "not before it is done"
    look["filters.stride"] = 3
    assert at.look(look.get).say("en") == "too far"
    look["filters.stride"] = 2
    assert at.look(look.get) is None
    look["filters.stride"] = 1
    assert at.is_done, "what was done stays done"
    assert at.go(1)
    assert at.answer(1).say("en") == "wrong"
    assert not at.go(1)
    assert at.answer(0).say("en") == "right"
    with pytest.raises(IndexError):
        at.answer(2)
    assert at.go(1)
    assert at.go(1), "a step without a check is read"
    assert at.step is None
    assert not at.go(1)
    again = lessons.Progress.from_plain(at.lesson, json.loads(json.dumps(at.to_plain())))
    assert (again.at, again.done) == (3, {0, 1, 2})
    assert again.go(-1)
    again.reset()
    assert (again.at, again.done) == (0, set())


@pytest.mark.parametrize(
    "kept", [None, 5, [], {"at": -1}, {"at": 99}, {"at": True}, {"done": [9, "x", True]}]
)
def test_odd_progress_begins_anew(kept: object) -> None:
    at = lessons.Progress.from_plain(lesson(THREE), kept)
    assert (at.at, at.done) == (0, set())


def test_a_start_is_one_undo_step(tmp_path: Path) -> None:
    bench = FilterBench(np.zeros((9, 9), np.float32), "black")
    before = bench.state
    start = lesson(
        '[start]\nsample = "camera"\nkernels = ["gaussian:sigma=2,size=7", [[1, 2, 3]], ""]\n'
        'bias = [0.5]\npad = "same"\nstride = 2\n[[step]]\ntext = "x"'
    ).start
    lessons.start_filters(bench, start)
    assert bench.picture.title == "Cameraman"
    assert bench.size_of(0) == (7, 7)
    assert bench.size_of(1) == (1, 3)
    assert bench.preset(0).values["sigma"] == 2
    np.testing.assert_array_equal(bench.kernel(1), [[1, 2, 3]])
    assert (bench.bias(0), bench.settings.pad, bench.settings.stride) == (0.5, "same", 2)
    assert bench.undo() == "Start the lesson"
    assert bench.state is before


def test_a_picture_lies_beside_the_lesson(tmp_path: Path) -> None:
    path = tmp_path / "x.lesson"
    path.write_text(HEAD + '[start]\nfile = "p.png"\n[[step]]\ntext = "x"', encoding="utf-8")
    write_picture(tmp_path / "p.png", np.full((14, 16), 0.5, np.float32))
    bench = FilterBench()
    lessons.start_filters(bench, lessons.read_lesson(path).start, path)
    assert (bench.picture.height, bench.picture.width) == (14, 16)
    if os.name == "posix":
        (tmp_path / "p.png").unlink()
        (tmp_path / "p.png").symlink_to("/etc/hostname")
        with pytest.raises(FilterLabError, match="link"):
            lessons.start_filters(bench, lessons.read_lesson(path).start, path)


# --- challenges ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(challenges.LEVELS)))
def test_levels(number: int) -> None:
    level = challenges.level(number)
    assert challenges.Challenge.from_code(level.code) == level
    assert challenges.score(level, level.rows, level.bias) == pytest.approx(100)
    kinds = [kind for kind, _ in challenges.hints(level)]
    assert kinds[0] == "size"
    assert kinds[-1] == "cell"


def test_the_levels_kernels() -> None:
    """Their sums and the sums of their absolute values: moved, blurred, brighter, edges, …"""
    made = [challenges.level(n).rows.astype(np.float64) for n in range(10)]
    assert [k.sum() for k in made] == pytest.approx([1, 1, 1, 0, 0, 1, 0, 1, 0, 1], abs=1e-6)
    assert [abs(k).sum() for k in made] == pytest.approx([1, 1, 1, 8, 8, 9, 8, 9, 2, 1], abs=1e-6)


def test_hints_keep_rows_and_columns_apart() -> None:
    kernel = [[0, 0, 0, 0, 0], [0, 0, 0, -3, 0], [1, 0, 0, 0, 0]]
    told = dict(challenges.hints(challenges.Challenge.make("camera", kernel, 0.5)))
    assert told["size"] == {"rows": 3, "columns": 5}
    assert told["sum"] == {"value": -2.0}
    assert told["cell"] == {"row": 1, "column": 3, "value": -3.0}
    assert told["bias"] == {"value": 0.5}


def test_the_score_is_what_it_says() -> None:
    level = challenges.level(3)  # Sobel on bricks
    guess = as_kernel([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
    picture = sample(level.sample, grey=True).astype(np.float64)
    wanted = correlate(picture, np.array(level.kernel), mode="constant")
    found = correlate(picture, guess.astype(np.float64), mode="constant") + 0.1
    expected = 100 * (1 - np.sqrt(((found - wanted) ** 2).mean()) / wanted.std())
    assert challenges.score(level, guess, 0.1) == pytest.approx(expected, abs=0.01)
    assert challenges.score(level, -guess) == 0


def test_codes_survive_spaces_and_small_letters_and_nothing_else() -> None:
    level = challenges.level(0)
    code = level.code
    spaced = " ".join(code[i : i + 8] for i in range(0, len(code), 8)).lower()
    assert challenges.Challenge.from_code(f"\n {spaced} ") == level
    rng = random.Random(1)
    refused = 0
    for _ in range(200):
        at = rng.randrange(5, len(code))
        other = code[:at] + rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") + code[at + 1 :]
        try:
            assert challenges.Challenge.from_code(other) == level
        except FilterLabError:
            refused += 1
    assert refused > 150
    with pytest.raises(FilterLabError, match="FLC1-"):
        challenges.Challenge.from_code("hello")
    with pytest.raises(FilterLabError, match="FLA1-"):
        challenges.Answer.from_code(code)


def test_a_packed_bomb_is_refused() -> None:
    import base64
    import zlib

    packed = zlib.compress(b"[" + b"0," * (1 << 20) + b"0]", 9)[:2000]
    body = base64.b32encode(packed + zlib.crc32(packed).to_bytes(4, "big")).decode().rstrip("=")
    with pytest.raises(FilterLabError):
        challenges.Challenge.from_code(f"FLC1-{body}")


def test_a_score_cannot_be_claimed() -> None:
    level = challenges.level(1)
    poor = as_kernel([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    codes = [
        challenges.Answer.make(level, "Cleo", poor, 0.0, 0).code,
        challenges.Answer.make(level, "Ada", level.rows, 0.0, 3).code,
        challenges.Answer.make(level, "Ada", poor, 0.0, 0).code,
        challenges.Answer.make(challenges.level(2), "Bo", poor, 0.0, 0).code,
        "",
    ]
    ranked, problems = challenges.class_list(level, codes)
    assert [(a.name, a.hints) for a, _ in ranked] == [("Ada", 3), ("Cleo", 0)]
    assert ranked[0][1] == pytest.approx(100)
    assert ranked[1][1] == pytest.approx(challenges.score(level, poor))
    assert [str(p).split(":")[0] for p in problems] == ["line 4", "line 5"]
    rows = challenges.to_csv(ranked).splitlines()
    assert rows[1].startswith("Ada,100.0,3,")
    assert len(rows) == 3


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_an_answer_has_a_name(name: str) -> None:
    with pytest.raises(FilterLabError, match="name"):
        challenges.Answer.make(challenges.level(0), name, as_kernel([[1]]), 0.0, 0)


def test_a_code_without_a_name_is_no_answer() -> None:
    mark = challenges.level(0).mark
    longest = challenges.Answer(mark, "x" * 40, ((1.0,),))
    assert challenges.Answer.from_code(longest.code) == longest
    for name in ("", "x" * 41):
        with pytest.raises(FilterLabError, match="no answer"):
            challenges.Answer.from_code(challenges.Answer(mark, name, ((1.0,),)).code)


@pytest.mark.parametrize(
    ("sample_name", "kernel", "told"),
    [("nowhere", [[1]], "chelsea"), ("chelsea", [[0]], "zeros"), ("chelsea", "x", "x")],
)
def test_what_is_no_challenge(sample_name: str, kernel: object, told: str) -> None:
    with pytest.raises(FilterLabError, match=told):
        challenges.Challenge.make(sample_name, kernel)


def test_the_page_lists_every_fact_and_lesson(repo: Path) -> None:
    page = (repo / "docs" / "lessons.md").read_text(encoding="utf-8")
    for name in [*facts.FACTS, *(f"seen.{n}" for n in facts.HAPPENINGS)]:
        assert f"`{name.replace('{slot}', 'N')}`" in page, name
    for one in lessons.find_lessons()[0]:
        assert f"| `{one.key}` | {one.title.say('en')} |" in page
        assert f"| {one.minutes} |" in page
    example = page.partition("```toml\n")[2].partition("```")[0]
    assert lessons.parse_lesson(example, "example").key == "darker"


# --- facts of the Net tab -----------------------------------------------------------------------


def test_facts_of_a_net_on_the_table(nets: dict[str, Model]) -> None:
    study = NetStudy()
    look = facts.Facts(net=study)
    assert look("net.model") is None
    assert look("net.ready") is False
    assert look("net.zero") is None
    assert look("net.map_left") is None
    study.shown = run_job(picture_job(Source(sample="chelsea")))
    study.accept_net(run_job(load_job(nets["small"])))
    bench = study.bench
    assert bench is not None
    study.look_at_layer("conv1")
    assert (look("net.model"), look("net.layer")) == ("small_v2", "conv1")
    assert look("net.ready") is False
    assert look("net.best_before") is None
    study.accept(run_job(study.found_job()))
    assert look("net.ready") is True
    study.want(3)
    found = study.found
    assert found.answers is not None
    assert found.maps is not None
    before = found.maps.before.prob[3].max()
    assert look("net.map_before") == look("net.map_after") == pytest.approx(100 * float(before))
    assert look("net.before") == pytest.approx(100 * float(found.answers.before.prob[3]))
    assert (look("net.map_left"), look("net.edited"), look("net.zeros")) == (1.0, [], 0)
    study.choose([5, 2])
    assert look("net.units") == [2, 5]
    study.operate("zero")
    bench.scale("conv1", [1], 0.5)
    bench.zero("fc6", [0])
    assert (look("net.zero"), look("net.zeros")) == ([2, 5], 2)
    assert look("net.edited") == ["conv1", "fc6"]
    # What was found before the edit is not told of now.
    for name in ("ready", "best_before", "best_after", "after", "map_after", "map_left"):
        assert not look(f"net.{name}")
    study.accept(run_job(study.found_job()))
    found = study.found
    assert found.maps is not None
    assert found.answers is not None
    after = float(found.maps.after.prob[3].max())
    assert look("net.map_left") == pytest.approx(after / float(before), rel=1e-4)
    assert look("net.map_after") == pytest.approx(100 * after)
    assert look("net.after") == pytest.approx(100 * float(found.answers.after.prob[3]))
    assert look("net.best_after") == int(found.answers.after.prob.argmax())
    assert look("net.best_before") == int(found.answers.before.prob.argmax())
    study.set_view(order="peak", side="weights")
    assert (look("net.order"), look("net.side"), look("net.class")) == ("peak", "weights", 3)
    for name in (n for n in facts.FACTS if n.startswith("net.")):
        assert look(name) is not None, name
    study.look_at_layer("pool1")
    assert (look("net.layer"), look("net.zero")) == ("", [])


def test_probabilities_of_a_net_are_in_percent(nets: dict[str, Model]) -> None:
    """Its last layer made weaker, so that no class has all or nothing."""
    study = NetStudy()
    look = facts.Facts(net=study)
    study.shown = run_job(picture_job(Source(sample="chelsea")))
    study.accept_net(run_job(load_job(nets["small"])))
    assert study.bench is not None
    study.want(3)
    for name in ("before", "after", "map_before", "map_after", "map_left", "best_before"):
        assert look(f"net.{name}") is None, "nothing was computed yet"
    study.bench.scale("fc7", list(range(10)), 0.02)
    study.accept(run_job(study.found_job()))
    found = study.found
    assert found.answers is not None
    assert found.maps is not None
    for wanted in (0, 3):
        study.want(wanted)
        after, before = (
            float(maps.prob[wanted].max()) for maps in (found.maps.after, found.maps.before)
        )
        assert look("net.map_before") == pytest.approx(100 * before)
        assert look("net.map_after") == pytest.approx(100 * after)
        assert 0.001 < after < 0.99
        assert look("net.after") == pytest.approx(100 * float(found.answers.after.prob[wanted]))
        assert look("net.before") == pytest.approx(100 * float(found.answers.before.prob[wanted]))
        assert look("net.map_left") == (pytest.approx(after / before) if before else None)
