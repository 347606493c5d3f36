use super::*;
use crate::machine::effect::{Body, HttpRequest};

fn request(url: &str, body: &str) -> EffectRequest {
    EffectRequest::Http(HttpRequest {
        is_webhook: false,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        basic: None,
        query: Vec::new(),
        body: Some(Body::Text(body.to_owned())),
        expect_status: Vec::new(),
        max_response_bytes: None,
    })
}

fn marks(body: &str) -> SecretMarks {
    secrets::marks(&request("https://example.org", body), vec!["key".to_owned()])
}

#[test]
fn a_mark_occurs_nowhere_else_whatever_the_payload_says() {
    assert_eq!(marks("plain").mark, "\u{FDD0}0:");
    assert_eq!(marks("\u{FDD0}0:key\u{FDD1} and \u{FDD0}1:").mark, "\u{FDD0}2:");
    let nested = EffectRequest::Graphql(super::super::GraphqlCall {
        to: super::super::CallTo::Service("shop".to_owned()),
        query: String::new(),
        variables: serde_json::json!({ "a": [{ "\u{FDD0}0:": 1 }] }),
    });
    assert_eq!(secrets::marks(&nested, Vec::new()).mark, "\u{FDD0}1:", "names of fields count too");
}

#[test]
fn a_secret_never_says_whom_it_is_sent_to() {
    let marks = marks("");
    let key = format!("{}key{}", marks.mark, marks.end);
    for (url, is_right) in [
        ("https://example.org/a/<key>", true),
        ("https://example.org?key=<key>", true),
        ("https://example.org:8443/<key>/b#<key>", true),
        ("https://<key>/a", false),
        ("https://a.<key>/", false),
        ("https://example.org<key>", false),
        ("https:///<key>/a", false),
        ("https:<key>", false),
        ("https://example.org:8<key>/", false),
        ("https://<key>@example.org/", false),
        ("https://user:<key>@example.org/", false),
        ("http<key>://example.org/", false),
        ("https://example.org\\@<key>/", true),
        ("<key>", false),
    ] {
        let checked = secrets::check(&request(&url.replace("<key>", &key), ""), &marks);
        assert_eq!(checked.is_ok(), is_right, "{url}: {checked:?}");
    }
}

#[test]
fn what_stands_for_a_secret_is_replaced_as_a_whole() {
    let marks = marks("");
    let text = format!("a {0}key{1}{0}key{1} b {0}open", marks.mark, marks.end);
    assert_eq!(secrets::replaced(&text, &marks, "***"), format!("a ****** b {}open", marks.mark));
}
