"""Teran: two encoders that meet in the alignment, and the training step."""

from pathlib import Path
from threading import local

import keras
import numpy as np
from keras import ops

from keras_teran import _io
from keras_teran.backend import (
    build_replica_optimizer,
    count_replicas,
    gather_pairs,
    packing,
    replica_train_step,
)
from keras_teran.layers import members_alone
from keras_teran.losses import (
    Hinge,
    PooledLoss,
    checked_loss,
    first_is_positive,
    negative_pairs,
    rows_of_captions,
)
from keras_teran.models import _gradient_cache as caching
from keras_teran.models._bert import (
    backbone_sizes,
    copy_weights,
    load_backbone,
)
from keras_teran.models._encoders import CAPTION_INPUTS, both_encoders
from keras_teran.models._encoding import encode
from keras_teran.models._pixel_encoder import (
    pixel_encoder,
    read_backbone,
    set_backbone,
)
from keras_teran.models._presets import configured
from keras_teran.models._schemas import check_pictures, checked_arguments
from keras_teran.similarity import members_of, similarity, sparse_similarity

_CARRIED_FILE = "carried.npz"


@keras.saving.register_keras_serializable("keras_teran")
class Teran(keras.Model):
    """Image–sentence matching by word–region alignment (Messina et al. 2021).

    The two encoders are functional models of their own: `image_encoder` and
    `caption_encoder`. Calling the model on a batch of pairs gives the similarity of
    every image with every caption of the batch, which `compute_loss` ranks.

    A batch for `fit` is `(inputs, image_ids)`: inputs a dict of `regions`, `boxes`,
    `region_mask`, `token_ids`, `padding_mask`, one pair a row; pairs with the same
    image id are never negatives of each other. The image of several captions may stand
    once, where each image of the batch has equally many and they stand together in its
    order; image ids are then those of the captions. `compile(optimizer)` is enough;
    `loss=` takes a function of (similarity, image_ids), by default `Hinge(0.2,
    "hardest")`. While it trains, the share of a batch's images and captions whose own
    partner ranks first, by the members alone where there is a context, is logged as
    `batch_image_to_text_r1` and `batch_text_to_image_r1`. `pooled_loss`, set before
    `fit` and not saved, is a further loss, a function of the (cosines of the pooled
    vectors, similarity, image_ids) such as `losses.PooledLoss`; None, or with a
    context, which learns from it alone, `PooledLoss(1.0)`. `carried` is a dict of NumPy
    arrays, no weights, that travel in the saved model.

    Args:
        region_dim: int, width of the region features.
        embedding_dim: int, width of the common space.
        image_layers: int, transformer layers of the image encoder before projection.
        final_layers: int, transformer layers of each encoder after projection.
        heads: int, attention heads of all but BERT.
        feedforward_dim: int, feed-forward width of all but BERT.
        dropout: float, rate everywhere.
        vocabulary_size: int, tokens of the caption vocabulary.
        caption_dim: int, width of BERT.
        caption_layers: int, layers of BERT.
        caption_heads: int, attention heads of BERT.
        caption_feedforward_dim: int, feed-forward width of BERT.
        caption_max_length: int, positions of BERT.
        shared_final_layers: bool, one stack of final layers serves both encoders.
        pooling: str, one of `similarity.POOLINGS`.
        padding: "exclude" or "zero", see `similarity.similarity`.
        drop_last_word: bool, leave out the word piece before [SEP], as the original.
        pooling_head: bool, `image_embedding` and `caption_embedding` come from a head on
            all regions and words (`PoolingHead`), which does not train beside a context.
        context_dim: int, the part of each embedding that is a vector of the whole image
            or caption (`InContext`), also the pooled one. 0: none, as the original.
        context_words: float, the number of words that the whole counts as.
        context_dropout: float, dropout rate of the image's vector.
        vocabulary_sha256: str, see `text.check_vocabulary`; None: not known.
        image_backbone: dict of `models.read_backbone`; images are then pictures, and
            their regions a backbone's patches. None: regions and boxes.
        **kwargs: `name`, `dtype` and `trainable` of a Keras model.

    Raises:
        ValueError: of one line that names the argument, for one of another kind or
            range, or arguments that do not go together; see `_schemas.Architecture`.
    """

    def __init__(
        self,
        region_dim,
        embedding_dim,
        image_layers,
        final_layers,
        heads,
        feedforward_dim,
        dropout,
        vocabulary_size,
        caption_dim,
        caption_layers,
        caption_heads,
        caption_feedforward_dim,
        caption_max_length,
        shared_final_layers=False,
        pooling="MrSw",
        padding="exclude",
        drop_last_word=False,
        pooling_head=False,
        context_dim=0,
        context_words=15.0,
        context_dropout=0.0,
        vocabulary_sha256=None,
        image_backbone=None,
        **kwargs,
    ):
        config = checked_arguments(locals())
        super().__init__(**kwargs)
        self.image_encoder, self.caption_encoder = both_encoders(
            config, self.dtype_policy
        )
        if image_backbone is not None:
            self.image_encoder = pixel_encoder(image_backbone, self.image_encoder)
        if keras.backend.backend() == "tensorflow":  # XLA would compile each width
            for model in (self, self.image_encoder, self.caption_encoder):
                model.supports_jit = False
        self._recall_trackers = [
            keras.metrics.Mean(name="batch_image_to_text_r1"),
            keras.metrics.Mean(name="batch_text_to_image_r1"),
        ]
        self.pooling = pooling
        self.padding = padding
        self.carried = {}
        self.pooled_loss = PooledLoss(1.0) if context_dim else None
        self._pooled = local()  # replicas are threads of one model
        self._encode_chunk = None
        self._config = config
        self.built = True

    @property
    def encode_chunk(self):
        """Int: `fit` encodes this many images, or captions, at a time; None for all.

        Gradient caching: batches train whose activations memory could not hold, for one
        more forward pass. It may be set, and is not saved. Not on JAX, nor over replicas.
        """
        return self._encode_chunk

    @encode_chunk.setter
    def encode_chunk(self, value):
        if value is not None:
            value = _io.whole("encode_chunk", value, least=1)
        self._encode_chunk = value
        self.train_function = None  # the step traced before had the old one

    @property
    def config(self):
        """Dict of the architecture, without `name`, `dtype` and `trainable`."""
        return dict(self._config)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), **self._config}

    def save_assets(self, folder):
        """Keras' hook: writes `carried` into the model's file."""
        if self.carried:
            np.savez(Path(folder) / _CARRIED_FILE, **self.carried)

    def load_assets(self, folder):
        """Keras' hook: the inverse of `save_assets`."""
        if folder is not None and (Path(folder) / _CARRIED_FILE).is_file():
            file = Path(folder) / _CARRIED_FILE
            self.carried = _io.read_npz(file, file.name, None, most=2**28)

    def call(self, inputs, training=None):
        """Similarity of every image with every caption of a batch of pairs.

        Args:
            inputs: dict of `regions`, `boxes`, `region_mask`, `token_ids` and
                `padding_mask`; the two sides may differ in number.
            training: bool, dropout on; of a context, `layers.members_alone`.

        Returns:
            float32 (images, captions). Under `tf.distribute`, of all replicas.
        """
        # XLA wants fixed shapes.
        with packing(training and not self.jit_compile):
            images = self.image_encoder(
                {name: inputs[name] for name in self.image_encoder.input},
                training=training,
            )
            captions = self.caption_encoder(
                {name: inputs[name] for name in CAPTION_INPUTS}, training=training
            )
        if self.pooled_loss:
            self._pooled.both = images["image_embedding"], captions["caption_embedding"]
        sides = images["region_embeddings"], captions["word_embeddings"]
        if training:
            sides = members_alone(self._config, *sides)
        return self.similarity(*map(gather_pairs, sides))

    def similarity(self, images, captions):
        """Scores encoded images against encoded captions.

        Args:
            images: outputs of the image encoder, or `region_embeddings` alone, float32
                (images, regions, dim).
            captions: outputs of the caption encoder, or `word_embeddings` alone,
                float32 (captions, words, dim).

        Returns:
            float32 (images, captions), by the model's pooling and padding rule.
        """
        images = members_of(images, "images", "region_embeddings")
        captions = members_of(captions, "captions", "word_embeddings")
        # XLA compiles neither loops over blocks nor sets of unknown size.
        score = similarity if self.jit_compile else sparse_similarity
        return score(images, captions, self.pooling, self.padding)

    def encode(self, inputs, batch_size=256, progress=False):
        """Encodes many images, or many captions, of mixed size.

        Args:
            inputs: dict of `token_ids` and `padding_mask`, (captions, words) each; or
                images of any number, see `models.images_for`.
            batch_size: int, images or captions at a time.
            progress: bool, show a bar.

        Returns:
            Dict of NumPy arrays: the outputs of that encoder, in the same order.

        Raises:
            ValueError: for anything but these inputs, naming what is wrong; or when
                what comes out is not finite.
        """
        return encode(self, inputs, batch_size, progress)

    def predict(self, *args, **kwargs):
        """Raises: scores across batches need both sides encoded first."""
        raise NotImplementedError(
            "predict would score each batch only against itself. Encode each side with "
            "model.encode(...), then score all pairs with model.similarity(images, "
            "captions)."
        )

    predict_on_batch = predict

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The ranking loss of a batch: `y` the image ids, `y_pred` the similarity."""
        if sample_weight is not None:
            raise ValueError("sample_weight is not used by a ranking loss.")
        ranking_loss = checked_loss(self.loss or Hinge())
        image_ids = gather_pairs(y)
        similarity = rows_of_captions(y_pred)
        loss = ranking_loss(similarity, image_ids)
        if self.pooled_loss:
            images, captions = map(gather_pairs, self._pooled.both)
            cosines = rows_of_captions(ops.matmul(images, ops.transpose(captions)))
            loss += self.pooled_loss(cosines, similarity, image_ids)
        return loss / count_replicas()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Logs the loss and the in-batch recall."""
        negative = negative_pairs(gather_pairs(y))
        similarity = rows_of_captions(y_pred)
        for axis, tracker in zip((1, 0), self._recall_trackers, strict=True):
            tracker.update_state(first_is_positive(similarity, negative, axis))
        return self.get_metrics_result()

    def train_step(self, *args):
        """Keras' own, but for replicas and for `encode_chunk`."""
        if count_replicas() > 1:
            if self.encode_chunk is not None:
                raise NotImplementedError(
                    f"encode_chunk={self.encode_chunk} does not work over replicas; "
                    "leave it None, or train on one device."
                )
            return replica_train_step(self, *args)
        if self.encode_chunk is None:
            return super().train_step(*args)
        # JAX, which is refused, has the state of the model before the batch.
        return caching.train_step(self, args[-1], self.encode_chunk)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """On TensorFlow, before the first step: all but the optimiser is built.

        Keras' own would average a batch over the replicas, which masks cannot be.
        """
        build_replica_optimizer(self)


