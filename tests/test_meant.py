"""Values in another notation than here: what was probably meant is said, and nothing of an ordinary study."""

from __future__ import annotations

import programs
import pytest

from hptune.analysis.meant import meant_otherwise
from hptune.config import yaml_tree
from hptune.config.study_file import parse

L2 = "l2: {scale: log, low: 1e-4, high: 1}"


def notes(space, train=""):
    text = f"data: {{source: moons}}\ntrain: {{{train}}}\nspace: {{{space}}}\n"
    return list(meant_otherwise(parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)))


@pytest.mark.parametrize(
    ("space", "train", "key", "write"),
    [
        # the course: "sample 1 - beta, which is in [0.0001, 0.1]"
        ("beta1: {scale: 1-beta, low: 1e-4, high: 0.1}", "", "space.beta1", "{scale: 1-beta, low: 0.9, high: 0.9999}"),
        ("beta2: {scale: log, low: 1e-4, high: 0.1}", "", "space.beta2", "{scale: 1-beta, low: 0.9, high: 0.9999}"),
        (
            "optimizer: {choices: [momentum, adam]}, momentum: {low: 0, high: 0.1, when: {optimizer: momentum}}",
            "",
            "space.momentum",
            "{scale: 1-beta, low: 0.9, high: 0.9999, when: {optimizer: momentum}}",
        ),
        ("beta1: {choices: [0.1, 0.01]}", "", "space.beta1", "{choices: [0.9, 0.99]}"),
        ("beta1: 0.1", "", "space.beta1", "beta1: 0.9"),
        (L2, "beta2: 0.001", "train.beta2", "beta2: 0.999"),
        # another tool: "momentum: 0.1" of batch normalisation is the weight of the new mean
        (L2, "batch_norm: true, batch_norm_momentum: 0.1", "train.batch_norm_momentum", "batch_norm_momentum: 0.9"),
        (L2, "dropout: 0.8", "train.dropout", "dropout: 0.2"),
        (L2, "input_dropout: 0.9", "train.input_dropout", "input_dropout: 0.1"),
        ("dropout: {low: 0.5, high: 0.9}", "", "space.dropout", "{low: 0.1, high: 0.5}"),
        ("dropout: {scale: 1-beta, low: 0.5, high: 0.9}", "", "space.dropout", "{low: 0.1, high: 0.5}"),
        ("dropout: {low: 0.5, high: 0.9, step: 0.1}", "", "space.dropout", "{low: 0.1, high: 0.5, step: 0.1}"),
        ("dropout: {choices: [0.5, 0.7, 0.8]}", "", "space.dropout", "{choices: [0.5, 0.3, 0.2]}"),
        (L2, "dropout_by_layer: [0.5, 0.8]", "train.dropout_by_layer", "[0.5, 0.2]"),
        (
            "dropout_by_layer: {choices: [[0.9], [0.5, 0.8]]}",
            "",
            "space.dropout_by_layer",
            "{choices: [[0.1], [0.5, 0.2]]}",
        ),
        # the course: "another way is 0.95^epoch"
        (L2, "learning_rate_decay: 0.95", "train.learning_rate_decay", "schedule: exponential and decay_factor: 0.95"),
        (
            "learning_rate_decay: {low: 0.9, high: 0.99}",
            "",
            "space.learning_rate_decay",
            "schedule: exponential and decay_factor: {scale: 1-beta, low: 0.9, high: 0.99}",
        ),
        (
            "decay_factor: {scale: 1-beta, low: 0.01, high: 0.1}",
            "schedule: exponential",
            "space.decay_factor",
            "{scale: 1-beta, low: 0.9, high: 0.99}",
        ),
        ("learning_rate: {low: 1, high: 100}", "", "space.learning_rate", "{scale: log, low: 0.0001, high: 1}"),
        ("learning_rate: {low: 1, high: 4}", "", "space.learning_rate", "{scale: log, low: 0.0001, high: 0.1}"),
        ("learning_rate: {choices: [2, 3]}", "", "space.learning_rate", "{choices: [0.001, 0.01]}"),
    ],
)  # fmt: skip
def test_what_was_probably_meant_is_written_out(space, train, key, write):
    (text,) = notes(space, train)
    assert text.startswith(f"{key}: ")
    assert f"write {write}" in text
    what = write.replace("schedule: exponential and ", "")
    assert not notes(*_instead(key, what, train)), "and that needs no note any more"


