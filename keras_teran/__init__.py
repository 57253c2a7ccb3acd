"""Image–sentence matching by word–region alignment (TERAN) in Keras 3.

The public names are those of `__all__`. Each is imported on first use, so that
`import keras_teran` loads neither Keras nor a backend. Every module is private.
"""

import importlib

__version__ = "0.1.0"

# Public name -> the module that defines it, or (module, its name there) where the name
# alone would not say what it is of. No public name is that of a submodule: once it is
# imported, the submodule would hide the name.
_HOMES = {
    # The model.
    "build_model": "model",
    "Teran": "model",
    "PRESETS": "presets",
    "RECIPES": "presets",
    "CaptionTokenizer": "tokenizer",
    "Hinge": "losses",
    "Contrastive": "losses",
    "from_original": "conversion",
    # A trained RUN.
    "load": "matcher",
    "Matcher": "matcher",
    "Explanation": "explain",
    "draw_alignment": ("painting", "draw"),
    "read_history": "run",
    # Captions, regions, pictures.
    "CaptionSet": "data.captions",
    "read_captions": "data.captions",
    "PackedRegions": "data.packed",
    "PictureStore": "regions.picture_store",
    "open_regions": "data.regions",
    "open_split": "data.splits",
    "embedded_scenes": ("data.embedded", "embedded"),
    "PairBatches": "data.batches",
    "list_pictures": "regions.listing",
    "picture_path": "data.pictures",
    "fit_picture": ("regions.fitting", "fit"),
    "BadImage": "regions.decode",
    "run_script": "ending",
    # Training.
    "TrainingConfig": "config",
    "train": "training",
    "begin_run": "training",
    "RunKeeper": "training",
    "finish_run": "training",
    "build_tokenizer": ("training", "tokenizer_for"),
    "recipe_batch_settings": ("recipe", "batch_settings"),
    "recipe_optimizer": ("recipe", "optimizer"),
    "recipe_loss": ("recipe", "ranking_loss"),
    "recipe_pooled_loss": ("recipe", "pooled_loss"),
    # Evaluation.
    "evaluate_retrieval": ("evaluation.evaluate", "evaluate"),
    "encode_images": "evaluation.evaluate",
    "score_captions": "evaluation.evaluate",
    "format_recall_table": ("evaluation.recall", "format_table"),
    "grounding_accuracy": "evaluation.grounding",
    "RetrievalEvaluation": "evaluation.callback",
    # Search.
    "Index": "search.index",
    "Hit": "search.hits",
    "build_index": ("search.building", "build"),
    "Shards": "search.shards",
    "plan_shards": "search.shards",
    "write_shard": "search.shards",
    # Export.
    "export_encoders": ("export", "export"),
    "export_run": "export_command",
    "format_export_manifest": ("export", "format_manifest"),
    "open_exported": "exported",
    # TF Serving.
    "TFServingClient": ("serving.client", "Client"),
    "ServingError": "serving.errors",
    "UnavailableError": "serving.errors",
    "promote_version": ("serving.layout", "promote"),
}

__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    module, attribute = home if isinstance(home, tuple) else (home, name)
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)


def __dir__():
    return sorted({*globals(), *_HOMES})
