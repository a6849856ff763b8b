"""Plural and singular forms of English nouns, including common misspellings of plurals."""

from collections.abc import Iterable

_IRREGULAR = {
    "person": ("people", "persons"), "people": ("people", "peoples"), "woman": ("women", "womans"),
    "human": ("humans",), "child": ("children", "childs"), "german": ("germans",), "wife": ("wives", "wifes"),
    "mouse": ("mice", "mouses"), "goose": ("geese",), "foot": ("feet",), "tooth": ("teeth",), "ox": ("oxen",),
    "sheep": ("sheep", "sheeps"), "aircraft": ("aircraft", "aircrafts"), "cattle": ("cattle",),
    "bison": ("bison", "bisons"), "fish": ("fish", "fishes"), "deer": ("deer", "deers"),
    "calf": ("calves", "calfs"),
    "knife": ("knives", "knifes"), "wolf": ("wolves",), "shelf": ("shelves", "shelfs"), "leaf": ("leaves",),
    "loaf": ("loaves",), "scarf": ("scarves", "scarfs"), "half": ("halves",), "bus": ("buses", "busses"),
    "furniture": ("furniture", "furnitures"), "luggage": ("luggage", "luggages"),
    "broccoli": ("broccoli", "broccolis"),
    "skis": ("skis",), "scissors": ("scissors",), "silverware": ("silverware",), "food": ("food", "foods"),
    "fruit": ("fruits", "fruit"),
}  # fmt: skip
_IRREGULAR_ENDINGS = ("child", "wife", "person", "shelf", "loaf", "fish", "tooth", "foot")
"""Irregular nouns that also end compounds: "grandchildren", "salespeople"."""
_SINGULAR = {plural: noun for noun, plurals in reversed(_IRREGULAR.items()) for plural in plurals}
_SINGULAR_ENDS = {plural: noun for noun in _IRREGULAR_ENDINGS for plural in _IRREGULAR[noun] if plural != noun}
_PLURAL_ENDS = ("men", *_SINGULAR_ENDS)
_NO_PLURAL = ("ss", "us", "is")


def plurals(noun: str) -> tuple[str, ...]:
    """The plural forms of a noun: "fire truck" → ("fire trucks",), "glass of wine" → ("glasses of wine",)."""
    head, of, rest = noun.partition(" of ")
    before, space, word = head.rpartition(" ")
    return tuple(before + space + form + of + rest for form in _plurals(word))


def _plurals(word: str) -> tuple[str, ...]:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending in _IRREGULAR_ENDINGS:
        if word.endswith(ending):
            return tuple(word.removesuffix(ending) + form for form in _IRREGULAR[ending])
    if word.endswith("man"):
        return (word[:-2] + "en", word + "s")
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "i", "o", "u"):
        return (word[:-1] + "ies", word + "s")
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return (word + "es",)
    if word.endswith("o"):
        return (word + "s", word + "es")
    return (word + "s",)


def all_forms(nouns: Iterable[str]) -> frozenset[str]:
    """The nouns and their plurals."""
    return frozenset(form for noun in nouns for form in (noun, *plurals(noun)))


def is_plural(word: str) -> bool:
    """Whether ``word`` looks like a plural noun: "bells" and "children" do, "glass" and "dog's" do not."""
    if word in _SINGULAR or word.endswith(_PLURAL_ENDS):
        return True
    return len(word) > 3 and word.endswith("s") and not word.endswith(_NO_PLURAL) and "'" not in word


def singular(word: str) -> str:
    """The singular of a plural noun, guessed from its spelling: "windows" → "window"."""
    if word in _SINGULAR:
        return _SINGULAR[word]
    if word.endswith("men"):
        return word[:-2] + "an"
    for plural, noun in _SINGULAR_ENDS.items():
        if word.endswith(plural):
            return word.removesuffix(plural) + noun
    if not is_plural(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zzes", "ches", "shes")):
        return word[:-2]
    return word[:-1]
