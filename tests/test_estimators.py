"""TextGenerator: scikit-learn's habits, scores that can be checked by hand, and runs that can be gone on with."""

import json
import math
import shutil
import warnings
from dataclasses import replace

import pytest
import torch
from damage import DAMAGE, set_field
from estimator_tools import OTHER, TEXT, TINY, contents, fitted, press_ctrl_c_at, story
from safetensors.torch import load_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch.nn.functional import log_softmax
from training_tools import assert_same_weights, untimed

from minigen.data.splits import split_by_position
from minigen.estimators import TextGenerator, load_estimator
from minigen.metrics import unigram_entropy

TOKENIZERS = [{"tokenizer": "char"}, {"tokenizer": "byte"}, {"tokenizer": "bpe", "vocab_size": 280}]
each_tokenizer = pytest.mark.parametrize("options", TOKENIZERS, ids=["char", "byte", "bpe"])


@pytest.fixture(scope="module")
def trained():
    """Trained until it knows the words of the language. Tests do not change it."""
    torch.manual_seed(0)
    return fitted(steps=200, preset="tiny")


# The habits of scikit-learn.


def test_fit_returns_the_estimator_itself_with_what_it_learned():
    writer = TextGenerator(TINY, device="cpu")
    assert writer.fit(TEXT, steps=2, progress=False) is writer
    assert writer.history_.steps == writer.summary_["steps"] == 2
    assert writer.tokenizer_.vocab_size == writer.model_.config.vocab_size == len(set(TEXT)) + 1


def test_parameters_can_be_read_set_cloned_and_shown():
    writer = TextGenerator(TINY, tokenizer="bpe", vocab_size=300, seed=4, device="cpu")
    parameters = {"preset": TINY, "tokenizer": "bpe", "vocab_size": 300, "seed": 4, "device": "cpu"}
    parameters["architecture"] = "transformer"
    assert writer.get_params() == parameters
    assert clone(writer).get_params() == parameters
    assert writer.set_params(preset="tiny", seed=5).get_params() == parameters | {"preset": "tiny", "seed": 5}
    assert "seed=5" in repr(writer)
    with pytest.raises(ValueError, match="no_such"):
        writer.set_params(no_such=1)


def test_a_clone_has_learned_nothing(trained):
    with pytest.raises(NotFittedError):
        clone(trained).score(TEXT)


@pytest.mark.parametrize(
    "use",
    [
        lambda writer, folder: writer.generate("a"),
        lambda writer, folder: writer.stream("a"),
        lambda writer, folder: writer.predict(["a"]),
        lambda writer, folder: writer.score("a"),
        lambda writer, folder: writer.report("a"),
        lambda writer, folder: writer.save(folder),
    ],
    ids=["generate", "stream", "predict", "score", "report", "save"],
)
def test_what_needs_a_fit_says_so_before_it(use, tmp_path):
    with pytest.raises(NotFittedError, match="TextGenerator"):
        use(TextGenerator(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"preset": "huge"}, "unknown preset 'huge': choose one of tiny"),
        ({"tokenizer": "chars"}, "unknown tokenizer 'chars'.*did you mean 'char'"),
        ({"device": "abacus"}, "no device 'abacus'.*found: .*cpu"),
        ({"device": "cpu:x"}, "no device 'cpu:x'"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(options, message):
    with pytest.raises(ValueError, match=message):
        TextGenerator(**({"preset": TINY} | options)).fit(TEXT, steps=1, progress=False)


@pytest.mark.parametrize(
    "texts, message",
    [
        ("", "cannot be split"),
        ([], "cannot be split"),
        (TEXT[:16], "tokens, but a context of 16 needs at least 17: give more text$"),
        ([TEXT, 5], "a string or a sequence of strings"),
        (TEXT.encode(), "a string or a sequence of strings"),
    ],
)
def test_texts_that_cannot_be_learned_from_are_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        TextGenerator(TINY).fit(texts, steps=1, progress=False)


def test_a_text_too_short_for_a_preset_names_one_that_fits():
    for preset, fits in (("laptop", "speedrun"), ("speedrun", "tiny")):
        short = TEXT[: 80 if preset == "laptop" else 60]
        with pytest.raises(ValueError, match=rf"give more text or a smaller preset \(--preset {fits}\)"):
            TextGenerator(preset).fit(short, steps=1, progress=False)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 0}, "batch_size 0"),
        ({"steps": 0}, "steps must be above 0"),
        ({"epochs": -1.0}, "epochs must be above 0"),
        ({"minutes": 0.0}, "minutes must be above 0"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'"),
    ],
)
def test_budgets_and_recipes_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TextGenerator(TINY).fit(TEXT, progress=False, **options)


