//! What is known of the server at one moment: all that INFO says, so that both say the same.

use serde_json::{Map, Value};

use super::channels::{self, Busy};
use super::delays::Times;
use crate::command::info::Overview;
use crate::server::{Server, Unready};

/// The figures of a moment.
#[derive(Debug)]
pub(super) struct Figures {
    /// Why the server is not ready, if it is not.
    pub(super) unready: Option<Unready>,
    /// How long messages take.
    pub(super) times: Times,
    /// The busiest channels, as many as `metrics-channels` says.
    pub(super) channels: Vec<Busy>,
    sections: Vec<(&'static str, Vec<(String, String)>)>,
}

impl Figures {
    pub(super) fn of(server: &Server, overview: &mut Overview) -> Self {
        let settings = server.settings();
        let most = usize::try_from(settings.metrics_channels).unwrap_or(usize::MAX);
        let busy = channels::busiest(server, &settings, most, server.clock.now().ms());
        Figures {
            unready: server.unready(),
            times: Times::of(server),
            channels: channels::told_apart(busy),
            sections: overview.sections(server),
        }
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sections.iter().flat_map(|(_, fields)| fields).map(|(name, value)| (&**name, &**value))
    }

    /// What INFO says behind this name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// The same, if it is a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok()
    }

    /// Those whose name begins so, by the rest of their names.
    pub(super) fn beginning<'f>(&'f self, prefix: &'static str) -> impl Iterator<Item = (&'f str, &'f str)> {
        self.fields().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }

    /// All of them: `{section: {name: value}}`, where values that have parts are objects.
    pub(super) fn json(&self) -> Value {
        let section = |(title, fields): &(&'static str, Vec<(String, String)>)| {
            let fields: Map<String, Value> = fields.iter().map(|(name, value)| (name.clone(), json(value))).collect();
            (title.to_lowercase(), Value::Object(fields))
        };
        Value::Object(self.sections.iter().map(section).collect())
    }
}

/// The parts of a value like `calls=1,usec=2`; none if it has no such parts.
pub(super) fn parts(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(',').filter_map(|part| part.split_once('='))
}

/// The part of this name, if it is a number.
pub(super) fn part(value: &str, name: &str) -> Option<f64> {
    parts(value).find(|(part, _)| *part == name)?.1.parse().ok()
}

fn json(value: &str) -> Value {
    if value.split(',').all(|part| part.contains('=')) {
        return Value::Object(parts(value).map(|(name, part)| (name.to_owned(), scalar(part))).collect());
    }
    scalar(value)
}

/// A number if it is written as one, otherwise the text.
fn scalar(text: &str) -> Value {
    let number = text.parse::<u64>().ok().map(Value::from);
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
    number.or_else(|| text.parse::<f64>().ok().filter(|_| is_decimal).map(Value::from)).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_numbers_texts_and_objects() {
        for (value, expected) in [
            ("12", "12"),
            ("-1", "-1.0"),
            ("0.25", "0.25"),
            ("1.5.2", "\"1.5.2\""),
            ("", "\"\""),
            ("0.5%", "\"0.5%\""),
            ("infinity", "\"infinity\""),
            ("keys=2,expires=0", "{\"expires\":0,\"keys\":2}"),
            ("name=tcp,bind=*,bind=::*,port=1", "{\"bind\":\"::*\",\"name\":\"tcp\",\"port\":1}"),
        ] {
            assert_eq!(json(value).to_string(), expected, "{value}");
        }
    }
}
