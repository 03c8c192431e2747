"""The server of the page: uploads, examples, and the reachable part of Gradio."""

import os
import pathlib
import urllib.parse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import fastapi
from fastapi.responses import FileResponse, PlainTextResponse

from fdd.webpage import bodies
from fdd.webpage.gate import Gate
from fdd.webpage.hosts import Hosts
from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.uploads import Uploads
from fdd.webpage.visitors import Sessions

if TYPE_CHECKING:
    import gradio


def configure_gradio(folder: pathlib.Path) -> None:
    """Keeps Gradio from sending requests to others, and its files in one folder.

    Call it before Gradio is imported.

    Args:
        folder: The folder that Gradio may write to.
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
    hosts: Hosts,
    **looks: Any,
) -> Callable[..., Any]:
    """Combines the page, the uploads and the examples.

    Args:
        page: The result of `fdd.webpage.page.create_page`.
        uploads: Stores the visitors' files.
        limits: The limits of uploads.
        examples: Example videos.
        hosts: The names that the page is served under.
        looks: Theme and style sheet, as `gradio.mount_gradio_app` takes them.

    Returns:
        An ASGI application.
    """
    import gradio

    app = fastapi.FastAPI(openapi_url=None)
    _add_uploads(app, uploads, limits)
    _add_examples(app, examples)
    gradio.mount_gradio_app(
        app, page, path="/", footer_links=[], run_history=False, show_error=True, pwa=False,
        ssr_mode=False, mcp_server=False, enable_monitoring=False, **looks,
    )  # fmt: skip
    queue = page._queue

    def forget(session: str) -> None:
        queue.pending_messages_per_session.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)

    steps = [number for number, step in page.fns.items() if step.fn is not None]
    return Gate(app, hosts, Sessions(forget), steps, limits)


def _add_uploads(app: fastapi.FastAPI, uploads: Uploads, limits: Limits) -> None:
    @app.put("/upload")
    async def upload(request: fastapi.Request, name: str = "") -> PlainTextResponse:
        body = bodies.Body(request.receive, is_whole=False)
        try:
            with uploads.receive(name, request.scope["fdd.visitor"]) as received:
                async for chunk in bodies.chunks(body):
                    received.file.write(chunk)
        except RejectedError as error:
            await bodies.drain(body, limits.num_bytes)
            return PlainTextResponse(str(error), 503)
        except TimeoutError:
            sentence = "The upload was too slow or stood still. Please try again."
            return PlainTextResponse(sentence, 408)
        except bodies.DisconnectedError:
            return PlainTextResponse("The upload broke off.", 400)
        except OSError:
            await bodies.drain(body, limits.num_bytes)
            return PlainTextResponse("The server has no room for this file at present.", 507)
        return PlainTextResponse(received.token)


def _add_examples(app: fastapi.FastAPI, examples: Sequence[pathlib.Path]) -> None:
    @app.get("/examples/{number}")
    def example(number: int) -> fastapi.Response:
        if not 0 <= number < len(examples):
            return PlainTextResponse("There is no such example.", 404)
        return FileResponse(examples[number], media_type="video/mp4")


def address(host: str, port: int) -> str:
    """The page's address for a browser."""
    host = f"[{host}]" if ":" in host else host
    return f"http://{urllib.parse.quote(host, safe='[]:.%')}:{port}"
