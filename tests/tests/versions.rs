//! Drafts, versions and rollbacks, workflows that are put away, and executions that move to another version: in both
//! modes, and with processes that are killed in between.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, eventually, run};

/// Waits for an event, then decides.
fn flow(slug: &str, event: &str, reason: &str) -> String {
    format!(
        "workflow_id: {slug}
name: {slug} {reason}
steps:
  - {{ id: rest, type: wait, wait: {{ event: {event} }}, next: done }}
  - {{ id: done, type: action, action: {{ type: allow, reason: {reason} }} }}
"
    )
}

async fn publish(api: &Api, slug: &str, event: &str, reason: &str) -> String {
    let results = api.import(&[("flow.yaml", &flow(slug, event, reason))]).await;
    results[0]["workflow"]["id"].as_str().unwrap().to_owned()
}

/// What a mutation answers.
async fn ask(api: &Api, field: &str, shown: &str, input: Value) -> Value {
    let name = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let query = format!(
        "mutation($i: {name}!) {{ {field}(input: $i) {{ {shown} userErrors {{ code field message help }} }} }}"
    );
    api.data(&query, json!({ "i": input })).await[field].take()
}

const WORKFLOW: &str = "workflow { id slug name revision isEnabled archivedAt publishedVersion { number }
    draft { source isPublishable problems { code } basedOn { number } diff { isBreaking changes { summary } } updatedBy { id } } }";

async fn done(api: &Api, field: &str, input: Value) -> Value {
    let mut payload = ask(api, field, WORKFLOW, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{field}");
    payload["workflow"].take()
}

async fn refused(api: &Api, field: &str, shown: &str, input: Value, code: &str) -> Value {
    let payload = ask(api, field, shown, input).await;
    assert_eq!(payload["userErrors"][0]["code"], code, "{field}: {payload}");
    payload["userErrors"][0].clone()
}

async fn is(api: &Api, id: &str, status: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status version { number } decision { reason }
        history(first: 100) { nodes { type summary } } } }";
    let shown = async || api.data(query, json!({ "id": id })).await["execution"].take();
    eventually(&format!("{id} is {status}"), || async { shown().await["status"] == status }).await;
    shown().await
}

async fn emit(api: &Api, event: &str) {
    let query = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code } } }";
    api.data(query, json!({ "i": { "type": event, "payload": {} } })).await;
}

