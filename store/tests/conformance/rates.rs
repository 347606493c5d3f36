use std::time::Duration;

use ids::{OrganizationId, WorkflowId};
use store::{Pace, RateKey, RateScope};

use crate::harness::Database;
use crate::on_both_databases;

const HOUR_MS: i64 = 60 * 60 * 1_000;

fn key(organization_id: OrganizationId, key: &str) -> RateKey {
    RateKey { organization_id, scope: RateScope::Service, key: key.to_owned() }
}

async fn take(database: &Database, key: &RateKey, pace: Pace, count: u32, now_ms: i64) -> Vec<i64> {
    database.store.take_turns(key, pace, count, now_ms).await.unwrap()
}

on_both_databases! {
    async fn turns_come_evenly_spread(database: &Database) {
        let (key, pace) = (key(database.organization, "a"), Pace::new(2, Duration::from_secs(1), 1));
        assert_eq!(take(database, &key, pace, 1, 1_000).await, [1_000]);
        assert_eq!(take(database, &key, pace, 3, 1_100).await, [1_500, 2_000, 2_500]);
        assert_eq!(take(database, &key, pace, 1, 1_200).await, [3_000]);
        assert_eq!(take(database, &key, pace, 2, 9_000).await, [9_000, 9_500], "a quiet time saves nothing up");
    }

    async fn after_a_quiet_time_a_burst_goes_at_once(database: &Database) {
        let (key, pace) = (key(database.organization, "a"), Pace::new(1, Duration::from_secs(1), 3));
        assert_eq!(take(database, &key, pace, 5, 1_000).await, [1_000, 1_000, 1_000, 2_000, 3_000]);
        assert_eq!(take(database, &key, pace, 1, 3_500).await, [4_000]);
    }

    async fn a_pace_that_does_not_come_out_even_gives_no_more_turns_than_its_limit(database: &Database) {
        let (key, pace) = (key(database.organization, "a"), Pace::new(7, Duration::from_secs(1), 1));
        let turns = take(database, &key, pace, 700, 0).await;
        for window in turns.windows(8) {
            assert!(window[7] - window[0] >= 1_000, "{window:?}");
        }
    }

    async fn nobody_takes_the_turns_of_another_key_workflow_or_organization(database: &Database) {
        let pace = Pace::new(1, Duration::from_hours(1), 1);
        let mine = key(database.organization, "a");
        let workflow = RateScope::Workflow(WorkflowId::new());
        let others = [
            key(database.organization, "b"),
            key(OrganizationId::new(), "a"),
            RateKey { scope: workflow, ..mine.clone() },
        ];
        assert_eq!(take(database, &mine, pace, 1, 5).await, [5]);
        for other in &others {
            assert_eq!(take(database, other, pace, 1, 5).await, [5], "{other:?}");
        }
        assert_eq!(take(database, &mine, pace, 1, 5).await, [5 + HOUR_MS]);
    }

    async fn of_many_that_ask_at_once_each_gets_a_turn_of_its_own(database: &Database) {
        let (key, pace) = (key(database.organization, "a"), Pace::new(1, Duration::from_secs(1), 1));
        let asked = (0..12).map(|_one| take(database, &key, pace, 2, 0));
        let mut turns = futures::future::join_all(asked).await.concat();
        turns.sort_unstable();
        assert_eq!(turns, (0..24).map(|turn| turn * 1_000).collect::<Vec<_>>());
    }

    async fn a_clock_that_goes_back_gives_no_turn_twice(database: &Database) {
        let (key, pace) = (key(database.organization, "a"), Pace::new(1, Duration::from_secs(1), 1));
        assert_eq!(take(database, &key, pace, 1, HOUR_MS).await, [HOUR_MS]);
        assert_eq!(take(database, &key, pace, 1, HOUR_MS - 700).await, [HOUR_MS + 1_000]);
    }

    async fn keys_that_say_nothing_any_more_are_forgotten(database: &Database) {
        let pace = Pace::new(1, Duration::from_secs(1), 1);
        for name in ["a", "b", "c"] {
            take(database, &key(database.organization, name), pace, 1, 0).await;
        }
        take(database, &key(database.organization, "c"), pace, 1, HOUR_MS).await;
        assert_eq!(database.store.sweep_rates(HOUR_MS + 1_000, 10).await.unwrap(), 0, "they are kept for an hour");
        assert_eq!(database.store.sweep_rates(HOUR_MS + 1_001, 1).await.unwrap(), 1, "in small groups");
        assert_eq!(database.store.sweep_rates(HOUR_MS + 1_001, 10).await.unwrap(), 1);
        assert_eq!(take(database, &key(database.organization, "c"), pace, 1, HOUR_MS).await, [HOUR_MS + 1_000]);
    }

    async fn a_key_with_a_nul_is_refused(database: &Database) {
        let pace = Pace::new(1, Duration::from_secs(1), 1);
        let refused = database.store.take_turns(&key(database.organization, "a\0"), pace, 1, 0).await;
        assert!(matches!(refused, Err(store::StoreError::Invalid { .. })), "{refused:?}");
    }
}
