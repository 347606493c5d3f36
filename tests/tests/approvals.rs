//! What people decide, through the API and the command line, in both modes: SQLite in one process, and PostgreSQL and
//! Redis with workers that are killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, eventually, run};

const FILES: [(&str, &str); 3] = [
    ("purchase.yaml", include_str!("../workflows/purchase.yaml")),
    ("lapses.yaml", include_str!("../workflows/lapses.yaml")),
    ("everybody.yaml", include_str!("../workflows/everybody.yaml")),
];

const APPROVAL: &str =
    "id stepPath title description status subject { entity entityId data { value } } roles policy { mode required }
  formSchema decisions { outcome { name } reason data channel } decidedAt viewerCanDecide viewerCannotDecideReason
  history { type actor { displayName } detail }";

async fn import(api: &Api) {
    let imported = api.import(&FILES).await;
    let outcomes: Vec<&Value> = imported.as_array().unwrap().iter().map(|file| &file["outcome"]).collect();
    assert_eq!(outcomes, ["CREATED"; 3], "{imported}");
}

async fn start(api: &Api, workflow: &str, input: Value) -> String {
    api.start(workflow, input, &uuid::Uuid::now_v7().to_string()).await.unwrap()
}

/// The approvals of an execution that are in these states.
async fn approvals(api: &Api, execution: &str, statuses: &str) -> Vec<Value> {
    let query = format!(
        "query($id: ID!) {{ approvals(first: 50, filter: {{ executionId: $id, statuses: {statuses} }}) {{ nodes {{ {APPROVAL} }} totalCount }} }}"
    );
    loop {
        let data = api.data(&query, json!({ "id": execution })).await;
        let nodes = data["approvals"]["nodes"].as_array().unwrap().clone();
        // The list and its count may see two moments.
        if data["approvals"]["totalCount"] == nodes.len() {
            return nodes;
        }
    }
}

/// The open approvals of an execution, once there are `count`.
async fn asked(api: &Api, execution: &str, count: usize) -> Vec<Value> {
    eventually("people are asked", || async { approvals(api, execution, "[PENDING]").await.len() == count }).await;
    approvals(api, execution, "[PENDING]").await
}

async fn approve(api: &Api, id: &Value, data: Value) -> Value {
    let query = "mutation($i: ApprovalApproveInput!) { approvalApprove(input: $i) { approval { id status } userErrors { code message field } } }";
    api.data(query, json!({ "i": { "id": id, "data": data } })).await["approvalApprove"].take()
}

async fn reject(api: &Api, id: &Value, reason: &str) -> Value {
    let query = "mutation($i: ApprovalRejectInput!) { approvalReject(input: $i) { approval { id status } userErrors { code message field } } }";
    api.data(query, json!({ "i": { "id": id, "reason": reason } })).await["approvalReject"].take()
}

