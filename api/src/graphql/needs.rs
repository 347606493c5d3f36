//! What each field needs, read from the schema's own text: declaration and enforcement cannot differ.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_graphql::Value;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{ConstDirective, FieldDefinition, TypeKind, TypeSystemDefinition};
use service::viewer::{Forbidden, Permission};
use service::{ServiceError, Viewer};

/// The types whose every field declares what it needs. What is undeclared there is refused.
const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// What a field needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// A viewer.
    Viewer,
    /// A viewer who holds a permission.
    Permission(Permission),
    /// More than anybody has: it declares nothing, or something that this release does not understand.
    Undeclared,
}

impl Need {
    /// Refuses unless `viewer` has what is needed.
    pub fn check(self, viewer: Option<&Viewer>) -> Result<(), Refusal> {
        let viewer = || viewer.ok_or(Refusal::Known(ServiceError::Unauthenticated));
        match self {
            Self::Nothing => Ok(()),
            Self::Viewer => viewer().map(|_somebody| ()),
            Self::Permission(permission) => {
                viewer()?.require(permission).map_err(|lack: Forbidden| Refusal::Known(lack.into()))
            }
            Self::Undeclared => Err(Refusal::Undeclared),
        }
    }
}

/// Why a field is not resolved.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The viewer is unknown or lacks a permission.
    Known(ServiceError),
    /// The field declares nothing.
    Undeclared,
}

/// What the fields of all types need, as far as they need something of their own.
#[derive(Debug, Default)]
pub(super) struct Needs(HashMap<String, HashMap<String, Need>>);

impl Needs {
    /// Those of this API.
    pub fn of_api() -> &'static Self {
        static NEEDS: LazyLock<Needs> = LazyLock::new(|| Needs::of(&super::bare().finish().sdl()));
        &NEEDS
    }

    /// Reads a schema's text.
    pub fn of(sdl: &str) -> Self {
        let schema = parse_schema(sdl).expect("the library reads what it writes");
        let mut needs = Self::default();
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            let TypeKind::Object(object) = definition.node.kind else { continue };
            let is_root = ROOTS.contains(&name.as_str());
            let declared = object.fields.iter().filter_map(|field| {
                let need = declared(&field.node).or(is_root.then_some(Need::Undeclared))?;
                Some((field.node.name.node.to_string(), need))
            });
            let declared: HashMap<String, Need> = declared.collect();
            if !declared.is_empty() {
                needs.0.insert(name, declared);
            }
        }
        needs
    }

    /// What a field needs beyond its parent; none when that is nothing.
    pub fn of_field(&self, parent: &str, field: &str) -> Option<Need> {
        let fields = self.0.get(parent);
        match fields.and_then(|fields| fields.get(field)) {
            Some(need) => Some(*need),
            // What describes the schema belongs to no part of it.
            None if ROOTS.contains(&parent) && !field.starts_with("__") => Some(Need::Undeclared),
            None => None,
        }
    }
}

/// What the directives of a field say. Two that contradict each other are as good as none.
fn declared(field: &FieldDefinition) -> Option<Need> {
    let mut said = field.directives.iter().filter_map(|directive| need(&directive.node));
    let first = said.next()?;
    Some(if said.next().is_some() { Need::Undeclared } else { first })
}

fn need(directive: &ConstDirective) -> Option<Need> {
    match directive.name.node.as_str() {
        "public" => Some(Need::Nothing),
        "signedIn" => Some(Need::Viewer),
        "authorized" => {
            let by = directive.arguments.iter().find(|(name, _)| name.node == "by").map(|(_, value)| &value.node);
            let known = match by {
                Some(Value::Enum(name)) => Permission::parse(name),
                _ => None,
            };
            Some(known.map_or(Need::Undeclared, Need::Permission))
        }
        _other => None,
    }
}

#[cfg(test)]
mod tests {
    use ids::OrganizationId;
    use service::viewer::Permissions;

    use super::*;

    const SCHEMA: &str = r"
        type Query {
            open: Int @public
            own: Int @signedIn
            guarded: Thing @authorized(by: WORKFLOW_READ)
            forgotten: Int
            unknown: Int @authorized(by: FLY)
            both: Int @public @authorized(by: WORKFLOW_READ)
        }
        type Thing { plain: Int secret: Int @authorized(by: EXECUTION_DATA_READ) }
        type Other { plain: Int }
    ";

    #[test]
    fn a_field_needs_what_it_declares() {
        let needs = Needs::of(SCHEMA);
        assert_eq!(needs.of_field("Query", "open"), Some(Need::Nothing));
        assert_eq!(needs.of_field("Query", "own"), Some(Need::Viewer));
        assert_eq!(needs.of_field("Query", "guarded"), Some(Need::Permission(Permission::WorkflowRead)));
        assert_eq!(needs.of_field("Thing", "secret"), Some(Need::Permission(Permission::ExecutionDataRead)));
        assert_eq!(needs.of_field("Thing", "plain"), None);
        assert_eq!(needs.of_field("Other", "plain"), None);
    }

    #[test]
    fn a_root_field_that_declares_nothing_clear_is_refused() {
        let needs = Needs::of(SCHEMA);
        for field in ["forgotten", "unknown", "both", "absent"] {
            assert_eq!(needs.of_field("Query", field), Some(Need::Undeclared), "{field}");
        }
        assert_eq!(needs.of_field("Mutation", "absent"), Some(Need::Undeclared));
        let owner = Viewer::owner(OrganizationId::new());
        assert!(matches!(Need::Undeclared.check(Some(&owner)), Err(Refusal::Undeclared)));
    }

    #[test]
    fn who_is_unknown_is_asked_to_sign_in_and_who_is_known_is_told_what_they_lack() {
        let need = Need::Permission(Permission::EventEmit);
        assert!(matches!(need.check(None), Err(Refusal::Known(ServiceError::Unauthenticated))));
        let mut viewer = Viewer::owner(OrganizationId::new());
        assert!(need.check(Some(&viewer)).is_ok());
        viewer.permissions = Permissions::NONE;
        let refused = need.check(Some(&viewer));
        assert!(matches!(refused, Err(Refusal::Known(ServiceError::Forbidden(Forbidden(Permission::EventEmit))))));
        assert!(Need::Viewer.check(Some(&viewer)).is_ok());
    }

    #[test]
    fn every_root_field_of_this_api_declares_what_it_needs() {
        let needs = &Needs::of_api().0;
        for root in ROOTS {
            let silent: Vec<_> = needs[root].iter().filter(|(_, need)| **need == Need::Undeclared).collect();
            assert!(
                silent.is_empty(),
                "add `directive = authorized::apply(Permission::…)`, `public::apply()` or `signed_in::apply()` \
                 to these fields of {root}: {silent:?}"
            );
        }
    }
}
