"""Whatever a worker says: what is no message, or out of turn, costs one attempt and makes no record."""

from __future__ import annotations

import json
import math
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_workers import engage

from hptune.errors import DataError, HptuneError, StorageError
from hptune.events import AttemptLost, EpochEnded, TrialEnded
from hptune.trial import EpochMetrics, FinalCheck, Job, Status, TrialResult, TrialSpec
from hptune.workers import messages
from hptune.workers.local import LocalWorkers

SPEC = TrialSpec(3, 0, {}, 0)
RESULT = TrialResult(3, Status.COMPLETED, "", 2, 1, 0.5, FinalCheck(0.25), 1.5, tie=0.75)
EPOCHS = [EpochMetrics(number, 0.75, 0.75, 0.75, 0.5, 0.1, 0.01 * number) for number in (1, 2)]
TRAINING = [messages.encode_training(item) for item in (*EPOCHS, RESULT)]


@pytest.fixture
def actors(monkeypatch):
    return engage(monkeypatch)


@pytest.fixture
def workers(actors):
    """One that has begun trial 3."""
    with closing(LocalWorkers(Job("", "dev_error"), 1)) as workers:
        workers.submit(SPEC)
        actors[0].boot()
        assert workers.poll(0) == []
        yield workers


@pytest.mark.parametrize(
    "message",
    [
        messages.Hello("1.2.3", 17),
        messages.Ready(1),
        *EPOCHS,
        EpochMetrics(1, 0, 5e-324, 1.7976931348623157e308, -0.0, 0.1, 1 / 3),
        RESULT,
        TrialResult(0, Status.FAILED, 'ValueError: "\\ud800" \x1b[31m é 雪 \n\x00', 0),
        TrialResult(9, Status.STOPPED, "above the bar", 5, 2, 0.125, seconds=0.0),
    ],
)
def test_messages_come_back_as_they_were_sent(message):
    encode = {messages.Hello: messages.encode_hello, messages.Ready: messages.encode_ready}
    line = encode.get(type(message), messages.encode_training)(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert messages.decode(line) == message


@pytest.mark.parametrize("kind", [HptuneError, DataError, StorageError])
def test_errors_keep_their_kind(kind):
    told = messages.decode(messages.encode_error(kind("data.csv:3: gone")))
    error = told.error()
    assert (type(error), str(error)) == (kind, "data.csv:3: gone")


def changed(**changes):
    return json.dumps({**RESULT.to_json(), **changes})


def epoch(*numbers):
    return json.dumps([*numbers, *[0.1] * (7 - len(numbers))])


NO_MESSAGES = [
    "", "{", "[1, 2]", "{}", '{"number": 1}', "null", "17", "true", '"ready"', '"reader"', '["a",1,1,1,1,1,1]',
    "[" * 100_000, '{"a":' * 100_000, "9" * 5000, "[1,1,1,1,1,1,1] x", "[1,1,1,1,1,1,1,1]", "[[1],1,1,1,1,1,1]",
    epoch(1.0), epoch(True), epoch(0), epoch(-1), epoch(1, True), epoch(1, None), epoch(1, "0.5"), epoch(1, math.nan),
    epoch(1, math.inf), epoch(1, -math.inf), epoch(1, 10**400), epoch(2**63), "[1,1e999,1,1,1,1,1]",
    changed(extra=1), changed(status="odd"), changed(status="crashed"), changed(status="timed out"),
    changed(status=None), changed(number=-1), changed(number=3.0), changed(number=True), changed(number="3"),
    changed(reason=None), changed(reason=["x"]), changed(reason="\ud800"), changed(epochs=1.5), changed(epochs=-1),
    changed(best_epoch=None), changed(best_epoch=0), changed(best_epoch=3), changed(best_epoch=True),
    changed(score=None), changed(score=math.nan), changed(score=True), changed(score="0.5"), changed(seconds=-1.0),
    changed(seconds=math.inf), changed(train_error=math.nan), changed(train_error=False), changed(status="failed"),
    '{"hello": 1, "pid": 2}', '{"hello": "1", "pid": 0}', '{"hello": "1", "pid": true}', '{"ready": "1"}',
    '{"ready": -1}', '{"ready": true}', '{"error": "x"}', '{"error": 1, "kind": "DataError"}',
    '{"error": "x", "kind": null}', '{"error": "\\ud800", "kind": ""}',
]  # fmt: skip


@pytest.mark.parametrize("text", NO_MESSAGES, ids=lambda text: text[:40])
def test_what_is_no_message_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011  (whatever json or we say)
        messages.decode(text.encode())


def test_bytes_that_are_no_ascii_are_no_message():
    for line in (b"\xff", "[1,1,1,1,1,1,1]".encode("utf-16"), b"\x00", '"é"'.encode()):
        with pytest.raises(ValueError):  # noqa: PT011
            messages.decode(line)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(list(Status)),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(list(messages.RESULT)), inner),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_only_value_errors_come_out_of_anything(line):
    try:
        message = messages.decode(line)
    except ValueError:
        return
    assert isinstance(message, EpochMetrics | TrialResult | messages.Hello | messages.Ready | messages.Failure)


