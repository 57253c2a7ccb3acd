"""Checkpoint files, read and written by PyTorch, against the model in plain PyTorch."""

import argparse
import collections
import os

import keras
import numpy as np
import pytest
import yaml
from support.original_layout import (
    BERT_FEEDFORWARD,
    POSITIONS,
    ROOT,
    TOKENS,
    config_with,
    drawn_checkpoint,
    read_zip,
)

import keras_teran
from keras_teran.cli.main import main
from keras_teran.conversion import export_original, from_original
from keras_teran.conversion._checkpoint import read_checkpoint

torch = pytest.importorskip("torch", reason="needs PyTorch (make test-torch)")

from support.original_torch import Original

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def save(path, config=None, zipped=True, **more):
    """A checkpoint as the authors' training writes it, aliases as one tensor."""
    drawn = drawn_checkpoint(config)
    state = collections.OrderedDict(
        (name, torch.from_numpy(tensor.copy())) for name, tensor in drawn.state.items()
    )
    tokens = f"{ROOT}txt_enc.bert_model.embeddings.word_embeddings.weight"
    state[f"{ROOT}txt_enc.word_embeddings.weight"] = state[tokens]
    content = {
        "epoch": 3,
        "model": state,
        "optimizer": {"state": {0: {"step": 7, "exp_avg": torch.ones(3)}}},
        "scheduler": {"milestones": collections.Counter([20])},
        "opt": argparse.Namespace(num_epochs=30, logger_name="runs/teran"),
        "config": drawn.config,
        "Eiters": 12,
        **more,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def in_pytorch(path):
    content = torch.load(path, weights_only=False)
    model = Original(content["config"], TOKENS, POSITIONS, BERT_FEEDFORWARD)
    model.load_state_dict(content["model"], strict=True)
    return model


def mixed_inputs():
    generator = np.random.default_rng(3)
    counts, lengths = np.array([5, 2, 4]), np.array([9, 4, 6, 3])
    region_mask = np.arange(5) < counts[:, None]
    padding_mask = np.arange(9) < lengths[:, None]
    boxes = np.sort(generator.random((3, 5, 2, 2)), axis=2).reshape(3, 5, 4)
    images = {
        "regions": generator.normal(size=(3, 5, 12)).astype("float32"),
        "boxes": boxes.astype("float32"),
        "region_mask": region_mask,
    }
    token_ids = generator.integers(1, TOKENS, (4, 9)) * padding_mask
    captions = {"token_ids": token_ids.astype("int32"), "padding_mask": padding_mask}
    return images, captions


def assert_equals_pytorch(model, original):
    images, captions = mixed_inputs()
    slots = original.images(*map(torch.from_numpy, images.values())).numpy()
    token_ids = torch.from_numpy(captions["token_ids"]).long()
    words = original.captions(token_ids, torch.from_numpy(captions["padding_mask"]))
    ours = {**model.encode(images), **model.encode(captions)}
    real, counted = images["region_mask"], ours["word_mask"]
    pairs = (
        (ours["image_embedding"], slots[:, 0]),
        (ours["region_embeddings"][real], slots[:, 1:][real]),
        (ours["caption_embedding"], words.numpy()[:, 0]),
        (ours["word_embeddings"][counted], words.numpy()[counted]),
    )
    assert counted.sum() == 6 + 1 + 3 + 0  # each length less 3
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-5)


@FORMATS
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("mode", ["MrSw", "symm"])
def test_a_checkpoint_computes_what_pytorch_does(tmp_path, zipped, shared, mode):
    config = config_with("model", "shared-transformer", shared)
    config["training"]["alignment-mode"] = mode
    path = save(tmp_path / "model.pth", config, zipped)
    model = from_original(path)
    assert model.pooling == {"MrSw": "MrSw", "symm": "Symm"}[mode]
    assert_equals_pytorch(model, in_pytorch(path))


@FORMATS
def test_a_file_comes_back_as_it_was_from_a_saved_model(tmp_path, zipped):
    path = save(tmp_path / "model.pth", zipped=zipped)
    from_original(path).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    export_original(loaded, tmp_path / "back.pth")
    before, after = (
        torch.load(p, weights_only=False) for p in (path, tmp_path / "back.pth")
    )
    assert list(before["model"]) == list(after["model"])
    for name, tensor in before["model"].items():
        assert torch.equal(tensor, after["model"][name]), name
        assert tensor.dtype == after["model"][name].dtype
    for name in ("config", "epoch", "Eiters", "opt"):
        assert before[name] == after[name]
    assert (tmp_path / "back.pth").read_bytes()[:2] != b"PK"  # PyTorch 1.3 reads it


