"""Blob: an array of float32 that layers and people read and write in place."""

from __future__ import annotations

import itertools
import math
import mmap
import operator
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.wire import check_length, mapping_of

__all__ = [
    "MAX_BLOB_COUNT",
    "Blob",
    "Shape",
    "Storage",
    "aligned",
    "check_shape",
    "moved",
    "shape_text",
]

Shape = tuple[int, ...]
Floats = npt.NDArray[np.float32]

#: The most values one blob may hold (8 GiB of float32), as in BVLC Caffe, which counts with int.
MAX_BLOB_COUNT = 2**31 - 1
#: The most axes a blob may have, as in BVLC Caffe.
MAX_AXES = 32


#: Bytes from which on values of a file are used where they lie, aligned or not.
LARGE = 2**20

#: Bytes of a cache line, and of the longest vector register.
LINE = 64

_allocating = threading.RLock()


def aligned(count: int) -> Floats:
    """A row of so many float32 zeros that begins at a cache line.

    numpy begins 16 bytes after one, so that every read of a whole register touches two lines.
    """
    room = np.zeros(4 * count + LINE, np.uint8)
    skip = -room.ctypes.data % LINE
    return room[skip : skip + 4 * count].view(np.float32)


def shape_text(shape: Iterable[int]) -> str:
    """A shape for messages, e.g. ``1x3x227x227``; a scalar's is ``()``."""
    return "x".join(str(int(n)) for n in shape) or "()"


def check_shape(shape: Iterable[int], what: str) -> Shape:
    """A shape as a tuple, refused before anything is allocated if it cannot be.

    Raises
    ------
    CaffeError
        For more than 32 axes, a negative size, or more than :data:`MAX_BLOB_COUNT` values.
    """
    dims = tuple(int(n) for n in shape)
    if len(dims) > MAX_AXES:
        raise CaffeError(
            "{what} has {count} axes; a blob has at most {most}",
            what=what,
            count=len(dims),
            most=MAX_AXES,
        )
    for n in dims:
        if n < 0:
            raise CaffeError(
                "{what} has the shape {shape}; sizes cannot be negative",
                what=what,
                shape=shape_text(dims),
            )
    count = math.prod(n for n in dims if n)
    if count > MAX_BLOB_COUNT:
        raise CaffeError(
            "{what} has the shape {shape}, {count:.3g} values; a blob holds at most {most}",
            what=what,
            shape=shape_text(dims),
            count=count,
            most=MAX_BLOB_COUNT,
        )
    return dims


class Pending(Protocol):
    """What computes a blob's values when somebody asks for them."""

    def settle(self, storage: Storage) -> None:
        """Compute what is left of that forward, this storage's values among it."""

    def spare(self, storage: Storage) -> None:
        """Copy values that it will read, for somebody may write there from now on."""


_stamps = itertools.count(1)
_moves = itertools.count(1)
_moved = 0


def moved() -> int:
    """Another number after each event by which some blob lies elsewhere or has another shape."""
    return _moved


def _move() -> None:
    # Called after the change: who reads the number before it, reads another one later.
    global _moved
    _moved = next(_moves)


def _references(value: Any) -> int:
    return sys.getrefcount(value)


