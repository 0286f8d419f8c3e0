"""Tokenizers: exact round trips, one behaviour, clear errors, and our own BPE against the library's."""

import json
import random
import time
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
import tokenizers
import torch

from minigen.tokenizers import (
    READING,
    BPETokenizer,
    ByteTokenizer,
    CharTokenizer,
    WordTokenizer,
    load_tokenizer,
    train_tokenizer,
)
from minigen.tokenizers import bpe as bpe_module
from minigen.tokenizers.bpe_from_scratch import (
    decode_bpe,
    encode_bpe,
    train_bpe,
    train_bpe_fast,
    vocabulary,
)
from minigen.tokenizers.byte_level import BYTE_CHARACTERS, CHARACTER_BYTES, FIRST_TOKENS, split

# Made up for these tests: accents (composed and not), CJK, emoji (joined, flags), tabs, digits, white space.
MULTILINGUAL = """The owl's tea cost 3.50, didn't it?\tYes:  twelve   spoons & 1200 cups!\r\n
Le garçon naïf a mangé une crêpe où l'été s'achève; e\u0301te\u0301 aussi.  Straße, Größe, Übermut.
Ночью кот читает книгу. Η γάτα κοιμάται. החתול ישן. القطة نائمة. แมวนอนหลับ
猫は本を読みます。猫在看书，狗在睡觉。고양이가 책을 읽는다.
🙂🙂🙂 👩‍🚀 flies 🇫🇷🇯🇵 at 12½ km², Ⅷ times — “fine”, ‘they’ll say’ we've won, I'd go.
\u00a0no\u2003break\u3000spaces\u200b\x00\x07 end...\n\n\n   \t\n   """
NAMES = ["char", "byte", "bpe"]
VOCAB_SIZE = 320


@pytest.fixture(params=NAMES)
def tokenizer(request):
    return train_tokenizer(request.param, [MULTILINGUAL], vocab_size=VOCAB_SIZE)


@pytest.fixture(scope="module")
def plays() -> str:
    """Real text, for tests marked needs_data."""
    from minigen.data import load

    return "\n".join(load("shakespeare")["train"]["text"])


def random_text(seed: int, alphabet: str | None = None) -> str:
    """Up to 60 characters of the alphabet, or of Unicode 3.2, on whose categories all libraries agree."""
    draw = random.Random(seed)
    length = draw.randint(0, 60)
    if alphabet:
        return "".join(draw.choice(alphabet) for _ in range(length))
    text = ""
    while len(text) < length:
        c = chr(draw.randrange(draw.choice([0x80, 0x800, 0x10000, 0x110000])))
        if unicodedata.ucd_3_2_0.category(c) not in ("Cs", "Cn"):
            text += c
    return text


def library_merges(tokenizer: BPETokenizer) -> list[tuple[bytes, bytes]]:
    pairs = json.loads(tokenizer.library.to_str())["model"]["merges"]
    return [tuple(bytes(CHARACTER_BYTES[c] for c in token) for token in pair) for pair in pairs]


# One behaviour for all


def test_decoding_gives_back_the_exact_text(tokenizer):
    for text in ["", " ", "\n", MULTILINGUAL, MULTILINGUAL[::-1], MULTILINGUAL * 50]:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("seed", range(40))
def test_random_unicode_comes_back_exactly(seed, tokenizer):
    text = random_text(seed, MULTILINGUAL if tokenizer.name == "char" else None)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert CharTokenizer.train(text + "x").decode(CharTokenizer.train(text + "x").encode(text)) == text


def test_every_way_of_encoding_and_decoding_agrees(tokenizer):
    array = tokenizer.encode_array(MULTILINGUAL)
    assert array.dtype == np.int64
    assert array.ndim == 1
    assert array.flags.writeable  # or torch.from_numpy would warn
    assert array.tolist() == tokenizer.encode(MULTILINGUAL)
    for ids in (array, array.tolist(), tuple(array), iter(array.tolist()), torch.from_numpy(array)):
        assert tokenizer.decode(ids) == MULTILINGUAL
    assert 0 <= array.min() <= array.max() < tokenizer.vocab_size


