"""A detector's accuracy on damaged videos: seven kinds of damage at five levels."""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tqdm

from fdd.data.catalog import Video, by_scene
from fdd.errors import UserError
from fdd.evaluation import metrics
from fdd.evaluation.pooling import POOLINGS, pooled
from fdd.system import cores, workers
from fdd.tables import escaped
from fdd.video import perturbations
from fdd.video.clips import extract_clips
from fdd.video.crops import decode_jpegs
from fdd.video.decode import VideoError
from fdd.video.family import Family, cut_together
from fdd.video.preprocessing import Preprocessing

CLEAN = "none"
Condition = tuple[str, int]
CONDITIONS: tuple[Condition, ...] = (
    (CLEAN, 0),
    *((kind, level) for kind in perturbations.KINDS for level in perturbations.LEVELS),
)
Scorer = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
"""Clips, uint8 [n, t, h, w, 3], to logits [n] and distances from training [n]; None: not known."""


def _damaged_clips(
    videos: Sequence[Video], spec: Preprocessing
) -> tuple[list[tuple[Video, Condition, np.ndarray]], list[str]]:
    """The frames of each video's clips, uint8 [clips, t, h, w, 3], with each kind and level.

    Also lists the videos that give none, and why.
    """
    paths = [video.path for video in videos]
    return cut_together(paths, spec, functools.partial(_damaged_together, videos, spec))


def _damaged_together(
    videos: Sequence[Video], spec: Preprocessing, family: Family
) -> tuple[list[tuple[Video, Condition, np.ndarray]], list[str]]:
    found, failed = [], []
    reference = None
    for video in videos:
        try:
            clean = extract_clips(video.path, spec, reference, video.mask, family=family)
        except VideoError as error:
            failed.append(f"{escaped(video.video_id)}: {escaped(str(error))}")
            continue
        reference = reference or clean
        for kind, level in CONDITIONS:
            damage = None
            if kind != CLEAN:
                damage = functools.partial(perturbations.perturb, kind=kind, level=level)
            # A damaged video is cropped where the faces of its undamaged version are.
            extraction = extract_clips(video.path, spec, clean, damage=damage)
            clips = [decode_jpegs(clip.frames) for clip in extraction.people[0]]
            found.append((video, (kind, level), np.stack(clips)))
    return found, failed


def damaged(videos: Sequence[Video], spec: Preprocessing) -> Iterator[tuple[list[Any], list[str]]]:
    """Yields the damaged clips of each scene's videos; works a few scenes ahead."""
    groups = by_scene(videos)
    processes = min(cores.usable(), len(groups))
    with workers.pool(processes) as pool:
        waiting = []
        for group in groups:
            with workers.shielded():
                waiting.append(pool.submit(_damaged_clips, group, spec))
            if len(waiting) > 2 * processes:
                yield waiting.pop(0).result()
        for job in waiting:
            yield job.result()


def evaluate(
    videos: Sequence[Video],
    spec: Preprocessing,
    score: Scorer,
    pooling: str = POOLINGS[0],
    knows: Callable[[float], bool] = lambda distance: True,
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Scores videos with each kind and level of damage; prints which gave no clips.

    Args:
        videos: Real and fake videos of one split.
        spec: The preprocessing the detector was trained with.
        score: See `Scorer`.
        pooling: How a video's score comes from its clips', see `fdd.evaluation.pooling`.
        knows: Whether a video of this distance gets an answer.

    Returns:
        AUC per video, of all videos, whether they get an answer or not: under 'none' one value, for
        undamaged videos; under each kind of damage five values, one per level. NaN if a class is
        missing. And in the same form the share of videos that get an answer; empty if distances are
        not known.

    Raises:
        UserError: no video gave clips.
    """
    failed: list[str] = []
    labels: dict[str, int] = {}
    logits: dict[Condition, dict[str, float]] = {condition: {} for condition in CONDITIONS}
    groups = damaged(videos, spec)
    answered: dict[Condition, list[bool]] = {condition: [] for condition in CONDITIONS}
    bar = tqdm.tqdm(groups, desc="Damaging videos", total=len(by_scene(videos)), unit="scene")
    for results, without_clips in bar:
        failed += without_clips
        if not results:
            continue
        scores, distances = score(np.concatenate([clips for *_, clips in results]))
        ends = np.cumsum([len(clips) for *_, clips in results])[:-1]
        if distances is not None:
            for (_, condition, _), some in zip(results, np.split(distances, ends), strict=True):
                answered[condition].append(knows(float(some.mean())))
        for (video, condition, _), clip_logits in zip(results, np.split(scores, ends), strict=True):
            labels[video.video_id] = int(video.label == "fake")
            logits[condition][video.video_id] = pooled(clip_logits, pooling)
    if failed:
        some = f"{len(failed)} of {len(videos)} videos gave no clips and are not counted"
        if not labels:
            raise UserError(f"{some} ({failed[0]})")
        print(f"fdd: {some} ({'; '.join(failed[:3])}{' …' * (len(failed) > 3)})", file=sys.stderr)
    areas = {
        condition: metrics.auc([labels[name] for name in by_video], list(by_video.values()))
        for condition, by_video in logits.items()
    }
    if not all(answered.values()):
        return _by_kind(areas), {}
    return _by_kind(areas), _by_kind({key: float(np.mean(v)) for key, v in answered.items()})


def _by_kind(values: dict[Condition, float]) -> dict[str, list[float]]:
    return {
        CLEAN: [values[CLEAN, 0]],
        **{
            kind: [values[kind, level] for level in perturbations.LEVELS]
            for kind in perturbations.KINDS
        },
    }
