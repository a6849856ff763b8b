"""The API: count photos, answer questions about them, explain counts, generate questions."""

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, cast

import numpy as np
import torch
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from PIL import Image
from starlette.exceptions import HTTPException

from counting.explain.explanation import Explanation
from counting.networks.zoo.cards import models
from counting.predictor.count_result import CountResult
from counting.predictor.tiling import Tile, check_tile
from counting.web import schemas
from counting.web.limits import Limits
from counting.web.metrics import Metrics
from counting.web.uploads import Photo, Reader, Upload, unavailable
from counting.web.worker import QueueFullError, Worker
from counting_datasets.errors import CountingError

LONGEST_MAP = 1024
"""Largest width or height in pixels of the map of an explanation."""

LONGEST_TILE = 8
"""Number of characters that are read of a number of tiles."""

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": schemas.Error, "description": "The request is malformed, incomplete or too slow."},
    401: {"model": schemas.Error, "description": "The server asks for a token, and this one is missing or wrong."},
    413: {"model": schemas.Error, "description": "Too many bytes, pixels or photos."},
    415: {"model": schemas.Error, "description": "Not an image of a known format."},
    422: {
        "model": schemas.Error,
        "description": "The photo is damaged, or the counter does not count the category.",
    },
    503: {"model": schemas.Error, "description": "The server is busy; Retry-After says when to try again."},
}


