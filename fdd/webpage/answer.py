"""An answer in HTML. Its pictures and its download are inside it, so no file has to be kept."""

import base64
import html
import json
import pathlib

import markdown

from fdd.inference import words as prediction_text
from fdd.inference.page import LIMITS
from fdd.inference.prediction import NO_ANSWER, Person, Prediction

_PICTURE = "Whole frames with a box round each face; the probability of fake over time; and for \
each clip its frames, the heat map over them, and what each frame adds to the score."


def page(
    prediction: Prediction, picture: bytes | None = None, grid: tuple[int, int] | None = None
) -> str:
    """Renders an answer.

    Args:
        prediction: The prediction; its `path` is the visitor's name for the video.
        picture: The picture of the prediction, as PNG; none without an answer.
        grid: Height and width of the heat map.
    """
    parts = [_verdict(prediction)]
    if picture is not None:
        parts += [
            '<div class="picture">'
            f'<img src="{_data("image/png", picture)}" alt="{_PICTURE}"></div>',
            _details("What the heat map and the bars show", _limits(grid)),
            _details("Scores of the clips", _scores(prediction.people)),
        ]
    parts.append(_download(prediction))
    return "\n".join(parts)


def _verdict(prediction: Prediction) -> str:
    kind = prediction.verdict.replace(" ", "-")
    name = html.escape(prediction.path)
    title = html.escape(prediction.verdict.capitalize())
    lines = [f'<section class="verdict {kind}" aria-label="Verdict">', f"<p>{name}</p>"]
    lines.append(f"<h2>{title}</h2>")
    if prediction.verdict != NO_ANSWER:
        lines += [_scale(prediction), f"<p>{html.escape(_headline(prediction))}</p>"]
    lines.append(f"<p>{html.escape(prediction_text.meaning(prediction))}</p></section>")
    return "\n".join(lines)


def _headline(prediction: Prediction) -> str:
    text = prediction_text.headline(prediction)
    return f"{text[0].upper()}{text[1:]}."


def _scale(prediction: Prediction) -> str:
    """The probability and the threshold on a line from 0 to 1; the text says the same."""
    return (
        '<div class="scale" aria-hidden="true"><span>real</span><div>'
        f'<i style="width: {prediction.probability:.1%}"></i>'
        f'<b style="left: {prediction.threshold:.1%}"></b></div><span>fake</span></div>'
    )


def _limits(grid: tuple[int, int] | None) -> str:
    return markdown.markdown(LIMITS.format(grid=f"{grid[0]} × {grid[1]}"))


def _scores(people: tuple[Person, ...]) -> str:
    rows = [
        f"<tr><td>{person.number}<td>{clip.start:.2f} to {clip.end:.2f}"
        f"<td>{html.escape(prediction_text.number(clip.probability))}<td>{clip.logit:.2f}"
        for person in people
        for clip in person.clips
    ]
    head = "<tr>" + "".join(
        f'<th scope="col">{name}' for name in ("person", "seconds", "probability of fake", "logit")
    )
    return f"<table>{head}{''.join(rows)}</table>"


def _details(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>{content}</details>"


def _download(prediction: Prediction) -> str:
    text = json.dumps(prediction.as_json(), indent=2, allow_nan=False)
    name = f"{pathlib.PurePath(prediction.path).stem}.json"
    link = _data("application/json", text.encode())
    return (
        f'<p><a class="download" download="{html.escape(name)}" href="{link}">'
        "Download the answer as JSON</a></p>"
    )


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
