"""What the panels of lessons and challenges show, against numbers computed otherwise."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt5.QtCore import QEvent, Qt
from PyQt5.QtGui import QColor, QFont, QFontInfo, QGuiApplication, QIcon, QImage
from PyQt5.QtWidgets import QApplication, QFileDialog, QLabel, QScrollBar, QToolButton, QWidget
from scipy.ndimage import correlate

from filterlab.gui import i18n, theme
from filterlab.gui.icons import icon
from filterlab.gui.lessons.challenge_panel import ChallengePanel
from filterlab.gui.lessons.class_list_dialog import ClassListDialog
from filterlab.gui.lessons.panel import LessonPanel, marked_up
from filterlab.pictures import sample
from filterlab.workbench import challenges, lessons
from filterlab.workbench.challenges import Answer, Challenge, level

HEAD = 'key = "k"\ntab = "filters"\ntitle = "Title <b>"\n'
STEP = '[[step]]\ntext = "read *Sobel*"\n'
TASK = (
    '[[step]]\ntext = "text"\ntask = "do"\nhint = "a hint"\nnotice = "noticed"\n'
    'check = { fact = "filters.stride", is = 2 }\n'
)
CHOICES = (
    '[[step]]\ntext = "ask"\ntask = "choose"\n'
    '[[step.choice]]\ntext = "a & b"\nsay = "not a"\n'
    '[[step.choice]]\ntext = "b"\nsay = "yes"\nright = true\n'
    '[[step.choice]]\ntext = "c"\nsay = "not c"\n'
)


def pixels_of(image: QImage) -> np.ndarray:
    """RGB, uint8 (height, width, 3)."""
    image = image.convertToFormat(QImage.Format_RGB888)
    data = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    rows = data.reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


@pytest.fixture
def challenge(qtbot) -> ChallengePanel:
    panel = ChallengePanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.fixture
def panel(qtbot) -> LessonPanel:
    made = LessonPanel()
    qtbot.addWidget(made)
    made.show()
    return made


def at(widget: QWidget) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in its window; the last two just behind it."""
    left = widget.mapTo(widget.window(), widget.rect().topLeft())
    return left.x(), left.y(), left.x() + widget.width(), left.y() + widget.height()


def lie_in_turn(*widgets: QWidget, across: bool = False) -> bool:
    """Whether each lies wholly below the one before, or to its right."""
    first, last = (0, 2) if across else (1, 3)
    return all(at(one)[last] <= at(two)[first] for one, two in pairwise(widgets))


def size_of(label: QLabel) -> float:
    """In pixels of a window whose usual text has 13."""
    return float(label.font().pointSizeF() / QApplication.font().pointSizeF() * 13)


def shows(button: QToolButton, name: str) -> bool:
    """Whether it shows that icon, 14 pixels large, enabled and not."""
    sizes = button.icon().availableSizes()
    return [(one.width(), one.height()) for one in sizes] == [(14, 14)] and all(
        button.icon().pixmap(14, 14, mode).toImage()
        == icon(name, 14).pixmap(14, 14, mode).toImage()
        for mode in (QIcon.Normal, QIcon.Disabled)
    )


# --- challenges ---------------------------------------------------------------------------------


def test_levels_are_gone_through_from_the_first_to_the_last(qtbot, challenge) -> None:
    started: list[Challenge] = []
    challenge.started.connect(started.append)
    last = len(challenges.LEVELS) - 1
    assert (challenge.hint_text.isVisible(), challenge.match_text.text()) == (False, "Match 0 %")
    assert (challenge.bar.value(), challenge.hint_button.isEnabled()) == (0, True)
    for number in range(last + 1):
        assert challenge.level_text.text() == f"Level {number + 1} of 10"
        assert challenge.challenge == level(number)
        assert challenge.back_button.isEnabled() == (number > 0)
        assert challenge.next_button.isEnabled() == (number < last)
        challenge.take_level(-1)
        challenge.take_level(last + 1)
        assert challenge.number == number, "there is none before the first or behind the last"
        qtbot.mouseClick(challenge.next_button, Qt.LeftButton)
    qtbot.mouseClick(challenge.back_button, Qt.LeftButton)
    assert challenge.level_text.text() == "Level 9 of 10"
    assert not challenge.bar.isTextVisible(), "the match stands above it"
    assert started == [*(level(n) for n in range(1, last + 1)), level(last - 1)]
    challenge.take(level(0), 0)
    assert challenge.level_text.text() == "Level 1 of 10"


