"""The documents say what the program does: examples load, keys and commands are all there, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from hptune.cli import cli
from hptune.config import search_section, study_file, yaml_tree
from hptune.config.ranges import legal_value
from hptune.config.reader import Reader
from hptune.data.settings import SOURCES, DataSettings
from hptune.nn.hyperparameters import DEFAULTS, LEGAL
from hptune.trial import METRICS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STUDY_FILE = (ROOT / "docs" / "study_file.md").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_study_loads_and_says_first_what_it_is_for_and_how_long_it_takes(path):
    study_file.load(path)
    assert re.match(r"# .*trials.*seconds.*cores", path.read_text().splitlines()[0])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_study_in_the_documents_loads(path):
    for text in re.findall(r"```yaml\n(.*?)```", path.read_text(), flags=re.DOTALL):
        root = yaml_tree.parse(text, path.name)
        if isinstance(root.value, dict) and "space" in root.value:
            study_file.parse(root, (), default_name="example", folder=ROOT / "configs")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link


def test_the_example_of_the_readme_is_the_shipped_one():
    (text,) = re.findall(r"```yaml\n(.*?)```", DOCUMENTS[0].read_text(), flags=re.DOTALL)
    assert text == "".join((ROOT / "configs" / "digits.yaml").read_text().splitlines(keepends=True)[1:])


def test_every_hyperparameter_is_documented_with_its_default():
    for name, default in DEFAULTS.items():
        row = next(line for line in STUDY_FILE.splitlines() if line.startswith(f"| `{name}` |"))
        written = row.split("|")[2].strip()
        assert bool(written) is not LEGAL[name].required, row
        assert (
            LEGAL[name].required
            or legal_value(Reader(), yaml_tree.parse_value(written, "docs"), name, LEGAL[name]) == default
        ), row
        for choice in LEGAL[name].choices:
            assert choice in row


def test_every_key_of_the_other_sections_is_documented():
    for key in [*DataSettings().to_json(), *search_section.KEYS, *SOURCES, *METRICS]:
        assert re.search(rf"`?\b{key}\b`?", STUDY_FILE), key


def test_every_command_is_in_the_readme_and_every_option_has_help():
    readme = DOCUMENTS[0].read_text()
    for name, command in cli.commands.items():
        assert f"hptune {name}" in readme, name
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or parameter.help, (name, parameter.name)


def test_the_set_up_commands_are_two_and_what_was_promised():
    found = re.findall(r"^pip install .* && .*$", DOCUMENTS[0].read_text(), flags=re.MULTILINE)
    assert found == ["pip install . && hptune search configs/digits.yaml", "pip install '.[test]' && pytest"]


def test_exit_codes_are_documented():
    from hptune import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HptuneError)]
    for code in {kind.exit_code for kind in kinds} - {1}:
        assert re.search(rf"^\| {code} \|", DOCUMENTS[0].read_text(), flags=re.MULTILINE), code


def test_every_sweep_has_a_part_and_its_minutes():
    rows = re.findall(
        r"^\| `pytest -m sweep ([^`]+)` \| \d+ \|", (ROOT / "docs" / "faults.md").read_text(), flags=re.MULTILINE
    )
    files = {file for row in rows for file in re.findall(r"tests/\S+\.py", row)}
    marked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.sweep" in path.read_text() and path != Path(__file__)
    }
    assert files == marked


def test_every_test_that_the_faults_name_is_there():
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs" / "faults.md").read_text())
    assert len(named) > 50
    for file, name in named:
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), f"{file}::{name}"
