"""The network of bench_trainer.py in JAX: its training step and its evaluation, as pure functions to be jitted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp


def step_and_evaluate(dropout: float, learning_rate: float) -> tuple[Callable, Callable]:
    """step(state, x, y) -> (state, (sum of losses, errors)); evaluate(parameters, statistics, x, y) -> (loss, errors).

    The state is the parameters ((W, b) of each layer, gammas), the running (mean, variance) of each normalised layer,
    Adam's m, v and t, and a key. Layers are normalised where there are gammas.
    """

    def measure(parameters, statistics, x, y, key, *, training):
        net, gammas = parameters
        seen = []
        for layer, (w, b) in enumerate(net[:-1]):
            x = x @ w
            if gammas:
                mean, variance = (x.mean(axis=0), x.var(axis=0)) if training else statistics[layer]
                seen.append((mean, variance))
                x = (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gammas[layer]
            x = jax.nn.relu(x + b)
            if key is not None:
                key, draw = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(draw, 1 - dropout, x.shape), x / (1 - dropout), 0)
        logits = x @ net[-1][0] + net[-1][1]
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
        return -picked.mean(), ((logits.argmax(axis=1) != y).sum(), seen)

    def evaluate(parameters, statistics, x, y):
        loss, (errors, _) = measure(parameters, statistics, x, y, None, training=False)
        return loss, errors

    def step(state, x, y):
        parameters, statistics, m, v, t, key = state
        draw = None
        if dropout:
            key, draw = jax.random.split(key)
        differentiate = jax.value_and_grad(partial(measure, training=True), has_aux=True)
        (loss, (errors, seen)), g = differentiate(parameters, statistics, x, y, draw)
        statistics = jax.tree.map(lambda s, now: 0.9 * s + 0.1 * now, statistics, seen)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        parameters = jax.tree.map(
            lambda p, m, v: p - learning_rate * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), parameters, m, v
        )
        return (parameters, statistics, m, v, t, key), (loss * len(x), errors)

    return step, evaluate
