"""Generated tokens a second with the KV cache, greedy, against transformers' generate; and whether length costs.

--compile adds both once more, each compiled with the same settings before the clock starts (some minutes in all, and a
C++ compiler): minigen by itself, transformers by torch.compile and with its static cache, which it needs for that.
--bf16 adds all with weights in bfloat16.
"""

import copy
import itertools
import time
from contextlib import nullcontext
from functools import partial

import torch
from common import SHAPES, arguments, machine, ours, seconds_in_turns, table, transformers_gpt2

from minigen.generate import GREEDY, generate
from minigen.models.compiled import OPTIONS

NEW_TOKENS = 200


def main() -> None:
    """Runs both in turns for each shape and batch size, then minigen's seconds per token along one text."""
    parser = arguments(__doc__)
    parser.add_argument("--shapes", nargs="*", default=["0.8M", "12M"], choices=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="both compiled as well")
    parser.add_argument("--bf16", action="store_true", help="both with weights in bfloat16 as well")
    options = parser.parse_args()
    device = machine(options.device)
    compiling = (False, True) if options.compile else (False,)
    rows, flat = [], []
    for name in options.shapes:
        shape = SHAPES[name]
        shape = type(shape)(**(vars(shape) | {"context_length": 256}))  # room for all 200 tokens
        model = ours(shape, 65).model.to(device).eval()
        torch.nn.init.normal_(model.head.weight)  # the head starts at zero, which would always write token 0
        pairs = {"float32": (model, transformers_gpt2(shape, 65).model.to(device).eval())}
        if options.bf16:
            pairs["bfloat16"] = tuple(copy.deepcopy(one).bfloat16() for one in pairs["float32"])
        for batch_size in (1, 16):
            prompt = torch.randint(65, (batch_size, 8), device=device)
            actions = {
                (who, weights, compiled): partial(run, one, prompt, compiled)
                for weights, pair in pairs.items()
                for compiled in compiling
                for who, run, one in zip(("minigen", "peer"), (_ours, _peer), pair, strict=True)
            }
            seconds = seconds_in_turns(actions, device, options.rounds)
            rate = {action: NEW_TOKENS * batch_size / t for action, t in seconds.items()}
            for weights, compiled in itertools.product(pairs, compiling):
                one, other = (rate[who, weights, compiled] for who in ("minigen", "peer"))
                ratios = one / other, one / rate["peer", "float32", False]
                rows.append([name, batch_size, weights, "both" if compiled else "none", one, other, *ratios])
        flat.append([name, *_along(model)])
    columns = ["shape", "batch", "weights", "compiled", "minigen, tokens/s", "transformers, tokens/s", "ratio"]
    table([*columns, "ratio to transformers as it is"], rows)
    table(["shape", "ms per token, tokens 1-50", "tokens 51-100", "tokens 101-150", "tokens 151-200"], flat)


def _ours(model, prompt, compiled):
    step = model.next_token_function(compiled=compiled)
    for _ in generate(step, prompt.tolist(), NEW_TOKENS, GREEDY, device=prompt.device):
        pass


@torch.inference_mode()
def _peer(model, prompt, compiled):
    mask = torch.ones_like(prompt)
    plain, own = model.forward, {}
    settings = nullcontext()
    if compiled:
        if not hasattr(model, "compiled"):
            model.compiled = torch.compile(model.forward, dynamic=True)
        model.forward, own = model.compiled, {"cache_implementation": "static"}
        settings = torch._inductor.config.patch(OPTIONS | {"cpp_wrapper": True})  # as options they come too late
    with settings:
        model.generate(
            prompt,
            attention_mask=mask,
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            pad_token_id=0,
            **own,
        )
    model.forward = plain


def _along(model) -> list[float]:
    """Median milliseconds per token in each quarter of a text, batch of one."""
    device, stamps = next(model.parameters()).device, [time.perf_counter()]
    for _ in generate(model.next_token_function(), [[1]], NEW_TOKENS, GREEDY, device=device):
        stamps.append(time.perf_counter())
    steps = [1000 * (after - before) for before, after in itertools.pairwise(stamps)]
    quarters = [sorted(steps[start : start + 50]) for start in range(0, NEW_TOKENS, 50)]
    return [quarter[25] for quarter in quarters]


if __name__ == "__main__":
    main()
