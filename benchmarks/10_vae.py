"""Does the text VAE use its z? Diagnostics at the language model point, the autoencoder point, and without tricks.

Short sentences of software. Beside the VAEs two plain language models, trained on the same batches for as many steps:
one of the decoder's shape, and one that has the blocks of the encoder as well.
"""

import warnings
from dataclasses import replace

import numpy as np
from common import arguments, machine, table
from torch import Tensor

from minigen.data import load
from minigen.data.pairs import PairBatches
from minigen.device import pick_device, seed_everything
from minigen.estimators import TextAutoencoder
from minigen.estimators.autoencoding import fitting
from minigen.models.gpt import GPT, GPTConfig
from minigen.training import evaluate, train
from minigen.vae_metrics import diagnose
from minigen.vae_presets import VAE_PRESETS, AutoencoderPreset

POINTS = {
    "language model point": (1.0, {}),
    "autoencoder point": (0.2, {}),
    "without tricks": (1.0, {"schedule": "constant", "free_bits": 0.0, "word_dropout": 0.0}),
}
GOALS = """goals: language model point KL >= 4, active >= 8 of 32, gap >= 2, bound <= 1.03 times the language model's;
autoencoder point KL >= 15, gap >= 10, half of the tokens back; without tricks KL < 0.5, active <= 1"""


class TargetsOnly:
    """The batches of a language model: inputs and targets of those of the VAE."""

    def __init__(self, batches: PairBatches):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        return self.batches[step][2:]


def language_model(space: TextAutoencoder, preset: AutoencoderPreset, layers: int, texts: dict, options) -> list:
    """A row of the table: nats per held-out sentence of a GPT with so many layers."""
    seed_everything(space.seed)
    config = space.model_.config
    model = GPT(GPTConfig(config.vocab_size + 1, config.context_length, layers, config.block))
    model = model.to(pick_device(options.device))
    size = preset.tokens_per_batch
    batches, held_out, test = (
        PairBatches(texts[split], texts[split], config.vocab_size, size, space.seed)
        for split in ("train", "validation", "test")
    )
    recipe = preset.training(steps=options.steps, seed=space.seed)
    train(model, TargetsOnly(batches), [batch[2:] for batch in held_out], recipe)
    tokens = sum(len(text) + 1 for text in texts["test"])
    nll = evaluate(model, [batch[2:] for batch in test]) * tokens / len(texts["test"])
    parameters = sum(p.numel() for p in model.parameters())
    return [f"language model, {layers} layers", space.seed, parameters, "", "", "", "", "", "", nll]


def main() -> None:
    """Trains all with each seed; the test split is measured once."""
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--points", nargs="+", default=list(POINTS), choices=list(POINTS))
    parser.add_argument("--no-language-models", action="store_true")
    options = parser.parse_args()
    machine(options.device)
    warnings.simplefilter("ignore")  # that the mutual information is near its limit: the table has both
    splits = {name: list(split["text"]) for name, split in load("strings").items()}
    rows: list[list[object]] = []
    for seed in range(options.seeds):
        for name in options.points:
            beta, changes = POINTS[name]
            preset = replace(VAE_PRESETS["laptop"], **changes)
            space = TextAutoencoder(preset, beta=beta, seed=seed, device=options.device)
            space.fit(splits["train"], splits["validation"], steps=options.steps)
            context = preset.context_length
            texts = {split: fitting(space.tokenizer_, lines, context, split) for split, lines in splits.items()}
            found = diagnose(space.model_, texts["test"])
            short = diagnose(space.model_, [text for text in texts["test"] if len(text) <= 10], 1)
            names = ("kl", "active_units", "gap", "mutual_information")
            parameters = space.summary_["parameters"]
            rows.append([name, seed, parameters, *(found[n] for n in names), short["reconstructed"], -found["elbo"]])
            rows[-1].append(found["nll_bound"])
            print(name, seed, {n: round(v, 3) for n, v in found.items()}, flush=True)
        if not options.no_language_models:
            preset = VAE_PRESETS["laptop"]
            both = preset.num_encoder_layers + preset.num_decoder_layers
            rows += [language_model(space, preset, n, texts, options) for n in (preset.num_decoder_layers, both)]
    texts_of_test = len(texts["test"])
    print(f"{len(texts['train']):,} sentences to learn from, {texts_of_test:,} to test; {options.steps:,} steps")
    header = ["model", "seed", "parameters", "KL", "active", "gap", "mutual information", "tokens back, <= 10", "-ELBO"]
    table([*header, "nats per sentence, bound with K = 64"], rows)
    print(f"ln N = {np.log(texts_of_test):.2f}, the most that the mutual information can show")
    print(GOALS)


if __name__ == "__main__":
    main()
