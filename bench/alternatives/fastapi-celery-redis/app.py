"""A chat backend as commonly built: FastAPI in front, Celery behind, Redis between.

POST /chat puts a task into the queue. The worker writes every chunk of the reply to a Redis stream, and
GET /chat/{id}/events reads it from there, from the beginning or behind Last-Event-ID.
"""

import os
import uuid

import redis.asyncio as redis
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from worker import generate, stream_of

BLOCK_MILLIS = 15_000
READ_COUNT = 100

app = FastAPI()
store = redis.Redis.from_url(os.environ["REDIS_URL"])


class Message(BaseModel):
    text: str


@app.post("/chat", status_code=202)
def ask(message: Message):
    reply = str(uuid.uuid4())
    generate.delay(reply, message.text)
    return {"id": reply}


@app.get("/chat/{reply}/events")
async def follow(reply: str, request: Request):
    last = request.headers.get("last-event-id", "0")
    return StreamingResponse(events(reply, last), media_type="text/event-stream")


async def events(reply: str, last: str):
    while True:
        found = await store.xread({stream_of(reply): last}, count=READ_COUNT, block=BLOCK_MILLIS)
        if not found:
            yield ":\n\n"
            continue
        for entry, fields in found[0][1]:
            last = entry.decode()
            data = fields[b"data"].decode()
            yield f"id: {last}\ndata: {data}\n\n"
            if data == "[DONE]":
                return


@app.get("/chat/{reply}")
async def whole(reply: str):
    text = await store.get("text:" + reply)
    return {"text": text.decode() if text else None}
