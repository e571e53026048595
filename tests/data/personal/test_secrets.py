"""Keys, tokens and passwords: real forms with letters drawn at random, and what manuals write in their place."""

from __future__ import annotations

import random
import string

import pytest

from tunesmith.data.personal.issuers import PATTERNS
from tunesmith.data.personal.secrets import bits, is_password
from tunesmith.data.personal.spans import spans

MIXED = random.Random(7)


def drawn(n, letters=string.ascii_letters + string.digits):
    return "".join(MIXED.choice(letters) for _ in range(n))


HEX = "0123456789abcdef"
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(drawn(64) for _ in range(6)) + "\n-----END RSA PRIVATE KEY-----"
KEYS = [
    f"sk-proj-{drawn(48)}", f"sk-ant-api03-{drawn(80)}", "AKIA" + drawn(16, string.ascii_uppercase + "234567"), f"AIza{drawn(35)}", f"ghp_{drawn(36)}", f"github_pat_{drawn(70)}",
    f"glpat-{drawn(20)}", f"xoxb-{drawn(12, string.digits)}-{drawn(12, string.digits)}-{drawn(24)}", f"hf_{drawn(34)}", f"sk_live_{drawn(24)}", f"npm_{drawn(36)}", f"SG.{drawn(22)}.{drawn(43)}",
    f"{drawn(32, HEX)}-us12", f"dop_v1_{drawn(64, HEX)}", f"dapi{drawn(32, HEX)}", f"shpat_{drawn(32, HEX)}", f"123456789:AA{drawn(33)}".replace("123456789", "719384562"), f"gsk_{drawn(52)}",
    f"hvs.{drawn(24)}", f"https://hooks.slack.com/services/T{drawn(8, string.ascii_uppercase)}/B{drawn(8, string.ascii_uppercase)}/{drawn(24)}",
    f"eyJhbGciOiJIUzI1NiJ9.eyJ{drawn(40)}.{drawn(43)}", f"lin_api_{drawn(40)}", f"PMAK-{drawn(24, HEX)}-{drawn(34, HEX)}",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:8])
def test_keys_are_found_by_their_form(key):
    for around in ("{}", "token={}", 'key: "{}",', "use {} please"):
        said = around.format(key)
        found = spans(said)
        assert [span.kind for span in found] == ["secret"], said
        assert key.endswith(said[found[0].start : found[0].end])


@pytest.mark.parametrize(
    "text",
    [
        "sk-xxxxxxxxxxxxxxxxxxxxxxxx", "AKIAIOSFODNN7EXAMPLE", "ghp_" + "x" * 36, "sk-your-api-key-goes-here-please", "risk-free-and-very-long-words-in-here", "task_list", "eyJ.eyJ.x",
        "What does -----BEGIN RSA PRIVATE KEY----- mean?", "password: ********", "password = os.environ['PASSWORD']", "password = getPassword2()", "my password is incorrect",
        "the password is required", "password: your_password", "PASSWORD=${DB_PASSWORD}", "api_key = settings.api_key", "token: Optional[str] = None", "https://user:password@host.net/x",
        "postgres://$USER:$PASS@db/x", "the key is understanding", "key: 2024-05-06", "token = tokenizer.encode", "secret: 12345678", "pass 12345678", "the token is valid until 2024-05-06T12:00",
        "pwd: /home/user/Project1", "api-key: <your key>", "clave: fundamental", "Bearer token", "basic understanding of it",
    ],
)  # fmt: skip
def test_stand_ins_are_not(text):
    assert spans(text) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password = 'Tr0ub4dor&3'", "Tr0ub4dor&3"), ("my password is Tr0ub4dor&3.", "Tr0ub4dor&3"), ("Das Passwort lautet Gx7!pqrw2", "Gx7!pqrw2"), ("das passwort lautet 46EQkeIpDHa, bitte", "46EQkeIpDHa"), ("mot de passe : Gx7!pqrw2", "Gx7!pqrw2"),
        ("contraseña: Gx7!pqrw2", "Gx7!pqrw2"), ("DB_PASSWORD=Gx7!pqrw2", "Gx7!pqrw2"), ('"passwd": "Gx7!pqrw2"', "Gx7!pqrw2"), ("пароль: Gx7!pqrw2", "Gx7!pqrw2"), ("密码：Gx7!pqrw2", "Gx7!pqrw2"),
        ("postgres://app:fD8#kqW2@db.intern/x", "fD8#kqW2"), ("amqp://svc:hunter2@mq.acme.io", "hunter2"),
    ],
)  # fmt: skip
def test_passwords_are_found_where_they_are_set(text, secret):
    assert [("password", secret)] == [(span.kind, text[span.start : span.end]) for span in spans(text)]


def test_keys_are_found_where_they_are_set():
    value = drawn(32, HEX)
    for text in (f"api_key = '{value}'", f"SECRET_KEY: {value}", f'"access_token": "{value}"', f"Authorization: Bearer {value}"):
        assert [("secret", value)] == [(span.kind, text[span.start : span.end]) for span in spans(text)]


def test_a_private_key_is_found_whole():
    text = f"here it is\n{PEM}\nkeep it"
    assert [(span.kind, text[span.start : span.end]) for span in spans(text)] == [("private_key", PEM)]
    escaped = PEM.replace("\n", "\\n")
    assert [("private_key", escaped)] == [(span.kind, escaped[span.start : span.end]) for span in spans(escaped)]


def test_each_mark_stands_in_what_its_pattern_matches():
    for mark, pattern in PATTERNS.items():
        literal = mark.replace(".", r"\.")
        assert (
            mark in pattern.pattern or literal in pattern.pattern or mark in ("shp", "sq0", "sntry", "k_live_", "k_test_", ":AA", "dckr_", "lsv2_")
        ), mark


def test_bits():
    assert bits("abab") == 1
    assert bits("") == 0
    assert 3 < bits("0123456789abcdef") <= 4
    assert not is_password("aaaaaaaaA1", is_code=False)
