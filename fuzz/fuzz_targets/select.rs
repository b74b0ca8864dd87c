//! Any files as a rule set, asked about what they name: nothing panics, the order of files does not
//! matter, what an answer says is what its parts say, and without a quirk the sane way is Istio's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meshpool::istio::settings::{Settings, Source, Value};
use meshpool::istio::{Client, Gate, OnFull, Protocol, Query, RuleSet, Selection, Service};

/// Between the files of an input.
const SEPARATOR: &[u8] = b"\n---\n";

fuzz_target!(|bytes: &[u8]| {
    // The length chooses among questions.
    let choice = bytes.len();
    let files = split(bytes);
    let istio = set(files.iter().copied(), Selection::Istio);
    let sane = set(files.iter().copied(), Selection::Sane);
    let reversed = set(files.iter().rev().copied(), Selection::Istio);
    assert!(sane.quirks().is_empty());
    for quirk in istio.quirks() {
        assert_eq!(quirk.to_string().lines().count(), 1, "{quirk}");
    }
    for query in queries(&istio, choice) {
        let settings = istio.settings(&query);
        check(&settings);
        let told = tell(&settings);
        if istio.is_valid() {
            assert_eq!(told, tell(&reversed.settings(&query)), "{query:?}");
            if istio.quirks().is_empty() {
                assert_eq!(told, tell(&sane.settings(&query)), "{query:?}");
            }
        }
    }
});

fn split(mut text: &[u8]) -> Vec<&[u8]> {
    let mut files = Vec::new();
    let separator = |text: &[u8]| {
        text.windows(SEPARATOR.len())
            .position(|found| found == SEPARATOR)
    };
    while let Some(end) = separator(text) {
        files.push(&text[..end]);
        text = &text[end + SEPARATOR.len()..];
    }
    files.push(text);
    files
}

/// Files are named by their lengths, so that they are the same in another order.
fn set<'a>(files: impl Iterator<Item = &'a [u8]>, selection: Selection) -> RuleSet {
    let builder = RuleSet::builder().gate(Gate::Istiod).selection(selection);
    files
        .fold(builder, |builder, file| {
            builder.document(format!("{}.yaml", file.len()), file)
        })
        .build()
}

/// Questions about the names that rules have, and others.
fn queries(rules: &RuleSet, choice: usize) -> Vec<Query> {
    let namespaces = rules.rules().map(|rule| rule.namespace().to_owned());
    let mut namespaces: Vec<String> = namespaces.take(2).collect();
    namespaces.push("istio-system".to_owned());
    let names = rules.rules().map(|rule| rule.name().to_owned());
    let mut hosts: Vec<String> = names.take(2).collect();
    hosts.push("reviews".to_owned());
    hosts.push("*.example.org".to_owned());
    let port = [80, 8080, 9090, 0][choice & 3];
    let protocol = [
        Protocol::Http,
        Protocol::Http2,
        Protocol::Tcp,
        Protocol::Auto,
    ][choice >> 2 & 3];
    let mut queries = Vec::new();
    for namespace in &namespaces {
        for host in &hosts {
            let service = Service::new(host)
                .namespace(namespace)
                .port(port)
                .target_port(10_001)
                .protocol(protocol);
            for client in &namespaces {
                let client = Client::new(client).label("app", "a");
                let inbound = Query::inbound(service.clone());
                let outbound = Query::outbound(service.clone()).subset("v1");
                queries.push(inbound.client(client.clone()));
                queries.push(outbound.client(client));
            }
        }
    }
    queries
}

/// That the parts of an answer agree.
fn check(settings: &Settings<'_>) {
    let thresholds = settings.thresholds();
    for setting in settings.values() {
        let value = match setting.name() {
            "thresholds.max_connections" => thresholds.max_connections,
            "thresholds.max_requests" => thresholds.max_requests,
            "thresholds.max_pending_requests" => thresholds.max_pending_requests,
            "thresholds.max_retries" => thresholds.max_retries,
            _ => continue,
        };
        assert_eq!(setting.value(), Value::Number(value));
        let is_set = !matches!(setting.source(), Source::Default);
        assert_eq!(is_set, value != u32::MAX, "{setting:?}");
    }
    if let Some(selected) = settings.selected() {
        let selected = selected.to_string();
        assert!(settings.candidates().any(|it| it.to_string() == selected));
    }
    for on_full in [OnFull::Refuse, OnFull::Wait] {
        let limits = settings.limits(on_full);
        assert!(limits.max_requests != Some(0), "{limits:?}");
    }
}

fn tell(settings: &Settings<'_>) -> String {
    let values = settings.values();
    let subsets: Vec<&str> = settings.subsets().collect();
    format!("{:?} {values:?} {subsets:?}", settings.selected())
}
