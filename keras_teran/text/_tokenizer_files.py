"""The settings of a tokenizer folder, ours or a Hugging Face BERT's, each read or refused.

Of the latter, a setting that changes ids is honored or refused by its name. The fixed
list of those that cannot change ids is that of `_Theirs`; no other is taken.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from keras_teran import _io
from keras_teran.text._vocabulary import (
    MOST_TOKENS,
    SETTINGS_FILE,
    SPECIAL_TOKENS,
    VOCABULARY_FILE,
)

# transformers writes 10**30 where a tokenizer sets no limit.
_NO_LIMIT = 10**9
# As transformers calls the setting, as ours is called, as `tokenizers` calls it.
_HONORED = (
    ("do_lower_case", "lowercase", "lowercase"),
    ("strip_accents", "strip_accents", "strip_accents"),
    ("tokenize_chinese_chars", "tokenize_chinese_chars", "handle_chinese_chars"),
)


class _Settings(BaseModel, extra="forbid"):
    """The arguments of `CaptionTokenizer`, see there."""

    lowercase: bool = True
    max_length: Annotated[int, Field(ge=3, le=MOST_TOKENS)] = 64
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True


class _Ours(BaseModel, extra="forbid"):
    """A `tokenizer.json` that `CaptionTokenizer.save` wrote."""

    keras_teran_tokenizer: _Settings


def read_settings(folder, vocabulary, saved):
    """The arguments of `CaptionTokenizer` that a folder names.

    Args:
        folder: Path of a folder with a `vocab.txt`.
        vocabulary: list of str, its tokens.
        saved: bool, refuse a folder that `CaptionTokenizer.save` did not write.

    Returns:
        dict. Of a Hugging Face folder it may lack some, which are then the default.

    Raises:
        ValueError: of one line, for a setting that is not known or not honored, or for
            files that contradict each other.
    """
    path = folder / SETTINGS_FILE
    content = _read(path)
    if "keras_teran_tokenizer" in content:
        return _io.check(content, _Ours, path).keras_teran_tokenizer.model_dump()
    if saved:
        raise ValueError(
            f'{path} does not hold {{"keras_teran_tokenizer": ...}}, the settings that '
            "were saved with this vocabulary; fetch the folder again."
        )
    graph = _io.check(content or {"version": "none"}, _Graph, path)
    _check_graph(graph, vocabulary, path)
    path = folder / "tokenizer_config.json"
    theirs = _io.check(_read(path), _Theirs, path)
    if theirs.tokenizer_class in _BY_GRAPH and graph.normalizer is None:
        raise ValueError(
            f"{path}: tokenizer_class {theirs.tokenizer_class} leaves the settings to "
            f"{SETTINGS_FILE}, which has none."
        )
    _check_tokens(theirs.added_tokens_decoder, vocabulary, path)
    path = folder / "special_tokens_map.json"
    _io.check(_read(path), _SpecialTokens, path)
    path = folder / "added_tokens.json"
    added = _io.check(_read(path), dict[str, int], path)
    _check_tokens(
        {str(i): _Added(content=t) for t, i in added.items()}, vocabulary, path
    )
    return _joined(folder, theirs, graph)


def _read(path):
    """The object of a JSON file; an empty one where there is no file."""
    if not path.exists():
        return {}
    content = _io.read_json(path, dict[str, Any])
    if not content and path.name == SETTINGS_FILE:
        raise ValueError(f"{path} is empty: it holds no settings of a tokenizer.")
    return content


def _joined(folder, theirs, graph):
    """What both files say together; refused where they contradict each other."""
    said = {
        ours: [
            getattr(part, name)
            for part, name in ((theirs, config), (graph.normalizer, normalizer))
            if part is not None and name in part.model_fields_set
        ]
        for config, ours, normalizer in _HONORED
    }
    for name, values in said.items():
        if len({*values}) > 1:
            raise ValueError(
                f"{folder}: tokenizer_config.json sets {name} to {values[0]}, "
                f"{SETTINGS_FILE} to {values[1]}; make them agree."
            )
    settings = {name: values[0] for name, values in said.items() if values}
    limits = [theirs.model_max_length, graph.truncation and graph.truncation.max_length]
    if limits := [n for n in limits if n is not None and n < _NO_LIMIT]:
        settings["max_length"] = min(limits)
    return settings


def _check_graph(graph, vocabulary, path):
    """Refuses a `tokenizer.json` of another vocabulary than the `vocab.txt`."""
    added = {str(token.id): token for token in graph.added_tokens or ()}
    _check_tokens(added, vocabulary, path)
    ends = graph.post_processor and graph.post_processor.ends()
    wanted = [[token, vocabulary.index(token)] for token in ("[CLS]", "[SEP]")]
    if ends not in (None, wanted):
        raise ValueError(
            f"{path}: post_processor puts {_io.shown(ends)} around a text; only "
            f"{wanted} is honored."
        )
    if graph.model is None or graph.model.vocab is None:
        return
    ids = {token: index for index, token in enumerate(vocabulary) if token}
    vocab = {token: index for token, index in graph.model.vocab.items() if token}
    if vocab != ids:
        raise ValueError(
            f"{path} holds another vocabulary ({len(vocab)} tokens) than the "
            f"{VOCABULARY_FILE} beside it ({len(ids)}); remove the one that is not the model's."
        )


def _check_tokens(added, vocabulary, path):
    """Refuses tokens that are cut out of a text, beyond those that always are."""
    for number, token in (added or {}).items():
        place = vocabulary.index(token.content) if token.content in vocabulary else None
        if token.content not in SPECIAL_TOKENS or str(place) != number:
            raise ValueError(
                f"{path} adds the token {_io.shown(token.content)} with id {number}; "
                f"added tokens other than {', '.join(SPECIAL_TOKENS)}, with their ids "
                "of vocab.txt, are not read."
            )


def _none_or_special(tokens):
    tokens = list(tokens.values()) if isinstance(tokens, dict) else tokens
    if others := [token for token in tokens or () if token not in SPECIAL_TOKENS]:
        raise ValueError(
            f"{_io.shown(others)} is not honored: only {', '.join(SPECIAL_TOKENS)} stay "
            "in one piece"
        )
    return tokens


_Ignored = Any
_Split = Annotated[list[str] | dict[str, str] | None, AfterValidator(_none_or_special)]


class _Added(BaseModel, extra="forbid"):
    """A token that stays in one piece, as transformers describes it."""

    content: str
    lstrip: Literal[False] = False
    rstrip: Literal[False] = False
    single_word: Literal[False] = False
    normalized: Literal[False] = False
    special: Literal[True] = True
    id: int | None = None
    type_: _Ignored = Field(None, alias="__type")


def _named(token):
    """The type of a special token's setting: its text, or a description of it."""

    def check(value):
        if value.content != token:
            raise ValueError(f"must be {token}; received {_io.shown(value.content)}")
        return value

    return Annotated[_Added, BeforeValidator(_described), AfterValidator(check)]


