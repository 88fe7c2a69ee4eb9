"""The same steps in eager PyTorch, as a careful user writes them by hand."""

import time

import torch
from torch.nn import functional


def activation(work, Z):
    return torch.tanh(Z) if work.activation == "tanh" else torch.relu(Z)


def nll(work, F, y):
    if work.likelihood == "categorical":
        return functional.cross_entropy(
            F.reshape(-1, F.shape[-1]),
            y.expand(F.shape[:-1]).reshape(-1),
            reduction="sum",
        )
    if work.likelihood == "bernoulli":
        logits = F[..., 0]
        return functional.binary_cross_entropy_with_logits(
            logits, y.expand(logits.shape), reduction="sum"
        )
    return 0.5 * (((F[..., 0] - y) / 0.1) ** 2).sum()


def forward(work, mus, sigmas, X):
    A = X
    for i, (mu, sigma) in enumerate(zip(mus, sigmas, strict=True)):
        if work.local:
            mean = A @ mu[:-1] + mu[-1]
            var = A**2 @ sigma[:-1] ** 2 + sigma[-1] ** 2
            Z = mean + torch.sqrt(var) * torch.randn_like(mean)
        else:
            W = mu + sigma * torch.randn(work.samples, *mu.shape)
            W = W[0] if work.samples == 1 else W
            Z = A @ W[..., :-1, :] + W[..., -1:, :]
        A = activation(work, Z) if i < len(mus) - 1 else Z
    return A


def train(work):
    """run() -> seconds a step; None where the workload is not one for it."""
    if work.replicas:
        return None
    torch.set_num_threads(1)
    X, y = (torch.as_tensor(a) for a in work.data())
    shapes = [(d + 1, h) for d, h in zip(work.sizes[:-1], work.sizes[1:], strict=True)]
    mus = [torch.full(s, 0.1, requires_grad=True) for s in shapes]
    rhos = [torch.full(s, -3.0, requires_grad=True) for s in shapes]
    optimizer = torch.optim.Adam([*mus, *rhos], 1e-3)

    def step():
        rows = (
            None if work.batch is None else torch.randint(0, work.n_rows, (work.batch,))
        )
        batch = (X, y) if rows is None else (X[rows], y[rows])
        optimizer.zero_grad()
        sigmas = [torch.exp(rho) for rho in rhos]
        data = nll(work, forward(work, mus, sigmas, batch[0]), batch[1]) / work.samples
        kl = sum(
            0.5 * (mu**2 + sigma**2 - 1 - 2 * rho).sum()
            for mu, rho, sigma in zip(mus, rhos, sigmas, strict=True)
        )
        loss = work.n_rows / len(batch[0]) * data + kl
        loss.backward()
        optimizer.step()
        return loss.item()

    def run():
        count = max(3, work.steps // 10)
        begin = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - begin) / count

    return run


def predict(work):
    """run() -> seconds for the predictive mean, samples in one batched product."""
    torch.set_num_threads(1)
    X = torch.as_tensor(work.data()[0])
    shapes = [(d + 1, h) for d, h in zip(work.sizes[:-1], work.sizes[1:], strict=True)]
    mus = [torch.full(s, 0.1) for s in shapes]
    sigmas = [torch.full(s, 0.05) for s in shapes]
    whole = work.samples * work.n_rows * max(work.sizes[1:]) < 2e7
    chunk = work if whole else type(work)(**vars(work) | {"samples": 10})

    @torch.no_grad()
    def run():
        begin, total = time.perf_counter(), 0.0
        for _ in range(work.samples // chunk.samples):
            F = forward(chunk, mus, sigmas, X)
            p = (
                torch.softmax(F, -1)
                if work.likelihood == "categorical"
                else torch.sigmoid(F)
            )
            total = total + p.sum(0)
        _ = total / work.samples
        return time.perf_counter() - begin

    return run
