"""A mutation tester: puts one small fault at a time into a module and runs the tests that reach it.

``python tools/mutants.py`` mutates a seeded sample of every module of ``tests/mutants.toml``
within an hour (``--minutes``) and prints what survived. The faults are put into a copy of the
checkout under ``build/mutants``; an interrupted run goes on where it stopped, and a later one runs
again only what has changed.

Of the well-kept testers mutmut forks from a process that has run the tests, and Qt and ONNX
Runtime do not outlive a fork; cosmic-ray runs one command for every fault of a session, minutes
where seconds are enough. Here coverage.py says which tests reach a line, and only these run, in a
fork of a process that has loaded the tests and run none (:mod:`warm_tests`).

What is changed: comparisons (their limit and their sense), arithmetic, signs, ``and``/``or``,
``not``, numbers (by one; fractions doubled), ``True``/``False``, the first two arguments of a call
or a pair exchanged, and min/max, floor/ceil, row/column and their like. Texts, annotations, sizes
that widgets ask for, gaps and the width of lines are left alone.
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warm_tests import ENVIRONMENT, FORKS, Recorder, Warm, enter, record_tests

TOP = Path(__file__).resolve().parent.parent
CONFIG = TOP / "tests" / "mutants.toml"
#: Loaded once, for every fault's process to inherit: nothing here starts a thread.
_PRELOADED = (
    "pytest", "pytestqt", "numpy", "scipy.ndimage", "scipy.signal", "cv2", "onnx", "onnxruntime",
    "h5py", "PyQt5.QtWidgets", "pyqtgraph", "google.protobuf", "PIL.Image",
)  # fmt: skip
#: Of the tests that reach a line at most these seconds are run, the quickest first.
_MOST_SECONDS = 60.0
_ANY_ORDER = frozenset({"min", "max", "minimum", "maximum", "gcd", "hypot"})
_ROOM = frozenset({"sizeHint", "minimumSizeHint", "lay_out", "_lay_out", "heightForWidth"})
#: Gaps and stretches, how wide lines are, and whether zip looks at lengths that are the same.
_STYLE = frozenset(
    {"setSpacing", "addSpacing", "addStretch", "setStretch", "addLayout", "addWidget", "QPen",
     "setContentsMargins", "setFixedHeight", "setFixedWidth", "setFixedSize", "setMinimumWidth",
     "setMinimumHeight", "setMaximumWidth", "setMaximumHeight", "setInterval", "setRenderHint",
     "setSizePolicy", "setColumnStretch", "setRowStretch"}
)  # fmt: skip

_COMPARED: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">="), ast.LtE: ("<", ">"), ast.Gt: (">=", "<="), ast.GtE: (">", "<"),
    ast.Eq: ("!=",), ast.NotEq: ("==",), ast.Is: ("is not",), ast.IsNot: ("is",),
    ast.In: ("not in",), ast.NotIn: ("in",),
}  # fmt: skip
_REACHED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"), ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}  # fmt: skip
_PAIRS = (
    ("min", "max"), ("minimum", "maximum"), ("floor", "ceil"), ("argmin", "argmax"),
    ("nanmin", "nanmax"), ("minima", "maxima"), ("sum", "mean"), ("all", "any"),
    ("rows", "cols"), ("row", "column"), ("height", "width"), ("left", "right"),
    ("top", "bottom"), ("low", "high"), ("x", "y"), ("h", "w"), ("kh", "kw"),
    ("exp", "log"), ("posinf", "neginf"),
)  # fmt: skip
_RENAMED = dict(_PAIRS) | {b: a for a, b in _PAIRS}


@dataclass(frozen=True)
class Mutant:
    """One fault: bytes ``start`` to ``end`` of a module become ``new``.

    ``name`` says where and what, without line numbers: it stays the same while others change.
    """

    module: str
    name: str
    lines: tuple[int, int]
    start: int
    end: int
    new: bytes
    #: Of what is run when the module is loaded: the names by which functions get at it.
    needs: tuple[str, ...] = ()
    loading: bool = False  # whether it is run when the module is loaded


class _Finder(ast.NodeVisitor):
    """Goes over a module and gathers what can be changed."""

    def __init__(self, module: str, source: bytes) -> None:
        self._module, self._source = module, source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._where: list[str] = []
        self._statement: ast.stmt | None = None
        self._needs: tuple[str, ...] = ()
        self._body: tuple[int, int] | None = None  # of the function whose defaults are visited
        self._inside = False
        self._seen: Counter[str] = Counter()
        self._unordered: set[ast.expr] = set()  # pairs that mean the same when exchanged
        self._any_negative: set[ast.expr] = set()  # numbers of which NumPy sees but the sign
        self.found: list[Mutant] = []

    def _span(self, node: Any) -> tuple[int, int]:
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()

    def _add(self, start: int, end: int, new: str, around: ast.AST) -> None:
        old = self._source[start:end].decode()
        context = " ".join(self._text(around).split())
        where = ".".join(self._where) or "module"
        name = f"{where}: {context[:70]}: {old.strip()} -> {new.strip()}"
        self._seen[name] += 1
        if self._seen[name] > 1:
            name += f" ({self._seen[name]})"
        node: Any = self._statement or around
        first, last = node.lineno, node.end_lineno
        body = getattr(node, "body", None)
        if isinstance(body, list) and body:  # of an if, for, with: only its head
            last = max(first, body[0].lineno - 1)
        if self._body is not None:
            first, last = self._body
        self.found.append(
            Mutant(
                self._module,
                name,
                (first, last),
                start,
                end,
                new.encode(),
                self._needs,
                not self._inside and self._body is None,
            )
        )

    def _between(self, left: ast.AST, right: ast.AST, old: str, new: str, around: ast.AST) -> None:
        """Exchange an operator that stands between two nodes."""
        start, end = self._span(left)[1], self._span(right)[0]
        gap = self._source[start:end]
        at = gap.find(old.encode())
        if at >= 0 and b"#" not in gap:
            self._add(start + at, start + at + len(old), new, around)

    # What is gone into, and what is not

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            before, self._statement = self._statement, node
            super().visit(node)
            self._statement = before
        else:
            super().visit(node)

    def _scope(self, node: Any) -> None:
        if node.name in _ROOM:
            return
        self._where.append(node.name)
        before = self._inside
        if not isinstance(node, ast.ClassDef):
            arguments = node.args
            self._body = node.body[0].lineno, node.body[-1].end_lineno
            for default in (*arguments.defaults, *arguments.kw_defaults):
                if default is not None:
                    self.visit(default)
            self._body = None
            self._inside = True
        for child in node.body:
            self.visit(child)
        self._inside = before
        self._where.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _scope

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assigned(node.target, node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assigned(node.targets[0], node.value)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if not self._inside:
            names = tuple(n.id for n in ast.walk(target) if isinstance(n, ast.Name))
            if "__all__" in names or isinstance(value, ast.Subscript):
                return  # a type's name
            # What a class has of itself is got at by its own name or the class's.
            self._needs = (*names, *self._where)
        self.visit(value)
        self._needs = ()

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        return  # sentences

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        return  # positions within are not to be had before Python 3.12

    # What is changed

    def visit_Compare(self, node: ast.Compare) -> None:
        lefts = [node.left, *node.comparators[:-1]]
        olds = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
                ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in",
                ast.NotIn: "not in"}  # fmt: skip
        for left, operator, right in zip(lefts, node.ops, node.comparators):
            for new in _COMPARED[type(operator)]:
                self._between(left, right, olds[type(operator)], new, node)
            if isinstance(operator, (ast.In, ast.NotIn)) and isinstance(right, ast.Tuple):
                self._unordered.add(right)
            if isinstance(right, ast.Tuple) and _all_alike(right):
                self._unordered |= {left, right}
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        for child in node.body:
            self.visit(child)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        texts = isinstance(node.left, (ast.JoinedStr, ast.Constant)) and not isinstance(
            getattr(node.left, "value", ""), (int, float)
        )
        types = isinstance(node.op, ast.BitOr) and "None" in self._text(node)
        if type(node.op) in _REACHED and not texts and not types:
            self._between(node.left, node.right, *_REACHED[type(node.op)], node)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in _REACHED:
            old, new = _REACHED[type(node.op)]
            self._between(node.target, node.value, f"{old}=", f"{new}=", node)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:]):
            self._between(left, right, old, new, node)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        start, _ = self._span(node)
        if isinstance(node.op, (ast.USub, ast.Not)):
            self._add(start, self._span(node.operand)[0], " ", node)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add(*self._span(node), str(not value), node)
        elif isinstance(value, int) and node not in self._any_negative:
            self._add(*self._span(node), str(value + 1), self._statement or node)
        elif isinstance(value, float):
            self._add(*self._span(node), repr(value * 2 or 1.0), self._statement or node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in _RENAMED and self._where:
            start, end = self._span(node)
            if node.id in ("min", "max", "sum", "all", "any"):
                new = {"sum": "max"}.get(node.id, _RENAMED[node.id])
                self._add(start, end, new, self._statement or node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load) and node.attr in _RENAMED:
            _, end = self._span(node)
            self._add(end - len(node.attr), end, _RENAMED[node.attr], self._statement or node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ("tr", "TypeVar", "field"):
            return
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in _STYLE:
            return
        if called == "isinstance":
            self._unordered.add(node.args[-1])
        node.keywords = [k for k in node.keywords if k.arg != "strict"]
        if called == "reshape":
            lengths = [n for a in node.args for n in getattr(a, "elts", (a,))]
            self._any_negative |= {n.operand for n in lengths if isinstance(n, ast.UnaryOp)}
        if called != "roll":  # a sum over rows and columns is one over columns and rows
            self._unordered |= {k.value for k in node.keywords if k.arg == "axis"}
        # The lower limit and what is clipped: the larger of both, whichever comes first.
        clips = called == "clip" and len(node.args) == 3
        if called not in _ANY_ORDER and not clips:
            self._exchange(node.args, node)
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        ordered = node not in self._unordered
        if isinstance(node.ctx, ast.Load) and len(node.elts) == 2 and ordered:
            self._exchange(node.elts, node)
        self.generic_visit(node)

    def _exchange(self, elements: Sequence[ast.expr], around: ast.AST) -> None:
        if len(elements) < 2 or any(isinstance(e, ast.Starred) for e in elements[:2]):
            return
        first, second = (self._text(e) for e in elements[:2])
        if first == second or (
            isinstance(elements[0], ast.Constant) and isinstance(elements[0].value, str)
        ):
            return
        (start, one), (two, end) = self._span(elements[0]), self._span(elements[1])
        between = self._source[one:two].decode()
        if "#" not in between:
            self._add(start, end, f"{second}{between}{first}", around)


def _all_alike(pair: ast.Tuple) -> bool:
    """Whether a pair is of one thing twice, as (0, 0)."""
    return len({ast.dump(element) for element in pair.elts}) == 1


def find(module: str, source: bytes) -> list[Mutant]:
    """All faults that can be put into a module; a few may be none, see :func:`is_fault`."""
    finder = _Finder(module, source)
    finder.visit(ast.parse(source))
    return finder.found


def is_fault(source: bytes, mutant: Mutant) -> bool:
    """Whether the module with it is another program, and one at all."""
    try:
        changed = ast.parse(mutated(source, mutant))
    except SyntaxError:
        return False
    return ast.dump(changed) != ast.dump(ast.parse(source))


def mutated(source: bytes, mutant: Mutant) -> bytes:
    """The module with the fault in it."""
    return source[: mutant.start] + mutant.new + source[mutant.end :]


# --- which tests reach what -----------------------------------------------------------------------


def _record(tree: str, log: str, test: str, out: str) -> None:
    """In a process of its own: run a file of tests under coverage."""
    enter(tree, log)
    import pytest

    class Plugin:
        def __init__(self, recorder: Recorder) -> None:
            self._recorder = recorder

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
            with self._recorder.during(item.nodeid):
                yield

    record_tests(tree, out, lambda recorder: int(pytest.main([test], plugins=[Plugin(recorder)])))


def _run_tests(tree: str, log: str, tests: Sequence[str]) -> None:
    """In a process of its own: run tests; its exit status is pytest's."""
    enter(tree, log)
    import pytest

    scratch = Path(log).with_suffix(".tmp")
    os._exit(int(pytest.main(["-x", "--basetemp", str(scratch), *tests])))


