"""README.md and docs/: length, links, commands, and the runner of the commands."""

import re
import runpy
import subprocess
from pathlib import Path

import pytest
from support.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNER = runpy.run_path(str(ROOT / ".ci" / "check_docs.py"))

MOST_LINES = 200
MOST_COLUMNS = 88

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
# Where a command writes.
WRITTEN = re.compile(
    r"--out (\S+)|\btrain(?:\.py)? (runs/\S+)|encode_corpus_ray\.py \S+ (\S+)"
    r"|scene_pictures\.py (\S+)|--captions (runs/\S+\.csv)$"
)
BRITISH = re.compile(
    r"\b\w*(?:colour|centre\b|neighbour|grey\b|labell|behaviour|favour"
    r"|tokenis|optimis|normalis|generalis|quantis|initialis|minimis|recognis)\w*",
    re.IGNORECASE,
)


def relative(path):
    return path.relative_to(ROOT).as_posix()


def read(path):
    return path.read_text(encoding="utf-8")


def prose(text):
    """A document without its code blocks."""
    return FENCED.sub("", text)


def anchors(path):
    """The anchors that GitHub makes of a document's headings."""
    made = set()
    for heading in HEADING.findall(prose(read(path))):
        plain = LINK.sub(lambda link: link[0][1 : link[0].index("]")], heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        repeated = sum(1 for other in made if re.fullmatch(f"{slug}(-\\d+)?", other))
        made.add(f"{slug}-{repeated}" if repeated else slug)
    return made


def broken_links(path):
    """The links of a document that lead nowhere in this repository."""
    for target in LINK.findall(prose(read(path))):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def test_the_readme_is_short_and_has_one_picture():
    text = read(ROOT / "README.md")
    assert len(text.splitlines()) <= MOST_LINES
    assert re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text) == ["docs/align.png"]


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_links_lead_somewhere(path):
    assert not list(broken_links(path))


def test_the_index_links_every_page():
    linked = set(LINK.findall(read(ROOT / "docs" / "README.md")))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages - {"README.md"} <= linked


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_prose_keeps_to_the_columns_and_to_american_spelling(path):
    text = prose(read(path))
    long = [
        line
        for line in text.splitlines()
        if len(line) > MOST_COLUMNS and not line.startswith("|")
    ]
    assert not long
    assert not [found[0] for found in BRITISH.finditer(text)]


@pytest.mark.process
@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_the_commands_of_a_page_parse(path):
    text = read(path)
    for block in RUNNER["blocks"](text):
        if block.language == "python":
            compile(RUNNER["python_source"](block), relative(path), "exec")
    script = RUNNER["shell_script"](text)
    parsed = subprocess.run(
        ["bash", "-n"], input=script, capture_output=True, check=False, text=True
    )
    assert parsed.returncode == 0, parsed.stderr


def test_no_two_commands_write_one_place_and_ci_clears_each():
    script = read(ROOT / ".ci" / "run")
    cleared = re.search(r"rm -rf (.*) &&", script)[1].split()
    places = [
        "".join(found)
        for path in PAGES
        for line in RUNNER["shell_lines"](read(path)).values()
        for found in WRITTEN.findall(line)
    ]
    places = [place for place in places if not place.endswith(".png")]
    assert len(places) > 8
    assert len(places) == len(set(places))
    for place in places:
        assert any(Path(place).match(pattern) for pattern in cleared), place


PAGE = """# Title

```bash
make nothing
echo begun
false --option
touch \\
    after
```

<!-- needs data -->
```bash
touch data
```

```python
open("python", "w").close()
```
"""


@pytest.fixture
def root(tmp_path):
    """A repository of two documents; the second one is whole."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(PAGE)
    (tmp_path / "docs" / "page.md").write_text(PAGE.replace("false", "true"))
    return tmp_path


def test_the_first_failing_command_stops_the_run_and_is_named(root, capfd):
    assert RUNNER["main"]([], root) == 1
    printed = capfd.readouterr()
    assert "begun" in printed.out
    assert "README.md: line 6: failed: false --option" in printed.err
    assert sorted(path.name for path in root.iterdir()) == ["README.md", "docs"]


def test_marked_blocks_and_lines_of_make_are_left_out(root, capfd):
    assert RUNNER["main"]([str(root / "docs" / "page.md")], root) == 0
    printed = capfd.readouterr().out
    assert "4 lines of shell and 1 of Python blocks ran" in printed
    made = sorted(path.name for path in root.iterdir())
    assert made == ["README.md", "after", "docs", "python"]


def test_a_failing_python_block_shows_the_line_of_its_document(root, capfd):
    page = root / "docs" / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\nraise ValueError(x)\n```\n")
    assert RUNNER["main"]([str(page)], root) == 1
    printed = capfd.readouterr().err
    assert 'File "docs/page.md", line 5' in printed
    assert "docs/page.md: a command failed in what starts at line 4" in printed


def test_documents_run_in_order_and_are_listed_without_running(root, capfd):
    (root / "docs" / "data.md").write_text(PAGE)
    names = [path.relative_to(root).as_posix() for path in RUNNER["documents"](root)]
    assert names == ["README.md", "docs/data.md", "docs/page.md"]
    assert RUNNER["main"](["--list"], root) == 0
    printed = capfd.readouterr().out
    assert "docs/page.md:8:     after" in printed
    assert "begun\n" not in printed.replace("echo begun\n", "")


def test_the_readers_of_links_see_broken_ones(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Some `code`: and, marks\n## Twice\n## Twice\n"
        "[a](page.md#some-code-and-marks) [b](#twice-1) [c](https://x.y) "
        "[d](other.md) [e](page.md#none)\n```\n[f](code.md)\n```\n"
    )
    assert list(broken_links(page)) == ["other.md", "page.md#none"]
