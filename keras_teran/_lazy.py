"""Public names of a package, resolved on first use.

So `import keras_teran` and `keras-teran --help` load neither Keras nor a backend.
"""

import importlib


def lazy(package, homes):
    """What a package's `__init__` binds to `__all__`, `__getattr__` and `__dir__`.

    Args:
        package: str, its `__name__`.
        homes: dict of a module's name below the package to the public names in it,
            separated by spaces.

    Returns:
        `(names, getattr, dir)`.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def resolve(name):
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{home_of[name]}"), name)

    return sorted(home_of), resolve, lambda: sorted(home_of)
