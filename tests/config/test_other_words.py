"""What people write who come from other places is answered with what to write here, once and without a detour."""

import pytest

from hptune.config import yaml_tree
from hptune.config.other_words import number_meant
from hptune.config.study_file import Override, parse
from hptune.errors import StudyFileError
from hptune.search.plan import parse_duration

DATA, RATE = "data: {source: moons}\n", "  learning_rate: {scale: log, low: 1e-4, high: 1}\n"


def problems(text, *settings):
    """The lines of what is wrong with a study file."""
    overrides = [Override(*setting.split("=", 1), f"--set {setting}") for setting in settings]
    try:
        root = yaml_tree.parse(text, "s.yaml")
        parse(root, overrides, default_name="s", folder=None)
    except StudyFileError as error:
        return str(error).splitlines()
    return []


def problem(space="", train="", search=""):
    text = f"{DATA}train: {{{train}}}\nspace:\n{RATE}{space}\nsearch: {{{search}}}\n"
    (line,) = problems(text)
    return line


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0,01", "0.01"), ("0,001", "0.001"), ("1,5", "1.5"), ("1,000", "1000"), ("1,000,000", "1000000"),
        ("50%", "0.5"), ("2.5 %", "0.025"), ("10^-4", "1e-4"), ("10**-4", "1e-4"), ("3 * 10^-4", "3e-4"),
        ("1e^-4", "1e-4"), ("1/16", "0.0625"), ("1/0", ""), ("fast", ""), ("1e-4", ""), ("", ""), ("1-4", ""),
    ],
)  # fmt: skip
def test_numbers_as_on_paper(text, meant):
    assert number_meant(text) == meant


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  dropout: {low: 0, high: 50%}", "s.yaml:5:27: space.dropout.high: expected a number, found '50%'; write"),
        ("  l2: {scale: log, low: 10^-4, high: 1}", "space.l2.low: expected a number, found '10^-4'; write 1e-4"),
        ("  l2: {scale: log, low: 0,01, high: 1}", "s.yaml:5:25: space.l2: a decimal comma in '0,01': write 0.01"),
        ("  l2: {scale: log, low: 1e-4, high: 0,5}", "space.l2: a decimal comma in '0,5': write 0.5"),
        ("  l2:\n    scale: log\n    low: 0,01\n    high: 1", "space.l2.low: expected a number, found '0,01'; write"),
    ],
)  # fmt: skip
def test_a_number_as_on_paper_is_one_problem_with_what_to_write(line, said):
    assert said in problem(line)


def test_a_fixed_number_as_on_paper():
    assert problem(train="dropout: 20%").endswith("found '20%'. Write 0.2")
    assert problem(train="epochs: '1,000'").endswith("found '1,000'. Write 1000")


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ("hidden_layers: [64, 32]", "expected one value; units layer by layer are written widths: [64, 32]"),
        ("hidden_units: [64, 32]", "units layer by layer are written widths: [64, 32]; what is searched belongs under"),
        ("dropout: [0.5, 0.2]", "shares layer by layer are written dropout_by_layer: [0.5, 0.2]; what is searched"),
    ],
)
def test_a_list_of_layers_is_answered_with_the_key_for_it(train, said):
    assert said in problem(train=train)
    assert "choices: [64, 32]" not in problem(train="hidden_layers: [64, 32]")


def test_a_list_of_layers_in_the_space_is_answered_too():
    said = problem("  hidden_layers: [64, 32]")
    assert said.endswith("a list of values is written {choices: [...]}; units layer by layer are written "
                         "widths: [64, 32] under train")  # fmt: skip
    said = problem("  hidden_layers: {choices: [[64, 32]]}")
    assert said.endswith("found a list. Units layer by layer are written widths: [64, 32]")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("data: {source: moons}\nspace:\n  learning_rate:{scale: log, low: 1e-4, high: 1}\n", "learning_rate:"),
        ('data: {source: moons}\nspace:\n  learning_rate:"{scale: log, low: 1e-4, high: 1}"\n', "learning_rate:"),
    ],
)
def test_a_missing_space_after_a_colon_is_what_is_said(text, name):
    (line,) = problems(text)
    assert line.endswith(f"write a space after {name!r}")


def test_a_missing_space_after_the_only_colon():
    line, _ = problems(f"data:{{source: moons}}\nspace:\n{RATE}")
    assert line == "s.yaml:1:1: data:{source: unknown key. Write a space after 'data:'."
    (line,) = problems(f"{DATA}train:\n  epochs:5\nspace:\n{RATE}")
    assert line.endswith("found 'epochs:5': write a space after 'epochs:'")
    (line,) = problems(f"{DATA}train: {{}}\nspace:\n{RATE}  title: a: b\n")  # and a colon in a value is none
    assert "cannot hold" in line


@pytest.mark.parametrize(
    ("setting", "write"),
    [
        ("epochs=5", "train.epochs, or search.epochs, or space.epochs to search it"),
        ("learning_rate=0.1", "train.learning_rate, or space.learning_rate to search it"),
        ("lr=0.1", "train.learning_rate"),
        ("trials=5", "search.trials"),
        ("target=y", "data.target"),
        ("train.trials=5", "search.trials"),
        ("search.dropout=0.5", "train.dropout, or space.dropout to search it"),
        ("data.batch_size=5", "train.batch_size, or space.batch_size to search it"),
    ],
)
def test_a_key_of_another_section_is_answered_with_its_place(setting, write):
    (line,) = problems(f"{DATA}space:\n{RATE}", setting)
    assert line == f"--set {setting}: {setting.partition('=')[0]}: unknown key. Write {write}."


def test_the_keys_that_there_are_are_listed_once_and_only_where_none_is_near():
    lines = problems(f"{DATA}train: {{foo: 1, bar: 2, epoch: 3, qqq: 4}}\nspace:\n{RATE}")
    assert [line.count("Allowed: ") for line in lines] == [1, 0, 0, 0]
    assert lines[2].endswith('Did you mean "epochs"?')


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (
            "{sampling: log, min: 0, max: 1}",
            ["sampling: unknown key. Write scale.", "min: unknown key. Write low.", "max: unknown key. Write high."],
        ),
        ("{values: [0, 1]}", ["values: unknown key. Write choices."]),
        ("{min: 0}", ["min: unknown key. Write low."]),
        ("{low: 0}", ["high: missing: a range needs low and high (several values are written {choices: [...]})"]),
    ],
)  # fmt: skip
def test_words_of_another_tool_are_translated_and_nothing_is_missed_beside_them(space, said):
    lines = problems(f"{DATA}space:\n{RATE}  l2: {space}\n")
    assert [line.partition("space.l2.")[2] for line in lines] == said


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("metric: accuracy", "Write dev_error, which is 1 - accuracy"),
        ("metric: val_loss", "Write dev_loss"),
        ("metric: F1", "Write dev_loss, which knows rare classes, too"),
        ("metric: dev_eror", 'Did you mean "dev_error"?'),
        ("method: grid", "Write random, which tries another value of each hyperparameter in every trial, where a grid"),
        ("method: bayes", "Write coarse-to-fine, which searches near the best"),
    ],
)
def test_words_for_metrics_and_methods_are_translated(search, said):
    assert said in problem(search=search)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5min", 300), ("5 min", 300), ("2hours", 7200), ("1h30min", 5400), ("90sec", 90), ("1day", 86_400), ("45 s", 45)],
)
def test_units_of_time_may_be_written_out(text, seconds):
    assert parse_duration(text) == seconds
