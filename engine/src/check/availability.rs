//! What the language has and this version cannot run yet. Each line goes when its part comes.

use super::outline::{Outline, Use, Used};
use super::{Existence, Finder, Registry, rules};

/// Action types that this version cannot run.
pub const ACTION_TYPES: &[&str] =
    &["graphql_request", "create_record", "update_record", "delete_record", "get_record", "notify", "llm"];

/// Trigger types that this version cannot serve.
pub const TRIGGER_TYPES: &[&str] = &[];

pub(super) fn check(outline: &Outline<'_>, known: &dyn Registry, finder: &mut Finder) {
    for used in &outline.uses {
        let what = match used.what {
            Used::ActionType(kind) if ACTION_TYPES.contains(&kind) => format!("action `{kind}`"),
            Used::TriggerType(kind) if TRIGGER_TYPES.contains(&kind) => {
                format!("trigger type `{kind}`")
            }
            Used::HookSecret => {
                "the `secret` of a webhook trigger, which names a secret of the organization,".to_owned()
            }
            Used::Loader { name, is_optional: false } => {
                format!("loading the required resource `{name}`")
            }
            Used::Loader { name, is_optional: true } => {
                unregistered(used, name, finder);
                continue;
            }
            Used::Resource(name) => {
                if known.resource_exists(name) != Existence::Yes {
                    unregistered(used, name, finder);
                }
                continue;
            }
            Used::ActionType(_) | Used::TriggerType(_) | Used::Rule { .. } | Used::Workflow(_) | Used::Service(_) => {
                continue;
            }
        };
        let message = format!("{what} is not available in this version");
        finder.add(rules::NOT_AVAILABLE, used.pointer.clone(), used.step, message, None);
    }
}

fn unregistered(used: &Use<'_>, name: &str, finder: &mut Finder) {
    let message = format!("the resource `{name}` is not registered, so it will be absent");
    let hint = "give the value in the payload, or register the resource".to_owned();
    let pointer = used.pointer.clone();
    finder.add(rules::UNREGISTERED_RESOURCE, pointer, used.step, message, Some(hint));
}
