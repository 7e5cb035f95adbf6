"""How soon an event stands in the audit log, at a steady thousand a second.

From the event's own time, which the load sets as it publishes, until a reader that asks every half millisecond has
its record in hand. Load, reader and servers share one clock. The median of three runs. Beside it stands how long a
bare commit takes meanwhile: where the disk stands still, nobody's event is stored.
"""
import contextlib
import threading
import time

from bench import AUDITED, Sql, say, warm_up
from figures import at_most, median, percentile

SUMMARY = "publish → audit row visible at 1,000 events/s"
ORDER = 10
TENANTS = 20
RATE = 1000


@contextlib.contextmanager
def commits(bench, every=0.02):
    """The milliseconds that commits of one row took until the end, each from when it was due."""
    sql = Sql(bench.server_url + "/postgres")
    sql.rows("CREATE TABLE IF NOT EXISTS bench_commits (at timestamptz)")
    taken, over = [], threading.Event()

    def commit():
        due = time.perf_counter()
        while not over.wait(max(0.0, due - time.perf_counter())):
            sql.rows("INSERT INTO bench_commits VALUES (now())")
            taken.append((time.perf_counter() - due) * 1000)
            due += every

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join()
        sql.close()


def measure(bench, seconds, rate=RATE, tenants=TENANTS):
    """Milliseconds from each event's time until its record was seen."""
    watch = bench.tool("bench_watch", "--tenants", tenants, "--events", int(rate * seconds),
                       "--database", bench.database_url)
    load = bench.load("audit", tenants, rate=rate, seconds=seconds, wait=True)
    watch.ready()
    load.ready()
    load.go()
    published = load.result()
    seen = watch.result()
    return [each / 1000 for each in seen["latencies_us"]], published["late_max_ms"]


def run(bench):
    bench.tenants(TENANTS)
    seconds = 60 if bench.long else 10
    halves, worsts, bare, late = [], [], [], 0
    with bench.ours("audit") as process:
        warm_up(bench, "audit", TENANTS, AUDITED, process)
        for _ in range(3):
            with bench.cpu() as cpu, commits(bench) as taken:
                latencies, late_now = measure(bench, seconds)
            late = max(late, late_now)
            halves.append(percentile(latencies, 50))
            worsts.append(percentile(latencies, 99))
            bare.append((percentile(taken, 50), percentile(taken, 99)))
            say(f"p50 {halves[-1]:.1f} ms, p99 {worsts[-1]:.1f} ms, worst {max(latencies):.1f} ms; a bare commit "
                f"{bare[-1][0]:.1f}, {bare[-1][1]:.1f}, {max(taken):.1f} ms")
    note = f"median of three runs of {seconds} s; the load was late by {late:.0f} ms at most"
    for figure, value, baseline, floor, said in (
            ("p50", median(halves), median([each for each, _ in bare]), at_most(5), note),
            ("p99", median(worsts), median([each for _, each in bare]), at_most(25), "")):
        bench.figure(figure, value, "ms", baseline="a bare commit", baseline_value=baseline, floor=floor, cpu=cpu, note=said)
