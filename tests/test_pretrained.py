"""Pretrained weights in our modules: hidden states, logits and written tokens equal transformers'."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
)

from minigen.data import load
from minigen.generate import Sampling, generate
from minigen.layers import padding_mask
from minigen.pretrained import find_checkpoint, load_pretrained

V, D, T = 40, 16, 12
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(97 + i) for i in range(26)), "##b", "##c"]
BERT = {
    "vocab_size": V, "hidden_size": D, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": T,
}  # fmt: skip
GPT2 = {
    "vocab_size": V, "n_embd": D, "n_layer": 2, "n_head": 2, "n_positions": 2 * T, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
TOKENS = torch.randint(5, V, (3, 9), generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([9, 4, 1])
SEGMENTS = torch.tensor([[0] * 4 + [1] * 5] * 3)


def saved(theirs: torch.nn.Module, folder, **how) -> torch.nn.Module:
    """A model of transformers with random weights and biases, saved with a tokenizer beside it."""
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, mean=0.05, std=0.3)
    theirs.eval().save_pretrained(folder, **how)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return theirs


def assert_same_states(ours, theirs, tokens, lengths, segments=None, tolerance=TOLERANCE) -> None:
    """What goes into the first block and comes out of each, where there is no padding."""
    mask = padding_mask(lengths, tokens.shape[1])
    real = mask[:, 0, 0, :, None]
    with torch.no_grad():
        expected = theirs(
            tokens, attention_mask=mask[:, 0, 0].long(), token_type_ids=segments, output_hidden_states=True
        )
        found = ours.hidden_states(tokens, mask, segments)
        assert_close(ours(tokens, mask, segments) * real, expected.last_hidden_state * real, **tolerance)
    assert len(found) == len(expected.hidden_states)
    for mine, other in zip(found, expected.hidden_states, strict=True):
        assert other.std() > 0.1
        assert_close(mine * real, other * real, **tolerance)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 40, "type_vocab_size": 3},
        {"hidden_act": "gelu_new", "layer_norm_eps": 1e-5, "num_hidden_layers": 3},
        {"hidden_act": "relu", "hidden_size": 12, "num_attention_heads": 3, "layer_norm_eps": 0.1},
    ],
    ids=["usual", "other sizes", "tanh gelu", "relu and a large eps"],
)
def test_the_hidden_states_of_a_bert_equal_transformers(changes, tmp_path):
    theirs = saved(BertModel(BertConfig(**BERT | changes), add_pooling_layer=False), tmp_path)
    ours, _ = load_pretrained(tmp_path)
    assert_same_states(ours, theirs, TOKENS, LENGTHS)
    assert_same_states(ours, theirs, TOKENS, LENGTHS, SEGMENTS)


@torch.no_grad()
def test_the_word_head_equals_transformers_and_names_may_begin_with_bert(tmp_path):
    theirs = saved(BertForMaskedLM(BertConfig(**BERT)), tmp_path)
    ours, _ = load_pretrained(tmp_path)
    assert ours.config.word_head
    assert_same_states(ours, theirs.bert, TOKENS, LENGTHS)
    mask = padding_mask(LENGTHS, TOKENS.shape[1])
    expected = theirs(TOKENS, attention_mask=mask[:, 0, 0].long()).logits
    found = ours.word_logits(ours(TOKENS, mask))
    for row, length in enumerate(LENGTHS):
        assert_close(found[row, :length], expected[row, :length], rtol=1e-5, atol=5e-5)


@pytest.mark.parametrize(
    "changes",
    [{}, {"n_inner": 20, "n_head": 4, "n_layer": 3}, {"activation_function": "relu", "layer_norm_epsilon": 1e-3}],
    ids=["usual", "other sizes", "relu"],
)
@torch.no_grad()
def test_the_logits_of_a_gpt2_equal_transformers(changes, tmp_path):
    theirs = saved(GPT2LMHeadModel(GPT2Config(**GPT2 | changes)), tmp_path)
    ours, _ = load_pretrained(tmp_path)
    assert_close(ours(TOKENS), theirs(TOKENS).logits, rtol=1e-5, atol=5e-5)


@torch.no_grad()
def test_a_gpt2_writes_greedily_what_transformers_writes(tmp_path):
    theirs = saved(GPT2LMHeadModel(GPT2Config(**GPT2)), tmp_path)
    ours, _ = load_pretrained(tmp_path)
    prompt = TOKENS[:1, :5]
    expected = theirs.generate(prompt, max_new_tokens=15, do_sample=False, eos_token_id=None, pad_token_id=0)
    for use_cache in (True, False):
        step = ours.next_token_function(use_cache)
        found = [row[0] for row in generate(step, prompt.tolist(), 15, Sampling(temperature=0))]
        assert found == expected[0, 5:].tolist()


@torch.no_grad()
def test_shards_are_read_like_one_file(tmp_path):
    theirs = saved(BertModel(BertConfig(**BERT), add_pooling_layer=False), tmp_path, max_shard_size="5KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    assert_same_states(load_pretrained(tmp_path)[0], theirs, TOKENS, LENGTHS)


@pytest.mark.needs_data("minilm")
def test_the_real_minilm_equals_transformers_whose_tokenizer_it_shares(tmp_path):
    folder = find_checkpoint("minilm")
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    theirs, their_tokenizer = BertModel.from_pretrained(tmp_path).eval(), AutoTokenizer.from_pretrained(tmp_path)
    ours, tokenizer = load_pretrained("minilm")
    texts = ["A film to remember.", "Caffè? 🎉 unaffable naïveté, 日本語 don't!", "", "  x\u00a0y\tz  "]
    batch = their_tokenizer(texts, padding=True, return_tensors="pt")
    for text, row, seen in zip(texts, batch["input_ids"], batch["attention_mask"], strict=True):
        found = [*tokenizer.start, *tokenizer.encode(text, unknown="replace"), *tokenizer.end]
        assert found == row[: seen.sum()].tolist()
    lengths = batch["attention_mask"].sum(dim=1)
    assert_same_states(ours, theirs, batch["input_ids"], lengths, tolerance={"rtol": 1e-5, "atol": 1e-5})
    assert sum(parameter.numel() for parameter in ours.parameters()) == 22_565_376


@torch.no_grad()
def test_attention_weights_are_those_of_transformers(tmp_path):
    theirs = saved(BertModel(BertConfig(**BERT), add_pooling_layer=False), tmp_path)
    mask = padding_mask(LENGTHS, TOKENS.shape[1])
    theirs.set_attn_implementation("eager")
    expected = theirs(TOKENS, attention_mask=mask[:, 0, 0].long(), output_attentions=True).attentions
    found = load_pretrained(tmp_path)[0].attention_weights(TOKENS, mask)
    assert_close(found, torch.stack(expected), **TOLERANCE)


@torch.no_grad()
def test_a_text_is_the_mean_of_its_tokens_or_its_first_as_the_checkpoint_says(tmp_path):
    saved(BertModel(BertConfig(**BERT)), tmp_path)
    ours, _ = load_pretrained(tmp_path)
    mask = padding_mask(LENGTHS, TOKENS.shape[1])
    hidden = ours(TOKENS, mask)
    expected = torch.stack([row[:length].mean(dim=0) for row, length in zip(hidden, LENGTHS, strict=True)])
    assert_close(ours.pool(hidden, mask), expected, **TOLERANCE)
    assert_close(ours.pool(hidden), hidden.mean(dim=1), **TOLERANCE)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    ours, _ = load_pretrained(tmp_path)
    assert_close(ours.pool(hidden, mask), hidden[:, 0], **TOLERANCE)


def bert(folder, **changes):
    """A checkpoint of a small BERT."""
    saved(BertModel(BertConfig(**BERT | changes)), folder)
    return folder


def rewrite(folder, change) -> None:
    """Lets `change` work on the dictionary of tensors."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_old_names_of_norms_and_half_precision_are_read(tmp_path):
    theirs = bert(tmp_path / "new") and load_pretrained(tmp_path / "new")[0]

    def age(tensors: dict) -> None:
        for name in list(tensors):
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            tensors[f"bert.{old}"] = tensors.pop(name).bfloat16()

    rewrite(tmp_path / "new", age)
    ours, _ = load_pretrained(tmp_path / "new")
    assert ours.embedding.weight.dtype == torch.float32
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(mine, other.bfloat16().float())


