"""The documents and meltano.yml say what is so; and the rooms stay apart."""

from __future__ import annotations

import ast
import json
import re
import subprocess

import pytest
import yaml

from conftest import STREAMS
from readme import examples, the_job
from tools import dictionary, documents, plugin
from tools.environments import ROOT

REPOSITORY = "https://github.com/tap-codat-commerce/tap-codat-commerce/blob/main/"
PAGES = sorted(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md"))
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
    capture_output=True,
    text=True,
    check=True,
    cwd=ROOT,
).stdout.splitlines()


def test_what_is_made_from_the_code_is_current() -> None:
    made = documents.documents()
    assert [path for path, text in made.items() if path.read_text() != text] == [], "run: python3 dev.py docs"
    pages = {path for path in dictionary.FOLDER.iterdir() if path.name != "index.md"}
    assert pages <= made.keys(), "pages of streams that there are no more"


def test_capabilities_in_meltano_are_those_of_the_tap() -> None:
    block = re.search(r"    capabilities:\n((?:    - .*\n)+)", (ROOT / "meltano.yml").read_text())
    assert block
    assert sorted(re.findall(r"- (\S+)", block[1])) == sorted(plugin.about()["capabilities"])


def test_every_stream_has_a_row_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(f"| [`{stream}`](" in readme for stream in STREAMS)


def headings(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", *(str(p) for p in PAGES)])
def test_links_lead_somewhere(document: str) -> None:
    """Those of the site are checked again when it is built; these are also read where there is no site."""
    here = (ROOT / document).parent
    for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / document).read_text()):
        if link.startswith("http") and not link.startswith(REPOSITORY):
            continue
        path, _, anchor = link.removeprefix(REPOSITORY).partition("#")
        target = (ROOT if link.startswith(REPOSITORY) else here) / path if path else ROOT / document
        assert target.exists(), link
        assert not anchor or anchor in headings(target.read_text()), link


def test_the_tests_that_are_named_are_there() -> None:
    tests = "".join((ROOT / p).read_text() for p in TRACKED if p.startswith("tests/") and (ROOT / p).exists())
    named = re.findall(r"`([Tt]est\w+)`", (ROOT / "ARCHITECTURE.md").read_text())
    assert named
    assert [name for name in named if not re.search(rf"(def|class) {name}\b", tests)] == []


def test_only_the_state_manager_knows_the_shape_of_state() -> None:
    """What imports what is checked by `python3 dev.py lint`."""
    for path in (p for p in TRACKED if p.startswith("tap_codat_commerce/") and p.endswith(".py")):
        if not path.endswith("singer/bookmarks.py") and (ROOT / path).exists():
            text = (ROOT / path).read_text()
            assert '"partitions"' not in text, path
            assert "replication_key_value" not in text, path


def test_the_examples_for_several_machines_parse() -> None:
    job = the_job()
    container = job["template"]["spec"]["containers"][0]
    assert job["completions"] == int(container["env"][0]["value"])
    assert "\n" not in container["args"][0]
    page = "docs/several-machines.md"
    (dag,) = map(ast.parse, examples(page, "python"))
    assert any(isinstance(node, ast.FunctionDef) for node in dag.body)
    known = {f"TAP_CODAT_COMMERCE_{name.upper()}" for name in plugin.about()["settings"]["properties"]}
    text = "".join(text for language in ("yaml", "python", "sh") for text in examples(page, language))
    assert set(re.findall(r"TAP_CODAT_COMMERCE_\w+", text)) <= known


def test_what_target_postgres_is_told_is_the_same_everywhere() -> None:
    """In meltano.yml of this project, and in the two examples."""
    loaders = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["loaders"]
    here = next(one for one in loaders if one["name"] == "target-postgres")
    told = {one["name"]: one["value"] for one in here["settings"] if "value" in one}
    example = yaml.safe_load(examples("docs/loaders.md", "yaml")[0])["loaders"][0]
    (file,) = examples("docs/loaders.md", "json")
    assert (example["pip_url"], example["env"]) == (here["pip_url"], here["env"])
    assert f"export PGTZ={here['env']['PGTZ']}" in (ROOT / "docs" / "loaders.md").read_text()
    assert example["config"].items() <= told.items() <= json.loads(file).items()


def test_what_the_log_is_said_to_say_is_in_the_code() -> None:
    """Each text in the first column of a table on the page of symptoms, but for its numbers and names."""
    sources = [(ROOT / path).read_text() for path in TRACKED if re.match(r"tap_codat_commerce/.*\.py", path)]
    literals = [n.value for s in sources for n in ast.walk(ast.parse(s)) if isinstance(n, ast.Constant)]
    said = [text for text in literals if isinstance(text, str)]
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    shown = [text for cell in re.findall(r"^\| ([^|]*)", page, re.MULTILINE) for text in re.findall("`(.*?)`", cell)]
    parts = [part.strip(" ()") for text in shown for part in re.split(r"…|\d+", text)]
    assert [part for part in parts if not any(part in text for text in said)] == []
