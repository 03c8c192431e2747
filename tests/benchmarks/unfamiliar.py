"""How often videos unlike those of training get no answer, by kind.

    python -m tests.benchmarks.unfamiliar --detector=runs/demo --folder "real people=DIR" …

Prints, for the detector's own test videos, for folders of videos, and for what is drawn here
(`tests.benchmarks.odd_videos`): how many gave clips of a face, and how many of these get no answer,
since they are unlike those of training. Frames of nothing are judged as if a face had been found.
--picture adds a picture of an animal, warped. --damage damages some of the test videos in each way
at each level, and adds the share without an answer, and how all would be classified: the mean of
the accuracies on real and on fake videos at the run's threshold, and AUC.

Nothing here is used to choose anything: `tests.benchmarks.familiarity_methods` compares methods on
validation videos alone.
"""

import argparse
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np

from fdd import tables
from fdd.data.catalog import Video, by_scene
from fdd.data.padding import padded
from fdd.evaluation import metrics, pooling, robustness
from fdd.inference import splits
from fdd.inference.detector import Detector
from fdd.inference.prediction import UNFAMILIAR, Prediction
from fdd.runs import prepare
from fdd.video import faces, named, perturbations
from fdd.video.encode import write_video
from fdd.video.extraction import Clip
from tests.benchmarks import odd_videos

_MOST_DRAWN = 40  # Times the number that is wanted: most drawings are no face for the detector.


def row(name: str, predictions: Sequence[Prediction]) -> list[str]:
    """A line of the table."""
    cut = [each for each in predictions if each.person or each.reason == UNFAMILIAR]
    none = sum(each.reason == UNFAMILIAR for each in cut)
    verdicts = [each.verdict for each in cut if each.person]
    return [
        name,
        str(len(predictions)),
        str(len(cut)),
        _of(none, len(cut)),
        f"{verdicts.count('real')} real, {verdicts.count('fake')} fake" if verdicts else "",
    ]


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "n/a"


def own(detector: Detector) -> list[str]:
    """A line for the test split of the detector's data set."""
    scores, seen = splits.scored(detector, prepare.open_dataset(detector.config.data), "test")
    found = splits.familiarity(detector, seen)
    count = len(scores.by_video().labels)
    kept = found["metrics"]["of_answered"]
    accuracy = f"{found['metrics']['all']['accuracy']:.4f}"
    accuracy += f", with an answer {kept['accuracy']:.4f}" if kept else ""
    none = round((1 - found["answered"]) * count)
    return ["its own test videos", str(count), str(count), _of(none, count), f"accuracy {accuracy}"]


def drawn(
    detector: Detector, draw: odd_videos.Draw, count: int, folder: pathlib.Path
) -> list[Prediction]:
    """Predictions for videos that are drawn until so many have shown a face."""
    found: list[Prediction] = []
    passed, seed = 0, 0
    while passed < count and seed < _MOST_DRAWN * count:
        frames = draw(np.random.default_rng(seed))
        seed += 1
        first = next(frames)
        if not faces.detect_faces(first):
            continue
        write_video(folder / f"{seed}.mp4", [first, *frames], fps=25)
        found.append(detector.predict(folder / f"{seed}.mp4"))
        passed += found[-1].person is not None or found[-1].reason == UNFAMILIAR
    return found


def of_nothing(detector: Detector, count: int) -> list[str]:
    """A line for clips without a face, which are cut out as if there were one."""
    spec, unknown = detector.preprocessing, 0
    for seed in range(count):
        frames = list(odd_videos.nothing(np.random.default_rng(seed)))[: spec.num_frames]
        size = (spec.image_size,) * 2
        images = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
        seen = detector.look([_clip(images)])
        unknown += not detector.familiarity.knows(
            float(detector.familiarity.distances(seen).mean())
        )
    return ["frames of nothing, cut as faces", str(count), "", _of(unknown, count), ""]


def _clip(images: Sequence[np.ndarray]) -> Clip:
    coded = [cv2.imencode(".jpg", image[..., ::-1])[1].tobytes() for image in images]
    indices = tuple(range(len(images)))
    return Clip(
        index=0,
        frames=tuple(coded),
        frame_indices=indices,
        seconds=tuple(index / 25 for index in indices),
        face=None,
        crop=(0.0, 0.0, *map(float, images[0].shape[1::-1])),
        seen=(),
    )


def look(detector: Detector, clips: np.ndarray) -> dict[str, np.ndarray]:
    """What the detector sees in clips, uint8 [n, t, h, w, 3]: logits and features by part."""
    size = detector.config.batch_size
    starts = np.arange(0, len(clips), size)[:, None]
    batches = padded(starts + np.arange(size), len(clips))
    seen = [detector.look_step(detector.state, {"frames": clips[batch]}) for batch in batches]
    return {
        name: np.concatenate([np.asarray(each[name]) for each in seen])[: len(clips)]
        for name in seen[0]
    }