def test_a_model_of_ours_becomes_a_checkpoint_that_pytorch_loads(tmp_path):
    model = keras_teran.build_model(
        "tiny",
        region_dim=12,
        embedding_dim=8,
        feedforward_dim=2048,
        vocabulary_size=TOKENS,
        caption_dim=16,
        caption_feedforward_dim=BERT_FEEDFORWARD,
        caption_max_length=POSITIONS,
        drop_last_word=True,
    )
    export_original(model, tmp_path / "ours.pth")
    assert_equals_pytorch(model, in_pytorch(tmp_path / "ours.pth"))


class Foreign:
    pass


class Command:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@FORMATS
def test_any_other_object_is_refused_by_name_and_nothing_is_run(tmp_path, zipped):
    path = save(tmp_path / "model.pth", zipped=zipped, rsum=np.float64(3.0))
    with pytest.raises(
        ValueError, match=r"holds a numpy\S*multiarray.scalar, and only"
    ):
        from_original(path)
    path = save(tmp_path / "model.pth", zipped=zipped, extra=Foreign())
    with pytest.raises(ValueError, match=r"holds a \S*Foreign, and only tensors"):
        from_original(path)
    trap = tmp_path / "made"
    path = save(tmp_path / "model.pth", zipped=zipped, extra=Command(trap))
    with pytest.raises(ValueError, match="holds a posix.mkdir, and only tensors"):
        from_original(path)
    assert not trap.exists()
    torch.load(path, weights_only=False)  # the trap does work
    assert trap.exists()


@FORMATS
@pytest.mark.parametrize("kept", [0, 10, 0.5])
def test_a_file_that_is_cut_short_is_refused(tmp_path, zipped, kept):
    path = save(tmp_path / "model.pth", zipped=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(ValueError, match="model.pth cannot be read .* cut short"):
        from_original(path)


def test_a_file_that_holds_no_model_and_config_is_refused(tmp_path):
    torch.save({"fc.weight": torch.ones(3)}, tmp_path / "bare.pth")
    message = "must hold `model` and `config`, and holds fc.weight"
    with pytest.raises(ValueError, match=message):
        from_original(tmp_path / "bare.pth")
    torch.save({"model": {"epoch": 3}, "config": {}}, tmp_path / "bare.pth")
    with pytest.raises(ValueError, match="no tensors in `model`: epoch"):
        from_original(tmp_path / "bare.pth")


def vocabulary(folder, tokens=TOKENS):
    words = [*SPECIAL, *(f"word{row}" for row in range(tokens - len(SPECIAL)))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder / "vocab.txt"


@pytest.mark.parametrize("beside", [True, False])
def test_the_command_writes_a_run_that_loads_and_scores(tmp_path, beside):
    path = save(tmp_path / "model.pth")
    arguments = ["convert", str(path), str(tmp_path / "run"), "--caption-heads", "8"]
    if beside:
        vocabulary(tmp_path)
    else:
        (tmp_path / "words").mkdir()
        arguments += ["--vocab", str(vocabulary(tmp_path / "words"))]
    assert main(arguments) == 0
    names = {"config.yaml", "model.keras", "vocab.txt", "tokenizer.json", "card.md"}
    assert {p.name for p in (tmp_path / "run").iterdir()} == names
    matcher = keras_teran.load(tmp_path / "run")
    assert matcher.model.config["caption_heads"] == 8
    assert matcher.tokenizer.max_length == POSITIONS
    images, _ = mixed_inputs()
    order, scores = matcher.rank(images, "word1 word2 word3")
    assert sorted(order) == [0, 1, 2]
    assert np.ptp(scores) > 0
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["converted_from"]["epoch"] == 3
    assert config["converted_from"]["sha256"] in (tmp_path / "run/card.md").read_text()
    assert main(arguments) == 2  # it is there already


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (TOKENS - 1, "has 29 tokens, the model's table 30 rows"),
        (None, "is missing"),
    ],
)
def test_a_failed_conversion_is_one_line_and_leaves_nothing(
    tmp_path, capsys, tokens, message
):
    path = save(tmp_path / "model.pth")
    if tokens:
        vocabulary(tmp_path, tokens)
    before = sorted(tmp_path.iterdir())
    assert main(["convert", str(path), str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_the_reference_is_read_alike_by_pytorch_and_comes_back_exactly(
    shared, tmp_path
):
    path = shared / "reference" / "coco_MrSw" / "checkpoint.pth"
    if not path.is_file():
        pytest.skip(f"needs the original's checkpoint {path}")
    plain, read = read_zip(path), read_checkpoint(path)
    export_original(from_original(path), tmp_path / "back.pth")
    back = read_checkpoint(tmp_path / "back.pth")
    for other in (read, back):
        assert list(other.state) == list(plain.state)
        for name, tensor in plain.state.items():
            np.testing.assert_array_equal(other.state[name], tensor, err_msg=name)
        assert (other.config, other.about) == (plain.config, plain.about)
