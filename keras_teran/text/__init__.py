"""Captions to token ids: tokenizers, their files and their vocabularies."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_texts": "check_text texts_of",
        "_tokenizer": "CaptionTokenizer SETTINGS_FILE",
        "_vocabulary": (
            "VOCABULARY_FILE check_vocabulary read_vocabulary vocabulary_sha256 "
        ),
    },
)
