"""The run: one loop that looks at the folds, does the next thing, and publishes what came of it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from studio import events as ev
from studio.agent import toolbox
from studio.agent.backend_in_use import BackendInUse
from studio.agent.controls import Controls, Interrupted, Stopped
from studio.agent.cowriting.talk import Talk
from studio.agent.disk_watch import DiskWatch
from studio.agent.gates import is_short
from studio.agent.guided.order import Guide
from studio.agent.limits.allowance import Allowance, Limits
from studio.agent.limits.loops import nudge
from studio.agent.memory.compression import Compressing, Compression
from studio.agent.naming import Naming
from studio.agent.open_book import OpenBook
from studio.agent.planned import aims
from studio.agent.prompts import prompt
from studio.agent.retries import Schedule
from studio.agent.steering import Untold
from studio.agent.step import BackendGaveUp, Caller, TryAgain, cost_of, cut_message, estimated_usage, keep_partial
from studio.agent.telling import message, room_in
from studio.agent.tool_calls import ToolCalls
from studio.backends.backend import Backend, BackendChoice, Sampling
from studio.errors import BookError, BookUnsaved, ContextOverflow, StudioError

log = logging.getLogger(__name__)

NUDGES = 3  # replies in a row without a tool call before the author is asked

FINISHED, FAILED, STOPPED = 0, 1, 3


class Run:
    """One go at a book. The methods of `Commands` only note the wish; `work` carries it out."""

    def __init__(
        self,
        book: OpenBook,
        backend: Backend,
        open_backend: Callable[[BackendChoice], Backend],
        limits: Limits,
        *,
        pause_on_fault: bool = True,
        schedule: Schedule | None = None,
        compressing: Compressing | None = None,
        gate: ev.Gate = "free",
        is_author_there: bool = True,
    ) -> None:
        """Make a run, not begun.

        Args:
            book: opened for writing; the run does not close it.
            backend: where to begin; the run closes it, and any it switches to.
            open_backend: builds another; raises `StudioError`.
            limits: counted over all runs of the book.
            pause_on_fault: when a backend gives up, wait paused for the author; else fail.
            schedule: how patient it is with a backend that fails; None = as usual.
            compressing: when the conversation gives way to a summary; None = as usual.
            gate: where it stops by itself, unless the author has chosen in this run or one before.
            is_author_there: else the agent decides what it would ask.
        """
        self._book = book
        book.gates.configured = gate
        self._allowance = Allowance(limits, book.conversation, book.progress, book.spending)
        self._pause_on_fault = pause_on_fault
        self._record = book.record
        self._controls = Controls(book.record, ahead=self._ahead)
        self._caller = Caller(book.conversation, self._controls, book.record, schedule, self._allowance.money_left)
        self._guide = Guide(book)
        self._talk = Talk(book, self._controls)
        self._disk = DiskWatch(book.journal, book.folder, self._controls, book.record)
        self._is_settled = False
        self._was_refused = False  # a write may lie half-way, and is looked at before it is made again
        self.failure = ""  # why `work` returned 1, for whoever can't read it in the journal
        self._naming = Naming(book.folder, book.record)
        self._compression = Compression(
            book, self._caller, lambda: self._backend, lambda: self._calls.context(""), compressing or Compressing()
        )
        self._calls = ToolCalls(
            book,
            self._caller,
            lambda: self._backend,
            self._talk,
            self._guide,
            self._compression,
            is_author_there=is_author_there,
        )
        self._in_use = BackendInUse(
            backend,
            open_backend,
            book,
            self._controls,
            self._caller.retries,
            emit=self._naming,
            compression=self._compression,
            unheld=self._allowance.unheld,
        )

    @property
    def _backend(self) -> Backend:
        return self._in_use.now

    @property
    def backend_name(self) -> str:
        """The preset that answers now."""
        return self._backend.name

    # --- commands -------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """After the reply in flight, before any tool or call."""
        self._controls.pause("the author paused")

    def resume(self) -> None:
        """Go on; at a limit, for as much again."""
        if self._controls.paused_by == "limit":
            self._allowance.extend()
        self._controls.resume()

    def interrupt(self) -> None:
        """Cut the stream now; what arrived is kept."""
        self._controls.interrupt()

    def note(self, text: str) -> None:
        """Tell the agent before its next call."""
        if text.strip():
            self._record(ev.NoteGiven(text=text.strip()))
            self._controls.wake()

    def answer(self, text: str, id: str = "") -> None:
        """Answer an open question; a note, if it is not open."""
        questions, gates = self._book.steering.questions, self._book.gates
        question = questions.find(id)
        if question is None:
            self.note(text)
        elif text.strip():
            self._record(ev.AnswerGiven(text=text.strip(), id=question.id))
            if gates.stands_at_end and not questions.open:
                self._controls.end_pause("gate")
            self._controls.wake()

    def author_left(self) -> None:
        """Nobody is there to answer any more."""
        self._calls.is_author_there = False

    def retry(self) -> None:
        """End the wait before the next try; go on after a fault."""
        if self._controls.paused_by in ("fault", "disk"):
            self._controls.resume()
        self._controls.hurry()

    def switch(self, choice: BackendChoice, *, cut: bool = False) -> None:
        """Prepare the other backend beside the run; it takes over before the next call."""
        self._in_use.switch(choice, cut=cut)

    def gate(self, gate: ev.Gate) -> None:
        """Stop by itself there from now on."""
        if gate != self._book.gates.now:
            self._record(ev.GateChosen(gate=gate))

    def go(self) -> None:
        """End the talk before the book."""
        self._talk.go()

    def stop(self) -> None:
        """End now, resumable."""
        self._controls.stop()

    # --- the loop -------------------------------------------------------------------------------------------------

    async def work(self) -> int:
        """Run until the book is finished (0), failed (1) or stopped (3). The book stays open."""
        watching = asyncio.create_task(self._book.watch())
        try:
            return await self._drive()
        except Stopped:
            if not self._controls.paused:
                self._record(ev.Paused(why="the author stopped the run"))
            return STOPPED
        except (BackendGaveUp, StudioError) as error:
            return self._fail(str(error))
        except Exception as error:
            log.exception("the run failed")
            return self._fail(f"The studio itself failed ({type(error).__name__}); its log says where.")
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await self._disk.close()
            await self._save()
            await self._in_use.close()

    def _fail(self, why: str) -> int:
        self.failure = why
        self._record(ev.RunFailed(error=why))
        return FAILED

    async def _save(self) -> None:
        try:
            await self._book.journal.durable()
        except BookError as error:
            # By its nature it can't be journaled: whoever holds the run has to say it.
            self.failure = str(error)

    async def _drive(self) -> int:
        was_paused = self._book.progress.state == "paused"
        while True:
            try:
                await self._controls.gate()
                if not self._is_settled:
                    await self._settle(was_paused=was_paused)
                elif self._was_refused:
                    await self._book.manuscript.settle()
                self._was_refused = False
                if await self._do_next():
                    return FINISHED
            except (Interrupted, TryAgain):
                continue
            except BookUnsaved as error:
                self._was_refused = True
                self._disk.refused(error)
            except BackendGaveUp as gave_up:
                self._record(ev.BackendFault(error=str(gave_up.error), retry_in=None))
                if not self._pause_on_fault:
                    raise
                self._in_use.gave_up()
                self._controls.pause(str(gave_up.error), by="fault")

    async def _settle(self, *, was_paused: bool) -> None:
        """Bring the record and the disk together: what an earlier run left, what the author did since."""
        book, conversation = self._book, self._book.conversation
        # Settled first: what a write of ours displaced before a crash is told once, not as a new save as well.
        await book.manuscript.settle()
        await book.restoring.settle()
        await book.watcher.scan(full=True)
        if conversation.reply_open and conversation.has_arrived:
            keep_partial(conversation, "the studio was closed", self._record)
        if self._backend.model:
            self._in_use.announce()  # else only the server can say what it serves
        self._talk.start()
        # To open a book is not to leave its questions unanswered: at its end it stands again.
        stands_again = book.gates.stands_at_end and conversation.finished and self._calls.is_author_there
        if was_paused and not stands_again:
            self._record(ev.Resumed())
        self._is_settled = True

    async def _do_next(self) -> bool:
        """Do one thing; True when the book is finished."""
        conversation = self._book.conversation
        if conversation.finished and conversation.step_finished:
            asked = [question.text for question in self._book.steering.questions.open]
            if self._calls.is_author_there and (why := self._book.gates.due_at_end(asked)):
                self._controls.pause(why, by="gate")
                return False
            self._record(ev.RunFinished(reason=conversation.finished))
            return True
        await self._in_use.take_over()
        if conversation.replied and conversation.pending:
            await self._calls.carry_out(conversation.pending[0])
        elif conversation.replied and not conversation.step_finished:
            await self._finish_step()
        elif conversation.is_between_calls and await self._talk.carry_out():
            pass
        elif conversation.is_between_calls and (why := self._allowance.reached() or self._loop()):
            self._controls.pause(why, by="limit")
        elif conversation.is_between_calls and not self._talk.is_on and (why := self._book.gates.due()):
            self._controls.pause(why, by="gate")
        elif not conversation.messages:
            self._begin()
        elif self._compression.is_asked:
            await self._compression.carry_out()
        elif (asked_before := self._book.steering.questions.waiting) is not None:
            await self._ask(asked_before.text)  # in an earlier run
        elif conversation.idle_replies > NUDGES:
            await self._ask(
                f"The agent has answered {conversation.idle_replies} times without writing anything. "
                f"It last said: «{conversation.last_text.strip()[-400:]}» What should it do?"
            )
        else:
            await self._step()
        return False

    def _ahead(self) -> str:
        ahead = self._book.progress.pace.ahead()
        return ahead.words() if ahead else ""

    def _loop(self) -> str:
        """Why the run gets nowhere, though the agent was told; "" when it does, or was not."""
        if diagnosis := self._book.loops.diagnosis:
            self._record(ev.LoopSuspected(diagnosis=diagnosis))
        return diagnosis and f"the agent gets nowhere. {diagnosis} A note may help it, or another model"

    def _begin(self) -> None:
        self._record(ev.ConversationStarted(system=prompt("system"), prompt=self._talk.begin()))

    # --- a step ---------------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        book, conversation, backend = self._book, self._book.conversation, self._backend
        await book.watcher.scan()
        await book.facts.look()
        untold = book.steering.now(is_author_there=self._calls.is_author_there)
        message = await self._message(untold)
        if not backend.guided and await self._compression.is_too_full(message):
            await self._compression.compress()
            return
        # A call that failed before anything arrived is made again as it was, unless there is news for it.
        if not conversation.reply_open or untold.told:
            step = conversation.step + 1 if conversation.step_finished else conversation.step
            self._record(ev.StepStarted(step=step, limit=self._allowance.steps, message=message, told=untold.told))
        if message and not backend.guided and await self._compression.is_too_full():
            await self._compression.compress()  # what the author said is too long for a message: it has a place there
            return
        await book.journal.durable()
        if backend.guided:
            reply = await (self._talk if self._talk.is_on else self._guide).reply(self._caller, backend)
        else:
            try:
                sampling = Sampling(must_call=conversation.idle_replies > 0 and not self._talk.is_on)
                reply = await self._caller.reply(backend, conversation.messages, toolbox.SPECS, self._naming, sampling)
            except ContextOverflow as overflow:
                self._in_use.tell_window()
                await self._compression.after_overflow(overflow)
                return
        self._in_use.tell_window()
        usage = reply.usage or estimated_usage(backend, conversation.messages, toolbox.SPECS, reply)
        self._record(
            ev.ReplyFinished(
                tool_calls=reply.tool_calls,
                finish_reason=reply.finish_reason,
                usage=usage,
                reasoning_details=reply.reasoning_details,
                reasoning_field=reply.reasoning_field,
            )
        )
        await book.journal.durable()

    async def _message(self, untold: Untold) -> str:
        book, conversation = self._book, self._book.conversation
        parts = [cut_message(conversation, self._kept_of)] if conversation.cut_why else []
        room = room_in(self._backend.context)
        parts.append(await asyncio.to_thread(lambda: message(untold, book.journal.text, book.texts(), room)))
        parts.append(self._talk.told(nudge(conversation, book.loops)))
        return "\n\n".join(part for part in parts if part)

    def _kept_of(self, file: str) -> str:
        return self._book.manuscript.partial_text(file) or ""

    async def _ask(self, question: str) -> None:
        """Ask the author, and wait for the answer."""
        self._record(ev.QuestionAsked(text=question))
        while self._book.steering.questions.waiting:
            await self._controls.gate()
            await self._controls.wait()

    async def _finish_step(self) -> None:
        self._disk.worked()
        conversation, backend = self._book.conversation, self._backend
        usage = conversation.usage or ev.Usage(estimated=True)
        done = await self._become_done() if self._book.gates.has_drafts else ()
        ahead = self._book.progress.pace.ahead()
        self._record(
            ev.StepFinished(
                step=conversation.step,
                usage=usage,
                context_tokens=usage.prompt_tokens + usage.completion_tokens,
                cost=cost_of(backend, usage),
                **aims(self._book.folder, self._book.settings),
                done=done,
                ahead=ahead.figures() if ahead else {},
            )
        )
        for warning in (*self._allowance.warnings(), *self._book.loops.warnings()):
            self._record(warning)

    async def _become_done(self) -> tuple[str, ...]:
        """The chapters that are done with this step."""
        book = self._book
        if self._backend.guided:
            under_way = await self._guide.works_on()
            return book.gates.becomes_done(lambda file: file == under_way, is_planned=True)
        return book.gates.becomes_done(lambda file: is_short(book.folder, book.settings, file))
