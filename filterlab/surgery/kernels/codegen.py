"""The present filters as a program in another library that gives the same numbers.

Each program reads a picture file, filters it and leaves the result in ``output``: float32
(N, h, w), or (N, h, w, 3) where every kernel runs on each channel of a colour picture. All
compute correlation, without flipping, as Caffe does; ``scipy.signal.convolve`` and the like would
need the kernels turned by 180 degrees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.text import format_number

__all__ = ["LIBRARIES", "Recipe", "generate"]

Floats = NDArray[np.float32]


class Recipe(NamedTuple):
    """What a program computes.

    Attributes
    ----------
    kernels : float32 (N, C, kh, kw); C is 3 in mode ``three``, else 1
    bias : float32 (N,)
    mode : str
        ``grey``, ``each`` or ``three``, as in filterlab.surgery.convolve.MODES.
    pad : (rows, columns) on either side
    stride, dilation : int
    scale : float
        What white is fed as: 1 or 255.
    edge : str
        What the padding holds, as in filterlab.surgery.convolve.EDGES: zeros are the library's
        own, the picture is padded with others before.
    """

    kernels: Floats
    bias: Floats
    mode: str = "grey"
    pad: tuple[int, int] = (0, 0)
    stride: int = 1
    dilation: int = 1
    scale: float = 1.0
    edge: str = "zero"

    @property
    def own_pad(self) -> tuple[int, int]:
        """What the library pads with zeros."""
        return self.pad if self.edge == "zero" else (0, 0)

    @property
    def padding(self) -> str:
        """numpy's arguments for the padding made before; empty if there is none."""
        if self.own_pad == self.pad:
            return ""
        (y, x), how = self.pad, _EDGES[self.edge]
        return f"(({y}, {y}), ({x}, {x})), {how!r}"


_EDGES = {"reflect": "reflect", "replicate": "edge", "wrap": "wrap"}


def _array(values: Floats, depth: int = 0) -> str:
    """Nested lists, one kernel row a line."""
    if values.ndim == 1:
        return "[" + ", ".join(format_number(value) for value in values) + "]"
    indent = "    " * (depth + 1)
    inner = f",\n{indent}".join(_array(part, depth + 1) for part in values)
    return f"[\n{indent}{inner},\n{'    ' * depth}]"


def _numbers(recipe: Recipe) -> str:
    channels = " (N, C, kh, kw), channels in the order R, G, B" if recipe.mode == "three" else ""
    note = f"  #{channels}" if channels else ""
    return (
        f"kernels = np.array({_array(recipe.kernels)}, dtype=np.float32){note}\n"
        f"bias = np.array({_array(recipe.bias)}, dtype=np.float32)\n"
    )


def _read(recipe: Recipe, name: str) -> str:
    """Read the picture with scikit-image, as caffe.io.load_image does, as (batch, C, H, W)."""
    lines = [f"picture = img_as_float32(imread({name!r}))"]
    if recipe.mode == "grey":
        lines += [
            "if picture.ndim == 3:  # grey as scikit-image and caffe.io make it",
            "    picture = picture[..., :3] @ np.float32([0.2125, 0.7154, 0.0721])",
            "x = picture[None, None]",
        ]
    elif recipe.mode == "each":
        lines += [
            "if picture.ndim == 2:",
            "    picture = picture[..., None]",
            "x = picture[..., :3].transpose(2, 0, 1)[:, None]  # each channel is one of a batch",
        ]
    else:
        lines += [
            "if picture.ndim == 2:",
            "    picture = np.stack([picture] * 3, axis=-1)",
            "x = picture[..., :3].transpose(2, 0, 1)[None]",
        ]
    if recipe.scale != 1:
        lines.append(f"x = x * np.float32({recipe.scale:g})")
    if recipe.padding:
        lines.append(f"x = np.pad(x, ((0, 0), (0, 0), {recipe.padding[1:]})")  # the edges
    return "\n".join(lines) + "\n"


_IMPORTS = "from skimage.io import imread\nfrom skimage.util import img_as_float32\n"
_OUTPUT = {
    "each": "output = y.transpose(1, 2, 3, 0)  # (N, h, w, channels)\n",
    "other": "output = y[0]  # (N, h, w)\n",
}


def _finish(recipe: Recipe) -> str:
    return _OUTPUT["each" if recipe.mode == "each" else "other"]


def _numpy(recipe: Recipe, name: str) -> str:
    (pad_y, pad_x), step, hole = recipe.own_pad, recipe.stride, recipe.dilation
    kh, kw = recipe.kernels.shape[2:]
    reach = (hole * (kh - 1) + 1, hole * (kw - 1) + 1)
    lines = [
        "import numpy as np",
        "from numpy.lib.stride_tricks import sliding_window_view",
        _IMPORTS,
        _numbers(recipe),
        _read(recipe, name),
    ]
    source = "x"
    if recipe.own_pad != (0, 0):
        source = "padded"
        lines.append(
            f"padded = np.pad(x, ((0, 0), (0, 0), ({pad_y}, {pad_y}), ({pad_x}, {pad_x})))"
        )
    windows = f"windows = sliding_window_view({source}, {reach}, axis=(2, 3))"
    if step > 1:
        windows += f"[:, :, ::{step}, ::{step}]"
    if hole > 1:
        windows += f"[..., ::{hole}, ::{hole}]"
    lines += [
        windows,
        'y = np.einsum("bchwij,ncij->bnhw", windows, kernels, optimize=True)',
        "y = (y + bias[:, None, None]).astype(np.float32)",
        _finish(recipe),
    ]
    return "\n".join(lines)


