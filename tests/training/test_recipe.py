"""The learning rate of a recipe, step by step."""

import keras
import numpy as np
import pytest
from support import pairs

from keras_teran import build_model
from keras_teran.losses._losses import Contrastive, Hinge
from keras_teran.models._presets import RECIPES
from keras_teran.training._recipe import (
    batch_settings,
    learning_rate,
    optimizer,
    pooled_loss,
    ranking_loss,
)

RECIPE = {
    **RECIPES["tiny"],
    "learning_rate": 0.5,
    "drop_epochs": [2, 3],
    "drop_factor": 0.1,
    "warmup_steps": 0,
}


def rates(recipe, steps_per_epoch, steps):
    schedule = learning_rate(recipe, steps_per_epoch)
    return [float(schedule(step)) for step in steps]


def test_the_rate_drops_with_the_first_step_after_each_drop_epoch():
    # Ten steps an epoch: epochs 0 and 1 at 0.5, epoch 2 at 0.05, from epoch 3 at 0.005.
    expected = [0.5, 0.5, 0.05, 0.05, 0.005, 0.005]
    steps = [0, 19, 20, 29, 30, 99]
    np.testing.assert_allclose(rates(RECIPE, 10, steps), expected, rtol=1e-6)


def test_the_rate_grows_linearly_over_the_warm_up_steps():
    recipe = {**RECIPE, "warmup_steps": 4}
    expected = [0.5 / 4, 0.5 * 2 / 4, 0.5 * 3 / 4, 0.5, 0.5, 0.05]
    np.testing.assert_allclose(
        rates(recipe, 10, [0, 1, 2, 3, 4, 20]), expected, rtol=1e-6
    )


def test_a_drop_during_the_warm_up_scales_it():
    recipe = {**RECIPE, "drop_epochs": [1], "warmup_steps": 8}
    np.testing.assert_allclose(
        rates(recipe, 4, [3, 4]), [0.5 * 4 / 8, 0.05 * 5 / 8], rtol=1e-6
    )


def test_a_recipe_without_drops_is_constant():
    assert rates({**RECIPE, "drop_epochs": []}, 10, [0, 1000]) == [0.5, 0.5]


def test_flickr30k_warms_up_over_a_thousand_steps_and_drops_after_twenty_epochs():
    recipe = RECIPES["f30k_mrsw"]
    steps = [0, 499, 999, 19_999, 20_000]
    expected = [1e-8, 5e-6, 1e-5, 1e-5, 1e-6]
    np.testing.assert_allclose(rates(recipe, 1000, steps), expected, rtol=1e-5)


COSINE = {**RECIPE, "schedule": "cosine", "epochs": 3, "drop_epochs": [1]}


def test_a_cosine_falls_from_the_rate_to_nothing_at_the_last_step():
    # 3 × 3 steps: 0 has all of 0.5, 8 nothing; cos of 0, 45, 90, 135 and 180 degrees.
    half = np.sqrt(2) / 2
    expected = [0.5, 0.25 * (1 + half), 0.25, 0.25 * (1 - half), 0, 0]
    np.testing.assert_allclose(
        rates(COSINE, 3, [0, 2, 4, 6, 8, 9]), expected, atol=1e-7
    )


def test_a_cosine_begins_where_the_warm_up_ends():
    # 3 × 4 steps: 0 to 3 warm up, of the eight that follow 7 is halfway, 11 the last.
    recipe = {**COSINE, "warmup_steps": 4}
    expected = [0.5 / 4, 0.5 * 2 / 4, 0.5 * 3 / 4, 0.5, 0.25, 0]
    np.testing.assert_allclose(
        rates(recipe, 4, [0, 1, 2, 3, 7, 11]), expected, atol=1e-7
    )


def test_a_cosine_needs_steps_after_the_warm_up():
    with pytest.raises(ValueError, match="warmup_steps=12 leaves none of 12 steps"):
        learning_rate({**COSINE, "warmup_steps": 12}, 4)
    assert rates({**COSINE, "warmup_steps": 11}, 4, [10, 11]) == [0.5, 0]


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule should be 'steps' or 'cosine'"):
        learning_rate({**RECIPE, "schedule": "linear"}, 10)


def first_steps(recipe):
    """How far the first step takes each weight of a small model, by its path."""
    model = build_model("tiny", **pairs.SIZES)
    model.compile(optimizer(recipe, steps_per_epoch=10))
    before = {v.path: np.array(v) for v in model.trainable_variables}
    model.train_on_batch(*pairs.batch())
    return {
        v.path: np.abs(np.array(v) - before[v.path]).max()
        for v in model.trainable_variables
    }


