"""Fitting temperature and threshold of published weights on a data set."""

import os
import pathlib

from fdd.data.records import Dataset
from fdd.errors import UserError, shown
from fdd.evaluation import calibration, looks
from fdd.inference import sources, splits
from fdd.inference.detector import Detector
from fdd.runs import trained_on
from fdd.training.look import INPUT

_SPLIT = "validation"


def calibrate(detector: str | os.PathLike[str], folder: pathlib.Path) -> str:
    """Fits temperature, threshold and familiarity on a data set, and stores them.

    Temperature and threshold are fitted on the validation split; familiarity on the training
    split if there is one (`fdd.evaluation.looks.fit`).

    Args:
        detector: Published weights, see `fdd.Detector.load`.
        folder: Of the data set.

    Returns:
        What was found, in a line.

    Raises:
        UserError: the detector is a run, which has its own; the data set was cut in another way,
            or its validation split has only one class; or the file cannot be written.
    """
    source = sources.find(detector)
    if isinstance(source, sources.Run):
        raise UserError(
            f"{shown(str(source.folder))} is a run, which its own validation split has calibrated: "
            "--calibrate is for published weights"
        )
    loaded, dataset = Detector.load(detector), Dataset(folder)
    if dataset.fingerprint != loaded.fingerprint:
        raise UserError(
            f"{dataset.folder} was cut with other preprocessing (fingerprint "
            f"{dataset.fingerprint}) than the detector needs ({loaded.fingerprint}): build it as "
            "--config=gend does"
        )
    scores, seen = splits.looked(loaded, dataset, _SPLIT)
    videos = scores.by_video()
    fitted = calibration.fit(videos.labels, videos.logits)
    if not fitted.fitted:
        raise UserError(f"{dataset.folder}: nothing can be fitted, since {fitted.reason}")
    facts = {**trained_on.named(dataset), "split": _SPLIT, "videos": len(videos.labels)}
    file = source.calibrate(fitted, facts)
    known = looks.fit(
        *(loaded.look_step, loaded.state, dataset, loaded.config.batch_size),
        *(loaded.config.familiar_share, INPUT, seen),
    )
    source.remember(known, splits.validated(scores, dataset))
    return (
        f"Fitted on {len(videos.labels)} validation videos of {dataset.name}: temperature "
        f"{fitted.temperature:.3f}, threshold {fitted.threshold:+.3f} (of the logit); stored in "
        f"{shown(str(file))}; familiarity fitted on {known.source}"
    )
