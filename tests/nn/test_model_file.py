"""The weights of a network in a file: all that evaluation needs, equal bytes for equal models, no damage unseen."""

import dataclasses
import io
import json
import os
import zipfile

import numpy as np
import pytest
from nn.examples import BLOBS, MOONS, PLANE, error_of

from hptune.data.dataset import TargetScale, normalise
from hptune.errors import RunDamagedError
from hptune.nn import model_file, prediction, training
from hptune.nn.hyperparameters import LEGAL, Hyperparameters
from hptune.nn.model_file import Model

SMALL = Hyperparameters(epochs=3, batch_size=32, hidden_units=8, hidden_layers=2, learning_rate=0.05)
SCHEMA = {"target": "y", "ignored": (), "columns": [["x", None], ["y", None]], "classes_are_numbers": False}


def trained(dataset=BLOBS, h=SMALL):
    """A model, and the data set that it was trained on, as the network reads it."""
    ready = normalise(dataset, inputs=h.normalize_inputs)
    epochs = training.train(ready, h, metric="dev_loss", seed=0, number=3)
    while True:
        try:
            next(epochs)
        except StopIteration as end:
            found = end.value
            break
    shown = Model(
        found.network,
        h.activation,
        ready.classes,
        ready.normalisation,
        ready.target,
        None,
        SCHEMA,
        3,
        "dev_loss",
        found.standing[0],
    )
    return shown, ready, found.final


CONFIGURATIONS = {
    **{activation: {"activation": activation} for activation in LEGAL["activation"].choices},
    "batch_norm": {"batch_norm": True, "batch_norm_epsilon": 1e-3},
    "widths": {"widths": "5-3"},
    "no hidden layer": {"hidden_layers": 0},
    "no hidden layer to normalise": {"hidden_layers": 0, "batch_norm": True},
    "inputs as they are": {"normalize_inputs": False},
    "dropout": {"dropout": 0.4, "input_dropout": 0.2},
    "worse at the end": {"learning_rate": 0.5, "epochs": 12, "hidden_layers": 0},
}


