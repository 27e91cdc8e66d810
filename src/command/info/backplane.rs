//! How the connection to the engine of the backplane is doing.

use super::Report;

/// Its state, what has crossed it and what has not, and what is asked for.
pub(super) fn backplane(report: &mut Report<'_, '_>) {
    let server = report.server;
    let Some(backplane) = &server.backplane else { return report.field("backplane_state", "none") };
    let condition = backplane.status.condition();
    report.field("backplane_state", condition.phase.word());
    report.field("backplane_engine", condition.engine);
    report.field("backplane_id", &backplane.nodes.id);
    report.field("backplane_nodes", backplane.nodes.all().len() + 1);
    report.field("backplane_last_error", condition.last_error);
    let (asked, wanted) = backplane.interest();
    report.field("backplane_interest_asked", asked);
    report.field("backplane_interest_wanted", wanted);
    report.field("backplane_dropped_messages", report.hub.dropped);
    for (name, counter) in backplane.status.figures.all() {
        report.field(format_args!("backplane_{name}"), counter.get());
    }
}
