//! `spec.host`.

use super::missing;
use crate::istio::path::Path;
use crate::istio::problem::{Report, shorten};
use crate::istio::resource::{Spanned, Spec};

/// How long a host may be.
const LONGEST: usize = 255;

pub(super) fn host(spec: &Spanned<Spec>, path: &Path<'_>, report: &mut Report) {
    let Some(host) = &spec.host else {
        missing(
            spec.at,
            path,
            "the service's name, such as `reviews`",
            report,
        );
        return;
    };
    if let Some(fault) = fault(&host.value) {
        report.error(
            host.at,
            path,
            format_args!("`{}` {fault}", shorten(&host.value)),
        );
    }
}

fn fault(host: &str) -> Option<String> {
    if host.is_empty() {
        return Some("is empty: expected a service's name, such as `reviews`".to_owned());
    }
    if host.len() > LONGEST {
        return Some(format!(
            "has {} characters: at most {LONGEST} are allowed",
            host.len()
        ));
    }
    let mut labels = host.split('.');
    let first = labels.next().unwrap_or_default();
    let mut others: Vec<&str> = labels.collect();
    if !is_first_label(first) {
        return Some(format!(
            "is no host: `{}` cannot be its first part",
            shorten(first)
        ));
    }
    // A name may end in a dot.
    if others.last() == Some(&"") {
        others.pop();
    } else if others
        .last()
        .is_some_and(|last| last.parse::<i64>().is_ok())
    {
        return Some(
            "is no host: its last part is a number (addresses are not allowed)".to_owned(),
        );
    }
    let wrong = others.iter().find(|label| !is_label(label))?;
    Some(format!(
        "is no host: `{}` is not up to 63 letters, digits and inner dashes (`*` may only lead)",
        shorten(wrong)
    ))
}

/// A label, `*`, or a label after `*` or `*-`.
fn is_first_label(label: &str) -> bool {
    if label == "*" {
        return true;
    }
    let rest = match label.strip_prefix('*') {
        Some(rest) => rest.strip_prefix('-').unwrap_or(rest),
        None => label,
    };
    label.len() <= 63 && is_label(rest)
}

/// Up to 63 letters, digits and dashes, no dash at either end.
pub(super) fn is_label(label: &str) -> bool {
    label.len() <= 63 && is_dns_label(label)
}

/// Letters, digits and dashes, no dash at either end, however many.
pub(super) fn is_dns_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_istio_accepts_are_accepted() {
        for host in [
            "reviews",
            "reviews.default.svc.cluster.local",
            "Reviews.Default",
            "reviews.default.",
            "*",
            "*.example.com",
            "*example.com",
            "*-reviews.default",
            "1",
            "a-b.c",
            "1.2.3.x",
        ] {
            assert_eq!(fault(host), None, "{host}");
        }
    }

    #[test]
    fn hosts_that_istio_refuses_are_refused() {
        let long = format!("{}.com", "x".repeat(252));
        let long_label = "x".repeat(64);
        for host in [
            "",
            ".",
            "a..b",
            "10.0.0.1",
            "a.1",
            "a.*.com",
            "a_b",
            "-a",
            "a-",
            "**",
            "*--a",
            "a b",
            "ä",
            &long,
            &long_label,
        ] {
            assert!(fault(host).is_some(), "{host}");
        }
    }
}
