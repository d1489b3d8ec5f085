"""Plain English out of reStructuredText and Markdown: sentences without code, mark-up, links and given names."""

import re
from collections.abc import Iterable

CODE = "\x00"  # stands where code, a link or a formula was cut out: its sentence is dropped
NAME = "\x01"  # stands where a forbidden name was cut out: its sentence is mended

# What a text must hold for the pattern to be tried, the pattern, and what takes its place.
_CUT = [
    (">`", re.compile(r"\s*<[^<>\n]{1,80}>`_{1,2}"), "`"),  # `text <target>`_
    ("]_", re.compile(r"(?<=[.!?])\s*\[#?\w*\]_|\s*\[#?\w*\]_(?=[.,;])"), ""),  # footnotes
    ("]_", re.compile(r"\[#?\w*\]_"), CODE),
    ("|", re.compile(r"\|\w+\|(_{0,2})"), CODE),
    (":math:", re.compile(r":math:`[^`]*`"), CODE),
    ("$", re.compile(r"\$\$?[^$]+\$\$?"), CODE),
    ("\\", re.compile(r"\\\\?\(.+?\\\\?\)"), CODE),
    ("](", re.compile(r"\[(`?[^\[\]`]+`?)\]\([^()\s]*\)"), r"\1"),  # Markdown links
    ("://", re.compile(r"https?://\S+"), CODE),
    ("`]", re.compile(r"\[(`[^\[\]`]+`)\]"), r"\1"),
    (":`", re.compile(r":[\w:+-]+:`([^`<>]*)\s*(?:<[^`]*>)?`"), r"`\1`"),  # roles
    ("*", re.compile(r"(?<![\w*])(\*{1,2})(\w[^*\n]*?)\1(?![\w*])"), r"\2"),
    ("(", re.compile(r"\s*\((?:default|defaults to|optional)\b[^()]*\)", re.I), ""),
    ("efault", re.compile(r"\s*\b(?:default|defaults?)(?: value)?(?: is| to|:|=)\s+\S+?(?=[.,;]?(?:\s|$))", re.I), ""),
]
_QUOTED = re.compile(r"(`{1,2})([^`]+)\1_{0,2}")
_WORDS = re.compile(r"[A-Za-z]+(?:[ -][a-z]+)*")
# Looks like code: inner capitals, underscores, digits next to letters, dots or brackets inside, calls.
_CODE_LIKE = re.compile(
    r"(?<![\w.])(?:"
    r"@?\w+(?:\.\w+)+(?:\(.*?\))?"  # a.b.c()
    r"|\w+\([^()]*\)"  # f(x)
    r"|\w*_\w*|\w+\[[^\[\]]*\]"
    r"|[A-Za-z]*[a-z]+[A-Z]\w*"  # DataFrame, isTrue
    r"|[A-Za-z]+\d\w*"  # float64
    r"|(?:ndarray|dtype|dataframe|kwarg|arg)s?"
    r")(?![\w(])"
)
_SPLIT = re.compile(r"(?<=[.!?])(?<!etc\.)(?<!vs\.)(?<!cf\.)(?<!al\.)\s+(?=[A-Z\x00\x01])")
_EG = re.compile(r"\be\.g\.?(?=\W)", re.I)
_IE = re.compile(r"\bi\.e\.?(?=\W)", re.I)
_ALLOWED = re.compile(r"[A-Za-z0-9 ,.;:'\"()!?/%-]+")
# A sentence that ends so leads to something that was left out.
_DANGLING = re.compile(
    r"\b(?:a|an|and|are|as|at|be|by|equation|for|from|follows|following|in|is|of|on|or|ref|section|see|than|that|the|"
    r"then|to|using|via|where|which|with|below)\W*",
    re.I,
)
_LETTER_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")


def forbid(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern for any of ``names`` as a whole word in any case, possibly hyphenated or possessive."""
    longest_first = sorted({re.escape(name) for name in names if name}, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(longest_first) or '(?!)'})(?:'s)?(?![A-Za-z0-9])", re.I)


def sentences(paragraph: str, forbidden: re.Pattern[str], least: int = 4) -> list[str]:
    """The clean sentences of ``paragraph``, in order.

    Left out are sentences of fewer than ``least`` or more than 60 words, and those with code, links, formulas or
    other than English characters. Quoted plain words stay, and so do brackets without code.

    Args:
        paragraph: running text on one line, with mark-up.
        forbidden: names to cut out.
        least: words a sentence must have.
    """
    text = paragraph
    for mark, pattern, replacement in _CUT:
        if mark in text:
            text = pattern.sub(replacement, text)
    text = _EG.sub("for example", _IE.sub("that is", text))
    if "`" in text:
        text = _QUOTED.sub(lambda match: match[2] if _WORDS.fullmatch(match[2]) else CODE, text)
    text = _CODE_LIKE.sub(lambda match: NAME if forbidden.fullmatch(match[0]) else CODE, text)
    text = forbidden.sub(NAME, text)
    if CODE in text:
        text = re.sub(rf"\s*\([^()]*{CODE}[^()]*\)", "", text)
    return [
        tidy for sentence in _SPLIT.split(text) if CODE not in sentence and _is_english(tidy := _tidy(sentence), least)
    ]


def _is_english(sentence: str, least: int) -> bool:
    words = _LETTER_WORD.findall(sentence)
    return (
        least <= len(words) <= 60
        and _DANGLING.fullmatch(sentence[sentence.rfind(" ") + 1 :]) is None
        and _ALLOWED.fullmatch(sentence) is not None
        and sum(map(len, words)) >= 0.7 * len(sentence)
        and sentence.count("(") == sentence.count(")")
    )


def _tidy(sentence: str) -> str:
    """Mend the places of names, and write one capitalised line that ends in a full stop."""
    text = sentence
    if NAME in text:
        text = re.sub(rf"\(\s*{NAME}\s*\)|(?<={NAME})'s\b", "", text)
        text = re.sub(rf"{NAME}-(?=\w)|(?<=\w)-{NAME}", "", text)
        text = re.sub(rf"['\"]?{NAME}['\"]?(?=\s+\w)", "", text)
        text = re.sub(rf"(?:\b(?:the|a) )?{NAME}", "the library", text, flags=re.I)
    text = re.sub(r"\s+([,.;:)!?])(?!\w)", r"\1", " ".join(text.split()))
    text = re.sub(r"(?<!\.)\.\.(?!\.)", ".", text)
    text = re.sub(r"\(\s+", "(", text).strip(" ,;:-/")
    if text and text[-1] not in ".!?":
        text += "."
    return text[:1].upper() + text[1:]


class Novelty:
    """Tells texts that are more than a variation of earlier ones, by their runs of four words.

    Case, digits and punctuation do not count.

    Attributes:
        refused: how many texts were not admitted.
    """

    def __init__(self, shared: float = 0.5) -> None:
        self.refused = 0
        self._shared = shared
        self._seen: set[str] = set()

    def admits(self, text: str) -> bool:
        """Whether at most the share ``shared`` of the text's runs occurred in admitted texts; then admit it too."""
        words = re.findall(r"[a-z]+", text.lower())
        runs = {" ".join(words[i : i + 4]) for i in range(max(1, len(words) - 3))}
        if len(runs & self._seen) > self._shared * len(runs):
            self.refused += 1
            return False
        self._seen |= runs
        return True
