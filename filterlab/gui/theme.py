"""How the window looks: Fusion with a palette of our own, four themes, in steps of 8 pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

from PyQt5.QtCore import QCoreApplication, QEvent, Qt
from PyQt5.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QFontMetrics, QPalette
from PyQt5.QtWidgets import QApplication, QLabel, QProxyStyle, QStyle, QWidget

from filterlab import paths
from filterlab.gui.collecting import uncollected

__all__ = [
    "CONTRAST_DARK",
    "CONTRAST_LIGHT",
    "DARK",
    "LIGHT",
    "STEP",
    "TEXT_SIZES",
    "THEMES",
    "Theme",
    "apply",
    "code_font",
    "current",
    "font",
    "line_height",
    "reduced_motion",
    "restyle",
    "scale",
    "set_reduced_motion",
    "set_text_size",
    "text_size",
]

#: The unit of spacing, in device-independent pixels.
STEP = 8


class Theme(NamedTuple):
    """The colours of one theme, as ``#rrggbb``.

    Attributes
    ----------
    surface : what is read and edited. backdrop : what lies behind. well : behind pictures.
    text, muted : text and less important text, both at least 4.5 in contrast on surface and
    backdrop. line : hairlines. accent : the one accent. on_accent : text on it. accent_text : the
    accent as text. selection : behind what is chosen.
    error, warning, good : message colours. input_mark, output_mark : outlines over pictures.
    """

    name: str
    surface: str
    backdrop: str
    well: str
    text: str
    muted: str
    line: str
    hover: str
    accent: str
    on_accent: str
    accent_text: str
    selection: str
    error: str
    warning: str
    good: str

    @property
    def dark(self) -> bool:
        """Whether this is a dark theme."""
        return self.name.endswith("dark")

    @property
    def contrast(self) -> bool:
        """Whether this is a theme of high contrast."""
        return self.name.startswith("contrast")


LIGHT = Theme(
    name="light",
    surface="#FFFFFF",
    backdrop="#F5F6F8",
    well="#E4E7EC",
    text="#1B1E24",
    muted="#59606C",
    line="#D5D9E0",
    hover="#E9EDF4",
    accent="#2F6FDE",
    on_accent="#FFFFFF",
    accent_text="#1F5BC4",
    selection="#E6EEFC",
    error="#B3261E",
    warning="#8A5A00",
    good="#1E7B3A",
)
DARK = Theme(
    name="dark",
    surface="#2B2D30",
    backdrop="#1E1F22",
    well="#141517",
    text="#E7E9ED",
    muted="#A6ACB8",
    line="#43464C",
    hover="#393C41",
    accent="#6EA8FE",
    on_accent="#10233F",
    accent_text="#8DBBFF",
    selection="#2C3A52",
    error="#FF9C94",
    warning="#F0C060",
    good="#7FD49A",
)
CONTRAST_LIGHT = Theme(
    name="contrast-light",
    surface="#FFFFFF",
    backdrop="#FFFFFF",
    well="#C9CDD4",
    text="#000000",
    muted="#2E3238",
    line="#5E646E",
    hover="#DCE6FA",
    accent="#0B3FA8",
    on_accent="#FFFFFF",
    accent_text="#0B3FA8",
    selection="#DCE6FA",
    error="#8E0F0A",
    warning="#5C3C00",
    good="#0B4F22",
)
CONTRAST_DARK = Theme(
    name="contrast-dark",
    surface="#000000",
    backdrop="#000000",
    well="#26282C",
    text="#FFFFFF",
    muted="#D6DAE2",
    line="#9AA1AD",
    hover="#22345C",
    accent="#9CC4FF",
    on_accent="#000000",
    accent_text="#B8D5FF",
    selection="#22345C",
    error="#FFB9B3",
    warning="#FFD98A",
    good="#A5F0BE",
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK, CONTRAST_LIGHT, CONTRAST_DARK)}

#: The sizes that the program's text can have.
TEXT_SIZES = ("normal", "large", "room")
_LARGER = {"normal": 1.0, "large": 1.25, "room": 1.6}
#: Points up to which text is made larger; who has a larger font has chosen it.
_MOST_POINTS = 18.0

_current = LIGHT
_system_points = _given_points = 0.0
_text_size = "normal"
_reduced_motion: bool | None = None


def current() -> Theme:
    """The theme in use."""
    return _current


def text_size() -> str:
    """The size of the program's text in use, one of :data:`TEXT_SIZES`."""
    return _text_size


