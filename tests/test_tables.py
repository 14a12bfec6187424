import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from fabricate import ADAM, MOMENTUM, STUDY, FabricatedRun, mixed, parsed, zoomed

import hptune
from hptune import tables
from hptune.config import study_file, yaml_tree
from hptune.errors import RunDamagedError, StorageError, UsageError
from hptune.runs import find, find_all
from hptune.store import Store, database
from hptune.wording import defused

HYPERPARAMETERS = ["learning_rate", "optimizer", "beta1", "1-beta1", "hidden_units", "hidden_layers", "batch_size"]
METRICS = ["train_loss", "train_error", "dev_loss", "dev_error"]
TRIALS = [
    "trial",
    "stage",
    "origin",
    "parent",
    "side",
    "status",
    "reason",
    "best_epoch",
    "epochs",
    *METRICS,
    *HYPERPARAMETERS,
    "seconds",
]
CURVES = ["trial", "epoch", *METRICS, "learning_rate", "seconds"]
DOCUMENT = Path(__file__).parents[1] / "docs" / "tables.md"


@pytest.fixture
def run(tmp_path):
    return tables.load(mixed(tmp_path / "runs" / "made-001").path)


def test_columns_in_order(run):
    assert list(run.trials.columns) == TRIALS
    assert list(run.curves.columns) == CURVES


def test_the_document_names_every_column(run):
    text = DOCUMENT.read_text()
    fixed = set(TRIALS) - set(HYPERPARAMETERS) | set(CURVES)
    assert [name for name in fixed if f"`{name}`" not in text] == []


def test_trials_rows(run):
    trials = run.trials.set_index("trial")
    assert list(trials.index) == [0, 1, 2, 3, 4, 6, 7, 8]
    assert list(trials["stage"]) == ["search"] * 5 + ["zoom-1"] * 3
    assert set(trials["origin"]) == {"random"}
    assert trials["parent"].isna().all()
    assert list(trials["status"]) == [
        "completed", "completed", "diverged", "diverged", "failed", "crashed", "unfinished", "completed",
    ]  # fmt: skip
    best = trials.loc[0]
    assert (best["best_epoch"], best["epochs"]) == (2, 3)
    assert [best[name] for name in METRICS] == [0.2, 0.05, 0.3 + 5e-17, 0.1]
    incomplete = trials[trials["status"] != "completed"]
    assert incomplete[[*METRICS, "best_epoch"]].isna().all(axis=None)
    assert trials.loc[2, "epochs"] == 2
    assert pd.isna(trials.loc[7, "epochs"])
    assert pd.isna(trials.loc[7, "seconds"])
    assert pd.isna(trials.loc[0, "reason"])


def test_hyperparameters_keep_their_types(run):
    trials = run.trials.set_index("trial")
    assert trials.loc[0, "learning_rate"] == 0.1 + 0.2
    assert trials.loc[0, "beta1"] == ADAM["beta1"]
    assert trials.loc[0, "1-beta1"] == 1 - ADAM["beta1"]
    assert pd.isna(trials.loc[1, "beta1"])
    assert pd.isna(trials.loc[1, "1-beta1"])
    assert pd.isna(trials.loc[0, "batch_size"])
    assert trials.loc[1, "batch_size"] == MOMENTUM["batch_size"]
    assert dict(run.trials.dtypes.astype(str)) == {
        **dict.fromkeys(TRIALS, "float64"),
        **dict.fromkeys(["stage", "origin", "status", "reason", "optimizer"], "string"),
        **dict.fromkeys(["parent", "best_epoch", "epochs", "hidden_units", "hidden_layers", "batch_size"], "Int64"),
        "trial": "int64",
    }