class Runner:
    """The copy of the checkout, and what is known of it."""

    def __init__(
        self, folder: Path, config: dict[str, Any], part: str = "", fresh: bool = False
    ) -> None:
        self._folder, self._config = folder, config
        self.tree = (folder / f"tree{part}").resolve()
        self._part = part
        self._log = str(folder.resolve() / f"log{part}.txt")
        self._results = folder / "results.jsonl"
        if "forkserver" in multiprocessing.get_all_start_methods():
            self._context: Any = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(list(_PRELOADED))
        else:
            self._context = multiprocessing.get_context("spawn")
        os.environ.update(ENVIRONMENT)
        self._copy()
        self._reached: dict[str, dict[str, Any]] = {}
        self._fresh = fresh
        self._warm: tuple[list[str], Warm] | None = None

    def _copy(self) -> None:
        """The tracked and the new files, as they are now."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=TOP, check=True, capture_output=True,
        ).stdout.decode()  # fmt: skip
        wanted = {name for name in listed.split("\0") if name and (TOP / name).is_file()}
        shutil.rmtree(self.tree, ignore_errors=True)
        for name in wanted:
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, target)
        shared = TOP.parent / "shared"
        if shared.is_dir():
            os.environ.setdefault("FILTERLAB_SHARED", str(shared))

    def area(self, module: str) -> dict[str, Any]:
        """The part of the configuration that has a module."""
        found: dict[str, Any] = next(
            g for g in self._config["group"] for m in g["modules"] if m == module
        )
        return found

    def tests_of(self, module: str) -> list[str]:
        """The files of tests that are asked about a module."""
        tree, patterns = self.tree, self.area(module)["tests"]
        names = [p.relative_to(tree).as_posix() for g in patterns for p in sorted(tree.glob(g))]
        return list(dict.fromkeys(names))

    def _digest(self, *names: str) -> str:
        whole = hashlib.sha256()
        for name in names:
            whole.update((self.tree / name).read_bytes())
        return whole.hexdigest()[:16]

    def _loaded(self, module: str) -> Warm | None:
        """A process that has loaded the tests of a module's area."""
        if self._fresh or not FORKS:
            return None
        tests = self.tests_of(module)
        if self._warm is None or self._warm[0] != tests:
            self.close()
            self._warm = tests, Warm(self._context, str(self.tree), self._log, tests)
        return self._warm[1]

    def close(self) -> None:
        """End the process that has loaded tests."""
        if self._warm is not None:
            self._warm[1].close()
            self._warm = None

    def _process(self, target: Any, arguments: tuple[Any, ...], limit: float) -> int | None:
        """The exit status, or None if it had to be ended."""
        log = self._log.removesuffix(".txt") + "-own.txt"
        process = self._context.Process(target=target, args=(str(self.tree), log, *arguments))
        process.start()
        process.join(limit)
        if process.exitcode is not None:
            return int(process.exitcode)
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.join()
        return None

    def reached(
        self, test: str, module: str, asked: str
    ) -> tuple[dict[str, list[str]], dict[str, float]]:
        """By line of a module, the tests of a file that reach it; and the seconds that each takes.

        ``asked``: the module whose tests are asked, that file among them.
        """
        where = self._folder / "reached" / f"{test.replace('/', '-')}.json"
        found = self._reached.get(test)
        if found is None and where.is_file():
            found = json.loads(where.read_text())
        stamp = self._digest(test), self._digest(module)
        if (
            found is None
            or found["test"] != stamp[0]
            or found["modules"].get(module, stamp[1]) != stamp[1]
        ):
            print(f"  asking {test} what it reaches", flush=True)
            where.parent.mkdir(parents=True, exist_ok=True)
            out = self._folder.resolve() / f"recorded{self._part}.json"
            out.unlink(missing_ok=True)
            warm = self._loaded(asked)
            if warm is None:
                self._process(_record, (test, str(out)), 900)
            else:
                warm.record(test, str(out))
            if not out.is_file():
                raise SystemExit(f"mutants: {test} came to no end; see {self._folder}")
            found = json.loads(out.read_text())
            if found["status"]:
                raise SystemExit(f"mutants: {test} fails without a fault; mend it first")
            found["test"] = stamp[0]
            found["modules"] = {m: self._digest(m) for m in found["reached"]}
            where.write_text(json.dumps(found))
        self._reached[test] = found
        return found["reached"].get(module, {}), found["seconds"]

    def chosen(self, mutant: Mutant) -> dict[str, float]:
        """The tests that reach a fault with their seconds, the quickest first."""
        spans = _readers(mutant.needs) if mutant.needs else {mutant.module: [mutant.lines]}
        tests: dict[str, float] = {}
        for file in self.tests_of(mutant.module):
            for module, places in spans.items():
                lines, seconds = self.reached(file, module, mutant.module)
                for first, last in places:
                    for line in range(first, last + 1):
                        tests |= {t: seconds.get(t, 1.0) for t in lines.get(str(line), ())}
        for file in self.tests_of(mutant.module) if mutant.loading else ():
            # Tests that read a constant themselves reach no line of the program by it.
            words = set(re.findall(r"\w+", (self.tree / file).read_text(encoding="utf-8")))
            if words & set(mutant.needs):
                tests |= self.reached(file, mutant.module, mutant.module)[1]
        if not tests and (mutant.needs or mutant.loading):
            # Nobody reads it by name: all who use the module at all.
            for file in self.tests_of(mutant.module):
                lines, seconds = self.reached(file, mutant.module, mutant.module)
                for reaching in lines.values():
                    tests |= {t: seconds.get(t, 1.0) for t in reaching}
        ordered: dict[str, float] = {}
        for test in sorted(tests, key=lambda t: (tests[t], t)):
            if ordered and sum(ordered.values()) + tests[test] > _MOST_SECONDS:
                break
            ordered[test] = tests[test]
        return ordered

    def known(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What was found before, the newest."""
        if not self._results.is_file():
            return {}
        rows = [json.loads(line) for line in self._results.read_text().splitlines()]
        return {(row["module"], row["mutant"]): row for row in rows}

    def judge(self, mutant: Mutant, source: bytes, known: dict[str, Any] | None) -> dict[str, Any]:
        """Whether the tests see a fault: killed, timeout, lives or unreached."""
        stamp = {
            "source": hashlib.sha256(source).hexdigest()[:16],
            "tests": self._digest(*self.tests_of(mutant.module)),
        }
        if known is not None and known["source"] == stamp["source"]:
            caught = known["outcome"] in ("killed", "timeout")
            if caught or known["tests"] == stamp["tests"]:
                return known
        tests = self.chosen(mutant)
        began = time.monotonic()
        status: int | str | None = "unreached"
        if tests:
            new, seconds = mutated(source, mutant), sum(tests.values())
            warm = self._loaded(mutant.module)
            status = None
            if warm is not None:
                status = warm.judge(mutant.module, source, new, list(tests), seconds)
            if status is None:
                place = self.tree / mutant.module
                place.write_bytes(new)
                try:
                    status = self._process(_run_tests, (list(tests),), 60 + 12 * seconds)
                finally:
                    place.write_bytes(source)
                status = "timeout" if status is None else status
        if isinstance(status, int):
            outcome = "killed" if status else "lives"
        else:
            outcome = str(status)
        row = {
            "module": mutant.module, "mutant": mutant.name, "line": mutant.lines[0],
            "outcome": outcome, "of": len(tests), "seconds": round(time.monotonic() - began, 1),
            **stamp,
        }  # fmt: skip
        with self._results.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        return row


@functools.cache
def _names_read() -> dict[str, list[tuple[str, tuple[int, int]]]]:
    """Every name and attribute that a function of the program reads, and where."""
    found: dict[str, list[tuple[str, tuple[int, int]]]] = {}
    for path in sorted((TOP / "filterlab").rglob("*.py")):
        module = path.relative_to(TOP).as_posix()
        for function in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for node in ast.walk(function):
                name = getattr(node, "id", getattr(node, "attr", ""))
                if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                    span = node.lineno, node.end_lineno or node.lineno
                    found.setdefault(name, []).append((module, span))
    return found


def _readers(names: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    spans: dict[str, list[tuple[int, int]]] = {}
    for name in names:
        for module, span in _names_read().get(name, ()):
            spans.setdefault(module, []).append(span)
    return spans


def _configuration() -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(CONFIG.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modules", nargs="*", help="parts of modules' or areas' names; none: all")
    parser.add_argument("--sample", type=int, default=6, help="faults a module (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="stop after so many; 0: never")
    parser.add_argument("--part", default="", help="1/2, 2/2: to share the areas' modules out")
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    parser.add_argument("--list", action="store_true", help="only say what could be changed")
    parser.add_argument("--fresh", action="store_true", help="a process of its own for each fault")
    args = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(19 - os.nice(0))
    config = _configuration()
    areas = {m: g["area"] for g in reversed(config["group"]) for m in g["modules"]}
    modules = list(dict.fromkeys(m for g in config["group"] for m in g["modules"]))
    if args.modules:
        named = set(areas.values())
        modules = [
            m for m in modules if any(p == areas[m] if p in named else p in m for p in args.modules)
        ]
    if args.part:
        number, count = map(int, args.part.split("/"))
        modules = modules[number - 1 :: count]
    reasons = {(e["module"], e["mutant"]): e["why"] for e in config.get("lives", ())}
    folder = TOP / "build" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    runner = None if args.list else Runner(folder, config, args.part.replace("/", "of"), args.fresh)
    samples: dict[str, tuple[bytes, list[Mutant]]] = {}
    found: dict[str, Counter[str]] = {}
    for module in modules:
        source = (runner.tree if runner else TOP).joinpath(module).read_bytes()
        possible = [m for m in find(module, source) if args.only in m.name]
        # Drawn by name: a change elsewhere in the module leaves the others in the sample.
        possible.sort(key=lambda m: random.Random(f"{args.seed} {m.name}").random())
        faults = (m for m in possible if is_fault(source, m))
        samples[module] = source, list(itertools.islice(faults, args.sample or None))
        found[module] = Counter(possible=len(possible))
        if runner is None:
            print(f"{module}: {len(possible)}")
            for mutant in samples[module][1]:
                print(f"    {mutant.name}")
    if runner is None:
        return 0
    try:
        left = _judged(runner, samples, found, reasons, 60 * args.minutes or float("inf"))
    finally:
        runner.close()
    for row in left:
        why = reasons.get((row["module"], row["mutant"]))
        print(f"\n{row['module']}:{row['line']} {row['outcome']} ({row['of']} tests)")
        print(f"    {row['mutant']}")
        if why:
            print(f"    lives because {why}")
    print()
    for module in modules:
        print(f"{module}: {_told(found[module])}")
    print()
    whole: Counter[str] = Counter()
    for area in dict.fromkeys(areas[m] for m in modules):
        part: Counter[str] = sum((found[m] for m in modules if areas[m] == area), Counter())
        print(f"{area}, {sum(areas[m] == area for m in modules)} modules: {_told(part)}")
        whole += part
    print(f"All: {_told(whole)}")
    return 1 if whole["lives"] + whole["unreached"] else 0


def _judged(
    runner: Runner,
    samples: dict[str, tuple[bytes, list[Mutant]]],
    found: dict[str, Counter[str]],
    reasons: dict[tuple[str, str], str],
    seconds: float,
) -> list[dict[str, Any]]:
    """Judge the samples and count the outcomes into ``found``; the rows of what was not caught.

    Of an area's modules the first fault of each, then the second: what there is no time for is
    missing from all alike. An area has what is left of the time, shared by the areas to come.
    """
    known = runner.known()
    ends = time.monotonic() + seconds
    left: list[dict[str, Any]] = []
    areas: dict[tuple[str, ...], list[str]] = {}
    for module in samples:
        areas.setdefault(tuple(runner.tests_of(module)), []).append(module)
    for number, modules in enumerate(areas.values()):
        now = time.monotonic()
        stops = now + (ends - now) / (len(areas) - number)
        turns = itertools.zip_longest(*([(m, f) for f in samples[m][1]] for m in modules))
        for module, mutant in (pair for turn in turns for pair in turn if pair is not None):
            if time.monotonic() > stops:
                break
            key = module, mutant.name
            row = runner.judge(mutant, samples[module][0], known.get(key))
            outcome = row["outcome"]
            if outcome in ("lives", "unreached"):
                left.append(row)
                outcome = "reasoned" if key in reasons else outcome
                if outcome != "reasoned":
                    print(f"  {outcome}: {module}: {mutant.name}", flush=True)
            found[module][outcome] += 1
            found[module]["tried"] += 1
    return left


def _told(found: Counter[str]) -> str:
    tried = found["tried"]
    caught = found["killed"] + found["timeout"]
    share = f"{100 * caught / tried:.1f} %" if tried else "none"
    return (
        f"{caught} of {tried} killed ({share}; {found['timeout']} of them by the clock), "
        f"{found['lives']} live, {found['unreached']} unreached, {found['reasoned']} reasoned; "
        f"sampled of {found['possible']}"
    )


if __name__ == "__main__":
    sys.exit(main())
