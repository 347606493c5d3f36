//! Everybody calls every field: who may, gets an answer, who may not, is told so, and nobody learns anything of
//! another organization.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod asks;
mod cookies;
mod parts;
mod routes;
mod samples;
mod walk;
mod work;
mod world;

use std::time::Duration;

use serde_json::Value;

use crate::authorization::walk::{Ids, Position, Root, Schema};
use crate::authorization::world::{Caller, Kind, PATIENCE, Template, World};

/// How long something is awaited of which nothing is expected.
const NOTHING: Duration = Duration::from_millis(300);

/// Fields that ask for a signed-in caller, and leave to the use case when it takes a permission too: calls here are
/// about objects of others, for which it takes this one.
const DECIDED: &[(&str, &str)] = &[("membershipDelete", "MEMBER_WRITE")];

/// Fields for people: a key is told so, whatever it may do.
const FOR_PEOPLE: &[&str] = &["invitationAccept", "organizationCreate"];

/// What comes of a call.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Unauthenticated,
    /// With the message, which names the permission.
    Forbidden(String),
    /// A mistake in the payload: this is for people.
    ForPeople,
    /// Anything else.
    Allowed,
}

impl Outcome {
    /// From the errors of the field itself, not of what is below it.
    fn of(field: &str, answer: &Value) -> Self {
        if answer["data"][field]["userErrors"][0]["message"] == "only people who signed in can do this, not keys" {
            return Self::ForPeople;
        }
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        let own = errors.iter().find(|error| error["path"].as_array().is_none_or(|path| path.len() <= 1));
        let Some(error) = own else { return Self::Allowed };
        match error["extensions"]["code"].as_str() {
            Some("UNAUTHENTICATED") => Self::Unauthenticated,
            Some("FORBIDDEN") => Self::Forbidden(error["message"].as_str().unwrap_or_default().to_owned()),
            Some("BAD_DOCUMENT" | "BAD_REQUEST" | "QUERY_TOO_COMPLEX" | "INTERNAL") => {
                panic!("the call is not one: {answer}")
            }
            _code => Self::Allowed,
        }
    }

    fn expected(field: &str, needs: &str, caller: &Caller) -> Self {
        let needs = DECIDED.iter().find(|(name, _)| *name == field).map_or(needs, |(_, permission)| permission);
        let is_known = caller.token.is_some() && !caller.is_gone;
        match needs {
            // Wrong credentials are refused whatever is asked for.
            _anything if caller.is_gone => Self::Unauthenticated,
            "public" => Self::Allowed,
            _other if !is_known => Self::Unauthenticated,
            _other if caller.is_key && FOR_PEOPLE.contains(&field) => Self::ForPeople,
            "signedIn" => Self::Allowed,
            permission if caller.permissions.iter().any(|held| held.name() == permission) => Self::Allowed,
            permission => Self::Forbidden(format!("this needs the permission {permission}")),
        }
    }
}

/// Ids of what is there.
struct Real<'a>(&'a World);

impl Ids for Real<'_> {
    fn id(&self, _path: &[String], kind: Kind) -> String {
        format!("\"{}\"", self.0.object(kind).map_or_else(|| kind.missing(), str::to_owned))
    }
}

/// One id at one position, and of nothing at the others.
struct One<'a> {
    at: &'a Position,
    id: &'a str,
}

impl Ids for One<'_> {
    fn id(&self, path: &[String], kind: Kind) -> String {
        // The others are the same in each call, because mistakes name them.
        let nothing = || format!("{}_{}", kind.missing().split('_').next().unwrap(), "0".repeat(26));
        let id = if path == self.at.path { self.id.to_owned() } else { nothing() };
        format!("\"{id}\"")
    }
}

/// An answer without the ids of what the call itself made: they differ from one call to the next.
fn without_new_ids(answer: String) -> String {
    let mut parts = answer.split("\"blk_");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "\"NEW" + part.split_at(26).1)
}

