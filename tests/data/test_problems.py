"""Problems of a file, collected."""

import pytest

from hptune.data.problems import KEPT, SHOWN, FileProblems
from hptune.errors import DataError


def test_of_very_many_problems_the_first_are_kept_and_all_are_counted():
    problems = FileProblems("d.csv")
    n = 3 * KEPT + 7
    for line in range(n, 0, -1):
        problems.add("bad", line)
        assert len(problems.found) < KEPT
    with pytest.raises(DataError) as caught:
        problems.raise_any()
    shown = str(caught.value).splitlines()
    assert shown == [*(f"d.csv:{line}: bad" for line in range(1, SHOWN + 1)), f"d.csv: and {n - SHOWN} more"]