async fn execution(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status decision { outcome reason } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn ended(api: &Api, id: &str) -> Value {
    let is_over = |status: &Value| ["COMPLETED", "FAILED", "CANCELLED"].iter().any(|end| *status == **end);
    eventually("it has ended", || async { is_over(&execution(api, id).await["status"]) }).await;
    execution(api, id).await
}

fn kinds(approval: &Value) -> Vec<&str> {
    approval["history"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Two stages: the first one with a form, both decided.
async fn stages(api: &Api) {
    let id = start(api, "purchase", json!({ "order": { "id": "o-1", "total": 900 } })).await;
    let manager = asked(api, &id, 1).await.remove(0);
    assert_eq!(
        manager["subject"],
        json!({ "entity": "order", "entityId": "o-1", "data": { "value": { "total": 900 } } })
    );
    assert_eq!((&manager["title"], &manager["description"]), (&json!("order o-1"), &json!("900 is a lot")));
    assert_eq!(
        (&manager["roles"], &manager["viewerCanDecide"]),
        (&json!(["manager"]), &json!(true)),
        "nobody signs in here"
    );
    let wrong = approve(api, &manager["id"], json!({ "budget": 0, "note": 1 })).await;
    let fields: Vec<String> =
        wrong["userErrors"].as_array().unwrap().iter().map(|error| error["field"].to_string()).collect();
    assert_eq!(fields.len(), 2, "all mistakes at once: {wrong}");
    let done = approve(api, &manager["id"], json!({ "budget": 7 })).await;
    assert_eq!((&done["approval"]["status"], &done["userErrors"]), (&json!("APPROVED"), &json!([])));
    let late = reject(api, &manager["id"], "too much").await;
    assert_eq!(late["userErrors"][0]["code"], "CONFLICT", "{late}");
    assert!(late["userErrors"][0]["message"].as_str().unwrap().contains("was approved by"), "{late}");

    let director = asked(api, &id, 1).await.remove(0);
    assert_eq!(director["stepPath"], "director");
    let since = Instant::now();
    approve(api, &director["id"], Value::Null).await;
    let end = ended(api, &id).await;
    // Machines that do other things too are slow; a decision alone takes some milliseconds.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    assert_eq!(end["decision"], json!({ "outcome": "ALLOWED", "reason": "budget 7" }));
    let all = approvals(api, &id, "[PENDING, APPROVED, REJECTED, EXPIRED, CANCELLED]").await;
    assert!(all.iter().all(|one| one["status"] == "APPROVED" && kinds(one) == ["REQUESTED", "DECIDED"]), "{all:?}");
    assert_eq!(all.iter().find(|one| one["stepPath"] == "manager").unwrap()["decisions"][0]["data"]["budget"], 7);

    let of_it = "query($id: ID!) { execution(id: $id) { approvals(first: 5) { nodes { stepPath } totalCount } } }";
    let of_it = api.data(of_it, json!({ "id": id })).await["execution"]["approvals"].take();
    assert_eq!(of_it, json!({ "nodes": [{ "stepPath": "manager" }, { "stepPath": "director" }], "totalCount": 2 }));

    let refused = start(api, "purchase", json!({ "order": { "id": "o-2", "total": 900 } })).await;
    let manager = asked(api, &refused, 1).await.remove(0);
    assert_eq!(reject(api, &manager["id"], " ").await["userErrors"][0]["code"], "REQUIRED");
    reject(api, &manager["id"], "no budget").await;
    assert_eq!(ended(api, &refused).await["decision"], json!({ "outcome": "BLOCKED", "reason": "no budget" }));
}

/// Whatever nobody decides expires, and what an execution leaves open is withdrawn with it.
async fn ends(api: &Api) {
    let id = start(api, "lapses", json!({})).await;
    let end = ended(api, &id).await;
    assert_eq!(end["decision"], json!({ "outcome": "BLOCKED", "reason": "expired" }));
    let lapsed = approvals(api, &id, "[EXPIRED]").await.remove(0);
    let seen = kinds(&lapsed);
    assert_eq!((seen.first(), seen.last()), (Some(&"REQUESTED"), Some(&"EXPIRED")), "{seen:?}");
    assert!(seen.contains(&"REMINDED") && seen.contains(&"ESCALATED"), "{seen:?}");
    assert_eq!(lapsed["roles"], json!(["director", "manager"]));
    let late = approve(api, &lapsed["id"], Value::Null).await;
    assert_eq!(late["userErrors"][0]["code"], "WRONG_STATE", "{late}");

    let id = start(api, "purchase", json!({ "order": { "id": "o-3", "total": 900 } })).await;
    let open = asked(api, &id, 1).await.remove(0);
    let control = "mutation($i: ExecutionCancelInput!) { executionCancel(input: $i) { userErrors { code } } }";
    api.data(control, json!({ "i": { "id": id, "reason": "over" } })).await;
    ended(api, &id).await;
    let withdrawn = approvals(api, &id, "[CANCELLED]").await.remove(0);
    assert_eq!((&withdrawn["id"], &withdrawn["viewerCannotDecideReason"]), (&open["id"], &json!("WRONG_STATE")));
    let late = approve(api, &open["id"], json!({ "budget": 1 })).await;
    assert_eq!(late["userErrors"][0]["code"], "WRONG_STATE", "{late}");
}

/// Branches and items ask for themselves; a pause holds nothing that people decide meanwhile.
async fn branches(api: &Api) {
    let id = start(api, "everybody", json!({ "orders": ["a", "b", "c"] })).await;
    let open = asked(api, &id, 4).await;
    let pause = "mutation($i: ExecutionPauseInput!) { executionPause(input: $i) { userErrors { code } } }";
    api.data(pause, json!({ "i": { "id": id, "reason": "look" } })).await;
    for one in &open {
        let done = approve(api, &one["id"], Value::Null).await;
        assert_eq!(done["approval"]["status"], "APPROVED", "{done}");
    }
    eventually("it is paused", || async { execution(api, &id).await["status"] == "PAUSED" }).await;
    let preview =
        "query($id: ID!) { execution(id: $id) { pause { reason pending { decidedApprovals refusedReason } } } }";
    let pause = api.data(preview, json!({ "id": id })).await["execution"]["pause"].take();
    assert_eq!(
        pause,
        json!({ "reason": "look", "pending": { "decidedApprovals": 4, "refusedReason": null } }),
        "what resuming sets free is known before"
    );
    let resume = "mutation($i: ExecutionResumeInput!) { executionResume(input: $i) { userErrors { code } } }";
    eventually("it is resumed", || async {
        api.data(resume, json!({ "i": { "id": id } })).await["executionResume"]["userErrors"] == json!([])
    })
    .await;
    assert_eq!(ended(api, &id).await["status"], "COMPLETED");
}

/// What is rejected while it is paused goes where a rejection goes, as soon as it is resumed and not before.
async fn rejected_in_a_pause(api: &Api) {
    let id = start(api, "purchase", json!({ "order": { "id": "o-9", "total": 900 } })).await;
    let manager = asked(api, &id, 1).await.remove(0);
    let pause = "mutation($i: ExecutionPauseInput!) { executionPause(input: $i) { userErrors { code } } }";
    let paused = api.data(pause, json!({ "i": { "id": id, "reason": "look" } })).await["executionPause"].take();
    assert_eq!(paused["userErrors"], json!([]), "{paused}");
    eventually("it is paused", || async { execution(api, &id).await["status"] == "PAUSED" }).await;
    let rejected = reject(api, &manager["id"], "no budget").await;
    assert_eq!((&rejected["approval"]["status"], &rejected["userErrors"]), (&json!("REJECTED"), &json!([])));
    let preview = "query($id: ID!) { execution(id: $id) { status pause { pending { decidedApprovals nextSteps } } } }";
    let pending = json!({ "pending": { "decidedApprovals": 1, "nextSteps": ["refuse"] } });
    let held = json!({ "status": "PAUSED", "pause": pending });
    eventually("it is held, and what follows is known", || async {
        api.data(preview, json!({ "id": id })).await["execution"] == held
    })
    .await;
    let resume = "mutation($i: ExecutionResumeInput!) { executionResume(input: $i) { userErrors { code } } }";
    // A worker may have it in hand for a moment, to take the decision in.
    eventually("it is resumed", || async {
        api.data(resume, json!({ "i": { "id": id } })).await["executionResume"]["userErrors"] == json!([])
    })
    .await;
    assert_eq!(ended(api, &id).await["decision"], json!({ "outcome": "BLOCKED", "reason": "no budget" }));
    assert_eq!(approvals(api, &id, "[PENDING]").await, Vec::<Value>::new(), "the director is not asked");
}

/// Of many who decide at once, one does.
async fn races(api: &Api) {
    let id = start(api, "everybody", json!({ "orders": ["a"] })).await;
    for open in asked(api, &id, 2).await {
        let deciding = (0..20).map(|number| {
            let (api, id) = (api.clone(), open["id"].clone());
            tokio::spawn(async move {
                if number % 2 == 0 { approve(&api, &id, Value::Null).await } else { reject(&api, &id, "no").await }
            })
        });
        let deciding: Vec<_> = deciding.collect();
        let mut winners = 0;
        for decided in deciding {
            let payload = decided.await.unwrap();
            match payload["userErrors"][0]["code"].as_str() {
                None => winners += 1,
                Some(code) => assert_eq!(code, "CONFLICT", "{payload}"),
            }
        }
        assert_eq!(winners, 1);
    }
    ended(api, &id).await;
}

/// The same answer to many, each by itself; comments beside.
async fn batches(api: &Api) {
    let id = start(api, "everybody", json!({ "orders": ["a", "b"] })).await;
    let open = asked(api, &id, 3).await;
    let said = "mutation($i: ApprovalCommentInput!) { approvalComment(input: $i) {
        approval { comments(first: 5) { nodes { actor { displayName } body } totalCount } history { type } } userErrors { code } } }";
    for (text, code) in [("fine by me", Value::Null), (" ", json!("REQUIRED"))] {
        let payload =
            api.data(said, json!({ "i": { "id": open[0]["id"], "body": text } })).await["approvalComment"].take();
        assert_eq!(payload["userErrors"][0]["code"], code, "{payload}");
        if code.is_null() {
            assert_eq!(
                payload["approval"]["comments"]["nodes"],
                json!([{ "actor": { "displayName": "Owner" }, "body": text }])
            );
            assert_eq!(payload["approval"]["history"], json!([{ "type": "REQUESTED" }, { "type": "COMMENTED" }]));
        }
    }
    reject(api, &open[0]["id"], "not this one").await;
    let batch = "mutation($i: ApprovalDecideBatchInput!) { approvalDecideBatch(input: $i) {
        approvals { id status } failures { itemId error { code } } userErrors { code field } } }";
    let ids: Vec<&Value> = open.iter().map(|one| &one["id"]).collect();
    let data =
        api.data(batch, json!({ "i": { "ids": ids, "outcome": "approve" } })).await["approvalDecideBatch"].take();
    assert_eq!(data["failures"], json!([{ "itemId": open[0]["id"], "error": { "code": "CONFLICT" } }]), "{data}");
    assert_eq!(data["approvals"].as_array().unwrap().len(), 2, "{data}");
    let wrong =
        api.data(batch, json!({ "i": { "ids": ids, "outcome": "perhaps" } })).await["approvalDecideBatch"].take();
    assert_eq!(wrong["userErrors"][0], json!({ "code": "INVALID", "field": ["input", "outcome"] }), "{wrong}");
    ended(api, &id).await;
}