def _described(value):
    return {"content": value} if isinstance(value, str) else value


def _as_int(value):
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


class _SpecialTokens(BaseModel, extra="forbid"):
    pad_token: _named("[PAD]") = None
    unk_token: _named("[UNK]") = None
    cls_token: _named("[CLS]") = None
    sep_token: _named("[SEP]") = None
    mask_token: _named("[MASK]") | None = None
    bos_token: None = None
    eos_token: None = None
    additional_special_tokens: _Split = None
    extra_special_tokens: _Split = None
    model_specific_special_tokens: _Split = None


_BY_GRAPH = ("PreTrainedTokenizerFast", "TokenizersBackend")


class _Theirs(_SpecialTokens):
    """A `tokenizer_config.json`."""

    model_config = ConfigDict(protected_namespaces=())

    do_lower_case: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True
    model_max_length: Annotated[int, BeforeValidator(_as_int), Field(ge=3)] | None = (
        None
    )
    never_split: _Split = None
    do_basic_tokenize: Literal[True] = True
    clean_text: Literal[True] = True
    wordpieces_prefix: Literal["##"] = "##"
    split_special_tokens: Literal[False] = False
    truncation_side: Literal["right"] = "right"
    added_tokens_decoder: dict[str, _Added] | None = None
    tokenizer_class: (
        Literal[
            "BertTokenizer",
            "BertTokenizerFast",
            "DistilBertTokenizer",
            "DistilBertTokenizerFast",
            "ElectraTokenizer",
            "ElectraTokenizerFast",
            "PreTrainedTokenizerFast",
            "TokenizersBackend",
        ]
        | None
    ) = None
    # These cannot change the ids that a caption gets here.
    backend: _Ignored = None
    chat_template: _Ignored = None
    clean_up_tokenization_spaces: _Ignored = None
    full_tokenizer_file: _Ignored = None
    is_local: _Ignored = None
    local_files_only: _Ignored = None
    max_length: _Ignored = None
    model_input_names: _Ignored = None
    name_or_path: _Ignored = None
    pad_to_multiple_of: _Ignored = None
    pad_token_type_id: _Ignored = None
    padding_side: _Ignored = None
    processor_class: _Ignored = None
    special_tokens_map_file: _Ignored = None
    stride: _Ignored = None
    tokenizer_file: _Ignored = None
    transformers_version: _Ignored = None
    truncation_strategy: _Ignored = None
    use_fast: _Ignored = None