# What fit does with texts and budgets.


def test_without_validation_the_last_tenth_is_held_out():
    train, held_out = split_by_position(TEXT)
    assert 0.08 < len(held_out) / len(TEXT) < 0.12
    assert_same_weights(fitted().model_, fitted(held_out, text=train).model_)


def test_several_texts_are_one_with_empty_lines_between():
    texts = [TEXT[:1000], TEXT[1000:2000]]
    assert_same_weights(fitted(["one", "two"], text=texts).model_, fitted("one\n\ntwo", text="\n\n".join(texts)).model_)


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    first, same, other = (fitted(seed=seed) for seed in (3, 3, 4))
    assert_same_weights(first.model_, same.model_)
    assert untimed(first.history_) == untimed(same.history_)
    assert untimed(first.history_) != untimed(other.history_)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_the_batch_size_is_that_of_the_preset_or_of_fit(batch_size):
    tokens = fitted(steps=5, batch_size=batch_size).history_.tokens
    assert tokens == 5 * (batch_size or TINY.batch_size) * TINY.context_length


def test_an_epoch_is_one_pass_over_the_text():
    windows = len(split_by_position(TEXT)[0]) // TINY.context_length - 1
    writer = TextGenerator(TINY, device="cpu").fit(TEXT, epochs=1.5, progress=False, precision="fp32")
    assert writer.history_.steps == math.ceil(1.5 * (windows // TINY.batch_size))


def test_without_a_budget_the_minutes_of_the_preset_hold():
    writer = TextGenerator(replace(TINY, minutes=0.01), device="cpu").fit(TEXT, progress=False, precision="fp32")
    assert writer.history_.stopped == "budget"
    assert 0 < writer.history_.seconds < 3, "0.6 seconds, and what a busy machine adds"


def test_other_fields_of_the_recipe_are_handed_on():
    writer = fitted(steps=30, optimizer="adamw", learning_rate=0.005, warmup=0.0, decay=0.0)
    assert {row["learning_rate"] for row in writer.history_.rows[1:]} == {0.005}


def test_a_tensor_of_progress_is_shown_only_if_wanted(capsys):
    fitted(steps=2)
    assert capsys.readouterr() == ("", "")
    TextGenerator(TINY).fit(TEXT, steps=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "2/2" in err


# Scores.


def bits_by_hand(writer: TextGenerator, text: str) -> float:
    """The definition, token by token: bits of all tokens but the first, over the bytes that they stand for."""
    tokens, context = writer.tokenizer_.encode(text, unknown="replace"), writer.model_.config.context_length
    nats = 0.0
    for start in range(0, len(tokens) - 1, context):
        window = torch.tensor([tokens[start : start + context]])
        with torch.no_grad():
            shares = log_softmax(writer.model_(window)[0].double(), dim=-1)
        nats -= sum(float(shares[i, token]) for i, token in enumerate(tokens[start + 1 : start + context + 1]))
    return nats / math.log(2) / (len(text.encode()) - len(writer.tokenizer_.token_bytes(tokens[0])))


@each_tokenizer
@pytest.mark.parametrize("text", [OTHER[:211], "Zoë saw the ää.", "世界 ate", "世界" * 30])
def test_the_score_is_that_of_the_definition(options, text):
    writer = fitted(steps=10, **options)
    assert writer.score(text) == pytest.approx(bits_by_hand(writer, text), rel=1e-5)


@each_tokenizer
def test_a_model_that_knows_nothing_scores_what_can_be_reckoned_without_it(options):
    writer = fitted(steps=1, **options)
    torch.nn.init.zeros_(writer.model_.head.weight)
    vocabulary, tokens = writer.tokenizer_.vocab_size, writer.tokenizer_.encode(OTHER)
    num_bytes = sum(len(writer.tokenizer_.token_bytes(token)) for token in tokens[1:])
    report = writer.report(OTHER)
    assert report == {
        "loss": pytest.approx(math.log(vocabulary), rel=1e-6),
        "bits_per_byte": pytest.approx(math.log2(vocabulary) * (len(tokens) - 1) / num_bytes, rel=1e-6),
        "perplexity": pytest.approx(vocabulary, rel=1e-5),
        "tokens": len(tokens) - 1,
        "bytes": num_bytes,
        "unknown_characters": 0,
    }
    assert writer.score(OTHER) == report["bits_per_byte"]


def test_the_summary_tells_the_score_of_the_held_out_text():
    held_out = OTHER[:500]
    writer = fitted(held_out)
    report = writer.report(held_out)
    assert writer.summary_["val_loss"] == pytest.approx(report["loss"], rel=1e-6)
    assert writer.summary_["val_bits_per_byte"] == pytest.approx(report["bits_per_byte"], rel=1e-6)
    assert writer.score(["one saw", "the cc"]) == writer.score("one saw\n\nthe cc")


def test_training_lowers_the_score_below_that_of_letter_counts(trained):
    letter_counts = unigram_entropy(OTHER) / math.log(2) * len(OTHER) / len(OTHER.encode())
    untrained = fitted(steps=1, preset="tiny").score(OTHER)
    assert trained.score(OTHER) < 0.5 * letter_counts < untrained


def test_unknown_characters_are_counted_warned_about_and_scored():
    writer = fitted(steps=2)
    torch.nn.init.zeros_(writer.model_.head.weight)
    text = "ø and ✂ saw ø"
    with pytest.warns(UserWarning, match="^4 of 13 held-out characters do not occur"):
        report = writer.report(text)
    assert report["unknown_characters"] == 4
    assert report["bytes"] == len(text.encode()) - len("ø".encode()), "the unknown sign is longer than the character"
    assert report["bits_per_byte"] == pytest.approx(math.log2(writer.tokenizer_.vocab_size) * 12 / report["bytes"])


def test_held_out_characters_that_training_never_saw_warn_and_do_no_harm():
    with pytest.warns(UserWarning, match="^2 of 7 held-out characters"):
        writer = fitted("saw QQ.", steps=2)
    assert math.isfinite(writer.summary_["val_bits_per_byte"])


def test_a_text_that_is_known_throughout_warns_of_nothing(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained.report(OTHER)
        fitted(steps=2, tokenizer="byte").report("ø")


def test_it_knows_the_text_that_it_was_trained_on(tmp_path):
    train, held_out = split_by_position(TEXT)
    writer = fitted(steps=1, out=tmp_path)
    for generator in (writer, TextGenerator.load(tmp_path)):
        assert generator.saw(TEXT)
        assert generator.saw(train)
        assert not generator.saw(held_out)
        assert not generator.saw(OTHER)
    several = fitted(["one", "saw"], text=[TEXT[:900], TEXT[900:2000]], steps=1)
    assert several.saw([TEXT[:900], TEXT[900:2000]])
    assert not several.saw(TEXT[:900])


def test_a_text_of_one_character_cannot_be_scored(trained):
    with pytest.raises(ValueError, match="at least 2 tokens, got 1"):
        trained.score("a")


# Writing.


def test_what_it_writes_is_made_of_what_it_read(trained):
    lines = trained.generate("\n", 400, temperature=0.3, seed=0).splitlines()[1:-1]
    assert len(lines) > 10
    known = [line for line in lines if line + "\n" in TEXT + OTHER]
    assert len(known) > 0.6 * len(lines), lines


@each_tokenizer
def test_streamed_pieces_join_to_the_whole(options):
    writer = fitted(steps=30, **options)
    for seed in range(3):
        pieces = list(writer.stream("世", 60, seed=seed, temperature=1.2))
        assert "".join(pieces) == writer.generate("世", 60, seed=seed, temperature=1.2)
        assert len(pieces) > 20


def test_a_list_of_prompts_gives_what_each_gives_alone(trained):
    prompts = ["an owl", "Z", "世界 ate the ", "\n" * 40]
    texts = trained.generate(prompts, 70, temperature=0)
    assert texts == [trained.generate(prompt, 70, temperature=0) for prompt in prompts]
    assert trained.predict(prompts) == [trained.generate(prompt, temperature=0) for prompt in prompts]
    assert [len(text) for text in texts] == [70] * 4


def test_the_text_ends_before_the_stop_string(trained):
    whole = trained.generate("Zoë", 120, temperature=0)
    expected = whole.split(" the ")[0]
    assert expected != whole
    assert trained.generate("Zoë", 120, temperature=0, stop=" the ") == expected
    assert trained.generate(["Zoë", "an"], 120, temperature=0, stop=" the ")[0] == expected
    assert "".join(trained.stream("Zoë", 120, temperature=0, stop=" the ")) == expected


def test_the_seed_decides_what_is_written(trained):
    one, same, other = (trained.generate("a", 50, seed=seed) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(
    "text, prompt", [(TEXT, "\n"), (TEXT.replace("\n", " "), " "), ("abcab" * 200, "a")], ids=["lines", "line", "none"]
)
def test_without_a_prompt_it_begins_with_what_it_knows(text, prompt):
    writer = fitted(text=text, steps=2)
    assert writer.generate(max_new_tokens=20, seed=1) == writer.generate(prompt, 20, seed=1)
    assert "".join(writer.stream(max_new_tokens=20, seed=1)) == writer.generate(prompt, 20, seed=1)


def test_nothing_can_be_written(trained):
    assert trained.generate("a", 0) == ""
    assert trained.generate(["a", "an owl"], 0) == ["", ""]
    assert "".join(trained.stream("a", 0)) == ""


@pytest.mark.parametrize(
    "prompt, options, message",
    [
        ("", {}, "prompt is empty"),
        (["a", ""], {}, "prompt is empty"),
        ([], {}, "prompt is empty"),
        (
            "Qüx",
            {},
            "unknown characters 'Q', 'x', 'ü': .*leave them out .* or train with --tokenizer byte",
        ),
        ("a", {"top_k": 0}, "top_k must be at least 1"),
        ("a", {"temperature": -1}, "temperature must be 0"),
        ("a", {"max_new_tokens": -1}, "max_new_tokens must be 0 or above, got -1"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_reason(trained, prompt, options, message):
    with pytest.raises(ValueError, match=message):
        trained.generate(prompt, **options)
    if isinstance(prompt, str):
        with pytest.raises(ValueError, match=message):
            trained.stream(prompt, **options)  # at once, not with the first piece


def test_an_observer_that_writes_does_not_change_the_training():
    silent, writer = fitted(), TextGenerator(TINY, device="cpu")
    texts = []
    writer.fit(
        TEXT, steps=24, progress=False, precision="fp32",
        observers=[lambda row: texts.append(writer.generate("a", 5, seed=0))],
    )  # fmt: skip
    assert len(texts) == len(writer.history_.rows)
    assert_same_weights(writer.model_, silent.model_)
    assert untimed(writer.history_) == untimed(silent.history_)


# Folders.


@each_tokenizer
@pytest.mark.parametrize("through", ["save", "fit"])
def test_what_is_loaded_is_what_was_saved(options, through, tmp_path):
    writer = fitted(steps=5, out=tmp_path if through == "fit" else None, seed=7, **options)
    if through == "save":
        writer.save(tmp_path / "deep" / "er")
        tmp_path = tmp_path / "deep" / "er"
        assert set(contents(tmp_path)) == {"config.json", "model.safetensors", "tokenizer.json"}
    loaded = TextGenerator.load(tmp_path, device="cpu")
    tokens = torch.randint(writer.tokenizer_.vocab_size, (2, 16))
    with torch.no_grad():
        assert torch.equal(loaded.model_(tokens), writer.model_(tokens))
    assert loaded.get_params() == writer.get_params()
    assert loaded.model_.config == writer.model_.config
    assert loaded.generate("世", 40, seed=1) == writer.generate("世", 40, seed=1)
    assert loaded.score(OTHER) == writer.score(OTHER)
    assert not loaded.model_.training


def test_the_folder_of_a_run_holds_what_it_should(tmp_path):
    writer = fitted(steps=24, out=tmp_path / "new" / "run", evaluations=3)
    folder = tmp_path / "new" / "run"
    names = {"config.json", "model.safetensors", "tokenizer.json", "history.jsonl", "summary.json"}
    assert {path.name for path in folder.iterdir()} == names | {"last.safetensors"}
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == writer.history_.rows
    assert [row["step"] for row in rows] == [0, 8, 10, 16, 20, 24]
    assert [row["step"] for row in rows if "val_loss" in row] == [0, 8, 16, 24]
    assert [row["step"] for row in rows if "train_loss" in row] == [8, 10, 16, 20, 24]
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary == writer.summary_
    assert summary["val_loss"] == min(row["val_loss"] for row in rows if "val_loss" in row)
    assert summary["seconds"] == rows[-1]["seconds"] > 0
    assert summary["tokens_per_second"] == pytest.approx(24 * 8 * 16 / summary["seconds"], rel=1e-3)
    assert summary["parameters"] == sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())
    assert (summary["steps"], summary["stopped"], summary["device"]) == (24, "budget", "cpu")


def test_a_new_run_in_the_folder_of_an_earlier_one_leaves_nothing_of_it(tmp_path):
    fitted(steps=5, out=tmp_path, tokenizer="byte")
    with pytest.raises(RuntimeError, match="no more"):
        fitted(out=tmp_path, observers=[lambda row: (_ for _ in ()).throw(RuntimeError("no more"))])
    assert set(contents(tmp_path)) == {"config.json", "tokenizer.json"}
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        TextGenerator.load(tmp_path)


@pytest.mark.parametrize("step", [6, 10, 18])
def test_a_run_gone_on_with_equals_one_that_never_stopped(tmp_path, step):
    whole = fitted(out=tmp_path / "whole")
    stopped = fitted(out=tmp_path / "stopped", observers=[press_ctrl_c_at(step)])
    assert stopped.summary_["stopped"] == "interrupted"
    assert stopped.summary_["steps"] == step
    resumed = fitted(out=tmp_path / "stopped", resume=True)
    assert resumed.summary_["stopped"] == "budget"
    assert_same_weights(resumed.model_, whole.model_)
    assert untimed(resumed.history_) == untimed(whole.history_)
    one, other = contents(tmp_path / "whole"), contents(tmp_path / "stopped")
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        assert one[name] == other[name]
    assert resumed.generate("a", 30, seed=0) == whole.generate("a", 30, seed=0)


def test_a_process_that_dies_while_it_saves_leaves_the_earlier_model(tmp_path, monkeypatch):
    earlier, later = fitted(), fitted(story(seed=9), seed=1)
    earlier.save(tmp_path)

    def die(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("minigen.estimators.folder.save_model", die)
    monkeypatch.setattr("minigen.estimators.folder.shutil.rmtree", lambda *a, **k: None)  # nor does it tidy up
    with pytest.raises(KeyboardInterrupt):
        later.save(tmp_path)
    assert_same_weights(TextGenerator.load(tmp_path).model_, earlier.model_)
    assert TextGenerator.load(tmp_path).tokenizer_.vocab_size == earlier.tokenizer_.vocab_size
    monkeypatch.undo()
    later.save(tmp_path)
    assert_same_weights(TextGenerator.load(tmp_path).model_, later.model_)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "tokenizer.json", "model.safetensors"}


OTHER_TEXTS = ".* was trained on other texts; resume with the same data"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"text": story(seed=9)}, OTHER_TEXTS),
        ({"text": TEXT.replace("owl", "elk")}, OTHER_TEXTS),
        ({"text": TEXT[:-1] + "Z"}, OTHER_TEXTS),
        ({"text": TEXT.translate({ord("b"): "d"})}, OTHER_TEXTS),
        ({"tokenizer": "byte"}, "tokenizer was char and is now byte"),
        ({"preset": replace(TINY, num_layers=3)}, "preset was"),
        ({"preset": "tiny"}, "preset was .* and is now tiny"),
        ({"seed": 1}, "seed was 0 and is now 1"),
        ({"batch_size": 4}, "steps per epoch was .*it depends on the data and on the batch size"),
        ({"learning_rate": 0.5}, "learning_rate was"),
    ],
)
def test_another_run_is_not_taken_for_the_one_to_go_on_with(tmp_path, changes, message):
    fitted(out=tmp_path, observers=[press_ctrl_c_at(10)])
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=f"this is another run: ({message})"):
        fitted(out=tmp_path, resume=True, **changes)
    assert contents(tmp_path) == before, "the run is as it was"
    assert fitted(out=tmp_path, resume=True).summary_["steps"] == 24


def test_there_must_be_something_to_go_on_with(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run to resume"):
        fitted(out=tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="resume needs the folder"):
        fitted(resume=True)


def test_a_finished_run_that_is_gone_on_with_stays_as_it_is(tmp_path):
    first = fitted(out=tmp_path)
    with pytest.warns(UserWarning, match="finished"):
        again = fitted(out=tmp_path, resume=True)
    assert_same_weights(again.model_, first.model_)
    assert again.history_.rows == first.history_.rows


def test_a_finished_run_can_be_given_more_steps(tmp_path):
    fitted(out=tmp_path, steps=12)
    assert fitted(out=tmp_path, steps=20, resume=True).summary_["steps"] == 20


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a saved generator. Tests work on copies."""
    folder = tmp_path_factory.mktemp("saved")
    fitted(steps=2).save(folder)
    return folder


@pytest.mark.parametrize("damage, message", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_or_foreign_folder_is_refused_with_the_reason(saved, tmp_path, damage, message):
    folder = shutil.copytree(saved, tmp_path / "copy")
    TextGenerator.load(folder)
    damage(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        TextGenerator.load(folder)
    assert str(folder) in str(caught.value)


def test_a_run_ended_before_its_first_save_begins_anew(tmp_path, caplog):
    caplog.set_level("INFO", "minigen")
    whole = fitted(out=tmp_path / "whole")
    with pytest.raises(RuntimeError, match="no more"):
        fitted(out=tmp_path / "cut", observers=[lambda row: (_ for _ in ()).throw(RuntimeError("no more"))])
    with pytest.raises(ValueError, match="this is another run: seed was 0 and is now 1"):
        fitted(out=tmp_path / "cut", seed=1, resume=True)
    resumed = fitted(out=tmp_path / "cut", resume=True)
    assert f"{tmp_path / 'cut'} holds no weights yet: the run begins at its first step" in caplog.text
    assert_same_weights(resumed.model_, whole.model_)
    assert contents(tmp_path / "cut")["model.safetensors"] == contents(tmp_path / "whole")["model.safetensors"]


def test_a_model_that_was_saved_is_no_run_to_resume(saved):
    with pytest.raises(FileNotFoundError, match="holds no run to resume"):
        fitted(steps=2, out=saved, resume=True)


def test_what_is_trained_is_told_at_the_start(caplog):
    caplog.set_level("INFO", "minigen")
    fitted("an owl", steps=2)
    (line,) = caplog.messages
    count = sum(p.numel() for p in fitted(steps=1).model_.parameters())
    assert line.startswith(f"training {count:,} parameters on cpu for 2 steps: ")
    assert line.endswith(f"{len(TEXT):,} tokens ({len(set(TEXT)) + 1} different ones), and 6 held out")


def test_a_run_that_was_never_measured_claims_no_loss(tmp_path):
    summary = fitted(out=tmp_path, evaluations=1, observers=[press_ctrl_c_at(10)]).summary_
    assert summary["stopped"] == "interrupted"
    assert (summary["val_loss"], summary["val_bits_per_byte"], summary["best_step"]) == (None, None, None)
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8")) == summary


def test_whatever_is_in_a_folder_can_be_loaded(saved, tmp_path):
    loaded = load_estimator(saved, "cpu")
    assert isinstance(loaded, TextGenerator)
    assert_same_weights(loaded.model_, TextGenerator.load(saved).model_)
    folder = shutil.copytree(saved, tmp_path / "copy")
    set_field("estimator", value="Crystal")(folder)
    with pytest.raises(
        ValueError, match=f"{folder} holds a Crystal, which this minigen does not know, only .*, TextGenerator"
    ):
        load_estimator(folder)
    with pytest.raises(FileNotFoundError, match="holds no trained model"):
        load_estimator(tmp_path)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_noticed_before_training(tmp_path, place):
    (tmp_path / "file").write_text("a file", encoding="utf-8")
    rows = []
    with pytest.raises(OSError, match="cannot make the folder"):
        fitted(out=tmp_path / place, observers=[rows.append])
    assert rows == []
    with pytest.raises(OSError, match="cannot make the folder"):
        fitted(steps=1).save(tmp_path / place)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "a file"


def test_a_run_that_only_made_it_worse_says_that_nothing_learned_is_kept(caplog):
    # in training b follows a, in what is held out it never does
    generator = fitted("a" * 400, text="ab" * 1000, tokenizer="char", steps=8, evaluations=2)
    assert generator.summary_["best_step"] == 0
    assert "these are what is kept" in caplog.text