@pytest.mark.parametrize(
    ("choices", "dtype", "cells"), [("[32, 64]", "Int64", ["32", "64"]), ("[32, full]", "string", ["32", "full"])]
)
def test_the_batch_size_is_a_column_of_numbers_where_nothing_but_numbers_can_occur(tmp_path, choices, dtype, cells):
    text = STUDY.replace(
        "{type: int, low: 32, high: 96, step: 32, when: {optimizer: momentum}}", f"{{choices: {choices}}}"
    )
    made = FabricatedRun(tmp_path / "run", text)
    for number, cell in enumerate(cells):
        made.complete(number, {**ADAM, "batch_size": int(cell) if cell.isdigit() else cell})
    run = tables.load(made.path)
    assert str(run.trials["batch_size"].dtype) == dtype
    assert [str(value) for value in run.trials["batch_size"]] == cells
    tables.write(run)
    assert list(pd.read_csv(run.path / "trials.csv", dtype=str)["batch_size"]) == cells


def test_widths_are_text_and_layers_are_empty_beside_them(tmp_path):
    layers = "hidden_layers: {type: int, low: 1, high: 5}"
    made = FabricatedRun(
        tmp_path / "run", STUDY.replace(layers, f"{layers}\n  widths: {{choices: [same, [8], [64, 32]]}}")
    )
    made.complete(0, {**ADAM, "widths": "same"})
    rest = {name: value for name, value in ADAM.items() if not name.startswith("hidden")}
    made.complete(1, {**rest, "widths": "64-32"}, (0.05,))
    made.complete(2, {**rest, "widths": "8"})
    trials = tables.load(made.path).trials
    assert list(trials["widths"]) == ["same", "64-32", "8"]
    assert list(trials["hidden_layers"].isna()) == list(trials["hidden_units"].isna()) == [False, True, True]
    best = tables.load(made.path).best.hyperparameters
    assert best["widths"] == "64-32"
    assert not best.keys() & {"hidden_layers", "hidden_units"}


def test_switches_are_columns_of_truth_values(tmp_path):
    text = STUDY.replace("space:\n", "space:\n  batch_norm: {choices: [true, false], when: {optimizer: adam}}\n")
    made = FabricatedRun(tmp_path / "run", text)
    made.complete(0, {**ADAM, "batch_norm": True})
    made.complete(1, MOMENTUM)
    run = tables.load(made.path)
    assert str(run.trials["batch_norm"].dtype) == "boolean"
    assert bool(run.trials.loc[0, "batch_norm"]) is True
    assert pd.isna(run.trials.loc[1, "batch_norm"])
    tables.write(run)
    assert _read_csv(made.folder.trials_csv)["batch_norm"].dropna().tolist() == [True]


def test_curves(run):
    assert list(run.curves["trial"]) == [0] * 3 + [1] * 3 + [2] * 2 + [7] * 2 + [8] * 3  # 6 crashed
    assert list(run.curves.loc[run.curves["trial"] == 8, "dev_error"]) == [0.3, 0.08, 0.05]
    assert list(run.curves.dtypes.astype(str)) == ["int64", "int64", *["float64"] * 6]


def test_an_empty_run_has_empty_tables_of_the_same_types(run, tmp_path):
    empty = tables.load(FabricatedRun(tmp_path / "empty").path)
    assert (len(empty.trials), len(empty.curves), empty.best) == (0, 0, None)
    assert empty.trials.dtypes.equals(run.trials.dtypes)
    assert empty.curves.dtypes.equals(run.curves.dtypes)
    assert "none completed" in repr(empty)
    tables.write(empty)
    assert empty.snapshot.folder.trials_csv.read_text() == ",".join(TRIALS) + "\n"
    assert not empty.snapshot.folder.best_yaml.exists()


def test_best(run):
    assert (run.best.trial, run.best.score, run.best.metric, run.best.best_epoch) == (8, 0.05, "dev_error", 3)
    assert (run.best.train_error, run.best.test_error) == (0.01, 0.12)
    assert run.best.hyperparameters["learning_rate"] == 0.25
    assert run.best.hyperparameters["epochs"] == 3
    assert repr(run).endswith("made-001: 7 of 10 trials, best dev_error 0.05 (trial 8)>")


def test_ties_go_to_the_first_trial(tmp_path):
    made = FabricatedRun(tmp_path / "run")
    for number in (3, 1, 2):
        made.complete(number)
    made.complete(0, errors=(0.5, 0.4, 0.3))
    assert tables.load(made.path).best.trial == 1


