import pytest
import yaml

from keras_teran.config import TrainingConfig, read_config
from keras_teran.presets import RECIPES


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
        ("preset: tiny\nlearning: 1\n", r"config.yaml has unknown keys: learning"),
        ("recipe: {epoch: 1}\n", r"recipe has unknown keys: epoch; it may have back"),
        (
            "recipe: {schedule: up}\n",
            "schedule='up' is unknown; choose one of steps, c",
        ),
        ("recipe: {backbone_rate: 0}\n", "backbone_rate=0 must be a number above 0"),
        ("recipe: {backbone_rate: 1e-1}\n", "backbone_rate='1e-1' must be a number "),
        (
            "recipe: {learning_rate: 1e-3}\n",
            "learning_rate='1e-3' must be a number above 0. YAML takes 1e-3 for text: wr",
        ),
        ("recipe: {epochs: 0}\n", "epochs=0 must be a whole number of 1 or more"),
        (
            "recipe: {warmup_steps: 0.5}\n",
            "warmup_steps=0.5 must be a whole number of 0",
        ),
        ("recipe: {margin: 0}\n", "margin=0 must be a number above 0"),
        ("recipe: {pooled_loss: -1}\n", "pooled_loss=-1 must be a number of 0 or m"),
        (
            "recipe: {pooled_temperature: 0}\n",
            "pooled_temperature=0 must be a number a",
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
        ("a: [\n", r"config.yaml is not YAML"),
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
