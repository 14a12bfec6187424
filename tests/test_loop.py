"""The loop: what a search finds depends on its study alone, whatever the workers, the timing and the accidents."""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import closing
from dataclasses import replace

import driver
import pytest
from fake_workers import RandomWorkers

from hptune import loop, study, tables
from hptune.config import study_file
from hptune.errors import UsageError
from hptune.events import AttemptLost, EpochEnded, TrialEnded
from hptune.search.bars import bars
from hptune.search.known import known_of
from hptune.search.plan import ConfirmPlan
from hptune.search.ranking import ranked
from hptune.search.zoom import Around
from hptune.stage_trials import Confirmations
from hptune.store import Stage, StoredTrial
from hptune.trial import BY_CHANCE, EpochMetrics, Job, Status, TrialResult, TrialSpec

STUDY = """
data: {source: moons}
train: {epochs: 9}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  optimizer: {choices: [adam, momentum]}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999, when: {optimizer: adam}}
  hidden_units: {scale: log, low: 16, high: 256}
search: {SEARCH}
"""
STAGE = Stage(1, "confirm-1", "", "{}", 0, None, ConfirmPlan((), (0, 1, 2)))
BUDGETS = {"trials": "trials: 40", "epochs": "epochs: 300", "both": "trials: 60, epochs: 290"}
COST = {"adam": 1.0, "momentum": 1.7}


pytestmark = pytest.mark.usefixtures("no_disk_is_waited_for")


@pytest.fixture
def events_are_told_as_they_come(monkeypatch):
    monkeypatch.setattr(loop, "GROUP_S", 0.0)


def parsed(search, parallel=4):
    return driver.parsed(STUDY.replace("SEARCH", f"{search}, parallel: {parallel}, seed: 3"))


def epoch_cost(configuration):
    """Neither the same for all nor that of RandomWorkers, where every epoch takes what chance gives it."""
    return COST[configuration["optimizer"]] * (1 + configuration["hidden_units"] / 100)


def sitting(opened, config, n_workers, *, seed=0, dying=(), most=None):
    """Train to the end, or until so many events have been told; the events."""
    workers = RandomWorkers(Job("fake_trainers:bowl", "dev_error"), n_workers, seed, dying)
    with closing(workers), closing(loop.run(opened, workers, config, loop.Stop(), epoch_cost)) as events:
        return [event for event, _ in zip(events, range(10**9 if most is None else most), strict=False)]


def texts(opened):
    """Both tables without times, as they are written."""
    loaded = tables.load(opened.folder.path)
    return [table.drop(columns="seconds").to_csv(index=False) for table in (loaded.trials, loaded.curves)]


def whole(folder, config, n_workers, **options):
    """The snapshot and the tables of a run trained to its end."""
    with driver.open_store(folder, config) as opened:
        sitting(opened, config, n_workers, **options)
        assert opened.snapshot().is_finished
        return opened.snapshot(), texts(opened)


@pytest.mark.parametrize("parallel", [1, 3, 7])
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_tables_are_the_same_with_any_number_of_workers_in_any_timing(budget, parallel, tmp_path):
    config = parsed(BUDGETS[budget], parallel)
    snapshot, expected = whole(tmp_path / "0", config, 1)
    statuses = {trial.result.status for trial in snapshot.trials}
    assert statuses == set(Status) - BY_CHANCE
    kinds = [trial.spec.origin.kind for trial in snapshot.trials]
    assert {"coarse", "zoom", "confirmation"} <= set(kinds)
    best = [result.number for result in ranked(snapshot.found)]
    assert sorted(snapshot.stages[1].plan.trials) == sorted(best[: snapshot.stages[0].plan.confirm])
    assert kinds.count("confirmation") == 3 * snapshot.stages[0].plan.confirm
    for n_workers, seed in ((1, 1), (2, 2), (4, 3), (8, 4), (8, 5)):
        assert whole(tmp_path / str(seed), config, n_workers, seed=seed)[1] == expected


DYING = (3, 9, 20, 31, 36)


def test_trials_whose_workers_die_whenever_change_nothing_either(tmp_path):
    """How many epochs had come of them is chance; what comes after them is not."""
    config = parsed("trials: 40")
    snapshot, expected = whole(tmp_path / "0", config, 1, dying=DYING)
    crashed = [trial.number for trial in snapshot.trials if trial.result.status is Status.CRASHED]
    assert crashed == list(DYING)
    for n_workers, seed in ((1, 1), (2, 2), (3, 3), (8, 4), (8, 5)):
        assert whole(tmp_path / str(seed), config, n_workers, seed=seed, dying=DYING)[1] == expected


