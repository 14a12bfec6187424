from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.config import study_file, yaml_tree
from hptune.config.search_section import KEYS, LEAST_MEMORY, MOST_MEMORY, SearchSettings
from hptune.errors import StudyFileError
from hptune.search.plan import METHODS, Budget
from hptune.trial import METRICS

SPACE = "data: {source: digits}\nspace: {dropout: {low: 0.1, high: 0.5}}\n"


def parsed(text, above=SPACE):
    root = yaml_tree.parse(above + text, "study.yaml")
    return study_file.parse(root, (), default_name="study", folder=None)


def settings_of(text, above=SPACE):
    return parsed(text, above).search


def problems_of(text, above=SPACE):
    with pytest.raises(StudyFileError) as caught:
        parsed(text, above)
    return [(problem.place, problem.key, problem.message) for problem in caught.value.problems]


def test_defaults():
    assert settings_of("") == settings_of("search: {}") == SearchSettings()
    assert SearchSettings() == SearchSettings(
        method="coarse-to-fine",
        mode="caviar",
        trials=100,
        epochs=None,
        time_s=None,
        seed=0,
        metric="dev_error",
        goal="minimize",
        bars=True,
        confirm=True,
        extend=False,
        parallel=None,
        workers=None,
        trial_timeout_s=None,
        stall_timeout_s=3600.0,
        worker_memory=None,
    )
    assert KEYS == (
        "method", "mode", "trials", "epochs", "time", "seed", "metric", "goal", "bars", "confirm", "extend", "parallel",
        "workers", "trial_timeout", "stall_timeout", "worker_memory",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("method: coarse-to-fine", {}),
        ("method: random", {"method": "random", "bars": False}),
        ("{method: random, bars: true}", {"method": "random"}),
        ("bars: false", {"bars": False}),
        ("mode: caviar", {}),
        ("trials: 7", {"trials": 7}),
        ("trials: 1e3", {"trials": 1000}),
        ("trials: 1000000", {"trials": 1_000_000}),
        ("epochs: 900", {"trials": None, "epochs": 900}),
        ("{trials: 100, epochs: 900}", {"epochs": 900}),
        ("time: 90m", {"trials": None, "time_s": 5400.0}),
        ("time: 1h30m", {"trials": None, "time_s": 5400.0}),
        ("time: 90", {"trials": None, "time_s": 90.0}),
        ("time: 0.5", {"trials": None, "time_s": 0.5}),
        ('time: "90"', {"trials": None, "time_s": 90.0}),
        ("{trials: 8, time: 1.5d}", {"trials": 8, "time_s": 129_600.0}),
        ("seed: 999999999999999999", {"seed": 10**18 - 1}),
        ("metric: train_loss", {"metric": "train_loss"}),
        ("goal: minimize", {}),
        ("confirm: false", {"confirm": False}),
        ("extend: true", {"extend": True}),
        ("parallel: 8", {"parallel": 8}),
        ("parallel: auto", {}),
        ("workers: 0", {"workers": 0}),
        ("workers: auto", {}),
        ("trial_timeout: 90m", {"trial_timeout_s": 5400.0}),
        ("trial_timeout: 0.5", {"trial_timeout_s": 0.5}),
        ("trial_timeout: none", {}),
        ("stall_timeout: 10m", {"stall_timeout_s": 600.0}),
        ("stall_timeout: none", {"stall_timeout_s": None}),
        ("worker_memory: none", {}),
        ("worker_memory: 2GB", {"worker_memory": 2 * 10**9}),
        ("worker_memory: 256MB", {"worker_memory": 256 * 10**6}),
        ("worker_memory: 1.5GiB", {"worker_memory": 3 * 2**29}),
        ("worker_memory: 512000000", {"worker_memory": 512 * 10**6}),
        ("worker_memory: 1e9", {"worker_memory": 10**9}),
    ],
)
def test_every_key(text, changed):
    found = settings_of(f"search: {text if text.startswith('{') else '{' + text + '}'}")
    assert found == SearchSettings(**changed)
    assert found.budget == Budget(found.trials, found.epochs, found.time_s)


