"""Limits on how often something may be asked for: the strategies of limits, and slowapi before a web application."""

import asyncio

import httpx
from harness import HOST, PORT, case, main
from limits import RateLimitItemPerHour, strategies
from limits.aio import strategies as aio_strategies
from limits.storage import storage_from_string
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

URL = f"redis://{HOST}:{PORT}"
TWO_AN_HOUR = RateLimitItemPerHour(2)


def reach_the_limit(strategy):
    """Two may go ahead, the third may not; a limit reached by one person is not another's; it can be taken back."""
    limiter = strategy(storage_from_string(URL))
    assert limiter.test(TWO_AN_HOUR, "ana")
    assert [limiter.hit(TWO_AN_HOUR, "ana") for _ in range(3)] == [True, True, False]
    assert not limiter.test(TWO_AN_HOUR, "ana")
    assert limiter.get_window_stats(TWO_AN_HOUR, "ana").remaining == 0
    assert limiter.hit(TWO_AN_HOUR, "bea")
    assert limiter.get_window_stats(TWO_AN_HOUR, "bea").remaining == 1
    limiter.clear(TWO_AN_HOUR, "ana")
    assert [limiter.hit(TWO_AN_HOUR, "ana", cost=2), limiter.hit(TWO_AN_HOUR, "ana")] == [True, False]
    assert limiter.storage.reset() > 0
    assert limiter.hit(TWO_AN_HOUR, "ana")


@case
def limits_counts_in_fixed_windows():
    reach_the_limit(strategies.FixedWindowRateLimiter)


@case
def limits_counts_in_moving_windows():
    reach_the_limit(strategies.MovingWindowRateLimiter)


@case
def limits_counts_in_sliding_windows():
    reach_the_limit(strategies.SlidingWindowCounterRateLimiter)


@case
def limits_counts_with_asyncio():
    async def run():
        storage = storage_from_string(f"async+{URL}", implementation="redispy")
        for strategy in (
            aio_strategies.FixedWindowRateLimiter,
            aio_strategies.MovingWindowRateLimiter,
            aio_strategies.SlidingWindowCounterRateLimiter,
        ):
            limiter = strategy(storage)
            assert [await limiter.hit(TWO_AN_HOUR, "ana") for _ in range(3)] == [True, True, False]
            assert (await limiter.get_window_stats(TWO_AN_HOUR, "ana")).remaining == 0
            assert await storage.reset() > 0

    asyncio.run(run())


@case
def slowapi_refuses_requests_beyond_the_limit():
    limiter = Limiter(key_func=get_remote_address, storage_uri=URL, headers_enabled=True)

    @limiter.limit("2/hour")
    async def seats(request):
        return PlainTextResponse("42 free")

    application = Starlette(routes=[Route("/seats", seats)])
    application.state.limiter = limiter
    application.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)

    async def run():
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://tickets") as client:
            answers = [await client.get("/seats") for _ in range(3)]
            assert [answer.status_code for answer in answers] == [200, 200, 429]
            assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
            limiter.reset()
            assert (await client.get("/seats")).status_code == 200

    asyncio.run(run())


main()