def set_text_size(app: QApplication, name: str) -> None:
    """Make the program's text larger than the desktop's, up to 18 points."""
    global _system_points, _given_points, _text_size
    now = float(app.font().pointSizeF())
    if abs(now - _given_points) > 1e-6:  # not ours: the desktop's, or another by now
        _system_points = now
    _text_size = name if name in TEXT_SIZES else "normal"
    points = max(_system_points, min(_MOST_POINTS, _system_points * _LARGER[_text_size]))
    if abs(points - now) > 1e-6:
        larger = QFont(app.font())
        larger.setPointSizeF(points)
        with uncollected():
            app.setFont(larger)
    _given_points = float(app.font().pointSizeF())


def reduced_motion() -> bool:
    """Whether nothing is to move: as chosen, else as the desktop has it."""
    if _reduced_motion is not None:
        return _reduced_motion
    style = QApplication.style()
    duration = style.styleHint(QStyle.SH_Widget_Animation_Duration) if style is not None else 1
    return int(duration) == 0


def set_reduced_motion(on: bool | None) -> None:
    """Let nothing move, or everything; None: as the desktop has it."""
    global _reduced_motion
    _reduced_motion = on


def code_font() -> QFont:
    """A fixed-pitch font for code and for columns of numbers."""
    font = QFontDatabase.systemFont(QFontDatabase.FixedFont)
    if not QFontInfo(font).fixedPitch():
        font = QFont("monospace")
    font.setStyleHint(QFont.Monospace)
    font.setPointSizeF(max(8.0, QApplication.font().pointSizeF() - 0.5))
    return font


def font(pixels: float = 13, bold: bool = False) -> QFont:
    """The window's font, at a size that is given for its usual text of 13 pixels."""
    made = QFont(QApplication.font())
    made.setPointSizeF(made.pointSizeF() * pixels / 13)
    made.setBold(bold)
    return made


def scale() -> float:
    """How much larger than 13 pixels the window's text is; widths in pixels go with it."""
    return max(1.0, float(QFontInfo(QApplication.font()).pixelSize()) / 13)


def line_height(metrics: QFontMetrics) -> int:
    """Height of a painted line that Chinese fits into, too: its font may be another, taller one."""
    return int(max(metrics.lineSpacing(), metrics.boundingRect("国g").height() + 1))


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.Window: theme.backdrop,
        QPalette.WindowText: theme.text,
        QPalette.Base: theme.surface,
        QPalette.AlternateBase: theme.backdrop,
        QPalette.Text: theme.text,
        QPalette.Button: theme.surface,
        QPalette.ButtonText: theme.text,
        QPalette.BrightText: theme.error,
        QPalette.ToolTipBase: theme.surface,
        QPalette.ToolTipText: theme.text,
        QPalette.PlaceholderText: theme.muted,
        QPalette.Highlight: theme.accent,
        QPalette.HighlightedText: theme.on_accent,
        QPalette.Link: theme.accent,
        QPalette.Light: theme.hover,
        QPalette.Midlight: theme.hover,
        QPalette.Mid: theme.line,
        QPalette.Dark: theme.line,
        QPalette.Shadow: theme.well,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    faint = QColor(theme.muted)
    faint.setAlphaF(0.6)
    for role in (QPalette.WindowText, QPalette.Text, QPalette.ButtonText):
        palette.setColor(QPalette.Disabled, role, faint)
    palette.setColor(QPalette.Disabled, QPalette.Highlight, QColor(theme.line))
    return palette


