from hptune.nn.schedules import inverse_time


def test_inverse_time_starts_at_the_learning_rate_and_follows_its_formula():
    schedule = inverse_time(0.2, 1.0)
    assert [schedule(epoch) for epoch in range(4)] == [0.2, 0.2 / 2, 0.2 / 3, 0.2 / 4]


def test_without_decay_the_learning_rate_stays():
    assert {inverse_time(0.2, 0.0)(epoch) for epoch in range(100)} == {0.2}
