"""The backend that answers a run, the one that is to take its place, and what the author is told of either."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from studio import events as ev
from studio.agent import toolbox
from studio.agent.changes import changes
from studio.agent.controls import Controls
from studio.agent.memory.compression import Compression
from studio.agent.memory.least_window import too_small
from studio.agent.open_book import OpenBook
from studio.agent.retries import Retries
from studio.agent.step import BackendGaveUp
from studio.backends.backend import Backend, BackendChoice, Message, Prices
from studio.errors import BackendError, StudioError


class BackendInUse:
    """`now` answers; a switch prepares the next one beside the run, and `take_over` lets it in between two steps."""

    def __init__(
        self,
        backend: Backend,
        open_backend: Callable[[BackendChoice], Backend],
        book: OpenBook,
        controls: Controls,
        retries: Retries,
        *,
        emit: ev.Emit,
        compression: Compression,
        unheld: Callable[[Prices | None], str],
    ) -> None:
        """Begin with `backend`, not reached yet; it is closed here, and so is every other.

        Args:
            open_backend: builds another; raises `StudioError`.
            compression: makes the conversation short for a smaller window.
            unheld: why the author's budget can't be held at these prices; "" when it can.
        """
        self.now = backend
        self.is_prepared = False
        self._next: Backend | None = None
        self._open = open_backend
        self._book = book
        self._controls = controls
        self._retries = retries
        self._emit = emit
        self._compression = compression
        self._window = 0  # tokens; it was seen to be large enough
        self._unheld = unheld
        self._is_announced = False
        self._is_stuck = False  # it has given up, and no other has come since
        self._switching: set[asyncio.Task[None]] = set()

    def gave_up(self) -> None:
        """No call of this step can be made here any more; another backend need not wait for the step's end."""
        self._is_stuck = True

    async def close(self) -> None:
        """End what is being switched to, and let go of both."""
        for task in list(self._switching):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for backend in (self.now, self._next):
            if backend is not None:
                await backend.close()

    # --- the switch -----------------------------------------------------------------------------------------------

    def switch(self, choice: BackendChoice, *, cut: bool) -> None:
        """Prepare another backend; once it is ready it takes over before the next call. See `Commands.switch`."""
        task = asyncio.get_running_loop().create_task(self._prepare_next(choice, cut=cut))
        self._switching.add(task)
        task.add_done_callback(self._switching.discard)

    async def _prepare_next(self, choice: BackendChoice, *, cut: bool) -> None:
        backend: Backend | None = None
        try:
            backend = self._open(choice)
            await backend.prepare(self._emit)
            if (fault := too_small(self._book, backend)) is not None:
                raise fault
        except BaseException as error:
            if backend is not None:
                await backend.close()
            if not isinstance(error, StudioError):
                raise
            self._book.record(ev.BackendFault(error=f"Still on {self.now.name}: {error}", retry_in=None))
            return
        if self._next is not None:
            await self._next.close()
        self._next = backend
        if self._controls.paused_by == "fault":
            self._controls.resume()
        self._controls.wake()
        self._controls.hurry()
        if cut:
            self._controls.cut("the author changed to another backend")

    async def take_over(self) -> None:
        """Let the next backend in, if it may come now, and see that the one in use is ready. Raises `BackendGaveUp`."""
        conversation = self._book.conversation
        # A step is finished by the backend that made it: its price counts, and its window is known. Not if it can't.
        is_between = conversation.step_finished or not conversation.replied
        if self._next is not None and (is_between or self._is_stuck or self._retries.failing):
            coming = None
            while coming is not self._next:  # the author may change to yet another while it is fitted
                coming = self._next
                self._remind(coming)
                await self._fit_into(coming)
            before, self.now, self._next = self.now, coming, None
            self.is_prepared, self._is_stuck = True, False
            self._retries.switched()
            if self._is_announced:
                self._announce_switch([*changes(before, self.now), *self._warnings()])
            else:
                self.announce()
            await before.close()
        if not self.is_prepared:
            await self._prepare()
        if is_between and self.now.context != self._window:  # a refusal may have told that it is smaller than was known
            if (fault := too_small(self._book, self.now)) is not None:
                raise BackendGaveUp(fault)
            self._window = self.now.context

    async def _fit_into(self, backend: Backend) -> None:
        """Compress first when the next backend's window is too small, while the one that knows it all is still here."""
        if not backend.guided and not self._book.conversation.pending:
            can_answer = self.is_prepared and not self._retries.failing
            await self._compression.fit_into(backend, with_model=can_answer)

    def _remind(self, backend: Backend) -> None:
        """What the same model made of the conversation, in an earlier run or at another server, holds for this one."""
        conversation, messages = self._book.conversation, self._book.conversation.messages
        if not backend.guided and backend.model == conversation.reported_by:
            for length, usage in conversation.reported:
                reply = messages[length] if length < len(messages) else Message(role="assistant")
                backend.recall(messages[:length], toolbox.SPECS, reply, usage)

    async def _prepare(self) -> None:
        try:
            await self._controls.cuttable(self.now.prepare(self._emit))
        except BackendError as error:
            raise BackendGaveUp(error) from error
        self.is_prepared = True
        self._remind(self.now)
        progress = self._book.progress
        if not self._is_announced:
            self.announce()
        elif (progress.model, progress.context) != (self.now.model, self.now.context):
            self._announce_switch()  # only the server could say which model and window it serves
        if warnings := self._warnings():
            self._announce_switch(warnings)

    # --- what the author is told ----------------------------------------------------------------------------------

    def announce(self) -> None:
        """The run begins with this backend."""
        self._is_announced = True
        self._book.record(
            ev.RunStarted(
                book=self._book.root.name,
                backend=self.now.name,
                model=self.now.model,
                context=self.now.context,
                base_url=self.now.base_url,
                gate=self._book.gates.now,
            )
        )

    def _warnings(self) -> list[str]:
        """What the author has to know of the backend in use before it is paid for."""
        return [why] if (why := self._unheld(self.now.prices)) else []

    def tell_window(self) -> None:
        """A server's refusal may have told that its window is smaller than was known."""
        if self._book.progress.context != self.now.context:
            self._announce_switch([f"the window turned out to be {self.now.context:,} tokens"])

    def _announce_switch(self, changed: Sequence[str] = ()) -> None:
        backend, messages = self.now, self._book.conversation.messages
        self._book.record(
            ev.BackendSwitched(
                backend=backend.name,
                model=backend.model,
                context=backend.context,
                base_url=backend.base_url,
                # Guided mode asks for one thing at a time; the conversation waits.
                context_tokens=0 if backend.guided else backend.count(messages, toolbox.SPECS) if messages else None,
                changes=tuple(changed),
            )
        )
