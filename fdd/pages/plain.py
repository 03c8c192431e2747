"""Foreign text (names, paths, reasons) as plain text: in a picture, in Markdown, in a line.

No character of it is read as markup, breaks a line or a column, or controls a terminal.
"""

import re

_LONGEST = 60


def escape(sign: str) -> str:
    """A character's escape, such as \\x1b or \\u65e5; printable ASCII stays as it is."""
    return sign.encode("unicode_escape", "surrogatepass").decode()


def visible(text: str) -> str:
    """Text with characters that cannot be printed replaced by their escapes."""
    return "".join(sign if sign.isprintable() else escape(sign) for sign in text)


def short(name: str, longest: int = _LONGEST) -> str:
    """A name in one line of at most `longest` characters; a long name loses its middle."""
    name = visible(name)
    if len(name) <= longest:
        return name
    end = (longest - 1) // 3
    return f"{name[: longest - 1 - end]}…{name[-end:]}"


def in_markdown(text: str) -> str:
    """Text that Markdown and HTML show unchanged; columns of tables survive.

    Letters, digits and harmless characters stay legible in the source.
    """
    text = re.sub(r"[^\w ,.:;%/()']|_", _entity, visible(text))
    return re.sub(r"^(\d+)\. ", r"\1.&#32;", text)


def _entity(match: re.Match[str]) -> str:
    sign = match[0]
    within_a_word = match.string[match.start() - 1 : match.start()].isalnum()
    within_a_word &= match.string[match.end() : match.end() + 1].isalnum()
    return sign if sign in "_-" and within_a_word else f"&#{ord(sign)};"
