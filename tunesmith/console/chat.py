"""POST /v1/chat/completions: a sound request → the completion, or the stream of its chunks."""

from __future__ import annotations

from starlette.responses import Response

from tunesmith.console.access import Caller
from tunesmith.console.asking import Account, EventStream, asked
from tunesmith.console.chat_reply import completion, heading
from tunesmith.console.chat_request import engine_messages, engine_request
from tunesmith.console.chat_stream import ChatStream
from tunesmith.console.engine_client import ask, gather
from tunesmith.console.failures import Reply
from tunesmith.console.parsing import Parsed
from tunesmith.console.state import Console
from tunesmith.console.stored import keep_completion
from tunesmith.spec.wire_chat import ChatRequest


async def create(console: Console, caller: Caller, parsed: Parsed[ChatRequest], request_id: str = "") -> Response:
    """The completion, or the stream of its chunks.

    Raises: ApiError.
    """
    chat = parsed.body
    systems = [f"messages[{i}]" for i, message in enumerate(chat.messages) if message.role in ("system", "developer")]
    one = (await asked(console, caller, chat.model, "chat/completions", parsed.ignored)).marked(chat, systems)
    lines = await ask(console.engine_socket, engine_request(chat, one), one.about)
    try:
        start = (await lines.first())["start"]
        account = Account(one, start["prompt_tokens"])
        head = heading(one)
        if chat.stream:
            stream = ChatStream(chat, head, start, keep=lambda body: keep_completion(one, body, chat, engine_messages(chat.messages), request_id))
            return EventStream(stream.frames(account.follow(lines)), lines, one.headers(start))
        whole = await gather(start, account.follow(lines), chat.n or 1)
    except BaseException:
        lines.close()
        raise
    lines.close()
    body = completion(chat, head, whole)
    if chat.store:
        await keep_completion(one, body, chat, engine_messages(chat.messages), request_id)
    return Reply(body, headers=one.headers(start))
