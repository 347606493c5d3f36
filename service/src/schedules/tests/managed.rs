//! Schedules that belong to triggers of definitions.

use serde_json::json;
use store::{ScheduleFilter, ScheduleRow};

use super::*;
use crate::schedules::delete;

impl Bed {
    async fn publish(&self, triggers: &str) {
        let content = format!(
            "{{ workflow_id: timed, triggers: {triggers}, steps: [{{ id: done, type: action, action: {{ type: allow }} }}] }}"
        );
        let file = ImportFile { path: "timed.yaml".to_owned(), content };
        let request = ImportRequest { files: vec![file], publish: true, dry_run: false };
        let imported = workflows::import(&self.services, &self.viewer, request).await.unwrap();
        assert!(imported[0].workflow.is_some(), "{:?}", imported[0].problems);
    }

    /// By name.
    async fn managed(&self) -> Vec<ScheduleRow> {
        let (filter, first) = (ScheduleFilter::default(), PageRequest::first(100));
        let page = self.services.store().schedules(self.viewer.organization, &filter, &first).await.unwrap();
        let mut rows: Vec<_> = page.rows.into_iter().map(|(_cursor, row)| row).collect();
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        rows
    }
}

#[tokio::test]
async fn a_trigger_makes_a_schedule_that_fires_with_its_input() {
    let bed = Bed::at("2026-12-01T08:59:30Z").await;
    bed.publish("[{ type: schedule, cron: '0 9 * * *', input: { for: '{{ trigger.scheduled_for }}' } }]").await;
    let [row] = &bed.managed().await[..] else { panic!("there is one") };
    assert_eq!((row.name.as_str(), row.trigger_ordinal, row.is_enabled), ("timed", Some(0), true));
    bed.tick_at("2026-12-01T08:59:31Z").await;
    assert_eq!(bed.read(row).await.due_ms, Some(at("2026-12-01T09:00:00Z").0));
    assert_eq!(bed.tick_at("2026-12-01T09:00:00Z").await, 1);
    assert_eq!(bed.executions().await[0].input, r#"{"for":"2026-12-01T09:00:00.000Z"}"#);
}

#[tokio::test]
async fn a_time_right_after_the_publish_is_not_lost_although_it_is_looked_at_later() {
    let bed = Bed::at("2026-12-01T08:59:59.500Z").await;
    bed.publish("[{ type: schedule, cron: '0 9 * * *' }]").await;
    assert_eq!(bed.tick_at("2026-12-01T09:00:00.400Z").await, 1);
}

#[tokio::test]
async fn the_next_version_changes_its_schedules_and_leaves_those_that_stay() {
    let bed = Bed::at("2026-12-01T08:30:00Z").await;
    bed.publish("[{ type: schedule, cron: '0 9 * * *' }, { type: schedule, cron: '0 10 * * *' }]").await;
    tick(&bed.services).await.unwrap();
    let before = bed.managed().await;
    pause(&bed.services, &bed.viewer, before[1].id, "not yet".to_owned()).await.unwrap();
    bed.publish("[{ type: schedule, cron: '0 9 * * *' }, { type: schedule, cron: '0 11 * * *' }]").await;
    let after = bed.managed().await;
    assert_eq!(after[0], before[0], "as if nothing had been published");
    assert_eq!((after[1].id, after[1].due_ms, after[1].paused_at_ms.is_some()), (before[1].id, None, true));
    bed.publish("[{ type: schedule, cron: '0 9 * * *' }]").await;
    assert_eq!(bed.managed().await, before[..1]);
    bed.publish("[]").await;
    assert_eq!(bed.managed().await, []);
}

#[tokio::test]
async fn nothing_fires_while_its_workflow_is_disabled_and_nothing_of_that_time_later() {
    let bed = Bed::at("2026-12-01T08:30:00Z").await;
    bed.publish("[{ type: schedule, cron: '0 * * * *', catch_up: all }]").await;
    tick(&bed.services).await.unwrap();
    let row = bed.managed().await.remove(0);
    workflows::disable(&bed.services, &bed.viewer, row.workflow_id, None).await.unwrap();
    assert_eq!(bed.tick_at("2026-12-01T11:30:00Z").await, 0);
    assert_eq!(bed.read(&row).await.wake_at_ms, None, "nobody looks at it");
    workflows::enable(&bed.services, &bed.viewer, row.workflow_id).await.unwrap();
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    assert_eq!(bed.tick_at("2026-12-01T12:00:00Z").await, 1);
    assert_eq!(bed.seen(&row).await, [came("2026-12-01T12:00", Started)]);
}

#[tokio::test]
async fn the_definition_alone_changes_and_removes_it() {
    let bed = Bed::at("2026-12-01T08:30:00Z").await;
    bed.publish("[{ type: schedule, cron: '0 9 * * *' }]").await;
    let row = bed.managed().await.remove(0);
    let patch = SchedulePatch { input: Some(json!({})), ..SchedulePatch::default() };
    let refused = update(&bed.services, &bed.viewer, row.id, patch, |_timing| {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::WrongState);
    let refused = delete(&bed.services, &bed.viewer, row.id).await.unwrap_err();
    assert_eq!(refused.code(), Code::WrongState);
}
