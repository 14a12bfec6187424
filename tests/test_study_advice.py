"""What `hptune check` advises: each sentence where it is due, and none where nothing could be better."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hptune import agenda
from hptune.analysis.expectation import expectation
from hptune.analysis.preview import draws, previews
from hptune.analysis.study_advice import budget_notes, limits_advice, machine_advice, study_advice, worker_notes
from hptune.config import study_file, yaml_tree
from hptune.config.study_file import parse
from hptune.machine import Machine

DATA = {"train": 600, "dev": 200, "test": 200, "features": 2, "classes": 2}
MACHINE = Machine(2, 8e9, Path("runs"), 1e9)


def study(space, train="", search="trials: 100"):
    train_section = f"train: {{{train}}}\n" if train else ""
    text = f"data: {{source: moons}}\n{train_section}space: {{{space}}}\nsearch: {{parallel: 4, {search}}}\n"
    return parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)


def expected(config, data=DATA, n_workers=2, cores=2):
    plan = agenda.first_stage(config).plan
    return expectation(config, plan, data, draws(config, 100), n_workers=n_workers, cores=cores)


def advice(space, train="", search="trials: 100", data=DATA):
    config = study(space, train, search)
    plan = agenda.first_stage(config).plan
    return study_advice(config, plan, previews(config, draws(config, 200)), expected(config, data), data["train"])


L2 = "l2: {scale: log, low: 1e-4, high: 1}"


@pytest.mark.parametrize(
    "space",
    [
        L2,
        "l2: {low: 0, high: 1}",  # a log scale has no 0
        "l2: {low: 0.011, high: 1}",
        "hidden_units: {low: 4, high: 128}",
        "beta1: {scale: 1-beta, low: 0.9, high: 0.999}",
        "init_scale: {low: 0.5, high: 0.9}",  # 1 is nothing special to it
        "dropout: {low: 0, high: 0.5}",
        "optimizer: {choices: [adam, momentum]}",
        "optimizer: adam, " + L2,
        "batch_size: {choices: [32, 600, full]}",
        "patience: {choices: [0, 5, 29]}",
        "init: {choices: [auto, zeros, large]}",  # an experiment
        "activation: {choices: [relu, sigmoid]}, hidden_layers: {low: 1, high: 30}",
        "learning_rate: {scale: log, low: 0.003, high: 0.01}",
        "optimizer: {choices: [momentum, adam]}, momentum: {choices: [0.9], when: {optimizer: momentum}}",
    ],
)
def test_a_good_study_needs_no_advice(space):
    assert [text for text in advice(space) if "the space has only" not in text] == []


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_no_shipped_study_needs_advice(path):
    config = study_file.load(path)
    plan = agenda.first_stage(config).plan
    shown = previews(config, draws(config, 200))
    assert study_advice(config, plan, shown, expected(config), 600) == ()
    assert not list(machine_advice(expected(config), MACHINE))


@pytest.mark.parametrize(
    ("space", "train", "said"),
    [
        (
            "learning_rate: {low: 0.001, high: 1}",
            "",
            ("space.learning_rate: linear from 0.001 to 1 puts nine draws in ten above 0.1: "
            "write {scale: log, low: 0.001, high: 1}."),
        ),
        (
            "hidden_units: {low: 2, high: 512}",
            "",
            ("space.hidden_units: linear from 2 to 512 puts nine draws in ten above 51: "
            "write {type: int, scale: log, low: 2, high: 512}."),
        ),
        (
            "l2: {low: 0.01, high: 1, step: 0.01}",
            "",
            "space.l2: linear from 0.01 to 1 puts nine draws in ten above 0.1: write {scale: log, low: 0.01, high: 1}.",
        ),
        (
            ("optimizer: {choices: [adam, rmsprop, momentum]}, "
            "l2: {low: 0.001, high: 0.5, when: {optimizer: [adam, momentum]}}"),
            "",
            ("space.l2: linear from 0.001 to 0.5 puts nine draws in ten above 0.05: "
            "write {scale: log, low: 0.001, high: 0.5, when: {optimizer: [adam, momentum]}}."),
        ),
        (
            "beta1: {low: 0.9, high: 0.999}",
            "",
            ("space.beta1: linear from 0.9 to 0.999, but near 1 it is the distance from 1 that counts (an average over "
            "10 steps at one end, over 1,000 steps at the other): write {scale: 1-beta, low: 0.9, high: 0.999}."),
        ),
        ("beta2: {scale: log, low: 0.9, high: 0.999}", "", "space.beta2: log from 0.9 to 0.999, but near 1"),
        ("momentum: {low: 0.1, high: 0.9}", "optimizer: momentum", "write {scale: 1-beta, low: 0.1, high: 0.9}."),
        ("decay_factor: {low: 0.5, high: 0.99}", "schedule: exponential", "scale: 1-beta, low: 0.5, high: 0.99}."),
        (
            "optimizer: {choices: [adam]}, " + L2,
            "",
            ("space.optimizer: a single choice, adam, leaves nothing to search: give others, or write optimizer: adam "
            "under train."),
        ),
        (
            "learning_rate: {low: 0.01, high: 0.02}",
            "",
            ("space.learning_rate: linear from 0.01 to 0.02 is narrow: unless the best is known to lie there, write "
            "{scale: log, low: 0.0001, high: 1}."),
        ),
        (L2, "init: zeros", "train.init: zeros keeps all units of a layer alike"),
        ("init: {choices: [zeros]}, " + L2, "", "space.init: zeros keeps all units of a layer alike"),
        (L2, "init: large", "train.init: large begins with weights that saturate the units"),
        (
            L2,
            "activation: sigmoid, hidden_layers: 30",
            "train.activation: sigmoid in 30 hidden layers, but each sigmoid passes on a quarter",
        ),
        (
            L2,
            "patience: 30",
            "train.patience: 30 ends no training, for a trial has 30 epochs at most: write less than 30.",
        ),
        ("patience: {choices: [0, 5, 40, 50]}", "", "space.patience: 40 or 50 ends no training, for a trial has 30"),
        (
            L2,
            "schedule: staircase, epochs: 8",
            ("train.decay_epochs: 10 (its default) never halves the learning rate, for a trial has 8 epochs at most: "
            "write less than 8."),
        ),
        (
            L2,
            "schedule: manual, learning_rate_factors: {10: 0.1, 30: 0.01}",
            "train.learning_rate_factors: a factor from epoch 30 on is never reached, for a trial has 30 epochs",
        ),
        (
            "batch_size: {choices: [32, 601, 1024]}",
            "",
            ("space.batch_size: 601 or 1024 is more than the 600 examples of train, and means all of them: "
            "write less, or full."),
        ),
        ("batch_size: {type: int, scale: log, low: 16, high: 700}", "", "space.batch_size: 700 is more than"),
        (L2, "epochs: 1", "search.bars: true stops nothing, for a trial has 1 epoch at most: give more epochs"),
        (
            "learning_rate_decay: {low: 0, high: 1}",
            "epochs: 1",
            "space.learning_rate_decay: changes nothing, for a trial has 1 epoch at most, and it acts from the second",
        ),
    ],
)  # fmt: skip
def test_what_could_be_better_is_named_with_what_to_write(space, train, said):
    (text,) = [text for text in advice(space, train) if said in text]
    assert text.endswith(".")


@pytest.mark.parametrize(
    "train",
    [
        "init: zeros, hidden_layers: 0",
        "activation: sigmoid, hidden_layers: 3",
        "batch_norm: true, hidden_layers: 30, activation: sigmoid",
    ],
)
def test_first_weights_and_depths_that_can_learn_need_no_advice(train):
    assert advice(L2, train) == ()


def test_what_is_hardly_ever_drawn_is_named():
    units = ", ".join(f"[{n}]" for n in range(1, 40))
    texts = advice(f"widths: {{choices: [same, {units}]}}, hidden_units: {{low: 4, high: 64}}", search="trials: 10000")
    (text,) = [text for text in texts if "drawn in" in text]
    assert text.startswith("space.hidden_units: drawn in ")
    assert "of 200 configurations, for what it goes with is rare" in text


def test_a_budget_is_too_small_below_ten_trainings_for_each_hyperparameter():
    space = f"{L2}, dropout: {{low: 0, high: 0.5}}, learning_rate: {{scale: log, low: 1e-4, high: 1}}"
    small = "search.trials: 29 trainings for 3 hyperparameters that are searched: 10 for each are 30."
    assert f"{small} Allow more, or search fewer." in advice(space, search="trials: 29")
    assert not any("searched" in text for text in advice(space, search="trials: 30"))
    (text,) = [text for text in advice(space, search="epochs: 90, bars: false") if "searched" in text]
    assert text.startswith("search.epochs: some 3 trainings for 3 hyperparameters")
    (text,) = [
        text
        for text in advice(space, search="time: 1s, trials: 1000", data={**DATA, "train": 10**7})
        if "searched" in text
    ]
    assert text.startswith("search.trials and search.time: some ")


def test_a_single_hyperparameter_needs_ten_trainings_too():
    texts = advice("learning_rate: {scale: log, low: 1e-4, high: 1}", search="trials: 5")
    said = "search.trials: 5 trainings for the one hyperparameter that is searched: it takes 10. Allow more."
    assert said in texts


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("trial_timeout: 0.001s", "search.trial_timeout: 0.001 s, but a training of all its epochs takes some "),
        ("worker_memory: 9GB", "search.worker_memory: 9 GB are more than the 8 GB of this machine"),
        (
            "worker_memory: 256MB",
            "search.worker_memory: 256 MB, but a worker with the largest network takes some 1.7 GB: its trial would",
        ),
    ],
)
def test_limits_are_measured_against_what_is_expected(search, said):
    config = study("hidden_units: {choices: [10000]}, hidden_layers: {choices: [2]}, " + L2, search=search)
    (text,) = limits_advice(config, expected(config), MACHINE)
    assert text.startswith(said)
    enough = study("hidden_units: {choices: [10]}, " + L2, search="trial_timeout: 1h, worker_memory: 256MB")
    assert not list(limits_advice(enough, expected(enough), MACHINE))


def test_a_small_space_needs_no_large_budget():
    (text,) = advice("batch_size: {choices: [16, 32]}, optimizer: {choices: [adam, momentum]}", search="trials: 4")
    assert text.startswith("search.confirm: ")


def test_what_is_chosen_before_anything_is_known_is_said_where_there_is_a_choice():
    def notes(space, search):
        config = study(space, search=search)
        return [text for text in budget_notes(config, agenda.first_stage(config).plan) if "search.parallel" in text]

    (text,) = notes(L2, "trials: 4")
    assert "4 of 4 trials at a time, so most are chosen before anything is known" in text
    assert not notes(L2, "trials: 1")
    assert not notes("batch_size: {choices: [16, 32]}, optimizer: {choices: [adam, momentum]}", "trials: 4")  # all


def test_a_metric_of_the_training_part_and_an_extension_of_nothing_are_named():
    (text,) = advice(L2, search="metric: train_error")
    assert text == "search.metric: train_error ranks by what is learned by heart, too: write dev_error."
    texts = advice("batch_size: {choices: [16, 32]}", search="extend: true")
    assert "search.extend: true extends nothing, for no hyperparameter has a range. Remove it." in texts
    assert not any("extend" in text for text in advice(L2, search="extend: true"))


def test_more_trials_than_configurations_are_told_by_method():
    config = study("batch_size: {choices: [16, 32]}")
    (text,) = budget_notes(config, agenda.first_stage(config).plan)
    assert text == "search.trials: the space has only 2 configurations; the search ends when all have been tried."
    config = study("batch_size: {choices: [16, 32]}", search="method: random, trials: 100")
    (text,) = budget_notes(config, agenda.first_stage(config).plan)
    assert text == "search.trials: the space has only 2 configurations; 100 trials repeat some."


def test_workers_are_measured_against_cores():
    assert not list(worker_notes(2, 2))
    assert not list(worker_notes(0, 1))
    assert not list(worker_notes(8, 8, 8))
    (text,) = worker_notes(8, 8, 3)
    assert text.startswith("search.parallel: 3 at a time leave 5 workers idle")
    assert "Write 16 for speed" in text
    (text,) = worker_notes(3, 2)
    assert text.startswith("search.workers: 3 of one thread each on 2 cores only take turns, and each needs memory.")
    assert text.endswith("--workers 2 is as fast.")


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine(2, 8e9, Path("r"), 1e3), "r: the run needs some 450 kB; 1 kB are free. Make room, or choose"),
        (Machine(2, 8e9, Path("r"), 1e9, "the file system is read-only"), "r: nothing can be written there: the file"),
        (
            Machine(2, 6e7, Path("r"), 1e9),
            "2 workers and the data need some 90 MB of memory, and this machine has 60 MB",
        ),
        (Machine(1, 8e9, Path("r"), 1e9), "search.workers: 2 of one thread each on 1 core only take turns"),
    ],
)
def test_what_the_machine_has_no_room_for_is_said(machine, said):
    (text,) = machine_advice(expected(study(L2), cores=machine.cores), machine)
    assert text.startswith(said)
    assert not list(machine_advice(expected(study(L2)), Machine(2, math.inf, Path("r"), math.inf)))
