//! What a field needs, as the schema declares it. The declaration is what is enforced, see [`super::needs`].

use async_graphql::TypeDirective;

use super::viewer::Permission;

/// The field needs a permission; without it the answer has an error with code FORBIDDEN.
#[TypeDirective(location = "FieldDefinition")]
pub fn authorized(#[graphql(desc = "Permission the caller needs in their organization.")] by: Permission) {}

/// The field needs nothing: whoever reaches the server may ask for it.
#[TypeDirective(location = "FieldDefinition")]
pub fn public() {}

/// The field needs a caller who is known, whatever they may do.
#[TypeDirective(location = "FieldDefinition", name = "signedIn")]
pub fn signed_in() {}
