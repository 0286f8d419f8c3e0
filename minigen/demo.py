"""`minigen demo`: three Transformers trained from nothing, in some two and a half minutes, on the CPU."""

import shutil
import sys
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from minigen.data import load
from minigen.device import pick_device
from minigen.estimators import TextClassifier, TextGenerator, Translator
from minigen.metrics import bits_per_byte
from minigen.models.ngram import NGram
from minigen.presets import TranslationPreset, find_preset
from minigen.tokenizers import CharTokenizer

PRESET = "speedrun"
ORDERS = (1, 2, 3, 5)  # of the n-grams
WATCHED = 40_000  # characters
TRANSLATOR = TranslationPreset(
    2, 2, 96, 3, context_length=64, tokens_per_batch=300, minutes=0.5, accumulate=4, dropout=0.0, label_smoothing=0.0
)
CLASSIFIER = "laptop"
SHOWN = 8  # translations, and sentences with a label
EXAMPLE = "Tuesday, March 14, 2056"


def run(out: Path, minutes: float = 1.0, device: str | None = None) -> None:
    """Trains a writer for so many minutes, a translator for half and a classifier for a third as many; shows what they
    do, and saves them in out.

    Raises:
        ValueError: if there is no such device, or minutes is not above 0; at once.
    """
    pick_device(device)
    find_preset(PRESET).training(minutes=minutes)
    write(out, minutes, device)
    translate(out / "translator", minutes / 2, device)
    classify(out / "classifier", minutes / 3, device)
    if shutil.which("minigen") is None:
        activate = Path(sys.executable).with_name("activate")
        print(f"\nTo type minigen yourself, first: {activate if sys.platform == 'win32' else f'source {activate}'}")
    print(f"\nSaved in {out}. Next:\n  make lab                                      the lessons, in JupyterLab")
    print(f'  minigen generate {out} --prompt "JULIET:\\n"    more of this')
    print(f'  minigen translate {out / "translator"} "{EXAMPLE}"')
    print(f'  minigen classify {out / "classifier"} "a film to remember"')
    print("  minigen train generate --data FILE.txt --out runs/mine    the same on a text of yours")


def write(out: Path, minutes: float, device: str | None) -> None:
    """Trains on Shakespeare's plays, compares with n-grams on plays that neither has seen, and writes."""
    splits = load("shakespeare")
    train, held_out = "\n\n".join(splits["train"]["text"]), "\n\n".join(splits["validation"]["text"])
    print(f"A GPT     {len(train):,} characters of Shakespeare's plays to learn from; two other plays held out")
    generator = TextGenerator(PRESET, device=device)
    # A part of a held-out play is enough to watch the training by; the score below is that of the whole.
    generator.fit(train, held_out[:WATCHED], minutes=minutes, evaluations=4, out=out)
    _trained(generator.summary_, "characters")
    print("Bits per byte of the held-out plays (lower is better; a file of plain bytes takes 8)")
    scores = ngram_scores(generator.tokenizer_, train, held_out)
    scores["this Transformer"] = generator.score(held_out)
    for name, score in scores.items():
        print(f"  {name:<18} {score:5.2f}  {'#' * round(10 * score)}")
    print("\nWhat it writes, after ROMEO: (temperature 0.8)\n")
    print("ROMEO:")
    for piece in generator.stream("ROMEO:\n", 400, seed=1, temperature=0.8):
        print(piece, end="", flush=True)


def translate(out: Path, minutes: float, device: str | None) -> None:
    """Trains on dates, numbers and amounts of money, English to French, and translates some it has not seen."""
    splits = load("dates:en-fr")
    train, held_out, test = (
        [list(splits[name][side]) for side in ("source", "target")] for name in ("train", "validation", "test")
    )
    print(f"\n\nA translator   {len(train[0]):,} dates, numbers, times and amounts of money, English to French")
    translator = Translator(TRANSLATOR, vocab_size=1000, device=device)
    translator.fit(*train, [side[:300] for side in held_out], minutes=minutes, evaluations=4, out=out)
    _trained(translator.summary_, "tokens")
    score = translator.report(*test)["exact_match"]
    print(f"{score:.0f} % of {len(test[0]):,} others are translated exactly as they should be:")
    for source, target, found in zip(
        *(side[:SHOWN] for side in test), translator.predict(test[0][:SHOWN]), strict=True
    ):
        print(f"  {source:<44} {found}" + ("" if found == target else f"   (wrong: {target})"))


def classify(out: Path, minutes: float, device: str | None) -> None:
    """Trains on sentences about films, compares with counting words, and names the class of some it has not seen."""
    splits = load("rotten_tomatoes")
    train, held_out, test = (
        tuple(list(splits[name][column]) for column in ("text", "label")) for name in ("train", "validation", "test")
    )
    print(f"\nA classifier   {len(train[0]):,} sentences out of reviews of films: negative or positive?")
    classifier = TextClassifier(CLASSIFIER, device=device)
    classifier.fit(*train, held_out, minutes=minutes, evaluations=4, out=out)
    _trained(classifier.summary_, "sentences")
    counted = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=8, max_iter=500)
    )
    scores = {"this Transformer": classifier.score(*test), "words counted": counted.fit(*train).score(*test)}
    told = ", ".join(f"{100 * score:.0f} % by {name}" for name, score in scores.items())
    print(f"Of {len(test[0]):,} others are named rightly: {told} (TF-IDF and logistic regression)")
    probabilities = classifier.predict_proba(test[0][:SHOWN])
    for text, label, row in zip(*(column[:SHOWN] for column in test), probabilities, strict=True):
        found = classifier.classes_[row.argmax()]
        print(f"  {found} ({row.max():.0%})" + ("" if found == label else f" (wrong: {label})") + f"  {text[:80]}")


def _trained(summary: dict, unit: str) -> None:
    rate = summary.get("texts_per_second") or summary["tokens_per_second"]
    if summary["stopped"] == "interrupted":
        raise KeyboardInterrupt
    print(
        f"Trained   {summary['parameters']:,} parameters, {summary['steps']:,} steps on {summary['device']}, "
        f"{rate:,.0f} {unit} a second\n"
    )


def ngram_scores(tokenizer: CharTokenizer, train: str, held_out: str) -> dict[str, float]:
    """Bits per byte of held_out under Kneser-Ney n-grams learned from train, by the name of the model."""
    tokens, held_out_tokens = tokenizer.encode_array(train), tokenizer.encode_array(held_out, unknown="replace")
    scores = {}
    for order in ORDERS:
        nats = NGram(order, tokenizer.vocab_size).fit(tokens).nats(held_out_tokens)
        scores[f"{order}-gram" if order > 1 else "letter counts"] = bits_per_byte(nats, len(held_out.encode()))
    return scores
