//! Documents and requests that were seen to abort, stall or trick a plain async-graphql server.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use crate::front_door::support::{Door, door, post};

/// Generous, because tests run unoptimised on busy machines; each attack took seconds or the process.
const QUICKLY: Duration = Duration::from_secs(2);

/// Sends a document with both JSON types, and proves that the door still answers.
async fn refused(name: &str, document: &str) -> String {
    let door = door();
    let begin = Instant::now();
    let answer = door.query(document).await;
    assert!(begin.elapsed() < QUICKLY, "{name} took {:?}", begin.elapsed());
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text());
    assert!(answer.json().get("data").is_none(), "{name}");
    still_answers(&door).await;
    answer.code()
}

async fn still_answers(door: &Door) {
    let answer = door.query("{ number(n: 7) }").await;
    assert_eq!(answer.json(), json!({ "data": { "number": 7 } }));
}

fn fragment_bomb(levels: usize, spreads: usize) -> String {
    let mut document = String::from("{ node { ...F0 } }");
    for level in 0..levels {
        let spread = format!("...F{} ", level + 1).repeat(spreads);
        write!(document, " fragment F{level} on Query {{ {spread} }}").unwrap();
    }
    write!(document, " fragment F{levels} on Query {{ number(n: 1) }}").unwrap();
    document
}

