//! The words of the language, each with what it stands for.

use super::model::{
    Backoff, CatchUp, DecisionKind, LoaderKind, LogLevel, MissingFields, OnConflict, Overlap, ParallelStrategy,
    Priority,
};

pub(crate) const PRIORITIES: &[(&str, Priority)] =
    &[("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)];

pub(crate) const MISSING_FIELDS: &[(&str, MissingFields)] =
    &[("false", MissingFields::False), ("error", MissingFields::Error)];

pub(crate) const ON_CONFLICT: &[(&str, OnConflict)] =
    &[("queue", OnConflict::Queue), ("skip", OnConflict::Skip), ("cancel_running", OnConflict::CancelRunning)];

pub(crate) const CATCH_UP: &[(&str, CatchUp)] =
    &[("skip", CatchUp::Skip), ("one", CatchUp::One), ("all", CatchUp::All)];

pub(crate) const OVERLAP: &[(&str, Overlap)] = &[
    ("allow", Overlap::Allow),
    ("skip", Overlap::Skip),
    ("queue", Overlap::Queue),
    ("cancel_running", Overlap::CancelRunning),
];

pub(crate) const LOADERS: &[(&str, LoaderKind)] = &[
    ("http", LoaderKind::Http),
    ("graphql", LoaderKind::Graphql),
    ("sql", LoaderKind::Sql),
    ("redis", LoaderKind::Redis),
    ("record", LoaderKind::Record),
];

pub(crate) const DECISIONS: &[(&str, DecisionKind)] = &[
    ("allow", DecisionKind::Allow),
    ("block", DecisionKind::Block),
    ("execute", DecisionKind::Execute),
    ("require_approval", DecisionKind::RequireApproval),
];

pub(crate) const STRATEGIES: &[(&str, ParallelStrategy)] = &[
    ("all_must_pass", ParallelStrategy::AllMustPass),
    ("any_can_pass", ParallelStrategy::AnyCanPass),
    ("best_effort", ParallelStrategy::BestEffort),
];

pub(crate) const BACKOFFS: &[(&str, Backoff)] =
    &[("constant", Backoff::Constant), ("linear", Backoff::Linear), ("exponential", Backoff::Exponential)];

pub(crate) const LOG_LEVELS: &[(&str, LogLevel)] =
    &[("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warn", LogLevel::Warn), ("error", LogLevel::Error)];

pub(crate) const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Type of a step as written, with the keys that only it has.
pub(crate) const STEP_TYPES: &[(&str, &[&str])] = &[
    ("condition", &["condition", "rule_id", "on_true", "on_false"]),
    ("switch", &["cases", "default"]),
    ("action", &["action", "execute", "on_approved", "on_rejected", "on_expired"]),
    ("execute", &["execute"]),
    ("approval", &["approval", "on_approved", "on_rejected", "on_expired"]),
    ("wait", &["wait"]),
    ("parallel", &["parallel"]),
    ("foreach", &["foreach"]),
    ("while", &["while"]),
    ("set", &["set", "rule_id"]),
    ("workflow", &["workflow"]),
    ("fail", &["fail", "code", "message"]),
    ("end", &[]),
];

pub(crate) const ACTION_TYPES: &[&str] = &[
    "http_request",
    "webhook",
    "graphql_request",
    "create_record",
    "update_record",
    "delete_record",
    "get_record",
    "notify",
    "create_approval_request",
    "emit_event",
    "start_workflow",
    "llm",
    "log",
    "set",
];

/// The step types of the language.
pub fn step_types() -> impl Iterator<Item = &'static str> {
    STEP_TYPES.iter().map(|(name, _)| *name)
}

/// The action types of the language.
pub fn action_types() -> impl Iterator<Item = &'static str> {
    ACTION_TYPES.iter().copied()
}

/// What an `action` step can decide.
pub fn decisions() -> impl Iterator<Item = &'static str> {
    DECISIONS.iter().map(|(name, _)| *name)
}

/// How the branches of a `parallel` step are judged.
pub fn strategies() -> impl Iterator<Item = &'static str> {
    STRATEGIES.iter().map(|(name, _)| *name)
}

/// How the delays between attempts grow.
pub fn backoffs() -> impl Iterator<Item = &'static str> {
    BACKOFFS.iter().map(|(name, _)| *name)
}

/// Keys of a step that name another step. `wait.on_timeout` and `cases[].next` stand deeper.
pub(crate) const REFERENCE_KEYS: &[&str] =
    &["next", "on_error", "on_true", "on_false", "default", "on_approved", "on_rejected", "on_expired"];

/// Where a key has a meaning, if not here.
pub(crate) fn home_of_step_key(key: &str) -> Option<String> {
    let deeper = match key {
        "on_timeout" | "event" | "match" | "for" | "until" => Some("wait"),
        "branches" | "strategy" => Some("parallel"),
        "items" | "item_var" | "index_var" | "on_item_error" | "batch_size" => Some("foreach"),
        "max_iterations" => Some("while"),
        "max_attempts" | "backoff" | "delay" | "max_delay" | "jitter" | "retry_on" => Some("retry"),
        "role" | "users" | "quorum" | "expires_in" | "remind_every" | "escalate" | "form" => Some("approval"),
        "reason" => Some("action"),
        "url" | "method" | "headers" | "body" => {
            return Some(format!("`{key}` belongs to an action: put it into an entry of the `execute` list"));
        }
        _ => None,
    };
    if let Some(object) = deeper {
        return Some(format!("`{key}` belongs inside `{object}`"));
    }
    let homes: Vec<_> =
        STEP_TYPES.iter().filter(|(_, keys)| keys.contains(&key)).map(|(kind, _)| format!("`{kind}`")).collect();
    (!homes.is_empty()).then(|| format!("`{key}` is a key of steps of type {}", homes.join(" and ")))
}
