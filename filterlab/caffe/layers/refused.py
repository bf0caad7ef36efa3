"""Layer types that are known and refused: each says why and what to do instead."""

from __future__ import annotations

from filterlab.caffe.layers.base import Layer, register
from filterlab.caffe.text import Text

__all__ = ["REFUSED"]

_DEPLOY = Text(
    "which this engine does not do; open the net's deploy.prototxt, in which an Input layer "
    "stands in its place"
)
_TRAINING = Text("this engine runs and edits nets, it does not train them; take the layer out")

#: Why each of these types is refused.
REFUSED = {
    "Data": Text("it reads a LevelDB or LMDB database, {cure}", cure=_DEPLOY),
    "ImageData": Text("it reads a list of image files, {cure}", cure=_DEPLOY),
    "WindowData": Text("it reads windows of a list of image files, {cure}", cure=_DEPLOY),
    "HDF5Data": Text("it reads a list of HDF5 files, {cure}", cure=_DEPLOY),
    "HDF5Output": Text("it writes a file during training; {cure}", cure=_TRAINING),
    "Filter": Text(
        "the size of its tops depends on values, which this engine cannot "
        "know beforehand; take the layer out"
    ),
}


class Refused(Layer):
    """Raises as soon as a net holds it."""

    bottoms_allowed = (0, None)
    tops_allowed = (0, None)

    def setup(self) -> None:
        self.fail(REFUSED[self.param.type])


for _name in REFUSED:
    _kind = "source" if _name.endswith("Data") else "sink" if _name == "HDF5Output" else "unknown"
    _told = {"__doc__": f"Refused: {REFUSED[_name]}.", "spatial": _kind}
    register(_name)(type(_name, (Refused,), _told))
