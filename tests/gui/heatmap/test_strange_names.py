"""Layers and classes with names that look like HTML."""

from __future__ import annotations

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QLabel

from filterlab import caffe, paths
from filterlab.gui.heatmap.account import account_html
from filterlab.zoo.catalogue import Model
from filterlab.zoo.own_models import remember

EVIL = "<img src=evil.png>"


@pytest.fixture
def model(bright) -> Model:
    made = bright.make(paths.data_dir() / "net")
    text = made.prototxt.read_text("utf-8").replace('name: "fc"', f'name: "{EVIL}"')
    net = caffe.Net(str(made.prototxt), str(made.weights_path), caffe.TEST)
    weights = {EVIL if name == "fc" else name: [blob.data.copy() for blob in row]
               for name, row in net.params.items()}  # fmt: skip
    made.prototxt.write_text(text, "utf-8")
    net = caffe.Net(str(made.prototxt), caffe.TEST)
    net.copy_from(weights)
    net.save(str(made.weights_path))
    made.labels_path.write_text(f"{EVIL} dark\n{EVIL} light\n{EVIL} no\n", encoding="utf-8")
    return remember(made)


def test_names_of_layers_and_classes_are_shown_as_they_are(ready, settled) -> None:
    for show in ("class", "winner", "two"):
        ready.bench.set_look(show=show)
        settled(ready)
        for label in ready.findChildren(QLabel):
            if label.textFormat() == Qt.RichText:
                assert "<img" not in label.text(), label.text()
            elif label.isVisible():
                assert label.textFormat() == Qt.PlainText, label.text()
    done = ready.bench.transplanted
    assert done is not None
    account = account_html(done, ready.bench.labels)
    assert "&lt;img src=evil.png&gt;" in account
    assert "<img" not in account
