"""The questions to the author that are open, as a fold of events, and how the agent puts one.

The agent's are queued: it goes on, and the answer comes in a message. The run's own holds it up until it is answered.
"""

from studio import events as ev
from studio.agent.gist import gist
from studio.agent.prompts import prompt

_REMINDED = 5  # questions, and characters of each, that a compressed conversation holds
_GIST = 200


class Questions:
    """Feed it every event in order."""

    def __init__(self) -> None:
        self._queued: list[ev.QuestionAsked] = []
        self._asked: set[str] = set()  # id of every question that was ever queued
        self.waiting: ev.QuestionAsked | None = None  # the one that nothing goes on without
        self.answered: tuple[str, str] | None = None  # the last such one, and its answer

    @property
    def open(self) -> list[ev.QuestionAsked]:
        """Those without an answer, the oldest first; what holds the run up before all others."""
        return [*([self.waiting] if self.waiting else []), *self._queued]

    @property
    def queued(self) -> list[ev.QuestionAsked]:
        """Those of them that the agent goes on beside."""
        return list(self._queued)

    @property
    def oldest(self) -> str:
        """The text of the first of them; "" = none is open."""
        return next((question.text for question in self.open), "")

    def find(self, id: str = "") -> ev.QuestionAsked | None:
        """The open question of this id, or the first of all; None when it is not open."""
        return next((question for question in self.open if not id or question.id == id), None)

    def was_asked(self, id: str) -> bool:
        """Whether the question of this call was queued, whatever became of it."""
        return id in self._asked

    def reminders(self) -> list[str]:
        """What a compressed conversation says of the queued ones, that the agent may not ask again."""
        return [
            f"(you asked, and no answer has come yet: {gist(one.text, _GIST)})" for one in self._queued[-_REMINDED:]
        ]

    def text_for(self, answer: ev.AnswerGiven) -> str:
        """The question that this answer, not taken in yet, is to; "" when it is not open."""
        if answer.id:
            return next((question.text for question in self._queued if question.id == answer.id), "")
        return self.waiting.text if self.waiting else ""

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.QuestionAsked(waits=True):
                self.waiting, self.answered = event, None
            case ev.QuestionAsked(id=id_) if id_ not in self._asked:
                self._asked.add(id_)
                self._queued.append(event)
            case ev.AnswerGiven(id=""):
                self.answered = (self.waiting.text, event.text) if self.waiting else None
                self.waiting = None
            case ev.CowritingEnded():
                self.waiting = self.answered = None  # what the agent is to do now is said
            case ev.AnswerGiven(id=id_):
                self._queued = [question for question in self._queued if question.id != id_]
            case ev.StepStarted(told=told):
                self.waiting = None  # an older studio went on without its answer
                # The agent is told that nobody is there to answer.
                self._queued = [question for question in self._queued if question.seq not in told]
            case ev.ToolFinished(name="ask_author"):
                # In records from before there was a queue, the tool waited and its result carried the answer.
                self.waiting = self.answered = None
            case ev.RunFinished():
                self._queued, self.waiting, self.answered = [], None, None
            case _:
                pass


def put(question: str, id: str, questions: Questions, record: ev.Record, *, is_author_there: bool) -> str:
    """Queue a question of the agent's, once however often its call is carried out; returns what the agent is told.

    Args:
        id: of the call.
        is_author_there: else there is nobody to answer, and nothing is queued.
    """
    if questions.answered and questions.answered[0] == question:
        return prompt("answered", text=questions.answered[1])
    if not questions.was_asked(id) and all(question != one.text for one in questions.queued):
        if not is_author_there:
            return prompt("decide")
        record(ev.QuestionAsked(text=question, id=id, waits=False))
    return prompt("asked")