@pytest.mark.parametrize("number", [0, 2, 3, 8])
def test_the_target_is_shown_as_it_is(challenge, number: int) -> None:
    """Of an output with values below 0, 0 is middle grey and the largest black or white."""
    challenge.take_level(number)
    made = level(number)
    picture = sample(made.sample, grey=True).astype(np.float64)
    values = correlate(picture, made.rows.astype(np.float64), mode="constant") + made.bias
    if values.min() < -1e-6:
        values = 0.5 + values / (2 * np.abs(values).max())
        assert number in (3, 8)
    shown = challenge.picture.pixmap()
    k = theme.scale()
    rows, cols = values.shape
    share = min(284 * k / cols, 150 * k / rows)
    assert (shown.width(), shown.height()) == pytest.approx((cols * share, rows * share), abs=1)
    found = pixels_of(shown.toImage()).astype(np.float64)
    levels = np.ascontiguousarray(np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))
    image = QImage(levels.tobytes(), cols, rows, cols, QImage.Format_Grayscale8)
    small = image.scaled(shown.size(), Qt.IgnoreAspectRatio, Qt.SmoothTransformation)
    off = np.abs(found - pixels_of(small))
    assert off.max() <= 1
    assert off.mean() < 0.25


def test_a_match_is_never_rounded_up(challenge) -> None:
    """A kernel that is a little too weak; from 99 percent on it counts as solved."""
    made = level(0)
    picture = sample(made.sample, grey=True).astype(np.float64)
    target = correlate(picture, made.rows.astype(np.float64), mode="constant")
    lost = math.sqrt((target**2).mean()) / target.std()
    for match, told, solved in (
        (99.96, "Match 99.9 %  ✓", True),
        (99.04, "Match 99 %  ✓", True),
        (98.97, "Match 98.9 %", False),
        (50.55, "Match 50.5 %", False),
        (0.09, "Match 0 %", False),
        (-50, "Match 0 %", False),
    ):
        weaker = made.rows * np.float32(1 - (1 - match / 100) / lost)
        challenge.look(weaker, 0.0)
        assert challenge.match == pytest.approx(max(0, match), abs=0.01)
        assert challenge.match_text.text() == told
        assert challenge.bar.value() == max(0, math.floor(match * 10))
        assert challenge.hint_button.isEnabled() == (not solved)
    assert (challenge.bar.minimum(), challenge.bar.maximum()) == (0, 1000)
    challenge.look(made.rows, 0.0)
    assert (challenge.match_text.text(), challenge.bar.value()) == ("Match 100 %  ✓", 1000)
    challenge.look(made.rows, 0.1)
    wanted = 100 * (1 - 0.1 / target.std())
    assert challenge.match == pytest.approx(wanted, abs=0.01), "the bias counts too"
    challenge.take_level(1)
    assert (challenge.match, challenge.match_text.text()) == (0, "Match 0 %")
    challenge.look(level(1).rows, 0.0)
    assert challenge.match == pytest.approx(100)


def test_hints_one_after_the_other(qtbot, challenge) -> None:
    kernel = [[0, 1 / 3, 0, 0, 0], [0, 0, 0, 0, -12345.678], [0, 0, 0, 0, 0]]
    challenge.take(Challenge.make("camera", kernel, -0.125))
    assert challenge.level_text.text() == "A challenge of your own"
    wanted = [
        "It has 3 rows and 5 columns.",
        "Its cells add up to -1.235e+04.",
        "There is a bias of -0.125.",
        "The cell in row 1, column 4 is -1.235e+04 (counted from 0).",
    ]
    assert not challenge.hint_text.isVisible()
    for count in range(1, 5):
        assert challenge.hint_button.isEnabled()
        qtbot.mouseClick(challenge.hint_button, Qt.LeftButton)
        assert challenge.hint_text.text().split("\n") == wanted[:count]
        assert challenge.hint_text.isVisible()
    assert not challenge.hint_button.isEnabled()
    challenge.take(Challenge.make("camera", [[1, 0, 1]]))
    assert not challenge.hint_text.isVisible(), "hints are for their own challenge"
    for _ in range(3):
        qtbot.mouseClick(challenge.hint_button, Qt.LeftButton)
    told = challenge.hint_text.text().split("\n")
    assert told[1:] == [
        "Its cells add up to 2.",
        "It has symmetries: left-right, up-down, half turn.",
    ]


