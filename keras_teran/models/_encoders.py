"""The image encoder and the caption encoder: two functional models that never meet."""

import keras
import numpy as np
from keras import ops

from keras_teran._io import progress_bar
from keras_teran.layers import (
    BertEmbedding,
    BoxFusion,
    ContextVector,
    InContext,
    PoolingHead,
    TransformerBlock,
    bert_initializer,
    check_context,
    linear_initializer,
    prepend_slot,
    unit_rows,
    whole_vector,
    word_positions,
)

IMAGE_INPUTS = ("regions", "boxes", "region_mask")
CAPTION_INPUTS = ("token_ids", "padding_mask")


def both_encoders(config, dtype):
    """The image encoder and the caption encoder of an architecture.

    Args:
        config: dict, the arguments of `Teran`.
        dtype: Keras dtype policy of the layers.

    Returns:
        (image encoder, caption encoder), see `image_encoder` and `caption_encoder`.

    Raises:
        ValueError: as `check_context` and `InContext`.
    """
    count = config["final_layers"]
    if config["shared_final_layers"]:
        image_blocks = caption_blocks = _blocks(config, count, dtype, "final_block")
    else:
        image_blocks = _blocks(config, count, dtype, "image_final_block")
        caption_blocks = _blocks(config, count, dtype, "caption_final_block")
    return (
        image_encoder(config, image_blocks, dtype),
        caption_encoder(config, caption_blocks, dtype),
    )


def image_encoder(config, blocks, dtype):
    """Regions with their boxes to unit vectors (Messina et al. 2021, figure 2, left).

    A context is a `ContextVector` of the region features, with a layer of
    `feedforward_dim` inside, in every region's embedding.

    Args:
        config: dict, the arguments of `Teran`.
        blocks: list of the layers after the projection.
        dtype: Keras dtype policy of the layers.

    Returns:
        Functional `keras.Model`. Inputs: `regions` float32 (batch, regions,
        region_dim), `boxes` float32 (batch, regions, 4) relative x0 y0 x1 y1,
        `region_mask` bool (batch, regions). Outputs: `region_embeddings` float32
        (batch, regions, embedding_dim), unit rows, zero where masked, and
        `image_embedding` float32 (batch, embedding_dim), unit: the I-CLS slot, or the
        context vector where there is one, or what the head makes of it and of the
        regions.

    Raises:
        ValueError: as `check_context`.
    """
    context_dim = config["context_dim"]
    check_context(context_dim, config["embedding_dim"])
    regions = keras.Input((None, config["region_dim"]), dtype="float32", name="regions")
    boxes = keras.Input((None, 4), dtype="float32", name="boxes")
    region_mask = keras.Input((None,), dtype="bool", name="region_mask")

    slots = BoxFusion(dtype=dtype, name="box_fusion")(
        prepend_slot(regions), prepend_slot(boxes)
    )
    slot_mask = ops.concatenate(
        [ops.ones_like(region_mask[:, :1]), region_mask], axis=1
    )
    own_blocks = _blocks(config, config["image_layers"], dtype, "image_block")
    slots = _through(own_blocks, slots, slot_mask)
    slots = _projected(config, slots, dtype, "image_projection")
    slots = _through(blocks, slots, slot_mask)
    rows, slot, context = unit_rows(slots[:, 1:], region_mask), slots[:, 0], None
    if context_dim:
        context = ContextVector(
            context_dim,
            config["feedforward_dim"],
            config["context_dropout"],
            dtype=dtype,
            name="image_context",
        )(regions, region_mask)
        rows = InContext(name="image_in_context")(rows, context, region_mask)
    return keras.Model(
        {"regions": regions, "boxes": boxes, "region_mask": region_mask},
        {
            "region_embeddings": rows,
            "image_embedding": _whole(config, rows, slot, context, dtype, "image"),
        },
        name="image_encoder",
    )


