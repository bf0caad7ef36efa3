"""Project files: what the tabs hold, in one zip that is safe to open from strangers.

The format stands in ``docs/project_file.md``. Nothing is unpickled, executed or unpacked to disk,
and a project names no file outside itself: its pictures are in it, or are samples and patterns by
name. A file that is not in every part a project is refused whole, in one sentence.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from filterlab.caffe.files import atomic_write, open_file
from filterlab.caffe.text import reason_of
from filterlab.errors import FilterLabError, unreadable
from filterlab.pictures import (
    PATTERNS,
    decode_picture,
    encode_picture,
    exact_suffix,
    pattern,
    read_picture,
    sample,
    sample_names,
)
from filterlab.pictures.headers import read_header
from filterlab.progress import Job, Progress
from filterlab.surgery.choices import TILE_SCALES
from filterlab.surgery.convolve import Picture
from filterlab.workbench import filter_state
from filterlab.workbench.filter_state import MOST_PIXELS, MOST_STEPS, kept_steps
from filterlab.workbench.lessons import MOST_BYTES, parse_lesson

if TYPE_CHECKING:
    from filterlab.workbench import heatmap_state

__all__ = [
    "SUFFIX",
    "VERSION",
    "Project",
    "ProjectPicture",
    "Task",
    "heatmap_part",
    "net_part",
    "read_job",
    "write_job",
]

SUFFIX = ".filterlab"
VERSION = 1
_FORMAT = "filterlab-project"

_MOST_FILE = 1 << 30
_MOST_JSON = 4 << 20
_MOST_PICTURE = 12 * MOST_PIXELS + 4096
_MOST_DIRECTORY = 1 << 16
_MOST_DEPTH = 16
_MOST_DIGITS = 16
_MOST_TEXT = 4096

_PARTS = ("filters", "heatmap", "net")
_STEPS = tuple(f"step{number:02d}" for number in range(MOST_STEPS))
_MANIFEST, _TASK, _LESSON = "project.json", "task.json", "task.lesson"
_STEP_MEMBERS = frozenset(f"pictures/{step}{s}" for step in _STEPS for s in (".png", ".npy"))
_MEMBERS = {
    _MANIFEST: _MOST_JSON,
    _TASK: _MOST_JSON,
    _LESSON: MOST_BYTES,
    **{f"pictures/{p}{s}": _MOST_PICTURE for p in (*_PARTS, *_STEPS) for s in (".png", ".npy")},
}
"""Every name that a member may have, and the most bytes it may have when it is decompressed."""

_END = 22  # bytes of a zip's end record, which has no comment
_MANY_LOCKED = 100
_MANY_EDITS = 10_000
_NET = ("model", "blob", "units", "order", "side", "scale", "class", "edits")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,59}")


@dataclass(frozen=True)
class Task:
    """What a teacher hands out along with a project.

    Attributes
    ----------
    title : str
        One line, at most 200 characters.
    text : str
        What is to be done, plain text, at most 4096 characters.
    lesson : str
        Key of the lesson it belongs to; empty for none.
    lesson_text : str
        The lesson itself, as its file has it, where it does not come with FilterLab; at most
        256 KB.
    locked : tuple of str
        Keys of the controls that cannot be used; at most 100. Key: up to 60 letters, digits and
        ``_ . : -``.
    """

    title: str = ""
    text: str = ""
    lesson: str = ""
    locked: tuple[str, ...] = ()
    lesson_text: str = ""

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Task | None:
        """From plain values, as a project or a session has them; None if they are none."""
        try:
            return _task(values)
        except _Odd:
            return None


@dataclass(frozen=True, eq=False)
class ProjectPicture:
    """A picture of a project: a sample or a pattern by name, or the pixels themselves.

    Attributes
    ----------
    kind : str
        ``sample``, ``pattern`` or ``pixels``.
    name : str
        Of the sample or the pattern; else the title shown.
    pixels : float32 (H, W) or (H, W, 3), or None
        Only for ``pixels``.
    file : Path or None
        Where to read the pixels when they are saved; no project that was read has it.
    """

    kind: str
    name: str
    pixels: NDArray[np.float32] | None = None
    file: Path | None = None

    def load(self) -> NDArray[np.float32]:
        """The pixels, float32 (H, W) or (H, W, 3), whatever kind it is."""
        if self.pixels is not None:
            return self.pixels
        if self.file is not None:
            return read_picture(self.file)
        return sample(self.name) if self.kind == "sample" else pattern(self.name)


@dataclass(frozen=True, eq=False)
class Project:
    """What a project file holds.

    Attributes
    ----------
    filters : mapping or None
        As ``filter_state.to_session`` gives it.
    heatmap : mapping or None
        As ``heatmap_state.to_session`` gives it, without a path or sample: the model by name,
        size, classes, look, pins.
    net : mapping or None
        As ``NetStudy.session`` gives it, without a path or sample: the model by name, the edits,
        what is looked at.
    pictures : mapping of str to ProjectPicture
        By ``filters``, ``heatmap`` and ``net``.
    view : mapping
        What is on show beside that: ``tab`` (the key of the one in front), and by tab plain
        values that the window knows.
    task : Task or None
    steps : tuple of Applied
        The outputs of the Filters tab that became its inputs, the first first. Of more than
        :data:`MOST_STEPS`, or of larger ones, the last are written.
    """

    filters: Mapping[str, Any] | None = None
    heatmap: Mapping[str, Any] | None = None
    pictures: Mapping[str, ProjectPicture] = field(default_factory=dict)
    view: Mapping[str, Any] = field(default_factory=dict)
    task: Task | None = None
    steps: tuple[filter_state.Applied, ...] = ()
    net: Mapping[str, Any] | None = None


def net_part(session: Mapping[str, Any]) -> dict[str, Any]:
    """What a project holds of the net on the table, of its session."""
    return {key: session[key] for key in _NET if key in session}


def heatmap_part(state: heatmap_state.HeatmapState) -> dict[str, Any]:
    """What a project holds of the heatmap bench."""
    from filterlab.workbench import heatmap_state

    values = heatmap_state.to_session(state)
    request = {key: value for key, value in values["request"].items() if key != "size"}
    request["squash"] = request["squash"] is True
    del values["path"], values["sample"], values["frame"]
    return {**values, "request": request}


# --- writing --------------------------------------------------------------------------------------


def write_job(project: Project, path: Path) -> Job[Path]:
    """Write a project, whole or not at all.

    Raises
    ------
    FilterLabError
        If a picture is too large for a project, or the file cannot be written.
    """
    manifest: dict[str, Any] = {"format": _FORMAT, "version": VERSION, "view": dict(project.view)}
    members: dict[str, bytes] = {}
    for number, part in enumerate(_PARTS):
        yield Progress("save the project", number, len(_PARTS) + 1, path.name)
        values = getattr(project, part)
        if values is None:
            continue
        manifest[part] = dict(values)
        picture = project.pictures.get(part)
        if picture is None:
            continue
        entry: dict[str, Any] = {"kind": picture.kind, "name": picture.name}
        if picture.kind == "pixels":
            pixels = picture.load()
            name, data = _packed(part, pixels, path)
            members[name] = data
            entry |= {"member": name, "grey": pixels.ndim == 2}
        manifest[part]["picture"] = entry
    steps = kept_steps(project.steps) if project.filters is not None else []
    plain_steps = []
    for part, step in zip(_STEPS, steps):
        yield Progress("save the project", len(_PARTS) - 1, len(_PARTS) + 1, path.name)
        name, data = _packed(part, step.picture.pixels, path)
        members[name] = data
        plain_steps.append(_plain_step(step, name))
    if plain_steps:
        manifest["filters"]["steps"] = plain_steps
    yield Progress("save the project", len(_PARTS), len(_PARTS) + 1, path.name)
    members = {_MANIFEST: _json(manifest), **members}
    if project.task is not None:
        members[_TASK] = _json(
            {
                "title": project.task.title,
                "text": project.task.text,
                "lesson": project.task.lesson,
                "locked": list(project.task.locked),
            }
        )
        if project.task.lesson_text:
            members[_LESSON] = project.task.lesson_text.encode("utf-8")
    try:
        with atomic_write(path) as stream, zipfile.ZipFile(stream, "w") as archive:
            for name, data in members.items():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_STORED
                if not name.endswith(".png"):
                    info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, data)
    except OSError as error:
        raise FilterLabError(
            "{path}: cannot be written ({reason}); choose another place.",
            path=path,
            reason=reason_of(error),
        ) from error
    return path


def _packed(part: str, pixels: NDArray[np.float32], path: Path) -> tuple[str, bytes]:
    if pixels.shape[0] * pixels.shape[1] > MOST_PIXELS:
        raise FilterLabError(
            "{path}: a picture of {width}x{height} pixels is too large for a project; "
            "scale it down first",
            path=path,
            width=pixels.shape[1],
            height=pixels.shape[0],
        )
    name = f"pictures/{part}{exact_suffix(pixels)}"
    return name, encode_picture(pixels, name)


def _plain_step(step: filter_state.Applied, member: str) -> dict[str, Any]:
    picture = step.picture
    return {
        **filter_state.step_to_session(step),
        "picture": {
            "kind": "pixels",
            "name": picture.title,
            "member": member,
            "grey": not picture.colour,
        },
    }


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=True, allow_nan=False, indent=1).encode("ascii")


# --- reading --------------------------------------------------------------------------------------


class _Odd(Exception):  # noqa: N818 - becomes a FilterLabError that names the file
    """A part of the file that no project has: where."""


def read_job(path: Path) -> Job[Project]:
    """Read a project, all of it checked.

    Raises
    ------
    FilterLabError
        If it cannot be read, is none, is of a newer version, or any part of it cannot be meant.
    """
    yield Progress("open the project", 0, 3, path.name)
    try:
        with open_file(path) as stream:
            large = os.fstat(stream.fileno()).st_size > _MOST_FILE
            data = b"" if large else stream.read()
    except OSError as error:
        raise unreadable(path, error) from error
    if large:
        raise FilterLabError(
            "{name}: is too large for a project; nothing of it was opened", name=path.name
        )
    try:
        members = _unpacked(data, path)
        yield Progress("open the project", 1, 3, path.name)
        manifest = _object(members[_MANIFEST], _MANIFEST)
        version = manifest.get("version")
        if manifest.get("format") != _FORMAT or type(version) is not int or version < 1:
            raise _Odd(_MANIFEST)
        if version > VERSION:
            raise FilterLabError(
                "{name}: was saved by a newer FilterLab (format {version}); update "
                "FilterLab to open it",
                name=path.name,
                version=version,
            )
        _only(manifest, {"format", "version", "view", *_PARTS}, _MANIFEST)
        view = manifest.get("view", {})
        if not isinstance(view, dict):
            raise _Odd("view")
        pictures, used = {}, {_MANIFEST, _TASK, _LESSON}
        for part in _PARTS:
            if part not in manifest:
                continue
            if not isinstance(manifest[part], dict):
                raise _Odd(part)
            entry = manifest[part].pop("picture", None)
            if entry is not None:
                pictures[part] = _picture(part, entry, members)
                used.add(str(entry.get("member")))
        steps: tuple[filter_state.Applied, ...] = ()
        if isinstance(manifest.get("filters"), dict) and "steps" in manifest["filters"]:
            plain_steps = manifest["filters"].pop("steps")
            steps = yield from _steps_job(plain_steps, pictures.get("filters"), members, path)
            used |= {str(entry["picture"]["member"]) for entry in plain_steps}
        if set(members) - used:
            raise _Odd(min(set(members) - used))
        yield Progress("open the project", 2, 3, path.name)
        filters, heatmap = manifest.get("filters"), manifest.get("heatmap")
        if filters is not None:
            _check_filters(filters, pictures.get("filters"))
        if heatmap is not None:
            _check_heatmap(heatmap)
        if (net := manifest.get("net")) is not None:
            _check_net(net)
        task = _task(_object(members[_TASK], _TASK)) if _TASK in members else None
        if _LESSON in members:
            task = replace(task or Task(), lesson_text=_lesson(members[_LESSON]))
    except _Odd as odd:
        raise FilterLabError(
            "{name}: “{what}” in it is not as in a project, so nothing of it was opened; "
            "get a fresh copy",
            name=path.name,
            what=odd,
        ) from None
    return Project(filters, heatmap, pictures, view, task, steps, net)


def _refuse(path: Path) -> NoReturn:
    raise FilterLabError(
        "{name}: is no FilterLab project, or is cut off; choose a file that FilterLab saved",
        name=path.name,
    )


def _unpacked(data: bytes, path: Path) -> dict[str, bytes]:
    """The members' bytes, none of a name or a size that a project cannot have."""
    # The end record is looked at before zipfile makes an object of each entry it tells of.
    end = data[-_END:]
    zip64 = data[-_END - 20 : -_END - 16] == b"PK\6\7"
    if len(end) < _END or not end.startswith(b"PK\5\6") or zip64:
        _refuse(path)
    disks, here, count, size, start, _ = struct.unpack("<IHHIIH", end[4:])
    whole = disks == 0 and here == count and start + size + _END == len(data)
    if not 1 <= count <= len(_MEMBERS) or size > _MOST_DIRECTORY or not whole:
        _refuse(path)
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            for entry in entries:
                _check_entry(entry, members)
                members[entry.filename] = b""
            # Of the steps' pictures all together may have what one may have.
            if sum(e.file_size for e in entries if e.filename in _STEP_MEMBERS) > _MOST_PICTURE:
                raise _Odd("filters.steps")
            for entry in entries:
                with archive.open(entry) as stream:
                    # Not more than was announced, whatever the compressed stream goes on to give.
                    members[entry.filename] = stream.read(entry.file_size)
                    if stream.read(1) or len(members[entry.filename]) != entry.file_size:
                        raise _Odd(entry.filename)
    except (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
        OSError, IndexError, KeyError, OverflowError,
    ):  # fmt: skip
        _refuse(path)
    if _MANIFEST not in members:
        _refuse(path)
    return members