async fn drafts(api: &Api) {
    let created = json!({ "name": "Check orders", "namespace": "sales", "idempotencyKey": "once" });
    let first = done(api, "workflowCreate", created.clone()).await;
    assert_eq!((&first["slug"], &first["draft"]["isPublishable"]), (&json!("check-orders"), &json!(false)));
    assert_eq!(done(api, "workflowCreate", created).await["id"], first["id"]);
    refused(api, "workflowCreate", WORKFLOW, json!({ "slug": "check-orders" }), "ALREADY_EXISTS").await;
    refused(api, "workflowCreate", WORKFLOW, json!({ "slug": "Not A Slug" }), "INVALID").await;
    refused(api, "workflowCreate", WORKFLOW, json!({}), "REQUIRED").await;

    let id = &first["id"];
    let save = |source: &str, revision: &Value| json!({ "id": id, "source": source, "expectedRevision": revision });
    let broken = done(api, "workflowDraftSave", save("steps: [", &first["revision"])).await;
    assert_eq!((&broken["draft"]["source"], &broken["draft"]["isPublishable"]), (&json!("steps: ["), &json!(false)));
    refused(api, "workflowDraftSave", WORKFLOW, save("x", &first["revision"]), "CONFLICT").await;
    let other = done(api, "workflowDraftSave", save(&flow("other", "a.b", "x"), &Value::Null)).await;
    assert_eq!(other["draft"]["isPublishable"], false, "it is a definition of another workflow");
    refused(api, "workflowPublish", WORKFLOW, json!({ "id": id }), "DEFINITION_INVALID").await;
    let saved = done(api, "workflowDraftSave", save(&flow("check-orders", "a.b", "one"), &other["revision"])).await;
    assert_eq!((&saved["draft"]["isPublishable"], &saved["draft"]["diff"]), (&json!(true), &Value::Null));
    let published = done(api, "workflowPublish", json!({ "id": id, "changelog": "the first" })).await;
    assert_eq!((&published["publishedVersion"]["number"], &published["draft"]), (&json!(1), &Value::Null));
    assert_eq!((&published["name"], &published["isEnabled"]), (&json!("check-orders one"), &json!(true)));

    let next = done(api, "workflowDraftSave", save(&flow("check-orders", "a.c", "two"), &Value::Null)).await;
    assert_eq!((&next["draft"]["basedOn"]["number"], &next["draft"]["diff"]["isBreaking"]), (&json!(1), &json!(true)));
    assert!(next["draft"]["diff"]["changes"].to_string().contains("/wait/event"), "{next}");
    done(api, "workflowDraftDiscard", json!({ "id": id, "expectedRevision": next["revision"] })).await;
    refused(api, "workflowDraftDiscard", WORKFLOW, json!({ "id": id }), "WRONG_STATE").await;
    let updated =
        done(api, "workflowUpdate", json!({ "id": id, "name": "Orders", "tags": ["a"], "namespace": "" })).await;
    assert_eq!(updated["name"], "Orders");
    let stale = json!({ "id": id, "name": "Late", "expectedRevision": next["revision"] });
    refused(api, "workflowUpdate", WORKFLOW, stale, "CONFLICT").await;

    let texts: Vec<String> = (0..20).map(|number| flow("check-orders", "a.b", &format!("race{number}"))).collect();
    let saves = texts.iter().map(|text| ask(api, "workflowDraftSave", WORKFLOW, save(text, &updated["revision"])));
    let saves = futures::future::join_all(saves).await;
    assert_eq!(saves.iter().filter(|payload| payload["userErrors"] == json!([])).count(), 1, "one of twenty");
}

async fn going_back(api: &Api) {
    let id = publish(api, "back", "a.b", "one").await;
    publish(api, "back", "a.b", "two").await;
    let publication = "workflow { publishedVersion { number } } version { number }";
    let back = json!({ "id": id, "toVersion": 1, "reason": "two was wrong" });
    let payload = ask(api, "workflowRollback", publication, back.clone()).await;
    assert_eq!((&payload["version"]["number"], &payload["userErrors"]), (&json!(1), &json!([])), "{payload}");
    refused(api, "workflowRollback", publication, back, "WRONG_STATE").await;
    let nowhere = json!({ "id": id, "toVersion": 7, "reason": "x" });
    refused(api, "workflowRollback", publication, nowhere, "NOT_FOUND").await;
    let execution = api.start("back", json!({}), "back").await.unwrap();
    is(api, &execution, "WAITING").await;
    emit(api, "a.b").await;
    assert_eq!(is(api, &execution, "COMPLETED").await["decision"]["reason"], "one");
    let query = "query { workflow(ref: { slug: \"back\" }) { versions { totalCount nodes { number } }
        version(number: 2) { diff(against: 1) { isBreaking unified changes { kind pointer } patch { op path } } } } }";
    let found = api.data(query, json!({})).await["workflow"].take();
    assert_eq!(found["versions"]["totalCount"], 2, "{found}");
    assert!(found["version"]["diff"]["unified"].as_str().unwrap().contains("+name: back two"), "{found}");
    publish(api, "back", "a.b", "three").await;
    let query = "query { workflow(ref: { slug: \"back\" }) { publishedVersion { number } } }";
    assert_eq!(api.data(query, json!({})).await["workflow"]["publishedVersion"]["number"], 3);
}

