"""Training configurations that are refused in one line, before Keras does anything."""

import dataclasses

import pytest
import yaml
from support.hostile_rows import Row, check_row, parametrize

from keras_teran.losses import _losses as losses
from keras_teran.models._presets import PRESETS, RECIPES
from keras_teran.models._schemas import (
    Architecture,
    Choices,
    Recipe,
    check_recipe,
)
from keras_teran.training._config import TrainingConfig, read_config


def config(text):
    """A builder of `keras-teran train` with a YAML file of this text."""

    def build(folder):
        path = folder / "c.yaml"
        path.write_text(text, encoding="utf-8")
        return ["train", folder / "out" / "run", "--config", path]

    return build


def options(*given):
    """A builder of `keras-teran train` with these options alone."""
    return lambda folder: ["train", folder / "out" / "run", *given]


def backbone_folder(folder):
    (folder / "bert").mkdir()
    (folder / "bert" / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    return ["train", folder / "out", "--caption-backbone", folder / "bert"]


def bomb(levels=12, width=20):
    """Lists of the list before, by aliases: 20 to the power of 12 texts."""
    lines = ["a0: &a0 [x]"]
    for level in range(1, levels):
        again = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} [{again}]")
    return "\n".join(lines), f"*a{levels - 1}"


def bombed(key):
    """A configuration of which a value is an alias bomb."""
    lines, last = bomb()
    return config(f"{lines}\n{key.format(last)}\n")


ALIAS = r"c\.yaml is not plain YAML, line \d+: aliases"
POOLINGS = "pooling='x' is unknown; choose one of MrSw"

LISTED = [
    Row(
        "dropout text", config("model: {dropout: x}"), r"c\.yaml: model\.dropout .*'x'"
    ),
    Row("epochs true", config("recipe: {epochs: true}"), r"recipe\.epochs .* True"),
    Row(
        "model a list", config("model: [1]"), r"c\.yaml: model: \[1\] must be a mapping"
    ),
    Row("model null", config("model: null"), "model: None must be a mapping"),
    Row("recipe null", config("recipe: null"), "recipe: None must be a mapping"),
    Row(
        "YAML python tag",
        config("preset: !!python/object/apply:os.system ['touch PWNED']"),
        r"c\.yaml is not plain YAML, line 1: could not determine a constructor for the",
    ),
    Row("YAML anchor bomb as data.images", bombed("data: {{images: {}}}"), ALIAS),
    Row("YAML anchor bomb as model", bombed("model: {}"), ALIAS),
    Row("YAML anchor bomb as preset", bombed("preset: {}"), ALIAS),
    Row("YAML anchor bomb as data", bombed("data: {}"), ALIAS),
    Row("YAML self-reference", config("model: &a [*a]"), ALIAS),
    Row(
        "YAML nested 20,000 deep",
        config("model: " + "[" * 20_000 + "]" * 20_000),
        r"c\.yaml is not plain YAML, line 1: nested over 32 deep",
    ),
    Row(
        "YAML mixed keys unknown",
        config("1: a\nb: c\n"),
        r"c\.yaml is not plain YAML, line 1: a key must be a text",
    ),
    Row(
        "YAML merge key to non-map",
        config("<<: 3\npreset: tiny\n"),
        r"c\.yaml is not plain YAML, line 1: merge keys",
    ),
    Row("patience text", config("patience: x"), r"c\.yaml: patience .* received 'x'"),
    Row("dtype null", config("dtype: null"), "dtype should be 'float32' or 'mixed_bf"),
    Row(
        "embedding_dim 10**7 (GBs)",
        config("model: {embedding_dim: 10000000}"),
        r"model\.embedding_dim should be less than or equal to 65536",
    ),
    Row(
        "caption_max_length 2",
        config("model: {caption_max_length: 2}"),
        r"model\.caption_max_length should be greater than or equal to 3",
    ),
    Row(
        "caption_max_length 0",
        config("model: {caption_max_length: 0}"),
        r"model\.caption_max_length should be greater than or equal to 3",
    ),
    Row(
        "vocabulary_size -5",
        config("model: {vocabulary_size: -5}"),
        r"model\.vocabulary_size should be greater than",
    ),
    Row(
        "vocabulary_size text",
        config("model: {vocabulary_size: x}"),
        r"model\.vocabulary_size should be a valid integer; received 'x'",
    ),
    Row(
        "drop_epochs -1",
        config("recipe: {drop_epochs: [-1]}"),
        r"recipe\.drop_epochs\.0 should be greater than or equal to 1; received -1",
    ),
    Row(
        "drop_epochs falling",
        config("recipe: {drop_epochs: [4, 2]}"),
        r"recipe\.drop_epochs: \[4, 2\] must rise",
    ),
    Row(
        "gradient_norm -1",
        config("recipe: {gradient_norm: -1}"),
        r"recipe\.gradient_norm should be greater than 0; received -1",
    ),
    Row(
        "gradient_norm 0",
        config("recipe: {gradient_norm: 0}"),
        r"recipe\.gradient_norm should be greater than 0; received 0",
    ),
    Row("distillation text", config("distillation: x"), "distillation .* received 'x'"),
    Row("data a number", config("data: 3"), r"c\.yaml: data: data is 3; give the word"),
    Row("data a list", config("data: [a, b]"), r"data is \['a', 'b'\]; give the word"),
    Row(
        "caption_backbone ../../etc",
        config("caption_backbone: ../../etc/nothing"),
        r"caption_backbone: '../../etc/nothing' is neither a folder that is there nor",
    ),
    Row(
        "caption_backbone a number",
        config("caption_backbone: 7"),
        "caption_backbone should be a valid string; received 7",
    ),
    Row(
        "image_size without a backbone",
        config("image_size: 64"),
        "image_size=64 needs an image_backbone; leave it out",
    ),
    Row(
        "image_trainable text",
        config("image_trainable: x"),
        "image_trainable should be a valid boolean; received 'x'",
    ),
]

