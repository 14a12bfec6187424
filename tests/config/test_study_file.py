from __future__ import annotations

import contextlib
import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.config import yaml_tree
from hptune.config.ranges import OTHER_CHOICES
from hptune.config.study_file import Override, SearchSettings, load, parse, stage_space, to_yaml
from hptune.config.yaml_tree import plain_tree
from hptune.data.settings import CLASSES, SOURCES
from hptune.domains import Choice, Real
from hptune.errors import StudyFileError
from hptune.levels import FAR, Grid, LogInteger
from hptune.nn.hyperparameters import DEFAULTS, LEGAL
from hptune.scales import LOG, ONE_MINUS
from hptune.search.plan import Budget
from hptune.search.random_search import anywhere as propose
from hptune.stored_config import complete

EXAMPLE = """\
# configs/digits.yaml: a small network on handwritten digits
name: digits
data: {source: digits}              # built in; or {path: train.csv, target: label}
train: {epochs: 30, optimizer: adam, activation: relu}      # fixed hyperparameters; the rest have defaults
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  beta1:         {scale: 1-beta, low: 0.9, high: 0.999}     # 1-beta is log-uniform in [0.001, 0.1]
  hidden_layers: {type: int, low: 1, high: 3}
  hidden_units:  {type: int, scale: log, low: 16, high: 256}
  batch_size:    {choices: [32, 64, 128, 256]}
  dropout:       {low: 0.0, high: 0.5}
  beta2:         {scale: 1-beta, low: 0.9, high: 0.9999, when: {optimizer: adam}}
search: {mode: caviar, trials: 60, seed: 0, metric: dev_error, goal: minimize}
"""


def parsed(text, *overrides, name="s"):
    given_outside = [Override(key, value, f"--set {key}={value}") for key, value in overrides]
    return parse(yaml_tree.parse(text, "s.yaml"), given_outside, default_name=name, folder=None)


def problems_of(text, *overrides):
    with pytest.raises(StudyFileError) as caught:
        parsed(text, *overrides)
    assert caught.value.exit_code == 3
    return caught.value.problems


def with_space(space):
    return f"data: {{source: digits}}\nspace:\n  {space}\n"


def domain_of(space, name=None):
    parameters = {p.name: p.domain for p in parsed(with_space(space)).space.parameters}
    return parameters[name or space.split(":")[0]]


# what loads


def test_the_example_of_the_design_loads(tmp_path):
    path = tmp_path / "digits.yaml"
    path.write_text(EXAMPLE)
    config = load(path)
    assert config.name == "digits"
    assert config.data.source == "digits"
    assert config.search == SearchSettings(trials=60)
    assert {p.name: p.domain for p in config.space.parameters} == {
        "learning_rate": Real(1e-4, 1.0, LOG),
        "beta1": Real(0.9, 0.999, ONE_MINUS),
        "hidden_layers": Grid(1, 1, 3),
        "hidden_units": LogInteger(16, 256),
        "batch_size": Choice((32, 64, 128, 256)),
        "dropout": Real(0.0, 0.5),
        "beta2": Real(0.9, 0.9999, ONE_MINUS),
    }
    assert config.space.parameters[-1].when == (("optimizer", ("adam",)),)
    assert config.train == {
        "normalize_inputs": True,
        "epochs": 30,
        "patience": 0,
        "widths": "same",
        "activation": "relu",
        "batch_norm": False,
        "init": "auto",
        "init_scale": 1.0,
        "optimizer": "adam",
        "schedule": "inverse_time",
        "learning_rate_decay": 0.0,
        "epsilon": 1e-8,
        "l2": 0.0,
        "l1": 0.0,
        "clip_norm": 0.0,
        "dropout_by_layer": "same",
        "input_dropout": 0.0,
        "input_noise": 0.0,
        "shift": 0,
        "flip": False,
        "rotation": 0.0,
    }
    assert list(tmp_path.iterdir()) == [path]


def test_the_example_in_the_repository_loads():
    for path in (Path(__file__).parents[2] / "configs").glob("*.yaml"):
        load(path)


@pytest.mark.parametrize(
    ("space", "domain"),
    [
        ("learning_rate: {scale: log, low: 1E-4, high: 1e5}", Real(1e-4, 1e5, LOG)),
        ("learning_rate: {low: 1, high: 2}", Real(1.0, 2.0)),
        ("learning_rate: {type: real, low: 1, high: 2}", Real(1.0, 2.0)),
        ("learning_rate: {type: int, low: 1, high: 3}", Grid(1, 1, 3)),
        ("learning_rate: 1", Choice((1.0,), constant=True)),
        ("learning_rate: {choices: [1, 0.1]}", Choice((1.0, 0.1))),
        ("l2: {low: -0.0, high: 1}", Real(0.0, 1.0)),
        ("l2: {low: 0, high: 0.3, step: 0.1}", Grid(0.0, 0.1, 4)),
        ("l2: {low: 0.1, high: 0.3, step: 0.2}", Grid(0.1, 0.2, 2)),  # 0.3 - 0.1 < 0.2 in floats
        ("l2: {low: 0, high: 10, step: 5}", Grid(0.0, 5.0, 3)),
        ("l2: {type: int, low: 0, high: 10, step: 5}", Grid(0, 5, 3)),
        ("epochs: {low: 1e1, high: 3e1, step: 1e1}", Grid(10, 10, 3)),
        ("epochs: {low: 1, high: 1e9}", Grid(1, 1, 10**9)),
        ("epochs: {scale: log, low: 1, high: 1e9}", LogInteger(1, 10**9)),
        ("epochs: 1e3", Choice((1000,), constant=True)),
        ("batch_size: {choices: [32.0, 64]}", Choice((32, 64))),
        ("batch_norm: {choices: [true, false]}", Choice((True, False))),
        ("batch_norm: true", Choice((True,), constant=True)),
        ("patience: {choices: [0, 5]}", Choice((0, 5))),
        ("patience: 0", Choice((0,), constant=True)),
        ("patience: {low: 1, high: 5}", Grid(1, 1, 5)),
        ("clip_norm: {low: 5e-324, high: 5}", Real(5e-324, 5.0)),
        ("batch_size: {choices: [1, full]}", Choice((1, "full"))),
        ("widths: {choices: [[64], same, 64-32, [8, 8.0]]}", Choice(("64", "same", "64-32", "8-8"))),
        ("widths: 64-32", Choice(("64-32",), constant=True)),
        ("widths: {choices: ['64', \"1024-64-10\"]}", Choice(("64", "1024-64-10"))),
        ("activation: {choices: [relu]}", Choice(("relu",))),
        ("activation: {choices: ['relu', \"tanh\"]}", Choice(("relu", "tanh"))),
        ("beta1: {scale: 1-beta, low: 0, high: 0.9999999999999999}", Real(0.0, math.nextafter(1, 0), ONE_MINUS)),
        ("learning_rate: {scale: log, low: 5e-324, high: 1.7e308}", Real(5e-324, 1.7e308, LOG)),
    ],
)
def test_domains_as_written(space, domain):
    found = domain_of(space)
    assert found == domain
    kept = [found.low, found.high] if found.scale is not None else list(found.values)
    wanted = [domain.low, domain.high] if domain.scale is not None else list(domain.values)
    assert [repr(value) for value in kept] == [repr(value) for value in wanted]


def test_conditions_in_any_order_nested_and_on_fixed_values():
    text = """\
data: {source: digits}
train: {activation: tanh, hidden_layers: 2}
space:
  dropout: {low: 0, high: 0.5, when: {beta1: [0.9, 0.95], activation: tanh}}
  beta1: {choices: [0.9, 0.95, 0.99], when: {optimizer: adam}}
  momentum: {low: 0.5, high: 0.9, when: {optimizer: momentum}}
  optimizer: {choices: [adam, momentum, gradient_descent]}
  l2: {low: 0, high: 1, when: {hidden_layers: [2, 3]}}
"""
    config = parsed(text)
    assert [p.when for p in config.space.parameters] == [
        (("beta1", (0.9, 0.95)), ("activation", ("tanh",))),
        (("optimizer", ("adam",)),),
        (("optimizer", ("momentum",)),),
        (),
        (("hidden_layers", (2, 3)),),
    ]
    assert parsed(config.to_yaml()) == config


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("digits", "digits"),
        ("my study", "my-study"),
        ("ü", "study"),
        ("--", "study"),
        ("..", "study"),
        ("a" * 99, "a" * 64),
    ],
)
def test_a_study_without_a_name_is_called_after_its_file(stem, name):
    config = parsed(with_space("dropout: {low: 0, high: 0.5}"), name=stem)
    assert config.name == name
    assert parsed(config.to_yaml()) == config


