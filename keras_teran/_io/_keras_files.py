"""Keras' `.keras` files: what they say and hold is checked before Keras opens them.

Keras makes any class that a file names and any array that it declares. Here a file may
name classes of Keras, KerasHub and this package alone, none that runs code, and declare
no array that is not there byte for byte.
"""

import zipfile

from keras_teran._io._arrays import BROKEN
from keras_teran._io._documents import parse_json, walk
from keras_teran._io._files import one_line, require_file, shown

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
# Bytes of each file in the archive; the weights are bounded by the archive's own size.
_MEMBERS = {
    _CONFIG: 2**23,
    "metadata.json": 2**20,
    _WEIGHTS: None,
    "assets/": 0,
    "assets/carried.npz": 2**28,
}
_LIBRARIES = ("keras", "keras_hub", "keras_teran")
# Classes of Keras that run code of the file, or of another file.
_RUN_CODE = (
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "__lambda__",
    "__typespec__",
)
_FUNCTIONS = ("activations", "initializers", "losses", "metrics", "regularizers")
_MOST_DEPTH = 64


def read_keras_config(path, class_name, package):
    """What a `.keras` file says of its model.

    Args:
        path: of the file.
        class_name, package: str, the class that the model must be of, as it is
            registered with Keras.

    Returns:
        Dict: the arguments of the class.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: of one line: no such archive, a damaged one, a model of another
            class, or one that names a class that is not allowed inside.
    """
    with _opened(path) as archive:
        text = _read(archive, _CONFIG, path)
    name = f"{path}: {_CONFIG}"
    try:
        text = text.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8.") from None
    described = parse_json(text, name, max_depth=_MOST_DEPTH)
    if not isinstance(described, dict) or not isinstance(described.get("config"), dict):
        raise ValueError(f"{name} describes no model; give a file that train wrote.")
    _check_classes(described, name)
    registered = f"{package}>{class_name}"
    found = described.get("class_name"), described.get("registered_name")
    if found != (class_name, registered):
        raise ValueError(
            f"{path} holds a {shown(described.get('class_name'))}, not a {class_name}; "
            "give a file that `keras-teran train` wrote."
        )
    return described["config"]


def count_keras_weights(path):
    """Counts the arrays and numbers of a `.keras` file without reading them.

    Returns:
        `(arrays, numbers)`: ints.

    Raises:
        ValueError: of one line: a damaged file, a link to another file, no numbers, or
            an array that declares more bytes than it has.
    """
    import h5py

    name = f"{path}: {_WEIGHTS}"
    found = {}
    with _opened(path) as archive:
        stored = archive.getinfo(_WEIGHTS).file_size
        try:
            with archive.open(_WEIGHTS) as member, h5py.File(member, "r") as file:
                fault = file.visititems_links(
                    lambda key, link: _count(file, key, link, found)
                )
        # h5py and zlib raise errors of many kinds on a damaged file.
        except Exception as error:  # noqa: BLE001
            raise ValueError(f"{name} is damaged: {one_line(error, 200)}.") from None
    held = sum(size for _, size in found.values())
    if fault is None and held > stored:
        fault = f"the arrays declare {held:,} bytes in {stored:,}"
    if fault is not None:
        raise ValueError(
            f"{name}: {fault}. It is damaged, or no model of this package."
        )
    return len(found), sum(count for count, _ in found.values())


def _count(file, key, link, found):
    """Notes numbers and bytes of one array; a text, which ends the walk, is a fault.

    An error raised here would pass through HDF5, which does not keep it.
    """
    import h5py

    if not isinstance(link, h5py.HardLink):
        return f"{shown(key)} is a link to elsewhere"
    entry = file[key]
    if not isinstance(entry, h5py.Dataset):
        return None
    if entry.dtype.kind not in "biuf":
        return f"{shown(key)} holds {one_line(str(entry.dtype), 40)}, no plain numbers"
    if entry.is_virtual or entry.external:
        return f"{shown(key)} lies in another file"
    held = entry.id.get_storage_size()
    if entry.nbytes > held:
        return f"{shown(key)} declares {entry.nbytes:,} bytes and holds {held:,}"
    # By its address: one array under two names counts once.
    found[h5py.h5o.get_info(entry.id).addr] = entry.size, entry.nbytes
    return None


def _opened(path):
    """The archive, what it says of itself checked."""
    path = require_file(path)
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN as error:
        raise ValueError(
            f"{path} is no model of Keras, or damaged: {one_line(error, 200)}."
        ) from None
    try:
        _check_members(archive, path)
    except ValueError:
        archive.close()
        raise
    return archive


def _check_members(archive, path):
    names = [info.filename for info in archive.infolist()]
    for wanted in (_CONFIG, _WEIGHTS):
        if wanted not in names:
            raise ValueError(
                f"{path} is no model of Keras, or damaged: it has no {wanted}."
            )
    if len({*names}) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path} holds {shown(twice)} twice.")
    size = path.stat().st_size
    for info in archive.infolist():
        if info.filename not in _MEMBERS:
            raise ValueError(
                f"{path} holds {shown(info.filename)}, which is no part of a model of "
                "this package."
            )
        most = _MEMBERS[info.filename]
        if info.file_size > (size if most is None else most):
            raise ValueError(
                f"{path}: {info.filename} unpacks to {info.file_size:,} bytes, over "
                f"{size if most is None else most:,}."
            )


def _read(archive, name, path):
    try:
        return archive.read(name)
    except BROKEN as error:
        raise ValueError(
            f"{path} is damaged: {name}: {one_line(error, 200)}."
        ) from None


def _check_classes(described, name):
    """Refuses every class and function that a model of this package cannot name."""
    for value in walk(described):
        if isinstance(value, dict) and "class_name" in value:
            _check_class(value, name)


def _check_class(value, name):
    class_name, module = value["class_name"], value.get("module")
    known = isinstance(class_name, str) and class_name not in _RUN_CODE
    if class_name == "function":
        known = _is_function_of_keras(value)
    elif not (known and class_name.startswith("__")):
        known = known and str(module).split(".")[0] in _LIBRARIES
    if not known:
        raise ValueError(
            f"{name} names {shown(module)[:60]} {shown(class_name)[:60]}, which no model of "
            "this package holds; nothing was loaded. Give a file that `keras-teran "
            "train` wrote."
        )


def _is_function_of_keras(value):
    import keras

    name = value.get("config")
    if not isinstance(name, str) or name.startswith("_"):
        return False
    return any(hasattr(getattr(keras, part), name) for part in _FUNCTIONS)
