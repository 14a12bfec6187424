import dataclasses

import numpy as np
import pytest
from nn.examples import BLOBS, SMALL, error_of, run, run_to_network

from hptune import trainers
from hptune.data import prepared
from hptune.data.dataset import Subset
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.nn import training
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.network import Network
from hptune.randomness import Purpose, generator
from hptune.runs import RunFolder
from hptune.trial import METRICS, FinalCheck, Job, Status, TrialSpec


def without_clock(curve):
    return [dataclasses.replace(metrics, seconds=0.0) for metrics in curve]


def test_float32_follows_float64():
    single, _ = run(BLOBS, SMALL)
    double, _ = run(BLOBS, SMALL, dtype=np.float64)
    np.testing.assert_allclose([m.train_loss for m in single], [m.train_loss for m in double], rtol=1e-3)


def test_the_same_trial_gives_the_same_bits_and_another_number_or_seed_others():
    curve, final = run(BLOBS, SMALL, seed=5, number=2)
    again, final_again = run(BLOBS, SMALL, seed=5, number=2)
    assert without_clock(curve) == without_clock(again)
    assert final == final_again
    for other in (run(BLOBS, SMALL, seed=5, number=3)[0], run(BLOBS, SMALL, seed=6, number=2)[0]):
        assert all(a.train_loss != b.train_loss for a, b in zip(curve, other, strict=True))


def test_trials_trained_in_turns_do_not_touch_each_other():
    alone, _ = run(BLOBS, SMALL, number=1)
    first = training.train(BLOBS, SMALL, metric="dev_error", seed=0, number=1)
    second = training.train(BLOBS, SMALL, metric="dev_error", seed=0, number=2)
    in_turns = [next(trial) for _ in range(SMALL.epochs) for trial in (first, second)]
    assert without_clock(in_turns[::2]) == without_clock(alone)


def test_curves_are_plain_numbers_counted_from_one():
    curve, _ = run(BLOBS, SMALL)
    assert [m.epoch for m in curve] == [1, 2, 3, 4, 5]
    for metrics in curve:
        assert {type(value) for value in metrics.to_json()[1:]} == {float}
    assert 0 < curve[0].seconds < curve[-1].seconds


def watch_batches(monkeypatch):
    """The inputs of every mini-batch from now on."""
    seen, differentiate = [], Network.differentiate

    def watched(network, batch, l2, l1):
        seen.append(batch.inputs.copy())
        return differentiate(network, batch, l2, l1)

    monkeypatch.setattr(Network, "differentiate", watched)
    return seen


def test_every_random_number_comes_from_the_stream_of_its_purpose_and_of_the_trials_number(monkeypatch):
    """The first mini-batch and its masks, drawn again here; seed and number differ, so that they cannot be swapped."""
    seen, differentiate = [], Network.differentiate

    def watched(network, batch, l2, l1):
        masks = [mask.copy() for dropout in (batch.input_dropout, batch.dropout) for mask in dropout.masks]
        seen.append((network.weights[0].copy(), batch.inputs.copy(), batch.targets.copy(), masks))
        return differentiate(network, batch, l2, l1)

    monkeypatch.setattr(Network, "differentiate", watched)
    h = Hyperparameters(
        epochs=1, batch_size=16, widths="6-4", init="xavier", input_noise=0.25, dropout=0.5, input_dropout=0.2
    )
    run(BLOBS, h, seed=3, number=4, dtype=np.float64)
    weights, inputs, targets, masks = seen[0]
    order = generator(3, Purpose.SHUFFLE, 4).permutation(len(BLOBS.train))[:16]
    noise = generator(3, Purpose.AUGMENTATION, 4).standard_normal((16, 2), np.float32)
    uniform = generator(3, Purpose.DROPOUT, 4).random(16 * (2 + 6 + 4), np.float32)
    np.testing.assert_allclose(weights, generator(3, Purpose.WEIGHTS, 4).standard_normal((2, 6)) / np.sqrt(2))
    np.testing.assert_array_equal(targets, np.eye(3)[BLOBS.train.y[order]])
    np.testing.assert_allclose(inputs, BLOBS.train.x[order] + np.float32(0.25) * noise, rtol=1e-6)
    of_inputs, first, second = np.split(uniform, [16 * 2, 16 * 8])
    np.testing.assert_array_equal(masks[0].ravel(), np.where(of_inputs < 0.2, 0, 1 / 0.8))
    np.testing.assert_array_equal(masks[1].ravel(), np.where(first < 0.5, 0, 2))
    np.testing.assert_array_equal(masks[2].ravel(), np.where(second < 0.5, 0, 2))


