"""Class names: finding by what people type, and the forms that labels files come in."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterlab.errors import FilterLabError
from filterlab.zoo.labels import Label, Labels, imagenet, read_labels


@pytest.fixture(scope="module")
def labels() -> Labels:
    return imagenet()


def test_every_class_has_all_its_names(labels: Labels, shared: Path) -> None:
    rows = (shared / "imagenet_classes.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(labels) == len(rows) == 1000
    for label, row in zip(labels, rows):
        index, wnid, names = row.split("\t")
        assert (label.index, label.wnid) == (int(index), wnid)
        assert label.names == tuple(names.split("; "))
        assert label.name_in("zh_CN")


def test_shown_in_both_languages(labels: Labels) -> None:
    assert labels.display(282) == "282 虎猫 tiger cat"
    assert labels.display(281) == "281 虎斑猫 tabby"
    assert labels[282].english == "tiger cat"
    assert labels[282].name_in("zh") == "虎猫"
    assert len({str(label) for label in labels}) == 1000
    assert len({label.english for label in labels}) == 1000, "told apart in English alone too"


def test_tiger_offers_tiger_and_tiger_cat(labels: Labels) -> None:
    assert [label.index for label in labels.search("tiger")][:2] == [292, 282]
    assert {label.english for label in labels.search("tiger")} >= {"tiger shark", "tiger beetle"}


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("282", 282),
        ("282 虎猫 tiger cat", 282),
        ("tiger cat", 282),
        ("Tiger-Cat", 282),
        ("  TIGER   CAT ", 282),
        ("虎猫", 282),
        ("n02123159", 282),
        ("N02123159", 282),
        ("tabby cat", 281),  # a synonym
        ("Felis onca", 290),
        ("alsatian", 235),
        ("potters wheel", 739),
        ("crane (bird)", 134),
        ("German shep", 235),  # fits one class only
        ("0", 0),
        ("999", 999),
    ],
)
def test_find(labels: Labels, text: str, index: int) -> None:
    assert labels.find(text).index == index
    assert labels.search(text)[0].index == index


def test_every_class_is_found_by_each_of_its_names(labels: Labels) -> None:
    """By its names in both languages; a sample also in the other ways and by its synonyms."""
    for label in labels:
        assert labels.find(label.name_in("zh_CN")) == label
        assert labels.find(label.english) == label
    for label in labels[::7]:
        for text in (str(label.index), label.wnid, str(label)):
            assert labels.find(text) == label, text
        for name in label.names:
            best = labels.search(name)
            shared = sum(name.lower() in (n.lower() for n in other.names) for other in best)
            assert label in best[: max(1, shared)], (name, best[:5])


@pytest.mark.parametrize(
    ("query", "begins_with"),
    [
        ("cat", [282, 283, 284, 285]),  # whole words of usual names before synonyms
        ("猫", [282]),  # what ends with it is one
        ("老虎", [292]),
        ("28", [28, 280, 281, 282]),
        ("n0212", [279, 280, 281]),
        ("chihuaha", [151]),  # misspelt
        ("cat tiger", [282]),  # in any order
    ],
)
def test_search_ranks(labels: Labels, query: str, begins_with: list[int]) -> None:
    assert [label.index for label in labels.search(query)][: len(begins_with)] == begins_with


def test_search_for_nothing_and_for_nonsense(labels: Labels) -> None:
    assert labels.search("") == list(labels)
    assert labels.search("  ", 3) == list(labels)[:3]
    assert labels.search("qqqqqqqq") == []
    assert len(labels.search("cat", 5)) == 5


@pytest.mark.parametrize(
    ("text", "indices"), [("crane", (134, 517)), ("maillot", (638, 639)), ("cardigan", (264, 474))]
)
def test_twins_are_told_apart(labels: Labels, text: str, indices: tuple[int, int]) -> None:
    found = labels.search(text)[:2]
    assert tuple(label.index for label in found) == indices
    assert found[0].english != found[1].english
    with pytest.raises(FilterLabError, match=f"several classes: {indices[0]} .*{indices[1]} "):
        labels.find(text)


def test_a_shared_synonym_is_no_answer(labels: Labels) -> None:
    with pytest.raises(FilterLabError, match="cougar, 290"):
        labels.find("panther")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1000", "classes are 0 to 999"),
        ("-1", "classes are 0 to 999"),
        ("zzzz", "no class is called 'zzzz'"),
        ("", "no class is called ''"),
        ("tiger be", None),
        ("cat b", "did you mean"),
        ("285-281", "runs backwards"),
        ("990-1001", "no class 1000"),
    ],
)
def test_what_cannot_be_meant(labels: Labels, text: str, message: str | None) -> None:
    if message is None:
        assert labels.find(text).index == 300
        return
    with pytest.raises(FilterLabError, match=message):
        labels.select(text)


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("281-285", [281, 282, 283, 284, 285]),
        ("281,282", [281, 282]),
        ("tabby; tiger cat;282", [281, 282]),
        ("虎猫、虎斑猫", [282, 281]),
        ("281+282", [281, 282]),
        ("282 虎猫 tiger cat + 281", [282, 281]),
        ("domestic cats", [281, 282, 283, 284, 285]),
        ("家猫", [281, 282, 283, 284, 285]),
        ("domestic_cats; 292", [281, 282, 283, 284, 285, 292]),
    ],
)
def test_select_several(labels: Labels, text: str, indices: list[int]) -> None:
    assert labels.select(text) == indices


def test_groups(labels: Labels) -> None:
    assert len(labels.groups) >= 20
    for group in labels.groups:
        assert group.name
        assert group.name_in("zh_CN")
        assert group.indices
        assert all(0 <= index < 1000 for index in group.indices)
        assert labels.select(group.id) == list(group.indices)


def test_an_index_without_a_name(labels: Labels) -> None:
    assert str(labels[1003]) == "1003 class 1003"
    assert str(Labels.numbered(3)[1]) == "1 class 1"


FORMS = {
    "lines.txt": "tabby, tabby cat\ntiger cat\ncrane\ncrane\n",
    "words.txt": "n02123045 tabby, tabby cat\nn02123159 tiger cat\n"
    "n02012849 crane\nn03126707 crane\n",
    "pocket.tsv": "0\ttabby; tabby cat\t虎斑猫\n1\ttiger cat\t虎猫\n"
    "3\tcrane\t起重机\n2\tcrane\t鹤\n",
    "head.tsv": "zh\tenglish\tindex\n虎斑猫\ttabby; tabby cat\t0\n虎猫\ttiger cat\t1\n"
    "鹤\tcrane\t2\n起重机\tcrane\t3\n",
    "list.json": '["tabby, tabby cat", "tiger cat", "crane", "crane"]',
    "index.json": '{"1": ["n02123159", "tiger cat"], "0": ["n02123045", "tabby, tabby cat"],'
    ' "2": ["n02012849", "crane"], "3": ["n03126707", "crane"]}',
}


@pytest.mark.parametrize("name", list(FORMS))
@pytest.mark.parametrize("form", ["plain", "bom and crlf"])
def test_forms_of_files(tmp_path: Path, name: str, form: str) -> None:
    text = FORMS[name]
    path = tmp_path / name
    if form == "plain":
        path.write_text(text, encoding="utf-8")
    else:
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    labels = read_labels(path)
    assert [label.names for label in labels] == [
        ("tabby", "tabby cat"),
        ("tiger cat",),
        ("crane",),
        ("crane",),
    ]
    assert labels.find("tabby cat").index == 0
    with pytest.raises(FilterLabError, match="several classes"):
        labels.find("crane")
    if ".tsv" in name:
        assert str(labels[1]) == "1 虎猫 tiger cat"
        assert labels.find("起重机").index == 3
    if name in ("words.txt", "index.json"):
        assert labels[2].wnid == "n02012849"
        assert labels[2].english != labels[3].english


def test_chinese_of_an_old_windows(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("虎斑猫\n虎猫\n".encode("gb18030"))
    labels = read_labels(tmp_path / "labels.txt")
    assert [str(label) for label in labels] == ["0 虎斑猫", "1 虎猫"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no class names"),
        (b"\n# nothing\n", "no class names"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text file"),
        (b"0\ta\n0\tb\n", r":2: class index 0, as on line 1"),
        (b"index\tname\n0\ta\nx\tb\n", ":3: 'x' is no class index"),
        (b"0\ta\n99999999\tb\n", "99999999 among only 2"),
        (b'{"a": "b"}', "keys must be class indices"),
        (b"[1, 2", "not valid JSON"),
    ],
)
def test_bad_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(data)
    with pytest.raises(FilterLabError, match=message) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FilterLabError, match="cannot read the labels"):
        read_labels(tmp_path / "none.txt")


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    import os

    path = tmp_path / "labels.txt"
    path.write_text("a\n")
    assert read_labels(path)[0].english == "a"
    path.write_text("b\n")
    os.utime(path, ns=(1, 1))
    assert read_labels(path)[0].english == "b"


def test_slices_and_iteration(labels: Labels) -> None:
    assert [label.index for label in labels[281:284]] == [281, 282, 283]
    assert sum(isinstance(label, Label) for label in labels) == 1000


def test_a_row_that_ends_before_its_index(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("index\t0x1f\ttench\t1\n1\t\tcat\n", encoding="utf-8")
    with pytest.raises(FilterLabError, match=r"labels\.tsv:2: '' is no class index"):
        read_labels(path)
