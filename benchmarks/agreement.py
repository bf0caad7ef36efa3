"""How far each method's map says what the classifier says, and what it takes.

    python -m benchmarks.agreement [PICTURE]

Against the exact map, over all of its windows: mean difference in percentage points and
correlation, for the tiger cat, for the five house cats together and for the five best classes. Nets
whose weights are not here are passed over.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filterlab.errors import FilterLabError
from filterlab.pictures import read_picture
from filterlab.progress import run_job
from filterlab.surgery.agreement import Agreement, agreement
from filterlab.surgery.heatmap import Preprocessing
from filterlab.surgery.methods import MapRun, Request, map_job, methods, plan
from filterlab.surgery.transplant import Transplanted, transplant
from filterlab.surgery.windows import windows_refused
from filterlab.zoo.catalogue import get
from filterlab.zoo.getting import prepare_job
from filterlab.zoo.own_models import look

__all__ = ["main"]

_SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def _nets() -> Iterator[tuple[str, Transplanted, Preprocessing]]:
    folder = _SHARED / "squeezenet"
    if folder.is_dir():
        model = look(folder / "deploy.prototxt").model()
        assert model.weights_path is not None
        t = transplant(model.prototxt, model.weights_path)
        yield "SqueezeNet 1.0", t, Preprocessing((104, 117, 123))
    for name in ("efficientnet-lite0", "caffenet", "caffenet-random"):
        try:
            model = run_job(prepare_job(get(name)))
            t = transplant(model.prototxt, model.need_weights())
        except FilterLabError as error:
            print(f"{name}: passed over: {error}")
            continue
        yield (
            {"caffenet-random": "CaffeNet, random"}.get(name, model.title),
            t,
            Preprocessing(model.mean_bgr, model.scale, model.order),
        )


def _told(found: Agreement) -> str:
    columns = []
    for classes in ([282], range(281, 286), None):
        correlation = found.correlation(classes)
        r = "   -" if correlation is None else f"{correlation:4.2f}"
        columns.append(f"{found.mean_points(classes):6.2f} {r}")
    return "  ".join(columns)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else _SHARED / "images" / "cat.jpg"
    picture = read_picture(path)
    size = (int(picture.shape[0]), int(picture.shape[1]))
    print(f"{path.name}, {size[1]}x{size[0]}: points and correlation of")
    print(f"{'':34}{'tiger cat':>11}  {'5 cats':>11}  {'5 best':>11}  seconds")
    for name, t, prepared in _nets():
        default = plan(t, size).method
        for method in reversed(methods(t)):
            made = plan(t, size, Request(method=method))
            start = time.perf_counter()
            run: MapRun = run_job(map_job(t, picture, made, prepared))
            took = time.perf_counter() - start
            if windows_refused(t):
                continue
            whole = agreement(t, run.maps, most=10_000, seconds=1e9)
            some = agreement(t, run.maps)
            what = f"{name}, {method}{'*' if method == default else ''}"
            print(f"{what:34}{_told(whole)}  {took:6.2f}  {made.cells[1]}x{made.cells[0]} cells")
            print(f"{f'  on {len(some.cells)} windows':34}{_told(some)}  {some.seconds:6.2f}")
    print("* the default")


if __name__ == "__main__":
    main()
