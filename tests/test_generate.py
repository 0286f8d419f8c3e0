"""Writing: how a token is picked, against transformers' own rules, and how many rows write at once."""

import warnings

import pytest
import torch
from parity import copy_pairs, gpt2_pairs
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from minigen.estimators.writing import until, write
from minigen.generate import GREEDY, Sampling, generate, pick, probabilities
from minigen.layers import BlockConfig
from minigen.models.gpt import GPT, GPTConfig
from minigen.tokenizers import BPETokenizer, ByteTokenizer, CharTokenizer

V, CONTEXT = 13, 9
LOGITS = 3 * torch.randn(6, V, generator=torch.Generator().manual_seed(5))


def enliven(model: torch.nn.Module) -> torch.nn.Module:
    """Matrices so large, beside scales and biases, that what is written changes all the time."""
    for name, parameter in model.named_parameters():
        scale = parameter.dim() == 1 and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=float(scale), std=0.1 if parameter.dim() == 1 else 0.8)
    return model.eval()


def make(vocab_size: int = V, **changes) -> GPT:
    """A small GPT whose weights all matter."""
    return enliven(GPT(GPTConfig(vocab_size, CONTEXT, 2, BlockConfig(16, 2), **changes)))


def steps(model: GPT, prompts: list, count: int, sampling: Sampling = GREEDY, **options) -> list[list]:
    """All steps of `generate`; use_cache is handed on to the model."""
    function = model.next_token_function(options.pop("use_cache", True))
    return list(generate(function, prompts, count, sampling, **options))


def rows(written: list[list]) -> list[list[int]]:
    """The new tokens of each row."""
    return [[token for token in row if token is not None] for row in zip(*written, strict=True)]


# How one token is picked.


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("top_k", [None, 1, 4, V, 99])
@pytest.mark.parametrize("top_p", [None, 0.01, 0.6, 0.95, 1.0])
def test_the_distribution_is_that_of_transformers(temperature, top_k, top_p):
    expected = TemperatureLogitsWarper(temperature)(None, LOGITS) if temperature != 1 else LOGITS
    if top_k:
        expected = TopKLogitsWarper(top_k)(None, expected)
    if top_p is not None and top_p < 1:
        expected = TopPLogitsWarper(top_p)(None, expected)
    ours = probabilities(LOGITS, Sampling(temperature, top_k, top_p))
    assert_close(ours, expected.softmax(-1), rtol=1e-5, atol=1e-7)
    assert torch.equal(ours == 0, expected.isinf())
    assert_close(ours.sum(-1), torch.ones(len(LOGITS)))


@pytest.mark.parametrize("top_k", [1, 3, 7])
def test_top_k_leaves_k_tokens(top_k):
    assert (probabilities(LOGITS, Sampling(top_k=top_k)) > 0).sum(-1).tolist() == [top_k] * len(LOGITS)


def test_top_p_takes_the_fewest_tokens_that_reach_it():
    shares = torch.tensor([[0.4, 0.3, 0.2, 0.1]])
    for top_p, kept in ((0.39, 1), (0.41, 2), (0.69, 2), (0.71, 3), (0.91, 4)):
        assert int((probabilities(shares.log(), Sampling(top_p=top_p)) > 0).sum()) == kept


def test_equal_tokens_at_the_edge_of_top_k_all_stay():
    assert_close(
        probabilities(torch.tensor([[2.0, 1, 1, 0]]), Sampling(top_k=2)) > 0, torch.tensor([[True] * 3 + [False]])
    )


@pytest.mark.parametrize("temperature", [0.0, 1e-3, 1e-37, 1e-300])
def test_as_the_temperature_falls_to_zero_the_likeliest_token_is_left(temperature):
    assert torch.equal(pick(100 * LOGITS, Sampling(temperature)), LOGITS.argmax(-1))


def test_a_high_temperature_makes_all_tokens_alike():
    assert_close(probabilities(LOGITS, Sampling(1e6)), torch.full_like(LOGITS, 1 / V), rtol=1e-4, atol=0)


def test_logits_in_bfloat16_are_drawn_from_in_full_precision():
    assert probabilities(LOGITS.bfloat16(), Sampling(0.7)).dtype == torch.float32


