//! Durations as Istio reads them: those of Go's `time.ParseDuration`.

use crate::istio::problem::{Report, shorten};
use crate::istio::resource::{GoDuration, Spanned};
use crate::istio::yaml::{Kind, Scalar};

use super::value::Value;

/// What a message says a duration looks like.
const WANTED: &str = "a duration with units, such as 1.5s, 1m30s or 500ms";

pub(super) fn duration(value: Value<'_>, report: &mut Report) -> Option<Spanned<GoDuration>> {
    let text = match value.kind() {
        Kind::Scalar(Scalar::String, text) => text,
        // A bare `5` is a number to YAML, and Kubernetes refuses it as one.
        _ => {
            value.error(report, format_args!("expected {WANTED}, found {value}"));
            return None;
        }
    };
    match parse(text) {
        Ok(nanos) => Some(Spanned {
            value: GoDuration(nanos),
            at: value.at(),
        }),
        Err(fault) => {
            let text = shorten(text);
            match fault {
                Fault::NoUnit => value.error(
                    report,
                    format_args!("`{text}` has a number without a unit: expected {WANTED}"),
                ),
                Fault::UnknownUnit(unit) => value.error(
                    report,
                    format_args!(
                        "`{text}` has the unknown unit `{}`: known are h, m, s, ms, us, ns",
                        shorten(&unit)
                    ),
                ),
                Fault::TooLong => value.error(
                    report,
                    format_args!("`{text}` is too long: at most about 290 years (2562047h)"),
                ),
                Fault::Malformed => {
                    value.error(
                        report,
                        format_args!("`{text}` is no duration: expected {WANTED}"),
                    );
                }
            }
            None
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    NoUnit,
    UnknownUnit(String),
    TooLong,
    Malformed,
}

/// Nanoseconds of `[-+]?([0-9]*(\.[0-9]*)?[a-z]+)+`, or of a bare 0.
fn parse(text: &str) -> Result<i64, Fault> {
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(Fault::Malformed);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(Fault::Malformed);
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let nanos = nanos(unit)?;
        let part = scale(whole, fraction, nanos).ok_or(Fault::TooLong)?;
        total = total.checked_add(part).ok_or(Fault::TooLong)?;
        rest = after;
    }
    match (i64::try_from(total), negative) {
        (Ok(total), true) => Ok(-total),
        (Ok(total), false) => Ok(total),
        // The lowest has no positive counterpart.
        (Err(_), true) if total == i64::MIN.unsigned_abs() => Ok(i64::MIN),
        (Err(_), _) => Err(Fault::TooLong),
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

fn nanos(unit: &str) -> Result<u64, Fault> {
    match unit {
        "" => Err(Fault::NoUnit),
        "ns" => Ok(1),
        // The micro sign and the Greek letter, as Go has them.
        "us" | "µs" | "μs" => Ok(1_000),
        "ms" => Ok(1_000_000),
        "s" => Ok(1_000_000_000),
        "m" => Ok(60_000_000_000),
        "h" => Ok(3_600_000_000_000),
        unknown => Err(Fault::UnknownUnit(unknown.to_owned())),
    }
}

fn scale(whole: &str, fraction: &str, nanos: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let whole = whole.checked_mul(nanos)?;
    // What is below a nanosecond is cut off. By floating point, as Go does it: of many digits
    // another nanosecond may come of it than of whole numbers.
    let (digits, scale) = leading(fraction);
    let part = digits as f64 * (nanos as f64 / scale);
    whole.checked_add(part as u64)
}

/// As many digits of a fraction as fit in 63 bits, and what their number is to be divided by.
fn leading(fraction: &str) -> (u64, f64) {
    let (mut digits, mut scale) = (0_u64, 1.0);
    for digit in fraction.bytes() {
        let more = digits
            .checked_mul(10)
            .and_then(|more| more.checked_add(u64::from(digit - b'0')))
            .filter(|more| *more <= 1 << 63);
        let Some(more) = more else { break };
        digits = more;
        scale *= 10.0;
    }
    (digits, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        const S: i64 = 1_000_000_000;
        for (text, nanos) in [
            ("0", 0),
            ("+0", 0),
            ("-0", 0),
            ("0s", 0),
            ("1h", 3600 * S),
            ("1m30s", 90 * S),
            (".5s", S / 2),
            ("5.s", 5 * S),
            ("75000ms", 75 * S),
            ("1.5h", 5400 * S),
            ("500us", 500_000),
            ("500µs", 500_000),
            ("500μs", 500_000),
            ("500ns", 500),
            ("-1s", -S),
            ("+1s", S),
            ("2h0m5s", 7205 * S),
            ("0.0000000019s", 1),
            ("0.3333333333333333333h", 1200 * S),
            ("0.100000000000000000000h", 360 * S),
            ("0.9223372036854775807s", 922_337_203),
            ("0.9223372036854775808s", 922_337_203),
            ("1.0000000000000000000000000001s", S),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for (text, fault) in [
            ("", Fault::Malformed),
            ("-", Fault::Malformed),
            (".", Fault::Malformed),
            (".s", Fault::Malformed),
            ("s", Fault::Malformed),
            ("--1s", Fault::Malformed),
            (" 1s", Fault::Malformed),
            ("5", Fault::NoUnit),
            ("1s5", Fault::NoUnit),
            ("00", Fault::NoUnit),
            ("1d", Fault::UnknownUnit("d".to_owned())),
            ("1S", Fault::UnknownUnit("S".to_owned())),
            ("1s 5ms", Fault::UnknownUnit("s ".to_owned())),
            ("1ä", Fault::UnknownUnit("ä".to_owned())),
            ("9223372036854775808ns", Fault::TooLong),
            ("99999999999999999999s", Fault::TooLong),
            ("3000000h", Fault::TooLong),
        ] {
            assert_eq!(parse(text), Err(fault), "{text}");
        }
    }
}
