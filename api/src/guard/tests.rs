//! What passes the guard is harmless, and what is harmless passes.

use std::time::{Duration, Instant};

use async_graphql::parser::parse_query;
use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use futures::FutureExt;
use proptest::prelude::*;

use super::{OperationKind, Reason, check};
use crate::limits::GuardLimits;

const LIMITS: GuardLimits = GuardLimits::SIGNED_IN;

fn reason(document: &str) -> Option<Reason> {
    check(document, &LIMITS).err().map(|refusal| refusal.reason)
}

#[test]
fn ordinary_documents_pass() {
    for document in [
        "{ a }",
        "query Q($a: [Int!]! = [1, 2] @x, $b: In = {c: {d: \"}\"}}) @y { a(b: $b) @skip(if: true) { ... on T { c } ...F } }
         fragment F on T @z { d: e(f: \"\"\"block \" \\\"\"\" { [ ( \"\"\") }",
        "\u{feff}# comment { [ (\n{ a, b, c }",
        "mutation { a(b: -1.5e+10, c: ENUM, d: null, e: true) }",
        "subscription S { a }",
        "{ a(b: \"\\\\\", c: \"\\\"{\", d: \"\") { b } }",
        "query query { fragment mutation on query }",
        "{ ... @include(if: true) { a } ...{ b } }",
        "{ äöü }",
    ] {
        let expected = document.contains('ä').then_some(Reason::UnexpectedCharacter('ä'));
        assert_eq!(reason(document), expected, "{document}");
    }
}

#[test]
fn mistakes_are_told_at_their_place() {
    let place = |document: &str| {
        let refusal = check(document, &LIMITS).unwrap_err();
        (refusal.reason, refusal.line, refusal.column)
    };
    assert_eq!(place("{ a }\n  }"), (Reason::UnexpectedCloser('}'), 2, 3));
    assert_eq!(place("{ a(b: [1) }"), (Reason::UnexpectedCloser(')'), 1, 10));
    assert_eq!(place("{\n\n a {"), (Reason::NeverClosed, 3, 4));
    assert_eq!(place("{ a(b: \"x\ny\") }"), (Reason::UnterminatedString, 1, 8));
    assert_eq!(place("{ a(b: \"\"\"x\") }"), (Reason::UnterminatedBlockString, 1, 8));
    assert_eq!(place("type A { b: C }"), (Reason::UnknownDefinition, 1, 1));
    assert_eq!(place("query A"), (Reason::NoSelectionSet, 1, 1));
    assert_eq!(place("\"ä\" ?"), (Reason::UnknownDefinition, 1, 1));
    assert_eq!(place("{ a(b: \"ä\") ?"), (Reason::UnexpectedCharacter('?'), 1, 13));
    assert_eq!(place(""), (Reason::NoOperation, 1, 1));
    assert_eq!(place("fragment F on T { a }"), (Reason::NoOperation, 1, 22));
    assert_eq!(
        place("{ ...F } fragment F on T { ...G } fragment G on T { ...F }"),
        (Reason::FragmentCycle("F".to_owned()), 1, 56)
    );
    let twice = "{ a } fragment F on T { a } fragment F on T { a }";
    assert_eq!(place(twice), (Reason::DuplicateFragment("F".to_owned()), 1, 38));
}

#[test]
fn each_limit_is_met_exactly() {
    let nested = |depth: usize| format!("{{ a(b: {}1{}) }}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(reason(&nested(30)), None, "30 lists in arguments in a selection set are 32");
    assert_eq!(reason(&nested(31)), Some(Reason::TooDeep { limit: 32 }));
    let roots = |count: usize| format!("{{ {} ...F }} fragment F on T {{ ... {{ z }} }}", "a ".repeat(count));
    assert_eq!(reason(&roots(19)), None);
    assert_eq!(reason(&roots(20)), Some(Reason::TooManyRootFields { limit: 20 }));
    let aliases = |count: usize| {
        let fields: Vec<String> = (0..count).map(|n| format!("x{n}: b")).collect();
        format!("{{ a {{ {} }} }}", fields.join(" "))
    };
    assert_eq!(reason(&aliases(30)), None);
    assert_eq!(reason(&aliases(31)), Some(Reason::TooManyAliases { field: "b".to_owned(), limit: 30 }));
    // 49 fragments, each spread twice by the one before it: 2^n fields.
    let doubling = |levels: usize| {
        let middle: Vec<String> =
            (0..levels).map(|n| format!("fragment F{n} on T {{ ...F{} ...F{} }}", n + 1, n + 1)).collect();
        format!("{{ a {{ ...F0 }} }} {} fragment F{levels} on T {{ b }}", middle.join(" "))
    };
    assert_eq!(reason(&doubling(9)), None);
    assert_eq!(reason(&doubling(11)), Some(Reason::ExpandsTooFar { limit: 5_000 }));
    assert_eq!(reason(&doubling(49)), Some(Reason::ExpandsTooFar { limit: 5_000 }));
    // Few fields, but each with an argument that is long every time it is validated.
    let heavy = format!("{{ a {{ {} }} }} fragment F on T {{ b(c: [{}]) }}", "...F ".repeat(100), "1 ".repeat(1_000));
    assert_eq!(reason(&heavy), Some(Reason::ExpandsToTooManyTokens { limit: 50_000 }));
    let directives = |count: usize| format!("{{ a {} }}", "@d(x: $y) ".repeat(count));
    assert_eq!(reason(&directives(5)), None);
    assert_eq!(reason(&directives(6)), Some(Reason::TooManyDirectivesInOnePlace { limit: 5 }));
}

#[test]
fn the_outline_knows_the_sort_of_the_operation_that_will_run() {
    let outline = check("query A { a } mutation B { b } subscription C { c }", &LIMITS).unwrap();
    assert_eq!(outline.kind(Some("A")), Some(OperationKind::Query));
    assert_eq!(outline.kind(Some("B")), Some(OperationKind::Mutation));
    assert_eq!(outline.kind(Some("C")), Some(OperationKind::Subscription));
    assert_eq!(outline.kind(Some("D")), None);
    assert_eq!(outline.kind(None), None, "a request must choose");
    assert_eq!(check("subscription { a }", &LIMITS).unwrap().kind(None), Some(OperationKind::Subscription));
}

struct Query;

#[Object]
impl Query {
    async fn a(&self) -> Query {
        Query
    }

    async fn b(&self, x: Option<i32>) -> i32 {
        x.unwrap_or_default()
    }

    async fn c(&self, y: Option<async_graphql::Json<serde_json::Value>>) -> bool {
        y.is_some()
    }
}

/// Pieces that make documents often enough, and near misses of all sorts.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop_oneof![Just("{ "), Just("} "), Just("a "), Just("b "), Just("c "), Just("...F "), Just("...G ")],
        4 => prop_oneof![
            Just("("), Just(") "), Just("["), Just("] "), Just("x: 1 "), Just("y: {k: ["), Just("$v "), Just("z: "),
            Just("fragment F on Query { "), Just("fragment G on Query { "), Just("query Q($v: Int) { "),
        ],
        2 => prop_oneof![
            Just("\"s\" "), Just("\"\"\"b\"\"\" "), Just("\""), Just("\\"), Just("\"\"\""), Just("# c\n"), Just("\n"),
            Just("@skip(if: true) "), Just("@x "), Just("on "), Just("... "), Just("... on Query { "), Just("mutation "),
            Just("-1.5e3 "), Just("1"), Just("."), Just("\u{feff}"), Just("é"), Just("\r"), Just("!"), Just("= "),
        ],
    ];
    prop::collection::vec((piece, 1_usize..4), 0..120)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, times)| piece.repeat(times)).collect())
}

