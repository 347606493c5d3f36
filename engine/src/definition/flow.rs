//! Steps that hold other steps, wait, or start other workflows.

use super::model::{EventMatch, Foreach, ParallelStrategy, Step, StepKind, Wait};
use super::reader::{At, Object};
use super::step::{self, reference};
use super::trigger::optional;
use super::{names, words};
use crate::check::rules;
use crate::{fix, pointer};

/// Rounds of a `while` step, unless it says.
pub const DEFAULT_MAX_ITERATIONS: u32 = 1000;
const MOST_ITERATIONS: u64 = 1_000_000;
const MOST_CONCURRENCY: u64 = 1000;
/// Items of a spread `foreach` that are under way at once, unless it says: one after the other would leave the fleet
/// nothing to share.
const SPREAD_CONCURRENCY: u32 = 10;

pub(super) fn wait(object: &mut Object<'_>) -> Option<StepKind> {
    let at = object.need("wait")?;
    let mut object = at.object("`wait`")?;
    let forms: Vec<_> = ["event", "for", "until"].into_iter().filter(|key| object.has(key)).collect();
    if forms.len() > 1 {
        let message = format!("`wait` has {}; it can have only one of them", forms.join(" and "));
        at.report(rules::CONFLICTING_KEYS, message, None);
        return None;
    }
    let wait = match forms.first() {
        Some(&"for") => object.take("for").and_then(|at| wait_for(&at)),
        Some(&"until") => object.take("until").and_then(|at| at.text_template()).map(Wait::Until),
        _ => wait_event(&mut object),
    };
    object.finish_plain();
    Some(StepKind::Wait(wait?))
}

fn wait_for(at: &At<'_>) -> Option<Wait> {
    let template = at.text_template()?;
    if template.is_literal() {
        at.duration()?;
    }
    Some(Wait::For(template))
}

fn wait_event(object: &mut Object<'_>) -> Option<Wait> {
    let event = object.need("event").and_then(|at| at.event_pattern());
    let matching = optional(object.take("match"), |at| {
        if at.value.is_array() {
            names::list(at).map(EventMatch::Paths)
        } else {
            at.expression().map(EventMatch::Expression)
        }
    });
    let timeout = optional(object.take("timeout"), At::duration);
    let on_timeout = reference(object, "on_timeout");
    Some(Wait::Event { event: event?, matching, timeout, on_timeout })
}

pub(super) fn parallel(object: &mut Object<'_>) -> Option<StepKind> {
    let at = object.need("parallel")?;
    let mut object = at.object("`parallel`")?;
    let (steps, branches) = (object.take("steps"), object.take("branches"));
    let branches = match (steps, branches) {
        // Each step is a branch of its own.
        (Some(steps), None) => step::list(&steps).map(|steps| steps.into_iter().map(|step| vec![step]).collect()),
        (None, Some(branches)) => branches.list().and_then(|entries| {
            if entries.is_empty() {
                branches.report(rules::NO_STEPS, "there must be at least one branch", None);
            }
            let lists: Vec<_> = entries.iter().map(step::list).collect();
            lists.into_iter().collect()
        }),
        (Some(_), Some(branches)) => {
            let message = "`steps` and `branches` cannot stand together";
            branches.report(rules::CONFLICTING_KEYS, message, Some("keep one of them".to_owned()));
            None
        }
        (None, None) => {
            object.need("branches");
            None
        }
    };
    let strategy = object.take("strategy").map_or(Some(ParallelStrategy::AllMustPass), |at| at.word(words::STRATEGIES));
    let max_concurrency = optional(object.take("max_concurrency"), |at| at.integer(1, MOST_CONCURRENCY));
    object.finish_plain();
    Some(StepKind::Parallel { branches: branches?, strategy: strategy?, max_concurrency })
}

