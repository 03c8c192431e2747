"""HTTP connections that cannot be held open by sending nothing."""

import asyncio
import contextlib
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 500
_HEADER_TIMEOUT = 10.0  # Seconds.
_LINGER = 1.0  # Seconds.


class _Lingering:
    """A transport that goes on reading for a moment when it is closed.

    If bytes arrive that nobody reads, the system tells the client so at once, and the client may
    lose the answer that was on its way.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop):
        self._transport, self._loop = transport, loop
        self._is_done = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._is_done or self._transport.is_closing()

    def close(self) -> None:
        if not self.is_closing():
            self._is_done = True
            with contextlib.suppress(RuntimeError, OSError):  # The client was quicker.
                self._transport.write_eof()
                self._transport.resume_reading()
            self._loop.call_later(_LINGER, self._transport.close)


class Protocol(H11Protocol):
    """uvicorn's protocol, which leaves out what slow or broken clients do before a request.

    The number of connections and the time until a request's headers are there are bounded, and
    what is no HTTP or breaks off gets an answer as long as the client still listens.
    """

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Refuses one connection too many."""
        super().connection_made(_Lingering(transport, self.loop))
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(503, "Busy: too many are connected. Please try again in a minute.")
        else:
            self._watch_headers()

    def data_received(self, data: bytes) -> None:
        """Goes on reading, and answers what h11 or uvicorn fail at."""
        if self.transport.is_closing():
            return
        try:
            super().data_received(data)
        except (ValueError, h11.ProtocolError):  # E. g. a length of 5000 digits.
            self._refuse(400, "Invalid HTTP request received.")
        self._watch_headers()

    def eof_received(self) -> None:
        """Tells a client that says it is done, but has sent less than it announced."""
        is_waiting = self.cycle is not None and not self.cycle.response_started
        if is_waiting and self.conn.their_state is h11.SEND_BODY:
            self._refuse(400, "The request broke off before its end.")
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_headers(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_watching()
        elif self._header_timer is None and self.timeout_keep_alive_task is None:
            sentence = "The request's headers took too long."
            self._header_timer = self.loop.call_later(_HEADER_TIMEOUT, self._refuse, 408, sentence)

    def _stop_watching(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _refuse(self, status: int, sentence: str) -> None:
        """Answers below h11, whose state may not allow it, and closes."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            head = f"HTTP/1.1 {status} \r\ncontent-type: text/plain; charset=utf-8\r\n"
            head += f"content-length: {len(sentence)}\r\nconnection: close\r\n\r\n"
            self.transport.write(f"{head}{sentence}".encode("ascii"))
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
