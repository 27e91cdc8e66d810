use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// The definition: which beginnings of the text are matched by a pattern follows from those that it matches without its
/// last token. Sets go through [`Token`], which the tests by example cover.
fn reference(mut pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    while let Some((token, rest)) = Token::split_first(pattern) {
        if token == Token::Star {
            let first = matched.iter().position(|&matched| matched).unwrap_or(matched.len());
            matched[first..].fill(true);
        } else {
            for end in (1..=text.len()).rev() {
                matched[end] = matched[end - 1] && token.accepts(text[end - 1], case);
            }
            matched[0] = false;
        }
        pattern = rest;
    }
    matched[text.len()]
}

const PIECES: &[&str] = &["a", "b", "ab", "a?", "?", "[ab]", "[^a]b", "\\a", "\\*", "*", "A"];

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
            prop_assert_eq!(matches_with(&pattern, &text, case, &mut 0), reference(&pattern, &text, case));
        }
    }

    #[test]
    fn agrees_with_the_definition_on_stars(pattern in short(b"ab**?", 10), text in short(b"ab", 10)) {
        prop_assert_eq!(matches(&pattern, &text), reference(&pattern, &text, Case::Exact));
    }

    #[test]
    fn agrees_with_the_definition_on_long_parts(
        pieces in vec((prop::sample::select(PIECES), 1..90usize), 1..8),
        ends in vec((prop::sample::select(PIECES), 0..3usize), 0..3),
        text in vec((prop::sample::select(&["a", "b", "ab", "*", "ba"][..]), 1..90usize), 1..8),
    ) {
        let repeated = |pieces: &[(&str, usize)]| pieces.iter().map(|(piece, times)| piece.repeat(*times)).collect::<String>();
        let pattern = format!("*{}*{}", repeated(&pieces), repeated(&ends)).into_bytes();
        let text = repeated(&text).into_bytes();
        for case in [Case::Exact, Case::Ignored] {
            prop_assert_eq!(matches_with(&pattern, &text, case, &mut 0), reference(&pattern, &text, case));
        }
    }

    #[test]
    fn what_is_searched_in_a_text_that_has_been_read_is_found_where_it_is_otherwise(
        pieces in vec(prop::sample::select(PIECES), 1..40),
        repeated in 1..5usize,
        text in vec(prop::sample::select(&["a", "b", "ab", "A", "ba"][..]), 1..150),
        cut in (0..3usize, 0..3usize),
    ) {
        let pattern = pieces.concat().repeat(repeated).into_bytes();
        let text = text.concat().into_bytes();
        let window = cut.0.min(text.len())..text.len().saturating_sub(cut.1).max(cut.0.min(text.len()));
        prop_assume!(!window.is_empty());
        let expected = matches(&[b"*", &pattern[..], b"*"].concat(), &text[window.clone()]);
        let mut positions = Positions::default();
        let mut read = Text::new(&text, &mut positions);
        read.positions();
        prop_assert_eq!(parts_found(&pattern, &mut read, window.clone(), &mut 0), expected);
        let mut positions = Positions::default();
        prop_assert_eq!(parts_found(&pattern, &mut Text::new(&text, &mut positions), window, &mut 0), expected);
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

/// How many steps it takes to find that a pattern does not match so many letters.
fn steps(pattern: &[u8], letters: usize) -> usize {
    let mut steps = 0;
    assert!(!matches_with(pattern, &vec![b'a'; letters], Case::Exact, &mut steps));
    steps
}

#[test]
fn matching_takes_steps_in_proportion_to_both_lengths() {
    let hostile: [fn(usize) -> Vec<u8>; 6] = [
        |len| [&b"*"[..], &vec![b'a'; len], b"b"].concat(),
        |len| [&b"*"[..], &vec![b'a'; len], b"b*"].concat(),
        |len| [&b"a*".repeat(len / 2)[..], b"b*"].concat(),
        |len| [&b"*\\a".repeat(len / 3)[..], b"b"].concat(),
        |len| [&b"*a?[ab]".repeat(len / 7)[..], b"*b*"].concat(),
        |len| [&b"*"[..], &b"\\a".repeat(len / 2), b"b*"].concat(),
    ];
    for (number, pattern) in hostile.into_iter().enumerate() {
        let [few, many] = [(2_000, 4_000), (20_000, 40_000)].map(|(len, letters)| steps(&pattern(len), letters));
        assert!(few <= 65 * 4_000 + 5 * 2_000, "pattern {number}: {few} steps");
        assert!(many <= 11 * few, "pattern {number}: {few} steps, {many} for ten times the length");
    }
}

#[test]
fn a_long_part_with_sets_takes_a_step_for_64_pairs_of_bytes() {
    for piece in ["a?", "[ab]", "?[a]"] {
        let pattern = format!("*{}b*", piece.repeat(20_000 / piece.len()));
        let steps = steps(pattern.as_bytes(), 40_000);
        assert!(steps <= 20_000 * 40_000 / 64 + 64 * 40_000, "{piece}: {steps} steps");
    }
}
