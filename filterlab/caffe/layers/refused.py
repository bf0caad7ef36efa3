"""Layer types that are known and refused: each says why and what to do instead."""

from __future__ import annotations

from filterlab.caffe.layers.base import Layer, register

__all__ = ["REFUSED"]

_DEPLOY = (
    "which this engine does not do; open the net's deploy.prototxt, in which an Input layer "
    "stands in its place"
)
_TRAINING = "this engine runs and edits nets, it does not train them; take the layer out"

#: Why each of these types is refused.
REFUSED = {
    "Data": f"it reads a LevelDB or LMDB database, {_DEPLOY}",
    "ImageData": f"it reads a list of image files, {_DEPLOY}",
    "WindowData": f"it reads windows of a list of image files, {_DEPLOY}",
    "HDF5Data": f"it reads a list of HDF5 files, {_DEPLOY}",
    "HDF5Output": f"it writes a file during training; {_TRAINING}",
    "Filter": "the size of its tops depends on values, which this engine cannot know beforehand; "
    "take the layer out",
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
