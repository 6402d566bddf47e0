"""Equal models in PyTorch, run on request by the Python of `scripts/peers.sh`'s environment.

Not part of the package: no module of it is imported here. Lines come in, lines go out:

  build TASK         ->  ready WEIGHTS: the number of trained weights
  run TASK CALLS     ->  took SECONDS: of so many calls

A task is "MODEL LIBRARY step", a training step with Adam, fused where that is to be had, or
"MODEL LIBRARY sample". Models are RealNVP, RealNVP+batchnorm, Glow and GLF. Everything is as its
library runs it: eagerly, in float32.
"""

import functools
import math
import sys
import time

import torch
from torch import nn

DIMENSIONS, LAYERS, HIDDEN, POINTS = 20, 8, 64, 512
CHANNELS, SIDE, STEPS, FILTERS, IMAGES = 3, 16, 4, 64, 32
BATCH = 256


def dense(inputs, outputs, batch_norm=False):
    """Two hidden layers, each with ReLU and, if asked for, batch normalisation after it."""
    layers, size = [], inputs
    for _ in range(2):
        layers += [nn.Linear(size, HIDDEN), nn.ReLU()]
        layers += [nn.BatchNorm1d(HIDDEN)] if batch_norm else []
        size = HIDDEN
    return nn.Sequential(*layers, nn.Linear(size, outputs))


