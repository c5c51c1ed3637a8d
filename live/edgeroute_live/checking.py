"""What two servers can do, seen from five requests each, before anything depends on it."""

from __future__ import annotations

from typing import NamedTuple

import aiohttp

from edgeroute_env.errors import InputError
from edgeroute_live.reports import requests_at
from edgeroute_live.timing import Client, Message, Timed, user

PROMPT_TOKENS = 400
MOST_ESTIMATE_FACTOR = 1.6  # of our estimate; other tokenizers are within a third of it
MOST_TEMPLATE_TOKENS = 100  # of one message
FEWEST_TEMPLATE_TOKENS = 2
SHORT, LONG = 20, 200  # tokens of the two prompts that tell a template from a tokenizer
CACHED_SHARE = 0.5


class Finding(NamedTuple):
    """One thing that was looked at: whether it is as hoped, and what was seen.

    Without what is `needed`, answers are routed wrongly or not at all.
    """

    what: str
    good: bool
    seen: str
    needed: bool = True


async def check(client: Client) -> list[Finding]:
    """Look at one side's server; what it lacks is a finding, not an error.

    Raises:
        RefusedError: it lists no models, or answers no chat.
    """
    listed = [model["id"] for model in await client.models()]
    wanted = client.endpoint.model
    known = wanted in listed
    seen = f"{wanted} is listed" if known else f"{wanted} is not among {', '.join(listed[:5])}"
    findings = [Finding("model", known, seen)]
    short = await client.ask([user(client.prompt(SHORT))], 8)
    messages = [user(client.prompt(LONG))]
    long = await client.ask(messages, 8)
    findings.append(_streaming(long))
    findings.append(_usage(long))
    findings.append(_template(short, long))
    findings.append(await _caching(client))
    findings.append(await _metrics(client))
    return findings


def chosen_model(listed: list[str], wanted: str, side: str) -> str:
    """Return the model to use: the one asked for, or the only one that a server lists."""
    if wanted:
        return wanted
    if len(listed) != 1:
        raise InputError(f"--{side}-model", "nothing", f"one of {', '.join(listed[:20])}")
    return listed[0]


def _streaming(turn: Timed) -> Finding:
    spread = turn.last_s > turn.first_s
    seen = f"first token after {turn.ttft_s:.3f} s, {turn.token_s * 1e3:.1f} ms a token"
    return Finding("streaming", spread, seen if spread else "all of the answer came at once")


def _usage(turn: Timed) -> Finding:
    seen = f"{turn.prompt_tokens} prompt and {turn.answer_tokens} answer tokens"
    return Finding("usage", turn.prompt_tokens > 0 and turn.answer_tokens > 0, seen)


def _template(short: Timed, long: Timed) -> Finding:
    """Split the server's count into the template's tokens and its tokenizer's, over our estimate.

    A server without the model's template counts no more tokens than the text has; one that does not
    read the text counts far fewer.
    """
    more = long.prompt_tokens - short.prompt_tokens
    scale = more / (long.estimate_tokens - short.estimate_tokens)
    template = short.prompt_tokens - scale * short.estimate_tokens
    seen = f"{template:.0f} + {scale:.2f} x our estimate"
    if not 1.0 / MOST_ESTIMATE_FACTOR < scale < MOST_ESTIMATE_FACTOR:
        return Finding("chat template", False, f"{seen}: wrong chat template? the text is not read")
    if template < FEWEST_TEMPLATE_TOKENS:
        return Finding("chat template", False, f"{seen}: wrong chat template? it adds nothing")
    if template > MOST_TEMPLATE_TOKENS:
        return Finding("chat template", False, f"{seen}: a long system prompt stands in it")
    return Finding("chat template", True, seen)


async def _caching(client: Client) -> Finding:
    """Ask a prompt twice: what the second one finds cached, and how much sooner it answers."""
    messages: list[Message] = [user(client.prompt(PROMPT_TOKENS))]
    first = await client.ask(messages, 4)
    again = await client.ask(messages, 4)
    times = f"first token after {first.ttft_s:.3f} s, then {again.ttft_s:.3f} s"
    if again.cached_tokens is None:
        return Finding("prefix cache", False, f"the server does not tell; {times}", False)
    share = again.cached_tokens / again.prompt_tokens
    return Finding("prefix cache", share > CACHED_SHARE, f"{share:.0%} of a prompt; {times}", False)


async def _metrics(client: Client) -> Finding:
    """Look for the server's metrics beside its API, where vLLM, SGLang and llama.cpp have them."""
    url = client.endpoint.url.rstrip("/").removesuffix("/v1")
    try:
        status, text = await client.fetch(url + "/metrics")
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding("metrics", False, f"none: {type(error).__name__}", False)
    running = requests_at(text) if status == 200 else None
    if running is None:
        return Finding("metrics", False, f"none that tell requests (status {status})", False)
    return Finding("metrics", True, f"{running:.0f} requests at the server", False)
