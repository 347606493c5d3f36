//! GraphiQL from the binary: `GET /graphql` and its assets.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use service::Code;

use super::{accept, refusal};

/// What `npm run build` made. A build without Node has none of it and works all the same.
#[derive(RustEmbed)]
#[folder = "../web/graphiql/dist"]
#[allow_missing = true]
struct Dist;

/// Monaco makes its styles while it runs, which `style-src` without `'unsafe-inline'` forbids, and has its icons
/// in a data URL. Scripts, workers and connections are our own only, none of them inline.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; connect-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const MISSING_PAGE: &str = include_str!("graphiql_missing.html");

/// The page for browsers; queries are sent by POST only.
pub(super) async fn page(headers: HeaderMap) -> Response {
    if !accept::wants_page(&headers) {
        return by_post("send operations by POST; GET shows a page to browsers", "GET, POST");
    }
    let mut response = match Dist::get("index.html") {
        Some(file) => embedded(&file, "index.html", "no-cache", &headers),
        None => Html(MISSING_PAGE).into_response(),
    };
    let policy = HeaderValue::from_static(PAGE_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// `GET /graphql` where there is no page.
pub(super) async fn no_page() -> Response {
    by_post("send operations by POST", "POST")
}

fn by_post(message: &str, allowed: &'static str) -> Response {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, Code::BadRequest, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A file of the page. Its name has a hash of its content, so it never changes.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    const FOR_EVER: &str = "public, max-age=31536000, immutable";
    // In a debug build the files are read from the disk, where a path could lead elsewhere.
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return refusal(StatusCode::NOT_FOUND, Code::NotFound, "there is no such file");
    }
    let name = format!("assets/{path}");
    if accepts_brotli(&headers)
        && let Some(file) = Dist::get(&format!("{name}.br"))
    {
        let mut response = embedded(&file, &name, FOR_EVER, &headers);
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        return varying(response);
    }
    match Dist::get(&name) {
        Some(file) => varying(embedded(&file, &name, FOR_EVER, &headers)),
        None => refusal(StatusCode::NOT_FOUND, Code::NotFound, "there is no such file"),
    }
}

fn varying(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn embedded(file: &EmbeddedFile, name: &str, cache: &'static str, headers: &HeaderMap) -> Response {
    let tag = entity_tag(file);
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_type = HeaderValue::from_static(content_type(name));
        ([(header::CONTENT_TYPE, content_type)], file.data.clone()).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response.headers_mut().insert(
        header::ETAG,
        HeaderValue::from_str(&tag).expect("hexadecimal digits between quotes are a header value"),
    );
    response
}

fn entity_tag(file: &EmbeddedFile) -> String {
    use std::fmt::Write as _;
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        write!(tag, "{byte:02x}").expect("writing to a string cannot fail");
    }
    tag.push('"');
    tag
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ttf") => "font/ttf",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("br") && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0"))
    })
}
