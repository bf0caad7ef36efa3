"""Lessons: steps as data, each with a check that the program can see has been done.

A lesson is a TOML file of at most 256 KB; ``docs/lessons.md`` describes it. It can hold texts in
several languages, a state to begin with, controls to lock or hide, and steps. It cannot hold code;
its pictures are samples by name, or files that lie beside it. Whatever a stranger's lesson holds,
reading it ends in a :class:`Lesson` or one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filterlab import paths
from filterlab.caffe.files import open_file
from filterlab.caffe.text import Text, reason_of
from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture, sample_names
from filterlab.surgery.convolve import Picture
from filterlab.surgery.kernels import Kernel, as_kernel
from filterlab.surgery.kernels.spec import parse_spec
from filterlab.workbench.facts import Condition, Look, condition_from, is_number, kernel_from
from filterlab.workbench.filter_bench import FilterBench
from filterlab.workbench.filter_state import SLOTS, sample_picture
from filterlab.zoo.toml import parse_toml

__all__ = [
    "MOST_BYTES",
    "SUFFIX",
    "Choice",
    "Lesson",
    "Progress",
    "Start",
    "Step",
    "Wording",
    "Wrong",
    "find_lessons",
    "lesson_from",
    "own_folder",
    "parse_lesson",
    "read_lesson",
    "start_filters",
]

#: How a lesson's own file ends.
SUFFIX = ".lesson"

#: Of a lesson's file.
MOST_BYTES = 256 << 10
_MOST_STEPS = 40
_LONGEST = 4000  # characters of one text
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_TABS = ("filters", "heatmap", "net")


@dataclass(frozen=True)
class Wording:
    """A text in the languages that it exists in, English first."""

    by_language: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.by_language)

    def say(self, language: str) -> str:
        """In ``language`` (``zh_CN``, ``zh``), else in English, else in the first there is."""
        found = dict(self.by_language)
        for name in (language, *(n for n in found if n.split("_")[0] == language.split("_")[0])):
            if name in found:
                return found[name]
        return found.get("en") or next(iter(found.values()), "")


@dataclass(frozen=True)
class Choice:
    """An answer to a step's question."""

    text: Wording
    right: bool
    say: Wording


@dataclass(frozen=True)
class Wrong:
    """A wrong turn: when it shows, and what is said then."""

    when: Condition
    say: Wording


@dataclass(frozen=True)
class Step:
    """One step: a text, what to do, how that is seen, a hint, and what to notice afterwards.

    Either ``check`` or ``choices`` says when it is done; a step with neither is read.
    """

    text: Wording
    task: Wording = field(default_factory=Wording)
    check: Condition | None = None
    wrong: tuple[Wrong, ...] = ()
    hint: Wording = field(default_factory=Wording)
    notice: Wording = field(default_factory=Wording)
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Start:
    """The state that a lesson begins with; what is None stays as it is."""

    sample: str | None = None
    file: str | None = None
    kernels: tuple[str | list[list[float]] | None, ...] = ()
    bias: tuple[float, ...] = ()
    pad: str | None = None
    stride: int | None = None
    dilation: int | None = None
    mode: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes
    ----------
    key : str
        Under which progress is kept.
    title, about : Wording
    tab : str
        The tab that it begins in: ``filters``, ``heatmap`` or ``net``.
    minutes : int
    start : Start
    hidden, locked : tuple of str
        Controls, by the names that the tabs give them.
    steps : tuple of Step
    path : Path or None
        Where it was read from.
    source : str
        Its text, with which a project can carry it.
    """

    key: str
    title: Wording
    tab: str
    steps: tuple[Step, ...]
    about: Wording = field(default_factory=Wording)
    minutes: int = 5
    start: Start = field(default_factory=Start)
    hidden: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    path: Path | None = None
    source: str = ""


# --- reading ----------------------------------------------------------------------------------


def own_folder() -> Path:
    """The user's folder of lessons; may not exist yet."""
    return paths.data_dir() / "lessons"


def find_lessons() -> tuple[list[Lesson], list[Text]]:
    """The lessons that come along and the user's own, and what is wrong with those not usable.

    Of two with one key the user's own counts.
    """
    found: dict[str, Lesson] = {}
    problems = []
    for folder in (paths.resource("lessons"), own_folder()):
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []:
            try:
                lesson = read_lesson(path)
            except FilterLabError as error:
                problems.append(error.message)
            else:
                found[lesson.key] = lesson
    return list(found.values()), problems


