//! What people are asked: rows that are written with the journal row that opens, changes or closes an approval.
//!
//! What people decide was recorded before the execution is told, so nothing is written about that here. Nobody may
//! be overlooked who decided just before an approval expires: what they decided is taken in first, an expiry is
//! committed only if nothing more was told, and one that was decided upon too early is forgotten with the drive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::Timestamp;
use engine::machine::{ApprovalRequest, Command, Event, OpenApproval, Ruling, Signal, State};
use ids::ApprovalId;
use service::signals::Told;
use store::{ApprovalChange, ApprovalNote, ApprovalStatus, ApprovalTimes, ApprovalWrites, NewApproval};

use super::DriveError;
use super::execution::Execution;
use crate::context::Context;

/// Approvals by the engine's ids.
type Ids = BTreeSet<String>;

impl Execution {
    /// The approvals that are open now.
    pub(super) fn open_approvals(&self) -> Ids {
        self.state.approvals().keys().cloned().collect()
    }

    /// What the commit of `events` writes of approvals.
    pub(super) fn approval_writes(
        &self,
        context: &Context,
        events: &[Event],
        now: Timestamp,
    ) -> Result<ApprovalWrites, DriveError> {
        if self.asked.is_empty() && self.state.approvals().is_empty() && !events.iter().any(opens) {
            return Ok(ApprovalWrites::default());
        }
        let mut written = writes(events, &self.asked, &self.open_approvals(), now)?;
        write_times(&self.state, events, &mut written, now);
        if context.services.settings().mailer.is_on() {
            owe_mails(&mut written);
        }
        Ok(written)
    }

    /// Lets happen what is due. People who have decided are heard first.
    pub(super) async fn wake(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        if !self.state.approvals().is_empty() {
            self.look(context).await?;
            self.take_in(context)?;
            if self.has_ended() {
                return Ok(());
            }
        }
        self.advance(context, Command::Wake)
    }

    /// Whether an approval has been decided that expired here, where nobody has seen it yet.
    pub(super) fn is_overtaken_by(&self, told: &Told) -> bool {
        let Told::Signal { what: Signal::Approval { approval, .. } } = told else { return false };
        self.pending.iter().any(|event| expired(event) == Some(approval))
    }
}

/// Whoever may decide is owed a mail of what is opened, and of what people are reminded of or others are asked about.
fn owe_mails(written: &mut ApprovalWrites) {
    for new in &mut written.opened {
        new.mail_at_ms = Some(new.requested_at_ms);
    }
    for noted in &written.noted {
        if let Some(change) = written.changed.iter_mut().find(|change| change.id == noted.id) {
            change.mail_at_ms = Some(noted.at_ms);
        }
    }
}

/// Writes when approvals are due where that changes: it stands still during a pause, and is later after it.
fn write_times(state: &State, events: &[Event], written: &mut ApprovalWrites, now: Timestamp) {
    let changes = events
        .iter()
        .any(|event| matches!(event, Event::Paused { freezes: true, .. } | Event::Unpaused { frozen: Some(_), .. }));
    if !changes && !state.is_frozen() {
        return;
    }
    for (id, open) in state.approvals() {
        let Some(id) = id_of(id) else { continue };
        let times = if state.is_frozen() { ApprovalTimes::default() } else { times(open) };
        if let Some(new) = written.opened.iter_mut().find(|new| new.id == id) {
            let ApprovalTimes { expires_at_ms, remind_at_ms, escalate_at_ms } = times;
            (new.expires_at_ms, new.remind_at_ms, new.escalate_at_ms) = (expires_at_ms, remind_at_ms, escalate_at_ms);
        } else if let Some(change) = written.changed.iter_mut().find(|change| change.id == id) {
            change.times = Some(times);
        } else if changes {
            written.changed.push(ApprovalChange { times: Some(times), ..ApprovalChange::of(id, now.0) });
        }
    }
}

