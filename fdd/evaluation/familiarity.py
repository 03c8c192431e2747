"""Whether a video is like those that a detector was trained on.

What the parts of the network make of the training split is summarised by one Gaussian per part. A
clip's distance is the largest of its Mahalanobis distances, each divided by what is usual on
validation. A video's distance is the mean over its clips.

References:
    Mahalanobis distance of a network's features, by layer: Lee et al., A Simple Unified Framework
    for Detecting Out-of-Distribution Samples and Adversarial Attacks, NeurIPS 2018. Shrinkage:
    Ledoit and Wolf, A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices, 2004.
    The threshold is a tolerance limit: Wilks, Determination of Sample Sizes for Setting Tolerance
    Limits, 1941; with too few videos for it, that of a normal distribution.
    What was compared on damaged validation videos of the demo, and not taken
    (`tests.benchmarks.familiarity_methods`; fdd/inference/README.md has the table): Gaussians per
    class, which notice a little more; k nearest neighbours (Sun et al., Out-of-Distribution
    Detection with Deep Nearest Neighbors, ICML 2022), which notice more, but keep the features of
    all training clips; the relative distance (Ren et al., A Simple Fix to Mahalanobis Distance for
    Improving Near-OOD Detection, 2021); and energy (Liu et al., Energy-based Out-of-distribution
    Detection, NeurIPS 2020), for which damaged videos look more familiar than others.
"""

import dataclasses
import math
from collections.abc import Mapping
from types import ModuleType

import numpy as np
import scipy  # Its submodules are loaded when they are used.

from fdd.errors import UserError

CONFIDENCE = 0.9
"""Of the statement that a share of all videos like those of validation is familiar."""
MOST_DIMENSIONS = 128
"""Of a part's features after projection."""

Features = Mapping[str, np.ndarray]
"""Features of clips, float [n, d], by the part that they come from."""


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """The training clips' distribution in one part's features.

    Attributes:
        mean: float32 [d].
        whitening: float32 [d, k]: maps what exceeds the mean to k uncorrelated values of variance
            1; their mean square is the distance.
        usual: Median of the distances of validation videos.
    """

    mean: np.ndarray
    whitening: np.ndarray
    usual: float = 1.0

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Distances of clips, [n], from features [n, d], arrays of NumPy or of JAX."""
        white = (features - self.mean) @ self.whitening
        return (white**2).mean(axis=1) / self.usual


@dataclasses.dataclass(frozen=True)
class Familiarity:
    """What a detector knows about the videos that it was trained on.

    Attributes:
        parts: A Gaussian per part.
        known: Distances of the validation videos, ascending, float64 [n].
        share: The share of videos like them that are to be familiar.
        threshold: A video with a larger distance is unfamiliar.
        ranges: Of measurable quantities of training clips, `fdd.evaluation.quantities`.
        source: Which videos it was made from, in words.
    """

    parts: Mapping[str, Gaussian]
    known: np.ndarray
    share: float
    threshold: float
    ranges: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    source: str = ""

    def distances(self, features: Features, xp: ModuleType = np) -> np.ndarray:
        """Distances of clips, float [n].

        Args:
            features: Arrays of NumPy, or of JAX, also while they are traced.
            xp: Their module, numpy or jax.numpy.

        Raises:
            UserError: a part is missing in the features.
        """
        if missing := sorted(set(self.parts) - set(features)):
            raise UserError(
                f"the encoder no longer notes {', '.join(missing)}, by which this detector's "
                "familiarity was measured: delete its familiarity.safetensors and measure it again"
            )
        return _largest(self.parts, features, xp)

    def of(self, distance: float) -> float:
        """The familiarity of a video: the share of validation videos with a larger distance."""
        return float(np.mean(self.known > distance))

    def knows(self, distance: float) -> bool:
        """Whether a video of this distance, the mean over its clips, is familiar."""
        return bool(distance <= self.threshold)


def fit(
    training: Features,
    validation: Features,
    videos: np.ndarray,
    share: float,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    source: str = "",
) -> Familiarity:
    """Summarises the training split, and chooses the threshold on validation.

    Args:
        training: Features of training clips.
        validation: Features of all validation clips.
        videos: Names of the validation clips' videos, [n].
        share: The share of videos like those of validation that are to be familiar, below 1.
        ranges: See `Familiarity`.
        source: See `Familiarity`.
    """
    parts = {}
    for name, features in training.items():
        gaussian = _gaussian(features)
        usual = np.median(by_video(gaussian.distance(validation[name]), videos))
        parts[name] = dataclasses.replace(gaussian, usual=max(float(usual), 1e-6))
    known = np.sort(by_video(_largest(parts, validation), videos))
    return Familiarity(
        parts=parts,
        known=known,
        share=share,
        threshold=tolerance_limit(known, share),
        ranges=dict(ranges or {}),
        source=source,
    )


def by_video(distances: np.ndarray, videos: np.ndarray) -> np.ndarray:
    """The mean over each video's clips, by the sorted names of the videos."""
    _, inverse = np.unique(videos, return_inverse=True)
    return np.bincount(inverse, distances) / np.bincount(inverse)


