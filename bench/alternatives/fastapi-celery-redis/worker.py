"""The tasks: call the model, write each chunk to Redis."""

import json
import os

import httpx
import redis
from celery import Celery

KEEP_SECONDS = 3600
IDLE_SECONDS = 120

celery = Celery("worker", broker=os.environ["REDIS_URL"])
celery.conf.worker_prefetch_multiplier = 1
celery.conf.task_ignore_result = True

store = redis.Redis.from_url(os.environ["REDIS_URL"])
client = httpx.Client(
    timeout=IDLE_SECONDS,
    limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
)


def stream_of(reply):
    return "stream:" + reply


@celery.task
def generate(reply, prompt):
    body = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": prompt}]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    text = []
    with client.stream("POST", url, json=body, headers=headers) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            line = line.strip()
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            choices = json.loads(line[6:]).get("choices")
            content = choices[0].get("delta", {}).get("content") if choices else None
            if content:
                text.append(content)
                store.xadd(stream_of(reply), {"data": json.dumps({"text": content})})
    store.set("text:" + reply, "".join(text), ex=KEEP_SECONDS)
    store.xadd(stream_of(reply), {"data": "[DONE]"})
    store.expire(stream_of(reply), KEEP_SECONDS)