class Api:
    """The routes of the API, and what they share."""

    def __init__(self, worker: Worker, limits: Limits, metrics: Metrics) -> None:
        self._worker = worker
        self._limits = limits
        self._metrics = metrics
        self._reader = Reader(limits)

    def router(self) -> APIRouter:
        router = APIRouter(responses=ERRORS, tags=["counting"])
        several, one = _body("tile", several=True, optional=True), _body()
        question, category = _body("question"), _body("category")
        answer: dict[str, Any] = {"response_description": "The answer."}
        router.post("/v1/count", response_model=schemas.Counts, openapi_extra=several, **answer)(self.count)
        router.post("/v1/ask", response_model=schemas.Asked, openapi_extra=question, **answer)(self.ask)
        router.post("/v1/explain", response_model=schemas.Explained, openapi_extra=category, **answer)(
            self.explain
        )
        router.post("/v1/questions", response_model=schemas.Questions, openapi_extra=one, **answer)(self.questions)
        router.get("/v1/models", response_model=schemas.Models, **answer)(self.models)
        return router

    async def count(self, request: Request) -> Response:
        """Count objects in one photo or several.

        If a photo cannot be counted, its result is an error; a request with a single photo is then refused. `tile`
        counts small objects in large photos: the number of tiles along the longer side, or `auto`.
        """
        async with self._reader.read(request) as upload:
            outcomes = await self._count(request, upload.photos, _tile(upload))
            if len(outcomes) == 1 and isinstance(outcomes[0], HTTPException):
                raise outcomes[0]
            results = [
                {"file_name": photo.name, "error": outcome.detail}
                if isinstance(outcome, HTTPException)
                else photo.named(outcome).to_dict()
                for photo, outcome in zip(upload.photos, outcomes, strict=True)
            ]
            return JSONResponse({"results": results})

    async def ask(self, request: Request) -> Response:
        """Answer a question such as "how many dogs are there?" about a photo.

        If counts do not answer the question, `reason` says why.
        """
        async with self._reader.read(request) as upload:
            photo, question = upload.photo, upload.field("question")
            answer = await self._call(
                request, photo, lambda: self._worker.counter.ask(photo.source, question).to_dict()
            )
            return JSONResponse({"file_name": photo.name, **answer})

    async def explain(self, request: Request) -> Response:
        """Show where in a photo the count of a category comes from."""
        async with self._reader.read(request) as upload:
            photo, category = upload.photo, upload.field("category")
            found = await self._call(
                request, photo, lambda: _explained(self._worker.counter.explain(photo.source, category))
            )
            return JSONResponse({"file_name": photo.name, **found})

    async def questions(self, request: Request) -> Response:
        """Generate different questions about a photo and answer them (Diverse Beam Search)."""
        async with self._reader.read(request) as upload:
            photo = upload.photo
            found = await self._call(
                request, photo, lambda: [one.to_dict() for one in self._worker.counter.questions(photo.source)]
            )
            return JSONResponse({"file_name": photo.name, "questions": found})

    async def models(self) -> Response:
        """List the counters of the package, and say which one answers here, what it counts, and the limits."""
        counter = self._worker.counter
        return JSONResponse(
            {
                "counter": counter.name,
                "categories": counter.categories,
                "limits": asdict(self._limits),
                "models": models(),
            }
        )

    async def _count(
        self, request: Request, photos: Sequence[Photo], tile: Tile | None
    ) -> list[CountResult | HTTPException]:
        """The result of each photo, or why there is none."""
        refused = await asyncio.gather(*(self._refusal(photo) for photo in photos))
        accepted = [photo for photo, refusal in zip(photos, refused, strict=True) if refusal is None]
        counted = iter(
            await self._wait(request, lambda: self._worker.count([photo.source for photo in accepted], tile))
        )
        outcomes = [refusal or _outcome(next(counted)) for refusal in refused]
        for outcome in outcomes:
            self._metrics.photos.labels("refused" if isinstance(outcome, HTTPException) else "counted").inc()
        return outcomes

    async def _call(self, request: Request, photo: Photo, function: Callable[[], Any]) -> Any:
        """What ``function`` returns, called by the worker for a photo whose header is in order."""
        if refusal := await self._refusal(photo):
            raise refusal
        (outcome,) = await self._wait(request, lambda: [self._worker.call(function)])
        if isinstance(outcome, BaseException):
            raise _as_answer(outcome)
        return outcome

    async def _refusal(self, photo: Photo) -> HTTPException | None:
        try:
            await asyncio.to_thread(photo.check, self._limits)
        except HTTPException as refusal:
            return refusal
        return None

    async def _wait(self, request: Request, put: Callable[[], Sequence[Future[Any]]]) -> list[Any]:
        """The results of what ``put`` puts in the worker's queue, or their errors.

        Whatever still waits in the queue when the client closes the connection, or time is over, is cancelled.

        Raises:
            HTTPException: 503 if the queue is full, or if it takes too long; 400 if the client is gone.
        """
        try:
            results = [asyncio.wrap_future(future) for future in put()]
        except QueueFullError:
            raise unavailable("too many photos are waiting") from None
        closed = asyncio.ensure_future(_closed(request))
        answered = asyncio.gather(*results, return_exceptions=True)
        try:
            await asyncio.wait(
                (answered, closed), timeout=self._limits.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if answered.done():
                return answered.result()
            if closed.done():
                raise HTTPException(400, "the client closed the connection")
            raise unavailable(f"no answer in {self._limits.seconds:g} seconds")
        finally:
            closed.cancel()
            for result in results:
                result.cancel()


async def _closed(request: Request) -> None:
    """Return when the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _tile(upload: Upload) -> Tile | None:
    """The field ``tile``.

    Raises:
        HTTPException: 422 if it is not a number of tiles.
    """
    sent = upload.fields.get("tile", "").strip()[:LONGEST_TILE]
    if not sent:
        return None
    tile = int(sent) if sent.isdecimal() else sent
    try:
        check_tile(tile)
    except CountingError as error:
        raise _as_answer(error) from None
    return cast(Tile, tile)


def _outcome(outcome: CountResult | BaseException) -> CountResult | HTTPException:
    return outcome if isinstance(outcome, CountResult) else _as_answer(outcome)


def _as_answer(error: BaseException) -> HTTPException:
    """The answer to a request that met ``error``; raises an error that is a bug."""
    match error:
        case CountingError():
            return HTTPException(422, str(error))
        case MemoryError() | torch.OutOfMemoryError():
            return unavailable("not enough memory")
        case asyncio.CancelledError():
            return unavailable("the server is stopping")
        case _:
            raise error


def _explained(found: Explanation) -> dict[str, Any]:
    return {
        "category": found.subject.category,
        "size": list(found.photo.size),
        "score": found.score,
        "text": found.subject.heading,
        "why_empty": found.why_empty,
        "map": base64.b64encode(_map_png(found)).decode(),
    }


def _map_png(found: Explanation) -> bytes:
    picture = Image.fromarray((found.map * 255).round().astype(np.uint8))
    picture.thumbnail((LONGEST_MAP, LONGEST_MAP))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _body(field: str | None = None, *, several: bool = False, optional: bool = False) -> dict[str, Any]:
    """The OpenAPI description of a request: a form with photos and a field, or the bytes of one photo."""
    photo: dict[str, Any] = {"type": "string", "format": "binary"}
    properties = {"photo": {"type": "array", "items": photo} if several else photo}
    required, parameters = ["photo"], []
    if field:
        properties[field] = {"type": "string"}
        required += [] if optional else [field]
        parameters = [{
            "name": field,
            "in": "query",
            "schema": {"type": "string"},
            "description": f"the {field}, if the body is the bytes of a photo",
        }]  # fmt: skip
    form = {"type": "object", "required": required, "properties": properties}
    content = {"multipart/form-data": {"schema": form}, "image/*": {"schema": photo}}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}
