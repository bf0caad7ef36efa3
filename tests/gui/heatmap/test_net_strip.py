"""The net below the stage: forms by width, marks, tool tips."""

from __future__ import annotations

import itertools

import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QColor
from pytestqt.qtbot import QtBot

from filterlab.gui import theme
from filterlab.gui.heatmap.net_strip import LOW, NetStrip
from filterlab.workbench.outline import Slab

CAFFENET = [
    Slab("data", (), "input", ((3, 480, 640),)),
    Slab("conv1 – pool2", ("conv1", "pool1", "conv2", "pool2"), "plain",
         ((96, 118, 158), (256, 59, 79), (256, 29, 39)), sees=(67, 67)),
    Slab("conv3 – 5", ("conv3", "conv4", "conv5"), "plain", ((256, 29, 39),)),
    Slab("pool5", ("pool5",), "plain", ((256, 14, 19),), kernel=(3, 3), stride=(2, 2)),
    Slab("fc6-conv", ("fc6-conv",), "cast", ((4096, 9, 14),), "fc6", (4096, 9216),
         (4096, 256, 6, 6), (6, 6), (1, 1), (355, 355)),
    Slab("fc7-conv", ("fc7-conv",), "cast", ((4096, 9, 14),), "fc7", (4096, 4096),
         (4096, 4096, 1, 1), (1, 1), (1, 1)),
    Slab("fc8-conv", ("fc8-conv",), "cast", ((1000, 9, 14),), "fc8", (1000, 4096),
         (1000, 4096, 1, 1), (1, 1), (1, 1)),
    Slab("prob", ("prob",), "output", ((1000, 9, 14),)),
]  # fmt: skip


@pytest.fixture
def strip(qtbot: QtBot) -> NetStrip:
    made = NetStrip()
    qtbot.addWidget(made)
    made.resize(992, made.height())
    made.set_slabs(CAFFENET)
    made.show()
    return made


def scrolls(strip: NetStrip) -> bool:
    return bool(strip.horizontalScrollBar().maximum() > 0)


def test_both_shapes_of_a_cast_layer(strip: NetStrip) -> None:
    assert strip.shown_lines()[4] == ("fc6 → fc6-conv", "(4096, 9216) →", "(4096, 256, 6, 6)")
    assert strip.shown_lines()[0] == ("data", "3 × 480 × 640")
    assert not scrolls(strip)


def test_a_narrow_strip_takes_shorter_forms_before_it_scrolls(strip: NetStrip) -> None:
    strip.resize(767, strip.height())
    assert strip.shown_lines()[0] == ("data", "3×480×640")
    assert strip.shown_lines()[4][0] == "fc6-conv"
    assert not scrolls(strip)
    strip.resize(420, strip.height())
    assert scrolls(strip)
    last = strip._body._columns[6]
    left = strip.horizontalScrollBar().value()
    assert left <= last.left + last.width <= left + strip.viewport().width(), "casts are in sight"


def test_nothing_of_the_texts_lies_on_the_next(strip: NetStrip) -> None:
    for width in (992, 900, 767):
        strip.resize(width, strip.height())
        columns = strip._body._columns
        for one, other in itertools.pairwise(columns):
            assert one.left + one.width + 4 <= other.left, (width, one.slab.title)
        assert columns[-1].left + columns[-1].width <= width


def test_tool_tips_tell_kernel_stride_and_field(strip: NetStrip) -> None:
    told = strip.tip(4).splitlines()
    assert told == [
        "fc6 → fc6-conv",
        "(4096, 9216) → (4096, 256, 6, 6)",
        "kernel 6 × 6, stride 1",
        "gives 4096 × 9 × 14",
        "each value sees 355 × 355 px of the input",
        "click: see it in the Net tab",
    ]
    assert "4 layers" in strip.tip(1)
    assert "fc6 → fc6-conv" in strip.accessibleDescription()


def test_a_low_strip_keeps_the_names(strip: NetStrip) -> None:
    strip.set_low(True)
    assert strip.height() == LOW
    assert strip.shown_lines()[1] == ("conv1 – pool2",)
    assert "256 × 29 × 39" in strip.tip(1)
    strip.set_low(False)
    assert strip.height() > LOW


def test_cast_slabs_have_the_accent_and_others_not(strip: NetStrip) -> None:
    image = strip.grab().toImage()
    ratio = image.devicePixelRatio()

    def coloured(index: int) -> bool:
        column = strip._body._columns[index]
        left, right = int(column.left * ratio), int((column.left + column.boxes) * ratio)
        wanted = QColor(theme.current().accent).hsvHue()
        for x in range(left, right):
            for y in range(int(40 * ratio)):
                colour = image.pixelColor(x, y + int(12 * ratio))
                if colour.hsvSaturation() > 150 and abs(colour.hsvHue() - wanted) < 12:
                    return True
        return False

    assert [coloured(k) for k in range(8)] == [False] * 4 + [True] * 3 + [False]


def test_a_sliding_pooling_leaves_a_ghost_and_an_arrow(strip: NetStrip) -> None:
    plain = strip._body._columns[3].boxes
    slabs = [*CAFFENET]
    slabs[3] = Slab("pool", ("pool",), "sliding", ((256, 14, 19),), new=(7, 7))
    strip.set_slabs(slabs)
    assert strip.shown_lines()[3] == ("pool, sliding", "7 × 7, stride 1", "256 × 14 × 19")
    assert strip._body._columns[3].boxes == plain + 30
    assert "saw everything at once" in strip.tip(3)


def test_a_click_on_a_slab_names_the_layer_of_the_classifier(strip: NetStrip, qtbot: QtBot) -> None:
    seen: list[str] = []
    strip.pressed.connect(seen.append)
    for column in strip._body._columns:
        middle = QPoint(round(column.left + column.width / 2), strip.height() // 2)
        qtbot.mouseClick(strip._body, Qt.RightButton, pos=middle)
        qtbot.mouseMove(strip._body, middle)
        assert strip._body.cursor().shape() == Qt.PointingHandCursor
        qtbot.mouseClick(strip._body, Qt.LeftButton, pos=middle)
    assert seen == ["data", "conv1", "conv3", "pool5", "fc6", "fc7", "fc8", "prob"]
    beside = QPoint(round(strip._body._columns[0].left) - 8, strip.height() // 2)
    qtbot.mouseMove(strip._body, beside)
    assert strip._body.cursor().shape() == Qt.ArrowCursor
    qtbot.mouseClick(strip._body, Qt.LeftButton, pos=beside)
    assert len(seen) == 8
