//! The contract of the [ports](crate::ports), a rule a function.
//! [`store_contract!`](crate::store_contract) makes a test of each.

#![expect(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "each name is the rule, which the port states; a broken one is a panic"
)]

pub mod audit;
pub mod changes;
pub mod client_sessions;
pub mod clients;
pub mod guesses;
pub mod keys;
pub mod listing;
pub mod refreshes;
pub mod sessions;
pub mod users;

use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-01 12:00:00.123_456 UTC);
const LATER: OffsetDateTime = datetime!(2026-11-01 13:00:00.654_321 UTC);

/// Makes one `#[test]` of every rule of the contract. The argument makes a fresh, empty store:
/// anything that dereferences to a
/// `UserStore + SigningKeyStore + SessionStore + ClientStore + AuditStore + GuessStore`.
#[macro_export]
macro_rules! store_contract {
    ($make:expr) => {
        $crate::store_contract!(@rules users $make;
            a_created_user_is_read_back_as_it_was_made
            a_username_is_found_by_its_key
            who_is_not_there_is_none
            numbers_are_given_in_order
            a_taken_name_is_reported_before_a_taken_address
            users_without_an_address_do_not_collide
            of_concurrent_registrations_one_wins
            a_new_password_replaces_the_hash
            an_upgrade_yields_to_a_changed_password
            an_upgrade_is_not_a_change_of_the_user
            an_import_keeps_numbers_and_moves_the_next_one_past_them
            an_import_again_changes_nothing
            an_import_with_conflicts_writes_nothing_and_lists_them_all
            an_import_without_numbers_gives_them
            a_disabled_user_is_imported_disabled
        );
        $crate::store_contract!(@rules changes $make;
            disabling_keeps_the_first_time_and_the_credentials
            enabling_restores
            a_profile_changes_where_it_is_told_to
            what_a_user_is_already_is_no_change
            an_address_of_somebody_else_changes_nothing
            roles_and_status_change_together
            a_deleted_user_is_not_there_any_more
            a_deleted_name_is_never_given_again
            nobody_is_deleted_who_is_not_there
        );
        $crate::store_contract!(@rules listing $make;
            listing_pages_by_number
            a_search_pages_by_the_key_that_it_is_about
            whoever_stays_is_listed_once_whatever_comes_and_goes
        );
        $crate::store_contract!(@rules audit $make;
            an_event_is_read_back_as_it_was_written_down
            every_filter_narrows_and_the_newest_come_first
            where_a_time_is_asked_for_events_come_by_their_times
            only_old_events_go_and_in_small_batches
            events_from_a_clock_that_was_ahead_keep_no_others
            what_changes_an_account_is_written_down
            what_changes_nothing_is_not_written_down
            what_begins_and_ends_a_session_is_written_down
        );
        $crate::store_contract!(@rules clients $make;
            a_registered_client_is_read_back_as_it_was_made
            a_client_id_is_given_once
            of_concurrent_registrations_of_a_client_one_wins
            clients_are_listed_by_id_and_once
            a_client_changes_where_it_is_told_to
            of_concurrent_changes_of_a_client_none_is_lost
            a_client_has_two_secrets_at_most
            a_secret_after_the_last_counts_from_another_second
            of_concurrent_secrets_as_many_are_kept_as_there_is_room_for
            a_deleted_client_is_gone
            what_changes_a_client_is_written_down
        );
        $crate::store_contract!(@rules client_sessions $make;
            a_clients_session_is_for_this_client_alone
            a_label_is_the_clients_alone_once_it_is_registered
            a_session_is_worth_as_much_as_its_client
            a_client_of_the_same_id_does_not_inherit_sessions
            a_client_revokes_its_own_sessions_only
        );
        $crate::store_contract!(@rules guesses $make;
            a_wrong_guess_is_counted_by_the_rule
            under_a_key_that_waits_nothing_is_counted
            of_concurrent_guesses_as_many_are_within_as_the_budget_has
            what_stands_against_a_guess_is_read_with_the_account
            a_name_that_nobody_has_waits_as_any_other
            an_account_knows_the_networks_of_its_sessions
            a_right_guess_beyond_the_budget_opens_nothing
            what_was_counted_before_the_clock_was_stepped_back_stands_against_nobody
            what_is_forgiven_is_removed_in_small_batches
        );
        $crate::store_contract!(@rules keys $make;
            the_first_signing_key_of_an_algorithm_stays
            algorithms_have_keys_of_their_own
            replicas_that_start_together_agree_on_a_key
            an_announced_key_is_read_back_as_it_was_announced
            a_key_has_one_successor
            a_key_is_promoted_at_its_time
            of_concurrent_promotions_one_happens
            a_retired_key_goes_at_its_time
            a_key_that_leaked_is_replaced_with_all_others_at_once
            of_concurrent_replacements_one_key_is_left
            a_resealed_key_is_the_same_key
            what_happens_to_a_key_is_written_down
        );
        $crate::store_contract!(@rules refreshes $make;
            the_newest_generation_is_followed_by_the_next
            the_one_before_gets_the_newest_again_within_the_grace
            the_one_before_ends_the_session_after_the_grace
            any_other_generation_ends_the_session
            a_refresh_that_does_not_fit_changes_nothing
            of_concurrent_refreshes_one_makes_the_next
        );
        $crate::store_contract!(@rules sessions $make;
            an_opened_session_is_read_back_as_it_was_opened
            of_many_sessions_those_that_live_are_found
            a_session_is_opened_for_the_password_that_was_checked_only
            an_ended_session_stays_ended
            a_session_ends_with_its_time
            disabling_a_user_ends_its_sessions
            deleting_a_user_ends_its_sessions
            another_password_ends_the_sessions
            a_session_that_is_ended_names_its_first_reason
            a_changed_password_ends_the_other_sessions_only
            other_sessions_end_and_this_one_stays
            a_session_is_ended_by_its_own_user
            of_too_many_sessions_the_longest_unused_end
            what_is_over_is_removed_in_small_batches
        );
    };
    (@rules $module:ident $make:expr; $($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                let store = ($make)();
                $crate::testing::contract::$module::$rule(&*store);
            }
        )*
    };
}
