"""One statement at a time over libpqxx, beside our connection on libpq: the same SQL, arrays in binary form, both prepared.

What docs/adr/0007 decides by. Each way has its turn in every round, first in one and second in the next, so the machine's
moods meet both; a figure is the median of the rounds' ratios, and the quartiles say how far they lie apart.
"""
from bench import Tool
from figures import median, percentile

SUMMARY = "libpqxx beside libpq where nothing is pipelined"
ORDER = 75
ROUNDS = {False: 300, True: 1500}  # --long

FIGURES = (
    ("insert", "an insert of 200 rows, uuid[] and two bytea[]"),
    ("read", "a row by its key"),
    ("transaction", "BEGIN, a row by its key, COMMIT"),
)


def run(bench):
    rounds = ROUNDS[bench.long]
    found = Tool(bench, [bench.program("bench_statements"), "--database", bench.database_url, "--rounds", str(rounds)],
                 600).result()
    for name, what in FIGURES:
        libpq, libpqxx = found[name]["libpq"], found[name]["libpqxx"]
        ratios = [one / other for one, other in zip(libpqxx["wall_us"], libpq["wall_us"])]
        used = median([one / other for one, other in zip(libpqxx["processor_us"], libpq["processor_us"])])
        bench.figure(what, median(ratios), "×", note=(
            f"libpqxx {median(libpqxx['wall_us']):.0f} µs, ours {median(libpq['wall_us']):.0f}; quartiles of {rounds} rounds "
            f"{percentile(ratios, 25):.2f} to {percentile(ratios, 75):.2f}; {used:.2f} × the processor's time of ours"))
