"""architecture="gru": the same estimators, loop, folders and commands with a recurrent model inside."""

import json

import pytest
from cli_tools import assert_one_clear_line
from estimator_tools import OTHER, TEXT, TINY, contents, fitted, press_ctrl_c_at
from test_translator import TINY as TINY_TRANSLATOR
from test_translator import pairs
from training_tools import assert_same_weights, untimed

from minigen.estimators import TextGenerator, Translator, load_estimator
from minigen.models.gpt import GPT
from minigen.models.gru import GRULanguageModel, num_parameters
from minigen.models.gru_encoder_decoder import GRUEncoderDecoder

GRU = {"architecture": "gru"}


@pytest.fixture(scope="module")
def writer(tmp_path_factory) -> TextGenerator:
    """Trained until it knows the words of the language, and its folder as `folder_`. Tests do not change it."""
    folder = tmp_path_factory.mktemp("writer")
    generator = fitted(steps=200, preset="tiny", out=folder, **GRU)
    generator.folder_ = folder
    return generator


@pytest.fixture(scope="module")
def translator(tmp_path_factory) -> Translator:
    """A translator that has learned the sums in words, and its folder as `folder_`."""
    folder = tmp_path_factory.mktemp("translator")
    found = Translator(TINY_TRANSLATOR, vocab_size=300, device="cpu", **GRU)
    found.fit(*pairs(1200), pairs(60, seed=1), steps=250, out=folder, progress=False, precision="fp32")
    found.folder_ = folder
    return found


def test_a_recurrent_writer_learns_and_writes_what_it_read(writer):
    assert isinstance(writer.model_, GRULanguageModel)
    assert writer.score(OTHER) < 0.6 * fitted(steps=1, preset="tiny", **GRU).score(OTHER)
    lines = writer.generate("\n", 400, temperature=0.3, seed=0).splitlines()[1:-1]
    assert sum(line + "\n" in TEXT + OTHER for line in lines) > 0.6 * len(lines) > 6, lines


def test_it_writes_the_same_for_the_same_seed_and_for_each_prompt_alone(writer):
    prompts = ["an owl", "Z", "世界 ate the "]
    assert writer.generate(prompts, 50, temperature=0) == [writer.generate(p, 50, temperature=0) for p in prompts]
    one, same, other = (writer.generate("a", 50, seed=seed) for seed in (1, 1, 2))
    assert one == same != other


def test_a_recurrent_translator_learns_translates_and_shows_where_it_looked(translator):
    assert isinstance(translator.model_, GRUEncoderDecoder)
    assert translator.report(*pairs(100, seed=2))["exact_match"] > 90
    sources = pairs(20, seed=3)[0] + ["one", "two and three"]
    assert translator.predict(sources) == [translator.predict([source])[0] for source in sources]
    source, target, weights = translator.attention("one and two and six")
    assert weights.shape == (1, 1, len(target), len(source))


def test_saved_and_loaded_each_is_what_it_was(writer, translator, tmp_path):
    for folder in (writer.folder_, tmp_path / "writer"):
        writer.save(tmp_path / "writer")
        loaded = TextGenerator.load(folder, device="cpu")
        assert loaded.architecture == "gru"
        assert loaded.generate("a", 30, seed=0) == writer.generate("a", 30, seed=0)
    loaded, sources = load_estimator(translator.folder_, "cpu"), pairs(10, seed=4)[0]
    assert loaded.predict(sources) == translator.predict(sources)
    assert isinstance(loaded.model_, GRUEncoderDecoder)


@pytest.mark.parametrize("step", [6, 10])
def test_a_run_gone_on_with_equals_one_that_never_stopped(tmp_path, step):
    whole = fitted(out=tmp_path / "whole", **GRU)
    fitted(out=tmp_path / "stopped", observers=[press_ctrl_c_at(step)], **GRU)
    resumed = fitted(out=tmp_path / "stopped", resume=True, **GRU)
    assert_same_weights(resumed.model_, whole.model_)
    assert untimed(resumed.history_) == untimed(whole.history_)
    one, other = contents(tmp_path / "whole"), contents(tmp_path / "stopped")
    assert all(one[name] == other[name] for name in ("config.json", "tokenizer.json", "model.safetensors"))


