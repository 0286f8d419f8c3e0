"""Small checkpoints with random weights, as transformers would have saved them."""

import json
from pathlib import Path
from string import ascii_lowercase

import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ascii_lowercase, *(f"##{c}" for c in ascii_lowercase)]
SHAPE = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip


def small_bert(folder: Path, **changes) -> Path:
    """A BERT with a head for hidden words, which knows the letters."""
    model = BertForMaskedLM(BertConfig(**SHAPE | changes))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)  # far larger than those to begin with: all words are told apart
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return folder


def small_gpt2(folder: Path) -> Path:
    """A GPT-2 whose tokens are the letters."""
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=27, n_embd=8, n_layer=1, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0)
    )
    model.save_pretrained(folder)
    letters = {letter: number for number, letter in enumerate([*ascii_lowercase, "Ġ"])}
    (folder / "vocab.json").write_text(json.dumps(letters), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return folder
