"""Getting a weights file safely: resumed after a break, checked before it gets its name.

The bytes go into ``NAME.part`` beside the target, with ``NAME.part.json`` saying which version of
the file they are of. Only a file of the right length and digest is renamed to its name.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from filterlab.caffe.files import atomic_write, open_file
from filterlab.caffe.text import Text, joined, reason_of
from filterlab.errors import FilterLabError, one_line
from filterlab.progress import Job, Progress
from filterlab.zoo.digest import Digest
from filterlab.zoo.fetch import (
    Answer,
    BrokenOffError,
    Fetch,
    RefusedError,
    UnreachableError,
)
from filterlab.zoo.locks import Held, locked

__all__ = [
    "Clock",
    "DownloadProgress",
    "SourceFailed",
    "SourcesError",
    "digest_job",
    "download_job",
    "is_url",
    "path_of",
    "speaking_of",
    "sweep_downloads",
]

_ATTEMPTS = 5  # in a row without getting on
_GETTING_ON = 64 << 10  # bytes that count as getting on
_WAIT = 0.2  # seconds between two looks at the network: how promptly a job can be left
_SPARE = 32 << 20  # bytes to leave free on the disk
_COPY = 4 << 20
_LONGEST_NOTE = 1 << 20
_MOST = 2 << 30  # bytes taken of a file whose length nobody tells; a caffemodel has no more


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class _RealClock:
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


@dataclass(frozen=True)
class DownloadProgress(Progress):
    """Progress in bytes, with what a user wants to know of a download.

    Attributes
    ----------
    speed : float
        Bytes per second over the last seconds; 0 while unknown.
    seconds_left : float or None
        None while unknown.
    waiting : bool
        Nothing comes: it is tried again in a while, as ``message`` says.
    """

    speed: float = 0.0
    seconds_left: float | None = None
    waiting: bool = False


@dataclass(frozen=True)
class SourceFailed(Progress):
    """One source did not give the file: ``message`` names it and says why. The next is asked."""


class SourcesError(FilterLabError):
    """No source gave the file.

    Attributes
    ----------
    failures : list of (str, str)
        Each source and what it said.
    kept : str
        What is added on the part that came; may be empty.
    """

    def __init__(self, title: str, failures: list[tuple[str, str]], kept: str = "") -> None:
        super().__init__(
            Text("cannot get {title}: {told}{kept}", title=title, told=_told(failures), kept=kept)
        )
        self.failures = failures
        self.kept = kept


@dataclass
class _Speed:
    """Speed over the last five seconds."""

    clock: Clock
    marks: list[tuple[float, int]] = field(default_factory=list)

    def mark(self, done: int) -> float:
        now = self.clock.monotonic()
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[1][0] > 5:
            self.marks.pop(0)
        (start, first) = self.marks[0]
        return (done - first) / (now - start) if now > start else 0.0


def is_url(source: str) -> bool:
    """True for ``http:``, ``https:`` and ``file:`` addresses, as against paths."""
    return re.match(r"(https?|file)://", source, re.IGNORECASE) is not None


def _duration(seconds: float) -> str:
    seconds = round(seconds)
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds // 60}:{seconds % 60:02d} min"


def _progress(step: str, done: int, total: int | None, speed: float) -> DownloadProgress:
    left = (total - done) / speed if total and speed > 0 else None
    message = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
    if speed > 0:
        message += f", {speed / 1e6:.1f} MB/s"
    if left is not None:
        message += f", {_duration(left)} left"
    return DownloadProgress(step, done, total or 0, message, speed, left)


def download_job(
    sources: Sequence[str],
    target: Path,
    *,
    title: str = "",
    size: int | None = None,
    digest: Digest | None = None,
    clock: Clock | None = None,
    timeout: float = 30.0,
    most: int = _MOST,
) -> Job[Path]:
    """Job that brings a file from the first source that has it.

    Parameters
    ----------
    sources : sequence of str
        Addresses (``http``, ``https``, ``file``) or paths of files, tried in order.
    target : Path
        The file to make; its folder is made if need be.
    title : str
        What is being got, for the progress.
    size : int, optional
        Its length in bytes. A source that offers another length is refused at once.
    digest : Digest, optional
        What it must hash to.
    clock : Clock, optional
        Time, for tests.
    timeout : float
        Seconds of silence after which a source is asked anew.
    most : int
        Bytes after which a source is left that does not say how many it will send.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    SourcesError
        If no source gives the file, naming each and what it said.
    FilterLabError
        If there is no source, the folder cannot be written or the disk is full. After a break the
        part that came is kept, to go on from; after a wrong length or digest, or on a full disk,
        nothing is kept.
    """
    target = Path(target)
    clock = clock or _RealClock()
    title = title or target.name
    part = target.with_name(target.name + ".part")
    with speaking_of(target.parent, part):
        target.parent.mkdir(parents=True, exist_ok=True)
    failures: list[tuple[str, str]] = []
    try:
        with speaking_of(target.parent, part), locked(part.with_name(part.name + ".lock")):
            for source in sources:
                one = _OneSource(source, target, part, title, size, digest, clock, timeout, most)
                try:
                    yield from one.job()
                    return target
                except (RefusedError, UnreachableError, BrokenOffError) as error:
                    failures.append((source, error.message))
                    yield SourceFailed(
                        Text("Getting {title}", title=title), 0, 0, _told(failures[-1:])
                    )
    except Held:
        raise FilterLabError(
            "{title} is being got already, by another window or command: wait for it", title=title
        ) from None
    if not failures:
        raise FilterLabError(
            "{title} has no address to get it from: give one with --from", title=title
        )
    kept = ""
    with contextlib.suppress(OSError):
        if part.stat().st_size:
            kept = Text("; what came is kept, and the next try goes on from there")
    raise SourcesError(title, failures, kept)


def digest_job(path: Path, digest: Digest, title: str) -> Job[str]:
    """Job that hashes a file as ``digest`` was; returns the value found.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    length = path.stat().st_size
    steps = digest.of_steps(path)
    while True:
        try:
            done = next(steps)
        except StopIteration as end:
            return str(end.value)
        yield DownloadProgress(Text("Checking {title}", title=title), done, length)


