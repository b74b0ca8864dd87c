"""What is compared, and the table."""

import statistics

# Name, unit, how it is printed, and whether more is better.
FIGURES = {
    "rate": ("requests/s", "{:,.0f}", True),
    "cpu": ("processor time a request, µs", "{:.1f}", False),
    "p50": ("median latency, one at a time, µs", "{:.0f}", False),
    "memory": ("resident memory, MiB", "{:.1f}", False),
    "refusals": ("refusals/s", "{:,.0f}", True),
    "refusal": ("processor time a refusal, µs", "{:.1f}", False),
}
PROTOCOLS = {"h1": "HTTP/1", "h2": "HTTP/2"}


def print_table(figures):
    """Whether `sidecar` is better in each row."""
    print("| | | `sidecar` | Envoy | ratio | target | |")
    print("|---|---|---|---|---|---|---|")
    all_met = True
    for protocol, protocol_name in PROTOCOLS.items():
        for figure, (what, form, more_is_better) in FIGURES.items():
            ours, theirs = (figures[protocol, figure, name] for name in ("sidecar", "envoy"))
            ratio = statistics.median(our / their for our, their in zip(ours, theirs))
            is_met = ratio > 1 if more_is_better else ratio < 1
            all_met &= is_met
            row = [
                protocol_name,
                what,
                form.format(statistics.median(ours)),
                form.format(statistics.median(theirs)),
                f"{ratio:.2f}",
                "> 1" if more_is_better else "< 1",
                "met" if is_met else "**missed**",
            ]
            print("|", " | ".join(row), "|")
    return all_met