def test_codes_that_are_copied(qtbot, challenge) -> None:
    said: list[str] = []
    failed: list[str] = []
    challenge.said.connect(said.append)
    challenge.failed.connect(failed.append)
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    for button in (challenge.answer_button, challenge.make_button):
        qtbot.mouseClick(button, Qt.LeftButton)
    assert (clipboard.text(), said, failed) == ("before", [], []), "no kernel was looked at"
    kernel = np.float32([[0.5, -1, 2]])
    challenge.take_level(2)
    challenge.look(kernel, 0.75)
    for _ in range(2):
        qtbot.mouseClick(challenge.hint_button, Qt.LeftButton)
    qtbot.mouseClick(challenge.answer_button, Qt.LeftButton)
    assert len(failed) == 1
    assert clipboard.text() == "before"
    qtbot.keyClicks(challenge.name_field, "x" * 50)
    assert len(challenge.name_field.text()) == 40
    qtbot.mouseClick(challenge.answer_button, Qt.LeftButton)
    answer = Answer.from_code(clipboard.text())
    assert answer == Answer(level(2).mark, "x" * 40, ((0.5, -1.0, 2.0),), 0.75, 2)
    qtbot.mouseClick(challenge.make_button, Qt.LeftButton)
    made = Challenge.from_code(clipboard.text())
    assert made == Challenge("camera", ((0.5, -1.0, 2.0),), 0.75)
    assert len(said) == 2
    challenge.look(kernel * 0, 0.0)
    qtbot.mouseClick(challenge.make_button, Qt.LeftButton)
    assert "zeros" in failed[-1]
    # A code that is typed is taken; the levels go on from where they were.
    challenge.code_field.setText(made.code)
    qtbot.keyClick(challenge.code_field, Qt.Key_Return)
    assert (challenge.challenge, challenge.code_field.text()) == (made, "")
    assert challenge.level_text.text() == "A challenge of your own"
    assert challenge.match == 0
    challenge.code_field.setText("nonsense")
    qtbot.keyClick(challenge.code_field, Qt.Key_Return)
    assert "FLC1-" in failed[-1]
    assert (challenge.challenge, challenge.code_field.text()) == (made, "nonsense")
    qtbot.mouseClick(challenge.next_button, Qt.LeftButton)
    assert challenge.level_text.text() == "Level 4 of 10"


@pytest.mark.parametrize(
    ("kernel", "bias", "painted"),
    [
        ([[1e-7]], 0.0, 0), ([[1e-7]], 0.5, 128), ([[1e-7]], 0.2, 51), ([[1e-7]], 2.0, 255),
        ([[1e-7]], 0.999, 255), ([[1e-7]], -0.5, 0), ([[-1e-7]], 0.0, None),
    ],
)  # fmt: skip
def test_a_flat_target_in_its_grey(challenge, kernel, bias: float, painted: int | None) -> None:
    """What is brighter than white is white; what is less than a millionth below 0 is black."""
    challenge.take(Challenge.make("camera", kernel, bias))
    found = pixels_of(challenge.picture.pixmap().toImage())
    assert np.unique(found).tolist() == [painted or 0]


@pytest.mark.parametrize("larger", [1, 2])
@pytest.mark.parametrize("name", ["camera", "page", "coffee"])
def test_a_target_fills_its_place(qtbot, qapp, name: str, larger: int) -> None:
    """284 pixels wide or 150 high at usual text, whichever is reached first."""
    before = QFont(qapp.font())
    given = QFont(before)
    given.setPointSizeF(before.pointSizeF() * 13 * larger / QFontInfo(before).pixelSize())
    qapp.setFont(given)
    try:
        k = theme.scale()
        assert k == pytest.approx(larger, rel=0.1)
        panel = ChallengePanel()
        qtbot.addWidget(panel)
        panel.take(Challenge.make(name, [[1, 2, 1]]))
    finally:
        qapp.setFont(before)
    rows, cols = sample(name, grey=True).shape
    wide, high = round(284 * k), round(150 * k)
    shown = panel.picture.pixmap()
    if cols / rows > wide / high:
        assert shown.width() == wide
        assert shown.height() == pytest.approx(wide * rows / cols, abs=1)
        assert name == "page"
    else:
        assert shown.height() == high
        assert shown.width() == pytest.approx(high * cols / rows, abs=1)


