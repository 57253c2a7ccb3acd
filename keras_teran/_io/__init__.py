"""Reads files that anyone may have written, strictly; writes files whole or not at all.

Every JSON and YAML file, and every `.npz` and `.npy` file, is opened here. What is not
as expected is a ValueError of one line that names the file and what was found in it.
"""

from keras_teran._io.arguments import number, whole
from keras_teran._io.arrays import map_npy, read_npy, read_npz
from keras_teran._io.documents import check, parse_json, read_json, read_yaml, yaml_text
from keras_teran._io.files import (
    at_hand,
    one_line,
    read_bytes,
    read_text,
    require_file,
    sha256,
    shown,
)
from keras_teran._io.keras_files import count_keras_weights, read_keras_config
from keras_teran._io.writing import (
    check_folder,
    check_output,
    whole_file,
    whole_folder,
    write_json,
    write_text,
)

__all__ = [
    "at_hand",
    "check",
    "check_folder",
    "check_output",
    "count_keras_weights",
    "map_npy",
    "number",
    "one_line",
    "parse_json",
    "read_bytes",
    "read_json",
    "read_keras_config",
    "read_npy",
    "read_npz",
    "read_text",
    "read_yaml",
    "require_file",
    "sha256",
    "shown",
    "whole",
    "whole_file",
    "whole_folder",
    "write_json",
    "write_text",
    "yaml_text",
]
