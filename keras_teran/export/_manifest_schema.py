"""What an export's `manifest.json` holds: kinds, ranges, and paths inside its folder."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

import pydantic

from keras_teran._io import shown

_Pair = Annotated[
    list[pydantic.PositiveInt], pydantic.Field(min_length=2, max_length=2)
]


class _Strict(pydantic.BaseModel, extra="forbid"):
    """Without keys that are not known here."""


def _inside(path):
    """A path that stays in the folder, whatever the system."""
    parts = PurePosixPath(path).parts
    unsafe = not parts or path.startswith("/") or ".." in parts
    if unsafe or any(c in path for c in "\\:\0") or not path.isprintable():
        raise ValueError(f"{shown(path)} is no path inside the export's folder")
    return path


_Inside = Annotated[str, pydantic.AfterValidator(_inside)]
_Hash = Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Files = dict[_Inside, _Hash]
_Error = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


class _Tensor(_Strict):
    shape: list[pydantic.PositiveInt | None]
    dtype: str


class _Signature(_Strict):
    inputs: dict[str, _Tensor]
    outputs: dict[str, _Tensor]


class _Backbone(pydantic.BaseModel, extra="allow"):
    size: _Pair
    grid: _Pair


class _Config(pydantic.BaseModel, extra="allow"):
    """Of a model's configuration, what is used where there is no Keras."""

    vocabulary_size: pydantic.PositiveInt
    vocabulary_sha256: _Hash | None
    caption_max_length: pydantic.PositiveInt
    region_dim: pydantic.PositiveInt
    embedding_dim: pydantic.PositiveInt
    image_backbone: _Backbone | None = None


class _Artifact(_Strict):
    format: str
    variant: str
    encoder: str
    path: _Inside
    bytes: pydantic.PositiveInt
    files: Annotated[_Files, pydantic.Field(min_length=1)]
    max_abs_error: _Error
    errors: dict[str, _Error]
    good: bool | None = None

    @pydantic.model_validator(mode="after")
    def _own_files(self):
        for file in self.files:
            if file != self.path and not file.startswith(f"{self.path}/"):
                raise ValueError(f"{self.path} names a file of another: {shown(file)}")
        return self


class _Tokenizer(_Strict):
    vocabulary_size: pydantic.PositiveInt
    lowercase: bool
    max_length: pydantic.PositiveInt
    files: _Files


class Manifest(_Strict):
    """All of it."""

    format_version: int
    sha256: _Hash
    preset: str | None
    config: _Config
    pooling: str
    padding: Literal["exclude", "zero"]
    encoders: dict[str, _Signature]
    scorers: dict[str, _Signature]
    tokenizer: _Tokenizer
    versions: dict[str, str]
    checked_on: dict[str, Any]
    tolerance: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
    artifacts: list[_Artifact]

    @pydantic.model_validator(mode="after")
    def _each_path_once(self):
        paths = [artifact.path for artifact in self.artifacts]
        if len(set(paths)) != len(paths):
            raise ValueError("two artifacts have one path")
        return self
