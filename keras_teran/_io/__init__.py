"""Reads files that anyone may have written, strictly; writes files whole or not at all.

Every JSON and YAML file, and every `.npz` and `.npy` file, is opened here. What is not
as expected is a ValueError of one line that names the file and what was found in it.
"""

from keras_teran._io._arguments import number, whole
from keras_teran._io._arrays import all_finite, map_npy, read_npy, read_npz
from keras_teran._io._bars import close_bars, keras_verbose, progress_bar
from keras_teran._io._documents import (
    check,
    parse_json,
    read_json,
    read_yaml,
    yaml_text,
)
from keras_teran._io._files import (
    at_hand,
    one_line,
    read_bytes,
    read_text,
    require_file,
    sha256,
    shown,
)
from keras_teran._io._keras_files import count_keras_weights, read_keras_config
from keras_teran._io._writing import (
    check_output,
    whole_file,
    whole_folder,
    write_json,
    write_text,
)

__all__ = [
    "all_finite",
    "at_hand",
    "check",
    "check_output",
    "close_bars",
    "count_keras_weights",
    "keras_verbose",
    "map_npy",
    "number",
    "one_line",
    "parse_json",
    "progress_bar",
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
