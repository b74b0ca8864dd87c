//! Istio's own cases, what its functions made of them, and the tables of what is made of them here.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// Where the cases are.
pub(crate) fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/istio/data/cases")
}

/// What Istio's functions decided, case by case.
pub(crate) fn cases() -> Vec<Value> {
    let text = fs::read_to_string(data().join("expected.json")).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all["cases"].take()).unwrap()
}

/// Of a case, a gate and what is compared, whether the outcome here is the same; each in a line of
/// its own, and with it why if it is not.
pub(crate) fn table(name: &str) -> BTreeMap<[String; 3], bool> {
    let text = fs::read_to_string(data().with_file_name(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut table = BTreeMap::new();
    for line in lines {
        let parts: Vec<_> = line.split(" | ").collect();
        let same = match parts[3..] {
            ["same"] => true,
            ["different", why] if !why.is_empty() => false,
            _ => panic!("{line}"),
        };
        let key = [parts[0], parts[1], parts[2]].map(str::to_owned);
        assert!(table.insert(key, same).is_none(), "{line}");
    }
    table
}