async fn put_away(api: &Api) {
    let id = publish(api, "away", "a.b", "one").await;
    let live = api.start("away", json!({}), "live").await.unwrap();
    is(api, &live, "WAITING").await;
    let archived = done(api, "workflowArchive", json!({ "id": id, "reason": "not needed" })).await;
    assert!(archived["archivedAt"].is_string() && archived["isEnabled"] == false, "{archived}");
    done(api, "workflowArchive", json!({ "id": id })).await;
    refused(api, "workflowEnable", WORKFLOW, json!({ "id": id }), "WRONG_STATE").await;
    refused(api, "workflowDraftSave", WORKFLOW, json!({ "id": id, "source": "x" }), "WRONG_STATE").await;
    assert!(api.start("away", json!({}), "never").await.unwrap_err().contains("WORKFLOW_DISABLED"));
    let listed = async |filter: Value| {
        let query = "query($f: WorkflowFilter) { workflows(first: 100, filter: $f) { nodes { slug } } }";
        api.data(query, json!({ "f": filter })).await["workflows"].to_string().contains("\"away\"")
    };
    assert_eq!((listed(json!({})).await, listed(json!({ "isArchived": true })).await), (false, true));
    let delete =
        async |slug: &str| ask(api, "workflowDelete", "deletedId", json!({ "id": id, "confirmSlug": slug })).await;
    assert_eq!(delete("other").await["userErrors"][0]["code"], "INVALID");
    assert_eq!(delete("away").await["userErrors"][0]["code"], "IN_USE");
    emit(api, "a.b").await;
    is(api, &live, "COMPLETED").await;
    done(api, "workflowRestore", json!({ "id": id })).await;
    assert_eq!(delete("away").await["userErrors"][0]["code"], "WRONG_STATE");
    done(api, "workflowEnable", json!({ "id": id })).await;
    done(api, "workflowArchive", json!({ "id": id })).await;
    assert_eq!(delete("away").await, json!({ "deletedId": id, "userErrors": [] }));
    assert_eq!(delete("away").await["userErrors"][0]["code"], "NOT_FOUND");
    assert_ne!(publish(api, "away", "a.b", "two").await, id, "its slug is free");
}

const PLAN: &str = "query($i: MigrationPlanInput!) { migrationPlan(input: $i) { safe there total next movable { id }
    unsafe { execution { id } reason stepPaths } } }";

async fn plan(api: &Api, slug: &str, to: i32) -> Value {
    let input = json!({ "workflow": { "slug": slug }, "toVersion": to });
    api.data(PLAN, json!({ "i": input })).await["migrationPlan"].take()
}

async fn migrate(api: &Api, id: &str, to: i32) -> Value {
    ask(
        api,
        "executionMigrate",
        "execution { status version { number } }",
        json!({ "id": id, "toVersion": to, "reason": "corrected" }),
    )
    .await
}

async fn moving(api: &Api) {
    publish(api, "moves", "a.b", "old").await;
    publish(api, "moves", "a.b", "new").await;
    publish(api, "moves", "x.y", "other").await;
    let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } } }";
    let start = async |key: &str| {
        let input = json!({ "workflow": { "slug": "moves" }, "version": 1, "idempotencyKey": key });
        let started = api.data(query, json!({ "i": input })).await;
        started["executionStart"]["execution"]["id"].as_str().unwrap().to_owned()
    };
    let (moves, stays) = (start("moves").await, start("stays").await);
    is(api, &moves, "WAITING").await;
    is(api, &stays, "WAITING").await;
    let looked = plan(api, "moves", 2).await;
    assert_eq!((&looked["safe"], &looked["total"], &looked["next"]), (&json!(2), &json!(2), &Value::Null), "{looked}");
    let looked = plan(api, "moves", 3).await;
    assert_eq!((&looked["safe"], &looked["unsafe"][0]["stepPaths"]), (&json!(0), &json!(["rest"])), "{looked}");
    let why = looked["unsafe"][0]["reason"].as_str().unwrap();
    assert_eq!(why, "step `rest` waits for `a.b`, and in version 3 for `x.y`");
    let held = migrate(api, &moves, 3).await;
    assert!(held["userErrors"][0]["message"].as_str().unwrap().contains(why), "{held}");
    assert_eq!(migrate(api, &moves, 9).await["userErrors"][0]["code"], "NOT_FOUND");
    let paused = json!({ "id": moves, "reason": "look" });
    ask(api, "executionPause", "execution { status }", paused).await;
    is(api, &moves, "PAUSED").await;
    let moved = migrate(api, &moves, 2).await;
    assert_eq!(moved["execution"], json!({ "status": "PAUSED", "version": { "number": 2 } }), "{moved}");
    assert_eq!(migrate(api, &moves, 2).await["userErrors"], json!([]), "it is there");
    ask(api, "executionResume", "execution { status }", json!({ "id": moves })).await;
    emit(api, "a.b").await;
    let ended = is(api, &moves, "COMPLETED").await;
    assert_eq!(ended["decision"]["reason"], "new", "{ended}");
    let events = ended["history"]["nodes"].as_array().unwrap();
    let told: Vec<_> = events.iter().filter(|event| event["type"] == "MIGRATED").collect();
    assert_eq!(told.len(), 1, "{ended}");
    assert!(told[0]["summary"].as_str().unwrap().starts_with("moved from version 1 to 2"), "{ended}");
    assert_eq!(is(api, &stays, "COMPLETED").await["decision"]["reason"], "old");
    assert_eq!(migrate(api, &moves, 1).await["userErrors"][0]["code"], "WRONG_STATE");
}

