//! What the guard learns about a document on the way.

use super::scan::{Definition, DefinitionKind};

/// Sort of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Reads.
    Query,
    /// Changes something.
    Mutation,
    /// A stream of events.
    Subscription,
}

/// The operations of a document that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    operations: Vec<(Option<String>, OperationKind)>,
    root_fields: u64,
    introspects: bool,
}

impl Outline {
    pub(super) fn of(definitions: &[Definition<'_>]) -> Self {
        let operations = definitions.iter().filter_map(|definition| match definition.kind {
            DefinitionKind::Operation(kind) => Some((definition.name.map(str::to_owned), kind)),
            DefinitionKind::Fragment => None,
        });
        Self {
            operations: operations.collect(),
            root_fields: definitions.iter().map(|definition| definition.root_fields).max().unwrap_or_default(),
            introspects: definitions.iter().any(|definition| definition.introspects),
        }
    }

    /// Root fields of the operation that has most, without those in its fragments.
    #[must_use]
    pub const fn root_fields(&self) -> u64 {
        self.root_fields
    }

    /// Whether the document asks for the schema anywhere; `__typename` does not.
    #[must_use]
    pub const fn introspects(&self) -> bool {
        self.introspects
    }

    /// The sort of the operation that a request with this `operationName` runs; none if there is no such one.
    #[must_use]
    pub fn kind(&self, operation_name: Option<&str>) -> Option<OperationKind> {
        match (operation_name, self.operations.as_slice()) {
            (None, [(_, kind)]) => Some(*kind),
            (None, _) => None,
            (Some(wanted), operations) => {
                operations.iter().find(|(name, _)| name.as_deref() == Some(wanted)).map(|(_, kind)| *kind)
            }
        }
    }
}
