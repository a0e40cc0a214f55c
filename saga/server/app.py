"""The FastAPI application: addresses, and the errors of all of them in one form."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from saga.errors import SagaError
from saga.runtime.shortage import shortage_line
from saga.scene.format_names import ExportFormat
from saga.server import bodies
from saga.server.gate import DOCS_FILES, Gate
from saga.server.opened import OpenScene
from saga.server.problems import status_of
from saga.server.scenes import Scenes
from saga.version import __version__

if TYPE_CHECKING:
    from fastapi import FastAPI

_Result = TypeVar("_Result")
_REFUSED = {
    400: "no text, where JSON is expected",
    401: "no token, or another one",
    403: "a path outside the folders, or a page of another site",
    404: "no such scene, view, object or file",
    409: "something is in the way as things stand",
    413: "more than is taken",
    422: "what was asked does not make sense",
    503: "too many requests wait, or memory is short",
}


def build_app(
    scenes: Scenes, token: str | None = None, most_bytes: int = 32 << 20, origins: tuple[str, ...] = ()
) -> FastAPI:
    """Returns the application; it closes the scenes when it ends.

    Args:
        scenes: what is open.
        token: what requests have to carry; None asks for none.
        most_bytes: of a request's body.
        origins: web pages that may ask.

    Raises:
        SagaError: FastAPI is not installed.
    """
    require_fastapi()
    from fastapi.exceptions import RequestValidationError
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.responses import JSONResponse
    from fastapi_offline import FastAPIOffline
    from starlette.exceptions import HTTPException

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(scenes.close)

    app = FastAPIOffline(
        title="saga", version=__version__, lifespan=lifespan, redoc_url=None, static_url=DOCS_FILES,
        description="Select objects in Gaussian splatting scenes: open one, send prompts, get bits, masks and files.",
        responses={code: {"model": bodies.ErrorAnswer, "description": text} for code, text in _REFUSED.items()},
    )  # fmt: skip

    @app.exception_handler(SagaError)
    async def refused(_: Any, error: SagaError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_of(error))

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Any, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": _line(error.errors())}, 422)

    @app.exception_handler(HTTPException)
    async def nowhere(request: Any, error: HTTPException) -> JSONResponse:
        headers = {"allow": _ways(app, request.scope)} if error.status_code == 405 else error.headers
        return JSONResponse({"error": f"request: {error.detail}; see /docs."}, error.status_code, headers)

    @app.exception_handler(Exception)
    async def failed(_: Any, error: Exception) -> JSONResponse:
        short = shortage_line(error)
        if short is not None:
            return JSONResponse({"error": short}, 503)
        traceback.print_exception(error, file=sys.stderr)
        return JSONResponse({"error": "saga-serve: found a bug of its own; its terminal shows where."}, 500)

    _add_scenes(app, scenes)
    _add_selecting(app, scenes)
    _add_objects(app, scenes)
    _add_results(app, scenes)
    if token is not None:
        _describe_token(app)
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(Gate, token=token, most_bytes=most_bytes, origins=origins)
    return app


def require_fastapi() -> None:
    """Raises SagaError when the packages of the extra are missing."""
    from importlib.util import find_spec

    missing = [name for name in ("fastapi", "fastapi_offline", "uvicorn") if find_spec(name) is None]
    if missing:
        package = missing[0].replace("_", "-")
        raise SagaError(
            f'saga-serve: expected the package {package}, found none; install it: pip install "saga-splat[serve]".'
        )


def _add_scenes(app: FastAPI, scenes: Scenes) -> None:
    @app.get("/", summary="Who answers")
    async def about() -> bodies.ServerAnswer:
        return bodies.ServerAnswer("saga", __version__)

    @app.get("/scenes", summary="Scenes that are open")
    async def list_scenes() -> list[bodies.SceneAnswer]:
        return scenes.all()

    @app.post("/scenes", status_code=201, summary="Open a scene; without features and regions, regions are made")
    async def open_scene(body: bodies.OpenBody) -> bodies.SceneAnswer:
        return await _done(scenes.open(body))

    @app.get("/scenes/{scene}", summary="One scene")
    async def show_scene(scene: str) -> bodies.SceneAnswer:
        return await _done(scenes.submit(scene, OpenScene.describe))

    @app.delete("/scenes/{scene}", status_code=204, summary="Close a scene; its objects are kept beside it")
    async def close_scene(scene: str) -> None:
        await _done(scenes.close_scene(scene))

    @app.get("/scenes/{scene}/views", summary="Its views and their cameras")
    async def list_views(scene: str) -> list[bodies.ViewAnswer]:
        return await _done(scenes.submit(scene, OpenScene.views))

    @app.post("/scenes/{scene}/training", status_code=202, summary="Make features and regions, beside the prompts")
    async def train(scene: str, body: bodies.TrainBody) -> bodies.TrainingAnswer:
        return await asyncio.to_thread(scenes.opened(scene).training.start, body)

    @app.get("/scenes/{scene}/training", summary="How far that is")
    async def show_training(scene: str) -> bodies.TrainingAnswer:
        return scenes.opened(scene).training.state()

    @app.delete("/scenes/{scene}/training", summary="End it; a later one goes on where it stopped")
    async def cancel_training(scene: str) -> bodies.TrainingAnswer:
        return await asyncio.to_thread(scenes.opened(scene).training.cancel)


def _add_selecting(app: FastAPI, scenes: Scenes) -> None:
    @app.post("/scenes/{scene}/prompt", summary="Select what prompts mean; the nested answers come with it")
    async def ask(scene: str, body: bodies.AskBody) -> bodies.SelectionAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.ask(body, refine=False)))

    @app.post("/scenes/{scene}/refine", summary="Add prompts to those of the last answer")
    async def refine(scene: str, body: bodies.AskBody) -> bodies.SelectionAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.ask(body, refine=True)))

    @app.post("/scenes/{scene}/text", summary="Select what words describe; the first ones of a scene take long")
    async def ask_words(scene: str, body: bodies.TextBody) -> bodies.WordsAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.words(body)))

    @app.post("/scenes/{scene}/answer", summary="Select another of the nested answers")
    async def choose(scene: str, body: bodies.ChooseBody) -> bodies.SelectionAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.choose(body)))

    @app.get("/scenes/{scene}/selection", summary="What is selected")
    async def show_selection(scene: str) -> bodies.SelectionAnswer:
        return await _done(scenes.submit(scene, OpenScene.selection))

    @app.post("/scenes/{scene}/selection", summary="Undo, redo, clear, invert, grow, shrink, or select an object")
    async def change_selection(scene: str, body: bodies.SelectBody) -> bodies.SelectionAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.change(body)))


def _add_objects(app: FastAPI, scenes: Scenes) -> None:
    @app.get("/scenes/{scene}/objects", summary="Objects that were kept")
    async def list_objects(scene: str) -> list[bodies.ObjectAnswer]:
        return await _done(scenes.submit(scene, OpenScene.objects))

    @app.post("/scenes/{scene}/objects", status_code=201, summary="Keep the selection as an object")
    async def keep_object(scene: str, body: bodies.KeepBody) -> bodies.ObjectAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.keep(body)))

    @app.post("/scenes/{scene}/find", summary="Find the objects of the scene and keep those that are new")
    async def find_objects(scene: str) -> list[bodies.ObjectAnswer]:
        return await _done(scenes.submit(scene, OpenScene.find))

    @app.patch("/scenes/{scene}/objects/{name}", summary="Rename or color an object")
    async def change_object(scene: str, name: str, body: bodies.KeepBody) -> bodies.ObjectAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.rename(name, body)))

    @app.delete("/scenes/{scene}/objects/{name}", status_code=204, summary="Take an object off the list")
    async def delete_object(scene: str, name: str) -> None:
        await _done(scenes.submit(scene, lambda opened: opened.delete(name)))


def _add_results(app: FastAPI, scenes: Scenes) -> None:
    from fastapi.responses import Response

    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    picture = {"image/png": {"schema": {"type": "string", "format": "binary"}}}

    @app.get(
        "/scenes/{scene}/bits", response_class=Response, response_model=None, responses={200: {"content": binary}},
        summary="The selection or an object as bits: eight Gaussians to a byte, the first in the highest bit",
    )  # fmt: skip
    async def bits(scene: str, object: bodies.Name | None = None) -> Any:
        data = await _done(scenes.submit(scene, lambda opened: opened.bits(object)))
        return Response(data, media_type="application/octet-stream")

    @app.post(
        "/scenes/{scene}/mask", response_class=Response, response_model=None, responses={200: {"content": picture}},
        summary="The mask of the selection or an object in a view or from any camera, a PNG of 0 and 255",
    )  # fmt: skip
    async def mask(scene: str, body: bodies.PictureBody) -> Any:
        data = await _done(scenes.submit(scene, lambda opened: opened.mask_picture(body)))
        return Response(data, media_type="image/png")

    @app.get(
        "/scenes/{scene}/file", response_class=Response, response_model=None, responses={200: {"content": binary}},
        summary="The Gaussians of the selection or an object as a file",
    )  # fmt: skip
    async def file(scene: str, object: bodies.Name | None = None, format: ExportFormat | None = None) -> Any:
        data, ending = await _done(scenes.submit(scene, lambda opened: opened.file(object, format)))
        headers = {"content-disposition": f'attachment; filename="object.{ending}"'}
        return Response(data, media_type="application/octet-stream", headers=headers)

    @app.post("/scenes/{scene}/export", status_code=201, summary="Write object, rest, masks and preview into a folder")
    async def export(scene: str, body: bodies.ExportBody) -> bodies.ExportAnswer:
        return await _done(scenes.submit(scene, lambda opened: opened.export(body)))


def _describe_token(app: FastAPI) -> None:
    """Tells the OpenAPI page that a token is asked for."""
    plain: Callable[[], dict[str, Any]] = app.openapi

    def with_token() -> dict[str, Any]:
        schema = plain()
        schema.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
        return schema

    app.openapi = with_token  # type: ignore[method-assign]


async def _done(future: Future[_Result]) -> _Result:
    """Waits for a job without holding up other requests."""
    return await asyncio.wrap_future(future)


def _ways(app: FastAPI, scope: Any) -> str:
    """Returns the methods that an address takes."""
    from starlette.routing import Match

    matching = [route for route in app.router.routes if route.matches(scope)[0] is not Match.NONE]
    return ", ".join(sorted({way for route in matching for way in getattr(route, "methods", None) or ()}))


def _line(errors: Any) -> str:
    """Says in one line what is wrong with a body or a parameter."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return "body: expected JSON, found something else; see /docs."
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    reason = " ".join(str(first["msg"]).split())
    return f"{where[:200]}: {reason[:1].lower()}{reason[1:]}{more}; see /docs."