def test_a_head_for_another_task_is_left_out_with_a_warning(tmp_path):
    saved(BertForSequenceClassification(BertConfig(**BERT)), tmp_path)
    with pytest.warns(UserWarning, match="a head for another task: classifier.bias, classifier.weight"):
        load_pretrained(tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t.pop("encoder.layer.1.output.dense.bias"), "encoder.layer.1.output.dense.bias are missing"),
        (lambda t: t.update({"encoder.layer.2.x": torch.ones(1)}), "nothing is known of its tensors encoder.layer.2.x"),
        (
            lambda t: t.update({"encoder.layer.0.attention.self.key.weight": torch.ones(8, D)}),
            r"attention.self.key.weight is \(8, 16\) in the weights and \(16, 16\) by the config",
        ),
        (lambda t: t.clear(), "embeddings.LayerNorm.bias, .* more are missing"),
    ],
    ids=["missing", "unexpected", "misshaped", "empty"],
)
def test_tensors_that_do_not_fit_are_named(change, message, tmp_path):
    rewrite(bert(tmp_path), change)
    with pytest.raises(ValueError, match=message):
        load_pretrained(tmp_path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model_type": "llama", "architectures": ["LlamaModel"]}, r"architecture 'llama' \(LlamaModel\); only"),
        ({"model_type": None, "architectures": None}, "of the architecture None; only bert and gpt2 are read"),
        ({"estimator": "TextClassifier"}, "is a TextClassifier of minigen, and no pretrained BERT or GPT-2"),
        ({"position_embedding_type": "relative_key"}, "its position_embedding_type is 'relative_key', and only 'abso"),
        ({"hidden_act": "swish"}, "its activation is 'swish', and only gelu"),
        ({"num_attention_heads": 3}, "cannot be read here: width 16 is not divisible by num_heads 3"),
        ({"hidden_size": "wide"}, "config.json cannot be read here"),
        ({"num_hidden_layers": None}, "config.json cannot be read here"),
    ],
    ids=[
        "another architecture",
        "none",
        "of minigen",
        "relative positions",
        "activation",
        "heads",
        "no number",
        "null",
    ],
)
def test_a_config_of_something_else_is_refused(changes, message, tmp_path):
    path = bert(tmp_path) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ValueError, match=message):
        load_pretrained(tmp_path)


