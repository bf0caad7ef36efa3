"""The luminance that pictures become grey by."""

from __future__ import annotations

__all__ = ["LUMINANCE"]

#: Rec. 709 luminance of red, green and blue, as scikit-image's rgb2gray.
LUMINANCE = (0.2125, 0.7154, 0.0721)