def _style_sheet(t: Theme) -> str:
    art = paths.resource("icons", "dark" if t.dark else "light").as_posix()
    return f"""
    QMainWindow, QDialog {{ background: {t.backdrop}; }}
    QMenuBar {{ background: {t.surface}; color: {t.text}; padding: 0 8px; }}
    QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
    QMenuBar::item:selected {{ background: {t.hover}; }}
    QMenu {{ background: {t.surface}; color: {t.text}; border: 1px solid {t.line}; padding: 4px; }}
    QMenu::item {{ padding: 5px 24px 5px 24px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {t.hover}; color: {t.text}; }}
    QMenu::item:disabled {{ color: {t.muted}; }}
    QMenu::separator {{ height: 1px; background: {t.line}; margin: 4px 8px; }}
    QToolTip {{ background: {t.surface}; color: {t.text}; border: 1px solid {t.line};
        padding: 4px 6px; }}
    QPushButton, QToolButton {{ background: {t.surface}; color: {t.text};
        border: 1px solid {t.line}; border-radius: 5px; padding: 4px 10px; }}
    QToolButton {{ padding: 4px 6px; }}
    QPushButton:hover, QToolButton:hover {{ background: {t.hover}; }}
    QPushButton:pressed, QToolButton:pressed {{ background: {t.line}; }}
    QPushButton:focus, QToolButton:focus {{ border-color: {t.accent}; }}
    QPushButton:disabled, QToolButton:disabled {{ color: {t.muted}; background: transparent; }}
    QPushButton:checked, QToolButton:checked {{ background: {t.accent}; color: {t.on_accent};
        border-color: {t.accent}; }}
    QPushButton[primary="true"] {{ background: {t.accent}; color: {t.on_accent};
        border-color: {t.accent}; padding: 7px 16px; }}
    QPushButton[primary="true"]:disabled {{ background: {t.line}; color: {t.muted};
        border-color: {t.line}; }}
    QToolButton[flat="true"], QPushButton[flat="true"] {{ background: transparent;
        border-color: transparent; }}
    QToolButton[flat="true"]:hover, QPushButton[flat="true"]:hover {{ background: {t.hover}; }}
    QToolButton[flat="true"]:focus {{ border-color: {t.accent}; }}
    QToolButton[flat="true"]:checked {{ background: {t.hover}; color: {t.text};
        border-color: {t.line}; }}
    QToolButton[segment] {{ border-radius: 0; color: {t.muted}; padding: 2px 8px; }}
    QToolButton[segment="middle"], QToolButton[segment="last"] {{ border-left: 0; }}
    QToolButton[segment="first"] {{ border-top-left-radius: 4px; border-bottom-left-radius: 4px; }}
    QToolButton[segment="last"] {{ border-top-right-radius: 4px; border-bottom-right-radius: 4px; }}
    QToolButton[segment="only"] {{ border-radius: 4px; }}
    QToolButton[segment]:hover {{ color: {t.text}; }}
    QToolButton[segment]:checked {{ background: {t.selection}; color: {t.accent_text};
        border-color: {t.line}; font-weight: bold; }}
    QToolButton[segment]:focus {{ border: 1px solid {t.accent}; }}
    QPushButton[heading="true"] {{ background: transparent; border-color: transparent;
        padding: 0; margin-left: -1px; text-align: left; font-weight: 600; }}
    QPushButton[heading="true"]:focus {{ border-color: {t.accent}; }}
    QToolButton::menu-indicator, QPushButton::menu-indicator {{ image: none; width: 0; }}
    QLineEdit, QPlainTextEdit, QTextEdit, QListView, QTreeView, QTableView {{
        background: {t.surface}; border: 1px solid {t.line}; border-radius: 5px; }}
    QLineEdit {{ padding: 4px 6px; }}
    QAbstractSpinBox QLineEdit, QComboBox QLineEdit {{ border: 0; padding: 0; }}
    QLineEdit:focus, QPlainTextEdit:focus, QListView:focus, QTreeView:focus {{
        border-color: {t.accent}; }}
    QListView[bare="true"] {{ border: 0; border-radius: 0; background: transparent; }}
    QListView::item:selected, QTreeView::item:selected {{ background: {t.hover};
        color: {t.text}; }}
    QComboBox, QAbstractSpinBox {{ background: {t.surface}; border: 1px solid {t.line};
        border-radius: 5px; padding: 4px 6px; }}
    QComboBox:hover {{ background: {t.hover}; }}
    QComboBox:focus, QAbstractSpinBox:focus {{ border-color: {t.accent}; }}
    QComboBox::drop-down {{ border: 0; width: 20px; }}
    QComboBox[narrow="true"] {{ padding: 4px 0 4px 3px; }}
    QComboBox[narrow="true"]::drop-down {{ width: 13px; }}
    SizeBox {{ padding-left: 2px; padding-right: 0; }}
    SizeBox::drop-down {{ width: 12px; }}
    QComboBox::down-arrow {{ image: url({art}-down.svg); width: 10px; height: 10px; }}
    QComboBox QAbstractItemView {{ background: {t.surface}; border: 1px solid {t.line};
        selection-background-color: {t.hover}; selection-color: {t.text}; outline: 0; }}
    QAbstractSpinBox {{ padding: 3px 2px 3px 4px; }}
    QAbstractSpinBox::up-button {{ border: 0; width: 16px; subcontrol-position: top right; }}
    QAbstractSpinBox::down-button {{ border: 0; width: 16px;
        subcontrol-position: bottom right; }}
    QAbstractSpinBox::up-arrow {{ image: url({art}-up.svg); width: 8px; height: 8px; }}
    QAbstractSpinBox::down-arrow {{ image: url({art}-down.svg); width: 8px; height: 8px; }}
    QCheckBox, QRadioButton {{ spacing: 6px; }}
    QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {t.muted};
        border-radius: 3px; background: {t.surface}; }}
    QCheckBox::indicator:hover, QCheckBox:focus::indicator {{ border-color: {t.accent}; }}
    QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
        image: url({art}-check.svg); }}
    QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {t.line}; }}
    QSlider::sub-page:horizontal {{ border-radius: 2px; background: {t.accent}; }}
    QSlider::sub-page:horizontal:disabled {{ background: {t.line}; }}
    QSlider::handle:horizontal {{ width: 10px; height: 10px; margin: -5px 0;
        border-radius: 7px; background: {t.surface}; border: 2px solid {t.accent}; }}
    QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{
        background: {t.accent}; }}
    QSlider::handle:horizontal:disabled {{ border-color: {t.muted}; }}
    QProgressBar {{ background: {t.line}; border: 0; border-radius: 3px; max-height: 6px;
        min-height: 6px; }}
    QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: {t.line}; border-radius: 4px; margin: 1px; }}
    QScrollBar::handle:vertical {{ min-height: 24px; }}
    QScrollBar::handle:horizontal {{ min-width: 24px; }}
    QScrollBar::handle:hover {{ background: {t.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; border: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QFrame[rule="true"] {{ background: {t.line}; border: 0; }}
    QFrame[panel="true"] {{ background: {t.surface}; border: 0; }}
    QFrame[popover="true"] {{ background: {t.surface}; border: 1px solid {t.line};
        border-radius: 4px; }}
    QScrollArea {{ border: 0; background: transparent; }}
    QSplitter::handle {{ background: transparent; }}
    QLabel[role="muted"] {{ color: {t.muted}; }}
    QLabel[role="heading"] {{ color: {t.text}; font-weight: 600; }}
    QLabel[role="error"] {{ color: {t.error}; }}
    QLabel[role="warning"] {{ color: {t.warning}; }}
    QLabel[role="good"] {{ color: {t.good}; }}
    """


