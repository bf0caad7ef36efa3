"""The main job of a fresh checkout: the window, or its tour where there is no display."""

from __future__ import annotations

import sys
from pathlib import Path

from filterlab.cli import main
from filterlab.cli.window import has_display


def run() -> int:
    if has_display():
        return main([])
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "tour").resolve()
    print(f"filterlab: no display, so the window is shown as pictures in {out}", flush=True)
    return main(["tour", "--out", str(out)])


if __name__ == "__main__":
    sys.exit(run())
