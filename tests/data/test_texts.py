"""Columns of text: what is said of them before a search."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hptune.data import texts
from hptune.data.dataset import Dataset, Subset

PART = Subset(np.zeros((1, 1)), np.zeros(1, np.int64))


def advice(categories, *, classes=("no", "yes"), categorical=()):
    columns = [["size", None], ["c", categories]]
    schema = json.dumps({"target": "y", "ignored": [], "classes_are_numbers": False, "columns": columns})
    return list(texts.advice(Dataset(PART, PART, None, tuple(classes), ("x",), schema=schema), categorical))


@pytest.mark.parametrize(
    ("categories", "said"),
    [
        (["70%", "71%", "n.a."], 'column "c": 2 of 3 texts (as "70%") look like numbers'),
        (["$12", "$1,234", "$3.50"], '3 of 3 texts (as "$12") look like numbers'),
        (["1.5 kg", "20kg", "-3 kg"], '3 of 3 texts (as "1.5 kg") look like numbers'),
        (["1,234", "12", "unknown"], '2 of 3 texts (as "1,234") look like numbers'),
        (["20 m2", "35 m2"], '2 of 2 texts (as "20 m2") look like numbers'),
        (["12 °C", "13 °C", "9 °C"], '3 of 3 texts (as "12 °C") look like numbers'),
        (["EUR 12", "EUR 7,50", "EUR 1.234,50"], '3 of 3 texts (as "EUR 12") look like numbers'),
        (["80 km/h", "100 km/h"], '2 of 2 texts (as "80 km/h") look like numbers'),
        (["2024-01-05", "2024-02-11", "later"], '2 of 3 texts (as "2024-01-05") look like dates'),
        (["5.1.2024", "11.2.2024 10:30"], '2 of 2 texts (as "5.1.2024") look like dates'),
        (["01/05/24", "02/11/24"], '2 of 2 texts (as "01/05/24") look like dates'),
    ],
)
def test_numbers_and_dates_that_pass_for_names_are_named(categories, said):
    (text,) = advice(categories)
    assert said in text
    assert "or put it under data.categorical if they are names." in text
    assert advice(categories, categorical=["c"]) == []


@pytest.mark.parametrize(
    "categories",
    [
        ["red", "blue", "7 up"],
        ["12a", "12b", "13c"],  # numbers of houses
        ["1st", "2nd", "3rd"],
        ["18-25", "26-35", "36-45"],
        ["A1", "B2", "C3"],
        ["10.0.0.1", "10.0.0.2"],
        ["12:30", "13:45"],
        ["v1.2.3", "v1.2.4"],
        ["rooms: 12", "rooms: 13"],
        ["70%", "low", "high"],
        ["PAL0708", "PAL0809", "PAL0910"],  # studies, in penguins-raw of palmerpenguins
    ],
)
def test_names_are_left_alone(categories):
    assert advice(categories) == []


def test_what_differs_only_in_case_or_blanks_is_named():
    (text,) = advice(["New York", "NewYork", "Paris", "new york"])
    assert text == (
        'column "c": "New York", "NewYork", "new york" differ only in case or blanks, and each is a category of its '
        "own: spell them alike if they mean the same."
    )
    (text,) = advice(["a", "b"], classes=("No", "YES", "Yes", "no"), categorical=["c"])
    assert text.startswith(
        'classes: "No", "no" differ only in case or blanks (and so does 1 more group), and each is a'
    )


def test_columns_of_numbers_are_none_of_text():
    assert texts.columns_of_text(Dataset(PART, PART, None, ("0", "1"), ("x",))) == ()
