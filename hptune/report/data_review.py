"""What `hptune check` prints: the study, what it will take, its data, its space and what is drawn of it, and advice."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from hptune.analysis.preview import Preview
from hptune.analysis.study_check import StudyCheck
from hptune.config.study_file import StudyConfig
from hptune.data.columns import Column as TextColumn
from hptune.data.dataset import mean_and_deviation, pixels
from hptune.data.drift import LEVEL, LabelDrift, TargetDrift
from hptune.data.problems import quoted
from hptune.data.review import Comparison, Review
from hptune.data.texts import columns_of_text
from hptune.domains import show
from hptune.nn.hyperparameters import LEGAL
from hptune.report.columns import MISSING, Column, print_columns
from hptune.report.safe_text import heading, say
from hptune.report.spaces import plan_text, specs_table
from hptune.report.sparkline import bars
from hptune.search.plan import Plan
from hptune.space import Parameter, SearchSpace
from hptune.wording import amount, counted, rounded, size, span

MOST_CLASSES = 20
MOST_CHOICES = 5
MOST_TEXTS = 5
WORST = 5  # columns shown of each comparison


def print_check(console: Console, check: StudyCheck) -> None:
    """Print all that has been found."""
    config, found = check.config, check.found
    _print_study(console, config, found, check.plan)
    _print_expectation(console, check)
    if found.dataset.is_regression:
        _print_targets(console, found)
    else:
        _print_classes(console, found)
    _print_space(console, config)
    _print_previews(console, check.previews)
    heading(console, "The first trials")
    specs_table(console, check.first, config.space)
    for comparison in found.comparisons:
        _print_comparison(console, comparison, found.dataset.features)
    heading(console, "Advice" if check.advice else "Nothing to object to.")
    for text in check.advice:
        say(console, f"- {text}", "yellow")


def _print_study(console: Console, config: StudyConfig, found: Review, plan: Plan) -> None:
    source = config.data.source or Path(config.data.path or "").name
    sizes = ", ".join(f"{len(s):,} {name}" for name, s in zip(found.names, found.dataset.subsets(), strict=True))
    image = found.dataset.image
    features = counted(len(found.dataset.features), "feature") + (f" (images of {pixels(image)})" if image else "")
    task = f"{len(found.dataset.classes):,} classes"
    if found.dataset.is_regression:
        task = f"regression of {config.data.target or 'y'}"
    say(console, f"study   {config.name}")
    say(console, f"data    {source}: {sizes}; {features}, {task}")
    if texts := columns_of_text(found.dataset):
        say(console, f"texts   {_texts(texts)}")
    for note in found.dataset.notes:
        say(console, f"note    {note}")
    repeats = "; ".join(f"of {r.subset} {r.exact:,} exactly, {r.near:,} nearly" for r in found.repeats)
    say(console, f"rows    also in train: {repeats}")
    searched = counted(len(config.space.searched), "hyperparameter")
    metric = f"ranked by {config.search.metric}, seed {config.search.seed}"
    say(console, f"search  {plan_text(plan)}, {searched}, {metric}")


def _texts(columns: Sequence[TextColumn]) -> str:
    """Columns of text, those with the most inputs first."""
    ordered = sorted(columns, key=lambda column: -len(column.features))
    shown = ", ".join(f"{quoted(column.name)} {len(column.features):,}" for column in ordered[:MOST_TEXTS])
    more = f" and {len(ordered) - MOST_TEXTS:,} more" if len(ordered) > MOST_TEXTS else ""
    inputs = counted(sum(len(column.features) for column in columns), "feature")
    return f"{counted(len(columns), 'column')} of text, {inputs}: {shown}{more}"


def _print_expectation(console: Console, check: StudyCheck) -> None:
    """What the search will take, in round numbers: no estimate is better than to a factor of two."""
    expected, machine = check.expected, check.machine
    where = f"on {counted(expected.n_workers, 'worker')}" if expected.n_workers else "in one process"
    limit = check.config.search.time_s
    time = f"some {span(rounded(expected.seconds))}" + (f" (at most {span(limit)})" if limit else "")
    trainings = f"{rounded(expected.trainings):,.0f} trainings, {rounded(expected.epochs):,.0f} epochs in all"
    say(console, f"time    {time} {where}, roughly: {trainings}")
    free = "" if math.isinf(machine.free) else f", where {size(machine.free)} are free"
    say(console, f"disk    some {size(rounded(expected.disk))} in {machine.runs}{free}")


def _print_classes(console: Console, found: Review) -> None:
    heading(console, "Classes")
    shown = range(min(len(found.dataset.classes), MOST_CLASSES))
    label = Column("class", tuple(found.dataset.classes[c] for c in shown), "left")
    shares = found.counts / found.counts.sum(axis=1, keepdims=True)
    columns = [
        (Column(name, tuple(f"{found.counts[row, c]:,} ({shares[row, c]:.1%})" for c in shown), always=True),)
        for row, name in enumerate(found.names)
    ]
    print_columns(console, (label,), label, columns)
    if len(found.dataset.classes) > MOST_CLASSES:
        say(console, f"and {len(found.dataset.classes) - MOST_CLASSES:,} more")


def _print_targets(console: Console, found: Review) -> None:
    heading(console, "Targets")
    targets = [subset.y for subset in found.dataset.subsets()]
    means, deviations = zip(*(mean_and_deviation(y[:, None]) for y in targets), strict=True)
    label = Column("", found.names, "left")
    columns = (
        Column("mean", tuple(amount(float(mean[0])) for mean in means), always=True),
        Column("deviation", tuple(amount(float(deviation[0])) for deviation in deviations), always=True),
        Column("lowest", tuple(amount(float(y.min())) for y in targets), always=True),
        Column("highest", tuple(amount(float(y.max())) for y in targets), always=True),
    )
    print_columns(console, (label,), label, [columns])


def _print_space(console: Console, config: StudyConfig) -> None:
    heading(console, "Space")
    parameters = config.space.parameters
    name = Column("hyperparameter", tuple(p.name for p in parameters), "left")
    values = Column("range", tuple(p.domain.describe() for p in parameters), "left")
    conditions = [" and ".join(_conditions(parameter, config.space)) for parameter in parameters]
    when = Column("when", tuple(text or MISSING for text in conditions), "left")
    print_columns(console, (name,), name, [(values,), (when,)] if any(conditions) else [(values,)])


def _print_previews(console: Console, previews: Sequence[Preview]) -> None:
    """What a thousand draws are like: of a range how high each part of its own scale is, of choices their shares."""
    if not previews:
        return
    heading(console, f"{counted(previews[0].n_drawn, 'draw')}, each on its own scale")
    ranges = [preview.domain for preview in previews if preview.domain.scale is not None]
    margin = max((len(show(domain.from_unit(0))) for domain in ranges), default=0)
    unicode = console.encoding.startswith("utf")
    spread = [_spread(preview, margin, unicode=unicode) for preview in previews]
    name = Column("hyperparameter", tuple(preview.name for preview in previews), "left")
    columns = [(Column("spread", tuple(spread), "left", always=True),)]
    if any(preview.share < 1 for preview in previews):
        columns.append((Column("drawn in", tuple(f"{preview.share:.0%}" for preview in previews)),))
    print_columns(console, (name,), name, columns)


def _spread(preview: Preview, margin: int, *, unicode: bool) -> str:
    """The histogram between the ends of its range, or how often each choice was drawn where one was."""
    domain = preview.domain
    if domain.scale is not None:
        low, high = (show(domain.from_unit(end)) for end in (0, 1))
        return f"{low:>{margin}} {bars(preview.heights, unicode=unicode)} {high}"
    shares = zip(domain.values[:MOST_CHOICES], preview.heights, strict=False)
    said = [f"{show(value)} ({height / max(preview.n_active, 1):.0%})" for value, height in shares]
    more = len(domain.values) - len(said)
    return ", ".join(said) + (f" and {more:,} more" if more else "")


def _conditions(parameter: Parameter, space: SearchSpace) -> list[str]:
    """What the study file says, and what the hyperparameter needs of others that are searched."""
    said = [f"{name}: {', '.join(map(show, values))}" for name, values in parameter.when]
    needs = _needs(parameter.name, set(space.searched) - {name for name, _ in parameter.when})
    return list(dict.fromkeys([*said, *needs]))


def _needs(name: str, searched: Collection[str]) -> Iterator[str]:
    """Of hyperparameters that are searched; one that is fixed may need such a one in turn."""
    for need in LEGAL[name].only_with:
        if need.name in searched:
            yield need.describe()
        elif not need.other_than:
            yield from _needs(need.name, searched)


def _print_comparison(console: Console, comparison: Comparison, features: Sequence[str]) -> None:
    drift = comparison.drift
    heading(console, f"{comparison.one} and {comparison.other}")
    alike = "They look alike" if not drift.alarms and not drift.labels_differ else "They do not look alike"
    alarms = f"{len(drift.alarms):,} with a corrected p below {LEVEL:g}"
    say(console, f"{alike}: {counted(len(drift.columns), 'column')} compared, {alarms}; the least alike:")
    worst = drift.columns[:WORST]
    name = Column("column", tuple(features[column.column] for column in worst), "left")
    numbers = (
        Column("distance", tuple(f"{column.distance:.3f}" for column in worst)),
        Column("p", tuple(f"{column.p:.2g}" for column in worst)),
        Column("corrected p", tuple(f"{column.corrected:.2g}" for column in worst)),
    )
    print_columns(console, (name,), name, [numbers])
    say(console, _labels_text(drift.labels))


def _labels_text(labels: LabelDrift | TargetDrift) -> str:
    if isinstance(labels, TargetDrift):
        return f"targets: distance {labels.distance:.3f}, p {labels.p:.2g}"
    if not labels.freedom:
        return "shares of classes: too few examples to compare"
    freedom = counted(labels.freedom, "degree")
    return f"shares of classes: chi-square {labels.statistic:.2f}, {freedom} of freedom, p {labels.p:.2g}"
