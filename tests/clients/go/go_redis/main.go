// go_redis drives the server with go-redis: one case by name, or the list of all of them.
package main

import (
	"context"

	"pregon/clients/harness"
)

// cases are the functions of the other files by the names that the test harness uses.
var cases = map[string]func(context.Context){
	"the_connection_speaks_the_protocol_asked_for":            theConnectionSpeaksTheProtocolAskedFor,
	"a_message_arrives_as_it_was_published":                   aMessageArrivesAsItWasPublished,
	"publish_counts_its_receivers":                            publishCountsItsReceivers,
	"a_pattern_delivers_pattern_channel_and_message":          aPatternDeliversPatternChannelAndMessage,
	"sharded_messages_reach_only_sharded_subscribers":         shardedMessagesReachOnlyShardedSubscribers,
	"several_subscriptions_share_one_connection":              severalSubscriptionsShareOneConnection,
	"unsubscribing_one_channel_keeps_the_others":              unsubscribingOneChannelKeepsTheOthers,
	"unsubscribing_from_all_ends_delivery":                    unsubscribingFromAllEndsDelivery,
	"introspection_names_and_counts_subscriptions":            introspectionNamesAndCountsSubscriptions,
	"a_subscriber_returns_after_the_server_restarts":          aSubscriberReturnsAfterTheServerRestarts,
	"a_transaction_publishes_everything_at_once":              aTransactionPublishesEverythingAtOnce,
	"an_unknown_command_fails_without_harming_the_connection": anUnknownCommandFailsWithoutHarmingTheConnection,
	"the_right_password_opens_the_server":                     theRightPasswordOpensTheServer,
	"a_wrong_password_is_refused":                             aWrongPasswordIsRefused,
	"a_missing_password_is_refused":                           aMissingPasswordIsRefused,
	"every_byte_value_survives_in_names_and_messages":         everyByteValueSurvivesInNamesAndMessages,
	"a_megabyte_survives":                                     aMegabyteSurvives,
	"a_thousand_channels_fit_on_one_connection":               aThousandChannelsFitOnOneConnection,
	"ten_thousand_messages_keep_their_order":                  tenThousandMessagesKeepTheirOrder,
	"the_client_list_knows_name_and_id":                       theClientListKnowsNameAndID,
	"a_selected_database_does_not_separate_channels":          aSelectedDatabaseDoesNotSeparateChannels,
	"pings_are_answered_beside_subscriptions":                 pingsAreAnsweredBesideSubscriptions,
	"a_cached_key_is_forgotten_when_it_changes":               aCachedKeyIsForgottenWhenItChanges,
	"a_subscriber_that_fell_behind_goes_on_behind_the_gap":    aSubscriberThatFellBehindGoesOnBehindTheGap,
	"a_connection_outlives_its_certificate":                   aConnectionOutlivesItsCertificate,
	"a_refused_certificate_is_told":                           aRefusedCertificateIsTold,
}

func main() {
	harness.Main(cases)
}
