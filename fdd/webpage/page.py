"""The page: Gradio's blocks, and what happens between an upload and its answer."""

import html
import logging
import pathlib
from collections.abc import Callable

import gradio as gr

from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.uploads import Upload, Uploads
from fdd.webpage.visitors import secret_in

TITLE = "Is this video a deepfake?"
_HERE = pathlib.Path(__file__).parent

Classify = Callable[[Upload, Callable[[float, str], None]], str]


def create_page(
    classify: Classify, uploads: Uploads, limits: Limits, about: str, examples: list[str]
) -> gr.Blocks:
    """Builds the page.

    Args:
        classify: Maps an upload, and a function that shows progress, to the answer in HTML.
        uploads: Stores the visitors' files.
        limits: The limits of uploads.
        about: What visitors should know about the detector, as plain text.
        examples: Names of the example videos.
    """

    def enter(token: str, request: gr.Request) -> None:
        uploads.assign(token, _secret(request), request.session_hash)

    def leave(request: gr.Request) -> None:
        uploads.discard_of(request.session_hash)

    def answer(
        token: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        try:
            with uploads.take(token, _secret(request)) as upload:
                return classify(upload, lambda done, what: progress(done, desc=what))
        except RejectedError as error:
            return problem(str(error))
        except Exception:
            logging.exception("A video could not be classified.")
            return problem("Something went wrong on the server; the video was deleted.")

    with gr.Blocks(analytics_enabled=False, title=TITLE, fill_width=True) as page:
        gr.HTML(f"<h1>{TITLE}</h1><p>{html.escape(about)}</p>", elem_id="fdd-head")
        drop = gr.HTML(
            value="",
            html_template=_drop(limits, examples),
            js_on_load=(_HERE / "page.js").read_text(),
            elem_id="fdd-drop",
            limit=limits.num_bytes,
            too_large=limits.too_large(),
        )
        result = gr.HTML(elem_id="fdd-answer", min_height=0)
        drop.submit(enter, drop, concurrency_limit=None, api_visibility="private").then(
            answer,
            drop,
            result,
            api_name="classify",
            concurrency_limit=1,
            trigger_mode="once",
            show_progress="full",
        ).then(None, js="() => { document.dispatchEvent(new Event('fdd:answered')) }")
        page.unload(leave)
    # Jobs need uploads, which `uploads` limits; this limits jobs without one.
    page.queue(max_size=limits.queue + 100)
    return page


def _secret(request: gr.Request) -> str:
    return secret_in(request.headers.get("cookie", "")) or ""


def style() -> str:
    """The page's style sheet."""
    return (_HERE / "page.css").read_text()


def theme() -> gr.themes.Base:
    """A theme that loads no fonts."""
    return gr.themes.Default(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )


def problem(sentence: str) -> str:
    """A sentence about what went wrong, in HTML."""
    return f'<p class="problem" role="alert">{html.escape(sentence)}</p>'


def _drop(limits: Limits, examples: list[str]) -> str:
    buttons = "".join(
        f'<button type="button" data-example="{number}" disabled>{html.escape(name)}</button>'
        for number, name in enumerate(examples)
    )
    offered = f'<p class="examples">Or an example: {buttons}</p>' if examples else ""
    return f"""
<label class="drop"><strong>Drop a video here</strong> or click to choose one
<small>{limits.sentence()} It is deleted from the server as soon as there is an answer.</small>
<input type="file" accept="video/*" aria-label="Video to classify" disabled></label>
{offered}
<p class="sending" role="status"></p>
<p class="problem" role="alert" hidden></p>
<p class="unplayable" hidden>This browser cannot play the file.</p>
<video controls muted loop playsinline hidden aria-label="The chosen video"></video>
"""
