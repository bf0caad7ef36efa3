"""What F1 shows about the Filters tab."""

from __future__ import annotations

from filterlab.gui.help_window import keys_html
from filterlab.gui.i18n import Text, tr

__all__ = ["help_html"]

_KEYS = (
    (
        Text("click"),
        Text(
            "select a cell; a drag paints from it on with the brush; Alt+click takes a "
            "cell's value as the brush"
        ),
    ),
    (Text("right drag, right click"), Text("erase cells; open the filter's menu")),
    (Text("wheel over a cell"), Text("nudge it by a step; Ctrl a tenth, Shift ten times")),
    (
        Text("0–9, F2, double click"),
        Text("type a number, fractions like 1/9 too; Enter goes on downwards"),
    ),
    (
        Text("arrows"),
        Text(
            "go to another cell; with Shift select a block, Ctrl+A all; tools then "
            "change the block alone, Esc drops it; Tab leaves the grid"
        ),
    ),
    (
        Text("Ctrl+C, Ctrl+V"),
        Text("copy and paste a block or a whole kernel as text; paste a picture"),
    ),
    (Text("Delete, Backspace"), Text("clear the selected cells")),
    ("Ctrl+G", Text("go to the first kernel grid, from there to the next")),
    ("Ctrl+B", Text("show or hide the lower panel: products, histograms, kernels, pycaffe lines")),
    (Text("wheel over a picture"), Text("zoom all four; drag pans, double click shows the whole")),
    (
        Text("click on a picture"),
        Text("pin a pixel and see how it is computed; click it again to let go"),
    ),
    (Text("Ctrl+Z, Ctrl+Shift+Z"), Text("undo and redo, every edit; a drag is one step")),
    (Text("Ctrl+O, Ctrl+S, Ctrl+Shift+S"), Text("open a picture, save the outputs, save the net")),
    (Text("PgDn, PgUp"), Text("the next and the previous picture of the folder or of the samples")),
    (Text("Ctrl+D, Ctrl+L, Ctrl+W"), Text("draw on the input, learn a kernel, walk the window")),
)


def help_html() -> str:
    """The help, in the language in use."""
    first = tr(
        "Three convolution filters look at one picture. Change a number in a grid and watch what "
        "the filter makes of it; all three share one signed scale, so that their strengths can be "
        "compared."
    )
    second = tr(
        "The kernels are the weights of a Caffe net: the panel on the right shows the pycaffe "
        "line that does the same as your last action."
    )
    return f"<h2>{tr('Filters')}</h2><p>{first}</p><p>{second}</p>{keys_html(_KEYS)}"