class Storage:
    """The memory behind one blob, or behind several that share it.

    Nothing is allocated or filled before somebody looks.

    Attributes
    ----------
    stamp : int
        Another one after each event from which on the values may be others: unlike any other
        storage's. As long as it stays and nobody held a view when it was read, nobody wrote.
    pending : Pending or None
        Who computes the values once somebody asks; None if they are there.
    readers : tuple of weak references to Pending
        Who must copy the values before somebody may write; another tuple when it changes, since
        threads may go over it.
    """

    __slots__ = (
        "__weakref__",
        "_flat",
        "_foreign",
        "_pointer",
        "_root",
        "count",
        "fill",
        "mapped",
        "pending",
        "readers",
        "stamp",
    )

    def __init__(self, count: int, fill: Callable[[Floats], None] | None = None) -> None:
        self.count = count
        self.fill = fill
        self._flat: Floats | None = None
        self._root: Floats | None = None
        self._foreign = False
        self._pointer = 0
        self.mapped: mmap.mmap | None = None  # the file that the memory is, if any
        self.stamp = next(_stamps)
        self.pending: Pending | None = None
        self.readers: tuple[weakref.ref[Any], ...] = ()

    @property
    def flat(self) -> Floats:
        """All values in one row, for the engine to read; allocated at the first call."""
        flat = self._flat
        if flat is None:
            with _allocating:
                if self._flat is None:
                    flat = aligned(self.count)
                    if self.fill is not None:
                        self.fill(flat)
                    self.adopt(flat)
                assert self._flat is not None
                flat = self._flat
        return flat

    @property
    def pointer(self) -> int:
        """Address of the first value."""
        _ = self.flat
        return self._pointer

    @property
    def touched(self) -> bool:
        """Whether memory exists, so that somebody may hold a view of it."""
        return self._flat is not None

    @property
    def held(self) -> bool:
        """Whether somebody has a view of the memory now, and so may write without notice.

        All views that were handed out stand on one array of our own, so that its references tell.
        """
        if self._foreign or _ALONE is None:
            return True
        return self._root is not None and _references(self._root) > _ALONE

    def adopt(self, flat: Floats, foreign: bool = False) -> None:
        """Take a row of float32 as the memory, without copying.

        ``foreign`` says that others know the memory too.
        """
        self._pointer = flat.__array_interface__["data"][0]
        # Views of an array stand on what that stands on, unless it is a buffer and no array.
        self._root = np.frombuffer(flat.view(np.uint8).data, np.float32) if flat.size else flat
        self._foreign = foreign
        self.mapped = mapping_of(flat)
        self._flat = flat
        self.stamp = next(_stamps)
        self.fill = None
        _move()

    def view(self, shape: Shape) -> Floats:
        """The values for somebody who may write into them."""
        self.ready()
        _ = self.flat
        self.spare()
        assert self._root is not None
        view = self._root.reshape(shape)
        # In this order: who reads the stamp in between sees the view.
        self.stamp = next(_stamps)
        return view

    def ready(self) -> None:
        """Have the values computed, if that was put off."""
        pending = self.pending
        if pending is not None:
            pending.settle(self)

    def spare(self) -> None:
        """Let those copy the values who will want them as they are."""
        for reference in self.readers:
            reader = reference()
            if reader is not None:
                reader.spare(self)

    def add_reader(self, reader: Pending) -> None:
        """Have :meth:`spare` tell somebody, as long as they live."""
        with _allocating:
            alive = [r for r in self.readers if r() is not None and r() is not reader]
            self.readers = (*alive, weakref.ref(reader))

    def remove_reader(self, reader: Pending) -> None:
        """Have :meth:`spare` tell them no more."""
        with _allocating:
            self.readers = tuple(r for r in self.readers if r() not in (None, reader))

    def wrote(self) -> None:
        """Note that the engine itself wrote."""
        self.stamp = next(_stamps)


def _alone() -> int | None:
    """References to the array under the views when there are none; None if that tells nothing."""
    global _ALONE
    if sys.implementation.name != "cpython":
        return None
    storage = Storage(4)
    _ = storage.flat
    root = storage._root
    del root
    _ALONE = _references(storage._root)
    view = storage.view((2, 2)).T[1:]
    seen = storage.held
    del view
    return _ALONE if seen and not storage.held else None


_ALONE: int | None = None
_ALONE = _alone()


