//! The pages that errors and findings point at, from the binary: no other site has to be there.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use service::Code;

use super::refusal;

/// The pages of the repository.
#[derive(RustEmbed)]
#[folder = "../docs"]
struct Pages;

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