@pytest.mark.parametrize("beside", [True, False])
def test_where_the_parts_of_a_challenge_lie(qtbot, challenge, beside: bool) -> None:
    challenge.take(Challenge.make("camera", [[0, 1 / 3, 0], [0, 0, -2], [0, 0, 0]], 0.5))
    for _ in range(4):
        qtbot.mouseClick(challenge.hint_button, Qt.LeftButton)
    challenge.stand(not beside)
    challenge.stand(beside)
    challenge.resize(1024, 800)
    assert len(challenge.hint_text.text().split("\n")) == (4 if beside else 1)
    challenge.layout().activate()
    columns = (
        (challenge.level_text, challenge.picture),
        (challenge.task, challenge.match_text, challenge.bar, challenge.hint_text,
         challenge.hint_button),
        (challenge.name_field, challenge.answer_button, challenge.code_field,
         challenge.make_button),
    )  # fmt: skip
    for column in columns:
        assert lie_in_turn(challenge.heading, *column)
    # Of what fills its column all begins and ends at the same place, beside the tab in all columns.
    ends = [{at(part)[::2] for part in column[2:]} for column in columns[1:]]
    assert [len(each) for each in ends] == [1, 1]
    assert (ends[0] == ends[1]) == beside
    for left, right in pairwise(columns):
        assert all(lie_in_turn(one, other, across=not beside) for one in left for other in right)
    assert lie_in_turn(
        challenge.back_button, challenge.level_text, challenge.next_button, across=True
    )
    assert lie_in_turn(challenge.heading, challenge.close_button, across=True)
    assert challenge.beside == beside
    # What is long is wrapped: nothing is wider than the panel.
    for label in (challenge.task, challenge.hint_text):
        assert label.wordWrap()
        assert at(label)[2] <= challenge.width()
        qtbot.waitUntil(lambda of=label: of.height() >= of.heightForWidth(of.width()))
    # Icons without a frame, each its own; the match is bold and large.
    for button, name in (
        (challenge.back_button, "previous"), (challenge.next_button, "next"),
        (challenge.close_button, "close"),
    ):  # fmt: skip
        assert shows(button, name)
        assert button.property("flat") is True
    for label in (challenge.match_text, challenge.heading):
        assert (size_of(label), label.font().bold()) == (pytest.approx(14, abs=0.1), True)
    assert (size_of(challenge.task), challenge.task.font().bold()) == (13, False)
    assert challenge.hint_text.property("role") == "muted"
    assert not challenge.bar.isTextVisible()
    assert challenge.picture.alignment() == Qt.AlignCenter


def test_a_challenge_in_another_language(challenge) -> None:
    """Names for those who only hear them are those of the tips and of the empty fields."""
    english = {}
    for language in ("en", "zh_CN"):
        i18n.set_language(language)
        QApplication.sendEvent(challenge, QEvent(QEvent.LanguageChange))
        for button in (challenge.back_button, challenge.next_button, challenge.close_button):
            assert button.accessibleName() == button.toolTip()
        for field in (challenge.name_field, challenge.code_field):
            assert field.accessibleName() == field.placeholderText()
        english[language] = [
            challenge.back_button.toolTip(), challenge.next_button.toolTip(),
            challenge.close_button.toolTip(), challenge.name_field.placeholderText(),
            challenge.code_field.placeholderText(), challenge.hint_button.text(),
            challenge.heading.text(), challenge.level_text.text(), challenge.match_text.text(),
        ]  # fmt: skip
    assert english["en"] == [
        "The challenge before", "The next challenge", "Leave the challenge", "Your name",
        "A challenge's code, then Enter", "Hint", "Which kernel made this?", "Level 1 of 10",
        "Match 0 %",
    ]  # fmt: skip
    assert all(one != other for one, other in zip(english["en"], english["zh_CN"]))


# --- the class list -----------------------------------------------------------------------------


