"""Reading, writing and drawing pictures; no Qt.

Everywhere a picture is a numpy array, float32, RGB ``(height, width, 3)`` or grey ``(height,
width)``, 0 to 1, row-major with y down.
"""

from __future__ import annotations

from .files import (
    LUMA,
    MAX_PIXELS,
    PICTURE_SUFFIXES,
    decode_picture,
    encode_picture,
    exact_suffix,
    grey_of,
    read_frame,
    read_frame_job,
    read_picture,
    write_picture,
)
from .patterns import PATTERNS, pattern
from .samples import (
    COMPOSED,
    Composed,
    Sample,
    composed,
    sample,
    sample_names,
    sample_title,
    samples,
)

__all__ = [
    "COMPOSED",
    "LUMA",
    "MAX_PIXELS",
    "PATTERNS",
    "PICTURE_SUFFIXES",
    "Composed",
    "Sample",
    "composed",
    "decode_picture",
    "encode_picture",
    "exact_suffix",
    "grey_of",
    "pattern",
    "read_frame",
    "read_frame_job",
    "read_picture",
    "sample",
    "sample_names",
    "sample_title",
    "samples",
    "write_picture",
]
