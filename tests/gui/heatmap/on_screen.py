"""Run at a scale: a bright square at known places lights the right cells, on the screen too.

``python on_screen.py FOLDER`` with QT_SCALE_FACTOR set; exits 0 if all is right.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ["FILTERLAB_DATA"] = sys.argv[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bright_net
import numpy as np
from PyQt5.QtGui import QColor

from filterlab.gui import theme
from filterlab.gui.app import make_application
from filterlab.gui.heatmap.tab import HeatmapTab
from filterlab.gui.settings import Settings
from filterlab.gui.widgets.colours import lut
from filterlab.workbench.heatmap_state import Source
from filterlab.zoo.own_models import remember

PLACES = ((0, 0), (40, 24), (96, 64), (56, 0))


def main() -> None:
    app = make_application(["test"])
    theme.apply(app, "light")
    model = remember(bright_net.make(Path(sys.argv[1]) / "net"))
    tab = HeatmapTab(Settings())
    tab.started = tab.runs.awake = True
    tab.resize(1200, 700)
    tab.show()
    tab.models.choose(model.name)

    def settle() -> None:
        deadline = time.monotonic() + 30
        while not tab.settled:
            assert time.monotonic() < deadline, "it never settled"
            app.processEvents()
        for _ in range(5):
            app.processEvents()

    tab.pictures.open(Source(array_name="dark"), bright_net.picture())
    settle()
    tab.models.transplant()
    settle()
    tab.bench.set_cells(13)
    tab.bench.set_look(opacity=1.0, colours="viridis", corners=False)
    settle()
    assert tab.bench.maps is not None, "no map"
    tab.bench.choose((1,))
    high = tuple(int(v) for v in lut("viridis")[255])
    for x, y in PLACES:
        tab.pictures.open(Source(array_name="square"), bright_net.picture((x, y)))
        settle()
        maps = tab.bench.maps
        assert maps is not None
        assert (maps.rows, maps.cols) == (9, 13), (maps.rows, maps.cols)
        wanted = np.zeros((9, 13), bool)
        wanted[y // 8, x // 8] = True
        found = maps.prob[1] > 0.5
        assert (found == wanted).all(), f"square at {x}, {y} lights cells {np.argwhere(found)}"
        # On the screen: the tile lies about the window's centre, not where stretching puts it.
        tab.cells.set_current(None)
        image = tab.view.grab().toImage()
        ratio = image.devicePixelRatio()
        assert ratio == float(os.environ.get("QT_SCALE_FACTOR", "1")), ratio
        lit = set()
        for row in range(0, 96, 2):
            for col in range(0, 128, 2):
                at = tab.view.to_widget(col + 0.5, row + 0.5)
                colour = QColor(image.pixelColor(int(at.x() * ratio), int(at.y() * ratio)))
                if all(abs(a - b) < 12 for a, b in zip(colour.getRgb()[:3], high)):
                    lit.add((col, row))
        centre_x, centre_y = x + 16, y + 16
        tile = {
            (col, row)
            for row in range(centre_y - 4, centre_y + 4, 2)
            for col in range(centre_x - 4, centre_x + 4, 2)
        }
        assert lit == tile, f"square at {x}, {y}: lit {sorted(lit)[:4]} …, not {sorted(tile)[:4]} …"
        # Pointing there names the cell and outlines the window on the picture.
        tab.view.hovered.emit(float(centre_x), float(centre_y))
        assert tab.cells.current == (y // 8, x // 8)
        assert tab.view.window_box.box() == (x, y, x + 32, y + 32)
        tab.cells.set_current(None)
    tab.shutdown()
    tab.close()


if __name__ == "__main__":
    main()
