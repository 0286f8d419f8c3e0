"""Tokenizers that come with weights: the ids of transformers', from any of the files that may be there."""

import json
from string import ascii_lowercase

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import BertTokenizer, GPT2Tokenizer

from minigen.tokenizers.pretrained import PretrainedTokenizer

PIECES = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ascii_lowercase, *(f"##{c}" for c in ascii_lowercase),
    *".,!?'0123456789日本語", "the", "film", "##ing",
]  # fmt: skip
ODD = [
    "The films' filming!",
    "Caffè naïve ÀÉ",
    "",
    " ",
    "a\u00a0b\tc\n d",
    "日本語",
    "🎉 party",
    "[CLS] a [MASK]",
    "x" * 120,
]


def words(folder, **settings) -> PretrainedTokenizer:
    """BERT's kind, from a vocab.txt."""
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return PretrainedTokenizer.read(folder)


def pairs(folder) -> PretrainedTokenizer:
    """GPT-2's kind, from vocab.json and merges.txt."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate([*alphabet, "th", "the", "Ġthe", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\nĠ the\n", encoding="utf-8")
    return PretrainedTokenizer.read(folder)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("lower", [True, False], ids=["lower case", "cased"])
def test_a_vocab_txt_gives_the_ids_of_transformers_bert(text, lower, tmp_path):
    ours = words(tmp_path, do_lower_case=lower)
    theirs = BertTokenizer.from_pretrained(tmp_path, do_lower_case=lower)
    assert [*ours.start, *ours.encode(text, "replace"), *ours.end] == theirs(text)["input_ids"]


@pytest.mark.parametrize("text", [*ODD, "the the\n\nthe  end", "<|endoftext|>the"])
def test_a_vocab_json_with_merges_gives_the_ids_of_transformers_gpt2(text, tmp_path):
    ours, theirs = pairs(tmp_path), GPT2Tokenizer.from_pretrained(tmp_path)
    assert ours.encode(text) == theirs(text)["input_ids"]
    assert ours.decode(ours.encode(text)) == text
    assert (ours.start, ours.end) == ([], [])


def test_what_was_saved_reads_the_same_and_padding_in_a_file_is_ignored(tmp_path):
    ours = words(tmp_path)
    ours.library.enable_padding(length=64)
    ours.library.enable_truncation(2)
    ours.save(tmp_path / "tokenizer.json")
    again = PretrainedTokenizer.read(tmp_path)
    assert again.encode("the film") == ours.encode("the film")[:2] == [PIECES.index("the"), PIECES.index("film")]
    assert again.vocab_size == len(PIECES)
    assert len(again.encode("a b c d")) == 4


def test_specials_stand_around_a_text_and_labels_show_what_a_token_is(tmp_path):
    ours = words(tmp_path)
    assert (ours.start, ours.end) == ([2], [3])
    assert [ours.token_text(token) for token in ours.encode("filming [MASK]")] == ["film", "##ing", "[MASK]"]
    assert ours.token_id("[MASK]") == 4
    with pytest.raises(ValueError, match="has no token 'x y'"):
        ours.token_id("x y")
    assert ours.decode(ours.encode("The filming")) == "the filming"


def test_bytes_of_a_gpt2_token_are_those_of_the_text(tmp_path):
    ours = pairs(tmp_path)
    tokens = ours.encode("é the")
    assert b"".join(map(ours.token_bytes, tokens)) == "é the".encode()
    assert ours.token_text(tokens[-1]) == "␣the"
    assert ours.token_text(ours.token_id("<|endoftext|>")) == "<|endoftext|>"


def test_what_cannot_be_spelt_is_counted_and_only_replaced_on_request(tmp_path):
    ours = words(tmp_path)
    assert ours.count_unknown("a 🎉 ß") == 2
    with pytest.raises(ValueError, match=r"unknown characters 'ß', '🎉': not in its vocabulary; pass unknown="):
        ours.encode("a 🎉 ß")
    assert ours.encode("a 🎉", unknown="replace") == [PIECES.index("a"), 1]
    assert ours.count_unknown("\ud83c") == 1
    assert ours.encode("a\ud83c", unknown="replace")


def test_damaged_and_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no tokenizer: neither tokenizer.json, nor vocab.txt"):
        PretrainedTokenizer.read(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", ')
    with pytest.raises(ValueError, match=r"tokenizer.json is damaged or foreign"):
        PretrainedTokenizer.read(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match=r"vocab.txt is damaged, or not BERT's: it lacks \[UNK\], \[CLS\]"):
        PretrainedTokenizer.read(tmp_path)


def test_a_tokenizer_without_specials_is_read_too(tmp_path):
    library = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    library.pre_tokenizer, library.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece()
    library.save(str(tmp_path / "tokenizer.json"))
    ours = PretrainedTokenizer.read(tmp_path)
    assert (ours.start, ours.end, ours.encode("b a b", "replace")) == ([], [], [1, 0, 1])
