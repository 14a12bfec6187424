"""What `hptune check --gradients` prints: every block of parameters with its relative difference, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from hptune.domains import show
from hptune.report.columns import Column, print_columns
from hptune.report.safe_text import heading, say
from hptune.trial import Value
from hptune.wording import counted

if TYPE_CHECKING:
    from hptune.nn.gradient_check import BlockCheck
    from hptune.nn.network import Network

WHAT_TO_DO = {
    "great": "Below 1e-7. Backpropagation computes the gradient of this network's loss.",
    "not checked": "There every parameter was at a kink of relu or |w|, where differences say nothing: try other "
    "values with --set, or another search.seed.",
    "look again": "From 1e-7 to 1e-5. Mostly a loss that bends sharply within a step, at times a small mistake.",
    "cannot tell": "1e-5 or more, but the differences themselves change with the step: this loss bends too fast for "
    "them to tell what its slope is, as with many layers or large weights, or rounding hides it. It says nothing "
    "against backpropagation. Try fewer layers or a smaller init_scale with --set, or another search.seed.",
    "wrong": "1e-5 or more, and two steps agree on it, so that neither a bend nor rounding is the cause. "
    "Backpropagation does not compute the gradient of this network's loss: a mistake in hptune. Please report it with "
    "the study file.",
}
"""By verdict."""


def print_gradients(
    console: Console,
    network: Network,
    rows: int,
    most_rows: int,
    hyperparameters: Mapping[str, Value],
    blocks: Sequence[BlockCheck],
    worst: BlockCheck,
) -> None:
    """Print how every block did and what to think of it."""
    sizes = "-".join(map(str, network.sizes))
    say(console, f"network  {sizes}, {network.parameters.size:,} parameters, float64, dropout and augmentation off")
    say(console, "begin    first weights; biases, gammas and betas moved a little off 0 and 1")
    say(console, f"batch    {counted(rows, 'example')}, the first of trial 0 (at most {most_rows})")
    drawn = ", ".join(f"{name} {show(value)}" for name, value in hyperparameters.items())
    say(console, f"trial 0  {drawn or 'nothing is searched'}")
    heading(console, "Gradient by backpropagation and by differences")
    name = Column("block", tuple(block.name for block in blocks), "left")
    columns = (
        Column("shape", tuple(" x ".join(f"{n:,}" for n in block.shape) for block in blocks), always=True),
        Column("checked", tuple(_checked(block) for block in blocks), always=True),
        Column("at a kink", tuple(f"{block.kinks:,}" for block in blocks), always=True),
        Column("relative difference", tuple(f"{block.difference:.1e}" for block in blocks), always=True),
        Column("verdict", tuple(_verdict(block) for block in blocks), "left", always=True),
    )
    print_columns(console, (name,), name, [columns])
    heading(console, worst.verdict.label.capitalize())
    say(console, WHAT_TO_DO[worst.verdict.label])
    say(console, f"The largest difference is that of {worst.name}: {worst.difference:.1e}.")
    if flat := ", ".join(block.name for block in blocks if block.is_zero):
        say(console, f"No gradient at all: {flat}. Nothing can be learned there from this batch.")
    if kinks := sum(block.kinks for block in blocks):
        say(console, f"At a kink, and left out: {kinks:,}. The slope of relu or |w| jumps within the step there.")
    if drowned := ", ".join(block.name for block in blocks if block.is_rounding):
        say(console, f"Rounding: a gradient so small that the rounding of the loss makes the difference ({drowned}).")


def _verdict(block: BlockCheck) -> str:
    return "rounding" if block.is_rounding else block.verdict.label


def _checked(block: BlockCheck) -> str:
    if block.name == "all":
        return f"along {block.checked} vectors"
    return f"{block.checked:,}" if block.checked == block.size else f"{block.checked:,} of {block.size:,}"
