"""Reading what a client sends, at a bounded cost, however it sends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]

_LONGEST = 600.0  # Seconds for a whole body.
_GRACE = 10.0  # Seconds that it may stand still.
_PATIENCE = 1.0  # The same after a refusal.
_SLOWEST = 16 * 2**10  # Bytes per second, on average, after that.


class DisconnectedError(Exception):
    """The client has gone."""


class Body:
    """What receives a request, and knows whether all of it is there."""

    def __init__(self, receive: Receive, is_whole: bool):
        """Starts before the first byte.

        Args:
            receive: What receives it.
            is_whole: Whether there is nothing to come.
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
        receive: What receives it.
        patience: Seconds that it may stand still.

    Raises:
        TimeoutError: it stands still or is slower than a slow line.
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
    """Reads on after a refusal, since a client that is cut off while it sends sees no answer.

    Args:
        body: Of the refused request.
        most: Bytes at most.
    """
    try:
        if not body.is_whole:
            async for chunk in chunks(body, _PATIENCE):
                most -= len(chunk)
                if most < 0:
                    break
    except (TimeoutError, DisconnectedError):
        pass  # It gets its answer now, if it still listens.
