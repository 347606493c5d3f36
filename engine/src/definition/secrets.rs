//! Where a definition may name secrets.

use super::model::ActionKind;
use crate::expr::Template;

/// The keys of an action that may name secrets, with what they hold.
pub(crate) fn secret_parts(kind: &ActionKind) -> Vec<(&'static str, &Template)> {
    let parts = match kind {
        ActionKind::Http(call) => vec![
            ("url", Some(&call.url)),
            ("headers", call.headers.as_ref()),
            ("query", call.query.as_ref()),
            ("body", call.body.as_ref()),
            ("form", call.form.as_ref()),
            ("auth", call.auth.as_ref()),
        ],
        ActionKind::GraphqlRequest { variables, .. } => vec![("variables", variables.as_ref())],
        ActionKind::Record { data, .. } => vec![("data", data.as_ref())],
        ActionKind::Log { .. }
        | ActionKind::Set(_)
        | ActionKind::EmitEvent { .. }
        | ActionKind::StartWorkflow { .. }
        | ActionKind::CreateApproval { .. }
        | ActionKind::Notify { .. }
        | ActionKind::Llm(_)
        | ActionKind::Load => Vec::new(),
    };
    parts.into_iter().filter_map(|(key, template)| Some((key, template?))).collect()
}
