"""Captions, region features and probes in the layouts of other projects."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_caption_files": "read_any_captions",
        "_original": "OriginalRegions",
        "_phrase_files": "read_phrases",
        "_probe_files": "LAYOUTS read_probe",
    },
)
