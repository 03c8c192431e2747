"""Which names the page is served under, and which pages may send requests to it.

A browser sends whatever any site's page tells it to send. If a site's owner lets its name point to
this machine (DNS rebinding), `Host` shows it; `Origin` and `Sec-Fetch-Site` show another site's
page.
"""

import ipaddress
import urllib.parse
from collections.abc import Sequence


class Hosts:
    """The allowed names."""

    def __init__(self, listening: str, allowed: Sequence[str] = ()):
        """Stores the names.

        Args:
            listening: The address that the server listens on. If it is of this machine alone, only
                the machine's names for itself are allowed. Otherwise every IP address is allowed
                too, since an IP address cannot be rebound.
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
            origin: The `Origin` header; programs other than browsers send none.
            site: The `Sec-Fetch-Site` header.
            host: The `Host` header, an allowed one.
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