def with_another_value(line, draw):
    try:
        record = json.loads(line)
        key = draw(st.sampled_from(range(len(record)) if isinstance(record, list) else sorted(record)))
    except (ValueError, TypeError):  # no message any more
        return line
    record[key] = draw(VALUES)
    return json.dumps(record).encode() + b"\n"


def with_another_byte(line, draw):
    place = draw(st.integers(0, len(line) - 1))
    return line[:place] + bytes([draw(st.integers(0, 255))]) + line[place + 1 :]


def with_more_bytes(line, draw):
    place = draw(st.integers(0, len(line)))
    return line[:place] + draw(st.binary(max_size=8)) + line[place:]


MUTATIONS = [
    with_another_value,
    with_another_byte,
    with_more_bytes,
    lambda line, draw: line[: draw(st.integers(1, len(line)))],
    lambda line, draw: 2 * line,
]


@st.composite
def mutated(draw):
    """The lines of a training, some of them changed, perhaps in another order or without one."""
    lines = draw(st.just(TRAINING) | st.permutations(TRAINING) | st.permutations(TRAINING).map(lambda found: found[1:]))
    for place, mutation in draw(st.lists(st.tuples(st.integers(0, len(lines) - 1), st.sampled_from(MUTATIONS)))):
        lines = [*lines[:place], mutation(lines[place], draw), *lines[place + 1 :]]
    return b"".join(lines)


@settings(max_examples=150, deadline=None)
@given(mutated(), st.lists(st.integers(1, 400), max_size=6))
def test_a_mutated_training_makes_no_record_that_is_not_whole(content, cuts):
    with pytest.MonkeyPatch.context() as patch:
        (told, restarted) = speak(engage(patch), content, sorted(cuts))
    epochs = [event.metrics for event in told if isinstance(event, EpochEnded)]
    assert [metrics.epoch for metrics in epochs] == list(range(1, len(epochs) + 1))
    assert all(type(value) in {int, float} and math.isfinite(value) for m in epochs for value in m.to_json())
    ends = [event for event in told if isinstance(event, TrialEnded | AttemptLost)]
    assert len(ends) <= 1  # none where the rest of a line is waited for
    for event in ends:
        if isinstance(event, AttemptLost):
            assert event.spec == SPEC
            continue
        result = event.result
        assert (result.number, result.epochs) == (3, len(epochs))
        if result.score is not None:
            assert (result.score, result.best_epoch) == min((m.dev_error, m.epoch) for m in epochs)
    assert restarted == 0


def speak(actors, content, cuts):
    """Have a worker say so, in reads that end at some places; the events, and how many workers were started after."""
    told = []
    with closing(LocalWorkers(Job("", "dev_error"), 1)) as workers:
        workers.submit(SPEC)
        actors[0].boot()
        workers.poll(0)
        try:
            for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
                if actors[0].returncode is None:
                    actors[0].say(content[begin:end])
                told += workers.poll(0)
        except HptuneError:  # a mutation that happens to be an error told
            assert b'"error"' in content
        told += workers.poll(0)
    return told, len(actors) - 1


