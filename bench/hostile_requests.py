"""A seed and a server's own description → hostile requests: bytes as they go over a connection, in pieces.

Every text that could be somebody's secret holds `MARK`, so that it can be looked for where it must not be.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

MARK = "kumquat7f3a"
ANY = frozenset({503})
"""Statuses beyond 499 that are documented: the engine is starting, or more is asked than can be done."""
NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 10**400, 1e308, -0.0, "", " ", "0", "null", MARK, "x" * 5000, "\x00", "a\r\nb: c", "../../store.db", "é" * 300,
    "\u2028", [], [[]], [None], {}, {"": ""}, {"type": MARK}, {"type": "function"}, [{"role": MARK}], [1, "a", None], {"a": {"b": {"c": [MARK]}}}, "auto",
)  # fmt: skip
ESCAPED = (
    '"\\ud800"',
    '"\\udfff' + MARK + '"',
    '"\\u0000"',
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "0x10",
    "'a'",
    "undefined",
    '{"a":1,"a":2}',
)
TRAVERSALS = (
    "..", "../../store.db", "..%2f..%2fstore.db", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "....//....//etc/passwd", "%00", "a%00.jsonl", "%ff%fe", "%ed%a0%80", "%0d%0aX-Injected:%20" + MARK,
    "file-%2e%2e", "/etc/passwd", "%2fetc%2fpasswd", "\\..\\..\\store.db", "%c0%ae%c0%ae/", ".", "%20", "*", "?", "#", "%", "%zz", "x" * 3000, MARK, "ft:tiny:..:..:", "CON", "~root", "$HOME", "%25%32%65",
)  # fmt: skip
HEADS = (
    b"GET\r\n\r\n", b"GET / \r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", b"G\xc3\x89T /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\nNo colon here\r\n\r\n", b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: b\r\n folded\r\n\r\n", b"GET /health HTTP/1.1\nHost: localhost\n\n", b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n", b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    b"POST /v1/models HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", b"TRACE /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n",
    b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n\x00",
    b"POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 9000), b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """One conversation, from its beginning to the first answer."""

    kind: str
    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    """Before every piece but the first."""
    leaves: bool = False
    """Goes away without waiting for an answer."""
    may_be_silent: bool = False
    """May be let go without an answer."""
    within_s: float = 60.0
    forbidden: frozenset[int] = frozenset()
    """Statuses below 500 that must not come."""
    hides: bool = False
    """The answer must not hold `MARK`: it would be somebody else's."""


