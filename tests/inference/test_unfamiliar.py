"""From logits and familiarity to an answer, or to none."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fdd.evaluation.calibration import Calibration
from fdd.evaluation.conformal import Conformal, Validated
from fdd.evaluation.quantities import Outside
from fdd.inference import words
from fdd.inference.familiar import Judgement
from fdd.inference.prediction import UNFAMILIAR, Basis, Prediction
from fdd.inference.scoring import predict
from tests.made_extraction import extraction

BLURRED = Outside("detail", 2.0, 8.0, 20.0)
KNOWN, UNKNOWN = Judgement(0.4, True, ()), Judgement(0.01, False, (BLURRED,))
NINE = Validated(np.repeat([0, 1], 9), np.repeat([-9.0, 9.0], 9), np.tile(np.arange(9), 2))
PEOPLE = st.lists(st.tuples(st.floats(-20, 20), st.booleans()), min_size=1, max_size=5)


def _predicted(people, error_rate=None, **settings) -> Prediction:
    """Of people with a logit each, who are familiar or not."""
    basis = Basis(
        step=7,
        fingerprint="0123456789abcdef",
        calibration=Calibration(threshold=1.0),
        conformal=error_rate and Conformal(NINE, error_rate),
    )
    logits = [[logit] for logit, _ in people]
    judged = [KNOWN if is_known else UNKNOWN for _, is_known in people]
    return predict("a.mp4", extraction(logits, 1), logits, basis, judged, **settings)


@given(PEOPLE)
def test_a_familiar_fake_decides_and_otherwise_anybody_unfamiliar_is_enough_for_no_answer(people):
    made = _predicted(people)
    known = [logit for logit, is_known in people if is_known]
    if known and max(known) > 1:
        assert (made.verdict, made.logit, made.familiarity) == ("fake", max(known), 0.4)
    elif len(known) == len(people):
        assert (made.verdict, made.logit) == ("real", max(known))
    else:
        assert (made.verdict, made.reason, made.people) == ("no answer", UNFAMILIAR, ())
        assert made.probability is made.interval is made.conformal is None
        assert (made.familiarity, made.outside) == (0.01, (BLURRED,))


@given(PEOPLE)
def test_with_an_error_rate_only_a_familiar_fake_outweighs_somebody_unfamiliar(people):
    """Somebody who is undecided or real does not: the unfamiliar one may be the fake."""
    made, count = _predicted(people, 0.1), len(people)
    alone = [logit for logit, is_known in people if is_known]
    if len(alone) < count:
        fake = [x for x in alone if Conformal(NINE, 0.1).verdict(x, count, "real") == "fake"]
        assert (made.verdict == "no answer") == (not fake or max(alone) not in fake)
        assert made.verdict in ("no answer", "fake")
    else:
        assert made.verdict in ("real", "fake", "undecided")


@given(PEOPLE)
def test_an_answer_that_was_asked_for_anyway_is_marked(people):
    made = _predicted(people, answer_anyway=True)
    assert made.person is not None
    strict = _predicted(people)
    assert made.unfamiliar == (strict.reason == UNFAMILIAR)
    assert made.as_json()["unfamiliar"] == strict.as_json()["unfamiliar"] == made.unfamiliar
    assert ("the score means nothing" in words.lines(made)) == made.unfamiliar


def test_no_answer_names_the_quantity_and_what_would_help():
    made = _predicted([(9.0, False)])
    for text in (words.lines(made), words.meaning(made)):
        assert "it is more blurred (fine detail of the crop: 2, in training 8 to 20)" in text
        assert "what may help: the original file, in focus" in text
        assert "probability" not in text
    (found,) = json.loads(json.dumps(made.as_json()))["outside"]
    assert found == {"quantity": "fine detail of the crop", "value": 2.0, "low": 8.0, "high": 20.0}
