//! How a connection goes to another io-thread.

use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::Connection;
use crate::ids::WorkerId;
use crate::net::handover::Guest;
use crate::net::transport::Transport;

impl Connection {
    /// Hands the client to another worker if that is wanted and nothing of it is under way. If all that keeps it is that its socket is
    /// full, it goes as soon as that has room, while there is still more time where it is to go.
    pub(super) fn moves(&mut self) -> ControlFlow<()> {
        if let Some(destination) = self.client.take_destination() {
            if self.move_to(destination).is_some() {
                return ControlFlow::Break(());
            }
            self.postponed = Some(destination).filter(|_| self.client.is_congested());
            // What it was to do there it does here.
            self.client.bell.ring();
        } else if let Some(destination) = self.postponed.filter(|_| !self.client.is_congested()) {
            self.postponed = None;
            let busy = |id: WorkerId| self.worker.server.workers[id].load.busy();
            if busy(destination) < busy(self.worker.id()) && self.move_to(destination).is_some() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Hands the client to another worker. None if it has to stay, because something of it is under way.
    fn move_to(&mut self, destination: WorkerId) -> Option<()> {
        let luggage = self.session.leave_for(destination)?;
        self.moved = true;
        self.client.let_go_of_sink();
        let transport = self.transport.take().and_then(Rc::into_inner).map(Transport::detach);
        let transport = transport.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()));
        let guest = Guest { transport, info: self.client.info.clone(), luggage: Some(Box::new(luggage)) };
        self.doors.hand_over(destination, guest);
        Some(())
    }
}
