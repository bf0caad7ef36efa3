"""Pages of the lower panel: the outputs' histograms, and what each kernel is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

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


def _number(value: float, digits: int = 3) -> str:
    return short_number(float(f"{value:.{digits}g}"))


def _near(text: str) -> str:
    """A text whose parts stand closer to each other."""
    return "  ".join(part for part in text.split("   ") if part)


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
                line.setFont(theme.font(12))
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
            lines = self.lines[slot]
            for line, (texts, role) in zip(lines, histogram_lines(report)):
                line.set_text(texts[0], role, texts[1:])
                line.setToolTip(texts[0])


def histogram_lines(report: Report) -> tuple[tuple[tuple[str, ...], str], ...]:
    """An output's numbers, line by line, each in shorter forms for narrow columns, and its role."""
    now, before = report.now, report.before

    def spread(digits: int) -> str:
        return tr("mean {mean}   std {std}").format(
            mean=_number(round(now.mean, 5), digits), std=_number(now.std, digits)
        )

    def span(digits: int) -> str:
        return tr("min {low}   max {high}").format(
            low=_number(now.minimum, digits), high=_number(now.maximum, digits)
        )

    moved: tuple[tuple[str, ...], str] = ("",), "muted"
    if now.not_finite:
        count = tr("{count} pixels are not finite (NaN or ∞)").format(count=now.not_finite)
        moved = (count, tr("not finite")), "error"
    elif before is not None and abs(before.mean - now.mean) >= 5e-5:
        values = _number(before.mean), _number(now.mean)
        told = tr("mean before {before}, now {now}").format(before=values[0], now=values[1])
        moved = (told, f"{tr('mean')} {values[0]} → {values[1]}", " → ".join(values)), "muted"
    return (
        ((spread(3), _near(spread(2))), "text"),
        ((span(3), _near(span(2))), "muted"),
        moved,
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


def facts_lines(facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A kernel's numbers and its symmetry, in words, each with shorter forms."""

    def numbers(digits: int) -> str:
        return tr("sum {sum}   norm {norm}   rank {rank}").format(
            sum=_number(round(facts.total, 7), digits), norm=_number(facts.norm, digits),
            rank=facts.rank,
        )  # fmt: skip

    effect = tr(facts.effect)
    names = [tr(_SYMMETRIES.get(name, name)) for name in facts.symmetries]
    symmetric = tr("symmetric: {names}").format(names=", ".join(names)) if names else ""
    whole = f"{effect}; {symmetric or tr('no symmetry')}"
    least = f"Σ {_number(round(facts.total, 7))}"
    return (numbers(3), _near(numbers(2)), least), (whole, effect)


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
            for line in lines:
                line.setFont(theme.font(12))
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
            for line, texts in zip(self.lines[slot], facts_lines(facts)):
                line.set_text(texts[0], shorter=texts[1:])
                line.setToolTip(texts[0])
