"""Collections of a net's blobs: looked up and iterated, never assigned to.

``net.blobs["data"] = picture`` would put the picture in the place of the blob and change nothing
that is computed; people mean ``net.blobs["data"].data[...] = picture``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from filterlab.caffe.errors import CaffeError

__all__ = ["BlobRow", "ByName"]

T = TypeVar("T")


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
            f"{self._path}[{name!r}] = … changes nothing in the net; write the values into it: "
            f"{self._path}[{name!r}]{row}.data[...] = …"
        )

    def __delitem__(self, name: str) -> NoReturn:
        raise CaffeError(f"{self._path} belongs to the net: nothing can be taken out of it")

    def copy(self) -> Any:
        return dict(self)

    __copy__ = copy


class BlobRow(list[T]):
    """The weights of one layer."""

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise CaffeError(
            f"net.params[…][{index}] = … changes nothing in the net; write the values into it: "
            f"net.params[…][{index}].data[...] = …"
        )