def test_a_config_without_a_size_and_one_that_is_cut_short_are_refused(tmp_path):
    path = bert(tmp_path) / "config.json"
    whole = path.read_text()
    path.write_text(json.dumps({k: v for k, v in json.loads(whole).items() if k != "hidden_size"}))
    with pytest.raises(ValueError, match=r"config.json is damaged: it has no 'hidden_size'"):
        load_pretrained(tmp_path)
    path.write_text(whole[:50])
    with pytest.raises(ValueError, match=r"config.json is damaged: it is not valid JSON"):
        load_pretrained(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"is no checkpoint: there is no config.json in it"):
        load_pretrained(tmp_path)


def test_weights_that_are_cut_short_a_pickle_or_not_there_are_refused(tmp_path):
    path = bert(tmp_path) / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[: len(whole) // 2], b"", b"pickle" * 100):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"not a readable safetensors file .* cut short"):
            load_pretrained(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no weights: there is no model.safetensors in it"):
        load_pretrained(tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"as pytorch_model.bin alone.*convert it to safetensors"):
        load_pretrained(tmp_path)


def test_a_shard_that_is_not_there_is_named(tmp_path):
    saved(BertModel(BertConfig(**BERT)), tmp_path, max_shard_size="5KB")
    gone = sorted(tmp_path.glob("*.safetensors"))[1]
    gone.unlink()
    with pytest.raises(FileNotFoundError, match=f"not whole: .* names {gone.name}"):
        load_pretrained(tmp_path)


def test_a_name_that_is_nothing_lists_what_there_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="no pretrained weights 'no-such': neither a folder nor one of minilm"):
        load_pretrained("no-such")
    with pytest.raises(ValueError, match="minilm holds a model's weights, and no text"):
        load("minilm")


def test_a_hub_name_is_read_from_the_snapshot_that_the_hubs_client_gives(tmp_path, monkeypatch):
    bert(tmp_path)
    asked = []
    client = SimpleNamespace(snapshot_download=lambda name, allow_patterns: asked.append(name) or str(tmp_path))
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    assert load_pretrained("hub:owner/name")[0].config.num_layers == 2
    assert asked == ["owner/name"]
    client.snapshot_download = lambda *a, **k: 1 / 0
    with pytest.raises(ConnectionError, match="could not load 'owner/name' from the hub: ZeroDivisionError"):
        load_pretrained("hub:owner/name")
