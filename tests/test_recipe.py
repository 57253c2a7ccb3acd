"""The learning rate of a recipe, step by step."""

import keras
import numpy as np
import pytest

from keras_teran.presets import RECIPES
from keras_teran.recipe import learning_rate

RECIPE = {
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


@pytest.mark.parametrize("warmup_steps", [0, 5])
def test_a_saved_optimizer_comes_back_with_its_schedule(warmup_steps):
    schedule = learning_rate({**RECIPE, "warmup_steps": warmup_steps}, 10)
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
