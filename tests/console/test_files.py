"""Files and uploads, by the official client over TCP."""

from __future__ import annotations

import hashlib
import io
import json
import time

import openai
import pytest

from tunesmith.console.sweeper import sweep


def test_a_file_goes_up_and_comes_back(client, served, rows):
    file = client.files.create(file=("rows.jsonl", rows), purpose="fine-tune")
    assert (file.object, file.bytes, file.filename, file.purpose, file.status) == ("file", len(rows), "rows.jsonl", "fine-tune", "processed")
    assert file.id.startswith("file-")
    assert file._request_id.startswith("req_")
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).read() == rows
    assert client.files.wait_for_processing(file.id).id == file.id
    assert (served.console.files / file.id).read_bytes() == rows
    gone = client.files.delete(file.id)
    assert (gone.id, gone.object, gone.deleted) == (file.id, "file", True)
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}") as caught:
        client.files.retrieve(file.id)
    assert (caught.value.param, caught.value.code, caught.value.type) == ("id", None, "invalid_request_error")
    assert list(served.console.files.iterdir()) == []


def test_bytes_without_a_name_are_called_upload(client):
    assert client.files.create(file=io.BytesIO(b"x"), purpose="user_data").filename == "upload"


@pytest.mark.parametrize(
    ("name", "label"), [("../../etc/passwd", "passwd"), ("a\nb.txt", None), ("C:\\x\\y.txt", "y.txt"), ("ünïcode.jsonl", "ünïcode.jsonl")]
)
def test_a_name_is_a_label_and_no_path(client, served, name, label):
    file = client.files.create(file=(name, b"x"), purpose="user_data")
    assert "/" not in file.filename
    assert label in (None, file.filename)
    assert [path.name for path in served.console.files.iterdir()] == [file.id]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'["a"]\n',
            'Expected file to have JSONL format, where every line is a valid JSON dictionary. Line 1 is not a dictionary (HINT: line starts with: "["a"]...").',
        ),
        (b'{"a": 1}\n\n{"b": \n', "Line 3 is not a dictionary"),
        (b'{"a": "\xff"}\n', "Line 1 is not in UTF-8 (byte 8)"),
        (b"\n  \n", "File is empty."),
        (b"", "File is empty."),
        (b"[" * 100_000, "Line 1 is not a dictionary"),
    ],
)
def test_what_is_no_jsonl_is_said_at_once(client, served, content, message):
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("x.jsonl", content), purpose="fine-tune")
    assert message in caught.value.message
    assert list(served.console.files.iterdir()) == []


def test_marks_and_line_ends_of_other_systems_pass(client):
    client.files.create(file=("x.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n\r\n'), purpose="fine-tune")


def test_only_the_beginning_of_a_large_file_is_looked_at(client):
    client.files.create(file=("x.jsonl", b'{"a": "' + b"x" * (9 << 20) + b'"}\nnonsense\n'), purpose="fine-tune")


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({}, "purpose", "'purpose' is a required property"),
        ({"purpose": "foo"}, "purpose", "'foo' is not one of ['assistants', 'batch', 'fine-tune'"),
        ({"purpose": "batch", "extra": "1"}, "extra", "Unknown parameter: 'extra'."),
        ({"purpose": "user_data", "expires_after[seconds]": "3600"}, "expires_after.anchor", "Missing required parameter"),
        (
            {"purpose": "user_data", "expires_after[anchor]": "created_at", "expires_after[seconds]": "10"},
            "expires_after.seconds",
            "Expected a value >= 3600",
        ),
        (
            {"purpose": "user_data", "expires_after[anchor]": "created_at", "expires_after[seconds]": "x"},
            "expires_after.seconds",
            "expected an integer",
        ),
    ],
)
def test_wrong_fields_of_the_form(served, fields, param, message):
    answer = served.ask("POST", "/v1/files", data=fields, files={"file": ("x", b"{}")})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert message in error["message"]


def test_a_form_that_is_none_or_breaks_off(served):
    assert served.ask("POST", "/v1/files", json={"purpose": "batch"}).status_code == 400
    torn = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
    answer = served.ask("POST", "/v1/files", content=torn, headers={"content-type": "multipart/form-data; boundary=b"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "The form broke off before its end.")
    answer = served.ask("POST", "/v1/files", content=b"nonsense", headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400
    assert list(served.console.files.iterdir()) == []


def test_a_file_that_is_too_large(serve):
    served = serve(file_bytes=1000, batch_file_bytes=500)
    with pytest.raises(openai.APIStatusError) as caught:
        served.client().files.create(file=("x", b"x" * 1001), purpose="user_data")
    assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
    with pytest.raises(openai.APIStatusError, match="500"):
        served.client().files.create(file=("x", b'{"a": "' + b"x" * 600 + b'"}'), purpose="batch")
    assert list(served.console.files.iterdir()) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10])
def test_pages_of_files(client, limit):
    made = [client.files.create(file=(f"{number}.txt", b"x"), purpose="user_data" if number % 2 else "vision").id for number in range(5)]
    assert [file.id for file in client.files.list(limit=limit)] == made[::-1]
    assert [file.id for file in client.files.list(limit=limit, order="asc")] == made
    assert [file.id for file in client.files.list(limit=limit, purpose="vision")] == [made[4], made[2], made[0]]


