//! What the entries of the journal say to people.

use engine::Timestamp;
use engine::expr::Explanation;
use engine::machine::{Awaited, BodyKind, Event};

/// What happened, for people.
pub(super) fn summary(event: &Event) -> String {
    let then = |to: &Option<engine::Name>| to.as_ref().map_or_else(String::new, |to| format!(", then `{to}`"));
    match event {
        Event::Accepted => "accepted".to_owned(),
        Event::Started { step, .. } => format!("begins with step `{step}`"),
        Event::Resumed { .. } => "runs again".to_owned(),
        Event::Suspended { .. } => "waits".to_owned(),
        Event::StepStarted { path, attempt: 1, .. } => format!("step `{path}` begins"),
        Event::StepStarted { path, attempt, .. } => format!("step `{path}` begins attempt {attempt}"),
        Event::ActionStarted { path, kind, .. } => format!("step `{path}` calls {kind}"),
        Event::ActionFinished { path, error: None, .. } => format!("an action of step `{path}` is done"),
        Event::ActionFinished { path, error: Some(error), .. } => {
            format!("an action of step `{path}` failed: {}", error.message)
        }
        Event::StepSucceeded { path, to, .. } => format!("step `{path}` is done{}", then(to)),
        Event::StepFailed { path, error, to, .. } => {
            format!("step `{path}` failed: {}: {}{}", error.code, error.message, then(to))
        }
        Event::StepSkipped { path, to, .. } => format!("step `{path}` is left out{}", then(to)),
        Event::RetryScheduled { path, attempt, error, .. } => {
            format!("attempt {attempt} of step `{path}` failed ({}), another follows", error.code)
        }
        Event::Decided(decision) => format!(
            "step `{}` decides{}",
            decision.step,
            decision.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"))
        ),
        Event::ContextSet { path, .. } => format!("`{path}` is set"),
        Event::Logged { message, .. } => message.clone(),
        Event::Warned { message, .. } => message.clone(),
        Event::BodyBegan { path, kind, total, .. } => format!("step `{path}` begins {}", body(*kind, *total)),
        Event::ScopeOpened { path, index, .. } => format!("number {} of step `{path}` begins", index + 1),
        Event::ScopeClosed { path, passed: true, .. } => format!("one of step `{path}` is done"),
        Event::ScopeClosed { path, error, .. } => {
            let why = error.as_ref().map_or_else(String::new, |error| format!(": {}: {}", error.code, error.message));
            format!("one of step `{path}` failed{why}")
        }
        Event::BodyStopped { path } => format!("step `{path}` begins no more"),
        Event::WaitBegan { path, what, due_at, .. } => waits(path, what, *due_at),
        Event::EventTaken { path, event, .. } => format!("event `{event}` came for step `{path}`"),
        Event::ApprovalOpened { path, request, .. } => {
            let why = request.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            format!("step `{path}` asks for approval{why}")
        }
        Event::ApprovalVoted { path, by, .. } => format!("{by} approved step `{path}`; more have to"),
        Event::ApprovalReminded { path, .. } => format!("people are reminded of the approval of step `{path}`"),
        Event::ApprovalEscalated { path, role, .. } => format!("`{role}` is asked to approve step `{path}` too"),
        Event::ApprovalDecided { path, verdict, .. } => format!(
            "the approval of step `{path}` is {}{}{}",
            verdict.ruling.name(),
            verdict.by.as_ref().map_or_else(String::new, |by| format!(" by {by}")),
            verdict.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}")),
        ),
        Event::SlotAwaited { key, limit, .. } if key.is_empty() => {
            format!("waits: as many executions of the workflow are under way as may be ({limit})")
        }
        Event::SlotAwaited { key, limit, .. } => {
            format!("waits: as many executions with the concurrency key `{key}` are under way as may be ({limit})")
        }
        Event::TurnTaken { key, begins_at, .. } if key.is_empty() => {
            format!("may begin at {}, by the rate of its workflow", begins_at.to_rfc3339())
        }
        Event::TurnTaken { key, begins_at, .. } => {
            format!("may begin at {}, by the rate of its workflow for `{key}`", begins_at.to_rfc3339())
        }
        Event::ActionPutOff { action, until, .. } => {
            format!("action {} is put off until {}, by the rate of its service", action + 1, until.to_rfc3339())
        }
        Event::SlotTaken { .. } => "may begin: its turn has come".to_owned(),
        Event::Paused { by, reason, freezes, .. } => {
            let limits = if *freezes { "" } else { ", while time limits go on" };
            format!("paused{limits}{}", by_and_why(by.as_ref(), reason.as_ref()))
        }
        Event::Unpaused { by: _, at_step, event: Some(event), .. } => format!(
            "goes on{} by event `{}` ({})",
            at_step.as_ref().map_or_else(String::new, |step| format!(" with step `{step}`")),
            event.name,
            event.id,
        ),
        Event::Unpaused { by, at_step, event: None, .. } => format!(
            "goes on{}{}",
            at_step.as_ref().map_or_else(String::new, |step| format!(" with step `{step}`")),
            by_and_why(by.as_ref(), None),
        ),
        Event::StepLeftOut { path, by, reason, .. } => {
            format!("goes on without step `{path}`{}", by_and_why(by.as_ref(), reason.as_ref()))
        }
        Event::ContextEdited { values, by, reason, .. } => {
            let paths: Vec<String> = values.iter().map(|(path, _)| format!("`{path}`")).collect();
            format!("{} changed{}", paths.join(", "), by_and_why(by.as_ref(), reason.as_ref()))
        }
        Event::SignalKept { name, .. } => format!("signal `{name}` came before anything waits for it"),
        Event::ResumeScheduled { event: Some(event), .. } => {
            format!("goes on by event `{}` ({}) when its call is back", event.name, event.id)
        }
        Event::ResumeScheduled { by, due_at: None, when: None, .. } => {
            format!("goes on by itself no more{}", by_and_why(by.as_ref(), None))
        }
        Event::ResumeScheduled { by, due_at, when, .. } => {
            let event = when.as_ref().map(|when| when.event.as_str());
            format!("goes on by itself {}{}", at_either(*due_at, event), by_and_why(by.as_ref(), None))
        }
        Event::ResumeUnmet { event, problem, .. } => {
            let why = event.why.as_ref().map(Explanation::summary);
            let why = problem.clone().or(why).map_or_else(String::new, |why| format!(": {why}"));
            format!("event `{}` ({}) does not end the pause{why}", event.name, event.id)
        }
        Event::PausedLong { since, .. } => format!("is paused since {}: somebody should look", since.to_rfc3339()),
        Event::Retried { by, reason, step, .. } => format!(
            "tried again{}{}",
            step.as_ref().map_or_else(String::new, |step| format!(" from step `{step}`")),
            by_and_why(by.as_ref(), reason.as_ref()),
        ),
        Event::Moved { from, to, by, reason, .. } => {
            format!("moved from version {from} to {to}{}", by_and_why(by.as_ref(), reason.as_ref()))
        }
        Event::TakenOver { execution, step, .. } => format!("repeats {execution} from step `{step}` on"),
        Event::Cancelled { by, reason, .. } => format!("cancelled{}", by_and_why(by.as_ref(), reason.as_ref())),
        Event::Completed { .. } => "completed".to_owned(),
        Event::Failed { error, .. } => format!("failed: {}: {}", error.code, error.message),
    }
}