fn times(open: &OpenApproval) -> ApprovalTimes {
    let ms = |at: Option<Timestamp>| at.map(|at| at.0);
    ApprovalTimes {
        expires_at_ms: ms(open.request.expires_at),
        remind_at_ms: ms(open.remind_at),
        escalate_at_ms: ms(open.escalate_at),
    }
}

const fn opens(event: &Event) -> bool {
    matches!(event, Event::ApprovalOpened { .. })
}

/// Whether a commit of these events depends on nobody having decided.
pub(super) fn closes_unheard(events: &[Event]) -> bool {
    events.iter().any(|event| expired(event).is_some())
}

fn expired(event: &Event) -> Option<&String> {
    match event {
        Event::ApprovalDecided { approval, verdict, .. } if verdict.ruling == Ruling::Expired => Some(approval),
        _other => None,
    }
}

/// What is to be written when those of `before` were open and those of `after` are.
fn writes(events: &[Event], before: &Ids, after: &Ids, now: Timestamp) -> Result<ApprovalWrites, DriveError> {
    let mut folded = Folded::default();
    for event in events {
        folded.add(event)?;
    }
    let known = before.iter().chain(folded.opened.keys());
    let gone: Vec<String> = known.filter(|id| !after.contains(*id) && !folded.decided.contains(*id)).cloned().collect();
    for id in gone {
        folded.close(&id, ApprovalStatus::Cancelled, now.0);
    }
    Ok(ApprovalWrites {
        opened: folded.opened.into_values().collect(),
        changed: folded.changed.into_values().collect(),
        noted: folded.noted,
        withdraws_all: false,
    })
}

#[derive(Default)]
struct Folded {
    opened: BTreeMap<String, NewApproval>,
    changed: BTreeMap<String, ApprovalChange>,
    noted: Vec<ApprovalNote>,
    decided: BTreeSet<String>,
}

impl Folded {
    fn add(&mut self, event: &Event) -> Result<(), DriveError> {
        match event {
            Event::ApprovalOpened { path, approval, request, remind_at, escalate_at, at } => {
                if let Some(id) = id_of(approval) {
                    let new = opened(id, path, request, *at)?;
                    let (remind_at_ms, escalate_at_ms) = (remind_at.map(|at| at.0), escalate_at.map(|at| at.0));
                    self.opened.insert(approval.clone(), NewApproval { remind_at_ms, escalate_at_ms, ..new });
                }
            }
            Event::ApprovalReminded { approval, next_at, at, .. } => {
                if let Some(new) = self.opened.get_mut(approval) {
                    new.remind_at_ms = Some(next_at.0);
                } else if let Some(change) = self.change(approval, at.0) {
                    change.remind_at_ms = Some(next_at.0);
                }
                self.note(approval, "reminded", None, at.0);
            }
            Event::ApprovalEscalated { approval, role, at, .. } => {
                if let Some(new) = self.opened.get_mut(approval) {
                    new.escalate_at_ms = None;
                    new.escalated_role = Some(role.clone());
                } else if let Some(change) = self.change(approval, at.0) {
                    change.escalated_role = Some(role.clone());
                }
                self.note(approval, "escalated", Some(role.clone()), at.0);
            }
            Event::ApprovalDecided { approval, verdict, .. } => {
                self.decided.insert(approval.clone());
                if verdict.ruling == Ruling::Expired {
                    self.close(approval, ApprovalStatus::Expired, verdict.at.0);
                }
            }
            _of_no_approval => {}
        }
        Ok(())
    }

    fn change(&mut self, approval: &str, at_ms: i64) -> Option<&mut ApprovalChange> {
        let id = id_of(approval)?;
        Some(self.changed.entry(approval.to_owned()).or_insert(ApprovalChange::of(id, at_ms)))
    }

    fn close(&mut self, approval: &str, status: ApprovalStatus, at_ms: i64) {
        if let Some(new) = self.opened.get_mut(approval) {
            new.status = status;
        } else if let Some(change) = self.change(approval, at_ms) {
            change.status = Some(status);
            change.at_ms = at_ms;
        }
    }

