//! Where a value that a condition read came from.

use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Written in the definition.
    Literal,
    /// Computed by a template or an expression.
    Computed,
    /// The moment of the step.
    Now,
    /// The payload the execution was started with.
    Trigger,
    /// What a step returned: `steps.<id>`.
    Output(String),
    /// A step wrote it into the context: by `set`, by `save_as`, or with the event it waited for.
    Written(String),
    /// The item, index or count of a loop.
    Item(String),
    /// The answer of the last call (`data`), or the failure that is handled (`error`).
    Last,
    /// Given when the execution was resumed.
    Resumed,
    /// The execution or its workflow.
    Execution,
    /// What was loaded of the organization: its variables, integrations and resources.
    Organization,
    /// There is no such value.
    Nowhere,
}

impl Source {
    /// What the path alone tells: where its root stands for one thing only.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let mut parts = path.split(['.', '[', ']', '"', '\'']).filter(|part| !part.is_empty());
        Some(match parts.next().unwrap_or_default() {
            "now" | "today" => Self::Now,
            root if root.starts_with("now_plus_") || root.starts_with("now_minus_") => Self::Now,
            "steps" => Self::Output(parts.next()?.to_owned()),
            "trigger" => Self::Trigger,
            "workflow" | "execution" | "approval_url" => Self::Execution,
            _other => return None,
        })
    }

    /// The step it came from.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Output(step) | Self::Written(step) | Self::Item(step) => Some(step),
            Self::Literal
            | Self::Computed
            | Self::Now
            | Self::Trigger
            | Self::Last
            | Self::Resumed
            | Self::Execution
            | Self::Organization
            | Self::Nowhere => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal => f.write_str("literal"),
            Self::Computed => f.write_str("computed"),
            Self::Now => f.write_str("now"),
            Self::Trigger => f.write_str("trigger"),
            Self::Output(step) => write!(f, "output of step `{step}`"),
            Self::Written(step) => write!(f, "written by step `{step}`"),
            Self::Item(step) => write!(f, "item of loop `{step}`"),
            Self::Last => f.write_str("last call"),
            Self::Resumed => f.write_str("resume data"),
            Self::Execution => f.write_str("execution"),
            Self::Organization => f.write_str("organization"),
            Self::Nowhere => f.write_str("nowhere"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_roots_stand_for_one_thing_only() {
        let told = |path| Source::of_path(path).map(|source| source.to_string());
        assert_eq!(told("steps.charge.output.id").as_deref(), Some("output of step `charge`"));
        assert_eq!(told("now_minus_2h").as_deref(), Some("now"));
        assert_eq!(told("trigger.type").as_deref(), Some("trigger"));
        assert_eq!(told("order.total"), None);
    }
}
