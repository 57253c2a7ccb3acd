"""A checkpoint of the authors' code as a RUN folder."""

from importlib import metadata
from pathlib import Path

from keras_teran import _io
from keras_teran.conversion._checkpoint import read_checkpoint
from keras_teran.conversion._from_checkpoint import from_checkpoint
from keras_teran.models import PRESETS
from keras_teran.run import (
    CARD_FILE,
    MODEL_FILE,
    save_model,
    versions,
    write_config,
)
from keras_teran.text import (
    VOCABULARY_FILE,
    CaptionTokenizer,
    check_vocabulary,
    read_vocabulary,
    vocabulary_sha256,
)

_CARD = """# Model card

Image–sentence matching by word–region alignment (TERAN, arXiv 2008.05231), converted by
keras_teran {version} from a checkpoint of the authors' PyTorch code (mesnico/TERAN).

It scores by the authors' rules: the last word piece of a caption is left out, and
padding counts as cosines of 0. No figures were measured at the conversion; measure them
with `keras-teran evaluate RUN` and the authors' features.

## Converted from

```yaml
{source}
```

## Architecture

```yaml
{architecture}
```

## Versions

{versions}
"""


def convert(checkpoint, folder, vocabulary=None, caption_heads=None):
    """Writes a RUN of a checkpoint; all of it or nothing.

    Args:
        checkpoint: path of a `.pth` or `.pth.tar` file.
        folder: path of the RUN; must not exist yet, or be empty.
        vocabulary: path of the `vocab.txt` of the BERT that was trained; None for the
            one beside the checkpoint.
        caption_heads: int, see `from_original`.

    Returns:
        The `Teran`.

    Raises:
        FileExistsError: when the folder holds something.
        FileNotFoundError: when the checkpoint or the vocabulary is missing.
        ModuleNotFoundError: when PyTorch is not installed.
        ValueError: see `from_original`; and for a vocabulary of another size.
    """
    checkpoint, folder = Path(checkpoint), _io.check_folder(folder, empty=True)
    if caption_heads is not None:
        _io.whole("caption_heads", caption_heads, least=1, most=1024)
    content = read_checkpoint(checkpoint)
    vocabulary = _vocabulary_file(vocabulary, checkpoint)
    tokens = read_vocabulary(vocabulary)
    model = from_checkpoint(content, caption_heads, vocabulary_sha256(tokens))
    tokenizer = _tokenizer(vocabulary, tokens, model, content.config)
    config = {
        "preset": _preset(model.config, content.config),
        "data": None,
        "converted_from": {
            "file": checkpoint.name,
            "sha256": _io.sha256(checkpoint),
            **{n: v for n, v in content.about.items() if n != "opt"},
            "config": content.config,
        },
    }
    with _io.whole_folder(folder) as aside:
        tokenizer.save(aside)
        write_config(aside, config)
        save_model(model, aside / MODEL_FILE, include_optimizer=False)
        _io.write_text(aside / CARD_FILE, _card(config, model.config))
    return model


def _vocabulary_file(path, checkpoint):
    path = Path(path or checkpoint.with_name(VOCABULARY_FILE))
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: the checkpoint does not hold its vocabulary. Give "
            f"with --vocab the {VOCABULARY_FILE} of the BERT that it was trained from."
        )
    return path


def _tokenizer(path, tokens, model, original):
    bert = str(original["text-model"].get("pretrain", "unknown"))
    lowercase, positions = (
        not bert.endswith("-cased"),
        model.config["caption_max_length"],
    )
    tokenizer = CaptionTokenizer(tokens, lowercase, positions)
    check_vocabulary(model, tokenizer, f"{path} (wanted is that of {bert})")
    return tokenizer


def _preset(config, original):
    """The published configuration of this architecture, or "original" for another."""
    data = original["dataset"].get("name")
    for name, preset in PRESETS.items():
        same = all(config[key] == value for key, value in preset.items())
        if same and name.startswith(f"{data}_"):
            return name
    return "original"


def _card(config, architecture):
    found = versions().items()
    return _CARD.format(
        version=metadata.version("keras_teran"),
        source=_plain(config["converted_from"]),
        architecture=_plain(architecture),
        versions="\n".join(f"- {name} {version}" for name, version in found),
    )


def _plain(values):
    return _io.yaml_text(values).rstrip()
