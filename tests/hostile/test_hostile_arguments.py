"""Arguments of public functions: each wrong one is a ValueError of one line."""

import inspect

import pytest
from support.hostile_rows import Row, check_row, parametrize
from support.tiny_models import SIZES

from keras_teran import Contrastive, Hinge, Teran, build_model
from keras_teran.data.scenes._embedded import embedded
from keras_teran.layers._dropout import ByteDropout
from keras_teran.losses._losses import Distillation, PooledLoss
from keras_teran.models._schemas import Architecture
from keras_teran.training._distill import distill
from keras_teran.training._recipe import ranking_loss


def calls(function, *arguments, **named):
    """A builder of a call."""
    return lambda folder: lambda: function(*arguments, **named)


def builds(**changes):
    return calls(build_model, "tiny", **{**SIZES, **changes})


NAN = float("nan")
LISTED = [
    Row(
        'build_model dropout "x"', builds(dropout="x"), "Teran: dropout .* received 'x'"
    ),
    Row('Hinge margin "x"', calls(Hinge, "x"), "margin='x' must be a number above 0"),
    Row(
        "embedded seed text",
        calls(embedded, "val", seed="x"),
        "seed='x' must be a whole number of 0 or more",
    ),
]
NEIGHBORS = [
    Row("dropout NaN", builds(dropout=NAN), "Teran: dropout .* received nan"),
    Row("dropout 1", builds(dropout=1), "Teran: dropout should be less than 1; rec"),
    Row(
        "heads 0", builds(heads=0), "Teran: heads should be greater than or equal to 1"
    ),
    Row("heads 3", builds(heads=3), "heads=3 does not divide the width 8"),
    Row(
        "caption_heads 3", builds(caption_heads=3), "caption_heads=3 does not divide th"
    ),
    Row(
        "layers negative", builds(image_layers=-1), "Teran: image_layers .* received -1"
    ),
    Row("layers true", builds(caption_layers=True), "caption_layers .* received True"),
    Row(
        "embedding_dim 8.0", builds(embedding_dim=8.0), "embedding_dim .* received 8.0"
    ),
    Row(
        "embedding_dim 10**7",
        builds(embedding_dim=10**7),
        "embedding_dim should be les",
    ),
    Row("vocabulary 0", builds(vocabulary_size=0), "vocabulary_size .* received 0"),
    Row("pooling a list", builds(pooling=["MrSw"]), r"Teran: pooling .*\['MrSw'\]"),
    Row(
        "pooling unknown", builds(pooling="max"), "pooling='max' is unknown; choose one"
    ),
    Row("flag 1", builds(pooling_head=1), "Teran: pooling_head .* boolean; received 1"),
    Row("preset a list", calls(build_model, ["tiny"]), r"preset=\['tiny'\] is unknown"),
    Row(
        "image_size without a backbone",
        calls(build_model, "tiny", image_size=64),
        "image_size=64 needs an image_backbone",
    ),
    Row(
        "a backbone that is none",
        calls(build_model, "tiny", caption_backbone="no_such_bert"),
        "caption_backbone='no_such_bert' cannot be loaded: ",
    ),
    Row("Hinge margin NaN", calls(Hinge, NAN), "margin=nan must be above 0"),
    Row(
        "Hinge margin true", calls(Hinge, True), "margin=True must be a number above 0"
    ),
    Row(
        "Hinge negatives a list", calls(Hinge, 0.2, ["sum"]), "negatives=.* is unknown"
    ),
    Row(
        "Contrastive text", calls(Contrastive, "x"), "temperature='x' must be a number"
    ),
    Row(
        "Contrastive tiny", calls(Contrastive, 1e-300), "temperature=1e-300 must be a n"
    ),
    Row(
        "Distillation None", calls(Distillation, None), "teacher_temperature=None must"
    ),
    Row(
        "Distillation list",
        calls(Distillation, 1, 1, [1]),
        r"matching=\[1\] must be a n",
    ),
    Row(
        "PooledLoss text", calls(PooledLoss, "1"), "contrastive='1' must be a number 0"
    ),
    Row(
        "PooledLoss inf",
        calls(PooledLoss, float("inf")),
        "contrastive=inf must be 0 or",
    ),
    Row("recipe of a loss", calls(ranking_loss, {}), "recipe: .* is missing"),
    Row(
        "dropout layer text",
        calls(ByteDropout, "x"),
        "rate='x' must be a number 0 or m",
    ),
    Row(
        "dropout layer seed",
        calls(ByteDropout, 0.1, "x"),
        "seed='x' must be a whole nu",
    ),
    Row("embedded seed -1", calls(embedded, "val", -1), "seed=-1 must be 0 or more"),
    Row(
        "embedded seed 2**70", calls(embedded, "val", 2**70), "seed=1180.* at most 9,2"
    ),
    Row(
        "embedded seed 1.0", calls(embedded, "val", 1.0), "seed=1.0 must be a whole num"
    ),
    Row(
        "embedded images text", calls(embedded, "val", 0, "x"), "images='x' must be a w"
    ),
    Row(
        "embedded split a list", calls(embedded, ["val"]), r"split=\['val'\] is unknown"
    ),
    Row(
        "distill's epochs true",
        calls(distill, "run", "out", epochs=True),
        "epochs=True must be a whole number of 1 or more",
    ),
    Row(
        "distill's rate NaN",
        calls(distill, "run", "out", learning_rate=NAN),
        "learning_rate=nan must be above 0",
    ),
    Row(
        "distill's seed",
        calls(distill, "run", "out", seed=2**70),
        "seed=1180.* must be at most 4,294,967,295",
    ),
]


@parametrize(LISTED + NEIGHBORS)
def test_an_argument_of_another_kind_is_refused(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


WRONG = ["x", None, [1], {"a": 1}, float("nan"), -1, 10**30, b"x"]


@pytest.mark.parametrize("name", sorted(set(Architecture.model_fields)))
def test_every_argument_of_a_model_refuses_every_other_kind(name):
    for value in WRONG:
        if name in ("image_backbone", "pooling", "vocabulary_sha256") and value is None:
            continue  # None is a right value of these.
        if name == "image_backbone" and value == "x":
            continue  # A name, which KerasHub does not know.
        with pytest.raises(ValueError, match=name) as caught:
            build_model("tiny", **{**SIZES, name: value})
        assert "\n" not in str(caught.value)


def test_every_argument_of_a_model_is_checked():
    arguments = set(inspect.signature(Teran.__init__).parameters)
    assert set(Architecture.model_fields) == arguments - {"self", "kwargs"}
