"""What a text says that can be looked for later, found without a model: names, numbers with what they count, promises.

Functions of text alone. English gets the finest net; figures, names and oaths are found in other languages too, and in
Chinese, which has neither capitals nor blanks, names go by surnames and by what places are called.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from studio.agent.memory.terms import HAN_DIGITS, HAN_UNITS, LOWER, NUMBER_WORDS, UPPER, number_value, stem, terms
from studio.book.merge import sentences
from studio.book.words import IDEOGRAPH

Kind = Literal["directive", "promise", "number", "name"]
KINDS: tuple[Kind, ...] = ("directive", "promise", "number", "name")  # the most important first

_LONGEST = 160  # characters of an excerpt
_NEAR = 90  # characters around a number that are looked at
_MOST = 3_000  # facts of one kind that are kept, the weightiest first


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is known. Said by its own words, or by a sentence with all of `must` and `enough` of `some`."""

    kind: Kind
    file: str  # where it stands; "" = the author said it
    text: str  # the words there, on one line
    short: str = ""  # the beginning of them that will do where there is little room; "" = none
    must: frozenset[str] = frozenset()  # terms
    some: frozenset[str] = frozenset()  # terms
    enough: int = 0
    weight: int = 0  # within its kind, the heavier the more important


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def one_line(text: str) -> str:
    """The text with every run of blanks as one blank: what excerpts are cut from and compared by."""
    return " ".join(text.split())


def facts_in(files: Mapping[str, str]) -> list[Fact]:
    """Promises, numbers and names of all these files: each once, with the first file it stands in."""
    words = Counter(_WORD.findall("\n".join(files.values())))
    names = _names(files, words)
    # Who a number can be about: what is never written small, also where it stands only once.
    known = {stem(word) for word in words if word[0].isupper() and word.lower() not in words} - _STOP - _MONTHS
    promises: dict[frozenset[str], Fact] = {}
    numbers: dict[frozenset[str], Fact] = {}
    for file, text in files.items():
        lead = ""  # of this paragraph, from the last name on
        for raw in sentences(text):
            sentence = one_line(raw)
            if not sentence or sentence.startswith("#"):  # a blank line that holds a blank ends a paragraph too
                lead = ""
                continue
            if (promise := _promise(file, sentence, lead, known)) is not None:
                promises.setdefault(promise.some, promise)
            for number in _numbers(file, sentence, lead, known):
                numbers.setdefault(number.must | number.some, number)
            named = _last_name(sentence, known)
            lead = sentence[sentence.rfind(named) :] if named else f"{lead} {sentence}" if lead else ""
            if "\n\n" in raw or len(lead) > _NEAR:
                lead = ""
    return [*_heaviest(promises.values()), *_heaviest(numbers.values()), *_heaviest(names)]


def directives(file: str, text: str) -> list[Fact]:
    """What the author told the agent (`file` is ""), or wrote into a file, sentence by sentence.

    What was told counts as said by its very words only: without its "don't" it is another wish.
    """
    found = []
    for raw in sentences(text):
        sentence = _cut(one_line(raw), _LONGEST)
        words = frozenset(_content(sentence))
        if words and file:
            found.append(Fact(kind="directive", file=file, text=sentence, some=words, enough=_part(words, 0.8)))
        elif words:
            found.append(Fact(kind="directive", file="", text=sentence))
    return found


def _heaviest(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: -fact.weight)[:_MOST]


def _part(words: frozenset[str], share: float) -> int:
    return max(1, round(share * len(words)))


