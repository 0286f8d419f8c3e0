"""Tokens a second of a whole training step (forward, backward, AdamW), against two libraries at the same shape.

--compile adds all three once more, compiled by torch.compile before the clock starts (a minute or two, and a C++
compiler). --repeats 8 also measures each ratio as many times, begun by either in turn, for its standard error.
"""

import torch
from common import (
    SHAPES,
    arguments,
    machine,
    ours,
    peak_flops,
    ratio_in_turns,
    seconds_in_turns,
    table,
    training_flops,
    transformers_gpt2,
    x_transformers,
)

from minigen.device import pick_precision
from minigen.training.evaluate import autocast


def main() -> None:
    """Runs all contenders in turns and prints a table for each shape."""
    parser = arguments(__doc__)
    parser.add_argument("--shapes", nargs="*", default=["0.8M", "12M"], choices=list(SHAPES))
    parser.add_argument("--precision", default="auto", help="auto, fp32 or bf16, for all contenders")
    parser.add_argument("--compile", action="store_true", help="all contenders compiled as well")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=0, help="of each ratio, to tell its standard error")
    options = parser.parse_args()
    device = machine(options.device)
    dtype = pick_precision(device, options.precision)
    peak = peak_flops(device, dtype)
    print(f"{dtype}, measured peak of a matrix product: {peak / 1e9:,.0f} GFLOP/s\n")
    for name in options.shapes:
        shape = SHAPES[name]
        vocab_size = 50_304 if name == "gpt2-small" else 65
        tokens = torch.randint(vocab_size, (shape.batch_size, shape.context_length + 1), device=device)
        actions, parameters = {}, {}
        for compiled in (False, True) if options.compile else (False,):
            for make in (ours, transformers_gpt2, x_transformers):
                contender = make(shape, vocab_size)
                contender.model.to(device).train()
                who = f"{contender.name}, compiled" if compiled else contender.name
                parameters[who] = sum(p.numel() for p in contender.model.parameters())
                actions[who] = _step(contender, tokens, device, dtype, compiled)
        seconds = seconds_in_turns(actions, device, options.rounds)
        rate = {model: shape.batch_size * shape.context_length / t for model, t in seconds.items()}
        flops = {model: rate[model] * training_flops(shape, parameters[model], vocab_size) for model in rate}
        best = rate["minigen, compiled" if options.compile else "minigen"]
        rows = [[m, f"{parameters[m]:,}", rate[m], rate["minigen"] / rate[m], flops[m] / peak] for m in rate]
        header = ["model", "parameters", "tokens a second", "minigen is faster by", "share of the peak"]
        if options.compile:
            header, rows = [*header, "minigen compiled by"], [[*row, best / row[2]] for row in rows]
        print(
            f"{name}: {shape.num_layers} layers, {shape.width} wide, {shape.batch_size} x {shape.context_length} tokens"
        )
        table(header, rows)
        if options.repeats:
            _ratios(actions, device, options)


def _ratios(actions, device, options):
    """How many times as fast minigen is as each peer that is as it is: compiled or not."""
    rows = []
    for peer in [who for who in actions if not who.startswith("minigen")]:
        own = "minigen, compiled" if peer.endswith("compiled") else "minigen"
        pair = {who: actions[who] for who in (own, peer)}
        rows.append([peer, *ratio_in_turns(pair, device, options.rounds, options.repeats)[1:]])
    table(["beside", "minigen is faster by", "standard error"], rows)


def _step(contender, tokens, device, dtype, compile_it):
    loss = torch.compile(contender.loss) if compile_it else contender.loss
    optimizer = torch.optim.AdamW(contender.model.parameters(), lr=1e-4, fused=device.type != "mps")

    def step() -> None:
        with autocast(device, dtype):
            value = loss(tokens[:, :-1], tokens[:, 1:])
        value.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    main()
