"""Collections of a net's blobs: looked up and iterated, never assigned to.

``net.blobs["data"] = picture`` would put the picture in the place of the blob and change nothing
that is computed; people mean ``net.blobs["data"].data[...] = picture``.
"""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from filterlab.caffe.errors import CaffeError

__all__ = ["BlobRow", "ByName"]

T = TypeVar("T")


class NoSuchNameError(CaffeError, KeyError):
    """A name that the net does not have; also the KeyError that pycaffe raises."""

    __str__ = Exception.__str__


class ByName(OrderedDict[str, T]):
    """Blobs, or rows of blobs, by name, in the net's order; copies of it are plain dicts."""

    def __init__(self, pairs: Iterable[tuple[str, T]], path: str) -> None:
        super().__init__()
        self._path = path
        for name, value in pairs:
            super().__setitem__(name, value)

    def __setitem__(self, name: str, value: Any) -> NoReturn:
        row = "[0]" if self._path.endswith("params") else ""
        raise CaffeError(
            "{path}[{name!r}] = … changes nothing in the net; write the values into it: "
            "{path}[{name!r}]{row}.data[...] = …",
            path=self._path,
            name=name,
            row=row,
        )

    def __missing__(self, name: Any) -> NoReturn:
        near = difflib.get_close_matches(str(name), self, 1)
        some = ", ".join(list(self)[:20]) + (" …" if len(self) > 20 else "")
        hint = f"did you mean {near[0]!r}?" if near else f"it has {some or 'none'}"
        what = "layer with weights" if self._path.endswith("params") else "blob"
        raise NoSuchNameError(f"{self._path}[{name!r}]: the net has no {what} of this name; {hint}")

    def __delitem__(self, name: str) -> NoReturn:
        self.clear()

    def clear(self) -> NoReturn:
        raise CaffeError(
            "{path} belongs to the net: nothing can be taken out of it", path=self._path
        )

    def pop(self, *args: Any, **kwargs: Any) -> NoReturn:
        self.clear()

    def popitem(self, last: bool = True) -> NoReturn:
        self.clear()

    def copy(self) -> Any:
        return dict(self)

    __copy__ = copy


class BlobRow(list[T]):
    """The weights of one layer."""

    def add_blob(self, *shape: int) -> None:
        """Layers written in Python: append a weight of this shape, zeros at first."""
        from filterlab.caffe.blob import Blob

        self.append(Blob(shape))  # type: ignore[arg-type]

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise CaffeError(
            "net.params[…][{index}] = … changes nothing in the net; write the values "
            "into it: net.params[…][{index}].data[...] = …",
            index=index,
        )
