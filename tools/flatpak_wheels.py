"""Write packaging/flatpak/python-wheels.json: what Flatpak's build takes, with digests.

Flatpak builds without a network, so each wheel must be named with its address and digest. pip tells
both for the newest versions that setup.cfg allows. PyQt5 comes with the base application.
"""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
TARGET = TOP / "packaging" / "flatpak" / "python-wheels.json"

#: The runtime's Python and what its C library can load.
PYTHON = "3.12"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")


def wanted() -> list[str]:
    """The requirements of setup.cfg, the extra ``imagenet`` among them, without PyQt5."""
    config = configparser.ConfigParser()
    config.read(TOP / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].split("\n")
    lines += config["options.extras_require"]["imagenet"].split("\n")
    return [line for line in lines if line and not line.startswith("PyQt5") and ";" not in line]


def asked() -> list[dict[str, Any]]:
    """What pip would install, from its own report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        platforms = [word for name in PLATFORMS for word in ("--platform", name)]
        command = [
            sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed",
            "--only-binary=:all:", "--python-version", PYTHON, *platforms, "--target", folder,
            "--report", str(report), *wanted(),
        ]  # fmt: skip
        subprocess.run(command, check=True)
        found: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    return found


def module(installs: list[dict[str, Any]]) -> dict[str, Any]:
    """Flatpak's module of these wheels, in the alphabet's order."""
    sources = [
        {
            "type": "file",
            "url": one["download_info"]["url"],
            "sha256": one["download_info"]["archive_info"]["hashes"]["sha256"],
        }
        for one in installs
    ]
    sources.sort(key=lambda source: str(source["url"]).rpartition("/")[2].lower())
    return {
        "name": "python-wheels",
        "buildsystem": "simple",
        "build-commands": ["pip3 install --prefix=/app --no-deps --no-index *.whl"],
        "sources": sources,
    }


def main() -> int:
    made = module(asked())
    TARGET.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(f"filterlab: {TARGET} names {len(made['sources'])} wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