def _instead(key, what, train):
    """The space and the train section with what was advised in place of what was there."""
    section, _, name = key.partition(".")
    if what.startswith("decay_factor: ") and "decay_factor" not in key:
        name, what = "decay_factor", what.removeprefix("decay_factor: ")
    what = what.removeprefix(f"{name}: ")
    kept = [part for part in ("batch_norm: true",) if part in train]
    others = {"momentum": "optimizer: {choices: [momentum, adam]}"}.get(name, "")
    if name == "decay_factor":
        kept.append("schedule: exponential")
    if section == "train":
        return L2, ", ".join([*kept, f"{name}: {what}"])
    return ", ".join(part for part in (others, f"{name}: {what}") if part), ", ".join(kept)


@pytest.mark.parametrize(
    ("space", "train"),
    [
        (L2, ""),
        ("beta1: {scale: 1-beta, low: 0.9, high: 0.9999}, beta2: {scale: 1-beta, low: 0.9, high: 0.99999}", ""),
        ("beta1: {scale: 1-beta, low: 0, high: 0.999}", ""),
        ("momentum: {low: 0.5, high: 0.99}", "optimizer: momentum"),
        ("momentum: {low: 0, high: 0.9}", "optimizer: momentum"),
        ("momentum: {choices: [0, 0.5, 0.9]}", "optimizer: momentum"),
        ("beta1: {choices: [0, 0.9]}", "beta2: 0.99"),
        (L2, "optimizer: momentum, momentum: 0"),  # none is meant
        (L2, "optimizer: momentum, momentum: 0.5"),
        ("dropout: {low: 0, high: 0.5}", "input_dropout: 0.2"),
        ("dropout: {low: 0.1, high: 0.8}", ""),
        ("dropout: {choices: [0, 0.25, 0.5, 0.75]}", ""),
        ("dropout: {choices: [0.2, 0.5]}", ""),
        (L2, "dropout: 0.5"),
        (L2, "dropout: 0.6"),
        (L2, "dropout_by_layer: [0.2, 0.5]"),
        ("learning_rate_decay: {low: 0, high: 1}", ""),
        ("learning_rate_decay: {scale: log, low: 1e-3, high: 10}", ""),
        (L2, "learning_rate_decay: 1"),  # the course's own example
        (L2, "learning_rate_decay: 0.1"),
        ("learning_rate_decay: {choices: [0, 0.5, 0.95]}", ""),
        ("decay_factor: {scale: 1-beta, low: 0.5, high: 0.99}", "schedule: exponential"),
        (L2, "schedule: exponential, decay_factor: 0.5"),
        (L2, "schedule: exponential"),
        ("learning_rate: {scale: log, low: 1e-4, high: 1}", ""),
        ("learning_rate: {scale: log, low: 0.01, high: 10}", "optimizer: gradient_descent"),
        ("learning_rate: {choices: [0.1, 1]}", "optimizer: gradient_descent"),
        (L2, "optimizer: gradient_descent, learning_rate: 1.2"),  # as in the course's second week
    ],
)
def test_an_ordinary_study_gets_no_note(space, train):
    assert notes(space, train) == []


def test_a_search_says_it_before_it_begins_and_check_says_it_with_its_advice(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "data: {source: moons, examples: 60}\ntrain: {epochs: 1, dropout: 0.8}\n"
        "space: {learning_rate: {scale: log, low: 1e-3, high: 1}}\nsearch: {trials: 2, confirm: false}\n"
    )
    said = "train.dropout: 0.8 drops 80% of the hidden units, for dropout is the share dropped, 1 - keep_prob."
    assert f"Note: {said}" in programs.hptune(tmp_path, "search", "s.yaml", "--dry-run", COLUMNS="400")
    assert f"- {said}" in programs.hptune(tmp_path, "check", "s.yaml", COLUMNS="400")
