//! Numbers in quotes, as istiod's JSON reader takes them: it strips the quotes and reads what is
//! left as JSON.

/// An integer as JSON writes it, with spaces around it maybe. `null` changes nothing, which is 0.
pub(super) fn quoted_integer(text: &str) -> Option<i128> {
    let text = text.trim_matches(' ');
    if text == "null" {
        return Some(0);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    is_whole(digits).then(|| text.parse().ok())?
}

/// A number as JSON writes it, or one of the three that JSON cannot write.
pub(super) fn quoted_double(text: &str) -> Option<f64> {
    match text {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(f64::INFINITY),
        "-Infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let text = text.trim_matches(' ');
    if text == "null" {
        return Some(0.0);
    }
    let number: f64 = is_number(text).then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

/// `0`, or digits that begin with another.
fn is_whole(digits: &str) -> bool {
    all_digits(digits) && (digits == "0" || !digits.starts_with('0'))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?`
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => is_whole(whole) && all_digits(fraction),
        None => is_whole(mantissa),
    };
    mantissa_fits
        && exponent.is_none_or(|exponent| {
            all_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_in_quotes_are_those_of_json() {
        for (text, number) in [
            ("100", Some(100)),
            ("-7", Some(-7)),
            ("0", Some(0)),
            ("-0", Some(0)),
            (" 5 ", Some(5)),
            ("null", Some(0)),
            ("", None),
            ("-", None),
            ("+5", None),
            ("05", None),
            ("0x10", None),
            ("1e2", None),
            ("5.0", None),
            ("5a", None),
            ("1 2", None),
            ("\t5", None),
            ("\"5\"", None),
            ("99999999999999999999999999999999999999999", None),
        ] {
            assert_eq!(quoted_integer(text), number, "{text:?}");
        }
    }

    #[test]
    fn doubles_in_quotes_are_those_of_json_and_three_more() {
        for (text, number) in [
            ("12.5", Some(12.5)),
            ("-1e2", Some(-100.0)),
            ("1E+2", Some(100.0)),
            (" 20 ", Some(20.0)),
            ("null", Some(0.0)),
            ("Infinity", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("inf", None),
            (".5", None),
            ("5.", None),
            ("1e", None),
            ("1e999", None),
            ("00.5", None),
            ("", None),
        ] {
            assert_eq!(quoted_double(text), number, "{text:?}");
        }
        assert!(quoted_double("NaN").is_some_and(f64::is_nan));
    }
}
