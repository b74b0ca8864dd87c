//! Whatever a file contains, reading it takes bounded work and memory. The bounds are asserted
//! as allocations, which are the same on every machine: their number bounds the nodes and
//! tokens that were made, their peak the memory.

use crate::support::{FLOW_RULE, accepted, errors, parse, rule};

const MIB: usize = 1 << 20;

/// `start`, and as many `piece`s as fit.
fn full(start: &str, piece: &str) -> String {
    let pieces = (MIB - start.len()) / piece.len();
    format!("{start}{}", piece.repeat(pieces))
}

/// `depth` collections inside each other.
fn nested(depth: usize) -> String {
    format!(
        "kind: Other\nspec: {}{}",
        "[".repeat(depth - 1),
        "]".repeat(depth - 1)
    )
}

/// Reads a text within bounds, and gives its first error.
fn bounded(name: &str, text: &str) -> String {
    assert!(
        text.len() <= MIB,
        "{name}: {} bytes are refused unread",
        text.len()
    );
    let mut first = String::new();
    let used = allocation_counter::measure(|| {
        if let Err(rejected) = parse(text) {
            first = rejected.errors().next().unwrap().to_string();
        }
    });
    assert!(
        used.count_total < 1_000_000,
        "{name}: {} allocations",
        used.count_total
    );
    assert!(
        used.bytes_max < 48 * MIB as u64,
        "{name}: {} bytes at once",
        used.bytes_max
    );
    first
}

