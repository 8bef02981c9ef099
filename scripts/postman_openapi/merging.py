"""Merge or refuse requests that share path and method."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import evolve

from .json_nodes import Node
from .losses import Kind, Loss, SpecError
from .model import NO_AUTH, Auth, Parameter, Request, Server
from .operation_ids import common_name
from .reader.bodies import merge_bodies
from .reader.response_reader import merge_responses
from .reader.servers import split_server
from .schema_inference import merge_schemas

PATH_VARIABLE = re.compile(r"\{([^{}]*)\}")
NOT_REQUIRED = "not every request with this path and method requires it, so it is optional"


def path_shape(path: str) -> str:
    """Return a path without the names of its variables; OpenAPI tells paths apart by this."""
    return PATH_VARIABLE.sub("{}", path)


def refuse_duplicates(requests: Iterable[Request]) -> None:
    """Check that no two requests share path and method, and that every path uses one set of variable names.

    Raises:
        SpecError: two requests do; the error names both.
    """
    owners: dict[tuple[str, str], Request] = {}
    paths: dict[str, Request] = {}
    for request in requests:
        key = path_shape(request.path), request.method
        if other := owners.get(key):
            raise SpecError(request.where, "/request", f"has the same path and method as {other.where}")
        owners[key] = request
        first = paths.setdefault(key[0], request)
        if first.path != request.path:
            problem = f"{first.path} of {first.where} with other names for its variables"
            raise SpecError(request.where, "/request/url/path", problem)


def merge_duplicates(requests: Iterable[Request], losses: list[Loss]) -> list[Request]:
    """Merge the requests that share path and method, and record every disagreement as a loss.

    A parameter is required only if every request that has it requires it. If two paths differ only in the names of
    their variables, the first names win.
    """
    paths: dict[str, str] = {}
    groups: dict[tuple[str, str], list[Request]] = {}
    for each in _separate_servers(list(requests), losses):
        request = _rename_variables(each, paths.setdefault(path_shape(each.path), each.path), losses)
        groups.setdefault((request.path, request.method), []).append(request)
    return [_merge_group(group, losses) if len(group) > 1 else group[0] for group in groups.values()]


def _separate_servers(requests: list[Request], losses: list[Loss]) -> list[Request]:
    """Return the requests with the server's path moved into their own path where that keeps two operations apart.

    Two servers may offer the same path and method: https://a.example/v1/users and https://b.example/v2/users.
    """
    first: dict[tuple[str, str], Request] = {}
    taken = {(path_shape(request.path), request.method) for request in requests}
    moved: dict[tuple[str, str], Server] = {}
    separated = []
    for request in requests:
        owner = first.setdefault((path_shape(request.path), request.method), request)
        found = _move_path(request) if _differ(owner.server, request.server) else None
        key = (path_shape(found.path), found.method) if found else ("", "")
        if found and found.server and key not in taken and moved.setdefault(key, found.server) == found.server:
            why = f"{owner.where} has the same path on another server, so it becomes {found.path}"
            losses.append(_loss(request, f"the path {request.path}", why, Kind.PATH))
            separated.append(found)
        else:
            separated.append(request)
    return separated


def _differ(one: Server | None, other: Server | None) -> bool:
    return one is not None and other is not None and one != other


def _move_path(request: Request) -> Request | None:
    """Return a request with the path of its server at the start of its own path, or None if the server has none."""
    if request.server is None:
        return None
    server, path = split_server(request.server)
    return evolve(request, server=server, path=f"/{path.rstrip('/')}{request.path}") if path else None


def _rename_variables(request: Request, path: str, losses: list[Loss]) -> Request:
    """Return a request with the path variables named as in another path."""
    if request.path == path:
        return request
    names = dict(zip(PATH_VARIABLE.findall(request.path), PATH_VARIABLE.findall(path), strict=True))
    for old, new in names.items():
        if old != new:
            what = f"the name {old!r} of a path variable"
            losses.append(_loss(request, what, f"it is {new!r} in {path}", Kind.PATH))
    parameters = tuple(
        evolve(each, name=names[each.name]) if each.place == "path" else each for each in request.parameters
    )
    return evolve(request, path=path, parameters=parameters)


def _merge_group(group: list[Request], losses: list[Loss]) -> Request:
    """Merge a group of requests; the first one decides every single-valued field."""
    whole = evolve(group[0], name=common_name([request.name for request in group]))
    for other in group[1:]:
        whole = _merge_servers(whole, other, losses)
        for what in ("name", "description", "tags"):
            mine, its = getattr(whole, what), getattr(other, what)
            if its and its != mine and (mine or what == "tags"):
                why = f"{whole.where} has the same path and method"
                losses.append(_loss(other, f"the {what} of a second request", why, Kind.MERGE))
        whole = evolve(
            whole,
            description=whole.description or other.description,
            parameters=_merge_parameters(whole, other, losses),
            auth=_merge_auth(whole, other, losses),
        )
    bodies = [(body, request.where) for request in group for body in request.bodies]
    answers = [(answer, request.where) for request in group for answer in request.responses]
    found: list[Loss] = []
    merged = evolve(whole, bodies=merge_bodies(bodies, found), responses=merge_responses(answers, found))
    losses += _disagreements(found)
    return merged


def _merge_servers(whole: Request, other: Request, losses: list[Loss]) -> Request:
    """Return a request with the servers of both; if one of two is unknown, report that first of all losses."""
    if whole.server is None and other.server is None:
        if whole.host != other.host and "{{" in whole.host + other.host:
            why = f"{whole.where} has the same path and method at {whole.host}, which is as unknown"
            losses.insert(0, _loss(other, f"the server {other.host} of a second request", why, Kind.SERVER))
        return whole
    if whole.server is None or other.server is None:
        if whole.host and other.host and whole.host != other.host:
            unknown = whole if whole.server is None else other
            why = "it is unknown, and another request with this path and method has a known one"
            losses.insert(0, _loss(other, f"the server {unknown.host} of a second request", why, Kind.SERVER))
        return evolve(whole, server=whole.server or other.server)
    if other.server == whole.server or other.server in whole.other_servers:
        return whole
    why = f"{whole.where} has the same path and method; the operation lists both servers"
    losses.insert(0, _loss(other, "the server of a second request", why, Kind.MERGE))
    return evolve(whole, other_servers=(*whole.other_servers, other.server))


def _merge_parameters(one: Request, other: Request, losses: list[Loss]) -> tuple[Parameter, ...]:
    whole = {_parameter_key(each): each for each in one.parameters}
    for parameter in other.parameters:
        known = whole.get(_parameter_key(parameter))
        whole[_parameter_key(parameter)] = _merge_parameter(known, parameter, other, losses) if known else parameter
    return tuple(whole.values())


def _parameter_key(parameter: Parameter) -> tuple[str, str]:
    return parameter.place, parameter.name.lower() if parameter.place == "header" else parameter.name


def _merge_parameter(one: Parameter, other: Parameter, request: Request, losses: list[Loss]) -> Parameter:
    earlier = "an earlier request has another"
    defaults = [each.schema["default"] for each in (one, other) if "default" in each.schema]
    disagreements = (  # repr, because True == 1 in Python
        ("its description", one.description and other.description not in ("", one.description), earlier),
        ("whether it is required", one.required != other.required, NOT_REQUIRED),
        ("its default", len(defaults) == 2 and defaults[0] != defaults[1], earlier),
        ("its example", None not in (one.example, other.example) and repr(one.example) != repr(other.example), earlier),
        ("its style", (one.style, one.explode) != (other.style, other.explode), earlier),
    )
    for what, disagree, why in disagreements:
        if disagree:
            losses.append(_loss(request, f"the parameter {other.name!r}: {what}", why, Kind.MERGE, other.pointer))
    found: list[Loss] = []
    schema = merge_schemas(one.schema, other.schema, Node(None, request.where, other.pointer), found)
    losses += _disagreements(found)
    return evolve(
        one,
        description=one.description or other.description,
        required=one.required and other.required,
        schema=schema,
        example=one.example if one.example is not None else other.example,
    )


def _merge_auth(one: Request, other: Request, losses: list[Loss]) -> tuple[Auth, ...] | None:
    """Return the authentication of both requests as alternatives; no authentication can be one of them."""
    if one.auth == other.auth:
        return one.auth
    what = "the authentication of a second request"
    if one.auth is None or other.auth is None:
        losses.append(_loss(other, what, "only one of the two specifies it; that one is used", Kind.AUTHENTICATION))
        return other.auth if one.auth is None else one.auth
    losses.append(_loss(other, what, "the document allows either", Kind.AUTHENTICATION))
    mine, its = one.auth or (NO_AUTH,), other.auth or (NO_AUTH,)
    return (*mine, *(each for each in its if each not in mine))


def _disagreements(losses: Iterable[Loss]) -> Iterator[Loss]:
    """Yield the losses of merged schemas as disagreements of two requests, which are serious."""
    return (evolve(loss, kind=Kind.MERGE) for loss in losses)


def _loss(request: Request, what: str, why: str, kind: Kind, pointer: str | None = None) -> Loss:
    return Loss(request.where, request.pointer if pointer is None else pointer, what, why, kind=kind)
