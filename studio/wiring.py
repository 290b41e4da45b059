"""The one place that builds backend, book, run and session, and hands them to a front end."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from studio import events as ev
from studio.addresses import KnownAddresses
from studio.agent.commands import BackendCard, BookCard
from studio.agent.limits.allowance import DEFAULT_STEPS, Limits
from studio.agent.memory.compression import compressing_of
from studio.agent.open_book import OpenBook
from studio.agent.run import Run
from studio.backends.backend import Backend, BackendChoice
from studio.backends.catalog import open_backend
from studio.backends.check import check
from studio.backends.client import is_loopback
from studio.backends.presets import presets
from studio.book import layout
from studio.book_cards import book_card
from studio.config import Config, cache_folder, key_of, key_source, log_folder, spill_folders
from studio.errors import BookHeld, UsageError
from studio.sessions import BookSession, FollowingSession

# Without a flag or a setting, a key that is there says which backend its owner means.
_KEYED = ("moonshot", "openrouter")


class Workshop:
    """The library and what can be opened from it; the `Studio` of the front ends."""

    def __init__(
        self, config: Config, *, pause_on_fault: bool, is_author_there: bool, from_summary: int | None = None
    ) -> None:
        """Make a workshop.

        Args:
            pause_on_fault: as for `Run`.
            is_author_there: as for `Run`.
            from_summary: the book that is opened first begins anew from the summary after this step; 0 = the last.
        """
        self._config = config
        self._from_summary = from_summary
        self._key_of = key_of(config)
        self._pause_on_fault = pause_on_fault
        self._is_author_there = is_author_there
        self._addresses = KnownAddresses(log_folder() / "addresses")

    def books(self) -> list[BookCard]:
        """Every book of the projects folder, the one touched last first."""
        cards = [book_card(root) for root in layout.books(self._config.projects)]
        return sorted(cards, key=lambda card: -card.touched)

    def backends(self) -> list[BackendCard]:
        """Every preset, with what is missing to use it."""
        cards = []
        for preset in presets().values():
            missing = preset.missing_key(self._key_of)
            summary = f"{preset.summary} Needs {missing}." if missing else preset.summary
            cards.append(
                BackendCard(name=preset.name, summary=summary, ready=not missing, needs_base_url=preset.needs_base_url)
            )
        return cards

    async def check(self, told: Callable[[str], None], meanwhile: Callable[[str], None]) -> bool:
        """Check the chosen backend, or each that is set up. True: all that are set up are good.

        A local server that does not run is no fault, unless it was chosen.

        Args:
            told: gets a line for each backend.
            meanwhile: is told what takes long (weights that are fetched).
        """
        config, chosen = self._config, self._config.flags.backend or ("openai" if self._config.flags.base_url else "")
        names = [chosen] if chosen else list(presets())
        if chosen and chosen not in presets():
            raise UsageError(f"There is no backend “{chosen}”; there are {', '.join(presets())}.")
        said: set[str] = set()

        def emit(event: ev.Event) -> None:
            if isinstance(event, ev.BackendPreparing) and event.done is not None and event.text not in said:
                said.add(event.text)
                meanwhile(event.text)

        checks = [asyncio.create_task(self._check_one(name, emit, is_chosen=bool(chosen))) for name in names]
        good = True
        try:
            for name, checking in zip(names, checks, strict=True):
                mark, line = await checking
                good = good and mark != "✗"
                source = key_source(config, presets()[name].key_variable) if presets()[name].key_variable else ""
                told(f"{mark} {name:<11} {line}" + (f" · key from the {source}" if source and mark == "✓" else ""))
        finally:
            for checking in checks:
                checking.cancel()
            await asyncio.gather(*checks, return_exceptions=True)
        return good

    async def _check_one(self, name: str, emit: ev.Emit, *, is_chosen: bool) -> tuple[str, str]:
        """(✓ good, ✗ set up and not good, – not set up; the rest of the line)."""
        preset, flags, settings = presets()[name], self._config.flags, self._config.settings
        is_configured = name == (settings.backend or ("openai" if settings.base_url else ""))
        base_url = flags.base_url if is_chosen else settings.base_url if is_configured else None
        model = flags.model if is_chosen else settings.model if is_configured else None
        if not is_chosen and (missing := preset.missing_key(self._key_of)):
            return "–", f"no key: set {missing} in the environment, in .env or in the keyring"
        if not is_chosen and preset.needs_base_url and not base_url:
            return "–", "needs --base-url"
        try:
            backend = self.open_backend(
                BackendChoice(backend=name, model=model, base_url=base_url, context=flags.context)
            )
        except UsageError as error:
            return "✗", str(error)
        try:
            found = await check(backend, emit)
        finally:
            await backend.close()
        facts = " · ".join(found.facts)
        if found.good:
            return "✓", facts
        is_wanted = is_chosen or is_configured or bool(preset.key_variable) or bool(found.facts)
        return ("✗" if is_wanted else "–"), (f"{facts} — " if facts else "") + found.problem

    def create(self, prompt: str, name: str | None = None, *, cowrite: bool = False) -> str:
        """Start a book, talked over first if `cowrite`; returns its name."""
        return layout.create_book(self._config.projects, prompt, name, cowrite=cowrite).name

    def find(self, book: str) -> Path:
        """The book's folder. Raises `UsageError` when there is none."""
        return layout.find_book(self._config.projects, book)

    async def open(self, book: str) -> BookSession | FollowingSession:
        """Open a book, read-only if another studio holds it."""
        root = self.find(book)
        try:
            opened = await asyncio.to_thread(OpenBook.open, root, self._config.redact, spill_folders=spill_folders())
        except BookHeld as held:
            return FollowingSession(root, str(held))
        session = _session_of(opened)

        def open_backend(choice: BackendChoice) -> Backend:
            return self.open_backend(msgspec.structs.replace(choice, session=session))

        try:
            settings, step, self._from_summary = self._config.settings, self._from_summary, None
            compressing = compressing_of(opened.conversation, settings.compress_at, settings.summary_every, step)
            backend = open_backend(self._choice(opened))
        except BaseException:
            await opened.close()
            raise
        limits = self._limits(opened)
        run = Run(
            opened,
            backend,
            open_backend,
            limits,
            pause_on_fault=self._pause_on_fault,
            compressing=compressing,
            gate=opened.settings.gate or settings.gate or "free",
            is_author_there=self._is_author_there,
        )
        if self._config.flags.gate:
            run.gate(self._config.flags.gate)
        return BookSession(opened, run)

    def refuse_early(self) -> None:
        """Refuse early what a new book could not begin with. Raises `UsageError`."""
        self.open_backend(self._choice(None))

    def open_backend(self, choice: BackendChoice) -> Backend:
        """Build a backend of the author's choice. Raises `UsageError`."""
        settings = self._config.settings
        self._refuse_stray(choice)
        backend = open_backend(
            choice,
            key_of=self._key_of,
            cache=cache_folder(),
            first_byte=settings.first_byte_timeout,
            idle=settings.idle_timeout,
        )
        if backend.base_url:
            self._addresses.add(backend.base_url)
        return backend

    def _choice(self, book: OpenBook | None) -> BackendChoice:
        """Flags, else what the book was last written with, else the configuration, else what a key suggests."""
        flags, settings = self._config.flags, self._config.settings
        last = book.progress if book is not None else None
        if flags.backend or flags.base_url:
            backend, model, base_url = flags.backend or "openai", flags.model, flags.base_url
        elif last is not None and last.backend:
            backend, model, base_url = last.backend, flags.model or last.model, last.base_url or None
            if backend == "embedded":  # its model is a file, and where that lies is its address
                model, base_url = flags.model or last.base_url or None, None
            self._refuse_unknown(book, model if backend == "embedded" and not flags.model else base_url)
        elif settings.backend or settings.base_url:
            backend, model = settings.backend or "openai", flags.model or settings.model
            base_url = settings.base_url
        else:
            keyed = [name for name in _KEYED if not presets()[name].missing_key(self._key_of)]
            backend, model, base_url = (keyed or ["embedded"])[0], flags.model or settings.model, None
        context = flags.context or settings.context
        seen = ""
        if last is not None and (last.backend, last.base_url) == (backend, base_url or ""):
            seen = last.reasoning_field
        return BackendChoice(backend=backend, model=model, base_url=base_url, context=context, reasoning_field=seen)

    def _refuse_unknown(self, book: OpenBook | None, address: str | None) -> None:
        """Refuse to go where nobody but a record says, with a key and all that is written. Raises `UsageError`."""
        if book is None or not address or is_loopback(address) or address in self._addresses:
            return
        if address == (self._config.settings.base_url or "").rstrip("/"):
            return
        last = book.progress
        flag = f"--model {address}" if last.backend == "embedded" else f"--base-url {address}"
        raise UsageError(
            f"{book.root.name} was last written at {address}, which was never given on this machine. If you know it "
            f"and trust it with your key and your words, say so once with --backend {last.backend} {flag}; `studio "
            "backends` lists the others."
        )

    def _refuse_stray(self, choice: BackendChoice) -> None:
        """Refuse to send a key of the author's where only a `.env` in this folder says. Raises `UsageError`."""
        config, address = self._config, choice.base_url or ""
        preset = presets().get(choice.backend)
        if "STUDIO_BASE_URL" not in config.in_dotenv or address != config.settings.base_url or preset is None:
            return
        if address == config.flags.base_url or is_loopback(address) or address in self._addresses:
            return
        if (source := key_source(config, preset.key_variable) if preset.key_variable else "") not in ("", ".env"):
            raise UsageError(
                f"The .env here would have {preset.key_variable} of your {source} sent to {address}, which was never "
                "given on this machine. If you trust it, say so once with --base-url, or put its own key into .env."
            )

    def _limits(self, book: OpenBook) -> Limits:
        steps = self._config.flags.max_steps or self._config.settings.max_steps or DEFAULT_STEPS
        budget = self._config.flags.budget or book.settings.budget or self._config.settings.budget
        hours = self._config.flags.max_hours or self._config.settings.max_hours
        return Limits(steps=steps, budget=budget, hours=hours)


def _session_of(book: OpenBook) -> str:
    """What a provider may cache this book's calls under: it tells nothing of the book, and stays the same."""
    known = f"{book.root.name}\0{book.settings.prompt}"
    return "studio-" + hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()[:24]