def _cut(text: str, most: int) -> str:
    """The beginning of a line, at most so long, not within a word."""
    if len(text) <= most:
        return text
    head = text[:most]
    return head.rsplit(" ", 1)[0] if " " in head[most // 2 :] else head


_STOP = _set(
    "the and that this with from have has had was were are not but for you your her his him she they them their its "
    "our who whom whose what when where which will would shall should could can may might must been being than then "
    "there here into onto upon over under about after before again once only just very more most some any all each "
    "every other such same own too did does doing done out off down because while until unless how why one said"
)


def _content(text: str) -> Iterator[str]:
    """The terms of a sentence that make it this one."""
    return (term for term in terms(text) if not (term.isascii() and term.isalpha()) or _is_content(term))


def _is_content(word: str) -> bool:
    return len(word) > 2 and word not in _STOP


# --- promises -----------------------------------------------------------------------------------------------------

_OATH = re.compile(
    r"\b(?:promise[sd]?(?! to be)|vow(?:s|ed)?|pledge[sd]?"
    # An oath, not a curse: "swore to", "swore he would".
    r"|(?:swears?|swore|sworn)(?= (?:to|that|on|by|never|not|an?|his|her|he|she|it|I|they|we|you|loyalty|revenge)\b)"
    r"|(?:my|his|her|their|your) word (?:that|of honou?r)|g[ia]ve[sn]? (?:\w+ )?(?:my|his|her|their|your) word"
    r"|verspr(?:ach|ochen|eche|icht)|schw(?:or|öre?|ören|ört)|gelobte?|promets|promet|promit|promis|juro|juró"
    r"|prometo|prometió)\b|答应|发誓|保证|承诺|许诺|起誓|立誓|誓要|約束し|誓っ",
    re.IGNORECASE,
)
_INTENT = re.compile(
    r"(?:\b(?:will|shall)|['’]ll)\b.{1,100}\b(?:before|by the time|until|never again)\b", re.IGNORECASE
)


def _promise(file: str, sentence: str, lead: str, known: set[str]) -> Fact | None:
    said = _OATH.search(sentence)
    match = said or _INTENT.search(sentence)
    if match is None or sentence.isupper():
        return None
    # Of a long sentence the part around the promise.
    start = 0
    if len(sentence) > _LONGEST and match.start() > _LONGEST // 3:
        start = sentence.find(" ", match.start() - _LONGEST // 3) + 1 or match.start()
    text = _cut(sentence[start:], _LONGEST)
    who = {word for found in _NAMED.findall(text) if (word := stem(found)) in known}
    if not who and not start and (earlier := _last_name(lead, known)):
        who, text = {stem(earlier)}, f"{lead} {text}"
    words = frozenset(_content(text))
    if len(words) < 3:
        return None
    # Many promise the same: whose it is belongs to it.
    must = frozenset(sorted(who)[:2])
    weight = 2 if said is not None else 1
    return Fact(kind="promise", file=file, text=text, must=must, some=words, enough=_part(words, 0.6), weight=weight)


# --- numbers ------------------------------------------------------------------------------------------------------

_MONTHS = _set(
    "january february march april may june july august september october november december "
    "januar februar märz mai juni juli oktober dezember janvier février mars avril juin juillet août septembre octobre "
    "novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre noviembre diciembre"
)
_MONEY = _set(
    "pound dollar crown shilling guinea penny pence franc euro mark thaler taler ducat florin coin ruble rouble yen "
    "yuan peso silver gold 元 块 两 円"
)
# Counted in every book, and nothing hangs on them.
_TRIFLES = _set(
    "time minute second moment step pace breath o'clock o’clock percent thing way more other hundred thousand "
    "half third word"
)
_MEASURES = _set("inche feet foot yard mile fathom hour day week month degree")  # in ones: scenery
_LABELS = _set("chapter page part step section act scene verse line volume figure book kapitel chapitre")
_NUMBER = re.compile(
    rf"(?<![\w.,’'])(?P<money>[$£€¥])?\s?(?P<figure>\d(?:[\d,.]*\d)?)(?:st|nd|rd|th)?(?![\w]*\d)"
    rf"|(?<![\w’'])(?P<words>{NUMBER_WORDS})(?![\w’'])",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[\s-]{0,2}(?P<first>[^\W\d_]+(?:[’'][^\W\d_]+)?)?(?:[\s-](?P<second>[^\W\d_]+))?")
_HAN_NUMBER = re.compile(
    rf"(?P<value>\d{{1,12}}|[{HAN_DIGITS}]{{1,12}})\s?(?P<unit>[{HAN_UNITS}])(?P<what>[{IDEOGRAPH}]{{0,2}})"
)
_IS = re.compile(
    r"(?:\b(?:is|was|am|are|were|be|turn(?:s|ed|ing)?|aged?|reached)|age of|['’][sm])[:\s]+(?:\w+ly )?\Z", re.I
)
_PRONOUN = re.compile(r"\b(?:s?he|they|who)\b", re.IGNORECASE)
_AGED = re.compile(r"(?:\bage[d:]?|age of|turn(?:s|ed|ing))[:\s]+\Z", re.IGNORECASE)
_OLD = re.compile(r"[\s-]+(?:years?|months?)[\s-]+old\b|[\s-]+(?:years|winters|summers) of age\b", re.IGNORECASE)
_CLAUSE_ENDS = re.compile(r"\s*(?:[.,;:!?—–)”\"’]|\Z|(?:and|but|when|now|then|that|this|in|the|on|at)\b)")
_APPOSED = re.compile(rf"[{UPPER}]\w+(?:,| \() ?\Z")
_DATED = re.compile(
    r"\b(?:in|of|since|by|from|to|until|till|before|after|year|around|about|anno|im|en)\s+\Z|,\s\Z", re.I
)
_OWNS = re.compile(r"\b(?:has|had|have|having|owns|owned)\s+\Z", re.IGNORECASE)
_NAMED = re.compile(rf"[{UPPER}][\w’'-]*")
_STOPS = re.compile(r"[,;:.!?—–)(”\"。，；！？]")


def _last_name(text: str, known: set[str]) -> str:
    """The last of these names in a text, as it stands there."""
    for match in reversed(list(_NAMED.finditer(text[-400:]))):
        if stem(match.group()) in known:
            return match.group()
    return ""


def _numbers(file: str, sentence: str, lead: str, known: set[str]) -> Iterator[Fact]:
    for match in _NUMBER.finditer(sentence):
        if (fact := _number(file, sentence, match, lead, known)) is not None:
            yield fact
    for match in _HAN_NUMBER.finditer(sentence):
        unit = match["unit"]
        if len(number_value(match["value"])) == 1 and unit not in "岁年":
            continue
        before = _STOPS.split(sentence[max(0, match.start() - 16) : match.start()])[-1]
        people = _HAN_PERSON.findall(before) if unit == "岁" else []
        counted = match.group() if unit not in "岁年月日号" else match["value"] + unit
        must = frozenset([*terms(counted), *(term for person in people[-1:] for term in terms(person))])
        text = (before + match.group()).strip()
        yield Fact(kind="number", file=file, text=text, must=must, weight=4 if unit in "岁年" else 2)


def _number(file: str, sentence: str, match: re.Match[str], lead: str, known: set[str]) -> Fact | None:
    value = number_value(match["figure"] or match["words"])
    before, after = sentence[max(0, match.start() - _NEAR) : match.start()], sentence[match.end() : match.end() + _NEAR]
    following = _AFTER.match(after)
    first = stem(following["first"] or "") if following else ""
    second = stem(following["second"] or "") if following else ""
    counted = frozenset(word for word in (first, second) if _is_content(word) and word not in _TRIFLES)
    last = stem((re.findall(r"[^\W\d_]+", before) or [""])[-1])
    who = _last_name(before, known)
    old = _OLD.match(after)
    bare = _CLAUSE_ENDS.match(after) is not None
    small, told = len(value) == 1, ""
    if value in "01":
        return None
    if old or _AGED.search(before) or (bare and len(value) < 4 and (_IS.search(before) or _APPOSED.search(before))):
        # It says "she", and who that is only before; or the name comes after: "At thirty-one, Mara".
        earlier = _last_name(lead, known) if not who and _PRONOUN.search(before) else ""
        whose = who or earlier or _last_name(after, known)
        if not whose and not old:
            return None
        told = lead if earlier else ""
        must, some, weight = {value, stem(whose)} if whose else {value}, counted if not whose else frozenset(), 5
    elif first in _MONTHS or last in _MONTHS:
        must, some, weight = {value, first if first in _MONTHS else last}, frozenset[str](), 4
    elif match["figure"] and len(value) == 4 and "," not in match["figure"] and (bare or _DATED.search(before)):
        must, some, weight = {value}, frozenset[str](), 4
    elif match["money"] or {first, second} & _MONEY:
        must, some, weight = {value}, counted, 3
    elif first in _TRIFLES or last in _LABELS:
        return None
    elif (
        counted
        and (first in counted)
        and (not small or (value in "456789" and first not in _MEASURES) or (who and _OWNS.search(before)))
    ):
        must, some, weight = {value}, counted, 1 if small else 2
    elif match["figure"] and bare and _is_content(last):
        must, some, weight = {value, last}, frozenset[str](), 2
    else:
        return None
    end = match.end() + (following.end() if following and counted else old.end() if old else 0)
    stop = _STOPS.search(sentence, end)
    text = _around(sentence, match.start(), end, stop.start() if stop else len(sentence), who)
    return Fact(
        kind="number",
        file=file,
        text=f"{told} {sentence[: sentence.find(text) + len(text)]}" if told else text,
        must=frozenset(must),
        some=some,
        enough=1 if some else 0,
        weight=weight,
    )


def _around(sentence: str, start: int, end: int, stop: int, who: str) -> str:
    """The clause around a number, from its subject on if that is named before it, at most `_LONGEST` characters."""
    begin = sentence.rfind(who, max(0, start - _NEAR), start) if who else -1
    if begin < 0:
        breaks = [m.end() for m in _STOPS.finditer(sentence, max(0, start - _NEAR), start)]
        begin = breaks[-1] if breaks else max(0, start - _NEAR)
        if not breaks and begin:
            begin = sentence.find(" ", begin, start) + 1 or start
    stop = min(stop, end + 40)
    while end < stop < len(sentence) and sentence[stop].isalnum() and sentence[stop - 1].isalnum():
        stop -= 1
    return sentence[begin : max(end, stop)][:_LONGEST].strip()


# --- names --------------------------------------------------------------------------------------------------------

# Within a sentence: after a word or a comma, or after a title with a stop. `Mara Quill`, `Bay of Salt`.
_WITHIN = re.compile(
    rf"(?:(?<=[\w,;] )|(?<=Mr\. )|(?<=Mrs\. )|(?<=Dr\. )|(?<=St\. ))"
    rf"[{UPPER}][\w’-]*[{LOWER}][\w-]*(?: (?:of (?:the )?|de |la |von |van )?[{UPPER}][\w-]*[{LOWER}][\w-]*){{0,2}}"
)
_WORD = re.compile(r"[^\W\d_][\w-]*")
_NOT_NAMES = (
    _set(
        "monday tuesday wednesday thursday friday saturday sunday god lord sir madam mr mrs dr i'm i've i'll i’m "
        "i’ve i’ll i’d english chapter yes no oh"
    )
    | _MONTHS
)
# German writes every noun with a capital: there, what has an article is no name.
_ARTICLED = re.compile(
    rf"\b(?:[Dd](?:er|ie|as|en|em|es)|[Ee]in\w*|[Kk]ein\w*|[MmDdSs]ein\w*|[Ii]hr\w*|[Ii]m|[Aa]m|[Zz]u[mr]|[Vv]om"
    rf"|[Bb]eim) ([{UPPER}]\w+)"
)
_GERMAN = ("und", "nicht", "ich", "ist")
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石"
    "姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文阿"
)
_NOT_GIVEN = (
    "的了是在不我你他她它有这那就也都说道问想看着过来去和与对把被从到上下里中大小个人们一二三四五六七八九十年月日时后前"
)
_HAN_PERSON = re.compile(
    rf"[{_SURNAMES}](?:(?![{_NOT_GIVEN}])[\u4e00-\u9fff]){{1,2}}(?=[说道问想看笑走站坐点摇叹答喊叫听把从在是的，、])"
)
_HAN_PLACE = re.compile(
    rf"(?<=[在到去从回往向至])(?:(?![{_NOT_GIVEN}])[\u4e00-\u9fff]){{1,3}}[镇村城县省岛港湾街巷楼桥庙寺宫山河江湖]"
)
_HAN_FOREIGN = re.compile("{0}·{0}".format(rf"(?:(?![{_NOT_GIVEN}])[\u4e00-\u9fff]){{2,4}}"))


def _names(files: Mapping[str, str], words: Counter[str]) -> list[Fact]:
    """Whatever is written with a capital within a sentence, more than once, and never without."""
    german = 50 * sum(words[word] for word in _GERMAN) > sum(words.values())
    articled = (
        Counter(name for text in files.values() for name in _ARTICLED.findall(text)) if german else Counter[str]()
    )
    found: Counter[str] = Counter()
    first: dict[str, tuple[str, str]] = {}  # name -> (file, the words there)
    for file, text in files.items():
        for pattern in (_WITHIN, _HAN_PERSON, _HAN_PLACE, _HAN_FOREIGN):
            for match in pattern.finditer(text):
                name = _bare(match.group())
                found[name] += 1
                if name not in first:
                    first[name] = (file, _introduction(text, match.start(), name))
    facts = []
    for name, count in found.items():
        is_one = " " not in name
        total = max(count, words[name]) if is_one else count
        if total < 2 or name.casefold() in _NOT_NAMES or (is_one and 2 * words[name.casefold()] >= total):
            continue
        if is_one and 5 * articled[name] >= total:
            continue
        file, text = first[name]
        facts.append(Fact(kind="name", file=file, text=text, short=name, must=frozenset(terms(name)), weight=total))
    return facts


def _bare(name: str) -> str:
    return re.sub(r"(?:[’']s?|[-_’'])+\Z", "", name)


def _introduction(text: str, start: int, name: str) -> str:
    """A name and the few words after it where it first stands."""
    end = start + len(name)
    stop = _STOPS.search(text, end, end + 30) if text[end : end + 1] != "," else _STOPS.search(text, end + 1, end + 30)
    tail = text[end : stop.start()] if stop else text[end : end + 30].rpartition(" ")[0]
    return name + one_line(f"|{tail.partition(chr(10))[0]}")[1:].rstrip(" ,")
