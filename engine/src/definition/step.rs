//! Steps: what all have in common, and which reader each type has (definition-language §3).

use serde_json::{Map, Value};

use super::model::{Case, Decision, Step, StepKind, Test};
use super::reader::{At, Object};
use super::suggest::nearest;
use super::trigger::optional;
use super::{action, approval, flow, names, retry, root, words};
use crate::check::rules;
use crate::fix::{self, Operation};

/// A list of steps, at least one.
pub(super) fn list(at: &At<'_>) -> Option<Vec<Step>> {
    let entries = at.list()?;
    if entries.is_empty() {
        let hint = "add a step, such as {\"id\": \"done\", \"type\": \"end\"}".to_owned();
        at.report(rules::NO_STEPS, "there must be at least one step", Some(hint));
        return None;
    }
    let steps: Vec<_> = entries.iter().map(step).collect();
    steps.into_iter().collect()
}

fn step(at: &At<'_>) -> Option<Step> {
    // Problems name the step they are in, also when its id is not a good one.
    let mut at = at.clone();
    at.step = at.value.get("id").and_then(Value::as_str).or(at.step);
    let mut object = at.object("a step")?;

    let id = object.need("id").and_then(|at| names::step_id(&at));
    let name = object.take("name").and_then(|at| at.string().map(str::to_owned));
    let when = optional(object.take("when"), At::condition);
    let next = reference(&mut object, "next");
    let on_error = reference(&mut object, "on_error");
    let timeout = object.take("timeout").and_then(|at| at.duration());
    let retry = object.take("retry").and_then(|at| retry::decode(&at));
    let save_as = object.take("save_as").and_then(|at| at.string().and_then(|path| names::written_path(&at, path)));
    let keep_full_output = object.take("keep_output").is_some_and(|at| at.word(&[("full", ())]).is_some());
    let metadata = object.take("metadata").map_or(Some(Map::new()), |at| root::metadata(&at));

    let Some(kind_at) = object.take("type") else {
        report_missing_type(&at);
        return None;
    };
    let written = kind_at.string()?;
    let kind = match written {
        "condition" => condition(&mut object),
        "switch" => switch(&mut object),
        "action" => decision(&mut object),
        "execute" => execute(&mut object),
        "approval" => approval_step(&mut object),
        "wait" => flow::wait(&mut object),
        "parallel" => flow::parallel(&mut object),
        "foreach" => flow::foreach(&mut object),
        "while" => flow::repeat(&mut object),
        "set" => set(&mut object),
        "workflow" => flow::workflow(&mut object),
        "fail" => fail(&mut object),
        "end" => Some(StepKind::End),
        other => {
            report_unknown_type(&kind_at, other);
            return None;
        }
    };
    object.call(format!("a step of type `{written}`"));
    object.finish(words::home_of_step_key);
    Some(Step {
        id: id?,
        name,
        when,
        next,
        on_error,
        timeout,
        retry,
        save_as,
        keep_full_output,
        metadata: metadata?,
        kind: kind?,
        pointer: at.pointer.clone(),
    })
}

fn report_missing_type(at: &At<'_>) {
    let keys = || at.value.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    // A key that only one type has says which type was meant.
    let telling = words::STEP_TYPES.iter().find(|(kind, _)| keys().any(|key| key == *kind)).map(|(kind, _)| *kind);
    let misspelt = keys().find(|key| nearest(key, ["type"]).is_some());
    if let Some(key) = misspelt {
        let pointer = crate::pointer::join(&at.pointer, key);
        let fix = at.value.get(key).map(|value| fix::rename(&pointer, "type", value)).unwrap_or_default();
        let words = (format!("`{key}` is not a key of a step"), Some("did you mean `type`?".to_owned()));
        return at.report_with(&pointer, rules::UNKNOWN_KEY, words, fix);
    }
    let suggestion = telling.map(|kind| format!("add \"type\": \"{kind}\""));
    let path = crate::pointer::join(&at.pointer, "type");
    let add = telling.map(|kind| Operation::Add { path, value: Value::from(kind) });
    let words = ("a step needs `type`".to_owned(), suggestion);
    at.report_with(&at.pointer, rules::MISSING_KEY, words, add.into_iter().collect());
}

fn report_unknown_type(at: &At<'_>, written: &str) {
    let types = || words::STEP_TYPES.iter().map(|(kind, _)| *kind);
    let message = format!("there is no step type `{}`", names::shorten(written));
    if words::ACTION_TYPES.contains(&written) {
        let hint = format!("`{written}` is an action: use a step of type `execute` and put it into its `execute` list");
        return at.report(rules::UNKNOWN_WORD, message, Some(hint));
    }
    at.report_meant(rules::UNKNOWN_WORD, message, nearest(written, types()), || {
        format!("use one of {}", types().collect::<Vec<_>>().join(", "))
    });
}

/// The id of a step that a key names; whether it exists is `check`'s business.
pub(super) fn reference(object: &mut Object<'_>, key: &'static str) -> Option<String> {
    object.take(key).and_then(|at| at.string().map(str::to_owned))
}

