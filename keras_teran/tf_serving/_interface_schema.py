"""What `interface.json` holds, and what a client may be told: kinds and ranges."""

import itertools
from typing import Annotated, Literal

import pydantic

_Positive = pydantic.PositiveInt
_Count = Annotated[int, pydantic.Field(ge=0)]
_Hash = Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _ascending(lengths):
    if any(a >= b for a, b in itertools.pairwise(lengths)):
        raise ValueError(f"lengths must ascend; received {lengths}")
    return lengths


_Buckets = Annotated[
    list[_Positive],
    pydantic.Field(min_length=1, max_length=1000),
    pydantic.AfterValidator(_ascending),
]


class InterfaceFile(pydantic.BaseModel, extra="forbid"):
    """`interface.json`."""

    format_version: int
    tokenizer_files: Annotated[
        dict[Literal["vocab.txt", "tokenizer.json"], _Hash],
        pydantic.Field(min_length=2),
    ]
    version: _Positive
    vocabulary_size: _Positive
    vocabulary_sha256: _Hash | None
    max_length: _Positive
    region_dim: _Positive
    embedding_dim: _Positive
    padding: Literal["exclude", "zero"]
    token_buckets: _Buckets
    region_buckets: _Buckets
    image_size: (
        Annotated[list[_Positive], pydantic.Field(min_length=2, max_length=2)] | None
    )


class Lengths(pydantic.BaseModel, extra="forbid"):
    """The argument `lengths` of `Client`."""

    token_buckets: _Buckets | None = None
    region_buckets: _Buckets | None = None


class Limits(pydantic.BaseModel, extra="forbid"):
    """Numbers of `Client`."""

    timeout: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
    retries: _Count
    backoff: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
    max_batch: _Positive
