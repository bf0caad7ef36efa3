"""JSON on stdout, valid in whatever encoding stdout has."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["print_json"]


def print_json(value: Any, indent: int = 1) -> None:
    """Print ``value`` as JSON: names in their own script on UTF-8, else as ``\\u`` escapes."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    print(json.dumps(value, ensure_ascii=encoding != "utf8", indent=indent))
