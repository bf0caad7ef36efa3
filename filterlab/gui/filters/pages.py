"""Pages of the lower panel: the outputs' histograms, and what each kernel is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from filterlab.gui import theme
from filterlab.gui.filters.look import Frame, histogram
from filterlab.gui.i18n import Text, tr
from filterlab.gui.widgets.frequency_view import FrequencyView
from filterlab.gui.widgets.histogram import Histogram, short_number
from filterlab.gui.widgets.line import Line
from filterlab.gui.widgets.separable_view import SeparableView
from filterlab.surgery.kernels.analysis import Facts, frequency_response
from filterlab.workbench.filter_bench import FilterBench, Report

__all__ = ["HistogramPage", "KernelPage"]


def _number(value: float) -> str:
    return short_number(float(f"{value:.3g}"))


class HistogramPage(QWidget):
    """Of each output: histogram, mean, extremes, deviation, and how the mean moved."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.STEP)
        self.charts: list[Histogram] = []
        self.lines: list[list[Line]] = []
        for slot in range(3):
            part = QVBoxLayout()
            part.setSpacing(2)
            heading = Line(self, "heading", tr("Filter {n}").format(n=slot))
            chart = Histogram(self)
            lines = [Line(self, "text"), Line(self, "muted"), Line(self, "muted")]
            part.addWidget(heading)
            part.addWidget(chart, 1)
            for line in lines:
                part.addWidget(line)
            layout.addLayout(part, 1)
            self.charts.append(chart)
            self.lines.append(lines)

    def show_frame(self, frame: Frame, reports: Sequence[Report]) -> None:
        """Show the outputs' numbers.

        The histogram is of what is on the screen, the rest of the net's own output.
        """
        for slot, (shown, report) in enumerate(zip(frame.shown, reports)):
            self.charts[slot].set_counts(*histogram(shown))
            now, lines = report.now, self.lines[slot]
            lines[0].set_text(
                tr("mean {mean}   std {std}").format(
                    mean=_number(round(now.mean, 5)), std=_number(now.std)
                )
            )
            lines[1].set_text(
                tr("min {low}   max {high}").format(
                    low=_number(now.minimum), high=_number(now.maximum)
                )
            )
            if now.not_finite:
                text = tr("{count} pixels are not finite (NaN or ∞)").format(count=now.not_finite)
                lines[2].set_text(text, "error")
            elif report.before is None or abs(report.before.mean - now.mean) < 5e-5:
                lines[2].set_text("", "muted")
            else:
                lines[2].set_text(
                    tr("mean before {before}, now {now}").format(
                        before=_number(report.before.mean), now=_number(now.mean)
                    ),
                    "muted",
                )


_SYMMETRIES = {
    "left-right": "left–right",
    "up-down": "up–down",
    "diagonal": Text("diagonal"),
    "half turn": Text("half turn"),
    "anti-left-right": Text("anti-left–right"),
    "anti-up-down": Text("anti-up–down"),
    "anti-diagonal": Text("anti-diagonal"),
    "anti-half turn": Text("anti-half turn"),
}


def facts_lines(facts: Facts) -> tuple[str, str]:
    """A kernel's numbers and its symmetry, in words."""
    numbers = tr("sum {sum}   norm {norm}   rank {rank}").format(
        sum=_number(round(facts.total, 7)), norm=_number(facts.norm), rank=facts.rank
    )
    names = [tr(_SYMMETRIES.get(name, name)) for name in facts.symmetries]
    symmetric = tr("symmetric: {names}").format(names=", ".join(names)) if names else ""
    return numbers, f"{tr(facts.effect)}; {symmetric or tr('no symmetry')}"


class KernelPage(QWidget):
    """Of each kernel: frequency response, sum, norm, symmetry, rank and the two vectors."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.STEP)
        self.frequencies: list[FrequencyView] = []
        self.separable: list[SeparableView] = []
        self.lines: list[list[Line]] = []
        for _slot in range(3):
            part = QGridLayout()
            part.setContentsMargins(0, 0, 0, 0)
            part.setSpacing(4)
            frequency, separable = FrequencyView(self), SeparableView(self)
            lines = [Line(self), Line(self, "muted")]
            part.addWidget(frequency, 0, 0)
            part.addWidget(separable, 0, 1)
            part.addWidget(lines[0], 1, 0, 1, 2)
            part.addWidget(lines[1], 2, 0, 1, 2)
            part.setColumnStretch(0, 1)
            part.setColumnStretch(1, 1)
            part.setRowStretch(0, 1)
            layout.addLayout(part, 1)
            self.frequencies.append(frequency)
            self.separable.append(separable)
            self.lines.append(lines)

    def show_bench(self, bench: FilterBench, channels: Sequence[int]) -> None:
        """Show the three kernels; of three-channel filters the given channel's grid."""
        for slot in range(3):
            channel = channels[slot] if bench.channels > 1 else 0
            kernel = bench.kernel(slot, channel)
            facts = bench.facts(slot, channel)
            self.frequencies[slot].set_response(np.asarray(frequency_response(kernel)))
            if facts.vectors is not None:
                text = tr("Separable: a column times a row.")
            elif facts.rank == 0:
                text = tr("All cells are zero.")
            else:
                text = tr("Not separable: it takes {rank} products of a column and a row.").format(
                    rank=facts.rank
                )
            self.separable[slot].set_vectors(facts.vectors, text)
            self.separable[slot].setToolTip(text)
            for line, words in zip(self.lines[slot], facts_lines(facts)):
                line.set_text(words)
                line.setToolTip(words)
