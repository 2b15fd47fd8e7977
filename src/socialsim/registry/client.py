"""A client of registries that speak Confluent's REST interface: Confluent's, Karapace, Apicurio
(``/apis/ccompat/v7``).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from socialsim.errors import InputError, SchemaRefusedError, UnknownSchemaError
from socialsim.registry.address import RegistryAddress
from socialsim.registry.base import (
    Compatibility,
    Registered,
    Registry,
    SchemaKind,
    SchemaText,
    SubjectVersion,
    Verdict,
)
from socialsim.registry.http import HttpAnswer, UnreachableError, exchange

#: Of a pause between two attempts: the first, and the longest.
_PAUSE_S: Final = (0.1, 2.0)
_NOT_FOUND: Final = 404
#: Confluent's codes for: the store failed, it took too long, the leader could not be asked.
_PASSING_CODES: Final = (50001, 50002, 50003)


class HttpRegistry(Registry):
    """The registry at ``address``. Each request has ``request_timeout_s``; one that gets no answer,
    or an answer that the server cannot serve it now, is asked again until ``patience_s`` have
    passed.
    """

    def __init__(
        self,
        address: RegistryAddress,
        *,
        request_timeout_s: float = 5.0,
        patience_s: float = 15.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._address = address
        self._request_timeout_s = request_timeout_s
        self._patience_s = patience_s
        self._sleep = sleep

    @property
    def address(self) -> str:
        """The URL."""
        return self._address.url

    async def register(self, subject: str, schema: SchemaText) -> Registered:
        """See Registry."""
        answer = await self._ask("POST", f"/subjects/{_quoted(subject)}/versions", _told(schema))
        return self._registered(self._content(answer, f"register {subject}"))

    async def find(self, subject: str, schema: SchemaText) -> Registered | None:
        """See Registry."""
        answer = await self._ask("POST", f"/subjects/{_quoted(subject)}", _told(schema))
        if answer.status == _NOT_FOUND:
            return None
        return self._registered(self._content(answer, f"find a schema of {subject}"))

    async def by_id(self, schema_id: int) -> SchemaText:
        """See Registry."""
        return await self._by(f"/schemas/ids/{schema_id}", f"schema {schema_id}")

    async def by_guid(self, guid: UUID) -> SchemaText:
        """See Registry."""
        return await self._by(f"/schemas/guids/{guid}", f"schema {guid}")

    async def _by(self, path: str, what: str) -> SchemaText:
        answer = await self._ask("GET", path)
        if answer.status == _NOT_FOUND:
            raise UnknownSchemaError(f"{what} is not known to the schema registry at {self.address}")
        return self._schema(self._content(answer, f"look up {what}"))

    async def latest(self, subject: str) -> SubjectVersion | None:
        """See Registry."""
        answer = await self._ask("GET", f"/subjects/{_quoted(subject)}/versions/latest")
        if answer.status == _NOT_FOUND:
            return None
        content = self._content(answer, f"look up {subject}")
        return SubjectVersion(
            subject, int(content.get("version") or 0), self._registered(content), self._schema(content)
        )

    async def check(self, subject: str, schema: SchemaText) -> Verdict:
        """See Registry."""
        path = f"/compatibility/subjects/{_quoted(subject)}/versions?verbose=true"
        level = await self.compatibility(subject)
        if not level.name.endswith("_TRANSITIVE"):
            path = path.replace("/versions", "/versions/latest")
        answer = await self._ask("POST", path, _told(schema))
        if answer.status == _NOT_FOUND:
            return Verdict(True)
        content = self._content(answer, f"check a schema for {subject}")
        if content.get("is_compatible"):
            return Verdict(True)
        messages = content.get("messages") or [content.get("reason") or "no reason is given"]
        return Verdict(False, "; ".join(map(str, messages)))

    async def subjects(self) -> list[str]:
        """See Registry."""
        answer = await self._ask("GET", "/subjects")
        return sorted(map(str, self._content(answer, "list subjects", list)))

    async def compatibility(self, subject: str) -> Compatibility:
        """See Registry."""
        answer = await self._ask("GET", f"/config/{_quoted(subject)}?defaultToGlobal=true")
        if answer.status == _NOT_FOUND:
            answer = await self._ask("GET", "/config")
        level = self._content(answer, f"look up the compatibility of {subject}").get("compatibilityLevel")
        try:
            return Compatibility(level)
        except ValueError:
            raise self._strange(f"a compatibility of {level!r}") from None

    async def set_compatibility(self, subject: str, level: Compatibility) -> None:
        """See Registry."""
        answer = await self._ask("PUT", f"/config/{_quoted(subject)}", {"compatibility": level.value})
        self._content(answer, f"set the compatibility of {subject}")

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> HttpAnswer:
        """The answer, whatever it is, of a registry that can be reached and serves."""
        raw = None if body is None else json.dumps(body).encode()
        clock = asyncio.get_running_loop().time
        began = clock()
        for pause_s in pauses():
            try:
                answer = await exchange(self._address, method, path, raw, self._request_timeout_s)
            except UnreachableError as error:
                reason = str(error)
            else:
                if not _is_passing(answer):
                    return answer
                reason = f"it answers {answer.status}: {_message(answer)}"
            if clock() - began + pause_s >= self._patience_s:
                raise self._address.unavailable(clock() - began, reason)
            await self._sleep(pause_s)
        raise AssertionError("pauses do not end")

    def _content(self, answer: HttpAnswer, what: str, kind: type = dict) -> Any:
        """The answer's JSON.

        Raises SchemaRefusedError if it is a refusal, InputError if we may not ask.
        """
        if answer.status in (401, 403):
            raise InputError(
                f"the schema registry at {self.address} answers {answer.status} to the request to {what}; "
                "set SOCIALSIM_REGISTRY_USERNAME and SOCIALSIM_REGISTRY_PASSWORD to a user who may"
            )
        if not 200 <= answer.status < 300:
            raise SchemaRefusedError(
                f"the schema registry at {self.address} refuses to {what}: {_message(answer)} ({answer.status})"
            )
        content = _json(answer.body)
        if not isinstance(content, kind):
            raise self._strange(f"{answer.body[:60]!r}")
        return content

    def _schema(self, content: dict[str, Any]) -> SchemaText:
        kind, text = content.get("schemaType", SchemaKind.AVRO.value), content.get("schema")
        if not isinstance(kind, str) or not isinstance(text, str):
            raise self._strange(f"a schema of the type {kind!r}")
        return SchemaText(SchemaKind.__members__.get(kind, SchemaKind.OTHER), text)

    def _registered(self, content: dict[str, Any]) -> Registered:
        schema_id, guid = content.get("id"), content.get("guid")
        try:
            if isinstance(schema_id, int):
                return Registered(schema_id, UUID(guid) if isinstance(guid, str) else None)
        except ValueError:
            pass
        raise self._strange(f"{schema_id!r} and {guid!r} for a schema's id and GUID")

    def _strange(self, what: str) -> InputError:
        return InputError(f"what answers at {self.address} is no schema registry as we know them: it sends {what}")


def pauses() -> Iterator[float]:
    """The pauses between attempts: each twice as long, up to a limit, without end."""
    pause_s, longest_s = _PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, longest_s)


def _is_passing(answer: HttpAnswer) -> bool:
    """Whether the same question may get another answer soon.

    500 alone does not say so: it is also how a registry fails on a schema that it cannot read.
    """
    if answer.status == 500:
        content = _json(answer.body)
        return isinstance(content, dict) and content.get("error_code") in _PASSING_CODES
    return answer.status in (408, 429, 502, 503, 504)


def _quoted(subject: str) -> str:
    return quote(subject, safe="")


def _told(schema: SchemaText) -> dict[str, Any]:
    # Avro goes without saying, and the oldest registries know no other word for it than none.
    kind = {} if schema.kind is SchemaKind.AVRO else {"schemaType": schema.kind.value}
    return {**kind, "schema": schema.text}


def _message(answer: HttpAnswer) -> str:
    content = _json(answer.body)
    if isinstance(content, dict) and content.get("message"):
        return str(content["message"])
    return answer.body[:200].decode(errors="replace").strip() or "no reason is given"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
