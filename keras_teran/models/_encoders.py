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


def final_blocks_of_both(shared, *arguments):
    """(of the image encoder, of the caption encoder): the same layers where shared.

    Args:
        shared: bool, as in the `*_shared` presets.
        *arguments: those of `final_blocks` but for the name.
    """
    if shared:
        blocks = final_blocks(*arguments, "final_block")
        return blocks, blocks
    return (
        final_blocks(*arguments, "image_final_block"),
        final_blocks(*arguments, "caption_final_block"),
    )


def final_blocks(count, heads, feedforward_dim, dropout, dtype, name):
    """The transformer layers after the projection to the common width."""
    return [
        TransformerBlock(
            heads,
            feedforward_dim,
            dropout=dropout,
            feedforward_dropout=dropout,
            dtype=dtype,
            name=f"{name}_{index}",
        )
        for index in range(count)
    ]


def image_encoder(
    region_dim,
    embedding_dim,
    layers,
    heads,
    feedforward_dim,
    dropout,
    blocks,
    dtype,
    pooling_head=False,
    context_dim=0,
    context_dropout=0.0,
):
    """Regions with their boxes to unit vectors (Messina et al. 2021, figure 2, left).

    Args:
        region_dim: int, width of the region features and of the first layers.
        embedding_dim: int, width of the common space, `context_dim` of it included.
        layers: int, transformer layers before the projection.
        heads: int, their attention heads.
        feedforward_dim: int, their feed-forward width.
        dropout: float, their dropout rate.
        blocks: list of layers after the projection, from `final_blocks`.
        dtype: Keras dtype policy of the layers.
        pooling_head: bool, end in a `PoolingHead`.
        context_dim: int, width of a `ContextVector` of the region features, with a
            layer of `feedforward_dim` inside, in every region's embedding; 0 for none.
        context_dropout: float, its dropout rate.

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
    check_context(context_dim, embedding_dim)
    regions = keras.Input((None, region_dim), dtype="float32", name="regions")
    boxes = keras.Input((None, 4), dtype="float32", name="boxes")
    region_mask = keras.Input((None,), dtype="bool", name="region_mask")

    slots = BoxFusion(dtype=dtype, name="box_fusion")(
        prepend_slot(regions), prepend_slot(boxes)
    )
    slot_mask = ops.concatenate(
        [ops.ones_like(region_mask[:, :1]), region_mask], axis=1
    )
    own_blocks = final_blocks(
        layers, heads, feedforward_dim, dropout, dtype, "image_block"
    )
    slots = _through(own_blocks, slots, slot_mask)
    width = embedding_dim - context_dim
    slots = _projection(width, dtype, "image_projection")(slots)
    slots = _through(blocks, slots, slot_mask)
    region_embeddings = unit_rows(slots[:, 1:], region_mask)
    if context_dim:
        context = ContextVector(
            context_dim,
            feedforward_dim,
            context_dropout,
            dtype=dtype,
            name="image_context",
        )(regions, region_mask)
        mix = InContext(name="image_in_context")
        region_embeddings = mix(region_embeddings, context, region_mask)
        image_embedding = whole_vector(context, width)
    else:
        image_embedding = unit_rows(slots[:, 0])
    if pooling_head:
        head = PoolingHead(dtype=dtype, name="image_pooling_head")
        image_embedding = head(region_embeddings, image_embedding)
    return keras.Model(
        {"regions": regions, "boxes": boxes, "region_mask": region_mask},
        {
            "region_embeddings": region_embeddings,
            "image_embedding": image_embedding,
        },
        name="image_encoder",
    )


def caption_encoder(
    vocabulary_size,
    dim,
    layers,
    heads,
    feedforward_dim,
    max_length,
    embedding_dim,
    dropout,
    drop_last_word,
    blocks,
    dtype,
    pooling_head=False,
    context_dim=0,
    context_words=15.0,
    pooling="MrSw",
):
    """Word pieces to unit vectors (Messina et al. 2021, figure 2, right).

    Args:
        vocabulary_size: int, tokens of the BERT vocabulary.
        dim: int, width of BERT.
        layers: int, layers of BERT that are used.
        heads: int, attention heads of BERT.
        feedforward_dim: int, feed-forward width of BERT.
        max_length: int, positions of BERT.
        embedding_dim: int, width of the common space, `context_dim` of it included.
        dropout: float, rate in all layers.
        drop_last_word: bool, leave out the word piece before [SEP] too.
        blocks: list of layers after the projection, from `final_blocks`.
        dtype: Keras dtype policy of the layers.
        pooling_head: bool, end in a `PoolingHead`.
        context_dim: int, width of a `ContextVector` of BERT's tokens, a linear one, in
            every word's embedding; 0 for none.
        context_words: float, the number of words that it counts as.
        pooling: str, that of the scores, on which its weight depends (`InContext`).

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

    tokens = BertEmbedding(
        vocabulary_size, dim, max_length, dropout, dtype=dtype, name="bert_embedding"
    )(token_ids)
    bert_blocks = [
        TransformerBlock(
            heads,
            feedforward_dim,
            activation="gelu",
            dropout=dropout,
            feedforward_dropout=0.0,
            epsilon=1e-12,
            initializer=bert_initializer(),
            dtype=dtype,
            name=f"bert_block_{index}",
        )
        for index in range(layers)
    ]
    bert_tokens = _through(bert_blocks, tokens, padding_mask)
    width = embedding_dim - context_dim
    tokens = _projection(width, dtype, "caption_projection")(bert_tokens)
    tokens = _through(blocks, tokens, padding_mask)
    word_mask = word_positions(padding_mask, drop_last_word)
    word_embeddings = unit_rows(tokens, word_mask)
    if context_dim:
        context = ContextVector(context_dim, dtype=dtype, name="caption_context")(
            bert_tokens, padding_mask
        )
        mix = InContext(context_words, pooling, name="caption_in_context")
        word_embeddings = mix(word_embeddings, context, word_mask)
        caption_embedding = whole_vector(context, width)
    else:
        caption_embedding = unit_rows(tokens[:, 0])
    if pooling_head:
        head = PoolingHead(dtype=dtype, name="caption_pooling_head")
        caption_embedding = head(word_embeddings, caption_embedding)
    return keras.Model(
        {"token_ids": token_ids, "padding_mask": padding_mask},
        {
            "word_embeddings": word_embeddings,
            "word_mask": word_mask,
            "caption_embedding": caption_embedding,
        },
        name="caption_encoder",
    )


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


def _projection(dim, dtype, name):
    return keras.layers.Dense(
        dim, kernel_initializer=linear_initializer(), dtype=dtype, name=name
    )


def _through(blocks, tensor, mask):
    for block in blocks:
        tensor = block(tensor, mask)
    return tensor
