"""HTTP connections that end if the client sends nothing."""

import asyncio
import contextlib
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 500
_HEADER_TIMEOUT = 10.0  # Seconds.
_LINGER = 1.0  # Seconds.


class _Lingering:
    """A transport that continues to read for a moment after it is closed.

    If bytes arrive that nobody reads, the system tells the client at once, and the client may lose
    an answer that is still on its way.
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
            with contextlib.suppress(RuntimeError, OSError):  # The client closed first.
                self._transport.write_eof()
                self._transport.resume_reading()
            self._loop.call_later(_LINGER, self._transport.close)


class Protocol(H11Protocol):
    """uvicorn's protocol with limits on slow or broken clients before a request.

    The number of connections, and the time until a request's headers are complete, are limited.
    What is not HTTP, or is interrupted, gets an answer if the client still listens.
    """

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Refuses a connection if there are too many."""
        super().connection_made(_Lingering(transport, self.loop))
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(503, "Busy: too many are connected. Please try again in a minute.")
        else:
            self._watch_headers()

    def data_received(self, data: bytes) -> None:
        """Reads data, and answers where h11 or uvicorn fail."""
        if self.transport.is_closing():
            return
        try:
            super().data_received(data)
        except (ValueError, h11.ProtocolError):  # For example a length of 5000 digits.
            self._refuse(400, "Invalid HTTP request received.")
        self._watch_headers()

    def eof_received(self) -> None:
        """Answers a client that stops before it has sent what it announced."""
        is_waiting = self.cycle is not None and not self.cycle.response_started
        if is_waiting and self.conn.their_state is h11.SEND_BODY:
            self._refuse(400, "The request broke off before its end.")
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Removes the connection."""
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
        """Answers without h11, whose state may not allow it, and closes."""
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
