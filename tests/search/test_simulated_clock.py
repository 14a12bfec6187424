from __future__ import annotations

import heapq
import random

from hypothesis import given
from hypothesis import strategies as st

from hptune.search.simulated_clock import SimulatedClock


def simulated(trials, parallel):
    """The order in which trials end, of which each is (cost of an epoch, epochs), and when: by a queue of events."""
    running, ended, waiting = [], [], list(enumerate(trials))
    now = 0.0
    while running or waiting:
        while waiting and len(running) < parallel:
            number, (cost, epochs) = waiting.pop(0)
            heapq.heappush(running, (now + cost * epochs, number))
        now, number = heapq.heappop(running)
        ended.append((number, now))
    return ended


def told(trials, parallel, rng):
    """The same by the clock, told in small pieces in any order; it says what it knows as soon as it does."""
    clock, ended = SimulatedClock(parallel), []
    waiting = list(range(len(trials)))
    running, epochs_told = [], dict.fromkeys(waiting, 0)
    finished = set()

    def hand_out():
        while waiting or clock.busy:
            while waiting and clock.has_room:
                number = waiting.pop(0)
                running.append(number)
                clock.start(number, trials[number][0], 0)
            assert len(clock.busy) <= parallel
            number = clock.next_ended()
            if number is None:
                return
            assert number in finished, "it was not known to have ended"
            ended.append((number, clock.now))

    hand_out()
    while running:
        number = rng.choice(running)
        epochs = trials[number][1]
        if epochs_told[number] < epochs:
            epochs_told[number] += 1
            clock.see(number, epochs_told[number])
        else:
            finished.add(number)
            running.remove(number)
            clock.end(number, epochs)
        hand_out()
    return ended


COSTS = st.sampled_from([0.5, 1.0, 2.0, 3.0]) | st.floats(0.01, 100)  # with ties, and without
TRIALS = st.lists(st.tuples(COSTS, st.integers(0, 6)), max_size=12)


@given(TRIALS, st.integers(1, 6), st.builds(random.Random, st.integers(0, 2**32)))
def test_the_order_of_ends_is_that_of_a_simulation_however_it_is_told(trials, parallel, rng):
    assert told(trials, parallel, rng) == simulated(trials, parallel)


@given(TRIALS, st.integers(1, 6), st.integers(0, 99))
def test_time_never_runs_backwards(trials, parallel, seed):
    times = [time for _, time in told(trials, parallel, random.Random(seed))]
    assert times == sorted(times)


def test_an_end_is_known_as_soon_as_the_others_have_run_longer():
    clock = SimulatedClock(2)
    clock.start(0, 2.0, 0)
    clock.start(1, 1.0, 0)
    assert not clock.has_room
    assert clock.next_ended() is None
    clock.end(1, 3)  # at 3
    clock.see(0, 1)  # at 2 at least
    assert clock.next_ended() is None
    clock.see(0, 2)  # at 4 at least
    assert (clock.next_ended(), clock.now, clock.busy, clock.has_room) == (1, 3.0, (0,), True)
    clock.start(2, 1.0, 0)
    clock.end(2, 1)  # at 4, when 0 may end too, and has the lower number
    assert clock.next_ended() is None
    clock.end(0, 2)
    assert [clock.next_ended(), clock.next_ended(), clock.next_ended()] == [0, 2, None]
    assert clock.now == 4.0


def test_of_two_that_end_together_the_lower_number_comes_first_whichever_began_first():
    clock = SimulatedClock(2)
    for number in (1, 0):
        clock.start(number, 1.0, 0)
        clock.end(number, 1)
    assert [clock.next_ended(), clock.next_ended()] == [0, 1]


def test_of_two_that_end_together_a_higher_number_cannot_hold_up_a_lower_one():
    clock = SimulatedClock(2)
    clock.start(0, 1.0, 0)
    clock.start(1, 1.0, 0)
    clock.see(1, 2)
    clock.end(0, 2)
    assert clock.next_ended() == 0


def test_a_trial_without_epochs_ends_when_it_starts():
    clock = SimulatedClock(2)
    clock.start(0, 1.0, 0)
    clock.start(1, 5.0, 0)
    clock.end(1, 0)
    assert clock.next_ended() is None  # 0 may have failed at once as well
    clock.see(0, 1)
    assert (clock.next_ended(), clock.now) == (1, 0.0)


def test_how_long_a_trial_will_run_at_least_is_known_from_its_start():
    clock = SimulatedClock(2)
    clock.start(0, 1.0, 9)
    clock.start(1, 2.0, 3)
    clock.end(1, 4)
    assert (clock.next_ended(), clock.now) == (1, 8.0)
    clock.start(2, 0.5, 1)
    clock.end(2, 3)  # at 9.5
    assert clock.next_ended() is None
    clock.see(0, 10)
    assert clock.next_ended() == 2


def test_epochs_told_once_more_change_nothing():
    clock = SimulatedClock(2)
    clock.start(0, 1.0, 0)
    clock.start(1, 2.0, 0)
    clock.see(1, 2)
    clock.see(1, 1)  # its worker died, and it is trained again
    clock.end(0, 3)
    assert clock.next_ended() == 0
    assert SimulatedClock(1).next_ended() is None
