"""Memory health: what is known is looked for in what remains, and an index of the rest is put back within its room."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio import events as ev
from studio.agent.memory import recall
from studio.agent.memory.decisions import Decisions, added_sentences
from studio.agent.memory.known import one_line
from studio.agent.progress import Progress
from studio.backends.tokens import estimate
from studio.headless import describe

CHAPTER = (
    "# Ebb\n\nIt was Mara who came. They knew Mara and Luis, and Luis waited. Mara is 31. The quay was built in 1843. "
    "Luis promised Mara that the green boat would never be sold.\n"
)
FILES = {"chapter_01.md": CHAPTER}


def kinds(checked: ev.MemoryChecked) -> list[str]:
    return [line.partition(": ")[2] for line in checked.missing]


def test_what_the_summary_says_in_other_words_is_reachable() -> None:
    known = recall.known_facts(FILES, [], {})
    summary = "Mara (thirty-one) meets Luis.\n\nLuis has promised that Mara's green boat is never sold; 1843 matters."
    assert recall.checked(known, [summary], 500) == ev.MemoryChecked(known=5, reachable=5)


def test_a_name_and_a_number_in_different_sentences_are_not_that_fact() -> None:
    known = recall.known_facts(FILES, [], {})
    assert "Mara is 31" in kinds(recall.checked(known, ["Mara left. There were 31 gulls."], 500))


def test_a_note_of_the_authors_is_there_word_for_word_or_not_at_all() -> None:
    [fact] = recall.known_facts({}, ["Don't kill  Mara."], {})
    assert recall.Reach(["- Don't kill Mara."]).says(fact)
    assert not recall.Reach(["Kill Mara, don't wait."]).says(fact)


def test_a_line_of_a_character_sheet_belongs_to_its_heading() -> None:
    [fact] = recall.known_facts({"chapter_01.md": "Mara is 31."}, [], {})
    assert recall.Reach(["## Mara\n\n- age: 31\n"]).says(fact)
    assert not recall.Reach(["## Luis\n\n- age: 31\n"]).says(fact)


def test_what_is_missing_is_put_back_the_most_important_first() -> None:
    known = recall.known_facts(FILES, ["Never a dream sequence."], {"chapter_01.md": ["The quay was built in 1843."]})
    checked = recall.checked(known, ["Nothing."], 500)
    assert checked == ev.MemoryChecked(
        known=7,
        reachable=7,
        missing=(
            "the author: Never a dream sequence.",
            "chapter_01.md: The quay was built in 1843.",
            "chapter_01.md: Luis promised Mara that the green boat would never be sold.",
            "chapter_01.md: Mara is 31",
        ),
    )
    assert recall.checked(known, ["Nothing."], 0) == ev.MemoryChecked(known=7, reachable=0)


def test_what_the_author_took_out_is_not_brought_back() -> None:
    edited = {"chapter_01.md": CHAPTER.replace("Mara is 31. ", "Mara is 33. ")}
    known = recall.known_facts(edited, [], {"chapter_01.md": ["Mara is 31."], "gone.md": ["All of it."]})
    lines = kinds(recall.checked(known, ["Mara is 31."], 500))
    assert "Mara is 33" in lines and not any("31" in line or "All" in line for line in lines)


def test_a_short_edit_is_a_decision_and_a_text_written_whole_is_not() -> None:
    decisions = Decisions()
    diff = "--- a.md\n+++ a.md\n@@ -1 +1 @@\n-The lamp is lit. Mara left.\n+The lamp is dark. Mara left.\n"
    decisions.apply(ev.AuthorEdited(file="a.md", sha256="1", words=5, diff=diff))
    assert added_sentences(diff) == ["The lamp is dark."]
    whole = "".join(f"+Sentence {number}.\n" for number in range(50))
    decisions.apply(ev.AuthorEdited(file="a.md", sha256="2", words=5, diff=whole))
    decisions.apply(ev.AuthorEdited(file="a.md", sha256="3", words=5, diff="+A restore.\n", id="restore.1"))
    decisions.apply(ev.AuthorRenamed(file="a.md", to="b.md"))
    assert {file: list(said) for file, said in decisions.written.items()} == {"b.md": ["The lamp is dark."]}
    decisions.apply(ev.AuthorEdited(file="b.md", sha256="", words=0, diff=""))
    assert decisions.written == {}


_WORDS = "Mara Luis is 31 forty ropes promised never will before 1843 the boat . , 李明辉 说 # sold"
words = st.sampled_from([*_WORDS.split(), "\n"])
prose = st.lists(words, max_size=80).map(" ".join)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["a.md", "bible/b.md"]), prose),
    st.lists(prose, max_size=3),
    prose,
    st.integers(0, 300),
)
@example(files={"a.md": "Mara 31 \n \n promised"}, notes=[], summary="", room=7)
@example(files={"a.md": "Mara \n \n 31 promised"}, notes=[], summary="", room=0)
def test_the_index_keeps_to_its_room_and_every_line_stands_in_a_source(
    files: dict[str, str], notes: list[str], summary: str, room: int
) -> None:
    known = recall.known_facts(files, notes, {})
    checked = recall.checked(known, [summary], room)
    assert sum(estimate(line) + 2 for line in checked.missing) <= room
    assert 0 <= checked.reachable <= checked.known == len(known)
    assert checked == recall.checked(list(known), [summary], room)
    for line in checked.missing:
        name, _, text = line.partition(": ")
        sources = notes if name == "the author" else [files[name]]
        assert any(text in one_line(source) for source in sources)
    everything = recall.checked(known, [*files.values(), *notes], room)
    assert (everything.reachable, everything.missing) == (len(known), ())


def test_the_share_is_a_fold_and_is_told() -> None:
    progress = Progress()
    assert progress.memory is None
    checked = ev.MemoryChecked(known=50, reachable=48, missing=("a.md: Mara is 31",))
    progress.apply(checked)
    assert progress.memory == 0.96
    assert describe(checked) == "■ memory 96%: 1 of 50 facts put back as an index"
    progress.apply(ev.MemoryChecked(known=0, reachable=0))
    assert progress.memory == 1.0


def test_without_anything_missing_the_message_stays_as_it_is() -> None:
    assert recall.with_index("So far.", []) == "So far."
    assert recall.with_index("So far.", ["a.md: Mara is 31"]).endswith("\n- a.md: Mara is 31")
