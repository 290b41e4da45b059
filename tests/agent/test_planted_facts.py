"""Fifty facts planted in thirty chapters are still at hand after three compressions that forget nearly everything."""

import time

import pytest
from planted_novel import CHAPTERS, chapter, planted_facts
from played_book import ONE, Stage, calls, writes

from studio import events as ev
from studio.agent.memory import recall

OUTLINE = "# Outline\n\n" + "".join(f"{number}. Mara and Luis mend the house.\n" for number in range(1, CHAPTERS + 1))


async def test_planted_facts_outlive_three_compressions(stage: Stage) -> None:
    facts = planted_facts()
    script = [calls("create_project", "t", project_name="Salt"), writes(OUTLINE, "outline.md", id="o")]
    for number in range(1, CHAPTERS + 1):
        script.append(writes(chapter(number, facts), f"chapter_{number:02}.md", id=f"w{number}"))
        if number % 10 == 0:
            script.append(calls("compress_context", f"c{number}"))
    book = await stage.play(*script, context=200_000, steps=60, within=120)
    assert (book.code, len(book.of(ev.ContextCompressed))) == (0, 3)

    last = str(book.sent(-1)[2]["content"])
    without = last.partition("## Also so")[0]
    with_index, bare = (sum(fact.is_in(text) for fact in facts) for text in (last, without))
    by_kind = {
        kind: f"{sum(fact.is_in(last) for fact in facts if fact.kind == kind)}"
        f"/{sum(fact.kind == kind for fact in facts)}"
        for kind in ("age", "name", "place", "promise")
    }
    checks = book.of(ev.MemoryChecked)
    print(f"\n{with_index} of 50 reachable with the index, {bare} without; {by_kind}")
    print("memory", [f"{one.reachable}/{one.known}, {len(one.missing)} lines" for one in checks])
    assert bare <= 5
    assert with_index >= 45
    assert len(checks) == 3 and all(one.missing for one in checks)
    lines = last.partition("## Also so")[2].splitlines()
    assert recall.estimate("\n".join(lines)) <= recall.room(200_000) + 100
    # Told apart from what was compressed: the check follows it in the record.
    assert book.kinds[book.kinds.index("context_compressed") + 1] == "memory_checked"


def test_a_long_book_is_looked_through_in_less_than_a_second() -> None:
    facts = planted_facts()
    files = {f"chapter_{number:02}.md": chapter(number, facts) for number in range(1, CHAPTERS + 1)}
    assert sum(len(text.split()) for text in files.values()) > 80_000
    began = time.process_time()
    known = recall.known_facts(files, [], {})
    recall.checked(known, ["Mara mends the house."], 4_000)
    took = time.process_time() - began
    print(f"\n{len(known)} facts in {took:.2f} s of CPU")
    assert took < 5  # a second, on a machine that does nothing else


@pytest.mark.parametrize(("window", "least"), [(8_192, 20), (32_768, 30), (200_000, 45)])
def test_a_small_window_gets_the_most_important_of_them(window: int, least: int) -> None:
    facts = planted_facts()
    files = {f"chapter_{number:02}.md": chapter(number, facts) for number in range(1, CHAPTERS + 1)}
    index = recall.checked(recall.known_facts(files, [], {}), [], recall.room(window)).missing
    found = sum(fact.is_in("\n".join(index)) for fact in facts)
    print(f"\n{found} of 50 in an index of {recall.room(window):,} tokens")
    assert found >= least
    assert sum(recall.estimate(line) + 2 for line in index) <= recall.room(window)


async def test_what_the_author_wrote_and_took_out_outlives_a_compression(stage: Stage) -> None:
    chapter_one = "# Ebb\n\nMara is 31. The lamp was lit. Luis had forty ropes.\n"
    begun = await stage.play(calls("create_project", "t", project_name="Salt"), writes(chapter_one, id="w"), steps=2)
    edited = chapter_one.replace("Mara is 31. The lamp was lit.", "Mara is 33. The lamp has been dark since the war.")
    (begun.root / ONE).write_text(edited)
    later = [calls("list_files", f"l{number}") for number in range(2)]
    book = await stage.play(*later, calls("compress_context", "c"), steps=20)
    told = str(book.sent(-1)[2]["content"])
    assert "+ Mara is 33.\n+ The lamp has been dark since the war.\n" in told
    # What the author wrote stands there already; what the author took out is no fact that was lost.
    assert [one.missing for one in book.of(ev.MemoryChecked)] == [("chapter_01.md: Luis had forty ropes",)]
