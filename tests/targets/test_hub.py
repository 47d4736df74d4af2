"""The definition for Meltano Hub: as the Hub wants it, and Meltano can add the tap by it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from conftest import API_KEY, STREAMS, Run
from readme import examples
from tools import hub, plugin
from tools.demo import MELTANO
from tools.environments import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Stage

pytestmark = pytest.mark.slow
KEYS = {
    *(
        "capabilities",
        "commands",
        "definition",
        "description",
        "docs",
        "domain_url",
        "executable",
        "ext_repo",
        "hidden",
        "keywords",
    ),
    *("label", "logo_url", "maintenance_status", "metadata", "name", "namespace", "next_steps", "pip_url", "prereq"),
    *("quality", "repo", "select", "settings", "settings_group_validation", "settings_preamble"),
    *("supported_python_versions", "usage", "variant"),
}
REQUIRED = {"name", "namespace", "variant", "quality"}
KINDS = {
    "array",
    "boolean",
    "date_iso8601",
    "decimal",
    "email",
    "file",
    "integer",
    "oauth",
    "object",
    "options",
    "string",
}
DEFINITION: dict[str, Any] = yaml.safe_load(hub.PATH.read_text())


def test_its_keys_are_those_of_the_hub_and_sorted() -> None:
    assert REQUIRED <= DEFINITION.keys() <= KEYS
    for one in (DEFINITION, *DEFINITION["settings"]):
        assert list(one) == sorted(one)
    assert DEFINITION["capabilities"] == sorted(DEFINITION["capabilities"])
    assert DEFINITION["keywords"] == sorted(DEFINITION["keywords"])
    assert DEFINITION["quality"] in {"gold", "silver", "bronze", "unknown"}
    assert DEFINITION["maintenance_status"] in {"active", "beta", "development", "inactive", "unknown"}


def test_its_settings() -> None:
    names = [one["name"] for one in DEFINITION["settings"]]
    assert names == list(plugin.about()["settings"]["properties"])
    for one in DEFINITION["settings"]:
        assert one["kind"] in KINDS
        assert one["label"]
        assert one["description"]
        assert ("options" in one) == (one["kind"] == "options")
    assert [one["name"] for one in DEFINITION["settings"] if one.get("sensitive")] == ["api_key"]
    assert all(set(group) <= set(names) for group in DEFINITION["settings_group_validation"])


@pytest.fixture(scope="module")
def meltano() -> Path:
    """Return Meltano."""
    return environment("meltano", MELTANO) / "meltano"


def test_meltano_knows_every_key(meltano: Path) -> None:
    """By the JSON schema that comes with Meltano; the project's file is whole by it, too."""
    (path,) = meltano.parent.parent.rglob("meltano.schema.json")
    schema = json.loads(path.read_text())
    Draft202012Validator(schema).validate(yaml.safe_load((ROOT / "meltano.yml").read_text()))
    setting = {"$ref": "#/$defs/base_setting", "$defs": schema["$defs"]}
    for one in DEFINITION["settings"]:
        Draft202012Validator(setting).validate(one)


def test_meltano_leaves_the_project_as_it_is_when_it_sets_something(meltano: Path, tmp_path: Path) -> None:
    """Those who use a checkout as their project see in git what they have set, and nothing else."""
    before = (ROOT / "meltano.yml").read_text()
    (tmp_path / "meltano.yml").write_text(before)
    command = [str(meltano), "config", "set", "tap-codat-commerce", "page_size", "500"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    after = (tmp_path / "meltano.yml").read_text()
    assert after.replace("    config:\n      page_size: 500\n", "") == before


def test_meltano_adds_the_tap_by_it_and_by_the_readme(
    meltano: Path, stage: Callable[..., Stage], tmp_path: Path
) -> None:
    shops = stage(companies=1)
    (tmp_path / "hub.yml").write_text(yaml.safe_dump(DEFINITION | {"pip_url": str(ROOT)}))
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(meltano.parent), os.environ["PATH"]]),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "TAP_CODAT_COMMERCE_API_KEY": API_KEY,
        "TAP_CODAT_COMMERCE_API_URL": shops.url,
    }

    def run(folder: Path, script: str) -> Run:
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    run(tmp_path, "meltano init by_ref")
    by_ref = tmp_path / "by_ref"
    run(by_ref, f"meltano add --plugin-type extractor tap-codat-commerce --from-ref '{tmp_path / 'hub.yml'}'")
    assert set(run(by_ref, "meltano invoke tap-codat-commerce").records) == set(STREAMS)
    assert "1 of 1 " in run(by_ref, "meltano invoke tap-codat-commerce:status --data-type orders").out.replace(
        "\t", " "
    )

    by_readme, (project, select) = tmp_path / "by_readme", examples("README.md", "yaml")
    by_readme.mkdir()
    project = project.replace(DEFINITION["pip_url"], str(ROOT)).replace("    settings: #", f"{select}    settings: #")
    (by_readme / "meltano.yml").write_text(project)
    env["MELTANO_SYS_DIR_ROOT"] = str(by_ref / ".meltano")  # the same tap, installed once
    (commands,) = (text for text in examples("README.md", "sh") if "meltano install" in text)
    run(by_readme, commands)
    rows = {file.stem: file.read_text() for file in (by_readme / "output").iterdir()}
    assert {stream for stream, text in rows.items() if text} == {"orders", "customers"}
    assert '"emailAddress"' in rows["customers"]
    assert '"phone"' not in rows["customers"]
    orders = []
    for index in range(2):
        shard = f"TAP_CODAT_COMMERCE_SHARD_INDEX={index} TAP_CODAT_COMMERCE_SHARD_COUNT=2"
        orders.append(len(run(by_readme, f"{shard} meltano invoke tap-codat-commerce").records["orders"]))
    assert [bool(number) for number in sorted(orders)] == [False, True], "the one company falls to one shard"
