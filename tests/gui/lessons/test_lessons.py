"""Each lesson from start to end, with real events; every wrong turn is answered."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QFileDialog

from filterlab.gui import i18n
from filterlab.gui.lessons.panel import marked_up
from filterlab.gui.settings import Settings
from filterlab.workbench import lessons as model
from filterlab.zoo import catalogue

BOX = [[1 / 9] * 3] * 3
SHARPEN = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]


def ended(pupil) -> None:
    assert pupil.panel.progress.step is None
    kept = json.loads(pupil.window.settings.text("lessons"))
    key = pupil.panel.progress.lesson.key
    assert kept[key]["at"] == len(pupil.panel.progress.lesson.steps)


def test_kernel(pupil) -> None:
    pupil.begin("kernel")
    assert not pupil.shown()
    pupil.point(pupil.filters.stage.views[1], 100, 100)
    pupil.done()
    pupil.type_cell(0, 0, 0, "1")  # 1 + 1 = 2, in the wrong place
    pupil.wrong()
    pupil.window.undo_action.trigger()
    pupil.type_cell(0, 1, 1, "5")
    pupil.wrong()
    pupil.type_cell(0, 1, 1, "2")
    pupil.done()
    pupil.type_kernel(0, [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    pupil.wrong()
    pupil.type_kernel(0, [[0, 0, 0], [1, 0, 1], [0, 0, 0]])
    pupil.wrong()
    pupil.type_kernel(0, [[0, 0, 0], [0, 0, 1], [0, 0, 0]])
    pupil.done()
    pupil.answer()
    ended(pupil)


def test_blur_and_sharpen(pupil) -> None:
    pupil.begin("blur-and-sharpen")
    pupil.type_kernel(0, [[1] * 3] * 3)
    pupil.wrong()
    pupil.type_kernel(0, [[0.05] * 3] * 3)
    pupil.wrong()
    for row in range(3):
        for column in range(3):
            pupil.type_cell(0, row, column, "1/9")
    pupil.done()
    pupil.preset(1, "gaussian")
    pupil.wrong()
    pupil.filters.bench.set_linked(False)
    pupil.filters.bench.set_size(5, 1)
    pupil.done()
    pupil.type_kernel(2, [[0, 1, 0], [1, 5, 1], [0, 1, 0]])
    pupil.wrong()
    pupil.type_kernel(2, [[-1, -1, -1], [-1, 5, -1], [-1, -1, -1]])
    pupil.wrong()
    pupil.type_kernel(2, SHARPEN)
    pupil.done()
    pupil.answer()
    ended(pupil)


def test_edges(pupil) -> None:
    pupil.begin("edges")
    pupil.type_kernel(0, [[0, 0, 0], [-1, 1, 1], [0, 0, 0]])
    pupil.wrong()
    pupil.type_kernel(0, [[0, 0, 0], [1, 0, -1], [0, 0, 0]])
    pupil.wrong()
    pupil.type_kernel(0, [[0, 0, 0], [-1, 0, 1], [0, 0, 0]])
    pupil.done()
    pupil.settle()
    pupil.point(pupil.filters.stage.views[1], 120, 90)
    pupil.done()
    pupil.preset(1, "sobel-v")
    pupil.wrong()
    pupil.preset(1, "sobel-h")
    pupil.done()
    pupil.answer()
    ended(pupil)


def test_bias(pupil) -> None:
    pupil.begin("bias")
    field = pupil.filters.editors[0].bias
    for wrong in ("-1", "255", "0.5"):
        pupil.type_number(field, wrong)
        pupil.wrong()
        pupil.panel.say_wrong(None)
    pupil.type_number(field, "1")
    pupil.done()
    pupil.preset(1, "sobel-v")
    pupil.type_number(pupil.filters.editors[1].bias, "-1")
    pupil.wrong()
    pupil.preset(1, "sobel-h")
    pupil.type_number(pupil.filters.editors[1].bias, "1")
    pupil.wrong()
    pupil.type_number(pupil.filters.editors[1].bias, "-1")
    pupil.done()
    ended(pupil)


def test_padding_and_stride(pupil) -> None:
    pupil.begin("padding-and-stride")
    # What the first step says of the output's size.
    assert pupil.filters.bench.picture.height == 200
    assert pupil.filters.bench.output_size == (196, 196)
    pupil.filters.pointer.explain()
    pupil.window.show_tab("filters")
    pupil.filters.bottom.walk_toggled.emit(True)
    pupil.done()
    pupil.filters.pointer.pause()
    pupil.combo(pupil.filters.panel_.pad, "same")
    pupil.done()
    pupil.combo(pupil.filters.panel_.dilation, 2)
    pupil.wrong()
    pupil.combo(pupil.filters.panel_.dilation, 1)
    pupil.combo(pupil.filters.panel_.stride, 3)
    pupil.wrong()
    pupil.combo(pupil.filters.panel_.stride, 2)
    pupil.done()
    assert pupil.filters.bench.output_size == (100, 100)
    pupil.answer()
    ended(pupil)


def test_filter_to_layer(pupil) -> None:
    pupil.begin("filter-to-layer")
    assert pupil.filters.bench.net.params["conv"][0].data.shape == (3, 1, 5, 5)
    pupil.type_cell(0, 0, 0, "1")
    pupil.done()
    pupil.combo(pupil.filters.panel_.mode, "each")
    pupil.wrong()
    pupil.combo(pupil.filters.panel_.mode, "three")
    pupil.done()
    assert pupil.filters.bench.net.params["conv"][0].data.shape == (3, 3, 5, 5)
    assert pupil.filters.bench.net.params["conv"][0].data.size == 225
    pupil.answer()
    ended(pupil)


def begin_map(pupil, key: str) -> None:
    pupil.begin(key)
    pupil.until(lambda: pupil.heatmap.settled and pupil.heatmap.bench.shown is not None)


def show_class(pupil, text: str) -> None:
    field = pupil.heatmap.classes.search
    field.setFocus()
    field.selectAll()
    pupil.qtbot.keyClicks(field, text)
    pupil.qtbot.keyClick(field, Qt.Key_Return)


def test_casting(pupil) -> None:
    begin_map(pupil, "casting")
    pupil.answer()
    pupil.qtbot.mouseClick(pupil.heatmap.result.main_button, Qt.LeftButton)
    pupil.done()
    fc6 = pupil.heatmap.bench.transplanted.net.params["fc6-conv"][0].data
    assert fc6.shape == (128, 48, 6, 6)
    assert pupil.heatmap.bench.transplanted.source.params["fc6"][0].data.shape == (128, 1728)
    pupil.qtbot.mouseClick(pupil.heatmap.result.proof, Qt.LeftButton)
    pupil.done()
    pupil.heatmap.account.close()
    pupil.until(lambda: pupil.heatmap.bench.maps is not None and pupil.heatmap.settled)
    show_class(pupil, "0-1")
    pupil.wrong()
    show_class(pupil, "coffee")
    pupil.done()
    view = pupil.heatmap.view
    rows, cols = pupil.heatmap.bench.shown.size
    at = view.to_widget(cols * 0.7, rows * 0.65).toPoint()
    pupil.qtbot.mouseClick(view.viewport(), Qt.LeftButton, pos=at)
    pupil.done()
    ended(pupil)


def test_reading_a_heatmap(pupil) -> None:
    begin_map(pupil, "reading-a-heatmap")
    pupil.qtbot.mouseClick(pupil.heatmap.result.main_button, Qt.LeftButton)
    pupil.done()
    pupil.qtbot.mouseClick(pupil.heatmap.controls.view_button, Qt.LeftButton)
    pupil.heatmap.popover.lay_row.chosen.emit("stretched")
    pupil.done()
    pupil.heatmap.popover.lay_row.chosen.emit("tiles")
    pupil.heatmap.popover.close()
    view = pupil.heatmap.view
    rows, cols = pupil.heatmap.bench.shown.size
    pupil.until(lambda: pupil.heatmap.settled)
    assert pupil.heatmap.bench.maps.cell_at(cols * 0.5, rows * 0.5) is not None
    pupil.point(view, cols * 0.5, rows * 0.5)
    assert pupil.heatmap.cells.current is not None
    assert pupil.heatmap.bench.look.projection == "tiles"
    pupil.done()
    pupil.heatmap.popover.changed.emit("scale", "unit", False)
    pupil.done()
    pupil.until(lambda: pupil.heatmap.bench.agreement is not None and pupil.heatmap.settled)
    pupil.heatmap.result.check_requested.emit()
    pupil.done()
    pupil.heatmap.check.close()
    ended(pupil)


@pytest.mark.skipif(
    not catalogue.get("efficientnet-lite0").makeable,
    reason="the package with EfficientNet-Lite0's weights is not installed",
)
def test_tiger_cat(pupil) -> None:
    begin_map(pupil, "tiger-cat")
    pupil.heatmap.models.choose("pocket")
    pupil.until(lambda: pupil.heatmap.settled)
    pupil.qtbot.mouseClick(pupil.heatmap.result.main_button, Qt.LeftButton)
    pupil.until(lambda: pupil.heatmap.bench.maps is not None)
    pupil.wrong()
    pupil.heatmap.models.choose("efficientnet-lite0")
    pupil.until(lambda: pupil.heatmap.settled)
    if pupil.heatmap.bench.transplanted is None:
        pupil.qtbot.mouseClick(pupil.heatmap.result.main_button, Qt.LeftButton)
    pupil.until(lambda: pupil.heatmap.bench.maps is not None)
    pupil.done()
    for wrong in ("281", "283"):
        show_class(pupil, wrong)
        pupil.wrong()
    show_class(pupil, "282")
    pupil.done()
    show_class(pupil, "281-285")
    pupil.done()
    pupil.answer()
    ended(pupil)


def click_tile(pupil, unit: int, keys=Qt.NoModifier) -> None:
    tiles = pupil.net.tiles
    pupil.qtbot.mouseClick(tiles.viewport(), Qt.LeftButton, keys, tiles.tile_rect(unit).center())


def click_layer(pupil, name: str) -> None:
    rows, study = pupil.net.layers.list, pupil.net.study
    index = next(k for k, row in enumerate(study.rows) if row.title == name)
    rows.set_current(index)  # scrolls there
    pupil.qtbot.mouseClick(rows.viewport(), Qt.LeftButton, pos=rows.row_rect(index).center())
    assert study.row is study.rows[index]
    pupil.until(lambda: study.channels() is not None)  # the tiles are there


def zero(pupil) -> None:
    pupil.qtbot.mouseClick(pupil.net.surgery.zero_button, Qt.LeftButton)


def reset(pupil) -> None:
    pupil.qtbot.mouseClick(pupil.net.bar.reset_button, Qt.LeftButton)


def test_switch_off(pupil) -> None:
    pupil.begin("switch-off")
    study = pupil.net.study
    pupil.until(lambda: study.model is not None and study.model.name == "efficientnet-lite0")
    pupil.until(lambda: study.ready and not study.stale)
    click_layer(pupil, "head")
    click_tile(pupil, 8)
    pupil.wrong()
    click_layer(pupil, "stem")
    click_tile(pupil, 8)
    pupil.done()
    click_tile(pupil, 9)
    zero(pupil)
    pupil.wrong()
    pupil.qtbot.mouseClick(pupil.net.bar.undo_button, Qt.LeftButton)
    click_tile(pupil, 8)
    zero(pupil)
    pupil.done()
    click_tile(pupil, 0)
    zero(pupil)
    pupil.wrong()
    reset(pupil)
    click_tile(pupil, 0)
    zero(pupil)
    pupil.done()
    click_layer(pupil, "head")
    pupil.combo(pupil.net.panels.order, "mean")
    pupil.wrong()
    reset(pupil)
    pupil.done()
    first = [int(unit) for unit in study.sorted_units()[:12]]
    for last in (4, 11):
        click_tile(pupil, first[0])
        click_tile(pupil, first[last], Qt.ShiftModifier)
        zero(pupil)
        pupil.wrong()
        reset(pupil)
        # Their means are the largest again when the net has answered.
        pupil.until(lambda: study.sorted_units()[:12].tolist() == first)
    click_tile(pupil, first[0])
    click_tile(pupil, first[9], Qt.ShiftModifier)
    assert sorted(study.units) == sorted(first[:10])
    zero(pupil)
    pupil.done()
    pupil.qtbot.mouseClick(pupil.net.bar.undo_button, Qt.LeftButton)
    pupil.done()
    pupil.answer()
    ended(pupil)


# --- the panel --------------------------------------------------------------------------------


def test_hint_back_and_anew(pupil) -> None:
    pupil.begin("kernel")
    panel = pupil.panel
    assert not panel.back_button.isEnabled()
    assert not panel.hint.isVisible()
    pupil.qtbot.mouseClick(panel.hint_button, Qt.LeftButton)
    assert "grid of nine numbers" in panel.hint.text()
    pupil.point(pupil.filters.stage.views[1], 100, 100)
    pupil.done()
    assert not panel.hint.isVisible(), "a hint is for its own step"
    pupil.qtbot.mouseClick(panel.back_button, Qt.LeftButton)
    assert pupil.shown(), "a step that was done stays done"
    pupil.qtbot.mouseClick(panel.anew_button, Qt.LeftButton)
    assert panel.progress.at == 0
    assert not pupil.shown()
    assert panel.count.text() == "Step 1 of 4"


def test_the_next_lesson_follows(pupil, all_lessons) -> None:
    pupil.begin("kernel")
    pupil.panel.progress.at = 3
    pupil.panel.show_progress(pupil.panel.progress)
    pupil.choose(True)
    pupil.qtbot.mouseClick(pupil.panel.next_button, Qt.LeftButton)
    assert pupil.panel.count.text() == "All 4 steps done"
    pupil.qtbot.mouseClick(pupil.panel.next_button, Qt.LeftButton)
    assert pupil.panel.progress.lesson.key == list(all_lessons)[1]
    titles = [a.text() for a in pupil.window.lessons.actions() if a is not None]
    assert titles[0].endswith("✓")
    assert not titles[1].endswith("✓")


def test_progress_is_found_again(pupil, make_window, until) -> None:
    pupil.begin("kernel")
    pupil.point(pupil.filters.stage.views[1], 100, 100)
    pupil.done()
    state = pupil.window.save_state()
    other = make_window()
    other.restore_state(state)
    assert other.lessons.lesson.key == "kernel"
    assert other.lessons.panel.progress.at == 1
    other.lessons.leave()
    assert other.lessons.panel is None
    assert not Settings(other.settings.folder).text("lesson")


def test_a_lesson_of_ones_own(pupil, tmp_path: Path) -> None:
    path = tmp_path / "mine.lesson"
    path.write_text(
        'key = "mine"\ntab = "filters"\ntitle = "Mine"\nlocked = ["filters.stride"]\n'
        'hidden = ["filters.camera"]\n[[step]]\ntext = "<img src=x> **a** `b`"\n',
        encoding="utf-8",
    )
    stride = pupil.filters.panel_.stride
    assert pupil.window.open_paths([path])
    assert pupil.panel.heading.text() == "Mine"
    assert "&lt;img src=x&gt; <b>a</b> <code>b</code>" in pupil.panel.text.text()
    assert not stride.isEnabled()
    assert pupil.filters.panel_.camera_button.isHidden()
    pupil.window.lessons.leave()
    assert stride.isEnabled()
    assert not pupil.filters.panel_.camera_button.isHidden()


def test_a_bad_lesson_is_one_sentence(pupil, tmp_path: Path) -> None:
    path = tmp_path / "bad.lesson"
    path.write_text('key = "bad"\ntab = "filters"\ntitle = "x"\n', encoding="utf-8")
    assert not pupil.window.open_paths([path])
    assert "bad.lesson" in pupil.window.strip.text
    assert "[[step]]" in pupil.window.strip.text
    assert pupil.window.lessons.panel is None


def test_below_the_tab_where_it_is_narrow(pupil, until) -> None:
    pupil.begin("kernel")
    assert pupil.panel.beside
    assert pupil.panel.width() < 400
    pupil.window.resize(1024, 768)
    until(lambda: not pupil.panel.beside)
    until(lambda: pupil.panel.y() > 400)
    assert pupil.panel.width() >= 1000
    for button in (pupil.panel.back_button, pupil.panel.hint_button, pupil.panel.next_button):
        assert button.height() >= 28
        assert pupil.panel.rect().contains(button.geometry().translated(
            button.parentWidget().mapTo(pupil.panel, button.parentWidget().rect().topLeft())
        ))  # fmt: skip


def test_names_of_controls_are_marked_and_nothing_else_is_markup() -> None:
    told = marked_up("*Sobel* a<b & <script>x</script>")
    assert "&lt;script&gt;" in told
    assert "a&lt;b &amp;" in told
    assert told.startswith("<span")


# --- texts ------------------------------------------------------------------------------------


def texts(lesson: model.Lesson):
    yield lesson.title
    yield lesson.about
    for step in lesson.steps:
        yield from (step.text, step.task, step.hint, step.notice)
        yield from (w.say for w in step.wrong)
        for choice in step.choices:
            yield from (choice.text, choice.say)


def test_every_text_is_in_both_languages(all_lessons) -> None:
    assert len(all_lessons) >= 9
    for lesson in all_lessons.values():
        for text in filter(None, texts(lesson)):
            if not re.search("[a-z]{3}", text.say("en")):
                continue  # a formula
            assert text.say("en") != text.say("zh_CN"), (lesson.key, text.say("en"))
            assert any("\u4e00" <= c <= "\u9fff" for c in text.say("zh_CN"))
            assert not any("\u4e00" <= c <= "\u9fff" for c in text.say("en"))


def test_every_task_has_a_hint_and_ends_in_something_to_notice(all_lessons) -> None:
    for lesson in all_lessons.values():
        for step in lesson.steps:
            if step.check is not None:
                assert step.hint, lesson.key
                assert step.notice, lesson.key


def test_numbers_that_the_lessons_name(all_lessons) -> None:
    """96 x 3 x 11 x 11, 48 x 6 x 6 and the like, as the texts say them."""
    told = " ".join(t.say("en") for lesson in all_lessons.values() for t in texts(lesson) if t)
    assert f"(96, 3, 11, 11): {96 * 3 * 11 * 11:,}" in told
    assert f"48 x 6 x 6 is {48 * 6 * 6}" in told
    assert f"(3, 3, 5, 5) now: {np.prod((3, 3, 5, 5))} numbers" in told


def test_chinese_lesson(pupil) -> None:
    i18n.set_language(next(name for name in i18n.LANGUAGES if name.startswith("zh")))
    try:
        pupil.begin("kernel")
        assert pupil.panel.heading.text() == "卷积核做什么"
        assert "九个数" in pupil.panel.text.text()
    finally:
        i18n.set_language("en")


# --- kill -9 ----------------------------------------------------------------------------------

_CHILD = """
import os, sys
from pathlib import Path
from filterlab.gui.app import Desk, make_application
from filterlab.gui.settings import Settings
app = make_application()
desk = Desk(app, Settings(Path(sys.argv[1])))
desk.window.show()
lessons = desk.window.lessons
lessons.actions()
lessons.begin(lessons.found[0])
lessons.happened("cursor")
lessons.look()
lessons.panel.next_button.click()
print(lessons.panel.progress.at, flush=True)
app.exec_()
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9 on Windows")
def test_killed_in_a_lesson(make_window, tmp_path: Path, repo: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path / "settings")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=repo,
        text=True,
    )
    try:
        assert child.stdout.readline().strip() == "1"
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=30)
    window = make_window()
    window.restore_state({})
    assert window.lessons.lesson.key == "kernel"
    assert window.lessons.panel.progress.at == 1


