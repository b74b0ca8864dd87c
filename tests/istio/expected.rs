//! Istio's own cases, what its functions made of them, and the table of what is made of them here.

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

/// A row of the table: what becomes of something that is compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) verdict: String,
    /// Why it is not the same, or where it is refused.
    pub(crate) more: Option<String>,
}

impl Row {
    /// Of a row that is either the same or different, which one.
    pub(crate) fn is_same(&self) -> bool {
        match (&*self.verdict, &self.more) {
            ("same", None) => true,
            ("different", Some(_)) => false,
            _ => panic!("{self:?}"),
        }
    }
}

/// What a part of the table is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    /// The limits of a case that is read as a rule file.
    RuleFile,
    /// The verdict on a case behind a gate.
    Verdict,
    /// The settings of its checks.
    Settings,
}

/// How a case is named that is read as a rule file, and behind no gate of a set.
pub(crate) const RULE_FILE: &str = "rule file";

impl Part {
    /// Each row is of one part.
    fn of([_, reader, compared]: &[String; 3]) -> Self {
        if reader == RULE_FILE {
            Self::RuleFile
        } else if compared.starts_with(|c: char| c.is_ascii_digit()) {
            Self::Settings
        } else {
            Self::Verdict
        }
    }
}

/// A part of the table: of a case, how it is read, and what is compared, what becomes of it.
pub(crate) fn table(part: Part) -> BTreeMap<[String; 3], Row> {
    let text = fs::read_to_string(data().with_file_name("table.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut table = BTreeMap::new();
    for line in lines {
        let mut parts = line.splitn(5, " | ").map(str::to_owned);
        let mut next = || parts.next().unwrap_or_else(|| panic!("{line}"));
        let key = [next(), next(), next()];
        let verdict = next();
        let more = parts.next();
        assert_ne!(more.as_deref(), Some(""), "{line}");
        let before = table.insert(key, Row { verdict, more });
        assert!(before.is_none(), "{line}");
    }
    table.retain(|key, _| Part::of(key) == part);
    table
}