def test_a_class_list_row_by_row(qtbot, tmp_path: Path, monkeypatch) -> None:
    made, other = level(0), level(1)
    picture = sample(made.sample, grey=True).astype(np.float64)
    target = correlate(picture, made.rows.astype(np.float64), mode="constant")
    lost = math.sqrt((target**2).mean()) / target.std()
    given = [("Ada", 99.96, 3), ("Bo", 100, 12), ("Cy", 0, 0)]
    lines = [
        Answer.make(made, name, made.rows * np.float32(1 - (1 - match / 100) / lost), 0, taken).code
        for name, match, taken in given
    ]
    dialog = ClassListDialog(made)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.challenge_field.text() == made.code
    assert dialog.challenge_field.cursorPosition() == 0, "a long code is seen from its beginning"
    assert lie_in_turn(dialog.challenge_field, dialog.codes, dialog.table, dialog.save_button)
    assert dialog.table.height() > dialog.codes.height()
    assert (dialog.table.rowCount(), dialog.table.columnCount()) == (0, 3)
    assert not dialog.problems.isVisible()
    dialog.codes.setPlainText("\n\n  \n".join(lines) + "\n\n")

    def table() -> list[list[str]]:
        rows = range(dialog.table.rowCount())
        return [[dialog.table.item(row, column).text() for column in range(3)] for row in rows]

    assert table() == [["Bo", "100 %", "12"], ["Ada", "99.9 %", "3"], ["Cy", "0 %", "0"]]
    headers = [dialog.table.horizontalHeaderItem(column).text() for column in range(3)]
    assert headers == ["Name", "Match", "Hints"]
    assert dialog.save_button.isEnabled()
    assert not dialog.problems.isVisible()
    header = dialog.table.horizontalHeader()
    assert header.length() == dialog.table.viewport().width(), "the last column fills the table"
    asked: list[tuple[Any, ...]] = []

    def chosen(*given: Any) -> tuple[str, str]:
        asked.append(given)
        return str(tmp_path / "class.csv") if len(asked) > 1 else "", given[3]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", chosen)
    for _ in range(2):
        qtbot.mouseClick(dialog.save_button, Qt.LeftButton)
    parent, title, begin, patterns = asked[0]
    assert (parent, title, Path(begin).name) == (dialog, "Save as CSV …", "class.csv")
    assert patterns == "CSV (*.csv)"
    (kept,) = tmp_path.glob("*.csv")
    assert kept.read_bytes().startswith(b"\xef\xbb\xbfname,match %,hints,kernel,bias\nBo,100.0,12,")
    # Lines are counted from 1, empty ones not; of many problems five are told.
    dialog.codes.setPlainText("\n".join([lines[0], "", *["x"] * 7]))
    assert dialog.problems.isVisible()
    told = dialog.problems.text().split("\n")
    assert [one.split(":")[0] for one in told] == [f"line {n}" for n in range(2, 7)]
    assert table() == [["Ada", "99.9 %", "3"]]
    long = Answer.make(other, "W" * 40, made.rows, 0, 0).code
    dialog.codes.setPlainText("\n".join([lines[0], long, long]))
    assert f"line 3: the answer of {'W' * 40} is to another" in dialog.problems.text()
    dialog.layout().activate()
    assert dialog.width() == 560, "long sentences are wrapped"
    dialog.activateWindow()
    dialog.codes.setFocus()
    qtbot.keyClick(dialog.codes, Qt.Key_Tab)
    assert not dialog.codes.hasFocus()
    assert "\t" not in dialog.codes.toPlainText()
    dialog.codes.setPlainText(lines[0])
    dialog.challenge_field.setText(other.code)
    assert table() == []
    assert "line 1" in dialog.problems.text()
    assert not dialog.save_button.isEnabled()
    dialog.challenge_field.setText("nonsense")
    assert "FLC1-" in dialog.problems.text()
    assert "line" not in dialog.problems.text()
    dialog.challenge_field.setText(made.code)
    assert table() == [["Ada", "99.9 %", "3"]]


# --- lessons ------------------------------------------------------------------------------------


def shown(panel: LessonPanel) -> dict[str, Any]:
    """What stands in the panel; texts only where they can be seen."""
    return {
        name: label.text() if label.isVisible() else None
        for name, label in (
            ("task", panel.task), ("say", panel.say), ("hint", panel.hint),
            ("notice", panel.notice), ("count", panel.count),
        )
    } | {
        "back": panel.back_button.isEnabled(), "hinted": panel.hint_button.isEnabled(),
        "next": panel.next_button.isEnabled(), "on": panel.next_button.text(),
        "bar": (panel.bar.minimum(), panel.bar.value(), panel.bar.maximum()),
        "first": panel.next_button.toolTip(),
    }  # fmt: skip


