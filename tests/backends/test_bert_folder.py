"""A Hugging Face BERT folder: hidden states as plain NumPy and plain PyTorch give."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from support import oracle_encoders as oracle
from support import original_layout as layout

from keras_teran import CaptionTokenizer, build_model

keras_hub = pytest.importorskip("keras_hub", reason="needs KerasHub")
safetensors = pytest.importorskip("safetensors.numpy", reason="needs safetensors")

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
DIM, LAYERS, HEADS = 16, 3, 4
SENTENCES = ["word3 word1", "word7 word7 word2 word20 word11", "word9", "nothing here"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small random BERT as Hugging Face's `save_pretrained` writes one."""
    folder = tmp_path_factory.mktemp("bert")
    state = layout.drawn(layout.bert(LAYERS, DIM, name=""))
    safetensors.save_file(state, folder / "model.safetensors")
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": DIM,
        "intermediate_size": layout.BERT_FEEDFORWARD,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": layout.POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "type_vocab_size": 2,
        "vocab_size": layout.TOKENS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    words = [*SPECIAL, *(f"word{row}" for row in range(layout.TOKENS - len(SPECIAL)))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder


@pytest.fixture(scope="module")
def mini_lm():
    """all-MiniLM-L6-v2, where KERAS_TERAN_MINILM says it is."""
    folder = os.environ.get("KERAS_TERAN_MINILM")
    if not folder:
        pytest.skip("needs all-MiniLM-L6-v2 (set KERAS_TERAN_MINILM to its folder)")
    return Path(folder)


def hidden_states(folder, captions, layers):
    """Those of the caption encoder after its last BERT layer, and its model."""
    model = build_model("tiny", caption_backbone=str(folder), caption_layers=layers)
    encoder = model.caption_encoder
    last = encoder.get_layer(f"bert_block_{layers - 1}").output
    states = keras.Model(encoder.inputs, last)(captions, training=False)
    return ops.convert_to_numpy(states), model


def transposed(state, name):
    return {"kernel": state[f"{name}.weight"].T, "bias": state[f"{name}.bias"]}


def by_our_paths(state, layers):
    """The tensors of a Hugging Face BERT under the oracle's names."""
    embeddings = {
        "bert_embedding/token/embeddings": state["embeddings.word_embeddings.weight"],
        "bert_embedding/position": state["embeddings.position_embeddings.weight"],
        "bert_embedding/segment": state["embeddings.token_type_embeddings.weight"][:1],
    }
    weights = {path: tensor.astype(float) for path, tensor in embeddings.items()}

    def put(path, parts):
        weights.update({f"{path}/{kind}": a.astype(float) for kind, a in parts.items()})

    def put_norm(path, name):
        gamma, beta = state[f"{name}.weight"], state[f"{name}.bias"]
        put(path, {"gamma": gamma, "beta": beta})

    put_norm("bert_embedding/norm", "embeddings.LayerNorm")
    for index in range(layers):
        ours, theirs = f"bert_block_{index}", f"encoder.layer.{index}"
        parts = [
            transposed(state, f"{theirs}.attention.self.{part}")
            for part in ("query", "key", "value")
        ]
        joined = {
            kind: np.concatenate([part[kind] for part in parts], axis=-1)
            for kind in ("kernel", "bias")
        }
        put(f"{ours}/query_key_value", joined)
        for our_part, their_part in (
            ("attention_output", "attention.output.dense"),
            ("feedforward_inner", "intermediate.dense"),
            ("feedforward_output", "output.dense"),
        ):
            put(f"{ours}/{our_part}", transposed(state, f"{theirs}.{their_part}"))
        put_norm(f"{ours}/attention_norm", f"{theirs}.attention.output.LayerNorm")
        put_norm(f"{ours}/feedforward_norm", f"{theirs}.output.LayerNorm")
    return weights


@pytest.mark.seconds
@pytest.mark.parametrize("layers", [LAYERS, 2])
def test_hidden_states_equal_plain_numpy(folder, layers):
    captions = CaptionTokenizer.load(folder)(SENTENCES)
    states, model = hidden_states(folder, captions, layers)
    state = safetensors.load_file(folder / "model.safetensors")
    weights = by_our_paths(state, layers)
    for row, real in enumerate(captions["padding_mask"]):
        token_ids = captions["token_ids"][row, real]
        expected = oracle.bert(weights, model.config, token_ids)
        np.testing.assert_allclose(states[row, real], expected, atol=1e-5)


def in_pytorch(folder, captions, layers):
    torch = pytest.importorskip("torch", reason="needs PyTorch (make test-torch)")
    from support.original_torch import Bert

    config = json.loads((folder / "config.json").read_text())
    bert = Bert(
        config["vocab_size"],
        config["max_position_embeddings"],
        config["hidden_size"],
        config["intermediate_size"],
        config["num_hidden_layers"],
        config["num_attention_heads"],
    )
    state = safetensors.load_file(folder / "model.safetensors")
    state.pop("embeddings.position_ids", None)
    bert.load_state_dict({n: torch.from_numpy(a) for n, a in state.items()})
    del bert.encoder["layer"][layers:]
    with torch.no_grad():
        token_ids = torch.from_numpy(captions["token_ids"]).long()
        mask = torch.from_numpy(captions["padding_mask"])
        return bert.eval()(token_ids, mask).numpy()


def assert_equals_pytorch(folder, sentences, layers):
    captions = CaptionTokenizer.load(folder)(sentences)
    expected = in_pytorch(folder, captions, layers)
    states, _ = hidden_states(folder, captions, layers)
    real = captions["padding_mask"]
    np.testing.assert_allclose(states[real], expected[real], atol=1e-5)


def test_hidden_states_equal_pytorch(folder):
    assert_equals_pytorch(folder, SENTENCES, LAYERS)


@pytest.mark.parametrize("layers", [6, 3])
def test_hidden_states_of_mini_lm_equal_pytorch(mini_lm, layers):
    sentences = ["A déjà vu: two dogs run.", "a cat", "A man in a café, reading " * 3]
    assert_equals_pytorch(mini_lm, sentences, layers)
