"""The tab in a Chinese window: refusals of bad files, the account, the report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from filterlab.gui import i18n
from filterlab.gui.heatmap import saving
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.own_model_dialog import OwnModelDialog
from filterlab.gui.settings import Settings
from filterlab.progress import run_job
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


@pytest.fixture
def small_tab(qtbot: QtBot, chinese: None, said, bright, until) -> Iterator[HeatmapTab]:
    tab = HeatmapTab(Settings())
    tab.started = True
    tab.message.connect(lambda text, level: said.append((level, text)))
    qtbot.addWidget(tab)
    tab.open_array(bright.picture((40, 24)), "square")
    until(lambda: tab.settled and tab.shown is not None)
    yield tab
    tab.shutdown()


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
    qtbot: QtBot, chinese: None, shared: Path, name: str, until
) -> None:
    dialog = OwnModelDialog(None, [shared / "bad_inputs" / f"{name}.prototxt"])
    qtbot.addWidget(dialog)
    until(lambda: dialog.problem.text())
    assert_chinese(dialog.problem.text())
    dialog.reject()


@pytest.mark.parametrize("name", WEIGHTS)
def test_bad_weights_are_refused_in_chinese(
    small_tab: HeatmapTab, said, shared: Path, repo: Path, model, name: str, until
) -> None:
    bad = replace(
        model,
        name="bad",
        title="亮度",
        prototxt=repo / "tests" / "goldens" / "nets" / "small_v2.prototxt",
        weights_path=shared / "bad_inputs" / f"{name}.caffemodel",
    )
    small_tab.list_models(remember(bad).name)
    small_tab.transplant()
    until(lambda: not small_tab.runner.running)
    (text,) = [text for level, text in said if level == "error"]
    assert_chinese(text)


def test_a_report_of_a_chinese_window(
    chinese: None, ready: HeatmapTab, settled: Callable[..., None], tmp_path: Path
) -> None:
    ready.choose_classes((1,))
    settled(ready)
    frame = ready.frame()
    assert frame is not None
    for k, what in enumerate(({}, {"lay": "stretched"}, {"show": "winner"}, {"scale": "log"})):
        look = replace(frame.look, **what)
        path = run_job(saving.report_job(replace(frame, look=look), tmp_path / f"{k}.html"))
        html = path.read_text(encoding="utf-8")
        assert '<html lang="zh-CN">' in html
        text = unescape(re.sub(r"<style>.*?</style>|<[^>]*>", "\n", html, flags=re.DOTALL))
        known = r"bright light|darkness|nothing|Brightness|square|inferno|RGB|log"
        for line in filter(str.strip, text.splitlines()):
            assert not re.search("[A-Za-z]{3,}", _NAMES.sub("", re.sub(known, "", line))), line


def test_an_english_window_writes_an_english_report(ready: HeatmapTab, tmp_path: Path) -> None:
    frame = ready.frame()
    assert frame is not None
    html = run_job(saving.report_job(frame, tmp_path / "r.html")).read_text(encoding="utf-8")
    assert '<html lang="en">' in html
    assert not re.search("[\u4e00-\u9fff]", html)


def test_the_account_of_a_chinese_window(chinese: None, ready: HeatmapTab) -> None:
    text = re.sub(r"<[^>]*>|&nbsp;", " ", ready.account.text.text())
    assert_chinese(text)


@pytest.mark.parametrize(
    ("english", "chinese_"),
    [
        ("x.prototxt: layer 'score' (Pooling): stride is 0; it must be at least 1",
         "x.prototxt：层 'score'（Pooling）：步长（stride）为 0；至少为 1"),
        ("cannot get Net: http://a/b: the server answered 404 Not Found; file:///c: it is empty; "
         "what came is kept, and the next try goes on from there",
         "无法获取 Net：http://a/b：服务器回答 404 Not Found；file:///c：它是空的；"
         "已下载的部分会保留，下次从断点继续"),
        ("the net cannot be made fully convolutional: layer 'rnn' (LSTM): it reads its input as a "
         "sequence", "网络无法变成全卷积网络：层 'rnn'（LSTM）：它把输入当作序列来读"),
        ("a/b.txt: cannot be read (Permission denied); choose another file.",
         "a/b.txt：无法读取（没有权限）；请选择别的文件"),
        ("fc6 (4, 9) -> fc6-conv (4, 1, 3, 3), same memory",
         "fc6 (4, 9) -> fc6-conv (4, 1, 3, 3)，同一块内存"),
    ],
)  # fmt: skip
def test_sentences_within_sentences(chinese: None, english: str, chinese_: str) -> None:
    assert i18n.tr_sentence(english) == chinese_