def tolerance_limit(known: np.ndarray, share: float) -> float:
    """A limit that at least a share of further values will not exceed, with `CONFIDENCE`.

    It is the smallest of the given values for which that holds whatever their distribution. If it
    holds for none, it is the limit for a normal distribution of the logarithms, at least the
    largest value.

    Args:
        known: Positive values, drawn independently.
        share: Above 0 and below 1.
    """
    known = np.sort(np.asarray(known, np.float64))
    count = len(known)
    # The k-th smallest of n values exceeds a share of Beta(k, n - k + 1).
    ranks = np.arange(1, count + 1)
    certain = scipy.special.betainc(ranks, count - ranks + 1, share) <= 1 - CONFIDENCE
    if certain.any():
        return float(known[np.argmax(certain)])
    if count < 2:
        return float(known[-1])
    logs = np.log(np.maximum(known, 1e-12))
    shift = scipy.special.ndtri(share) * math.sqrt(count)
    factor = scipy.stats.nct.ppf(CONFIDENCE, count - 1, shift) / math.sqrt(count)
    return float(max(known[-1], math.exp(logs.mean() + factor * logs.std(ddof=1))))


def _largest(parts: Mapping[str, Gaussian], features: Features, xp: ModuleType = np) -> np.ndarray:
    return xp.max(xp.stack([parts[name].distance(features[name]) for name in parts]), axis=0)


def _gaussian(features: np.ndarray) -> Gaussian:
    """The Gaussian of features, [n, d], with the covariance of Ledoit and Wolf.

    Features are divided by their standard deviations first. Of its axes, the
    `MOST_DIMENSIONS` of largest variance are kept.
    """
    features = np.asarray(features, np.float64)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.maximum(scale, 1e-3 * max(float(scale.max()), 1e-12))
    variances, axes = np.linalg.eigh(_shrunk((features - mean) / scale))
    kept = slice(-MOST_DIMENSIONS, None)
    whitening = axes[:, kept] / np.sqrt(np.maximum(variances[kept], 1e-12)) / scale[:, None]
    return Gaussian(mean=mean.astype(np.float32), whitening=whitening.astype(np.float32))


def _shrunk(centred: np.ndarray) -> np.ndarray:
    """The covariance of centred values, [n, d], moved towards a multiple of the identity."""
    count, size = centred.shape
    covariance = centred.T @ centred / count
    level = np.trace(covariance) / size
    spread = ((covariance - level * np.eye(size)) ** 2).sum()
    squares = centred**2
    noise = ((squares.T @ squares).sum() / count - (covariance**2).sum()) / count
    weight = min(1.0, max(0.0, noise / spread)) if spread > 0 else 1.0
    return (1 - weight) * covariance + weight * level * np.eye(size)
