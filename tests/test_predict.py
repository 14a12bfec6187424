"""`hptune predict`: the network that was found, on files that it has not seen, as a person types it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from programs import hptune as run

import hptune
from hptune.cli import main, predicting
from hptune.data import unseen
from hptune.data.loading import digits
from hptune.data.table import TableSchema
from hptune.errors import DataError
from hptune.nn import model_file
from hptune.runs import RunFolder

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-m", "hptune")
STUDY = """\
data: {{{data}}}
train: {{epochs: {epochs}}}
space:
  learning_rate: {{scale: log, low: 1e-3, high: 1e-2}}
search: {{trials: 3}}
"""
COLOURS = ("red", "green", "blue")


@pytest.fixture
def predict(monkeypatch, capsys):
    """hptune predict in a folder, in this process: what it prints on standard output, and on standard error."""
    monkeypatch.setattr(predicting, "set_up_blas", lambda: None)

    def called(home, *arguments, code=0):
        monkeypatch.chdir(home)
        monkeypatch.setattr(sys, "argv", ["hptune", "predict", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert (ended.value.code or 0) == code, shown
        return shown

    return called


def search(home, name, data, epochs=3):
    (home / f"{name}.yaml").write_text(STUDY.format(data=data, epochs=epochs))
    run(home, "search", f"{name}.yaml", "--workers", 0)
    return home


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def write_digits(path, rows):
    whole = digits()
    with path.open("w") as file:
        file.write(",".join([*whole.features, "digit"]) + "\n")
        for x, y in zip(whole.x[rows], whole.y[rows], strict=True):
            file.write(",".join([*(f"{value:g}" for value in x), str(y)]) + "\n")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Digits as a CSV file, the test rows in a file of their own; the file of training is gone."""
    home = tmp_path_factory.mktemp("numbers")
    write_digits(home / "train.csv", range(1000))
    write_digits(home / "test.csv", range(1000, 1797))
    search(home, "numbers", "path: train.csv, test: test.csv, target: digit")
    (home / "train.csv").unlink()
    return home


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A table with numbers, texts, labels that are texts, and a column that is left out."""
    home = tmp_path_factory.mktemp("mixed")
    random = np.random.default_rng(0)
    lines = ["id,size,colour,kind"]
    for n in range(90):
        kind = n % 2
        lines.append(
            f"{n},{random.normal(3 * kind):.3f},{COLOURS[n % 3]},{('cat', 'a, dog')[kind]!r}".replace("'", '"')
        )
    (home / "train.csv").write_text("\n".join(lines) + "\n")
    return search(home, "mixed", "path: train.csv, target: kind, ignore: [id]", epochs=30)


def test_the_test_set_gives_the_error_that_the_report_shows(numbers, predict):
    ended = predict(numbers, "test.csv")
    best = hptune.load(numbers / "runs" / "numbers-001").best
    first, baseline, *by_class = ended.err.splitlines()
    examples, share, wrong = re.fullmatch(r"(\d+) examples: (.+) % wrong \((\d+)\), loss .+", first).groups()
    assert int(wrong) / int(examples) == best.test_error
    assert float(share) == pytest.approx(100 * best.test_error, rel=1e-2)
    rows = rows_of(ended.out)
    assert list(rows[0]) == ["prediction", *(f"p({digit})" for digit in range(10))]
    labels = [row["digit"] for row in rows_of((numbers / "test.csv").read_text())]
    always, n_wrong = re.fullmatch(
        r'Always "(.)", the commonest class of train: .+ % wrong \((\d+)\)', baseline
    ).groups()
    assert sum(label != always for label in labels) == int(n_wrong)
    for digit, line in zip("0123456789", by_class, strict=True):
        n_right = sum(row["prediction"] == digit == label for row, label in zip(rows, labels, strict=True))
        n_answered = sum(row["prediction"] == digit for row in rows)
        assert f"{digit}: {n_right} of {labels.count(digit)} found" in line
        assert line.endswith(f"of {n_answered}")
    assert sum(row["prediction"] != label for row, label in zip(rows, labels, strict=True)) == int(wrong) > 0
    for row in rows:
        shares = [float(row[f"p({digit})"]) for digit in range(10)]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares[int(row["prediction"])] == max(shares)


def test_without_labels_predictions_are_the_same_and_nothing_is_measured(numbers, tmp_path, predict):
    lines = [line.rpartition(",")[0] for line in (numbers / "test.csv").read_text().splitlines()]
    (tmp_path / "unlabelled.csv").write_text("\n".join(lines) + "\n")
    ended = predict(numbers, "numbers-001", tmp_path / "unlabelled.csv")
    assert ended.err == ""
    assert ended.out == predict(numbers, "test.csv").out


def test_one_row_is_predicted_as_among_others(numbers, tmp_path, predict):
    lines = (numbers / "test.csv").read_text().splitlines(keepends=True)
    (tmp_path / "one.csv").write_text(lines[0] + lines[5])
    (row,) = rows_of(predict(numbers, tmp_path / "one.csv").out)
    among = rows_of(predict(numbers, "test.csv").out)[4]
    assert row["prediction"] == among["prediction"]
    for name in row:
        assert float(row[name]) == pytest.approx(float(among[name]), abs=1e-5)


def test_a_file_takes_the_output_and_standard_output_nothing(numbers, tmp_path, predict):
    ended = predict(numbers, "test.csv", "--output", tmp_path / "out.csv")
    assert ended.out == ""
    assert (tmp_path / "out.csv").read_text() == predict(numbers, "test.csv").out
    shown = predict(numbers, "test.csv", "--output", tmp_path / "no" / "out.csv", code=7).err
    assert "cannot be written: there is no folder" in shown


def test_the_reader_may_leave(numbers):
    command = f"{sys.executable} -m hptune predict test.csv | head -1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=numbers, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.startswith("prediction,p(0)")
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_texts_are_encoded_as_in_training_and_new_ones_are_none_of_them(mixed, tmp_path, predict):
    (tmp_path / "new.csv").write_text("colour,size\nred,-1.5\ngreen,4\nmauve,4.5\n")
    rows = rows_of(predict(mixed, tmp_path / "new.csv").out)
    assert [row["prediction"] for row in rows] == ["cat", "a, dog", "a, dog"]
    assert list(rows[0]) == ["prediction", "p(a, dog)", "p(cat)"]
    (tmp_path / "new.tsv").write_text("colour\tsize\nred\t-1.5\ngreen\t4\nmauve\t4.5\n")
    assert rows_of(predict(mixed, tmp_path / "new.tsv").out) == rows


def test_texts_that_training_did_not_have_are_told_and_so_is_a_column_without_labels(mixed, tmp_path, predict):
    (tmp_path / "new.csv").write_text("colour,size,kind\nRed,1,\nred,1,\nblue,1,\n")
    shown = predict(mixed, tmp_path / "new.csv").err
    assert 'column "colour": 1 of 3 texts unknown from training, as "Red"; they count as none of "blue", "gr' in shown
    assert 'column "kind" is empty: no error is measured' in shown
    assert "Error" not in shown
    (tmp_path / "new.csv").write_text("colour,size,kind\nred,1,cow\n")
    assert "or remove the column, and no error is measured" in predict(mixed, tmp_path / "new.csv", code=3).err


def test_many_missing_columns_make_one_line(numbers, tmp_path, predict):
    (tmp_path / "new.csv").write_text("a,b\n1,2\n")
    assert predict(numbers, "numbers-001", tmp_path / "new.csv", code=3).err.count("\n") == 1


def test_a_row_that_training_would_leave_out_gets_a_line_of_empty_fields(tmp_path, predict):
    rows = [f"{i % 7},{'' if i % 10 == 3 else i % 3},{'yn'[i % 2]}" for i in range(60)]
    (tmp_path / "gaps.csv").write_text("a,b,label\n" + "\n".join(rows) + "\n")
    search(tmp_path, "gaps", "path: gaps.csv, target: label, missing: drop")
    shown = predict(tmp_path, "gaps.csv")
    lines = shown.out.splitlines()
    assert len(lines) == 61
    assert [i for i, line in enumerate(lines[1:]) if line == ",,"] == [3, 13, 23, 33, 43, 53]
    assert '6 of 60 rows get no prediction, with cells missing in "b" 6' in shown.err
    assert "54 examples: " in shown.err


def test_images_of_another_shape_are_refused(tmp_path, predict):
    home = search(tmp_path, "images", "source: digits")
    x = digits().x[:3]
    for shape in ((3, 8, 8), (3, 64)):
        np.savez(home / "x.npz", X=x.reshape(shape))
        assert predict(home, "x.npz").out.count("\n") == 4
    np.savez(home / "x.npz", X=x.reshape(3, 4, 16))
    assert "X has images of 4 x 16, expected 8 x 8 as for training" in predict(home, "x.npz", code=3).err


def test_the_output_takes_the_place_of_nothing_that_is_needed(numbers, predict):
    before = (numbers / "test.csv").read_bytes()
    (run_folder,) = (numbers / "runs").iterdir()
    for place in ("test.csv", "../" + numbers.name + "/test.csv", run_folder / "best.npz", run_folder / "run.db"):
        assert "name another one" in predict(numbers, "test.csv", "--output", place, code=2).err
    assert (numbers / "test.csv").read_bytes() == before
    assert predict(numbers, "test.csv", "--output", "-").out == predict(numbers, "test.csv").out
    assert not (numbers / "-").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.update(data={}),
        lambda about: about.update(data=dict(about["data"], columns=[[1]])),
        lambda about: about.update(data=dict(about["data"], columns=[[1, None]])),
        lambda about: about.update(data=dict(about["data"], columns=[["size", 5]])),
        lambda about: about.update(data=dict(about["data"], columns=about["data"]["columns"][:-1])),
        lambda about: about.update(data=dict(about["data"], ignored=None)),
    ],
)
def test_a_description_of_tables_that_makes_no_sense_is_damage(change, mixed, tmp_path, predict):
    shutil.copytree(mixed, tmp_path / "copy")
    (path,) = (tmp_path / "copy" / "runs").glob("*/best.npz")
    arrays = dict(np.load(path))
    about = json.loads(str(arrays["about"]))
    change(about)
    np.savez(path, **{**arrays, "about": np.array(json.dumps(about))})
    (tmp_path / "new.csv").write_text("colour,size\nred,1\n")
    assert "damaged" in predict(tmp_path / "copy", tmp_path / "new.csv", code=6).err


def test_weights_of_a_trial_that_leads_no_more_are_told(numbers, tmp_path, predict):
    shutil.copytree(numbers, tmp_path / "copy")
    (path,) = (tmp_path / "copy" / "runs").glob("*/best.npz")
    arrays = dict(np.load(path))
    about = json.loads(str(arrays["about"]))
    np.savez(path, **{**arrays, "about": np.array(json.dumps({**about, "trial": 7}))})
    shown = predict(tmp_path / "copy", "test.csv").err
    assert f"best.npz is of trial 7, but trial {about['trial']} leads: hptune resume" in shown


@pytest.mark.parametrize(("where", "code"), [(">&-", 0), ("> /dev/full", 7)])
def test_an_output_that_cannot_be_written_is_no_traceback(where, code, numbers):
    command = f"{sys.executable} -m hptune predict test.csv {where}"
    ended = subprocess.run(["sh", "-c", command], cwd=numbers, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ("cannot write the output: No space left" in ended.stderr) is (code == 7)


def test_parquet_is_read_as_csv_and_columns_of_no_use_may_hold_anything(mixed, tmp_path, predict):
    pytest.importorskip("pyarrow")
    (tmp_path / "new.csv").write_text("colour,size,kind\nred,-1.5,cat\ngreen,4,cat\n")
    frame = pd.read_csv(tmp_path / "new.csv").assign(when=pd.Timestamp("2026-03-04"), id=1)
    frame.to_parquet(tmp_path / "new.parquet")
    ended = predict(mixed, tmp_path / "new.parquet")
    assert ended.out == predict(mixed, tmp_path / "new.csv").out
    assert 'columns that are not used: "when"\n' in ended.err
    assert "2 examples: 50 % wrong (1), loss " in ended.err
    assert 'Always "cat", the commonest class of train: 50 % wrong (1)' in ended.err or "a, dog" in ended.err


def test_a_file_that_the_network_was_trained_on_is_said_to_be_one(mixed, predict):
    assert "trained on examples of this file, so the error says little" in predict(mixed, "train.csv").err
    (mixed / "copy.csv").write_text((mixed / "train.csv").read_text())
    assert "trained on" not in predict(mixed, "copy.csv").err


def test_columns_of_another_run_are_said_to_be_perhaps_so_where_the_newest_was_taken(mixed, tmp_path, predict):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    hint = "The network is that of the newest run, runs/mixed-001; for another: hptune predict RUN"
    assert hint in predict(mixed, tmp_path / "other.csv", code=3).err
    assert "newest run" not in predict(mixed, "mixed-001", tmp_path / "other.csv", code=3).err


WRONG = {
    "a column is missing": ("size,kind\n1,cat\n", [':1: column "colour" of the training file is not in this one']),
    "a column is misspelt": ("size,color\n1,red\n", ['Did you mean "color"?']),
    "no number": ("size,colour\n1,red\nbig,red\n", [':3: column "size": found "big", expected a number']),
    "missing cells": ("size,colour\n,red\n1,\n", [':2: column "size": 1 cell missing', ':3: column "colour"']),
    "an unknown label": ("size,colour,kind\n1,red,cow\n", [':2: column "kind": label "cow" (1 example) is no class']),
    "a missing label": ("size,colour,kind\n1,red,cat\n1,red,\n", [':3: column "kind": 1 label missing']),
    "empty": ("", ["the file is empty"]),
    "no rows": ("size,colour\n", ["a header and no rows"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "messages"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_table_is_said_with_its_place(text, messages, mixed, tmp_path):
    (tmp_path / "new.csv").write_text(text)
    model = model_file.load(next((mixed / "runs").glob("*/best.npz")))
    with pytest.raises(DataError) as raised:
        unseen.read(str(tmp_path / "new.csv"), None, TableSchema.from_json(model.schema, model.classes))
    for message in messages:
        assert message in str(raised.value)


def test_arrays_do_for_numbers_and_not_for_texts(mixed, numbers, tmp_path, predict):
    whole = digits()
    np.savez(tmp_path / "x.npz", X=whole.x[1000:].astype(np.uint8))
    np.savez(tmp_path / "xy.npz", X=whole.x[1000:], y=whole.y[1000:])
    from_csv = predict(numbers, "test.csv")
    assert predict(numbers, tmp_path / "x.npz").out == from_csv.out
    assert predict(numbers, tmp_path / "xy.npz").err == from_csv.err
    shown = predict(mixed, tmp_path / "x.npz", code=3).err
    assert 'trained on a table with columns of text ("colour")' in shown
    np.savez(tmp_path / "narrow.npz", X=whole.x[:, :5])
    assert "X has 5 columns, expected 64" in predict(numbers, tmp_path / "narrow.npz", code=3).err
    np.savez(tmp_path / "nan.npz", X=np.full((2, 64), np.nan))
    assert "128 NaN" in predict(numbers, tmp_path / "nan.npz", code=3).err
    np.savez(tmp_path / "other.npz", Z=whole.x)
    assert 'has the arrays "Z", needs X' in predict(numbers, tmp_path / "other.npz", code=3).err


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def test_pairs_of_files_with_and_without_labels(numbers, tmp_path, predict):
    whole = digits()
    np.save(tmp_path / "X.npy", whole.x[1000:])
    np.save(tmp_path / "y.npy", whole.y[1000:])
    write_idx(tmp_path / "t-images-idx3-ubyte.gz", whole.x[1000:].reshape(-1, 8, 8))
    write_idx(tmp_path / "t-labels-idx1-ubyte.gz", whole.y[1000:])
    from_csv = predict(numbers, "test.csv")
    for x, y in (("X.npy", "y.npy"), ("t-images-idx3-ubyte.gz", "t-labels-idx1-ubyte.gz")):
        alone = predict(numbers, tmp_path / x)
        assert (alone.out, alone.err) == (from_csv.out, "")
        both = predict(numbers, tmp_path / x, "--labels", tmp_path / y)
        assert (both.out, both.err) == (from_csv.out, from_csv.err)
    for arguments, message in (
        (("test.csv", "--labels", tmp_path / "y.npy"), "--labels goes only with NPY and IDX files"),
        ((tmp_path / "X.npy", "--labels", "test.csv"), "must be a NPY file like"),
        ((tmp_path / "X.npy", "--labels", tmp_path / "no.npy"), "no such file"),
        ((tmp_path / "y.npy",), "y.npy: X has shape (797,)"),
        ((tmp_path / "none.csv",), "no such file"),
        ((tmp_path,), "is a directory"),
    ):
        assert message in predict(numbers, *arguments, code=3).err


def test_a_built_in_set_is_predicted_from_a_table_with_its_columns(tmp_path, predict):
    search(tmp_path, "points", "source: moons, examples: 60")
    (tmp_path / "p.csv").write_text("x1,x0,y\n1,0,0\n-0.5,1,1\n")
    ended = predict(tmp_path, "p.csv")
    assert len(rows_of(ended.out)) == 2
    assert "2 examples: " in ended.err


def test_regression_is_predicted_in_the_units_of_the_target(tmp_path, predict):
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2))
    price = 1000 + 50 * x[:, 0] - 20 * x[:, 1] + random.normal(size=120)
    lines = [f"{a:.4f},{b:.4f},{c:.4f}" for (a, b), c in zip(x, price, strict=True)]
    for name, rows in (("train", lines[:90]), ("test", lines[90:])):
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,price", *rows]) + "\n")
    search(tmp_path, "houses", "path: train.csv, test: test.csv, target: price, task: regression")
    shown = predict(tmp_path, "test.csv")
    rows = rows_of(shown.out)
    assert list(rows[0]) == ["prediction"]
    first, always = shown.err.splitlines()
    found = re.fullmatch(
        r"30 examples: RMSE (.+) \((.+) deviations of the training targets\), loss (.+)", first
    ).groups()
    rmse, error, loss = (float(text.replace(",", "")) for text in found)
    of_mean = np.sqrt(np.mean((price[90:] - model_file.load(tmp_path / "runs/houses-001/best.npz").target.mean) ** 2))
    assert float(re.fullmatch(r"Always the mean .*: RMSE (.+) \(.+ deviations\)", always)[1]) == pytest.approx(
        of_mean, rel=1e-3
    )
    best = hptune.load(tmp_path / "runs" / "houses-001").best
    assert error == pytest.approx(best.test_error, rel=1e-3)
    wrong = np.array([float(row["prediction"]) for row in rows]) - price[90:]
    assert rmse == pytest.approx(np.sqrt(np.mean(wrong**2)), rel=1e-3)
    assert rmse == pytest.approx(error * np.std(price[:90]), rel=0.2)  # of the part of them that is trained on
    assert loss == pytest.approx(error**2 / 2, rel=1e-3)
    (tmp_path / "bad.csv").write_text("a,b,price\n1,2,cheap\n1,2,\n")
    text = predict(tmp_path, "bad.csv", code=3).err
    assert '"cheap"' in text
    assert "1 target missing" in text


def test_which_run_and_which_file(numbers, tmp_path, predict):
    shown = predict(numbers, "numbers-001", code=2).err
    assert "numbers-001 is a run" in shown
    assert "hptune predict numbers-001 DATA" in shown
    assert 'No run "numbres-001"' in predict(numbers, "numbres-001", "test.csv", code=2).err
    predict(numbers, code=2)
    predict(numbers, "a", "b", "c", code=2)
    here = predict(tmp_path, numbers / "runs" / "numbers-001", numbers / "test.csv")
    assert here.out == predict(numbers, "test.csv").out


def test_a_run_without_weights_says_what_to_do(tmp_path, predict):
    search(tmp_path, "toy", "source: moons, examples: 60")
    (tmp_path / "p.csv").write_text("x0,x1\n1,0\n")
    best = RunFolder(tmp_path / "runs" / "toy-001").best_npz
    content = best.read_bytes()
    best.unlink()
    shown = predict(tmp_path, "p.csv", code=2).err
    assert "kept no weights" in shown
    assert "hptune search runs/toy-001/config.yaml" in shown
    run(tmp_path, "search", "runs/toy-001/config.yaml", "--workers", 0)
    assert RunFolder(tmp_path / "runs" / "toy-002").best_npz.read_bytes() == content
    best.write_bytes(content[:1000])
    assert "best.npz: damaged" in predict(tmp_path, "toy-001", "p.csv", code=6).err
    failing = "train.learning_rate=1e30", "space.learning_rate=1e30"
    run(tmp_path, "search", "toy.yaml", "--workers", 0, "--set", failing[1], "--name", "none", code=4)
    assert "no trial has completed" in predict(tmp_path, "none-001", "p.csv", code=2).err


def test_the_report_and_the_end_of_a_search_name_the_file(numbers):
    assert "weights: runs/numbers-001/best.npz" in run(numbers, "report")
    before = (numbers / "runs" / "numbers-001" / "best.npz").read_bytes()
    run(numbers, "export")
    assert (numbers / "runs" / "numbers-001" / "best.npz").read_bytes() == before


def test_the_example_of_the_documentation_predicts_the_same(numbers, monkeypatch, predict):
    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "model_file.md").read_text(), flags=re.DOTALL)
    monkeypatch.chdir(numbers / "runs" / "numbers-001")
    names = {"X": digits().x[1000:]}
    exec(text, names)
    rows = rows_of(predict(numbers, "test.csv").out)
    assert names["prediction"] == [row["prediction"] for row in rows]


def test_predicting_loads_no_pandas(numbers):
    code = "import sys; sys.argv = ['hptune', 'predict', 'test.csv', '--output', '/dev/null']\n"
    code += "from hptune.cli import main\ntry:\n    main()\nexcept SystemExit:\n    print('pandas' in sys.modules)"
    environment = dict(os.environ)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=numbers, env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "False\n"
