"""What is handed out beside the wheel: recipes, the documentation's pages, the portable folder."""

from __future__ import annotations

import configparser
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import filterlab


def _tool(repo: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, repo / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _bounds(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, bound = re.match(r"\s*(?:- )?([\w-]+)\s*(>=[\d.]+)?", line).groups()  # type: ignore[union-attr]
        found[name.lower()] = bound or ""
    return found


def test_conda_recipe_asks_for_what_setup_cfg_asks_for(repo: Path) -> None:
    config = configparser.ConfigParser()
    config.read(repo / "setup.cfg", encoding="utf-8")
    wanted = _bounds([x for x in config["options"]["install_requires"].split("\n") if x])
    text = (repo / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    listed = text.partition("  run:\n")[2].partition("\n\n")[0].split("\n")
    told = _bounds(listed)
    assert told.pop("python") == config["options"]["python_requires"]
    names = {"pyqt5": "pyqt", "opencv-python-headless": "py-opencv"}
    assert told == {names.get(name, name): bound for name, bound in wanted.items()}
    assert f"version: {filterlab.__version__}\n" in text


@pytest.mark.skipif(not shutil.which("flatpak-builder"), reason="flatpak-builder is not installed")
def test_flatpak_manifest_is_understood(repo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packaging" / "flatpak"
    shutil.copytree(repo / "packaging" / "flatpak", folder)
    made = _tool(repo, "flatpak_wheels").module(
        [
            {
                "download_info": {
                    "url": f"https://127.0.0.1/{name}",
                    "archive_info": {"hashes": {"sha256": "0" * 64}},
                }
            }
            for name in ("b.whl", "a.whl")
        ]
    )
    assert [source["url"][-5:] for source in made["sources"]] == ["a.whl", "b.whl"]
    import json

    (folder / "python-wheels.json").write_text(json.dumps(made), encoding="utf-8")
    (manifest,) = folder.glob("*.yml")
    done = subprocess.run(
        ["flatpak-builder", "--show-manifest", manifest], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["command"] == "filterlab"
    assert [module["name"] for module in shown["modules"]] == ["python-wheels", "filterlab"]


def test_flatpak_asks_for_what_setup_cfg_asks_for(repo: Path) -> None:
    wanted = _tool(repo, "flatpak_wheels").wanted()
    assert "numpy>=1.24" in wanted
    assert any(line.startswith("efficientnet-lite0") for line in wanted)
    assert not [line for line in wanted if "PyQt5" in line]


def test_every_page_is_in_the_sites_menu(repo: Path) -> None:
    text = (repo / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = set(re.findall(r": (\S+\.md)", text))
    pages = {str(path.relative_to(repo / "docs")) for path in (repo / "docs").rglob("*.md")}
    made = {"changelog.md", "reference/controls.md", "reference/command_line.md"}
    assert {page.replace("\\", "/") for page in pages} | made == listed


def test_local_links_of_the_pages_lead_somewhere(repo: Path) -> None:
    docs = repo / "docs"
    made = {
        docs / "changelog.md",
        docs / "reference" / "controls.md",
        docs / "reference" / "command_line.md",
        *(docs / "tour" / name for name in _tool(repo, "docs").SCENES.values()),
    }
    broken = []
    for path in [*docs.rglob("*.md"), *repo.glob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            if "://" in link:
                continue
            target = (path.parent / link).resolve()
            if not target.exists() and target not in made:
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_broken_links_are_found(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a><a href="b.html#gone">2</a><img src="no.png">'
        '<a href="https://example.org/x">3</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<h2 id="there">x</h2>', encoding="utf-8")
    count, broken = _tool(repo, "docs").broken_links(tmp_path)
    assert count == 3
    assert broken == ["a.html: b.html#gone", "a.html: no.png"]


def test_the_command_line_page_tells_every_command(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filterlab.cli import _COMMANDS

    monkeypatch.setenv("COLUMNS", "88")
    page = _tool(repo, "docs").command_line()
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(_COMMANDS)
    assert "### models get" in page
    assert "--portable DIR" in page


@pytest.fixture
def page(repo: Path, tmp_path: Path) -> str:
    """The reference of every control, made in a process of its own as ``make docs`` does."""
    code = (
        f"import sys; sys.path.insert(0, {str(repo / 'tools')!r})\n"
        "import controls; sys.stdout.buffer.write(controls.reference().encode())"
    )
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        cwd=repo,
        timeout=120,
        env={**os.environ, "FILTERLAB_DATA": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_the_controls_page_is_read_off_the_window(page: str) -> None:
    assert page.index("## Filters") < page.index("## Heatmap")
    for row in ("| File › Open picture … | Ctrl+O |", "| dilation | choice | How far apart"):
        assert row in page, row
    assert "| Opacity follows the probability | tick box |" in page
    assert page.count("in the menus") == page.count("in the window\n")


def test_each_readme_shows_the_window_in_its_own_language(repo: Path) -> None:
    tool = _tool(repo, "pictures")
    readmes = tool.readmes()
    assert {path.name for path in readmes.values()} == {p.name for p in repo.glob("README*.md")}
    for language, path in readmes.items():
        shown = set(re.findall(r"\]\((docs/pictures/[^)]+)", path.read_text(encoding="utf-8")))
        assert shown == {tool.picture(language, name) for name in tool.PICTURES.values()}


@pytest.mark.parametrize(
    ("page", "heading", "package"),
    [
        ("engine.md", "## Where things are\n", "caffe"),
        ("how_it_works.md", "## Where things are in the window\n", "gui"),
    ],
)
def test_the_lists_of_modules_are_those_there_are(
    repo: Path, page: str, heading: str, package: str
) -> None:
    text = (repo / "docs" / page).read_text(encoding="utf-8")
    listed = re.findall(r"\w+\.py\b", text.split(heading)[1].split("\n## ")[0])
    modules = {path.name for path in (repo / "filterlab" / package).glob("*.py")}
    assert sorted(listed) == sorted(modules - {"__init__.py"})
