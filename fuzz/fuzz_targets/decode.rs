//! Any bytes through both gates: nothing panics, what a gate lets in is read again from what it
//! prints, and the strict gate lets in nothing that istiod's would not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meshpool::istio::{Gate, Manifest};

fuzz_target!(|bytes: &[u8]| {
    let strict = read_print_read(bytes, Gate::Strict);
    let istiod = read_print_read(bytes, Gate::Istiod);
    if strict.is_valid() {
        assert!(istiod.is_valid(), "{:?}", istiod.problems());
        assert_eq!(strict, istiod);
    }
});

fn read_print_read(bytes: &[u8], gate: Gate) -> Manifest {
    let first = Manifest::parse("fuzz.yaml", bytes, gate);
    for problem in first.problems() {
        assert_eq!(problem.to_string().lines().count(), 1, "{problem}");
    }
    let printed = first.to_string();
    let again = Manifest::parse("printed.yaml", &printed, gate);
    assert_eq!(first, again, "{printed}\n{:?}", again.problems());
    assert_eq!(printed, again.to_string());
    if first.is_valid() {
        assert!(again.is_valid(), "{printed}\n{:?}", again.problems());
    }
    first
}
