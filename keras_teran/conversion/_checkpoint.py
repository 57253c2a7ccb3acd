"""Files of the authors' PyTorch code: read without executing anything, and written."""

import argparse
import json
import re
import zipfile
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from keras_teran import _io
from keras_teran._io import one_line, parse_json, require_file, shown

# Bytes of the pickle in the zip format, which holds no tensors; values in `config`.
_PICKLE, _MOST_VALUES = 2**26, 100_000
_ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds of a model.

    Attributes:
        state: dict of NumPy arrays by the authors' names, in their order; views of the
            file where it is in the zip format.
        config: dict of dicts, the configuration it was trained with.
        about: dict of `epoch`, `Eiters` (steps) and `opt` (the arguments of the
            training script, a dict), as far as the file has them.
    """

    state: dict
    config: dict
    about: dict = field(default_factory=dict)


def read_checkpoint(path):
    """Reads a checkpoint in the zip format or in the one that PyTorch 1.3 wrote.

    Nothing in the file is executed: PyTorch's restricted reader makes tensors and plain
    values, and `argparse.Namespace`, which the authors' checkpoints hold. The optimiser
    state is not read from a file in the zip format.

    Args:
        path: of the file.

    Returns:
        `Checkpoint`.

    Raises:
        FileNotFoundError: when there is no such file.
        ModuleNotFoundError: when PyTorch is not installed.
        ValueError: when the file is damaged, holds any other object (which is named),
            or is not a checkpoint of the authors' code.
    """
    path = require_file(path, f"{path} is missing: it should hold a checkpoint.")
    content = _load(path)
    if not isinstance(content, dict) or not {"model", "config"} <= set(content):
        holds = sorted(map(str, content)) if isinstance(content, dict) else []
        raise ValueError(
            f"{path} is not a checkpoint of the authors' TERAN code: it must hold "
            f"`model` and `config`, and holds {_some(holds)}."
        )
    about = {name: content[name] for name in ("epoch", "Eiters") if name in content}
    if isinstance(content.get("opt"), argparse.Namespace):
        about["opt"] = dict(vars(content["opt"]))
    config = _plain(content["config"], f"{path}: config")
    about = _plain(about, f"{path}: epoch, Eiters or opt")
    return Checkpoint(_arrays(content["model"], path), config, about)


def write_checkpoint(path, checkpoint, aliases):
    """Writes a checkpoint that the authors' code loads, in the format of PyTorch 1.3.

    It is without optimiser state: the authors' `test.py` and `train.py --load-model`
    take it, `--resume` does not.

    Args:
        path: of the file, written aside and renamed.
        checkpoint: `Checkpoint`.
        aliases: dict of names to the names whose tensor they are, too.

    Raises:
        ModuleNotFoundError: when PyTorch is not installed.
    """
    torch = _torch()
    tensors = {
        name: torch.from_numpy(np.array(array))
        for name, array in checkpoint.state.items()
    }
    state = OrderedDict(
        (name, tensors[aliases.get(name, name)]) for name in checkpoint.state
    )
    content = {
        "epoch": checkpoint.about.get("epoch", 0),
        "model": state,
        "optimizer": None,
        "scheduler": None,
        "opt": argparse.Namespace(**checkpoint.about.get("opt", {})),
        "config": checkpoint.config,
        "Eiters": checkpoint.about.get("Eiters", 0),
    }
    with _io.whole_file(path) as aside:
        torch.save(content, aside, _use_new_zipfile_serialization=False)


def _torch():
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Checkpoints of the authors' code are read and written by PyTorch, which "
            "is not installed: `pip install keras-teran[torch]`."
        ) from error
    return torch


def _load(path):
    with path.open("rb") as file:
        zipped = file.read(len(_ZIP_START)) == _ZIP_START
    if zipped:
        _check_archive(path)
    torch = _torch()
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # the reader of a damaged pickle raises anything
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        if found:
            raise ValueError(
                f"{path} holds a {found[1]}, and only tensors, plain values and "
                "argparse.Namespace are read from a checkpoint. If you trust the file, "
                "load it where it was made and save it again without that object."
            ) from error
        raise _damaged(path) from error


def _damaged(path):
    return ValueError(
        f"{path} cannot be read as a PyTorch checkpoint: it is damaged, cut short or of "
        "another kind. Fetch or copy it again."
    )


def _check_archive(path):
    """Refuses an archive that unpacks to more than it has: PyTorch packs nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception:  # noqa: BLE001  (a damaged archive raises many kinds)
        raise _damaged(path) from None
    size, most = path.stat().st_size, 0
    for entry in entries:
        most += entry.file_size
        if most > size or (
            entry.filename.endswith(".pkl") and entry.file_size > _PICKLE
        ):
            raise ValueError(
                f"{path}: {shown(entry.filename)} unpacks to {entry.file_size:,} bytes, "
                "which no checkpoint of the authors' code does."
            )


def _arrays(state, path):
    if not isinstance(state, dict):
        raise ValueError(
            f"{path}: `model` is a {type(state).__name__}; it must be a state dict."
        )
    foreign = [
        name
        for name, value in state.items()
        if not (isinstance(name, str) and hasattr(value, "numpy"))
    ]
    if foreign:
        raise ValueError(f"{path}: no tensors in `model`: {_some(foreign)}.")
    arrays = {name: _array(name, tensor, path) for name, tensor in state.items()}
    # Two names may share a tensor. One that repeats its few numbers is a bomb.
    sizes = {}
    for array in arrays.values():
        start = array.__array_interface__["data"][0]
        sizes[start] = max(array.nbytes, sizes.get(start, 0))
    if (total := sum(sizes.values())) > (size := path.stat().st_size):
        raise ValueError(
            f"{path}: its tensors declare {total:,} bytes in a file of {size:,}."
        )
    return arrays


def _array(name, tensor, path):
    """A tensor as an array: sparse, quantized and empty ones have none."""
    try:
        return np.asarray(tensor.detach().numpy())
    except Exception as error:  # noqa: BLE001  (PyTorch raises several kinds)
        raise ValueError(
            f"{path}: {shown(name)} is no plain tensor: {one_line(error, 160)}"
        ) from None


def _plain(value, name):
    """Values of JSON's kinds; anything else, and far too many of them, are refused."""
    level, count = [value], 0
    while level:
        item = level.pop()
        if isinstance(item, dict | list | tuple):
            level.extend(item.values() if isinstance(item, dict) else item)
            count += len(item)
        if count > _MOST_VALUES:
            raise ValueError(f"{name} holds over {_MOST_VALUES:,} values.")
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{name} holds no plain value: {one_line(error, 160)}."
        ) from None
    return parse_json(text, name)


def _some(names):
    few = one_line(", ".join(map(str, names[:5])), 300) or "nothing of that kind"
    return few if len(names) <= 5 else f"{few} and {len(names) - 5} more"
