"""Work on real members alone equals work on padded sets, there and back."""

import keras
import numpy as np
import pytest
from support import oracle_encoders as oracle
from support import pairs

from keras_teran import build_model
from keras_teran.backend._unpadding import RealRows, members_of, packing
from keras_teran.layers._transformer import TransformerBlock

tf = pytest.importorskip("tensorflow")
if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow's graphs take any number of rows", True)

# One set whole, one with holes, one with nothing, one that begins with padding.
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 1]], bool)
SETS = np.random.default_rng(0).normal(size=(4, 4, 8)).astype("float32")


def test_packed_are_the_real_members_in_their_order():
    members = RealRows(tf.constant(MASK))
    np.testing.assert_array_equal(members.pack(tf.constant(SETS)), SETS[MASK])


def test_spread_puts_each_member_back_and_finite_numbers_into_the_padding():
    members = RealRows(tf.constant(MASK))
    spread = np.array(members.spread(tf.constant(SETS[MASK])))
    np.testing.assert_array_equal(spread[MASK], SETS[MASK])
    assert np.isfinite(spread).all()


def test_padding_gets_no_gradient_from_packing_and_gives_none_to_spreading():
    members = RealRows(tf.constant(MASK))
    sets, rows = tf.constant(SETS), tf.constant(SETS[MASK])
    with tf.GradientTape() as tape:
        tape.watch([sets, rows])
        loss = tf.reduce_sum(members.pack(sets) * 2.0)
        loss += tf.reduce_sum(members.spread(rows) * SETS)
    of_sets, of_rows = tape.gradient(loss, [sets, rows])
    np.testing.assert_array_equal(of_sets, 2.0 * MASK[..., None] * np.ones_like(SETS))
    np.testing.assert_array_equal(of_rows, SETS[MASK])


def test_where_nothing_is_real_there_is_still_something_to_compute():
    members = RealRows(tf.zeros((2, 3), "bool"))
    sets = tf.ones((2, 3, 5))
    assert members.spread(members.pack(sets)).shape == (2, 3, 5)


def test_sets_stay_padded_outside_packing():
    sets = tf.constant(SETS)
    assert members_of(tf.constant(MASK)).pack(sets) is sets
    with packing(False):
        assert members_of(tf.constant(MASK)).spread(sets) is sets
    with packing():
        assert members_of(tf.constant(MASK)).pack(sets).shape == (8, 8)
    assert members_of(tf.constant(MASK)).pack(sets) is sets


def test_a_packed_block_gives_what_a_padded_one_gives_and_the_same_gradients():
    block = TransformerBlock(2, 16, dropout=0.0, feedforward_dropout=0.0)
    block(SETS, MASK)
    oracle.set_weights(
        block.trainable_variables, oracle.drawn_weights(block.trainable_variables)
    )
    sets, upstream = tf.constant(SETS), np.cos(SETS) * MASK[..., None]

    def run():
        with tf.GradientTape() as tape:
            tape.watch(sets)
            output = block(sets, MASK, training=True)
            loss = tf.reduce_sum(output * upstream)
        variables = [sets, *(v.value for v in block.trainable_variables)]
        return np.array(output), tape.gradient(loss, variables)

    padded, of_padded = run()
    with packing():
        packed, of_packed = run()
    np.testing.assert_allclose(packed[MASK], padded[MASK], atol=1e-6)
    for ours, theirs in zip(of_packed, of_padded, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def trained(encode_chunk=None, jit_compile=False):
    """The weights after a step on pairs of mixed size."""
    keras.utils.set_random_seed(0)
    model = build_model("tiny", **pairs.SIZES)
    model.encode_chunk = encode_chunk
    for part in (model, model.image_encoder, model.caption_encoder):
        part.supports_jit = jit_compile
    # Eager where it can be: tracing takes longer than all these steps.
    model.compile(
        keras.optimizers.SGD(0.1),
        run_eagerly=not jit_compile,
        jit_compile=jit_compile,
    )
    model.train_on_batch(*pairs.batch())
    return model.get_weights()


@pytest.fixture
def packs(monkeypatch):
    """A list that grows with each call of `RealRows.pack`."""
    calls, pack = [], RealRows.pack
    monkeypatch.setattr(
        RealRows, "pack", lambda self, sets: calls.append(self) or pack(self, sets)
    )
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("encode_chunk", [None, 2])
def test_a_training_step_packs_and_ends_at_the_weights_of_a_padded_one(
    encode_chunk, packs, monkeypatch
):
    packed = trained(encode_chunk)
    assert packs
    packs.clear()
    for module in ("models._teran", "models._gradient_cache"):
        monkeypatch.setattr(f"keras_teran.{module}.packing", lambda _: packing(False))
    padded = trained(encode_chunk)
    assert not packs
    for ours, theirs in zip(packed, padded, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.slow
def test_xla_which_wants_fixed_shapes_trains_on_padded_sets(packs):
    compiled = trained(jit_compile=True)
    assert not packs
    for ours, theirs in zip(compiled, trained(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
