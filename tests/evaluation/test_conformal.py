"""Verdicts with a stated error rate."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from fdd.evaluation.conformal import UNDECIDED, Conformal, Validated, summarize
from fdd.evaluation.intervals import together

DRAWS = 4000
CERTAIN = 1 - 1e-6  # Of a simulation that tests a true statement: that it does not fail by chance.


def _groups(rng: np.random.Generator, count: int, sizes: tuple[int, ...]) -> tuple:
    """Scores of groups of videos that have most of their variance in common, and the groups."""
    found = [rng.normal() + 0.3 * rng.normal(size=rng.choice(sizes)) for _ in range(count)]
    return np.concatenate(found), np.repeat(np.arange(count), list(map(len, found)))


def _rejected(count: int, sizes: tuple[int, ...], label: int, alpha: float, alone: bool) -> int:
    """How often a video of a new group is said not to be of its own class."""
    rng, wrong = np.random.default_rng(count + label), 0
    for _ in range(DRAWS):
        scores, groups = _groups(rng, count + 1, sizes)
        new = groups == count
        logit = rng.choice(scores[new])
        labels = np.full(len(scores) - new.sum(), label)
        groups = np.arange(len(labels)) if alone else groups[~new]
        p = Validated(labels, scores[~new], groups).p_values([logit], label)[0]
        wrong += p <= alpha + 1e-9
    return wrong


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("sizes", [(1,), (5,), (1, 2, 20)])
def test_videos_of_new_people_are_wrong_at_most_as_often_as_stated(sizes, label):
    most = scipy.stats.binom.ppf(CERTAIN, DRAWS, 0.1)
    assert _rejected(19, sizes, label, 0.1, alone=False) <= most


def test_with_a_video_per_group_the_rate_is_exact():
    """Two of the 20 ranks of the new video are wrong."""
    wrong = _rejected(19, (1,), 0, 0.1, alone=False)
    assert wrong >= scipy.stats.binom.ppf(1 - CERTAIN, DRAWS, 2 / 20)


def test_without_groups_the_rate_would_be_exceeded():
    """Few people with many videos each: what the simulation above could show, it shows here."""
    assert _rejected(5, (40,), 0, 0.1, alone=True) > scipy.stats.binom.ppf(CERTAIN, DRAWS, 0.1)
    assert _rejected(5, (40,), 0, 0.1, alone=False) == 0, "five groups are too few"


def test_several_real_people_are_called_fake_no_more_often():
    rng, wrong = np.random.default_rng(0), 0
    labels, groups = np.repeat([0, 1], 59), np.tile(np.arange(59), 2)
    for _ in range(DRAWS):
        logits = rng.normal(size=118) + 9 * labels
        given_ = Conformal(Validated(labels, logits, groups), 0.05)
        wrong += given_.verdict(rng.normal(size=3).max(), people=3) == "fake"
    assert wrong <= scipy.stats.binom.ppf(CERTAIN, DRAWS, 0.05)


@st.composite
def validated(draw) -> Validated:
    size = draw(st.integers(0, 30))
    values = st.lists(st.integers(-5, 5), min_size=size, max_size=size)
    return Validated(
        labels=np.array(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)), int),
        logits=np.array(draw(values), float),
        groups=np.array(draw(values), int),
    )


@given(validated(), st.floats(-6, 6), st.integers(1, 3), st.floats(0.01, 0.98))
def test_a_verdict_that_is_given_stays_at_a_higher_error_rate(known, logit, people, alpha):
    first = Conformal(known, alpha).verdict(logit, people)
    later = Conformal(known, (1 + alpha) / 2).verdict(logit, people)
    assert first in (UNDECIDED, later)


@given(validated(), st.floats(-6, 6), st.floats(0.01, 0.99))
def test_it_is_given_only_if_the_other_class_is_unusual(known, logit, alpha):
    made = Conformal(known, alpha)
    real, fake = made.p_values(logit)
    verdict = made.verdict(logit)
    assert verdict == UNDECIDED or {"real": fake, "fake": real}[verdict] <= alpha + 1e-9
    assert (verdict == UNDECIDED) == (min(real, fake) > alpha + 1e-9)


@given(validated(), st.lists(st.floats(-6, 6), min_size=2, max_size=8))
def test_higher_scores_are_less_usual_for_real_and_more_for_fake(known, logits):
    real, fake = (known.p_values(np.sort(logits), label) for label in (0, 1))
    assert (np.diff(real) <= 0).all() and (np.diff(fake) >= 0).all()
    for label, p in ((0, real), (1, fake)):
        assert (p >= 1 / (known.count(label) + 1) - 1e-12).all() and (p <= 1 + 1e-12).all()


@given(validated(), st.floats(-6, 6), st.randoms())
def test_neither_order_nor_copies_of_a_groups_videos_matter(known, logit, random):
    order = list(range(len(known.labels)))
    random.shuffle(order)
    other = Validated(
        *(np.tile(each[order], 2) for each in (known.labels, known.logits, known.groups))
    )
    assert Conformal(other, 0.1).p_values(logit) == pytest.approx(
        Conformal(known, 0.1).p_values(logit)
    )


@pytest.mark.parametrize(("alpha", "fewest"), [(0.5, 1), (0.1, 9), (0.05, 19), (0.3, 3)])
def test_too_few_people_give_no_verdict_and_a_line(alpha, fewest):
    def known(count: int) -> Conformal:
        groups = np.tile(np.arange(count), 2)
        return Conformal(Validated(np.repeat([0, 1], count), 8.0 * (groups < 0), groups), alpha)

    enough, lacking = known(fewest), known(fewest - 1)
    assert enough.fewest == lacking.fewest == fewest
    assert [enough.verdict(each) for each in (-99.0, 99.0)] == ["real", "fake"]
    assert [lacking.verdict(each) for each in (-99.0, 99.0)] == [UNDECIDED] * 2
    assert enough.shortage() == ""
    line = lacking.shortage()
    assert f"takes {fewest} groups" in line and "called fake" in line and "called real" in line
    only = dataclasses.replace(known(fewest).validated, labels=np.zeros(2 * fewest, int))
    assert "called fake" not in Conformal(only, alpha).shortage()


def test_people_seen_together_are_one_group():
    found = together(["a", "b", "c", "a", "d"], ["", "", "", "b", "e"])
    assert found[0] == found[1] == found[3]
    assert len({found[0], found[2], found[4]}) == 3


def test_shares_of_a_data_set():
    groups = np.tile(np.arange(9), 2)
    labels = np.repeat([0, 1], 9)
    made = Conformal(Validated(labels, np.where(labels, 1.0, -1.0), groups), 0.1)
    found = summarize(made, np.array([0, 0, 0, 1, 1]), np.array([-2.0, 3.0, 0.0, 2.0, -3.0]), 0.5)
    assert (found["real_called_fake"], found["fake_called_real"]) == (1 / 3, 1 / 2)
    assert found["undecided"] == 0 and found["shortage"] == ""
    near = summarize(made, np.array([0]), np.array([1.0]), 0.5)
    assert near["fake_called_real"] is None and near["real_called_fake"] == 1
