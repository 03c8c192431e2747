"""Which requests are let through: the page's own, each by its own visitor."""

import asyncio
import json
import re
import urllib.parse
from collections.abc import Callable, Collection
from typing import Any

from starlette.responses import PlainTextResponse

from fdd.webpage import bodies
from fdd.webpage.hosts import Hosts
from fdd.webpage.limits import Limits
from fdd.webpage.visitors import COOKIE, Sessions, new_secret, secret_in

_API = "/gradio_api"
_SESSION = r"[a-z0-9]{1,40}"
# Everything that the page requests. Gradio offers more, such as its own uploads and files.
_ROUTES = tuple(
    (methods, re.compile(path, re.ASCII))
    for methods, path in (
        (("GET", "HEAD"), r"/"),
        (("GET", "HEAD"), r"/theme\.css|/favicon\.ico"),
        (("GET", "HEAD"), r"/assets/[\w@-][\w.@-]*"),
        (("GET", "HEAD"), r"/static/js/iframeResizer\.contentWindow\.min\.js"),
        (("GET", "HEAD"), r"/examples/\d{1,3}"),
        (("GET",), rf"{_API}/heartbeat/{_SESSION}"),
        (("GET",), rf"{_API}/queue/data"),
        (("POST",), rf"{_API}/queue/join"),
        (("PUT",), r"/upload"),
    )
)
_MOST_BYTES = 2**16  # For requests other than uploads.
# It makes the browser forbid requests to others. Gradio needs inline code and eval.
_HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; "
        b"font-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; "
        b"form-action 'self'"
    ),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


class RefusedError(Exception):
    """A refused request: status and sentence."""


