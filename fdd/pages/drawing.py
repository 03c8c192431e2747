"""Writing pictures: all text in them is plain text, in a font that has its characters."""

import functools
import pathlib
import string
from typing import BinaryIO

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from fdd.pages.plain import escape

DARK, MIDDLE, LIGHT = "#1b3a57", "#c8642b", "#e9eef3"
"""The colours of all figures, which differ in brightness too."""

_ASCII = set(string.printable[:95]) | {" "}
_OTHER_ALPHABETS = ("cm", "stix", "last resort")  # Their character codes are not Unicode's.


def save(figure: Figure, path: pathlib.Path | BinaryIO) -> None:
    """Writes a figure as PNG.

    No text is read as a formula. Characters that the font lacks are drawn in another font of the
    machine; those that no font has are drawn as escapes, such as \\u65e5.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        _make_legible(text)
    figure.savefig(path, dpi=120, bbox_inches="tight", metadata={"Software": None})


def _make_legible(text: Text) -> None:
    signs = set(text.get_text()) - {"\n"}
    unprintable = {sign for sign in signs if not sign.isprintable()}
    if signs <= _ASCII:
        return
    default = _signs_of(font_manager.findfont(text.get_fontproperties()))
    further, missing = _fonts_with(frozenset(signs - unprintable - default))
    if further:
        text.set_fontfamily([*text.get_fontfamily(), *further])
    escaped = missing | unprintable
    text.set_text("".join(escape(s) if s in escaped else s for s in text.get_text()))


@functools.lru_cache(maxsize=256)
def _fonts_with(missing: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Font families of this machine with these characters, and the characters that none has."""
    families: list[str] = []
    for entry in sorted(font_manager.fontManager.ttflist, key=_preference):
        if not missing:
            break
        found = missing & _signs_of(entry.fname)
        # A family's name finds its regular face.
        if found and entry.fname == font_manager.findfont(FontProperties(family=entry.name)):
            families.append(entry.name)
            missing -= found
    return tuple(families), missing


def _preference(entry: font_manager.FontEntry) -> tuple[bool, str, str]:
    return (entry.style != "normal" or entry.weight != 400, entry.name, entry.fname)


@functools.lru_cache(maxsize=1024)
def _signs_of(path: str) -> frozenset[str]:
    """The characters that a font can draw; empty for fonts without outlines, such as emoji."""
    try:
        font = FT2Font(path)
    except (RuntimeError, OSError):  # Removed since matplotlib listed it, or damaged.
        return frozenset()
    name = font.family_name.casefold()
    if not font.scalable or name.startswith(_OTHER_ALPHABETS) or "color" in name:
        return frozenset()
    return frozenset(map(chr, font.get_charmap()))


def forget_fonts() -> None:
    """Reads the machine's fonts again, if some were added while the program runs."""
    _fonts_with.cache_clear()
    _signs_of.cache_clear()
