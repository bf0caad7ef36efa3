"""The shipped Chinese class names and groups of classes, checked as plain files."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CJK = re.compile(r"[\u3400-\u9fff]")

# Classes whose English name misleads: homonyms, rare senses, twins.
TRICKY = {
    0: "丁鱥",
    8: "母鸡",
    16: "鹎",
    17: "松鸦",
    21: "鸢",
    23: "秃鹫",
    40: "绿安乐蜥",
    97: "公鸭",
    134: "鹤",
    148: "虎鲸",
    156: "布伦海姆猎犬",
    242: "拳师犬",
    281: "虎斑猫",
    282: "虎猫",
    285: "埃及猫",
    322: "眼蝶",
    339: "栗色马",
    348: "公绵羊",
    380: "伶猴",
    383: "环尾狐猴",
    408: "水陆两用车",
    456: "弓",
    458: "纪念铜牌",
    492: "箱子",
    513: "小号",
    516: "摇篮",
    517: "起重机",
    520: "婴儿床",
    542: "鼓槌",
    553: "文件柜",
    594: "竖琴",
    630: "乐福鞋",
    638: "舞蹈紧身衣",
    639: "连体泳衣",
    666: "研钵",
    677: "钉子",
    680: "奶嘴",
    687: "管风琴",
    714: "拨片",
    726: "刨子",
    778: "秤",
    824: "披肩",
    844: "开关",
    847: "坦克",
    859: "烤面包机",
    862: "火把",
    884: "拱顶",
    908: "机翼",
    945: "甜椒",
    971: "气泡",
    982: "新郎",
    989: "蔷薇果",
    996: "灰树花",
    998: "玉米穗",
}


@pytest.fixture(scope="module")
def lines(repo: Path) -> list[str]:
    data = (repo / "resources" / "classes" / "imagenet_zh_CN.tsv").read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"\n")
    return data.decode("utf-8").removesuffix("\n").split("\n")


@pytest.fixture(scope="module")
def names(lines: list[str]) -> list[list[str]]:
    """For each class its Chinese names, the usual one first."""
    return [line.split("\t")[1].split("; ") for line in lines[1:]]


@pytest.fixture(scope="module")
def english(repo: Path) -> list[list[str]]:
    text = (repo / "resources" / "classes" / "imagenet.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return [row[rows[0].index("names")].split("; ") for row in rows[1:]]


@pytest.fixture(scope="module")
def groups(repo: Path) -> list[dict[str, Any]]:
    with open(repo / "resources" / "classes" / "groups.toml", "rb") as stream:
        return list(tomllib.load(stream)["group"])


def _members(group: dict[str, Any]) -> Iterator[int]:
    for member in group["indices"]:
        if isinstance(member, str):
            first, last = map(int, member.split("-"))
            assert first < last, (group["id"], member)
            yield from range(first, last + 1)
        else:
            yield member


@pytest.fixture(scope="module")
def members(groups: list[dict[str, Any]]) -> dict[str, set[int]]:
    return {group["id"]: set(_members(group)) for group in groups}


def test_every_class_has_a_row_in_order(lines: list[str]) -> None:
    assert lines[0] == "index\tzh"
    cells = [line.split("\t") for line in lines[1:]]
    assert {len(row) for row in cells} == {2}
    assert [row[0] for row in cells] == [str(index) for index in range(1000)]


def test_every_name_is_chinese_and_clean(names: list[list[str]]) -> None:
    for index, own in enumerate(names):
        for name in own:
            assert CJK.search(name), (index, name)
            # Latin letters only as in T恤 or CD播放机; no spaces, no stray punctuation.
            assert re.fullmatch(r"[A-Za-z\u3400-\u9fff]+", name), (index, name)


def test_no_two_names_are_the_same(names: list[list[str]]) -> None:
    counts = Counter(name for own in names for name in own)
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(("index", "zh"), TRICKY.items())
def test_a_misleading_name_is_put_right(names: list[list[str]], index: int, zh: str) -> None:
    assert names[index][0] == zh


def test_groups_are_complete(groups: list[dict[str, Any]]) -> None:
    assert len(groups) >= 25
    for group in groups:
        assert set(group) == {"id", "en", "zh_CN", "indices"}
        assert re.fullmatch(r"[a-z][a-z_]*", group["id"])
        assert group["en"].strip()
        assert CJK.search(group["zh_CN"])


def test_group_names_are_unique(groups: list[dict[str, Any]]) -> None:
    for key in ("id", "en", "zh_CN"):
        counts = Counter(group[key] for group in groups)
        assert [name for name, count in counts.items() if count > 1] == []


def test_no_group_hides_a_class(
    groups: list[dict[str, Any]], names: list[list[str]], english: list[list[str]]
) -> None:
    """A typed name must mean either a group or a class."""
    classes = {name.casefold() for own in names + english for name in own}
    for group in groups:
        assert group["en"].casefold() not in classes
        assert group["zh_CN"] not in classes


def test_group_members_are_classes_in_order(groups: list[dict[str, Any]]) -> None:
    for group in groups:
        indices = list(_members(group))
        assert len(indices) > 1, group["id"]
        assert indices == sorted(set(indices)), group["id"]
        assert indices[0] >= 0, group["id"]
        assert indices[-1] <= 999, group["id"]


def test_cats_and_dogs(members: dict[str, set[int]]) -> None:
    assert members["domestic_cats"] == {281, 282, 283, 284, 285}
    assert members["big_cats"] == set(range(286, 294))
    assert members["cats"] == members["domestic_cats"] | members["big_cats"]
    assert members["dogs"] == set(range(151, 269))
    assert 276 not in members["canids"]


@pytest.mark.parametrize(
    ("group", "inside", "outside"),
    [
        ("birds", {7, 99, 134, 145}, {6, 101, 517}),
        ("fish", {0, 2, 6, 389, 397}, {107, 148}),
        ("sharks_and_rays", {2, 4, 6}, {1}),
        ("snakes", {52, 63, 68}, {51, 69}),
        ("lizards", {38, 48}, {49, 37}),
        ("amphibians", {25, 32}, {33}),
        ("spiders", {72, 77}, {71, 78, 815}),
        ("insects", {300, 326}, {79, 327}),
        ("butterflies", {321, 323, 326}, {320}),
        ("crustaceans", {118, 126}, {117}),
        ("elephants", {101, 385, 386}, {344}),
        ("primates", {365, 384}, {364}),
        ("hoofed_animals", {340, 355}, {338, 356}),
        ("marine_mammals", {147, 148, 149, 150}, {2}),
        ("cars", {468, 817}, {867, 705}),
        ("trains", {466, 829}, {874}),
        ("boats", {472, 724, 914}, {449, 693}),
        ("aircraft", {404, 895}, {908}),
        ("food", {924, 963}, {922, 958}),
        ("fruit", {950, 954}, {943, 988}),
        ("drink_vessels", {504, 968}, {647}),
        ("musical_instruments", {402, 687, 889}, {542, 714}),
        ("headgear", {515, 808}, {903}),
        ("footwear", {502, 630}, {806}),
        ("weapons", {456, 763}, {457, 596}),
        ("balls", {430, 852}, {746}),
        ("fungi", {947, 997}, {998}),
        ("landscapes", {970, 972, 980}, {971}),
    ],
)
def test_group_spot_checks(
    members: dict[str, set[int]], group: str, inside: set[int], outside: set[int]
) -> None:
    assert inside <= members[group]
    assert not outside & members[group]


def test_groups_within_groups(members: dict[str, set[int]]) -> None:
    for narrow, wide in [
        ("mammals", "animals"),
        ("cats", "mammals"),
        ("dogs", "canids"),
        ("canids", "mammals"),
        ("birds", "animals"),
        ("parrots", "birds"),
        ("snakes", "reptiles"),
        ("beetles", "insects"),
        ("spiders", "arachnids"),
        ("apes", "primates"),
        ("monkeys", "primates"),
        ("cars", "vehicles"),
        ("road_vehicles", "vehicles"),
        ("trucks", "road_vehicles"),
        ("buses", "road_vehicles"),
        ("trains", "vehicles"),
        ("boats", "vehicles"),
        ("aircraft", "vehicles"),
        ("cycles", "vehicles"),
        ("fruit", "food"),
        ("vegetables", "food"),
        ("dishes", "food"),
        ("sweets", "food"),
        ("shops", "buildings"),
        ("fungi", "plants_and_fungi"),
        ("flowers", "plants_and_fungi"),
    ]:
        assert members[narrow] < members[wide], (narrow, wide)
