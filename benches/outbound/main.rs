//! What a client costs: requests over loopback, by ours with all its limits on, and by the others,
//! which have none.
//!
//! | name | what |
//! |---|---|
//! | `legacy` | hyper-util's `client::legacy::Client` |
//! | `reqwest` | reqwest |
//! | `pool` | hyper-util's `client::pool`, composed: a map of caches (HTTP/1) or singletons (HTTP/2) |
//! | `meshpool` | ours, limited in connections, pending, active and requests on a connection |
//!
//! The groups are `http1` and `http2`, and once more as `http1_cpu` and `http2_cpu`, by the
//! processor time of the client's thread, the kernel's part included; a benchmark is
//! `CLIENT/BODY/IN_FLIGHT`, a time that of so many requests. Clients run on one thread, the server
//! on another, and each response is read to its end.
//!
//! `benches/run outbound` runs all this three times and prints the ratios; `benches/README.md` has
//! the figures.

mod clients;
mod clock;
mod load;
#[path = "../upstream/server.rs"]
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};

use crate::clients::{Get, Version};
use crate::clock::{Clock, ProcessorTime};
use crate::load::Load;

const BODIES: [(&str, usize); 3] = [("0", 0), ("1KiB", 1 << 10), ("1MiB", 1 << 20)];
const IN_FLIGHT: [usize; 3] = [1, 32, 256];

/// Short, since what is compared is the median of the ratios of several runs.
fn config<M: Clock>(clock: M) -> Criterion<M> {
    Criterion::default()
        .with_measurement(clock)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .sample_size(10)
        .nresamples(10_000)
        .without_plots()
}

fn bench<M: Clock>(c: &mut Criterion<M>) {
    let servers = BODIES.map(|(_, size)| server::start(Bytes::from(vec![b'x'; size])));
    for version in [Version::Http1, Version::Http2] {
        let mut group = c.benchmark_group(format!("{}{}", version.name(), M::SUFFIX));
        // A sample may be but one iteration, as long as that has many requests.
        group.sampling_mode(SamplingMode::Flat);
        for ((body, size), addresses) in BODIES.into_iter().zip(servers) {
            let address = match version {
                Version::Http1 => addresses.http1,
                Version::Http2 => addresses.http2,
            };
            for in_flight in IN_FLIGHT {
                let case = Case {
                    body,
                    size,
                    address,
                    in_flight,
                };
                case.measure(&mut group, "legacy", || clients::Legacy::new(version));
                case.measure(&mut group, "reqwest", || clients::Reqwest::new(version));
                match version {
                    Version::Http1 => case.measure(&mut group, "pool", clients::pool::over_http1),
                    Version::Http2 => case.measure(&mut group, "pool", clients::pool::over_http2),
                }
                case.measure(&mut group, "meshpool", || clients::Meshpool::new(version));
            }
        }
        group.finish();
    }
}

/// What one benchmark does, whichever its client.
#[derive(Clone, Copy, Debug)]
struct Case {
    body: &'static str,
    size: usize,
    address: SocketAddr,
    in_flight: usize,
}

impl Case {
    fn measure<C: Get, M: Clock>(
        self,
        group: &mut BenchmarkGroup<'_, M>,
        name: &str,
        client: impl Fn() -> C,
    ) {
        let id = format!("{name}/{}/{}", self.body, self.in_flight);
        group.bench_function(id, |b| {
            let load = Load::new(&client, self.address, self.in_flight, self.size);
            b.iter_custom(|rounds| load.run(rounds, M::now));
        });
    }
}

criterion_group! {
    name = by_time;
    config = config(WallTime);
    targets = bench,
}
criterion_group! {
    name = by_processor_time;
    config = config(ProcessorTime);
    targets = bench,
}
criterion_main!(by_time, by_processor_time);