/// A live inbox tells what comes and what goes; after a reconnection it goes on where it was.
async fn live(api: &Api) {
    let query = "subscription($after: String) { approvals(filter: { assignedToViewer: true }, after: $after) { cursor kind approval { id status } } }";
    let count = async || {
        api.data("{ viewer { pendingApprovalCount } }", json!({})).await["viewer"]["pendingApprovalCount"].clone()
    };
    assert_eq!(count().await, 0);
    let mut inbox = api.subscribe(query, json!({})).await;
    let id = start(api, "purchase", json!({ "order": { "id": "o-1", "total": 1 } })).await;
    let came = inbox.next().await.unwrap()["data"]["approvals"].take();
    assert_eq!((&came["kind"], &came["approval"]["status"]), (&json!("ENTERED"), &json!("PENDING")), "{came}");
    assert_eq!(count().await, 1);
    let manager = asked(api, &id, 1).await.remove(0);
    approve(api, &manager["id"], json!({ "budget": 1 })).await;
    let left = inbox.next().await.unwrap()["data"]["approvals"].take();
    assert_eq!(
        (&left["kind"], &left["approval"]),
        (&json!("LEFT"), &json!({ "id": manager["id"], "status": "APPROVED" }))
    );
    let next = inbox.next().await.unwrap()["data"]["approvals"].take();
    assert_eq!(next["kind"], "ENTERED", "the second stage asks: {next}");

    let mut again = api.subscribe(query, json!({ "after": came["cursor"] })).await;
    for expected in [&left, &next] {
        let item = again.next().await.unwrap()["data"]["approvals"].take();
        assert_eq!((&item["cursor"], &item["kind"]), (&expected["cursor"], &expected["kind"]), "{item}");
    }
    reject(api, &next["approval"]["id"], "no").await;
    assert_eq!(again.next().await.unwrap()["data"]["approvals"]["kind"], "LEFT");
    ended(api, &id).await;
    assert_eq!(count().await, 0);
}

