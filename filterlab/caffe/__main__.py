"""``python -m filterlab.caffe SCRIPT.py [ARGS]``: run a script that says ``import caffe``."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import runpy
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

__all__ = ["install", "main"]

_OURS = "filterlab.caffe"
# pycaffe's modules; the engine's own, such as its layers' classes, are not pycaffe's names.
_MODULES = (
    "caffe",
    "caffe._caffe",
    "caffe.classifier",
    "caffe.coord_map",
    "caffe.detector",
    "caffe.draw",
    "caffe.io",
    "caffe.net_spec",
    "caffe.proto",
    "caffe.proto.caffe_pb2",
    "caffe.pycaffe",
)


class _Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``caffe`` and its modules as this engine's, each being one module."""

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _MODULES:
            if fullname.startswith("caffe."):
                # Else the engine's own file of that name would be loaded a second time.
                raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(_OURS + spec.name.removeprefix("caffe"))
        # The import system writes the alias's spec over the module's own.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        alias = module.__spec__
        if alias is not None and alias.loader is self:
            module.__spec__ = alias.loader_state


def install() -> None:
    """Let ``import caffe`` mean this engine from now on, even where BVLC's is installed."""
    if not any(isinstance(finder, _Alias) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Alias())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script named first, with the rest as its arguments."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            "usage: python -m filterlab.caffe SCRIPT.py [ARGS]\n\n"
            "Runs a Python script that says 'import caffe' on this engine, unchanged."
        )
        return 0 if arguments else 2
    script = arguments[0]
    if not os.path.isfile(script):
        print(f"filterlab: error: {script}: no such script; check the path", file=sys.stderr)
        return 2
    if script.endswith(".ipynb"):
        print(
            f"filterlab: error: {script}: a notebook, not a script; open it in Jupyter and let it "
            "say 'import filterlab.caffe as caffe', or export it with 'jupyter nbconvert --to "
            "script'",
            file=sys.stderr,
        )
        return 2
    try:
        with open(script, "rb") as stream:
            compile(stream.read(), script, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{script}:{line}" if line else script
        words = getattr(error, "msg", None) or str(error)
        print(
            f"filterlab: error: {where}: {words}; a script of Python 2 must be converted first",
            file=sys.stderr,
        )
        return 2
    install()
    sys.argv = arguments
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    runpy.run_path(script, run_name="__main__")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
