//! Schedules are followed live.

use std::sync::Arc;

use futures::StreamExt;
use queue::Notice;

use super::{Bed, cron};
use crate::schedules::{delete, updates};
use crate::viewer::Viewer;

#[tokio::test]
async fn who_follows_a_schedule_is_told_of_its_fires_and_of_its_end() {
    let bed = Bed::at("2026-12-01T08:00:00Z").await;
    let row = bed.schedule(cron("0 9 * * *", "UTC")).await;
    let follow = async || updates(&bed.services, &bed.viewer, row.id).await.unwrap().boxed();
    let (mut one, mut two) = (follow().await, follow().await);
    for live in [&mut one, &mut two] {
        assert_eq!(live.next().await.unwrap().unwrap().due_ms, row.due_ms);
    }
    assert_eq!(bed.tick_at("2026-12-01T09:00:00Z").await, 1);
    for live in [&mut one, &mut two] {
        let fired = live.next().await.unwrap().unwrap();
        assert!(fired.due_ms > row.due_ms, "{fired:?}");
    }
    delete(&bed.services, &bed.viewer, row.id).await.unwrap();
    // As the audit log does behind a mutation.
    bed.services.notices().publish(vec![Notice::of(bed.viewer.organization)]);
    for mut live in [one, two] {
        // That the execution was started may be told before the end.
        while let Some(row) = live.next().await {
            row.unwrap();
        }
    }
    assert!(updates(&bed.services, &bed.viewer, row.id).await.is_err(), "it is gone");
}

#[tokio::test]
async fn a_schedule_out_of_reach_is_not_followed() {
    let bed = Bed::at("2026-12-01T08:00:00Z").await;
    let row = bed.schedule(cron("0 9 * * *", "UTC")).await;
    let folders: Arc<[String]> = Arc::from(vec!["sales".to_owned()]);
    let narrow = Viewer { folders: Some(folders), ..bed.viewer.clone() };
    assert!(updates(&bed.services, &narrow, row.id).await.is_err());
}