/// Documents that parse: fields nested in one another, fragments that spread later ones.
fn documents() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("b".to_owned()),
        (0..99).prop_map(|n| format!("b(x: {n})")),
        (0..28_usize).prop_map(|n| format!("c(y: {}1{})", "[".repeat(n), "]".repeat(n))),
    ];
    let selection = leaf.prop_recursive(5, 60, 5, |inner| {
        prop::collection::vec(inner, 1..5).prop_flat_map(|parts| {
            let body = parts.join(" ");
            prop_oneof![Just(format!("a {{ {body} }}")), Just(format!("... on Query {{ {body} }}"))]
        })
    });
    (prop::collection::vec((selection, prop::collection::vec(0_usize..60, 0..8)), 1..52)).prop_map(|fragments| {
        let count = fragments.len();
        let definitions = fragments.into_iter().enumerate().map(|(index, (body, spreads))| {
            let spreads: Vec<String> = spreads
                .into_iter()
                .map(|ahead| index + 1 + ahead)
                .filter(|target| *target < count)
                .map(|target| format!("...F{target}"))
                .collect();
            format!(" fragment F{index} on Query {{ {body} {} }}", spreads.join(" "))
        });
        std::iter::once("{ ...F0 }".to_owned()).chain(definitions).collect()
    })
}

/// Parses and validates on a thread with the stack of a server's worker; a stall or an overflow fails the test.
fn is_harmless(document: String) {
    const STACK: usize = 2 * 1024 * 1024;
    let work = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        let begin = Instant::now();
        drop(parse_query(&document));
        // Nothing in this schema waits, so the answer is there at the first poll.
        schema.execute(document.as_str()).now_or_never().expect("no resolver waits");
        // 50 ms in an optimised build; this one is not, and shares its cores.
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?} for {document}", begin.elapsed());
    });
    work.unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_passes_parses_and_validates_quickly(document in prop_oneof![pieces(), documents()]) {
        if check(&document, &LIMITS).is_ok() {
            is_harmless(document);
        }
    }

    #[test]
    fn a_document_within_the_limits_that_parses_passes(document in documents()) {
        prop_assert!(parse_query(&document).is_ok());
        match reason(&document) {
            None | Some(
                Reason::ExpandsTooFar { .. } | Reason::ExpandsToTooManyTokens { .. } | Reason::TooManyFragments { .. }
                | Reason::TooManyRootFields { .. } | Reason::TooManySpreads { .. } | Reason::TooDeep { .. }
            ) => {}
            Some(other) => prop_assert!(false, "{other}: {document}"),
        }
    }

    #[test]
    fn any_text_is_judged_without_a_panic(document in ".{0,400}") {
        drop(check(&document, &LIMITS));
    }
}
