"""Architectures by name, and the recipes that the paper's models were trained with.

A preset is a dict of arguments of `Teran`. The eight published configurations differ in
pooling and in whether the final layers are shared; COCO and Flickr30k share their
architectures and differ in recipe (Messina et al. 2021, section 5.2, and the authors'
configuration files).

What a recipe may say: `learning_rate` is reached after `warmup_steps`; `schedule` is
"steps" (times `drop_factor` after each of `drop_epochs`) or "cosine" (half of one, to 0
at the end; `drop_*` are then not used); `backbone_rate` is a factor on the rate of the
caption backbone, so that what is new can learn faster than what is pretrained. `loss` is
"hinge" (`losses.Hinge` of `margin` and `negatives`) or "contrastive"
(`losses.Contrastive` of `temperature`); `pooled_loss` the weight of a contrastive loss of
the pooled vectors' own, of `pooled_temperature` (`losses.PooledLoss`; 0: none).
`batch_size` counts pairs; `captions_per_image` is that of `data.batches.PairBatches`.
"""

from keras_teran import _io

_PAPER = {
    "region_dim": 2048,
    "embedding_dim": 1024,
    "image_layers": 4,
    "final_layers": 2,
    "heads": 4,
    "feedforward_dim": 2048,
    "dropout": 0.1,
    "vocabulary_size": 30522,
    "caption_dim": 768,
    "caption_layers": 6,
    "caption_heads": 12,
    "caption_feedforward_dim": 3072,
    "caption_max_length": 512,
    "shared_final_layers": False,
}

# Regions of 256 numbers and a caption encoder of the size of all-MiniLM-L6-v2: what two
# processor cores train in an hour.
_SMALL = {
    **_PAPER,
    "region_dim": 256,
    "embedding_dim": 256,
    "image_layers": 2,
    "caption_dim": 384,
    "caption_feedforward_dim": 1536,
    "pooling": "MrSw",
}

# For the embedded scenes: minutes on two cores, nothing pretrained.
_TINY = {
    "region_dim": 80,
    "embedding_dim": 64,
    "image_layers": 1,
    "final_layers": 1,
    "heads": 4,
    "feedforward_dim": 128,
    "dropout": 0.0,
    "vocabulary_size": 200,
    "caption_dim": 64,
    "caption_layers": 2,
    "caption_heads": 4,
    "caption_feedforward_dim": 128,
    "caption_max_length": 96,
    "shared_final_layers": False,
    "pooling": "MrSw",
}

_PUBLISHED = {
    "mrsw": {"pooling": "MrSw"},
    "mwsr": {"pooling": "MwSr"},
    "symm": {"pooling": "Symm"},
    "mrsw_shared": {"pooling": "MrSw", "shared_final_layers": True},
}

PRESETS = {
    **{
        f"{data}_{name}": {**_PAPER, **difference}
        for data in ("coco", "f30k")
        for name, difference in _PUBLISHED.items()
    },
    "small": _SMALL,
    "small_today": {
        **_SMALL,
        "embedding_dim": 512,
        "context_dim": 256,
        "context_dropout": 0.3,
    },
    "tiny": _TINY,
}

_PAPER_RECIPE = {
    "learning_rate": 1e-5,
    "gradient_norm": 2.0,
    "epochs": 30,
    "schedule": "steps",
    "drop_epochs": [20],
    "drop_factor": 0.1,
    "backbone_rate": 1.0,
    "loss": "hinge",
    "margin": 0.2,
    "negatives": "hardest",
    "temperature": 0.07,
    "pooled_loss": 0.0,
    "pooled_temperature": 0.05,
    "captions_per_image": 1,
}

# How each preset is trained. The `tiny` and `small` recipes are ours; `small` is the
# paper's recipe in six epochs.
RECIPES = {
    **{
        name: {**_PAPER_RECIPE, "batch_size": 40, "warmup_steps": 0}
        for name in PRESETS
        if name.startswith("coco_")
    },
    **{
        name: {**_PAPER_RECIPE, "batch_size": 30, "warmup_steps": 1000}
        for name in PRESETS
        if name.startswith("f30k_")
    },
    "small": {
        **_PAPER_RECIPE,
        "learning_rate": 5e-5,
        "epochs": 6,
        "drop_epochs": [4],
        "batch_size": 40,
        "warmup_steps": 0,
    },
    # Not the paper's: benchmarks/README.md has what was measured.
    "small_today": {
        **_PAPER_RECIPE,
        "learning_rate": 1e-3,
        "epochs": 5,
        "schedule": "cosine",
        "warmup_steps": 50,
        "backbone_rate": 0.05,
        "loss": "contrastive",
        "temperature": 0.5,
        "pooled_loss": 1.0,
        "batch_size": 120,
    },
    # From scratch, the hardest negatives of the first steps pull all scores together
    # and nothing is learned; the sum over negatives has no such start.
    "tiny": {
        **_PAPER_RECIPE,
        "negatives": "sum",
        "learning_rate": 1e-3,
        "epochs": 8,
        "drop_epochs": [6],
        "batch_size": 64,
        "warmup_steps": 100,
    },
}


def configured(preset, pooling, overrides):
    """A preset's arguments of `Teran`, with changes: a new dict.

    Args:
        preset: str, a key of `PRESETS`.
        pooling: str, in place of the preset's; None for that.
        overrides: dict of other arguments.

    Raises:
        ValueError: for an unknown preset or argument.
    """
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(
            f"preset={_io.shown(preset)} is unknown; choose one of {list(PRESETS)}."
        )
    known = {*PRESETS[preset], "padding", "drop_last_word", "pooling_head"}
    known |= {
        "vocabulary_sha256",
        "context_dim",
        "context_words",
        "context_dropout",
        "name",
        "dtype",
    }
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise ValueError(
            f"build_model does not know {', '.join(unknown)}; it takes "
            f"{', '.join(sorted(known))}."
        )
    chosen = {} if pooling is None else {"pooling": pooling}
    return {**PRESETS[preset], **chosen, **overrides}
