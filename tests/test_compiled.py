"""Compiled writing: the same numbers as the model itself, of the weights as they are, and a clear error."""

import copy
import shutil

import pytest
import torch
import torch._inductor.config as inductor
from estimator_tools import fitted
from parity import randomise
from torch.testing import assert_close

from minigen.layers import BlockConfig
from minigen.models import compiled
from minigen.models.gpt import GPT, GPTConfig

VOCABULARY = 13
needs_compiler = pytest.mark.skipif(not shutil.which("c++"), reason="it needs a C++ compiler")


@pytest.fixture(autouse=True)
def untuned(monkeypatch):
    """Trying which way of multiplying is faster takes most of the time of compiling."""
    monkeypatch.setitem(compiled.OPTIONS, "max_autotune", False)


def make(positions: str = "rotary", block: BlockConfig | None = None, **changes) -> GPT:
    """A small GPT with a context of 8 and weights that all matter."""
    model = GPT(GPTConfig(VOCABULARY, 8, 2, block or BlockConfig(16, 2), positions, **changes))
    randomise(model)
    return model.eval()


def agree(model: GPT, batch_size: int, tolerance: float = 1e-5) -> None:
    """The logits of a prompt and 20 more tokens, far beyond the context, with and without compiling."""
    new = torch.randint(VOCABULARY, (batch_size, 3))
    fast, plain = model.next_token_function(compiled=True), model.next_token_function()
    for _ in range(20):
        logits = plain(new)
        assert_close(fast(new), logits, rtol=tolerance, atol=tolerance)
        new = logits.argmax(dim=-1)[:, None]


@pytest.mark.slow
@needs_compiler
def test_it_gives_the_same_for_any_number_of_texts_and_follows_the_weights():
    model = make()
    for batch_size in (1, 3, 20):
        agree(model, batch_size)
    randomise(model)  # in place, as an optimiser's step
    agree(model, batch_size=3)
    model.to(torch.float64)  # other tensors
    agree(model, batch_size=3, tolerance=1e-10)


@pytest.mark.slow
@needs_compiler
def test_it_gives_the_same_with_the_parts_of_gpt2_and_in_training():
    block = BlockConfig(16, 2, dropout=0.5, activation="gelu_tanh")
    model, other = (make("learned", block, tie_embeddings=True) for _ in range(2))
    model.train()
    model.next_token_function(compiled=True)(torch.ones(1, 1, dtype=torch.long))  # a prompt: nothing to compile yet
    step = compiled.compiled_read(model)
    cache = model.new_cache(1)
    with torch.no_grad():
        model.eval()(torch.ones(1, 3, dtype=torch.long), cache)
        model.train()
        step(torch.ones(1, 1, dtype=torch.long), cache)
    assert model.training  # left as it was
    for one in (model.eval(), other):  # of the same shape, with other weights
        agree(one, batch_size=1)
    copy.deepcopy(model)  # programs are no part of the model


@pytest.mark.slow
@needs_compiler
def test_it_gives_nearly_the_same_in_bfloat16():
    model = make()
    exact = model(torch.ones(2, 4, dtype=torch.long)).detach()
    step = copy.deepcopy(model).bfloat16().next_token_function(compiled=True)
    step(torch.ones(2, 3, dtype=torch.long))
    # Eight bits of each number are left: up to a tenth of what logits vary by, through two layers.
    logits = step(torch.ones(2, 1, dtype=torch.long))
    assert_close(logits.float(), exact[:, 3], rtol=0, atol=0.12 * exact.std().item())


@pytest.mark.slow
@needs_compiler
def test_the_tuned_program_gives_the_same(monkeypatch):
    monkeypatch.setitem(compiled.OPTIONS, "max_autotune", True)
    agree(make(), batch_size=2)


@pytest.mark.slow
@needs_compiler
def test_a_generator_writes_the_same_compiled():
    writer = fitted(steps=60)
    prompts = ["Zoë saw", "an owl"]
    slowly = writer.generate(prompts, max_new_tokens=40, temperature=0.0)
    assert writer.generate(prompts, max_new_tokens=40, temperature=0.0, compiled=True) == slowly
    assert writer.model_.training is False


@pytest.mark.parametrize("context_length", [1, 3, 4])
def test_a_context_of_hardly_any_tokens_is_read_by_the_model(context_length):
    model = GPT(GPTConfig(VOCABULARY, context_length, 2, BlockConfig(16, 2))).eval()
    randomise(model)
    agree(model, batch_size=2, tolerance=0)


def test_a_recurrent_generator_is_not_compiled():
    with pytest.raises(ValueError, match="only a Transformer writes compiled"):
        fitted(steps=1, architecture="gru").generate("Zoë", compiled=True)


def test_what_cannot_be_compiled_says_what_to_do(monkeypatch):
    def fail(*arguments, **options):
        raise OSError("no memory\nand a page of C++")

    monkeypatch.setattr(compiled, "require_compiler", lambda: None)
    monkeypatch.setattr("torch._inductor.aoti_compile_and_package", fail)
    model = make()
    step = model.next_token_function(compiled=True)
    step(torch.ones(1, 3, dtype=torch.long))
    with pytest.raises(RuntimeError, match=r"cannot be compiled here \(no memory\): write without compiled=True"):
        step(torch.ones(1, 1, dtype=torch.long))
    assert not model.training


def test_without_a_compiler_training_and_writing_say_what_to_install():
    writer = fitted(steps=1)
    for attempt in (lambda: fitted(steps=1, compile=True), lambda: writer.generate("Zoë", compiled=True)):
        refused = pytest.raises(FileNotFoundError, match=r"needs a C\+\+ compiler, and found none: install")
        with inductor.patch({"cpp.cxx": (None, "no-such-compiler")}), refused:
            attempt()
