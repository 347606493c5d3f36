//! The pages that errors and findings point at, from the binary: no other site has to be there.

use std::sync::Arc;

use async_graphql::Executor;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use service::Code;

use super::{Shared, refusal};

/// The pages of the repository.
#[derive(RustEmbed)]
#[folder = "../docs"]
struct Pages;

/// How long what `security.txt` says may be believed: it is made anew for each reader.
const SECURITY_TEXT_HOLDS: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// The page of an error code.
pub(super) async fn error(Path(code): Path<String>) -> Response {
    let code = code.trim_end_matches(".md");
    // In a debug build the files are read from the disk, where a path could lead elsewhere.
    if !code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return missing();
    }
    page(&format!("errors/{code}.md"))
}

/// The findings of the check of definitions.
pub(super) async fn problems() -> Response {
    page("problems.md")
}

/// Where to report a weakness, as RFC 9116 has it. Who runs this installation is known to its operator alone.
pub(super) async fn security<E: Executor>(State(shared): State<Arc<Shared<E>>>) -> Response {
    let Some(contact) = &shared.config.security_contact else { return missing() };
    let expires = chrono::Utc::now() + SECURITY_TEXT_HOLDS;
    let expires = expires.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let text = format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en\n");
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

fn page(name: &str) -> Response {
    match Pages::get(name) {
        Some(file) => {
            let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
            ([(header::CONTENT_TYPE, content_type)], file.data).into_response()
        }
        None => missing(),
    }
}

fn missing() -> Response {
    refusal(StatusCode::NOT_FOUND, Code::NotFound, "there is no such page")
}