def test_best_yaml_goes_under_train(run):
    tables.write(run)
    text = run.snapshot.folder.best_yaml.read_text()
    assert text.startswith("# made-001, trial 8: dev_error 0.05 at epoch 3 of 3, test error 0.12\n")
    written = yaml.safe_load(text)["train"]
    assert written == dict(run.best.hyperparameters)
    assert written.items() >= {**ADAM, "learning_rate": 0.25, "hidden_units": 100}.items()
    study = f"data: {{source: digits}}\nspace: {{l2: {{low: 0, high: 1}}}}\n{text}".replace("  l2: 0.0\n", "")
    loaded = study_file.parse(yaml_tree.parse(study, "s.yaml"), (), default_name="s", folder=Path())
    assert loaded.train.items() >= {key: value for key, value in written.items() if key != "l2"}.items()


def test_best_yaml_says_how_many_epochs_the_trial_ran(tmp_path):
    made = FabricatedRun(tmp_path / "run")
    made.complete(0, errors=(0.1, 0.2))  # its patience ended before the three epochs it was given
    tables.write(tables.load(made.path))
    assert "dev_error 0.1 at epoch 1 of 2" in made.folder.best_yaml.read_text()


def test_best_yaml_leaves_out_what_has_no_effect(tmp_path):
    text = STUDY.replace("train: {epochs: 3}", "train: {epochs: 3, beta2: 0.99, momentum: 0.8}")
    made = FabricatedRun(tmp_path / "run", text)
    made.complete(0, MOMENTUM)
    names = tables.load(made.path).best.hyperparameters
    assert names["momentum"] == 0.8
    assert not {"beta1", "beta2", "epsilon"} & names.keys()


def _read_csv(path):
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        return pd.read_csv(path, float_precision="round_trip")
    return pd.read_csv(path)


def test_floats_come_back_from_csv_exactly(tmp_path):
    values = [0.1 + 0.2, 1e-4, 5e-324, 1 / 3, 2**-1074, 0.6, 123456.789e-7]
    made = FabricatedRun(tmp_path / "run", n_trials=len(values))
    for number, value in enumerate(values):
        made.complete(number, {**ADAM, "learning_rate": value}, (value, 1 / 7))
    run = tables.load(made.path)
    tables.write(run)
    read = _read_csv(run.snapshot.folder.trials_csv)
    assert list(read["learning_rate"]) == values
    assert list(read.columns) == TRIALS
    pd.testing.assert_series_equal(read["1-beta1"], run.trials["1-beta1"], check_exact=True)
    curves = _read_csv(run.snapshot.folder.curves_csv)
    pd.testing.assert_frame_equal(curves, run.curves, check_exact=True)


@pytest.mark.parametrize("reason", ["=1+1", "+x", "-x", "@sum(A1)", "\tx", "\rx"])
def test_formulas_are_defused_and_numbers_are_not(tmp_path, reason):
    made = FabricatedRun(tmp_path / "run")
    made.end(0, "failed", reason)
    made.end(1, "failed", f"a, {reason}\nsecond line")
    made.complete(2, errors=(-0.5, -0.25))
    tables.write(tables.load(made.path))
    text = made.folder.trials_csv.read_text()
    assert len(text.splitlines()) == 4
    read = pd.read_csv(made.folder.trials_csv)
    assert read["reason"][0] == f"'{reason}".replace("\r", " ")
    assert read["reason"][1] == f"a, {reason} second line".replace("\r", " ")
    assert read["dev_error"][2] == -0.5
    assert "'-0.5" not in text


@pytest.mark.parametrize("number", ["-1", "+5", "-.5", "+5.", "-1e3", "+1.5e-3", "0.25"])
def test_a_text_that_is_a_number_is_left_alone(number):
    assert defused(number) == number
    assert defused(f"{number}x").lstrip("'") == f"{number}x"


@pytest.mark.parametrize("text", ["-0x1f", "+", "-", "--1", "+1+1", "-1e", "=1", "@x", "\t1", "-1\n"])
def test_what_is_none_is_defused(text):
    assert defused(text) == f"'{text}"


