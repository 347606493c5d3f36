//! At which event a paused execution goes on by itself: what people ask for, checked when they ask.

use engine::definition::{ResumeWhen, resume_when};
use serde_json::Value;
use store::ExecutionRow;

use crate::clock::APART_MS;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Mistakes that are told at most.
const MOST_MISTAKES: usize = 20;
/// Bytes of what is asked for, at most: it stands in the history.
const MOST_BYTES: usize = 64 * 1_024;

/// An event, as it is asked for.
#[derive(Debug, Clone)]
pub struct AskedEvent {
    /// Name or pattern.
    pub event: String,
    /// Paths whose values are those of the execution, or paths with values.
    pub matching: Option<Value>,
    /// What must hold besides: a condition, or `{ "rule_id": … }`.
    pub condition: Option<Value>,
}

/// Reads what is asked for of this execution. Events from this moment on count, by the clock of any process: whoever
/// asks and then emits one is understood, however long it takes until the pause is noted.
///
/// Whether the execution goes on tells what an event has been compared with, so whoever says that may see it.
pub(super) async fn awaited(
    services: &Services,
    viewer: &Viewer,
    row: &ExecutionRow,
    field: &str,
    asked: Option<&AskedEvent>,
) -> Result<Option<Box<ResumeWhen>>, ServiceError> {
    let Some(asked) = asked else { return Ok(None) };
    if asked.matching.is_some() || asked.condition.is_some() {
        viewer.require(Permission::ExecutionDataRead)?;
    }
    let bytes = [&asked.matching, &asked.condition].into_iter().flatten().map(|value| value.to_string().len());
    let bytes: usize = bytes.sum();
    if bytes > MOST_BYTES {
        let message = format!("match and condition have at most {MOST_BYTES} bytes together, these have {bytes}");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, field, message)));
    }
    let when = resume_when(&asked.event, asked.matching.as_ref(), asked.condition.as_ref()).map_err(|problems| {
        let mistakes = problems.into_iter().take(MOST_MISTAKES).map(|problem| {
            let place = format!("{field}{}", problem.pointer.replace('/', "."));
            let mistake = Mistake::new(Code::Invalid, &place, problem.message);
            problem.suggestion.into_iter().fold(mistake, Mistake::with_help)
        });
        ServiceError::Mistakes(mistakes.collect())
    })?;
    if let Some(rule) = when.rule() {
        check_rule(services, viewer, row, field, rule).await?;
    }
    let since = Some(services.now().later(-APART_MS));
    Ok(Some(Box::new(ResumeWhen { since, ..when })))
}

/// An execution has the rules that its version names, in the versions of its start, and no others.
async fn check_rule(
    services: &Services,
    viewer: &Viewer,
    row: &ExecutionRow,
    field: &str,
    rule: &str,
) -> Result<(), ServiceError> {
    let pinned = row.rules.as_deref();
    let version = services.plans().runnable(services.store(), viewer.organization, row.version_id, pinned).await?;
    let decides = version.is_some_and(|version| version.plan.rule(rule).is_some_and(|rule| rule.rule.kind().decides()));
    if decides {
        return Ok(());
    }
    let message = format!("the execution has no rule `{rule}` that answers true or false");
    let mistake = Mistake::new(Code::Invalid, &format!("{field}.condition.rule_id"), message);
    Err(ServiceError::mistake(mistake.with_help("Name a rule that its workflow uses, or write the condition.")))
}