/// Moves and events at the same moment: whichever is first, each execution ends once, by one of the versions.
async fn moving_while_it_goes_on(api: &Api) {
    publish(api, "races", "r.on", "old").await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let id = api.start("races", json!({}), &format!("race-{number}")).await.unwrap();
        is(api, &id, "WAITING").await;
        ids.push(id);
    }
    publish(api, "races", "r.on", "new").await;
    let moves = futures::future::join_all(ids.iter().map(|id| migrate(api, id, 2)));
    let cancel = json!({ "id": ids[0], "reason": "at the same moment" });
    let cancelled = ask(api, "executionCancel", "execution { status }", cancel);
    let (moved, (), _cancelled) = tokio::join!(moves, emit(api, "r.on"), cancelled);
    for (id, payload) in ids.iter().zip(moved) {
        let is_moved = payload["userErrors"] == json!([]);
        assert!(is_moved || payload["userErrors"][0]["code"] == "WRONG_STATE", "{payload}");
        eventually(&format!("{id} has ended"), || async {
            let query = "query($id: ID!) { execution(id: $id) { status } }";
            let status = api.data(query, json!({ "id": id })).await["execution"]["status"].take();
            status == "COMPLETED" || status == "CANCELLED"
        })
        .await;
        let query = "query($id: ID!) { execution(id: $id) { status version { number } decision { reason } } }";
        let ended = api.data(query, json!({ "id": id })).await["execution"].take();
        if ended["status"] == "COMPLETED" {
            let expected = if is_moved { (json!(2), json!("new")) } else { (json!(1), json!("old")) };
            assert_eq!((ended["version"]["number"].clone(), ended["decision"]["reason"].clone()), expected);
        }
    }
}

