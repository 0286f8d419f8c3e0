"""The feed-forward half of a block: each token thinks on its own."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from minigen.layers.dropout import Dropout

ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # the approximation that GPT-2 was trained with
    "relu_squared": lambda x: F.relu(x).square(),  # So et al. 2021 (Primer)
}


class FeedForward(nn.Module):
    """y = activation(x W_up + b_up) W_down + b_down, at each position alone.

    Source: Vaswani et al. 2017, section 3.3. Axes: (..., D) -> (..., hidden_size) -> (..., D).

    Raises:
        ValueError: if there is no such activation.
    """

    def __init__(self, width: int, hidden_size: int, activation: str = "gelu", bias: bool = True, dropout: float = 0.0):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}: choose one of {', '.join(ACTIVATIONS)}")
        self.activation = ACTIVATIONS[activation]
        self.up = nn.Linear(width, hidden_size, bias=bias)
        self.down = nn.Linear(hidden_size, width, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)"""
        return self.down(self.dropout(self.activation(self.up(x))))
