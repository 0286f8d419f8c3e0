"""How fast MiniLM reads: our encoder beside transformers' (fused attention), the same weights, batches and threads.

Both give equal hidden states (checked first). Inference in float32, sentences of films in batches. Both spend
nearly all of the time in the same products, so the ratio is the mean of several, which begin with either in turn.
"""

import tempfile
from pathlib import Path

import torch
from common import arguments, machine, ratio_in_turns, table

from minigen.data import load
from minigen.layers import padding_mask
from minigen.pretrained import find_checkpoint, load_pretrained

GOAL = 1.0  # times transformers' speed
FILES = ("config.json", "model.safetensors")


def main() -> None:
    """Times both on single sentences, padded batches, sorted batches, and long texts."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=6)
    options = parser.parse_args()
    device = machine(options.device)
    ours, theirs, tokenizer = contenders(device)
    texts = list(load("rotten_tomatoes")["validation"]["text"])[:256]
    tokens = [torch.tensor([101, *tokenizer.encode(text, unknown="replace"), 102]) for text in texts]
    by_length = sorted(tokens, key=len)
    cases = {
        "1 sentence": tokens[:1],
        "32 sentences as they come": tokens[:32],
        "32 sentences of one length": by_length[112:144],
        "8 texts of 256 tokens": [torch.cat(tokens)[i : i + 256] for i in range(0, 2048, 256)],
    }
    rows = []
    for name, case in cases.items():
        batch = torch.nn.utils.rnn.pad_sequence(case, batch_first=True).to(device)
        mask = padding_mask(torch.tensor([len(row) for row in case]), batch.shape[1]).to(device)
        rows.append([name, *compare(ours, theirs, batch, mask, (options.rounds, options.repeats))])
    table(["input", "minigen, tokens/s", "transformers, tokens/s", f"ratio (goal: {GOAL})", "standard error"], rows)


def contenders(device: torch.device) -> tuple:
    """Our MiniLM, transformers', and the tokenizer."""
    from transformers import BertModel

    ours, tokenizer = load_pretrained("minilm")
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            (Path(folder) / name).write_bytes((find_checkpoint("minilm") / name).read_bytes())
        theirs = BertModel.from_pretrained(folder, attn_implementation="sdpa", add_pooling_layer=False)
    return ours.to(device), theirs.eval().to(device), tokenizer


@torch.inference_mode()
def compare(ours, theirs, batch: torch.Tensor, mask: torch.Tensor, times: tuple[int, int]) -> list[float]:
    """Tokens a second of both, their ratio and its standard error; times: (rounds, repeats)."""
    theirs_mask = mask[:, 0, 0].long()
    real = mask[:, 0, 0, :, None]
    found, expected = ours(batch, mask), theirs(batch, attention_mask=theirs_mask).last_hidden_state
    torch.testing.assert_close(found * real, expected * real, rtol=1e-4, atol=1e-4)
    actions = {"ours": lambda: ours(batch, mask), "theirs": lambda: theirs(batch, attention_mask=theirs_mask)}
    seconds, ratio, error = ratio_in_turns(actions, batch.device, *times)
    return [*(int(mask.sum()) / t for t in seconds), ratio, error]


if __name__ == "__main__":
    main()
