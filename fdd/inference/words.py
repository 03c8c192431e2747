"""A prediction in words."""

from fdd.errors import shown
from fdd.evaluation.conformal import UNDECIDED
from fdd.inference.prediction import NO_ANSWER, UNFAMILIAR, ClipScore, Person, Prediction

_BAR = 20


def lines(prediction: Prediction) -> str:
    """A prediction as some lines for a terminal."""
    name = shown(prediction.path)
    if prediction.verdict == NO_ANSWER:
        why = "; ".join([prediction.detail, *notes(prediction)])
        return f"{name}: no answer, {prediction.reason} ({why})"
    text = [f"{name}: {prediction.verdict}, {headline(prediction)}"]
    if seen := faces(prediction):
        text.append(f"  {seen}")
    if prediction.familiarity is not None:
        text.append(f"  {familiar(prediction)}")
    text.extend(f"  note: {note}" for note in notes(prediction))
    text.extend(f"  in doubt: {doubt}" for doubt in prediction.doubts)
    for person in prediction.people:
        if len(prediction.people) > 1:
            decided = ", who decided," if person.number == prediction.person else ""
            text.append(f"  person {person.number}{decided} {chance(person)}")
        text.extend(_clip(clip) for clip in person.clips)
    if span := spread(prediction):
        text.append(f"  {span}")
    text.extend(f"  {line}" for line in promises(prediction))
    text.append(f"  {caution(prediction)}")
    return "\n".join(text)


def caution(prediction: Prediction) -> str:
    """A warning about what an answer does not prove, in one line."""
    text = (
        "This is no proof: for videos from elsewhere, other forgeries or other compression the "
        "number may be far off, in either direction; and where fakes are rare, many videos called "
        "fake are real."
    )
    calibration = prediction.basis.calibration
    return text if calibration.fitted else f"{not_fitted(calibration.reason)} {text}"


def not_fitted(reason: str) -> str:
    """What is said with the answers of a detector without calibration; `reason` is a clause."""
    return (
        f"Temperature and threshold were not fitted, because {reason}, so the number is not a "
        "calibrated probability."
    )


def notes(prediction: Prediction) -> list[str]:
    """Remarks on the file: damage, an early end, how it was shown."""
    said = prediction.detail or ""
    return [clause for clause in prediction.condition.clauses() if clause not in said]


def familiar(prediction: Prediction) -> str:
    """How familiar the video is, in a sentence without its end."""
    share = f"{100 * prediction.familiarity:.0f} % of the validation videos are less familiar"
    is_like = "unlike" if prediction.unfamiliar else "like"
    return f"{is_like} what this detector was trained on: {share}"


def headline(prediction: Prediction) -> str:
    """The probability, its interval and the threshold."""
    if prediction.basis.conformal:
        rate = prediction.basis.conformal.error_rate
        return f"{chance(prediction.decisive)}, at an error rate of {rate:g} per class"
    threshold = prediction.threshold
    side = "above" if prediction.verdict == "fake" else "not above"
    return f"{chance(prediction.decisive)}, {side} the threshold {number(threshold)}"


def chance(person: Person) -> str:
    """A person's probability with its interval."""
    clips = f"{len(person.clips)} clip{'s' if len(person.clips) > 1 else ''}"
    text = f"probability of fake {number(person.probability)}"
    if person.interval is None:
        return f"{text} from {clips}"
    low, high = map(number, person.interval)
    return f"{text} (range over {clips}: {low} to {high})"


def spread(prediction: Prediction) -> str:
    """What the interval covers, in a sentence; '' if there is none."""
    if prediction.interval is None:
        return ""
    return (
        "The range says where further clips of this same video would put the number (95 %), not "
        "how certain the verdict is."
    )


def promises(prediction: Prediction) -> list[str]:
    """What a verdict with an error rate covers, and what it lacks, in sentences."""
    made = prediction.basis.conformal
    return [made.promise(), *filter(None, [made.shortage()])] if made else []


def faces(prediction: Prediction) -> str | None:
    """In how many frames faces were seen, and of how many people."""
    if prediction.frames_searched is None:
        return None
    text = (
        f"a face in {prediction.frames_with_face} of {prediction.frames_searched} searched frames"
    )
    count = len(prediction.people)
    return text if count < 2 else f"{text}, {count} people"


def number(probability: float) -> str:
    """A probability, with more digits near 0 and 1; never rounded to either."""
    if 0.01 <= probability <= 0.99:
        return f"{probability:.2f}"
    if 0.001 <= probability <= 0.999:
        return f"{probability:.3f}"
    return "<0.001" if probability < 0.5 else ">0.999"


def meaning(prediction: Prediction) -> str:
    """What the number means and what it does not, in plain sentences."""
    about = [f"Of the file: {note}." for note in notes(prediction)]
    return " ".join([_meaning(prediction), *about])


def _meaning(prediction: Prediction) -> str:
    if prediction.reason == UNFAMILIAR:
        return (
            f"There is no answer: the video is {UNFAMILIAR}, so its score would mean nothing "
            f"({prediction.detail}). That says nothing about whether the video is genuine."
        )
    if prediction.verdict == NO_ANSWER:
        return (
            f"There is no answer: {prediction.reason}, {prediction.detail}. That says nothing "
            "about whether the video is genuine."
        )
    probability = number(prediction.probability)
    fitted = prediction.basis.calibration.fitted
    calibrated = (
        ": of as many real as fake videos like those it was calibrated with, about that fraction "
        "of those with this score were fakes"
    )
    text = (
        f"The detector gives a probability of {probability} that this video is a fake of the kind "
        f"it was trained on{calibrated if fitted else ''}. {_because(prediction)} "
        f"{caution(prediction)}"
    )
    if prediction.familiarity is None:
        text = f"{text} Whether it is like the videos of training is not known."
    if prediction.doubts:
        text = f"{text} In doubt: {'; '.join(prediction.doubts)}."
    if prediction.interval is None:
        return f"{text} There is only one clip, so the spread is not known."
    return f"{text} {spread(prediction)}"


def _because(prediction: Prediction) -> str:
    """Why the verdict is what it is, in a sentence or some."""
    if prediction.basis.conformal is None:
        side = "" if prediction.verdict == "fake" else "not "
        fitted = prediction.basis.calibration.fitted
        return (
            f"It is called {prediction.verdict} because that is {side}above "
            f"{number(prediction.threshold)}, the threshold"
            f"{' chosen on validation videos' if fitted else ''}."
        )
    found = prediction.conformal
    usual = " and ".join(f"{found[f'p_{kind}']:.2g} for {kind} videos" for kind in ("real", "fake"))
    called = (
        "is undecided" if prediction.verdict == UNDECIDED else f"is called {prediction.verdict}"
    )
    return (
        f"At an error rate of {found['error_rate']:g} it {called}: such a score has a p-value of "
        f"{usual}, and a video is called one only if the other's is at most the error rate. "
        f"{' '.join(promises(prediction))}"
    )


def _clip(clip: ClipScore) -> str:
    full = round(clip.probability * _BAR)
    span = f"{clip.start:7.2f} to {clip.end:6.2f} s"
    return f"  {span}  {number(clip.probability):>6}  {'#' * full}{'.' * (_BAR - full)}"
