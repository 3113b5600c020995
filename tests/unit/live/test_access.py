"""Who may watch: loopback names without a token, nobody else without it, and no page of another site."""

import pytest

from posegaussian.live.access import Access, is_loopback, new_token

OPEN, CLOSED = Access(None), Access("secret")


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost:8090", "[::1]:8090"])
def test_on_the_loopback_address_its_own_page_is_answered(host):
    assert OPEN.allows("/", {"Host": host})
    assert OPEN.allows("/live", {"Host": host, "Origin": f"http://{host}"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "evil.example:8090"},  # a name of somebody that leads to 127.0.0.1
        {"Host": "127.0.0.1:8090", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1:8090", "Origin": "null"},
        {"Host": "127.0.0.1:8090", "Origin": "http://127.0.0.1:9999"},
    ],
)
def test_other_sites_are_refused(headers):
    assert not OPEN.allows("/live", headers)


def test_elsewhere_the_token_decides():
    here = {"Host": "studio:8090"}
    assert CLOSED.allows("/?token=secret", here) and CLOSED.allows("/live?token=secret", here)
    for path in ("/", "/live", "/?token=", "/?token=secre", "/?token=secret2", "/?tokens=secret"):
        assert not CLOSED.allows(path, here)
    assert not CLOSED.allows("/live?token=secret", {**here, "Origin": "http://evil.example"})


def test_any_address_but_loopback_has_a_token():
    assert [is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost")] == [True] * 4
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "studio")))
    assert Access.on("127.0.0.1").token is None
    token = Access.on("0.0.0.0").token
    assert token is not None and len(token) >= 22 and token != new_token()
