//! Labels as Kubernetes has them.

use super::host::is_dns_label;
use crate::istio::path::Path;
use crate::istio::problem::{Report, shorten};
use crate::istio::resource::Labels;

/// How long the part of a key before the slash may be.
const LONGEST_PREFIX: usize = 253;
/// How long the part after it may be.
const LONGEST_NAME: usize = 63;

pub(super) fn labels(labels: &Labels, path: &Path<'_>, report: &mut Report) {
    for (key, value) in &labels.0 {
        let path = path.field(key);
        if !is_key(key) {
            report.error(
                key.at,
                &path,
                format_args!(
                    "`{}` is no key of a label: expected letters, digits, and `-`, `_` or `.` \
                     between them, after a domain and a slash maybe",
                    shorten(key)
                ),
            );
        }
        if !value.is_empty() && !is_name(value) {
            report.error(
                value.at,
                &path,
                format_args!(
                    "`{}` is no value of a label: expected letters, digits, and `-`, `_` or `.` \
                     between them",
                    shorten(value)
                ),
            );
        }
    }
}

fn is_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix_fits = prefix
        .is_none_or(|prefix| prefix.len() <= LONGEST_PREFIX && prefix.split('.').all(is_dns_label));
    prefix_fits && name.len() <= LONGEST_NAME && is_name(name)
}

/// Letters, digits, and `-`, `_` or `.` between them.
fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends_fit = |end: Option<&u8>| end.is_some_and(u8::is_ascii_alphanumeric);
    ends_fit(bytes.first())
        && ends_fit(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_with_a_domain_maybe() {
        let longest = format!("{}/{}", "a.".repeat(126) + "a", "b".repeat(63));
        for key in [
            "a",
            "version",
            "app.kubernetes.io/name",
            "a_b-c.d",
            "A.b/C",
            &longest,
        ] {
            assert!(is_key(key), "{key}");
        }
        let long_prefix = format!("{}/b", "a.".repeat(127) + "a");
        let long_name = "b".repeat(64);
        for key in [
            "",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "-a",
            "a-",
            "a..b/c",
            "a_b/c",
            "a b",
            "ä",
            &long_prefix,
            &long_name,
        ] {
            assert!(!is_key(key), "{key}");
        }
    }
}
