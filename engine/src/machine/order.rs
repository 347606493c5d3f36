//! Whether each step began only after what it depends on, told from the journal and the plan.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use super::invariants::{AFTER_WHAT_IT_NEEDS, Violation, is_below};
use crate::definition::{Step, StepKind, Wait};
use crate::plan::{LOADING_STEP, Plan};

/// What may begin at one moment of a journal.
#[derive(Default)]
struct Order<'j> {
    /// Paths of steps that the flow has come to.
    ready: BTreeSet<String>,
    under_way: BTreeSet<&'j str>,
    /// Branches, items and rounds whose first step has not begun: the path of the step that holds it, and the id.
    opened: Vec<(&'j str, &'j str)>,
    /// Those that have not ended, by the path of the step that holds them.
    open: BTreeMap<&'j str, BTreeSet<u32>>,
    /// Another version says how it goes on from where it stands.
    has_moved: bool,
}

/// A step begins when the flow has come to it: the one that leads to it has its result, the branch or round that it
/// begins was opened, and everything that is read was loaded. A step that holds others ends after them.
pub(super) fn order(plan: &Plan, journal: &[Event], found: &mut Vec<Violation>) {
    let mut order = Order::default();
    for event in journal {
        if let Some(detail) = order.see(plan, event) {
            found.push(Violation { invariant: AFTER_WHAT_IT_NEEDS, detail });
        }
    }
}

impl<'j> Order<'j> {
    /// Takes an event in; what is wrong with it.
    fn see(&mut self, plan: &Plan, event: &'j Event) -> Option<String> {
        match event {
            Event::Started { step, .. } => {
                self.begin_anew();
                self.ready.insert(step.to_string());
                None
            }
            Event::Unpaused { at_step: Some(step), .. } => {
                // What is to be loaded comes first, wherever the flow goes on then.
                let loads = self.ready.contains(LOADING_STEP) || self.under_way.contains(LOADING_STEP);
                if !loads {
                    self.begin_anew();
                    self.ready.insert(step.clone());
                }
                None
            }
            Event::Retried { .. } => {
                self.begin_anew();
                None
            }
            Event::Moved { .. } => {
                self.has_moved = true;
                None
            }
            Event::StepStarted { path, step, attempt, .. } => self.started(path, step, *attempt),
            Event::StepSkipped { path, step, to, .. } => {
                let fault = self.started(path, step, 1);
                fault.or_else(|| self.ended(plan, path, step, to.as_deref()))
            }
            Event::StepLeftOut { path, step, to, .. } => {
                let is_under_way = self.under_way.contains(path.as_str());
                let fault = if is_under_way { None } else { self.started(path, step, 1) };
                self.forget_below(path);
                fault.or_else(|| self.ended(plan, path, step, to.as_deref()))
            }
            Event::StepSucceeded { path, step, to, .. } => {
                let left = self.open.get(path.as_str()).map_or(0, BTreeSet::len);
                if left > 0 {
                    return Some(format!("{path} has ended before {left} of what it holds"));
                }
                self.ended(plan, path, step, to.as_deref())
            }
            Event::StepFailed { path, step, to, .. } => {
                self.forget_below(path);
                self.ended(plan, path, step, to.as_deref())
            }
            Event::BodyBegan { path, .. } | Event::RetryScheduled { path, .. } => {
                self.forget_below(path);
                None
            }
            Event::ScopeOpened { scope, path, entry, .. } => {
                self.opened.push((path, entry));
                self.open.entry(path).or_default().insert(*scope);
                let is_under_way = self.under_way.contains(path.as_str());
                (!is_under_way).then(|| format!("{path} is not under way, and opens {scope}"))
            }
            Event::ScopeClosed { scope, path, .. } => {
                self.open.entry(path).or_default().remove(scope);
                None
            }
            _of_no_order => None,
        }
    }

    fn begin_anew(&mut self) {
        *self = Self { has_moved: self.has_moved, ..Self::default() };
    }

    fn forget_below(&mut self, path: &str) {
        self.ready.retain(|below| !is_below(below, path));
        self.under_way.retain(|below| !is_below(below, path));
        self.opened.retain(|(holder, _)| *holder != path && !is_below(holder, path));
        self.open.retain(|holder, _| *holder != path && !is_below(holder, path));
    }

    fn started(&mut self, path: &'j str, step: &'j str, attempt: u32) -> Option<String> {
        // Attempts count up, which is looked at elsewhere.
        let was_ready = attempt > 1 || self.ready.remove(path) || self.enters(path, step);
        self.under_way.insert(path);
        (!was_ready).then(|| format!("{path} begins, and nothing has led to it"))
    }

    /// Whether it is the first step of a branch, an item or a round that was opened.
    fn enters(&mut self, path: &str, step: &str) -> bool {
        let Some(prefix) = path.strip_suffix(step) else { return false };
        let is_it = |(holder, entry): &(&str, &str)| *entry == step && is_below(prefix, holder);
        let Some(at) = self.opened.iter().position(is_it) else { return false };
        self.opened.remove(at);
        true
    }

    fn ended(&mut self, plan: &Plan, path: &str, step: &str, to: Option<&str>) -> Option<String> {
        let was_under_way = self.under_way.remove(path);
        if let (Some(to), Some(prefix)) = (to, path.strip_suffix(step)) {
            self.ready.insert(format!("{prefix}{to}"));
        }
        if !was_under_way {
            return Some(format!("{path} has a result, and was not under way"));
        }
        let to = to.filter(|_| !self.has_moved && step != LOADING_STEP)?;
        let leads = plan.step(step).is_none_or(|found| leads_to(plan, found, to));
        (!leads).then(|| format!("{path} goes on at {to}, and no arrow leads there"))
    }
}

/// Whether a definition leads from a step to another one of the same list.
fn leads_to(plan: &Plan, step: &Step, to: &str) -> bool {
    let mut ways: Vec<Option<&str>> = vec![step.next.as_deref(), step.on_error.as_deref(), plan.follows(&step.id)];
    match &step.kind {
        StepKind::Condition { on_true, on_false, .. } => ways.extend([on_true.as_deref(), on_false.as_deref()]),
        StepKind::Switch { cases, default } => {
            ways.push(default.as_deref());
            ways.extend(cases.iter().map(|case| Some(case.next.as_str())));
        }
        StepKind::Action { on_approved, on_rejected, on_expired, .. }
        | StepKind::Approval { on_approved, on_rejected, on_expired, .. } => {
            ways.extend([on_approved.as_deref(), on_rejected.as_deref(), on_expired.as_deref()]);
        }
        StepKind::Wait(Wait::Event { on_timeout, .. }) => ways.push(on_timeout.as_deref()),
        StepKind::Execute { .. }
        | StepKind::Wait(Wait::For(_) | Wait::Until(_))
        | StepKind::Parallel { .. }
        | StepKind::Foreach(_)
        | StepKind::While { .. }
        | StepKind::Set(_)
        | StepKind::Enrich { .. }
        | StepKind::Workflow { .. }
        | StepKind::Fail { .. }
        | StepKind::End => {}
    }
    ways.into_iter().flatten().any(|way| way == to)
}
