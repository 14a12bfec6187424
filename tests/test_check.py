"""`hptune check`: what it says about a study and its data, and that it leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import programs
import pytest

from hptune.analysis.study_advice import metric_advice
from hptune.config import yaml_tree
from hptune.config.study_file import parse
from hptune.data.dataset import Dataset, Subset
from hptune.data.review import advice, review
from hptune.data.settings import DataSettings
from hptune.report.data_review import _conditions

SPACE = "space:\n  learning_rate: {scale: log, low: 1e-4, high: 1}\n  optimizer: {choices: [adam, momentum]}\n"
SPACE += "  beta1: {scale: 1-beta, low: 0.9, high: 0.999, when: {optimizer: adam}}\n"
SPACE += "search: {method: random, trials: 30, seed: 3, confirm: false}\n"


def run(home, *arguments, code=0):
    return programs.hptune(home, "check", *arguments, code=code, COLUMNS="200")


def rows(seed, n, *, shift=0.0, share=0.5):
    random = np.random.default_rng(seed)
    x = random.normal((0, shift, 0), size=(n, 3))
    labels = np.where(random.random(n) < share, "yes", "no")
    return [f"{a:.6f},{b:.6f},{c:.6f},1,{label}" for (a, b, c), label in zip(x, labels, strict=True)]


@pytest.fixture
def study(tmp_path):
    """Writes a study on files of its own for train, dev and test."""

    def write(train, dev, test, extra=""):
        for name, lines in (("train", train), ("dev", dev), ("test", test)):
            (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,c,k,label", *lines]) + "\n")
        data = f"data: {{path: train.csv, dev: dev.csv, test: test.csv, target: label{extra}}}\n"
        (tmp_path / "mine.yaml").write_text(data + SPACE)
        return tmp_path

    return write


def test_what_a_hyperparameter_needs_of_searched_ones_stands_beside_its_range():
    text = (
        "data: {source: moons}\ntrain: {batch_norm: true}\nspace:\n  optimizer: {choices: [adam, momentum]}\n"
        "  beta1: {low: 0.5, high: 0.9}\n  hidden_layers: {low: 0, high: 2}\n  batch_size: {choices: [1, full]}\n"
        "  momentum: {low: 0.5, high: 0.9, when: {optimizer: momentum, batch_size: 1}}\n"
        "  dropout: {low: 0, high: 0.5}\n  batch_norm_momentum: {low: 0.5, high: 0.9}\n"
    )
    space = parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None).space
    assert {p.name: " and ".join(_conditions(p, space)) for p in space.parameters} == {
        "optimizer": "",
        "beta1": "optimizer: adam",
        "hidden_layers": "",
        "batch_size": "",
        "momentum": "optimizer: momentum and batch_size: 1",
        "dropout": "hidden_layers other than 0",
        "batch_norm_momentum": "hidden_layers other than 0 and batch_size other than 1",
    }


def test_it_prints_what_there_is_and_writes_nothing(study):
    home = study(rows(0, 600), rows(1, 200), rows(2, 200), ", ignore: [k]")
    before = sorted(home.rglob("*"))
    text = run(home, "mine.yaml")
    assert sorted(home.rglob("*")) == before
    for phrase in (
        "study   mine",
        "train.csv: 600 train, 200 dev, 200 test; 3 features, 2 classes",
        "search  random search of 30 trials, 3 hyperparameters, ranked by dev_error, seed 3",
        "of dev 0 exactly, 0 nearly; of test 0 exactly, 0 nearly",
        "learning_rate   0.0001 .. 1 (log)",
        "optimizer: adam",
        "They look alike: 3 columns compared, 0 with a corrected p below 0.01",
        "degree of freedom, p ",
        "Nothing to object to.",
    ):
        assert phrase in text


def test_the_trials_shown_are_those_that_a_search_would_run(study):
    home = study(rows(0, 100), rows(1, 100), rows(2, 100))
    shown = run(home, "mine.yaml").split("The first trials\n")[1].splitlines()[1]
    dry_run = subprocess.run(
        [sys.executable, "-m", "hptune", "search", "mine.yaml", "--dry-run"],
        cwd=home, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    exact = dry_run.stdout.splitlines()[1].split()
    for rounded, value in zip(shown.split(), exact, strict=True):
        assert rounded == value or float(rounded) == pytest.approx(float(value), rel=1e-3)


def test_dev_and_test_of_different_distributions_are_reported_with_column_and_number(study):
    text = run(study(rows(0, 600), rows(1, 300), rows(2, 300, shift=1, share=0.8)), "mine.yaml")
    assert "dev and test look as if they came from different distributions: 1 of 3 columns, the least alike" in text
    assert '"b" (distance 0.' in text
    assert "dev and test have different shares of classes (chi-square " in text
    assert "train and dev look" not in text
    farthest = text.split("\ndev and test\n")[1].splitlines()[2]
    assert farthest.startswith("b ")
    assert 0.3 < float(farthest.split()[1]) < 0.6


def test_a_wrong_file_and_wrong_data_end_with_3_and_wrong_use_with_2(study):
    home = study(rows(0, 100), rows(1, 100), ["1,2,oops,1,yes"])
    assert 'test.csv:2: column "c": found "oops", expected a number' in run(home, "mine.yaml", code=3)
    assert "space.oops" in run(home, "mine.yaml", "--set", "space.oops=1", code=3)
    assert "KEY=VALUE" in run(home, "mine.yaml", "--set", "oops", code=2)
    run(home, "gone.yaml", code=3)


def test_set_overrules_the_study_file(study):
    home = study(rows(0, 100), rows(1, 100), rows(2, 100))
    text = run(home, "mine.yaml", "--set", "search.trials=2", "--set", "data={source: moons, examples: 90}")
    assert "moons: 54 train, 18 dev, 18 test" in text
    assert "2 trials" in text
    assert "dev has 18 examples: an error of 10 % is measured there to within 7.1 points" in text


def test_columns_of_text_are_shown_with_their_inputs(study):
    lines = [f"{n},{'red' if n % 3 else 'blue'},{n % 7 + 1}0%,c{n % 4},{n % 2}" for n in range(300)]
    text = run(study(lines, lines[:150], lines[150:]), "mine.yaml")
    assert 'texts   3 columns of text, 13 features: "c" 7, "k" 4, "b" 2\n' in text
    assert 'column "c": 7 of 7 texts (as "10%") look like numbers' in text
    assert "texts  " not in run(study(rows(0, 100), rows(1, 100), rows(2, 100)), "mine.yaml")


def prices(seed, n, *, factor=1.0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 3))
    y = factor * (100 + 20 * x[:, 0] + random.normal(size=n))
    return [f"{a:.6f},{b:.6f},{c:.6f},1,{label:.3f}" for (a, b, c), label in zip(x, y, strict=True)]


def test_a_regression_shows_its_targets_and_how_alike_they_are(study):
    text = run(study(prices(0, 600), prices(1, 200), prices(2, 50), ", ignore: [k], task: regression"), "mine.yaml")
    assert "600 train, 200 dev, 50 test; 3 features, regression of label" in text
    assert "Classes" not in text
    header, train, *_ = text.split("\nTargets\n")[1].splitlines()
    assert header.split() == ["mean", "deviation", "lowest", "highest"]
    y = np.array([float(line.rpartition(",")[2]) for line in prices(0, 600)])
    assert train.split() == ["train", *(f"{value:.4g}" for value in (y.mean(), y.std(), y.min(), y.max()))]
    assert text.count("targets: distance 0.") == 2
    assert "test has 50 examples: an error is measured there to within 10 % of itself (one standard error)." in text
    assert "look as if" not in text


def test_targets_that_drift_are_reported_with_the_number(study):
    text = run(study(prices(0, 600), prices(1, 200), prices(2, 200, factor=1.5), ", task: regression"), "mine.yaml")
    assert "- dev and test have targets that look as if they came from different distributions (distance 0." in text
    assert "train and dev have targets" not in text


def test_a_target_far_off_is_named():
    random = np.random.default_rng(0)
    y = random.normal(1000, 10, size=300)
    train, dev = Subset(random.normal(size=(300, 3)), y), Subset(random.normal(size=(200, 3)), y[:200].copy())
    found = Dataset(train, dev, None, (), ("a", "b", "c"))
    assert advice(looked(found)) == ()
    y[7] = 123_456.0
    (text,) = advice(looked(found))
    assert text.startswith("a target of train, 123,456, is 17.29 deviations from the mean")  # sqrt(299): all but alone
    y[7], dev.y[3] = 1000, 1200
    (text,) = advice(looked(found))
    assert text.startswith("a target of dev, 1,200, is ")


def looked(found, **settings):
    """The review of a data set whose parts are CSV files of their own, or as the settings say."""
    return review(found, DataSettings(**{"path": "t.csv", "dev": "d.csv", "test": "e.csv", **settings}))


def dataset(train, dev, y=None):
    def subset(x):
        return Subset(np.asarray(x, float), np.arange(len(x)) % 2 if y is None else np.full(len(x), y))

    first = Subset(np.asarray(train, float), np.arange(len(train)) % 2)
    return Dataset(first, subset(dev), None, ("no", "yes"), tuple("abc"[: first.x.shape[1]]))


def test_rows_of_dev_that_are_in_train_are_counted():
    random = np.random.default_rng(0)
    train, dev = random.normal(size=(300, 3)), random.normal(size=(200, 3))
    assert advice(looked(dataset(train, dev))) == ()
    dev[:7] = train[10:17]
    dev[7:10] = train[20:23] + 1e-9
    (repeats,) = looked(dataset(train, dev)).repeats
    assert (repeats.exact, repeats.near) == (7, 10)
    (text,) = advice(looked(dataset(train, dev)))
    assert text.startswith("7 of 200 inputs of dev are in train, too")
    dev[:100] = train[:100] + 1e-9
    (text,) = advice(looked(dataset(train, dev)))
    assert "100 of 200 inputs of dev are nearly the same" in text


def test_the_same_inputs_with_other_answers_are_counted_apart():
    random = np.random.default_rng(0)
    found = dataset(random.normal(size=(300, 3)), random.normal(size=(200, 3)))
    found.dev.x[:40] = found.train.x[:40]
    found.dev.y[:30] = 1 - found.train.y[:30]  # persons of several years, say
    (text,) = [text for text in advice(looked(found)) if "inputs" in text]
    assert text.startswith("40 of 200 inputs of dev are in train, too, 10 of them with the same answer.")


def test_inputs_that_are_near_by_chance_get_no_advice():
    random = np.random.default_rng(0)
    found = dataset(random.normal(size=(15000, 2)), random.normal(size=(1000, 2)))
    (repeats,) = looked(found).repeats
    assert repeats.near > 50  # so many of 1,000, with two columns and 15,000 rows of train
    assert repeats.by_chance
    assert advice(looked(found)) == ()


def test_pixels_and_columns_of_built_in_sets_are_not_to_be_left_out():
    random = np.random.default_rng(0)
    found = dataset(random.normal(size=(300, 3)), random.normal(size=(200, 3)))
    found.train.x[:, 1] = found.dev.x[:, 1] = 4
    assert any("put under data.ignore" in text for text in advice(looked(found)))
    assert any("left out of X" in text for text in advice(looked(found, path="t.npz")))
    assert advice(looked(found, path=None, source="digits")) == ()
    assert advice(looked(replace(found, image=(1, 3, 1)), path="t.npz")) == ()


def test_what_hptune_has_parted_itself_differs_by_chance():
    random = np.random.default_rng(0)
    found = dataset(random.normal(size=(300, 3)), random.normal(1, size=(200, 3)))
    (own,) = advice(looked(found, dev=None, test=None))
    assert own.endswith("and of those 1 split in 100 looks so by chance: take another data.seed.")
    (theirs,) = advice(looked(found))
    assert theirs.endswith("look at where the data come from.")


@pytest.mark.parametrize(
    ("counts", "metric", "is_advised"),
    [
        ((40, 1960), "dev_error", True),
        ((40, 1960), "dev_loss", False),
        ((99, 901), "dev_error", True),
        ((101, 899), "dev_error", False),
        ((97,) * 9 + (127,), "dev_error", False),  # ten classes
        ((9, 70, 76, 17, 13, 29), "dev_error", True),
    ],
)
def test_another_metric_is_advised_where_a_class_is_rare(counts, metric, is_advised):
    config = parse(
        yaml_tree.parse(f"data: {{source: moons}}\nspace: {{l2: 0}}\nsearch: {{metric: {metric}}}", "s.yaml"),
        (), default_name="s", folder=None,
    )  # fmt: skip
    classes = [f"c{number}" for number in range(len(counts))]
    texts = list(metric_advice(config, classes, counts))
    assert len(texts) == is_advised
    assert all(text.endswith("Write dev_loss.") and '"c0" is ' in text for text in texts)


def test_minus_zero_is_zero():
    assert looked(dataset([[0.0], [1.0]], [[-0.0]])).repeats[0].exact == 1


def test_constant_columns_and_absent_classes_are_named():
    random = np.random.default_rng(0)
    train, dev = random.normal(size=(300, 3)), random.normal(size=(200, 3))
    train[:, 1] = dev[:, 1] = 4
    texts = advice(looked(dataset(train, dev, y=1)))
    assert texts[0].startswith("train and dev have different shares of classes")
    assert texts[1].startswith('dev has no examples of "no"')
    assert texts[2].startswith('1 column with one value in train: "b"')


def test_classes_of_few_examples_are_named():
    random = np.random.default_rng(0)
    found = dataset(random.normal(size=(400, 2)), random.normal(size=(200, 2)))
    found.dev.y[:] = 0
    found.dev.y[:4] = 1
    texts = advice(looked(found))
    assert texts[1:] == (
        'dev has fewer than 5 examples of "yes": its error hardly tells how well they are known. Add examples.',
    )
    found.dev.y[4] = 1
    assert len(advice(looked(found))) == 1


def test_texts_of_dev_that_train_does_not_have_are_counted(study):
    train = [f"{i % 7},1,{'ab'[i % 2]},1,{('yes', 'no')[i % 3 == 0]}" for i in range(300)]
    dev = [line.replace("a", "A") if i < 3 else line for i, line in enumerate(train[:200])]
    text = " ".join(run(study(train, dev, train[:200]), "mine.yaml").split())
    assert '2 of 200 rows of dev have a text in column "c" that is not in train, which has "a", "b"' in text
    assert "of test have a text" not in text


def test_other_numbers_in_columns_of_0_and_1_are_named():
    random = np.random.default_rng(0)
    train, dev = np.round(random.random((300, 3))), np.round(random.random((200, 3)))
    train[:, 2] += dev[:, 2].max()  # 1 and 2: normalised
    dev[:, 2] += 1
    said = "of nothing but 0 and 1 in train with other numbers in dev: "
    assert not [text for text in advice(looked(dataset(train, dev))) if said in text]
    dev[5, 1] = 2
    (text,) = (text for text in advice(looked(dataset(train, dev))) if said in text)
    assert text.startswith(f'1 column {said}"b". ')


def test_huge_targets_make_no_warning(study):
    def huge(n):
        return [f"{i},1,1,1,{(1 + i % 7) * 1e307:.3e}" for i in range(n)]

    text = run(study(huge(300), huge(200), huge(200), ", task: regression"), "mine.yaml")
    assert "Warning" not in text
    assert "inf" not in text


def test_data_without_anything_that_varies_are_printed_too(study):
    home = study(["1,1,1,1,yes", "1,1,1,1,no"] * 9, ["1,1,1,1,yes", "1,1,1,1,no"], ["1,1,1,1,yes", "1,1,1,1,no"])
    assert "0 columns compared" in run(home, "mine.yaml")


def test_switches_are_written_as_in_a_study_file_and_too_few_classes_are_not_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{i},{'ab'[i % 2]}" for i in range(12))
    (tmp_path / "tiny.csv").write_text(f"x,y\n{rows}\n")
    (tmp_path / "s.yaml").write_text(
        "data: {path: tiny.csv, target: y}\n"
        "space:\n"
        "  batch_norm: {choices: [true, false]}\n"
        "  batch_norm_momentum: {scale: 1-beta, low: 0.5, high: 0.99, when: {batch_norm: true}}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "hptune", "check", "s.yaml"], capture_output=True, text=True, check=True
    )
    assert "batch_norm: true" in ended.stdout
    assert "True" not in ended.stdout
    assert "shares of classes: too few examples to compare" in ended.stdout


def test_a_mistake_in_the_study_file_hides_none_in_the_data(study):
    home = study(rows(0, 100), rows(1, 100), ["1,2,oops,1,yes"])
    (home / "mine.yaml").write_text((home / "mine.yaml").read_text().replace("learning_rate", "learning_rat"))
    before = sorted(home.rglob("*"))
    for command in ("check", "search"):
        ended = subprocess.run(
            [sys.executable, "-m", "hptune", command, "mine.yaml"],
            cwd=home, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ended.returncode == 3
        first, second = ended.stderr.splitlines()
        assert first.startswith("mine.yaml:3:3: space.learning_rat: unknown key.")
        assert 'test.csv:2: column "c": found "oops", expected a number' in second
    assert sorted(home.rglob("*")) == before


def test_a_data_section_that_is_wrong_itself_is_all_that_is_said_of_the_data(study):
    home = study(rows(0, 100), rows(1, 100), ["1,2,oops,1,yes"])
    text = run(home, "mine.yaml", "--set", "data.target=3", "--set", "space.oops=1", code=3)
    assert "data.target: expected text" in text
    assert "space.oops" in text
    assert 'found "oops"' not in text
    text = run(home, "mine.yaml", "--set", "space.oops=1", "--set", "data={source: moons}", code=3)
    assert len(text.splitlines()) == 1  # now the data are sound


def test_what_is_drawn_and_what_it_takes_are_shown_and_advice_changes_no_exit_code(study):
    home = study(rows(0, 600), rows(1, 200), rows(2, 200), ", ignore: [k]")
    text = run(home, "mine.yaml", "--workers", "9999", "--runs", "over/there", "--set", "search.trials=20")
    assert "on 20 workers, roughly: 20 trainings, 600 epochs in all" in text
    assert "in over/there, where" in text
    assert "search.trials: 20 trainings for 3 hyperparameters that are searched: 10 for each are 30." in text
    _, lines = text.split("\n1,000 draws, each on its own scale\n")
    header, rate, optimizer, beta1 = lines.splitlines()[:4]
    assert header.split() == ["hyperparameter", "spread", "drawn", "in"]
    assert rate.split()[:2] == ["learning_rate", "0.0001"]
    assert rate.split()[-2:] == ["1", "100%"]
    adam = optimizer.split("(")[1].split(")")[0]
    assert beta1.split()[-1] == adam
    assert not (home / "over").exists()


def test_an_ascii_terminal_gets_other_bars(study):
    home = study(rows(0, 600), rows(1, 200), rows(2, 200))
    ended = subprocess.run(
        [sys.executable, "-m", "hptune", "check", "mine.yaml"],
        cwd=home, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    text = ended.stdout.decode("ascii")
    (line,) = [line for line in text.splitlines() if line.startswith("learning_rate") and line.endswith("100%")]
    assert len(line.split()[2]) == 16
    assert "?" not in line


def test_a_budget_of_time_is_said_as_such(study):
    home = study(rows(0, 600), rows(1, 200), rows(2, 200))
    assert " s (at most 45 s) on " in run(home, "mine.yaml", "--set", "search={time: 45s}")
