//! The service of the guide: whoever asks for the user gets a name, after a while.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::time::sleep;

/// `GET /user` answers `Kevin`, after `latency`.
pub(crate) fn service(latency: Duration) -> Router {
    Router::new().route(
        "/user",
        get(move || async move {
            sleep(latency).await;
            "Kevin"
        }),
    )
}

/// A latency on the command line: `20ms`, `500us`, `1s` or `1.5s`.
pub(crate) fn latency(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let one = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return Err("expected a number with a unit: us, ms or s".to_owned()),
    };
    let number = text[..text.len() - unit.len()].parse::<f64>();
    let number = number.map_err(|_| "expected a number before the unit")?;
    Duration::try_from_secs_f64(number * one).map_err(|error| error.to_string())
}
