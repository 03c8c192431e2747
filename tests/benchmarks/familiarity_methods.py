"""Which measure of familiarity notices damage that a detector cannot cope with: on validation.

    python -m tests.benchmarks.familiarity_methods --detector=runs/demo

Fits each measure on the run's training clips, and its threshold on the validation videos, as
`fdd.evaluation.familiarity` does. Then damages validation videos in each way at each level, and
prints how often a damaged video is farther away than an undamaged one (AUROC), over all conditions
and over those that make accuracy on validation (the mean over both classes) fall under --accuracy,
and which share of the latter gets no answer. No test video is read.

References: `fdd.evaluation.familiarity` names them.
"""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from sklearn import neighbors

from fdd import tables
from fdd.evaluation import familiarity, looks, metrics, pooling, robustness
from fdd.evaluation.familiarity import Gaussian, by_video, tolerance_limit
from fdd.inference.detector import Detector
from fdd.runs import prepare
from tests.benchmarks import unfamiliar

Features = Mapping[str, np.ndarray]


class Seen(NamedTuple):
    """What a measure is fitted on.

    Attributes:
        training: Features of training clips, [n, d] by part.
        labels: Theirs, int [n]; 1 for fake.
        usual: Features of validation clips, [m, d] by part, and 'logits'.
        videos: The validation clips' videos, [m].
    """

    training: Features
    labels: np.ndarray
    usual: Features
    videos: np.ndarray


Measure = Callable[[Features], np.ndarray]
"""Distances of clips, [n], from features [n, d] by part, and their 'logits'."""

NEIGHBOURS = 10


def gaussians(seen: Seen) -> Measure:
    """As fdd does."""
    return familiarity.fit(*_common(seen), share=0.95).distances


def gaussians_by_class(seen: Seen) -> Measure:
    """One mean per class, and the covariance around them in common."""
    return _largest(_by_class(seen), seen.usual)


def relative(seen: Seen) -> Measure:
    """The distance by class, less that of all classes together."""
    near, far = _by_class(seen), _fitted(seen)
    found = {name: _difference(near[name], far[name].distance) for name in near}
    return _largest(found, seen.usual)


def nearest(seen: Seen) -> Measure:
    """The distance to a near training clip, of features of length 1."""
    found = {}
    for name, values in seen.training.items():
        tree = neighbors.NearestNeighbors(n_neighbors=NEIGHBOURS).fit(_unit(values))
        found[name] = lambda x, tree=tree: tree.kneighbors(_unit(x))[0][:, -1]
    return _largest(found, seen.usual)


def energy(seen: Seen) -> Measure:
    """The negative logarithm of the sum of both classes' exponentiated scores, ±logit / 2."""
    return lambda clips: -np.logaddexp(clips["logits"] / 2, -clips["logits"] / 2)


MEASURES = {
    "Gaussians (fdd's)": gaussians,
    "Gaussians by class": gaussians_by_class,
    "relative Mahalanobis": relative,
    f"{NEIGHBOURS} nearest neighbours": nearest,
    "energy": energy,
}


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _difference(first: Callable, second: Callable) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: first(values) - second(values)


def _common(seen: Seen) -> tuple[Features, Features, np.ndarray]:
    return seen.training, {name: seen.usual[name] for name in seen.training}, seen.videos


def _fitted(seen: Seen) -> Mapping[str, Gaussian]:
    parts = familiarity.fit(*_common(seen), share=0.95).parts
    return {name: dataclasses.replace(part, usual=1.0) for name, part in parts.items()}


def _by_class(seen: Seen) -> dict[str, Callable]:
    means = {
        name: np.stack([values[seen.labels == label].mean(axis=0) for label in (0, 1)])
        for name, values in seen.training.items()
    }
    centred = {name: each - means[name][seen.labels] for name, each in seen.training.items()}
    parts = _fitted(seen._replace(training=centred))

    def of(name: str) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: np.min([parts[name].distance(x - mean) for mean in means[name]], axis=0)

    return {name: of(name) for name in parts}


def _largest(parts: Mapping[str, Callable], usual: Features) -> Measure:
    """The largest over the parts, each on the scale of validation's median and quartiles."""
    scales = {
        name: np.quantile(distance(usual[name]), (0.25, 0.5, 0.75))
        for name, distance in parts.items()
    }

    def measure(seen: Features) -> np.ndarray:
        found = []
        for name, distance in parts.items():
            low, middle, high = scales[name]
            found.append((distance(seen[name]) - middle) / max(high - low, 1e-9))
        return np.max(found, axis=0)

    return measure


def compare(detector: Detector, scenes: int, worst: float) -> str:
    """The table."""
    dataset, size = prepare.open_dataset(detector.config.data), detector.config.batch_size
    looked = {
        split: looks.look(detector.look_step, detector.state, dataset, split, size, most)
        for split, most in (("train", looks.MOST_CLIPS), ("validation", None))
    }
    validation = {**looked["validation"].features, "logits": looked["validation"].logits}
    labels = np.array([each["label"] for each in looked["train"].rows])
    seen = Seen(looked["train"].features, labels, validation, looked["validation"].videos)
    found: dict[robustness.Condition, list] = {}
    for video, condition, clips in unfamiliar.damaged(detector, "validation", scenes):
        found.setdefault(condition, []).append((video.label == "fake", clips))
    right = {
        condition: unfamiliar.balanced(
            np.array([is_fake for is_fake, _ in each]),
            np.array([_called_fake(detector, clips) for _, clips in each]),
        )
        for condition, each in found.items()
    }
    hard = [condition for condition in found if right[condition] < worst]
    lines = [["measure", "AUROC, all damage", f"accuracy < {worst:g}", "no answer there"]]
    for name, fit in MEASURES.items():
        measure = fit(seen)
        usual = by_video(measure(validation), seen.videos)
        far = {
            condition: np.array([measure(clips).mean() for _, clips in each])
            for condition, each in found.items()
        }
        # A limit takes positive values, and with enough videos only their ranks matter.
        above = usual - usual.min() + 1
        limit = tolerance_limit(above, detector.config.familiar_share) + usual.min() - 1
        damaged = [each for each in found if each != (robustness.CLEAN, 0)]
        areas = {each: _auroc(far[(robustness.CLEAN, 0)], far[each]) for each in damaged}
        lines.append([
            name,
            f"{np.mean([areas[each] for each in damaged]):.3f}",
            f"{np.mean([areas[each] for each in hard]):.3f}" if hard else "n/a",
            f"{np.mean([(far[each] > limit).mean() for each in hard]):.1%}" if hard else "n/a",
        ])  # fmt: skip
    said = ", ".join(f"{kind} {level} ({right[kind, level]:.2f})" for kind, level in hard)
    count = len(found[robustness.CLEAN, 0])
    return f"{tables.aligned(lines)}\n{count} videos; accuracy < {worst:g}: {said or 'nowhere'}"


def _called_fake(detector: Detector, clips: Features) -> bool:
    logit = pooling.pooled(clips["logits"], detector.config.video_score)
    return logit > detector.calibration.threshold


def _auroc(usual: np.ndarray, far: np.ndarray) -> float:
    origin = np.repeat([0, 1], [len(usual), len(far)])
    return float(metrics.auc(origin, np.concatenate([usual, far])))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", required=True, help="the folder of a run")
    parser.add_argument("--scenes", type=int, default=20, help="validation scenes to damage")
    parser.add_argument("--accuracy", type=float, default=0.6)
    options = parser.parse_args()
    print(compare(Detector.load(options.detector), options.scenes, options.accuracy))


if __name__ == "__main__":
    main()
