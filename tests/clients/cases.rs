//! What every client is asked to do.

use crate::support::engine::EngineKind;

/// One test: the name by which the client's program knows it, and the server it runs against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The server asks for [`PASSWORD`].
    pub(crate) password: bool,
}

/// The password of servers that ask for one; programs find it in `PREGON_PASSWORD` in every case.
pub(crate) const PASSWORD: &str = "hear ye, hear ye";

/// The cases of every client library, each in RESP2 and RESP3.
pub(crate) const EVERY_CLIENT: &[Case] = &[
    open("the_connection_speaks_the_protocol_asked_for"),
    open("a_message_arrives_as_it_was_published"),
    open("publish_counts_its_receivers"),
    open("a_pattern_delivers_pattern_channel_and_message"),
    open("sharded_messages_reach_only_sharded_subscribers"),
    open("several_subscriptions_share_one_connection"),
    open("unsubscribing_one_channel_keeps_the_others"),
    open("unsubscribing_from_all_ends_delivery"),
    open("introspection_names_and_counts_subscriptions"),
    open("a_subscriber_returns_after_the_server_restarts"),
    open("a_transaction_publishes_everything_at_once"),
    open("an_unknown_command_fails_without_harming_the_connection"),
    protected("the_right_password_opens_the_server"),
    protected("a_wrong_password_is_refused"),
    protected("a_missing_password_is_refused"),
    open("every_byte_value_survives_in_names_and_messages"),
    open("a_megabyte_survives"),
    open("a_thousand_channels_fit_on_one_connection"),
    open("ten_thousand_messages_keep_their_order"),
    open("the_client_list_knows_name_and_id"),
    open("a_selected_database_does_not_separate_channels"),
    open("pings_are_answered_beside_subscriptions"),
    open("a_cached_key_is_forgotten_when_it_changes"),
    open("a_subscriber_that_fell_behind_goes_on_behind_the_gap"),
];

/// What else they are asked to do where certificates are renewed or refused.
pub(crate) const OF_CERTIFICATES: [Case; 2] =
    [open("a_connection_outlives_its_certificate"), open("a_refused_certificate_is_told")];

/// Those of [`EVERY_CLIENT`] that are also done over TLS.
pub(crate) const OVER_TLS: [&str; 5] = [
    "a_message_arrives_as_it_was_published",
    "a_subscriber_returns_after_the_server_restarts",
    "the_right_password_opens_the_server",
    "a_megabyte_survives",
    "ten_thousand_messages_keep_their_order",
];

/// Whether a case is also done with publishers at one node and subscribers at another, through such an engine: through a Pregon
/// some of those that are done through a Redis.
pub(crate) fn is_between_nodes(case: &Case, kind: EngineKind) -> bool {
    let some = OVER_TLS.contains(&case.name) || case.name.starts_with("sharded_messages");
    BETWEEN_NODES.contains(&case.name) && (kind != EngineKind::Pregon || some)
}

const BETWEEN_NODES: [&str; 13] = [
    "a_message_arrives_as_it_was_published",
    "a_pattern_delivers_pattern_channel_and_message",
    "sharded_messages_reach_only_sharded_subscribers",
    "several_subscriptions_share_one_connection",
    "unsubscribing_one_channel_keeps_the_others",
    "unsubscribing_from_all_ends_delivery",
    "introspection_names_and_counts_subscriptions",
    "a_subscriber_returns_after_the_server_restarts",
    "a_transaction_publishes_everything_at_once",
    "every_byte_value_survives_in_names_and_messages",
    "a_megabyte_survives",
    "a_thousand_channels_fit_on_one_connection",
    "ten_thousand_messages_keep_their_order",
];

/// A case whose server asks for no password.
pub(crate) const fn open(name: &'static str) -> Case {
    Case { name, password: false }
}

const fn protected(name: &'static str) -> Case {
    Case { name, password: true }
}