def test_the_bytes_of_the_tokens_are_the_bytes_of_the_text(tokenizer):
    ids = tokenizer.encode(MULTILINGUAL)
    assert b"".join(map(tokenizer.token_bytes, ids)) == MULTILINGUAL.encode("utf-8")


def test_saved_and_loaded_it_is_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    for path in (tmp_path, tmp_path / "tokenizer.json", str(tmp_path)):
        again = load_tokenizer(path)
        assert type(again) is type(tokenizer)
        assert again.vocab_size == tokenizer.vocab_size
        assert again.encode(MULTILINGUAL) == tokenizer.encode(MULTILINGUAL)
    again.save(tmp_path / "second.json")
    assert (tmp_path / "second.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_every_token_has_a_visible_label(tokenizer):
    for token in range(tokenizer.vocab_size):
        label = tokenizer.token_text(token)
        assert label
        assert label.isprintable()
        assert " " not in label


def test_labels_show_white_space_and_single_bytes():
    byte = ByteTokenizer()
    assert [byte.token_text(token) for token in (0x20, 0x0A, 0x09, 0x0D, 0x61, 0x00, 0xE9)] == [
        "␣", "⏎", "⇥", "␍", "a", "<00>", "<E9>",
    ]  # fmt: skip
    char = CharTokenizer.train("é\u200b ")
    assert [char.token_text(token) for token in range(4)] == ["\ufffd", "␣", "é", "<U+200B>"]
    bpe = BPETokenizer.train("the the the", vocab_size=259)
    assert bpe.token_text(bpe.encode(" the")[0]) == "␣the"


@pytest.mark.parametrize("token", [-1, 10**6])
def test_ids_outside_the_vocabulary_are_named(tokenizer, token):
    for call in (lambda: tokenizer.decode([0, token]), lambda: tokenizer.token_text(token)):
        with pytest.raises(ValueError, match=f"token id {token} is outside the vocabulary of {tokenizer.vocab_size}"):
            call()


def test_ids_that_are_not_a_flat_sequence_of_integers_are_refused(tokenizer):
    with pytest.raises(ValueError, match="flat sequence of token ids"):
        tokenizer.decode([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="flat sequence of token ids"):
        tokenizer.decode([0.5])
    assert tokenizer.decode([]) == ""


def test_text_that_is_not_unicode_is_refused_or_replaced(tokenizer):
    with pytest.raises(ValueError, match=r"unknown character '\\ud83d'"):
        tokenizer.encode("a\ud83d")
    assert tokenizer.decode(tokenizer.encode("a\ud83db", unknown="replace")) == "a\ufffdb"
    assert tokenizer.count_unknown("a\ud83db") == 1


def test_an_unknown_choice_is_named(tokenizer):
    with pytest.raises(ValueError, match="'ignore'"):
        tokenizer.encode("a", unknown="ignore")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("texts", ["", [], [""], ["a", 7], [None]])
def test_nothing_to_train_on_is_refused(name, texts):
    with pytest.raises(ValueError, match="to train a tokenizer on"):
        train_tokenizer(name, texts)


@pytest.mark.parametrize("name", NAMES)
def test_one_text_and_a_list_with_it_train_the_same(name):
    one, many = train_tokenizer(name, MULTILINGUAL), train_tokenizer(name, iter([MULTILINGUAL]))
    assert one.encode(MULTILINGUAL) == many.encode(MULTILINGUAL)


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"'bytes'.*char, byte, bpe.*did you mean 'byte'"):
        train_tokenizer("bytes", ["a"])


# Characters


def test_characters_are_numbered_in_sorted_order_after_the_unknown():
    tokenizer = CharTokenizer.train(["abba", "cab"])
    assert tokenizer.characters == "\ufffdabc"
    assert tokenizer.encode("cab") == [3, 1, 2]


def test_unknown_characters_are_named_five_at_most_with_a_way_out():
    tokenizer = CharTokenizer.train("abc ")
    with pytest.raises(ValueError, match=r"unknown character 'é'.*--tokenizer byte"):
        tokenizer.encode("abc é")
    with pytest.raises(ValueError, match="unknown characters '1', '2', '3', '4', '5' and 3 more"):
        tokenizer.encode("87654321 12345678")


def test_unknown_characters_can_be_replaced_and_counted_for_scoring():
    tokenizer = CharTokenizer.train("abc")
    assert tokenizer.encode("aéb€", unknown="replace") == [1, 0, 2, 0]
    assert tokenizer.count_unknown("aéb€") == 2
    assert tokenizer.decode([1, 0]) == "a\ufffd"


def test_the_replacement_character_itself_is_known():
    tokenizer = CharTokenizer.train("a\ufffdb")
    assert tokenizer.vocab_size == 3
    assert tokenizer.encode("\ufffda") == [0, 1]
    assert tokenizer.count_unknown("\ufffda") == 0


def test_five_million_characters_are_encoded_in_well_under_a_second():
    text = MULTILINGUAL * (5_000_000 // len(MULTILINGUAL))
    tokenizer = CharTokenizer.train(MULTILINGUAL)
    start = time.perf_counter()
    ids = tokenizer.encode_array(text)
    assert time.perf_counter() - start < 1  # about 0.1 on an idle core
    assert len(ids) == len(text)


# Bytes


def test_bytes_are_their_own_ids():
    assert ByteTokenizer().encode("né") == [0x6E, 0xC3, 0xA9]
    assert ByteTokenizer().vocab_size == 256


def test_half_a_character_is_decoded_as_the_replacement_sign():
    assert ByteTokenizer().decode([0x6E, 0xC3]) == "n\ufffd"
    bpe = BPETokenizer.train("abc", vocab_size=256)
    assert bpe.decode(bpe.encode("né")[:-1]) == "n\ufffd"


# Byte-level BPE


def test_bpe_has_as_many_tokens_as_asked_for_or_as_the_text_allows():
    assert BPETokenizer.train(MULTILINGUAL, vocab_size=300).vocab_size == 300
    assert BPETokenizer.train("ab", vocab_size=1000).vocab_size == 257


def test_bpe_needs_a_token_for_each_byte():
    with pytest.raises(ValueError, match="vocab_size 255 is too small"):
        BPETokenizer.train("abc", vocab_size=255)


def test_a_bpe_file_opens_in_the_library_with_the_same_ids(tmp_path):
    ours = BPETokenizer.train(MULTILINGUAL, vocab_size=VOCAB_SIZE)
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.encode(MULTILINGUAL).ids == ours.encode(MULTILINGUAL)
    assert theirs.decode(ours.encode(MULTILINGUAL)) == MULTILINGUAL


@pytest.mark.parametrize("chunk", [1, 2, 7, 50])
def test_cutting_a_long_text_changes_no_token(chunk, monkeypatch):
    tokenizer = BPETokenizer.train(MULTILINGUAL, vocab_size=VOCAB_SIZE)
    texts = [MULTILINGUAL * 3, *(random_text(seed, " \n\ta'!1é") for seed in range(100))]
    expected = [tokenizer.library.encode(text).ids for text in texts]
    monkeypatch.setattr(bpe_module, "CHUNK", chunk)
    assert [tokenizer.encode(text) for text in texts] == expected


def test_each_byte_has_its_own_printable_character():
    assert len(set(BYTE_CHARACTERS.values())) == 256
    assert all(character.isprintable() and not character.isspace() for character in CHARACTER_BYTES)
    assert sorted(FIRST_TOKENS) == [bytes([byte]) for byte in range(256)]
    assert set(BYTE_CHARACTERS.values()) == set(tokenizers.pre_tokenizers.ByteLevel.alphabet())


def test_pieces_join_to_the_text_and_are_the_pieces_of_gpt2():
    gpt2 = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)  # has GPT-2's pattern built in
    for text in [MULTILINGUAL, *(random_text(seed) for seed in range(200))]:
        assert "".join(split(text)) == text
        pieces = ["".join(BYTE_CHARACTERS[byte] for byte in piece.encode("utf-8")) for piece in split(text)]
        assert pieces == [piece for piece, _ in gpt2.pre_tokenize_str(text)]


# Our own BPE against the library


def assert_equal_to_the_library(text: str, vocab_size: int, other: str, trainers=(train_bpe, train_bpe_fast)):
    library = BPETokenizer.train(text, vocab_size=vocab_size)
    merges = library_merges(library)
    for trainer in trainers:
        assert trainer(text, len(merges)) == merges
    assert vocabulary(merges) == [library.token_bytes(token) for token in range(library.vocab_size)]
    for sample in (text[:20_000], other):
        ids = encode_bpe(sample, merges)
        assert ids == library.encode(sample)
        assert decode_bpe(ids, merges) == sample


def test_our_bpe_learns_the_merges_of_the_library_on_multilingual_text():
    # 700 tokens exhaust this small text, so nearly every merge has to break a tie in the library's way.
    assert_equal_to_the_library(MULTILINGUAL, 700, MULTILINGUAL[::-1])


@pytest.mark.needs_data
def test_our_bpe_learns_the_merges_of_the_library_on_the_plays(plays):
    assert_equal_to_the_library(plays[:60_000], 400, plays[-20_000:])


@pytest.mark.needs_data
def test_our_fast_bpe_learns_two_thousand_tokens_as_the_library_does(plays):
    assert_equal_to_the_library(plays[:1_000_000], 2000, plays[-20_000:] + MULTILINGUAL, [train_bpe_fast])


def test_our_bpe_equals_the_library_on_texts_full_of_runs_and_ties():
    for seed in range(240):
        alphabet = ["a", "ab", "abc", " ab\n", "aé ", "中文字 ab"][seed % 6]
        text = random_text(seed, alphabet) + random_text(seed + 1000, alphabet) + alphabet
        assert_equal_to_the_library(text, 256 + seed % 40, random_text(seed + 2000, alphabet))


def test_a_merge_is_never_made_across_pieces():
    assert all(len(split(token.decode())) == 1 for token in vocabulary(train_bpe("to be or not to be", 50))[256:])


def test_the_most_frequent_pair_is_merged_first_and_the_smallest_ids_win_a_tie():
    assert train_bpe("xy xy ab", 1) == [(b"x", b"y")]
    assert train_bpe("cd ab", 1) == [(b"a", b"b")]
    assert train_bpe("aaa", 5) == [(b"a", b"a"), (b"aa", b"a")]


def test_fewer_merges_come_back_when_nothing_is_left_to_merge():
    for trainer in (train_bpe, train_bpe_fast):
        assert trainer("ab", 10) == [(b"a", b"b")]
        assert trainer("ab", 0) == []
        with pytest.raises(ValueError, match="num_merges -1 is negative"):
            trainer("ab", -1)


def test_more_merges_never_make_a_text_longer():
    merges = train_bpe(MULTILINGUAL, 150)
    lengths = [len(encode_bpe(MULTILINGUAL, merges[:number])) for number in (0, 20, 80, 150)]
    assert lengths[0] == len(MULTILINGUAL.encode("utf-8"))
    assert all(more > fewer for more, fewer in pairwise(lengths))


# Files that are not a tokenizer


# words


@pytest.fixture(scope="module")
def words() -> WordTokenizer:
    return WordTokenizer.train(["The owl, the OWL's egg!", "well-made: the egg"], vocab_size=6)


def test_the_most_frequent_words_and_signs_are_tokens_and_the_alphabet_decides_between_equals(words):
    assert words.words == ["\ufffd", "the", "egg", "!", ",", ":"]
    assert words.encode("Egg, the owl!", unknown="replace") == [2, 4, 1, 0, 3]
    assert words.decode([2, 4, 1, 0]) == "egg , the \ufffd"
    assert words.count_unknown("an owl: the egg") == 2
    assert words.encode("") == []
    assert [words.token_text(1), words.token_bytes(2)] == ["the", b"egg"]


def test_unknown_words_are_named(words):
    with pytest.raises(ValueError, match=r"unknown words 'a', 'hen': not in the 5 words of this tokenizer; read it"):
        words.encode("a hen, the egg")


def test_words_hold_their_apostrophes_and_hyphens_in_any_script():
    tokenizer = WordTokenizer.train("l'été won’t well-made -x 猫 🙂 3.50", vocab_size=100)
    assert set(tokenizer.words[1:]) == {"l'été", "won’t", "well-made", "-", "x", "猫", "🙂", "3", ".", "50"}


@pytest.mark.parametrize("seed", range(20))
def test_every_vocabulary_of_words_that_is_learned_can_be_saved_and_read(seed, tmp_path):
    text = random_text(seed)
    tokenizer = train_tokenizer("word", [text, MULTILINGUAL], 500, READING)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = load_tokenizer(tmp_path)
    assert (type(loaded), loaded.words) == (WordTokenizer, tokenizer.words)
    assert loaded.encode(text, "replace") == tokenizer.encode(text, "replace")


def test_words_are_for_models_that_read(words):
    with pytest.raises(ValueError, match=r"unknown tokenizer 'word': expected one of char, byte, bpe$"):
        train_tokenizer("word", MULTILINGUAL)
    with pytest.raises(ValueError, match="vocab_size 1 is too small"):
        WordTokenizer.train("the owl", vocab_size=1)
    with pytest.raises(ValueError, match="not in Unicode text"):
        WordTokenizer.train("the \ud83d owl")


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        load_tokenizer(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "empty"),
        ("{ not json", "not valid JSON"),
        ("[1, 2]", "expected a JSON object"),
        ('{"hello": 1}', r"not a minigen tokenizer.*hello"),
        ('{"type": "syllable"}', "not a minigen tokenizer"),
        ('{"type": "word"}', 'needs a list of texts, "words"'),
        ('{"type": "word", "words": ["\ufffd", 7]}', 'needs a list of texts, "words"'),
        ('{"type": "word", "words": ["a"]}', r"U\+FFFD and then different words in lower case"),
        ('{"type": "word", "words": ["\ufffd", "a", "a"]}', r"U\+FFFD and then different words in lower case"),
        ('{"type": "word", "words": ["\ufffd", "Owl"]}', r"U\+FFFD and then different words in lower case"),
        ('{"type": "word", "words": ["\ufffd", "two words"]}', r"U\+FFFD and then different words in lower case"),
        ('{"type": "char"}', 'needs a string "characters"'),
        ('{"type": "char", "characters": ["a"]}', 'needs a string "characters"'),
        ('{"type": "char", "characters": ""}', r"U\+FFFD and then a sorted set"),
        ('{"type": "char", "characters": "\ufffdba"}', r"U\+FFFD and then a sorted set"),
        ('{"type": "char", "characters": "\ufffdaa"}', r"U\+FFFD and then a sorted set"),
        ('{"model": {}}', "the tokenizers library cannot read it"),
    ],
)
def test_a_damaged_or_foreign_file_is_named_with_its_fault(content, message, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_tokenizer(tmp_path)
    assert str(path) in str(caught.value)


def test_every_truncated_file_is_refused(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    whole = path.read_bytes().rstrip()
    for length in {1, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"tokenizer\.json"):
            load_tokenizer(path)


def foreign_libraries():
    word_level = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    lowercase, special, few = (BPETokenizer.train("some text", vocab_size=260).library for _ in range(3))
    lowercase.normalizer = tokenizers.normalizers.Lowercase()
    special.add_special_tokens(["<end>"])
    few.model = tokenizers.models.BPE({"a": 0, "b": 1}, [])
    return {
        "decoder|pre_tokenizer": word_level,
        "normalizer": lowercase,
        "added_tokens": special,
        "254 of the 256": few,
    }


@pytest.mark.parametrize("fault", list(foreign_libraries()))
def test_tokenizers_of_the_library_that_are_not_ours_are_refused(fault, tmp_path):
    foreign_libraries()[fault].save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=f"not a byte-level BPE of minigen.*({fault})"):
        load_tokenizer(tmp_path)
