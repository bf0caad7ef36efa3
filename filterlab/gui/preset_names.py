"""What the presets' categories are called."""

from __future__ import annotations

from filterlab.gui.i18n import Text

__all__ = ["CATEGORY_NAMES"]

#: A name for each of ``filterlab.surgery.kernels.presets.CATEGORIES``.
CATEGORY_NAMES = {
    "basic": Text("Basic"),
    "blur": Text("Blur"),
    "sharpen": Text("Sharpen"),
    "edge": Text("Edge"),
    "second derivative": Text("Second derivative"),
    "texture": Text("Texture"),
    "feature": Text("Feature"),
}
