"""examples/walkthrough.sh, as it stands: from drawn scenes in PNG files to the page."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from support import hub_presets
from support.paths import ROOT

SCENES = 60


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Where `keras-teran` is this package's command, and nothing is fetched."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "keras-teran"
    command.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m keras_teran.cli.main "$@"\n'
    )
    command.chmod(0o755)
    return os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "KERAS_BACKEND": "tensorflow",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        "PORT": "0",
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, environment):
    """Pictures and captions of scenes, and a backbone of random weights."""
    folder = tmp_path_factory.mktemp("walk")
    photos, captions = folder / "photos", folder / "captions.csv"
    script = [sys.executable, ROOT / "examples" / "scene_pictures.py", photos]
    options = ["--split", "train", "test", "--images", SCENES // 2]
    subprocess.run(
        list(map(str, [*script, *options, "--captions", captions])),
        check=True,
        env=environment,
        capture_output=True,
    )
    preset = hub_presets.write_preset(folder / "vit", hub_presets.vit())
    return photos, captions, preset


@pytest.fixture(scope="module")
def page(inputs, environment, tmp_path_factory):
    """`(address, printed)` of the page that the script ends with, while it serves."""
    out = tmp_path_factory.mktemp("out")
    script = ["sh", ROOT / "examples" / "walkthrough.sh", *inputs, out, "--epochs", "1"]
    log = out / "log"
    with log.open("w") as file:
        running = subprocess.Popen(
            list(map(str, script)),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            cwd=out,
            start_new_session=True,
        )
    try:
        printed = []
        for line in running.stdout:
            printed.append(line)
            served = re.match(r"(http://127\.0\.0\.1:\d+) serves ", line)
            if served:
                yield served[1], "".join(printed)
                break
        else:
            pytest.fail("".join(printed) + log.read_text()[-2000:])
    finally:
        # The script and what it runs.
        os.killpg(running.pid, signal.SIGINT)
        try:
            running.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            raise


def ask(url, content=None):
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers["content-type"]


def test_the_six_commands_are_six():
    text = (ROOT / "examples" / "walkthrough.sh").read_text()
    commands = re.findall(r"^keras-teran (\w+)", text, re.MULTILINE)
    assert commands == ["data", "regions", "train", "evaluate", "index", "serve"]


@pytest.mark.process
def test_each_command_says_what_it_made(page):
    _, printed = page
    told = (
        f"{SCENES} images, {5 * SCENES} captions (test 6, train 48, val 6)",
        # Of 16 patches, 8 pixels a side.
        f"{SCENES} of {SCENES} images, up to 16 regions of 8 each",
        "best val rsum",
        "test: 6 images, 30 captions",
        "index: 6 images, 30 captions",
    )
    places = [printed.find(line) for line in told]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.process
def test_the_page_searches_the_images_that_were_held_out(page, inputs):
    address, _ = page
    assert b"<!doctype html>" in ask(address)[0].lower()
    found = json.loads(ask(f"{address}/api/search", {"text": "a red circle"})[0])
    assert len(found["hits"]) == 6
    first = found["hits"][0]
    picture, kind = ask(f"{address}/api/images/{first['id']}/picture")
    assert kind == "image/png"
    assert picture == (inputs[0] / first["payload"]["filename"]).read_bytes()