# --- challenges -------------------------------------------------------------------------------


def test_a_challenge_is_solved(pupil) -> None:
    pupil.window.lessons.begin_challenge()
    panel = pupil.window.lessons.panel
    pupil.settle()
    pupil.until(lambda: panel.match > 0)
    assert panel.level_text.text() == "Level 1 of 10"
    assert not panel.match_text.text().endswith("✓")
    pupil.type_kernel(0, [[0, 0, 0], [0, 0, 1], [0, 0, 0]])
    pupil.until(lambda: panel.match_text.text() == "Match 100 %  ✓")
    assert panel.bar.value() == 1000
    pupil.qtbot.mouseClick(panel.answer_button, Qt.LeftButton)
    assert "name" in pupil.window.strip.text, "an answer is somebody's"
    pupil.qtbot.keyClicks(panel.name_field, "Ada")
    pupil.qtbot.mouseClick(panel.answer_button, Qt.LeftButton)
    code = QGuiApplication.clipboard().text()
    assert code.startswith("FLA1-")
    from filterlab.workbench.challenges import class_list, level

    ((answer, points),), problems = class_list(level(0), [code])
    assert (answer.name, answer.hints, problems) == ("Ada", 0, [])
    assert points == pytest.approx(100)


def test_hints_are_counted_and_shown_one_by_one(pupil) -> None:
    pupil.window.lessons.begin_challenge()
    panel = pupil.window.lessons.panel
    panel.take_level(2)
    assert not panel.hint_text.isVisible()
    for number in range(1, 6):
        assert panel.hint_button.isEnabled()
        pupil.qtbot.mouseClick(panel.hint_button, Qt.LeftButton)
        assert panel.hint_text.text().count("\n") == number - 1
    told = panel.hint_text.text()
    assert "3 rows and 3 columns" in told
    assert "add up to 1" in told
    assert "a bias of 0.25" in told
    assert "row 1, column 1 is 1" in told
    assert not panel.hint_button.isEnabled()


