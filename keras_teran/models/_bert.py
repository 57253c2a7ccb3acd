"""Pretrained BERT weights, from anything KerasHub can load, into our caption encoder.

KerasHub reads the presets and the Hugging Face folders; its own BERT is not used
because its GELU is the tanh approximation, which moves hidden states by 3e-3.
"""

from pathlib import Path

import numpy as np

from keras_teran import _io
from keras_teran.text import CaptionTokenizer

# KerasHub's name of each part of a transformer layer -> ours. Query, key and value are
# joined into one product.
_LAYER_PARTS = {
    "self_attention_layer/attention_output": "attention_output",
    "self_attention_layer_norm": "attention_norm",
    "feedforward_intermediate_dense": "feedforward_inner",
    "feedforward_output_dense": "feedforward_output",
    "feedforward_layer_norm": "feedforward_norm",
}


def load_backbone(source):
    """A KerasHub BERT backbone.

    Args:
        source: a KerasHub preset name, a Hugging Face BERT folder, or a
            `keras_hub.models.BertBackbone`.

    Raises:
        ValueError: when it is not a BERT, or cannot be loaded.
    """
    import keras_hub

    if isinstance(source, (str, Path)):
        source = _from_preset(keras_hub.models.Backbone, source)
    if not isinstance(source, keras_hub.models.BertBackbone):
        raise ValueError(
            f"caption_backbone is a {type(source).__name__}; the caption encoder is a "
            "BERT: give a BERT preset, folder or keras_hub.models.BertBackbone."
        )
    return source


def _from_preset(kind, source):
    """What KerasHub makes of a preset; ValueError of one line if it cannot."""
    try:
        return kind.from_preset(str(source))
    except Exception as error:
        raise ValueError(
            f"caption_backbone={_io.shown(str(source))} cannot be loaded: "
            f"{_io.one_line(error, 200)} Give a KerasHub BERT preset, a folder of a "
            "Hugging Face BERT (config.json and model.safetensors), or a "
            "keras_hub.models.BertBackbone."
        ) from error


def backbone_config(backbone):
    """The arguments of `Teran` that describe a backbone."""
    return {
        "vocabulary_size": backbone.vocabulary_size,
        "caption_dim": backbone.hidden_dim,
        "caption_layers": backbone.num_layers,
        "caption_heads": backbone.num_heads,
        "caption_feedforward_dim": backbone.intermediate_dim,
        "caption_max_length": backbone.max_sequence_length,
    }


def backbone_sizes(backbone, overrides, layers):
    """The arguments of `Teran` that a backbone gives, cut to some layers.

    Args:
        backbone: `keras_hub.models.BertBackbone`.
        overrides: dict of the arguments that were asked for.
        layers: int, how many are kept where `caption_layers` is not asked for.

    Raises:
        ValueError: when it lacks layers that were asked for, or contradicts others.
    """
    sizes = backbone_config(backbone)
    wanted, available = overrides.get("caption_layers"), sizes["caption_layers"]
    if wanted is not None and wanted > available:
        raise ValueError(
            f"caption_layers={wanted}, but the backbone has {available}; give at most "
            "that many."
        )
    sizes["caption_layers"] = min(layers if wanted is None else wanted, available)
    for name in sorted(set(overrides) & set(sizes)):
        if overrides[name] != sizes[name]:
            raise ValueError(
                f"{name}={overrides[name]} contradicts the caption_backbone, whose "
                f"{name} is {sizes[name]}; leave it out."
            )
    return sizes


