"""Caption text to BERT token ids, by the `tokenizers` package.

The ids equal BERT's own tokeniser (Devlin et al. 2019) because the normaliser, the
splitting and the WordPiece model are the ones of Hugging Face `tokenizers`, configured
as `BertWordPieceTokenizer` configures them.
"""

import json
import os
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

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY_FILE = "vocab.txt"
SETTINGS_FILE = "tokenizer.json"
_SETTINGS_KEY = "keras_teran_tokenizer"


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
        lowercase: bool, lower-case and strip accents, as the uncased BERT does.
        max_length: int, the longest sequence, [CLS] and [SEP] counted; longer captions
            are cut before [SEP].

    Raises:
        ValueError: when a special token is missing, a token stands twice, or
            `max_length` leaves no room for a word.

    Example:
        >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "##s", "run"]
        >>> tokenizer = CaptionTokenizer(words)
        >>> tokenizer(["A dog", "dogs run fast"])["token_ids"].tolist()
        [[2, 4, 5, 3, 0, 0], [2, 5, 6, 7, 1, 3]]
    """

    def __init__(self, vocabulary, lowercase=True, max_length=64):
        vocabulary = list(vocabulary)
        _check_vocabulary(vocabulary)
        if max_length < 3:
            raise ValueError(
                f"max_length={max_length} leaves no room for a word between [CLS] and "
                "[SEP]; give 3 or more."
            )
        self.vocabulary = vocabulary
        self.lowercase = bool(lowercase)
        self.max_length = int(max_length)
        ids = {token: index for index, token in enumerate(vocabulary)}
        self.pad_id = ids["[PAD]"]
        self._tokenizer = _bert_tokenizer(ids, self.lowercase)
        self._tokenizer.post_processor = processors.BertProcessing(
            ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
        )
        self._tokenizer.enable_truncation(self.max_length)

    @classmethod
    def train(cls, captions, vocabulary_size=1000, lowercase=True, max_length=64):
        """Learns a WordPiece vocabulary from captions.

        Args:
            captions: iterable of str.
            vocabulary_size: int, the most tokens to keep, special ones counted.
            lowercase: bool, as in the constructor.
            max_length: int, as in the constructor.

        Returns:
            A `CaptionTokenizer`; the same captions always give the same one.
        """
        captions = list(captions)
        tokenizer = _bert_tokenizer(None, lowercase)
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
    def load(cls, folder):
        """Reads a folder that `save` wrote, or one of a Hugging Face BERT.

        Of the latter, `vocab.txt` and `do_lower_case` of `tokenizer_config.json` count.

        Raises:
            FileNotFoundError: when the folder has no `vocab.txt`.
        """
        folder = Path(folder)
        vocabulary_path = folder / VOCABULARY_FILE
        if not vocabulary_path.is_file():
            raise FileNotFoundError(
                f"{vocabulary_path} is missing: a tokeniser folder holds the "
                f"vocabulary, one token a line, in {VOCABULARY_FILE}."
            )
        return cls(read_vocabulary(vocabulary_path), **_read_settings(folder))

    def save(self, folder):
        """Writes `vocab.txt` and `tokenizer.json` into a folder, made if missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {"lowercase": self.lowercase, "max_length": self.max_length}
        _write_text(folder / VOCABULARY_FILE, "\n".join(self.vocabulary) + "\n")
        _write_text(
            folder / SETTINGS_FILE,
            json.dumps({_SETTINGS_KEY: settings}, indent=2) + "\n",
        )

    def __call__(self, captions, width=None):
        """Token ids of captions, padded at the end to one width.

        Args:
            captions: list of str, (captions,).
            width: int, the padded width; None for the longest of these captions.

        Returns:
            Dict of `token_ids` int32 (captions, width) and `padding_mask` bool
            (captions, width), True where a token is real.

        Raises:
            ValueError: when a caption needs more than `width` tokens.
        """
        encoded = [e.ids for e in self._tokenizer.encode_batch(_texts(captions))]
        longest = max(map(len, encoded), default=0)
        if width is None:
            width = longest
        elif longest > width:
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
        encoded = self._tokenizer.encode_batch(_texts(captions))
        return np.array([len(e.ids) for e in encoded], "int32")

    def encode(self, caption):
        """One caption as an `EncodedCaption`: ids, word pieces and their characters."""
        encoded = self._tokenizer.encode(caption)
        return EncodedCaption(encoded.ids, encoded.tokens, encoded.offsets)


def read_vocabulary(path):
    """The tokens of a `vocab.txt`, one a line: a list of str.

    Raises:
        ValueError: when the file is no text.
    """
    # Lines as `tokenizers` reads them: str.splitlines would cut at more characters.
    try:
        with Path(path).open(encoding="utf-8") as lines:
            return [line.rstrip() for line in lines]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text in UTF-8; give a BERT vocabulary, one token a line."
        ) from error


def _bert_tokenizer(ids, lowercase):
    model = models.WordPiece(
        **({} if ids is None else {"vocab": ids}),
        unk_token="[UNK]",
        max_input_chars_per_word=100,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=True,
        strip_accents=None,
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


def _check_vocabulary(vocabulary):
    missing = [t for t in SPECIAL_TOKENS[:4] if t not in vocabulary]
    if missing:
        raise ValueError(
            f"The vocabulary of {len(vocabulary)} tokens lacks {', '.join(missing)}; "
            "give a BERT vocabulary, one token a line."
        )
    if len(set(vocabulary)) != len(vocabulary):
        seen = set()
        twice = next(t for t in vocabulary if t in seen or seen.add(t))
        raise ValueError(
            f"The vocabulary holds {twice!r} twice; each token stands once."
        )


def _texts(captions):
    if isinstance(captions, str):
        raise ValueError(
            f"captions is one string, {captions[:40]!r}; give a list of captions."
        )
    return list(captions)


def _read_settings(folder):
    """Our own settings, or what a Hugging Face folder says of lower-casing."""
    ours = _read_json(folder / SETTINGS_FILE).get(_SETTINGS_KEY)
    if ours is not None:
        return ours
    theirs = _read_json(folder / "tokenizer_config.json")
    return {"lowercase": theirs.get("do_lower_case", True)}


def _read_json(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _write_text(path, text):
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)
