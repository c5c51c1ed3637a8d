"""OpenAI's own Python client against the proxy of `edgeroute live serve`, unmodified."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.live import HELLO, proxied, run

openai = pytest.importorskip("openai")


def test_the_official_client_gets_answers_streams_and_errors(tmp_path: Path) -> None:
    async def work() -> None:
        async with proxied(tmp_path) as it:
            client = openai.AsyncOpenAI(base_url=it.proxy.url, api_key="any", max_retries=0)
            ask = client.chat.completions.create
            asked = {"model": "edgeroute-edge", "messages": HELLO, "max_tokens": 5}
            whole = await ask(**asked)
            assert whole.choices[0].message.content == " word" * 5
            assert whole.usage.completion_tokens == 5
            assert whole.model_extra["edgeroute"]["side"] == "edge"
            chunks = [chunk async for chunk in await ask(**asked, stream=True)]
            said = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
            assert "".join(said) == " word" * 5
            assert chunks[-1].model_extra["edgeroute"]["side"] == "edge"
            options = {"include_usage": True}
            chunks = [c async for c in await ask(**asked, stream=True, stream_options=options)]
            assert chunks[-1].usage.completion_tokens == 5
            names = [model.id async for model in await client.models.list()]
            assert "edgeroute-bao" in names
            with pytest.raises(openai.NotFoundError, match="allowed"):
                await ask(model="gpt-4", messages=HELLO)
            it.edge.failure = "truncated"
            broken = await ask(**asked, stream=True)
            with pytest.raises(openai.APIError, match="broke off"):
                [chunk async for chunk in broken]

    run(work)
