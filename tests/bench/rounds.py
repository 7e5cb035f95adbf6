"""CPU time of one piece of work beside another's: many short rounds by turns.

What else uses the machine makes a round dearer and never cheaper, so the first quartiles of the rounds are compared; rates
would follow the machine altogether. CPU time is the kernel's count of nanoseconds, since a round has few ticks. Where two
processes are compared, the same code differs by some per cent with where its memory lies: there, processes are begun anew
several times, and the medians of their first quartiles are compared (Mytkowicz et al., Producing Wrong Data Without Doing
Anything Obviously Wrong, ASPLOS 2009).
"""
import os

from figures import median, percentile


def cpu_of(pid):
    """Microseconds of all its threads."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as file:
            total += int(file.read().split()[0])
    return total / 1000


def by_turns(count, works):
    """What each of the works (name: a round, which gives the microseconds of one piece) costs, in `count` rounds; whoever is first takes turns as well."""
    costs = {name: [] for name in works}
    order = list(works)
    for _ in range(count):
        for name in order:
            costs[name].append(works[name]())
        order.append(order.pop(0))
    return costs


def more(costs, baseline, of=""):
    """% that `costs` are above `baseline`, and a note that says of what."""
    ours, other = percentile(costs, 25), percentile(baseline, 25)
    return 100 * (ours / other - 1), (f"{ours:.2f} µs{of}, {other:.2f} beside it; the first quartiles of {len(costs)} rounds each, medians "
                                      f"{median(costs):.2f} and {median(baseline):.2f}")


def more_of_processes(costs, baseline, of=""):
    """The same of several processes each, the i-th of one beside the i-th of the other; costs: a list of rounds for each."""
    ours, other = ([percentile(rounds, 25) for rounds in which] for which in (costs, baseline))
    ratios = [100 * (one / two - 1) for one, two in zip(ours, other)]
    return 100 * (median(ours) / median(other) - 1), (
        f"{median(ours):.2f} µs{of}, {median(other):.2f} beside it; medians of {len(ours)} processes each, pairs differ by {min(ratios):.1f} to {max(ratios):.1f} %")
