"""The one outgoing door: which addresses it refuses however they are written, and that there is no other."""

from __future__ import annotations

import ast
import asyncio
import ipaddress
import socket
from pathlib import Path

import httpx
import pytest

from apps.common.errors import AddressNotAllowed, BadInput
from apps.common.http import MAY_REPEAT, TRANSPORT_ERRORS, AddressRules, failure_kind, is_public, make_client, normalise_base_url
from tests.servers.bytes_server import HOLD, JSON, KEEP, BytesServer, chunked, whole
from tests.servers.services import free_port

PROJECT = Path(__file__).parents[2]
OK = (*whole(JSON, {"ok": True}), KEEP)


async def get(url: str, **options) -> httpx.Response:
    async with make_client(**options) as client:
        return await client.get(url)


@pytest.fixture
def names(monkeypatch):
    """Names that lead where a test says; each look-up takes the next answer, the last one stays."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        if host not in answers:
            return real(host, port, *args, **kwargs)
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        families = [(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip) for ip in found]
        return [(family, socket.SOCK_STREAM, 6, "", (ip, port, 0, 0) if ":" in ip else (ip, port)) for family, ip in families]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return answers


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1.2.3", "[::1]", "[::]", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[fe80::1]", "[fc00::1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433", "0x7f000001", "0x7f.1", "127.1", "127.0.0.1.", "224.0.0.1", "255.255.255.255", "198.18.0.1",
        "192.0.2.1",
    ],
)  # fmt: skip
async def test_a_private_address_is_not_called_however_it_is_written(host):
    with pytest.raises(AddressNotAllowed) as caught:
        await get(f"http://{host}:9/")
    assert caught.value.code == "address_refused" and caught.value.status == 400


@pytest.mark.parametrize("host", ["0177.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "[::1%25lo]"])
async def test_spellings_that_no_parser_agrees_on_are_not_called_either(host):
    with pytest.raises((AddressNotAllowed, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        await get(f"http://{host}:9/")


async def test_the_refusal_says_what_an_administrator_can_do():
    with pytest.raises(AddressNotAllowed, match=r"\[::1\]:9 to ORQ_PRIVATE_HOSTS"):
        await get("http://[::1]:9/")


async def test_a_name_that_leads_to_a_private_address_is_not_called(names):
    names["evil.test"] = [["10.0.0.7"]]
    with pytest.raises(AddressNotAllowed, match=r"evil\.test leads to 10\.0\.0\.7"):
        await get("http://evil.test/")


async def test_a_name_that_changes_its_address_is_judged_by_the_one_that_is_called(names):
    names["rebind.test"] = [["127.0.0.1"], ["8.8.8.8"]]
    async with BytesServer(OK) as server, make_client() as client:
        with pytest.raises(AddressNotAllowed):
            await client.get(f"http://rebind.test:{server.port}/")
        assert server.connections == 0


async def test_a_name_with_several_private_addresses_is_not_called(names):
    names["many.test"] = [["10.0.0.1", "fc00::1", "127.0.0.1", "::1"]]
    with pytest.raises(AddressNotAllowed):
        await get("http://many.test:9/")


@pytest.mark.parametrize("url", ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "unix:///run/x"])
async def test_only_http_goes_through_the_door(url):
    with pytest.raises((AddressNotAllowed, httpx.UnsupportedProtocol)):
        await get(url)


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "localhost", "LOCALHOST.", "{port}", "localhost:{port}"])
async def test_what_is_listed_may_be_called(allowed):
    async with BytesServer(OK) as server:
        entry = f"127.0.0.1:{server.port}" if allowed == "{port}" else allowed.format(port=server.port)
        response = await get(f"http://localhost:{server.port}/", private_hosts=["", entry])
        assert response.json() == {"ok": True}


@pytest.mark.parametrize("listed", ["127.0.0.1:1", "localhost:1", "127.0.0.2", "10.0.0.0/8", "host", "localhost.evil.test"])
async def test_what_is_listed_allows_nothing_else(listed):
    async with BytesServer(OK) as server:
        with pytest.raises(AddressNotAllowed):
            await get(f"http://localhost:{server.port}/", private_hosts=[listed])
        assert server.connections == 0


async def test_an_allowed_name_does_not_allow_its_address_to_others(names):
    names["inner.test"] = names["other.test"] = [["127.0.0.1"]]
    async with BytesServer(OK) as server, make_client(private_hosts=["inner.test"]) as client:
        assert (await client.get(f"http://inner.test:{server.port}/")).status_code == 200
        for host in ("other.test", "127.0.0.1"):
            with pytest.raises(AddressNotAllowed):
                await client.get(f"http://{host}:{server.port}/")
        assert server.connections == 1


def test_metadata_services_need_to_be_written_out():
    metadata = ipaddress.ip_address("169.254.169.254")
    assert not AddressRules(allow_private=True).allow("x", metadata, 80)
    assert not AddressRules(allow_private=True).allow("x", ipaddress.ip_address("::ffff:169.254.169.254"), 80)
    assert not AddressRules(private_hosts=["metadata"]).allow("metadata", metadata, 80)
    assert AddressRules(private_hosts=["169.254.169.254"]).allow("x", metadata, 80)
    assert AddressRules(allow_private=True).allow("x", ipaddress.ip_address("169.254.1.1"), 80)


@pytest.mark.parametrize("entry", ["::1", "[::1]", "[::1]:80", "::/0", "fd00::/8"])
def test_ipv6_is_listed_as_people_write_it(entry):
    rules = AddressRules(private_hosts=[entry])
    assert rules.allow("x", ipaddress.ip_address("fd00::1" if entry.startswith("fd") else "::1"), 80)
    assert rules.allow("x", ipaddress.ip_address("::1"), 81) is (entry in ("::1", "[::1]", "::/0"))


@pytest.mark.parametrize("ip", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(ip):
    assert is_public(ipaddress.ip_address(ip))
    assert AddressRules().allow("x", ipaddress.ip_address(ip), 443)


async def test_redirects_are_not_followed():
    async with BytesServer(whole({"location": "http://10.0.0.1/"}, "", status="302 Found")) as server:
        response = await get(f"http://127.0.0.1:{server.port}/", allow_private=True)
        assert response.status_code == 302 and len(server.requests) == 1


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with BytesServer(OK) as server:
        assert (await get(f"http://127.0.0.1:{server.port}/", allow_private=True)).status_code == 200


async def test_no_cookie_is_kept():
    async with (
        BytesServer((*whole({**JSON, "set-cookie": "a=b; Path=/"}, {}), KEEP)) as server,
        make_client(allow_private=True) as client,
    ):
        for _ in range(2):
            await client.get(f"http://127.0.0.1:{server.port}/")
        assert "cookie" not in server.requests[1].headers


async def test_connections_are_used_again():
    async with BytesServer(OK) as server, make_client(allow_private=True) as client:
        for _ in range(3):
            await client.get(f"http://127.0.0.1:{server.port}/")
        assert server.connections == 1


async def test_a_request_goes_out_twice_only_where_its_caller_lets_it():
    async with BytesServer(whole(JSON, {})) as server, make_client(allow_private=True) as client:
        url = f"http://127.0.0.1:{server.port}/"
        await client.post(url, content=b"1")
        await client.post(url, content=b"2", extensions={MAY_REPEAT: True})
        with pytest.raises(TRANSPORT_ERRORS) as caught:
            await client.post(url, content=b"3")
        assert failure_kind(caught.value) == "disconnected"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ((HOLD,), "timeout"),
        ((b"",), "disconnected"),
        ((b"SSH-2.0-OpenSSH\r\n",), "not_http"),
        (chunked(JSON, b"{", ending=0), "disconnected"),
        (whole({"content-encoding": "gzip"}, b"no gzip"), "not_http"),
    ],
)
async def test_failures_have_a_kind(script, kind):
    async with BytesServer(script) as server:
        with pytest.raises(TRANSPORT_ERRORS) as caught:
            await get(f"http://127.0.0.1:{server.port}/", allow_private=True, idle_timeout_s=0.2)
    assert failure_kind(caught.value) == kind


async def test_a_port_without_a_server_is_unreachable():
    with pytest.raises(TRANSPORT_ERRORS) as caught:
        await get(f"http://127.0.0.1:{free_port()}/", allow_private=True)
    assert failure_kind(caught.value) == "unreachable"


async def test_a_name_that_does_not_exist_is_unreachable(monkeypatch):
    def nowhere(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(TRANSPORT_ERRORS) as caught:
        await get("http://nowhere.test/")
    assert failure_kind(caught.value) == "unreachable"


async def test_a_server_that_does_not_speak_tls_is_a_tls_failure():
    async with BytesServer(OK) as server:

        async def answer_in_clear(reader, writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        port = free_port()
        async with await asyncio.start_server(answer_in_clear, "127.0.0.1", port):
            with pytest.raises(TRANSPORT_ERRORS) as caught:
                await get(f"https://127.0.0.1:{port}/", allow_private=True)
        assert failure_kind(caught.value) == "tls" and server.connections == 0


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        (" http://localhost:1234/v1/ ", "http://localhost:1234/v1"), ("HTTPS://Api.Example.COM", "https://api.example.com"),
        ("http://[::1]:8080/x//", "http://[::1]:8080/x"), ("https://bücher.example/v1", "https://bücher.example/v1"),
    ],
)  # fmt: skip
def test_an_address_is_put_in_order(typed, url):
    assert normalise_base_url(typed) == url


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Enter the address"), ("localhost:1234", "must begin with"), ("api.example.com/v1", "must begin with"),
        ("ftp://x", "ftp"),
        ("http://a b/", "space"), ("http://a\nb/", "space"), ("http://a\\b/", "character"), ("http://user:pass@x/",
        "user name"),
        ("http://x/#f", "#"), ("http://x/?q=1", "before"), ("http://x/?", "before"), ("http://", "no machine"),
        ("http://:80/", "no"),
        ("http://x:99999/", "not an address"), ("http://x:0/", "no machine"), ("javascript:alert(1)", "must begin"),
        ("http://[::1", "not an"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_words(typed, reason):
    with pytest.raises(BadInput) as caught:
        normalise_base_url(typed)
    assert reason in caught.value.message
    assert caught.value.errors[0]["field"] == "base_url"
    assert "pass" not in caught.value.message or "password" in caught.value.message


OTHER_DOORS = {"requests", "urllib3", "aiohttp", "httpx_aiohttp", "httpx2", "httpcore"}
CALLERS = {
    "AsyncClient",
    "Client",
    "AsyncHTTPTransport",
    "HTTPTransport",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "request",
    "stream",
}


def other_doors(source: str) -> list[str]:
    """Ways out that a source file opens itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in OTHER_DOORS or alias.name.split(".")[0] in OTHER_DOORS]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] if node.module in OTHER_DOORS or node.module.split(".")[0] in OTHER_DOORS else []
            found += [f"httpx.{alias.name}" for alias in node.names if node.module == "httpx" and alias.name in CALLERS]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {f"httpx.{name}" for name in CALLERS}:
            found.append(ast.unparse(node.func))
    return found


def test_other_doors_are_noticed():
    assert other_doors("import httpx\nhttpx.AsyncClient()") == ["httpx.AsyncClient"]
    assert other_doors("from httpx import get, URL") == ["httpx.get"]
    assert other_doors("import requests\nfrom aiohttp import ClientSession") == ["requests", "aiohttp"]
    assert other_doors("import httpx\nx: httpx.AsyncClient = make_client()\nhttpx.URL('x')") == []


OUR_DOORS = ("apps/common/http.py", "apps/common/raw_http.py")


def test_there_is_no_other_way_out():
    files = [path for folder in ("apps", "orquestrador") for path in (PROJECT / folder).rglob("*.py")]
    assert len(files) > 20
    opened = {str(path.relative_to(PROJECT)): other_doors(path.read_text()) for path in files}
    assert {path: doors for path, doors in opened.items() if doors and path not in OUR_DOORS} == {}