def test_data_paths_lie_beside_the_study_file_or_else_here(tmp_path, monkeypatch):
    study = tmp_path / "studies" / "s.yaml"
    study.parent.mkdir()
    study.write_text("data: {path: a.csv, target: y}\nspace: {dropout: {low: 0, high: 0.5}}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyFileError, match="no such file") as caught:
        load(study)
    (problem,) = caught.value.problems
    assert problem.place == f"{study}:1:14"
    assert problem.message == f"no such file: looked for {study.parent / 'a.csv'} and {tmp_path / 'a.csv'}"
    (tmp_path / "a.csv").touch()
    assert load(study).data.path == str(tmp_path / "a.csv")
    (study.parent / "a.csv").touch()
    assert load(study).data.path == str(study.parent / "a.csv")


@pytest.mark.parametrize(
    ("path", "phrase"),
    [
        ("~nobody_has_this_name/a.npz", "no such file"),
        ("a" * 5000 + ".npz", "no such file"),
        ("a/" * 3000 + "a.npz", "no such file"),
        ("'https://x.y/a.csv'", "only files of this machine"),
    ],
)
def test_strange_paths_are_problems_and_nothing_worse(path, phrase, tmp_path):
    study = tmp_path / "s.yaml"
    study.write_text(f"data: {{path: {path}, target: y}}\nspace: {{dropout: {{low: 0, high: 0.5}}}}\n")
    with pytest.raises(StudyFileError, match=phrase):
        load(study)


@pytest.mark.parametrize(
    ("key", "name", "message"),
    [
        (
            "path",
            "cust.txt",
            "hptune reads .csv, .tsv, .tab, .npz, .npy, .parquet and IDX files, this one ends in .txt",
        ),
        ("path", "cust.csv.bz2", "(only .csv.gz, .tsv.gz and IDX files are read as they are)"),
        ("path", "cust.xlsx", "this one ends in .xlsx: save the sheet as CSV"),
        ("path", "cust", "this one ends in nothing"),
        ("path", "folder", "is a directory: name a file in it"),
        ("path", "folder.csv", "is a directory: name a file in it"),
        ("dev", "dev.txt", "this one ends in .txt"),
    ],
)
def test_a_file_of_no_known_kind_is_one_problem_and_has_no_consequences(key, name, message, tmp_path):
    (tmp_path / "train.csv").touch()
    (tmp_path / name).mkdir() if "folder" in name else (tmp_path / name).touch()
    data = {"path": "train.csv", key: name, "target": "churn", "ignore": ["id"]}
    study = tmp_path / "s.yaml"
    study.write_text(json.dumps({"data": data, "space": {"l2": 1}}))
    with pytest.raises(StudyFileError) as caught:
        load(study)
    (problem,) = caught.value.problems
    assert problem.key == f"data.{key}"
    assert problem.message.endswith(message)


def test_the_study_file_of_a_run_loads_where_its_data_are_gone():
    assert parsed("data: {path: /gone.csv, target: y}\nspace: {dropout: 0.5}\n").data.path == "/gone.csv"


def test_mistakes_of_notation_do_not_hide_others(tmp_path):
    study = tmp_path / "s.yaml"
    study.write_text(
        "name: no\n"
        "data: {source: moons, seed: 010, seed: 4, examples: 30, classes: 20}\n"
        "train: {epochs: 1_000, beta1: &b 0.9, optimzer: !!str adam}\n"
        "space:\n"
        "  on: {low: 1, high: 2}\n"
        "  l2: {scale: log, low: 0, high: 1e400}\n"
        "  dropout: {low: *b, high: 2}\n"
        "  activation: {choices: [relu, yes]}\n"
        "search: {trials: 12:30}\n"
    )
    with pytest.raises(StudyFileError) as caught:
        load(study)
    found = [(*map(int, p.place.rsplit(":", 2)[1:]), p.key) for p in caught.value.problems]
    assert found == [
        (1, 7, "name"), (2, 29, "data.seed"), (2, 34, "data"), (2, 57, "data.classes"), (3, 17, "train.epochs"),
        (3, 31, "train.beta1"), (3, 39, "train.optimzer"), (3, 49, "train.optimzer"), (5, 3, "space"),
        (6, 25, "space.l2.low"), (6, 34, "space.l2.high"), (7, 18, "space.dropout.low"), (7, 28, "space.dropout.high"),
        (8, 32, "space.activation.choices"), (9, 18, "search.trials"),
    ]  # fmt: skip


# what does not load: one mistake each, its place, key and the words that matter

IN_SPACE = [
    (
        "learning_rate: {scale: log, lwo: 1, low: 1, high: 2}",
        "3:31",
        "learning_rate.lwo",
        'unknown key. Did you mean "low"?',
    ),
    ("learning_rate: {min: 1, low: 1, high: 2}", "3:19", "learning_rate.min", "unknown key. Write low."),
    ("lr: {low: 1, high: 2}", "3:3", "lr", "unknown key. Write learning_rate."),
    ("droput: {low: 0, high: 0.1}", "3:3", "droput", 'Did you mean "dropout"?'),
    ("early_stopping: 3", "3:3", "early_stopping", "patience"),
    ("clipnorm: 3", "3:3", "clipnorm", "clip_norm"),
    ("keep_prob: 0.5", "3:3", "keep_prob", "1 - keep_prob"),
    ("dropout:", "3:11", "dropout", "expected a number of at least 0 and below 1, found nothing"),
    ("dropout: 1", "3:12", "dropout", "below 1, found 1"),
    ("dropout: [0.1, 0.2]", "3:12", "dropout", "a list of values is written {choices: [...]}"),
    ("dropout: {low: 0.1}", "3:12", "dropout.high", "missing: a range needs low and high"),
    ("dropout: {high: 0.1}", "3:12", "dropout.low", "missing"),
    ("dropout: {low: 0.3, high: 0.1}", "3:29", "dropout.high", "low must be below high, found low 0.3 and high 0.1"),
    ("dropout: {low: 0.3, high: 0.3}", "3:29", "dropout.high", "a single value is written dropout: 0.3"),
    ("dropout: {low: 0.3, high: 1}", "3:29", "dropout.high", "expected a number of at least 0 and below 1, found 1"),
    ("dropout: {low: -1, high: 0.5}", "3:18", "dropout.low", "at least 0"),
    ("dropout: {low: true, high: 0.5}", "3:18", "dropout.low", "expected a number, found true"),
    ("dropout: {low: '0.1', high: 0.5}", "3:18", "dropout.low", "expected a number, found '0.1'; remove the quotes"),
    ("dropout: {low: '1e-1', high: 0.5}", "3:18", "dropout.low", "remove the quotes"),
    ("dropout: {low: small, high: 0.5}", "3:18", "dropout.low", "expected a number, found 'small'"),
    ("dropout: {low: 50%, high: 0.5}", "3:18", "dropout.low", "expected a number, found '50%'"),
    ("dropout: {low: 10**-3, high: 0.5}", "3:18", "dropout.low", "found '10**-3'"),
    ("dropout: {low: [0], high: 0.5}", "3:18", "dropout.low", "expected a number, found a list"),
    ("dropout: {low: .nan, high: 0.5}", "3:18", "dropout.low", "expected a finite number, found nan"),
    ("learning_rate: {low: 1, high: .inf}", "3:33", "learning_rate.high", "expected a finite number, found inf"),
    ("learning_rate: {low: 0, high: 1}", "3:24", "learning_rate.low", "expected a number above 0, found 0"),
    (
        "learning_rate: {scale: log, low: 0, high: 1}",
        "3:36",
        "learning_rate.low",
        "needs low above 0, found 0; bounds are",
    ),
    ("learning_rate: {scale: log, low: 1, high: 0}", "3:45", "learning_rate.high", "a log scale needs high above 0"),
    ("learning_rate: {scale: log, low: -1, high: 1}", "3:36", "learning_rate.low", "a log scale needs low above 0"),
    ("learning_rate: {low: 1, high: 1e308}", "3:33", "learning_rate.high", "too large to be computed with"),
    (
        "learning_rate: {scale: log, low: 1e300, high: 1.00000000000001e300}",
        "3:49",
        "learning_rate.high",
        "too close to be told apart on a log scale",
    ),
    (
        "beta1: {scale: 1-beta, low: 0.9, high: 1}",
        "3:42",
        "beta1.high",
        "1-beta needs 0 <= low < high < 1, found high 1",
    ),
    (
        "beta1: {scale: 1-beta, low: -0.1, high: 0.9}",
        "3:31",
        "beta1.low",
        "1-beta needs 0 <= low < high < 1, found low",
    ),
    ("l2: {scale: 1-beta, low: 0.9, high: 7}", "3:39", "l2.high", "found high 7"),
    ("patience: {low: 0, high: 9}", "3:19", "patience.low", "0 switches patience off, so a range must begin at 1; or"),
    ("patience: {low: 0, high: 9, step: 3}", "3:19", "patience.low", "or give {choices: [0, 5, 10]}"),
    (
        "clip_norm: {low: -0.0, high: 9}",
        "3:20",
        "clip_norm.low",
        "0 switches clip_norm off, so a range must begin above 0",
    ),
    ("clip_norm: {type: int, low: 0, high: 9}", "3:31", "clip_norm.low", "must begin above 0"),
    ("clip_norm: {scale: log, low: 0, high: 9}", "3:32", "clip_norm.low", "a log scale needs low above 0"),
    ("clip_norm: {low: -1, high: 9}", "3:20", "clip_norm.low", "expected a number of at least 0, found -1"),
    ("hidden_units: {scale: 1-beta, low: 1, high: 9}", "3:25", "hidden_units.scale", "not for whole ones"),
    ("beta1: {scale: reverse_log, low: 0.9, high: 0.99}", "3:18", "beta1.scale", "write 1-beta for values near 1"),
    ("beta1: {scale: inv_log_uniform_values, low: 0.9, high: 0.99}", "3:18", "beta1.scale", "same as log"),
    ("l2: {scale: loguniform, low: 0.9, high: 0.99}", "3:15", "l2.scale", "never exponents"),
    ("l2: {scale: lgo, low: 0.9, high: 0.99}", "3:15", "l2.scale", 'Did you mean "log"?'),
    ("l2: {scale: 3, low: 0.9, high: 0.99}", "3:15", "l2.scale", "expected linear or log or 1-beta, found 3"),
    ("epochs: {low: 1.5, high: 3}", "3:17", "epochs.low", "expected a whole number"),
    ("epochs: {low: '1', high: 3}", "3:17", "epochs.low", "remove the quotes"),
    ("epochs: {low: 0, high: 3}", "3:17", "epochs.low", "from 1 to 1,000,000,000, found 0"),
    ("epochs: {low: 1, high: 1e300}", "3:26", "epochs.high", "to 1,000,000,000, found 1e+300"),
    ("epochs: {low: 1, high: 1e10}", "3:26", "epochs.high", "to 1,000,000,000, found 10000000000"),
    ("epochs: {scale: log, low: 0, high: 3}", "3:29", "epochs.low", "from 1 to 1,000,000,000, found 0"),
    ("epochs: {type: real, low: 1, high: 3}", "3:18", "epochs.type", "expected int: it is a whole number"),
    ("l2: {type: float, low: 1, high: 3}", "3:14", "l2.type", "expected int or real, found 'float'. Write real"),
    ("l2: {type: itn, low: 1, high: 3}", "3:14", "l2.type", 'Did you mean "int"?'),
    ("l2: {type: lognormal, low: 1, high: 3}", "3:14", "l2.type", "expected int or real, found 'lognormal'"),
    (
        "l2: {low: 0, high: 1, step: 0}",
        "3:31",
        "l2.step",
        "expected a step above 0 and at most high - low = 1, found 0",
    ),
    ("l2: {low: 0, high: 1, step: -0.1}", "3:31", "l2.step", "above 0"),
    ("l2: {low: 0, high: 1, step: 2}", "3:31", "l2.step", "at most high - low = 1, found 2"),
    ("l2: {low: 0, high: 1, step: 0.3}", "3:31", "l2.step", "0.3 does not divide 0 .. 1: the last value would be 0.9;"),
    (
        "epochs: {low: 1, high: 10, step: 4}",
        "3:36",
        "epochs.step",
        "does not divide 1 .. 10: the last value would be 9;",
    ),
    ("epochs: {low: 1, high: 10, step: 1.5}", "3:36", "epochs.step", "expected a whole number, found 1.5"),
    ("l2: {low: 0, high: 1, step: 1e-300}", "3:31", "l2.step", "too small beside 0 .. 1"),
    ("l2: {low: 1e20, high: 1.1e20, step: 5e-324}", "3:39", "l2.step", "too small beside"),
    ("l2: {scale: log, low: 1, high: 10, step: 1}", "3:38", "l2.step", "steps go with a linear scale, not with log"),
    ("l2: {choices: []}", "3:17", "l2.choices", "expected 1 to 1000 values, found 0"),
    ("l2: {choices: 1}", "3:17", "l2.choices", "expected a list, as [a, b], found 1"),
    ("l2: {choices: }", "3:16", "l2.choices", "found nothing"),
    ("l2: {choices: [1, 2, 1.0]}", "3:24", "l2.choices", "1.0 is there twice"),
    ("l2: {choices: [0, -0.0]}", "3:21", "l2.choices", "is there twice"),
    ("l2: {choices: [1, true]}", "3:21", "l2.choices", "found true"),
    ("l2: {choices: [1, '1']}", "3:21", "l2.choices", "found '1'. Remove the quotes"),
    ("l2: {choices: [[1]]}", "3:18", "l2.choices", "found a list"),
    ("l2: {choices: [{a: 1}]}", "3:18", "l2.choices", "found a mapping"),
    ("l2: {choices: [null]}", "3:18", "l2.choices", "found nothing"),
    ("l2: {choices: [.inf]}", "3:18", "l2.choices", "found inf"),
    ("l2: {choices: [1], low: 0}", "3:22", "l2.low", "does not go with choices"),
    ("activation: {choices: [relu, yes]}", "3:32", "", "'yes' is a boolean in some YAML"),
    (
        "activation: {choices: [relu, tahn]}",
        "3:32",
        "activation.choices",
        "expected one of relu, leaky_relu, tanh, sigmoid, found 'tahn'. Did",
    ),
    (
        "activation: {choices: ['yes']}",
        "3:26",
        "activation.choices",
        "one of relu, leaky_relu, tanh, sigmoid, found 'yes'",
    ),
    ("activation: {low: 1, high: 2}", "3:15", "activation", "expected {choices: [...]} with one of relu, leaky_relu"),
    (
        "batch_size: {low: 1, high: full}",
        "3:30",
        "batch_size.high",
        "full is no end of a range: write {choices: [32, full]}",
    ),
    ("batch_norm: {low: 0, high: 1}", "3:15", "batch_norm", "expected {choices: [...]} with true or false"),
    ("batch_norm: 1", "3:15", "batch_norm", "expected true or false, found 1"),
    ("batch_norm: {choices: [true, 0]}", "3:32", "batch_norm.choices", "expected true or false, found 0"),
    ("batch_norm: 'true'", "3:15", "batch_norm", "expected true or false, found 'true'"),
    (
        "batch_norm_momentum: 0.9",
        "3:3",
        "batch_norm_momentum",
        "batch_norm is false here (its default). Change that, or remove batch_norm_momentum",
    ),
    (
        "l2: {low: 0, high: 1, when: {batch_norm: true}}",
        "3:44",
        "l2.when.batch_norm",
        "batch_norm is false (its default)",
    ),
    (
        "l2: {low: 0, high: 1, when: {batch_norm_momentum: 0.9}}",
        "3:32",
        "l2.when.batch_norm_momentum",
        "has no effect here: batch_norm_momentum goes with batch_norm: true",
    ),
    (
        "batch_size: {choices: [32, ful]}",
        "3:30",
        "batch_size.choices",
        ", or full, found 'ful'. Did you mean \"full\"?",
    ),
    ("batch_size: 'full '", "3:15", "batch_size", ", or full, found 'full '"),
    ("widths: [64, 32]", "3:11", "widths", "what is searched is written {choices: [...]}, and one value belongs under"),
    ("widths: {low: 1, high: 2}", "3:11", "widths", "expected {choices: [...]} with same, or the units of 1 to 100"),
    ("widths: {choices: [64]}", "3:22", "widths.choices", "found 64: one layer is written [64]"),
    ("widths: {choices: [[]]}", "3:22", "widths.choices", "for no hidden layers write hidden_layers: 0"),
    ("widths: {choices: [[64], [064]]}", "3:29", "widths", "leading zero"),
    ("widths: {choices: [[64, 32], same, 64-32]}", "3:38", "widths.choices", "'64-32' is there twice"),
    ("widths: {choices: [64-32, [64, 32]]}", "3:29", "widths.choices", "64-32 is there twice"),
    ("widths: {choices: [[64], sam]}", "3:28", "widths.choices", "found 'sam'. Did you mean \"same\"?"),
    ("layers: 3", "3:3", "layers", "Write widths or hidden_layers."),
    ("hidden_layer_sizes: [3]", "3:3", "hidden_layer_sizes", "Write widths."),
    ("l2: {low: 0, high: 1, when: {widths: [64]}}", "3:41", "l2.when.widths", "found 64: one layer is"),
    ("10: 1", "3:3", "10", "unknown key"),
    (
        "momentum: {low: 0, high: 0.5, when: {optimizer: adam}}",
        "3:3",
        "momentum",
        "optimizer is adam here (its default)",
    ),
    ("activation: logistic", "3:15", "activation", "tanh, sigmoid, found 'logistic'. Write sigmoid"),
    ("l2: {low: 0, high: 1, low: 0.5}", "3:25", "l2", "'low' is given twice"),
    ("epochs: {low: 010, high: 20}", "3:17", "epochs", "leading zero"),
    ("epochs: {low: 1:30, high: 20}", "3:17", "epochs", "base 60"),
    ("epochs: {low: !!int 1, high: 20}", "3:17", "epochs", "tags"),
    ("epochs: {low: &a 1, high: 20}", "3:17", "epochs", "anchors"),
    ("epochs: {<<: {low: 1}, high: 20}", "3:12", "epochs", "merge keys"),
    ("no: 1", "3:3", "space", "quote it"),
    ("l2: {low: 0, high: 1, when: }", "3:30", "l2.when", "expected keys"),
    ("l2: {low: 0, high: 1, when: {optimzer: adam}}", "3:32", "l2.when.optimzer", 'Did you mean "optimizer"?'),
    ("l2: {low: 0, high: 1, when: {optimizer: sgd}}", "3:43", "l2.when.optimizer", "'sgd'. Write gradient_descent"),
    ("optimizer: {choices: [adam, rms_prop]}", "3:31", "optimizer.choices", "found 'rms_prop'. Write rmsprop"),
    ("optimizer: Adam", "3:14", "optimizer", "found 'Adam'. Write adam"),
    ("init: Glorot-Uniform", "3:9", "init", "found 'Glorot-Uniform'. Write xavier_average"),
    ("init: logistic", "3:9", "init", "large, zeros, found 'logistic'"),
    (
        "l2: {low: 0, high: 1, when: {optimizer: momentum}}",
        "3:43",
        "l2.when.optimizer",
        "optimizer is adam (its default)",
    ),
    ("l2: {low: 0, high: 1, when: {optimizer: []}}", "3:43", "l2.when.optimizer", "at least one value"),
    ("l2: {low: 0, high: 1, when: {momentum: 0.9}}", "3:32", "l2.when.momentum", "goes with optimizer: momentum"),
    ("momentum: {low: 0, high: 0.9}", "3:3", "momentum", "has no effect: momentum goes with optimizer: momentum"),
    ("l2: {choices: [0.1], when: {l2: 0.1}}", "3:24", "l2.when", "conditions go in a circle (l2)"),
    ("dropout: {lo: 0.1, high: x}", "3:13", "dropout.lo", "unknown key"),
]


def say(problems):
    return "\n".join(map(str, problems))


@pytest.mark.parametrize(("space", "place", "key", "words"), IN_SPACE, ids=[case[0] for case in IN_SPACE])
def test_mistakes_in_space(space, place, key, words):
    problems = problems_of(with_space(space))
    full = f"space.{key}" if key and key != "space" else key
    found = [p for p in problems if p.place == f"s.yaml:{place}" and words in p.message and p.key.startswith(full)]
    assert found, say(problems)
    allowed = 3 if "dropout.lo" in key else 1
    assert len(problems) <= allowed, say(problems)


IN_FILE = [
    ("[1, 2]", "1:1", "", "expected keys (name, data, train, space, search), found a list"),
    ("just text", "1:1", "", "found 'just text'"),
    ("{}", "1:1", "space", "nothing to search"),
    ("data: {source: digits}", "1:1", "space", "nothing to search: name at least one hyperparameter"),
    ("data: {source: digits}\nspace: {}", "2:8", "space", "nothing to search"),
    ("data: {source: digits}\nspace: 5", "2:8", "space", "expected keys"),
    ("space: {l2: 1}", "1:1", "data", "missing: name a built-in set"),
    ("dat: 1\nspace: {l2: 1}", "1:1", "dat", 'unknown key. Did you mean "data"?'),
    ("data:\nspace: {l2: 1}", "1:6", "data", "expected keys"),
    ("data: {}\nspace: {l2: 1}", "1:7", "data", "neither source nor path"),
    ("data: {source: digits, path: a.npz}\nspace: {l2: 1}", "1:7", "data", "both source and path"),
    ("data: {source: digit}\nspace: {l2: 1}", "1:16", "data.source", 'Did you mean "digits"?'),
    ("data: {path: a.csv}\nspace: {l2: 1}", "1:7", "data.target", "which column of the CSV holds the labels?"),
    ("data: {path: 7}\nspace: {l2: 1}", "1:14", "data.path", "expected text, found 7; put it in quotes"),
    ("data: {path: ''}\nspace: {l2: 1}", "1:14", "data.path", "found an empty text"),
    (
        "data: {path: a.npz, target: y}\nspace: {l2: 1}",
        "1:21",
        "data.target",
        "goes only with a CSV, TSV or Parquet file",
    ),
    ("data: {source: digits, noise: 1}\nspace: {l2: 1}", "1:24", "data.noise", "goes only with a generated set"),
    ("data: {source: moons, classes: 3}\nspace: {l2: 1}", "1:23", "data.classes", "spirals or blobs"),
    ("data: {source: moons, task: regression}\nspace: {l2: 1}", "1:29", "data.task", "moons is for classification"),
    ("data: {source: sine, task: classification}\nspace: {l2: 1}", "1:28", "data.task", "sine is for regression"),
    ("data: {source: sine, classes: 2}\nspace: {l2: 1}", "1:22", "data.classes", "spirals or blobs"),
    ("data: {path: a.npz, task: regresion}\nspace: {l2: 1}", "1:27", "data.task", 'Did you mean "regression"?'),
    ("data: {source: moons, examples: 9}\nspace: {l2: 1}", "1:33", "data.examples", "from 10 to 10,000,000, found 9"),
    ("data: {source: moons, dev: a}\nspace: {l2: 1}", "1:23", "data.dev", "goes only with path"),
    ("data: {source: moons, split: [1]}\nspace: {l2: 1}", "1:30", "data.split", "adding up to 1"),
    ("data: {source: moons, split: []}\nspace: {l2: 1}", "1:30", "data.split", "adding up to 1"),
    ("data: {source: moons, split: [0.5, 0.6]}\nspace: {l2: 1}", "1:30", "data.split", "adding up to 1"),
    ("data: {source: moons, split: [1, 0]}\nspace: {l2: 1}", "1:30", "data.split", "each above 0"),
    ("data: {source: moons, split: [a, 1]}\nspace: {l2: 1}", "1:31", "data.split", "expected a number, found 'a'"),
    ("data: {source: moons, split: 0.8}\nspace: {l2: 1}", "1:30", "data.split", "expected shares"),
    ("data: {source: moons, bayes_error: 2}\nspace: {l2: 1}", "1:36", "data.bayes_error", "from 0 to 1, found 2"),
    ("data: {source: moons, seed: -1}\nspace: {l2: 1}", "1:29", "data.seed", "whole number"),
    ("data: {path: a.csv, target: y, ignore: [1]}\nspace: {l2: 1}", "1:41", "data.ignore", "put it in quotes"),
    ("data: {source: digits}\ntrain: {epochs: 0}\nspace: {l2: 1}", "2:17", "train.epochs", "at least 1"),
    ("data: {source: digits}\ntrain: {epochs: 1.5}\nspace: {l2: 1}", "2:17", "train.epochs", "found 1.5"),
    (
        "data: {source: digits}\ntrain: {epochs: [1]}\nspace: {l2: 1}",
        "2:17",
        "train.epochs",
        "space: {epochs: {choices: [1]}}",
    ),
    (
        "data: {source: digits}\ntrain: {epochs: {low: 1}}\nspace: {l2: 1}",
        "2:17",
        "train.epochs",
        "expected one value; what is searched belongs under space, as space: {epochs: {...}}",
    ),
    (
        "data: {source: digits}\ntrain: {activation: [relu, 'tanh', 1]}\nspace: {l2: 1}",
        "2:21",
        "train.activation",
        "space: {activation: {choices: [relu, 'tanh', 1]}}",
    ),
    (
        "data: {source: digits}\ntrain: {learning_rate: [[1], 2]}\nspace: {l2: 1}",
        "2:24",
        "train.learning_rate",
        "space: {learning_rate: {choices: [...]}}",
    ),
    ("data: {source: digits}\ntrain: {epoch: 1}\nspace: {l2: 1}", "2:9", "train.epoch", 'Did you mean "epochs"?'),
    (
        "data: {source: digits}\ntrain: {widths: []}\nspace: {l2: 1}",
        "2:17",
        "train.widths",
        "write hidden_layers: 0",
    ),
    (
        "data: {source: digits}\ntrain: {widths: {choices: [[1]]}}\nspace: {l2: 1}",
        "2:17",
        "train.widths",
        "expected one value; what is searched belongs under space",
    ),
    (
        "data: {source: digits}\ntrain: {widths: [8], hidden_units: 8}\nspace: {l2: 1}",
        "2:22",
        "train.hidden_units",
        "hidden_units goes with widths: same, and widths is 8 here. Change that, or remove hidden_units",
    ),
    (
        "data: {source: digits}\ntrain: {widths: [8]}\nspace: {hidden_layers: {low: 1, high: 2}}",
        "3:9",
        "space.hidden_layers",
        "hidden_layers goes with widths: same, and widths is 8 here",
    ),
    (
        "data: {source: digits}\ntrain: {hidden_layers: 0}\nspace: {hidden_units: {low: 1, high: 2}}",
        "3:9",
        "space.hidden_units",
        "goes with hidden_layers other than 0, and here it is 0. Change",
    ),
    (
        "data: {source: digits}\ntrain: {dropout: 0.1}\nspace: {hidden_layers: 0}",
        "2:9",
        "train.dropout",
        "goes with hidden_layers other than 0",
    ),
    (
        "data: {source: digits}\ntrain: {batch_size: 1, batch_norm: true}\nspace: {l2: 1}",
        "2:24",
        "train.batch_norm",
        "other than 1, and here it is 1 (a mini-batch of one example has no variance)",
    ),
    (
        "data: {source: digits}\ntrain: {learning_rate_factors: {1: 0.1}}\nspace: {l2: 1}",
        "2:9",
        "train.learning_rate_factors",
        "goes with schedule: manual, and schedule is inverse_time here (its default)",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: manual, learning_rate_factors: {1: 0}}\nspace: {l2: 1}",
        "2:50",
        "train.learning_rate_factors",
        "epoch, a whole number, from which they hold, counted from 0, as {10: 0.1, 20: 0.01}; found 0",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: manual, learning_rate_factors: {01: 1}}\nspace: {l2: 1}",
        "2:51",
        "train.learning_rate_factors",
        "names must be text",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: manual, learning_rate_factors: {1.5: 1}}\nspace: {l2: 1}",
        "2:51",
        "train.learning_rate_factors",
        "an epoch is a whole number, as 10; if it is text, quote it",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: manual, learning_rate_factors: 1:0.5}\nspace: {l2: 1}",
        "2:50",
        "train.learning_rate_factors",
        "looks like a time (a number in base 60): quote it",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: manual}\nspace: {l2: 1}",
        "2:19",
        "train.schedule",
        "schedule: manual needs learning_rate_factors beside it: factors above 0 by the epoch",
    ),
    (
        "data: {source: digits}\nspace: {schedule: {choices: [sqrt, manual]}}",
        "2:19",
        "space.schedule",
        "schedule: manual needs learning_rate_factors beside it",
    ),
    (
        "data: {source: digits}\nspace: {schedule: {choices: [sqrt, manul]}}",
        "2:36",
        "space.schedule.choices",
        'Did you mean "manual"?',
    ),
    (
        "data: {source: digits}\ntrain: {schedule: manual, learning_rate_factors: 1}\nspace: {l2: 1}",
        "2:50",
        "train.learning_rate_factors",
        "found 1",
    ),
    ("data: {source: digits}\ntrain: 5\nspace: {l2: 1}", "2:8", "train", "expected keys"),
    ("data: {source: digits}\ntrain: {momentum: 0.9}\nspace: {l2: 1}", "2:9", "train.momentum", "has no effect"),
    (
        "data: {source: digits}\ntrain: {init: zeros, init_scale: 2}\nspace: {l2: 1}",
        "2:22",
        "train.init_scale",
        "init_scale goes with init other than zeros, and here it is zeros",
    ),
    (
        "data: {source: digits}\ntrain: {optimizer: momentum, beta2: 0.9}\nspace: {l2: 1}",
        "2:30",
        "train.beta2",
        "goes with optimizer: rmsprop or adam",
    ),
    (
        "data: {source: digits}\ntrain: {optimizer: rmsprop, beta1: 0.9}\nspace: {l2: 1}",
        "2:29",
        "train.beta1",
        "has no effect",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: sqrt, learning_rate_decay: 1}\nspace: {l2: 1}",
        "2:25",
        "train.learning_rate_decay",
        "goes with schedule: inverse_time",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: inverse_time, decay_factor: 1}\nspace: {l2: 1}",
        "2:33",
        "train.decay_factor",
        "goes with schedule: exponential",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: constant, decay_epochs: 1}\nspace: {l2: 1}",
        "2:29",
        "train.decay_epochs",
        "goes with schedule: staircase",
    ),
    (
        "data: {source: digits}\ntrain: {schedule: exponential, decay_factor: 0}\nspace: {l2: 1}",
        "2:46",
        "train.decay_factor",
        "above 0 and at most 1",
    ),
    ("data: {source: digits}\ntrain: {l2: 0.5}\nspace: {l2: 1}", "3:9", "space.l2", "also fixed under train (to 0.5)"),
    (
        "data: {source: digits}\nspace: {l2: 1}\nsearch: {trials: 0}",
        "3:18",
        "search.trials",
        "from 1 to 1,000,000, found 0",
    ),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {seed: x}", "3:16", "search.seed", "whole number"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {mode: panda}", "3:16", "search.mode", "not there yet"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {mode: x}", "3:16", "search.mode", "expected caviar"),
    (
        "data: {source: digits}\nspace: {l2: 1}\nsearch: {method: bayes}",
        "3:18",
        "search.method",
        "expected coarse-to-fine or random",
    ),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {epochs: 0}", "3:18", "search.epochs", "whole number"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {epochs: 29}", "3:18", "search.epochs", "a trial has 30 epochs"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {time: soon}", "3:16", "search.time", "90m, 2h, 1h30m"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {time: 0}", "3:16", "search.time", "above 0"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {time: -1h}", "3:16", "search.time", "above 0"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {bars: 1}", "3:16", "search.bars", "true or false"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {confirm: often}", "3:19", "search.confirm", "true or false"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {extend: 2}", "3:18", "search.extend", "true or false"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {parallel: 0}", "3:20", "search.parallel", "or auto, found 0"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {metric: dev_eror}", "3:18", "search.metric", '"dev_error"?'),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {goal: maximize}", "3:16", "search.goal", "better when lower"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {workers: -1}", "3:19", "search.workers", "or auto, found -1"),
    ("data: {source: digits}\nspace: {l2: 1}\nsearch: {workers: many}", "3:19", "search.workers", "or auto"),
    ("name: a/b\ndata: {source: digits}\nspace: {l2: 1}", "1:7", "name", "cannot name a folder"),
    ("name: 7\ndata: {source: digits}\nspace: {l2: 1}", "1:7", "name", "expected text, found 7; put it in quotes"),
    ("name:\ndata: {source: digits}\nspace: {l2: 1}", "1:6", "name", "expected text, found nothing"),
]