async fn fleet(test: &str) -> Option<Fleet> {
    let services = Services::start(test, SharedRedis::No).await?;
    let fleet = Fleet::start(services, 2, "2s").await;
    import(&fleet.api).await;
    Some(fleet)
}

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let server = Embedded::start().await;
                import(&server.api).await;
                $what(&server.api).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                if let Some(fleet) = fleet(stringify!($name)).await {
                    $what(&fleet.api).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    an_approval_is_decided_once_and_the_flow_goes_where_it_says: stages,
    an_approval_expires_or_is_withdrawn_with_its_execution: ends,
    approvals_in_branches_and_items_are_decided_while_it_is_paused: branches,
    what_is_rejected_during_a_pause_is_followed_after_it: rejected_in_a_pause,
    of_many_approvers_who_decide_at_once_one_does: races,
    a_live_inbox_tells_what_comes_and_goes_without_gap_or_repeat: live,
    many_approvals_get_the_same_answer_and_each_has_its_comments: batches,
}

#[tokio::test]
async fn an_approval_that_was_decided_counts_although_everything_is_killed_at_that_moment() {
    let mut server = Embedded::start().await;
    import(&server.api).await;
    for round in 0..3 {
        let id = start(&server.api, "purchase", json!({ "order": { "id": format!("o-{round}"), "total": 1 } })).await;
        let manager = asked(&server.api, &id, 1).await.remove(0);
        assert_eq!(approve(&server.api, &manager["id"], json!({ "budget": 5 })).await["userErrors"], json!([]));
        server.process.kill().await;
        server.restart().await;
        let director = asked(&server.api, &id, 1).await.remove(0);
        assert_eq!(director["stepPath"], "director", "the first decision was not asked for again");
        approve(&server.api, &director["id"], Value::Null).await;
        assert_eq!(ended(&server.api, &id).await["decision"]["reason"], "budget 5");
    }
}

