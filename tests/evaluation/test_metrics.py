import hypothesis
import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import sklearn.calibration
import sklearn.metrics
from hypothesis import strategies as st

from fdd.evaluation import metrics
from fdd.training import losses
from tests.rounding import SAME, worst

# Few distinct values, so that ties are common.
FINITE = st.sampled_from([-30.0, -2.0, -1e-3, 0.0, 1e-3, 0.5, 2.0, 30.0])
INFINITE = st.one_of(FINITE, st.sampled_from([-np.inf, np.inf]))


@st.composite
def scores(draw, values=FINITE):
    count = draw(st.integers(1, 40))
    labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 1)))
    return labels, draw(arrays.arrays(np.float64, count, elements=values))


def _exactly(expected):
    return pytest.approx(expected, abs=1e-9)


@hypothesis.settings(max_examples=300)
@hypothesis.given(scores(INFINITE))
def test_ranking_metrics_agree_with_scikit_learn(drawn):
    labels, logits = drawn
    ranks = np.unique(logits, return_inverse=True)[1]  # scikit-learn takes no infinities.
    summary = metrics.summarize(labels, logits)
    matrix = sklearn.metrics.confusion_matrix(labels, logits > 0, labels=[0, 1])
    assert summary["confusion_matrix"] == matrix.tolist()
    assert summary["accuracy"] == _exactly(sklearn.metrics.accuracy_score(labels, logits > 0))
    for name, label in (("accuracy_real", 0), ("accuracy_fake", 1)):
        if label in labels:
            recall = sklearn.metrics.recall_score(labels, logits > 0, pos_label=label)
            assert summary[name] == _exactly(recall)
        else:
            assert summary[name] is None
    if 1 in labels:
        expected = sklearn.metrics.average_precision_score(labels, ranks)
        assert summary["average_precision"] == _exactly(expected)
    else:
        assert summary["average_precision"] is None
    ranked = ("auc", "equal_error_rate", "tpr_at_1_percent_fpr", "tpr_at_5_percent_fpr")
    if len(set(labels.tolist())) == 1:
        assert all(summary[name] is None for name in ranked)
        return
    assert summary["auc"] == _exactly(sklearn.metrics.roc_auc_score(labels, ranks))
    false, true, _ = sklearn.metrics.roc_curve(labels, ranks, drop_intermediate=False)
    ours = metrics.roc_curve(labels, logits)
    np.testing.assert_allclose(ours, (false, true), atol=1e-12)
    assert summary["tpr_at_1_percent_fpr"] == _exactly(true[false <= 0.01].max())
    assert summary["tpr_at_5_percent_fpr"] == _exactly(true[false <= 0.05].max())


@hypothesis.given(st.integers(0, 2**32 - 1))
def test_equal_error_rate_is_the_root_on_the_curve(seed):
    rng = np.random.default_rng(seed)
    labels = np.append(rng.integers(0, 2, 30), [0, 1])
    logits = rng.normal(labels, 1.0)
    false, true, _ = sklearn.metrics.roc_curve(labels, logits, drop_intermediate=False)
    # Along the curve, by its length, so that vertical parts count too.
    way = np.arange(len(false))
    root = scipy.optimize.brentq(
        lambda x: np.interp(x, way, false) + np.interp(x, way, true) - 1, 0, len(false) - 1
    )
    expected = np.interp(root, way, false)
    assert metrics.equal_error_rate(labels, logits) == pytest.approx(expected, abs=1e-9)


@hypothesis.settings(max_examples=300)
@hypothesis.given(scores())
def test_probability_metrics_agree_with_scikit_learn(drawn):
    labels, logits = drawn
    summary = metrics.summarize(labels, logits)
    both = scipy.special.expit(np.stack([-logits, logits], axis=1))
    assert summary["log_loss"] == _exactly(sklearn.metrics.log_loss(labels, both, labels=[0, 1]))
    assert summary["brier_score"] == _exactly(np.mean((both[:, 1] - labels) ** 2))
    fractions, means = sklearn.calibration.calibration_curve(labels, both[:, 1], n_bins=10)
    ours = metrics.reliability(labels, logits)
    if not np.isin(both[:, 1] * 10 % 1, 0).any():  # The two disagree on a bin's upper edge.
        np.testing.assert_allclose(ours[0], means, atol=1e-9)
        np.testing.assert_allclose(ours[1], fractions, atol=1e-9)
    expected = np.sum(ours[2] * np.abs(ours[0] - ours[1])) / len(labels)
    assert summary["expected_calibration_error"] == _exactly(expected)


def test_brier_score_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 2, 500), rng.normal(size=500)
    expected = sklearn.metrics.brier_score_loss(labels, scipy.special.expit(logits))
    assert metrics.brier_score(labels, logits) == _exactly(expected)


def test_an_infinite_logit_on_the_wrong_side_is_no_number_in_the_summary():
    assert metrics.log_loss([1], [-np.inf]) == np.inf
    assert metrics.summarize(np.array([1, 0]), np.array([-np.inf, 0.0]))["log_loss"] is None
    assert metrics.summarize(np.array([1, 0]), np.array([np.inf, -np.inf]))["log_loss"] == 0


def test_threshold():
    labels, logits = np.array([0, 0, 1, 1]), np.array([-1.0, 1.0, 1.5, 3.0])
    assert metrics.confusion_matrix(labels, logits, 1.0).tolist() == [[2, 0], [0, 2]]
    assert metrics.summarize(labels, logits, threshold=2.0)["accuracy_fake"] == 0.5


@pytest.mark.parametrize("cut", [0, 1, 17, 40])
def test_sums_merge_and_ignore_padding(cut):
    rng = np.random.default_rng(cut)
    labels = jnp.asarray(rng.integers(0, 2, 40), jnp.float32)
    logits = jnp.asarray(rng.choice([-30.0, -1e-3, 0.0, 0.5, 30.0], 40), jnp.float32)
    clip_losses = losses.binary_cross_entropy(logits, labels)
    whole = metrics.ClipSums.of(clip_losses, logits, labels, jnp.ones_like(logits))
    left = metrics.ClipSums.of(clip_losses[:cut], logits[:cut], labels[:cut], logits[:cut] * 0 + 1)
    weights = (jnp.arange(len(logits)) >= cut).astype(jnp.float32)
    right = metrics.ClipSums.of(clip_losses.at[:cut].set(jnp.nan), logits, labels, weights)
    merged = left.merge(right).compute()
    assert merged == pytest.approx(whole.compute(), rel=2 * worst(len(logits)))


def test_loss_agrees_with_scikit_learn():
    logits, labels = np.array([-3.0, -0.1, 0.4, 8.0]), np.array([0, 1, 1, 0])
    with jax.enable_x64(True):
        ours = jax.jit(losses.binary_cross_entropy)(logits, labels)
    probabilities = 1 / (1 + np.exp(-logits))
    expected = [
        sklearn.metrics.log_loss([label], [[1 - p, p]], labels=[0, 1])
        for label, p in zip(labels, probabilities, strict=True)
    ]
    np.testing.assert_allclose(ours, expected, rtol=SAME)
