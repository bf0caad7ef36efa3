"""``python -m benchmarks``: all tables, one module after another, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.record import FILE
from benchmarks.report import write

MODULES = (
    "nets_table",
    "engine",
    "start",
    "surgery",
    "agreement",
    "filters",
    "filters_tab",
    "heatmap_tab",
    "net_bench",
    "net_tab",
    "video",
    "dense_area",
)


def main() -> int:
    """Run every benchmark; returns 1 if one failed."""
    here = Path(__file__).resolve().parent
    run = here.parent / "build" / f"bench-{time.strftime('%Y%m%d-%H%M%S')}.json"
    run.parent.mkdir(exist_ok=True)
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, FILE: str(run)}
    failed = []
    for name in MODULES:
        print(f"\n== {name} ==", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if name == "nets_table":
            command += ["--json", str(run)]
        if subprocess.run(command, cwd=here.parent, env=environment, check=False).returncode:
            failed.append(name)
        elif run.exists():
            write(run)
    print(f"\n{run}; docs/performance.md is written")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
