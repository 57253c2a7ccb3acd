"""Reads files that anyone may have written, strictly; writes files whole or not at all.

Every JSON and YAML file, and every `.npz` and `.npy` file, is opened here. What is not
as expected is a ValueError of one line that names the file and what was found in it.
"""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_arguments": "number whole whole_between",
        "_arrays": "all_finite as_array map_npy read_npy read_npz",
        "_bars": "close_bars keras_verbose progress_bar",
        "_documents": "check parse_json read_json read_yaml yaml_text",
        "_files": "at_hand one_line read_bytes read_text require_file sha256 shown",
        "_keras_files": "count_keras_weights read_keras_config",
        "_writing": (
            "check_folder check_output put_in_place whole_file whole_folder "
            "write_json write_text"
        ),
    },
)
