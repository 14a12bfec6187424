"""The JSON Schema of the study file, against the reader: what it refuses the reader refuses, for the same key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from catalogue import test_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.config import data_section, parameters, schema, search_section, yaml_tree
from hptune.config.ranges import KEYS, legal_value
from hptune.config.reader import Reader
from hptune.config.study_file import SECTIONS, parse
from hptune.errors import StudyFileError
from hptune.nn.hyperparameters import DEFAULTS, LEGAL

ROOT = Path(__file__).parents[2]
SCHEMA = schema.study_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
STUDY = "data: {source: moons}\nspace: {learning_rate: {scale: log, low: 1e-4, high: 1}}\n"


def is_valid(text):
    return VALIDATOR.is_valid(yaml_tree.plain_tree(yaml_tree.parse(text, "s.yaml")))


def problems(text):
    try:
        parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)
    except StudyFileError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_it_is_a_schema_of_the_draft_that_it_names():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_the_command_prints_it():
    ended = subprocess.run([sys.executable, "-m", "hptune", "schema"], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == json.loads(json.dumps(SCHEMA))


def studies():
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        yield path.name, path.read_text()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", path.read_text(), flags=re.DOTALL)):
            yield f"{path.name}-{number}", text


@pytest.mark.parametrize(("name", "text"), list(studies()), ids=lambda value: "" if "\n" in value else value)
def test_every_shipped_study_and_every_example_of_the_documents_is_valid(name, text):
    tree = yaml_tree.plain_tree(yaml_tree.parse(text, name))
    if "space" not in tree:  # a part of a study file
        tree = {"data": {"source": "digits"}, "space": {"l2": {"low": 0, "high": 1}}, **tree}
    VALIDATOR.validate(tree)


def test_every_key_of_the_reader_is_in_the_schema_and_says_what_it_is_for():
    sections = SCHEMA["properties"]
    assert set(sections) == set(SECTIONS)
    for section, keys in (("data", data_section.KEYS), ("search", search_section.KEYS)):
        assert set(sections[section]["properties"]) == set(keys)
        for key, form in sections[section]["properties"].items():
            assert form["description"], key
            assert {"type", "enum", "anyOf"} & set(form), key
    assert set(schema.MEANINGS) == {"data", "search"} | {
        f"{section}.{key}" for section in ("data", "search") for key in sections[section]["properties"]
    }
    assert set(sections["train"]["properties"]) == set(sections["space"]["properties"]) == set(LEGAL)
    assert set(SCHEMA["$defs"]["when"]["properties"]) == set(LEGAL)
    for name, form in sections["train"]["properties"].items():
        assert form.get("default") == (None if LEGAL[name].required else DEFAULTS[name])
    ranges = sections["space"]["properties"]["l2"]["anyOf"]
    assert {key for form in ranges for key in form.get("properties", ())} == set(KEYS)


GOOD_SPACES = (
    "l2: 0.5",
    "l2: {low: 0, high: 0.5}",
    "l2: {type: int, low: 1, high: 8}",
    "l2: {low: 0, high: 0.5, step: 0.1}",
    "beta2: {scale: 1-beta, low: 0, high: 0.999}",
    "patience: {low: 1, high: 9}",
    "patience: {choices: [0, 5]}",
    "batch_size: {type: int, scale: log, low: 16.0, high: 1e3}",
    "batch_size: {choices: [32, full]}",
    "batch_size: full",
    "batch_norm: {choices: [true, false]}",
    "widths: {choices: [same, [64], [256, 128], 64-32]}",
    "dropout_by_layer: {choices: [[0.5, 0.2], 0.5 0.2 0.1]}",
    "optimizer: {choices: [adam]}",
    "l2: {low: 0, high: 0.5, when: {widths: [[64], [32, 16]], flip: false}}\n  widths: {choices: [[64], [32, 16]]}",
)


@pytest.mark.parametrize("space", GOOD_SPACES)
def test_every_form_of_a_domain_is_valid(space):
    text = f"data: {{source: moons}}\nspace:\n  {space}\n"
    assert problems(text) == []
    assert is_valid(text)


def test_factors_by_epoch_are_valid():
    for factors in ("{10: 0.1, 20: 0.01}", "10:0.1 20:0.01"):
        text = f"{STUDY}train: {{schedule: manual, learning_rate_factors: {factors}}}\n"
        assert problems(text) == []
        assert is_valid(text)


L2 = "data: {{source: moons}}\nspace: {{l2: {}}}\n"
WRONG = [
    # Y3, Y25, Y37, Y38: keys
    "[data, space]\n",
    "data: {source: moons}\nspace:\n",
    STUDY + "serach: {trials: 3}\n",
    "data: {source: moons}\n",
    "space: {l2: {low: 0, high: 1}}\n",
    "data: {}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: moons, path: a.csv, target: y}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: moons, sede: 3}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: moons\nspace: {l2: {low: 0, high: 1}}\n",
    STUDY + "search: {trails: 3}\n",
    STUDY + "search: 100\n",
    STUDY + "train: {learning_speed: 3}\n",
    STUDY + "train: {lr: 0.1}\n",
    L2.format("{lwo: 0, high: 1}"),
    L2.format("{low: 0}"),
    L2.format("{high: 1}"),
    L2.format("{}"),
    L2.format(""),
    "data: {source: moons}\nspace: {lambda: {low: 0, high: 1}}\n",
    # Y39, of types and scales
    L2.format("{type: lognormal, low: 0, high: 1}"),
    L2.format("{type: float, low: 0, high: 1}"),
    L2.format("{scale: log_uniform, low: 0.1, high: 1}"),
    L2.format("{scale: reverse_log, low: 0.1, high: 0.9}"),
    "data: {source: moons}\nspace: {hidden_units: {type: real, low: 4, high: 8}}\n",
    "data: {source: moons}\nspace: {hidden_units: {scale: 1-beta, low: 4, high: 8}}\n",
    # Y42, Y43, Y44: ends that the scale does not have, and steps
    L2.format("{scale: log, low: 0, high: 1}"),
    L2.format("{scale: log, low: -4, high: 1}"),
    L2.format("{type: int, scale: log, low: 0, high: 8}"),
    "data: {source: moons}\nspace: {momentum: {scale: 1-beta, low: 0.5, high: 1}}\ntrain: {optimizer: momentum}\n",
    L2.format("{low: 0, high: 1, step: 0}"),
    L2.format("{low: 0, high: 1, step: -0.5}"),
    L2.format("{scale: log, low: 0.1, high: 1, step: 0.1}"),
    # Y45, Y46, Y47: numbers that are none
    "data: {source: moons}\nspace: {hidden_units: {low: 1.5, high: 8}}\n",
    L2.format("{type: int, low: 0.5, high: 8}"),
    L2.format("{low: true, high: 2}"),
    L2.format('{low: "0.1", high: 2}'),
    L2.format("{low: 50%, high: 1}"),
    L2.format("{low: [0], high: 1}"),
    STUDY + "train: {l2: true}\n",
    STUDY + 'train: {l2: "0.1"}\n',
    STUDY + "train: {epochs: 2.5}\n",
    STUDY + "train: {epochs: 0}\n",
    STUDY + "train: {l2: -1}\n",
    STUDY + "train: {dropout: 1}\n",
    STUDY + "train: {decay_factor: 0, schedule: exponential}\n",
    STUDY + "train: {batch_norm: 1}\n",
    STUDY + "train: {optimizer: sgd}\n",
    STUDY + "train: {optimizer:}\n",
    STUDY + "train: {widths: []}\n",
    STUDY + "train: {widths: [64, true]}\n",
    STUDY + "train: {dropout_by_layer: [0.5, 1]}\n",
    STUDY + "train: {schedule: manual, learning_rate_factors: {ten: 0.1}}\n",
    STUDY + "train: {schedule: manual, learning_rate_factors: {10: 0}}\n",
    "data: {source: moons}\nspace: {dropout: {low: 0, high: 1}}\n",
    "data: {source: moons}\nspace: {patience: {low: 0, high: 9}}\n",
    # Y48, Y49, Y50: choices
    L2.format("{choices: []}"),
    L2.format("{choices: 3}"),
    L2.format("{choices: [1, 1.0]}"),
    L2.format("{choices: [1, [2]]}"),
    L2.format("{choices: [1, null]}"),
    L2.format("{choices: [1, true]}"),
    L2.format("{choices: [1, 2], low: 0}"),
    L2.format("[1, 2]"),
    "data: {source: moons}\nspace: {optimizer: {choices: [adam, sgd]}}\n",
    "data: {source: moons}\nspace: {optimizer: {low: 0, high: 1}}\n",
    # Y52, Y53: nothing to search, conditions
    "data: {source: moons}\nspace: {}\n",
    L2.format("{low: 0, high: 1, when: {optimiser: adam}}"),
    L2.format("{low: 0, high: 1, when: {optimizer: sgd}}"),
    L2.format("{low: 0, high: 1, when: {optimizer: []}}"),
    L2.format("{low: 0, high: 1, when: adam}"),
    # Y59, Y60: the search
    STUDY + "search: {trials: 0}\n",
    STUDY + "search: {trials: 1.5}\n",
    STUDY + "search: {trials: many}\n",
    STUDY + "search: {epochs: 0}\n",
    STUDY + "search: {time: 0}\n",
    STUDY + "search: {time: soon}\n",
    STUDY + "search: {seed: -1}\n",
    STUDY + "search: {metric: accuracy}\n",
    STUDY + "search: {goal: maximize}\n",
    STUDY + "search: {mode: panda}\n",
    STUDY + "search: {method: bayes}\n",
    STUDY + "search: {bars: 3}\n",
    STUDY + "search: {parallel: 0}\n",
    STUDY + "search: {workers: -1}\n",
    # names and data
    "name: a/b\n" + STUDY,
    "name: ''\n" + STUDY,
    "name: 7\n" + STUDY,
    "data: {source: mnist}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: moons, examples: 9}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: moons, noise: -1}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: blobs, classes: 1}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: moons, split: [0.5]}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: moons, split: [1, 0]}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {source: moons, bayes_error: 2}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {path: a.csv, target: y, image: [28]}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {path: a.csv, target: y, ignore: 3}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {path: a.csv, target: 3}\nspace: {l2: {low: 0, high: 1}}\n",
    "data: {path: a.csv, target: y, task: ranking}\nspace: {l2: {low: 0, high: 1}}\n",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_refused_by_the_schema_and_by_the_reader(text):
    assert problems(text)
    assert not is_valid(text)


@pytest.mark.parametrize(
    "text", [L2.format("{low: 2, high: 1}"), L2.format("{low: 0, high: 1, step: 0.3}"), "train: {beta1: 0.5}\n" + STUDY]
)
def test_what_no_schema_can_say_only_the_reader_refuses(text):
    text = text.replace("train: {", "train: {optimizer: momentum, ")
    assert problems(text)
    assert is_valid(text)


STRUCTURES = ["[]", "{}", "[1]", "[0.5]", "{a: 1}", "{1: 0.5}", "null"]
WORDS = ["true", "false", '"0.1"', "same", "auto", "none", "full", "adam", "2h", "x", '""']
NUMBERS = ["0", "1", "-1", "0.5", "2.0", "1e-9", "-0.0", "1e12", "999999999999999999"]
values = st.one_of(
    st.sampled_from([*STRUCTURES, *WORDS, *NUMBERS]),
    st.integers(-(10**15), 10**15).map(str),
    st.floats(-(10**15), 10**15, allow_subnormal=False).map(repr),  # beyond 2^53 whole numbers must be written out
)
COMPANIONS = "goes only|missing|neither|both|too few|source:"  # which keys go together is no matter of one key
TRAIN = {
    name: jsonschema.Draft202012Validator(form) for name, form in SCHEMA["properties"]["train"]["properties"].items()
}
SPACE = {
    name: jsonschema.Draft202012Validator({**form, "$defs": SCHEMA["$defs"]})
    for name, form in SCHEMA["properties"]["space"]["properties"].items()
}
OTHERS = {
    (section, key): jsonschema.Draft202012Validator(form)
    for section in ("data", "search")
    for key, form in SCHEMA["properties"][section]["properties"].items()
}


def reads(read, text, beside=None):
    """Whether a reader takes a value."""
    reader = Reader()
    read(reader, yaml_tree.parse_value(text, "here"))
    try:
        reader.finish()
    except StudyFileError as error:
        return beside is not None and all(re.match(beside, problem.message) for problem in error.problems)
    return True


def plain(text):
    return yaml_tree.plain_tree(yaml_tree.parse_value(text, "here"))


@settings(max_examples=50, deadline=None)
@given(text=values)
def test_a_hyperparameter_may_have_a_value_in_the_schema_where_the_reader_takes_it(text):
    for name, legal in LEGAL.items():
        if legal.notation is not None and isinstance(plain(text), str):
            continue  # "2h" looks like the text of a list of numbers, and is none
        expected = reads(lambda reader, node: legal_value(reader, node, name, legal), text)  # noqa: B023
        assert TRAIN[name].is_valid(plain(text)) == expected, name
        for written in (text, f"{{choices: [{text}]}}") if legal.notation is None else ():
            expected = reads(parameters.searched, f"{{{name}: {written}}}")
            assert SPACE[name].is_valid(plain(written)) == expected, (name, written)


@settings(max_examples=50, deadline=None)
@given(text=values)
def test_a_range_may_have_an_end_in_the_schema_where_the_reader_takes_it(text):
    for name, legal in LEGAL.items():
        if legal.kind in {"int", "real"} and not legal.low_is_off:
            written = (
                f"{{low: {text}, high: 1e300}}"
                if legal.high == float("inf")
                else f"{{low: {text}, high: {legal.high}}}"
            )
            if reads(parameters.searched, f"{{{name}: {written}}}"):
                assert SPACE[name].is_valid(plain(written)), (name, written)
            if not SPACE[name].is_valid(plain(f"{{low: {legal.low}, high: {text}}}")):
                assert not reads(parameters.searched, f"{{{name}: {{low: {legal.low}, high: {text}}}}}"), (name, text)


@settings(max_examples=50, deadline=None)
@given(text=values)
def test_any_other_key_may_have_a_value_in_the_schema_where_the_reader_takes_it(text):
    def read(reader, node):
        if section == "data":
            data_section.read(reader, node, node, None)
        else:
            search_section.read(reader, node)

    for (section, key), form in OTHERS.items():
        is_valid, is_read = form.is_valid(plain(text)), reads(read, f"{{{key}: {text}}}", COMPANIONS)
        # how much memory a text stands for, and whether that is enough, a schema cannot say
        assert is_valid >= is_read if key == "worker_memory" else is_valid == is_read, (section, key)


# what only the reader knows: which numbers are finite, how large a file is, how two values go together
ONLY_THE_READER = {"Y23", "Y35", "Y40", "Y41", "Y44", "Y53", "Y59", "Y61", "Y62"}


def test_it_refuses_the_rows_of_the_catalogue_that_it_can_express():
    """Of those that are YAML at all: what the notation forbids never reaches a schema."""
    accepted, n_refused = set(), 0
    for row, (text, *_) in test_yaml.REFUSED.items():
        try:
            tree = yaml_tree.plain_tree(yaml_tree.parse(text, "s.yaml")) if isinstance(text, str) else None
        except StudyFileError:
            continue
        if tree is not None and VALIDATOR.is_valid(tree):
            accepted.add(row)
        n_refused += tree is not None and not VALIDATOR.is_valid(tree)
    assert {row.split()[0] for row in accepted} == ONLY_THE_READER, accepted
    assert n_refused >= 40


def test_it_accepts_what_the_catalogue_understands():
    for row, (text, *_) in test_yaml.UNDERSTOOD.items():
        read = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        assert is_valid(read), row
