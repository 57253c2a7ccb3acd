"""An index of images and captions, in the process or on a Qdrant server."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_address": "EMBEDDED check_engine",
        "_building": "build",
        "_hits": "Hit",
        "_image_file": "MOST_BYTES MOST_REGIONS read_image_file",
        "_index": "Index",
        "_merge_regions": "check_count merge",
        "_queries": "pooled",
        "_schema": "BOXES IMAGES Point Schema Storage check_storage read_where",
        "_shards": "Shards plan_shards write_shard",
    },
)
