use super::*;
use crate::config::Config;

fn settings(directives: &[(&str, &str)]) -> Settings {
    Settings::clone(Config::from_pairs(directives).expect("valid directives").settings())
}

fn message(channel: &str, bytes: usize, receivers: usize) -> Published<'_> {
    Published { kind: Kind::Channel, channel: channel.as_bytes(), bytes, receivers }
}

fn note(sampler: &Sampler, message: &Published<'_>, settings: &Settings, now_ms: u64) -> bool {
    !sampler.passes() && sampler.look_at(message, settings, now_ms)
}

/// Names and counts, the busiest first.
fn shown(sampler: &Sampler, measure: Measure, settings: &Settings, now_ms: u64) -> Vec<(String, u64)> {
    let top = top([sampler].into_iter(), measure, 3, settings, now_ms);
    let text = |row: Row| (String::from_utf8_lossy(&row.label.name).into_owned(), row.count);
    top.rows.into_iter().map(text).collect()
}

#[test]
fn while_messages_are_few_all_are_counted_by_each_measure() {
    let (sampler, settings) = (Sampler::default(), settings(&[]));
    for second in 0..5 {
        (0..300).for_each(|_| _ = note(&sampler, &message("often", 1, 0), &settings, second * 1000));
        (0..20).for_each(|_| _ = note(&sampler, &message("long", 1000, 2), &settings, second * 1000));
        note(&sampler, &message("many", 10, 1000), &settings, second * 1000);
        sampler.adapt(&settings, second * 1000);
    }
    sampler.note_drops(Kind::Channel, b"lost", 7, &settings, 4999);
    let names = |measure| shown(&sampler, measure, &settings, 5000);
    let all = |rows: [(&str, u64); 3]| rows.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(names(Measure::Messages), all([("often", 1500), ("long", 100), ("many", 5)]));
    assert_eq!(names(Measure::Bytes), all([("long", 100_000), ("often", 1500), ("many", 50)]));
    assert_eq!(names(Measure::Deliveries), all([("many", 5000), ("long", 200), ("often", 0)])[..2]);
    assert_eq!(names(Measure::Drops), all([("lost", 7), ("", 0), ("", 0)])[..1]);
    let top = top([&sampler].into_iter(), Measure::Messages, 3, &settings, 5000);
    assert_eq!((top.window_ms, top.one_in, top.rows[0].error), (5000, 1, 0));
}

#[test]
fn when_messages_are_very_many_some_stand_for_all_and_others_cost_nothing() {
    let (sampler, settings) = (Sampler::default(), settings(&[]));
    // One channel in ten has half of them, in an order that repeats itself.
    for second in 0..5 {
        for number in 0..400_000_u32 {
            let channel = if number % 2 == 0 { "hot".to_owned() } else { format!("cold{}", number % 20) };
            note(&sampler, &message(&channel, 1, 1), &settings, second * 1000 + u64::from(number / 400));
        }
        sampler.adapt(&settings, (second + 1) * 1000);
    }
    let top = top([&sampler].into_iter(), Measure::Messages, 100, &settings, 4999);
    assert!(top.one_in >= 32, "one in {}", top.one_in);
    assert_eq!(top.rows.len(), 11);
    assert_eq!(&*top.rows[0].label.name, b"hot");
    let share = top.rows[0].count as f64 / 1_000_000.0;
    assert!((0.9..1.1).contains(&share), "{share} of what it is");
    let looks: u32 = sampler.seen.lock().looks;
    assert!(looks < 4 * LOOKS, "{looks} looks");
    // When it is quiet again each message is seen.
    (5..8).for_each(|second| sampler.adapt(&settings, second * 1000 + 500));
    assert_eq!(sampler.seen.lock().one_in, 1);
    note(&sampler, &message("late", 1, 1), &settings, 8000);
    assert!(shown(&sampler, Measure::Messages, &settings, 30_000).is_empty());
    note(&sampler, &message("later", 1, 1), &settings, 30_000);
    assert_eq!(shown(&sampler, Measure::Messages, &settings, 30_000), [("later".to_owned(), 1)]);
}

#[test]
fn what_was_long_ago_is_not_shown_and_takes_no_memory() {
    let (sampler, settings) = (Sampler::default(), settings(&[("channel-top-window", "4")]));
    let publish = |now_ms| _ = note(&sampler, &message("a", 1, 1), &settings, now_ms);
    publish(0);
    for (now_ms, count) in [(1_999, 1), (5_999, 1), (6_000, 0)] {
        assert_eq!(shown(&sampler, Measure::Messages, &settings, now_ms).len(), count, "at {now_ms} ms");
    }
    (0..100).for_each(|second| publish(second * 1000));
    assert!(sampler.seen.lock().parts.len() <= 3);
    // Two whole parts, and what there is of the last.
    assert_eq!(shown(&sampler, Measure::Messages, &settings, 99_500), [("a".to_owned(), 6)]);
}

