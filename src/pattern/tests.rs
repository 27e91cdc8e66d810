use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// The definition, written out: exponential, so for short input only. Sets go through [`Token`], which the tests
/// by example cover.
fn reference(pattern: &[u8], text: &[u8], case: Case) -> bool {
    match Token::split_first(pattern) {
        None => text.is_empty(),
        Some((Token::Star, rest)) => (0..=text.len()).any(|taken| reference(rest, &text[taken..], case)),
        Some((token, rest)) => !text.is_empty() && token.accepts(text[0], case) && reference(rest, &text[1..], case),
    }
}

fn short(alphabet: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(alphabet), 0..=most)
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        pattern in short(b"aAb*?*[]^-\\", 9),
        text in short(b"aAb]-\\", 8),
    ) {
        for case in [Case::Exact, Case::Ignored] {
            let expected = if text.is_empty() { pattern.is_empty() } else { reference(&pattern, &text, case) };
            prop_assert_eq!(matches_with(&pattern, &text, case), expected);
        }
    }

    #[test]
    fn agrees_with_the_definition_on_stars(pattern in short(b"ab**?", 10), text in short(b"ab", 10)) {
        let expected = if text.is_empty() { pattern.is_empty() } else { reference(&pattern, &text, Case::Exact) };
        prop_assert_eq!(matches(&pattern, &text), expected);
    }

    #[test]
    fn an_escaped_text_matches_itself(text in vec(any::<u8>(), 0..20)) {
        let pattern: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
        prop_assert!(matches(&pattern, &text));
    }
}

#[track_caller]
fn check(pattern: &[u8], matching: &[&[u8]], other: &[&[u8]]) {
    for text in matching {
        assert!(matches(pattern, text), "{} {}", pattern.escape_ascii(), text.escape_ascii());
    }
    for text in other {
        assert!(!matches(pattern, text), "{} {}", pattern.escape_ascii(), text.escape_ascii());
    }
}

#[test]
fn a_star_takes_any_run() {
    check(b"*", &[b"a", b"a.b", b"\0\xff"], &[]);
    check(b"h*llo", &[b"hllo", b"heeeello"], &[b"hell", b"ello"]);
    check(b"a**b*", &[b"ab", b"axbx"], &[b"a", b"b"]);
}

#[test]
fn a_question_mark_takes_one_byte() {
    check(b"h?llo", &[b"hello", b"h\xffllo"], &[b"hllo", b"heello", "hällo".as_bytes()]);
}

#[test]
fn an_empty_text_is_matched_by_the_empty_pattern_only() {
    check(b"", &[b""], &[b"a"]);
    for pattern in [&b"*"[..], b"**", b"?", b"[^"] {
        check(pattern, &[], &[b""]);
    }
    assert!(!matches_ignoring_case(b"*", b""));
}

#[test]
fn a_set_takes_one_of_its_bytes() {
    check(b"h[ae]llo", &[b"hallo", b"hello"], &[b"hillo", b"hllo"]);
    check(b"h[^e]llo", &[b"hallo", b"h^llo"], &[b"hello"]);
    check(b"[a-c]", &[b"a", b"b", b"c"], &[b"d", b"-"]);
    check(b"[-a]", &[b"-", b"a"], &[b"b"]);
}

#[test]
fn a_reversed_range_is_swapped() {
    check(b"[c-a]", &[b"a", b"b", b"c"], &[b"d", b"-"]);
}

#[test]
fn a_range_orders_bytes_as_signed_numbers() {
    check(b"[\xf0-a]", &[b"\xf0", b"\xff", b"\0", b"a"], &[b"\x90", b"b"]);
    check(b"[\x80-\xff]", &[b"\x80", b"\xc0"], &[b"\0", b"\x7f"]);
}

#[test]
fn an_empty_set_matches_nothing_and_its_negation_every_byte() {
    check(b"[]", &[], &[b"]", b"a"]);
    check(b"[]a]", &[], &[b"a", b"]", b"a]"]);
    check(b"[^]", &[b"a", b"]"], &[b"aa"]);
}

#[test]
fn an_unclosed_set_reaches_the_end_of_the_pattern() {
    check(b"[", &[], &[b"[", b"a"]);
    check(b"x[ab", &[b"xa", b"xb"], &[b"x", b"x[", b"xab"]);
    check(b"[^", &[b"a"], &[b"aa"]);
    check(b"[a-", &[b"a", b"-"], &[b"b"]);
    check(b"[a-]", &[b"a", b"]", b"_"], &[b"b", b"-"]);
    check(b"[a\\", &[b"a", b"\\"], &[b"b"]);
}

#[test]
fn an_escape_stands_for_the_next_byte() {
    check(b"\\*\\?\\[", &[b"*?["], &[b"aa["]);
    check(b"\\a\\\\", &[b"a\\"], &[b"\\a\\"]);
    check(b"[\\]\\^]", &[b"]", b"^"], &[b"\\"]);
}

#[test]
fn an_escape_in_a_set_starts_no_range_and_ends_one_as_a_backslash() {
    check(b"[\\a-c]", &[b"a", b"-", b"c"], &[b"b"]);
    check(b"[a-\\]]", &[b"_]", b"\\]"], &[b"_", b"]"]);
}

#[test]
fn a_backslash_at_the_end_stands_for_itself() {
    check(b"\\", &[b"\\"], &[b"a"]);
    check(b"a*\\", &[b"a\\", b"ab\\"], &[b"a"]);
}

#[test]
fn case_is_ignored_on_request_only() {
    check(b"Max*", &[b"Maxmemory"], &[b"maxmemory"]);
    assert!(matches_ignoring_case(b"Max*", b"mAXmemory"));
    assert!(matches_ignoring_case(b"\\A[B-d][X]", b"aCx"));
    assert!(!matches_ignoring_case(b"[\\a]", b"A"));
    assert!(!matches_ignoring_case(b"[Z-a]", b"z"), "folded, this range runs from z down to a");
}

#[test]
fn hostile_patterns_end_in_time() {
    let text = vec![b'a'; 5_000];
    let stars = b"a*".repeat(2_000);
    let mut unmatched = stars.clone();
    unmatched.push(b'b');
    assert!(matches(&stars, &text));
    assert!(!matches(&unmatched, &text));
    assert!(!matches(&b"*a?".repeat(1_000).into_iter().chain(*b"*b").collect::<Vec<_>>(), &text));
    assert!(!matches(&[&b"*"[..], &vec![b'a'; 1_000], b"b"].concat(), &text));
}
