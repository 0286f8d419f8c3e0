"""The architectures that are read: what their config.json means here, and which of their tensors goes where."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from minigen.layers import BlockConfig
from minigen.models.bert import Bert, BertConfig
from minigen.models.gpt import GPT, GPTConfig

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}


@dataclass(frozen=True)
class Architecture:
    """How checkpoints of one model_type become a model of ours.

    shape: (config.json, pooling, whether there is a word head) -> config. prefix: what names may begin with.
    places: by the place of a parameter of ours, where theirs are; several are stacked. layer: what their blocks are
    called. body: what the names of tensors begin with that must all be used. transposed: blocks keep matrices as
    (in, out). unused: names of tensors that are tables, copies, or made for another task.
    """

    shape: Callable[[dict, str, bool], BertConfig | GPTConfig]
    build: Callable[[BertConfig | GPTConfig], Bert | GPT]
    prefix: str
    places: dict[str, tuple[str, ...]]
    layer: str
    body: tuple[str, ...]
    unused: str
    transposed: bool = False

    def theirs(self, name: str) -> list[str]:
        """The names of their tensors that make our parameter of this name."""
        place, _, kind = name.rpartition(".")
        kind = "weight" if kind == "table" else kind
        if in_block := re.fullmatch(r"\w+\.blocks\.(\d+)\.(.+)", place):
            number, part = in_block.groups()
            return [f"{self.layer}.{number}.{found}.{kind}" for found in self.places[part]]
        return [f"{found}.{kind}" for found in self.places[place]]


def _bert_shape(config: dict, pooling: str, word_head: bool) -> BertConfig:
    _refuse(config, {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False})
    if word_head:
        _refuse(config, {"tie_word_embeddings": True})
    block = BlockConfig(
        width=config["hidden_size"],
        num_heads=config["num_attention_heads"],
        hidden_size=config["intermediate_size"],
        dropout=float(config.get("hidden_dropout_prob", 0.1)),
        activation=_activation(config.get("hidden_act", "gelu")),
        norm_first=False,
        norm_eps=float(config.get("layer_norm_eps", 1e-12)),
    )
    return BertConfig(
        config["vocab_size"],
        config["max_position_embeddings"],
        config["num_hidden_layers"],
        block,
        config.get("type_vocab_size", 2),
        pooling,
        word_head,
    )


def _gpt2_shape(config: dict, pooling: str, word_head: bool) -> GPTConfig:
    _refuse(
        config,
        {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False},
    )
    block = BlockConfig(
        width=config["n_embd"],
        num_heads=config["n_head"],
        hidden_size=config.get("n_inner"),
        dropout=float(config.get("resid_pdrop", 0.1)),
        activation=_activation(config.get("activation_function", "gelu_new")),
        norm_eps=float(config.get("layer_norm_epsilon", 1e-5)),
    )
    tied = config.get("tie_word_embeddings", True)
    return GPTConfig(
        config["vocab_size"], config["n_positions"], config["n_layer"], block, "learned", tie_embeddings=tied
    )


def _activation(name: str) -> str:
    if name not in ACTIVATIONS:
        raise ValueError(f"its activation is {name!r}, and only {', '.join(ACTIVATIONS)} are known here")
    return ACTIVATIONS[name]


def _refuse(config: dict, wanted: dict[str, object]) -> None:
    for name, value in wanted.items():
        if config.get(name, value) != value:
            raise ValueError(f"its {name} is {config[name]!r}, and only {value!r} can be read")


ARCHITECTURES = {
    "bert": Architecture(
        shape=_bert_shape,
        build=Bert,
        prefix="bert.",
        places={
            "embedding": ("embeddings.word_embeddings",),
            "positions": ("embeddings.position_embeddings",),
            "segments": ("embeddings.token_type_embeddings",),
            "embedding_norm": ("embeddings.LayerNorm",),
            "attention.to_qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
            "attention.to_out": ("attention.output.dense",),
            "attention_norm": ("attention.output.LayerNorm",),
            "feed_forward.up": ("intermediate.dense",),
            "feed_forward.down": ("output.dense",),
            "feed_forward_norm": ("output.LayerNorm",),
            "word_head.dense": ("cls.predictions.transform.dense",),
            "word_head.norm": ("cls.predictions.transform.LayerNorm",),
            "word_head.out": ("cls.predictions",),
        },
        layer="encoder.layer",
        body=("embeddings.", "encoder."),
        unused=r"embeddings\.position_ids|pooler\..*|cls\.seq_relationship\..*|cls\.predictions\.decoder\..*",
    ),
    "gpt2": Architecture(
        shape=_gpt2_shape,
        build=GPT,
        prefix="transformer.",
        places={
            "embedding": ("wte",),
            "positions": ("wpe",),
            "attention.to_qkv": ("attn.c_attn",),
            "attention.to_out": ("attn.c_proj",),
            "attention_norm": ("ln_1",),
            "feed_forward.up": ("mlp.c_fc",),
            "feed_forward.down": ("mlp.c_proj",),
            "feed_forward_norm": ("ln_2",),
            "decoder.final_norm": ("ln_f",),
            "head": ("lm_head",),
        },
        layer="h",
        body=("wte.", "wpe.", "h.", "ln_f."),
        unused=r"h\.\d+\.attn\.(bias|masked_bias)|lm_head\.weight",  # the masks of attention; a head that is tied
        transposed=True,
    ),
}
