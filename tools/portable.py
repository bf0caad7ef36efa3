"""Build the portable folder with PyInstaller, and let its own tour show that it works.

The folder runs without Python and without an administrator, from a USB stick too: a file
``portable.txt`` in it says that settings, sessions and models stay beside the program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
DIST = TOP / "dist"
FOLDER = DIST / "filterlab"
PROGRAM = FOLDER / ("filterlab.exe" if os.name == "nt" else "filterlab")

_NOTE = """FilterLab keeps its settings, sessions and models in filterlab-data beside this file.
Delete this file, and it keeps them in your own folder on each computer.
"""


def say(text: str) -> None:
    print(f"filterlab: {text}", flush=True)


def megabytes(folder: Path) -> float:
    """What the folder takes; links within it count once."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def build() -> None:
    spec = TOP / "packaging" / "filterlab.spec"
    work = TOP / "build" / "portable"
    subprocess.run(
        [
            sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
            "--distpath", DIST, "--workpath", work, spec,
        ],
        check=True,
    )  # fmt: skip
    if shutil.which("strip") and sys.platform.startswith("linux"):
        # Wheels' own libraries (*.libs, also by links) break when stripped.
        libraries = [
            path
            for path in FOLDER.rglob("*.so*")
            if not path.is_symlink() and not path.parent.name.endswith(".libs")
        ]
        subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)
    (FOLDER / "portable.txt").write_text(_NOTE, encoding="utf-8")


def _run(place: Path, *command: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run the program where there is no Python, no home and no display."""
    kept = {k: v for k, v in os.environ.items() if k in ("SYSTEMROOT", "TEMP", "TMP", "LANG")}
    env = {
        **kept,
        "PATH": str(place),
        "HOME": str(place),
        "QT_QPA_PLATFORM": "offscreen",
        "FILTERLAB_LANG": language,
        "PYTHONIOENCODING": "utf-8",
    }
    return subprocess.run(
        [PROGRAM, *command], env=env, cwd=place, capture_output=True, encoding="utf-8"
    )


def smoke_test() -> int:
    """Take the whole tour with no Python to be found; returns how many pictures it took.

    A heatmap is made too, with the best model that came along, and an error told in Chinese.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        place = Path(elsewhere)
        out = place / "tour"
        picture = FOLDER / "_internal" / "skimage" / "data" / "chelsea.png"
        heatmap = ["heatmap", str(picture), "--json"]
        for command in (["models", "list"], ["tour", "--out", str(out)], heatmap):
            done = _run(place, *command)
            if done.returncode:
                sys.exit(f"filterlab: the portable folder's {command[0]} failed: {done.stderr}")
        model = json.loads(done.stdout)["model"]
        if list(FOLDER.rglob("efficientnet*.pth")) and model != "efficientnet-lite0":
            sys.exit(f"filterlab: the portable folder does not find its weights: {model}")
        say(f"its heatmap is {model}'s")
        told = _run(place, "info", "gone.prototxt", language="zh_CN").stderr
        if "没有这个文件" not in told:
            sys.exit(f"filterlab: the portable folder does not speak Chinese: {told}")
        written = [path for path in place.rglob("*") if path.is_file() and out not in path.parents]
        if written:
            sys.exit(f"filterlab: the portable folder wrote outside itself: {written[0]}")
        return len(list(out.glob("*.png")))


def contents() -> str:
    """What takes the room, in MB by package; what is below 3 is left out."""
    inside = FOLDER / "_internal"
    sizes: dict[str, float] = {}
    for path in inside.rglob("*"):
        if not path.is_dir():
            top = path.relative_to(inside).parts[0]
            name = top.removesuffix(".libs") if (inside / top).is_dir() else "other libraries"
            sizes[name] = sizes.get(name, 0) + path.lstat().st_size / 1e6
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {size:.0f}" for name, size in largest if size >= 3)


def main() -> int:
    start = time.monotonic()
    build()
    say(f"built {FOLDER} in {time.monotonic() - start:.0f} s, {megabytes(FOLDER):.0f} MB")
    say(f"in MB: {contents()}")
    pictures = smoke_test()
    shutil.rmtree(FOLDER / "filterlab-data", ignore_errors=True)
    # Links within the folder stay links in a tar; Windows has none, and opens a zip by itself.
    kind = "zip" if os.name == "nt" else "gztar"
    archive = shutil.make_archive(str(DIST / "filterlab-portable"), kind, DIST, "filterlab")
    say(f"its own tour took {pictures} pictures without Python")
    say(f"packed as {archive}, {Path(archive).stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
