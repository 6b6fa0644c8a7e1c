"""TLS as every part speaks it: version 1.2 or newer, and whoever answers shows a certificate.

In: files. Out: contexts of Python's `ssl`. A file that is missing or no certificate is a setting
that cannot be used.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from infra.errors import UserError
from infra.settings import EXIT_CONFIG


def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """For connecting: the other side is vouched for by this CA, or by one that the system trusts.

    Raises UserError.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise _unusable(str(ca_file), error) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def server_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """For listening, with this certificate chain. Raises UserError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate_file, key_file)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(f"{certificate_file} with {key_file}", error) from error
    return context


def _unusable(files: str, error: Exception) -> UserError:
    return UserError(
        "bad_certificate",
        f"No TLS with {files}: {error}.",
        "Name PEM files that exist and belong together.",
        exit_status=EXIT_CONFIG,
    )
