//! Entries of `errors`: every one has a code, and nobody outside sees what broke inside.

use std::any::Any;

use async_graphql::{ErrorExtensionValues, Response, ServerError, Value};
use service::Code;

use crate::limits::MAX_ERRORS_TOLD;
use crate::request_id::RequestId;

/// What clients read when something broke on our side.
pub const INTERNAL_MESSAGE: &str = "something broke on our side";

/// An entry of `errors` with a code.
#[must_use]
pub fn server_error(code: Code, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set(&mut error, "code", code.as_str());
    error
}

/// The entry that clients see for anything that broke inside: no text of ours, but the id to look for in the log.
#[must_use]
pub fn internal(id: &RequestId) -> ServerError {
    let mut error = server_error(Code::Internal, INTERNAL_MESSAGE);
    set(&mut error, "requestId", id.as_str());
    error
}

/// Whether a response refuses the whole request: nothing was executed.
///
/// async-graphql gives errors of parsing and validation no path, and errors of execution always one.
pub(crate) fn is_refusal(response: &Response) -> bool {
    !response.errors.is_empty()
        && response.data == Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Gives every error a code and masks those that nobody meant for clients.
pub(crate) fn settle(response: &mut Response, id: &RequestId) {
    let refused = is_refusal(response);
    if refused && response.errors.len() > MAX_ERRORS_TOLD {
        response.errors.truncate(MAX_ERRORS_TOLD);
    }
    for error in &mut response.errors {
        match code_of(error) {
            Some(code) if code == Code::Internal.as_str() => set(error, "requestId", id.as_str()),
            Some(_) => {}
            None if refused => set(error, "code", code_of_refusal(&error.message).as_str()),
            None if is_input_mistake(error) => set(error, "code", Code::BadRequest.as_str()),
            None => mask(error, id),
        }
    }
}

/// An error without a code was not written for clients; its text goes to the log only.
fn mask(error: &mut ServerError, id: &RequestId) {
    tracing::error!(request.id = %id, error = %error.message, "a resolver failed with an error that has no code");
    let masked = internal(id);
    error.message = masked.message;
    error.extensions = masked.extensions;
}

/// The text of a panic, for the log.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

fn code_of(error: &ServerError) -> Option<String> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code.clone()),
        _ => None,
    }
}

/// The schema's own limits of depth and cost report nothing but a text.
fn code_of_refusal(message: &str) -> Code {
    if matches!(message, "Query is nested too deep." | "Query is too complex.")
        || message.starts_with("The recursion depth of the query")
        || message.starts_with("The number of directives on the field")
    {
        Code::QueryTooComplex
    } else {
        Code::BadDocument
    }
}

/// async-graphql reports values that do not fit their input type during execution, with one of these texts
/// and without a source; whatever `?` turned into an error has a source.
fn is_input_mistake(error: &ServerError) -> bool {
    const BEGINNINGS: [&str; 4] =
        ["Failed to parse \"", "Expected input type \"", "Invalid value for argument \"", "Variable "];
    error.source.is_none() && BEGINNINGS.iter().any(|beginning| error.message.starts_with(beginning))
}

fn set(error: &mut ServerError, name: &str, value: &str) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_code_is_masked_and_one_with_a_code_is_kept() {
        let id = RequestId::new();
        let at = |mut error: ServerError| {
            error.path.push(async_graphql::PathSegment::Field("x".to_owned()));
            error
        };
        let mut response = Response::from_errors(vec![
            at(ServerError::new("no such table: secret", None)),
            at(server_error(Code::Forbidden, "this needs the permission EVENT_EMIT")),
            at(ServerError::new("Failed to parse \"Int\": out of range", None)),
        ]);
        settle(&mut response, &id);
        let told: Vec<_> =
            response.errors.iter().map(|error| (error.message.as_str(), code_of(error).unwrap())).collect();
        assert_eq!(
            told,
            [
                (INTERNAL_MESSAGE, "INTERNAL".to_owned()),
                ("this needs the permission EVENT_EMIT", "FORBIDDEN".to_owned()),
                ("Failed to parse \"Int\": out of range", "BAD_REQUEST".to_owned()),
            ]
        );
        let extensions = response.errors[0].extensions.as_ref().unwrap();
        assert_eq!(extensions.get("requestId"), Some(&Value::from(id.as_str())));
    }

    #[test]
    fn a_refused_document_tells_at_most_twenty_errors() {
        let mut response =
            Response::from_errors((0..500).map(|n| ServerError::new(format!("Unknown field {n}"), None)).collect());
        settle(&mut response, &RequestId::new());
        assert_eq!(response.errors.len(), MAX_ERRORS_TOLD);
        assert!(response.errors.iter().all(|error| code_of(error).unwrap() == "BAD_DOCUMENT"));
    }
}
