"""Answers asked for before they are needed: by worker threads, in the order of their need, within bounds.

One thread, the reader, offers requests and uses their answers; what it does between the two decides nothing here. An
answer is kept as it came and is used once, an error comes up where its answer would be used. What the reader waits
for goes before all else, whatever the bounds say, so that it never waits for something that waits for the reader.
"""

from __future__ import annotations

import heapq
import queue
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors, lossless_json

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tap_codat_commerce.codat.client import Client, Params
    from tap_codat_commerce.codat.clock import Clock

    Decode = Callable[[bytes], Any]
    Position = tuple[int, ...]

MAX_BYTES = 32 * 2**20
"""So much of what was asked ahead is held at once, in the size of the answers' bodies."""
SHARES = 8
"""So many answers whose size nobody knows yet are asked for at once."""
LOOK_UP = 0.5
"""Seconds."""
NOW: Position = ()
"""Before all other positions."""
ENDS_THE_RUN = (errors.WrongKey, errors.AccountLimit, errors.QuotaSpent)
"""Errors after which no other request would fare better: nothing more is asked ahead."""


@dataclass
class Ask:
    """A request, and its answer once it is there."""

    key: Hashable
    kind: str
    call: Callable[[Decode], Any]
    decode: Decode
    then: Callable[[Any], None] | None = None
    state: str = "queued"
    arrived: bool = False
    size: int = 0
    value: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        """Make the request."""
        self.size = 0
        try:
            self.value = self.call(self._measured)
        except BaseException as exc:  # noqa: BLE001 - comes up in the reader
            self.error = exc

    def _measured(self, body: bytes) -> Any:
        self.size = len(body)
        return self.decode(body)


@dataclass(order=True)
class _Queued:
    position: Position
    number: int
    ask: Ask = field(compare=False)