def test_a_challenge_travels_as_a_code(pupil) -> None:
    pupil.window.lessons.begin_challenge()
    panel = pupil.window.lessons.panel
    pupil.type_kernel(0, [[0, 0, 0], [0, 3, 0], [0, 0, 0]])
    pupil.until(lambda: panel._kernel is not None and panel._kernel[1, 1] == 3)
    pupil.qtbot.mouseClick(panel.make_button, Qt.LeftButton)
    code = QGuiApplication.clipboard().text()
    pupil.qtbot.keyClicks(panel.code_field, code)
    pupil.qtbot.keyClick(panel.code_field, Qt.Key_Return)
    assert panel.level_text.text() == "A challenge of your own"
    np.testing.assert_array_equal(panel.challenge.rows, [[0, 0, 0], [0, 3, 0], [0, 0, 0]])
    assert pupil.filters.bench.kernel(0)[1, 1] == 1, "whoever takes it begins anew"
    pupil.qtbot.keyClicks(panel.code_field, code[:-3])
    pupil.qtbot.keyClick(panel.code_field, Qt.Key_Return)
    assert "not whole" in pupil.window.strip.text


def test_class_list_dialog(qtbot, tmp_path: Path, monkeypatch) -> None:
    from filterlab.gui.lessons import class_list_dialog
    from filterlab.workbench.challenges import Answer, level

    challenge = level(0)
    near = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    codes = [
        Answer.make(challenge, "Bo", near, 0.0, 2).code,
        Answer.make(challenge, "=1+1", challenge.rows, 0.0, 1).code,
        "FLA1-NONSENSE",
    ]
    dialog = class_list_dialog.ClassListDialog(challenge)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.save_button.isEnabled()
    dialog.codes.setPlainText("\n".join(codes))
    shown = [[dialog.table.item(r, c).text() for c in range(3)] for r in range(2)]
    assert shown[0] == ["=1+1", "100 %", "1"]
    assert shown[1][0] == "Bo"
    assert 0 < float(shown[1][1].split()[0]) < 100
    assert "line 3" in dialog.problems.text()
    path = tmp_path / "class.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    qtbot.mouseClick(dialog.save_button, Qt.LeftButton)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "name,match %,hints,kernel,bias"
    assert lines[1].startswith("'=1+1,100.0,1,"), "no spreadsheet takes a name for a formula"


