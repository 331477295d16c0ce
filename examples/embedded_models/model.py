"""A decoder-only transformer of llama's architecture, in the layout that llama.cpp expects.

RMSNorm, rotary positions on neighbouring pairs, SwiGLU, tied embeddings (Touvron et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

ROPE_BASE = 10_000.0
NORM_EPS = 1e-5


@dataclass(frozen=True)
class Size:
    """The shape of a model. `context` is the longest sequence in tokens."""

    width: int
    layers: int
    heads: int
    hidden: int
    context: int = 1024


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.q = nn.Linear(size.width, size.width, bias=False)
        self.k = nn.Linear(size.width, size.width, bias=False)
        self.v = nn.Linear(size.width, size.width, bias=False)
        self.o = nn.Linear(size.width, size.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        q = _rotate(self.q(x).view(shape).transpose(1, 2), cos, sin)
        k = _rotate(self.k(x).view(shape).transpose(1, 2), cos, sin)
        v = self.v(x).view(shape).transpose(1, 2)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(mixed.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """Attention, then a gated feed-forward layer, each on a normed residual stream."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(size.width, eps=NORM_EPS)
        self.attention = Attention(size)
        self.ffn_norm = nn.RMSNorm(size.width, eps=NORM_EPS)
        self.gate = nn.Linear(size.width, size.hidden, bias=False)
        self.up = nn.Linear(size.width, size.hidden, bias=False)
        self.down = nn.Linear(size.hidden, size.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin)
        normed = self.ffn_norm(x)
        return x + self.down(functional.silu(self.gate(normed)) * self.up(normed))


class Decoder(nn.Module):
    """Token ids to the logits of the next token."""

    def __init__(self, size: Size, vocabulary: int) -> None:
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(vocabulary, size.width)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.norm = nn.RMSNorm(size.width, eps=NORM_EPS)
        angles = _angles(size)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                deep = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(weight, std=0.06 / ((2 * size.layers) ** 0.5 if deep else 1.0))

    def features(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Each position's hidden state after half of the layers and after all, both normed."""
        x = halfway = self.embed(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for done, block in enumerate(self.blocks, 1):
            x = block(x, cos, sin)
            if done == len(self.blocks) // 2:
                halfway = functional.rms_norm(x, x.shape[-1:])
        return halfway, self.norm(x)


def _angles(size: Size) -> Tensor:
    pairs = size.width // size.heads // 2
    speed = ROPE_BASE ** (-torch.arange(pairs) / pairs)
    return torch.outer(torch.arange(size.context).float(), speed)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
