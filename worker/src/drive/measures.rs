//! What a commit adds to the statistics of its workflow.

use std::collections::BTreeMap;

use engine::Timestamp;
use engine::machine::{Event, Ruling, State, StepPath};
use service::error_groups::{Causes, Failure};
use store::{Claimed, ExecutionStatus, Measured, Measures, Patch};

/// When what is under way began.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Steps, by path.
    steps: BTreeMap<StepPath, Timestamp>,
    /// Approvals, by id.
    approvals: BTreeMap<String, Timestamp>,
}

impl Begun {
    /// Of an execution that is taken up.
    pub(super) fn of(state: &State) -> Self {
        let approvals = state.approvals().iter();
        Self {
            steps: state.under_way().map(|(path, since)| (path.clone(), since)).collect(),
            approvals: approvals.filter_map(|(id, open)| Some((id.clone(), open.asked_at?))).collect(),
        }
    }

    /// Counts what the events of a commit say about steps and approvals.
    fn count(&mut self, events: &[Event], measures: &mut Measures) {
        for event in events {
            match event {
                Event::StepStarted { path, attempt: 1, at, .. } => {
                    self.steps.insert(path.clone(), *at);
                }
                Event::StepSucceeded { path, step, at, .. } => {
                    measures.count_step(Measured::StepSucceeded, step, self.took(path, *at));
                }
                Event::StepFailed { path, step, at, .. } => {
                    measures.count_step(Measured::StepFailed, step, self.took(path, *at));
                }
                Event::RetryScheduled { step, .. } => measures.count_step(Measured::StepRetried, step, None),
                Event::StepSkipped { path, .. } | Event::StepLeftOut { path, .. } => {
                    self.steps.remove(path);
                }
                Event::ApprovalOpened { approval, at, .. } => {
                    self.approvals.insert(approval.clone(), *at);
                    measures.count(Measured::ApprovalRequested, None);
                }
                Event::ApprovalDecided { approval, verdict, .. } => {
                    let asked = self.approvals.remove(approval);
                    let took = asked.map(|asked| verdict.decided_at().0.saturating_sub(asked.0).max(0));
                    measures.count(ruled(verdict.ruling), took);
                }
                _of_no_end => {}
            }
        }
    }

    /// How long a step took that ends; not known of one that an earlier release began.
    fn took(&mut self, path: &StepPath, at: Timestamp) -> Option<i64> {
        self.steps.remove(path).map(|since| at.0.saturating_sub(since.0))
    }
}

const fn ruled(ruling: Ruling) -> Measured {
    match ruling {
        Ruling::Approved => Measured::ApprovalApproved,
        Ruling::Rejected => Measured::ApprovalRejected,
        Ruling::Expired => Measured::ApprovalExpired,
    }
}

/// What is counted with the commit of `events` after row `seq` of the journal.
pub(super) fn of_commit(
    begun: &mut Begun,
    causes: &Causes,
    claimed: &Claimed,
    seq: i32,
    events: &[Event],
    patch: &Patch,
    at_ms: i64,
) -> Measures {
    let mut measures = of_execution(causes, claimed, seq, patch, at_ms);
    begun.count(events, &mut measures);
    measures
}

/// What is counted of the execution as a whole.
pub(super) fn of_execution(causes: &Causes, claimed: &Claimed, seq: i32, patch: &Patch, at_ms: i64) -> Measures {
    let mut measures = Measures::default();
    // The first row says that it was accepted, so what comes behind it comes once.
    if seq == 1 {
        measures.count(Measured::Started, Some(claimed.started_at_ms.saturating_sub(claimed.queued_at_ms)));
    }
    if let Patch::Ended(ended) = patch {
        measures.count(ended.measured(), Some(at_ms.saturating_sub(claimed.started_at_ms)));
        if ended.status == ExecutionStatus::Failed {
            let failure = Failure {
                organization: claimed.organization_id,
                workflow: claimed.workflow_id,
                path: ended.failed_step.as_deref(),
                code: ended.error_code.as_deref().unwrap_or_default(),
                message: ended.error_message.as_deref().unwrap_or_default(),
            };
            measures.fail(causes.tell(failure, at_ms), at_ms);
        }
    }
    measures
}

