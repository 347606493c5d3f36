//! Who may ask for the schema, and which documents are executed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::{StatusCode, header};
use futures::FutureExt;
use futures::future::BoxFuture;
use ids::OrganizationId;
use serde_json::{Value, json};
use service::{ServiceError, Viewer, documents};
use sluice_api::{HttpConfig, Introspection, Manifest, OperationPolicy, PersistedDocuments};

use crate::front_door::support::{Answer, Door, config, get, peopled_door, post_as};

const SCHEMA: &str = "{ __schema { queryType { name } } }";

async fn ask(door: &Door, name: Option<&str>, query: &str) -> Answer {
    door.send(post_as(name, json!({ "query": query }).to_string())).await
}

#[tokio::test]
async fn the_schema_is_told_to_those_who_may_know_it() {
    let table = [
        (Introspection::On, Some("ada"), ""),
        (Introspection::On, None, ""),
        (Introspection::SignedIn, Some("ada"), ""),
        (Introspection::SignedIn, None, "UNAUTHENTICATED"),
        (Introspection::Off, Some("ada"), "FORBIDDEN"),
        (Introspection::Off, None, "FORBIDDEN"),
    ];
    for (introspection, name, code) in table {
        let door = peopled_door(HttpConfig { introspection, ..config() });
        assert_eq!(ask(&door, name, SCHEMA).await.code_or_none(), code, "{introspection:?} for {name:?}");
        // The name of a type is told to everybody: clients ask for it in every selection.
        assert_eq!(ask(&door, name, "{ __typename }").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn no_way_of_writing_gets_around_the_rule_of_introspection() {
    let door = peopled_door(config());
    for document in [
        "{ a: __schema { queryType { name } } }",
        "{ a : __type(name: \"Query\") { name } }",
        "query { ... { __schema { queryType { name } } } }",
        "{ ...F } fragment F on Query { __schema { queryType { name } } }",
        "{ ... on Query { x: __type(name: \"Query\") { name } } }",
        "{ number(n: 1) } query Other { __schema { queryType { name } } }",
    ] {
        let answer = ask(&door, None, document).await;
        assert_eq!(answer.code(), "UNAUTHENTICATED", "{document}: {}", answer.text());
    }
}

#[tokio::test]
async fn no_mistake_is_answered_with_names_that_would_have_been_right() {
    let door = peopled_door(config());
    for near in ["{ nod }", "{ numbe(n: 1) }", "{ organisation }", "mutation { touc }"] {
        let text = ask(&door, None, near).await.text();
        assert!(!text.contains("Did you mean"), "{text}");
    }
}

#[tokio::test]
async fn without_the_page_a_browser_gets_no_page() {
    let door = peopled_door(HttpConfig { graphiql: false, ..config() });
    let mut request = get("/graphql");
    request.headers_mut().insert(header::ACCEPT, "text/html".parse().unwrap());
    let answer = door.send(request).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    for path in ["/", "/graphql/assets/index.js"] {
        assert_eq!(door.send(get(path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(ask(&door, Some("ada"), "{ number(n: 1) }").await.status, StatusCode::OK);
}

/// Keeps what it is given, under what it was given it.
#[derive(Debug, Default)]
struct Kept(Mutex<HashMap<(OrganizationId, String), Arc<str>>>);

impl PersistedDocuments for Kept {
    fn find<'a>(
        &'a self,
        viewer: &'a Viewer,
        digest: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<str>>, ServiceError>> {
        let found = self.0.lock().unwrap().get(&(viewer.organization, digest.to_owned())).cloned();
        futures::future::ready(Ok(found)).boxed()
    }

    fn keep<'a>(&'a self, viewer: &'a Viewer, document: &'a str) -> BoxFuture<'a, Result<(), ServiceError>> {
        let key = (viewer.organization, documents::digest(document));
        self.0.lock().unwrap().insert(key, Arc::from(document));
        futures::future::ready(Ok(())).boxed()
    }
}

fn keeping_door() -> (Door, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let persisted: Arc<dyn PersistedDocuments> = kept.clone();
    (peopled_door(HttpConfig { persisted: Some(persisted), ..config() }), kept)
}

fn named(query: Option<&str>, digest: &str) -> String {
    let mut body = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": digest } } });
    if let Some(query) = query {
        body["query"] = json!(query);
    }
    body.to_string()
}

#[tokio::test]
async fn a_document_that_was_sent_once_is_named_by_its_digest_from_then_on() {
    let (door, _kept) = keeping_door();
    let document = "{ number(n: 5) }";
    let digest = documents::digest(document);
    let by_digest = || post_as(Some("ada"), named(None, &digest));
    assert_eq!(door.send(by_digest()).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    let expected = json!({ "data": { "number": 5 } });
    assert_eq!(door.send(post_as(Some("ada"), named(Some(document), &digest))).await.json(), expected);
    assert_eq!(door.send(by_digest()).await.json(), expected);
    // Everybody of the organization, and nobody else.
    assert_eq!(door.send(post_as(Some("bob"), named(None, &digest))).await.json(), expected);
    for stranger in [Some("other-ada"), None] {
        let answer = door.send(post_as(stranger, named(None, &digest))).await;
        assert_eq!(answer.code(), "PERSISTED_QUERY_NOT_FOUND", "{stranger:?}");
    }
}

#[tokio::test]
async fn nobody_puts_a_document_under_the_digest_of_another() {
    let (door, kept) = keeping_door();
    let digest = documents::digest("{ number(n: 5) }");
    let poison = door.send(post_as(Some("ada"), named(Some("mutation { touch }"), &digest))).await;
    assert_eq!(poison.code(), "BAD_REQUEST");
    assert_eq!(door.probe.mutations.load(std::sync::atomic::Ordering::SeqCst), 0);
    // What the guard refuses, and what strangers send, is not kept either.
    let deep = format!("{{ a(b: {} }}", "[".repeat(100));
    assert_eq!(
        door.send(post_as(Some("ada"), named(Some(&deep), &documents::digest(&deep)))).await.code(),
        "QUERY_TOO_COMPLEX"
    );
    let theirs = "{ number(n: 6) }";
    let answer = door.send(post_as(None, named(Some(theirs), &documents::digest(theirs)))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(kept.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_does_not_look_like_a_digest_is_no_key() {
    let (door, _kept) = keeping_door();
    let good = documents::digest("{ a }");
    let wrong: [Value; 6] = [
        json!({ "version": 1, "sha256Hash": good.to_uppercase() }),
        json!({ "version": 1, "sha256Hash": "../../etc/passwd" }),
        json!({ "version": 1, "sha256Hash": 5 }),
        json!({ "version": 2, "sha256Hash": good }),
        json!({ "version": 1 }),
        json!("x"),
    ];
    for named in wrong {
        let body = json!({ "extensions": { "persistedQuery": named } }).to_string();
        assert_eq!(door.send(post_as(Some("ada"), body.clone())).await.code(), "BAD_REQUEST", "{body}");
    }
}

#[tokio::test]
async fn with_a_manifest_only_its_documents_are_executed_unless_a_key_asks() {
    let known = "{ number(n: 5) }";
    let digest = documents::digest(known);
    let manifest = Manifest::parse(&json!({ &digest: known }).to_string()).unwrap();
    let door = peopled_door(HttpConfig { operations: OperationPolicy::Known(manifest), ..config() });
    for name in [Some("ada"), None, Some("key-ada")] {
        assert_eq!(ask(&door, name, known).await.status, StatusCode::OK);
        assert_eq!(door.send(post_as(name, named(None, &digest))).await.status, StatusCode::OK);
    }
    for name in [Some("ada"), None] {
        assert_eq!(ask(&door, name, "{ number(n: 6) }").await.code(), "FORBIDDEN", "{name:?}");
        assert_eq!(ask(&door, name, "{ number(n: 5)  }").await.code(), "FORBIDDEN", "{name:?}");
    }
    assert_eq!(ask(&door, Some("key-ada"), "{ number(n: 6) }").await.status, StatusCode::OK);
}
