//! One line for each event: short enough to compare whole histories.

use sluice_engine::machine::Event;

pub fn line(event: &Event) -> String {
    let then = |to: Option<&str>| to.map_or_else(String::new, |to| format!(" -> {to}"));
    match event {
        Event::Accepted => "accepted".to_owned(),
        Event::Started { step, .. } => format!("started at {step}"),
        Event::Resumed { .. } => "resumed".to_owned(),
        Event::Suspended { .. } => "suspended".to_owned(),
        Event::StepStarted { path, attempt, kind, .. } => format!("{path}#{attempt} {kind}"),
        Event::ActionStarted { path, attempt, action, kind, .. } => format!("{path}#{attempt}.{action} {kind} left"),
        Event::ActionFinished { path, attempt, action, error, .. } => {
            format!("{path}#{attempt}.{action} {}", error.as_ref().map_or("ok", |error| &error.code))
        }
        Event::StepSucceeded { path, to, .. } => format!("{path} ok{}", then(to.as_deref())),
        Event::StepSkipped { path, to, .. } => format!("{path} skipped{}", then(to.as_deref())),
        Event::RetryScheduled { path, attempt, error, due_at, at, .. } => {
            format!("{path}#{attempt} {}, again in {} ms", error.code, due_at.0 - at.0)
        }
        Event::StepFailed { path, error, to, .. } => format!("{path} failed {}{}", error.code, then(to.as_deref())),
        Event::Decided(decision) => {
            format!("decided {:?}: {}", decision.outcome, decision.reason.as_deref().unwrap_or("no reason"))
        }
        Event::ContextSet { path, value, .. } => format!("set {path} = {value}"),
        Event::Logged { level, message, .. } => format!("log {level:?}: {message}"),
        Event::Warned { message, .. } => format!("warning: {message}"),
        Event::BodyBegan { path, kind, total, .. } => format!("{path} {kind:?} of {total}"),
        Event::ScopeOpened { path, index, .. } => format!("{path} opens {index}"),
        Event::ScopeClosed { path, passed, error, .. } => {
            let how = if *passed { "passed" } else { "did not pass" };
            format!("{path} {how}{}", error.as_ref().map_or_else(String::new, |error| format!(" {}", error.code)))
        }
        Event::BodyStopped { path } => format!("{path} opens no more"),
        Event::WaitBegan { path, what, due_at, at } => {
            let what = format!("{what:?}");
            let what = what.split(' ').next().unwrap_or_default().to_lowercase();
            let due = due_at.map_or_else(String::new, |due| format!(" for {} ms", due.0 - at.0));
            format!("{path} waits for {what}{due}")
        }
        Event::EventTaken { path, event, .. } => format!("{path} takes {event}"),
        Event::ApprovalOpened { path, request, .. } => {
            format!("{path} asks {}", request.role.as_deref().unwrap_or("people"))
        }
        Event::ApprovalVoted { path, by, .. } => format!("{path}: {by} approves"),
        Event::ApprovalReminded { path, .. } => format!("{path} reminds"),
        Event::ApprovalEscalated { path, role, .. } => format!("{path} asks {role} too"),
        Event::ApprovalDecided { path, verdict, .. } => format!("{path} is {}", verdict.ruling.name()),
        Event::SlotAwaited { key, limit, .. } => format!("waits for one of {limit} slots of `{key}`"),
        Event::TurnTaken { begins_at, at, .. } => format!("begins in {} ms", begins_at.0 - at.0),
        Event::ActionPutOff { path, attempt, action, until, at, .. } => {
            format!("{path}#{attempt}.{action} put off for {} ms", until.0 - at.0)
        }
        Event::SlotTaken { .. } => "has a slot".to_owned(),
        Event::Paused { .. } => "paused".to_owned(),
        Event::Unpaused { at_step, event, .. } => {
            let by = event.as_ref().map_or_else(String::new, |event| format!(" by {}", event.id));
            format!("unpaused{by}{}", then(at_step.as_deref()))
        }
        Event::StepLeftOut { path, to, .. } => format!("{path} left out{}", then(to.as_deref())),
        Event::ContextEdited { values, .. } => {
            let paths: Vec<&str> = values.iter().map(|(path, _)| path.as_str()).collect();
            format!("edited {}", paths.join(" "))
        }
        Event::SignalKept { name, .. } => format!("keeps {name}"),
        Event::ResumeScheduled { due_at, when: Some(when), at, .. } => {
            let due = due_at.map_or_else(String::new, |due_at| format!(", or in {} ms", due_at.0 - at.0));
            format!("goes on at {}{due}", when.event)
        }
        Event::ResumeUnmet { event, problem, .. } => {
            format!("not ended by {}{}", event.id, problem.as_ref().map_or("", |_| ", which cannot be judged"))
        }
        Event::ResumeScheduled { due_at: Some(due_at), at, .. } => format!("goes on in {} ms", due_at.0 - at.0),
        Event::ResumeScheduled { due_at: None, .. } => "goes on no more".to_owned(),
        Event::PausedLong { .. } => "paused for long".to_owned(),
        Event::Retried { step, .. } => format!("retried{}", then(step.as_deref())),
        Event::Moved { from, to, .. } => format!("moved from {from} to {to}"),
        Event::TakenOver { execution, step, .. } => format!("goes on for {execution} at {step}"),
        Event::Cancelled { reason, .. } => format!("cancelled: {}", reason.as_deref().unwrap_or("-")),
        Event::Completed { result, .. } => format!("completed {result:?}"),
        Event::Failed { error, step, .. } => format!("failed {} at {}", error.code, step.as_deref().unwrap_or("-")),
    }
}