def test_writing_leaves_no_drafts_and_replaces_what_was_there(run):
    tables.write(run)
    before = {path.name for path in run.path.iterdir()}
    run.snapshot.folder.trials_csv.write_text("old")
    tables.write(run)
    assert {path.name for path in run.path.iterdir()} == before
    assert run.snapshot.folder.trials_csv.read_text().startswith("trial,")


def test_tables_that_cannot_be_written(run, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    before = {path.name for path in run.path.iterdir()}
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"trials\.csv: cannot be written: No space left") as error:
        tables.write(run)
    assert error.value.exit_code == 7
    assert {path.name for path in run.path.iterdir()} == before


def test_load_by_name_by_path_and_the_newest(tmp_path):
    runs = tmp_path / "runs"
    for number, name in enumerate(["a-001", "b-001"]):
        made = FabricatedRun(runs / name)
        os.utime(made.folder.config, (number, number))
    assert hptune.load(runs=runs).path.name == "b-001"
    assert hptune.load("a-001", runs).path == hptune.load(str(runs / "a-001")).path == runs / "a-001"
    assert hptune.load(runs / "a-001").config == parsed()
    with pytest.raises(UsageError, match="a-001"):
        hptune.load("a-002", runs)


def test_the_newest_run_is_the_one_that_was_started_last_whatever_befell_its_files(tmp_path):
    """Touched, copied without its times, its study file edited or deleted, a writer at work, its database damaged."""
    names = [f"run-{year}" for year in (1970, 2026, 2040)]
    for age, name in enumerate(names):
        made = FabricatedRun(tmp_path / name, created=f"{name[4:]}-01-01T00:00:00+00:00")
        os.utime(made.folder.config, (100 - age, 100 - age))
    made.folder.config.unlink()
    (tmp_path / names[0] / "config.yaml").write_text("name: edited\n")
    shutil.copytree(tmp_path / names[0], tmp_path / "copy", copy_function=shutil.copy)
    with Store(made.folder) as store:
        store.add_stage(zoomed(1, 6, 3))
        assert database.beside(made.folder.database, "-wal").stat().st_size
        before = {path.name for path in tmp_path.rglob("*")}
        assert [folder.name for folder in find_all(tmp_path)] == [names[0], "copy", *names[1:]]
        assert {path.name for path in tmp_path.rglob("*")} == before
    (tmp_path / names[1] / "run.db").write_bytes(b"no database")
    os.utime(tmp_path / names[1] / "config.yaml", (2e9, 2e9))  # in 2033, which is all that there is to go by
    assert find(tmp_path).name == names[2]
    shutil.rmtree(tmp_path / names[2])
    assert find(tmp_path).name == names[1]


def test_a_database_without_a_study_file_is_damaged(tmp_path):
    made = FabricatedRun(tmp_path / "run")
    made.folder.database.unlink()
    database.create(made.folder)
    with pytest.raises(RunDamagedError, match='facts: "config" is missing'):
        tables.load(made.path).config  # noqa: B018


def test_pandas_is_loaded_only_for_tables():
    code = "import sys, json, hptune, hptune.stored_config; before = 'pandas' in sys.modules; hptune.load"
    code += "; print(json.dumps([before, 'pandas' in sys.modules, 'rich' in sys.modules]))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == [False, True, False]


def test_reading_loads_nothing_of_the_running_half():
    code = "import sys, hptune.report.terminal, hptune.report.run_list, hptune.report.spaces, hptune.report.as_json\n"
    code += "print([m for m in sys.modules if m.startswith(('hptune.nn', 'hptune.data', 'hptune.workers', 'hptune.tr'))"
    code += " or m == 'hptune.study'])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    allowed = {
        "hptune.nn",
        "hptune.nn.hyperparameters",
        "hptune.nn.cost",
        "hptune.data",
        "hptune.data.settings",
        "hptune.data.kinds",
    }
    allowed |= {"hptune.trial"}
    assert set(json.loads(output.replace("'", '"'))) <= allowed


def test_unknown_attributes_of_the_package():
    with pytest.raises(AttributeError, match="lod"):
        hptune.lod  # noqa: B018