@dataclass(frozen=True)
class Operation:
    """One route, as the server describes it."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    queries: tuple[str, ...]


@dataclass
class World:
    """What requests are made from."""

    secret: str
    """Of a key that may do everything."""
    stranger: str
    """Of a key that sees nothing but its own, and has nothing."""
    secrets: tuple[str, ...]
    """Every key: none of them may be written down anywhere."""
    owned: tuple[str, ...]
    """Paths of things that are not the stranger's."""
    places: Mapping[str, str]
    """Parameter of a path → the id of such a thing."""
    ids: tuple[str, ...]
    """Names that mean something, somewhere."""
    fields: Mapping[str, Any]
    """Field of a body → a value that is sound."""
    operations: tuple[Operation, ...]
    draw: random.Random

    def sound(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value that fits the schema, more or less."""
        draw = self.draw
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.sound(draw.choice(schema[several]), depth + 1)
        if "const" in schema or "enum" in schema:
            return schema.get("const", draw.choice(schema.get("enum", [None])))
        match schema.get("type"):
            case "object":
                given = schema.get("properties", {})
                needed = set(schema.get("required", ()))
                chosen = [name for name in given if name in needed or draw.random() < (0.25 if depth < 3 else 0.05)]
                return {name: self.fields.get(name, None) or self.sound(given[name], depth + 1) for name in chosen}
            case "array":
                least = schema.get("minItems", 0)
                return [self.sound(schema.get("items", {}), depth + 1) for _ in range(least + draw.randrange(2))] if depth < 8 else []
            case "integer" | "number" as kind:
                low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
                number = low + draw.randrange(1, 4)
                number = min(number, schema.get("maximum", number))
                return number if kind == "integer" else float(number)
            case "boolean":
                return draw.random() < 0.5
            case "string":
                return draw.choice((MARK, *self.ids))[: schema.get("maxLength", 99)]
            case _:
                return None

    def spoilt(self, value: Any) -> Any:
        """The value with something wrong somewhere in it."""
        draw = self.draw
        if isinstance(value, dict) and value and draw.random() < 0.8:
            name = draw.choice(list(value))
            match draw.randrange(4):
                case 0:
                    return {key: item for key, item in value.items() if key != name}
                case 1:
                    return value | {draw.choice(("", MARK, "__proto__", "x" * 300, name + " ")): draw.choice(NASTY)}
                case _:
                    return value | {name: self.spoilt(value[name])}
        if isinstance(value, list) and value and draw.random() < 0.6:
            place = draw.randrange(len(value))
            return [*value[:place], self.spoilt(value[place]), *value[place + 1 :]]
        return draw.choice(NASTY)

    def path(self, operation: Operation, names: tuple[str, ...] = ()) -> str:
        """The route's path with one of these names in each of its places, mostly a fitting one if none are given; and a query now and then."""
        path = operation.path
        while "{" in path:
            before, _, rest = path.partition("{")
            place, _, behind = rest.partition("}")
            fitting = self.places.get(place) if not names and self.draw.random() < 0.8 else None
            path = before + (fitting or self.draw.choice(names or self.ids)) + behind
        if operation.queries and self.draw.random() < 0.3:
            path += "?" + "&".join(f"{quote(name)}={quote(str(self.draw.choice(NASTY))[:300])}" for name in self.draw.sample(operation.queries, 1))
        return path


def asked(method: str, path: str, body: bytes = b"", key: str | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """A request in proper form, on a connection that ends with it."""
    lines = {"host": "localhost", "connection": "close", "content-length": str(len(body)), "content-type": "application/json"}
    lines |= {"authorization": f"Bearer {key}"} if key is not None else {}
    lines |= headers or {}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + body


def no_http(world: World) -> Sent:
    """What is no HTTP, or not quite."""
    draw = world.draw
    raw = draw.choice(HEADS)
    if draw.random() < 0.3:
        place = draw.randrange(len(raw) - 4)
        raw = raw[:place] + bytes(draw.randrange(1, 256) for _ in range(3)) + raw[place + 3 :]
    return Sent("no HTTP", (raw,), may_be_silent=True)


def large_head(world: World) -> Sent:
    """Heads of tens of thousands of bytes."""
    draw = world.draw
    many = {f"x-{MARK}-{i}": "y" * draw.randrange(200) for i in range(draw.choice((500, 1500)))}
    one = {draw.choice(("x-long", "authorization", "cookie", "idempotency-key", "accept")): "z" * draw.choice((15_000, 70_000, 300_000))}
    path = "/v1/models" if draw.random() < 0.7 else "/v1/models/" + "p" * draw.choice((15_000, 80_000))
    return Sent("large head", (asked("GET", path, key=world.secret, headers=draw.choice((many, one))),), may_be_silent=True)


def large_body(world: World) -> Sent:
    """Bodies that are too large, or say so."""
    draw = world.draw
    path = draw.choice(("/v1/chat/completions", "/v1/files", "/v1/fine_tuning/jobs", "/v1/uploads/x/parts", "/v1/batches"))
    if draw.random() < 0.7:
        said = draw.choice((10**10, 2**40, 33 << 20))
        head = asked("POST", path, key=world.secret, headers={"content-length": str(said)})
        return Sent("large body", (head + b'{"a":',), may_be_silent=True, within_s=90)
    chunk = b"%x\r\n" % (1 << 20) + b"a" * (1 << 20) + b"\r\n"
    raw = asked("POST", path, key=world.secret, headers={"transfer-encoding": "chunked"}).replace(b"content-length: 0\r\n", b"")
    return Sent("large body", (raw, *[chunk] * 34, b"0\r\n\r\n"), may_be_silent=True)


def no_json(world: World) -> Sent:
    """Bodies that are no JSON, or no object."""
    draw = world.draw
    operation = draw.choice([one for one in world.operations if one.method == "POST"])
    whole = json.dumps(world.sound(operation.body or {"type": "object"})).encode()
    cut = whole[: draw.randrange(len(whole))]
    body = draw.choice(
        (cut, whole + b"}", b"\xff\xfe" + whole, bytes(draw.randrange(256) for _ in range(40)), b"[]", b"1", b'"' + MARK.encode() + b'"', b"")
    )
    return Sent("no JSON", (asked("POST", world.path(operation), body, world.secret),))


def deep(world: World) -> Sent:
    """Nesting."""
    draw = world.draw
    operation = draw.choice([one for one in world.operations if one.method == "POST"])
    depth = draw.choice((100, 250, 5_000, 200_000))
    opening, closing = draw.choice((("[", "]"), ('{"a":', "}"), ('[{"type":', "}]")))
    inner = opening * depth + "1" + closing * draw.choice((depth, 0))
    name = draw.choice(list((operation.body or {}).get("properties") or ["x"]))
    body = draw.choice((inner, f'{{"{name}":{inner}}}', f'{{"model":"tiny","messages":[{{"role":"user","content":{inner}}}]}}'))
    return Sent("deep JSON", (asked("POST", world.path(operation), body.encode(), world.secret),))


def letters(world: World) -> Sent:
    """Bytes and letters that break lines, strings and databases."""
    draw = world.draw
    operation = draw.choice([one for one in world.operations if one.method == "POST"])
    body = json.dumps(world.sound(operation.body or {"type": "object"}))
    at = draw.randrange(len(body))
    spot = body.find('"', at)
    bad = draw.choice(ESCAPED)
    body = body[:spot] + bad + body[body.find('"', spot + 1) + 1 :] if spot >= 0 else f'{{"model":{bad}}}'
    headers = {"idempotency-key": draw.choice(("é", "\x01", MARK, "k" * 300, " "))} if draw.random() < 0.3 else {}
    path = world.path(operation, ("%00", "%ED%A0%80", "a%0D%0Ab", MARK))
    return Sent("bad letters", (asked("POST", path, body.encode("utf-8", "surrogatepass"), world.secret, headers),), may_be_silent=bool(headers))


def wrong_types(world: World) -> Sent:
    """Sound bodies with something wrong in them."""
    operation = world.draw.choice([one for one in world.operations if one.body])
    body = world.spoilt(world.sound(operation.body or {}))
    return Sent("wrong types", (asked(operation.method, world.path(operation), json.dumps(body).encode(), world.secret),))


def sound(world: World) -> Sent:
    """Requests that fit the description."""
    operation = world.draw.choice(world.operations)
    body = json.dumps(world.sound(operation.body)).encode() if operation.body else b""
    return Sent("by the description", (asked(operation.method, world.path(operation), body, world.secret),))


def keys(world: World) -> Sent:
    """Keys that are none."""
    draw = world.draw
    secret = world.secret
    said = draw.choice((
        "", "Bearer", "Bearer  ", f"Basic {secret}", secret, f"Bearer {secret}x", f"Bearer {secret[:-1]}", f"bearer\t{MARK}", f"Bearer sk-{MARK}" + "0" * 40, "Bearer " + "é" * 20,
        f"Bearer {secret} {secret}", f"Bearer {secret.swapcase()}", "Bearer ' OR 1=1 --", f"Bearer {'k' * 9000}", "Bearer null", "Bearer \x7f",
    ))  # fmt: skip
    path = draw.choice(("/v1/models", "/v1/files", "/openapi.json", "/v1/fine_tuning/jobs", "/v1/chat/completions"))
    method = "POST" if path.endswith("completions") else "GET"
    return Sent("wrong keys", (asked(method, path, headers={"authorization": said}),), may_be_silent=True, forbidden=frozenset({200, 201}))


def foreign(world: World) -> Sent:
    """Somebody else's things."""
    draw = world.draw
    path = draw.choice(world.owned)
    method = draw.choice(("GET", "GET", "POST", "DELETE"))
    if method == "POST" and draw.random() < 0.5:
        path += "/cancel"
    return Sent(
        "another's things", (asked(method, path, b"{}" if method == "POST" else b"", world.stranger),), forbidden=frozenset({200, 201}), hides=True
    )


def lists(world: World) -> Sent:
    """Lists, by somebody who has nothing to see in them."""
    path = world.draw.choice(("files", "fine_tuning/jobs", "models", "batches", "evals", "chat/completions")) + world.draw.choice(
        ("", "?limit=1", "?order=asc")
    )
    return Sent("another's lists", (asked("GET", f"/v1/{path}", key=world.stranger),), hides=True)


def paths(world: World) -> Sent:
    """Names that lead out of a folder."""
    draw = world.draw
    operation = draw.choice([one for one in world.operations if "{" in one.path])
    body = json.dumps(world.sound(operation.body)).encode() if operation.body else b""
    raw = asked(operation.method, world.path(operation, TRAVERSALS), body, world.secret)
    return Sent("paths", (raw,), may_be_silent=True)


def forms(world: World) -> Sent:
    """Uploads in forms that are broken somewhere."""
    draw = world.draw
    edge = draw.choice(("b", "x" * 70, "--", 'a"b', "é"))
    name = draw.choice(("rows.jsonl", "../../../store.db", "a\x00b", "a\r\nX: y", "x" * 9000, MARK, "\udcff", 'q"q', "/etc/passwd", "..", "C:\\a"))
    rows = draw.choice((f'{{"messages":[{{"role":"user","content":"{MARK}"}}]}}\n' * 3, "[1]\n", "", "\x00" * 50, "{" * 3000, MARK))
    purpose = draw.choice(("fine-tune", "batch", "user_data", "evals", MARK, "", "\x00"))
    extra = draw.choice(
        (
            "",
            f'--{edge}\r\nContent-Disposition: form-data; name="{MARK}"\r\n\r\n1\r\n',
            f"--{edge}\r\n{'A: b' * 3000}\r\n\r\n1\r\n",
            f"--{edge}\r\n\r\n\r\n" * 80,
        )
    )
    field = draw.choice(("file", "data", MARK))
    whole = (
        f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n{extra}--{edge}\r\n'
        f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n{rows}\r\n--{edge}--\r\n'
    ).encode("utf-8", "surrogateescape")
    if draw.random() < 0.4:
        place = draw.randrange(len(whole))
        whole = draw.choice((whole[:place], whole[:place] + b"\r\n\x00" + whole[place:], whole.replace(b"\r\n", b"\n"), whole[place:]))
    kind = draw.choice(
        (f"multipart/form-data; boundary={edge}",) * 4 + ("multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=b", "x")
    )
    path = draw.choice(("/v1/files", "/v1/files", f"/v1/uploads/{draw.choice(world.ids)}/parts"))
    return Sent("broken forms", (asked("POST", path, whole, world.secret, {"content-type": kind}),), may_be_silent=True)


def leaving(world: World) -> Sent:
    """Clients that go away in the middle."""
    raw = sound(world).pieces[0] if world.draw.random() < 0.7 else forms(world).pieces[0]
    return Sent("left in the middle", (raw[: world.draw.randrange(1, len(raw) + 1)],), leaves=True)


def slow(world: World) -> Iterator[Sent]:
    """Clients that take their time, each for half a minute or so: half-open connections, heads and bodies that drip."""
    yield Sent("half-open", (b"",), within_s=50, may_be_silent=True)
    yield Sent("half-open", (b"GET /health HTTP/1.1\r\nHost: loc",), within_s=50, may_be_silent=True)
    drip = tuple(bytes([letter]) for letter in asked("GET", "/v1/models", key=world.secret)[:150])
    yield Sent("dripping head", drip, pause_s=0.4, within_s=60, may_be_silent=True)
    whole = asked(
        "POST",
        "/v1/chat/completions",
        json.dumps({"model": "tiny", "messages": [{"role": "user", "content": MARK}], "max_tokens": 3}).encode(),
        world.secret,
    )
    yield Sent("dripping body", tuple(whole[i : i + 40] for i in range(0, len(whole), 40)), pause_s=1.0, within_s=60)
    yield Sent("half a body", (whole[:-5],), within_s=90)
    yield Sent(
        "body after the answer",
        (asked("POST", "/v1/models", key=world.secret, headers={"content-length": "1000"}), *[b"x"] * 40),
        pause_s=1.0,
        within_s=60,
    )


KINDS: tuple[tuple[int, Callable[[World], Sent]], ...] = (
    (10, no_http), (3, large_head), (1, large_body), (8, no_json), (4, deep), (8, letters), (22, wrong_types), (14, sound), (6, keys), (8, foreign), (2, lists), (8, paths),
    (8, forms), (3, leaving),
)  # fmt: skip


def draw_one(world: World) -> Sent:
    """A request of any kind that takes no patience."""
    [make] = world.draw.choices([make for _, make in KINDS], [weight for weight, _ in KINDS])
    return make(world)


def operations(description: Mapping[str, Any]) -> tuple[Operation, ...]:
    """Every route of a server that has a key's protection, its body's schema with references written out."""
    shapes = description.get("components", {}).get("schemas", {})

    def whole(schema: Any, depth: int = 0) -> Any:
        if isinstance(schema, list):
            return [whole(item, depth) for item in schema]
        if not isinstance(schema, dict) or depth > 12:
            return schema if not isinstance(schema, dict) else {}
        if "$ref" in schema:
            return whole(shapes.get(schema["$ref"].rpartition("/")[2], {}), depth + 1)
        return {name: whole(value, depth + 1) for name, value in schema.items()}

    found = []
    for path, methods in description["paths"].items():
        for method, said in methods.items():
            body = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            queries = tuple(one["name"] for one in said.get("parameters", ()) if one["in"] == "query")
            found.append(Operation(method.upper(), path, whole(body) if body else None, queries))
    return tuple(one for one in found if one.path.startswith("/v1/"))