def test_every_epoch_covers_every_example_once_in_another_order(monkeypatch):
    seen = watch_batches(monkeypatch)
    run(BLOBS, dataclasses.replace(SMALL, epochs=2), dtype=np.float64)
    assert [len(x) for x in seen] == [32, 32, 32, 32, 32, 32, 8] * 2
    first, second = np.concatenate(seen[:7]), np.concatenate(seen[7:])
    for epoch in (first, second):
        assert sorted(map(tuple, epoch)) == sorted(map(tuple, BLOBS.train.x))
    assert np.mean(np.all(first == second, axis=1)) < 0.05
    assert np.mean(np.all(first == BLOBS.train.x, axis=1)) < 0.05


@pytest.mark.parametrize("batch_size", [200, 201, 100_000])
def test_a_batch_size_beyond_the_training_set_is_one_batch(monkeypatch, batch_size):
    seen = watch_batches(monkeypatch)
    run(BLOBS, dataclasses.replace(SMALL, batch_size=batch_size, epochs=3))
    assert [len(x) for x in seen] == [200, 200, 200]


@pytest.mark.parametrize("n", [5, 6, 7, 13])
def test_evaluation_in_chunks_equals_evaluation_at_once(monkeypatch, n):
    small_dev = dataclasses.replace(BLOBS, dev=Subset(BLOBS.dev.x[:n], BLOBS.dev.y[:n]))
    whole, whole_final = run(small_dev, SMALL, dtype=np.float64)
    monkeypatch.setattr(training, "CHUNK", 6)
    chunked, chunked_final = run(small_dev, SMALL, dtype=np.float64)
    np.testing.assert_allclose([m.dev_loss for m in chunked], [m.dev_loss for m in whole], rtol=1e-12)
    assert [m.dev_error for m in chunked] == [m.dev_error for m in whole]
    assert chunked_final == whole_final


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_the_final_check_is_of_the_first_best_epoch(metric, batch_norm):
    h = dataclasses.replace(
        SMALL, epochs=12, learning_rate=0.3, batch_norm=batch_norm
    )  # too high, so that the best is not the last
    curve, trained = run_to_network(BLOBS, h, metric=metric)
    scores = [getattr(m, metric) for m in curve]
    best = scores.index(min(scores))
    # the same trial, cut off after that epoch, with the training set in the place of the dev set
    swapped = dataclasses.replace(BLOBS, dev=BLOBS.train)
    assert trained.final.train_error == run(swapped, h)[0][best].dev_error
    swapped = dataclasses.replace(BLOBS, dev=BLOBS.test)
    assert error_of(trained.network, BLOBS.test, BLOBS) == run(swapped, h)[0][best].dev_error


def test_of_equal_errors_the_lowest_loss_is_the_best_in_the_training_and_in_the_result():
    few = dataclasses.replace(BLOBS, dev=Subset(BLOBS.dev.x[:3], BLOBS.dev.y[:3]))
    h = dataclasses.replace(SMALL, epochs=9, learning_rate=0.05)

    def train_one(spec):
        trained = yield from training.train(few, h, metric="dev_error", seed=spec.seed, number=spec.number)
        return trained.final

    *curve, result = trainers.attempt(train_one, TrialSpec(0, 0, {}, 0), Job("x:y", "dev_error"))
    lowest = min(m.dev_error for m in curve)
    ties = {m.epoch: m.dev_loss for m in curve if m.dev_error == lowest}
    best = min(ties, key=ties.get)
    assert best != min(ties)  # so that the choice can be told
    train_errors = [m.dev_error for m in run(dataclasses.replace(BLOBS, dev=BLOBS.train), h)[0]]
    assert train_errors[best - 1] != train_errors[min(ties) - 1]
    assert result.final.train_error == train_errors[best - 1]
    assert (result.best_epoch, result.score, result.tie) == (best, lowest, ties[best])


def test_of_equal_losses_the_first_epoch_is_the_best(monkeypatch):
    assert run_with_dev_errors(monkeypatch, [0.3, 0.3, 0.3], epochs=3) == (3, 1)


