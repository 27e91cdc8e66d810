//! The busiest channels of the last seconds, for the page and for metrics with a bounded number of labels.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::families::{Family, Kind};
use super::text::shown_front;
use crate::config::Settings;
use crate::hub::NAMES_AT_ONCE;
use crate::message;
use crate::observe::channels::{self, Label, Measure, Top};
use crate::server::Server;

/// Channels that the page shows.
const SHOWN: usize = 10;

/// A channel, and what was counted of it for one second.
#[derive(Debug)]
pub(super) struct Busy {
    pub(super) kind: &'static str,
    /// Its name as it is shown: two may look alike.
    pub(super) name: String,
    /// Who listens to the channel itself; none if only the front of its name is known.
    pub(super) subscribers: Option<usize>,
    /// By measure; none where others had more, so that there was no room for it.
    pub(super) rates: [Option<u64>; Measure::ALL.len()],
}

/// Those with the most messages, the busiest first.
pub(super) fn busiest(server: &Server, settings: &Settings, most: usize, now_ms: u64) -> Vec<Busy> {
    if most == 0 {
        return Vec::new();
    }
    let top = |measure, most| channels::top(server.samplers(), measure, most, settings, now_ms);
    let labels: Vec<Label> = top(Measure::Messages, most).rows.into_iter().map(|row| row.label).collect();
    let tops = Measure::ALL.map(|measure| top(measure, usize::MAX));
    let rates = tops.each_ref().map(|Top { window_ms, rows, .. }| {
        let rate =
            |count: u64| u64::try_from(u128::from(count) * 1000 / u128::from(*window_ms.max(&1))).unwrap_or(u64::MAX);
        rows.iter().map(|row| (key(&row.label), rate(row.count))).collect::<HashMap<_, u64>>()
    });
    let mut subscribers = Vec::with_capacity(labels.len());
    for labels in labels.chunks(NAMES_AT_ONCE) {
        let mut hub = server.hub.lock();
        subscribers.extend(labels.iter().map(|label| label.subscribers(&mut hub)));
    }
    let busy = labels.into_iter().zip(subscribers).map(|(label, subscribers)| Busy {
        kind: if label.kind == message::Kind::Channel { "channel" } else { "shardchannel" },
        rates: std::array::from_fn(|measure| {
            // Where there is room for more, what is not there is none.
            let none = (rates[measure].len() as u64) < settings.channel_top_size;
            rates[measure].get(&key(&label)).copied().or(none.then_some(0))
        }),
        name: shown_front(&label.name, label.len),
        subscribers,
    });
    busy.collect()
}

fn key(label: &Label) -> (message::Kind, &[u8], usize) {
    (label.kind, &label.name, label.len)
}

/// The same without those that look like one before them.
pub(super) fn told_apart(busy: Vec<Busy>) -> Vec<Busy> {
    let mut seen = HashSet::new();
    busy.into_iter().filter(|channel| seen.insert((channel.kind, channel.name.clone()))).collect()
}

/// What metrics show of those: a rate by each measure.
pub(super) fn families(busy: &[Busy]) -> impl Iterator<Item = Family> {
    let families = [
        ("messages", "Messages that were published in a second, lately, to the busiest channels"),
        ("bytes", "Bytes of their payloads in a second"),
        ("deliveries", "Deliveries of them in a second"),
        ("dropped_messages", "Messages of them that slow subscribers lost in a second"),
    ];
    families.into_iter().enumerate().map(move |(measure, (name, help))| {
        let mut family = Family::of(format!("pregon_channel_{name}_per_second"), help, Kind::Gauge);
        for channel in busy {
            if let Some(rate) = channel.rates[measure] {
                family.add(&[("channel", &channel.name), ("kind", channel.kind)], rate as f64);
            }
        }
        family
    })
}

/// As the page shows it.
pub(super) fn page(server: &Server, settings: &Settings, now_ms: u64) -> Value {
    let one = |channel: Busy| {
        let mut one = json!({ "name": channel.name, "kind": channel.kind, "subscribers": channel.subscribers });
        for (measure, rate) in Measure::ALL.iter().zip(channel.rates) {
            one[measure.word()] = rate.into();
        }
        one
    };
    busiest(server, settings, SHOWN, now_ms).into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::info::Overview;
    use crate::command::test_support::World;
    use crate::web::figures::Figures;

    /// A server to whose channels so many messages have been published.
    fn world(directives: &[(&str, &str)], published: &[(&str, usize)]) -> World {
        let world = World::with(directives);
        let client = world.client();
        for (channel, messages) in published {
            (0..*messages).for_each(|_| drop(client.say(&format!("PUBLISH {channel} x"))));
        }
        world
    }

    fn named(world: &World) -> Vec<String> {
        let figures = Figures::of(&world.server, &mut Overview::default());
        figures.channels.into_iter().map(|channel| channel.name).collect()
    }

    #[test]
    fn p11_as_many_channels_have_series_as_metrics_channels_says() {
        let published = [("a", 1), ("b", 30), ("c", 20)];
        assert_eq!(named(&world(&[("metrics-channels", "2")], &published)), ["b", "c"]);
        assert_eq!(named(&world(&[("metrics-channels", "0")], &published)), [""; 0]);
        assert_eq!(named(&world(&[], &published)), ["b", "c", "a"]);
    }

    #[test]
    fn of_channels_whose_names_look_alike_metrics_have_one_and_the_page_has_all() {
        let long = "x".repeat(300);
        let world = world(&[], &[(&(long.clone() + "1"), 2), (&(long.clone() + "2"), 1), ("a", 5)]);
        let alike = format!("{}... (173 more bytes)", &long[..128]);
        assert_eq!(named(&world), ["a", &alike]);
        let server = &world.server;
        let page = page(server, &server.settings(), server.clock.now().ms());
        let names: Vec<_> = page.as_array().into_iter().flatten().map(|channel| channel["name"].as_str()).collect();
        assert_eq!(names, [Some("a"), Some(&*alike), Some(&*alike)]);
    }
}
