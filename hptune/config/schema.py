"""The study file as a JSON Schema (draft 2020-12), so that an editor completes keys and marks mistakes while one types.

Nothing is said twice: hyperparameters come from their rules (hptune.nn.hyperparameters), and the keys of data and
search from their readers, which are run once on a reader that writes down what it is asked for. What a schema cannot
say (low below high, which keys go together, whether a file is there) only the reader knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hptune.config import data_section, search_section
from hptune.config.ranges import MAX_CHOICES
from hptune.config.reader import Reader
from hptune.config.search_section import LEAST_MEMORY, MOST_MEMORY, SearchSettings
from hptune.config.yaml_tree import Node
from hptune.data.settings import DataSettings
from hptune.effects import said_needs
from hptune.legal import Legal
from hptune.levels import FAR
from hptune.nn.hyperparameters import DEFAULTS, DOCS, LEGAL
from hptune.runs import NAME
from hptune.scales import LINEAR, SCALES, Scale
from hptune.search.plan import DURATION, SIZE

Form = dict[str, Any]
"""A part of the schema."""

ANYTHING = Node("", None, "", plain=True)
"""Stands for every value while readers are run."""

LENGTH_OF_TIME: Form = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": f"^(?=.*[1-9])(?:{DURATION})$"},
    ]
}
NO_LIMIT: Form = {"const": "none"}
UNASKED: Mapping[str, Form] = {
    "data.image": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "integer", "minimum": 1}},
    "data.split": {
        "type": "array",
        "minItems": 2,
        "maxItems": 3,
        "items": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    },
    "data.missing_values": {
        "anyOf": [
            {"type": ["string", "number"]},
            {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}},
        ]
    },
    "search.time": LENGTH_OF_TIME,
    "search.trial_timeout": {"anyOf": [*LENGTH_OF_TIME["anyOf"], NO_LIMIT]},
    "search.stall_timeout": {"anyOf": [*LENGTH_OF_TIME["anyOf"], NO_LIMIT]},
    "search.worker_memory": {
        "anyOf": [
            {"type": "integer", "minimum": LEAST_MEMORY, "maximum": MOST_MEMORY},
            {"type": "string", "pattern": f"^(?:{SIZE})$"},
            NO_LIMIT,
        ]
    },
}
"""The keys whose readers look at the value themselves."""

MEANINGS: Mapping[str, str] = {
    "data": "Which data, and how they are split: a built-in set or a file.",
    "data.source": "A built-in set.",
    "data.task": "What is learned from a file: classes, or with regression numbers.",
    "data.path": "A .csv, .tsv, .parquet, .npz or .npy file or an IDX file, beside the study file.",
    "data.labels": "NPY and IDX: the file of y, as path is the file of X.",
    "data.dev_labels": "NPY and IDX: the file of y for dev.",
    "data.test_labels": "NPY and IDX: the file of y for test.",
    "data.target": "Tables: the column of labels; in regression of numbers.",
    "data.dev": "A file of its own for dev; else dev is split off.",
    "data.test": "A file of its own for test; else test is split off.",
    "data.ignore": "Tables: columns to leave out.",
    "data.categorical": "Tables: columns of numbers that are names, to be one-hot encoded.",
    "data.missing": "Missing values: refuse them, drop their rows, or fill in the mean or a category of their own.",
    "data.missing_values": "What stands for a missing value, as [NA, -999]; an empty cell always does.",
    "data.image": "Height, width and (if not 1) channels of the image that each row is.",
    "data.split": "Shares of train, dev and (if wanted) test, adding up to 1; by default by size.",
    "data.examples": "Of a generated set: how many.",
    "data.noise": "Of a generated set.",
    "data.classes": "Of spirals and blobs: how many.",
    "data.seed": "Of the generated examples and of the split.",
    "data.bayes_error": "The error that nobody can beat, for the diagnosis of the report.",
    "search": "How configurations are chosen, and how much may be spent on them.",
    "search.method": "How configurations are chosen.",
    "search.mode": "Many models in parallel.",
    "search.trials": "The budget: how many trials, confirmation included.",
    "search.epochs": "The budget: how many epochs in all trials together, confirmation included.",
    "search.time": "The budget: 45s, 90m, 2h, 1h30m, 1.5d, or a number of seconds.",
    "search.seed": "Of configurations, first weights, mini-batches, dropout and augmentation.",
    "search.metric": "What ranks trials, at the best epoch of each.",
    "search.goal": "Of the metric.",
    "search.bars": "Stop a trial that is not among the best third after 1/27, 1/9 or 1/3 of its epochs, "
    "nor as good as the trial it was chosen near.",
    "search.confirm": "Train the best again from fresh seeds, with 15 % of the epochs.",
    "search.extend": "Let a range grow where the best trials lie at its end.",
    "search.parallel": "How many trials are under way when another is proposed; auto is twice the workers, "
    "at most an eighth of the trainings.",
    "search.workers": "Processes; auto is one for every core, 0 trains in the program itself.",
    "search.trial_timeout": "How long one trial may take: 45s, 90m, 2h, ...; none is no limit.",
    "search.stall_timeout": "How long one trial may take for an epoch: 45s, 90m, 2h, ...; none is no limit.",
    "search.worker_memory": "How much memory one worker may take: 512MB, 2GB, ...; none is no limit.",
}
"""What each key is for, in the words that an editor shows."""


def study_schema() -> Form:
    """The schema of a whole study file, of plain JSON values."""
    recorder = _Recorder()
    data_section.read(recorder, ANYTHING, ANYTHING, None)
    search_section.read(recorder, ANYTHING)
    data = _section(recorder, "data", data_section.KEYS, DataSettings().to_json())
    search = _section(recorder, "search", search_section.KEYS, SearchSettings().plain())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hptune study file",
        **_object(
            {
                "name": {"description": "Names the run's folder.", "type": "string", "pattern": f"^{NAME}$"},
                "data": {**data, "oneOf": [{"required": ["source"]}, {"required": ["path"]}]},
                "train": {
                    "description": "Hyperparameters with one value each; all others have defaults.",
                    **_object({name: _documented(name, _with_default(name)) for name in LEGAL}),
                    "type": ["object", "null"],
                },
                "space": {
                    "description": "The hyperparameters to be searched: a range, choices or a constant.",
                    **_object({name: _documented(name, _domain(LEGAL[name])) for name in LEGAL}),
                    "minProperties": 1,
                },
                "search": {**search, "type": ["object", "null"]},
            },
            required=["data", "space"],
        ),
        "$defs": {"when": _conditions()},
    }


class _Recorder(Reader):
    """Writes down which form each key must have, and reads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, Form] = {}

    def problem(self, node: Node, key: str, message: str, *, at_key: bool = False) -> None:
        """Nothing is read, so nothing is wrong."""

    def mapping(
        self,
        node: Node | None,
        key: str,  # noqa: ARG002  (those of the reader)
        known: Sequence[str],
        elsewhere: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Mapping[str, Node]:
        """All keys that there are, without a value."""
        return dict.fromkeys(known, node or ANYTHING)

    def text(self, node: Node | None, key: str, *, or_empty: bool = False) -> None:  # noqa: ARG002
        self.forms[key] = _text(or_empty=or_empty)

    def texts(self, node: Node | None, key: str, *, or_empty: bool = False) -> list[str]:  # noqa: ARG002
        text = _text(or_empty=or_empty)
        self.forms[key] = {"anyOf": [text, {"type": "array", "items": text}]}
        return []

    def one_of(
        self,
        node: Node | None,  # noqa: ARG002
        key: str,
        allowed: Sequence[str],
        why: str = "",  # noqa: ARG002
        elsewhere: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> None:
        self.forms[key] = {"enum": list(allowed)}

    def number(self, node: Node | None, key: str, low: float = -math.inf, high: float = math.inf) -> None:  # noqa: ARG002
        self.forms[key] = {"type": "number", **_bounds(low, high)}

    def whole(
        self,
        node: Node | None,  # noqa: ARG002
        key: str,
        low: float = -math.inf,
        high: float = math.inf,
        also: str = "",
    ) -> None:
        number = {"type": "integer", **_bounds(low, high)}
        self.forms[key] = {"anyOf": [number, {"const": also}]} if also else number

    def truth(self, node: Node | None, key: str, *, default: bool) -> bool:  # noqa: ARG002
        self.forms[key] = {"type": "boolean"}
        return default


def _text(*, or_empty: bool) -> Form:
    return {"type": "string"} if or_empty else {"type": "string", "minLength": 1}


def _section(recorder: _Recorder, section: str, keys: Sequence[str], defaults: Mapping[str, Any]) -> Form:
    """A section whose reader has been run on the recorder."""
    properties = {}
    for name in keys:
        key = f"{section}.{name}"
        form = recorder.forms.get(key) or UNASKED.get(key)
        assert form is not None, f"{key} has no form: its reader looks at the value itself, so say it in UNASKED"
        assert key in MEANINGS, f"{key} has no meaning: say in MEANINGS what it is for"
        default = {} if defaults.get(name) in (None, ()) else {"default": defaults[name]}
        properties[name] = {"description": MEANINGS[key], **form, **default}
    return {"description": MEANINGS[section], **_object(properties)}


def _object(properties: Mapping[str, Form], *, required: Sequence[str] = ()) -> Form:
    """A mapping with no other keys."""
    form: Form = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**form, "required": list(required)} if required else form


def _bounds(low: float, high: float, *, low_open: bool = False, high_open: bool = False) -> Form:
    """The ends that there are."""
    ends: Form = {}
    if low > -math.inf:
        ends["exclusiveMinimum" if low_open else "minimum"] = low
    if high < math.inf:
        ends["exclusiveMaximum" if high_open else "maximum"] = high
    return ends


def _documented(name: str, form: Form) -> Form:
    """A hyperparameter with what it is and what it needs."""
    needs = said_needs(name)
    texts = [DOCS[name], f"with {needs}" if needs else ""]
    description = "; ".join(text for text in texts if text)
    return {**({"description": description} if description else {}), **form}


def _with_default(name: str) -> Form:
    """One value of a hyperparameter."""
    default = {} if LEGAL[name].required else {"default": DEFAULTS[name]}
    return {**_value(LEGAL[name]), **default}


def _numbers(legal: Legal) -> Form:
    return {"type": "integer" if legal.kind == "int" else "number", **_limits(legal)}


def _limits(legal: Legal) -> Form:
    return _bounds(legal.low, legal.high, low_open=legal.low_open, high_open=legal.high_open)


def _alternatives(legal: Legal, *, structures: bool = True) -> list[Form]:
    """The forms that one value can have; the structures of a notation only if wanted, its texts in any case."""
    forms: list[Form] = [{"enum": list(legal.choices)}] if legal.choices else []
    if legal.kind == "bool":
        forms.append({"type": "boolean"})
    elif legal.kind != "choice":
        forms.append(_numbers(legal))
    if legal.notation is not None:
        forms.append({"type": "string", "pattern": f"^(?:{legal.notation.pattern})$"})
        forms += [dict(legal.notation.structure)] if structures else []
    return forms


def _any_of(forms: Sequence[Form]) -> Form:
    return forms[0] if len(forms) == 1 else {"anyOf": list(forms)}


def _value(legal: Legal) -> Form:
    return _any_of(_alternatives(legal))


def _domain(legal: Legal) -> Form:
    """What may stand under space: a constant, choices or, of numbers, a range."""
    when = {"$ref": "#/$defs/when"}
    items = {"type": "array", "minItems": 1, "maxItems": MAX_CHOICES, "uniqueItems": True, "items": _value(legal)}
    forms = _alternatives(legal, structures=False)
    forms.append(_object({"choices": items, "when": when}, required=["choices"]))
    return _any_of([*forms, _range(legal, when)] if legal.kind in {"int", "real"} else forms)


def _range(legal: Legal, when: Form) -> Form:
    """Numbers from low to high, on a scale, perhaps in steps."""
    is_int = legal.kind == "int"
    end = _numbers(legal.in_ranges)
    if is_int:
        end = {**end, "minimum": max(legal.in_ranges.low, -FAR), "maximum": min(legal.high, FAR)}
    number = "integer" if is_int else "number"
    scales = [scale for scale in SCALES.values() if scale.integers or not is_int]
    keys: dict[str, Form] = {
        "type": {"enum": ["int"] if is_int else ["real", "int"], "default": legal.kind},
        "scale": {"enum": [scale.name for scale in scales], "default": LINEAR.name},
        "low": {"description": "The lowest value itself, never an exponent.", **end},
        "high": {"description": "The highest value itself, never an exponent.", **end},
        "step": {"description": "Of a linear scale; it divides the range.", "type": number, "exclusiveMinimum": 0},
        "when": when,
    }
    rules = [_if("scale", scale.name, _ends(scale)) for scale in scales if scale is not LINEAR]
    if not is_int:
        whole = {name: {"type": "integer"} for name in ("low", "high", "step")}
        others = _any_of([{"const": scale.name} for scale in scales if not scale.integers])
        rules.append(_if("type", "int", {**whole, "scale": {"not": others}}))
    return {**_object(keys, required=["low", "high"]), "allOf": rules}


def _ends(scale: Scale) -> Form:
    """What a scale other than the linear one asks of the keys of a range: of the ends that it limits, and no steps."""
    limits = {"low": scale.rule.low, "high": scale.rule.high}
    ends = {end: _limits(scale.rule) for end, limit in limits.items() if math.isfinite(limit)}
    return {**ends, "step": False}


def _if(key: str, value: str, then: Form) -> Form:
    """What else holds where a key has a value."""
    condition = {"properties": {key: {"const": value}}, "required": [key]}
    return {"if": condition, "then": {"properties": then}}


def _conditions() -> Form:
    """Values of other hyperparameters, of which one of each must be there; a list is one of alternatives."""

    def of(legal: Legal) -> Form:
        single = [form for form in _alternatives(legal) if form.get("type") != "array"]
        return {"anyOf": [*single, {"type": "array", "minItems": 1, "items": _value(legal)}]}

    meaning = "Drawn only in trials where these hold: a value, or a list of which one holds."
    return {"description": meaning, **_object({name: of(legal) for name, legal in LEGAL.items()})}
