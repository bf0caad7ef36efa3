"""``filterlab export``: any net as an ONNX model."""

from __future__ import annotations

import argparse
from typing import Any

from filterlab.cli import _shown
from filterlab.cli._json import print_json
from filterlab.errors import FilterLabError

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "export",
        help="write any net as an ONNX model",
        description="Writes a net with its weights as one ONNX file under the net's own names: "
        "inputs and outputs as the blobs, weights and operations as the layers. Batch, height and "
        "width are free where the net allows. onnx's checker and ONNX Runtime, at two sizes where "
        "there are two, compare it with the net before the file gets its name.",
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="PROTOTXT WEIGHTS, or nothing with --model"
    )
    parser.add_argument("--onnx", required=True, metavar="FILE", help="where to write")
    parser.add_argument("--opset", type=int, default=17, metavar="N", help="ONNX's version (17)")
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="take pictures as they are decoded (uint8, RGB, batch x height x width x channels) "
        "and prepare them inside, as --mean, --input-scale and --order say",
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    _shown.add_preparing(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from filterlab.progress import run_job
    from filterlab.surgery.net_export import export_net_job

    files = list(args.files)
    if args.model is not None:
        _shown.no_more(files, "--model NAME --onnx FILE")
        prototxt = weights = None
    elif len(files) < 2:
        raise FilterLabError(
            "too little is given; give {what}", what="PROTOTXT WEIGHTS --onnx FILE"
        )
    else:
        prototxt, weights = files[:2]
        _shown.no_more(files[2:], "PROTOTXT WEIGHTS --onnx FILE")
    model = _shown.model_of(args, prototxt, weights)
    net = _shown.net_of(model)
    done = run_job(
        export_net_job(
            net,
            args.onnx,
            opset=args.opset,
            preprocessing=_shown.preprocessing(model) if args.prepare else None,
            outputs=[args.output] if args.output else None,
            spared=[model.prototxt, model.need_weights()],
        )
    )
    if args.json:
        print_json(
            {
                "file": str(done.path),
                "inputs": {name: list(dims) for name, dims in done.inputs.items()},
                "outputs": {name: list(dims) for name, dims in done.outputs.items()},
                "free": list(done.free),
                "opset": done.opset,
                "checked": [list(shape) for shape in done.checked],
                "difference": done.difference,
            }
        )
        return 0
    for what, values in (("input ", done.inputs), ("output", done.outputs)):
        for name, dims in values.items():
            print(f"{what}  {name}  {' x '.join(map(str, dims))}")
    fixed = [name for name in ("batch", "height", "width") if name not in done.free]
    print(f"free: {', '.join(done.free) or 'nothing'}; fixed: {', '.join(fixed) or 'nothing'}")
    sizes = " and ".join("x".join(map(str, shape)) for shape in done.checked)
    print(
        f"ONNX Runtime gives the net's answers at {sizes}, "
        f"within {done.difference:.1e} of the largest value"
    )
    print(f"wrote {done.path}")
    return 0