fn waits(path: &str, what: &Awaited, due_at: Option<Timestamp>) -> String {
    let until = due_at.map_or_else(String::new, |due| format!(", until {} at most", due.to_rfc3339()));
    match what {
        Awaited::Time => {
            format!("step `{path}` waits until {}", due_at.map(Timestamp::to_rfc3339).unwrap_or_default())
        }
        Awaited::Event { event, .. } => format!("step `{path}` waits for event `{event}`{until}"),
        Awaited::Approval { .. } => format!("step `{path}` waits for people to decide"),
        Awaited::Child { execution } => format!("step `{path}` waits for execution {execution}{until}"),
    }
}

/// An event, a moment, or both.
fn at_either(due_at: Option<Timestamp>, event: Option<&str>) -> String {
    let at = due_at.map(|due_at| format!("at {}", due_at.to_rfc3339()));
    let on = event.map(|event| format!("at event `{event}`"));
    on.into_iter().chain(at).collect::<Vec<_>>().join(" or ")
}

fn by_and_why(by: Option<&String>, reason: Option<&String>) -> String {
    let by = by.map_or_else(String::new, |by| format!(" by {by}"));
    reason.map_or(by.clone(), |reason| format!("{by}: {reason}"))
}

fn body(kind: BodyKind, total: u32) -> String {
    match kind {
        BodyKind::Branches => format!("{total} branches"),
        BodyKind::Items => format!("{total} items"),
        BodyKind::Rounds => format!("rounds, {total} at most"),
    }
}
