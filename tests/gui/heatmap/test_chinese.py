"""The tab in a Chinese window: refusals of bad files, the account, what stands on the stage."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from filterlab.gui.heatmap.account import account_html
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.model_texts import progress_texts
from filterlab.gui.own_model_dialog import OwnModelDialog
from filterlab.gui.settings import Settings
from filterlab.pictures import read_picture
from filterlab.progress import Progress
from filterlab.surgery.heatmap import heatmap_job
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.own_models import remember

#: What stays as it is: code, formats, names of settings and of layers, what stands in quotes.
_NAMES = re.compile(
    r"/\S+|'[^']*'|[\w.]+\.(?:prototxt|caffemodel|h5|jpg)|[\w.]+\(\)|\w+_\w+|0x\w+"
    r"|\b(?:prototxt|caffemodel|deploy|blob|top|bottom|pad|stride|group|Input|Convolution|UTF|NaN"
    r"|conv\d*|fc\d*|norm\d*|pool\d*|data|other|layer|kernel_size)\b"
)


def assert_chinese(text: str) -> None:
    assert re.search("[\u4e00-\u9fff]", text), text
    assert not re.search("[A-Za-z]{3,}", _NAMES.sub("", text)), text


NETS = (
    "syntax unknown_type missing_bottom duplicate_top zero_stride kernel_too_big no_kernel "
    "bad_group huge_output huge_input negative_dim empty png_as"
).split()
WEIGHTS = (
    "truncated empty text_as random wrong_shape short_data huge_shape negative_shape nan "
    "no_common_layers"
).split()


@pytest.mark.parametrize("name", NETS)
def test_a_bad_net_is_refused_in_chinese(
    qtbot: QtBot, chinese: None, shared: Path, name: str, until: Callable[..., None]
) -> None:
    dialog = OwnModelDialog(None, [shared / "bad_inputs" / f"{name}.prototxt"])
    qtbot.addWidget(dialog)
    until(lambda: dialog.problem.text())
    assert_chinese(dialog.problem.text())
    dialog.reject()


@pytest.mark.parametrize("name", WEIGHTS)
def test_bad_weights_are_refused_in_chinese(
    chinese: None, tab: HeatmapTab, shared: Path, repo: Path, model, name: str, settled
) -> None:
    bad = replace(
        model,
        name="bad",
        title="亮度",
        prototxt=repo / "tests" / "goldens" / "nets" / "small_v2.prototxt",
        weights_path=shared / "bad_inputs" / f"{name}.caffemodel",
    )
    tab.models.choose(remember(bad).name)
    tab.models.transplant()
    settled(tab)
    assert tab.stage.job.failed
    assert_chinese(tab.stage.job.text)


def test_the_account_of_a_chinese_window(chinese: None, ready: HeatmapTab) -> None:
    text = account_html(ready.bench.transplanted, ready.bench.labels)
    text = text.replace("bright light", "").replace("darkness", "").replace("nothing", "")
    assert_chinese(re.sub(r"<[^>]*>|&nbsp;", " ", text))


def test_what_stands_around_the_picture(chinese: None, ready: HeatmapTab, settled) -> None:
    ready.resize(1600, 720)
    ready.bench.pin((3, 5))
    settled(ready)
    known = re.compile(r"bright light|darkness|nothing|Brightness|square|mean|prob")
    for text in (
        ready.hint(),
        ready.result.proof.text.replace("e\u2212", ""),
        ready.result.meter.text,
        ready.stage.caption.accessibleName(),
        ready.stage.cards[0].toolTip(),
        ready.strip.accessibleDescription(),
        *(ready.controls.density_combo.itemText(k) for k in range(2)),
    ):
        assert_chinese(known.sub("", text))


def test_what_a_job_says_of_itself_is_chinese(chinese: None, ready: HeatmapTab) -> None:
    """Of a run that was measured before: what it will cost, as the job's card shows it."""
    done = ready.bench.transplanted
    assert done is not None
    steps = heatmap_job(done, np.zeros((96, 128, 3), np.float32), cells=13)
    next(steps)
    _, detail, _ = progress_texts(next(steps), "")
    steps.close()
    assert "约 " in detail
    assert "about" not in detail
    named = Progress("read the picture", 0, 1, Source(sample="brick").title)
    assert progress_texts(named, "")[1] == "砖墙"


def test_a_report_is_in_the_windows_language(
    chinese: None, ready: HeatmapTab, settled, tmp_path: Path, monkeypatch
) -> None:
    from PyQt5.QtWidgets import QFileDialog

    path = tmp_path / "r.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    ready.saves.save_report()
    settled(ready)
    html = path.read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in html
    figure = tmp_path / "f.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(figure), ""))
    ready.saves.save_figure()
    settled(ready)
    assert read_picture(figure).shape[1] > 128


def test_an_english_window_writes_an_english_report(
    ready: HeatmapTab, settled, tmp_path: Path, monkeypatch
) -> None:
    from PyQt5.QtWidgets import QFileDialog

    path = tmp_path / "r.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    ready.saves.save_report()
    settled(ready)
    html = path.read_text(encoding="utf-8")
    assert '<html lang="en">' in html
    assert not re.search("[\u4e00-\u9fff]", html)


def test_a_fresh_chinese_tab_has_no_english(qtbot: QtBot, chinese: None) -> None:
    tab = HeatmapTab(Settings())
    qtbot.addWidget(tab)
    for text in (
        tab.result.main_button.text(),
        tab.result.proof.text,
        tab.hint(),
        tab.classes.empty.text(),
        tab.controls.open_button.toolTip(),
        tab.popover.keep_button.text(),
        *(b.text() for b in tab.popover.lay_row.buttons()),
    ):
        assert_chinese(text)
    tab.shutdown()
