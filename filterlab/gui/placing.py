"""Where a window lies on its screen."""

from __future__ import annotations

from PyQt5.QtCore import QMargins, QRect

__all__ = ["USUAL", "fitted", "margins"]

#: What a desktop's frame takes beside a window, where it is not known yet.
USUAL = QMargins(4, 36, 4, 4)


def margins(outer: QRect, inner: QRect) -> QMargins:
    """How far the frame reaches beyond the window, on each side, in pixels."""
    return QMargins(
        inner.left() - outer.left(),
        inner.top() - outer.top(),
        outer.right() - inner.right(),
        outer.bottom() - inner.bottom(),
    )


def fitted(inner: QRect, frame: QMargins, room: QRect) -> QRect:
    """The window without its frame, no larger than the screen has room for, all of it in sight.

    Without margins the frame counts as not known: then room is left for an ordinary one.
    """
    wide, high = frame.left() + frame.right(), frame.top() + frame.bottom()
    if frame.isNull():
        wide, high = USUAL.left() + USUAL.right(), USUAL.top() + USUAL.bottom()
    width = min(inner.width(), room.width() - wide)
    height = min(inner.height(), room.height() - high)
    right = room.right() + 1 - wide - width
    bottom = room.bottom() + 1 - high - height
    x = max(room.left(), min(inner.left() - frame.left(), right))
    y = max(room.top(), min(inner.top() - frame.top(), bottom))
    return QRect(x + frame.left(), y + frame.top(), width, height)
