//! Schedules that belong to triggers of definitions.

use engine::definition::{self, Definition, TriggerKind};
use engine::schedule::{GapPolicy, RepeatedTimePolicy, Spec};
use store::TriggerSchedule;

use super::timing::{CatchUpPolicy, OverlapPolicy, Timing};

/// The schedules that the triggers of a definition make.
pub(crate) fn of_definition(definition: &Definition) -> Vec<TriggerSchedule> {
    let triggers = definition.triggers.iter().enumerate();
    let schedules = triggers.filter_map(|(ordinal, trigger)| match &trigger.kind {
        TriggerKind::Schedule(schedule) => Some((ordinal, schedule)),
        TriggerKind::Event { .. } | TriggerKind::Webhook(_) | TriggerKind::Manual => None,
    });
    let named = |place: usize| match place {
        0 => definition.workflow_id.clone(),
        place => format!("{} {}", definition.workflow_id, place + 1),
    };
    schedules
        .enumerate()
        .map(|(place, (ordinal, schedule))| TriggerSchedule {
            ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
            name: named(place),
            timing: timing(schedule).text(),
        })
        .collect()
}

fn timing(schedule: &definition::Schedule) -> Timing {
    Timing {
        spec: Spec::Cron {
            expressions: vec![schedule.cron.clone()],
            exclusions: Vec::new(),
            excluded_dates: Vec::new(),
        },
        time_zone: schedule.timezone.clone(),
        gap: GapPolicy::Shift,
        repeated: RepeatedTimePolicy::First,
        overlap: match schedule.overlap {
            definition::Overlap::Allow => OverlapPolicy::AllowAll,
            definition::Overlap::Skip => OverlapPolicy::Skip,
            definition::Overlap::Queue => OverlapPolicy::BufferAll,
            definition::Overlap::CancelRunning => OverlapPolicy::CancelOther,
        },
        catch_up: match schedule.catch_up {
            definition::CatchUp::Skip => CatchUpPolicy::None,
            definition::CatchUp::One => CatchUpPolicy::Latest,
            definition::CatchUp::All => CatchUpPolicy::All,
        },
        catch_up_limit: schedule.catch_up_limit,
        catch_up_window_ms: None,
        jitter_ms: schedule.jitter.map_or(0, |jitter| i64::try_from(jitter.as_millis()).unwrap_or(i64::MAX)),
        starts_at: None,
        ends_at: None,
    }
}
