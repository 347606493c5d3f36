//! Calls over HTTP.

use serde_json::Value;

use super::invalid;
use crate::definition::HttpAction;
use crate::expr::{Template, to_text};
use crate::machine::effect::{Body, HttpRequest, StepError};
use crate::machine::view::View;

/// All of it may name secrets; where in the address is looked at afterwards.
pub(super) fn http(call: &HttpAction, view: &View<'_>) -> Result<HttpRequest, StepError> {
    let mut headers = pairs(call.headers.as_ref(), view, "headers")?;
    let mut basic = None;
    if let Some(auth) = &call.auth {
        match authorization(&auth.render(view)?)? {
            Authorization::Bearer(token) => headers.push(("authorization".to_owned(), format!("Bearer {token}"))),
            Authorization::Basic(name, password) => basic = Some((name, password)),
        }
    }
    let body = match (&call.body, &call.form) {
        (Some(body), _) => Some(match body.render(view)? {
            Value::String(text) => Body::Text(text),
            other => Body::Json(other),
        }),
        (None, Some(form)) => Some(Body::Form(pairs(Some(form), view, "form")?)),
        (None, None) => None,
    };
    Ok(HttpRequest {
        is_webhook: call.is_webhook,
        method: call.method.clone(),
        url: call.url.render_text(view)?,
        headers,
        basic,
        query: pairs(call.query.as_ref(), view, "query")?,
        body,
        expect_status: call.expect_status.clone(),
        max_response_bytes: call.max_response_bytes,
    })
}

/// An object as names and texts; a list gives a name several times.
fn pairs(template: Option<&Template>, view: &View<'_>, what: &str) -> Result<Vec<(String, String)>, StepError> {
    let Some(template) = template else { return Ok(Vec::new()) };
    let Value::Object(fields) = template.render(view)? else {
        return Err(invalid(&format!("`{what}` must be an object of names and values")));
    };
    let mut pairs = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::Array(members) => pairs.extend(members.iter().map(|member| (name.clone(), to_text(member)))),
            other => pairs.push((name, to_text(&other))),
        }
    }
    Ok(pairs)
}

enum Authorization {
    Bearer(String),
    Basic(String, String),
}

/// `{bearer}` or `{basic: {username, password}}`.
fn authorization(auth: &Value) -> Result<Authorization, StepError> {
    if let Some(token) = auth.get("bearer").and_then(Value::as_str) {
        return Ok(Authorization::Bearer(token.to_owned()));
    }
    if let Some(basic) = auth.get("basic") {
        let part = |name: &str| basic.get(name).map(to_text).unwrap_or_default();
        return Ok(Authorization::Basic(part("username"), part("password")));
    }
    Err(invalid("`auth` must be `{bearer: …}` or `{basic: {username, password}}`"))
}