A_SIZE = "expected a size as 2GB or 512MB of at least 256MB, or none, found "
AN_HOUR = "expected a time as 90m, 2h, 1h30m or a number of seconds above 0, found "


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("method: bayes", "method", "expected coarse-to-fine or random, found 'bayes'"),
        ("method: coarse-to-fin", "method", "found 'coarse-to-fin'. Did you mean \"coarse-to-fine\"?"),
        ("mode: panda", "mode", "panda (babysitting one model) is not there yet: use caviar"),
        ("mode: pandas", "mode", "expected caviar, found 'pandas'"),
        ("goal: maximize", "goal", "expected minimize (losses and errors are better when lower), found 'maximize'"),
        ("trials: 0", "trials", "expected a whole number from 1 to 1,000,000, found 0"),
        ("trials: 1.5", "trials", "found 1.5"),
        ("trials: 1000001", "trials", "found 1000001"),
        ("trials: auto", "trials", "found 'auto'"),
        ("trials:", "trials", "found nothing"),
        ("epochs: 0", "epochs", "expected a whole number from 1 to 1,000,000,000,000, found 0"),
        ("epochs: -3", "epochs", "found -3"),
        ("epochs: 29", "epochs", "a trial has 30 epochs, and all together have 29"),
        ("time: 2 w", "time", AN_HOUR + "'2 w'"),
        ("time: -1h", "time", AN_HOUR + "'-1h'"),
        ("time: ''", "time", AN_HOUR + "''"),
        ("time: 0", "time", AN_HOUR + "0"),
        ("time: -5", "time", AN_HOUR + "-5"),
        ("time: 0h", "time", AN_HOUR + "'0h'"),
        ("time: true", "time", AN_HOUR + "true"),
        ("time: [1h]", "time", AN_HOUR + "a list"),
        ("time:", "time", AN_HOUR + "nothing"),
        ("time: 1e999", "time", "too large"),
        ("time: .inf", "time", AN_HOUR + "inf"),
        ("time: .nan", "time", AN_HOUR + "nan"),
        (f"time: 1{'0' * 400}", "time", "out of range"),
        (f"time: {'9' * 400}h", "time", AN_HOUR + "'999"),
        ("time: 12:30", "time", "looks like a time (a number in base 60): quote it"),
        ("time: '12:30'", "time", AN_HOUR + "'12:30'"),
        ("seed: -1", "seed", "expected a whole number of at least 0, found -1"),
        ("seed: x", "seed", "whole number"),
        ("metric: dev_eror", "metric", 'Did you mean "dev_error"?'),
        ("bars: 1", "bars", "expected true or false, found 1"),
        ("confirm: 'no'", "confirm", "expected true or false, found 'no'"),
        ("extend: none", "extend", "expected true or false, found 'none'"),
        ("parallel: 0", "parallel", "expected a whole number from 1 to 9,999 or auto, found 0"),
        ("parallel: many", "parallel", "or auto, found 'many'"),
        ("workers: -1", "workers", "expected a whole number from 0 to 9,999 or auto, found -1"),
        ("workers: 2.5", "workers", "or auto, found 2.5"),
        ("trial_timeout: 0", "trial_timeout", "seconds above 0, or none, found 0"),
        ("trial_timeout: auto", "trial_timeout", "or none, found 'auto'"),
        ("trial_timeout:", "trial_timeout", "or none, found nothing"),
        ("stall_timeout: never", "stall_timeout", "or none, found 'never'"),
        ("stall_timeout: false", "stall_timeout", "or none, found false"),
        ("worker_memory: 255MB", "worker_memory", A_SIZE + "'255MB'"),
        ("worker_memory: 2 GB", "worker_memory", A_SIZE + "'2 GB'"),
        ("worker_memory: 2G", "worker_memory", A_SIZE + "'2G'"),
        ("worker_memory: -2GB", "worker_memory", A_SIZE + "'-2GB'"),
        ("worker_memory: 2", "worker_memory", A_SIZE + "2"),
        ("worker_memory: 1e300", "worker_memory", A_SIZE + "1e+300"),
        ("worker_memory: .inf", "worker_memory", A_SIZE + "inf"),
        ("worker_memory: .nan", "worker_memory", A_SIZE + "nan"),
        ("worker_memory: true", "worker_memory", A_SIZE + "true"),
        ("worker_memory: [2GB]", "worker_memory", A_SIZE + "a list"),
        ("worker_memory:", "worker_memory", A_SIZE + "nothing"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text, key, message):
    place, found, said = problems_of(f"search:\n  {text}\n")[0]
    assert (place.rpartition(":")[0], found) == ("study.yaml:4", f"search.{key}")
    assert message in said
    assert len(problems_of(f"search:\n  {text}\n")) == 1


