//! Lists against a naive model.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Push(bool, Vec<u8>),
    Pop(bool),
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    RemoveRange(usize, usize),
    RemoveEqual(Vec<u8>, usize, usize),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[ab]{0,2}".prop_map(String::into_bytes),
        8 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        4 => (1000..3000usize).prop_map(|len| vec![b'x'; len]),
        1 => (8000..10_000usize).prop_map(|len| vec![b'y'; len]),
    ]
}

fn end(front: bool) -> End {
    if front { End::Front } else { End::Back }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (any::<bool>(), element()).prop_map(|(front, element)| Step::Push(front, element)),
        4 => any::<bool>().prop_map(Step::Pop),
        2 => (0..60usize, element()).prop_map(|(index, element)| Step::Set(index, element)),
        6 => (0..60usize, element()).prop_map(|(index, element)| Step::Insert(index, element)),
        1 => (0..60usize, 0..30usize).prop_map(|(index, count)| Step::RemoveRange(index, count)),
        1 => (element(), 0..2usize, 0..4usize).prop_map(|(element, skip, most)| Step::RemoveEqual(element, skip, most)),
    ];
    proptest::collection::vec(step, 1..120)
}

fn apply(list: &mut List, model: &mut VecDeque<Vec<u8>>, step: Step) {
    match step {
        Step::Push(front, element) => {
            list.push(end(front), &element);
            if front { model.push_front(element) } else { model.push_back(element) }
        }
        Step::Pop(front) => {
            let expected = if front { model.pop_front() } else { model.pop_back() };
            assert_eq!(list.first(end(front)).map(Item::to_vec), expected);
            list.drop_first(end(front));
        }
        Step::Set(index, element) => {
            assert_eq!(list.set(index, &element), index < model.len());
            if let Some(old) = model.get_mut(index) {
                *old = element;
            }
        }
        Step::Insert(index, element) => {
            let index = index.min(model.len());
            list.insert(index, &element);
            model.insert(index, element);
        }
        Step::RemoveRange(index, count) => {
            list.remove_range(index, count);
            let last = (index + count).min(model.len());
            if index < last {
                model.drain(index..last);
            }
        }
        Step::RemoveEqual(element, skip, most) => {
            let equal = model.iter().enumerate().filter(|(_, other)| **other == element);
            let gone: Vec<usize> = equal.map(|(i, _)| i).skip(skip).take(most).collect();
            assert_eq!(list.remove_equal(&element, skip, most), gone.len());
            gone.iter().rev().for_each(|i| drop(model.remove(*i)));
        }
    }
}

proptest! {
    #[test]
    fn a_list_behaves_like_a_deque(steps in steps()) {
        let (mut list, mut model) = (List::default(), VecDeque::new());
        for step in steps {
            apply(&mut list, &mut model, step);
            prop_assert!(list.is_sound());
        }
        let content: Vec<Vec<u8>> = list.iter().map(Item::to_vec).collect();
        prop_assert_eq!(&content, &Vec::from(model.clone()));
        for index in 0..model.len() {
            prop_assert_eq!(list.get(index).map(Item::to_vec), model.get(index).cloned());
        }
        if let Some(last) = model.len().checked_sub(1) {
            let backwards: Vec<Vec<u8>> = list.iter_back_from(last).map(Item::to_vec).collect();
            prop_assert!(backwards.iter().eq(model.iter().rev()));
        }
    }
}

#[test]
fn memory_stays_close_to_the_content() {
    for front in [true, false] {
        let mut list = List::default();
        for i in 0..100_000 {
            list.push(end(front), format!("element{i}").as_bytes());
        }
        let content: usize = list.iter().map(|item| item.to_vec().len()).sum();
        let each = (list.heap_bytes() - content) as f64 / 100_000.0;
        assert!(each < 4.5, "{each} bytes beside each element");
    }
}

#[test]
fn small_lists_have_little_room_to_spare() {
    for front in [true, false] {
        let mut list = List::default();
        for len in 1..=20 {
            list.push(end(front), b"8 bytes.");
            let spare = list.heap_bytes() - size_of::<List>() - size_of::<Chunk>() - 10 * len;
            assert!(spare <= 16 + 10 * len / 4, "{spare} bytes to spare beside {len} elements");
        }
    }
}

#[test]
fn a_queue_that_is_never_empty_does_not_grow() {
    let mut list = List::default();
    for i in 0..50_000 {
        list.push(End::Back, format!("element{i}").as_bytes());
        if list.len() > 500 {
            list.drop_first(End::Front);
        }
        assert!(list.heap_bytes() < 3 * CHUNK_BYTES, "{} bytes after {i} pushes", list.heap_bytes());
    }
}

#[test]
fn a_list_that_was_long_gives_memory_back() {
    let long = || {
        let mut list = List::default();
        (0..100_000).for_each(|i| list.push(End::Back, format!("element{i}").as_bytes()));
        list
    };
    let shortened: [fn(&mut List); 3] = [
        |list| (0..99_999).for_each(|_| list.drop_first(End::Front)),
        |list| drop(list.remove_range(1, usize::MAX)),
        |list| drop(list.remove_range(0, 99_999)),
    ];
    for shorten in shortened {
        let mut list = long();
        shorten(&mut list);
        assert_eq!(list.len(), 1);
        assert!(list.heap_bytes() < 3000, "{} bytes for one element", list.heap_bytes());
    }
}

#[test]
fn an_element_is_replaced_where_it_is() {
    let mut list = List::default();
    (0..800).for_each(|_| list.push(End::Back, b"8 bytes."));
    (0..800).for_each(|i| assert!(list.set(i, b"EIGHT by")));
    assert_eq!(list.encoding(), "listpack");
    assert!(list.set(400, &[b'x'; 9000]) && list.is_sound());
    assert_eq!(list.encoding(), "quicklist");
}