async fn commands(api: &Api) {
    let at = async |arguments: &[&str]| run(&[arguments, &["--url", &api.url]].concat(), &[]).await;
    publish(api, "told", "a.b", "one").await;
    let id = api.start("told", json!({}), "told").await.unwrap();
    is(api, &id, "WAITING").await;
    publish(api, "told", "a.b", "two").await;
    let versions = at(&["versions", "told", "-o", "json"]).await.json();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    assert_eq!(versions["versions"][0]["isPublished"], true, "{versions}");
    let shown = at(&["diff", "told", "--from", "1", "--to", "2", "-o", "table"]).await;
    assert!(shown.out.contains("+name: told two") && shown.out.contains("step `done`"), "{shown:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("next.yaml");
    std::fs::write(&file, flow("told", "a.c", "three")).unwrap();
    let shown = at(&["diff", "told", "--file", file.to_str().unwrap()]).await.json();
    assert_eq!(shown["isBreaking"], true, "{shown}");
    let nothing = at(&["diff", "told"]).await;
    assert_eq!((nothing.code, nothing.err.contains("has no draft")), (Some(1), true), "{nothing:?}");
    let looked = at(&["move", "told", "-o", "json"]).await.json();
    assert_eq!((&looked["moved"], &looked["executions"][0]["canMove"]), (&json!(0), &json!(true)), "{looked}");
    let moved = at(&["move", "told", "--to", "2", "--yes", "--reason", "corrected", "-o", "json"]).await.json();
    assert_eq!(moved["moved"], 1, "{moved}");
    let there = at(&["move", "told", "--to", "2", "--execution", &id, "--execution", &id, "-o", "json"]).await;
    let told = there.json();
    assert_eq!((there.code, &told["there"], &told["missing"]), (Some(0), &json!(1), &json!(0)), "{there:?}");
    let nobody = "exe_00000000000000000000000000";
    let lost = at(&["move", "told", "--to", "2", "--execution", &id, "--execution", nobody, "-o", "table"]).await;
    assert_eq!((lost.code, lost.out.contains("1 are there")), (Some(1), true), "{lost:?}");
    assert!(lost.err.contains("1 of the executions that were named were not found"), "{lost:?}");
    let back = at(&["rollback", "told", "1", "--reason", "wrong", "-o", "json"]).await.json();
    assert_eq!(back["version"]["number"], 1, "{back}");
    for format in [None, Some("json"), Some("yaml")] {
        let out = folder.path().join(format.unwrap_or("same"));
        let mut arguments = vec!["export", out.to_str().unwrap()];
        arguments.extend(format.into_iter().flat_map(|format| ["--format", format]));
        assert_eq!(at(&arguments).await.code, Some(0));
        let text =
            std::fs::read_to_string(out.join(if format == Some("json") { "told.json" } else { "told.yaml" })).unwrap();
        assert!(text.contains("told one"), "{text}");
    }
    let checked = run(&["validate", folder.path().join("json/told.json").to_str().unwrap()], &[]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let server = Embedded::start().await;
                $what(&server.api).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                if let Some(services) = Services::start(stringify!($name), SharedRedis::No).await {
                    let fleet = Fleet::start(services, 2, "10s").await;
                    $what(&fleet.api).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    a_draft_is_saved_compared_published_and_thrown_away: drafts,
    an_older_version_is_published_again: going_back,
    a_workflow_is_archived_restored_and_deleted: put_away,
    an_execution_that_rests_moves_to_another_version_or_says_why_not: moving,
    of_a_move_and_what_wakes_it_one_is_first: moving_while_it_goes_on,
    the_commands_do_the_same: commands,
}

#[tokio::test]
async fn what_was_moved_is_moved_although_everything_is_killed_at_that_moment() {
    let Some(services) = Services::start("moves_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 2, "2s").await;
    publish(&fleet.api, "kills", "k.on", "old").await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let id = fleet.api.start("kills", json!({}), &format!("kill-{number}")).await.unwrap();
        is(&fleet.api, &id, "WAITING").await;
        ids.push(id);
    }
    publish(&fleet.api, "kills", "k.on", "new").await;
    let (api, wanted) = (fleet.api.clone(), ids.clone());
    let moves = tokio::spawn(async move {
        let mut answered = Vec::new();
        let query = "mutation($i: ExecutionMigrateInput!) { executionMigrate(input: $i) { userErrors { code } } }";
        for id in wanted {
            let input = json!({ "i": { "id": id, "toVersion": 2, "reason": "corrected" } });
            match api.answer(query, input).await {
                Ok(answer) if answer["data"]["executionMigrate"]["userErrors"] == json!([]) => answered.push(id),
                _killed => {}
            }
        }
        answered
    });
    fleet.workers[0].kill().await;
    fleet.api_process.kill().await;
    fleet.restart_api().await;
    let answered = moves.await.unwrap();
    for id in &ids {
        assert_eq!(migrate(&fleet.api, id, 2).await["userErrors"], json!([]));
    }
    fleet.workers[1].kill().await;
    fleet.workers.clear();
    fleet.add_worker();
    emit(&fleet.api, "k.on").await;
    for id in &ids {
        let ended = is(&fleet.api, id, "COMPLETED").await;
        assert_eq!(ended["decision"]["reason"], "new", "{ended}");
        let events = ended["history"]["nodes"].as_array().unwrap();
        let told = events.iter().filter(|event| event["type"] == "MIGRATED").count();
        assert_eq!(told, 1, "moved once, answered before: {}", answered.contains(id));
    }
    let gaps = "select count(*) from (select execution_id from journal group by execution_id having count(*) <> max(seq)) broken";
    assert_eq!(fleet.services.number(gaps).await, 0);
}