def caption_encoder(config, blocks, dtype):
    """Word pieces to unit vectors (Messina et al. 2021, figure 2, right).

    A context is a `ContextVector` of BERT's tokens, a linear one, in every word's
    embedding.

    Args:
        config: dict, the arguments of `Teran`.
        blocks: list of the layers after the projection.
        dtype: Keras dtype policy of the layers.

    Returns:
        Functional `keras.Model`. Inputs: `token_ids` int32 (batch, words),
        `padding_mask` bool (batch, words). Outputs: `word_embeddings` float32 (batch,
        words, embedding_dim), unit rows, zero where `word_mask` is False; `word_mask`
        bool (batch, words); `caption_embedding` float32 (batch, embedding_dim), unit:
        the [CLS] slot, or the context vector where there is one, or what the head makes
        of it and of the words.

    Raises:
        ValueError: as `InContext`.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="bool", name="padding_mask")

    bert_tokens = _bert(config, token_ids, padding_mask, dtype)
    tokens = _projected(config, bert_tokens, dtype, "caption_projection")
    tokens = _through(blocks, tokens, padding_mask)
    word_mask = word_positions(padding_mask, config["drop_last_word"])
    rows, slot, context = unit_rows(tokens, word_mask), tokens[:, 0], None
    if config["context_dim"]:
        context = ContextVector(
            config["context_dim"], dtype=dtype, name="caption_context"
        )(bert_tokens, padding_mask)
        mix = InContext(
            config["context_words"], config["pooling"], name="caption_in_context"
        )
        rows = mix(rows, context, word_mask)
    return keras.Model(
        {"token_ids": token_ids, "padding_mask": padding_mask},
        {
            "word_embeddings": rows,
            "word_mask": word_mask,
            "caption_embedding": _whole(config, rows, slot, context, dtype, "caption"),
        },
        name="caption_encoder",
    )


def _blocks(config, count, dtype, name):
    return [
        TransformerBlock(
            config["heads"],
            config["feedforward_dim"],
            dropout=config["dropout"],
            feedforward_dropout=config["dropout"],
            dtype=dtype,
            name=f"{name}_{index}",
        )
        for index in range(count)
    ]


def _bert(config, token_ids, padding_mask, dtype):
    """The tokens after BERT's layers."""
    tokens = BertEmbedding(
        config["vocabulary_size"],
        config["caption_dim"],
        config["caption_max_length"],
        config["dropout"],
        dtype=dtype,
        name="bert_embedding",
    )(token_ids)
    blocks = [
        TransformerBlock(
            config["caption_heads"],
            config["caption_feedforward_dim"],
            activation="gelu",
            dropout=config["dropout"],
            feedforward_dropout=0.0,
            epsilon=1e-12,
            initializer=bert_initializer(),
            dtype=dtype,
            name=f"bert_block_{index}",
        )
        for index in range(config["caption_layers"])
    ]
    return _through(blocks, tokens, padding_mask)


def _whole(config, rows, slot, context, dtype, side):
    """The embedding of the image or caption: of its slot, its context, or its head."""
    if context is None:
        whole = unit_rows(slot)
    else:
        whole = whole_vector(context, config["embedding_dim"] - config["context_dim"])
    if config["pooling_head"]:
        whole = PoolingHead(dtype=dtype, name=f"{side}_pooling_head")(rows, whole)
    return whole


def encode_sets(encoder, inputs, mask_name, batch_size=256, progress=False, check=None):
    """Runs an encoder over many sets of mixed size, sparing the padding.

    Sets are sorted by their number of real members and each batch is cut to its own
    longest, rounded up to a multiple of 4 so that few shapes are compiled.

    Args:
        encoder: one of the two encoders.
        inputs: dict of NumPy arrays, (sets, members, ...) each.
        mask_name: str, the input that says what is real; padding must be at the end.
        batch_size: int, sets at a time.
        progress: bool, show a bar.
        check: function of a batch, a dict, and of the names of its sets, which returns
            what the encoder is given; None for the batch itself.

    Returns:
        Dict of NumPy arrays in the order of the inputs, padded as they were.

    Raises:
        ValueError: when an output is not finite: no such vector is handed on.
    """
    mask = np.asarray(inputs[mask_name], bool)
    sets, width = mask.shape
    reach = np.where(mask.any(1), width - mask[:, ::-1].argmax(1), 0)
    order = np.argsort(-reach, kind="stable")
    results = {
        name: np.zeros(
            [sets, *(size or width for size in tensor.shape[1:])], tensor.dtype
        )
        for name, tensor in encoder.output.items()
    }
    for start in progress_bar(
        range(0, sets, batch_size), encoder.name, disable=not progress, leave=False
    ):
        rows = order[start : start + batch_size]
        cut = min(width, max(4, -(-int(reach[rows[0]]) // 4) * 4))
        batch = {name: np.asarray(a)[rows, :cut] for name, a in inputs.items()}
        names = _names(rows, mask_name, sets)
        batch = batch if check is None else check(batch, names=names)
        for name, block in encoder.predict_on_batch(batch).items():
            per_member = encoder.output[name].shape[1] is None
            # Of several replicas each encodes the batch, one result after the other.
            block = block[: len(rows)]
            check_finite(block, names)
            results[name][(rows, slice(cut)) if per_member else rows] = block
    return results


def check_finite(embeddings, names):
    """Raises ValueError, naming the first set whose outputs are not finite.

    Args:
        embeddings: float or bool (sets, ...).
        names: list of str, (sets,).
    """
    if embeddings.dtype.kind == "f" and not np.isfinite(embeddings).all():
        finite = np.isfinite(embeddings).reshape(len(embeddings), -1).all(axis=1)
        raise ValueError(
            f"{names[int(finite.argmin())]}: its embedding is not finite: its numbers "
            "are too large for this model, or the model's weights are."
        )


def _names(rows, mask_name, sets):
    """What errors call the sets of a batch."""
    kind = "image" if mask_name == "region_mask" else "caption"
    return [kind if sets == 1 else f"{kind} {row}" for row in rows]


def _projected(config, tensor, dtype, name):
    """The part of the common space that is no context."""
    return keras.layers.Dense(
        config["embedding_dim"] - config["context_dim"],
        kernel_initializer=linear_initializer(),
        dtype=dtype,
        name=name,
    )(tensor)


def _through(blocks, tensor, mask):
    for block in blocks:
        tensor = block(tensor, mask)
    return tensor
