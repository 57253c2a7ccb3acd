"""The gradient by pairs and by blocks against TensorFlow's own of the same scores."""

import numpy as np
import pytest
import tensorflow as tf

from keras_teran import Hinge
from keras_teran.similarity import _gradient as sparse_gradient
from keras_teran.similarity import _pooling as alignment
from keras_teran.similarity._pooling import POOLINGS

pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")

IDS = np.array([0, 1, 2, 2, 4, 5, 6, 7])


def unit_sets(width, seed, real):
    """float32 (sets, width, 12), unit rows, zero from each set's real count on."""
    rows = np.random.default_rng(seed).normal(size=(len(real), width, 12))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    for row, count in enumerate(real):
        rows[row, count:] = 0
    return tf.constant(rows.astype("float32"))


REGIONS = unit_sets(5, 0, [5, 3, 1, 4, 0, 2, 5, 5])
WORDS = tf.pad(unit_sets(6, 1, [6, 1, 4, 0, 2, 5, 3, 4]), ((0, 0), (1, 2), (0, 0)))


def hinge(scores):
    return Hinge()(scores, IDS)


def gradients(score, loss_of, *rules, compiled=False):
    def step(regions, words):
        with tf.GradientTape() as tape:
            tape.watch((regions, words))
            scores = score(regions, words, *rules)
            loss = loss_of(scores)
        return scores, *tape.gradient(loss, (regions, words))

    if compiled:
        # Gathered over replicas, not even the width is known.
        unknown = [tf.TensorSpec((None, None, None))] * 2
        step = tf.function(step, input_signature=unknown)
    return [part.numpy() for part in step(REGIONS, WORDS)]


@pytest.fixture(params=["one block", "blocks of an image, pieces of three pairs"])
def pieces(request, monkeypatch):
    if request.param != "one block":
        monkeypatch.setattr(sparse_gradient, "_CELLS", 1)
        monkeypatch.setattr(sparse_gradient, "_PAIRS", 3)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["pairs", "all"])
@pytest.mark.parametrize("padding", ["exclude", "zero"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_and_gradients_equal_autodiff(pooling, padding, by, pieces, monkeypatch):
    monkeypatch.setattr(sparse_gradient, "_ONE_IN", 0 if by == "pairs" else 10**6)
    expected = gradients(alignment.similarity, hinge, pooling, padding)
    for gradient, members in zip(expected[1:], (REGIONS, WORDS), strict=True):
        gradient *= np.any(members != 0, axis=-1, keepdims=True)  # padding has none
    for compiled in (False, True):
        received = gradients(
            sparse_gradient.sparse_similarity,
            hinge,
            pooling,
            padding,
            compiled=compiled,
        )
        for one, other in zip(received, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5)
    assert np.abs(expected[1]).max() > 0.01


def test_the_hardest_negatives_go_back_by_pairs_and_their_sum_by_all(monkeypatch):
    """8 pairs: at most 24 of 64 scores with a gradient, against nearly all."""
    monkeypatch.setattr(sparse_gradient, "_ONE_IN", 2)
    went = []
    for name in ("_gradient_of_pairs", "_gradient_of_all"):
        function = getattr(sparse_gradient, name)

        def noted(*arguments, name=name, function=function):
            went.append(name)
            return function(*arguments)

        monkeypatch.setattr(sparse_gradient, name, noted)
    for negatives in ("hardest", "sum"):
        loss = Hinge(0.2 if negatives == "hardest" else 9.0, negatives)
        gradients(sparse_gradient.sparse_similarity, lambda s, loss=loss: loss(s, IDS))
    assert went == ["_gradient_of_pairs", "_gradient_of_all"]


def test_equal_regions_share_the_gradient_of_a_maximum():
    regions = tf.ones((1, 4, 1))
    words = tf.ones((1, 1, 1))
    with tf.GradientTape() as tape:
        tape.watch(regions)
        score = sparse_gradient.sparse_similarity(regions, words)
    np.testing.assert_allclose(tape.gradient(score, regions)[0, :, 0], [0.25] * 4)


def test_embeddings_of_other_shapes_are_refused_with_their_shapes():
    with pytest.raises(ValueError, match=r"\(8, 5, 12\).*\(2, 3, 4\)"):
        sparse_gradient.sparse_similarity(REGIONS, tf.zeros((2, 3, 4)))