def test_tokens_come_as_often_as_their_probability_says():
    shares = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03])
    draws = 20_000
    tokens = pick(shares.log().expand(draws, -1), Sampling(), torch.Generator().manual_seed(0))
    found = tokens.bincount(minlength=5) / draws
    # Five standard deviations of a binomial share: by chance one seed in a million would fail.
    assert ((found - shares).abs() <= 5 * (shares * (1 - shares) / draws).sqrt()).all()


@pytest.mark.parametrize(
    "field, value",
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", float("nan")),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", -1.0),
        ("repetition_penalty", float("nan")),
    ],
)
def test_a_sampling_that_makes_no_sense_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be .* got {value}"):
        Sampling(**{field: value})


def recording(logits: torch.Tensor) -> tuple:
    """A next-token function that always says the same, and the list of what it was given."""
    given = []
    return (lambda new: given.append(new.tolist()) or logits), given


@pytest.mark.parametrize("strength", [0.7, 1.5])
def test_the_repetition_penalty_is_that_of_transformers(strength):
    fixed = LOGITS[:2]
    assert (fixed > 0).any()
    assert (fixed < 0).any()
    seen = torch.tensor([[1, 2, 2, 5], [4, 0, 3, 12]])
    processor = RepetitionPenaltyLogitsProcessor(strength)
    sampling = Sampling(0.0, repetition_penalty=strength)
    written = list(generate(lambda new: fixed, seen.tolist(), 6, sampling))
    for step in written:
        expected = processor(seen, fixed.clone()).argmax(-1)
        assert step == expected.tolist()
        seen = torch.cat((seen, expected[:, None]), dim=1)


def test_a_penalty_makes_a_repeated_token_give_way():
    function, _ = recording(torch.tensor([[3.0, 2.9, 1.0]]))
    assert rows(list(generate(function, [[2]], 4, Sampling(0.0, repetition_penalty=1.2))))[0][:2] == [0, 1]


# Many steps, many rows.


@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("prompt", [[3], [3, 1, 4, 1, 5, 9, 2, 6, 5]], ids=["short", "full"])
def test_generating_with_a_cache_equals_generating_without(positions, prompt):
    model = make(positions=positions)
    for sampling in (GREEDY, Sampling()):
        with_cache, without = (
            steps(model, [prompt], 4 * CONTEXT, sampling, seed=0, use_cache=use_cache) for use_cache in (True, False)
        )
        assert with_cache == without
    assert len({step[0] for step in with_cache}) > 4, "a constant would prove little"


def test_prompts_of_different_lengths_go_on_as_each_would_alone():
    model, prompts = make(), [[1], [2, 3, 4, 5], [6, 7], [8, 9, 10, 11, 12, 0, 1, 2, 3]]
    together = rows(steps(model, prompts, 30))
    assert together == [rows(steps(model, [prompt], 30))[0] for prompt in prompts]
    assert [len(row) for row in together] == [30] * 4
    assert len({tuple(row) for row in together}) == 4


def test_rows_wait_while_their_prompt_is_read_and_rest_when_they_are_done():
    function, given = recording(torch.eye(V)[[7, 7]])
    assert list(generate(function, [[1], [2, 3, 4]], 2, GREEDY)) == [[7, None], [7, None], [None, 7], [None, 7]]
    assert given == [[[1], [2]], [[7], [3]], [[7], [4]], [[7], [7]]]


def test_generating_far_beyond_the_context_works_and_is_the_same_each_time():
    model = make()
    first, second = (rows(steps(model, [[1, 2]], 12 * CONTEXT, Sampling(), seed=3)) for _ in range(2))
    assert first == second
    assert len(first[0]) == 12 * CONTEXT


def test_the_seed_decides_and_leaves_the_global_state_alone():
    model = make()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same, other = (steps(model, [[1]], 40, Sampling(), seed=seed) for seed in (5, 5, 6))
    assert one == same != other
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_seed_the_global_one_decides():
    model, texts = make(), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        texts.append(steps(model, [[1]], 40, Sampling()))
    assert texts[0] == texts[1] != texts[2]