@pytest.mark.parametrize("budget", ["trials: 32", "epochs: 280"])
def test_a_run_interrupted_again_and_again_finds_the_same(budget, tmp_path, events_are_told_as_they_come):
    """After so many events that one of three trials may end, and with other workers every time."""
    config = parsed(budget)
    _, expected = whole(tmp_path / "undisturbed", config, 2)
    for period in (37, 61):
        with driver.open_store(tmp_path / str(period), config) as opened:
            n_sittings = 0
            while not opened.snapshot().is_finished:
                sitting(opened, config, 1 + n_sittings % 3, seed=n_sittings, most=period)
                n_sittings += 1
                assert n_sittings < 200
            assert n_sittings > 4
            assert texts(opened) == expected


def at_every_event(folder, config, points, expected):
    """Interrupt a fresh run after the n-th event, for every n of points, then train it to its end; how many had it."""
    n_interrupted = 0
    for n in points:
        with driver.open_store(folder / str(n), config) as opened:
            told = sitting(opened, config, 1 + n % 4, seed=n, dying=DYING, most=n)
            n_interrupted += len(told) == n
            sitting(opened, config, 4 - n % 4, seed=-n, dying=DYING)
            assert opened.snapshot().is_finished
            assert texts(opened) == expected, n
    return n_interrupted


def test_a_run_interrupted_once_finds_the_same(tmp_path, events_are_told_as_they_come):
    config = parsed("trials: 30")
    _, expected = whole(tmp_path / "undisturbed", config, 1, dying=DYING)
    assert at_every_event(tmp_path, config, range(1, 400, 27), expected) > 5


@pytest.mark.sweep
def test_sweep_of_interruptions_after_every_event(tmp_path, events_are_told_as_they_come):
    config = parsed("trials: 30")
    _, expected = whole(tmp_path / "undisturbed", config, 1, dying=DYING)
    assert 100 < at_every_event(tmp_path, config, range(1, 400), expected) < 399


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("budget", [60, 300, 500])
def test_a_budget_of_epochs_is_kept_and_mostly_used(budget, parallel, tmp_path):
    snapshot, _ = whole(tmp_path, parsed(f"epochs: {budget}", parallel), 3)
    assert sum(result.epochs for result in snapshot.results) <= budget
    n_confirming = {60: 0, 300: 6, 500: 9}[budget]
    assert sum(trial.spec.origin.kind == "confirmation" for trial in snapshot.trials) == n_confirming
    # what diverges in its first epoch is counted as one; less is left than another trial could need
    spent = sum(max(result.epochs, 1) for result in snapshot.found)
    assert budget - 9 * n_confirming - 9 < spent <= budget - 9 * n_confirming


def test_a_budget_of_time_ends_the_search_which_is_then_confirmed(tmp_path, monkeypatch):
    """A clock on which every look at it takes a tenth of a second; and again where it is interrupted midway."""
    for name, most in (("whole", None), ("interrupted", 150)):
        now = itertools.count()
        monkeypatch.setattr(loop.time, "monotonic", lambda now=now: next(now) / 10)
        config = parsed("time: 60s")
        with driver.open_store(tmp_path / name, config) as opened:
            if most:
                assert len(sitting(opened, config, 2, most=most)) == most
            sitting(opened, config, 2)
            snapshot = opened.snapshot()
        assert snapshot.is_finished
        assert [stage.name for stage in snapshot.stages] == ["search", "confirm-1"]
        n_searched, n_confirmed = (len(snapshot.trials_of(stage)) for stage in snapshot.stages)
        assert n_searched >= 20
        assert 0 < n_confirmed <= 15
        # 85 % of the time to search, all of it to confirm, and then what is under way may end
        assert 51 <= sum(sitting.elapsed_s for sitting in snapshot.sittings) < 75


def test_workers_are_busy_with_trials_that_have_not_ended_too(tmp_path):
    """Of 1,044 seconds two interrupted trainings had had 500 and 388, and the report said 11 % busy."""

    class Available:
        available_s = 0.0

    with driver.open_store(tmp_path, parsed("trials: 9")) as opened:
        snapshot = opened.snapshot()
    watch, workers = loop._Watch(snapshot, snapshot.stages[0]), Available()
    specs = [TrialSpec(number, 0, {}, 0) for number in range(3)]

    def epoch(number, seconds):
        return EpochEnded(number, EpochMetrics(1, 0.5, 0.5, 0.5, 0.5, 0.1, seconds))

    ended = TrialEnded(TrialResult(0, Status.COMPLETED, "", 1, 1, 0.5, seconds=116.0))
    assert watch.sitting(workers, [epoch(0, 115.0), epoch(1, 300.0), epoch(2, 200.0)]).busy_s == 615.0
    assert watch.sitting(workers, [ended, epoch(1, 500.0), epoch(2, 388.0)]).busy_s == 116 + 500 + 388
    lost = watch.sitting(workers, [AttemptLost(specs[2], "its worker died"), epoch(2, 7.0)])
    assert lost.busy_s == 116 + 500 + 388 + 7


