import dataclasses
import json
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from fdd.evaluation.calibration import Calibration
from fdd.inference import words as prediction_text
from fdd.inference.prediction import REASONS, VERDICTS, Basis
from fdd.inference.scoring import interval, predict, without_answer
from fdd.video.decode import Condition, DamagedError, IncompleteError, VideoError
from fdd.video.extraction import NoFaceError, TooShortError, TooSlowError
from fdd.video.info import INCOMPLETE
from tests.made_extraction import extraction

LOGITS = st.floats(-30, 30)
BASES = st.builds(
    Basis,
    step=st.just(7),
    fingerprint=st.just("0123456789abcdef"),
    calibration=st.builds(
        Calibration, temperature=st.floats(0.05, 20), threshold=st.floats(-10, 10)
    ),
)
PEOPLE = st.lists(st.lists(LOGITS, min_size=1, max_size=4), min_size=1, max_size=4)
PLAIN = Basis(step=7, fingerprint="0123456789abcdef", calibration=Calibration())


@given(people=PEOPLE, basis=BASES)
def test_the_most_suspicious_person_decides(people, basis):
    made = predict("a.mp4", extraction(people, max(map(len, people))), people, basis)
    means = [np.mean(logits) for logits in people]
    assert made.logit == max(means) == means[made.person - 1]
    assert made.decisive is made.people[made.person - 1]
    assert made.verdict == ("fake" if max(means) > basis.calibration.threshold else "real")
    assert made.probability == pytest.approx(
        1 / (1 + math.exp(-made.logit / basis.calibration.temperature))
    )


@given(people=PEOPLE, basis=BASES)
def test_verdict_and_threshold_agree_as_probabilities(people, basis):
    made = predict("a.mp4", extraction(people, max(map(len, people))), people, basis)
    for person in made.people:
        if person.probability > made.threshold:
            assert person.verdict == "fake"
        elif person.probability < made.threshold:
            assert person.verdict == "real"


@given(logits=st.lists(LOGITS, min_size=2, max_size=30), basis=BASES)
def test_the_interval_is_students(logits, basis):
    low, high = interval(logits, basis)
    mean = basis.probability(np.mean(logits))
    assert 0 <= low <= mean + 1e-12 and mean - 1e-12 <= high <= 1
    if np.std(logits) > 1e-3:
        expected = scipy.stats.t.interval(
            0.95, len(logits) - 1, np.mean(logits), scipy.stats.sem(logits)
        )
        expected = [basis.probability(limit) for limit in expected]
        assert (low, high) == pytest.approx(expected, abs=1e-9)


def test_it_is_said_what_an_interval_covers():
    made = predict("a.mp4", extraction([[2.0, 1.0]], 2), [[2.0, 1.0]], PLAIN)
    for text in (prediction_text.lines(made), prediction_text.meaning(made)):
        assert "where further clips of this same video would put the number (95 %), not" in text


def test_one_clip_has_no_interval():
    made = predict("a.mp4", extraction([[2.0]], 1), [[2.0]], PLAIN)
    assert made.interval is None
    assert made.verdict == "fake"
    assert "the spread is not known" in prediction_text.meaning(made)


@given(people=PEOPLE, basis=BASES)
def test_json_is_strict_and_complete(people, basis):
    found = extraction(people, max(map(len, people)), {0: 1, 3: 0})
    made = predict("a\n\udcff.mp4", found, people, basis)
    text = json.dumps(made.as_json(), allow_nan=False)
    assert "\n" not in text
    read = json.loads(text)
    assert read["path"] == made.path
    assert [read["frames_with_face"], read["frames_searched"]] == [1, 2]
    clips = [clip["logit"] for person in read["people"] for clip in person["clips"]]
    assert clips == [logit for logits in people for logit in logits]
    assert list(read) == list(without_answer("b", VideoError("no"), basis).as_json())