#[test]
fn p11_no_more_than_channel_top_size_is_kept_of_names_that_anybody_can_make_up() {
    let (sampler, settings) = (Sampler::default(), settings(&[("channel-top-size", "10")]));
    for number in 0..5_000 {
        let channel = format!("{number}{}", "x".repeat(10_000));
        note(&sampler, &message(&channel, 1, 1), &settings, 100);
    }
    (0..3_000).for_each(|_| _ = note(&sampler, &message("hot", 1, 1), &settings, 100));
    let seen = sampler.seen.lock();
    for sketch in seen.parts.iter().flat_map(|part| &part.sketches) {
        assert!(sketch.counted().len() <= 10);
        assert!(sketch.counted().iter().all(|counted| counted.label.name.len() <= NAME_BYTES));
    }
    drop(seen);
    let top = top([&sampler].into_iter(), Measure::Messages, 100, &settings, 100);
    assert_eq!((&*top.rows[0].label.name, top.rows[0].label.len), (&b"hot"[..], 3));
    assert!(top.rows[1..].iter().all(|row| row.error > 0 && row.label.len > 10_000));
}

#[test]
fn several_threads_are_one_and_what_a_full_one_may_hide_is_said() {
    let settings = settings(&[("channel-top-size", "2")]);
    let samplers = [Sampler::default(), Sampler::default()];
    for (index, sampler) in samplers.iter().enumerate() {
        (0..10).for_each(|_| _ = note(sampler, &message("both", 1, 1), &settings, 0));
        (0..5 - index).for_each(|_| _ = note(sampler, &message(&format!("own{index}"), 1, 1), &settings, 0));
    }
    let top = top(samplers.iter(), Measure::Messages, 2, &settings, 0);
    let rows: Vec<_> = top.rows.iter().map(|row| (&*row.label.name, row.count, row.error)).collect();
    assert_eq!(rows, [(&b"both"[..], 20, 0), (&b"own0"[..], 5, 4)]);
}

#[test]
fn nothing_is_looked_at_if_nothing_may_be_kept_until_that_changes() {
    let (off, on) = (settings(&[("channel-top-size", "0")]), settings(&[]));
    let sampler = Sampler::default();
    assert!(note(&sampler, &message("a", 1, 1), &on, 0), "the way of some is followed");
    (0..10).for_each(|_| _ = note(&sampler, &message("a", 1, 1), &off, 1));
    assert!(shown(&sampler, Measure::Messages, &on, 1).is_empty());
    sampler.adapt(&on, 1_000);
    note(&sampler, &message("b", 1, 1), &on, 1_000);
    assert_eq!(shown(&sampler, Measure::Messages, &on, 1_000), [("b".to_owned(), 1)]);
}

#[test]
fn a_channel_with_one_in_a_hundred_messages_is_counted_as_exactly_as_is_said() {
    let (sampler, settings) = (Sampler::default(), settings(&[]));
    for number in 0..2_000_000_u64 {
        let channel = if number % 100 == 7 { "rare".to_owned() } else { format!("other{}", number % 50) };
        let now_ms = number / 200;
        note(&sampler, &message(&channel, 1, 1), &settings, now_ms);
        if now_ms % 1000 == 0 {
            sampler.adapt(&settings, now_ms);
        }
    }
    let top = top([&sampler].into_iter(), Measure::Messages, 100, &settings, 9_999);
    let rare = top.rows.iter().find(|row| &*row.label.name == b"rare").expect("it is among them");
    let share = rare.count as f64 / 20_000.0;
    // Five times what is said to hold in two of three cases.
    assert!((1.0 - 5.0 * 0.07..1.0 + 5.0 * 0.07).contains(&share), "{share} of what it is, one in {}", top.one_in);
}

#[test]
fn a_thread_that_has_read_its_clock_before_others_changes_nothing_back() {
    let (sampler, settings) = (Sampler::default(), settings(&[]));
    for number in 0..300_000_u64 {
        // Half of the time it lags behind the thread that adapts it.
        note(&sampler, &message("a", 1, 1), &settings, 4_999 + number % 2);
        if number % 1000 == 0 {
            sampler.adapt(&settings, 5_000);
        }
    }
    let seen = sampler.seen.lock();
    assert!(seen.one_in >= 8 && seen.looks < 3 * LOOKS, "one in {}, {} looks", seen.one_in, seen.looks);
    assert!(seen.parts.iter().map(|part| part.index).is_sorted() && seen.parts.len() <= 2);
}
