"""Columns that are hardly inputs: numbers of rows and the label in other words are named, ordinary columns are not."""

import numpy as np
import pytest

from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.data.suspects import advice


def found(folder, columns, target="label", **settings):
    """The advice on a CSV file of named columns."""
    path = folder / "t.csv"
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows]) + "\n")
    data = DataSettings(path=str(path), target=target, **settings)
    return list(advice(load(data), data))


def ordinary(random, n=150):
    label = random.choice(["red", "green", "blue"], n)
    return {
        "x": random.normal(size=n).round(3),
        "year": random.permutation(np.arange(n) + 1900) if n <= 200 else random.integers(1900, 2020, n),
        "age": random.integers(18, 90, n),
        "income": random.choice(10**6, n, replace=False),  # all different
        "rating": random.integers(1, 6, n),
        "town": random.choice(list("abcdef"), n),
        "good": np.where(random.random(n) < 0.95, label == "red", label != "red").astype(int),
        "label": label,
    }


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [60, 150, 400])
def test_ordinary_columns_get_no_advice(tmp_path, seed, n):
    assert found(tmp_path, ordinary(np.random.default_rng(seed), n)) == []


@pytest.mark.parametrize(
    ("name", "ids", "said"),
    [
        ("Id", lambda random, n: np.arange(1, n + 1), "every whole number from 1 to 150 is there once"),
        ("x1", lambda random, n: random.permutation(n), "every whole number from 0 to 149 is there once"),
        ("patient", lambda random, n: 10_000 + random.permutation(n), "every whole number from 10000 to 10149"),
        ("row", lambda random, n: np.delete(np.arange(160), range(10)), "every whole number from 10 to 159"),
        ("number", lambda random, n: np.arange(165)[np.arange(165) % 11 > 0], "whole numbers of which each of"),
        ("customer_id", lambda random, n: random.choice(10**7, n, replace=False), "whole numbers of which each of"),
        ("userId", lambda random, n: random.choice(10**7, n, replace=False), "whole numbers of which each of"),
        ("code", lambda random, n: [f"p{i:04d}" for i in random.permutation(n)], "each of 150 rows has a text of its"),
    ],
)  # fmt: skip
def test_a_number_or_name_of_the_row_is_named(tmp_path, name, ids, said):
    random = np.random.default_rng(0)
    columns = ordinary(random)
    (text,) = found(tmp_path, {name: ids(random, 150), **columns})
    assert text.startswith(f'column "{name}": {said}')
    assert text.endswith("put it under data.ignore.")
    assert found(tmp_path, {name: ids(random, 150), **columns}, ignore=(name,)) == []


@pytest.mark.parametrize(
    ("leak", "said"),
    [
        (lambda label: label, "is the label in other words"),
        (lambda label: np.select([label == "red", label == "green"], [7, -1], 3), "is the label in other words"),
        (np.char.upper, "is the label in other words"),
        (
            lambda label: [f"{text}{i % 3}" for i, text in enumerate(label)],
            "tells the label by itself: each of its 9 values goes with one class alone",
        ),
    ],
)
def test_a_column_that_is_the_label_is_named(tmp_path, leak, said):
    columns = ordinary(np.random.default_rng(1))
    (text,) = found(tmp_path, {**columns, "leak": leak(columns["label"].astype("U9"))})
    assert text.startswith(f'column "leak" {said}')
    wrong = np.array(leak(columns["label"].astype("U9")))
    wrong[7] = wrong[np.flatnonzero(columns["label"] != columns["label"][7])[0]]
    assert found(tmp_path, {**columns, "leak": wrong}) == []


@pytest.mark.parametrize("made", [lambda y: y, lambda y: 32 + 1.8 * y, lambda y: -y, lambda y: np.exp(y / 9)])
def test_a_column_with_the_order_of_the_target_is_named(tmp_path, made):
    random = np.random.default_rng(2)
    y = random.normal(size=120)
    columns = {"x": random.normal(size=120), "near": y + random.normal(size=120) / 100, "leak": made(y), "y": y}
    (text,) = found(tmp_path, columns, target="y", task="regression")
    assert text.startswith('column "leak" has exactly the order of the target')


def test_the_only_column_of_a_noiseless_curve_is_no_leak(tmp_path):
    x = np.linspace(0, 1, 100)
    assert found(tmp_path, {"x": x, "y": x**3}, target="y", task="regression") == []


@pytest.mark.parametrize("source", ["digits", "moons", "linear", "sine"])
def test_built_in_sets_get_no_advice(source):
    settings = DataSettings(source=source, task="regression" if source in ("linear", "sine") else "classification")
    assert list(advice(load(settings), settings)) == []


def test_arrays_are_looked_at_too(tmp_path):
    random = np.random.default_rng(3)
    x = np.column_stack([np.arange(90), random.normal(size=90)])
    np.savez(tmp_path / "a.npz", X=x, y=np.arange(90) % 2)
    settings = DataSettings(path=str(tmp_path / "a.npz"))
    (text,) = advice(load(settings), settings)
    assert text.endswith("leave it out of X.")


def with_gaps(values, *rows):
    return ["" if row in rows else value for row, value in enumerate(values)]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("Id", lambda label: with_gaps(np.arange(150), 3, 77), "whole numbers of which each of 148 rows has one of"),
        ("leak", lambda label: with_gaps((label == "red").astype(int), 3, 77), "is the label in other words"),
        ("kind", lambda label: with_gaps(np.where(label == "red", "r", "o"), 3, 77), "is the label in other words"),
        ("body", lambda label: np.where(label == "red", np.arange(150) // 2, ""), "is missing in all rows of one"),
        ("boat", lambda label: np.where(label == "red", "b", ""), "is missing in all rows of one class"),
    ],
)  # fmt: skip
def test_gaps_are_no_values_and_may_be_the_label_themselves(tmp_path, name, values, said):
    columns = ordinary(np.random.default_rng(0))
    columns["label"] = np.where(columns["label"] == "red", "red", "other")
    del columns["good"]
    (text,) = found(tmp_path, {**columns, name: values(columns["label"])}, missing="fill")
    assert text.startswith((f'column "{name}": {said}', f'column "{name}" {said}'))
    assert text.endswith("put it under data.ignore.")