NEIGHBORS = [
    Row("a folder as a backbone that holds none", backbone_folder, "no config.json"),
    Row(
        "image_trainable without a backbone",
        config("image_trainable: true"),
        "image_trainable=True needs an image_backbone",
    ),
    Row(
        "image_backbone with regions",
        config("image_backbone: vit_base\ndata: embedded"),
        "image_backbone='vit_base' and data='embedded' do not go together",
    ),
    Row(
        "data with a key too many",
        config("data: {captions: a, regions: b, foo: c}"),
        r"data has the keys \['captions', 'foo', 'regions'\]; give captions and reg",
    ),
    Row(
        "data without captions",
        config("data: {regions: b}"),
        r"data has the keys \['regions'\]; give captions and regions",
    ),
    Row(
        "data.captions a number",
        config("data: {captions: 1, regions: b}"),
        "captions of data is 1; give a path",
    ),
    Row("data an empty text", config("data: ''"), "data of data is ''; give a path"),
    Row("data null", config("data: null"), "data is None; give the word embedded"),
    Row("pooling unknown", config("model: {pooling: x}"), POOLINGS),
    Row("pooling a list", config("model: {pooling: [MrSw]}"), r"model\.pooling should"),
    Row(
        "heads that do not divide", config("model: {heads: 5}"), "heads=5 does not div"
    ),
    Row(
        "heads of the caption encoder that do not divide",
        config("model: {caption_heads: 7}"),
        "caption_heads=7 does not divide the width 64",
    ),
    Row(
        "widths that are too many weights together",
        config("model: {embedding_dim: 40000, feedforward_dim: 40000}"),
        r"a model of some [\d,]+ weights, over 1,000,000,000, is not built",
    ),
    Row(
        "layers 1000000",
        config("model: {image_layers: 1000000}"),
        r"model\.image_layers should be less than or equal to 256",
    ),
    Row(
        "max_length beyond caption_max_length",
        config("max_length: 200"),
        "caption_max_length=96 of model is below max_length=200",
    ),
    Row(
        "region_dim, which the features decide",
        config("model: {region_dim: 8}"),
        "model: unknown keys: region_dim; it may have",
    ),
    Row(
        "captions_per_image that does not divide",
        config("recipe: {captions_per_image: 3}"),
        "captions_per_image=3 must divide batch_size=64",
    ),
    Row(
        "captions_per_image with bucket_batches",
        config("recipe: {captions_per_image: 2}\nbucket_batches: 4"),
        "captions_per_image=2 does not go with bucket_batches=4",
    ),
    Row(
        "learning_rate infinite",
        config("recipe: {learning_rate: .inf}"),
        r"c\.yaml holds inf; give a finite number",
    ),
    Row(
        "drop_factor that raises the rate",
        config("recipe: {drop_factor: 10}"),
        r"recipe\.drop_factor should be less than or equal to 1; received 10",
    ),
    Row(
        "a temperature that is 0 in float32",
        config("recipe: {temperature: 1.0e-300}"),
        r"recipe\.temperature: 1e-300 must be 1e-15 or more",
    ),
    Row(
        "a key twice",
        config("seed: 1\nseed: 2\n"),
        r"c\.yaml is not plain YAML, line 2: the key 'seed' occurs twice",
    ),
    Row("an empty file", config(""), r"c\.yaml must hold a mapping such as"),
    Row("--epochs 0", options("--epochs", 0), r"configuration: recipe\.epochs .* 0"),
    Row("--epochs -3", options("--epochs", -3), r"recipe\.epochs .* received -3"),
    Row("--seed -1", options("--seed", -1), "seed should be greater .* received -1"),
    Row("--seed 2**70", options("--seed", 2**70), "seed should be less than or equal"),
    Row("--data empty", options("--data", ""), "data is an empty text"),
    Row(
        "--caption-backbone empty",
        options("--caption-backbone", ""),
        "caption-backbone is an empty text",
    ),
    Row(
        "--config a folder",
        lambda folder: ["train", folder / "out", "--config", folder],
        "is a folder; give a file",
    ),
]


