"""The gated recurrent unit: one vector is carried from token to token, and gates say what of it stays."""

import torch
from torch import Tensor, nn

from minigen.layers.additive_attention import AdditiveAttention
from minigen.layers.dropout import Dropout
from minigen.layers.norm import LayerNorm


class GRU(nn.Module):
    """One layer of gated recurrent units, read from left to right.

    r = sigmoid(W_r x + b_r + U_r h + c_r)        how much of the state the candidate sees ("reset")
    z = sigmoid(W_z x + b_z + U_z h + c_z)        how much of the state stays ("update")
    n = tanh(W_n x + b_n + r * (U_n h + c_n))     the candidate
    h = (1 - z) * n + z * h

    Source: Cho et al. 2014, section 2.3, with r after the product U_n h, as cuDNN and torch have it: then all products
    with h are one. `from_input` holds W and b, `from_state` U and c, in the order r, z, n: 3 (I D + D^2 + 2 D) numbers.
    Axes: B batch, T tokens, I input size, D width of the state.
    """

    def __init__(self, input_size: int, width: int):
        super().__init__()
        self.width = width
        self.from_input = nn.Linear(input_size, 3 * width)
        self.from_state = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """(B, T, I) and the state before it (B, D), zeros if None -> the state after each token (B, T, D).

        The last of them is all that has to be known to read on. Computed by torch's own kernel, which multiplies all
        tokens by W at once; ValueError if there is no token.
        """
        state = self._start(x, state)
        weights = [self.from_input.weight, self.from_state.weight, self.from_input.bias, self.from_state.bias]
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        y, _ = torch.gru(x, state[None].contiguous(), weights, True, 1, 0.0, self.training, False, True)
        return y

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        """The formula, for one token: (B, I) and (B, D) -> (B, D)."""
        x_r, x_z, x_n = self.from_input(x).chunk(3, dim=-1)
        h_r, h_z, h_n = self.from_state(state).chunk(3, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return (1 - z) * n + z * state

    def explicit(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """The formula, token by token: what the kernel of `forward` computes."""
        state, states = self._start(x, state), []
        for token in x.unbind(dim=1):
            state = self.step(token, state)
            states.append(state)
        return torch.stack(states, dim=1)

    def _start(self, x: Tensor, state: Tensor | None) -> Tensor:
        if x.shape[1] == 0:
            raise ValueError("a GRU needs at least one token to read, got none")
        return x.new_zeros(x.shape[0], self.width) if state is None else state


class GRUStack(nn.Module):
    """num_layers GRUs on top of each other, and dropout between them: torch.nn.GRU with as many layers."""

    def __init__(self, width: int, num_layers: int, dropout: float = 0.0):
        super().__init__()
        self.blocks = nn.ModuleList(GRU(width, width) for _ in range(num_layers))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, T, D) and the states before it (L, B, D) -> (B, T, D) and the states after it (L, B, D)."""
        ends = []
        for layer, gru in enumerate(self.blocks):
            x = gru(x if layer == 0 else self.dropout(x), None if state is None else state[layer])
            ends.append(x[:, -1])
        return x, torch.stack(ends)


class BidirectionalGRU(nn.Module):
    """Two GRUs of half the width; one reads from left to right, the other from right to left.

    Source: Schuster and Paliwal 1997; as an encoder: Bahdanau et al. 2015, section 3.2. Axes: B, T, D.

    Raises:
        ValueError: if the width is odd.
    """

    def __init__(self, width: int):
        super().__init__()
        if width % 2:
            raise ValueError(f"two directions share the width, so it must be even, got {width}")
        self.forwards, self.backwards = GRU(width, width // 2), GRU(width, width // 2)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D). lengths (B,): tokens of each row; what lies behind them is padding, and not read."""
        places = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])  # (B, T)
        # Each row is turned round within its own length, so that padding stays where neither direction has met it.
        turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)
        y = self.backwards(_take(x, turned))
        return torch.cat((self.forwards(x), _take(y, turned)), dim=-1)


class GRUEncoder(nn.Module):
    """num_layers bidirectional GRUs: x = x + dropout(gru(norm(x))), and one more norm at the end."""

    def __init__(self, width: int, num_layers: int, dropout: float = 0.0):
        super().__init__()
        self.blocks = nn.ModuleList(BidirectionalGRU(width) for _ in range(num_layers))
        self.norm = LayerNorm(width, weight=False)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, S, D) -> (B, S, D). lengths (B,): tokens of each row, before its padding."""
        for gru in self.blocks:
            x = x + self.dropout(gru(self.norm(x), lengths))
        return self.norm(x)


class GRUDecoder(nn.Module):
    """q = norm(x + dropout(GRU(norm(x))));  y = norm(q + dropout(GRU([q, attention(q, memory)]))).

    In Bahdanau et al. 2015, section 3.1, one GRU asks with its state before a token, and takes in the answer with the
    token: nothing of the next token can be computed meanwhile. Here the lower of two GRUs asks for the upper one (as
    in Wu et al. 2016, section 3), so that each part reads all tokens of a known target at once.
    """

    def __init__(self, width: int, dropout: float = 0.0):
        super().__init__()
        self.blocks = nn.ModuleList([GRU(width, width), AdditiveAttention(width), GRU(2 * width, width)])
        self.norm = LayerNorm(width, weight=False)
        self.dropout = Dropout(dropout)

    @property
    def attention(self) -> AdditiveAttention:
        """Between the two GRUs."""
        return self.blocks[1]

    def keys(self, memory: Tensor) -> Tensor:
        """What queries are compared with, once for all of a target: (B, S, D) -> (B, S, D)."""
        return self.attention.to_key(memory)

    def ask(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(queries, state of the lower GRU after each token), (B, T, D) both; state: (2, B, D) before them, or None."""
        asked = self.blocks[0](self.norm(x), None if state is None else state[0])
        return self.norm(x + self.dropout(asked)), asked

    def forward(
        self, x: Tensor, memory: Tensor, keys: Tensor, mask: Tensor | None = None, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, D), memory and keys (B, S, D) -> (B, T, D), and the states (2, B, D) to go on from.

        mask: bool, broadcasts to (B, T, S), False hides padding. state: what an earlier call returned, or None.
        """
        queries, asked = self.ask(x, state)
        found = self.attention(queries, memory, keys, mask)
        answered = self.blocks[2](torch.cat((queries, found), dim=-1), None if state is None else state[1])
        return self.norm(queries + self.dropout(answered)), torch.stack((asked[:, -1], answered[:, -1]))


def _take(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(1, places[:, :, None].expand(-1, -1, x.shape[2]))