fn condition(object: &mut Object<'_>) -> Option<StepKind> {
    let (on_true, on_false) = (reference(object, "on_true"), reference(object, "on_false"));
    let (condition, rule) = (object.take("condition"), object.take("rule_id"));
    let test = match (condition, rule) {
        (Some(condition), None) => Test::Condition(condition.condition()?),
        (None, Some(rule)) => Test::Rule(names::rule(&rule)?),
        (Some(_), Some(rule)) => {
            conflict(&rule, "condition");
            return None;
        }
        (None, None) => {
            // `need` lets a misspelt key excuse the missing one.
            object.need("condition");
            return None;
        }
    };
    Some(StepKind::Condition { test, on_true, on_false })
}

/// What decides or is written stands in the definition or in a rule.
fn conflict(rule: &At<'_>, other: &str) {
    let message = format!("`{other}` and `rule_id` cannot stand together");
    rule.report(rules::CONFLICTING_KEYS, message, Some("keep one of them".to_owned()));
}

fn set(object: &mut Object<'_>) -> Option<StepKind> {
    let Some(rule) = object.take("rule_id") else {
        return object.need("set").and_then(|at| action::assignments(&at)).map(StepKind::Set);
    };
    if object.take("set").is_some() {
        conflict(&rule, "set");
        return None;
    }
    Some(StepKind::Enrich { rule: names::rule(&rule)? })
}

fn switch(object: &mut Object<'_>) -> Option<StepKind> {
    let default = reference(object, "default");
    let cases = object.need("cases").and_then(|at| {
        let entries = at.list()?;
        if entries.is_empty() && default.is_none() {
            at.report(rules::MISSING_KEY, "a switch needs a case or a `default`", None);
        }
        let cases: Vec<_> = entries.iter().map(case).collect();
        cases.into_iter().collect()
    });
    Some(StepKind::Switch { cases: cases?, default })
}

fn case(at: &At<'_>) -> Option<Case> {
    let mut object = at.object("a case")?;
    let rule = object.take("rule_id");
    // Who wrote `condition` is told about that alone.
    let is_told = rule.is_some() || object.has("condition");
    let when = if is_told { object.take("when") } else { object.need("when") };
    let when = match (when, rule) {
        (Some(when), None) => when.condition().map(Test::Condition),
        (None, Some(rule)) => names::rule(&rule).map(Test::Rule),
        (Some(_), Some(rule)) => {
            conflict(&rule, "when");
            None
        }
        (None, None) => None,
    };
    let next = object.need("next").and_then(|at| at.string().map(str::to_owned));
    object.finish(|key| (key == "condition").then(|| "did you mean `when`?".to_owned()));
    Some(Case { when: when?, next: next? })
}

fn decision(object: &mut Object<'_>) -> Option<StepKind> {
    let execute = object.take("execute").map_or(Some(Vec::new()), |at| action::list(&at));
    let (on_approved, on_rejected, on_expired) = outcomes(object);
    let written = object.need("action");
    let decision = match written {
        // The flat spelling: the decision's keys stand in the step itself.
        Some(at) if at.value.is_string() => {
            let kind = at.word(words::DECISIONS);
            let reason = optional(object.take("reason"), At::text_template);
            let metadata = optional(object.take("metadata"), At::object_template);
            kind.map(|kind| Decision { kind, reason, metadata })
        }
        Some(at) => decision_object(&at),
        None => None,
    };
    Some(StepKind::Action { decision: decision?, execute: execute?, on_approved, on_rejected, on_expired })
}

fn decision_object(at: &At<'_>) -> Option<Decision> {
    let mut object = at.object("`action`")?;
    let kind = action::type_key(&mut object).and_then(|at| at.word(words::DECISIONS));
    let reason = optional(object.take("reason"), At::text_template);
    let metadata = optional(object.take("metadata"), At::object_template);
    object.finish(|key| (key == "execute").then(|| "`execute` belongs beside `action`, in the step".to_owned()));
    Some(Decision { kind: kind?, reason, metadata })
}

fn execute(object: &mut Object<'_>) -> Option<StepKind> {
    let execute = object.need("execute").and_then(|at| {
        let actions = action::list(&at)?;
        if actions.is_empty() {
            let message = "`execute` needs at least one action";
            at.report(rules::MISSING_KEY, message, None);
        }
        Some(actions)
    });
    Some(StepKind::Execute { execute: execute? })
}

fn outcomes(object: &mut Object<'_>) -> (Option<String>, Option<String>, Option<String>) {
    (reference(object, "on_approved"), reference(object, "on_rejected"), reference(object, "on_expired"))
}

fn approval_step(object: &mut Object<'_>) -> Option<StepKind> {
    let (on_approved, on_rejected, on_expired) = outcomes(object);
    let approval = object.need("approval").and_then(|at| approval::of_step(&at));
    Some(StepKind::Approval { approval: Box::new(approval?), on_approved, on_rejected, on_expired })
}

/// `code` and `message`, in the step or in an object `fail`.
fn fail(object: &mut Object<'_>) -> Option<StepKind> {
    let inner = object.take("fail");
    let mut inner_object = match &inner {
        Some(at) => Some(at.object("`fail`")?),
        None => None,
    };
    let keys = inner_object.as_mut().unwrap_or(object);
    let code = keys.take("code").map_or(Some("FAILED".to_owned()), |at| at.name_text().map(str::to_owned));
    let message = optional(keys.take("message"), At::text_template);
    if let Some(inner_object) = inner_object {
        inner_object.finish_plain();
    }
    Some(StepKind::Fail { code: code?, message })
}
