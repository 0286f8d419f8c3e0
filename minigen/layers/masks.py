"""Who may attend to whom. One rule everywhere: a mask is bool and True means "may attend"."""

import torch
from torch import Tensor


def causal_mask(num_queries: int, num_keys: int | None = None, device: torch.device | None = None) -> Tensor:
    """A (T, S) mask in which a query sees the keys at its own position and before.

    The last query is aligned with the last key: with a cache the T newest tokens look back at S >= T keys.

    Raises:
        ValueError: if there are fewer keys than queries, since some query would then see nothing.
    """
    num_keys = num_queries if num_keys is None else num_keys
    if num_keys < num_queries:
        raise ValueError(
            f"causal_mask needs at least as many keys as queries, got {num_queries} queries, {num_keys} keys"
        )
    return torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril(num_keys - num_queries)


def padding_mask(lengths: Tensor, num_keys: int) -> Tensor:
    """A (B, 1, 1, S) mask that hides the padding after the first lengths[b] keys of row b.

    lengths: (B,) integers from 1 to S. A row of length 0 would leave its queries nothing to attend to.

    Raises:
        ValueError: if a length is outside 1..S.
    """
    if lengths.numel() and not (int(lengths.min()) >= 1 and int(lengths.max()) <= num_keys):
        raise ValueError(f"lengths must lie in 1..{num_keys}, got {int(lengths.min())}..{int(lengths.max())}")
    visible = torch.arange(num_keys, device=lengths.device) < lengths[:, None]  # (B, S)
    return visible[:, None, None, :]