async fn ask(world: &World, caller: &Caller, root: &Root, document: &str, patience: Duration) -> Option<Value> {
    match root.operation {
        "subscription" => world.first(caller, document, patience).await,
        _once => Some(world.ask(caller, document).await),
    }
}

#[tokio::test]
async fn every_field_is_open_to_whom_it_declares_and_to_nobody_else() {
    let (schema, template) = (Schema::new(), Template::new().await);
    let mut wrong = Vec::new();
    for root in schema.roots() {
        let Some(needs) = &root.needs else {
            wrong.push(format!("{} declares nothing", root.name));
            continue;
        };
        let world = template.world().await;
        for caller in &world.callers {
            let document = schema.call(&root, None, &Real(&world));
            let expected = Outcome::expected(&root.name, needs, caller);
            let patience = if expected == Outcome::Allowed { NOTHING } else { PATIENCE };
            let answer = ask(&world, caller, &root, &document, patience).await.unwrap_or_default();
            let outcome = Outcome::of(&root.name, &answer);
            if outcome != expected {
                wrong.push(format!("{document} by {}: {expected:?} expected, not {answer}", caller.name));
            }
            let is_shown = answer["data"].as_object().is_some_and(|data| data.contains_key(&root.name));
            if expected != Outcome::Allowed && root.operation != "subscription" && !caller.is_gone && !is_shown {
                wrong.push(format!("{document} by {}: the field is not there as null: {answer}", caller.name));
            }
        }
        world.services.store().close().await;
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn an_id_of_another_organization_answers_as_one_that_nothing_has() {
    let (schema, template) = (Schema::new(), Template::new().await);
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for root in schema.roots() {
        let positions = schema.positions(&root);
        if positions.is_empty() {
            continue;
        }
        let world = template.world().await;
        let stranger = world.caller("stranger");
        for position in positions {
            let Some(foreign) = world.object(position.kind) else { continue };
            tried += 1;
            let missing = position.kind.missing();
            let mut answers = Vec::new();
            for id in [missing.as_str(), foreign] {
                let document = schema.call(&root, Some(&position), &One { at: &position, id });
                // What answers the one must answer the other.
                let patience = if answers.last().is_some_and(|answer| *answer != "null") { PATIENCE } else { NOTHING };
                let answer = ask(&world, stranger, &root, &document, patience).await;
                answers.push(without_new_ids(answer.unwrap_or_default().to_string().replace(id, "ID")));
            }
            if answers[0] != answers[1] {
                wrong.push(format!(
                    "{}({}): {} instead of {}",
                    root.name,
                    position.path.join("."),
                    answers[0],
                    answers[1]
                ));
            }
        }
        world.services.store().close().await;
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 20, "only {tried} places for ids were found");
}

#[tokio::test]
async fn data_of_executions_is_shown_to_those_alone_who_may_see_it() {
    let template = Template::new().await;
    let world = template.world().await;
    let execution = world.object(Kind::Execution).unwrap();
    let document = format!(
        "{{ execution(id: \"{execution}\") {{ id status workflow {{ slug }} input {{ value }} logs {{ totalCount }} }} }}"
    );
    let agent = world.ask(world.caller("agent"), &document).await;
    assert_eq!(agent["data"]["execution"]["id"], execution);
    assert_eq!(agent["data"]["execution"]["status"], "QUEUED");
    assert!(!agent.to_string().contains("secret"), "{agent}");
    let mut refused: Vec<String> = agent["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| format!("{} {}", error["path"], error["extensions"]["code"]))
        .collect();
    refused.sort();
    assert_eq!(
        refused,
        [
            r#"["execution","input"] "FORBIDDEN""#,
            r#"["execution","logs"] "FORBIDDEN""#,
            r#"["execution","workflow"] "FORBIDDEN""#,
        ]
    );
    let viewer = world.ask(world.caller("workflow_viewer"), &document).await;
    assert!(viewer["errors"].is_null(), "{viewer}");
    assert_eq!(viewer["data"]["execution"]["workflow"]["slug"], "matrix");
    assert!(viewer.to_string().contains("secret"), "{viewer}");
    let event = world.object(Kind::Event).unwrap();
    let document = format!("{{ event(id: \"{event}\") {{ type payload {{ value }} }} }}");
    let agent = world.ask(world.caller("agent"), &document).await;
    assert_eq!(agent["data"]["event"]["type"], "order.made");
    assert!(!agent.to_string().contains("secret"), "{agent}");
}

#[tokio::test]
async fn whoever_may_only_start_passes_over_no_step_and_reads_no_data_in_messages() {
    let world = Template::new().await.world().await;
    let agent = world.caller("agent");
    let id = world.object(Kind::Execution).unwrap();
    let repeat =
        |more: &str| format!("mutation {{ executionRerun(input: {{ id: \"{id}\"{more} }}) {{ execution {{ id }} }} }}");
    let whole = world.ask(agent, &repeat("")).await;
    assert!(whole["data"]["executionRerun"]["execution"]["id"].is_string(), "{whole}");
    let from_step = world.ask(agent, &repeat(", fromStep: \"done\", context: {}")).await;
    assert_eq!(from_step["errors"][0]["message"], "this needs the permission EXECUTION_REPAIR", "{from_step}");
    let manager = world.ask(world.caller("workflow_manager"), &repeat(", fromStep: \"done\"")).await;
    assert!(manager["data"]["executionRerun"]["execution"]["id"].is_string(), "{manager}");
    let event = world.object(Kind::Event).unwrap();
    let matches = world.ask(agent, &format!("{{ event(id: \"{event}\") {{ matches {{ outcome problem }} }} }}")).await;
    assert_eq!(matches["data"]["event"]["matches"][0]["outcome"], "STARTED", "{matches}");
    assert_eq!(matches["errors"][0]["extensions"]["code"], "FORBIDDEN", "{matches}");
}

#[tokio::test]
async fn a_key_that_acts_for_a_person_is_renewed_by_them_alone() {
    let world = Template::new().await.world().await;
    let key = world.object(Kind::ApiKey).unwrap();
    let rotate = format!(
        "mutation {{ apiKeyRotate(input: {{ id: \"{key}\" }}) {{ token userErrors {{ code message help }} }} }}"
    );
    let admin = world.ask(world.caller("admin"), &rotate).await;
    assert_eq!(admin["data"]["apiKeyRotate"]["token"], Value::Null, "{admin}");
    assert_eq!(admin["data"]["apiKeyRotate"]["userErrors"][0]["code"], "INVALID", "{admin}");
    let owner = world.ask(world.caller("owner"), &rotate).await;
    assert!(owner["data"]["apiKeyRotate"]["token"].is_string(), "{owner}");
}

#[tokio::test]
async fn a_refused_field_leaves_the_others_as_they_are() {
    let world = Template::new().await.world().await;
    let document =
        "{ serverInfo { mode } workflows { totalCount } a: executions { totalCount } viewer { permissions } }";
    let nobody = world.ask(world.caller("nobody"), document).await;
    assert_eq!(nobody["data"]["serverInfo"]["mode"], "EMBEDDED");
    for field in ["workflows", "a", "viewer"] {
        assert_eq!(nobody["data"][field], Value::Null, "{nobody}");
        let error = nobody["errors"].as_array().unwrap().iter().find(|error| error["path"][0] == field).unwrap();
        assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED");
        assert_eq!(error["extensions"]["isRetryable"], false);
    }
    let agent = world.ask(world.caller("agent"), document).await;
    assert_eq!(agent["data"]["workflows"], Value::Null);
    assert_eq!(agent["data"]["a"]["totalCount"], 2);
    assert_eq!(agent["errors"].as_array().unwrap().len(), 1, "{agent}");
    assert_eq!(agent["errors"][0]["message"], "this needs the permission WORKFLOW_READ");
}
