"""The network of bench_mgno.c in torch: images per second of forward + backward + Adam, one thread, batch 8. The peer of bench_mgno.md."""
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

torch.set_num_threads(1)


class Cycle(nn.Module):
    """One V-cycle, C_f channels in, C out, one smoothing step per level, two on the coarsest."""

    def __init__(self, cf, c, levels):
        super().__init__()
        conv = lambda i, o, s=1: nn.Conv2d(i, o, 3, stride=s, padding=1, bias=False)
        self.s0 = conv(cf, c)
        self.r = nn.ModuleList([conv(cf, cf, 2) for _ in range(levels - 1)])
        self.pi = nn.ModuleList([conv(c, c, 2) for _ in range(levels - 1)])
        self.p = nn.ModuleList([nn.ConvTranspose2d(c, c, 4, stride=2, padding=1, bias=False) for _ in range(levels - 1)])
        steps = [1] * (levels - 2) + [2]
        self.a = nn.ModuleList([nn.ModuleList([conv(c, cf) for _ in range(k)]) for k in steps])
        self.s = nn.ModuleList([nn.ModuleList([conv(cf, c) for _ in range(k)]) for k in steps])

    def forward(self, f):
        u = self.s0(f)
        kept = []
        for l in range(len(self.r)):
            kept.append(u)
            f, u = self.r[l](f), self.pi[l](u)
            for a, s in zip(self.a[l], self.s[l]):
                u = u + s(f - a(u))
        for l in reversed(range(len(self.r))):
            u = kept[l] + self.p[l](u)
        return u


class Net(nn.Module):
    def __init__(self, c, layers=4, levels=6):
        super().__init__()
        self.w = nn.ModuleList([Cycle(c if t else 1, c, levels) for t in range(layers)])
        self.b = nn.ModuleList([nn.Conv2d(c if t else 1, c, 1) for t in range(layers)])
        self.h = nn.Conv2d(c, 1, 1, bias=False)

    def forward(self, v):
        for w, b in zip(self.w, self.b):
            v = F.gelu(w(v) + b(v))
        return self.h(v)


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    print("torch", torch.__version__)
    print("| grid | C | parameters | training, images/s | inference, images/s |\n|---|---|---|---|---|")
    for n in (64, 128):
        for c in (24, 32):
            net = Net(c)
            adam = torch.optim.Adam(net.parameters(), lr=5e-4)
            x, y = torch.rand(8, 1, n, n), torch.rand(8, 1, n, n)
            train = infer = 1e9
            for _ in range(repeats):
                t0 = time.process_time()
                adam.zero_grad()
                e = net(x) - y
                (e.flatten(1).norm(dim=1) / y.flatten(1).norm(dim=1)).sum().backward()
                adam.step()
                train = min(train, time.process_time() - t0)
                t0 = time.process_time()
                with torch.no_grad():
                    net(x)
                infer = min(infer, time.process_time() - t0)
            print(f"| {n}^2 | {c} | {sum(p.numel() for p in net.parameters())} | {8 / train:.1f} | {8 / infer:.1f} |", flush=True)


main()
