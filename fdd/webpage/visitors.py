"""Who is who: each browser has its own secret, and each session of Gradio has one browser."""

import collections
import http.cookies
import re
import secrets
import time
from collections.abc import Callable

COOKIE = "fdd_visitor"
_MOST_SESSIONS = 1000
_KEPT_SECONDS = 600.0  # After a connection breaks, so that a short interruption does no harm.


def new_secret() -> str:
    """A secret that cannot be guessed."""
    return secrets.token_urlsafe(32)


def secret_in(cookies: str) -> str | None:
    """The secret in a Cookie header; None if there is none that this page could have set."""
    try:
        found = http.cookies.SimpleCookie(cookies).get(COOKIE)
    except http.cookies.CookieError:
        return None
    return found.value if found and re.fullmatch(r"[\w-]{43}", found.value, re.ASCII) else None


class Sessions:
    """The sessions and the secrets that they belong to; for one thread.

    Gradio's page chooses a session's name with a weak random generator, and that name alone gives
    access to an event stream. Here, only the browser that opened a session can use it.
    """

    def __init__(self, forget: Callable[[str], None]):
        """Starts without sessions.

        Args:
            forget: Deletes the data of a session that has ended.
        """
        self._forget = forget
        self._owners: collections.OrderedDict[str, str] = collections.OrderedDict()
        self._open: collections.Counter[str] = collections.Counter()
        self._closed: dict[str, float] = {}

    def open(self, session: str, secret: str) -> bool:
        """Stores that a visitor is connected; False if the session belongs to another."""
        self._clean()
        if self._owners.setdefault(session, secret) != secret:
            return False
        self._owners.move_to_end(session)
        self._closed.pop(session, None)
        self._open[session] += 1
        return True

    def close(self, session: str) -> None:
        """Stores that a connection has ended."""
        self._open[session] -= 1
        if not self._open[session]:
            del self._open[session]
            self._closed[session] = time.monotonic()

    def belongs(self, session: str, secret: str) -> bool:
        """Whether a session is this visitor's."""
        self._clean()
        return secrets.compare_digest(self._owners.get(session, ""), secret)

    def _clean(self) -> None:
        now = time.monotonic()
        while self._closed:  # In the order in which they were closed.
            session, since = next(iter(self._closed.items()))
            if now - since < _KEPT_SECONDS and len(self._owners) <= _MOST_SESSIONS:
                break
            del self._closed[session], self._owners[session]
            self._forget(session)