class PlainStyle(QProxyStyle):
    """Shows what labels, tool tips and questions are given as it is.

    Left to itself, Qt takes whatever looks like HTML for it: a layer, a class or a file with a
    fitting name would load pictures. Who means HTML says so with ``setTextFormat``.
    """

    def polish(self, what: Any) -> Any:
        if isinstance(what, QLabel) and what.textFormat() == Qt.AutoText:
            what.setTextFormat(Qt.PlainText)
        return super().polish(what)


_style: PlainStyle | None = None


def restyle(widget: QWidget) -> None:
    """Style a widget anew, if it is styled already: a property is another in the style sheet."""
    style = widget.style()
    if style is not None and widget.testAttribute(Qt.WA_WState_Polished):
        style.unpolish(widget)
        style.polish(widget)
        QCoreApplication.sendEvent(widget, QEvent(QEvent.StyleChange))  # its sizes are others


def apply(app: QApplication, name: str) -> Theme:
    """Give the application a theme, one of :data:`THEMES`, and return it.

    One that it has already costs nothing; another is a look at every widget there is.
    """
    global _current, _style
    _current = THEMES[name]
    if not isinstance(_style, PlainStyle):
        _style = PlainStyle("Fusion")
        app.setStyle(_style)
    palette, sheet = _palette(_current), _style_sheet(_current)
    with uncollected():
        if app.palette() != palette:
            app.setPalette(palette)
        if app.styleSheet() != sheet:
            app.setStyleSheet(sheet)
    app.setAttribute(Qt.AA_DontShowIconsInMenus, True)
    return _current