@pytest.mark.parametrize(
    ("data", "task"),
    [
        ("path: a.npz", "classification"),
        ("path: a.npz, task: regression", "regression"),
        ("path: a.npz, task: classification", "classification"),
        ("source: digits", "classification"),
        ("source: moons", "classification"),
        ("source: linear", "regression"),
        ("source: sine, task: regression", "regression"),
    ],
)
def test_the_task_is_that_of_the_source_or_classification(data, task):
    config = parsed(f"data: {{{data}}}\nspace: {{l2: 1}}")
    assert config.data.task == task
    assert parsed(config.to_yaml()) == config


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("{}", Budget(trials=100)),
        ("{trials: 7}", Budget(trials=7)),
        ("{epochs: 300}", Budget(epochs=300)),
        ("{time: 90m}", Budget(time_s=5400.0)),
        ("{time: 1h30m, trials: 7, epochs: 40}", Budget(7, 40, 5400.0)),
        ("{time: 12.5}", Budget(time_s=12.5)),
    ],
)
def test_the_budget_is_that_of_the_keys_given(text, budget):
    assert parsed(f"{SMALL}search: {text}\n").search.budget == budget


@pytest.mark.parametrize(
    ("text", "method", "bars"),
    [
        ("{}", "coarse-to-fine", True),
        ("{bars: false}", "coarse-to-fine", False),
        ("{method: random}", "random", False),
        ("{method: random, bars: true}", "random", True),
    ],
)
def test_bars_go_with_coarse_to_fine_and_each_can_be_chosen_without_the_other(text, method, bars):
    config = parsed(f"{SMALL}search: {text}\n")
    search = config.search
    assert (search.method, search.bars, search.confirm, search.extend) == (method, bars, True, False)
    assert parsed(config.to_yaml()).search == search


