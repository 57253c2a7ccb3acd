"""What a client must know of one served version: limits, buckets, padding."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "interface.json"
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
        """Reads `interface.json` of a folder.

        Raises:
            FileNotFoundError: when the folder has none.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: give the folder client/VERSION of a model "
                "repository that `keras-teran export --tf-serving` wrote."
            )
        content = json.loads(path.read_text(encoding="utf-8"))
        lists = {k: tuple(v) for k, v in content.items() if isinstance(v, list)}
        return cls(**content | lists)

    def caption_table(self):
        """What `vocabulary.check_vocabulary` asks of a model's configuration: dict."""
        return {
            "vocabulary_size": self.vocabulary_size,
            "vocabulary_sha256": self.vocabulary_sha256,
            "caption_max_length": self.max_length,
        }

    def write(self, folder):
        """Writes `interface.json` into a folder."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        (Path(folder) / FILE).write_text(text, encoding="utf-8")


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