@pytest.mark.parametrize("changes", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@pytest.mark.parametrize("dataset", [BLOBS, MOONS], ids=["softmax", "logistic"])
def test_a_network_read_back_is_the_one_that_was_trained(dataset, changes, tmp_path):
    h = dataclasses.replace(SMALL, **changes)
    model, ready, _ = trained(dataset, h)
    path = tmp_path / "best.npz"
    path.write_bytes(model_file.to_bytes(model))
    found = model_file.load(path)
    for ours, theirs in zip(found.network.state, model.network.state, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert model_file.to_bytes(found) == path.read_bytes()
    assert dataclasses.replace(found, network=None, normalisation=None, schema=None) == dataclasses.replace(
        model, network=None, normalisation=None, schema=None
    )
    # the data sets of these tests are normalised once already, which changes nothing here
    predicted = prediction.predict(found, dataset.test.x, dataset.test.y)
    assert predicted.errors / len(dataset.test) == error_of(model.network, ready.test, ready)
    of_dev = prediction.predict(found, dataset.dev.x, dataset.dev.y)
    assert of_dev.loss == pytest.approx(model.score, rel=1e-6)  # the lowest, perhaps not the last
    assert (predicted.values != dataset.test.y).sum() == predicted.errors
    np.testing.assert_allclose(predicted.probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(predicted.probabilities.argmax(axis=1), predicted.values)
    given = predicted.probabilities[np.arange(len(dataset.test)), dataset.test.y]
    assert predicted.loss == pytest.approx(-np.log(given.astype(float)).mean(), rel=1e-5)


def test_rows_are_predicted_alike_alone_and_in_pieces(monkeypatch):
    model, _, _ = trained()
    whole = prediction.predict(model, BLOBS.test.x, BLOBS.test.y)
    assert whole.errors > 0
    monkeypatch.setattr(prediction, "CHUNK", 7)
    pieces = prediction.predict(model, BLOBS.test.x, BLOBS.test.y)
    np.testing.assert_allclose(pieces.probabilities, whole.probabilities, rtol=1e-5)
    assert (pieces.errors, pieces.loss) == (whole.errors, pytest.approx(whole.loss, rel=1e-6))
    one = prediction.predict(model, BLOBS.test.x[4:5])
    np.testing.assert_allclose(one.probabilities, whole.probabilities[4:5], rtol=1e-5)
    assert (one.errors, one.loss) == (None, None)


def test_labels_that_are_not_there_change_no_prediction():
    model, _, _ = trained()
    with_labels = prediction.predict(model, BLOBS.test.x, BLOBS.test.y)
    without = prediction.predict(model, BLOBS.test.x)
    np.testing.assert_array_equal(with_labels.probabilities, without.probabilities)


def test_nothing_is_pickled_and_nothing_tells_the_time():
    model, _, _ = trained()
    content = model_file.to_bytes(model)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        assert {name: arrays[name].dtype.kind for name in arrays} == {
            "about": "U", "W1": "f", "b1": "f", "W2": "f", "b2": "f", "W3": "f", "b3": "f",
            "input_mean": "f", "input_scale": "f",
        }  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_every_array_of_batch_normalisation_bears_the_name_that_the_document_gives_it():
    h = dataclasses.replace(SMALL, activation="tanh", batch_norm=True, batch_norm_epsilon=0.1)
    model, _, _ = trained(BLOBS, h)
    network = model.network
    with np.load(io.BytesIO(model_file.to_bytes(model))) as stored:
        arrays = dict(stored)
    epsilon = json.loads(str(arrays["about"]))["batch_norm_epsilon"]
    assert set(arrays) - {"about", "input_mean", "input_scale", "W3", "b3"} == {
        f"{name}{layer}" for name in ("W", "gamma", "beta", "mean", "variance") for layer in (1, 2)
    }
    for layer in (0, 1):
        for name, expected in (
            ("gamma", network.gammas[layer]),
            ("beta", network.biases[layer]),
            ("mean", network.statistics.means[layer]),
            ("variance", network.statistics.variances[layer]),
        ):
            np.testing.assert_array_equal(arrays[f"{name}{layer + 1}"], expected)
        assert (arrays[f"variance{layer + 1}"] > 0).all()
    # with NumPy alone, as docs/model_file.md describes it
    a = (BLOBS.test.x - arrays["input_mean"]) * arrays["input_scale"]
    for n in ("1", "2"):
        z = (a @ arrays["W" + n] - arrays["mean" + n]) / np.sqrt(arrays["variance" + n] + epsilon)
        a = np.tanh(arrays["gamma" + n] * z + arrays["beta" + n])
    e = np.exp(a @ arrays["W3"] + arrays["b3"])
    expected = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(prediction.predict(model, BLOBS.test.x).probabilities, expected, rtol=1e-4, atol=1e-6)


def test_targets_far_from_0_keep_every_digit(tmp_path):
    model, _, _ = trained(PLANE)
    scale = TargetScale(1e8 + 1 / 3, 1 + 1e-9)  # in float32 100,000,000 and 1
    (tmp_path / "best.npz").write_bytes(model_file.to_bytes(dataclasses.replace(model, target=scale)))
    found = model_file.load(tmp_path / "best.npz")
    assert found.target == scale
    in_deviations = prediction.predict(dataclasses.replace(model, target=TargetScale(0.0, 1.0)), PLANE.test.x).values
    predicted = prediction.predict(found, PLANE.test.x).values
    assert in_deviations.std() > 0.1
    np.testing.assert_allclose(predicted - scale.mean, in_deviations, atol=1e-7)


def test_a_logit_of_0_is_the_first_class_for_prediction_and_error_alike():
    model, _, _ = trained(MOONS)
    model.network.parameters[:] = 0
    found = prediction.predict(model, MOONS.test.x, MOONS.test.y)
    np.testing.assert_array_equal(found.probabilities, 0.5)
    np.testing.assert_array_equal(found.values, 0)
    assert found.errors == np.count_nonzero(MOONS.test.y) == 51


def changed(model, arrays=(), **about):
    """The content of a file with some arrays or some of its text replaced; an array None is left out."""
    with np.load(io.BytesIO(model_file.to_bytes(model))) as stored:
        found = {**stored, **dict(arrays)}
    text = {**json.loads(str(found["about"])), **about}
    found["about"] = np.array(json.dumps({key: value for key, value in text.items() if value is not ...}))
    content = io.BytesIO()
    np.savez(content, **{name: array for name, array in found.items() if array is not None})
    return content.getvalue()


def test_an_archive_of_numpys_own_making_is_read_as_well(tmp_path):
    model, _, _ = trained()
    (tmp_path / "best.npz").write_bytes(changed(model))
    assert model_file.to_bytes(model_file.load(tmp_path / "best.npz")) == model_file.to_bytes(model)


WRONG = {
    "a matrix of another shape": ({"W2": np.zeros((8, 9), np.float32)}, {}),
    "a bias of another shape": ({"b2": np.zeros(7, np.float32)}, {}),
    "another type": ({"b2": np.zeros(8)}, {}),
    "not finite": ({"W1": np.full((2, 8), np.nan, np.float32)}, {}),
    "no matrix": ({"W2": None}, {}),
    "half a normalisation": ({"input_scale": None}, {}),
    "no normalisation": ({"input_scale": None, "input_mean": None}, {}),
    "one more array": ({"W4": np.zeros(3, np.float32)}, {}),
    "no description": ({}, {"sizes": ...}),
    "other sizes": ({}, {"sizes": [2, 8, 9, 3]}),
    "fewer sizes": ({}, {"sizes": [2]}),
    "huge sizes": ({}, {"sizes": [10**9, 10**9, 8, 3]}),
    "other classes": ({}, {"classes": ["a", "b"]}),
    "an unknown activation": ({}, {"activation": "swish"}),
    "an unknown loss": ({}, {"loss": "hinge"}),
    "text where a number belongs": ({}, {"trial": "x"}),
    "no data": ({}, {"data": None}),
    "format of a text": ({}, {"format": "1"}),
    "sizes beyond any number": ({}, {"sizes": [2, float("inf"), 8, 3]}),
    "no sizes": ({}, {"sizes": []}),
    "images of another size": ({}, {"image": [2, 2, 1]}),
    "batch norm without its arrays": ({}, {"batch_norm_epsilon": 1e-5}),
}


@pytest.mark.parametrize(("arrays", "about"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_damage(arrays, about, tmp_path):
    (tmp_path / "best.npz").write_bytes(changed(trained()[0], arrays, **about))
    with pytest.raises(RunDamagedError, match=r"best\.npz: damaged, or not the weights.*search again"):
        model_file.load(tmp_path / "best.npz")


def test_a_newer_format_asks_for_a_newer_hptune(tmp_path):
    (tmp_path / "best.npz").write_bytes(changed(trained()[0], format=model_file.FORMAT + 1))
    with pytest.raises(RunDamagedError, match="Update hptune"):
        model_file.load(tmp_path / "best.npz")


def test_an_array_that_promises_more_than_there_is_is_not_loaded(tmp_path):
    content = model_file.to_bytes(trained()[0])
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(tmp_path / "best.npz", "w") as other:
        for name in archive.namelist():
            array = archive.read(name)
            if name == "W1.npy":
                array = array.replace(b"(2, 8), }" + b" " * 12, b"(2, 8" + b"0" * 12 + b"), }")
                assert array != archive.read(name)
            other.writestr(name, array)
    with pytest.raises(RunDamagedError, match=r'"W1\.npy" promises an array of shape \(2, 8000000000000\)'):
        model_file.load(tmp_path / "best.npz")


def test_damaged_bytes_are_an_error_of_ours_or_change_nothing(tmp_path):
    model, _, _ = trained(h=dataclasses.replace(SMALL, hidden_units=2, hidden_layers=1))
    whole = model_file.to_bytes(model)
    places = [
        *range(0, len(whole) - 600, 9),
        *range(len(whole) - 600, len(whole)),
    ]  # the end is the archive's directory
    flipped = [whole[:n] + bytes([whole[n] ^ 0x55]) + whole[n + 1 :] for n in places]
    path = tmp_path / "best.npz"
    said = 0
    for content in (*flipped, *(whole[:length] for length in range(0, len(whole), 64)), b"prediction\n"):
        path.write_bytes(content)
        try:
            found = model_file.load(path)
        except RunDamagedError:
            said += 1
        else:
            assert model_file.to_bytes(found) == whole
    assert said > len(places) / 2


def test_a_member_that_unpacks_to_more_than_its_array_is_refused(tmp_path):
    model, _, _ = trained()
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(model_file.to_bytes(model))) as old,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name) + bytes(10**6) * (name == "W1.npy"))
    (tmp_path / "best.npz").write_bytes(content.getvalue())
    with pytest.raises(RunDamagedError, match=r'"W1\.npy" promises an array of shape \(2, 8\)'):
        model_file.load(tmp_path / "best.npz")


def test_what_is_no_file_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "best.npz")  # to read it would wait for ever
    with pytest.raises(RunDamagedError, match="no regular file"):
        model_file.load(tmp_path / "best.npz")
