//! Every mutation leaves its entry in the audit log, whoever tried it and whatever became of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod calls;
mod world;

use async_graphql::value;
use futures::future::join_all;
use serde_json::{Value, json};
use service::viewer::Permission;

use crate::audit::calls::calls;
use crate::audit::world::{CANARY, World};

/// Action, outcome and sort of target of each entry, the oldest first.
fn told(entries: &[Value]) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    entries.iter().map(|entry| (text(&entry["action"]), text(&entry["outcome"]), text(&entry["targetType"]))).collect()
}

fn row(action: &str, outcome: &str, target: &str) -> (String, String, String) {
    (action.to_owned(), outcome.to_owned(), target.to_owned())
}

#[tokio::test]
async fn what_a_person_does_is_told_with_who_what_when_where_before_and_after() {
    let world = World::new().await;
    world.import(true).await;
    world
        .run(&world.owner(), "mutation { workflowDisable(input: { id: ID, reason: \"on fire\" }) { __typename } }")
        .await;
    let entries = world.entries().await;
    let entry = entries.last().unwrap();
    let expected = json!({
        "sequence": "2",
        "actor": { "id": "usr_00000000000000000000000000", "kind": "USER", "displayName": "Owner" },
        "action": "workflow.disabled",
        "outcome": "OK",
        "code": null,
        "targetType": "workflow",
        "targetId": world.workflow().await,
        "targetName": "orders",
        "changes": { "after": { "isEnabled": false } },
        "reason": "on fire",
        "remoteAddress": "192.0.2.7",
        "userAgent": "test/1",
        "requestId": "req-1",
    });
    let mut seen = entry.clone();
    for varies in ["id", "at", "hash"] {
        assert!(seen.as_object_mut().unwrap().remove(varies).unwrap().is_string());
    }
    assert_eq!(seen["sequence"].to_string().trim_matches('"'), "2");
    seen["sequence"] = json!("2");
    assert_eq!(seen, expected);
    assert!(world.is_intact(2).await);
}

#[tokio::test]
async fn every_mutation_that_is_done_or_refused_leaves_its_entries() {
    let world = World::new().await;
    let owner = world.owner();
    world.import(false).await;
    world.run(&owner, "mutation { workflowPublish(input: { id: ID, changelog: CANARY }) { __typename } }").await;
    let starts = [world.start("a").await, world.start("b").await];
    assert_eq!(
        told(&world.entries().await),
        [
            row("workflow.drafted", "OK", "workflow"),
            row("workflow.published", "OK", "workflow"),
            row("execution.started", "OK", "execution"),
            row("execution.started", "OK", "execution"),
        ]
    );
    for (document, expected) in [
        (
            "mutation { workflowPublish(input: { id: ID }) { __typename } }",
            row("workflowPublish", "REFUSED", "workflow"),
        ),
        ("mutation { workflowDisable(input: { id: ID }) { __typename } }", row("workflow.disabled", "OK", "workflow")),
        ("mutation { workflowEnable(input: { id: ID }) { __typename } }", row("workflow.enabled", "OK", "workflow")),
        (
            "mutation { workflowUpdate(input: { id: ID, retention: { completed: \"1d\", failed: \"2d\", cancelled: \"3d\" } }) { __typename } }",
            row("workflow.retention_set", "OK", "workflow"),
        ),
        (
            "mutation { executionStartBatch(input: { items: [{ workflow: { slug: \"orders\" }, input: { a: CANARY } }, { workflow: { slug: \"none\" } }] }) { started } }",
            row("execution.batch_started", "OK", "organization"),
        ),
        (
            "mutation { executionStart(input: { workflow: { slug: CANARY } }) { __typename } }",
            row("executionStart", "REFUSED", "organization"),
        ),
        (
            "mutation { eventEmit(input: { type: \"order.paid\", payload: { card: CANARY } }) { __typename } }",
            row("event.emitted", "OK", "event"),
        ),
        (
            "mutation { eventEmit(input: { type: \"not a name\", payload: {} }) { __typename } }",
            row("eventEmit", "REFUSED", "organization"),
        ),
        (
            "mutation { executionResume(input: { id: EXE, data: { a: CANARY } }) { __typename } }",
            row("executionResume", "REFUSED", "execution"),
        ),
        ("mutation { workerDrain(input: { id: WRK }) { __typename } }", row("workerDrain", "REFUSED", "worker")),
        ("mutation { systemRepair(input: {}) { __typename } }", row("system.repaired", "OK", "installation")),
        (
            "mutation { workflowEnable(input: { id: CANARY }) { __typename } }",
            row("workflowEnable", "REFUSED", "organization"),
        ),
    ] {
        let before = world.entries().await.len();
        world.run(&owner, &document.replace("EXE", &format!("\"{}\"", starts[0]))).await;
        let entries = world.entries().await;
        assert_eq!(told(&entries[before..]), [expected], "{document}");
    }
    // They wait for a worker that does not exist: at once, so that they wait once.
    let before = world.entries().await.len();
    let pause =
        format!("mutation {{ executionPause(input: {{ id: \"{}\", reason: \"look\" }}) {{ __typename }} }}", starts[0]);
    let cancel =
        format!("mutation {{ executionCancel(input: {{ id: \"{}\", reason: \"no\" }}) {{ __typename }} }}", starts[1]);
    join_all([world.run(&owner, &pause), world.run(&owner, &cancel)]).await;
    let mut both = told(&world.entries().await[before..]);
    both.sort();
    assert_eq!(
        both,
        [row("execution.cancel_asked", "OK", "execution"), row("execution.pause_asked", "OK", "execution")]
    );
    let all = world.entries().await;
    assert!(world.is_intact(all.len()).await);
    assert!(!Value::Array(all).to_string().contains(CANARY), "what callers send is not in the log");
}

