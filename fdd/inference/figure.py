"""The picture of a prediction: the frames, the scores over time, and what they depend on."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import cv2
import numpy as np
from matplotlib import colormaps, patches
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fdd.inference import words as prediction_text
from fdd.inference.prediction import NO_ANSWER, ClipScore, Person, Prediction
from fdd.inference.saliency import Saliency
from fdd.pages.drawing import DARK, LIGHT, MIDDLE, save
from fdd.pages.plain import short
from fdd.video import sampling
from fdd.video.crops import Box
from fdd.video.extraction import Clip

MOST_CLIPS = 4
_WIDTH = 10.0  # Inches.
_LONGEST_SIDE = 640  # Pixels of an overview frame.
_LIGHT_BLUE = "#6b9ac4"


def draw(
    file: pathlib.Path | BinaryIO,
    prediction: Prediction,
    clips: Sequence[Clip],
    saliency: Saliency | None,
    frames: Mapping[int, np.ndarray],
    searched: Mapping[float, int],
    headline: bool = True,
) -> None:
    """Draws a prediction as a PNG file.

    Args:
        file: The file to write.
        prediction: The prediction.
        clips: Clips to show, of the person who decided; empty without an answer.
        saliency: Saliency of these clips.
        frames: A whole frame from the middle of each clip, by clip index.
        searched: How many faces were found at each searched time, in seconds.
        headline: Whether the picture shows the video's name and the verdict.
    """
    if prediction.verdict == NO_ANSWER:
        figure = Figure(figsize=(_WIDTH, 1.2))
        _headline(figure, prediction)
        save(figure, file)
        return
    aspect = max((frame.shape[0] / frame.shape[1] for frame in frames.values()), default=0)
    overview = max(_WIDTH / MOST_CLIPS * aspect, 0.5)
    heights = [0.75 if headline else 0.05, overview, 1.7, *[2.75] * len(clips)]
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
    top, row, middle, *rows = figure.subfigures(len(heights), 1, height_ratios=heights)
    if headline:
        _headline(top, prediction)
    places = row.subplots(1, MOST_CLIPS)
    for axes in places:
        axes.axis("off")
    for axes, clip in zip(places, clips, strict=False):
        if clip.index in frames:
            _overview(axes, frames[clip.index], clip, prediction)
        else:
            axes.text(0.5, 0.5, "the frame could not\nbe read again", fontsize=8, ha="center")
    _timeline(middle.subplots(), prediction, searched)
    for part, clip, *explained in zip(rows, clips, *saliency, strict=True):
        score = next(s for s in prediction.decisive.clips if s.index == clip.index)
        _clip(part, clip, score, *explained)
    save(figure, file)


def _headline(figure: Figure, prediction: Prediction) -> None:
    if prediction.verdict == NO_ANSWER:
        title, line = f"no answer: {prediction.reason}", prediction.detail
    else:
        person = f"person {prediction.person}: " if len(prediction.people) > 1 else ""
        title, line = prediction.verdict, person + prediction_text.headline(prediction)
    color = MIDDLE if prediction.verdict == "fake" else DARK
    name = short(prediction.path, 90)
    figure.text(0.01, 0.78, name, fontsize=8, color="#555555", va="center")
    figure.text(0.01, 0.42, title.upper(), fontsize=15, weight="bold", color=color, va="center")
    figure.text(0.01, 0.05, line, fontsize=9.5, va="center")


def _overview(axes: Axes, frame: np.ndarray, clip: Clip, prediction: Prediction) -> None:
    """Draws a whole frame with everybody's face box."""
    scale = min(1.0, _LONGEST_SIDE / max(frame.shape[:2]))
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    axes.imshow(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
    for person in prediction.people:
        for score in person.clips:
            if score.index == clip.index and score.face_box is not None:
                decisive = person.number == prediction.person
                color = MIDDLE if decisive else _LIGHT_BLUE
                x, y, _, _ = _box(axes, score.face_box, scale, color, 2.0 if decisive else 1.2)
                if len(prediction.people) > 1:
                    label = {"facecolor": color, "edgecolor": "none", "pad": 1}
                    axes.text(x, y, person.number, color="white", fontsize=7, bbox=label)
    axes.set_xlim(0, size[0])
    axes.set_ylim(size[1], 0)
    axes.set_title(f"{sampling.middle(clip.seconds):.2f} s", fontsize=8, pad=2)


def _box(axes: Axes, box: Box, scale: float, color: str, width: float, left: float = 0) -> Box:
    x0, y0, x1, y1 = (value * scale for value in box)
    outline = {"fill": False, "edgecolor": color, "linewidth": width}
    axes.add_patch(patches.Rectangle((left + x0, y0), x1 - x0, y1 - y0, **outline))
    return x0, y0, x1, y1


def _timeline(axes: Axes, prediction: Prediction, searched: Mapping[float, int]) -> None:
    """Draws each clip's probability over its time, and where no face was found."""
    ordered = sorted(prediction.people, key=lambda person: person.number == prediction.person)
    for person in ordered:
        _track(axes, person, person.number == prediction.person, len(ordered) > 1)
    threshold = prediction.threshold
    axes.axhline(threshold, color="black", linewidth=1, linestyle="--")
    axes.annotate(
        f"threshold {prediction_text.number(threshold)}",
        (1.0, threshold), xycoords=("axes fraction", "data"), xytext=(4, 0),
        textcoords="offset points", fontsize=8, va="center", annotation_clip=False,
    )  # fmt: skip
    empty = [second for second, count in searched.items() if not count]
    if empty:
        label = "searched, no face"
        axes.plot(empty, [-0.06] * len(empty), "x", color="#888888", markersize=4, label=label)
    end = max(prediction.duration or 0, 0.04)
    axes.set_xlim(-0.02 * end, 1.02 * end)
    axes.set_ylim(-0.12, 1.06)
    axes.set_yticks([0, 0.5, 1])
    axes.set_xlabel("seconds", fontsize=8)
    axes.set_ylabel("probability\nof fake", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    if len(ordered) > 1 or empty:
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 0.35), frameon=False)