def build_model(
    preset="coco_mrsw",
    pooling=None,
    caption_backbone=None,
    image_backbone=None,
    image_size=None,
    image_trainable=False,
    **overrides,
):
    """A `Teran` of a preset, with changes.

    No network is needed: weights are random unless a backbone names some.

    Args:
        preset: str, a key of `PRESETS`.
        pooling: str, one of `similarity.POOLINGS`; None for the preset's.
        caption_backbone: a KerasHub preset name, a Hugging Face BERT folder or a
            `keras_hub.models.BertBackbone`, whose sizes and weights the caption encoder
            takes; `caption_layers` then cuts it to its first layers, by default to as
            many as the preset has.
        image_backbone: a KerasHub preset of a backbone of pictures: name, `hf://`
            address or folder. The image encoder then takes pictures, `images` uint8
            (B, height, width, 3), and their patches are the regions.
        image_size, image_trainable: of that backbone, see `models.read_backbone`.
        **overrides: any other argument of `Teran`, such as `embedding_dim=512`.

    Returns:
        A `Teran`.

    Raises:
        ValueError: for an unknown preset, argument or pooling, or a backbone that is
            of another kind or contradicts an override.

    Example:
        >>> model = build_model("tiny", pooling="Symm")
        >>> model.pooling
        'Symm'
    """
    config = configured(preset, pooling, overrides)
    check_pictures(image_backbone, image_size, image_trainable)
    if image_backbone is not None:
        described, pixels = read_backbone(image_backbone, image_size, image_trainable)
        config |= {"image_backbone": described, "region_dim": described["region_dim"]}
    if caption_backbone is None:
        model = Teran(**config)
    else:
        backbone = load_backbone(caption_backbone)
        layers = config["caption_layers"]
        model = Teran(**config | backbone_sizes(backbone, overrides, layers))
        copy_weights(backbone, model.caption_encoder)
    if image_backbone is not None:
        set_backbone(model.image_encoder, pixels)
    return model
