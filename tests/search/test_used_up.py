from __future__ import annotations

from hptune.domains import Choice, Real
from hptune.levels import Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.scales import LOG
from hptune.search.used_up import configurations
from hptune.space import Parameter, SearchSpace


def space(**domains):
    when = {"momentum": (("optimizer", ("momentum",)),)}
    return SearchSpace(tuple(Parameter(name, d, LEGAL[name], when.get(name, ())) for name, d in domains.items()))


def test_all_configurations_are_counted_by_hand():
    assert len(configurations(space(optimizer=Choice(("adam", "momentum")), hidden_units=LogInteger(4, 6)), {})) == 6
    assert len(configurations(space(hidden_layers=Grid(1, 2, 3), dropout=Grid(0.0, 0.1, 5)), {})) == 15
    # of adam there is one, of momentum three; with units two of each
    found = space(
        optimizer=Choice(("adam", "momentum")), momentum=Choice((0.5, 0.9, 0.99)), hidden_units=Choice((8, 16))
    )
    assert len(configurations(found, {})) == (1 + 3) * 2
    # a network without hidden layers has no units
    assert len(configurations(space(hidden_layers=Grid(0, 1, 3), hidden_units=Choice((8, 16))), {})) == 1 + 2 * 2


def test_of_many_there_is_no_list():
    assert configurations(space(learning_rate=Real(1e-4, 1.0, LOG)), {}) is None
    assert configurations(space(hidden_units=LogInteger(1, 3000)), {}) is None
    assert configurations(space(learning_rate=Choice((0.01,), constant=True)), {}) == {
        (("learning_rate", False, 0.01),)
    }
