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
    "build_model": "models",
    "Teran": "models",
    "PRESETS": "models",
    "RECIPES": "models",
    "CaptionTokenizer": "text",
    "Hinge": "losses",
    "Contrastive": "losses",
    "from_original": "conversion",
    # A trained RUN.
    "load": "pipeline",
    "Matcher": "pipeline",
    "Explanation": "pipeline",
    "draw_alignment": ("pipeline", "draw"),
    "read_history": "run",
    # Captions, regions, pictures.
    "CaptionSet": "data",
    "read_captions": "data",
    "PackedRegions": "data",
    "PictureStore": "data",
    "open_regions": "data",
    "open_split": "data",
    "embedded_scenes": ("data.scenes", "embedded"),
    "PairBatches": "data",
    "Phrase": "data",
    "read_phrases": "data.formats",
    "list_pictures": "data",
    "picture_path": "data",
    "fit_picture": ("vision", "fit"),
    "BadImage": "vision",
    "run_script": "cli._ending",
    # Training.
    "TrainingConfig": "training",
    "train": "training",
    "begin_run": "training",
    "RunKeeper": "training",
    "finish_run": "training",
    "build_tokenizer": ("training", "tokenizer_for"),
    "recipe_batch_settings": ("training", "batch_settings"),
    "recipe_optimizer": ("training", "optimizer"),
    "recipe_loss": ("training", "ranking_loss"),
    "recipe_pooled_loss": ("training", "pooled_loss"),
    # Evaluation.
    "evaluate_retrieval": ("evaluation", "evaluate"),
    "encode_images": "evaluation",
    "score_captions": "evaluation",
    "format_recall_table": ("evaluation", "format_table"),
    "grounding_accuracy": "evaluation",
    "evaluate_grounding": "evaluation",
    "format_grounding": "evaluation",
    "grounding_rows": "evaluation",
    "grounding_cases": "evaluation",
    "alignment_agreement": "evaluation",
    "RetrievalEvaluation": "evaluation",
    # Probes of what a score understands.
    "probe": "evaluation",
    "ProbeResult": "evaluation",
    "format_probe": "evaluation",
    "probe_rows": "evaluation",
    "probe_case_rows": ("evaluation", "case_rows"),
    "ProbeItem": "data.probes",
    "ProbeSet": "data.probes",
    "read_probe": "data.formats",
    "find_probe_images": ("data.probes", "find_images"),
    "make_order_probe": ("data.probes", "make_order"),
    "make_half_truths": "data.probes",
    "make_scene_probes": "data.scenes",
    # Search.
    "Index": "search",
    "Hit": "search",
    "build_index": ("search", "build"),
    "Shards": "search",
    "plan_shards": "search",
    "write_shard": "search",
    # Export.
    "export_encoders": ("export", "export"),
    "export_run": "export",
    "format_export_manifest": ("export", "format_manifest"),
    "open_exported": "export",
    # TF Serving.
    "TFServingClient": ("tf_serving", "Client"),
    "ServingError": "tf_serving",
    "UnavailableError": "tf_serving",
    "promote_version": ("tf_serving", "promote"),
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