def test_pages_that_there_are_not(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.list(after="file-nothing")
    assert caught.value.param == "after"
    for limit in (0, 10_001):
        with pytest.raises(openai.BadRequestError) as caught:
            client.files.list(limit=limit)
        assert caught.value.param == "limit"
    assert client.files.list(limit=1).data == []


def test_a_file_expires(client, served):
    file = client.files.create(file=("x", b"x"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert 3300 <= file.expires_at - time.time() <= 3601
    served.console.objects.change("file", file.id, lambda body: {**body, "expires_at": time.time() - 1})
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert client.files.list().data == []
    sweep(served.console)
    assert list(served.console.files.iterdir()) == []
    batch = client.files.create(file=("x", b"{}"), purpose="batch")
    assert 29 * 86_400 < batch.expires_at - time.time() <= 30 * 86_400


def test_a_large_file_in_parts(client, served, rows):
    upload = client.uploads.upload_file_chunked(
        file=rows,
        filename="../many.jsonl",
        bytes=len(rows),
        mime_type="application/jsonl",
        purpose="fine-tune",
        part_size=300,
        md5=hashlib.md5(rows).hexdigest(),
    )
    assert (upload.status, upload.file.filename, upload.file.bytes) == ("completed", "many.jsonl", len(rows))
    assert client.files.content(upload.file.id).read() == rows
    assert [path.name for path in served.console.files.iterdir()] == [upload.file.id]


def test_parts_are_joined_in_the_order_asked_for_and_only_whole(client):
    upload = client.uploads.create(bytes=6, filename="x", mime_type="text/plain", purpose="user_data")
    assert (upload.status, upload.expires_at - upload.created_at) == ("pending", 3600)
    b, a = (client.uploads.parts.create(upload.id, data=part).id for part in (b"def", b"abc"))
    for names, message in (([a], "3 bytes"), ([a, a], "twice"), ([a, "part_nothing"], "No such part")):
        with pytest.raises(openai.BadRequestError, match=message):
            client.uploads.complete(upload.id, part_ids=names)
    with pytest.raises(openai.BadRequestError, match="more than the 6 bytes"):
        client.uploads.parts.create(upload.id, data=b"g")
    with pytest.raises(openai.BadRequestError, match="md5"):
        client.uploads.complete(upload.id, part_ids=[a, b], md5="0" * 32)
    done = client.uploads.complete(upload.id, part_ids=[a, b])
    assert client.files.content(done.file.id).read() == b"abcdef"
    assert client.uploads.complete(upload.id, part_ids=[a, b]) == done  # a client that did not hear asks again
    for other in (lambda: client.uploads.complete(upload.id, part_ids=[b, a]), lambda: client.uploads.cancel(upload.id)):
        with pytest.raises(openai.BadRequestError, match="completed"):
            other()
    client.files.delete(done.file.id)
    assert client.uploads.complete(upload.id, part_ids=[a, b]).file is None


def test_an_upload_that_is_given_up_or_forgotten(client, served):
    upload = client.uploads.create(bytes=3, filename="x", mime_type="text/plain", purpose="user_data")
    client.uploads.parts.create(upload.id, data=b"abc")
    assert client.uploads.cancel(upload.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        client.uploads.parts.create(upload.id, data=b"abc")
    late = client.uploads.create(bytes=3, filename="x", mime_type="text/plain", purpose="user_data")
    client.uploads.parts.create(late.id, data=b"abc")
    served.console.objects.change("upload", late.id, lambda body: {**body, "expires_at": 0})
    with pytest.raises(openai.BadRequestError, match="expired"):
        client.uploads.parts.create(late.id, data=b"")
    sweep(served.console)
    assert list(served.console.files.iterdir()) == []
    with pytest.raises(openai.NotFoundError):
        client.uploads.cancel("upload_nothing")


def test_the_same_request_twice_makes_one_file(client, rows):
    key = {"Idempotency-Key": "once"}
    first, second = (client.files.create(file=("x.jsonl", rows), purpose="fine-tune", extra_headers=key) for _ in range(2))
    assert first == second
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("x.jsonl", rows + rows), purpose="fine-tune", extra_headers=key)
    assert caught.value.type == "idempotency_error"
    assert len(client.files.list().data) == 1
    assert json.loads(client.files.content(first.id).text.splitlines()[0])


def test_a_key_that_only_asks_models_has_files_of_its_own_and_sees_no_others(served, rows):
    with served.client() as owner, served.client(served.key("serve")) as asker, served.client(served.key("read")) as reader:
        private = owner.files.create(file=("rows.jsonl", rows), purpose="fine-tune").id
        own = asker.files.create(file=("rows.jsonl", rows), purpose="fine-tune").id
        assert [file.id for file in asker.files.list()] == [own]
        assert asker.files.content(own).read() == rows
        for forbidden in (asker.files.retrieve, asker.files.content, asker.files.delete):
            with pytest.raises(openai.NotFoundError):
                forbidden(private)
        assert {file.id for file in reader.files.list()} == {private, own}
        with pytest.raises(openai.PermissionDeniedError):
            reader.files.create(file=("rows.jsonl", rows), purpose="fine-tune")
        with pytest.raises(openai.PermissionDeniedError):
            reader.files.delete(own)