@pytest.mark.seconds
def test_the_caption_backbone_learns_at_its_own_rate():
    # Adam's first step is the rate wherever there is a gradient to speak of.
    steps = first_steps({**RECIPE, "learning_rate": 1e-2, "backbone_rate": 0.25})
    kernels = {path: step for path, step in steps.items() if "kernel" in path}
    pretrained = {path for path in kernels if path.split("_")[0] == "bert"}
    assert len(pretrained) == 4 * 2  # both blocks
    for path, step in kernels.items():
        expected = 0.25e-2 if path in pretrained else 1e-2
        assert step == pytest.approx(expected, rel=1e-2), path
    assert steps["bert_embedding/token/embeddings"] == pytest.approx(0.25e-2, rel=1e-2)


def test_every_recipe_of_the_papers_kind_has_one_rate_and_drops_by_steps():
    for name in set(RECIPES) - {"small_today"}:
        recipe = RECIPES[name]
        made = optimizer(recipe, steps_per_epoch=10)
        assert made.rate_of("bert_block_0/query_key_value/kernel") == 1
        assert made.global_clipnorm == 2
        after = recipe["drop_epochs"][0] * 10 + recipe["warmup_steps"]
        assert float(made._learning_rate(after)) == pytest.approx(
            0.1 * recipe["learning_rate"]
        )


@pytest.mark.parametrize("schedule", ["steps", "cosine"])
@pytest.mark.parametrize("warmup_steps", [0, 5])
def test_a_saved_optimizer_comes_back_with_its_schedule(warmup_steps, schedule):
    recipe = {**RECIPE, "warmup_steps": warmup_steps, "schedule": schedule}
    schedule = learning_rate(recipe, 10)
    config = keras.saving.serialize_keras_object(keras.optimizers.Adam(schedule))
    loaded = keras.saving.deserialize_keras_object(config)
    for step in (0, 2, 10, 20, 30):
        rate = float(loaded._learning_rate(step))
        assert rate == pytest.approx(float(schedule(step)), rel=1e-6)


def test_a_training_step_uses_the_rate_of_its_number():
    model = keras.Sequential(
        [keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    recipe = {**RECIPE, "drop_epochs": [1], "warmup_steps": 2}
    model.compile(
        keras.optimizers.SGD(learning_rate(recipe, steps_per_epoch=3)),
        loss=lambda _, output: keras.ops.sum(output),
    )
    taken = [0.0]
    for _ in range(4):  # the gradient is 1 in each
        model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
        taken.append(-model.get_weights()[0].item())
    np.testing.assert_allclose(np.diff(taken), [0.25, 0.5, 0.5, 0.05], rtol=1e-5)


def test_a_recipe_names_its_loss():
    hinge = ranking_loss({**RECIPE, "margin": 0.3, "negatives": "sum"})
    assert isinstance(hinge, Hinge)
    assert hinge.get_config() == {"margin": 0.3, "negatives": "sum"}
    contrastive = ranking_loss({**RECIPE, "loss": "contrastive", "temperature": 0.2})
    assert isinstance(contrastive, Contrastive) and contrastive.temperature == 0.2


def test_a_loss_that_a_recipe_cannot_name_is_refused():
    with pytest.raises(
        ValueError, match="loss should be 'hinge' or 'contrastive'; received 'l2"
    ):
        ranking_loss({**RECIPE, "loss": "l2"})


def test_a_recipe_says_what_batches_hold():
    recipe = {
        **RECIPE,
        "batch_size": 10,
        "captions_per_image": 5,
    }
    assert batch_settings(recipe) == {
        "batch_size": 10,
        "captions_per_image": 5,
    }


def test_a_recipe_says_what_the_pooled_vectors_learn():
    assert pooled_loss(RECIPES["small"]) is None
    recipe = {**RECIPES["small"], "pooled_loss": 2.0, "pooled_temperature": 0.1}
    both = pooled_loss(recipe, distillation=0.5)
    assert (both.contrastive, both.distillation) == (2, 0.5)
    cosines = np.eye(2, dtype="float32")
    expected = 2 * 2 * np.log1p(np.exp(-1 / 0.1))  # both rows, both columns
    found = float(pooled_loss(recipe)(cosines, cosines, np.array([7, 8])))
    assert found == pytest.approx(expected, rel=1e-4)
    taught_alone = pooled_loss(RECIPES["small"], distillation=0.5)
    assert (taught_alone.contrastive, taught_alone.distillation) == (0, 0.5)