@pytest.mark.parametrize(("text", "place", "key", "words"), IN_FILE, ids=[case[0] for case in IN_FILE])
def test_mistakes_elsewhere(text, place, key, words):
    problems = problems_of(text)
    found = [p for p in problems if p.place == f"s.yaml:{place}" and words in p.message and p.key == key]
    assert found, say(problems)
    if text.startswith("data: {source: digits}\n"):
        assert len(problems) == 1, say(problems)


def test_other_words_lead_to_words_that_are_there():
    words = {choice for legal in LEGAL.values() for choice in legal.choices}
    assert set(OTHER_CHOICES.values()) <= words
    assert words.isdisjoint(OTHER_CHOICES)
    assert all(word == word.lower() and "-" not in word for word in OTHER_CHOICES)
    (problem,) = problems_of(with_space("init: sgd"))
    assert problem.message.endswith("found 'sgd'")


def test_more_than_a_thousand_choices_are_refused():
    values = ", ".join(str(n) for n in range(1, 1002))
    assert "expected 1 to 1000 values, found 1001" in say(problems_of(with_space(f"epochs: {{choices: [{values}]}}")))
    values = ", ".join(str(n) for n in range(1, 1001))
    assert domain_of(f"epochs: {{choices: [{values}]}}").size == 1000


