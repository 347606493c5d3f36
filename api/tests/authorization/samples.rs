//! What the organizations of these tests have.

use engine::rule::RuleKind;
use engine::schedule::{GapPolicy, RepeatedTimePolicy, Spec};
use ids::WorkflowId;
use serde_json::json;
use service::plans::WorkflowRef;
use service::rules::NewRule;
use service::schedules::{CatchUpPolicy, NewSchedule, OverlapPolicy, Timing};

pub fn nightly(workflow: WorkflowId) -> NewSchedule {
    NewSchedule {
        workflow: WorkflowRef::Id(workflow),
        name: "nightly".to_owned(),
        description: None,
        timing: Timing {
            spec: Spec::Cron {
                expressions: vec!["0 0 * * *".to_owned()],
                exclusions: Vec::new(),
                excluded_dates: Vec::new(),
            },
            time_zone: "UTC".to_owned(),
            gap: GapPolicy::Shift,
            repeated: RepeatedTimePolicy::First,
            overlap: OverlapPolicy::Skip,
            catch_up: CatchUpPolicy::Latest,
            catch_up_limit: 100,
            catch_up_window_ms: None,
            jitter_ms: 0,
            starts_at: None,
            ends_at: None,
        },
        input: Some(json!({ "secret": "of the first organization" })),
        is_paused: false,
        pause_after: None,
        idempotency_key: None,
    }
}

pub fn large() -> NewRule {
    NewRule {
        slug: "large".to_owned(),
        name: "Large".to_owned(),
        description: None,
        kind: RuleKind::Condition,
        definition: json!({ "field": "order.total", "operator": "gt", "value": 100 }),
        input_schema: None,
    }
}
