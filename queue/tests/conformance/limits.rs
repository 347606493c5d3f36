//! Buckets: what one process and what several may take.

use std::time::Duration;

use queue::limits::{Buckets, Rate};

use crate::harness::Bed;
use crate::on_both_transports;

/// Refills so slowly that nothing comes in the time of a test.
const SLOW: Rate = Rate { points: 100, period: Duration::from_hours(1) };

on_both_transports! {
    async fn a_bucket_gives_what_it_holds_and_then_says_when_to_come_back(bed: &Bed) {
        let buckets = bed.buckets();
        for left in [75, 50, 25, 0] {
            let verdict = buckets.take("k", SLOW, 25).await;
            assert!(verdict.is_admitted);
            assert!(verdict.remaining.abs_diff(left) <= 1, "{verdict:?}, not {left}");
        }
        let refused = buckets.take("k", SLOW, 25).await;
        assert!(!refused.is_admitted);
        let minutes = refused.retry_after.as_secs() / 60;
        assert!((13..=15).contains(&minutes), "a quarter comes in a quarter of an hour: {refused:?}");
        // Remembered, so that a flood of refused requests costs nothing.
        assert!(!buckets.take("k", SLOW, 25).await.is_admitted);
    }

    async fn keys_have_buckets_of_their_own(bed: &Bed) {
        let buckets = bed.buckets();
        assert!(buckets.take("a", SLOW, 100).await.is_admitted);
        assert!(!buckets.take("a", SLOW, 100).await.is_admitted);
        assert!(buckets.take("b", SLOW, 100).await.is_admitted);
    }

    async fn what_costs_more_than_a_full_bucket_costs_a_full_one(bed: &Bed) {
        let buckets = bed.buckets();
        let verdict = buckets.take("k", SLOW, 5_000).await;
        assert!(verdict.is_admitted);
        assert_eq!(verdict.remaining, 0);
    }

    async fn a_bucket_refills(bed: &Bed) {
        let buckets = bed.buckets();
        let quick = Rate { points: 1_000, period: Duration::from_millis(50) };
        assert!(buckets.take("k", quick, 1_000).await.is_admitted);
        for _ in 0..10_000 {
            if buckets.take("k", quick, 500).await.is_admitted {
                return;
            }
            tokio::task::yield_now().await;
        }
        assert!(buckets.take("k", quick, 1).await.is_admitted, "nothing came back");
    }

    async fn many_at_once_get_no_more_than_the_bucket_holds(bed: &Bed) {
        let processes = [bed.buckets(), bed.buckets()];
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..400_usize {
            let buckets: Buckets = processes[number % 2].clone();
            tasks.spawn(async move { buckets.take("k", SLOW, 1).await.is_admitted });
        }
        let admitted = tasks.join_all().await.into_iter().filter(|admitted| *admitted).count();
        let bound = if bed.is_remote() { 100 } else { 200 };
        assert!((100..=bound).contains(&admitted), "{admitted} of 400");
    }
}

#[tokio::test]
async fn while_redis_is_away_a_process_counts_by_itself() {
    // Nothing listens there.
    let buckets = Buckets::redis(&queue::RedisConfig::new("redis://127.0.0.1:1")).unwrap();
    assert!(buckets.take("k", SLOW, 100).await.is_admitted);
    assert!(!buckets.take("k", SLOW, 100).await.is_admitted);
}
