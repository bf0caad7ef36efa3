"""``filterlab why``: which pixels speak for a class, by four ways, and which of them is right."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

from filterlab.cli import _shown
from filterlab.cli._frame import add_frame, frame_of
from filterlab.cli._json import print_json
from filterlab.cli._net_table import columns_of
from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "why",
        help="which pixels speak for a class: occlusion, gradient, Grad-CAM, the class map",
        description="Makes four maps of what speaks for a class: occlusion, input gradient, "
        "Grad-CAM and the dense class map. Each is put to the test: the input is greyed out in the "
        "map's order, and the smaller the area under the class's probability, the better the map "
        "found what matters. Squares in a random order are the comparison. The question is put to "
        "the classifier, of the picture's centre, or with --cell to a cell of the class map.",
    )
    parser.add_argument(
        "files",
        metavar="ARG",
        nargs="*",
        help="PROTOTXT WEIGHTS IMAGE CLASS, or with --model IMAGE CLASS; an image is a file or a "
        "sample such as chelsea, a class a name or an index",
    )
    parser.add_argument(
        "--cell", metavar="R,C", help="ask of this cell of the map of the whole picture, from 0,0"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write each map here, as KIND.npy and laid on the input as KIND.png, in the order in "
        "which the test greys the pixels out",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    add_frame(parser)
    _shown.add_preparing(parser)


def _sorted_files(args: argparse.Namespace) -> tuple[str | None, str | None, str, str]:
    files = list(args.files)
    own = args.model is None
    usage = "PROTOTXT WEIGHTS IMAGE CLASS" if own else "--model NAME IMAGE CLASS"
    prototxt, weights = (*files[:2], None, None)[:2] if own else (None, None)
    rest = files[2:] if own else files
    if len(rest) < 2:
        raise FilterLabError("too little is given; give {what}", what=usage)
    _shown.no_more(rest[2:], usage)
    return prototxt, weights, rest[0], rest[1]


def _cell(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", text)
    if found is None:
        raise FilterLabError(
            "--cell {text!r}: give row and column of a cell from 0, such as 2,7", text=text
        )
    return int(found[1]), int(found[2])


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from filterlab.progress import run_job
    from filterlab.surgery.transplant import transplant_job
    from filterlab.workbench.net_bench import NetBench

    prototxt, weights, image, name = _sorted_files(args)
    cell = _cell(args.cell)
    picture = _shown.picture_of(image, frame_of(args))
    model = _shown.model_of(args, prototxt, weights)
    wanted = _shown.class_of(model.labels, name)  # a wrong name is said before the work
    tell = _shown.teller()
    transplanted = run_job(
        transplant_job(
            model.prototxt,
            model.need_weights(),
            model.output or None,
            model.activation or None,
            model.channels or None,
        ),
        tell,
    )
    bench = NetBench(transplanted, _shown.preprocessing(model))
    bench.show(picture)
    why = run_job(bench.why_job(wanted, cell), tell)
    tell(None)
    title = f"{wanted} {model.labels[wanted].english}"
    written = _write(Path(args.out), why, picture) if args.out is not None else []
    checks = [*why.reasons, (None, why.drawn)]
    if args.json:
        print_json(
            {
                "image": image,
                "model": model.name,
                "class": {"index": wanted, "name": model.labels[wanted].english},
                "cell": None if cell is None else list(cell),
                "input_size": list(why.data.shape[2:]),
                "probability": float(why.drawn.probs[0]),
                "maps": [
                    {
                        "kind": "drawn" if reason is None else reason.kind,
                        "detail": "" if reason is None else str(reason.detail),
                        "area": check.area,
                        "shares": check.shares.tolist(),
                        "probabilities": check.probs.tolist(),
                    }
                    for reason, check in checks
                ],
                "files": [str(path) for path in written],
            },
            indent=2,
        )
        return 0
    of = "the picture's centre" if cell is None else f"cell ({cell[0]}, {cell[1]}) of the class map"
    print(f"{title}: {why.drawn.probs[0]:.1%}, {of}\n")
    table = [["map", "area", "half is gone at", "how it was made"]]
    for reason, check in checks:
        made = "squares in a random order, for comparison" if reason is None else str(reason.detail)
        kind = "drawn" if reason is None else reason.kind
        table.append([kind, f"{check.area:.4f}", _half(check), made])
    print("\n".join(columns_of(table, right=(1, 2))))
    best = min(why.reasons, key=lambda pair: float(pair[1].area))[0].kind
    print(
        "\narea: under the class's probability while the input is greyed out in the map's order; "
        f"the smallest is that of {best}"
    )
    for path in written:
        print(f"wrote {path}")
    return 0


def _half(check: Any) -> str:
    """The share of grey pixels at which half of the probability is gone."""
    gone = check.probs <= check.probs[0] / 2
    return f"{check.shares[int(gone.argmax())]:.0%}" if gone.any() else "-"


def _write(folder: Path, why: Any, picture: Any) -> list[Path]:
    from filterlab.pictures import write_picture
    from filterlab.surgery.export import write_npy
    from filterlab.workbench.net_why import pictures_of

    os.makedirs(folder, exist_ok=True)
    drawn, written = pictures_of(why, picture), []
    for reason, _ in why.reasons:
        target = folder / f"{reason.kind}.png"
        write_picture(target, drawn[reason.kind])
        written += [target, write_npy(folder / f"{reason.kind}.npy", reason.heat)]
    return written