#[tokio::test]
async fn deep_brackets_of_every_sort_are_refused_before_the_parser_recurses() {
    for depth in [33, 2_000, 60_000] {
        let lists = format!("{{echo(text:{}{})}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refused("lists", &lists).await, "QUERY_TOO_COMPLEX");
        let unclosed = format!("{{echo(text:{}", "[".repeat(depth));
        assert_eq!(refused("unclosed lists", &unclosed).await, "QUERY_TOO_COMPLEX");
    }
    for depth in [33, 2_000, 20_000] {
        let objects = format!("{{echo(text:{}1{})}}", "{a:".repeat(depth), "}".repeat(depth));
        assert_eq!(refused("objects", &objects).await, "QUERY_TOO_COMPLEX");
        let types = format!("query($v:{}Int{}){{number(n:1)}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refused("types", &types).await, "QUERY_TOO_COMPLEX");
    }
    let fields = format!("{}number(n:1){}", "{node".repeat(2_000), "}".repeat(2_000));
    assert_eq!(refused("fields", &fields).await, "QUERY_TOO_COMPLEX");
    let inline = format!("{{{}number(n:1){}}}", "...{".repeat(2_000), "}".repeat(2_000));
    assert_eq!(refused("inline fragments", &inline).await, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn brackets_hidden_behind_strings_and_comments_are_still_counted() {
    let deep = "[".repeat(2_000);
    for beginning in [
        "{echo(text:\"\\\\\") a:echo(text:",
        "{echo(text:\"\"\"\\\"\"\"\"\"\") a:echo(text:",
        "{echo(text:\"\"\"\\ \"\"\") a:echo(text:",
        "{echo(text:\"\") a:echo(text:",
        "{# a comment with \"\n echo(text:",
        "{# a comment with \"\"\"\r echo(text:",
    ] {
        assert_eq!(refused(beginning, &format!("{beginning}{deep}")).await, "QUERY_TOO_COMPLEX");
    }
}

#[tokio::test]
async fn fragment_bombs_are_refused_by_their_expanded_size() {
    for (levels, spreads) in [(13, 2), (24, 2), (31, 2), (4, 40), (2, 99)] {
        let code = refused("bomb", &fragment_bomb(levels, spreads)).await;
        assert_eq!(code, "QUERY_TOO_COMPLEX", "{levels} levels of {spreads} spreads");
    }
    let code = refused("too many spreads", &fragment_bomb(4, 51)).await;
    assert_eq!(code, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn fragment_cycles_are_refused() {
    for document in [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { node { ...B } } fragment B on Query { ...C } fragment C on Query { ...A }",
        "{ number(n: 1) } fragment A on Query { ...B } fragment B on Query { ...A }",
    ] {
        assert_eq!(refused(document, document).await, "BAD_DOCUMENT");
    }
    // The parser would take both for a spread of a fragment that is called `on`.
    for document in
        ["{ ...on } fragment on on Query { ...on }", "{ ...on @include(if: true) } fragment on on Query { a }"]
    {
        assert_eq!(refused(document, document).await, "BAD_DOCUMENT");
    }
}

#[tokio::test]
async fn floods_of_aliases_fields_directives_and_fragments_are_refused() {
    let aliases: String = (0..10_000).fold(String::new(), |mut text, n| {
        write!(text, "a{n}:number(n:1) ").unwrap();
        text
    });
    assert_eq!(refused("aliases", &format!("{{{aliases}}}")).await, "QUERY_TOO_COMPLEX");
    let few: String = (0..31).fold(String::new(), |mut text, n| {
        write!(text, "a{n}:number(n:1) ").unwrap();
        text
    });
    assert_eq!(refused("31 aliases", &format!("{{node{{{few}}}}}")).await, "QUERY_TOO_COMPLEX");
    assert_eq!(refused("root fields", &format!("{{{}}}", "leaks ".repeat(21))).await, "QUERY_TOO_COMPLEX");
    let root = "{ ...A ...A ...A } fragment A on Query { leaks leaks leaks leaks ... { leaks leaks leaks } }";
    assert_eq!(refused("root fields in fragments", root).await, "QUERY_TOO_COMPLEX");
    assert_eq!(
        refused("known directives", &format!("{{leaks{}}}", "@skip(if:true)".repeat(5_000))).await,
        "QUERY_TOO_COMPLEX"
    );
    assert_eq!(refused("unknown directives", &format!("{{leaks{}}}", "@x".repeat(30_000))).await, "QUERY_TOO_COMPLEX");
    assert_eq!(refused("six directives", "{leaks @a @b @c @d @e @f}").await, "QUERY_TOO_COMPLEX");
    let fragments: String = (0..51).fold(String::new(), |mut text, n| {
        write!(text, "fragment F{n} on Query {{ leaks }} ").unwrap();
        text
    });
    assert_eq!(refused("fragments", &format!("{{leaks}} {fragments}")).await, "QUERY_TOO_COMPLEX");
    assert_eq!(refused("tokens", &format!("{{{}}}", "... { leaks } ".repeat(9_000))).await, "QUERY_TOO_COMPLEX");
    assert_eq!(refused("bytes", &format!("{{leaks}} #{}", "x".repeat(200_000))).await, "QUERY_TOO_COMPLEX");
    assert_eq!(refused("a long name", &format!("{{{}}}", "x".repeat(10_000))).await, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn depth_and_cost_of_the_schema_are_refused_with_the_same_code() {
    let deep = format!("{}number(n:1){}", "{node".repeat(16), "}".repeat(16));
    assert_eq!(refused("depth", &deep).await, "QUERY_TOO_COMPLEX");
    // Within every limit of the guard, and over the library's own limit of nested selection sets.
    let mut chain = String::from("{ ...F0 }");
    for level in 0..40 {
        write!(chain, " fragment F{level} on Query {{ ...F{} }}", level + 1).unwrap();
    }
    chain.push_str(" fragment F40 on Query { leaks }");
    assert_eq!(refused("chain of fragments", &chain).await, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn the_introspection_query_of_graphql_tools_is_served() {
    // As deep as theirs: the type of an argument of a field of a type, nine wrappers down.
    let wrappers = format!("{}kind name{}", "kind name ofType { ".repeat(9), " }".repeat(9));
    let document = format!(
        "query Introspect {{ __schema {{ description queryType {{ name }} types {{ ...Whole }} directives {{ name args {{ ...Argument }} }} }} }}
        fragment Whole on __Type {{ kind name description
            fields(includeDeprecated: true) {{ name args(includeDeprecated: true) {{ ...Argument }} type {{ ...Named }} isDeprecated deprecationReason }}
            inputFields {{ ...Argument }} interfaces {{ ...Named }} enumValues(includeDeprecated: true) {{ name }} possibleTypes {{ ...Named }} }}
        fragment Argument on __InputValue {{ name description type {{ ...Named }} defaultValue }}
        fragment Named on __Type {{ {wrappers} }}"
    );
    let answer = door().query(&document).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.json().get("errors").is_none(), "{}", answer.text());
    assert_eq!(answer.json()["data"]["__schema"]["queryType"]["name"], "Query");
}

#[tokio::test]
async fn batches_are_refused() {
    let batch: Vec<_> = (0..1_000).map(|_| json!({ "query": "mutation { touch }" })).collect();
    let door = door();
    for body in [serde_json::to_string(&batch).unwrap(), format!(" \n[{}]", json!({ "query": "mutation { touch }" }))] {
        let answer = door.post(body).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST".to_owned()));
    }
    assert_eq!(door.probe.mutations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_mutation_runs_from_a_form_a_foreign_type_or_a_get() {
    let door = door();
    let body = json!({ "query": "mutation { touch }" }).to_string();
    let types = [
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("multipart/mixed; boundary=x"),
        Some("application/graphql"),
        Some("application/graphql+json"),
        Some("application/jsonx"),
        Some("application/json; charset=utf-16"),
        Some("application/json; profile=x"),
        Some("application/json, text/plain"),
        Some("text/json"),
        None,
    ];
    for content_type in types {
        let mut request = Request::post("/graphql");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = door.send(request.body(Body::from(body.clone())).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type:?}");
        assert_eq!(answer.code(), "BAD_REQUEST", "{content_type:?}");
    }
    let mut twice = post(body);
    twice.headers_mut().append(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(door.send(twice).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for request in [
        Request::get("/graphql?query=mutation%7Btouch%7D"),
        Request::get("/graphql?query=mutation%7Btouch%7D").header(header::ACCEPT, "application/json"),
        Request::get("/graphql?query=mutation%7Btouch%7D").header(header::CONTENT_TYPE, "application/json"),
        Request::put("/graphql").header(header::CONTENT_TYPE, "application/json"),
        Request::delete("/graphql"),
    ] {
        let answer = door.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(door.probe.mutations.load(Ordering::SeqCst), 0);
    for charset in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
        let mut request = post(json!({ "query": "mutation { touch }" }).to_string());
        request.headers_mut().insert(header::CONTENT_TYPE, charset.parse().unwrap());
        assert_eq!(door.send(request).await.status, StatusCode::OK, "{charset}");
    }
    assert_eq!(door.probe.mutations.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn pages_of_foreign_origins_and_foreign_host_names_are_refused() {
    let door = door();
    let mutation = || post(json!({ "query": "mutation { touch }" }).to_string());
    for origin in ["https://evil.example", "null", "http://localhost:9999"] {
        let mut request = mutation();
        request.headers_mut().insert(header::HOST, "localhost:8080".parse().unwrap());
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        let answer = door.send(request).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "FORBIDDEN".to_owned()), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
    let local = crate::front_door::support::loopback_door();
    let mut rebound = mutation();
    rebound.headers_mut().insert(header::HOST, "evil.example".parse().unwrap());
    assert_eq!(local.send(rebound).await.status, StatusCode::FORBIDDEN);
    let mut own = mutation();
    own.headers_mut().insert(header::HOST, "localhost:8080".parse().unwrap());
    assert_eq!(local.send(own).await.status, StatusCode::OK);
    assert_eq!(door.probe.mutations.load(Ordering::SeqCst), 0);
    assert_eq!(local.probe.mutations.load(Ordering::SeqCst), 1);
}