def test_a_stop_token_ends_its_row_alone():
    def count_up(new):
        return torch.eye(V)[(new[:, -1] + 1) % V]

    assert list(generate(count_up, [[1], [4]], 5, GREEDY, stop_tokens=[3, 9])) == [
        [2, 5], [3, 6], [None, 7], [None, 8], [None, 9],
    ]  # fmt: skip
    assert len(list(generate(count_up, [[1], [7]], 5, GREEDY, stop_tokens=[3, 9]))) == 2


def test_forbidden_tokens_are_never_written():
    model = make()
    free = rows(steps(model, [[1]], 300, Sampling(4.0), seed=0))[0]
    assert set(free) == set(range(V))
    bound = rows(steps(model, [[1]], 300, Sampling(4.0), seed=0, forbidden=[0, 4]))[0]
    assert set(bound) == set(range(V)) - {0, 4}


def test_what_the_model_returned_is_not_changed():
    fixed = LOGITS[:1].clone()
    list(generate(lambda new: fixed, [[1]], 5, Sampling(repetition_penalty=2.0, top_k=3, top_p=0.5), forbidden=[2]))
    assert torch.equal(fixed, LOGITS[:1])


def test_no_new_tokens_are_no_steps():
    function, given = recording(LOGITS[:2])
    assert list(generate(function, [[1], [2, 3]], 0)) == []
    assert given == []


@pytest.mark.parametrize(
    "prompts, count, message",
    [([], 5, "there must be a prompt"), ([[1], []], 5, "at least one token"), ([[1]], -1, "0 or above, got -1")],
)
def test_prompts_and_counts_that_make_no_sense_are_refused(prompts, count, message):
    with pytest.raises(ValueError, match=message):
        next(generate(lambda new: LOGITS[:1], prompts, count))


def test_greedy_writing_equals_that_of_transformers_gpt2():
    width, heads, layers, length = 16, 2, 2, 40
    config = GPT2Config(
        vocab_size=V, n_positions=length, n_embd=width, n_layer=layers, n_head=heads, bos_token_id=0, eos_token_id=0,
        pad_token_id=0,
    )  # fmt: skip
    theirs = enliven(GPT2LMHeadModel(config))
    block = BlockConfig(width, heads, activation="gelu_tanh")
    ours = GPT(GPTConfig(V, length, layers, block, "learned", tie_embeddings=True)).eval()
    copy_pairs(gpt2_pairs(ours, theirs))
    prompts = torch.tensor([[1, 2, 3], [7, 0, 5]])
    for penalty in (1.0, 1.4):
        expected = theirs.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            do_sample=False,
            max_new_tokens=length - 3,
            eos_token_id=None,
            repetition_penalty=penalty,
        )
        written = rows(steps(ours, prompts.tolist(), length - 3, Sampling(0.0, repetition_penalty=penalty)))
        assert written == expected[:, 3:].tolist()
        assert len(set(written[0])) > 2


# From tokens to text.

SAMPLE = "Grüße, 世界! 🎭 naïve \n\tfin."
TOKENIZERS = {
    "char": lambda: CharTokenizer.train(SAMPLE),
    "byte": ByteTokenizer,
    "bpe": lambda: BPETokenizer.train(SAMPLE * 3, vocab_size=280),
}


class Dictated:
    """Stands in for a GPT: writes the given tokens, whatever the prompt says."""

    def __init__(self, tokens: list[int], vocab_size: int):
        self.tokens, self.vocab_size, self.config, self.training = tokens, vocab_size, make().config, False

    def next_token_function(self):
        left = iter(self.tokens)
        return lambda new: torch.eye(self.vocab_size)[[next(left)] * len(new)]

    def parameters(self):
        return iter([torch.zeros(1)])

    def eval(self):
        return self.train(False)

    def train(self, mode: bool = True):
        self.training = mode
        return self


