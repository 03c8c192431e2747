"""The server below the page: uploads, examples, and what of Gradio can be reached."""

import asyncio
import contextlib
import os
import pathlib
import urllib.parse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import fastapi
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.requests import ClientDisconnect

from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.uploads import Uploads

if TYPE_CHECKING:
    import gradio

_UPLOAD_TIMEOUT = 600.0
_MOST_BYTES_ELSEWHERE = 2**16
_OWN = ("/upload", "/examples/")
_OF_GRADIO = (
    "/config", "/theme.css", "/assets/", "/static/", "/favicon.ico",
    "/gradio_api/queue/", "/gradio_api/info", "/gradio_api/heartbeat/", "/gradio_api/cancel",
    "/gradio_api/reset", "/gradio_api/startup-events", "/gradio_api/call/",
)  # fmt: skip
# The browser itself keeps the page from asking anybody else. Gradio needs inline code and eval.
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "font-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def configure_gradio(folder: pathlib.Path) -> None:
    """Keeps Gradio from asking anybody anything, and its files in one folder.

    To be called before Gradio is imported.

    Args:
        folder: Where Gradio may write.
    """
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder),
        "GRADIO_SHARE": "False",
        "GRADIO_MCP_SERVER": "False",
        "GRADIO_SSR_MODE": "False",
        "GRADIO_RUN_HISTORY": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }


def create_app(
    page: "gradio.Blocks",
    uploads: Uploads,
    limits: Limits,
    examples: Sequence[pathlib.Path],
    **looks: Any,
) -> Callable[..., Any]:
    """Puts the page, the uploads and the examples together.

    Args:
        page: What `fdd.webpage.page.create_page` gave.
        uploads: Where visitors' files go.
        limits: What is taken.
        examples: Example videos.
        looks: Theme and style sheet, as `gradio.mount_gradio_app` takes them.

    Returns:
        An ASGI application.
    """
    import gradio

    app = fastapi.FastAPI(openapi_url=None)

    @app.put("/upload")
    async def upload(request: fastapi.Request, name: str = "") -> PlainTextResponse:
        if int(request.headers.get("content-length", 0)) > limits.num_bytes:
            return PlainTextResponse(limits.too_large(), 413)
        try:
            with uploads.receive(name) as received:
                async with asyncio.timeout(_UPLOAD_TIMEOUT):
                    await _write(request, received.file, limits)
        except RejectedError as error:
            # Read to the end, since a browser that is cut off while it sends shows no answer.
            with contextlib.suppress(TimeoutError, ClientDisconnect):
                async with asyncio.timeout(_UPLOAD_TIMEOUT):
                    async for _ in request.stream():
                        pass
            return PlainTextResponse(str(error), 503)
        except TimeoutError:
            return PlainTextResponse("The upload took too long.", 408)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        except OSError:
            return PlainTextResponse("The server has no room for this file at present.", 507)
        return PlainTextResponse(received.token)

    @app.get("/examples/{number}")
    def example(number: int) -> fastapi.Response:
        if not 0 <= number < len(examples):
            return PlainTextResponse("There is no such example.", 404)
        return FileResponse(examples[number], media_type="video/mp4")

    gradio.mount_gradio_app(
        app, page, path="/", footer_links=[], run_history=False, show_error=True, pwa=False,
        ssr_mode=False, mcp_server=False, enable_monitoring=False, **looks,
    )  # fmt: skip
    return _Gate(app)


async def _write(request: fastapi.Request, file: Any, limits: Limits) -> None:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.num_bytes:
            raise RejectedError(limits.too_large())
        file.write(chunk)


class _Gate:
    """Lets through what the page needs, and adds headers to every answer.

    Gradio has more to offer than this page uses, its own uploads among it.
    """

    def __init__(self, app: Callable[..., Any]):
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                extra = [(key.encode(), value.encode()) for key, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        refused = _refusal(scope)
        await (refused or self._app)(scope, receive, send_with_headers)


def _refusal(scope: dict[str, Any]) -> PlainTextResponse | None:
    path = scope["path"]
    if path != "/" and not path.startswith(_OWN + _OF_GRADIO):
        return PlainTextResponse("Not found.", 404)
    if scope["method"] in ("GET", "HEAD"):
        return None
    length = dict(scope["headers"]).get(b"content-length")
    if length is None or not length.isdigit():
        return PlainTextResponse("The size has to be said beforehand.", 411)
    if path != "/upload" and int(length) > _MOST_BYTES_ELSEWHERE:
        return PlainTextResponse("Too much.", 413)
    return None


def address(host: str, port: int) -> str:
    """The page's address for a browser."""
    host = f"[{host}]" if ":" in host else host
    return f"http://{urllib.parse.quote(host, safe='[]:.%')}:{port}"
