"""The same model on TensorFlow, JAX and PyTorch, each against plain NumPy.

The reference depends on no backend: weights are drawn with NumPy and put into the
model, and the forward pass is the one of `oracle_encoders`.
"""

import keras
import numpy as np
import pytest
from keras import ops
from support import oracle_encoders as oracle
from support import oracle_scores, pairs

from keras_teran import CaptionTokenizer, Hinge, build_model
from keras_teran.data._batches import PairBatches
from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.similarity._pooling import POOLINGS

pytestmark = pytest.mark.slow

COLOURS = ("red", "green", "blue", "black")
SHAPES = ("dog", "cat", "bus")


def drawn_model(**overrides):
    """A small model with NumPy's weights, and these by their paths."""
    model = build_model("tiny", **{**pairs.SIZES, **overrides})
    weights = oracle.drawn_weights(model.trainable_variables)
    oracle.set_weights(model.trainable_variables, weights)
    return model, weights


def encoded(model, inputs):
    """The outputs of both encoders, compiled and without `encode`'s sorting."""
    outputs = {}
    for encoder in (model.image_encoder, model.caption_encoder):
        own = {name: inputs[name] for name in encoder.input}
        outputs.update(encoder.predict_on_batch(own))
    return outputs


def weights_of(model):
    return {v.path: ops.convert_to_numpy(v) for v in model.trainable_variables}


def oracle_similarity(weights, config, inputs):
    outputs = oracle.encode(weights, config, inputs)
    return oracle_scores.scores(
        outputs["region_embeddings"], outputs["word_embeddings"], config["pooling"]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"image_layers": 2, "final_layers": 2},
        {"shared_final_layers": True, "drop_last_word": True},
    ],
)
def test_both_encoders_equal_plain_numpy(changes):
    model, weights = drawn_model(**changes)
    inputs, _ = pairs.batch()
    expected = oracle.encode(weights, model.config, inputs)
    outputs = encoded(model, inputs)
    assert set(outputs) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, atol=1e-5, err_msg=name)


def test_the_similarity_of_the_same_weights_equals_plain_numpy():
    model, weights = drawn_model()
    inputs, _ = pairs.batch()
    outputs = encoded(model, inputs)
    for pooling in POOLINGS:
        model.pooling = pooling
        config = {**model.config, "pooling": pooling}
        expected = oracle_similarity(weights, config, inputs)
        assert np.abs(expected).max() > 0.1
        similarity = ops.convert_to_numpy(model.similarity(outputs, outputs))
        np.testing.assert_allclose(
            similarity, expected, rtol=1e-5, atol=1e-5, err_msg=pooling
        )


@pytest.mark.parametrize("pooling", ["Symm", "scan"])
def test_a_step_goes_down_the_gradient_of_plain_numpy(pooling):
    """SGD at rate 1 moves the weights by the gradient: its slope, by differences."""
    model, before = drawn_model(pooling=pooling)
    inputs, image_ids = pairs.batch()
    model.compile(keras.optimizers.SGD(1.0), loss=Hinge(0.2, "sum"))
    loss = model.train_on_batch(inputs, image_ids, return_dict=True)["loss"]

    def expected_loss(weights):
        similarity = oracle_similarity(weights, model.config, inputs)
        return oracle_scores.hinge(similarity, image_ids, negatives="sum")

    assert float(loss) == pytest.approx(expected_loss(before), rel=1e-5)
    after = weights_of(model)
    generator = np.random.default_rng(0)
    for _ in range(3):
        direction = {path: generator.normal(size=w.shape) for path, w in before.items()}
        up, down = (
            {path: w + sign * 1e-6 * direction[path] for path, w in before.items()}
            for sign in (1, -1)
        )
        slope = (expected_loss(up) - expected_loss(down)) / 2e-6
        moved = sum(
            ((before[path] - after[path]) * direction[path]).sum() for path in before
        )
        assert moved == pytest.approx(slope, rel=1e-3, abs=1e-3)


def set_of_pairs():
    """24 images of a coloured thing in mixed numbers of regions, two captions each."""
    generator = np.random.default_rng(0)
    things = [(colour, shape) for colour in COLOURS for shape in SHAPES] * 2
    counts = 1 + np.arange(len(things)) % 3
    regions = generator.normal(size=(len(things), 3, 8)).astype("float32") * 0.1
    for row, (colour, shape) in enumerate(things):
        regions[row, 0, COLOURS.index(colour)] += 1
        regions[row, 0, 4 + SHAPES.index(shape)] += 1
    mask = np.arange(3) < counts[:, None]
    boxes = np.broadcast_to(np.float32([0.1, 0.2, 0.6, 0.8]), (len(things), 3, 4))
    image_ids = 100 + np.arange(len(things))
    store = MemoryRegions(
        image_ids, regions * mask[..., None], boxes * mask[..., None], mask
    )
    captions = [
        text
        for colour, shape in things
        for text in (f"a {colour} {shape}", f"there is a {shape} that is {colour}")
    ]
    captions = CaptionSet(
        image_ids=image_ids,
        filenames=[""] * len(image_ids),
        captions=captions,
        caption_ids=np.arange(len(captions)),
        caption_to_image=np.repeat(np.arange(len(things)), 2),
    )
    return captions, store, CaptionTokenizer.train(captions.captions)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_compile_and_fit_train_and_stay_equal_to_plain_numpy(dtype):
    captions, store, tokenizer = set_of_pairs()
    # Two widths and one number of pairs: JAX compiles each shape anew.
    batches = PairBatches(captions, store, tokenizer, batch_size=12, width_multiple=8)
    sizes = {
        **pairs.SIZES,
        "region_dim": 8,
        "caption_max_length": 32,
        "vocabulary_size": len(tokenizer.vocabulary),
    }
    model = build_model("tiny", dtype=dtype, dropout=0.1, **sizes)
    model.compile(keras.optimizers.Adam(5e-3, global_clipnorm=2.0))
    history = model.fit(batches, epochs=4, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    for direction in ("image_to_text", "text_to_image"):
        recall = history[f"batch_{direction}_r1"]
        assert len(recall) == 4 and 0 < recall[-1] <= 1
    assert {str(v.dtype) for v in model.trainable_variables} == {"float32"}
    if dtype == "float32":
        inputs, _ = batches[0]
        outputs = encoded(model, inputs)
        np.testing.assert_allclose(
            ops.convert_to_numpy(model.similarity(outputs, outputs)),
            oracle_similarity(weights_of(model), model.config, inputs),
            rtol=1e-5,
            atol=1e-5,
        )


@pytest.mark.slow
def test_encoding_whole_sets_equals_plain_numpy():
    model, weights = drawn_model()
    inputs, _ = pairs.batch()
    expected = oracle.encode(weights, model.config, inputs)
    for side in (pairs.image_inputs, pairs.caption_inputs):
        outputs = model.encode({name: inputs[name] for name in side()}, batch_size=4)
        for name, value in outputs.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_a_saved_model_comes_back_with_its_weights_and_random_state(tmp_path):
    model, _ = drawn_model(dropout=0.2)
    inputs, image_ids = pairs.batch()
    eager = keras.backend.backend() != "jax"  # where eager steps are the slow ones
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=eager)
    model.train_on_batch(inputs, image_ids)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for training in (model, loaded):
        training.train_on_batch(inputs, image_ids)
    after = weights_of(loaded)
    for path, value in weights_of(model).items():
        np.testing.assert_allclose(after[path], value, atol=1e-6, err_msg=path)