def _told(failures: list[tuple[str, str]]) -> str:
    """What each source said; what several said alike is said once."""
    sources: dict[str, list[str]] = {}
    for source, said in failures:
        sources.setdefault(said, []).append(source)
    return joined(
        Text(
            "{sources}: {said}",
            sources=joined(map(one_line, theirs), "{before} and {after}"),
            said=said,
        )
        for said, theirs in sources.items()
    )


@contextlib.contextmanager
def speaking_of(folder: Path, part: Path | None = None) -> Iterator[None]:
    """Turn what a disk says into a sentence; a full disk keeps no part."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)):
            if part is not None:
                _forget(part)
            raise FilterLabError(
                "the disk is full at {folder}: free some space, or set FILTERLAB_MODELS "
                "to a folder that has some",
                folder=folder,
            ) from error
        raise FilterLabError(
            "cannot write in {folder} ({reason}): allow it, or set FILTERLAB_MODELS to a "
            "folder that can be written",
            folder=folder,
            reason=reason_of(error),
        ) from error


def sweep_downloads(folder: Path) -> None:
    """Remove what dead processes left of downloads in a folder and those in it.

    The part of a file that is not there yet stays, to go on from.
    """
    for lock in [*folder.glob("*.part.lock"), *folder.glob("*/*.part.lock")]:
        with contextlib.suppress(Held, OSError), locked(lock):
            pass  # removed, as nobody held it
    for end in (".part", ".part.json"):
        for path in [*folder.glob(f"*{end}"), *folder.glob(f"*/*{end}")]:
            target = path.with_name(path.name.removesuffix(end))
            part = target.with_name(f"{target.name}.part")
            if os.path.isfile(path) and not path.name.startswith("."):
                # Under the lock: someone else may be about to use it.
                with (
                    contextlib.suppress(Held, OSError),
                    locked(part.with_name(part.name + ".lock")),
                ):
                    if os.path.isfile(target) or not os.path.isfile(part):
                        path.unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    for path in (part, _note(part)):
        with contextlib.suppress(OSError):
            path.unlink()


class _OneSource:
    """One source's try, with its breaks and resumptions."""

    def __init__(
        self,
        source: str,
        target: Path,
        part: Path,
        title: str,
        size: int | None,
        digest: Digest | None,
        clock: Clock,
        timeout: float,
        most: int,
    ) -> None:
        self.source = source
        self.target = target
        self.part = part
        self.step = Text("Getting {title}", title=title)
        self.title = title
        self.size = size
        self.digest = digest
        self.clock = clock
        self.timeout = timeout
        self.most = most
        self.resumed = False  # the part holds bytes of an earlier request
        self.expected: int | None = size  # length, as known so far

    def job(self) -> Job[None]:
        if is_url(self.source) and not self.source.lower().startswith("file:"):
            yield from self._from_net()
        else:
            yield from self._from_file()

    # From a file, such as a teacher's USB stick.

    def _from_file(self) -> Job[None]:
        path = path_of(self.source)
        if os.path.isdir(path):
            # A folder of weights, or a copy of someone's models folder.
            nested = path / self.target.parent.name / self.target.name
            path = nested if os.path.isfile(nested) else path / self.target.name
        try:
            stream = open_file(path)
        except OSError as error:
            raise RefusedError(
                Text("cannot read it ({reason})", reason=reason_of(error))
            ) from error
        with stream:
            if os.path.exists(self.part) and os.path.samefile(path, self.part):
                raise RefusedError(Text("it is the unfinished download itself; take another file"))
            length = os.fstat(stream.fileno()).st_size
            self._expect(length)
            self._need_room(length)
            speed = _Speed(self.clock)
            done = 0
            try:
                with speaking_of(self.part.parent, self.part), open(self.part, "wb") as out:
                    _note(self.part).unlink(missing_ok=True)
                    while True:
                        try:
                            data = stream.read(_COPY)
                        except OSError as error:
                            raise RefusedError(
                                Text("cannot read it ({reason})", reason=reason_of(error))
                            ) from error
                        if not data:
                            break
                        out.write(data)
                        done += len(data)
                        yield _progress(self.step, done, length, speed.mark(done))
                if done != length:
                    raise RefusedError(
                        Text(
                            "it ended after {done:,} of {length:,} bytes", done=done, length=length
                        )
                    )
                yield from self._check_and_name()
            except BaseException:
                _forget(self.part)  # copying again costs little
                raise

    # From the net.

    def _from_net(self) -> Job[None]:
        failed = 0
        furthest = self._have()
        while True:
            try:
                yield from self._one_request()
                resumed = self.resumed
                try:
                    yield from self._check_and_name()
                    return
                except RefusedError:
                    if not resumed:
                        raise
                    # The part may have been of another version: once more, from the beginning.
                    self.resumed = False
                    continue
            except (UnreachableError, BrokenOffError) as error:
                # Against the furthest ever: a server that lies may lead in circles.
                weight = getattr(error, "weight", 1)
                failed = 0 if self._have() - furthest >= _GETTING_ON else failed + weight
                furthest = max(furthest, self._have())
                if failed >= _ATTEMPTS:
                    raise
                wait = min(30.0, 2.0 ** max(0, failed - weight))
                after = getattr(error, "retry_after", None)
                yield from self._pause(min(60.0, after) if after else wait, error.message)

    def _have(self) -> int:
        try:
            return self.part.stat().st_size
        except OSError:
            return 0

    def _pause(self, seconds: float, why: str) -> Job[None]:
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            yield DownloadProgress(
                Text("{step}: waiting to try again", step=self.step),
                self._have(),
                self.expected or 0,
                Text("{reason}; again in {left:.0f} s", reason=why, left=left),
                waiting=True,
            )
            self.clock.sleep(min(_WAIT, left))

    def _one_request(self) -> Job[None]:
        have = self._have()
        if self.expected is not None and have > self.expected:
            _forget(self.part)
            have = 0
        if have and have == self.expected:
            self.resumed = True
            return
        headers = self._resume_headers(have)
        fetch = Fetch(self.source, headers, self.timeout)
        try:
            answer: Answer | bytes | None = None
            while answer is None:
                yield _progress(self.step, have, self.expected, 0.0)
                try:
                    answer = fetch.next(_WAIT)
                except RefusedError as error:
                    if error.status == 416 and have:
                        _forget(self.part)
                        raise BrokenOffError(
                            Text("it has another length than the part kept here")
                        ) from error
                    raise
            assert isinstance(answer, Answer)
            start = self._start_of(answer, have)
            yield from self._receive(fetch, answer, start)
        finally:
            fetch.close()

    def _resume_headers(self, have: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            note = _read_note(self.part)
            if note.get("url") == self.source and note.get("validator"):
                headers["If-Range"] = note["validator"]
            elif self.digest is None:
                # Nothing would tell that the file has changed since: begin again.
                del headers["Range"]
        return headers

    def _start_of(self, answer: Answer, have: int) -> int:
        """Where the answer's bytes belong; checks the length it promises."""
        length = answer.header("Content-Length")
        promised = int(length) if length.isdecimal() else None
        encoding = answer.header("Content-Encoding").lower()
        if encoding not in ("", "identity"):
            raise RefusedError(Text("it sends the file packed ({encoding})", encoding=encoding))
        start = 0
        if answer.status == 206:
            span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer.header("Content-Range"))
            if span is None or int(span[1]) != have:
                _forget(self.part)
                raise BrokenOffError(Text("it sent another part of the file than was asked for"))
            start = have
            promised = int(span[3]) if span[3] != "*" else None
        elif answer.status != 200:
            raise RefusedError(Text("the server answered {status}", status=answer.status))
        if promised is not None:
            self._expect(promised)
        self._need_room((self.expected or 0) - start)
        return start

    def _expect(self, length: int) -> None:
        if self.size is not None and length != self.size:
            raise RefusedError(
                Text(
                    "it offers {found:,} bytes, but {title} has {size:,}: this is another file",
                    found=length,
                    title=self.title,
                    size=self.size,
                )
            )
        self.expected = length

    def _need_room(self, needed: int) -> None:
        folder = self.target.parent
        with speaking_of(folder, self.part):
            free = shutil.disk_usage(folder).free
        if needed + _SPARE > free:
            raise FilterLabError(
                "{title} needs {needed:,.0f} MB more in {folder}, which has {free:,.0f} "
                "MB free: free some space, or set FILTERLAB_MODELS to a folder that has "
                "some",
                title=self.title,
                needed=needed / 1e6,
                folder=folder,
                free=free / 1e6,
            )

    def _receive(self, fetch: Fetch, answer: Answer, start: int) -> Job[None]:
        self.resumed = start > 0
        speed = _Speed(self.clock)
        speed.mark(start)
        done = start
        most = self.most if self.expected is None else self.expected
        with speaking_of(self.target.parent, self.part), self._opened(start) as out:
            if not start:
                _write_note(self.part, self.source, answer)
            while True:
                data = fetch.next(_WAIT)
                if data == b"":
                    break
                if data is not None:
                    assert isinstance(data, bytes)
                    if done + len(data) > most:
                        break
                    out.write(data)
                    out.flush()
                    done += len(data)
                yield _progress(self.step, done, self.expected, speed.mark(done))
        if data:
            raise self._wrong(Text("it sent more than {size:,} bytes", size=most))
        if self.expected is not None and done < self.expected:
            raise BrokenOffError(
                Text("it broke off after {done:,} of {size:,} bytes", done=done, size=self.expected)
            )

    def _opened(self, start: int) -> IO[bytes]:
        return open(self.part, "ab" if start else "wb")

    def _wrong(self, why: str) -> RefusedError:
        _forget(self.part)
        return RefusedError(why)

    def _check_and_name(self) -> Job[None]:
        """The length and the digest; only then the name."""
        length = self._have()
        if self.expected is not None and length != self.expected:
            raise self._wrong(
                Text("{length:,} bytes came, not {size:,}", length=length, size=self.expected)
            )
        if not length:
            raise self._wrong(Text("it is empty"))
        if self.digest is not None:
            found = yield from digest_job(self.part, self.digest, self.title)
            if found != self.digest.value:
                raise self._wrong(
                    Text(
                        "what it sent is not {title}: its {kind} is {found}, not "
                        "{wanted}; nothing was kept",
                        title=self.title,
                        kind=self.digest.kind,
                        found=found,
                        wanted=self.digest.value,
                    )
                )
        with speaking_of(self.target.parent, self.part):
            os.replace(self.part, self.target)
        _forget(self.part)


def path_of(source: str) -> Path:
    """The path that a source names which is no address of the net."""
    if source.lower().startswith("file:"):
        from urllib.request import url2pathname

        split = urlsplit(source)
        host = f"//{split.netloc}" if split.netloc not in ("", "localhost") else ""
        return Path(url2pathname(host + split.path) if os.name == "nt" else unquote(split.path))
    return Path(source).expanduser()


def _read_note(part: Path) -> dict[str, str]:
    try:
        with open_file(_note(part)) as stream:
            note = json.loads(stream.read(_LONGEST_NOTE).decode("utf-8"))
        return {str(key): str(value) for key, value in note.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _write_note(part: Path, source: str, answer: Answer) -> None:
    """Keep what tells this version of the file from another.

    A weak ETag does not say that the bytes are the same, so it cannot be resumed by.
    """
    etag = answer.header("ETag")
    validator = etag if etag.startswith('"') else answer.header("Last-Modified")
    with atomic_write(_note(part), "w") as stream:
        json.dump({"url": source, "validator": validator}, stream)
