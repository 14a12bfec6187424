"""The search section of a study file: how configurations are chosen, and how much may be spent on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hptune.config.other_words import OTHER_METHODS, OTHER_METRICS
from hptune.config.reader import Reader, found
from hptune.config.yaml_tree import Node
from hptune.search.plan import METHODS, Budget, Method, parse_duration, parse_size
from hptune.trial import METRICS, MetricName

LEAST_MEMORY = 256_000_000  # bytes: what a worker takes before there are data, and some more
MOST_MEMORY = 10**15


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The search section."""

    method: Method = "coarse-to-fine"
    mode: str = "caviar"  # many models in parallel
    trials: int | None = 100  # None: no limit, and likewise the next two
    epochs: int | None = None  # in all trials together
    time_s: float | None = None
    seed: int = 0
    metric: MetricName = "dev_error"
    goal: str = "minimize"
    bars: bool = True
    confirm: bool = True
    extend: bool = False
    parallel: int | None = None  # trials under way when another is proposed; None: see workers.cores.with_parallel
    workers: int | None = None  # None: as many as there are cores; changes nothing but the time
    trial_timeout_s: float | None = None  # None: no limit, and likewise the next two
    stall_timeout_s: float | None = 3600.0  # without an epoch
    worker_memory: int | None = None  # bytes

    @property
    def budget(self) -> Budget:
        return Budget(self.trials, self.epochs, self.time_s)

    def plain(self) -> dict[str, Any]:
        """As written in a study file, every default written out."""
        limits = {"trials": self.trials, "epochs": self.epochs, "time": self.time_s}
        return {
            "method": self.method,
            "mode": self.mode,
            **{name: limit for name, limit in limits.items() if limit is not None},
            "seed": self.seed,
            "metric": self.metric,
            "goal": self.goal,
            "bars": self.bars,
            "confirm": self.confirm,
            "extend": self.extend,
            "parallel": "auto" if self.parallel is None else self.parallel,
            "workers": "auto" if self.workers is None else self.workers,
            "trial_timeout": "none" if self.trial_timeout_s is None else self.trial_timeout_s,
            "stall_timeout": "none" if self.stall_timeout_s is None else self.stall_timeout_s,
            "worker_memory": "none" if self.worker_memory is None else self.worker_memory,
        }


KEYS = tuple(SearchSettings(trials=1, epochs=1, time_s=1.0).plain())
LIMITS = {
    "search.trial_timeout": "trial_timeout_s",
    "search.stall_timeout": "stall_timeout_s",
    "search.worker_memory": "worker_memory",
}
"""The keys that one sitting may have otherwise than its run, and the settings that they are: they change no result."""


def read(reader: Reader, node: Node | None) -> SearchSettings:
    """The section, where there is one."""
    defaults = SearchSettings()
    keys = reader.mapping(node, "search", KEYS)

    def of(key: str) -> tuple[Node | None, str]:
        return keys.get(key), f"search.{key}"

    if (mode := keys.get("mode")) is not None and mode.value == "panda":
        reader.problem(mode, "search.mode", "panda (babysitting one model) is not there yet: use caviar")
    else:
        reader.one_of(*of("mode"), ("caviar",))
    reader.one_of(*of("goal"), ("minimize",), "losses and errors are better when lower")
    method = reader.one_of(*of("method"), METHODS, elsewhere=OTHER_METHODS) or defaults.method
    is_limited = "epochs" in keys or "time" in keys
    return SearchSettings(
        method=method,  # type: ignore[arg-type]
        trials=reader.whole(*of("trials"), low=1, high=1_000_000) or (None if is_limited else defaults.trials),
        epochs=reader.whole(*of("epochs"), low=1, high=10**12),
        time_s=_duration(reader, *of("time")),
        seed=reader.whole(*of("seed"), low=0, high=2**63 - 1) or 0,
        metric=reader.one_of(*of("metric"), METRICS, elsewhere=OTHER_METRICS) or defaults.metric,  # type: ignore[arg-type]
        bars=reader.truth(*of("bars"), default=method == "coarse-to-fine"),
        confirm=reader.truth(*of("confirm"), default=defaults.confirm),
        extend=reader.truth(*of("extend"), default=defaults.extend),
        parallel=_number_or_auto(reader, *of("parallel"), low=1),
        workers=_number_or_auto(reader, *of("workers"), low=0),
        trial_timeout_s=_timeout(reader, *of("trial_timeout"), defaults.trial_timeout_s),
        stall_timeout_s=_timeout(reader, *of("stall_timeout"), defaults.stall_timeout_s),
        worker_memory=_size(reader, *of("worker_memory")),
    )


def _number_or_auto(reader: Reader, node: Node | None, key: str, *, low: int) -> int | None:
    return None if node is None or node.value == "auto" else reader.whole(node, key, low=low, high=9999, also="auto")


def _duration(reader: Reader, node: Node | None, key: str, also: str = "") -> float | None:
    """Seconds, from a number of them or a text such as 90m, 2h or 1h30m."""
    if node is None:
        return None
    if isinstance(node.value, str) and (seconds := parse_duration(node.value)):
        return seconds
    if isinstance(node.value, int | float) and not isinstance(node.value, bool) and 0 < node.value < float("inf"):
        return float(node.value)
    expected = f"expected a time as 90m, 2h, 1h30m or a number of seconds above 0{also}"
    reader.problem(node, key, f"{expected}, found {found(node)}")
    return None


def _timeout(reader: Reader, node: Node | None, key: str, default: float | None) -> float | None:
    """Seconds, or None for no limit."""
    if node is None:
        return default
    return None if node.value == "none" else _duration(reader, node, key, also=", or none")


def _size(reader: Reader, node: Node | None, key: str) -> int | None:
    """Bytes, from a number of them or a text such as 2GB; None for no limit."""
    if node is None or node.value == "none":
        return None
    value = parse_size(node.value) if isinstance(node.value, str) else node.value
    if isinstance(value, int | float) and LEAST_MEMORY <= value <= MOST_MEMORY and value == int(value):
        return int(value)
    reader.problem(node, key, f"expected a size as 2GB or 512MB of at least 256MB, or none, found {found(node)}")
    return None


def require_an_epoch_budget(reader: Reader, settings: SearchSettings, node: Node | None, epochs: int) -> None:
    """Refuse a budget that is too small for a single trial."""
    if settings.epochs is not None and settings.epochs < epochs and node is not None and isinstance(node.value, dict):
        reader.problem(
            node.value["epochs"],
            "search.epochs",
            f"a trial has {epochs} epochs, and all together have {settings.epochs}",
        )