def _check_entry(entry: zipfile.ZipInfo, known: Mapping[str, bytes]) -> None:
    name = entry.filename
    shown = re.sub(r"[^ -~]", "?", name[:60])
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name not in _MEMBERS or entry.orig_filename != name or name in known:
        raise _Odd(shown)
    if kind not in (0, stat.S_IFREG) or entry.flag_bits & 1:
        raise _Odd(shown)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Odd(shown)
    if entry.file_size > _MEMBERS[name]:
        raise _Odd(shown)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError
    return value


def _constant(_: str) -> NoReturn:
    raise ValueError


def _object(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object of plain values: finite, not nested deeply, no key twice, no endless text."""
    try:
        found = json.loads(
            data.decode("utf-8"),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
            object_pairs_hook=_pairs,
        )
        if not isinstance(found, dict):
            raise ValueError
        _check_plain(found, 0)
    except (ValueError, RecursionError):
        raise _Odd(where) from None
    return found


def _check_plain(value: Any, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise ValueError
    if isinstance(value, str):
        if len(value) > _MOST_TEXT or "\0" in value:
            raise ValueError
    elif isinstance(value, list):
        for part in value:
            _check_plain(part, depth + 1)
    elif isinstance(value, dict):
        for key, part in value.items():
            _check_plain(key, depth + 1)
            _check_plain(part, depth + 1)


def _only(values: Mapping[str, Any], keys: set[str], where: str) -> None:
    odd = sorted(set(values) - keys)
    if odd:
        raise _Odd(f"{where}: {re.sub(r'[^ -~]', '?', odd[0][:40])}")


def _picture(part: str, entry: Any, members: Mapping[str, bytes]) -> ProjectPicture:
    where = f"{part}.picture"
    if not isinstance(entry, dict):
        raise _Odd(where)
    _only(entry, {"kind", "name", "member", "grey"}, where)
    kind, name, member = entry.get("kind"), entry.get("name"), entry.get("member")
    if not isinstance(name, str) or len(name) > 300:
        raise _Odd(where)
    if kind in ("sample", "pattern"):
        if member is not None or name not in (sample_names() if kind == "sample" else PATTERNS):
            raise _Odd(where)
        return ProjectPicture(kind, name)
    grey = entry.get("grey", False)
    fits = isinstance(member, str) and member in members and member.startswith(f"pictures/{part}.")
    if kind != "pixels" or not fits or not isinstance(grey, bool):
        raise _Odd(where)
    return ProjectPicture("pixels", name, _pixels(str(member), members[str(member)], grey))


def _pixels(member: str, data: bytes, grey: bool) -> NDArray[np.float32]:
    if member.endswith(".png"):
        header = read_header(data) if data.startswith(b"\x89PNG") else None
        if header is None or header.width * header.height > MOST_PIXELS:
            raise _Odd(member)
    elif not data.startswith(b"\x93NUMPY"):
        raise _Odd(member)
    try:
        pixels = decode_picture(data, member)
    except FilterLabError:
        raise _Odd(member) from None
    if pixels.shape[0] * pixels.shape[1] > MOST_PIXELS:
        raise _Odd(member)
    if grey:
        pixels = np.ascontiguousarray(pixels[:, :, 0])
    pixels.flags.writeable = False
    return pixels


def _steps_job(
    values: Any, last: ProjectPicture | None, members: Mapping[str, bytes], path: Path
) -> Job[tuple[filter_state.Applied, ...]]:
    """The applied steps; what each gives is as large as the next picture, at last ``last``."""
    where = "filters.steps"
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_STEPS:
        raise _Odd(where)
    if last is None or last.pixels is None:
        raise _Odd(where)
    room = MOST_PIXELS
    steps: list[filter_state.Applied] = []
    for part, entry in zip(_STEPS, values):
        yield Progress("open the project", 1, 3, path.name)
        if not isinstance(entry, dict):
            raise _Odd(where)
        picture = _picture(part, entry.get("picture"), members)
        if picture.pixels is None:
            raise _Odd(where)
        room -= picture.pixels.shape[0] * picture.pixels.shape[1]
        if room < 0:
            raise _Odd(where)
        numbers = {key: value for key, value in entry.items() if key != "picture"}
        looked_at = Picture(picture.pixels, picture.name)
        try:
            steps.append(filter_state.step_from_session(numbers, looked_at))
        except FilterLabError:
            raise _Odd(where) from None
    try:
        filter_state.check_steps(steps, Picture(last.pixels))
    except FilterLabError:
        raise _Odd(where) from None
    return tuple(steps)


def _check_filters(values: Mapping[str, Any], picture: ProjectPicture | None) -> None:
    plain = filter_state.start_state(None, "")
    _only(values, set(filter_state.to_session(plain)), "filters")
    try:
        pixels = plain.picture if picture is None else Picture(picture.load())
        filter_state.from_session(values, pixels)
    except FilterLabError:
        raise _Odd("filters") from None


def _check_heatmap(values: Mapping[str, Any]) -> None:
    """Exactly what the bench would have saved: nothing that it would pass over."""
    if not isinstance(values.get("model"), str):
        raise _Odd("heatmap.model")
    from filterlab.workbench import heatmap_state
    from filterlab.zoo.catalogue import default_model

    state, _ = heatmap_state.from_session(values, default_model())
    usual = {"path": "", "sample": ""} | heatmap_part(state)
    _only(values, set(usual) - {"path", "sample"}, "heatmap")
    for key, value in values.items():
        if key == "model":
            continue
        given, kept = value, usual[key]
        if key in ("look", "request"):
            if not isinstance(value, dict) or set(value) - set(kept):
                raise _Odd(f"heatmap.{key}")
            kept = {name: kept[name] for name in value}
        if given != kept or _kinds(given) != _kinds(kept):
            raise _Odd(f"heatmap.{key}")


def _check_net(values: Mapping[str, Any]) -> None:
    from filterlab.workbench.net_study import ORDERS, SIDES, operations_of

    _only(values, set(_NET), "net")
    texts = {"model": None, "blob": None, "order": ORDERS, "side": SIDES, "scale": TILE_SCALES}
    for key, known in texts.items():
        value = values.get(key)
        if not isinstance(value, str) or len(value) > _MOST_TEXT:
            raise _Odd(f"net.{key}")
        if known is not None and value not in known:
            raise _Odd(f"net.{key}")
    units, wanted = values.get("units"), values.get("class")
    if not isinstance(units, list) or not all(type(u) is int and u >= 0 for u in units):
        raise _Odd("net.units")
    if wanted is not None and (type(wanted) is not int or wanted < 0):
        raise _Odd("net.class")
    edits = values.get("edits")
    if not isinstance(edits, list) or len(edits) > _MANY_EDITS:
        raise _Odd("net.edits")
    if len(operations_of(edits)) != len(edits):
        raise _Odd("net.edits")


def _kinds(value: Any) -> Any:
    """True is no 1 and 1 no True, though they are equal."""
    if isinstance(value, dict):
        return {key: isinstance(part, bool) for key, part in value.items()}
    return isinstance(value, bool)


def _task(values: Mapping[str, Any]) -> Task:
    _only(values, {"title", "text", "lesson", "locked", "lesson_text"}, _TASK)
    title, text, lesson = (values.get(key, "") for key in ("title", "text", "lesson"))
    locked = values.get("locked", [])
    if not isinstance(title, str) or len(title) > 200 or "\n" in title:
        raise _Odd(f"{_TASK}: title")
    if not isinstance(text, str):
        raise _Odd(f"{_TASK}: text")
    if not isinstance(lesson, str) or (lesson and not _KEY.fullmatch(lesson)):
        raise _Odd(f"{_TASK}: lesson")
    whole = values.get("lesson_text", "")
    if not isinstance(whole, str) or len(whole) > MOST_BYTES:
        raise _Odd(_LESSON)
    return Task(title, text, lesson, _keys(locked), whole and _lesson(whole.encode()))


def _lesson(data: bytes) -> str:
    """A lesson's text, which must be one."""
    try:
        text = data.decode("utf-8")
        parse_lesson(text, _LESSON)
    except (UnicodeDecodeError, FilterLabError) as error:
        raise _Odd(str(error) if isinstance(error, FilterLabError) else _LESSON) from None
    return text


def _keys(locked: Any) -> tuple[str, ...]:
    if not isinstance(locked, Sequence) or isinstance(locked, str) or len(locked) > _MANY_LOCKED:
        raise _Odd(f"{_TASK}: locked")
    for key in locked:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise _Odd(f"{_TASK}: locked")
    return tuple(dict.fromkeys(locked))