pub(super) fn foreach(object: &mut Object<'_>) -> Option<StepKind> {
    let at = object.need("foreach")?;
    let mut object = at.object("`foreach`")?;
    let items = object.need("items").and_then(|at| {
        if at.value.is_array() {
            return at.template();
        }
        at.text_template()
    });
    let item_var = object.take("item_var").map_or(Some("item".to_owned()), |at| names::variable(&at));
    let index_var = object.take("index_var").map_or(Some("_index".to_owned()), |at| names::variable(&at));
    let steps = object.need("steps").and_then(|at| step::list(&at));
    let spread = object.take("spread").map_or(Some(false), |at| at.boolean());
    let usual = if spread == Some(true) { SPREAD_CONCURRENCY } else { 1 };
    let max_concurrency = object.take("max_concurrency").map_or(Some(usual), |at| at.integer(1, MOST_CONCURRENCY));
    let continue_on_item_error =
        object.take("on_item_error").map_or(Some(false), |at| at.word(&[("fail", false), ("continue", true)]));
    let batch_size = optional(object.take("batch_size"), |at| at.integer(1, 100_000));
    object.finish_plain();
    if let (Some(true), Some(steps)) = (spread, &steps) {
        spread_body(&at, steps);
    }
    Some(StepKind::Foreach(Box::new(Foreach {
        items: items?,
        item_var: item_var?,
        index_var: index_var?,
        steps: steps?,
        max_concurrency: max_concurrency?,
        continue_on_item_error: continue_on_item_error?,
        batch_size,
    })))
}

/// Reports a body of a spread `foreach` that is not one execution for each item: nothing smaller than an execution
/// goes to another worker.
fn spread_body(at: &At<'_>, steps: &[Step]) {
    let elsewhere =
        || Some("put the steps into a workflow of their own and start it here, or leave `spread` away".to_owned());
    match steps {
        [Step { kind: StepKind::Workflow { wait: true, .. }, .. }] => {}
        [step @ Step { kind: StepKind::Workflow { .. }, .. }] => {
            let wait = format!("{}/workflow/wait", step.pointer);
            let message =
                format!("with `spread` an item lasts until its execution ends, and `{}` does not wait", step.id);
            let words = (message, Some("leave `wait` away, or `spread`".to_owned()));
            at.report_with(&wait, rules::BAD_SPREAD, words, fix::replace(wait.as_str(), true));
        }
        [step] => {
            let message =
                format!("with `spread` the body is one step of type `workflow`, and `{}` is another", step.id);
            at.report_at(&format!("{}/type", step.pointer), rules::BAD_SPREAD, message, elsewhere());
        }
        several => {
            let count = several.len();
            let message = format!("with `spread` the body is one step of type `workflow`, and here are {count} steps");
            at.report_at(&pointer::join(&at.pointer, "steps"), rules::BAD_SPREAD, message, elsewhere());
        }
    }
}

/// A `while` step.
pub(super) fn repeat(object: &mut Object<'_>) -> Option<StepKind> {
    let at = object.need("while")?;
    let mut object = at.object("`while`")?;
    let condition = object.need("condition").and_then(|at| at.condition());
    let steps = object.need("steps").and_then(|at| step::list(&at));
    let max_iterations =
        object.take("max_iterations").map_or(Some(DEFAULT_MAX_ITERATIONS), |at| at.integer(1, MOST_ITERATIONS));
    object.finish_plain();
    Some(StepKind::While { condition: condition?, steps: steps?, max_iterations: max_iterations? })
}

pub(super) fn workflow(object: &mut Object<'_>) -> Option<StepKind> {
    let at = object.need("workflow")?;
    let mut object = at.object("`workflow`")?;
    let workflow_id = object.need("workflow_id").and_then(|at| names::workflow_id(&at));
    let input = optional(object.take("input"), At::object_template);
    let wait = object.take("wait").map_or(Some(true), |at| at.boolean());
    let revision = optional(object.take("revision"), |at| at.integer(1, u64::from(u32::MAX)));
    object.finish_plain();
    Some(StepKind::Workflow { workflow_id: workflow_id?, input, wait: wait?, revision })
}