def read_lesson(path: str | Path) -> Lesson:
    """Read a lesson's file.

    Raises
    ------
    FilterLabError
        If it cannot be read or is no lesson; the message names the file, the step and the field.
    """
    path = Path(path)
    try:
        with open_file(path) as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot read it: {reason}", path=path, reason=reason_of(error)
        ) from error
    if len(data) > MOST_BYTES:
        raise FilterLabError(
            "{path}: a lesson has at most {most_bytes} KB, this has more",
            path=path,
            most_bytes=MOST_BYTES >> 10,
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FilterLabError("{path}: a lesson is text in UTF-8; save it so", path=path) from None
    return parse_lesson(text, path.name, path)


def parse_lesson(text: str, where: str, path: Path | None = None) -> Lesson:
    """A lesson from its text; ``where`` begins the message of what is wrong.

    Raises
    ------
    FilterLabError
        If it is no lesson; the message names the step and the field.
    """
    return replace(lesson_from(parse_toml(text, where), where, path), source=text)


def lesson_from(table: Mapping[str, Any], where: str, path: Path | None = None) -> Lesson:
    """A lesson from the tables of its file.

    Raises
    ------
    FilterLabError
        If a field is missing, unknown or of the wrong kind.
    """
    top = _Table(table, where)
    key = top.text("key")
    if not _KEY.fullmatch(key):
        raise FilterLabError(
            "{where}: key is {key!r}; take small letters, digits and hyphens, 40 at most",
            where=where,
            key=key[:40],
        )
    tab = top.one_of("tab", _TABS)
    start = _start(top.table("start"), f"{where}: start") if top.has("start") else Start()
    steps = [
        _step(step, f"{where}: step {number}")
        for number, step in enumerate(top.tables("step", _MOST_STEPS), 1)
    ]
    if not steps:
        raise FilterLabError("{where}: a lesson has steps, [[step]]; this has none", where=where)
    lesson = Lesson(
        key=key,
        title=top.says("title", needed=True),
        about=top.says("about"),
        tab=tab,
        minutes=top.whole("minutes", 1, 600) or 5,
        start=start,
        hidden=top.names("hidden"),
        locked=top.names("locked"),
        steps=tuple(steps),
        path=path,
    )
    top.close()
    return lesson


def _start(table: _Table, where: str) -> Start:
    kernels = table.take("kernels", list, [])
    if len(kernels) > SLOTS:
        raise FilterLabError(
            "{where}: there are {slots} filters, not {kernels}",
            where=where,
            slots=SLOTS,
            kernels=len(kernels),
        )
    for kernel in kernels:
        if kernel != "":
            kernel_from(kernel, f"{where}: kernels")
    bias = table.take("bias", list, [])
    if len(bias) > SLOTS or not all(is_number(b) and abs(b) < 1e6 for b in bias):
        raise FilterLabError("{where}: bias is a number for each filter", where=where)
    name = table.text("sample", None)
    if name is not None and name not in sample_names():
        raise FilterLabError(
            "{where}: there is no sample {name!r}; the samples are {sample_names}",
            where=where,
            name=name[:40],
            sample_names=", ".join(sample_names()),
        )
    file = table.text("file", None)
    if file is not None and (not file or file != Path(file).name or file.startswith(".")):
        raise FilterLabError(
            "{where}: file {file!r}: a picture lies beside the lesson and has a plain name",
            where=where,
            file=file[:80],
        )
    start = Start(
        sample=name,
        file=file,
        kernels=tuple(None if k == "" else k for k in kernels),
        bias=tuple(float(b) for b in bias),
        pad=table.one_of("pad", ("valid", "same"), None),
        stride=table.whole("stride", 1, 4),
        dilation=table.whole("dilation", 1, 3),
        mode=table.one_of("mode", ("grey", "each", "three"), None),
        model=table.text("model", None),
    )
    table.close()
    return start


def _step(table: _Table, where: str) -> Step:
    check = (
        condition_from(table.take("check", dict), f"{where}: check") if "check" in table else None
    )
    wrong = []
    for number, one in enumerate(table.tables("wrong", 12), 1):
        place = f"{where}: wrong {number}"
        wrong.append(Wrong(condition_from(one.take("when", dict), place), one.says("say", True)))
        one.close()
    choices = []
    for one in table.tables("choice", 8):
        right = one.take("right", bool, False)
        choices.append(Choice(one.says("text", True), right, one.says("say", True)))
        one.close()
    if choices and sum(choice.right for choice in choices) != 1:
        raise FilterLabError(
            "{where}: of its choices one is right, not {count}", where=where, count=_count(choices)
        )
    if choices and check is not None:
        raise FilterLabError("{where}: a step has a check or choices, not both", where=where)
    step = Step(
        text=table.says("text", needed=True),
        task=table.says("task", needed=check is not None or bool(choices)),
        check=check,
        wrong=tuple(wrong),
        hint=table.says("hint"),
        notice=table.says("notice"),
        choices=tuple(choices),
    )
    table.close()
    return step


def _count(choices: Sequence[Choice]) -> int:
    return sum(choice.right for choice in choices)


_MISSING = object()


class _Table:
    """A table of which each field is taken once; what is left over is an error."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self._where = dict(values), where

    def __contains__(self, name: str) -> bool:
        return name in self._values

    has = __contains__

    def take(self, name: str, kind: type, default: Any = _MISSING) -> Any:
        value = self._values.pop(name, default)
        if value is _MISSING:
            raise FilterLabError(
                "{where}: {name!r} is missing; add it", where=self._where, name=name
            )
        if value is not default and not isinstance(value, kind):
            words = {
                str: Text("a text"),
                list: Text("a list"),
                dict: Text("a table"),
                bool: Text("true or false"),
            }
            raise FilterLabError(
                "{where}: {name!r} must be {words}", where=self._where, name=name, words=words[kind]
            )
        return value

    def text(self, name: str, default: Any = _MISSING) -> Any:
        value = self.take(name, str, default)
        if isinstance(value, str) and len(value) > _LONGEST:
            raise FilterLabError(
                "{where}: {name!r} is longer than {longest} characters",
                where=self._where,
                name=name,
                longest=_LONGEST,
            )
        return value

    def one_of(self, name: str, values: Sequence[str], default: Any = _MISSING) -> Any:
        value = self.text(name, default)
        if value is not default and value not in values:
            raise FilterLabError(
                "{where}: {name!r} is {value!r}; take one of {values}",
                where=self._where,
                name=name,
                value=value[:40],
                values=", ".join(values),
            )
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self._values.pop(name, default)
        if not is_number(value) or not low <= value <= high:
            raise FilterLabError(
                "{where}: {name!r} must be a number from {low} to {high}",
                where=self._where,
                name=name,
                low=low,
                high=high,
            )
        return float(value)

    def whole(self, name: str, low: int, high: int) -> int | None:
        if name not in self:
            return None
        value = self.number(name, low, low, high)
        if value != int(value):
            raise FilterLabError(
                "{where}: {name!r} must be a whole number", where=self._where, name=name
            )
        return int(value)

    def says(self, name: str, needed: bool = False) -> Wording:
        """A text: one string (English), or a table by language."""
        value = self._values.pop(name, None)
        if value is None:
            if needed:
                raise FilterLabError(
                    "{where}: {name!r} is missing; add it", where=self._where, name=name
                )
            return Wording()
        table = {"en": value} if isinstance(value, str) else value
        good = (
            isinstance(table, dict)
            and table
            and all(
                _LANGUAGE.fullmatch(lang) and isinstance(text, str) and len(text) <= _LONGEST
                for lang, text in table.items()
            )
        )
        if not good:
            raise FilterLabError(
                "{where}: {name!r} is a text of at most {longest} characters, or one for "
                "each language, {{en = …, zh_CN = …}}",
                where=self._where,
                name=name,
                longest=_LONGEST,
            )
        return Wording(tuple((lang, text.strip()) for lang, text in table.items()))

    def names(self, name: str) -> tuple[str, ...]:
        values = self.take(name, list, [])
        if len(values) > 64 or not all(isinstance(v, str) and len(v) <= 60 for v in values):
            raise FilterLabError(
                "{where}: {name!r} is a list of controls' names", where=self._where, name=name
            )
        return tuple(values)

    def table(self, name: str) -> _Table:
        return _Table(self.take(name, dict), f"{self._where}: {name}")

    def tables(self, name: str, most: int) -> Iterator[_Table]:
        values = self.take(name, list, [])
        if len(values) > most or not all(isinstance(v, dict) for v in values):
            raise FilterLabError(
                "{where}: {name!r} is a list of at most {most} tables",
                where=self._where,
                name=name,
                most=most,
            )
        for number, value in enumerate(values, 1):
            yield _Table(value, f"{self._where}: {name} {number}")

    def close(self) -> None:
        """Nothing is passed over: what is misspelt is told."""
        if self._values:
            raise FilterLabError(
                "{where}: there is no field {values!r}; leave it out",
                where=self._where,
                values=sorted(self._values)[0][:40],
            )


# --- taking a lesson --------------------------------------------------------------------------


@dataclass
class Progress:
    """Where somebody is in a lesson.

    Attributes
    ----------
    lesson : Lesson
    at : int
        The step in front, from 0; ``len(lesson.steps)`` at the end.
    done : set of int
        Steps that were done.
    answered : int or None
        The choice taken last in the step in front.
    """

    lesson: Lesson
    at: int = 0
    done: set[int] = field(default_factory=set)
    answered: int | None = None

    @property
    def step(self) -> Step | None:
        """The step in front; None at the end."""
        return self.lesson.steps[self.at] if self.at < len(self.lesson.steps) else None

    @property
    def is_done(self) -> bool:
        """Whether the step in front is done, so that one may go on."""
        step = self.step
        return step is None or self.at in self.done or (step.check is None and not step.choices)

    def look(self, facts: Look) -> Wording | None:
        """See whether the step is done; what is to be said of a wrong turn, None if nothing.

        A step that was done stays done, whatever becomes of the bench.
        """
        step = self.step
        if step is None or self.is_done:
            return None
        if step.check is not None and step.check.holds(facts):
            self.done.add(self.at)
            return None
        for wrong in step.wrong:
            if wrong.when.holds(facts):
                return wrong.say
        return None

    def answer(self, number: int) -> Wording:
        """Take a choice; returns what is to be said of it.

        Raises
        ------
        IndexError
            If the step in front has no such choice.
        """
        step = self.step
        if step is None or not 0 <= number < len(step.choices):
            raise IndexError(f"the step has no choice {number}")
        self.answered = number
        choice = step.choices[number]
        if choice.right:
            self.done.add(self.at)
        return choice.say

    def go(self, by: int) -> bool:
        """Go to another step: back always, on only from one that is done; whether it moved."""
        target = self.at + by
        if not 0 <= target <= len(self.lesson.steps) or (by > 0 and not self.is_done):
            return False
        if by > 0:
            self.done.add(self.at)
        self.at, self.answered = target, None
        return True

    def reset(self) -> None:
        """Begin anew."""
        self.at, self.answered = 0, None
        self.done.clear()

    def to_plain(self) -> dict[str, Any]:
        """As JSON data, to be kept."""
        return {"at": self.at, "done": sorted(self.done)}

    @classmethod
    def from_plain(cls, lesson: Lesson, kept: Any) -> Progress:
        """From kept data; whatever cannot be used is left out."""
        progress = cls(lesson)
        if isinstance(kept, dict):
            count = len(lesson.steps)
            at, done = kept.get("at"), kept.get("done")
            if isinstance(done, list):
                progress.done = {n for n in done if type(n) is int and 0 <= n < count}
            if type(at) is int and 0 <= at <= count:
                progress.at = at
        return progress


def start_filters(bench: FilterBench, start: Start, beside: Path | None = None) -> str:
    """Bring the Filters bench into a lesson's first state, as one undo step.

    Parameters
    ----------
    beside : Path, optional
        The lesson's file; its picture lies beside it.

    Raises
    ------
    FilterLabError
        If the picture cannot be read; nothing has changed then.
    """
    picture: Picture | None = None
    if start.sample is not None:
        picture = sample_picture(start.sample)
    elif start.file is not None and beside is not None:
        place = beside.parent / start.file
        if place.is_symlink():
            raise FilterLabError(
                "{name}: a lesson's picture is a file, not a link", name=place.name
            )
        picture = Picture(read_picture(place), start.file)
    kernels = [None if k is None else _kernel(k) for k in start.kernels]
    with bench.group("Start the lesson"):
        if kernels:
            bench.reset()
        if picture is not None:
            bench.set_picture(picture)
        for setting in ("mode", "pad", "stride", "dilation"):
            value = getattr(start, setting)
            if value is not None:
                getattr(bench, f"set_{setting}")(value)
        for slot, kernel in enumerate(kernels):
            if kernel is not None:
                bench.set_size(kernel.shape, slot)
                _put(bench, slot, start.kernels[slot], kernel)
        for slot, value in enumerate(start.bias):
            bench.set_bias(slot, value)
    return "Start the lesson"


def _kernel(what: str | list[list[float]]) -> Kernel:
    return as_kernel(kernel_from(what, "kernels"))


def _put(bench: FilterBench, slot: int, what: Any, kernel: Kernel) -> None:
    """A preset stays one, with its parameters; rows are numbers of one's own."""
    spec = parse_spec(what) if isinstance(what, str) else None
    if spec is not None and spec.preset is not None:
        bench.apply_preset(slot, spec.preset.key, None, **spec.parameters)
    else:
        bench.set_kernel(slot, kernel)