def _track(axes: Axes, person: Person, decisive: bool, several: bool) -> None:
    color = MIDDLE if decisive else _LIGHT_BLUE
    middles = [(clip.start + clip.end) / 2 for clip in person.clips]
    values = [clip.probability for clip in person.clips]
    label = f"person {person.number}" if several else None
    marker = "o" if decisive else "s"
    axes.plot(middles, values, marker, color=color, markersize=5, label=label)
    for clip in person.clips:
        axes.plot([clip.start, clip.end], [clip.probability] * 2, color=color, linewidth=3)


def _clip(
    figure: Figure,
    clip: Clip,
    score: ClipScore,
    maps: np.ndarray,
    contributions: np.ndarray,
) -> None:
    """Draws a clip's frames, the heat map over them, and what each frame adds."""
    images = clip.images()
    heat = np.maximum(maps, 0) / max(float(maps.max()), 1e-12)
    reach = max(float(np.abs(contributions).max()), 1e-12) * 1.4
    count, size = images.shape[:2]
    first, second, third = figure.subplots(
        3, 1, gridspec_kw={"height_ratios": [1, 1, 0.62], "hspace": 0.02}
    )
    first.set_title(
        f"clip {clip.index}, {score.start:.2f} to {score.end:.2f} s, "
        f"probability of fake {prediction_text.number(score.probability)}",
        fontsize=8.5, loc="left", pad=2,
    )  # fmt: skip
    first.imshow(np.concatenate(list(images), axis=1), aspect="auto")
    if clip.aligned:  # A box of the video is none here.
        for number, points in enumerate(clip.landmarks):
            x, y = np.transpose(points)
            first.plot(number * size + x, y, ".", color=MIDDLE, markersize=2)
    elif clip.face is not None:
        scale = size / (clip.crop[2] - clip.crop[0])
        x, y = clip.crop[:2]
        x0, y0, x1, y1 = clip.face.box
        for number in range(count):
            _box(first, (x0 - x, y0 - y, x1 - x, y1 - y), scale, MIDDLE, 1.0, number * size)
    second.imshow(
        np.concatenate([_heated(*pair) for pair in zip(images, heat, strict=True)], axis=1),
        aspect="auto",
    )
    colors = [MIDDLE if value > 0 else _LIGHT_BLUE for value in contributions]
    third.bar(np.arange(count) + 0.5, contributions, width=0.8, color=colors)
    third.axhline(0, color="black", linewidth=0.8)
    third.set_xlim(0, count)
    third.set_ylim(-reach, reach)
    third.set_facecolor(LIGHT)
    for axes, label in ((first, "face"), (second, "speaks\nfor fake"), (third, "frame\nadds")):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel(label, fontsize=7.5, rotation=0, ha="right", va="center")
        for side in axes.spines.values():
            side.set_visible(False)
    first.set_xlim(0, count * size)
    first.set_ylim(size, 0)
    for number, index in enumerate(clip.frame_indices):
        third.text(number + 0.5, -reach, index, fontsize=6, ha="center", va="bottom", color="#555")


def _heated(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A frame in grey, float [h, w, 3], with the heat map over it: the hotter, the more opaque."""
    fine = cv2.resize(heat, image.shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)[..., None]
    grey = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1) / 255
    weight = 0.75 * fine
    return grey * (1 - weight) + colormaps["inferno"](fine[..., 0])[..., :3] * weight
