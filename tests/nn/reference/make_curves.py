"""Writes curves.json: the learning curves of cases.py as PyTorch computes them, in float64.

    PYTHONPATH=.:tests python tests/nn/reference/make_curves.py

To be run by hand, with PyTorch and NumPy, after a change of the cases or of what a seed means; the tests read the file
and need no PyTorch. From hptune come the data, the first weights and the order of the examples. Everything else is
PyTorch's own: forward pass, losses, gradients by autograd, optimizers, schedules. Where its conventions differ from
those of the course, the difference is made up for here, never in hptune:

- momentum: v = beta v + (1 - beta) g is SGD with dampening = beta, but PyTorch's first v is g itself, so the buffers
  are set to 0 before the first step.
- batch normalisation: PyTorch's running variance is the unbiased one and its averages begin at 0 and 1; here they are
  taken of the biased variance and divided by 1 - momentum^t.
- L2: weight_decay knows no 1/m and includes biases, so the penalty is added to the loss.
- clipping: clip_grad_norm_ adds 1e-6 to the norm, so the scaling is written out with torch's norm.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from nn.reference.cases import CASES, NUMBER, SEED, start
from torch.nn import functional

from hptune.nn import training
from hptune.randomness import Purpose, generator

ACTIVATIONS = {
    "relu": functional.relu,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.01),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
FILE = Path(__file__).with_name("curves.json")


class Net:
    def __init__(self, h, weights):
        self.h = h
        self.weights = [torch.tensor(w, requires_grad=True) for w in weights]
        self.biases = [torch.zeros(w.shape[1], requires_grad=True) for w in self.weights]
        hidden = self.weights[:-1] if h.batch_norm else []
        self.gammas = [torch.ones(w.shape[1], requires_grad=True) for w in hidden]
        self.sums = [(torch.zeros(w.shape[1]), torch.zeros(w.shape[1])) for w in hidden]  # of means and variances
        self.seen = 0  # mini-batches

    def parameters(self):
        return [*self.weights, *self.biases, *self.gammas]

    def logits(self, x, *, in_training):
        beta = self.h.batch_norm_momentum
        self.seen += in_training
        for layer, (w, b) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            if self.h.batch_norm:
                z, (mean, variance) = x @ w, self.sums[layer]
                if in_training:
                    mean.mul_(beta).add_((1 - beta) * z.detach().mean(0))
                    variance.mul_(beta).add_((1 - beta) * z.detach().var(0, unbiased=False))
                    z = functional.batch_norm(z, None, None, self.gammas[layer], b, training=True, eps=1e-5)
                else:
                    started = 1 - beta**self.seen
                    z = functional.batch_norm(z, mean / started, variance / started, self.gammas[layer], b, eps=1e-5)
            else:
                z = functional.linear(x, w.T, b)
            x = ACTIVATIONS[self.h.activation](z)
        return functional.linear(x, self.weights[-1].T, self.biases[-1])

    def penalty(self, rows):
        squares = sum((w**2).sum() for w in self.weights)
        return self.h.l2 / (2 * rows) * squares + self.h.l1 / rows * sum(w.abs().sum() for w in self.weights)


def loss_and_errors(logits, y):
    """Mean loss, and errors summed: wrong answers, or the squares of regression."""
    if y.is_floating_point():
        loss = functional.mse_loss(logits[:, 0], y) / 2
        return loss, 2 * len(y) * loss.item()
    if logits.shape[1] == 1:
        loss = functional.binary_cross_entropy_with_logits(logits[:, 0], y.to(logits.dtype))
        return loss, int(((logits[:, 0] > 0) != (y == 1)).sum())
    return functional.cross_entropy(logits, y), int((logits.argmax(1) != y).sum())


def error_of(errors, y):
    return (errors / len(y)) ** (0.5 if y.is_floating_point() else 1)


def optimizer_of(h, parameters):
    if h.optimizer == "adam":
        return torch.optim.Adam(parameters, h.learning_rate, betas=(h.beta1, h.beta2), eps=h.epsilon)
    if h.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, h.learning_rate, alpha=h.beta2, eps=h.epsilon)
    if h.optimizer == "gradient_descent":
        return torch.optim.SGD(parameters, h.learning_rate)
    optimizer = torch.optim.SGD(parameters, h.learning_rate, momentum=h.momentum, dampening=h.momentum)
    for p in parameters:
        optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    return optimizer


def schedule_of(h, optimizer):
    if h.schedule == "exponential":
        return torch.optim.lr_scheduler.ExponentialLR(optimizer, h.decay_factor)
    if h.schedule == "staircase":
        return torch.optim.lr_scheduler.StepLR(optimizer, h.decay_epochs, gamma=0.5)
    factors = {
        "constant": lambda _epoch: 1.0,
        "sqrt": lambda epoch: (epoch + 1) ** -0.5,
        "inverse_time": lambda epoch: 1 / (1 + h.learning_rate_decay * epoch),
        "manual": lambda epoch: 0.1 if epoch >= 6 else 0.5 if epoch >= 3 else 1.0,
    }
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factors[h.schedule])


def clip(parameters, largest):
    norm = torch.linalg.vector_norm(torch.cat([p.grad.ravel() for p in parameters]))
    if norm > largest:
        for p in parameters:
            p.grad.mul_(largest / norm)


def curve(dataset, h):
    """(train_loss, train_error, dev_loss, dev_error, learning_rate) of every epoch."""
    network, _ = training.first_batch(dataset, h, seed=SEED, number=NUMBER, most=1)
    net = Net(h, network.weights)
    optimizer = optimizer_of(h, net.parameters())
    schedule = schedule_of(h, optimizer)
    shuffle = generator(SEED, Purpose.SHUFFLE, NUMBER)
    (x, y), (dev_x, dev_y) = ((torch.tensor(s.x), torch.tensor(s.y)) for s in (dataset.train, dataset.dev))
    for _ in range(h.epochs):
        total_loss, total_errors = 0.0, 0
        for rows in torch.split(torch.tensor(shuffle.permutation(len(y))), h.batch_size):
            optimizer.zero_grad()
            loss, errors = loss_and_errors(net.logits(x[rows], in_training=True), y[rows])
            (loss + net.penalty(len(rows))).backward()
            if h.clip_norm:
                clip(net.parameters(), h.clip_norm)
            optimizer.step()
            total_loss += loss.item() * len(rows)
            total_errors += errors
        rate = schedule.get_last_lr()[0]
        schedule.step()
        with torch.no_grad():
            dev_loss, dev_errors = loss_and_errors(net.logits(dev_x, in_training=False), dev_y)
        yield total_loss / len(y), error_of(total_errors, y), dev_loss.item(), error_of(dev_errors, dev_y), rate


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    record = {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "columns": ["train_loss", "train_error", "dev_loss", "dev_error", "learning_rate"],
        "starts": {name: start(*case) for name, case in CASES.items()},
        "curves": {name: list(curve(*case)) for name, case in CASES.items()},
    }
    text = json.dumps(record, allow_nan=False).replace('": [[', '": [\n[').replace("], [", "],\n[")
    text = text.replace("]], ", "]],\n").replace('": {"', '": {\n"').replace('], "', '],\n"')
    FILE.write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