class Blob:
    """Values (:attr:`data`) and gradients (:attr:`diff`) of one blob, float32, C order.

    ``data`` is the memory the net computes with: writing into any view of it counts at the next
    ``forward()``, and a view taken before sees the new output after it, as long as the shape
    stands.
    """

    __slots__ = ("_gradient", "_look", "_shape", "_storage")

    def __init__(
        self, shape: Iterable[int] = (), fill: Callable[[Floats], None] | None = None
    ) -> None:
        self._shape = check_shape(shape, "a blob")
        self._storage = Storage(math.prod(self._shape), self._shaped_fill(fill))
        self._gradient = Storage(self._storage.count)
        #: Called before somebody looks at the diff, which may have to be computed first.
        self._look: Callable[[], None] | None = None

    def _shaped_fill(
        self, fill: Callable[[Floats], None] | None
    ) -> Callable[[Floats], None] | None:
        if fill is None:
            return None
        shape = self._shape
        return lambda flat: fill(flat.reshape(shape))

    @property
    def data(self) -> Floats:
        """The values: a writable float32 array of this blob's shape, always the same memory.

        Raises
        ------
        CaffeError
            If they are mapped from a file that has been cut short since.
        """
        storage = self._storage
        if storage.mapped is not None:
            check_length(storage.mapped)
        return storage.view(self._shape)

    @data.setter
    def data(self, values: Any) -> None:
        # ``blob.data *= 2`` computes in place and then assigns what is there already.
        same = isinstance(values, np.ndarray) and values.shape == self._shape
        if same and values.__array_interface__["data"][0] == self._storage.pointer:
            return
        raise CaffeError(
            "Blob.data = … puts nothing into the net; write the values into it: blob.data[...] = …"
        )

    def _values(self) -> Floats:
        """The values for the engine itself, which only reads them."""
        storage = self._storage
        storage.ready()
        if storage.mapped is not None:
            check_length(storage.mapped)
        return storage.flat.reshape(self._shape)

    @property
    def diff(self) -> Floats:
        """The gradient of :meth:`filterlab.caffe.Net.backward`: float32 of this blob's shape.

        Zeros at first; those of weights are summed up until ``clear_param_diffs()``. Of a net's
        blobs what is written here is where the next backward starts from.
        """
        if self._look is not None:
            self._look()
        return self._gradient.flat.reshape(self._shape)

    @diff.setter
    def diff(self, values: Any) -> None:
        # ``blob.diff *= 2`` computes in place and then assigns what is there already.
        same = isinstance(values, np.ndarray) and values.shape == self._shape
        if same and values.__array_interface__["data"][0] == self._gradient.pointer:
            return
        raise CaffeError(
            "Blob.diff = … puts nothing into the net; write the values into it: blob.diff[...] = …"
        )

    def _fill_diff(self, value: float) -> None:
        """Let the diff begin with a value other than 0."""
        self._gradient = Storage(self._storage.count, lambda flat: flat.fill(value))

    @property
    def shape(self) -> Shape:
        """Sizes of all axes."""
        return self._shape

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self._shape)

    def _legacy(self, axis: int, name: str) -> int:
        if len(self._shape) > 4:
            raise CaffeError(
                "a blob of {shape} axes has no {name}: use shape", shape=len(self._shape), name=name
            )
        return self._shape[axis] if axis < len(self._shape) else 1

    @property
    def num(self) -> int:
        """Size of axis 0 of a blob with at most 4 axes."""
        return self._legacy(0, "num")

    @property
    def channels(self) -> int:
        """Size of axis 1 of a blob with at most 4 axes; 1 if there is none."""
        return self._legacy(1, "channels")

    @property
    def height(self) -> int:
        """Size of axis 2 of a blob with at most 4 axes; 1 if there is none."""
        return self._legacy(2, "height")

    @property
    def width(self) -> int:
        """Size of axis 3 of a blob with at most 4 axes; 1 if there is none."""
        return self._legacy(3, "width")

    def reshape(self, *dims: Any) -> None:
        """Give the blob another shape; the values are kept if their number stays the same.

        A net adapts the blobs that follow at its next ``reshape()`` or ``forward()``.

        Raises
        ------
        CaffeError
            For negative sizes or more values than a blob may hold.
        """
        try:
            # One list of sizes is taken as well as sizes; a whole array has __index__ too.
            if len(dims) == 1 and isinstance(dims[0], Iterable) and not isinstance(dims[0], str):
                dims = tuple(dims[0])
            shape = tuple(operator.index(n) for n in dims)
        except TypeError:
            raise CaffeError("Blob.reshape{dims}: sizes must be integers", dims=dims) from None
        self._set_shape(check_shape(shape, "the blob"))

    def _set_shape(self, shape: Shape) -> None:
        if shape == self._shape:
            return
        count = math.prod(shape)
        if count != self._storage.count:
            self._storage = Storage(count)
            self._gradient = Storage(count)
        self._shape = shape
        _move()

    def share_data(self, source: Blob | npt.NDArray[Any]) -> None:
        """Compute with the memory of another blob or array of as many values, without copying.

        An extension: BVLC has it in C++ only. The shapes may differ, as those of an InnerProduct
        weight (4096, 9216) and its cast to a convolution (4096, 256, 6, 6) do.

        Raises
        ------
        CaffeError
            If the number of values differs, or an array is not writable float32 in C order.
        """
        if isinstance(source, Blob):
            if source.count != self.count:
                raise CaffeError(
                    "cannot share {shape} as {shape2}: {count} values are not {count2}",
                    shape=shape_text(source.shape),
                    shape2=shape_text(self._shape),
                    count=source.count,
                    count2=self.count,
                )
            self._storage = source._storage
            _move()
            return
        array = np.asarray(source)
        if array.dtype != np.float32 or not array.flags.c_contiguous or not array.flags.writeable:
            raise CaffeError("only a writable float32 array in C order can be shared")
        if array.size != self.count:
            raise CaffeError(
                "cannot share {shape} as {shape2}: {size} values are not {count}",
                shape=shape_text(array.shape),
                shape2=shape_text(self._shape),
                size=array.size,
                count=self.count,
            )
        storage = Storage(self.count)
        storage.adopt(array.reshape(-1), foreign=True)
        self._storage = storage
        _move()

    def _share_diff(self, source: Blob) -> None:
        """Take the diff's memory of another blob of as many values."""
        self._gradient = source._gradient

    def _set_values(self, array: npt.NDArray[Any], foreign: bool = True) -> None:
        """Take values from a file: in place if somebody may hold a view, else without copying.

        ``foreign`` says that others may know the array.

        Values in a caffemodel begin at any byte. Large ones are mapped and used where they lie
        even so (numpy and ONNX Runtime read them all the same); small ones are copied.
        """
        storage = self._storage
        usable = (
            array.dtype == np.float32
            and array.flags.c_contiguous
            and array.flags.writeable
            and (array.flags.aligned or array.nbytes >= LARGE)
        )
        if usable and not storage.touched:
            storage.adopt(np.asarray(array).view(np.ndarray).reshape(-1), foreign)
            return
        if not storage.touched:
            storage.adopt(aligned(self.count))
        storage.ready()
        storage.spare()
        np.copyto(storage.flat, np.asarray(array).reshape(-1), casting="same_kind")
        storage.wrote()

    def __repr__(self) -> str:
        return f"<Blob {shape_text(self._shape)}>"
