"""Exported encoders and scorers: writing, checking, opening, verifying."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_export": "ExportError FORMATS export format_manifest in_float32",
        "_export_run": "calibration_set export_run refuse_losses verify_export",
        "_manifest": "MANIFEST check_files read_manifest",
        "_runtime": "open_exported",
        "_variants": "VARIANTS",
        "_verify": "verify",
        "_verify_table": "format_verification",
    },
)
