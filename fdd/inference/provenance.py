"""What is said of published weights before they are fetched: size, licence, origin, training."""

import re

from fdd.errors import shown
from fdd.models.weights import hub

_GEND = (
    "MIT",
    "FaceForensics++ alone (Yermakov et al., WACV 2026, arXiv 2508.06248)",
)
KNOWN = {
    "hf://yermandy/GenD_CLIP_L_14": _GEND,
    "hf://yermandy/GenD_DINOv3_L": _GEND,
}
"""Licence, and data that they were trained on, as their authors state them."""
_NOT_RUN = (
    "Neither these weights nor their published figures were run by the authors of fdd; answers are "
    "not calibrated on your videos"
)


def first_use(name: str, file: str) -> str:
    """What to tell before a detector's weights are fetched.

    Args:
        name: hf://OWNER/NAME.
        file: The file with its weights.

    Raises:
        UserError: the hub cannot be asked.
    """
    count = hub.size(name, file)
    licence, data = KNOWN.get(name, ("", ""))
    licence = _licence_on_its_page(name) or licence or "not stated on its page"
    return (
        f"fdd: {name}: {'size not known' if count is None else hub.megabytes(count)}, from "
        f"{hub.url(name)} into {shown(str(hub.cache()))}, this once; licence: {licence}; trained "
        f"on: {data or 'see its page'}. {_NOT_RUN}."
    )


def _licence_on_its_page(name: str) -> str:
    """The licence in the head of a repository's README.md; '' if there is none."""
    page = hub.fetched(name, "README.md")
    if page is None:
        return ""
    head = page.read_text("utf-8", errors="replace").partition("---\n")[2].partition("\n---")[0]
    found = re.search(r"^license:[ \t]*['\"]?([\w.+-]{1,40})", head, re.MULTILINE)
    return found[1] if found else ""
