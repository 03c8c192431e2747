"""A detector's scores of a split of a data set, and what it sees there."""

from fdd.data.records import Dataset
from fdd.evaluation import looks
from fdd.evaluation.looks import Looks
from fdd.evaluation.scores import Scores, score
from fdd.inference.detector import Detector
from fdd.training import fakes


def scored(
    detector: Detector, dataset: Dataset, split: str, frames: str = "as_is"
) -> tuple[Scores, Looks | None]:
    """Scores a split, and where familiarity can be judged, looks at it in the same pass.

    Args:
        detector: The detector.
        dataset: The data set.
        split: 'train', 'validation' or 'test'.
        frames: See `fdd.evaluation.scores.frame_order`.

    Returns:
        The scores; and what was seen in the recorded clips, None if the detector's familiarity is
        not known or the frames are reordered.

    Raises:
        UserError: see `fdd.evaluation.scores.score`.
    """
    size, seen = detector.config.batch_size, None
    made = fakes.for_split(detector.config, dataset, split)
    if detector.familiarity is not None and frames == "as_is":
        seen = looks.look(detector.look_step, detector.state, dataset, split, size)
    scores = score(
        detector.eval_step,
        detector.state,
        dataset,
        split,
        size,
        frames,
        fakes=made,
        video_score=detector.config.video_score,
        known=None if seen is None else seen.logits,
    )
    return scores, seen
