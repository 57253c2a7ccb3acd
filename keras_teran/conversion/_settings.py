"""The authors' configuration as arguments of `Teran`, and back."""

from keras_teran._io import shown
from keras_teran.conversion import _weight_names as names
from keras_teran.similarity import POOLINGS

# The authors' names of the poolings that we call otherwise.
_MODES = {"symm": "Symm", "scan-sentences": "scan"}
_POOLINGS = {name: name for name in POOLINGS if name not in _MODES.values()} | _MODES

# Written into the authors' code, whatever the widths are.
_HEADS = 4
_FEEDFORWARD_DIM = 2048

# The training values of the authors' COCO files.
_TRAINING = {
    "lr": 1e-5,
    "grad-clip": 2.0,
    "max-violation": True,
    "loss-type": "alignment",
    "measure": "dot",
    "margin": 0.2,
    "bs": 40,
    "scheduler": "steplr",
    "gamma": 0.1,
    "step-size": 20,
    "warmup": None,
    "warmup-period": 1000,
}

# What is implemented, of what a configuration can ask for.
_IMPLEMENTED = {
    ("model", "name"): ("teran",),
    ("model", "text-aggregation"): ("first",),
    ("model", "image-aggregation"): ("first",),
    ("model", "exclude-stopwords"): (False,),
    ("dataset", "pre-extracted-features"): (False,),
    ("text-model", "name"): ("bert",),
    ("text-model", "pre-extracted"): (False,),
    ("text-model", "layers"): (0,),
    ("image-model", "name"): ("bottomup",),
    ("image-model", "pos-encoding"): ("concat-and-process",),
    ("training", "loss-type"): ("alignment",),
    ("training", "measure"): ("dot", "cosine"),
    ("training", "alignment-mode"): tuple(_POOLINGS),
}
# Keys that the authors' code does without.
_OPTIONAL = {("model", "exclude-stopwords"), ("model", "name")}


def teran_arguments(config, state, caption_heads=None):
    """The arguments of `Teran` for a checkpoint.

    Dropout, which matters to further training alone, is that of the final layers.

    Args:
        config: dict of dicts, the checkpoint's own configuration.
        state: dict of arrays, its state dict; for the size of the vocabulary, of the
            positions and of BERT's feed-forward, which the configuration lacks.
        caption_heads: int, BERT's attention heads, which the file does not hold; None
            for 12 at width 768 and 4 at any other.

    Returns:
        Dict.

    Raises:
        ValueError: naming what the configuration lacks or asks for and is not
            implemented, or heads that do not divide the width.
    """
    if not isinstance(config, dict):
        raise ValueError(f"config is a {type(config).__name__}; it must be a mapping.")
    for key, allowed in _IMPLEMENTED.items():
        _check_implemented(config, key, allowed)
    caption_dim = _whole(config, "text-model", "word-dim")
    if caption_heads is None:
        caption_heads = 12 if caption_dim == 768 else 4
    if caption_heads < 1 or caption_dim % caption_heads:
        raise ValueError(
            f"caption_heads={caption_heads} does not divide BERT's width "
            f"{caption_dim}; give the number of heads that it was trained with."
        )
    vocabulary_size, max_length, feedforward_dim = _sizes(state)
    return {
        "region_dim": _whole(config, "image-model", "feat-dim"),
        "embedding_dim": _whole(config, "model", "embed-size"),
        "image_layers": _layers(config, "image-model", "transformer-layers", state),
        "final_layers": _layers(config, "model", "layers", state),
        "heads": _HEADS,
        "feedforward_dim": _FEEDFORWARD_DIM,
        "dropout": _rate(config, "model", "dropout"),
        "vocabulary_size": vocabulary_size,
        "caption_dim": caption_dim,
        "caption_layers": _layers(
            config, "text-model", "extraction-hidden-layer", state
        ),
        "caption_heads": caption_heads,
        "caption_feedforward_dim": feedforward_dim,
        "caption_max_length": max_length,
        "shared_final_layers": _flag(config, "model", "shared-transformer"),
        "pooling": _POOLINGS[_value(config, "training", "alignment-mode")],
        "padding": "zero",
        "drop_last_word": True,
    }


