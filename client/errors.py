"""What can go wrong, each with a stable code and one sentence for people."""


class ClientError(Exception):
    """Any fault that this library reports; `code` is a stable word."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Refused(ClientError):
    """The server refused a message or a request for good."""


class Stopped(ClientError):
    """The client gave up: the server said not to come back, or it was closed."""


class StoreError(ClientError):
    """The device's store cannot be used."""


class Unanswered(ClientError):
    """A request got no answer in time; it may be asked again."""