def test_unknown_keys_and_sections_that_are_none():
    assert "unknown key" in problems_of("search: {budget: 5}")[0][2]
    assert 'Did you mean "trials"?' in problems_of("search: {trails: 5}")[0][2]
    assert "expected keys (method, mode, trials," in problems_of("search: [5]")[0][2]


def test_all_problems_come_at_once():
    text = "search:\n" + "".join(
        f"  {key}: {wrong}\n"
        for key, wrong in {
            "method": "x", "mode": "x", "trials": "x", "epochs": "x", "time": "x", "seed": "x", "metric": "x",
            "goal": "x", "bars": "x", "confirm": "x", "extend": "x", "parallel": "x", "workers": "x",
            "trial_timeout": "x", "stall_timeout": "x", "worker_memory": "x",
        }.items()
    )  # fmt: skip
    assert [(place, key) for place, key, _ in problems_of(text)] == [
        (f"study.yaml:{line}:{len(key) + 5}", f"search.{key}") for line, key in enumerate(KEYS, 4)
    ]


@pytest.mark.parametrize(
    ("above", "epochs", "least"),
    [
        (SPACE, "", 30),
        (SPACE + "train: {epochs: 12}\n", "", 12),
        ("data: {source: digits}\n", "space: {epochs: {type: int, low: 5, high: 20}}\n", 20),
        ("data: {source: digits}\n", "space: {epochs: {type: int, scale: log, low: 5, high: 40}}\n", 40),
        ("data: {source: digits}\n", "space: {epochs: {choices: [9, 27, 3]}}\n", 27),
    ],
)
def test_a_budget_of_epochs_holds_at_least_the_longest_trial(above, epochs, least):
    above += epochs
    assert settings_of(f"search: {{epochs: {least}}}", above).epochs == least
    _, key, message = problems_of(f"search: {{epochs: {least - 1}}}", above)[0]
    assert (key, message) == (
        "search.epochs", f"a trial has {least} epochs, and all together have {least - 1}"
    )  # fmt: skip


SETTINGS = st.builds(
    SearchSettings,
    method=st.sampled_from(METHODS),
    trials=st.none() | st.integers(1, 10**6),
    epochs=st.none() | st.integers(30, 10**12),
    time_s=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    seed=st.integers(0, 10**18 - 1),
    metric=st.sampled_from(METRICS),
    bars=st.booleans(),
    confirm=st.booleans(),
    extend=st.booleans(),
    parallel=st.none() | st.integers(1, 9999),
    workers=st.none() | st.integers(0, 9999),
    trial_timeout_s=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    stall_timeout_s=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    worker_memory=st.none() | st.integers(LEAST_MEMORY, MOST_MEMORY),
).filter(lambda s: s.budget != Budget())


@settings(deadline=None, max_examples=50)
@given(SETTINGS)
def test_what_a_run_keeps_is_read_back_as_the_same(search):
    written = study_file.to_yaml({**yaml_plain(SPACE), "search": search.plain()})
    config = parsed(written, above="")
    assert config.search == search
    assert parsed(config.to_yaml(), above="") == config


def yaml_plain(text):
    config = parsed("", above=text)
    return {key: config.plain()[key] for key in ("data", "space")}