def original_config(config):
    """A configuration that builds the same architecture in the authors' code.

    Args:
        config: dict, `Teran.config`.

    Returns:
        Dict of dicts. Paths and training values are those of the authors' COCO files.

    Raises:
        ValueError: when the authors' code cannot be told to build that architecture.
    """
    _check_writable(config)
    modes = {ours: theirs for theirs, ours in _POOLINGS.items()}
    return {
        "dataset": {
            "name": "coco",
            "data": "data",
            "images-path": "data/coco/images",
            "restval": True,
            "pre-extracted-features": False,
        },
        "image-model": {
            "name": "bottomup",
            "pre-extracted-features-root": "data/coco/features_36",
            "transformer-layers": config["image_layers"],
            "dropout": config["dropout"],
            "pos-encoding": "concat-and-process",
            "crop-size": 224,
            "fine-tune": False,
            "feat-dim": config["region_dim"],
            "norm": True,
        },
        "text-model": {
            "name": "bert",
            "pretrain": "bert-base-uncased",
            "word-dim": config["caption_dim"],
            "extraction-hidden-layer": config["caption_layers"],
            "fine-tune": True,
            "pre-extracted": False,
            "layers": 0,
            "dropout": config["dropout"],
        },
        "model": {
            "name": "teran",
            "embed-size": config["embedding_dim"],
            "text-aggregation": "first",
            "image-aggregation": "first",
            "layers": config["final_layers"],
            "exclude-stopwords": False,
            "shared-transformer": config["shared_final_layers"],
            "dropout": config["dropout"],
        },
        "training": _TRAINING | {"alignment-mode": modes[config["pooling"]]},
    }


def _check_writable(config):
    for name, fixed in (("heads", _HEADS), ("feedforward_dim", _FEEDFORWARD_DIM)):
        if config[name] != fixed:
            raise ValueError(
                f"{name}={config[name]} cannot be written for the authors' code, in "
                f"which it is always {fixed}."
            )
    if config["context_dim"]:
        raise ValueError(
            f"context_dim={config['context_dim']} cannot be written for the authors' code, which "
            "has no vector of the whole image in its regions."
        )


def _check_implemented(config, key, allowed):
    section = config.get(key[0], {})
    if not isinstance(section, dict):
        raise ValueError(
            f"The checkpoint's config has {key[0]}: {shown(section)}; it must be a "
            "mapping."
        )
    if key in _OPTIONAL and key[1] not in section:
        return
    value = _value(config, *key)
    if value not in allowed:
        raise ValueError(
            f"The checkpoint's config has {key[0]}: {key[1]}: {shown(value)}, which is not "
            f"implemented; {' or '.join(repr(known) for known in allowed)} is."
        )


def _value(config, section, name):
    part = config.get(section)
    if not isinstance(part, dict) or name not in part:
        raise ValueError(f"The checkpoint's config lacks {section}: {name}.")
    return part[name]


def _whole(config, section, name, least=1, most=2**24):
    """A whole number of the configuration."""
    value = _value(config, section, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(section, name, value, "a whole number")
    if not least <= value <= most:
        raise _wrong(section, name, value, f"from {least} to {most:,}")
    return value


def _layers(config, section, name, state):
    """A number of layers: each of them has tensors."""
    return _whole(config, section, name, 0, len(state))


def _rate(config, section, name):
    value = _value(config, section, name)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 <= value < 1):
        raise _wrong(section, name, value, "a number from 0 to below 1")
    return value


def _flag(config, section, name):
    value = _value(config, section, name)
    if not isinstance(value, bool):
        raise _wrong(section, name, value, "true or false")
    return value


def _wrong(section, name, value, wanted):
    return ValueError(
        f"The checkpoint's config has {section}: {name}: {shown(value)}; it must be "
        f"{wanted}."
    )


def _sizes(state):
    """Rows of three tensors: tokens, positions, BERT's feed-forward width."""
    needed = (names.TOKENS, names.POSITIONS, names.BERT_FEEDFORWARD)
    missing = [name for name in needed if name not in state]
    if missing:
        raise ValueError(
            f"The state dict lacks {', '.join(missing)}: it is not that of a TERAN "
            "with a BERT."
        )
    if flat := [name for name in needed if state[name].ndim != 2]:
        raise ValueError(f"{flat[0]} is {state[flat[0]].shape}, not a matrix.")
    return [state[name].shape[0] for name in needed]
