"""Translations of software: hand-made catalogues in wheels, and the real ones where they have been fetched."""

import io
import random
import zipfile

import pytest

from minigen.data import catalogues, load, report
from minigen.data.catalogues import letters, tidy
from minigen.data.gettext_files import Message, parse_mo, parse_po, read_messages

# A catalogue with a date in its header that is none, as some real ones have it.
PO = r"""
# A comment of the translators.
msgid ""
msgstr ""
"POT-Creation-Date: YEAR-MO-DA HO:MI +ZONE\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\n"

#: file.py:7
msgid "Open the \"file\""
msgstr ""
"Ouvrir le "
"« fichier »"
msgctxt "verb"
msgid "Save"
msgstr "Enregistrer"

#, python-format, fuzzy
#| msgid "Old"
msgid "Guess"
msgstr "Devinette"

#, python-format
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d fichier"
msgstr[1] "%d millions"
msgstr[2] "%d fichiers"

#. Default: "The \"title\" of a page"
msgid "label_title"
msgstr "Le titre"

#, fuzzy
#~ msgid "Gone"
#~ msgstr "Parti"

msgid "After an obsolete one"
msgstr "Après"
"""


def po(*pairs: tuple[str, str]) -> str:
    """A catalogue of these pairs."""
    return "\n\n".join(f'msgid "{english}"\nmsgstr "{other}"' for english, other in pairs)


