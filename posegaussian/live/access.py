"""Who may watch: on the loopback address anyone at this machine, on others anyone with the token."""

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def new_token() -> str:
    """A token that nobody guesses: 128 bits."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True)
class Access:
    """The rule by which requests are refused.

    Pages of other sites that are open in a browser of this machine can send requests to loopback addresses, too. So a
    request's `Origin`, which browsers add and pages cannot change, must be the page's own, and without a token its
    `Host` must be a name of the loopback address: other names that lead there are someone else's (DNS rebinding).
    """

    token: str | None  # that each request must have as `?token=...`; None: none is needed

    @staticmethod
    def on(host: str) -> "Access":
        """The rule for an address to listen on."""
        return Access(None if is_loopback(host) else new_token())

    def allows(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether a request is answered.

        Args:
            path: with its query.
            headers: `Host` and, of browsers, `Origin`.
        """
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return False
        if self.token is None:
            return urlsplit(f"//{host}").hostname in _LOCAL_NAMES
        given = parse_qs(urlsplit(path).query).get("token", [""])[-1]
        return hmac.compare_digest(given.encode(), self.token.encode())
