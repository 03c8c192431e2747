"""Texts of others (names, paths, reasons) as plain text: in a picture, in Markdown, in a line.

No sign in them is read as markup, breaks a line or a column, or steers a terminal.
"""

import re

_LONGEST = 60


def escape(sign: str) -> str:
    """A sign's escape, such as \\x1b or \\u65e5; a sign of ASCII that can be printed as it is."""
    return sign.encode("unicode_escape", "surrogatepass").decode()


def visible(text: str) -> str:
    """Text in which the escapes of signs that cannot be printed stand for them."""
    return "".join(sign if sign.isprintable() else escape(sign) for sign in text)


def short(name: str, longest: int = _LONGEST) -> str:
    """A name as one line of at most `longest` signs; of a longer one the middle is left out."""
    name = visible(name)
    if len(name) <= longest:
        return name
    end = (longest - 1) // 3
    return f"{name[: longest - 1 - end]}…{name[-end:]}"


def in_markdown(text: str) -> str:
    """Text that neither Markdown nor HTML reads anything into; columns of tables survive.

    Letters, digits and what cannot mean anything stay legible in the source.
    """
    text = re.sub(r"[^\w ,.:;%/()']|_", _entity, visible(text))
    return re.sub(r"^(\d+)\. ", r"\1.&#32;", text)


def _entity(match: re.Match[str]) -> str:
    sign = match[0]
    within_a_word = match.string[match.start() - 1 : match.start()].isalnum()
    within_a_word &= match.string[match.end() : match.end() + 1].isalnum()
    return sign if sign in "_-" and within_a_word else f"&#{ord(sign)};"