@pytest.mark.parametrize("epoch", ["1.5", "01", "1e1"])
def test_a_refused_epoch_is_one_problem(epoch, tmp_path):
    study = tmp_path / "s.yaml"
    manual = f"{{schedule: manual, learning_rate_factors: {{{epoch}: 0.5}}}}"
    study.write_text(f"data: {{source: digits}}\ntrain: {manual}\nspace: {{l2: {{low: 0, high: 1}}}}\n")
    with pytest.raises(StudyFileError) as caught:
        load(study)
    assert [p.key for p in caught.value.problems] == ["train.learning_rate_factors"]
    assert "an epoch is a whole number, as 10" in str(caught.value)


def test_all_problems_are_told_at_once_in_the_order_of_the_file():
    text = """\
nam: x
data: {source: digit, examples: 5}
train: {epochs: 0, optimizer: adma}
space:
  learning_rate: {scale: log, low: 0, high: abc}
  momentum: {low: 0.5, high: 2, when: {optimizer: adm, epoch: 3}}
  dropout: {choices: [0.1, 2, x]}
search: {trials: -1, goal: maximize}
"""
    problems = problems_of(text)
    places = [tuple(map(int, p.place.removeprefix("s.yaml:").split(":"))) for p in problems]
    assert places == sorted(places)
    assert places == [
        (1, 1), (2, 16), (2, 33), (3, 17), (3, 31), (5, 36), (5, 45), (6, 30), (6, 51), (6, 56), (7, 28), (7, 31),
        (8, 18), (8, 28),
    ]  # fmt: skip


