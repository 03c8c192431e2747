"""Reading a request's body with limits on time and size, however the client sends it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]

_LONGEST = 600.0  # Seconds for a whole body.
_GRACE = 10.0  # Seconds without a byte.
_PATIENCE = 1.0  # Seconds without a byte after a refusal.
_SLOWEST = 16 * 2**10  # Bytes per second, on average, after the grace.


class DisconnectedError(Exception):
    """The client has gone."""


class Body:
    """Receives a request's messages, and knows whether it is complete."""

    def __init__(self, receive: Receive, is_whole: bool):
        """Creates a body of which nothing has been received.

        Args:
            receive: The ASGI function that receives messages.
            is_whole: Whether nothing is to come.
        """
        self._receive = receive
        self.is_whole = is_whole

    async def __call__(self) -> dict[str, Any]:
        """Receives the next message."""
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.is_whole = True
        return message


async def chunks(receive: Receive, patience: float = _GRACE) -> AsyncIterator[bytes]:
    """Yields a request's body.

    Args:
        receive: The ASGI function that receives messages.
        patience: Seconds without a byte.

    Raises:
        TimeoutError: the body stands still or is slower than a slow line.
        DisconnectedError: the client has gone.
    """
    clock = asyncio.get_running_loop().time
    started, size, more = clock(), 0, True
    while more:
        latest = min(_LONGEST, _GRACE + size / _SLOWEST) - (clock() - started)
        message = await asyncio.wait_for(receive(), min(latest, patience))
        if message["type"] != "http.request":
            raise DisconnectedError
        chunk = message.get("body", b"")
        size, more = size + len(chunk), message.get("more_body", False)
        yield chunk


async def drain(body: Body, most: int) -> None:
    """Reads on after a refusal, since a client that is cut off while sending sees no answer.

    Args:
        body: The refused request's body.
        most: Maximum number of bytes.
    """
    try:
        if not body.is_whole:
            async for chunk in chunks(body, _PATIENCE):
                most -= len(chunk)
                if most < 0:
                    break
    except (TimeoutError, DisconnectedError):
        pass  # It gets its answer now.
