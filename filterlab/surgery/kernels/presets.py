"""The kernels everybody knows, by name, with their parameters.

One registry, :data:`PRESETS`. To add a preset, write a function ``(rows, cols, **parameters) ->
array`` and decorate it with :func:`_preset`; the menu, the command line, the documentation and
the tests find it there. Angles are in degrees, anticlockwise as seen, 0 pointing right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from filterlab.caffe.text import Text
from filterlab.errors import FilterLabError
from filterlab.surgery.kernels.preset import Parameter, Preset
from filterlab.surgery.kernels.transform import resize, rotate90

__all__ = ["CATEGORIES", "PRESETS", "Parameter", "Preset", "find_preset"]

CATEGORIES = ("basic", "blur", "sharpen", "edge", "second derivative", "texture", "feature")
"""The order of the categories in menus."""


PRESETS: dict[str, Preset] = {}
"""Every preset by key, in the order of the menus."""

_ALIASES = {
    "blur": "gaussian",
    "gauss": "gaussian",
    "mean": "box",
    "average": "box",
    "sobel": "sobel-h",
    "sobel-y": "sobel-h",
    "sobel-x": "sobel-v",
    "prewitt": "prewitt-h",
    "scharr": "scharr-h",
    "roberts": "roberts-1",
    "laplacian": "laplacian-4",
    "laplace": "laplacian-4",
    "motion-blur": "motion",
    "unsharp-mask": "unsharp",
    "line": "line-h",
    "noise": "random",
}


def find_preset(name: str) -> Preset:
    """The preset of that key, title or alias; case, spaces and underscores do not matter.

    Raises
    ------
    FilterLabError
        If there is none; the message lists what there is.
    """
    key = "-".join(name.strip().lower().replace("_", " ").replace("-", " ").split())
    key = _ALIASES.get(key, key)
    if key not in PRESETS:
        raise FilterLabError(
            "no preset and no kernel file {name!r}; presets are {known}",
            name=name.strip(),
            known=", ".join(PRESETS),
        )
    return PRESETS[key]


def _preset(
    key: str,
    title: str,
    category: str,
    doc: str,
    *parameters: Parameter,
    natural_size: int = 3,
    source: str = "",
) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    def register(build: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        PRESETS[key] = Preset(key, title, category, doc, build, parameters, natural_size, source)
        return build

    return register


def _stencil(
    key: str,
    title: str,
    category: str,
    doc: str,
    cells: Sequence[Sequence[float]],
    source: str = "",
) -> None:
    """A kernel of fixed numbers, centred in whatever size is asked for."""
    values = np.array(cells, dtype=np.float32)

    def build(rows: int, cols: int) -> np.ndarray:
        return resize(values, (rows, cols))

    PRESETS[key] = Preset(key, title, category, doc, build, (), max(values.shape), source)


def _grid(rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (up, right) from the centre, each broadcastable to (rows, cols)."""
    up = (rows // 2 - np.arange(rows, dtype=np.float64))[:, None]
    right = (np.arange(cols, dtype=np.float64) - cols // 2)[None, :]
    return up, right


def _centre(rows: int, cols: int, value: float = 1.0) -> np.ndarray:
    cells = np.zeros((rows, cols))
    cells[rows // 2, cols // 2] = value
    return cells


def _bell(rows: int, cols: int, sigma: float) -> np.ndarray:
    up, right = _grid(rows, cols)
    cells = np.exp(-(up**2 + right**2) / (2 * sigma**2))
    return cells / cells.sum()


def _sigma(default: float, name: str = "sigma", label: str = "σ") -> Parameter:
    return Parameter(name, label, default, 0.1, 10, 0.1, "px")


def _angle(default: float = 0, step: float = 5) -> Parameter:
    return Parameter("angle", "angle", default, -360, 360, step, "°")


def _amount(default: float = 1) -> Parameter:
    return Parameter("amount", "amount", default, 0, 10, 0.1)


# --- basic ------------------------------------------------------------------------------------


@_preset("identity", "Identity", "basic", "Leaves the picture as it is.", natural_size=1)
def _identity(rows: int, cols: int) -> np.ndarray:
    return _centre(rows, cols)


@_preset(
    "random",
    "Random",
    "basic",
    "Gaussian noise, as a net's filters are before they learn anything.",
    Parameter("std", "std", 0.01, 0.0001, 10, 0.01),
    Parameter("seed", "seed", 0, 0, 2**31 - 1, 1, whole=True),
    natural_size=5,
    source="Caffe's net surgery tutorial: gaussian filler, std 0.01",
)
def _random(rows: int, cols: int, std: float, seed: float) -> np.ndarray:
    return np.random.default_rng(int(seed)).normal(0.0, std, (rows, cols))


# --- blur -------------------------------------------------------------------------------------


@_preset("box", "Box blur", "blur", "Every pixel becomes the mean of its neighbourhood.")
def _box(rows: int, cols: int) -> np.ndarray:
    return np.full((rows, cols), 1 / (rows * cols))


@_preset(
    "gaussian",
    "Gaussian",
    "blur",
    "A soft blur that weighs near pixels more; the cells sum to 1.",
    _sigma(1.0),
    natural_size=5,
)
def _gaussian(rows: int, cols: int, sigma: float) -> np.ndarray:
    return _bell(rows, cols, sigma)


@_preset(
    "motion",
    "Motion blur",
    "blur",
    "Smears the picture along a line, as a moving camera does.",
    Parameter("length", "length", 5, 1, 15, 1, "px"),
    _angle(0),
    natural_size=5,
)
def _motion(rows: int, cols: int, length: float, angle: float) -> np.ndarray:
    count = 32 * max(1, math.ceil(length))
    along = ((np.arange(count) + 0.5) / count - 0.5) * (length - 1)
    y = rows // 2 - along * math.sin(math.radians(angle))
    x = cols // 2 + along * math.cos(math.radians(angle))
    # Round away the dust of cos 90°, which would leak into the neighbouring column.
    y, x = np.round(y, 9), np.round(x, 9)
    cells = np.zeros((rows + 1, cols + 1))
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    inside = (top >= 0) & (top < rows) & (left >= 0) & (left < cols)
    top, left, y, x = top[inside], left[inside], y[inside], x[inside]
    for dy in (0, 1):
        for dx in (0, 1):
            share = (1 - abs(y - top - dy)) * (1 - abs(x - left - dx))
            np.add.at(cells, (top + dy, left + dx), share)
    cells = cells[:rows, :cols]
    return cells / cells.sum()


# --- sharpen ----------------------------------------------------------------------------------


@_preset(
    "sharpen",
    "Sharpen",
    "sharpen",
    "Adds what differs from the four neighbours, so that edges stand out.",
    _amount(),
)
def _sharpen(rows: int, cols: int, amount: float) -> np.ndarray:
    laplacian = resize(np.array(_LAPLACIAN_4, dtype=np.float32), (rows, cols))
    return _centre(rows, cols) - amount * laplacian.astype(np.float64)


@_preset(
    "unsharp",
    "Unsharp mask",
    "sharpen",
    "Adds what a Gaussian blur would take away.",
    _sigma(1.0),
    _amount(),
    natural_size=5,
)
def _unsharp(rows: int, cols: int, sigma: float, amount: float) -> np.ndarray:
    return _centre(rows, cols, 1 + amount) - amount * _bell(rows, cols, sigma)


@_preset(
    "emboss",
    "Emboss",
    "sharpen",
    "Lights the picture from one side, like a relief.",
    _angle(-45, 45),
    _amount(),
)
def _emboss(rows: int, cols: int, angle: float, amount: float) -> np.ndarray:
    up, right = _grid(3, 3)
    turn = math.radians(angle)
    slope = math.sqrt(2) * amount * (right * math.cos(turn) + up * math.sin(turn))
    small = np.round(slope, 9) + _centre(3, 3)
    return resize(small.astype(np.float32), (rows, cols))


# --- edge -------------------------------------------------------------------------------------


def _edge_pair(
    key: str, title: str, cells: Sequence[Sequence[float]], doc: str, source: str
) -> None:
    down = np.array(cells)
    _stencil(
        f"{key}-h",
        f"{title} ─",
        "edge",
        Text(
            "Answers horizontal edges: positive where it grows brighter downwards. {more}", more=doc
        ),
        down.tolist(),
        source,
    )
    _stencil(
        f"{key}-v",
        f"{title} │",
        "edge",
        Text(
            "Answers vertical edges: positive where it grows brighter to the right. {more}",
            more=doc,
        ),
        down.T.tolist(),
        source,
    )


_edge_pair(
    "sobel",
    "Sobel",
    [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    Text("A difference one way, a small blur the other."),
    "Sobel and Feldman 1968",
)
_edge_pair(
    "prewitt",
    "Prewitt",
    [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    Text("A difference one way, a mean of three the other."),
    "Prewitt 1970",
)
_edge_pair(
    "scharr",
    "Scharr",
    [[-3, -10, -3], [0, 0, 0], [3, 10, 3]],
    Text("Like Sobel, but nearly equal for edges of all directions."),
    "Scharr 2000",
)
_stencil(
    "roberts-1",
    Text("Roberts ╲"),
    "edge",
    Text("The difference of a pixel and its lower right neighbour."),
    [[0, 0, 0], [0, 1, 0], [0, 0, -1]],
    "Roberts 1963",
)
_stencil(
    "roberts-2",
    Text("Roberts ╱"),
    "edge",
    Text("The difference of the right and the lower neighbour of a pixel."),
    [[0, 0, 0], [0, 0, 1], [0, -1, 0]],
    "Roberts 1963",
)

# --- second derivative ------------------------------------------------------------------------

_LAPLACIAN_4 = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
_stencil(
    "laplacian-4",
    Text("Laplacian 4"),
    "second derivative",
    Text("How much the four neighbours differ from the pixel; zero on even slopes."),
    _LAPLACIAN_4,
)
_stencil(
    "laplacian-8",
    Text("Laplacian 8"),
    "second derivative",
    Text("How much all eight neighbours differ from the pixel; zero on even slopes."),
    [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
)


@_preset(
    "log",
    "Laplacian of Gaussian",
    "second derivative",
    "Blurs, then takes the Laplacian: answers blobs of radius about 1.4 σ; its zeros are edges.",
    _sigma(1.0),
    natural_size=9,
    source="Marr and Hildreth 1980",
)
def _log(rows: int, cols: int, sigma: float) -> np.ndarray:
    up, right = _grid(rows, cols)
    square = up**2 + right**2
    cells = (square - 2 * sigma**2) / sigma**4 * _bell(rows, cols, sigma)
    return cells - cells.mean()


@_preset(
    "dog",
    "Difference of Gaussians",
    "second derivative",
    "A narrow blur minus a wide one: keeps a band of detail, as cells of the retina do.",
    _sigma(1.0, "sigma1", "σ₁"),
    _sigma(2.0, "sigma2", "σ₂"),
    natural_size=11,
)
def _dog(rows: int, cols: int, sigma1: float, sigma2: float) -> np.ndarray:
    return _bell(rows, cols, sigma1) - _bell(rows, cols, sigma2)


# --- texture ----------------------------------------------------------------------------------


@_preset(
    "gabor",
    "Gabor",
    "texture",
    "A wave under a bell: answers stripes of one width and direction, like the first layer of a "
    "trained net.",
    Parameter("wavelength", "wavelength", 4, 2, 30, 0.5, "px"),
    _angle(0, 15),
    _sigma(2.0),
    Parameter("phase", "phase", 0, -360, 360, 15, "°"),
    natural_size=11,
    source="Gabor 1946, Daugman 1985",
)
def _gabor(
    rows: int, cols: int, wavelength: float, angle: float, sigma: float, phase: float
) -> np.ndarray:
    up, right = _grid(rows, cols)
    turn = math.radians(angle)
    along = right * math.cos(turn) + up * math.sin(turn)
    wave = np.cos(2 * math.pi * along / wavelength + math.radians(phase))
    return np.round(np.exp(-(up**2 + right**2) / (2 * sigma**2)) * wave, 12)


# --- feature ----------------------------------------------------------------------------------

for _key, _title, _cells in (
    ("line-h", Text("Line ─"), [[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]),
    ("line-v", Text("Line │"), [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]),
    ("line-45", Text("Line ╱"), [[-1, -1, 2], [-1, 2, -1], [2, -1, -1]]),
    ("line-135", Text("Line ╲"), [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]]),
):
    _stencil(
        _key,
        _title,
        "feature",
        Text("Answers bright lines one pixel wide of one direction."),
        _cells,
    )


@_preset(
    "corner",
    "Corner",
    "feature",
    "Answers the corner of a bright area; turn it by quarter turns.",
    Parameter("turns", "turns", 0, 0, 3, 1, whole=True),
)
def _corner(rows: int, cols: int, turns: float) -> np.ndarray:
    upper_left = np.array([[-4, -4, -4], [-4, 5, 5], [-4, 5, 5]], dtype=np.float32)
    return resize(rotate90(upper_left, int(turns)), (rows, cols))


_stencil(
    "corner-x",
    Text("Saddle"),
    "feature",
    Text("The mixed second derivative: answers corners and crossings, and no straight level edge."),
    [[1, 0, -1], [0, 0, 0], [-1, 0, 1]],
)
