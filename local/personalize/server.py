"""The service on a socket of this machine: its five operations, and `/_local/` to drive it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from local.personalize.admin import Admin
from local.personalize.answers import refuse
from local.personalize.delivery import deliver, respond
from local.personalize.model import Operation
from local.personalize.service import Service, Settings
from local.personalize.signatures import Signed

HOST = "127.0.0.1"
_LARGEST_BODY_BYTES = 8 * 1024 * 1024
_GRACE_SECONDS = 5.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Committer:
    """Commits what all calls of one turn of the event loop brought, before any is answered."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._turn: asyncio.Future[None] | None = None

    async def committed(self) -> None:
        """Return when everything handed to the store so far is committed."""
        if self._turn is None:
            loop = asyncio.get_running_loop()
            self._turn = loop.create_future()
            loop.call_soon(self._commit, self._turn)
        # One cancelled caller must not cancel the turn of the others.
        await asyncio.shield(self._turn)

    def _commit(self, turn: asyncio.Future[None]) -> None:
        self._turn = None
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001 -- whatever it is, each waiting call must hear it
            turn.set_exception(error)
        else:
            turn.set_result(None)


@asynccontextmanager
async def serve(settings: Settings, *, port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends; yields the URL.

    What was accepted is committed before it is answered. On the way out calls in flight are
    answered or cut, and sockets and the store are closed.
    """
    service = Service(settings)
    stopping = asyncio.Event()
    runner = web.AppRunner(
        _application(service, stopping), access_log=None, shutdown_timeout=_GRACE_SECONDS
    )
    try:
        await runner.setup()
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        stopping.set()
        await runner.cleanup()
        service.store.close()


def _application(service: Service, stopping: asyncio.Event) -> web.Application:
    async def pause(seconds: float, /) -> bool:
        try:
            await asyncio.wait_for(stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    committer = Committer(service.store.flush)

    def serving(operation: Operation) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            call = service.receive(operation, await _signed(request))
            if call.met.delay:
                await pause(call.met.delay)
            answer = service.answer(call)
            await committer.committed()
            return await deliver(request, answer, pause)

        return handle

    app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
    for operation in service.operations.values():
        app.router.add_route(operation.method, operation.path, serving(operation))
    app.add_routes(Admin(service).routes())
    app.router.add_route("*", "/{path:.*}", _unknown)
    return app


async def _signed(request: web.Request) -> Signed:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Signed(request.method, request.path_qs, headers, await request.read())


async def _unknown(request: web.Request) -> web.Response:
    return respond(refuse(404, "UnknownOperationException", f"{request.method} {request.path}"))
