//! Names that an organization has.

use super::outline::{Outline, Use, Used};
use super::{Finder, rules};
use crate::definition::suggest::nearest;
use crate::fix;
use crate::rule::RuleKind;

/// Whether a name that a definition uses is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    Yes,
    No,
    /// Nobody can tell, as in an offline check.
    Unknown,
}

/// What an organization has under the name of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleStanding {
    /// Nobody can tell, as in an offline check.
    Unknown,
    /// Nothing; with the name that was probably meant.
    Absent {
        /// A rule that there is.
        meant: Option<String>,
    },
    /// A rule that is switched off.
    Disabled,
    /// A rule.
    Enabled(RuleKind),
}

impl RuleStanding {
    /// That there is no rule `slug`, while there are those with `names`.
    pub fn absent(slug: &str, names: &[String]) -> Self {
        Self::Absent { meant: nearest(slug, names.iter().map(String::as_str)).map(str::to_owned) }
    }
}

/// What an organization has, for the names that a definition uses.
pub trait Registry {
    fn rule(&self, slug: &str) -> RuleStanding;
    fn workflow_exists(&self, workflow_id: &str) -> Existence;
    fn service_exists(&self, name: &str) -> Existence;
    fn resource_exists(&self, name: &str) -> Existence;
    fn secret_exists(&self, name: &str) -> Existence;
    fn variable_exists(&self, _name: &str) -> Existence {
        Existence::Unknown
    }
}

/// The registry of an offline check: everything is [`Existence::Unknown`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl Registry for Offline {
    fn rule(&self, _slug: &str) -> RuleStanding {
        RuleStanding::Unknown
    }

    fn workflow_exists(&self, _workflow_id: &str) -> Existence {
        Existence::Unknown
    }

    fn service_exists(&self, _name: &str) -> Existence {
        Existence::Unknown
    }

    fn resource_exists(&self, _name: &str) -> Existence {
        Existence::Unknown
    }

    fn secret_exists(&self, _name: &str) -> Existence {
        Existence::Unknown
    }
}

pub(super) fn check(outline: &Outline<'_>, known: &dyn Registry, finder: &mut Finder) {
    for used in &outline.uses {
        let (rule, existence, message) = match used.what {
            Used::Rule { slug, decides } => {
                standing(used, slug, decides, known.rule(slug), finder);
                continue;
            }
            Used::Workflow(id) => {
                (rules::UNKNOWN_WORKFLOW, known.workflow_exists(id), format!("there is no workflow `{id}`"))
            }
            Used::Service(name) => {
                (rules::UNKNOWN_SERVICE, known.service_exists(name), format!("there is no service `{name}`"))
            }
            Used::HookSecret(name) => {
                (rules::UNKNOWN_SECRET, known.secret_exists(name), format!("there is no secret `{name}`"))
            }
            Used::Resource(_) | Used::Loader { .. } => continue,
        };
        if existence == Existence::No {
            finder.add(rule, used.pointer.clone(), used.step, message, None);
        }
    }
}

fn standing(used: &Use<'_>, slug: &str, decides: bool, standing: RuleStanding, finder: &mut Finder) {
    let shown: String = slug.chars().take(100).collect();
    let (rule, message, suggestion, fix) = match standing {
        RuleStanding::Enabled(kind) if kind.decides() == decides => return,
        RuleStanding::Unknown => return,
        RuleStanding::Enabled(kind) => {
            let hint = if decides {
                "name a condition or a validation here, or use the enrichment in a step of type `set`"
            } else {
                "name an enrichment here, or use the rule in a step of type `condition` or `switch`"
            };
            let message = format!("the rule `{shown}` is of kind {}, which has no place here", kind.name());
            (rules::WRONG_RULE, message, hint.to_owned(), Vec::new())
        }
        RuleStanding::Disabled => {
            let hint = "switch it on with `ruleEnable`, or name another".to_owned();
            (rules::DISABLED_RULE, format!("the rule `{shown}` is disabled"), hint, Vec::new())
        }
        RuleStanding::Absent { meant } => {
            let fix = meant.as_ref().map(|meant| fix::replace(&used.pointer, meant.as_str())).unwrap_or_default();
            let hint = meant.map_or_else(
                || "create it with `ruleCreate`, or write the condition into the step".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            (rules::UNKNOWN_RULE, format!("there is no rule `{shown}`"), hint, fix)
        }
    };
    finder.add_with(rule, used.pointer.clone(), used.step, (message, Some(suggestion)), fix);
}
