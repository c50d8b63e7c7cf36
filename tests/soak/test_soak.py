"""Minutes of random faults of every kind, and every record accounted for.

`make soak` runs it for MINUTES=5; within `make test` it is a third of one. SEED repeats a run.
"""

import os
import random
from collections import Counter
from threading import Event, Thread

from plant import figures, plant
from weather import Weather

MINUTES = float(os.environ.get("MINUTES", "0.33"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))

SECONDS = 3.0
"""What Lambda gives an invocation: little, so that a call that hangs is part of it."""

RETRIES = 2
"""Few, so that some batches are abandoned."""

STALL_LIMIT = (RETRIES + 1) * SECONDS + 0.2 * 2.0**RETRIES + 15.0
"""Every try as long as an invocation may be, the pauses between them, and a slow machine."""


def test_whatever_the_weather_no_record_is_lost_and_none_counts_twice(tmp_path, capsys):
    over = Event()
    with plant(tmp_path, seed=SEED, seconds=SECONDS, retries=RETRIES) as works:
        weather = Weather(
            works.endpoint,
            works.before_personalize,
            works.before_aws,
            [each.fleet for each in works.feeds],
            SEED,
        )
        with works.at_work():
            raging = Thread(target=weather.rage, args=(over,))
            raging.start()
            try:
                works.produce(seconds=MINUTES * 60)
            finally:
                over.set()
                raging.join()
            weather.calm()
            drained = works.drain()
        books = works.books()
        forms = sum((feed.forms for feed in works.feeds), Counter[str]())
        run = {
            "minutes, seed": f"{MINUTES:g}, {SEED}",
            "spells of faults": sum(weather.spells.values()),
        }
        detail = {
            **{f"calls: {name}": count for name, count in sorted(weather.hits.items())},
            **{f"records: {name}": count for name, count in sorted(forms.items())},
            "kills": sum(feed.fleet.killed for feed in works.feeds),
        }
        with capsys.disabled():
            print(figures(works, books, run=run, detail=detail))  # noqa: T201 - the result

    assert drained
    for name, book in books.items():
        book.check(redelivered=True)
        assert book.waiting == 0, name
    for each in works.feeds:
        assert each.totals()["dropped"] == 0
        assert each.longest_stall < STALL_LIMIT
