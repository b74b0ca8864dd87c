//! The plain types.

use super::number;
use super::value::Value;
use crate::istio::gate::Gate;
use crate::istio::problem::Report;
use crate::istio::resource::{Spanned, Timestamp};
use crate::istio::yaml::{Kind, Scalar};

pub(super) fn string(value: Value<'_>, report: &mut Report) -> Option<Spanned<String>> {
    match value.kind() {
        Kind::Scalar(Scalar::String, text) => Some(value.spanned(text.to_string())),
        Kind::Scalar(Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_), _) => {
            value.mismatch(report, "a string (put it in quotes)");
            None
        }
        _ => {
            value.mismatch(report, "a string");
            None
        }
    }
}

pub(super) fn boolean(value: Value<'_>, report: &mut Report) -> Option<Spanned<bool>> {
    if let Kind::Scalar(Scalar::Bool(flag), _) = value.kind() {
        return Some(value.spanned(*flag));
    }
    value.mismatch(report, "true or false");
    None
}

pub(super) fn int32(value: Value<'_>, report: &mut Report) -> Option<Spanned<i32>> {
    let number = integer(value, report)?;
    let small = i32::try_from(number).ok();
    if small.is_none() {
        value.mismatch(report, "an integer of at most 2147483647");
    }
    small.map(|number| value.spanned(number))
}

pub(super) fn uint32(value: Value<'_>, report: &mut Report) -> Option<Spanned<u32>> {
    let number = integer(value, report)?;
    let small = u32::try_from(number).ok();
    if small.is_none() {
        value.mismatch(report, "an integer from 0 to 4294967295");
    }
    small.map(|number| value.spanned(number))
}

pub(super) fn double(value: Value<'_>, report: &mut Report) -> Option<Spanned<f64>> {
    match value.kind() {
        Kind::Scalar(Scalar::Int(number), _) => return Some(value.spanned(*number as f64)),
        Kind::Scalar(Scalar::Float(number), _) if number.is_finite() => {
            return Some(value.spanned(*number));
        }
        Kind::Scalar(Scalar::Float(_), _) => value.mismatch(report, "a finite number"),
        Kind::Scalar(Scalar::String, text) => {
            let number = number::quoted_double(text);
            if let (Some(number), Gate::Istiod) = (number, value.gate) {
                return Some(value.spanned(number));
            }
            value.mismatch(
                report,
                match number {
                    Some(_) => "a number (remove the quotes)",
                    None => "a number",
                },
            );
        }
        _ => value.mismatch(report, "a number"),
    }
    None
}

fn integer(value: Value<'_>, report: &mut Report) -> Option<i128> {
    match value.kind() {
        Kind::Scalar(Scalar::Int(number), _) => return Some(*number),
        // `5.0` and `1e3` are integers once the document is JSON, which is how it travels.
        Kind::Scalar(Scalar::Float(number), _)
            if number.fract() == 0.0 && number.abs() < 9.0e15 =>
        {
            return Some(*number as i128);
        }
        Kind::Scalar(Scalar::String, text) => {
            let number = number::quoted_integer(text);
            if let (Some(number), Gate::Istiod) = (number, value.gate) {
                return Some(number);
            }
            value.mismatch(
                report,
                match number {
                    Some(_) => "an integer (remove the quotes)",
                    None => "an integer",
                },
            );
        }
        _ => value.mismatch(report, "an integer"),
    }
    None
}

/// One of a few names, which are case-sensitive. To istiod their numbers, which are their places
/// in the list, are as good, and a number of none of them is none of them.
pub(super) fn one_of<T: Copy>(
    names: &'static [(&'static str, T)],
) -> impl FnOnce(Value<'_>, &mut Report) -> Option<Spanned<T>> {
    move |value, report| {
        if let Kind::Scalar(Scalar::String, text) = value.kind() {
            if let Some((_, found)) = names.iter().find(|(name, _)| **name == **text) {
                return Some(value.spanned(*found));
            }
        } else if value.gate == Gate::Istiod {
            return numbered(names, value, report);
        }
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        value.mismatch(report, &format!("one of {}", known.join(", ")));
        None
    }
}

fn numbered<T: Copy>(
    names: &'static [(&'static str, T)],
    value: Value<'_>,
    report: &mut Report,
) -> Option<Spanned<T>> {
    let number = int32(value, report)?;
    let named = usize::try_from(*number).ok().and_then(|at| names.get(at));
    if named.is_none() {
        report.warning(
            value.at(),
            value.path,
            format_args!(
                "without effect: no value has the number {}, and Istio takes it all the same",
                number.value
            ),
        );
    }
    named.map(|(_, found)| value.spanned(*found))
}

/// A time, as Kubernetes writes it.
pub(super) fn timestamp(value: Value<'_>, report: &mut Report) -> Option<Spanned<Timestamp>> {
    let text = string(value, report)?;
    let time = Timestamp::parse(&text);
    if time.is_none() {
        value.mismatch(report, "a time such as 2024-05-01T12:00:00Z");
    }
    time.map(|time| value.spanned(time))
}