class Gate:
    """An ASGI application in front of another one."""

    def __init__(
        self,
        app: Callable[..., Any],
        hosts: Hosts,
        sessions: Sessions,
        steps: Collection[int],
        limits: Limits,
    ):
        """Stores what is let through.

        Args:
            app: The application that answers.
            hosts: The names that the page is served under.
            sessions: Knows whose each session is.
            steps: Numbers of the page's functions that a visitor may call.
            limits: The limits of uploads.
        """
        self._app, self._hosts, self._sessions = app, hosts, sessions
        self._steps, self._limits = frozenset(steps), limits

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Refuses a request, or lets it through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        headers, body = _Headers(scope), bodies.Body(receive, scope["method"] in ("GET", "HEAD"))
        visitor = secret_in(headers.one("cookie") or "")
        is_new = scope["path"] == "/" and visitor is None
        cookie = f"{COOKIE}={new_secret()}; Path=/; HttpOnly; SameSite=Lax" if is_new else None
        sender = _Sender(send, body, scope["path"], cookie)
        try:
            self._check(scope, headers)
            await self._pass(scope, body, sender, visitor)
        except asyncio.CancelledError:  # uvicorn cancels what still runs when it stops.
            await sender.end(scope, "The server is being stopped.")
        except RefusedError as refusal:
            status, sentence = refusal.args
            if headers.one("expect") is None:
                await bodies.drain(body, 2 * self._limits.num_bytes)
            await PlainTextResponse(sentence, status)(scope, body, sender)

    def _check(self, scope: dict[str, Any], headers: "_Headers") -> None:
        host, method, path = headers.one("host"), scope["method"], scope["path"]
        if host is None or not self._hosts.serves(host):
            raise RefusedError(
                421,
                "The page is not served under this name. Whoever runs it can allow the name with "
                "--allowed_hosts.",
            )
        if not any(method in methods and route.fullmatch(path) for methods, route in _ROUTES):
            raise RefusedError(404, "Not found.")
        is_visit = path == "/" and method in ("GET", "HEAD")  # Links from any site may lead here.
        origin, site = headers.one("origin"), headers.one("sec-fetch-site")
        if not is_visit and not self._hosts.may_ask(origin, site, host):
            raise RefusedError(403, "Another site's page sent this request; only this page may.")
        length, is_upload = headers.one("content-length"), path == "/upload"
        if method in ("GET", "HEAD"):
            if headers.one("transfer-encoding") is not None or length not in (None, "0"):
                raise RefusedError(400, "A request of this kind has no content.")
        elif headers.one("transfer-encoding") is not None or not _is_size(length):
            raise RefusedError(411, "The request must state its size.")
        elif is_upload and int(length) > self._limits.num_bytes:
            raise RefusedError(413, self._limits.too_large())
        elif not is_upload and int(length) > _MOST_BYTES:
            raise RefusedError(413, "Too much.")

    async def _pass(self, scope: dict[str, Any], receive: Any, send: Any, visitor: str) -> None:
        path = scope["path"]
        if path != "/upload" and not path.startswith(f"{_API}/"):
            await self._app(scope, receive, send)
            return
        if visitor is None:
            raise RefusedError(
                403, "The page needs its cookie. Please allow it and load the page again."
            )
        if path == "/upload":
            await self._app(scope | {"fdd.visitor": visitor}, receive, send)
        elif path == f"{_API}/queue/join":
            body = self._job(await _whole(receive), visitor)
            await self._app(_with_length(scope, len(body)), _replay(body, receive), send)
        elif path == f"{_API}/queue/data":
            query = urllib.parse.parse_qs(scope["query_string"].decode("ascii", "replace"))
            self._require(query.get("session_hash", [""])[-1], visitor)
            await self._app(scope, receive, send)
        else:
            await self._stay(scope, receive, send, visitor)

    async def _stay(self, scope: dict[str, Any], receive: Any, send: Any, visitor: str) -> None:
        """The heartbeat, which lasts while the visitor has the page open."""
        session = scope["path"].rpartition("/")[2]
        if not self._sessions.open(session, visitor):
            raise RefusedError(404, "Not found.")
        try:
            await self._app(scope, receive, send)
        finally:
            self._sessions.close(session)

    def _job(self, body: bytes, visitor: str) -> bytes:
        """A job's description, reduced to what the page sends."""
        try:
            found = json.loads(body)
            (token,) = found["data"]
            step, session, trigger = found["fn_index"], found["session_hash"], found["trigger_id"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise RefusedError(400, "This is not a job of the page.") from None
        texts = isinstance(token, str) and isinstance(session, str)
        if not (texts and type(step) is int and step in self._steps and type(trigger) is int):
            raise RefusedError(400, "This is not a job of the page.")
        self._require(session, visitor)
        job = {"data": [token], "event_data": None, "fn_index": step, "trigger_id": trigger}
        return json.dumps(job | {"session_hash": session}).encode()

    def _require(self, session: str, visitor: str) -> None:
        if not self._sessions.belongs(session, visitor):
            raise RefusedError(404, "Not found.")


def _is_size(length: str | None) -> bool:
    return length is not None and re.fullmatch(r"[0-9]{1,18}", length) is not None


class _Headers:
    """A request's headers; one that occurs twice is treated as unknown."""

    def __init__(self, scope: dict[str, Any]):
        self._values: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            twice = name in self._values
            self._values[name] = b"twice, \xff" if twice and name != b"cookie" else value

    def one(self, name: str) -> str | None:
        value = self._values.get(name.encode())
        return None if value is None else value.decode("latin-1")


class _Sender:
    """Sends answers with the headers that all answers have."""

    def __init__(self, send: Any, body: bodies.Body, path: str, cookie: str | None):
        self._send, self._body, self._headers = send, body, dict(_HEADERS)
        if not path.startswith(("/assets/", "/static/")):
            self._headers[b"cache-control"] = b"no-store"
        if cookie is not None:
            self._headers[b"set-cookie"] = cookie.encode()
        self._has_begun = False

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._has_begun = True
            kept = [
                (name, value)
                for name, value in message.get("headers", [])
                if name.lower() not in self._headers
                and not name.lower().startswith(b"access-control-")
            ]
            if not self._body.is_whole:  # The rest of the request is not read.
                kept.append((b"connection", b"close"))
            message = {**message, "headers": [*kept, *self._headers.items()]}
        await self._send(message)

    async def end(self, scope: dict[str, Any], sentence: str) -> None:
        """Ends an answer that cannot be completed."""
        if self._has_begun:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await PlainTextResponse(sentence, 503)(scope, self._body, self)


async def _whole(receive: Any) -> bytes:
    try:
        return b"".join([chunk async for chunk in bodies.chunks(receive)])
    except TimeoutError:
        raise RefusedError(408, "The request took too long.") from None
    except bodies.DisconnectedError:
        raise RefusedError(400, "The request broke off.") from None


def _with_length(scope: dict[str, Any], length: int) -> dict[str, Any]:
    kept = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    return scope | {"headers": [*kept, (b"content-length", str(length).encode())]}


def _replay(body: bytes, receive: Any) -> Any:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> dict[str, Any]:
        return waiting.pop() if waiting else await receive()

    return receiving
