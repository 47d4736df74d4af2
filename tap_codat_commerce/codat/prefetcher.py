"""Makes requests before their answers are needed: in worker threads, in the order of need, within bounds.

One thread, the reader, offers requests and later uses their answers. Each answer is used once; an error is raised where
its answer would be used. What the reader is waiting for goes before all else, whatever the bounds say: so the reader
never waits for something that waits for the reader.
"""

from __future__ import annotations

import heapq
import logging
import queue
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors, lossless_json

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tap_codat_commerce.codat.client import Client, Params
    from tap_codat_commerce.codat.clock import Clock

    Decode = Callable[[bytes], Any]
    Position = tuple[int, ...]

MAX_BYTES = 32 * 2**20
"""Of all prefetched answers that are held at once: the size of their bodies."""
SHARES = 8
"""Before the first answer of its kind, an answer is expected to take this part of the bound: an eighth."""
logger = logging.getLogger("tap-codat-commerce")
POLL_SECONDS = 0.5
"""How often the reader looks up while it waits."""
NOW: Position = ()
"""Before all other positions."""


@dataclass
class Request:
    """A request, and its answer once it has arrived.

    Attributes:
        key: which requests are the same.
        kind: which answers are of similar size.
        call: makes the request; is given what decodes the answer.
        then: is called with the answer, in the reader's thread.
        state: queued, under way, done or dropped.
        arrived: whether the reader knows that it is done.
        size: of the body in bytes; what is expected, while it is under way.
    """

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
        except BaseException as exc:  # noqa: BLE001 - is raised in the reader
            self.error = exc

    def _measured(self, body: bytes) -> Any:
        self.size = len(body)
        return self.decode(body)


@dataclass(order=True)
class _Queued:
    position: Position
    number: int
    request: Request = field(compare=False)


