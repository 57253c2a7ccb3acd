"""What a recipe describes: optimiser, learning rate, loss and batches."""

import keras

from keras_teran.backend import FusedAdam
from keras_teran.losses import Contrastive, Hinge, PooledLoss
from keras_teran.models import check_recipe


def optimizer(recipe, steps_per_epoch):
    """The optimiser that a recipe describes.

    Args:
        recipe: dict, one of `RECIPES`.
        steps_per_epoch: int, optimiser steps an epoch.

    Returns:
        A `FusedAdam`, not built yet.

    Raises:
        ValueError: as `learning_rate`.
    """
    return FusedAdam(
        learning_rate(recipe, steps_per_epoch),
        rates={"bert_": recipe["backbone_rate"]},
        global_clipnorm=recipe["gradient_norm"],
    )


def ranking_loss(recipe):
    """The loss that a recipe describes: a `Hinge` or a `Contrastive`.

    Args:
        recipe: dict, one of `RECIPES`.

    Raises:
        ValueError: as `check_recipe`, `Hinge` and `Contrastive`.
    """
    check_recipe(recipe)
    if recipe["loss"] == "contrastive":
        return Contrastive(recipe["temperature"])
    return Hinge(recipe["margin"], recipe["negatives"])


def pooled_loss(recipe, distillation=0.0):
    """What a recipe says of the pooled vectors: a `PooledLoss`, or None for nothing.

    Args:
        recipe: dict, one of `RECIPES`.
        distillation: float, weight of what the scores teach them.

    Raises:
        ValueError: as `PooledLoss`.
    """
    if not (recipe["pooled_loss"] or distillation):
        return None
    return PooledLoss(recipe["pooled_loss"], recipe["pooled_temperature"], distillation)


def batch_settings(recipe):
    """Dict of what a recipe says of batches, as arguments of `PairBatches`.

    Args:
        recipe: dict, one of `RECIPES`.
    """
    return {name: recipe[name] for name in ("batch_size", "captions_per_image")}


def learning_rate(recipe, steps_per_epoch):
    """A linear warm-up, then a rate that drops at given epochs or falls as a cosine.

    `schedule: steps` multiplies the rate by `drop_factor` after each of `drop_epochs`;
    `schedule: cosine` is half a cosine from the rate, which the warm-up's last step
    has, to 0 at the last step of all (Loshchilov and Hutter 2017, without restarts).

    Args:
        recipe: dict, one of `RECIPES`.
        steps_per_epoch: int, optimiser steps an epoch.

    Returns:
        A Keras learning-rate schedule.

    Raises:
        ValueError: as `check_recipe`; or the warm-up leaves a cosine no step.

    Example:
        >>> from keras_teran.models._presets import RECIPES
        >>> rate = learning_rate(RECIPES["coco_mrsw"], steps_per_epoch=100)
        >>> [float(rate(step)) for step in (0, 1999, 2000)]  # a tenth after 20 epochs
        [9.999999747378752e-06, 9.999999747378752e-06, 9.999999974752427e-07]
    """
    check_recipe(recipe)
    if recipe["schedule"] == "cosine":
        return _cosine(recipe, recipe["epochs"] * steps_per_epoch)
    stepped = _stepped(recipe, steps_per_epoch)
    return (
        WarmUp(stepped, recipe["warmup_steps"]) if recipe["warmup_steps"] else stepped
    )


def _cosine(recipe, steps):
    rate = recipe["learning_rate"]
    # The steps before the one that has the whole rate; Keras starts at a rate that is
    # reached, not at 0, which would make the first step none.
    rising = max(recipe["warmup_steps"] - 1, 0)
    if rising + 1 >= steps:
        raise ValueError(
            f"schedule='cosine' falls after the warm-up, and warmup_steps="
            f"{recipe['warmup_steps']} leaves none of {steps} steps; give fewer, or "
            "more epochs."
        )
    return keras.optimizers.schedules.CosineDecay(
        rate / (rising + 1),
        decay_steps=steps - 1 - rising,
        warmup_target=rate if rising else None,
        warmup_steps=rising,
    )


def _stepped(recipe, steps_per_epoch):
    schedules = keras.optimizers.schedules
    rate = recipe["learning_rate"]
    if not recipe["drop_epochs"]:
        return schedules.ExponentialDecay(rate, decay_steps=1, decay_rate=1.0)
    rates = [
        rate * recipe["drop_factor"] ** drops
        for drops in range(len(recipe["drop_epochs"]) + 1)
    ]
    # Keras keeps the earlier rate at a boundary: the first step of the next epoch is
    # one beyond it.
    boundaries = [epoch * steps_per_epoch - 1 for epoch in recipe["drop_epochs"]]
    return schedules.PiecewiseConstantDecay(boundaries, rates)


@keras.saving.register_keras_serializable("keras_teran")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, times a factor that grows from 0 to 1 over the first steps.

    Args:
        schedule: Keras learning-rate schedule.
        steps: int, steps until the factor is 1.
    """

    def __init__(self, schedule, steps):
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step):
        """The learning rate at a step, counted from 0."""
        done = (keras.ops.cast(step, "float32") + 1) / self.steps
        return self.schedule(step) * keras.ops.minimum(done, 1.0)

    def get_config(self):
        """The constructor's arguments."""
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "steps": self.steps,
        }

    @classmethod
    def from_config(cls, config):
        """The inverse of `get_config`."""
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["steps"])
