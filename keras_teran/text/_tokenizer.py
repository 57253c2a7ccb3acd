"""Caption text to BERT token ids, by the `tokenizers` package.

The ids equal BERT's own tokeniser (Devlin et al. 2019) because the normaliser, the
splitting and the WordPiece model are the ones of Hugging Face `tokenizers`, configured
as `BertWordPieceTokenizer` configures them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from keras_teran import _io
from keras_teran.text._texts import check_text, texts_of
from keras_teran.text._vocabulary import (
    MOST_TOKENS,
    MOST_VOCABULARY,
    SETTINGS_FILE,
    SPECIAL_TOKENS,
    VOCABULARY_FILE,
    checked_vocabulary,
    read_vocabulary,
)


@dataclass(frozen=True)
class EncodedCaption:
    """One caption after tokenising, [CLS] and [SEP] included.

    Attributes:
        token_ids: list of int, as long as `tokens`.
        tokens: list of str, the word pieces; a piece that continues a word starts
            with "##".
        spans: list of (start, end), the characters of the caption that each piece
            stands for; (0, 0) for [CLS] and [SEP].
    """

    token_ids: list
    tokens: list
    spans: list


class CaptionTokenizer:
    """BERT's WordPiece tokeniser over a given vocabulary.

    Args:
        vocabulary: list of str, the position of a token is its id. Must hold [PAD],
            [UNK], [CLS] and [SEP], each token once.
        lowercase: bool, lower-case, as the uncased BERT does.
        max_length: int from 3 to 65,536, the longest sequence, [CLS] and [SEP] counted;
            longer captions are cut before [SEP].
        strip_accents: bool, take accents off; None for what `lowercase` says.
        tokenize_chinese_chars: bool, a Chinese character is a word.

    Raises:
        ValueError: when a special token is missing, a token stands twice, or an argument
            is of another kind or out of range.

    Example:
        >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "##s", "run"]
        >>> tokenizer = CaptionTokenizer(words)
        >>> tokenizer(["A dog", "dogs run fast"])["token_ids"].tolist()
        [[2, 4, 5, 3, 0, 0], [2, 5, 6, 7, 1, 3]]
    """

    def __init__(
        self,
        vocabulary,
        lowercase=True,
        max_length=64,
        strip_accents=None,
        tokenize_chinese_chars=True,
    ):
        self.vocabulary = checked_vocabulary(vocabulary)
        self.lowercase = _bool(lowercase, "lowercase")
        self.max_length = _io.whole_between("max_length", max_length, 3, MOST_TOKENS)
        self.strip_accents = (
            None if strip_accents is None else _bool(strip_accents, "strip_accents")
        )
        self.tokenize_chinese_chars = _bool(
            tokenize_chinese_chars, "tokenize_chinese_chars"
        )
        ids = {token: index for index, token in enumerate(self.vocabulary)}
        self.pad_id = ids["[PAD]"]
        self._tokenizer = _bert_tokenizer(ids, **self._normalizing())
        self._tokenizer.post_processor = processors.BertProcessing(
            ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
        )
        self._tokenizer.enable_truncation(self.max_length)

    @classmethod
    def train(cls, captions, vocabulary_size=1000, lowercase=True, max_length=64):
        """Learns a WordPiece vocabulary from captions.

        Args:
            captions: iterable of str.
            vocabulary_size: int from 5 to 1,048,576, the most tokens to keep, special
                ones counted.
            lowercase: bool, as in the constructor.
            max_length: int, as in the constructor.

        Returns:
            A `CaptionTokenizer`; the same captions always give the same one.

        Raises:
            ValueError: when a caption is no text, or an argument is of another kind or
                out of range.
        """
        captions = texts_of(captions)
        vocabulary_size = _io.whole_between(
            "vocabulary_size", vocabulary_size, len(SPECIAL_TOKENS), MOST_VOCABULARY
        )
        tokenizer = _bert_tokenizer(None, _bool(lowercase, "lowercase"))
        # Left to itself the trainer numbers the characters in the order of a hash that
        # differs from run to run, and settles ties between merges by these numbers.
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocabulary_size,
            special_tokens=[*SPECIAL_TOKENS, *_characters(tokenizer, captions)],
            show_progress=False,
        )
        tokenizer.train_from_iterator(captions, trainer)
        ids = tokenizer.get_vocab()
        return cls(sorted(ids, key=ids.get), lowercase, max_length)

    @classmethod
    def load(cls, folder, saved=False):
        """Reads a folder that `save` wrote, or one of a Hugging Face BERT.

        Of the latter, `vocab.txt` is read, and the settings of `tokenizer_config.json`,
        `tokenizer.json`, `special_tokens_map.json` and `added_tokens.json`: they give
        the arguments of the constructor, where `model_max_length` is `max_length`.

        Args:
            folder: path.
            saved: bool, refuse a folder that `save` did not write: of a RUN or an
                export, whose settings are never those of a default.

        Raises:
            FileNotFoundError: when the folder has no `vocab.txt`.
            ValueError: when a file is damaged, or has a setting that changes ids and is
                not honored, or one that is not known; names it.
        """
        # It imports Pydantic, which `import keras_teran` and `--help` do without.
        from keras_teran.text._tokenizer_files import read_settings

        folder = Path(folder)
        path = folder / VOCABULARY_FILE
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is missing: a tokeniser folder holds the vocabulary, one token "
                f"a line, in {VOCABULARY_FILE}."
            )
        vocabulary = read_vocabulary(path)
        settings = read_settings(folder, vocabulary, saved)
        try:
            return cls(vocabulary, **settings)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from None

    def with_max_length(self, max_length):
        """The same tokenizer with another longest sequence: a `CaptionTokenizer`."""
        settings = {**self._normalizing(), "max_length": max_length}
        return CaptionTokenizer(self.vocabulary, **settings)

    def save(self, folder):
        """Writes `vocab.txt` and `tokenizer.json` into a folder, made if missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {"max_length": self.max_length, **self._normalizing()}
        _io.write_text(folder / VOCABULARY_FILE, "\n".join(self.vocabulary) + "\n")
        _io.write_text(
            folder / SETTINGS_FILE,
            json.dumps({"keras_teran_tokenizer": settings}, indent=2) + "\n",
        )

    def _normalizing(self):
        """The settings that say what becomes of the characters of a text."""
        return {
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": self.tokenize_chinese_chars,
        }

    def __call__(self, captions, width=None):
        """Token ids of captions, padded at the end to one width.

        Args:
            captions: list of str, (captions,).
            width: int, the padded width; None for the longest of these captions.

        Returns:
            Dict of `token_ids` int32 (captions, width) and `padding_mask` bool
            (captions, width), True where a token is real.

        Raises:
            ValueError: when captions are no list of texts, one is no text in UTF-8 or has
                over 20,000 characters, or one needs more than `width` tokens.
        """
        encoded = [e.ids for e in self._tokenizer.encode_batch(texts_of(captions))]
        longest = max(map(len, encoded), default=0)
        if width is None:
            width = longest
        elif longest > _io.whole_between("width", width, 0, MOST_TOKENS):
            raise ValueError(
                f"A caption has {longest} tokens, more than width={width}; give a "
                "wider one, or None for the longest caption."
            )
        token_ids = np.full((len(encoded), width), self.pad_id, "int32")
        padding_mask = np.zeros((len(encoded), width), bool)
        for row, ids in enumerate(encoded):
            token_ids[row, : len(ids)] = ids
            padding_mask[row, : len(ids)] = True
        return {"token_ids": token_ids, "padding_mask": padding_mask}

    def lengths(self, captions):
        """Tokens of each caption, [CLS] and [SEP] counted: int32 (captions,)."""
        encoded = self._tokenizer.encode_batch(texts_of(captions))
        return np.array([len(e.ids) for e in encoded], "int32")

    def encode(self, caption):
        """One caption as an `EncodedCaption`: ids, word pieces and their characters.

        Raises:
            ValueError: when it is no text in UTF-8 or has over 20,000 characters.
        """
        encoded = self._tokenizer.encode(check_text(caption, "caption"))
        return EncodedCaption(encoded.ids, encoded.tokens, encoded.offsets)

    def asked(self, sentence):
        """A sentence that a person gives to ask a model something.

        Of captions of a file, one without a known word is scored like any other. Of a
        sentence that a person asks about, its score would say nothing about it.

        Returns:
            `sentence`, a str.

        Raises:
            ValueError: when it is no text in UTF-8, has over 20,000 characters, or has
                no word that the vocabulary knows.
        """
        tokens = self.encode(check_text(sentence, "sentence")).tokens
        if not set(tokens) - {*SPECIAL_TOKENS}:
            raise ValueError(
                f"The model knows no word of {_io.shown(sentence)}; give a sentence "
                "with one."
            )
        return sentence


def _bert_tokenizer(ids, lowercase, strip_accents=None, tokenize_chinese_chars=True):
    model = models.WordPiece(
        **({} if ids is None else {"vocab": ids}),
        unk_token="[UNK]",
        max_input_chars_per_word=100,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=tokenize_chinese_chars,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    # Text such as "[SEP]" inside a caption is that token, as it is for BERT.
    tokenizer.add_special_tokens([t for t in SPECIAL_TOKENS if ids is None or t in ids])
    return tokenizer


def _characters(tokenizer, captions):
    """The pieces of one character that captions are made of, sorted."""
    text = tokenizer.normalizer.normalize_str("\n".join(captions))
    words = {word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)}
    continuing = {f"##{character}" for word in words for character in word[1:]}
    return sorted({word[0] for word in words}) + sorted(continuing)


def _bool(value, name):
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False; received {_io.shown(value)}.")
    return bool(value)
