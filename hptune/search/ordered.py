"""A growing list in order, quick whether its items come one by one or by the hundred thousand."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Generic, TypeVar, final

T = TypeVar("T")
FEW = 8  # are inserted one by one; the list is sorted anew for more


@final
class Ordered(Generic[T]):
    """Items in the order of their keys, those of equal keys as they were added."""

    def __init__(self, key: Callable[[T], Any], items: Iterable[T] = ()) -> None:
        self._key = key
        self._keys: list[Any] = []
        self._items: list[T] = []
        self._new: list[T] = list(items)  # not in their places yet

    def add(self, item: T) -> None:
        self._new.append(item)

    def __len__(self) -> int:
        return len(self._items) + len(self._new)

    @property
    def items(self) -> Sequence[T]:
        """All of them, in order."""
        if len(self._new) <= FEW:
            for item in self._new:
                key = self._key(item)
                place = bisect(self._keys, key)
                self._keys.insert(place, key)
                self._items.insert(place, item)
        else:
            pairs = [*zip(self._keys, self._items, strict=True), *((self._key(item), item) for item in self._new)]
            pairs.sort(key=itemgetter(0))
            self._keys, self._items = [key for key, _ in pairs], [item for _, item in pairs]
        self._new.clear()
        return self._items
