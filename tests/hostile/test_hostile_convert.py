"""Checkpoints that are none, through the command; PyTorch is stood in for.

What PyTorch itself makes of a file is `tests/backends/test_conversion_torch.py`'s.
"""

import contextlib
import types

import numpy as np
import pytest
from support.checkpoint_files import (
    BIAS,
    LOADED,
    WORDS,
    Tensor,
    a_folder,
    archive,
    content,
    cut,
    fifo,
    repeated,
    shared_lists,
    spoiled,
    with_content,
    with_section,
    with_tensor,
    with_value,
    write,
)
from support.hostile_rows import Row, check_row, parametrize
from support.original_layout import BERT, TOKENS

from keras_teran.conversion import _checkpoint as checkpoint


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """Stands in for PyTorch: `load` gives what a row put there."""
    safe = types.SimpleNamespace(safe_globals=lambda _: contextlib.nullcontext())
    fake = types.SimpleNamespace(serialization=safe, load=lambda *_, **__: LOADED[-1])
    monkeypatch.setattr(checkpoint, "_torch", lambda: fake)


SPARSE = "can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first."
NOT_FINITE = "holds a number that is NaN or infinite"
LAYERS = ("text-model", "extraction-hidden-layer")
ROWS = [
    Row(
        "config section a number",
        with_section("model", 3),
        "config has model: 3; it must be a mapping",
    ),
    Row(
        "config section a list", with_section("model", [1]), r"config has model: \[1\]"
    ),
    Row(
        "config section null",
        with_section("text-model", None),
        "text-model: None; it must",
    ),
    Row(
        "config section a text",
        with_section("dataset", "coco"),
        "dataset: 'coco'; it m",
    ),
    Row(
        "config a list",
        with_content(config=[1]),
        "config is a list; it must be a mapping",
    ),
    Row("config null", with_content(config=None), "config is a NoneType"),
    Row(
        "word-dim None",
        with_value("text-model", "word-dim", None),
        "word-dim: None; it mu",
    ),
    Row(
        "word-dim a text",
        with_value("text-model", "word-dim", "16"),
        "word-dim: '16'; it",
    ),
    Row(
        "word-dim 0",
        with_value("text-model", "word-dim", 0),
        "word-dim: 0; it must be from",
    ),
    Row(
        "word-dim 16.0",
        with_value("text-model", "word-dim", 16.0),
        "must be a whole number",
    ),
    Row(
        "word-dim 4096",
        with_value("text-model", "word-dim", 4096),
        "asks for .* or more",
    ),
    Row(
        "word-dim 10**30",
        with_value("text-model", "word-dim", 10**30),
        "must be from 1 to",
    ),
    Row(
        "embed-size -8",
        with_value("model", "embed-size", -8),
        "embed-size: -8; it must be",
    ),
    Row(
        "feat-dim true",
        with_value("image-model", "feat-dim", True),
        "feat-dim: True; it m",
    ),
    Row(
        "feat-dim 50000",
        with_value("image-model", "feat-dim", 50_000),
        "asks for .* or more",
    ),
    Row(
        "transformer-layers None",
        with_value("image-model", "transformer-layers", None),
        "image-model: transformer-layers: None; it must be a whole number",
    ),
    Row(
        "layers: 1000000",
        with_value("model", "layers", 10**6),
        r"1000000; it must be from 0",
    ),
    Row(
        "bert layers: 1000000",
        with_value(*LAYERS, 10**6),
        r"layer: 1000000; it must be f",
    ),
    Row(
        "bert layers: 60", with_value(*LAYERS, 60), "lacks: .* more; not used: nothing"
    ),
    Row("bert layers: -1", with_value(*LAYERS, -1), "layer: -1; it must be from 0"),
    Row(
        "dropout a text",
        with_value("model", "dropout", "0.1"),
        "dropout: '0.1'; it must be",
    ),
    Row(
        "dropout 2",
        with_value("model", "dropout", 2),
        "dropout: 2; it must be a number",
    ),
    Row(
        "shared-transformer a text",
        with_value("model", "shared-transformer", "no"),
        "shared-transformer: 'no'; it must be true or false",
    ),
    Row(
        "alignment-mode a list",
        with_value("training", "alignment-mode", ["MrSw"]),
        "alignment-mode: .'MrSw'., which is not implemented",
    ),
    Row(
        "a long text where a name is meant",
        with_value("training", "measure", "x" * 10**6),
        "measure: 'xxx",
    ),
    Row("a weight NaN", spoiled(WORDS, np.nan), f"{WORDS} {NOT_FINITE}"),
    Row("a weight infinite", spoiled(BIAS, np.inf), f"{BIAS} {NOT_FINITE}"),
    Row(
        "a weight that is not used NaN",
        spoiled(f"{BERT}pooler.dense.bias", np.nan),
        f"pooler.dense.bias {NOT_FINITE}",
    ),
    Row(
        "a weight sparse",
        with_tensor(BIAS, Tensor(error=SPARSE)),
        "no plain tensor: can't",
    ),
    Row(
        "a weight on no device",
        with_tensor(BIAS, Tensor(error="Cannot copy out of meta tensor;\nno data!")),
        "no plain tensor: Cannot copy out of meta tensor; no data!",
    ),
    Row(
        "a weight complex",
        with_tensor(BIAS, Tensor(np.zeros(8, complex))),
        "is complex128",
    ),
    Row(
        "a weight that is not used complex",
        with_tensor(f"{BERT}pooler.dense.bias", Tensor(np.zeros(16, complex))),
        "pooler.dense.bias is complex128",
    ),
    Row(
        "a weight of bools",
        with_tensor(BIAS, Tensor(np.zeros(8, bool))),
        "is bool, not fl",
    ),
    Row(
        "a weight of halves",
        with_tensor(BIAS, Tensor(np.zeros(8, "float16"))),
        "is float16",
    ),
    Row(
        "a weight without axes",
        with_tensor(WORDS, Tensor(np.float32(1))),
        "not a matrix",
    ),
    Row(
        "segments without axes",
        with_tensor(
            f"{BERT}embeddings.token_type_embeddings.weight", Tensor(np.float32(1))
        ),
        r"token_type_embeddings.weight is \(\), not \(1, 16\)",
    ),
    Row(
        "a weight a list",
        with_tensor(BIAS, [1.0] * 8),
        f"no tensors in `model`: {BIAS}",
    ),
    Row(
        "a weight named by a number",
        with_tensor(7, Tensor(np.zeros(3))),
        "in `model`: 7",
    ),
    Row(
        "a weight repeated",
        repeated,
        "tensors declare 40,0.* bytes in a file of 4,194,304",
    ),
    Row(
        "weights unknown",
        lambda folder: write(
            folder,
            content(
                model={
                    **content()["model"],
                    **{f"w{k}": Tensor(np.zeros(1)) for k in range(999)},
                }
            ),
        ),
        "lacks: nothing; not used: w0, w1, .* and 991 more",
    ),
    Row(
        "model a list",
        with_content(model=[1]),
        "`model` is a list; it must be a state dict",
    ),
    Row(
        "no model",
        lambda folder: write(folder, {"config": {}}),
        "must hold `model` and",
    ),
    Row(
        "a list", lambda folder: write(folder, [1, 2]), "must hold `model` and `config`"
    ),
    Row(
        "epoch a tensor",
        with_content(epoch=Tensor()),
        "holds no plain value: Object of",
    ),
    Row("epoch NaN", with_content(epoch=float("nan")), "holds NaN, which is no number"),
    Row(
        "config of bytes",
        with_section("extra", b"a"),
        "config holds no plain value: Object",
    ),
    Row(
        "config of 2**40 values",
        with_section("extra", shared_lists()),
        "over 100,000 values",
    ),
    Row("opt half of a pair", with_content(epoch="\ud800"), "half of a surrogate pair"),
    Row("a FIFO", fifo, "model.pth is no regular file; give a file"),
    Row("a folder", a_folder, "model.pth is a folder; give a file"),
    Row(
        "a bomb of a pickle",
        archive("model/data.pkl", 2**25),
        "data.pkl' unpacks to 33,55",
    ),
    Row(
        "a bomb of a tensor",
        archive("model/data/0", 2**26),
        "data/0' unpacks to 67,108,864",
    ),
    Row(
        "a truncated archive",
        cut,
        "cannot be read as a PyTorch checkpoint: it is damaged",
    ),
]


@pytest.mark.slow
@parametrize(ROWS)
def test_a_checkpoint_that_is_none_is_one_line(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


@pytest.mark.seconds
def test_the_rows_start_from_a_checkpoint_that_converts(tmp_path, capsys):
    asked = write(tmp_path, content())
    check_row(
        Row("whole", lambda _: asked, "weights, pooling MrSw", finishes=True),
        tmp_path,
        capsys,
    )


def test_tensors_under_two_names_count_once(tmp_path):
    path = write(tmp_path, content(), size=720_500)[1]
    total = sum(tensor.array.nbytes for tensor in content()["model"].values())
    assert total > 720_500
    assert checkpoint.read_checkpoint(path).state[WORDS].shape == (TOKENS, 16)