def test_a_confirmation_that_has_had_its_time_takes_nothing_more_on():
    """But what an earlier sitting has begun is trained to its end."""
    specs = [TrialSpec(number, 1, {}, 0, replicate=number) for number in range(6)]
    begun, ended = StoredTrial(specs[1], 1, None), StoredTrial(specs[0], 1, TrialResult(0, Status.FAILED))
    confirmations = Confirmations(STAGE.number, specs[:3], [ended, begun])
    confirmations.close()
    confirmations.add(specs[3:])
    assert not confirmations.is_over
    assert confirmations.next_spec() == specs[1]
    assert confirmations.next_spec() is None
    assert confirmations.ended == {1: 2}


SMALL_SPACE = """
data: {source: moons}
train: {epochs: 9}
space:
  learning_rate: {choices: [0.001, 0.01, 0.1]}
  optimizer: {choices: [adam, momentum]}
  hidden_units: {choices: [16, 32]}
search: {trials: 60, parallel: 4}
"""


@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_space_of_few_configurations_is_used_up_and_the_search_ends(n_workers, tmp_path):
    snapshot, _ = whole(tmp_path, driver.parsed(SMALL_SPACE), n_workers)
    search, confirming = snapshot.stages
    tried = [tuple(trial.hyperparameters.items()) for trial in snapshot.trials_of(search)]
    assert len(tried) == len(set(tried)) == search.n_trials == 12
    # of 60 trainings 12 try all, and 36 could confirm all: there is room for it, and so no bars; one has failed
    assert Counter(result.status for result in snapshot.found) == {Status.COMPLETED: 11, Status.FAILED: 1}
    assert len(snapshot.trials_of(confirming)) == confirming.n_trials == 33
    assert confirming.origin == "the best 11, 3 fresh seeds each"


def zoom(opened, config, factor=0.5, **changes):
    """Add a zoom around the best trial."""
    settings = replace(config.search, **changes)
    stage, _ = study.plan_zoom(opened.snapshot(), replace(config, search=settings), Around(), factor)
    study.add_stage(opened, stage)
    return opened.snapshot().stages[-1]


def test_a_zoom_in_which_nothing_is_new_is_refused_and_leaves_the_run_alone(tmp_path):
    config = driver.parsed(SMALL_SPACE)
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config, 1)
        with pytest.raises(UsageError, match=r"zoom around trial \d+, factor 0.5: nothing in it is new.*hptune retest"):
            zoom(opened, config)
        assert len(opened.snapshot().stages) == 2
        plain = replace(config, search=replace(config.search, method="random"))  # which may repeat some
        assert study.plan_zoom(opened.snapshot(), plain, Around(), 0.5)


def test_a_zoom_after_an_interrupted_search_takes_its_place(tmp_path, events_are_told_as_they_come):
    config = parsed("trials: 40")
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config, 3, most=150)
        n_started = len(opened.snapshot().trials)
        assert 10 < n_started < 30
        stage = zoom(opened, config, trials=30)
        assert stage.first_trial == n_started
        sitting(opened, config, 3)
        snapshot = opened.snapshot()
    assert snapshot.is_finished
    assert [stage.name for stage in snapshot.stages] == ["search", "zoom-1", "confirm-2"]
    assert [stage.n_trials for stage in snapshot.stages[1:]] == [24, 6]
    assert len({trial.number for trial in snapshot.trials}) == len(snapshot.trials) == n_started + 30


def test_a_zoom_after_an_interrupted_confirmation_ends_it(tmp_path, events_are_told_as_they_come):
    config = parsed("trials: 40")
    with driver.open_store(tmp_path, config) as opened:
        while len(opened.snapshot().stages) < 2:
            sitting(opened, config, 2, most=40)
        sitting(opened, config, 2, most=60)
        n_confirmed = sum(trial.result is not None for trial in opened.snapshot().trials if trial.stage == 1)
        assert 0 < n_confirmed < 6
        zoom(opened, config, trials=30)
        sitting(opened, config, 2)
        snapshot = opened.snapshot()
    assert snapshot.is_finished
    assert [stage.name for stage in snapshot.stages] == ["search", "confirm-1", "zoom-2", "confirm-3"]
    assert [stage.n_trials for stage in snapshot.stages] == [34, n_confirmed, 24, 6]


@pytest.mark.parametrize("budget", ["trials: 30", "epochs: 280", "trials: 30, epochs: 9000"])
def test_a_search_in_which_all_diverge_ends_and_confirms_nothing(budget, tmp_path):
    text = STUDY.replace("low: 1e-4, high: 1}", "low: 0.5, high: 1}")
    text = text.replace("SEARCH", f"{budget}, parallel: 4, bars: false")
    snapshot, _ = whole(tmp_path, driver.parsed(text), 3)
    assert {result.status for result in snapshot.results} == {Status.DIVERGED}
    assert [stage.n_trials for stage in snapshot.stages] == [len(snapshot.trials), 0]


