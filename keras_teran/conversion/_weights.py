"""Weights between a state dict of the authors' code and a `Teran`, strictly by name."""

import json
from types import SimpleNamespace

import numpy as np
from keras import ops

from keras_teran._io import one_line, parse_json
from keras_teran.conversion._checkpoint import Checkpoint
from keras_teran.conversion._settings import original_config
from keras_teran.conversion._weight_names import DEAD, SEGMENTS, TOKENS, aliases, pairs
from keras_teran.models import least_weights

# Beside the arrays that are no weights: order of names, configuration, epoch.
_ABOUT = "checkpoint.json"
_MOST_LISTED = 8


def check_state(config, state):
    """Checks a state dict before a model of its configuration is built.

    Args:
        config: dict, the arguments of `Teran`.
        state: dict of arrays by the authors' names.

    Raises:
        ValueError: listing by name what is missing or left over; for fewer numbers than
            the architecture has; or naming a tensor that is not finite.
    """
    _check_names(state, pairs(config), aliases(config))
    held = sum(array.size for array in state.values())
    if (least := least_weights(SimpleNamespace(context_dim=0, **config))) > held:
        raise ValueError(
            f"The state dict holds {held:,} numbers, and its configuration asks for "
            f"{least:,} or more: they do not belong together."
        )
    for name, array in state.items():
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} is {array.dtype}, not float32.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(
                f"{name} holds a number that is NaN or infinite: its training diverged, "
                "or the file is damaged."
            )


def fill(model, checkpoint):
    """Sets every weight of a model, once, from a checkpoint.

    What has no weight (`DEAD`, BERT's further segments) goes into `model.carried`, with
    the checkpoint's configuration, so that `checkpoint_of` gives the checkpoint back.

    Args:
        model: `Teran` of the checkpoint's architecture.
        checkpoint: `Checkpoint`.

    Raises:
        ValueError: listing by name what is of another shape or dtype, and aliases that
            differ from what they stand for.
    """
    state = checkpoint.state
    weights = {weight.path: weight for weight in model.weights}
    table = pairs(model.config)
    second_names = aliases(model.config)
    _check_shapes(state, table, weights)
    _check_aliases(state, second_names)
    unset = set(weights) - {pair.ours for pair in table}
    if unset:
        raise ValueError(f"No tensor is known for the weights {sorted(unset)}.")
    for pair in table:
        weights[pair.ours].assign(_ours(pair, state))
    about = {
        "names": list(state),
        "config": checkpoint.config,
        "about": checkpoint.about,
    }
    model.carried = {
        **{name: np.array(state[name]) for name in DEAD if name in state},
        SEGMENTS: np.array(state[SEGMENTS][1:]),
        _ABOUT: _as_json(about),
    }


def checkpoint_of(model):
    """The checkpoint that a model came from, with its present weights.

    Args:
        model: `Teran`. One that never was a checkpoint gets zeros for what the authors'
            code holds and does not use.

    Returns:
        `Checkpoint`.

    Raises:
        ValueError: when the authors' code cannot be told to build the architecture.
    """
    carried = dict(model.carried) or _as_if_carried(model.config)
    about = parse_json(carried.pop(_ABOUT).tobytes().decode(), _ABOUT)
    state = dict(carried)
    weights = {weight.path: weight for weight in model.weights}
    for pair in pairs(model.config):
        weight = ops.convert_to_numpy(weights[pair.ours])
        state.update(_theirs(pair, weight, carried))
    state |= {name: state[of] for name, of in aliases(model.config).items()}
    ordered = {name: state[name] for name in about["names"]}
    return Checkpoint(ordered, about["config"], about["about"])


def _ours(pair, state):
    value = np.concatenate([state[name] for name in pair.theirs])[: pair.rows]
    return value.T if pair.transposed else value


def _theirs(pair, weight, carried):
    """Dict of the tensors that a weight is made of."""
    value = weight.T if pair.transposed else weight
    if pair.rows is not None:
        (name,) = pair.theirs
        return {name: np.concatenate([value, carried[name]])}
    return dict(zip(pair.theirs, np.split(value, len(pair.theirs)), strict=True))


def _check_names(state, table, second_names):
    used = {name for pair in table for name in pair.theirs}
    missing = sorted(used - set(state))
    left_over = sorted(set(state) - used - set(DEAD) - set(second_names))
    if missing or left_over:
        raise ValueError(
            "The state dict does not fit its configuration. It lacks: "
            f"{_listed(missing, ', ')}; not used: {_listed(left_over, ', ')}."
        )


def _check_shapes(state, table, weights):
    clashes = []
    for pair in table:
        wanted = tuple(weights[pair.ours].shape)[:: -1 if pair.transposed else 1]
        for name in pair.theirs:
            found = state[name].shape
            rows = wanted[0] // len(pair.theirs)
            if pair.rows:  # of BERT's segments, of which there may be more
                rows = max([rows, *found[:1]])
            if found != (rows, *wanted[1:]):
                clashes.append(f"{name} is {found}, not {(rows, *wanted[1:])}")
            if state[name].dtype != np.float32:
                clashes.append(f"{name} is {state[name].dtype}, not float32")
    if clashes:
        raise ValueError(
            f"Tensors do not fit their configuration: {_listed(clashes, '; ')}."
        )


def _check_aliases(state, second_names):
    differ = [
        f"{name} differs from {of}"
        for name, of in second_names.items()
        if name in state and not np.array_equal(state[name], state[of])
    ]
    if differ:
        raise ValueError(
            "Tensors that are one in the authors' code are two in the state dict: "
            f"{_listed(differ, '; ')}."
        )


def _listed(texts, between):
    """The first of them in one line, and how many there are more."""
    few = one_line(between.join(texts[:_MOST_LISTED]), 2_000) or "nothing"
    more = len(texts) - _MOST_LISTED
    return few if more <= 0 else f"{few} and {more:,} more"


def _as_if_carried(config):
    """What a model carries whose checkpoint held zeros wherever nothing is used."""
    dim, width = config["caption_dim"], config["embedding_dim"]
    shapes = {
        "img_enc.fc": (width, config["region_dim"]),
        "txt_enc.map": (width, dim),
        "pooler.dense": (dim, dim),
    }
    carried = {SEGMENTS: np.zeros((1, dim), "float32")}
    for name in DEAD:
        for layer, shape in shapes.items():
            if f"{layer}." in name:
                shape = shape if name.endswith("weight") else shape[:1]
                carried[name] = np.zeros(shape, "float32")
    second_names = [n for n, of in aliases(config).items() if of == TOKENS]
    used = [name for pair in pairs(config) for name in pair.theirs]
    names = [*used, *carried, *second_names]
    about = {
        "names": list(dict.fromkeys(names)),
        "config": original_config(config),
        "about": {},
    }
    return {**carried, _ABOUT: _as_json(about)}


def _as_json(about):
    """JSON as the bytes of its text: arrays of a model's file are numbers."""
    try:
        return np.frombuffer(json.dumps(about).encode(), np.uint8)
    except TypeError as error:
        raise ValueError(
            f"The checkpoint's config, epoch or opt holds no plain value: {error}."
        ) from error
