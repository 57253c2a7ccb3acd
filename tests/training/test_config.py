import pytest
import yaml

from keras_teran.models._presets import RECIPES
from keras_teran.training._config import TrainingConfig, read_config


def test_a_configuration_survives_yaml(tmp_path):
    config = TrainingConfig(preset="small", recipe={"epochs": 2}, seed=3)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config.as_dict()))
    again = read_config(path)
    assert again.as_dict() == config.as_dict()
    assert again.full_recipe == {**RECIPES["small"], "epochs": 2}


def test_the_recipe_is_the_presets_with_the_changes():
    recipe = TrainingConfig(preset="f30k_symm", recipe={"epochs": 2}).full_recipe
    assert recipe == {**RECIPES["f30k_symm"], "epochs": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "preset: tiny\nlearning: 1\n",
            r"config.yaml: unknown keys: learning; it may have bucket_batches, caption_b",
        ),
        ("recipe: {epoch: 1}\n", r"recipe: unknown keys: epoch; it may have back"),
        (
            "recipe: {schedule: up}\n",
            r"recipe.schedule should be 'steps' or 'cosine'; received 'up'",
        ),
        (
            "recipe: {backbone_rate: 0}\n",
            r"recipe.backbone_rate should be greater than 0; received 0",
        ),
        ("recipe: {backbone_rate: 1e-1}\n", r"backbone_rate: '1e-1' must be a number"),
        (
            "recipe: {learning_rate: 1e-3}\n",
            "recipe.learning_rate: '1e-3' must be a number. YAML takes 1e-3 for text: wr",
        ),
        (
            "recipe: {epochs: 0}\n",
            r"config.yaml: recipe.epochs should be greater than or equal to 1; received 0",
        ),
        (
            "recipe: {warmup_steps: 0.5}\n",
            r"recipe.warmup_steps should be a valid integer; received 0.5",
        ),
        ("recipe: {margin: 0}\n", r"recipe.margin should be greater than 0"),
        (
            "recipe: {pooled_loss: -1}\n",
            "recipe.pooled_loss should be greater than or equal to 0; received -1",
        ),
        (
            "recipe: {pooled_temperature: 0}\n",
            "recipe.pooled_temperature should be greater than 0",
        ),
        (
            "model: {context_dim: 4}\n",
            "context_dim=4 gives vectors that no loss would train: set pooled_loss of rec",
        ),
        (
            "preset: small_today\ndistillation: 0.1\n",
            "context_dim=256 goes with neither distillation nor pooling_head: train with",
        ),
        (
            "preset: small_today\nmodel: {pooling_head: true}\n",
            "context_dim=256 goes with neither distillation nor pooling_head: train with",
        ),
        ("preset: huge\n", r"preset='huge' is unknown; choose one of coco_mrsw"),
        ("- tiny\n", r"config.yaml must hold a mapping"),
        ("a: [\n", r"config.yaml is not plain YAML"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.yaml is missing"):
        read_config(tmp_path / "none.yaml")