@pytest.mark.parametrize("changes", [{"l1": 0.5}, {"clip_norm": 0.1}, {"input_dropout": 0.3}], ids=str)
def test_what_a_study_asks_for_reaches_the_training(changes):
    plain, _ = run(BLOBS, dataclasses.replace(SMALL, optimizer="momentum"))
    curve, _ = run(BLOBS, dataclasses.replace(SMALL, optimizer="momentum", **changes))
    again, _ = run(BLOBS, dataclasses.replace(SMALL, optimizer="momentum", **changes))
    assert curve[-1].dev_loss != plain[-1].dev_loss
    assert without_clock(curve) == without_clock(again)


def test_a_clipped_step_is_as_long_as_it_may_be(monkeypatch):
    build, seen = training.optimizers.build, []
    monkeypatch.setattr(training.optimizers, "build", lambda h, p, g: (seen.append(p), build(h, p, g))[1])

    def parameters_after(**changes):  # one step of gradient descent at rate 1
        h = Hyperparameters(epochs=1, batch_size=200, optimizer="gradient_descent", learning_rate=1.0, **changes)
        run(BLOBS, h, dtype=np.float64)
        return seen[-1]

    start = parameters_after(clip_norm=1e-300)
    assert np.linalg.norm(parameters_after() - start) > 0.05
    assert np.linalg.norm(parameters_after(clip_norm=0.05) - start) == pytest.approx(0.05)


def test_widths_are_the_units_of_the_hidden_layers_and_alike_they_are_layers_of_units():
    alike = dataclasses.replace(SMALL, hidden_layers=3, hidden_units=8)
    curve, _ = run(BLOBS, alike)
    assert without_clock(run(BLOBS, dataclasses.replace(SMALL, widths="8-8-8"))[0]) == without_clock(curve)
    network = training._network(BLOBS, dataclasses.replace(SMALL, widths="8-3-5"), np.random.default_rng(0), np.float32)
    assert network.sizes == (2, 8, 3, 5, 3)  # features, hidden, classes


def test_a_full_batch_is_the_whole_training_set_in_one_step(monkeypatch):
    seen = watch_batches(monkeypatch)
    full, _ = run(BLOBS, dataclasses.replace(SMALL, batch_size="full"))
    assert [len(batch) for batch in seen] == [200] * SMALL.epochs
    assert without_clock(full) == without_clock(run(BLOBS, dataclasses.replace(SMALL, batch_size=200))[0])


def test_batch_gradient_descent_without_hidden_layers_by_its_formula():
    """W -= alpha X^T (softmax(X W + b) - Y) / n, from W = 0, epoch by epoch."""
    h = Hyperparameters(
        epochs=4, batch_size="full", hidden_layers=0, init="zeros", optimizer="gradient_descent", learning_rate=0.5
    )
    curve, _ = run(BLOBS, h, dtype=np.float64)
    x, y = BLOBS.train.x, np.eye(3)[BLOBS.train.y]
    w, b, losses = np.zeros((2, 3)), np.zeros(3), []
    for _ in range(4):
        p = np.exp(x @ w + b)
        p /= p.sum(axis=1, keepdims=True)
        losses.append(-np.log((p * y).sum(axis=1)).mean())
        w, b = w - 0.5 * x.T @ (p - y) / len(x), b - 0.5 * (p - y).mean(axis=0)
    np.testing.assert_allclose([m.train_loss for m in curve], losses, rtol=1e-10)


@pytest.mark.parametrize(
    ("fixed", "drawn", "as_if"),
    [
        ({"activation": "tanh"}, {"hidden_layers": 0}, {"hidden_layers": 0}),  # init: auto follows the activation
        ({"batch_norm": True}, {"batch_size": 1}, {"batch_size": 1}),  # where every unit would be its beta
        ({"batch_norm": True}, {"batch_size": 2}, {"batch_size": 2, "batch_norm": True}),
        ({"hidden_layers": 0, "dropout": 0.5}, {"widths": "8"}, {"widths": "8", "dropout": 0.5}),
    ],
)
def test_what_has_no_effect_beside_a_trials_values_has_none_on_its_training(fixed, drawn, as_if, tmp_path):
    folder = RunFolder(tmp_path)
    data = load(DataSettings(source="moons", examples=100))
    prepared.write(folder.prepared(normalized=True), data, normalized=True)
    folder.weights.mkdir()

    def curve(fixed, drawn):
        settings = {"folder": str(tmp_path), "train": {"epochs": 2, "normalize_inputs": True, **fixed}}
        train_one = trainers.prepare(Job("hptune.trainers.network:prepare", "dev_error", settings))
        return without_clock(train_one(TrialSpec(0, 0, drawn, 0)))

    assert curve(fixed, drawn) == curve({}, as_if)