def test_a_lesson_step_by_step(qtbot, panel) -> None:
    progress = lessons.Progress(lessons.parse_lesson(HEAD + STEP + TASK + CHOICES, "l"))
    moved: list[int] = []
    wanted: list[int] = []
    panel.moved.connect(lambda: moved.append(progress.at))
    panel.next_lesson.connect(lambda: wanted.append(1))
    panel.has_next = True
    panel.show_progress(progress)
    assert panel.heading.text() == "Title <b>"
    assert panel.text.text() == marked_up("read *Sobel*")
    reading = {
        "task": None, "say": None, "hint": None, "notice": None, "count": "Step 1 of 3",
        "back": False, "hinted": False, "next": True, "on": "Next", "bar": (0, 0, 3), "first": "",
    }  # fmt: skip
    assert shown(panel) == reading
    qtbot.mouseClick(panel.next_button, Qt.LeftButton)
    doing = reading | {
        "task": "do", "count": "Step 2 of 3", "back": True, "hinted": True, "next": False,
        "bar": (0, 1, 3), "first": "First do what is asked",
    }  # fmt: skip
    assert shown(panel) == doing
    assert panel.choices == []
    panel.say_wrong(lessons.Wording((("en", "wrong"),)))
    qtbot.mouseClick(panel.hint_button, Qt.LeftButton)
    assert shown(panel) == doing | {"say": "wrong", "hint": "a hint"}
    assert (panel.say.property("role"), panel.hint.property("role")) == ("warning", "muted")
    panel.say_wrong(None)
    assert shown(panel) == doing | {"hint": "a hint"}
    panel.say_wrong(lessons.Wording((("en", "wrong"),)))
    progress.look({"filters.stride": 2}.get)
    panel.refresh()
    done = doing | {"notice": "✓ noticed", "hinted": False, "next": True, "first": ""}
    assert panel.notice.property("role") == "good"
    assert shown(panel) == done, "neither hint nor wrong turn beside what is done"
    qtbot.mouseClick(panel.next_button, Qt.LeftButton)
    asking = doing | {
        "task": "choose", "count": "Step 3 of 3", "hinted": False, "on": "Finish", "bar": (0, 2, 3),
    }  # fmt: skip
    assert shown(panel) == asking
    assert [button.text() for button in panel.choices] == ["a && b", "b", "c"]
    panel.say_wrong(lessons.Wording((("en", "wrong"),)))
    assert shown(panel) == asking, "a question has answers of its own"
    for number, said in ((0, "not a"), (2, "not c")):
        qtbot.mouseClick(panel.choices[number], Qt.LeftButton)
        assert shown(panel) == asking | {"say": said}
        assert [button.isChecked() for button in panel.choices] == [n == number for n in range(3)]
        assert panel.say.property("role") == "warning"
    qtbot.mouseClick(panel.choices[1], Qt.LeftButton)
    assert shown(panel) == asking | {"say": "yes", "next": True, "first": ""}
    assert panel.say.property("role") == "good"
    assert [button.isChecked() for button in panel.choices] == [False, True, False]
    qtbot.mouseClick(panel.next_button, Qt.LeftButton)
    ended = reading | {
        "count": "All 3 steps done", "back": True, "on": "Next lesson", "bar": (0, 3, 3),
    }  # fmt: skip
    assert shown(panel) == ended
    assert panel.choices == []
    assert "That was the lesson" in panel.text.text()
    panel.has_next = False
    panel.refresh()
    assert shown(panel) == ended | {"next": False}
    panel.has_next = True
    panel.refresh()
    qtbot.mouseClick(panel.next_button, Qt.LeftButton)
    assert (wanted, progress.at) == ([1], 3)
    qtbot.mouseClick(panel.back_button, Qt.LeftButton)
    assert (shown(panel)["count"], shown(panel)["next"]) == ("Step 3 of 3", True)
    assert not any(button.isChecked() for button in panel.choices)
    assert moved == [1, 2, 2, 2, 2, 3, 2]
    qtbot.mouseClick(panel.anew_button, Qt.LeftButton)
    assert shown(panel) == reading
    assert moved[-1] == 0
    assert progress.done == set()


def test_a_long_text_is_wrapped(qtbot, panel) -> None:
    """Beside a tab nothing is wider than the panel; what is too high can be scrolled to."""
    words = "word " * 200
    text = (
        HEAD
        + f'[[step]]\ntext = "{words}"\ntask = "{words}"\nhint = "{words}"\n'
        + ('check = { fact = "filters.stride", is = 2 }\n')
    )
    panel.show_progress(lessons.Progress(lessons.parse_lesson(text, "l")))
    qtbot.mouseClick(panel.hint_button, Qt.LeftButton)
    panel.resize(panel.width(), 500)
    qtbot.waitUntil(lambda: panel.scroll_area.verticalScrollBar().maximum() > 0)
    for label in (panel.text, panel.task, panel.hint):
        assert 200 < label.width() <= panel.scroll_area.viewport().width()
        assert label.height() > 10 * label.fontMetrics().height()


