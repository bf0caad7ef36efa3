"""Build the documentation's site: ``make docs``.

Gathers the pages in build/docs, makes those that the program itself can tell (every control, the
command line, pictures of the tour), builds the site without a warning, and looks whether each
local link and picture of what was built is there.
"""

from __future__ import annotations

import argparse
import contextlib
import html.parser
import io
import os
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PAGES = TOP / "build" / "docs"
SITE = TOP / "build" / "site"

# The tour's scenes that pages show, and under which name.
SCENES = {
    "filters_start": "filters.png",
    "filters_window_walking": "window_walking.png",
    "heatmap_the_view_popover": "view.png",
    "net_without_unit_8": "net.png",
    "heatmap_two_cells_pinned": "pinned.png",
}


def say(text: str) -> None:
    print(f"filterlab: {text}", flush=True)


def gather() -> None:
    """Copy docs/ and the changelog, whose place in the site is another than in the checkout."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(TOP / "docs", PAGES)
    shutil.copyfile(TOP / "CHANGELOG.md", PAGES / "changelog.md")
    (PAGES / "reference").mkdir()


def take_pictures() -> None:
    """The scenes of the tour that pages show, from the real window."""
    taken = PAGES / "taken"
    command = [sys.executable, "-m", "filterlab", "tour", "--out", str(taken)]
    subprocess.run(command, cwd=TOP, check=True, stdout=subprocess.DEVNULL)
    (PAGES / "tour").mkdir()
    for scene, name in SCENES.items():
        found = sorted(taken.glob(f"*_{scene}.png"))
        if not found:
            sys.exit(f"filterlab: the tour has no scene {scene}; see SCENES in tools/docs.py")
        shutil.copyfile(found[0], PAGES / "tour" / name)
    shutil.rmtree(taken)


def command_line() -> str:
    """What each command says of itself."""
    from filterlab.cli import _build_parser

    os.environ["COLUMNS"] = "88"
    parser = _build_parser()
    parts = [
        "# Command line",
        "Exit status 0; 1 if of several pictures some failed; 2 with one line "
        "`filterlab: error: …` that says what is wrong and what to do.",
        f"```text\n{parser.format_help()}```",
    ]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                parts += [f"## {name}", f"```text\n{sub.format_help()}```"]
                for inner in sub._actions:
                    if isinstance(inner, argparse._SubParsersAction):
                        for inner_name, inner_sub in inner.choices.items():
                            parts += [
                                f"### {name} {inner_name}",
                                f"```text\n{inner_sub.format_help()}```",
                            ]
    return "\n\n".join(parts) + "\n"


def build() -> None:
    # Not --quiet: MkDocs counts only warnings that it prints.
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"],
        cwd=TOP,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        kept = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
        sys.exit("\n".join([*kept, "filterlab: the site has warnings"]))


class _Links(html.parser.HTMLParser):
    """The addresses that a page points to, and the anchors it has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def broken_links(site: Path) -> tuple[int, list[str]]:
    """How many local links the site has, and those that lead nowhere."""
    pages = {}
    for path in site.rglob("*.html"):
        reader = _Links()
        reader.feed(path.read_text(encoding="utf-8"))
        pages[path] = reader
    count, broken = 0, []
    for path, reader in pages.items():
        if path.name == "404.html":  # its links are absolute, for a server
            continue
        for link in reader.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = path
            if parts.path:
                target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
                if target.is_dir():
                    target /= "index.html"
            anchor = urllib.parse.unquote(parts.fragment)
            if not target.exists() or (
                anchor and target in pages and anchor not in pages[target].anchors
            ):
                broken.append(f"{path.relative_to(site)}: {link}")
    return count, broken


def main() -> int:
    gather()
    take_pictures()
    (PAGES / "reference" / "command_line.md").write_text(command_line(), encoding="utf-8")
    from controls import reference  # beside this file

    with contextlib.redirect_stderr(io.StringIO()):
        text = reference()
    (PAGES / "reference" / "controls.md").write_text(text, encoding="utf-8")
    build()
    count, broken = broken_links(SITE)
    for link in broken:
        print(f"filterlab: broken link: {link}", file=sys.stderr)
    if broken:
        return 1
    pages = len(list(SITE.rglob("*.html")))
    say(f"built {SITE / 'index.html'}: {pages} pages, {count} local links, none broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
