"""Several requests on one path and method: joined, or refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve

from .answers import one_answer
from .bodies import joined
from .collection import WITHOUT, Auth, Parameter, Request, Response
from .nodes import Node
from .problems import Loss, SpecError
from .schemas import merged

VARIABLE = re.compile(r"\{([^{}]*)\}")


def shape(path: str) -> str:
    """Return a path without the names of its variables: OpenAPI knows paths by it."""
    return VARIABLE.sub("{}", path)


def refuse_repeated(requests: Iterable[Request]) -> None:
    """See that no two requests share path and method, and that each path names its variables in one way.

    Raises:
        SpecError: two do; both are named.
    """
    owners: dict[tuple[str, str], Request] = {}
    paths: dict[str, Request] = {}
    for request in requests:
        key = shape(request.path), request.method
        if other := owners.get(key):
            raise SpecError(request.where, "/request", f"the same path and method as {other.where}")
        owners[key] = request
        first = paths.setdefault(key[0], request)
        if first.path != request.path:
            problem = f"{first.path} of {first.where} again, but for the names of its variables"
            raise SpecError(request.where, "/request/url/path", problem)


def merge_repeated(requests: Iterable[Request], losses: list[Loss]) -> list[Request]:
    """Return the requests with those joined that share path and method; what they disagree in is lost.

    A parameter is required only if all that have it say so. Where paths differ in the names of their variables alone,
    the first names count.
    """
    paths: dict[str, str] = {}
    groups: dict[tuple[str, str], list[Request]] = {}
    for each in requests:
        request = _renamed(each, paths.setdefault(shape(each.path), each.path), losses)
        groups.setdefault((request.path, request.method), []).append(request)
    return [_joined(group, losses) if len(group) > 1 else group[0] for group in groups.values()]


def _renamed(request: Request, path: str, losses: list[Loss]) -> Request:
    """Return a request with the variables of its path named as in another one."""
    if request.path == path:
        return request
    names = dict(zip(VARIABLE.findall(request.path), VARIABLE.findall(path), strict=True))
    for old, new in names.items():
        if old != new:
            losses.append(_lost(request, f"the name {old!r} of a path variable", f"it is {new!r} in {path}"))
    parameters = tuple(
        evolve(each, name=names[each.name]) if each.place == "path" else each for each in request.parameters
    )
    return evolve(request, path=path, parameters=parameters)


def _joined(group: list[Request], losses: list[Loss]) -> Request:
    """Return what all requests of a group say; of what only one can say, what the first one says."""
    whole = group[0]
    for other in group[1:]:
        for what in ("name", "description", "server", "tags"):
            mine, its = getattr(whole, what), getattr(other, what)
            if its and its != mine and (mine or what == "tags"):
                why = f"{whole.where} has the same path and method"
                losses.append(_lost(other, f"the {what} of a second request", why))
        whole = evolve(
            whole,
            description=whole.description or other.description,
            server=whole.server or other.server,
            parameters=_all_parameters(whole, other, losses),
            auth=_either(whole, other, losses),
        )
    bodies = [(body, request.where) for request in group for body in request.bodies]
    return evolve(whole, bodies=joined(bodies, losses), responses=_all_answers(group, losses))


def _all_parameters(one: Request, other: Request, losses: list[Loss]) -> tuple[Parameter, ...]:
    whole = {_key(each): each for each in one.parameters}
    for parameter in other.parameters:
        known = whole.get(_key(parameter))
        whole[_key(parameter)] = _same_parameter(known, parameter, other, losses) if known else parameter
    return tuple(whole.values())


def _key(parameter: Parameter) -> tuple[str, str]:
    return parameter.place, parameter.name.lower() if parameter.place == "header" else parameter.name


def _same_parameter(one: Parameter, other: Parameter, request: Request, losses: list[Loss]) -> Parameter:
    what = f"the parameter {other.name!r}"
    if other.description not in ("", one.description) and one.description:
        losses.append(_lost(request, f"{what}: its description", "a request before it has another", other.pointer))
    if one.required != other.required:
        why = "not every request on this path and method requires it, so none has to give it"
        losses.append(_lost(request, f"{what}: whether it is required", why, other.pointer))
    if (
        one.schema.get("default") != other.schema.get("default")
        and "default" in one.schema
        and "default" in other.schema
    ):
        losses.append(_lost(request, f"{what}: its default", "a request before it has another", other.pointer))
    if None not in (one.example, other.example) and repr(one.example) != repr(other.example):  # true is 1 to Python
        losses.append(_lost(request, f"{what}: its example", "a request before it has another", other.pointer))
    if (one.style, one.explode) != (other.style, other.explode):
        losses.append(_lost(request, f"{what}: its style", "a request before it has another", other.pointer))
    schema = merged(one.schema, other.schema, Node(None, request.where, other.pointer), losses)
    return evolve(
        one,
        description=one.description or other.description,
        required=one.required and other.required,
        schema=schema,
        example=one.example if one.example is not None else other.example,
    )


def _either(one: Request, other: Request, losses: list[Loss]) -> tuple[Auth, ...] | None:
    """Return the ways to authenticate that either names, as alternatives; to do without may be one of them."""
    if one.auth == other.auth:
        return one.auth
    what = "the authentication of a second request"
    if one.auth is None or other.auth is None:
        losses.append(_lost(other, what, "only one of the two says which; that counts"))
        return other.auth if one.auth is None else one.auth
    losses.append(_lost(other, what, "either will do in what is written"))
    mine, its = one.auth or (WITHOUT,), other.auth or (WITHOUT,)
    return (*mine, *(each for each in its if each not in mine))


def _all_answers(group: list[Request], losses: list[Loss]) -> tuple[Response, ...]:
    found: dict[str, list[tuple[Response, str]]] = {}
    for request in group:
        for answer in request.responses:
            found.setdefault(answer.status, []).append((answer, request.where))
    return tuple(one_answer(answers, losses) for answers in found.values())


def _lost(request: Request, what: str, why: str, pointer: str | None = None) -> Loss:
    return Loss(request.where, request.pointer if pointer is None else pointer, what, why)
