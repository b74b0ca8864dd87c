//! The cluster's domain on the command line.

/// A domain, without dots around it: `cluster.local`.
pub(crate) fn domain(text: &str) -> Result<String, &'static str> {
    match text.split('.').any(str::is_empty) {
        true => Err("expected a domain, such as cluster.local"),
        false => Ok(text.to_owned()),
    }
}
