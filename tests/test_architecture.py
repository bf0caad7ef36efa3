"""Who may know whom: checked on the real imports."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# All imports are read once, not once in each process.
pytestmark = pytest.mark.xdist_group("architecture")

# What each room may import of ours; arrows point down only.
_BASE = {"errors", "paths", "progress"}
_ALLOWED = {
    "caffe": {"caffe"},
    "pictures": _BASE | {"caffe", "pictures"},
    "surgery": _BASE | {"caffe", "pictures", "surgery"},
    "zoo": _BASE | {"languages", "caffe", "pictures", "zoo"},
    "workbench": _BASE | {"caffe", "pictures", "surgery", "zoo", "workbench"},
    "cli": _BASE | {"languages", "caffe", "pictures", "surgery", "zoo", "workbench", "cli", "gui"},
    "gui": _BASE | {"languages", "caffe", "pictures", "surgery", "zoo", "workbench", "gui"},
}


def _modules(repo: Path) -> list[str]:
    package = repo / "filterlab"
    names = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(repo).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def _imports(path: Path, module: str) -> frozenset[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return _imported_by(path.read_text(encoding="utf-8"), package)


@functools.cache
def _imported_by(code: str, package: str) -> frozenset[str]:
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, *([base] if base else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return frozenset(found)


def test_core_brings_no_qt(repo: Path) -> None:
    """Importing every module outside gui/ in a fresh interpreter brings no Qt."""
    names = [n for n in _modules(repo) if ".gui" not in n and not n.endswith("__main__")]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in "
        "('PyQt5', 'PyQt6', 'PySide2', 'PySide6', 'qtpy', 'pyqtgraph')]\n"
        "sys.exit(f'Qt came along: {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repo)
    assert done.returncode == 0, done.stderr


def _tabs(repo: Path) -> set[str]:
    """The keys of TABS in gui/tabs.py, read without importing it."""
    tree = ast.parse((repo / "filterlab" / "gui" / "tabs.py").read_text(encoding="utf-8"))
    (value,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "TABS"  # type: ignore[attr-defined]
    )
    return set(ast.literal_eval(value))


def _forbidden(repo: Path) -> list[str]:
    """The imports that no module may have."""
    tabs = _tabs(repo)
    wrong = []
    for module in _modules(repo):
        parts = module.split(".")
        if len(parts) < 2 or parts[1] not in _ALLOWED:
            continue
        path = repo.joinpath(*parts)
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for name in _imports(path, module):
            bits = name.split(".")
            if bits[0] == "filterlab" and len(bits) > 1 and bits[1] not in _ALLOWED[parts[1]]:
                wrong.append(f"{module} imports {name}")
            if (
                bits[:2] == ["filterlab", "gui"]
                and len(bits) > 2
                and parts[1:2] == ["gui"]
                and len(parts) > 2
                and parts[2] != bits[2]
                and {parts[2], bits[2]} <= tabs
            ):
                wrong.append(f"{module} imports {name}: tabs never import each other")
            if parts[1:3] == ["gui", "widgets"] and bits[:2] in (
                ["filterlab", "caffe"],
                ["filterlab", "zoo"],
            ):
                wrong.append(f"{module} imports {name}: widgets take arrays, never a net")
    return wrong


def test_arrows_point_down(repo: Path) -> None:
    wrong = _forbidden(repo)
    assert not wrong, "\n".join(wrong)


def test_a_tab_that_imports_another_is_found(repo: Path, tmp_path: Path) -> None:
    """A tab is added by its package and a line in TABS; the rules then hold for it too."""
    shutil.copytree(
        repo / "filterlab", tmp_path / "filterlab", ignore=shutil.ignore_patterns("__pycache__")
    )
    registry = tmp_path / "filterlab" / "gui" / "tabs.py"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(text.replace("TABS = {", 'TABS = {"made_up": "MadeUpTab", '), "utf-8")
    package = tmp_path / "filterlab" / "gui" / "made_up"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tab.py").write_text("from filterlab.gui.tab import Tab\n", "utf-8")
    assert not _forbidden(tmp_path)
    (package / "tab.py").write_text("import filterlab.gui.heatmap.stage\n", "utf-8")
    (found,) = _forbidden(tmp_path)
    assert found.startswith("filterlab.gui.made_up.tab imports filterlab.gui.heatmap.stage")
    assert found.endswith("tabs never import each other")


@pytest.mark.parametrize("room", ["filterlab"])
def test_setup_cfg_lists_every_package(repo: Path, room: str) -> None:
    config = configparser.ConfigParser()
    config.read(repo / "setup.cfg", encoding="utf-8")
    listed = set(config["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(repo).parts) for path in (repo / room).rglob("__init__.py")
    } | {"filterlab.resources", "filterlab.models"}
    assert listed == found


def _graph(repo: Path) -> dict[str, set[str]]:
    """Who imports whom of ours, for types only or inside a function as well."""
    modules = _modules(repo)
    known = set(modules)
    graph = {}
    for module in modules:
        path = repo.joinpath(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        named = _imports(path, module)
        named |= {name.rpartition(".")[0] for name in named}
        # A room's own name stands for what it gathers, not for a module.
        graph[module] = {
            name for name in named & known if name != module and not module.startswith(f"{name}.")
        }
    return graph


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += graph[module]
    return found


def _rooms() -> list[str]:
    tabs = sorted(_tabs(Path(__file__).resolve().parent.parent))
    return [*(f"filterlab.gui.{tab}" for tab in tabs), "filterlab.workbench"]


@pytest.mark.parametrize("room", _rooms())
def test_no_circles_of_imports(repo: Path, room: str) -> None:
    """No module leads back to itself: a helper takes what it needs, never the whole tab."""
    graph = _graph(repo)
    inside = [module for module in graph if module.startswith(f"{room}.")]
    assert len(inside) > 5
    assert not [module for module in inside if module in _reached(graph, module)]


def test_qt_is_imported_by_its_own_name(repo: Path) -> None:
    """A layer between would hide Qt's types from mypy."""
    for module in _modules(repo):
        path = repo.joinpath(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        found = {name.split(".")[0] for name in _imports(path, module)}
        assert not found & {"qtpy", "PyQt6", "PySide2", "PySide6"}, module


def _loose(config: configparser.ConfigParser) -> list[str]:
    """The sections of mypy's settings that take Qt or a module of the window out."""
    loose = {"ignore_errors", "ignore_missing_imports", "disable_error_code"}
    found = []
    for section in config.sections():
        if section.startswith("mypy"):
            patterns = section.removeprefix("mypy").lstrip("-").split(",")
            off = loose & set(config[section]) or config[section].get("follow_imports") == "skip"
            names = ("PyQt5.QtCore", "PyQt5.QtGui", "PyQt5.QtWidgets", "filterlab.gui.app")
            hit = [n for n in names for p in patterns if not p or fnmatch.fnmatch(n, p.strip())]
            found += [section] if off and hit else []
    return found


def test_mypy_sees_qt(repo: Path) -> None:
    """Stubs are installed for it, nothing skips them, and each exception has its code and why."""
    config = configparser.ConfigParser()
    config.read(repo / "setup.cfg", encoding="utf-8")
    assert "PyQt5-stubs" in config["options.extras_require"]["test"]
    assert not _loose(config)
    config.read_string("[mypy-cv2.*,PyQt5.*]\nfollow_imports = skip")
    assert _loose(config) == ["mypy-cv2.*,PyQt5.*"]
    narrow = re.compile(r"# type: ignore\[[a-z-]+\]  # \w")
    for path in (repo / "filterlab" / "gui").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert "# type: ignore" not in line or narrow.search(line), f"{path}: {line}"