#[test]
fn hostile_texts_are_refused_in_bounded_work_and_memory() {
    let too_many = "the file has more than 100000 values";
    let too_long = "too long to be read in one piece";
    let no_object = "expected a Kubernetes object";
    for (name, text, reason) in [
        ("commas in brackets", full("[", ","), too_long),
        ("values in brackets", full("[", "a,"), too_long),
        ("pairs in braces", full("{", "a: b,"), too_long),
        ("anchors in brackets", full("[", "&a "), too_long),
        ("colons in braces", full("{", ": "), too_long),
        ("strings in brackets", full("[", "'a',"), too_long),
        ("empty documents", full("", "---\n"), too_many),
        ("small documents", full("", "--- a\n"), no_object),
        ("a long list", full("", "- a\n"), too_many),
        ("equal keys", full("", "a: b\n"), too_many),
        ("a deep line", full("", "- "), "more than 64 levels"),
        ("brackets", full("", "["), "more than 64 levels"),
        ("braces", full("", "{"), "more than 64 levels"),
        (
            "complex keys",
            full("", "? "),
            "a key must be a plain value",
        ),
        ("one long value", full("a: ", "b"), "kind: missing"),
        (
            "one long value on many lines",
            full("a: b", "\n  c"),
            "kind: missing",
        ),
        ("one long text", full("a: |\n", " b\n"), "kind: missing"),
        ("one long kind", full("kind: ", "b"), "nothing to enforce"),
        ("comments", full("", "#\n"), "nothing to enforce"),
        (
            "a long tag prefix",
            full(
                &format!("%TAG !a! {}\n--- \n", "x".repeat(MIB / 2)),
                "- !a!b c\n",
            ),
            "%TAG directives are not supported",
        ),
        (
            "a long key",
            format!("{{? {} : b}}", "x".repeat(MIB / 2)),
            "a key of more than 1024 bytes",
        ),
        (
            "merges",
            full(
                &format!(
                    "a: &a {{{}}}\nb:\n",
                    (0..50)
                        .map(|i| format!("{}{i}: 1, ", "k".repeat(900)))
                        .collect::<String>()
                ),
                "- <<: *a\n",
            ),
            too_many,
        ),
        (
            "aliases of a long text",
            full(
                &format!(
                    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec:\n  host: \
                     &a {}\n  exportTo:\n",
                    "x".repeat(MIB / 2)
                ),
                "  - *a\n",
            ),
            too_many,
        ),
        (
            "aliases in the meshes of config maps",
            full(
                "",
                "---\nkind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    a: &a \
                 [1,1,1,1,1,1,1,1]\n    b: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n    c: &c \
                 [*b,*b,*b,*b,*b,*b,*b,*b]\n    d: [*c,*c,*c,*c,*c,*c,*c,*c]\n",
            ),
            too_many,
        ),
        (
            "one mesh in many config maps",
            full(
                &format!(
                    "kind: ConfigMap\nmetadata: {{name: istio}}\ndata: {{mesh: &m '{}'}}\n",
                    "rootNamespace: b # c ".repeat(1_000)
                ),
                "---\nkind: ConfigMap\nmetadata: {name: istio}\ndata: {mesh: 'a: b'}\n",
            ),
            too_many,
        ),
    ] {
        let error = bounded(name, &text);
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn brackets_that_become_keys_far_behind_are_refused() {
    // Each of the keys would have the scanner move half of what it has read.
    let text = format!(
        "[{}{}{}{}]",
        "a,".repeat(20_000),
        "[".repeat(250),
        "a,".repeat(20_000),
        "]: a".repeat(250)
    );
    let error = bounded("far keys", &text);
    assert!(
        error.contains("too long to be read in one piece"),
        "{error}"
    );
}

#[test]
fn thousands_of_documents_are_fine() {
    let others = "---\napiVersion: v1\nkind: ConfigMap\n".repeat(10_000);
    let text = format!("{}{others}", rule("http: {http2MaxRequests: 3}"));
    assert_eq!(bounded("10000 others", &text), "");
    assert_eq!(accepted(&text).limits().max_requests, Some(3));
}

#[test]
fn thousands_of_rules_and_of_mistakes_are_counted_and_not_all_shown() {
    let rules = format!("--- {FLOW_RULE}\n").repeat(4_000);
    bounded("4000 rules", &rules);
    let mistakes: String = (0..30_000).map(|n| format!("  typo{n}: 1\n")).collect();
    let text =
        format!("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec:\n{mistakes}");
    bounded("30000 mistakes", &text);
    for (text, hidden) in [(rules, 3_899), (text, 29_901)] {
        let errors = errors(text);
        assert_eq!(errors.len(), 101);
        let end = format!("error: and {hidden} more of this severity, not shown");
        assert!(errors[100].ends_with(&end), "{}", errors[100]);
    }
}

#[test]
fn an_alias_bomb_is_refused_where_it_goes_off() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let error = bounded("alias bomb", &text);
    assert!(error.starts_with("rule.yaml:6:"), "{error}");
    assert!(
        error.contains("aliases counted as what they stand for"),
        "{error}"
    );
}

#[test]
fn an_alias_inside_what_it_stands_for_is_refused() {
    let error = bounded("recursion", "kind: A\nspec: &a [*a]\n");
    assert!(
        error.starts_with("rule.yaml:2:11: error: this alias stands inside"),
        "{error}"
    );
    let error = bounded("another document's", "kind: &a A\n---\nkind: *a\n");
    assert!(error.starts_with("rule.yaml:3:7: error: "), "{error}");
}

#[test]
fn sixty_four_levels_are_read_and_sixty_five_are_not() {
    let nothing = "rule.yaml: error: nothing to enforce";
    assert!(bounded("64 levels", &nested(64)).starts_with(nothing));
    let error = bounded("65 levels", &nested(65));
    assert_eq!(
        error,
        "rule.yaml:2:70: error: more than 64 levels inside each other"
    );
    // Aliases are as deep as what they stand for.
    let chain = |levels: usize| {
        let mut text = String::from("kind: Other\na0: &a0 [x]\n");
        for level in 1..levels - 1 {
            text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        text
    };
    assert!(bounded("an alias 64 deep", &chain(64)).starts_with(nothing));
    let error = bounded("an alias 65 deep", &chain(65));
    assert!(
        error.contains("more than 64 levels inside each other"),
        "{error}"
    );
}

#[test]
fn a_mebibyte_is_read_and_one_byte_more_is_not() {
    let mut text = rule("http: {http2MaxRequests: 3}");
    text.push_str(&format!("#{}\n", "x".repeat(MIB - text.len() - 2)));
    assert_eq!(text.len(), MIB);
    assert_eq!(accepted(&text).limits().max_requests, Some(3));
    text.push('\n');
    assert!(errors(&text)[0].contains("larger than 1048576 bytes"));
}

#[test]
fn a_tag_directive_is_found_wherever_the_parser_would() {
    for (text, line) in [
        ("%TAG !a! tag:b\n--- {}\n", 1),
        ("a: b\n...\n%TAG !a! tag:b\n--- {}\n", 3),
        ("a: b\r...\r%TAG !a! tag:b\r--- {}\r", 1),
        ("a: b\n...\n\u{feff}%TAG !a! tag:b\n--- {}\n", 3),
    ] {
        let error = bounded("tag directive", text);
        let expected = format!("rule.yaml:{line}:1: error: %TAG directives are not supported");
        assert!(error.starts_with(&expected), "{text:?}: {error}");
    }
}
