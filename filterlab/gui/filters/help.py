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
            "cell's value as the brush; with “click paints” a click paints, too"
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
    (
        Text("Ctrl+Enter, Ctrl+Backspace"),
        Text("apply the filter in front and go on with its output; take a step back"),
    ),
    (Text("Ctrl+D, Ctrl+L, Ctrl+W"), Text("draw on the input, learn a kernel, walk the window")),
)


def help_html() -> str:
    """The help, in the language in use."""
    about = (
        tr(
            "Three convolution filters look at one picture. Change a number in a grid and watch "
            "what the filter makes of it."
        ),
        tr(
            "Each filter has its own size, up to 11 by 11; “one size for all” ties the three. Its "
            "cells are divided by the divisor before they are the net's, and the bias is added to "
            "every pixel. A preset, a file, a learned or a net's kernel sets the divisor back to 1."
        ),
        tr(
            "Natural shows an output as photo editors do, 0 to white; Signed shows it about zero, "
            "blue below and red above. A kernel's nature chooses at first. “common” puts the "
            "signed outputs on one scale, so that their strengths can be compared."
        ),
        tr(
            "With padding “same” the output keeps the picture's size. The edge says what the cells "
            "around the picture hold: zeros, as in Caffe, or the picture reflected, replicated or "
            "wrapped, which is done before the net."
        ),
        tr(
            "“Apply and go on” makes the output of the filter in front the input; the steps stand "
            "above the input and lead back. “Compose”, in a filter's menu, gives the one kernel "
            "that does what two do one after the other."
        ),
        tr(
            "An animation (GIF, WebP, PNG) or a TIFF of several pages has a field beside its name "
            "that chooses the frame."
        ),
        tr(
            "The kernels are the weights of a Caffe net: the panel on the right shows the pycaffe "
            "line that does the same as your last action."
        ),
    )
    paragraphs = "".join(f"<p>{text}</p>" for text in about)
    return f"<h2>{tr('Filters')}</h2>{paragraphs}{keys_html(_KEYS)}"