#[tokio::test]
async fn an_approval_that_was_decided_while_no_worker_lives_counts() {
    let name = "an_approval_that_was_decided_while_no_worker_lives_counts";
    let Some(mut fleet) = fleet(name).await else { return };
    let id = start(&fleet.api, "purchase", json!({ "order": { "id": "o-1", "total": 1 } })).await;
    let manager = asked(&fleet.api, &id, 1).await.remove(0);
    let lapsing = start(&fleet.api, "lapses", json!({})).await;
    let lapses = asked(&fleet.api, &lapsing, 1).await.remove(0);
    while let Some(mut worker) = fleet.workers.pop() {
        worker.kill().await;
    }
    // In time, although nobody is there to take it in before its time is over.
    let in_time = approve(&fleet.api, &lapses["id"], Value::Null).await["userErrors"] == json!([]);
    assert_eq!(approve(&fleet.api, &manager["id"], json!({ "budget": 5 })).await["userErrors"], json!([]));
    fleet.services.flush_redis().await;
    fleet.api_process.kill().await;
    fleet.restart_api().await;
    fleet.add_worker();
    let director = asked(&fleet.api, &id, 1).await.remove(0);
    approve(&fleet.api, &director["id"], Value::Null).await;
    assert_eq!(ended(&fleet.api, &id).await["decision"]["reason"], "budget 5");
    let end = ended(&fleet.api, &lapsing).await;
    let expected = if in_time { "ALLOWED" } else { "BLOCKED" };
    assert_eq!(end["decision"]["outcome"], expected, "what was answered is what counts: {end}");
    for (query, count) in [
        ("select count(*) from approval where status = 0", 0),
        ("select count(*) from signal", 0),
        // What was counted of them, although workers died.
        (
            "select ((select sum(count) from rollup where what = 20) - count(*))::int8 from approval",
            0,
        ),
        (
            "select ((select sum(total_ms) from rollup where what in (21, 22)) - sum(greatest(decided_at_ms - requested_at_ms, 0)))::int8
             from approval where status in (1, 2)",
            0,
        ),
        ("select count(*) from approval_decision where closes", if in_time { 3 } else { 2 }),
    ] {
        assert_eq!(fleet.services.number(query).await, count, "{query}");
    }
}

