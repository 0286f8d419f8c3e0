"""Do variational methods help a classifier that has few labels? Paired over seeds, with intervals.

Sentences about films. All arms of a seed see the same labelled subset and the same test set. The bottleneck without
noise tells the extra layer from the noise; autoencoder and language model tell pre-training from its being variational.
Pre-training leaves embeddings of full size, on which the same steps turn less than on the small ones that a classifier
begins with. So these arms learn at three times the rate, chosen on the validation split, and an encoder with random
embeddings of that size, at that rate, is their control.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from common import arguments, machine, table
from scipy.stats import t as student
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

from minigen.classification_metrics import classification_scores, softmax
from minigen.data import load
from minigen.data.labels import LabelBatches
from minigen.data.pairs import PairBatches
from minigen.device import pick_device, seed_everything
from minigen.estimators import classifying
from minigen.models.bottleneck import BottleneckClassifier, BottleneckConfig, start_from
from minigen.models.classifier import Classifier, ClassifierConfig
from minigen.models.gpt import GPT, GPTConfig
from minigen.models.latent import BetaSchedule
from minigen.models.text_vae import TextVAE, TextVAEConfig
from minigen.presets import modern_block
from minigen.tokenizers import train_tokenizer
from minigen.training import TrainConfig, train

VOCABULARY, CONTEXT, WIDTH, LAYERS = 4000, 64, 64, 1
SCORES = {"accuracy": 100.0, "nll": 1.0, "calibration_error": 100.0}
SHAPE = ClassifierConfig(VOCABULARY, CONTEXT, 2, LAYERS, modern_block(WIDTH, 2, 0.3), pooling="mean", word_dropout=0.3)
PRETRAINED = ("autoencoder", "language model", "VAE")
CONTROL = "encoder, embeddings of full size"
FULL_SIZE = (CONTROL, *(f"{kind}, then encoder" for kind in PRETRAINED))
RATE, FULL_SIZE_RATE = 0.002, 0.006  # of Muon; AdamW has half as much again


class Part:
    """Some of what a batch holds, for a language model; the whole for the others."""

    def __init__(self, batches: PairBatches, first: int):
        self.batches, self.first = batches, first

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        return self.batches[step][self.first :]


def pretrain(kind: str, texts: list[Tensor], steps: int, seed: int, device: torch.device) -> nn.Module:
    """A model that has read all training texts without their labels."""
    seed_everything(seed)
    block = replace(SHAPE.block, dropout=0.1)
    beta = {"VAE": BetaSchedule(peak=0.2), "autoencoder": BetaSchedule("constant", peak=0.0)}
    if kind == "language model":
        model: nn.Module = GPT(GPTConfig(VOCABULARY + 1, CONTEXT, LAYERS, block))
    else:
        free = 0.25 if kind == "VAE" else 0.0
        shape = TextVAEConfig(VOCABULARY, CONTEXT, LAYERS, LAYERS, block, beta=beta[kind], free_bits=free)
        model = TextVAE(shape)
    if kind == "autoencoder":  # its draws shrink to a point by themselves, since noise only harms it and costs nothing
        nn.init.constant_(model.to_posterior.bias[shape.latent_size :].data, -8.0)
    batches = PairBatches(texts, texts, VOCABULARY, 2000, seed)
    recipe = TrainConfig(steps=steps, learning_rate=0.012, adamw_learning_rate=0.03, betas=(0.8, 0.95), seed=seed)
    train(model.to(device), Part(batches, 2 if kind == "language model" else 0), None, recipe)
    return model.eval()


def make(arm: str, beta: float, pretrained: dict[str, nn.Module]) -> nn.Module:
    """An untrained classifier of the arm."""
    if arm == "encoder":
        return Classifier(SHAPE)
    if arm == "bottleneck without noise":
        return BottleneckClassifier(BottleneckConfig(SHAPE, 16, stochastic=False))
    if arm == "information bottleneck":
        return BottleneckClassifier(BottleneckConfig(SHAPE, 16, BetaSchedule(peak=beta, start=0.0, end=0.3)))
    model = Classifier(SHAPE)
    if arm == CONTROL:
        nn.init.normal_(model.embedding.weight, std=1.0)
    else:
        start_from(model, pretrained[arm.removesuffix(", then encoder")])
    return model


def score_of(arm: str, chosen: tuple[list, Tensor], test: tuple[list, Tensor], options, pretrained: dict) -> dict:
    """Test scores of an arm that was trained on the chosen texts and labels, and nothing else that has labels."""
    seed_everything(options.seed)
    device = pick_device(options.device)
    model = make(arm, options.beta, pretrained).to(device)
    batches = LabelBatches(*chosen, VOCABULARY, 500, seed=options.seed)
    steps = max(60, round(options.epochs * len(batches)))
    rate = FULL_SIZE_RATE if arm in FULL_SIZE else RATE
    config = TrainConfig(
        steps=min(steps, options.most_steps),
        learning_rate=rate,
        adamw_learning_rate=1.5 * rate,
        weight_decay=0.3,
        warmup=0.05,
        decay=0.9,
        seed=options.seed,
    )
    train(model, batches, None, config, progress=False)
    return classification_scores(softmax(classifying.logits(model, test[0])), test[1].numpy())


def tfidf(texts: list[str], labels: np.ndarray, test: tuple[list[str], np.ndarray]) -> dict:
    """Test scores of the baseline."""
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=1)
    model = make_pipeline(vectors, LogisticRegression(C=10, max_iter=1000)).fit(texts, labels)
    return classification_scores(model.predict_proba(test[0]), test[1])


def interval(differences: np.ndarray) -> str:
    """Mean and half the width of its 95 % interval by Student's t, over seeds."""
    n = len(differences)
    half = student.ppf(0.975, n - 1) * differences.std(ddof=1) / math.sqrt(n) if n > 1 else math.nan
    return f"{differences.mean():+.2f} ± {half:.2f}"


