"""Which names the page is served under, and which pages may ask it for something.

A browser sends what any site's page asks it to send. A site whose name its owner points at this
machine (DNS rebinding) is told by its `Host`, another site's page by `Origin` and `Sec-Fetch-Site`.
"""

import ipaddress
import urllib.parse
from collections.abc import Sequence


class Hosts:
    """The names that are allowed."""

    def __init__(self, listening: str, allowed: Sequence[str] = ()):
        """Notes them.

        Args:
            listening: The address the server listens on. On one of this machine alone, only its
                names for itself are allowed; else every IP address too, as nobody can rebind one.
            allowed: Further names, without ports, such as that of a proxy in front.
        """
        self._allowed = {_plain(name) for name in allowed}
        self._own = self._allowed | {_plain(listening), "localhost"}
        self._is_local = _is_loopback(_plain(listening))

    def serves(self, host: str) -> bool:
        """Whether the page is served under the name in a `Host` header."""
        name = _name(f"//{host}")
        if name is None:
            return False
        if name in self._own:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._is_local

    def may_ask(self, origin: str | None, site: str | None, host: str) -> bool:
        """Whether a page may send a request.

        Args:
            origin: The `Origin` header; programs that are no browsers send none.
            site: The `Sec-Fetch-Site` header.
            host: The `Host` header, which is served.
        """
        if site not in (None, "same-origin", "none"):
            return False
        if origin is None:
            return True
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https"):
            return False
        return rest.casefold() == host.casefold() or _name(f"//{rest}") in self._allowed


def _plain(name: str) -> str:
    return name.strip("[]").rstrip(".").casefold()


def _name(address: str) -> str | None:
    try:
        split = urllib.parse.urlsplit(address)
        _ = split.port
    except ValueError:
        return None
    odd = split.path or split.query or split.fragment or "@" in split.netloc
    return None if odd or not split.hostname else _plain(split.hostname)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