def test_what_is_in_sight_is_not_scrolled(qtbot, panel) -> None:
    """Below a tab: three lines at the left, six at the right, where there is room for seven."""
    words = "word " * 25
    text = (
        HEAD
        + f'[[step]]\ntext = "{words}"\ntask = "{words}"\nhint = "{words}"\n'
        + ('check = { fact = "filters.stride", is = 2 }\n')
    )
    panel.stand(False)
    panel.resize(1000, panel.height())
    panel.show_progress(lessons.Progress(lessons.parse_lesson(text, "l")))
    qtbot.mouseClick(panel.hint_button, Qt.LeftButton)
    qtbot.waitUntil(lambda: panel.hint.height() > panel.hint.fontMetrics().height())
    for _ in range(10):  # layouts settle
        QApplication.processEvents()
    bar, viewport = panel.scroll_area.verticalScrollBar(), panel.scroll_area.viewport()
    assert bar.maximum() == 0
    assert panel.hint.mapTo(viewport, panel.hint.rect().bottomLeft()).y() < viewport.height()


def test_only_marks_that_are_meant_are_marks() -> None:
    name = f'<span style="color:{theme.current().accent_text}">'
    assert marked_up("**a** *b* `c*d*` <i> & 2*3") == (
        f"<b>a</b> {name}b</span> <code>c{name}d</span></code> &lt;i&gt; &amp; 2*3"
    )
    assert marked_up("one\ntwo\n\nthree") == "one two<p>three"


@pytest.mark.parametrize("beside", [True, False])
def test_how_a_panel_stands(panel, beside: bool) -> None:
    """Beside a tab 320 pixels wide, with a line at its left; below one 196 high, line above."""
    panel.show_progress(lessons.Progress(lessons.parse_lesson(HEAD + TASK, "l")))
    panel.stand(beside)
    panel.resize(700, 500)
    k = theme.scale()
    width, height = (round(320 * k), 500) if beside else (700, round(196 * k))
    assert (panel.width(), panel.height()) == (width, height)
    assert (panel.sizeHint().width(), panel.sizeHint().height()) == (round(320 * k), round(196 * k))
    assert panel.anew_button.isVisible() == beside
    assert panel.heading.geometry().bottom() < panel.bar.y() < panel.scroll_area.y()
    found = pixels_of(panel.grab().toImage())
    line, surface = (
        QColor(colour).getRgb()[:3] for colour in (theme.current().line, theme.current().surface)
    )
    edge, inner = (found[:, 0], found[:, 1]) if beside else (found[0], found[1])
    assert (edge == line).all()
    assert (inner == surface).all()
    # Beside, what is asked stands under what is read; below, to its right.
    text, task = panel.text, panel.task
    read, asked = (w.mapTo(panel, w.rect().topLeft()) for w in (text, task))
    assert (asked.y() > read.y() + text.height() - 1) == beside
    assert (asked.x() > read.x() + text.width() - 1) == (not beside)
    back, on = (w.mapTo(panel, w.rect().topLeft()) for w in (panel.back_button, panel.next_button))
    assert (back.x() < on.x()) == beside
    assert (back.y() > on.y()) == (not beside)


@pytest.mark.parametrize("beside", [True, False])
def test_where_the_parts_of_a_lesson_lie(qtbot, panel, beside: bool) -> None:
    """Each in its turn and none over another; what is asked is bold, hints are muted."""
    told = HEAD.replace("Title <b>", "A title of some length " * 4) + CHOICES
    panel.show_progress(lessons.Progress(lessons.parse_lesson(told, "l")))
    panel.stand(beside)
    panel.resize(1100, 800)
    panel.layout().activate()
    qtbot.mouseClick(panel.choices[0], Qt.LeftButton)
    assert panel.heading.wordWrap()
    assert at(panel.heading)[2] <= panel.width()
    assert panel.heading.height() >= panel.heading.heightForWidth(panel.heading.width())
    assert lie_in_turn(panel.heading, panel.count, panel.close_button, across=True)
    assert panel.count.width() == panel.count.sizeHint().width(), "the title has the rest"
    assert at(panel.count)[1] == at(panel.heading)[1] == at(panel.close_button)[1]
    assert lie_in_turn(panel.heading, panel.bar, panel.scroll_area)
    qtbot.waitUntil(lambda: lie_in_turn(panel.task, *panel.choices, panel.say))
    # What is in the panel fills it, and the scrolled page its window.
    assert panel.scroll_area.widget().width() == panel.scroll_area.viewport().width()
    assert panel.scroll_area.widget().height() >= panel.scroll_area.viewport().height()
    for label in (panel.text, panel.task, panel.say, panel.hint, panel.notice):
        assert (size_of(label), label.font().bold()) == (13, label is panel.task)
        assert label.wordWrap()
    assert (size_of(panel.heading), panel.heading.font().bold()) == (
        pytest.approx(14, abs=0.1),
        True,
    )
    assert (size_of(panel.count), panel.count.font().bold()) == (pytest.approx(12, abs=0.1), False)
    assert panel.count.property("role") == panel.hint.property("role") == "muted"
    assert panel.notice.property("role") == "good"
    assert shows(panel.close_button, "close")
    flat = [panel.close_button, panel.anew_button]
    assert [b.property("flat") for b in flat] == [True, True]
    assert panel.next_button.property("accent") is True
    buttons = panel.back_button, panel.hint_button, panel.next_button
    assert lie_in_turn(*(buttons if beside else buttons[::-1]), across=beside)
    if beside:
        assert lie_in_turn(panel.next_button, panel.anew_button)