def test_a_zoom_knows_the_earlier_trials_that_lie_in_its_space(tmp_path):
    """So it neither repeats one of them nor begins all over, and its bars are those of all of them."""
    config = parsed("trials: 40")
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config, 2)
        stage = zoom(opened, config, 0.8, trials=20)
        sitting(opened, config, 2)
        snapshot, scores = opened.snapshot(), opened.scores("dev_error")
    space = study_file.stage_space(stage.space)
    before = [t for t in snapshot.trials if t.stage == 0 and space.contains(t.hyperparameters)]
    zoomed = snapshot.trials_of(stage)
    assert 3 < len(before) < 34
    assert len(zoomed) == 20
    assert all(space.contains(trial.hyperparameters) for trial in zoomed)
    all_before = [trial for trial in snapshot.trials if trial.stage == 0]
    known = [known_of(trial.hyperparameters, trial.result, scores.get(trial.number, ())) for trial in all_before]
    assert zoomed[0].spec.bars == bars(known, 9) != ()  # from the first one on there is something to be compared with
    configurations = [tuple(sorted(trial.hyperparameters.items())) for trial in [*before, *zoomed]]
    assert len(set(configurations)) == len(configurations)


@pytest.mark.parametrize("seed", range(3))
def test_all_places_of_a_zooms_confirmation_go_to_the_best_that_were_not_confirmed(seed, tmp_path):
    config = driver.parsed(STUDY.replace("SEARCH", f"trials: 40, parallel: 4, seed: {seed}"))
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config, 2)
        zoom(opened, config)
        sitting(opened, config, 2)
        snapshot = opened.snapshot()
    first, second = (stage.plan for stage in snapshot.stages if not stage.is_search)
    assert [len(plan.trials) for plan in (first, second)] == [2, 2]
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    before = [configurations[number] for number in first.trials]
    new = [
        result.number
        for result in ranked(snapshot.found)
        if result.status is Status.COMPLETED and configurations[result.number] not in before
    ]
    assert sorted(second.trials) == sorted(new[:2])
    assert [stage.n_trials for stage in snapshot.stages] == [34, 6, 34, 6]
    # costs of a training: nine epochs of the estimate
    assert second.costs == tuple(9 * epoch_cost(configurations[number]) for number in second.trials)


def test_a_zoom_may_be_plain_sampling(tmp_path):
    config = parsed("trials: 10")
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config, 2)
        stage = zoom(opened, config, trials=5, method="random", bars=False)
        sitting(opened, config, 2)
        specs = [trial.spec for trial in opened.snapshot().trials_of(stage)]
    assert [(spec.origin.kind, spec.bars) for spec in specs] == [("random", ())] * 5


FAR_AWAY = STUDY.replace("low: 1e-4, high: 1}", "low: 0.1, high: 1}")  # the best learning rate is 0.01


def test_a_range_at_whose_end_the_best_lie_is_extended_and_stays_so_after_an_interruption(
    tmp_path, events_are_told_as_they_come
):
    def searched(extend):
        return driver.parsed(FAR_AWAY.replace("SEARCH", f"trials: 80, parallel: 3, extend: {extend}"))

    def rates(opened):
        first = opened.snapshot().stages[0]
        return [study_file.stage_space(text).parameters[0].domain for text in (first.space, first.final_space)]

    with driver.open_store(tmp_path / "no", searched("false")) as opened:
        sitting(opened, searched("false"), 2)
        assert rates(opened)[0] == rates(opened)[1]
    config = searched("true")
    with driver.open_store(tmp_path / "yes", config) as opened:
        sitting(opened, config, 2)
        old, new = rates(opened)
        assert (old.low, old.high) == (0.1, 1)
        # half of the range more at a time, at most twice: 10^-1, 10^-1.5, then half of the new range, 10^-2.25
        assert new.low == pytest.approx(10**-2.25)
        assert new.high == 1
        expected, space = texts(opened), opened.snapshot().stages[0].final_space
        assert min(trial.hyperparameters["learning_rate"] for trial in opened.snapshot().trials) < 0.03
    for n in (60, 180, 240):
        with driver.open_store(tmp_path / str(n), config) as opened:
            sitting(opened, config, 3, most=n)
            sitting(opened, config, 1)
            assert opened.snapshot().stages[0].final_space == space
            assert texts(opened) == expected


def test_what_was_asked_for_at_once_is_not_waited_for_even_where_nobody_was_told():
    """What a signal handler raises in a destructor is lost."""
    stop = loop.Stop()
    stop.request(2)
    assert not stop.is_overdue
    with pytest.raises(loop.StopNow):
        stop.request(2)
    assert stop.is_overdue