class Prefetcher:
    """Codat for one reader, whose thread alone may use it.

    Attributes:
        own_sizes: how many records a page has, by the path of each list that comes in smaller pages than asked for.
        while_waiting: is called about twice a second while the reader waits for an answer.
    """

    def __init__(self, client: Client, at_once: int, max_bytes: int = MAX_BYTES) -> None:
        """Begin without a request.

        Args:
            client: makes the requests.
            at_once: how many threads prefetch.
            max_bytes: how large all prefetched answers that are held may be together.
        """
        self._client, self._at_once, self._max_bytes = client, at_once, max_bytes
        self.own_sizes: dict[str, int] = {}
        self.while_waiting: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._arrived: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._requests: dict[Hashable, Request] = {}
        self._tokens: dict[Hashable, list[Request]] = {}
        self._queue: list[_Queued] = []
        self._sizes: dict[str, int] = {}
        self._number = self._threads = self._idle = 0
        self._bytes = 0  # of answers that are held, and as expected of those that are under way
        self._closed = self._run_ends = False

    @property
    def clock(self) -> Clock:
        """Codat's clock."""
        return self._client.clock

    @property
    def open(self) -> int:
        """How many answers were offered and not used yet."""
        return len(self._requests)

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
        """Offer a GET, to be made as soon as the bounds allow; it may have been offered already.

        Args:
            path: as for `Client.get`, as are `params` and `decode`.
            params: as for `Client.get`.
            decode: as for `Client.get`.
            position: the smaller, the earlier it is made.
            token: only a `get` with an equal one may use the answer.
            then: is called with the answer soon after it has arrived, in the reader's thread; not after an error.
        """
        request = self._get_request(path, params, decode, token)
        request.then = then
        self._offer(request, position, token)

    def prefetch_post(self, path: str, params: Params, position: Position, *, token: Hashable = None) -> None:
        """Offer a POST likewise: a `post` of the same uses the answer."""
        self._offer(self._post_request(path, params), position, token)

    def _offer(self, request: Request, position: Position, token: Hashable) -> None:
        if request.key in self._requests or self._run_ends:
            return
        with self._lock:
            self._requests[request.key] = request
            self._put(request, position)
        if token is not None:
            self._tokens.setdefault(token, []).append(request)

    def get(
        self, path: str, params: Params | None = None, decode: Decode = lossless_json.decode, token: Hashable = None
    ) -> Any:
        """Return the decoded answer to a GET, whether it was offered or not; the rest as for `Client.get`."""
        request = self._get_request(path, params, decode, token)
        return self._answer(self._requests.get(request.key) or request)

    def follow(self, link: str, decode: Decode = lossless_json.decode) -> Any:
        """Return the decoded answer behind a link, as for `Client.follow`."""
        return self._answer(Request(("link", link), "", lambda d: self._client.follow(link, d), decode))

    def post(self, path: str, params: Params | None = None, body: Any = None, *, repeatable: bool = True) -> Any:
        """Return the decoded answer to a POST, whether it was offered or not; the rest as for `Client.post`."""
        request = self._post_request(path, params, body, repeatable=repeatable)
        return self._answer(self._requests.get(request.key) or request)

    def expect(self, more: int) -> None:
        """Announce so many more requests, as `RateLimiter.expect` does."""
        self._client.limiter.expect(more)

    def drop(self, token: Hashable) -> None:
        """Forget what was offered with a token and not used."""
        for request in self._tokens.pop(token, ()):
            self._forget(request)

    def withdraw(self, token: Hashable) -> bool:
        """Forget what was offered with a token if none of it was begun; say whether it is forgotten."""
        with self._lock:
            offered = self._tokens.get(token, ())
            if any(request.state != "queued" for request in offered):
                return False
            for request in offered:
                request.state = "dropped"
        self.drop(token)
        return True

    def close(self) -> None:
        """Make no more requests, and don't wait for those under way."""
        self._client.limiter.close()
        with self._lock:
            self._closed = True
            self._requests.clear()
            self._queue.clear()
            self._work.notify_all()

    def _get_request(self, path: str, params: Params | None, decode: Decode, token: Hashable) -> Request:
        key = (path, *(params or {}).items(), token)
        return Request(key, path.rpartition("/")[2], lambda d: self._client.get(path, params, d), decode)

    def _post_request(self, path: str, params: Params | None, body: Any = None, *, repeatable: bool = True) -> Request:
        key = ("post", path, *(params or {}).items())
        call = partial(self._client.post, path, params, body, repeatable=repeatable)
        return Request(key, "", lambda _: call(), lossless_json.decode)

    def _put(self, request: Request, position: Position) -> None:
        """Queue a request; begin a thread if none is free for it. The lock is held."""
        self._number += 1
        heapq.heappush(self._queue, _Queued(position, self._number, request))
        wanted = self._at_once + (position == NOW)
        if self._idle < len(self._queue) and self._threads < wanted:
            self._begin_thread()
        if self._is_free_for(position):
            self._work.notify()

    def _begin_thread(self) -> None:
        """Begin one more thread, if the machine has one: as many as there are will do, the reader's own if need be."""
        try:
            threading.Thread(target=self._run, name=f"codat-{self._number}", daemon=True).start()
        except (RuntimeError, MemoryError) as exc:
            if self._threads < self._at_once:
                logger.warning("No more than %d requests are made at once: %s.", max(1, self._threads), exc)
            self._at_once = self._threads
        else:
            self._threads += 1

    def _answer(self, request: Request) -> Any:
        """Wait for the answer to a request; meanwhile call `then` of others that arrive."""
        with self._lock:
            self._requests.setdefault(request.key, request)
            if request.state == "queued":
                self._put(request, NOW)
        while not request.arrived or not self._arrived.empty():
            if not self._threads and request.state == "queued":
                self._make(self._take(request))
            self._take_arrived()
        value, error = request.value, request.error
        self._forget(request)
        if error:
            raise error
        return value

    def _take_arrived(self) -> None:
        """Wait for the next answer that arrives, but not for long; call its `then`.

        The reader's thread handles signals, so that an exception may be raised at any moment in here: a queue stays
        usable then, a condition does not. Waiting is cut short for a signal that came just before it began.
        """
        try:
            request = self._arrived.get(timeout=POLL_SECONDS)
        except queue.Empty:
            self.while_waiting()
            return
        request.arrived = True
        if request.then and request.error is None and request.state != "dropped":
            request.then(request.value)

    def _forget(self, request: Request) -> None:
        with self._lock:
            self._requests.pop(request.key, None)
            if request.state == "done":
                self._bytes -= request.size
                if self._queue:  # what did not fit may fit now
                    self._work.notify_all()
            request.state, request.value = "dropped", None

    def _run(self) -> None:
        """Make requests, in a daemon thread: the threads of an executor would hold up the end of the process."""
        while (request := self._next()) is not None:
            self._make(request)
            del request  # what it holds is the reader's
        self._client.release()

    def _make(self, request: Request) -> None:
        """Make a request that was taken."""
        expected = request.size
        request.run()
        with self._lock:
            self._sizes[request.kind] = max(request.size, self._sizes.get(request.kind, 0) * 7 // 8)
            self._bytes -= expected
            if request.state != "dropped":
                request.state = "done"
                self._bytes += request.size
            ending = errors.EndsAllRequests if _is_post(request) else errors.EndsTheRun  # it may be refused for itself
            self._run_ends = self._run_ends or isinstance(request.error, ending)
        self._arrived.put(request)

    def _take(self, request: Request) -> Request:
        """Take a request out of those that are queued, to make it."""
        request.state, request.size = "under way", self._expected(request.kind)
        self._bytes += request.size
        return request

    def _next(self) -> Request | None:
        """Wait for a request that may begin; None if there will be none."""
        with self._lock:
            self._idle += 1
            while not self._closed:
                while self._queue and self._queue[0].request.state != "queued":
                    heapq.heappop(self._queue)
                if self._queue and self._may_begin(self._queue[0]):
                    self._idle -= 1
                    return self._take(heapq.heappop(self._queue).request)
                self._work.wait()
            self._idle -= 1
            self._threads -= 1
            return None

    def _expected(self, kind: str) -> int:
        """Return the size in bytes that an answer is expected to have, by earlier ones of its kind."""
        return self._sizes.get(kind, self._max_bytes // SHARES)

    def _may_begin(self, first: _Queued) -> bool:
        if first.position == NOW:
            return True
        fits = self._bytes + self._expected(first.request.kind) <= self._max_bytes
        return fits and self._is_free_for(first.position) and not self._run_ends

    def _is_free_for(self, position: Position) -> bool:
        """Say whether a request may be made beside those under way; what the reader waits for may in any case."""
        return position == NOW or self._threads - self._idle < self._at_once


def _is_post(request: Request) -> bool:
    return isinstance(request.key, tuple) and request.key[0] == "post"