def copy_weights(backbone, encoder):
    """Copies a backbone's weights into a caption encoder, each exactly once.

    Args:
        backbone: `keras_hub.models.BertBackbone`, at least as deep as the encoder.
        encoder: the caption encoder of a `Teran`, of the backbone's sizes.

    Raises:
        ValueError: naming the weights that are missing, left over or of another shape.
    """
    source = {v.path: np.asarray(v) for v in backbone.weights}
    target = {v.path: v for v in encoder.weights if v.path.startswith("bert_")}
    layers = sum(layer.name.startswith("bert_block_") for layer in encoder.layers)
    missing = []

    def take(path):
        if path not in source:
            missing.append(path)
        return source.pop(path, None)

    pairs = _embedding_pairs(take)
    for index in range(layers):
        pairs.update(_layer_pairs(take, index))
    left_over = [name for name in source if not _not_needed(name, layers)]
    unset = [
        f"{path} {tuple(variable.shape)}"
        for path, variable in target.items()
        if np.shape(pairs.get(path)) != tuple(variable.shape)
    ]
    if missing or unset or left_over:
        raise ValueError(
            "The backbone does not fit the caption encoder. It lacks: "
            f"{', '.join(missing) or 'nothing'}; not set, for want of a weight of that "
            f"shape: {', '.join(unset) or 'none'}; not used: "
            f"{', '.join(left_over) or 'none'}."
        )
    for path, variable in target.items():
        variable.assign(pairs[path])


def _embedding_pairs(take):
    prefix = "bert_embedding"
    segments = take("segment_embedding/embeddings")
    return {
        f"{prefix}/token/embeddings": take("token_embedding/embeddings"),
        f"{prefix}/position": take("position_embedding/embeddings"),
        # All our tokens are of the first of BERT's two segments.
        f"{prefix}/segment": None if segments is None else segments[:1],
        f"{prefix}/norm/gamma": take("embeddings_layer_norm/gamma"),
        f"{prefix}/norm/beta": take("embeddings_layer_norm/beta"),
    }


def _layer_pairs(take, index):
    theirs, ours = f"transformer_layer_{index}", f"bert_block_{index}"
    pairs = {}
    for kind in ("kernel", "bias"):
        parts = [
            take(f"{theirs}/self_attention_layer/{part}/{kind}")
            for part in ("query", "key", "value")
        ]
        if all(part is not None for part in parts):
            shape = (parts[0].shape[0], -1) if kind == "kernel" else (-1,)
            pairs[f"{ours}/query_key_value/{kind}"] = np.concatenate(
                [part.reshape(shape) for part in parts], axis=-1
            )
    for their_part, our_part in _LAYER_PARTS.items():
        for kind in ("gamma", "beta") if "norm" in our_part else ("kernel", "bias"):
            value = take(f"{theirs}/{their_part}/{kind}")
            if np.ndim(value) == 3:  # attention's output: heads and their width apart
                value = value.reshape(-1, value.shape[-1])
            pairs[f"{ours}/{our_part}/{kind}"] = value
    return pairs


def _not_needed(name, layers):
    """Whether a weight is the pooler's or of a layer beyond those the encoder has."""
    head = name.split("/")[0]
    layer = head.removeprefix("transformer_layer_")
    return head == "pooled_dense" or (layer.isdigit() and int(layer) >= layers)


def vocabulary_of(source):
    """The tokenizer that belongs to a pretrained BERT.

    Args:
        source: a folder with `vocab.txt`, see `CaptionTokenizer.load`; or a KerasHub
            preset name.

    Returns:
        `CaptionTokenizer`. Of a KerasHub preset it strips accents where it lower-cases,
        as the BERT did that was trained; KerasHub's own tokenizer keeps them.

    Raises:
        FileNotFoundError: when a folder has no `vocab.txt`.
        ValueError: see `CaptionTokenizer.load`; and for a preset that cannot be loaded.
    """
    if not isinstance(source, (str, Path)):
        raise ValueError(
            f"caption_backbone must name a preset or folder; received "
            f"{_io.shown(source)}."
        )
    if Path(source).is_dir():
        return CaptionTokenizer.load(source)
    import keras_hub

    tokenizer = _from_preset(keras_hub.models.BertTokenizer, source)
    return CaptionTokenizer(tokenizer.get_vocabulary(), tokenizer.lowercase)
