"""What a client must know of one served version: limits, buckets, padding."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from keras_teran._io import check, read_json, sha256, shown
from keras_teran.text import SETTINGS_FILE, VOCABULARY_FILE

FILE = "interface.json"
FORMAT_VERSION = 1
_AGAIN = "add the export to the repository again with `keras-teran export --tf-serving`"
_TOKENIZER = (VOCABULARY_FILE, SETTINGS_FILE)
TOKEN_BUCKETS = (8, 16, 24, 32, 48, 64, 96, 128, 256, 512)
REGION_BUCKETS = (12, 24, 36, 50, 100)


@dataclass(frozen=True)
class Interface:
    """Limits of a served model.

    Attributes:
        version: int, of the three models in the repository.
        vocabulary_size: int, rows of the token table; ids lie below.
        max_length: int, rows of the position table, the most tokens of a caption.
        region_dim: int, width of the region features.
        embedding_dim: int, width of region and word embeddings.
        padding: "exclude" or "zero"; with "zero" a score depends on the padding.
        token_buckets: tuple of int, the lengths that captions are padded to.
        region_buckets: tuple of int, the same for regions.
        vocabulary_sha256: str, of the tokens of the table; None: not known.
        image_size: (height, width) of the pictures that a model with pixels inside
            takes; None: it takes regions.
    """

    version: int
    vocabulary_size: int
    max_length: int
    region_dim: int
    embedding_dim: int
    padding: str
    token_buckets: tuple
    region_buckets: tuple = REGION_BUCKETS
    vocabulary_sha256: str | None = None
    image_size: tuple | None = None

    @classmethod
    def of_manifest(cls, manifest, version):
        """The limits of an export, from its manifest, a dict."""
        config = manifest["config"]
        longest = config["caption_max_length"]
        shorter = [n for n in TOKEN_BUCKETS if n < longest]
        return cls(
            version=version,
            vocabulary_size=config["vocabulary_size"],
            max_length=longest,
            region_dim=config["region_dim"],
            embedding_dim=config["embedding_dim"],
            padding=manifest["padding"],
            token_buckets=(*shorter, longest),
            vocabulary_sha256=config.get("vocabulary_sha256"),
            **_of_pictures(config.get("image_backbone")),
        )

    @classmethod
    def read(cls, folder):
        """Reads `interface.json` of a folder, and checks the tokenizer beside it.

        Raises:
            FileNotFoundError: when the folder has none.
            ValueError: of one line: when it is of an older format, holds another kind of
                value, or the tokenizer's files are not those that it names.
        """
        from keras_teran.tf_serving._interface_schema import InterfaceFile

        path = Path(folder) / FILE
        content = read_json(
            path,
            missing=f"{path} is missing: give the folder client/VERSION of a model "
            "repository that `keras-teran export --tf-serving` wrote.",
        )
        if isinstance(content, dict):
            version = content.get("format_version")
            if version != FORMAT_VERSION:
                told = (
                    "an older format" if version is None else f"format {shown(version)}"
                )
                raise ValueError(
                    f"{path} is of {told}, not of format {FORMAT_VERSION}; {_AGAIN}."
                )
        known = check(content, InterfaceFile, path).model_dump()
        del known["format_version"]
        for file, expected in known.pop("tokenizer_files").items():
            if sha256(path.with_name(file)) != expected:
                raise ValueError(
                    f"{path.with_name(file)} is not the file that {FILE} names: its "
                    f"SHA-256 differs. {_AGAIN.capitalize()}."
                )
        lists = {k: tuple(v) for k, v in known.items() if isinstance(v, list)}
        return cls(**known | lists)

    def caption_table(self):
        """What `text.check_vocabulary` asks of a model's configuration: dict."""
        return {
            "vocabulary_size": self.vocabulary_size,
            "vocabulary_sha256": self.vocabulary_sha256,
            "caption_max_length": self.max_length,
        }

    def write(self, folder):
        """Writes `interface.json` into a folder that holds the tokenizer's files."""
        content = {
            "format_version": FORMAT_VERSION,
            "tokenizer_files": {n: sha256(Path(folder) / n) for n in _TOKENIZER},
            **asdict(self),
        }
        text = json.dumps(content, indent=2) + "\n"
        (Path(folder) / FILE).write_text(text, encoding="utf-8")

    def with_lengths(self, lengths):
        """The same with other buckets.

        Args:
            lengths: dict of `token_buckets`, `region_buckets` or both, sequences of
                ascending int from 1; or None.

        Raises:
            ValueError: for anything else, or for regions that the model makes itself.
        """
        from keras_teran.tf_serving._interface_schema import Lengths

        if isinstance(lengths, dict):
            lengths = {
                k: list(v) if isinstance(v, tuple) else v for k, v in lengths.items()
            }
        given = check({} if lengths is None else lengths, Lengths, "lengths")
        given = given.model_dump(exclude_none=True)
        if self.image_size and "region_buckets" in given:
            raise ValueError(
                "lengths: region_buckets are fixed where the model takes pictures; leave "
                "them out."
            )
        return replace(self, **{name: tuple(value) for name, value in given.items()})


def _of_pictures(backbone):
    """What is other where regions are made in the model: always as many."""
    if backbone is None:
        return {}
    rows, columns = backbone["grid"]
    return {
        "region_buckets": (rows * columns,),
        "image_size": tuple(backbone["size"]),
    }


def bucket(length, buckets):
    """The smallest bucket that holds a length; above the last, a multiple of it.

    Example:
        >>> [bucket(n, (8, 16)) for n in (1, 8, 9, 17)]
        [8, 8, 16, 32]
    """
    fitting = [n for n in buckets if n >= length]
    return min(fitting) if fitting else -(-length // buckets[-1]) * buckets[-1]
