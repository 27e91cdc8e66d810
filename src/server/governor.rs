//! What clients ask of the thread that governs the process, because it takes the system's time: names to resolve, addresses
//! to listen on, files to write. The client waits, and nobody else.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::client::registry::ClientInfo;
use crate::resp::decode::OwnedArgs;
use crate::resp::errors::ReplyError;

/// Affairs of one kind that may wait. They are carried out one after the other, and none comes by itself.
const MOST: usize = 64;

/// What has become of an affair, once something has.
pub(crate) type Answer = Arc<Mutex<Option<Result<(), ReplyError>>>>;

/// Something to do, with who waits for it.
#[derive(Debug)]
pub(crate) struct Affair<T> {
    /// What there is to know of it.
    pub details: T,
    /// Who has asked.
    pub client: Arc<ClientInfo>,
    /// Where the answer is to be left before the client is told to go on.
    pub answer: Answer,
}

/// CONFIG SET with these arguments, all of them.
pub(crate) type Change = Affair<OwnedArgs>;
/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileWork {
    /// CONFIG REWRITE.
    RewriteConfig,
    /// ACL LOAD.
    LoadUsers,
    /// ACL SAVE.
    SaveUsers,
}

/// Work on a file.
pub(crate) type Filing = Affair<FileWork>;

/// The way to the thread that governs.
#[derive(Debug, Default)]
pub(crate) struct Governor(OnceLock<(Sender<Change>, Sender<Filing>)>);

impl Governor {
    /// Somebody carries affairs out from now on: each kind comes out in its order. A name that does not resolve keeps nobody
    /// from writing a file. To be called once.
    pub(crate) fn open(&self) -> (Receiver<Change>, Receiver<Filing>) {
        let ((changes, change_out), (rewrites, rewrite_out)) = (mpsc::channel(MOST), mpsc::channel(MOST));
        // What comes out of a second way in would be nothing: nobody asks through it.
        let _ = self.0.set((changes, rewrites));
        (change_out, rewrite_out)
    }

    /// Whether anybody carries affairs out; nobody does around a core without a process.
    pub(crate) fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    /// Asks for a CONFIG SET; none if too many wait already or nobody is there to ask.
    pub(crate) fn change(&self, client: &Arc<ClientInfo>, args: OwnedArgs) -> Option<Answer> {
        ask(&self.0.get()?.0, client, args)
    }

    /// Asks for work on a file; none if too much waits already or nobody is there to ask.
    pub(crate) fn file(&self, client: &Arc<ClientInfo>, work: FileWork) -> Option<Answer> {
        ask(&self.0.get()?.1, client, work)
    }
}

fn ask<T>(way: &Sender<Affair<T>>, client: &Arc<ClientInfo>, details: T) -> Option<Answer> {
    let answer = Answer::default();
    way.try_send(Affair { details, client: client.clone(), answer: answer.clone() }).ok()?;
    Some(answer)
}
