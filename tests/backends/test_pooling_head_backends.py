"""The pooling head and its loss on every backend, each against the same plain NumPy."""

import numpy as np
import pytest
from keras import ops
from support import pairs

from keras_teran import build_model
from keras_teran.losses._losses import Distillation, PooledLoss
from keras_teran.training._distill_head import HeadTrainer, compiled_trainer, heads_of


def batch(model):
    image_ids = pairs.IMAGE_IDS
    images = model.encode(pairs.image_inputs())
    captions = model.encode(pairs.caption_inputs())
    encoded = {
        "regions": images["region_embeddings"],
        "image_slots": images["image_embedding"],
        "words": captions["word_embeddings"],
        "caption_slots": captions["caption_embedding"],
    }
    return encoded, image_ids


def test_the_loss_is_the_divergence_of_rows_and_columns():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(4, 4)).astype("float32")
    cosines = generator.uniform(-1, 1, (4, 4)).astype("float32")
    expected = 0.0
    for teacher, student in ((scores, cosines), (scores.T, cosines.T)):
        for wanted, found in zip(teacher, student, strict=True):
            p, q = np.exp(wanted / wanted.std() / 0.5), np.exp(found / 0.2)
            p, q = p / p.sum(), q / q.sum()
            expected += (p * np.log(p / q)).sum()
    found = Distillation(0.5, 0.2)(cosines, scores, np.arange(4))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4)


@pytest.mark.slow
def test_the_head_trains_and_no_other_weight_moves():
    model = build_model("tiny", **pairs.SIZES, pooling_head=True)
    inputs, image_ids = batch(model)
    before = {w.path: ops.convert_to_numpy(w).copy() for w in model.weights}
    trainer = compiled_trainer(model, 1e-2, steps=100)
    assert isinstance(trainer, HeadTrainer)
    losses = []
    for _ in range(10):
        trainer.reset_metrics()
        logs = trainer.train_on_batch(inputs, image_ids, return_dict=True)
        losses.append(float(logs["loss"]))
    assert losses[-1] < 0.9 * losses[0]
    of_heads = {w.path for head in heads_of(model) for w in head.weights}
    moved = {
        w.path
        for w in model.weights
        if not np.array_equal(before[w.path], ops.convert_to_numpy(w))
    }
    assert moved == of_heads


@pytest.mark.slow
def test_the_pooled_vectors_train_along():
    inputs, image_ids = pairs.batch()
    model = build_model("tiny", **pairs.SIZES, pooling_head=True)
    model.pooled_loss = PooledLoss(distillation=1.0)
    model.compile("adam")
    head = heads_of(model)[0]
    before = ops.convert_to_numpy(head.outer.kernel).copy()
    model.train_on_batch(inputs, image_ids)
    assert np.abs(ops.convert_to_numpy(head.outer.kernel) - before).max() > 1e-6
