"""Which tensor of the authors' state dict is which of our weights."""

from dataclasses import dataclass

_ROOT = "img_txt_enc."
_BERT = _ROOT + "txt_enc.bert_model."
TOKENS = _BERT + "embeddings.word_embeddings.weight"
POSITIONS = _BERT + "embeddings.position_embeddings.weight"
SEGMENTS = _BERT + "embeddings.token_type_embeddings.weight"
BERT_FEEDFORWARD = _BERT + "encoder.layer.0.intermediate.dense.weight"
_CAPTION_FINAL = _ROOT + "transformer_encoder_1."
_IMAGE_FINAL = _ROOT + "transformer_encoder_2."

# In the state dict, but no output depends on them: the first two are the global vectors
# of a part that is not used, and the hidden states are taken before BERT's pooler. The
# positions are the numbers 0, 1, 2 ..., which newer releases of BERT store.
DEAD = (
    _ROOT + "img_enc.fc.weight",
    _ROOT + "img_enc.fc.bias",
    _ROOT + "txt_enc.map.weight",
    _ROOT + "txt_enc.map.bias",
    _BERT + "pooler.dense.weight",
    _BERT + "pooler.dense.bias",
    _BERT + "embeddings.position_ids",
)

_FINAL_PARTS = {
    "attention_output": "self_attn.out_proj",
    "attention_norm": "norm1",
    "feedforward_inner": "linear1",
    "feedforward_output": "linear2",
    "feedforward_norm": "norm2",
}
_BERT_PARTS = {
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feedforward_inner": "intermediate.dense",
    "feedforward_output": "output.dense",
    "feedforward_norm": "output.LayerNorm",
}
_LINEARS = {
    "box_fusion/inner": _ROOT + "img_enc.pos_encoding_image.map.0",
    "box_fusion/outer": _ROOT + "img_enc.pos_encoding_image.map.2",
    "image_projection": _ROOT + "img_proj",
    "caption_projection": _ROOT + "cap_proj",
}


@dataclass(frozen=True)
class Pair:
    """One of our weights and where it comes from.

    Attributes:
        ours: str, path of a Keras weight.
        theirs: tuple of str, names of tensors that are joined along their first axis.
        transposed: bool, PyTorch holds the kernel the other way round.
        rows: int, only that many of the first rows are ours; None for all.
    """

    ours: str
    theirs: tuple
    transposed: bool = False
    rows: int | None = None


def pairs(config):
    """The whole table for one architecture.

    Args:
        config: dict, `Teran.config`.

    Returns:
        List of `Pair`: every weight of the `Teran` once.
    """
    table = [
        Pair("bert_embedding/token/embeddings", (TOKENS,)),
        Pair("bert_embedding/position", (POSITIONS,)),
        # Captions are always of the first of BERT's two segments.
        Pair("bert_embedding/segment", (SEGMENTS,), rows=1),
        *_norm("bert_embedding/norm", _BERT + "embeddings.LayerNorm"),
    ]
    for ours, theirs in _LINEARS.items():
        table += _linear(ours, theirs)
    for index in range(config["caption_layers"]):
        table += _bert_block(f"bert_block_{index}", f"{_BERT}encoder.layer.{index}.")
    stacks = {
        "image_block": (_ROOT + "img_enc.transformer_encoder.", "image_layers"),
        **_final_stacks(config["shared_final_layers"]),
    }
    for ours, (theirs, count) in stacks.items():
        for index in range(config[count]):
            table += _block(f"{ours}_{index}", f"{theirs}layers.{index}.")
    return table


def aliases(config):
    """Names that stand for a tensor a second time.

    Args:
        config: dict, `Teran.config`.

    Returns:
        Dict of name to the name whose tensor it is. With shared final layers a second
        stack, where a checkpoint has one, is the first.
    """
    names = {_ROOT + "txt_enc.word_embeddings.weight": TOKENS}
    if config["shared_final_layers"]:
        names |= {
            name.replace(_CAPTION_FINAL, _IMAGE_FINAL): name
            for pair in pairs(config)
            for name in pair.theirs
            if name.startswith(_CAPTION_FINAL)
        }
    return names


def _final_stacks(shared):
    if shared:
        return {"final_block": (_CAPTION_FINAL, "final_layers")}
    return {
        "caption_final_block": (_CAPTION_FINAL, "final_layers"),
        "image_final_block": (_IMAGE_FINAL, "final_layers"),
    }


def _block(ours, theirs):
    yield Pair(
        f"{ours}/query_key_value/kernel",
        (f"{theirs}self_attn.in_proj_weight",),
        transposed=True,
    )
    yield Pair(f"{ours}/query_key_value/bias", (f"{theirs}self_attn.in_proj_bias",))
    yield from _parts(ours, theirs, _FINAL_PARTS)


def _bert_block(ours, theirs):
    for kind, suffix in (("kernel", "weight"), ("bias", "bias")):
        names = tuple(
            f"{theirs}attention.self.{part}.{suffix}"
            for part in ("query", "key", "value")
        )
        yield Pair(f"{ours}/query_key_value/{kind}", names, kind == "kernel")
    yield from _parts(ours, theirs, _BERT_PARTS)


def _parts(ours, theirs, names):
    for our_part, their_part in names.items():
        both = f"{ours}/{our_part}", theirs + their_part
        yield from _norm(*both) if our_part.endswith("norm") else _linear(*both)


def _linear(ours, theirs):
    yield Pair(f"{ours}/kernel", (f"{theirs}.weight",), transposed=True)
    yield Pair(f"{ours}/bias", (f"{theirs}.bias",))


def _norm(ours, theirs):
    yield Pair(f"{ours}/gamma", (f"{theirs}.weight",))
    yield Pair(f"{ours}/beta", (f"{theirs}.bias",))
