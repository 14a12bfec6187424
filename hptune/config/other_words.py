"""What people write who come from other places: keys of another section, words of other tools, numbers as on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

_ERROR = "dev_error, which is 1 - accuracy"
OTHER_METRICS: Mapping[str, str] = {
    **dict.fromkeys(("accuracy", "acc", "val_accuracy", "val_acc", "dev_accuracy", "balanced_accuracy"), _ERROR),
    **dict.fromkeys(("error", "val_error", "error_rate", "misclassification"), "dev_error"),
    **dict.fromkeys(("loss", "val_loss", "log_loss", "logloss", "cross_entropy", "nll"), "dev_loss"),
    **dict.fromkeys(("rmse", "mse", "mae", "r2"), "dev_error, in regression the RMSE in deviations of the targets"),
    **dict.fromkeys(("auc", "roc_auc", "f1", "precision", "recall"), "dev_loss, which knows rare classes, too"),
}
"""What to write for a metric, by its name in small letters."""

_GRID = "random, which tries another value of each hyperparameter in every trial, where a grid has a few of each"
OTHER_METHODS: Mapping[str, str] = {
    **dict.fromkeys(("grid", "grid_search"), _GRID),
    **dict.fromkeys(("random_search", "uniform"), "random"),
    **dict.fromkeys(
        ("bayes", "bayesian", "tpe", "hyperband", "asha", "bohb", "pbt", "coarse_to_fine"),
        "coarse-to-fine, which searches near the best and stops early what falls behind",
    ),
}
"""What to write for a way to search."""

BY_LAYER: Mapping[str, tuple[str, str]] = {
    "hidden_layers": ("widths", "units"),
    "hidden_units": ("widths", "units"),
    "dropout": ("dropout_by_layer", "shares"),
}
"""Which hyperparameter has a value for each layer, and of what, beside one that has the same for all."""

_MOST_DIGITS = 15
_DIGITS = rf"[0-9]{{1,{_MOST_DIGITS}}}"


def _with_comma(found: re.Match[str]) -> str:
    """A decimal comma, or one between thousands."""
    is_thousand = len(found[2]) == 3 and not found[1].lstrip("-").startswith("0")
    return found[1] + ("" if is_thousand else ".") + found[2]


def _ratio(found: re.Match[str]) -> str:
    return f"{int(found[1]) / int(found[2]):.12g}" if int(found[2]) else ""


_ON_PAPER: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (rf"(-?{_DIGITS}),({_DIGITS})", _with_comma),
    (r"[0-9]{1,3}(?:,[0-9]{3}){2,4}", lambda found: found[0].replace(",", "")),
    (rf"({_DIGITS}(?:\.{_DIGITS})?) ?%", lambda found: f"{float(found[1]) / 100:.12g}"),
    (
        r"(?:([0-9]+(?:\.[0-9]+)?) ?[*x] ?)?10 ?(?:\^|\*\*) ?\(?(-?[0-9]{1,3})\)?",
        lambda found: f"{found[1] or 1}e{found[2]}",
    ),
    (r"([0-9]+(?:\.[0-9]+)?)[eE]\^\(?([-+]?[0-9]{1,3})\)?", lambda found: f"{found[1]}e{found[2]}"),
    (rf"({_DIGITS}) ?/ ?({_DIGITS})", _ratio),
)
"""Numbers on paper, and how they are written here."""


def number_meant(text: str) -> str:
    """How a number is written that somebody wrote as on paper, such as 0,01, 50%, 10^-4 or 1/16; empty for others."""
    for pattern, meant in _ON_PAPER:
        if found := re.fullmatch(pattern, text.strip()):
            return meant(found)
    return ""


def hint_of_number(value: object) -> str:
    """What to write instead, as the end of a message; empty for what is no number on paper."""
    meant = number_meant(value) if isinstance(value, str) else ""
    return f"; write {meant}" if meant else ""


def glued(text: str) -> str:
    """The name with its colon, where a text is a key and its value with no space between them; else an empty text."""
    found = re.match(r"""\s*(?:- )?(["']?[A-Za-z_][\w-]*["']?:)(?=[^\s/])""", text)
    return found[1] if found else ""


class Places:
    """In which section each key stands."""

    def __init__(self, sections: Mapping[str, Iterable[str]]) -> None:
        self._sections = {section: tuple(keys) for section, keys in sections.items()}

    def of(self, name: str, apart_from: Sequence[str] = ()) -> str:
        """Where a key belongs, as it is written with --set; an empty text where it is nowhere."""
        found = [f"{section}.{name}" for section, keys in self._sections.items() if name in keys]
        own = [place for place in found if place.partition(".")[0] not in apart_from]
        if f"train.{name}" in own and f"space.{name}" in own:
            own.remove(f"space.{name}")
            own.append(f"space.{name} to search it")
        return ", or ".join(own)
