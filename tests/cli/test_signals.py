"""Ctrl-C and SIGTERM at many moments, sent to real processes."""

import re
import signal
import time
import urllib.request

import pytest
from support.command_process import AS_IT_IS, BOUND, ROOT, ended, started, wait_for
from support.data_folder import small_config, write_data_folder

from keras_teran import _io

GOES_ON = "the same command goes on."
# Sends itself a signal when a module is about to be imported.
AT_IMPORT = """
import os, sys
class Tell:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            for _ in range({times}):
                os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Tell())
from keras_teran.cli.main import main
sys.exit(main())
"""

# Says "ready" and does what follows in place of training.
IN_PLACE_OF_TRAINING = """
import sys
from keras_teran.cli import train
from keras_teran.cli.main import main
def run(arguments):
    print("ready", flush=True)
    {work}
train.run = run
sys.exit(main())
"""
# No signal interrupts it, and it holds no lock of Python.
NATIVE = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
LONG_QUEUE = """
    import time
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(time.sleep, [0.1] * 10_000))
"""
IN_A_FINALIZER = """
    import time
    class Slow:
        def __del__(self):
            print("finalizing", flush=True)
            while True:
                time.sleep(0.01)
    Slow()
"""
IN_A_BARE_EXCEPT = """
    import time
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass
"""


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.parametrize("module", ["argparse", "numpy", "keras_teran.run"])
def test_a_signal_in_the_first_second_is_one_line(number, status, word, module):
    program = AT_IMPORT.format(module=module, number=int(number), times=1)
    found = ended(started(program, "evaluate", "nowhere"))
    assert found == (status, "", f"keras-teran: {word}.\n")


@pytest.mark.process
@pytest.mark.seconds
@pytest.mark.parametrize("module", ["tensorflow", "tensorflow.python.ops.math_ops"])
def test_a_signal_while_tensorflow_is_imported_is_one_line(module):
    program = AT_IMPORT.format(module=module, number=int(signal.SIGINT), times=2)
    found = ended(started(program, "evaluate", "nowhere"))
    assert found == (130, "", "keras-teran: interrupted.\n")


@pytest.mark.process
@pytest.mark.seconds
@pytest.mark.parametrize(
    "work",
    [NATIVE, LONG_QUEUE, IN_A_FINALIZER, IN_A_BARE_EXCEPT],
    ids=["native code", "a pool with a long queue", "a finalizer", "a bare except"],
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_signal_that_python_puts_off_ends_the_command_too(work, times, tmp_path):
    process = started(IN_PLACE_OF_TRAINING.format(work=work), "train", tmp_path / "run")
    wait_for(process, "finalizing" if work == IN_A_FINALIZER else "ready")
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)  # signals of one number that wait together are one
    status, _, err = ended(process)
    assert (status, err) == (143, f"keras-teran: terminated; {GOES_ON}\n")


@pytest.mark.process
@pytest.mark.slow
def test_a_signal_in_a_training_says_that_the_same_command_goes_on(tmp_path):
    config = small_config(write_data_folder(tmp_path / "data"), recipe={"epochs": 1000})
    (tmp_path / "config.yaml").write_text(_io.yaml_text(config.as_dict()))
    options = ["--config", tmp_path / "config.yaml"]
    process = started(AS_IT_IS, "train", tmp_path / "run", *options)
    wait_for(process, "Epoch 1/")
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (130, f"keras-teran: interrupted; {GOES_ON}\n")
    assert "Traceback" not in out


@pytest.mark.process
def test_a_signal_that_the_parent_ignores_stays_ignored():
    program = AT_IMPORT.format(module="numpy", number=int(signal.SIGINT), times=1)
    ignoring = started(program, "train", "--help", interrupt="SIG_IGN")
    status, out, err = ended(ignoring)
    assert (status, err) == (0, "")
    assert "RUN" in out


# The service over a double of the index: it loads no model.
SERVE = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from support.search_double import DoubleIndex
from keras_teran import search
class Index(DoubleIndex):
    def __enter__(self):
        return self
    def __exit__(self, *_):
        print("closed", flush=True)
def opened(*_, **__):
    index = Index([{{"caption": "a red circle", "filename": "red.png"}}])
    index.matcher.encode = len
    return index
Index.open = opened
search.Index = Index
from keras_teran.cli.main import main
sys.exit(main())
"""


def served(process):
    """The address, once the service answers there."""
    for line in process.stdout:
        if found := re.match(r"(http://\S+) serves", line):
            return answers(found[1])
    raise AssertionError(process.stderr.read())


def answers(address):
    with urllib.request.urlopen(f"{address}/health", timeout=BOUND) as answer:
        assert answer.status == 200
    return address


@pytest.mark.process
@pytest.mark.seconds
@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_the_service_and_closes_the_index(number, status, word):
    process = started(SERVE, "serve", "INDEX", "--port", "0")
    served(process)
    process.send_signal(number)
    found = ended(process)
    assert found == (status, "closed\n", f"keras-teran: {word}.\n")


@pytest.mark.process
@pytest.mark.seconds
def test_a_service_in_the_background_goes_on_when_its_terminal_is_interrupted():
    process = started(SERVE, "serve", "INDEX", "--port", "0", interrupt="SIG_IGN")
    address = served(process)
    process.send_signal(signal.SIGINT)
    answers(address)
    process.terminate()
    assert ended(process) == (143, "closed\n", "keras-teran: terminated.\n")
