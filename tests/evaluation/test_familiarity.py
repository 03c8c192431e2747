import numpy as np
import pytest

from fdd.evaluation import familiarity, quantities
from fdd.evaluation.familiarity import by_video, fit, tolerance_limit


def _clips(seed, count=400, shift=0.0, size=6):
    """Features of correlated values in two parts, four clips a video."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(size, size))
    return {
        "early": rng.normal(size=(count, size)) @ mixing + shift * np.eye(size)[0],
        "late": 100 * rng.normal(size=(count, 3)),
    }, np.repeat(np.arange(count // 4), 4)


def test_like_videos_are_familiar_and_others_are_not():
    known = fit(_clips(0)[0], *_clips(1), share=0.95)
    like, videos = _clips(2)
    distances = by_video(known.distances(like), videos)
    assert np.mean([known.knows(each) for each in distances]) >= 0.95
    unlike, _ = _clips(3, shift=20.0)
    assert not any(map(known.knows, by_video(known.distances(unlike), videos)))


def test_one_part_is_enough_to_be_unfamiliar():
    known = fit(_clips(0)[0], *_clips(1), share=0.95)
    like, videos = _clips(2)
    like["late"] = like["late"] + 2000
    assert not any(map(known.knows, by_video(known.distances(like), videos)))


def test_familiarity_is_the_share_of_validation_videos_that_are_less_familiar():
    known = fit(_clips(0)[0], *_clips(1), share=0.95)
    assert known.of(-1.0) == 1 and known.of(np.inf) == 0
    assert known.of(float(np.median(known.known))) == pytest.approx(0.5, abs=0.01)


def test_a_distance_depends_on_no_scale():
    train, (validation, videos), (like, _) = _clips(0)[0], _clips(1), _clips(2)
    plain = fit(train, validation, videos, share=0.95).distances(like)

    def scaled(clips):
        return {name: 7 * values + 3 for name, values in clips.items()}

    other = fit(scaled(train), scaled(validation), videos, share=0.95).distances(scaled(like))
    np.testing.assert_allclose(other, plain, rtol=1e-2)


@pytest.mark.parametrize("count", [8, 20, 80, 300])
def test_a_limit_holds_for_at_least_the_share_with_the_stated_confidence(count):
    """For values whose logarithms are normal; with many videos it holds for any distribution."""
    rng = np.random.default_rng(count)
    held = []
    for _ in range(400):
        limit = tolerance_limit(np.exp(rng.normal(size=count)), 0.95)
        held.append(np.log(limit) >= 1.6449)  # The 95th percentile of a normal distribution.
    assert np.mean(held) >= familiarity.CONFIDENCE - 0.04


def test_a_limit_is_no_larger_than_needed():
    known = np.arange(1.0, 301.0)
    assert 285 <= tolerance_limit(known, 0.95) <= 295
    assert tolerance_limit(known, 0.5) < 170


def test_the_quantity_that_is_farthest_outside_comes_first():
    known = {"face": (90.0, 110.0), "rate": (25.0, 25.0), "detail": (8.0, 20.0)}
    values = {"face": 100.0, "rate": 25.01, "detail": 2.0, "bits": 0.1}
    (only,) = quantities.outside(values, known)
    assert "more blurred" in str(only) and "2, in training 8 to 20" in str(only)
    assert "in focus" in only.remedy
    first, second = quantities.outside({**values, "rate": 30.0}, known)
    assert (first.key, second.key) == ("detail", "rate")
    assert quantities.outside({}, known) == []


def test_quantities_of_a_clip():
    found = quantities.measured(
        np.array([4.0, np.log(16.0)]), 100, 200, 25.0, (80, 10, 120, 60), (80, -40, 120, 40),
        5000, 10, 2,
    )  # fmt: skip
    assert found == {
        "brightness": 128.0,
        "detail": pytest.approx(4.0),
        "resolution": 100.0,
        "people": 2.0,
        "rate": 25.0,
        "bits": pytest.approx(0.2),
        "face": 50.0,
        "outside": pytest.approx(0.5),
    }