@pytest.mark.seconds
@parametrize(LISTED + NEIGHBORS)
def test_a_configuration_that_says_nothing_is_refused(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


# One value of every wrong kind.
VALUES = {
    "bool": True,
    "text": "x",
    "null": None,
    "list": [1],
    "mapping": {"a": 1},
    "NaN": float("nan"),
    "infinite": float("inf"),
    "negative": -1,
    "zero": 0,
    "huge": 10**30,
    "huge float": 1e300,
    "whole float": 2.0,
}
# Which of them is a right one, by key; whole floats are right where any number is.
NUMBERS = {
    *("learning_rate", "gradient_norm", "backbone_rate", "margin", "temperature"),
    *("pooled_loss", "pooled_temperature", "context_words", "distillation"),
}
NULLS = {"gradient_norm", "encode_chunk", "distillation", "patience", "image_size"}
NULLS |= {"caption_backbone", "image_backbone", "grounding"}
ZEROS = {"warmup_steps", "pooled_loss", "dropout", "context_dim", "context_dropout"}
ZEROS |= {"image_layers", "final_layers", "caption_layers", "seed"}
FLAGS = {"shared_final_layers", "drop_last_word", "pooling_head"}
RIGHT = {
    "whole float": NUMBERS,
    "null": NULLS,
    "zero": ZEROS,
    "bool": FLAGS,
    "list": {"drop_epochs"},
    # Any text may be a file or folder, or a preset that KerasHub knows.
    "text": {"data", "caption_backbone", "grounding"},
}
KEYS = [
    *((None, field.name) for field in dataclasses.fields(TrainingConfig)),
    *(("recipe", name) for name in Recipe.model_fields),
    *(("model", name) for name in Choices.model_fields),
]


@pytest.mark.seconds
@pytest.mark.parametrize(("part", "key"), KEYS, ids=lambda value: str(value))
def test_every_key_refuses_every_value_of_another_kind(part, key, tmp_path):
    path = tmp_path / "c.yaml"
    for kind, value in VALUES.items():
        content = {key: value} if part is None else {part: {key: value}}
        path.write_text(yaml.safe_dump(content))
        if key in RIGHT.get(kind, ()):
            read_config(path)
            continue
        with pytest.raises(ValueError, match=r"c\.yaml") as caught:
            read_config(path)
        assert "\n" not in str(caught.value), kind
        if kind not in ("NaN", "infinite"):  # The file is refused for them.
            assert key in str(caught.value), (kind, str(caught.value))
        with pytest.raises(ValueError, match=key):
            TrainingConfig(**content)


def test_every_preset_and_recipe_is_within_the_ranges():
    assert {"region_dim", *Choices.model_fields} <= set(Architecture.model_fields)
    for preset, recipe in RECIPES.items():
        assert set(recipe) == set(Recipe.model_fields)
        check_recipe(recipe)
        TrainingConfig(preset=preset)
        assert set(PRESETS[preset]) <= set(Architecture.model_fields)


def test_the_choices_of_negatives_are_those_of_the_loss():
    choices = Recipe.model_fields["negatives"].annotation.__args__
    assert choices == losses.NEGATIVES
