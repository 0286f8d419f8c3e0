"""What the benchmarks share: the peers, the text, fair timing, and how results are told."""

import argparse
import logging
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, stdev

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.data import load
from minigen.device import pick_device
from minigen.models.gpt import GPT
from minigen.presets import Preset

SMALL = Preset(4, 128, 2, context_length=64, batch_size=16, minutes=1)  # 0.8 M parameters
MEDIUM = Preset(6, 384, 6, context_length=256, batch_size=8, minutes=1)  # 10.7 M (12 M with GPT-2's vocabulary parts)
GPT2_SMALL = Preset(12, 768, 12, context_length=1024, batch_size=16, minutes=1)
SHAPES = {"0.8M": SMALL, "12M": MEDIUM, "gpt2-small": GPT2_SMALL}
TEXT_LENGTH = 1_115_394  # characters: the size of the text that nanoGPT's CPU recipe is published for


@dataclass
class Contender:
    """A model under test: its parameters and a function from (inputs, targets) to the mean loss."""

    name: str
    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]


def ours(shape: Preset, vocab_size: int) -> Contender:
    """minigen's GPT."""
    model = GPT(shape.model(vocab_size))

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        total, count = model.loss((inputs, targets))
        return total / count

    return Contender("minigen", model, loss)


def transformers_gpt2(shape: Preset, vocab_size: int) -> Contender:
    """GPT-2 of Hugging Face's transformers, without dropout, fused attention."""
    logging.disable(logging.WARNING)
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=shape.context_length,
        n_embd=shape.width,
        n_layer=shape.num_layers,
        n_head=shape.num_heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=None,
        attn_implementation="sdpa",
    )
    model = GPT2LMHeadModel(config)
    return Contender("transformers GPT-2", model, _cross_entropy(lambda x: model(x).logits))


def x_transformers(shape: Preset, vocab_size: int) -> Contender:
    """The decoder of x-transformers, fused attention, as many heads of the same width."""
    from x_transformers import Decoder, TransformerWrapper

    layers = Decoder(
        dim=shape.width,
        depth=shape.num_layers,
        heads=shape.num_heads,
        attn_dim_head=shape.width // shape.num_heads,
        attn_flash=True,
    )
    model = TransformerWrapper(num_tokens=vocab_size, max_seq_len=shape.context_length, attn_layers=layers)
    return Contender("x-transformers", model, _cross_entropy(model))


def _cross_entropy(logits: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda inputs, targets: F.cross_entropy(logits(inputs).flatten(0, 1).float(), targets.flatten())


def text() -> tuple[Tensor, Tensor, int]:
    """Training and held-out tokens (characters) and the vocabulary size: 1.1 MB of plays, cut at 90 %."""
    from minigen.tokenizers import CharTokenizer

    plays = "\n\n".join(load("shakespeare")["train"]["text"])[:TEXT_LENGTH]
    cut = int(0.9 * len(plays))
    tokenizer = CharTokenizer.train(plays)
    tokens = torch.from_numpy(tokenizer.encode_array(plays))
    return tokens[:cut], tokens[cut:], tokenizer.vocab_size


def labelled(name: str) -> list[tuple[list[str], list[str]]]:
    """(texts, labels) of train, validation and test of a data set, whose sizes it prints."""
    splits = load(name)
    parts = [(list(splits[s]["text"]), list(splits[s]["label"])) for s in ("train", "validation", "test")]
    learn, choose, test = (f"{len(texts):,} texts" for texts, _ in parts)
    print(f"{name}: {learn} to learn from, {choose} to choose by, {test} to test\n")
    return parts


def wait(device: torch.device) -> None:
    """Waits until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_in_turns(actions: dict[str, Callable[[], None]], device: torch.device, rounds: int = 7) -> dict[str, float]:
    """The median seconds of each action; they take turns, so that a slow moment of the machine meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for round_number in range(rounds + 1):
        for name, action in actions.items():
            wait(device)
            start = time.perf_counter()
            action()
            wait(device)
            if round_number:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    return {name: sorted(values)[len(values) // 2] for name, values in times.items()}


def ratio_in_turns(
    actions: dict[str, Callable[[], None]], device: torch.device, rounds: int, repeats: int
) -> tuple[list[float], float, float]:
    """(seconds of both, how many times as fast the first is as the second, the standard error of that) of two actions.

    The ratio is the mean of several, begun by either in turn: it varies by some percent from one to the next.
    """
    found, names = [], list(actions)
    for _ in range(repeats):
        found.append(seconds_in_turns(actions, device, rounds))
        actions = dict(reversed(actions.items()))
    ratios = [seconds[names[1]] / seconds[names[0]] for seconds in found]
    error = stdev(ratios) / repeats**0.5 if repeats > 1 else float("nan")
    return [mean(seconds[name] for seconds in found) for name in names], mean(ratios), error


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Measured floating point operations a second of a large matrix product: the most this machine can do."""
    size = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / seconds_in_turns({"product": lambda: a @ b}, device)["product"]


def training_flops(shape: Preset, parameters: int, vocab_size: int) -> float:
    """Operations per token, forward and backward: 6 a parameter that multiplies, and attention's two products."""
    embedding = vocab_size * shape.width
    return 6 * (parameters - embedding) + 12 * shape.num_layers * shape.width * shape.context_length


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the option that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default=None, help="cuda, mps or cpu; the fastest one there if not given")
    return parser


def machine(device: str | None) -> torch.device:
    """Picks the device, and prints what the figures below were measured on."""
    found = pick_device(device)
    if found.type == "cuda":
        name = torch.cuda.get_device_name(found)
    else:
        name = f"CPU {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    print(f"{name}; torch {torch.__version__}; Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}\n")
    return found


def table(header: list[str], rows: list[list[object]]) -> None:
    """Prints a Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(f"{value:,.3g}" if isinstance(value, float) else str(value) for value in row) + " |")
    print()
    sys.stdout.flush()