# --- hand-out ---------------------------------------------------------------------------------


def test_a_task_goes_out_and_comes_back(pupil, make_window, tmp_path: Path, monkeypatch, until):
    from filterlab.gui import project_commands

    path = tmp_path / "task.filterlab"
    monkeypatch.setattr(project_commands, "save_path", lambda *a, **k: path)
    lessons = pupil.window.lessons
    (chosen,) = [one for one in model.find_lessons()[0] if one.key == "bias"]
    from filterlab.gui.lessons.hand_out_dialog import HandOutDialog

    dialog = HandOutDialog([chosen], ["filters.stride", "filters.pad"], None, None)
    pupil.qtbot.addWidget(dialog)
    assert not dialog.save_button.isEnabled()
    pupil.qtbot.keyClicks(dialog.title_field, "For class 7b")
    assert dialog.save_button.isEnabled()
    dialog.lesson_combo.setCurrentIndex(1)
    dialog.locked_list.item(0).setCheckState(Qt.Checked)
    task = dialog.task()
    assert (task.title, task.lesson, task.locked) == ("For class 7b", "bias", ("filters.stride",))
    lessons._save_task(task)
    until(path.exists)
    other = make_window()
    assert other.open_paths([path])
    until(lambda: other.lessons.panel is not None)
    assert other.lessons.lesson.key == "bias"
    assert not other.tab("filters").panel_.stride.isEnabled()
    assert other.tab("filters").panel_.pad.isEnabled()


def test_a_plain_task_is_shown_as_one_step(pupil) -> None:
    from filterlab.workbench.project import Task

    pupil.window.lessons.take_task(Task("Blur it", "Make filter 0 a blur.\n<b>Now</b>"))
    assert pupil.panel.heading.text() == "Blur it"
    assert "&lt;b&gt;Now" in pupil.panel.text.text()
    pupil.window.lessons.take_task(None)
    assert pupil.window.lessons.panel is None


def test_looking_is_quick(pupil) -> None:
    """The window's thread looks four times a second; it must not notice."""
    pupil.begin("blur-and-sharpen")
    start = time.perf_counter()
    for _ in range(20):
        pupil.window.lessons.look()
    assert (time.perf_counter() - start) / 20 < 0.05