def _pytorch(recipe: Recipe, name: str) -> str:
    return "\n".join(
        [
            "import numpy as np",
            "import torch",
            "import torch.nn.functional as F",
            _IMPORTS,
            _numbers(recipe),
            _read(recipe, name),
            "y = F.conv2d(",
            "    torch.from_numpy(np.ascontiguousarray(x)),",
            "    torch.from_numpy(kernels),",
            "    torch.from_numpy(bias),",
            f"    stride={recipe.stride},",
            f"    padding={recipe.own_pad},",
            f"    dilation={recipe.dilation},",
            ").numpy()",
            _finish(recipe),
        ]
    )


def _opencv(recipe: Recipe, name: str) -> str:
    (pad_y, pad_x), step, hole = recipe.own_pad, recipe.stride, recipe.dilation
    kh, kw = recipe.kernels.shape[2:]
    reach_y, reach_x = hole * (kh - 1) + 1, hole * (kw - 1) + 1
    from_y, from_x = reach_y // 2 - pad_y, reach_x // 2 - pad_x
    flag = "cv2.IMREAD_COLOR"
    lines = [
        "import cv2",
        "import numpy as np",
        "",
        _numbers(recipe),
        f"picture = cv2.imread({name!r}, {flag})[:, :, ::-1] / np.float32(255)",
    ]
    if recipe.mode == "grey":
        lines += [
            "# grey as scikit-image and caffe.io make it, not as cv2.cvtColor does",
            "channels = [picture @ np.float32([0.2125, 0.7154, 0.0721])]",
        ]
    else:
        lines.append("channels = [np.ascontiguousarray(picture[:, :, c]) for c in range(3)]")
    if recipe.scale != 1:
        lines.append(f"channels = [channel * np.float32({recipe.scale:g}) for channel in channels]")
    if recipe.padding:
        lines.append(f"channels = [np.pad(channel, {recipe.padding}) for channel in channels]")
    lines.append("")
    if hole > 1:
        lines += [
            f"spread = np.zeros(kernels.shape[:2] + ({reach_y}, {reach_x}), np.float32)",
            f"spread[:, :, ::{hole}, ::{hole}] = kernels  # dilation",
            "kernels = spread",
        ]
    lines += [
        "def correlate(channel, kernel):",
        "    # filter2D correlates, as Caffe does; the border is cut off or zero",
        "    full = cv2.filter2D(channel, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)",
        f"    rows, cols = full.shape[0] - {2 * from_y}, full.shape[1] - {2 * from_x}",
        f"    return full[{from_y}:{from_y} + rows:{step}, {from_x}:{from_x} + cols:{step}]",
        "",
    ]
    if recipe.mode == "each":
        lines += [
            "output = np.stack([",
            "    np.stack([correlate(channel, kernel[0]) for channel in channels], axis=-1) + b",
            "    for kernel, b in zip(kernels, bias)",
            "])  # (N, h, w, channels)",
        ]
    else:
        lines += [
            "output = np.stack([",
            "    sum(correlate(channel, k) for channel, k in zip(channels, kernel)) + b",
            "    for kernel, b in zip(kernels, bias)",
            "])  # (N, h, w)",
        ]
    return "\n".join(lines) + "\n"


def _pycaffe(recipe: Recipe, name: str) -> str:
    count, channels, kh, kw = recipe.kernels.shape
    words = [f"num_output: {count}"]
    words.append(f"kernel_size: {kh}" if kh == kw else f"kernel_h: {kh} kernel_w: {kw}")
    if recipe.own_pad != (0, 0):
        pad_y, pad_x = recipe.own_pad
        words.append(f"pad: {pad_y}" if pad_y == pad_x else f"pad_h: {pad_y} pad_w: {pad_x}")
    words.append(f"stride: {recipe.stride}")
    if recipe.dilation > 1:
        words.append(f"dilation: {recipe.dilation}")
    prototxt = (
        'name: "convolution"\n'
        'layer { name: "data" type: "Input" top: "data"\n'
        f"  input_param {{ shape {{ dim: 1 dim: {channels} dim: 100 dim: 100 }} }} }}\n"
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"\n'
        f"  convolution_param {{ {' '.join(words)} }} }}\n"
    )
    return "\n".join(
        [
            "import numpy as np",
            "import filterlab.caffe as caffe  # or: import caffe",
            _IMPORTS,
            "with open('conv.prototxt', 'w') as file:",
            f'    file.write("""{prototxt}""")',
            "net = caffe.Net('conv.prototxt', caffe.TEST)",
            _numbers(recipe),
            "net.params['conv'][0].data[...] = kernels",
            "net.params['conv'][1].data[...] = bias",
            "",
            _read(recipe, name),
            "net.blobs['data'].reshape(*x.shape)",
            "net.blobs['data'].data[...] = x",
            "net.forward()",
            "y = net.blobs['conv'].data",
            _finish(recipe),
        ]
    )


LIBRARIES: dict[str, Callable[[Recipe, str], str]] = {
    "pycaffe": _pycaffe,
    "opencv": _opencv,
    "pytorch": _pytorch,
    "numpy": _numpy,
}
"""Name of a library to the function that writes its program."""


def generate(library: str, recipe: Recipe, picture: str = "picture.png") -> str:
    """A program for ``library`` (a key of :data:`LIBRARIES`) that reads the file ``picture``."""
    if library not in LIBRARIES:
        raise FilterLabError(
            "no library {library!r}; choose one of {known}",
            library=library,
            known=", ".join(LIBRARIES),
        )
    return LIBRARIES[library](recipe, picture)
