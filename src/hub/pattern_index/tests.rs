use proptest::collection::vec;
use proptest::prelude::*;

use super::{Compiled, PatternIndex, weight};
use crate::pattern::matches;

fn index_of<P: AsRef<[u8]>>(patterns: &[P]) -> PatternIndex<Vec<u8>> {
    let mut index = PatternIndex::new();
    for pattern in patterns {
        index.get_or_insert_with(pattern.as_ref(), || pattern.as_ref().to_vec());
    }
    index
}

fn found(index: &mut PatternIndex<Vec<u8>>, channel: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    index.for_each_match(channel, |pattern, value| {
        assert_eq!(**pattern, **value);
        all.push(value.clone());
    });
    all.sort();
    all
}

/// Compares with plain matching of every pattern; nothing may be found twice.
#[track_caller]
fn check(index: &mut PatternIndex<Vec<u8>>, channel: &[u8]) {
    let mut expected: Vec<Vec<u8>> =
        index.iter().filter(|(pattern, _)| matches(pattern, channel)).map(|(_, value)| value.clone()).collect();
    expected.sort();
    assert_eq!(found(index, channel), expected, "{}", channel.escape_ascii());
}

/// Channels with many different bytes, and sets that hold few or most of them.
fn set_patterns() -> impl Strategy<Value = Vec<u8>> {
    let piece =
        prop::sample::select(&["*", "*", "?", "[a-m]", "[^a-m]", "[c-zA-Z]", "[^x]", "[efg]", "g", "hi", "[]"][..]);
    vec(piece, 0..=9).prop_map(|pieces| pieces.concat().into_bytes())
}

fn bytes(alphabet: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(alphabet), 0..=most)
}

fn patterns() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(
        &["a", "b", "c", "ab", "abc", "*", "*", "**", "?", "[ab]", "[^a]", "[]", "\\a", "[", "[^]", "\\"][..],
    );
    vec(piece, 0..=7).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Patterns that part late, or never but for their ends: longer than what the trie spells out of them.
fn long_patterns() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(&["a", "b", "*", "*a", "?", "[ab]", "[^b]", "a*b", "[ab]*", "?a"][..]);
    let end = prop::sample::select(&["", "a", "b", "*", "b*", "*a?", "c"][..]);
    (vec((piece, prop::sample::select(&[1, 2, 5, 40, 80][..])), 0..4), end).prop_map(|(pieces, end)| {
        let repeated: Vec<String> = pieces.iter().map(|(piece, times)| piece.repeat(*times)).collect();
        format!("{}{end}", repeated.concat()).into_bytes()
    })
}

proptest! {
    #[test]
    fn finds_what_plain_matching_finds(
        patterns in vec(patterns(), 0..60),
        channels in vec(bytes(b"abc\\", 9), 1..20),
    ) {
        let mut index = index_of(&patterns);
        for channel in &channels {
            check(&mut index, channel);
        }
    }

    #[test]
    fn finds_what_plain_matching_finds_in_channels_of_many_bytes(
        patterns in vec(set_patterns(), 1..60),
        channels in vec(bytes(b"abcdefghijklmnopqrstuvwxyzABCDEFGH", 300), 1..12),
    ) {
        let mut index = index_of(&patterns);
        for channel in &channels {
            check(&mut index, channel);
        }
    }

    #[test]
    fn finds_what_plain_matching_finds_of_long_patterns(
        patterns in vec(long_patterns(), 1..60),
        channels in vec((bytes(b"ab", 9), 1..40usize), 1..12),
    ) {
        let mut index = index_of(&patterns);
        for (channel, times) in &channels {
            check(&mut index, &channel.repeat(*times));
        }
        for pattern in patterns {
            index.remove(&pattern);
            check(&mut index, &channels[0].0.repeat(channels[0].1));
        }
        prop_assert_eq!((index.len(), index.nodes.len()), (0, 1), "only the root stays");
    }

    #[test]
    fn finds_what_plain_matching_finds_while_patterns_come_and_go(
        steps in vec((any::<bool>(), patterns(), bytes(b"abc", 7)), 1..120),
    ) {
        let mut index = PatternIndex::new();
        let mut model = std::collections::BTreeMap::new();
        for (step, (insert, pattern, channel)) in steps.into_iter().enumerate() {
            if insert {
                index.get_or_insert_with(&pattern, || pattern.clone());
                model.insert(pattern, step);
            } else {
                let key = model.range(pattern.clone()..).next().map_or(pattern, |(key, _)| key.clone());
                prop_assert_eq!(index.remove(&key).is_some(), model.remove(&key).is_some());
            }
            prop_assert_eq!(index.len(), model.len());
            check(&mut index, &channel);
        }
        for pattern in model.into_keys() {
            prop_assert_eq!(index.remove(&pattern), Some(pattern));
        }
        prop_assert_eq!((index.len(), index.nodes.len()), (0, 1), "only the root stays");
    }
}

