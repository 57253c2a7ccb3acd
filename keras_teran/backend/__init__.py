"""What is particular to one backend or to the C library's allocator."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_fused_adam": "FusedAdam",
        "_malloc": "keep_freed_memory",
        "_replicas": (
            "build_replica_optimizer count_replicas gather_pairs replica_train_step "
        ),
        "_unpadding": "members_of packing",
    },
)
