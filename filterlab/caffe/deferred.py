"""Blobs that a forward did not compute, since nobody had asked for them, and who computes them.

Every blob is readable after each forward. Those that nobody reads need not be computed in a form
in which they can be read: ONNX Runtime then joins several layers into one operation. When
somebody takes such a blob's ``data`` after all, it is computed from the inputs and weights of that
forward: those that may have been written since were copied before (:meth:`Storage.spare`).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Blob, Storage
from filterlab.caffe.errors import CaffeError
from filterlab.caffe.wire import check_mapped

__all__ = ["MOST_SPARED", "Deferred", "Outputs"]

Floats = npt.NDArray[np.float32]

#: The most values of a weight that are copied when somebody takes it.
MOST_SPARED = 2**22
#: A blob that was asked for after so many forwards is an output from then on.
OFTEN = 2
#: After so many forwards without being read a blob is no output any more.
FORGET = 64
#: So often the outputs may grow one by one; then all blobs are outputs.
MOST_GROWTHS = 3


class Deferred:
    """What one run of layers has left to compute.

    Parameters
    ----------
    run : callable
        Computes: gets a function that gives the values of a source by its key, and where to put
        which blob's.
    """

    def __init__(
        self,
        run: Callable[[Callable[[Any], Floats], dict[str, Storage]], None],
    ) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._armed = False
        #: Weak, since they refer to this: a blob that nobody has need not be computed.
        self._storages: dict[str, weakref.ref[Storage]] = {}
        self._sources: dict[Any, Storage] = {}
        self._saved: dict[Storage, Floats] = {}
        self._rooms: dict[Storage, Floats] = {}
        self._inputs: set[Storage] = set()
        self._asked: set[str] = set()
        self._settled: dict[str, int] = {}
        _alive.add(self)

    def tie(
        self,
        storages: Mapping[str, Storage],
        sources: dict[Any, Storage],
        inputs: Iterable[Storage],
    ) -> None:
        """Say of which blobs and sources the next forwards are.

        Parameters
        ----------
        storages : mapping
            The blobs left out, by name.
        sources : dict
            What the computation will read, by the key under which it asks.
        inputs : iterable of Storage
            Those among them that are no weights.
        """
        with self._lock:
            if sources is not self._sources:
                self._saved.clear()
                for storage in self._sources.values():
                    storage.remove_reader(self)
                self._sources = sources
                self._rooms.clear()
                for storage in set(sources.values()):
                    storage.add_reader(self)
            self._inputs = set(inputs)
            self._storages = {name: weakref.ref(storage) for name, storage in storages.items()}

    def arm(
        self,
        storages: Iterable[Storage],
        held: Iterable[Storage],
        seen: Mapping[Storage, Floats],
    ) -> None:
        """Begin a forward: these blobs are left out, and computed if asked for.

        Parameters
        ----------
        storages : iterable of Storage
            Of the blobs named to :meth:`tie`.
        held : iterable of Storage
            Those among them into which somebody may write without notice.
        seen : mapping
            Copies of some of these that stay as they are until the next forward.
        """
        with self._lock:
            self._saved.clear()
            for storage in storages:
                storage.pending = self
                storage.wrote()
            self._armed = True
            for storage in held:
                known = seen.get(storage)
                if known is not None:
                    self._saved[storage] = known
                else:
                    self._save(storage)

    def _save(self, storage: Storage) -> None:
        if storage.mapped is not None:
            try:
                check_mapped([storage.mapped])
            except CaffeError:
                return  # these are not the forward's values any more, as _compute will say
        room = self._rooms.get(storage)
        if room is None:
            room = self._rooms[storage] = np.empty(storage.count, np.float32)
        np.copyto(room, storage.flat)
        self._saved[storage] = room

    def spare(self, storage: Storage) -> None:
        """Copy a source, for somebody may write into it from now on."""
        if not self._armed or storage in self._saved:
            return
        with self._lock:
            if not self._armed or storage in self._saved:
                return
            if storage.count > MOST_SPARED and storage not in self._inputs:
                self._compute()
            else:
                self._save(storage)

    def settle(self, storage: Storage) -> None:
        """Compute what was left out, for somebody asks for one of it.

        Raises
        ------
        CaffeError
            If it cannot be computed, or a weight's file was written to since the forward.
        """
        with self._lock:
            if storage.pending is not self:
                return
            self._asked.update(n for n, s in self._storages.items() if s() is storage)
            self._compute()

    def asked(self) -> set[str]:
        """The blobs that somebody asked for since the forward; counted once."""
        with self._lock:
            # What was computed along with the first is there: its next reader shows in the stamp.
            asked = set(self._asked)
            for name, stamp in self._settled.items():
                storage = self._storages[name]()
                if storage is not None and storage.stamp != stamp:
                    asked.add(name)
            self._asked, self._settled = set(), {}
            return asked

    def _compute(self) -> None:
        # Armed until it is done, so that who writes meanwhile waits; what fails is asked again.
        left = dict(self._left())
        if left:
            check_mapped(s.mapped for s in self._sources.values() if s not in self._saved)
            self._run(self._values_of, left)
        self._settled = {name: s.stamp for name, s in left.items()}
        self.drop()

    def _left(self) -> Iterator[tuple[str, Storage]]:
        """The blobs that nobody has computed or written yet."""
        for name, reference in self._storages.items():
            storage = reference()
            if storage is not None and storage.pending is self:
                yield name, storage

    def _values_of(self, key: Any) -> Floats:
        storage = self._sources[key]
        saved = self._saved.get(storage)
        return storage.flat if saved is None else saved

    def drop(self) -> None:
        """Leave the blobs as they are."""
        with self._lock:
            self._armed = False
            for _, storage in self._left():
                storage.pending = None


_alive: weakref.WeakSet[Deferred] = weakref.WeakSet()


def after_fork() -> None:
    """Give all that is left locks that no thread of the parent process holds."""
    for left in list(_alive):
        left._lock = threading.RLock()


class Outputs:
    """Which blobs of a run of layers are to be outputs, beside those that always are.

    A blob of which somebody holds a view; and one that was asked for after several forwards.
    """

    def __init__(self) -> None:
        self.extra: frozenset[str] | None = frozenset()  # None for all
        self._reads: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._stamps: dict[str, int] = {}
        self._count = 0
        self._checked = 0
        self._growths = 0

    def update(
        self, names: Iterable[str], blobs: Mapping[str, Blob], asked: Iterable[str]
    ) -> frozenset[str] | None:
        """The blobs for the next forward, None for all.

        Parameters
        ----------
        names : iterable of str
            Blobs that need not be outputs.
        blobs : mapping
        asked : iterable of str
            Those asked for since the last forward.
        """
        self._count = now = self._count + 1
        more: set[str] = set()
        for name in asked:
            self._reads[name] = self._reads.get(name, 0) + 1
            if self._reads[name] >= OFTEN:
                more.add(name)
        extra = self.extra
        used, stamps = self._used, self._stamps
        for name in names:
            storage = blobs[name]._storage
            if storage._flat is None:
                continue
            if storage.held:
                used[name] = now
                if extra is not None and name not in extra:
                    more.add(name)
            elif (extra is None or name in extra) and storage.stamp != stamps.get(name):
                used[name] = now
        if more and extra is not None:
            self._growths += 1
            used.update(dict.fromkeys(more, now))
            self.extra = None if self._growths > MOST_GROWTHS else extra | more
            self._checked = now
        elif now - self._checked >= FORGET:
            self._checked = now
            self._growths = 0
            self._reads.clear()
            lately = frozenset(n for n, when in used.items() if when > now - FORGET)
            if extra is None or extra - lately:
                self.extra = lately
        return self.extra

    def ran(self, names: Iterable[str], blobs: Mapping[str, Blob]) -> None:
        """Note how outputs lie after a forward, to see which are read."""
        extra = self.extra
        self._stamps = {
            name: blobs[name]._storage.stamp for name in names if extra is None or name in extra
        }