def run_with_dev_errors(monkeypatch, dev_errors, **changes):
    """The epochs that a trial runs when its dev errors are these, and the parameters of its final check."""
    build, evaluate = training._network, training._evaluate
    left, made, parameters = iter(dev_errors), [], []

    def scripted(network, chunks):
        parameters.append(network.parameters.copy())
        dev_error = next(left, None)
        return evaluate(network, chunks) if dev_error is None else (0.5, dev_error)

    monkeypatch.setattr(training, "_network", lambda *arguments: made.append(build(*arguments)) or made[-1])
    monkeypatch.setattr(training, "_evaluate", scripted)
    few = dataclasses.replace(BLOBS, test=None)
    curve, _ = run(few, dataclasses.replace(SMALL, **changes))
    kept = [np.array_equal(parameters[-1], one) for one in parameters[: len(curve)]]
    return len(curve), kept.index(True) + 1


@pytest.mark.parametrize(
    ("dev_errors", "patience", "epochs", "best"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.1], 1, 5, 5),  # lower every time: never stopped
        ([0.5, 0.4, 0.4, 0.3, 0.2], 1, 3, 2),  # an equal epoch is no lower one
        ([0.5, 0.4, 0.4, 0.3, 0.2], 2, 5, 5),  # patient enough for one bad epoch
        ([0.3, 0.4, 0.35, 0.31, 0.2], 3, 4, 1),  # lower than the epoch before is not lower than the best
        ([0.3, 0.4, 0.2, 0.4, 0.4], 2, 5, 3),  # counted from the best epoch, not from the first
        ([0.5, 0.6, 0.7, 0.8, 0.9], 0, 5, 1),  # 0 is never
        ([0.5, 0.6, 0.7, 0.8, 0.9], 100, 5, 1),
    ],
)
def test_patience_ends_training_after_so_many_epochs_without_a_lower_metric(
    monkeypatch, dev_errors, patience, epochs, best
):
    found = run_with_dev_errors(monkeypatch, [*dev_errors[:epochs]], epochs=5, patience=patience)
    assert found == (epochs, best)


def test_a_trial_that_its_patience_ended_is_complete():
    h = dataclasses.replace(SMALL, epochs=40, learning_rate=0.3, patience=3)
    job = Job("hptune.trainers.network:prepare", "dev_error")
    spec = TrialSpec(number=2, stage=0, hyperparameters={}, seed=5)

    def train_one(spec):
        trained = yield from training.train(BLOBS, h, metric=job.metric, seed=spec.seed, number=spec.number)
        return trained.final

    *curve, result = trainers.attempt(train_one, spec, job)
    assert result.status is Status.COMPLETED
    errors = [metrics.dev_error for metrics in curve]
    assert (
        result.epochs == len(curve) == errors.index(min(errors)) + 1 + 3 < 40
    )  # a lower loss alone is no lower metric
    assert result.score == min(errors)


def test_patience_looks_at_the_metric_of_the_study():
    h = dataclasses.replace(SMALL, epochs=40, learning_rate=0.3)
    for metric in METRICS:
        scores = [getattr(m, metric) for m in run(BLOBS, h, metric=metric)[0]]
        stopped = [getattr(m, metric) for m in run(BLOBS, dataclasses.replace(h, patience=3), metric=metric)[0]]
        ends = [n for n in range(4, 41) if min(scores[: n - 3]) <= min(scores[n - 3 : n])]
        assert scores[: ends[0]] == stopped


def test_the_test_set_is_not_touched():
    """It is for the answer of a whole search: a trial is the same without one."""
    curve, final = run(BLOBS, SMALL)
    curve_without, final_without = run(dataclasses.replace(BLOBS, test=None), SMALL)
    assert without_clock(curve) == without_clock(curve_without)
    assert final == final_without == FinalCheck(train_error=final.train_error)
    assert final.train_error is not None
