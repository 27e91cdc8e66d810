//! The pieces that wait in an [outbox](super).

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::gap::Gap;
use crate::message::{Form, Frame};

#[derive(Debug)]
pub(super) enum Chunk {
    /// Of the client's own replies.
    Own(Vec<u8>),
    /// The same, of which others have a share.
    Value(Box<Bytes>),
    Shared(Rc<Frame>),
    /// A small message that no other client of this thread receives in this form. Not while messages may be lost.
    Alone(Arc<[u8]>),
    /// Some of the messages of a frame.
    Part(Box<Part>),
    /// What is said of messages that were lost.
    Gap(Box<Gap>),
}

const _: () = assert!(size_of::<Chunk>() == 24);

/// Some of the messages of a frame that is one piece, which follow each other.
#[derive(Clone, Debug)]
pub(super) struct Part {
    frame: Rc<Frame>,
    start: usize,
    end: usize,
    messages: usize,
}

impl Chunk {
    pub(super) fn len(&self) -> usize {
        match self {
            Chunk::Own(bytes) => bytes.len(),
            Chunk::Value(bytes) => bytes.len(),
            Chunk::Shared(frame) => frame.len(),
            Chunk::Alone(block) => block.len(),
            Chunk::Part(part) => part.end - part.start,
            Chunk::Gap(gap) => gap.len(),
        }
    }

    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        match self {
            Chunk::Own(bytes) => [bytes, &[]],
            Chunk::Value(bytes) => [bytes, &[]],
            Chunk::Shared(frame) => frame.pieces(),
            Chunk::Alone(block) => [block, &[]],
            Chunk::Part(part) => [&part.frame.pieces()[0][part.start..part.end], &[]],
            Chunk::Gap(gap) => [gap.bytes(), &[]],
        }
    }

    /// Whether it was pushed by others, and not answered.
    pub(super) fn is_pushed(&self) -> bool {
        matches!(self, Chunk::Shared(_) | Chunk::Alone(_) | Chunk::Part(_))
    }

    /// How many published messages it is.
    pub(super) fn messages(&self) -> usize {
        match self {
            Chunk::Shared(frame) => frame.messages(),
            Chunk::Alone(_) => 1,
            Chunk::Part(part) => part.messages,
            Chunk::Own(_) | Chunk::Value(_) | Chunk::Gap(_) => 0,
        }
    }

    /// The message that begins so many bytes behind its front, and where it ends then.
    pub(super) fn form_at(&self, offset: usize) -> Option<Form<'_>> {
        match self {
            Chunk::Shared(frame) => frame.form_at(offset),
            Chunk::Alone(block) => Form::at(offset, block, &[]),
            Chunk::Part(part) => {
                let form = part.frame.form_at(part.start + offset)?;
                Some(Form { end: form.end - part.start, ..form })
            }
            Chunk::Own(_) | Chunk::Value(_) | Chunk::Gap(_) => None,
        }
    }

    /// The same, so that some of it may be lost.
    pub(super) fn shared(self) -> Chunk {
        match self {
            Chunk::Alone(block) => Chunk::Shared(Rc::new(Frame::of_block(block))),
            other => other,
        }
    }

    /// The same, so that another thread can have it. What is shared stays so.
    pub(super) fn into_frame(self) -> Frame {
        match self {
            Chunk::Own(bytes) => Frame::whole(bytes),
            Chunk::Value(bytes) => Frame::whole(*bytes),
            Chunk::Shared(frame) => Rc::unwrap_or_clone(frame),
            Chunk::Alone(block) => Frame::of_block(block),
            Chunk::Part(part) => part.frame.excerpt(part.start, part.end, part.messages),
            Chunk::Gap(gap) => Frame::whole(gap.bytes().to_vec()),
        }
    }

    /// Takes the first messages off, which end `at` bytes behind its front, and leaves the others.
    pub(super) fn split_off_front(&mut self, at: usize, messages: usize) -> Option<Chunk> {
        let Part { frame, start, end, messages: all } = self.as_part()?;
        *self = Chunk::of(frame.clone(), start + at, end, all - messages);
        Some(Chunk::of(frame, start, start + at, messages))
    }

    /// Does without the rest of a long frame of which it is little, which it would keep in memory.
    pub(super) fn shrink(&mut self) {
        if let Chunk::Part(part) = self
            && 2 * (part.end - part.start) < part.frame.len()
        {
            *self = Chunk::Shared(Rc::new(part.frame.excerpt(part.start, part.end, part.messages)));
        }
    }

    fn as_part(&self) -> Option<Part> {
        match self {
            Chunk::Shared(frame) => {
                Some(Part { frame: frame.clone(), start: 0, end: frame.len(), messages: frame.messages() })
            }
            Chunk::Part(part) => Some(Part::clone(part)),
            Chunk::Own(_) | Chunk::Value(_) | Chunk::Alone(_) | Chunk::Gap(_) => None,
        }
    }

    fn of(frame: Rc<Frame>, start: usize, end: usize, messages: usize) -> Chunk {
        Chunk::Part(Box::new(Part { frame, start, end, messages }))
    }
}