def damaged(
    detector: Detector, split: str, most: int
) -> Iterator[tuple[Video, robustness.Condition, dict[str, np.ndarray]]]:
    """Yields what the detector sees in each clip of a split's videos, by kind of damage.

    Args:
        detector: The detector.
        split: 'validation' or 'test'.
        most: The largest number of scenes (an original with its fakes), evenly spread.
    """
    builder = prepare.create_builder(detector.config.data)
    root = prepare.videos_folder(detector.config.data)
    scenes = by_scene([video for video in builder.find_videos(root) if video.split == split])
    chosen = np.unique(np.linspace(0, len(scenes) - 1, most).round().astype(int))
    videos = [video for index in chosen for video in scenes[index]]
    for results, _ in robustness.damaged(videos, detector.preprocessing):
        seen = look(detector, np.concatenate([clips for *_, clips in results]))
        ends = np.cumsum([len(clips) for *_, clips in results])[:-1]
        parts = {name: np.split(values, ends) for name, values in seen.items()}
        for number, (video, condition, _) in enumerate(results):
            yield video, condition, {name: each[number] for name, each in parts.items()}


def balanced(labels: np.ndarray, verdicts: np.ndarray) -> float:
    """The mean of the accuracies on real and on fake videos."""
    return float(np.mean([np.mean(verdicts[labels == kind] == kind) for kind in (0, 1)]))


def damage_table(detector: Detector, most: int) -> str:
    """By kind and level: how all videos are classified, and the share without an answer."""
    scored: dict[robustness.Condition, list[tuple[bool, float]]] = {}
    unknown: dict[robustness.Condition, list[bool]] = {}
    for video, condition, seen in damaged(detector, "test", most):
        logit = pooling.pooled(seen["logits"], detector.config.video_score)
        scored.setdefault(condition, []).append((video.label == "fake", logit))
        distance = float(detector.familiarity.distances(seen).mean())
        unknown.setdefault(condition, []).append(not detector.familiarity.knows(distance))

    def cell(condition: robustness.Condition) -> str:
        labels, logits = map(np.array, zip(*scored[condition], strict=True))
        right = balanced(labels, logits > detector.calibration.threshold)
        area = metrics.auc(labels, logits)
        return f"{right:.2f} {area:.2f} {np.mean(unknown[condition]):4.0%}"

    heads = [f"level {level}" for level in perturbations.LEVELS]
    lines = [["balanced accuracy, AUC, no answer", *heads]]
    lines += [
        [kind, *(cell((kind, level)) for level in perturbations.LEVELS)]
        for kind in perturbations.KINDS
    ]
    clean = (robustness.CLEAN, 0)
    return f"{len(scored[clean])} test videos; undamaged: {cell(clean)}\n{tables.aligned(lines)}"


def _rows(
    detector: Detector,
    folders: Mapping[str, pathlib.Path],
    picture: pathlib.Path | None,
    count: int,
) -> Iterator[list[str]]:
    yield ["videos", "number", "with a face", "no answer, as unfamiliar", "the others"]
    yield own(detector)
    for name, folder in folders.items():
        paths, _ = named.find_videos([str(folder)])
        yield row(name, list(detector.predict_all(paths)))
    yield of_nothing(detector, count)
    kinds = {"cartoons": odd_videos.cartoon, "drawn animals": odd_videos.animal}
    if picture:
        kinds["an animal, warped"] = odd_videos.warped(cv2.imread(str(picture))[..., ::-1])
    for name, draw in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            yield row(name, drawn(detector, draw, count, pathlib.Path(folder)))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", required=True, help="the folder of a run")
    parser.add_argument("--folder", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--picture", type=pathlib.Path, help="of an animal")
    parser.add_argument("--count", type=int, default=40, help="videos of each kind with a face")
    parser.add_argument("--damage", type=int, default=0, help="test scenes to damage")
    options = parser.parse_args()
    detector = Detector.load(options.detector)
    if detector.familiarity is None:
        parser.error("the run's familiarity is not known: fdd.main --mode=eval measures it")
    folders = dict(each.split("=", 1) for each in options.folder)
    paths = {name: pathlib.Path(folder) for name, folder in folders.items()}
    print(tables.aligned(list(_rows(detector, paths, options.picture, options.count))), flush=True)
    if options.damage:
        print(damage_table(detector, options.damage))


if __name__ == "__main__":
    main()