@given(people=PEOPLE, num_clips=st.integers(4, 30))
def test_too_few_clips_with_a_face_give_no_answer(people, num_clips):
    made = predict("a.mp4", extraction(people, num_clips), people, PLAIN)
    if 3 * max(map(len, people)) < num_clips:
        assert (made.verdict, made.reason) == ("no answer", "too few good frames")
        assert made.people == () and made.probability is made.interval is made.person is None
        assert f"of {num_clips} clips" in made.detail
    else:
        assert made.reason is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TooShortError("9 frames"), "too short"),
        (NoFaceError("none", {0: 0, 3: 0}), "no face"),
        (NoFaceError("none", {0: 1, 3: 0, 6: 0}), "too few good frames"),
        (TooSlowError("0.08 seconds pass"), "frame rate too low"),
        (VideoError("no video stream"), "unreadable"),
    ],
)
def test_reasons(error, reason):
    made = without_answer("a.mp4", error, PLAIN)
    assert (made.verdict, made.reason) == (VERDICTS[2], reason)
    assert reason in REASONS
    assert reason in prediction_text.lines(made)
    json.dumps(made.as_json(), allow_nan=False)


def test_too_few_clips_say_what_the_others_lack():
    found = dataclasses.replace(
        extraction([[0.0]], 4), missing={1: "a gap", 2: "no face", 3: "a gap"}
    )
    assert predict("a.mp4", found, [[0.0]], PLAIN).detail.endswith("mostly: a gap")


def test_doubts_are_said_in_words_and_in_json():
    doubts = ("people 1 and 2 may be one", "no time stamps")
    found = dataclasses.replace(extraction([[0.0] * 4]), doubts=doubts)
    made = predict("a.mp4", found, [[0.0] * 4], PLAIN)
    assert made.as_json()["doubts"] == list(doubts)
    assert "in doubt: people 1 and 2 may be one\n" in prediction_text.lines(made)
    assert "In doubt: people 1 and 2 may be one; no time stamps." in prediction_text.meaning(made)


def test_full_frames_are_not_searched_for_faces():
    found = extraction([[0.0, 1.0]])
    clips = tuple(dataclasses.replace(c, face=None, seen=()) for c in found.people[0])
    made = predict("a", dataclasses.replace(found, people=(clips,)), [[0.0, 1.0]], PLAIN)
    assert made.frames_searched is made.frames_with_face is None
    assert made.people[0].frames_with_face is None
    assert made.people[0].clips[0].face_box is None
    assert "searched" not in prediction_text.lines(made)


@given(st.floats(0, 1))
def test_a_probability_is_never_shown_as_certain(value):
    text = prediction_text.number(value)
    assert text not in ("0.00", "1.00", "0.000", "1.000")
    if text[0] not in "<>":
        assert abs(float(text) - value) <= 0.005 + 1e-9


def _damaged(**condition):
    found = extraction([[1.0, 2.0]])
    return dataclasses.replace(
        found, info=dataclasses.replace(found.info, condition=Condition(**condition))
    )


def test_an_answer_says_what_is_wrong_with_the_file():
    found = _damaged(frames=62, damaged=22, incomplete=True, notes=("it is old",))
    made = predict("a.ts", found, [[1.0, 2.0]], PLAIN)
    text = prediction_text.lines(made)
    assert "  note: 22 of 62 frames are damaged and left out\n" in text
    assert "  note: the file is incomplete, it ends early; download it again\n" in text
    assert "  note: it is old\n" in text
    assert "22 of 62 frames are damaged" in prediction_text.meaning(made)
    answer = made.as_json()
    assert (answer["frames_damaged"], answer["incomplete"]) == (22, True)
    assert answer["notes"] == ["it is old"]


def test_a_healthy_file_needs_no_note():
    made = predict("a.mp4", extraction([[1.0]], 1), [[1.0]], PLAIN)
    assert "note" not in prediction_text.lines(made)
    assert made.as_json()["notes"] == []


def test_too_few_whole_frames_give_no_answer():
    error = DamagedError("only 5 frames, fewer than a clip's 10, can be decoded without errors")
    error.condition = Condition(frames=72, damaged=67)
    made = without_answer("a.ts", error, PLAIN)
    assert (made.reason, made.as_json()["frames_damaged"]) == ("too few good frames", 67)
    assert "; 67 of 72 frames are damaged and left out)" in prediction_text.lines(made)


def test_an_incomplete_file_is_said_once():
    made = without_answer("a.mp4", IncompleteError(f"no frames: {INCOMPLETE}"), PLAIN)
    assert made.reason == "unreadable" and made.as_json()["incomplete"]
    assert prediction_text.lines(made).count("download it again") == 1
