//! Scalars as Kubernetes reads them: plain ones by the rules of YAML 1.1 as its YAML library has
//! them (`yes` and `off` are booleans, `010` is eight), quoted ones as strings.

use saphyr_parser::{ScalarStyle, Tag};

use super::node::Scalar;

/// Decides what a scalar is.
pub(super) fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Scalar {
    match tag {
        None if style == ScalarStyle::Plain => plain(text),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix != "str" => plain(text),
        // Quoted, `!!str`, or a tag of somebody's own, which Kubernetes takes as a string.
        _ => Scalar::String,
    }
}

/// Whether a text without quotes is a string.
pub(crate) fn is_string(text: &str) -> bool {
    plain(text) == Scalar::String
}

fn plain(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes()[0] {
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text).unwrap_or(Scalar::String),
        _ => Scalar::String,
    }
}

fn number(text: &str) -> Option<Scalar> {
    // Long enough for any number; a megabyte of digits is a string.
    if text.len() > 128 {
        return None;
    }
    let digits = text.replace('_', "");
    if let Some(int) = integer(&digits) {
        return Some(Scalar::Int(int));
    }
    is_float(&digits).then(|| digits.parse().ok().map(Scalar::Float))?
}

/// An integer that fits 64 bits, signed or not: `12`, `0x1f`, `0b11`, `0o17` or `017`.
fn integer(text: &str) -> Option<i128> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match rest.get(..2) {
        Some("0x" | "0X") => (16, &rest[2..]),
        Some("0b" | "0B") => (2, &rest[2..]),
        Some("0o" | "0O") => (8, &rest[2..]),
        Some(_) if rest.starts_with('0') => (8, &rest[1..]),
        _ => (10, rest),
    };
    // `from_str_radix` would accept a second sign.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    (value >= i128::from(i64::MIN)).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_resolve_as_kubernetes_reads_them() {
        let int = Scalar::Int;
        let float = Scalar::Float;
        let string = Scalar::String;
        for (text, expected) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("Null", Scalar::Null),
            ("nUll", string),
            ("on", Scalar::Bool(true)),
            ("Y", Scalar::Bool(true)),
            ("off", Scalar::Bool(false)),
            ("oN", string),
            ("0", int(0)),
            ("12", int(12)),
            ("+12", int(12)),
            ("-1", int(-1)),
            ("1_000", int(1000)),
            ("010", int(8)),
            ("-010", int(-8)),
            ("0o10", int(8)),
            ("0x1F", int(31)),
            ("0b11", int(3)),
            ("-0b11", int(-3)),
            // No octal digit, but a float.
            ("08", float(8.0)),
            ("0x", string),
            ("0xg", string),
            ("--1", string),
            ("-", string),
            ("+", string),
            (".", string),
            ("1.", float(1.0)),
            (".5", float(0.5)),
            ("1.5", float(1.5)),
            ("1e3", float(1000.0)),
            ("1e", string),
            ("1e+", string),
            ("1.2.3", string),
            ("5s", string),
            ("1:30", string),
            ("2001-01-01", string),
            ("18446744073709551615", int(18_446_744_073_709_551_615)),
            ("18446744073709551616", float(18_446_744_073_709_551_616.0)),
            ("-9223372036854775808", int(-9_223_372_036_854_775_808)),
            ("-9223372036854775809", float(-9_223_372_036_854_775_809.0)),
            (".inf", float(f64::INFINITY)),
            ("-.Inf", float(f64::NEG_INFINITY)),
            ("inf", string),
            ("infinity", string),
            ("nan", string),
            ("ä", string),
        ] {
            assert_eq!(
                resolve(text, ScalarStyle::Plain, None),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn quoted_scalars_are_strings() {
        for style in [
            ScalarStyle::SingleQuoted,
            ScalarStyle::DoubleQuoted,
            ScalarStyle::Literal,
            ScalarStyle::Folded,
        ] {
            for text in ["1", "true", "", "~"] {
                assert_eq!(resolve(text, style, None), Scalar::String);
            }
        }
    }

    #[test]
    fn tags_decide_over_style() {
        let core = |suffix: &str| Tag {
            handle: "tag:yaml.org,2002:".to_owned(),
            suffix: suffix.to_owned(),
        };
        let own = Tag {
            handle: "!".to_owned(),
            suffix: "own".to_owned(),
        };
        let plain = ScalarStyle::Plain;
        let quoted = ScalarStyle::DoubleQuoted;
        assert_eq!(resolve("1", plain, Some(&core("str"))), Scalar::String);
        assert_eq!(resolve("1", quoted, Some(&core("int"))), Scalar::Int(1));
        assert_eq!(resolve("1", plain, Some(&own)), Scalar::String);
    }
}
