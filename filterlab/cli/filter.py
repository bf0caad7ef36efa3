"""``filterlab filter``: filter a picture with kernels, as the Filters tab does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filterlab.cli._frame import add_frame, frame_of
from filterlab.errors import FilterLabError

if TYPE_CHECKING:
    from filterlab.surgery.convolve import Outputs, Snapshot

__all__ = ["add_parser", "run"]

_LOOKS = ("shared", "signed", "each", "clip")


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line's parser."""
    parser = subparsers.add_parser(
        "filter",
        help="filter a picture with kernels",
        # IMAGE first: after --kernel SPEC it would be taken for one more kernel.
        usage="filterlab filter IMAGE --kernel SPEC ... [--bias B ...] --out DIR [option ...]",
        description="Filter a picture with kernels and write each output as raw float32 (.npy) "
        "and as a picture (.png).",
        epilog="A kernel SPEC is a preset with parameters (sobel-h, gaussian:sigma=1,size=5, "
        "box:size=3x7) or a kernel file (rows of numbers, CSV, JSON, .npy). Kernels of several "
        "sizes are centred in the largest. Without any size they are 5 x 5, as in Caffe's "
        "tutorial. Caffe computes correlation, without flipping the kernel.",
    )
    parser.add_argument("image", metavar="IMAGE", help="picture file; taken as grey by default")
    parser.add_argument(
        "--kernel",
        metavar="SPEC",
        nargs="+",
        action="extend",
        required=True,
        help="preset or kernel file; give several for several outputs",
    )
    parser.add_argument(
        "--bias",
        metavar="B",
        nargs="+",
        action="extend",
        default=[],
        help="number added to each output, in the order of the kernels (default 0)",
    )
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="folder for filter_0.npy, filter_0.png …"
    )
    parser.add_argument(
        "--range",
        choices=("255", "1"),
        default="255",
        help="white is fed to the net as 255, as in the tutorial (default), or as 1, as in "
        "caffe.io.load_image and in the window",
    )
    parser.add_argument(
        "--colour",
        choices=("grey", "each"),
        default="grey",
        help="filter the grey picture (default), or each colour channel",
    )
    parser.add_argument(
        "--pad",
        choices=("valid", "same"),
        default="valid",
        help="only where the kernel fits (default), or zeros around the picture to keep its size",
    )
    add_frame(parser)
    parser.add_argument("--stride", type=int, default=1, help="1 to 4 (default 1)")
    parser.add_argument("--dilation", type=int, default=1, help="1 to 3 (default 1)")
    parser.add_argument(
        "--look",
        choices=_LOOKS,
        default="shared",
        help="how the PNGs show the numbers: black to white from the lowest to the highest of all "
        "outputs (shared, default), of each output (each), with 0 as middle grey (signed), or cut "
        "to black … white of the input (clip)",
    )


def run(args: argparse.Namespace) -> int:
    """Filter, then write; nothing is written if anything is wrong with the input."""
    # Loaded late, so that ``filterlab --help`` is quick.
    from filterlab.pictures import read_picture
    from filterlab.surgery import convolve
    from filterlab.surgery.targets import spare_inputs

    settings = convolve.Settings(
        mode=args.colour,
        pad=args.pad,
        stride=args.stride,
        dilation=args.dilation,
        scale=float(args.range),
    )
    kernels, bias = _kernels(args.kernel), _biases(args.bias, len(args.kernel))
    pixels = read_picture(args.image, grey=args.colour == "grey", frame=frame_of(args))
    snapshot = convolve.Snapshot(
        kernels, bias, settings, convolve.Picture(pixels, Path(args.image).name)
    )
    folder = Path(args.out)
    names = [f"filter_{k}{end}" for k in range(len(kernels)) for end in (".npy", ".png")]
    spare_inputs([folder / name for name in names], [args.image, *args.kernel], "--out")
    outputs = convolve.compute(snapshot)
    _write(folder, args.kernel, snapshot, outputs, args.look)
    return 0


def _kernels(specs: list[str]) -> Any:
    """All kernels in one array (N, 1, kh, kw) of the size that fits them all."""
    import numpy as np

    from filterlab.surgery.kernels.spec import parse_spec

    parsed = [parse_spec(spec) for spec in specs]
    sizes = [spec.size for spec in parsed if spec.size is not None] or [(5, 5)]
    size = (max(rows for rows, _ in sizes), max(cols for _, cols in sizes))
    return np.stack([spec.make(size)[None] for spec in parsed])


def _biases(texts: list[str], count: int) -> Any:
    import numpy as np

    from filterlab.caffe.text import Text
    from filterlab.surgery.kernels.text import parse_number

    if len(texts) > count:
        raise FilterLabError(
            "{texts} biases for {kernels}; give at most one each",
            texts=len(texts),
            kernels=Text.of_number("{count} kernel", "{count} kernels", count, count=count),
        )
    bias = np.zeros(count, dtype=np.float32)
    for index, text in enumerate(texts):
        try:
            bias[index] = parse_number(text)
        except FilterLabError:
            raise FilterLabError(
                "--bias {text}: not a finite number; give one such as 0.5", text=text
            ) from None
    return bias


def _write(folder: Path, specs: list[str], snapshot: Snapshot, outputs: Outputs, look: str) -> None:
    import numpy as np

    from filterlab.caffe.files import atomic_write
    from filterlab.pictures import write_picture

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from filterlab.caffe.text import reason_of

        raise FilterLabError(
            "cannot make the folder {folder}: {reason}; choose another",
            folder=folder,
            reason=reason_of(error),
        ) from None
    shown = _shown(snapshot, outputs, look)
    for index, (spec, data, stats) in enumerate(zip(specs, outputs.data, outputs.stats)):
        with atomic_write(folder / f"filter_{index}.npy") as stream:
            np.save(stream, data, allow_pickle=False)
        write_picture(folder / f"filter_{index}.png", shown[index])
        print(
            f"filter_{index}: {spec}  {data.shape[1]} x {data.shape[0]}  "
            f"mean {stats.mean:.4g}  min {stats.minimum:.4g}  max {stats.maximum:.4g}  "
            f"std {stats.std:.4g}"
            + (f"  {stats.not_finite} pixels are not finite" if stats.not_finite else "")
        )


def _shown(snapshot: Snapshot, outputs: Outputs, look: str) -> list[Any]:
    """The outputs as pictures 0 to 1."""
    import numpy as np

    white = snapshot.settings.scale
    pictures = []
    for data, stats in zip(outputs.data, outputs.stats):
        low, high = outputs.lowest(), outputs.highest()
        if look == "each":
            low, high = stats.minimum, stats.maximum
        elif look == "signed":
            high = max(abs(low), abs(high))
            low = -high
        elif look == "clip":
            low, high = 0.0, white
        span = high - low
        if not np.isfinite(span) or span <= 0:
            low, span = low - 0.5 if np.isfinite(low) else 0.0, 1.0
        # In float64, since the span of float32 numbers may overflow float32.
        pictures.append(((data.astype(np.float64) - low) / span).astype(np.float32))
    return pictures
