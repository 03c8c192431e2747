"""The page of a prediction, which opens offline, and its picture."""

import contextlib
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from fdd.errors import UserError
from fdd.inference import figure as evidence
from fdd.inference import words as prediction_text
from fdd.inference.detector import Detector
from fdd.inference.prediction import NO_ANSWER, Prediction
from fdd.inference.saliency import Saliency
from fdd.inference.words import number
from fdd.pages.html import self_contained
from fdd.pages.plain import in_markdown
from fdd.video import decode
from fdd.video.decode import VideoError
from fdd.video.extraction import Clip, Extraction
from fdd.video.sampling import middle

_LONGEST_NAME = 100

LIMITS = """\
The frames in grey are Grad-CAM (Selvaraju et al., ICCV 2017) on the encoder's last feature map, or,
for a vision transformer, each frame's bar divided among its patches by attention rollout (Abnar and
Zuidema, ACL 2020): a grid of {grid} positions over the crop, drawn smoothly. Bright regions of the
map raised the logit, to first order, on one scale for all frames of a clip. Each bar is the
gradient with respect to a frame's features, times these features: above the line the frame raised
the logit, below it lowered it; again on one scale per clip.

What they do not show:

- They show what the score is sensitive to, not where a video was manipulated; they prove nothing.
- The grid is coarse, and each position depends on much more of the frame than it covers.
- Only what counts for fake is bright. What counts for real is cut off (but not in the bars).
- They are first-order: where the LSTM saturates, a gradient is small although the frame matters.
  The effect of the order of the frames is not shown separately.
- Nobody tested for this run whether the maps depend on what the network learned, as sanity checks
  with random weights do (Adebayo et al., NeurIPS 2018).
"""


class Pages:
    """Writes a page and a picture per video into one folder.

    Each video has its own files, whatever its name; files of earlier calls are replaced.
    """

    def __init__(self, out: pathlib.Path, detector: Detector):
        """Creates the folder.

        Raises:
            UserError: the folder cannot be written.
        """
        self._out, self._detector = out, detector
        self._names: set[str] = set()
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._not_written(error) from None

    def write(self, prediction: Prediction, found: Extraction | VideoError) -> dict[str, str]:
        """Writes a video's page and picture.

        Args:
            prediction: The prediction.
            found: The clips it was made from.

        Returns:
            {'page': the HTML file, 'picture': the PNG file}.

        Raises:
            UserError: the files cannot be written.
        """
        name = self._name(prediction.path)
        picture, page = self._out / f"{name}.png", self._out / f"{name}.html"
        clips = shown_clips(prediction, found)
        saliency = self._detector.explain(clips) if clips else None
        try:
            _draw(picture, prediction, found, clips, saliency)
            text = _markdown(prediction, picture.name, saliency)
            title = f"fdd: {prediction.path}"
            page.write_text(self_contained(text, self._out, title), "utf-8")
        except BaseException as error:
            for file in (picture, page):  # Remove incomplete files.
                with contextlib.suppress(OSError):
                    file.unlink()
            if isinstance(error, OSError):
                raise self._not_written(error) from None
            raise
        return {"page": str(page), "picture": str(picture)}

    def _name(self, path: str) -> str:
        """A unique name for a video's files, as close to the video's name as possible."""
        plain = re.sub(r"[^\w.-]+", "_", os.path.basename(path).encode("utf-8", "replace").decode())
        stem = plain.lstrip(".")[:_LONGEST_NAME] or "video"
        name, count = stem, 1
        while name.casefold() in self._names:
            count += 1
            name = f"{stem}-{count}"
        self._names.add(name.casefold())
        return name

    def _not_written(self, error: OSError) -> UserError:
        return UserError(f"--out={self._out} cannot be written: {error.strerror}")


def shown_clips(prediction: Prediction, found: Extraction | VideoError) -> list[Clip]:
    """The highest-scoring clips of the person who decided, in order of time."""
    if prediction.person is None:
        return []
    scores = {clip.index: clip.logit for clip in prediction.decisive.clips}
    clips = sorted(found.people[prediction.person - 1], key=lambda clip: -scores[clip.index])
    return sorted(clips[: evidence.MOST_CLIPS], key=lambda clip: clip.index)


def _draw(
    picture: pathlib.Path,
    prediction: Prediction,
    found: Extraction | VideoError,
    clips: Sequence[Clip],
    saliency: Saliency | None,
) -> None:
    frames: dict[int, np.ndarray] = {}
    searched: dict[float, int] = {}
    if isinstance(found, Extraction):
        searched = {found.info.seconds(index): count for index, count in found.searched.items()}
        middles = {clip.index: middle(clip.frame_indices) for clip in clips}
        try:
            read = dict(decode.read_frames(prediction.path, found.info, list(middles.values())))
            frames = {clip: read[index] for clip, index in middles.items()}
        except VideoError:
            pass  # The file is gone, but the clips are there.
    evidence.draw(picture, prediction, clips, saliency, frames, searched)


def _markdown(prediction: Prediction, picture: str, saliency: Saliency | None) -> str:
    verdict = prediction.verdict if prediction.person else f"no answer: {prediction.reason}"
    parts = [
        f"# {in_markdown(verdict.capitalize())}",
        in_markdown(prediction.path),
        f"![What the prediction rests on]({picture})",
        "## What this means",
        in_markdown(prediction_text.meaning(prediction)),
    ]
    if prediction.verdict != NO_ANSWER:
        parts += ["## Scores", _table(prediction)]
        if len(prediction.people) > 1:
            parts.append(
                f"The video's verdict is that of person {prediction.person}, the most suspicious "
                f"of {len(prediction.people)}. The more people, the higher the highest score is by "
                "chance alone. People are followed by where their faces are and where they move: "
                "one who moves far between two clips, or is seen elsewhere after a cut, counts as "
                "another."
            )
        height, width = saliency.maps.shape[2:]
        limits = LIMITS.format(grid=f"{height} × {width}")
        parts += ["## What the heat map and the bars show", limits]
    parts += ["## How it was made", _facts(prediction)]
    return "\n\n".join(parts)


def _table(prediction: Prediction) -> str:
    rows = ["| person | clip | seconds | probability of fake | logit |", "| --- " * 5 + "|"]
    for person in prediction.people:
        for clip in person.clips:
            span = f"{clip.start:.2f} to {clip.end:.2f}"
            score = f"{number(clip.probability)} | {clip.logit:.3f}"
            rows.append(f"| {person.number} | {clip.index} | {span} | {score} |")
        limits = person.interval and " to ".join(map(number, person.interval))
        spread = f" ({limits})" if limits else ""
        rows.append(
            f"| **{person.number}** | all | | **{number(person.probability)}**{spread} "
            f"| {person.logit:.3f} |"
        )
    return _without_html("\n".join(rows))


def _facts(prediction: Prediction) -> str:
    basis = prediction.basis
    seen = prediction_text.faces(prediction)
    chosen, fitted = "chosen on validation videos", "fitted on validation videos"
    if not basis.calibration.fitted:
        chosen = fitted = f"not fitted: {basis.calibration.reason}"
    lines = [
        f"- Threshold: probability {number(prediction.threshold)}, {chosen}.",
        f"- Temperature {basis.calibration.temperature:.4g}, {fitted}.",
        f"- {in_markdown(basis.weights)}; preprocessing {basis.fingerprint}.",
    ]
    if seen:
        lines.insert(0, f"- {seen[0].upper()}{seen[1:]}.")
    return _without_html("\n".join(lines))


def _without_html(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")
