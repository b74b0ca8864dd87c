//! What it takes to ask a rule set, with few rules and with many, and to make one.
//!
//! In `hosts` each rule has a host of its own, in `wildcards` a wildcard of its own, all in one
//! namespace. In `mesh` there are a hundred namespaces with a hundred rules each, with ports and
//! subsets, some for the same host, some with a selector, and a `Sidecar` in each.
//!
//! `benches/README.md` has the figures.

mod meshes;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use meshpool::istio::{OnFull, Query, RuleSet};

use meshes::{Mesh, hosts, mesh, wildcards};

const AT_ONCE: BatchSize = BatchSize::NumIterations(64);

fn set(mesh: &Mesh) -> RuleSet {
    let mut builder = RuleSet::builder();
    for (name, text) in &mesh.files {
        builder = builder.document(name, text.as_str());
    }
    let set = builder.build();
    assert!(set.is_valid(), "{:?}", set.problems().first());
    set
}

/// Asks one question after another, so that no answer is at hand for being the last one; each is
/// made shortly before, as callers do it.
fn ask(criterion: &mut Criterion, group: &str, answer: fn(&RuleSet, &Query)) {
    let mut group = criterion.benchmark_group(group);
    for (name, mesh) in [
        ("hosts", hosts(10)),
        ("hosts", hosts(10_000)),
        ("wildcards", wildcards(10)),
        ("wildcards", wildcards(10_000)),
        ("mesh", mesh(100, 100)),
    ] {
        let set = set(&mesh);
        let mut queries = mesh.queries.iter().cycle();
        group.bench_function(BenchmarkId::new(name, set.rules().len()), |bencher| {
            let next = || queries.next().expect("a query").clone();
            bencher.iter_batched_ref(next, |query| answer(&set, query), AT_ONCE);
        });
    }
    group.finish();
}

fn lookup(criterion: &mut Criterion) {
    ask(criterion, "lookup", |set, query| {
        black_box(set.settings(query));
    });
}

fn limits(criterion: &mut Criterion) {
    ask(criterion, "limits", |set, query| {
        black_box(set.settings(query).limits(OnFull::Refuse));
    });
}

fn explained(criterion: &mut Criterion) {
    ask(criterion, "explained", |set, query| {
        black_box(set.settings(query).values());
    });
}

fn build(criterion: &mut Criterion) {
    let mesh = mesh(100, 100);
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10);
    group.bench_function(BenchmarkId::new("mesh", 10_000), |bencher| {
        bencher.iter(|| set(&mesh));
    });
    group.finish();
}

fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(50)
        .nresamples(10_000)
        .without_plots()
}

criterion_group! {
    name = rules;
    config = config();
    targets = lookup, limits, explained, build
}
criterion_main!(rules);
