import hypothesis
import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from hypothesis import strategies as st

from fdd import losses, metrics

# Few distinct values, so that ties are common.
LOGITS = st.sampled_from([-30.0, -2.0, -1e-3, 0.0, 1e-3, 0.5, 2.0, 30.0])


@st.composite
def scores(draw):
    count = draw(st.integers(2, 40))
    labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 1)))
    return labels, draw(arrays.arrays(np.float64, count, elements=LOGITS))


@hypothesis.given(scores())
def test_metrics_agree_with_scikit_learn(drawn):
    labels, logits = drawn
    summary = metrics.summarize(labels, logits)
    fake = logits > 0
    assert summary["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(labels, fake), 1e-12)
    matrix = sklearn.metrics.confusion_matrix(labels, fake, labels=[0, 1])
    assert summary["confusion_matrix"] == matrix.tolist()
    probabilities = scipy.special.expit(np.stack([-logits, logits], axis=1))
    loss = sklearn.metrics.log_loss(labels, probabilities, labels=[0, 1])
    assert summary["log_loss"] == pytest.approx(loss, abs=1e-9)
    if len(set(labels.tolist())) == 1:
        assert summary["auc"] is None
    else:
        area = sklearn.metrics.roc_auc_score(labels, logits)
        assert summary["auc"] == pytest.approx(area, abs=1e-9)
        false, true = metrics.roc_curve(labels, logits)
        expected = sklearn.metrics.roc_curve(labels, logits, drop_intermediate=False)
        np.testing.assert_allclose(false, expected[0], atol=1e-12)
        np.testing.assert_allclose(true, expected[1], atol=1e-12)


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(scores(), st.integers(0, 40))
def test_sums_merge_and_ignore_padding(drawn, cut):
    labels, logits = (jnp.asarray(part, jnp.float32) for part in drawn)
    clip_losses = losses.binary_cross_entropy(logits, labels)
    whole = metrics.ClipSums.of(clip_losses, logits, labels, jnp.ones_like(logits))
    left = metrics.ClipSums.of(clip_losses[:cut], logits[:cut], labels[:cut], logits[:cut] * 0 + 1)
    weights = (jnp.arange(len(logits)) >= cut).astype(jnp.float32)
    right = metrics.ClipSums.of(clip_losses.at[:cut].set(jnp.nan), logits, labels, weights)
    merged = left.merge(right).compute()
    assert merged == pytest.approx(whole.compute(), rel=1e-5)


def test_loss_agrees_with_scikit_learn():
    logits, labels = np.array([-3.0, -0.1, 0.4, 8.0]), np.array([0, 1, 1, 0])
    ours = jax.jit(losses.binary_cross_entropy)(logits, labels.astype(float))
    probabilities = 1 / (1 + np.exp(-logits))
    expected = [
        sklearn.metrics.log_loss([label], [[1 - p, p]], labels=[0, 1])
        for label, p in zip(labels, probabilities, strict=True)
    ]
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
