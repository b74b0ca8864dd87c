//! Times as Kubernetes writes them.

use std::fmt;

/// A moment: seconds since 1970 in UTC, and nanoseconds into the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// Reads RFC 3339: `2024-05-01T12:00:00Z`, `2024-05-01T12:00:00.5+02:00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        // `2024-05-01T12:00:00` and a zone.
        if bytes.len() < 20 || !text.is_ascii() {
            return None;
        }
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if separators.iter().any(|(at, byte)| bytes[*at] != *byte) {
            return None;
        }
        let year = digits(&text[..4])?;
        let (month, day) = (digits(&text[5..7])?, digits(&text[8..10])?);
        let (hour, minute, second) = (
            digits(&text[11..13])?,
            digits(&text[14..16])?,
            digits(&text[17..19])?,
        );
        if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let (nanos, zone) = fraction(&text[19..])?;
        let days = days_before_year(year) + days_before_month(year, month) + day - 1;
        let local = ((days * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self {
            seconds: local - offset(zone)?,
            nanos,
        })
    }
}

/// Years from 0 to 9999 are exact.
fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_before_month(year: i64, month: i64) -> i64 {
    (1..month).map(|month| days_in(year, month)).sum()
}

/// Counted from 1970.
fn days_before_year(year: i64) -> i64 {
    // The leap years of the proleptic calendar before the year, year 0 among them.
    let leaps = |year: i64| (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    (year - 1970) * 365 + leaps(year) - leaps(1970)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// The nanoseconds of `.5Z`, and what follows them.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (digits, zone) = rest.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let mut nanos = 0;
    for place in 0..9 {
        let digit = digits.as_bytes().get(place).map_or(0, |byte| byte - b'0');
        nanos = nanos * 10 + u32::from(digit);
    }
    Some((nanos, zone))
}

/// Seconds east of UTC: of `Z`, or of `+02:00`.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// In UTC: `2024-05-01T12:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (
            self.seconds.div_euclid(86_400),
            self.seconds.rem_euclid(86_400),
        );
        // A guess that is never too late, and few years too early.
        let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        let mut day = days - days_before_year(year);
        let mut month = 1;
        while day >= days_in(year, month) {
            day -= days_in(year, month);
            month += 1;
        }
        write!(
            f,
            "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}",
            day + 1,
            second / 3600,
            second / 60 % 60,
            second % 60
        )?;
        if self.nanos > 0 {
            let fraction = format!("{:09}", self.nanos);
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_printed_in_utc() {
        for (text, seconds, printed) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            (
                "2024-02-29T12:00:00Z",
                1_709_208_000,
                "2024-02-29T12:00:00Z",
            ),
            (
                "2024-05-01T12:00:00+02:00",
                1_714_557_600,
                "2024-05-01T10:00:00Z",
            ),
            (
                "2024-12-31T23:59:59.120Z",
                1_735_689_599,
                "2024-12-31T23:59:59.12Z",
            ),
            (
                "1900-03-01T00:00:00Z",
                -2_203_891_200,
                "1900-03-01T00:00:00Z",
            ),
            (
                "9999-12-31T23:59:59Z",
                253_402_300_799,
                "9999-12-31T23:59:59Z",
            ),
            (
                "0001-01-01T00:00:00Z",
                -62_135_596_800,
                "0001-01-01T00:00:00Z",
            ),
        ] {
            let time = Timestamp::parse(text).unwrap();
            assert_eq!(time.seconds, seconds, "{text}");
            assert_eq!(time.to_string(), printed);
            assert_eq!(Timestamp::parse(printed), Some(time));
        }
    }

    #[test]
    fn times_compare_as_moments() {
        let time = |text| Timestamp::parse(text).unwrap();
        assert!(time("2024-05-01T12:00:00+02:00") < time("2024-05-01T11:00:00Z"));
        assert!(time("2024-05-01T11:00:00Z") < time("2024-05-01T11:00:00.000000001Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2024-05-01",
            "2024-05-01 12:00:00Z",
            "2024-05-01T12:00:00",
            "2024-02-30T12:00:00Z",
            "2023-02-29T12:00:00Z",
            "2024-13-01T12:00:00Z",
            "2024-00-01T12:00:00Z",
            "2024-05-01T24:00:00Z",
            "2024-05-01T12:00:60Z",
            "2024-05-01T12:00:00.Z",
            "2024-05-01T12:00:00+2:00",
            "2024-05-01T12:00:00+02:60",
            "2024-05-01T12:00:00é",
            "+024-05-01T12:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