def dictate(tokenizer, tokens: list[int], prompt: str) -> list[str]:
    """The pieces that come out while the tokens are written."""
    model = Dictated(tokens, tokenizer.vocab_size)
    return [piece for (piece,) in write(model, tokenizer, [prompt], len(tokens), GREEDY, None)]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_pieces_join_to_the_text_and_no_character_is_torn(name):
    tokenizer = TOKENIZERS[name]()
    pieces = dictate(tokenizer, tokenizer.encode(SAMPLE), "G")
    assert "".join(pieces) == SAMPLE
    assert "\ufffd" not in pieces
    assert len([piece for piece in pieces if piece]) > 8


@pytest.mark.parametrize("name", ["byte", "bpe"])
def test_bytes_that_are_no_character_are_written_as_such(name):
    tokenizer = TOKENIZERS[name]()
    half = [
        token
        for byte in "ü".encode()[:1]
        for token in [next(t for t in range(256) if tokenizer.token_bytes(t) == bytes([byte]))]
    ]
    tokens = tokenizer.encode("a") + half + tokenizer.encode("b") + half
    assert "".join(dictate(tokenizer, tokens, "G")) == tokenizer.decode(tokens) == "a\ufffdb\ufffd"


def test_the_sign_for_unknown_characters_is_never_written():
    tokenizer = CharTokenizer.train("abc")
    for _ in range(20):
        pieces = write(make(4), tokenizer, ["a"], 30, Sampling(3.0), None)
        assert "\ufffd" not in "".join(piece for (piece,) in pieces)


def test_a_prompt_longer_than_the_context_is_read_by_its_end():
    tokenizer, model = CharTokenizer.train("abcdef"), make(7)
    prompt = "abcdef" * 5
    texts = [list(write(model, tokenizer, [p], 20, Sampling(), 0)) for p in (prompt, prompt[-CONTEXT:], prompt[1:4])]
    assert texts[0] == texts[1] != texts[2]


def test_writing_while_training_leaves_the_model_in_training():
    model, tokenizer = make(4), CharTokenizer.train("abc")
    model.train()
    pieces = write(model, tokenizer, ["a"], 5, GREEDY, None)
    next(pieces)
    assert not model.training
    list(pieces)
    assert model.training
    abandoned = write(model, tokenizer, ["a"], 5, GREEDY, None)
    next(abandoned)
    abandoned.close()
    assert model.training


@pytest.mark.parametrize(
    "prompts, count, message",
    [
        ([""], 5, "prompt is empty"),
        (["a", ""], 5, "prompt is empty"),
        ([], 5, "prompt is empty"),
        (["a"], -3, "got -3"),
    ],
)
def test_a_prompt_that_cannot_be_gone_on_with_is_refused_before_the_first_step(prompts, count, message):
    with pytest.raises(ValueError, match=message):
        write(make(4), CharTokenizer.train("abc"), prompts, count, GREEDY, None)


def test_unknown_characters_of_a_prompt_are_named_before_the_first_step():
    with pytest.raises(ValueError, match="unknown characters 'x', 'é'"):
        write(make(4), CharTokenizer.train("abc"), ["a", "axéx"], 5, GREEDY, None)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "text, stop, expected",
    [
        ("one END two", "END", "one "),
        ("one ENEND two", "END", "one EN"),
        ("one EN two", "END", "one EN two"),
        ("ends with EN", "END", "ends with EN"),
        ("END", "END", ""),
        ("aaab", "aab", "a"),
        ("a\n\nb\n\nc", "\n\n", "a"),
        ("nothing", None, "nothing"),
        ("nothing", "", "nothing"),
    ],
)
def test_text_ends_before_the_stop_string_wherever_the_pieces_are_cut(text, stop, expected, size):
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join(until(iter(pieces), stop)) == expected


def test_nothing_is_computed_after_the_stop_string():
    taken = []
    pieces = (taken.append(piece) or piece for piece in "ab. cd. ef")
    assert "".join(until(pieces, ". ")) == "ab"
    assert "".join(taken) == "ab. "


def test_text_that_cannot_be_the_stop_string_is_given_at_once():
    pieces = until(iter(["abc", "x", "yz", "d"]), "xyz!")
    assert next(pieces) == "abc"
    assert next(pieces) == "xyzd"


def test_generating_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps(make(), [[1, 2], [3]], 3 * CONTEXT, Sampling(0.8, 5, 0.9, 1.2), seed=1, forbidden=[0])
