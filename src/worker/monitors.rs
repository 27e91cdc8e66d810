//! MONITOR: which of a worker's clients are shown every command.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::Worker;
use crate::client::Client;
use crate::client::registry::Flag;
use crate::message::Frame;

impl Worker {
    /// Shows `client` every command from now on.
    pub(crate) fn start_monitoring(&self, client: &Rc<Client>) {
        if client.is_monitor() {
            return;
        }
        client.info.set_flag(Flag::Monitor, true);
        self.monitors.borrow_mut().push(client.clone());
        self.handle().monitors.fetch_add(1, Relaxed);
        self.server.monitors.fetch_add(1, Relaxed);
    }

    /// Shows `client` nothing more.
    pub(crate) fn stop_monitoring(&self, client: &Client) {
        if !client.is_monitor() {
            return;
        }
        client.info.set_flag(Flag::Monitor, false);
        self.monitors.borrow_mut().retain(|monitor| monitor.is_monitor());
        self.handle().monitors.fetch_sub(1, Relaxed);
        self.server.monitors.fetch_sub(1, Relaxed);
    }

    /// Delivers one line to all monitors of this worker.
    pub(super) fn show_monitors(&self, line: Frame) {
        let line = Rc::new(line);
        for monitor in self.monitors.borrow().iter() {
            self.push(monitor, &line);
        }
    }
}