def report(found: dict[str, dict[str, list[float]]], n: int) -> None:
    """A table for one number of labels: each arm, and its paired difference to the plain encoder."""
    rows = []
    for arm, scores in found.items():
        row: list[object] = [arm]
        for name, factor in SCORES.items():
            values, base = np.array(scores[name]) * factor, np.array(found["encoder"][name]) * factor
            row += [f"{values.mean():.2f} ({values.std(ddof=1) if len(values) > 1 else 0:.2f})"]
            row += ["" if arm == "encoder" else interval(values - base)]
        control = np.array(found[CONTROL]["accuracy"])
        pretrained = arm in FULL_SIZE and arm != CONTROL
        row.append(interval(100 * (np.array(scores["accuracy"]) - control)) if pretrained else "")
        rows.append(row)
    print(f"{n:,} labels, {len(scores['accuracy'])} seeds; mean (standard deviation), difference to the encoder (95 %)")
    measured = ["accuracy, %", "difference", "NLL, nats", "difference", "calibration error, %", "difference"]
    table(["arm", *measured, "accuracy less that of the control"], rows)


def run(labels: int, seeds: int, data: dict, options, pretrained: dict, arms: dict[str, Callable]) -> None:
    """All arms on the same subsets, seed by seed."""
    texts, tokens, numbers = data["train"]
    found: dict[str, dict[str, list[float]]] = {arm: {name: [] for name in SCORES} for arm in arms}
    for seed in range(seeds):
        options.seed = seed
        draw = np.random.default_rng(seed)
        halves = [draw.permutation(np.flatnonzero(numbers == kind))[: labels // 2] for kind in (0, 1)]
        rows = draw.permutation(np.concatenate(halves))
        for arm in arms:
            if arm == "TF-IDF and logistic regression":
                scores = tfidf([texts[r] for r in rows], numbers[rows], (data["test"][0], data["test"][2]))
            else:
                chosen = ([tokens[r] for r in rows], torch.from_numpy(numbers[rows]))
                test = (data["test"][1], torch.from_numpy(data["test"][2]))
                scores = score_of(arm, chosen, test, options, pretrained)
            for name in SCORES:
                found[arm][name].append(scores[name])
    report(found, labels)


def main() -> None:
    """Pre-trains each kind once, then all arms at each number of labels."""
    parser = arguments(__doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--pretraining-steps", type=int, default=1500)
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument("--most-steps", type=int, default=600)
    parser.add_argument("--beta", type=float, default=0.01)
    parser.add_argument("--split", default="test", choices=["validation", "test"], help="validation to choose by")
    options = parser.parse_args()
    device = machine(options.device)
    splits = load("rotten_tomatoes")
    tokenizer = train_tokenizer("bpe", list(splits["train"]["text"]), VOCABULARY)
    data = {}
    for name, split in (("train", "train"), ("test", options.split)):
        texts = list(splits[split]["text"])
        tokens = [torch.from_numpy(tokenizer.encode_array(text, unknown="replace"))[: CONTEXT - 1] for text in texts]
        data[name] = (texts, tokens, np.array([label == "positive" for label in splits[split]["label"]]).astype(int))
    start = time.perf_counter()
    unlabelled = data["train"][1]
    pretrained = {kind: pretrain(kind, unlabelled, options.pretraining_steps, 0, device) for kind in PRETRAINED}
    print(f"pre-training took {time.perf_counter() - start:.0f} s for all three kinds, once each")
    arms = ["TF-IDF and logistic regression", "encoder", "bottleneck without noise", "information bottleneck"]
    arms += FULL_SIZE
    for labels in options.labels:
        run(labels, options.seeds, data, options, pretrained, arms)
    print(f"took {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