def test_half_a_line_waits_for_its_rest(workers, actors):
    line = TRAINING[0]
    for position in range(len(line)):
        actors[0].say(line[position : position + 1])
        assert len(workers.poll(0)) == (position == len(line) - 1)


def test_a_dead_worker_whose_output_another_holds_is_heard_out_and_buried(workers, actors):
    actors[0].say(*TRAINING)
    actors[0].returncode = 9  # and its pipes stay open
    assert [type(event) for event in workers.poll(60)] == [EpochEnded, EpochEnded, TrialEnded]
    assert workers._processes
    assert workers.poll(60) == []
    assert not workers._processes
    workers.submit(SPEC)
    assert len(actors) == 2


TIE = {"tie": 0.1}  # with which the result is that of these epochs
OUT_OF_TURN = {
    "epoch 2 first": [epoch(2)],
    "an epoch twice": [epoch(1), epoch(1)],
    "an epoch left out": [epoch(1), epoch(3)],
    "another trial's result": [epoch(1, 0.1, 0.1, 0.1, 0.5), epoch(2, 0.1, 0.1, 0.1, 0.75), changed(number=4, **TIE)],
    "a result too early": [epoch(1, 0.1, 0.1, 0.1, 0.5), changed(**TIE)],
    "another score": [epoch(1, 0.1, 0.1, 0.1, 0.5), epoch(2, 0.1, 0.1, 0.1, 0.75), changed(score=0.25, **TIE)],
    "another loss": [epoch(1, 0.1, 0.1, 0.1, 0.5), epoch(2, 0.1, 0.1, 0.1, 0.75), changed(tie=0.2)],
    "another best epoch": [epoch(1, 0.1, 0.1, 0.1, 0.5), epoch(2, 0.1, 0.1, 0.1, 0.75), changed(best_epoch=2, **TIE)],
    "hello again": ['{"hello":"1","pid":1}'],
    "ready again": ['{"ready":1}'],
    "garbage": ["{this is no message"],
    "garbage then epochs": ["x", epoch(1), epoch(2)],
}


@pytest.mark.parametrize("said", OUT_OF_TURN.values(), ids=OUT_OF_TURN)
def test_what_is_out_of_turn_loses_the_attempt(workers, actors, said):
    actors[0].say(*[line.encode() + b"\n" for line in said])
    events = workers.poll(0) + workers.poll(0)
    assert not any(isinstance(event, TrialEnded) for event in events)
    (lost,) = [event for event in events if isinstance(event, AttemptLost)]
    assert "its worker process said what is no message" in lost.reason
    assert actors[0].is_killed
    assert workers.n_busy == 0


def test_a_result_without_a_trial_ends_the_worker_and_loses_nothing(workers, actors):
    actors[0].say(*TRAINING, TRAINING[2])
    events = workers.poll(0) + workers.poll(0)
    assert [type(event) for event in events] == [EpochEnded, EpochEnded, TrialEnded]
    assert actors[0].is_killed


def test_a_line_without_end_is_garbage(workers, actors):
    for _ in range(messages.MAX_LINE // 2**15):
        actors[0].say(b"x" * 2**15)
        assert workers.poll(0) == []
    actors[0].say(b"x")
    (lost,) = workers.poll(0) + workers.poll(0)
    assert isinstance(lost, AttemptLost)
    assert len(lost.reason) < 1000


def test_a_worker_of_another_version_ends_the_run(actors):
    with closing(LocalWorkers(Job("", "dev_error"), 1)) as workers:
        workers.submit(SPEC)
        actors[0].boot(version="99.0")
        with pytest.raises(HptuneError, match=r"this is version \d.*started is 99\.0\. Go on with: hptune resume"):
            workers.poll(0)


def test_garbage_before_a_worker_is_ready_is_a_failed_boot(actors):
    """As of a sitecustomize that prints."""
    with closing(LocalWorkers(Job("", "dev_error"), 1)) as workers:
        workers.submit(SPEC)
        for number in range(3):
            actors[number].say(b"Welcome!\n")
            assert workers.poll(0) == []
            if number < 2:
                assert workers.poll(0) == []
        with pytest.raises(HptuneError, match=r"cannot start: the last of 3 said what is no message.*Welcome!"):
            workers.poll(0)
        assert len(actors) == 3