def test_the_same_seed_gives_the_same_translator_and_a_resumed_run_too(tmp_path):
    def fit(steps: int, **options) -> Translator:
        return Translator(TINY_TRANSLATOR, vocab_size=300, **GRU).fit(
            *pairs(200), validation=pairs(20, 1), steps=steps, decay=0.0, progress=False, **options
        )

    fit(8, out=tmp_path)
    assert_same_weights(fit(16, out=tmp_path, resume=True).model_, fit(16).model_)


def forget_the_architecture(folder) -> None:
    """Makes a folder what it was before there was a choice."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["parameters"]["architecture"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def test_a_folder_from_before_there_was_a_choice_holds_a_transformer_and_can_be_gone_on_with(tmp_path):
    whole = fitted(out=tmp_path / "whole")
    fitted(out=tmp_path / "stopped", observers=[press_ctrl_c_at(10)])
    for name in ("whole", "stopped"):
        forget_the_architecture(tmp_path / name)
    loaded = TextGenerator.load(tmp_path / "whole")
    assert isinstance(loaded.model_, GPT)
    assert loaded.architecture == "transformer"
    assert_same_weights(fitted(out=tmp_path / "stopped", resume=True).model_, whole.model_)


def test_a_run_is_not_gone_on_with_as_one_of_another_architecture(tmp_path):
    fitted(out=tmp_path, observers=[press_ctrl_c_at(10)])
    with pytest.raises(ValueError, match="this is another run: architecture was transformer and is now gru"):
        fitted(out=tmp_path, resume=True, **GRU)


@pytest.mark.parametrize("name", ["LSTM", ["gru"]])
def test_an_unknown_architecture_is_refused_with_those_that_exist(tmp_path, name):
    message = "unknown architecture .*: choose one of transformer, gru"
    with pytest.raises(ValueError, match=message):
        TextGenerator(TINY, architecture=name).fit(TEXT, steps=1, progress=False)
    with pytest.raises(ValueError, match=message):
        Translator(TINY_TRANSLATOR, architecture=name).fit(*pairs(20), steps=1, progress=False)
    fitted(steps=1, out=tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["parameters"]["architecture"] = name
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ValueError, match=f"config.json does not fit: {message}"):
        TextGenerator.load(tmp_path)


def test_both_kinds_of_a_preset_are_about_as_large():
    recurrent, transformer = (num_parameters(fitted(steps=1, **kind).model_) for kind in (GRU, {}))
    assert 0.7 * transformer < recurrent <= transformer


def test_the_command_line_trains_both_tasks_and_refuses_an_unknown_architecture_at_once(minigen, tmp_path):
    data, table, out = tmp_path / "plays.txt", tmp_path / "pairs.tsv", tmp_path / "out"
    data.write_text(TEXT, encoding="utf-8")
    table.write_text(
        "source\ttarget\n" + "".join(f"{s}\t{t}\n" for s, t in zip(*pairs(60), strict=True)), encoding="utf-8"
    )
    for task, file, kind in (("generate", data, GRULanguageModel), ("translate", table, GRUEncoderDecoder)):
        options = ["train", task, "--out", out / task, "--preset", "tiny", "--steps", 2, "--device", "cpu"]
        answer = minigen(*options, "--data", file, "--architecture", "gru")
        assert answer.code == 0, answer.err
        assert isinstance(load_estimator(out / task).model_, kind)
        options[3] = out / "other"
        answer = minigen(*options, "--data", "no such data", "--architecture", "rnn")
        assert_one_clear_line(answer, "unknown architecture 'rnn': choose one of transformer, gru")


def test_the_rate_is_its_own_unless_one_is_given_or_muon_is_not_used():
    def peak(**options) -> float:
        return max(row["learning_rate"] for row in fitted(steps=10, warmup=0.0, decay=0.0, **options).history_.rows)

    assert peak(**GRU) == pytest.approx(2 * peak())
    assert peak(learning_rate=0.005, **GRU) == 0.005
    assert peak(optimizer="adamw", **GRU) == peak(optimizer="adamw")
