"""What one request may cost."""

import math
from dataclasses import dataclass, fields

from keras_teran.search import MOST_BYTES, MOST_REGIONS


@dataclass(frozen=True)
class Limits:
    """Bounds of the service; each is told in its OpenAPI document where it applies.

    Attributes:
        text_length: int, characters of a sentence.
        words: int, words of a sentence, as white space separates them.
        top: int, results of one search.
        weight: float, the largest weight of a word.
        body_bytes: int, bytes of a request's body.
        upload_bytes: int, bytes of an uploaded image's regions, as sent and unpacked.
        regions: int, regions of an uploaded image.
        timeout: float, seconds until a search is given up (504) and until a body has to
            be there (408).
        workers: int, searches at a time.
        waiting: int, searches at a time and in line; beyond that 503.

    Raises:
        ValueError: a bound that is not above 0, or fewer in line than at a time.
    """

    text_length: int = 2000
    words: int = 200
    top: int = 100
    weight: float = 100.0
    body_bytes: int = 64 * 1024
    upload_bytes: int = MOST_BYTES
    regions: int = MOST_REGIONS
    timeout: float = 10.0
    workers: int = 4
    waiting: int = 64

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < math.inf:
                raise ValueError(f"{field.name}={value} must be above 0, and finite.")
        if self.waiting < self.workers:
            raise ValueError(
                f"waiting={self.waiting} counts the searches under way too: give at "
                f"least workers={self.workers}."
            )
