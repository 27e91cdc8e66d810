//! Streams against a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Content = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone, Debug)]
enum Step {
    Append(u64, u64, Content),
    Delete(u64),
    Keep(u64),
    KeepFrom(u64),
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        4 => "[a-c]{0,3}".prop_map(|value| vec![(b"name".to_vec(), value.into_bytes())]),
        1 => proptest::collection::vec(("[ab]", "[xyz]{0,200}"), 1..4)
            .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()),
        1 => (3000..6000usize).prop_map(|len| vec![(b"large".to_vec(), vec![b'x'; len])]),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (0..3u64, 0..3u64, content()).prop_map(|(ms, seq, content)| Step::Append(ms, seq, content)),
        3 => (0..150u64).prop_map(Step::Delete),
        1 => (0..200u64).prop_map(Step::Keep),
        1 => (0..200u64).prop_map(Step::KeepFrom),
    ];
    proptest::collection::vec(step, 1..300)
}

fn fields(content: &Content) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
    content.iter().map(|(name, value)| (&name[..], &value[..]))
}

fn read(entry: &Entry<'_>) -> (StreamId, Content) {
    (entry.id, entry.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
}

proptest! {
    #[test]
    fn a_log_behaves_like_an_ordered_map(steps in steps(), bounds in proptest::collection::vec((0..300u64, 0..300u64), 5)) {
        let (mut log, mut model) = (Log::default(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Append(ms, seq, content) => {
                    let last = log.last_id;
                    let id = StreamId { ms: last.ms + ms, seq: if ms == 0 { last.seq + 1 + seq } else { seq } };
                    log.append(id, fields(&content));
                    model.insert(id, content);
                }
                Step::Delete(ms) => {
                    let id = model.keys().find(|id| id.ms >= ms).copied().unwrap_or(StreamId { ms, seq: 7 });
                    prop_assert_eq!(log.delete(id), model.remove(&id).is_some());
                    prop_assert!(!log.delete(id));
                }
                Step::Keep(most) => {
                    let removed = log.trim(Trim { keep: Keep::Entries(most), approximate: false, limit: 0 });
                    let excess = (model.len() as u64).saturating_sub(most);
                    prop_assert_eq!(removed.entries, excess);
                    (0..excess).for_each(|_| drop(model.pop_first()));
                }
                Step::KeepFrom(ms) => {
                    let first = StreamId { ms, seq: 0 };
                    let removed = log.trim(Trim { keep: Keep::From(first), approximate: false, limit: 0 });
                    let kept = model.split_off(&first);
                    prop_assert_eq!(removed.entries, model.len() as u64);
                    model = kept;
                }
            }
            prop_assert_eq!(log.len(), model.len() as u64);
            prop_assert_eq!(log.packed_bytes(), log.blocks.iter().map(Block::len_bytes).sum::<usize>());
        }
        for (start, end) in bounds {
            let (start, end) = (StreamId { ms: start, seq: 1 }, StreamId { ms: end.max(start), seq: 2 });
            let expected: Vec<_> = model.range(start..=end).map(|(id, content)| (*id, content.clone())).collect();
            let found: Vec<_> = log.range(start, end).map(|entry| read(&entry)).collect();
            prop_assert_eq!(&found, &expected);
            let mut backwards: Vec<_> = log.range_back(start, end).map(|entry| read(&entry)).collect();
            backwards.reverse();
            prop_assert_eq!(&backwards, &expected);
        }
        prop_assert_eq!(log.first_id(), model.keys().next().copied().unwrap_or_default());
        prop_assert_eq!(log.last_valid_id(), model.keys().next_back().copied().unwrap_or_default());
    }
}

#[test]
fn an_approximate_trim_removes_whole_blocks_only_and_keeps_its_limit() {
    let mut log = Log::default();
    let content = vec![(b"a".to_vec(), b"b".to_vec())];
    for ms in 1..=1000 {
        log.append(StreamId { ms, seq: 0 }, fields(&content));
    }
    let mut trim = |keep, limit| log.trim(Trim { keep: Keep::Entries(keep), approximate: true, limit }).entries;
    assert_eq!(trim(950, 0), 0);
    assert_eq!(trim(850, 0), 100);
    assert_eq!(trim(0, 250), 200);
    assert_eq!(trim(0, 0), 700);
}

#[test]
fn ids_are_two_numbers_or_one() {
    let id = |ms, seq| Some(StreamId { ms, seq });
    for (text, expected) in [
        ("1-2", id(1, 2)),
        ("5", id(5, 9)),
        ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
        ("18446744073709551616", None),
        ("-", None),
        ("1-", None),
        ("a", None),
        ("", None),
        ("1-2-3", None),
    ] {
        assert_eq!(StreamId::read(text.as_bytes(), 9), expected, "{text}");
    }
}

/// Entries 1-0 to n-0.
fn log_of(entries: u64) -> Log {
    let mut log = Log::default();
    let content = vec![(b"a".to_vec(), b"b".to_vec())];
    (1..=entries).for_each(|ms| log.append(StreamId { ms, seq: 0 }, fields(&content)));
    log
}

fn entry(ms: u64) -> StreamId {
    StreamId { ms, seq: 0 }
}

/// Delivers what a group has still to be delivered, up to the entry `ms`.
fn deliver(log: &Log, group: &mut Group, ms: u64) {
    for id in (1..=ms).map(entry).filter(|id| log.get(*id).is_some()) {
        log.advance(group, id);
    }
}

#[test]
fn the_lag_is_what_is_left_when_all_that_was_deleted_comes_before_it() {
    let mut log = log_of(3);
    let mut group = Group::new(StreamId::MIN, None);
    deliver(&log, &mut group, 1);
    assert_eq!((group.entries_read, log.lag(&group)), (Some(1), Some(2)));
    // Behind what it was delivered: nobody knows how many entries were deleted there and before.
    assert!(log.delete(entry(2)));
    assert_eq!(log.lag(&group), None);
    // Nothing is left before the third.
    assert!(log.delete(entry(1)));
    assert_eq!(log.lag(&group), Some(1));
    deliver(&log, &mut group, 3);
    assert_eq!((group.entries_read, log.lag(&group)), (Some(3), Some(0)));
    assert!(log.delete(entry(3)));
    assert_eq!(log.lag(&Group::new(entry(9), None)), Some(0), "there is nothing in an empty stream");
}

#[test]
fn a_count_of_entries_that_cannot_be_true_is_not_counted_on() {
    let log = log_of(3);
    for given in [4, 1000, i64::MAX] {
        let mut group = Group::new(entry(1), Some(given));
        assert_eq!(log.lag(&group), Some(2), "it was delivered the first of three");
        let mut later = Group::new(entry(2), Some(given));
        assert_eq!(log.lag(&later), None);
        deliver(&log, &mut group, 2);
        assert_eq!((group.entries_read, log.lag(&group)), (None, None));
        for group in [&mut group, &mut later] {
            deliver(&log, group, 3);
            assert_eq!((group.entries_read, log.lag(group)), (Some(3), Some(0)));
        }
    }
}

#[test]
fn counters_stay_within_what_replies_can_say() {
    let mut log = log_of(1);
    log.entries_added = i64::MAX as u64;
    let mut group = Group::new(entry(1), Some(i64::MAX));
    let content = vec![(b"a".to_vec(), b"b".to_vec())];
    log.append(entry(2), fields(&content));
    assert_eq!(log.entries_added, i64::MAX as u64);
    deliver(&log, &mut group, 2);
    assert_eq!((group.entries_read, log.lag(&group)), (Some(i64::MAX), Some(0)));
}