    fn note(&mut self, approval: &str, kind: &'static str, detail: Option<String>, at_ms: i64) {
        self.noted.extend(id_of(approval).map(|id| ApprovalNote { id, kind, detail, at_ms }));
    }
}

/// None for one that a release opened which had no rows of approvals.
fn id_of(approval: &str) -> Option<ApprovalId> {
    approval.parse().ok()
}

fn opened(id: ApprovalId, path: &str, request: &ApprovalRequest, at: Timestamp) -> Result<NewApproval, DriveError> {
    let roles = request.role.iter().map(|role| format!("role:{role}"));
    // Addresses are compared in lower case, and ids are in lower case.
    let users = request.users.iter().map(|user| format!("user:{}", user.to_lowercase()));
    let assignees: BTreeSet<String> = roles.chain(users).collect();
    Ok(NewApproval {
        id,
        step_path: path.to_owned(),
        status: ApprovalStatus::Pending,
        request: serde_json::to_string(request).map_err(DriveError::Write)?,
        entity: request.entity.clone(),
        entity_id: request.entity_id.clone(),
        quorum: i32::try_from(request.quorum).unwrap_or(i32::MAX),
        allow_self: request.allow_self,
        requested_at_ms: at.0,
        expires_at_ms: request.expires_at.map(|expires| expires.0),
        remind_at_ms: None,
        escalate_at_ms: None,
        escalated_role: None,
        mail_at_ms: None,
        assignees: assignees.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use engine::machine::{self, Frozen, Verdict};
    use serde_json::Value;

    use super::*;

    fn ask(approval: &str) -> Event {
        let request = ApprovalRequest {
            role: Some("manager".to_owned()),
            users: vec!["Ada@example.com".to_owned()],
            quorum: 2,
            ..ApprovalRequest::default()
        };
        Event::ApprovalOpened {
            path: "ask".into(),
            approval: approval.to_owned(),
            request: Box::new(request),
            remind_at: None,
            escalate_at: Some(Timestamp(5)),
            at: Timestamp(1),
        }
    }

    fn decided(approval: &str, ruling: Ruling) -> Event {
        let verdict =
            Verdict { ruling, by: None, reason: None, form: Value::Null, answered_at: None, at: Timestamp(9) };
        Event::ApprovalDecided { path: "ask".into(), approval: approval.to_owned(), verdict }
    }

    fn ids(ids: &[&String]) -> Ids {
        ids.iter().map(|id| (*id).clone()).collect()
    }

    #[test]
    fn what_is_opened_has_who_may_decide_and_what_is_asked() {
        let id = ApprovalId::new().to_string();
        let written = writes(&[ask(&id)], &ids(&[]), &ids(&[&id]), Timestamp(2)).unwrap();
        let [new] = &written.opened[..] else { panic!("{written:?}") };
        assert_eq!((new.id.to_string(), new.status, new.quorum), (id, ApprovalStatus::Pending, 2));
        assert_eq!(new.assignees, ["role:manager", "user:ada@example.com"]);
        assert_eq!((new.requested_at_ms, new.escalate_at_ms), (1, Some(5)));
        assert!(written.changed.is_empty() && written.noted.is_empty());
    }

    #[test]
    fn what_expires_is_closed_what_people_decided_is_not_touched_and_what_is_gone_is_withdrawn() {
        let [expires, approved, gone, stays] = [(); 4].map(|()| ApprovalId::new().to_string());
        let before = ids(&[&expires, &approved, &gone, &stays]);
        let events = [decided(&expires, Ruling::Expired), decided(&approved, Ruling::Approved)];
        assert!(closes_unheard(&events) && !closes_unheard(&events[1..]));
        let written = writes(&events, &before, &ids(&[&stays]), Timestamp(10)).unwrap();
        let mut changed: Vec<_> =
            written.changed.iter().map(|one| (one.id.to_string(), one.status, one.at_ms)).collect();
        let mut expected =
            vec![(expires, Some(ApprovalStatus::Expired), 9), (gone, Some(ApprovalStatus::Cancelled), 10)];
        changed.sort();
        expected.sort();
        assert_eq!(changed, expected);
    }

    #[test]
    fn during_a_pause_nothing_is_due_and_after_it_everything_is_due_later() {
        let [known, new] = [(); 2].map(|()| ApprovalId::new().to_string());
        let paused = Event::Paused { by: None, reason: None, freezes: true, at: Timestamp(2) };
        let mut state = State::new();
        for event in [ask(&known), paused.clone(), ask(&new)] {
            machine::apply(&mut state, &event);
        }
        let after = ids(&[&known, &new]);
        let mut written = writes(&[ask(&new)], &ids(&[&known]), &after, Timestamp(3)).unwrap();
        write_times(&state, &[ask(&new)], &mut written, Timestamp(3));
        assert_eq!((written.opened[0].escalate_at_ms, written.changed.len()), (None, 0));
        write_times(&state, &[paused], &mut written, Timestamp(3));
        assert_eq!(written.changed[0].times, Some(ApprovalTimes::default()));

        let frozen = Some(Box::new(Frozen { ms: 10, stays: Vec::new() }));
        let (by, data, at_step, event) = (None, Value::Null, None, None);
        let unpaused = Event::Unpaused { by, data, at_step, event, frozen, at: Timestamp(12) };
        machine::apply(&mut state, &unpaused);
        let mut written = ApprovalWrites::default();
        write_times(&state, &[unpaused], &mut written, Timestamp(12));
        let due: Vec<_> = written.changed.iter().map(|change| change.times.unwrap().escalate_at_ms).collect();
        assert_eq!(due, [Some(15), Some(15)]);
        let mut later = ApprovalWrites::default();
        write_times(&state, &[], &mut later, Timestamp(13));
        assert!(later.is_empty());
    }

    #[test]
    fn who_may_decide_is_owed_a_mail_of_reminders_and_escalations_and_of_nothing_else() {
        let [reminded, escalated, expires] = [(); 3].map(|()| ApprovalId::new().to_string());
        let events = [
            Event::ApprovalReminded {
                path: "ask".into(),
                approval: reminded.clone(),
                next_at: Timestamp(20),
                at: Timestamp(4),
            },
            Event::ApprovalEscalated {
                path: "ask".into(),
                approval: escalated.clone(),
                role: "boss".to_owned(),
                at: Timestamp(5),
            },
            decided(&expires, Ruling::Expired),
        ];
        let (before, after) = (ids(&[&reminded, &escalated, &expires]), ids(&[&reminded, &escalated]));
        let mut written = writes(&events, &before, &after, Timestamp(10)).unwrap();
        assert!(written.changed.iter().all(|change| change.mail_at_ms.is_none()), "where no mail is set up");
        owe_mails(&mut written);
        let mut owed: Vec<_> = written.changed.iter().map(|one| (one.id.to_string(), one.mail_at_ms)).collect();
        let mut expected = vec![(reminded, Some(4)), (escalated, Some(5)), (expires, None)];
        owed.sort();
        expected.sort();
        assert_eq!(owed, expected);
    }

    #[test]
    fn what_comes_and_goes_within_one_commit_is_written_as_it_ended() {
        let id = ApprovalId::new().to_string();
        let escalated = Event::ApprovalEscalated {
            path: "ask".into(),
            approval: id.clone(),
            role: "boss".into(),
            at: Timestamp(5),
        };
        let written = writes(&[ask(&id), escalated], &ids(&[]), &ids(&[]), Timestamp(7)).unwrap();
        let [new] = &written.opened[..] else { panic!("{written:?}") };
        assert_eq!((new.status, new.escalated_role.as_deref()), (ApprovalStatus::Cancelled, Some("boss")));
        assert_eq!(written.noted.iter().map(|note| note.kind).collect::<Vec<_>>(), ["escalated"]);
        assert!(written.changed.is_empty());
    }
}
