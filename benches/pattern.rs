//! What a PUBLISH pays for the patterns that others subscribed to.
//!
//! Each group answers one question:
//!
//! - `cold`: what do 100,000 patterns cost that do not match the channel, by their shape? (`none` is an index without any.)
//! - `warm`: what do 100 matching patterns cost, alone and among 100,000?
//! - `hostile`: what does a channel cost that agrees with the patterns as far as possible and matches none?
//! - `churn`: what does it cost to subscribe to and unsubscribe from one more pattern among 100,000?
//! - `plain`: what does matching one pattern cost without the index?

use criterion::{Criterion, criterion_group, criterion_main};
use pregon::hub::pattern_index::PatternIndex;
use pregon::pattern::matches;
use std::hint::black_box;

const MANY: usize = 100_000;

/// Twenty bytes, as long as channel names usually are. It has what the shapes have, in the wrong places.
const CHANNEL: &[u8] = b"news:sports:abc:cups";

/// `#` stands for the number of the pattern.
const SHAPES: [&str; 8] = ["a:#*", "*:a#", "a?b*c#", "[ab]x#*", "*a#*b#*", "*#", "?#*", "*[ab]#?*"];

fn index_of(patterns: impl Iterator<Item = String>) -> PatternIndex<()> {
    let mut index = PatternIndex::new();
    for pattern in patterns {
        index.get_or_insert_with(pattern.as_bytes(), || ());
    }
    index
}

fn many_of(shape: &str) -> impl Iterator<Item = String> {
    (0..MANY).map(move |number| shape.replace('#', &number.to_string()))
}

fn count(index: &mut PatternIndex<()>, channel: &[u8]) -> usize {
    let mut matching = 0;
    index.for_each_match(black_box(channel), |_, _| matching += 1);
    matching
}

fn cold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cold");
    let mut none = PatternIndex::new();
    group.bench_function("none", |bencher| bencher.iter(|| count(&mut none, CHANNEL)));
    for shape in SHAPES {
        let mut index = index_of(many_of(shape));
        assert_eq!(count(&mut index, CHANNEL), 0, "{shape}");
        group.bench_function(shape, |bencher| bencher.iter(|| count(&mut index, CHANNEL)));
    }
    let mut all = index_of(SHAPES.into_iter().flat_map(many_of));
    group.bench_function("all shapes at once", |bencher| bencher.iter(|| count(&mut all, CHANNEL)));
}

fn warm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("warm");
    let matching = || {
        let name = String::from_utf8_lossy(CHANNEL);
        (0..100).map(move |number| format!("{}*{}", &name[..1 + number / 10], &name[10 + number % 10..]))
    };
    let mut alone = index_of(matching());
    assert_eq!(count(&mut alone, CHANNEL), 100);
    group.bench_function("100 alone", |bencher| bencher.iter(|| count(&mut alone, CHANNEL)));
    let mut among = index_of(many_of("*:a#").chain(matching()));
    assert_eq!(count(&mut among, CHANNEL), 100);
    group.bench_function("100 among 100,000", |bencher| bencher.iter(|| count(&mut among, CHANNEL)));
}

fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hostile");
    let channel = [b'a'; 200];
    let stars = |piece: &'static str| (1..=100).map(move |times| piece.repeat(times) + "*b");
    for (name, piece) in [("100 x (*a)+*b", "*a"), ("100 x (*a?)+*b", "*a?"), ("100 x (?)+*b", "?")] {
        let mut index = index_of(stars(piece));
        assert_eq!(count(&mut index, &channel), 0);
        group.bench_function(name, |bencher| bencher.iter(|| count(&mut index, &channel)));
    }
    let (only_a, with_b) = (&channel[..100], &[b"b", &channel[..99]].concat());
    let of_letters = [
        ("*[aWXYZ#]1", only_a),
        ("*???[ab#]1", only_a),
        ("*[ab#][ac#][ad#]1", only_a),
        ("*[aWXYZ#]1*", only_a),
        ("?*[a#]*1b", only_a),
        ("a*[#]a*[a#]", only_a),
        ("*[a#][b#]*", with_b),
        ("*[a#]?[a#]??[a#]?[b#]?*", with_b),
        ("*[a#]*[a#]*[a#]*[b#]a*[b#]*", with_b),
    ];
    for (shape, channel) in of_letters {
        let mut index = index_of((0..20_000).map(|number| shape.replace('#', &letters(number))));
        assert_eq!(count(&mut index, channel), 0, "{shape}");
        group.bench_function(format!("20,000 x {shape}"), |bencher| bencher.iter(|| count(&mut index, channel)));
    }
    for pieces in [["a", "?"], ["[ab]", "[ac]"], ["a*", "?*"]] {
        let combination = |number: usize| (0..14).map(|level| pieces[number >> level & 1]).collect::<String>();
        let mut index = index_of((0..16_384).map(|number| format!("*{}b*", combination(number))));
        assert_eq!(count(&mut index, with_b), 0, "{pieces:?}");
        let name = format!("16,384 x *({}|{}){{14}}b*", pieces[0], pieces[1]);
        group.bench_function(name, |bencher| bencher.iter(|| count(&mut index, with_b)));
    }
    let mut sets = index_of((0..1_000).map(|number| format!("[a{number}]*[a{number}]b")));
    group.bench_function("1,000 x [a#]*[a#]b", |bencher| bencher.iter(|| count(&mut sets, b"aaaaaaaaaaaaaaaaaaaa")));
}

/// Three letters, different for each pattern, that the channel does not have.
fn letters(number: usize) -> String {
    let letter = |digit: usize| char::from(b"BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz"[digit % 50]);
    [number / 2500, number / 50, number].map(letter).into_iter().collect()
}

fn churn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("churn");
    for shape in ["a:#*", "*a#*b#*"] {
        let mut index = index_of(many_of(shape));
        let one = shape.replace('#', "55555x");
        group.bench_function(shape, |bencher| {
            bencher.iter(|| {
                index.get_or_insert_with(one.as_bytes(), || ());
                index.remove(one.as_bytes())
            });
        });
    }
}

fn plain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plain");
    let mut long = b"a*".repeat(1_000);
    long.push(b'b');
    let text = vec![b'a'; 10_000];
    group.bench_function("news:*:abc:*", |bencher| bencher.iter(|| matches(black_box(b"news:*:abc:*"), CHANNEL)));
    group.bench_function("(a*) x 1,000 b on 10,000 a", |bencher| bencher.iter(|| matches(black_box(&long), &text)));
}

criterion_group!(benches, cold, warm, hostile, churn, plain);
criterion_main!(benches);
