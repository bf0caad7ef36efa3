"""Every sentence of the core that the window can show has its Chinese.

The core's own code is searched for them, so that a new one without a translation is found.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from filterlab.gui import i18n

#: Modules whose sentences only a program can meet that calls them, and the one that writes code.
_FOR_PROGRAMS = {
    "caffe/__main__.py",
    "caffe/batches.py",
    "caffe/classifier.py",
    "caffe/coord_map.py",
    "caffe/detector.py",
    "caffe/device.py",
    "caffe/draw.py",
    "caffe/fixed.py",
    "caffe/io.py",
    "caffe/messages.py",
    "caffe/net_spec.py",
    "caffe/proto/generate.py",
    "caffe/training.py",
    "surgery/kernels/codegen.py",
}

#: How the sentences begin that only such a program can meet in the other modules.
_FOR_CALLERS = (
    "Blob.data",
    "Blob.diff",
    "Blob.reshape",
    "Net(…)",
    "backward()",
    "deconv_from_layer()",
    "a blob of 7 axes has no 7",
    "cannot share",
    "forward_all()",
    "7 needs the net's inputs",
    "7: inputs of different lengths",
    "7: nothing to compute",
    "idx=",  # read in a message of ONNX Runtime
    "input '7' is complex",
    "it is for batches of",
    "only a writable float32 array",
    "save_hdf5(",
    "set_input_arrays(…)",
    "set_random_seed(",
    "share_with(",
    "'7' is no path of a 7",
    "Caffe's net surgery tutorial",  # who described a preset
    "7x the output in 7x the time",  # the command line's
    "no marker",  # read as signs of a damaged picture
    "no header",
    "no picture first",
    "row col value",  # the head of a table
)

#: Places that may be empty, or hold a part that begins with the space or mark before it.
_OPTIONAL = {"prefix", "hint", "made", "kept", "dilated", "wrong", "where"}


class Found(NamedTuple):
    """A text of the core: where it stands, and its parts, None for each place."""

    where: str
    parts: tuple[str | tuple[str, bool], ...]  # text, or (expression, whether in quotes)
    raised: bool

    def filled(self, optional: str) -> str:
        """The text with something in its places."""
        return "".join(
            part
            if isinstance(part, str)
            else optional
            if part[0] in _OPTIONAL
            else "'7'"
            if part[1]
            else "7"
            for part in self.parts
        )


def _parts(node: ast.expr) -> Iterator[str | tuple[str, bool]]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _parts(value)
    elif isinstance(node, ast.FormattedValue):
        told = ast.unparse(node.value)
        yield told, node.conversion == ord("r") or told.startswith("shown(")


def _texts(path: Path, where: str) -> Iterator[Found]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        if not is_text or isinstance(above[node], ast.Expr | ast.JoinedStr):
            continue  # a docstring, or part of a longer text
        assert isinstance(node, ast.expr)
        raised = isinstance(above[node], ast.Call) and any(
            isinstance(up, ast.Raise) for up in (above[node], above[above[node]])
        )
        yield Found(f"{where}:{node.lineno}", tuple(_parts(node)), raised)


def _core(repo: Path) -> list[Found]:
    found = []
    for room in ("caffe", "pictures", "surgery", "zoo"):
        for path in sorted((repo / "filterlab" / room).rglob("*.py")):
            where = path.relative_to(repo / "filterlab").as_posix()
            if where not in _FOR_PROGRAMS:
                found += _texts(path, where)
    return found


def _sentences(repo: Path) -> list[str]:
    folder = repo / "resources" / "translations" / "zh"
    return [
        english
        for path in folder.glob("*.json")
        for english in json.loads(path.read_text(encoding="utf-8"))
    ]


def _is_chinese(text: str) -> bool:
    return re.search("[\u4e00-\u9fff]", text) is not None


def _whole(text: Found, told: list[str]) -> bool:
    """Whether one sentence that is translated holds all that the text says, in its order."""
    words = [
        part.removeprefix(": ")
        for part in text.parts
        if isinstance(part, str) and re.search(r"\w", part)
    ]
    pattern = re.compile(".*".join(map(re.escape, words)), re.DOTALL)
    return any(pattern.search(sentence) for sentence in told)


def _missing(repo: Path, texts: list[Found]) -> str:
    """Those of the texts that the window would show in English, a line each."""
    told = _sentences(repo)
    return "\n".join(
        f"{text.where} {text.filled('')}"
        for text in texts
        if not any(_is_chinese(i18n.tr_sentence(text.filled(o))) for o in ("", "7"))
        and not _whole(text, told)
        and not text.filled("").startswith(_FOR_CALLERS)
    )


def test_what_the_core_raises_is_told_in_chinese(repo: Path, chinese: None) -> None:
    raised = [text for text in _core(repo) if text.raised]
    assert len(raised) > 200
    missing = _missing(repo, raised)
    assert not missing, missing


def test_all_else_that_the_core_says_is_told_in_chinese(repo: Path, chinese: None) -> None:
    """Parts of sentences, notices, a report's texts: all that reads like words."""
    said = [
        text
        for text in _core(repo)
        if not text.raised and re.search(r"[a-z]{2,} [a-z]+ [a-z]{2,}", text.filled("7"))
    ]
    assert len(said) > 200
    missing = _missing(repo, said)
    assert not missing, missing


def test_the_steps_of_the_cores_jobs_have_their_chinese(repo: Path, chinese: None) -> None:
    steps = {
        node.args[0].value
        for room in ("surgery", "zoo")
        for path in (repo / "filterlab" / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and re.search(r"Progress|Partial", ast.unparse(node.func))
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
    assert len(steps) > 10
    assert [step for step in sorted(steps) if not _is_chinese(i18n.tr(step))] == []
