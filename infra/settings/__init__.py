"""Every setting of every program: its name, type, unit, default and meaning.

Goes in: environment variables that begin with CHAT_, and below them the env file that
`chatlog up` writes (`.chatlog/environment` in the checkout, wherever the program is run; or the
file CHAT_ENV_FILE names, none when it is empty). Comes out: frozen values. `loading` is the only
module that reads the environment, and only when `load` is called.

A program says what it needs by a frozen dataclass of sections and calls `load` once, in its
`__main__`. Everything that is missing, malformed or unknown is reported together. Defaults suit
a laptop. Partitions, retention and keys are facts of the system, not settings: `events.topics`.
"""

from infra.settings.edge import EdgeSettings, TokenSettings
from infra.settings.loading import (
    ENV_FILE_NAME,
    EXIT_CONFIG,
    SECTIONS,
    inherited_environment,
    load,
)
from infra.settings.programs import BalancerSettings, ClientSettings, WorkerSettings
from infra.settings.stores import (
    CassandraSettings,
    KafkaSettings,
    RedisSettings,
    RegistrySettings,
    SchemaSettings,
)

__all__ = [
    "ENV_FILE_NAME",
    "EXIT_CONFIG",
    "SECTIONS",
    "BalancerSettings",
    "CassandraSettings",
    "ClientSettings",
    "EdgeSettings",
    "KafkaSettings",
    "RedisSettings",
    "RegistrySettings",
    "SchemaSettings",
    "TokenSettings",
    "WorkerSettings",
    "inherited_environment",
    "load",
]
