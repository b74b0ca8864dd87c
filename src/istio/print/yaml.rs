//! Trees to block YAML, of which every scalar is read again as what it is.

use std::fmt::{self, Formatter, Write};

use crate::istio::resource::Tree;
use crate::istio::yaml::is_string;

/// A key that is longer in the text is marked as one; YAML asks for it above 1024 characters.
const LONGEST_KEY: usize = 1000;

/// Writes a tree as a document.
pub(super) fn document(tree: &Tree, f: &mut Formatter<'_>) -> fmt::Result {
    match tree {
        Tree::Map(entries) if !entries.is_empty() => mapping(entries, 0, f),
        Tree::List(items) if !items.is_empty() => list(items, 0, f),
        tree => {
            scalar(tree, f)?;
            f.write_char('\n')
        }
    }
}

/// Writes entries, the first where the line stands, the others indented by as much.
fn mapping(entries: &[(String, Tree)], indent: usize, f: &mut Formatter<'_>) -> fmt::Result {
    for (index, (name, value)) in entries.iter().enumerate() {
        if index > 0 {
            spaces(indent, f)?;
        }
        let mut key = String::new();
        text(name, &mut key)?;
        if key.len() > LONGEST_KEY {
            write!(f, "? {key}\n{:indent$}:", "")?;
        } else {
            write!(f, "{key}:")?;
        }
        nested(value, indent, f)?;
    }
    Ok(())
}

fn list(items: &[Tree], indent: usize, f: &mut Formatter<'_>) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            spaces(indent, f)?;
        }
        f.write_char('-')?;
        match item {
            Tree::Map(entries) if !entries.is_empty() => {
                f.write_char(' ')?;
                mapping(entries, indent + 2, f)?;
            }
            Tree::List(items) if !items.is_empty() => {
                f.write_char(' ')?;
                list(items, indent + 2, f)?;
            }
            item => {
                f.write_char(' ')?;
                scalar(item, f)?;
                f.write_char('\n')?;
            }
        }
    }
    Ok(())
}

/// Writes what follows a key.
fn nested(value: &Tree, indent: usize, f: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Tree::Map(entries) if !entries.is_empty() => {
            f.write_char('\n')?;
            spaces(indent + 2, f)?;
            mapping(entries, indent + 2, f)
        }
        Tree::List(items) if !items.is_empty() => {
            f.write_char('\n')?;
            spaces(indent, f)?;
            list(items, indent, f)
        }
        value => {
            f.write_char(' ')?;
            scalar(value, f)?;
            f.write_char('\n')
        }
    }
}

/// Writes what stands on a line: a scalar, or an empty collection.
fn scalar(tree: &Tree, f: &mut Formatter<'_>) -> fmt::Result {
    match tree {
        Tree::Null => f.write_str("null"),
        Tree::Bool(flag) => write!(f, "{flag}"),
        Tree::Int(number) => write!(f, "{number}"),
        Tree::Float(number) => float(*number, f),
        Tree::Text(value) => text(value, f),
        Tree::List(_) => f.write_str("[]"),
        Tree::Map(_) => f.write_str("{}"),
    }
}

fn float(number: f64, f: &mut Formatter<'_>) -> fmt::Result {
    if number.is_nan() {
        f.write_str(".nan")
    } else if number.is_infinite() {
        f.write_str(if number < 0.0 { "-.inf" } else { ".inf" })
    } else {
        // With a point or an exponent, so that it stays a float.
        write!(f, "{number:?}")
    }
}

fn spaces(count: usize, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{:count$}", "")
}

/// Writes a text, in quotes unless it is plainly one.
fn text(text: &str, out: &mut impl Write) -> fmt::Result {
    if is_plain(text) {
        return out.write_str(text);
    }
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            ' '..='~' => out.write_char(c)?,
            c if c.is_alphanumeric() => out.write_char(c)?,
            c if u32::from(c) > 0xffff => write!(out, "\\U{:08x}", u32::from(c))?,
            c => write!(out, "\\u{:04x}", u32::from(c))?,
        }
    }
    out.write_char('"')
}

/// Whether every reader takes it for a text without quotes. One that begins with a digit may be
/// a date to some, unless it looks like a duration.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.bytes().next() else {
        return false;
    };
    let inner: &[u8] = match first {
        b'0'..=b'9' => b".",
        _ => b"._-/",
    };
    first.is_ascii_alphanumeric()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || inner.contains(&byte))
        && is_string(text)
}
