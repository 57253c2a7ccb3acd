"""Checks what the shortened quickstart left: `check_quickstart.py FOLDER`.

Ends with status 1 and a line for each thing that is wrong.
"""

import hashlib
import json
import sys
from pathlib import Path

# Six per cents. Chance is about 10 on 240 images; two epochs on 500 scenes gave 216, and
# 142 to the bag of words.
LEAST_RSUM = 150.0
ARTIFACTS = 12


def wrong_with_report(folder):
    """The report is there, and needs nothing beside it."""
    page = folder / "report.html"
    if not page.is_file():
        return [f"{page} is missing"]
    text = page.read_text(encoding="utf-8")
    wrong = [] if "data:image/" in text else [f"{page} holds no picture"]
    if 'src="http' in text:
        wrong.append(f"{page} loads something from elsewhere")
    return wrong


def wrong_with_exports(folder):
    """Encoders, scorer and aligner in three formats, as the manifest says, near Keras."""
    manifests = list(folder.rglob("manifest.json"))
    if len(manifests) != 1:
        return [f"{len(manifests)} export manifests under {folder}, not 1"]
    root = manifests[0].parent
    manifest = json.loads(manifests[0].read_text(encoding="utf-8"))
    artifacts = manifest["artifacts"]
    wrong = [
        f"{artifact['path']} is off by {artifact['max_abs_error']}"
        for artifact in artifacts
        if not artifact["max_abs_error"] <= manifest["tolerance"] == 1e-4
    ]
    if len(artifacts) != ARTIFACTS:
        wrong.append(f"{len(artifacts)} exported files, not {ARTIFACTS}")
    for file, expected in [pair for a in artifacts for pair in a["files"].items()]:
        if hashlib.sha256((root / file).read_bytes()).hexdigest() != expected:
            wrong.append(f"{root / file} has another hash than its manifest says")
    return wrong


def wrong_with_training(folder):
    """Something was learned."""
    histories = list(folder.rglob("history.json"))
    if not histories:
        return [f"no history.json under {folder}"]
    best = max(json.loads(histories[0].read_text(encoding="utf-8"))["val_rsum"])
    print(f"best val rsum {best:.1f}")
    return [] if best >= LEAST_RSUM else [f"val rsum {best:.1f} < {LEAST_RSUM}"]


def main(folder):
    """Prints what is wrong and returns how much."""
    checks = (wrong_with_report, wrong_with_exports, wrong_with_training)
    wrong = [line for check in checks for line in check(folder)]
    print("\n".join(wrong) or f"{folder} is as it should be")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
