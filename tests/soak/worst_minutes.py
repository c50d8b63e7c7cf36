"""Personalize throttles for a whole minute, then hangs, resets and answers noise.

Part of `make soak` alone: there is no shorter form of a minute. Faults are its rules, at seconds
after they were set, and nobody is killed; so each invocation has to answer in its time, and with
retries until the records are too old nothing may be abandoned.
"""

import os
import random
from itertools import accumulate

from plant import figures, plant
from producer import REFUSAL

SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))
SECONDS = 10.0
RETRIES = -1
RULES = {
    "throttle": 60.0,
    "hang": 15.0,
    "store_then_hang": 15.0,
    "reset": 5.0,
    "store_then_reset": 5.0,
    "garbage": 5.0,
    "garbage_error": 5.0,
}
"""For how many seconds every call meets each fault, one after the other."""


def test_a_minute_of_throttling_and_one_of_worse_delay_everything_and_lose_nothing(
    tmp_path, capsys
):
    ends = list(accumulate(RULES.values()))
    rules = [
        {"action": action, "from_s": end - RULES[action], "until_s": end}
        for action, end in zip(RULES, ends, strict=True)
    ]
    with plant(tmp_path, seed=SEED, seconds=SECONDS, retries=RETRIES) as works:
        with works.at_work():
            works.endpoint.faults([REFUSAL, *rules])
            works.produce(seconds=ends[-1] + 5)
            drained = works.drain()
        books, met = works.books(), works.faults()
        with capsys.disabled():
            print(figures(works, books, run={"seed": SEED}))  # noqa: T201 - the figures are the result

    assert drained
    for name, book in books.items():
        book.check(redelivered=True)
        assert (book.waiting, book.abandoned) == (0, 0), name
    for each in works.feeds:
        assert each.totals()["dropped"] == 0
        assert each.fleet.longest < SECONDS
    assert set(met) == set(RULES)
