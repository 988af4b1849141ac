//! Every command of `docs/operations.md` is run, and what the page says of it is held against it.

mod backup;
mod incidents;
mod leaks;
mod operator;
mod page;
mod running;
mod secrets;
mod terminal;
mod upgrade;

use operator::Operator;

/// A test for each heading, which runs all that stands under it.
macro_rules! runbooks {
    ($($test:ident: $heading:literal => $play:path,)*) => {
        $(#[test]
        fn $test() {
            play($heading, $play);
        })*

        /// The headings whose commands are run.
        const PLAYED: &[&str] = &[$($heading,)*];
    };
}

runbooks! {
    a_server_starts_with_the_settings_of_the_page: "Running it" => running::starts,
    commands_read_the_settings_of_the_server: "Commands" => running::settings_from_a_file,
    https_is_served_with_the_files_that_are_named: "HTTPS without a proxy" => running::https,
    a_replica_says_more_for_a_while: "What the log says" => running::logs_more,
    the_users_of_another_app_come_over: "Moving from another app" => running::moves,
    a_budget_is_forgiven_by_one_statement: "While somebody guesses" => running::forgives,
    a_backup_is_made_while_people_log_in: "Backing up" => backup::backs_up,
    a_restored_database_goes_on_where_the_backup_was_made: "Restoring" => backup::restores,
    a_private_database_is_copied_and_put_back: "The private PostgreSQL" => backup::private,
    keys_are_rotated_and_nobody_notices: "Signing keys" => secrets::rotates,
    a_secret_is_exchanged_and_nobody_is_logged_out: "Exchanging the secret" => secrets::exchanges,
    a_new_release_takes_over_without_an_end_of_sessions: "Upgrading" => upgrade::upgrades,
    going_back_is_the_release_before_started: "Going back" => upgrade::goes_back,
    a_leaked_token_is_refused_and_others_go_on: "A token leaked" => incidents::token,
    a_stolen_account_is_given_back: "Somebody has another's password" => incidents::password,
    a_leaked_key_signs_and_verifies_nothing: "A signing key leaked" => leaks::key,
    a_leaked_secret_makes_nothing: "The secret leaked, or is lost" => leaks::secret,
    a_leaked_database_is_worth_nothing_any_more: "The database leaked" => leaks::database,
    a_leaked_secret_of_a_client_is_refused: "The secret of a client leaked" => incidents::client,
}

fn play(heading: &str, play: fn(&mut Operator)) {
    if let Some(mut operator) = Operator::at(heading) {
        play(&mut operator);
        operator.has_done_all();
    }
}

#[test]
fn no_command_of_the_page_is_left_to_rot() {
    let headings = page::headings();
    for heading in &headings {
        assert!(PLAYED.contains(&heading.as_str()), "nobody runs {heading}");
    }
    for heading in PLAYED {
        let times = headings.iter().filter(|known| known == heading).count();
        assert_eq!(times, 1, "headings {heading} that have commands");
    }
}