def make_wheel(catalogue: str, name: str = "app/locale/fr/LC_MESSAGES/app.po") -> zipfile.ZipFile:
    """A wheel, in memory, with one catalogue."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(name, catalogue)
    return zipfile.ZipFile(file)


def words(number: int) -> str:
    """A text of letters alone that stands for a number."""
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:03}")


FILLING = [(f"the {words(number)}", f"le {words(number)}") for number in range(60)]


def all_pairs(*wheels: zipfile.ZipFile, languages: tuple[str, str] = ("en", "fr")) -> list[tuple[str, str]]:
    """The pairs of all splits, less FILLING, which is added so that there is enough to split."""
    splits = catalogues.read_splits(languages, *wheels, make_wheel(po(*FILLING)))
    pairs = [pair for columns in splits.values() for pair in zip(columns["source"], columns["target"], strict=True)]
    return sorted(pair for pair in pairs if pair not in FILLING and pair[::-1] not in FILLING)


# reading


def test_a_catalogue_is_read_message_by_message():
    assert list(parse_po(PO)) == [
        Message(('Open the "file"',), ("Ouvrir le « fichier »",)),
        Message(("Save",), ("Enregistrer",)),
        Message(("Guess",), ("Devinette",), fuzzy=True),
        Message(("%d file", "%d files"), ("%d fichier", "%d millions", "%d fichiers")),
        Message(("label_title",), ("Le titre",), default='The "title" of a page'),
        Message(("After an obsolete one",), ("Après",)),
    ]


def test_the_parser_agrees_with_babels_on_what_babel_can_read():
    from babel.messages.pofile import read_po

    text = PO.replace("YEAR-MO-DA HO:MI +ZONE", "2026-01-01 00:00+0000").replace("nplurals=2", "nplurals=3")
    babels = [message for message in read_po(io.BytesIO(text.encode())) if message.id]
    mine = list(parse_po(text))
    assert [message.english for message in mine] == [
        message.id if isinstance(message.id, tuple) else (message.id,) for message in babels
    ]
    assert [message.translations for message in mine] == [
        message.string if isinstance(message.string, tuple) else (message.string,) for message in babels
    ]
    assert [message.fuzzy for message in mine] == [message.fuzzy for message in babels]


def compiled() -> bytes:
    """A .mo file of two messages."""
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo

    catalog, file = Catalog(locale="fr"), io.BytesIO()
    catalog.add("Save", "Enregistrer")
    catalog.add(("%d file", "%d files"), ("%d fichier", "%d fichiers"))
    write_mo(file, catalog)
    return file.getvalue()


def test_a_compiled_catalogue_is_read():
    assert sorted(parse_mo(compiled()), key=lambda message: message.english) == [
        Message(("%d file", "%d files"), ("%d fichier", "%d fichiers")),
        Message(("Save",), ("Enregistrer",)),
    ]


@pytest.mark.parametrize(
    "folder, language, found",
    [("fr", "fr", True), ("zh_Hans", "zh", True), ("fr_CA", "fr", False), ("de", "fr", False)],
)
def test_only_the_catalogues_of_the_language_are_read(folder, language, found):
    wheel = make_wheel(po(("Save", "Enregistrer")), f"app/locale/{folder}/LC_MESSAGES/app.po")
    assert bool(list(read_messages(wheel, language))) == found


def test_a_compiled_catalogue_is_read_only_without_its_source():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("app/fr/LC_MESSAGES/app.mo", compiled())
        wheel.writestr("app/fr/LC_MESSAGES/app.po", po(("Only", "Seulement")))
        wheel.writestr("app/fr/LC_MESSAGES/other.mo", compiled())
    english = [message.english[0] for message in read_messages(zipfile.ZipFile(file), "fr")]
    assert english == ["Only", *(message.english[0] for message in parse_mo(compiled()))]


# cleaning


def test_plural_forms_give_a_pair_for_one_and_a_pair_for_many():
    assert all_pairs(make_wheel(PO)) == sorted(
        [
            ('Open the "file"', "Ouvrir le « fichier »"),
            ("Save", "Enregistrer"),
            ("%d file", "%d fichier"),
            ("%d files", "%d fichiers"),
            ('The "title" of a page', "Le titre"),
            ("After an obsolete one", "Après"),
        ]
    )


@pytest.mark.parametrize(
    "english, other, reason",
    [
        ("Save", "", "untranslated"),
        ("<b>Save</b>", "<b>Enregistrer</b>", "markup or several lines"),
        ("Save &amp; quit", "Enregistrer et quitter", "markup or several lines"),
        ("Run `make`", "Lancer `make`", "markup or several lines"),
        (r"One\nTwo", r"Un\nDeux", "markup or several lines"),
        ("See https://a.b", "Voir https://a.b", "markup or several lines"),
        ("help_save", "Enregistre le fichier", "a key instead of English"),
        ("%s: {0}", "%s : {0}", "no words"),
        ("a " * 101, "un", "over 200 characters"),
        ("%(name)s is open", "%(nom)s est ouvert", "other placeholders"),
        ("Open %s", "Ouvrir", "other placeholders"),
        ("No %s", "%saucun", "other placeholders"),
        ("Plugin", "Plugin", "same text on both sides"),
    ],
)
def test_a_pair_that_is_no_use_is_left_out_and_counted(english, other, reason):
    wheel = make_wheel(po((english, other), *FILLING))
    counts = catalogues.report(("en", "fr"), wheel)
    assert counts["removed"] == {reason: 1} | {name: 0 for name in counts["removed"] if name != reason}
    assert all_pairs(wheel) == []


@pytest.mark.parametrize(
    "english, other",
    [
        ("Copy %(n)s to {path}", "Copier vers {path} %(n)s"),
        ("%1$s of ${total}", "${total} dont %1$s"),
        ("50% of it", "50 % de tout"),
        ("Row %1", "Ligne %1"),
        ("Search & replace", "Rechercher & remplacer"),
    ],
)
def test_placeholders_are_kept_whole_in_any_order(english, other):
    assert all_pairs(make_wheel(po((english, other)))) == [(english, other)]


@pytest.mark.parametrize(
    "text, tidied",
    [
        ("  Two\u00a0 words ", "Two words"),
        ("&File", "File"),
        ("E&xit", "Exit"),
        ("文件(&F)...", "文件..."),
        ("重启 (&R)", "重启"),
        ("R&D", "R&D"),
        ("Save & quit", "Save & quit"),
        ("&e at &c", "&e at &c"),
        ("l’autre", "l'autre"),
        ("soft\u00adware", "software"),
    ],
)
def test_spaces_accelerators_and_apostrophes_are_tidied(text, tidied):
    assert tidy(text) == tidied


def test_the_same_text_on_both_sides_is_a_translation_where_two_programs_agree():
    wheel = make_wheel(po(("Version", "Version")))
    assert all_pairs(wheel) == []
    assert all_pairs(wheel, wheel) == [("Version", "Version")]


def test_of_several_translations_the_most_usual_stays():
    rare, usual = make_wheel(po(("Save", "Sauver"))), make_wheel(po(("Save", "Enregistrer")))
    assert all_pairs(rare, usual, usual) == [("Save", "Enregistrer")]
    both_ways = all_pairs(rare, usual, usual, languages=("fr", "en"))
    assert ("Enregistrer", "Save") in both_ways


# splits


def near_copies(number: int) -> list[tuple[str, str]]:
    """A sentence in five versions, two of them with the French of the first."""
    name = words(number)
    return [
        (f"Open {name}", f"Ouvrez {name}"),
        (f"open {name}...", f"ouvrir {name}"),
        (f"Open {name}: %s", f"Ouverture de {name} : %s"),
        (f"Load {name}", f"Ouvrez {name} 2"),
        (f"Load the {name}", f"OUVREZ {name} !"),
    ]


def test_near_copies_on_either_side_never_lie_in_two_splits():
    wheel = make_wheel(po(*(pair for number in range(100) for pair in near_copies(number))))
    splits = catalogues.read_splits(("en", "fr"), wheel)
    counts = catalogues.report(("en", "fr"), wheel)
    assert counts["splits"] == {"train": 400, "validation": 10, "test": 10}
    assert counts["removed"]["near copy of a held-out pair"] == 20 * 4
    assert counts["near_copies"] == 500
    for column in ("source", "target"):
        texts = {name: {letters(text) for text in columns[column]} for name, columns in splits.items()}
        assert not texts["train"] & (texts["validation"] | texts["test"])
        assert len(texts["validation"] | texts["test"]) == 20


def test_singular_and_plural_of_a_message_go_to_one_split():
    plural = 'msgid "the {0} box"\nmsgid_plural "{0} boxes"\nmsgstr[0] "la caisse {0}"\nmsgstr[1] "{0} boîtes"'
    text = "\n\n".join(plural.replace("{0}", words(number)) for number in range(100))
    splits = catalogues.read_splits(("en", "fr"), make_wheel(text))
    assert {name: len(columns["source"]) for name, columns in splits.items()} == {
        "train": 160,
        "validation": 10,
        "test": 10,
    }


def test_splits_depend_neither_on_the_order_of_messages_nor_on_that_of_wheels():
    pairs = [pair for number in range(50) for pair in near_copies(number)]
    shuffled = random.Random(0).sample(pairs, len(pairs))
    halves = [make_wheel(po(*pairs[:120])), make_wheel(po(*pairs[120:]))]
    splits = catalogues.read_splits(("en", "fr"), make_wheel(po(*shuffled)))
    assert splits == catalogues.read_splits(("en", "fr"), *halves)
    assert splits == catalogues.read_splits(("en", "fr"), *halves[::-1])


def test_both_directions_hold_out_the_same_pairs():
    wheel = make_wheel(po(*(pair for number in range(50) for pair in near_copies(number))))
    there, back = catalogues.read_splits(("en", "fr"), wheel), catalogues.read_splits(("fr", "en"), wheel)
    for name in ("validation", "test"):
        assert there[name] == {"source": back[name]["target"], "target": back[name]["source"]}


def test_the_report_accounts_for_every_pair_that_was_read():
    counts = catalogues.report(("en", "fr"), make_wheel(PO + po(*FILLING, *FILLING[:3], ("a", ""))))
    assert counts["read"] == 7 + len(FILLING) + 3 + 1
    assert counts["removed"]["fuzzy"] == 1
    assert counts["removed"]["repeated"] == 3
    assert counts["read"] == sum(counts["removed"].values()) + sum(counts["splits"].values())


def test_strings_are_the_short_english_sides_each_once():
    pairs = [
        *FILLING,
        ("Save", "Enregistrer"),
        ("Save the %s", "Le %s"),
        ("Save the file", "Enregistrer"),
        ("Save the file", "Sauvegarder"),
    ]
    wheel = make_wheel(po(*pairs, ("one two three four five six seven eight nine ten eleven", "longue")))
    splits = catalogues.read_strings(wheel)
    assert splits.keys() == {"train", "validation", "test"}
    found = [text for columns in splits.values() for text in columns["text"]]
    assert sorted(found) == sorted([*(english for english, _ in FILLING), "Save the file"])


def test_only_software_has_a_report():
    with pytest.raises(ValueError, match="not on 'dates'"):
        report("dates")


# the real ones


@pytest.mark.needs_data("software:en-de", "software:zh-en")
@pytest.mark.parametrize("name", ["software:en-de", "software:zh-en"])
def test_the_real_catalogues_give_enough_pairs_without_near_copies(name):
    splits = load(name)
    sizes = {split: table.num_rows for split, table in splits.items()}
    assert sizes.pop("train") > 13_000
    assert sizes == {"validation": 1000, "test": 1000}
    held_out = splits["validation"].to_dict(), splits["test"].to_dict()
    for column in ("source", "target"):
        trained = {letters(text) for text in splits["train"][column]}
        seen = [{letters(text) for text in columns[column]} for columns in held_out]
        assert not trained & (seen[0] | seen[1])
        assert not seen[0] & seen[1]
        assert max(map(len, splits["train"][column])) <= catalogues.LONGEST


@pytest.mark.needs_data("software")
def test_the_report_on_the_real_catalogues_adds_up():
    counts = report("software")
    assert counts["read"] == sum(counts["removed"].values()) + sum(counts["splits"].values())
    assert 500 > counts["removed"]["near copy of a held-out pair"] > 300
