"""A layer's weights as a whole: their histogram, and what is dead or double among its units."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QHBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.i18n import tr
from filterlab.gui.net import words
from filterlab.gui.widgets.histogram import Histogram
from filterlab.gui.widgets.wrapped import Wrapped
from filterlab.surgery.unit_facts import LayerFacts

__all__ = ["FactsStrip"]


class FactsStrip(QWidget):
    """Histogram at the left, figures at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.histogram = Histogram(self)
        self.text = Wrapped(self, Qt.AlignVCenter, between="\n")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.STEP)
        row.addWidget(self.histogram, 1)
        row.addWidget(self.text, 1)
        self._facts: LayerFacts | None = None
        self._flat = True
        self.set_flat(False)

    def set_flat(self, flat: bool) -> None:
        """Whether two lines are to do, of less each."""
        if flat == self._flat:
            return
        self._flat = flat
        self.retell()
        two = 2 * theme.line_height(self.text.fontMetrics()) + 2
        self.setFixedHeight(two if flat else round(64 * theme.scale()))

    def show_facts(self, facts: LayerFacts) -> None:
        """Show a layer's figures."""
        self._facts = facts
        self.histogram.set_counts(facts.counts, facts.edges)
        low, high = float(facts.norm.min()), float(facts.norm.max())
        lines = [
            tr("norm {low} to {high}").format(low=words.number(low), high=words.number(high)),
            tr("{share} of the weights are 0").format(share=words.percent(facts.sparsity)),
            _listed(tr("dead units: {units}"), [str(u) for u in facts.dead.nonzero()[0]]),
            _listed(tr("twins: {units}"), [f"{a} = {b}" for a, b in facts.twins.tolist()]),
        ]
        if not self._flat:
            lines[:2] = [", ".join(lines[:2])]
        self.text.set_sentences(lines)

    def retell(self) -> None:
        """Say it in the language in use."""
        if self._facts is not None:
            self.show_facts(self._facts)


def _listed(text: str, found: list[str]) -> str:
    some = ", ".join(found[:6]) + (f" … ({len(found)})" if len(found) > 6 else "")
    return text.format(units=some or tr("none"))