def test_a_refused_value_raises_no_second_problem_about_its_consequences():
    refused = "data: {source: digits}\ntrain: {optimizer: momentumm, momentum: 0.9}\nspace: {l2: 1}"
    assert len(problems_of(refused)) == 1
    refused = with_space("optimizer: {choices: [momentum, sdg]}\n  momentum: {low: 0, high: 0.9}")
    assert len(problems_of(refused)) == 1
    refused = with_space("batch_size: {low: 5}\n  dropout: {low: 0, high: 0.9, when: {batch_size: 5}}")
    assert len(problems_of(refused)) == 1


def test_a_condition_on_a_value_outside_of_a_range_is_marked_at_the_value():
    text = with_space("hidden_layers: {low: 1, high: 3}\n  l2: {low: 0, high: 1, when: {hidden_layers: [2, 7]}}")
    (problem,) = problems_of(text)
    assert problem.place == "s.yaml:4:51"
    assert problem.message == "can never be 7: its range is 1 .. 3"


def test_a_condition_on_a_range_of_reals_is_explained():
    text = with_space("dropout: {low: 0, high: 0.5}\n  l2: {low: 0, high: 1, when: {dropout: 0.5}}")
    (problem,) = problems_of(text)
    assert "its range 0 .. 0.5 is of real numbers, and conditions need separate values" in problem.message


def test_exponents_as_bounds_are_told_from_values_at_both_ends():
    problems = problems_of(with_space("learning_rate: {scale: log, low: -4, high: 0}"))
    advice = "bounds are values, never exponents: 10^-4 is written 1e-4"
    assert [(p.key.rpartition(".")[2], p.message) for p in problems] == [
        ("low", f"a log scale needs low above 0, found -4; {advice}"),
        ("high", f"a log scale needs high above 0, found 0; {advice}"),
    ]


def test_conditions_in_a_circle_name_the_circle_and_not_those_that_hang_on_it():
    text = with_space(
        "hidden_layers: {low: 1, high: 3, when: {batch_size: 32}}\n"
        "  batch_size: {choices: [32, 64], when: {epochs: 5}}\n"
        "  epochs: {choices: [5, 6], when: {hidden_layers: 2}}\n"
        "  l2: {low: 0, high: 1, when: {epochs: 5}}"
    )
    problems = problems_of(text)
    assert [p.place for p in problems] == ["s.yaml:3:36", "s.yaml:4:35", "s.yaml:5:29"]
    assert {p.message for p in problems} == {"conditions go in a circle (batch_size, epochs, hidden_layers)"}


def test_a_circle_of_conditions_may_go_through_what_a_hyperparameter_needs():
    text = with_space("optimizer: {choices: [adam, momentum], when: {beta1: 0.9}}\n  beta1: {choices: [0.9, 0.8]}")
    (problem,) = problems_of(text)
    assert problem.place == "s.yaml:3:42"
    assert problem.message == "conditions go in a circle (beta1, optimizer; beta1 goes with optimizer: adam)"


@pytest.mark.parametrize(
    ("space", "place", "words"),
    [
        (
            "optimizer: {choices: [adam, momentum]}\n  momentum: {low: 0, high: 0.5, when: {optimizer: adam}}",
            "4:33",
            "never holds where momentum has an effect: momentum goes with optimizer: momentum",
        ),
        (
            (
                "schedule: {choices: [manual, sqrt]}\n  optimizer: {choices: [adam, momentum]}\n"
                "  learning_rate_factors: {choices: [{9: 0.1}], when: {optimizer: adam}}"
            ),
            "5:48",
            "leaves out trials that need learning_rate_factors: it must be given for all with schedule: manual",
        ),
        (
            "hidden_layers: {low: 0, high: 2}\n  dropout: {low: 0, high: 0.5, when: {hidden_layers: [0]}}",
            "4:32",
            (
                "never holds where dropout has an effect: dropout goes with hidden_layers other than 0 "
                "and dropout_by_layer: same"
            ),
        ),
    ],
)
def test_a_condition_against_what_a_hyperparameter_needs_is_refused(space, place, words):
    (problem,) = problems_of(with_space(space))
    assert (problem.place, problem.message) == (f"s.yaml:{place}", words)


def test_what_is_required_may_have_conditions_that_say_the_same():
    factors = "learning_rate_factors: {choices: [{9: 0.1}], when: {schedule: manual}}"
    assert parsed(with_space(f"schedule: {{choices: [manual, sqrt]}}\n  {factors}")).space.parameters[1].when