#[tokio::test]
async fn fields_of_one_request_have_entries_of_their_own_in_their_order() {
    let world = World::new().await;
    world.import(true).await;
    let before = world.entries().await.len();
    let document = "mutation { off: workflowDisable(input: { id: ID, reason: \"one\" }) { __typename }
        bad: workflowEnable(input: { id: WF2 }) { __typename } on: workflowEnable(input: { id: ID }) { __typename } }";
    world.run(&world.owner(), document).await;
    assert_eq!(
        told(&world.entries().await[before..]),
        [
            row("workflow.disabled", "OK", "workflow"),
            row("workflowEnable", "REFUSED", "workflow"),
            row("workflow.enabled", "OK", "workflow")
        ]
    );
}

#[tokio::test]
async fn every_mutation_of_the_schema_leaves_an_entry_when_it_is_denied() {
    let world = World::new().await;
    world.import(true).await;
    let calls = calls(&world).await;
    assert!(calls.len() >= 15, "{calls:?}");
    for (caller, viewer) in [("anonymous", None), ("without permissions", Some(world.viewer(&[])))] {
        for (field, document, variables) in &calls {
            let before = world.entries().await.len();
            let answer = world.run_with(viewer.as_ref(), document, variables.clone()).await;
            let entries = world.entries().await;
            let new = &entries[before..];
            assert!(!new.is_empty(), "{field} by somebody {caller} left nothing: {answer}");
            for entry in new {
                assert_ne!(entry["outcome"], "OK", "{field} by somebody {caller}: {answer}");
                assert_ne!(entry["outcome"], "FAILED", "{field} by somebody {caller}: {answer}");
            }
        }
    }
    for action in ["workflowPublish", "executionStart", "eventEmit", "workflowImport"] {
        let entries = world.entries().await;
        let denied: Vec<&Value> = entries.iter().filter(|entry| entry["action"] == action).collect();
        let codes: Vec<&Value> = denied.iter().map(|entry| &entry["code"]).collect();
        assert_eq!(codes, ["UNAUTHENTICATED", "FORBIDDEN"], "{action}");
        assert_eq!(denied[0]["actor"]["id"], "anonymous");
    }
    assert!(world.is_intact(world.entries().await.len()).await);
}

#[tokio::test]
async fn what_is_cut_off_is_recorded_all_the_same() {
    let world = World::new().await;
    world.import(true).await;
    let id = world.start("a").await;
    let before = world.entries().await.len();
    let pause = format!("mutation {{ executionPause(input: {{ id: \"{id}\", reason: \"look\" }}) {{ __typename }} }}");
    // It waits for a worker; the client does not.
    let owner = world.owner();
    let cut = tokio::time::timeout(std::time::Duration::from_secs(1), world.run(&owner, &pause)).await;
    assert!(cut.is_err());
    let recorded = async {
        while world.entries().await.len() == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), recorded).await.unwrap();
    let entries = world.entries().await;
    assert_eq!(told(&entries[before..]), [row("execution.pause_asked", "FAILED", "execution")]);
}

#[tokio::test]
async fn the_log_is_for_those_who_may_see_it() {
    let world = World::new().await;
    world.import(true).await;
    let query = "{ auditEntries { totalCount } auditVerify(window: { last: \"1h\" }) { isIntact } }";
    let answer = world.run_with(Some(&world.viewer(&[Permission::WorkflowRead])), query, value!({})).await;
    assert_eq!(answer["data"], json!({ "auditEntries": null, "auditVerify": null }));
    assert!(
        answer["errors"].as_array().unwrap().iter().all(|error| error["extensions"]["code"] == "FORBIDDEN"),
        "{answer}"
    );
    let answer = world.run_with(Some(&world.viewer(&[Permission::AuditRead])), query, value!({})).await;
    assert_eq!(answer["data"], json!({ "auditEntries": { "totalCount": 1 }, "auditVerify": { "isIntact": true } }));
    let filtered = "{ auditEntries(filter: { actions: [\"workflow.*\"], actorKinds: [USER], outcomes: [OK], at: { within: \"1h\" } }) { nodes { action } } }";
    let answer = world.run(&world.owner(), filtered).await;
    assert_eq!(answer["data"]["auditEntries"]["nodes"], json!([{ "action": "workflow.published" }]));
    // Of another organization there is nothing.
    let other = world.stranger().await;
    let answer = world.run_with(Some(&other), query, value!({})).await;
    assert_eq!(answer["data"]["auditEntries"]["totalCount"], 0);
}