class _Normalizer(BaseModel, extra="forbid"):
    type: Literal["BertNormalizer"]
    clean_text: Literal[True] = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True


class _PreTokenizer(BaseModel, extra="forbid"):
    type: Literal["BertPreTokenizer"]


class _Truncation(BaseModel, extra="forbid"):
    direction: Literal["Right"] = "Right"
    max_length: Annotated[int, Field(ge=3)]
    strategy: _Ignored = None
    stride: _Ignored = None


class _WordPiece(BaseModel, extra="forbid"):
    type: Literal["WordPiece"] = "WordPiece"
    unk_token: Literal["[UNK]"] = "[UNK]"
    continuing_subword_prefix: Literal["##"] = "##"
    max_input_chars_per_word: Literal[100] = 100
    vocab: dict[str, int] | None = None


class _Around(BaseModel, extra="forbid"):
    id: str
    ids: list[int]
    tokens: list[str]


class _Template(BaseModel, extra="forbid"):
    type: Literal["TemplateProcessing"]
    single: list[dict[str, dict[str, Any]]]
    pair: _Ignored = None
    special_tokens: dict[str, _Around] = {}

    def ends(self):
        """What stands around a text: `[[token, id], [token, id]]`, or what else it is."""
        names = [part.get("id") for each in self.single for part in each.values()]
        if len(names) != 3 or "Sequence" not in self.single[1]:
            return names
        around = [self.special_tokens.get(name) for name in names[::2]]
        return [
            [name, *(each.ids if each else [])]
            for name, each in zip(names[::2], around, strict=True)
        ]


class _Processing(BaseModel, extra="forbid"):
    type: Literal["BertProcessing"]
    sep: list[str | int]
    cls: list[str | int]

    def ends(self):
        """See `_Template`."""
        return [self.cls, self.sep]


class _Graph(BaseModel, extra="forbid"):
    """A `tokenizer.json` of the `tokenizers` package."""

    version: str
    padding: _Ignored = None
    decoder: _Ignored = None
    truncation: _Truncation | None = None
    added_tokens: list[_Added] | None = None
    # `null` is a setting of each: nothing is lower-cased, split or put around a text.
    normalizer: _Normalizer = None
    pre_tokenizer: _PreTokenizer = None
    post_processor: Annotated[_Template | _Processing, Field(discriminator="type")] = (
        None
    )
    model: _WordPiece = None