def zuko_real_nvp(batch_norm):
    """Affine couplings that move the second and the first half in turn."""
    import zuko

    half = torch.arange(DIMENSIONS) < DIMENSIONS // 2
    transforms = [
        zuko.flows.GeneralCouplingTransform(
            features=DIMENSIONS,
            mask=half if i % 2 else ~half,
            hidden_features=(HIDDEN, HIDDEN),
        )
        for i in range(LAYERS)
    ]
    if batch_norm:  # which the networks of zuko and of normflows cannot have
        for transform in transforms:
            transform.hyper = dense(DIMENSIONS // 2, DIMENSIONS, batch_norm)
    base = zuko.flows.UnconditionalDistribution(
        zuko.distributions.DiagNormal, torch.zeros(DIMENSIONS), torch.ones(DIMENSIONS), buffer=True
    )
    flow = zuko.flows.Flow(transforms, base)
    return flow, lambda x: flow().log_prob(x), lambda num: flow().sample((num,))


def normflows_real_nvp(batch_norm):
    """Blocks of one coupling, halves exchanged between them."""
    import normflows as nf

    half, flows = DIMENSIONS // 2, []
    for _ in range(LAYERS):
        network = nf.nets.MLP([half, HIDDEN, HIDDEN, 2 * half])
        network = dense(half, 2 * half, batch_norm) if batch_norm else network
        flows += [nf.flows.AffineCouplingBlock(network), nf.flows.Permute(DIMENSIONS, "swap")]
    flow = nf.NormalizingFlow(nf.distributions.DiagGaussian(DIMENSIONS, trainable=False), flows)
    return flow, flow.log_prob, lambda num: flow.sample(num)[0]


def nflows_real_nvp(batch_norm):
    """Couplings with the mask of either half in turn."""
    from nflows import distributions, flows, transforms

    half = (torch.arange(DIMENSIONS) < DIMENSIONS // 2).int()
    plain = functools.partial(Plain, batch_norm)
    couplings = [
        transforms.AffineCouplingTransform(half if i % 2 else 1 - half, plain)
        for i in range(LAYERS)
    ]
    base = distributions.StandardNormal([DIMENSIONS])
    flow = flows.Flow(transforms.CompositeTransform(couplings), base)
    return flow, flow.log_prob, flow.sample


class Plain(nn.Module):
    """A network that nflows calls with a context."""

    def __init__(self, batch_norm, inputs, outputs):
        super().__init__()
        self.network = dense(inputs, outputs, batch_norm)

    def forward(self, inputs, context=None):
        """Without the context."""
        del context
        return self.network(inputs)


def normflows_glow():
    """Two scales of four steps; half of the channels leaves after the first."""
    import normflows as nf

    scales, bases, merges = 2, [], []
    flows = []
    for i in range(scales):
        channels = CHANNELS * 2 ** (scales + 1 - i)
        blocks = [
            nf.flows.GlowBlock(channels, FILTERS, split_mode="channel", scale=True)
            for _ in range(STEPS)
        ]
        flows.append([*blocks, nf.flows.Squeeze()])
        side = SIDE // 2 ** (scales - i)
        if i > 0:
            merges.append(nf.flows.Merge())
            shape = (channels // 2, side, side)
        else:
            shape = (channels, side, side)
        bases.append(nf.distributions.DiagGaussian(shape, trainable=False))
    flow = nf.MultiscaleFlow(bases, flows, merges, class_cond=False)
    return flow, lambda x: flow.log_prob(x, None), lambda num: flow.sample(num)[0]


class GLF(nn.Module):
    """The published networks for MNIST and FrEIA's couplings of both halves."""

    def __init__(self):
        super().__init__()
        from FrEIA.framework import SequenceINN
        from FrEIA.modules import PermuteRandom, RNVPCouplingBlock

        def normalised(*layers):
            size = layers[0].out_channels if hasattr(layers[0], "out_channels") else None
            norm = nn.BatchNorm2d(size) if size else nn.BatchNorm1d(layers[0].out_features)
            return [*layers, norm, nn.ReLU()]

        self.encoder = nn.Sequential(
            nn.Conv2d(1, 64, 4, 2, 1),
            nn.ReLU(),
            *normalised(nn.Conv2d(64, 128, 4, 2, 1, bias=False)),
            nn.Flatten(),
            *normalised(nn.Linear(128 * 49, 1024, bias=False)),
            nn.Linear(1024, DIMENSIONS),
        )
        self.decoder = nn.Sequential(
            *normalised(nn.Linear(DIMENSIONS, 1024, bias=False)),
            *normalised(nn.Linear(1024, 128 * 49, bias=False)),
            nn.Unflatten(1, (128, 7, 7)),
            *normalised(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False)),
            nn.ConvTranspose2d(64, 1, 4, 2, 1),
        )
        self.flow = SequenceINN(DIMENSIONS)
        for seed in range(4):
            network = {"subnet_constructor": lambda i, o: dense(i, o, batch_norm=True)}
            self.flow.append(RNVPCouplingBlock, **network)
            self.flow.append(PermuteRandom, seed=seed)

    def loss(self, x):
        """Squared error of an image and -log p of its latents, which the encoder does not see."""
        z = self.encoder(x)
        error = ((torch.sigmoid(2 * self.decoder(z)) - x) ** 2).sum((1, 2, 3))
        u, log_det = self.flow(z.detach())
        nats = 0.5 * (u**2).sum(1) + 0.5 * DIMENSIONS * math.log(2 * math.pi) - log_det
        return (error + nats).mean()

    def draw(self, num):
        """Images of latents of the flow."""
        z, _ = self.flow(torch.randn(num, DIMENSIONS), rev=True)
        return torch.sigmoid(2 * self.decoder(z))


REAL_NVP = {"zuko": zuko_real_nvp, "normflows": normflows_real_nvp, "nflows": nflows_real_nvp}


def make(model, library):
    """(module, its loss without arguments, its samples without arguments)."""
    torch.manual_seed(0)
    if model == "GLF":
        module, x = GLF(), torch.rand(BATCH, 1, 28, 28)
        return module, lambda: module.loss(x), lambda: module.draw(BATCH)
    if model.startswith("RealNVP"):
        made, x = REAL_NVP[library](model != "RealNVP"), torch.randn(POINTS, DIMENSIONS)
        module, log_prob, sample = made
    else:
        (module, log_prob, sample), x = normflows_glow(), torch.randn(IMAGES, CHANNELS, SIDE, SIDE)
    return module, lambda: -log_prob(x).mean(), lambda: sample(len(x))


def build(task):
    """(the number of trained weights, a function that runs the task once)."""
    model, library, kind = task.split()
    module, loss, draw = make(model, library)
    weights = [w for w in module.parameters() if w.requires_grad]
    count = sum(w.numel() for w in weights)
    if kind == "sample":
        loss()  # an actnorm is set by its first batch
        module.eval()

        def run():
            with torch.no_grad():
                draw()
    else:
        optimizer = torch.optim.Adam(weights, 1e-4, fused=True)

        def run():
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

    run()
    return count, run


def main():
    """Answers requests until there are no more."""
    tasks = {}
    for line in sys.stdin:
        command, rest = line.split(maxsplit=1)
        if command == "build":
            count, tasks[rest.strip()] = build(rest.strip())
            print("ready", count, flush=True)
        else:
            task, calls = rest.rsplit(maxsplit=1)
            began = time.perf_counter()
            for _ in range(int(calls)):
                tasks[task]()
            print("took", time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    main()
