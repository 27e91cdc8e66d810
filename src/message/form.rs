//! What a frame says: which messages it is, of which channels, and where each of them ends. Only who has to lose some of them
//! asks for it.

use super::{Frame, split_bulk};
use crate::ids::Topic;

/// One message within a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form<'f> {
    /// The kind of the subscription by which it came.
    pub(crate) topic: Topic,
    /// The name of that: the channel, or the pattern.
    pub(crate) name: &'f [u8],
    pub(crate) channel: &'f [u8],
    /// Where in the frame it ends, in bytes.
    pub(crate) end: usize,
}

impl<'f> Form<'f> {
    /// The message that begins `start` bytes behind the front of `head`. If others follow it, all lie there.
    pub(crate) fn at(start: usize, head: &'f [u8], tail: &'f [u8]) -> Option<Self> {
        let mut rest = head.get(start..)?;
        rest = &rest[1 + rest.iter().position(|byte| *byte == b'\n')?..];
        let mut next = || {
            // A bulk never lies on both sides of the place where the tail begins, but for the payload.
            let (bulk, behind) = split_bulk(if rest.is_empty() { tail } else { rest });
            rest = behind;
            bulk
        };
        let topic = match next().first() {
            Some(b'p') => Topic::Pattern,
            Some(b's') => Topic::ShardChannel,
            _ => Topic::Channel,
        };
        let name = next();
        let channel = if topic == Topic::Pattern { next() } else { name };
        Some(Form { topic, name, channel, end: head.len().saturating_sub(split_bulk(rest).1.len()) })
    }
}

impl Frame {
    /// The message that begins `start` bytes behind the front; none if there is none.
    pub(crate) fn form_at(&self, start: usize) -> Option<Form<'_>> {
        if self.messages == 0 {
            return None;
        }
        let mut form = Form::at(start, &self.head, &self.tail)?;
        if self.messages == 1 {
            form.end = self.len();
        }
        Some(form)
    }

    /// A copy of some of the messages of a frame that is one piece.
    pub(crate) fn excerpt(&self, start: usize, end: usize, messages: usize) -> Frame {
        Frame::of_messages(self.head[start..end].to_vec(), messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Kind, LINE_END, Message};
    use crate::resp::Proto;

    /// Topic, name, channel and length of each message of a frame.
    fn forms(frame: &Frame) -> Vec<(Topic, String, String, usize)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (mut forms, mut start) = (Vec::new(), 0);
        while let Some(form) = frame.form_at(start).filter(|_| start < frame.len()) {
            forms.push((form.topic, text(form.name), text(form.channel), form.end - start));
            start = form.end;
        }
        assert_eq!((forms.len(), start), (frame.messages(), if frame.messages() > 0 { frame.len() } else { 0 }));
        forms
    }

    fn check(kind: Kind, channel: &str, payload: &[u8], proto: Proto) {
        let line = [payload, LINE_END].concat();
        for message in
            [Message::new(kind, channel.as_bytes(), payload), Message::sharing(kind, channel.as_bytes(), line.into())]
        {
            let exact = (kind.into(), channel.to_owned(), channel.to_owned());
            let frame = message.exact_frame(proto);
            assert_eq!(forms(&frame), [(exact.0, exact.1.clone(), exact.2.clone(), frame.len())]);
            let frame = message.pattern_frame(proto, b"n*");
            assert_eq!(forms(&frame), [(Topic::Pattern, "n*".into(), channel.to_owned(), frame.len())]);
            let run = forms(&Message::run_frame(&[message.clone(), message.clone(), message], proto));
            assert!(run.iter().all(|form| (form.0, &form.1, &form.2) == (exact.0, &exact.1, &exact.2)), "{run:?}");
            assert_eq!(run.len(), 3);
        }
    }

    #[test]
    fn a_frame_says_which_messages_it_is_and_where_each_of_them_ends() {
        for proto in Proto::ALL {
            for kind in [Kind::Channel, Kind::ShardChannel] {
                for len in [0, 1, 500, 5_000] {
                    check(kind, "news", &vec![b'\n'; len], proto);
                    check(kind, "", &vec![b'$'; len], proto);
                    check(kind, &"\r\n".repeat(1_000), &vec![b'x'; len], proto);
                }
            }
            let message = Message::new(Kind::Channel, b"news", b"");
            let patterns: [&[u8]; 3] = [b"n*", b"*", b"[a-z]ews"];
            let several = forms(&message.patterns_frame(proto, patterns.into_iter()));
            assert!(several.iter().map(|form| form.1.as_bytes()).eq(patterns), "{several:?}");
        }
    }

    #[test]
    fn what_is_no_message_has_no_form() {
        assert!(forms(&Frame::whole(&b">2\r\n$10\r\ninvalidate\r\n_\r\n"[..])).is_empty());
    }
}
