"""A classifier's rows and those of its fully convolutional double side by side."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from filterlab.surgery.net_rows import NetRow, net_rows
from filterlab.surgery.net_table import net_table
from filterlab.surgery.transplant import LayerConversion, Transplanted

__all__ = ["PairRow", "transplant_rows"]


@dataclass(frozen=True)
class PairRow:
    """What stood there before the transplant, and what stands there now.

    Attributes
    ----------
    before, after : NetRow or None
        None where there is nothing on that side. Their ``inputs`` count in the rows of their own
        net, in the order in which they stand here.
    changes : tuple of LayerConversion
        What was done to the row's layers; of a block's row, to all in it. Empty where nothing was.
    """

    before: NetRow | None
    after: NetRow | None
    changes: tuple[LayerConversion, ...] = ()

    @property
    def kind(self) -> str:
        """The first change's, as in :class:`LayerConversion`; empty where nothing changed.

        A row on one side only is ``"removed"`` or ``"added"``, also where another output's layers
        were left out.
        """
        if self.after is None:
            return self.changes[0].kind if self.changes else "removed"
        if self.before is None:
            return self.changes[0].kind if self.changes else "added"
        return self.changes[0].kind if self.changes else ""


def transplant_rows(transplanted: Transplanted) -> tuple[PairRow, ...]:
    """Both nets' rows side by side, at the classifier's own input size.

    Rows are paired where they stand for the same layers or for what became of them; each net's
    order is kept.
    """
    before = net_rows(net_table(transplanted.source_param))
    after = net_rows(net_table(transplanted.param))
    there = {layer for row in after for layer in row.layers}
    casts = transplanted.conversions
    became = {c.old: c.new for c in casts if c.old and c.new and c.old not in there}
    old = [_key(row, became) for row in before]
    new = [_key(row, {}) for row in after]
    pairs: list[PairRow] = []
    matcher = difflib.SequenceMatcher(None, old, new)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            pairs += [
                PairRow(a, b, _changes(casts, a, b))
                for a, b in zip(before[i:i_end], after[j:j_end])
            ]
            continue
        pairs += [PairRow(row, None, _changes(casts, row, None)) for row in before[i:i_end]]
        pairs += [PairRow(None, row, _changes(casts, None, row)) for row in after[j:j_end]]
    return tuple(pairs)


def _key(row: NetRow, became: dict[str, str]) -> str:
    """What a row is paired by: a block's key, or the name its first layer has in the double."""
    return row.block if row.kind == "block" else became.get(row.layers[0], row.layers[0])


def _changes(
    casts: Sequence[LayerConversion], before: NetRow | None, after: NetRow | None
) -> tuple[LayerConversion, ...]:
    old = before.layers if before is not None else ()
    new = after.layers if after is not None else ()
    return tuple(c for c in casts if (c.old and c.old in old) or (c.new and c.new in new))