#[cfg(test)]
mod tests {
    use engine::machine::{StepError, Verdict};
    use serde_json::Value;

    use super::*;

    fn started(path: &str, attempt: u32, at: i64) -> Event {
        let (path, step, kind) = (path.into(), "charge".into(), "action".into());
        Event::StepStarted { path, step, attempt, kind, at: Timestamp(at) }
    }

    fn succeeded(path: &str, at: i64) -> Event {
        let (path, step) = (path.into(), "charge".into());
        Event::StepSucceeded { path, step, output: Value::Null.into(), known_as: None, to: None, at: Timestamp(at) }
    }

    fn retried(path: &str, at: i64) -> Event {
        let (path, step, error) = (path.into(), "charge".into(), StepError::other("BROKEN", "it broke"));
        Event::RetryScheduled { path, step, attempt: 1, error, due_at: Timestamp(at), at: Timestamp(at) }
    }

    fn counted(begun: &mut Begun, events: &[Event]) -> Measures {
        let mut measures = Measures::default();
        begun.count(events, &mut measures);
        measures
    }

    #[test]
    fn a_step_takes_as_long_as_from_its_first_attempt_to_its_end() {
        let mut begun = Begun::default();
        let first = counted(&mut begun, &[started("charge", 1, 1_000), retried("charge", 1_200)]);
        let second = counted(&mut begun, &[started("charge", 2, 2_000), succeeded("charge", 2_500)]);
        let (mut expected, mut after) = (Measures::default(), Measures::default());
        expected.count_step(Measured::StepRetried, "charge", None);
        after.count_step(Measured::StepSucceeded, "charge", Some(1_500));
        assert_eq!((first, second), (expected, after));
    }

    #[test]
    fn the_same_step_of_several_items_is_counted_for_each() {
        let both = ["items[0].charge", "items[1].charge"];
        let mut events: Vec<Event> = both.iter().map(|path| started(path, 1, 100)).collect();
        events.extend(both.iter().zip([150, 151]).map(|(path, at)| succeeded(path, at)));
        let mut expected = Measures::default();
        expected.count_step(Measured::StepSucceeded, "charge", Some(50));
        expected.count_step(Measured::StepSucceeded, "charge", Some(51));
        assert_eq!(counted(&mut Begun::default(), &events), expected);
    }

    #[test]
    fn a_step_that_began_nobody_knows_when_is_counted_without_a_time() {
        let mut expected = Measures::default();
        expected.count_step(Measured::StepSucceeded, "charge", None);
        assert_eq!(counted(&mut Begun::default(), &[succeeded("charge", 9)]), expected);
    }

    #[test]
    fn a_decision_takes_as_long_as_from_the_question_to_the_answer_whenever_it_is_taken_in() {
        let (path, approval) = (StepPath::from("ask"), "apr_1".to_owned());
        let asked = Event::ApprovalOpened {
            path: path.clone(),
            approval: approval.clone(),
            request: Box::default(),
            remind_at: None,
            escalate_at: None,
            at: Timestamp(100),
        };
        let verdict = Verdict {
            ruling: Ruling::Rejected,
            by: None,
            reason: None,
            form: Value::Null,
            answered_at: Some(Timestamp(900)),
            at: Timestamp(5_000),
        };
        let mut begun = Begun::default();
        let found =
            [asked, Event::ApprovalDecided { path, approval, verdict }].map(|event| counted(&mut begun, &[event]));
        let (mut opened, mut decided) = (Measures::default(), Measures::default());
        opened.count(Measured::ApprovalRequested, None);
        decided.count(Measured::ApprovalRejected, Some(800));
        assert_eq!(found, [opened, decided]);
    }
}
