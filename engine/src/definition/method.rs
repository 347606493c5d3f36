//! HTTP methods and addresses.

use url::Url;

use super::reader::At;
use super::suggest::nearest;
use super::words::METHODS;
use crate::check::rules;
use crate::expr::Template;

/// A method in upper case.
pub(super) fn decode(at: &At<'_>) -> Option<String> {
    let text = at.string()?;
    let upper = text.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        return Some(upper);
    }
    let message = format!("`{}` is not an HTTP method", super::names::shorten(text));
    let near = nearest(&upper, METHODS.iter().copied());
    at.report_meant(rules::BAD_METHOD, message, near, || format!("use one of {}", METHODS.join(", ")));
    None
}

/// An address; what is written out of it is checked, what is rendered cannot be.
pub(super) fn url(at: &At<'_>) -> Option<Template> {
    let text = at.name_text()?;
    let template = at.template()?;
    let fault = if template.is_literal() { whole_url(text) } else { url_start(text) };
    if let Some(fault) = fault {
        let message = format!("`{}` cannot be called: {fault}", super::names::shorten(text));
        let hint = "write it as https://host/path".to_owned();
        at.report(rules::BAD_URL, message, Some(hint));
        return None;
    }
    Some(template)
}

fn whole_url(text: &str) -> Option<String> {
    match Url::parse(text) {
        Err(error) => Some(error.to_string()),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Some(wrong_scheme(url.scheme())),
        Ok(_) => None,
    }
}

/// The scheme, if it stands before the first template.
fn url_start(text: &str) -> Option<String> {
    let start = &text[..text.find("{{").unwrap_or(text.len())];
    if start.is_empty() {
        return None;
    }
    match start.split_once("://") {
        Some(("http" | "https", _)) => None,
        Some((scheme, _)) => Some(wrong_scheme(scheme)),
        // `http{{…}}` may still become an address.
        None if "https://".starts_with(start) || "http://".starts_with(start) => None,
        None => Some("it does not begin with http:// or https://".to_owned()),
    }
}

fn wrong_scheme(scheme: &str) -> String {
    format!("`{scheme}` is neither http nor https")
}