def test_a_stored_study_may_lack_what_is_required_today():
    text = "data: {source: digits}\ntrain: {schedule: manual}\nspace: {l2: {low: 0, high: 1}}"
    config = parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None, strict=False)
    assert config.train["learning_rate_factors"] == "0:1"
    assert parsed(config.to_yaml()) == config


def test_a_stored_study_may_have_ranges_from_0_of_what_0_switches_off():
    space = {
        "patience": {"type": "int", "low": 0, "high": 9},
        "clip_norm": {"scale": "linear", "low": 0.0, "high": 2.0},
    }
    text = json.dumps({"data": {"source": "digits"}, "space": space})
    assert [p.key for p in problems_of(text)] == ["space.patience.low", "space.clip_norm.low"]
    config = parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None, strict=False)
    assert stage_space(json.dumps(space)) == config.space
    assert config.space.plain() == space


def test_a_condition_that_leaves_some_effect_is_taken():
    space = "optimizer: {choices: [adam, momentum]}\n  beta2: {low: 0, high: 0.5, when: {optimizer: [adam, momentum]}}"
    config = parsed(with_space(space))
    drawn = [config.space.draw([0.5, unit], config.train) for unit in (0.0, 0.9)]
    assert drawn == [{"optimizer": "adam", "beta2": 0.25}, {"optimizer": "momentum"}]


def test_a_stored_study_keeps_what_would_be_refused_today_and_leaves_it_out():
    text = "data: {source: digits}\ntrain: {hidden_layers: 0, dropout: 0.2}\nspace: {l2: {low: 0, high: 1}}"
    (problem,) = problems_of(text)
    assert problem.key == "train.dropout"
    config = parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None, strict=False)
    assert "dropout" not in config.train
    assert parsed(config.to_yaml()) == config


@pytest.mark.parametrize(
    ("train", "name", "value"),
    [
        ("{widths: [256, 128]}", "widths", "256-128"),
        ("{widths: 256-128}", "widths", "256-128"),
        ("{widths: [64]}", "widths", "64"),
        ("{widths: [1024, 64, 10]}", "widths", "1024-64-10"),  # looks like a date
        ("{batch_size: full}", "batch_size", "full"),
        ("{schedule: manual, learning_rate_factors: {7: 0.5}}", "learning_rate_factors", "7:0.5"),  # and like a time
        ("{schedule: manual, learning_rate_factors: {'20': 1e-2, 10: 3}}", "learning_rate_factors", "10:3 20:0.01"),
        ("{schedule: manual, learning_rate_factors: 10:3 20:0.01}", "learning_rate_factors", "10:3 20:0.01"),
    ],
)
def test_structures_are_one_text_that_is_written_so_that_it_is_read_again(train, name, value):
    config = parsed(f"data: {{source: digits}}\ntrain: {train}\nspace: {{l2: {{low: 0, high: 1}}}}")
    assert config.train[name] == value
    assert parsed(config.to_yaml()) == config


def test_structures_can_be_set_outside_of_the_file():
    def train(*overrides):
        return parsed(SMALL, *overrides).train

    assert train(("train.widths", "[64, 32]"))["widths"] == train(("train.widths", "64-32"))["widths"] == "64-32"
    manual = ("train.schedule", "manual")
    steps = ("train.learning_rate_factors.10", "0.1"), ("train.learning_rate_factors.5", "0.5")
    assert train(manual, *steps)["learning_rate_factors"] == "5:0.5 10:0.1"
    (problem,) = problems_of(SMALL, ("train.widths", "[64, x]"))
    assert (problem.place, problem.key) == ("--set train.widths=[64, x]", "train.widths")


def test_nothing_is_created_on_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s.yaml"
    path.write_text("data: {path: a.csv}\n")
    with pytest.raises(StudyFileError):
        load(path)
    with pytest.raises(StudyFileError):
        load(tmp_path / "missing.yaml")
    assert list(tmp_path.iterdir()) == [path]


# overrides

SMALL = "data: {source: digits}\nspace:\n  learning_rate: {scale: log, low: 1e-4, high: 1}\n  l2: 0.5\n"


@pytest.mark.parametrize(
    ("key", "value", "look"),
    [
        ("search.trials", "5", lambda c: c.search.trials == 5),
        ("search.trials", "1e3", lambda c: c.search.trials == 1000),
        ("train.epochs", "7", lambda c: c.train["epochs"] == 7),
        ("name", "other", lambda c: c.name == "other"),
        ("name", "'5'", lambda c: c.name == "5"),
        ("data.source", "moons", lambda c: c.data.source == "moons"),
        ("data.split", "[0.6, 0.2, 0.2]", lambda c: c.data.split == (0.6, 0.2, 0.2)),
        ("space.l2", "{choices: [1, 2]}", lambda c: c.space.parameters[1].domain == Choice((1.0, 2.0))),
        ("space.l2", "1e-3", lambda c: c.space.parameters[1].domain == Choice((1e-3,), constant=True)),
        ("space.dropout", "{low: 0, high: 0.5}", lambda c: c.space.parameters[2].domain == Real(0.0, 0.5)),
        ("space.learning_rate.low", "1e-3", lambda c: c.space.parameters[0].domain == Real(1e-3, 1.0, LOG)),
    ],
)
def test_an_override_replaces_or_adds_a_value(key, value, look):
    assert look(parsed(SMALL, (key, value)))


def test_of_two_overrides_of_one_key_the_last_holds_and_they_can_build_on_each_other():
    assert parsed(SMALL, ("search.trials", "5"), ("search.trials", "6")).search.trials == 6
    config = parsed(SMALL, ("space.dropout.low", "0"), ("space.dropout.high", "0.5"))
    assert config.space.parameters[2].domain == Real(0.0, 0.5)


@pytest.mark.parametrize("nothing", ["", "~", "{}"])
def test_an_empty_section_has_its_defaults(nothing):
    assert parsed(f"{SMALL}train: {nothing}\nsearch: {nothing}\n") == parsed(SMALL)


def test_an_override_into_an_empty_section_fills_it():
    assert parsed(SMALL + "search:\n", ("search.trials", "5")).search.trials == 5


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("space.l2.low", "0", "space.l2.low: space.l2 is 0.5, not a mapping: set space.l2 as a whole"),
        ("space.l2", "'0.1'", "space.l2: expected a number of at least 0, found '0.1'. Remove the quotes"),
        ("space.l2", "[1, 2]", "a list of values is written {choices: [...]}"),
        ("space.learning_rate.low", "0", "a log scale needs low above 0"),
        ("space.learning_rate.low", "2", "low must be below high, found low 2 and high 1"),
        ("serach.trials", "5", 'serach: unknown key. Did you mean "search"?'),
        ("search.trial", "5", 'search.trial: unknown key. Did you mean "trials"?'),
        ("search.trials", "x", "expected a whole number"),
        ("search.trials", "", "found nothing"),
        ("search.trials", "yes", "is a boolean in some YAML"),
        ("search.trials", "010", "leading zero"),
        ("search.trials", "[1", "--set search.trials=[1"),
        ("search", "5", "search: expected keys"),
        ("", "5", "expected the dotted path of a key"),
        ("a..b", "5", "expected the dotted path of a key"),
        ("search.", "5", "expected the dotted path of a key"),
    ],
)
def test_mistakes_in_overrides_name_the_option(key, value, words):
    problems = problems_of(SMALL, (key, value))
    about = [p for p in problems if words in str(p)]
    assert about, say(problems)
    if "low must be" not in words:  # that one is marked at high, which stands in the file
        assert all(p.place == f"--set {key}={value}" for p in about)


def test_mistakes_of_options_and_file_are_told_together():
    problems = problems_of(SMALL + "search: {trials: 0}\n", ("train.epochs", "[1"), ("data.source", "x"))
    assert [p.place for p in problems] == ["--set train.epochs=[1", "--set data.source=x", "s.yaml:5:18"]


def test_an_override_of_a_file_that_is_no_mapping_is_one_problem():
    assert [p.key for p in problems_of("[1]", ("search.trials", "5"))] == ["", "data", "space"]


# round trips of whole studies

names = st.sampled_from(["digits", "1e5", "08", "0x1F", "null", "true", "no", "1_0", "12.5", "2024-01-01", "1e-3"])
columns = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1, max_size=12
)  # fmt: skip
finite = {"allow_nan": False, "allow_infinity": False}


