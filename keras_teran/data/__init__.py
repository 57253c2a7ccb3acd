"""Captions, region stores, pictures and batches."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_batches": "PairBatches",
        "_caption_set": "CaptionSet read_captions",
        "_checks": "ImageRows",
        "_grouping": "check_groups",
        "_pack": "pack",
        "_packed_files": (
            "PICTURES allocate describe discarded_if_refused new_folder "
            "partial_folder publish resume save_progress shrink write_rows"
        ),
        "_packed_store": "PackedRegions",
        "_phrases": "Phrase drawn_phrases match_images",
        "_picture_list": "list_pictures",
        "_picture_path": "picture_path",
        "_picture_store": "PictureStore without_bad",
        "_region_store": "check_width open_regions",
        "_source": "EMBEDDED DataSource open_split",
    },
)
