"""Fill the environment that runs this file with what one backend's tests need.

Usage: `python tests/backends/install.py {jax,torch}`, from anywhere.

The requirements are those of setup.cfg less TensorFlow, so that a model that needed
TensorFlow on another backend would fail here. KerasHub asks for TensorFlow only for
its own tokenisers, which are not used: it is installed without that requirement.
"""

import configparser
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TENSORFLOW = {"tensorflow", "tensorflow-text", "tensorboard"}


def lines(text):
    """The requirements of a multi-line setup.cfg value."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def name(requirement):
    """The project name a requirement starts with."""
    return re.match(r"[\w.-]+", requirement).group()


def pip(*arguments):
    """Run pip in this environment; a failure ends the script."""
    command = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*command, "--disable-pip-version-check", *arguments], check=True)


def main(backend):
    """Install the package, editable, and what it needs on `backend`."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    extras = settings["options.extras_require"]
    core = lines(settings["options"]["install_requires"])
    keras_hub = next(entry for entry in core if name(entry) == "keras-hub")
    pip("--no-deps", keras_hub, "--editable", os.fspath(ROOT))
    hub = [
        entry.split(";")[0]
        for entry in metadata.requires("keras-hub")
        if "extra ==" not in entry
    ]
    print("pip will say that TensorFlow is missing: that is meant here.", flush=True)
    wanted = [*core, *hub, *lines(extras["test"]), *lines(extras[backend])]
    pip(*(r for r in wanted if name(r) not in TENSORFLOW | {"keras-hub"}))


if __name__ == "__main__":
    if sys.argv[1:] not in (["jax"], ["torch"]):
        sys.exit(__doc__)
    main(sys.argv[1])