#[test]
fn a_pattern_is_kept_once_and_found_by_its_bytes() {
    let mut index = PatternIndex::new();
    *index.get_or_insert_with(b"a*", || 1).1 += 1;
    *index.get_or_insert_with(b"a*", || 7).1 += 1;
    assert_eq!((index.len(), index.get(b"a*"), index.get(b"a**")), (1, Some(&3), None));
    if let Some(value) = index.get_mut(b"a*") {
        *value = 9;
    }
    assert_eq!((index.remove(b"a"), index.remove(b"a*"), index.remove(b"a*")), (None, Some(9), None));
    assert!(index.is_empty());
}

#[test]
fn a_pattern_that_has_been_compiled_before_is_taken_where_it_is_new_and_left_whole_where_it_is_not() {
    let mut index = PatternIndex::new();
    let [mut first, mut second] = [Compiled::of(b"a*[bc]*"), Compiled::of(b"a*[bc]*")];
    assert_eq!(index.get_or_insert_compiled(&mut first, || 1).1, &1);
    let program = second.program.text.clone();
    assert_eq!(index.get_or_insert_compiled(&mut second, || 2).1, &1);
    assert_eq!((first.program.text.len(), &second.program.text), (0, &program));
    let mut matching = 0;
    index.for_each_match(b"axb", |_, _| matching += 1);
    assert_eq!((matching, index.remove(b"a*[bc]*")), (1, Some(1)));
}

#[test]
fn patterns_that_mean_the_same_are_all_found() {
    let mut index = index_of(&["a*", "\\a*", "[a]**", "a***", "a?", "a[^]"]);
    assert_eq!(found(&mut index, b"ab").len(), 6);
    assert_eq!(found(&mut index, b"a").len(), 4);
    index.remove(b"[a]**");
    index.remove(b"a*");
    assert_eq!(found(&mut index, b"ab"), [&b"\\a*"[..], b"a***", b"a?", b"a[^]"]);
}

#[test]
fn an_empty_channel_is_matched_by_the_empty_pattern_only() {
    let mut index = index_of(&["", "*", "**", "?", "[^"]);
    assert_eq!(found(&mut index, b""), [b""]);
    assert_eq!(found(&mut index, b"a").len(), 4);
    index.remove(b"");
    assert!(found(&mut index, b"").is_empty());
}

#[test]
fn every_shape_is_found_among_many() {
    for shape in ["a:#*", "*:a#", "*a#*b#*", "a?b*c#", "[ab]x#*", "\\*#", "*#", "?#[^0-4]"] {
        let named = |number: usize| shape.replace('#', &number.to_string());
        let all: Vec<String> = (0..3_000).map(named).collect();
        let mut index = index_of(&all);
        for channel in ["a:17", "x:a2999", "za12b12z", "axbc77", "bx100", "*55", "x307", "x3008", "news.sport.football"]
        {
            check(&mut index, channel.as_bytes());
        }
        assert!(index.nodes.len() < 1_200, "{shape}: {} nodes", index.nodes.len());
    }
}

#[test]
fn hostile_sets_of_patterns_end_in_time() {
    let channel = vec![b'a'; 300];
    let mut stars: Vec<Vec<u8>> = (1..200).map(|times| b"*a".repeat(times)).collect();
    stars.extend((1..200).map(|times| [&b"*a?".repeat(times)[..], b"*b"].concat()));
    stars.extend((1..200).map(|times| [&b"?".repeat(times)[..], b"*b"].concat()));
    check(&mut index_of(&stars), &channel);
    let sets: Vec<String> = (0..500).map(|number| format!("[a{number}]*[a{number}]*[a{number}]b")).collect();
    check(&mut index_of(&sets), &channel);
}

#[test]
fn patterns_that_are_long_and_alike_do_not_exhaust_the_stack() {
    let long = b"?*[ab]".repeat(30_000);
    let mut index = index_of(&[[&long[..], b"x"].concat(), [&long[..], b"y"].concat()]);
    check(&mut index, b"abababab");
    assert!(index.remove(&[&long[..], b"x"].concat()).is_some());
    assert!(index.remove(&[&long[..], b"y"].concat()).is_some());
    assert_eq!(index.nodes.len(), 1);
}

