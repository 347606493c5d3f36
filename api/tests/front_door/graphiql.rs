//! The page for browsers.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::front_door::support::{door, get};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn page() -> Request<Body> {
    Request::get("/graphql").header(header::ACCEPT, BROWSER).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_root_leads_to_the_page() {
    let answer = door().send(get("/")).await;
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.header("location"), "/graphql");
}

/// Holds for a build with the page and for one without: both serve HTML with own scripts only.
#[tokio::test]
async fn a_browser_gets_a_page_that_may_only_load_what_is_ours() {
    let answer = door().send(page()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe-eval") && !policy.contains("http"), "{policy}");
    let text = answer.text();
    assert!(!text.contains("src=\"http") && !text.contains("href=\"http"), "{text}");
    assert!(text.contains("Sluice API"));
}

#[tokio::test]
async fn assets_are_cached_for_ever_and_a_missing_one_is_404() {
    let door = door();
    let page = door.send(page()).await.text();
    let missing = door.send(get("/graphql/assets/none.js")).await;
    assert_eq!((missing.status, missing.code()), (StatusCode::NOT_FOUND, "NOT_FOUND".to_owned()));
    for escape in
        ["/graphql/assets/../index.html", "/graphql/assets/..%2f..%2fpackage.json", "/graphql/assets/%2e%2e/index.html"]
    {
        assert_eq!(door.send(get(escape)).await.status, StatusCode::NOT_FOUND, "{escape}");
    }
    // The assets that the page names; a build without Node names none.
    for asset in page.split('"').filter(|part| part.starts_with("/graphql/assets/")) {
        let plain = door.send(get(asset)).await;
        assert_eq!(plain.status, StatusCode::OK, "{asset}");
        assert!(plain.header("cache-control").contains("immutable"), "{asset}");
        let tag = plain.header("etag").to_owned();
        let again = Request::get(asset).header(header::IF_NONE_MATCH, &tag).body(Body::empty()).unwrap();
        let known = door.send(again).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED, "{asset}");
        assert!(known.body.is_empty());
    }
}
