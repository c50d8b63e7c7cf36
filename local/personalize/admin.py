"""The paths under `/_local/`: read back what happened, and change what happens next."""

from collections.abc import Iterator
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter

from local.personalize.faults import Rule
from local.personalize.service import Resources, Service

_RULES = TypeAdapter(list[Rule])


class Declared(BaseModel):
    """The body of `PUT /_local/resources`; of an empty kind everything exists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trackers: frozenset[str] = frozenset()
    datasets: frozenset[str] = frozenset()


class Admin:
    """Drives a service; a value that cannot be is answered with 400 and why."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[web.RouteDef]:
        """The paths and what they do."""
        return [
            web.get("/_local/health", self._health),
            web.get("/_local/summary", self._summary),
            web.get("/_local/entries/{operation}", self._entries),
            web.get("/_local/calls", self._calls),
            web.get("/_local/faults", self._get_faults),
            web.put("/_local/faults", self._put_faults),
            web.delete("/_local/faults", self._delete_faults),
            web.put("/_local/resources", self._put_resources),
            web.post("/_local/reset", self._reset),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok", "operations": list(self._service.operations)})

    async def _summary(self, _: web.Request) -> web.Response:
        return _json(self._service.summary())

    async def _entries(self, request: web.Request) -> web.StreamResponse:
        operation = request.match_info["operation"]
        if operation not in self._service.operations:
            return _wrong(f"no operation {operation!r}", status=404)
        return await _stream(request, self._service.store.entries(operation))

    async def _calls(self, request: web.Request) -> web.StreamResponse:
        return await _stream(request, self._service.store.calls())

    async def _get_faults(self, _: web.Request) -> web.Response:
        rules = self._service.faults.rules
        return _json([rule.model_dump(exclude_defaults=True) for rule in rules])

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            self._service.set_faults(_RULES.validate_json(await request.read()))
        except ValueError as error:
            return _wrong(str(error))
        return await self._get_faults(request)

    async def _delete_faults(self, request: web.Request) -> web.Response:
        self._service.set_faults(())
        return await self._get_faults(request)

    async def _put_resources(self, request: web.Request) -> web.Response:
        try:
            declared = Declared.model_validate_json(await request.read())
        except ValueError as error:
            return _wrong(str(error))
        self._service.resources = Resources(declared.trackers, declared.datasets)
        return _json(declared.model_dump(mode="json"))

    async def _reset(self, _: web.Request) -> web.Response:
        self._service.reset()
        return _json({})


async def _stream(request: web.Request, pages: Iterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for page in pages:
        await response.write(page)
    await response.write_eof()
    return response


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _wrong(message: str, *, status: int = 400) -> web.Response:
    return web.json_response({"message": message}, status=status)