#[test]
fn memory_returns_when_patterns_are_removed() {
    let all: Vec<String> = (0..20_000).map(|number| format!("*{number}?x*")).collect();
    let mut index = index_of(&all);
    assert!(index.entries.capacity() >= 20_000);
    for pattern in &all[10..] {
        assert!(index.remove(pattern.as_bytes()).is_some());
    }
    assert!(index.entries.capacity() < 2_000 && index.nodes.capacity() < 2_000);
    assert_eq!(index.len(), 10);
    check(&mut index, b"3!x");
}

#[test]
fn the_work_lists_stay_bounded() {
    let sets: Vec<String> = (0..4_000)
        .map(|number| format!("[a{}]*x", char::from(b'A' + (number % 50) as u8)) + &number.to_string())
        .collect();
    let mut index = index_of(&sets);
    check(&mut index, b"axxxx");
    assert!(index.work.capacity() <= super::KEPT_WORK);
    let every_byte: Vec<u8> = (0..=255).collect();
    check(&mut index, &every_byte.repeat(200));
    assert!(index.work.capacity() <= super::KEPT_WORK);
}

/// How many steps a walk for `channel` takes among one pattern that matches and `others` that do not.
fn followed(channel: &str, shape: impl Fn(usize) -> String, others: usize) -> usize {
    let mut index = PatternIndex::new();
    index.get_or_insert_with(b"news:*", || 0);
    for i in 0..others {
        index.get_or_insert_with(shape(i).as_bytes(), || 1);
    }
    let mut found = 0;
    index.for_each_match(channel.as_bytes(), |_, own| {
        assert_eq!(*own, 0);
        found += 1;
    });
    assert_eq!(found, 1);
    index.steps()
}

#[test]
fn p10_patterns_that_do_not_match_cost_a_publish_nothing() {
    let shapes: [fn(usize) -> String; 8] = [
        |i| format!("other{i}:*"),
        |i| format!("*:other{i}"),
        |i| format!("other?{i}*x"),
        |i| format!("[op]ther{i}*"),
        |i| format!("*other{i}*x*"),
        |i| format!("?other{i}"),
        |i| format!("*[on]ther{i}"),
        |i| format!("*[on]?ther{i}?*"),
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let [few, many] = [100, 50_000].map(|others| followed("news:1", shape, others));
        assert!(many <= few, "shape {number}: {few} steps among 100 patterns, {many} among 50,000");
    }
}

/// Three letters that are different for each of 100,000 numbers, and none of them an `a`.
fn letters(number: usize) -> String {
    let letter = |digit: usize| char::from(b"BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz"[digit % 50]);
    [number / 2500, number / 50, number].map(letter).into_iter().collect()
}

#[test]
fn p10_patterns_of_sets_that_match_nothing_cost_a_publish_little() {
    let channel = [b'a'; 100];
    for shape in [
        "*[a#]1",
        "*???[ab#]1",
        "*[ab#][ac#][ad#]1",
        "*[a#]1*",
        "*[ab#][ac#][ad#]1*",
        "?*[a#]*1b",
        "*[a#]?1?*",
        "*a[a#]*1*",
        "[a#]*[ab#]?1",
        "*[a#]*2?1*",
        "*[#]*",
        "a*[#]a*[a#]",
        "*[#][b#]*",
    ] {
        let mut index = index_of(&(0..20_000).map(|number| shape.replace('#', &letters(number))).collect::<Vec<_>>());
        assert!(found(&mut index, &channel).is_empty());
        assert!(index.steps() <= 30_000, "{shape}: {} steps", index.steps());
    }
}

#[test]
fn patterns_that_only_searching_can_tell_apart_are_searched_once_at_many_positions_at_a_time() {
    let channel = [&b"1"[..], &[b'a'; 99], b"1"].concat();
    for shape in ["*[a#]1?*", "*1[a#]*1[#1]", "*[a#][1#][1#]*", "?*[^#]*1[^a]*", "*[a#]*1[a#]*[a#]?[1#]?*"] {
        let mut index = index_of(&(0..5_000).map(|number| shape.replace('#', &letters(number))).collect::<Vec<_>>());
        assert!(found(&mut index, &channel).is_empty());
        assert!(index.steps() <= 5_000 * 2 * shape.len() * 3, "{shape}: {} steps", index.steps());
    }
}

