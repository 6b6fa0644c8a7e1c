"""The few requests of the Confluent registry interface that we need.

In: the registry's address. Out: what it answered, or a `UserError` with a sentence. Deployment uses
it (`infra.registry`), and a worker that met a schema id of which it has not heard
(`infra.schema_ids`).
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from infra.errors import UserError
from infra.settings import RegistrySettings
from infra.tls import client_context

COMPATIBILITY = "FULL_TRANSITIVE"
TIMEOUT_SECONDS = 20.0
_CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"

_NO_SUCH_SCHEMA = 40403
"""Of the Confluent interface: there is no schema of this id."""


class RegistryClient:
    """One connection to a registry."""

    def __init__(self, settings: RegistrySettings) -> None:
        parts = urlsplit(settings.url)
        host, port = parts.hostname or "", parts.port
        self._connection = (
            http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_SECONDS, context=client_context(settings.ca_file)
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        )
        self._url, self._path = settings.url, parts.path.rstrip("/")

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def subjects(self) -> frozenset[str]:
        """Every subject there is."""
        return frozenset(self._ask("GET", "/subjects")[1])

    def versions(self, subject: str) -> list[int]:
        """The versions of a subject, oldest first; none when it is unknown."""
        status, answer = self._ask("GET", f"/subjects/{quote(subject)}/versions")
        return [] if status == 404 else [int(version) for version in answer]

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        """Add the schema as the newest version, unless a version is the same; its id."""
        body = {"schema": json.dumps(schema), "schemaType": "AVRO"}
        status, answer = self._ask("POST", f"/subjects/{quote(subject)}/versions", body)
        if status == 409:
            raise UserError(
                "schema_incompatible",
                f"The schema of {schema['name']} cannot stand beside the versions of "
                f"{subject}: {answer.get('message', 'no reason given')}.",
                "Add fields with defaults only, remove only those that have one; "
                "a new meaning is a new event.",
            )
        if status == 422:
            raise UserError(
                "schema_invalid",
                f"The registry refuses the schema of {schema['name']}: {answer.get('message')}.",
                "Mend the .avsc file.",
            )
        return int(answer["id"])

    def set_compatibility(self, subject: str) -> None:
        """Hold every later version to the rule."""
        status, answer = self._ask("GET", f"/config/{quote(subject)}")
        if status == 200 and answer.get("compatibilityLevel") == COMPATIBILITY:
            return
        self._ask("PUT", f"/config/{quote(subject)}", {"compatibility": COMPATIBILITY})

    def schema(self, subject: str, version: int) -> tuple[int, dict[str, Any]]:
        """The id and the schema of one version."""
        _, answer = self._ask("GET", f"/subjects/{quote(subject)}/versions/{version}")
        return int(answer["id"]), json.loads(answer["schema"])

    def schema_of_id(self, schema_id: int) -> Any:
        """The schema that has this id, in whichever subject; none when there is no such id.

        Only the registry's own word counts: a wrong path or a proxy answers 404 as well.
        """
        status, answer = self._ask("GET", f"/schemas/ids/{schema_id}")
        if status == 404 and _error_code(answer) == _NO_SUCH_SCHEMA:
            return None
        if status != 200:
            raise _failed(self._url, f"status {status}: {answer}")
        try:
            return json.loads(answer["schema"])
        except ValueError:
            return {}  # there is one, and it is not Avro: not ours

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        try:
            self._connection.request(
                method,
                self._path + path,
                None if body is None else json.dumps(body),
                {"Content-Type": _CONTENT_TYPE, "Accept": _CONTENT_TYPE},
            )
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise _failed(self._url, str(error) or type(error).__name__) from error
        try:
            answer = json.loads(text) if text else None
        except ValueError as error:
            raise _failed(self._url, f"status {response.status}, no JSON") from error
        if response.status not in (200, 404, 409, 422):
            raise _failed(self._url, f"status {response.status}: {answer}")
        return response.status, answer


def _error_code(answer: Any) -> Any:
    return answer.get("error_code") if isinstance(answer, dict) else None


def _failed(url: str, reason: str) -> UserError:
    return UserError(
        "registry_failed",
        f"The schema registry at {url} gave an unexpected answer: {reason}.",
        "Run `chatlog status`; if it does not run: `chatlog up`.",
    )
