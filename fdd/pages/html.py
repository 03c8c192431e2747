"""A report's Markdown as one HTML file that opens offline."""

import base64
import html
import pathlib
import re

import markdown

from fdd.pages.plain import visible

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
img { max-width: 100%; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #bbb; padding: .25rem .6rem; }
th { background: #f0f0f0; }
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; }
"""


def self_contained(page: str, folder: pathlib.Path, title: str) -> str:
    """Renders a page with its pictures inside it.

    Args:
        page: Markdown; pictures are PNG files named relative to `folder`.
        folder: The pictures' folder.
        title: The page's title, as plain text.

    Returns:
        An HTML document that refers to nothing outside itself.
    """
    body = markdown.markdown(page, extensions=["tables", "fenced_code"])

    def embed(match: re.Match[str]) -> str:
        data = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{data}"'

    body = re.sub(r'src="([\w.-]+\.png)"', embed, body)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(visible(title))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
