"""The names that window, command line and code share, without what stands behind them.

This module imports nothing, so that a command line may list them before anything is loaded.
"""

__all__ = ["COLORMAPS", "COLOUR_BLIND_SAFE", "METHODS", "MODES", "TILE_SCALES"]

#: How a map is computed, see :mod:`filterlab.surgery.methods`.
METHODS = ("dense", "pooled", "exact")

#: How a map is laid on its picture, see :mod:`filterlab.surgery.overlay`.
MODES = ("tiles", "smooth", "coverage", "coverage-max", "stretched")

#: What it is coloured with.
COLORMAPS = ("viridis", "inferno", "magma", "turbo", "grey")

#: Those that read as well without red, green or blue vision: their lightness grows all the way.
COLOUR_BLIND_SAFE = ("viridis", "inferno", "magma", "grey")

#: On which scale the tiles of a blob are drawn, see :mod:`filterlab.surgery.tiles`.
TILE_SCALES = ("shared", "own")