@st.composite
def bounds(draw, low, high):
    one, other = draw(st.floats(low, high, **finite)), draw(st.floats(low, high, **finite))
    return {"low": min(one, other), "high": max(one, other)} if one != other else {"low": low, "high": high}


@st.composite
def number_of(draw, scale, low, high):
    return {"scale": scale, **draw(bounds(low, high))}


@st.composite
def whole(draw, low, high):
    one, other = draw(st.integers(low, high - 1)), draw(st.integers(1, 1000))
    found = {"type": "int", "low": one, "high": min(one + other, high)}
    return {**found, "scale": "log"} if one > 0 and draw(st.booleans()) else found


DOMAINS = {
    "learning_rate": st.one_of(number_of("log", 1e-300, 1e300), st.floats(1e-9, 1e9), number_of("linear", 1e-9, 1e9)),
    "l2": st.integers(2, 99).map(lambda n: {"low": 0.1, "high": round(0.1 * n, 1), "step": 0.1}),
    "dropout": number_of("1-beta", 0.0, math.nextafter(1, 0)),
    "hidden_layers": whole(0, 100),
    "hidden_units": whole(1, 100_000),
    "epochs": whole(1, 10**9),
    "batch_size": st.lists(st.one_of(st.integers(1, 512), st.just("full")), min_size=1, max_size=9, unique=True).map(
        lambda v: {"choices": v}
    ),
    "widths": st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=4), max_size=4, unique_by=tuple).map(
        lambda v: {"choices": ["same", *v]}
    ),
    "schedule": st.just({"choices": ["manual", "sqrt"]}),
    "activation": st.sampled_from(["relu", {"choices": ["tanh"]}, {"choices": ["tanh", "relu"]}]),
    "beta1": number_of("1-beta", 0.0, 0.9999).map(lambda d: {**d, "when": {"optimizer": "adam"}}),
    "optimizer": st.sampled_from(["adam", {"choices": ["adam", "momentum"]}]),
}


factors = st.dictionaries(st.integers(0, 10**9).map(str), st.floats(5e-324, 1e300), min_size=1, max_size=5)


@st.composite
def studies(draw):
    chosen = draw(st.sets(st.sampled_from(sorted(DOMAINS)), min_size=1))
    space = {name: draw(DOMAINS[name]) for name in sorted(chosen)}
    if draw(st.booleans()):
        source = draw(st.sampled_from(SOURCES))
        data = {"source": source, **({"examples": draw(st.integers(10, 999))} if source in CLASSES else {})}
    else:
        data = {
            "path": f"/data/{draw(names)}.csv",
            "target": draw(columns),
            "ignore": draw(st.lists(columns, max_size=3)),
        }
    train = {"learning_rate_factors": draw(factors)} if "schedule" in chosen else {}
    if not chosen & {"widths", "hidden_layers", "hidden_units"}:
        train["widths"] = draw(st.lists(st.integers(1, 10**5), min_size=1, max_size=100))
    search = {
        "trials": draw(st.integers(1, 99)),
        "seed": draw(st.integers(0, 2**53)),
        "workers": draw(st.integers(0, 9)),
    }
    return {"name": draw(names), "data": data, "train": train, "space": space, "search": search}


def as_yaml(study):
    """JSON is YAML; beyond ASCII it stays readable, for YAML has no surrogate pairs."""
    return json.dumps(study, ensure_ascii=False).replace("\x7f", "").replace("\u2028", "").replace("\u2029", "")


@settings(max_examples=200, deadline=None)
@given(studies())
def test_the_resolved_study_reloads_to_an_equal_one(study):
    try:
        config = parsed(as_yaml(study))
    except StudyFileError as error:
        found = error.problems
    else:
        found = ()
    if found:  # bounds too close to be told apart are the one mistake that is drawn
        assert {p.message.split()[-1] for p in found} == {"scale"}, say(found)
        return
    again = parsed(config.to_yaml())
    assert again == config
    assert again.to_yaml() == config.to_yaml()
    assert stage_space(json.dumps(config.space.plain())) == config.space
    assert {p.name for p in config.space.parameters} | config.train.keys() <= set(DEFAULTS)


@settings(max_examples=100, deadline=None)
@given(studies(), st.integers(0, 99))
def test_every_trial_is_a_train_section_whatever_has_no_effect_in_it(study, number):
    """What best.yaml holds: read strictly, so with nothing in it that has no effect, and all that has one."""
    try:
        config = parsed(as_yaml(study))
    except StudyFileError:
        return
    drawn = propose(config.space, config.train, seed=config.search.seed, number=number)
    best = complete(drawn, config)
    assert drawn.items() <= best.items()
    text = to_yaml({"data": {"source": "digits"}, "train": best, "space": {"patience": best.pop("patience")}})
    assert parsed(text).train == best


@pytest.mark.parametrize(
    "text",
    [
        "1e5",
        "08",
        "0o7",
        "1_0",
        "no",
        "null",
        "~",
        "2024-01-01",
        "50:70",
        " a ",
        "a: b",
        "#",
        "é\t",
        "a\tb",
        "\ta",
        "a\n\tb",
    ],
)
def test_texts_that_look_like_something_else_stay_texts(text):
    config = parsed(
        f"data: {{path: /a.csv, target: {json.dumps(text)}, ignore: [{json.dumps(text)}]}}\nspace: {{dropout: 0.5}}\n"
    )
    assert (config.data.target, config.data.ignore) == (text, (text,))
    assert parsed(config.to_yaml()) == config


def test_a_column_without_a_name_can_be_ignored_and_nothing_else():
    config = parsed("data: {path: /a.csv, target: y, ignore: ['', id]}\nspace: {dropout: 0.5}\n")
    assert config.data.ignore == ("", "id")
    assert parsed(config.to_yaml()) == config
    with pytest.raises(StudyFileError, match="an empty text"):
        parsed("data: {path: /a.csv, target: ''}\nspace: {dropout: 0.5}\n")


# whatever comes


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.floats(**finite),
    st.sampled_from(["", "a", "1e5", "auto"]),
    st.sampled_from([[], {}, [1, 2], {"low": 1}, {"low": 0, "high": 1}, {"choices": [1, "a", True, None]}]),
    st.sampled_from([0, 1, -1, 1e-320, 1e308, -1e308, 5e-324, 1 - 1e-16, 10**12, 10**12 + 1, FAR * 10]),
)  # fmt: skip

junk = JUNK.map(json.dumps).map(json.loads)  # copies: later mutations reach into them


@st.composite
def mutated(draw):
    tree = plain_tree(yaml_tree.parse(EXAMPLE, "s.yaml"))
    for _ in range(draw(st.integers(1, 4))):
        node = tree
        while True:
            key = draw(st.sampled_from(sorted(node)))
            if not isinstance(node[key], dict) or not node[key] or draw(st.integers(0, 3)) == 0:
                break
            node = node[key]
        action = draw(st.sampled_from(["drop", "junk", "add", "copy"]))
        if action == "drop" and len(node) > 1:
            del node[key]
        elif action == "add":
            node[
                draw(st.sampled_from(["step", "type", "scale", "when", "choices", "momentum", "l2", "epochs", "zzz"]))
            ] = draw(junk)
        else:
            node[key] = draw(junk)
    return tree


@settings(max_examples=500, deadline=None)
@given(mutated())
def test_only_study_file_errors_escape_and_what_loads_reloads(tree):
    text = json.dumps(tree)
    try:
        config = parsed(text)
    except StudyFileError as error:
        problems = error.problems
    else:
        problems = ()
    if problems:
        assert all(re.fullmatch(r"s\.yaml:\d+:\d+", p.place) for p in problems)
        assert all(p.message and "\n" not in p.message for p in problems)
        return
    assert parsed(config.to_yaml()) == config
    for parameter in config.space.parameters:
        assert all(LEGAL[parameter.name].admits(parameter.domain.from_unit(u)) for u in (0.0, 0.3, 1.0))


@given(st.text("abc.=:[]{} ,'\"#&*!|>%@`1e-\n", max_size=12), st.text("abcspace.l2_\n", max_size=12))
@settings(deadline=None)
def test_only_study_file_errors_escape_from_overrides(value, key):
    with contextlib.suppress(StudyFileError):
        parsed(SMALL, (key, value))


def test_a_stage_that_cannot_be_read_says_where():
    with pytest.raises(StudyFileError, match=r"stage:1:\d+: space.l2.high: low must be below high"):
        stage_space('{"l2": {"low": 1, "high": 0}}')