#[test]
fn patterns_that_a_channel_follows_in_very_many_ways_are_followed_once() {
    let combination =
        |number: usize, pieces: [&str; 2]| -> String { (0..12).map(|level| pieces[number >> level & 1]).collect() };
    for pieces in [["a", "?"], ["[ab]", "[ac]"], ["a", "[^x]"], ["?", "[^x]"]] {
        let patterns: Vec<String> = (0..4_096).map(|number| format!("*{}b*", combination(number, pieces))).collect();
        let mut index = index_of(&patterns);
        assert!(found(&mut index, &[b"b", &[b'a'; 100][..]].concat()).is_empty());
        assert!(index.steps() <= 4_096 * 8, "{pieces:?}: {} steps", index.steps());
    }
    let runs = |number: usize| [number % 16, number / 16 % 16, number / 256].map(|len| "a".repeat(len + 1)).join("*");
    let mut index = index_of(&(0..4_096).map(|number| format!("*{}*b*", runs(number))).collect::<Vec<_>>());
    assert!(found(&mut index, &[b"b", &[b'a'; 100][..]].concat()).is_empty());
    assert!(index.steps() <= 4_096 * 20, "{} steps", index.steps());
}

#[test]
fn long_patterns_that_are_alike_are_matched_in_time_in_proportion_to_their_length() {
    let steps = |len: usize| {
        let stem = "a".repeat(len);
        let mut patterns: Vec<String> =
            ["b", "b*", "c*", "?*", "[bc]*"].iter().map(|end| format!("*{stem}{end}")).collect();
        patterns.extend(["b*", "c*"].map(|end| format!("*?{stem}{end}")));
        let mut index = index_of(&patterns);
        index.for_each_match(&vec![b'a'; len], |_, _| {});
        index.steps()
    };
    assert!(steps(40_000) <= 11 * steps(4_000), "{} for 4,000 bytes, {} for 40,000", steps(4_000), steps(40_000));
}

/// What the index takes, names included.
fn heap_bytes<V>(index: &PatternIndex<V>) -> usize {
    let entries: usize = index.entries.iter().map(|entry| entry.program.len() + entry.name.len() + 16).sum();
    let nodes: usize = index.nodes.iter().map(super::Node::heap_bytes).sum();
    let keys: usize = index.keys.iter().map(|part| part.capacity() * 8 / 7 * 5 + 16).sum();
    entries + nodes + keys + index.entries.heap_bytes() + index.nodes.heap_bytes()
}

#[test]
fn nodes_are_only_where_patterns_part() {
    for piece in ["[][]", "[ab]", "???", "?*?*", "*a", "\\a", "[^x]*"] {
        let long = piece.repeat(100_000 / piece.len());
        let mut index = index_of(&[format!("{long}x"), format!("{long}y")]);
        assert!(index.nodes.len() <= 10, "{piece}: {} nodes", index.nodes.len());
        let taken = heap_bytes(&index);
        assert!(taken <= 800_000, "{piece}: {taken} bytes");
        index.remove(format!("{long}x").as_bytes());
        assert!(index.nodes.len() == 1, "what parts nothing any more goes");
    }
}

#[test]
fn p11_a_pattern_counts_for_no_less_than_it_takes() {
    let shapes: [fn(usize) -> String; 11] = [
        |i| format!("*[{}]*", letters(i)),
        |i| format!("*[a{0}]?[b{0}]*[c{0}]*", letters(i / 2)) + &"?".repeat(i % 2 + 1) + "*",
        |i| i.to_string(),
        |i| format!("news:*:{i}"),
        |i| format!("*[a{}]1*", letters(i)),
        |i| format!("[a{0}]*[b{0}]*[c{0}]*[d{0}]*[e{0}]*x", letters(i)),
        |i| format!("{}*{}*?{}*", letters(i / 2), letters(i % 2 * 7), letters(i)),
        |i| {
            letters(i / 2).chars().map(|letter| format!("*?{letter}")).collect::<String>().repeat(3)
                + &i.to_string()
                + "*"
        },
        |i| format!("{}{i}", "[a-c]?*".repeat(i % 50)),
        |i| "?".repeat(i % 3_000) + &letters(i),
        |i| format!("*{}*{}*", "?".repeat(i % 100), letters(i)),
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let patterns: Vec<String> = (0..3_000).map(shape).collect();
        let index = index_of(&patterns);
        let counted: usize = index.iter().map(|(pattern, _)| weight(pattern) + pattern.len()).sum();
        let taken = heap_bytes(&index);
        assert!(taken <= counted, "shape {number}: {taken} bytes, counted {counted}");
    }
}