class Prefetcher:
    """Codat for one reader, with a look ahead.

    All but the constructor is for the reader's thread alone.
    """

    def __init__(self, client: Client, at_once: int, max_bytes: int = MAX_BYTES) -> None:
        """Begin with nothing asked.

        Args:
            client: makes the requests.
            at_once: how many threads ask ahead.
            max_bytes: how much of what was asked ahead is held at once.
        """
        self._client, self._at_once, self._max_bytes = client, at_once, max_bytes
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._news: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        self._asks: dict[Hashable, Ask] = {}
        self._tokens: dict[Hashable, list[Ask]] = {}
        self._queue: list[_Queued] = []
        self._sizes: dict[str, int] = {}
        self._number = self._threads = self._idle = 0
        self._bytes = 0  # of answers that are held, and as expected of those that are on their way
        self._closed = self._hopeless = False

    @property
    def clock(self) -> Clock:
        """Codat's clock."""
        return self._client.clock

    @property
    def open(self) -> int:
        """How many answers were asked ahead and not used yet."""
        return len(self._asks)

    def prefetch(  # noqa: PLR0913 - what a request is, and when it is needed
        self,
        path: str,
        params: Params | None,
        decode: Decode,
        position: Position,
        *,
        token: Hashable = None,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        """Have a GET made as soon as the bounds allow, unless it was offered already.

        Args:
            path: as for `Client.get`, as are `params` and `decode`.
            params: as for `Client.get`.
            decode: as for `Client.get`.
            position: the smaller, the earlier it is made.
            token: only a `get` with an equal one may use the answer.
            then: is called with the answer soon after it came, in the reader's thread; not after an error.
        """
        ask = self._ask(path, params, decode, token)
        if ask.key in self._asks or self._hopeless:
            return
        ask.then = then
        with self._lock:
            self._asks[ask.key] = ask
            self._put(ask, position)
        if token is not None:
            self._tokens.setdefault(token, []).append(ask)

    def get(
        self, path: str, params: Params | None = None, decode: Decode = lossless_json.decode, token: Hashable = None
    ) -> Any:
        """Return the decoded answer to a GET, whether it was asked for already or not; the rest as for `Client.get`."""
        ask = self._ask(path, params, decode, token)
        return self._answer(self._asks.get(ask.key) or ask)

    def follow(self, link: str, decode: Decode = lossless_json.decode) -> Any:
        """Return the decoded answer behind a link, as for `Client.follow`."""
        return self._answer(Ask(("link", link), "", lambda d: self._client.follow(link, d), decode))

    def post(self, path: str, params: Params | None = None, body: Any = None, *, repeatable: bool = True) -> Any:
        """Return the decoded answer to a POST, as for `Client.post`."""
        ask = Ask(
            ("post", path),
            "",
            lambda _: self._client.post(path, params, body, repeatable=repeatable),
            lossless_json.decode,
        )
        return self._answer(ask)

    def expect(self, more: int) -> None:
        """Say that so many more requests will have to be made, as far as is known now."""
        self._client.limiter.expect(more)

    def drop(self, token: Hashable) -> None:
        """Forget what was asked with a token and not used."""
        for ask in self._tokens.pop(token, ()):
            self._forget(ask)

    def close(self) -> None:
        """Stop: nothing more is asked, and nobody waits for what is on its way."""
        self._client.limiter.close()
        with self._lock:
            self._closed = True
            self._asks.clear()
            self._queue.clear()
            self._work.notify_all()

    def _ask(self, path: str, params: Params | None, decode: Decode, token: Hashable) -> Ask:
        key = (path, *(params or {}).items(), token)
        return Ask(key, path.rpartition("/")[2], lambda d: self._client.get(path, params, d), decode)

    def _put(self, ask: Ask, position: Position) -> None:
        self._number += 1
        heapq.heappush(self._queue, _Queued(position, self._number, ask))
        wanted = self._at_once + (position == NOW)
        if self._idle < len(self._queue) and self._threads < wanted:
            self._threads += 1
            threading.Thread(target=self._run, name=f"codat-{self._number}", daemon=True).start()
        self._work.notify()

    def _answer(self, ask: Ask) -> Any:
        """Wait for an answer; meanwhile let follow what depends on others that come."""
        with self._lock:
            self._asks.setdefault(ask.key, ask)
            if ask.state == "queued":
                self._put(ask, NOW)
        while not ask.arrived or not self._news.empty():
            self._look_at_news()
        value, error = ask.value, ask.error
        self._forget(ask)
        if error:
            raise error
        return value

    def _look_at_news(self) -> None:
        """Take the next answer that came, if one comes soon, and let follow what depends on it.

        The reader is where signals are handled, and may be left by an exception at any moment here: a queue takes that,
        a condition does not. It also looks up now and then, for a signal that came just before it began to wait.
        """
        try:
            ask = self._news.get(timeout=LOOK_UP)
        except queue.Empty:
            return
        ask.arrived = True
        if ask.then and ask.error is None and ask.state != "dropped":
            ask.then(ask.value)

    def _forget(self, ask: Ask) -> None:
        with self._lock:
            self._asks.pop(ask.key, None)
            if ask.state == "done":
                self._bytes -= ask.size
                self._work.notify_all()
            ask.state, ask.value = "dropped", None

    def _run(self) -> None:
        """Work, in a thread of its own. Daemons: those of an executor would hold up the end of the process."""
        while (ask := self._next()) is not None:
            expected = ask.size
            ask.run()
            with self._lock:
                self._sizes[ask.kind] = max(ask.size, self._sizes.get(ask.kind, 0) * 7 // 8)
                self._bytes -= expected
                if ask.state != "dropped":
                    ask.state = "done"
                    self._bytes += ask.size
                self._hopeless = self._hopeless or isinstance(ask.error, ENDS_THE_RUN)
            self._news.put(ask)
            del ask
        self._client.release()

    def _next(self) -> Ask | None:
        """Wait for work; None if there will be none for this thread."""
        with self._lock:
            while not self._closed:
                while self._queue and self._queue[0].ask.state != "queued":
                    heapq.heappop(self._queue)
                spare = self._threads > self._at_once
                if self._queue and self._may_begin(self._queue[0], spare=spare):
                    ask = heapq.heappop(self._queue).ask
                    ask.state, ask.size = "under way", self._expected(ask.kind)
                    self._bytes += ask.size
                    return ask
                if spare:
                    break
                self._idle += 1
                self._work.wait()
                self._idle -= 1
            self._threads -= 1
            return None

    def _expected(self, kind: str) -> int:
        """Return the size of an answer that is to come: a fair share of the bound before the first of its kind."""
        return self._sizes.get(kind, self._max_bytes // SHARES)

    def _may_begin(self, first: _Queued, *, spare: bool) -> bool:
        if first.position == NOW:
            return True
        fits = self._bytes + self._expected(first.ask.kind) <= self._max_bytes
        return fits and not spare and not self._hopeless
