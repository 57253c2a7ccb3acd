"""JSON and YAML: kinds, keys, ranges, depth and size, checked before anything uses them."""

import functools
import json
import math
import re

import yaml

from keras_teran._io._files import one_line, read_text, shown

# What a file of ours may have at most; a caption file of COCO has 145 MB.
_MOST_BYTES = 64 * 2**20
_MOST_DEPTH = 32
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text, name, schema=None, max_depth=_MOST_DEPTH):
    """Reads JSON strictly.

    Refused are, beyond what is no JSON: NaN and Infinity, numbers beyond float64, a
    key that occurs twice in one object, a text with half of a surrogate pair, and
    nesting deeper than `max_depth`.

    Args:
        text: str.
        name: str or path, what errors call it.
        schema: any type that Pydantic takes (a `BaseModel`, `dict[str, int]`, ...); None
            takes any value. It is applied strictly: True is no number, "3" no integer.
        max_depth: int, lists and objects inside each other; None leaves it to Python's
            recursion limit (some 1,000) and saves the walk over a large file.

    Returns:
        The value, or what `schema` makes of it.

    Raises:
        ValueError: of one line that says where and what.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=functools.partial(_unique, name),
            parse_constant=functools.partial(_refuse_constant, name),
            parse_float=functools.partial(_finite, name),
        )
    except RecursionError:
        raise ValueError(f"{name}: lists or objects are nested too deep.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not JSON: {error}.") from None
    except _Refused as error:
        raise ValueError(str(error)) from None
    except ValueError as error:  # an integer of over 4,300 digits
        raise ValueError(f"{name} is not JSON: {one_line(error)}.") from None
    if max_depth is not None:
        _check_depth(value, name, max_depth)
    if _HALF_PAIR.search(text):
        _check_texts(value, name)
    return value if schema is None else check(value, schema, name)


def read_json(
    path,
    schema=None,
    *,
    missing=None,
    max_bytes=_MOST_BYTES,
    max_depth=_MOST_DEPTH,
):
    """Reads a JSON file strictly; see `parse_json`.

    Args:
        path: of the file.
        schema, max_depth: see `parse_json`.
        missing: str, the error's text where there is no such file.
        max_bytes: int; a longer file is refused.

    Returns:
        The value, or what `schema` makes of it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: of one line that names the file.
    """
    return parse_json(read_text(path, max_bytes, missing), path, schema, max_depth)


def read_yaml(path, schema=None, *, missing=None, max_bytes=2**20):
    """Reads a YAML file strictly: plain values, no aliases, no tags, no key twice.

    Args:
        path: of the file.
        schema: see `parse_json`.
        missing: str, the error's text where there is no such file.
        max_bytes: int; a longer file is refused.

    Returns:
        The value, or what `schema` makes of it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: of one line that names the file, and the line where it is known.
    """
    text = read_text(path, max_bytes, missing)
    try:
        value = yaml.load(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        problem = one_line(error.problem or error.context)
        raise ValueError(f"{path} is not plain YAML{where}: {problem}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path} is not plain YAML: {one_line(error)}.") from None
    _check_finite(value, path)
    return value if schema is None else check(value, schema, path)


def yaml_text(value):
    """Plain values as YAML that `read_yaml` reads: keys in their order, no aliases."""
    return yaml.dump(value, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)


def check(value, schema, name):
    """What a schema makes of a value.

    Args:
        value: plain values.
        schema: any type that Pydantic takes; applied strictly.
        name: str or path, what errors call the value.

    Raises:
        ValueError: of one line: where, what it should be, what was found.
    """
    import pydantic

    try:
        return _adapter(schema).validate_python(value, strict=True)
    except pydantic.ValidationError as error:
        raise ValueError(_told(error, name)) from None


@functools.cache
def _adapter(schema):
    import pydantic

    return pydantic.TypeAdapter(schema)


def _told(error, name):
    """The first fault of a `ValidationError` in words, and how many there are more."""
    faults = error.errors(include_url=False)
    first = faults[0]
    place = ".".join(map(str, first["loc"]))
    where = f"{name}: {shown(place)[1:-1]}" if place else str(name)
    more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    message = first["msg"].rstrip(".")
    match first["type"]:
        case "extra_forbidden":
            return f"{where} is a key that is not known here{more}."
        case "missing":
            return f"{where} is missing{more}."
        case "value_error":
            return f"{where}: {message.removeprefix('Value error, ')}{more}."
    wanted = message.removeprefix("Input ")
    return f"{where} {wanted}; received {shown(first['input'])}{more}."


class _Refused(Exception):
    """What a hook of the JSON reader refuses, told by its text."""


def _unique(name, pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise _Refused(f"{name}: the key {shown(twice)} occurs twice in one object.")
    return found


def _refuse_constant(name, text):
    raise _Refused(f"{name} holds {text}, which is no number of JSON.")


def _finite(name, text):
    value = float(text)
    if math.isinf(value):
        raise _Refused(f"{name}: the number {shown(text)[1:-1]} is too large.")
    return value


def _check_depth(value, name, most):
    """Refuses deep nesting, without recursion."""
    level, depth = [value], 0
    while level := [item for value in level for item in _inside(value)]:
        depth += 1
        if depth > most:
            raise ValueError(f"{name}: lists or objects are nested over {most} deep.")


def _inside(value):
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_texts(value, name):
    """Refuses half of a surrogate pair: no encoding can write it again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} holds half of a surrogate pair, {error.object[error.start]!a}."
        ) from None


def walk(value):
    """Yields a value and everything inside its lists and dicts, without recursion."""
    left = [value]
    while left:
        yield (item := left.pop())
        left.extend(_inside(item))


def _check_finite(value, path):
    for item in walk(value):
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError(f"{path} holds {item}; give a finite number.")


class _StrictLoader(yaml.SafeLoader):
    """`yaml.SafeLoader` without aliases and merge keys, and with bounded nesting."""

    depth = 0

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, "aliases (*) are not taken here", event.start_mark
            )
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise yaml.composer.ComposerError(
                None, None, f"nested over {_MOST_DEPTH} deep", event.start_mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys (<<) are not taken here", key.start_mark
                )
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a text", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"the key {shown(key.value)} occurs twice",
                    key.start_mark,
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _PlainDumper(yaml.SafeDumper):
    """`yaml.SafeDumper` that writes a value again where it occurs again."""

    def ignore_aliases(self, data):
        return True