def test_a_panel_stands_beside_until_told(panel) -> None:
    panel.resize(700, 500)
    assert (panel.beside, panel.width(), panel.height()) == (True, round(320 * theme.scale()), 500)
    assert panel.anew_button.isVisible()


def test_without_a_lesson_nothing_is_done(qtbot, panel) -> None:
    moved: list[int] = []
    panel.moved.connect(lambda: moved.append(1))
    panel.next_lesson.connect(lambda: moved.append(2))
    panel.say_wrong(lessons.Wording((("en", "wrong"),)))
    panel.refresh()
    for button in (panel.back_button, panel.hint_button, panel.next_button, panel.anew_button):
        qtbot.mouseClick(button, Qt.LeftButton)
    assert (moved, panel.heading.text(), panel.say.text()) == ([], "", "")


def test_begun_anew_a_lesson_has_no_hint(qtbot, panel) -> None:
    """Nor a wrong turn; each step is read from its top."""
    long = "word " * 300
    text = HEAD + TASK.replace('"text"', f'"{long}"') * 2
    progress = lessons.Progress(lessons.parse_lesson(text, "l"))
    panel.show_progress(progress)
    panel.resize(panel.width(), 400)
    scrolled: QScrollBar = panel.scroll_area.verticalScrollBar()
    qtbot.waitUntil(lambda: scrolled.maximum() > 100)
    assert (shown(panel)["hint"], shown(panel)["say"]) == (None, None)
    qtbot.mouseClick(panel.next_button, Qt.LeftButton)
    assert progress.at == 0, "what is asked is not done"
    for leave in (panel.anew_button, panel.next_button, panel.back_button):
        if leave is panel.next_button:
            progress.look({"filters.stride": 2}.get)
        panel.refresh()
        before = progress.at
        panel.say_wrong(lessons.Wording((("en", "wrong"),)))
        qtbot.mouseClick(panel.hint_button, Qt.LeftButton)
        if leave is not panel.next_button:
            assert (shown(panel)["hint"], shown(panel)["say"]) == ("a hint", "wrong")
        scrolled.setValue(90)
        qtbot.mouseClick(leave, Qt.LeftButton)
        by = {panel.next_button: 1, panel.back_button: -1}.get(leave, 0)
        assert progress.at == before + by
        assert (shown(panel)["hint"], shown(panel)["say"], scrolled.value()) == (None, None, 0)
    assert shown(panel)["on"] == "Next"


def test_a_lesson_that_ends_without_another(qtbot, panel) -> None:
    panel.show_progress(lessons.Progress(lessons.parse_lesson(HEAD + STEP, "l")))
    assert panel.next_button.text() == "Finish"
    qtbot.mouseClick(panel.next_button, Qt.LeftButton)
    assert (panel.next_button.text(), panel.next_button.isEnabled()) == ("Next lesson", False)
    assert panel.count.text() == "All 1 steps done"
    panel.say_wrong(lessons.Wording((("en", "wrong"),)))
    assert (panel.say.text(), panel.say.property("role")) == ("wrong", "warning")
    assert not panel.bar.isTextVisible()


def test_a_lesson_in_another_language(panel) -> None:
    panel.show_progress(lessons.Progress(lessons.parse_lesson(HEAD + STEP, "l")))
    words = {}
    for language in ("en", "zh_CN", "en"):
        i18n.set_language(language)
        QApplication.sendEvent(panel, QEvent(QEvent.LanguageChange))
        words[language] = [
            panel.back_button.text(), panel.hint_button.text(), panel.next_button.text(),
            panel.anew_button.text(), panel.count.text(), panel.close_button.toolTip(),
        ]  # fmt: skip
        assert panel.close_button.accessibleName() == panel.close_button.toolTip()
    assert words["en"] == [
        "Back",
        "Hint",
        "Finish",
        "Begin anew",
        "Step 1 of 1",
        "Leave the lesson",
    ]
    assert all(one != other for one, other in zip(words["en"], words["zh_CN"]))
