"""Adding a pooling head to a trained model, and training it alone."""

import keras
import numpy as np
from keras import ops

from keras_teran._io import progress_bar
from keras_teran.losses import Distillation
from keras_teran.models import Teran

_ROWS = 512


def rebuilt(model, pooling_head):
    """The same model with a pooling head, or without.

    Args:
        model: `Teran`; stays as it is.
        pooling_head: bool.

    Returns:
        A `Teran` with the weights of `model` wherever both have one. A new head starts
        as the mean of the members.
    """
    policy = model.dtype_policy
    copy = Teran(**{**model.config, "pooling_head": pooling_head}, dtype=policy)
    copy.carried = dict(model.carried)
    weights = {weight.path: weight for weight in model.weights}
    for weight in copy.weights:
        if weight.path in weights:
            weight.assign(weights[weight.path])
    return copy


def heads_of(model):
    """The (image head, caption head) of a `Teran` that has them."""
    layers = {layer.name: layer for layer in model._flatten_layers()}
    return layers["image_pooling_head"], layers["caption_pooling_head"]


class HeadTrainer(keras.Model):
    """The heads of a model alone, fed with what its encoders gave.

    Args:
        model: `Teran` with heads; they are trained in place, and nothing else is.
        loss: function such as `Distillation`.
    """

    def __init__(self, model, loss):
        super().__init__()
        self.image_head, self.caption_head = heads_of(model)
        self.distillation = loss
        self._similarity = model.similarity
        if keras.backend.backend() == "tensorflow":
            self.supports_jit = False  # caption widths vary
        self.built = True

    def call(self, inputs):
        """(cosines of the pooled vectors, the alignment's scores), a batch of pairs."""
        images = self.image_head(inputs["regions"], inputs["image_slots"])
        captions = self.caption_head(inputs["words"], inputs["caption_slots"])
        scores = self._similarity(inputs["regions"], inputs["words"])
        return ops.matmul(images, ops.transpose(captions)), scores

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The distillation loss a pair."""
        pairs = ops.cast(ops.shape(y)[0], "float32")
        return self.distillation(*y_pred, y) / pairs

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The loss alone."""
        return self.get_metrics_result()


def train_epoch(trainer, pairs, batch_size, generator, progress=False):
    """Trains on every caption once, with its image.

    Args:
        trainer: `HeadTrainer`, compiled.
        pairs: `EncodedPairs`.
        batch_size: int.
        generator: NumPy generator, of the order.
        progress: bool, show a bar.

    Returns:
        Float, the mean loss a pair.
    """
    order = generator.permutation(len(pairs))
    # A batch of a single pair has nothing to rank.
    starts = range(0, max(len(order) - 1, 1), batch_size)
    bar = progress_bar(starts, "distil", disable=not progress, leave=False)
    losses = []
    for start in bar:
        rows = order[start : start + batch_size]
        owners = pairs.caption_to_image[rows]
        regions, image_slots = pairs.images(owners)
        words, caption_slots = pairs.captions(rows)
        inputs = {
            "regions": regions,
            "image_slots": image_slots,
            "words": words,
            "caption_slots": caption_slots,
        }
        trainer.reset_metrics()
        logs = trainer.train_on_batch(inputs, pairs.image_ids[owners], return_dict=True)
        losses.append(float(logs["loss"]))
        bar.set_postfix(loss=f"{losses[-1]:.4f}")
    return float(np.mean(losses))


def pooled_vectors(model, pairs):
    """The pooled vectors of a set by the heads of a model.

    Args:
        model: `Teran` with heads.
        pairs: `EncodedPairs`.

    Returns:
        (float32 (images, dim), float32 (captions, dim)).
    """

    def through(head, read, count):
        blocks = np.split(np.arange(count), range(_ROWS, count, _ROWS))
        return np.concatenate(
            [ops.convert_to_numpy(head(*read(rows))) for rows in blocks]
        )

    image_head, caption_head = heads_of(model)
    return (
        through(image_head, pairs.images, len(pairs.image_ids)),
        through(caption_head, pairs.captions, len(pairs)),
    )


def compiled_trainer(model, learning_rate, steps, matching=0.0):
    """A `HeadTrainer` with Adam, its rate falling to 0 along a cosine.

    Args:
        model: `Teran` with heads.
        learning_rate: float, at the start.
        steps: int, of the optimiser in all.
        matching: float, weight of the matching loss.
    """
    trainer = HeadTrainer(model, Distillation(matching=matching))
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    trainer.compile(keras.optimizers.Adam(rate))
    return trainer