#[tokio::test]
async fn approvals_are_listed_shown_and_decided_on_the_command_line() {
    let server = Embedded::start().await;
    import(&server.api).await;
    let id = start(&server.api, "purchase", json!({ "order": { "id": "o-1", "total": 900 } })).await;
    asked(&server.api, &id, 1).await;
    let at = async |arguments: &[&str]| run(&[arguments, &["--url", &server.api.url]].concat(), &[]).await;
    let listed = at(&["approvals", "--output", "json"]).await;
    let approval = listed.json()[0]["id"].as_str().unwrap().to_owned();
    let table = at(&["approvals", "list", "--all", "--output", "table"]).await;
    assert!(
        table.out.contains("APPROVAL") && table.out.contains("order o-1") && table.out.contains("manager"),
        "{table:?}"
    );
    let shown = at(&["approvals", "show", &approval, "--output", "json"]).await.json();
    assert_eq!((&shown["status"], &shown["viewerCanDecide"]), (&json!("PENDING"), &json!(true)));
    let wrong = at(&["approvals", "approve", &approval, "--data", r#"{"budget":"x"}"#]).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("input.data.budget") && wrong.err.contains("INVALID"), "{wrong:?}");
    let done =
        at(&["approvals", "approve", &approval, "--data", r#"{"budget":3}"#, "--reason", "fine", "--output", "table"])
            .await;
    assert_eq!((done.code, done.out.trim()), (Some(0), format!("{approval} is APPROVED").as_str()), "{done:?}");
    let shown = at(&["approvals", "show", &approval, "--output", "table"]).await;
    assert!(shown.out.contains("DECIDED") && shown.out.contains("you may not decide it: CONFLICT"), "{shown:?}");
    let director = asked(&server.api, &id, 1).await.remove(0)["id"].as_str().unwrap().to_owned();
    for (command, says) in [("claim", "is yours"), ("release", "is free"), ("remind", "people are reminded")] {
        let changed = at(&["approvals", command, &director, "--output", "table"]).await;
        assert_eq!(
            (changed.code, changed.out.trim()),
            (Some(0), format!("{director}: {says}").as_str()),
            "{changed:?}"
        );
    }
    let nobody = "usr_00000000000000000000000009";
    let refused = at(&["approvals", "delegate", &director, nobody, "--reason", "away"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("NOT_FOUND"), "{refused:?}");
    let refused = at(&["approvals", "reassign", &director, "--to", nobody, "--reason", "away"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("assigneeIds.0"), "{refused:?}");
    let said = at(&["approvals", "comment", &director, "who pays?", "--output", "json"]).await.json();
    assert_eq!(said["comments"]["nodes"][0]["body"], "who pays?", "{said}");
    let rejected = at(&["approvals", "reject", &director, "--reason", "no", "--output", "json"]).await;
    assert_eq!(rejected.json()["status"], "REJECTED", "{rejected:?}");
    assert_eq!(ended(&server.api, &id).await["decision"]["outcome"], "BLOCKED");
    let unknown = at(&["approvals", "show", "apr_00000000000000000000000000"]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}
