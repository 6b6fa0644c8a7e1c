"""Finds out what a schema id is that this process has not heard of.

Schemas may be applied while a process runs, by a release that is being rolled out. So the ids file
is read again first, if it has changed, and then the registry is asked about this one id: nothing
else at run time asks it anything. Synchronous: for a thread, of which several may ask at a time.
"""

from __future__ import annotations

from events.codec import Codec
from infra.errors import UserError
from infra.registry_client import RegistryClient
from infra.settings import RegistrySettings


class SchemaIds:
    """What the file and the registry say; the codec learns what it hears."""

    def __init__(self, codec: Codec, registry: RegistrySettings) -> None:
        self._codec = codec
        self._registry = registry

    def look_up(self, schema_id: int) -> bool:
        """Whether it is the id of an event of ours, of whichever release.

        Raises ConnectionError while nobody can say.
        """
        try:
            self._codec.read_file_again()
            if self._codec.knows(schema_id):
                return True
            with RegistryClient(self._registry) as registry:
                schema = registry.schema_of_id(schema_id)
        except (OSError, UserError, ValueError, KeyError) as error:  # also a file that is cut off
            raise ConnectionError(f"schema id {schema_id}: {error}") from error
        return schema is not None and self._codec.learn(schema_id, schema)
